//! CSV with a header, after RFC 4180: commas, double quotes, line breaks within quotes.

use std::io::Cursor;

use bytes::Bytes;
use polars::prelude::{CsvReadOptions, SerReader as _};

use super::{Raw, ReadError, check_size, without_mark};

/// Reads CSV. A row with fewer fields than the header is filled up with nulls. A row with more fields
/// is an error, because it is unknown which field is surplus.
pub(super) fn read(bytes: Bytes) -> Result<Raw, ReadError> {
    let text = without_mark(&bytes);
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(Raw::default());
    }
    if let Err(error) = std::str::from_utf8(text) {
        return Err(ReadError::NotUtf8 {
            at: error.valid_up_to(),
        });
    }
    let (rows, columns) = measure(text)?;
    check_size(rows, columns)?;
    let table = CsvReadOptions::default()
        .with_has_header(true)
        // No type inference: every column is text.
        .with_infer_schema_length(Some(0))
        .with_raise_if_empty(false)
        .into_reader_with_file_handle(Cursor::new(bytes.slice_ref(text)))
        .finish()
        .map_err(ReadError::Csv)?;
    let rows = table.height();
    let columns = table
        .columns()
        .iter()
        .map(|column| {
            let cells = column.str().map_err(ReadError::Csv)?;
            Ok((given_name(column.name()).to_owned(), cells.clone()))
        })
        .collect::<Result<_, ReadError>>()?;
    Ok(Raw { rows, columns })
}

/// The upper bound of the number of rows, and the number of columns in the header. Commas and line
/// breaks within quotes do not count; a doubled quote leaves and enters the quotes again.
fn measure(text: &[u8]) -> Result<(usize, usize), ReadError> {
    let (mut quoted, mut lines, mut commas) = (false, 0_usize, 0_usize);
    for byte in text {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => lines += 1,
            b',' if !quoted && lines == 0 => commas += 1,
            _ => {}
        }
    }
    // The reader would treat the rest of the file as one field.
    if quoted {
        return Err(ReadError::OpenQuote);
    }
    Ok((lines, commas + 1))
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
    use proptest::prelude::*;

    fn cells(raw: &Raw, column: usize) -> Vec<Option<&str>> {
        raw.columns[column].1.iter().collect()
    }

    fn names(raw: &Raw) -> Vec<&str> {
        raw.columns.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn read_text(text: &str) -> Result<Raw, ReadError> {
        read(Bytes::copy_from_slice(text.as_bytes()))
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
    fn short_rows_are_filled_and_long_ones_rejected() {
        let raw = read_text("a,b,c\n1,2\n3,4,5\n").unwrap();
        assert_eq!(cells(&raw, 2), [None, Some("5")]);
        assert!(matches!(
            read_text("a,b\n1,2,3\n").unwrap_err(),
            ReadError::Csv(_)
        ));
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
    fn damage_is_reported() {
        assert_eq!(
            read(Bytes::from_static(b"a,b\n1,\xe9\n"))
                .unwrap_err()
                .to_string(),
            "the text is not UTF-8 at byte 6"
        );
        assert!(matches!(
            read_text("a,b\n1,\"open\n2,3\n").unwrap_err(),
            ReadError::OpenQuote
        ));
    }
}
