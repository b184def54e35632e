//! A batch as its source wrote it: rows of text, whatever the format.
//!
//! Text stays as it was written (`6016.0` is not 6016 here), because what is refused is stored as
//! it came. Keys that a row lacks, nulls and, in CSV, empty fields are null.

mod delimited;
mod json;
mod parquet;
mod table;

use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use polars::prelude::{PolarsError, StringChunked};
use tasador_lake::Format;
use tasador_listing::schema;

/// The most columns that a batch may have: more are not a table of listings.
pub const MAX_COLUMNS: usize = 1_000;
/// The most values that a batch may have, rows times columns: a cell takes 16 bytes and more, also
/// an empty one, so a small file of empty rows could fill the memory. The twelve columns are always
/// counted, because the clean rows have them. The full data set has 27 million.
pub const MAX_CELLS: usize = 64_000_000;
/// The most bytes that a batch may have once unpacked, so that a small file can't fill the memory.
/// As much is read from the bucket into memory.
pub const MAX_BYTES: u64 = tasador_lake::READ_LIMIT_BYTES;

/// Rows of text.
#[derive(Debug, Clone, Default)]
pub struct Raw {
    pub rows: usize,
    /// The columns with the source's names, in its order.
    pub columns: Vec<(String, StringChunked)>,
}

/// Why bytes are not a batch.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the JSON is cut off at line {line}, column {column}")]
    JsonCutOff { line: usize, column: usize },
    #[error("the JSON can't be read as rows: {reason}, line {line}, column {column}")]
    Json {
        reason: String,
        line: usize,
        column: usize,
    },
    #[error("the JSON object has no list `data` with the rows")]
    NoRows,
    #[error("the text is not UTF-8 from byte {at} on")]
    NotUtf8 { at: usize },
    #[error("a quoted field of the CSV does not end: the file is cut off, or a quote is missing")]
    OpenQuote,
    #[error("the CSV can't be read")]
    Csv(#[source] PolarsError),
    #[error("the Parquet can't be read")]
    Parquet(#[source] PolarsError),
    #[error("column `{name}` of the Parquet is of type {found}, which is no plain value")]
    ParquetType { name: String, found: String },
    #[error("the gzip can't be unpacked")]
    Gzip(#[source] std::io::Error),
    #[error("the gzip unpacks to more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("there are more than {MAX_COLUMNS} columns")]
    TooManyColumns,
    #[error("there are more than {MAX_CELLS} values, rows times columns")]
    TooManyCells,
    #[error("the {format} is damaged in a way its reader does not survive")]
    Damaged { format: Format },
}

/// Reads a batch. Text that begins as gzip does is unpacked first, whatever its name says.
///
/// It is heavy work for a thread that may block.
///
/// # Errors
/// [`ReadError`]. A batch without rows is none.
pub fn read(bytes: Bytes, format: Format) -> Result<Raw, ReadError> {
    let bytes = unpack(bytes)?;
    match format {
        Format::ApiJson | Format::Json => json::read_document(&bytes),
        Format::Ndjson => json::read_lines(&bytes),
        // These two are read by a library that asserts here and there what damaged bytes don't
        // keep.
        Format::Csv => catch_unwind(AssertUnwindSafe(|| delimited::read(bytes)))
            .unwrap_or(Err(ReadError::Damaged { format })),
        Format::Parquet => catch_unwind(AssertUnwindSafe(|| parquet::read(bytes)))
            .unwrap_or(Err(ReadError::Damaged { format })),
    }
}

/// Refuses tables that are too large, at best before they are made.
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
