//! *History*: each run that ended, with its decision in a sentence and all its figures behind it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use tasador_flow::{BatchAction, BatchEvent, Metrics, Outcome, OutcomeKind, Period, as_sentence};
use tasador_listing::reject::Reason;

use crate::asked::{Asked, encoded};
use crate::facts::Facts;
use crate::language::{Language, PageLanguage as _};
use crate::layout::{Section, empty, unavailable};

/// The section.
pub(crate) fn section(
    language: Language,
    facts: &Facts,
    asked: &Asked,
    may_decide: bool,
) -> Section {
    let words = language.words();
    let body = match &facts.history {
        None => unavailable(language),
        Some(page) if page.items.is_empty() && asked.page.is_none() => {
            html! { div.card { (empty(words.no_history, words.no_history_hint)) } }
        }
        Some(page) => html! {
            div.card.flush {
                table.runs {
                    caption.hidden { (words.history_lead) }
                    thead {
                        tr {
                            th scope="col" { (words.when) }
                            th scope="col" { (words.decision) }
                            th scope="col" { (words.what_happened) }
                            th.number scope="col" { (words.rows) }
                        }
                    }
                    tbody { @for outcome in &page.items { (row(language, outcome, may_decide)) } }
                }
            }
            @if page.next.is_some() || asked.page.is_some() {
                nav.pages aria-label=(words.history) {
                    @if asked.page.is_some() { a.button.second href="./#history" { (words.newest) } }
                    @if let Some(next) = &page.next {
                        a.button.second href=(format!("?page={}#history", encoded(next))) { (words.older) }
                    }
                }
            }
        },
    };
    let body = html! { (body) (super::logged::table(language, &facts.logged)) };
    Section {
        id: "history",
        title: words.history,
        heading: words.history,
        lead: words.history_lead,
        body,
    }
}

/// A decision as a badge.
pub(crate) fn badge(language: Language, kind: OutcomeKind) -> Markup {
    let words = language.words();
    let text = match kind {
        OutcomeKind::Promoted => words.promoted,
        OutcomeKind::Rejected => words.rejected,
        OutcomeKind::Skipped => words.skipped,
        OutcomeKind::Quarantined => words.quarantined,
        OutcomeKind::Withdrawn => words.withdrawn,
        OutcomeKind::Failed => words.failed,
        OutcomeKind::NothingNew => words.nothing_new,
    };
    html! { span class=(format!("badge {}", kind.as_str())) { (text) } }
}

fn row(language: Language, outcome: &Outcome, may_decide: bool) -> Markup {
    let words = language.words();
    let at = outcome.recorded_at;
    html! {
        tr data-kind=(outcome.kind.as_str()) {
            td.when data-label=(words.when) {
                time datetime=(at) { (language.day(at)) span.time { " " (language.time(at)) } }
            }
            td data-label=(words.decision) { (badge(language, outcome.kind)) }
            td.what data-label=(words.what_happened) {
                @if let Some(name) = outcome.batch_name() {
                    p.small.muted { (name) @if let Some(period) = &outcome.period { ", " (days(language, period)) } }
                }
                p { (language.outcome(outcome)) }
                @if let Some(event) = &outcome.decided { (decided(language, event)) }
                @if may_decide && outcome.settled { (decisions(language, outcome)) }
                @if outcome.error.is_some() && outcome.kind != OutcomeKind::Failed {
                    p.small { (as_sentence(&outcome.error.as_ref().map(|error| error.message.clone()).unwrap_or_default())) }
                }
                details {
                    summary { (words.details) }
                    (details(language, outcome))
                }
            }
            td.number data-label=(words.rows) {
                @match &outcome.rows {
                    Some(rows) => (language.count(rows.clean)),
                    None => "–",
                }
            }
        }
    }
}

fn details(language: Language, outcome: &Outcome) -> Markup {
    let words = language.words();
    html! {
        @if !outcome.reasons.is_empty() {
            h3 { (words.reasons) }
            ul.reasons {
                @for reason in &outcome.reasons { li { (as_sentence(&language.reason(reason))) } }
            }
        }
        @if let Some(challenger) = &outcome.challenger {
            h3 { (words.comparison) }
            (comparison(language, outcome, &challenger.metrics))
        }
        dl.facts {
            @if let Some(rows) = &outcome.rows {
                dt { (words.rows) }
                dd {
                    (language.count(rows.raw)) " = " (language.count(rows.clean)) " " (words.rows_clean)
                    " + " (language.count(rows.rejected)) " " (words.rows_rejected)
                    " + " (language.count(rows.duplicates)) " " (words.rows_duplicate)
                }
            }
            @if let Some(at) = outcome.received_at {
                dt { (words.arrived) } dd { time datetime=(at) { (language.day(at)) " " (language.time(at)) } }
            }
            @if let Some(period) = &outcome.period { dt { (words.period) } dd { (days(language, period)) } }
            @if let Some(batch) = outcome.batch.filter(|_| !outcome.rejected_for.is_empty()) {
                dt { (words.rejected_for) }
                dd {
                    ul.reasons {
                        @for (code, rows) in &outcome.rejected_for {
                            li { (language.count(*rows)) ": " (rejection(language, code)) }
                        }
                    }
                    a href=(format!("page/batches/{batch}/rejected")) download { (words.download) " (CSV)" }
                }
            }
            dt { (words.took) } dd { (language.duration(outcome.duration_ms as f64)) }
            @if let Some(batch) = &outcome.batch { dt { (words.batch) } dd { code title=(batch) { (batch.short()) } } }
            dt { (words.run) } dd { a href=(format!("history/{}", outcome.run)) { code { (outcome.run) } } }
            @if let Some(dataset) = &outcome.dataset { dt { (words.dataset) } dd { code title=(dataset) { (dataset.short()) } } }
            @if let Some(source) = &outcome.source { dt { (words.source) } dd { (source) } }
            @if let Some(promotion) = &outcome.promotion { dt { (words.promotion) } dd { "№ " (promotion) } }
        }
    }
}

