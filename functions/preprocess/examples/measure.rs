//! How long a batch takes to be cleaned, and how much memory.
//!
//! `cargo run --release -p preprocess --example measure -- csv 2200000` makes up that many listings
//! (the same ones each time, with the source's shares of nulls and duplicates) as CSV, or with
//! `json` as the data API's answer, and takes them through read, draft, finish and Parquet in this
//! process. The bucket and the table of rows seen are left out: no row is known to another batch.

// A measuring command for developers: it may stop at the first surprise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, reason = "figures are what it is for")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::{Duration, Instant};

use bytes::Bytes;
use preprocess::{Cleaned, draft, read, to_parquet};
use tasador_lake::Format;

const USAGE: &str = "usage: measure [csv|json] [ROWS]";
const SEED: u64 = 42;

/// Rows that repeat an earlier one, of 1,000: some 170,000 of the source's 2,226,382.
const REPEATED: u64 = 76;
const COLUMNS: [&str; 12] = [
    "brokered_by",
    "status",
    "price",
    "bed",
    "bath",
    "acre_lot",
    "street",
    "city",
    "state",
    "zip_code",
    "house_size",
    "prev_sold_date",
];
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

/// The cells of the row that this number stands for; `None` is null.
fn row(number: u64) -> [Option<String>; 12] {
    let mut random = Random(number.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ SEED);
    // Of 1,000,000, as in the source.
    let mut unless = |nulls: u64, text: String| (random.below(1_000_000) >= nulls).then_some(text);
    let mut draw = Random(number ^ SEED.rotate_left(32));
    let zip_code = 601 + draw.below(ZIP_CODES) * 3;
    let city = zip_code % CITIES;
    let price = 20_000 + draw.below(1_000) * draw.below(1_000);
    let status = ["for_sale", "sold", "ready_to_build"][draw.below(3) as usize];
    let (year, month, day) = (
        1980 + draw.below(44),
        1 + draw.below(12),
        1 + draw.below(28),
    );
    [
        unless(2_000, format!("{}.0", draw.below(110_000))),
        unless(0, status.to_owned()),
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

/// Writes made-up listings.
fn generate(out: &mut impl Write, json: bool, rows: u64) -> std::io::Result<()> {
    let mut random = Random(SEED);
    if json {
        write!(
            out,
            r#"{{"group_number": 2, "day": "Tuesday", "batch_number": 0, "data": ["#
        )?;
    } else {
        writeln!(out, "{}", COLUMNS.join(","))?;
    }
    for number in 0..rows {
        let repeats = number > 0 && random.below(1_000) < REPEATED;
        let cells = row(if repeats {
            random.below(number)
        } else {
            number
        });
        if !json {
            let cells = cells.map(Option::unwrap_or_default);
            writeln!(out, "{}", cells.join(","))?;
            continue;
        }
        out.write_all(if number == 0 { b"{" } else { b",{" })?;
        for (place, (name, cell)) in COLUMNS.iter().zip(cells).enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            match cell {
                None => write!(out, r#"{comma}"{name}": null"#)?,
                Some(text) if text.parse::<f64>().is_ok() => {
                    write!(out, r#"{comma}"{name}": {text}"#)?
                }
                Some(text) => write!(out, r#"{comma}"{name}": "{text}""#)?,
            }
        }
        out.write_all(b"}")?;
    }
    if json {
        out.write_all(b"]}")?;
    }
    out.flush()
}

/// The most memory that this process has held so far.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    match line.and_then(|line| {
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .ok()
    }) {
        Some(kib) => format!("{} MiB", kib / 1024),
        None => "unknown (no VmHWM in /proc/self/status)".to_owned(),
    }
}

struct Stages(Instant);

impl Stages {
    fn done(&mut self, stage: &str) -> Duration {
        let took = self.0.elapsed();
        println!(
            "{stage:<8} {:>8.2} s   peak so far {}",
            took.as_secs_f64(),
            peak()
        );
        self.0 = Instant::now();
        took
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let format = arguments.next().unwrap_or_else(|| "csv".to_owned());
    let format = match format.as_str() {
        "csv" => Format::Csv,
        "json" => Format::ApiJson,
        _ => return Err(USAGE.into()),
    };
    let rows: u64 = arguments
        .next()
        .map_or(Ok(230_366), |rows| rows.parse().map_err(|_| USAGE))?;

    // By way of a file, so that making it up takes no memory.
    let file = tempfile::NamedTempFile::new()?;
    generate(
        &mut BufWriter::new(File::create(file.path())?),
        format == Format::ApiJson,
        rows,
    )?;
    let profile = if cfg!(debug_assertions) {
        "with debug assertions"
    } else {
        "release"
    };
    println!(
        "{rows} rows as {format}, {} MB; built {profile}",
        file.path().metadata()?.len() / 1_000_000
    );

    let mut stages = Stages(Instant::now());
    let bytes: Bytes = std::fs::read(file.path())?.into();
    stages.done("load");
    let raw = read(bytes, format)?;
    let mut took = stages.done("read");
    let draft = draft(raw)?;
    took += stages.done("draft");
    let Cleaned {
        clean,
        rejected,
        quality,
        ..
    } = draft.finish(|_| false)?;
    took += stages.done("finish");
    let (rejected, clean) = (to_parquet(rejected)?, to_parquet(clean)?);
    took += stages.done("parquet");

    println!(
        "clean {} + rejected {} + duplicates {} = raw {}; clean {} MB, rejected {} MB as Parquet",
        quality.clean,
        quality.rejected_rows(),
        quality.duplicates(),
        quality.raw,
        clean.len() / 1_000_000,
        rejected.len() / 1_000_000,
    );
    println!(
        "all      {:>8.2} s   {:.0} rows/s   peak {}",
        took.as_secs_f64(),
        rows as f64 / took.as_secs_f64(),
        peak()
    );
    Ok(())
}
