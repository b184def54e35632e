//! Versions of registered models.

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
use crate::{logged_models, place};

const SEARCH_DEFAULT: i64 = 10_000;
const SEARCH_MAX: i64 = 200_000;
/// The most versions on a page: some KB each, below the 6 MB of a Lambda answer.
const PAGE_MAX: usize = 2_000;

pub(crate) async fn create(ctx: &Context, args: Args) -> Answer {
    let model = model(ctx, &args).await?.model;
    let source = args.required("source")?;
    let (mut model_id, mut run_id) = (args.filled("model_id")?, args.filled("run_id")?);
    let location = location(ctx, &source, &mut model_id, &mut run_id).await?;
    let new = NewVersion {
        model: model.clone(),
        // Each registration is a new version, as in MLflow.
        source_key: format!("mlflow/{}", uuid::Uuid::new_v4().simple()),
        run: None,
        mlflow_run_id: run_id,
        algorithm: None,
        dataset: None,
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
        return Ok(source.to_owned());
    };
    match named.trim_matches('/').split_once('/') {
        None => {
            let logged = logged_models::known(ctx, named.trim_matches('/')).await?;
            model_id.get_or_insert(logged.model_id);
            *run_id = run_id.take().or(logged.source_run_id);
            Ok(logged.artifact_uri)
        }
        Some((name, version)) => Ok(place::of_version(&find_version(ctx, name, version).await?)),
    }
}

pub(crate) async fn get(ctx: &Context, args: Args) -> Answer {
    let record = version(ctx, &args).await?;
    let aliases = Aliases::of(ctx, &record.model).await?;
    Ok(json!({"model_version": aliases.shown(record, ctx).view()}))
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
    let (page, next) = search.page(found, |a, b| {
        let newest = b
            .updated_at
            .as_millisecond()
            .cmp(&a.updated_at.as_millisecond());
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
        views.push(of_model.shown(record, ctx).view());
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
