//! Batches that the gate holds, what a person decides about them, and what is withdrawn.

use std::collections::HashSet;
use std::path::Path;
use std::process::Output;

use local::cloud::{Cloud, Options};
use local::folder::Folder;
use reqwest::Method;
use serde_json::{Value, json};
use tasador_dataset::read_batch;
use tasador_flow::gate::Decision;
use tasador_ids::{BatchId, Digest, Format, ModelVersion, Units};
use tasador_listing::schema_file::SchemaFile;
use tasador_listing::{BatchReport, Profile};
use tasador_registry::{BatchAction, BatchChange, Outcome, OutcomeKind, Reason};
use tasador_rules::{self as rules, Champion, Facts, Serving};
use tasador_runtime::Config;
use tasador_testing::listings::Batch;
use tasador_testing::source::{Answer, Source};
use tests::invariants;
use tests::stories::train_on_anything;
use tests::world::{Run, World};
use tokio::process::Command;

use crate::TASADOR;

/// What preprocess makes of listings.
fn report(listings: &[Value]) -> BatchReport {
    let lines: Vec<String> = listings.iter().map(Value::to_string).collect();
    let schema = SchemaFile::default();
    let raw = tasador_reader::read(lines.join("\n").into(), Format::Ndjson, &schema).unwrap();
    let cleaned = tasador_reader::draft(raw, &schema)
        .unwrap()
        .finish(|_| false)
        .unwrap();
    BatchReport {
        format: BatchReport::FORMAT,
        clean_sha256: Digest::of(b"clean"),
        rejected_sha256: Digest::of(b"rejected"),
        quality: cleaned.quality,
        profile: cleaned.profile,
    }
}

/// The decision about a batch where the champion learned from these rows and uses all of their columns.
fn decision(learned: &Profile, batch: &BatchReport) -> rules::Judgement {
    let inputs = learned.columns.iter().map(|column| column.name.clone());
    let champion = Champion::Serving(Box::new(Serving {
        version: ModelVersion(1),
        inputs: inputs.collect(),
        important: Vec::new(),
        learnt_rows: Some(learned.rows),
        reference: Some(learned.clone()),
        error: None,
        served: None,
    }));
    let facts = Facts {
        report: batch,
        dataset_rows: learned.rows + batch.profile.rows,
        champion: &champion,
        released: false,
        stale: rules::Stale::default(),
        units: Units::default(),
    };
    let limits = Config::default().gate;
    match rules::examine(batch, false, &limits) {
        Ok(examined) => rules::judge(examined, &facts, &limits),
        Err(refusal) => refusal,
    }
}

/// Every batch against every champion that learned from the batches up to some point, before or after it:
/// a price level that falls is as ordinary as one that rises.
fn never_held(batches: &[Vec<Value>]) {
    let reports: Vec<BatchReport> = batches.iter().map(|batch| report(batch)).collect();
    let mut learned: Vec<Value> = Vec::new();
    for batch in batches {
        learned.extend(batch.iter().cloned());
        let reference = report(&learned).profile;
        for (number, report) in reports.iter().enumerate() {
            let decision = decision(&reference, report);
            assert_ne!(
                decision.decision,
                Decision::Hold,
                "batch {number} against {} rows: {:#?}",
                reference.rows,
                decision.reasons
            );
        }
    }
}

#[test]
fn no_month_of_real_sales_is_held() {
    let sales = local::demo::sales::read().unwrap();
    let months: Vec<Vec<Value>> = sales.months.into_iter().map(|it| it.listings).collect();
    assert_eq!(months.len(), 13);
    never_held(&months);
}

/// Batches of real listings of several states, one region after the other, in the order of the source.
#[test]
fn no_batch_of_real_listings_is_held() {
    let Some(file) = crate::real_listings::file() else {
        tasador_testing::tools::skipped(
            "the real listings are not here; TASADOR_TEST_LISTINGS names a CSV of Realtor listings",
        );
        return;
    };
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<Value> = lines
        .map(|line| {
            let cells = names.iter().zip(line.split(','));
            let cells = cells.filter(|(_, cell)| !cell.is_empty());
            Value::Object(
                cells
                    .map(|(name, cell)| ((*name).to_owned(), json!(cell)))
                    .collect(),
            )
        })
        .collect();
    let batches: Vec<Vec<Value>> = rows.chunks(2_000).map(<[Value]>::to_vec).collect();
    never_held(&batches);
}

