//! Whether the price level of a batch is one that homes have anywhere, where no champion says what is usual.
//!
//! The limits are far apart, so that no market is outside of them; thousands, cents and monthly rents are:
//!
//! - Per area: 100 to 65,000 US dollars per square metre. Above the lower one are the cheapest towns of the
//!   United States, at some 20 dollars per square foot, and the averages of the cheapest countries that
//!   Numbeo's *Property Prices Index* lists, at some hundred dollars; below it are the rents of a month, of
//!   at most about 100 dollars in Monaco. The upper one is above Monaco, the dearest market, with about
//!   50,000 euros (IMSEE, *Observatoire de l'immobilier*).
//! - Without areas: 5,000 to 10,000,000 US dollars for the median home. The rents of a month are below, that
//!   of the median flat of Manhattan being about 4,500 dollars (Miller Samuel); the dearest zip code of the
//!   United States is below the upper limit, with about 8 million (PropertyShark).
//!
//! Other currencies are compared by the order of magnitude of their rates. Of one that is not in the table
//! nothing is said.

use tasador_flow::{Compared, Measurement, Reason, UnitFactor};
use tasador_ids::{AreaUnit, Currency, Units};
use tasador_listing::place::ZipCodes;
use tasador_listing::profile::Body;
use tasador_listing::schema::{HOUSE_SIZE, PRICE, STATE};
use tasador_listing::{BatchReport, ColumnKind, ColumnProfile, Profile};

use super::measurement;

/// How many of a currency are one US dollar: reference rates of the years 2024 and 2025, rounded to what an
/// order of magnitude needs. Currencies that lose much of their value each year are left out.
const PER_DOLLAR: [(&str, f64); 46] = [
    ("USD", 1.0),
    ("EUR", 0.9),
    ("GBP", 0.8),
    ("CHF", 0.9),
    ("CAD", 1.4),
    ("AUD", 1.5),
    ("NZD", 1.7),
    ("SGD", 1.3),
    ("HKD", 7.8),
    ("JPY", 150.0),
    ("CNY", 7.2),
    ("KRW", 1_400.0),
    ("TWD", 32.0),
    ("INR", 85.0),
    ("IDR", 16_000.0),
    ("MYR", 4.4),
    ("THB", 34.0),
    ("PHP", 58.0),
    ("VND", 25_000.0),
    ("PKR", 280.0),
    ("BDT", 120.0),
    ("MXN", 19.0),
    ("BRL", 5.7),
    ("COP", 4_200.0),
    ("CLP", 950.0),
    ("PEN", 3.7),
    ("UYU", 42.0),
    ("PYG", 7_800.0),
    ("BOB", 6.9),
    ("CRC", 510.0),
    ("DOP", 61.0),
    ("GTQ", 7.7),
    ("ZAR", 18.0),
    ("KES", 129.0),
    ("MAD", 10.0),
    ("ILS", 3.6),
    ("AED", 3.7),
    ("SAR", 3.8),
    ("SEK", 10.5),
    ("NOK", 11.0),
    ("DKK", 7.0),
    ("PLN", 4.0),
    ("CZK", 23.0),
    ("HUF", 370.0),
    ("RON", 4.6),
    ("ISK", 138.0),
];

/// What the median home costs, in US dollars.
struct Range {
    /// Nowhere less, nowhere more.
    limits: (f64, f64),
    /// What most markets have: a factor that leads there explains a level that is outside.
    usual: (f64, f64),
}

const PER_SQUARE_METRE: Range = Range {
    limits: (100.0, 65_000.0),
    usual: (300.0, 10_000.0),
};
const PER_HOME: Range = Range {
    limits: (5_000.0, 10_000_000.0),
    usual: (30_000.0, 1_200_000.0),
};
const M2_PER_FT2: f64 = 0.092_903_04;
/// Fewer prices have no median worth comparing.
const FEWEST_VALUES: u64 = 5;

/// What is wrong with a price level.
pub(super) struct Level {
    pub(super) measurement: Measurement,
    /// The reason, and whether the batch is held for it.
    pub(super) reason: Option<(Reason, bool)>,
}

/// Compares the median price with what homes cost; `None` if nothing can be compared.
pub(super) fn check(report: &BatchReport, units: Units) -> Option<Level> {
    // What the file shows is more certain than what is configured.
    let currency = report.quality.currency.unwrap_or(units.currency);
    let (_, per_dollar) = PER_DOLLAR
        .iter()
        .find(|(code, _)| *code == currency.code())?;
    let profile = &report.profile;
    let price = profile.column(PRICE)?;
    let median_price = median(price).filter(|_| price.values >= FEWEST_VALUES)?;
    let size = profile.column(HOUSE_SIZE);
    let size = size.filter(|size| size.values * 2 >= price.values);
    let size = size.and_then(median).filter(|size| *size > 0.0);
    let (measured, range, area, one) = match (size, units.area) {
        (Some(size), AreaUnit::Ft2) => (
            median_price / size,
            PER_SQUARE_METRE,
            Some(AreaUnit::Ft2),
            M2_PER_FT2,
        ),
        (Some(size), AreaUnit::M2) => (
            median_price / size,
            PER_SQUARE_METRE,
            Some(AreaUnit::M2),
            1.0,
        ),
        (None, _) => (median_price, PER_HOME, None, 1.0),
    };
    // In the currency, per unit of the area.
    let local = |dollars: f64| dollars * per_dollar * one;
    let (least, most) = (local(range.limits.0), local(range.limits.1));
    let lower = measured < least;
    let is_outside = lower || measured > most;
    let suspected = is_outside.then(|| {
        let units: &[UnitFactor] = match lower {
            true => &[UnitFactor::Thousand, UnitFactor::Million],
            false => &[UnitFactor::Hundred],
        };
        let usual = local(range.usual.0)..=local(range.usual.1);
        let corrected = |unit: &UnitFactor| match lower {
            true => measured * unit.value(),
            false => measured / unit.value(),
        };
        let mut units = units.iter().copied();
        units.find(|unit| usual.contains(&corrected(unit)))
    });
    let suspected = suspected.flatten();
    // Cents of dollars look like yen. If nothing shows that the prices are in dollars, the default, this
    // may be a setting that nobody made.
    let in_doubt = currency == Currency::USD
        && report.quality.currency.is_none()
        && !is_in_the_united_states(profile);
    let is_held = lower || (suspected.is_some() && !in_doubt);
    let limit = if lower { least } else { most };
    Some(Level {
        measurement: Measurement {
            column: Some(PRICE.to_owned()),
            ..measurement("price_level", measured, limit, is_outside && is_held)
        },
        reason: is_outside.then(|| {
            let reason = Reason::PriceImplausible {
                column: PRICE.to_owned(),
                compared: Compared::new(measured, limit),
                lower,
                currency,
                area,
                suspected,
            };
            (reason, is_held)
        }),
    })
}

fn median(column: &ColumnProfile) -> Option<f64> {
    match &column.body {
        Body::Number { quantiles, .. } if column.kind == ColumnKind::Number => {
            quantiles.get(50).copied()
        }
        _ => None,
    }
}

/// Whether most rows have a state of the United States.
fn is_in_the_united_states(profile: &Profile) -> bool {
    let Some(Body::Category { top, .. }) = profile.column(STATE).map(|column| &column.body) else {
        return false;
    };
    let known = top
        .iter()
        .filter(|(state, _)| ZipCodes::of(state).is_some());
    known.map(|(_, rows)| rows).sum::<u64>() * 2 > profile.rows
}
