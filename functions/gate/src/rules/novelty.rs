//! What a sound batch holds that the champion has not learnt.

use tasador_listing::drift::{new_category_share, psi};
use tasador_listing::profile::Body;
use tasador_listing::{ColumnKind, ColumnProfile, Profile};
use tasador_registry::Reason;

use super::{
    Facts, Limits, Measurement, Serving, Standing, is_feature, measured_reason, measurement, reason,
};
use crate::words::{count, list, percent};

/// Of checks that look at every column, so many are recorded, those nearest to their limit first:
/// states of the machine stay under 16 KB.
const COLUMNS_RECORDED: usize = 12;
/// So many columns get a sentence of their own.
const COLUMNS_NAMED: usize = 5;

/// What speaks for training.
pub(super) struct Novelty {
    pub(super) trains: bool,
    pub(super) reasons: Vec<Reason>,
    pub(super) measurements: Vec<Measurement>,
}

/// One check's finding.
#[derive(Default)]
struct Finding {
    reasons: Vec<Reason>,
    measurements: Vec<Measurement>,
    /// What the sentence about a batch that teaches nothing says of it.
    clause: Option<String>,
}

pub(super) fn check(facts: &Facts<'_>, limits: &Limits) -> Novelty {
    let champion = match facts.champion {
        Standing::Vacant => {
            return train(reason(
                "no_champion",
                format!(
                    "There is no model in production yet; {} rows can be learnt from.",
                    count(facts.dataset_rows)
                ),
            ));
        }
        Standing::Unloadable { version, why } => {
            return train(reason(
                "champion_unloadable",
                format!("Version {version}, the model in production, can't be used: {why}."),
            ));
        }
        Standing::Serving(champion) => champion,
    };
    let findings = [
        volume(facts, champion, limits),
        error(champion, limits),
        drift(facts, champion, limits),
        new_categories(facts, champion, limits),
        new_columns(facts, champion, limits),
    ];
    let trains = findings.iter().any(|finding| !finding.reasons.is_empty());
    let clauses: Vec<String> = findings
        .iter()
        .filter_map(|finding| finding.clause.clone())
        .collect();
    let mut reasons = Vec::new();
    let mut measurements = Vec::new();
    for finding in findings {
        reasons.extend(finding.reasons);
        measurements.extend(finding.measurements);
    }
    if !trains {
        reasons.push(reason(
            "nothing_new_to_learn",
            format!(
                "Nothing new to learn for version {}: {}.",
                champion.version,
                if clauses.is_empty() {
                    "nothing could be measured against it".to_owned()
                } else {
                    list(&clauses)
                }
            ),
        ));
        reasons.extend(
            measurements
                .iter()
                .filter_map(as_reason)
                .take(COLUMNS_NAMED),
        );
    }
    Novelty {
        trains,
        reasons,
        measurements,
    }
}

fn train(reason: Reason) -> Novelty {
    Novelty {
        trains: true,
        reasons: vec![reason],
        measurements: Vec::new(),
    }
}

/// A measurement that stayed within its limit, as one of the reasons to skip.
fn as_reason(measurement: &Measurement) -> Option<Reason> {
    let measured = measurement.measured?;
    let Measurement { limit, column, .. } = measurement;
    let of = column
        .as_ref()
        .map_or_else(String::new, |column| format!(" of `{column}`"));
    let (what, value, bound) = match measurement.code.as_str() {
        "psi" => (
            format!("The PSI{of}"),
            format!("{measured:.3}"),
            format!("{limit:.2}"),
        ),
        "volume_growth" => (
            "The growth of the data".to_owned(),
            percent(measured),
            percent(*limit),
        ),
        "error_growth" => (
            "The growth of the champion's error".to_owned(),
            percent(measured),
            percent(*limit),
        ),
        "new_category_share" => (
            format!("The share of rows with a new value{of}"),
            percent(measured),
            percent(*limit),
        ),
        _ => return None,
    };
    let suffix = measurement
        .note
        .as_ref()
        .map_or_else(String::new, |note| format!("; {note}"));
    Some(Reason {
        column: column.clone(),
        ..measured_reason(
            &measurement.code,
            format!("{what} is {value} (limit {bound}){suffix}."),
            measured,
            *limit,
        )
    })
}

