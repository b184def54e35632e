//! Executions of the pipeline: started, listed and followed.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use tasador_http::Problem;
use tasador_http::body::Fields;
use tasador_http::runs::{self, Followed, Run, machine};
use tasador_ids::{BatchId, RunId};
use tasador_registry::Page;
use tasador_runtime::Context;
use utoipa::ToSchema;

use crate::openapi::{BodyFailures, Failures};
use crate::promotions::BODY_MAX_BYTES;
use crate::window::{self, Limit, Window};

/// Executions of the pipeline, newest first, running ones too.
#[utoipa::path(get, path = "/runs", tag = "runs", params(("limit" = inline(Option<Limit>), Query, description = "Entries on the page, 50 where nothing is said"), ("page" = Option<String>, Query, nullable = false, description = "The value of `next` of the page before")),
    responses((status = 200, body = Page<Run>), Failures))]
pub(crate) async fn list(
    State(ctx): State<Context>,
    window: Result<Query<Window>, QueryRejection>,
) -> Result<Json<Page<Run>>, Problem> {
    let page = window::page(window)?;
    Ok(Json(runs::list(&ctx, machine(&ctx)?, page).await?))
}

/// The body of `POST /runs`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "read field by field, so that every wrong one is told"
)]
pub(crate) struct Start {
    /// A stored batch to work on; without one the source is asked.
    batch: Option<BatchId>,
}

/// Starts an execution of the pipeline.
#[utoipa::path(post, path = "/runs", tag = "runs", request_body = Option<Start>,
    responses((status = 202, body = Run, description = "It was started; `Location` names it",
        headers(("location" = String, description = "Where it is followed"))), Failures, BodyFailures))]
pub(crate) async fn start(
    State(ctx): State<Context>,
    request: Request,
) -> Result<Response, Problem> {
    let mut fields = Fields::read(request, BODY_MAX_BYTES).await?;
    let batch = fields.text(
        "batch",
        "the id of a batch, 64 hexadecimal digits",
        |text| text.parse::<BatchId>().ok(),
    )?;
    fields.end()?;
    let input = match batch {
        None => json!({}),
        Some(batch) => {
            if ctx.registry.batch(&batch).await?.is_none() {
                return Err(Problem::not_found("`batch` names an unknown batch.")
                    .field("batch", "no batch of that id was ever received"));
            }
            json!({"batch": batch})
        }
    };
    let started = runs::start(&ctx, machine(&ctx)?, &input).await?;
    let location = [(header::LOCATION, format!("/runs/{}", started.run))];
    Ok((StatusCode::ACCEPTED, location, Json(started)).into_response())
}

/// How far an execution is: its state, its steps, its outcome.
#[utoipa::path(get, path = "/runs/{run}", tag = "runs", params(("run" = String, Path, description = "The run")),
    responses((status = 200, body = Followed), Failures))]
pub(crate) async fn follow(
    State(ctx): State<Context>,
    Path(run): Path<String>,
) -> Result<Json<Followed>, Problem> {
    let Ok(id) = run.parse::<RunId>() else {
        return Err(Problem::not_found("No run of that name is known."));
    };
    Ok(Json(runs::follow(&ctx, machine(&ctx)?, &id).await?))
}
