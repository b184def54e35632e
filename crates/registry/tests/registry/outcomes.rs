use futures::future::join_all;
use tasador_flow::Compared;
use tasador_registry::{
    Claim, Contender, Metrics, Origin, OutcomeKind, PageRequest, PromotionSeq, Reason,
    RegistryError, Rows, RunError,
};

use crate::fixture::{at, batch, execution, opened, outcome, promotion, ready, registry, run};
use OutcomeKind::{Failed, NothingNew, Promoted, Rejected, Skipped};

fn error(message: &str) -> Option<RunError> {
    Some(RunError {
        class: "Retryable".to_owned(),
        message: message.to_owned(),
        step: None,
    })
}

#[tokio::test]
async fn an_entry_comes_back_as_it_was_written() {
    let registry = registry().await;
    let id = opened(&registry, "a", "run", 1).await;
    let mut written = outcome("run", Some(id), Rejected, 9);
    written.rows = Some(Rows {
        raw: 100,
        clean: 90,
        rejected: 7,
        duplicates: 3,
    });
    written.reasons = vec![
        Reason::Drift {
            column: "house_size".to_owned(),
            compared: Compared::new(0.31, 0.2),
        },
        Reason::Better(Compared::new(f64::INFINITY, -0.03)),
    ];
    let metrics: Metrics = [
        ("mae", 70_123.456_789_012_34),
        ("r2", -1e-40),
        ("mape", 1e300),
    ]
    .into_iter()
    .collect();
    written.challenger = Some(Contender {
        version: tasador_ids::ModelVersion(2),
        algorithm: None,
        metrics: metrics.clone(),
    });
    written.champion = Some(Contender {
        version: tasador_ids::ModelVersion(1),
        algorithm: Some("linear".to_owned()),
        metrics,
    });
    let recorded = registry.record_outcome(written.clone()).await.unwrap();
    written.settled = true;
    assert_eq!(recorded.outcome, written);
    assert!(recorded.first);
    assert_eq!(
        registry.history_of(&run("run")).await.unwrap().unwrap(),
        written
    );
    assert_eq!(
        registry.history_of_batch(&id).await.unwrap().unwrap(),
        written
    );
}

#[tokio::test]
async fn a_run_has_one_entry_and_its_first_stands() {
    let registry = registry().await;
    let id = opened(&registry, "a", "run", 1).await;
    let first = registry
        .record_outcome(outcome("run", Some(id), Skipped, 2))
        .await
        .unwrap();
    for (second, kind) in [(3, Skipped), (4, Rejected)] {
        let again = registry
            .record_outcome(outcome("run", Some(id), kind, second))
            .await
            .unwrap();
        assert_eq!((again.first, again.outcome), (false, first.outcome.clone()));
    }
    let mut broke = outcome("run", Some(id), Failed, 5);
    broke.error = error("the answer was lost");
    let after = registry
        .record_outcome(broke.clone())
        .await
        .unwrap()
        .outcome;
    assert_eq!(
        (after.kind, after.error.clone()),
        (Skipped, error("the answer was lost"))
    );
    // What broke first stays.
    broke.error = error("and then this");
    assert_eq!(registry.record_outcome(broke).await.unwrap().outcome, after);
    let page = registry.history(&PageRequest::first(10)).await.unwrap();
    assert_eq!(page.items, [after]);
    let settled = registry.outcome_of(&id).await.unwrap().unwrap();
    assert_eq!(
        (settled.kind, settled.run, settled.usable),
        (Skipped, run("run"), true)
    );
    assert_eq!(registry.usable_batches().await.unwrap().len(), 1);
    assert_eq!(registry.open_batches().await.unwrap(), []);
}

