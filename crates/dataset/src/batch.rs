//! One batch's clean Parquet as a frame.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Cursor;

use bytes::Bytes;
use polars::prelude::{
    Column as PolarsColumn, DataFrame, DataType, Float64Chunked, ParquetReader, PolarsError,
    SerReader as _, StringChunked,
};
use tasador_listing::clean::number_text;
use tasador_listing::identity::{FEATURE_COLUMNS, ID_COLUMNS, Identity, UNIT_COLUMNS};
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
        let is_needed =
            |name: &str| columns.contains(name) || name == schema::ROW_HASH || identifies(name);
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
    let properties = properties(&table, &row_hashes)?;
    let mut frame = Frame::new(table.height());
    for column in table.columns() {
        let name = column.name().as_str();
        let is_wanted = columns.is_none_or(|columns| columns.contains(name));
        if !is_wanted || !(schema::is_feature(name) || name == schema::PRICE) {
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

/// Whether the identity of a property may depend on this column.
fn identifies(name: &str) -> bool {
    const ADDRESS: [&str; 4] = [
        schema::STREET,
        schema::CITY,
        schema::STATE,
        schema::ZIP_CODE,
    ];
    ADDRESS.contains(&name)
        || ID_COLUMNS.contains(&name)
        || UNIT_COLUMNS.contains(&name)
        || FEATURE_COLUMNS.contains(&name)
}

/// The cells of a column that may name a property.
enum Cells<'a> {
    Texts(&'a StringChunked),
    Numbers(&'a Float64Chunked),
}
impl Cells<'_> {
    fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        match self {
            Self::Texts(texts) => texts.get(row).map(Cow::Borrowed),
            Self::Numbers(numbers) => {
                let number = numbers.get(row).filter(|number| !number.is_nan());
                number.map(|number| number_text(number).into())
            }
        }
    }

    fn number(&self, row: usize) -> f64 {
        match self {
            Self::Texts(_) => f64::NAN,
            Self::Numbers(numbers) => numbers.get(row).unwrap_or(f64::NAN),
        }
    }
}

fn first<'c>(columns: &'c [Cells<'_>], row: usize) -> Option<Cow<'c, str>> {
    columns.iter().find_map(|cells| cells.text(row))
}

/// The property of each row by today's rules, whatever rule the batch was cleaned with: all batches of
/// a dataset must agree.
fn properties(table: &DataFrame, row_hashes: &[u128]) -> Result<Vec<PropertyKey>, ReadError> {
    let cells = |name: &str| -> Result<Option<Cells<'_>>, ReadError> {
        let Ok(column) = table.column(name) else {
            return Ok(None);
        };
        Ok(match column.dtype() {
            DataType::String => Some(Cells::Texts(column.str()?)),
            DataType::Float64 => Some(Cells::Numbers(column.f64()?)),
            _ => None,
        })
    };
    let all = |names: &[&str]| -> Result<Vec<Cells<'_>>, ReadError> {
        let found: Result<Vec<_>, _> = names.iter().map(|name| cells(name)).collect();
        Ok(found?.into_iter().flatten().collect())
    };
    let (ids, units) = (all(&ID_COLUMNS)?, all(&UNIT_COLUMNS)?);
    let [street, city, state, zip_code] = [
        cells(schema::STREET)?,
        cells(schema::CITY)?,
        cells(schema::STATE)?,
        cells(schema::ZIP_CODE)?,
    ];
    let [bed, bath, lot, size] = FEATURE_COLUMNS.map(cells);
    let features = [bed?, bath?, lot?, size?];
    let mut buffer = Vec::new();
    let keys = row_hashes.iter().enumerate().map(|(row, hash)| {
        Identity {
            id: first(&ids, row).as_deref(),
            street: first(street.as_slice(), row).as_deref(),
            unit: first(&units, row).as_deref(),
            city: first(city.as_slice(), row).as_deref(),
            state: first(state.as_slice(), row).as_deref(),
            zip_code: first(zip_code.as_slice(), row).as_deref(),
            features: &features
                .each_ref()
                .map(|cells| cells.as_ref().map_or(f64::NAN, |cells| cells.number(row))),
        }
        .key(|| *hash, &mut buffer)
        .0
    });
    Ok(keys.collect())
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
