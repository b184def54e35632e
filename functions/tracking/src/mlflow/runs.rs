//! Runs: made, changed, logged to, taken away and brought back.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use tasador_mlflow::{
    BATCH_METRICS_MAX, BATCH_PARAMS_MAX, BATCH_TAGS_MAX, check_key, check_length, check_metric_key,
    check_param_key,
};
use tasador_registry::{MetricPoint, RunChange, RunLinks, RunLog, RunRecord, RunStatus};
use tasador_runtime::Context;

use super::call::{Call, Pair, number, required, text, whole};
use super::refusal::Refusal;
use super::{experiments, logged_models, place, view};

/// The longest value of a parameter, in characters.
const PARAM_MAX_CHARS: usize = 6_000;
/// The longest value of a tag, in characters.
const TAG_MAX_CHARS: usize = 8_000;
/// The tag that repeats a run's name.
const NAME_TAG: &str = "mlflow.runName";
/// The tag in which clients of MLflow 2 list the models a run logged.
const LOGGED_TAG: &str = "mlflow.log-model.history";
/// The tag that repeats who made a run.
const USER_TAG: &str = "mlflow.user";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Create {
    #[serde(deserialize_with = "text")]
    experiment_id: Option<String>,
    user_id: Option<String>,
    run_name: Option<String>,
    #[serde(deserialize_with = "whole")]
    start_time: Option<i64>,
    tags: Vec<Pair>,
}

pub(super) async fn create(
    State(ctx): State<Context>,
    Call(call): Call<Create>,
) -> Result<Json<Value>, Refusal> {
    let experiment_id = call.experiment_id.unwrap_or_else(|| "0".to_owned());
    let experiment = experiments::active(&ctx, &experiment_id).await?;
    let mut tags = Pair::map(call.tags);
    for (key, value) in &tags {
        check_tag(key, value)?;
    }
    let run_id = uuid::Uuid::new_v4().simple().to_string();
    let name = call.run_name.filter(|name| !name.is_empty());
    if let (Some(name), Some(tag)) = (&name, tags.get(NAME_TAG))
        && name != tag
    {
        return Err(Refusal::invalid(format!(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different \
             values (run_name='{name}', mlflow.runName='{tag}')."
        )));
    }
    let name = name
        .or_else(|| tags.get(NAME_TAG).cloned())
        .unwrap_or_else(|| format!("run-{}", run_id.get(..8).unwrap_or_default()));
    tags.insert(NAME_TAG.to_owned(), name.clone());
    let run = RunRecord {
        artifact_uri: place::within(&experiment, &run_id),
        run_id,
        experiment_id: experiment.experiment_id,
        name,
        user: call
            .user_id
            .or_else(|| tags.get(USER_TAG).cloned())
            .unwrap_or_default(),
        status: RunStatus::Running,
        start_ms: call
            .start_time
            .unwrap_or_else(|| ctx.now().as_millisecond()),
        end_ms: None,
        deleted_ms: None,
        params: Default::default(),
        metrics: Default::default(),
        moments: Default::default(),
        tags,
        datasets: Default::default(),
        has_links: false,
    };
    if !ctx.registry.make_run(&run).await? {
        return Err(Refusal::exists(format!(
            "Run '{}' already exists.",
            run.run_id
        )));
    }
    Ok(Json(json!({"run": view::run(&run, &RunLinks::default())})))
}

/// The names a run goes by: clients send the old one beside the new one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct One {
    run_id: Option<String>,
    run_uuid: Option<String>,
}

impl One {
    fn id(self) -> Result<String, Refusal> {
        required("run_id", self.run_id.or(self.run_uuid))
    }
}

pub(super) async fn get(
    State(ctx): State<Context>,
    Call(call): Call<One>,
) -> Result<Json<Value>, Refusal> {
    let run = known(&ctx, &call.id()?).await?;
    let links = links(&ctx, &run).await?;
    Ok(Json(json!({"run": view::run(&run, &links)})))
}

