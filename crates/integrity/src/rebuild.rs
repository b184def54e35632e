//! The registry from the bucket alone, and the bucket's copies from the registry.
//!
//! Only entries that are absent are written, oldest first; the alias follows the last promotion. What a
//! person deleted from the registry before it was lost comes back.

use std::collections::BTreeMap;

use tasador_archive::{
    Copies, RunCopy, VersionCopy, keep_decision, keep_promotion, keep_property, keep_run,
    keep_version, recorded,
};
use tasador_ids::{BatchId, Digest, Format, RunId, key};
use tasador_lake::{Key, ObjectInfo};
use tasador_registry::{
    Batch, BatchAction, BatchEvent, BatchOutcome, BatchRecord, Claim, Outcome, OutcomeKind,
    VersionRecord, VersionStatus,
};
use tasador_runtime::Context;

use crate::IntegrityError;
use crate::bucket::batch_of;
use crate::entries::{all_promotions, all_runs};

/// What was put back.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    pub versions: u64,
    pub promotions: u64,
    pub champions: u64,
    pub batches: u64,
    pub runs: u64,
    /// Decisions about batches, and properties that were withdrawn.
    pub decisions: u64,
    /// Copies in the bucket.
    pub copies: u64,
    /// Hashes of files of versions.
    pub hashes: u64,
}

/// What a bucket without its registry has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    #[error(
        "the registry is empty, but the bucket has {objects} objects that belong to entries of it, such as {example}"
    )]
    Lost { objects: usize, example: Key },
    #[error("a repair of the registry was interrupted")]
    Interrupted,
}

/// Whether the registry was lost beside its bucket: then nothing may use it before [`rebuild`] has.
///
/// # Errors
/// [`IntegrityError`].
pub async fn incomplete(ctx: &Context) -> Result<Option<Incomplete>, IntegrityError> {
    let lake = &ctx.lake;
    if lake.exists(&key::repairing()).await? {
        return Ok(Some(Incomplete::Interrupted));
    }
    if !ctx.registry.is_empty().await? {
        return Ok(None);
    }
    let incoming = lake.list(key::INCOMING).await?;
    let mut left = lake.list(key::RAW).await?;
    // The first run of all may have been interrupted between a batch's bytes and its entry.
    left.retain(|object| {
        let name = object.key.file_name();
        !incoming.iter().any(|marker| marker.key.file_name() == name)
    });
    left.extend(lake.list(key::REGISTRY).await?);
    let objects = left.len();
    Ok(left.into_iter().next().map(|object| Incomplete::Lost {
        objects,
        example: object.key,
    }))
}

/// The batches that the registry knows and the bucket has, in no order.
async fn received(ctx: &Context) -> Result<Vec<BatchRecord>, IntegrityError> {
    let mut all = Vec::new();
    for object in ctx.lake.list(key::RAW).await? {
        if let Some(batch) = batch_of(&object.key)
            && let Some(known) = ctx.registry.batch(&batch).await?
        {
            all.push(known.record);
        }
    }
    Ok(all)
}

/// Says that the registry is complete again.
///
/// # Errors
/// [`IntegrityError`].
pub async fn finish(ctx: &Context) -> Result<(), IntegrityError> {
    Ok(ctx.lake.delete(&key::repairing()).await?)
}

/// Puts back every entry of the registry that is absent and of which the bucket has a copy, and writes
/// every copy that the bucket lacks. Repeating it changes nothing. A registry that was lost counts as
/// incomplete until [`finish`].
///
/// # Errors
/// [`IntegrityError`]; repeating the call completes it.
pub async fn rebuild(ctx: &Context) -> Result<Rebuilt, IntegrityError> {
    if incomplete(ctx).await?.is_some() {
        ctx.lake.put(&key::repairing(), "{}").await?;
    }
    let copies = Copies::read(&ctx.lake).await?;
    let mut done = Rebuilt::default();
    Box::pin(restore(ctx, &copies, &mut done)).await?;
    Box::pin(copy(ctx, &copies, &mut done)).await?;
    Ok(done)
}

