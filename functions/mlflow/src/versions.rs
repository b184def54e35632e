//! Versions of registered models.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::json;
use tasador_ids::ModelName;
use tasador_registry::{LoggedVersion, NewVersion, VersionRecord};
use tasador_runtime::Context;

use crate::args::Args;
use crate::error::{Answer, ApiError, unknown_version};
use crate::labels::{registry_tag, registry_tags};
use crate::language::{Entity, Filter};
use crate::paging::Search;
use crate::registered::{
    Aliases, answer_version, change_version, find_version, model, touch, version,
};
use crate::{artifacts, logged_models, place};

const SEARCH_DEFAULT: i64 = 10_000;
const SEARCH_MAX: i64 = 200_000;
/// The most versions on a page: some KB each, below the 6 MB of a Lambda answer.
const PAGE_MAX: usize = 2_000;

pub(crate) async fn create(ctx: &Context, args: Args) -> Answer {
    let source = args.filled("source")?;
    let model = model(ctx, &args).await?.model;
    let source = source.ok_or_else(|| ApiError::missing("source"))?;
    let (mut model_id, mut run_id) = (args.filled("model_id")?, args.filled("run_id")?);
    let location = location(ctx, &source, &mut model_id, &mut run_id).await?;
    artifacts::record(ctx, &location).await?;
    let new = NewVersion {
        model: model.clone(),
        // Each registration is a new version, as in MLflow.
        source_key: format!("mlflow/{}", uuid::Uuid::new_v4().simple()),
        run: None,
        mlflow_run_id: run_id,
        algorithm: None,
        dataset: None,
        schema: None,
        tags: registry_tags(args.pairs("tags")?)?,
        description: Some(args.text("description")?.unwrap_or_default()),
        logged: Some(LoggedVersion {
            source,
            location,
            run_link: args.filled("run_link")?,
            model_id,
        }),
        at: ctx.now(),
    };
    let version = ctx.registry.register_version(&new).await?;
    let logged = new.logged.and_then(|logged| logged.model_id);
    if let Some(model_id) = logged {
        logged_models::add_version(ctx, &model_id, model.as_str(), version.0).await?;
    }
    answer_version(ctx, &model, version).await
}

/// Where the files of a source are: a source may name a logged model or another version. The id and the
/// run of a logged model are filled in where the client did not send them.
async fn location(
    ctx: &Context,
    source: &str,
    model_id: &mut Option<String>,
    run_id: &mut Option<String>,
) -> Result<String, ApiError> {
    let Some(named) = source.strip_prefix("models:/") else {
        check_source(ctx, source, model_id.as_deref(), run_id.as_deref()).await?;
        return Ok(source.to_owned());
    };
    match named.trim_matches('/').split_once('/') {
        None => {
            let named = named.trim_matches('/');
            if model_id.as_ref().is_some_and(|model_id| model_id != named) {
                return Err(foreign_source(source, "model_id"));
            }
            let logged = logged_models::known(ctx, named).await?;
            model_id.get_or_insert(logged.model_id);
            *run_id = run_id.take().or(logged.source_run_id);
            Ok(logged.artifact_uri)
        }
        Some((name, version)) => Ok(place::of_version(&find_version(ctx, name, version).await?)),
    }
}

/// A source among this server's artifacts belongs to the logged model or run that the client names.
async fn check_source(
    ctx: &Context,
    source: &str,
    model_id: Option<&str>,
    run_id: Option<&str>,
) -> Result<(), ApiError> {
    let parameter = if model_id.is_some() {
        "model_id"
    } else {
        "run_id"
    };
    let refused = || foreign_source(source, parameter);
    if let Some(named) = source.strip_prefix("runs:/") {
        let named = named.split('/').next();
        return match (model_id, run_id) {
            (None, Some(_)) if named == run_id => Ok(()),
            _ => Err(refused()),
        };
    }
    if place::is_local(source) {
        return Err(ApiError::invalid(format!(
            "Invalid model version source: '{source}'. To use a local path as a model version source, the run_id request parameter has to be specified and the local path has to be contained within the artifact directory of the run specified by the run_id."
        )));
    }
    if !place::is_served(source) {
        return Ok(());
    }
    let root = match (model_id, run_id) {
        (Some(model_id), _) => {
            let model = ctx.registry.logged_model(model_id).await?;
            model
                .filter(|model| model.deleted_ms.is_none())
                .map(|model| model.artifact_uri)
        }
        (None, Some(run_id)) => ctx.registry.run(run_id).await?.as_ref().map(place::of_run),
        (None, None) => None,
    };
    match root {
        Some(root) if place::is_inside(source, &root) => Ok(()),
        _ => Err(refused()),
    }
}

