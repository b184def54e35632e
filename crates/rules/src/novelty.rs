//! What a sound batch holds that the champion has not learnt.

use tasador_flow::{Compared, Language, Measurement, Reason};
use tasador_ids::ModelVersion;
use tasador_listing::drift::{new_category_share, psi, value_psi};
use tasador_listing::profile::Body;
use tasador_listing::{ColumnKind, ColumnProfile, Profile};

use super::{Champion, Facts, Limits, Serving, Stale, is_feature, measurement};

/// What is measured, by its name in the history.
const WITHDRAWN: &str = "learned_from_withdrawn";
const VOLUME: &str = "volume_growth";
const ERROR: &str = "error_growth";
const SERVED_ERROR: &str = "served_error_growth";
const PSI: &str = "psi";
const VALUE_PSI: &str = "value_psi";
const NEW_CATEGORIES: &str = "new_category_share";
const NEW_COLUMN: &str = "new_column_values";

/// Of checks that look at every column, so many are recorded, those nearest to their limit first:
/// states of the machine stay under 16 KB.
const COLUMNS_RECORDED: usize = 12;
/// So many columns get a separate sentence.
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
}

pub(super) fn check(facts: &Facts<'_>, limits: &Limits) -> Novelty {
    let champion = match facts.champion {
        Champion::Absent => return train(Reason::NoChampion),
        Champion::Unloadable { version, why, .. } => {
            return train(Reason::ChampionUnloadable {
                version: *version,
                why: why.clone(),
            });
        }
        Champion::Serving(champion) => champion,
    };
    let findings = [
        withdrawn(facts, champion),
        volume(facts, champion, limits),
        error(champion, limits),
        served_error(champion, limits),
        drift(facts, champion, limits),
        new_categories(facts, champion, limits),
        new_columns(facts, champion, limits),
    ];
    let trains = findings.iter().any(|finding| !finding.reasons.is_empty());
    let mut reasons = Vec::new();
    let mut measurements = Vec::new();
    for finding in findings {
        reasons.extend(finding.reasons);
        measurements.extend(finding.measurements);
    }
    if !trains {
        let version = champion.version;
        reasons.push(Reason::NothingNewToLearn {
            version: Some(version),
        });
        let measured = measurements.iter();
        reasons.extend(
            measured
                .filter_map(|measurement| as_reason(measurement, version))
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
fn as_reason(measurement: &Measurement, version: ModelVersion) -> Option<Reason> {
    let column = || measurement.column.clone();
    let compared = Compared {
        note: measurement.note.clone(),
        ..Compared::new(measurement.measured?, measurement.limit?).against(version)
    };
    Some(match measurement.code.as_str() {
        VOLUME => Reason::VolumeGrowth(compared),
        ERROR => Reason::ErrorGrowth(compared),
        PSI => Reason::Psi {
            column: column()?,
            compared,
        },
        NEW_CATEGORIES => Reason::NewCategoryShare {
            column: column()?,
            compared,
        },
        _ => return None,
    })
}

/// Whether the champion learned from what people have withdrawn since.
fn withdrawn(facts: &Facts<'_>, champion: &Serving) -> Finding {
    let Stale {
        batches,
        properties,
    } = facts.stale;
    let found = batches + properties;
    if found == 0 {
        return Finding::default();
    }
    Finding {
        reasons: vec![Reason::LearnedFromWithdrawn {
            version: champion.version,
            batches,
            properties,
        }],
        measurements: vec![measurement(WITHDRAWN, found as f64, 0.0, true)],
    }
}

/// Whether there is much more to learn from than the champion had.
fn volume(facts: &Facts<'_>, champion: &Serving, limits: &Limits) -> Finding {
    let limit = limits.volume_growth_share;
    let Some(learned) = champion.learnt_rows.filter(|rows| *rows > 0) else {
        return Finding::unmeasured(VOLUME, limit, "the champion's dataset is not known");
    };
    // In this order a share that is reached exactly counts as reached.
    let growth = (facts.dataset_rows as f64 - learned as f64) / learned as f64;
    let fired = growth >= limit;
    let reason = Reason::VolumeGrown {
        compared: Compared::new(growth, limit).against(champion.version),
        rows: Some((learned, facts.dataset_rows)),
    };
    Finding {
        reasons: fired.then_some(reason).into_iter().collect(),
        measurements: vec![measurement(VOLUME, growth, limit, fired)],
    }
}

/// Whether the champion does worse on the batch than it did on homes it had not seen.
fn error(champion: &Serving, limits: &Limits) -> Finding {
    let limit = limits.error_growth_share;
    let Some(error) = champion
        .error
        .filter(|error| error.validation > 0.0 && error.on_batch.is_finite())
    else {
        return Finding::unmeasured(ERROR, limit, "the champion's error is not known");
    };
    let growth = error.on_batch / error.validation - 1.0;
    let at_least = error.on_batch_at_least / error.validation - 1.0;
    let enough = error.rows >= limits.psi_min_rows;
    let fired = enough && at_least > limit;
    let note = if !enough {
        Some(too_few(error.rows, limits))
    } else if growth > limit && !fired {
        let certain = Language::English.percent(at_least.max(0.0));
        Some(format!("of which only {certain} is certain"))
    } else {
        None
    };
    let reason = Reason::ErrorGrown {
        compared: Compared::new(growth, limit).against(champion.version),
        errors: Some((error.validation, error.on_batch)),
    };
    Finding {
        reasons: fired.then_some(reason).into_iter().collect(),
        measurements: vec![Measurement {
            note,
            ..measurement(ERROR, growth, limit, fired)
        }],
    }
}

/// Whether the prices that the champion served were worse than its validation promised, by later sales.
fn served_error(champion: &Serving, limits: &Limits) -> Finding {
    // Nothing to tell before homes that were priced are sold.
    let Some(error) = champion.served.filter(|error| error.validation > 0.0) else {
        return Finding::default();
    };
    let limit = limits.error_growth_share;
    let growth = error.served / error.validation - 1.0;
    let enough = error.sales >= limits.served_min_sales;
    let fired = enough && growth > limit;
    let note = (!enough).then(|| {
        let (sales, least) = (error.sales, limits.served_min_sales);
        format!("by {sales} sales; at least {least} are required")
    });
    let reason = Reason::ServedErrorGrown {
        compared: Compared::new(growth, limit).against(champion.version),
        sales: error.sales,
        errors: (error.validation, error.served),
    };
    Finding {
        reasons: fired.then_some(reason).into_iter().collect(),
        measurements: vec![Measurement {
            note,
            ..measurement(SERVED_ERROR, growth, limit, fired)
        }],
    }
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
    let mut finding = by_column(
        facts,
        champion,
        limits,
        PSI,
        limits.psi_limit,
        &measure,
        true,
    )
    .into_finding(|column, compared| Reason::Drift {
        column,
        compared: compared.against(champion.version),
    });
    finding
        .measurements
        .extend(value_drift(facts, champion, limits));
    finding
}

/// The same without missing values, for dashboards and alerts. It decides nothing: a column that is filled more
/// often than before is a reason to train and no fault of the source. Few rows are not measured, because chance
/// alone gives them a high PSI.
fn value_drift(facts: &Facts<'_>, champion: &Serving, limits: &Limits) -> Vec<Measurement> {
    let measure = |reference: &ColumnProfile, batch: &ColumnProfile| {
        (!matches!(batch.kind, ColumnKind::Date | ColumnKind::Code))
            .then(|| value_psi(reference, batch))
            .flatten()
            .map(|psi| (psi, limits.psi_limit))
    };
    let found = by_column(
        facts,
        champion,
        limits,
        VALUE_PSI,
        limits.psi_limit,
        &measure,
        true,
    );
    if found.note.is_some() {
        return Vec::new();
    }
    let columns = found.columns.into_iter().take(COLUMNS_RECORDED);
    columns
        .map(|column| Measurement {
            column: Some(column.name),
            ..measurement(found.code, column.measured, column.limit, false)
        })
        .collect()
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
    let limit = limits.new_category_share;
    by_column(
        facts,
        champion,
        limits,
        NEW_CATEGORIES,
        limit,
        &measure,
        false,
    )
    .into_finding(|column, compared| Reason::NewCategories {
        column,
        compared: compared.against(champion.version),
    })
}

/// The share of values whose category is new, to be expected from the same source.
pub(super) fn expected_new_share(reference: &ColumnProfile) -> f64 {
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
            Some("it has only one value".to_owned())
        } else if names_rows(column) {
            Some("nearly every row has a different value".to_owned())
        } else {
            None
        };
        let fired = note.is_none() && share >= limit;
        finding.measurements.push(Measurement {
            column: Some(column.name.clone()),
            note,
            ..measurement(NEW_COLUMN, share, limit, fired)
        });
        if fired && finding.reasons.len() < COLUMNS_NAMED {
            finding.reasons.push(Reason::ColumnNew {
                column: column.name.clone(),
                compared: Compared::new(share, limit).against(champion.version),
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
        "from only {} rows, at least {} required",
        Language::English.count(rows),
        Language::English.count(limits.psi_min_rows)
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
    /// The columns beyond their limit as reasons.
    fn into_finding(self, reason: impl Fn(String, Compared) -> Reason) -> Finding {
        let fired = self.columns.iter().filter(|column| column.fired);
        let reasons = fired
            .take(COLUMNS_NAMED)
            .map(|column| {
                let compared = Compared::new(column.measured, column.limit);
                reason(column.name.clone(), compared)
            })
            .collect();
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
                limit: Some(limit),
                fired: false,
                note: Some(note.to_owned()),
            }],
            ..Self::default()
        }
    }
}
