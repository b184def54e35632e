//! What is logged to a run: metrics, parameters, tags.

use serde_json::{Value, json};
use tasador_registry::{MetricPoint, RegistryError, RunChange, RunLog};
use tasador_runtime::Context;

use crate::args::Args;
use crate::error::{Answer, ApiError};
use crate::labels::{params, run_tags};
use crate::language::{check_batch, check_key};
use crate::{logged_models, runs};

/// The tag in which clients of MLflow 2 list the models that a run logged.
const LOGGED_TAG: &str = "mlflow.log-model.history";

pub(crate) async fn log_metric(ctx: &Context, args: Args) -> Answer {
    let run_id = args.run_id()?;
    log(ctx, &run_id, vec![args], RunLog::default()).await
}

pub(crate) async fn log_param(ctx: &Context, args: Args) -> Answer {
    // In the order of MLflow, which names the first one that is wrong.
    let (run_id, key) = (args.run_id()?, args.required("key")?);
    let value = args.text("value")?.unwrap_or_default();
    let additions = RunLog {
        params: params(vec![(key, value)])?,
        ..RunLog::default()
    };
    log(ctx, &run_id, Vec::new(), additions).await
}

pub(crate) async fn set_tag(ctx: &Context, args: Args) -> Answer {
    let (run_id, key) = (args.run_id()?, args.required("key")?);
    let value = args.text("value")?.unwrap_or_default();
    let additions = RunLog {
        tags: run_tags(vec![(key, value)])?,
        ..RunLog::default()
    };
    log(ctx, &run_id, Vec::new(), additions).await
}

pub(crate) async fn delete_tag(ctx: &Context, args: Args) -> Answer {
    let (run_id, key) = (args.run_id()?, args.required("key")?);
    let run = runs::active(ctx, &run_id).await?;
    if !run.tags.contains_key(&key) {
        return Err(ApiError::not_found(format!(
            "No tag with name: {key} in run with id {run_id}"
        )));
    }
    let change = RunChange {
        tags_removed: vec![key],
        ..RunChange::default()
    };
    runs::change(ctx, &run_id, &change).await?;
    Ok(json!({}))
}

pub(crate) async fn log_batch(ctx: &Context, args: Args) -> Answer {
    let run_id = args.required("run_id")?;
    let metrics = args.list("metrics")?;
    for (index, metric) in metrics.iter().enumerate() {
        point(metric).map_err(|error| error.within("metrics", index))?;
    }
    let (sent_params, sent_tags) = (args.pairs("params")?, args.pairs("tags")?);
    check_batch(metrics.len(), sent_params.len(), sent_tags.len())?;
    let additions = RunLog {
        params: params(sent_params)?,
        tags: run_tags(sent_tags)?,
        ..RunLog::default()
    };
    log(ctx, &run_id, metrics, additions).await
}

/// Adds the description of a model, which a client of MLflow 2 logged, to a tag.
pub(crate) async fn log_model(ctx: &Context, args: Args) -> Answer {
    let run_id = args.required("run_id")?;
    let model: Value = serde_json::from_str(&args.required("model_json")?)
        .map_err(|_| ApiError::invalid("Malformed model info: it is not JSON."))?;
    runs::active(ctx, &run_id).await?;
    let with_model = |tag: Option<&str>| {
        let known = tag.and_then(|tag| serde_json::from_str(tag).ok());
        let mut models: Vec<Value> = known.unwrap_or_default();
        if !models.contains(&model) {
            models.push(model.clone());
        }
        Value::from(models).to_string()
    };
    ctx.registry
        .change_tag(&run_id, LOGGED_TAG, &with_model)
        .await?;
    Ok(json!({}))
}

/// Adds to a run, and to the logged models that were measured.
async fn log(ctx: &Context, run_id: &str, metrics: Vec<Args>, mut additions: RunLog) -> Answer {
    additions.points = metrics.iter().map(point).collect::<Result<_, _>>()?;
    // A run keeps its name where the new one is empty.
    let is_name = |key: &String| key == runs::NAME_TAG;
    additions
        .tags
        .retain(|key, value| !(is_name(key) && value.is_empty()));
    if let Some(name) = additions.tags.get(runs::NAME_TAG).cloned() {
        runs::active(ctx, run_id).await?;
        let change = RunChange {
            name: Some(name),
            ..RunChange::default()
        };
        runs::change(ctx, run_id, &change).await?;
    }
    match ctx.registry.log(run_id, &additions).await {
        Err(RegistryError::NotFound { .. }) => return Err(runs::unknown(run_id)),
        logged => logged?,
    }
    for (metric, point) in metrics.iter().zip(&additions.points) {
        logged_models::measure(ctx, run_id, metric, point).await?;
    }
    Ok(json!({}))
}

fn point(metric: &Args) -> Result<MetricPoint, ApiError> {
    let key = metric.required("key")?;
    check_key("metric", &key)?;
    let (value, timestamp) = (metric.number("value")?, metric.whole("timestamp")?);
    Ok(MetricPoint {
        key,
        value: value.ok_or_else(|| ApiError::missing("value"))?,
        step: metric.whole("step")?.unwrap_or(0),
        timestamp_ms: timestamp.ok_or_else(|| ApiError::missing("timestamp"))?,
    })
}
