//! The scope that each route requires. API Gateway's authorizer, the local cloud, the page, the audit
//! and the API's description use this list.

use crate::scope::Scope;

/// What a request requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: health, and the page without sign-in.
    Open,
    /// The page's cookie with a token of this scope, which the page checks. API Gateway lets these
    /// requests pass.
    SignIn(Scope),
    /// A bearer token of this scope.
    Token(Scope),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The HTTP method; `HEAD` requires the same as `GET`.
    pub method: &'static str,
    /// The path, with parameters as OpenAPI writes them.
    pub path: &'static str,
    pub need: Need,
}

const fn open(method: &'static str, path: &'static str) -> Route {
    Route {
        method,
        path,
        need: Need::Open,
    }
}

const fn page(method: &'static str, path: &'static str, scope: Scope) -> Route {
    Route {
        method,
        path,
        need: Need::SignIn(scope),
    }
}

const fn api(method: &'static str, path: &'static str, scope: Scope) -> Route {
    Route {
        method,
        path,
        need: Need::Token(scope),
    }
}

/// Every route except MLflow's. Routes that are not listed require `admin`, see [`need`].
pub const ROUTES: &[Route] = &[
    // predict
    api("POST", "/predict", Scope::Predict),
    api("GET", "/model", Scope::Predict),
    open("GET", "/health"),
    api("GET", "/metrics", Scope::Read),
    api("GET", "/openapi.json", Scope::Read),
    // tracking
    api("GET", "/history", Scope::Read),
    api("GET", "/history/{run}", Scope::Read),
    api("GET", "/runs", Scope::Read),
    api("POST", "/runs", Scope::Admin),
    api("GET", "/runs/{run}", Scope::Read),
    api("GET", "/batches/{batch}", Scope::Read),
    api("GET", "/batches/{batch}/rejected", Scope::Read),
    api("POST", "/batches/{batch}/release", Scope::Admin),
    api("POST", "/batches/{batch}/discard", Scope::Admin),
    api("POST", "/batches/{batch}/withdraw", Scope::Admin),
    api("POST", "/properties/{property}/withdraw", Scope::Admin),
    api("GET", "/models", Scope::Read),
    api("GET", "/models/{name}", Scope::Read),
    api("GET", "/models/{name}/versions", Scope::Read),
    api("GET", "/models/{name}/versions/{version}", Scope::Read),
    api(
        "GET",
        "/models/{name}/versions/{version}/files/{file}",
        Scope::Read,
    ),
    api(
        "GET",
        "/models/{name}/versions/{version}/lineage",
        Scope::Read,
    ),
    api(
        "GET",
        "/models/{name}/versions/{version}/ratio-study",
        Scope::Read,
    ),
    api(
        "POST",
        "/models/{name}/versions/{version}/promote",
        Scope::Admin,
    ),
    api("POST", "/models/{name}/rollback", Scope::Admin),
    api("GET", "/predictions/{request_id}", Scope::Read),
    api("POST", "/outcomes", Scope::Admin),
    api("GET", "/performance", Scope::Read),
    // web
    open("GET", "/"),
    open("GET", "/assets/{file}"),
    open("POST", "/page/sign-in"),
    open("POST", "/page/sign-out"),
    page("GET", "/appraisal", Scope::Predict),
    page(
        "GET",
        "/page/models/{name}/versions/{version}/files/{file}",
        Scope::Read,
    ),
    page(
        "POST",
        "/page/models/{name}/versions/{version}/promote",
        Scope::Admin,
    ),
    page("POST", "/page/models/{name}/rollback", Scope::Admin),
    page("GET", "/page/live", Scope::Read),
    page("GET", "/page/tables/{table}", Scope::Read),
    page("POST", "/page/runs", Scope::Admin),
    page("POST", "/page/checks", Scope::Admin),
    page("POST", "/page/checks/{check}", Scope::Admin),
    page("POST", "/page/checks/{check}/learn", Scope::Admin),
    page("GET", "/page/batches/{batch}/rejected", Scope::Read),
    page("POST", "/page/batches/{batch}/{action}", Scope::Admin),
];

