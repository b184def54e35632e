//! The data: read, trimmed, split into training and holdout, and written for both sides.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use tasador_model::{Column, Frame};
use xxhash_rust::xxh3::xxh3_64;

use crate::Options;

/// Columns that contain names, even if they look like numbers.
const NAMES: [&str; 9] = [
    "zip_code",
    "city_code",
    "waterfront",
    "property",
    "brokered_by",
    "status",
    "street",
    "city",
    "state",
];
/// Columns that contain days since 1970-01-01.
const DAYS: [&str; 2] = ["sale_day", "prev_sold_date"];

/// The share of days, or of properties, that is held out.
const HELD_OUT: f64 = 0.2;

/// A prepared set in the folder.
pub(crate) struct Prepared {
    pub(crate) name: String,
    pub(crate) title: String,
}

/// A set, loaded for training and scoring.
pub(crate) struct Set {
    pub(crate) training: Frame,
    pub(crate) holdout: Frame,
}

/// Rows as text, as in the CSV.
struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Rows {
    fn read(path: &Path) -> Result<Self> {
        let file =
            File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let reader: Box<dyn Read> = if path.extension().is_some_and(|ext| ext == "gz") {
            Box::new(GzDecoder::new(file))
        } else {
            Box::new(file)
        };
        let mut reader = csv::Reader::from_reader(reader);
        let columns = reader.headers()?.iter().map(str::to_owned).collect();
        let rows = reader
            .records()
            .map(|record| Ok(record?.iter().map(str::to_owned).collect()))
            .collect::<Result<_>>()?;
        Ok(Self { columns, rows })
    }

    fn write(&self, path: &Path, keep: impl Fn(usize) -> bool) -> Result<()> {
        let mut writer = csv::Writer::from_path(path)?;
        writer.write_record(&self.columns)?;
        for (_, row) in self.rows.iter().enumerate().filter(|(row, _)| keep(*row)) {
            writer.write_record(row)?;
        }
        Ok(writer.flush()?)
    }

    fn column(&self, name: &str) -> Result<Vec<&str>> {
        let at = self
            .columns
            .iter()
            .position(|column| column == name)
            .with_context(|| format!("there is no column `{name}`"))?;
        Ok(self
            .rows
            .iter()
            .map(|row| row.get(at).map_or("", String::as_str))
            .collect())
    }

    fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        Ok(self
            .column(name)?
            .into_iter()
            .map(|text| text.parse().unwrap_or(f64::NAN))
            .collect())
    }

    /// These columns under these names.
    fn pick(&self, columns: &[(&str, &str)]) -> Result<Self> {
        let found: Vec<Vec<&str>> = columns
            .iter()
            .map(|(from, _)| self.column(from))
            .collect::<Result<_>>()?;
        Ok(Self {
            columns: columns.iter().map(|(_, to)| (*to).to_owned()).collect(),
            rows: (0..self.rows.len())
                .map(|row| {
                    found
                        .iter()
                        .map(|column| column.get(row).copied().unwrap_or("").to_owned())
                        .collect()
                })
                .collect(),
        })
    }

    fn push(&mut self, name: &str, values: impl Iterator<Item = String>) {
        self.columns.push(name.to_owned());
        for (row, value) in self.rows.iter_mut().zip(values) {
            row.push(value);
        }
    }
}

/// Writes `<set>/train.csv` and `<set>/holdout.csv` for every requested set.
pub(crate) fn prepare(options: &Options) -> Result<Vec<Prepared>> {
    let asked =
        |name: &str| options.sets.is_empty() || options.sets.iter().any(|asked| asked == name);
    let mut prepared = Vec::new();
    for (name, columns) in [
        ("king-county", None),
        (
            "king-county-listing",
            Some(["bed", "bath", "house_size", "acre_lot", "zip_code"]),
        ),
    ] {
        if asked(name) {
            let (rows, held_out) = king_county(&options.king_county, columns.as_ref())?;
            let what = if columns.is_some() {
                "the columns a listing has"
            } else {
                "all columns"
            };
            prepared.push(write(options, name, what, "time", &rows, &held_out)?);
        }
    }
    if asked("northeast") {
        match &options.northeast {
            Some(path) => {
                let (rows, held_out) = northeast(path)?;
                let what = "all columns";
                prepared.push(write(
                    options,
                    "northeast",
                    what,
                    "property",
                    &rows,
                    &held_out,
                )?);
            }
            None => eprintln!("northeast is skipped: give its file with --northeast"),
        }
    }
    if asked("listings") {
        match &options.listings {
            Some(path) => {
                let (rows, held_out) = listings(path)?;
                let what = "the twelve columns, with their nulls";
                prepared.push(write(
                    options, "listings", what, "property", &rows, &held_out,
                )?);
            }
            None => eprintln!("listings are skipped: give their file with --listings"),
        }
    }
    ensure!(!prepared.is_empty(), "none of the requested sets exists");
    Ok(prepared)
}

