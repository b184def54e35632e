//! API Gateway's HTTP events (payload format 2.0) for the functions that answer HTTP.
//!
//! `aws lambda invoke --function-name predict` sends such an event, as API Gateway does on AWS; here
//! it becomes a request to the same router that answers on the HTTP port.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

/// Answers are at most as large as Lambda allows them to be.
const ANSWER_LIMIT_BYTES: usize = 6 * 1024 * 1024;

/// The part of an event that makes a request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpEvent {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    cookies: Vec<String>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: RequestContext,
}

#[derive(Debug, Deserialize)]
struct RequestContext {
    http: HttpContext,
    #[serde(default)]
    authorizer: Option<Authorizer>,
}

/// What API Gateway's authorizer said of the request.
#[derive(Debug, Deserialize)]
struct Authorizer {
    #[serde(default)]
    lambda: Value,
}

#[derive(Debug, Deserialize)]
struct HttpContext {
    method: String,
}

/// Runs one event through `router` and gives the answer as API Gateway expects it.
///
/// # Errors
/// A sentence saying why `event` is not an HTTP event of format 2.0.
pub(crate) async fn answer(router: Router, event: Value) -> Result<Value, String> {
    let request = to_request(event)?;
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, ANSWER_LIMIT_BYTES)
        .await
        .map_err(|_| format!("the answer is larger than {ANSWER_LIMIT_BYTES} bytes"))?;
    let mut headers = Map::new();
    let mut cookies = Vec::new();
    for (name, value) in &parts.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        if name == header::SET_COOKIE {
            cookies.push(Value::from(value));
            continue;
        }
        match headers.get_mut(name.as_str()) {
            Some(Value::String(before)) => {
                before.push(',');
                before.push_str(&value);
            }
            _ => {
                headers.insert(name.as_str().to_owned(), Value::from(value));
            }
        }
    }
    let (body, is_base64_encoded) = match String::from_utf8(bytes.into()) {
        Ok(text) => (text, false),
        Err(error) => (aws_smithy_types::base64::encode(error.as_bytes()), true),
    };
    Ok(json!({
        "statusCode": parts.status.as_u16(),
        "headers": headers,
        "cookies": cookies,
        "body": body,
        "isBase64Encoded": is_base64_encoded,
    }))
}

fn to_request(event: Value) -> Result<Request<Body>, String> {
    let event: HttpEvent = serde_json::from_value(event)
        .map_err(|error| format!("this function answers HTTP, so the payload must be an API Gateway event of format 2.0: {error}"))?;
    let method: Method = event
        .request_context
        .http
        .method
        .parse()
        .map_err(|_| "requestContext.http.method is not an HTTP method".to_owned())?;
    let target = if event.raw_query_string.is_empty() {
        event.raw_path
    } else {
        format!("{}?{}", event.raw_path, event.raw_query_string)
    };
    let uri: Uri = target
        .parse()
        .map_err(|_| "rawPath and rawQueryString do not make a URL".to_owned())?;
    let body = match event.body {
        None => Body::empty(),
        Some(text) if event.is_base64_encoded => Body::from(
            aws_smithy_types::base64::decode(text)
                .map_err(|_| "body says it is base64 and is not".to_owned())?,
        ),
        Some(text) => Body::from(text),
    };
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    for (name, value) in &event.headers {
        let name: HeaderName = name
            .parse()
            .map_err(|_| format!("`{name}` is not a header name"))?;
        let value: HeaderValue = value
            .parse()
            .map_err(|_| format!("header `{name}` has a value that is not one"))?;
        request.headers_mut().insert(name, value);
    }
    if !event.cookies.is_empty()
        && let Ok(cookies) = event.cookies.join("; ").parse()
    {
        request.headers_mut().insert(header::COOKIE, cookies);
    }
    let authorizer = event.request_context.authorizer;
    if let Some(caller) = authorizer.and_then(|it| tasador_http::audit::caller(&it.lambda)) {
        request.extensions_mut().insert(caller);
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::{get, post};

    fn event(method: &str, path: &str, body: Value) -> Value {
        json!({
            "version": "2.0", "rawPath": path, "rawQueryString": "a=1", "body": body,
            "headers": {"content-type": "application/json", "x-request-id": "r-1"},
            "requestContext": {"http": {"method": method, "path": path}},
        })
    }

    #[tokio::test]
    async fn an_event_reaches_the_router_as_the_request_it_stands_for() {
        let router = Router::new().route(
            "/echo",
            post(
                |uri: Uri, headers: axum::http::HeaderMap, body: String| async move {
                    let id = headers
                        .get("x-request-id")
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned();
                    ([("x-seen", id)], format!("{uri} {body}"))
                },
            ),
        );
        let answer = answer(router, event("POST", "/echo", json!("{\"bed\":3}")))
            .await
            .unwrap();
        assert_eq!(answer["statusCode"], 200);
        assert_eq!(answer["headers"]["x-seen"], "r-1");
        assert_eq!(answer["body"], "/echo?a=1 {\"bed\":3}");
        assert_eq!(answer["isBase64Encoded"], false);
    }

    #[tokio::test]
    async fn bytes_travel_as_base64_both_ways() {
        let router = Router::new().route("/", post(|body: axum::body::Bytes| async move { body }));
        let mut event = event("POST", "/", json!("/wA="));
        event["isBase64Encoded"] = json!(true);
        let answer = answer(router, event).await.unwrap();
        assert_eq!(
            (answer["body"].as_str(), answer["isBase64Encoded"].as_bool()),
            (Some("/wA="), Some(true))
        );
    }

    #[tokio::test]
    async fn what_is_no_event_is_refused_in_words() {
        let router = Router::new().route("/", get(|| async { "" }));
        for bad in [
            json!({}),
            json!([1]),
            json!(null),
            event("NOT A METHOD", "/", json!(null)),
            event("GET", "no slash", json!(null)),
        ] {
            let refusal = answer(router.clone(), bad.clone()).await;
            assert!(refusal.is_err_and(|text| !text.is_empty()), "{bad}");
        }
    }
}
