//! Plots as inline SVG.
//!
//! Places along the x axis are percentages and all else is pixels, so that a plot fills its card at
//! any width and its text keeps its size. Colours are classes: the style sheet knows day and night.

use maud::{Markup, html};

mod bars;
mod pairs;
mod points;
mod range;
mod ranking;
mod waterfall;

pub(crate) use bars::{Bar, Bars, bars};
pub(crate) use pairs::{Pair, pairs};
pub(crate) use points::{Point, points};
pub(crate) use range::range;
pub(crate) use ranking::{Rank, ranking};
pub(crate) use waterfall::{Step, waterfall};

/// What the colours of a plot mean: classes of their keys, each with its text.
pub(crate) fn legend(entries: &[(&str, &str)]) -> Markup {
    html! {
        p.legend {
            @for (class, text) in entries { span.entry { span class=(format!("key {class}")) {} (text) } " " }
        }
    }
}

/// From numbers to a percentage of the width, or to pixels of height.
#[derive(Debug, Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// `low` lands at `from`, `high` at `to`; where they are one, everything lands in the middle.
    fn new(low: f64, high: f64, from: f64, to: f64) -> Self {
        Self {
            low,
            high,
            from,
            to,
        }
    }

    fn at(self, value: f64) -> f64 {
        let width = self.high - self.low;
        let share = if width > 0.0 && value.is_finite() {
            ((value - self.low) / width).clamp(0.0, 1.0)
        } else {
            0.5
        };
        self.from + share * (self.to - self.from)
    }

    /// As a percentage for an attribute.
    fn percent(self, value: f64) -> String {
        format!("{:.3}%", self.at(value))
    }
}

/// Round numbers from at most `low` to at least `high`, about `count` of them; whole ones if asked for.
fn ticks(low: f64, high: f64, count: u32, whole: bool) -> Vec<f64> {
    if !(low.is_finite() && high.is_finite()) || high <= low {
        return vec![low];
    }
    let step = tasador_listing::drift::round_step((high - low) / f64::from(count.max(1)));
    let step = if whole { step.ceil() } else { step };
    let first = (low / step).floor();
    let last = (high / step).ceil();
    let steps = (last - first).clamp(0.0, 20.0) as u32;
    (0..=steps)
        .map(|place| (first + f64::from(place)) * step)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_the_range() {
        assert_eq!(
            ticks(66_000.0, 94_000.0, 4, false),
            [60_000.0, 70_000.0, 80_000.0, 90_000.0, 100_000.0]
        );
        assert_eq!(ticks(0.0, 7.0, 4, false), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(ticks(0.0, 1.0, 3, true), [0.0, 1.0]);
        assert_eq!(ticks(0.0, 7.0, 3, true), [0.0, 3.0, 6.0, 9.0]);
        assert_eq!(ticks(3.0, 3.0, 4, false), [3.0]);
        assert_eq!(ticks(f64::NAN, 3.0, 4, true).len(), 1);
    }

    #[test]
    fn what_lies_outside_is_drawn_at_the_edge() {
        let scale = Scale::new(0.0, 10.0, 0.0, 100.0);
        assert_eq!(scale.percent(2.5), "25.000%");
        assert_eq!(scale.percent(99.0), "100.000%");
        assert_eq!(scale.percent(f64::NAN), "50.000%");
        assert_eq!(Scale::new(1.0, 1.0, 0.0, 100.0).at(1.0), 50.0);
    }
}
