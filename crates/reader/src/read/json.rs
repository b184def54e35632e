//! JSON: a list of rows, an object with such a list, or one row per line.
//!
//! Rows are read from the text directly into columns, without a tree of the document. An object
//! within a row is flattened (`{"address": {"city": …}}` is the column `address.city`), a list within
//! a row is kept as JSON text, and `{}` within a row is ignored.

mod rows;

use std::fmt;

use serde::de::{
    self, DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use tasador_listing::schema::MAX_DEPTH;

use super::broken::{Broken, Fault, MAX_CELL_BYTES, MAX_ROW_BYTES};
use super::lines::Lines;
use super::table::TableBuilder;
use super::{Raw, ReadError, without_mark};

/// Reads JSON of either kind, whichever the text is: one row per line, or one document.
pub(super) fn read(bytes: &[u8], lines_expected: bool) -> Result<Raw, ReadError> {
    let text = without_mark(bytes).trim_ascii_start();
    let is_lines = match text.first() {
        Some(b'[') => false,
        Some(b'{') => lines_expected || is_lines(text),
        _ => lines_expected,
    };
    if is_lines {
        read_lines(bytes)
    } else {
        read_document(bytes)
    }
}

/// Whether the first line is an object and the next one begins like another.
fn is_lines(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    let Some(first) = lines.next().filter(|line| line.len() <= MAX_ROW_BYTES) else {
        return false;
    };
    let next = lines.find(|line| !line.trim_ascii().is_empty());
    next.is_some_and(|line| line.trim_ascii_start().starts_with(b"{"))
        && serde_json::from_slice::<serde_json::Map<_, _>>(first).is_ok()
}

/// Reads a list of rows, or an object with the list in `data`.
fn read_document(bytes: &[u8]) -> Result<Raw, ReadError> {
    let mut table = TableBuilder::default();
    let text = without_mark(bytes);
    let mut json = serde_json::Deserializer::from_slice(text);
    let found = json
        .deserialize_any(Document { table: &mut table })
        .and_then(|found| json.end().map(|()| found));
    if let Some(full) = table.take_full() {
        return Err(full);
    }
    match found {
        Ok(Found::Rows) => table.finish(Vec::new()),
        Ok(Found::Nothing) => Err(ReadError::NoRows),
        Err(error) => match rows::recover(text)? {
            Some(raw) => Ok(raw),
            None => Err(explain(&error)),
        },
    }
}

/// Reads one row per line; blank lines are skipped.
pub(super) fn read_lines(bytes: &[u8]) -> Result<Raw, ReadError> {
    let text = without_mark(bytes);
    let mut table = TableBuilder::default();
    let mut broken = Broken::default();
    let mut lines = Lines::default();
    let (mut start, mut number) = (0, 0);
    for line in text.split(|byte| *byte == b'\n') {
        let range = start..start + line.len();
        start = range.end + 1;
        number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        match read_row(&mut table, line) {
            Ok(()) => {
                table.end_row()?;
                lines.add(number as u64);
            }
            Err(RowError::Broken(fault)) => {
                broken.add(number, range, fault);
                table.drop_row()?;
            }
            Err(RowError::Table(error)) => return Err(error),
        }
    }
    let broken = broken.finish(text, table.rows())?;
    let raw = table.finish(broken)?;
    Ok(Raw { lines, ..raw })
}

/// Why a row ended early.
enum RowError {
    Broken(Fault),
    /// The table is full.
    Table(ReadError),
}

fn read_row(table: &mut TableBuilder, text: &[u8]) -> Result<(), RowError> {
    if text.len() > MAX_ROW_BYTES {
        return Err(RowError::Broken(Fault::RowTooLong));
    }
    let mut json = serde_json::Deserializer::from_slice(text);
    let read = Row {
        table,
        prefix: "",
        depth: 0,
    }
    .deserialize(&mut json)
    .and_then(|()| json.end());
    if let Some(full) = table.take_full() {
        return Err(RowError::Table(full));
    }
    read.map_err(|error| {
        RowError::Broken(if table.take_long() {
            Fault::CellTooLong
        } else {
            fault_of(text, &error)
        })
    })
}

/// The error in our wording.
fn explain(error: &serde_json::Error) -> ReadError {
    let line = error.line().max(1);
    let column = error.column();
    if error.is_eof() {
        return ReadError::JsonCutOff { line, column };
    }
    ReadError::Json {
        reason: message_of(error).to_owned(),
        line,
        column,
    }
}

/// What the library's messages begin with or contain, and what it means in our words.
const MESSAGES: [(&str, &str); 18] = [
    ("EOF", "the text ends in the middle of a value"),
    ("`data` occurs twice", "`data` occurs twice"),
    ("expected a row as an object", "a row is not an object"),
    ("expected a list of rows", "there is no list of rows here"),
    ("expected `,`", "a comma or a closing bracket is missing"),
    ("expected `:`", "a colon is missing"),
    ("expected value", "a value is missing"),
    (
        "expected ident",
        "a word other than true, false and null; quote text",
    ),
    ("expected `\"`", "a quote is missing"),
    ("key must be a string", "a name without quotes"),
    (
        "control character",
        "a line break or tab within quotes; write \\n or \\t",
    ),
    ("escape", "a backslash that begins no escape; double it"),
    ("surrogate", "half of a character written as \\u"),
    ("number", "a number that is not written as JSON demands"),
    ("trailing comma", "a comma before a closing bracket"),
    ("trailing characters", "text after the end of the value"),
    (
        "recursion limit",
        "brackets within brackets to too many levels",
    ),
    ("unicode", "bytes that are not UTF-8"),
];

/// The library's message in our words.
fn message_of(error: &serde_json::Error) -> &'static str {
    let message = error.to_string();
    let known = MESSAGES.iter().find(|(part, _)| message.contains(part));
    known.map_or("this is not JSON", |(_, ours)| ours)
}