/// MLflow's protocol, as the gateway routes it: `GET` and searches require `read`, everything else
/// `admin`. `{proxy}` is the rest of a path.
pub const MLFLOW: &[Route] = &[
    api("GET", "/api/2.0/mlflow/{proxy}", Scope::Read),
    api("POST", "/api/2.0/mlflow/experiments/search", Scope::Read),
    api("POST", "/api/2.0/mlflow/runs/search", Scope::Read),
    api("POST", "/api/2.0/mlflow/logged-models/search", Scope::Read),
    api("ANY", "/api/2.0/mlflow/{proxy}", Scope::Admin),
    api("GET", "/api/3.0/mlflow/{proxy}", Scope::Read),
    api("ANY", "/api/3.0/mlflow/{proxy}", Scope::Admin),
    api("GET", "/api/2.0/mlflow-artifacts/{proxy}", Scope::Read),
    api("ANY", "/api/2.0/mlflow-artifacts/{proxy}", Scope::Admin),
    api("GET", "/version", Scope::Read),
    api("POST", "/v1/traces", Scope::Admin),
];

/// What a route requires. `path` is the pattern that a router matched, in the notation of axum
/// (`{*file}`), API Gateway (`{file+}`) or OpenAPI (`{file}`).
///
/// A route that is not listed requires `admin`, so a forgotten route is closed, not open. The same
/// holds for API Gateway's catch-alls (`$default`, `ANY …`), whose answer is cached for all requests
/// that they match.
pub fn need(method: &str, path: &str) -> Need {
    let method = if method == "HEAD" { "GET" } else { method };
    let path = path.replace("{*", "{").replace("+}", "}");
    let fits = |route: &&Route| {
        route.method == method
            && match route.path.strip_suffix("{proxy}") {
                Some(within) => path.starts_with(within),
                None => route.path == path,
            }
    };
    ROUTES
        .iter()
        .chain(MLFLOW)
        .find(fits)
        .map_or(Need::Token(Scope::Admin), |route| route.need)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_route_is_found_in_every_notation() {
        let file = "/models/{name}/versions/{version}/files/{file}";
        let table = [
            ("POST", "/predict", Need::Token(Scope::Predict)),
            ("GET", "/health", Need::Open),
            ("HEAD", "/history", Need::Token(Scope::Read)),
            ("GET", file, Need::Token(Scope::Read)),
            (
                "GET",
                &file.replace("{file}", "{*file}"),
                Need::Token(Scope::Read),
            ),
            (
                "GET",
                &file.replace("{file}", "{file+}"),
                Need::Token(Scope::Read),
            ),
            ("GET", "/appraisal", Need::SignIn(Scope::Predict)),
            ("GET", "/api/2.0/mlflow/{proxy+}", Need::Token(Scope::Read)),
            ("GET", "/api/2.0/mlflow/runs/get", Need::Token(Scope::Read)),
            (
                "POST",
                "/api/2.0/mlflow/runs/search",
                Need::Token(Scope::Read),
            ),
        ];
        for (method, path, expected) in table {
            assert_eq!(need(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn routes_that_are_not_listed_require_admin() {
        for (method, path) in [
            ("GET", "/new"),
            ("DELETE", "/health"),
            ("ANY", "/health"),
            ("HEAD", "/predict"),
            ("get", "/health"),
            ("GET", "/health/"),
            ("GET", "$default"),
            ("ANY", "/api/2.0/mlflow/{proxy+}"),
            ("POST", "/api/2.0/mlflow/{proxy+}"),
            ("POST", "/api/2.0/mlflow/runs/create"),
            ("PUT", "/api/2.0/mlflow-artifacts/{proxy+}"),
            ("GET", "/api/4.0/mlflow/runs/get"),
            ("", ""),
        ] {
            assert_eq!(
                need(method, path),
                Need::Token(Scope::Admin),
                "{method} {path}"
            );
        }
    }

    #[test]
    fn routes_are_unique_and_changes_require_admin() {
        let mut seen = BTreeSet::new();
        for route in ROUTES {
            assert!(seen.insert((route.method, route.path)), "{route:?}");
            let changes = !matches!(route.method, "GET") && route.path != "/predict";
            let is_admins = matches!(
                route.need,
                Need::Token(Scope::Admin) | Need::SignIn(Scope::Admin)
            );
            let is_sign_in = route.path.starts_with("/page/sign-");
            assert_eq!(is_admins, changes && !is_sign_in, "{route:?}");
        }
    }
}
