//! How a batch is written: told by its name, else by its media type, else by its first bytes.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use tasador_lake::{Format, RawForm};

/// How much of a batch is looked at, in bytes. An answer without rows is far shorter.
pub(crate) const HEAD_BYTES: u64 = 64 << 10;
/// How much of a gzip'd head is unpacked, in bytes.
const UNPACKED_BYTES: u64 = 1 << 20;

/// The first bytes of a batch, unpacked.
#[derive(Debug)]
pub(crate) struct Head {
    gzip: bool,
    text: Vec<u8>,
    /// Whether `text` is all there is.
    whole: bool,
}

impl Head {
    /// Of the first bytes of a batch with `size_bytes`.
    pub(crate) fn new(bytes: Vec<u8>, size_bytes: u64) -> Self {
        let mut whole = bytes.len() as u64 == size_bytes;
        let gzip = bytes.starts_with(&[0x1f, 0x8b]);
        let text = if gzip {
            let mut text = Vec::new();
            // A head ends in the middle of a block: what came before the error is what counts.
            let read = MultiGzDecoder::new(bytes.as_slice())
                .take(UNPACKED_BYTES)
                .read_to_end(&mut text);
            whole = whole && read.is_ok() && (text.len() as u64) < UNPACKED_BYTES;
            text
        } else {
            bytes
        };
        Self { gzip, text, whole }
    }

    /// Whether this is the whole JSON of an answer without rows.
    pub(crate) fn is_without_rows(&self) -> bool {
        use serde_json::Value;
        if !self.whole {
            return false;
        }
        match serde_json::from_slice(self.trimmed()) {
            Ok(Value::Array(rows)) => rows.is_empty(),
            Ok(Value::Object(answer)) => {
                matches!(answer.get("data"), Some(Value::Array(rows)) if rows.is_empty())
            }
            _ => false,
        }
    }

    /// Without the byte order mark and white space before it.
    fn trimmed(&self) -> &[u8] {
        let text = self.text.as_slice();
        text.strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(text)
            .trim_ascii_start()
    }

    /// The form of the batch. `fallback` is what the source most likely sends.
    pub(crate) fn form(&self, name: &str, media_type: Option<&str>, fallback: Format) -> RawForm {
        let said = Said::by_name(name).or_else(|| media_type.and_then(Said::by_media_type));
        let format = match said {
            Some(Said::Exactly(format)) => format,
            Some(Said::Json) => self.json(),
            None => self.sniffed(fallback),
        };
        RawForm {
            format,
            gzip: self.gzip,
        }
    }

    fn sniffed(&self, fallback: Format) -> Format {
        match self.trimmed() {
            text if text.starts_with(b"PAR1") => Format::Parquet,
            [b'[' | b'{', ..] => self.json(),
            // A page that says "maintenance" is no table, whatever stands in it.
            [] | [b'<', ..] => fallback,
            text => {
                let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
                if line.contains(&b',') {
                    Format::Csv
                } else {
                    fallback
                }
            }
        }
    }

    /// Which kind of JSON: a list, an object a line, or one object.
    fn json(&self) -> Format {
        let text = self.trimmed();
        if text.starts_with(b"[") {
            return Format::Json;
        }
        let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let first = lines.next().unwrap_or_default();
        let second = lines.find(|line| !line.is_empty());
        let is_object = |line: &[u8]| serde_json::from_slice::<serde_json::Map<_, _>>(line).is_ok();
        match second {
            Some([b'{', ..]) if is_object(first) => Format::Ndjson,
            _ => Format::ApiJson,
        }
    }
}

/// What a name or a media type says.
enum Said {
    Exactly(Format),
    /// One of the kinds of JSON.
    Json,
}

