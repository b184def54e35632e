//! *Data*: what arrived, how clean it was, and how far it has moved: values apart from the share that is filled.

use std::collections::BTreeSet;
use std::sync::Arc;

use maud::{Markup, html};
use tasador_listing::drift::{Bin, distributions, psi, value_psi};
use tasador_listing::profile::{ColumnProfile, Profile};
use tasador_listing::quality::BatchReport;
use tasador_listing::schema::ColumnKind;
use tasador_registry::Outcome;
use tasador_runtime::config::GateLimits;

use crate::Site;
use crate::asked::View;
use crate::chart::{Bar, Bars, Pair, bars, legend, pairs};
use crate::columns::{Names as _, is_year};
use crate::facts::{self, log_failure};
use crate::language::{Language, PageLanguage as _};
use crate::layout::{empty, unavailable};
use crate::sections::withdrawn;

/// Columns whose drift is shown at once, those that moved most; the others are folded.
const COLUMNS_SHOWN: usize = 10;

/// The longest name of a batch on an axis.
const LABEL_CHARS: usize = 14;
/// As much of an id as tells batches of one page apart.
const ID_CHARS: usize = 6;

type Batch = (Outcome, Arc<BatchReport>);

/// The section.
pub(crate) async fn section(language: Language, site: &Site) -> Markup {
    let words = language.words();
    let ctx = site.pricing.context();
    let (batches, reference, withdrawn) = tokio::join!(
        Box::pin(facts::batches(site)),
        Box::pin(facts::reference(ctx)),
        ctx.registry.withdrawn(),
    );
    let withdrawn = log_failure("what was withdrawn", withdrawn).unwrap_or_default();
    let Some(batches) = batches else {
        return unavailable(language);
    };
    if batches.is_empty() {
        return html! { div.card { (empty(words.no_data, words.no_data_hint)) } };
    }
    let outcomes: Vec<&Outcome> = batches.iter().map(|(outcome, _)| outcome).collect();
    let labels = labels(language, &outcomes);
    html! {
        div.pair {
            (rows(language, &batches, &labels))
            (missing(language, &batches, &labels))
        }
        (drift(language, &batches, &labels, reference.as_ref(), &ctx.config.gate))
        (withdrawn::properties(language, &withdrawn.properties))
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
            (legend(&[("part0", words.rows_clean), ("part1", words.rows_duplicate), ("part2", words.rows_rejected)]))
            (bars(&Bars { name: words.rows_per_batch, whole: true, axis: &|value| short(language, value) }, &drawn))
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
            (bars(&Bars { name: words.missing_values, whole: false, axis: &|value| language.percent(value) }, &drawn))
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

/// How far something moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Steady,
    /// Worth a look.
    Amber,
    /// Far.
    Red,
}

impl Level {
    const fn class(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Amber => "amber",
            Self::Red => "red",
        }
    }

    /// Of values, by their PSI.
    fn of_values(psi: f64, limit: f64) -> Self {
        match psi {
            psi if psi >= limit => Self::Red,
            psi if psi >= limit / 2.0 => Self::Amber,
            _ => Self::Steady,
        }
    }

    /// Of the share that is filled: to lose half of it is far, to gain some is a change.
    fn of_filled(before: f64, after: f64) -> Self {
        match after - before {
            ..=-0.5 => Self::Red,
            change if change.abs() >= 0.1 => Self::Amber,
            _ => Self::Steady,
        }
    }
}

/// A column in one batch, compared with what the version in production learned from.
#[derive(Debug, Clone, PartialEq)]
struct Moved {
    /// The PSI of its values; `None` if they cannot be compared.
    values: Option<f64>,
    /// The share of rows with a value, 0 to 1.
    filled: f64,
    /// The PSI with missing values counted as one more bin: what the gate measures.
    both: Option<f64>,
    values_level: Level,
    filled_level: Level,
}

/// A column in each batch, the newest first.
struct Line<'r> {
    reference: &'r ColumnProfile,
    moved: Vec<Moved>,
}

impl Line<'_> {
    /// In the newest batch.
    fn latest(&self) -> Option<&Moved> {
        self.moved.first()
    }

    /// By which the worst column comes first.
    fn badness(&self) -> (Level, f64) {
        self.latest().map_or((Level::Steady, 0.0), |moved| {
            let level = moved.values_level.max(moved.filled_level);
            (level, moved.values.unwrap_or(0.0))
        })
    }
}

fn filled(column: &ColumnProfile) -> f64 {
    column.values as f64 / (column.values + column.nulls).max(1) as f64
}