/// Whether there is much more to learn from than the champion had.
fn volume(facts: &Facts<'_>, champion: &Serving, limits: &Limits) -> Finding {
    let limit = limits.volume_growth_share;
    let Some(learnt) = champion.learnt_rows.filter(|rows| *rows > 0) else {
        return Finding::unmeasured(
            "volume_growth",
            limit,
            "the champion's dataset is not known",
        );
    };
    // In this order a share that is reached exactly counts as reached.
    let growth = (facts.dataset_rows as f64 - learnt as f64) / learnt as f64;
    let fired = growth >= limit;
    let mut finding = Finding {
        measurements: vec![measurement("volume_growth", growth, limit, fired)],
        ..Finding::default()
    };
    if fired {
        finding.reasons.push(measured_reason(
            "volume_grown",
            format!(
                "The data has grown by {} since version {}: from {} to {} rows ({} is enough).",
                percent(growth),
                champion.version,
                count(learnt),
                count(facts.dataset_rows),
                percent(limit)
            ),
            growth,
            limit,
        ));
    } else {
        finding.clause = Some(format!(
            "the data has grown by {} ({} would be a reason)",
            percent(growth.max(0.0)),
            percent(limit)
        ));
    }
    finding
}

/// Whether the champion does worse on the batch than it did on homes it had not seen.
fn error(champion: &Serving, limits: &Limits) -> Finding {
    let limit = limits.error_growth_share;
    let Some(error) = champion
        .error
        .filter(|error| error.on_holdout > 0.0 && error.on_batch.is_finite())
    else {
        return Finding::unmeasured("error_growth", limit, "the champion's error is not known");
    };
    let growth = error.on_batch / error.on_holdout - 1.0;
    let at_least = error.on_batch_at_least / error.on_holdout - 1.0;
    let enough = error.rows >= limits.psi_min_rows;
    let fired = enough && at_least > limit;
    let note = if !enough {
        Some(too_few(error.rows, limits))
    } else if growth > limit && !fired {
        Some(format!("only {} are certain", percent(at_least.max(0.0))))
    } else {
        None
    };
    let mut finding = Finding {
        measurements: vec![Measurement {
            note,
            ..measurement("error_growth", growth, limit, fired)
        }],
        ..Finding::default()
    };
    if fired {
        finding.reasons.push(measured_reason(
            "error_grown",
            format!(
                "Version {} is off by {} on this batch (median), and by {} on homes it had not seen: {} worse.",
                champion.version,
                percent(error.on_batch),
                percent(error.on_holdout),
                percent(growth)
            ),
            growth,
            limit,
        ));
    } else if enough {
        finding.clause = Some(format!(
            "its error on this batch is {}, against {} on homes it had not seen",
            percent(error.on_batch),
            percent(error.on_holdout)
        ));
    }
    finding
}

/// Whether columns are distributed otherwise than in what the champion learnt from. Dates are left
/// out: they move on by nature.
fn drift(facts: &Facts<'_>, champion: &Serving, limits: &Limits) -> Finding {
    let measure = |reference: &ColumnProfile, batch: &ColumnProfile| {
        (batch.kind != ColumnKind::Date)
            .then(|| psi(reference, batch))
            .flatten()
            .map(|psi| (psi, limits.psi_limit))
    };
    let finding = by_column(
        facts,
        champion,
        limits,
        "psi",
        limits.psi_limit,
        &measure,
        true,
    );
    finding.into_finding(
        |column| {
            let (found, limit) = (column.measured, column.limit);
            measured_reason(
                "drift",
                format!(
                    "`{}` has drifted from what version {} learnt: PSI {found:.2}, above {limit:.2}.",
                    column.name, champion.version
                ),
                found,
                limit,
            )
        },
        |column| format!("the strongest drift is a PSI of {:.2} in `{}`", column.measured, column.name),
    )
}

