//! What speaks for one version: its figures, plots, card, files, and the batches it learnt from.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use serde_json::Value;

use crate::asked::encoded;
use crate::facts::Shown;
use crate::language::Language;
use crate::markdown;
use crate::sections::history::badge;

pub(super) fn of(language: Language, shown: &Shown) -> Markup {
    let words = language.words();
    let record = &shown.record;
    let evidence = shown.evidence.as_ref();
    let base = format!(
        "models/{}/versions/{}",
        encoded(record.model.as_str()),
        record.version
    );
    html! {
        div.card.evidence #evidence {
            h2 { (words.evidence_of) " " (record.version) }
            @if evidence.is_none_or(|evidence| evidence.files.is_empty()) { p.hint { (words.no_evidence) } }
            @if !shown.plots.is_empty() {
                h3 { (words.plots) }
                div.plots {
                    @for (name, bytes) in &shown.plots {
                        figure {
                            // A picture runs nothing, whatever stands in it.
                            img src=(format!("data:image/svg+xml;base64,{}", STANDARD.encode(bytes))) alt=(title(name)) loading="lazy";
                            figcaption { (title(name)) }
                        }
                    }
                }
            }
            @if let Some(metrics) = evidence.and_then(|it| it.metrics.as_ref()) { (figures(language, metrics)) }
            @if let Some(card) = evidence.and_then(|it| it.card.as_ref()) {
                details { summary { (words.card) } div.prose { (markdown::rendered(card)) } }
            }
            @if let Some(lineage) = &shown.lineage {
                @if !lineage.batches.is_empty() {
                    details {
                        summary { (words.lineage) " " span.count { (lineage.batches.len()) } }
                        div.scroll tabindex="0" role="region" aria-label=(words.lineage) {
                            table {
                                thead { tr {
                                    th scope="col" { (words.batch) } th scope="col" { (words.when) }
                                    th scope="col" { (words.decision) } th.number scope="col" { (words.rows) }
                                } }
                                tbody {
                                    @for batch in &lineage.batches {
                                        tr {
                                            th scope="row" { code title=(batch.batch) { (batch.batch.short()) } }
                                            td { @if let Some(at) = batch.received_at { time datetime=(at) { (language.day(at)) " " (language.time(at)) } } }
                                            td { @if let Some(kind) = batch.outcome { (badge(language, kind)) } }
                                            td.number { (language.count(batch.rows)) }
                                        }
                                    }
                                }
                            }
                        }
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
                                    a href=(format!("{base}/files/{}", file.name.split('/').map(encoded).collect::<Vec<_>>().join("/"))) { (file.name) }
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

/// Every figure of `metrics.json` that is a number, and tables of those that come by band or state.
fn figures(language: Language, metrics: &Value) -> Markup {
    let words = language.words();
    let mut groups = Vec::new();
    collect(metrics, &mut Vec::new(), &mut groups);
    html! {
        @if !groups.is_empty() {
            details open {
                summary { (words.figures) }
                div.groups {
                    @for (name, lines) in &groups {
                        div {
                            @if !name.is_empty() { h3 { (name) } }
                            dl.facts {
                                @for (label, value) in lines { dt { (label) } dd { (figure(language, *value)) } }
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

type Group = (String, Vec<(String, f64)>);

/// Objects of numbers become groups, named by the way to them.
fn collect(value: &Value, path: &mut Vec<String>, groups: &mut Vec<Group>) {
    /// Groups that are shown: a model of many states has its file for the rest.
    const MAX: usize = 24;
    let Value::Object(fields) = value else { return };
    let lines: Vec<(String, f64)> = fields
        .iter()
        .filter_map(|(name, value)| Some((spaced(name), value.as_f64()?)))
        .collect();
    if !lines.is_empty() && groups.len() < MAX {
        groups.push((path.join(" · "), lines));
    }
    for (name, value) in fields {
        if value.is_object() {
            path.push(spaced(name));
            collect(value, path, groups);
            path.pop();
        }
    }
}

fn spaced(name: &str) -> String {
    name.replace('_', " ")
}

/// `plots/actual_vs_predicted.svg` as `actual vs predicted`.
fn title(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name);
    let name = name.trim_end_matches(".svg");
    name.replace(['_', '-'], " ")
}

fn size(language: Language, bytes: u64) -> String {
    if bytes < 10_000 {
        format!("{} B", language.count(bytes))
    } else {
        format!("{} KB", language.count(bytes / 1_000))
    }
}
