//! Every run, batch, dataset, version and request has a page, and the pages are linked.

use std::collections::BTreeSet;

use reqwest::Method;
use tasador_testing::listings::Batch;
use tests::world::World;

use super::told_world;

/// The beginnings of the addresses, one for each kind of page.
const KINDS: [&str; 6] = [
    "?section=",
    "?run=",
    "?batch=",
    "?dataset=",
    "?version=",
    "?request=",
];
/// The most that a page may weigh as it is sent, in bytes.
const WEIGHT_MAX: usize = 60_000;
/// The most for a section of this world. Measured: 2,600 (*Performance*) to 7,700 (*Data*); 17,800 when all sections
/// were one page.
const SECTION_MAX: usize = 12_000;

/// Where the links of a page lead.
fn links(html: &str) -> impl Iterator<Item = &str> {
    let parts = html.split("href=\"").skip(1);
    parts.filter_map(|part| part.split('"').next())
}

/// All pages that are reached from the first one, each as the way to it and its text.
pub(super) async fn reached(world: &World, first: &str) -> Vec<(String, String)> {
    let mut known = BTreeSet::new();
    let mut open = vec![first.to_owned()];
    let mut all = Vec::new();
    while let Some(path) = open.pop() {
        let page = world.asked(Method::GET, &path, None, &[]).await;
        assert_eq!(page.status, 200, "{path}");
        for link in links(&page.text).map(|link| link.trim_start_matches("./")) {
            let is_page = KINDS.iter().any(|kind| link.starts_with(kind));
            if is_page && known.insert(link.to_owned()) {
                open.push(format!("/{link}"));
            }
        }
        all.push((path, page.text));
    }
    all
}

/// The first page of a kind.
pub(super) fn of_kind<'a>(all: &'a [(String, String)], kind: &str) -> &'a (String, String) {
    let found = all
        .iter()
        .find(|(path, _)| path.trim_start_matches('/').starts_with(kind));
    found.unwrap_or_else(|| panic!("no page {kind} is reached"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_has_a_page_and_the_pages_are_linked() {
    let world = told_world().await;
    let all = reached(&world, "/?in.bed=3&in.house_size=1800").await;
    for (kind, parts) in [
        ("?run=", &["?batch=", "?version=", "?dataset="][..]),
        ("?batch=", &["?run=", "?version="]),
        ("?dataset=", &["?batch=", "?version="]),
        ("?version=", &["?run=", "?dataset=", "?batch="]),
        ("?request=", &["?version=", "?dataset=", "class=\"figure\""]),
    ] {
        let of_kind = all
            .iter()
            .filter(|(path, _)| path.trim_start_matches('/').starts_with(kind));
        let is_linked = |html: &str| parts.iter().all(|part| html.contains(part));
        assert!(of_kind.clone().count() > 0, "no page {kind} is reached");
        assert!(
            of_kind.clone().any(|(_, html)| is_linked(html)),
            "{kind} leads nowhere"
        );
    }
    for (path, html) in &all {
        let to_data = links(html).filter(|link| {
            ["history/", "batches/", "runs/", "models/", "predictions/"]
                .iter()
                .any(|api| link.starts_with(api))
        });
        assert_eq!(to_data.collect::<Vec<_>>(), Vec::<&str>::new(), "{path}");
    }

    // Each is small as it is sent.
    let mut sections = 0;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, _) in &all {
        let url = format!("{}{path}", world.cloud().endpoints().http);
        let request = client.get(url).header("accept-encoding", "gzip");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-encoding"], "gzip", "{path}");
        let weight = answer.bytes().await.unwrap().len();
        println!("{path}: {weight} bytes");
        let is_section = path.contains("?section=") || path.contains("?in.");
        let most = if is_section { SECTION_MAX } else { WEIGHT_MAX };
        assert!(weight <= most, "{path}: {weight} bytes");
        sections += usize::from(is_section);
    }
    assert_eq!(sections, super::SECTIONS.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_not_found_and_said_so_in_html() {
    let world = World::new(|_| ()).await;
    let run = world.deliver(&Batch::new(1, 40)).await;
    let batch = run.recorded().batch.unwrap();
    let none = "0".repeat(64);
    for (path, status) in [
        (format!("/?run={}", run.id), 200),
        (format!("/?batch={batch}"), 200),
        (format!("/?batch={none}"), 404),
        (format!("/?dataset={none}"), 404),
        ("/?run=none".to_owned(), 404),
        ("/?run=a%20b".to_owned(), 404),
        ("/?version=7".to_owned(), 404),
        ("/?version=x".to_owned(), 404),
        ("/?request=mine".to_owned(), 404),
        ("/none".to_owned(), 404),
        ("/none/none".to_owned(), 404),
    ] {
        let html = [("accept", "text/html,*/*;q=0.8")];
        let page = world.asked(Method::GET, &path, None, &html).await;
        assert_eq!(page.status, status, "{path}");
        let kind = page.header("content-type");
        assert!(kind.starts_with("text/html"), "{path}: {kind}");
        let says_so = page.text.contains("There is no such page");
        assert_eq!(says_so, status == 404, "{path}");
    }
    let program = world.asked(Method::GET, "/none", None, &[]).await;
    assert_eq!(program.json()["status"], 404, "{program:?}");
}
