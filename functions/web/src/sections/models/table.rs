//! The versions as a table, with what an admin may do.

use maud::{Markup, html};
use serde_json::json;
use tasador_flow::as_sentence;
use tasador_registry::{Outcome, VersionRecord};

use super::{ProductionStatus, measured};
use crate::asked::{View, encoded};
use crate::columns::Names as _;
use crate::facts::Models;
use crate::language::{Language, PageLanguage as _};

/// Versions that are shown at once. The script folds older ones until somebody opens them or searches.
const OPEN_MAX: usize = 10;

pub(super) fn versions(
    language: Language,
    models: &Models,
    outcomes: &[Outcome],
    may_move: bool,
) -> Markup {
    let words = language.words();
    let older = models.versions.len().saturating_sub(OPEN_MAX);
    html! {
        div.card.flush {
            div.inset.tools {
                h2 { (words.versions) }
                @if older > 0 {
                    label.hidden for="versions-text" { (words.search) }
                    input id="versions-text" type="search" placeholder=(words.search) data-search="versions" hidden;
                }
                a.csv href="page/tables/versions.csv" download { (words.download) " (" (words.as_csv) ")" }
            }
            (table(language, models, outcomes, older > 0, may_move))
            @if older > 0 {
                // Without the script all of them are there.
                p.older { button.link type="button" data-unfold="versions" hidden { (words.older) " " span.count { (older) } } }
            }
            @if may_move { noscript { p.hint.inset { (words.needs_script) } } }
        }
    }
}

fn table(
    language: Language,
    models: &Models,
    outcomes: &[Outcome],
    folded: bool,
    may_move: bool,
) -> Markup {
    let words = language.words();
    html! {
            table.versions.folded[folded] #versions data-sort {
                caption.hidden { (words.versions) }
                thead {
                    tr {
                        th scope="col" { (words.version) }
                        th scope="col" { (words.status) }
                        th scope="col" { (words.algorithm) }
                        th.number scope="col" { (words.average_error) }
                        th.number scope="col" { (words.typical_error) }
                        th scope="col" { (words.trained) }
                        th scope="col" data-unsorted { (words.action) }
                    }
                }
                tbody {
                    @for version in &models.versions {
                        tr {
                            th scope="row" data-label=(words.version) {
                                a href=(View::Version(version.version).address()) { (version.version) }
                            }
                            td data-label=(words.status) {
                                (status(language, models.status(version)))
                                @if models.stale.contains(&version.version) { " " span.badge.failed { (words.learned_from_withdrawn) } }
                            }
                            td data-label=(words.algorithm) {
                                (version.algorithm.as_deref().map(|it| language.algorithm(it)).unwrap_or_else(|| "–".to_owned()))
                            }
                            td.number data-label=(words.average_error) {
                                (measured(version, "mae").map(|it| language.money(it)).unwrap_or_else(|| "–".to_owned()))
                            }
                            td.number data-label=(words.typical_error) {
                                (measured(version, "median_ape").map(|it| language.percent_fixed(it)).unwrap_or_else(|| "–".to_owned()))
                            }
                            td data-label=(words.trained) {
                                time datetime=(version.created_at) { (language.day(version.created_at)) }
                            }
                            td.actions data-label=(words.action) {
                                a href=(View::Version(version.version).address())
                                    aria-label=(format!("{} {}", words.evidence_of, version.version)) { (words.evidence) }
                                @if may_move { (move_button(language, models, outcomes, version)) }
                            }
                        }
                    }
                }
            }
    }
}

pub(crate) fn status(language: Language, status: ProductionStatus) -> Markup {
    let words = language.words();
    let (class, text) = match status {
        ProductionStatus::InProduction => ("badge promoted", words.in_production),
        ProductionStatus::WasInProduction => ("badge was", words.was_in_production),
        ProductionStatus::NotUsed => ("badge skipped", words.candidate),
        ProductionStatus::Unfinished => ("badge failed", words.unfinished),
    };
    html! { span class=(class) { (text) } }
}

