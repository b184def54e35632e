//! The quality report of a batch, for the gate and for people: what happened to its rows and values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::identity::IdentityRule;
use crate::pinned::Replaced;
use crate::profile::Profile;
use crate::reject::Reason;
use tasador_ids::{Currency, Digest};

use crate::schema::{self, ColumnKind};
use crate::schema_file::ColumnRule;
use crate::synonyms::PROPERTY_ID;

/// What happened to the rows and values of one batch.
///
/// `raw = clean + rejected + duplicates_within + duplicates_across`, always.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct QualityReport {
    pub raw: u64,
    /// Rows in the clean file.
    pub clean: u64,
    /// Rejected rows by [`Reason`]; reasons without rows are left out.
    pub rejected: BTreeMap<Reason, u64>,
    /// Rows that, after cleaning, equal an earlier row of the same batch.
    pub duplicates_within: u64,
    /// Rows that, after cleaning, equal a row of another batch.
    pub duplicates_across: u64,
    /// Properties among the rows that went into the clean file.
    #[serde(default)]
    pub properties: u64,
    /// Rows of the clean file by the rule that identified their property.
    #[serde(default)]
    pub identity: BTreeMap<IdentityRule, u64>,
    /// Columns that are none of the twelve, in the source's order.
    pub columns_new: Vec<String>,
    /// Known columns that the source did not send; they are null in the clean file.
    pub columns_gone: Vec<String>,
    /// Every column as it was in the raw rows, before any row was removed.
    pub columns: Vec<RawColumn>,
    /// Problems of the batch as a whole.
    pub problems: Vec<Problem>,
    /// What was detected of the text of the batch.
    #[serde(default)]
    pub form: TextForm,
    /// The kinds of columns in earlier batches, by which this one was read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remembered: BTreeMap<String, ColumnKind>,
    /// From which of the source's columns known columns were read, in this batch and before: what the next
    /// batch keeps to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pinned: BTreeMap<String, Vec<ColumnRule>>,
    /// Known columns that were read from another column of the source than in earlier batches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<Replaced>,
    /// The currency that the file shows or that is declared for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
}

/// How a text is written, as it was detected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextForm {
    /// The encoding's name by the Encoding Standard: `UTF-8`, `UTF-16LE`, `windows-1252` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// What separates fields, in a text with fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<char>,
}

/// The values of one column over all raw rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawColumn {
    /// The column's name in the clean file.
    pub name: String,
    pub kind: ColumnKind,
    pub nulls: u64,
    /// Values that could not be read and became null.
    pub bad: u64,
}

/// A problem of a batch as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    pub kind: ProblemKind,
    /// The column that it concerns, if any.
    pub column: Option<String>,
    pub sentence: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A required column is missing.
    RequiredColumnGone,
    /// A required column has no readable value.
    RequiredColumnUnreadable,
    /// No column except the price has values, so there is nothing to learn from.
    NothingToLearnFrom,
    /// More than half of a column's values could not be read: it may have changed its type.
    MostlyUnreadable,
    /// The name of a column had to be changed.
    Renamed,
    /// A column was recognised under another name.
    Mapped,
    /// Values were converted: another unit, decimal mark or order of dates.
    Converted,
    /// The unit of a column is neither in its name nor in its values.
    UnitUnknown,
    /// A column repeats the price; models do not learn from it.
    Leak,
    /// A column identifies rows or properties; models do not learn from it.
    Identifier,
    /// A column is not used, as the schema declares.
    Ignored,
    /// The columns are values over time, such as a price index, and none of them is the price.
    ValuesOverTime,
    /// Zip codes lie outside of the state of their row.
    ZipContradictsState,
    /// A part of the file was not read: a column of lists, another sheet.
    NotRead,
    /// The file shows which currency its prices are in.
    Currency,
    /// A known column was read from another column of the source than in earlier batches.
    SourceColumnChanged,
    /// A column has values of another kind than in earlier batches.
    KindChanged,
    /// A column keeps the kind it had in earlier batches, although fewer values than usual are of it.
    KindKept,
}

