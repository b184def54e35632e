//! The `aws` command line of AWS, unchanged, against the local cloud. PyPI has its first version, which
//! takes payloads as they are; the second wants `--cli-binary-format raw-in-base64-out`.

use std::process::Command;

use serde_json::{Value, json};
use tasador_testing::listings::Batch;
use tasador_testing::source::Answer;
use tasador_testing::tools::installed;
use tests::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_is_started_and_followed_and_a_function_invoked() {
    let Some(aws) = installed("bin/aws", "the aws command") else {
        return;
    };
    let world = World::new(|_| ()).await;
    world
        .source
        .then(Answer::Json(Batch::new(1, 300).api_json()));
    let folder = tempfile::tempdir().unwrap();
    let environment = world
        .cloud()
        .endpoints()
        .environment()
        .map(|(name, value)| (name, value.to_owned()));
    let call = |arguments: Vec<String>| {
        let (aws, environment, folder) = (
            aws.clone(),
            environment.clone(),
            folder.path().to_path_buf(),
        );
        async move {
            let output = tokio::task::spawn_blocking(move || {
                Command::new(aws)
                    .args(["--output", "json"])
                    .args(&arguments)
                    .current_dir(folder)
                    .envs(environment)
                    .env("AWS_PAGER", "")
                    .env("AWS_CONFIG_FILE", "/dev/null")
                    .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
                    .output()
                    .unwrap()
            })
            .await
            .unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{stderr}");
            serde_json::from_slice::<Value>(&output.stdout).unwrap_or(Value::Null)
        }
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();

    let machine = local::machine::machine_arn();
    let started = call(words(&format!(
        "stepfunctions start-execution --state-machine-arn {machine} --name by-hand --input {{}}"
    )))
    .await;
    let arn = started["executionArn"].as_str().unwrap();
    world.cloud().executions().idle().await;
    let described = call(words(&format!(
        "stepfunctions describe-execution --execution-arn {arn}"
    )))
    .await;
    assert_eq!(described["status"], "SUCCEEDED", "{described:#}");
    let output: Value = serde_json::from_str(described["output"].as_str().unwrap()).unwrap();
    assert_eq!(output["record"]["outcome"], "promoted");
    let listed = call(words(&format!(
        "stepfunctions list-executions --state-machine-arn {machine}"
    )))
    .await;
    assert_eq!(listed["executions"][0]["name"], "by-hand");
    let history = call(words(&format!(
        "stepfunctions get-execution-history --execution-arn {arn}"
    )))
    .await;
    assert!(history["events"].as_array().unwrap().len() > 30);

    let bytes = call(words(
        "s3api list-objects-v2 --bucket tasador --prefix raw/",
    ))
    .await;
    assert_eq!(bytes["Contents"].as_array().unwrap().len(), 1);
    let tables = call(words("dynamodb list-tables")).await;
    assert_eq!(tables["TableNames"].as_array().unwrap().len(), 3);

    let request = json!({"run_id": "by-hand", "outcome": "failed", "started_at": "2026-01-01T00:00:00Z", "state": {}});
    let mut invoke = words("lambda invoke --function-name record");
    invoke.extend([
        "--payload".to_owned(),
        request.to_string(),
        "answer.json".to_owned(),
    ]);
    let invoked = call(invoke).await;
    assert_eq!(invoked["StatusCode"], 200);
    let answer: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("answer.json")).unwrap()).unwrap();
    // The run has its outcome, and keeps it.
    assert_eq!(answer["outcome"], "promoted");
}
