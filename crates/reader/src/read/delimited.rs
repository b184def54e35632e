//! Text with a header and separated fields, after RFC 4180: double quotes, line breaks within quotes.
//! Separator and encoding are detected.
//!
//! A scan finds the rows; the rows that it lets through are read by the data frame library, in
//! parallel. Only if a row is broken, the others are copied together first.

use std::io::Cursor;

use bytes::Bytes;
use memchr::memchr;
use polars::prelude::{CsvReadOptions, SerReader as _};
use tasador_ids::Format;
use tasador_listing::quality::TextForm;

use super::dialect::separator;
use super::header::with_names;
use super::scan::{Scan, scan};
use super::text::{Text, decode};
use super::{Raw, ReadError};

/// Reads CSV. A row with fewer fields than the header is filled up with nulls. Surplus fields are
/// dropped if they are empty; otherwise the row is broken, because it is unknown which one is surplus.
pub(super) fn read(bytes: Bytes, names: &[String]) -> Result<Raw, ReadError> {
    let Text {
        bytes,
        is_utf8,
        encoding,
    } = decode(bytes)?;
    let bytes = with_line_feeds(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Raw::default());
    }
    let (separator, begin) = separator(&bytes);
    let mut first_line = 1 + usize::from(begin > 0);
    let mut bytes = bytes.slice(begin.min(bytes.len())..);
    if let Some(named) = with_names(&bytes, separator, names) {
        bytes = named;
        first_line -= 1;
    }
    let text = bytes.as_ref();
    let Scan {
        kept,
        rows,
        lines,
        broken,
    } = scan(text, separator, first_line, is_utf8)?;
    let broken = broken.finish(text, rows)?;
    let kept = match kept.as_slice() {
        [all] => bytes.slice_ref(text.get(all.clone()).unwrap_or_default()),
        parts => {
            let parts = parts.iter().filter_map(|part| text.get(part.clone()));
            parts.collect::<Vec<_>>().concat().into()
        }
    };
    drop(bytes);
    let table = CsvReadOptions::default()
        .with_has_header(true)
        // No type inference: every column is text.
        .with_infer_schema_length(Some(0))
        .with_raise_if_empty(false)
        .map_parse_options(|options| {
            options
                .with_separator(separator)
                .with_truncate_ragged_lines(true)
        })
        .into_reader_with_file_handle(Cursor::new(kept))
        .finish()
        .map_err(ReadError::Csv)?;
    if table.height() != rows {
        return Err(ReadError::Damaged {
            format: Format::Csv,
        });
    }
    let columns = table
        .columns()
        .iter()
        .map(|column| {
            let cells = column.str().map_err(ReadError::Csv)?;
            Ok((given_name(column.name()).to_owned(), cells.clone()))
        })
        .collect::<Result<_, ReadError>>()?;
    Ok(Raw {
        rows,
        columns,
        lines,
        broken,
        form: TextForm {
            encoding: Some(encoding.to_owned()),
            separator: Some(char::from(separator)),
        },
        ..Raw::default()
    })
}

/// A text whose lines end with carriage returns alone, with line feeds instead.
fn with_line_feeds(bytes: Bytes) -> Bytes {
    if memchr(b'\n', &bytes).is_some() || memchr(b'\r', &bytes).is_none() {
        return bytes;
    }
    let text = bytes
        .iter()
        .map(|byte| if *byte == b'\r' { b'\n' } else { *byte });
    text.collect::<Vec<u8>>().into()
}

