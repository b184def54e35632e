//! Registered models.

use crate::language::{Entity, Filter, check_model_name, parse_order};
use axum::Json;
use axum::extract::State;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tasador_ids::{ModelName, ModelVersion};
use tasador_registry::{ModelRecord, PAGE_LIMIT_MAX, PageRequest, RegistryError};
use tasador_runtime::Context;

use super::call::{Call, Pair, many, required, whole};
use super::facts::Asked;
use super::log::check_tag;
use super::refusal::Refusal;
use super::stages::Stage;
use super::{sorted, versions, view};

/// Models on a page where nothing is said.
const SEARCH_DEFAULT: i64 = 100;
/// The most models on a page.
const SEARCH_MAX: i64 = 1_000;
/// Models whose versions are looked up at once.
const CONCURRENCY: usize = 8;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    name: Option<String>,
    new_name: Option<String>,
    description: Option<String>,
    tags: Vec<Pair>,
    key: Option<String>,
    value: Option<String>,
    #[serde(deserialize_with = "many")]
    stages: Vec<String>,
}

pub(super) async fn create(
    State(ctx): State<Context>,
    Call(call): Call<Sent>,
) -> Result<Json<Value>, Refusal> {
    let name = call.name.unwrap_or_default();
    check_model_name(&name)?;
    let model: ModelName = name
        .parse()
        .map_err(|error| Refusal::invalid(format!("{error}.")))?;
    let now = ctx.now();
    let record = ModelRecord {
        model,
        last_version: 0,
        created_at: now,
        updated_at: Some(now),
        description: call.description,
        tags: Pair::map(call.tags),
    };
    if !ctx.registry.make_model(&record).await? {
        return Err(Refusal::exists(format!(
            "Registered Model (name={name}) already exists."
        )));
    }
    answer(&ctx, &record).await
}

pub(super) async fn get(
    State(ctx): State<Context>,
    Call(call): Call<Sent>,
) -> Result<Json<Value>, Refusal> {
    let record = known(&ctx, call.name).await?;
    answer(&ctx, &record).await
}

pub(super) async fn update(
    State(ctx): State<Context>,
    Call(call): Call<Sent>,
) -> Result<Json<Value>, Refusal> {
    let known = known(&ctx, call.name).await?;
    let record = change(&ctx, &known.model, |record| {
        record.description.clone_from(&call.description);
    });
    answer(&ctx, &record.await?).await
}

pub(super) async fn rename(Call(_): Call<Sent>) -> Refusal {
    super::not_covered(
        "Registered models are not renamed here: their name is part of where their files are.",
    )
}

pub(super) async fn delete(
    State(ctx): State<Context>,
    Call(call): Call<Sent>,
) -> Result<Json<Value>, Refusal> {
    let record = known(&ctx, call.name).await?;
    if record.model == ctx.config.model {
        return Err(Refusal::invalid(
            "The pipeline's own model can't be deleted here.",
        ));
    }
    ctx.registry.remove_model(&record.model).await?;
    Ok(Json(json!({})))
}

pub(super) async fn set_tag(
    State(ctx): State<Context>,
    Call(call): Call<Sent>,
) -> Result<Json<Value>, Refusal> {
    let known = known(&ctx, call.name).await?;
    let key = required("key", call.key)?;
    let value = call.value.unwrap_or_default();
    check_tag(&key, &value)?;
    change(&ctx, &known.model, |record| {
        record.tags.insert(key.clone(), value.clone());
    })
    .await?;
    Ok(Json(json!({})))
}

pub(super) async fn delete_tag(
    State(ctx): State<Context>,
    Call(call): Call<Sent>,
) -> Result<Json<Value>, Refusal> {
    let known = known(&ctx, call.name).await?;
    let key = required("key", call.key)?;
    change(&ctx, &known.model, |record| {
        record.tags.remove(&key);
    })
    .await?;
    Ok(Json(json!({})))
}

