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

mod answer;
mod champion;
mod describe;
mod listing;
mod log;
mod request;

use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tasador_registry::InferenceRecord;
use tasador_runtime::{Context, Problem};

use answer::{Answer, Asked};
use champion::{Champion, Champions, NoModel};
use log::Log;
use request::Options;

/// Homes that are priced on the thread that answers: they take a millisecond at most. More, and
/// explanations, which take a hundred times as long, leave that thread to others.
const INLINE_MAX: usize = 64;

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
    let service = Service {
        champions: Champions::new(ctx.clone()),
        log: Log::default(),
        ctx,
    };
    Router::new()
        .route("/predict", post(predict))
        .route("/model", get(model))
        .route("/health", get(health))
        .with_state(Arc::new(service))
}

async fn predict(
    State(service): State<Arc<Service>>,
    lambda: Option<Extension<lambda_runtime::Context>>,
    options: Result<Query<Options>, QueryRejection>,
    request: Request,
) -> Response {
    let begun = Instant::now();
    let (parts, body) = request.into_parts();
    let id = request::id(&parts.headers, lambda.as_deref());
    let read = match request::body(&parts.headers, body).await {
        Ok(bytes) => request::json(&bytes),
        Err(problem) => Err(Box::new((Value::Null, problem))),
    };
    let (input, answer) = match read {
        Ok(input) => service.price(input, options).await,
        Err(refused) => {
            let (input, problem) = *refused;
            (input, problem.into())
        }
    };
    service.finish(id, begun, input, answer).await
}

impl Service {
    /// Prices a request. Gives back what was asked, for the log.
    async fn price(
        &self,
        input: Value,
        options: Result<Query<Options>, QueryRejection>,
    ) -> (Value, Answer) {
        let max_instances = self.ctx.config.predict.max_instances;
        let explain = match request::explain(options) {
            Ok(explain) => explain,
            Err(problem) => return (input, problem.into()),
        };
        let homes = match Asked::of(&input, max_instances) {
            Ok(asked) => asked.homes(),
            Err(problem) => return (input, problem.into()),
        };
        let champion = match self.champions.current().await {
            Ok(champion) => champion,
            Err(none) => return (input, no_model(none).into()),
        };
        let price = move |input: &Value, champion: &Champion| match Asked::of(input, max_instances)
        {
            Ok(asked) => answer::to(&asked, champion, explain),
            Err(problem) => problem.into(),
        };
        if homes <= INLINE_MAX && !explain {
            let answer = price(&input, &champion);
            return (input, answer);
        }
        let input = Arc::new(input);
        let task = tokio::task::spawn_blocking({
            let input = Arc::clone(&input);
            move || price(&input, &champion)
        });
        let answer = task.await.unwrap_or_else(|error| {
            tracing::error!("the thread that priced is gone: {error}");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR).into()
        });
        (Arc::unwrap_or_clone(input), answer)
    }

    /// Logs an answer and sends it.
    async fn finish(
        &self,
        request_id: String,
        begun: Instant,
        input: Value,
        answer: Answer,
    ) -> Response {
        let answer = answer.with_request_id(&request_id);
        let content_type = answer.content_type();
        let Answer {
            status,
            body,
            version,
        } = answer;
        let output = Value::Object(body);
        let text = output.to_string();
        let record = InferenceRecord {
            at: self.ctx.now(),
            model: self.ctx.config.model.clone(),
            version,
            status: status.as_u16(),
            duration_us: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            input,
            output,
            request_id,
        };
        self.log.keep(&self.ctx, &record).await;
        let mut response = (status, [(header::CONTENT_TYPE, content_type)], text).into_response();
        if let Ok(id) = HeaderValue::try_from(record.request_id) {
            response.headers_mut().insert(request::REQUEST_ID, id);
        }
        response
    }
}

async fn model(State(service): State<Arc<Service>>) -> Response {
    match service.champions.current().await {
        Ok(champion) => (
            [(header::CONTENT_TYPE, "application/json")],
            champion.described.clone(),
        )
            .into_response(),
        Err(none) => no_model(none).into_response(),
    }
}

async fn health(State(service): State<Arc<Service>>) -> Json<Value> {
    let (champion, trouble) = service.champions.standing();
    let model = champion
        .map(|champion| json!({"name": champion.record.model, "version": champion.version()}));
    let mut health = json!({
        "status": if trouble.is_some() { "degraded" } else { "ok" },
        "model": model,
        "inference_log": {"failures": service.log.failures()},
    });
    if let (Value::Object(fields), Some((reason, since))) = (&mut health, trouble) {
        fields.insert("reason".to_owned(), reason.into());
        fields.insert("since".to_owned(), json!(since));
    }
    Json(health)
}

fn unprocessable(detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY).detail(detail)
}

fn no_model(none: NoModel) -> Problem {
    let detail = match none {
        NoModel::NoChampion => {
            "No model is in production yet: start a run of the pipeline on a first batch (`tasador run --source …`), and see `GET /history` for what became of it.".to_owned()
        }
        NoModel::Trouble(sentence) => format!("The model in production can't be had right now: {sentence}. Try again in a few seconds."),
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE).detail(detail)
}