#[tokio::test]
async fn what_the_alias_says_is_what_is_recorded() {
    let registry = registry().await;
    let id = opened(&registry, "a", "run", 1).await;
    let lie = registry
        .record_outcome(outcome("run", Some(id), Promoted, 2))
        .await;
    assert!(
        matches!(lie, Err(RegistryError::Conflict { .. })),
        "{lie:?}"
    );
    assert_eq!(registry.history_of(&run("run")).await.unwrap(), None);

    // Promote took effect, its answer was lost for good, the machine records a failure.
    let version = ready(&registry, "run/linear").await;
    registry
        .promote(&promotion("run", version, None))
        .await
        .unwrap();
    let mut broke = outcome("run", Some(id), Failed, 3);
    broke.error = error("the answer was lost");
    let recorded = registry.record_outcome(broke).await.unwrap().outcome;
    assert_eq!(
        (recorded.kind, recorded.promotion),
        (Promoted, Some(PromotionSeq(1)))
    );
    assert_eq!(recorded.error, error("the answer was lost"));
    assert_eq!(recorded.sentence, "Version 1 is now in production.");
    let settled = registry.outcome_of(&id).await.unwrap().unwrap();
    assert_eq!((settled.kind, settled.usable), (Promoted, true));
}

#[tokio::test]
async fn a_repeat_is_in_the_history_and_leaves_its_batch_alone() {
    let registry = registry().await;
    let id = opened(&registry, "a", "first", 1).await;
    registry
        .record_outcome(outcome("first", Some(id), Rejected, 2))
        .await
        .unwrap();
    registry
        .open_batch(&batch("a", "again", 3), Origin::Source)
        .await
        .unwrap();
    let mut repeat = outcome("again", Some(id), Skipped, 4);
    repeat.repeat = true;
    let recorded = registry.record_outcome(repeat).await.unwrap();
    assert!(recorded.first && !recorded.outcome.settled);
    let settled = registry.outcome_of(&id).await.unwrap().unwrap();
    assert_eq!((settled.kind, settled.run), (Rejected, run("first")));
    assert_eq!(registry.usable_batches().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_failed_batch_is_kept_out_until_a_run_that_names_it_decides() {
    let registry = registry().await;
    let id = opened(&registry, "a", "broke", 1).await;
    let mut failed = outcome("broke", Some(id), Failed, 2);
    failed.error = error("no");
    registry.record_outcome(failed).await.unwrap();
    assert_eq!(registry.usable_batches().await.unwrap(), []);

    for (name, kind, second) in [
        ("retry-1", Failed, 10),
        ("retry-2", Rejected, 20),
        ("retry-3", Skipped, 30),
    ] {
        let seen = registry.batch(&id).await.unwrap().unwrap();
        let claim = Claim {
            run: run(name),
            execution_arn: execution(name),
            at: at(second),
        };
        registry
            .claim_batch(&seen, &claim, Origin::Named)
            .await
            .unwrap();
        registry
            .record_outcome(outcome(name, Some(id), kind, second + 1))
            .await
            .unwrap();
    }
    let settled = registry.outcome_of(&id).await.unwrap().unwrap();
    assert_eq!(
        (settled.kind, settled.run),
        (Rejected, run("retry-2")),
        "one outcome, and a decision is for good"
    );
    let usable = registry.usable_batches().await.unwrap();
    assert_eq!(usable.len(), 1);
    assert_eq!((usable[0].batch, usable[0].received_at), (id, at(1)));
    assert_eq!(
        registry
            .history(&PageRequest::first(10))
            .await
            .unwrap()
            .items
            .len(),
        4
    );
}

#[tokio::test]
async fn a_run_that_lost_its_batch_does_not_settle_it() {
    let registry = registry().await;
    let id = opened(&registry, "slow", "slow", 1).await;
    let seen = registry.batch(&id).await.unwrap().unwrap();
    let claim = Claim {
        run: run("next"),
        execution_arn: execution("next"),
        at: at(5),
    };
    registry
        .claim_batch(&seen, &claim, Origin::Resumed)
        .await
        .unwrap();
    let slow = registry
        .record_outcome(outcome("slow", Some(id), Failed, 6))
        .await
        .unwrap();
    assert!(!slow.outcome.settled);
    assert_eq!(registry.open_batches().await.unwrap().len(), 1);
    assert!(
        registry
            .record_outcome(outcome("next", Some(id), Rejected, 7))
            .await
            .unwrap()
            .outcome
            .settled
    );
    assert_eq!(
        registry.outcome_of(&id).await.unwrap().unwrap().run,
        run("next")
    );
}

#[tokio::test]
async fn runs_without_a_batch_are_recorded_too() {
    let registry = registry().await;
    let nothing = registry
        .record_outcome(outcome("idle", None, NothingNew, 1))
        .await
        .unwrap();
    assert!(!nothing.outcome.settled && !nothing.outcome.usable);
    let unknown = tasador_ids::BatchId::of(b"never stored");
    let failed = registry
        .record_outcome(outcome("lost", Some(unknown), Failed, 2))
        .await
        .unwrap();
    assert!(failed.first && !failed.outcome.settled);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_outcomes_of_one_run_one_stands_in_run_and_batch() {
    let registry = registry().await;
    let id = opened(&registry, "a", "run", 1).await;
    let kinds = [Skipped, Rejected, Failed, Skipped]
        .into_iter()
        .cycle()
        .take(16);
    let outcomes = kinds
        .enumerate()
        .map(|(n, kind)| outcome("run", Some(id), kind, n as i64 + 2));
    let answers = join_all(outcomes.map(|outcome| registry.record_outcome(outcome))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| answer.first).count(), 1);
    let entry = registry.history_of(&run("run")).await.unwrap().unwrap();
    assert!(answers.iter().all(|answer| answer.outcome == entry));
    assert_eq!(
        registry.outcome_of(&id).await.unwrap().unwrap().kind,
        entry.kind
    );
    assert_eq!(
        registry
            .history(&PageRequest::first(100))
            .await
            .unwrap()
            .items
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_and_a_promotion_at_once_tell_one_story() {
    // Promote's time ran out, the machine records the failure while the promotion may still land.
    for round in 0..12 {
        let registry = registry().await;
        let id = opened(&registry, "a", "run", 1).await;
        let version = ready(&registry, "run/linear").await;
        let mut failed = outcome("run", Some(id), Failed, 3);
        failed.error = error("Promote took too long");
        let wish = promotion("run", version, None);
        let (promoted, recorded) =
            tokio::join!(registry.promote(&wish), registry.record_outcome(failed));
        let entry = recorded.unwrap().outcome;
        let champion = registry.champion(&wish.model).await.unwrap();
        assert_eq!(
            promoted.is_ok(),
            champion.is_some(),
            "round {round}: {promoted:?}"
        );
        assert_eq!(
            entry.kind == Promoted,
            champion.is_some(),
            "round {round}: {entry:?}"
        );
    }
}

#[tokio::test]
async fn the_history_is_read_newest_first_page_by_page() {
    let registry = registry().await;
    for second in [3, 1, 4, 15, 9, 2, 6] {
        registry
            .record_outcome(outcome(&format!("run-{second}"), None, NothingNew, second))
            .await
            .unwrap();
    }
    for limit in [1, 2, 3, 7, 100] {
        let mut request = PageRequest::first(limit);
        let mut seconds = Vec::new();
        let mut pages = 0;
        loop {
            let page = registry.history(&request).await.unwrap();
            assert!(page.items.len() <= limit as usize && !page.items.is_empty());
            seconds.extend(page.items.iter().map(|entry| entry.recorded_at));
            pages += 1;
            let Some(next) = page.next else { break };
            request = request.after(next);
        }
        assert_eq!(seconds, [15, 9, 6, 4, 3, 2, 1].map(at), "by {limit}");
        assert_eq!(
            pages,
            7_u32.div_ceil(limit),
            "no empty last page by {limit}"
        );
    }
    for token in ["", "x", "bm9wZQ"] {
        let page = registry
            .history(&PageRequest::first(2).after(token.to_owned()))
            .await;
        assert!(
            matches!(page, Err(RegistryError::BadPageToken)),
            "{token:?}: {page:?}"
        );
    }
    let other = registry.models(&PageRequest::first(2)).await.unwrap();
    assert_eq!(other.items, []);
    let token = registry
        .history(&PageRequest::first(2))
        .await
        .unwrap()
        .next
        .unwrap();
    let elsewhere = registry.models(&PageRequest::first(2).after(token)).await;
    assert!(matches!(elsewhere, Err(RegistryError::BadPageToken)));
}
