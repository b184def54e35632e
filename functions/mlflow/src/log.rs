//! What is logged to a run: measured values, parameters, tags.

use crate::language::{
    BATCH_METRICS_MAX, BATCH_PARAMS_MAX, BATCH_TAGS_MAX, check_key, check_length, check_metric_key,
    check_param_key,
};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use tasador_registry::{MetricPoint, RunChange, RunLog};
use tasador_runtime::Context;

use super::call::{Call, Pair, number, required, text, whole};
use super::refusal::Refusal;
use super::{logged_models, runs};

/// The longest value of a parameter, in characters.
const PARAM_MAX_CHARS: usize = 6_000;
/// The longest value of a tag, in characters.
const TAG_MAX_CHARS: usize = 8_000;
/// The tag in which clients of MLflow 2 list the models a run logged.
const LOGGED_TAG: &str = "mlflow.log-model.history";

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
    let run = runs::active(&ctx, &run_id).await?;
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
    run.ok_or_else(|| runs::no_run(&run_id))?;
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
    runs::active(&ctx, &run_id).await?;
    let with = |tag: Option<&str>| {
        let known = tag.and_then(|tag| serde_json::from_str(tag).ok());
        let mut models: Vec<Value> = known.unwrap_or_default();
        if !models.contains(&model) {
            models.push(model.clone());
        }
        Value::from(models).to_string()
    };
    ctx.registry.change_tag(&run_id, LOGGED_TAG, with).await?;
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
    if let Some(name) = additions.tags.get(runs::NAME_TAG).cloned() {
        runs::active(ctx, run_id).await?;
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
            tasador_registry::RegistryError::NotFound { .. } => runs::no_run(run_id),
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

pub(super) fn check_tag(key: &str, value: &str) -> Result<(), Refusal> {
    check_key("tag", key)?;
    Ok(check_length(&format!("tag '{key}'"), value, TAG_MAX_CHARS)?)
}
