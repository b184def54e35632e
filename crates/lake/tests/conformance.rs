//! Tests of the lake with a real S3 endpoint: the local store, or `TASADOR_TEST_S3_ENDPOINT`.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod store;

use std::io::Write as _;

use aws_sdk_s3::primitives::ByteStream;
use futures::future::join_all;
use tasador_ids::{Digest, Hasher};
use tasador_lake::{Key, LakeError, Put};

use store::store;

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_object_is_written_once() {
    let store = store().await;
    let key = key("datasets/one.json");
    assert_eq!(
        store.lake.put_once(&key, "first").await.unwrap(),
        Put::Written
    );
    assert_eq!(
        store.lake.put_once(&key, "first").await.unwrap(),
        Put::AlreadyThere
    );
    let error = store.lake.put_once(&key, "second").await.unwrap_err();
    assert!(
        matches!(error, LakeError::AlreadyExists { .. }) && !error.is_retryable(),
        "{error}"
    );
    assert_eq!(store.lake.get(&key).await.unwrap(), "first");
}

#[tokio::test]
async fn concurrent_writers_of_the_same_bytes_succeed() {
    let store = store().await;
    let key = key("raw/same.csv");
    let bytes = vec![7_u8; 100_000];
    let writes = join_all((0..16).map(|_| store.lake.put_once(&key, bytes.clone()))).await;
    assert!(writes.iter().all(Result::is_ok), "{writes:?}");
    assert!(
        writes.iter().flatten().any(|put| *put == Put::Written),
        "{writes:?}"
    );
    assert_eq!(
        store
            .lake
            .get_verified(&key, Digest::of(&bytes))
            .await
            .unwrap(),
        bytes
    );
}

#[tokio::test]
async fn missing_objects_are_not_found() {
    let store = store().await;
    let key = key("clean/none.parquet");
    let file = tempfile::NamedTempFile::new().unwrap();
    let missing = [
        store.lake.get(&key).await.map(drop),
        store
            .lake
            .get_verified(&key, Digest::of(b""))
            .await
            .map(drop),
        store.lake.get_json::<String>(&key).await.map(drop),
        store
            .lake
            .get_to_file(&key, file.path(), 10)
            .await
            .map(drop),
    ];
    for answer in missing {
        assert!(
            matches!(answer, Err(LakeError::NotFound { .. })),
            "{answer:?}"
        );
    }
    assert_eq!(store.lake.head(&key).await.unwrap(), None);
    assert!(!store.lake.exists(&key).await.unwrap());
    assert!(store.lake.list("clean/").await.unwrap().is_empty());
    store.lake.delete(&key).await.unwrap();
}

