//! The file format: what was written is read, whatever else arrives is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod town;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::LazyLock;

use proptest::prelude::*;
use tasador_model::artifact::FORMAT_VERSION;
use tasador_model::train::{TrainConfig, fit};
use tasador_model::{Algorithm, ArtifactError, Frame, Model, Value};
use xxhash_rust::xxh3::xxh3_64;

const HEADER: usize = 24;

fn small(algorithm: Algorithm) -> Model {
    let config = TrainConfig {
        most_rounds: NonZeroUsize::new(20).unwrap(),
        ..TrainConfig::new(algorithm, 7)
    };
    fit(&config, &town::homes(420, 1)).unwrap().model
}

static BYTES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    [Algorithm::Linear, Algorithm::Boosting, Algorithm::Blend]
        .into_iter()
        .map(|algorithm| small(algorithm).to_bytes().unwrap())
        .collect()
});

/// Bytes whose header is right for whatever the body is.
fn with_body(body: &[u8]) -> Vec<u8> {
    let mut bytes = BYTES[0][..10].to_vec();
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes()[..6]);
    bytes.extend_from_slice(&xxh3_64(body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

#[test]
fn a_model_survives_its_bytes() {
    for bytes in BYTES.iter() {
        let model = Model::from_bytes(bytes).unwrap();
        assert!(&model.to_bytes().unwrap() == bytes);
    }
}

#[test]
fn a_part_of_an_artefact_is_refused_at_every_length() {
    for bytes in BYTES.iter() {
        for length in 0..bytes.len() {
            assert!(
                Model::from_bytes(&bytes[..length]).is_err(),
                "{length} of {}",
                bytes.len()
            );
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(matches!(
            Model::from_bytes(&longer),
            Err(ArtifactError::Length { .. })
        ));
    }
}

#[test]
fn a_body_cut_anywhere_is_refused_though_its_checksum_is_right() {
    for bytes in BYTES.iter() {
        let body = &bytes[HEADER..];
        for length in 0..body.len() {
            assert!(matches!(
                Model::from_bytes(&with_body(&body[..length])),
                Err(ArtifactError::Body { .. })
            ));
        }
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let bytes = &BYTES[0];
    let changed = |at: usize, value: u8| {
        let mut changed = bytes.clone();
        changed[at] = value;
        Model::from_bytes(&changed).unwrap_err()
    };
    assert_eq!(
        Model::from_bytes(b"").unwrap_err(),
        ArtifactError::NotAnArtifact
    );
    assert_eq!(
        Model::from_bytes(b"PAR1").unwrap_err(),
        ArtifactError::NotAnArtifact
    );
    assert_eq!(changed(0, b'X'), ArtifactError::NotAnArtifact);
    assert_eq!(changed(8, 99), ArtifactError::Version { found: 99 });
    assert!(matches!(changed(15, 0xFF), ArtifactError::TooLarge { .. }));
    assert_eq!(changed(16, bytes[16] ^ 1), ArtifactError::Checksum);
    assert_eq!(
        changed(bytes.len() - 1, bytes[bytes.len() - 1] ^ 1),
        ArtifactError::Checksum
    );
}

#[test]
fn lengths_that_lie_do_not_allocate() {
    // A body of lengths: every vector claims as many elements as postcard can say.
    for size in [1, 10, 100, 10_000] {
        assert!(Model::from_bytes(&with_body(&vec![0xFF; size])).is_err());
        let claims: Vec<u8> = [0xFF, 0xFF, 0xFF, 0xFF, 0x0F]
            .into_iter()
            .cycle()
            .take(size)
            .collect();
        assert!(Model::from_bytes(&with_body(&claims)).is_err());
    }
}

fn prices_are_prices(model: &Model) -> bool {
    let mut row = model.row();
    for input in model.inputs() {
        let _ = row.set(&input.name, Value::Number(1_000.0));
        let _ = row.set(&input.name, Value::Text("Town 1"));
    }
    let one = model.predict_row(&row).price;
    let all = model.predict(&town::homes(3, 1));
    let none = model.predict(&Frame::new(1));
    all.iter()
        .chain(&none)
        .chain([&one])
        .all(|price| price.is_finite() && *price > 0.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_flipped_bit_is_noticed(which in 0_usize..3, at: prop::sample::Index, bit in 0_u8..8) {
        let mut bytes = BYTES[which].clone();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(Model::from_bytes(&bytes).is_err());
    }

    #[test]
    fn a_forged_body_is_refused_or_prices_homes(
        which in 0_usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut body = BYTES[which][HEADER..].to_vec();
        for (at, value) in changes {
            let at = at.index(body.len());
            body[at] = value;
        }
        if let Ok(model) = Model::from_bytes(&with_body(&body)) {
            prop_assert!(prices_are_prices(&model));
        }
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Model::from_bytes(&bytes).is_err());
        prop_assert!(Model::from_bytes(&with_body(&bytes)).is_err());
    }
}

/// Golden files of each format version: a model, and what it says of three homes.
///
/// `TASADOR_BLESS=1 cargo test -p tasador-model --test artifact` writes those of the present
/// version where they are missing; files that are there are never changed.
#[test]
fn models_of_every_format_version_stay_loadable() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let homes = town::homes(3, 9);
    for algorithm in Algorithm::ALL {
        for version in 1..=FORMAT_VERSION {
            let path = folder.join(format!("{algorithm}-v{version}.tsd"));
            let prices = path.with_extension("json");
            if std::env::var_os("TASADOR_BLESS").is_some() && !path.exists() {
                assert_eq!(
                    version, FORMAT_VERSION,
                    "an old version cannot be written any more"
                );
                let model = small(algorithm);
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, model.to_bytes().unwrap()).unwrap();
                let json = serde_json::to_string(&model.predict_all(&homes)).unwrap();
                std::fs::write(&prices, json).unwrap();
            }
            let model = Model::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
            assert_eq!(model.algorithm(), algorithm);
            let expected: Vec<tasador_model::Prediction> =
                serde_json::from_slice(&std::fs::read(&prices).unwrap()).unwrap();
            for (now, then) in model.predict_all(&homes).iter().zip(&expected) {
                // Another platform's exp may differ in the last digits.
                assert!(
                    (now.price / then.price - 1.0).abs() < 1e-9,
                    "{now:?} was {then:?}"
                );
                assert!((now.interval.0 / then.interval.0 - 1.0).abs() < 1e-9);
                assert!((now.interval.1 / then.interval.1 - 1.0).abs() < 1e-9);
            }
        }
    }
}
