//! HTTP: what became of each batch, the runs, the models and where they come from.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /history?limit=&page=` | every run that ended, newest first: decision, reasons, challenger against champion, ids, durations |
//! | `GET /history/{run}` | one of them |
//! | `GET /runs?limit=&page=` | executions of the pipeline, newest first, running ones too |
//! | `POST /runs` with `{}` or `{"batch": id}` | 202: an execution was started |
//! | `GET /runs/{run}` | how far it is: state, steps, outcome |
//! | `GET /models?limit=&page=` | registered models with their champions |
//! | `GET /models/{name}` | one of them, with its latest promotions |
//! | `GET /models/{name}/versions?limit=&page=` | its versions, newest first |
//! | `GET /models/{name}/versions/{version}` | one version with its evidence |
//! | `GET /models/{name}/versions/{version}/files/{file}` | one of its files: a plot, the card, figures |
//! | `GET /models/{name}/versions/{version}/lineage` | dataset and batches it learnt from |
//! | `GET /models/{name}/versions/{version}/ratio-study` | its predictions against sale prices |
//! | `POST /models/{name}/versions/{version}/promote` | makes it the champion |
//! | `POST /models/{name}/rollback` | makes an earlier version the champion again |
//! | `GET /predictions/{request_id}?at=` | one answered request, with version, dataset and batches |
//! | `POST /outcomes` with `{"sales": [sale …]}` | 202: sales that evaluate the prices served for them |
//! | `GET /performance` | what served prices turned out to be worth |
//! | `GET /health` | `{"status": "ok"}` |
//!
//! A list is `{"items": […], "next": token}`; `next` is absent on the last page. Every list is read
//! from a key or an index, page by page. Errors are problem details (RFC 9457).
//!
//! Both ways of moving the champion name the champion that the caller saw (`expected`), and are
//! refused with 409 where another one is in production meanwhile. Each request that requires the scope `admin` leaves
//! a line in the audit.

mod history;
mod models;
mod openapi;
mod performance;
mod predictions;
mod promotions;
mod runs;
mod window;

use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};
use tasador_http::audit;
use tasador_runtime::Context;

pub use openapi::openapi;
pub use window::{LIMIT_DEFAULT, LIMIT_MAX};

/// The function: its [`api`], `/health`, and a problem for everything else.
pub fn router(ctx: Context) -> Router {
    tasador_http::with_not_found(Router::new().route("/health", get(health)).merge(api(ctx)))
}

/// What it answers, for a router that has its own `/health` and its own word on unknown paths.
pub fn api(ctx: Context) -> Router {
    Router::new()
        .route("/history", get(history::list))
        .route("/history/{run}", get(history::entry))
        .route("/runs", get(runs::list).post(runs::start))
        .route("/runs/{run}", get(runs::follow))
        .route("/models", get(models::list))
        .route("/models/{name}", get(models::model))
        .route("/models/{name}/versions", get(models::versions))
        .route("/models/{name}/versions/{version}", get(models::version))
        .route(
            "/models/{name}/versions/{version}/files/{*file}",
            get(models::file),
        )
        .route(
            "/models/{name}/versions/{version}/lineage",
            get(models::lineage),
        )
        .route(
            "/models/{name}/versions/{version}/ratio-study",
            get(models::ratio_study),
        )
        .route(
            "/models/{name}/versions/{version}/promote",
            post(promotions::promote),
        )
        .route("/models/{name}/rollback", post(promotions::roll_back))
        .route("/predictions/{request_id}", get(predictions::one))
        .route("/outcomes", post(performance::report))
        .route("/performance", get(performance::read))
        .route_layer(middleware::from_fn(audit::record))
        .with_state(ctx)
}

async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}
