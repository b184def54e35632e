//! Stages, for clients that still ask for them, and the champion that one of them stands for.
//!
//! Of the pipeline's own model, `Production` is the champion: it is moved by a promotion, whether a
//! client sets the stage or the alias, and shown of whichever version the pipeline promoted. Of
//! every other model stages are labels, as they are in MLflow.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;
use tasador_ids::{ModelName, ModelVersion, RunId};
use tasador_registry::{
    PAGE_LIMIT_MAX, PageRequest, PromoteError, Promotion, PromotionKind, Refusal as Rule,
    RegistryError, VersionRecord,
};
use tasador_runtime::Context;

use super::call::{Call, text};
use super::refusal::{Code, Refusal};
use super::{models, versions};

/// What a version is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    None,
    Staging,
    Production,
    Archived,
}

impl Stage {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Staging => "Staging",
            Self::Production => "Production",
            Self::Archived => "Archived",
        }
    }

    /// A stage by its name, in any case.
    pub(super) fn read(name: &str) -> Result<Self, Refusal> {
        [Self::None, Self::Staging, Self::Production, Self::Archived]
            .into_iter()
            .find(|stage| stage.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                Refusal::invalid(format!(
                    "Invalid Model Version stage: {name}. Value must be one of None, Staging, Production, Archived."
                ))
            })
    }

    /// The stage of a version, given the champion of its model.
    pub(super) fn of(
        version: &VersionRecord,
        champion: Option<ModelVersion>,
        ctx: &Context,
    ) -> Self {
        let labelled = version
            .stage
            .as_deref()
            .and_then(|name| Self::read(name).ok())
            .unwrap_or(Self::None);
        if version.model != ctx.config.model {
            return labelled;
        }
        match labelled {
            _ if champion == Some(version.version) => Self::Production,
            // The label was set, and the champion has moved on.
            Self::Production => Self::Archived,
            other => other,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Transition {
    name: Option<String>,
    #[serde(deserialize_with = "text")]
    version: Option<String>,
    stage: Option<String>,
    archive_existing_versions: bool,
}

pub(super) async fn transition(
    State(ctx): State<Context>,
    Call(call): Call<Transition>,
) -> Result<Json<Value>, Refusal> {
    let stage = Stage::read(&call.stage.unwrap_or_default())?;
    let (model, version) = versions::parts(&ctx, call.name, call.version).await?;
    let others = call.archive_existing_versions;
    if others && !matches!(stage, Stage::Production | Stage::Staging) {
        return Err(Refusal::invalid(
            "Model version transition cannot archive existing model versions because 'archive_existing_versions' \
             is only valid for the stages Staging and Production.",
        ));
    }
    let is_ours = model == ctx.config.model;
    let champion = ctx
        .registry
        .champion(&model)
        .await?
        .map(|champion| champion.version);
    if is_ours {
        match stage {
            Stage::Production => promote(&ctx, &model, version).await?,
            _ if champion == Some(version) => {
                return Err(Refusal::new(
                    Code::InvalidState,
                    "The champion can't leave Production: promote another version first.",
                ));
            }
            _ => {}
        }
    }
    if others {
        let mut page = PageRequest::first(PAGE_LIMIT_MAX);
        loop {
            let part = ctx.registry.versions(&model, &page).await?;
            for other in part.items {
                let in_it = Stage::of(&other, champion, &ctx) == stage && other.version != version;
                if in_it {
                    label(&ctx, &model, other.version, Stage::Archived).await?;
                }
            }
            match part.next {
                Some(next) => page = page.after(next),
                None => break,
            }
        }
    }
    label(&ctx, &model, version, stage).await?;
    models::touched(&ctx, &model).await?;
    versions::answer(&ctx, &model, version).await
}

async fn label(
    ctx: &Context,
    model: &ModelName,
    version: ModelVersion,
    stage: Stage,
) -> Result<(), Refusal> {
    let now = ctx.now();
    let changed = ctx.registry.change_version(model, version, |record| {
        record.stage = Some(stage.name().to_owned());
        record.updated_at = now;
        Ok::<(), RegistryError>(())
    });
    match changed.await? {
        Some(_) => Ok(()),
        None => Err(versions::no_version(model, version)),
    }
}

/// Makes a version the champion; nothing happens where it is.
pub(super) async fn promote(
    ctx: &Context,
    model: &ModelName,
    version: ModelVersion,
) -> Result<(), Refusal> {
    let Some(record) = ctx.registry.version(model, version).await? else {
        return Err(versions::no_version(model, version));
    };
    if *model == ctx.config.model && record.artifact.is_none() {
        return Err(Refusal::new(
            Code::InvalidState,
            "Only versions that the pipeline made can be its champion: no other is served.",
        ));
    }
    let expected = ctx
        .registry
        .champion(model)
        .await?
        .map(|champion| champion.version);
    if expected == Some(version) {
        return Ok(());
    }
    let run: RunId = format!("by-hand-{}", uuid::Uuid::now_v7())
        .parse()
        .map_err(|_| Refusal::new(Code::InternalError, "The request can't be answered."))?;
    let promotion = Promotion {
        model: model.clone(),
        version,
        expected,
        kind: if expected.is_some_and(|expected| version < expected) {
            PromotionKind::Rollback
        } else {
            PromotionKind::Promotion
        },
        run,
        reason: "Set by a client of MLflow.".to_owned(),
        verdict_key: None,
        at: ctx.now(),
    };
    match ctx.registry.promote(&promotion).await {
        Ok(_)
        | Err(PromoteError::Refused {
            why: Rule::AlreadyChampion,
            ..
        }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
