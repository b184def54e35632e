//! What speaks for one version: its figures, plots, card, files, and the batches it learnt from.

use maud::{Markup, html};
use serde_json::Value;
use tasador_evidence::{Evidence, LineageBatch};
use tasador_flow::source_name;

use crate::asked::{View, encoded};
use crate::chart::{Rank, ranking};
use crate::columns::Names as _;
use crate::facts::Shown;
use crate::language::{Language, PageLanguage as _};
use crate::markdown;
use crate::sections::history::badge;

use super::ratios::{self, part_name};

/// Inputs whose importance is shown, the largest ones.
const IMPORTANCE_SHOWN: usize = 10;
/// Parts that are shown: of many states those with most homes.
const PARTS_SHOWN: usize = 12;

/// The card of a version's evidence.
pub(crate) fn of(language: Language, shown: &Shown) -> Markup {
    let words = language.words();
    let record = &shown.record;
    let evidence = shown.evidence.as_ref();
    let base = format!(
        "page/models/{}/versions/{}/files",
        encoded(record.model.as_str()),
        record.version
    );
    let address = |name: &str| {
        let parts: Vec<String> = name.split('/').map(encoded).collect();
        format!("{base}/{}", parts.join("/"))
    };
    let plots: Vec<&str> = evidence
        .into_iter()
        .flat_map(Evidence::plots)
        .map(|plot| plot.name.as_str())
        .collect();
    html! {
        div.card.evidence #evidence {
            h2 { (words.evidence) }
            @if evidence.is_none_or(|evidence| evidence.files.is_empty()) { p.hint { (words.no_evidence) } }
            @if !plots.is_empty() {
                h3 { (words.plots) }
                div.plots {
                    @for name in plots {
                        figure {
                            img src=(format!("{}?lang={}", address(name), language.code())) alt=(title(language, name)) loading="lazy";
                            figcaption { (title(language, name)) }
                        }
                    }
                }
            }
            @if let Some(metrics) = evidence.and_then(|it| it.metrics.as_ref()) {
                (importance(language, metrics))
                div.pair {
                    (parts(language, words.by_price, within(metrics, "by_price")))
                    (parts(language, words.by_state, within(metrics, "by_state")))
                }
                (figures(language, metrics))
            }
            @if let Some(study) = &shown.ratio_study { (ratios::of(language, study)) }
            @if let Some(card) = evidence.and_then(|it| it.card.as_ref()) {
                details { summary { (words.card) } div.prose lang="en" tabindex="0" role="region" aria-label=(words.card) { (markdown::rendered(card)) } }
            }
            @if let Some(lineage) = &shown.lineage {
                @for batch in lineage.withdrawn() {
                    @if let Some(event) = &batch.withdrawn {
                        p.warning { (words.learned_from_withdrawn) ": " a href=(View::Batch(batch.batch).address()) { code { (batch.batch.short()) } } " (" (language.day(event.at)) ", " (event.by) @if let Some(reason) = &event.reason { ": " (reason) } ")" }
                    }
                }
                @if lineage.properties_withdrawn > 0 {
                    p.warning { (words.properties_withdrawn) ": " (language.count(lineage.properties_withdrawn)) }
                }
                @if !lineage.batches.is_empty() {
                    details {
                        summary { (words.lineage) " " span.count { (lineage.batches.len()) } }
                        (batches(language, &lineage.batches))
                    }
                }
            }
            @if let Some(evidence) = evidence {
                @if !evidence.files.is_empty() {
                    details {
                        summary { (words.files) " " span.count { (evidence.files.len()) } }
                        ul.files {
                            @for file in &evidence.files {
                                li {
                                    a href=(address(&file.name)) { (file.name) }
                                    " " span.muted { (size(language, file.size_bytes)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The batches of a dataset.
pub(crate) fn batches(language: Language, batches: &[LineageBatch]) -> Markup {
    let words = language.words();
    html! {
        div.scroll tabindex="0" role="region" aria-label=(words.lineage) {
            table {
                thead { tr {
                    th scope="col" { (words.batch) } th scope="col" { (words.when) }
                    th scope="col" { (words.decision) } th.number scope="col" { (words.rows) }
                } }
                tbody {
                    @for batch in batches {
                        tr {
                            th scope="row" {
                                a href=(View::Batch(batch.batch).address()) { code { (batch.batch.short()) } }
                                @if let Some(source) = &batch.source { " " span.small { (source_name(source)) } }
                            }
                            td { @if let Some(at) = batch.received_at { time datetime=(at) { (language.day(at)) " " (language.time(at)) } } }
                            td {
                                @if let Some(kind) = batch.outcome {
                                    @match &batch.run {
                                        Some(run) => a.plain href=(View::Run(run.clone()).address()) { (badge(language, kind)) },
                                        None => (badge(language, kind)),
                                    }
                                }
                            }
                            td.number { (language.count(batch.rows)) }
                        }
                    }
                }
            }
        }
    }
}

/// The list of that name, wherever it stands; empty where there is none.
fn within<'m>(metrics: &'m Value, name: &str) -> &'m [Value] {
    let Value::Object(fields) = metrics else {
        return &[];
    };
    match fields.get(name) {
        Some(Value::Array(list)) => list,
        _ => fields
            .values()
            .map(|field| within(field, name))
            .find(|list| !list.is_empty())
            .unwrap_or_default(),
    }
}

/// Which inputs the version leans on.
fn importance(language: Language, metrics: &Value) -> Markup {
    let words = language.words();
    let ranks: Vec<Rank> = within(metrics, "importance")
        .iter()
        .filter_map(|entry| {
            let size = entry.get("mae_rise")?.as_f64()?;
            Some(Rank {
                label: language.column(entry.get("name")?.as_str()?),
                size,
                written: language.money_change(size),
            })
        })
        .take(IMPORTANCE_SHOWN)
        .collect();
    html! {
        @if !ranks.is_empty() {
            h3 { (words.importance) }
            p.hint { (words.importance_hint) }
            (ranking(words.importance, &ranks))
        }
    }
}

/// How good the version is for parts of the homes.
fn parts(language: Language, title: &str, parts: &[Value]) -> Markup {
    let words = language.words();
    let number = |part: &Value, name: &str| part.get("metrics")?.get(name)?.as_f64();
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    html! {
        @if !parts.is_empty() {
            div {
                h3 { (title) }
                div.scroll.flat tabindex="0" role="region" aria-label=(title) {
                    table {
                        thead { tr {
                            td {} th.number scope="col" { (words.homes) }
                            th.number scope="col" { (words.average_error) } th.number scope="col" { (words.typical_error) }
                        } }
                        tbody {
                            @for part in parts.iter().take(PARTS_SHOWN) {
                                tr {
                                    th scope="row" { (part_name(language, part.get("name").and_then(Value::as_str).unwrap_or_default())) }
                                    td.number { (or_none(number(part, "rows").map(|it| language.number(it, 0)))) }
                                    td.number { (or_none(number(part, "mae").map(|it| language.money(it)))) }
                                    td.number { (or_none(number(part, "median_ape").map(|it| language.percent_fixed(it)))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Every figure of `metrics.json` that is a number, and tables of those that come by band or state.
fn figures(language: Language, metrics: &Value) -> Markup {
    let words = language.words();
    let mut groups = Vec::new();
    collect(metrics, &mut Vec::new(), &mut groups);
    html! {
        @if !groups.is_empty() {
            details {
                summary { (words.figures) }
                div.groups {
                    @for (name, lines) in &groups {
                        div {
                            @if !name.is_empty() { h3 { (group_name(language, name)) } }
                            dl.facts {
                                @for (label, value) in lines { dt { (figure_name(language, label)) } dd { (figure(language, *value)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Three decimals of what is small; nobody reads those of thousands.
fn figure(language: Language, value: f64) -> String {
    language.number(value, if value.abs() < 100.0 { 3 } else { 0 })
}

/// The way to it in the file, and its figures by name.
type Group = (Vec<String>, Vec<(String, f64)>);

/// Figures of `metrics.json`, and the groups that they are in.
const FIGURE_NAMES: [(&str, &str, &str); 18] = [
    ("validation", "Validation", "Validación"),
    ("report", "Report", "Informe"),
    ("out_of_fold", "out of fold", "fuera de la partición"),
    ("out_of_time", "out of time", "fuera del período"),
    ("metrics", "figures", "cifras"),
    ("baseline", "baseline", "referencia"),
    ("training_rows", "Training rows", "Filas de entrenamiento"),
    (
        "calibration_rows",
        "Calibration rows",
        "Filas de calibración",
    ),
    ("folds", "Folds", "Particiones"),
    (
        "split_version",
        "Version of the split",
        "Versión de la partición",
    ),
    ("rows", "Rows", "Filas"),
    ("rmse", "RMSE", "RMSE"),
    ("mae", "Average error", "Error promedio"),
    ("r2", "R²", "R²"),
    ("mape", "MAPE", "MAPE"),
    ("median_ape", "Median error", "Error mediano"),
    ("coverage", "Range coverage", "Cobertura del rango"),
    ("interval_width", "Range width", "Ancho del rango"),
];

fn figure_name(language: Language, name: &str) -> String {
    match FIGURE_NAMES.iter().find(|(known, ..)| *known == name) {
        Some((_, english, spanish)) => language.of(english, spanish).to_owned(),
        None => spaced(name),
    }
}

fn group_name(language: Language, path: &[String]) -> String {
    let names = path.iter().map(|name| figure_name(language, name));
    names.collect::<Vec<_>>().join(" · ")
}

/// Objects of numbers become groups, named by the way to them.
fn collect(value: &Value, path: &mut Vec<String>, groups: &mut Vec<Group>) {
    /// Groups that are shown: a model of many states has its file for the rest.
    const MAX: usize = 24;
    let Value::Object(fields) = value else { return };
    let lines: Vec<(String, f64)> = fields
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)))
        .collect();
    if !lines.is_empty() && groups.len() < MAX {
        groups.push((path.clone(), lines));
    }
    for (name, value) in fields {
        if value.is_object() {
            path.push(name.clone());
            collect(value, path, groups);
            path.pop();
        }
    }
}

fn spaced(name: &str) -> String {
    name.replace('_', " ")
}

/// `plots/actual_vs_predicted.svg` as `actual vs predicted`.
fn title(language: Language, name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name);
    let name = name.trim_end_matches(".svg");
    let known = match (language, name) {
        (Language::English, "residuals") => "Prediction error by price",
        (Language::Spanish, "residuals") => "Error de predicción según el precio",
        (Language::English, "calibration") => "Estimated and real prices",
        (Language::Spanish, "calibration") => "Precios estimados y reales",
        _ => return name.replace(['_', '-'], " "),
    };
    known.to_owned()
}

/// The texts of the plots that training draws.
const PLOT_TEXTS: [(&str, &str); 6] = [
    (
        "Prediction error on held-out homes",
        "Error en viviendas apartadas del entrenamiento",
    ),
    ("predicted price", "precio estimado"),
    (
        "true price / predicted price",
        "precio real / precio estimado",
    ),
    (
        "Predicted and true prices by tenth, with interval coverage",
        "Precios estimados y reales por décimas, con la cobertura del rango",
    ),
    ("median predicted price", "mediana del precio estimado"),
    ("median true price", "mediana del precio real"),
];

/// A file of a version as it is shown in a language: training writes its plots in English.
pub(crate) fn in_language(language: Language, name: &str, bytes: Vec<u8>) -> Vec<u8> {
    if language == Language::English || !name.ends_with(".svg") {
        return bytes;
    }
    match String::from_utf8(bytes) {
        Ok(svg) => PLOT_TEXTS
            .iter()
            .fold(svg, |svg, (english, spanish)| {
                svg.replace(&format!(">{english}<"), &format!(">{spanish}<"))
                    .replace(&format!("\"{english}\""), &format!("\"{spanish}\""))
            })
            .into_bytes(),
        Err(error) => error.into_bytes(),
    }
}

fn size(language: Language, bytes: u64) -> String {
    if bytes < 10_000 {
        format!("{} B", language.count(bytes))
    } else {
        format!("{} KB", language.count(bytes / 1_000))
    }
}
