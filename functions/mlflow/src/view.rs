//! The registry's records as MLflow's clients read them.

use serde_json::{Map, Value, json};
use tasador_registry::{
    DatasetLink, Experiment, LoggedModel, LoggedModelStatus, MetricPoint, ModelMetric, RunLinks,
    RunRecord,
};

use super::call::Pair;
use super::place;

/// The name of a deletable thing's state.
pub(super) fn lifecycle(deleted: bool) -> &'static str {
    if deleted { "deleted" } else { "active" }
}

/// A number, or the text for what JSON has no word for.
pub(super) fn number(value: f64) -> Value {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return f64::MAX.copysign(value).into();
    }
    value.into()
}

/// Puts a list where it is not empty.
pub(super) fn put_list(into: &mut Map<String, Value>, name: &str, list: Vec<Value>) {
    if !list.is_empty() {
        into.insert(name.to_owned(), list.into());
    }
}

/// Puts a value where there is one.
pub(super) fn put(into: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        into.insert(name.to_owned(), value.into());
    }
}

/// An answer with a list and the token of the next page.
pub(super) fn page(name: &str, list: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = Map::new();
    put_list(&mut answer, name, list);
    put(&mut answer, "next_page_token", next);
    answer.into()
}

/// How large a page may get, in bytes: an answer of Lambda has at most 6 MB.
const PAGE_BYTES: usize = 4_000_000;

/// The same, where the list may be too large for an answer: it then ends before, with the token that
/// `after` gives for what follows so many of it.
pub(super) fn bounded_page(
    name: &str,
    mut list: Vec<Value>,
    next: Option<String>,
    after: impl FnOnce(usize) -> Option<String>,
) -> Value {
    let mut size_bytes = 0;
    let fitting = list.iter().take_while(|one| {
        size_bytes += one.to_string().len();
        size_bytes <= PAGE_BYTES
    });
    // One at least, or a search would never get on.
    let fits = fitting.count().max(1);
    if fits >= list.len() {
        return page(name, list, next);
    }
    list.truncate(fits);
    page(name, list, after(fits))
}

/// Tags or parameters.
pub(super) fn pairs(map: &std::collections::BTreeMap<String, String>) -> Vec<Value> {
    Pair::list(map)
        .into_iter()
        .map(|pair| json!({"key": pair.key, "value": pair.value}))
        .collect()
}

/// An experiment.
pub(super) fn experiment(experiment: &Experiment) -> Value {
    let mut view = Map::from_iter([
        (
            "experiment_id".to_owned(),
            experiment.experiment_id.clone().into(),
        ),
        ("name".to_owned(), experiment.name.clone().into()),
        (
            "artifact_location".to_owned(),
            place::of_experiment(experiment).into(),
        ),
        (
            "lifecycle_stage".to_owned(),
            lifecycle(experiment.deleted_ms.is_some()).into(),
        ),
        ("creation_time".to_owned(), experiment.created_ms.into()),
        (
            "last_update_time".to_owned(),
            experiment
                .updated_ms
                .unwrap_or(experiment.created_ms)
                .into(),
        ),
    ]);
    put_list(&mut view, "tags", pairs(&experiment.tags));
    view.into()
}

/// What is told of a run without what was logged to it.
pub(super) fn run_info(run: &RunRecord) -> Value {
    let mut view = Map::from_iter([
        ("run_uuid".to_owned(), run.run_id.clone().into()),
        ("run_id".to_owned(), run.run_id.clone().into()),
        ("run_name".to_owned(), run.name.clone().into()),
        ("experiment_id".to_owned(), run.experiment_id.clone().into()),
        ("user_id".to_owned(), run.user.clone().into()),
        ("status".to_owned(), run.status.name().into()),
        ("start_time".to_owned(), run.start_ms.into()),
        ("artifact_uri".to_owned(), place::of_run(run).into()),
        (
            "lifecycle_stage".to_owned(),
            lifecycle(run.deleted_ms.is_some()).into(),
        ),
    ]);
    put(&mut view, "end_time", run.end_ms);
    view.into()
}