impl ProblemKind {
    /// The stable code used in reports.
    pub const fn code(self) -> &'static str {
        match self {
            Self::RequiredColumnGone => "required_column_gone",
            Self::RequiredColumnUnreadable => "required_column_unreadable",
            Self::NothingToLearnFrom => "nothing_to_learn_from",
            Self::MostlyUnreadable => "mostly_unreadable",
            Self::Renamed => "renamed",
            Self::Mapped => "mapped",
            Self::Converted => "converted",
            Self::UnitUnknown => "unit_unknown",
            Self::Leak => "leak",
            Self::Identifier => "identifier",
            Self::Ignored => "ignored",
            Self::ValuesOverTime => "values_over_time",
            Self::ZipContradictsState => "zip_contradicts_state",
            Self::NotRead => "not_read",
            Self::Currency => "currency",
            Self::SourceColumnChanged => "source_column_changed",
            Self::KindChanged => "kind_changed",
            Self::KindKept => "kind_kept",
        }
    }

    /// Whether models cannot learn from a batch with this problem.
    pub const fn is_fatal(self) -> bool {
        matches!(
            self,
            Self::RequiredColumnGone | Self::RequiredColumnUnreadable | Self::NothingToLearnFrom
        )
    }
}

impl QualityReport {
    /// Rows whose values could be read, whether they were rejected or not.
    pub fn readable(&self) -> u64 {
        let unreadable = |(reason, rows): (&Reason, &u64)| match reason.is_of_the_text() {
            true => *rows,
            false => 0,
        };
        let unreadable = self.rejected.iter().map(unreadable).sum();
        self.raw.saturating_sub(unreadable)
    }

    pub fn rejected_rows(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// All duplicates, within and across batches.
    pub fn duplicates(&self) -> u64 {
        self.duplicates_within + self.duplicates_across
    }

    /// The share of raw rows that were rejected, 0 to 1; 0 for an empty batch.
    pub fn reject_share(&self) -> f64 {
        share(self.rejected_rows(), self.raw)
    }

    /// Unreadable values by column; columns without any are left out.
    pub fn bad_values(&self) -> impl Iterator<Item = (&str, u64)> {
        self.columns
            .iter()
            .filter(|column| column.bad > 0)
            .map(|column| (column.name.as_str(), column.bad))
    }

    /// Whether models can learn from the batch: it has no fatal [`Problem`].
    pub fn usable(&self) -> bool {
        self.fatal_problems().next().is_none()
    }

    pub fn fatal_problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems
            .iter()
            .filter(|problem| problem.kind.is_fatal())
    }

    /// The kinds by which the next batch is read: those of this one, and of columns that it does not have.
    pub fn kinds(&self) -> BTreeMap<String, ColumnKind> {
        let mut kinds = self.remembered.clone();
        for column in &self.columns {
            let is_empty = column.nulls + column.bad >= self.readable();
            let is_other = schema::known(&column.name).is_none() && column.name != PROPERTY_ID;
            if is_other && !is_empty {
                kinds.insert(column.name.clone(), column.kind);
            }
        }
        kinds
    }

    /// Whether the counts of rows are consistent.
    pub fn adds_up(&self) -> bool {
        self.raw == self.clean + self.rejected_rows() + self.duplicates()
    }

