//! Experiments.

use crate::language::{Entity, Filter, check_experiment_name, parse_order};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use tasador_registry::{Experiment, PAGE_LIMIT_MAX, PageRequest};
use tasador_runtime::Context;

use super::call::{Call, Pair, View, many, required, text, whole};
use super::facts::Asked;
use super::log::check_tag;
use super::refusal::Refusal;
use super::{sorted, view};

/// Experiments on a page where nothing is said.
const SEARCH_DEFAULT: i64 = 1_000;
/// The most experiments on a page.
const SEARCH_MAX: i64 = 50_000;
/// MLflow's experiment for runs that name none; it is always there.
const DEFAULT: &str = "Default";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Create {
    name: Option<String>,
    artifact_location: Option<String>,
    tags: Vec<Pair>,
}

pub(super) async fn create(
    State(ctx): State<Context>,
    Call(call): Call<Create>,
) -> Result<Json<Value>, Refusal> {
    let name = required("name", call.name)?;
    check_experiment_name(&name)?;
    let now_ms = ctx.now().as_millisecond();
    let new = Experiment {
        artifact_location: call.artifact_location.filter(|place| !place.is_empty()),
        tags: Pair::map(call.tags),
        updated_ms: Some(now_ms),
        ..Experiment::named(name, now_ms)
    };
    match ctx.registry.make_experiment(&new).await? {
        Some(made) => Ok(Json(json!({"experiment_id": made.experiment_id}))),
        None => Err(Refusal::exists(format!(
            "Experiment(name={}) already exists.",
            new.name
        ))),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    #[serde(deserialize_with = "text")]
    experiment_id: Option<String>,
    experiment_name: Option<String>,
    new_name: Option<String>,
    key: Option<String>,
    value: Option<String>,
}

impl Named {
    fn id(&self) -> Result<String, Refusal> {
        required("experiment_id", self.experiment_id.clone())
    }
}

pub(super) async fn get(
    State(ctx): State<Context>,
    Call(call): Call<Named>,
) -> Result<Json<Value>, Refusal> {
    let found = known(&ctx, &call.id()?).await?;
    Ok(Json(json!({"experiment": view::experiment(&found)})))
}

pub(super) async fn get_by_name(
    State(ctx): State<Context>,
    Call(call): Call<Named>,
) -> Result<Json<Value>, Refusal> {
    let name = required("experiment_name", call.experiment_name)?;
    let found = match name.as_str() {
        DEFAULT => Some(default(&ctx).await?),
        name => ctx.registry.experiment_named(name).await?,
    };
    match found {
        Some(found) => Ok(Json(json!({"experiment": view::experiment(&found)}))),
        None => Err(Refusal::missing(format!(
            "Could not find experiment with name '{name}'"
        ))),
    }
}

pub(super) async fn update(
    State(ctx): State<Context>,
    Call(call): Call<Named>,
) -> Result<Json<Value>, Refusal> {
    let experiment = active(&ctx, &call.id()?).await?;
    if let Some(name) = call.new_name.filter(|name| !name.is_empty()) {
        check_experiment_name(&name)?;
        let now_ms = ctx.now().as_millisecond();
        let renamed = ctx
            .registry
            .rename_experiment(&experiment.experiment_id, &name, now_ms)
            .await?;
        if !renamed {
            // Not the code that making one is refused with.
            return Err(Refusal::bad_request(format!(
                "An experiment of the name {name} exists already."
            )));
        }
    }
    Ok(Json(json!({})))
}

pub(super) async fn delete(
    State(ctx): State<Context>,
    Call(call): Call<Named>,
) -> Result<Json<Value>, Refusal> {
    let experiment = active(&ctx, &call.id()?).await?;
    if experiment.experiment_id == "0" {
        return Err(Refusal::invalid(
            "Cannot delete the default experiment '0'. This is an internally reserved experiment.",
        ));
    }
    let now_ms = ctx.now().as_millisecond();
    change(&ctx, &experiment.experiment_id, |experiment| {
        experiment.deleted_ms = Some(now_ms);
    })
    .await
}

pub(super) async fn restore(
    State(ctx): State<Context>,
    Call(call): Call<Named>,
) -> Result<Json<Value>, Refusal> {
    let experiment = known(&ctx, &call.id()?).await?;
    change(&ctx, &experiment.experiment_id, |experiment| {
        experiment.deleted_ms = None;
    })
    .await
}

pub(super) async fn set_tag(
    State(ctx): State<Context>,
    Call(call): Call<Named>,
) -> Result<Json<Value>, Refusal> {
    let experiment = active(&ctx, &call.id()?).await?;
    let key = required("key", call.key)?;
    let value = call.value.unwrap_or_default();
    check_tag(&key, &value)?;
    change(&ctx, &experiment.experiment_id, |experiment| {
        experiment.tags.insert(key.clone(), value.clone());
    })
    .await
}

pub(super) async fn delete_tag(
    State(ctx): State<Context>,
    Call(call): Call<Named>,
) -> Result<Json<Value>, Refusal> {
    let experiment = active(&ctx, &call.id()?).await?;
    let key = required("key", call.key)?;
    if !experiment.tags.contains_key(&key) {
        return Err(Refusal::missing(format!(
            "No tag with name: {key} in experiment with id {}",
            experiment.experiment_id
        )));
    }
    change(&ctx, &experiment.experiment_id, |experiment| {
        experiment.tags.remove(&key);
    })
    .await
}

async fn change(
    ctx: &Context,
    experiment_id: &str,
    change: impl Fn(&mut Experiment),
) -> Result<Json<Value>, Refusal> {
    let now_ms = ctx.now().as_millisecond();
    ctx.registry
        .change_experiment(experiment_id, |experiment| {
            change(experiment);
            experiment.updated_ms = Some(now_ms);
            Ok::<(), Refusal>(())
        })
        .await?
        .ok_or_else(|| no_experiment(experiment_id))?;
    Ok(Json(json!({})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    #[serde(deserialize_with = "whole")]
    max_results: Option<i64>,
    page_token: Option<String>,
    filter: Option<String>,
    #[serde(deserialize_with = "many")]
    order_by: Vec<String>,
    view_type: View,
}

pub(super) async fn search(
    State(ctx): State<Context>,
    Call(call): Call<Search>,
) -> Result<Json<Value>, Refusal> {
    let limit = sorted::limit(call.max_results, SEARCH_DEFAULT, SEARCH_MAX)?;
    let filter = Filter::parse(
        Entity::Experiment,
        call.filter.as_deref().unwrap_or_default(),
    )?;
    let order = parse_order(Entity::Experiment, &call.order_by)?;
    default(&ctx).await?;
    let mut found = Vec::new();
    let mut page = PageRequest::first(PAGE_LIMIT_MAX);
    loop {
        let part = ctx.registry.experiments(&page).await?;
        found.extend(part.items.into_iter().filter(|experiment| {
            call.view_type.shows(experiment.deleted_ms.is_some())
                && filter.holds(&Asked(experiment))
        }));
        match part.next {
            Some(next) => page = page.after(next),
            None => break,
        }
    }
    found.sort_by(|a, b| {
        crate::language::compare(&order, &Asked(a), &Asked(b))
            .then_with(|| b.created_ms.cmp(&a.created_ms))
            .then_with(|| a.experiment_id.cmp(&b.experiment_id))
    });
    let (part, next) = sorted::part(found, call.page_token.as_deref(), limit)?;
    let experiments = part.iter().map(view::experiment).collect();
    let token = call.page_token.as_deref();
    Ok(Json(sorted::page("experiments", experiments, token, next)?))
}

/// The experiment that is always there; made at the first look.
async fn default(ctx: &Context) -> Result<Experiment, Refusal> {
    let now_ms = ctx.now().as_millisecond();
    let new = Experiment::named(DEFAULT, now_ms);
    Ok(ctx.registry.experiment(&new).await?)
}

/// An experiment, deleted or not.
pub(super) async fn known(ctx: &Context, experiment_id: &str) -> Result<Experiment, Refusal> {
    match ctx.registry.experiment_by_id(experiment_id).await? {
        Some(found) => Ok(found),
        None if experiment_id == "0" => default(ctx).await,
        None => Err(no_experiment(experiment_id)),
    }
}

/// An experiment that is not deleted.
pub(super) async fn active(ctx: &Context, experiment_id: &str) -> Result<Experiment, Refusal> {
    let found = known(ctx, experiment_id).await?;
    if found.deleted_ms.is_some() {
        return Err(Refusal::invalid(format!(
            "The experiment {experiment_id} must be in the 'active' state. Current state is deleted."
        )));
    }
    Ok(found)
}

fn no_experiment(experiment_id: &str) -> Refusal {
    Refusal::missing(format!("No Experiment with id={experiment_id} exists"))
}
