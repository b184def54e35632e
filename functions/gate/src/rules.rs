//! The rule: which batches are refused, which justify training, which teach nothing new.
//!
//! Pure: facts and limits in, a decision out. Whatever was measured stands in the decision, whether
//! or not it decided anything. A batch that is refused is never trained on, however much speaks for
//! it.

mod novelty;
mod soundness;
#[cfg(test)]
mod tests;

use tasador_flow::gate::Decision;
use tasador_flow::{Measurement, Reason};
use tasador_ids::ModelVersion;
use tasador_listing::schema;
use tasador_listing::{BatchReport, ColumnProfile, Profile};
pub use tasador_runtime::config::GateLimits as Limits;

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
    pub champion: &'a Standing,
}

/// How things stand with the model in production.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// There is none yet.
    Vacant,
    /// There is one, and it can't be used.
    Unloadable {
        /// Its version.
        version: ModelVersion,
        /// What is wrong with it, as a clause without a full stop.
        why: String,
    },
    /// There is one.
    Serving(Box<Serving>),
}

impl Standing {
    /// The champion's version.
    pub fn version(&self) -> Option<ModelVersion> {
        match self {
            Self::Vacant => None,
            Self::Unloadable { version, .. } => Some(*version),
            Self::Serving(champion) => Some(champion.version),
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
    /// Whether later datasets may hold the batch's rows.
    pub usable: bool,
    /// All that was measured, fired or not.
    pub measurements: Vec<Measurement>,
}

/// Judges a sound batch: it is trained on if anything about it is new. `measurements` are those of
/// [`examine`].
pub fn judge(mut measurements: Vec<Measurement>, facts: &Facts<'_>, limits: &Limits) -> Judgement {
    let novelty = novelty::check(facts, limits);
    measurements.extend(novelty.measurements);
    Judgement {
        decision: if novelty.trains {
            Decision::Train
        } else {
            Decision::Skip
        },
        reasons: novelty.reasons,
        usable: true,
        measurements,
    }
}

/// What was measured of a batch that may be trained on, or the decision to skip it whatever the
/// champion: it is unsound, too small, or already processed.
/// `processed`: the batch had an outcome before this run got it, and was not named in the input.
///
/// The rows of a sound batch that is merely small stay usable for later datasets; those of an
/// unsound one do not.
pub fn examine(
    report: &BatchReport,
    processed: bool,
    limits: &Limits,
) -> Result<Vec<Measurement>, Judgement> {
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
    if soundness.reasons.is_empty() {
        return Ok(soundness.measurements);
    }
    Err(Judgement {
        decision: Decision::Skip,
        reasons: soundness.reasons,
        usable: soundness.usable,
        measurements: soundness.measurements,
    })
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
