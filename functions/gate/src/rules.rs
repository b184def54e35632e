//! The rule: which batches are refused, which justify training, which teach nothing new.
//!
//! Pure: facts and limits in, a decision out. Whatever was measured stands in the decision, whether
//! or not it decided anything. A batch that is refused is never trained on, however much speaks for
//! it.

mod novelty;
mod soundness;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use tasador_ids::ModelVersion;
use tasador_listing::schema;
use tasador_listing::{BatchReport, ColumnProfile, Profile};
use tasador_registry::Reason;
pub use tasador_runtime::config::GateLimits as Limits;

/// The share of rows with a value from which on a new column justifies training.
const NEW_COLUMN_VALUES: f64 = 0.5;

/// All that the rule looks at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Whether the batch had an outcome before this run got it, and nobody asked for it by name.
    pub processed: bool,
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
    pub on_holdout: f64,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// What was measured, a stable name.
    pub code: String,
    /// The column it was measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The value; `None` where it could not be measured.
    pub measured: Option<f64>,
    /// The limit it was held against.
    pub limit: f64,
    /// Whether it is one of the reasons for the decision.
    pub fired: bool,
    /// Why there is no value, or why it was not believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Whether to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Candidates are to be trained.
    Train,
    /// The batch is recorded, and nothing else happens.
    Skip,
}

/// The rule's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Whether to train.
    pub verdict: Verdict,
    /// Why, most important first; never empty.
    pub reasons: Vec<Reason>,
    /// Whether later datasets may hold the batch's rows.
    pub usable: bool,
    /// All that was measured, fired or not.
    pub measurements: Vec<Measurement>,
}

/// Judges a batch.
///
/// The batch is skipped where anything of soundness is against it ([`refusal`]); else trained on
/// where anything about it is new; else skipped, with what was measured as its reasons.
pub fn judge(facts: &Facts<'_>, limits: &Limits) -> Decision {
    let soundness = match examine(facts.report, facts.processed, limits) {
        Ok(measurements) => measurements,
        Err(refusal) => return refusal,
    };
    let novelty = novelty::check(facts, limits);
    let mut measurements = soundness;
    measurements.extend(novelty.measurements);
    Decision {
        verdict: if novelty.trains {
            Verdict::Train
        } else {
            Verdict::Skip
        },
        reasons: novelty.reasons,
        usable: true,
        measurements,
    }
}

/// What [`judge`] decides whatever the champion: the batch is unsound, too small, or processed
/// already.
///
/// The rows of a sound batch that is merely small stay usable for later datasets; those of an
/// unsound one do not.
pub fn refusal(report: &BatchReport, processed: bool, limits: &Limits) -> Option<Decision> {
    examine(report, processed, limits).err()
}

/// What was measured of a batch that may be trained on, or the decision that it may not.
fn examine(
    report: &BatchReport,
    processed: bool,
    limits: &Limits,
) -> Result<Vec<Measurement>, Decision> {
    let soundness = soundness::check(report, limits);
    if processed {
        return Err(Decision {
            verdict: Verdict::Skip,
            reasons: vec![reason(
                "already_processed",
                "This batch has been processed before: the same bytes have an outcome already."
                    .to_owned(),
            )],
            // Its rows are in the datasets, or not, by its first outcome.
            usable: false,
            measurements: quiet(soundness.measurements),
        });
    }
    if soundness.reasons.is_empty() {
        Ok(soundness.measurements)
    } else {
        Err(Decision {
            verdict: Verdict::Skip,
            reasons: soundness.reasons,
            usable: soundness.usable,
            measurements: soundness.measurements,
        })
    }
}

/// Measurements of which none decided anything.
fn quiet(measurements: Vec<Measurement>) -> Vec<Measurement> {
    measurements
        .into_iter()
        .map(|measurement| Measurement {
            fired: false,
            ..measurement
        })
        .collect()
}

fn reason(code: &str, sentence: String) -> Reason {
    Reason {
        code: code.to_owned(),
        sentence,
        measured: None,
        limit: None,
        column: None,
    }
}

fn measured_reason(code: &str, sentence: String, measured: f64, limit: f64) -> Reason {
    Reason {
        measured: Some(measured),
        limit: Some(limit),
        ..reason(code, sentence)
    }
}

fn measurement(code: &str, measured: f64, limit: f64, fired: bool) -> Measurement {
    Measurement {
        code: code.to_owned(),
        column: None,
        measured: Some(measured),
        limit,
        fired,
        note: None,
    }
}

/// Whether a price may be learnt from this column.
fn is_feature(column: &ColumnProfile) -> bool {
    schema::is_feature(&column.name)
}
