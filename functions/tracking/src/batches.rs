//! Batches: what is known of one, its rejected rows, and what a person decides about it.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_http::Problem;
use tasador_http::body::Fields;
use tasador_http::decide::{Decided, PropertyDecided, actor, decide, withdraw_property};
use tasador_ids::BatchId;
use tasador_listing::PropertyKey;
use tasador_registry::{BatchAction, BatchEvent, OutcomeKind};
use tasador_runtime::Context;
use utoipa::ToSchema;

use crate::openapi::{BodyFailures, Failures};
use crate::promotions::BODY_MAX_BYTES;

/// One batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchEntry {
    batch: BatchId,
    /// Where it came from, without credentials.
    source: String,
    received_at: Timestamp,
    size_bytes: u64,
    /// What became of it; absent while a run works on it, or the next run will.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<OutcomeKind>,
    /// The run that reached the outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// Whether later datasets contain its rows.
    usable: bool,
    /// What people decided about it, oldest first.
    events: Vec<BatchEvent>,
}

/// The body of a decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "read field by field, so that every wrong one is told"
)]
pub(crate) struct Decision {
    /// Why, in a sentence.
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// What is known of a batch.
#[utoipa::path(get, path = "/batches/{batch}", tag = "batches", params(("batch" = String, Path, description = "The batch")),
    responses((status = 200, body = BatchEntry), Failures))]
pub(crate) async fn batch(
    State(ctx): State<Context>,
    Path(batch): Path<String>,
) -> Result<Json<BatchEntry>, Problem> {
    let id = id(&batch)?;
    let Some(batch) = ctx.registry.batch(&id).await? else {
        return Err(unknown());
    };
    let events = ctx.registry.batch_events(&id).await?;
    let outcome = batch.outcome;
    Ok(Json(BatchEntry {
        batch: id,
        source: batch.record.source,
        received_at: batch.record.received_at,
        size_bytes: batch.record.size_bytes,
        outcome: outcome.as_ref().map(|outcome| outcome.kind),
        run: outcome.as_ref().map(|outcome| outcome.run.to_string()),
        usable: outcome.is_some_and(|outcome| outcome.usable),
        events,
    }))
}

/// The rejected rows of a batch as CSV, each with its reason.
#[utoipa::path(get, path = "/batches/{batch}/rejected", tag = "batches", params(("batch" = String, Path, description = "The batch")),
    responses((status = 200, content_type = "text/csv", body = String), Failures))]
pub(crate) async fn rejected(
    State(ctx): State<Context>,
    Path(batch): Path<String>,
) -> Result<Response, Problem> {
    tasador_http::rejected::rejected(&ctx, &batch).await
}

/// Lets a batch in quarantine, or a withdrawn one, be judged again as if it were sound.
#[utoipa::path(post, path = "/batches/{batch}/release", tag = "batches", params(("batch" = String, Path, description = "The batch")),
    request_body = Option<Decision>, responses((status = 200, body = Decided), Failures, BodyFailures))]
pub(crate) async fn release(
    State(ctx): State<Context>,
    Path(batch): Path<String>,
    request: Request,
) -> Result<Json<Decided>, Problem> {
    decided(&ctx, &batch, BatchAction::Release, request).await
}

/// Keeps a batch in quarantine out of datasets permanently.
#[utoipa::path(post, path = "/batches/{batch}/discard", tag = "batches", params(("batch" = String, Path, description = "The batch")),
    request_body = Option<Decision>, responses((status = 200, body = Decided), Failures, BodyFailures))]
pub(crate) async fn discard(
    State(ctx): State<Context>,
    Path(batch): Path<String>,
    request: Request,
) -> Result<Json<Decided>, Problem> {
    decided(&ctx, &batch, BatchAction::Discard, request).await
}

/// Leaves the rows of a batch out of later datasets, and replaces the model that learned from them.
#[utoipa::path(post, path = "/batches/{batch}/withdraw", tag = "batches", params(("batch" = String, Path, description = "The batch")),
    request_body = Option<Decision>, responses((status = 200, body = Decided), Failures, BodyFailures))]
pub(crate) async fn withdraw(
    State(ctx): State<Context>,
    Path(batch): Path<String>,
    request: Request,
) -> Result<Json<Decided>, Problem> {
    decided(&ctx, &batch, BatchAction::Withdraw, request).await
}

/// Leaves the rows of a property out of later datasets, and replaces the model that learned from them.
#[utoipa::path(post, path = "/properties/{property}/withdraw", tag = "batches", params(("property" = String, Path, description = "The key of the property, as in the column `property_key` of clean files")),
    request_body = Option<Decision>, responses((status = 200, body = PropertyDecided), Failures, BodyFailures))]
pub(crate) async fn withdraw_one(
    State(ctx): State<Context>,
    Path(property): Path<String>,
    request: Request,
) -> Result<Json<PropertyDecided>, Problem> {
    let Ok(property) = property.parse::<PropertyKey>() else {
        return Err(Problem::not_found(
            "The key of a property is 32 lower-case hexadecimal digits.",
        ));
    };
    let by = actor(request.extensions());
    let reason = reason(request).await?;
    let decided = withdraw_property(&ctx, property, &by, reason.as_deref()).await?;
    Ok(Json(decided))
}

async fn decided(
    ctx: &Context,
    batch: &str,
    action: BatchAction,
    request: Request,
) -> Result<Json<Decided>, Problem> {
    let batch = id(batch)?;
    let by = actor(request.extensions());
    let reason = reason(request).await?;
    Ok(Json(decide(ctx, batch, action, by, reason).await?))
}

async fn reason(request: Request) -> Result<Option<String>, Problem> {
    let mut fields = Fields::read(request, BODY_MAX_BYTES).await?;
    let reason = fields.reason()?;
    fields.end()?;
    Ok(reason)
}

/// What can't be a batch's id names no batch.
fn id(batch: &str) -> Result<BatchId, Problem> {
    batch.parse().map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::not_found("No batch of that id was ever received.")
}
