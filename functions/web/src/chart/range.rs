//! Where the price lies within its likely range.

use maud::{Markup, html};

use super::Scale;
use crate::language::{Language, PageLanguage as _};

/// A bar from `low` to `high` with the price on it.
pub(crate) fn range(language: Language, low: f64, price: f64, high: f64) -> Markup {
    let x = Scale::new(low, high, 1.5, 98.5);
    let name = format!(
        "{}: {}–{}",
        language.words().range_label,
        language.money(low),
        language.money(high)
    );
    html! {
        svg.plot.range width="100%" height="48" role="img" aria-label=(name) {
            rect.band x="0" y="6" width="100%" height="12" rx="6" {}
            circle.price cx=(x.percent(price)) cy="12" r="9" {}
            text.axis x="0" y="42" { (language.money(low)) }
            text.axis x="100%" y="42" text-anchor="end" { (language.money(high)) }
        }
    }
}
