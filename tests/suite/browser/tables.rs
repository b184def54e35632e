//! Tables are sorted, filtered, searched, and saved as CSV.

use reqwest::Method;
use serde_json::{Value, json};
use tasador_ids::ModelVersion;
use tests::world::World;

use super::driver::{Browser, Page};
use super::{accessibility, told_world};

/// The decisions of the history's rows in their order.
async fn decisions(page: &Page) -> Value {
    page.script(
        "return [...document.querySelectorAll('.runs tr[data-kind]')].map(it => it.dataset.kind)",
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_is_filtered_searched_sorted_and_saved() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = told_world().await;
    let page = browser.open(&world, "/?lang=en&section=history").await;
    let all = json!(["quarantined", "rejected", "skipped", "promoted"]);
    assert_eq!(decisions(&page).await, all);

    // By rows: 12, 150, 150, 1,200.
    let header = ".runs th:nth-child(4)";
    for (direction, first) in [("ascending", "skipped"), ("descending", "promoted")] {
        page.click(&format!("{header} button")).await;
        page.wait_for(&format!("{header}[aria-sort={direction}]"))
            .await;
        assert_eq!(decisions(&page).await[0], first);
    }
    page.screenshot("history-sorted").await;
    accessibility::check(&page, "history sorted").await;

    page.script("document.querySelector('#history-kind').value = 'rejected'")
        .await;
    page.click(".filters button").await;
    page.wait_for("#history-kind option[value=rejected][selected]")
        .await;
    assert_eq!(decisions(&page).await, json!(["rejected"]));
    assert_eq!(
        page.text(".filters a[href='./?section=history']").await,
        "Show all"
    );
    page.go(&world, "/?q=AT%20LEAST%2050").await;
    assert_eq!(decisions(&page).await, json!(["skipped"]));
    page.go(&world, "/?q=none&section=history").await;
    assert!(page.text("#history").await.contains("No run matches."));
    accessibility::check(&page, "history without a match").await;

    page.go(&world, "/?section=models").await;
    let first = page.text(".versions tbody th").await;
    page.click(".versions th:first-child button").await;
    page.wait_for(".versions th[aria-sort=ascending]").await;
    assert_eq!(
        (
            first.as_str(),
            page.text(".versions tbody th").await.as_str()
        ),
        ("2", "1")
    );
    browser.close().await;

    for (path, lines, parts) in [
        (
            "/page/tables/history.csv",
            5,
            &["promoted,", "skipped,", "quarantined,"][..],
        ),
        ("/page/tables/history.csv?kind=rejected", 2, &["rejected,"]),
        (
            "/page/tables/history.csv?q=none",
            1,
            &["recorded_at,decision,"],
        ),
        (
            "/page/tables/versions.csv",
            3,
            &["version,algorithm", "\n1,boosting,"],
        ),
    ] {
        let file = world.asked(Method::GET, path, None, &[]).await;
        assert_eq!(
            (file.status, file.header("content-type")),
            (200, "text/csv; charset=utf-8")
        );
        assert!(
            file.header("content-disposition").starts_with("attachment"),
            "{path}"
        );
        assert_eq!(file.text.lines().count(), lines, "{path}: {}", file.text);
        for part in parts {
            assert!(file.text.contains(part), "{part} in {}", file.text);
        }
    }
    let other = world
        .asked(Method::GET, "/page/tables/none.csv", None, &[])
        .await;
    assert_eq!(other.status, 404);
}

/// Twelve versions besides the two that the pipeline made.
async fn register_many(world: &World) {
    let context = world.context();
    let model = &context.config.model;
    let made = context.registry.version(model, ModelVersion(2)).await;
    let made = made.unwrap().unwrap();
    for number in 3..=14 {
        let mut record = made.clone();
        record.version = ModelVersion(number);
        record.source_key = format!("{}-{number}", made.source_key);
        record.run = None;
        record.mlflow_run_id = None;
        let algorithm = if number % 3 == 0 { "ridge" } else { "linear" };
        record.algorithm = Some(algorithm.to_owned());
        let error = 40_000.0 + f64::from(number * 7 % 13) * 900.5;
        record.metrics.0.insert("validation_mae".to_owned(), error);
        assert!(context.registry.restore_version(&record).await.unwrap());
    }
}

/// The first cells of the rows of the versions that are visible.
async fn versions(page: &Page) -> Vec<String> {
    let shown = page
        .script(
            "return [...document.querySelectorAll('#versions tbody tr')] \
             .filter(row => row.offsetParent).map(row => row.cells[0].innerText)",
        )
        .await;
    let shown = shown.as_array().unwrap().iter();
    shown.map(|it| it.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_versions_are_folded_searched_sorted_and_saved() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = told_world().await;
    register_many(&world).await;
    let numbers = |numbers: &[u32]| numbers.iter().map(u32::to_string).collect::<Vec<_>>();
    let page = browser.open(&world, "/?lang=en&section=models").await;
    let newest: Vec<u32> = (5..=14).rev().collect();
    assert_eq!(versions(&page).await, numbers(&newest));

    // A search looks through all of them, the older ones too.
    for (text, found) in [
        ("ridge", &[12, 9, 6, 3][..]),
        ("in production", &[1]),
        ("nothing of this", &[]),
    ] {
        page.fill("#versions-text", text).await;
        assert_eq!(versions(&page).await, numbers(found), "{text}");
    }
    page.script(
        "const it = document.querySelector('#versions-text'); it.value = ''; \
                 it.dispatchEvent(new Event('input', {bubbles: true}))",
    )
    .await;
    let all: Vec<u32> = (1..=14).rev().collect();
    assert_eq!(versions(&page).await, numbers(&all));

    // By average error: amounts, not texts.
    let header = "#versions th:nth-child(4)";
    let errors = "return [...document.querySelectorAll('#versions tbody td:nth-child(4)')] \
                  .map(it => Number(it.innerText.replace(/[$,]/g, '')))";
    for (direction, turned) in [("ascending", false), ("descending", true)] {
        page.click(&format!("{header} button")).await;
        page.wait_for(&format!("{header}[aria-sort={direction}]"))
            .await;
        let shown = page.script(errors).await;
        let shown: Vec<f64> = serde_json::from_value(shown).unwrap();
        let mut sorted = shown.clone();
        sorted.sort_by(f64::total_cmp);
        if turned {
            sorted.reverse();
        }
        assert_eq!((shown.len(), &shown), (14, &sorted), "{direction}");
    }
    page.screenshot("models-sorted").await;
    accessibility::check(&page, "models sorted").await;

    // The file has what the table has.
    let file = page
        .script_async(
            "const done = arguments[arguments.length - 1]; \
             fetch(document.querySelector('#models a.csv').href).then(it => it.text()).then(done)",
        )
        .await;
    let lines: Vec<&str> = file.as_str().unwrap().lines().collect();
    assert_eq!(lines.len(), 15);
    let header: Vec<&str> = lines[0].split(',').collect();
    let place = header.iter().position(|name| *name == "mae").unwrap();
    let mut saved: Vec<f64> = lines[1..]
        .iter()
        .map(|line| line.split(',').nth(place).unwrap().parse().unwrap())
        .collect();
    saved.sort_by(f64::total_cmp);
    saved.reverse();
    let shown: Vec<f64> = serde_json::from_value(page.script(errors).await).unwrap();
    for (saved, shown) in saved.iter().zip(&shown) {
        assert!((saved - shown).abs() <= 0.5, "{saved} {shown}");
    }
    browser.close().await;
}
