//! The same batch again, other batches in between, and attempts that are interrupted at every call.

use std::collections::HashSet;
use tasador_ids::Digest;
use tasador_registry::OutcomeKind;
use tasador_runtime::ErrorClass;
use tasador_testing::faults::{FailingRequest, Side};

use crate::place::{Place, attempt, rows};

#[tokio::test]
async fn a_batch_again_is_the_same_batch() {
    let place = Place::new().await;
    let one = place.csv(&rows((1..40).chain(20..30))).await;
    let two = place.csv(&rows(30..60)).await;
    let first = place.run(&one).await;
    let stored = place.objects().await;
    assert_eq!(stored.len(), 4);
    assert_eq!((first.rows.clean, first.rows.duplicates), (39, 10));
    assert_eq!(place.run(&one).await, first);
    assert_eq!(place.objects().await, stored);

    let second = place.run(&two).await;
    assert_eq!((second.rows.clean, second.rows.duplicates), (20, 10));
    let report = place.report(&second).await;
    assert_eq!(
        (
            report.quality.duplicates_within,
            report.quality.duplicates_across
        ),
        (0, 10)
    );
    assert_eq!(place.run(&one).await, first);
    assert_eq!(place.run(&two).await, second);
    let all = place.objects().await;
    assert_eq!(all.len(), 8);
    assert!(stored.iter().all(|(key, bytes)| all[key] == *bytes));
}

#[tokio::test]
async fn the_same_rows_in_another_format_are_duplicates() {
    let place = Place::new().await;
    let csv = place
        .csv("price,city,zip_code\n5.0,Lee,01238\n6,Lee,1238.0\n")
        .await;
    place.run(&csv).await;
    let json = r#"[{"City": " Lee", "PRICE": "$5", "Zip Code": "1238-0001", "new": null}]"#;
    let json = place.batch(json, tasador_lake::Format::Json).await;
    let answer = place.run(&json).await;
    assert_eq!((answer.rows.clean, answer.rows.duplicates), (0, 1));
}

/// A corrected copy of a batch that was refused as a whole contains rows that no dataset has.
#[tokio::test]
async fn rows_of_a_refused_batch_are_not_duplicates() {
    for (kind, usable, duplicates) in [
        (OutcomeKind::Skipped, false, 0),
        (OutcomeKind::Failed, false, 0),
        (OutcomeKind::Skipped, true, 30),
        (OutcomeKind::Rejected, true, 30),
    ] {
        let place = Place::new().await;
        let first = place.csv(&rows(1..40)).await;
        let answer = place.run(&first).await;
        place.settle(&first, &answer, kind, usable).await;
        let corrected = place.csv(&rows(10..60)).await;
        let rows = place.run(&corrected).await.rows;
        assert_eq!(rows.duplicates, duplicates, "{kind:?}, usable: {usable}");
        assert_eq!(rows.raw, rows.clean + rows.duplicates);
    }
}

