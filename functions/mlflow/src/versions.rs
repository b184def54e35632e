//! Versions of registered models.

use std::collections::{BTreeMap, BTreeSet};

use crate::language::{Entity, Filter, parse_order};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tasador_ids::{ModelName, ModelVersion};
use tasador_registry::{
    LoggedVersion, NewVersion, PAGE_LIMIT_MAX, PageRequest, RegistryError, VersionRecord,
    VersionStatus,
};
use tasador_runtime::Context;

use super::call::{Call, Pair, many, required, text, whole};
use super::facts::Asked;
use super::log::check_tag;
use super::refusal::Refusal;
use super::stages::Stage;
use super::{logged_models, models, place, sorted, view};

/// Versions on a page where nothing is said.
const SEARCH_DEFAULT: i64 = 10_000;
/// The most versions on a page.
const SEARCH_MAX: i64 = 200_000;
/// The most versions on a page that is answered: some KB each, below the 6 MB of a Lambda answer.
const PAGE_MAX: usize = 2_000;

/// A version with what is not in its record.
pub(super) struct Staged {
    pub(super) record: VersionRecord,
    pub(super) stage: Stage,
    pub(super) aliases: Vec<String>,
}

impl Staged {
    pub(super) fn view(&self) -> Value {
        let record = &self.record;
        let status = match record.status {
            VersionStatus::Pending => "PENDING_REGISTRATION",
            VersionStatus::Failed => "FAILED_REGISTRATION",
            VersionStatus::Ready => "READY",
        };
        let mut view = Map::from_iter([
            ("name".to_owned(), record.model.as_str().into()),
            ("version".to_owned(), record.version.to_string().into()),
            (
                "creation_timestamp".to_owned(),
                record.created_at.as_millisecond().into(),
            ),
            (
                "last_updated_timestamp".to_owned(),
                record.updated_at.as_millisecond().into(),
            ),
            ("current_stage".to_owned(), self.stage.name().into()),
            ("source".to_owned(), place::source_of_version(record).into()),
            ("status".to_owned(), status.into()),
        ]);
        view::put(&mut view, "description", record.description.clone());
        view::put(&mut view, "run_id", record.mlflow_run_id.clone());
        view::put(&mut view, "status_message", record.status_message.clone());
        let logged = record.logged.as_ref();
        view::put(
            &mut view,
            "run_link",
            logged.and_then(|logged| logged.run_link.clone()),
        );
        view::put(
            &mut view,
            "model_id",
            logged.and_then(|logged| logged.model_id.clone()),
        );
        view::put_list(&mut view, "tags", view::pairs(&record.tags));
        let aliases = self.aliases.iter().cloned().map(Value::from).collect();
        view::put_list(&mut view, "aliases", aliases);
        view.into()
    }
}

/// What is known of a model beside its versions.
struct Standing {
    champion: Option<ModelVersion>,
    aliases: BTreeMap<String, ModelVersion>,
}

impl Standing {
    async fn of(ctx: &Context, model: &ModelName) -> Result<Self, Refusal> {
        let aliases = ctx.registry.aliases(model).await?;
        Ok(Self {
            champion: aliases.get(tasador_registry::CHAMPION).copied(),
            aliases,
        })
    }

    fn staged(&self, record: VersionRecord, ctx: &Context) -> Staged {
        let named = self
            .aliases
            .iter()
            .filter(|(_, version)| **version == record.version);
        Staged {
            stage: Stage::of(&record, self.champion, ctx),
            aliases: named.map(|(alias, _)| alias.clone()).collect(),
            record,
        }
    }
}

/// The newest version in each stage that a model has.
pub(super) async fn latest(ctx: &Context, model: &ModelName) -> Result<Vec<Staged>, Refusal> {
    let standing = Standing::of(ctx, model).await?;
    let mut latest: BTreeMap<Stage, Staged> = BTreeMap::new();
    for record in all(ctx, model).await? {
        let staged = standing.staged(record, ctx);
        // The newest comes first.
        latest.entry(staged.stage).or_insert(staged);
    }
    let mut latest: Vec<Staged> = latest.into_values().collect();
    latest.sort_by_key(|staged| staged.record.version);
    Ok(latest)
}

