//! HTTP: what became of each batch, newest first.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /history?limit=&page=` | `{"items": [entry …], "next": token}`; `next` is absent on the last page |
//! | `GET /history/{run}` | one entry |
//! | `GET /health` | `{"status": "ok"}` |
//!
//! An entry is an [`Outcome`]. Errors are problem details (RFC 9457).

mod openapi;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tasador_ids::RunId;
use tasador_registry::{Outcome, Page, PageRequest, RegistryError};
use tasador_runtime::{Context, Problem};

pub use openapi::openapi;

/// Entries on a page where the caller doesn't say.
pub const LIMIT_DEFAULT: u32 = 50;
/// The most entries on a page. An entry has a few kilobytes, 16 KB where it is full of reasons;
/// Lambda allows 6 MB an answer.
pub const LIMIT_MAX: u32 = 200;

/// The function: the history, `/health`, and a problem for everything else.
pub fn router(ctx: Context) -> Router {
    Router::new()
        .route("/health", get(health))
        .merge(history(ctx))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { Problem::new(StatusCode::METHOD_NOT_ALLOWED) })
}

/// The history alone, for a router that has its own `/health` and its own word on unknown paths.
pub fn history(ctx: Context) -> Router {
    Router::new()
        .route("/history", get(list))
        .route("/history/{run}", get(entry))
        .with_state(ctx)
}

async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

#[derive(Debug, Deserialize)]
struct Window {
    limit: Option<String>,
    page: Option<String>,
}

impl Window {
    /// What is asked for. An empty value counts as absent, as forms send it.
    fn request(self) -> Result<PageRequest, Problem> {
        let given = |value: Option<String>| value.filter(|value| !value.is_empty());
        let limit = match given(self.limit) {
            None => LIMIT_DEFAULT,
            Some(text) => match text.parse() {
                Ok(limit @ 1..=LIMIT_MAX) => limit,
                _ => {
                    return Err(unprocessable(
                        "limit",
                        format!("a whole number from 1 to {LIMIT_MAX} is expected"),
                    ));
                }
            },
        };
        Ok(PageRequest {
            limit,
            token: given(self.page),
        })
    }
}

async fn list(
    State(ctx): State<Context>,
    window: Result<Query<Window>, QueryRejection>,
) -> Result<Json<Page<Outcome>>, Problem> {
    let Query(window) = window.map_err(|rejection| {
        Problem::new(StatusCode::BAD_REQUEST).detail(format!(
            "The query can't be read: {}.",
            rejection.body_text()
        ))
    })?;
    let page = ctx
        .registry
        .history(&window.request()?)
        .await
        .map_err(problem)?;
    Ok(Json(page))
}

async fn entry(
    State(ctx): State<Context>,
    Path(run): Path<String>,
) -> Result<Json<Outcome>, Problem> {
    // What can't be a run's name names no run.
    let found = match run.parse::<RunId>() {
        Ok(run) => ctx.registry.history_of(&run).await.map_err(problem)?,
        Err(_) => None,
    };
    found.map(Json).ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND)
            .detail("No run of that name has ended; one that is going on has no entry yet.")
    })
}

fn unprocessable(field: &str, reason: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
        .detail(format!("`{field}` can't be used."))
        .field(field, reason)
}

/// An error of the registry as callers may see it; the log tells the rest.
fn problem(error: RegistryError) -> Problem {
    if matches!(error, RegistryError::BadPageToken) {
        return unprocessable(
            "page",
            "the value of `next` of an earlier answer is expected",
        );
    }
    tracing::error!(
        "the history can't be answered: {}",
        tasador_runtime::chain(&error)
    );
    if error.is_retryable() {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE)
            .detail("The registry does not answer right now; try again.")
    } else {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
