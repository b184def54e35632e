//! HTTP: prices from the model in production.
//!
//! | Request | Answer |
//! |---|---|
//! | `POST /predict` with a listing | `{"predicted_price", "interval", "model", "request_id"}` |
//! | `POST /predict` with `{"instances": [listing …]}` | `{"predictions": [outcome …], "model", "request_id"}` in their order |
//! | `GET /model` | the champion: version, metrics, inputs with their kinds, units and ranges |
//! | `GET /health` | `{"status": "ok" or "degraded", "model"}`; never fails because a store is away |
//!
//! `?explain=true` adds what made each price. Absent fields are missing values, unknown ones are
//! ignored and named in `ignored_fields`, wrong ones are 422 with field and reason; among instances
//! the others are priced all the same. Every answer to `POST /predict` is in the inference log
//! before it goes out; where that fails, it goes to the structured log and is counted.

mod answer;
mod champion;
mod describe;
mod listing;
mod log;

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tasador_runtime::{Context, Problem};

use answer::Answer;
use champion::Champions;
use log::Log;

/// The largest body: a thousand listings with forty columns each take some 800 KB.
const BODY_MAX_BYTES: usize = 2 << 20;
/// The longest request id that is taken from the caller.
const REQUEST_ID_MAX_CHARS: usize = 128;
/// Header with the request's id, in requests and answers.
const REQUEST_ID: &str = "x-request-id";

/// What the handlers share.
struct Service {
    ctx: Context,
    champions: Champions,
    log: Log,
}

/// The function: its [`api`], and a problem for everything else.
pub fn router(ctx: Context) -> Router {
    api(ctx)
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { Problem::new(StatusCode::METHOD_NOT_ALLOWED) })
}

/// What it answers, for a router that has its own word on unknown paths.
pub fn api(ctx: Context) -> Router {
    let service = Service { champions: Champions::new(&ctx), log: Log::default(), ctx };
    Router::new()
        .route("/predict", post(predict))
        .route("/model", get(model))
        .route("/health", get(health))
        .with_state(Arc::new(service))
}

#[derive(Debug, Deserialize)]
struct Options {
    #[serde(default)]
    explain: Option<String>,
}

async fn predict(State(service): State<Arc<Service>>, Query(options): Query<Options>, request: Request) -> Response {
    let begun = std::time::Instant::now();
    let id = request_id(request.headers());
    let (input, answer) = match body(request).await {
        Err(problem) => (Value::Null, Answer::from(problem)),
        Ok(text) => {
            // As it came: what is no JSON is kept as text.
            let input = serde_json::from_slice(&text)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&text).into_owned()));
            let answer = price(&service, &input, &options).await;
            (input, answer)
        }
    };
    let answer = answer.with_request_id(&id);
    service.log.keep(&service.ctx, &id, input, &answer, begun.elapsed()).await;
    let mut response = answer.into_response();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn price(service: &Service, input: &Value, options: &Options) -> Answer {
    let explain = match options.explain.as_deref() {
        None | Some("" | "false") => false,
        Some("true") => true,
        Some(_) => {
            return unprocessable("`explain` can't be used.").field("explain", "true or false is expected").into();
        }
    };
    if !input.is_object() {
        let problem = Problem::new(StatusCode::BAD_REQUEST);
        return problem.detail("The body is not a JSON object: send one listing, or {\"instances\": [listing …]}.").into();
    }
    let Some(champion) = service.champions.current(&service.ctx).await else {
        return no_champion().into();
    };
    answer::to(input, &champion, explain, service.ctx.config.predict.max_instances)
}

async fn model(State(service): State<Arc<Service>>) -> Response {
    match service.champions.current(&service.ctx).await {
        Some(champion) => Json(describe::model(&champion)).into_response(),
        None => no_champion().into_response(),
    }
}

async fn health(State(service): State<Arc<Service>>) -> Json<Value> {
    let (champion, trouble) = service.champions.standing();
    Json(json!({
        "status": if trouble.is_some() { "degraded" } else { "ok" },
        "model": champion.map(|champion| json!({"name": champion.record.model, "version": champion.record.version})),
        "reason": trouble,
        "inference_log_failures": service.log.failures(),
    }))
}

/// The body of a request whose content can be JSON.
async fn body(request: Request) -> Result<bytes::Bytes, Problem> {
    let content = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    // Without a word on it, it is taken for what it has to be.
    let essence = content.map(|content| content.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    if !essence.is_none_or(|essence| essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))) {
        let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        return Err(problem.detail("The body must be JSON: send Content-Type: application/json."));
    }
    to_bytes(request.into_body(), BODY_MAX_BYTES).await.map_err(|_| {
        let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE);
        problem.detail(format!("The body can't be read, or has more than {BODY_MAX_BYTES} bytes; send fewer instances at once."))
    })
}

/// The caller's id for the request, where it has a sane one, else the one of API Gateway, else a new
/// one that sorts by time.
fn request_id(headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        !id.is_empty()
            && id.len() <= REQUEST_ID_MAX_CHARS
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
    };
    [REQUEST_ID, "x-amzn-request-id"]
        .iter()
        .filter_map(|name| headers.get(*name)?.to_str().ok())
        .find(sane)
        .map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}

fn unprocessable(detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY).detail(detail)
}

fn no_champion() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE)
        .detail("There is no model that can price yet: run the pipeline until it promotes one, and look at GET /history.")
}