async fn all(ctx: &Context, model: &ModelName) -> Result<Vec<VersionRecord>, Refusal> {
    let mut all = Vec::new();
    let mut page = PageRequest::first(PAGE_LIMIT_MAX);
    loop {
        let part = ctx.registry.versions(model, &page).await?;
        all.extend(part.items);
        match part.next {
            Some(next) => page = page.after(next),
            None => return Ok(all),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Create {
    name: Option<String>,
    source: Option<String>,
    run_id: Option<String>,
    tags: Vec<Pair>,
    run_link: Option<String>,
    description: Option<String>,
    model_id: Option<String>,
}

pub(super) async fn create(
    State(ctx): State<Context>,
    Call(call): Call<Create>,
) -> Result<Json<Value>, Refusal> {
    let model = models::known(&ctx, call.name).await?.model;
    let source = required("source", call.source)?;
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let mut model_id = some(call.model_id);
    let mut run_id = some(call.run_id);
    let location = location(&ctx, &source, &mut model_id, &mut run_id).await?;
    let new = NewVersion {
        model: model.clone(),
        // Each registration is a version of its own, as in MLflow.
        source_key: format!("mlflow/{}", uuid::Uuid::new_v4().simple()),
        run: None,
        mlflow_run_id: run_id,
        algorithm: None,
        dataset: None,
        tags: Pair::map(call.tags),
        description: Some(call.description.unwrap_or_default()),
        logged: Some(LoggedVersion {
            source,
            location,
            run_link: some(call.run_link),
            model_id,
        }),
        at: ctx.now(),
    };
    let version = ctx.registry.register_version(&new).await?;
    answer(&ctx, &model, version).await
}

/// Where the files of a source are: sources may name a logged model or another version. Of a logged
/// model, its id and its run are taken down where the client did not say them.
async fn location(
    ctx: &Context,
    source: &str,
    model_id: &mut Option<String>,
    run_id: &mut Option<String>,
) -> Result<String, Refusal> {
    let Some(named) = source.strip_prefix("models:/") else {
        return Ok(source.to_owned());
    };
    match named.trim_matches('/').split_once('/') {
        None => {
            let logged = logged_models::known(ctx, named.trim_matches('/')).await?;
            model_id.get_or_insert(logged.model_id);
            *run_id = run_id.take().or(logged.source_run_id);
            Ok(logged.artifact_uri)
        }
        Some((name, version)) => {
            let (model, version) =
                parts(ctx, Some(name.to_owned()), Some(version.to_owned())).await?;
            let record = ctx.registry.version(&model, version).await?;
            let record = record.ok_or_else(|| no_version(&model, version))?;
            Ok(place::of_version(&record))
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct One {
    name: Option<String>,
    #[serde(deserialize_with = "text")]
    version: Option<String>,
    description: Option<String>,
    key: Option<String>,
    value: Option<String>,
}

pub(super) async fn get(
    State(ctx): State<Context>,
    Call(call): Call<One>,
) -> Result<Json<Value>, Refusal> {
    let (model, version) = parts(&ctx, call.name, call.version).await?;
    answer(&ctx, &model, version).await
}

pub(super) async fn update(
    State(ctx): State<Context>,
    Call(call): Call<One>,
) -> Result<Json<Value>, Refusal> {
    let (model, version) = parts(&ctx, call.name, call.version).await?;
    change(&ctx, &model, version, |record| {
        record.description.clone_from(&call.description);
    })
    .await?;
    answer(&ctx, &model, version).await
}

pub(super) async fn delete(
    State(ctx): State<Context>,
    Call(call): Call<One>,
) -> Result<Json<Value>, Refusal> {
    let (model, version) = parts(&ctx, call.name, call.version).await?;
    if !ctx.registry.remove_version(&model, version).await? {
        return Err(no_version(&model, version));
    }
    models::touched(&ctx, &model).await?;
    Ok(Json(json!({})))
}

pub(super) async fn set_tag(
    State(ctx): State<Context>,
    Call(call): Call<One>,
) -> Result<Json<Value>, Refusal> {
    let (model, version) = parts(&ctx, call.name, call.version).await?;
    let key = required("key", call.key)?;
    let value = call.value.unwrap_or_default();
    check_tag(&key, &value)?;
    change(&ctx, &model, version, |record| {
        record.tags.insert(key.clone(), value.clone());
    })
    .await?;
    Ok(Json(json!({})))
}

pub(super) async fn delete_tag(
    State(ctx): State<Context>,
    Call(call): Call<One>,
) -> Result<Json<Value>, Refusal> {
    let (model, version) = parts(&ctx, call.name, call.version).await?;
    let key = required("key", call.key)?;
    change(&ctx, &model, version, |record| {
        record.tags.remove(&key);
    })
    .await?;
    Ok(Json(json!({})))
}

/// Where a version's files are.
pub(super) async fn download_uri(
    State(ctx): State<Context>,
    Call(call): Call<One>,
) -> Result<Json<Value>, Refusal> {
    let (model, version) = parts(&ctx, call.name, call.version).await?;
    let record = ctx.registry.version(&model, version).await?;
    let record = record.ok_or_else(|| no_version(&model, version))?;
    Ok(Json(json!({"artifact_uri": place::of_version(&record)})))
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
    let limit = sorted::limit(call.max_results, SEARCH_DEFAULT, SEARCH_MAX)?.min(PAGE_MAX);
    let filter = Filter::parse(Entity::Version, call.filter.as_deref().unwrap_or_default())?;
    let order = parse_order(Entity::Version, &call.order_by)?;
    let mut found = candidates(&ctx, &filter).await?;
    found.retain(|record| filter.holds(&Asked(record)));
    found.sort_by(|a, b| {
        crate::language::compare(&order, &Asked(a), &Asked(b))
            .then_with(|| {
                b.updated_at
                    .as_millisecond()
                    .cmp(&a.updated_at.as_millisecond())
            })
            .then_with(|| a.model.cmp(&b.model))
            .then_with(|| b.version.cmp(&a.version))
    });
    let (part, next) = sorted::part(found, call.page_token.as_deref(), limit)?;
    let names: BTreeSet<ModelName> = part.iter().map(|record| record.model.clone()).collect();
    let mut standings = BTreeMap::new();
    for model in names {
        let standing = Standing::of(&ctx, &model).await?;
        standings.insert(model, standing);
    }
    let shown = part.into_iter().filter_map(|record| {
        let standing = standings.get(&record.model)?;
        Some(standing.staged(record, &ctx).view())
    });
    let (shown, token) = (shown.collect(), call.page_token.as_deref());
    Ok(Json(sorted::page("model_versions", shown, token, next)?))
}

/// The versions that a filter may hold of: those of a model, of a run, or all there are.
async fn candidates(ctx: &Context, filter: &Filter) -> Result<Vec<VersionRecord>, Refusal> {
    if let Some(name) = filter.required("name") {
        return match name.parse() {
            Ok(model) => all(ctx, &model).await,
            Err(_) => Ok(Vec::new()),
        };
    }
    let mut found = Vec::new();
    if let Some(run_id) = filter.required("run_id") {
        let mut page = PageRequest::first(PAGE_LIMIT_MAX);
        loop {
            let part = ctx.registry.versions_of_run(run_id, &page).await?;
            found.extend(part.items);
            match part.next {
                Some(next) => page = page.after(next),
                None => return Ok(found),
            }
        }
    }
    for model in models::all(ctx).await? {
        found.extend(all(ctx, &model.model).await?);
    }
    Ok(found)
}

async fn change(
    ctx: &Context,
    model: &ModelName,
    version: ModelVersion,
    change: impl Fn(&mut VersionRecord),
) -> Result<(), Refusal> {
    let now = ctx.now();
    let changed = ctx.registry.change_version(model, version, |record| {
        change(record);
        record.updated_at = now;
        Ok::<(), RegistryError>(())
    });
    match changed.await? {
        Some(_) => Ok(()),
        None => Err(no_version(model, version)),
    }
}

/// A version as it is answered.
pub(super) async fn answer(
    ctx: &Context,
    model: &ModelName,
    version: ModelVersion,
) -> Result<Json<Value>, Refusal> {
    let (record, standing) = tokio::join!(
        ctx.registry.version(model, version),
        Standing::of(ctx, model)
    );
    let record = record?.ok_or_else(|| no_version(model, version))?;
    let staged = standing?.staged(record, ctx);
    Ok(Json(json!({"model_version": staged.view()})))
}

/// The version that an alias names, as it is answered; none where there is no such alias.
pub(super) async fn answer_by_alias(
    ctx: &Context,
    model: &ModelName,
    alias: &str,
) -> Result<Option<Json<Value>>, Refusal> {
    // All aliases are wanted anyway, for what the version is called besides.
    let standing = Standing::of(ctx, model).await?;
    let Some(version) = standing.aliases.get(alias).copied() else {
        return Ok(None);
    };
    let record = ctx.registry.version(model, version).await?;
    let record = record.ok_or_else(|| no_version(model, version))?;
    let staged = standing.staged(record, ctx);
    Ok(Some(Json(json!({"model_version": staged.view()}))))
}

/// A model's name and a version's number, of which the model is there.
pub(super) async fn parts(
    ctx: &Context,
    name: Option<String>,
    version: Option<String>,
) -> Result<(ModelName, ModelVersion), Refusal> {
    let name = required("name", name)?;
    let version = number(&required("version", version)?)?;
    match name.parse::<ModelName>() {
        Ok(model) if ctx.registry.version(&model, version).await?.is_some() => Ok((model, version)),
        _ => Err(Refusal::missing(format!(
            "Model Version (name={name}, version={version}) not found"
        ))),
    }
}

/// A version's number.
pub(super) fn number(text: &str) -> Result<ModelVersion, Refusal> {
    text.parse().map_err(|_| {
        Refusal::invalid(format!(
            "Parameter 'version' must be an integer, got '{text}'."
        ))
    })
}

pub(super) fn no_version(model: &ModelName, version: ModelVersion) -> Refusal {
    Refusal::missing(format!(
        "Model Version (name={model}, version={version}) not found"
    ))
}
