//! The audit: one log line for each admin action, whatever its outcome.
//!
//! The function that performs the action writes it, not the authorizer: API Gateway caches the
//! authorizer's answers, so requests admitted from that cache would leave no line. On Lambda the caller is
//! the one that the authorizer named; elsewhere the one that the guard put into the request.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{Extensions, StatusCode};
use lambda_http::request::RequestContext;
use serde_json::Value;
use tasador_access::{Caller, Need, Scope, need};
use tasador_runtime::logging::AUDIT;

use crate::request_id::RequestId;

/// Stands for the token where none was required, as on loopback, or none was valid.
const NOBODY: &str = "-";

/// A request to a route that requires `admin`.
#[derive(Debug, Clone)]
pub struct AdminAction {
    method: String,
    route: String,
    path: String,
    token_id: String,
    request_id: String,
}

impl AdminAction {
    /// The admin action this request performs, if its route requires `admin`.
    pub fn of(request: &Request) -> Option<Self> {
        let extensions = request.extensions();
        let route = extensions.get::<MatchedPath>()?.as_str();
        let action = Self::at(request.method().as_str(), route, request.uri().path())?;
        Some(Self {
            token_id: token_id(extensions).unwrap_or_else(|| NOBODY.to_owned()),
            request_id: RequestId::of(request.headers(), extensions).0,
            ..action
        })
    }

    /// The admin action at this route, by nobody yet, if the route requires `admin`.
    pub fn at(method: &str, route: &str, path: &str) -> Option<Self> {
        let requires_admin = matches!(
            need(method, route),
            Need::Token(Scope::Admin) | Need::SignIn(Scope::Admin)
        );
        requires_admin.then(|| Self {
            method: method.to_owned(),
            route: route.to_owned(),
            path: path.to_owned(),
            token_id: NOBODY.to_owned(),
            request_id: NOBODY.to_owned(),
        })
    }

    pub fn by(self, caller: &Caller) -> Self {
        Self {
            token_id: caller.token_id.to_string(),
            ..self
        }
    }

    pub fn in_request(self, request_id: &str) -> Self {
        Self {
            request_id: request_id.to_owned(),
            ..self
        }
    }

    /// Writes the line of an action that was answered with this status.
    pub fn write(&self, status: StatusCode) {
        let outcome = outcome(status);
        tracing::info!(
            target: AUDIT,
            token_id = self.token_id,
            method = self.method,
            route = self.route,
            path = self.path,
            request_id = self.request_id,
            status = status.as_u16(),
            outcome,
            "audit: {} {} {outcome}",
            self.method,
            self.path,
        );
    }
}

fn outcome(status: StatusCode) -> &'static str {
    if status.is_server_error() {
        "failed"
    } else if status.is_client_error() {
        "refused"
    } else {
        "done"
    }
}

/// Writes a line for each request to a route that requires `admin`. A layer of routes.
pub async fn record(request: Request, next: Next) -> Response {
    let action = AdminAction::of(&request);
    let response = next.run(request).await;
    if let Some(action) = action {
        action.write(response.status());
    }
    response
}

/// The token of a request: the one a guard in this process checked, or the one that API Gateway's
/// authorizer named.
pub(crate) fn token_id(extensions: &Extensions) -> Option<String> {
    if let Some(caller) = extensions.get::<Caller>() {
        return Some(caller.token_id.to_string());
    }
    match extensions.get::<RequestContext>()? {
        RequestContext::ApiGatewayV2(context) => {
            let named = context.authorizer.as_ref()?.fields.get("token_id")?;
            named.as_str().map(str::to_owned)
        }
        _ => None,
    }
}

/// The caller that API Gateway's authorizer named in the context of a request.
pub fn caller(authorizer_context: &Value) -> Option<Caller> {
    let text = |name: &str| authorizer_context.get(name).and_then(Value::as_str);
    Some(Caller {
        token_id: text("token_id")?.parse().ok()?,
        scopes: text("scopes")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request_id::REQUEST_ID;
    use axum::body::Body;
    use axum::routing::post;
    use axum::{Router, middleware};
    use std::fs::File;
    use std::io::{Seek as _, read_to_string};
    use std::sync::Arc;
    use tower::ServiceExt as _;

    const TOKEN: &str = "0011223344556677";

    async fn lines_of(request: Request) -> Vec<Value> {
        let written = Arc::new(tempfile::tempfile().unwrap());
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(written.clone())
            .finish();
        let router = Router::new()
            .route(
                "/runs",
                post(|| async { StatusCode::ACCEPTED }).get(|| async {}),
            )
            .route(
                "/models/{name}/rollback",
                post(|| async { StatusCode::CONFLICT }),
            )
            .route_layer(middleware::from_fn(record));
        let guard = tracing::subscriber::set_default(subscriber);
        router.oneshot(request).await.unwrap();
        drop(guard);
        let mut written: &File = &written;
        written.rewind().unwrap();
        let text = read_to_string(written).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn request(method: &str, path: &str) -> Request {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(REQUEST_ID, "r-1");
        request.body(Body::empty()).unwrap()
    }

    /// The request as API Gateway hands it over after the authorizer let it in.
    fn through_api_gateway(method: &str, path: &str) -> Request {
        let event = serde_json::json!({
            "version": "2.0", "routeKey": format!("{method} {path}"), "rawPath": path,
            "rawQueryString": "", "headers": {}, "isBase64Encoded": false,
            "requestContext": {
                "accountId": "0", "apiId": "x", "stage": "$default", "requestId": "gateway",
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "x"},
                "timeEpoch": 0, "time": "",
                "authorizer": {"lambda": {"token_id": TOKEN, "scopes": "admin"}},
            },
        });
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        request.map(|_| Body::empty())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn each_admin_action_leaves_one_line() {
        let mut guarded = request("POST", "/models/a/rollback");
        guarded.extensions_mut().insert(Caller {
            token_id: TOKEN.parse().unwrap(),
            scopes: "admin".parse().unwrap(),
        });
        let table = [
            (request("POST", "/runs"), NOBODY, "/runs", "done", 202),
            (
                through_api_gateway("POST", "/runs"),
                TOKEN,
                "/runs",
                "done",
                202,
            ),
            (guarded, TOKEN, "/models/{name}/rollback", "refused", 409),
        ];
        for (request, token, route, outcome, status) in table {
            let lines = lines_of(request).await;
            let [line] = &lines[..] else {
                panic!("{lines:?}")
            };
            assert_eq!(line["target"], AUDIT);
            assert_eq!(line["token_id"], token);
            assert_eq!(line["method"], "POST");
            assert_eq!(line["route"], route);
            assert_eq!(line["outcome"], outcome);
            assert_eq!(line["status"], status);
            assert!(line["request_id"].as_str().is_some_and(|id| !id.is_empty()));
        }
        for harmless in [request("GET", "/runs"), through_api_gateway("GET", "/runs")] {
            assert_eq!(lines_of(harmless).await, Vec::<Value>::new());
        }
    }

    #[test]
    fn a_caller_is_read_as_the_authorizer_writes_it() {
        let said = serde_json::json!({"token_id": TOKEN, "scopes": "predict read"});
        let caller = caller(&said).unwrap();
        assert_eq!(caller.token_id.to_string(), TOKEN);
        assert!(caller.scopes.allow(Scope::Read) && !caller.scopes.allow(Scope::Admin));
        for other in [
            Value::Null,
            serde_json::json!({"token_id": "x", "scopes": "read"}),
        ] {
            assert_eq!(super::caller(&other), None);
        }
    }
}
