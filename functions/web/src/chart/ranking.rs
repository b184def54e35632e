//! What matters how much: one bar for each thing, the largest first.

use maud::{Markup, html};

use super::Scale;

const ROW: f64 = 38.0;

/// One thing: its label, its size, and the size as it is written.
pub(crate) struct Rank {
    pub(crate) label: String,
    pub(crate) size: f64,
    pub(crate) written: String,
}

/// The bars, from nothing to the largest.
pub(crate) fn ranking(name: &str, ranks: &[Rank]) -> Markup {
    let high = ranks.iter().map(|rank| rank.size).fold(0.0, f64::max);
    let x = Scale::new(0.0, high, 0.0, 100.0);
    html! {
        svg.plot.ranking width="100%" height=(ranks.len() as f64 * ROW) role="img" aria-label=(name) {
            @for (place, rank) in ranks.iter().enumerate() {
                @let y = place as f64 * ROW;
                text.label x="0" y=(y + 14.0) { (rank.label) }
                text.amount x="100%" y=(y + 14.0) text-anchor="end" { (rank.written) }
                rect.track x="0" width="100%" y=(y + 21.0) height="7" rx="3.5" {}
                rect.up x="0" width=(x.percent(rank.size.max(0.0))) y=(y + 21.0) height="7" rx="3.5" {}
            }
        }
    }
}
