//! Runs, models, lineage and promotions over HTTP, on the whole system.

use reqwest::Method;
use serde_json::{Value, json};
use tasador_ids::Digest;
use tasador_registry::OutcomeKind;
use tasador_testing::listings::Batch;
use tasador_testing::source::Answer;
use tests::invariants;
use tests::world::World;

const MODEL: &str = "/models/BestHousePriceModel";

/// A world with two versions of which the first is in production.
async fn two_versions() -> World {
    let world = World::new(|config| config.gate.volume_growth_share = 0.0).await;
    let first = world.deliver(&Batch::new(1, 600)).await;
    assert_eq!(first.kind(), OutcomeKind::Promoted, "{}", first.reasons());
    let second = world.deliver(&Batch::new(2, 60)).await;
    assert_eq!(second.kind(), OutcomeKind::Rejected, "{}", second.reasons());
    world
}

async fn get(world: &World, path: &str) -> Value {
    let (status, body) = world.http(Method::GET, path, None).await;
    assert_eq!(status, 200, "{path}: {body:#}");
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_started_and_followed_to_its_outcome() {
    let world = World::new(|_| ()).await;
    world
        .source
        .then(Answer::Json(Batch::new(1, 300).api_json()));
    let (status, started) = world.http(Method::POST, "/runs", Some(&json!({}))).await;
    assert_eq!(
        (status, started["state"].as_str()),
        (202, Some("running")),
        "{started:#}"
    );
    let path = format!("/runs/{}", started["run"].as_str().unwrap());
    get(&world, &path).await;
    world.cloud().executions().idle().await;
    let followed = get(&world, &path).await;
    assert_eq!(followed["state"], "succeeded");
    assert_eq!(followed["outcome"]["kind"], "promoted", "{followed:#}");
    let steps: Vec<&str> = followed["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        steps[..3],
        ["Fetch", "Exhausted", "Preprocess"],
        "{steps:?}"
    );
    let ended = |step: &Value| step["duration_ms"].is_u64() || step["name"] == "Succeeded";
    assert!(
        followed["steps"].as_array().unwrap().iter().all(ended),
        "{followed:#}"
    );
    assert!(followed["duration_ms"].as_u64().unwrap() > 0);

    // A stored batch again, by its id.
    let batch = followed["outcome"]["batch"].clone();
    let (status, again) = world
        .http(Method::POST, "/runs", Some(&json!({"batch": batch})))
        .await;
    assert_eq!(status, 202, "{again:#}");
    world.cloud().executions().idle().await;
    let again = get(&world, &format!("/runs/{}", again["run"].as_str().unwrap())).await;
    assert_eq!(
        (&again["outcome"]["batch"], &again["outcome"]["repeat"]),
        (&batch, &json!(true))
    );

    let first = get(&world, "/runs?limit=1").await;
    assert_eq!(first["items"][0]["run"], again["run"]);
    let next = first["next"].as_str().unwrap();
    let second = get(&world, &format!("/runs?limit=1&page={next}")).await;
    assert_eq!(second["items"][0]["run"], started["run"]);
    assert!(second.get("next").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_started_or_found_is_a_problem() {
    let world = World::new(|_| ()).await;
    let unknown = format!("{:064}", 7);
    let table = [
        (
            Method::POST,
            "/runs",
            Some(json!({"batch": "x"})),
            422,
            "batch",
        ),
        (
            Method::POST,
            "/runs",
            Some(json!({"batch": unknown})),
            404,
            "batch",
        ),
        (
            Method::POST,
            "/runs",
            Some(json!({"bach": unknown})),
            422,
            "bach",
        ),
        (Method::POST, "/runs", Some(json!([])), 422, ""),
        (Method::GET, "/runs/nobody", None, 404, ""),
        (Method::GET, "/runs/no%20name", None, 404, ""),
        (Method::GET, "/runs?page=nonsense", None, 404, "page"),
        (Method::GET, "/models/Nobody", None, 404, ""),
        (Method::GET, "/models/a%2Fb/versions", None, 404, ""),
        (
            Method::GET,
            "/models/BestHousePriceModel/versions/1",
            None,
            404,
            "",
        ),
        (
            Method::GET,
            "/models/BestHousePriceModel/versions/x/lineage",
            None,
            404,
            "",
        ),
        (
            Method::POST,
            "/models/BestHousePriceModel/versions/1/promote",
            Some(json!({"expected": null})),
            404,
            "",
        ),
        (
            Method::POST,
            "/models/BestHousePriceModel/versions/1/promote",
            Some(json!({})),
            422,
            "expected",
        ),
        (
            Method::POST,
            "/models/BestHousePriceModel/rollback",
            Some(json!({"expected": "1"})),
            422,
            "expected",
        ),
        (
            Method::POST,
            "/models/BestHousePriceModel/rollback",
            Some(json!({"expected": null})),
            422,
            "expected",
        ),
        (Method::GET, "/predictions/some-id", None, 404, ""),
        (Method::GET, "/predictions/some-id?at=soon", None, 422, "at"),
        (
            Method::GET,
            "/predictions/some-id?at=2026-01-01T00:00:00Z",
            None,
            404,
            "",
        ),
        (Method::PUT, "/runs", None, 405, ""),
    ];
    for (method, path, body, want, field) in table {
        let (status, problem) = world.http(method.clone(), path, body.as_ref()).await;
        assert_eq!(status, want, "{method} {path}: {problem:#}");
        assert_eq!(problem["status"], want, "{method} {path}");
        assert_eq!(
            problem["errors"][0]["field"].as_str().unwrap_or_default(),
            field,
            "{method} {path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_shown_with_its_evidence_and_where_it_comes_from() {
    let world = two_versions().await;
    let models = get(&world, "/models").await;
    assert_eq!(models["items"][0]["champion"]["version"], 1, "{models:#}");
    let model = get(&world, MODEL).await;
    assert_eq!(model["promotions"][0]["version"], 1, "{model:#}");
    let versions = get(&world, &format!("{MODEL}/versions?limit=1")).await;
    assert_eq!(
        (
            &versions["items"][0]["version"],
            &versions["items"][0]["production"]
        ),
        (&json!(2), &json!(false))
    );
    assert!(versions["next"].is_string());

    let version = get(&world, &format!("{MODEL}/versions/1")).await;
    assert_eq!(version["production"], true);
    assert!(version["evidence"]["metrics"].is_object(), "{version:#}");
    let files = version["evidence"]["files"].as_array().unwrap();
    for file in files {
        let path = format!(
            "{MODEL}/versions/1/files/{}",
            file["name"].as_str().unwrap()
        );
        let (status, _) = world.http(Method::GET, &path, None).await;
        assert_eq!(status, 200, "{path}");
    }
    assert!(
        files
            .iter()
            .any(|file| file["name"] == "model.tsd" && file["kind"] == "binary")
    );
    for escape in ["../2/model.tsd", "%2e%2e/2/metrics.json", "nothing.svg"] {
        let (status, _) = world
            .http(
                Method::GET,
                &format!("{MODEL}/versions/1/files/{escape}"),
                None,
            )
            .await;
        assert_eq!(status, 404, "{escape}");
    }

    let study = get(&world, &format!("{MODEL}/versions/1/ratio-study")).await;
    let cod = &study["all"]["trimmed"]["cod"]["value"];
    assert!(cod.as_f64().unwrap() > 0.0, "{study:#}");
    let metrics = version["metrics"].as_object().unwrap();
    assert_eq!(&metrics["ratio_study_cod"], cod);

    let lineage = get(&world, &format!("{MODEL}/versions/2/lineage")).await;
    let batches = lineage["batches"].as_array().unwrap();
    assert_eq!(batches.len(), 2, "{lineage:#}");
    assert_eq!(
        (&batches[0]["outcome"], &batches[0]["rows"]),
        (&json!("promoted"), &json!(600))
    );

    // From a price back to the batches.
    let (status, price) = world.price(&json!({"bed": 3})).await;
    assert_eq!(status, 200);
    let id = price["request_id"].as_str().unwrap();
    let prediction = get(&world, &format!("/predictions/{id}")).await;
    assert_eq!(prediction["input"], json!({"bed": 3}));
    assert_eq!(
        prediction["output"]["predicted_price"],
        price["predicted_price"]
    );
    assert_eq!(prediction["lineage"]["version"], 1);
    assert_eq!(
        prediction["lineage"]["batches"][0]["batch"],
        batches[0]["batch"]
    );
    let at = prediction["at"].as_str().unwrap();
    assert_eq!(
        get(&world, &format!("/predictions/{id}?at={at}")).await,
        prediction
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_champion_is_moved_by_hand_only_where_it_is_the_one_that_was_seen() {
    let world = two_versions().await;
    let promote = format!("{MODEL}/versions/2/promote");
    let rollback = format!("{MODEL}/rollback");
    let post = async |path: &str, body: Value| world.http(Method::POST, path, Some(&body)).await;

    let (status, problem) = post(&promote, json!({"expected": 7})).await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (409, &json!("expected")),
        "{problem:#}"
    );
    let (status, event) = post(
        &promote,
        json!({"expected": 1, "reason": "  Seen by Ana.  "}),
    )
    .await;
    assert_eq!(status, 200, "{event:#}");
    assert_eq!(
        (&event["kind"], &event["previous"], &event["reason"]),
        (&json!("promotion"), &json!(1), &json!("Seen by Ana."))
    );
    // The same wish again is based on what is no more.
    let (status, _) = post(&promote, json!({"expected": 1})).await;
    assert_eq!(status, 409);
    let (status, problem) = post(&promote, json!({"expected": 2})).await;
    assert_eq!(status, 409, "{problem:#}");

    let (status, event) = post(&rollback, json!({"expected": 2})).await;
    assert_eq!(status, 200, "{event:#}");
    assert_eq!(
        (&event["kind"], &event["version"], &event["seq"]),
        (&json!("rollback"), &json!(1), &json!(3))
    );
    let (status, _) = post(&rollback, json!({"expected": 1})).await;
    assert_eq!(status, 409, "there is nothing before version 1");
    let (status, _) = post(&rollback, json!({"expected": 1, "to": 2})).await;
    assert_eq!(status, 409, "forward is no rollback");
    invariants::check(&world).await;

    // Of people who act at once on what they all saw, one succeeds.
    let wishes = (0..6).map(|_| post(&promote, json!({"expected": 1})));
    let statuses: Vec<u16> = futures::future::join_all(wishes)
        .await
        .into_iter()
        .map(|(status, _)| status)
        .collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 409)),
        "{statuses:?}"
    );
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_names_the_schema_that_its_listings_were_read_by() {
    let world = two_versions().await;
    let lake = &world.context().lake;
    let profiles = lake.list("profiles/").await.unwrap();
    let is_schema = |key: &str| key.ends_with(".toml");
    let mut stored = profiles.iter().filter(|it| is_schema(it.key.as_str()));
    // The second batch keeps to what the first one had.
    let stored = stored.next().unwrap().key.clone();
    let text = lake.get(&stored).await.unwrap();
    for (version, key, digest) in [
        (1, Value::Null, None),
        (2, json!(stored), Some(Digest::of(&text).to_string())),
    ] {
        let path = format!("{MODEL}/versions/{version}");
        let record = get(&world, &path).await;
        let schema = &record["schema"];
        assert_eq!((&schema["format"], &schema["key"]), (&json!(1), &key));
        let sha256 = schema["sha256"].as_str().unwrap();
        assert!(
            digest.is_none_or(|digest| digest == sha256),
            "{version}: {schema:#}"
        );
        let card = format!("{path}/files/card.md");
        let card = world.asked(Method::GET, &card, None, &[]).await;
        assert!(card.text.contains(sha256), "{}", card.text);
        let page = format!("/?version={version}");
        let page = world.asked(Method::GET, &page, None, &[]).await;
        assert!(page.text.contains(&sha256[..12]), "{}", page.text);
    }
}
