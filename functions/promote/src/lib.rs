//! Makes a model version the one in production.
//!
//! The rules are those of [`tasador_champion`]. The alias and its event change in one transaction; a
//! run promotes once, and repeating the call gives the same answer.

use tasador_champion::PromoteError;
pub use tasador_flow::promote::{Request, Response};
use tasador_registry::{Promotion, PromotionKind};
use tasador_runtime::Context;

/// Makes `request.version` the champion.
///
/// # Errors
/// [`PromoteError`], with the class that the state machine branches on: `ChampionChanged` sends it back to
/// the comparison.
pub async fn handle(request: Request, ctx: &Context) -> Result<Response, PromoteError> {
    let promotion = Promotion {
        model: ctx.config.model.clone(),
        version: request.version,
        expected: request.expected_champion,
        kind: PromotionKind::Promotion,
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
