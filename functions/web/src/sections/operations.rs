//! *Operations*: whether all works, how much is asked, how often it fails, how long it takes.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use tasador_pricing::{ChampionStatus, Pricing};
use tasador_registry::{
    DURATION_BOUNDS_US, Outcome, OutcomeKind, PipelineCounts, ServingCounts, hour_name,
};

use crate::asked::View;
use crate::chart::{Bar, Bars, bars, legend};
use crate::facts::{last_run, log_failure};
use crate::language::{Language, PageLanguage as _};
use crate::layout::{empty, unavailable};
use crate::live::rounded_in_words;
use crate::sections::history::badge;

/// The section.
pub(crate) async fn section(language: Language, pricing: &Pricing) -> Markup {
    let words = language.words();
    let ctx = pricing.context();
    let (status, last_run, serving, pipeline) = tokio::join!(
        Box::pin(pricing.health()),
        last_run(ctx),
        pricing.totals(),
        ctx.registry.pipeline_counts(),
    );
    let serving = log_failure("what was answered", serving);
    let pipeline = log_failure("what was decided", pipeline);
    let now = ctx.now();
    html! {
        (health(language, &status, last_run.as_ref(), now))
        @match &serving {
            None => (unavailable(language)),
            Some(totals) if totals.counts.requests() == 0 => {
                div.card { (empty(words.no_requests, words.no_requests_hint)) }
            }
            Some(totals) => (counted(language, &totals.counts, now)),
        }
        @if let Some(pipeline) = &pipeline { (decided(language, pipeline)) }
    }
}

fn health(
    language: Language,
    status: &ChampionStatus,
    last_run: Option<&Outcome>,
    now: Timestamp,
) -> Markup {
    let words = language.words();
    let has_failed = last_run.is_some_and(|run| run.kind == OutcomeKind::Failed);
    html! {
        div.card.health {
            @match &status.trouble {
                None if has_failed => p { span.dot.warn {} strong { (words.last_run_failed) } },
                None => p { span.dot {} strong { (words.healthy) } },
                Some((sentence, since)) => {
                    p { span.dot.bad {} strong { (words.degraded) } }
                    p.hint { (sentence) " (" (words.since) " " time datetime=(since) { (language.day(*since)) " " (language.time(*since)) } ")" }
                }
            }
            @if let Some(champion) = &status.champion {
                p.hint { (words.version) " " (champion.record.version) " · " (words.in_production) }
            }
            p.hint #last-run {
                @match last_run {
                    None => (words.no_run_yet),
                    Some(run) => {
                        (words.last_run) ": "
                        a href=(View::Run(run.run.clone()).address()) {
                            time datetime=(run.recorded_at) { (ago(language, now.duration_since(run.recorded_at))) }
                        }
                        " " (badge(language, run.kind))
                    }
                }
            }
        }
    }
}

/// `3 h ago`.
fn ago(language: Language, age: SignedDuration) -> String {
    let age = rounded_in_words(age);
    match language {
        Language::English => format!("{age} ago"),
        Language::Spanish => format!("hace {age}"),
    }
}

/// Requests of the last 24 hours, answered and with an error.
fn over_time(language: Language, counts: &ServingCounts, now: Timestamp) -> Markup {
    const HOURS: i64 = 24;
    let words = language.words();
    let hours = (0..HOURS).rev().filter_map(|back| {
        let at = now.checked_sub(SignedDuration::from_hours(back)).ok()?;
        let hour = counts.hours.get(&hour_name(at)).copied();
        Some((at, hour.unwrap_or_default()))
    });
    let drawn: Vec<Bar> = hours
        .map(|(at, hour)| Bar {
            label: at.strftime("%H").to_string(),
            parts: [
                hour.requests.saturating_sub(hour.errors) as f64,
                0.0,
                hour.errors as f64,
            ],
            title: format!(
                "{} {}:00: {} {}, {} {}",
                language.day(at),
                at.strftime("%H"),
                language.count(hour.requests.saturating_sub(hour.errors)),
                words.answered,
                language.count(hour.errors),
                words.with_error
            ),
        })
        .collect();
    let is_empty = drawn
        .iter()
        .all(|bar| bar.parts.iter().all(|part| *part <= 0.0));
    html! {
        div.card #over-time {
            h2 { (words.over_time) }
            @if is_empty {
                p.hint { (words.over_time_none) }
            } @else {
                p.hint { (words.over_time_hint) }
                (legend(&[("part0", words.answered), ("part2", words.with_error)]))
                (bars(&Bars { name: words.over_time, whole: true, axis: &|value| language.number(value, 0) }, &drawn))
            }
        }
    }
}

