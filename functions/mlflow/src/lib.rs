//! MLflow's REST API over the registry and the bucket: the same records that the pipeline writes.
//!
//! An unmodified client of MLflow, pointed here by `MLFLOW_TRACKING_URI`, browses what the pipeline did,
//! loads its models, logs runs and registers models. Answers and error codes follow MLflow's
//! own server; what is not covered is answered with 501.
//!
//! The pages of MLflow's user interface ask under `/ajax-api` instead of `/api`; both are the same.

mod args;
mod artifacts;
mod error;
mod experiments;
mod facts;
mod graphql;
mod labels;
mod language;
mod links;
mod log;
mod logged_models;
mod metrics;
mod models;
mod paging;
mod place;
mod promotion;
mod registered;
mod run_names;
mod runs;
mod search;
mod stage;
mod stages;
mod versions;
mod view;

use axum::extract::{DefaultBodyLimit, State};
use axum::routing::{MethodFilter, any, get, on, put};
use axum::{Json, Router, middleware};
use futures::future::BoxFuture;
use http::{Method, Uri};
use serde_json::json;
use tasador_http::audit;
use tasador_runtime::Context;

use args::Args;
use error::{Answer, ApiError, Code};
use place::Place;

/// The function: its [`api`], and a problem for everything else.
pub fn router(ctx: Context) -> Router {
    tasador_http::with_not_found(api(ctx))
}

/// Everything that MLflow's clients and its pages ask for.
pub fn api(ctx: Context) -> Router {
    routes()
        .route_layer(middleware::from_fn(audit::record))
        .with_state(ctx)
}

/// The same without an audit, for the path under which MLflow's pages ask.
pub fn for_pages(ctx: Context) -> Router {
    routes().with_state(ctx)
}

/// What answers a call. All calls have one type, so that the machinery around them is compiled once.
type Call = for<'a> fn(&'a Context, Args) -> BoxFuture<'a, Answer>;
/// What finds the file that a call asks for.
type Find = for<'a> fn(&'a Context, Args) -> BoxFuture<'a, Result<Place, ApiError>>;
/// Methods, path and function.
type Routes<F> = &'static [(MethodFilter, &'static str, F)];

macro_rules! boxed {
    ($function:path) => {
        |ctx, args| Box::pin($function(ctx, args))
    };
}

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;
const PATCH: MethodFilter = MethodFilter::PATCH;
const DELETE: MethodFilter = MethodFilter::DELETE;
const GET_POST: MethodFilter = GET.or(POST);
const PATCH_POST: MethodFilter = PATCH.or(POST);
const DELETE_POST: MethodFilter = DELETE.or(POST);

