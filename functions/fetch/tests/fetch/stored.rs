//! Sources that lie somewhere: objects, files, and batches in the bucket.

use serde_json::json;
use tasador_ids::BatchId;
use tasador_registry::{Origin as How, OutcomeKind};
use tasador_runtime::ErrorClass::InvalidInput;

use crate::origin::rows;
use crate::place::{Got, Place};

const CSV: &[u8] = b"price,bed\n100000,2\n";

async fn from_file(name: &str, bytes: &[u8]) -> Place {
    let mut place = Place::new().await;
    let path = place.path(name);
    std::fs::write(&path, bytes).unwrap();
    place.set(|config| config.source = Some(path.to_str().unwrap().into()));
    place
}

#[tokio::test]
async fn a_file_is_taken_once_until_it_changes() {
    let place = from_file("listings.csv", CSV).await;
    let got = place.batch("first").await;
    assert_eq!(
        (got.format.as_str(), got.size_bytes, got.repeat),
        ("csv", CSV.len() as u64, false)
    );
    place.assert_one_batch(CSV, "").await;

    place.runs("first");
    assert_eq!(place.nothing("second").await.0, "in_progress");
    place.record("first", got.batch, OutcomeKind::Failed).await;
    place.ended("first");
    let (code, sentence) = place.nothing("second").await;
    assert_eq!(code, "unchanged");
    assert!(sentence.contains(&got.batch.short()), "{sentence}");
    assert_eq!(place.spooled(), 0);

    std::fs::write(place.path("listings.csv"), b"price,bed\n1,2\n").unwrap();
    assert_ne!(place.batch("third").await.batch, got.batch);
}

#[tokio::test]
async fn a_file_of_any_form_is_taken_under_its_form() {
    for (name, bytes, extension) in [
        ("a.ndjson", &b"{}"[..], "ndjson"),
        ("a.json", b"[]", "json"),
        ("a.parquet", b"PAR1", "parquet"),
        ("a.csv.gz", b"\x1f\x8b", "csv.gz"),
        ("listings", b"price\n1\n", "csv"),
        ("empty.csv", b"", "csv"),
    ] {
        let place = from_file(name, bytes).await;
        let key = place.batch("run").await.key;
        assert_eq!(key, format!("raw/{}.{extension}", BatchId::of(bytes)));
    }
}

#[tokio::test]
async fn files_that_can_not_be_taken_say_why() {
    let mut place = from_file("listings.csv", CSV).await;
    place.set(|config| config.fetch.max_bytes = 5);
    let (class, message) = place.failure("run").await;
    assert_eq!(class, InvalidInput);
    assert!(message.contains("TASADOR_SOURCE_MAX_BYTES"), "{message}");

    place.set(|config| config.fetch.files_allowed = false);
    let (class, message) = place.failure("run").await;
    assert_eq!(class, InvalidInput);
    assert!(message.contains("TASADOR_SOURCE_FILES"), "{message}");

    let folder = place.path("").to_str().unwrap().to_owned();
    for source in [
        Some(format!("{folder}/none.csv")),
        Some(folder),
        Some("ftp://x/y".to_owned()),
        None,
    ] {
        place.set(|config| {
            config.fetch.files_allowed = true;
            config.source = source.map(Into::into);
        });
        let (class, message) = place.failure("run").await;
        assert_eq!(class, InvalidInput);
        assert!(message.contains("TASADOR_SOURCE"), "{message}");
    }
    place.assert_nothing_kept("").await;
}

#[tokio::test]
async fn an_object_of_another_bucket_is_taken_once_until_it_changes() {
    let mut place = Place::new().await;
    let other = place.ctx.lake.in_bucket("listings");
    other.create_bucket().await.unwrap();
    let key = "2026/may.csv".parse().unwrap();
    other.put(&key, CSV).await.unwrap();
    place.set(|config| config.source = Some("s3://listings/2026/may.csv".into()));

    let got = place.batch("first").await;
    assert_eq!(
        (got.format.as_str(), got.source.as_str()),
        ("csv", "s3://listings/2026/may.csv")
    );
    place.assert_one_batch(CSV, "").await;
    place.record("first", got.batch, OutcomeKind::Skipped).await;
    assert_eq!(place.nothing("second").await.0, "unchanged");
    other.put(&key, &b"price\n7\n"[..]).await.unwrap();
    assert_ne!(place.batch("third").await.batch, got.batch);

    place.set(|config| config.fetch.max_bytes = 3);
    place.runs("third");
    let (class, message) = place.failure("fourth").await;
    assert_eq!(class, InvalidInput);
    assert!(message.contains("TASADOR_SOURCE_MAX_BYTES"), "{message}");
    for source in ["s3://listings/none.csv", "s3://none/2026/may.csv"] {
        place.set(|config| config.source = Some(source.into()));
        let (class, message) = place.failure("fifth").await;
        assert_eq!(class, InvalidInput, "{message}");
        assert!(
            message.contains("TASADOR_SOURCE") && message.contains(source),
            "{message}"
        );
    }
    assert_eq!(place.spooled(), 0);
}

#[tokio::test]
async fn a_batch_that_is_named_is_taken_instead_of_the_source() {
    let place = Place::new().await;
    place.source.then(rows("{}"));
    let first = place.batch("first").await;
    let input = json!({"batch": first.batch, "note": "again"});

    place.runs("first");
    let busy = place.fetch_with("second", input.clone()).await.unwrap_err();
    assert_eq!(busy.error_type, InvalidInput);
    assert!(busy.message.contains("first"), "{busy}");

    place
        .record("first", first.batch, OutcomeKind::Failed)
        .await;
    place.ended("first");
    for _ in 0..2 {
        let named = Got::from(place.fetch_with("second", input.clone()).await.unwrap());
        let expected = Got {
            origin: How::Named,
            repeat: true,
            ..first.clone()
        };
        assert_eq!(named, expected);
    }
    let known = place
        .ctx
        .registry
        .batch(&first.batch)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(known.claim.run.as_str(), "second");
    assert_eq!(place.source.asked(), 1);
}

#[tokio::test]
async fn a_name_that_is_no_batch_is_refused_before_the_source_is_asked() {
    let place = Place::new().await;
    for (name, word) in [
        (json!(BatchId::of(b"never seen")), "history"),
        (json!("../secret"), "../secret"),
        (json!(7), "`batch`"),
    ] {
        let refused = place
            .fetch_with("run", json!({"batch": name}))
            .await
            .unwrap_err();
        assert_eq!(refused.error_type, InvalidInput);
        assert!(refused.message.contains(word), "{refused}");
    }
    assert_eq!(place.source.asked(), 0);
}
