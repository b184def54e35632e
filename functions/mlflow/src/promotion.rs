//! Promotions that MLflow's clients ask for.

use tasador_ids::{ModelName, ModelVersion};
use tasador_runtime::Context;

use crate::error::ApiError;

/// Makes a version the champion; does nothing if it is already.
pub(crate) async fn set_champion(
    ctx: &Context,
    model: &ModelName,
    version: ModelVersion,
) -> Result<(), ApiError> {
    tasador_champion::set(ctx, model, version, "Set by a client of MLflow.").await?;
    Ok(())
}
