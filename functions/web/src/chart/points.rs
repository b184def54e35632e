//! A figure over time: one point for each version.

use maud::{Markup, html};

use super::{Scale, ticks};
use crate::language::Language;

const HEIGHT: f64 = 220.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 36.0;
/// Where the first point stands, as a percentage: right of the labels of the axis, on a phone too.
const FIRST: f64 = 24.0;

/// One point.
pub(crate) struct Point {
    /// What stands below it.
    pub(crate) label: String,
    pub(crate) value: f64,
    /// Whether it is filled, and part of the line.
    pub(crate) strong: bool,
    /// What a pointer that rests on it is told.
    pub(crate) title: String,
}

/// The points in their order, the strong ones joined by a line.
pub(crate) fn points(language: Language, name: &str, points: &[Point]) -> Markup {
    let finite = points
        .iter()
        .map(|point| point.value)
        .filter(|v| v.is_finite());
    let low = finite.clone().fold(f64::INFINITY, f64::min);
    let high = finite.fold(f64::NEG_INFINITY, f64::max);
    let axis = ticks(
        low,
        if high > low { high } else { low * 1.1 + 1.0 },
        4,
        false,
    );
    let (first, last) = (
        axis.first().copied().unwrap_or(low),
        axis.last().copied().unwrap_or(high),
    );
    let y = Scale::new(first, last, HEIGHT - BOTTOM, TOP);
    let x = Scale::new(0.0, points.len().saturating_sub(1) as f64, FIRST, 97.0);
    // Labels would touch where there are many.
    let every = points.len().div_ceil(13).max(1);
    let strong: Vec<(f64, f64)> = points
        .iter()
        .enumerate()
        .filter(|(_, point)| point.strong)
        .map(|(place, point)| (x.at(place as f64), y.at(point.value)))
        .collect();
    html! {
        svg.plot.points width="100%" height=(HEIGHT) role="img" aria-label=(name) {
            @for tick in &axis {
                line.grid x1="0" x2="100%" y1=(y.at(*tick)) y2=(y.at(*tick)) {}
                text.axis x="0" y=(y.at(*tick) - 5.0) { (language.money_short(*tick)) }
            }
            @for pair in strong.windows(2) {
                @if let [from, to] = pair {
                    line.trend x1=(format!("{:.3}%", from.0)) y1=(from.1) x2=(format!("{:.3}%", to.0)) y2=(to.1) {}
                }
            }
            @for (place, point) in points.iter().enumerate() {
                g {
                    title { (point.title) }
                    circle.strong[point.strong] cx=(x.percent(place as f64)) cy=(y.at(point.value))
                        r=(if point.strong { 6 } else { 4 }) {}
                }
                @if place % every == 0 {
                    text.axis x=(x.percent(place as f64)) y=(HEIGHT - 8.0) text-anchor="middle" { (point.label) }
                }
            }
        }
    }
}
