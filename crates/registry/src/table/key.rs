//! The keys of the registry's one table, but for MLflow's ([`crate::mlflow::key`]).
//!
//! | Item | `pk` | `sk` | list (`by_list`) |
//! |---|---|---|---|
//! | batch | `batch#<batch>` | `batch` | |
//! | batch that belongs into datasets | `usable` | `<received>#<batch>` | |
//! | a person's decision about a batch | `batch#<batch>` | `event#<number>` | |
//! | a batch whose rows were withdrawn | `withdrawn` | `batch#<batch>` | |
//! | a property that was withdrawn | `withdrawn` | `property#<key>` | |
//! | a run's batch | `run#<run>` | `batch` | |
//! | a run's outcome | `run#<run>` | `history` | `history` by time |
//! | a run's promotion | `run#<run>` | `promotion` | |
//! | model | `model#<model>` | `model` | `models` by name |
//! | version | `model#<model>` | `version#<number>` | `versions of <MLflow run>` |
//! | what a version is made from | `model#<model>` | `source#<source key>` | |
//! | alias, with a copy of its version | `model#<model>` | `alias#champion` | |
//! | promotion | `model#<model>` | `promotion#champion#<number>` | |
//! | another alias, likewise | `model#<model>` | `alias#<alias>` | |
//! | what one instance counted | `serving` | `instance#<instance>` | |
//! | what instances long gone counted | `serving` | `total` | |
//! | what the total took over of an instance | `serving#<instance>` | `folded` | |
//! | the compaction of an hour of the log | `compaction` | `hour#<hour>` | |
//! | up to when the log is compacted | `compaction` | `through` | |
//! | what the pipeline decided | `pipeline` | `counts` | |
//! | a file under `drop/` that was taken | `drop#<SHA-256 of its key>` | `drop` | |
//! | the SHA-256 of a file of a version | `file#<SHA-256 of its key>` | `file` | |
//! | a sale and the price served for its home | `evaluated#<model>` | `<date>#<property>` | |
//! | what served prices turned out to be worth | `performance#<model>` | `performance` | |
//! | when sales were kept that the figures may lack | `performance#<model>` | `sales` | |
//! | a proposed rollback | `rollbacks#<model>` | `<number of the champion's promotion>` | |
//! | an object with sales that are settled | `settled-sales` | `<key>` | |
//! | a run that works now | `turns` | `turn#<number>` | |
//!
//! Open batches also stand in the index `open` (`open_pk` = `open`, `open_sk` by reception).

use jiff::Timestamp;
use tasador_ids::{BatchId, Digest, ModelName, ModelVersion, RunId};

use crate::promotion::CHAMPION;
use tasador_flow::PromotionSeq;
use tasador_listing::PropertyKey;

/// An item's two key attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    pub(crate) fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }
}

pub(crate) const BY_LIST: &str = "by_list";
pub(crate) const OPEN: &str = "open";
pub(crate) const USABLE: &str = "usable";
pub(crate) const EVENT: &str = "event#";
pub(crate) const WITHDRAWN: &str = "withdrawn";
pub(crate) const WITHDRAWN_BATCH: &str = "batch#";
pub(crate) const WITHDRAWN_PROPERTY: &str = "property#";
pub(crate) const HISTORY: &str = "history";
pub(crate) const MODELS: &str = "models";
pub(crate) const VERSION: &str = "version#";
pub(crate) const ALIAS: &str = "alias#";