impl Said {
    fn by_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let (_, extension) = name.rsplit_once('.')?;
        match extension {
            // What an Excel file or a zip archive has is found when it is read.
            "csv" | "tsv" | "tab" | "txt" | "xlsx" | "zip" => Some(Self::Exactly(Format::Csv)),
            "ndjson" | "jsonl" => Some(Self::Exactly(Format::Ndjson)),
            "parquet" => Some(Self::Exactly(Format::Parquet)),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    fn by_media_type(text: &str) -> Option<Self> {
        let name = text
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match name.as_str() {
            "text/csv" | "application/csv" => Some(Self::Exactly(Format::Csv)),
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/jsonlines" => Some(Self::Exactly(Format::Ndjson)),
            "application/vnd.apache.parquet" | "application/x-parquet" => {
                Some(Self::Exactly(Format::Parquet))
            }
            "application/json" | "text/json" => Some(Self::Json),
            other if other.ends_with("+json") => Some(Self::Json),
            // Texts and streams of octets may be anything; so may what is gzip'd.
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn head(bytes: &[u8]) -> Head {
        Head::new(bytes.to_vec(), bytes.len() as u64)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_name_comes_before_the_media_type_and_that_before_the_bytes() {
        let json = Some("application/json; charset=utf-8");
        for (name, media_type, bytes, format) in [
            ("a.csv", json, "{}", Format::Csv),
            ("a.b.CSV.gz", None, "price\n1", Format::Csv),
            ("a.txt", json, "price\tbed\n1", Format::Csv),
            ("a.xlsx", json, "PK\u{3}\u{4}", Format::Csv),
            ("a.jsonl", None, "{}", Format::Ndjson),
            ("a.parquet", None, "PAR1", Format::Parquet),
            ("a.json", None, " [{}]", Format::Json),
            (
                "a.json",
                None,
                "{\"data\": [\n{\"bed\": 1}]}",
                Format::ApiJson,
            ),
            (
                "a.json",
                None,
                "{\"bed\": 1}\n{\"bed\": 2}\n",
                Format::Ndjson,
            ),
            ("/data", json, "{\"data\": []}", Format::ApiJson),
            ("/data", json, "[1]", Format::Json),
            ("/data", json, "<html>", Format::ApiJson),
            (
                "/v1.0/data",
                Some("application/x-ndjson"),
                "",
                Format::Ndjson,
            ),
            ("/data", Some("text/csv"), "", Format::Csv),
            (
                "/data",
                Some("application/vnd.api+json"),
                "{}",
                Format::ApiJson,
            ),
            ("/data", Some("text/html"), "<html>, sorry", Format::ApiJson),
            (
                "/data",
                Some("text/plain"),
                "\u{feff}price,bed\n1,2",
                Format::Csv,
            ),
            ("/data", None, "PAR1\0\0", Format::Parquet),
            ("/data", None, "oops", Format::ApiJson),
            ("/data", None, "", Format::ApiJson),
        ] {
            let form = head(bytes.as_bytes()).form(name, media_type, Format::ApiJson);
            assert_eq!(
                (form.format, form.gzip),
                (format, false),
                "{name} {media_type:?} {bytes}"
            );
        }
    }

    #[test]
    fn gzip_is_told_by_its_bytes_alone_also_where_they_are_cut() {
        let rows = "{\"bed\": 1, \"bath\": 2}\n".repeat(50_000);
        let packed = gzip(rows.as_bytes());
        let cut = packed[..packed.len() / 2].to_vec();
        let form = Head::new(cut, packed.len() as u64).form("x", None, Format::Csv);
        assert_eq!((form.format, form.gzip), (Format::Ndjson, true));
        let form = head(b"price\n1\n").form("x.csv.gz", None, Format::Csv);
        assert_eq!((form.format, form.gzip), (Format::Csv, false));
    }

    #[test]
    fn an_answer_without_rows_is_seen() {
        for text in ["{\"batch_number\": 4, \"data\": [ ]}", " []\n"] {
            assert!(head(text.as_bytes()).is_without_rows(), "{text}");
            assert!(head(&gzip(text.as_bytes())).is_without_rows(), "{text}");
        }
        for text in [
            "",
            "{}",
            "{\"data\": null}",
            "{\"data\": [{}]}",
            "{\"data\": [",
            "{\"rows\": []}",
        ] {
            assert!(!head(text.as_bytes()).is_without_rows(), "{text}");
        }
        assert!(!Head::new(b"[]".to_vec(), 3).is_without_rows());
    }
}
