//! Models that runs log, registered or not, as clients of MLflow 3 keep them.

use crate::language::{Entity, Filter, OrderBy, check_key, parse_order};
use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use tasador_registry::{
    LoggedModel, LoggedModelStatus, MetricPoint, ModelLink, ModelMetric, Number, PAGE_LIMIT_MAX,
    PageRequest, RunLinks,
};
use tasador_runtime::Context;

use super::call::{Call, Pair, many, required, text, whole};
use super::facts::Asked;
use super::refusal::Refusal;
use super::{experiments, place, runs, sorted, view};

/// Models on a page where nothing is said.
const SEARCH_DEFAULT: i64 = 50;
/// The most models on a page.
const SEARCH_MAX: i64 = 1_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Create {
    #[serde(deserialize_with = "text")]
    experiment_id: Option<String>,
    name: Option<String>,
    model_type: Option<String>,
    source_run_id: Option<String>,
    params: Vec<Pair>,
    tags: Vec<Pair>,
}

pub(super) async fn create(
    State(ctx): State<Context>,
    Call(call): Call<Create>,
) -> Result<Json<Value>, Refusal> {
    let experiment_id = required("experiment_id", call.experiment_id)?;
    let experiment = experiments::active(&ctx, &experiment_id).await?;
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let model_id = format!("m-{}", uuid::Uuid::new_v4().simple());
    let now_ms = ctx.now().as_millisecond();
    let model = LoggedModel {
        artifact_uri: place::of_logged_model(&experiment, &model_id),
        name: some(call.name)
            .unwrap_or_else(|| format!("model-{}", model_id.get(2..10).unwrap_or_default())),
        model_id,
        experiment_id: experiment.experiment_id,
        created_ms: now_ms,
        updated_ms: now_ms,
        status: LoggedModelStatus::Pending,
        model_type: some(call.model_type),
        source_run_id: some(call.source_run_id),
        deleted_ms: None,
        params: Pair::map(call.params),
        tags: Pair::map(call.tags),
        metrics: Vec::new(),
    };
    if !ctx.registry.make_logged_model(&model).await? {
        return Err(Refusal::exists("A logged model of that id exists already."));
    }
    Ok(answer(&model))
}

