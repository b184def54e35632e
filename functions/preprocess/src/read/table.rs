//! Builds a table of text row by row.

use std::collections::HashMap;

use polars::prelude::{PlSmallStr, StringChunkedBuilder};

use super::{Raw, ReadError, check_size};

/// Columns that grow row by row; cells that a row does not set are null.
#[derive(Default)]
pub(super) struct TableBuilder {
    rows: usize,
    columns: Vec<ColumnBuilder>,
    index: HashMap<String, usize>,
    /// Where the next name is searched first: sources repeat their order in every row.
    expected: usize,
}

struct ColumnBuilder {
    name: String,
    cells: StringChunkedBuilder,
    filled: usize,
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
    pub(super) fn find_or_add(&mut self, name: &str) -> Result<usize, ReadError> {
        if let Some(found) = self.find(name) {
            return Ok(found);
        }
        check_size(self.rows, self.columns.len() + 1)?;
        let added = self.columns.len();
        self.columns.push(ColumnBuilder {
            name: name.to_owned(),
            cells: StringChunkedBuilder::new(PlSmallStr::EMPTY, self.rows + 1),
            filled: 0,
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

    pub(super) fn finish(self) -> Raw {
        let rows = self.rows;
        Raw {
            rows,
            columns: self
                .columns
                .into_iter()
                .map(|mut column| {
                    column.fill_to(rows);
                    (column.name, column.cells.finish())
                })
                .collect(),
        }
    }
}
