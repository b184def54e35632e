//! Zip archives: one with a single table, and Excel's files, which are zip archives.

use std::borrow::Cow;
use std::io::{Cursor, Read as _};

use bytes::Bytes;
use calamine::XlsxError;
use tasador_ids::Format;
use tasador_listing::schema_file::SchemaFile;
use zip::ZipArchive;
use zip::result::ZipError;

use super::content::{EXPORT, WITHOUT_PASSWORD, XLSX};
use super::{MAX_BYTES, Raw, ReadError, sheet};

/// How the names of tables end, without a further `.gz`.
const TABLES: [&str; 9] = [
    "csv", "tsv", "tab", "txt", "json", "ndjson", "jsonl", "parquet", "xlsx",
];
/// The error shows so many names.
const NAMES: usize = 5;

/// Files that mark an archive as a document of an office program, and what it is.
const DOCUMENTS: [(&str, &str, &str); 7] = [
    ("xl/workbook.bin", "a binary Excel file (.xlsb)", XLSX),
    ("word/document.xml", "a Word document", EXPORT),
    ("ppt/presentation.xml", "a presentation", EXPORT),
    (
        "content.xml",
        "an OpenDocument file, such as an .ods sheet",
        XLSX,
    ),
    ("Index/Document.iwa", NUMBERS, XLSX),
    ("Index.zip", NUMBERS, XLSX),
    ("index.apxl", NUMBERS, XLSX),
];
const NUMBERS: &str = "a file of Apple Numbers, Pages or Keynote";

/// The library's error in our wording.
fn refused(error: ZipError) -> ReadError {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => ReadError::NotATable {
            what: "a zip archive with a password",
            advice: WITHOUT_PASSWORD,
        },
        error => ReadError::Zip(error),
    }
}

/// Reads the table of an archive: the only file, or the only one that is named like a table.
pub(super) fn read(bytes: Bytes, file: &SchemaFile) -> Result<Raw, ReadError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes.clone())).map_err(ReadError::Zip)?;
    let has = |name: &str| archive.index_for_name(name).is_some();
    if has("xl/workbook.xml") {
        check_unpacked(&mut archive)?;
        return sheet::read(bytes, &file.header);
    }
    if let Some((_, what, advice)) = DOCUMENTS.iter().find(|(name, _, _)| has(name)) {
        return Err(ReadError::NotATable { what, advice });
    }
    let mut files: Vec<String> = archive
        .file_names()
        .map(|name| name.map(Cow::into_owned))
        .collect::<Result<_, _>>()
        .map_err(ReadError::Zip)?;
    files.retain(|name| {
        let last = name.rsplit('/').next().unwrap_or_default();
        !last.is_empty() && !last.starts_with('.') && !name.starts_with("__MACOSX/")
    });
    let tables: Vec<&String> = files.iter().filter(|name| is_table(name)).collect();
    let name = match (files.as_slice(), tables.as_slice()) {
        ([only], _) => only,
        (_, [only]) => *only,
        ([], _) => {
            return Err(ReadError::NotATable {
                what: "an empty zip archive",
                advice: EXPORT,
            });
        }
        _ => {
            let mut names: Vec<String> = files.iter().take(NAMES).cloned().collect();
            if files.len() > NAMES {
                names.push("…".to_owned());
            }
            return Err(ReadError::SeveralFiles {
                count: files.len(),
                names: names.join(", "),
            });
        }
    };
    let mut unpacked = Vec::new();
    archive
        .by_name(name)
        .map_err(refused)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| ReadError::Zip(ZipError::Io(error)))?;
    if unpacked.len() as u64 > MAX_BYTES {
        return Err(ReadError::TooLarge);
    }
    let format = format(name, &unpacked);
    super::read_plain(unpacked.into(), format, file, super::Depth::InArchive)
}

fn extension(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let (_, end) = name.rsplit_once('.').unwrap_or_default();
    end.to_owned()
}

fn is_table(name: &str) -> bool {
    TABLES.contains(&extension(name).as_str())
}

fn format(name: &str, bytes: &[u8]) -> Format {
    match extension(name).as_str() {
        "json" => Format::Json,
        "ndjson" | "jsonl" => Format::Ndjson,
        _ if bytes.trim_ascii_start().starts_with(b"[") => Format::Json,
        _ if bytes.trim_ascii_start().starts_with(b"{") => Format::Ndjson,
        _ => Format::Csv,
    }
}