/// Whether categories came that the champion never saw.
///
/// Of a column with many rare categories some are always new. The reference lets expect as many as
/// it has of categories that occur once (Good, "The Population Frequencies of Species and the
/// Estimation of Population Parameters", Biometrika 40, 1953); only what is beyond that counts.
/// Codes are left out: a new broker is no new market.
fn new_categories(facts: &Facts<'_>, champion: &Serving, limits: &Limits) -> Finding {
    let measure = |reference: &ColumnProfile, batch: &ColumnProfile| {
        matches!(batch.kind, ColumnKind::Category | ColumnKind::Zip)
            .then(|| new_category_share(reference, batch))
            .flatten()
            .map(|share| {
                (
                    share,
                    limits.new_category_share + expected_new_share(reference),
                )
            })
    };
    let finding = by_column(
        facts,
        champion,
        limits,
        "new_category_share",
        limits.new_category_share,
        &measure,
        false,
    );
    finding.into_finding(
        |column| {
            measured_reason(
                "new_categories",
                format!(
                    "{} of the rows have a `{}` that version {} never saw, above {}.",
                    percent(column.measured),
                    column.name,
                    champion.version,
                    percent(column.limit)
                ),
                column.measured,
                column.limit,
            )
        },
        |column| {
            format!(
                "{} of the rows have a new `{}`",
                percent(column.measured),
                column.name
            )
        },
    )
}

/// The share of values whose category is new, to be expected from the same source.
fn expected_new_share(reference: &ColumnProfile) -> f64 {
    let Body::Category { top, .. } = &reference.body else {
        return 0.0;
    };
    let once = top.iter().filter(|(_, rows)| *rows == 1).count();
    once as f64 / reference.values.max(1) as f64
}

/// Whether there are columns to learn from that the champion's rows did not have.
fn new_columns(facts: &Facts<'_>, champion: &Serving, limits: &Limits) -> Finding {
    let Some(reference) = &champion.reference else {
        return Finding::default();
    };
    let known = |name: &str| {
        reference
            .column(name)
            .is_some_and(|column| column.values > 0)
            || champion.inputs.iter().any(|input| input == name)
    };
    let limit = super::NEW_COLUMN_VALUES;
    let enough = facts.report.profile.rows >= limits.psi_min_rows;
    let mut finding = Finding::default();
    let new = facts.report.profile.columns.iter();
    let mut new: Vec<(&ColumnProfile, f64)> = new
        .filter(|column| is_feature(column) && column.values > 0 && !known(&column.name))
        .map(|column| (column, 1.0 - column.null_share()))
        .collect();
    new.sort_by(|left, right| right.1.total_cmp(&left.1));
    for (column, share) in new.into_iter().take(COLUMNS_RECORDED) {
        let note = if !enough {
            Some(too_few(facts.report.profile.rows, limits))
        } else if column.distinct() < 2 {
            Some("it has but one value".to_owned())
        } else if names_rows(column) {
            Some("nearly every row has a value of its own".to_owned())
        } else {
            None
        };
        let fired = note.is_none() && share >= limit;
        finding.measurements.push(Measurement {
            column: Some(column.name.clone()),
            note,
            ..measurement("new_column_values", share, limit, fired)
        });
        if fired && finding.reasons.len() < COLUMNS_NAMED {
            finding.reasons.push(Reason {
                column: Some(column.name.clone()),
                ..measured_reason(
                    "column_new",
                    format!(
                        "`{}` is a column that version {} does not know, with a value in {} of the rows.",
                        column.name,
                        champion.version,
                        percent(share)
                    ),
                    share,
                    limit,
                )
            });
        }
    }
    finding
}

