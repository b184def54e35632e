//! Served prices compared with later sales: by version, month and state.

use jiff::Timestamp;
use jiff::civil::date;
use tasador_ids::ModelVersion;
use tasador_listing::PropertyKey;
use tasador_performance::{Evaluated, Performance, ServedPrice};
use tasador_registry::ProposedRollback;
use tests::world::World;

use super::driver::{Browser, DESK, PHONE};
use super::{accessibility, told_world};

/// Sales of homes that two versions priced, in three months and two states. The second version asks too much.
async fn sell(world: &World) {
    let context = world.context();
    let model = &context.config.model;
    let at: Timestamp = "2026-08-01T00:00:00Z".parse().unwrap();
    let sales: Vec<Evaluated> = (0..90_u8)
        .map(|home| {
            let version = if home < 30 { 1 } else { 2 };
            let price = 250_000.0 + 4_000.0 * f64::from(home);
            let error = 0.02 * f64::from(home % 10) - 0.04 * f64::from(2 - version);
            let served = price * (1.0 + error);
            Evaluated {
                property: PropertyKey(home.into()),
                date: date(2026, 9 + i8::try_from(home % 3).unwrap(), 14),
                price,
                served: ServedPrice {
                    property: PropertyKey(home.into()),
                    request_id: format!("request-{home}"),
                    instance: 0,
                    at,
                    model: model.clone(),
                    version: ModelVersion(u32::try_from(version).unwrap()),
                    price: served,
                    price_kind: None,
                    low: served * 0.88,
                    high: served * 1.14,
                    state: Some(["Connecticut", "Massachusetts"][usize::from(home % 2)].to_owned()),
                },
                is_learned: false,
            }
        })
        .collect();
    let computed = "2026-11-28T08:30:00Z".parse().unwrap();
    let performance = Performance::of(&sales, computed);
    let kept = context.registry.put_performance(model, &performance);
    kept.await.unwrap();
}

/// A rollback from the champion to the version that lost its comparison.
async fn propose(world: &World) {
    let context = world.context();
    let model = &context.config.model;
    let champion = context.registry.champion(model).await.unwrap().unwrap();
    let proposed = ProposedRollback {
        version: champion.version,
        promotion: champion.promotion,
        to: ModelVersion(2),
        sales: 60,
        served_error: 0.21,
        promised_error: 0.09,
        former_error: 0.12,
        at: "2026-11-28T08:30:00Z".parse().unwrap(),
        withdrawn_at: None,
    };
    let kept = context.registry.put_proposed_rollback(model, &proposed);
    kept.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_served_prices_turned_out_to_be_worth_is_shown() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = told_world().await;
    sell(&world).await;
    let page = browser.open(&world, "/?section=performance&lang=en").await;
    let headline = page.text("#performance .champion").await;
    for part in [
        "Version 2 60 sales",
        "Median error",
        "Expected:",
        "on average, prices were too high",
        "Within 10%",
        "Range coverage",
    ] {
        assert!(headline.contains(part), "{part} in {headline}");
    }
    let tables = page.count("#performance table").await;
    // By version, the ratio study, by month, by state.
    assert_eq!(tables, 4);
    let shown = page.text("#performance").await;
    for part in ["Ratio study", "COD", "Nov 2026", "Massachusetts"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    // By month: three months of two versions, sorted by a click.
    let rows = "#performance .card:nth-of-type(5) tbody tr";
    assert_eq!(page.count(rows).await, 6);
    assert!(page.text(rows).await.starts_with("Nov 2026 2"));
    page.click("#performance .card:nth-of-type(5) th button")
        .await;
    assert!(page.text(rows).await.starts_with("Sep 2026"));
    // A version leads to its page, which has its own study.
    page.script("scrollTo(0, 0)").await;
    page.click("#performance .champion a").await;
    page.wait_for("#entry #ratio-study").await;

    propose(&world).await;
    let page = browser.open(&world, "/?section=performance&lang=en").await;
    page.click("#performance a[href$='#proposed-rollback']")
        .await;
    page.wait_for("#proposed-rollback").await;
    let shown = page.text("#proposed-rollback").await;
    for part in ["Proposed: back to version 2", "60 sales", "promised 9.0%"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert_eq!(page.count("#proposed-rollback button").await, 1);

    for (name, size, night, language) in [
        ("desk-day-en", DESK, false, "en"),
        ("desk-night-es", DESK, true, "es"),
        ("phone-day-es", PHONE, false, "es"),
        ("phone-night-en", PHONE, true, "en"),
    ] {
        let page = browser.look(size, night).await;
        page.go(&world, &format!("/?section=performance&lang={language}"))
            .await;
        page.screenshot(&format!("performance-sales-{name}")).await;
        let wide = page
            .script("return document.documentElement.scrollWidth - innerWidth")
            .await;
        assert!(wide.as_i64().unwrap() <= 0, "{name}: {wide}");
        accessibility::check(&page, &format!("performance {name}")).await;
        page.go(&world, &format!("/?section=models&lang={language}"))
            .await;
        page.screenshot(&format!("proposed-rollback-{name}")).await;
        accessibility::check(&page, &format!("proposed rollback {name}")).await;
    }
    browser.close().await;
}