/// The name in the header. The reader appends `_duplicated_0`, `_duplicated_1` … to repeated names,
/// but repeated names are handled in one place for all formats.
fn given_name(name: &str) -> &str {
    match name.rsplit_once("_duplicated_") {
        Some((given, count)) if !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit()) => {
            given
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::broken::{MAX_CELL_BYTES, MAX_ROW_BYTES};
    use proptest::prelude::*;
    use tasador_listing::reject::Reason;

    fn cells(raw: &Raw, column: usize) -> Vec<Option<&str>> {
        raw.columns[column].1.iter().collect()
    }

    fn names(raw: &Raw) -> Vec<&str> {
        raw.columns.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn read_text(text: &str) -> Result<Raw, ReadError> {
        read(Bytes::copy_from_slice(text.as_bytes()), &[])
    }

    #[test]
    fn every_value_is_text_as_written() {
        let raw = read_text("\u{feff}price,zip_code,city\r\n289900.0,06016,Lee\r\n1e5,, Ayer \r\n")
            .unwrap();
        assert_eq!(names(&raw), ["price", "zip_code", "city"]);
        assert_eq!(cells(&raw, 0), [Some("289900.0"), Some("1e5")]);
        assert_eq!(cells(&raw, 1), [Some("06016"), None]);
        assert_eq!(cells(&raw, 2), [Some("Lee"), Some(" Ayer ")]);
    }

    #[test]
    fn quotes_hold_commas_quotes_and_line_breaks() {
        let raw = read_text("a,b\n\"1,5\",\"say \"\"hi\"\"\"\n\"two\nlines\",x\n").unwrap();
        assert_eq!(cells(&raw, 0), [Some("1,5"), Some("two\nlines")]);
        assert_eq!(cells(&raw, 1), [Some("say \"hi\""), Some("x")]);
    }

    #[test]
    fn repeated_and_empty_headers_are_read() {
        let raw = read_text("price,price,,price\n1,2,3,4\n").unwrap();
        assert_eq!(names(&raw)[0..2], ["price", "price"]);
        assert_eq!(names(&raw)[3], "price");
        assert_eq!(cells(&raw, 3), [Some("4")]);
    }

    #[test]
    fn a_file_without_rows_is_read() {
        for text in ["", "\n\n", "\u{feff}"] {
            let raw = read_text(text).unwrap();
            assert_eq!((raw.rows, raw.columns.len()), (0, 0), "{text:?}");
        }
        let raw = read_text("price,city\n").unwrap();
        assert_eq!((raw.rows, names(&raw)), (0, vec!["price", "city"]));
    }

    #[test]
    fn short_rows_are_filled_and_surplus_empty_fields_dropped() {
        let raw = read_text("a,b,c\n1,2\n3,4,5\n6,7,8,,\n9,,,\n").unwrap();
        assert_eq!(cells(&raw, 2), [None, Some("5"), Some("8"), None]);
        assert_eq!(raw.broken, []);
    }

    #[test]
    fn blank_lines_are_skipped() {
        let raw = read_text("\n\r\na,b\n\n1,2\n\r\n3,4\n\n").unwrap();
        assert_eq!(cells(&raw, 0), [Some("1"), Some("3")]);
        let raw = read_text("a\n\n1\n\n\n2\r\n\r\n").unwrap();
        assert_eq!(cells(&raw, 0), [Some("1"), Some("2")]);
    }

    /// Sixty rows of four columns with this text in the place of the 31st.
    fn with_row(row: &[u8]) -> Vec<u8> {
        let rows = |from: usize, to: usize| {
            let rows =
                (from..to).map(|row| format!("{row},{row}.5,\"Lee, \"\"W\"\"\",\"two\nlines\"\n"));
            rows.collect::<String>().into_bytes()
        };
        let header = b"id,price,city,note\n".to_vec();
        [header, rows(0, 30), row.to_vec(), rows(31, 61)].concat()
    }

    #[test]
    fn a_broken_row_is_rejected_alone() {
        let long = format!("30,1,{},x\n", "y".repeat(MAX_ROW_BYTES));
        let cell = format!("30,1,{},x\n", "y".repeat(MAX_CELL_BYTES + 1));
        let open = format!("30,1,\"{},x\n", "y".repeat(MAX_ROW_BYTES));
        for (row, reason, detail) in [
            (
                &b"30,1,Lee,x,surplus\n"[..],
                Reason::SurplusFields,
                "5 fields, but the header has 4.",
            ),
            (
                b"30,1,\"a\nb\",x,surplus\n",
                Reason::SurplusFields,
                "5 fields, but the header has 4.",
            ),
            (
                b"30,1,5\" pipe,x\n",
                Reason::BadQuote,
                "a quote in a field without quotes",
            ),
            (
                b"30,1,\"Lee,x\n",
                Reason::BadQuote,
                "text after the closing quote",
            ),
            (
                b"30,1,\"Lee\" W,x\n",
                Reason::BadQuote,
                "text after the closing quote",
            ),
            (b"30,1,Lee\rW,x\n", Reason::BadQuote, "a carriage return"),
            (
                b"30,1,Caf\xe9,x\n",
                Reason::BadEncoding,
                "byte 9 of the row (0xE9) is not UTF-8; save the file as UTF-8",
            ),
            (
                b"30,1,\xc3(,x\r\n",
                Reason::BadEncoding,
                "byte 6 of the row",
            ),
            (
                b"30,1,\"\xff\",x\n",
                Reason::BadEncoding,
                "byte 7 of the row",
            ),
            (
                long.as_bytes(),
                Reason::RowTooLong,
                "the row is longer than",
            ),
            (
                cell.as_bytes(),
                Reason::RowTooLong,
                "a value is longer than",
            ),
            (
                open.as_bytes(),
                Reason::BadQuote,
                "a quoted field does not end",
            ),
        ] {
            let raw = read(with_row(row).into(), &[]).unwrap();
            let shown = String::from_utf8_lossy(&row[..row.len().min(30)]);
            assert_eq!(raw.rows, 60, "{shown}");
            let ids: Vec<String> = (0..61)
                .filter(|id| *id != 30)
                .map(|id| id.to_string())
                .collect();
            let ids: Vec<Option<&str>> = ids.iter().map(|id| Some(id.as_str())).collect();
            assert_eq!(cells(&raw, 0), ids, "{shown}");
            assert_eq!(raw.broken.len(), 1, "{shown}: {:?}", raw.broken);
            let broken = &raw.broken[0];
            // Each of the thirty rows before has two lines.
            assert_eq!(
                (broken.line, broken.reason),
                (62, reason),
                "{shown}: {}",
                broken.detail
            );
            assert!(broken.detail.contains(detail), "{shown}: {}", broken.detail);
            let kept = String::from_utf8_lossy(row).trim_end().to_owned();
            assert!(
                kept.starts_with(&broken.text) && (broken.text == kept || kept.len() > 65_536),
                "{shown}"
            );
        }
    }

    #[test]
    fn the_last_row_may_be_broken() {
        for row in ["7,8,9", "\"7", "7,\"8\"x", "7\r8,9"] {
            let raw = read_text(&format!("a,b\n1,2\n3,4\n{row}")).unwrap();
            assert_eq!((raw.rows, raw.broken.len()), (2, 1), "{row}");
            assert_eq!(raw.broken[0].line, 4);
            assert_eq!(raw.broken[0].text, row);
        }
    }

    #[test]
    fn damage_of_several_kinds_costs_only_its_lines() {
        // Quoted commas in every third row, so separators alone do not tell rows.
        let row = |row: usize| match row % 3 {
            0 => format!("{row},\"12 Calle Málaga, piso {row}\",289900,"),
            _ => format!("{row},12 Calle Málaga,289900,"),
        };
        for apart in [20, 100, 1_000, 5_000] {
            let rows = apart * 12;
            let mut text = b"id,street,price,sold\n".to_vec();
            for number in 0..rows {
                text.extend(row(number).as_bytes());
                if number % apart == apart - 1 {
                    // The last field is empty, so the quote opens one.
                    text.extend([&b"\""[..], b"x,surplus", b"\xff", b"\""][number / apart % 4]);
                }
                text.push(b'\n');
            }
            let raw = read(text.into(), &[]).unwrap();
            assert_eq!((raw.rows, raw.broken.len()), (rows - 12, 12), "{apart}");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_does_not_swallow_rows() {
        let mut text = "a,b,c,d\n".to_owned();
        for row in 0..60 {
            text += &if [10, 40].contains(&row) {
                format!("{row},\"two,three,four\n")
            } else {
                format!("{row},two,three,\"fo\"\"ur\"\n")
            };
        }
        let raw = read_text(&text).unwrap();
        let lines: Vec<u64> = raw.broken.iter().map(|row| row.line).collect();
        assert_eq!((raw.rows, lines), (58, vec![12, 42]));
    }

    #[test]
    fn above_a_share_of_broken_rows_the_batch_is_refused() {
        let text = |rows: usize, broken: usize| {
            let row = |row| if row < broken { "1,2,3\n" } else { "1,2\n" };
            format!("a,b\n{}", (0..rows).map(row).collect::<String>())
        };
        for (rows, broken, taken) in [
            (6, 5, true),
            (7, 6, false),
            (5, 5, false),
            (1, 1, false),
            (100, 10, true),
            (100, 11, false),
            (1_000, 100, true),
            (1_000, 101, false),
        ] {
            let read = read_text(&text(rows, broken));
            assert_eq!(read.is_ok(), taken, "{broken} of {rows}");
            if let Err(error) = read {
                let error = error.to_string();
                let counts = if broken == rows {
                    format!("none of the {rows} rows can be read")
                } else {
                    format!("{broken} of {rows} rows cannot be read, more than the accepted")
                };
                assert!(error.starts_with(&counts), "{error}");
                assert!(
                    error.contains("Line 2: 3 fields, but the header has 2."),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn rows_with_line_breaks_within_quotes_are_not_split() {
        // Enough rows for several threads, which must find the same row boundaries.
        let rows = 60_000;
        let mut text = "id,note\n".to_owned();
        for row in 0..rows {
            text += &match row % 4 {
                0 => format!("{row},\"a,\n{row},b\"\n"),
                1 => format!("{row},\"\"\"\n\"\"\"\r\n"),
                2 => format!("{row},\n"),
                _ => format!("{row},plain\n"),
            };
        }
        let raw = read_text(&text).unwrap();
        assert_eq!(raw.rows, rows);
        for (row, (id, note)) in cells(&raw, 0).into_iter().zip(cells(&raw, 1)).enumerate() {
            assert_eq!(id, Some(row.to_string().as_str()));
            let expected = match row % 4 {
                0 => Some(format!("a,\n{row},b")),
                1 => Some("\"\n\"".to_owned()),
                2 => None,
                _ => Some("plain".to_owned()),
            };
            assert_eq!(note, expected.as_deref(), "{row}");
        }
    }

    proptest! {
        #[test]
        fn every_cell_is_read_unchanged(rows in prop::collection::vec(("\\PC{0,6}|[a,\"\n\r ]{0,6}", "[a-z]{1,3}"), 0..20)) {
            let mut text = "one,two\n".to_owned();
            for (one, two) in &rows {
                text += &format!("\"{}\",{two}\n", one.replace('"', "\"\""));
            }
            let raw = read_text(&text).unwrap();
            prop_assert_eq!(raw.rows, rows.len());
            for (row, (one, two)) in rows.iter().enumerate() {
                prop_assert_eq!(cells(&raw, 0)[row].unwrap_or_default(), one);
                prop_assert_eq!(cells(&raw, 1)[row], Some(two.as_str()));
            }
        }
    }

    #[test]
    fn separators_and_encodings_are_detected() {
        for separator in [',', ';', '\t', '|'] {
            let table = "price*city*note\r\n289900*A Coruña*\"a * b, c; d\"\r\n\"1*5\"*Málaga*\r\n7*Ávila*x*\r\n";
            let table = table.replace('*', &separator.to_string());
            let utf16 =
                |of: fn(u16) -> [u8; 2]| table.encode_utf16().flat_map(of).collect::<Vec<u8>>();
            let latin: Vec<u8> = table.chars().map(|c| c as u8).collect();
            let old_mac = table.replace("\r\n", "\r");
            for (bytes, encoding) in [
                (table.clone().into_bytes(), "UTF-8"),
                (old_mac.into_bytes(), "UTF-8"),
                (utf16(u16::to_le_bytes), "UTF-16LE"),
                (utf16(u16::to_be_bytes), "UTF-16BE"),
                (latin, "windows-1252"),
            ] {
                let raw = read(bytes.into(), &[]).unwrap();
                assert_eq!(
                    raw.form.encoding.as_deref(),
                    Some(encoding),
                    "{separator:?}"
                );
                assert_eq!(raw.form.separator, Some(separator), "{encoding}");
                assert_eq!(raw.broken, []);
                let first = format!("1{separator}5");
                assert_eq!(cells(&raw, 0), [Some("289900"), Some(&*first), Some("7")]);
                assert_eq!(cells(&raw, 1), ["A Coruña", "Málaga", "Ávila"].map(Some));
                let note = format!("a {separator} b, c; d");
                assert_eq!(cells(&raw, 2)[0], Some(&*note));
            }
        }
        let raw = read_text("sep=;\na;b\n1;2\n3;4;5\n").unwrap();
        assert_eq!((raw.rows, raw.broken[0].line), (1, 4));
    }

    #[test]
    fn a_broken_header_is_reported() {
        for (text, said) in [
            (
                &b"a,\xe9\n1,2\n"[..],
                "the header is not UTF-8 at byte 2; save the file as UTF-8",
            ),
            (b"a,\"b\n1,2\n", "the quotes in the header"),
            (b"a,b\" c\n1,2\n", "the quotes in the header"),
        ] {
            let error = read(Bytes::from_static(text), &[]).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        for long in [
            "x".repeat(1 << 21),
            "\0".repeat(1 << 21),
            "x\n".repeat(1 << 20).replacen("x\n", "\"", 1),
        ] {
            let error = read_text(&long).unwrap_err().to_string();
            assert!(error.contains("header"), "{error}");
        }
    }
}