/// An attempt that ends at the `nth` call, optionally another batch that shares rows, and a second
/// attempt. Returns whether there was an `nth` call.
async fn killed(nth: i64, after: bool, other_between: bool) -> bool {
    let note = format!("call {nth}, after its effect: {after}, another between: {other_between}");
    let place = Place::new().await;
    // More rows than one request looks up or marks.
    let csv = rows(1..126);
    let one = place.csv(&csv).await;
    let side = if after { Side::After } else { Side::Before };
    let kill = FailingRequest::from_nth(nth, side);
    let ctx = place.through(kill.interceptor());
    let first = attempt(&one, &ctx).await;
    if let Err(failure) = &first {
        assert_eq!(
            failure.error_type,
            ErrorClass::Retryable,
            "{note}: {failure}"
        );
    } else if !kill.has_struck() {
        return false;
    }
    let other = place.csv(&rows(100..150)).await;
    let between = match other_between {
        true => Some(place.run(&other).await),
        false => None,
    };

    let second = place.run(&one).await;
    let stored = place.objects().await;
    assert_eq!(second.rows.raw, 125, "{note}");
    assert_eq!(second.rows.clean + second.rows.duplicates, 125, "{note}");
    let bytes = &stored[second.clean_key.as_str()];
    assert_eq!(Digest::of(bytes), second.clean_sha256, "{note}");
    let report = place.report(&second).await;
    assert_eq!(report.clean_sha256, second.clean_sha256, "{note}");
    assert!(report.quality.adds_up(), "{note}");
    // Nothing is lost: each row is in the clean file of at least one batch.
    let mut kept: HashSet<_> = place.clean(&second, "price").await.into_iter().collect();
    match &between {
        None => assert_eq!(second.rows.clean, 125, "{note}"),
        Some(between) => {
            kept.extend(place.clean(between, "price").await);
            assert_eq!(kept.len(), 149, "{note}");
            assert_eq!(place.run(&other).await, *between, "{note}");
        }
    }
    // The hashes of all rows are stored as well, so that a third batch finds them.
    assert_eq!(place.run(&one).await, second, "{note}");
    if other_between {
        let third = place.csv(&rows((1..150).chain([400]))).await;
        assert_eq!(place.run(&third).await.rows.clean, 1, "{note}");
    } else {
        let third = place.csv(&rows((1..126).chain([400]))).await;
        assert_eq!(place.run(&third).await.rows.clean, 1, "{note}");
    }
    true
}

/// Another batch in between does not change the number of calls.
async fn killed_everywhere(other_between: bool) {
    let mut calls = 0;
    for after in [false, true] {
        let mut nth = 1;
        while killed(nth, after, other_between).await {
            nth += 1;
        }
        calls = nth - 1;
    }
    // Look for the report, an outcome, an earlier attempt (2) and two schemas, list the batches whose kinds of columns
    // are remembered, get the raw object, list the hashes of other batches, look for a clean file, write rejected
    // rows, hashes, clean rows and the report.
    assert_eq!(calls, 14);
}

#[tokio::test]
async fn an_interrupted_attempt_is_completed_by_the_next() {
    killed_everywhere(false).await;
}

#[tokio::test]
async fn an_interrupted_attempt_is_completed_after_another_batch() {
    killed_everywhere(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_attempts_agree() {
    let place = Place::new().await;
    let one = place.csv(&rows(1..400)).await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (request, ctx) = (one.clone(), place.ctx.clone());
        tries.spawn(async move { attempt(&request, &ctx).await.unwrap() });
    }
    let answers = tries.join_all().await;
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(answers[0].rows.clean, 399);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_batches_lose_no_row() {
    let place = Place::new().await;
    let mut tries = tokio::task::JoinSet::new();
    for first in [1, 101, 201, 301] {
        let (request, ctx) = (
            place.csv(&rows(first..first + 200)).await,
            place.ctx.clone(),
        );
        tries.spawn(async move { attempt(&request, &ctx).await.unwrap() });
    }
    let mut kept = HashSet::new();
    for answer in tries.join_all().await {
        assert_eq!(answer.rows.clean + answer.rows.duplicates, 200);
        kept.extend(place.clean(&answer, "price").await);
    }
    // Concurrent batches may both keep a row; datasets contain it once.
    assert_eq!(kept.len(), 500);
}

#[tokio::test]
async fn other_bytes_under_the_key_are_reported() {
    let place = Place::new().await;
    let one = place.csv(&rows(1..5)).await;
    let clean = tasador_lake::key::clean(&one.batch);
    place.ctx.lake.put_once(&clean, "no Parquet").await.unwrap();
    let failure = attempt(&one, &place.ctx).await.unwrap_err();
    assert_eq!(failure.error_type, ErrorClass::CorruptArtifact, "{failure}");

    let two = place.csv(&rows(5..9)).await;
    let rejected = tasador_lake::key::rejected(&two.batch);
    place
        .ctx
        .lake
        .put_once(&rejected, "another try's")
        .await
        .unwrap();
    let failure = attempt(&two, &place.ctx).await.unwrap_err();
    assert_eq!(failure.error_type, ErrorClass::Retryable, "{failure}");
}
