//! What a file is, by its first bytes, whatever it is called.

/// What a file is, as far as its first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Parquet,
    /// A zip archive, which an Excel file is too.
    Zip,
    /// Not a table that is read: its name, and what to do.
    Other(&'static str, &'static str),
    /// Text, or unknown.
    Text,
}

/// What to do with a document or with data in another format.
pub(super) const EXPORT: &str =
    "export the listings as CSV, NDJSON, JSON, Parquet or Excel (.xlsx)";
/// What to do with an archive or a compressed file.
pub(super) const UNPACK: &str = "unpack it and send the file with the listings";
/// What to do with an encrypted file.
pub(super) const WITHOUT_PASSWORD: &str = "save it without the password and send it again";

/// The first bytes of files that people send, what they are, and what to do.
const OTHERS: [(&[u8], &str, &str); 30] = [
    (b"%PDF-", "a PDF document", EXPORT),
    (b"\x89PNG", "a PNG image", EXPORT),
    (b"\xff\xd8\xff", "a JPEG image", EXPORT),
    (b"GIF8", "a GIF image", EXPORT),
    (b"RIFF", "an image or a recording", EXPORT),
    (b"SQLite format 3\0", "an SQLite database", EXPORT),
    (b"\0\x01\0\0Standard ", "an Access database", EXPORT),
    (b"PK\x05\x06", "an empty zip archive", EXPORT),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"\xfd7zXZ\0", "an xz file", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd file", UNPACK),
    (b"\x04\x22\x4d\x18", "an lz4 file", UNPACK),
    (b"\x5d\0\0\x80\0", "an lzma file", UNPACK),
    (b"\x1f\x9d", "a file of compress (.Z)", UNPACK),
    (b"MSCF\0\0\0\0", "a cabinet archive", UNPACK),
    (b"ARROW1", "an Arrow or Feather file", EXPORT),
    (b"FEA1", "an old Feather file", EXPORT),
    (b"\xff\xff\xff\xff", "an Arrow stream", EXPORT),
    (b"Obj\x01", "an Avro file", EXPORT),
    (b"\x89HDF", "an HDF5 file", EXPORT),
    (b"\x80\x04\x95", "a Python pickle", EXPORT),
    (b"\x80\x05\x95", "a Python pickle", EXPORT),
    (b"RDX2\nX\n", "an R data file", EXPORT),
    (b"RDX3\nX\n", "an R data file", EXPORT),
    (b"$FL2", "an SPSS file", EXPORT),
    (b"<stata_dta>", "a Stata file", EXPORT),
    (b"\x7fELF", "a program", EXPORT),
    (b"bplist00", "a property list or a saved web page", EXPORT),
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer",
        "run `git lfs pull` and send the file that it stands for",
    ),
];

