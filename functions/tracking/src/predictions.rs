//! Where a price came from: the answered request, its version, that version's dataset and batches.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use tasador_evidence::Lineage;
use tasador_http::{Problem, request_time};
use tasador_registry::InferenceRecord;
use tasador_runtime::Context;
use utoipa::ToSchema;

use crate::openapi::Failures;

#[derive(Debug, Deserialize)]
pub(crate) struct When {
    at: Option<String>,
}

/// An answered request and where its price came from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Prediction {
    #[serde(flatten)]
    record: InferenceRecord,
    /// None where no version answered, or its entry is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    lineage: Option<Lineage>,
}

/// An answered request, with the version, dataset and batches behind its price.
#[utoipa::path(get, path = "/predictions/{request_id}", tag = "models",
    params(("request_id" = String, Path, description = "The request's id, as its answer gave it"),
        ("at" = Option<Timestamp>, Query, nullable = false, description = "When it was answered, to the minute; ids that the service made tell it themselves")),
    responses((status = 200, body = Prediction), Failures))]
pub(crate) async fn one(
    State(ctx): State<Context>,
    Path(request_id): Path<String>,
    when: Result<Query<When>, QueryRejection>,
) -> Result<Json<Prediction>, Problem> {
    let Query(when) = when.map_err(|rejection| Problem::unreadable_query(&rejection))?;
    let at = match when.at {
        Some(text) => text
            .parse()
            .map_err(|_| Problem::unprocessable("at", "must be a time such as 2026-11-25T09:30:00Z"))?,
        None => request_time(&request_id).ok_or_else(|| {
            Problem::not_found("This request id does not tell its time: say in `at` when it was answered, to the minute.")
        })?,
    };
    let found = ctx.registry.inference(&request_id, at).await?;
    let record = found.ok_or_else(|| {
        Problem::not_found("No request of that id was answered around that time, or its record has gone to the archive.")
    })?;
    let version = match record.version {
        Some(version) => ctx.registry.version(&record.model, version).await?,
        None => None,
    };
    let lineage = match version {
        Some(version) => Some(tasador_evidence::lineage(&ctx.lake, &ctx.registry, &version).await?),
        None => None,
    };
    Ok(Json(Prediction { record, lineage }))
}
