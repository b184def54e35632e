//! What a home is worth: the price, its range in words, what made it, and what would change it.

use maud::{Markup, html};
use serde_json::{Map, Value};
use tasador_http::Problem;
use tasador_listing::PriceKind;
use tasador_pricing::{
    Amount, Answer, Body, Champion, Contribution, Explanation, InputDescription, Kind, OnePrice,
    Seen,
};

use crate::asked::{Asked, FIELD, View};
use crate::chart::{Step, legend, range, waterfall};
use crate::columns::Names as _;
use crate::language::{Language, PageLanguage as _};
use crate::layout::empty;

use super::comparables::comparables;
use super::trust::trust;

/// Sliders that are offered: the numbers that matter most for this home.
const SLIDERS_MAX: usize = 4;

/// The right side of the section.
pub(crate) fn result(
    language: Language,
    champion: Option<&Champion>,
    asked: &Asked,
    priced: Option<&Answer>,
) -> Markup {
    let words = language.words();
    match priced.map(|answer| &answer.body) {
        None | Some(Body::Many(_)) => html! {
            div.card.ghost { (empty(words.no_price_yet, words.no_price_hint)) }
        },
        Some(Body::Problem(problem)) => refused(language, problem),
        Some(Body::One(price)) => html! {
            (headline(language, champion, price, asked))
            @if let Some(explanation) = &price.price.explanation {
                (why(language, champion, explanation, price.price.predicted_price, asked))
                @if let Some(champion) = champion {
                    (what_if(language, champion, asked, explanation, price.price.predicted_price))
                }
            }
            (comparables(language, champion, asked, &price.price))
        },
    }
}

fn refused(language: Language, problem: &Problem) -> Markup {
    let words = language.words();
    html! {
        div.card.trouble role="alert" {
            h2 { (words.cannot_price) }
            @if problem.errors.is_empty() {
                p { (problem.detail.as_deref().unwrap_or(problem.title)) }
            } @else {
                ul {
                    @for error in &problem.errors {
                        li { a href=(format!("#in-{}", error.field)) { (language.column(&error.field)) } ": " (error.reason) }
                    }
                }
            }
        }
    }
}

fn headline(
    language: Language,
    champion: Option<&Champion>,
    answer: &OnePrice,
    asked: &Asked,
) -> Markup {
    let words = language.words();
    let price = &answer.price;
    let interval = &price.interval;
    html! {
        div.card.price #price {
            h2.eyebrow { (words.estimated_price) }
            p.figure { data value=(price.predicted_price) { (language.money(price.predicted_price)) } }
            @if let Some(kind) = price.price_kind {
                p.hint { (match kind { PriceKind::Sale => words.sale_price, PriceKind::Asking => words.asking_price }) }
            }
            @if let Some(from) = asked.from {
                p.delta {
                    strong.up[price.predicted_price >= from].down[price.predicted_price < from] {
                        (language.money_change(price.predicted_price - from))
                    }
                    " " (words.compared)
                }
            }
            p.sentence { (interval_in_words(language, interval.low, interval.high, interval.confidence)) }
            (range(language, rounded(interval.low), price.predicted_price, rounded(interval.high)))
            (trust(language, champion, &serde_json::to_value(price).unwrap_or_default(), asked.home.as_ref(), true))
            p.small {
                a href=(format!("?version={}", answer.model.version)) { (words.version) " " (answer.model.version) }
                " · " a href=(View::Request(answer.request_id.clone()).address()) { (words.request) " " code { (answer.request_id) } }
            }
            @if !price.ignored_fields.is_empty() {
                p.small {
                    (words.ignored) " "
                    (language.list(&price.ignored_fields.iter().map(|field| language.column(field)).collect::<Vec<_>>()))
                    "."
                }
            }
        }
    }
}

