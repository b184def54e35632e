//! The shipped King County sales as the batches of listings that a data API would send, one a month.
//!
//! The first months have the twelve columns of a listing. From [`DETAILS_SINCE`] on the sales bring
//! all that their source knows (grade, condition, view, year built, place …), as a data API does
//! that has learnt something new. City and broker are not in the source: they stay null rather than
//! be made up.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::{Map, Number, Value};

/// The sales, gzip'd CSV; see `data/README.md` for where they come from.
const SALES: &[u8] = include_bytes!("../../data/king-county.csv.gz");

/// First month whose sales come with details.
pub const DETAILS_SINCE: &str = "2014-08";

/// Square feet in an acre.
const SQFT_PER_ACRE: f64 = 43_560.0;

/// Columns of the source that a listing lacks, passed on under their own names.
const DETAILS: [&str; 13] = [
    "floors",
    "waterfront",
    "view",
    "condition",
    "grade",
    "sqft_above",
    "sqft_basement",
    "yr_built",
    "yr_renovated",
    "lat",
    "long",
    "sqft_living15",
    "sqft_lot15",
];

/// All sales but one.
#[derive(Debug, Clone, PartialEq)]
pub struct Sales {
    /// The months in order, from 2014-05 to 2015-05.
    pub months: Vec<Month>,
    /// The last sale of a house that was sold once only. It is in no month: what nothing has learnt
    /// from can be priced in earnest.
    pub unseen: Value,
}

/// The sales of one month.
#[derive(Debug, Clone, PartialEq)]
pub struct Month {
    /// Year and month, such as `2014-05`.
    pub name: String,
    /// The listings in the order of the source.
    pub listings: Vec<Value>,
}

/// Why the shipped sales cannot be read; only a damaged build gets here.
#[derive(Debug, thiserror::Error)]
pub enum SalesError {
    /// The compressed file is damaged.
    #[error("the shipped sales cannot be unpacked; build this program again")]
    Unpack(#[from] std::io::Error),
    /// A column that the listings need is not there, or a row is short.
    #[error("the shipped sales lack `{0}`; build this program again")]
    Lacking(&'static str),
}

/// Reads the shipped sales.
///
/// # Errors
/// [`SalesError`] where the shipped file is damaged.
pub fn read() -> Result<Sales, SalesError> {
    let mut text = String::new();
    GzDecoder::new(SALES).read_to_string(&mut text)?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines
        .next()
        .ok_or(SalesError::Lacking("header"))?
        .split(',')
        .collect();
    // The file quotes nothing, so a comma always parts two cells.
    let sales: Vec<BTreeMap<&str, &str>> = lines
        .map(|line| header.iter().copied().zip(line.split(',')).collect())
        .collect();
    let mut times_sold: BTreeMap<&str, u32> = BTreeMap::new();
    for sale in &sales {
        *times_sold.entry(cell(sale, "id")?).or_default() += 1;
    }
    let once = |sale: &&BTreeMap<&str, &str>| {
        sale.get("id")
            .is_some_and(|id| times_sold.get(id) == Some(&1))
    };
    let unseen = sales
        .iter()
        .filter(once)
        .max_by_key(|sale| sale.get("date"));
    let unseen = unseen.ok_or(SalesError::Lacking("a house sold once"))?;

    let mut months: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for sale in sales.iter().filter(|sale| !std::ptr::eq(*sale, unseen)) {
        let month = cell(sale, "date")?
            .get(..7)
            .ok_or(SalesError::Lacking("date"))?;
        let listing = listing(sale, month >= DETAILS_SINCE)?;
        months.entry(month.to_owned()).or_default().push(listing);
    }
    Ok(Sales {
        months: months
            .into_iter()
            .map(|(name, listings)| Month { name, listings })
            .collect(),
        unseen: listing(unseen, true)?,
    })
}

fn cell<'a>(sale: &BTreeMap<&str, &'a str>, column: &'static str) -> Result<&'a str, SalesError> {
    sale.get(column).copied().ok_or(SalesError::Lacking(column))
}

fn listing(sale: &BTreeMap<&str, &str>, with_details: bool) -> Result<Value, SalesError> {
    let mut listing = Map::new();
    let mut put = |name: &str, value: Value| listing.insert(name.to_owned(), value);
    put("brokered_by", Value::Null);
    put("status", "sold".into());
    put("price", number(cell(sale, "price")?));
    put("bed", number(cell(sale, "bedrooms")?));
    put("bath", number(cell(sale, "bathrooms")?));
    put("acre_lot", acres(cell(sale, "sqft_lot")?));
    put("street", number(cell(sale, "id")?));
    put("city", Value::Null);
    put("state", "Washington".into());
    put("zip_code", number(cell(sale, "zipcode")?));
    put("house_size", number(cell(sale, "sqft_living")?));
    put("prev_sold_date", cell(sale, "date")?.into());
    if with_details {
        for column in DETAILS {
            put(column, typed(cell(sale, column)?));
        }
    }
    Ok(listing.into())
}

/// A number as the data API writes it: always with a decimal point. What is none becomes null.
fn number(text: &str) -> Value {
    text.parse()
        .ok()
        .and_then(Number::from_f64)
        .map_or(Value::Null, Value::Number)
}

fn acres(sqft: &str) -> Value {
    let acres = sqft
        .parse()
        .ok()
        .map(|sqft: f64| (sqft / SQFT_PER_ACRE * 10_000.0).round() / 10_000.0);
    acres
        .and_then(Number::from_f64)
        .map_or(Value::Null, Value::Number)
}

/// `True` and `False` become 1 and 0; the rest are numbers.
fn typed(text: &str) -> Value {
    match text {
        "True" => number("1"),
        "False" => number("0"),
        other => number(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sale_but_one_is_in_its_month_with_its_price() {
        let Sales { months, unseen } = read().unwrap();
        assert_eq!(months.len(), 13);
        assert_eq!(months.first().unwrap().name, "2014-05");
        assert_eq!(months.last().unwrap().name, "2015-05");
        let listings: Vec<&Value> = months.iter().flat_map(|month| &month.listings).collect();
        assert_eq!(listings.len(), 21_612);
        assert!(unseen["price"].as_f64().unwrap() > 0.0);
        assert!(
            listings
                .iter()
                .all(|listing| listing["street"] != unseen["street"])
        );
        for month in &months {
            for listing in &month.listings {
                assert!(listing["price"].as_f64().unwrap() > 0.0);
                assert!(
                    listing["prev_sold_date"]
                        .as_str()
                        .unwrap()
                        .starts_with(&month.name)
                );
                assert_eq!(
                    listing.get("grade").is_some(),
                    month.name.as_str() >= DETAILS_SINCE
                );
            }
        }
    }

    #[test]
    fn a_sale_becomes_the_listing_it_was() {
        let months = read().unwrap().months;
        let october = months.iter().find(|month| month.name == "2014-10").unwrap();
        let sale = october
            .listings
            .iter()
            .find(|listing| listing["street"] == 7_129_300_520.0)
            .unwrap();
        assert_eq!(sale["price"], 221_900.0);
        assert_eq!(sale["house_size"], 1180.0);
        assert_eq!(sale["acre_lot"], 0.1297);
        assert_eq!(sale["zip_code"], 98_178.0);
        assert_eq!(sale["waterfront"], 0.0);
        assert_eq!(sale["city"], Value::Null);
    }
}
