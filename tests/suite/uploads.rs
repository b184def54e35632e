//! Files that people upload on the page: checked, shown, and learned from when they say so. No script is needed.

use reqwest::Method;
use tasador_access::Scope;
use tasador_check::UPLOAD_MAX_BYTES;
use tasador_ids::{Digest, key};
use tasador_registry::OutcomeKind;
use tasador_runtime::Config;
use tasador_testing::listings::Batch;
use tests::world::{Answered, World};

/// A form with a file, as browsers send it.
pub(crate) fn form(name: &str, bytes: &[u8]) -> (&'static str, Vec<u8>) {
    let head = format!(
        "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
    );
    let form = [head.as_bytes(), bytes, b"\r\n--b--\r\n"].concat();
    ("multipart/form-data; boundary=b", form)
}

async fn post(world: &World, path: &str, body: (&str, Vec<u8>)) -> Answered {
    world.sent(Method::POST, path, Some(body), &[]).await
}

/// Uploads a file, and gives the address to which the answer leads.
async fn uploaded(world: &World, name: &str, bytes: &[u8]) -> String {
    let answer = post(world, "/page/checks", form(name, bytes)).await;
    assert_eq!(answer.status, 303, "{name}: {answer:?}");
    let to = answer.header("location");
    to.strip_prefix("..").unwrap().to_owned()
}

async fn page(world: &World, path: &str, language: &str) -> String {
    let headers = [("accept-language", language)];
    let page = world.asked(Method::GET, path, None, &headers).await;
    assert_eq!(page.status, 200, "{path}");
    page.text
}

fn mapping(text: &str) -> (&'static str, Vec<u8>) {
    let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let form = format!("schema={encoded}");
    ("application/x-www-form-urlencoded", form.into_bytes())
}

