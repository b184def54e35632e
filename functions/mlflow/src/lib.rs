//! MLflow's REST API over the registry and the bucket: the same records that the pipeline writes.
//!
//! An unmodified client of MLflow, pointed here by `MLFLOW_TRACKING_URI`, browses what the pipeline
//! did, loads its models, and logs runs and registers models of its own. What is answered, and with
//! which error codes, follows MLflow's own server; what is not covered says so with 501.
//!
//! The pages of MLflow's user interface ask under `/ajax-api` instead of `/api`; both are the same.

mod artifacts;
mod call;
mod experiments;
mod facts;
mod graphql;
mod language;
mod log;
mod logged_models;
mod metrics;
mod models;
mod place;
mod refusal;
mod runs;
mod search;
mod sorted;
mod stages;
mod versions;
mod view;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, patch, post};
use axum::{Json, Router, middleware};
use http::{Method, StatusCode, Uri};
use serde_json::{Value, json};
use tasador_runtime::{Context, Problem, audit};

use refusal::{Code, Refusal};

/// The function: its [`api`], and a problem for everything else.
pub fn router(ctx: Context) -> Router {
    api(ctx)
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { Problem::new(StatusCode::METHOD_NOT_ALLOWED) })
}

/// Everything that MLflow's clients and its pages ask for.
pub fn api(ctx: Context) -> Router {
    routes()
        .route_layer(middleware::from_fn(audit::record))
        .with_state(ctx)
}

/// The same without an audit, for a place where its pages look for it.
pub fn for_pages(ctx: Context) -> Router {
    routes().with_state(ctx)
}

fn routes() -> Router<Context> {
    Router::new()
        .nest("/api/2.0/mlflow", tracking())
        .nest("/ajax-api/2.0/mlflow", tracking())
        .nest("/api/3.0/mlflow", newer())
        .nest("/ajax-api/3.0/mlflow", newer())
        .nest("/api/2.0/mlflow-artifacts", files())
        .nest("/ajax-api/2.0/mlflow-artifacts", files())
        .route("/get-artifact", get(artifacts::fetch_of_run))
        .route(
            "/model-versions/get-artifact",
            get(artifacts::fetch_of_version),
        )
        .route("/graphql", post(graphql::answer))
        // Files are as large as they are; each handler says how much it reads.
        .layer(DefaultBodyLimit::disable())
}

fn tracking() -> Router<Context> {
    Router::new()
        .route("/experiments/create", post(experiments::create))
        .route("/experiments/get", get(experiments::get))
        .route("/experiments/get-by-name", get(experiments::get_by_name))
        .route("/experiments/update", post(experiments::update))
        .route("/experiments/delete", post(experiments::delete))
        .route("/experiments/restore", post(experiments::restore))
        .route(
            "/experiments/set-experiment-tag",
            post(experiments::set_tag),
        )
        .route(
            "/experiments/delete-experiment-tag",
            post(experiments::delete_tag),
        )
        .route(
            "/experiments/search",
            get(experiments::search).post(experiments::search),
        )
        .route("/runs/create", post(runs::create))
        .route("/runs/get", get(runs::get))
        .route("/runs/update", post(runs::update))
        .route("/runs/delete", post(runs::delete))
        .route("/runs/restore", post(runs::restore))
        .route("/runs/log-metric", post(log::log_metric))
        .route("/runs/log-parameter", post(log::log_param))
        .route("/runs/log-batch", post(log::log_batch))
        .route("/runs/log-model", post(log::log_model))
        .route("/runs/set-tag", post(log::set_tag))
        .route("/runs/delete-tag", post(log::delete_tag))
        .route("/runs/log-inputs", post(logged_models::log_inputs))
        .route("/runs/outputs", post(logged_models::log_outputs))
        .route("/runs/search", post(search::search))
        .route("/experiments/search-datasets", post(no_datasets))
        .route("/metrics/get-history", get(metrics::history))
        .route("/metrics/get-history-bulk", get(metrics::bulk))
        .route("/metrics/get-history-bulk-interval", get(metrics::interval))
        .route("/artifacts/list", get(artifacts::of_run))
        .route("/get-artifact", get(artifacts::fetch_of_run))
        .route("/logged-models", post(logged_models::create))
        .route("/logged-models/search", post(logged_models::search))
        .route(
            "/logged-models/{model_id}",
            get(logged_models::get)
                .patch(logged_models::finalize)
                .delete(logged_models::delete),
        )
        .route(
            "/logged-models/{model_id}/tags",
            patch(logged_models::set_tags),
        )
        .route(
            "/logged-models/{model_id}/tags/{key}",
            axum::routing::delete(logged_models::delete_tag),
        )
        .route(
            "/logged-models/{model_id}/params",
            post(logged_models::log_params),
        )
        .route(
            "/logged-models/{model_id}/artifacts/directories",
            get(artifacts::of_logged_model),
        )
        .route(
            "/logged-models/{model_id}/artifacts/files",
            get(artifacts::fetch_of_logged_model),
        )
        .merge(registry())
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
}

