//! *Appraise*: a form drawn from the champion's inputs, and what the home is worth.

mod comparables;
mod form;
mod result;
mod trust;

use maud::{Markup, html};
use serde_json::Value;
use tasador_http::RequestId;
use tasador_pricing::{Answer, NoModel, Pricing, Question};

use crate::asked::Asked;
use crate::language::{Language, PageLanguage as _};
use crate::layout::empty;

pub(crate) use result::{interval_in_words, result, rounded};
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

/// The section, with the price of the home that was typed, where one was.
pub(crate) async fn section(
    language: Language,
    pricing: &Pricing,
    asked: &Asked,
    request_id: RequestId,
) -> Markup {
    let words = language.words();
    let priced = async {
        match &asked.home {
            Some(_) => Some(price(pricing, asked, request_id).await),
            None => None,
        }
    };
    let (champion, priced) = tokio::join!(pricing.champion(), priced);
    let priced = priced.as_ref();
    match champion.as_deref() {
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
    }
}
