//! Where the stand-in's listings are, and how they are written as the original writes them.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use csv::StringRecord;
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;

use super::SourceError;

/// Columns that are texts whatever they look like. All others are numbers where they can be: the
/// original sends even zip codes so.
const TEXTS: [&str; 4] = ["status", "city", "state", "prev_sold_date"];
/// What is read, and what is sent, at a time, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// The listings of all batches.
#[derive(Debug)]
pub(super) enum Listings {
    Memory(Vec<Vec<Value>>),
    File(Table),
}

/// A file that has been read once: where each batch begins is known.
#[derive(Debug)]
pub(super) struct Table {
    path: PathBuf,
    kind: Kind,
    /// Where each batch begins, in bytes.
    starts: Vec<u64>,
    rows: u64,
    batch_rows: usize,
    /// The unpacked copy of a gzip'd file, which ends with this value.
    _unpacked: Option<NamedTempFile>,
}

#[derive(Debug)]
enum Kind {
    Csv(Vec<Column>),
    Ndjson,
}

#[derive(Debug)]
struct Column {
    /// The name and the colon, as JSON.
    key: String,
    is_text: bool,
}

impl Listings {
    pub(super) fn of_file(path: &Path, batch_rows: NonZeroUsize) -> Result<Self, SourceError> {
        let failed = |source| SourceError::File {
            path: path.to_path_buf(),
            source,
        };
        let unpacked = unpacked(path).map_err(failed)?;
        let place = unpacked.as_ref().map_or(path, NamedTempFile::path);
        let scan = Scan {
            named: path,
            place,
            batch_rows: batch_rows.get(),
        };
        let table = if is_ndjson(path, place).map_err(failed)? {
            scan.ndjson()?
        } else {
            scan.csv()?
        };
        if table.rows == 0 {
            return Err(SourceError::NoRows {
                path: path.to_path_buf(),
            });
        }
        Ok(Self::File(Table {
            _unpacked: unpacked,
            ..table
        }))
    }

    pub(super) fn batches(&self) -> usize {
        match self {
            Self::Memory(batches) => batches.len(),
            Self::File(table) => table.starts.len(),
        }
    }

    pub(super) fn rows(&self) -> u64 {
        match self {
            Self::Memory(batches) => batches.iter().map(|batch| batch.len() as u64).sum(),
            Self::File(table) => table.rows,
        }
    }

    /// Writes the answer with one batch: the fields of `head`, and the rows as `data`.
    pub(super) fn write_answer(
        &self,
        head: &Value,
        number: usize,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let head = head.to_string();
        let open = head.strip_suffix('}').unwrap_or(&head);
        write!(out, "{open},\"data\":[")?;
        match self {
            Self::Memory(batches) => {
                for (row, listing) in batches.iter().skip(number).take(1).flatten().enumerate() {
                    part(row, out)?;
                    serde_json::to_writer(&mut *out, listing)?;
                }
            }
            Self::File(table) => table.write(number, out)?,
        }
        out.write_all(b"]}")?;
        out.flush()
    }
}

/// The comma between two rows.
fn part(row: usize, out: &mut impl Write) -> io::Result<()> {
    if row > 0 { out.write_all(b",") } else { Ok(()) }
}

/// An unpacked copy of a file, where it is gzip'd: batches are found by their place.
fn unpacked(path: &Path) -> io::Result<Option<NamedTempFile>> {
    let mut file = File::open(path)?;
    let mut magic = Vec::new();
    (&mut file).take(2).read_to_end(&mut magic)?;
    if magic != [0x1f, 0x8b] {
        return Ok(None);
    }
    file.rewind()?;
    let mut copy = NamedTempFile::new()?;
    io::copy(&mut MultiGzDecoder::new(BufReader::new(file)), &mut copy)?;
    copy.flush()?;
    Ok(Some(copy))
}

fn is_ndjson(named: &Path, place: &Path) -> io::Result<bool> {
    let name = named.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    if name.ends_with(".ndjson") || name.ends_with(".jsonl") {
        return Ok(true);
    }
    if name.ends_with(".csv") {
        return Ok(false);
    }
    let mut head = Vec::new();
    File::open(place)?.take(1024).read_to_end(&mut head)?;
    Ok(head.trim_ascii_start().starts_with(b"{"))
}

/// The first reading of a file.
struct Scan<'a> {
    /// The file as people know it.
    named: &'a Path,
    place: &'a Path,
    batch_rows: usize,
}

