//! Builds data frames from columns, and writes them as Parquet.

use std::collections::VecDeque;
use std::io::Cursor;

use bytes::Bytes;
use polars::prelude::{
    Column, CompatLevel, CsvWriter, DataFrame, DataType, Float64Chunked, Int32Chunked,
    IntoColumn as _, IntoSeries as _, NewChunkedArray as _, ParquetReader, ParquetWriter,
    PlSmallStr, PolarsError, SerReader as _, SerWriter as _, StringChunked, StringChunkedBuilder,
};
use polars_parquet::write::{
    CompressedPage, CompressionOptions, ParquetType, StatisticsOptions, Version, WriteOptions,
    ZstdLevel, array_to_columns, compress, get_dtype_encoding,
};
use rayon::prelude::*;
use tasador_listing::clean::days_since_epoch;
use tasador_listing::property::{self, NotAHash};
use tasador_listing::schema;

use crate::cast::Values;

/// Rows per row group: few enough for low memory use, many enough for good compression.
const ROW_GROUP_ROWS: usize = 250_000;

/// The fastest level: of 2.2 million listings, the default one makes files 3 % larger in 1.4 times the time.
const ZSTD_LEVEL: i32 = 1;

/// Of a table for people, so many rows are written: it is sent in one answer, and Lambda's may have 6 MB.
const CSV_MAX_ROWS: usize = 10_000;
const CSV_MAX_BYTES: usize = 4_000_000;

/// The data frame library rejected a table.
#[derive(Debug, thiserror::Error)]
#[error("the rows could not be written as a table")]
pub struct FrameError(#[from] PolarsError);

/// Why the row hashes of a clean file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LeftError {
    #[error("the file cannot be read as Parquet")]
    Parquet(#[from] PolarsError),
    #[error("its column `row_hash` is damaged")]
    Hash(#[from] NotAHash),
}

/// Columns under construction.
pub(crate) struct Table {
    rows: usize,
    columns: Vec<Column>,
}

impl Table {
    pub(crate) fn new(rows: usize) -> Self {
        Self {
            rows,
            columns: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, column: Column) {
        self.columns.push(column);
    }

    /// Adds text under this name.
    pub(crate) fn text(&mut self, name: &str, cells: StringChunked) {
        self.add(text(name, cells));
    }

    /// Adds text that is never missing.
    pub(crate) fn texts(&mut self, name: &str, cells: impl Iterator<Item = impl AsRef<str>>) {
        self.add(texts(name, self.rows, cells));
    }

    /// Adds numbers; NaN becomes null.
    pub(crate) fn numbers(&mut self, name: &str, values: &[f64]) {
        self.add(numbers(name, values));
    }

    pub(crate) fn finish(self) -> Result<DataFrame, FrameError> {
        Ok(DataFrame::new(self.rows, self.columns)?)
    }
}

/// A column of a table.
pub(crate) fn column(name: &str, values: Values) -> Result<Column, FrameError> {
    Ok(match values {
        Values::Number(values) => numbers(name, &values),
        Values::Text(cells) => text(name, cells),
        Values::Date(dates) => {
            let days = dates.iter().map(|date| date.map(days_since_epoch));
            let days = Int32Chunked::from_iter_options(PlSmallStr::from_str(name), days);
            days.into_series().cast(&DataType::Date)?.into_column()
        }
    })
}

/// A column of text that is never missing.
pub(crate) fn texts(
    name: &str,
    rows: usize,
    texts: impl Iterator<Item = impl AsRef<str>>,
) -> Column {
    let mut cells = StringChunkedBuilder::new(PlSmallStr::from_str(name), rows);
    for text in texts {
        cells.append_value(text);
    }
    cells.finish().into_series().into_column()
}

fn text(name: &str, mut cells: StringChunked) -> Column {
    cells.rename(PlSmallStr::from_str(name));
    cells.into_series().into_column()
}

fn numbers(name: &str, values: &[f64]) -> Column {
    let values = values
        .iter()
        .map(|number| (!number.is_nan()).then_some(*number));
    let column = Float64Chunked::from_iter_options(PlSmallStr::from_str(name), values);
    column.into_series().into_column()
}

/// The table as Parquet, compressed with Zstandard. The same table gives the same bytes.
///
/// # Errors
/// [`FrameError`] if the data frame library rejects it.
pub fn to_parquet(mut table: DataFrame) -> Result<Vec<u8>, FrameError> {
    let options = WriteOptions {
        statistics: StatisticsOptions::default(),
        version: Version::V1,
        compression: CompressionOptions::Zstd(Some(ZstdLevel::try_new(ZSTD_LEVEL)?)),
        data_page_size: None,
    };
    // One piece of each column, so that a slice of it is one array.
    table.rechunk_mut();
    let mut bytes = Vec::new();
    let mut writer = ParquetWriter::new(&mut bytes).batched(table.schema())?;
    let types = writer.parquet_schema().fields().to_vec();
    let columns: Vec<(&Column, ParquetType)> = table.columns().iter().zip(types).collect();
    let starts: Vec<usize> = (0..table.height()).step_by(ROW_GROUP_ROWS).collect();
    // The library's writer compresses one page after the other.
    for starts in starts.chunks(rayon::current_num_threads()) {
        let parts: Vec<(usize, &(&Column, ParquetType))> = starts
            .iter()
            .flat_map(|start| columns.iter().map(|column| (*start, column)))
            .collect();
        let mut pages: VecDeque<Vec<CompressedPage>> = parts
            .into_par_iter()
            .map(|(start, (column, kind))| {
                compressed(&column.slice(start as i64, ROW_GROUP_ROWS), kind, options)
            })
            .collect::<Result<_, _>>()?;
        for start in starts {
            let rows = ROW_GROUP_ROWS.min(table.height() - start);
            let group: Vec<Vec<CompressedPage>> = pages.drain(..columns.len()).collect();
            writer.write_row_group(rows as u64, &group)?;
        }
    }
    writer.finish()?;
    drop(writer);
    Ok(bytes)
}

/// A part of a column as pages.
fn compressed(
    column: &Column,
    kind: &ParquetType,
    options: WriteOptions,
) -> Result<Vec<CompressedPage>, PolarsError> {
    let array = column
        .as_materialized_series()
        .to_arrow(0, CompatLevel::newest());
    let encodings = get_dtype_encoding(array.dtype());
    let leaves = array_to_columns(array, kind.clone(), options, &encodings)?;
    leaves
        .into_iter()
        .flatten()
        .map(|page| Ok(compress(page?, Vec::new(), options.compression)?))
        .collect()
}

/// As many of the first rows of a table as CSV as fit in an answer; `None` without rows.
///
/// # Errors
/// [`FrameError`] if the data frame library rejects it.
pub fn first_as_csv(table: &DataFrame) -> Result<Option<Vec<u8>>, FrameError> {
    let mut rows = table.height().min(CSV_MAX_ROWS);
    while rows > 0 {
        let mut bytes = Vec::new();
        CsvWriter::new(&mut bytes).finish(&mut table.head(Some(rows)))?;
        if bytes.len() <= CSV_MAX_BYTES {
            return Ok(Some(bytes));
        }
        rows /= 2;
    }
    Ok(None)
}

/// The row hashes of a clean file.
pub fn row_hashes(parquet: Bytes) -> Result<tasador_seen::Hashes, LeftError> {
    let table = ParquetReader::new(Cursor::new(parquet))
        .with_columns(Some(vec![schema::ROW_HASH.to_owned()]))
        .finish()?;
    let cells = table.column(schema::ROW_HASH)?.str()?.iter();
    Ok(property::hashes(cells)?.into_iter().collect())
}
