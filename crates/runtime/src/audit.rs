//! The audit: one line for each use of `admin`, whatever came of it.
//!
//! It is written by the function that does what was asked, not by what let the request in: API
//! Gateway keeps the authorizer's answer for a while, and whoever it let in by memory would leave no
//! line. On Lambda the caller is what the authorizer said of the request; elsewhere what the guard in
//! front put into it.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{Extensions, HeaderValue, StatusCode};
use lambda_http::request::RequestContext;
use serde_json::Value;
use tasador_access::{Caller, Need, Scope, need};

use crate::request_id::request_id;

/// Target of the lines.
pub const TARGET: &str = "audit";
/// Name of the header with a request's id.
const REQUEST_ID: &str = "x-request-id";
/// Stands for the token where none was asked for, as on loopback, or none was good.
const NOBODY: &str = "-";

/// A use of `admin` on its way.
#[derive(Debug, Clone)]
pub struct Use {
    method: String,
    route: String,
    path: String,
    token_id: String,
    request_id: String,
}

impl Use {
    /// What this request is a use of; none where its route does not want `admin`.
    pub fn of(request: &Request) -> Option<Self> {
        let extensions = request.extensions();
        let route = extensions.get::<MatchedPath>()?.as_str();
        let used = Self::at(request.method().as_str(), route, request.uri().path())?;
        let lambda = extensions.get::<lambda_runtime::Context>();
        let offered = request.headers().get(REQUEST_ID);
        let offered = offered.and_then(|id| id.to_str().ok());
        let ids = lambda.map(|context| context.request_id.as_str());
        Some(Self {
            token_id: token_id(extensions).unwrap_or_else(|| NOBODY.to_owned()),
            request_id: request_id(ids.into_iter().chain(offered)),
            ..used
        })
    }

    /// What a request to this route is a use of, by nobody so far; none where the route does not want
    /// `admin`.
    pub fn at(method: &str, route: &str, path: &str) -> Option<Self> {
        let wanted = need(method, route);
        let is_admins = matches!(
            wanted,
            Need::Token(Scope::Admin) | Need::SignIn(Scope::Admin)
        );
        is_admins.then(|| Self {
            method: method.to_owned(),
            route: route.to_owned(),
            path: path.to_owned(),
            token_id: NOBODY.to_owned(),
            request_id: NOBODY.to_owned(),
        })
    }

    /// By this caller.
    pub fn by(self, caller: &Caller) -> Self {
        Self {
            token_id: caller.token_id.to_string(),
            ..self
        }
    }

    /// In the request of this id.
    pub fn within(self, request_id: &str) -> Self {
        Self {
            request_id: request_id.to_owned(),
            ..self
        }
    }

    /// Writes the line, and the request's id into an answer that has none yet.
    pub fn ended(self, mut response: Response) -> Response {
        self.write(response.status());
        if let Ok(id) = HeaderValue::try_from(self.request_id) {
            response.headers_mut().entry(REQUEST_ID).or_insert(id);
        }
        response
    }

    /// Writes the line of a use that was answered with this status.
    pub fn write(&self, status: StatusCode) {
        let outcome = outcome(status);
        tracing::info!(
            target: TARGET,
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

/// Leaves a line for each request to a route that wants `admin`. A layer of routes.
pub async fn record(request: Request, next: Next) -> Response {
    let used = Use::of(&request);
    let response = next.run(request).await;
    match used {
        Some(used) => used.ended(response),
        None => response,
    }
}

/// The token a request came with: what a guard in this process put there, or what API Gateway's
/// authorizer said.
fn token_id(extensions: &Extensions) -> Option<String> {
    if let Some(caller) = extensions.get::<Caller>() {
        return Some(caller.token_id.to_string());
    }
    match extensions.get::<RequestContext>()? {
        RequestContext::ApiGatewayV2(context) => {
            let said = context.authorizer.as_ref()?.fields.get("token_id")?;
            said.as_str().map(str::to_owned)
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
    use axum::body::Body;
    use axum::routing::post;
    use axum::{Router, middleware};
    use std::io;
    use std::sync::{Arc, Mutex};
    use tower::ServiceExt as _;

    const TOKEN: &str = "0011223344556677";

    /// What is logged, as text.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    async fn lines_of(request: Request) -> Vec<Value> {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(move || writer.clone())
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
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
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
    async fn each_use_of_admin_leaves_one_line() {
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
            assert_eq!(line["target"], TARGET);
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
