//! The rows of a JSON document that the parser refuses, one by one.

use memchr::{memchr_iter, memchr2, memmem};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::super::broken::{Broken, Fault, MAX_ROW_BYTES};
use super::super::table::TableBuilder;
use super::super::{Raw, ReadError};
use super::{RowError, read_row};

/// So much text is read without result, in bytes, before a document is refused.
const MAX_LOST_BYTES: usize = 64 << 20;

/// Reads the rows that can be read; `None` if the text is not a complete list of rows.
pub(super) fn recover(text: &[u8]) -> Result<Option<Raw>, ReadError> {
    let Some(mut at) = start_of_list(text) else {
        return Ok(None);
    };
    let mut table = TableBuilder::default();
    let mut broken = Broken::default();
    let (mut line, mut counted, mut lost) = (1, 0, 0);
    let keys = Keys::of(text, skip_space(text, at));
    let mut comma = true;
    loop {
        at = skip_space(text, at);
        match text.get(at) {
            Some(b']') => break,
            Some(b',') if !comma => {
                comma = true;
                at += 1;
                continue;
            }
            Some(_) => {}
            None => return Ok(None),
        }
        let limit = text.len().min(at + MAX_ROW_BYTES);
        let (end, read) = match end_of_value(text, at, limit) {
            Some(end) if end > at => {
                let row = text.get(at..end).unwrap_or_default();
                let read = if comma {
                    read_row(&mut table, row)
                } else {
                    let fault = Fault::Json("a comma is missing before the row".to_owned());
                    Err(RowError::Broken(fault))
                };
                (end, read)
            }
            _ => {
                lost += limit - at;
                let next = keys.as_ref();
                let next = next.and_then(|keys| keys.next_row(text, at + 1, &mut lost));
                let Some(next) = next.filter(|_| lost < MAX_LOST_BYTES) else {
                    return Ok(None);
                };
                let fault = if next - at > MAX_ROW_BYTES {
                    Fault::RowTooLong
                } else {
                    Fault::Json("the row does not end; a quote or bracket is missing".to_owned())
                };
                (next, Err(RowError::Broken(fault)))
            }
        };
        match read {
            Ok(()) => table.end_row()?,
            Err(RowError::Broken(fault)) => {
                let passed = text.get(counted..at).unwrap_or_default();
                line += memchr_iter(b'\n', passed).count();
                counted = at;
                let row = text.get(at..end).unwrap_or_default();
                let row = row.trim_ascii_end();
                let row = row.strip_suffix(b",").unwrap_or(row);
                broken.add(line, at..at + row.len(), fault);
                table.drop_row()?;
            }
            Err(RowError::Table(error)) => return Err(error),
        }
        // Behind a row that does not end, the comma is part of it.
        let behind = text.get(at..end).unwrap_or_default().trim_ascii_end();
        comma = behind.ends_with(b",");
        at = end;
    }
    let kept = table.rows();
    if kept == 0 || !ends_well(text, at + 1) {
        return Ok(None);
    }
    table.finish(broken.finish(text, kept)?).map(Some)
}

/// Whether the document is complete, given what follows its list of rows.
fn ends_well(text: &[u8], at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    if text.get(skip_space(text, 0)) == Some(&b'[') {
        return rest.trim_ascii().is_empty();
    }
    let document = [b"{\"data\": []", rest].concat();
    serde_json::from_slice::<IgnoredAny>(&document).is_ok()
}

fn skip_space(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count()
}

/// Behind the bracket that opens the list of rows: that of the document, or of its key `data`.
fn start_of_list(text: &[u8]) -> Option<usize> {
    let mut at = skip_space(text, 0);
    match text.get(at)? {
        b'[' => return Some(at + 1),
        b'{' => {}
        _ => return None,
    }
    loop {
        let key = skip_space(text, at + 1);
        let end = end_of_value(text, key, text.len())?;
        let colon = skip_space(text, end);
        let value = skip_space(text, colon + 1);
        let is_data = text.get(key..end)? == b"\"data\"";
        if text.get(colon) != Some(&b':') {
            return None;
        }
        if is_data {
            return (text.get(value)? == &b'[').then_some(value + 1);
        }
        at = skip_space(text, end_of_value(text, value, text.len())?);
        if text.get(at) != Some(&b',') {
            return None;
        }
    }
}

/// Behind the value that begins here; `None` if its quotes and brackets do not match before the limit.
fn end_of_value(text: &[u8], start: usize, limit: usize) -> Option<usize> {
    let mut at = start;
    let mut open = Vec::new();
    loop {
        match *text.get(at).filter(|_| at < limit)? {
            b'"' => at = end_of_string(text, at + 1, limit)?,
            bracket @ (b'{' | b'[') => {
                open.push(bracket);
                at += 1;
            }
            close @ (b'}' | b']') => {
                let expected = if close == b'}' { b'{' } else { b'[' };
                match open.pop() {
                    None => return Some(at),
                    Some(opened) if opened == expected => at += 1,
                    Some(_) => return None,
                }
            }
            b',' | b':' if open.is_empty() => return Some(at),
            _ => {
                let rest = text.get(at..limit)?;
                let is_end = |byte: &u8| b"\"{}[],:".contains(byte);
                at += rest.iter().position(is_end).unwrap_or(rest.len()).max(1);
                if open.is_empty() {
                    let scalar = text.get(start..at)?;
                    return Some(start + scalar.trim_ascii_end().len());
                }
                continue;
            }
        }
        if open.is_empty() {
            return Some(at);
        }
    }
}

fn end_of_string(text: &[u8], mut at: usize, limit: usize) -> Option<usize> {
    loop {
        let found = at + memchr2(b'"', b'\\', text.get(at..limit)?)?;
        if text.get(found) == Some(&b'"') {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

/// How to know a row of this source: the first and the last key of its first row.
struct Keys {
    /// With its quotes.
    first: Vec<u8>,
    last: String,
}

impl Keys {
    fn of(text: &[u8], at: usize) -> Option<Self> {
        let end = end_of_value(text, at, text.len().min(at + MAX_ROW_BYTES))?;
        let row: Map<String, Value> = serde_json::from_slice(text.get(at..end)?).ok()?;
        Some(Self {
            first: serde_json::to_vec(row.keys().next()?).ok()?,
            last: row.keys().next_back()?.clone(),
        })
    }

    /// Where the next row begins: an object behind a comma, with these keys.
    fn next_row(&self, text: &[u8], at: usize, lost: &mut usize) -> Option<usize> {
        let rest = text.get(at..)?;
        memmem::find_iter(rest, &self.first).find_map(|found| {
            let before = rest.get(..found)?.trim_ascii_end().strip_suffix(b"{")?;
            if *lost > MAX_LOST_BYTES || !before.trim_ascii_end().ends_with(b",") {
                return None;
            }
            let start = at + before.len();
            let limit = text.len().min(start + MAX_ROW_BYTES);
            let end = end_of_value(text, start, limit);
            *lost += end.unwrap_or(limit) - start;
            let row: Map<String, Value> = serde_json::from_slice(text.get(start..end?)?).ok()?;
            row.contains_key(&self.last).then_some(start)
        })
    }
}
