//! The registry's records as MLflow's clients read them. Absent values and empty lists are left out.

use serde_json::{Map, Value, json};
use tasador_registry::{
    DatasetLink, Experiment, LoggedModel, MetricPoint, ModelMetric, RunLinks, RunRecord,
};

use crate::place;

/// The largest page, in bytes: an answer of Lambda has at most 6 MB.
const PAGE_MAX_BYTES: usize = 4_000_000;

/// The object without its nulls and empty lists.
pub(crate) fn lean(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|_, value| {
            !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())
        });
    }
    object
}

pub(crate) fn lifecycle(deleted_ms: Option<i64>) -> &'static str {
    match deleted_ms {
        Some(_) => "deleted",
        None => "active",
    }
}

/// A number, or text where JSON has no number for it.
fn number(value: f64) -> Value {
    if value.is_nan() {
        "NaN".into()
    } else {
        value.clamp(f64::MIN, f64::MAX).into()
    }
}

/// An answer with a list and the token of the next page.
pub(crate) fn page(name: &str, list: Vec<Value>, next: Option<String>) -> Value {
    lean(json!({name: list, "next_page_token": next}))
}

/// The same for a list that may be too large for an answer: it then ends early, with the token that
/// `after` gives for the rest behind so many entries.
pub(crate) fn bounded_page(
    name: &str,
    mut list: Vec<Value>,
    next: Option<String>,
    after: &dyn Fn(usize) -> Option<String>,
) -> Value {
    let mut size_bytes = 0;
    let fitting = list.iter().take_while(|one| {
        size_bytes += one.to_string().len();
        size_bytes <= PAGE_MAX_BYTES
    });
    // At least one, or a search would never end.
    let fits = fitting.count().max(1);
    if fits >= list.len() {
        return page(name, list, next);
    }
    list.truncate(fits);
    page(name, list, after(fits))
}

/// Tags or parameters.
pub(crate) fn pairs(map: &std::collections::BTreeMap<String, String>) -> Vec<Value> {
    map.iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect()
}

pub(crate) fn experiment(experiment: &Experiment) -> Value {
    lean(json!({
        "experiment_id": experiment.experiment_id,
        "name": experiment.name,
        "artifact_location": place::of_experiment(experiment),
        "lifecycle_stage": lifecycle(experiment.deleted_ms),
        "creation_time": experiment.created_ms,
        "last_update_time": experiment.updated_ms.unwrap_or(experiment.created_ms),
        "tags": pairs(&experiment.tags),
    }))
}

/// A run without what was logged to it.
pub(crate) fn run_info(run: &RunRecord) -> Value {
    lean(json!({
        "run_uuid": run.run_id,
        "run_id": run.run_id,
        "run_name": run.name,
        "experiment_id": run.experiment_id,
        "user_id": run.user,
        "status": run.status,
        "start_time": run.start_ms,
        "end_time": run.end_ms,
        "artifact_uri": place::of_run(run),
        "lifecycle_stage": lifecycle(run.deleted_ms),
    }))
}

pub(crate) fn run(run: &RunRecord, links: &RunLinks) -> Value {
    let metrics: Vec<Value> = run.latest().map(|point| metric(&point)).collect();
    let datasets: Vec<Value> = links.datasets.iter().map(dataset).collect();
    let models_in = links.models_in.iter();
    let models_in: Vec<Value> = models_in
        .map(|link| json!({"model_id": link.model_id}))
        .collect();
    let outputs = match links.models_out.is_empty() {
        true => Value::Null,
        false => json!({"model_outputs": links.models_out}),
    };
    lean(json!({
        "info": run_info(run),
        "data": lean(json!({
            "metrics": metrics, "params": pairs(&run.params), "tags": pairs(&run.tags),
        })),
        "inputs": lean(json!({"dataset_inputs": datasets, "model_inputs": models_in})),
        "outputs": outputs,
    }))
}

/// A point of a series.
pub(crate) fn metric(point: &MetricPoint) -> Value {
    json!({
        "key": point.key,
        "value": number(point.value),
        "timestamp": point.timestamp_ms,
        "step": point.step,
    })
}

/// A point of a series, with its run.
pub(crate) fn metric_of_run(run_id: &str, point: &MetricPoint) -> Value {
    with(metric(point), json!({"run_id": run_id}))
}

fn with(object: Value, more: Value) -> Value {
    let fields = [object, more]
        .into_iter()
        .filter_map(|object| match object {
            Value::Object(fields) => Some(fields),
            _ => None,
        });
    fields.flatten().collect::<Map<String, Value>>().into()
}

fn dataset(link: &DatasetLink) -> Value {
    lean(json!({
        "tags": pairs(&link.tags),
        "dataset": lean(json!({
            "name": link.name,
            "digest": link.digest,
            "source_type": link.source_type,
            "source": link.source,
            "schema": link.schema,
            "profile": link.profile,
        })),
    }))
}

pub(crate) fn logged_model(model: &LoggedModel) -> Value {
    let metrics = model.metrics.iter();
    let metrics: Vec<Value> = metrics
        .map(|metric| model_metric(&model.model_id, metric))
        .collect();
    json!({
        "info": lean(json!({
            "model_id": model.model_id,
            "experiment_id": model.experiment_id,
            "name": model.name,
            "creation_timestamp_ms": model.created_ms,
            "last_updated_timestamp_ms": model.updated_ms,
            "artifact_uri": model.artifact_uri,
            "status": model.status,
            "model_type": model.model_type,
            "source_run_id": model.source_run_id,
            "tags": pairs(&model.tags),
        })),
        "data": lean(json!({"params": pairs(&model.params), "metrics": metrics})),
    })
}

fn model_metric(model_id: &str, metric: &ModelMetric) -> Value {
    let (name, digest) = metric.dataset.clone().unzip();
    lean(json!({
        "key": metric.key,
        "value": number(metric.value.0),
        "timestamp": metric.timestamp_ms,
        "step": metric.step,
        "model_id": model_id,
        "run_id": metric.run_id,
        "dataset_name": name,
        "dataset_digest": digest,
    }))
}
