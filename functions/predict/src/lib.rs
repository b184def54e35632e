//! HTTP: prices from the model in production.
//!
//! | Request | Answer |
//! |---|---|
//! | `POST /predict` with a listing | `{"predicted_price", "currency", "interval": {"low", "high", "confidence"}, "model": {"name", "version"}, "request_id"}` |
//! | `POST /predict` with `{"instances": [listing …]}` | `{"predictions": [outcome …], "model", "request_id"}`, the outcomes in the order of the listings |
//! | `GET /model` | the champion: version, metrics, and its inputs with kinds, units and ranges |
//! | `GET /metrics` | counters and figures over all instances, for Prometheus |
//! | `GET /openapi.json` | all this, with the listing as the champion takes it |
//! | `GET /health` | `{"status": "ok" or "degraded", "model", "reason", "inference_log"}`; always 200 |
//!
//! `?explain=true` adds an `explanation`: `base_price` and the `amount` of each contribution add up
//! to the price, to the cent. `?comparables=5` adds `comparables`: the sales that the version learned from
//! and finds most similar. Absent fields, `null` and texts such as `N/A` are missing values;
//! unknown fields, `price` among them, are ignored and named in `ignored_fields`.
//!
//! Errors are problem details (RFC 9457): 400 for what is not JSON, 406 for an answer that is wanted otherwise, 413 for a body beyond 2 MiB,
//! 415 for another content type, 422 for values that can't be used, with field and reason, 503 while
//! no model is available. An outcome among `predictions` is a price or an `error`: such a problem with
//! fields like `instances[3].bed`. As long as the request as a whole can be read its status is 200,
//! whatever became of single instances.
//!
//! Who may ask is decided in front of this, see `tasador-access`; the document says which token each
//! route wants where any is.
//!
//! Each answer to `POST /predict` is in the inference log before it goes out; where the table does
//! not take it, it is in the structured log and counted in `/health`. An answer's `request_id` is
//! the caller's `x-request-id` (1 to 72 letters, digits and `-_.:`), or else Lambda's, or else new.

mod exposition;
mod openapi;
mod request;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use tasador_http::{Problem, REQUEST_ID, RequestId, body};
use tasador_pricing::{
    Answer, ChampionStatus, ModelDescription, ModelVersion, OnePrice, Prices, Pricing, Question,
};
use tasador_runtime::chain;
use utoipa::ToSchema;

use exposition::Figures;
pub use openapi::{openapi, serve as serve_openapi};
use request::{BODY_MAX_BYTES, Options};

/// The function: its [`api`], and a problem for everything else.
pub fn router(pricing: Pricing) -> Router {
    let api = api(pricing.clone()).merge(serve_openapi(pricing, openapi()));
    tasador_http::with_not_found(api)
}

/// What it answers, for a router that has its own word on unknown paths.
pub fn api(pricing: Pricing) -> Router {
    Router::new()
        .route("/predict", post(predict))
        .route("/model", get(model))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .with_state(pricing)
}

