//! Parquet with plain values, each converted to the text that JSON would contain.

mod lengths;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use polars::prelude::{
    ArrowDataType, ArrowSchema, BooleanChunked, ChunkFilter as _, ChunkFullNull as _, Column,
    DataType, NewChunkedArray as _, ParquetReader, PlSmallStr, SerReader as _, StringChunked,
    StringChunkedBuilder, TimeUnit,
};

use tasador_ids::Format;
use tasador_listing::quality::{Problem, ProblemKind};
use tasador_listing::schema::MAX_NAME_CHARS;

use super::broken::{Broken, Fault, MAX_CELL_BYTES};
use super::{MAX_BYTES, Raw, ReadError, check_size};

/// The most digits of a decimal that the library reads.
const MAX_DIGITS: usize = 38;

/// A column with a larger share of values that are not text is left out.
const MAX_NOT_TEXT_SHARE: f64 = 0.1;

/// Reads Parquet. Columns of nested and other unsupported values are left out.
pub(super) fn read(bytes: Bytes) -> Result<Raw, ReadError> {
    if !lengths::are_possible(&bytes) {
        return Err(ReadError::Damaged {
            format: Format::Parquet,
        });
    }
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let schema = reader.schema().map_err(ReadError::Parquet)?;
    let rows = reader.num_rows().map_err(ReadError::Parquet)?;
    check_size(rows, schema.len())?;
    let mut problems = Vec::new();
    let mut kept = ArrowSchema::default();
    for (name, field) in schema.iter() {
        match unsupported(field.dtype()) {
            Some(what) => problems.push(not_read(name, what)),
            None => {
                kept.insert(name.clone(), field.clone());
            }
        }
    }
    let columns = if kept.is_empty() {
        Vec::new()
    } else {
        // The reader converts the types of all columns that it knows, and panics at some.
        let table = reader
            .with_arrow_schema_projection(&Arc::new(kept.clone()), Some(&kept), true)
            .and_then(ParquetReader::finish);
        let table = table.map_err(ReadError::Parquet)?;
        let mut columns = Vec::new();
        for column in table.columns() {
            let name = column.name().to_string();
            let cells = text(column)?;
            let lost = cells.null_count().saturating_sub(column.null_count());
            let given = column.len() - column.null_count();
            let is_binary = matches!(column.dtype(), DataType::Binary);
            let empty = if is_binary { empty(column) } else { 0 };
            let lost = lost.saturating_sub(empty);
            if is_binary && lost as f64 > given as f64 * MAX_NOT_TEXT_SHARE {
                problems.push(not_read(&name, "binary values that are not text"));
                continue;
            }
            if is_binary && lost > 0 {
                problems.push(some_not_read(&name, lost));
            }
            columns.push((name, cells));
        }
        columns
    };
    // A damaged file can give columns that are shorter than the table.
    if columns.iter().any(|(_, text)| text.len() != rows) {
        return Err(ReadError::Damaged {
            format: Format::Parquet,
        });
    }
    Ok(Raw {
        problems,
        ..without_long_rows(rows, columns)?
    })
}

/// Rejects rows with a value that is too long. A small file may repeat a long value in many rows, so all of
/// the text counts against the limit of a batch.
fn without_long_rows(
    rows: usize,
    mut columns: Vec<(String, StringChunked)>,
) -> Result<Raw, ReadError> {
    let (mut bytes, mut long) = (0, BTreeSet::new());
    for (_, cells) in &columns {
        for (row, cell) in cells.iter().enumerate() {
            let length = cell.map_or(0, str::len);
            if length > MAX_CELL_BYTES {
                long.insert(row);
            } else {
                bytes += length as u64;
            }
        }
    }
    if bytes > MAX_BYTES {
        return Err(ReadError::TooLarge);
    }
    let kept = rows - long.len();
    if !long.is_empty() {
        let mask = (0..rows).map(|row| !long.contains(&row));
        let mask = BooleanChunked::from_iter_values(PlSmallStr::EMPTY, mask);
        for (_, cells) in &mut columns {
            *cells = cells.filter(&mask).map_err(ReadError::Table)?;
        }
    }
    let mut broken = Broken::default();
    for row in long {
        broken.add(row + 1, 0..0, Fault::CellTooLong);
    }
    Ok(Raw {
        rows: kept,
        columns,
        broken: broken.finish(b"", kept)?,
        ..Raw::default()
    })
}

fn not_read(column: &str, what: &str) -> Problem {
    let column: String = column.chars().take(MAX_NAME_CHARS).collect();
    Problem {
        kind: ProblemKind::NotRead,
        sentence: format!("Column `{column}` has {what}, and was not read."),
        column: Some(column),
    }
}

fn some_not_read(column: &str, values: usize) -> Problem {
    let column: String = column.chars().take(MAX_NAME_CHARS).collect();
    Problem {
        kind: ProblemKind::NotRead,
        sentence: format!(
            "Column `{column}` has {values} binary values that are not text; they were not read."
        ),
        column: Some(column),
    }
}

