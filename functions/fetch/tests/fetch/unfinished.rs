//! What a dead run left is finished first; what a living one holds is left alone.

use futures::future::join_all;
use serde_json::json;
use tasador_ids::BatchId;
use tasador_lake::{Format, RawForm, key};
use tasador_registry::{BatchRecord, Origin as How, OutcomeKind};
use tasador_runtime::ErrorClass;

use crate::origin::rows;
use crate::place::{Got, Place, execution, run};

const FORM: RawForm = RawForm {
    format: Format::ApiJson,
    gzip: false,
};

fn receipt(bytes: &[u8], by: &str, second: u32) -> serde_json::Value {
    json!({
        "batch": BatchId::of(bytes), "form": FORM, "size_bytes": bytes.len(), "source": "http://elsewhere/data",
        "received_at": format!("2026-01-01T00:00:{second:02}Z"), "run": by, "execution_arn": execution(by),
    })
}

/// As a run leaves it that dies after it wrote the marker, and the object if `stored`.
async fn marked(place: &Place, bytes: &'static [u8], by: &str, second: u32, stored: bool) {
    let batch = BatchId::of(bytes);
    let marker = receipt(bytes, by, second).to_string();
    place
        .ctx
        .lake
        .put(&key::incoming(&batch, FORM), marker)
        .await
        .unwrap();
    if stored {
        place
            .ctx
            .lake
            .put_once(&key::raw(&batch, FORM), bytes)
            .await
            .unwrap();
    }
}

/// As a run leaves it that dies after it opened the batch.
async fn opened(place: &Place, bytes: &'static [u8], by: &str, second: u32) -> BatchId {
    let batch = BatchId::of(bytes);
    place
        .ctx
        .lake
        .put_once(&key::raw(&batch, FORM), bytes)
        .await
        .unwrap();
    let record = BatchRecord {
        batch,
        run: run(by),
        execution_arn: execution(by),
        source: "http://elsewhere/data".to_owned(),
        format: tasador_ids::Format::ApiJson,
        size_bytes: bytes.len() as u64,
        received_at: format!("2026-01-01T00:00:{second:02}Z").parse().unwrap(),
    };
    place
        .ctx
        .registry
        .open_batch(&record, How::Source)
        .await
        .unwrap();
    batch
}

/// As a process leaves its spool folder when it is killed.
fn spooled(place: &Place, name: &str, bytes: &[u8], receipt: Option<serde_json::Value>) {
    let folder = place.path("spool").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("lock"), "").unwrap();
    std::fs::write(folder.join("body"), bytes).unwrap();
    if let Some(receipt) = receipt {
        std::fs::write(folder.join("receipt.json"), receipt.to_string()).unwrap();
    }
}

#[tokio::test]
async fn bytes_that_were_stored_and_not_opened_are_opened_by_the_next_run() {
    for dead in ["dead", "forgotten"] {
        let place = Place::new().await;
        marked(&place, b"bytes", dead, 1, true).await;
        for _ in 0..2 {
            let got = place.batch("next").await;
            assert_eq!(
                (got.batch, got.origin, got.repeat),
                (BatchId::of(b"bytes"), How::Resumed, false)
            );
            assert_eq!(got.source, "http://elsewhere/data");
        }
        assert_eq!(place.source.asked(), 0);
        place.assert_one_batch(b"bytes", dead).await;
        let known = place.known(b"bytes").await.unwrap();
        assert_eq!(known.claim.run, run("next"));
        assert_eq!(known.record.received_at.to_string(), "2026-01-01T00:00:01Z");
    }
}

#[tokio::test]
async fn a_run_that_is_called_again_finds_what_it_stored_itself() {
    let place = Place::new().await;
    place.runs("run");
    marked(&place, b"bytes", "run", 1, true).await;
    let got = place.batch("run").await;
    assert_eq!(
        (got.batch, got.origin, got.repeat),
        (BatchId::of(b"bytes"), How::Source, false)
    );
    assert_eq!(place.source.asked(), 0);
}

#[tokio::test]
async fn what_another_run_is_storing_is_left_alone() {
    let place = Place::new().await;
    place.runs("other");
    marked(&place, b"stored", "other", 1, true).await;
    marked(&place, b"on its way", "other", 2, false).await;
    spooled(
        &place,
        "fetch-1",
        b"bytes",
        Some(receipt(b"bytes", "other", 3)),
    );
    let held = opened(&place, b"held", "other", 4).await;
    place.source.then(rows("{}"));
    let got = place.batch("run").await;
    assert_eq!(got.origin, How::Source);
    assert_ne!(got.batch, held);
    assert_eq!(place.keys("incoming/").await.len(), 2);
    assert_eq!(place.spooled(), 1);
    assert_eq!(place.known(b"held").await.unwrap().claim.run, run("other"));
}

