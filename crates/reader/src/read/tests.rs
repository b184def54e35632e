use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tasador_listing::Reason;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn read_all(bytes: &[u8], format: Format) -> Result<Raw, ReadError> {
    read(
        Bytes::copy_from_slice(bytes),
        format,
        &SchemaFile::default(),
    )
}

fn cells(raw: &Raw) -> Vec<(String, Vec<Option<String>>)> {
    let owned = |cells: &StringChunked| cells.iter().map(|cell| cell.map(str::to_owned)).collect();
    raw.columns
        .iter()
        .map(|(name, cells)| (name.clone(), owned(cells)))
        .collect()
}

/// The same two rows in every format.
fn two_rows(format: Format) -> Vec<u8> {
    let rows = [
        r#"{"price": 289900.0, "city": "East \"W\", é", "zip_code": 6016.0}"#,
        r#"{"price": null, "city": "Lee", "zip_code": 1238.0}"#,
    ];
    match format {
        Format::ApiJson => format!(
            r#"{{"group_number": 2, "day": "Tuesday", "batch_number": 0, "data": [{}]}}"#,
            rows.join(",")
        )
        .into_bytes(),
        Format::Json => format!("[{}]", rows.join(",")).into_bytes(),
        Format::Ndjson => rows.join("\r\n").into_bytes(),
        Format::Csv => {
            "price,city,zip_code\r\n289900.0,\"East \"\"W\"\", é\",6016.0\r\n,Lee,1238.0\r\n"
                .as_bytes()
                .to_vec()
        }
        Format::Parquet => {
            let mut table = crate::table::Table::new(2);
            table.numbers("price", &[289_900.0, f64::NAN]);
            table.texts("city", ["East \"W\", é", "Lee"].into_iter());
            table.numbers("zip_code", &[6016.0, 1238.0]);
            crate::to_parquet(table.finish().unwrap()).unwrap()
        }
    }
}

#[test]
fn every_format_compressed_or_not_gives_the_same_rows() {
    let text = |text: &str| Some(text.to_owned());
    let expected = [
        ("price".to_owned(), vec![text("289900.0"), None]),
        ("city".to_owned(), vec![text("East \"W\", é"), text("Lee")]),
        ("zip_code".to_owned(), vec![text("6016.0"), text("1238.0")]),
    ];
    for format in Format::ALL {
        let bytes = two_rows(format);
        let packed = gzip(&bytes);
        // Compressed in two parts, as parallel compressors do.
        let (head, tail) = bytes.split_at(20);
        let parts = [gzip(head), gzip(tail)].concat();
        for bytes in [bytes, packed, parts] {
            let raw = read_all(&bytes, format).unwrap();
            assert_eq!(raw.rows, 2, "{format}");
            assert_eq!(cells(&raw), expected, "{format}");
        }
    }
}

#[test]
fn a_truncated_file_is_an_error_or_has_fewer_rows() {
    for format in Format::ALL {
        let bytes = two_rows(format);
        for end in 0..bytes.len() {
            if let Ok(raw) = read_all(&bytes[..end], format) {
                let lines = matches!(format, Format::Csv | Format::Ndjson);
                assert!(lines, "{format} cut at {end} was taken for a batch");
                assert!(raw.rows <= 2);
            }
            let packed = gzip(&bytes);
            if end < packed.len() && end > 1 {
                let error = read_all(&packed[..end], format).unwrap_err();
                assert!(matches!(error, ReadError::Gzip(_)), "{error}");
            }
        }
    }
}

