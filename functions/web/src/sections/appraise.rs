//! *Appraise*: a form drawn from the champion's inputs, and what the home is worth.

mod comparables;
mod form;
mod result;
mod trust;

use maud::html;
use serde_json::Value;
use tasador_http::RequestId;
use tasador_pricing::{Answer, Champion, NoModel, Pricing, Question};

use crate::asked::Asked;
use crate::language::{Language, PageLanguage as _};
use crate::layout::{Section, empty};

pub(crate) use result::{interval_in_words, result};
pub(crate) use trust::trust;

/// Prices the home that was typed, as `POST /predict` would.
pub(crate) async fn price(pricing: &Pricing, asked: &Asked, request_id: RequestId) -> Answer {
    let home = asked.home.clone().unwrap_or_default();
    let count = if asked.comparables {
        comparables::SHOWN
    } else {
        0
    };
    let question = Question::new(request_id.0, Value::Object(home))
        .explain(true)
        .comparables(count);
    pricing.answer(question).await
}

/// The section. `priced` is the answer for the home that was typed, where one was.
pub(crate) fn section(
    language: Language,
    champion: Result<&Champion, &NoModel>,
    asked: &Asked,
    priced: Option<&Answer>,
) -> Section {
    let words = language.words();
    let body = match champion {
        Ok(champion) => html! {
            div.columns {
                (form::form(language, champion, asked, priced))
                div #result aria-live="polite" { (result(language, Some(champion), asked, priced)) }
            }
        },
        Err(NoModel::NoChampion) => {
            html! { div.card { (empty(words.no_model, words.no_model_hint)) } }
        }
        Err(NoModel::Trouble(_)) => {
            html! { div.card { (empty(words.unavailable, words.unavailable_hint)) } }
        }
    };
    Section {
        id: "appraise",
        heading: words.tagline,
        lead: words.appraise_lead,
        body,
    }
}
