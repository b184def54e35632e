//! A file of a version that is replaced in the bucket together with the hash beside it: only the registry knows the
//! difference. It is not served to anybody.

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::{Value, json};
use tasador_ids::{Digest, Key};
use tasador_testing::listings::Batch;
use tests::stories::train_on_anything;
use tests::world::World;

const ARTIFACTS: &str = "/api/2.0/mlflow-artifacts/artifacts";
/// A file that passes through the function, and one that clients are redirected to.
const SIZES: [usize; 2] = [1_000, 5_000_000];

async fn post(world: &World, call: &str, body: Value) -> Value {
    let path = format!("/api/2.0/mlflow/{call}");
    let (status, answer) = world.http(Method::POST, &path, Some(&body)).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

async fn upload(world: &World, path: &str, text: &str) {
    let path = format!("{ARTIFACTS}/{path}");
    let (status, answer) = world.http(Method::PUT, &path, Some(&json!(text))).await;
    assert_eq!(status, 200, "{answer}");
}

/// The status of each way to a file, and what the first says.
async fn statuses(world: &World, paths: &[String]) -> (Vec<u16>, String) {
    let (mut statuses, mut said) = (Vec::new(), String::new());
    for path in paths {
        let answer = world.asked(Method::GET, path, None, &[]).await;
        statuses.push(answer.status);
        if said.is_empty() {
            said = answer.text;
        }
    }
    (statuses, said)
}

/// Forgets what the registry recorded of a file, as if its version were from an earlier release.
async fn forget(world: &World, key: &Key) {
    let text = |text: String| AttributeValue::S(text);
    let client = aws_sdk_dynamodb::Client::new(&world.cloud().endpoints().sdk_config());
    client
        .delete_item()
        .table_name(&world.context().registry.tables().registry)
        .key(
            "pk",
            text(format!("file#{}", Digest::of(key.as_str().as_bytes()))),
        )
        .key("sk", text("file".to_owned()))
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_the_pipeline_that_is_replaced_with_its_hash_is_not_served() {
    let world = World::new(train_on_anything).await;
    world.deliver(&Batch::new(1, 600)).await;
    let context = world.context();
    let model = context.config.model.clone();
    for name in ["MLmodel", "model.onnx"] {
        let key: Key = format!("models/{model}/1/{name}").parse().unwrap();
        let paths = [
            format!("{ARTIFACTS}/{key}"),
            format!(
                "/api/2.0/mlflow/model-versions/get-artifact?name={model}&version=1&path={name}"
            ),
            format!("/models/{model}/versions/1/files/{name}"),
            format!("/page/models/{model}/versions/1/files/{name}"),
        ];
        let sound = context.lake.get(&key).await.unwrap();
        assert_eq!(statuses(&world, &paths).await.0, [200; 4], "{name}");

        context.lake.put(&key, "other bytes").await.unwrap();
        let (found, said) = statuses(&world, &paths).await;
        assert_eq!(found, [500, 500, 404, 404], "{name}");
        assert!(said.contains("replaced in the bucket"), "{said}");
        let report = tasador_integrity::verify(context).await.unwrap();
        let is_named = |subject: &str| subject.contains(key.as_str());
        assert!(
            report
                .findings
                .iter()
                .any(|finding| is_named(&finding.subject))
        );

        context.lake.put(&key, sound).await.unwrap();
        assert_eq!(statuses(&world, &paths).await.0, [200; 4], "{name}");

        // A version of an earlier release: its files are served by their own hash until a repair.
        forget(&world, &key).await;
        let report = tasador_integrity::verify(context).await.unwrap();
        let faults: Vec<_> = report
            .findings
            .iter()
            .map(|finding| &finding.fault)
            .collect();
        assert_eq!(faults, ["the registry has no SHA-256 of it"]);
        assert_eq!(statuses(&world, &paths).await.0, [200; 4], "{name}");
        assert_eq!(tasador_integrity::rebuild(context).await.unwrap().hashes, 1);
        let report = tasador_integrity::verify(context).await.unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_a_client_s_version_that_is_replaced_with_its_hash_is_not_served() {
    let world = World::new(|_| ()).await;
    let lake = &world.context().lake;
    let created = post(&world, "runs/create", json!({"experiment_id": "0"})).await;
    let run = created["run"]["info"]["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let folder = format!("0/{run}/artifacts/model");
    post(&world, "registered-models/create", json!({"name": "their"})).await;
    for size in SIZES {
        let name = format!("{size}.bin");
        let key: Key = format!("mlflow/{folder}/{name}").parse().unwrap();
        let paths = [
            format!("{ARTIFACTS}/{folder}/{name}"),
            format!("/get-artifact?run_id={run}&path=model/{name}"),
        ]
        .map(|path| path.replace("/get-artifact", "/api/2.0/mlflow/get-artifact"));
        let served = if size == SIZES[0] { 200 } else { 307 };
        let text = "a".repeat(size);
        upload(&world, &format!("{folder}/{name}"), &text).await;
        // Not of a version yet.
        lake.put(&key, "b".repeat(size)).await.unwrap();
        assert_eq!(statuses(&world, &paths).await.0, [served; 2], "{name}");
        let version = json!({
            "name": "their", "run_id": run, "source": format!("mlflow-artifacts:/{folder}"),
        });
        post(&world, "model-versions/create", version.clone()).await;
        assert_eq!(statuses(&world, &paths).await.0, [served; 2], "{name}");

        lake.put(&key, "c".repeat(size)).await.unwrap();
        assert_eq!(statuses(&world, &paths).await.0, [500; 2], "{name}");
        let report = tasador_integrity::verify(world.context()).await.unwrap();
        assert_eq!(report.findings.len(), 1, "{:?}", report.findings);

        // By a client that may, as `mlflow.models.set_signature` does.
        upload(&world, &format!("{folder}/{name}"), &text).await;
        assert_eq!(statuses(&world, &paths).await.0, [served; 2], "{name}");
        lake.put(&key, "d".repeat(size)).await.unwrap();
        assert_eq!(statuses(&world, &paths).await.0, [500; 2], "{name}");
        // Who registers it again accepts it.
        post(&world, "model-versions/create", version).await;
        assert_eq!(statuses(&world, &paths).await.0, [served; 2], "{name}");
    }
}
