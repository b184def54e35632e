//! Reads a batch as its source wrote it: rows of text, in any format.
//!
//! Text stays as it was written (`6016.0` is not 6016 here), because rejected rows are stored
//! unchanged. Missing keys, nulls and, in CSV, empty fields are null.

mod broken;
mod content;
mod delimited;
mod dialect;
mod header;
mod json;
mod lines;
mod parquet;
mod scan;
mod sheet;
mod table;
mod text;
mod zip;

use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use content::Content;
use polars::prelude::{PolarsError, StringChunked};
use tasador_lake::Format;
use tasador_listing::quality::{Problem, TextForm};
use tasador_listing::schema;
use tasador_listing::schema_file::SchemaFile;

pub use broken::BrokenRow;
pub use lines::Lines;
use scan::MAX_HEADER_BYTES;

/// The most columns of a batch; a table with more is not a list of listings.
pub const MAX_COLUMNS: usize = 1_000;
/// The most values of a batch, rows times columns. Even an empty cell takes at least 16 bytes, so a
/// small file with empty rows could fill the memory. The twelve known columns are always counted,
/// because the clean rows have them. The full data set has 27 million values.
pub const MAX_CELLS: usize = 64_000_000;
/// The most bytes of a batch after unpacking, so that a small file cannot fill the memory. Also the
/// most bytes that are read from the bucket.
pub const MAX_BYTES: u64 = tasador_lake::READ_LIMIT_BYTES;

#[derive(Debug, Clone, Default)]
pub struct Raw {
    /// Rows that could be read.
    pub rows: usize,
    /// The columns, with the source's names and order.
    pub columns: Vec<(String, StringChunked)>,
    /// Where the rows begin in a file of lines.
    pub lines: Lines,
    /// Rows that could not be read, in the source's order.
    pub broken: Vec<BrokenRow>,
    /// What was detected of a text.
    pub form: TextForm,
    /// What could not be read of the file as a whole.
    pub problems: Vec<Problem>,
}

/// Why a batch cannot be read. The chain of sources is shown to people, so the error of a library is
/// no source: only `Debug` has it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the JSON ends unexpectedly at line {line}, column {column}")]
    JsonCutOff { line: usize, column: usize },
    #[error("the JSON is not a list of rows: {reason}, line {line}, column {column}")]
    Json {
        reason: String,
        line: usize,
        column: usize,
    },
    #[error("the JSON object has no list `data` with rows")]
    NoRows,
    #[error("the header is not UTF-8 at byte {at}; save the file as UTF-8")]
    NotUtf8 { at: usize },
    #[error("the quotes in the header of the CSV are not closed, or stand in the middle of a name")]
    HeaderQuote,
    #[error(
        "the header is longer than {MAX_HEADER_BYTES} bytes; the first line of the file must be the names of the columns"
    )]
    HeaderTooLong,
    #[error("{counts}; correct the file and send it again. {examples}")]
    TooManyBroken { counts: String, examples: String },
    #[error("the rows cannot be put together; export the listings again, as CSV")]
    Table(PolarsError),
    #[error("the CSV is damaged; export the listings again")]
    Csv(PolarsError),
    #[error(
        "the Parquet file is damaged, or compressed or encrypted in a way that is not read; write it again with Zstandard or Snappy, or export the listings as CSV"
    )]
    Parquet(PolarsError),
    #[error("the gzip file is damaged or incomplete; compress it again, or send it uncompressed")]
    Gzip(std::io::Error),
    #[error("the file unpacks to more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("this is {what}, not a table; {advice}")]
    NotATable {
        what: &'static str,
        advice: &'static str,
    },
    #[error("the zip archive has {count} files ({names}); send the one with the listings")]
    SeveralFiles { count: usize, names: String },
    #[error(
        "the zip archive is damaged, or compressed in a way that is not read; send the table itself"
    )]
    Zip(::zip::result::ZipError),
    #[error(
        "the Excel file is damaged; open it and save it again as .xlsx, or export the listings as CSV"
    )]
    Sheet(calamine::XlsxError),
    #[error("there are more than {MAX_COLUMNS} columns")]
    TooManyColumns,
    #[error("there are more than {MAX_CELLS} values, rows times columns")]
    TooManyCells,
    #[error(
        "the zip archive or Excel file is damaged; save it again, or export the listings as CSV"
    )]
    DamagedArchive,
    #[error("the {format} file is damaged, or it is not {format}; export the listings again")]
    Damaged { format: Format },
}

/// Reads a batch. What the bytes are counts more than `format`: gzip and zip are unpacked, Parquet is read as
/// Parquet, Excel as Excel, and both kinds of JSON as what they are. `file` has the names of the columns of a text
/// without them.
///
/// Call it on a blocking thread.
///
/// # Errors
/// [`ReadError`]. A batch without rows is not an error.
pub fn read(bytes: Bytes, format: Format, file: &SchemaFile) -> Result<Raw, ReadError> {
    read_plain(bytes, format, file, Depth::Outermost)
}

/// Whether a file came in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    Outermost,
    InArchive,
}

fn read_plain(
    bytes: Bytes,
    format: Format,
    file: &SchemaFile,
    depth: Depth,
) -> Result<Raw, ReadError> {
    let bytes = unpack(bytes)?;
    let format = match content::content(&bytes) {
        Content::Parquet => Format::Parquet,
        Content::Zip if depth == Depth::Outermost || content::is_excel(&bytes) => {
            return catch_unwind(AssertUnwindSafe(|| zip::read(bytes, file)))
                .unwrap_or(Err(ReadError::DamagedArchive));
        }
        Content::Zip => {
            return Err(ReadError::NotATable {
                what: "a zip archive within a zip archive",
                advice: content::UNPACK,
            });
        }
        Content::Other(what, advice) => return Err(ReadError::NotATable { what, advice }),
        Content::Text => format,
    };
    match format {
        Format::ApiJson | Format::Json | Format::Ndjson => {
            let text = text::decode(bytes)?;
            let raw = json::read(&text.bytes, format == Format::Ndjson)?;
            Ok(Raw {
                form: TextForm {
                    encoding: Some(text.encoding.to_owned()),
                    separator: None,
                },
                ..raw
            })
        }
        // The libraries for these may panic on damaged bytes.
        Format::Csv => catch_unwind(AssertUnwindSafe(|| delimited::read(bytes, &file.header)))
            .unwrap_or(Err(ReadError::Damaged { format })),
        Format::Parquet => catch_unwind(AssertUnwindSafe(|| parquet::read(bytes)))
            .unwrap_or(Err(ReadError::Damaged { format })),
    }
}

/// Rejects tables that are too large, if possible before they are built.
fn check_size(rows: usize, columns: usize) -> Result<(), ReadError> {
    if columns > MAX_COLUMNS {
        return Err(ReadError::TooManyColumns);
    }
    if rows.saturating_mul(columns.max(schema::COLUMNS.len())) > MAX_CELLS {
        return Err(ReadError::TooManyCells);
    }
    Ok(())
}

fn unpack(bytes: Bytes) -> Result<Bytes, ReadError> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    if !bytes.starts_with(&GZIP) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes.as_ref())
        .take(MAX_BYTES + 1)
        .read_to_end(&mut unpacked)
        .map_err(ReadError::Gzip)?;
    if unpacked.len() as u64 > MAX_BYTES {
        return Err(ReadError::TooLarge);
    }
    Ok(unpacked.into())
}

/// Text without the byte order mark that some writers put before it.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

#[cfg(test)]
mod tests;
