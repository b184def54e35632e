//! A version: where it stands, its figures, its evidence, and what it learned from.

use maud::html;
use tasador_ids::ModelVersion;
use tasador_registry::Outcome;

use super::{Missing, Shown};
use crate::Site;
use crate::asked::View;
use crate::columns::Names as _;
use crate::facts::{describe, log_failure, models};
use crate::language::{Language, PageLanguage as _};
use crate::sections::models as section;

pub(super) async fn page(
    site: &Site,
    language: Language,
    version: ModelVersion,
    may_change: bool,
) -> Shown {
    let ctx = site.pricing.context();
    let words = language.words();
    let record = ctx.registry.version(&ctx.config.model, version).await;
    let record = log_failure("a version", record).ok_or(Missing::Unavailable)?;
    let record = record.ok_or(Missing::Unknown)?;
    let outcome = async {
        let run = record.run.as_ref()?;
        log_failure("the run of a version", ctx.registry.history_of(run).await)?
    };
    // Boxed: futures that read much are large.
    let (shown, models, outcome) = tokio::join!(
        Box::pin(describe(ctx, record.clone())),
        Box::pin(models(ctx)),
        outcome
    );
    let outcomes: Vec<Outcome> = outcome.into_iter().collect();
    let at = record.created_at;
    let body = html! {
        div.card.champion {
            p {
                @if let Some(models) = &models { (section::status(language, models.status(&record))) }
                @if let Some(algorithm) = &record.algorithm { " " (language.algorithm(algorithm)) }
                " · " (words.trained) " " time datetime=(at) { (language.day(at)) " " (language.time(at)) }
            }
            dl.facts {
                @if let Some(run) = &record.run {
                    dt { (words.run) }
                    dd { a href=(View::Run(run.clone()).address()) { code { (run) } } }
                }
                @if let Some(dataset) = record.dataset {
                    dt { (words.dataset) }
                    dd { a href=(View::Dataset(dataset).address()) { code { (dataset.short()) } } }
                }
                @if let Some(schema) = &record.schema {
                    dt { (words.schema) }
                    dd title=(schema.sha256) {
                        code { (schema.sha256.short()) } " "
                        @match &schema.key {
                            Some(key) => code { (key) },
                            None => { "(" (words.schema_default) ")" }
                        }
                    }
                }
            }
            (section::tiles(language, &record))
            @if may_change {
                @if let Some(models) = &models {
                    p.actions { (section::move_button(language, models, &outcomes, &record)) }
                    noscript { p.hint { (words.needs_script) } }
                }
            }
        }
        (section::evidence(language, &shown))
    };
    Ok((format!("{} {version}", words.version), body))
}