/// What is wrong with the text of one row.
fn fault_of(text: &[u8], error: &serde_json::Error) -> Fault {
    if let Err(error) = std::str::from_utf8(text) {
        return Fault::not_text(text, error);
    }
    if error.line() != 1 {
        return Fault::Json(message_of(error).to_owned());
    }
    let column = error.column();
    let near = text.get(column.saturating_sub(2)..).unwrap_or_default();
    let near = near.get(..near.len().min(10)).unwrap_or_default();
    for token in ["NaN", "Infinity"] {
        if near
            .windows(token.len())
            .any(|part| part == token.as_bytes())
        {
            return Fault::Json(format!("{token} is not JSON; write null"));
        }
    }
    Fault::Json(format!("{} at column {column}", message_of(error)))
}

enum Found {
    Rows,
    Nothing,
}

struct Document<'t> {
    table: &'t mut TableBuilder,
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows, or an object with the list in `data`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, rows: A) -> Result<Found, A::Error> {
        Rows { table: self.table }.visit_seq(rows)?;
        Ok(Found::Rows)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let mut found = Found::Nothing;
        while let Some(is_data) = map.next_key_seed(IsData)? {
            if !is_data {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if matches!(found, Found::Rows) {
                return Err(de::Error::custom("`data` occurs twice"));
            }
            map.next_value_seed(Rows { table: self.table })?;
            found = Found::Rows;
        }
        Ok(found)
    }
}

/// Whether a key is `data`.
struct IsData;

impl<'de> DeserializeSeed<'de> for IsData {
    type Value = bool;
    fn deserialize<D: de::Deserializer<'de>>(self, key: D) -> Result<bool, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for IsData {
    type Value = bool;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == "data")
    }
}

struct Rows<'t> {
    table: &'t mut TableBuilder,
}

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = ();
    fn deserialize<D: de::Deserializer<'de>>(self, rows: D) -> Result<(), D::Error> {
        rows.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows
            .next_element_seed(Row {
                table: self.table,
                prefix: "",
                depth: 0,
            })?
            .is_some()
        {
            self.table.end_row_or_stop().map_err(de::Error::custom)?;
        }
        Ok(())
    }
}

/// A row, or a nested object whose keys get a prefix.
struct Row<'t> {
    table: &'t mut TableBuilder,
    prefix: &'t str,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();
    fn deserialize<D: de::Deserializer<'de>>(self, row: D) -> Result<(), D::Error> {
        row.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row as an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key {
            table: self.table,
            prefix: self.prefix,
        })? {
            let value: &RawValue = map.next_value()?;
            put(self.table, key, value.get(), self.depth).map_err(de::Error::custom)?;
        }
        Ok(())
    }
}

/// The name of a column: known by its index, or new.
enum Name {
    Known(usize),
    New(String),
}