#[test]
fn a_small_file_does_not_fill_the_memory() {
    // 3 MB that unpack to 1 GiB and 1 byte.
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let piece = vec![b' '; 1 << 20];
    for _ in 0..MAX_BYTES >> 20 {
        packed.write_all(&piece).unwrap();
    }
    packed.write_all(b" ").unwrap();
    let error = read_all(&packed.finish().unwrap(), Format::Json).unwrap_err();
    assert!(matches!(error, ReadError::TooLarge), "{error}");

    // 64 KB that unpack to one cell of 64 MB.
    let one_cell = gzip(&vec![0; 64 << 20]);
    for format in [Format::Csv, Format::Ndjson, Format::Json, Format::ApiJson] {
        assert!(read_all(&one_cell, format).is_err(), "{format}");
    }

    let rows = MAX_CELLS / schema::COLUMNS.len() + 1;
    let header = vec!["c"; MAX_COLUMNS].join(",");
    let few = MAX_CELLS / MAX_COLUMNS + 1;
    for (format, text) in [
        (Format::Csv, format!("a\n{}", "1\n".repeat(rows))),
        (Format::Csv, format!("{header}\n{}", "1\n".repeat(few))),
        (Format::Ndjson, "{}\n".repeat(rows)),
        (Format::Json, format!("[{}{{}}]", "{},".repeat(rows))),
    ] {
        let error = read_all(text.as_bytes(), format).unwrap_err();
        assert!(
            error.to_string().contains("more than 64000000 values"),
            "{format}: {error}"
        );
    }
    // 1,000 columns are accepted, 1,001 are not.
    for (columns, taken) in [(MAX_COLUMNS, true), (MAX_COLUMNS + 1, false)] {
        let names: Vec<String> = (0..columns).map(|column| format!("c{column}")).collect();
        let object: Vec<String> = names.iter().map(|name| format!("\"{name}\":1")).collect();
        for (format, text) in [
            (Format::Csv, names.join(",")),
            (Format::Ndjson, format!("{{{}}}", object.join(","))),
        ] {
            assert_eq!(read_all(text.as_bytes(), format).is_ok(), taken, "{format}");
        }
    }
}

#[test]
fn deep_json_is_rejected_or_kept_as_text() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [100, 100_000] {
            let nest = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let row = format!("{{\"price\": 1, \"x\": {nest}}}");
            for (text, format) in [
                (
                    format!(
                        "{{\"group_number\": 2, \"day\": \"Tuesday\", \"batch_number\": 0, \"data\": [{row}]}}"
                    ),
                    Format::ApiJson,
                ),
                (format!("[{row}]"), Format::Json),
                (row, Format::Ndjson),
            ] {
                if let Ok(raw) = read_all(text.as_bytes(), format) {
                    let (_, kept) = cells(&raw).pop().unwrap();
                    assert!(
                        kept[0].as_ref().is_some_and(|cell| cell.contains('1')),
                        "{format:?}, {depth} levels: {kept:?}"
                    );
                }
                // Nested objects without a list are one row of NDJSON, and nothing in the other formats.
                assert!(read_all(nest.as_bytes(), format).is_err() || format == Format::Ndjson);
            }
        }
    }
}

#[test]
fn other_formats_are_rejected() {
    for (given, format) in [(Format::Csv, Format::Parquet), (Format::Csv, Format::Json)] {
        assert!(
            read_all(&two_rows(given), format).is_err(),
            "{given} as {format}"
        );
    }
}

#[test]
fn the_content_counts_more_than_the_name() {
    for given in [Format::Parquet, Format::Json, Format::Ndjson] {
        for format in Format::ALL {
            if given != Format::Parquet && matches!(format, Format::Csv | Format::Parquet) {
                continue;
            }
            for bytes in [two_rows(given), gzip(&two_rows(given))] {
                assert_eq!(
                    read_all(&bytes, format).unwrap().rows,
                    2,
                    "{given} as {format}"
                );
            }
        }
    }
    for (bytes, what) in [
        (
            &b"%PDF-1.4"[..],
            "this is a PDF document, not a table; export the listings as CSV",
        ),
        (b"<html>Bad gateway</html>", "this is an HTML page"),
        (b"SQLite format 3\0", "this is an SQLite database"),
    ] {
        for format in Format::ALL {
            for bytes in [bytes.to_vec(), gzip(bytes)] {
                let error = read_all(&bytes, format).unwrap_err().to_string();
                assert!(error.contains(what), "{error}");
            }
        }
    }
}

#[test]
fn no_damaged_byte_of_a_parquet_file_ends_the_process() {
    let file = two_rows(Format::Parquet);
    for at in 0..file.len() {
        // Among them are lengths below zero and the largest lengths.
        for byte in [0x00, 0x01, 0x7f, 0x80, 0xfb, 0xff] {
            let mut bytes = file.clone();
            bytes[at] = byte;
            let _ = read_all(&bytes, Format::Parquet);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for format in Format::ALL {
            let _ = read_all(&bytes, format);
            let _ = read_all(&[b"\x1f\x8b\x08\x00", bytes.as_slice()].concat(), format);
            let _ = read_all(&[b"PAR1", bytes.as_slice(), b"\x20\x00\x00\x00PAR1"].concat(), format);
        }
    }

    #[test]
    fn damage_anywhere_does_not_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        for format in Format::ALL {
            for mut bytes in [two_rows(format), gzip(&two_rows(format))] {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                if let Ok(raw) = read_all(&bytes, format) {
                    let cleaned = crate::draft(raw, &SchemaFile::default()).unwrap().finish(|_| false).unwrap();
                    prop_assert!(cleaned.quality.adds_up());
                }
            }
        }
    }
}