/// The range with its probability: `90% likely range: $458,000–$876,000`.
pub(crate) fn interval_in_words(
    language: Language,
    low: f64,
    high: f64,
    confidence: f64,
) -> String {
    let (low, high) = (language.money(rounded(low)), language.money(rounded(high)));
    let confidence = language.percent(confidence);
    match language {
        Language::English => format!("{confidence} likely range: {low}–{high}"),
        Language::Spanish => format!("Rango probable ({confidence}): {low}–{high}"),
    }
}

/// To a thousand dollars: a range promises no more.
pub(crate) fn rounded(amount: f64) -> f64 {
    if amount.abs() >= 10_000.0 {
        (amount / 1_000.0).round() * 1_000.0
    } else {
        amount
    }
}

fn why(
    language: Language,
    champion: Option<&Champion>,
    explanation: &Explanation,
    price: f64,
    asked: &Asked,
) -> Markup {
    let words = language.words();
    let input = |name: &str| {
        champion.and_then(|champion| {
            let inputs = &champion.description.inputs;
            inputs.iter().find(|input| input.name == name)
        })
    };
    let value = |part: &Contribution| {
        let typed = asked.typed(&part.name)?;
        Some(
            input(&part.name)
                .map_or_else(|| typed.to_owned(), |input| language.value(input, typed)),
        )
    };
    let mut steps: Vec<Step> = explanation
        .contributions
        .iter()
        .filter_map(|part| {
            Some(Step {
                label: format!("{}: {}", language.column(&part.name), value(part)?),
                amount: part.amount,
            })
        })
        .collect();
    // What was left empty moves the price too, and says nothing about the home: one step for all of it.
    let empty: Vec<&Contribution> = explanation
        .contributions
        .iter()
        .filter(|part| value(part).is_none())
        .collect();
    if !empty.is_empty() {
        steps.push(Step {
            label: format!("{} ({})", words.fields_left_empty, empty.len()),
            amount: empty.iter().map(|part| part.amount).sum(),
        });
        steps.sort_by(|a, b| b.amount.abs().total_cmp(&a.amount.abs()));
    }
    html! {
        div.card #why {
            h2 { (words.why) }
            p.hint { (words.why_hint) }
            (legend(&[("up", words.raises), ("down", words.lowers)]))
            (waterfall(language, explanation.base_price, &steps, price))
            details {
                summary { (words.all_figures) }
                div.scroll tabindex="0" role="region" aria-label=(words.all_figures) {
                    table {
                        thead { tr { th scope="col" { (words.feature) } th scope="col" { (words.value) } th.number scope="col" { (words.effect) } } }
                        tbody {
                            tr { th scope="row" { (words.average_home) } td {} td.number { (language.money(explanation.base_price)) } }
                            @for part in &explanation.contributions {
                                tr {
                                    th scope="row" { (language.column(&part.name)) }
                                    td { (value(part).unwrap_or_else(|| "–".to_owned())) }
                                    td.number { (language.money_change(part.amount)) }
                                }
                            }
                            tr.total { th scope="row" { (words.this_home) } td {} td.number { (language.money(price)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Sliders over the numbers that matter most, in a separate form: without a script it is sent by
/// its button.
fn what_if(
    language: Language,
    champion: &Champion,
    asked: &Asked,
    explanation: &Explanation,
    price: f64,
) -> Markup {
    let words = language.words();
    let sliders: Vec<(&InputDescription, Slider)> = explanation
        .contributions
        .iter()
        .filter_map(|part| {
            let inputs = &champion.description.inputs;
            let input = inputs.iter().find(|input| input.name == part.name)?;
            Some((input, Slider::of(input, asked.typed(&input.name)?)?))
        })
        .take(SLIDERS_MAX)
        .collect();
    let moved = |name: &str| sliders.iter().any(|(input, _)| input.name == name);
    let home = asked.home.iter().flatten();
    html! {
        @if !sliders.is_empty() {
            form.card #what-if action="./" method="get" {
                h2 { (words.what_if) }
                p.hint { (words.what_if_hint) }
                // Stays in sight while the sliders move.
                p.now #now {
                    span { (words.estimated_price) }
                    strong { data value=(price) { (language.money(price)) } }
                    @if let Some(from) = asked.from {
                        span.delta { (language.money_change(price - from)) }
                    }
                }
                @for (name, value) in home.filter(|(name, _)| !moved(name)) {
                    input type="hidden" name=(format!("{FIELD}{name}")) value=(value.as_str().unwrap_or_default());
                }
                input type="hidden" name="from" value=(format!("{:.2}", asked.from.unwrap_or(price)));
                @for (input, slider) in &sliders {
                    @let id = format!("if-{}", input.name);
                    div.slider {
                        label for=(id) { (language.column(&input.name)) }
                        output for=(id) data-unit=(language.unit(input.unit.as_deref()).unwrap_or_default())
                            data-words=[words_of(language, input)] {
                            (language.value(input, &slider.value.to_string()))
                        }
                        input id=(id) type="range" name=(format!("{FIELD}{}", input.name))
                            min=(slider.low) max=(slider.high) step=(slider.step) value=(slider.value);
                    }
                }
                button.quiet.no-script type="submit" { (words.show_price) }
            }
        }
    }
}

/// The words of a scale, for the script: an object of number and text.
fn words_of(language: Language, input: &InputDescription) -> Option<String> {
    let choices: Map<String, Value> = language
        .choices(input)
        .into_iter()
        .map(|(number, word)| (number, word.into()))
        .collect();
    (!choices.is_empty()).then(|| Value::Object(choices).to_string())
}

/// Where a slider goes.
struct Slider {
    low: f64,
    high: f64,
    step: f64,
    value: f64,
}

impl Slider {
    /// From the smallest that training saw to the largest, but no further than four times what is
    /// usual: a slider over one castle says nothing about houses.
    fn of(input: &InputDescription, typed: &str) -> Option<Self> {
        let Seen::Range {
            min: Some(Amount::Number(min)),
            median: Some(Amount::Number(median)),
            max: Some(Amount::Number(max)),
        } = &input.seen
        else {
            return None;
        };
        let value: f64 = typed.parse().ok().filter(|value: &f64| value.is_finite())?;
        if input.kind != Kind::Number || *min < 0.0 && *max <= 0.0 {
            return None;
        }
        let usual = (median * 4.0).max(value * 1.5);
        let high = if *median > 0.0 { max.min(usual) } else { *max }.max(value);
        let low = min.min(value);
        if high <= low {
            return None;
        }
        let step = step(high - low);
        Some(Self {
            low: (low / step).floor() * step,
            high: (high / step).ceil() * step,
            step,
            value,
        })
    }
}

/// A round hundredth of the way, but halves at least where rooms are counted.
fn step(width: f64) -> f64 {
    let rough = width / 200.0;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * magnitude)
        .find(|step| *step >= rough)
        .unwrap_or(magnitude);
    if (0.02..0.25).contains(&round) && width >= 4.0 {
        0.25
    } else {
        round
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_written_with_its_probability() {
        assert_eq!(
            interval_in_words(Language::English, 772_500.11, 1_456_756.69, 0.9),
            "90% likely range: $773,000–$1,457,000"
        );
        assert_eq!(
            interval_in_words(Language::Spanish, 772_500.11, 1_456_756.69, 0.95),
            "Rango probable (95\u{a0}%): US$\u{a0}773.000–US$\u{a0}1.457.000"
        );
    }

    #[test]
    fn sliders_move_in_round_steps() {
        for (width, wanted) in [(10.0, 0.25), (7_000.0, 50.0), (0.7, 0.005), (1_000.0, 5.0)] {
            assert!(
                (step(width) - wanted).abs() < 1e-9,
                "{width}: {}",
                step(width)
            );
        }
    }
}
