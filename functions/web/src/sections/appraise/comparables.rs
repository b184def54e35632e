//! The sales that the model finds similar to a home, with what differs.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde_json::Value;
use tasador_ids::{AreaUnit, Units};
use tasador_pricing::{Champion, ComparableSale, Price, SaleDifference};

use crate::asked::Asked;
use crate::columns::Names as _;
use crate::language::{Language, PageLanguage as _};

/// The sales that are shown.
pub(super) const SHOWN: usize = 5;

/// The sales, or the way to them: they are only read when somebody asks.
pub(super) fn comparables(
    language: Language,
    champion: Option<&Champion>,
    asked: &Asked,
    price: &Price,
) -> Markup {
    let heading = language.of("Comparable sales", "Ventas comparables");
    let Some(sales) = &price.comparables else {
        return html! {
            div.card {
                h2 { (heading) }
                p {
                    a href=(asked.with_comparables()) {
                        (language.of("Show sales of similar homes", "Ver ventas de casas parecidas"))
                    }
                }
            }
        };
    };
    html! {
        div.card #comparables {
            h2 { (heading) }
            @if sales.is_empty() {
                p.hint { (language.of(
                    "This version has no comparable sales.",
                    "Esta versión no tiene ventas comparables.",
                )) }
            } @else {
                p.hint { (language.of(
                    "Sales that the model learned from and finds most similar. Distance is what it sees between the two homes, in percent of the price.",
                    "Ventas de las que aprendió el modelo y que le parecen más similares. La distancia es lo que ve entre las dos casas, en porcentaje del precio.",
                )) }
                div.scroll.flat tabindex="0" role="region" aria-label=(heading) {
                    table {
                        thead { tr {
                            th scope="col" { (language.of("Home, and what differs", "Casa, y qué es distinto")) }
                            th.number scope="col" { (language.column("price")) }
                            th.number scope="col" { (per_area(language)) }
                            th scope="col" { (language.of("Sold on", "Vendida el")) }
                            th.number scope="col" { (language.of("Distance", "Distancia")) }
                        } }
                        tbody {
                            @for sale in sales { (row(language, champion, sale)) }
                        }
                    }
                }
            }
        }
    }
}

fn per_area(language: Language) -> &'static str {
    match Units::current().area {
        AreaUnit::Ft2 => language.of("Per sq ft", "Por pie²"),
        AreaUnit::M2 => language.of("Per m²", "Por m²"),
    }
}

fn row(language: Language, champion: Option<&Champion>, sale: &ComparableSale) -> Markup {
    let parts = [&sale.street, &sale.city, &sale.state, &sale.zip_code];
    let place: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    html! {
        tr {
            th.place scope="row" {
                (place.join(", "))
                @if !sale.differences.is_empty() {
                    ul.reasons {
                        @for difference in &sale.differences { li { (differs(language, champion, difference)) } }
                    }
                }
            }
            td.number { (language.money(sale.price)) }
            td.number { @if let Some(each) = sale.price_per_area { (language.money(each)) } }
            td { @if let Some(date) = &sale.date { time datetime=(date) { (day(language, date)) } } }
            td.number { (language.percent_fixed(sale.distance)) }
        }
    }
}

/// A day such as `2026-11-25` as people write it; any other text as it is.
fn day(language: Language, date: &str) -> String {
    let day = date.parse::<Date>().ok();
    let at = day.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    at.map_or_else(|| date.to_owned(), |at| language.day(at.timestamp()))
}

fn differs(language: Language, champion: Option<&Champion>, it: &SaleDifference) -> String {
    let input = champion.and_then(|champion| {
        let inputs = &champion.description.inputs;
        inputs.iter().find(|input| input.name == it.field)
    });
    let say = |value: &Value| {
        let typed = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.as_f64().unwrap_or_default().to_string(),
            _ => String::new(),
        };
        input.map_or_else(|| typed.clone(), |input| language.value(input, &typed))
    };
    let (home, sale) = (say(&it.home), say(&it.sale));
    let instead = language.of("instead of", "en vez de");
    format!("{}: {sale} {instead} {home}", language.column(&it.field))
}
