//! The entries of the registry: each agrees with the others, with the bucket, and with its copy there.

use std::collections::{BTreeMap, BTreeSet};

use tasador_archive::{Copies, recorded};
use tasador_champion::load;
use tasador_ids::{BatchId, ModelName, RunId, key};
use tasador_lake::Key;
use tasador_listing::PropertyKey;
use tasador_registry::{
    Batch, BatchEvent, Outcome, OutcomeKind, Page, PageRequest, PromotionEvent, RegistryError,
    UsableBatch, VersionStatus,
};
use tasador_runtime::{Context, chain};

use crate::IntegrityError;
use crate::bucket::{Objects, batch_of};
use crate::finding::{Remedy, Report};

pub(crate) async fn check(
    ctx: &Context,
    copies: &Copies,
    objects: &Objects,
    report: &mut Report,
) -> Result<(), IntegrityError> {
    for key in &copies.damaged {
        report.find(key, "it cannot be read", Remedy::Copy);
    }
    let history = history(ctx, report).await?;
    let models = models(ctx, copies, report).await?;
    let mut promotions = Vec::new();
    for model in &models {
        versions(ctx, model, copies, report).await?;
        promotions.extend(champion(ctx, model, copies, report).await?);
    }
    runs(copies, &history, &promotions, report);
    properties(ctx, copies, report).await?;
    batches(ctx, copies, objects, &history, &promotions, report).await
}

