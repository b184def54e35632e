//! The priced file: the source's columns as they were written, then what is said of each listing.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use polars::io::parquet::write::BatchedWriter;
use polars::prelude::{
    Column, DataFrame, DataType, Field, Float64Chunked, IntoColumn as _, IntoSeries as _,
    NewChunkedArray as _, ParquetCompression, ParquetWriter, PlSmallStr, Schema, StringChunked,
    UInt32Chunked,
};
use tasador_http::FieldError;
use tasador_pricing::{Appraised, Appraiser};
use tempfile::NamedTempFile;

/// The columns that are added. A column of the source with such a name, of an earlier appraisal, is left out.
const ADDED: [(&str, Kind); 13] = [
    ("predicted_price", Kind::Amount),
    ("price_kind", Kind::Text),
    ("price_low", Kind::Amount),
    ("price_high", Kind::Amount),
    ("confidence", Kind::Text),
    ("fsd", Kind::Amount),
    ("warnings", Kind::Text),
    ("contributions", Kind::Text),
    ("version", Kind::Number),
    ("previous_price", Kind::Amount),
    ("previous_version", Kind::Number),
    ("change", Kind::Amount),
    ("error", Kind::Text),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Amount,
    Number,
    Text,
}

/// What is written of one listing, in the order of [`ADDED`].
enum Value {
    Amount(f64),
    Number(u32),
    Text(String),
    Nothing,
}

/// The format of a priced file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    Parquet,
}

impl Format {
    /// By the name of the file.
    ///
    /// # Errors
    /// A name that ends otherwise.
    pub fn of(file: &Path) -> anyhow::Result<Self> {
        let extension = file.extension().and_then(|extension| extension.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            _ => bail!(
                "the format of {} is not known by its name; name the output .csv or .parquet",
                file.display()
            ),
        }
    }
}

/// A file under construction, beside its place.
pub(super) struct Output {
    place: PathBuf,
    /// The source's columns that are kept, as indexes.
    kept: Vec<usize>,
    names: Vec<String>,
    version: u32,
    previous_version: Option<u32>,
    writer: Writer,
}

enum Writer {
    Csv(BufWriter<NamedTempFile>),
    Parquet {
        writer: Box<BatchedWriter<BufWriter<std::fs::File>>>,
        file: NamedTempFile,
    },
}

/// Some listings, ready to be written.
pub(super) struct Batch {
    pub(super) rows: u64,
    pub(super) priced: u64,
    encoded: Encoded,
}

enum Encoded {
    Csv(Vec<u8>),
    Table(DataFrame),
}