/// The mark of the container of old office files, and of new ones with a password.
const OLE: &[u8] = b"\xd0\xcf\x11\xe0";
/// The names of its parts, in UTF-16, and what they say.
const OLE_PARTS: [(&[u8], &str, &str); 3] = [
    (
        b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0",
        "an Excel or Word file with a password",
        WITHOUT_PASSWORD,
    ),
    (
        b"W\0o\0r\0k\0b\0o\0o\0k\0",
        "an old Excel file (.xls)",
        XLSX,
    ),
    (b"B\0o\0o\0k\0", "an old Excel file (.xls)", XLSX),
];
pub(super) const XLSX: &str = "open it and save it as .xlsx or CSV";

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
    // A header may begin with these letters.
    if bytes.starts_with(b"PARE") && bytes.ends_with(b"PARE") {
        return Content::Other("an encrypted Parquet file", WITHOUT_PASSWORD);
    }
    if bytes.starts_with(OLE) {
        let part = OLE_PARTS
            .iter()
            .find(|(part, _, _)| memchr::memmem::find(bytes, part).is_some());
        return part.map_or(
            Content::Other("an old Excel or Word file", EXPORT),
            |(_, name, advice)| Content::Other(name, advice),
        );
    }
    let magic = OTHERS.iter().find(|(magic, _, _)| bytes.starts_with(magic));
    if let Some((_, name, advice)) = magic {
        return Content::Other(name, advice);
    }
    if bytes
        .get(TAR.0..)
        .is_some_and(|rest| rest.starts_with(TAR.1))
    {
        return Content::Other("a tar archive", UNPACK);
    }
    if let [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', ..] = bytes {
        return Content::Other("a bzip2 file", UNPACK);
    }
    if let [b'O', b'R', b'C', 0..=8, ..] = bytes {
        return Content::Other("an ORC file", EXPORT);
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
        let is_error = head.windows(6).any(|part| part == b"<error");
        return match (is_html, is_error) {
            (true, _) => Content::Other("an HTML page", EXPORT),
            (_, true) => Content::Other(
                "an XML error message of a server",
                "look at its text, and download the listings again",
            ),
            _ => Content::Other("an XML document", EXPORT),
        };
    }
    if text.starts_with(b"{\\rtf") {
        return Content::Other("an RTF document", EXPORT);
    }
    Content::Text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ole(part: &str) -> Vec<u8> {
        let part: Vec<u8> = part.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [OLE, &[0; 508], &part].concat()
    }

    #[test]
    fn files_are_recognised_by_their_first_bytes() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (bytes, name, advice) in [
            (b"%PDF-1.7\n".to_vec(), "a PDF document", EXPORT),
            (b"\x89PNG\r\n\x1a\n".to_vec(), "a PNG image", EXPORT),
            (
                b"SQLite format 3\0\x10".to_vec(),
                "an SQLite database",
                EXPORT,
            ),
            (b"BZh91AY&SY".to_vec(), "a bzip2 file", UNPACK),
            (b"\xfd7zXZ\0\0\x04".to_vec(), "an xz file", UNPACK),
            (b"\x28\xb5\x2f\xfd\x04".to_vec(), "a zstd file", UNPACK),
            (b"7z\xbc\xaf\x27\x1c\0".to_vec(), "a 7z archive", UNPACK),
            (b"Rar!\x1a\x07\x01".to_vec(), "a RAR archive", UNPACK),
            (b"\x04\x22\x4d\x18\x40".to_vec(), "an lz4 file", UNPACK),
            (tar, "a tar archive", UNPACK),
            (b"ORC\x08".to_vec(), "an ORC file", EXPORT),
            (b"Obj\x01\x04".to_vec(), "an Avro file", EXPORT),
            (b"ARROW1\0\0".to_vec(), "an Arrow or Feather file", EXPORT),
            (b"FEA1\0".to_vec(), "an old Feather file", EXPORT),
            (
                b"PARE".to_vec(),
                "an encrypted Parquet file",
                WITHOUT_PASSWORD,
            ),
            (
                ole("EncryptedPackage"),
                "an Excel or Word file with a password",
                WITHOUT_PASSWORD,
            ),
            (ole("Workbook"), "an old Excel file (.xls)", XLSX),
            (ole("Book"), "an old Excel file (.xls)", XLSX),
            (ole("WordDocument"), "an old Excel or Word file", EXPORT),
            (b"\n<!DOCTYPE html>\n<p>".to_vec(), "an HTML page", EXPORT),
            (b"<html>Bad gateway</html>".to_vec(), "an HTML page", EXPORT),
            (
                b"\xef\xbb\xbf<?xml version=\"1.0\"?><rows/>".to_vec(),
                "an XML document",
                EXPORT,
            ),
            (
                b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>".to_vec(),
                "an XML error message of a server",
                "look at its text, and download the listings again",
            ),
            (b"{\\rtf1\\ansi".to_vec(), "an RTF document", EXPORT),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n".to_vec(),
                "a Git LFS pointer",
                "run `git lfs pull` and send the file that it stands for",
            ),
        ] {
            assert_eq!(content(&bytes), Content::Other(name, advice));
        }
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
            b"PARENT_LOT,price\n1,2\n",
            b"version,price\n1,2\n",
        ] {
            assert_eq!(
                content(text),
                Content::Text,
                "{}",
                String::from_utf8_lossy(text)
            );
        }
    }
}
