//! Which model prices: the champion, as soon as it is available.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tasador_ids::ModelVersion;
use tasador_model::Algorithm;

use crate::place::{Place, home, trained};

async fn version(place: &Place) -> Value {
    let (status, answer) = place.price(&home()).await;
    assert_eq!(status, 200, "{answer:#}");
    answer["model"]["version"].clone()
}

#[tokio::test]
async fn without_a_champion_it_says_what_to_do() {
    let place = Place::new().await;
    for (status, problem) in [place.price(&home()).await, place.get("/model").await] {
        assert_eq!(status, 503);
        assert!(
            problem["detail"].as_str().unwrap().contains("tasador run"),
            "{problem:#}"
        );
    }
    let (status, health) = place.get("/health").await;
    assert_eq!(
        (status, &health["status"], &health["model"]),
        (200, &json!("ok"), &json!(null))
    );
    // The first champion is served as any other.
    place.promote(&trained(Algorithm::Linear, 1), None).await;
    place.later(place.refresh());
    assert_eq!(version(&place).await, 1);
}

#[tokio::test]
async fn a_promotion_is_served_without_a_restart() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    let (_, before) = place.price(&home()).await;
    let two = place
        .promote(&trained(Algorithm::Linear, 2), Some(ModelVersion(1)))
        .await;
    place.later(place.refresh() - Duration::from_millis(1));
    assert_eq!(version(&place).await, 1);
    place.later(Duration::from_millis(1));
    let (_, after) = place.price(&home()).await;
    assert_eq!(after["model"]["version"], 2);
    assert_ne!(before["predicted_price"], after["predicted_price"]);
    assert_eq!(place.get("/model").await.1["version"], 2);
    assert_eq!(place.get("/health").await.1["model"]["version"], 2);
    // And the way back.
    place.crown(ModelVersion(1), Some(two)).await;
    place.later(place.refresh());
    let (_, again) = place.price(&home()).await;
    assert_eq!(
        (&again["model"], &again["predicted_price"]),
        (&before["model"], &before["predicted_price"])
    );
}

#[tokio::test]
async fn a_champion_that_cannot_be_loaded_leaves_the_old_one_pricing() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    assert_eq!(version(&place).await, 1);
    let two = place
        .promote(&trained(Algorithm::Linear, 2), Some(ModelVersion(1)))
        .await;
    let artifact = place.artifact(two);
    let whole = std::fs::read(&artifact).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    std::fs::write(&artifact, &damaged).unwrap();
    place.later(place.refresh());
    assert_eq!(version(&place).await, 1);
    let (status, health) = place.get("/health").await;
    assert_eq!(
        (status, &health["status"], &health["model"]["version"]),
        (200, &json!("degraded"), &json!(1))
    );
    assert!(
        health["reason"].as_str().unwrap().contains("version 2"),
        "{health:#}"
    );
    assert_eq!(health["since"], "2026-01-01T12:00:03Z");

    // Gone altogether, over many tries: the tries grow rare, and the first trouble keeps its time.
    std::fs::remove_file(&artifact).unwrap();
    for _ in 0..20 {
        place.later(place.refresh());
        assert_eq!(version(&place).await, 1);
    }
    let (_, health) = place.get("/health").await;
    assert_eq!(health["since"], "2026-01-01T12:00:03Z");

    // A third version is no matter of the second's troubles.
    place
        .promote(&trained(Algorithm::Linear, 3), Some(two))
        .await;
    place.later(place.refresh());
    assert_eq!(version(&place).await, 3);
    assert_eq!(place.get("/health").await.1["status"], "ok");

    // Repaired, the second comes back.
    std::fs::write(&artifact, &whole).unwrap();
    place.crown(two, Some(ModelVersion(3))).await;
    place.later(place.refresh());
    assert_eq!(version(&place).await, 2);
}

