//! What must hold in bucket and registry: found by `verify` if it does not, restored by `repair`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use local::cloud::{Cloud, Options, StartError};
use local::folder::Folder;
use reqwest::Method;
use tasador_ids::ModelVersion;
use tasador_registry::{
    BatchEvent, Champion, InferenceRecord, Outcome, PageRequest, PromotionEvent, VersionRecord,
    Withdrawn,
};
use tasador_runtime::{Config, Context};
use tasador_testing::listings::Batch;
use tests::stories::train_on_anything;
use tests::world::World;
use tokio::process::Command;

use crate::TASADOR;

/// Three batches, promotions, a rejection, a withdrawn batch and property, and a folder whose processes have
/// ended.
async fn used() -> (World, PathBuf) {
    let mut world = World::new(train_on_anything).await;
    world.deliver(&Batch::new(1, 600)).await;
    world.deliver(&Batch::new(2, 51)).await;
    let withdrawn = world.deliver(&Batch::new(3, 60)).await;
    let batch = withdrawn.recorded().batch.unwrap();
    for path in [
        format!("/batches/{batch}/withdraw"),
        format!("/batches/{batch}/release"),
        format!("/batches/{batch}/withdraw"),
        format!("/properties/{:032x}/withdraw", 7),
    ] {
        let reason = serde_json::json!({"reason": "a test"});
        let (status, answer) = world.http(Method::POST, &path, Some(&reason)).await;
        assert_eq!(status, 200, "{path}: {answer}");
        world.cloud().executions().idle().await;
    }
    let sale = serde_json::json!({"sales": [
        {"street": "12 N Main St", "zip_code": "06016", "price": 1, "date": "2026-01-01"}
    ]});
    let (status, answer) = world.http(Method::POST, "/outcomes", Some(&sale)).await;
    assert_eq!(status, 202, "{answer}");
    let folder = world.cloud().folder().root().to_path_buf();
    world.pause().await;
    (world, folder)
}

/// The same, and what takes many batches and much time: merged lists of row hashes, a file of the inference
/// log; and a schema that a batch was read by.
async fn much_used() -> (World, PathBuf) {
    let (mut world, folder) = used().await;
    let schema = folder.join("declared.toml");
    std::fs::write(&schema, "version = 1\n[columns.bed]\nnames = [\"bed\"]\n").unwrap();
    world
        .restart(|config| config.schema = Some(schema.clone()))
        .await;
    for seed in 4..=8 {
        world.deliver(&Batch::new(seed, 49)).await;
    }
    let context = world.context();
    let hour = context.now() - SignedDuration::from_hours(2);
    let record = InferenceRecord {
        request_id: "request".to_owned(),
        at: hour,
        model: context.config.model.clone(),
        version: Some(ModelVersion(1)),
        status: 200,
        error: None,
        duration_us: 300,
        input: serde_json::json!({"bed": 3}),
        output: serde_json::json!({"predicted_price": 250_000.5}),
    };
    context.registry.put_inference(&record).await.unwrap();
    let request = compact::Request {
        from: Some(hour),
        ..compact::Request::default()
    };
    let compacted = compact::handle(request, context).await.unwrap();
    assert_eq!((compacted.files.len(), compacted.merged > 0), (1, true));
    world.deliver(&Batch::new(9, 49)).await;
    world.pause().await;
    (world, folder)
}

