//! What S3's users rely on beside the lake's own calls, over HTTP against the local store: names, checksums,
//! ranges, conditions, copies and uploads in parts.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod store;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart, Delete,
    EncodingType, MetadataDirective, ObjectIdentifier,
};
use store::{Store, store};

const MIB: usize = 1 << 20;

async fn bucket() -> (Store, Client, String) {
    let store = store().await;
    let (client, name) = (store.client.clone(), store.lake.bucket().to_owned());
    (store, client, name)
}

/// The code that a failed call was answered with.
#[allow(
    clippy::needless_pass_by_value,
    reason = "only the error is of interest"
)]
fn code<T: std::fmt::Debug, E>(result: Result<T, SdkError<E>>) -> String
where
    E: aws_sdk_s3::error::ProvideErrorMetadata + std::fmt::Debug,
{
    result.unwrap_err().code().unwrap_or("no code").to_owned()
}

async fn text(client: &Client, bucket: &str, key: &str) -> Option<String> {
    let got = client
        .get_object()
        .bucket(bucket)
        .key(key)
        .send()
        .await
        .ok()?;
    let bytes = got.body.collect().await.unwrap().into_bytes();
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn names_are_encoded_where_a_client_asks_for_it() {
    let (_store, client, bucket) = bucket().await;
    for key in ["a+b 50%.csv", "ü & <x>/\u{1}.csv", "plain.csv"] {
        client
            .put_object()
            .bucket(&bucket)
            .key(key)
            .body(ByteStream::from_static(b"x"))
            .send()
            .await
            .unwrap();
        assert_eq!(text(&client, &bucket, key).await.unwrap(), "x");
    }
    let encoded = [
        "%C3%BC%20%26%20%3Cx%3E/%01.csv",
        "a%2Bb%2050%25.csv",
        "plain.csv",
    ];
    let sorted = [encoded[1], encoded[2], encoded[0]];
    let two = client
        .list_objects_v2()
        .bucket(&bucket)
        .encoding_type(EncodingType::Url)
        .send()
        .await
        .unwrap();
    let keys: Vec<_> = two.contents().iter().filter_map(|it| it.key()).collect();
    assert_eq!(keys, sorted);
    assert_eq!(two.encoding_type(), Some(&EncodingType::Url));
    assert!(
        two.contents()
            .iter()
            .all(|it| it.e_tag().is_some_and(|tag| tag.len() == 34))
    );
    let one = client
        .list_objects()
        .bucket(&bucket)
        .encoding_type(EncodingType::Url)
        .prefix("ü &")
        .delimiter("/")
        .send()
        .await
        .unwrap();
    assert_eq!(
        one.common_prefixes()[0].prefix(),
        Some("%C3%BC%20%26%20%3Cx%3E/")
    );
    assert_eq!(one.prefix(), Some("%C3%BC%20%26"));
    let plain = client
        .list_objects_v2()
        .bucket(&bucket)
        .prefix("a")
        .send()
        .await
        .unwrap();
    assert_eq!(plain.contents()[0].key(), Some("a+b 50%.csv"));
}

#[tokio::test]
async fn listings_continue_where_they_stopped() {
    let (_store, client, bucket) = bucket().await;
    for key in ["a/1", "a/2", "b", "c/d/1", "c/e", "f"] {
        client
            .put_object()
            .bucket(&bucket)
            .key(key)
            .send()
            .await
            .unwrap();
    }
    let mut pages = client
        .list_objects_v2()
        .bucket(&bucket)
        .delimiter("/")
        .into_paginator()
        .page_size(1)
        .send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        assert_eq!(page.key_count(), Some(1));
        names.extend(
            page.contents()
                .iter()
                .filter_map(|it| it.key())
                .map(str::to_owned),
        );
        names.extend(
            page.common_prefixes()
                .iter()
                .filter_map(|it| it.prefix())
                .map(str::to_owned),
        );
    }
    assert_eq!(names, ["a/", "b", "c/", "f"]);
    let mut marker = String::new();
    let mut keys = Vec::new();
    loop {
        let page = client
            .list_objects()
            .bucket(&bucket)
            .marker(&marker)
            .max_keys(2)
            .send()
            .await
            .unwrap();
        keys.extend(
            page.contents()
                .iter()
                .filter_map(|it| it.key())
                .map(str::to_owned),
        );
        if page.is_truncated() != Some(true) {
            break;
        }
        marker = keys.last().unwrap().clone();
    }
    assert_eq!(keys.len(), 6);
    let none = client
        .list_objects_v2()
        .bucket(&bucket)
        .max_keys(0)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (none.key_count(), none.is_truncated()),
        (Some(0), Some(false))
    );
    let bad = client
        .list_objects_v2()
        .bucket(&bucket)
        .continuation_token("§")
        .send()
        .await;
    assert_eq!(code(bad), "InvalidArgument");
}

