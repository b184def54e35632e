//! One batch's clean Parquet as a frame.

use std::collections::BTreeSet;
use std::io::Cursor;

use bytes::Bytes;
use polars::prelude::{
    Column as PolarsColumn, DataType, ParquetReader, PolarsError, SerReader as _, StringChunked,
};
use tasador_listing::property::{self, NotAHash, PropertyKey};
use tasador_listing::schema;
use tasador_model::frame::FrameError;
use tasador_model::{Column, Frame};

/// Why a clean file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the clean file cannot be read as Parquet")]
    Parquet(#[from] PolarsError),
    #[error("the clean file has no column `{0}`")]
    ColumnMissing(&'static str),
    #[error(
        "column `{name}` of the clean file has the type {found}, which clean files do not have"
    )]
    ColumnType { name: String, found: String },
    #[error("column `{column}` of the clean file cannot be read")]
    NotAHash {
        column: &'static str,
        source: NotAHash,
    },
    #[error("the columns of the clean file have different lengths")]
    Frame(#[from] FrameError),
}

/// The clean rows of one batch.
#[derive(Debug, Clone, PartialEq)]
pub struct CleanBatch {
    /// All columns except `property_key`, `row_hash` and `street`, which no model learns from.
    pub frame: Frame,
    /// The property key of each row.
    pub properties: Vec<PropertyKey>,
    /// The hash of each row.
    pub row_hashes: Vec<u128>,
}

/// Reads the clean Parquet of one batch as a frame with its properties.
///
/// Call it on a blocking thread: the library's threads panic inside a single-threaded runtime.
///
/// # Errors
/// [`ReadError`].
pub fn read_parquet(bytes: Bytes) -> Result<Frame, ReadError> {
    let CleanBatch {
        mut frame,
        properties,
        ..
    } = read_columns(bytes, None)?;
    frame.set_properties(properties.into_iter().map(|key| key.0).collect())?;
    Ok(frame)
}

/// Reads the clean Parquet of one batch with its row hashes and property keys.
///
/// # Errors
/// [`ReadError`].
pub fn read_batch(bytes: Bytes) -> Result<CleanBatch, ReadError> {
    read_columns(bytes, None)
}

/// [`read_batch`] with no more columns than these, as far as the file has them.
pub(crate) fn read_columns(
    bytes: Bytes,
    columns: Option<&BTreeSet<String>>,
) -> Result<CleanBatch, ReadError> {
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    if let Some(columns) = columns {
        let is_needed = |name: &str| {
            columns.contains(name) || [schema::ROW_HASH, schema::PROPERTY_KEY].contains(&name)
        };
        let schema = reader.schema()?;
        let names = schema.iter_names().map(|name| name.to_string());
        let needed = names.filter(|name| is_needed(name)).collect();
        reader = reader.with_columns(Some(needed));
    }
    let table = reader.finish()?;
    let hashes = |name: &'static str| -> Result<Vec<u128>, ReadError> {
        let column = table
            .column(name)
            .map_err(|_| ReadError::ColumnMissing(name))?;
        property::hashes(text(column)?.iter()).map_err(|source| ReadError::NotAHash {
            column: name,
            source,
        })
    };
    let row_hashes = hashes(schema::ROW_HASH)?;
    let properties = hashes(schema::PROPERTY_KEY)?
        .into_iter()
        .map(PropertyKey)
        .collect();
    let mut frame = Frame::new(table.height());
    for column in table.columns() {
        let name = column.name().as_str();
        if [schema::ROW_HASH, schema::PROPERTY_KEY, schema::STREET].contains(&name) {
            continue;
        }
        frame.push(name, convert(column)?)?;
    }
    Ok(CleanBatch {
        frame,
        properties,
        row_hashes,
    })
}

fn convert(column: &PolarsColumn) -> Result<Column, ReadError> {
    match column.dtype() {
        DataType::Float64 => Ok(Column::Number(
            column
                .f64()?
                .iter()
                .map(|value| value.unwrap_or(f64::NAN))
                .collect(),
        )),
        DataType::Date => Ok(Column::Date(
            column
                .to_physical_repr()
                .i32()?
                .iter()
                .map(|days| days.map_or(f64::NAN, f64::from))
                .collect(),
        )),
        DataType::String => Ok(Column::category(text(column)?.iter())),
        other => Err(type_error(column, other)),
    }
}

fn text(column: &PolarsColumn) -> Result<&StringChunked, ReadError> {
    match column.dtype() {
        DataType::String => Ok(column.str()?),
        other => Err(type_error(column, other)),
    }
}

fn type_error(column: &PolarsColumn, found: &DataType) -> ReadError {
    ReadError::ColumnType {
        name: column.name().to_string(),
        found: found.to_string(),
    }
}
