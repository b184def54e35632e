//! Generated listings with the source's columns and shares of nulls and duplicates, the same ones in
//! every run.

use std::io::{self, Write};

/// Seed of every listing.
const SEED: u64 = 42;
/// Duplicates per 1,000 rows: the source has about 170,000 in 2,226,382.
const REPEATED: u64 = 76;
const COLUMNS: &str = "brokered_by,status,price,bed,bath,acre_lot,street,city,state,zip_code,house_size,prev_sold_date";
const STATUSES: [&str; 3] = ["for_sale", "sold", "ready_to_build"];
const CITIES: u64 = 20_098;
const ZIP_CODES: u64 = 30_334;
const STATES: u64 = 55;

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// The cells of row `number`; nulls are empty.
fn row(number: u64) -> [String; 12] {
    let mut random = Random(number.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ SEED);
    // Nulls per 1,000,000, as in the source.
    let mut unless = |nulls: u64, text: String| {
        if random.below(1_000_000) < nulls {
            String::new()
        } else {
            text
        }
    };
    let mut draw = Random(number ^ SEED.rotate_left(32));
    let zip_code = 601 + draw.below(ZIP_CODES) * 3;
    let city = zip_code % CITIES;
    let price = 20_000 + draw.below(1_000) * draw.below(1_000);
    let status = STATUSES
        .get(draw.below(STATUSES.len() as u64) as usize)
        .map(ToString::to_string);
    let (year, month, day) = (
        1980 + draw.below(44),
        1 + draw.below(12),
        1 + draw.below(28),
    );
    [
        unless(2_000, format!("{}.0", draw.below(110_000))),
        status.unwrap_or_default(),
        unless(692, format!("{price}.0")),
        unless(216_188, format!("{}.0", 1 + draw.below(6))),
        unless(229_867, format!("{}.0", 1 + draw.below(5))),
        unless(146_241, format!("{}.{:02}", draw.below(3), draw.below(100))),
        unless(5_000, format!("{}.0", draw.below(2_001_358))),
        unless(600, format!("City Number {city}")),
        unless(3, format!("State {}", city % STATES)),
        unless(100, format!("{zip_code}.0")),
        unless(255_340, format!("{}.0", 400 + draw.below(5_000))),
        unless(329_816, format!("{year}-{month:02}-{day:02}")),
    ]
}

/// Writes this many listings as CSV with a header. Of 1,000 rows, `broken` cannot be read: one after
/// the other has a surplus field, a quote in a field, or a byte that is not UTF-8.
pub(crate) fn write(out: &mut impl Write, rows: u64, broken: u64) -> io::Result<()> {
    let mut random = Random(SEED);
    writeln!(out, "{COLUMNS}")?;
    for number in 0..rows {
        let repeats = number > 0 && random.below(1_000) < REPEATED;
        let listing = if repeats {
            random.below(number)
        } else {
            number
        };
        let text = row(listing).join(",");
        if number % 1_000 < broken {
            let damage: &[u8] = match number / 1_000 % 3 {
                0 => b",surplus",
                1 => b"\"",
                _ => b"\xff",
            };
            out.write_all(text.as_bytes())?;
            out.write_all(damage)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{text}")?;
        }
    }
    out.flush()
}
