//! Two plots as SVG, small enough to stand in a page and readable without a script.

use std::fmt::Write as _;

use tasador_flow::Language::English;

use crate::metrics::median;
use crate::model::Prediction;

/// Points of a cloud at most.
const MOST_POINTS: usize = 1_500;

/// Groups of the calibration plot.
const GROUPS: usize = 10;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 50.0;
const TOP: f64 = 40.0;
const RIGHT: f64 = 20.0;

/// A plane with two axes in logarithms or shares.
struct Plane {
    svg: String,
    x: (f64, f64),
    y: (f64, f64),
}

impl Plane {
    fn new(title: &str, x_title: &str, y_title: &str, x: (f64, f64), y: (f64, f64)) -> Self {
        let widened = |(low, high): (f64, f64)| {
            if low < high && (high - low).is_finite() {
                (low, high)
            } else {
                (
                    low.clamp(-700.0, 700.0) - 1.0,
                    low.clamp(-700.0, 700.0) + 1.0,
                )
            }
        };
        let mut svg = String::new();
        let _ = write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\" role=\"img\" aria-label=\"{title}\">\n\
             <title>{title}</title>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{title}</text>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{x_title}</text>\n\
             <text transform=\"translate(16 {:.1}) rotate(-90)\" text-anchor=\"middle\">{y_title}</text>\n",
            WIDTH / 2.0,
            HEIGHT - 10.0,
            HEIGHT / 2.0,
        );
        Self {
            svg,
            x: widened(x),
            y: widened(y),
        }
    }

    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let share =
            |value: f64, (low, high): (f64, f64)| ((value - low) / (high - low)).clamp(0.0, 1.0);
        (
            LEFT + share(x, self.x) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - share(y, self.y) * (HEIGHT - BOTTOM - TOP),
        )
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), style: &str) {
        let ((x1, y1), (x2, y2)) = (self.at(from.0, from.1), self.at(to.0, to.1));
        let _ = writeln!(
            self.svg,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" {style}/>"
        );
    }

    fn dot(&mut self, x: f64, y: f64, radius: f64, style: &str) {
        let (x, y) = self.at(x, y);
        let _ = writeln!(
            self.svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" {style}/>"
        );
    }

    fn x_mark(&mut self, x: f64, text: &str) {
        let (at, bottom) = self.at(x, self.y.0);
        let _ = writeln!(
            self.svg,
            "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
            bottom + 18.0
        );
    }

    fn y_mark(&mut self, y: f64, text: &str) {
        let (left, at) = self.at(self.x.0, y);
        let _ = writeln!(
            self.svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            left - 6.0,
            at + 4.0
        );
    }

    fn axes(&mut self) {
        let style = "stroke=\"#888\"";
        self.line((self.x.0, self.y.0), (self.x.1, self.y.0), style);
        self.line((self.x.0, self.y.0), (self.x.0, self.y.1), style);
    }

    fn finish(mut self) -> String {
        self.svg.push_str("</svg>\n");
        self.svg
    }
}

