//! Whatever the source does, the run ends with a recorded outcome that says what happened.

use std::time::Duration;

use serde_json::json;
use tasador_flow::Language;
use tasador_ids::BatchId;
use tasador_listing::BatchReport;
use tasador_registry::OutcomeKind;
use tasador_runtime::Config;
use tasador_testing::listings::Batch;
use tasador_testing::source::{Answer, BAD_GROUP, EXHAUSTED, EXHAUSTED_UNACCENTED};
use tasador_testing::tools::repository;
use tests::invariants;
use tests::world::{Run, World};
use tokio::process::Command;

use crate::TASADOR;

/// How long a source may be silent where the test waits for the end of it.
const SILENCE: Duration = Duration::from_millis(300);

/// The source is asked four times for one run.
async fn asked_four_times(answer: Answer) -> (World, Run) {
    let world = World::new(|config| {
        if matches!(answer, Answer::Slow(..)) {
            config.fetch.read_timeout = SILENCE;
        }
    })
    .await;
    for _ in 0..4 {
        world.source.then(answer.clone());
    }
    let run = world.run(&json!({})).await;
    (world, run)
}

fn assert_source_unavailable(run: &Run) {
    assert_eq!(run.kind(), OutcomeKind::Failed);
    let error = run.recorded().error.as_ref().unwrap();
    assert_eq!(error.class, "SourceUnavailable", "{error:?}");
    assert_eq!(run.path().last(), Some(&"Failed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_answers_500() {
    let (world, run) = asked_four_times(Answer::Status(500, "{}")).await;
    assert_source_unavailable(&run);
    assert!(
        run.recorded().sentence.contains("500"),
        "{}",
        run.recorded().sentence
    );
    invariants::check(&world).await;
}

/// Once the source has begun to answer, its cursor has moved on: to ask again would bring the next
/// batch in the place of this one, and nobody would know. So it is asked once, and the loss is recorded.
async fn an_answer_is_lost(answer: Answer) {
    let mut world = World::new(|config| {
        if matches!(answer, Answer::Silent(..)) {
            config.fetch.read_timeout = SILENCE;
        }
    })
    .await;
    let following = Batch::new(2, 300).api_json();
    world
        .source
        .then(answer)
        .then(Answer::Json(following.clone()));
    let lost = world.run(&json!({})).await;
    assert_eq!(lost.kind(), OutcomeKind::Failed);
    let error = lost.recorded().error.as_ref().unwrap();
    assert_eq!(error.class, "AnswerLost", "{error:?}");
    assert_eq!(lost.path().last(), Some(&"Failed"));
    assert_eq!(
        world.source.asked(),
        1,
        "an answer that was lost is not asked for again"
    );
    let raw = world.context().lake.list("raw/").await.unwrap();
    assert!(raw.is_empty(), "half a body was stored as a batch");
    invariants::check(&world).await;

    let patient = Config::default().fetch.read_timeout;
    world
        .restart(|config| config.fetch.read_timeout = patient)
        .await;
    let next = world.run(&json!({})).await;
    assert_eq!(next.kind(), OutcomeKind::Promoted, "{}", next.reasons());
    assert_eq!(next.recorded().batch, Some(BatchId::of(&following)));
    assert_eq!(world.source.asked(), 2);
    let still_lost = world.context().registry.history_of(&lost.id).await.unwrap();
    assert_eq!(still_lost, lost.outcome);
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_breaks_off_in_mid_body() {
    an_answer_is_lost(Answer::Cut(Batch::new(1, 300).api_json())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_falls_silent_in_mid_body() {
    an_answer_is_lost(Answer::Silent(Batch::new(1, 300).api_json())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_too_slow() {
    let (world, run) = asked_four_times(Answer::Slow(Duration::from_secs(20), Vec::new())).await;
    assert_source_unavailable(&run);
    assert_eq!(world.source.asked(), 4);
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_not_there() {
    let (_socket, address) = tasador_testing::ports::refused();
    let world =
        World::new(|config| config.source = Some(format!("http://{address}/data").into())).await;
    let run = world.run(&json!({})).await;
    assert_source_unavailable(&run);
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_recovers() {
    let world = World::new(|_| ()).await;
    world.source.then(Answer::Status(503, "busy"));
    let run = world.deliver(&Batch::new(1, 300)).await;
    assert_eq!(run.kind(), OutcomeKind::Promoted, "{}", run.reasons());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exhausted_source_in_both_spellings() {
    for answer in [EXHAUSTED, EXHAUSTED_UNACCENTED] {
        let world = World::new(|_| ()).await;
        world.source.then(answer);
        let run = world.run(&json!({})).await;
        assert_eq!(run.kind(), OutcomeKind::NothingNew);
        assert_eq!(run.path().last(), Some(&"NothingNew"));
        assert_eq!(world.source.asked(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_group_says_what_to_change() {
    let world = World::new(|_| ()).await;
    world.source.then(BAD_GROUP);
    let run = world.run(&json!({})).await;
    assert_eq!(run.kind(), OutcomeKind::Failed);
    let error = run.recorded().error.as_ref().unwrap();
    assert_eq!(error.class, "InvalidInput");
    assert!(
        error.message.contains("TASADOR_SOURCE"),
        "{}",
        error.message
    );
    assert_eq!(world.source.asked(), 1, "what can't pass is not repeated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_no_listings() {
    for (body, note) in [
        (&b"<html>maintenance</html>"[..], "not JSON"),
        (
            b"{\"data\": [{\"price\": 1",
            "cut, though HTTP thinks it whole",
        ),
        (b"", "empty"),
        (b"{\"rows\": []}", "no data"),
        (b"[1, 2, 3]", "no objects"),
    ] {
        let world = World::new(|_| ()).await;
        world.source.then(Answer::Json(body.to_vec()));
        let run = world.run(&json!({})).await;
        let outcome = run.recorded();
        assert_eq!(outcome.kind, OutcomeKind::Failed, "{note}: {outcome:#?}");
        assert_eq!(
            outcome.error.as_ref().unwrap().class,
            "InvalidInput",
            "{note}"
        );
        invariants::check(&world).await;
    }
}

/// Skipped with this reason, and the invariants hold.
async fn skipped(batch: &Batch, code: &str) {
    let world = World::new(|_| ()).await;
    let run = world.deliver(batch).await;
    assert_eq!(
        run.kind(),
        OutcomeKind::Skipped,
        "{code}: {:#?}",
        run.recorded()
    );
    assert!(
        run.has_reason(code),
        "{code} is not among\n{}",
        run.reasons()
    );
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_batch_is_nothing_new() {
    let world = World::new(|_| ()).await;
    let run = world.deliver(&Batch::new(1, 0)).await;
    assert_eq!(run.kind(), OutcomeKind::NothingNew, "{}", run.reasons());
    assert!(run.has_reason("empty"), "{}", run.reasons());
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_nine_rows_are_skipped_and_fifty_are_not() {
    skipped(&Batch::new(1, 49), "too_few_rows").await;
    let world = World::new(|_| ()).await;
    let run = world.deliver(&Batch::new(1, 50)).await;
    assert!(!run.has_reason("too_few_rows"), "{}", run.reasons());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_prices_are_skipped() {
    skipped(
        &Batch::new(1, 300).set("price", json!(250_000.0)),
        "too_few_prices",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_without_prices_is_skipped() {
    skipped(&Batch::new(1, 300).without("price"), "schema_unusable").await;
    skipped(
        &Batch::new(1, 300).set("price", json!("on request")),
        "schema_unusable",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_column_is_kept_and_reported() {
    let world = World::new(|_| ()).await;
    let run = world
        .deliver(&Batch::new(1, 300).with("grade", |row, _| json!(row % 13)))
        .await;
    assert_eq!(run.kind(), OutcomeKind::Promoted, "{}", run.reasons());
    assert_eq!(run.recorded().columns_new, ["grade"]);
    let (status, model) = world.http(reqwest::Method::GET, "/model", None).await;
    assert_eq!(status, 200);
    let inputs = model["inputs"].as_array().unwrap();
    assert!(
        inputs.iter().any(|input| input["name"] == "grade"),
        "{model:#}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_that_is_gone_is_null_and_told_in_the_history_and_on_the_page() {
    let world = World::new(|_| ()).await;
    let batch = Batch::new(1, 300).without("house_size");
    let run = world
        .deliver(&batch.set("prev_sold_date", json!("unknown date")))
        .await;
    assert_eq!(run.kind(), OutcomeKind::Promoted, "{}", run.reasons());
    let outcome = run.recorded();
    assert_eq!(outcome.columns_gone, ["house_size"]);
    let codes: Vec<&str> = outcome.notices.iter().map(|notice| notice.code()).collect();
    assert_eq!(codes, ["columns_absent", "nothing_readable"]);
    let (status, history) = world.http(reqwest::Method::GET, "/history", None).await;
    assert_eq!(status, 200);
    let notice = &history["items"][0]["notices"][0]["sentence"];
    assert_eq!(
        notice, "The batch has no column “house_size”.",
        "{history:#}"
    );
    for (language, said) in [
        (Language::English, "has no column “house_size”"),
        (Language::Spanish, "le falta la columna «house_size»"),
    ] {
        let account = language.account(outcome);
        assert!(account.notices[0].contains(said), "{account:?}");
        assert!(account.notices[1].contains("300"), "{account:?}");
    }
    let batch = outcome.batch.unwrap();
    for (query, said) in [
        ("", "The batch has no column “house_size”."),
        ("&lang=es", "Al lote le falta la columna «house_size»."),
    ] {
        let address = format!("/?batch={batch}{query}");
        let page = world.asked(reqwest::Method::GET, &address, None, &[]).await;
        assert!(page.text.contains(said), "{address}: {}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_column_never_becomes_the_price_silently() {
    let world = World::new(|_| ()).await;
    // The asking price is named otherwise, and the sale price is a tenth lower.
    let batch = |seed, with_list: bool, with_sold: bool| {
        let price = |row: &serde_json::Map<String, serde_json::Value>, share: f64| {
            json!((row["price"].as_f64().unwrap() * share).round())
        };
        let mut batch = Batch::new(seed, 300);
        if with_list {
            batch = batch.with("list_price", |_, row| price(row, 1.0));
        }
        if with_sold {
            batch = batch.with("sold_price", |_, row| price(row, 0.9));
        }
        batch.without("price")
    };
    let pinned = |run: &Run| {
        let batch = run.recorded().batch.unwrap().to_string();
        let lake = world.context().lake.clone();
        async move {
            let profiles = lake.list("profiles/").await.unwrap();
            let is_it = |key: &str| key.contains(&batch) && key.ends_with(".json");
            let object = profiles.iter().find(|object| is_it(object.key.as_str()));
            let report: BatchReport = lake.get_json(&object.unwrap().key).await.unwrap();
            let rules = &report.quality.pinned["price"];
            let names = rules.iter().map(|rule| rule.names[0].clone());
            names.collect::<Vec<String>>()
        }
    };
    let first = world.deliver(&batch(1, true, false)).await;
    assert_eq!(first.kind(), OutcomeKind::Promoted, "{}", first.reasons());
    assert_eq!(pinned(&first).await, ["list_price"]);
    let both = world.deliver(&batch(2, true, true)).await;
    assert!(both.recorded().usable, "{}", both.reasons());
    assert_eq!(pinned(&both).await, ["list_price"]);
    let said = &both.recorded().recognised;
    assert!(
        said.iter()
            .any(|said| said == "Column `list_price` is read as `price`."),
        "{said:#?}"
    );
    let sold = world.deliver(&batch(3, false, true)).await;
    assert_eq!(sold.kind(), OutcomeKind::Quarantined, "{}", sold.reasons());
    assert!(
        sold.has_reason("source_column_changed"),
        "{}",
        sold.reasons()
    );
    let sentence = &sold.recorded().sentence;
    for name in ["list_price", "sold_price"] {
        assert!(sentence.contains(name), "{sentence}");
    }
    let spanish = Language::Spanish.outcome(sold.recorded());
    assert!(spanish.contains("«sold_price»"), "{spanish}");
    // What is held is not kept to.
    let fourth = world.deliver(&batch(4, true, true)).await;
    assert_eq!(pinned(&fourth).await, ["list_price"]);
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kind_of_a_new_column_is_remembered_across_batches() {
    let world = World::new(|_| ()).await;
    // Of ten rows, so many have another text.
    let batch = |seed, odd: usize| {
        Batch::new(seed, 300).with("walk_score", move |row, _| {
            if row % 10 < odd {
                json!("1133 - 1384")
            } else {
                json!(row % 40)
            }
        })
    };
    let notice = |run: &Run, part: &str| {
        let notices = &run.recorded().recognised;
        let found = notices.iter().any(|notice| notice.contains(part));
        assert!(found, "{part}: {notices:#?}");
    };
    let first = world.deliver(&batch(1, 0)).await;
    assert_eq!(first.kind(), OutcomeKind::Promoted, "{}", first.reasons());
    let second = world.deliver(&batch(2, 3)).await;
    notice(
        &second,
        "Column `walk_score` has numbers as before; 90 of 300",
    );
    assert!(second.recorded().usable, "{}", second.reasons());
    let changed = world.deliver(&batch(3, 10)).await;
    notice(&changed, "has text in this batch, and had numbers before");
    assert!(changed.has_reason("kind_changed"), "{}", changed.reasons());
    // What is held is not remembered.
    let fourth = world.deliver(&batch(4, 4)).await;
    notice(&fourth, "Column `walk_score` has numbers as before");
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_main_column_of_another_type_is_counted_and_holds_the_batch() {
    let world = World::new(|_| ()).await;
    let run = world
        .deliver(&Batch::new(1, 300).set("acre_lot", json!("large")))
        .await;
    assert_eq!(run.kind(), OutcomeKind::Quarantined, "{}", run.reasons());
    let sentence = &run.recorded().sentence;
    assert!(
        sentence.contains("acre_lot") && sentence.contains("100%"),
        "{sentence}"
    );
    let lake = &world.context().lake;
    let reports = lake.list("profiles/").await.unwrap();
    let report: BatchReport = lake.get_json(&reports[0].key).await.unwrap();
    let columns = &report.quality.columns;
    let raw = columns.iter().find(|column| column.name == "acre_lot");
    assert_eq!(raw.unwrap().bad, 300, "{columns:#?}");
    let clean = report.profile.column("acre_lot").unwrap();
    assert_eq!(
        (clean.values, clean.nulls),
        (0, report.profile.rows),
        "{clean:#?}"
    );
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_batch_twice_is_processed_once() {
    let world = World::new(|_| ()).await;
    let batch = Batch::new(1, 300);
    let first = world.deliver(&batch).await;
    assert_eq!(first.kind(), OutcomeKind::Promoted, "{}", first.reasons());
    let second = world.deliver(&batch).await;
    assert_eq!(second.kind(), OutcomeKind::Skipped, "{}", second.reasons());
    assert!(
        second.has_reason("already_processed"),
        "{}",
        second.reasons()
    );
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_that_names_an_unknown_batch_fails_with_a_sentence() {
    let world = World::new(|_| ()).await;
    for (input, word) in [
        (json!({"batch": "ab".repeat(32)}), "abab"),
        (json!({"batch": "../secret"}), "batch"),
        (json!({"batch": 7}), "batch"),
    ] {
        let run = world.run(&input).await;
        assert_eq!(run.kind(), OutcomeKind::Failed);
        let error = run.recorded().error.as_ref().unwrap();
        assert_eq!(error.class, "InvalidInput", "{error:?}");
        assert!(error.message.contains(word), "{error:?}");
    }
    assert_eq!(world.source.asked(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_no_source_where_the_environment_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let listings = repository().join("events/listings.csv");
    let output = Command::new(TASADOR)
        .args(["run", "--source"])
        .arg(listings)
        .arg("--data-dir")
        .arg(folder.path())
        .env("TASADOR_SOURCE_FILES", "false")
        .output()
        .await
        .unwrap();
    assert!(!output.status.success(), "{output:?}");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("TASADOR_SOURCE_FILES"), "{said}");
}