fn write(
    options: &Options,
    name: &str,
    what: &str,
    by: &str,
    rows: &Rows,
    held_out: &[bool],
) -> Result<Prepared> {
    let folder = options.folder.join(name);
    std::fs::create_dir_all(&folder)?;
    let is_held_out = |row: usize| held_out.get(row) == Some(&true);
    rows.write(&folder.join("train.csv"), |row| !is_held_out(row))?;
    rows.write(&folder.join("holdout.csv"), is_held_out)?;
    let count = held_out.iter().filter(|held_out| **held_out).count();
    Ok(Prepared {
        name: name.to_owned(),
        title: format!(
            "{name}: {what}, split by {by}, {} homes to learn from, {count} held out",
            held_out.len() - count,
        ),
    })
}

/// The sales of King County; the last fifth of the days is held out.
fn king_county(path: &Path, only: Option<&[&str; 5]>) -> Result<(Rows, Vec<bool>)> {
    let source = Rows::read(path)?;
    let mut rows = source.pick(&[
        ("price", "price"),
        ("id", "property"),
        ("bedrooms", "bed"),
        ("bathrooms", "bath"),
        ("sqft_living", "house_size"),
        ("zipcode", "zip_code"),
        ("floors", "floors"),
        ("waterfront", "waterfront"),
        ("view", "view"),
        ("condition", "condition"),
        ("grade", "grade"),
        ("sqft_above", "sqft_above"),
        ("sqft_basement", "sqft_basement"),
        ("yr_built", "yr_built"),
        ("yr_renovated", "yr_renovated"),
        ("lat", "lat"),
        ("long", "long"),
        ("sqft_living15", "sqft_living15"),
        ("sqft_lot15", "sqft_lot15"),
    ])?;
    let lots = source.numbers("sqft_lot")?;
    rows.push(
        "acre_lot",
        lots.iter().map(|sqft| (sqft / 43_560.0).to_string()),
    );
    let days: Vec<i64> = source
        .column("date")?
        .into_iter()
        .map(days_since_1970)
        .collect::<Result<_>>()?;
    rows.push("sale_day", days.iter().map(ToString::to_string));
    if let Some(only) = only {
        let mut columns = vec![("price", "price"), ("property", "property")];
        columns.extend(only.iter().map(|name| (*name, *name)));
        rows = rows.pick(&columns)?;
    }
    let mut distinct = days.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let first = ((distinct.len() as f64) * (1.0 - HELD_OUT)) as usize;
    let first = *distinct.get(first).context("there is no day")?;
    Ok((rows, days.iter().map(|day| *day >= first).collect()))
}

/// Listings of the north-east, trimmed like the reference figures; a fifth of the properties is held
/// out. The file has no property id, so rows that differ only in price are one property.
fn northeast(path: &Path) -> Result<(Rows, Vec<bool>)> {
    let source = Rows::read(path)?;
    let [price, size, bed, bath, lot] = ["price", "house_size", "bed", "bath", "acre_lot"]
        .map(|name| source.numbers(name).unwrap_or_default());
    let within = |values: &[f64], row: usize, low: f64, high: f64| {
        values
            .get(row)
            .is_some_and(|value| (low..=high).contains(value))
    };
    let rows = Rows {
        columns: source.columns.clone(),
        rows: (0..)
            .zip(&source.rows)
            .filter(|&(row, _)| {
                within(&price, row, 10e3, 5e6)
                    && within(&size, row, 200.0, 15e3)
                    && within(&bed, row, 1.0, 12.0)
                    && within(&bath, row, 1.0, 12.0)
                    && within(&lot, row, 0.0, 100.0)
            })
            .map(|(_, row)| row.clone())
            .collect(),
    };
    let but_price = source
        .columns
        .iter()
        .position(|name| name == "price")
        .context("there is no price")?;
    let properties: Vec<u64> = rows
        .rows
        .iter()
        .map(|row| {
            let mut row = row.clone();
            row.remove(but_price);
            xxh3_64(row.join("|").as_bytes())
        })
        .collect();
    Ok(by_property(rows, &properties))
}

