//! Builds a table of text row by row.

use std::collections::HashMap;

use polars::prelude::{
    BooleanChunked, ChunkFilter as _, NewChunkedArray as _, PlSmallStr, StringChunkedBuilder,
};

use super::{BrokenRow, Raw, ReadError, check_size};

/// Columns that grow row by row; cells that a row does not set are null.
#[derive(Default)]
pub(super) struct TableBuilder {
    rows: usize,
    columns: Vec<ColumnBuilder>,
    index: HashMap<String, usize>,
    /// Where the next name is searched first: sources repeat their order in every row.
    expected: usize,
    /// Rows that broke off and are left out, in order.
    broken: Vec<usize>,
    /// Why the table cannot grow.
    full: Option<ReadError>,
    /// Whether a value was too long.
    long: bool,
}

struct ColumnBuilder {
    name: String,
    cells: StringChunkedBuilder,
    filled: usize,
    /// The row that brought it.
    since: usize,
}

impl ColumnBuilder {
    fn fill_to(&mut self, rows: usize) {
        while self.filled < rows {
            self.cells.append_null();
            self.filled += 1;
        }
    }
}

impl TableBuilder {
    pub(super) fn find(&mut self, name: &str) -> Option<usize> {
        let found = match self.columns.get(self.expected) {
            Some(column) if column.name == name => self.expected,
            _ => *self.index.get(name)?,
        };
        self.expected = found + 1;
        Some(found)
    }

    /// The column of that name; created if it does not exist.
    ///
    /// # Errors
    /// The message, if the table is full; [`Self::take_full`] has the error.
    pub(super) fn find_or_add(&mut self, name: &str) -> Result<usize, String> {
        if let Some(found) = self.find(name) {
            return Ok(found);
        }
        self.check(self.columns.len() + 1)?;
        let added = self.columns.len();
        self.columns.push(ColumnBuilder {
            name: name.to_owned(),
            cells: StringChunkedBuilder::new(PlSmallStr::EMPTY, self.rows + 1),
            filled: 0,
            since: self.rows,
        });
        self.index.insert(name.to_owned(), added);
        self.expected = added + 1;
        Ok(added)
    }

    pub(super) fn name(&self, column: usize) -> &str {
        self.columns
            .get(column)
            .map_or("", |column| column.name.as_str())
    }

    /// Sets a cell of the current row; of a repeated key, the first value is kept.
    pub(super) fn set(&mut self, column: usize, text: Option<&str>) {
        let rows = self.rows;
        if let Some(column) = self.columns.get_mut(column)
            && column.filled <= rows
        {
            column.fill_to(rows);
            column.cells.append_option(text);
            column.filled += 1;
        }
    }

    /// Ends the current row.
    pub(super) fn end_row(&mut self) -> Result<(), ReadError> {
        self.rows += 1;
        self.expected = 0;
        check_size(self.rows, self.columns.len())
    }

    /// As [`Self::end_row`], with the message of the error, which [`Self::take_full`] has.
    pub(super) fn end_row_or_stop(&mut self) -> Result<(), String> {
        self.rows += 1;
        self.expected = 0;
        self.check(self.columns.len())
    }

    fn check(&mut self, columns: usize) -> Result<(), String> {
        check_size(self.rows, columns).map_err(|error| {
            let message = error.to_string();
            self.full = Some(error);
            message
        })
    }

    /// Why the last row stopped: the table is full.
    pub(super) fn take_full(&mut self) -> Option<ReadError> {
        self.full.take()
    }

    pub(super) fn cell_too_long(&mut self) -> String {
        self.long = true;
        "a value is too long".to_owned()
    }

    /// Whether the last row stopped because a value is too long.
    pub(super) fn take_long(&mut self) -> bool {
        std::mem::take(&mut self.long)
    }

    /// Ends a row that turned out to be broken: nothing of it is kept.
    pub(super) fn drop_row(&mut self) -> Result<(), ReadError> {
        self.broken.push(self.rows);
        self.end_row()
    }

    /// Rows that are kept.
    pub(super) fn rows(&self) -> usize {
        self.rows - self.broken.len()
    }

    pub(super) fn finish(self, broken: Vec<BrokenRow>) -> Result<Raw, ReadError> {
        let (rows, kept) = (self.rows, self.rows());
        let mut dropped = self.broken.iter().peekable();
        let mask = (kept < rows).then(|| {
            let mask = (0..rows).map(|row| dropped.next_if_eq(&&row).is_none());
            BooleanChunked::from_iter_values(PlSmallStr::EMPTY, mask)
        });
        let mut columns = Vec::with_capacity(self.columns.len());
        for mut column in self.columns {
            column.fill_to(rows);
            let mut cells = column.cells.finish();
            if let Some(mask) = &mask {
                cells = cells.filter(mask).map_err(ReadError::Table)?;
                // Nobody but the broken row has it.
                if self.broken.binary_search(&column.since).is_ok() && cells.null_count() == kept {
                    continue;
                }
            }
            columns.push((column.name, cells));
        }
        Ok(Raw {
            rows: kept,
            columns,
            broken,
            ..Raw::default()
        })
    }
}
