//! The strip about what runs.

use std::time::Duration;

use reqwest::Method;
use tasador_access::Scope;
use tasador_testing::listings::Batch;
use tests::world::World;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::driver::{Browser, DESK, PHONE};
use super::{accessibility, changed};

/// A source that answers its first request when it is released.
async fn held_source() -> (String, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/data", listener.local_addr().unwrap());
    let (release, released) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        released.await.unwrap();
        let body = Batch::new(1, 600).api_json();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
    });
    (url, release)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_started_seen_and_its_outcome_comes_by_itself() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let (url, release) = held_source().await;
    let world = World::new(|config| {
        changed(config);
        config.source = Some(url.into());
        config.fetch.read_timeout = Duration::from_secs(600);
    })
    .await;
    let page = browser.open(&world, "/?lang=en&section=history").await;
    let idle = page.text("#live").await;
    for part in ["No run at the moment", "127.0.0.1", "Run now"] {
        assert!(idle.contains(part), "{part} in {idle}");
    }
    page.screenshot("live-idle").await;
    page.click("#live button").await;
    page.wait_for("#live.running").await;
    let running = page.text("#live").await;
    assert!(running.contains("Fetching a batch"), "{running}");
    // Everywhere, in both languages, without a script.
    for (name, size, night, language) in [
        ("desk-day-en", DESK, false, "en"),
        ("phone-night-es", PHONE, true, "es"),
    ] {
        let page = browser.look(size, night).await;
        page.go(&world, &format!("/?lang={language}&section=history"))
            .await;
        page.screenshot(&format!("live-running-{name}")).await;
        accessibility::check(&page, &format!("live {name}")).await;
    }
    browser.look(DESK, false).await;
    let spanish = [("accept-language", "es")];
    let plain = world.asked(Method::GET, "/", None, &spanish).await;
    assert!(
        plain.text.contains("class=\"live running\"") && plain.text.contains("Obteniendo un lote")
    );
    page.go(&world, "/?lang=en&section=history").await;
    page.click("#live a[href^='?run=']").await;
    page.wait_for("#entry").await;
    let entry = page.text("#entry").await;
    assert!(
        entry.contains("has not ended yet") && entry.contains("Fetching a batch"),
        "{entry}"
    );

    page.go(&world, "/?lang=en&section=history").await;
    release.send(()).unwrap();
    page.wait_for("tr[data-kind=promoted]").await;
    page.wait_for("#live.idle").await;
    page.load_until(&world, "/", "#home").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_admin_starts_runs_on_the_page() {
    let world = World::guarded(|_| ()).await;
    for (scopes, sees, starts) in [
        (&[Scope::Predict][..], false, false),
        (&[Scope::Read], true, false),
        (&[Scope::Admin], true, true),
    ] {
        let cookie = format!("token={}", world.token(scopes).await);
        let headers = [("cookie", cookie.as_str())];
        let page = world.asked(Method::GET, "/", None, &headers).await;
        assert_eq!(page.text.contains("id=\"live\""), sees, "{scopes:?}");
        assert_eq!(
            page.text.contains("action=\"page/runs\""),
            starts,
            "{scopes:?}"
        );
        let strip = world.asked(Method::GET, "/page/live", None, &headers).await;
        assert_eq!(strip.status == 200, sees, "{scopes:?}");
        let run = world
            .asked(Method::POST, "/page/runs", None, &headers)
            .await;
        let expected = if starts { 303 } else { 403 };
        assert_eq!(run.status, expected, "{scopes:?}");
        if starts {
            assert_eq!(run.header("location"), "../?section=history");
        }
        world.cloud().executions().idle().await;
    }
    assert_eq!(world.source.asked(), 1);
}
