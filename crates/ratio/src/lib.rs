//! Ratio studies: predicted prices against sale prices, in the statistics by which mass appraisal is
//! judged.
//!
//! A ratio is the predicted price over the sale price. The definitions are those of the International
//! Association of Assessing Officers (*Standard on Ratio Studies*, 2013) and, for the Gini-based indices,
//! of Quintos (2020, 2021); `assesspy` computes the same numbers, and a test compares them. Pure:
//! the same sales and seed give the same study.

mod bootstrap;
mod sorted;
mod standard;
mod study;

pub use sorted::Statistics;
pub use standard::{Check, STANDARDS, Standard};
pub use study::{Estimate, Ratios, Segment, Study, segments};

/// A sale and the price predicted for it, both in one currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sale {
    pub predicted: f64,
    pub price: f64,
}

impl Sale {
    /// Whether both are positive finite numbers; others are left out of studies.
    pub fn is_usable(&self) -> bool {
        [self.predicted, self.price]
            .iter()
            .all(|amount| amount.is_finite() && *amount > 0.0)
    }

    pub fn ratio(&self) -> f64 {
        self.predicted / self.price
    }

    /// The prediction error as a share of the sale price.
    pub fn error(&self) -> f64 {
        self.ratio() - 1.0
    }
}