async fn restore(ctx: &Context, copies: &Copies, done: &mut Rebuilt) -> Result<(), IntegrityError> {
    let registry = &ctx.registry;
    let count = |counter: &mut u64, restored: bool| *counter += u64::from(restored);
    let mut last = BTreeMap::new();
    for model in registry.all_models().await? {
        last.insert(model.model, model.last_version);
    }
    for copy in &copies.versions {
        let version = &copy.version;
        // A lower number that is absent was deleted by a person.
        if last
            .get(&version.model)
            .is_some_and(|last| version.version.0 <= *last)
        {
            continue;
        }
        // First, so that an interrupted call repeats it.
        if let Some(training) = &copy.training {
            registry.put_training(training.clone()).await?;
        }
        count(&mut done.versions, registry.restore_version(version).await?);
    }
    for event in &copies.promotions {
        count(
            &mut done.promotions,
            registry.restore_promotion(event).await?,
        );
    }
    let mut models: Vec<_> = copies.promotions.iter().map(|event| &event.model).collect();
    models.dedup();
    for model in models {
        if let Some((_, restored)) = registry.restore_champion(model).await? {
            count(&mut done.champions, restored);
        }
    }
    for batch in batches(ctx, copies).await? {
        count(&mut done.batches, registry.restore_batch(&batch).await?);
        // As the registry has it: a decision whose copy is missing still holds.
        if let Some(known) = registry.batch(&batch.record.batch).await? {
            registry.restore_usable(&known).await?;
        }
    }
    for event in &copies.decisions {
        count(&mut done.decisions, registry.restore_decision(event).await?);
    }
    for withdrawal in &copies.properties {
        let restored = registry.restore_withdrawal(withdrawal).await?;
        count(&mut done.decisions, restored);
    }
    // A run to which an error was added has two copies, and the entry is the later one.
    let mut runs: BTreeMap<&RunId, &RunCopy> = BTreeMap::new();
    for copy in &copies.runs {
        runs.insert(&copy.outcome.run, copy);
    }
    let mut runs: Vec<_> = runs.into_values().collect();
    runs.sort_by_key(|copy| copy.outcome.recorded_at);
    for copy in runs {
        count(
            &mut done.runs,
            registry
                .restore_outcome(&decided(copy, &copies.decisions))
                .await?,
        );
    }
    Ok(())
}

/// A run's outcome with the last decision about it.
fn decided(copy: &RunCopy, decisions: &[BatchEvent]) -> Outcome {
    let outcome = &copy.outcome;
    let last = decisions
        .iter()
        .rfind(|event| event.outcome_run == outcome.run);
    Outcome {
        decided: last.cloned(),
        ..outcome.clone()
    }
}

async fn copy(ctx: &Context, copies: &Copies, done: &mut Rebuilt) -> Result<(), IntegrityError> {
    let (lake, registry) = (&ctx.lake, &ctx.registry);
    for outcome in all_runs(ctx).await? {
        let recorded = recorded(&outcome);
        if !copies.runs.iter().any(|copy| copy.outcome == recorded) {
            keep_run(lake, registry, &outcome).await?;
            done.copies += 1;
        }
    }
    for batch in received(ctx).await? {
        for event in registry.batch_events(&batch.batch).await? {
            if !copies.decisions.contains(&event) {
                keep_decision(lake, &event).await?;
                done.copies += 1;
            }
        }
    }
    for withdrawal in registry.withdrawn().await?.properties {
        if !copies.properties.contains(&withdrawal) {
            keep_property(lake, &withdrawal).await?;
            done.copies += 1;
        }
    }
    for model in registry.all_models().await? {
        let model = model.model;
        for event in all_promotions(ctx, &model).await? {
            if !copies.promotions.contains(&event) {
                keep_promotion(lake, &event).await?;
                done.copies += 1;
            }
        }
        for version in registry.all_versions(&model).await? {
            if version.status != VersionStatus::Ready || version.artifact.is_none() {
                continue;
            }
            let made;
            let copy = match copies.version(&model, version.version) {
                Some(copy) => copy,
                None => {
                    let files = files(ctx, &version).await?;
                    made = VersionCopy {
                        version,
                        files,
                        training: None,
                    };
                    keep_version(lake, &made).await?;
                    done.copies += 1;
                    &made
                }
            };
            let mut unknown = copy.hashes();
            let keys: Vec<Key> = unknown.keys().cloned().collect();
            let known = registry.recorded_files(&keys).await?;
            unknown.retain(|key, _| !known.contains_key(key));
            registry.record_files(&unknown).await?;
            done.hashes += unknown.len() as u64;
        }
    }
    Ok(())
}

