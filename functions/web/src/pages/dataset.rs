//! A dataset: its batches, and the versions that learned from it.

use maud::html;
use tasador_ids::DatasetId;
use tasador_registry::VersionRecord;

use super::{Missing, Shown, versions};
use crate::Site;
use crate::facts::{log_failure, newest_versions};
use crate::language::{Language, PageLanguage as _};
use crate::sections::models;

pub(super) async fn page(site: &Site, language: Language, id: &DatasetId) -> Shown {
    let ctx = site.pricing.context();
    let words = language.words();
    let (batches, newest) = tokio::join!(
        tasador_evidence::dataset(&ctx.lake, &ctx.registry, id),
        newest_versions(ctx),
    );
    let batches = log_failure("a dataset", batches).ok_or(Missing::Unavailable)?;
    let batches = batches.ok_or(Missing::Unknown)?;
    let newest = newest.unwrap_or_default();
    let learned: Vec<&VersionRecord> = newest
        .iter()
        .filter(|version| version.dataset.as_ref() == Some(id))
        .collect();
    let rows: u64 = batches.iter().map(|batch| batch.rows).sum();
    let body = html! {
        div.card {
            dl.facts.first {
                dt { (words.rows) } dd { (language.count(rows)) }
                dt { (words.identifier) } dd { code { (id) } }
            }
        }
        div.card {
            h2 { (words.batches) " " span.count { (batches.len()) } }
            (models::batches(language, &batches))
        }
        div.card {
            h2 { (words.learned_from_dataset) }
            @if learned.is_empty() { p.hint { (words.learned_from_batch_none) } }
            @else { (versions(language, &learned)) }
        }
    };
    Ok((format!("{} {}", words.dataset, id.short()), body))
}