fn drift(
    language: Language,
    batches: &[Batch],
    labels: &[String],
    reference: Option<&Profile>,
    limits: &GateLimits,
) -> Markup {
    let words = language.words();
    // The newest first.
    let batches: Vec<&Batch> = batches.iter().rev().collect();
    let labels: Vec<&String> = labels.iter().rev().collect();
    let lines = reference.map_or_else(Vec::new, |reference| lines(&batches, reference, limits));
    let (shown, others) = lines.split_at(lines.len().min(COLUMNS_SHOWN));
    html! {
        div.card {
            h2 { (words.drift) }
            p.hint { (words.drift_hint) }
            @if lines.is_empty() {
                p { (words.drift_none) }
            } @else {
                @if batches.first().is_some_and(|(_, report)| report.profile.rows < limits.psi_min_rows) {
                    p.hint { (words.drift_few_rows) }
                }
                (legend(&[("steady", words.drift_steady), ("amber", words.drift_amber), ("red", words.drift_red)]))
                @for line in shown { (column(language, line, &batches, &labels)) }
                @if !others.is_empty() {
                    details {
                        summary { (words.more_columns) " " span.count { (others.len()) } }
                        @for line in others { (column(language, line, &batches, &labels)) }
                    }
                }
            }
        }
    }
}

