//! What became of each run.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use tasador_ids::RunId;
use tasador_registry::{Outcome, Page};
use tasador_runtime::Context;

use crate::problem::{Refused, no_such};
use crate::window::{self, Window};

pub(crate) async fn list(
    State(ctx): State<Context>,
    window: Result<Query<Window>, QueryRejection>,
) -> Result<Json<Page<Outcome>>, Refused> {
    Ok(Json(ctx.registry.history(&window::page(window)?).await?))
}

pub(crate) async fn entry(
    State(ctx): State<Context>,
    Path(run): Path<String>,
) -> Result<Json<Outcome>, Refused> {
    // What can't be a run's name names no run.
    let found = match run.parse::<RunId>() {
        Ok(run) => ctx.registry.history_of(&run).await?,
        Err(_) => None,
    };
    found.map(Json).ok_or_else(|| {
        no_such("No run of that name has ended; one that is going on has no entry yet.").into()
    })
}
