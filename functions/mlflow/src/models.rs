//! Registered models.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use tasador_ids::{ModelName, ModelVersion};
use tasador_registry::{CHAMPION, ModelRecord};
use tasador_runtime::Context;

use crate::args::Args;
use crate::error::{Answer, ApiError, unknown_version};
use crate::labels::{registry_tag, registry_tags};
use crate::language::{Entity, Operand, Operator, Subject, check_alias, check_model_name};
use crate::paging::Search;
use crate::registered::{Shown, answer_by_alias, change_model, latest, model, number, touch};
use crate::stage::Stage;
use crate::{promotion, view};

const SEARCH_DEFAULT: i64 = 100;
const SEARCH_MAX: i64 = 1_000;
/// The tag that says that a model is a prompt.
const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";
/// Models whose versions are looked up at once.
const CONCURRENCY: usize = 8;

pub(crate) async fn create(ctx: &Context, args: Args) -> Answer {
    let name = args.text("name")?.unwrap_or_default();
    check_model_name(&name)?;
    let model: ModelName = name
        .parse()
        .map_err(|error| ApiError::invalid(format!("{error}.")))?;
    let tags = registry_tags(args.pairs("tags")?)?;
    if tags.contains_key(PROMPT_TAG) {
        return Err(ApiError::not_covered("Prompts are not stored here."));
    }
    let now = ctx.now();
    let record = ModelRecord {
        model,
        last_version: 0,
        created_at: now,
        updated_at: Some(now),
        description: args.text("description")?,
        tags,
    };
    if !ctx.registry.make_model(&record).await? {
        return Err(ApiError::exists(format!(
            "Registered Model (name={name}) already exists."
        )));
    }
    answer(ctx, &record).await
}

pub(crate) async fn get(ctx: &Context, args: Args) -> Answer {
    answer(ctx, &model(ctx, &args).await?).await
}

pub(crate) async fn update(ctx: &Context, args: Args) -> Answer {
    let known = model(ctx, &args).await?;
    let description = args.text("description")?;
    let changed = change_model(ctx, &known.model, &|record| {
        record.description.clone_from(&description);
    })
    .await?;
    answer(ctx, &changed).await
}

pub(crate) async fn rename(_: &Context, _: Args) -> Answer {
    Err(ApiError::not_covered(
        "Registered models cannot be renamed here: the name is part of the path of their files.",
    ))
}

pub(crate) async fn delete(ctx: &Context, args: Args) -> Answer {
    let record = model(ctx, &args).await?;
    if record.model == ctx.config.model {
        return Err(ApiError::invalid(
            "The pipeline's own model cannot be deleted here.",
        ));
    }
    ctx.registry.remove_model(&record.model).await?;
    Ok(json!({}))
}

pub(crate) async fn set_tag(ctx: &Context, args: Args) -> Answer {
    let known = model(ctx, &args).await?;
    let tag = registry_tag(&args)?;
    change_model(ctx, &known.model, &|record| {
        record.tags.extend([tag.clone()]);
    })
    .await?;
    Ok(json!({}))
}

pub(crate) async fn delete_tag(ctx: &Context, args: Args) -> Answer {
    let known = model(ctx, &args).await?;
    let key = args.required("key")?;
    change_model(ctx, &known.model, &|record| {
        record.tags.remove(&key);
    })
    .await?;
    Ok(json!({}))
}

/// The newest version in each stage.
pub(crate) async fn latest_versions(ctx: &Context, args: Args) -> Answer {
    let record = model(ctx, &args).await?;
    let stages = args.texts("stages")?;
    let stages = stages.iter().map(|stage| Stage::read(stage));
    let stages = stages.collect::<Result<Vec<_>, _>>()?;
    let mut found = latest(ctx, &record.model).await?;
    found.retain(|version| stages.is_empty() || stages.contains(&version.stage));
    let latest: Vec<Value> = found.iter().map(Shown::view).collect();
    Ok(view::lean(json!({"model_versions": latest})))
}