#[tokio::test]
async fn a_body_whose_checksum_is_wrong_is_not_stored() {
    let (_store, client, bucket) = bucket().await;
    let put = |body: &'static [u8]| {
        client
            .put_object()
            .bucket(&bucket)
            .key("k")
            .body(ByteStream::from_static(body))
    };
    let wrong = [
        put(b"new")
            .content_md5("XUFAKrxLKna5cZ2REBfFkg==")
            .send()
            .await,
        put(b"new").checksum_crc32("AAAAAA==").send().await,
        put(b"new").checksum_crc32_c("AAAAAA==").send().await,
        put(b"new").checksum_crc64_nvme("AAAAAAAAAAA=").send().await,
        put(b"new")
            .checksum_sha1("2jmj7l5rSw0yVb/vlWAYkK/YBwk=")
            .send()
            .await,
        put(b"new")
            .checksum_sha256("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
            .send()
            .await,
    ];
    for wrong in wrong {
        assert_eq!(code(wrong), "BadDigest");
        assert_eq!(text(&client, &bucket, "k").await, None);
    }
    // Nor does it replace what is there.
    put(b"old")
        .checksum_algorithm(ChecksumAlgorithm::Crc32)
        .send()
        .await
        .unwrap();
    assert_eq!(
        code(put(b"new").checksum_crc32("AAAAAA==").send().await),
        "BadDigest"
    );
    assert_eq!(text(&client, &bucket, "k").await.unwrap(), "old");
    let head = client
        .head_object()
        .bucket(&bucket)
        .key("k")
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await
        .unwrap();
    assert_eq!(head.checksum_crc32(), Some("P13U5Q=="));
    assert_eq!(head.e_tag(), Some("\"149603e6c03516362a8da23f624db945\""));

    // Of a file the SDK names the algorithm only.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "old").unwrap();
    let body = ByteStream::from_path(file.path()).await.unwrap();
    let put = client.put_object().bucket(&bucket).key("file").body(body);
    let put = put
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .send()
        .await
        .unwrap();
    assert_eq!(
        put.checksum_sha256(),
        Some("y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM+9Q=")
    );

    let upload = client
        .create_multipart_upload()
        .bucket(&bucket)
        .key("parts")
        .send()
        .await
        .unwrap();
    let id = upload.upload_id().unwrap();
    let part = || {
        let part = client
            .upload_part()
            .bucket(&bucket)
            .key("parts")
            .upload_id(id)
            .part_number(1);
        part.body(ByteStream::from_static(b"part"))
    };
    assert_eq!(
        code(part().checksum_crc32("AAAAAA==").send().await),
        "BadDigest"
    );
    assert_eq!(
        code(part().content_md5("XUFAKrxLKna5cZ2REBfFkg==").send().await),
        "BadDigest"
    );
    let parts = client
        .list_parts()
        .bucket(&bucket)
        .key("parts")
        .upload_id(id)
        .send()
        .await
        .unwrap();
    assert!(parts.parts().is_empty());
}

