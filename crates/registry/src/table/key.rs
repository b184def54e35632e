//! The keys of the registry's one table.
//!
//! | Item | `pk` | `sk` | list (`by_list`) |
//! |---|---|---|---|
//! | batch | `batch#<batch>` | `batch` | |
//! | batch that belongs into datasets | `usable` | `<received>#<batch>` | |
//! | a run's batch | `run#<run>` | `batch` | |
//! | a run's outcome | `run#<run>` | `history` | `history` by time |
//! | a run's promotion | `run#<run>` | `promotion` | |
//! | model | `model#<model>` | `model` | `models` by name |
//! | version | `model#<model>` | `version#<number>` | `versions of <MLflow run>` |
//! | what a version is made from | `model#<model>` | `source#<source key>` | |
//! | alias | `model#<model>` | `alias#champion` | |
//! | promotion | `model#<model>` | `promotion#champion#<number>` | |
//! | another alias | `model#<model>` | `alias#<alias>` | |
//! | experiment | `experiment#<id>` | `experiment` | `experiments` by id |
//! | an experiment's name | `experiment-name#<SHA-256>` | `name` | |
//! | run as MLflow knows it | `mlflow#<run id>` | `run` | `runs of <experiment>`, latest start first |
//! | one measured value | `mlflow#<run id>` | `metric#<key>#<time>#<step>#<value>` | |
//! | the latest value of a metric | `mlflow#<run id>` | `latest#<key>` | `ranks of <experiment> by <key>` by value |
//! | what went into a run or came out | `mlflow#<run id>` | `link#<kind>#<id>` | |
//! | logged model | `logged#<model id>` | `logged` | `logged models of <experiment>`, latest first |
//! | what one instance counted | `serving` | `instance#<instance>` | |
//! | what instances long gone counted | `serving` | `total` | |
//! | what the total took over of an instance | `serving#<instance>` | `folded` | |
//! | the compaction of an hour of the log | `compaction` | `hour#<hour>` | |
//! | up to when the log is compacted | `compaction` | `through` | |
//! | what the pipeline decided | `pipeline` | `counts` | |
//!
//! Open batches also stand in the index `open` (`open_pk` = `open`, `open_sk` by reception).

use jiff::Timestamp;
use tasador_ids::{BatchId, Digest, ModelName, ModelVersion, RunId};

use crate::promotion::{CHAMPION, PromotionSeq};
use crate::sortable;

/// An item's two key attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }
}

pub(super) const BY_LIST: &str = "by_list";
pub(super) const OPEN: &str = "open";
pub(super) const USABLE: &str = "usable";
pub(super) const HISTORY: &str = "history";
pub(super) const MODELS: &str = "models";
pub(super) const EXPERIMENTS: &str = "experiments";
pub(super) const VERSION: &str = "version#";
pub(super) const ALIAS: &str = "alias#";
pub(super) const LINK: &str = "link#";

