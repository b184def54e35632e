//! The sample events are messages of the types in this crate: each is read and written again as the
//! same JSON. That the pipeline passes exactly these is tested by `tests/suite/events.rs`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tasador_flow::{compare, fetch, gate, preprocess, promote, record, train};

fn sample(function: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let bytes = std::fs::read(folder.join(format!("{function}.json"))).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn check<T: DeserializeOwned + Serialize>(function: &str) -> T {
    let sample = sample(function);
    let read: T = serde_json::from_value(sample.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), sample, "{function}");
    read
}

#[test]
fn samples_are_read_and_written_as_the_same_json() {
    check::<fetch::Request>("fetch");
    check::<preprocess::Request>("preprocess");
    check::<gate::Request>("gate");
    check::<train::Request>("train");
    check::<compare::Request>("compare");
    check::<promote::Request>("promote");
    let record: record::Request = check("record");
    let state = record.state;
    assert!(
        state.fetch.is_some() && state.preprocess.is_some() && state.gate.is_some(),
        "{state:?}"
    );
    assert!(
        state.candidates.is_some() && state.verdict.is_some() && state.promotion.is_some(),
        "{state:?}"
    );
}
