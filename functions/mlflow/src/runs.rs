//! Runs: created, changed, deleted and restored.

use serde_json::json;
use tasador_registry::{RunChange, RunLinks, RunLog, RunRecord, RunStatus};
use tasador_runtime::Context;

use crate::args::Args;
use crate::error::{Answer, ApiError};
use crate::labels::run_tags;
use crate::{experiments, place, run_names, view};

/// The tag that repeats a run's name.
pub(crate) const NAME_TAG: &str = "mlflow.runName";
/// The tag that repeats who created a run.
const USER_TAG: &str = "mlflow.user";

pub(crate) async fn create(ctx: &Context, args: Args) -> Answer {
    let experiment_id = args.filled("experiment_id")?;
    let experiment_id = experiment_id.unwrap_or_else(|| experiments::DEFAULT_ID.to_owned());
    let experiment = experiments::active(ctx, &experiment_id).await?;
    let mut tags = run_tags(args.pairs("tags")?)?;
    let id = uuid::Uuid::new_v4();
    let run_id = id.simple().to_string();
    let name = args.filled("run_name")?;
    if let (Some(name), Some(tag)) = (&name, tags.get(NAME_TAG))
        && name != tag
    {
        return Err(ApiError::invalid(format!(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different \
             values (run_name='{name}', mlflow.runName='{tag}')."
        )));
    }
    let name = name
        .or_else(|| tags.get(NAME_TAG).cloned())
        .unwrap_or_else(|| run_names::of(&id));
    tags.insert(NAME_TAG.to_owned(), name.clone());
    let user = args
        .text("user_id")?
        .or_else(|| tags.get(USER_TAG).cloned());
    let start_ms = args.whole("start_time")?;
    let run = RunRecord {
        artifact_uri: place::within(&experiment, &run_id),
        user: user.unwrap_or_default(),
        tags,
        ..RunRecord::new(
            run_id,
            experiment.experiment_id,
            name,
            start_ms.unwrap_or_else(|| ctx.now().as_millisecond()),
        )
    };
    if !ctx.registry.make_run(&run).await? {
        return Err(ApiError::exists(format!(
            "Run '{}' already exists.",
            run.run_id
        )));
    }
    Ok(json!({"run": view::run(&run, &RunLinks::default())}))
}

pub(crate) async fn get(ctx: &Context, args: Args) -> Answer {
    let run = known(ctx, &args.run_id()?).await?;
    let links = links(ctx, &run).await?;
    Ok(json!({"run": view::run(&run, &links)}))
}

/// The inputs and outputs of a run; asks the registry only if there are any.
pub(crate) async fn links(ctx: &Context, run: &RunRecord) -> Result<RunLinks, ApiError> {
    Ok(match run.has_links {
        true => ctx.registry.links(&run.run_id).await?,
        false => RunLinks::default(),
    })
}

pub(crate) async fn update(ctx: &Context, args: Args) -> Answer {
    let run_id = args.run_id()?;
    active(ctx, &run_id).await?;
    let name = args.filled("run_name")?;
    if let Some(name) = &name {
        let log = RunLog {
            tags: [(NAME_TAG.to_owned(), name.clone())].into(),
            ..RunLog::default()
        };
        ctx.registry.log(&run_id, &log).await?;
    }
    let change = RunChange {
        status: args.one_of::<RunStatus>("status")?,
        end_ms: args.whole("end_time")?,
        name,
        ..RunChange::default()
    };
    let run = self::change(ctx, &run_id, &change).await?;
    Ok(json!({"run_info": view::run_info(&run)}))
}

pub(crate) async fn delete(ctx: &Context, args: Args) -> Answer {
    set_deleted(ctx, &args, Some(ctx.now().as_millisecond())).await
}

pub(crate) async fn restore(ctx: &Context, args: Args) -> Answer {
    set_deleted(ctx, &args, None).await
}

async fn set_deleted(ctx: &Context, args: &Args, deleted_ms: Option<i64>) -> Answer {
    let change = RunChange {
        deleted_ms: Some(deleted_ms),
        ..RunChange::default()
    };
    self::change(ctx, &args.run_id()?, &change).await?;
    Ok(json!({}))
}

pub(crate) async fn change(
    ctx: &Context,
    run_id: &str,
    change: &RunChange,
) -> Result<RunRecord, ApiError> {
    let changed = ctx.registry.change_run(run_id, change).await?;
    changed.ok_or_else(|| unknown(run_id))
}

/// A run, deleted or not.
pub(crate) async fn known(ctx: &Context, run_id: &str) -> Result<RunRecord, ApiError> {
    let found = ctx.registry.run(run_id).await?;
    found.ok_or_else(|| unknown(run_id))
}

/// A run that is not deleted.
pub(crate) async fn active(ctx: &Context, run_id: &str) -> Result<RunRecord, ApiError> {
    let run = known(ctx, run_id).await?;
    if run.deleted_ms.is_some() {
        return Err(ApiError::invalid(format!(
            "The run {run_id} must be in the 'active' state. Current state is deleted."
        )));
    }
    Ok(run)
}

pub(crate) fn unknown(run_id: &str) -> ApiError {
    ApiError::not_found(format!("Run with id={run_id} not found"))
}
