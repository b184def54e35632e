//! *History*: each run that ended, with its decision in a sentence and all its figures behind it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use tasador_flow::{
    Account, BatchAction, BatchEvent, Metrics, Outcome, OutcomeKind, Period, as_sentence,
};
use tasador_ids::ModelVersion;
use tasador_listing::reject::Reason;
use tasador_runtime::Context;

use crate::asked::{Asked, Filter, SectionId, View, encoded};
use crate::facts;
use crate::language::{Language, PageLanguage as _};
use crate::layout::{empty, unavailable};

/// The section.
pub(crate) async fn section(
    language: Language,
    ctx: &Context,
    asked: &Asked,
    may_decide: bool,
) -> Markup {
    let words = language.words();
    let (history, logged) = tokio::join!(
        facts::history(ctx, asked.page.clone(), &asked.filter),
        facts::logged(ctx),
    );
    let runs = match &history {
        None => unavailable(language),
        Some(page) if page.items.is_empty() && asked.page.is_none() && asked.filter.is_empty() => {
            html! { div.card { (empty(words.no_history, words.no_history_hint)) } }
        }
        Some(page) => html! {
            (filters(language, &asked.filter))
            @if page.items.is_empty() { div.card { p { (words.no_match) } } }
            @else { div.card.flush {
                table.runs data-sort {
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
            } }
            @if page.next.is_some() || asked.page.is_some() {
                nav.pages aria-label=(words.history) {
                    @if asked.page.is_some() { a.button.second href=(address(&asked.filter.query())) { (words.newest) } }
                    @if let Some(next) = &page.next {
                        a.button.second href=(address(&format!("page={}&{}", encoded(next), asked.filter.query()))) { (words.older) }
                    }
                }
            }
        },
    };
    html! { (runs) (super::logged::table(language, &logged.unwrap_or_default())) }
}

/// The address of the history with this query.
fn address(query: &str) -> String {
    let section = SectionId::History.address();
    match query.trim_end_matches('&') {
        "" => section,
        query => format!("{section}&{query}"),
    }
}

/// Which runs are shown, and the way to all of them as a file.
fn filters(language: Language, filter: &Filter) -> Markup {
    let words = language.words();
    let query = match filter.query() {
        query if query.is_empty() => String::new(),
        query => format!("?{query}"),
    };
    html! {
        form.filters action="./" method="get" role="search" {
            input type="hidden" name="section" value=(SectionId::History.as_str());
            label.hidden for="history-kind" { (words.decision) }
            select id="history-kind" name="kind" {
                option value="" { (words.all_decisions) }
                @for kind in OutcomeKind::OF_RUNS {
                    option value=(kind.as_str()) selected[filter.kind == Some(kind)] { (kind_name(language, kind)) }
                }
            }
            label.hidden for="history-text" { (words.search) }
            input id="history-text" name="q" type="search" placeholder=(words.search_history)
                value=(filter.text.as_deref().unwrap_or_default());
            button.button.second type="submit" { (words.search) }
            @if !filter.is_empty() { a href=(SectionId::History.address()) { (words.show_all) } }
            a.csv href=(format!("page/tables/history.csv{query}")) download { (words.download) " (" (words.as_csv) ")" }
        }
    }
}

/// A decision as a badge.
pub(crate) fn badge(language: Language, kind: OutcomeKind) -> Markup {
    html! { span class=(format!("badge {}", kind.as_str())) { (kind_name(language, kind)) } }
}

fn kind_name(language: Language, kind: OutcomeKind) -> &'static str {
    let words = language.words();
    match kind {
        OutcomeKind::Promoted => words.promoted,
        OutcomeKind::Rejected => words.kept_current,
        OutcomeKind::Skipped => words.skipped,
        OutcomeKind::Quarantined => words.quarantined,
        OutcomeKind::Withdrawn => words.withdrawn,
        OutcomeKind::Failed => words.failed,
        OutcomeKind::NothingNew => words.nothing_new,
    }
}

