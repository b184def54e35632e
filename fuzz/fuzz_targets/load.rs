//! Whatever the bytes are, loading refuses them or gives a model that prices and explains homes.
//!
//! The input is taken twice: as an artefact, and as the body of one whose header and checksum are
//! right, or else the checksum would keep the fuzzer from ever getting to the body.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tasador_model::artifact::FORMAT_VERSION;
use tasador_model::{Frame, InputKind, Model, Value};
use xxhash_rust::xxh3::xxh3_64;

fuzz_target!(|bytes: &[u8]| {
    ask(bytes);
    let mut whole = b"TASADOR\0".to_vec();
    whole.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    whole.extend_from_slice(&(bytes.len() as u64).to_le_bytes()[..6]);
    whole.extend_from_slice(&xxh3_64(bytes).to_le_bytes());
    whole.extend_from_slice(bytes);
    ask(&whole);
});

fn ask(bytes: &[u8]) {
    let Ok(model) = Model::from_bytes(bytes) else {
        return;
    };
    let mut row = model.row();
    for input in model.inputs() {
        let value = match input.kind {
            InputKind::Category => Value::Text("06037"),
            InputKind::Number | InputKind::Date => Value::Number(1_000.0),
        };
        row.set(&input.name, value).expect("it is an input");
    }
    let price = model.predict_row(&row).price;
    assert!(price.is_finite() && price > 0.0);
    assert_eq!(model.predict(&Frame::new(1)).len(), 1);
    let _ = model.explain_row(&row);
    let _ = model.to_onnx();
    let again = model.to_bytes().expect("it was read");
    assert!(Model::from_bytes(&again).is_ok());
}