#[tokio::test]
async fn unexpected_bytes_are_reported_as_corrupt() {
    let store = store().await;
    let key = key("models/m/1/model.tsd");
    store.lake.put_once(&key, "model").await.unwrap();
    assert_eq!(
        store
            .lake
            .get_verified(&key, Digest::of(b"model"))
            .await
            .unwrap(),
        "model"
    );
    let error = store
        .lake
        .get_verified(&key, Digest::of(b"other"))
        .await
        .unwrap_err();
    assert!(matches!(error, LakeError::Corrupt { .. }), "{error}");
    let error = store.lake.get_json::<u32>(&key).await.unwrap_err();
    assert!(matches!(error, LakeError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn bytes_that_differ_from_the_metadata_are_reported_as_corrupt() {
    let store = store().await;
    let key = key("raw/lie.csv");
    let put = store
        .client
        .put_object()
        .bucket(store.lake.bucket())
        .key(key.as_str());
    put.metadata("sha256", Digest::of(b"what was meant").to_string())
        .body(ByteStream::from_static(b"what is there"))
        .send()
        .await
        .unwrap();
    let error = store.lake.get(&key).await.unwrap_err();
    assert!(matches!(error, LakeError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_object_is_written_again_by_whoever_writes_its_bytes() {
    let store = store().await;
    let digest = Digest::of(b"rows").to_string();
    // A flipped byte, and what a power cut leaves: an empty file, with or without its metadata.
    for (name, left, digest) in [
        ("raw/flipped.csv", &b"rowt"[..], Some(&digest)),
        ("raw/empty.csv", b"", Some(&digest)),
        ("raw/bare.csv", b"", None),
    ] {
        let key = key(name);
        let mut put = store
            .client
            .put_object()
            .bucket(store.lake.bucket())
            .key(key.as_str());
        if let Some(digest) = digest {
            put = put.metadata("sha256", digest);
        }
        put.body(ByteStream::from_static(left))
            .send()
            .await
            .unwrap();
        assert_eq!(
            store.lake.put_once(&key, "rows").await.unwrap(),
            Put::Written,
            "{name}"
        );
        assert_eq!(store.lake.get(&key).await.unwrap(), "rows", "{name}");
    }
}

#[tokio::test]
async fn an_object_without_metadata_is_read() {
    let store = store().await;
    let key = key("raw/silent.csv");
    let put = store
        .client
        .put_object()
        .bucket(store.lake.bucket())
        .key(key.as_str());
    put.body(ByteStream::from_static(b"rows"))
        .send()
        .await
        .unwrap();
    assert_eq!(store.lake.head(&key).await.unwrap().unwrap().sha256, None);
    assert_eq!(
        store.lake.put_once(&key, "rows").await.unwrap(),
        Put::AlreadyThere
    );
    let error = store.lake.put_once(&key, "rats").await.unwrap_err();
    assert!(matches!(error, LakeError::AlreadyExists { .. }), "{error}");
}

#[tokio::test]
async fn files_of_64_megabytes_are_uploaded_and_downloaded() {
    const PIECE: usize = 1 << 20;
    const PIECES: u8 = 64;
    let store = store().await;
    let key = key("raw/big.csv");
    let folder = tempfile::tempdir().unwrap();
    let (there, back) = (folder.path().join("there"), folder.path().join("back"));
    let mut file = std::fs::File::create(&there).unwrap();
    let mut hasher = Hasher::default();
    for piece in 0..PIECES {
        let piece = vec![piece; PIECE];
        hasher.update(&piece);
        file.write_all(&piece).unwrap();
    }
    drop(file);
    let digest = hasher.finish();
    let size_bytes = u64::from(PIECES) * PIECE as u64;

    assert_eq!(
        store
            .lake
            .put_once_from_file(&key, &there, digest)
            .await
            .unwrap(),
        Put::Written
    );
    assert_eq!(
        store
            .lake
            .put_once_from_file(&key, &there, digest)
            .await
            .unwrap(),
        Put::AlreadyThere
    );
    let info = store.lake.head(&key).await.unwrap().unwrap();
    assert_eq!((info.size_bytes, info.sha256), (size_bytes, Some(digest)));

    let read = store
        .lake
        .get_to_file_verified(&key, &back, size_bytes, digest)
        .await
        .unwrap();
    assert_eq!((read.size_bytes, read.digest), (size_bytes, digest));
    assert_eq!(std::fs::metadata(&back).unwrap().len(), size_bytes);

    let error = store
        .lake
        .get_to_file(&key, &back, size_bytes - 1)
        .await
        .unwrap_err();
    assert!(
        matches!(error, LakeError::TooLarge { size_bytes: found, .. } if found == size_bytes),
        "{error}"
    );
}

#[tokio::test]
async fn the_server_rejects_bytes_that_differ_from_their_checksum() {
    let store = store().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "rows").unwrap();
    let answer = store
        .lake
        .put_once_from_file(&key("raw/other.csv"), file.path(), Digest::of(b"other"))
        .await;
    assert!(
        matches!(answer, Err(LakeError::Unavailable { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_missing_file_is_reported_with_its_path() {
    let store = store().await;
    let path = std::path::Path::new("/nowhere/rows.csv");
    let error = store
        .lake
        .put_once_from_file(&key("raw/a.csv"), path, Digest::of(b""))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("/nowhere/rows.csv"), "{error}");
}

#[tokio::test]
async fn empty_objects_are_supported() {
    let store = store().await;
    let key = key("raw/empty.csv");
    store.lake.put_once(&key, "").await.unwrap();
    assert_eq!(
        store
            .lake
            .get_verified(&key, Digest::of(b""))
            .await
            .unwrap(),
        ""
    );
    assert_eq!(store.lake.head(&key).await.unwrap().unwrap().size_bytes, 0);
}

#[tokio::test]
async fn lists_cover_all_pages_of_their_prefix_only() {
    let store = store().await;
    let written: Vec<Key> = (0..7).map(|n| key(&format!("incoming/{n}.csv"))).collect();
    for key in written.iter().rev() {
        store
            .lake
            .put(key, key.file_name().to_owned())
            .await
            .unwrap();
    }
    store.lake.put(&key("incomings/8.csv"), "").await.unwrap();
    store.lake.put(&key("a.csv"), "").await.unwrap();
    for page_keys in [1, 3, 7, 1_000] {
        let listed = store.lake.list_by("incoming/", page_keys).await.unwrap();
        let keys: Vec<Key> = listed.iter().map(|object| object.key.clone()).collect();
        assert_eq!(keys, written, "{page_keys} keys a page");
        assert!(
            listed
                .iter()
                .all(|object| object.size_bytes == 5 && object.modified_at.is_some())
        );
    }
}

#[tokio::test]
async fn markers_are_overwritten_and_deleted() {
    let store = store().await;
    let key = key("incoming/marker.csv");
    store.lake.put(&key, "one").await.unwrap();
    store.lake.put(&key, "two").await.unwrap();
    assert_eq!(store.lake.get(&key).await.unwrap(), "two");
    store.lake.delete(&key).await.unwrap();
    store.lake.delete(&key).await.unwrap();
    assert!(!store.lake.exists(&key).await.unwrap());
}

#[tokio::test]
async fn json_round_trips() {
    let store = store().await;
    let key = key("datasets/a.json");
    let value = vec![("Saint-Étienne".to_owned(), 0.1_f64)];
    store.lake.put_json_once(&key, &value).await.unwrap();
    assert_eq!(
        store
            .lake
            .get_json::<Vec<(String, f64)>>(&key)
            .await
            .unwrap(),
        value
    );
}

#[tokio::test]
async fn an_existing_bucket_is_not_an_error() {
    let store = store().await;
    store.lake.create_bucket().await.unwrap();
}
