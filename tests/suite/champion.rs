//! Only sound versions of the pipeline go into production, whoever asks; and a champion that is damaged
//! later is replaced by nothing worse.

use reqwest::Method;
use serde_json::{Value, json};
use tasador_ids::{Digest, ModelVersion};
use tasador_registry::{OutcomeKind, PageRequest, VersionRecord};
use tasador_runtime::ErrorClass;
use tasador_testing::listings::Batch;
use tests::invariants;
use tests::stories::train_on_anything;
use tests::world::World;

const MODEL: &str = "BestHousePriceModel";

/// A world of so many versions of which the first is in production.
async fn versions(count: u64) -> World {
    let world = World::new(train_on_anything).await;
    for seed in 1..=count {
        let run = world.deliver(&Batch::new(seed, 300)).await;
        let first = seed == 1;
        assert_eq!(
            run.kind() == OutcomeKind::Promoted,
            first,
            "{}",
            run.reasons()
        );
    }
    world
}

/// What can happen to the artifact of a version.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Flipped,
    Deleted,
    Truncated,
    TooLarge,
    /// The registry has another digest.
    Digest,
}

const DAMAGES: [Damage; 5] = [
    Damage::Flipped,
    Damage::Deleted,
    Damage::Truncated,
    Damage::TooLarge,
    Damage::Digest,
];

async fn digest(world: &World, version: u32, digest: impl Fn(Digest) -> Digest + Sync) {
    let ctx = world.context();
    let change = |record: &mut VersionRecord| {
        let artifact = record.artifact.as_mut().unwrap();
        artifact.sha256 = digest(artifact.sha256);
    };
    let changed = ctx
        .registry
        .change_version(&ctx.config.model, ModelVersion(version), &change);
    changed.await.unwrap().unwrap();
}

/// Does the damage, and gives what repairs it.
async fn damage(world: &World, version: u32, damage: Damage) -> Vec<u8> {
    let lake = &world.context().lake;
    let key = format!("models/{MODEL}/{version}/model.tsd")
        .parse()
        .unwrap();
    let whole = lake.get(&key).await.unwrap().to_vec();
    let mut bytes = whole.clone();
    match damage {
        Damage::Flipped => bytes[whole.len() / 2] ^= 1,
        Damage::Deleted => return lake.delete(&key).await.map(|()| whole).unwrap(),
        Damage::Truncated => bytes.truncate(whole.len() / 3),
        Damage::TooLarge => bytes.resize(whole.len() * 3, 0),
        Damage::Digest => digest(world, version, |_| Digest::of(b"other")).await,
    }
    lake.put(&key, bytes).await.unwrap();
    whole
}

async fn repair(world: &World, version: u32, whole: Vec<u8>) {
    digest(world, version, |_| Digest::of(&whole)).await;
    let key = format!("models/{MODEL}/{version}/model.tsd")
        .parse()
        .unwrap();
    world.context().lake.put(&key, whole).await.unwrap();
}

/// Every way to make a version the champion instead of version 1: what it is called, the status of its
/// answer, and the answer.
async fn entry_points(world: &World, version: u32) -> Vec<(&'static str, u16, Value)> {
    let post = async |path: String, body: Value| world.http(Method::POST, &path, Some(&body)).await;
    let (expected, number) = (json!({"expected": 1}), version.to_string());
    let back = json!({"expected": 1, "to": version});
    let mlflow = "/api/2.0/mlflow";
    let answers = [
        (
            "promotion over HTTP",
            post(
                format!("/models/{MODEL}/versions/{version}/promote"),
                expected.clone(),
            )
            .await,
        ),
        (
            "rollback over HTTP",
            post(format!("/models/{MODEL}/rollback"), back.clone()).await,
        ),
        (
            "promotion from the page",
            post(
                format!("/page/models/{MODEL}/versions/{version}/promote"),
                expected,
            )
            .await,
        ),
        (
            "rollback from the page",
            post(format!("/page/models/{MODEL}/rollback"), back).await,
        ),
        (
            "alias of MLflow",
            post(
                format!("{mlflow}/registered-models/alias"),
                json!({"name": MODEL, "alias": "champion", "version": number}),
            )
            .await,
        ),
        (
            "stage of MLflow",
            post(
                format!("{mlflow}/model-versions/transition-stage"),
                json!({"name": MODEL, "version": number, "stage": "Production"}),
            )
            .await,
        ),
    ];
    answers
        .into_iter()
        .map(|(name, (status, answer))| (name, status, answer))
        .collect()
}

