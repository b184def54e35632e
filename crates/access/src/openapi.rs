//! Adds tokens and scopes to the API's description, from the list of routes.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, HeaderBuilder, OpenApi, Ref, ResponseBuilder};

use crate::route::{Need, need};
use crate::scope::Scope;

/// Name of the scheme in the document.
const SCHEME: &str = "bearer";

/// Adds to every operation the scope that it requires, and the answers without it.
pub fn secure(document: &mut OpenApi) {
    let mut http = Http::new(HttpAuthScheme::Bearer);
    http.bearer_format = Some("tsd_<id>_<secret>".to_owned());
    http.description = Some(
        "A token from `tasador token create`. The scope `admin` includes `read` and `predict`."
            .to_owned(),
    );
    document
        .components
        .get_or_insert_default()
        .add_security_scheme(SCHEME, SecurityScheme::Http(http));
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            if let Need::Token(scope) = need(method, path) {
                require(operation, scope);
            }
        }
    }
}

/// The operations of a path, by method.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("GET", &mut item.get),
        ("PUT", &mut item.put),
        ("POST", &mut item.post),
        ("DELETE", &mut item.delete),
        ("PATCH", &mut item.patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn require(operation: &mut Operation, scope: Scope) {
    operation.security = Some(vec![SecurityRequirement::new(SCHEME, [scope.as_str()])]);
    for (status, description) in [
        (
            "401",
            "The token is missing, invalid, expired or revoked; behind API Gateway only: it is missing",
        ),
        (
            "403",
            "The token does not have the required scope; behind API Gateway also: it is invalid, \
             expired or revoked",
        ),
    ] {
        let problem = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        let response = ResponseBuilder::new()
            .description(description)
            .content("application/problem+json", problem)
            .header("www-authenticate", HeaderBuilder::new().build())
            .build();
        operation
            .responses
            .responses
            .insert(status.to_owned(), response.into());
    }
}
