//! MLflow's REST API on a table on this machine: what its clients rely on, in their own words.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use axum::Router;
use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tasador_registry::{
    Artifact, Experiment, FinishedVersion, Metrics, NewVersion, Promotion, PromotionKind, Registry,
};
use tasador_runtime::{Config, Context};
use tasador_testing::Stores;
use tower::ServiceExt as _;

/// The function over an empty registry, that registry, and where it is stored.
async fn served() -> (Router, Registry, Stores) {
    let stores = Stores::start().await;
    let ctx = Context::new(Config::default(), &stores.sdk_config());
    ctx.registry.create_tables().await.unwrap();
    let registry = ctx.registry.clone();
    (mlflow::router(ctx), registry, stores)
}

async fn ask(router: &Router, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(body)
        .unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    )
}

async fn get(router: &Router, path: &str) -> (u16, Value) {
    ask(
        router,
        Method::GET,
        &format!("/api/2.0/mlflow/{path}"),
        None,
    )
    .await
}

async fn post(router: &Router, path: &str, body: Value) -> (u16, Value) {
    ask(
        router,
        Method::POST,
        &format!("/api/2.0/mlflow/{path}"),
        Some(body),
    )
    .await
}

/// An experiment with runs 0, 1, 2 … whose metric `m` is their number modulo 5, and none for each
/// seventh.
async fn searched(router: &Router, runs: i64) -> String {
    let (_, made) = post(router, "experiments/create", json!({"name": "searched"})).await;
    let experiment = made["experiment_id"].as_str().unwrap().to_owned();
    for number in 0..runs {
        let new = json!({"experiment_id": experiment, "start_time": number, "run_name": format!("run {number}")});
        let (_, made) = post(router, "runs/create", new).await;
        let run_id = &made["run"]["info"]["run_id"];
        let metrics = match number % 7 {
            0 => json!([]),
            _ => json!([{"key": "m", "value": number % 5, "timestamp": "1", "step": "0"}]),
        };
        let batch =
            json!({"run_id": run_id, "metrics": metrics, "params": [{"key": "p", "value": "x"}]});
        assert_eq!(post(router, "runs/log-batch", batch).await.0, 200);
    }
    experiment
}