/// The files of a version as they are, except those that are damaged.
async fn files(
    ctx: &Context,
    version: &VersionRecord,
) -> Result<BTreeMap<String, Digest>, IntegrityError> {
    let prefix = key::model_prefix(&version.model, version.version);
    let mut files = BTreeMap::new();
    for ObjectInfo { key, .. } in ctx.lake.list(&prefix).await? {
        let Some(name) = key.as_str().strip_prefix(&prefix) else {
            continue;
        };
        match ctx.lake.check(&key, None).await {
            Ok(found) => files.insert(name.to_owned(), found.digest),
            Err(error) if error.is_retryable() => return Err(error.into()),
            Err(_) => None,
        };
    }
    if let Some(artifact) = &version.artifact {
        files.insert("model.tsd".to_owned(), artifact.sha256);
        for (fold, digest) in artifact.folds.iter().enumerate() {
            files.insert(format!("folds/{fold}.tsd"), *digest);
        }
    }
    Ok(files)
}

/// The batches as the bucket knows them: with the outcome of the last run that decided, or waiting for
/// one, in the order of their arrival.
async fn batches(ctx: &Context, copies: &Copies) -> Result<Vec<Batch>, IntegrityError> {
    let mut all: BTreeMap<BatchId, Batch> = BTreeMap::new();
    for RunCopy { outcome, batch } in &copies.runs {
        let Some(record) = batch else { continue };
        let known = all
            .entry(record.batch)
            .or_insert_with(|| opened(record.clone()));
        if outcome.settled {
            known.claim.run = outcome.run.clone();
            known.claim.at = outcome.started_at;
            known.outcome = Some(BatchOutcome::of(outcome));
        }
    }
    for event in &copies.decisions {
        let Some(known) = all.get_mut(&event.batch) else {
            continue;
        };
        known.decided = Some(event.clone());
        // A later run may have come to another outcome since.
        if let Some(outcome) = known
            .outcome
            .take_if(|outcome| outcome.run == event.outcome_run)
            && event.action != BatchAction::Release
        {
            known.outcome = Some(BatchOutcome {
                kind: OutcomeKind::Withdrawn,
                usable: false,
                ..outcome
            });
        }
    }
    let incoming = ctx.lake.list(key::INCOMING).await?;
    for object in ctx.lake.list(key::RAW).await? {
        let is_incoming = incoming
            .iter()
            .any(|marker| marker.key.file_name() == object.key.file_name());
        if let Some(batch) =
            batch_of(&object.key).filter(|batch| !all.contains_key(batch) && !is_incoming)
            && let Some(record) = record_of(ctx, batch, &object)
        {
            all.insert(batch, opened(record));
        }
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by_key(|batch| (batch.record.received_at, batch.record.batch));
    Ok(all)
}

/// A batch without an outcome: the next run takes it.
fn opened(record: BatchRecord) -> Batch {
    Batch {
        claim: Claim {
            run: record.run.clone(),
            execution_arn: record.execution_arn.clone(),
            at: record.received_at,
        },
        record,
        outcome: None,
        decided: None,
    }
}

/// The record of a batch of which there are only the bytes.
fn record_of(ctx: &Context, batch: BatchId, object: &ObjectInfo) -> Option<BatchRecord> {
    Some(BatchRecord {
        batch,
        run: format!("restored-{}", batch.short()).parse().ok()?,
        // No execution has it, so the batch is free for the next run.
        execution_arn: format!("restored:{batch}"),
        source: "unknown: restored from the bucket".to_owned(),
        format: format_of(&object.key)?,
        size_bytes: object.size_bytes,
        received_at: object.modified_at.unwrap_or_else(|| ctx.now()),
    })
}

/// The format that the extension tells. Both kinds of JSON have the same one; `api_json` reads both.
fn format_of(key: &Key) -> Option<Format> {
    match key.file_name().split('.').nth(1)? {
        "csv" => Some(Format::Csv),
        "ndjson" => Some(Format::Ndjson),
        "parquet" => Some(Format::Parquet),
        "json" => Some(Format::ApiJson),
        _ => None,
    }
}