const MLFLOW: Routes<Call> = &[
    (POST, "/experiments/create", boxed!(experiments::create)),
    (GET, "/experiments/get", boxed!(experiments::get)),
    (
        GET,
        "/experiments/get-by-name",
        boxed!(experiments::get_by_name),
    ),
    (POST, "/experiments/update", boxed!(experiments::update)),
    (POST, "/experiments/delete", boxed!(experiments::delete)),
    (POST, "/experiments/restore", boxed!(experiments::restore)),
    (
        POST,
        "/experiments/set-experiment-tag",
        boxed!(experiments::set_tag),
    ),
    (
        POST,
        "/experiments/delete-experiment-tag",
        boxed!(experiments::delete_tag),
    ),
    (GET_POST, "/experiments/search", boxed!(experiments::search)),
    (
        POST,
        "/experiments/search-datasets",
        boxed!(links::search_datasets),
    ),
    (POST, "/runs/create", boxed!(runs::create)),
    (GET, "/runs/get", boxed!(runs::get)),
    (POST, "/runs/update", boxed!(runs::update)),
    (POST, "/runs/delete", boxed!(runs::delete)),
    (POST, "/runs/restore", boxed!(runs::restore)),
    (POST, "/runs/log-metric", boxed!(log::log_metric)),
    (POST, "/runs/log-parameter", boxed!(log::log_param)),
    (POST, "/runs/log-batch", boxed!(log::log_batch)),
    (POST, "/runs/log-model", boxed!(log::log_model)),
    (POST, "/runs/set-tag", boxed!(log::set_tag)),
    (POST, "/runs/delete-tag", boxed!(log::delete_tag)),
    (POST, "/runs/log-inputs", boxed!(links::log_inputs)),
    (POST, "/runs/outputs", boxed!(links::log_outputs)),
    (POST, "/runs/search", boxed!(search::search)),
    (GET, "/metrics/get-history", boxed!(metrics::history)),
    (GET, "/metrics/get-history-bulk", boxed!(metrics::bulk)),
    (
        GET,
        "/metrics/get-history-bulk-interval",
        boxed!(metrics::interval),
    ),
    (GET, "/artifacts/list", boxed!(artifacts::list_of_run)),
    (POST, "/logged-models", boxed!(logged_models::create)),
    (POST, "/logged-models/search", boxed!(logged_models::search)),
    (GET, "/logged-models/{model_id}", boxed!(logged_models::get)),
    (
        PATCH,
        "/logged-models/{model_id}",
        boxed!(logged_models::finalize),
    ),
    (
        DELETE,
        "/logged-models/{model_id}",
        boxed!(logged_models::delete),
    ),
    (
        PATCH,
        "/logged-models/{model_id}/tags",
        boxed!(logged_models::set_tags),
    ),
    (
        DELETE,
        "/logged-models/{model_id}/tags/{key}",
        boxed!(logged_models::delete_tag),
    ),
    (
        POST,
        "/logged-models/{model_id}/params",
        boxed!(logged_models::log_params),
    ),
    (
        GET,
        "/logged-models/{model_id}/artifacts/directories",
        boxed!(artifacts::list_of_logged_model),
    ),
    (POST, "/registered-models/create", boxed!(models::create)),
    (GET, "/registered-models/get", boxed!(models::get)),
    (
        PATCH_POST,
        "/registered-models/update",
        boxed!(models::update),
    ),
    (
        DELETE_POST,
        "/registered-models/delete",
        boxed!(models::delete),
    ),
    (POST, "/registered-models/rename", boxed!(models::rename)),
    (
        GET_POST,
        "/registered-models/search",
        boxed!(models::search),
    ),
    (
        GET_POST,
        "/registered-models/get-latest-versions",
        boxed!(models::latest_versions),
    ),
    (POST, "/registered-models/set-tag", boxed!(models::set_tag)),
    (
        DELETE_POST,
        "/registered-models/delete-tag",
        boxed!(models::delete_tag),
    ),
    (
        GET,
        "/registered-models/alias",
        boxed!(models::get_by_alias),
    ),
    (POST, "/registered-models/alias", boxed!(models::set_alias)),
    (
        DELETE,
        "/registered-models/alias",
        boxed!(models::delete_alias),
    ),
    (POST, "/model-versions/create", boxed!(versions::create)),
    (GET, "/model-versions/get", boxed!(versions::get)),
    (
        PATCH_POST,
        "/model-versions/update",
        boxed!(versions::update),
    ),
    (
        DELETE_POST,
        "/model-versions/delete",
        boxed!(versions::delete),
    ),
    (GET_POST, "/model-versions/search", boxed!(versions::search)),
    (
        GET,
        "/model-versions/get-download-uri",
        boxed!(versions::download_uri),
    ),
    (
        POST,
        "/model-versions/transition-stage",
        boxed!(stages::transition),
    ),
    (POST, "/model-versions/set-tag", boxed!(versions::set_tag)),
    (
        DELETE_POST,
        "/model-versions/delete-tag",
        boxed!(versions::delete_tag),
    ),
];

const MLFLOW_FILES: Routes<Find> = &[
    (GET, "/get-artifact", boxed!(artifacts::find_of_run)),
    (
        GET,
        "/model-versions/get-artifact",
        boxed!(artifacts::find_of_version),
    ),
    (
        GET,
        "/logged-models/{model_id}/artifacts/files",
        boxed!(artifacts::find_of_logged_model),
    ),
];

const ARTIFACTS: Routes<Call> = &[
    (GET, "/artifacts", boxed!(artifacts::list)),
    (DELETE, "/artifacts/{*path}", boxed!(artifacts::delete)),
    (POST, "/mpu/create", boxed!(artifacts::create_upload)),
    (
        POST,
        "/mpu/create/{*folder}",
        boxed!(artifacts::create_upload),
    ),
    (POST, "/mpu/complete", boxed!(artifacts::complete_upload)),
    (
        POST,
        "/mpu/complete/{*folder}",
        boxed!(artifacts::complete_upload),
    ),
    (POST, "/mpu/abort", boxed!(artifacts::abort_upload)),
    (
        POST,
        "/mpu/abort/{*folder}",
        boxed!(artifacts::abort_upload),
    ),
];

