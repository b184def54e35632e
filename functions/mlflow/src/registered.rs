//! Registered models and their versions: found, changed, and shown with their aliases and stages.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tasador_ids::{ModelName, ModelVersion};
use tasador_registry::{CHAMPION, ModelRecord, VersionRecord};
use tasador_runtime::Context;

use crate::args::Args;
use crate::error::{Answer, ApiError, unknown_version};
use crate::language::check_model_name;
use crate::stage::Stage;
use crate::{place, view};

/// A version with what is not in its record.
pub(crate) struct Shown {
    pub(crate) record: VersionRecord,
    pub(crate) stage: Stage,
    pub(crate) aliases: Vec<String>,
}

impl Shown {
    pub(crate) fn view(&self) -> Value {
        let record = &self.record;
        let logged = record.logged.clone().unwrap_or_default();
        view::lean(json!({
            "name": record.model,
            "version": record.version.to_string(),
            "creation_timestamp": record.created_at.as_millisecond(),
            "last_updated_timestamp": record.updated_at.as_millisecond(),
            "current_stage": self.stage.name(),
            "source": place::source_of_version(record),
            "status": record.status,
            "description": record.description,
            "run_id": record.mlflow_run_id,
            "status_message": record.status_message,
            "run_link": logged.run_link,
            "model_id": logged.model_id,
            "tags": view::pairs(&record.tags),
            "aliases": self.aliases,
        }))
    }
}

/// The aliases of a model, the champion's among them.
pub(crate) struct Aliases(BTreeMap<String, ModelVersion>);

impl Aliases {
    pub(crate) async fn of(ctx: &Context, model: &ModelName) -> Result<Self, ApiError> {
        Ok(Self(ctx.registry.aliases(model).await?))
    }

    pub(crate) fn describe(&self, record: VersionRecord, ctx: &Context) -> Shown {
        let champion = self.0.get(CHAMPION).copied();
        let own = self.0.iter();
        let own = own.filter(|(_, version)| **version == record.version);
        Shown {
            stage: Stage::of(&record, champion, ctx),
            aliases: own.map(|(alias, _)| alias.clone()).collect(),
            record,
        }
    }
}

/// The newest version in each stage that a model has.
pub(crate) async fn latest(ctx: &Context, model: &ModelName) -> Result<Vec<Shown>, ApiError> {
    let aliases = Aliases::of(ctx, model).await?;
    let mut latest: BTreeMap<Stage, Shown> = BTreeMap::new();
    // The newest comes first.
    for record in ctx.registry.all_versions(model).await? {
        let shown = aliases.describe(record, ctx);
        latest.entry(shown.stage).or_insert(shown);
    }
    let mut latest: Vec<Shown> = latest.into_values().collect();
    latest.sort_by_key(|shown| shown.record.version);
    Ok(latest)
}

pub(crate) async fn change_model(
    ctx: &Context,
    model: &ModelName,
    change: &(dyn Fn(&mut ModelRecord) + Sync),
) -> Result<ModelRecord, ApiError> {
    let now = ctx.now();
    let change = |record: &mut ModelRecord| {
        change(record);
        record.updated_at = Some(now);
    };
    let changed = ctx.registry.change_model(model, &change);
    changed.await?.ok_or_else(|| unknown_model(model.as_str()))
}

/// Sets the time at which a model last changed.
pub(crate) async fn touch(ctx: &Context, model: &ModelName) -> Result<(), ApiError> {
    change_model(ctx, model, &|_| {}).await.map(drop)
}

/// The model that `name` names.
pub(crate) async fn model(ctx: &Context, args: &Args) -> Result<ModelRecord, ApiError> {
    let name = args.required("name")?;
    check_model_name(&name)?;
    let found = match name.parse() {
        Ok(model) => ctx.registry.model(&model).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| unknown_model(&name))
}

fn unknown_model(name: &str) -> ApiError {
    ApiError::not_found(format!("Registered Model with name={name} not found"))
}

pub(crate) async fn change_version(
    ctx: &Context,
    model: &ModelName,
    version: ModelVersion,
    change: &(dyn Fn(&mut VersionRecord) + Sync),
) -> Result<(), ApiError> {
    let now = ctx.now();
    let change = |record: &mut VersionRecord| {
        change(record);
        record.updated_at = now;
    };
    let changed = ctx.registry.change_version(model, version, &change);
    match changed.await? {
        Some(_) => Ok(()),
        None => Err(unknown_version(model, version)),
    }
}

/// A version as it is answered.
pub(crate) async fn answer_version(
    ctx: &Context,
    model: &ModelName,
    version: ModelVersion,
) -> Answer {
    let (record, aliases) = tokio::join!(
        ctx.registry.version(model, version),
        Aliases::of(ctx, model)
    );
    let record = record?.ok_or_else(|| unknown_version(model, version))?;
    Ok(json!({"model_version": aliases?.describe(record, ctx).view()}))
}

/// The version that an alias names, as it is answered.
pub(crate) async fn answer_by_alias(
    ctx: &Context,
    model: &ModelName,
    alias: &str,
) -> Result<Option<Value>, ApiError> {
    let found = ctx.registry.version_by_alias(model, alias).await?;
    Ok(found.map(
        |(record, aliases)| json!({"model_version": Aliases(aliases).describe(record, ctx).view()}),
    ))
}

/// The version that `name` and `version` name.
pub(crate) async fn version(ctx: &Context, args: &Args) -> Result<VersionRecord, ApiError> {
    find_version(ctx, &args.required("name")?, &args.required("version")?).await
}

pub(crate) async fn find_version(
    ctx: &Context,
    name: &str,
    version: &str,
) -> Result<VersionRecord, ApiError> {
    let number = number(version)?;
    let found = match name.parse() {
        Ok(model) => ctx.registry.version(&model, number).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| {
        ApiError::not_found(format!(
            "Model Version (name={name}, version={number}) not found"
        ))
    })
}

pub(crate) fn number(text: &str) -> Result<ModelVersion, ApiError> {
    text.parse().map_err(|_| {
        ApiError::invalid(format!(
            "Parameter 'version' must be an integer, got '{text}'."
        ))
    })
}
