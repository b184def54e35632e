//! What the function answers, as its part of the OpenAPI document.

use std::collections::BTreeMap;

use serde_json::Value;
use tasador_runtime::{FieldError, Problem};
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{OpenApi, RefOr};
use utoipa::{OpenApi as _, PartialSchema, ToSchema};

#[derive(utoipa::OpenApi)]
#[openapi(
    paths(list, entry),
    components(schemas(Entries, Entry, Problem, FieldError)),
    tags((name = "history", description = "What became of each batch")),
)]
struct Api;

/// The function's part of the document.
pub fn openapi() -> OpenApi {
    Api::openapi()
}

/// How many entries: a number, or nothing.
struct Limit;

impl PartialSchema for Limit {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(crate::LIMIT_MAX));
        let nothing = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(0));
        AnyOfBuilder::new().item(number).item(nothing).into()
    }
}

impl ToSchema for Limit {}

/// A page of the history, newest first.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document only")]
struct Entries {
    /// The entries.
    items: Vec<Entry>,
    /// What `page` takes for the next page; absent or null on the last one.
    next: Option<String>,
}

/// What became of one run of the pipeline.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document only")]
struct Entry {
    /// The run.
    run: String,
    /// `promoted`, `rejected`, `skipped`, `failed` or `nothing_new`.
    kind: String,
    /// The decision and its main reason.
    sentence: String,
    /// Whether a new model went into production.
    promoted: bool,
    /// The registered model.
    model: String,
    /// When the run began.
    #[schema(format = DateTime)]
    started_at: String,
    /// When this was recorded.
    #[schema(format = DateTime)]
    recorded_at: String,
    /// How long it took, in milliseconds.
    duration_ms: u64,
    /// What the run came to beyond: batch, rows, reasons, candidates, challenger, champion ….
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

/// What became of each batch, newest first.
#[utoipa::path(
    get, path = "/history", tag = "history",
    params(
        ("limit" = inline(Option<Limit>), Query, description = "Entries on a page; empty counts as absent, as forms send it"),
        ("page" = Option<String>, Query, description = "`next` of an earlier page", nullable = false),
    ),
    responses(
        (status = 200, description = "A page", body = Entries),
        (status = 400, description = "The query can't be read", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter can't be used", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The registry does not answer", body = Problem, content_type = "application/problem+json"),
    ),
)]
#[expect(dead_code, reason = "for the document only")]
fn list() {}

/// What became of one run.
#[utoipa::path(
    get, path = "/history/{run}", tag = "history",
    params(("run" = String, Path, description = "The run")),
    responses(
        (status = 200, description = "Its entry", body = Entry),
        (status = 404, description = "No run of that name has ended", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The registry does not answer", body = Problem, content_type = "application/problem+json"),
    ),
)]
#[expect(dead_code, reason = "for the document only")]
fn entry() {}
