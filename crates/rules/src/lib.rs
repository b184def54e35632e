//! The gate's rules: which batches are refused, which justify training, which teach nothing new.
//!
//! Pure: facts and limits in, a decision out. Whatever was measured stands in the decision, whether
//! or not it decided anything. A batch that is refused is never trained on, however much speaks for
//! it.

mod guard;
mod level;
mod novelty;
mod soundness;
#[cfg(test)]
mod tests;

pub use tasador_flow::Stale;
use tasador_flow::gate::Decision;
use tasador_flow::{BatchEvent, Measurement, Reason};
use tasador_ids::{ModelVersion, Units};
use tasador_listing::schema;
use tasador_listing::{BatchReport, ColumnProfile, Profile};
pub use tasador_runtime::config::GateLimits as Limits;

/// So many reasons to hold a batch are told: states of the machine stay under 16 KB.
const REASONS_NAMED: usize = 12;
/// The share of rows with a value from which on a new column justifies training.
const NEW_COLUMN_VALUES: f64 = 0.5;

/// All that the rule looks at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What became of the batch's rows, and what the clean ones look like.
    pub report: &'a BatchReport,
    /// Rows that training would learn from: all usable batches and this one.
    pub dataset_rows: u64,
    /// The model in production.
    pub champion: &'a Champion,
    /// Whether a person has released the batch: what would hold it is recorded, and decides nothing.
    pub released: bool,
    /// How much of the champion's dataset people have withdrawn since.
    pub stale: Stale,
    /// Of the batch's prices and areas.
    pub units: Units,
}

/// The model in production.
#[derive(Debug, Clone, PartialEq)]
pub enum Champion {
    /// There is none yet.
    Absent,
    /// There is one, and it can't be used.
    Unloadable {
        /// Its version.
        version: ModelVersion,
        /// What is wrong with it, as a clause without a full stop.
        why: String,
        /// What the rows it learned from look like.
        reference: Option<Box<Profile>>,
    },
    /// There is one.
    Serving(Box<Serving>),
}

impl Champion {
    /// The champion's version.
    pub fn version(&self) -> Option<ModelVersion> {
        match self {
            Self::Absent => None,
            Self::Unloadable { version, .. } => Some(*version),
            Self::Serving(champion) => Some(champion.version),
        }
    }

    /// What the rows that the champion learned from look like, whether or not it can be loaded.
    pub fn reference(&self) -> Option<(ModelVersion, &Profile)> {
        match self {
            Self::Absent => None,
            Self::Unloadable {
                version, reference, ..
            } => Some((*version, reference.as_deref()?)),
            Self::Serving(champion) => Some((champion.version, champion.reference.as_ref()?)),
        }
    }
}

/// A champion that can be used. What is not known of it can't be a reason to train.
#[derive(Debug, Clone, PartialEq)]
pub struct Serving {
    /// Its version.
    pub version: ModelVersion,
    /// The columns it takes.
    pub inputs: Vec<String>,
    /// Those of them that prices depend on most.
    pub important: Vec<String>,
    /// Rows of the dataset it learnt from.
    pub learnt_rows: Option<u64>,
    /// What the rows it learnt from look like.
    pub reference: Option<Profile>,
    /// How it does on this batch.
    pub error: Option<ChampionError>,
    /// How its served prices compare with later sales.
    pub served: Option<ServedError>,
}

/// The champion's error on homes of the batch, and on homes it had not seen when it was trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChampionError {
    /// Homes of the batch that were priced.
    pub rows: u64,
    /// Median absolute percentage error on the batch, as a share of the true price.
    pub on_batch: f64,
    /// What that median is at least, with a confidence of 97.5 %.
    pub on_batch_at_least: f64,
    /// The same on the homes of its validation.
    pub validation: f64,
}

/// The error of the prices that the champion served, by later sales.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServedError {
    /// Homes that were priced and sold later.
    pub sales: u64,
    /// Median absolute percentage error of their prices, as a share of the sale price.
    pub served: f64,
    /// The same on the homes of its validation.
    pub validation: f64,
}

/// The rule's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub decision: Decision,
    /// Why, most important first; never empty.
    pub reasons: Vec<Reason>,
    /// What a person should know of the batch, although it decided nothing.
    pub notices: Vec<Reason>,
    /// Whether later datasets may hold the batch's rows.
    pub usable: bool,
    /// All that was measured, fired or not.
    pub measurements: Vec<Measurement>,
}

/// What [`examine`] found of a batch whose rows may be learned from.
#[derive(Debug, Clone, PartialEq)]
pub struct Examined {
    /// Why it is too small to train on; empty where it is not.
    pub reasons: Vec<Reason>,
    pub measurements: Vec<Measurement>,
}

