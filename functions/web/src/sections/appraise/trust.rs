//! How far a price can be trusted: its grade, and each field that was not used as it was given.

use maud::{Markup, html};
use serde_json::{Map, Value};
use tasador_pricing::{Champion, InputDescription};

use crate::columns::Names as _;
use crate::language::{Language, PageLanguage as _};

/// Grade and warnings of an answer, as the API gives it and the log keeps it. `home` is what was asked,
/// `has_form` whether its fields are on the same page.
pub(crate) fn trust(
    language: Language,
    champion: Option<&Champion>,
    answer: &Value,
    home: Option<&Map<String, Value>>,
    has_form: bool,
) -> Markup {
    let words = language.words();
    let grade = answer.get("confidence").and_then(Value::as_str);
    let fsd = answer.get("fsd").and_then(Value::as_f64);
    let warnings = answer.get("warnings").and_then(Value::as_array);
    let input = |name: &str| {
        let inputs = &champion?.description.inputs;
        inputs.iter().find(|input| input.name == name)
    };
    let told: Vec<(&str, String)> = warnings
        .into_iter()
        .flatten()
        .filter_map(|warning| {
            let field = warning.get("field")?.as_str()?;
            let given = home.and_then(|home| home.get(field));
            Some((field, sentence(language, input(field), warning, given)?))
        })
        .collect();
    html! {
        @if let (Some(grade), Some(fsd)) = (grade, fsd) {
            p.grade {
                span class=(format!("badge grade-{}", grade.to_lowercase())) { (words.confidence) " " (grade) }
                " " span.small { (grade_in_words(language, grade, fsd)) }
            }
        }
        @if !told.is_empty() {
            div.warnings role="status" {
                h3 { (words.check_these) }
                ul {
                    @for (field, sentence) in &told {
                        li {
                            @if has_form { a href=(format!("#in-{field}")) { (language.column(field)) } }
                            @else { (language.column(field)) }
                            ": " (sentence)
                        }
                    }
                }
            }
        }
    }
}

/// `good: two thirds of such prices are within 14% of the estimate`.
fn grade_in_words(language: Language, grade: &str, fsd: f64) -> String {
    let (english, spanish) = match grade {
        "A" => ("high", "alta"),
        "B" => ("good", "buena"),
        "C" => ("fair", "regular"),
        _ => ("low", "baja"),
    };
    let spread = language.percent((fsd * 100.0).round() / 100.0);
    match language {
        Language::English => {
            format!(
                "{english}: about two thirds of such homes sell within {spread} of the estimate"
            )
        }
        Language::Spanish => format!(
            "{spanish}: unos dos tercios de viviendas así se venden a menos de un {spread} de la estimación"
        ),
    }
}

/// What became of a field; `None` for a kind of warning that this program does not know.
fn sentence(
    language: Language,
    input: Option<&InputDescription>,
    warning: &Value,
    given: Option<&Value>,
) -> Option<String> {
    let written = |value: &Value| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        input.map_or_else(|| text.clone(), |input| language.value(input, &text))
    };
    let given = given.map(written).unwrap_or_default();
    Some(match warning.get("code")?.as_str()? {
        "outside_training" => {
            let used = written(warning.get("used")?);
            match language {
                Language::English => {
                    format!("{given} is outside the range of the training data. Priced as {used}.")
                }
                Language::Spanish => format!(
                    "{given} está fuera del rango de los datos de entrenamiento. Se tasó como {used}."
                ),
            }
        }
        "unknown_name" => match language {
            Language::English => format!(
                "the training data has no “{given}”. Priced like the wider area, or like the average."
            ),
            Language::Spanish => format!(
                "«{given}» no está en los datos de entrenamiento. Se tasó como la zona más amplia o como la media."
            ),
        },
        "important_missing" => language
            .of(
                "empty, but important for the price. Fill it in for a narrower range.",
                "campo vacío, pero importante para el precio. Rellénelo para obtener un rango más estrecho.",
            )
            .to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_warning_says_what_was_given_and_used() {
        let home = json!({"house_size": "99000", "prev_sold_date": "2100-01-31", "city": "<b>Atlantis</b>"});
        let answer = json!({"confidence": "C", "fsd": 0.2512, "warnings": [
            {"field": "house_size", "code": "outside_training", "used": 13540.0},
            {"field": "prev_sold_date", "code": "outside_training", "used": "2015-05-24"},
            {"field": "city", "code": "unknown_name"},
            {"field": "grade", "code": "important_missing"},
            {"field": "bed", "code": "of_tomorrow"},
        ]});
        for (language, parts) in [
            (
                Language::English,
                [
                    "Confidence C",
                    "within 25% of the estimate",
                    "99000 is outside the range of the training data. Priced as 13540.0.",
                    "2100-01-31 is outside the range of the training data. Priced as 2015-05-24.",
                    "“&lt;b&gt;Atlantis&lt;/b&gt;”",
                    "empty, but important",
                ],
            ),
            (
                Language::Spanish,
                [
                    "Confianza C",
                    "regular: unos dos tercios",
                    "Se tasó como 13540.0.",
                    "Se tasó como 2015-05-24.",
                    "«&lt;b&gt;Atlantis&lt;/b&gt;»",
                    "campo vacío",
                ],
            ),
        ] {
            let shown = trust(language, None, &answer, home.as_object(), true).into_string();
            for part in parts {
                assert!(shown.contains(part), "{part} in {shown}");
            }
            assert_eq!(shown.matches("<li>").count(), 4);
        }
        let nothing = trust(Language::English, None, &json!({}), None, true);
        assert_eq!(nothing.into_string(), "");
    }
}
