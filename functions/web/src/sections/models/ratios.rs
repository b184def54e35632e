//! The ratio study of a version: how predictions compare with sale prices, in the profession's words.

use maud::{Markup, html};
use serde_json::Value;

use crate::language::{Language, PageLanguage as _};

/// Segments of one kind that are shown.
const SEGMENTS_SHOWN: usize = 10;

/// The statistics, each with its name in both languages.
const STATISTICS: [(&str, &str, &str); 8] = [
    ("median_ratio", "Median ratio", "Mediana de la razón"),
    ("mean_ratio", "Mean ratio", "Media de la razón"),
    (
        "weighted_mean_ratio",
        "Weighted mean ratio",
        "Media ponderada de la razón",
    ),
    ("cod", "COD (dispersion)", "COD (dispersión)"),
    (
        "prd",
        "PRD (price-related differential)",
        "PRD (diferencial según el precio)",
    ),
    (
        "prb",
        "PRB (price-related bias)",
        "PRB (sesgo según el precio)",
    ),
    (
        "mki",
        "MKI (modified Kakwani index)",
        "MKI (índice de Kakwani modificado)",
    ),
    ("ki", "KI (Kakwani index)", "KI (índice de Kakwani)"),
];

pub(super) fn of(language: Language, study: &Value) -> Markup {
    let words = language.words();
    let Some(all) = study.get("all") else {
        return html! {
            h3 { (words.ratio_study) }
            p.hint { (words.ratio_study_none) }
        };
    };
    let sales = all
        .pointer("/untrimmed/sales")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    html! {
        h3 #ratio-study { (words.ratio_study) }
        @match study.get("prices").and_then(Value::as_str) {
            Some("asking") => { p.hint { (language.count(sales)) " " (words.homes) ". " (words.ratio_of_asking_prices) } }
            Some("unknown") => { p.hint { (language.count(sales)) " " (words.homes) ". " (words.ratio_of_unknown_prices) } }
            _ => {
                p.hint {
                    (language.count(sales)) " " (words.sales) ". "
                    @if let Some(others) = study.get("not_sold").and_then(Value::as_u64).filter(|others| *others > 0) {
                        (language.count(others)) " " (words.ratio_left_out) " "
                    }
                }
            }
        }
        p.hint { (words.ratio_study_hint) }
        (statistics(language, all))
        div.pair {
            (segments(language, words.ratio_by_price, study.get("by_price")))
            (segments(language, words.ratio_by_state, study.get("by_state")))
            (segments(language, words.ratio_by_zip_code, study.get("by_zip_code")))
            (segments(language, words.ratio_by_property_type, study.get("by_property_type")))
        }
    }
}

/// The statistics of sales, with the ranges of the profession.
pub(crate) fn statistics(language: Language, all: &Value) -> Markup {
    let words = language.words();
    let share = |name: &str| {
        all.get(name)
            .and_then(Value::as_f64)
            .map(|it| language.percent_fixed(it))
    };
    html! {
        div.scroll.flat tabindex="0" role="region" aria-label=(words.ratio_study) {
            table {
                thead { tr {
                    td {} th.number scope="col" { (words.without_outliers) }
                    th.number scope="col" { (words.interval_95) }
                    th.number scope="col" { (words.standard_range) } th scope="col" { (words.result) }
                } }
                tbody {
                    @for (name, english, spanish) in STATISTICS {
                        @if let Some([value, low, high]) = estimate(all, name) {
                            tr {
                                th scope="row" { (match language { Language::English => english, Language::Spanish => spanish }) }
                                td.number { (language.number_fixed(value, 3)) }
                                td.number { (language.number_fixed(low, 3)) " – " (language.number_fixed(high, 3)) }
                                @match check(all, name) {
                                    Some((low, high, pass)) => {
                                        td.number { (language.number(low, 2)) " – " (language.number(high, 2)) }
                                        td { span class=(if pass { "badge promoted" } else { "badge rejected" }) { (if pass { words.pass } else { words.fail }) } }
                                    }
                                    None => { td {} td {} }
                                }
                            }
                        }
                    }
                    @for (name, label) in [("within_5", words.within_5), ("within_10", words.within_10), ("within_20", words.within_20)] {
                        @if let Some(share) = share(name) { tr { th scope="row" { (label) } td.number { (share) } td {} td {} td {} } }
                    }
                }
            }
        }
    }
}

/// A statistic of the trimmed sales with its interval.
fn estimate(study: &Value, name: &str) -> Option<[f64; 3]> {
    let estimate = study.get("trimmed")?.get(name)?;
    let of = |field: &str| estimate.get(field)?.as_f64();
    Some([of("value")?, of("low")?, of("high")?])
}

fn check(study: &Value, name: &str) -> Option<(f64, f64, bool)> {
    let checks = study.get("checks")?.as_array()?;
    let check = checks
        .iter()
        .find(|check| check.get("statistic").and_then(Value::as_str) == Some(name))?;
    Some((
        check.get("low")?.as_f64()?,
        check.get("high")?.as_f64()?,
        check.get("pass")?.as_bool()?,
    ))
}

fn segments(language: Language, title: &str, found: Option<&Value>) -> Markup {
    let words = language.words();
    let found = found
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let number = |part: &Value, name: &str, decimals| {
        let value = estimate(part, name).map(|[value, ..]| language.number_fixed(value, decimals));
        value.unwrap_or_else(|| "–".to_owned())
    };
    html! {
        @if !found.is_empty() {
            div {
                h3 { (title) }
                div.scroll.flat tabindex="0" role="region" aria-label=(title) {
                    table {
                        thead { tr {
                            td {} th.number scope="col" { (words.sales) } th.number scope="col" { (words.median_ratio) }
                            th.number scope="col" { "COD" } th.number scope="col" { "± 10 %" }
                        } }
                        tbody {
                            @for part in found.iter().take(SEGMENTS_SHOWN) {
                                tr {
                                    th scope="row" { (part_name(language, part.get("name").and_then(Value::as_str).unwrap_or_default())) }
                                    td.number { (language.count(part.pointer("/untrimmed/sales").and_then(Value::as_u64).unwrap_or(0))) }
                                    td.number { (number(part, "median_ratio", 3)) }
                                    td.number { (number(part, "cod", 1)) }
                                    td.number { (part.get("within_10").and_then(Value::as_f64).map_or_else(|| "–".to_owned(), |it| language.percent_fixed(it))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `78000 to 320000` as money, also as earlier versions wrote it (`$78000 to $320000`); any other name as it is.
pub(super) fn part_name(language: Language, name: &str) -> String {
    let amount = |text: &str| text.trim_start_matches('$').parse::<f64>().ok();
    match name.split_once(" to ") {
        Some((low, high)) => match (amount(low), amount(high)) {
            (Some(low), Some(high)) => {
                format!(
                    "{} – {}",
                    language.money_short(low),
                    language.money_short(high)
                )
            }
            _ => name.to_owned(),
        },
        None => name.to_owned(),
    }
}
