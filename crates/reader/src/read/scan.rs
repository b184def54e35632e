//! Finds the rows of a CSV text, and those that are broken, in one pass.
//!
//! The rules are those of RFC 4180: a quoted field begins right after a separator and ends right before
//! one, and a quote within it is doubled. A row that breaks them is rejected alone: the next row begins
//! on the next line. Work and memory grow with the text, whatever is in it.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2, memchr3};
use tasador_listing::clean::is_bulk;

use super::broken::{Broken, Fault, MAX_CELL_BYTES, MAX_ROW_BYTES};
use super::lines::Lines;
use super::{ReadError, check_size};

/// The longest header, in bytes.
pub(crate) const MAX_HEADER_BYTES: usize = 1 << 20;

/// With fewer columns, a text of several lines may look like rows by chance.
const MIN_COLUMNS_OF_SWALLOWED_ROWS: usize = 4;

/// So many lines of a field decide whether it has swallowed rows, so that the work grows with the text.
const LINES_OF_SWALLOWED_ROWS: u64 = 100;

/// The rows of a text.
#[derive(Debug)]
pub(super) struct Scan {
    /// The header and all rows that can be read, as few ranges as possible.
    pub(super) kept: Vec<Range<usize>>,
    /// Rows that can be read.
    pub(super) rows: usize,
    pub(super) lines: Lines,
    pub(super) broken: Broken,
}

/// A well-formed row.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// Where the next row begins.
    end: usize,
    fields: usize,
    /// Fields up to the last one that is not empty.
    filled: usize,
    longest: usize,
    /// Whether it has only a line break.
    blank: bool,
    /// Whether it may have several lines.
    quoted: bool,
}

/// Finds the rows of a text whose first line is the header, and has this number in the source's file.
pub(super) fn scan(
    text: &[u8],
    separator: u8,
    first_line: usize,
    is_utf8: bool,
) -> Result<Scan, ReadError> {
    let scanner = Scanner { text, separator };
    let mut at = 0;
    let header = loop {
        let head = text.get(at..).unwrap_or_default();
        if head.len() > MAX_HEADER_BYTES
            && memchr(b'\n', head.get(..MAX_HEADER_BYTES).unwrap_or_default()).is_none()
        {
            return Err(ReadError::HeaderTooLong);
        }
        let row = scanner.row(at).map_err(|fault| match fault {
            Fault::RowTooLong => ReadError::HeaderTooLong,
            _ => ReadError::HeaderQuote,
        })?;
        if !row.blank || row.end >= text.len() {
            break at..row.end;
        }
        at = row.end;
    };
    let columns = scanner.row(header.start).map_or(0, |row| row.fields);
    check_size(0, columns)?;
    if !is_utf8 && let Some(Err(error)) = text.get(header.clone()).map(std::str::from_utf8) {
        return Err(ReadError::NotUtf8 {
            at: header.start + error.valid_up_to(),
        });
    }
    let mut found = Scan {
        kept: vec![header.clone()],
        rows: 0,
        lines: Lines::default(),
        broken: Broken::default(),
    };
    let breaks = |range: Range<usize>| {
        let passed = text.get(range).unwrap_or_default();
        memchr_iter(b'\n', passed).count()
    };
    let mut line = first_line + breaks(0..header.end);
    at = header.end;
    while at < text.len() {
        let row = match scanner.row(at) {
            Ok(row) => row,
            Err(fault) => {
                let end = scanner.next_line(at);
                found.broken.add(line, at..end, fault);
                line += 1;
                at = end;
                continue;
            }
        };
        let mut end = row.end;
        if row.blank {
            line += 1;
            at = end;
            continue;
        }
        let fault = if scanner.swallows_rows(at, &row, columns) {
            end = scanner.next_line(at);
            Some(Fault::OpenQuote)
        } else if row.filled > columns {
            Some(Fault::Surplus {
                fields: row.fields,
                expected: columns,
            })
        } else if end - at > MAX_ROW_BYTES {
            Some(Fault::RowTooLong)
        } else if row.longest > MAX_CELL_BYTES {
            let next = scanner.next_line(at);
            if next < end {
                // More likely a quote that is not closed than such a long text.
                end = next;
                Some(Fault::OpenQuote)
            } else {
                Some(Fault::CellTooLong)
            }
        } else if is_utf8 {
            None
        } else {
            let bytes = text.get(at..end).unwrap_or_default();
            std::str::from_utf8(bytes)
                .err()
                .map(|error| Fault::not_text(bytes, error))
        };
        match fault {
            Some(fault) => found.broken.add(line, at..end, fault),
            None => {
                found.rows += 1;
                found.lines.add(line as u64);
                found.keep(at..end);
            }
        }
        line += if row.quoted { breaks(at..end) } else { 1 };
        at = end;
    }
    check_size(found.rows, columns)?;
    Ok(found)
}

impl Scan {
    fn keep(&mut self, range: Range<usize>) {
        match self.kept.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.kept.push(range),
        }
    }
}

#[derive(Clone, Copy)]
struct Scanner<'t> {
    text: &'t [u8],
    separator: u8,
}

