//! Casts columns of text to typed columns, by the rules of `tasador-listing`.

use jiff::civil::Date;
use polars::prelude::{
    ChunkFullNull as _, ChunkTake as _, PlSmallStr, PolarsError, StringChunked,
    StringChunkedBuilder,
};
use tasador_listing::ColumnKind;
use tasador_listing::clean::{clean_date, clean_number, clean_text, clean_zip, is_null_text};

/// The values of a clean column.
#[derive(Debug, Clone)]
pub(crate) enum Values {
    /// NaN is missing.
    Number(Vec<f64>),
    Date(Vec<Option<Date>>),
    Text(StringChunked),
}

/// A clean column, and counts of the values that were not cast.
#[derive(Debug, Clone)]
pub(crate) struct Cast {
    pub(crate) values: Values,
    /// Rows without a value.
    pub(crate) nulls: u64,
    /// Rows whose value could not be read.
    pub(crate) bad: u64,
}

pub(crate) fn cast(kind: ColumnKind, text: &StringChunked) -> Cast {
    let mut count = Count::default();
    let rows = text.len();
    let values = match kind {
        ColumnKind::Number => Values::Number(
            text.iter()
                .map(|cell| count.take(cell, clean_number).unwrap_or(f64::NAN))
                .collect(),
        ),
        ColumnKind::Date => Values::Date(
            text.iter()
                .map(|cell| count.take(cell, clean_date))
                .collect(),
        ),
        ColumnKind::Zip => {
            let mut cells = StringChunkedBuilder::new(PlSmallStr::EMPTY, rows);
            for cell in text.iter() {
                cells.append_option(count.take(cell, clean_zip));
            }
            Values::Text(cells.finish())
        }
        ColumnKind::Code | ColumnKind::Category => {
            let mut cells = StringChunkedBuilder::new(PlSmallStr::EMPTY, rows);
            for cell in text.iter() {
                cells.append_option(count.take(cell, clean_text));
            }
            Values::Text(cells.finish())
        }
    };
    Cast {
        values,
        nulls: count.nulls,
        bad: count.bad,
    }
}

/// A column of that kind without values.
pub(crate) fn all_missing(kind: ColumnKind, rows: usize) -> Cast {
    let values = match kind {
        ColumnKind::Number => Values::Number(vec![f64::NAN; rows]),
        ColumnKind::Date => Values::Date(vec![None; rows]),
        ColumnKind::Code | ColumnKind::Category | ColumnKind::Zip => {
            Values::Text(StringChunked::full_null(PlSmallStr::EMPTY, rows))
        }
    };
    Cast {
        values,
        nulls: rows as u64,
        bad: 0,
    }
}

#[derive(Default)]
struct Count {
    nulls: u64,
    bad: u64,
}

impl Count {
    fn take<'t, T>(
        &mut self,
        cell: Option<&'t str>,
        clean: impl Fn(&'t str) -> Option<T>,
    ) -> Option<T> {
        let Some(text) = cell else {
            self.nulls += 1;
            return None;
        };
        let value = clean(text);
        if value.is_none() {
            if is_null_text(text) {
                self.nulls += 1;
            } else {
                self.bad += 1;
            }
        }
        value
    }
}

impl Values {
    /// The values of these rows, in the given order. Text is not copied.
    ///
    /// # Errors
    /// [`PolarsError`] for a row of text that does not exist.
    pub(crate) fn gather(self, rows: &[u32]) -> Result<Self, PolarsError> {
        Ok(match self {
            Self::Number(values) => Self::Number(
                rows.iter()
                    .map(|row| values.get(*row as usize).copied().unwrap_or(f64::NAN))
                    .collect(),
            ),
            Self::Date(values) => Self::Date(
                rows.iter()
                    .map(|row| values.get(*row as usize).copied().flatten())
                    .collect(),
            ),
            Self::Text(text) => Self::Text(text.take(rows)?),
        })
    }
}

/// The text of these rows, in the given order; null for a row that does not exist.
pub(crate) fn gather_text(text: &StringChunked, rows: &[u32]) -> StringChunked {
    let mut cells = StringChunkedBuilder::new(PlSmallStr::EMPTY, rows.len());
    for row in rows {
        let row = *row as usize;
        cells.append_option((row < text.len()).then(|| text.get(row)).flatten());
    }
    cells.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cells: &[Option<&str>]) -> StringChunked {
        let mut builder = StringChunkedBuilder::new(PlSmallStr::EMPTY, cells.len());
        for cell in cells {
            builder.append_option(*cell);
        }
        builder.finish()
    }

    #[test]
    fn nulls_and_bad_values_are_counted_separately() {
        let cells = text(&[Some("4.0"), None, Some(" NaN "), Some("four"), Some("")]);
        for (kind, nulls, bad) in [
            (ColumnKind::Number, 3, 1),
            (ColumnKind::Zip, 3, 1),
            (ColumnKind::Date, 3, 2),
            (ColumnKind::Category, 3, 0),
            (ColumnKind::Code, 3, 0),
        ] {
            let cast = cast(kind, &cells);
            assert_eq!((cast.nulls, cast.bad), (nulls, bad), "{kind:?}");
        }
        let missing = all_missing(ColumnKind::Date, 3);
        assert_eq!((missing.nulls, missing.bad), (3, 0));
    }

    #[test]
    fn rows_are_gathered_in_order() {
        let Values::Text(cells) = Values::Text(text(&[Some("a"), None, Some("c")]))
            .gather(&[2, 1])
            .unwrap()
        else {
            panic!("text stays text")
        };
        assert_eq!(cells.iter().collect::<Vec<_>>(), [Some("c"), None]);
    }
}
