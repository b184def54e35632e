//! Promotions against a bucket and a table on this machine.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use futures::future::join_all;
use promote::{Request, Response, handle};
use serde_json::json;
use tasador_ids::{Digest, ModelName, ModelVersion};
use tasador_model::train::{TrainConfig, fit};
use tasador_model::{Algorithm, Column, Frame};
use tasador_registry::{Artifact, FinishedVersion, Metrics, NewVersion, PageRequest, PromotionSeq};
use tasador_runtime::{Config, Context, ErrorClass, Failure};
use tasador_testing::Stores;

struct Place {
    ctx: Context,
    _stores: Stores,
}

async fn place() -> Place {
    let stores = Stores::start().await;
    let ctx = Context::new(Config::default(), &stores.sdk_config());
    ctx.lake.create_bucket().await.unwrap();
    ctx.registry.create_tables().await.unwrap();
    Place {
        ctx,
        _stores: stores,
    }
}

fn key(name: &str) -> String {
    format!("models/{name}/model.tsd")
}

/// The bytes of a model; another name, another model.
fn bytes(name: &str) -> Vec<u8> {
    let seed = name.bytes().map(u64::from).sum();
    let homes = |count: u32| {
        let mut frame = Frame::new(count as usize);
        let sizes: Vec<f64> = (0..count)
            .map(|row| 600.0 + f64::from(row * 37 % 900))
            .collect();
        let prices = sizes.iter().map(|size| size * 150.0 + 20_000.0).collect();
        frame.push("house_size", Column::Number(sizes)).unwrap();
        frame.push("price", Column::Number(prices)).unwrap();
        frame
    };
    let config = TrainConfig::new(Algorithm::Linear, seed);
    fit(&config, &homes(120)).unwrap().model.to_bytes().unwrap()
}

/// A version on record with these bytes, and with others in the bucket if a test says so.
async fn version(ctx: &Context, name: &str, stored: Option<&[u8]>) -> ModelVersion {
    let registered = bytes(name);
    let model: ModelName = ctx.config.model.clone();
    let new = NewVersion {
        model: model.clone(),
        source_key: name.to_owned(),
        run: None,
        mlflow_run_id: None,
        algorithm: None,
        dataset: None,
        schema: None,
        tags: Default::default(),
        description: None,
        logged: None,
        at: ctx.now(),
    };
    let version = ctx.registry.register_version(&new).await.unwrap();
    if let Some(bytes) = stored {
        ctx.lake
            .put_once(&key(name).parse().unwrap(), bytes.to_vec())
            .await
            .unwrap();
    }
    let finished = FinishedVersion {
        artifact: Artifact {
            key: key(name).parse().unwrap(),
            sha256: Digest::of(&registered),
            size_bytes: registered.len() as u64,
            folds: Vec::new(),
        },
        metrics: Metrics::default(),
        at: ctx.now(),
    };
    ctx.registry
        .finish_version(&model, version, &finished)
        .await
        .unwrap();
    version
}

fn request(run: &str, version: ModelVersion, expected: Option<ModelVersion>) -> Request {
    serde_json::from_value(json!({
        "run_id": run, "version": version, "expected_champion": expected, "sentence": "Better.",
        "verdict_key": format!("verdicts/{run}/1.json"),
    }))
    .unwrap()
}

async fn attempt(request: Request, ctx: &Context) -> Result<Response, ErrorClass> {
    handle(request, ctx)
        .await
        .map_err(|error| Failure::from(error).error_type)
}

#[tokio::test]
async fn a_promotion_repeated_is_one_promotion() {
    let place = place().await;
    let ctx = &place.ctx;
    let one = version(ctx, "one", Some(&bytes("one"))).await;
    let two = version(ctx, "two", Some(&bytes("two"))).await;
    let first = Response {
        version: one,
        previous: None,
        promotion: PromotionSeq(1),
    };
    for _ in 0..3 {
        assert_eq!(
            attempt(request("run-1", one, None), ctx).await.unwrap(),
            first
        );
    }
    let second = attempt(request("run-2", two, Some(one)), ctx)
        .await
        .unwrap();
    assert_eq!(
        second,
        Response {
            version: two,
            previous: Some(one),
            promotion: PromotionSeq(2)
        }
    );
    assert_eq!(
        attempt(request("run-1", one, None), ctx).await.unwrap(),
        first
    );

    let stale = attempt(request("run-3", one, None), ctx).await;
    assert_eq!(stale, Err(ErrorClass::ChampionChanged));
}

#[tokio::test]
async fn what_is_not_in_the_bucket_as_registered_is_not_promoted() {
    let place = place().await;
    let ctx = &place.ctx;
    let missing = version(ctx, "missing", None).await;
    let other = version(ctx, "other", Some(&bytes("another"))).await;
    for damaged in [missing, other] {
        let answer = attempt(request("run", damaged, None), ctx).await;
        assert_eq!(answer, Err(ErrorClass::CorruptArtifact));
    }
    let unknown = attempt(request("run", ModelVersion(9), None), ctx).await;
    assert_eq!(unknown, Err(ErrorClass::InvalidInput));
    assert_eq!(
        ctx.registry.champion(&ctx.config.model).await.unwrap(),
        None
    );
    let events = ctx
        .registry
        .promotions(&ctx.config.model, &PageRequest::first(9))
        .await
        .unwrap();
    assert_eq!(events.items, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_runs_one_promotes_and_fifteen_compare_again() {
    let place = place().await;
    let ctx = &place.ctx;
    let mut requests = Vec::new();
    for n in 0..16 {
        let name = format!("v{n}");
        let version = version(ctx, &name, Some(&bytes(&name))).await;
        requests.push(request(&format!("run-{n}"), version, None));
    }
    let answers = join_all(requests.into_iter().map(|request| attempt(request, ctx))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let changed = answers
        .iter()
        .filter(|answer| **answer == Err(ErrorClass::ChampionChanged))
        .count();
    assert_eq!(changed, 15, "{answers:?}");
}
