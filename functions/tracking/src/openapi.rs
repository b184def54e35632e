//! What the function answers, as an OpenAPI document out of the code.

use tasador_http::{FieldError, Problem};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

#[derive(utoipa::OpenApi)]
#[openapi(
    paths(
        crate::history::list,
        crate::history::entry,
        crate::runs::list,
        crate::runs::start,
        crate::runs::follow,
        crate::models::list,
        crate::models::model,
        crate::models::versions,
        crate::models::version,
        crate::models::file,
        crate::models::lineage,
        crate::models::ratio_study,
        crate::promotions::promote,
        crate::promotions::roll_back,
        crate::predictions::one,
        crate::performance::report,
        crate::performance::read,
    ),
    components(schemas(Problem, FieldError)),
    tags(
        (name = "history", description = "What became of each batch"),
        (name = "runs", description = "Executions of the pipeline"),
        (name = "models", description = "Models, their versions, and where they come from"),
    ),
)]
struct Api;

/// The function's part of the document.
pub fn openapi() -> OpenApi {
    Api::openapi()
}

/// Answers that every request may get.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "read by the macros that write the document")]
pub(crate) enum Failures {
    /// The request can't be read
    #[response(status = 400, content_type = "application/problem+json")]
    Unreadable(#[to_schema] Problem),
    /// There is no such thing
    #[response(status = 404, content_type = "application/problem+json")]
    Missing(#[to_schema] Problem),
    /// A value can't be used; `errors` names the fields
    #[response(status = 422, content_type = "application/problem+json")]
    Unusable(#[to_schema] Problem),
    /// What is behind does not answer; try again
    #[response(status = 503, content_type = "application/problem+json")]
    Unanswered(#[to_schema] Problem),
}

/// Answers that a request with a body may get beside those.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "read by the macros that write the document")]
pub(crate) enum BodyFailures {
    /// The current state forbids it: another version was promoted meanwhile, or a rule forbids it
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(#[to_schema] Problem),
    /// The body is too large
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] Problem),
    /// The body is not JSON
    #[response(status = 415, content_type = "application/problem+json")]
    NotJson(#[to_schema] Problem),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described() {
        let document = serde_json::to_value(openapi()).unwrap();
        let described: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
        let source = include_str!("lib.rs");
        let routes = source.split(".route(").skip(2).map(|rest| {
            let path = rest.split('"').nth(1).unwrap();
            path.replace("{*", "{")
        });
        let mut count = 0;
        for route in routes {
            assert!(described.contains(&&route), "{route} is not described");
            count += 1;
        }
        assert_eq!(count, described.len());
    }
}