/// A column: how far it moved in the newest batch, and its two distributions behind it.
fn column(language: Language, line: &Line<'_>, batches: &[&Batch], labels: &[&String]) -> Markup {
    let words = language.words();
    let name = language.column(&line.reference.name);
    let before = filled(line.reference);
    let psi = |psi: Option<f64>| psi.map_or_else(|| "–".to_owned(), |psi| language.number(psi, 2));
    // The newest batch that has the column.
    let has_column = |(_, report): &&Batch| report.profile.column(&line.reference.name).is_some();
    let latest = batches.iter().position(has_column);
    html! {
        details.column {
            summary {
                span.name { (name) }
                @if let Some(moved) = line.latest() {
                    span.measure { span.muted { (words.values_shifted) " " } span class=(format!("value {}", moved.values_level.class())) { (psi(moved.values)) } }
                    span.measure {
                        span.muted { (words.filled) " " }
                        span class=(format!("value {}", moved.filled_level.class())) {
                            @if language.percent(before) == language.percent(moved.filled) { (language.percent(moved.filled)) }
                            @else { (language.percent_fixed(before)) " → " (language.percent_fixed(moved.filled)) }
                        }
                    }
                }
                span.cells aria-hidden="true" {
                    @for (moved, label) in line.moved.iter().zip(labels) {
                        span class=(format!("cell {}", moved.values_level.max(moved.filled_level).class())) title=(label) {}
                    }
                }
            }
            div.split {
                @if let Some((_, report)) = latest.and_then(|place| batches.get(place)) {
                    @if let Some(batch) = report.profile.column(&line.reference.name) {
                        div {
                            @let newest = match latest.and_then(|place| labels.get(place)) {
                                Some(label) => format!("{} ({label})", words.newest_batch),
                                None => words.newest_batch.to_owned(),
                            };
                            (legend(&[("side0", words.learned_from_values), ("side1", &newest)]))
                            (pairs(&format!("{}: {name}", words.drift), &bins(language, line.reference, batch)))
                        }
                    }
                }
                div.scroll tabindex="0" role="region" aria-label=(name) {
                    table.small {
                        thead { tr {
                            th scope="col" { (words.batch) } th.number scope="col" { (words.values_shifted) }
                            th.number scope="col" { (words.filled) } th.number scope="col" { (words.drift_both) }
                        } }
                        tbody {
                            @for ((moved, label), (outcome, _)) in line.moved.iter().zip(labels).zip(batches) {
                                @if let Some(batch) = outcome.batch {
                                    tr {
                                        th scope="row" { a href=(View::Batch(batch).address()) title=(title(language, outcome)) { (label) } }
                                        td.number { (psi(moved.values)) }
                                        td.number { (language.percent(moved.filled)) }
                                        td.number { (psi(moved.both)) }
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

/// The two distributions in bins with labels.
fn bins(language: Language, reference: &ColumnProfile, batch: &ColumnProfile) -> Vec<Pair> {
    let words = language.words();
    let number = |value: f64| match is_year(&reference.name) {
        true => format!("{value}"),
        false => language.number(value, 4),
    };
    distributions(reference, batch)
        .into_iter()
        .map(|(bin, before, after)| {
            let label = match bin {
                Bin::Value(value) => number(value),
                Bin::Range(low, high) => format!("{} – {}", number(low), number(high)),
                Bin::Category(name) => name,
                Bin::Others => words.others.to_owned(),
            };
            let (before_written, after_written) =
                (language.percent(before), language.percent(after));
            Pair {
                title: format!(
                    "{label}: {} {before_written}, {} {after_written}",
                    words.learned_from_values, words.newest_batch
                ),
                label: cut(&label),
                shares: [before, after],
            }
        })
        .collect()
}

/// As much of a label as stands beside the bars on a phone.
fn cut(label: &str) -> String {
    const CHARS: usize = 19;
    if label.chars().count() <= CHARS {
        return label.to_owned();
    }
    label.chars().take(CHARS - 1).collect::<String>() + "…"
}

/// How far each column moved in each batch, the column that moved most in the latest batch first.
/// Dates move on by nature, and codes name nothing that could drift.
fn lines<'r>(batches: &[&Batch], reference: &'r Profile, limits: &GateLimits) -> Vec<Line<'r>> {
    let moved = |column: &ColumnProfile, (_, report): &Batch| {
        // A column that is not there has no values.
        let found = report.profile.column(&column.name);
        let values = found.and_then(|found| value_psi(column, found));
        let both = found.and_then(|found| psi(column, found));
        let (before, after) = (filled(column), found.map_or(0.0, filled));
        // Of few rows chance alone makes a high PSI.
        let is_judged = report.profile.rows >= limits.psi_min_rows;
        let judged = |level| if is_judged { level } else { Level::Steady };
        Moved {
            values,
            filled: after,
            both,
            values_level: judged(
                values.map_or(Level::Steady, |psi| Level::of_values(psi, limits.psi_limit)),
            ),
            filled_level: judged(Level::of_filled(before, after)),
        }
    };
    let mut lines: Vec<Line<'_>> = reference
        .columns
        .iter()
        .filter(|column| !matches!(column.kind, ColumnKind::Date | ColumnKind::Code))
        .map(|column| Line {
            reference: column,
            moved: batches.iter().map(|batch| moved(column, batch)).collect(),
        })
        .collect();
    lines.sort_by(|a, b| {
        let ((a, a_psi), (b, b_psi)) = (a.badness(), b.badness());
        b.cmp(&a).then(b_psi.total_cmp(&a_psi))
    });
    lines
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
    fn values_and_filled_shares_are_judged_apart_and_the_worst_column_is_first() {
        let numbers = |name: &str, rows: u64, shift: f64, gap: u64| {
            let values: Vec<f64> = (0..rows)
                .map(|row| match row % 10 < gap {
                    true => f64::NAN,
                    false => (row * 37 % 1_000) as f64 + shift,
                })
                .collect();
            ColumnProfile::number(name, &values)
        };
        let profile = |rows, columns: &[(f64, u64)]| Profile {
            rows,
            columns: ["steady", "filled", "shifted", "lost"]
                .iter()
                .zip(columns)
                .map(|(name, (shift, gap))| numbers(name, rows, *shift, *gap))
                .collect(),
        };
        let reference = profile(2_000, &[(0.0, 0), (0.0, 3), (0.0, 0), (0.0, 0)]);
        let report = |profile: Profile| -> Arc<BatchReport> {
            let digest = "0".repeat(64);
            let quality = tasador_listing::quality::QualityReport::default();
            Arc::new(BatchReport {
                format: 1,
                clean_sha256: digest.parse().unwrap(),
                rejected_sha256: digest.parse().unwrap(),
                quality,
                profile,
            })
        };
        let batch = |rows, columns: &[(f64, u64)]| {
            let outcome = outcome("/data/may.csv", 5, "2026-11-27T08:15:00Z");
            (outcome, report(profile(rows, columns)))
        };
        let moved = [(0.0, 0), (0.0, 0), (400.0, 0), (0.0, 7)];
        let limits = tasador_runtime::Config::default().gate;
        let (large, small) = (batch(1_000, &moved), batch(100, &moved));
        let found = lines(&[&large, &small], &reference, &limits);
        let levels: Vec<_> = found
            .iter()
            .map(|line| {
                let moved = line.latest().unwrap();
                let name = line.reference.name.as_str();
                (name, moved.values_level, moved.filled_level)
            })
            .collect();
        let expected = [
            ("shifted", Level::Red, Level::Steady),
            ("lost", Level::Steady, Level::Red),
            ("filled", Level::Steady, Level::Amber),
            ("steady", Level::Steady, Level::Steady),
        ];
        assert_eq!(levels, expected);
        // A few rows are not judged.
        let of_small = found.iter().map(|line| &line.moved[1]);
        let mut levels = of_small.map(|it| it.values_level.max(it.filled_level));
        assert!(levels.all(|level| level == Level::Steady));

        // A column that is gone has lost all of its values.
        let (gone, report) = batch(1_000, &moved);
        let mut report = (*report).clone();
        report
            .profile
            .columns
            .retain(|column| column.name != "steady");
        let gone = (gone, Arc::new(report));
        let found = lines(&[&gone], &reference, &limits);
        let steady = found.iter().find(|line| line.reference.name == "steady");
        let moved = steady.and_then(Line::latest).unwrap();
        assert_eq!((moved.values, moved.filled_level), (None, Level::Red));
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