#[tokio::test]
async fn markers_that_lead_nowhere_are_removed() {
    let place = Place::new().await;
    marked(&place, b"lost", "dead", 1, false).await;
    let done = opened(&place, b"done", "dead", 2).await;
    marked(&place, b"done", "dead", 2, true).await;
    place.record("dead", done, OutcomeKind::Skipped).await;
    place
        .ctx
        .lake
        .put(&"incoming/stranger".parse().unwrap(), &b"?"[..])
        .await
        .unwrap();
    assert_eq!(place.nothing("run").await.0, "exhausted");
    assert_eq!(place.keys("incoming/").await, ["incoming/stranger"]);
    assert!(place.known(b"lost").await.is_none());
}

#[tokio::test]
async fn open_batches_of_dead_runs_go_on_oldest_first() {
    let place = Place::new().await;
    let late = opened(&place, b"late", "dead-1", 30).await;
    let early = opened(&place, b"early", "dead-2", 10).await;
    opened(&place, b"held", "living", 1).await;
    place.runs("living");
    for (name, batch) in [("one", early), ("two", late)] {
        place.runs(name);
        let got = place.batch(name).await;
        assert_eq!(
            (got.batch, got.origin, got.repeat),
            (batch, How::Resumed, false)
        );
        assert_eq!(place.batch(name).await, got);
    }
    assert_eq!(place.nothing("three").await.0, "exhausted");
    assert_eq!(place.source.asked(), 1);
}

#[tokio::test]
async fn what_a_killed_process_had_received_is_stored() {
    let place = Place::new().await;
    spooled(&place, "fetch-half", b"half of it", None);
    spooled(
        &place,
        "fetch-late",
        b"late",
        Some(receipt(b"late", "dead", 9)),
    );
    spooled(
        &place,
        "fetch-early",
        b"early",
        Some(receipt(b"early", "dead", 3)),
    );
    spooled(
        &place,
        "fetch-bad",
        b"other bytes",
        Some(receipt(b"bytes", "dead", 1)),
    );
    let early = place.batch("one").await;
    assert_eq!(
        (early.batch, early.origin),
        (BatchId::of(b"early"), How::Resumed)
    );
    place.runs("one");
    assert_eq!(place.batch("two").await.batch, BatchId::of(b"late"));
    place.runs("two");
    assert_eq!(place.nothing("three").await.0, "exhausted");
    assert_eq!((place.spooled(), place.source.asked()), (0, 1));
    assert_eq!(place.keys("").await.len(), 2);

    // Killed after the batch was opened: there is nothing left to do but to clear up.
    spooled(
        &place,
        "fetch-again",
        b"late",
        Some(receipt(b"late", "dead", 9)),
    );
    assert_eq!(place.nothing("four").await.0, "exhausted");
    assert_eq!(place.spooled(), 0);
}

#[tokio::test]
async fn who_may_not_ask_step_functions_says_so() {
    let place = Place::new().await;
    opened(&place, b"bytes", "secret", 1).await;
    let (class, message) = place.failure("run").await;
    assert_eq!(class, ErrorClass::Bug);
    assert!(message.contains(&execution("secret")), "{message}");
    assert_eq!(place.source.asked(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_runs_one_goes_on_with_what_was_left_and_each_has_its_own() {
    let place = Place::new().await;
    let left = opened(&place, b"left", "dead", 1).await;
    let names: Vec<String> = (0..8).map(|n| format!("run-{n}")).collect();
    for name in &names {
        place.runs(name);
        place
            .source
            .then(rows(&format!("{{\"street\": \"{name}\"}}")));
    }
    let got = join_all(names.iter().map(|name| place.batch(name))).await;
    let resumed = got.iter().filter(|got| got.origin == How::Resumed);
    assert_eq!(resumed.map(|got| got.batch).collect::<Vec<_>>(), [left]);
    let mut batches: Vec<_> = got.iter().map(|got| got.batch).collect();
    batches.sort();
    batches.dedup();
    assert_eq!(batches.len(), 8);
    assert_eq!(place.source.asked(), 7);
    assert_eq!(
        (
            place.keys("raw/").await.len(),
            place.keys("incoming/").await.len()
        ),
        (8, 0)
    );
}

#[tokio::test]
async fn an_object_that_is_named_does_not_wait_for_what_others_left() {
    let place = Place::new().await;
    let left = opened(&place, b"left", "dead", 1).await;
    let drops = place.ctx.lake.in_bucket("drops");
    drops.create_bucket().await.unwrap();
    let (key, bytes) = ("drop/may 1.csv", &b"price\n7\n"[..]);
    drops.put(&key.parse().unwrap(), bytes).await.unwrap();

    let input = json!({"object": {"bucket": "drops", "key": key}});
    for _ in 0..2 {
        let got = Got::from(place.fetch_with("dropped", input.clone()).await.unwrap());
        assert_eq!((got.batch, got.origin), (BatchId::of(bytes), How::Source));
        assert_eq!(got.source, format!("s3://drops/{key}"));
    }
    place.runs("dropped");
    assert_eq!(place.batch("next").await.batch, left);
    assert_eq!(place.source.asked(), 0);

    let gone = json!({"object": {"bucket": "drops", "key": "drop/none.csv"}});
    let error = place.fetch_with("gone", gone).await.unwrap_err();
    assert_eq!(error.error_type, ErrorClass::InvalidInput);
    assert!(error.message.contains("the execution's input"), "{error}");
}
