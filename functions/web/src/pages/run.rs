//! A run: what it decided and why, its candidates, its steps.

use maud::{Markup, html};
use tasador_flow::{Candidate, Outcome, as_sentence};
use tasador_http::BackendError;
use tasador_http::runs::{self, RunState, Step};
use tasador_ids::RunId;

use super::{Missing, Shown};
use crate::Site;
use crate::asked::View;
use crate::columns::Names as _;
use crate::facts::log_failure;
use crate::language::{Language, PageLanguage as _};
use crate::live::step_in_words;
use crate::sections::history;

pub(super) async fn page(site: &Site, language: Language, run: &RunId, may_change: bool) -> Shown {
    let ctx = site.pricing.context();
    let words = language.words();
    let (outcome, steps, is_running, batch) = match ctx.config.state_machine.as_deref() {
        Some(machine) => {
            let (followed, batch) = tokio::join!(
                runs::follow(ctx, machine, run),
                ctx.registry.batch_of_run(run)
            );
            let followed = followed.map_err(|error| match error {
                BackendError::NotFound(_) => Missing::Unknown,
                _ => Missing::Unavailable,
            })?;
            let is_running = followed.run.state == RunState::Running;
            let batch = log_failure("the batch of a run", batch).flatten();
            (followed.outcome, followed.steps, is_running, batch)
        }
        None => {
            let outcome = log_failure("a run", ctx.registry.history_of(run).await);
            (
                outcome.ok_or(Missing::Unavailable)?,
                Vec::new(),
                false,
                None,
            )
        }
    };
    if outcome.is_none() && steps.is_empty() {
        return Err(Missing::Unknown);
    }
    let began = steps.first().and_then(|step| step.entered_at);
    let began = outcome.as_ref().map(|outcome| outcome.started_at).or(began);
    let heading = match began {
        Some(at) => format!("{}, {} {}", words.run, language.day(at), language.time(at)),
        None => format!("{} {run}", words.run),
    };
    let body = html! {
        @match &outcome {
            Some(outcome) => (ended(language, outcome, may_change)),
            None => div.card {
                p { @if is_running { (words.still_running) } @else { (words.left_no_outcome) } }
                @if let Some(pointer) = &batch {
                    dl.facts {
                        dt { (words.batch) }
                        dd { a href=(View::Batch(pointer.batch).address()) { code { (pointer.batch.short()) } } }
                    }
                }
            },
        }
        @if !steps.is_empty() {
            div.card {
                h2 { (words.steps) }
                (table(language, &steps))
            }
        }
    };
    Ok((heading, body))
}

fn ended(language: Language, outcome: &Outcome, may_change: bool) -> Markup {
    let words = language.words();
    let account = language.account(outcome);
    html! {
        div.card.what {
            p { (history::badge(language, outcome.kind)) }
            @if let Some(batch) = outcome.batch {
                p.small { a href=(View::Batch(batch).address()) { (history::name(language, outcome)) } }
            }
            (history::summary(language, outcome, &account, may_change))
            (history::reasons(language, &account))
            (history::details(language, outcome))
        }
        @if !outcome.candidates.is_empty() {
            div.card {
                h2 { (words.candidates) }
                div.scroll tabindex="0" role="region" aria-label=(words.candidates) {
                    table {
                        thead { tr {
                            th scope="col" { (words.algorithm) } th scope="col" { (words.version) }
                            th.number scope="col" { (words.average_error) }
                        } }
                        tbody { @for candidate in &outcome.candidates { (row(language, candidate)) } }
                    }
                }
            }
        }
    }
}

fn row(language: Language, candidate: &Candidate) -> Markup {
    let error = candidate.validation.get("mae");
    html! {
        tr {
            th scope="row" { (language.algorithm(&candidate.algorithm)) }
            td {
                @if let Some(version) = candidate.version {
                    a href=(View::Version(version).address()) { (version) }
                }
                @if let Some(reason) = &candidate.reason { span.small { (as_sentence(reason)) } }
            }
            td.number { (error.map_or_else(|| "–".to_owned(), |error| language.money(error))) }
        }
    }
}

/// The steps that a reader cares for: those that did work.
fn table(language: Language, steps: &[Step]) -> Markup {
    let words = language.words();
    let is_work = |step: &&Step| {
        !matches!(
            step.name.as_str(),
            "Exhausted"
                | "Decide"
                | "Verdict"
                | "Done"
                | "NothingNew"
                | "Failed"
                // Parts of TrainCandidates; the candidates have their own table.
                | "TrainOn"
                | "TrainJob"
                | "Train"
                | "JobFailed"
                | "CandidateFailed"
        )
    };
    html! {
        table.small {
            thead { tr {
                th scope="col" { (words.step) } th scope="col" { (words.when) } th.number scope="col" { (words.took) }
            } }
            tbody {
                @for step in steps.iter().filter(is_work) {
                    tr {
                        th scope="row" { (step_in_words(language, &step.name)) }
                        td { @if let Some(at) = step.entered_at { time datetime=(at) { (language.time(at)) } } }
                        td.number {
                            @match step.duration_ms {
                                Some(ms) => (language.duration(ms as f64)),
                                None => "…",
                            }
                        }
                    }
                }
            }
        }
    }
}
