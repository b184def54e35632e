//! Scripted faults between client and bucket: errors, lost answers, truncated and damaged bodies.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod store;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures::stream;
use http_body_util::BodyExt as _;
use tasador_ids::Digest;
use tasador_lake::{Key, LakeError, Put};

use store::{Store, client, spoilt_store};

/// What happens to one request.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The request does not reach the bucket.
    Refuse(u16),
    /// The request takes effect, and its answer is lost.
    Silence,
    /// The answer's body is truncated.
    Cut,
    /// One byte of the answer's body is changed.
    Damage,
}

/// The planned faults, each for the next request with its method.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<VecDeque<(Method, Fault)>>>);

impl Script {
    fn plan(&self, method: &Method, faults: impl IntoIterator<Item = Fault>) {
        let mut plan = self.0.lock().unwrap();
        plan.extend(faults.into_iter().map(|fault| (method.clone(), fault)));
    }

    fn next(&self, method: &Method) -> Option<Fault> {
        let mut plan = self.0.lock().unwrap();
        let is_next = plan.front().is_some_and(|(planned, _)| planned == method);
        is_next
            .then(|| plan.pop_front())
            .flatten()
            .map(|(_, fault)| fault)
    }

    fn assert_played(&self) {
        assert!(self.0.lock().unwrap().is_empty(), "{:?}", self.0);
    }
}

