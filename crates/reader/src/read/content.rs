//! What a file is, by its first bytes, whatever it is called.

/// What a file is, as far as its first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Parquet,
    /// A zip archive, which an Excel file is too.
    Zip,
    /// Not a table that is read, with its name.
    Other(&'static str),
    /// Text, or unknown.
    Text,
}

/// The first bytes of files that people send, and what they are.
const OTHERS: [(&[u8], &str); 22] = [
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"RIFF", "an image or a recording"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"ARROW1", "an Arrow or Feather file"),
    (b"Obj\x01", "an Avro file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x80\x04\x95", "a Python pickle"),
    (b"\x80\x05\x95", "a Python pickle"),
    (b"RDX2\nX\n", "an R data file"),
    (b"RDX3\nX\n", "an R data file"),
    (b"$FL2", "an SPSS file"),
    (b"<stata_dta>", "a Stata file"),
    (b"\x7fELF", "a program"),
];

/// Where a tar archive says that it is one.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// Whether a zip archive names the parts of an Excel workbook.
pub(super) fn is_excel(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"xl/workbook.xml").is_some()
}

pub(super) fn content(bytes: &[u8]) -> Content {
    if bytes.starts_with(b"PAR1") {
        return Content::Parquet;
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Content::Zip;
    }
    let magic = OTHERS.iter().find(|(magic, _)| bytes.starts_with(magic));
    if let Some((_, name)) = magic {
        return Content::Other(name);
    }
    if bytes
        .get(TAR.0..)
        .is_some_and(|rest| rest.starts_with(TAR.1))
    {
        return Content::Other("a tar archive");
    }
    if let [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', ..] = bytes {
        return Content::Other("a bzip2 file");
    }
    if let [b'O', b'R', b'C', 0..=8, ..] = bytes {
        return Content::Other("an ORC file");
    }
    let text = super::without_mark(bytes).trim_ascii_start();
    if text.starts_with(b"<") {
        let head = text
            .get(..text.len().min(1_024))
            .unwrap_or_default()
            .to_ascii_lowercase();
        let is_html = [
            &b"<html"[..],
            b"<!doctype html",
            b"<head",
            b"<body",
            b"<table",
        ]
        .iter()
        .any(|tag| head.windows(tag.len()).any(|part| part == *tag));
        return Content::Other(if is_html {
            "an HTML page"
        } else {
            "an XML document"
        });
    }
    if text.starts_with(b"{\\rtf") {
        return Content::Other("an RTF document");
    }
    Content::Text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognised_by_their_first_bytes() {
        for (bytes, name) in [
            (&b"%PDF-1.7\n"[..], "a PDF document"),
            (b"\x89PNG\r\n\x1a\n", "a PNG image"),
            (b"SQLite format 3\0\x10", "an SQLite database"),
            (b"BZh91AY&SY", "a bzip2 file"),
            (b"ORC\x08", "an ORC file"),
            (b"\n<!DOCTYPE html>\n<p>", "an HTML page"),
            (b"<html>Bad gateway</html>", "an HTML page"),
            (
                b"\xef\xbb\xbf<?xml version=\"1.0\"?><rows/>",
                "an XML document",
            ),
            (b"{\\rtf1\\ansi", "an RTF document"),
        ] {
            assert_eq!(content(bytes), Content::Other(name));
        }
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(content(&tar), Content::Other("a tar archive"));
        assert_eq!(content(b"PAR1"), Content::Parquet);
        assert_eq!(content(b"PK\x03\x04"), Content::Zip);
        for text in [
            &b""[..],
            b"price,bed\n",
            b"ORC,price\n",
            b"BZh;price",
            b"RDX\n1\n",
            b"[1]",
            b"{\"a\": 1}",
            b"PK,id",
            b"<",
        ] {
            let expected = if text == b"<" {
                Content::Other("an XML document")
            } else {
                Content::Text
            };
            assert_eq!(content(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }
}
