//! The lengths that a Parquet file claims, checked before the file is read.
//!
//! The reader of polars allocates what the footer and the page headers ask for. A failed allocation ends the
//! process and cannot be caught, so every length is compared here with what the file can hold. The parser of
//! this check has a memory limit.

use std::io::Cursor;

use polars_parquet_format::thrift::protocol::TCompactInputProtocol;
use polars_parquet_format::{ColumnMetaData, FileMetaData, PageHeader};

use super::super::MAX_BYTES;

/// The end of a file: the length of the footer, then the mark.
const TAIL: usize = 8;
const MARK: &[u8] = b"PAR1";

/// The most memory that the parsed footer takes, as a multiple of its length, and its bounds.
const MEMORY_PER_BYTE: usize = 100;
const MIN_MEMORY: usize = 1 << 20;
const MAX_MEMORY: usize = 1 << 30;

/// Whether all lengths of the file are possible. Says nothing about its values.
pub(super) fn are_possible(file: &[u8]) -> bool {
    check(file).is_some()
}

fn check(file: &[u8]) -> Option<()> {
    let tail = file.get(file.len().checked_sub(TAIL)?..)?;
    let (length, mark) = tail.split_at_checked(TAIL - MARK.len())?;
    let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
    let end = file.len() - TAIL;
    let footer = file.get(end.checked_sub(length)?..end)?;
    let memory = length.saturating_mul(MEMORY_PER_BYTE);
    let memory = memory.clamp(MIN_MEMORY, MAX_MEMORY);
    let mut input = TCompactInputProtocol::new(footer, memory);
    let footer = FileMetaData::read_from_in_protocol(&mut input).ok()?;

    let mut rows = 0_i64;
    for group in &footer.row_groups {
        ensure(group.num_rows >= 0)?;
        rows = rows.checked_add(group.num_rows)?;
        for column in &group.columns {
            pages(file, column.meta_data.as_ref()?)?;
        }
    }
    ensure(mark == MARK && rows == footer.num_rows)
}

/// Checks the headers of all pages of a column's chunk.
fn pages(file: &[u8], column: &ColumnMetaData) -> Option<()> {
    let most = column.num_values;
    ensure(most >= 0)?;
    let dictionary = column.dictionary_page_offset.filter(|offset| *offset > 0);
    let start = dictionary.map_or(column.data_page_offset, |offset| {
        offset.min(column.data_page_offset)
    });
    let start = usize::try_from(start).ok()?;
    let length = usize::try_from(column.total_compressed_size).ok()?;
    let mut chunk = file.get(start..start.checked_add(length)?)?;

    let mut values = 0_i64;
    while !chunk.is_empty() && values < most {
        let mut cursor = Cursor::new(chunk);
        let mut input = TCompactInputProtocol::new(&mut cursor, MIN_MEMORY + chunk.len());
        let header = PageHeader::read_from_in_protocol(&mut input).ok()?;
        let body = usize::try_from(cursor.position()).ok()?;
        values = values.checked_add(page(&header)?)?;
        let end = body.checked_add(usize::try_from(header.compressed_page_size).ok()?)?;
        chunk = chunk.get(end..)?;
    }
    ensure(values == most)
}

/// The number of values of a data page; 0 for other pages.
fn page(header: &PageHeader) -> Option<i64> {
    let size = header.uncompressed_page_size;
    ensure(size >= 0 && u64::try_from(size).ok()? <= MAX_BYTES)?;
    if let Some(dictionary) = &header.dictionary_page_header {
        // Each value takes at least a byte.
        ensure((0..=size).contains(&dictionary.num_values))?;
    }
    if let Some(page) = &header.data_page_header_v2 {
        let (definition, repetition) = (
            page.definition_levels_byte_length,
            page.repetition_levels_byte_length,
        );
        ensure(definition >= 0 && repetition >= 0 && definition.checked_add(repetition)? <= size)?;
        ensure((0..=page.num_values).contains(&page.num_nulls))?;
        ensure((0..=page.num_values).contains(&page.num_rows))?;
        return Some(page.num_values.into());
    }
    let values = header
        .data_page_header
        .as_ref()
        .map_or(0, |page| page.num_values);
    ensure(values >= 0)?;
    Some(values.into())
}

fn ensure(holds: bool) -> Option<()> {
    holds.then_some(())
}