/// How many binary values have no bytes; they are missing, not lost.
fn empty(column: &Column) -> usize {
    let values = column.binary().map(|values| {
        let values = values.iter().flatten();
        values.filter(|value| value.is_empty()).count()
    });
    values.unwrap_or_default()
}

/// What a column has that is no text; `None` for everything else.
fn unsupported(dtype: &ArrowDataType) -> Option<&'static str> {
    use ArrowDataType as Type;
    match dtype {
        Type::Null
        | Type::Boolean
        | Type::Int8
        | Type::Int16
        | Type::Int32
        | Type::Int64
        | Type::UInt8
        | Type::UInt16
        | Type::UInt32
        | Type::UInt64
        | Type::Float32
        | Type::Float64
        | Type::Decimal32(..)
        | Type::Decimal64(..)
        | Type::Date32
        | Type::Date64
        | Type::Timestamp(..)
        | Type::Utf8
        | Type::LargeUtf8
        | Type::Utf8View
        | Type::Binary
        | Type::LargeBinary
        | Type::BinaryView
        | Type::FixedSizeBinary(_) => None,
        Type::Decimal(digits, _) | Type::Decimal256(digits, _) if *digits <= MAX_DIGITS => None,
        Type::Decimal(..) | Type::Decimal256(..) => Some("decimals of more than 38 digits"),
        Type::Float16 => Some("floating-point numbers of 16 bits (float16)"),
        Type::Dictionary(_, values, _) => match values.as_ref() {
            Type::Utf8 | Type::LargeUtf8 | Type::Utf8View => None,
            values => unsupported(values),
        },
        Type::List(_) | Type::LargeList(_) | Type::FixedSizeList(..) => Some("lists"),
        Type::Struct(_) | Type::Map(..) => Some("nested values"),
        Type::Time32(_) | Type::Time64(_) => Some("times of day"),
        Type::Duration(_) => Some("durations"),
        Type::Interval(_) => Some("intervals"),
        _ => Some("values of another type"),
    }
}

fn text(column: &Column) -> Result<StringChunked, ReadError> {
    let failed = ReadError::Parquet;
    match column.dtype() {
        DataType::String => Ok(column.str().map_err(failed)?.clone()),
        DataType::Boolean => {
            let values = column.bool().map_err(failed)?;
            Ok(spell(values.len(), values.iter(), |text, value| {
                text.push_str(if value { "true" } else { "false" });
            }))
        }
        DataType::Float64 => {
            let values = column.f64().map_err(failed)?;
            Ok(spell(values.len(), values.iter(), |text, value| {
                // `6016.0`, as Python and JSON write it.
                let _ = write!(text, "{value:?}");
            }))
        }
        DataType::Float32 => {
            let values = column.f32().map_err(failed)?;
            Ok(spell(values.len(), values.iter(), |text, value| {
                let _ = write!(text, "{value:?}");
            }))
        }
        DataType::Date => {
            let days = column.to_physical_repr();
            let days = days.i32().map_err(failed)?;
            Ok(spell(days.len(), days.iter(), |text, days| {
                if let Some(date) = tasador_listing::clean::date_from_days(days) {
                    let _ = write!(text, "{date}");
                }
            }))
        }
        DataType::Datetime(unit, zone) => {
            let unit = *unit;
            // Midnight in Madrid is another day in Greenwich.
            let zone = zone.as_ref().and_then(|zone| {
                let parser = jiff::fmt::temporal::DateTimeParser::new();
                parser.parse_time_zone(zone.as_str()).ok()
            });
            let ticks = column.to_physical_repr();
            let ticks = ticks.i64().map_err(failed)?;
            Ok(spell(ticks.len(), ticks.iter(), |text, ticks| {
                if let Some(time) = timestamp(ticks, unit) {
                    let _ = match &zone {
                        Some(zone) => write!(text, "{}", zone.to_datetime(time)),
                        None => write!(text, "{time}"),
                    };
                }
            }))
        }
        DataType::Decimal(..) | DataType::Categorical(..) | DataType::Enum(..) => {
            let text = column.cast(&DataType::String).map_err(failed)?;
            Ok(text.str().map_err(ReadError::Parquet)?.clone())
        }
        // Some writers do not mark text as such.
        DataType::Binary => {
            let values = column.binary().map_err(failed)?;
            Ok(spell(values.len(), values.iter(), |text, value| {
                text.push_str(std::str::from_utf8(value).unwrap_or_default());
            }))
        }
        DataType::UInt64 => {
            let values = column.u64().map_err(failed)?;
            Ok(spell(values.len(), values.iter(), |text, value| {
                let _ = write!(text, "{value}");
            }))
        }
        dtype if dtype.is_integer() => {
            let values = column.cast(&DataType::Int64).map_err(failed)?;
            let values = values.i64().map_err(failed)?;
            Ok(spell(values.len(), values.iter(), |text, value| {
                let _ = write!(text, "{value}");
            }))
        }
        _ => Ok(StringChunked::full_null(PlSmallStr::EMPTY, column.len())),
    }
}

