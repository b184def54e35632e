//! Runs: made, changed, taken away and brought back.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use tasador_registry::{RunChange, RunLinks, RunLog, RunRecord, RunStatus};
use tasador_runtime::Context;

use super::call::{Call, Pair, required, text, whole};
use super::refusal::Refusal;
use super::{experiments, log, place, view};

/// The tag that repeats a run's name.
pub(super) const NAME_TAG: &str = "mlflow.runName";
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
        log::check_tag(key, value)?;
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

pub(super) fn no_run(run_id: &str) -> Refusal {
    Refusal::missing(format!("Run with id={run_id} not found"))
}