struct Key<'t> {
    table: &'t mut TableBuilder,
    prefix: &'t str,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Name;
    fn deserialize<D: de::Deserializer<'de>>(self, key: D) -> Result<Name, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Name, E> {
        if self.prefix.is_empty() {
            return Ok(match self.table.find(key) {
                Some(column) => Name::Known(column),
                None => Name::New(key.to_owned()),
            });
        }
        let name = format!("{}.{key}", self.prefix);
        Ok(match self.table.find(&name) {
            Some(column) => Name::Known(column),
            None => Name::New(name),
        })
    }
}

/// Adds one value, given as JSON text, to the current row.
fn put(table: &mut TableBuilder, name: Name, json: &str, depth: usize) -> Result<(), String> {
    if json.len() > MAX_CELL_BYTES && !json.starts_with('{') {
        return Err(table.cell_too_long());
    }
    if json.starts_with('{') && depth < MAX_DEPTH {
        let prefix = match name {
            Name::Known(column) => table.name(column).to_owned(),
            Name::New(name) => name,
        };
        return Row {
            table,
            prefix: &prefix,
            depth: depth + 1,
        }
        .deserialize(&mut serde_json::Deserializer::from_str(json))
        .map_err(|error| error.to_string());
    }
    let column = match name {
        Name::Known(column) => column,
        Name::New(name) => table.find_or_add(&name)?,
    };
    if json == "null" {
        table.set(column, None);
    } else if let Some(quoted) = json.strip_prefix('"') {
        if json.contains('\\') {
            let text: String = serde_json::from_str(json).map_err(|error| error.to_string())?;
            table.set(column, Some(&text));
        } else {
            table.set(column, quoted.strip_suffix('"'));
        }
    } else {
        table.set(column, Some(json));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_COLUMNS;
    use proptest::prelude::*;
    use tasador_listing::reject::Reason;

    /// Column names and rows of text.
    fn rows(raw: &Raw) -> Vec<Vec<(String, Option<String>)>> {
        (0..raw.rows)
            .map(|row| {
                raw.columns
                    .iter()
                    .map(|(name, cells)| (name.clone(), cells.get(row).map(str::to_owned)))
                    .collect()
            })
            .collect()
    }

    fn row(cells: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
        cells
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.map(str::to_owned)))
            .collect()
    }

    #[test]
    fn an_answer_of_the_data_api_is_read() {
        let json = br#"{"group_number": 2, "day": "Tuesday", "batch_number": 0, "data": [
            {"price": 289900.0, "city": "East \"W\" \u00e9", "zip_code": 6016.0, "bed": null},
            {"zip_code": 6016, "price": 1e5, "sold": true, "tags": [1, {"a": 2}]}
        ], "next": {"data": 1}}"#;
        let raw = read_document(json).unwrap();
        assert_eq!(
            rows(&raw),
            [
                row(&[
                    ("price", Some("289900.0")),
                    ("city", Some("East \"W\" é")),
                    ("zip_code", Some("6016.0")),
                    ("bed", None),
                    ("sold", None),
                    ("tags", None),
                ]),
                row(&[
                    ("price", Some("1e5")),
                    ("city", None),
                    ("zip_code", Some("6016")),
                    ("bed", None),
                    ("sold", Some("true")),
                    ("tags", Some(r#"[1, {"a": 2}]"#)),
                ]),
            ]
        );
    }

    #[test]
    fn objects_are_flattened() {
        let json = br#"[
            {"address": {"city": "Lee", "geo": {"lat": 1.50}}, "price": 1},
            {"address": null, "price": 2},
            {"price": 3, "address": {}, "address.city": "Ayer"}
        ]"#;
        let raw = read_document(json).unwrap();
        let names: Vec<&str> = raw.columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["address.city", "address.geo.lat", "price", "address"]
        );
        let all = rows(&raw);
        assert_eq!(all[0][0].1.as_deref(), Some("Lee"));
        assert_eq!(all[0][1].1.as_deref(), Some("1.50"));
        assert_eq!(all[2][0].1.as_deref(), Some("Ayer"));
        assert!(all.iter().all(|row| row[3].1.is_none()));
    }

    #[test]
    fn too_deep_objects_stay_text() {
        let deep = format!("[{}1{}]", r#"{"a":"#.repeat(40), "}".repeat(40));
        let raw = read_document(deep.as_bytes()).unwrap();
        assert_eq!(raw.columns[0].0, "a.a.a.a.a.a.a.a.a");
        assert!(raw.columns[0].1.get(0).unwrap().starts_with(r#"{"a":"#));
    }

    #[test]
    fn a_repeated_key_keeps_its_first_value() {
        let raw = read_document(br#"[{"a": 1, "a": 2}, {"a": 3}]"#).unwrap();
        assert_eq!(
            rows(&raw),
            [row(&[("a", Some("1"))]), row(&[("a", Some("3"))])]
        );
    }

    #[test]
    fn a_document_without_rows_is_read() {
        for json in [
            "[]",
            r#"{"data": []}"#,
            r#"{"batch_number": 3, "data": []}"#,
            "\u{feff}[]",
        ] {
            let raw = read_document(json.as_bytes()).unwrap();
            assert_eq!((raw.rows, raw.columns.len()), (0, 0), "{json}");
        }
        assert_eq!(read_lines(b"\n \r\n").unwrap().rows, 0);
        assert_eq!(read_document(b"[{}, {}]").unwrap().rows, 2);
    }

    #[test]
    fn errors_have_their_position() {
        for (json, said) in [
            ("", "the JSON ends unexpectedly at line 1, column 0"),
            (
                "[{\"a\": 1}, {\"a\"",
                "the JSON ends unexpectedly at line 1, column 15",
            ),
            (
                "{\"data\": [\n{\"a\": \"x",
                "the JSON ends unexpectedly at line 2, column 8",
            ),
            (
                "<html>",
                "the JSON is not a list of rows: a value is missing, line 1, column 1",
            ),
            (
                "{\"detail\": \"no\"}",
                "the JSON object has no list `data` with rows",
            ),
            (
                "{\"data\": {\"a\": 1}}",
                "the JSON is not a list of rows: there is no list of rows here, line 1, column 9",
            ),
            (
                "[1]",
                "the JSON is not a list of rows: a row is not an object, line 1, column 2",
            ),
            (
                "7",
                "the JSON is not a list of rows: there is no list of rows here, line 1, column 1",
            ),
            (
                "[] x",
                "the JSON is not a list of rows: text after the end of the value, line 1, column 4",
            ),
            (
                "{\"data\": [], \"data\": []}",
                "the JSON is not a list of rows: `data` occurs twice, line 1, column 19",
            ),
        ] {
            assert_eq!(
                read_document(json.as_bytes()).unwrap_err().to_string(),
                said,
                "{json}"
            );
        }
    }

    /// Sixty rows with this text in the place of the 31st.
    fn with_row(row: &[u8], between: &str, open: &str, close: &str) -> Vec<u8> {
        let rows: Vec<Vec<u8>> = (0..61)
            .map(|id| match id {
                30 => row.to_vec(),
                _ => format!("{{\"id\": {id}, \"photos\": [{{\"id\": 1}}, {{\"id\": 2}}]}}")
                    .into_bytes(),
            })
            .collect();
        [
            open.as_bytes(),
            &rows.join(between.as_bytes()),
            close.as_bytes(),
        ]
        .concat()
    }

    #[test]
    fn a_broken_row_is_rejected_alone() {
        let cell = format!("{{\"id\": \"{}\"}}", "x".repeat(MAX_CELL_BYTES));
        let long = format!(
            "{{{}\"id\": 1}}",
            format!("\"a\": \"{}\",", "x".repeat(1_000)).repeat(1_100)
        );
        for (row, reason, said, lines_only) in [
            (
                &b"{\"id\": NaN}"[..],
                Reason::BadJson,
                "NaN is not JSON; write null",
                false,
            ),
            (
                b"{\"id\": 1, \"b\": [1, -Infinity]}",
                Reason::BadJson,
                "Infinity is not JSON",
                false,
            ),
            (
                b"{\"id\": 1, \"new\": 2, \"c\": }",
                Reason::BadJson,
                "a value is missing at column",
                false,
            ),
            (
                b"{\"id\": 01}",
                Reason::BadJson,
                "a number that is not written as JSON demands",
                false,
            ),
            (b"{id: 1}", Reason::BadJson, "a name without quotes", false),
            (
                b"{'id': 1}",
                Reason::BadJson,
                "a name without quotes",
                false,
            ),
            (
                b"{\"id\": \"\xe9\"}",
                Reason::BadEncoding,
                "byte 9 of the row (0xE9) is not UTF-8; save the file as UTF-8",
                false,
            ),
            (b"{\"id\": \"\\ud800\"}", Reason::BadJson, "", false),
            (b"7", Reason::BadJson, "a row is not an object", false),
            (b"[1, 2]", Reason::BadJson, "a row is not an object", false),
            (
                cell.as_bytes(),
                Reason::RowTooLong,
                "a value is longer than",
                false,
            ),
            (long.as_bytes(), Reason::RowTooLong, "", true),
            (b"{\"id\": \"open}", Reason::BadJson, "", false),
            (b"{\"id\": {\"a\": 1}", Reason::BadJson, "", false),
            (b"{\"id\": [1, 2}", Reason::BadJson, "", false),
            (
                b"{\"id\": 1}}",
                Reason::BadJson,
                "text after the end of the value",
                true,
            ),
            (
                b"{\"id\": 1} {\"id\": 2}",
                Reason::BadJson,
                "text after the end of the value",
                true,
            ),
        ] {
            let shown = String::from_utf8_lossy(&row[..row.len().min(40)]);
            let lines = with_row(row, "\n", "", "\n");
            let list = with_row(row, ",\n", "[", "]");
            let answer = with_row(
                row,
                ",",
                "{\"a\": [{\"data\": 1}], \"data\" : [\n",
                "], \"n\": 1}",
            );
            for (text, line, is_lines) in [(lines, 31, true), (list, 31, false), (answer, 2, false)]
            {
                if lines_only && !is_lines {
                    continue;
                }
                let raw = read(&text, is_lines).unwrap();
                assert_eq!(raw.rows, 60, "{shown}");
                let columns: Vec<&str> =
                    raw.columns.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(columns, ["id", "photos"], "{shown}");
                let ids: Vec<Option<&str>> = raw.columns[0].1.iter().collect();
                assert_eq!((ids[29], ids[30]), (Some("29"), Some("31")), "{shown}");
                assert_eq!(raw.broken.len(), 1, "{shown}: {:?}", raw.broken);
                let broken = &raw.broken[0];
                assert_eq!(
                    (broken.line, broken.reason),
                    (line, reason),
                    "{shown}: {}",
                    broken.detail
                );
                assert!(broken.detail.contains(said), "{shown}: {}", broken.detail);
                let kept = String::from_utf8_lossy(row);
                assert!(
                    kept == broken.text || row.len() > 65_536,
                    "{shown}: {}",
                    broken.text
                );
            }
        }
    }

    #[test]
    fn json_of_either_kind_is_read_whatever_was_expected() {
        let lines = "{\"a\": 1}\n\n{\"a\": 2}\n";
        for expected in [true, false] {
            for text in [
                lines,
                "[{\"a\": 1}, {\"a\": 2}]",
                "\u{feff} [{\"a\": 1},\n{\"a\": 2}]",
            ] {
                assert_eq!(read(text.as_bytes(), expected).unwrap().rows, 2, "{text}");
            }
        }
    }

    #[test]
    fn a_document_that_is_cut_off_is_refused() {
        let whole = with_row(b"{\"id\": NaN}", ",\n", "[", "]");
        assert_eq!(read(&whole, false).unwrap().rows, 60);
        for end in 0..whole.len() {
            assert!(read(&whole[..end], false).is_err(), "{end}");
        }
    }

    #[test]
    fn too_many_columns_are_rejected() {
        let keys: Vec<String> = (0..=MAX_COLUMNS)
            .map(|key| format!("\"k{key}\": 1"))
            .collect();
        let json = format!("[{{{}}}]", keys.join(","));
        let error = read_document(json.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("more than 1000 columns"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,60}|[\\[\\]{}\",:a0-9. \\\\n]{0,60}") {
            let _ = read_document(text.as_bytes());
            let _ = read_lines(text.as_bytes());
        }

        #[test]
        fn every_row_is_read_unchanged(cells in prop::collection::vec(prop::option::of(".{0,10}"), 0..20)) {
            let rows: Vec<serde_json::Value> = cells.iter().map(|cell| serde_json::json!({"a": cell})).collect();
            let document = serde_json::to_vec(&serde_json::json!({"data": rows})).unwrap();
            let lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
            for raw in [read_document(&document).unwrap(), read_lines(lines.join("\n").as_bytes()).unwrap()] {
                prop_assert_eq!(raw.rows, cells.len());
                for (row, cell) in cells.iter().enumerate() {
                    prop_assert_eq!(raw.columns[0].1.get(row), cell.as_deref());
                }
            }
        }
    }
}
