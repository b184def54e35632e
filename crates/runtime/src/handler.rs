//! A typed asynchronous function as a handler of JSON.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::Instrument as _;

use crate::failure::{ErrorClass, Failure};

/// One function of the product: JSON in, JSON or a classified failure out.
pub type Handler = Arc<dyn Fn(Value) -> BoxFuture<'static, Result<Value, Failure>> + Send + Sync>;

/// Wraps a typed function. A request that is not of its type is [`ErrorClass::InvalidInput`] and
/// names the field; a panic is [`ErrorClass::Bug`] and ends this request only.
pub fn handler<Req, Res, Err, Fut, F>(function: F) -> Handler
where
    Req: DeserializeOwned + Send + 'static,
    Res: Serialize,
    Err: Into<Failure>,
    Fut: Future<Output = Result<Res, Err>> + Send + 'static,
    F: Fn(Req) -> Fut + Send + Sync + 'static,
{
    let function = Arc::new(function);
    Arc::new(move |request| {
        let function = Arc::clone(&function);
        async move { answer(request, None, function.as_ref()).await }.boxed()
    })
}

/// Reads the request, calls the function in a separate span, writes the response. A failure is logged
/// here, once.
pub(crate) async fn answer<Req, Res, Err, Fut, F>(
    request: Value,
    request_id: Option<&str>,
    function: &F,
) -> Result<Value, Failure>
where
    Req: DeserializeOwned,
    Res: Serialize,
    Err: Into<Failure>,
    Fut: Future<Output = Result<Res, Err>>,
    F: Fn(Req) -> Fut,
{
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let span = tracing::info_span!(
        "state",
        run_id = text("run_id"),
        batch = text("batch"),
        request_id
    );
    async {
        // On the heap: the futures of the AWS clients are large, and debug builds copy them on the stack.
        let answer = Box::pin(call(request, function)).await;
        if let Err(failure) = &answer {
            tracing::error!(error_type = %failure.error_type, "failed: {}", failure.message);
        }
        answer
    }
    .instrument(span)
    .await
}

async fn call<Req, Res, Err, Fut, F>(request: Value, function: &F) -> Result<Value, Failure>
where
    Req: DeserializeOwned,
    Res: Serialize,
    Err: Into<Failure>,
    Fut: Future<Output = Result<Res, Err>>,
    F: Fn(Req) -> Fut,
{
    let request: Req = serde_path_to_error::deserialize(request).map_err(|error| {
        let place = error.path().to_string();
        let reason = error.into_inner();
        let message = if place == "." {
            format!("the request can't be read: {reason}")
        } else {
            format!("the request can't be read at `{place}`: {reason}")
        };
        Failure::new(ErrorClass::InvalidInput, message)
    })?;
    // What a panicking handler leaves behind is its own: contexts hold clients and settings only.
    let response = AssertUnwindSafe(async { function(request).await.map_err(Into::into) })
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| {
            Err(Failure::new(
                ErrorClass::Bug,
                format!("the function panicked: {}", text(panic.as_ref())),
            ))
        })?;
    serde_json::to_value(response).map_err(|error| {
        Failure::new(
            ErrorClass::Bug,
            format!("the response can't be written as JSON: {error}"),
        )
    })
}

fn text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Deserialize)]
    struct Request {
        rows: Vec<Row>,
    }

    #[derive(Deserialize)]
    struct Row {
        price: f64,
    }

    async fn sum(request: Request) -> Result<f64, Failure> {
        assert!(!request.rows.is_empty(), "no rows");
        Ok(request.rows.iter().map(|row| row.price).sum())
    }

    #[tokio::test]
    async fn a_request_of_another_type_names_the_field() {
        let handler = handler(sum);
        let failure = handler(json!({"rows": [{"price": 1.0}, {"price": "two"}]}))
            .await
            .unwrap_err();
        assert_eq!(failure.error_type, ErrorClass::InvalidInput);
        assert!(failure.message.contains("`rows[1].price`"), "{failure}");
        let failure = handler(json!({})).await.unwrap_err();
        assert!(failure.message.contains("`rows`"), "{failure}");
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_of_one_request() {
        let handler = handler(sum);
        let failure = handler(json!({"rows": []})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorClass::Bug);
        assert!(failure.message.contains("no rows"), "{failure}");
        assert_eq!(
            handler(json!({"rows": [{"price": 2.0}]})).await,
            Ok(json!(2.0))
        );
    }
}
