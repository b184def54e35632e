//! *Performance*: served prices compared with the prices at which the homes were sold later.

use maud::{Markup, html};
use tasador_listing::schema::STATE;
use tasador_performance::{Figures, Group, Performance};
use tasador_registry::VersionRecord;
use tasador_runtime::Context;

use super::models::{measured, statistics};
use crate::asked::View;
use crate::columns::Names as _;
use crate::facts::{log_failure, newest_versions};
use crate::language::{Language, PageLanguage as _};
use crate::layout::{empty, unavailable};

/// A body of `POST /outcomes`.
const EXAMPLE: &str = r#"{"sales": [{"request_id": "…", "price": 452000, "date": "2026-11-25"}]}"#;

/// The section.
pub(crate) async fn section(language: Language, ctx: &Context) -> Markup {
    let words = language.words();
    let (found, versions, is_proposed) = tokio::join!(
        ctx.registry.performance(&ctx.config.model),
        newest_versions(ctx),
        is_rollback_proposed(ctx),
    );
    match log_failure("the performance", found) {
        None => unavailable(language),
        Some(Some(found)) if !found.by_version.is_empty() => {
            html! {
                @if is_proposed {
                    p.card.trouble { a href="./?section=models#proposed-rollback" { (words.see_proposed_rollback) } }
                }
                (all(language, &found, &versions.unwrap_or_default()))
            }
        }
        Some(_) => html! {
            div.card { (empty(words.no_sales, words.no_sales_hint)) }
            div.card { h2 { (words.how_sales_arrive) } (ways(language)) }
        },
    }
}

async fn is_rollback_proposed(ctx: &Context) -> bool {
    let model = &ctx.config.model;
    let proposed = async {
        let Some(champion) = ctx.registry.champion(model).await? else {
            return Ok(None);
        };
        ctx.registry
            .proposed_rollback(model, champion.promotion)
            .await
    };
    let proposed = log_failure("a proposed rollback", proposed.await).flatten();
    proposed.is_some_and(|proposed| proposed.withdrawn_at.is_none())
}

/// The ways by which sales arrive.
fn ways(language: Language) -> Markup {
    let words = language.words();
    html! {
        ul.ways {
            li {
                code { "POST /outcomes" } ": " (words.sales_by_request)
                pre tabindex="0" { code { (EXAMPLE) } }
            }
            li { code { "outcomes/" } ": " (words.sales_by_file) }
            li { code { "status = sold" } ": " (words.sales_by_batch) }
        }
        p.hint { (words.sales_counted) }
    }
}

fn all(language: Language, found: &Performance, versions: &[VersionRecord]) -> Markup {
    let words = language.words();
    html! {
        @if let Some(newest) = found.by_version.first() { (headline(language, newest, versions)) }
        (table(language, words.served_by_version, None, &found.by_version, versions))
        @if let Some(study) = found.by_version.first().and_then(study) {
            div.card {
                h2 { (words.ratio_study) }
                p.hint { (words.served_ratio_hint) }
                (statistics(language, &study))
            }
        }
        (table(language, words.served_by_month, Some(words.month), &found.by_month, &[]))
        (table(language, words.ratio_by_state, Some(&language.column(STATE)), &found.by_state, &[]))
        div.card {
            p.hint {
                (words.computed) " "
                time datetime=(found.at) { (language.day(found.at)) " " (language.time(found.at)) } "."
            }
            details { summary { (words.how_sales_arrive) } (ways(language)) }
        }
    }
}

/// The ratio study of a version's served prices, as JSON.
fn study(group: &Group) -> Option<serde_json::Value> {
    serde_json::to_value(group.ratio_study.as_ref()?).ok()
}

/// The median error that training measured on homes kept apart.
fn expected(versions: &[VersionRecord], group: &Group) -> Option<f64> {
    let version = versions.iter().find(|it| it.version == group.version)?;
    measured(version, "median_ape")
}

fn headline(language: Language, group: &Group, versions: &[VersionRecord]) -> Markup {
    let words = language.words();
    let figures = &group.figures;
    let tile = |title: &str, value: String, hint: &str| html! { div.tile { dt { (title) } dd { (value) } dd.hint { (hint) } } };
    let promised = match expected(versions, group) {
        Some(expected) => format!(
            "{}: {}",
            words.expected_error,
            language.percent_fixed(expected)
        ),
        None => words.typical_error_hint.to_owned(),
    };
    let direction = match figures.bias {
        bias if bias > 0.0 => words.bias_high,
        bias if bias < 0.0 => words.bias_low,
        _ => words.bias_none,
    };
    html! {
        div.card.champion {
            h2 {
                a href=(View::Version(group.version).address()) { (words.version) " " (group.version) }
                " " span.count { (language.count(figures.sales)) " " (words.sales) }
            }
            @if group.asking_prices > 0 {
                p.hint {
                    (language.count(group.asking_prices)) " "
                    (if group.are_asking_prices_counted { words.asking_prices_counted } else { words.asking_prices_left_out })
                }
            }
            dl.tiles {
                (tile(words.typical_error, language.percent_fixed(figures.median_ape), &promised))
                (tile(words.bias, signed(language, figures.bias), direction))
                (tile(words.within_10, language.percent_fixed(figures.within_10), words.within_hint))
                (tile(words.honest_range, language.percent_fixed(figures.coverage), words.honest_range_hint))
            }
        }
    }
}