/// What a home is worth.
///
/// One listing gets one price; `{"instances": [listing …]}` gets an outcome for each, in order.
#[utoipa::path(
    post, path = "/predict", tag = "prices",
    params(
        ("explain" = Option<bool>, Query, description = "Whether to say what made the price", nullable = false),
        ("comparables" = Option<u8>, Query, description = "How many comparable sales of each home, 0 to 10; with them, a request may have 100 listings", nullable = false, maximum = 10),
        ("x-request-id" = Option<String>, Header, description = "The caller's id for the request: 1 to 72 letters, digits and -_.: are taken over; else a new one is made", nullable = false),
    ),
    request_body(content = PredictRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Priced", body = PredictAnswer, headers(("x-request-id" = String, description = "The request's id"))),
        (status = 400, description = "The body is not JSON, or the query is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 406, description = "Another answer than JSON is wanted", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 2 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is something else than JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field can't be used", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The model made no number of the listing", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No model is available", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn predict(
    State(pricing): State<Pricing>,
    RequestId(id): RequestId,
    options: Result<Query<Options>, QueryRejection>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let mut question = Question::new(id, Value::Null);
    let read = match request::accepts(&parts.headers, "application/json") {
        Ok(()) => body::read(&parts.headers, body, BODY_MAX_BYTES).await,
        Err(problem) => Err(problem),
    };
    match read {
        Ok(bytes) => match body::json(&bytes) {
            Ok(input) => question.input = input,
            Err(problem) => {
                question.input = request::unreadable(&bytes);
                question.refused = Some(problem);
            }
        },
        Err(problem) => question.refused = Some(problem),
    }
    if question.refused.is_none() {
        match request::options(options) {
            Ok((explain, comparables)) => {
                question.explain = explain;
                question.comparables = comparables;
            }
            Err(problem) => question.refused = Some(problem),
        }
    }
    sent(pricing.answer(question).await)
}

fn sent(answer: Answer) -> Response {
    let content_type = [(header::CONTENT_TYPE, answer.content_type())];
    let mut response = (answer.status, content_type, answer.text).into_response();
    if let Ok(id) = HeaderValue::try_from(answer.request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// A body of `POST /predict`.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "for the document only; the body is read field by field"
)]
enum PredictRequest {
    #[schema(value_type = Listing)]
    One(Listing),
    #[schema(value_type = Instances)]
    Many(Instances),
}

/// One home; replaced by what the model in production wants to know.
#[derive(ToSchema)]
struct Listing {}

/// Several homes; replaced with the limit that is configured.
#[derive(ToSchema)]
struct Instances {}

/// What `POST /predict` answers.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the document only")]
enum PredictAnswer {
    One(OnePrice),
    Many(Prices),
}

/// The model in production.
///
/// Its inputs with kinds, units, the range seen in training and an example: what a form is drawn
/// from.
#[utoipa::path(
    get, path = "/model", tag = "prices",
    responses(
        (status = 200, description = "The model in production", body = ModelDescription),
        (status = 406, description = "Another answer than JSON is wanted", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No model is available", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn model(State(pricing): State<Pricing>, headers: HeaderMap) -> Result<Response, Problem> {
    request::accepts(&headers, "application/json")?;
    let champion = pricing.champion().await?;
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    Ok((content_type, champion.description_json.clone()).into_response())
}

/// Whether prices are available.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok`, or `degraded` while the version in production can't be loaded, the inference log takes no
    /// records, or the disk is full.
    status: HealthStatus,
    /// The version that priced last.
    model: Option<ModelVersion>,
    /// The inference log of this instance.
    inference_log: LogHealth,
    /// Why it is degraded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    since: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum HealthStatus {
    Ok,
    Degraded,
}

#[derive(Debug, Serialize, ToSchema)]
struct LogHealth {
    /// Answers of this instance that only the structured log has.
    #[schema(minimum = 0)]
    failures: u64,
}

/// Whether this instance can price. Always 200. Looks up the champion as a request for a price does.
#[utoipa::path(get, path = "/health", tag = "operations", responses((status = 200, description = "How it is", body = Health)))]
async fn health(State(pricing): State<Pricing>) -> Json<Health> {
    let ChampionStatus { champion, trouble } = pricing.health().await;
    let (reason, since) = trouble.unzip();
    Json(Health {
        status: match reason {
            Some(_) => HealthStatus::Degraded,
            None => HealthStatus::Ok,
        },
        model: champion.map(|champion| ModelVersion {
            name: champion.record.model.to_string(),
            version: champion.version().0,
        }),
        inference_log: LogHealth {
            failures: pricing.counts().log_failures,
        },
        reason,
        since: since.map(|since| since.to_string()),
    })
}

/// Counters and figures in Prometheus' text format, over all instances.
#[utoipa::path(
    get, path = "/metrics", tag = "operations",
    responses(
        (status = 200, description = "The figures", body = String, content_type = "text/plain; version=0.0.4"),
        (status = 406, description = "Another answer than text is wanted", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The registry does not answer", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn metrics(State(pricing): State<Pricing>, headers: HeaderMap) -> Result<Response, Problem> {
    // Who wants OpenMetrics reads this format too: its type says which one it is.
    request::accepts(&headers, "application/openmetrics-text")
        .or_else(|_| request::accepts(&headers, "text/plain"))?;
    // The version in production belongs to the figures; that there is none is told by them too.
    let _none = pricing.champion().await;
    let ctx = pricing.context();
    let figures = Figures {
        totals: pricing.totals().await?,
        pipeline: ctx.registry.pipeline_counts().await?,
        performance: ctx.registry.performance(&ctx.config.model).await?,
        status: pricing.status(),
        now: ctx.now(),
    };
    let text = exposition::text(&figures).map_err(|error| {
        tracing::error!("the metrics cannot be written: {}", chain(&error));
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    Ok(([(header::CONTENT_TYPE, exposition::content_type())], text).into_response())
}
