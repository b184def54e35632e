//! Each call to the bucket and the tables fails once, before or after it took effect.

use tasador_registry::Origin as How;
use tasador_runtime::ErrorClass;
use tasador_testing::faults::{FailingRequest, Side};

use crate::origin::{body, rows};
use crate::place::Place;

/// Lets the `nth` call fail, and `next` be called after it. Whether there was such a call.
async fn one_fault(nth: i64, after: bool, next: &str) -> bool {
    let note = format!("call {nth}, after its effect: {after}, then {next}");
    let fault = FailingRequest::nth(nth, if after { Side::After } else { Side::Before });
    let interceptors = vec![fault.interceptor()];
    let place = Place::with(interceptors, |_| ()).await;
    place.source.then(rows("{}"));
    let first = place.fetch("run").await;
    if !fault.has_struck() {
        return false;
    }
    if let Err(failure) = &first {
        assert_eq!(
            failure.error_type,
            ErrorClass::Retryable,
            "{note}: {failure}"
        );
    }
    // The state machine calls the run again, or it has ended and another run begins.
    let got = place.batch(next).await;
    assert_eq!(
        place.source.asked(),
        1,
        "{note}: the source was asked again"
    );
    assert!(!got.repeat, "{note}");
    if next == "run" {
        assert_eq!(got.origin, How::Source, "{note}");
    }
    place.assert_one_batch(body("{}").as_bytes(), &note).await;
    let known = place.known(body("{}").as_bytes()).await.unwrap();
    assert_eq!(known.claim.run.as_str(), next, "{note}");
    true
}

async fn every_fault(next: &str) {
    for after in [false, true] {
        let mut nth = 1;
        while one_fault(nth, after, next).await {
            nth += 1;
        }
        // Reading, marking, storing, opening, clearing up: a walk that met none of it proves nothing.
        assert!(nth > 8, "only {nth} calls");
    }
}

#[tokio::test]
async fn a_run_that_is_repeated_after_any_fault_has_its_one_batch() {
    every_fault("run").await;
}

#[tokio::test]
async fn a_run_that_follows_a_dead_one_takes_over_its_one_batch() {
    every_fault("next").await;
}