fn foreign_source(source: &str, parameter: &str) -> ApiError {
    ApiError::invalid(format!(
        "Invalid model version source: '{source}'. The {parameter} request parameter must name the run or logged model whose artifacts contain the source."
    ))
}

pub(crate) async fn get(ctx: &Context, args: Args) -> Answer {
    let record = version(ctx, &args).await?;
    let aliases = Aliases::of(ctx, &record.model).await?;
    Ok(json!({"model_version": aliases.describe(record, ctx).view()}))
}

pub(crate) async fn update(ctx: &Context, args: Args) -> Answer {
    let known = version(ctx, &args).await?;
    let description = args.text("description")?;
    change_version(ctx, &known.model, known.version, &|record| {
        record.description.clone_from(&description);
    })
    .await?;
    answer_version(ctx, &known.model, known.version).await
}

pub(crate) async fn delete(ctx: &Context, args: Args) -> Answer {
    let known = version(ctx, &args).await?;
    let removed = ctx.registry.remove_version(&known.model, known.version);
    if !removed.await? {
        return Err(unknown_version(&known.model, known.version));
    }
    touch(ctx, &known.model).await?;
    Ok(json!({}))
}

pub(crate) async fn set_tag(ctx: &Context, args: Args) -> Answer {
    let known = version(ctx, &args).await?;
    let tag = registry_tag(&args)?;
    change_version(ctx, &known.model, known.version, &|record| {
        record.tags.extend([tag.clone()]);
    })
    .await?;
    Ok(json!({}))
}

pub(crate) async fn delete_tag(ctx: &Context, args: Args) -> Answer {
    let known = version(ctx, &args).await?;
    let key = args.required("key")?;
    change_version(ctx, &known.model, known.version, &|record| {
        record.tags.remove(&key);
    })
    .await?;
    Ok(json!({}))
}

/// Where a version's files are.
pub(crate) async fn download_uri(ctx: &Context, args: Args) -> Answer {
    let record = version(ctx, &args).await?;
    Ok(json!({"artifact_uri": place::of_version(&record)}))
}

pub(crate) async fn search(ctx: &Context, args: Args) -> Answer {
    let mut search = Search::read(&args, Entity::Version, SEARCH_DEFAULT, SEARCH_MAX)?;
    search.limit = search.limit.min(PAGE_MAX);
    let found = candidates(ctx, &search.filter).await?;
    let is_ordered = !search.order.is_empty();
    let (page, next) = search.page(found, |a, b| {
        let newest = b
            .updated_at
            .as_millisecond()
            .cmp(&a.updated_at.as_millisecond());
        let newest = if is_ordered { Ordering::Equal } else { newest };
        newest
            .then_with(|| a.model.cmp(&b.model))
            .then_with(|| b.version.cmp(&a.version))
    });
    let mut aliases: BTreeMap<ModelName, Aliases> = BTreeMap::new();
    let mut views = Vec::new();
    for record in page {
        let of_model = match aliases.get(&record.model) {
            Some(known) => known,
            None => {
                let read = Aliases::of(ctx, &record.model).await?;
                aliases.entry(record.model.clone()).or_insert(read)
            }
        };
        views.push(of_model.describe(record, ctx).view());
    }
    Ok(search.answer("model_versions", views, next))
}

/// The versions that a filter may accept: those of a model, of a run, or all.
async fn candidates(ctx: &Context, filter: &Filter) -> Result<Vec<VersionRecord>, ApiError> {
    if let Some(name) = filter.required("name") {
        return match name.parse() {
            Ok(model) => Ok(ctx.registry.all_versions(&model).await?),
            Err(_) => Ok(Vec::new()),
        };
    }
    if let Some(run_id) = filter.required("run_id") {
        return Ok(ctx.registry.versions_of_run(run_id).await?);
    }
    let mut found = Vec::new();
    for model in ctx.registry.all_models().await? {
        found.extend(ctx.registry.all_versions(&model.model).await?);
    }
    Ok(found)
}
