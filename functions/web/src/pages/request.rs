//! An answered request: what was asked, the price, and what is behind it.

use maud::{Markup, html};
use serde_json::Value;
use tasador_evidence::Lineage;
use tasador_http::request_time;
use tasador_pricing::Champion;
use tasador_registry::InferenceRecord;

use super::{Missing, Shown};
use crate::Site;
use crate::asked::View;
use crate::chart::range;
use crate::columns::Names as _;
use crate::facts::log_failure;
use crate::language::{Language, PageLanguage as _};
use crate::sections::appraise::{interval_in_words, rounded, trust};

/// Homes of one request that are shown.
const HOMES_SHOWN: usize = 20;

pub(super) async fn page(site: &Site, language: Language, request_id: &str) -> Shown {
    let ctx = site.pricing.context();
    let words = language.words();
    let at = request_time(request_id).ok_or(Missing::Unknown)?;
    let record = ctx.registry.inference(request_id, at).await;
    let record = log_failure("a request", record).ok_or(Missing::Unavailable)?;
    let record = record.ok_or(Missing::Unknown)?;
    let lineage = async {
        let version = ctx.registry.version(&record.model, record.version?).await;
        let version = log_failure("a version", version)??;
        let lineage = tasador_evidence::lineage(&ctx.lake, &ctx.registry, &version).await;
        log_failure("the lineage of a version", lineage)
    };
    let (lineage, champion) = tokio::join!(lineage, site.pricing.champion());
    let heading = format!(
        "{}, {} {}",
        words.request,
        language.day(record.at),
        language.time(record.at)
    );
    let body = html! {
        div.card.price { (answer(language, champion.as_deref().ok(), &record)) (facts(language, &record, lineage.as_ref())) }
        (asked(language, champion.as_deref().ok(), &record.input))
    };
    Ok((heading, body))
}

fn answer(language: Language, champion: Option<&Champion>, record: &InferenceRecord) -> Markup {
    let words = language.words();
    let output = &record.output;
    let number = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_f64);
    let many = output.get("predictions").and_then(Value::as_array);
    html! {
        @if let Some(price) = number(output, "/predicted_price") {
            h2.eyebrow { (words.estimated_price) }
            p.figure { data value=(price) { (language.money(price)) } }
            @if let (Some(low), Some(high)) = (number(output, "/interval/low"), number(output, "/interval/high")) {
                p.sentence { (interval_in_words(language, low, high, number(output, "/interval/confidence").unwrap_or(0.9))) }
                (range(language, rounded(low), price, rounded(high)))
            }
            (trust(language, champion, output, record.input.as_object(), false))
        } @else if let Some(many) = many {
            h2 { (words.priced) " " span.count { (many.len()) } }
            ol {
                @for one in many.iter().take(HOMES_SHOWN) {
                    li {
                        @match number(one, "/predicted_price") {
                            Some(price) => (language.money(price)),
                            None => "–",
                        }
                    }
                }
            }
        } @else {
            p { (record.error.as_deref().unwrap_or(words.cannot_price)) }
        }
    }
}

fn facts(language: Language, record: &InferenceRecord, lineage: Option<&Lineage>) -> Markup {
    let words = language.words();
    html! {
        dl.facts {
            @if let Some(version) = record.version {
                dt { (words.version) }
                dd { a href=(View::Version(version).address()) { (version) } }
            }
            @if let Some(dataset) = lineage.and_then(|lineage| lineage.dataset) {
                dt { (words.dataset) }
                dd { a href=(View::Dataset(dataset).address()) { code { (dataset.short()) } } }
            }
            dt { (words.status) } dd { code { (record.status) } }
            dt { (words.took) } dd { (language.duration(record.duration_us as f64 / 1e3)) }
            dt { (words.identifier) } dd { code { (record.request_id) } }
        }
    }
}

/// What was asked of one home.
fn asked(language: Language, champion: Option<&Champion>, input: &Value) -> Markup {
    let words = language.words();
    let fields = input
        .as_object()
        .filter(|fields| !fields.contains_key("instances"));
    let described = |name: &str| {
        let inputs = &champion?.description.inputs;
        inputs.iter().find(|input| input.name == name)
    };
    let written = |name: &str, value: &Value| match value {
        Value::Null => "–".to_owned(),
        Value::String(_) | Value::Number(_) => {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            described(name).map_or_else(|| text.clone(), |input| language.value(input, &text))
        }
        other => other.to_string(),
    };
    html! {
        @if let Some(fields) = fields {
            div.card {
                h2 { (words.the_home) }
                dl.facts {
                    @for (name, value) in fields {
                        dt { (language.column(name)) } dd { (written(name, value)) }
                    }
                }
            }
        }
    }
}
