//! The history as a table for people.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use serde_json::Value;
use tasador_flow::Language::English;

/// Width where standard output has none.
const WIDTH: u16 = 140;

/// Outcomes, as `GET /history` gives them, as a table as wide as the terminal: one line each, in
/// the order given. `name` gives what a batch is called; by default that is the beginning of its id.
pub fn history(outcomes: &[Value], name: impl Fn(&str) -> Option<String>) -> String {
    history_within(width(), outcomes, name)
}

fn history_within(width: u16, outcomes: &[Value], name: impl Fn(&str) -> Option<String>) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
    let header = [
        "batch",
        "rows",
        "decision",
        "champion MAE",
        "challenger MAE",
        "why",
    ];
    table.set_header(header.map(Cell::new));
    for column in [1, 3, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for outcome in outcomes {
        let text = |field: &str| outcome.get(field).and_then(Value::as_str);
        let batch = text("batch").map_or_else(
            || "–".to_owned(),
            |batch| name(batch).unwrap_or_else(|| batch.get(..12).unwrap_or(batch).to_owned()),
        );
        let rows = outcome.pointer("/rows/raw").and_then(Value::as_u64);
        table.add_row([
            batch,
            rows.map_or_else(|| "–".to_owned(), |rows| English.count(rows)),
            text("kind")
                .or_else(|| text("outcome"))
                .unwrap_or("?")
                .replace('_', " "),
            dollars(outcome, "/champion/metrics/mae"),
            challenger(outcome),
            text("sentence").unwrap_or_default().to_owned(),
        ]);
    }
    table.to_string()
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
    amount.map_or_else(|| "–".to_owned(), |amount| English.money(amount))
}

/// Columns of the terminal as the shell says, within reason.
fn width() -> u16 {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok())
        .unwrap_or(WIDTH)
        .clamp(80, 220)
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
                "champion": {"metrics": {"mae": 120000.4}}, "challenger": {"metrics": {"mae": 98000.0}}, "change_percent": {"mae": -18.3},
            }),
            json!({"kind": "nothing_new", "sentence": "The source has no more."}),
        ];
        let text = history_within(WIDTH, &outcomes, |_| None);
        for part in [
            "0123456789ab",
            "1,768",
            "promoted",
            "$120,000",
            "$98,000 (\u{2212}18.3%)",
            "Version 2 is better.",
            "nothing new",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        let named = history_within(WIDTH, &outcomes, |_| Some("2014-05".to_owned()));
        assert!(named.contains("2014-05"));
    }
}