fn counted(language: Language, counts: &ServingCounts, now: Timestamp) -> Markup {
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
        (over_time(language, counts, now))
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
            (bars(&Bars { name: words.latency_spread, whole: true, axis: &|value| language.number(value, 0) }, &drawn))
        }
    }
}

fn statuses(language: Language, counts: &ServingCounts) -> Markup {
    let words = language.words();
    html! {
        div.card {
            h2 { (words.answers_by_status) }
            table.statuses data-sort {
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
        "400" => ("Unreadable", "Ilegible"),
        "413" => ("Too large", "Demasiado grande"),
        "415" => ("Not JSON", "No es JSON"),
        "422" => ("A field was wrong", "Un campo era incorrecto"),
        "503" => ("No model available", "Sin modelo disponible"),
        status if status.starts_with('5') => ("Server error", "Error del servidor"),
        status if status.starts_with('4') => ("Rejected", "Rechazada"),
        _ => ("Answered", "Respondida"),
    };
    match language {
        Language::English => english,
        Language::Spanish => spanish,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> Timestamp {
        "2026-11-28T08:30:00Z".parse().unwrap()
    }

    fn ended(kind: &str) -> Outcome {
        serde_json::from_value(json!({
            "run": "run", "kind": kind, "sentence": "", "promoted": false, "model": "Model",
            "started_at": "2026-11-28T05:20:00Z", "recorded_at": "2026-11-28T05:30:00Z", "duration_ms": 1,
        }))
        .unwrap()
    }

    #[test]
    fn not_everything_works_after_a_run_that_failed() {
        let fine = ChampionStatus {
            champion: None,
            trouble: None,
        };
        let trouble = ChampionStatus {
            trouble: Some(("the champion is damaged".to_owned(), now())),
            ..fine.clone()
        };
        for (status, kind, expected) in [
            (&fine, "promoted", "Everything works"),
            (&fine, "nothing_new", "Everything works"),
            (&fine, "failed", "The last run failed."),
            (&trouble, "failed", "Working, with a problem"),
        ] {
            let run = ended(kind);
            let shown = health(Language::English, status, Some(&run), now()).into_string();
            assert!(shown.contains(expected), "{shown}");
            assert_eq!(
                shown.contains("Everything works"),
                expected == "Everything works"
            );
            assert!(shown.contains("3 h ago"), "{shown}");
        }
        let none = health(Language::Spanish, &fine, None, now()).into_string();
        assert!(
            none.contains("Aún no ha terminado ninguna ejecución."),
            "{none}"
        );
    }

    #[test]
    fn requests_and_errors_of_each_hour_are_drawn() {
        let mut counts = ServingCounts::default();
        assert!(
            over_time(Language::English, &counts, now())
                .into_string()
                .contains("No requests in")
        );
        for (back, status) in [(0, 200), (0, 422), (5, 200), (24, 200)] {
            counts.count_hour(now() - SignedDuration::from_hours(back), status);
        }
        let shown = over_time(Language::English, &counts, now()).into_string();
        assert!(
            shown.contains("28 Nov 2026 08:00: 1 answered, 1 errors"),
            "{shown}"
        );
        assert!(
            shown.contains("28 Nov 2026 03:00: 1 answered, 0 errors"),
            "{shown}"
        );
        assert_eq!(shown.matches("<rect").count(), 3);
    }
}
