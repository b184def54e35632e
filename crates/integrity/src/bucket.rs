//! The objects of the bucket: each has the bytes that it was written with, and those that others expect.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _};
use tasador_archive::Copies;
use tasador_dataset::Manifest;
use tasador_ids::{BatchId, Digest, key};
use tasador_lake::{Key, LakeError, ObjectInfo};
use tasador_listing::BatchReport;
use tasador_runtime::Context;

use crate::IntegrityError;
use crate::finding::{Remedy, Report};

/// Where MLflow's clients and people put files, which may have no hash.
const STORED_BY_OTHERS: [&str; 3] = ["mlflow/", "drop/", "outcomes/"];

/// Objects that are read at once.
const CONCURRENCY: usize = 4;

/// What an object must be.
#[derive(Debug, Clone)]
struct Expected {
    digest: Digest,
    remedy: Remedy,
}

/// The objects that exist, by key.
pub(crate) type Objects = BTreeMap<Key, ObjectInfo>;

/// Checks all objects, and returns them.
pub(crate) async fn check(
    ctx: &Context,
    copies: &Copies,
    report: &mut Report,
) -> Result<Objects, IntegrityError> {
    let objects: Objects = ctx
        .lake
        .list("")
        .await?
        .into_iter()
        .map(|object| (object.key.clone(), object))
        .collect();
    let expected = expectations(ctx, copies, &objects, report).await?;
    for (key, expected) in &expected {
        if !objects.contains_key(key) {
            report.find(key, "it is missing", expected.remedy);
        }
    }
    let lake = &ctx.lake;
    let expected = &expected;
    let mut checked = stream::iter(objects.values().cloned())
        .map(|object| async move {
            let digest = expected.get(&object.key).map(|expected| expected.digest);
            let found = lake.check(&object.key, digest).await;
            (object, found)
        })
        .buffer_unordered(CONCURRENCY);
    while let Some((object, found)) = checked.next().await {
        report.objects += 1;
        report.size_bytes += object.size_bytes;
        let key = &object.key;
        let remedy = || match expected.get(key) {
            Some(expected) => expected.remedy,
            None => remedy_of(key),
        };
        match found {
            Ok(_) => {
                // Its writer stored a hash, or others know it; otherwise nothing was compared.
                let is_known = expected.contains_key(key)
                    || lake
                        .head(key)
                        .await?
                        .is_some_and(|info| info.sha256.is_some());
                if is_known {
                } else if is_from_others(key) {
                    report.without_hash += 1;
                } else {
                    report.find(key, "its hash was lost", remedy());
                }
            }
            Err(LakeError::Corrupt { reason, .. }) => {
                report.find(key, format!("it is damaged: {reason}"), remedy());
            }
            // Removed meanwhile, as markers are.
            Err(LakeError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    drop(checked);
    Ok(objects)
}

/// Whether MLflow's clients or people write the object; they store no hash.
fn is_from_others(key: &Key) -> bool {
    STORED_BY_OTHERS
        .iter()
        .any(|folder| key.as_str().starts_with(folder))
        || *key == key::listing_schema()
}

/// What helps if an object is damaged of which nobody else knows the hash.
fn remedy_of(key: &Key) -> Remedy {
    let (folder, _) = key.as_str().split_once('/').unwrap_or_default();
    match (folder, batch_of(key)) {
        ("profiles", Some(batch)) if *key == key::schema(&batch) => Remedy::Backup,
        ("profiles" | "clean" | "rejected", Some(batch)) => Remedy::Clean(batch),
        ("registry", _) => Remedy::Copy,
        ("seen", _) => Remedy::RowHashes,
        ("incoming", _) => Remedy::Run,
        _ => Remedy::Backup,
    }
}

/// The batch that a key is named after.
pub(crate) fn batch_of(key: &Key) -> Option<BatchId> {
    key.file_name().split('.').next()?.parse().ok()
}

/// What is known of objects from elsewhere: their names, and other objects.
async fn expectations(
    ctx: &Context,
    copies: &Copies,
    objects: &Objects,
    report: &mut Report,
) -> Result<BTreeMap<Key, Expected>, IntegrityError> {
    let mut expected = BTreeMap::new();
    let expect = |expected: &mut BTreeMap<Key, Expected>, key, digest, remedy| {
        expected.insert(key, Expected { digest, remedy });
    };
    for key in objects.keys() {
        let (folder, _) = key.as_str().split_once('/').unwrap_or_default();
        let batch = batch_of(key);
        match (folder, batch) {
            ("raw", Some(batch)) => {
                expect(&mut expected, key.clone(), batch.digest(), Remedy::Backup);
            }
            ("raw", None) => report.find(key, "it is not named after a batch", Remedy::Person),
            // Named after the SHA-256 of their bytes.
            ("datasets" | "verdicts", Some(named)) => {
                expect(&mut expected, key.clone(), named.digest(), Remedy::Backup);
            }
            ("outcomes", Some(named)) if *key == key::reported_sales(&named.digest()) => {
                expect(&mut expected, key.clone(), named.digest(), Remedy::Backup);
            }
            ("profiles", Some(batch)) if *key == key::profile(&batch) => {
                if let Some(parts) = parsed::<BatchReport>(ctx, key).await? {
                    let remedy = Remedy::Clean(batch);
                    let clean = key::clean(&batch);
                    expect(&mut expected, clean, parts.clean_sha256, remedy);
                    let rejected = key::rejected(&batch);
                    expect(&mut expected, rejected, parts.rejected_sha256, remedy);
                } else {
                    report.find(key, "it cannot be read", Remedy::Clean(batch));
                }
            }
            _ => {}
        }
    }
    for copy in &copies.versions {
        for (key, digest) in copy.hashes() {
            expect(&mut expected, key, digest, Remedy::Backup);
        }
    }
    // What MLflow's clients registered as versions.
    let uploaded = objects
        .keys()
        .filter(|key| key.as_str().starts_with("mlflow/"));
    let uploaded: Vec<Key> = uploaded.cloned().collect();
    for (key, digest) in ctx.registry.recorded_files(&uploaded).await? {
        expect(&mut expected, key, digest, Remedy::Backup);
    }
    manifests(ctx, objects, &expected, report).await?;
    row_hashes(ctx, objects, report).await?;
    Ok(expected)
}

/// The batches of each dataset have the clean files that it names.
async fn manifests(
    ctx: &Context,
    objects: &Objects,
    expected: &BTreeMap<Key, Expected>,
    report: &mut Report,
) -> Result<(), IntegrityError> {
    let mut missing = BTreeSet::new();
    for key in objects
        .keys()
        .filter(|key| key.as_str().starts_with("datasets/"))
    {
        let Some(manifest) = parsed::<Manifest>(ctx, key).await? else {
            continue; // Reported as damaged.
        };
        for entry in manifest.batches {
            let known = expected.get(&entry.clean_key);
            if !objects.contains_key(&entry.clean_key) {
                missing.insert(entry.batch);
            } else if known.is_some_and(|known| known.digest != entry.clean_sha256) {
                let fault = format!(
                    "it names clean rows of batch {} with the SHA-256 {}, which were replaced since",
                    entry.batch, entry.clean_sha256
                );
                report.find(key, fault, Remedy::Backup);
            }
        }
    }
    for batch in missing {
        report.find(
            key::clean(&batch),
            "it is missing, and a dataset names it",
            Remedy::Clean(batch),
        );
    }
    Ok(())
}

/// Each batch with clean rows has their hashes.
async fn row_hashes(
    ctx: &Context,
    objects: &Objects,
    report: &mut Report,
) -> Result<(), IntegrityError> {
    let known = tasador_seen::batches(&ctx.lake).await?;
    for key in objects.keys() {
        if let Some(batch) = batch_of(key)
            && *key == key::clean(&batch)
            && !known.contains(&batch)
        {
            report.find(
                key::seen(&batch),
                "the hashes of the batch's rows are missing",
                Remedy::Clean(batch),
            );
        }
    }
    Ok(())
}

/// The JSON of an object; `None` if it is damaged or missing.
async fn parsed<T: serde::de::DeserializeOwned>(
    ctx: &Context,
    key: &Key,
) -> Result<Option<T>, IntegrityError> {
    match ctx.lake.get_json(key).await {
        Ok(value) => Ok(Some(value)),
        Err(LakeError::Corrupt { .. } | LakeError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