fn timestamp(ticks: i64, unit: TimeUnit) -> Option<jiff::Timestamp> {
    match unit {
        TimeUnit::Nanoseconds => jiff::Timestamp::from_nanosecond(ticks.into()),
        TimeUnit::Microseconds => jiff::Timestamp::from_microsecond(ticks),
        TimeUnit::Milliseconds => jiff::Timestamp::from_millisecond(ticks),
    }
    .ok()
}

/// Text of values in one buffer; a value that cannot be converted is null.
fn spell<T>(
    length: usize,
    values: impl Iterator<Item = Option<T>>,
    spelled: impl Fn(&mut String, T),
) -> StringChunked {
    let mut cells = StringChunkedBuilder::new(PlSmallStr::EMPTY, length);
    let mut text = String::new();
    for value in values {
        text.clear();
        if let Some(value) = value {
            spelled(&mut text, value);
        }
        cells.append_option((!text.is_empty()).then_some(text.as_str()));
    }
    cells.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::{
        ChunkFull as _, DataFrame, IntoColumn as _, NamedFrom as _, ParquetWriter, Series,
    };
    use tasador_listing::reject::Reason;

    #[test]
    fn plain_values_are_converted_to_text() {
        let mut table = DataFrame::new(
            2,
            vec![
                Series::new("price".into(), [Some(289_900.0), None]).into_column(),
                Series::new("bed".into(), [Some(4_i64), None]).into_column(),
                Series::new("bath".into(), [Some(2.5_f32), None]).into_column(),
                Series::new("small".into(), [Some(4_i32), None]).into_column(),
                Series::new("sold".into(), [Some(true), None]).into_column(),
                Series::new("city".into(), [Some(" Lee"), None]).into_column(),
                Series::new("date".into(), [Some(10_864_i32), None])
                    .cast(&DataType::Date)
                    .unwrap()
                    .into_column(),
                Series::new("time".into(), [Some(938_649_600_000_i64), None])
                    .cast(&DataType::Datetime(TimeUnit::Milliseconds, None))
                    .unwrap()
                    .into_column(),
            ],
        )
        .unwrap();
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).finish(&mut table).unwrap();
        let raw = read(bytes.into()).unwrap();
        assert_eq!(raw.rows, 2);
        let first: Vec<Option<&str>> = raw.columns.iter().map(|(_, cells)| cells.get(0)).collect();
        assert_eq!(
            first,
            [
                Some("289900.0"),
                Some("4"),
                Some("2.5"),
                Some("4"),
                Some("true"),
                Some(" Lee"),
                Some("1999-09-30"),
                Some("1999-09-30T00:00:00Z"),
            ]
        );
        assert!(raw.columns.iter().all(|(_, cells)| cells.get(1).is_none()));
    }

    fn written(cells: Vec<String>) -> Bytes {
        let rows = cells.len();
        let cells = Series::new("note".into(), cells).into_column();
        let ids = Series::new("id".into(), (0..rows as i64).collect::<Vec<_>>()).into_column();
        let mut table = DataFrame::new(rows, vec![ids, cells]).unwrap();
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).finish(&mut table).unwrap();
        bytes.into()
    }

    #[test]
    fn a_row_with_a_long_value_is_rejected_alone() {
        let cell = |row: usize| match row {
            7 => "x".repeat(MAX_CELL_BYTES + 1),
            8 => "x".repeat(MAX_CELL_BYTES),
            _ => "x".to_owned(),
        };
        let raw = read(written((0..20).map(cell).collect())).unwrap();
        assert_eq!((raw.rows, raw.columns[0].1.len()), (19, 19));
        assert_eq!(raw.columns[0].1.get(7), Some("8"));
        assert_eq!(raw.broken.len(), 1);
        assert_eq!(
            (raw.broken[0].line, raw.broken[0].reason),
            (8, Reason::RowTooLong)
        );
    }

    #[test]
    fn a_small_file_that_repeats_a_long_value_is_too_large() {
        let rows = MAX_BYTES as usize / MAX_CELL_BYTES + 1;
        let value = "x".repeat(MAX_CELL_BYTES);
        // As views of one text, which is what the reader makes of a dictionary.
        let cells = StringChunked::full(PlSmallStr::EMPTY, value.as_str(), rows);
        let columns = vec![("note".to_owned(), cells)];
        let error = without_long_rows(rows, columns).unwrap_err();
        assert!(matches!(error, ReadError::TooLarge), "{error}");
    }

    #[test]
    fn files_that_are_not_parquet_are_reported() {
        for bytes in [&b""[..], b"PAR1", b"PAR1 but not for long PAR1", b"{}"] {
            let error = read(Bytes::from_static(bytes)).unwrap_err();
            assert!(matches!(error, ReadError::Damaged { .. }), "{error}");
        }
    }
}