#[tokio::test]
async fn ranges_and_conditions_of_reads() {
    let (_store, client, bucket) = bucket().await;
    let put = client
        .put_object()
        .bucket(&bucket)
        .key("k")
        .body(ByteStream::from_static(b"0123456789"));
    let tag = put
        .content_type("text/plain")
        .metadata("Name", "ä")
        .cache_control("no-store")
        .send()
        .await
        .unwrap();
    let tag = tag.e_tag().unwrap();
    for (range, expected, content_range) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=5-99", "56789", "bytes 5-9/10"),
    ] {
        let got = client
            .get_object()
            .bucket(&bucket)
            .key("k")
            .range(range)
            .send()
            .await
            .unwrap();
        assert_eq!(got.content_range(), Some(content_range));
        assert_eq!(got.body.collect().await.unwrap().into_bytes(), expected);
    }
    let get = || client.get_object().bucket(&bucket).key("k");
    assert_eq!(code(get().range("bytes=10-").send().await), "InvalidRange");
    assert_eq!(
        code(get().if_match("\"other\"").send().await),
        "PreconditionFailed"
    );
    let unchanged = get().if_none_match(tag).send().await.unwrap_err();
    assert_eq!(unchanged.raw_response().unwrap().status().as_u16(), 304);
    let got = get().if_match(tag).send().await.unwrap();
    assert_eq!(
        (got.content_type(), got.cache_control()),
        (Some("text/plain"), Some("no-store"))
    );
    assert_eq!(got.metadata().unwrap()["name"], "=?UTF-8?B?w6Q=?=");
    assert_eq!(
        code(client.get_object().bucket(&bucket).key("none").send().await),
        "NoSuchKey"
    );
    assert_eq!(
        code(
            client
                .get_object()
                .bucket("other-bucket")
                .key("k")
                .send()
                .await
        ),
        "NoSuchBucket"
    );
}

#[tokio::test]
async fn a_key_has_up_to_1024_bytes() {
    let (_store, client, bucket) = bucket().await;
    for length in [161, 255, 256, 900, 1024] {
        let key = "k".repeat(length);
        client
            .put_object()
            .bucket(&bucket)
            .key(&key)
            .body(ByteStream::from_static(b"x"))
            .send()
            .await
            .unwrap();
        assert_eq!(text(&client, &bucket, &key).await.unwrap(), "x");
    }
    let long = client
        .put_object()
        .bucket(&bucket)
        .key("k".repeat(1025))
        .send()
        .await;
    assert_eq!(code(long), "KeyTooLongError");
    let listed = client
        .list_objects_v2()
        .bucket(&bucket)
        .send()
        .await
        .unwrap();
    assert_eq!(listed.contents().len(), 5);
}

/// Dots in keys are letters: none leaves its bucket, and none fails. A prefix is not an object.
#[tokio::test]
async fn dots_and_slashes_in_keys_are_letters() {
    let (_store, client, bucket) = bucket().await;
    client.create_bucket().bucket("other").send().await.unwrap();
    let keys = [
        "..",
        ".",
        "../other/x",
        "../../x",
        "a/../../other/x",
        "a//b",
        "/a",
        "raw/x",
    ];
    for key in keys {
        let put = client.put_object().bucket(&bucket).key(key);
        let body = ByteStream::from(key.as_bytes().to_vec());
        put.body(body).send().await.unwrap();
    }
    for key in keys {
        assert_eq!(text(&client, &bucket, key).await.as_deref(), Some(key));
    }
    assert_eq!(text(&client, "other", "x").await, None);
    for prefix in ["raw", "raw/", "a", "../other"] {
        let got = client.get_object().bucket(&bucket).key(prefix).send().await;
        assert_eq!(code(got), "NoSuchKey", "{prefix}");
    }
    for key in keys {
        let delete = client.delete_object().bucket(&bucket).key(key);
        delete.send().await.unwrap();
        assert_eq!(text(&client, &bucket, key).await, None);
    }
}