/// Judges a usable batch: it is held if it has another unit or is another population, skipped if it is
/// small, and otherwise trained on if anything about it is new.
pub fn judge(examined: Examined, facts: &Facts<'_>, limits: &Limits) -> Judgement {
    let Examined {
        reasons,
        mut measurements,
    } = examined;
    let mut guard = guard::check(facts, limits);
    if facts.released {
        for measurement in guard.measurements.iter_mut().filter(|found| found.fired) {
            measurement.fired = false;
            measurement.note = Some("the batch was released".to_owned());
        }
        // What was let in is told in the history.
        guard.notices.splice(0..0, guard.reasons.drain(..));
    }
    let mut notices = guard.notices;
    notices.extend(guard::notices(facts.report));
    notices.truncate(REASONS_NAMED);
    let hold = !guard.reasons.is_empty();
    guard.reasons.truncate(REASONS_NAMED);
    measurements.extend(guard.measurements);
    if hold {
        // Whether it is small, too, is no reason: a person decides about it in any case.
        for measurement in measurements
            .iter_mut()
            .filter(|found| found.column.is_none())
        {
            measurement.fired = false;
        }
        return Judgement {
            decision: Decision::Hold,
            notices: untold(notices, &guard.reasons),
            reasons: guard.reasons,
            usable: false,
            measurements,
        };
    }
    // A champion that learned from withdrawn data is replaced as soon as there is enough other data.
    let must_replace = facts.stale != Stale::default() && facts.dataset_rows >= limits.min_rows;
    if !reasons.is_empty() && !must_replace {
        return Judgement {
            decision: Decision::Skip,
            notices: untold(notices, &reasons),
            reasons,
            usable: true,
            measurements,
        };
    }
    if must_replace {
        for measurement in measurements
            .iter_mut()
            .filter(|found| found.column.is_none())
        {
            measurement.fired = false;
        }
    }
    let novelty = novelty::check(facts, limits);
    measurements.extend(novelty.measurements);
    Judgement {
        decision: if novelty.trains {
            Decision::Train
        } else {
            Decision::Skip
        },
        notices: untold(notices, &novelty.reasons),
        reasons: novelty.reasons,
        usable: true,
        measurements,
    }
}

/// What was measured of a batch whose rows may be learned from, or the decision to skip it whatever the
/// champion: it is unsound, or already processed.
/// `processed`: the batch had an outcome before this run got it, and was not named in the input.
///
/// The rows of a sound batch that is merely small stay usable for later datasets; those of an
/// unsound one do not.
pub fn examine(
    report: &BatchReport,
    processed: bool,
    limits: &Limits,
) -> Result<Examined, Judgement> {
    let mut soundness = soundness::check(report, limits);
    if processed {
        // Nothing that was measured decided anything.
        for measurement in &mut soundness.measurements {
            measurement.fired = false;
        }
        soundness.reasons = vec![Reason::AlreadyProcessed];
        // Its rows are in the datasets, or not, by its first outcome.
        soundness.usable = false;
    }
    if soundness.usable {
        return Ok(Examined {
            reasons: soundness.reasons,
            measurements: soundness.measurements,
        });
    }
    Err(Judgement {
        decision: Decision::Skip,
        notices: untold(guard::notices(report), &soundness.reasons),
        reasons: soundness.reasons,
        usable: false,
        measurements: soundness.measurements,
    })
}

/// A batch that a person took out of datasets is skipped until a person releases it.
pub fn withdrawn(event: &BatchEvent, examined: Examined) -> Judgement {
    let mut measurements = examined.measurements;
    for measurement in &mut measurements {
        measurement.fired = false;
    }
    Judgement {
        decision: Decision::Skip,
        reasons: vec![Reason::Withdrawn {
            by: event.by.clone(),
            why: event.reason.clone(),
        }],
        notices: Vec::new(),
        usable: false,
        measurements,
    }
}

/// The notices about columns that no reason names.
fn untold(notices: Vec<Reason>, reasons: &[Reason]) -> Vec<Reason> {
    let is_told = |column: &str| reasons.iter().any(|reason| reason.column() == Some(column));
    let untold = notices.into_iter().filter_map(|notice| match notice {
        Reason::ColumnsAbsent { mut columns } => {
            columns.retain(|column| !is_told(column));
            (!columns.is_empty()).then_some(Reason::ColumnsAbsent { columns })
        }
        notice if notice.column().is_some_and(is_told) => None,
        notice => Some(notice),
    });
    untold.collect()
}

fn measurement(code: &str, measured: f64, limit: f64, fired: bool) -> Measurement {
    Measurement {
        code: code.to_owned(),
        column: None,
        measured: Some(measured),
        limit: Some(limit),
        fired,
        note: None,
    }
}

/// Whether a price may be learnt from this column.
fn is_feature(column: &ColumnProfile) -> bool {
    schema::is_feature(&column.name)
}
