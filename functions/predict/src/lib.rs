//! HTTP: prices from the model in production.
//!
//! | Request | Answer |
//! |---|---|
//! | `POST /predict` with a listing | `{"predicted_price", "interval": {"low", "high", "confidence"}, "model": {"name", "version"}, "request_id"}` |
//! | `POST /predict` with `{"instances": [listing …]}` | `{"predictions": [outcome …], "model", "request_id"}`, the outcomes in the order of the listings |
//! | `GET /model` | the champion: version, metrics, and its inputs with kinds, units and ranges |
//! | `GET /health` | `{"status": "ok" or "degraded", "model", "reason", "inference_log"}`; always 200, and asks no store |
//!
//! `?explain=true` adds an `explanation`: `base_price` and the `amount` of each contribution add up
//! to the price, to the cent. Absent fields, `null` and texts such as `N/A` are missing values;
//! unknown fields, `price` among them, are ignored and named in `ignored_fields`.
//!
//! Errors are problem details (RFC 9457): 400 for what is not JSON, 413 for a body beyond 2 MiB,
//! 415 for another content type, 422 for values that can't be used, with field and reason, 503 while
//! no model can be had. An outcome among `predictions` is a price or an `error`: such a problem with
//! fields like `instances[3].bed`. As long as the request as a whole can be read its status is 200,
//! whatever became of single instances.
//!
//! Each answer to `POST /predict` is in the inference log before it goes out; where the table does
//! not take it, it is in the structured log and counted in `/health`. An answer's `request_id` is
//! the caller's `x-request-id` (1 to 72 letters, digits and `-_.:`), or else Lambda's, or else new.

mod request;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tasador_pricing::{Answer, Pricing, Question, Standing};
use tasador_runtime::Problem;

use request::Options;

/// The function: its [`api`], and a problem for everything else.
pub fn router(pricing: Pricing) -> Router {
    api(pricing)
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { Problem::new(StatusCode::METHOD_NOT_ALLOWED) })
}

/// What it answers, for a router that has its own word on unknown paths.
pub fn api(pricing: Pricing) -> Router {
    Router::new()
        .route("/predict", post(predict))
        .route("/model", get(model))
        .route("/health", get(health))
        .with_state(pricing)
}

async fn predict(
    State(pricing): State<Pricing>,
    lambda: Option<Extension<lambda_runtime::Context>>,
    options: Result<Query<Options>, QueryRejection>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let id = request::id(&parts.headers, lambda.as_deref());
    let mut question = Question::new(id, Value::Null);
    match request::body(&parts.headers, body).await {
        Ok(bytes) => match request::json(&bytes) {
            Ok(input) => question.input = input,
            Err(refused) => {
                let (input, problem) = *refused;
                question.input = input;
                question.refused = Some(problem);
            }
        },
        Err(problem) => question.refused = Some(problem),
    }
    if question.refused.is_none() {
        match request::explain(options) {
            Ok(explain) => question.explain = explain,
            Err(problem) => question.refused = Some(problem),
        }
    }
    sent(pricing.answer(question).await)
}

fn sent(answer: Answer) -> Response {
    let content_type = [(header::CONTENT_TYPE, answer.content_type())];
    let mut response = (answer.status, content_type, answer.text).into_response();
    if let Ok(id) = HeaderValue::try_from(answer.request_id) {
        response.headers_mut().insert(request::REQUEST_ID, id);
    }
    response
}

async fn model(State(pricing): State<Pricing>) -> Response {
    match pricing.champion().await {
        Ok(champion) => (
            [(header::CONTENT_TYPE, "application/json")],
            champion.description_json.clone(),
        )
            .into_response(),
        Err(none) => Problem::from(none).into_response(),
    }
}

async fn health(State(pricing): State<Pricing>) -> Json<Value> {
    let Standing { champion, trouble } = pricing.standing();
    let model = champion
        .map(|champion| json!({"name": champion.record.model, "version": champion.version()}));
    let mut health = json!({
        "status": if trouble.is_some() { "degraded" } else { "ok" },
        "model": model,
        "inference_log": {"failures": pricing.log_failures()},
    });
    if let (Value::Object(fields), Some((reason, since))) = (&mut health, trouble) {
        fields.insert("reason".to_owned(), reason.into());
        fields.insert("since".to_owned(), json!(since));
    }
    Json(health)
}
