//! What became of each run.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use tasador_http::Problem;
use tasador_ids::RunId;
use tasador_registry::{Outcome, Page};
use tasador_runtime::Context;

use crate::openapi::Failures;
use crate::window::{self, Limit, Window};

/// Every run that ended, newest first.
#[utoipa::path(get, path = "/history", tag = "history", params(("limit" = inline(Option<Limit>), Query, description = "Entries on the page, 50 where nothing is said"), ("page" = Option<String>, Query, nullable = false, description = "The value of `next` of the page before")),
    responses((status = 200, body = Page<Outcome>), Failures))]
pub(crate) async fn list(
    State(ctx): State<Context>,
    window: Result<Query<Window>, QueryRejection>,
) -> Result<Json<Page<Outcome>>, Problem> {
    Ok(Json(ctx.registry.history(&window::page(window)?).await?))
}

/// What became of one run.
#[utoipa::path(get, path = "/history/{run}", tag = "history", params(("run" = String, Path, description = "The run")),
    responses((status = 200, body = Outcome), Failures))]
pub(crate) async fn entry(
    State(ctx): State<Context>,
    Path(run): Path<String>,
) -> Result<Json<Outcome>, Problem> {
    // What can't be a run's name names no run.
    let found = match run.parse::<RunId>() {
        Ok(run) => ctx.registry.history_of(&run).await?,
        Err(_) => None,
    };
    found.map(Json).ok_or_else(|| {
        Problem::not_found("No run of that name has ended; one that is going on has no entry yet.")
    })
}