fn row(language: Language, outcome: &Outcome, may_decide: bool) -> Markup {
    let words = language.words();
    let at = outcome.recorded_at;
    let account = language.account(outcome);
    html! {
        tr data-kind=(outcome.kind.as_str()) {
            td.when data-label=(words.when) {
                a href=(View::Run(outcome.run.clone()).address()) aria-label=(format!("{} {} {}", words.run, language.day(at), language.time(at))) {
                    time datetime=(at) { (language.day(at)) span.time { " " (language.time(at)) } }
                }
            }
            td data-label=(words.decision) { (badge(language, outcome.kind)) }
            td.what data-label=(words.what_happened) {
                @if let Some(batch) = outcome.batch {
                    p.small.muted {
                        a href=(View::Batch(batch).address()) { (name(language, outcome)) }
                        @if let Some(period) = &outcome.period { ", " (days(language, period)) }
                    }
                }
                (summary(language, outcome, &account, may_decide))
                details {
                    summary { (words.details) }
                    (reasons(language, &account))
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

/// What a batch is called: after its file or source, else after its id.
pub(crate) fn name(language: Language, outcome: &Outcome) -> String {
    let short = outcome.batch.map(|batch| batch.short());
    let named = || format!("{} {}", language.words().batch, short.unwrap_or_default());
    outcome.batch_name().unwrap_or_else(named)
}

/// What happened: the sentence, why a challenger was not adopted, and what people decided since.
pub(crate) fn summary(
    language: Language,
    outcome: &Outcome,
    account: &Account,
    may_decide: bool,
) -> Markup {
    let words = language.words();
    html! {
        p { (account.sentence) }
        @if !account.not_adopted.is_empty() {
            h3 { (words.why_not_adopted) }
            ul.reasons { @for reason in &account.not_adopted { li { (reason) } } }
        }
        @if !account.notices.is_empty() {
            h3 { (words.notices) }
            ul.reasons { @for notice in &account.notices { li { (notice) } } }
        }
        @if let Some(event) = &outcome.decided { (decided(language, event)) }
        @if may_decide && outcome.settled { (decisions(language, outcome)) }
        @if let Some(error) = outcome.error.as_ref().filter(|_| outcome.kind != OutcomeKind::Failed) {
            p.small { (as_sentence(&error.message)) }
        }
    }
}

/// Why candidates were trained, and what else was a reason.
pub(crate) fn reasons(language: Language, account: &Account) -> Markup {
    let words = language.words();
    html! {
        @for (title, list) in [(words.why_trained, &account.trained), (words.reasons, &account.others)] {
            @if !list.is_empty() {
                h3 { (title) }
                ul.reasons { @for reason in list { li { (reason) } } }
            }
        }
    }
}

/// The figures of a run, and the way to what it worked on.
pub(crate) fn details(language: Language, outcome: &Outcome) -> Markup {
    let words = language.words();
    html! {
        @if let Some(challenger) = &outcome.challenger {
            h3 { (words.comparison) }
            (comparison(language, outcome, &challenger.metrics))
        }
        dl.facts {
            (rows(language, outcome))
            dt { (words.took) } dd { (language.duration(outcome.duration_ms as f64)) }
            @if let Some(batch) = outcome.batch {
                dt { (words.batch) } dd { a href=(View::Batch(batch).address()) { code { (batch.short()) } } }
            }
            dt { (words.run) } dd { a href=(View::Run(outcome.run.clone()).address()) { code { (outcome.run) } } }
            @if let Some(dataset) = outcome.dataset {
                dt { (words.dataset) } dd { a href=(View::Dataset(dataset).address()) { code { (dataset.short()) } } }
            }
            @if let Some(source) = &outcome.source { dt { (words.source) } dd { (source) } }
            @if let Some(promotion) = &outcome.promotion { dt { (words.promotion) } dd { "№ " (promotion) } }
        }
        (recognised(language, outcome))
    }
}

/// What was recognised of the columns of a batch, as it was recorded in English.
pub(crate) fn recognised(language: Language, outcome: &Outcome) -> Markup {
    let words = language.words();
    html! {
        @if !outcome.recognised.is_empty() {
            details {
                summary { (words.recognised) " " span.count { (outcome.recognised.len()) } }
                ul.reasons lang="en" { @for sentence in &outcome.recognised { li { (sentence) } } }
            }
        }
    }
}

/// What happened to the rows of a batch, when it arrived, and which days it spans.
pub(crate) fn rows(language: Language, outcome: &Outcome) -> Markup {
    let words = language.words();
    html! {
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
pub(crate) fn rejection(language: Language, code: &str) -> String {
    let known = Reason::ALL.iter().find(|reason| reason.code() == code);
    let spanish = match code {
        "price_missing" => "El anuncio no tiene precio.",
        "price_unreadable" => "El precio no es un número.",
        "price_not_positive" => "El precio no es mayor que cero.",
        "price_too_large" => "El precio es demasiado alto para ser real.",
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
        "outside_limits" => "Un valor está fuera de los límites declarados.",
        "surplus_fields" => "La fila tiene más campos que el encabezado.",
        "bad_quote" => "Una comilla no se cierra, o está en medio de un campo.",
        "bad_encoding" => "La fila tiene bytes que no son texto en la codificación del archivo.",
        "bad_json" => "La fila no es un objeto JSON.",
        "row_too_long" => "La fila, o uno de sus valores, es demasiado larga.",
        _ => "",
    };
    match (language, known) {
        (Language::Spanish, _) if !spanish.is_empty() => spanish.to_owned(),
        (_, Some(reason)) => reason.sentence().to_owned(),
        (_, None) => code.replace('_', " "),
    }
}

/// What a person decided about a batch.
pub(crate) fn decided(language: Language, event: &BatchEvent) -> Markup {
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

fn version(version: ModelVersion) -> Markup {
    html! { a href=(View::Version(version).address()) { "v" (version) } }
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
        ("median_ape", words.typical_error, Language::percent_fixed),
        ("r2", "R²", |language, value| language.number(value, 3)),
    ];
    html! {
        table.small {
            thead {
                tr {
                    td {}
                    th.number scope="col" {
                        (words.challenger)
                        @if let Some(challenger) = &outcome.challenger { " " (version(challenger.version)) }
                    }
                    @if let Some(champion) = champion {
                        th.number scope="col" { (words.champion) " " (version(champion.version)) }
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
