use futures::future::join_all;
use tasador_ids::ModelVersion;
use tasador_registry::{
    OutcomeKind, PageRequest, PromoteError, PromotionKind, PromotionSeq, Refusal, Registry,
};

use crate::fixture::{model, new_version, opened, outcome, promotion, ready, registry};

/// Invariants 1 and 2: one champion, and one event per change of the alias, without a gap, each
/// beginning where the one before ended.
async fn assert_one_story(registry: &Registry, promotions: u64) {
    let mut events = registry
        .promotions(&model(), &PageRequest::first(1_000))
        .await
        .unwrap()
        .items;
    events.reverse();
    assert_eq!(events.len() as u64, promotions);
    let mut holder = None;
    for (event, seq) in events.iter().zip(1..) {
        assert_eq!(event.seq, PromotionSeq(seq));
        assert_eq!(event.previous, holder);
        holder = Some(event.version);
    }
    let champion = registry.champion(&model()).await.unwrap();
    assert_eq!(champion.as_ref().map(|champion| champion.version), holder);
    assert_eq!(
        champion.map(|champion| champion.promotion.0),
        Some(promotions).filter(|count| *count > 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_promoters_one_wins_per_expected_champion() {
    let registry = registry().await;
    let mut versions = Vec::new();
    for n in 0..17 {
        versions.push(ready(&registry, &format!("run/{n}")).await);
    }
    let mut expected = None;
    for round in 0..4_u64 {
        let wishes: Vec<_> = versions
            .iter()
            .filter(|version| Some(**version) != expected)
            .take(16)
            .map(|version| promotion(&format!("run-{round}-{version}"), *version, expected))
            .collect();
        assert_eq!(wishes.len(), 16);
        let answers = join_all(wishes.iter().map(|wish| registry.promote(wish))).await;
        let mut winners = Vec::new();
        for answer in answers {
            match answer {
                Ok(event) => winners.push(event.version),
                Err(PromoteError::ChampionChanged { actual, .. }) => assert_ne!(actual, expected),
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        expected = Some(winners[0]);
        assert_one_story(&registry, round + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_promotes_once_however_often_it_is_said() {
    let registry = registry().await;
    let (one, two) = (ready(&registry, "one").await, ready(&registry, "two").await);
    let wish = promotion("run", one, None);
    let answers = join_all((0..16).map(|_| registry.promote(&wish))).await;
    assert!(
        answers
            .into_iter()
            .all(|answer| answer.unwrap().seq == PromotionSeq(1))
    );
    registry
        .promote(&promotion("next", two, Some(one)))
        .await
        .unwrap();
    // Repeated after the alias has moved on, and after the run is over: still the run's own event.
    assert_eq!(registry.promote(&wish).await.unwrap().version, one);
    let id = opened(&registry, "a", "run", 1).await;
    registry
        .record_outcome(outcome("run", Some(id), OutcomeKind::Promoted, 30))
        .await
        .unwrap();
    assert_eq!(registry.promote(&wish).await.unwrap().seq, PromotionSeq(1));
    let another = registry.promote(&promotion("run", two, Some(one))).await;
    assert!(matches!(
        another,
        Err(PromoteError::Refused {
            why: Refusal::RunPromotedAnother,
            ..
        })
    ));
    assert_one_story(&registry, 2).await;
}

#[tokio::test]
async fn a_rollback_is_a_promotion() {
    let registry = registry().await;
    let (one, two) = (ready(&registry, "one").await, ready(&registry, "two").await);
    registry
        .promote(&promotion("run-1", one, None))
        .await
        .unwrap();
    registry
        .promote(&promotion("run-2", two, Some(one)))
        .await
        .unwrap();
    let mut back = promotion("rollback-1", one, Some(two));
    back.kind = PromotionKind::Rollback;
    let event = registry.promote(&back).await.unwrap();
    assert_eq!(
        (event.seq, event.previous, event.kind),
        (PromotionSeq(3), Some(two), PromotionKind::Rollback)
    );
    assert_eq!(
        registry.promotion_of_run(&back.run).await.unwrap().unwrap(),
        event
    );
    assert_one_story(&registry, 3).await;
}

#[tokio::test]
async fn only_what_is_ready_is_promoted_and_only_by_a_run_that_goes_on() {
    let registry = registry().await;
    let pending = registry
        .register_version(&new_version("pending"))
        .await
        .unwrap();
    let version = ready(&registry, "ready").await;
    let id = opened(&registry, "a", "over", 1).await;
    registry
        .record_outcome(outcome("over", Some(id), OutcomeKind::Failed, 2))
        .await
        .unwrap();
    let table = [
        (promotion("run", pending, None), Refusal::NotReady),
        (promotion("run", ModelVersion(9), None), Refusal::Unknown),
        (promotion("over", version, None), Refusal::RunIsOver),
    ];
    for (wish, refusal) in table {
        let answer = registry.promote(&wish).await;
        assert!(
            matches!(answer, Err(PromoteError::Refused { why, .. }) if why == refusal),
            "{answer:?}"
        );
    }
    assert_one_story(&registry, 0).await;
}