fn quick(config: &mut Config) {
    config.candidates = vec![tasador_ids::Algorithm::Boosting];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_shown_mapped_and_learned_from() {
    let world = World::new(quick).await;
    let csv = String::from_utf8(Batch::new(1, 300).csv()).unwrap();
    let (header, rows) = csv.split_once('\n').unwrap();
    let names: Vec<&str> = header.split(',').collect();
    let header = names.map_price("worth").join(";");
    let rows = rows.replace(',', ";");
    let file = format!("{header}\n{rows}{}x\n", ";".repeat(names.len() + 2));
    let digest = Digest::of(file.as_bytes());
    let shown = uploaded(&world, "mayo ñ.csv", file.as_bytes()).await;
    assert_eq!(shown, format!("/?check={digest}"));

    // The price is not recognised: nothing can be learned before somebody names it.
    let text = page(&world, &shown, "en").await;
    for part in [
        "mayo ñ.csv",
        "301 = 0 usable + 301 rejected",
        "UTF-8",
        "<dd>semicolon</dd>",
        "Models cannot learn from this file as it is.",
        "The row has more fields than the header. (lines 302)",
        "[columns.worth]",
        "Check again with this mapping",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains("Learn from this file"));
    let spanish = page(&world, &shown, "es").await;
    for part in [
        "Codificación",
        "Con valor",
        "La fila tiene más campos",
        "Revisar otra vez",
    ] {
        assert!(spanish.contains(part), "{part} is missing in {spanish}");
    }
    let broken = post(
        &world,
        &format!("/page/checks/{digest}"),
        mapping("prise = 1"),
    )
    .await;
    assert_eq!(broken.status, 303);
    let text = page(&world, &shown, "en").await;
    assert!(
        text.contains("this mapping cannot be used") && text.contains("prise = 1"),
        "{text}"
    );

    let toml = "version = 1\n[columns.price]\nnames = [\"worth\"]\n";
    let again = post(&world, &format!("/page/checks/{digest}"), mapping(toml)).await;
    assert_eq!(again.header("location"), format!("../../?check={digest}"));
    let text = page(&world, &shown, "en").await;
    for part in [
        "301 = 300 usable + 1 rejected",
        "Learn from this file",
        toml.lines().nth(2).unwrap().split('=').next().unwrap(),
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let lake = &world.context().lake;
    assert!(lake.get(&key::listing_schema()).await.is_err());

    let learn = format!("/page/checks/{digest}/learn");
    let started = post(&world, &learn, mapping(toml)).await;
    assert_eq!(
        (started.status, started.header("location")),
        (303, "../../../?section=history")
    );
    world.cloud().executions().idle().await;
    let kept = lake.get(&key::listing_schema()).await.unwrap();
    assert_eq!(kept, toml.as_bytes());
    let history = world.context().registry.usable_batches().await.unwrap();
    assert_eq!(history.len(), 1);
    let outcome = world.context().registry.history_of_batch(&history[0].batch);
    let outcome = outcome.await.unwrap().unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Promoted);
    assert_eq!(outcome.batch_name().as_deref(), Some("mayo ñ.csv"));

    // The next file is read by that schema, and compared with the model.
    let cheap = Batch::new(2, 100).scale("price", 0.001).csv();
    let cheap = String::from_utf8(cheap).unwrap();
    let cheap = cheap.replacen(
        names.join(",").as_str(),
        &names.map_price("worth").join(","),
        1,
    );
    let shown = uploaded(&world, "june.csv", cheap.as_bytes()).await;
    let text = page(&world, &shown, "en").await;
    for part in [
        "Read by the schema at",
        "tasador.toml in the bucket",
        "this batch would be held until you decide",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains("name=\"schema\""), "{text}");
    let spanish = page(&world, &shown, "es").await;
    assert!(spanish.contains("se retendría hasta que usted decida"));
    let usual = String::from_utf8(Batch::new(3, 100).csv()).unwrap();
    let usual = usual.replacen("price", "worth", 1);
    let shown = uploaded(&world, "july.csv", usual.as_bytes()).await;
    let text = page(&world, &shown, "en").await;
    assert!(text.contains("Drift (PSI)"), "{text}");
}

trait MapPrice {
    fn map_price(&self, name: &str) -> Vec<String>;
}

impl MapPrice for Vec<&str> {
    /// The names with another one for the price.
    fn map_price(&self, name: &str) -> Vec<String> {
        let names = self.iter();
        let other = names.map(|own| if *own == "price" { name } else { own });
        other.map(str::to_owned).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_said_in_plain_words() {
    let world = World::new(quick).await;
    let large = vec![b'1'; UPLOAD_MAX_BYTES + 1];
    for (name, bytes, to, said) in [
        ("may.csv", &b""[..], "/?check=new", "At most 4 MB."),
        (
            "may.csv",
            &large,
            "/?check=too-large",
            "The file is too large.",
        ),
        ("may.parquet", b"no", "", "parquet file is damaged"),
        ("may.docx", b"price\n1\n", "", "its name; name it .csv"),
        ("may.csv", b"%PDF-1.7\n", "", "not a table"),
    ] {
        let shown = uploaded(&world, name, bytes).await;
        assert!(to.is_empty() || shown == to, "{name}: {shown}");
        let text = page(&world, &shown, "en").await;
        assert!(text.contains(said), "{name}: {said} is missing in {text}");
        assert!(!text.contains("Learn from this file"), "{name}");
    }
    let json = ("application/json", b"{}".to_vec());
    assert_eq!(post(&world, "/page/checks", json).await.status, 415);
    let unknown = Digest::of(b"unknown");
    for path in [
        format!("/page/checks/{unknown}"),
        format!("/page/checks/{unknown}/learn"),
        "/page/checks/x".to_owned(),
        "/page/checks/x/learn".to_owned(),
    ] {
        let answer = post(&world, &path, mapping("version = 1")).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    for path in [format!("/?check={unknown}"), "/?check=x".to_owned()] {
        let answer = world.asked(Method::GET, &path, None, &[]).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_admin_uploads_and_learns() {
    let world = World::guarded(|_| ()).await;
    let csv = b"price,bed\n100000,3\n";
    let digest = Digest::of(csv);
    let learn = format!("/page/checks/{digest}/learn");
    for (scopes, expected, status) in [
        (&[Scope::Predict][..], 403, 403),
        (&[Scope::Read], 403, 404),
        (&[Scope::Admin], 303, 200),
    ] {
        let cookie = format!("token={}", world.token(scopes).await);
        let headers = [("cookie", cookie.as_str())];
        let upload = Some(form("may.csv", csv));
        let answer = world.sent(Method::POST, "/page/checks", upload, &headers);
        assert_eq!(answer.await.status, expected, "{scopes:?}");
        let check = format!("/?check={digest}");
        let shown = world.asked(Method::GET, &check, None, &headers).await;
        assert_eq!(shown.status, status, "{scopes:?}");
        let new = world
            .asked(Method::GET, "/?check=new", None, &headers)
            .await;
        let has_form = new.text.contains("action=\"page/checks\"");
        assert_eq!(has_form, expected == 303, "{scopes:?}");
        let started = world.sent(Method::POST, &learn, Some(mapping("version = 1")), &headers);
        assert_eq!(started.await.status, expected, "{scopes:?}");
        let foreign = [headers[0], ("origin", "https://evil.example")];
        let foreign = world.sent(
            Method::POST,
            "/page/checks",
            Some(form("a.csv", csv)),
            &foreign,
        );
        assert_eq!(foreign.await.status, 403, "{scopes:?}");
        world.cloud().executions().idle().await;
    }
    let stranger = world.sent(Method::POST, "/page/checks", Some(form("a.csv", csv)), &[]);
    assert_eq!(stranger.await.status, 401);
}