/// The rows with their properties, and which are held out: a fifth of the properties.
fn by_property(mut rows: Rows, properties: &[u64]) -> (Rows, Vec<bool>) {
    rows.push("property", properties.iter().map(ToString::to_string));
    let parts = (1.0 / HELD_OUT) as u64;
    let is_held_out = |property: &u64| xxh3_64(&property.to_le_bytes()).is_multiple_of(parts);
    let held_out = properties.iter().map(is_held_out).collect();
    (rows, held_out)
}

/// Listings with all twelve columns and their nulls, without those that have no price; a fifth of the
/// properties, named by street and zip code, is held out. No model learns from the street.
fn listings(path: &Path) -> Result<(Rows, Vec<bool>)> {
    let mut rows = Rows::read(path)?;
    let price = rows.numbers("price")?;
    let mut priced = price.iter().map(|price| *price > 0.0);
    rows.rows.retain(|_| priced.next() == Some(true));
    let properties: Vec<u64> = rows
        .column("street")?
        .into_iter()
        .zip(rows.column("zip_code")?)
        .map(|(street, zip)| xxh3_64(format!("{street}|{zip}").as_bytes()))
        .collect();
    let sold: Vec<String> = rows
        .column("prev_sold_date")?
        .into_iter()
        .map(|date| match date {
            "" => Ok(String::new()),
            date => Ok(days_since_1970(date)?.to_string()),
        })
        .collect::<Result<_>>()?;
    let kept = [
        "price",
        "brokered_by",
        "status",
        "bed",
        "bath",
        "acre_lot",
        "city",
        "state",
        "zip_code",
        "house_size",
    ];
    let mut rows = rows.pick(&kept.map(|name| (name, name)))?;
    rows.push("prev_sold_date", sold.into_iter());
    Ok(by_property(rows, &properties))
}

/// Reads what [`prepare`] wrote.
pub(crate) fn read(folder: &Path, name: &str) -> Result<Set> {
    let part =
        |part: &str| -> Result<Frame> { frame(&Rows::read(&part_path(folder, name, part))?) };
    Ok(Set {
        training: part("train.csv")?,
        holdout: part("holdout.csv")?,
    })
}

fn part_path(folder: &Path, name: &str, part: &str) -> PathBuf {
    folder.join(name).join(part)
}

fn frame(rows: &Rows) -> Result<Frame> {
    let mut frame = Frame::new(rows.rows.len());
    for name in &rows.columns {
        let column = if DAYS.contains(&name.as_str()) {
            Column::Date(rows.numbers(name)?)
        } else if NAMES.contains(&name.as_str()) {
            let texts = rows.column(name)?;
            Column::category(
                texts
                    .into_iter()
                    .map(|text| Some(text).filter(|text| !text.is_empty())),
            )
        } else {
            Column::Number(rows.numbers(name)?)
        };
        if name == "property" {
            let keys: Vec<u128> = rows
                .column(name)?
                .into_iter()
                .map(|text| u128::from(xxh3_64(text.as_bytes())))
                .collect();
            frame.set_properties(keys)?;
        } else {
            frame.push(name, column)?;
        }
    }
    Ok(frame)
}

/// Days since 1970-01-01 of `YYYY-MM-DD` (Howard Hinnant, `days_from_civil`).
fn days_since_1970(date: &str) -> Result<i64> {
    let parts: Vec<i64> = date
        .split('-')
        .map(|part| {
            part.parse()
                .with_context(|| format!("`{date}` is not a date"))
        })
        .collect::<Result<_>>()?;
    let &[year, month, day] = parts.as_slice() else {
        bail!("`{date}` is not a date");
    };
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    Ok(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}
