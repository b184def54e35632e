//! Only what is better goes into production, once, and is served without a restart.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tasador_ids::Algorithm;
use tasador_registry::{Contender, Outcome, OutcomeKind, PageRequest};
use tasador_runtime::Config;
use tasador_testing::listings::Batch;
use tasador_testing::source::Answer;
use tests::invariants;
use tests::stories::train_on_anything;
use tests::world::{Run, World};

fn boosting() -> Vec<Algorithm> {
    vec![Algorithm::Boosting]
}

/// A metric of challenger and champion on the same homes.
fn metric(outcome: &Outcome, name: &str) -> (f64, f64) {
    let of = |contender: &Option<Contender>| contender.as_ref().unwrap().metrics.get(name).unwrap();
    (of(&outcome.challenger), of(&outcome.champion))
}

fn assert_rejected(run: &Run) {
    assert_eq!(run.kind(), OutcomeKind::Rejected, "{}", run.reasons());
    let outcome = run.recorded();
    assert!(
        !outcome.promoted && outcome.verdict.is_some(),
        "{outcome:#?}"
    );
    assert!(!outcome.reasons.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worse_challenger_is_rejected() {
    let mut world = World::new(|config| config.candidates = boosting()).await;
    let first = world.deliver(&Batch::new(1, 1_500)).await;
    assert_eq!(first.kind(), OutcomeKind::Promoted, "{}", first.reasons());
    // A simpler algorithm, on the same homes and as many new ones as justify training.
    world
        .restart(|config| config.candidates = vec![tasador_ids::Algorithm::Linear])
        .await;
    let second = world.deliver(&Batch::new(2, 500)).await;
    assert_rejected(&second);
    let (challenger, champion) = metric(second.recorded(), "mae");
    assert!(challenger > champion, "{challenger} against {champion}");
    let alias = world
        .context()
        .registry
        .champion(&world.context().config.model)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(Some(alias.version), first.recorded().production);
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identical_challenger_is_rejected() {
    let world = World::new(train_on_anything).await;
    let batch = Batch::new(1, 600);
    let first = world.deliver(&batch).await;
    assert_eq!(first.kind(), OutcomeKind::Promoted, "{}", first.reasons());
    let again = world
        .run(&json!({"batch": first.recorded().batch.unwrap()}))
        .await;
    assert_rejected(&again);
    assert!(again.has_reason("identical"), "{}", again.reasons());
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_better_challenger_is_promoted_and_served_without_a_restart() {
    let world = World::new(|config| config.candidates = boosting()).await;
    let house = Value::Object(Batch::new(99, 1).rows()[0].clone());

    let (status, problem) = world.price(&house).await;
    assert_eq!(status, 503, "{problem:#}");
    let first = world.deliver(&Batch::new(1, 300)).await;
    assert_eq!(first.kind(), OutcomeKind::Promoted, "{}", first.reasons());
    let before = served(&world, &house, 1).await;

    let second = world.deliver(&Batch::new(2, 4_000)).await;
    assert_eq!(second.kind(), OutcomeKind::Promoted, "{}", second.reasons());
    let (challenger, champion) = metric(second.recorded(), "mae");
    assert!(
        challenger < 0.97 * champion,
        "{challenger} against {champion}"
    );
    let after = served(&world, &house, 2).await;
    assert_ne!(before["predicted_price"], after["predicted_price"]);
    let (low, high) = (
        after["interval"]["low"].as_f64().unwrap(),
        after["interval"]["high"].as_f64().unwrap(),
    );
    let price = after["predicted_price"].as_f64().unwrap();
    assert!(low < price && price < high, "{after:#}");
    invariants::check(&world).await;
}

/// Asks until this version answers, which takes milliseconds on a machine that is not busy.
async fn served(world: &World, house: &Value, version: u64) -> Value {
    let begun = Instant::now();
    loop {
        let (status, answer) = world.price(house).await;
        assert_eq!(status, 200, "{answer:#}");
        if answer["model"]["version"] == version {
            return answer;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "version {version} is not served: {answer:#}"
        );
    }
}

/// Every artefact of a world by its key, and the datasets they were trained on.
async fn artefacts(world: &World) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for prefix in ["models/", "datasets/", "clean/", "rejected/", "profiles/"] {
        for object in world.context().lake.list(prefix).await.unwrap() {
            let bytes = world.context().lake.get(&object.key).await.unwrap();
            found.insert(object.key.as_str().to_owned(), bytes.to_vec());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_data_configuration_and_seed_give_the_same_bytes() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        // One after the other, so that the versions of the two algorithms have the same numbers.
        let mut world = World::new(train_on_anything).await;
        world.deliver(&Batch::new(1, 500)).await;
        world.restart(|config| config.candidates = boosting()).await;
        world.deliver(&Batch::new(2, 500)).await;
        runs.push(artefacts(&world).await);
    }
    let [first, second] = &runs[..] else {
        unreachable!()
    };
    let models = first
        .keys()
        .filter(|key| key.ends_with("model.tsd"))
        .count();
    assert_eq!(models, 2);
    assert_eq!(
        first.keys().collect::<Vec<_>>(),
        second.keys().collect::<Vec<_>>()
    );
    for (key, bytes) in first {
        // The descriptions for people and for MLflow name the run and the time.
        if !key.ends_with("/MLmodel") && !key.ends_with("/card.md") {
            assert!(second[key] == *bytes, "{key} differs");
        }
    }
}

/// Candidates of one run race for version numbers, which are in their keys; their bytes are the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candidates_side_by_side_are_the_same_bytes_in_any_order() {
    let candidates = Config::default().candidates;
    let mut runs = Vec::new();
    for _ in 0..2 {
        let world = World::new(|config| config.candidates.clone_from(&candidates)).await;
        let run = world.deliver(&Batch::new(1, 500)).await;
        let context = world.context();
        let mut artefacts = BTreeMap::new();
        for candidate in &run.recorded().candidates {
            let number = candidate.version.unwrap();
            let version = context.registry.version(&context.config.model, number);
            let artefact = version.await.unwrap().unwrap().artifact.unwrap();
            context
                .lake
                .get_verified(&artefact.key, artefact.sha256)
                .await
                .unwrap();
            artefacts.insert(candidate.algorithm.clone(), artefact.sha256);
        }
        runs.push(artefacts);
    }
    assert!(
        runs[0].len() > 1 && runs[0].len() == candidates.len(),
        "{runs:?}"
    );
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_race_promote_one_after_the_other() {
    let world = World::new(train_on_anything).await;
    for seed in 0..4 {
        world.source.then(Answer::Json(
            Batch::new(seed, 300 + 100 * seed as usize).api_json(),
        ));
    }
    let executions = world.cloud().executions();
    let names: Vec<String> = (0..4)
        .map(|_| executions.start(None, "{}").unwrap().name)
        .collect();
    executions.idle().await;
    for name in &names {
        let outcome = world
            .context()
            .registry
            .history_of(&name.parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        assert!(
            matches!(outcome.kind, OutcomeKind::Promoted | OutcomeKind::Rejected),
            "{outcome:#?}"
        );
    }
    let context = world.context();
    let promotions = context
        .registry
        .promotions(&context.config.model, &PageRequest::first(10))
        .await
        .unwrap()
        .items;
    assert!(!promotions.is_empty(), "nothing was promoted");
    // Whatever was promoted had been compared with the champion that it replaced.
    for event in promotions {
        let key = event.verdict_key.as_ref().unwrap();
        let verdict: Value = context.lake.get_json(key).await.unwrap();
        assert_eq!(verdict["decision"], "promote");
        assert_eq!(verdict["challenger_version"], json!(event.version));
        assert_eq!(verdict["champion_version"], json!(event.previous));
    }
    invariants::check(&world).await;
}