impl Scanner<'_> {
    fn next_line(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        memchr(b'\n', rest).map_or(self.text.len(), |end| at + end + 1)
    }

    /// The row that begins here.
    fn row(&self, start: usize) -> Result<Row, Fault> {
        let end = self.next_line(start);
        let line = self.text.get(start..end).unwrap_or_default();
        let content = without_break(line);
        if content.is_empty() {
            return Ok(Row {
                end,
                fields: 1,
                filled: 0,
                longest: 0,
                blank: true,
                quoted: false,
            });
        }
        match memchr2(b'"', b'\r', content) {
            None => {
                let fields = memchr_iter(self.separator, content).count() + 1;
                let is_padded = content.last() == Some(&self.separator);
                let mut row = Row {
                    end,
                    fields,
                    filled: fields,
                    longest: 0,
                    blank: false,
                    quoted: false,
                };
                if is_padded {
                    let last = content.iter().rev();
                    row.filled -= last.take_while(|byte| **byte == self.separator).count();
                }
                if content.len() > MAX_CELL_BYTES {
                    let cells = content.split(|byte| *byte == self.separator);
                    row.longest = cells.map(<[u8]>::len).max().unwrap_or(0);
                }
                Ok(row)
            }
            Some(_) => self.quoted_row(start),
        }
    }

    /// The row that begins here and may have quotes.
    fn quoted_row(&self, start: usize) -> Result<Row, Fault> {
        let limit = self.text.len().min(start + MAX_ROW_BYTES + 2);
        let mut at = start;
        let mut row = Row {
            end: limit,
            fields: 0,
            filled: 0,
            longest: 0,
            blank: false,
            quoted: true,
        };
        loop {
            let begin = at;
            row.fields += 1;
            let quoted = self.text.get(at) == Some(&b'"');
            if quoted {
                at = self.after_quotes(at + 1, limit)?;
            } else {
                at = self.after_plain(at, limit)?;
            }
            let length = at - begin;
            row.longest = row.longest.max(length);
            // `""` is a field that is given and empty.
            if length > if quoted { 2 } else { 0 } {
                row.filled = row.fields;
            }
            match self.text.get(at..).unwrap_or_default() {
                [byte, ..] if *byte == self.separator => at += 1,
                [b'\n', ..] => {
                    row.end = at + 1;
                    return Ok(row);
                }
                [b'\r', b'\n', ..] => {
                    row.end = at + 2;
                    return Ok(row);
                }
                [b'\r'] | [] => {
                    row.end = self.text.len();
                    return Ok(row);
                }
                _ if at >= limit => return Err(Fault::RowTooLong),
                [b'\r', ..] => return Err(Fault::CarriageReturn),
                _ => return Err(Fault::TextAfterQuote),
            }
        }
    }

    /// Behind the quote that ends the field.
    fn after_quotes(&self, mut at: usize, limit: usize) -> Result<usize, Fault> {
        loop {
            let rest = self.text.get(at..limit).unwrap_or_default();
            at += memchr(b'"', rest).ok_or(Fault::OpenQuote)? + 1;
            if self.text.get(at) != Some(&b'"') {
                return Ok(at);
            }
            at += 1;
        }
    }

    /// Behind a field without quotes.
    fn after_plain(&self, at: usize, limit: usize) -> Result<usize, Fault> {
        let rest = self.text.get(at..limit).unwrap_or_default();
        let Some(end) = memchr3(self.separator, b'\n', b'"', rest) else {
            let field = rest.strip_suffix(b"\r").unwrap_or(rest);
            return no_return(field).map(|()| at + field.len());
        };
        let field = rest.get(..end).unwrap_or_default();
        let next = at + end;
        match self.text.get(next) {
            Some(b'"') => Err(Fault::QuoteInField),
            Some(b'\n') if field.last() == Some(&b'\r') => {
                let field = field.get(..end - 1).unwrap_or_default();
                no_return(field).map(|()| next - 1)
            }
            _ => no_return(field).map(|()| next),
        }
    }

    /// Whether a quote that is not closed has joined rows: the lines within a field are rows with as many
    /// fields as the header, but for a few that may be damaged too.
    fn swallows_rows(&self, start: usize, row: &Row, columns: usize) -> bool {
        let mut at = self.next_line(start);
        if columns < MIN_COLUMNS_OF_SWALLOWED_ROWS || at >= row.end {
            return false;
        }
        let whole = without_break(self.text.get(..row.end).unwrap_or_default());
        let last = memchr::memrchr(b'\n', whole).map_or(0, |end| end + 1);
        let within = Scanner {
            text: self.text.get(..last).unwrap_or_default(),
            ..*self
        };
        let (mut all, mut rows) = (0, 0);
        while at < last && all < LINES_OF_SWALLOWED_ROWS {
            all += 1;
            at = match within.row(at) {
                Ok(row) if row.fields == columns => {
                    rows += 1;
                    row.end
                }
                _ => within.next_line(at),
            };
        }
        is_bulk(rows, all)
    }
}

fn no_return(field: &[u8]) -> Result<(), Fault> {
    match memchr(b'\r', field) {
        Some(_) => Err(Fault::CarriageReturn),
        None => Ok(()),
    }
}

/// A line without its line break.
fn without_break(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
