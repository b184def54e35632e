//! Rows in columns, as the encoder reads them: what `tasador-dataset` makes of clean Parquet.
//!
//! A frame never holds text per row: a category is a code into its column's own list of names, so
//! a million rows of zip codes take four megabytes.

use std::collections::HashMap;

use tasador_listing::schema;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The code of a missing category.
pub const MISSING: u32 = u32::MAX;

/// The version of the rule that assigns properties to folds. Models whose rule differs cannot be
/// evaluated on each other's homes.
pub const SPLIT_VERSION: u16 = 2;

/// Part of the rule of [`SPLIT_VERSION`].
const SPLIT_SEED: u64 = 0x7461_7361_646f_7232;

/// A part for each property id, from 0 to `parts` - 1; equal ids get equal parts.
pub(crate) fn split(properties: &[u64], seed: u64, parts: u8) -> Vec<u8> {
    properties
        .iter()
        .map(|property| {
            (xxh3_64_with_seed(&property.to_le_bytes(), seed) % u64::from(parts.max(1))) as u8
        })
        .collect()
}

/// One column of a [`Frame`].
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers; NaN is missing.
    Number(Vec<f64>),
    /// Days since 1970-01-01; NaN is missing.
    Date(Vec<f64>),
    /// Categories: `codes` index `names`; [`MISSING`] is missing.
    Category {
        /// One code per row.
        codes: Vec<u32>,
        /// The distinct names, in any order.
        names: Vec<String>,
    },
}

impl Column {
    /// A column of categories from text, `None` being missing; codes in order of first appearance.
    pub fn category<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut names: Vec<String> = Vec::new();
        let mut seen: HashMap<&'a str, u32> = HashMap::new();
        let codes = values
            .into_iter()
            .map(|value| match value {
                None => MISSING,
                Some(text) => *seen.entry(text).or_insert_with(|| {
                    names.push(text.to_owned());
                    (names.len() - 1) as u32
                }),
            })
            .collect();
        Self::Category { codes, names }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Number(values) | Self::Date(values) => values.len(),
            Self::Category { codes, .. } => codes.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn select(&self, rows: &[usize]) -> Self {
        let numbers = |values: &[f64]| -> Vec<f64> {
            rows.iter()
                .map(|&row| values.get(row).copied().unwrap_or(f64::NAN))
                .collect()
        };
        match self {
            Self::Number(values) => Self::Number(numbers(values)),
            Self::Date(values) => Self::Date(numbers(values)),
            Self::Category { codes, names } => Self::Category {
                codes: rows
                    .iter()
                    .map(|&row| codes.get(row).copied().unwrap_or(MISSING))
                    .collect(),
                names: names.clone(),
            },
        }
    }
}

/// Why a column does not fit into a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The column has another number of rows than the frame.
    #[error("column `{name}` has {found} rows where the frame has {expected}")]
    Length {
        /// The column.
        name: String,
        /// Rows of the frame.
        expected: usize,
        /// Rows of the column.
        found: usize,
    },
    /// The frame has a column of that name.
    #[error("column `{name}` is in the frame already")]
    Duplicate {
        /// The column.
        name: String,
    },
}

/// Columns of equal length, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frame {
    rows: usize,
    columns: Vec<(String, Column)>,
    properties: Option<Vec<u128>>,
}

impl Frame {
    /// A frame of so many rows and no column yet.
    pub fn new(rows: usize) -> Self {
        Self {
            rows,
            columns: Vec::new(),
            properties: None,
        }
    }

    /// Adds a column.
    ///
    /// # Errors
    /// [`FrameError`] where the length differs or the name is taken.
    pub fn push(&mut self, name: impl Into<String>, column: Column) -> Result<(), FrameError> {
        let name = name.into();
        if column.len() != self.rows {
            return Err(FrameError::Length {
                name,
                expected: self.rows,
                found: column.len(),
            });
        }
        if self.column(&name).is_some() {
            return Err(FrameError::Duplicate { name });
        }
        self.columns.push((name, column));
        Ok(())
    }