/// The newest version in each stage.
pub(super) async fn latest_versions(
    State(ctx): State<Context>,
    Call(call): Call<Sent>,
) -> Result<Json<Value>, Refusal> {
    let record = known(&ctx, call.name).await?;
    let stages = call
        .stages
        .iter()
        .map(|stage| Stage::read(stage))
        .collect::<Result<Vec<_>, _>>()?;
    let mut latest = versions::latest(&ctx, &record.model).await?;
    latest.retain(|version| stages.is_empty() || stages.contains(&version.stage));
    let mut answer = Map::new();
    let latest = latest.iter().map(versions::Staged::view).collect();
    view::put_list(&mut answer, "model_versions", latest);
    Ok(Json(answer.into()))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    filter: Option<String>,
    #[serde(deserialize_with = "whole")]
    max_results: Option<i64>,
    #[serde(deserialize_with = "many")]
    order_by: Vec<String>,
    page_token: Option<String>,
}

pub(super) async fn search(
    State(ctx): State<Context>,
    Call(call): Call<Search>,
) -> Result<Json<Value>, Refusal> {
    let limit = sorted::limit(call.max_results, SEARCH_DEFAULT, SEARCH_MAX)?;
    let filter = without_prompts(call.filter.as_deref().unwrap_or_default())?;
    let order = parse_order(Entity::Model, &call.order_by)?;
    let mut found = match filter.required("name") {
        // One model is read, whatever else is asked.
        Some(name) => match name.parse() {
            Ok(name) => ctx.registry.model(&name).await?.into_iter().collect(),
            Err(_) => Vec::new(),
        },
        None => all(&ctx).await?,
    };
    found.retain(|record| filter.holds(&Asked(record)));
    found.sort_by(|a, b| {
        crate::language::compare(&order, &Asked(a), &Asked(b)).then_with(|| a.model.cmp(&b.model))
    });
    let (part, next) = sorted::part(found, call.page_token.as_deref(), limit)?;
    let ctx = &ctx;
    let models = stream::iter(part)
        .map(|record| async move { shown(ctx, &record).await })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    let token = call.page_token.as_deref();
    Ok(Json(sorted::page(
        "registered_models",
        models,
        token,
        next,
    )?))
}

/// Clients ask for models that are no prompts. Prompts are not kept here, so every model is none,
/// though it lacks the tag that would say so.
fn without_prompts(text: &str) -> Result<Filter, Refusal> {
    use crate::language::{Operand, Operator, Subject};
    let mut filter = Filter::parse(Entity::Model, text)?;
    filter.all.retain(|comparison| {
        let of_prompts =
            matches!(&comparison.subject, Subject::Tag(key) if key == "mlflow.prompt.is_prompt");
        let excluded = match (&comparison.operator, &comparison.operand) {
            (Operator::NotEqual, Operand::Text(text)) => text == "true",
            (Operator::Equal, Operand::Text(text)) => text == "false",
            _ => false,
        };
        !(of_prompts && excluded)
    });
    Ok(filter)
}

