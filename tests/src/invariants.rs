//! What must be true of the bucket and the registry at any time when no run is under way.

use std::collections::BTreeSet;

use tasador_ids::BatchId;
use tasador_registry::{OutcomeKind, PageRequest, PromotionEvent, VersionStatus};
use tasador_runtime::Context;

use crate::world::World;

/// Checks every invariant.
///
/// # Panics
/// With what does not hold.
pub async fn check(world: &World) {
    check_in(world.context()).await;
}

/// Checks every invariant, while these objects are damaged on purpose and found to be.
///
/// # Panics
/// With what does not hold.
pub async fn check_damaged(world: &World, damaged: &[&str]) {
    check_except(world.context(), damaged).await;
}

/// Checks every invariant of what this context reaches.
///
/// # Panics
/// With what does not hold.
pub async fn check_in(context: &Context) {
    check_except(context, &[]).await;
}

async fn check_except(context: &Context, damaged: &[&str]) {
    let spool = must(context.spool_folder());
    let left: Vec<_> = must(std::fs::read_dir(&spool)).collect();
    assert!(
        left.is_empty(),
        "a batch is still in the spool folder: {left:?}"
    );
    let promotions = promotions(context).await;
    champion_is_sound(context, &promotions).await;
    promotions_are_gapless(&promotions);
    batches_have_outcomes(context, &promotions).await;
    let report = must(Box::pin(tasador_integrity::verify(context)).await);
    let found: BTreeSet<_> = report
        .findings
        .iter()
        .map(|finding| finding.subject.as_str())
        .collect();
    assert_eq!(
        found,
        damaged.iter().copied().collect(),
        "{:#?}",
        report.findings
    );
}

/// Panics with the error: the registry and the lake are there, or the test has failed.
fn must<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error:?}"))
}

/// Every move of the alias, oldest first.
async fn promotions(context: &Context) -> Vec<PromotionEvent> {
    let page = must(
        context
            .registry
            .promotions(&context.config.model, &PageRequest::first(1_000))
            .await,
    );
    assert!(page.next.is_none(), "more promotions than this check reads");
    page.items.into_iter().rev().collect()
}

/// At most one champion; it is registered, ready, and its artefact has the recorded hash.
async fn champion_is_sound(context: &Context, promotions: &[PromotionEvent]) {
    let model = &context.config.model;
    let champion = must(context.registry.champion(model).await);
    assert_eq!(
        champion
            .as_ref()
            .map(|champion| (champion.version, champion.promotion)),
        promotions.last().map(|last| (last.version, last.seq)),
        "the alias is where the last promotion event says"
    );
    let Some(champion) = champion else { return };
    let version = must(context.registry.version(model, champion.version).await);
    let version =
        version.unwrap_or_else(|| panic!("champion {} is not registered", champion.version));
    assert_eq!(version.status, VersionStatus::Ready);
    let artifact = version
        .artifact
        .unwrap_or_else(|| panic!("champion {} has no artefact", champion.version));
    must(
        context
            .lake
            .get_verified(&artifact.key, artifact.sha256)
            .await,
    );
}

/// One event for each move, numbered without a gap, each going on from the one before.
fn promotions_are_gapless(promotions: &[PromotionEvent]) {
    let mut previous = None;
    for (place, event) in promotions.iter().enumerate() {
        assert_eq!(
            event.seq.0,
            place as u64 + 1,
            "promotions are numbered without a gap"
        );
        assert_eq!(
            event.previous, previous,
            "promotion {} goes on from the one before",
            event.seq
        );
        previous = Some(event.version);
    }
}

/// Each batch has one raw object with the bytes it is named after, and one outcome with reasons; the
/// outcome is that of a run in the history, and a promoted one has its promotion event.
async fn batches_have_outcomes(context: &Context, promotions: &[PromotionEvent]) {
    assert!(
        must(context.lake.list("incoming/").await).is_empty(),
        "a batch is still on its way in"
    );
    assert!(
        must(context.registry.open_batches().await).is_empty(),
        "a batch has no outcome"
    );
    let mut seen = BTreeSet::new();
    for object in must(context.lake.list("raw/").await) {
        let name = object
            .key
            .file_name()
            .split('.')
            .next()
            .unwrap_or_default()
            .to_owned();
        let batch: BatchId = must(name.parse());
        assert!(seen.insert(batch), "batch {batch} has two raw objects");
        must(context.lake.get_verified(&object.key, batch.digest()).await);
        let outcome = must(context.registry.outcome_of(&batch).await);
        let outcome = outcome.unwrap_or_else(|| panic!("batch {batch} has no outcome"));
        let run = must(context.registry.history_of(&outcome.run).await);
        let run = run.unwrap_or_else(|| panic!("run {} has no entry in the history", outcome.run));
        assert_eq!(run.kind, outcome.kind);
        assert_eq!(run.batch, Some(batch));
        assert!(
            run.settled && (!run.reasons.is_empty() || run.error.is_some()),
            "{run:#?}"
        );
        let promoted = promotions.iter().any(|event| event.run == outcome.run);
        assert_eq!(promoted, outcome.kind == OutcomeKind::Promoted, "{run:#?}");
    }
}
