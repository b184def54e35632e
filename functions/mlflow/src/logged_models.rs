//! Models that runs log, registered or not, as clients of MLflow 3 keep them.

use serde_json::{Value, json};
use tasador_registry::{LoggedModel, LoggedModelStatus, MetricPoint, ModelMetric, Number};
use tasador_runtime::Context;

use crate::args::Args;
use crate::error::{Answer, ApiError};
use crate::facts::is_on;
use crate::language::{Entity, OnDataset, Subject, check_key, check_logged_model_name};
use crate::paging::Search;
use crate::{experiments, place, view};

/// The tag that lists the versions registered from a logged model.
const VERSIONS_TAG: &str = "mlflow.modelVersions";

const SEARCH_DEFAULT: i64 = 50;
const SEARCH_MAX: i64 = 1_000;

pub(crate) async fn create(ctx: &Context, args: Args) -> Answer {
    let experiment = experiments::active(ctx, &args.required("experiment_id")?).await?;
    let model_id = format!("m-{}", uuid::Uuid::new_v4().simple());
    let name = args.filled("name")?;
    if let Some(name) = &name {
        check_logged_model_name(name)?;
    }
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
    let datasets = datasets(&args.list("datasets")?)?;
    let keys = args.list("order_by")?;
    let mut order = Vec::new();
    for key in &keys {
        let direction = match key.flag("ascending")? {
            Some(false) => "DESC",
            _ => "ASC",
        };
        order.push(format!("{} {direction}", key.required("field_name")?));
    }
    // A token belongs to one search.
    let scope = args.digest(&["experiment_ids", "filter", "order_by"]);
    let experiments = args.texts("experiment_ids")?;
    let args = args.with("order_by", order);
    let mut search = Search::scoped(
        &args,
        Entity::LoggedModel,
        (SEARCH_DEFAULT, SEARCH_MAX),
        scope,
    )?;
    let mut is_measured = false;
    if !datasets.is_empty() {
        for comparison in &mut search.filter.all {
            is_measured |= restrict(&mut comparison.subject, &datasets);
        }
    }
    for (by, key) in search.order.iter_mut().zip(&keys) {
        let dataset = on_dataset(key)?;
        if dataset != OnDataset::default() {
            restrict(&mut by.subject, &[dataset]);
        }
    }
    let mut found = Vec::new();
    for experiment_id in experiments {
        found.extend(ctx.registry.logged_models(&experiment_id).await?);
    }
    found.retain(|model| {
        let mut metrics = model.metrics.iter();
        let on_datasets =
            datasets.is_empty() || is_measured || metrics.any(|metric| is_on(metric, &datasets));
        model.deleted_ms.is_none() && on_datasets
    });
    let (page, next) = search.page(found, |a, b| {
        let newest = b.created_ms.cmp(&a.created_ms);
        newest.then_with(|| a.model_id.cmp(&b.model_id))
    });
    let views = page.iter().map(view::logged_model).collect();
    Ok(search.answer("models", views, next))
}

/// The datasets that a search is restricted to, each by its name and perhaps its digest.
fn datasets(sent: &[Args]) -> Result<Vec<OnDataset>, ApiError> {
    let datasets = sent.iter().map(|dataset| {
        dataset.required("dataset_name")?;
        on_dataset(dataset)
    });
    datasets.collect()
}

fn on_dataset(sent: &Args) -> Result<OnDataset, ApiError> {
    Ok(OnDataset {
        name: sent.filled("dataset_name")?,
        digest: sent.filled("dataset_digest")?,
    })
}

/// Restricts a metric to its values on these datasets; false for any other subject.
fn restrict(subject: &mut Subject, datasets: &[OnDataset]) -> bool {
    let Subject::Metric(key) = subject else {
        return false;
    };
    *subject = Subject::MetricOn(std::mem::take(key), datasets.to_vec());
    true
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

/// Adds a version to the tag that lists the versions registered from a logged model.
pub(crate) async fn add_version(
    ctx: &Context,
    model_id: &str,
    name: &str,
    version: u32,
) -> Result<(), ApiError> {
    let version = json!({"name": name, "version": version});
    let args = Args::default().with("model_id", model_id);
    change(ctx, &args, &|model| {
        let known = model.tags.get(VERSIONS_TAG);
        let known = known.and_then(|known| serde_json::from_str(known).ok());
        let mut versions: Vec<Value> = known.unwrap_or_default();
        if !versions.contains(&version) {
            versions.push(version.clone());
        }
        // As Python writes it.
        let written = Value::from(versions).to_string();
        let written = written.replace("\":", "\": ").replace(",\"", ", \"");
        model
            .tags
            .insert(VERSIONS_TAG.to_owned(), written.replace("},{", "}, {"));
    })
    .await?;
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