#[tokio::test]
async fn copies_keep_or_replace_what_is_known() {
    let (_store, client, bucket) = bucket().await;
    let put = client
        .put_object()
        .bucket(&bucket)
        .key("a b+c")
        .metadata("a", "1")
        .content_type("text/csv");
    put.body(ByteStream::from_static(b"x"))
        .send()
        .await
        .unwrap();
    let source = format!("{bucket}/a%20b%2Bc");
    let copy = |key: &str| {
        client
            .copy_object()
            .bucket(&bucket)
            .key(key)
            .copy_source(&source)
    };
    copy("kept").send().await.unwrap();
    let replaced = copy("replaced")
        .metadata_directive(MetadataDirective::Replace)
        .metadata("b", "2");
    replaced.send().await.unwrap();
    let head = |key: &str| client.head_object().bucket(&bucket).key(key).send();
    let kept = head("kept").await.unwrap();
    assert_eq!(
        (kept.content_type(), kept.metadata().unwrap()["a"].as_str()),
        (Some("text/csv"), "1")
    );
    let replaced = head("replaced").await.unwrap();
    assert_eq!(replaced.content_type(), Some("binary/octet-stream"));
    assert_eq!(replaced.metadata().unwrap()["b"], "2");
    assert_eq!(kept.e_tag(), replaced.e_tag());
    assert_eq!(code(copy("a b+c").send().await), "InvalidRequest");
    assert_eq!(
        code(copy("x").copy_source_if_match("\"other\"").send().await),
        "PreconditionFailed"
    );
    // Every part of a source's path stays within its bucket.
    for source in [
        format!("{bucket}/../{bucket}/kept"),
        format!("{bucket}/none"),
        "../etc/passwd".to_owned(),
    ] {
        let copy = client
            .copy_object()
            .bucket(&bucket)
            .key("stolen")
            .copy_source(source)
            .send()
            .await;
        assert!(copy.is_err());
    }
    assert_eq!(text(&client, &bucket, "stolen").await, None);
}

async fn upload(
    client: &Client,
    bucket: &str,
    key: &str,
    bodies: &[Vec<u8>],
) -> (String, Vec<CompletedPart>) {
    let begun = client
        .create_multipart_upload()
        .bucket(bucket)
        .key(key)
        .content_type("text/x")
        .metadata("m", "1");
    let begun = begun
        .checksum_algorithm(ChecksumAlgorithm::Crc32)
        .send()
        .await
        .unwrap();
    assert_eq!(begun.checksum_type(), Some(&ChecksumType::Composite));
    let id = begun.upload_id().unwrap().to_owned();
    let mut parts = Vec::new();
    for (number, body) in (1..).zip(bodies) {
        let part = client
            .upload_part()
            .bucket(bucket)
            .key(key)
            .upload_id(&id)
            .part_number(number * 2);
        let part = part
            .body(ByteStream::from(body.clone()))
            .send()
            .await
            .unwrap();
        assert!(part.checksum_crc32().is_some());
        let completed = CompletedPart::builder()
            .part_number(number * 2)
            .set_e_tag(part.e_tag().map(str::to_owned))
            .set_checksum_crc32(part.checksum_crc32().map(str::to_owned));
        parts.push(completed.build());
    }
    (id, parts)
}

