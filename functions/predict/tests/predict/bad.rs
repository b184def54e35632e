//! What can't be answered says why, and nothing panics.

use axum::body::Body;
use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tasador_model::Algorithm;
use tower::ServiceExt as _;

use crate::place::{Place, trained};

#[tokio::test]
async fn every_wrong_field_is_told_with_its_reason() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    let (status, problem) = place
        .price(&json!({"house_size": "big", "bath": [2], "state": "Vermont", "zip_code": "K1A"}))
        .await;
    assert_eq!(status, 422);
    assert_eq!(
        problem["errors"],
        json!([
            {"field": "house_size", "reason": "a number is expected, not `big`"},
            {"field": "bath", "reason": "a number is expected, not a list"},
            {"field": "zip_code", "reason": "a zip code of up to five digits is expected, not `K1A`"},
        ])
    );
    let (status, problem) = place.price(&json!({"house_size": -10})).await;
    assert_eq!(
        (status, problem["errors"][0]["field"].as_str()),
        (422, Some("house_size"))
    );
    for (body, field) in [
        (json!({"instances": []}), "instances"),
        (json!({"instances": {"bed": 3}}), "instances"),
        (json!({"instances": vec![json!({}); 1_001]}), "instances"),
        (json!([{"bed": 3}]), ""),
        (json!("bed"), ""),
        (json!(null), ""),
    ] {
        let (status, problem) = place.price(&body).await;
        assert_eq!(status, 422, "{problem:#}");
        assert_eq!(
            problem["errors"][0]["field"].as_str().unwrap_or_default(),
            field
        );
        assert!(problem["detail"].is_string() && problem["request_id"].is_string());
    }
    let (status, problem) = place.post("/predict?explain=perhaps", "{}").await;
    assert_eq!(
        (status, problem["errors"][0]["field"].as_str()),
        (422, Some("explain"))
    );
    assert_eq!(
        place
            .post("/predict?explain=true&explain=true", "{}")
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn what_is_no_request_has_its_status() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    for body in [
        "",
        "{",
        "bed=3",
        "{\"bed\": NaN}",
        "{} {}",
        "{\"bed\": 1e999}",
        "\u{feff}{}",
    ] {
        assert_eq!(place.post("/predict", body).await.0, 400, "{body}");
    }
    assert_eq!(place.post("/predict", vec![b'"', 0xff, b'"']).await.0, 400);
    let large = json!({"instances": [{"note": "x".repeat(2 << 20)}]}).to_string();
    assert_eq!(place.post("/predict", large).await.0, 413);
    for (kind, status) in [
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
        ("application/ld+json", 200),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("application/jsonx", 415),
    ] {
        let request = Request::post("/predict")
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from("{}"));
        assert_eq!(place.ask(request.unwrap()).await.0, status, "{kind}");
    }
    // A page of another site can send a body without a type.
    let untyped = Request::post("/predict").body(Body::from("{}")).unwrap();
    assert_eq!(place.ask(untyped).await.0, 415);
    for (method, path, status) in [
        (Method::GET, "/predict", 405),
        (Method::POST, "/model", 405),
        (Method::GET, "/", 404),
        (Method::POST, "/predict/1", 404),
    ] {
        let request = Request::builder()
            .method(&method)
            .uri(path)
            .body(Body::empty());
        assert_eq!(
            place.ask(request.unwrap()).await.0,
            status,
            "{method} {path}"
        );
    }
}

/// JSON that is often nearly a listing.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        (0.0_f64..5_000.0).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[0-9,.$-]{0,8}|20[0-9]{2}-[01][0-9]-[0-3][0-9]|[0-9]{5}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key = prop_oneof![
            Just("house_size".to_owned()),
            Just("House Size".to_owned()),
            Just("bath".to_owned()),
            Just("acre_lot".to_owned()),
            Just("zip_code".to_owned()),
            Just("city".to_owned()),
            Just("prev_sold_date".to_owned()),
            Just("instances".to_owned()),
            Just("price".to_owned()),
            ".{0,8}",
        ];
        let object = prop::collection::vec((key, inner.clone()), 0..6)
            .prop_map(|fields| Value::Object(Map::from_iter(fields)));
        prop_oneof![
            object.clone(),
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            prop::collection::vec(object, 1..4).prop_map(|list| json!({"instances": list})),
        ]
    })
}

fn check(body: &Value, explain: bool, status: u16, answer: &Value) {
    let priced = |one: &Value| {
        let number = |value: &Value| value.as_f64().is_some_and(f64::is_finite);
        let prices = [
            &one["predicted_price"],
            &one["interval"]["low"],
            &one["interval"]["high"],
        ];
        assert!(prices.into_iter().all(number), "{one:#}");
        assert_eq!(one.get("explanation").is_some(), explain);
    };
    match (status, answer.get("predictions")) {
        (200, None) => priced(answer),
        (200, Some(predictions)) => {
            let predictions = predictions.as_array().unwrap();
            assert_eq!(
                predictions.len(),
                body["instances"].as_array().unwrap().len()
            );
            for one in predictions {
                match one.get("error") {
                    None => priced(one),
                    Some(error) => assert_eq!(error["status"], 422, "{error:#}"),
                }
            }
        }
        (422, None) => assert!(answer["detail"].is_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_json_makes_it_panic_or_answer_5xx() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let place = runtime.block_on(Place::with(&trained(Algorithm::Boosting, 1)));
    proptest!(ProptestConfig::with_cases(400), |(body in any_json(), explain: bool)| {
        let path = if explain { "/predict?explain=true" } else { "/predict" };
        let (status, answer) = runtime.block_on(place.post(path, body.to_string()));
        check(&body, explain, status, &answer);
    });
    proptest!(ProptestConfig::with_cases(100), |(bytes: Vec<u8>, kind in "[ -~]{0,20}", id in "[ -~]{0,90}", query in "[a-z=&%0-9]{0,12}")| {
        let request = Request::post(format!("/predict?{query}"))
            .header(header::CONTENT_TYPE, kind)
            .header("x-request-id", id)
            .body(Body::from(bytes))
            .unwrap();
        let (status, body) = runtime.block_on(async {
            let answer = place.router.clone().oneshot(request).await.unwrap();
            (answer.status().as_u16(), answer.into_body().collect().await.unwrap().to_bytes())
        });
        prop_assert!(status < 500, "{}", status);
        prop_assert!(serde_json::from_slice::<Value>(&body).is_ok());
    });
}