async fn promotions(world: &World) -> Vec<u32> {
    let (ctx, latest) = (world.context(), PageRequest::first(100));
    let events = ctx.registry.promotions(&ctx.config.model, &latest).await;
    let events = events.unwrap().items;
    events.iter().map(|event| event.version.0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_entry_point_promotes_a_version_that_cannot_be_served() {
    let world = versions(2).await;
    let foreign = json!({"name": MODEL, "source": "s3://elsewhere/x"});
    let path = "/api/2.0/mlflow/model-versions/create";
    let (status, made) = world.http(Method::POST, path, Some(&foreign)).await;
    assert_eq!(
        (status, &made["model_version"]["version"]),
        (200, &json!("3"))
    );

    for (version, damaged) in [(3, None)]
        .into_iter()
        .chain(DAMAGES.map(|it| (2, Some(it))))
    {
        let whole = match damaged {
            Some(kind) => Some(damage(&world, version, kind).await),
            None => None,
        };
        for (name, status, answer) in entry_points(&world, version).await {
            let refused = if name.contains("MLflow") { 400 } else { 409 };
            assert_eq!(
                status, refused,
                "{name} of version {version}, {damaged:?}: {answer:#}"
            );
        }
        let request = json!({
            "run_id": "by-a-run", "version": version, "expected_champion": 1, "sentence": "Better.",
        });
        let failure = world.cloud().functions().invoke("promote", request).await;
        let failure = failure.unwrap_err();
        assert_eq!(failure.error_type, ErrorClass::CorruptArtifact, "{failure}");
        assert_eq!(promotions(&world).await, [1]);
        if let Some(whole) = whole {
            repair(&world, version, whole).await;
        }
    }
    invariants::check(&world).await;

    // Repaired, it is promoted, and each way leads back.
    let (status, answer) = world
        .http(
            Method::POST,
            "/api/2.0/mlflow/model-versions/transition-stage",
            Some(&json!({"name": MODEL, "version": "2", "stage": "Production"})),
        )
        .await;
    assert_eq!(status, 200, "{answer:#}");
    let alias = json!({"name": MODEL, "alias": "champion", "version": "1"});
    let path = "/api/2.0/mlflow/registered-models/alias";
    assert_eq!(world.http(Method::POST, path, Some(&alias)).await.0, 200);
    assert_eq!(promotions(&world).await, [1, 2, 1]);
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_leads_to_the_last_sound_former_champion() {
    let world = versions(4).await;
    let rollback = format!("/models/{MODEL}/rollback");
    let promote = async |version: u32, expected: u32| {
        let path = format!("/models/{MODEL}/versions/{version}/promote");
        let body = json!({"expected": expected});
        let (status, answer) = world.http(Method::POST, &path, Some(&body)).await;
        assert_eq!(status, 200, "{answer:#}");
    };
    // In the order of promotion: 1, 4, 2, 3.
    promote(4, 1).await;
    promote(2, 4).await;
    promote(3, 2).await;
    let back = async |expected: u32| {
        let body = json!({"expected": expected});
        world.http(Method::POST, &rollback, Some(&body)).await
    };
    damage(&world, 2, Damage::Deleted).await;
    let (status, event) = back(3).await;
    assert_eq!((status, &event["version"]), (200, &json!(4)), "{event:#}");
    // The page, where no version is named.
    let path = format!("/page{rollback}");
    let body = json!({"expected": 4});
    assert_eq!(world.http(Method::POST, &path, Some(&body)).await.0, 204);
    assert_eq!(promotions(&world).await, [1, 4, 3, 2, 4, 1]);
    let (status, problem) = back(1).await;
    assert_eq!(status, 409, "{problem:#}");
    // A version that was taken out of production is better than one that cannot be loaded.
    damage(&world, 1, Damage::Flipped).await;
    let (status, event) = back(1).await;
    assert_eq!((status, &event["version"]), (200, &json!(4)), "{event:#}");
    let damaged = [1, 2].map(|version| format!("models/{MODEL}/{version}/model.tsd"));
    invariants::check_damaged(&world, &[&damaged[0], &damaged[1]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_champion_is_not_replaced_by_a_worse_model() {
    let mut world = World::new(train_on_anything).await;
    let first = world.deliver(&Batch::new(1, 300)).await;
    assert_eq!(first.kind(), OutcomeKind::Promoted, "{}", first.reasons());
    let boosting = vec![tasador_ids::Algorithm::Boosting];
    world
        .restart(|config| config.candidates = boosting.clone())
        .await;
    let second = world.deliver(&Batch::new(2, 3_000)).await;
    assert_eq!(second.kind(), OutcomeKind::Promoted, "{}", second.reasons());
    let linear = vec![tasador_ids::Algorithm::Linear];
    let house = Value::Object(Batch::new(99, 1).rows()[0].clone());
    for (seed, kind) in (3..).zip(DAMAGES) {
        let whole = damage(&world, 2, kind).await;
        // A new instance, which has no model of old.
        world
            .restart(|config| config.candidates = linear.clone())
            .await;
        let (_, health) = world.http(Method::GET, "/health", None).await;
        assert_eq!(
            (&health["status"], &health["model"]["version"]),
            (&json!("degraded"), &json!(1)),
            "{kind:?}: {health:#}"
        );
        let (status, price) = world.price(&house).await;
        assert_eq!(
            (status, &price["model"]["version"]),
            (200, &json!(1)),
            "{kind:?}"
        );

        let run = world.deliver(&Batch::new(seed, 300)).await;
        assert_eq!(
            run.kind(),
            OutcomeKind::Rejected,
            "{kind:?}: {}",
            run.reasons()
        );
        for code in [
            "champion_unloadable",
            "worse_than_recorded",
            "champion_unusable",
        ] {
            assert!(run.has_reason(code), "{kind:?}: {}", run.reasons());
        }
        let compared = run.recorded().champion.as_ref().unwrap();
        assert_eq!(
            compared.version,
            ModelVersion(1),
            "its figures are those of the stand-in"
        );
        assert_eq!(promotions(&world).await, [2, 1]);
        repair(&world, 2, whole).await;
    }
    world.restart(|_| ()).await;
    let (_, health) = world.http(Method::GET, "/health", None).await;
    assert_eq!(
        (&health["status"], &health["model"]["version"]),
        (&json!("ok"), &json!(2)),
        "{health:#}"
    );
    invariants::check(&world).await;

    // The same model again is as good as what was recorded.
    damage(&world, 2, Damage::Flipped).await;
    world
        .restart(|config| config.candidates = boosting.clone())
        .await;
    let batch = second.recorded().batch.unwrap();
    let again = world.run(&json!({"batch": batch})).await;
    assert_eq!(again.kind(), OutcomeKind::Promoted, "{}", again.reasons());
    let damaged = format!("models/{MODEL}/2/model.tsd");
    invariants::check_damaged(&world, &[&damaged]).await;
}
