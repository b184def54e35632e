//! Two distributions side by side: for each bin two bars, the reference's and the batch's.

use maud::{Markup, html};

use super::Scale;

const ROW: f64 = 26.0;
const BAR: f64 = 9.0;
/// Where the bars begin, in percent of the width.
const LEFT: f64 = 36.0;

/// One bin: its label and both shares, 0 to 1.
pub(crate) struct Pair {
    pub(crate) label: String,
    pub(crate) shares: [f64; 2],
    /// What a pointer that rests on it is told.
    pub(crate) title: String,
}

/// The bars, from nothing to the largest share.
pub(crate) fn pairs(name: &str, pairs: &[Pair]) -> Markup {
    let all = pairs.iter().flat_map(|pair| pair.shares);
    let high = all.fold(0.0, f64::max);
    let x = Scale::new(0.0, high, 0.0, 100.0 - LEFT);
    html! {
        svg.plot.pairs width="100%" height=(pairs.len() as f64 * ROW) role="img" aria-label=(name) {
            @for (place, pair) in pairs.iter().enumerate() {
                @let y = place as f64 * ROW;
                g {
                    title { (pair.title) }
                    text.axis x="0" y=(y + 15.0) { (pair.label) }
                    @for (side, share) in pair.shares.into_iter().enumerate() {
                        @if share > 0.0 {
                            rect class=(format!("side{side}")) x=(format!("{LEFT}%")) width=(x.percent(share))
                                y=(y + 2.0 + side as f64 * (BAR + 1.0)) height=(BAR) rx="2" {}
                        }
                    }
                }
            }
        }
    }
}
