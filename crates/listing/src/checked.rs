//! What a file of listings would be read as, for people to look at before models learn from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tasador_ids::{Currency, Format, Units};

use crate::drift::share_up_to;
use crate::profile::{Body, Profile};
use crate::quality::QualityReport;
use crate::reject::Reason;
use crate::schema::{self, ColumnKind, PRICE};
use crate::schema_file::SchemaFile;

/// Prices below the median divided by this may be rents.
const FAR_BELOW: f64 = 30.0;
/// A smaller share of such prices is not mentioned.
const FEWEST_FAR_BELOW: f64 = 0.005;

/// What a file is read as.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    pub format: Format,
    pub quality: QualityReport,
    pub profile: Profile,
    /// The schema file that declares what was recognised.
    pub proposed: SchemaFile,
    /// The lines of the first rejected rows of each reason, in a file of lines.
    pub rejected_lines: BTreeMap<Reason, Vec<u64>>,
}

/// One column of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedColumn {
    pub name: String,
    /// Its names in the file.
    pub in_file: Vec<String>,
    pub kind: ColumnKind,
    /// The unit of its values in the file, as a code; empty if it has none.
    pub unit: String,
    /// The share of rows with a value, 0 to 1.
    pub filled: f64,
    /// Values that could not be read.
    pub bad: u64,
}

/// Prices that may be rents, or in another unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SuspectedRents {
    /// The share of such prices, 0 to 1.
    pub share: f64,
    /// They are below this.
    pub below: f64,
}

impl Checked {
    /// The columns that the file has.
    pub fn columns(&self, units: Units) -> Vec<CheckedColumn> {
        let quality = &self.quality;
        let sent = |name: &String| !quality.columns_gone.contains(name);
        let columns = quality.columns.iter().filter(|column| sent(&column.name));
        let columns = columns.map(|column| {
            let rule = self.proposed.columns.get(&column.name);
            let unit = match rule.and_then(|rule| rule.unit) {
                Some(unit) => unit.code().to_owned(),
                None if column.name == PRICE => self.currency(units).to_string(),
                None => schema::unit(&column.name, units.area)
                    .unwrap_or("")
                    .to_owned(),
            };
            let given = quality.raw.saturating_sub(column.nulls);
            CheckedColumn {
                name: column.name.clone(),
                in_file: rule.map_or_else(Vec::new, |rule| {
                    let joined = !rule.join.is_empty();
                    if joined { &rule.join } else { &rule.names }.clone()
                }),
                kind: column.kind,
                unit,
                filled: given as f64 / quality.raw.max(1) as f64,
                bad: column.bad,
            }
        });
        columns.collect()
    }

    fn currency(&self, units: Units) -> Currency {
        self.proposed.currency.unwrap_or(units.currency)
    }

    /// The schema file that declares what was recognised, with the reasons as comments, headed by `title`.
    pub fn proposal(&self, title: &str) -> String {
        let problems = &self.quality.problems;
        let of = |column: Option<&str>| {
            let matching = problems.iter().filter(|problem| match column {
                Some(column) => problem.column.as_deref() == Some(column),
                None => {
                    let known = problem.column.as_ref();
                    known.is_none_or(|column| !self.proposed.columns.contains_key(column))
                }
            });
            let sentences = matching.map(|problem| problem.sentence.clone());
            sentences.collect::<Vec<String>>()
        };
        let mut title = title.to_owned();
        for sentence in of(None) {
            title += &format!("\n{sentence}");
        }
        self.proposed.to_toml(&title, |column| of(Some(column)))
    }

    /// Prices that may be rents, by the prices alone.
    pub fn suspected_rents(&self) -> Option<SuspectedRents> {
        let price = self.profile.column(PRICE)?;
        let Body::Number { quantiles, .. } = &price.body else {
            return None;
        };
        let below = quantiles.get(50)? / FAR_BELOW;
        let share = share_up_to(price, below).filter(|share| *share >= FEWEST_FAR_BELOW)?;
        Some(SuspectedRents { share, below })
    }
}

/// The format of a file by its name; `None` if that does not tell.
pub fn format_of(file_name: &str) -> Option<Format> {
    let name = file_name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit('.').next() {
        // What Excel files and zip archives have is read whatever the format.
        Some("csv" | "tsv" | "tab" | "txt" | "xlsx" | "zip") => Some(Format::Csv),
        Some("ndjson" | "jsonl") => Some(Format::Ndjson),
        Some("json") => Some(Format::Json),
        Some("parquet") => Some(Format::Parquet),
        _ => None,
    }
}