impl Output {
    pub(super) fn create(
        place: &Path,
        format: Format,
        source: &[(String, StringChunked)],
        appraiser: &Appraiser,
    ) -> anyhow::Result<Self> {
        let is_added = |name: &str| ADDED.iter().any(|(added, _)| *added == name);
        let kept = source.iter().enumerate();
        let kept: Vec<usize> = kept
            .filter(|(_, (name, _))| !is_added(name))
            .map(|(index, _)| index)
            .collect();
        let names = kept.iter().filter_map(|&index| source.get(index));
        let names: Vec<String> = names.map(|(name, _)| name.clone()).collect();
        let folder = place.parent().filter(|folder| folder != &Path::new(""));
        let file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))
            .with_context(|| format!("{} cannot be written", place.display()))?;
        let writer = match format {
            Format::Csv => {
                let mut header = csv::Writer::from_writer(BufWriter::new(file));
                let added = ADDED.iter().map(|(name, _)| *name);
                header.write_record(names.iter().map(String::as_str).chain(added))?;
                Writer::Csv(header.into_inner().map_err(|error| error.into_error())?)
            }
            Format::Parquet => {
                let texts = names.iter().map(|name| (name.as_str(), DataType::String));
                let added = ADDED.iter().map(|(name, kind)| {
                    let kind = match kind {
                        Kind::Amount => DataType::Float64,
                        Kind::Number => DataType::UInt32,
                        Kind::Text => DataType::String,
                    };
                    (*name, kind)
                });
                let fields = texts.chain(added);
                let schema: Schema = fields
                    .map(|(name, kind)| Field::new(name.into(), kind))
                    .collect();
                let writer = ParquetWriter::new(BufWriter::new(file.reopen()?))
                    .with_compression(ParquetCompression::Zstd(None))
                    .batched(&schema)?;
                Writer::Parquet {
                    writer: Box::new(writer),
                    file,
                }
            }
        };
        Ok(Self {
            place: place.to_owned(),
            kept,
            names,
            version: appraiser.version().version,
            previous_version: appraiser.previous_version(),
            writer,
        })
    }

    /// Encodes some listings, given the source's columns of their rows.
    pub(super) fn batch(
        &self,
        source: Vec<StringChunked>,
        appraised: &[Result<Appraised, Vec<FieldError>>],
    ) -> anyhow::Result<Batch> {
        let source = source.into_iter().enumerate();
        let source: Vec<StringChunked> = source
            .filter(|(index, _)| self.kept.contains(index))
            .map(|(_, column)| column)
            .collect();
        let encoded = match &self.writer {
            Writer::Csv(_) => Encoded::Csv(self.lines(&source, appraised)?),
            Writer::Parquet { .. } => Encoded::Table(self.table(source, appraised)?),
        };
        Ok(Batch {
            rows: appraised.len() as u64,
            priced: appraised.iter().filter(|one| one.is_ok()).count() as u64,
            encoded,
        })
    }

    fn lines(
        &self,
        source: &[StringChunked],
        appraised: &[Result<Appraised, Vec<FieldError>>],
    ) -> anyhow::Result<Vec<u8>> {
        let mut lines = csv::Writer::from_writer(Vec::new());
        let mut columns: Vec<_> = source.iter().map(|column| column.iter()).collect();
        for one in appraised {
            for column in &mut columns {
                lines.write_field(column.next().flatten().unwrap_or_default())?;
            }
            for value in self.values(one) {
                match value {
                    Value::Amount(amount) => lines.write_field(amount.to_string())?,
                    Value::Number(number) => lines.write_field(number.to_string())?,
                    Value::Text(text) => lines.write_field(text)?,
                    Value::Nothing => lines.write_field("")?,
                }
            }
            lines.write_record(None::<&[u8]>)?;
        }
        Ok(lines.into_inner().map_err(|error| error.into_error())?)
    }

    fn table(
        &self,
        source: Vec<StringChunked>,
        appraised: &[Result<Appraised, Vec<FieldError>>],
    ) -> anyhow::Result<DataFrame> {
        let mut columns: Vec<Column> = self
            .names
            .iter()
            .zip(source)
            .map(|(name, column)| {
                column
                    .with_name(name.as_str().into())
                    .into_series()
                    .into_column()
            })
            .collect();
        let mut values: Vec<Vec<Value>> = ADDED.iter().map(|_| Vec::new()).collect();
        for one in appraised {
            for (column, value) in values.iter_mut().zip(self.values(one)) {
                column.push(value);
            }
        }
        for ((name, kind), values) in ADDED.into_iter().zip(values) {
            let name = PlSmallStr::from_static(name);
            let values = values.into_iter();
            columns.push(
                match kind {
                    Kind::Amount => {
                        let amounts = values.map(|value| match value {
                            Value::Amount(amount) => Some(amount),
                            _ => None,
                        });
                        Float64Chunked::from_iter_options(name, amounts).into_series()
                    }
                    Kind::Number => {
                        let numbers = values.map(|value| match value {
                            Value::Number(number) => Some(number),
                            _ => None,
                        });
                        UInt32Chunked::from_iter_options(name, numbers).into_series()
                    }
                    Kind::Text => {
                        let texts = values.map(|value| match value {
                            Value::Text(text) => Some(text),
                            _ => None,
                        });
                        StringChunked::from_iter_options(name, texts).into_series()
                    }
                }
                .into_column(),
            );
        }
        Ok(DataFrame::new(appraised.len(), columns)?)
    }

    fn values(&self, appraised: &Result<Appraised, Vec<FieldError>>) -> [Value; ADDED.len()] {
        let number = |number: Option<u32>| number.map_or(Value::Nothing, Value::Number);
        let version = Value::Number(self.version);
        let previous_version = number(self.previous_version);
        match appraised {
            Ok(Appraised {
                price,
                contributions,
                previous_price,
            }) => [
                Value::Amount(price.predicted_price),
                price
                    .price_kind
                    .map_or(Value::Nothing, |kind| Value::Text(kind.as_str().to_owned())),
                Value::Amount(price.interval.low),
                Value::Amount(price.interval.high),
                Value::Text(price.confidence.letter().to_owned()),
                Value::Amount(price.fsd),
                texts(
                    price
                        .warnings
                        .iter()
                        .map(|it| format!("{}: {}", it.field, it.message)),
                ),
                texts(
                    contributions
                        .iter()
                        .map(|it| format!("{}: {:+.2}", it.name, it.amount)),
                ),
                version,
                previous_price.map_or(Value::Nothing, Value::Amount),
                previous_version,
                previous_price.map_or(Value::Nothing, |previous| {
                    let change = price.predicted_price / previous - 1.0;
                    Value::Amount((change * 1e4).round() / 1e4)
                }),
                Value::Nothing,
            ],
            Err(errors) => {
                let error = texts(errors.iter().map(|error| match error.field.as_str() {
                    "" => error.reason.clone(),
                    field => format!("{field}: {}", error.reason),
                }));
                let none = || Value::Nothing;
                [
                    none(),
                    none(),
                    none(),
                    none(),
                    none(),
                    none(),
                    none(),
                    none(),
                    version,
                    none(),
                    previous_version,
                    none(),
                    error,
                ]
            }
        }
    }

    /// Appends batches.
    pub(super) fn write(&mut self, batches: Vec<Batch>) -> anyhow::Result<()> {
        match &mut self.writer {
            Writer::Csv(writer) => {
                for batch in batches {
                    if let Encoded::Csv(lines) = batch.encoded {
                        writer.write_all(&lines)?;
                    }
                }
            }
            Writer::Parquet { writer, .. } => {
                let mut whole: Option<DataFrame> = None;
                for batch in batches {
                    let Encoded::Table(table) = batch.encoded else {
                        continue;
                    };
                    match &mut whole {
                        Some(whole) => {
                            whole.vstack_mut(&table)?;
                        }
                        None => whole = Some(table),
                    }
                }
                if let Some(mut whole) = whole {
                    whole.rechunk_mut();
                    writer.write_batch(&whole)?;
                }
            }
        }
        Ok(())
    }

    /// Puts the file in its place.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let file = match self.writer {
            Writer::Csv(writer) => writer.into_inner().map_err(|error| error.into_error())?,
            Writer::Parquet { writer, file } => {
                writer.finish()?;
                file
            }
        };
        file.as_file().sync_all()?;
        file.persist(&self.place)?;
        Ok(())
    }
}

/// Texts with semicolons between them.
fn texts(parts: impl Iterator<Item = String>) -> Value {
    let parts: Vec<String> = parts.collect();
    match parts.is_empty() {
        true => Value::Nothing,
        false => Value::Text(parts.join("; ")),
    }
}
