//! The keys of MLflow's items in the registry's one table.
//!
//! | Item | `pk` | `sk` | list (`by_list`) |
//! |---|---|---|---|
//! | experiment | `experiment#<id>` | `experiment` | `experiments` by id |
//! | an experiment's name | `experiment-name#<SHA-256>` | `name` | |
//! | run as MLflow knows it | `mlflow#<run id>` | `run` | `runs of <experiment>`, latest start first |
//! | one measured value | `mlflow#<run id>` | `metric#<key>#<time>#<step>#<value>` | |
//! | the latest value of a metric | `mlflow#<run id>` | `latest#<key>` | `ranks of <experiment> by <key>` by value |
//! | what went into a run or came out | `mlflow#<run id>` | `link#<kind>#<id>` | |
//! | a dataset as first logged | `datasets#<experiment>` | `dataset#<id>` | |
//! | what a dataset was for | `datasets#<experiment>` | `context#<id>#<context>` | |
//! | logged model | `logged#<model id>` | `logged` | `logged models of <experiment>`, latest first |

use tasador_ids::Digest;

use crate::sortable;
use crate::table::key::{Key, part};

pub(crate) const EXPERIMENTS: &str = "experiments";
pub(crate) const LINK: &str = "link#";
pub(crate) const DATASET_CONTEXT: &str = "context#";

pub(crate) fn experiment(experiment_id: &str) -> Key {
    Key::new(format!("experiment#{experiment_id}"), "experiment")
}

pub(crate) fn experiment_name(name: &str) -> Key {
    // By its hash: a name may be longer than a key.
    let digest = Digest::of(name.as_bytes());
    Key::new(format!("experiment-name#{digest}"), "name")
}

pub(crate) fn latest(run_id: &str, metric: &str) -> Key {
    Key::new(
        format!("mlflow#{run_id}"),
        format!("latest#{}", part(metric)),
    )
}

pub(crate) fn link(run_id: &str, kind: &str, id: &str) -> Key {
    Key::new(
        format!("mlflow#{run_id}"),
        format!("{LINK}{kind}#{}", part(id)),
    )
}

/// A dataset as it was first logged to a run of an experiment.
pub(crate) fn dataset(experiment_id: &str, id: &str) -> Key {
    Key::new(
        format!("datasets#{experiment_id}"),
        format!("dataset#{}", part(id)),
    )
}

/// What a dataset was for in an experiment.
pub(crate) fn dataset_context(experiment_id: &str, id: &str, context: &str) -> Key {
    Key::new(
        format!("datasets#{experiment_id}"),
        format!("{DATASET_CONTEXT}{}#{}", part(id), part(context)),
    )
}

pub(crate) fn logged_model(model_id: &str) -> Key {
    Key::new(format!("logged#{model_id}"), "logged")
}

pub(crate) fn mlflow_run(run_id: &str) -> Key {
    Key::new(format!("mlflow#{run_id}"), "run")
}

pub(crate) fn metric_point(
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

pub(crate) fn metric_series(key: &str) -> String {
    format!("metric#{}#", part(key))
}

pub(crate) fn runs_of(experiment_id: &str) -> String {
    format!("runs of {experiment_id}")
}

/// The latest start first, as MLflow lists runs.
pub(crate) fn started(start_ms: i64, run_id: &str) -> String {
    format!("{}#{run_id}", sortable::whole_descending(start_ms))
}

pub(crate) fn logged_models_of(experiment_id: &str) -> String {
    format!("logged models of {experiment_id}")
}

pub(crate) fn ranks_of(experiment_id: &str, metric: &str) -> String {
    format!("ranks of {experiment_id} by {metric}")
}

/// The smallest value first; of equal ones the latest start.
pub(crate) fn rank(value: f64, start_ms: i64, run_id: &str) -> String {
    format!("{}#{}", sortable::number(value), started(start_ms, run_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_latest_start_comes_first(a: i64, b: i64) {
            prop_assert_eq!(b.cmp(&a), started(a, "r").cmp(&started(b, "r")));
        }

        #[test]
        fn no_series_holds_the_points_of_another(a in "[a-z#%]{1,8}", b in "[a-z#%]{1,8}") {
            let point = metric_point("r", &a, 1, 1, 1.0);
            prop_assert_eq!(point.sk.starts_with(&metric_series(&b)), a == b);
        }
    }
}