/// A batch whose run ended in quarantine.
async fn held(world: &World, batch: &Batch) -> Run {
    let run = world.deliver(batch).await;
    assert_eq!(run.kind(), OutcomeKind::Quarantined, "{}", run.reasons());
    let outcome = run.recorded();
    assert!(!outcome.usable && outcome.settled && outcome.dataset.is_none());
    assert_eq!(run.path().last(), Some(&"Done"), "{:?}", run.path());
    invariants::check(world).await;
    run
}

/// A world with a champion that learned from 4,000 listings.
async fn with_champion(change: impl FnOnce(&mut Config)) -> World {
    let world = World::new(change).await;
    let first = world.deliver(&Batch::new(1, 4_000)).await;
    assert_eq!(first.kind(), OutcomeKind::Promoted, "{}", first.reasons());
    world
}

/// Takes a decision over HTTP and waits for the run that acts on it.
async fn decide(world: &World, run: &Run, action: &str) -> Value {
    let batch = run.recorded().batch.unwrap();
    let path = format!("/batches/{batch}/{action}");
    let body = json!({"reason": "looked at\u{7}"});
    let (status, answer) = world.http(Method::POST, &path, Some(&body)).await;
    assert_eq!(status, 200, "{action}: {answer}");
    world.cloud().executions().idle().await;
    answer
}

/// The outcome of the run that a decision started.
async fn acted(world: &World, decided: &Value) -> Outcome {
    let run = decided["run"].as_str().unwrap().parse().unwrap();
    let outcome = world.context().registry.history_of(&run).await.unwrap();
    outcome.unwrap()
}

