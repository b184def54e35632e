//! A batch is read by the schema of the bucket or of the configured file.

use std::path::Path;

use bytes::Bytes;
use tasador_ids::key;
use tasador_runtime::{Config, Context, ErrorClass};

use crate::place::{Place, attempt};

const CSV: &str = "worth,extra\n100,7\n200,8\n";

fn toml(unit: &str) -> Bytes {
    format!("version = 1\n[columns.price]\nnames = [\"worth\"]\nunit = \"{unit}\"\n").into()
}

async fn put(place: &Place, text: Bytes) {
    let lake = &place.ctx.lake;
    lake.put(&key::listing_schema(), text).await.unwrap();
}

/// The same place with this file as its schema.
fn with_file(place: &Place, path: &Path) -> Context {
    let mut ctx = place.ctx.clone();
    let mut config: Config = (*ctx.config).clone();
    config.schema = Some(path.to_owned());
    ctx.config = config.into();
    ctx
}

#[tokio::test]
async fn the_bucket_s_schema_is_used_and_kept_with_the_batch() {
    let place = Place::new().await;
    put(&place, toml("thousands")).await;
    let request = place.csv(CSV).await;
    let answer = place.run(&request).await;
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        place.clean(&answer, "price").await,
        [some("100000.0"), some("200000.0")]
    );
    let kept = place.ctx.lake.get(&key::schema(&request.batch)).await;
    assert_eq!(kept.unwrap(), toml("thousands"));

    // An attempt that was interrupted goes on with the schema that it began with.
    let files = place.objects().await;
    place.ctx.lake.delete(&answer.profile_key).await.unwrap();
    put(&place, toml("millions")).await;
    assert_eq!(place.run(&request).await, answer);
    for (key, bytes) in files {
        if key != "tasador.toml" {
            assert_eq!(place.objects().await[&key], bytes, "{key}");
        }
    }
}

#[tokio::test]
async fn rows_that_were_written_without_a_schema_are_finished_without_one() {
    let place = Place::new().await;
    let request = place.csv("price,extra\n100,7\n").await;
    let answer = place.run(&request).await;
    place.ctx.lake.delete(&answer.profile_key).await.unwrap();
    put(&place, toml("millions")).await;
    assert_eq!(place.run(&request).await, answer);
}

#[tokio::test]
async fn the_configured_file_is_used_before_the_bucket_s() {
    let place = Place::new().await;
    put(&place, toml("thousands")).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tasador.toml");
    let ctx = with_file(&place, &path);
    let absent = attempt(&place.csv(CSV).await, &ctx).await.unwrap();
    std::fs::write(&path, toml("millions")).unwrap();
    let other = place.csv(&CSV.replace('7', "9")).await;
    let present = attempt(&other, &ctx).await.unwrap();
    for (answer, price) in [(absent, "100000.0"), (present, "100000000.0")] {
        let first = place.clean(&answer, "price").await.remove(0);
        assert_eq!(first.as_deref(), Some(price));
    }
}

#[tokio::test]
async fn a_schema_that_cannot_be_used_is_named_and_nothing_is_stored() {
    let place = Place::new().await;
    put(
        &place,
        Bytes::from_static(b"version = 1\n[columns.price]\nunit = \"acres\"\n"),
    )
    .await;
    let before = place.objects().await;
    let failure = attempt(&place.csv(CSV).await, &place.ctx)
        .await
        .unwrap_err();
    assert_eq!(failure.error_type, ErrorClass::InvalidInput);
    for said in [
        "tasador.toml in the bucket",
        "columns.price",
        "cannot be `acres`",
    ] {
        assert!(failure.message.contains(said), "{failure}");
    }
    assert_eq!(place.objects().await, before);
    let folder = tempfile::tempdir().unwrap();
    let failure = attempt(&place.csv(CSV).await, &with_file(&place, folder.path())).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.error_type, ErrorClass::InvalidInput);
    assert!(failure.message.contains("cannot be read"), "{failure}");
}