/// A time whose text sorts as the times do.
pub(super) fn moment(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// Text that cannot be mistaken for two parts of a key.
fn part(text: &str) -> String {
    text.replace('%', "%25").replace('#', "%23")
}

/// The text that [`part`] was made of.
pub(super) fn whole(part: &str) -> String {
    part.replace("%23", "#").replace("%25", "%")
}

pub(super) fn batch(batch: &BatchId) -> Key {
    Key::new(format!("batch#{batch}"), "batch")
}

pub(super) fn usable(received_at: Timestamp, batch: &BatchId) -> Key {
    Key::new(USABLE.to_owned(), received(received_at, batch))
}

pub(super) fn received(received_at: Timestamp, batch: &BatchId) -> String {
    format!("{}#{batch}", moment(received_at))
}

pub(super) fn run_batch(run: &RunId) -> Key {
    Key::new(format!("run#{run}"), "batch")
}

pub(super) fn run_history(run: &RunId) -> Key {
    Key::new(format!("run#{run}"), "history")
}

pub(super) fn run_promotion(run: &RunId) -> Key {
    Key::new(format!("run#{run}"), "promotion")
}

pub(super) fn model(model: &ModelName) -> Key {
    Key::new(format!("model#{model}"), "model")
}

pub(super) fn version(model: &ModelName, version: ModelVersion) -> Key {
    Key::new(
        format!("model#{model}"),
        format!("{VERSION}{:010}", version.0),
    )
}

pub(super) fn version_source(model: &ModelName, source_key: &str) -> Key {
    Key::new(format!("model#{model}"), format!("source#{source_key}"))
}

pub(super) fn champion(model: &ModelName) -> Key {
    alias(model, CHAMPION)
}

pub(super) fn alias(model: &ModelName, alias: &str) -> Key {
    Key::new(format!("model#{model}"), format!("{ALIAS}{}", part(alias)))
}

pub(super) fn promotion(model: &ModelName, seq: PromotionSeq) -> Key {
    Key::new(
        format!("model#{model}"),
        format!("{}{:012}", promotions(), seq.0),
    )
}

pub(super) fn promotions() -> String {
    format!("promotion#{CHAMPION}#")
}

pub(super) fn experiment(experiment_id: &str) -> Key {
    Key::new(format!("experiment#{experiment_id}"), "experiment")
}

pub(super) fn experiment_name(name: &str) -> Key {
    // By its hash: a name may be longer than a key.
    let digest = Digest::of(name.as_bytes());
    Key::new(format!("experiment-name#{digest}"), "name")
}

pub(super) fn latest(run_id: &str, metric: &str) -> Key {
    Key::new(
        format!("mlflow#{run_id}"),
        format!("latest#{}", part(metric)),
    )
}

pub(super) fn link(run_id: &str, kind: &str, id: &str) -> Key {
    Key::new(
        format!("mlflow#{run_id}"),
        format!("{LINK}{kind}#{}", part(id)),
    )
}

pub(super) fn logged_model(model_id: &str) -> Key {
    Key::new(format!("logged#{model_id}"), "logged")
}

pub(super) fn mlflow_run(run_id: &str) -> Key {
    Key::new(format!("mlflow#{run_id}"), "run")
}

pub(super) fn metric_point(
    run_id: &str,
    key: &str,
    step: i64,
    timestamp_ms: i64,
    value: f64,
) -> Key {
    // The value is part of the key as in MLflow: two values of one step and moment are two points.
    Key::new(
        format!("mlflow#{run_id}"),
        format!(
            "{}{}#{}#{:016x}",
            metric_series(key),
            sortable::whole(timestamp_ms),
            sortable::whole(step),
            value.to_bits()
        ),
    )
}

pub(super) fn metric_series(key: &str) -> String {
    format!("metric#{}#", part(key))
}

pub(super) fn instance(instance: &str) -> Key {
    Key::new("serving".to_owned(), format!("instance#{instance}"))
}

pub(super) fn serving_total() -> Key {
    Key::new("serving".to_owned(), "total")
}

pub(super) fn folded(instance: &str) -> Key {
    Key::new(format!("serving#{instance}"), "folded")
}

pub(super) fn compaction(at: Timestamp) -> Key {
    Key::new("compaction".to_owned(), format!("hour#{}", hour(at)))
}

pub(super) fn compacted_through() -> Key {
    Key::new("compaction".to_owned(), "through")
}

/// The hour (UTC) that a time lies in.
pub(super) fn hour(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H").to_string()
}

pub(super) fn pipeline_counts() -> Key {
    Key::new("pipeline".to_owned(), "counts")
}

pub(super) fn runs_of(experiment_id: &str) -> String {
    format!("runs of {experiment_id}")
}

/// The latest start first, as MLflow lists runs.
pub(super) fn started(start_ms: i64, run_id: &str) -> String {
    format!("{}#{run_id}", sortable::whole_descending(start_ms))
}

pub(super) fn logged_models_of(experiment_id: &str) -> String {
    format!("logged models of {experiment_id}")
}

pub(super) fn ranks_of(experiment_id: &str, metric: &str) -> String {
    format!("ranks of {experiment_id} by {metric}")
}

/// The smallest value first; of equal ones the latest start.
pub(super) fn rank(value: f64, start_ms: i64, run_id: &str) -> String {
    format!("{}#{}", sortable::number(value), started(start_ms, run_id))
}

pub(super) fn versions_of(mlflow_run_id: &str) -> String {
    format!("versions of {mlflow_run_id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_sort_as_what_they_stand_for(a: i64, b: i64, s in 0_i64..4_000_000_000, t in 0_i64..4_000_000_000, n in 0_i32..1_000_000_000) {
            prop_assert_eq!(b.cmp(&a), started(a, "r").cmp(&started(b, "r")));
            let (early, late) = (Timestamp::new(s, n).unwrap(), Timestamp::new(t, 0).unwrap());
            prop_assert_eq!(early.cmp(&late), moment(early).cmp(&moment(late)));
        }

        #[test]
        fn a_part_gives_its_text_back(text: String) {
            prop_assert_eq!(whole(&part(&text)), text);
        }

        #[test]
        fn no_series_holds_the_points_of_another(a in "[a-z#%]{1,8}", b in "[a-z#%]{1,8}") {
            let point = metric_point("r", &a, 1, 1, 1.0);
            prop_assert_eq!(point.sk.starts_with(&metric_series(&b)), a == b);
        }
    }
}