#[tokio::test]
async fn what_is_repaired_is_served_within_the_longest_interval() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    assert_eq!(version(&place).await, 1);
    place
        .promote(&trained(Algorithm::Linear, 2), Some(ModelVersion(1)))
        .await;
    place.faults.set(&["S3"]);
    for _ in 0..10 {
        place.later(place.refresh());
        assert_eq!(version(&place).await, 1);
    }
    place.faults.set(&[]);
    place.later(place.refresh() * 4);
    assert_eq!(version(&place).await, 2);
}

/// A new instance has no old model to go on with.
#[tokio::test]
async fn the_last_sound_former_champion_stands_in_on_a_new_instance() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    let mut champion = ModelVersion(1);
    for seed in 2..=3 {
        champion = place
            .promote(&trained(Algorithm::Linear, seed), Some(champion))
            .await;
    }
    let whole = std::fs::read(place.artifact(champion)).unwrap();
    std::fs::write(place.artifact(champion), &whole[..whole.len() / 2]).unwrap();
    // The health says so before anybody asks for a price.
    let (_, health) = place.get("/health").await;
    assert_eq!(
        (&health["status"], &health["model"]["version"]),
        (&json!("degraded"), &json!(2)),
        "{health:#}"
    );
    assert_eq!(version(&place).await, 2);
    assert!(place.metrics().await.contains("model_up_to_date 0"));

    let place = place.new_instance();
    std::fs::remove_file(place.artifact(ModelVersion(2))).unwrap();
    assert_eq!(version(&place).await, 1);
    let place = place.new_instance();
    std::fs::remove_file(place.artifact(ModelVersion(1))).unwrap();
    let (_, health) = place.get("/health").await;
    assert_eq!(
        (&health["status"], &health["model"]),
        (&json!("degraded"), &json!(null)),
        "{health:#}"
    );
    // Repaired, and nobody asked for a price meanwhile.
    std::fs::write(place.artifact(champion), &whole).unwrap();
    place.later(place.refresh());
    let (_, health) = place.get("/health").await;
    assert_eq!(
        (&health["status"], &health["model"]["version"]),
        (&json!("ok"), &json!(3)),
        "{health:#}"
    );
}

#[tokio::test]
async fn a_registry_that_is_away_changes_nothing_for_those_who_ask() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    assert_eq!(version(&place).await, 1);
    place.faults.set(&["GetItem"]);
    for _ in 0..5 {
        place.later(place.refresh());
        assert_eq!(version(&place).await, 1);
    }
    let (_, health) = place.get("/health").await;
    assert_eq!(health["status"], "degraded");
    let told = health.to_string();
    assert!(
        !told.contains("127.0.0.1") && !told.contains("says the test"),
        "{told}"
    );
    place.faults.set(&[]);
    place.later(place.refresh() * 16);
    assert_eq!(version(&place).await, 1);
    assert_eq!(place.get("/health").await.1["status"], "ok");
}

#[tokio::test]
async fn a_first_model_that_fails_to_load_is_tried_again_with_every_refresh() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    for fault in ["GetItem", "S3"] {
        place.faults.set(&[fault]);
        for _ in 0..8 {
            place.later(place.refresh());
            let (status, problem) = place.price(&home()).await;
            assert_eq!(status, 503);
            let told = problem.to_string();
            assert!(
                told.contains("Try again") && !told.contains("127.0.0.1"),
                "{told}"
            );
        }
    }
    place.faults.set(&[]);
    place.later(place.refresh());
    assert_eq!(version(&place).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_ask_at_once_wait_for_one_look() {
    let place = Place::with(&trained(Algorithm::Boosting, 1)).await;
    let home = home();
    let answers = join_all((0..40).map(|_| place.price(&home))).await;
    assert!(
        answers
            .iter()
            .all(|(status, answer)| *status == 200 && answer["model"]["version"] == 1)
    );
    assert_eq!(place.logged().await.len(), 40);
}