/// Sixty rows, of which those in `bad` have this byte in their city.
fn with_byte(format: Format, byte: u8, bad: &[usize]) -> Vec<u8> {
    let mut file = match format {
        Format::Csv => b"id,city,price\n".to_vec(),
        _ => Vec::new(),
    };
    for row in 0..60 {
        let city = match bad.contains(&row) {
            true => [&b"Logro"[..], &[byte], b"o"].concat(),
            false => b"Ayer".to_vec(),
        };
        let (head, tail) = match format {
            Format::Csv => (format!("{row},"), ",100000\n"),
            _ => (
                format!("{{\"id\": {row}, \"city\": \""),
                "\", \"price\": 100000}\n",
            ),
        };
        file.extend([head.as_bytes(), &city, tail.as_bytes()].concat());
    }
    file
}

#[test]
fn a_byte_that_is_not_utf8_costs_only_its_row() {
    // Of Windows-1252, undefined there, a space, a lead byte without its followers, of no encoding.
    for byte in [
        0x80, 0x81, 0x8d, 0x92, 0x9f, 0xa0, 0xc3, 0xe9, 0xf1, 0xfe, 0xff,
    ] {
        for bad in [&[30][..], &[0, 59]] {
            for (format, first_line) in [(Format::Csv, 2), (Format::Ndjson, 1)] {
                let what = format!("{format}, 0x{byte:02X}, {bad:?}");
                let raw = read_all(&with_byte(format, byte, bad), format).unwrap();
                assert_eq!(raw.form.encoding.as_deref(), Some("UTF-8"), "{what}");
                assert_eq!(raw.rows, 60 - bad.len(), "{what}");
                let ids: Vec<Option<String>> = (0..60)
                    .filter(|row| !bad.contains(row))
                    .map(|row| Some(row.to_string()))
                    .collect();
                assert_eq!(cells(&raw)[0].1, ids, "{what}");
                let lines: Vec<u64> = raw.broken.iter().map(|row| row.line).collect();
                let expected: Vec<u64> = bad.iter().map(|row| *row as u64 + first_line).collect();
                assert_eq!(lines, expected, "{what}");
                for row in &raw.broken {
                    assert_eq!(row.reason, Reason::BadEncoding, "{what}");
                    let detail = &row.detail;
                    assert!(detail.contains("save the file as UTF-8"), "{detail}");
                    let named = format!("0x{byte:02X}");
                    assert!(byte == 0xff || detail.contains(&named), "{detail}");
                }
            }
        }
    }
}

#[test]
fn a_file_in_latin_1_with_few_accents_is_read() {
    let cities = [
        "Logroño",
        "A Coruña",
        "Málaga",
        "Alcalá de Henares",
        "Ávila",
    ];
    for (rows, apart) in [(60, 20), (500, 33), (2_000, 90)] {
        let city = |row: usize| match row % apart {
            7 => cities[row / apart % cities.len()],
            _ => "Madrid",
        };
        for format in [Format::Csv, Format::Ndjson] {
            let line = |row: usize| match format {
                Format::Csv => format!("{row},{}\n", city(row)),
                _ => format!("{{\"id\": {row}, \"city\": \"{}\"}}\n", city(row)),
            };
            let header = if format == Format::Csv {
                "id,city\n"
            } else {
                ""
            };
            let text = header.to_owned() + &(0..rows).map(line).collect::<String>();
            let latin_1: Vec<u8> = text.chars().map(|c| c as u8).collect();
            let raw = read_all(&latin_1, format).unwrap();
            let what = format!("{format}, {rows} rows");
            assert_eq!(raw.form.encoding.as_deref(), Some("windows-1252"), "{what}");
            assert_eq!((raw.rows, &*raw.broken), (rows, &[][..]), "{what}");
            let expected: Vec<Option<String>> =
                (0..rows).map(|row| Some(city(row).to_owned())).collect();
            assert_eq!(cells(&raw)[1].1, expected, "{what}");
        }
    }
}