pub(crate) async fn search(ctx: &Context, args: Args) -> Answer {
    let mut search = Search::read(&args, Entity::Model, SEARCH_DEFAULT, SEARCH_MAX)?;
    // Clients ask for models that are no prompts. Prompts are not kept here, so no model is one, though
    // it lacks the tag that would say so.
    search.filter.all.retain(|comparison| {
        let excluded = match (&comparison.operator, &comparison.operand) {
            (Operator::NotEqual, Operand::Text(text)) => text == "true",
            (Operator::Equal, Operand::Text(text)) => text == "false",
            _ => false,
        };
        let prompts = Subject::Tag(PROMPT_TAG.to_owned());
        !(excluded && comparison.subject == prompts)
    });
    let found = match search.filter.required("name").map(str::parse) {
        Some(Ok(name)) => ctx.registry.model(&name).await?.into_iter().collect(),
        Some(Err(_)) => Vec::new(),
        None => ctx.registry.all_models().await?,
    };
    let (page, next) = search.page(found, |a, b| a.model.cmp(&b.model));
    let views = stream::iter(page)
        .map(|record| async move { view_of(ctx, &record).await })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(search.answer("registered_models", views, next))
}

pub(crate) async fn get_by_alias(ctx: &Context, args: Args) -> Answer {
    let (name, alias) = (args.required("name")?, args.required("alias")?);
    if let Ok(model) = name.parse::<ModelName>()
        && let Some(found) = answer_by_alias(ctx, &model, &alias).await?
    {
        return Ok(found);
    }
    model(ctx, &args).await?;
    Err(ApiError::invalid(format!(
        "Registered model alias {alias} not found."
    )))
}

pub(crate) async fn set_alias(ctx: &Context, args: Args) -> Answer {
    let (model, alias) = model_and_alias(ctx, &args).await?;
    let version: ModelVersion = number(&args.required("version")?)?;
    if alias == CHAMPION {
        promotion::set_champion(ctx, &model, version).await?;
    } else if !ctx.registry.set_alias(&model, &alias, version).await? {
        return Err(unknown_version(&model, version));
    }
    touch(ctx, &model).await?;
    Ok(json!({}))
}

pub(crate) async fn delete_alias(ctx: &Context, args: Args) -> Answer {
    let (model, alias) = model_and_alias(ctx, &args).await?;
    ctx.registry.remove_alias(&model, &alias).await?;
    touch(ctx, &model).await?;
    Ok(json!({}))
}

async fn model_and_alias(ctx: &Context, args: &Args) -> Result<(ModelName, String), ApiError> {
    let alias = args.required("alias")?;
    check_alias(&alias)?;
    Ok((model(ctx, args).await?.model, alias))
}

async fn answer(ctx: &Context, record: &ModelRecord) -> Answer {
    Ok(json!({"registered_model": view_of(ctx, record).await?}))
}

/// A model with the newest version of each stage and its aliases.
async fn view_of(ctx: &Context, record: &ModelRecord) -> Answer {
    let (mut versions, mut aliases) = (Vec::new(), Vec::new());
    if record.last_version > 0 {
        for mut version in latest(ctx, &record.model).await? {
            // They are listed beside the versions here.
            version.aliases.clear();
            versions.push(version.view());
        }
        for (alias, version) in ctx.registry.aliases(&record.model).await? {
            aliases.push(json!({"alias": alias, "version": version.to_string()}));
        }
    }
    let updated_at = record.updated_at.unwrap_or(record.created_at);
    Ok(view::lean(json!({
        "name": record.model,
        "creation_timestamp": record.created_at.as_millisecond(),
        "last_updated_timestamp": updated_at.as_millisecond(),
        "description": record.description,
        "latest_versions": versions,
        "aliases": aliases,
        "tags": view::pairs(&record.tags),
    })))
}
