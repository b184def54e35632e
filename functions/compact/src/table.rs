//! Writes entries of the log as a Parquet file, and reads which entries a file has.

use std::collections::HashSet;
use std::io::Cursor;

use bytes::Bytes;
use jiff::Timestamp;
use polars::prelude::{
    Column, DataFrame, DataType, Int64Chunked, IntoColumn as _, IntoSeries as _,
    NewChunkedArray as _, ParquetCompression, ParquetReader, ParquetWriter, PlSmallStr,
    PolarsError, SerReader as _, StringChunked, TimeUnit,
};
use tasador_ids::ModelVersion;
use tasador_performance::{ServedPrice, served_prices as served_by};
use tasador_registry::LooseInference;

const AT: &str = "at";
const REQUEST_ID: &str = "request_id";

/// The data frame library rejected a table.
#[derive(Debug, thiserror::Error)]
#[error("the entries could not be written as a table")]
pub struct FrameError(#[from] PolarsError);

fn integers<I: Iterator<Item = Option<i64>>>(name: &str, values: I) -> Int64Chunked {
    Int64Chunked::from_iter_options(PlSmallStr::from_str(name), values)
}

fn texts<'t>(name: &str, values: impl Iterator<Item = Option<&'t str>>) -> Column {
    StringChunked::from_iter_options(PlSmallStr::from_str(name), values)
        .into_series()
        .into_column()
}

/// A time in nanoseconds since 1970; times of 64 bits reach from 1677 to 2262.
fn nanoseconds(at: Timestamp) -> Option<i64> {
    i64::try_from(at.as_nanosecond()).ok()
}

/// The entries as Parquet, compressed with Zstandard. The same entries give the same bytes.
///
/// Columns: `at` (UTC), `request_id`, `model`, `version`, `status`, `error`, `duration_us`, and
/// `input` and `output` as JSON.
///
/// # Errors
/// [`FrameError`].
pub(crate) fn parquet(entries: &[LooseInference]) -> Result<Vec<u8>, FrameError> {
    let records = || entries.iter().map(|entry| &entry.record);
    let at = integers(AT, records().map(|record| nanoseconds(record.at)))
        .into_series()
        .cast(&DataType::Datetime(TimeUnit::Nanoseconds, None))?;
    let json: Vec<(String, String)> = records()
        .map(|record| (record.input.to_string(), record.output.to_string()))
        .collect();
    let columns = vec![
        at.into_column(),
        texts(
            REQUEST_ID,
            records().map(|record| Some(record.request_id.as_str())),
        ),
        texts("model", records().map(|record| Some(record.model.as_str()))),
        integers(
            "version",
            records().map(|record| record.version.map(|version| i64::from(version.0))),
        )
        .into_series()
        .into_column(),
        integers(
            "status",
            records().map(|record| Some(i64::from(record.status))),
        )
        .into_series()
        .into_column(),
        texts("error", records().map(|record| record.error.as_deref())),
        integers(
            "duration_us",
            records().map(|record| i64::try_from(record.duration_us).ok()),
        )
        .into_series()
        .into_column(),
        texts("input", json.iter().map(|(input, _)| Some(input.as_str()))),
        texts(
            "output",
            json.iter().map(|(_, output)| Some(output.as_str())),
        ),
    ];
    let mut table = DataFrame::new(entries.len(), columns)?;
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes)
        .with_compression(ParquetCompression::Zstd(None))
        .finish(&mut table)?;
    Ok(bytes)
}

/// The entries of a file, by time and request id.
///
/// # Errors
/// [`FrameError`] if it is not such a file.
pub fn entries(parquet: Bytes) -> Result<HashSet<(Timestamp, String)>, FrameError> {
    let table = ParquetReader::new(Cursor::new(parquet))
        .with_columns(Some(vec![AT.to_owned(), REQUEST_ID.to_owned()]))
        .finish()?;
    let at = table.column(AT)?.cast(&DataType::Int64)?;
    let ids = table.column(REQUEST_ID)?.str()?.iter();
    Ok(at
        .i64()?
        .iter()
        .zip(ids)
        .filter_map(|(at, id)| {
            let at = Timestamp::from_nanosecond(i128::from(at?)).ok()?;
            Some((at, id?.to_owned()))
        })
        .collect())
}

/// The prices in a file, each with the property that it is for. Answers without a price are left out.
///
/// # Errors
/// [`FrameError`] if it is not such a file.
pub(crate) fn served_prices(parquet: Bytes) -> Result<Vec<ServedPrice>, FrameError> {
    let table = ParquetReader::new(Cursor::new(parquet)).finish()?;
    let at = table.column(AT)?.cast(&DataType::Int64)?;
    let versions = table.column("version")?.i64()?.iter();
    let texts = |name: &str| Ok::<_, PolarsError>(table.column(name)?.str()?.iter());
    let (ids, models) = (texts(REQUEST_ID)?, texts("model")?);
    let (inputs, outputs) = (texts("input")?, texts("output")?);
    Ok(at
        .i64()?
        .iter()
        .zip(versions)
        .zip(ids.zip(models))
        .zip(inputs.zip(outputs))
        .filter_map(|(((at, version), (id, model)), (input, output))| {
            Some(served_by(
                id?,
                Timestamp::from_nanosecond(i128::from(at?)).ok()?,
                &model?.parse().ok()?,
                ModelVersion(u32::try_from(version?).ok()?),
                &serde_json::from_str(input?).ok()?,
                &serde_json::from_str(output?).ok()?,
            ))
        })
        .flatten()
        .collect())
}
