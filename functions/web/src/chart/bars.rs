//! Amounts side by side, each made of up to three parts.

use maud::{Markup, html};

use super::{Scale, ticks};

const HEIGHT: f64 = 200.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 34.0;
const LEFT: f64 = 13.0;

/// One bar: its parts from the bottom up.
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) parts: [f64; 3],
    /// What a pointer that rests on it is told.
    pub(crate) title: String,
}

/// How bars are drawn.
pub(crate) struct Bars<'a> {
    /// What a screen reader says of the plot.
    pub(crate) name: &'a str,
    /// Whether amounts are counts: no axis has half a request.
    pub(crate) whole: bool,
    /// How the axis writes an amount.
    pub(crate) axis: &'a dyn Fn(f64) -> String,
}

/// The bars in their order.
pub(crate) fn bars(how: &Bars<'_>, bars: &[Bar]) -> Markup {
    let total = |bar: &Bar| bar.parts.iter().sum::<f64>();
    let high = bars.iter().map(total).fold(0.0, f64::max);
    let axis = ticks(0.0, if high > 0.0 { high } else { 1.0 }, 3, how.whole);
    let last = axis.last().copied().unwrap_or(high);
    let y = Scale::new(0.0, last, HEIGHT - BOTTOM, TOP);
    let room = (100.0 - LEFT) / bars.len().max(1) as f64;
    let width = (room * 0.64).min(9.0);
    let every = bars.len().div_ceil(8).max(1);
    // On a phone there is room for half of them.
    let is_minor = |place: usize| bars.len() > 5 * every && place / every % 2 == 1;
    html! {
        svg.plot.bars width="100%" height=(HEIGHT) role="img" aria-label=(how.name) {
            @for tick in &axis {
                line.grid x1=(format!("{LEFT}%")) x2="100%" y1=(y.at(*tick)) y2=(y.at(*tick)) {}
                text.axis x="0" y=(y.at(*tick) + 4.0) { ((how.axis)(*tick)) }
            }
            @for (place, bar) in bars.iter().enumerate() {
                @let middle = LEFT + room * (place as f64 + 0.5);
                g {
                    title { (bar.title) }
                    @for (part, (from, amount)) in stacked(&bar.parts).into_iter().enumerate() {
                        @if amount > 0.0 {
                            @let top = y.at(from + amount);
                            rect class=(format!("part{part}")) x=(format!("{:.3}%", middle - width / 2.0))
                                width=(format!("{width:.3}%")) y=(top) rx="2"
                                height=(format!("{:.2}", (y.at(from) - top).max(1.0))) {}
                        }
                    }
                }
                @if place % every == 0 {
                    text.axis.minor[is_minor(place)] x=(format!("{middle:.3}%")) y=(HEIGHT - 8.0) text-anchor="middle" { (bar.label) }
                }
            }
        }
    }
}

/// Where each part begins, and how large it is.
fn stacked(parts: &[f64; 3]) -> Vec<(f64, f64)> {
    let mut from = 0.0;
    parts
        .iter()
        .map(|part| {
            let place = (from, *part);
            from += part;
            place
        })
        .collect()
}