const ARTIFACT_FILES: Routes<Find> = &[(GET, "/artifacts/{*path}", boxed!(artifacts::find))];

/// What MLflow 3 asks for under a new number.
const MLFLOW_3: Routes<Call> = &[(GET, "/server-info", boxed!(server_info))];

/// The MLflow whose API this server follows; clients ask for it.
const VERSION: &str = "3.17.2";

/// The same paths as within [`MLFLOW`], where MLflow's pages ask for them.
const PAGES: Routes<Call> = &[(POST, "/graphql", boxed!(graphql::answer))];
const PAGE_FILES: Routes<Find> = &[
    (GET, "/get-artifact", boxed!(artifacts::find_of_run)),
    (
        GET,
        "/model-versions/get-artifact",
        boxed!(artifacts::find_of_version),
    ),
];

fn routes() -> Router<Context> {
    let mlflow = closed(group(MLFLOW, MLFLOW_FILES));
    let newer = closed(group(MLFLOW_3, &[]));
    let files =
        group(ARTIFACTS, ARTIFACT_FILES).route("/artifacts/{*path}", put(artifacts::upload));
    let files = closed(files);
    group(PAGES, PAGE_FILES)
        .route("/version", get(async || VERSION))
        .route("/v1/traces", any(unknown))
        .nest("/api/2.0/mlflow", mlflow.clone())
        .nest("/ajax-api/2.0/mlflow", mlflow)
        .nest("/api/3.0/mlflow", newer.clone())
        .nest("/ajax-api/3.0/mlflow", newer)
        .nest("/api/2.0/mlflow-artifacts", files.clone())
        .nest("/ajax-api/2.0/mlflow-artifacts", files)
        // Files may have any size; each handler limits what it reads.
        .layer(DefaultBodyLimit::disable())
}

fn group(calls: Routes<Call>, files: Routes<Find>) -> Router<Context> {
    let mut router = Router::new();
    for (methods, path, call) in calls {
        let answer =
            async move |State(ctx): State<Context>, args: Args| call(&ctx, args).await.map(Json);
        router = router.route(path, on(*methods, answer));
    }
    for (methods, path, find) in files {
        let answer = async move |State(ctx): State<Context>, args: Args| {
            artifacts::download(&ctx, &find(&ctx, args).await?).await
        };
        router = router.route(path, on(*methods, answer));
    }
    router
}

/// With an answer to everything else under the path.
fn closed(router: Router<Context>) -> Router<Context> {
    router
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
}

/// What this server can do beyond the oldest of its kind.
async fn server_info(_: &Context, _: Args) -> Answer {
    Ok(json!({
        "store_type": null,
        "workspaces_enabled": false,
        "trace_archival_enabled": false,
        // Large files are sent to the bucket itself.
        "multipart_uploads_enabled": true,
        "multipart_downloads_enabled": false,
        "features_enabled": {"gateway": false},
    }))
}

/// Parts of MLflow's API that are not covered, by a part of their paths, each with a sentence.
const NOT_COVERED: [(&str, &str); 15] = [
    ("trace", "Traces are not stored here."),
    ("assessments", "Traces are not stored here."),
    ("prompt", "Prompts are not stored here."),
    ("gateway", "There is no gateway here."),
    ("webhooks", "Webhooks are not sent from here."),
    ("scorers", "Scorers are not stored here."),
    ("datasets", "Evaluation datasets are not stored here."),
    ("issues", "Issues are not stored here."),
    ("jobs", "There are no jobs here."),
    ("label", "Labels are not stored here."),
    ("review", "Reviews are not stored here."),
    ("mcp", "There are no MCP servers here."),
    ("telemetry", "Telemetry is not collected here."),
    ("workspaces", "There are no workspaces here."),
    (
        "presigned",
        "Addresses are signed for uploads in parts only.",
    ),
];

async fn unknown(method: Method, uri: Uri) -> ApiError {
    let path = uri.path();
    match NOT_COVERED.iter().find(|(part, _)| path.contains(part)) {
        Some((_, sentence)) => ApiError::not_covered(*sentence),
        None => ApiError::new(
            Code::EndpointNotFound,
            format!("There is no endpoint {method} {path} here."),
        ),
    }
}
