//! What sections and pages show, read from the stores. What can't be read is in the log, and is left out.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, StreamExt as _};
use tasador_evidence::{Evidence, Lineage};
use tasador_ids::{BatchId, ModelVersion};
use tasador_lake::key::{self, ModelFile};
use tasador_listing::profile::Profile;
use tasador_listing::quality::BatchReport;
use tasador_registry::{
    Champion, Outcome, Page, PageRequest, PromotionEvent, ProposedRollback, RegistryError,
    VersionRecord,
};
use tasador_runtime::{Context, chain};

use crate::Site;
use crate::asked::Filter;
use crate::sections::logged::Logged;

/// Runs on a page of the history.
const RUNS_SHOWN: u32 = 20;
/// Runs that are read at once, and how often, while those of a filter are searched.
const SEARCHED_AT_ONCE: u32 = 50;
const SEARCHES_MAX: usize = 40;
/// Runs that people logged, as many as are shown; and experiments that are looked into for them.
const LOGGED_SHOWN: usize = 12;
/// Versions that are shown, the newest ones.
const VERSIONS_SHOWN: u32 = 60;
/// Promotions that are shown, the latest ones.
const PROMOTIONS_SHOWN: u32 = 60;
/// Batches whose data is shown, the latest ones.
pub(crate) const BATCHES_SHOWN: usize = 12;
/// Reports read at once.
const CONCURRENCY: usize = 6;
/// Reports that are kept: they never change, and one has some 20 KB.
const KEPT_MAX: usize = 200;

/// Reports of batches that were read before.
pub(crate) type Batches = Mutex<HashMap<BatchId, Arc<BatchReport>>>;

/// Versions and what became of them.
pub(crate) struct Models {
    pub(crate) champion: Option<Champion>,
    /// Newest first.
    pub(crate) versions: Vec<VersionRecord>,
    /// Newest first.
    pub(crate) promotions: Vec<PromotionEvent>,
    /// Versions that learned from batches that were withdrawn since.
    pub(crate) stale: HashSet<ModelVersion>,
    /// The rollback that is proposed, if one waits for a person.
    pub(crate) proposed: Option<ProposedRollback>,
    /// The champion's record, also if it is older than the versions above.
    pub(crate) in_production: Option<VersionRecord>,
}

/// A version that is looked at.
pub(crate) struct Shown {
    pub(crate) record: VersionRecord,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) lineage: Option<Lineage>,
    /// The content of `ratio_study.json`.
    pub(crate) ratio_study: Option<serde_json::Value>,
}

/// What could be read; the log says what could not.
pub(crate) fn log_failure<T, E: std::error::Error>(what: &str, result: Result<T, E>) -> Option<T> {
    result
        .inspect_err(|error| tracing::error!("the page is shown without {what}: {}", chain(error)))
        .ok()
}

/// A page of the history. With a filter it is at least [`RUNS_SHOWN`] of the runs that match, if there are as many.
pub(crate) async fn history(
    ctx: &Context,
    token: Option<String>,
    filter: &Filter,
) -> Option<Page<Outcome>> {
    if filter.is_empty() {
        return read_history(ctx, token, RUNS_SHOWN).await;
    }
    let mut found = Page {
        items: Vec::new(),
        next: token,
    };
    for _ in 0..SEARCHES_MAX {
        let page = read_history(ctx, found.next, SEARCHED_AT_ONCE).await?;
        let matching = page.items.into_iter().filter(|run| filter.matches(run));
        found.items.extend(matching);
        found.next = page.next;
        if found.next.is_none() || found.items.len() >= RUNS_SHOWN as usize {
            break;
        }
    }
    Some(found)
}

async fn read_history(ctx: &Context, token: Option<String>, limit: u32) -> Option<Page<Outcome>> {
    let first = PageRequest::first(limit);
    let page = PageRequest {
        token,
        ..first.clone()
    };
    match ctx.registry.history(&page).await {
        // A token that is none is an address that was cut: the list begins anew.
        Err(RegistryError::BadPageToken) => {
            log_failure("the history", ctx.registry.history(&first).await)
        }
        other => log_failure("the history", other),
    }
}

/// The run that ended last.
pub(crate) async fn last_run(ctx: &Context) -> Option<Outcome> {
    let page = read_history(ctx, None, 1).await?;
    page.items.into_iter().next()
}

/// The latest runs of the experiments that are not the pipeline's.
pub(crate) async fn logged(ctx: &Context) -> Option<Vec<Logged>> {
    const WHAT: &str = "what people logged";
    let page = PageRequest::first(LOGGED_SHOWN as u32);
    let experiments = log_failure(WHAT, ctx.registry.experiments(&page).await)?.items;
    let mut all = Vec::new();
    let others = experiments.into_iter().filter(|experiment| {
        experiment.name != ctx.config.model.as_str() && experiment.deleted_ms.is_none()
    });
    for experiment in others {
        let runs = ctx
            .registry
            .runs_by_start(&experiment.experiment_id, None, LOGGED_SHOWN);
        let runs = log_failure(WHAT, runs.await)?.into_iter();
        all.extend(
            runs.filter(|run| run.deleted_ms.is_none())
                .map(|run| Logged {
                    experiment: experiment.name.clone(),
                    run,
                }),
        );
    }
    all.sort_by_key(|logged| std::cmp::Reverse(logged.run.start_ms));
    all.truncate(LOGGED_SHOWN);
    Some(all)
}

