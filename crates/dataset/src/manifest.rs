//! The manifest of a dataset, stored under `datasets/<dataset>.json`.

use serde::{Deserialize, Serialize};
use tasador_ids::{BatchId, DatasetId, Digest};
use tasador_lake::Key;
use tasador_listing::PropertyKey;

/// The batches that a model learns from, in order of arrival.
///
/// Its JSON, without white space and with fields in the order of the structs, is stored and hashed:
/// [`Manifest::bytes`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub batches: Vec<ManifestEntry>,
    /// Different rows of all batches, if some are in several: runs at the same time may both have kept a
    /// row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct_rows: Option<u64>,
    /// Properties whose rows are left out, in order: they were withdrawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<PropertyKey>,
}

/// One batch of a [`Manifest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    pub batch: BatchId,
    pub clean_key: Key,
    /// The SHA-256 of the object at `clean_key`.
    pub clean_sha256: Digest,
    pub rows: u64,
}

impl Manifest {
    /// The JSON that is stored and hashed.
    ///
    /// # Errors
    /// Never in practice: ids, keys and numbers always serialise.
    pub fn bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// The id: the SHA-256 of [`Manifest::bytes`].
    ///
    /// # Errors
    /// As [`Manifest::bytes`].
    pub fn id(&self) -> Result<DatasetId, serde_json::Error> {
        Ok(DatasetId::of(&self.bytes()?))
    }

    /// The clean rows of all batches, each row once.
    pub fn rows(&self) -> u64 {
        let all = || self.batches.iter().map(|entry| entry.rows).sum();
        self.distinct_rows.unwrap_or_else(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &[u8]) -> ManifestEntry {
        let batch = BatchId::of(text);
        ManifestEntry {
            batch,
            clean_key: tasador_lake::key::clean(&batch),
            clean_sha256: Digest::of(text),
            rows: 3,
        }
    }

    /// The id of a dataset must never change: models refer to it.
    #[test]
    fn golden_manifest() {
        let manifest = Manifest {
            batches: vec![entry(b"abc")],
            ..Manifest::default()
        };
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            String::from_utf8(manifest.bytes().unwrap()).unwrap(),
            format!(
                r#"{{"batches":[{{"batch":"{abc}","clean_key":"clean/{abc}.parquet","clean_sha256":"{abc}","rows":3}}]}}"#
            )
        );
        assert_eq!(
            manifest.id().unwrap().to_string(),
            "0c81db4bfd44d4e4033b9d6b1b505fafa17cf7ea79f09189f90a8c54e2ca48a3"
        );
    }

    #[test]
    fn order_is_part_of_the_dataset() {
        let forward = Manifest {
            batches: vec![entry(b"a"), entry(b"b")],
            ..Manifest::default()
        };
        let backward = Manifest {
            batches: vec![entry(b"b"), entry(b"a")],
            ..Manifest::default()
        };
        assert_ne!(forward.id().unwrap(), backward.id().unwrap());
        let again: Manifest = serde_json::from_slice(&forward.bytes().unwrap()).unwrap();
        assert_eq!(again, forward);
        assert_eq!(forward.rows(), 6);
        let overlapping = Manifest {
            distinct_rows: Some(5),
            without: vec![PropertyKey(7)],
            ..forward.clone()
        };
        assert_eq!(overlapping.rows(), 5);
        let again = serde_json::from_slice::<Manifest>(&overlapping.bytes().unwrap());
        assert_eq!(again.unwrap(), overlapping);
        assert_ne!(overlapping.id().unwrap(), forward.id().unwrap());
    }
}