/// The batches that the champion learned from.
async fn learned_from(world: &World) -> Vec<BatchId> {
    let context = world.context();
    let model = &context.config.model;
    let champion = context.registry.champion(model).await.unwrap().unwrap();
    let version = context.registry.version(model, champion.version).await;
    let version = version.unwrap().unwrap();
    let lineage = tasador_evidence::lineage(&context.lake, &context.registry, &version);
    let lineage = lineage.await.unwrap();
    lineage.batches.iter().map(|batch| batch.batch).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prices_in_thousands_are_held_and_the_next_good_rows_are_judged_as_ever() {
    let world = with_champion(|_| ()).await;
    let run = held(&world, &Batch::new(2, 600).scale("price", 0.001)).await;
    let [
        Reason::ScaleOff {
            column, suspected, ..
        },
        ..,
    ] = run.recorded().reasons.as_slice()
    else {
        panic!("{}", run.reasons())
    };
    assert_eq!(
        (column.as_str(), suspected.map(|unit| unit.value())),
        ("price", Some(1_000.0))
    );
    let sentence = &run.recorded().sentence;
    assert!(
        sentence.contains("quarantine")
            && sentence.contains("1,000")
            && !sentence.contains("rents"),
        "{sentence}"
    );
    let next = world.deliver(&Batch::new(3, 6_000)).await;
    assert_ne!(next.kind(), OutcomeKind::Failed);
    assert!(next.recorded().usable, "{}", next.reasons());
    if let Some(change) = next.recorded().mae_change() {
        assert!(change < 0.05, "{change}: {}", next.reasons());
    }
    let held = run.recorded().batch.unwrap();
    assert!(!learned_from(&world).await.contains(&held));
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_units_and_populations_and_lost_columns_are_held() {
    let world = with_champion(|_| ()).await;
    let rents = Batch::new(3, 600).with("price", |row, listing| {
        let price = listing["price"].as_f64().unwrap_or(300_000.0);
        json!(if row % 10 == 0 {
            (price / 250.0).round()
        } else {
            price
        })
    });
    for (batch, code, column) in [
        (
            Batch::new(2, 600).scale("acre_lot", 43_560.0),
            "scale_off",
            "acre_lot",
        ),
        (rents, "other_population", "price"),
        (
            Batch::new(4, 600).scale("house_size", 0.0929),
            "scale_off",
            "house_size",
        ),
        (
            Batch::new(5, 600).without("house_size"),
            "column_lost",
            "house_size",
        ),
        (
            Batch::new(6, 600).set("zip_code", json!("n/k")),
            "column_unreadable",
            "zip_code",
        ),
        // Too few to train on; rows of such a batch would be learned from later.
        (
            Batch::new(7, 30).scale("price", 1_000.0),
            "scale_off",
            "price",
        ),
    ] {
        let run = held(&world, &batch).await;
        let reasons = serde_json::to_value(&run.recorded().reasons).unwrap();
        let reasons = reasons.as_array().unwrap();
        assert!(
            reasons
                .iter()
                .any(|reason| reason["code"] == code && reason["column"] == column),
            "{code} of {column}: {}",
            run.reasons()
        );
        assert!(run.reasons().contains(column), "{}", run.reasons());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrected_copy_of_a_held_batch_is_no_duplicate() {
    let world = with_champion(|_| ()).await;
    // Nine rows in ten are sound, and the same in both.
    let sound = Batch::new(3, 600);
    let rents = sound.clone().with("price", |row, listing| {
        let price = listing["price"].clone();
        if row % 10 == 0 { json!(1_500) } else { price }
    });
    held(&world, &rents).await;
    let corrected = world.deliver(&sound).await;
    let rows = corrected.recorded().rows.unwrap();
    assert_eq!(
        (rows.clean + rows.rejected, rows.duplicates),
        (600, 0),
        "{rows:?}"
    );
    assert!(corrected.recorded().usable, "{}", corrected.reasons());
    // The same bytes again change nothing.
    let again = world.deliver(&rents).await;
    assert!(again.has_reason("already_processed"), "{}", again.reasons());
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_released_batch_is_judged_as_if_it_were_sound() {
    let world = with_champion(train_on_anything).await;
    let run = held(&world, &Batch::new(2, 600).scale("price", 5.0)).await;
    let batch = run.recorded().batch.unwrap();
    // Naming it is no release.
    let named = world.run(&json!({"batch": batch})).await;
    assert_eq!(
        named.kind(),
        OutcomeKind::Quarantined,
        "{}",
        named.reasons()
    );
    invariants::check(&world).await;

    let decided = decide(&world, &run, "release").await;
    assert_eq!(
        (&decided["by"], &decided["seq"]),
        (&json!("local"), &json!(1))
    );
    assert_eq!(decided["reason"], r"looked at\u{7}");
    let outcome = acted(&world, &decided).await;
    assert!(
        matches!(outcome.kind, OutcomeKind::Promoted | OutcomeKind::Rejected),
        "{outcome:#?}"
    );
    assert!(outcome.usable && outcome.settled && outcome.batch == Some(batch));
    invariants::check(&world).await;
    // Repeated, it starts nothing.
    let again = decide(&world, &run, "release").await;
    assert_eq!(
        (&again["at"], &again["run"]),
        (&decided["at"], &Value::Null)
    );

    let (status, answer) = world
        .http(Method::GET, &format!("/batches/{batch}"), None)
        .await;
    assert_eq!(status, 200);
    assert_eq!(answer["events"].as_array().unwrap().len(), 1, "{answer:#}");
    assert_eq!(answer["usable"], true);
    let (status, _) = world
        .http(Method::POST, &format!("/batches/{batch}/discard"), None)
        .await;
    assert_eq!(status, 409);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discarded_batch_stays_out_until_it_is_released() {
    let world = with_champion(|_| ()).await;
    let run = held(&world, &Batch::new(2, 600).scale("price", 0.001)).await;
    let batch = run.recorded().batch.unwrap();
    let decided = decide(&world, &run, "discard").await;
    assert_eq!(decided["run"], Value::Null);
    invariants::check(&world).await;
    let entry = world
        .context()
        .registry
        .history_of(&run.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(entry.kind, OutcomeKind::Quarantined);
    assert_eq!(entry.decided.unwrap().action, BatchAction::Discard);
    // A run that names it is told, and changes nothing.
    let named = world.run(&json!({"batch": batch})).await;
    assert_eq!(named.kind(), OutcomeKind::Skipped);
    assert!(named.has_reason("withdrawn"), "{}", named.reasons());
    assert!(!named.recorded().settled);
    invariants::check(&world).await;
    let released = decide(&world, &run, "release").await;
    assert_eq!(acted(&world, &released).await.batch, Some(batch));
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_batch_is_unlearned_and_the_lineage_tells() {
    let world = with_champion(train_on_anything).await;
    let learned = world
        .deliver(&Batch::new(2, 4_000).scale("house_size", 1.5))
        .await;
    let second = learned.recorded().batch.unwrap();
    let promoted = learned_from(&world).await.contains(&second);
    // Whether or not a model that learned from it is in production, it can be withdrawn.
    let decided = decide(&world, &learned, "withdraw").await;
    let outcome = acted(&world, &decided).await;
    if promoted {
        assert_eq!(outcome.kind, OutcomeKind::Promoted, "{outcome:#?}");
        assert!(
            outcome
                .reasons
                .iter()
                .any(|reason| reason.code() == "learned_from_withdrawn")
        );
        assert!(
            outcome
                .sentence
                .ends_with("learned from 1 batch, withdrawn since."),
            "{}",
            outcome.sentence
        );
    }
    assert!(!learned_from(&world).await.contains(&second));
    invariants::check(&world).await;

    // The version that learned from it is marked wherever it is shown.
    let version = learned.recorded().challenger.as_ref().unwrap().version;
    let model = &world.context().config.model;
    let path = format!("/models/{model}/versions/{version}/lineage");
    let (status, lineage) = world.http(Method::GET, &path, None).await;
    assert_eq!(status, 200);
    let marked = lineage["batches"].as_array().unwrap().iter();
    let marked: Vec<_> = marked
        .filter(|batch| batch["withdrawn"].is_object())
        .collect();
    assert_eq!(marked.len(), 1, "{lineage:#}");
    assert_eq!(marked[0]["batch"], json!(second));
    let page = world
        .asked(Method::GET, &format!("/?version={version}"), None, &[])
        .await;
    assert!(page.text.contains("Learned from withdrawn data"));
    let page = world
        .asked(Method::GET, "/?section=history", None, &[])
        .await;
    assert!(page.text.contains("Withdrawn by"));

    // Its rows may arrive again: in other bytes, they are no duplicates.
    let again = Batch::new(2, 4_000)
        .scale("house_size", 1.5)
        .and(Batch::new(9, 1));
    let again = world.deliver(&again).await;
    assert_eq!(
        again.recorded().rows.unwrap().duplicates,
        0,
        "{}",
        again.reasons()
    );
    invariants::check(&world).await;
}

/// The champion learned from what was withdrawn; the next run replaces it even if its own batch is too
/// small to train on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_run_replaces_a_champion_that_learned_from_withdrawn_data() {
    let world = World::new(train_on_anything).await;
    let first = world.deliver(&Batch::new(1, 600)).await;
    assert_eq!(first.kind(), OutcomeKind::Promoted, "{}", first.reasons());
    world.deliver(&Batch::new(2, 600)).await;
    let context = world.context();
    // Recorded as it would be where no run can be started.
    let change = BatchChange {
        batch: first.recorded().batch.unwrap(),
        action: BatchAction::Withdraw,
        by: "test".to_owned(),
        reason: None,
        at: context.now(),
    };
    let (lake, registry) = (&context.lake, &context.registry);
    registry.decide_batch(&change).await.unwrap();
    let kept = tasador_archive::keep_decisions(lake, registry, &change.batch);
    kept.await.unwrap();
    invariants::check(&world).await;
    let next = world.deliver(&Batch::new(3, 40)).await;
    assert_eq!(next.kind(), OutcomeKind::Promoted, "{}", next.reasons());
    assert!(
        next.has_reason("learned_from_withdrawn"),
        "{}",
        next.reasons()
    );
    assert_eq!(learned_from(&world).await.len(), 2);
    let after = world.deliver(&Batch::new(4, 40)).await;
    assert_eq!(after.kind(), OutcomeKind::Skipped, "{}", after.reasons());
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_property_is_left_out_of_every_later_dataset() {
    let world = World::new(train_on_anything).await;
    let first = world.deliver(&Batch::new(1, 300)).await;
    assert_eq!(first.kind(), OutcomeKind::Promoted, "{}", first.reasons());
    let context = world.context();
    let clean = first.recorded().clean.clone().unwrap();
    let bytes = context.lake.get(&clean.key).await.unwrap();
    let batch = tokio::task::spawn_blocking(move || read_batch(bytes)).await;
    let property = batch.unwrap().unwrap().properties[7];

    let withdraw = format!("/properties/{property}/withdraw");
    let (status, decided) = world.http(Method::POST, &withdraw, Some(&json!({}))).await;
    assert_eq!(status, 200, "{decided}");
    world.cloud().executions().idle().await;
    let outcome = acted(&world, &decided).await;
    assert_eq!(outcome.kind, OutcomeKind::Promoted, "{outcome:#?}");
    let dataset = outcome.dataset.unwrap();
    let key = tasador_ids::key::dataset(&dataset);
    let frame = tasador_dataset::load(&context.lake, dataset, &key, None)
        .await
        .unwrap();
    assert_eq!(frame.rows() as u64, clean.rows - 1);
    // The version before is marked; the one that replaced it was trained without the property.
    let model = &context.config.model;
    for (version, withdrawn) in [(1, json!(1)), (2, Value::Null)] {
        let path = format!("/models/{model}/versions/{version}/lineage");
        let (status, lineage) = world.http(Method::GET, &path, None).await;
        assert_eq!(status, 200, "{lineage}");
        assert_eq!(lineage["properties_withdrawn"], withdrawn, "{lineage:#}");
        let page = format!("/?version={version}");
        let page = world.asked(Method::GET, &page, None, &[]).await;
        let warning = "Properties withdrawn since this version was trained";
        assert_eq!(page.text.contains(warning), withdrawn.is_number());
    }
    let after = world.deliver(&Batch::new(4, 40)).await;
    assert_eq!(after.kind(), OutcomeKind::Skipped, "{}", after.reasons());
    let (status, _) = world
        .http(Method::POST, "/properties/none/withdraw", None)
        .await;
    assert_eq!(status, 404);
    // One that no batch has is recorded, and no reason to train.
    let unknown = format!("/properties/{:032x}/withdraw", 7);
    let (_, decided) = world.http(Method::POST, &unknown, None).await;
    world.cloud().executions().idle().await;
    assert!(!acted(&world, &decided).await.promoted);
    invariants::check(&world).await;
}

/// Nine rows without a price that can be used: told by reason, and downloaded as they came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_rows_are_told_by_reason_and_can_be_downloaded() {
    let world = World::new(|_| ()).await;
    let batch = Batch::new(1, 300).with("price", |row, listing| match row {
        0..6 => json!(-5),
        6..9 => json!("ask"),
        _ => listing["price"].clone(),
    });
    let run = world.deliver(&batch).await;
    let path = format!("/history/{}", run.id);
    let (status, entry) = world.http(Method::GET, &path, None).await;
    assert_eq!(status, 200, "{entry}");
    assert_eq!(
        entry["rejected_for"],
        json!({"price_not_positive": 6, "price_unreadable": 3})
    );
    let day = |end: &str| entry["period"][end].as_str().unwrap().to_owned();
    assert!(day("first") < day("last"), "{entry:#}");
    assert!(entry["received_at"].is_string(), "{entry:#}");

    let batch = run.recorded().batch.unwrap();
    for prefix in ["", "/page"] {
        let path = format!("{prefix}/batches/{batch}/rejected");
        let answer = world.asked(Method::GET, &path, None, &[]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(
            answer
                .header("content-disposition")
                .contains("filename=\"rejected-")
        );
        assert!(answer.header("content-type").starts_with("text/csv"));
        let lines: Vec<&str> = answer.text.lines().collect();
        assert!(
            lines.len() == 10 && lines[0].ends_with("reason,detail"),
            "{}",
            answer.text
        );
        for (part, rows) in [
            ("price_not_positive", 6),
            ("price_unreadable", 3),
            (",ask,", 3),
        ] {
            let found = lines.iter().filter(|line| line.contains(part)).count();
            assert_eq!(found, rows, "{part}: {}", answer.text);
        }
    }
    for unknown in ["0".repeat(64), "none".to_owned()] {
        let path = format!("/batches/{unknown}/rejected");
        assert_eq!(world.http(Method::GET, &path, None).await.0, 404);
    }
    let page = world
        .asked(Method::GET, "/?lang=es&section=history", None, &[])
        .await;
    for part in [
        "6: El precio no es mayor que cero.",
        "3: El precio no es un número.",
    ] {
        assert!(page.text.contains(part), "{part}");
    }
}

/// The different rows of all batches that datasets contain.
async fn different_rows(world: &World) -> u64 {
    let context = world.context();
    let mut rows = HashSet::new();
    for batch in context.registry.usable_batches().await.unwrap() {
        let bytes = context.lake.get(&batch.clean.key).await.unwrap();
        let batch = tokio::task::spawn_blocking(move || read_batch(bytes)).await;
        rows.extend(batch.unwrap().unwrap().row_hashes);
    }
    rows.len() as u64
}

/// The rows that the gate counted: what the champion learned from, and the growth since.
async fn counted(world: &World, run: &Run, learned: u64) -> u64 {
    let growth = run.recorded().measurements.iter();
    let growth = growth.clone().find(|it| it.code == "volume_growth");
    let growth = growth.unwrap().measured.unwrap();
    invariants::check(world).await;
    (growth * learned as f64).round() as u64 + learned
}

/// Two files that share 300 rows: 600 and 1,200 rows in two batches are 1,500 different ones.
fn sharing() -> [Batch; 2] {
    let shared = Batch::new(1, 300);
    [
        shared.clone().and(Batch::new(2, 300)),
        Batch::new(3, 500).and(shared).and(Batch::new(4, 400)),
    ]
}

/// The first batch is cleaned and its rows are not marked yet while the second one is worked on: both
/// keep the shared rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_two_batches_have_both_kept_count_once() {
    let world = World::new(|config| config.gate.volume_growth_share = 100.0).await;
    let [first, second] = sharing();
    world
        .faults
        .plan("fail:before:BatchWriteItem:Retryable:1000")
        .unwrap();
    let broken = world.deliver(&first).await;
    assert_eq!(broken.kind(), OutcomeKind::Failed, "{}", broken.reasons());
    world.faults.clear();
    let other = world.deliver(&second).await;
    assert_eq!(other.kind(), OutcomeKind::Promoted, "{}", other.reasons());
    let learned = other.recorded().rows.unwrap().clean;
    let batch = broken.recorded().batch.unwrap();
    let named = world.run(&json!({"batch": batch})).await;
    assert_eq!(named.kind(), OutcomeKind::Skipped, "{}", named.reasons());
    let kept: u64 = [&other, &named]
        .map(|run| run.recorded().rows.unwrap().clean)
        .iter()
        .sum();
    assert_eq!((kept, different_rows(&world).await), (1_800, 1_500));
    assert_eq!(counted(&world, &named, learned).await, 1_500);
    // A later run counts the same, and its own rows.
    let later = world.deliver(&Batch::new(5, 60)).await;
    assert_eq!(counted(&world, &later, learned).await, 1_560);
}

/// Whatever two runs at a time keep, the gate's count is that of the different rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gate_counts_different_rows_of_runs_at_the_same_time() {
    let world = World::new(|config| {
        config.max_runs = 4;
        config.gate.volume_growth_share = 100.0;
    })
    .await;
    let first = world.deliver(&Batch::new(7, 300)).await;
    let learned = first.recorded().rows.unwrap().clean;
    let executions = world.cloud().executions();
    for file in sharing() {
        world.source.then(Answer::Json(file.api_json()));
    }
    for _ in 0..2 {
        executions.start(None, "{}").unwrap();
    }
    executions.idle().await;
    let next = world.deliver(&Batch::new(5, 60)).await;
    let different = different_rows(&world).await;
    assert!(different >= 1_860, "{different}");
    assert_eq!(counted(&world, &next, learned).await, different);
}

/// `tasador` on a folder, with a fault.
fn tasador(folder: &Path, fault: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(TASADOR);
    command
        .args(arguments)
        .arg("--data-dir")
        .arg(folder)
        .env("TASADOR_FAULT", fault)
        .env("TASADOR_CANDIDATES", "linear")
        .env("TASADOR_GATE_VOLUME_GROWTH_SHARE", "0")
        .kill_on_drop(true);
    command
}

#[cfg(unix)]
fn was_killed(output: &Output) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    output.status.signal() == Some(9)
}

/// The process is killed in the middle of a decision or of the run that acts on it. After a restart the
/// decision is taken once, whole, and the next run acts on it.
#[cfg(unix)]
async fn killed_while_deciding(action: &str, fault: &str) {
    let label = format!("{action}, {fault}");
    let source = Source::start().await;
    let factor = if action == "withdraw" { 1.0 } else { 0.001 };
    let second = Batch::new(2, 300).scale("price", factor).api_json();
    source.then(Answer::Json(Batch::new(1, 600).api_json()));
    source.then(Answer::Json(second.clone()));
    let dir = tempfile::tempdir().unwrap();
    let run = tasador(dir.path(), "", &["run", "--source", source.url()]);
    let run = { run }.output().await.unwrap();
    assert!(run.status.success(), "{label}: {run:?}");

    let batch = BatchId::of(&second);
    let decision = ["batch", action, &batch.short(), "--reason", "a test"];
    let first = tasador(dir.path(), fault, &decision)
        .output()
        .await
        .unwrap();
    assert!(was_killed(&first), "{label} was never reached: {first:?}");
    let again = tasador(dir.path(), "", &decision).output().await.unwrap();
    assert!(again.status.success(), "{label}: {again:?}");
    // What the decision left to do is done by the next run.
    source.then(Answer::Json(Batch::new(3, 60).api_json()));
    for _ in 0..2 {
        let run = tasador(dir.path(), "", &["run", "--source", source.url()]);
        let run = { run }.output().await.unwrap();
        assert!(run.status.success(), "{label}: {run:?}");
    }

    let folder = Folder::take(dir.path()).await.unwrap();
    let options = Options::new(folder, Config::default());
    let cloud = Cloud::start(options).await.unwrap();
    let context = cloud.context();
    invariants::check_in(context).await;
    let events = context.registry.batch_events(&batch).await.unwrap();
    assert_eq!(events.len(), 1, "{label}: {events:#?}");
    let outcome = context.registry.outcome_of(&batch).await.unwrap().unwrap();
    let usable = context.registry.usable_batches().await.unwrap();
    let is_used = usable.iter().any(|usable| usable.batch == batch);
    assert_eq!(is_used, action == "release", "{label}: {outcome:?}");
    assert_eq!(
        outcome.kind == OutcomeKind::Withdrawn,
        action != "release",
        "{label}: {outcome:?}"
    );
    cloud.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_of_a_decision() {
    for action in ["release", "discard", "withdraw"] {
        for side in ["before", "after"] {
            killed_while_deciding(action, &format!("kill:{side}:TransactWriteItems")).await;
        }
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_run_that_acts_on_a_decision() {
    for (action, place) in [
        ("release", "StartExecution"),
        ("release", "Fetch"),
        ("release", "Gate"),
        ("withdraw", "StartExecution"),
        ("withdraw", "Compare"),
    ] {
        for side in ["before", "after"] {
            killed_while_deciding(action, &format!("kill:{side}:{place}")).await;
        }
    }
}