/// A run with all that was logged to it.
pub(super) fn run(run: &RunRecord, links: &RunLinks) -> Value {
    let mut data = Map::new();
    put_list(
        &mut data,
        "metrics",
        run.latest().map(|point| metric(&point)).collect(),
    );
    put_list(&mut data, "params", pairs(&run.params));
    put_list(&mut data, "tags", pairs(&run.tags));
    let mut inputs = Map::new();
    put_list(
        &mut inputs,
        "dataset_inputs",
        links.datasets.iter().map(dataset).collect(),
    );
    let came_in = links
        .models_in
        .iter()
        .map(|link| json!({"model_id": link.model_id}));
    put_list(&mut inputs, "model_inputs", came_in.collect());
    let mut outputs = Map::new();
    let came_out = links
        .models_out
        .iter()
        .map(|link| json!({"model_id": link.model_id, "step": link.step}));
    put_list(&mut outputs, "model_outputs", came_out.collect());
    let mut view = Map::from_iter([
        ("info".to_owned(), run_info(run)),
        ("data".to_owned(), data.into()),
        ("inputs".to_owned(), inputs.into()),
    ]);
    if !outputs.is_empty() {
        view.insert("outputs".to_owned(), outputs.into());
    }
    view.into()
}

/// A point of a series.
pub(super) fn metric(point: &MetricPoint) -> Value {
    json!({
        "key": point.key,
        "value": number(point.value),
        "timestamp": point.timestamp_ms,
        "step": point.step,
    })
}

fn dataset(link: &DatasetLink) -> Value {
    let mut dataset = Map::from_iter([
        ("name".to_owned(), link.name.clone().into()),
        ("digest".to_owned(), link.digest.clone().into()),
        ("source_type".to_owned(), link.source_type.clone().into()),
        ("source".to_owned(), link.source.clone().into()),
    ]);
    put(&mut dataset, "schema", link.schema.clone());
    put(&mut dataset, "profile", link.profile.clone());
    let mut view = Map::new();
    put_list(&mut view, "tags", pairs(&link.tags));
    view.insert("dataset".to_owned(), dataset.into());
    view.into()
}

/// The name of a logged model's status.
pub(super) fn model_status(status: LoggedModelStatus) -> &'static str {
    match status {
        LoggedModelStatus::Pending => "LOGGED_MODEL_PENDING",
        LoggedModelStatus::Ready => "LOGGED_MODEL_READY",
        LoggedModelStatus::Failed => "LOGGED_MODEL_UPLOAD_FAILED",
    }
}

/// A logged model.
pub(super) fn logged_model(model: &LoggedModel) -> Value {
    let mut info = Map::from_iter([
        ("model_id".to_owned(), model.model_id.clone().into()),
        (
            "experiment_id".to_owned(),
            model.experiment_id.clone().into(),
        ),
        ("name".to_owned(), model.name.clone().into()),
        ("creation_timestamp_ms".to_owned(), model.created_ms.into()),
        (
            "last_updated_timestamp_ms".to_owned(),
            model.updated_ms.into(),
        ),
        ("artifact_uri".to_owned(), model.artifact_uri.clone().into()),
        ("status".to_owned(), model_status(model.status).into()),
    ]);
    put(&mut info, "model_type", model.model_type.clone());
    put(&mut info, "source_run_id", model.source_run_id.clone());
    put(&mut info, "status_message", None::<String>);
    put_list(&mut info, "tags", pairs(&model.tags));
    let mut data = Map::new();
    put_list(&mut data, "params", pairs(&model.params));
    let metrics = model
        .metrics
        .iter()
        .map(|metric| model_metric(&model.model_id, metric));
    put_list(&mut data, "metrics", metrics.collect());
    json!({"info": info, "data": data})
}

fn model_metric(model_id: &str, metric: &ModelMetric) -> Value {
    let mut view = Map::from_iter([
        ("key".to_owned(), metric.key.clone().into()),
        ("value".to_owned(), number(metric.value.0)),
        ("timestamp".to_owned(), metric.timestamp_ms.into()),
        ("step".to_owned(), metric.step.into()),
        ("model_id".to_owned(), model_id.into()),
        ("run_id".to_owned(), metric.run_id.clone().into()),
    ]);
    if let Some((name, digest)) = &metric.dataset {
        view.insert("dataset_name".to_owned(), name.clone().into());
        view.insert("dataset_digest".to_owned(), digest.clone().into());
    }
    view.into()
}
