//! *Operations*: whether all works, how much is asked, how often it fails, how long it takes.

use maud::{Markup, html};
use tasador_pricing::ChampionStatus;
use tasador_registry::{DURATION_BOUNDS_US, PipelineCounts, ServingCounts};

use crate::chart::{Bar, Bars, bars};
use crate::facts::Facts;
use crate::language::{Language, PageLanguage as _};
use crate::layout::{Section, empty, unavailable};
use crate::sections::history::badge;

/// The section.
pub(crate) fn section(language: Language, status: &ChampionStatus, facts: &Facts) -> Section {
    let words = language.words();
    let body = html! {
        (health(language, status))
        @match &facts.serving {
            None => (unavailable(language)),
            Some(totals) if totals.counts.requests() == 0 => {
                div.card { (empty(words.no_requests, words.no_requests_hint)) }
            }
            Some(totals) => (counted(language, &totals.counts)),
        }
        @if let Some(pipeline) = &facts.pipeline { (decided(language, pipeline)) }
    };
    Section {
        id: "operations",
        heading: words.operations,
        lead: words.operations_lead,
        body,
    }
}

fn health(language: Language, status: &ChampionStatus) -> Markup {
    let words = language.words();
    html! {
        div.card.health {
            @match &status.trouble {
                None => p { span.dot {} strong { (words.healthy) } },
                Some((sentence, since)) => {
                    p { span.dot.bad {} strong { (words.degraded) } }
                    p.hint { (sentence) " (" (words.since) " " time datetime=(since) { (language.day(*since)) " " (language.time(*since)) } ")" }
                }
            }
            @if let Some(champion) = &status.champion {
                p.hint { (words.version) " " (champion.record.version) " · " (words.in_production) }
            }
        }
    }
}

fn counted(language: Language, counts: &ServingCounts) -> Markup {
    let words = language.words();
    let (requests, errors) = (counts.requests(), counts.errors());
    let within = |share: f64| match counts.duration_quantile_us(share) {
        Some(us) => format!("≤ {}", language.duration(us as f64 / 1e3)),
        None => "–".to_owned(),
    };
    let tile = |title: &str, value: String, hint: Option<String>| {
        html! { div.tile { dt { (title) } dd { (value) } @if let Some(hint) = hint { dd.hint { (hint) } } } }
    };
    html! {
        div.card {
            dl.tiles.first {
                (tile(words.requests, language.count(requests), None))
                (tile(words.errors, language.count(errors), Some(language.percent(errors as f64 / requests as f64))))
                (tile(words.latency, within(0.5), None))
                (tile(words.latency_slow, within(0.99), None))
                (tile(words.priced, language.count(counts.rows_priced), None))
                (tile(words.log_failures, language.count(counts.log_failures), None))
            }
            p.hint { (words.counted_since) }
        }
        div.pair {
            (durations(language, counts))
            (statuses(language, counts))
        }
    }
}

fn durations(language: Language, counts: &ServingCounts) -> Markup {
    let words = language.words();
    let bounds = DURATION_BOUNDS_US.iter().map(|bound| Some(*bound));
    let mut drawn: Vec<Bar> = bounds
        .chain([None])
        .zip(&counts.buckets)
        .map(|(bound, count)| {
            let label = match bound {
                Some(us) => language.duration(us as f64 / 1e3),
                None => ">".to_owned(),
            };
            Bar {
                title: format!("≤ {label}: {}", language.count(*count)),
                label,
                parts: [*count as f64, 0.0, 0.0],
            }
        })
        .collect();
    let is_empty = |bar: &Bar| bar.parts.iter().sum::<f64>() <= 0.0;
    // One empty bar on each side shows that nothing was cut off.
    let first = drawn.iter().position(|bar| !is_empty(bar)).unwrap_or(0);
    let last = drawn.iter().rposition(|bar| !is_empty(bar)).unwrap_or(0);
    drawn.truncate(last + 2);
    drawn.drain(..first.saturating_sub(1));
    html! {
        div.card {
            h2 { (words.latency_spread) }
            p.hint { (words.latency_spread_hint) }
            (bars(&Bars { name: words.latency_spread, axis: &|value| language.number(value, 0) }, &drawn))
        }
    }
}

fn statuses(language: Language, counts: &ServingCounts) -> Markup {
    let words = language.words();
    html! {
        div.card {
            h2 { (words.answers_by_status) }
            table.statuses {
                thead { tr { th scope="col" { (words.status) } th scope="col" { (words.meaning) } th.number scope="col" { (words.requests) } } }
                tbody {
                    @for (status, count) in &counts.answers {
                        tr {
                            th scope="row" { code { (status) } }
                            td { (meaning(language, status)) }
                            td.number { (language.count(*count)) }
                        }
                    }
                }
            }
        }
    }
}

/// How the runs of the pipeline ended.
fn decided(language: Language, pipeline: &PipelineCounts) -> Markup {
    let words = language.words();
    html! {
        @if !pipeline.outcomes.is_empty() {
            div.card {
                h2 { (words.decisions) }
                p.hint { (words.decisions_hint) }
                ul.counts {
                    @for (kind, count) in &pipeline.outcomes {
                        li { strong { (language.count(*count)) } " " (badge(language, *kind)) }
                    }
                }
            }
        }
    }
}

/// What a status means to somebody who never read of them.
fn meaning(language: Language, status: &str) -> &'static str {
    let (english, spanish) = match status {
        "200" => ("Priced", "Con precio"),
        "400" => ("Could not be read", "Ilegible"),
        "413" => ("Too large", "Demasiado grande"),
        "415" => ("Not JSON", "No es JSON"),
        "422" => ("A field was wrong", "Un campo era incorrecto"),
        "503" => ("No model at hand", "Sin modelo disponible"),
        status if status.starts_with('5') => ("Failed here", "Falló aquí"),
        status if status.starts_with('4') => ("Refused", "Rechazada"),
        _ => ("Answered", "Respondida"),
    };
    match language {
        Language::English => english,
        Language::Spanish => spanish,
    }
}
