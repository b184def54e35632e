//! Models that runs log, registered or not, as clients of MLflow 3 keep them.

use serde_json::{Value, json};
use tasador_registry::{LoggedModel, LoggedModelStatus, MetricPoint, ModelMetric, Number};
use tasador_runtime::Context;

use crate::args::Args;
use crate::error::{Answer, ApiError};
use crate::language::{Entity, check_key};
use crate::paging::Search;
use crate::{experiments, place, view};

const SEARCH_DEFAULT: i64 = 50;
const SEARCH_MAX: i64 = 1_000;

pub(crate) async fn create(ctx: &Context, args: Args) -> Answer {
    let experiment = experiments::active(ctx, &args.required("experiment_id")?).await?;
    let model_id = format!("m-{}", uuid::Uuid::new_v4().simple());
    let name = args.filled("name")?;
    let now_ms = ctx.now().as_millisecond();
    let model = LoggedModel {
        artifact_uri: place::of_logged_model(&experiment, &model_id),
        name: name.unwrap_or_else(|| format!("model-{}", model_id.get(2..10).unwrap_or_default())),
        model_id,
        experiment_id: experiment.experiment_id,
        created_ms: now_ms,
        updated_ms: now_ms,
        status: LoggedModelStatus::Pending,
        model_type: args.filled("model_type")?,
        source_run_id: args.filled("source_run_id")?,
        deleted_ms: None,
        params: args.map("params")?,
        tags: args.map("tags")?,
        metrics: Vec::new(),
    };
    if !ctx.registry.make_logged_model(&model).await? {
        return Err(ApiError::exists(
            "A logged model with this id exists already.",
        ));
    }
    Ok(answer(&model))
}

pub(crate) async fn get(ctx: &Context, args: Args) -> Answer {
    Ok(answer(&known(ctx, &args.required("model_id")?).await?))
}

pub(crate) async fn finalize(ctx: &Context, args: Args) -> Answer {
    let status = args.one_of::<LoggedModelStatus>("status")?;
    let status = status.ok_or_else(|| ApiError::missing("status"))?;
    let changed = change(ctx, &args, &|model| model.status = status).await?;
    Ok(answer(&changed))
}

pub(crate) async fn delete(ctx: &Context, args: Args) -> Answer {
    let now_ms = ctx.now().as_millisecond();
    let model = known(ctx, &args.required("model_id")?).await?;
    let delete = |model: &mut LoggedModel| model.deleted_ms = Some(now_ms);
    ctx.registry
        .change_logged_model(&model.model_id, &delete)
        .await?;
    Ok(json!({}))
}

pub(crate) async fn set_tags(ctx: &Context, args: Args) -> Answer {
    let tags = args.map("tags")?;
    for key in tags.keys() {
        check_key("tag", key)?;
    }
    let changed = change(ctx, &args, &|model| model.tags.extend(tags.clone())).await?;
    Ok(answer(&changed))
}

pub(crate) async fn delete_tag(ctx: &Context, args: Args) -> Answer {
    let (model_id, key) = (args.required("model_id")?, args.required("key")?);
    if !known(ctx, &model_id).await?.tags.contains_key(&key) {
        return Err(ApiError::not_found(format!(
            "No tag with key {key:?} found for model with ID {model_id:?}."
        )));
    }
    change(ctx, &args, &|model| {
        model.tags.remove(&key);
    })
    .await?;
    Ok(json!({}))
}

pub(crate) async fn log_params(ctx: &Context, args: Args) -> Answer {
    let params = args.map("params")?;
    for key in params.keys() {
        check_key("parameter", key)?;
    }
    change(ctx, &args, &|model| model.params.extend(params.clone())).await?;
    Ok(json!({}))
}

pub(crate) async fn search(ctx: &Context, args: Args) -> Answer {
    let order = args.list("order_by")?.into_iter().map(|key| {
        let direction = match key.flag("ascending")? {
            Some(false) => "DESC",
            _ => "ASC",
        };
        Ok(format!("{} {direction}", key.required("field_name")?))
    });
    let order = order.collect::<Result<Vec<_>, ApiError>>()?;
    let args = args.with("order_by", order);
    let search = Search::read(&args, Entity::LoggedModel, SEARCH_DEFAULT, SEARCH_MAX)?;
    let mut found = Vec::new();
    for experiment_id in args.texts("experiment_ids")? {
        found.extend(ctx.registry.logged_models(&experiment_id).await?);
    }
    found.retain(|model| model.deleted_ms.is_none());
    let (page, next) = search.page(found, |a, b| {
        let newest = b.created_ms.cmp(&a.created_ms);
        newest.then_with(|| a.model_id.cmp(&b.model_id))
    });
    let views = page.iter().map(view::logged_model).collect();
    Ok(search.answer("models", views, next))
}

/// Records a metric of a logged model, if the client sent one with the metric of a run.
pub(crate) async fn measure(
    ctx: &Context,
    run_id: &str,
    sent: &Args,
    point: &MetricPoint,
) -> Result<(), ApiError> {
    if sent.filled("model_id")?.is_none() {
        return Ok(());
    }
    let metric = ModelMetric {
        key: point.key.clone(),
        value: Number(point.value),
        step: point.step,
        timestamp_ms: point.timestamp_ms,
        run_id: run_id.to_owned(),
        dataset: sent.text("dataset_name")?.zip(sent.text("dataset_digest")?),
    };
    change(ctx, sent, &|model| model.measured(metric.clone())).await?;
    Ok(())
}

/// Changes the logged model that `model_id` names.
async fn change(
    ctx: &Context,
    args: &Args,
    change: &(dyn Fn(&mut LoggedModel) + Sync),
) -> Result<LoggedModel, ApiError> {
    let model_id = args.required("model_id")?;
    let now_ms = ctx.now().as_millisecond();
    let change = |model: &mut LoggedModel| {
        if model.deleted_ms.is_none() {
            change(model);
            model.updated_ms = now_ms;
        }
    };
    let changed = ctx.registry.change_logged_model(&model_id, &change);
    active(changed.await?, &model_id)
}

/// A logged model that is not deleted.
pub(crate) async fn known(ctx: &Context, model_id: &str) -> Result<LoggedModel, ApiError> {
    active(ctx.registry.logged_model(model_id).await?, model_id)
}

fn active(found: Option<LoggedModel>, model_id: &str) -> Result<LoggedModel, ApiError> {
    found
        .filter(|model| model.deleted_ms.is_none())
        .ok_or_else(|| ApiError::not_found(format!("Logged model with ID '{model_id}' not found.")))
}

fn answer(model: &LoggedModel) -> Value {
    json!({"model": view::logged_model(model)})
}
