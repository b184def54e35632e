//! The counters say what was asked, across instances and restarts.

use axum::Router;
use axum::body::Body;
use http::{Request, header};
use http_body_util::BodyExt as _;
use serde_json::json;
use tasador_model::Algorithm;
use tasador_pricing::Pricing;
use tower::ServiceExt as _;

use crate::place::{Place, home, trained};

async fn exposition(router: &Router) -> String {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()[header::CONTENT_TYPE],
        "text/plain; version=0.0.4"
    );
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

fn value(text: &str, name: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not in\n{text}"))
        .parse()
        .unwrap()
}

#[tokio::test]
async fn every_request_is_counted_once() {
    let place = Place::new().await;
    place.price(&home()).await;
    place.promote(&trained(Algorithm::Linear, 1), None).await;
    place.later(place.refresh());
    for body in [
        home(),
        json!({"bath": []}),
        json!({"instances": [home(), {"bath": []}, home()]}),
    ] {
        place.price(&body).await;
    }
    place.post("/predict", "{").await;
    let text = exposition(&place.router).await;
    for (name, expected) in [
        ("inference_requests_total", 5.0),
        ("inference_errors_total", 3.0),
        ("inference_responses_total{status=\"200\"}", 2.0),
        ("inference_responses_total{status=\"503\"}", 1.0),
        // What has not occurred yet is there as 0: the first one is an increase.
        ("inference_responses_total{status=\"500\"}", 0.0),
        ("gate_decisions_total{decision=\"hold\"}", 0.0),
        ("inference_rows_total", 3.0),
        ("inference_row_errors_total", 1.0),
        ("inference_log_failures_total", 0.0),
        ("inference_duration_seconds_count", 5.0),
        ("inference_duration_seconds_bucket{le=\"+Inf\"}", 5.0),
        ("model_version{model=\"BestHousePriceModel\"}", 1.0),
        ("model_up_to_date", 1.0),
    ] {
        assert_eq!(value(&text, name), expected, "{name}");
    }
}

#[tokio::test]
async fn the_sum_goes_on_over_instances_that_come_and_go() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    place.price(&home()).await;
    place.price(&home()).await;
    assert_eq!(
        value(&exposition(&place.router).await, "inference_requests_total"),
        2.0
    );

    // Another instance answers, and sees what the first one counted.
    let pricing = Pricing::new(place.ctx.clone());
    let other = predict::router(pricing.clone());
    let ask = Request::post("/predict").body(Body::from("{}")).unwrap();
    other.clone().oneshot(ask).await.unwrap();
    assert_eq!(
        value(&exposition(&other).await, "inference_requests_total"),
        3.0
    );

    // The second one stops in good order, and the first one is taken for gone and wakes again.
    let ask = Request::post("/predict").body(Body::from("{}")).unwrap();
    other.clone().oneshot(ask).await.unwrap();
    pricing.flush().await.unwrap();
    drop((pricing, other));
    let now = place.ctx.now();
    let later = now + jiff::SignedDuration::from_hours(2);
    assert_eq!(
        place.ctx.registry.fold_counts(later, later).await.unwrap(),
        2
    );
    assert_eq!(
        value(&exposition(&place.router).await, "inference_requests_total"),
        4.0
    );
    place.price(&home()).await;
    let text = exposition(&place.router).await;
    assert_eq!(value(&text, "inference_requests_total"), 5.0);
    assert_eq!(value(&text, "inference_duration_seconds_count"), 5.0);
    assert_eq!(value(&text, "inference_instances"), 1.0);
}

#[tokio::test]
async fn a_record_that_is_not_kept_is_counted_and_the_answer_goes_out() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    place.price(&home()).await;
    place.faults.set(&["PutItem"]);
    assert_eq!(place.price(&home()).await.0, 200);
    place.faults.set(&[]);
    let text = exposition(&place.router).await;
    assert_eq!(value(&text, "inference_log_failures_total"), 1.0);
    assert_eq!(value(&text, "inference_requests_total"), 2.0);
}

#[tokio::test]
async fn counters_that_are_not_available_are_no_zeros() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    place.price(&home()).await;
    place.faults.set(&["TransactWriteItems", "Query"]);
    let (status, problem) = place.get("/metrics").await;
    assert_eq!(status, 503, "{problem:#}");
    place.faults.set(&[]);
    assert_eq!(
        value(&exposition(&place.router).await, "inference_requests_total"),
        1.0
    );
}

#[tokio::test]
async fn an_answer_of_another_kind_is_refused_clearly() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    for (method, path, accept, status) in [
        ("POST", "/predict", "text/html", 406),
        ("POST", "/predict", "application/json;q=0", 406),
        ("POST", "/predict", "text/html, */*;q=0.1", 200),
        (
            "POST",
            "/predict",
            "application/problem+json, application/json",
            200,
        ),
        ("GET", "/model", "application/*", 200),
        ("GET", "/model", "image/png", 406),
        ("GET", "/metrics", "application/json", 406),
        ("GET", "/metrics", "application/openmetrics-text;q=0", 406),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, accept)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from("{}"))
            .unwrap();
        let (got, answer) = place.ask(request).await;
        assert_eq!(got, status, "{path} {accept}: {answer:#}");
    }
    for accept in [
        "application/openmetrics-text",
        "application/openmetrics-text;version=1.0.0;charset=utf-8",
        "text/*;q=0.5",
    ] {
        let request = Request::get("/metrics").header(header::ACCEPT, accept);
        let answer = place.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status(), 200, "{accept}");
        let kind = &answer.headers()[header::CONTENT_TYPE];
        assert_eq!(kind, "text/plain; version=0.0.4");
    }
    let squeezed = Request::post("/predict")
        .header(header::CONTENT_ENCODING, "gzip")
        .body(Body::from("{}"))
        .unwrap();
    assert_eq!(place.ask(squeezed).await.0, 415);
}
