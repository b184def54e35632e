//! Tables are sorted, filtered, searched, and saved as CSV.

use reqwest::Method;
use serde_json::{Value, json};

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