/// The pairs of (price, prediction) that can be shown on logarithmic axes.
fn pairs<'a>(prices: &[f64], predictions: &'a [Prediction]) -> Vec<(f64, &'a Prediction)> {
    prices
        .iter()
        .copied()
        .zip(predictions)
        .filter(|(price, prediction)| {
            price.is_finite()
                && *price > 0.0
                && prediction.price.is_finite()
                && prediction.price > 0.0
        })
        .collect()
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// Powers of ten, and three times those, within a range of logarithms.
fn round_prices((low, high): (f64, f64)) -> Vec<f64> {
    (0..12)
        .flat_map(|power| [1.0, 3.0].map(|digit| digit * 10_f64.powi(power)))
        .filter(|price| (low..=high).contains(&price.ln()))
        .collect()
}

/// Predicted prices against how far the true ones are from them.
pub(super) fn residuals(prices: &[f64], predictions: &[Prediction]) -> String {
    let pairs = pairs(prices, predictions);
    let x = range(pairs.iter().map(|(_, prediction)| prediction.price.ln()));
    let mut plane = Plane::new(
        "Prediction error on held-out homes",
        "predicted price",
        "true price / predicted price",
        x,
        (-1.6, 1.6),
    );
    plane.axes();
    let (low, high) = plane.x;
    for price in round_prices(plane.x) {
        plane.x_mark(price.ln(), &English.money_short(price));
    }
    for factor in [0.25_f64, 0.5, 1.0, 2.0, 4.0] {
        plane.y_mark(factor.ln(), &format!("× {factor}"));
        plane.line((low, factor.ln()), (high, factor.ln()), "stroke=\"#ddd\"");
    }
    let step = pairs.len().div_ceil(MOST_POINTS).max(1);
    for (price, prediction) in pairs.iter().step_by(step) {
        let predicted = prediction.price.ln();
        plane.dot(
            predicted,
            price.ln() - predicted,
            1.8,
            "fill=\"#1f6f8b\" fill-opacity=\"0.45\"",
        );
    }
    plane.finish()
}

/// By tenth of the predicted price: the median prediction against the median true price, with the
/// share of homes inside the interval.
pub(super) fn calibration(prices: &[f64], predictions: &[Prediction]) -> String {
    let mut pairs = pairs(prices, predictions);
    pairs.sort_by(|a, b| a.1.price.total_cmp(&b.1.price));
    let both = pairs
        .iter()
        .flat_map(|(price, prediction)| [price.ln(), prediction.price.ln()]);
    let bounds = range(both);
    let mut plane = Plane::new(
        "Predicted and true prices by tenth, with interval coverage",
        "median predicted price",
        "median true price",
        bounds,
        bounds,
    );
    plane.axes();
    let (low, high) = plane.x;
    plane.line(
        (low, low),
        (high, high),
        "stroke=\"#bbb\" stroke-dasharray=\"4 4\"",
    );
    for price in round_prices(plane.x) {
        plane.x_mark(price.ln(), &English.money_short(price));
        plane.y_mark(price.ln(), &English.money_short(price));
    }
    let size = pairs.len().div_ceil(GROUPS).max(1);
    for group in pairs.chunks(size) {
        let predicted = median(group.iter().map(|(_, prediction)| prediction.price)).ln();
        let truth = median(group.iter().map(|(price, _)| *price)).ln();
        let inside = group
            .iter()
            .filter(|(price, prediction)| {
                let (low, high) = prediction.interval;
                (low..=high).contains(price)
            })
            .count();
        plane.dot(predicted, truth, 5.0, "fill=\"#c8553d\"");
        let (x, y) = plane.at(predicted, truth);
        let _ = writeln!(
            plane.svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"10\">{:.0} %</text>",
            x + 8.0,
            y + 12.0,
            100.0 * inside as f64 / group.len() as f64
        );
    }
    plane.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::indexing_slicing)] // Up to its own length.
    fn plots_are_drawn_of_any_prices() {
        let prediction = |price: f64| Prediction {
            price,
            interval: (price * 0.5, price * 2.0),
            fsd: 0.1,
        };
        let odd = [f64::NAN, 1e308, 1e-300, 5.0, -1.0];
        let says = [1.0, 1e308, 1e-300, f64::INFINITY, 3.0].map(prediction);
        for count in 0..=odd.len() {
            for svg in [
                residuals(&odd[..count], &says[..count]),
                calibration(&odd[..count], &says[..count]),
            ] {
                assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
    }

    #[test]
    fn a_cloud_is_thinned() {
        let prices: Vec<f64> = (1..10_000).map(f64::from).collect();
        let says: Vec<Prediction> = prices
            .iter()
            .map(|&price| Prediction {
                price,
                interval: (price, price),
                fsd: 0.1,
            })
            .collect();
        assert!(residuals(&prices, &says).matches("<circle").count() <= MOST_POINTS);
        let svg = calibration(&prices, &says);
        assert_eq!(svg.matches("<circle").count(), GROUPS);
        assert_eq!(svg.matches("100 %</text>").count(), GROUPS);
    }
}
