//! The history as a table for people.

use std::collections::BTreeSet;

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use jiff::Timestamp;
use serde_json::Value;
use tasador_flow::Language::English;
use tasador_flow::source_name;

use crate::console;

/// Width where standard output has none.
const WIDTH: u16 = 140;
/// From this width on, the errors of both models have columns.
const WITH_ERRORS: u16 = 110;
/// From this width on, everything has.
const WITH_ALL: u16 = 140;
/// Lines under the head and around the table, none between rows.
const RULES: &str = "  ── ══      ──    ";
/// The longest name of a source in a narrow table.
const SOURCE_CHARS: usize = 14;

/// Where an outcome has no value.
const NONE: &str = "–";

/// What a column shows of an outcome.
type Shown<'a> = Box<dyn Fn(&Value) -> String + 'a>;

/// Outcomes, as `GET /history` gives them, as a table as wide as the terminal, in the order given; a narrow
/// terminal gets fewer columns, and a source that all have stands above. Columns without any value are left out.
/// `name` gives what a batch is called; by default that is its source.
pub fn history(outcomes: &[Value], name: impl Fn(&str) -> Option<String>) -> String {
    let width = console::width().unwrap_or(WIDTH).clamp(80, 220);
    history_within(width, outcomes, name)
}

fn history_within(width: u16, outcomes: &[Value], name: impl Fn(&str) -> Option<String>) -> String {
    let sources: BTreeSet<String> = outcomes
        .iter()
        .map(|outcome| source(outcome, &name))
        .filter(|source| source != NONE)
        .collect();
    let common = sources
        .first()
        .filter(|_| outcomes.len() > 1 && sources.len() == 1);
    // Then the dates tell batches apart.
    let (with_source, with_dates) = match common {
        Some(_) => (u16::MAX, 0),
        None => (0, WITH_ALL),
    };
    let source = |outcome: &Value| {
        let source = source(outcome, &name);
        if width >= WITH_ERRORS || source.chars().count() <= SOURCE_CHARS {
            return source;
        }
        source.chars().take(SOURCE_CHARS - 1).collect::<String>() + "…"
    };
    let rows = |outcome: &Value| {
        let rows = outcome.pointer("/rows/raw").and_then(Value::as_u64);
        let rejected = outcome.pointer("/rows/rejected").and_then(Value::as_u64);
        let rejected = rejected.filter(|rows| *rows > 0);
        let rejected = rejected.map_or_else(String::new, |rows| {
            format!("\n{} rejected", English.count(rows))
        });
        rows.map_or_else(|| NONE.to_owned(), |rows| English.count(rows) + &rejected)
    };
    // Title, the width from which on it is shown, and whether it is a number.
    let columns: [(&str, u16, bool, Shown<'_>); 10] = [
        ("arrived", 0, false, Box::new(arrived)),
        ("source", with_source, false, Box::new(source)),
        ("batch", WITH_ALL, false, Box::new(batch)),
        ("dates", with_dates, false, Box::new(dates)),
        ("rows", 0, true, Box::new(rows)),
        ("notices", WITH_ALL, true, Box::new(notices)),
        ("decision", 0, false, Box::new(decision)),
        (
            "champion MAE",
            WITH_ERRORS,
            true,
            Box::new(|outcome: &Value| dollars(outcome, "/champion/metrics/mae")),
        ),
        ("challenger MAE", WITH_ERRORS, true, Box::new(challenger)),
        ("why", 0, false, Box::new(sentences)),
    ];
    let shown: Vec<_> = columns
        .iter()
        .filter(|(_, from, _, show)| {
            let is_value = |shown: String| !shown.is_empty() && shown != NONE;
            width >= *from && outcomes.iter().any(|outcome| is_value(show(outcome)))
        })
        .collect();
    let mut table = Table::new();
    table
        .load_preset(RULES)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
    table.set_header(shown.iter().map(|(title, ..)| Cell::new(title)));
    for (place, (_, _, is_number, _)) in shown.iter().enumerate() {
        if let Some(column) = table.column_mut(place).filter(|_| *is_number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for outcome in outcomes {
        table.add_row(shown.iter().map(|(.., show)| show(outcome)));
    }
    match common {
        Some(source) => format!("Source: {source}\n{table}"),
        None => table.to_string(),
    }
}

fn text<'o>(outcome: &'o Value, field: &str) -> Option<&'o str> {
    outcome.get(field).and_then(Value::as_str)
}

/// The beginning of a batch's id.
fn batch(outcome: &Value) -> String {
    let batch = text(outcome, "batch").unwrap_or(NONE);
    batch.get(..12).unwrap_or(batch).to_owned()
}

/// What a batch is called: as `name` says, else after its source.
fn source(outcome: &Value, name: impl Fn(&str) -> Option<String>) -> String {
    let named = text(outcome, "batch").and_then(name);
    let source = || text(outcome, "source").map(source_name);
    named.or_else(source).unwrap_or_else(|| NONE.to_owned())
}

/// The decision, and what a person decided since.
fn decision(outcome: &Value) -> String {
    let decision = text(outcome, "kind").or_else(|| text(outcome, "outcome"));
    let decided = match outcome.pointer("/decided/action").and_then(Value::as_str) {
        Some("release") => "\nreleased",
        Some("discard") => "\ndiscarded",
        Some("withdraw") => "\nwithdrawn",
        _ => "",
    };
    decision.unwrap_or("?").replace('_', " ") + decided
}

/// When a batch arrived: day and time, UTC.
fn arrived(outcome: &Value) -> String {
    let at = outcome.get("received_at").and_then(Value::as_str);
    let at: Option<Timestamp> = at.and_then(|at| at.parse().ok());
    at.map_or_else(
        || NONE.to_owned(),
        |at| format!("{}\n{}", English.day(at), English.time(at)),
    )
}

/// The days that the dates of a batch span.
fn dates(outcome: &Value) -> String {
    let day = |end: &str| outcome.pointer(end).and_then(Value::as_str);
    match (day("/period/first"), day("/period/last")) {
        (Some(first), Some(last)) if first == last => first.to_owned(),
        (Some(first), Some(last)) => format!("{first}\n{last}"),
        _ => NONE.to_owned(),
    }
}

/// What happened, and what a person should know of the batch.
fn sentences(outcome: &Value) -> String {
    let notices = outcome.get("notices").and_then(Value::as_array);
    let notices = notices.into_iter().flatten();
    let sentences = std::iter::once(outcome).chain(notices);
    let sentences = sentences.filter_map(|said| text(said, "sentence"));
    sentences.collect::<Vec<&str>>().join(" ")
}

/// How many sentences say what was recognised of the columns; `tasador batch show` has them.
fn notices(outcome: &Value) -> String {
    let notices = outcome.get("recognised").and_then(Value::as_array);
    notices.map_or_else(String::new, |notices| English.count(notices.len() as u64))
}

/// The challenger's error, and how much that is against the champion's.
fn challenger(outcome: &Value) -> String {
    let change = outcome
        .pointer("/change_percent/mae")
        .and_then(Value::as_f64);
    let change = change.map_or_else(String::new, |percent| {
        format!(" ({})", English.percent_change(percent / 100.0))
    });
    dollars(outcome, "/challenger/metrics/mae") + &change
}

fn dollars(outcome: &Value, pointer: &str) -> String {
    let amount = outcome.pointer(pointer).and_then(Value::as_f64);
    amount.map_or_else(|| NONE.to_owned(), |amount| English.money(amount))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_says_what_was_decided_and_why() {
        let outcomes = [
            json!({
                "batch": "0123456789abcdef", "kind": "promoted", "sentence": "Version 2 is better.", "rows": {"raw": 1768},
                "notices": [{"code": "columns_absent", "columns": ["bath"], "sentence": "The batch has no column “bath”."}],
                "source": "/data/may.csv", "received_at": "2026-11-27T08:15:00Z", "period": {"first": "2014-05-02", "last": "2014-05-31"},
                "decided": {"action": "withdraw"},
                "champion": {"metrics": {"mae": 120000.4}}, "challenger": {"metrics": {"mae": 98000.0}}, "change_percent": {"mae": -18.3},
            }),
            json!({"kind": "nothing_new", "sentence": "The source has no more."}),
        ];
        let text = history_within(WIDTH, &outcomes, |_| None);
        for part in [
            "0123456789ab",
            "may.csv",
            "27 Nov 2026",
            "08:15",
            "2014-05-02",
            "2014-05-31",
            "withdrawn",
            "1,768",
            "promoted",
            "$120,000",
            "$98,000 (\u{2212}18.3%)",
            "Version 2 is better.",
            "column “bath”.",
            "nothing new",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        let named = history_within(WIDTH, &outcomes, |_| Some("2014-05".to_owned()));
        assert!(named.contains("2014-05"));
    }

    #[test]
    fn a_source_that_all_have_stands_above_and_leaves_its_place_to_the_dates() {
        let of = |source: &str, month: &str| {
            json!({
                "kind": "skipped", "sentence": "Too few rows.", "source": source, "rows": {"raw": 7},
                "received_at": "2026-11-27T08:15:00Z",
                "period": {"first": format!("{month}-01"), "last": format!("{month}-30")},
            })
        };
        let one = [
            of("http://host/data", "2014-05"),
            of("http://host/data", "2014-06"),
        ];
        let text = history_within(80, &one, |_| None);
        assert!(text.starts_with("Source: host/data\n"), "{text}");
        assert_eq!(text.matches("host").count(), 1, "{text}");
        assert!(text.contains("2014-06-30"), "{text}");
        // No batch has a notice or an error.
        for title in ["notices", "champion", "challenger"] {
            let wide = history_within(200, &one, |_| None);
            assert!(!wide.contains(title), "{title} is in\n{wide}");
        }
        let two = [
            of("/data/may.csv", "2014-05"),
            of("/data/june.csv", "2014-06"),
        ];
        let text = history_within(80, &two, |_| None);
        assert!(
            text.contains("may.csv") && text.contains("june.csv"),
            "{text}"
        );
        assert!(
            !text.contains("Source:") && !text.contains("2014-05"),
            "{text}"
        );
    }

    #[test]
    fn a_table_keeps_to_the_width_and_has_no_rules_between_rows() {
        let outcome = json!({
            "batch": "0123456789abcdef", "kind": "rejected", "rows": {"raw": 1768}, "source": "/data/sales of may.csv",
            "sentence": "Version 2 was trained but not promoted: the average error is 0.6% lower; at least 3% required.",
            "received_at": "2026-11-27T08:15:00Z", "champion": {"metrics": {"mae": 120000.4}},
            "challenger": {"metrics": {"mae": 98000.0}},
        });
        let outcomes = vec![outcome; 3];
        for (width, has_errors, has_ids) in
            [(80, false, false), (120, true, false), (200, true, true)]
        {
            let text = history_within(width, &outcomes, |_| None);
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(usize::from(width)), "{widest:?}\n{text}");
            let rules = text
                .lines()
                .filter(|line| line.contains('─') || line.contains('═'));
            assert_eq!(rules.count(), 3, "{text}");
            assert_eq!(text.contains("$120,000"), has_errors, "{text}");
            assert_eq!(text.contains("0123456789ab"), has_ids, "{text}");
            for part in ["27 Nov 2026", "sales of may", "rejected", "1,768"] {
                assert!(text.contains(part), "{part} is not in\n{text}");
            }
        }
    }
}
