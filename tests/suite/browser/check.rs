//! A file is uploaded, looked at and learned from.

use tasador_testing::listings::Batch;
use tests::world::World;

use super::driver::{Browser, DESK, PHONE};
use super::{accessibility, changed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_uploaded_checked_and_learned_from() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = World::new(changed).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("may.csv");
    let csv = String::from_utf8(Batch::new(1, 300).csv()).unwrap();
    let header = csv.lines().next().unwrap().replace("price", "list_price");
    let rows = csv.split_once('\n').unwrap().1;
    std::fs::write(&file, format!("{header}\n{rows}\"1,2\n")).unwrap();
    let large = folder.path().join("large.csv");
    std::fs::write(&large, vec![b'1'; tasador_check::UPLOAD_MAX_BYTES + 1]).unwrap();

    let page = browser.open(&world, "/?section=history&lang=en").await;
    page.click("#live a[href='?check=new']").await;
    page.wait_for("#file").await;
    page.attach("#file", &large).await;
    page.click("#upload button").await;
    // It is not even sent.
    let script = "return document.getElementById('file').validationMessage";
    assert_eq!(page.script(script).await, "The file is too large.");
    page.attach("#file", &file).await;
    page.click("#upload button").await;
    page.wait_for("#columns").await;
    let shown = page.script("return location.search").await;
    let shown = shown.as_str().unwrap();
    for (name, size, night, language, heading) in [
        ("desk-day-en", DESK, false, "en", "Rejected rows"),
        ("phone-night-es", PHONE, true, "es", "Filas rechazadas"),
    ] {
        let page = browser.look(size, night).await;
        for (what, query) in [("new", "?check=new"), ("found", shown)] {
            page.go(&world, &format!("/{query}&lang={language}")).await;
            page.screenshot(&format!("check-{what}-{name}")).await;
            accessibility::check(&page, &format!("check {what} {name}")).await;
        }
        let rejected = page.text("#rejected h2").await;
        assert_eq!(rejected, heading);
        let wide = "return document.documentElement.scrollWidth > innerWidth";
        assert_eq!(page.script(wide).await, false, "{name}");
    }
    browser.look(DESK, false).await;
    page.go(&world, &format!("/{shown}&lang=en")).await;
    let columns = page.text("#columns").await;
    assert!(columns.contains("list_price"), "{columns}");
    page.click("#decide > form > .actions button").await;
    page.wait_for("#history").await;
    world.cloud().executions().idle().await;
    page.load_until(
        &world,
        "/?section=history&lang=en",
        "tr[data-kind=promoted]",
    )
    .await;
    browser.close().await;
}