/// What the champion learned from.
pub(crate) async fn reference(ctx: &Context) -> Option<Profile> {
    let model = &ctx.config.model;
    let champion = log_failure("the champion", ctx.registry.champion(model).await)??;
    let profile = key::model(model, champion.version, ModelFile::Profile);
    log_failure("the champion's profile", ctx.lake.get_json(&profile).await)
}

/// The newest versions, newest first.
pub(crate) async fn newest_versions(ctx: &Context) -> Option<Vec<VersionRecord>> {
    let page = PageRequest::first(VERSIONS_SHOWN);
    let versions = ctx.registry.versions(&ctx.config.model, &page).await;
    Some(log_failure("the versions", versions)?.items)
}

/// The versions and promotions that are shown.
pub(crate) async fn models(ctx: &Context) -> Option<Models> {
    let model = &ctx.config.model;
    let page = PageRequest::first(PROMOTIONS_SHOWN);
    let (champion, versions, promotions, withdrawn) = tokio::join!(
        ctx.registry.champion(model),
        newest_versions(ctx),
        ctx.registry.promotions(model, &page),
        ctx.registry.withdrawn(),
    );
    let withdrawn = log_failure("what was withdrawn", withdrawn).unwrap_or_default();
    let champion = log_failure("the champion", champion)?;
    let versions = versions?;
    let promotions = log_failure("the promotions", promotions)?.items;
    let in_production = async {
        let version = champion.as_ref()?.version;
        match versions.iter().find(|other| other.version == version) {
            Some(record) => Some(record.clone()),
            None => log_failure("a version", ctx.registry.version(model, version).await)?,
        }
    };
    let stale = async {
        let batches = withdrawn.batch_ids();
        let learned = tasador_evidence::learned_from(&ctx.lake, &versions, &batches);
        log_failure("what versions learned from", learned.await)
    };
    let proposed = async {
        let champion = champion.as_ref()?;
        let proposed = ctx.registry.proposed_rollback(model, champion.promotion);
        log_failure("a proposed rollback", proposed.await).flatten()
    };
    let (in_production, stale, proposed) = tokio::join!(in_production, stale, proposed);
    Some(Models {
        proposed: proposed.filter(|proposed| proposed.withdrawn_at.is_none()),
        champion,
        versions,
        promotions,
        stale: stale.unwrap_or_default(),
        in_production,
    })
}

/// What speaks for a version.
pub(crate) async fn describe(ctx: &Context, record: VersionRecord) -> Shown {
    let (model, version) = (&record.model, record.version);
    let (evidence, lineage, ratio_study) = tokio::join!(
        Evidence::of(&ctx.lake, model, version),
        tasador_evidence::lineage(&ctx.lake, &ctx.registry, &record),
        tasador_evidence::ratio_study(&ctx.lake, model, version),
    );
    let evidence = log_failure("the evidence of a version", evidence);
    Shown {
        evidence,
        lineage: log_failure("the lineage of a version", lineage),
        ratio_study: log_failure("the ratio study of a version", ratio_study).flatten(),
        record,
    }
}

/// The latest batches that were cleaned, oldest first, each once, with its report.
pub(crate) async fn batches(site: &Site) -> Option<Vec<(Outcome, Arc<BatchReport>)>> {
    let page = read_history(site.pricing.context(), None, RUNS_SHOWN * 2).await?;
    let mut chosen: Vec<Outcome> = Vec::new();
    for outcome in page.items {
        let known = |other: &Outcome| other.batch == outcome.batch;
        if outcome.rows.is_some() && outcome.batch.is_some() && !chosen.iter().any(known) {
            chosen.push(outcome);
        }
    }
    chosen.truncate(BATCHES_SHOWN);
    chosen.reverse();
    let batches = stream::iter(chosen)
        .map(|outcome| async {
            let report = report(site, outcome.batch.as_ref()?).await?;
            Some((outcome, report))
        })
        .buffered(CONCURRENCY)
        .filter_map(async |found| found)
        .collect()
        .await;
    Some(batches)
}

pub(crate) async fn report(site: &Site, batch: &BatchId) -> Option<Arc<BatchReport>> {
    let kept = || site.batches.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(report) = kept().get(batch) {
        return Some(Arc::clone(report));
    }
    let profile = key::profile(batch);
    let read = site.pricing.context().lake.get_json(&profile).await;
    let report = Arc::new(log_failure("the report of a batch", read)?);
    let mut kept = kept();
    if kept.len() >= KEPT_MAX {
        kept.clear();
    }
    kept.insert(*batch, Arc::clone(&report));
    Some(report)
}
