//! Asking prices and sale prices: what the price of a listing is, by its status.

use serde::{Deserialize, Serialize};

/// What a price is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceKind {
    /// What the seller asks.
    Asking,
    /// What the buyer paid.
    Sale,
}

/// The column that tells one from the other.
pub const STATUS: &str = "status";

/// The status of a sold home, as it is written.
pub const SOLD: &str = "sold";

impl PriceKind {
    /// As answers write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asking => "asking",
            Self::Sale => "sale",
        }
    }

    /// By the listing's status, whatever its case; `None` where there is no status.
    pub fn of_status(status: &str) -> Option<Self> {
        let status = status.trim();
        if status.is_empty() {
            return None;
        }
        let is_sold = [SOLD, "closed", "recently_sold", "recently sold"]
            .iter()
            .any(|sold| status.eq_ignore_ascii_case(sold));
        Some(if is_sold { Self::Sale } else { Self::Asking })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_tells_what_a_price_is() {
        for (status, kind) in [
            ("sold", Some(PriceKind::Sale)),
            (" Sold ", Some(PriceKind::Sale)),
            ("CLOSED", Some(PriceKind::Sale)),
            ("for_sale", Some(PriceKind::Asking)),
            ("ready_to_build", Some(PriceKind::Asking)),
            ("unsold", Some(PriceKind::Asking)),
            ("", None),
            ("  ", None),
        ] {
            assert_eq!(PriceKind::of_status(status), kind, "{status:?}");
        }
    }
}