/// Puts a version into production; the script shows it, and asks before.
pub(crate) fn move_button(
    language: Language,
    models: &Models,
    outcomes: &[Outcome],
    version: &VersionRecord,
) -> Markup {
    let words = language.words();
    let champion = models.champion.as_ref().map(|champion| champion.version);
    let status = models.status(version);
    let model = encoded(version.model.as_str());
    let is_back = status == ProductionStatus::WasInProduction
        && champion.is_some_and(|champion| version.version < champion);
    let (title, address, body) = if is_back {
        (
            words.roll_back,
            format!("page/models/{model}/rollback"),
            json!({"expected": champion, "to": version.version}),
        )
    } else {
        (
            words.promote,
            format!("page/models/{model}/versions/{}/promote", version.version),
            json!({"expected": champion}),
        )
    };
    html! {
        @if matches!(status, ProductionStatus::NotUsed | ProductionStatus::WasInProduction) {
            // Never promoted by the pipeline: it lost its comparison, or was not the best candidate of its run.
            @let lost = status == ProductionStatus::NotUsed && version.run.is_some();
            @let about = format!("move-{}", version.version);
            template id=(about) { (consequences(language, models, outcomes, version, lost)) }
            button.link type="button" hidden data-address=(address) data-body=(body)
                data-about=(about) data-version=(version.version) data-lost[lost]
                data-what=(format!("{} {}", words.version, version.version))
                aria-label=(format!("{title}: {} {}", words.version, version.version)) { (title) }
        }
    }
}

/// What a change in production replaces, the figures of both, and what speaks against it.
fn consequences(
    language: Language,
    models: &Models,
    outcomes: &[Outcome],
    version: &VersionRecord,
    lost: bool,
) -> Markup {
    let words = language.words();
    let number = models.champion.as_ref().map(|champion| champion.version);
    let current = models
        .versions
        .iter()
        .find(|other| Some(other.version) == number);
    type Written = fn(Language, f64) -> String;
    let lines: [(&str, &str, Written); 3] = [
        ("mae", words.average_error, Language::money),
        ("median_ape", words.typical_error, Language::percent_fixed),
        ("coverage", words.honest_range, Language::percent_fixed),
    ];
    let figure = |version: Option<&VersionRecord>, name: &str, write: Written| {
        let value = version.and_then(|version| measured(version, name));
        value.map_or_else(|| "–".to_owned(), |value| write(language, value))
    };
    let outcome = outcomes
        .iter()
        .find(|outcome| Some(&outcome.run) == version.run.as_ref());
    let is_challenger = |outcome: &&Outcome| {
        let challenger = outcome.challenger.as_ref();
        challenger.is_some_and(|challenger| challenger.version == version.version)
    };
    html! {
        @if let Some(number) = number { p { (words.replaces) " " (words.version) " " (number) "." } }
        table.small {
            thead { tr {
                td {}
                th.number scope="col" { (words.version) " " (version.version) }
                @if let Some(number) = number { th.number scope="col" { (words.version) " " (number) } }
            } }
            tbody {
                @for (name, title, write) in lines {
                    tr {
                        th scope="row" { (title) }
                        td.number { (figure(Some(version), name, write)) }
                        @if number.is_some() { td.number { (figure(current, name, write)) } }
                    }
                }
            }
        }
        @if lost {
            p.warning { strong { (words.lost_comparison) } }
            @match outcome {
                Some(outcome) if is_challenger(&outcome) => {
                    ul.reasons {
                        @for reason in outcome.reasons.iter().filter(|reason| reason.is_of_the_comparison()) {
                            li { (as_sentence(&language.reason(reason))) }
                        }
                    }
                }
                Some(_) => p.small { (words.not_best_candidate) },
                None => p.small { (words.see_history) },
            }
        }
    }
}

/// What asks before anything changes; the script shows it.
pub(crate) fn dialog(language: Language) -> Markup {
    let words = language.words();
    html! {
        dialog #move aria-labelledby="move-title" {
            form method="dialog" {
                h2 #move-title { (words.promote_title) }
                p.what {}
                div.consequences {}
                div.field.confirmation hidden {
                    label for="move-number" { (words.type_version) }
                    input id="move-number" name="number" type="text" inputmode="numeric" autocomplete="off";
                }
                div.field {
                    label for="move-reason" { (words.reason) }
                    input id="move-reason" name="reason" type="text" maxlength="500" autocomplete="off";
                }
                p.error role="alert" {}
                div.actions {
                    button.button type="submit" value="confirm" { (words.confirm) }
                    button.quiet type="submit" value="cancel" formnovalidate { (words.cancel) }
                }
            }
        }
    }
}