/// Every registered model.
pub(super) async fn all(ctx: &Context) -> Result<Vec<ModelRecord>, Refusal> {
    let mut all = Vec::new();
    let mut page = PageRequest::first(PAGE_LIMIT_MAX);
    loop {
        let part = ctx.registry.models(&page).await?;
        all.extend(part.items);
        match part.next {
            Some(next) => page = page.after(next),
            None => return Ok(all),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AliasCall {
    name: Option<String>,
    alias: Option<String>,
    #[serde(deserialize_with = "super::call::text")]
    version: Option<String>,
}

pub(super) async fn get_by_alias(
    State(ctx): State<Context>,
    Call(call): Call<AliasCall>,
) -> Result<Json<Value>, Refusal> {
    let name = required("name", call.name)?;
    let alias = required("alias", call.alias)?;
    let found = match name.parse::<ModelName>() {
        Ok(model) => versions::answer_by_alias(&ctx, &model, &alias).await?,
        Err(_) => None,
    };
    if let Some(found) = found {
        return Ok(found);
    }
    known(&ctx, Some(name)).await?;
    Err(Refusal::invalid(format!(
        "Registered model alias {alias} not found."
    )))
}

pub(super) async fn set_alias(
    State(ctx): State<Context>,
    Call(call): Call<AliasCall>,
) -> Result<Json<Value>, Refusal> {
    let (model, alias, version) = alias_parts(&ctx, call).await?;
    let version = version
        .ok_or_else(|| Refusal::invalid("Missing value for required parameter 'version'."))?;
    if alias == tasador_registry::CHAMPION {
        super::stages::promote(&ctx, &model, version).await?;
    } else if !ctx.registry.set_alias(&model, &alias, version).await? {
        return Err(versions::no_version(&model, version));
    }
    touched(&ctx, &model).await?;
    Ok(Json(json!({})))
}

pub(super) async fn delete_alias(
    State(ctx): State<Context>,
    Call(call): Call<AliasCall>,
) -> Result<Json<Value>, Refusal> {
    let (model, alias, _) = alias_parts(&ctx, call).await?;
    ctx.registry.remove_alias(&model, &alias).await?;
    touched(&ctx, &model).await?;
    Ok(Json(json!({})))
}

async fn alias_parts(
    ctx: &Context,
    call: AliasCall,
) -> Result<(ModelName, String, Option<ModelVersion>), Refusal> {
    let alias = required("alias", call.alias)?;
    crate::language::check_alias(&alias)?;
    let version = call
        .version
        .map(|version| versions::number(&version))
        .transpose()?;
    let model = known(ctx, call.name).await?.model;
    Ok((model, alias, version))
}

async fn change(
    ctx: &Context,
    model: &ModelName,
    change: impl Fn(&mut ModelRecord),
) -> Result<ModelRecord, Refusal> {
    let now = ctx.now();
    let changed = ctx.registry.change_model(model, |record| {
        change(record);
        record.updated_at = Some(now);
        Ok::<(), RegistryError>(())
    });
    changed.await?.ok_or_else(|| no_model(model.as_str()))
}

/// Says that something of a model has changed.
pub(super) async fn touched(ctx: &Context, model: &ModelName) -> Result<(), Refusal> {
    change(ctx, model, |_| {}).await.map(drop)
}

/// A model by its name.
pub(super) async fn known(ctx: &Context, name: Option<String>) -> Result<ModelRecord, Refusal> {
    let name = required("name", name)?;
    check_model_name(&name)?;
    let found = match name.parse() {
        Ok(model) => ctx.registry.model(&model).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| no_model(&name))
}

fn no_model(name: &str) -> Refusal {
    Refusal::missing(format!("Registered Model with name={name} not found"))
}

async fn answer(ctx: &Context, record: &ModelRecord) -> Result<Json<Value>, Refusal> {
    Ok(Json(json!({"registered_model": shown(ctx, record).await?})))
}

/// A model with the newest version of each stage and its aliases.
async fn shown(ctx: &Context, record: &ModelRecord) -> Result<Value, Refusal> {
    let updated_at = record.updated_at.unwrap_or(record.created_at);
    let mut view = Map::from_iter([
        ("name".to_owned(), record.model.as_str().into()),
        (
            "creation_timestamp".to_owned(),
            record.created_at.as_millisecond().into(),
        ),
        (
            "last_updated_timestamp".to_owned(),
            updated_at.as_millisecond().into(),
        ),
    ]);
    view::put(&mut view, "description", record.description.clone());
    if record.last_version > 0 {
        let mut latest = versions::latest(ctx, &record.model).await?;
        // They stand beside the versions here, not with them.
        latest
            .iter_mut()
            .for_each(|version| version.aliases.clear());
        let latest = latest.iter().map(versions::Staged::view).collect();
        view::put_list(&mut view, "latest_versions", latest);
        let aliases = ctx.registry.aliases(&record.model).await?;
        let aliases = aliases
            .iter()
            .map(|(alias, version)| json!({"alias": alias, "version": version.to_string()}));
        view::put_list(&mut view, "aliases", aliases.collect());
    }
    view::put_list(&mut view, "tags", view::pairs(&record.tags));
    Ok(view.into())
}
