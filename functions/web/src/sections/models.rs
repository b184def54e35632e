//! *Models*: the version in production, those before it, and what speaks for each.

mod evidence;
mod ratios;
mod table;

pub(crate) use evidence::{batches, in_language, of as evidence};
pub(crate) use ratios::statistics;
pub(crate) use table::dialog;
pub(crate) use table::{move_button, status};

use maud::{Markup, html};
use tasador_ids::ModelVersion;
use tasador_registry::{
    Outcome, PromotionEvent, PromotionKind, ProposedRollback, VersionRecord, VersionStatus,
};
use tasador_runtime::Context;

use crate::asked::{Filter, View};
use crate::chart::{Point, points};
use crate::columns::Names as _;
use crate::facts::{self, Models};
use crate::language::{Language, PageLanguage as _};
use crate::layout::{empty, unavailable};

/// The section. `may_move` says whether the visitor may change the version in production.
pub(crate) async fn section(language: Language, ctx: &Context, may_move: bool) -> Markup {
    let words = language.words();
    // Who may change something is told what speaks against it: the latest outcomes.
    let outcomes = async {
        match may_move {
            true => facts::history(ctx, None, &Filter::default()).await,
            false => None,
        }
    };
    // Boxed: futures that read much are large.
    let (models, outcomes) = tokio::join!(Box::pin(facts::models(ctx)), outcomes);
    let outcomes = outcomes.map(|page| page.items).unwrap_or_default();
    match &models {
        None => unavailable(language),
        Some(models) if models.versions.is_empty() => {
            html! { div.card { (empty(words.no_models, words.no_models_hint)) } }
        }
        Some(models) => html! {
            (proposal(language, models, &outcomes, may_move))
            (champion(language, models))
            (over_time(language, models))
            (table::versions(language, models, &outcomes, may_move))
            (moves(language, &models.promotions))
        },
    }
}

/// Where a version stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProductionStatus {
    InProduction,
    WasInProduction,
    NotUsed,
    Unfinished,
}

impl Models {
    pub(crate) fn status(&self, version: &VersionRecord) -> ProductionStatus {
        let is = |other: ModelVersion| other == version.version;
        if self.champion.as_ref().is_some_and(|it| is(it.version)) {
            ProductionStatus::InProduction
        } else if self.promotions.iter().any(|event| is(event.version)) {
            ProductionStatus::WasInProduction
        } else if version.status == VersionStatus::Ready {
            ProductionStatus::NotUsed
        } else {
            ProductionStatus::Unfinished
        }
    }
}

/// A figure that training measured on homes kept apart.
pub(crate) fn measured(version: &VersionRecord, name: &str) -> Option<f64> {
    let value = version.metrics.get(&format!("validation_{name}"));
    value.filter(|value| value.is_finite())
}

/// The rollback that waits for a person, with the button that accepts it.
fn proposal(language: Language, models: &Models, outcomes: &[Outcome], may_move: bool) -> Markup {
    let words = language.words();
    let Some(proposed) = &models.proposed else {
        return html! {};
    };
    let former = models
        .versions
        .iter()
        .find(|version| version.version == proposed.to);
    html! {
        div.card.trouble #proposed-rollback role="status" {
            h2 { (words.proposed_rollback) " " (proposed.to) }
            p { (sentence_of(language, proposed)) }
            @if may_move { @if let Some(former) = former { (move_button(language, models, outcomes, former)) } }
        }
    }
}

fn sentence_of(language: Language, proposed: &ProposedRollback) -> String {
    let ProposedRollback { version, to, .. } = proposed;
    let sales = language.count(proposed.sales);
    let [served, promised, former] = [
        proposed.served_error,
        proposed.promised_error,
        proposed.former_error,
    ]
    .map(|share| language.percent_fixed(share));
    match language {
        Language::English => format!(
            "By {sales} sales, the median error of the prices of version {version} is {served}; its validation promised {promised}. Version {to} had {former}."
        ),
        Language::Spanish => format!(
            "Según {sales} ventas, el error mediano de los precios de la versión {version} es {served}; su validación prometía {promised}. La versión {to} tenía {former}."
        ),
    }
}

