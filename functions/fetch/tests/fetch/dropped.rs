//! Files under `drop/` that started nothing are found by the next run.

use fetch::{Response, handle};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tasador_ids::BatchId;
use tasador_runtime::{Clock, Context};

use crate::origin::rows;
use crate::place::{Place, request};

/// The same functions a while later: files have to lie for some minutes first.
fn later(place: &Place) -> Context {
    let clock = Clock::new(|| Timestamp::now() + SignedDuration::from_hours(1));
    place.ctx.clone().with_clock(clock)
}

async fn put(place: &Place, name: &str, bytes: &'static [u8]) {
    let key = format!("drop/{name}").parse().unwrap();
    place.ctx.lake.put(&key, bytes).await.unwrap();
}

/// The batch that a run takes; none where there is nothing new.
async fn taken(ctx: &Context, run: &str) -> Option<BatchId> {
    match handle(request(run, json!({})), ctx).await.unwrap() {
        Response::Batch(found) => Some(found.batch),
        Response::NothingNew { .. } => None,
    }
}

#[tokio::test]
async fn a_file_whose_event_was_lost_is_taken_by_the_next_run_once() {
    let place = Place::new().await;
    place.runs("first");
    place.runs("second");
    put(&place, "lost.csv", b"price,bed\n1,2\n").await;
    // Its own execution may still come.
    place.source.then(rows("{\"a\":1}"));
    let from_source = taken(&place.ctx, "first").await;
    assert_ne!(from_source, Some(BatchId::of(b"price,bed\n1,2\n")));
    assert_eq!(place.source.asked(), 1);

    let later = later(&place);
    let lost = taken(&later, "second").await;
    assert_eq!(lost, Some(BatchId::of(b"price,bed\n1,2\n")));
    place.runs("third");
    place.source.then(rows("{\"a\":2}"));
    assert_ne!(taken(&later, "third").await, lost);
    assert_eq!(place.source.asked(), 2);
}

#[tokio::test]
async fn a_file_that_its_own_execution_took_is_not_taken_again() {
    let place = Place::new().await;
    put(&place, "own.csv", b"price,bed\n1,2\n").await;
    let object = json!({"object": {"bucket": place.ctx.lake.bucket(), "key": "drop/own.csv"}});
    let later = later(&place);
    place.runs("own");
    handle(request("own", object), &later).await.unwrap();
    place.source.then(rows("{\"a\":1}"));
    let batch = taken(&later, "next").await;
    assert!(batch.is_some_and(|batch| batch != BatchId::of(b"price,bed\n1,2\n")));
}

#[tokio::test]
async fn a_file_that_is_too_large_is_passed_over_and_the_next_one_is_taken() {
    let place = Place::with(tasador_runtime::Interceptors::new(), |config| {
        config.fetch.max_bytes = 40;
    })
    .await;
    let large: &[u8] = b"price,bed\n1,2\n1,2\n1,2\n1,2\n1,2\n1,2\n1,2\n1,2\n1,2\n";
    put(&place, "a-large.csv", large).await;
    put(&place, "b-small.csv", b"price,bed\n3,4\n").await;
    let batch = taken(&later(&place), "run").await;
    assert_eq!(batch, Some(BatchId::of(b"price,bed\n3,4\n")));
}
