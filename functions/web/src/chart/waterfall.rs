//! From the average home to this one, step by step.

use maud::{Markup, html};

use super::{Scale, ticks};
use crate::language::{Language, PageLanguage as _};

/// Steps that are drawn one by one; the smaller ones share the last row.
const DRAWN: usize = 7;
const ROW: f64 = 46.0;
const BAR: f64 = 14.0;

/// One feature's part.
pub(crate) struct Step {
    pub(crate) label: String,
    /// Its effect in the installation's currency.
    pub(crate) amount: f64,
}

/// The waterfall. `steps` come with the largest first and add up from `base` to `price`.
pub(crate) fn waterfall(language: Language, base: f64, steps: &[Step], price: f64) -> Markup {
    let words = language.words();
    let (drawn, rest) = steps.split_at(steps.len().min(DRAWN));
    let rest_amount: f64 = rest.iter().map(|step| step.amount).sum();
    let mut rows: Vec<(String, f64)> = drawn
        .iter()
        .map(|step| (step.label.clone(), step.amount))
        .collect();
    if !rest.is_empty() {
        rows.push((others(language, rest.len()), rest_amount));
    }
    let mut reached = vec![base];
    for (_, amount) in &rows {
        reached.push(reached.last().copied().unwrap_or(base) + amount);
    }
    let low = reached.iter().copied().fold(price, f64::min);
    let high = reached.iter().copied().fold(price, f64::max);
    let axis = ticks(low.max(0.0), high, 4, false);
    let (first, last) = (
        axis.first().copied().unwrap_or(low),
        axis.last().copied().unwrap_or(high),
    );
    let x = Scale::new(first, last, 1.5, 98.5);
    let body = (rows.len() + 2) as f64 * ROW;
    let name = format!(
        "{} {}: {}. {} {}: {}.",
        words.why,
        words.average_home,
        language.money(base),
        words.why_hint,
        words.this_home,
        language.money(price)
    );
    let top = |place: usize| place as f64 * ROW;
    let end = rows.len() + 1;
    html! {
        svg.plot.waterfall width="100%" height=(body + 26.0) role="img" aria-label=(name) {
            @for (place, tick) in axis.iter().enumerate() {
                line.grid x1=(x.percent(*tick)) x2=(x.percent(*tick)) y1="20" y2=(body) {}
                text.axis.minor[place % 2 == 1] x=(x.percent(*tick)) y=(body + 18.0) text-anchor=(anchor(*tick, first, last)) {
                    (language.money_short(*tick))
                }
            }
            text.label x="0" y="14" { (words.average_home) }
            text.amount x="100%" y="14" text-anchor="end" { (language.money(base)) }
            circle.base cx=(x.percent(base)) cy=(22.0 + BAR / 2.0) r="6" {}
            @for (place, ((label, amount), pair)) in rows.iter().zip(reached.windows(2)).enumerate() {
                @if let [from, to] = pair {
                    @let y = top(place + 1);
                    line.link x1=(x.percent(*from)) x2=(x.percent(*from))
                        y1=(y - ROW + 22.0 + BAR) y2=(y + 22.0) {}
                    text.label x="0" y=(y + 14.0) { (label) }
                    text.amount.up[*amount >= 0.0].down[*amount < 0.0] x="100%" y=(y + 14.0) text-anchor="end" {
                        (language.money_change(*amount))
                    }
                    rect.up[*amount >= 0.0].down[*amount < 0.0] x=(x.percent(from.min(*to))) y=(y + 22.0) height=(BAR) rx="3"
                        width=(format!("{:.3}%", (x.at(*to) - x.at(*from)).abs().max(0.4))) {}
                }
            }
            @let y = top(end);
            line.link x1=(x.percent(price)) x2=(x.percent(price))
                y1=(y - ROW + 22.0 + BAR) y2=(y + 22.0) {}
            text.label.strong x="0" y=(y + 14.0) { (words.this_home) }
            text.amount.strong x="100%" y=(y + 14.0) text-anchor="end" { (language.money(price)) }
            circle.price cx=(x.percent(price)) cy=(y + 22.0 + BAR / 2.0) r="7" {}
        }
    }
}

/// Labels at the edges of an axis stay within it.
fn anchor(tick: f64, first: f64, last: f64) -> &'static str {
    if tick == first {
        "start"
    } else if tick == last {
        "end"
    } else {
        "middle"
    }
}

fn others(language: Language, count: usize) -> String {
    match language {
        Language::English if count == 1 => "1 other feature".to_owned(),
        Language::English => format!("{count} other features"),
        Language::Spanish if count == 1 => "1 característica más".to_owned(),
        Language::Spanish => format!("{count} características más"),
    }
}
