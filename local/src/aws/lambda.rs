//! Lambda: Invoke and ListFunctions.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::error::LambdaError;
use super::request_id;
use crate::functions::{Functions, function_arn};

/// Largest payload of a synchronous invocation.
pub(super) const SYNC_LIMIT_BYTES: usize = 6 * 1024 * 1024;
/// Largest payload of an asynchronous invocation.
const EVENT_LIMIT_BYTES: usize = 1024 * 1024;

const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

pub(crate) fn router(functions: Functions) -> Router {
    Router::new()
        .route("/2015-03-31/functions", get(list))
        .route("/2015-03-31/functions/", get(list))
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        // One more byte than allowed must arrive for the answer to be Lambda's own.
        .layer(DefaultBodyLimit::max(SYNC_LIMIT_BYTES + 1))
        .with_state(functions)
}

async fn list(State(functions): State<Functions>) -> Json<Value> {
    let functions: Vec<Value> = functions
        .names()
        .map(|name| {
            json!({
                "FunctionName": name,
                "FunctionArn": function_arn(name),
                "Runtime": "provided.al2023",
                "Handler": "bootstrap",
                "Version": "$LATEST",
                "PackageType": "Zip",
            })
        })
        .collect();
    Json(json!({ "Functions": functions }))
}

async fn invoke(
    State(functions): State<Functions>,
    Path(name): Path<String>,
    headers: HeaderMap,
    payload: Bytes,
) -> Result<Response, LambdaError> {
    let name = bare_name(&name);
    if !functions.has(name) {
        return Err(LambdaError {
            status: StatusCode::NOT_FOUND,
            shape: "ResourceNotFoundException",
            message: format!("Function not found: {}", function_arn(name)),
        });
    }
    let kind = headers
        .get("x-amz-invocation-type")
        .map_or(Ok("RequestResponse"), |value| value.to_str())
        .unwrap_or_default();
    let limit = if kind == "Event" {
        EVENT_LIMIT_BYTES
    } else {
        SYNC_LIMIT_BYTES
    };
    if payload.len() > limit {
        return Err(LambdaError {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            shape: "RequestTooLargeException",
            message: format!(
                "{} byte payload is too large: the limit is {limit} bytes",
                payload.len()
            ),
        });
    }
    let request: Value = if payload.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(&payload).map_err(|error| LambdaError {
            status: StatusCode::BAD_REQUEST,
            shape: "InvalidRequestContentException",
            message: format!("Could not parse request body into json: {error}"),
        })?
    };
    let common = [
        (REQUEST_ID, request_id()),
        (EXECUTED_VERSION, HeaderValue::from_static("$LATEST")),
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
    ];
    match kind {
        "RequestResponse" => Ok(match functions.invoke(name, request).await {
            Ok(response) => (common, response.to_string()).into_response(),
            Err(failure) => {
                let body = json!({
                    "errorType": failure.error_type.to_string(),
                    "errorMessage": failure.message,
                });
                (common, [(FUNCTION_ERROR, "Unhandled")], body.to_string()).into_response()
            }
        }),
        "Event" => {
            let name = name.to_owned();
            tokio::spawn(async move {
                // Nobody waits for the answer, and a failure is in the log.
                let _ = functions.invoke(&name, request).await;
            });
            Ok((StatusCode::ACCEPTED, common).into_response())
        }
        "DryRun" => Ok((StatusCode::NO_CONTENT, common).into_response()),
        _ => Err(LambdaError {
            status: StatusCode::BAD_REQUEST,
            shape: "InvalidParameterValueException",
            message: "X-Amz-Invocation-Type must be RequestResponse, Event or DryRun".to_owned(),
        }),
    }
}

/// The function's name in a name, a partial or full ARN, with or without a qualifier.
fn bare_name(text: &str) -> &str {
    let after = text
        .rsplit_once(":function:")
        .map_or(text, |(_, name)| name);
    after.split(':').next().unwrap_or(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_found_by_every_way_of_naming_it() {
        for text in [
            "gate",
            "gate:$LATEST",
            "000000000000:function:gate",
            "arn:aws:lambda:us-east-1:000000000000:function:gate",
            "arn:aws:lambda:us-east-1:000000000000:function:gate:live",
        ] {
            assert_eq!(bare_name(text), "gate", "{text}");
        }
    }
}