async fn tasador(folder: &Path, command: &str) -> (Option<i32>, String) {
    let output = Command::new(TASADOR)
        .args([command, "--data-dir"])
        .arg(folder)
        .output()
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// What people see of the registry.
async fn seen(
    ctx: &Context,
) -> (
    Vec<Outcome>,
    Vec<PromotionEvent>,
    Vec<VersionRecord>,
    Option<Champion>,
    Withdrawn,
    Vec<BatchEvent>,
) {
    let all = PageRequest::first(100);
    let model = &ctx.config.model;
    let withdrawn = ctx.registry.withdrawn().await.unwrap();
    let mut decisions = Vec::new();
    for event in &withdrawn.batches {
        decisions.extend(ctx.registry.batch_events(&event.batch).await.unwrap());
    }
    (
        ctx.registry.history(&all).await.unwrap().items,
        ctx.registry.promotions(model, &all).await.unwrap().items,
        ctx.registry.all_versions(model).await.unwrap(),
        ctx.registry.champion(model).await.unwrap(),
        withdrawn,
        decisions,
    )
}

async fn cloud(folder: &Path) -> Result<Cloud, StartError> {
    let folder = Folder::take(folder).await.unwrap();
    Box::pin(Cloud::start(Options::new(folder, Config::default()))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_registry_is_rebuilt_from_the_bucket() {
    let (mut world, folder) = used().await;
    world.restart(|_| ()).await;
    let before = seen(world.context()).await;
    assert_eq!((before.4.batches.len(), before.4.properties.len()), (1, 1));
    assert_eq!((before.5.len(), before.1.len()), (3, 1), "{:#?}", before.0);
    let usable = world.context().registry.usable_batches().await.unwrap();
    world.pause().await;
    let (code, said) = tasador(&folder, "verify").await;
    assert_eq!(code, Some(0), "{said}");

    for file in std::fs::read_dir(&folder).unwrap() {
        let file = file.unwrap();
        if file
            .file_name()
            .to_string_lossy()
            .starts_with("dynamodb.sqlite")
        {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    let Err(error) = cloud(&folder).await else {
        panic!("it starts without its registry");
    };
    assert!(error.to_string().contains("tasador repair"), "{error}");
    let (code, said) = tasador(&folder, "verify").await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the registry is empty"), "{said}");

    let (code, said) = tasador(&folder, "repair").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("everything holds"), "{said}");
    world.restart(|_| ()).await;
    let context = world.context();
    assert_eq!(seen(context).await, before);
    assert_eq!(context.registry.usable_batches().await.unwrap(), usable);
    // Rows are known again, so the same batch with another name for its bytes brings nothing.
    let run = world.deliver(&Batch::new(4, 300)).await;
    assert!(run.outcome.unwrap().settled);
    world.pause().await;
    let (code, said) = tasador(&folder, "repair").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("Restored"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_does_not_undo_a_decision_whose_copy_is_missing() {
    let (mut world, folder) = used().await;
    world.restart(|_| ()).await;
    let before = world.context().registry.usable_batches().await.unwrap();
    world.pause().await;
    std::fs::remove_dir_all(folder.join("s3/tasador/registry/decisions")).unwrap();
    let (code, said) = tasador(&folder, "repair").await;
    assert_eq!(code, Some(0), "{said}");
    world.restart(|_| ()).await;
    let after = world.context().registry.usable_batches().await.unwrap();
    assert_eq!(after, before);
}

/// Files of the bucket, by the folder they are in.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if !path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'))
        {
            found.push(path);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_in_each_kind_of_object_is_found_and_what_can_be_made_again_is() {
    let (_world, folder) = much_used().await;
    let mut all = Vec::new();
    let bucket = folder.join("s3").join("tasador");
    files(&bucket, &mut all);
    // One of each kind: a folder with an extension.
    let kinds: BTreeMap<String, PathBuf> = all
        .into_iter()
        .map(|path| {
            let key = path.strip_prefix(&bucket).unwrap().to_owned();
            let kind = key.components().next().unwrap();
            let part = match kind.as_os_str().to_str() {
                Some("models") => key.file_name().unwrap().to_string_lossy().into_owned(),
                Some("registry" | "seen") => key
                    .components()
                    .nth(1)
                    .unwrap()
                    .as_os_str()
                    .to_string_lossy()
                    .into_owned(),
                // As Parquet and as CSV; a profile and a schema.
                Some("rejected" | "profiles") => {
                    key.extension().unwrap().to_string_lossy().into_owned()
                }
                _ => String::new(),
            };
            (format!("{} {part}", kind.as_os_str().display()), path)
        })
        .collect();
    for kind in [
        "inferences ",
        "profiles json",
        "profiles toml",
        "seen batches",
        "seen merged",
    ] {
        assert!(kinds.contains_key(kind), "{kind}: {kinds:#?}");
    }
    assert!(kinds.len() >= 25, "{kinds:#?}");
    for (kind, path) in &kinds {
        let sound = std::fs::read(path).unwrap();
        let mut damaged = sound.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        std::fs::write(path, &damaged).unwrap();
        let key = path.strip_prefix(&bucket).unwrap().to_string_lossy();
        let (code, said) = tasador(&folder, "verify").await;
        assert_eq!(code, Some(1), "{kind}: {said}");
        assert!(said.contains(&*key), "{kind}: {said}");
        let (code, said) = tasador(&folder, "repair").await;
        let is_made_again = ["clean", "rejected", "profiles json", "registry", "seen"]
            .iter()
            .any(|folder| kind.starts_with(folder));
        if is_made_again {
            assert_eq!(code, Some(0), "{kind}: {said}");
            // A copy that is made again from the registry lacks how MLflow's clients saw the training.
            let is_as_before = std::fs::read(path).is_ok_and(|bytes| bytes == sound);
            // Instead of a merged list there are those of its batches.
            let is_another = ["registry versions", "seen merged"].contains(&kind.as_str());
            assert!(is_as_before || is_another, "{kind}");
        } else {
            assert_eq!(code, Some(1), "{kind}: {said}");
            assert!(
                said.contains(&*key) && said.contains("backup"),
                "{kind}: {said}"
            );
            std::fs::write(path, &sound).unwrap();
        }
    }
    // What people put into the bucket has no hash.
    for name in ["drop/may.csv", "outcomes/may.csv"] {
        let file = bucket.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "price\n1\n").unwrap();
    }
    let (code, said) = tasador(&folder, "verify").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2 files"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_with_the_batch_makes_its_damaged_clean_rows_again() {
    let (mut world, folder) = used().await;
    let clean = folder.join("s3/tasador/clean");
    for file in std::fs::read_dir(&clean).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().to_string_lossy().into_owned();
        let Some(batch) = name.strip_suffix(".parquet") else {
            continue;
        };
        let sound = std::fs::read(file.path()).unwrap();
        // What a power cut leaves.
        std::fs::write(file.path(), b"").unwrap();
        world.restart(|_| ()).await;
        world.run(&serde_json::json!({"batch": batch})).await;
        world.pause().await;
        assert_eq!(std::fs::read(file.path()).unwrap(), sound);
    }
    let (code, said) = tasador(&folder, "verify").await;
    assert_eq!(code, Some(0), "{said}");
}