pub(super) async fn get(
    State(ctx): State<Context>,
    Path(model_id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    Ok(answer(&known(&ctx, &model_id).await?))
}

#[derive(Debug, Deserialize)]
pub(super) struct Finalize {
    status: LoggedModelStatus,
}

pub(super) async fn finalize(
    State(ctx): State<Context>,
    Path(model_id): Path<String>,
    Call(call): Call<Finalize>,
) -> Result<Json<Value>, Refusal> {
    let changed = change(&ctx, &model_id, |model| {
        model.status = call.status;
        Ok(())
    });
    Ok(answer(&changed.await?))
}

pub(super) async fn delete(
    State(ctx): State<Context>,
    Path(model_id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let now_ms = ctx.now().as_millisecond();
    change(&ctx, &model_id, |model| {
        model.deleted_ms = Some(now_ms);
        Ok(())
    })
    .await?;
    Ok(Json(json!({})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pairs {
    tags: Vec<Pair>,
    params: Vec<Pair>,
}

pub(super) async fn set_tags(
    State(ctx): State<Context>,
    Path(model_id): Path<String>,
    Call(call): Call<Pairs>,
) -> Result<Json<Value>, Refusal> {
    let tags = Pair::map(call.tags);
    for key in tags.keys() {
        check_key("tag", key)?;
    }
    let changed = change(&ctx, &model_id, |model| {
        model.tags.extend(tags.clone());
        Ok(())
    });
    Ok(answer(&changed.await?))
}

pub(super) async fn delete_tag(
    State(ctx): State<Context>,
    Path((model_id, key)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    change(&ctx, &model_id, |model| match model.tags.remove(&key) {
        Some(_) => Ok(()),
        None => Err(Refusal::missing(format!(
            "No tag with key {key:?} found for model with ID {model_id:?}."
        ))),
    })
    .await?;
    Ok(Json(json!({})))
}

pub(super) async fn log_params(
    State(ctx): State<Context>,
    Path(model_id): Path<String>,
    Call(call): Call<Pairs>,
) -> Result<Json<Value>, Refusal> {
    let params = Pair::map(call.params);
    for key in params.keys() {
        check_key("parameter", key)?;
    }
    change(&ctx, &model_id, |model| {
        model.params.extend(params.clone());
        Ok(())
    })
    .await?;
    Ok(Json(json!({})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Order {
    field_name: String,
    ascending: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    #[serde(deserialize_with = "many")]
    experiment_ids: Vec<String>,
    filter: Option<String>,
    #[serde(deserialize_with = "whole")]
    max_results: Option<i64>,
    order_by: Vec<Order>,
    page_token: Option<String>,
}

pub(super) async fn search(
    State(ctx): State<Context>,
    Call(call): Call<Search>,
) -> Result<Json<Value>, Refusal> {
    let limit = sorted::limit(call.max_results, SEARCH_DEFAULT, SEARCH_MAX)?;
    let filter = Filter::parse(
        Entity::LoggedModel,
        call.filter.as_deref().unwrap_or_default(),
    )?;
    let order = call
        .order_by
        .iter()
        .map(key)
        .collect::<Result<Vec<_>, _>>()?;
    let mut found = Vec::new();
    for experiment_id in &call.experiment_ids {
        let mut page = PageRequest::first(PAGE_LIMIT_MAX);
        loop {
            let part = ctx
                .registry
                .logged_models_of_experiment(experiment_id, &page)
                .await?;
            found.extend(
                part.items
                    .into_iter()
                    .filter(|model| model.deleted_ms.is_none() && filter.holds(&Asked(model))),
            );
            match part.next {
                Some(next) => page = page.after(next),
                None => break,
            }
        }
    }
    found.sort_by(|a, b| {
        crate::language::compare(&order, &Asked(a), &Asked(b))
            .then_with(|| b.created_ms.cmp(&a.created_ms))
            .then_with(|| a.model_id.cmp(&b.model_id))
    });
    let (part, next) = sorted::part(found, call.page_token.as_deref(), limit)?;
    let models = part.iter().map(view::logged_model).collect();
    let token = call.page_token.as_deref();
    Ok(Json(sorted::page("models", models, token, next)?))
}

fn key(order: &Order) -> Result<OrderBy, Refusal> {
    let direction = if order.ascending.unwrap_or(true) {
        "ASC"
    } else {
        "DESC"
    };
    let text = format!("{} {direction}", order.field_name);
    let mut keys = parse_order(Entity::LoggedModel, &[text])?;
    keys.pop()
        .ok_or_else(|| Refusal::invalid("An order is expected."))
}

/// A model that was measured, and the dataset it was measured on.
pub(super) struct Measured {
    pub(super) model_id: String,
    pub(super) dataset: Option<(String, String)>,
}

/// Takes a measured value of a model.
pub(super) async fn measure(
    ctx: &Context,
    run_id: &str,
    measured: Measured,
    point: &MetricPoint,
) -> Result<(), Refusal> {
    let metric = ModelMetric {
        key: point.key.clone(),
        value: Number(point.value),
        step: point.step,
        timestamp_ms: point.timestamp_ms,
        run_id: run_id.to_owned(),
        dataset: measured.dataset,
    };
    change(ctx, &measured.model_id, |model| {
        model.measured(metric.clone());
        Ok(())
    })
    .await?;
    Ok(())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Dataset {
    name: String,
    digest: String,
    source_type: String,
    source: String,
    schema: Option<String>,
    profile: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DatasetInput {
    tags: Vec<Pair>,
    dataset: Dataset,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ModelIo {
    model_id: String,
    #[serde(deserialize_with = "whole")]
    step: Option<i64>,
}

impl From<ModelIo> for ModelLink {
    fn from(sent: ModelIo) -> Self {
        Self {
            model_id: sent.model_id,
            step: sent.step.unwrap_or(0),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogLinks {
    run_id: Option<String>,
    datasets: Vec<DatasetInput>,
    models: Vec<ModelIo>,
}

/// The largest text of a dataset that is kept, in bytes: an item of the table has at most 400 KB.
const DATASET_TEXT_MAX_BYTES: usize = 150_000;

/// Datasets and models that went into a run.
pub(super) async fn log_inputs(
    State(ctx): State<Context>,
    Call(call): Call<LogLinks>,
) -> Result<Json<Value>, Refusal> {
    let run_id = required("run_id", call.run_id)?;
    runs::active(&ctx, &run_id).await?;
    let mut links = RunLinks::default();
    for DatasetInput { tags, dataset } in call.datasets {
        for (what, text) in [("schema", &dataset.schema), ("profile", &dataset.profile)] {
            if text
                .as_ref()
                .is_some_and(|text| text.len() > DATASET_TEXT_MAX_BYTES)
            {
                return Err(Refusal::invalid(format!(
                    "The {what} of dataset '{}' has more than {DATASET_TEXT_MAX_BYTES} bytes.",
                    dataset.name
                )));
            }
        }
        links.datasets.push(tasador_registry::DatasetLink {
            name: required("name", Some(dataset.name))?,
            digest: required("digest", Some(dataset.digest))?,
            source_type: dataset.source_type,
            source: dataset.source,
            schema: dataset.schema,
            profile: dataset.profile,
            tags: Pair::map(tags),
        });
    }
    links.models_in = call.models.into_iter().map(ModelLink::from).collect();
    ctx.registry.link(&run_id, &links).await?;
    Ok(Json(json!({})))
}

/// Models that came out of a run.
pub(super) async fn log_outputs(
    State(ctx): State<Context>,
    Call(call): Call<LogLinks>,
) -> Result<Json<Value>, Refusal> {
    let run_id = required("run_id", call.run_id)?;
    runs::active(&ctx, &run_id).await?;
    let links = RunLinks {
        models_out: call.models.into_iter().map(ModelLink::from).collect(),
        ..RunLinks::default()
    };
    ctx.registry.link(&run_id, &links).await?;
    Ok(Json(json!({})))
}

async fn change(
    ctx: &Context,
    model_id: &str,
    change: impl Fn(&mut LoggedModel) -> Result<(), Refusal>,
) -> Result<LoggedModel, Refusal> {
    let now_ms = ctx.now().as_millisecond();
    let changed = ctx.registry.change_logged_model(model_id, |model| {
        if model.deleted_ms.is_some() {
            return Err(no_model(model_id));
        }
        change(model)?;
        model.updated_ms = now_ms;
        Ok(())
    });
    changed.await?.ok_or_else(|| no_model(model_id))
}

/// A logged model that is not deleted.
pub(super) async fn known(ctx: &Context, model_id: &str) -> Result<LoggedModel, Refusal> {
    let found = ctx.registry.logged_model(model_id).await?;
    found
        .filter(|model| model.deleted_ms.is_none())
        .ok_or_else(|| no_model(model_id))
}

fn no_model(model_id: &str) -> Refusal {
    Refusal::missing(format!("Logged model with ID '{model_id}' not found."))
}

fn answer(model: &LoggedModel) -> Json<Value> {
    Json(json!({"model": view::logged_model(model)}))
}
