use futures::future::join_all;
use tasador_flow::{BatchAction, BatchEvent};
use tasador_ids::BatchId;
use tasador_listing::PropertyKey;
use tasador_registry::{
    BatchChange, Claim, DecideError, Forbidden, Origin, OutcomeKind, PropertyWithdrawal, Registry,
};

use crate::fixture::{at, execution, opened, outcome, registry, run};
use BatchAction::{Discard, Release, Withdraw};
use OutcomeKind::{Promoted, Quarantined, Skipped};

fn change(batch: BatchId, action: BatchAction, by: &str) -> BatchChange {
    BatchChange {
        batch,
        action,
        by: by.to_owned(),
        reason: Some("it is in thousands".to_owned()),
        at: at(50),
    }
}

/// A batch whose run ended so.
async fn ended(registry: &Registry, kind: OutcomeKind) -> BatchId {
    let id = opened(registry, "a", "run", 1).await;
    let mut entry = outcome("run", Some(id), kind, 9);
    entry.usable = kind != Quarantined;
    registry.record_outcome(entry).await.unwrap();
    id
}

async fn decide(registry: &Registry, id: BatchId, action: BatchAction) -> BatchEvent {
    registry
        .decide_batch(&change(id, action, "local"))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_released_batch_is_open_again_and_gets_an_outcome() {
    let registry = registry().await;
    let id = ended(&registry, Quarantined).await;
    assert!(
        registry
            .outcome_of(&id)
            .await
            .unwrap()
            .unwrap()
            .leaves_rows_out()
    );
    assert!(registry.usable_batches().await.unwrap().is_empty());

    let event = decide(&registry, id, Release).await;
    assert_eq!((event.seq, event.before), (1, Quarantined));
    assert_eq!(decide(&registry, id, Release).await, event);
    let open = registry.open_batches().await.unwrap();
    assert_eq!(open.len(), 1);
    let batch = &open[0];
    assert!(batch.is_released() && batch.outcome.is_none());
    let entry = registry.history_of(&run("run")).await.unwrap().unwrap();
    assert_eq!(entry.decided, Some(event.clone()));

    let claim = Claim {
        run: run("next"),
        execution_arn: execution("next"),
        at: at(60),
    };
    let mine = registry.claim_batch(batch, &claim, Origin::Resumed).await;
    assert!(!mine.unwrap().repeat);
    registry
        .record_outcome(outcome("next", Some(id), Skipped, 70))
        .await
        .unwrap();
    assert_eq!(registry.usable_batches().await.unwrap().len(), 1);
    assert!(registry.open_batches().await.unwrap().is_empty());
    assert_eq!(registry.batch_events(&id).await.unwrap(), [event]);
}

#[tokio::test]
async fn a_withdrawn_batch_is_in_no_dataset_until_it_is_released() {
    let registry = registry().await;
    let id = ended(&registry, Skipped).await;
    assert_eq!(registry.usable_batches().await.unwrap().len(), 1);
    let event = decide(&registry, id, Withdraw).await;
    assert_eq!(decide(&registry, id, Withdraw).await, event);
    assert!(registry.usable_batches().await.unwrap().is_empty());
    let outcome_now = registry.outcome_of(&id).await.unwrap().unwrap();
    assert_eq!(outcome_now.kind, OutcomeKind::Withdrawn);
    assert!(outcome_now.leaves_rows_out() && !outcome_now.usable);
    // The entry of the run tells what the run came to, and what became of it.
    let entry = registry.history_of(&run("run")).await.unwrap().unwrap();
    assert_eq!((entry.kind, entry.decided), (Skipped, Some(event.clone())));
    let withdrawn = registry.withdrawn().await.unwrap();
    assert_eq!(withdrawn.batch(&id), Some(&event));

    // A run does not bring back what a person took out.
    let batch = registry.batch(&id).await.unwrap().unwrap();
    let claim = Claim {
        run: run("named"),
        execution_arn: execution("named"),
        at: at(60),
    };
    registry
        .claim_batch(&batch, &claim, Origin::Named)
        .await
        .unwrap();
    let again = registry
        .record_outcome(outcome("named", Some(id), Skipped, 70))
        .await;
    assert!(!again.unwrap().outcome.settled);
    assert!(registry.usable_batches().await.unwrap().is_empty());

    let released = decide(&registry, id, Release).await;
    assert_eq!((released.seq, released.before), (2, OutcomeKind::Withdrawn));
    assert!(registry.withdrawn().await.unwrap().is_empty());
    assert_eq!(registry.open_batches().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_decision_against_the_rules_changes_nothing() {
    let registry = registry().await;
    let id = ended(&registry, Skipped).await;
    let before = registry.batch(&id).await.unwrap();
    for (action, rule) in [
        (Release, Forbidden::NotHeld),
        (Discard, Forbidden::NotInQuarantine),
    ] {
        let error = registry.decide_batch(&change(id, action, "local")).await;
        assert!(
            matches!(error, Err(DecideError::Forbidden { why, .. }) if why == rule),
            "{action:?}"
        );
    }
    assert_eq!(registry.batch(&id).await.unwrap(), before);
    let unknown = change(BatchId::of(b"unknown"), Withdraw, "local");
    let error = registry.decide_batch(&unknown).await;
    assert!(matches!(error, Err(DecideError::Unknown { .. })));
}

#[tokio::test]
async fn of_people_who_decide_at_once_one_decides() {
    let registry = registry().await;
    let id = ended(&registry, Quarantined).await;
    let people = (0..12).map(|person| {
        let action = if person % 2 == 0 { Release } else { Discard };
        let change = change(id, action, &format!("person {person}"));
        let registry = &registry;
        async move { (action, registry.decide_batch(&change).await) }
    });
    let answers = join_all(people).await;
    let events = registry.batch_events(&id).await.unwrap();
    // Whoever discards first can be followed by a release, but no two discard, and none overwrites.
    assert!((1..=2).contains(&events.len()), "{events:#?}");
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event.seq as usize, number + 1);
    }
    for (action, answer) in answers {
        match answer {
            Ok(event) => assert!(events.contains(&event) && event.action == action),
            Err(DecideError::Forbidden { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let batch = registry.batch(&id).await.unwrap().unwrap();
    assert_eq!(batch.decided.as_ref(), events.last());
}

#[tokio::test]
async fn a_promoted_batch_keeps_the_truth_about_its_promotion() {
    let registry = registry().await;
    let id = opened(&registry, "a", "run", 1).await;
    let version = crate::fixture::ready(&registry, "one").await;
    registry
        .promote(&crate::fixture::promotion("run", version, None))
        .await
        .unwrap();
    registry
        .record_outcome(outcome("run", Some(id), Promoted, 9))
        .await
        .unwrap();
    decide(&registry, id, Withdraw).await;
    let entry = registry.history_of(&run("run")).await.unwrap().unwrap();
    assert!(entry.promoted && entry.kind == Promoted && entry.settled);
}

#[tokio::test]
async fn the_first_withdrawal_of_a_property_stands() {
    let registry = registry().await;
    let withdrawal = |by: &str| PropertyWithdrawal {
        property: PropertyKey(7),
        by: by.to_owned(),
        reason: None,
        at: at(1),
    };
    let first = registry.withdraw_property(&withdrawal("a")).await.unwrap();
    let again = registry.withdraw_property(&withdrawal("b")).await.unwrap();
    assert_eq!((first.by.as_str(), &again), ("a", &first));
    assert_eq!(registry.withdrawn().await.unwrap().properties, [first]);
}

#[tokio::test]
async fn a_registry_of_an_earlier_time_takes_decisions_again_from_their_copies() {
    let lost = registry().await;
    let id = ended(&lost, Skipped).await;
    let withdrawal = decide(&lost, id, Withdraw).await;
    let release = decide(&lost, id, Release).await;

    let earlier = registry().await;
    ended(&earlier, Skipped).await;
    let restored = async |event| earlier.restore_decision(event).await.unwrap();
    // It does not continue from the state of the batch.
    assert!(!restored(&release).await);
    assert!(restored(&withdrawal).await && !restored(&withdrawal).await);
    assert_eq!(
        earlier.withdrawn().await.unwrap().batch(&id),
        Some(&withdrawal)
    );
    assert!(earlier.usable_batches().await.unwrap().is_empty());
    assert!(restored(&release).await && !restored(&release).await);

    assert_eq!(
        earlier.batch_events(&id).await.unwrap(),
        [withdrawal, release]
    );
    assert_eq!(
        earlier.batch(&id).await.unwrap(),
        lost.batch(&id).await.unwrap()
    );
    assert_eq!(
        earlier.history_of(&run("run")).await.unwrap(),
        lost.history_of(&run("run")).await.unwrap()
    );
    assert!(earlier.withdrawn().await.unwrap().is_empty());
    assert_eq!(earlier.open_batches().await.unwrap().len(), 1);
}
