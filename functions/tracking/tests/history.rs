//! The history over HTTP, on a table on this machine.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use axum::Router;
use axum::body::Body;
use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tasador_registry::Outcome;
use tasador_runtime::{Config, Context};
use tasador_testing::ports;
use tasador_testing::stores::{Stores, sdk_at};
use tower::ServiceExt as _;

/// The function over a registry with this many runs that found nothing new.
async fn router(runs: u32) -> (Router, Stores) {
    let stores = Stores::start().await;
    let ctx = Context::new(Config::default(), &stores.sdk_config());
    ctx.registry.create_tables().await.unwrap();
    for run in 0..runs {
        let outcome: Outcome = serde_json::from_value(json!({
            "run": format!("run-{run}"), "kind": "nothing_new", "sentence": "The source has nothing new.",
            "promoted": false, "model": "BestHousePriceModel", "duration_ms": 1_000,
            "started_at": format!("2026-01-01T00:00:{run:02}Z"), "recorded_at": format!("2026-01-01T00:01:{run:02}Z"),
        }))
        .unwrap();
        ctx.registry.record_outcome(outcome).await.unwrap();
    }
    (tracking::router(ctx), stores)
}

/// The status, the content type and the JSON of an answer.
async fn ask(router: &Router, method: Method, path: &str) -> (u16, String, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty())
        .unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let kind = answer.headers()[header::CONTENT_TYPE]
        .to_str()
        .unwrap()
        .to_owned();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, kind, serde_json::from_slice(&body).unwrap())
}

fn runs(page: &Value) -> Vec<&str> {
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["run"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn pages_lead_from_the_newest_entry_to_the_oldest() {
    let (router, _stores) = router(5).await;
    let (status, kind, first) = ask(&router, Method::GET, "/history?limit=2").await;
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    assert_eq!(runs(&first), ["run-4", "run-3"]);
    let next = first["next"].as_str().unwrap();
    let (_, _, second) = ask(
        &router,
        Method::GET,
        &format!("/history?limit=3&page={next}"),
    )
    .await;
    assert_eq!(runs(&second), ["run-2", "run-1", "run-0"]);
    assert_eq!(second.get("next"), None);
    let (_, _, all) = ask(&router, Method::GET, "/history?limit=&page=").await;
    assert_eq!(runs(&all).len(), 5);
}

#[tokio::test]
async fn an_entry_is_found_by_its_run() {
    let (router, _stores) = router(1).await;
    let (status, _, entry) = ask(&router, Method::GET, "/history/run-0").await;
    assert_eq!(status, 200);
    assert_eq!(entry["kind"], "nothing_new");
    assert_eq!(entry["recorded_at"], "2026-01-01T00:01:00Z");
    assert_eq!(entry["settled"], false);
}

#[tokio::test]
async fn what_cannot_be_answered_is_a_problem() {
    let (router, _stores) = router(0).await;
    let table = [
        (Method::GET, "/history/run-7", 404, ""),
        (Method::GET, "/history/not%20a%20run", 404, ""),
        (Method::GET, "/nowhere", 404, ""),
        (Method::POST, "/history", 405, ""),
        (Method::GET, "/history?limit=0", 422, "limit"),
        (Method::GET, "/history?limit=201", 422, "limit"),
        (Method::GET, "/history?limit=ten", 422, "limit"),
        (Method::GET, "/history?page=nonsense", 404, "page"),
        (Method::GET, "/history?limit=1&limit=2", 400, ""),
    ];
    for (method, path, want, field) in table {
        let (status, kind, problem) = ask(&router, method, path).await;
        assert_eq!(
            (status, kind.as_str()),
            (want, "application/problem+json"),
            "{path}"
        );
        assert_eq!(problem["status"], want, "{path}");
        assert_eq!(
            problem["errors"][0]["field"].as_str().unwrap_or_default(),
            field,
            "{path}"
        );
    }
    let (status, _, health) = ask(&router, Method::GET, "/health").await;
    assert_eq!((status, health), (200, json!({"status": "ok"})));
}

#[tokio::test]
async fn a_registry_that_does_not_answer_is_503_and_tells_nothing_of_the_inside() {
    let (_socket, address) = ports::refused();
    let sdk = sdk_at(&format!("http://{address}")).build();
    let router = tracking::router(Context::new(Config::default(), &sdk));
    let (status, _, problem) = ask(&router, Method::GET, "/history").await;
    assert_eq!(status, 503);
    let text = problem.to_string();
    assert!(
        !text.contains("127.0.0.1") && !text.contains("dynamo"),
        "{text}"
    );
}
