//! *Data*: what arrived, how clean it was, and how far it has moved.

use std::collections::BTreeSet;
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

/// The longest name of a batch on an axis.
const LABEL_CHARS: usize = 14;
/// As much of an id as tells batches of one page apart.
const ID_CHARS: usize = 6;

type Batch = (Outcome, Arc<BatchReport>);

/// The section.
pub(crate) fn section(language: Language, facts: &Facts) -> Section {
    let words = language.words();
    let body = if facts.history.is_none() {
        unavailable(language)
    } else if facts.batches.is_empty() {
        html! { div.card { (empty(words.no_data, words.no_data_hint)) } }
    } else {
        let outcomes: Vec<&Outcome> = facts.batches.iter().map(|(outcome, _)| outcome).collect();
        let labels = labels(language, &outcomes);
        html! {
            div.pair {
                (rows(language, &facts.batches, &labels))
                (missing(language, &facts.batches, &labels))
            }
            (drift(language, &facts.batches, &labels, facts.reference.as_ref()))
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

/// What tells batches apart, short enough for an axis: their files, the months of their data, the day or time
/// of their outcomes, whichever is different for each; or else the beginning of their ids.
fn labels(language: Language, outcomes: &[&Outcome]) -> Vec<String> {
    let each = |label: &dyn Fn(&Outcome) -> Option<String>| {
        let labels: Option<Vec<String>> = outcomes.iter().map(|outcome| label(outcome)).collect();
        labels.filter(|labels| labels.iter().collect::<BTreeSet<_>>().len() == labels.len())
    };
    let file = |outcome: &Outcome| {
        let name = outcome.batch_name()?;
        let stem = name.split_once('.').map_or(&*name, |(stem, _)| stem);
        let cut = stem.chars().take(LABEL_CHARS).collect::<String>();
        Some(if cut.len() < stem.len() {
            cut + "…"
        } else {
            cut
        })
    };
    let month = |outcome: &Outcome| {
        let last = outcome.period?.last;
        Some(format!("{}-{:02}", last.year(), last.month()))
    };
    let day = |outcome: &Outcome| {
        let day = language.day(outcome.recorded_at);
        let short = day.rsplit_once(' ').map(|(short, _)| short.to_owned());
        Some(short.unwrap_or(day))
    };
    let is_one_day = outcomes
        .iter()
        .all(|outcome| day(outcome) == outcomes.first().and_then(|first| day(first)));
    let time = |outcome: &Outcome| is_one_day.then(|| language.time(outcome.recorded_at));
    let id = |outcome: &Outcome| {
        let id = outcome.batch?.short();
        Some(id.get(..ID_CHARS).unwrap_or(&id).to_owned())
    };
    each(&file)
        .or_else(|| each(&month))
        .or_else(|| each(&day))
        .or_else(|| each(&time))
        .unwrap_or_else(|| {
            let ids = outcomes.iter().map(|outcome| id(outcome));
            ids.map(Option::unwrap_or_default).collect()
        })
}

/// A batch in full, for a tooltip.
fn title(language: Language, outcome: &Outcome) -> String {
    let (day, time) = (
        language.day(outcome.recorded_at),
        language.time(outcome.recorded_at),
    );
    match outcome.batch_name() {
        Some(name) => format!("{name}, {day} {time}"),
        None => format!("{day} {time}"),
    }
}

fn rows(language: Language, batches: &[Batch], labels: &[String]) -> Markup {
    let words = language.words();
    let drawn: Vec<Bar> = batches
        .iter()
        .zip(labels)
        .filter_map(|((outcome, _), label)| {
            let rows = outcome.rows?;
            Some(Bar {
                label: label.clone(),
                parts: [
                    rows.clean as f64,
                    rows.duplicates as f64,
                    rows.rejected as f64,
                ],
                title: format!(
                    "{}: {} {}, {} {}, {} {}",
                    title(language, outcome),
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

fn missing(language: Language, batches: &[Batch], labels: &[String]) -> Markup {
    let words = language.words();
    let drawn: Vec<Bar> = batches
        .iter()
        .zip(labels)
        .map(|((outcome, report), label)| {
            let share = missing_share(&report.profile);
            Bar {
                label: label.clone(),
                parts: [0.0, share, 0.0],
                title: format!("{}: {}", title(language, outcome), language.percent(share)),
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

fn drift(
    language: Language,
    batches: &[Batch],
    labels: &[String],
    reference: Option<&Profile>,
) -> Markup {
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
                                @for ((outcome, _), label) in batches.iter().zip(labels) {
                                    th.number scope="col" title=(title(language, outcome)) { (label) }
                                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outcome(source: &str, month: u8, at: &str) -> Outcome {
        let day = format!("2014-{month:02}-20");
        serde_json::from_value(json!({
            "run": "run", "kind": "skipped", "sentence": "", "batch": "0".repeat(64), "source": source,
            "period": {"first": "2014-01-01", "last": day}, "promoted": false, "model": "Model",
            "started_at": at, "recorded_at": at, "duration_ms": 1,
        }))
        .unwrap()
    }

    #[test]
    fn batches_of_one_minute_have_different_names() {
        let morning = "2026-11-27T08:15:00Z";
        let table = [
            (
                [
                    outcome("/data/april.csv", 4, morning),
                    outcome("/data/a very long name of a file.csv", 4, morning),
                ],
                ["april", "a very long na…"],
            ),
            (
                [
                    outcome("http://127.0.0.1/data", 4, morning),
                    outcome("http://127.0.0.1/data", 5, morning),
                ],
                ["2014-04", "2014-05"],
            ),
            (
                [
                    outcome("http://127.0.0.1/data", 4, morning),
                    outcome("http://127.0.0.1/data", 4, "2026-11-28T08:15:00Z"),
                ],
                ["27 Nov", "28 Nov"],
            ),
            (
                [
                    outcome("http://127.0.0.1/data", 4, morning),
                    outcome("http://127.0.0.1/data", 4, "2026-11-27T09:15:00Z"),
                ],
                ["08:15", "09:15"],
            ),
            (
                [
                    outcome("http://127.0.0.1/data", 4, morning),
                    outcome("http://127.0.0.1/data", 4, morning),
                ],
                ["000000", "000000"],
            ),
        ];
        for (outcomes, names) in table {
            let outcomes: Vec<&Outcome> = outcomes.iter().collect();
            assert_eq!(labels(Language::English, &outcomes), names);
        }
    }
}