    /// Finds problems in the columns. A batch without rows has none, because columns are only known
    /// from rows.
    pub fn find_problems(&mut self) {
        let rows = self.readable();
        if rows == 0 {
            return;
        }
        let mut found = Vec::new();
        for required in schema::COLUMNS.iter().filter(|column| column.required) {
            let name = required.name;
            if self.columns_gone.iter().any(|gone| gone == name) {
                found.push(Problem {
                    kind: ProblemKind::RequiredColumnGone,
                    column: Some(name.to_owned()),
                    sentence: format!("The batch has no column `{name}`."),
                });
            } else if self
                .columns
                .iter()
                .any(|column| column.name == name && column.nulls + column.bad == rows)
            {
                found.push(Problem {
                    kind: ProblemKind::RequiredColumnUnreadable,
                    column: Some(name.to_owned()),
                    sentence: format!(
                        "No value of column `{name}` is a {}.",
                        match required.kind {
                            ColumnKind::Number => "number",
                            ColumnKind::Date => "date",
                            ColumnKind::Zip => "zip code",
                            ColumnKind::Code | ColumnKind::Category => "text",
                        }
                    ),
                });
            }
        }
        let informs =
            |column: &RawColumn| column.name != schema::PRICE && column.nulls + column.bad < rows;
        if !self.columns.iter().any(informs) {
            found.push(Problem {
                kind: ProblemKind::NothingToLearnFrom,
                column: None,
                sentence: "No column except the price has values.".to_owned(),
            });
        }
        for column in &self.columns {
            let given = rows.saturating_sub(column.nulls);
            let reported = found
                .iter()
                .any(|problem| problem.column.as_ref() == Some(&column.name));
            if column.bad * 2 > given && !reported {
                found.push(Problem {
                    kind: ProblemKind::MostlyUnreadable,
                    column: Some(column.name.clone()),
                    sentence: format!(
                        "{} of {given} values of column `{}` could not be read; it may have changed its type.",
                        column.bad, column.name
                    ),
                });
            }
        }
        self.problems.append(&mut found);
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

/// `profiles/<batch>.json`: quality report, profile of the clean rows, and hashes of the files. It is
/// written after those files, so if it exists, they exist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchReport {
    /// Version of this document's format: 1.
    pub format: u32,
    /// SHA-256 of `clean/<batch>.parquet`.
    pub clean_sha256: Digest,
    /// SHA-256 of `rejected/<batch>.parquet`.
    pub rejected_sha256: Digest,
    pub quality: QualityReport,
    /// The distribution of the clean rows.
    pub profile: Profile,
}

impl BatchReport {
    pub const FORMAT: u32 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, nulls: u64, bad: u64) -> RawColumn {
        RawColumn {
            name: name.to_owned(),
            kind: schema::known(name).map_or(ColumnKind::Category, |known| known.kind),
            nulls,
            bad,
        }
    }

    fn problems(raw: u64, columns: Vec<RawColumn>, gone: &[&str]) -> Vec<&'static str> {
        let mut report = QualityReport {
            raw,
            columns,
            columns_gone: gone.iter().map(|name| (*name).to_owned()).collect(),
            ..QualityReport::default()
        };
        report.find_problems();
        report
            .problems
            .iter()
            .map(|problem| problem.kind.code())
            .collect()
    }

    #[test]
    fn problems_are_found() {
        let price = || column("price", 0, 0);
        assert!(problems(10, vec![price(), column("bed", 5, 2)], &[]).is_empty());
        assert_eq!(
            problems(
                10,
                vec![column("price", 10, 0), column("bed", 0, 0)],
                &["price"]
            ),
            ["required_column_gone"]
        );
        assert_eq!(
            problems(10, vec![column("price", 3, 7), column("bed", 0, 0)], &[]),
            ["required_column_unreadable"]
        );
        assert_eq!(
            problems(10, vec![price(), column("bed", 10, 0)], &[]),
            ["nothing_to_learn_from"]
        );
        assert_eq!(
            problems(
                10,
                vec![price(), column("bed", 2, 5), column("city", 0, 0)],
                &[]
            ),
            ["mostly_unreadable"]
        );
        assert_eq!(
            problems(
                10,
                vec![price(), column("bed", 0, 10), column("city", 0, 0)],
                &[]
            ),
            ["mostly_unreadable"]
        );
        assert!(problems(0, vec![], &["price"]).is_empty());
    }

    #[test]
    fn only_fatal_problems_make_a_batch_unusable() {
        let mut report = QualityReport::default();
        assert!(report.usable());
        report.problems.push(Problem {
            kind: ProblemKind::Renamed,
            column: None,
            sentence: String::new(),
        });
        assert!(report.usable());
        report.problems.push(Problem {
            kind: ProblemKind::RequiredColumnGone,
            column: None,
            sentence: String::new(),
        });
        assert!(!report.usable());
    }

    #[test]
    fn reasons_are_keys_of_the_json() {
        let report = QualityReport {
            raw: 3,
            clean: 1,
            rejected: BTreeMap::from([(Reason::PriceMissing, 1)]),
            duplicates_across: 1,
            ..QualityReport::default()
        };
        assert!(report.adds_up());
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["rejected"]["price_missing"], 1);
        assert_eq!(
            serde_json::from_value::<QualityReport>(json).unwrap(),
            report
        );
    }
}
