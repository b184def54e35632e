//! The rejected rows of a batch as a file, for the API and the page.

use axum::response::{IntoResponse, Response};
use http::header;
use tasador_evidence::SENT_WITH;
use tasador_ids::BatchId;
use tasador_lake::{LakeError, key};
use tasador_runtime::Context;

use crate::problem::Problem;

/// The first rejected rows of a batch as CSV, each with its reason.
///
/// # Errors
/// 404 if there are none, or no such batch; what the store fails with.
pub async fn rejected(ctx: &Context, batch: &str) -> Result<Response, Problem> {
    let none = || Problem::not_found("There are no rejected rows of that batch.");
    let id: BatchId = batch.parse().map_err(|_| none())?;
    match ctx.lake.get(&key::rejected_csv(&id)).await {
        Ok(bytes) => {
            let named = format!("attachment; filename=\"rejected-{}.csv\"", id.short());
            let headers = [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
                (header::CONTENT_DISPOSITION, named),
            ];
            Ok((headers, SENT_WITH, bytes).into_response())
        }
        Err(LakeError::NotFound { .. }) => Err(none()),
        Err(error) => Err(error.into()),
    }
}