#[tokio::test]
async fn uploads_in_parts() {
    let (_store, client, bucket) = bucket().await;
    let bodies = [vec![b'a'; 5 * MIB], vec![b'b'; 5 * MIB], b"end".to_vec()];
    let (id, parts) = upload(&client, &bucket, "big", &bodies).await;
    let complete = |parts: Vec<CompletedPart>| {
        let upload = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        client
            .complete_multipart_upload()
            .bucket(&bucket)
            .key("big")
            .upload_id(&id)
            .multipart_upload(upload)
    };
    let listed = client
        .list_multipart_uploads()
        .bucket(&bucket)
        .send()
        .await
        .unwrap();
    assert_eq!(listed.uploads()[0].upload_id(), Some(&*id));
    let mut pages = client
        .list_parts()
        .bucket(&bucket)
        .key("big")
        .upload_id(&id)
        .max_parts(2)
        .into_paginator()
        .send();
    let mut numbers = Vec::new();
    while let Some(page) = pages.next().await {
        numbers.extend(
            page.unwrap()
                .parts()
                .iter()
                .filter_map(|part| part.part_number()),
        );
    }
    assert_eq!(numbers, [2, 4, 6]);

    let mut reversed = parts.clone();
    reversed.reverse();
    assert_eq!(code(complete(reversed).send().await), "InvalidPartOrder");
    let other = CompletedPart::builder()
        .part_number(2)
        .e_tag("\"0\"")
        .build();
    assert_eq!(code(complete(vec![other]).send().await), "InvalidPart");
    let missing = CompletedPart::builder()
        .part_number(3)
        .e_tag("\"0\"")
        .build();
    assert_eq!(code(complete(vec![missing]).send().await), "InvalidPart");
    assert_eq!(text(&client, &bucket, "big").await, None);
    let done = complete(parts.clone()).send().await.unwrap();
    assert!(
        done.e_tag().unwrap().ends_with("-3\"") && done.checksum_crc32().unwrap().ends_with("-3")
    );
    assert_eq!(
        text(&client, &bucket, "big").await.unwrap().as_bytes(),
        bodies.concat()
    );
    let head = client
        .head_object()
        .bucket(&bucket)
        .key("big")
        .checksum_mode(ChecksumMode::Enabled)
        .send();
    let head = head.await.unwrap();
    assert_eq!(
        (head.content_type(), head.checksum_type()),
        (Some("text/x"), Some(&ChecksumType::Composite))
    );
    assert_eq!(code(complete(parts).send().await), "NoSuchUpload");

    let small = [vec![1; 100], vec![2; 100]];
    let (id, parts) = upload(&client, &bucket, "small", &small).await;
    let completed = CompletedMultipartUpload::builder()
        .set_parts(Some(parts))
        .build();
    let small = client
        .complete_multipart_upload()
        .bucket(&bucket)
        .key("small")
        .upload_id(&id);
    assert_eq!(
        code(small.multipart_upload(completed).send().await),
        "EntityTooSmall"
    );
    client
        .abort_multipart_upload()
        .bucket(&bucket)
        .key("small")
        .upload_id(&id)
        .send()
        .await
        .unwrap();
    for wrong in ["../..", &id] {
        let abort = client
            .abort_multipart_upload()
            .bucket(&bucket)
            .key("small")
            .upload_id(wrong)
            .send()
            .await;
        assert_eq!(code(abort), "NoSuchUpload");
    }

    // A part of another object's bytes.
    let begun = client
        .create_multipart_upload()
        .bucket(&bucket)
        .key("copied")
        .send()
        .await
        .unwrap();
    let id = begun.upload_id().unwrap();
    let part = client
        .upload_part_copy()
        .bucket(&bucket)
        .key("copied")
        .upload_id(id)
        .part_number(1);
    let part = part
        .copy_source(format!("{bucket}/big"))
        .copy_source_range("bytes=5242878-5242881");
    let tag = part
        .send()
        .await
        .unwrap()
        .copy_part_result()
        .unwrap()
        .e_tag()
        .unwrap()
        .to_owned();
    let part = CompletedPart::builder().part_number(1).e_tag(tag).build();
    let completed = CompletedMultipartUpload::builder().parts(part).build();
    let done = client
        .complete_multipart_upload()
        .bucket(&bucket)
        .key("copied")
        .upload_id(id);
    done.multipart_upload(completed).send().await.unwrap();
    assert_eq!(text(&client, &bucket, "copied").await.unwrap(), "aabb");
}

#[tokio::test]
async fn many_objects_are_deleted_at_once() {
    let (_store, client, bucket) = bucket().await;
    for key in ["a/1", "a/2", "../up", "b"] {
        client
            .put_object()
            .bucket(&bucket)
            .key(key)
            .send()
            .await
            .unwrap();
    }
    let keys = ["a/1", "../up", "missing", "a"]
        .map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder()
        .set_objects(Some(keys.into()))
        .build()
        .unwrap();
    let deleted = client
        .delete_objects()
        .bucket(&bucket)
        .delete(delete)
        .send()
        .await
        .unwrap();
    assert_eq!((deleted.deleted().len(), deleted.errors().len()), (4, 0));
    let left = client
        .list_objects_v2()
        .bucket(&bucket)
        .send()
        .await
        .unwrap();
    let left: Vec<_> = left.contents().iter().filter_map(|it| it.key()).collect();
    assert_eq!(left, ["a/2", "b"]);
    assert_eq!(
        code(client.delete_bucket().bucket(&bucket).send().await),
        "BucketNotEmpty"
    );
}
