//! Changing the champion.

use tasador_ids::{ModelName, ModelVersion, RunId};
use tasador_registry::{
    PromoteError as Rejection, Promotion, PromotionEvent, PromotionKind, Refusal, RegistryError,
};
use tasador_runtime::{Classify, Context, ErrorClass, chain};

use crate::ChampionStatus;
use crate::former::{Former, first_sound};
use crate::load::{Flaw, StoreError, Unusable, champion, load};

/// Why a version did not become champion.
#[derive(Debug, thiserror::Error)]
pub enum PromoteError {
    /// Another run was first, or a rule of the registry forbids it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error("{0}, so it was not promoted")]
    Unusable(Box<Unusable>),
    #[error(
        "no earlier version of {model} that was in production before version {champion} can be loaded"
    )]
    NoFormerChampion {
        model: ModelName,
        champion: ModelVersion,
    },
    #[error("the version could not be verified")]
    Store(#[from] StoreError),
}

impl From<RegistryError> for PromoteError {
    fn from(error: RegistryError) -> Self {
        Self::Rejected(error.into())
    }
}

impl Classify for PromoteError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Rejected(error) => error.class(),
            Self::Unusable(_) => ErrorClass::CorruptArtifact,
            Self::NoFormerChampion { .. } => ErrorClass::InvalidInput,
            Self::Store(error) => error.class(),
        }
    }
}

/// A promotion or rollback that a person asks for. `reason` falls back to a sentence that says so.
pub fn by_hand(
    ctx: &Context,
    model: ModelName,
    version: ModelVersion,
    expected: Option<ModelVersion>,
    kind: PromotionKind,
    reason: Option<String>,
) -> Promotion {
    Promotion {
        model,
        version,
        expected,
        kind,
        // A run promotes once, so each change has its own. It is no execution, and its name says so.
        run: RunId::by_hand(uuid::Uuid::now_v7().as_u128()),
        reason: reason.unwrap_or_else(|| {
            match kind {
                PromotionKind::Promotion => "Promoted by hand.",
                PromotionKind::Rollback => "Rolled back by hand.",
            }
            .to_owned()
        }),
        verdict_key: None,
        at: ctx.now(),
    }
}

/// Makes a version the champion, after it was loaded and verified.
///
/// Of models that the pipeline does not train, nothing is served: there the champion is a label, and
/// versions without an artifact of the pipeline may have it. A repeated call of a run that has promoted
/// gives the same event.
///
/// # Errors
/// [`PromoteError`].
pub async fn promote(ctx: &Context, promotion: &Promotion) -> Result<PromotionEvent, PromoteError> {
    let Promotion { model, version, .. } = promotion;
    let is_back = promotion.kind == PromotionKind::Rollback;
    let is_lower = promotion
        .expected
        .is_some_and(|champion| *version < champion);
    if is_back && !is_lower && !Former::of(ctx, model).await?.replaced.contains(version) {
        return Err(Rejection::Refused {
            model: model.clone(),
            version: *version,
            why: Refusal::NotEarlier,
        }
        .into());
    }
    // On the heap: the futures of the stores' clients are large, and they nest.
    Box::pin(promote_verified(ctx, promotion)).await
}

async fn promote_verified(
    ctx: &Context,
    promotion: &Promotion,
) -> Result<PromotionEvent, PromoteError> {
    let Promotion { model, version, .. } = promotion;
    // The run's own promotion stands, whatever became of the artifact since.
    if ctx
        .registry
        .promotion_of_run(&promotion.run)
        .await?
        .is_none()
        && let Err(unusable) = load(ctx, model, *version).await?
    {
        match unusable.flaw {
            Flaw::Foreign if *model != ctx.config.model => {}
            // The registry rejects it, after it has looked at the champion.
            Flaw::NotRegistered | Flaw::Unfinished => {}
            _ => {
                tracing::warn!(run_id = %promotion.run, %model, %version, "not promoted: {}", chain(&unusable));
                return Err(PromoteError::Unusable(unusable.into()));
            }
        }
    }
    let event = ctx.registry.promote(promotion).await?;
    // The alias has moved, so this call has done what it was asked. `record` writes the copy again.
    if let Err(error) = tasador_archive::keep_promotion(&ctx.lake, &event).await {
        tracing::error!(
            run_id = %event.run, %model, promotion = %event.seq,
            "the bucket has no copy of this promotion; `tasador repair` writes it: {}", chain(&error)
        );
    }
    tracing::info!(
        run_id = %event.run, %model, %version, promotion = %event.seq, kind = ?event.kind,
        "champion changed: {}", event.reason
    );
    Ok(event)
}

/// Makes a version the champion whatever the champion is: a rollback if the version was replaced as
/// champion, and a promotion otherwise. Nothing changes if it is champion already.
///
/// # Errors
/// [`PromoteError`].
pub async fn set(
    ctx: &Context,
    model: &ModelName,
    version: ModelVersion,
    reason: &str,
) -> Result<(), PromoteError> {
    let champion = ctx.registry.champion(model).await?;
    let expected = champion.map(|champion| champion.version);
    if expected == Some(version) {
        return Ok(());
    }
    let kind = match Former::of(ctx, model).await?.replaced.contains(&version) {
        true => PromotionKind::Rollback,
        false => PromotionKind::Promotion,
    };
    let reason = Some(reason.to_owned());
    let promotion = by_hand(ctx, model.clone(), version, expected, kind, reason);
    match promote(ctx, &promotion).await {
        Ok(_)
        | Err(PromoteError::Rejected(Rejection::Refused {
            why: Refusal::AlreadyChampion,
            ..
        })) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Puts a former champion back: `to`, or the last one that can be loaded.
///
/// # Errors
/// [`PromoteError`]; [`PromoteError::NoFormerChampion`] if there is none.
pub async fn roll_back(
    ctx: &Context,
    model: ModelName,
    expected: ModelVersion,
    to: Option<ModelVersion>,
    reason: Option<String>,
) -> Result<PromotionEvent, PromoteError> {
    let kind = PromotionKind::Rollback;
    let back = |version| by_hand(ctx, model.clone(), version, Some(expected), kind, reason);
    match to {
        Some(version) => promote(ctx, &back(version)).await,
        None => {
            let version = before(ctx, &model, expected).await?;
            Box::pin(promote_verified(ctx, &back(version))).await
        }
    }
}

/// Where a rollback leads.
async fn before(
    ctx: &Context,
    model: &ModelName,
    expected: ModelVersion,
) -> Result<ModelVersion, PromoteError> {
    let former = Former::of(ctx, model).await?;
    let status = champion(ctx, model).await?;
    if status.version() != Some(expected) {
        return Err(Rejection::ChampionChanged {
            model: model.clone(),
            expected: Some(expected),
            actual: status.version(),
        }
        .into());
    }
    let mut found = first_sound(ctx, model, former.replaced.iter()).await?;
    // A version that was taken out of production is better than one that cannot be loaded.
    if found.is_none() && matches!(status, ChampionStatus::Unusable(_)) {
        found = first_sound(ctx, model, former.withdrawn.iter()).await?;
    }
    let none = PromoteError::NoFormerChampion {
        model: model.clone(),
        champion: expected,
    };
    found.map(|version| version.version()).ok_or(none)
}