/// What a call of the registry found. An entry that cannot be read is a finding.
fn readable<T>(
    answer: Result<T, RegistryError>,
    report: &mut Report,
) -> Result<Option<T>, IntegrityError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error @ RegistryError::Damaged { .. }) => {
            report.find("registry", chain(&error), Remedy::Person);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn all_runs(ctx: &Context) -> Result<Vec<Outcome>, RegistryError> {
    let mut all = Vec::new();
    let mut request = PageRequest::first(200);
    loop {
        let Page { items, next } = ctx.registry.history(&request).await?;
        all.extend(items);
        match next {
            Some(token) => request = request.after(token),
            None => return Ok(all),
        }
    }
}

pub(crate) async fn all_promotions(
    ctx: &Context,
    model: &ModelName,
) -> Result<Vec<PromotionEvent>, RegistryError> {
    let mut all = Vec::new();
    let mut request = PageRequest::first(200);
    loop {
        let Page { items, next } = ctx.registry.promotions(model, &request).await?;
        all.extend(items);
        match next {
            Some(token) => request = request.after(token),
            None => break,
        }
    }
    all.reverse();
    Ok(all)
}

async fn history(
    ctx: &Context,
    report: &mut Report,
) -> Result<BTreeMap<RunId, Outcome>, IntegrityError> {
    let all = readable(all_runs(ctx).await, report)?.unwrap_or_default();
    report.runs = all.len() as u64;
    Ok(all
        .into_iter()
        .map(|outcome| (outcome.run.clone(), outcome))
        .collect())
}

/// The models of the registry, and those that only the bucket knows.
async fn models(
    ctx: &Context,
    copies: &Copies,
    report: &mut Report,
) -> Result<BTreeSet<ModelName>, IntegrityError> {
    let known = readable(ctx.registry.all_models().await, report)?.unwrap_or_default();
    let known = known.into_iter().map(|record| record.model);
    let copied = copies
        .versions
        .iter()
        .map(|copy| copy.version.model.clone());
    let promoted = copies.promotions.iter().map(|event| event.model.clone());
    Ok(known.chain(copied).chain(promoted).collect())
}

async fn versions(
    ctx: &Context,
    model: &ModelName,
    copies: &Copies,
    report: &mut Report,
) -> Result<(), IntegrityError> {
    let all = readable(ctx.registry.all_versions(model).await, report)?.unwrap_or_default();
    report.versions += all.len() as u64;
    for record in &all {
        let subject = format!("version {} of {model}", record.version);
        let (VersionStatus::Ready, Some(artifact)) = (record.status, &record.artifact) else {
            continue;
        };
        let Some(copy) = copies.version(model, record.version) else {
            let fault = "the bucket has no copy of its entry";
            report.find(subject, fault, Remedy::Copy);
            continue;
        };
        if copy.version.artifact.as_ref() != Some(artifact) {
            let fault = "its entry names another artifact than its copy in the bucket";
            report.find(&subject, fault, Remedy::Person);
        }
        let hashes = copy.hashes();
        let keys: Vec<Key> = hashes.keys().cloned().collect();
        let known = readable(ctx.registry.recorded_files(&keys).await, report)?;
        let known = known.unwrap_or_default();
        for (key, digest) in hashes {
            match known.get(&key) {
                Some(known) if *known == digest => {}
                Some(_) => {
                    let fault =
                        "the registry has another SHA-256 of it than the copy of its version";
                    report.find(key, fault, Remedy::Person);
                }
                None => {
                    let fault = "the registry has no SHA-256 of it";
                    report.find(key, fault, Remedy::Rebuild);
                }
            }
        }
    }
    let last = readable(ctx.registry.model(model).await, report)?.flatten();
    let last = last.map_or(0, |record| record.last_version);
    for copy in copies
        .versions
        .iter()
        .filter(|copy| copy.version.model == *model)
    {
        let version = copy.version.version;
        let is_known = all.iter().any(|record| record.version == version);
        // A lower number that is absent was deleted by a person.
        if !is_known && version.0 > last {
            let fault = "the registry does not know it";
            report.find(
                format!("version {version} of {model}"),
                fault,
                Remedy::Rebuild,
            );
        }
    }
    Ok(())
}

/// At most one champion, where its last promotion says, and it loads; promotions are numbered without a
/// gap, and each continues from the one before.
async fn champion(
    ctx: &Context,
    model: &ModelName,
    copies: &Copies,
    report: &mut Report,
) -> Result<Vec<PromotionEvent>, IntegrityError> {
    let events = readable(all_promotions(ctx, model).await, report)?.unwrap_or_default();
    report.promotions += events.len() as u64;
    let copied: Vec<_> = copies
        .promotions
        .iter()
        .filter(|event| event.model == *model)
        .collect();
    let subject = |event: &PromotionEvent| format!("promotion {} of {model}", event.seq);
    for event in &copied {
        match events.iter().find(|known| known.seq == event.seq) {
            None => {
                let fault = "the registry does not know it";
                report.find(subject(event), fault, Remedy::Rebuild);
            }
            Some(known) if known != *event => {
                let fault = "its entry differs from its copy in the bucket";
                report.find(subject(event), fault, Remedy::Person);
            }
            Some(_) => {}
        }
    }
    let mut previous = None;
    for (place, event) in events.iter().enumerate() {
        if !copied.iter().any(|copy| copy.seq == event.seq) {
            report.find(subject(event), "the bucket has no copy of it", Remedy::Copy);
        }
        if event.seq.0 != place as u64 + 1 || event.previous != previous {
            let fault = "it does not continue from the promotion before it";
            report.find(subject(event), fault, Remedy::Person);
        }
        previous = Some(event.version);
    }
    let alias = readable(ctx.registry.champion(model).await, report)?.flatten();
    let named = alias.as_ref().map(|alias| (alias.version, alias.promotion));
    if named != events.last().map(|last| (last.version, last.seq)) {
        let remedy = match alias {
            None => Remedy::Rebuild,
            Some(_) => Remedy::Person,
        };
        let fault = "the alias is not where the last promotion put it";
        report.find(format!("champion of {model}"), fault, remedy);
    }
    // Of other models nothing is served, so a champion may be a label.
    if *model == ctx.config.model
        && let Some(alias) = alias
        && let Err(unusable) = load(ctx, model, alias.version).await?
    {
        let fault = chain(&unusable);
        report.find(format!("champion of {model}"), fault, Remedy::Backup);
    }
    Ok(events)
}

/// Every outcome has reasons, and its copy; the run promoted if it says so.
fn runs(
    copies: &Copies,
    history: &BTreeMap<RunId, Outcome>,
    promotions: &[PromotionEvent],
    report: &mut Report,
) {
    let copied: BTreeSet<&RunId> = copies.runs.iter().map(|copy| &copy.outcome.run).collect();
    for run in copied.iter().filter(|run| !history.contains_key(**run)) {
        let fault = "the history does not contain it";
        report.find(format!("run {run}"), fault, Remedy::Rebuild);
    }
    for (run, outcome) in history {
        let subject = format!("run {run}");
        let recorded = recorded(outcome);
        if !copies.runs.iter().any(|copy| copy.outcome == recorded) {
            let fault = "the bucket has no copy of its outcome";
            report.find(&subject, fault, Remedy::Copy);
        }
        if outcome.reasons.is_empty() && outcome.error.is_none() {
            report.find(&subject, "its outcome has no reason", Remedy::Person);
        }
        let promoted = promotions.iter().any(|event| event.run == *run);
        if promoted != (outcome.kind == OutcomeKind::Promoted) {
            let fault = "its outcome and the promotions disagree on whether it promoted";
            report.find(&subject, fault, Remedy::Person);
        }
    }
}

/// Every property that was withdrawn has its copy, and the other way around.
async fn properties(
    ctx: &Context,
    copies: &Copies,
    report: &mut Report,
) -> Result<(), IntegrityError> {
    let withdrawn = readable(ctx.registry.withdrawn().await, report)?.unwrap_or_default();
    report.decisions += withdrawn.properties.len() as u64;
    let subject = |key: PropertyKey| format!("withdrawal of property {key}");
    for withdrawal in &withdrawn.properties {
        if !copies.properties.contains(withdrawal) {
            let fault = "the bucket has no copy of it";
            report.find(subject(withdrawal.property), fault, Remedy::Copy);
        }
    }
    let known: BTreeSet<PropertyKey> = withdrawn.property_keys().collect();
    for copy in &copies.properties {
        if !known.contains(&copy.property) {
            let fault = "the registry does not know it";
            report.find(subject(copy.property), fault, Remedy::Rebuild);
        }
    }
    Ok(())
}

/// Decisions about a batch are numbered without a gap, each has its copy, and the last one is the batch's
/// and that of the run whose outcome it changed.
async fn decisions(
    ctx: &Context,
    copies: &Copies,
    batch: &Batch,
    history: &BTreeMap<RunId, Outcome>,
    report: &mut Report,
) -> Result<(), IntegrityError> {
    let id = batch.record.batch;
    let subject = |event: &BatchEvent| format!("decision {} about batch {id}", event.seq);
    let events = ctx.registry.batch_events(&id).await;
    let events = readable(events, report)?.unwrap_or_default();
    report.decisions += events.len() as u64;
    for (place, event) in events.iter().enumerate() {
        if !copies.decisions.contains(event) {
            report.find(subject(event), "the bucket has no copy of it", Remedy::Copy);
        }
        if event.seq as usize != place + 1 {
            let fault = "it does not continue from the decision before it";
            report.find(subject(event), fault, Remedy::Person);
        }
    }
    for copy in copies.decisions.iter().filter(|copy| copy.batch == id) {
        match events.iter().find(|event| event.seq == copy.seq) {
            Some(known) if known == copy => {}
            Some(_) => {
                let fault = "its entry differs from its copy in the bucket";
                report.find(subject(copy), fault, Remedy::Person);
            }
            None => report.find(
                subject(copy),
                "the registry does not know it",
                Remedy::Rebuild,
            ),
        }
    }
    let last = events.last();
    if batch.decided.as_ref() != last {
        let fault = "its last decision is not the one that is recorded";
        report.find(format!("batch {id}"), fault, Remedy::Person);
    }
    if let Some(last) = last
        && let Some(run) = history.get(&last.outcome_run)
        && run.decided.as_ref() != Some(last)
    {
        let fault = "it is not in the history of its run";
        report.find(subject(last), fault, Remedy::Person);
    }
    Ok(())
}

/// Each batch has one raw object and one outcome, that of a run in the history unless a person withdrew it;
/// its clean rows have the recorded hash and are listed for datasets if they are usable.
async fn batches(
    ctx: &Context,
    copies: &Copies,
    objects: &Objects,
    history: &BTreeMap<RunId, Outcome>,
    promotions: &[PromotionEvent],
    report: &mut Report,
) -> Result<(), IntegrityError> {
    let usable = readable(ctx.registry.usable_batches().await, report)?.unwrap_or_default();
    let withdrawn = readable(ctx.registry.withdrawn().await, report)?.unwrap_or_default();
    let raw: BTreeSet<BatchId> = objects
        .keys()
        .filter(|key| key.as_str().starts_with(key::RAW))
        .filter_map(batch_of)
        .collect();
    let incoming: BTreeSet<BatchId> = objects
        .keys()
        .filter(|key| key.as_str().starts_with(key::INCOMING))
        .filter_map(batch_of)
        .collect();
    let named = history.values().filter_map(|outcome| outcome.batch);
    let all: BTreeSet<BatchId> = raw.iter().copied().chain(named).collect();
    for id in all {
        let subject = format!("batch {id}");
        let count = objects
            .keys()
            .filter(|key| key.as_str().starts_with(&key::raw_prefix(&id)))
            .count();
        if count > 1 {
            report.find(&subject, "it has more than one raw object", Remedy::Person);
        }
        let Some(batch) = readable(ctx.registry.batch(&id).await, report)?.flatten() else {
            // Between its bytes and its entry; the next run continues there.
            if !incoming.contains(&id) {
                let fault = "the registry does not know it";
                report.find(&subject, fault, Remedy::Rebuild);
            }
            continue;
        };
        if !raw.contains(&id) {
            let fault = "its raw object is missing";
            report.find(&subject, fault, Remedy::Backup);
        }
        decisions(ctx, copies, &batch, history, report).await?;
        if withdrawn.batch(&id) != batch.withdrawal() {
            let fault = "it is not listed as withdrawn as its outcome says";
            report.find(&subject, fault, Remedy::Person);
        }
        let Some(outcome) = &batch.outcome else {
            continue; // A run works on it, or the next one resumes it.
        };
        // A person's decision changes the outcome of the batch, never that of the run.
        let by_run = match batch.withdrawal() {
            Some(event) => event.before,
            None => outcome.kind,
        };
        match history.get(&outcome.run) {
            Some(run) if run.kind == by_run && run.batch == Some(id) && run.settled => {}
            _ => {
                let fault = format!("its outcome is not that of run {}", outcome.run);
                report.find(&subject, fault, Remedy::Rebuild);
            }
        }
        let promoted = promotions.iter().any(|event| event.run == outcome.run);
        if promoted != (by_run == OutcomeKind::Promoted) {
            let fault = "its outcome and the promotions disagree";
            report.find(&subject, fault, Remedy::Person);
        }
        let listed = usable.iter().find(|usable| usable.batch == id);
        let clean = outcome.clean.as_ref().filter(|_| outcome.usable);
        if listed.map(|listed: &UsableBatch| &listed.clean) != clean {
            let fault = "it is not listed for datasets as its outcome says";
            report.find(&subject, fault, Remedy::Rebuild);
        }
        if let Some(clean) = &outcome.clean {
            match ctx.lake.check(&clean.key, Some(clean.sha256)).await {
                Ok(_) => {}
                Err(error) if error.is_retryable() => return Err(error.into()),
                Err(error) => {
                    report.find(&clean.key, chain(&error), Remedy::Clean(id));
                }
            }
        }
    }
    Ok(())
}