fn champion(language: Language, models: &Models) -> Markup {
    let words = language.words();
    let (Some(champion), Some(record)) = (&models.champion, &models.in_production) else {
        return html! {};
    };
    let algorithm = record.algorithm.as_deref().map(|it| language.algorithm(it));
    html! {
        div.card.champion {
            div.title {
                h2 { (words.version) " " (champion.version) " " span.badge.promoted { (words.in_production) } }
                p.hint {
                    @if let Some(algorithm) = algorithm { (algorithm) " · " }
                    (words.since) " " time datetime=(champion.since) { (language.day(champion.since)) " " (language.time(champion.since)) }
                    " · " a href=(View::Version(champion.version).address()) { (words.evidence) }
                }
            }
            (tiles(language, record))
        }
    }
}

/// The main figures of a version.
pub(crate) fn tiles(language: Language, record: &VersionRecord) -> Markup {
    let words = language.words();
    let tile = |title: &str, value: Option<String>, hint: &str| {
        html! {
            @if let Some(value) = value {
                div.tile { dt { (title) } dd { (value) } dd.hint { (hint) } }
            }
        }
    };
    html! {
        dl.tiles {
            (tile(words.average_error, measured(record, "mae").map(|it| language.money(it)), words.average_error_hint))
            (tile(words.typical_error, measured(record, "median_ape").map(|it| language.percent_fixed(it)), words.typical_error_hint))
            (tile(words.explained, measured(record, "r2").map(|it| language.percent_fixed(it)), words.explained_hint))
            (tile(words.honest_range, measured(record, "coverage").map(|it| language.percent_fixed(it)), words.honest_range_hint))
            (tile(words.learnt_from, record.metrics.get("training_rows").map(|it| language.number(it, 0)), words.homes))
        }
    }
}

fn over_time(language: Language, models: &Models) -> Markup {
    let words = language.words();
    // The axis is the order of registration; a version without the figure has no point.
    let drawn: Vec<Point> = models
        .versions
        .iter()
        .rev()
        .filter_map(|version| {
            let value = measured(version, "mae")?;
            let status = models.status(version);
            let strong = matches!(
                status,
                ProductionStatus::InProduction | ProductionStatus::WasInProduction
            );
            let algorithm = version
                .algorithm
                .as_deref()
                .map(|it| language.algorithm(it));
            Some(Point {
                label: format!("v{}", version.version),
                value,
                strong,
                title: format!(
                    "{} {} · {} · {}",
                    words.version,
                    version.version,
                    algorithm.unwrap_or_default(),
                    language.money(value)
                ),
            })
        })
        .collect();
    html! {
        @if drawn.len() > 1 {
            div.card {
                h2 { (words.error_over_time) }
                p.hint { (words.error_over_time_hint) }
                (points(language, words.error_over_time, &drawn))
            }
        }
    }
}

fn moves(language: Language, promotions: &[PromotionEvent]) -> Markup {
    let words = language.words();
    let sentence = |event: &PromotionEvent| match (language, event.kind, event.previous) {
        (Language::English, PromotionKind::Promotion, Some(previous)) => {
            format!(
                "Version {} took over from version {previous}",
                event.version
            )
        }
        (Language::Spanish, PromotionKind::Promotion, Some(previous)) => {
            format!(
                "La versión {} reemplazó a la versión {previous}",
                event.version
            )
        }
        (Language::English, PromotionKind::Promotion, None) => {
            format!("Version {} was the first", event.version)
        }
        (Language::Spanish, PromotionKind::Promotion, None) => {
            format!("La versión {} fue la primera", event.version)
        }
        (Language::English, PromotionKind::Rollback, _) => {
            format!("Back to version {}", event.version)
        }
        (Language::Spanish, PromotionKind::Rollback, _) => {
            format!("De vuelta a la versión {}", event.version)
        }
    };
    html! {
        @if !promotions.is_empty() {
            div.card {
                h2 { (words.moves) }
                ol.timeline {
                    @for event in promotions {
                        li.back[event.kind == PromotionKind::Rollback] {
                            p { strong { a href=(View::Version(event.version).address()) { (sentence(event)) } } " " span.badge.skipped[event.verdict_key.is_none()] {
                                @if event.verdict_key.is_none() { (by_hand(language)) }
                            } }
                            p.small {
                                time datetime=(event.at) { (language.day(event.at)) " " (language.time(event.at)) }
                                @if event.verdict_key.is_none() { " · " (event.reason) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn by_hand(language: Language) -> &'static str {
    match language {
        Language::English => "by hand",
        Language::Spanish => "a mano",
    }
}