/// A time whose text sorts as the times do.
pub(crate) fn moment(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// Text that cannot be mistaken for two parts of a key.
pub(crate) fn part(text: &str) -> String {
    text.replace('%', "%25").replace('#', "%23")
}

/// The text that [`part`] was made of.
pub(crate) fn whole(part: &str) -> String {
    part.replace("%23", "#").replace("%25", "%")
}

pub(crate) fn batch(batch: &BatchId) -> Key {
    Key::new(format!("batch#{batch}"), "batch")
}

pub(crate) fn batch_event(batch: &BatchId, seq: u32) -> Key {
    Key::new(format!("batch#{batch}"), format!("{EVENT}{seq:010}"))
}

pub(crate) fn withdrawn_batch(batch: &BatchId) -> Key {
    Key::new(WITHDRAWN.to_owned(), format!("{WITHDRAWN_BATCH}{batch}"))
}

pub(crate) fn withdrawn_property(property: &PropertyKey) -> Key {
    Key::new(
        WITHDRAWN.to_owned(),
        format!("{WITHDRAWN_PROPERTY}{property}"),
    )
}

pub(crate) fn usable(received_at: Timestamp, batch: &BatchId) -> Key {
    Key::new(USABLE.to_owned(), received(received_at, batch))
}

pub(crate) fn received(received_at: Timestamp, batch: &BatchId) -> String {
    format!("{}#{batch}", moment(received_at))
}

pub(crate) fn run_batch(run: &RunId) -> Key {
    Key::new(format!("run#{run}"), "batch")
}

pub(crate) fn run_history(run: &RunId) -> Key {
    Key::new(format!("run#{run}"), "history")
}

pub(super) fn drop(object: &str) -> Key {
    // By its hash: keys of S3 hold anything.
    Key::new(format!("drop#{}", Digest::of(object.as_bytes())), "drop")
}

pub(super) fn file(key: &tasador_ids::Key) -> Key {
    Key::new(
        format!("file#{}", Digest::of(key.as_str().as_bytes())),
        "file",
    )
}

pub(super) fn turn(number: u32) -> Key {
    Key::new("turns".to_owned(), format!("turn#{number}"))
}

pub(crate) fn run_promotion(run: &RunId) -> Key {
    Key::new(format!("run#{run}"), "promotion")
}

pub(crate) fn model(model: &ModelName) -> Key {
    Key::new(format!("model#{model}"), "model")
}

pub(crate) fn version(model: &ModelName, version: ModelVersion) -> Key {
    Key::new(
        format!("model#{model}"),
        format!("{VERSION}{:010}", version.0),
    )
}

pub(crate) fn version_source(model: &ModelName, source_key: &str) -> Key {
    Key::new(format!("model#{model}"), format!("source#{source_key}"))
}

pub(crate) fn champion(model: &ModelName) -> Key {
    alias(model, CHAMPION)
}

pub(crate) fn alias(model: &ModelName, alias: &str) -> Key {
    Key::new(format!("model#{model}"), format!("{ALIAS}{}", part(alias)))
}

pub(crate) fn promotion(model: &ModelName, seq: PromotionSeq) -> Key {
    Key::new(
        format!("model#{model}"),
        format!("{}{:012}", promotions(), seq.0),
    )
}

pub(crate) fn promotions() -> String {
    format!("promotion#{CHAMPION}#")
}

pub(crate) fn instance(instance: &str) -> Key {
    Key::new("serving".to_owned(), format!("instance#{instance}"))
}

pub(crate) fn serving_total() -> Key {
    Key::new("serving".to_owned(), "total")
}

pub(crate) fn folded(instance: &str) -> Key {
    Key::new(format!("serving#{instance}"), "folded")
}

pub(crate) fn compaction(at: Timestamp) -> Key {
    Key::new("compaction".to_owned(), format!("hour#{}", hour(at)))
}

pub(crate) fn compacted_through() -> Key {
    Key::new("compaction".to_owned(), "through")
}

/// The hour (UTC) that a time lies in.
pub(crate) fn hour(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H").to_string()
}

pub(crate) fn pipeline_counts() -> Key {
    Key::new("pipeline".to_owned(), "counts")
}

pub(crate) fn versions_of(mlflow_run_id: &str) -> String {
    format!("versions of {mlflow_run_id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn moments_sort_as_times_do(s in 0_i64..4_000_000_000, t in 0_i64..4_000_000_000, n in 0_i32..1_000_000_000) {
            let (early, late) = (Timestamp::new(s, n).unwrap(), Timestamp::new(t, 0).unwrap());
            prop_assert_eq!(early.cmp(&late), moment(early).cmp(&moment(late)));
        }

        #[test]
        fn a_part_gives_its_text_back(text: String) {
            prop_assert_eq!(whole(&part(&text)), text);
        }
    }
}
