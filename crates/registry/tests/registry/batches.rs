use futures::future::join_all;
use tasador_registry::{Claim, Origin, OutcomeKind, RegistryError};

use crate::fixture::{at, batch, execution, opened, outcome, registry, run};

fn claim(by: &str) -> Claim {
    Claim {
        run: run(by),
        execution_arn: execution(by),
        at: at(50),
    }
}

#[tokio::test]
async fn a_batch_is_opened_once_however_often_it_is_said() {
    let registry = registry().await;
    let record = batch("a", "first", 1);
    for _ in 0..3 {
        assert!(
            registry
                .open_batch(&record, Origin::Source)
                .await
                .unwrap()
                .new
        );
    }
    let known = registry.batch(&record.batch).await.unwrap().unwrap();
    assert_eq!(
        (known.record, known.claim.run, known.outcome),
        (record.clone(), run("first"), None)
    );
    assert_eq!(registry.open_batches().await.unwrap().len(), 1);
    let pointer = registry.batch_of_run(&run("first")).await.unwrap().unwrap();
    assert_eq!(
        (pointer.batch, pointer.origin, pointer.repeat),
        (record.batch, Origin::Source, false)
    );

    let other = registry
        .open_batch(&batch("b", "first", 2), Origin::Source)
        .await;
    assert!(
        matches!(other, Err(RegistryError::Conflict { .. })),
        "one run, two batches: {other:?}"
    );
    assert_eq!(
        registry.batch(&batch("b", "first", 2).batch).await.unwrap(),
        None,
        "nothing half done"
    );
}

#[tokio::test]
async fn bytes_that_come_again_are_known_with_their_outcome() {
    let registry = registry().await;
    let id = opened(&registry, "a", "first", 1).await;
    let again = registry
        .open_batch(&batch("a", "second", 2), Origin::Source)
        .await
        .unwrap();
    assert!(!again.new && again.batch.outcome.is_none() && again.batch.claim.run == run("first"));

    registry
        .record_outcome(outcome("first", Some(id), OutcomeKind::Skipped, 3))
        .await
        .unwrap();
    for _ in 0..2 {
        let again = registry
            .open_batch(&batch("a", "third", 4), Origin::Source)
            .await
            .unwrap();
        assert!(!again.new && again.batch.outcome.unwrap().run == run("first"));
        let pointer = registry.batch_of_run(&run("third")).await.unwrap().unwrap();
        assert!(pointer.repeat);
    }
    assert_eq!(registry.open_batches().await.unwrap(), []);
}

#[tokio::test]
async fn open_batches_are_in_the_order_of_their_reception() {
    let registry = registry().await;
    let late = opened(&registry, "late", "one", 30).await;
    let early = opened(&registry, "early", "two", 10).await;
    let middle = opened(&registry, "middle", "three", 20).await;
    let order: Vec<_> = registry
        .open_batches()
        .await
        .unwrap()
        .iter()
        .map(|batch| batch.record.batch)
        .collect();
    assert_eq!(order, [early, middle, late]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_who_claim_one_batch_one_gets_it() {
    let registry = registry().await;
    let id = opened(&registry, "a", "dead", 1).await;
    let seen = registry.batch(&id).await.unwrap().unwrap();
    let claims: Vec<Claim> = (0..16).map(|n| claim(&format!("run-{n}"))).collect();
    let answers = join_all(
        claims
            .iter()
            .map(|claim| registry.claim_batch(&seen, claim, Origin::Resumed)),
    )
    .await;
    let holder = registry.batch(&id).await.unwrap().unwrap().claim.run;
    for (claim, answer) in claims.iter().zip(&answers) {
        if claim.run == holder {
            assert_eq!(answer.as_ref().unwrap().origin, Origin::Resumed);
            // The answer may have been lost: the same call again is the same claim.
            let again = registry
                .claim_batch(&seen, claim, Origin::Resumed)
                .await
                .unwrap();
            assert_eq!(&again, answer.as_ref().unwrap());
        } else {
            assert!(
                matches!(answer, Err(RegistryError::Conflict { .. })),
                "{answer:?}"
            );
            assert_eq!(registry.batch_of_run(&claim.run).await.unwrap(), None);
        }
    }
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
}

#[tokio::test]
async fn a_batch_that_got_its_outcome_meanwhile_is_not_claimed() {
    let registry = registry().await;
    let id = opened(&registry, "a", "first", 1).await;
    let seen = registry.batch(&id).await.unwrap().unwrap();
    registry
        .record_outcome(outcome("first", Some(id), OutcomeKind::Rejected, 2))
        .await
        .unwrap();
    let late = registry
        .claim_batch(&seen, &claim("late"), Origin::Resumed)
        .await;
    assert!(
        matches!(late, Err(RegistryError::Conflict { .. })),
        "{late:?}"
    );
    // Named, and seen as it is, it may be worked on again.
    let seen = registry.batch(&id).await.unwrap().unwrap();
    let named = registry
        .claim_batch(&seen, &claim("named"), Origin::Named)
        .await
        .unwrap();
    assert!(named.repeat);
    assert_eq!(
        registry.open_batches().await.unwrap(),
        [],
        "it is not opened again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_from_sixteen_runs_are_one_batch() {
    let registry = registry().await;
    let records: Vec<_> = (0..16)
        .map(|n| batch("a", &format!("run-{n}"), n))
        .collect();
    let answers = join_all(
        records
            .iter()
            .map(|record| registry.open_batch(record, Origin::Source)),
    )
    .await;
    let new = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(opened) if opened.new))
        .count();
    let known = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(opened) if !opened.new))
        .count();
    assert_eq!((new, known), (1, 15), "{answers:?}");
    for record in &records {
        assert_eq!(
            registry
                .batch_of_run(&record.run)
                .await
                .unwrap()
                .unwrap()
                .batch,
            record.batch
        );
    }
    assert_eq!(registry.open_batches().await.unwrap().len(), 1);
}