async fn spoil(State(script): State<Script>, request: Request, next: Next) -> Response {
    let Some(fault) = script.next(request.method()) else {
        return next.run(request).await;
    };
    if let Fault::Refuse(status) = fault {
        // The body is read first, otherwise the client would see a broken connection.
        let _ = request.into_body().collect().await;
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    let (mut head, body) = next.run(request).await.into_parts();
    let mut body = body.collect().await.unwrap().to_bytes().to_vec();
    match fault {
        Fault::Refuse(_) | Fault::Silence => std::future::pending().await,
        Fault::Cut => {
            let whole = HeaderValue::from(body.len());
            head.headers.insert(header::CONTENT_LENGTH, whole);
            body.truncate(body.len() / 2);
            let pieces = [
                Ok(Bytes::from(body)),
                Err(std::io::ErrorKind::ConnectionReset),
            ];
            Response::from_parts(
                head,
                Body::from_stream(stream::iter(
                    pieces.map(|p| p.map_err(std::io::Error::from)),
                )),
            )
        }
        Fault::Damage => {
            *body.last_mut().unwrap() ^= 1;
            Response::from_parts(head, Body::from(body))
        }
    }
}

async fn scripted() -> (Store, Script) {
    let script = Script::default();
    let layer = middleware::from_fn_with_state(script.clone(), spoil);
    (spoilt_store(|service| service.layer(layer)).await, script)
}

fn key() -> Key {
    "raw/batch.csv".parse().unwrap()
}

const ROWS: &[u8] = b"price,bed\n100000,3\n200000,4\n";

#[tokio::test]
async fn a_single_error_is_retried() {
    let (store, script) = scripted().await;
    script.plan(&Method::PUT, [Fault::Refuse(503), Fault::Refuse(500)]);
    assert_eq!(
        store.lake.put_once(&key(), ROWS).await.unwrap(),
        Put::Written
    );
    script.plan(&Method::GET, [Fault::Refuse(503), Fault::Refuse(500)]);
    assert_eq!(store.lake.get(&key()).await.unwrap(), ROWS);
    script.assert_played();
}

#[tokio::test]
async fn an_outage_is_retryable() {
    let (store, script) = scripted().await;
    script.plan(&Method::PUT, [Fault::Refuse(503); 3]);
    let error = store.lake.put_once(&key(), ROWS).await.unwrap_err();
    assert!(
        matches!(error, LakeError::Unavailable { .. }) && error.is_retryable(),
        "{error}"
    );
    script.assert_played();
    assert!(!store.lake.exists(&key()).await.unwrap());
}

#[tokio::test]
async fn a_refusal_is_not_retried() {
    let (store, script) = scripted().await;
    for status in [400, 403] {
        script.plan(&Method::GET, [Fault::Refuse(status)]);
        let error = store.lake.get(&key()).await.unwrap_err();
        assert!(
            matches!(error, LakeError::Unavailable { .. }) && !error.is_retryable(),
            "{status}: {error}"
        );
        script.plan(&Method::HEAD, [Fault::Refuse(status)]);
        let error = store.lake.head(&key()).await.unwrap_err();
        assert!(!error.is_retryable(), "{status}: {error}");
    }
    script.assert_played();
}

#[tokio::test]
async fn a_write_with_a_lost_answer_succeeds_when_retried() {
    let (store, script) = scripted().await;
    script.plan(&Method::PUT, [Fault::Silence]);
    // The retry gets 412, and the existing object has the same bytes.
    assert_eq!(
        store.lake.put_once(&key(), ROWS).await.unwrap(),
        Put::AlreadyThere
    );
    script.assert_played();
    assert_eq!(
        store
            .lake
            .get_verified(&key(), Digest::of(ROWS))
            .await
            .unwrap(),
        ROWS
    );
}

#[tokio::test]
async fn concurrent_conditional_writes_are_repeated() {
    let (store, script) = scripted().await;
    script.plan(&Method::PUT, [Fault::Refuse(409), Fault::Refuse(409)]);
    assert_eq!(
        store.lake.put_once(&key(), ROWS).await.unwrap(),
        Put::Written
    );
    script.plan(&Method::PUT, [Fault::Refuse(409); 3]);
    let error = store.lake.put_once(&key(), ROWS).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    script.assert_played();
}

#[tokio::test]
async fn a_412_over_other_bytes_is_told() {
    let (store, script) = scripted().await;
    store.lake.put_once(&key(), "other rows").await.unwrap();
    script.plan(&Method::PUT, [Fault::Refuse(412)]);
    let error = store.lake.put_once(&key(), ROWS).await.unwrap_err();
    assert!(matches!(error, LakeError::AlreadyExists { .. }), "{error}");
    script.assert_played();
}

#[tokio::test]
async fn an_interrupted_download_is_retried() {
    let (store, script) = scripted().await;
    store.lake.put_once(&key(), ROWS).await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    script.plan(&Method::GET, [Fault::Cut, Fault::Cut]);
    assert_eq!(store.lake.get(&key()).await.unwrap(), ROWS);
    script.plan(&Method::GET, [Fault::Cut, Fault::Cut]);
    store
        .lake
        .get_to_file(&key(), file.path(), 1_000)
        .await
        .unwrap();
    assert_eq!(std::fs::read(file.path()).unwrap(), ROWS);
    script.assert_played();
}

#[tokio::test]
async fn a_download_that_is_always_interrupted_is_an_error() {
    let (store, script) = scripted().await;
    store.lake.put_once(&key(), ROWS).await.unwrap();
    script.plan(&Method::GET, [Fault::Cut; 3]);
    let error = store.lake.get(&key()).await.unwrap_err();
    assert!(
        matches!(error, LakeError::Unavailable { .. }) && error.is_retryable(),
        "{error}"
    );
    script.assert_played();
}

#[tokio::test]
async fn a_damaged_body_is_an_error() {
    let (store, script) = scripted().await;
    store.lake.put_once(&key(), ROWS).await.unwrap();
    script.plan(&Method::GET, [Fault::Damage]);
    let error = store.lake.get(&key()).await.unwrap_err();
    assert!(matches!(error, LakeError::Corrupt { .. }), "{error}");
    script.assert_played();
}

#[tokio::test]
async fn an_unreachable_endpoint_is_retryable() {
    let (_socket, address) = tasador_testing::ports::refused();
    let endpoint = format!("http://{address}");
    let client = client(&endpoint, "a", "b", std::time::Duration::from_secs(2));
    let lake = tasador_lake::Lake::new(client, "tasador");
    let error = lake.get(&key()).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
}