/// Whether a text column names rows rather than groups of them, as ids and descriptions do.
fn names_rows(column: &ColumnProfile) -> bool {
    column.kind.is_text() && column.distinct() * 2 > column.values
}

fn too_few(rows: u64, limits: &Limits) -> String {
    format!(
        "{} rows are too few to believe it, {} are needed",
        count(rows),
        count(limits.psi_min_rows)
    )
}

/// What was measured on one column.
struct Measured {
    name: String,
    measured: f64,
    limit: f64,
    fired: bool,
}

/// What was measured on every column that champion and batch share, farthest beyond its limit first.
struct ByColumn {
    code: &'static str,
    columns: Vec<Measured>,
    note: Option<String>,
    unmeasured: Option<Measurement>,
}

/// What a rule measures of a column, reference first, and the limit that holds for it.
type Measure<'a> = dyn Fn(&ColumnProfile, &ColumnProfile) -> Option<(f64, f64)> + 'a;

fn by_column(
    facts: &Facts<'_>,
    champion: &Serving,
    limits: &Limits,
    code: &'static str,
    limit: f64,
    measure: &Measure<'_>,
    with_price: bool,
) -> ByColumn {
    let none = |note: &str| ByColumn {
        code,
        columns: Vec::new(),
        note: None,
        unmeasured: Finding::unmeasured(code, limit, note).measurements.pop(),
    };
    let Some(reference) = &champion.reference else {
        return none("the champion has no stored profile");
    };
    let batch = &facts.report.profile;
    let rows = batch.rows.min(reference.rows);
    let believed = rows >= limits.psi_min_rows;
    let mut columns = measured_columns(reference, batch, measure, with_price, believed);
    if columns.is_empty() {
        return none("champion and batch have no such column in common");
    }
    columns.sort_by(|left, right| {
        (right.measured - right.limit).total_cmp(&(left.measured - left.limit))
    });
    ByColumn {
        code,
        columns,
        note: (!believed).then(|| too_few(rows, limits)),
        unmeasured: None,
    }
}

fn measured_columns(
    reference: &Profile,
    batch: &Profile,
    measure: &Measure<'_>,
    with_price: bool,
    believed: bool,
) -> Vec<Measured> {
    batch
        .columns
        .iter()
        .filter(|column| {
            is_feature(column) || (with_price && column.name == tasador_listing::schema::PRICE)
        })
        .filter_map(|column| {
            let (measured, limit) = measure(reference.column(&column.name)?, column)?;
            Some(Measured {
                name: column.name.clone(),
                measured,
                limit,
                fired: believed && measured > limit,
            })
        })
        .collect()
}

impl ByColumn {
    /// The columns beyond their limit as reasons; else the farthest one as a clause.
    fn into_finding(
        self,
        fired: impl Fn(&Measured) -> Reason,
        quiet: impl Fn(&Measured) -> String,
    ) -> Finding {
        let reasons: Vec<Reason> = self
            .columns
            .iter()
            .filter(|column| column.fired)
            .take(COLUMNS_NAMED)
            .map(|column| Reason {
                column: Some(column.name.clone()),
                ..fired(column)
            })
            .collect();
        let clause = match (&self.note, self.columns.first()) {
            (None, Some(column)) if reasons.is_empty() => Some(quiet(column)),
            _ => None,
        };
        let measurements = self
            .columns
            .into_iter()
            .take(COLUMNS_RECORDED)
            .map(|column| Measurement {
                column: Some(column.name),
                note: self.note.clone(),
                ..measurement(self.code, column.measured, column.limit, column.fired)
            })
            .chain(self.unmeasured)
            .collect();
        Finding {
            reasons,
            measurements,
            clause,
        }
    }
}

impl Finding {
    fn unmeasured(code: &str, limit: f64, note: &str) -> Self {
        Self {
            measurements: vec![Measurement {
                code: code.to_owned(),
                column: None,
                measured: None,
                limit,
                fired: false,
                note: Some(note.to_owned()),
            }],
            ..Self::default()
        }
    }
}
