use futures::future::join_all;
use tasador_registry::{CountsKept, OutcomeKind, ServingCounts};

use crate::fixture::{at, opened, outcome, registry};

fn counts(requests: u64) -> ServingCounts {
    let mut counts = ServingCounts::default();
    for n in 0..requests {
        counts.count(if n % 2 == 0 { 200 } else { 422 }, n);
    }
    counts
}

#[tokio::test]
async fn the_sum_of_all_instances_never_goes_back() {
    let registry = registry().await;
    assert_eq!(
        registry.serving_totals().await.unwrap().counts.requests(),
        0
    );
    for (instance, requests, second) in [("a", 3, 0), ("b", 5, 10), ("a", 4, 20)] {
        let counts = counts(requests);
        let kept = registry.keep_counts(instance, &counts, at(second)).await;
        assert_eq!(kept.unwrap(), CountsKept::Kept);
    }
    let before = registry.serving_totals().await.unwrap();
    assert_eq!((before.counts.requests(), before.instances), (9, 2));

    // Racing folders take `b` over once.
    let folds = (0..8).map(|_| registry.fold_counts(at(15), at(30)));
    let folded: u32 = join_all(folds).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(folded, 1);
    let after = registry.serving_totals().await.unwrap();
    assert_eq!((after.counts, after.instances), (before.counts, 1));
}

#[tokio::test]
async fn an_instance_that_wakes_after_it_was_folded_is_told() {
    let registry = registry().await;
    registry.keep_counts("a", &counts(3), at(0)).await.unwrap();
    assert_eq!(registry.fold_counts(at(1), at(1)).await.unwrap(), 1);
    let told = registry.keep_counts("a", &counts(7), at(2)).await.unwrap();
    assert_eq!(told, CountsKept::Folded(counts(3)));
    registry
        .keep_counts("a2", &counts(7).since(&counts(3)), at(3))
        .await
        .unwrap();
    let totals = registry.serving_totals().await.unwrap();
    assert_eq!(totals.counts, counts(7));
}

#[tokio::test]
async fn no_sum_is_wrong_while_instances_are_folded() {
    let registry = registry().await;
    for n in 0..20 {
        let instance = format!("i{n}");
        registry
            .keep_counts(&instance, &counts(5), at(n))
            .await
            .unwrap();
    }
    let folding = async {
        for n in 0..20 {
            registry.fold_counts(at(n + 1), at(100)).await.unwrap();
        }
    };
    let summing = async {
        for _ in 0..20 {
            let totals = registry.serving_totals().await.unwrap();
            assert_eq!(totals.counts.requests(), 100);
        }
    };
    tokio::join!(folding, summing);
    let totals = registry.serving_totals().await.unwrap();
    assert_eq!((totals.counts.requests(), totals.instances), (100, 0));
}

#[tokio::test]
async fn each_outcome_is_counted_once() {
    let registry = registry().await;
    for (n, kind) in [
        (0, OutcomeKind::Rejected),
        (1, OutcomeKind::Skipped),
        (2, OutcomeKind::Skipped),
    ] {
        let run = format!("run-{n}");
        let batch = opened(&registry, &run, &run, n).await;
        for _ in 0..2 {
            let outcome = outcome(&run, Some(batch), kind, n + 20);
            registry.record_outcome(outcome).await.unwrap();
        }
    }
    let counts = registry.pipeline_counts().await.unwrap();
    assert_eq!(counts.outcomes[&OutcomeKind::Rejected], 1);
    assert_eq!(counts.outcomes[&OutcomeKind::Skipped], 2);
    assert_eq!(counts.decisions["train"], 3);
    assert_eq!(counts.last_gate.unwrap().run.as_str(), "run-2");
}
