//! The form: one field for each input of the champion.

use maud::{Markup, html};
use tasador_pricing::{Amount, Answer, Body, Champion, InputDescription, Kind, Seen};

use crate::asked::{Asked, FIELD};
use crate::columns::{Names as _, is_year};
use crate::language::{Language, PageLanguage as _};

/// The columns people know of their home, in the order they are asked.
const FIRST: [&str; 7] = [
    "bed",
    "bath",
    "house_size",
    "acre_lot",
    "zip_code",
    "city",
    "state",
];
/// So many other columns are shown at once; more are folded.
const OPEN_MAX: usize = 6;
/// Columns that training hardly ever saw empty, as a share of its rows, begin with a usual value: a
/// model says little of a home that lacks what no other lacked.
const RARELY_MISSING: f64 = 0.01;

pub(super) fn form(
    language: Language,
    champion: &Champion,
    asked: &Asked,
    priced: Option<&Answer>,
) -> Markup {
    let words = language.words();
    let inputs = &champion.description.inputs;
    let first = FIRST
        .iter()
        .filter_map(|name| inputs.iter().find(|input| input.name == *name));
    let others: Vec<&InputDescription> = inputs
        .iter()
        .filter(|input| !FIRST.contains(&input.name.as_str()))
        .collect();
    let is_used = others
        .iter()
        .any(|input| asked.typed(&input.name).is_some());
    let draw = |input: &InputDescription, is_first: bool| {
        let prefilled = is_first || input.missing_share < RARELY_MISSING;
        let wrong = wrong(priced, &input.name);
        field(language, input, asked, prefilled, wrong)
    };
    html! {
        form.card.form #home action="./" method="get" {
            h2 { (words.the_home) }
            p.hint { (words.optional) }
            div.fields { @for input in first { (draw(input, true)) } }
            @if !others.is_empty() {
                details open[others.len() <= OPEN_MAX || is_used] {
                    summary { (words.more_details) " " span.count { (others.len()) } }
                    div.fields { @for input in &others { (draw(input, false)) } }
                }
            }
            div.actions {
                button.button type="submit" { (words.appraise_now) }
                a.quiet href="./" { (words.start_over) }
            }
        }
    }
}

/// What is wrong with a field.
fn wrong<'a>(priced: Option<&'a Answer>, name: &str) -> Option<&'a str> {
    let Body::Problem(problem) = &priced?.body else {
        return None;
    };
    problem
        .errors
        .iter()
        .find(|error| error.field == name)
        .map(|error| error.reason.as_str())
}

fn field(
    language: Language,
    input: &InputDescription,
    asked: &Asked,
    prefilled: bool,
    wrong: Option<&str>,
) -> Markup {
    let id = format!("in-{}", input.name);
    let name = format!("{FIELD}{}", input.name);
    let hint_id = format!("{id}-hint");
    let example = input.example.as_ref().map(plain);
    let value = match (&asked.home, prefilled) {
        (None, true) => example.clone().unwrap_or_default(),
        _ => asked.typed(&input.name).unwrap_or_default().to_owned(),
    };
    let hint = match wrong {
        Some(reason) => Some(reason.to_owned()),
        None => hint(language, input),
    };
    let choices = language.choices(input);
    let hint = hint.filter(|_| choices.is_empty() || wrong.is_some());
    let described = hint.is_some().then_some(&hint_id);
    let invalid = wrong.is_some().then_some("true");
    html! {
        div.field.wrong[wrong.is_some()] {
            label for=(id) { (language.column(&input.name)) }
            @match (&input.seen, input.kind) {
                _ if !choices.is_empty() => {
                    select id=(id) name=(name) aria-describedby=[described] aria-invalid=[invalid] {
                        option value="" { "–" }
                        @for (number, word) in &choices { option value=(number) selected[*number == value] { (word) } }
                        @if !value.is_empty() && !choices.iter().any(|(number, _)| *number == value) {
                            option value=(value) selected { (value) }
                        }
                    }
                }
                (Seen::Names { most_frequent, distinct }, _)
                    if *distinct as usize <= most_frequent.len() => {
                    select id=(id) name=(name) aria-describedby=[described] aria-invalid=[invalid] {
                        option value="" { "–" }
                        @for known in most_frequent {
                            option value=(known) selected[*known == value] { (known.replace('_', " ")) }
                        }
                        @if !value.is_empty() && !most_frequent.contains(&value) {
                            option value=(value) selected { (value) }
                        }
                    }
                }
                (Seen::Names { most_frequent, .. }, _) => {
                    input id=(id) name=(name) type="text" value=(value) list=(format!("{id}-names")) autocomplete="off"
                        inputmode=[(input.format.as_deref() == Some("zip_code")).then_some("numeric")]
                        aria-describedby=[described] aria-invalid=[invalid];
                    datalist id=(format!("{id}-names")) {
                        @for known in most_frequent { option value=(known) {} }
                    }
                }
                (_, Kind::Date) => {
                    input id=(id) name=(name) type="date" value=(value)
                        aria-describedby=[described] aria-invalid=[invalid];
                }
                _ => {
                    input id=(id) name=(name) type="number" step="any" inputmode="decimal" value=(value)
                        placeholder=[(!prefilled).then_some(example.as_deref()).flatten()]
                        aria-describedby=[described] aria-invalid=[invalid];
                }
            }
            @if let Some(hint) = hint { p.hint id=(hint_id) { (hint) } }
        }
    }
}

/// What training saw, in a few words.
fn hint(language: Language, input: &InputDescription) -> Option<String> {
    match &input.seen {
        Seen::Range {
            min: Some(Amount::Number(min)),
            max: Some(Amount::Number(max)),
            ..
        } => {
            let written = |value: &f64| match is_year(&input.name) {
                true => format!("{value:.0}"),
                false => language.number(*value, 2),
            };
            let range = format!("{} – {}", written(min), written(max));
            Some(match language.unit(input.unit.as_deref()) {
                Some(unit) => format!("{range} {unit}"),
                None => range,
            })
        }
        Seen::Names {
            most_frequent,
            distinct,
        } if *distinct as usize > most_frequent.len() => Some(match language {
            Language::English => format!("{} known", language.count(u64::from(*distinct))),
            Language::Spanish => format!("{} conocidos", language.count(u64::from(*distinct))),
        }),
        _ => None,
    }
}

/// A value as a form takes it.
pub(super) fn plain(amount: &Amount) -> String {
    match amount {
        Amount::Number(number) => number.to_string(),
        Amount::Text(text) => text.clone(),
    }
}
