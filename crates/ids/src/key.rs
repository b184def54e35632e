//! Every key of the bucket, built from ids in one place.

use std::fmt;
use std::str::FromStr;

use crate::{BatchId, DatasetId, Digest, InvalidId, ModelName, ModelVersion, RawForm, RunId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Markers of batches that are being stored; normally there are none.
pub const INCOMING: &str = "incoming/";
/// The sources' bytes, unchanged.
pub const RAW: &str = "raw/";

/// The most bytes a key of S3 may have.
const LENGTH_LIMIT_BYTES: usize = 1_024;

/// The name of an object in the bucket.
///
/// A key from outside is checked: no part of it is empty, `.` or `..`, so that it means the same
/// place in S3 and in a bucket that is a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

impl Key {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the last `/`.
    pub fn file_name(&self) -> &str {
        self.0
            .rsplit_once('/')
            .map_or(self.as_str(), |(_, name)| name)
    }
}

impl FromStr for Key {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let refused = |reason| Err(InvalidId::new("key of an object", text, reason));
        if text.len() > LENGTH_LIMIT_BYTES {
            return refused("it is longer than 1,024 bytes");
        }
        if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return refused("a part of it is empty, `.` or `..`");
        }
        if text.chars().any(char::is_control) {
            return refused("it contains a control character");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Key {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

/// `incoming/<batch>.<ext>`: the batch is being stored.
pub fn incoming(batch: &BatchId, form: RawForm) -> Key {
    Key(format!("{INCOMING}{batch}.{}", form.extension()))
}

/// `raw/<batch>.<ext>`: the bytes that the source sent.
pub fn raw(batch: &BatchId, form: RawForm) -> Key {
    Key(format!("{RAW}{batch}.{}", form.extension()))
}

/// What every key of a batch's raw object begins with, whatever its form.
pub fn raw_prefix(batch: &BatchId) -> String {
    format!("{RAW}{batch}.")
}

/// `clean/<batch>.parquet`: typed rows.
pub fn clean(batch: &BatchId) -> Key {
    Key(format!("clean/{batch}.parquet"))
}

/// `rejected/<batch>.parquet`: rows refused, each with its reason.
pub fn rejected(batch: &BatchId) -> Key {
    Key(format!("rejected/{batch}.parquet"))
}

/// All lists of row hashes.
pub const SEEN: &str = "seen/";

/// `seen/batches/<batch>.bin`: the hashes of a batch's clean rows.
pub fn seen(batch: &BatchId) -> Key {
    Key(format!("{SEEN}batches/{batch}.bin"))
}

/// `seen/merged/<digest>.bin`: the hashes of the clean rows of several batches.
pub fn seen_merged(digest: &Digest) -> Key {
    Key(format!("{SEEN}merged/{digest}.bin"))
}

/// `rejected/<batch>.csv`: the first rejected rows, for people.
pub fn rejected_csv(batch: &BatchId) -> Key {
    Key(format!("rejected/{batch}.csv"))
}

/// `profiles/<batch>.json`: the quality report and the distribution profile.
pub fn profile(batch: &BatchId) -> Key {
    Key(format!("profiles/{batch}.json"))
}

/// `profiles/<batch>.toml`: the schema that the batch was read by, if one was declared.
pub fn schema(batch: &BatchId) -> Key {
    Key(format!("profiles/{batch}.toml"))
}

/// `tasador.toml`: the schema of listings.
pub fn listing_schema() -> Key {
    Key("tasador.toml".to_owned())
}

/// `checks/<digest>.json`: what was found of an uploaded file, which has this digest.
pub fn check(file: &Digest) -> Key {
    Key(format!("checks/{file}.json"))
}

/// What the key of an uploaded file begins with; its name follows.
pub fn upload_prefix(file: &Digest) -> String {
    format!("checks/{file}/")
}

/// `datasets/<dataset>.json`: the batches that a model learned from.
pub fn dataset(dataset: &DatasetId) -> Key {
    Key(format!("datasets/{dataset}.json"))
}

/// A file of a model version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelFile {
    /// The model itself, in its own binary format.
    Artifact,
    /// Its inputs and output.
    Signature,
    /// Its measured quality.
    Metrics,
    /// The model card.
    Card,
    /// How its training data was distributed.
    Profile,
    /// The model as an ONNX graph.
    Onnx,
    /// What MLflow reads to load it.
    MlModel,
    /// The Python module with which MLflow loads it.
    Loader,
    /// The prediction errors on the held-out homes, as a plot.
    Residuals,
    /// Predicted against true prices on the held-out homes, as a plot.
    Calibration,
    /// The ratio study, out of fold.
    RatioStudy,
    /// The sales it learned from, to be compared with homes.
    Comparables,
}

impl ModelFile {
    pub const ALL: [Self; 12] = [
        Self::Artifact,
        Self::Signature,
        Self::Metrics,
        Self::Card,
        Self::Profile,
        Self::Onnx,
        Self::MlModel,
        Self::Loader,
        Self::Residuals,
        Self::Calibration,
        Self::RatioStudy,
        Self::Comparables,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Artifact => "model.tsd",
            Self::Signature => "signature.json",
            Self::Metrics => "metrics.json",
            Self::Card => "card.md",
            Self::Profile => "profile.json",
            Self::Onnx => "model.onnx",
            Self::MlModel => "MLmodel",
            Self::Loader => "tasador_model.py",
            Self::Residuals => "residuals.svg",
            Self::Calibration => "calibration.svg",
            Self::RatioStudy => "ratio_study.json",
            Self::Comparables => "comparables.bin",
        }
    }
}

/// `models/<model>/<version>/<file>`.
pub fn model(model: &ModelName, version: ModelVersion, file: ModelFile) -> Key {
    // A name may hold spaces and dots; the alphabet of names has no `/`, and `.` and `..` alone are
    // kept from meaning a folder by the prefix.
    Key(format!(
        "models/{}/{version}/{}",
        folder_name(model),
        file.name()
    ))
}

/// `models/<model>/<version>/folds/<fold>.tsd`: the model that never saw the homes of a fold.
pub fn fold(model: &ModelName, version: ModelVersion, fold: usize) -> Key {
    Key(format!("{}folds/{fold}.tsd", model_prefix(model, version)))
}

/// `models/<model>/<version>/`: what every key of a version's files begins with.
pub fn model_prefix(model: &ModelName, version: ModelVersion) -> String {
    format!("models/{}/{version}/", folder_name(model))
}

/// `verdicts/<run>/<digest>.json`: what a comparison found. A run may compare more than once, where
/// the champion changed under it; the digest of the verdict keeps both.
pub fn verdict(run: &RunId, digest: &Digest) -> Key {
    Key(format!("verdicts/{run}/{digest}.json"))
}

/// `inferences/date=<date>/<hour>-<number>-<digest>.parquet`: a file of the inference log, with
/// answers of one hour (UTC), its number within the hour and the beginning of its SHA-256.
pub fn inferences(hour: Timestamp, number: u32, digest: &Digest) -> Key {
    Key(format!(
        "inferences/date={}/{}-{number:04}-{}.parquet",
        hour.strftime("%Y-%m-%d"),
        hour.strftime("%H"),
        digest.short()
    ))
}

/// `inferences/staged/<date>-<hour>-<number>-<digest>.parquet`: bytes that may become the file of this
/// number. The number is in the name because equal bytes may be staged for two numbers, and whoever
/// lost the first deletes only what it staged.
pub fn staged_inferences(hour: Timestamp, number: u32, digest: &Digest) -> Key {
    Key(format!(
        "inferences/staged/{}-{number:04}-{digest}.parquet",
        hour.strftime("%Y-%m-%d-%H")
    ))
}

/// Copies of what the registry committed, from which it can be rebuilt.
pub const REGISTRY: &str = "registry/";

/// `registry/repairing`: the registry is being rebuilt, and is not complete.
pub fn repairing() -> Key {
    Key(format!("{REGISTRY}repairing"))
}

/// `registry/runs/<run>/<digest>.json`: the outcome of a run. An error that is added later makes a second
/// object.
pub fn registry_run(run: &RunId, digest: &Digest) -> Key {
    Key(format!("{REGISTRY}runs/{run}/{digest}.json"))
}

/// `registry/promotions/<model>/<number>.json`: a change of the champion.
pub fn registry_promotion(model: &ModelName, number: u64) -> Key {
    Key(format!(
        "{REGISTRY}promotions/{}/{number:012}.json",
        folder_name(model)
    ))
}

/// `registry/versions/<model>/<version>.json`: a version that is ready, with the hashes of its files.
pub fn registry_version(model: &ModelName, version: ModelVersion) -> Key {
    Key(format!(
        "{REGISTRY}versions/{}/{version}.json",
        folder_name(model)
    ))
}

/// `registry/decisions/<batch>/<number>.json`: a person's decision about a batch.
pub fn registry_decision(batch: &BatchId, number: u32) -> Key {
    Key(format!("{REGISTRY}decisions/{batch}/{number:010}.json"))
}

/// `registry/properties/<property>.json`: a property that was withdrawn.
pub fn registry_property(property: impl fmt::Display) -> Key {
    Key(format!("{REGISTRY}properties/{property}.json"))
}

/// `outcomes/api/<digest>.json`: sales that were reported over HTTP.
pub fn reported_sales(digest: &Digest) -> Key {
    Key(format!("outcomes/api/{digest}.json"))
}

/// A model named `.` or `..` must not become a step in a path.
fn folder_name(model: &ModelName) -> String {
    match model.as_str() {
        name if name.bytes().all(|b| b == b'.') => format!("_{name}"),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;
    use proptest::prelude::*;

    #[test]
    fn keys_are_where_the_design_puts_them() {
        let batch = BatchId::of(b"abc");
        let dataset_id = DatasetId::of(b"abc");
        let gz = RawForm {
            format: Format::Csv,
            gzip: true,
        };
        assert_eq!(raw(&batch, gz).as_str(), format!("raw/{batch}.csv.gz"));
        assert_eq!(
            incoming(&batch, gz).as_str(),
            format!("incoming/{batch}.csv.gz")
        );
        assert!(raw(&batch, gz).as_str().starts_with(&raw_prefix(&batch)));
        assert_eq!(clean(&batch).as_str(), format!("clean/{batch}.parquet"));
        assert_eq!(
            rejected(&batch).as_str(),
            format!("rejected/{batch}.parquet")
        );
        assert_eq!(
            rejected_csv(&batch).as_str(),
            format!("rejected/{batch}.csv")
        );
        assert_eq!(profile(&batch).as_str(), format!("profiles/{batch}.json"));
        assert_eq!(schema(&batch).as_str(), format!("profiles/{batch}.toml"));
        assert_eq!(listing_schema().as_str(), "tasador.toml");
        assert_eq!(
            dataset(&dataset_id).as_str(),
            format!("datasets/{dataset_id}.json")
        );
        assert_eq!(clean(&batch).file_name(), format!("{batch}.parquet"));
        let name: ModelName = "..".parse().unwrap();
        let version = ModelVersion(7);
        assert_eq!(
            model(&name, version, ModelFile::Card).as_str(),
            format!("{}card.md", model_prefix(&name, version))
        );
    }

    /// Otherwise a compaction that lost one number could delete what another one needs for the next.
    #[test]
    fn equal_bytes_are_staged_apart_for_each_file() {
        let (hour, digest) = ("2026-02-28T23:00:00Z".parse().unwrap(), Digest::of(b"abc"));
        let first = staged_inferences(hour, 1, &digest);
        assert_ne!(first, staged_inferences(hour, 2, &digest));
        assert_eq!(
            first.as_str(),
            format!("inferences/staged/2026-02-28-23-0001-{digest}.parquet")
        );
    }

    #[test]
    fn texts_that_could_leave_the_bucket_are_no_keys() {
        let long = "x".repeat(1_025);
        for text in [
            "", "/", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "a\nb", &long,
        ] {
            assert!(text.parse::<Key>().is_err(), "{text:?}");
            assert!(
                serde_json::from_value::<Key>(text.into()).is_err(),
                "{text:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_key_of_a_model_is_a_key(name in "[A-Za-z0-9_. -]{1,120}", version in 1_u32..) {
            let name: ModelName = name.parse().unwrap();
            for file in ModelFile::ALL {
                let key = model(&name, ModelVersion(version), file);
                prop_assert_eq!(key.as_str().parse::<Key>().unwrap(), key.clone());
            }
        }

        #[test]
        fn every_key_of_a_run_is_a_key(run in "[A-Za-z0-9_-]{1,80}", bytes: Vec<u8>) {
            let key = verdict(&run.parse().unwrap(), &Digest::of(&bytes));
            prop_assert_eq!(key.as_str().parse::<Key>().unwrap(), key.clone());
        }
    }
}
