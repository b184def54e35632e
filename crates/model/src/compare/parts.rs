//! Parts of the homes that a challenger is judged by besides all of them: segments and sales.

use tasador_listing::schema::TYPE_COLUMNS;
use tasador_ratio::{Sale, Study};

use super::change;
use crate::evidence::sold;
use crate::frame::{Column, Frame, MISSING};
use crate::model::Prediction;

/// Columns whose values are segments, beside those of the type of property.
const COLUMNS: [&str; 2] = ["state", "zip_code"];

/// The homes that have a value in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub column: String,
    pub name: String,
    /// Their rows.
    pub homes: Vec<usize>,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    pub segments: Vec<Segment>,
    /// The rows that are sales: the ratio study uses no asking prices.
    pub sales: Vec<usize>,
}

impl Parts {
    /// The columns that [`Parts::of`] reads.
    pub fn columns() -> impl Iterator<Item = &'static str> {
        COLUMNS
            .into_iter()
            .chain(TYPE_COLUMNS)
            .chain([tasador_listing::sale::STATUS])
    }

    /// Those of a frame: segments of at least `least` homes.
    pub fn of(homes: &Frame, least: usize) -> Self {
        let mut segments = Vec::new();
        for column in COLUMNS.into_iter().chain(TYPE_COLUMNS) {
            let Some(Column::Category { codes, names }) = homes.column(column) else {
                continue;
            };
            let mut rows: Vec<Vec<usize>> = vec![Vec::new(); names.len()];
            for (row, code) in codes
                .iter()
                .enumerate()
                .filter(|(_, code)| **code != MISSING)
            {
                if let Some(rows) = rows.get_mut(*code as usize) {
                    rows.push(row);
                }
            }
            let large = names
                .iter()
                .zip(rows)
                .filter(|(_, rows)| rows.len() >= least);
            segments.extend(large.map(|(name, homes)| Segment {
                column: column.to_owned(),
                name: name.clone(),
                homes,
            }));
        }
        Self {
            segments,
            sales: sold(homes),
        }
    }

    /// The segment whose average error rose most, as a share, with the share.
    pub(super) fn worst(
        &self,
        prices: &[f64],
        challenger: &[Prediction],
        champion: &[Prediction],
    ) -> Option<(&Segment, f64)> {
        let error = |homes: &[usize], predictions: &[Prediction]| -> f64 {
            let errors = homes
                .iter()
                .filter_map(|&row| Some((predictions.get(row)?.price - prices.get(row)?).abs()));
            errors.sum()
        };
        let changes = self.segments.iter().map(|segment| {
            let homes = &segment.homes;
            let change = change(error(homes, challenger), error(homes, champion));
            (segment, change)
        });
        // Of equal changes the first.
        changes.reduce(|worst, next| if next.1 > worst.1 { next } else { worst })
    }

    /// The ratio study of the sales.
    pub(super) fn study(
        &self,
        prices: &[f64],
        challenger: &[Prediction],
        seed: u64,
    ) -> Option<Study> {
        let sales = self.sales.iter().filter_map(|&row| {
            Some(Sale {
                predicted: challenger.get(row)?.price,
                price: *prices.get(row)?,
            })
        });
        Study::of(&sales.collect::<Vec<Sale>>(), seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_the_values_of_columns_with_enough_homes() {
        let mut homes = Frame::new(5);
        let states = [Some("TX"), Some("TX"), None, Some("ME"), Some("TX")];
        let kinds = [Some("condo"), None, Some("condo"), Some("house"), None];
        let status = [
            Some("sold"),
            Some("for_sale"),
            Some("sold"),
            None,
            Some("sold"),
        ];
        homes.push("state", Column::category(states)).unwrap();
        homes.push("home_type", Column::category(kinds)).unwrap();
        homes.push("city", Column::category(states)).unwrap();
        homes.push("status", Column::category(status)).unwrap();
        let found = Parts::of(&homes, 2);
        let segments: Vec<(&str, &str, &[usize])> = found
            .segments
            .iter()
            .map(|it| (it.column.as_str(), it.name.as_str(), it.homes.as_slice()))
            .collect();
        assert_eq!(
            segments,
            [
                ("state", "TX", &[0, 1, 4][..]),
                ("home_type", "condo", &[0, 2][..])
            ]
        );
        assert_eq!(found.sales, [0, 2, 4]);
    }
}
