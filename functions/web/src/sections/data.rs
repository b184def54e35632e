//! *Data*: what arrived, how clean it was, and how far it has moved.

use std::sync::Arc;

use maud::{Markup, html};
use tasador_listing::drift::psi;
use tasador_listing::profile::Profile;
use tasador_listing::quality::BatchReport;
use tasador_listing::schema::ColumnKind;
use tasador_registry::Outcome;

use crate::chart::{Bar, Bars, bars};
use crate::columns::Names as _;
use crate::facts::Facts;
use crate::language::{Language, PageLanguage as _};
use crate::layout::{Section, empty, unavailable};

/// Columns whose drift is shown, those that drifted most.
const COLUMNS_SHOWN: usize = 14;

type Batch = (Outcome, Arc<BatchReport>);

/// The section.
pub(crate) fn section(language: Language, facts: &Facts) -> Section {
    let words = language.words();
    let body = if facts.history.is_none() {
        unavailable(language)
    } else if facts.batches.is_empty() {
        html! { div.card { (empty(words.no_data, words.no_data_hint)) } }
    } else {
        html! {
            div.pair {
                (rows(language, &facts.batches))
                (missing(language, &facts.batches))
            }
            (drift(language, &facts.batches, facts.reference.as_ref()))
        }
    };
    Section {
        id: "data",
        title: words.data,
        heading: words.data,
        lead: words.data_lead,
        body,
    }
}

/// A batch by the day and time it arrived, short enough for an axis.
fn label(language: Language, outcome: &Outcome, all: &[Batch]) -> String {
    let day = |outcome: &Outcome| language.day(outcome.recorded_at);
    let is_one_day = all.iter().all(|(other, _)| day(other) == day(outcome));
    if is_one_day {
        language.time(outcome.recorded_at)
    } else {
        let day = day(outcome);
        day.rsplit_once(' ')
            .map_or(day.clone(), |(day, _)| day.to_owned())
    }
}

fn rows(language: Language, batches: &[Batch]) -> Markup {
    let words = language.words();
    let drawn: Vec<Bar> = batches
        .iter()
        .filter_map(|(outcome, _)| {
            let rows = outcome.rows?;
            Some(Bar {
                label: label(language, outcome, batches),
                parts: [
                    rows.clean as f64,
                    rows.duplicates as f64,
                    rows.rejected as f64,
                ],
                title: format!(
                    "{} {}: {} {}, {} {}, {} {}",
                    language.day(outcome.recorded_at),
                    language.time(outcome.recorded_at),
                    language.count(rows.clean),
                    words.rows_clean,
                    language.count(rows.duplicates),
                    words.rows_duplicate,
                    language.count(rows.rejected),
                    words.rows_rejected
                ),
            })
        })
        .collect();
    html! {
        div.card {
            h2 { (words.rows_per_batch) }
            p.legend {
                span.key.part0 {} (words.rows_clean) " "
                span.key.part1 {} (words.rows_duplicate) " "
                span.key.part2 {} (words.rows_rejected)
            }
            (bars(&Bars { name: words.rows_per_batch, axis: &|value| short(language, value) }, &drawn))
        }
    }
}

fn short(language: Language, count: f64) -> String {
    if count >= 10_000.0 {
        format!("{}k", language.number(count / 1e3, 0))
    } else {
        language.number(count, 0)
    }
}

fn missing(language: Language, batches: &[Batch]) -> Markup {
    let words = language.words();
    let drawn: Vec<Bar> = batches
        .iter()
        .map(|(outcome, report)| {
            let share = missing_share(&report.profile);
            Bar {
                label: label(language, outcome, batches),
                parts: [0.0, share, 0.0],
                title: format!(
                    "{} {}: {}",
                    language.day(outcome.recorded_at),
                    language.time(outcome.recorded_at),
                    language.percent(share)
                ),
            }
        })
        .collect();
    html! {
        div.card {
            h2 { (words.missing_values) }
            p.hint { (words.missing_hint) }
            (bars(&Bars { name: words.missing_values, axis: &|value| language.percent(value) }, &drawn))
        }
    }
}

/// The share of cells of a batch that are empty, 0 to 1.
fn missing_share(profile: &Profile) -> f64 {
    let cells = profile.rows as f64 * profile.columns.len() as f64;
    let nulls: u64 = profile.columns.iter().map(|column| column.nulls).sum();
    if cells > 0.0 {
        nulls as f64 / cells
    } else {
        0.0
    }
}

fn drift(language: Language, batches: &[Batch], reference: Option<&Profile>) -> Markup {
    let words = language.words();
    let lines = reference.map_or_else(Vec::new, |reference| drifts(batches, reference));
    html! {
        div.card {
            h2 { (words.drift) }
            p.hint { (words.drift_hint) }
            @if lines.is_empty() {
                p { (words.drift_none) }
            } @else {
                div.scroll tabindex="0" role="region" aria-label=(words.drift) {
                    table.heat {
                        thead {
                            tr {
                                th scope="col" { (words.column) }
                                @for (outcome, _) in batches { th.number scope="col" { (label(language, outcome, batches)) } }
                            }
                        }
                        tbody {
                            @for (column, values) in &lines {
                                tr {
                                    th scope="row" { (language.column(column)) }
                                    @for value in values {
                                        @match value {
                                            Some(value) => td class=(format!("level{}", level(*value))) { (language.number(*value, 2)) },
                                            None => td.none { "–" },
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The PSI of each column in each batch, the columns that drifted most in the latest batch first.
/// Dates move on by nature, and codes name nothing that could drift.
fn drifts<'r>(batches: &[Batch], reference: &'r Profile) -> Vec<(&'r str, Vec<Option<f64>>)> {
    let mut lines: Vec<(&str, Vec<Option<f64>>)> = reference
        .columns
        .iter()
        .filter(|column| !matches!(column.kind, ColumnKind::Date | ColumnKind::Code))
        .map(|column| {
            let of = |(_, report): &Batch| psi(column, report.profile.column(&column.name)?);
            (column.name.as_str(), batches.iter().map(of).collect())
        })
        .collect();
    lines.retain(|(_, values): &(&str, Vec<Option<f64>>)| values.iter().any(Option::is_some));
    let latest =
        |values: &[Option<f64>]| values.iter().rev().flatten().next().copied().unwrap_or(0.0);
    lines.sort_by(|a, b| latest(&b.1).total_cmp(&latest(&a.1)));
    lines.truncate(COLUMNS_SHOWN);
    lines
}

/// How strong a drift is, from 0 (none) to 4.
fn level(psi: f64) -> u8 {
    match psi {
        ..0.05 => 0,
        ..0.1 => 1,
        ..0.2 => 2,
        ..0.5 => 3,
        _ => 4,
    }
}