impl Scan<'_> {
    fn failed(&self, source: io::Error) -> SourceError {
        SourceError::File {
            path: self.named.to_path_buf(),
            source,
        }
    }

    fn bad(&self, line: u64, reason: impl Into<String>) -> SourceError {
        SourceError::Row {
            path: self.named.to_path_buf(),
            line,
            reason: reason.into(),
        }
    }

    fn bad_csv(&self, error: csv::Error) -> SourceError {
        let line = error.position().map_or(1, csv::Position::line);
        match error.into_kind() {
            csv::ErrorKind::Io(error) => self.failed(error),
            csv::ErrorKind::Utf8 { .. } => self.bad(line, "it is not UTF-8"),
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => self.bad(
                line,
                format!("it has {len} fields, and the header has {expected_len}"),
            ),
            other => self.bad(line, format!("{other:?}")),
        }
    }

    fn table(&self, kind: Kind, starts: Vec<u64>, rows: u64) -> Table {
        Table {
            path: self.place.to_path_buf(),
            kind,
            starts,
            rows,
            batch_rows: self.batch_rows,
            _unpacked: None,
        }
    }

    fn csv(&self) -> Result<Table, SourceError> {
        let file = File::open(self.place).map_err(|error| self.failed(error))?;
        let mut reader = csv::Reader::from_reader(BufReader::with_capacity(PIECE_BYTES, file));
        let header = reader
            .headers()
            .map_err(|error| self.bad_csv(error))?
            .clone();
        let columns: Vec<Column> = header.iter().map(Column::new).collect();
        for (place, name) in header.iter().enumerate() {
            if name.trim().is_empty() {
                return Err(self.bad(1, format!("column {} has no name", place + 1)));
            }
            if header.iter().take(place).any(|other| other == name) {
                return Err(self.bad(1, format!("column `{name}` is there twice")));
            }
        }
        let mut starts = Vec::new();
        let mut rows = 0;
        let mut record = StringRecord::new();
        loop {
            let start = reader.position().byte();
            if !reader
                .read_record(&mut record)
                .map_err(|error| self.bad_csv(error))?
            {
                break;
            }
            if rows % self.batch_rows as u64 == 0 {
                starts.push(start);
            }
            rows += 1;
        }
        Ok(self.table(Kind::Csv(columns), starts, rows))
    }

    fn ndjson(&self) -> Result<Table, SourceError> {
        let file = File::open(self.place).map_err(|error| self.failed(error))?;
        let mut reader = BufReader::with_capacity(PIECE_BYTES, file);
        let (mut starts, mut rows, mut start, mut line) = (Vec::new(), 0_u64, 0_u64, 0_u64);
        let mut text = Vec::new();
        loop {
            text.clear();
            let length = reader
                .read_until(b'\n', &mut text)
                .map_err(|error| self.failed(error))?;
            if length == 0 {
                break;
            }
            line += 1;
            if !text.trim_ascii().is_empty() {
                serde_json::from_slice::<serde_json::Map<String, Value>>(&text).map_err(
                    |error| self.bad(line, format!("one JSON object is expected ({error})")),
                )?;
                if rows % self.batch_rows as u64 == 0 {
                    starts.push(start);
                }
                rows += 1;
            }
            start += length as u64;
        }
        Ok(self.table(Kind::Ndjson, starts, rows))
    }
}

impl Table {
    fn write(&self, number: usize, out: &mut impl Write) -> io::Result<()> {
        let Some(start) = self.starts.get(number) else {
            return Ok(());
        };
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(*start))?;
        let reader = BufReader::with_capacity(PIECE_BYTES, file);
        match &self.kind {
            Kind::Csv(columns) => {
                let mut reader = csv::ReaderBuilder::new()
                    .has_headers(false)
                    .from_reader(reader);
                let mut record = StringRecord::new();
                for row in 0..self.batch_rows {
                    if !reader.read_record(&mut record)? {
                        break;
                    }
                    part(row, out)?;
                    write_record(columns, &record, out)?;
                }
            }
            Kind::Ndjson => {
                let lines = reader.split(b'\n').filter(|line| {
                    line.as_ref()
                        .map_or(true, |line| !line.trim_ascii().is_empty())
                });
                for (row, line) in lines.take(self.batch_rows).enumerate() {
                    part(row, out)?;
                    out.write_all(line?.trim_ascii())?;
                }
            }
        }
        Ok(())
    }
}

impl Column {
    fn new(name: &str) -> Self {
        let name = name.trim();
        Self {
            key: format!("{}:", Value::from(name)),
            is_text: TEXTS.contains(&name),
        }
    }
}

fn write_record(columns: &[Column], record: &StringRecord, out: &mut impl Write) -> io::Result<()> {
    for (place, (column, text)) in columns.iter().zip(record).enumerate() {
        out.write_all(if place == 0 { b"{" } else { b"," })?;
        out.write_all(column.key.as_bytes())?;
        let number = text
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite());
        match number.filter(|_| !column.is_text) {
            Some(number) => serde_json::to_writer(&mut *out, &number)?,
            None if text.is_empty() => out.write_all(b"null")?,
            None => serde_json::to_writer(&mut *out, text)?,
        }
    }
    out.write_all(b"}")
}

/// Sends what is written to the body of an answer, piece by piece. For a thread that may block.
pub(super) struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Pieces {
    pub(super) fn new(sender: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self {
            sender,
            piece: Vec::with_capacity(PIECE_BYTES),
        }
    }

    fn send(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        self.sender
            .blocking_send(Ok(piece.into()))
            .map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the reader has gone"))
    }

    /// Breaks the answer off, so that its reader does not take it for whole.
    pub(super) fn fail(self, error: io::Error) {
        // Where the reader has gone, nobody is misled.
        let _ = self.sender.blocking_send(Err(error));
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}
