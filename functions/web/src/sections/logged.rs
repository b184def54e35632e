//! Runs that people logged with MLflow's clients, under the history of the pipeline's own.

use jiff::Timestamp;
use maud::{Markup, html};
use tasador_registry::{RunRecord, RunStatus};

use crate::language::{Language, PageLanguage as _};

/// Metrics that are shown of a run.
const METRICS_SHOWN: usize = 4;

/// A run with the name of its experiment.
pub(crate) struct Logged {
    pub(crate) experiment: String,
    pub(crate) run: RunRecord,
}

/// The table; nothing where nobody logged a run.
pub(crate) fn table(language: Language, logged: &[Logged]) -> Markup {
    let words = language.words();
    html! {
        @if !logged.is_empty() {
            h2 { (words.logged_runs) }
            p.lead { (words.logged_runs_lead) }
            div.card.flush {
                table.runs id="logged" data-sort {
                    caption.hidden { (words.logged_runs) }
                    thead {
                        tr {
                            th scope="col" { (words.when) }
                            th scope="col" { (words.experiment) }
                            th scope="col" { (words.run) }
                            th scope="col" { (words.figures) }
                        }
                    }
                    tbody { @for one in logged { (row(language, one)) } }
                }
            }
        }
    }
}

fn row(language: Language, logged: &Logged) -> Markup {
    let words = language.words();
    let run = &logged.run;
    let more = run.metrics.0.len().saturating_sub(METRICS_SHOWN);
    html! {
        tr data-run=(run.run_id) {
            td.when data-label=(words.when) {
                @if let Ok(at) = Timestamp::from_millisecond(run.start_ms) {
                    time datetime=(at) { (language.day(at)) span.time { " " (language.time(at)) } }
                }
            }
            td data-label=(words.experiment) { (logged.experiment) }
            td.what data-label=(words.run) {
                p { (run.name) }
                @if run.status != RunStatus::Finished { p.small { (run.status.name().to_lowercase()) } }
            }
            td data-label=(words.figures) {
                @for (name, value) in run.metrics.0.iter().take(METRICS_SHOWN) {
                    div.small { (name) ": " (language.number(*value, 4)) }
                }
                @if more > 0 { div.small { "+ " (more) } }
            }
        }
    }
}