/// The numbers of all runs that a search finds, page by page.
async fn found(router: &Router, search: &Value, size: usize) -> Vec<i64> {
    let (mut all, mut token) = (Vec::new(), None::<String>);
    loop {
        let mut body = search.clone();
        body["max_results"] = json!(size);
        body["page_token"] = json!(token);
        let (status, page) = post(router, "runs/search", body).await;
        assert_eq!(status, 200, "{page}");
        let runs = page["runs"].as_array().cloned().unwrap_or_default();
        assert!(runs.len() <= size);
        all.extend(
            runs.iter()
                .map(|run| run["info"]["start_time"].as_i64().unwrap()),
        );
        token = page["next_page_token"].as_str().map(str::to_owned);
        if token.is_none() {
            return all;
        }
        assert!(!runs.is_empty(), "a token that leads nowhere");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_any_size_find_the_same_runs_in_the_same_order() {
    let (router, _, _stores) = served().await;
    let experiment = searched(&router, 45).await;
    for (filter, order) in [
        ("", vec![]),
        ("", vec!["metrics.m"]),
        ("", vec!["metrics.m DESC", "start_time DESC"]),
        ("metrics.m >= 2", vec![]),
        ("metrics.m > 1 AND metrics.m < 4", vec!["metrics.m DESC"]),
        ("metrics.m != 3", vec!["metrics.m"]),
        ("params.p = 'x'", vec!["attributes.start_time ASC"]),
        (
            "attributes.run_name LIKE '%3%'",
            vec!["metrics.m", "attributes.run_name"],
        ),
    ] {
        let search = json!({"experiment_ids": [experiment], "filter": filter, "order_by": order});
        let whole = found(&router, &search, 1_000).await;
        assert!(whole.len() > 5, "{search}");
        for size in [1, 4, 44, 45] {
            assert_eq!(
                found(&router, &search, size).await,
                whole,
                "{size} of {search}"
            );
        }
    }
    let by_value = json!({"experiment_ids": [experiment], "order_by": ["metrics.m DESC"]});
    let found = found(&router, &by_value, 10).await;
    // Fours first, the latest of them foremost; those without a value last.
    assert_eq!(found[..3], [44, 39, 34]);
    assert_eq!(found[38..], [42, 35, 28, 21, 14, 7, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_have_mlflows_codes() {
    let (router, _, _stores) = served().await;
    let zeros = "0".repeat(32);
    for (method, path, body, status, code) in [
        (
            "GET",
            format!("runs/get?run_id={zeros}"),
            None,
            404,
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (
            "GET",
            "runs/get".to_owned(),
            None,
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "GET",
            "experiments/get?experiment_id=7".to_owned(),
            None,
            404,
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (
            "GET",
            "registered-models/get?name=x".to_owned(),
            None,
            404,
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (
            "POST",
            "runs/search".to_owned(),
            Some(json!({"filter": "x"})),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "runs/search".to_owned(),
            Some(json!({"page_token": "?"})),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "runs/search".to_owned(),
            Some(json!([])),
            400,
            "BAD_REQUEST",
        ),
        ("GET", "nothing".to_owned(), None, 404, "ENDPOINT_NOT_FOUND"),
        ("GET", "traces".to_owned(), None, 501, "NOT_IMPLEMENTED"),
        ("GET", "workspaces".to_owned(), None, 501, "NOT_IMPLEMENTED"),
        (
            "POST",
            "registered-models/create".to_owned(),
            Some(
                json!({"name": "p", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]}),
            ),
            501,
            "NOT_IMPLEMENTED",
        ),
        (
            "POST",
            "registered-models/rename".to_owned(),
            Some(json!({})),
            501,
            "NOT_IMPLEMENTED",
        ),
    ] {
        let method = method.parse().unwrap();
        let (found, answer) = ask(&router, method, &format!("/api/2.0/mlflow/{path}"), body).await;
        assert_eq!(
            (found, &answer["error_code"]),
            (status, &json!(code)),
            "{path}: {answer}"
        );
        assert!(
            answer["message"]
                .as_str()
                .is_some_and(|message| message.len() > 5),
            "{answer}"
        );
    }
    assert_eq!(
        post(&router, "registered-models/create", json!({"name": "x"}))
            .await
            .0,
        200
    );
    let local = json!({"name": "x", "source": "file:///etc", "run_id": zeros});
    let (status, answer) = post(&router, "model-versions/create", local).await;
    assert_eq!(
        (status, &answer["error_code"]),
        (400, &json!("INVALID_PARAMETER_VALUE"))
    );
    let (status, answer) = get(&router, "registered-models/alias?name=x&alias=y").await;
    assert_eq!(
        (status, &answer["error_code"]),
        (400, &json!("INVALID_PARAMETER_VALUE"))
    );
    let traces = ask(&router, Method::POST, "/v1/traces", Some(json!({}))).await;
    assert_eq!(traces.0, 501, "{}", traces.1);
    // The pages ask under another path, and get the same.
    let (status, answer) = ask(
        &router,
        Method::GET,
        "/ajax-api/2.0/mlflow/experiments/get?experiment_id=0",
        None,
    )
    .await;
    assert_eq!(
        (status, &answer["experiment"]["name"]),
        (200, &json!("Default"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promotion_of_the_pipeline_moves_alias_and_stage() {
    let (router, registry, _stores) = served().await;
    let model = Config::default().model;
    for number in 1_u32..=2 {
        let version = registry
            .register_version(&NewVersion {
                model: model.clone(),
                source_key: format!("run-{number}/linear"),
                run: None,
                mlflow_run_id: None,
                algorithm: None,
                dataset: None,
                schema: None,
                tags: Default::default(),
                description: None,
                logged: None,
                at: "2026-01-01T00:00:00Z".parse().unwrap(),
            })
            .await
            .unwrap();
        let finished = FinishedVersion {
            artifact: Artifact {
                key: format!("models/{model}/{version}/model.tsd")
                    .parse()
                    .unwrap(),
                sha256: tasador_ids::Digest::of(&number.to_le_bytes()),
                size_bytes: 4,
                folds: Vec::new(),
            },
            metrics: Metrics::default(),
            at: "2026-01-01T00:00:01Z".parse().unwrap(),
        };
        registry
            .finish_version(&model, version, &finished)
            .await
            .unwrap();
        let promotion = Promotion {
            model: model.clone(),
            version,
            expected: (number > 1).then(|| tasador_ids::ModelVersion(number - 1)),
            kind: PromotionKind::Promotion,
            run: format!("run-{number}").parse().unwrap(),
            reason: "Better.".to_owned(),
            verdict_key: None,
            at: "2026-01-01T00:00:02Z".parse().unwrap(),
        };
        registry.promote(&promotion).await.unwrap();
        let (_, answer) = get(
            &router,
            &format!("registered-models/alias?name={model}&alias=champion"),
        )
        .await;
        let found = &answer["model_version"];
        assert_eq!(
            (
                &found["version"],
                &found["current_stage"],
                &found["aliases"]
            ),
            (
                &json!(number.to_string()),
                &json!("Production"),
                &json!(["champion"])
            )
        );
        let path = format!("model-versions/get-download-uri?name={model}&version={number}");
        let (_, answer) = get(&router, &path).await;
        assert_eq!(
            answer["artifact_uri"],
            format!("mlflow-artifacts:/models/{model}/{number}")
        );
    }
    // What a client registers is not served by the pipeline, so it can't be its champion.
    let own = json!({"name": model, "source": "s3://elsewhere/x"});
    let (_, answer) = post(&router, "model-versions/create", own).await;
    let version = &answer["model_version"]["version"];
    let alias = json!({"name": model, "alias": "champion", "version": version});
    let (status, answer) = post(&router, "registered-models/alias", alias).await;
    assert_eq!(
        (status, &answer["error_code"]),
        (400, &json!("INVALID_STATE"))
    );
}

/// Clients decide by it what they may ask for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_version_is_that_of_the_server_in_the_contract() {
    let (router, _, _stores) = served().await;
    let request = Request::builder().uri("/version").body(Body::empty());
    let answer = router.oneshot(request.unwrap()).await.unwrap();
    let version = answer.into_body().collect().await.unwrap().to_bytes();
    let pinned = include_str!("../../../tests/mlflow/requirements-3.txt");
    let pin = format!("mlflow=={}", String::from_utf8_lossy(&version));
    assert!(pinned.lines().any(|line| line == pin), "{pin}");
}

/// The pipeline's experiments may be there before a client asks for the first time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_experiment_is_the_oldest() {
    let (router, registry, _stores) = served().await;
    registry
        .make_experiment(&Experiment::named("BestHousePriceModel", 1_000))
        .await
        .unwrap();
    let (_, found) = post(&router, "experiments/search", json!({"max_results": 10})).await;
    let found = found["experiments"].as_array().unwrap();
    let names: Vec<&Value> = found.iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["BestHousePriceModel", "Default"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_wrong_parameter_is_named_as_mlflow_names_it() {
    let (router, _, _stores) = served().await;
    let new = json!({"experiment_id": "0"});
    let (_, made) = post(&router, "runs/create", new).await;
    let id = &made["run"]["info"]["run_id"];
    for (path, body, named) in [
        (
            "runs/log-parameter",
            json!({"run_id": 31, "key": "a", "value": 41}),
            "Invalid value 31 for parameter 'run_id' supplied",
        ),
        (
            "runs/log-parameter",
            json!({"run_id": id, "key": 31, "value": 41}),
            "Invalid value 31 for parameter 'key' supplied",
        ),
        (
            "runs/set-tag",
            json!({"run_id": 31, "key": "a", "value": 41}),
            "Invalid value 31 for parameter 'run_id' supplied",
        ),
        (
            "runs/log-batch",
            json!({"run_id": id, "metrics": [{"key": "a", "value": 2.5}]}),
            "Missing value for required parameter 'metrics[0].timestamp'",
        ),
        (
            "runs/log-metric",
            json!({"run_id": id, "key": "a", "value": 2.5}),
            "Missing value for required parameter 'timestamp'",
        ),
    ] {
        let (status, answer) = post(&router, path, body).await;
        let message = answer["message"].as_str().unwrap();
        assert!(status == 400 && message.contains(named), "{path}: {answer}");
    }
}