fn registry() -> Router<Context> {
    Router::new()
        .route("/registered-models/create", post(models::create))
        .route("/registered-models/get", get(models::get))
        .route(
            "/registered-models/update",
            patch(models::update).post(models::update),
        )
        .route(
            "/registered-models/delete",
            axum::routing::delete(models::delete).post(models::delete),
        )
        .route("/registered-models/rename", post(models::rename))
        .route(
            "/registered-models/search",
            get(models::search).post(models::search),
        )
        .route(
            "/registered-models/get-latest-versions",
            get(models::latest_versions).post(models::latest_versions),
        )
        .route("/registered-models/set-tag", post(models::set_tag))
        .route(
            "/registered-models/delete-tag",
            axum::routing::delete(models::delete_tag).post(models::delete_tag),
        )
        .route(
            "/registered-models/alias",
            get(models::get_by_alias)
                .post(models::set_alias)
                .delete(models::delete_alias),
        )
        .route("/model-versions/create", post(versions::create))
        .route("/model-versions/get", get(versions::get))
        .route(
            "/model-versions/update",
            patch(versions::update).post(versions::update),
        )
        .route(
            "/model-versions/delete",
            axum::routing::delete(versions::delete).post(versions::delete),
        )
        .route(
            "/model-versions/search",
            get(versions::search).post(versions::search),
        )
        .route(
            "/model-versions/get-download-uri",
            get(versions::download_uri),
        )
        .route("/model-versions/transition-stage", post(stages::transition))
        .route("/model-versions/set-tag", post(versions::set_tag))
        .route(
            "/model-versions/delete-tag",
            axum::routing::delete(versions::delete_tag).post(versions::delete_tag),
        )
        .route(
            "/model-versions/get-artifact",
            get(artifacts::fetch_of_version),
        )
}

/// What MLflow 3 asks for under a new number, as far as it is covered.
fn newer() -> Router<Context> {
    Router::new()
        .route("/server-info", get(server_info))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
}

/// The names of datasets, which pages offer as filters; filters by them work all the same.
async fn no_datasets() -> Json<Value> {
    Json(json!({"dataset_summaries": []}))
}

/// What this server can do beyond the oldest of its kind.
async fn server_info() -> Json<Value> {
    Json(json!({
        "store_type": null,
        "workspaces_enabled": false,
        "trace_archival_enabled": false,
        // Large files are sent to the bucket itself.
        "multipart_uploads_enabled": true,
        "multipart_downloads_enabled": false,
        "features_enabled": {"gateway": false},
    }))
}

fn files() -> Router<Context> {
    Router::new()
        .route("/artifacts", get(artifacts::list))
        .route(
            "/artifacts/{*path}",
            get(artifacts::fetch)
                .put(artifacts::send)
                .delete(artifacts::remove),
        )
        .route("/mpu/create", post(artifacts::begin_parts_at_root))
        .route("/mpu/create/{*path}", post(artifacts::begin_parts))
        .route("/mpu/complete/{*path}", post(artifacts::end_parts))
        .route("/mpu/abort/{*path}", post(artifacts::drop_parts))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
}

/// Parts of MLflow's API that are not covered, by what their paths hold, with what to tell.
const NOT_COVERED: [(&str, &str); 7] = [
    ("trace", "Traces are not kept here."),
    ("assessments", "Traces are not kept here."),
    ("prompt", "Prompts are not kept here."),
    ("gateway", "There is no gateway here."),
    ("webhooks", "Webhooks are not sent from here."),
    ("scorers", "Scorers are not kept here."),
    ("datasets", "Evaluation datasets are not kept here."),
];

/// The answer to what is not covered.
fn not_covered(sentence: &str) -> Refusal {
    Refusal::new(Code::NotImplemented, sentence)
}

async fn unknown(method: Method, uri: Uri) -> Refusal {
    let path = uri.path();
    match NOT_COVERED.iter().find(|(part, _)| path.contains(part)) {
        Some((_, sentence)) => not_covered(sentence),
        None => Refusal::new(
            Code::EndpointNotFound,
            format!("There is no endpoint {method} {path} here."),
        ),
    }
}