/// A column: its title, and how its figure is written.
type Column = (&'static str, fn(Language, &Figures) -> String);

/// The figures of groups. `named` is the title of their names; without one the groups are versions.
fn table(
    language: Language,
    title: &str,
    named: Option<&str>,
    groups: &[Group],
    versions: &[VersionRecord],
) -> Markup {
    let words = language.words();
    let columns: [Column; 6] = [
        (words.average_error, |language, it| language.money(it.mae)),
        (words.bias, |language, it| signed(language, it.bias)),
        (language.of("±5%", "± 5 %"), |language, it| {
            language.percent_fixed(it.within_5)
        }),
        (language.of("±10%", "± 10 %"), |language, it| {
            language.percent_fixed(it.within_10)
        }),
        (language.of("±20%", "± 20 %"), |language, it| {
            language.percent_fixed(it.within_20)
        }),
        (language.of("Coverage", "Cobertura"), |language, it| {
            language.percent_fixed(it.coverage)
        }),
    ];
    let version = |group: &Group| html! { a href=(View::Version(group.version).address()) { (group.version) } };
    html! {
        @if !groups.is_empty() {
            div.card {
                h2 { (title) }
                div.scroll.flat tabindex="0" role="region" aria-label=(title) {
                    table data-sort {
                        thead { tr {
                            @if let Some(named) = named { th scope="col" { (named) } }
                            th.number[named.is_some()] scope="col" { (words.version) }
                            th.number scope="col" { (words.sales) }
                            th.number scope="col" { (words.typical_error) }
                            @if named.is_none() { th.number scope="col" { (words.expected_error) } }
                            @for (title, _) in &columns { th.number scope="col" { (title) } }
                        } }
                        tbody {
                            @for group in groups {
                                tr {
                                    @match &group.name {
                                        Some(name) => {
                                            th scope="row" { (name_of(language, name)) }
                                            td.number { (version(group)) }
                                        }
                                        None => th scope="row" { (version(group)) },
                                    }
                                    td.number { (language.count(group.figures.sales)) }
                                    td.number { (language.percent_fixed(group.figures.median_ape)) }
                                    @if named.is_none() {
                                        td.number { (expected(versions, group).map_or_else(|| "–".to_owned(), |it| language.percent_fixed(it))) }
                                    }
                                    @for (_, write) in &columns { td.number { (write(language, &group.figures)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A percentage with its sign and one decimal.
fn signed(language: Language, share: f64) -> String {
    let sign = if share >= 0.0005 { "+" } else { "" };
    format!("{sign}{}", language.percent_fixed(share))
}

/// A month such as `2026-11` as people write it; any other name as it is.
fn name_of(language: Language, name: &str) -> Markup {
    let first: Option<jiff::civil::Date> = format!("{name}-01").parse().ok();
    let at = first.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    match at {
        Some(at) => {
            let day = language.day(at.timestamp());
            let month = day.split_once(' ').map_or(&*day, |(_, month)| month);
            html! { time datetime=(name) { (month) } }
        }
        None => html! { (name) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn figures(bias: f64) -> serde_json::Value {
        json!({"sales": 60, "mae": 41_250.0, "median_ape": 0.0912, "bias": bias,
            "within_5": 0.25, "within_10": 0.5, "within_20": 0.75, "coverage": 0.9})
    }

    fn group(version: u32, name: Option<&str>, bias: f64) -> serde_json::Value {
        let mut group = figures(bias);
        group["version"] = json!(version);
        if let Some(name) = name {
            group["name"] = json!(name);
        }
        group
    }

    #[test]
    fn served_prices_are_shown_by_version_month_and_state() {
        let found: Performance = serde_json::from_value(json!({
            "at": "2026-11-28T08:30:00Z",
            "by_version": [group(2, None, -0.031), group(1, None, 0.02)],
            "by_month": [group(2, Some("2026-11"), -0.031)],
            "by_state": [group(2, Some("<CT>"), 0.0)],
        }))
        .unwrap();
        for (language, parts) in [
            (
                Language::English,
                [
                    "prices were too low",
                    "60 sales",
                    "9.1%",
                    "−3.1%",
                    "$41,250",
                    "Nov 2026",
                    "&lt;CT&gt;",
                ],
            ),
            (
                Language::Spanish,
                [
                    "los precios eran bajos",
                    "60 ventas",
                    "9,1",
                    "−3,1",
                    "41.250",
                    "nov 2026",
                    "&lt;CT&gt;",
                ],
            ),
        ] {
            let html = all(language, &found, &[]).into_string();
            for part in parts {
                assert!(html.contains(part), "{part} in {html}");
            }
            assert_eq!(html.matches("<tbody>").count(), 3);
            assert!(html.contains("POST /outcomes"), "{html}");
        }
    }
}
