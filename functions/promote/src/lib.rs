//! Makes a model version the one in production: a promotion, or the rollback to an earlier version.
//!
//! The rules are those of [`tasador_champion`]. The alias and its event change in one transaction; a
//! run promotes once, and repeating the call gives the same answer.

use serde::{Deserialize, Serialize};
use tasador_champion::PromoteError;
use tasador_ids::{ModelName, ModelVersion, RunId};
use tasador_lake::Key;
use tasador_registry::{Promotion, PromotionKind, PromotionSeq};
use tasador_runtime::Context;

/// The wish to make a version the champion.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Request {
    /// Who wishes it: the pipeline's run, or a name made for a rollback. Each promotes once.
    pub run_id: RunId,
    /// The registered model; the configured one where it is absent.
    #[serde(default)]
    pub model: Option<ModelName>,
    /// The version that is to be champion.
    pub version: ModelVersion,
    /// The champion that the wish is based on; null where there was none.
    #[serde(default)]
    pub expected_champion: Option<ModelVersion>,
    /// Whether a better version takes over (`promotion`) or an earlier one comes back (`rollback`).
    #[serde(default = "promotion")]
    pub kind: PromotionKind,
    /// Why, as people read it.
    pub sentence: String,
    /// Where the verdict is in the bucket; absent for a rollback.
    #[serde(default)]
    pub verdict_key: Option<Key>,
}

const fn promotion() -> PromotionKind {
    PromotionKind::Promotion
}

/// The promotion as it stands in the registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The champion that the run made.
    pub version: ModelVersion,
    /// The champion before it; null for the first.
    pub previous: Option<ModelVersion>,
    /// The number of the promotion.
    pub promotion: PromotionSeq,
}

/// Makes `request.version` the champion.
///
/// # Errors
/// [`PromoteError`], with the class that the state machine branches on: `ChampionChanged` sends it back to
/// the comparison.
pub async fn handle(request: Request, ctx: &Context) -> Result<Response, PromoteError> {
    let promotion = Promotion {
        model: request.model.unwrap_or_else(|| ctx.config.model.clone()),
        version: request.version,
        expected: request.expected_champion,
        kind: request.kind,
        run: request.run_id,
        reason: request.sentence,
        verdict_key: request.verdict_key,
        at: ctx.now(),
    };
    let event = tasador_champion::promote(ctx, &promotion).await?;
    Ok(Response {
        version: event.version,
        previous: event.previous,
        promotion: event.seq,
    })
}
