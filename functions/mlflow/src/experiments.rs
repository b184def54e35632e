//! Experiments.

use serde_json::{Value, json};
use tasador_registry::Experiment;
use tasador_runtime::Context;

use crate::args::{Args, View};
use crate::error::{Answer, ApiError};
use crate::language::{
    EXPERIMENT_TAG_MAX_CHARS, Entity, check_experiment_name, check_key, check_length,
};
use crate::paging::Search;
use crate::view;

const SEARCH_DEFAULT: i64 = 1_000;
const SEARCH_MAX: i64 = 50_000;
/// The id and the name of MLflow's experiment for runs that name none; it always exists.
pub(crate) const DEFAULT_ID: &str = "0";
const DEFAULT: &str = "Default";

pub(crate) async fn create(ctx: &Context, args: Args) -> Answer {
    let name = args.required("name")?;
    check_experiment_name(&name)?;
    default(ctx).await?;
    let now_ms = ctx.now().as_millisecond();
    let new = Experiment {
        artifact_location: args.filled("artifact_location")?,
        tags: args.map("tags")?,
        updated_ms: Some(now_ms),
        ..Experiment::named(name, now_ms)
    };
    match ctx.registry.make_experiment(&new).await? {
        Some(made) => Ok(json!({"experiment_id": made.experiment_id})),
        None => Err(ApiError::exists(format!(
            "Experiment(name={}) already exists.",
            new.name
        ))),
    }
}

pub(crate) async fn get(ctx: &Context, args: Args) -> Answer {
    let found = known(ctx, &args.required("experiment_id")?).await?;
    Ok(json!({"experiment": view::experiment(&found)}))
}

pub(crate) async fn get_by_name(ctx: &Context, args: Args) -> Answer {
    let name = args.required("experiment_name")?;
    if name == DEFAULT {
        default(ctx).await?;
    }
    let found = ctx.registry.experiment_named(&name).await?;
    let found = found.ok_or_else(|| {
        ApiError::not_found(format!("Could not find experiment with name '{name}'"))
    })?;
    Ok(json!({"experiment": view::experiment(&found)}))
}

pub(crate) async fn update(ctx: &Context, args: Args) -> Answer {
    let experiment = active(ctx, &args.required("experiment_id")?).await?;
    if let Some(name) = args.filled("new_name")? {
        check_experiment_name(&name)?;
        let now_ms = ctx.now().as_millisecond();
        let renamed = ctx
            .registry
            .rename_experiment(&experiment.experiment_id, &name, now_ms);
        if !renamed.await? {
            // MLflow has another code for a name that is taken at creation.
            return Err(ApiError::bad_request(format!(
                "An experiment named {name} already exists."
            )));
        }
    }
    Ok(json!({}))
}

pub(crate) async fn delete(ctx: &Context, args: Args) -> Answer {
    let known = known(ctx, &args.required("experiment_id")?).await?;
    if known.deleted_ms.is_some() {
        // Of a call that was interrupted.
        set_runs_deleted(ctx, &known, known.deleted_ms).await?;
    }
    let experiment = active(ctx, &known.experiment_id).await?;
    let now_ms = ctx.now().as_millisecond();
    change(ctx, &experiment.experiment_id, &|experiment| {
        experiment.deleted_ms = Some(now_ms);
    })
    .await?;
    set_runs_deleted(ctx, &experiment, Some(now_ms)).await
}

pub(crate) async fn restore(ctx: &Context, args: Args) -> Answer {
    let experiment = known(ctx, &args.required("experiment_id")?).await?;
    set_runs_deleted(ctx, &experiment, None).await?;
    change(ctx, &experiment.experiment_id, &|experiment| {
        experiment.deleted_ms = None;
    })
    .await
}

/// Deletes or restores the runs of an experiment with it.
async fn set_runs_deleted(
    ctx: &Context,
    experiment: &Experiment,
    deleted_ms: Option<i64>,
) -> Answer {
    let runs = &experiment.experiment_id;
    ctx.registry.set_runs_deleted(runs, deleted_ms).await?;
    Ok(json!({}))
}