/// The first and the last day of a period.
fn days(language: Language, period: &Period) -> String {
    let day = |date: Date| match date.to_zoned(TimeZone::UTC) {
        Ok(day) => language.day(day.timestamp()),
        Err(_) => date.to_string(),
    };
    if period.first == period.last {
        day(period.first)
    } else {
        format!("{} – {}", day(period.first), day(period.last))
    }
}

/// Why rows were rejected, by the code of the reason; a code that this program does not know is shown.
fn rejection(language: Language, code: &str) -> String {
    let known = Reason::ALL.iter().find(|reason| reason.code() == code);
    let spanish = match code {
        "price_missing" => "El anuncio no tiene precio.",
        "price_unreadable" => "El precio no es un número.",
        "price_not_positive" => "El precio no es mayor que cero.",
        "price_too_large" => "El precio supera los US$ 1.000.000.000.",
        "bed_negative" => "El número de dormitorios es negativo.",
        "bed_too_large" => "Hay más de 1.000 dormitorios.",
        "bath_negative" => "El número de baños es negativo.",
        "bath_too_large" => "Hay más de 1.000 baños.",
        "acre_lot_negative" => "La superficie del lote es negativa.",
        "acre_lot_too_large" => "El lote supera los 3.000.000 de acres.",
        "house_size_negative" => "La superficie habitable es negativa.",
        "house_size_too_large" => {
            "La superficie habitable supera los 20.000.000 de pies cuadrados."
        }
        _ => "",
    };
    match (language, known) {
        (Language::Spanish, _) if !spanish.is_empty() => spanish.to_owned(),
        (_, Some(reason)) => reason.sentence().to_owned(),
        (_, None) => code.replace('_', " "),
    }
}

/// What a person decided about the batch of a run.
fn decided(language: Language, event: &BatchEvent) -> Markup {
    let words = language.words();
    let what = match event.action {
        BatchAction::Release => words.released_by,
        BatchAction::Discard => words.discarded_by,
        BatchAction::Withdraw => words.withdrawn_by,
    };
    html! {
        p.small {
            span.badge.withdrawn { (what) " " (event.by) } " "
            time datetime=(event.at) { (language.day(event.at)) " " (language.time(event.at)) }
            @if let Some(reason) = &event.reason { ": " (reason) }
        }
    }
}

/// What may be decided about the batch of a run; the script shows it, and asks before.
fn decisions(language: Language, outcome: &Outcome) -> Markup {
    let words = language.words();
    let Some(batch) = outcome.batch else {
        return html! {};
    };
    let release = (
        BatchAction::Release,
        words.release,
        words.release_consequence,
    );
    let discard = (
        BatchAction::Discard,
        words.discard,
        words.discard_consequence,
    );
    let withdraw = (
        BatchAction::Withdraw,
        words.withdraw,
        words.withdraw_consequence,
    );
    let allowed = match outcome.decided.as_ref().map(|event| event.action) {
        Some(BatchAction::Discard | BatchAction::Withdraw) => vec![release],
        Some(BatchAction::Release) => Vec::new(),
        None if outcome.kind == OutcomeKind::Quarantined => vec![release, discard],
        None if outcome.usable => vec![withdraw],
        None => Vec::new(),
    };
    let short = batch.short();
    let what = match outcome.batch_name() {
        Some(name) => format!("{} {short}, {name}", words.batch),
        None => format!("{} {short}", words.batch),
    };
    html! {
        @for (action, title, consequence) in allowed {
            @let about = format!("decide-{}-{}", outcome.run, action.as_str());
            template id=(about) { p { (consequence) } }
            button.link type="button" hidden data-address=(format!("page/batches/{batch}/{}", action.as_str()))
                data-body="{}" data-about=(about) data-what=(what)
                aria-label=(format!("{title}: {what}")) { (title) }
            " "
        }
    }
}

/// How a figure is written.
type Written = fn(Language, f64) -> String;

/// The figures both were compared by.
fn comparison(language: Language, outcome: &Outcome, challenger: &Metrics) -> Markup {
    let words = language.words();
    let champion = outcome.champion.as_ref();
    let old = |name: &str| champion.and_then(|champion| champion.metrics.get(name));
    let lines: [(&str, &str, Written); 4] = [
        ("mae", words.average_error, Language::money),
        ("rmse", "RMSE", Language::money),
        ("median_ape", words.typical_error, Language::percent),
        ("r2", "R²", |language, value| language.number(value, 3)),
    ];
    html! {
        table.small {
            thead {
                tr {
                    td {}
                    th.number scope="col" {
                        (words.challenger)
                        @if let Some(challenger) = &outcome.challenger { " " span.muted { "v" (challenger.version) } }
                    }
                    @if let Some(champion) = champion {
                        th.number scope="col" { (words.champion) " " span.muted { "v" (champion.version) } }
                        th.number scope="col" { (words.change) }
                    }
                }
            }
            tbody {
                @for (name, title, write) in lines {
                    @if let Some(new) = challenger.get(name) {
                        tr {
                            th scope="row" { (title) }
                            td.number { (write(language, new)) }
                            @if champion.is_some() {
                                td.number { (old(name).map(|old| write(language, old)).unwrap_or_else(|| "–".to_owned())) }
                                td.number {
                                    @match old(name) {
                                        Some(old) if old.abs() > 0.0 => (language.percent_change(new / old - 1.0)),
                                        _ => "–",
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
