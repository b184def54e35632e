//! The gate on made-up batches, through the whole pipeline: decision, reason and sentence as they
//! stand in the history.

use serde_json::json;
use tasador_flow::gate::Decision;
use tasador_registry::{OutcomeKind, Reason};
use tasador_testing::listings::Batch;
use tests::world::{Run, World};

/// A champion that learnt from 4,000 listings, and the run that follows with `batch`. Drift is believed
/// from 500 rows on, and 800 would be enough growth by themselves.
async fn after_a_champion(batch: Batch) -> Run {
    let world = World::new(|_| ()).await;
    let first = world.deliver(&Batch::new(1, 4_000)).await;
    assert_eq!(first.kind(), OutcomeKind::Promoted, "{}", first.reasons());
    assert!(first.has_reason("no_champion"), "{}", first.reasons());
    world.deliver(&batch).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shifted_size_trains_and_names_the_column_and_its_psi() {
    let run = after_a_champion(Batch::new(2, 600).scale("house_size", 2.0)).await;
    assert_eq!(
        run.recorded().decision,
        Some(Decision::Train),
        "{}",
        run.reasons()
    );
    let reasons = &run.recorded().reasons;
    let drift = reasons.iter().find(|reason| reason.code() == "drift");
    let Some(Reason::Drift { column, compared }) = drift else {
        panic!("{}", run.reasons())
    };
    assert_eq!(column, "house_size", "{}", run.reasons());
    assert!(compared.measured > compared.limit);
    let sentence = drift.unwrap().sentence();
    assert!(
        sentence.contains("house_size") && sentence.contains("PSI"),
        "{sentence}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_batch_of_the_same_kind_teaches_nothing_new() {
    for (seed, rows) in [(2, 60), (3, 250), (4, 600)] {
        let run = after_a_champion(Batch::new(seed, rows)).await;
        assert_eq!(run.kind(), OutcomeKind::Skipped, "{}", run.reasons());
        assert!(!run.recorded().sentence.is_empty());
        assert!(
            run.recorded().usable,
            "its rows are learnt from with the next training"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_cities_above_the_share_train() {
    let batch = Batch::new(2, 600).with("city", |row, listing| {
        if row % 2 == 0 {
            json!(format!("Newtown {}", row % 7))
        } else {
            listing["city"].clone()
        }
    });
    let run = after_a_champion(batch).await;
    assert_eq!(
        run.recorded().decision,
        Some(Decision::Train),
        "{}",
        run.reasons()
    );
    let reasons = &run.recorded().reasons;
    let reason = reasons
        .iter()
        .find(|reason| reason.code() == "new_categories");
    let Some(Reason::NewCategories { column, compared }) = reason else {
        panic!("{}", run.reasons())
    };
    assert_eq!(column, "city");
    assert!(compared.measured > compared.limit, "{compared:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn growth_trains() {
    let run = after_a_champion(Batch::new(2, 1_000)).await;
    assert_eq!(
        run.recorded().decision,
        Some(Decision::Train),
        "{}",
        run.reasons()
    );
    assert!(run.has_reason("volume_grown"), "{}", run.reasons());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_has_its_sentence_in_the_history() {
    let world = World::new(|_| ()).await;
    for (batch, code) in [
        (Batch::new(1, 49), "too_few_rows"),
        (
            Batch::new(2, 300).set("price", json!(1_000.0)),
            "too_few_prices",
        ),
        (Batch::new(3, 300).without("price"), "schema_unusable"),
    ] {
        let run = world.deliver(&batch).await;
        assert!(run.has_reason(code), "{code}: {}", run.reasons());
        let (status, history) = world
            .http(reqwest::Method::GET, "/history?limit=1", None)
            .await;
        assert_eq!(status, 200, "{history:#}");
        let text = history.to_string();
        assert!(
            text.contains(run.id.as_str()) && text.contains(code),
            "{history:#}"
        );
        let reason = run
            .recorded()
            .reasons
            .iter()
            .find(|reason| reason.code() == code)
            .unwrap();
        assert!(text.contains(&reason.sentence()), "{history:#}");
    }
}