pub(crate) async fn set_tag(ctx: &Context, args: Args) -> Answer {
    let experiment = active(ctx, &args.required("experiment_id")?).await?;
    let (key, value) = (
        args.required("key")?,
        args.text("value")?.unwrap_or_default(),
    );
    check_key("tag", &key)?;
    check_length("value", &value, EXPERIMENT_TAG_MAX_CHARS)?;
    change(ctx, &experiment.experiment_id, &|experiment| {
        experiment.tags.insert(key.clone(), value.clone());
    })
    .await
}

pub(crate) async fn delete_tag(ctx: &Context, args: Args) -> Answer {
    let experiment = active(ctx, &args.required("experiment_id")?).await?;
    let key = args.required("key")?;
    if !experiment.tags.contains_key(&key) {
        return Err(ApiError::not_found(format!(
            "No tag with name: {key} in experiment with id {}",
            experiment.experiment_id
        )));
    }
    change(ctx, &experiment.experiment_id, &|experiment| {
        experiment.tags.remove(&key);
    })
    .await
}

async fn change(
    ctx: &Context,
    experiment_id: &str,
    change: &(dyn Fn(&mut Experiment) + Sync),
) -> Result<Value, ApiError> {
    let now_ms = ctx.now().as_millisecond();
    let change = |experiment: &mut Experiment| {
        change(experiment);
        experiment.updated_ms = Some(now_ms);
    };
    let changed = ctx.registry.change_experiment(experiment_id, &change);
    changed.await?.ok_or_else(|| unknown(experiment_id))?;
    Ok(json!({}))
}

pub(crate) async fn search(ctx: &Context, args: Args) -> Answer {
    let search = Search::read(&args, Entity::Experiment, SEARCH_DEFAULT, SEARCH_MAX)?;
    let view = args.one_of::<View>("view_type")?.unwrap_or_default();
    default(ctx).await?;
    let mut found = ctx.registry.all_experiments().await?;
    found.retain(|experiment| view.shows(experiment.deleted_ms));
    let (page, next) = search.page(found, |a, b| {
        let newest = b.created_ms.cmp(&a.created_ms);
        newest.then_with(|| a.experiment_id.cmp(&b.experiment_id))
    });
    let views = page.iter().map(view::experiment).collect();
    Ok(search.answer("experiments", views, next))
}

/// The experiment that always exists; created when it is first read.
async fn default(ctx: &Context) -> Result<Experiment, ApiError> {
    // By its id: it may have another name or be deleted.
    if let Some(known) = ctx.registry.experiment_by_id(DEFAULT_ID).await? {
        return Ok(known);
    }
    // The oldest, as in MLflow, also where the pipeline was first.
    let others = ctx.registry.all_experiments().await?;
    let others = others.iter().map(|experiment| experiment.created_ms);
    let oldest_ms = others.fold(ctx.now().as_millisecond(), i64::min);
    let new = Experiment::named(DEFAULT, oldest_ms - 1);
    Ok(ctx.registry.experiment(&new).await?)
}

/// An experiment, deleted or not.
pub(crate) async fn known(ctx: &Context, experiment_id: &str) -> Result<Experiment, ApiError> {
    if experiment_id.parse::<i64>().is_err() {
        return Err(ApiError::invalid(format!(
            "Invalid experiment ID '{experiment_id}'. Experiment ID must be a valid integer."
        )));
    }
    match ctx.registry.experiment_by_id(experiment_id).await? {
        Some(found) => Ok(found),
        None if experiment_id == DEFAULT_ID => default(ctx).await,
        None => Err(unknown(experiment_id)),
    }
}

/// An experiment that is not deleted.
pub(crate) async fn active(ctx: &Context, experiment_id: &str) -> Result<Experiment, ApiError> {
    let found = known(ctx, experiment_id).await?;
    if found.deleted_ms.is_some() {
        return Err(ApiError::invalid(format!(
            "The experiment {experiment_id} must be in the 'active' state. Current state is deleted."
        )));
    }
    Ok(found)
}

fn unknown(experiment_id: &str) -> ApiError {
    ApiError::not_found(format!("No Experiment with id={experiment_id} exists"))
}
