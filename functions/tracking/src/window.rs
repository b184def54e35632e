//! Which part of a list the request wants.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::Deserialize;
use tasador_http::Problem;
use tasador_registry::PageRequest;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Entries on a page where the caller doesn't say.
pub const LIMIT_DEFAULT: u32 = 50;
/// The most entries on a page. An entry has a few kilobytes, 16 KB where it is full of reasons;
/// Lambda allows 6 MB an answer.
pub const LIMIT_MAX: u32 = 200;

/// How many entries: a number, or nothing.
pub(crate) struct Limit;

impl PartialSchema for Limit {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(LIMIT_MAX));
        let nothing = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(0));
        AnyOfBuilder::new().item(number).item(nothing).into()
    }
}

impl ToSchema for Limit {}

/// The window as the query gives it.
#[derive(Debug, Deserialize)]
pub(crate) struct Window {
    limit: Option<String>,
    page: Option<String>,
}

/// The window that the request wants. An empty value counts as absent, as forms send it.
pub(crate) fn page(window: Result<Query<Window>, QueryRejection>) -> Result<PageRequest, Problem> {
    let Query(window) = window.map_err(|rejection| Problem::unreadable_query(&rejection))?;
    let given = |value: Option<String>| value.filter(|value| !value.is_empty());
    let limit = match given(window.limit) {
        None => LIMIT_DEFAULT,
        Some(text) => match text.parse() {
            Ok(limit @ 1..=LIMIT_MAX) => limit,
            _ => {
                let expected = format!("must be a whole number from 1 to {LIMIT_MAX}");
                return Err(Problem::unprocessable("limit", expected));
            }
        },
    };
    Ok(PageRequest {
        limit,
        token: given(window.page),
    })
}