/// What went into a run and what came out; asks the registry only where there is something.
pub(super) async fn links(ctx: &Context, run: &RunRecord) -> Result<RunLinks, Refusal> {
    Ok(match run.has_links {
        true => ctx.registry.links(&run.run_id).await?,
        false => RunLinks::default(),
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Update {
    #[serde(flatten)]
    run: One,
    status: Option<RunStatus>,
    #[serde(deserialize_with = "whole")]
    end_time: Option<i64>,
    run_name: Option<String>,
}

pub(super) async fn update(
    State(ctx): State<Context>,
    Call(call): Call<Update>,
) -> Result<Json<Value>, Refusal> {
    let run_id = call.run.id()?;
    active(&ctx, &run_id).await?;
    let name = call.run_name.filter(|name| !name.is_empty());
    if let Some(name) = &name {
        let tags = [(NAME_TAG.to_owned(), name.clone())].into();
        let log = RunLog {
            tags,
            ..RunLog::default()
        };
        ctx.registry.log(&run_id, &log).await?;
    }
    let change = RunChange {
        status: call.status,
        end_ms: call.end_time,
        name,
        ..RunChange::default()
    };
    let run = ctx.registry.change_run(&run_id, &change).await?;
    let run = run.ok_or_else(|| no_run(&run_id))?;
    Ok(Json(json!({"run_info": view::run_info(&run)})))
}

pub(super) async fn delete(
    State(ctx): State<Context>,
    Call(call): Call<One>,
) -> Result<Json<Value>, Refusal> {
    let run = known(&ctx, &call.id()?).await?;
    let deleted_ms = Some(ctx.now().as_millisecond());
    set_deleted(&ctx, &run.run_id, deleted_ms).await
}

pub(super) async fn restore(
    State(ctx): State<Context>,
    Call(call): Call<One>,
) -> Result<Json<Value>, Refusal> {
    let run = known(&ctx, &call.id()?).await?;
    set_deleted(&ctx, &run.run_id, None).await
}

async fn set_deleted(
    ctx: &Context,
    run_id: &str,
    deleted_ms: Option<i64>,
) -> Result<Json<Value>, Refusal> {
    let change = RunChange {
        deleted_ms: Some(deleted_ms),
        ..RunChange::default()
    };
    let run = ctx.registry.change_run(run_id, &change).await?;
    run.ok_or_else(|| no_run(run_id))?;
    Ok(Json(json!({})))
}

/// A measured value as clients send it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metric {
    key: Option<String>,
    #[serde(deserialize_with = "number")]
    value: Option<f64>,
    #[serde(deserialize_with = "whole")]
    timestamp: Option<i64>,
    #[serde(deserialize_with = "whole")]
    step: Option<i64>,
    model_id: Option<String>,
    dataset_name: Option<String>,
    dataset_digest: Option<String>,
}

impl Metric {
    fn point(&self) -> Result<MetricPoint, Refusal> {
        let key = required("key", self.key.clone())?;
        check_metric_key(&key)?;
        let missing = |name: &str| {
            Refusal::invalid(format!("Missing value for required parameter '{name}'."))
        };
        Ok(MetricPoint {
            key,
            value: self.value.ok_or_else(|| missing("value"))?,
            step: self.step.unwrap_or(0),
            timestamp_ms: self.timestamp.ok_or_else(|| missing("timestamp"))?,
        })
    }

    /// The logged model that was measured, and on what.
    fn model(&self) -> Option<logged_models::Measured> {
        Some(logged_models::Measured {
            model_id: self.model_id.clone().filter(|id| !id.is_empty())?,
            dataset: self.dataset_name.clone().zip(self.dataset_digest.clone()),
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogMetric {
    run_id: Option<String>,
    run_uuid: Option<String>,
    key: Option<String>,
    #[serde(deserialize_with = "number")]
    value: Option<f64>,
    #[serde(deserialize_with = "whole")]
    timestamp: Option<i64>,
    #[serde(deserialize_with = "whole")]
    step: Option<i64>,
    model_id: Option<String>,
    dataset_name: Option<String>,
    dataset_digest: Option<String>,
}

pub(super) async fn log_metric(
    State(ctx): State<Context>,
    Call(call): Call<LogMetric>,
) -> Result<Json<Value>, Refusal> {
    let run_id = required("run_id", call.run_id.or(call.run_uuid))?;
    let metric = Metric {
        key: call.key,
        value: call.value,
        timestamp: call.timestamp,
        step: call.step,
        model_id: call.model_id,
        dataset_name: call.dataset_name,
        dataset_digest: call.dataset_digest,
    };
    log(&ctx, &run_id, vec![metric], RunLog::default()).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogPair {
    run_id: Option<String>,
    run_uuid: Option<String>,
    key: Option<String>,
    #[serde(deserialize_with = "text")]
    value: Option<String>,
}

impl LogPair {
    fn parts(self) -> Result<(String, String, String), Refusal> {
        Ok((
            required("run_id", self.run_id.or(self.run_uuid))?,
            required("key", self.key)?,
            self.value.unwrap_or_default(),
        ))
    }
}

pub(super) async fn log_param(
    State(ctx): State<Context>,
    Call(call): Call<LogPair>,
) -> Result<Json<Value>, Refusal> {
    let (run_id, key, value) = call.parts()?;
    check_param(&key, &value)?;
    let additions = RunLog {
        params: [(key, value)].into(),
        ..RunLog::default()
    };
    log(&ctx, &run_id, Vec::new(), additions).await
}

pub(super) async fn set_tag(
    State(ctx): State<Context>,
    Call(call): Call<LogPair>,
) -> Result<Json<Value>, Refusal> {
    let (run_id, key, value) = call.parts()?;
    check_tag(&key, &value)?;
    let additions = RunLog {
        tags: [(key, value)].into(),
        ..RunLog::default()
    };
    log(&ctx, &run_id, Vec::new(), additions).await
}

pub(super) async fn delete_tag(
    State(ctx): State<Context>,
    Call(call): Call<LogPair>,
) -> Result<Json<Value>, Refusal> {
    let (run_id, key, _) = call.parts()?;
    let run = active(&ctx, &run_id).await?;
    if !run.tags.contains_key(&key) {
        return Err(Refusal::missing(format!(
            "No tag with name: {key} in run with id {run_id}"
        )));
    }
    let change = RunChange {
        tags_removed: vec![key],
        ..RunChange::default()
    };
    let run = ctx.registry.change_run(&run_id, &change).await?;
    run.ok_or_else(|| no_run(&run_id))?;
    Ok(Json(json!({})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogBatch {
    run_id: Option<String>,
    metrics: Vec<Metric>,
    params: Vec<Pair>,
    tags: Vec<Pair>,
}

pub(super) async fn log_batch(
    State(ctx): State<Context>,
    Call(call): Call<LogBatch>,
) -> Result<Json<Value>, Refusal> {
    let run_id = required("run_id", call.run_id)?;
    for (what, count, most) in [
        ("metrics", call.metrics.len(), BATCH_METRICS_MAX),
        ("params", call.params.len(), BATCH_PARAMS_MAX),
        ("tags", call.tags.len(), BATCH_TAGS_MAX),
    ] {
        if count > most {
            return Err(Refusal::invalid(format!(
                "A batch logging request can contain at most {most} {what}. Got {count} {what}. \
                 Please split up {what} across multiple requests and try again."
            )));
        }
    }
    let mut additions = RunLog::default();
    for param in call.params {
        check_param(&param.key, &param.value)?;
        let known = additions
            .params
            .insert(param.key.clone(), param.value.clone());
        if let Some(known) = known
            && known != param.value
        {
            return Err(Refusal::invalid(format!(
                "Duplicate parameter keys have been submitted: {}",
                param.key
            )));
        }
    }
    for tag in call.tags {
        check_tag(&tag.key, &tag.value)?;
        additions.tags.insert(tag.key, tag.value);
    }
    log(&ctx, &run_id, call.metrics, additions).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogModel {
    run_id: Option<String>,
    model_json: Option<String>,
}

/// Takes down what a client of MLflow 2 says of a model it logged: one more entry in a tag.
pub(super) async fn log_model(
    State(ctx): State<Context>,
    Call(call): Call<LogModel>,
) -> Result<Json<Value>, Refusal> {
    let run_id = required("run_id", call.run_id)?;
    let text = required("model_json", call.model_json)?;
    let model: Value = serde_json::from_str(&text)
        .map_err(|_| Refusal::invalid("Malformed model info: it is not JSON."))?;
    let run = active(&ctx, &run_id).await?;
    let known = run
        .tags
        .get(LOGGED_TAG)
        .and_then(|tag| serde_json::from_str(tag).ok());
    let mut models: Vec<Value> = known.unwrap_or_default();
    models.push(model);
    let additions = RunLog {
        tags: [(LOGGED_TAG.to_owned(), Value::from(models).to_string())].into(),
        ..RunLog::default()
    };
    ctx.registry.log(&run_id, &additions).await?;
    Ok(Json(json!({})))
}

/// Adds to a run, and to the logged models that were measured.
async fn log(
    ctx: &Context,
    run_id: &str,
    metrics: Vec<Metric>,
    mut additions: RunLog,
) -> Result<Json<Value>, Refusal> {
    additions.points = metrics
        .iter()
        .map(Metric::point)
        .collect::<Result<_, _>>()?;
    if let Some(name) = additions.tags.get(NAME_TAG).cloned() {
        active(ctx, run_id).await?;
        let change = RunChange {
            name: Some(name),
            ..RunChange::default()
        };
        ctx.registry.change_run(run_id, &change).await?;
    }
    ctx.registry
        .log(run_id, &additions)
        .await
        .map_err(|error| match error {
            tasador_registry::RegistryError::NotFound { .. } => no_run(run_id),
            other => other.into(),
        })?;
    for (metric, point) in metrics.iter().zip(&additions.points) {
        if let Some(measured) = metric.model() {
            logged_models::measure(ctx, run_id, measured, point).await?;
        }
    }
    Ok(Json(json!({})))
}

fn check_param(key: &str, value: &str) -> Result<(), Refusal> {
    check_param_key(key)?;
    Ok(check_length(
        &format!("param '{key}'"),
        value,
        PARAM_MAX_CHARS,
    )?)
}

fn check_tag(key: &str, value: &str) -> Result<(), Refusal> {
    check_key("tag", key)?;
    Ok(check_length(&format!("tag '{key}'"), value, TAG_MAX_CHARS)?)
}

/// A run, deleted or not.
pub(super) async fn known(ctx: &Context, run_id: &str) -> Result<RunRecord, Refusal> {
    ctx.registry
        .run(run_id)
        .await?
        .ok_or_else(|| no_run(run_id))
}

/// A run that is not deleted.
pub(super) async fn active(ctx: &Context, run_id: &str) -> Result<RunRecord, Refusal> {
    let run = known(ctx, run_id).await?;
    if run.deleted_ms.is_some() {
        return Err(Refusal::invalid(format!(
            "The run {run_id} must be in the 'active' state. Current state is deleted."
        )));
    }
    Ok(run)
}

fn no_run(run_id: &str) -> Refusal {
    Refusal::missing(format!("Run with id={run_id} not found"))
}
