//! A batch: where it came from, what became of it, who decided what, and which versions learned from it.

use std::collections::HashSet;

use maud::html;
use tasador_ids::BatchId;
use tasador_registry::VersionRecord;

use super::{Missing, Shown, versions};
use crate::Site;
use crate::asked::View;
use crate::facts::{log_failure, newest_versions};
use crate::language::{Language, PageLanguage as _};
use crate::sections::history;

pub(super) async fn page(site: &Site, language: Language, id: &BatchId, may_change: bool) -> Shown {
    let ctx = site.pricing.context();
    let words = language.words();
    let (batch, events, outcome, newest) = tokio::join!(
        ctx.registry.batch(id),
        ctx.registry.batch_events(id),
        ctx.registry.history_of_batch(id),
        newest_versions(ctx),
    );
    let batch = log_failure("a batch", batch).ok_or(Missing::Unavailable)?;
    let batch = batch.ok_or(Missing::Unknown)?;
    let events = log_failure("the decisions about a batch", events).unwrap_or_default();
    let outcome = log_failure("the outcome of a batch", outcome).flatten();
    let newest = newest.unwrap_or_default();
    let this = HashSet::from([*id]);
    let learned = tasador_evidence::learned_from(&ctx.lake, &newest, &this).await;
    let learned = log_failure("what versions learned from", learned).unwrap_or_default();
    let learned: Vec<&VersionRecord> = newest
        .iter()
        .filter(|version| learned.contains(&version.version))
        .collect();
    let record = &batch.record;
    let name = outcome.as_ref().and_then(|outcome| outcome.batch_name());
    let heading = match &name {
        Some(name) => format!("{} {name}", words.batch),
        None => format!("{} {}", words.batch, id.short()),
    };
    let at = record.received_at;
    let body = html! {
        div.card.what {
            @match &outcome {
                Some(outcome) => {
                    @let account = language.account(outcome);
                    p { (history::badge(language, batch.outcome.as_ref().map_or(outcome.kind, |it| it.kind))) }
                    (history::summary(language, outcome, &account, may_change))
                }
                None => p { (words.batch_waits) },
            }
            dl.facts {
                @match &outcome {
                    Some(outcome) => (history::rows(language, outcome)),
                    None => {
                        dt { (words.arrived) } dd { time datetime=(at) { (language.day(at)) " " (language.time(at)) } }
                    }
                }
                dt { (words.source) } dd { (record.source) }
                dt { (words.size) } dd { (language.count(record.size_bytes.div_ceil(1_000))) " KB" }
                dt { (words.run) }
                dd { a href=(View::Run(batch.claim.run.clone()).address()) { code { (batch.claim.run) } } }
                dt { (words.identifier) } dd { code { (id) } }
            }
            @if let Some(outcome) = &outcome { (history::recognised(language, outcome)) }
        }
        @if events.len() > 1 {
            div.card {
                h2 { (words.decided_by_people) }
                @for event in &events { (history::decided(language, event)) }
            }
        }
        div.card {
            h2 { (words.learned_from_batch) }
            @if learned.is_empty() { p.hint { (words.learned_from_batch_none) } }
            @else { (versions(language, &learned)) }
        }
    };
    Ok((heading, body))
}
