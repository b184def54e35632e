//! Promotions that MLflow's clients ask for.

use tasador_ids::{ModelName, ModelVersion, RunId};
use tasador_registry::{PromoteError, Promotion, PromotionKind, Refusal};
use tasador_runtime::Context;

use crate::error::{ApiError, Code};
use crate::registered::unknown_version;

/// Makes a version the champion; does nothing if it is already.
pub(crate) async fn promote(
    ctx: &Context,
    model: &ModelName,
    version: ModelVersion,
) -> Result<(), ApiError> {
    let Some(record) = ctx.registry.version(model, version).await? else {
        return Err(unknown_version(model, version));
    };
    if *model == ctx.config.model && record.artifact.is_none() {
        return Err(ApiError::new(
            Code::InvalidState,
            "Only versions that the pipeline trained can be its champion.",
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
        .map_err(|_| ApiError::new(Code::InternalError, "The request failed."))?;
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
            why: Refusal::AlreadyChampion,
            ..
        }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
