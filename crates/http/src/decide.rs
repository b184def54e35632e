//! People's decisions about batches and properties, taken over HTTP: recorded first, then a run is started
//! that acts on them. If none can be started, the next run acts on them.

use axum::http::Extensions;
use serde::Serialize;
use serde_json::{Value, json};
use tasador_ids::BatchId;
use tasador_listing::PropertyKey;
use tasador_registry::{
    BatchAction, BatchChange, BatchEvent, DecideError, PropertyWithdrawal, RegistryError,
};
use tasador_runtime::{Context, chain};
use utoipa::ToSchema;

use crate::audit;
use crate::backend::BackendError;
use crate::problem::Problem;
use crate::runs;

/// A decision about a batch, and the run that acts on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Decided {
    #[serde(flatten)]
    pub event: BatchEvent,
    /// The run that was started; absent if the next run acts on the decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// A withdrawal of a property, and the run that acts on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PropertyDecided {
    #[serde(flatten)]
    pub withdrawal: PropertyWithdrawal,
    /// The run that was started; absent if the next run acts on the decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// Who sends a request: the id of the token, or `local` if none is required.
pub fn actor(extensions: &Extensions) -> String {
    audit::token_id(extensions).unwrap_or_else(|| "local".to_owned())
}

/// Takes a decision about a batch. A separate run works on a released batch; after a withdrawal,
/// a run with the newest batch that is still used replaces the model.
///
/// # Errors
/// [`DecideError`].
pub async fn decide(
    ctx: &Context,
    batch: BatchId,
    action: BatchAction,
    by: String,
    reason: Option<String>,
) -> Result<Decided, DecideError> {
    let at = ctx.now();
    let change = BatchChange {
        batch,
        action,
        by,
        reason,
        at,
    };
    let event = ctx.registry.decide_batch(&change).await?;
    tracing::info!(%batch, action = action.as_str(), seq = event.seq, "a person decided about a batch");
    if let Err(error) =
        tasador_archive::keep_decisions(&ctx.lake, &ctx.registry, &change.batch).await
    {
        not_kept(&error);
    }
    // Repeated, it is another person's or an earlier one, which has had its run.
    let is_new = event.at == at;
    let run = match action {
        BatchAction::Release if is_new => start(ctx, Some(batch)).await,
        BatchAction::Withdraw if is_new => retrain(ctx).await?,
        _ => None,
    };
    Ok(Decided { event, run })
}

/// Takes a property out of all later datasets.
///
/// # Errors
/// [`RegistryError`].
pub async fn withdraw_property(
    ctx: &Context,
    property: PropertyKey,
    by: &str,
    reason: Option<&str>,
) -> Result<PropertyDecided, RegistryError> {
    let wanted = PropertyWithdrawal::new(property, by, reason, ctx.now());
    let withdrawal = ctx.registry.withdraw_property(&wanted).await?;
    if let Err(error) = tasador_archive::keep_property(&ctx.lake, &withdrawal).await {
        not_kept(&error);
    }
    let run = if withdrawal == wanted {
        retrain(ctx).await?
    } else {
        None
    };
    Ok(PropertyDecided { withdrawal, run })
}

/// The decision has taken effect, so this is no failure of the request; repeating it writes the copy.
fn not_kept(error: &dyn std::error::Error) {
    tracing::error!(
        "the bucket has no copy of this decision; `tasador repair` writes it: {}",
        chain(error)
    );
}

/// Starts a run with the newest batch that is still used.
async fn retrain(ctx: &Context) -> Result<Option<String>, RegistryError> {
    let usable = ctx.registry.usable_batches().await?;
    match usable.last() {
        Some(newest) => Ok(start(ctx, Some(newest.batch)).await),
        None => Ok(None),
    }
}

/// Starts an execution of the pipeline; if that fails, the decision stands, and the next run acts on it.
async fn start(ctx: &Context, batch: Option<BatchId>) -> Option<String> {
    let machine = ctx.config.state_machine.as_deref()?;
    let input: Value = batch.map_or_else(|| json!({}), |batch| json!({"batch": batch}));
    // A failure is in the log already.
    let started = runs::start(ctx, machine, &input).await;
    started.ok().map(|run| run.run)
}

impl From<DecideError> for Problem {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::Unknown { .. } => {
                Self::not_found("No batch of that id was ever received.")
            }
            DecideError::Forbidden { .. } => BackendError::Conflict(sentence(&error)).into(),
            DecideError::Registry(error) => error.into(),
        }
    }
}

fn sentence(error: &DecideError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}