/// Rejects archives that would fill the memory, whatever sizes they claim.
fn check_unpacked(archive: &mut ZipArchive<Cursor<Bytes>>) -> Result<(), ReadError> {
    let mut left = MAX_BYTES;
    for file in 0..archive.len() {
        let unpacked = archive.by_index(file).map_err(ReadError::Zip)?;
        let mut limited = unpacked.take(left + 1);
        let bytes = std::io::copy(&mut limited, &mut std::io::sink())
            .map_err(|error| ReadError::Sheet(XlsxError::Io(error)))?;
        left = left.checked_sub(bytes).ok_or(ReadError::TooLarge)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use zip::write::SimpleFileOptions;

    fn archive(files: &[(&str, &[u8])]) -> Bytes {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner().into()
    }

    fn read_files(files: &[(&str, &[u8])]) -> Result<Raw, ReadError> {
        super::super::read(archive(files), Format::Csv, &SchemaFile::default())
    }

    #[test]
    fn the_table_of_an_archive_is_read() {
        let csv = b"price,city\n1,Lee\n2,Ayer\n";
        let json = br#"[{"price": 1, "city": "Lee"}, {"price": 2, "city": "Ayer"}]"#;
        let lines = b"{\"price\": 1, \"city\": \"Lee\"}\n{\"price\": 2, \"city\": \"Ayer\"}\n";
        for files in [
            &[("listings.csv", &csv[..])][..],
            &[("export", csv)],
            &[("export", json)],
            &[("data/listings.JSON", json)],
            &[("listings.jsonl", lines)],
            &[
                ("data/", b""),
                ("data/kc.csv", csv),
                ("README.md", b"House sales"),
                ("__MACOSX/data/._kc.csv", b"\0"),
                ("data/.DS_Store", b"\0"),
            ],
        ] {
            let raw = read_files(files).unwrap();
            assert_eq!(raw.rows, 2, "{files:?}");
            assert_eq!(raw.columns[1].1.get(1), Some("Ayer"), "{files:?}");
        }
    }

    #[test]
    fn what_is_not_one_table_is_refused_with_what_to_do() {
        let csv = b"price,city\n1,Lee\n";
        let inner = archive(&[("a.csv", csv)]);
        for (files, said) in [
            (
                &[("a.csv", &csv[..]), ("b.csv", csv)][..],
                "has 2 files (a.csv, b.csv)",
            ),
            (
                &[("a.txt", csv), ("b.md", csv), ("c.csv", csv)],
                "has 3 files",
            ),
            (&[], "an empty zip archive"),
            (&[("a.zip", &inner)], "a zip archive within a zip archive"),
            (&[("word/document.xml", b"<w/>")], "a Word document"),
            (
                &[("content.xml", b"<x/>"), ("mimetype", b"x")],
                "an OpenDocument file, such as an .ods sheet, not a table; open it and save it as .xlsx or CSV",
            ),
            (&[("Index/Document.iwa", b"x")], "a file of Apple Numbers"),
            (&[("xl/workbook.bin", b"x")], "a binary Excel file (.xlsb)"),
            (&[("photo.jpg", b"\xff\xd8\xff")], "a JPEG image"),
        ] {
            let error = read_files(files).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn an_archive_with_a_password_is_refused_by_its_name() {
        let mut bytes = archive(&[("a.csv", b"price,city\n1,Lee\n")]).to_vec();
        // The bit of encryption, in the file's own header and in that of the directory.
        let central = memchr::memmem::find(&bytes, b"PK\x01\x02").unwrap();
        bytes[6] |= 1;
        bytes[central + 8] |= 1;
        let error = super::super::read(bytes.into(), Format::Csv, &SchemaFile::default());
        assert_eq!(
            error.unwrap_err().to_string(),
            "this is a zip archive with a password, not a table; save it without the password and send it again"
        );
    }

    #[test]
    fn a_small_archive_does_not_fill_the_memory() {
        let zeros = vec![0; 64 << 20];
        let all: Vec<(String, &[u8])> = (0..17).map(|n| (format!("xl/{n}"), &zeros[..])).collect();
        let mut files: Vec<(&str, &[u8])> = vec![("xl/workbook.xml", b"<x/>")];
        files.extend(all.iter().map(|(name, bytes)| (name.as_str(), *bytes)));
        let error = read_files(&files).unwrap_err();
        assert!(matches!(error, ReadError::TooLarge), "{error}");
    }

    #[test]
    fn damaged_archives_are_errors() {
        let whole = archive(&[("a.csv", b"price,city\n1,Lee\n2,Ayer\n3,Lee\n")]);
        for end in 4..whole.len() {
            let bytes = whole.slice(..end);
            assert!(
                super::super::read(bytes, Format::Csv, &SchemaFile::default()).is_err(),
                "{end}"
            );
        }
        for at in 0..whole.len() {
            let mut bytes = whole.to_vec();
            bytes[at] ^= 0x40;
            // Called directly: a panic of the library is not caught here, and fails the test.
            if let Ok(raw) = read(bytes.into(), &SchemaFile::default()) {
                assert!(raw.rows + raw.broken.len() <= 3, "{at}");
            }
        }
    }
}