    /// Says which property each row belongs to. Without it, the text of the column `property_key`
    /// is used; without that, each row is its own property.
    ///
    /// Rows of one property are never parted: neither by the folds of the target encoding nor by
    /// the rows kept back for early stopping.
    ///
    /// # Errors
    /// [`FrameError::Length`] where the number of rows differs.
    pub fn set_properties(&mut self, properties: Vec<u128>) -> Result<(), FrameError> {
        if properties.len() != self.rows {
            return Err(FrameError::Length {
                name: schema::PROPERTY_KEY.to_owned(),
                expected: self.rows,
                found: properties.len(),
            });
        }
        self.properties = Some(properties);
        Ok(())
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns with their names, in order.
    pub fn columns(&self) -> &[(String, Column)] {
        &self.columns
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, column)| column)
    }

    /// The numbers of that column; `None` where it is absent or holds categories.
    pub fn numbers(&self, name: &str) -> Option<&[f64]> {
        match self.column(name)? {
            Column::Number(values) | Column::Date(values) => Some(values),
            Column::Category { .. } => None,
        }
    }

    /// The prices in the installation's currency, or `None` where the frame has no column `price`.
    pub fn prices(&self) -> Option<&[f64]> {
        self.numbers(schema::PRICE)
    }

    /// These rows in this order; a row that is out of range comes back missing.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            rows: rows.len(),
            columns: self
                .columns
                .iter()
                .map(|(name, column)| (name.clone(), column.select(rows)))
                .collect(),
            properties: self.properties.as_ref().map(|properties| {
                rows.iter()
                    .map(|&row| properties.get(row).copied().unwrap_or_default())
                    .collect()
            }),
        }
    }

    /// The frame with the values of one column in another order of rows.
    pub(crate) fn shuffled(&self, name: &str, order: &[usize]) -> Self {
        let mut other = self.clone();
        for (known, column) in &mut other.columns {
            if known == name && order.len() == self.rows {
                *column = column.select(order);
            }
        }
        other
    }

    /// The rows whose price is a positive finite number: all that can be learnt from or scored.
    pub fn priced_rows(&self) -> Vec<usize> {
        self.prices().map_or_else(Vec::new, |prices| {
            (0..)
                .zip(prices)
                .filter(|(_, price)| price.is_finite() && **price > 0.0)
                .map(|(row, _)| row)
                .collect()
        })
    }

    /// The fold of each row, from 0 to `folds` - 1: a hash of its property, so a property is in the
    /// same fold in every dataset. A property never changes its fold; see [`SPLIT_VERSION`].
    pub fn folds(&self, folds: u8) -> Vec<u8> {
        split(&self.property_ids(), SPLIT_SEED, folds)
    }

    /// A number for the property of each row, equal for rows of one property.
    pub fn property_ids(&self) -> Vec<u64> {
        if let Some(properties) = &self.properties {
            return properties
                .iter()
                .map(|key| xxh3_64(&key.to_le_bytes()))
                .collect();
        }
        match self.column(schema::PROPERTY_KEY) {
            Some(Column::Category { codes, names }) => {
                let ids: Vec<u64> = names.iter().map(|name| xxh3_64(name.as_bytes())).collect();
                (0_u64..)
                    .zip(codes)
                    .map(|(row, &code)| {
                        ids.get(code as usize)
                            .copied()
                            .unwrap_or_else(|| xxh3_64(&row.to_le_bytes()))
                    })
                    .collect()
            }
            _ => (0..self.rows as u64)
                .map(|row| xxh3_64(&row.to_le_bytes()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        let mut frame = Frame::new(3);
        frame
            .push("price", Column::Number(vec![1.0, f64::NAN, -2.0]))
            .unwrap();
        frame
            .push("city", Column::category([Some("B"), None, Some("B")]))
            .unwrap();
        frame
    }

    #[test]
    fn columns_of_another_length_or_name_are_refused() {
        let mut frame = frame();
        assert!(matches!(
            frame.push("bed", Column::Number(vec![1.0])),
            Err(FrameError::Length {
                expected: 3,
                found: 1,
                ..
            })
        ));
        assert!(matches!(
            frame.push("city", Column::Number(vec![0.0; 3])),
            Err(FrameError::Duplicate { .. })
        ));
        assert!(frame.set_properties(vec![1]).is_err());
    }

    #[test]
    fn only_positive_finite_prices_count() {
        assert_eq!(frame().priced_rows(), vec![0]);
        assert!(Frame::new(2).priced_rows().is_empty());
    }

    #[test]
    fn a_selection_keeps_order_and_marks_what_is_out_of_range() {
        let selected = frame().select(&[2, 0, 9]);
        assert_eq!(selected.rows(), 3);
        let prices = selected.prices().unwrap();
        assert_eq!(&prices[..2], &[-2.0, 1.0]);
        assert!(prices[2].is_nan());
        assert_eq!(
            selected.column("city").unwrap(),
            &Column::Category {
                codes: vec![0, 0, MISSING],
                names: vec!["B".to_owned()]
            }
        );
    }

    #[test]
    fn rows_of_one_property_share_an_id() {
        let mut by_text = frame();
        by_text
            .push(
                schema::PROPERTY_KEY,
                Column::category([Some("a"), Some("b"), Some("a")]),
            )
            .unwrap();
        let ids = by_text.property_ids();
        assert_eq!(ids[0], ids[2]);
        assert_ne!(ids[0], ids[1]);
        let mut by_number = frame();
        by_number.set_properties(vec![7, 7, 8]).unwrap();
        let ids = by_number.property_ids();
        assert_eq!(ids[0], ids[1]);
        assert_ne!(ids[1], ids[2]);
        let alone = frame().property_ids();
        assert_ne!(alone[0], alone[1]);
    }
}
