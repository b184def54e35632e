//! The `aws` command line of AWS, unchanged, against the local cloud. PyPI has its first version, which
//! takes payloads as they are; the second wants `--cli-binary-format raw-in-base64-out`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tasador_testing::listings::Batch;
use tasador_testing::source::Answer;
use tasador_testing::tools::installed;
use tests::world::World;

/// What the command prints, or why it failed.
async fn answer(
    world: &World,
    aws: &Path,
    folder: &Path,
    arguments: &[String],
) -> Result<String, String> {
    let mut command = Command::new(aws);
    let endpoints = world.cloud().endpoints();
    command
        .args(["--output", "json"])
        .args(arguments)
        .current_dir(folder)
        .envs(
            endpoints
                .environment()
                .map(|(name, value)| (name, value.to_owned())),
        )
        .env("AWS_PAGER", "")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("LC_ALL", "C.UTF-8");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    match output.status.success() {
        true => Ok(text(output.stdout)),
        false => Err(text(output.stderr)),
    }
}

/// What the command prints.
async fn run(world: &World, aws: &Path, folder: &Path, arguments: Vec<String>) -> String {
    let answered = answer(world, aws, folder, &arguments).await;
    answered.unwrap_or_else(|stderr| panic!("{arguments:?}: {stderr}"))
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

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
    let call = async |arguments: Vec<String>| {
        let stdout = run(&world, &aws, folder.path(), arguments).await;
        serde_json::from_str::<Value>(&stdout).unwrap_or(Value::Null)
    };

    let machine = local::machine::machine_arn();
    for input in ["1e999", r#""\ud800""#, &"[".repeat(130)] {
        let start =
            format!("stepfunctions start-execution --state-machine-arn {machine} --input {input}");
        let refused = answer(&world, &aws, folder.path(), &words(&start)).await;
        assert!(
            refused.unwrap_err().contains("InvalidExecutionInput"),
            "{input}"
        );
    }
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

/// 200 files whose names and paths are odd: what shells, URLs, XML and file systems treat in a special way.
fn odd_files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let parts = [
        "plain.csv",
        "a b",
        "a+b 50%.csv",
        "100%",
        "%20",
        "%2F",
        "%zz",
        "a&b=c",
        "a?b",
        "a#b",
        "a;b,c",
        "'single'",
        "\"double\"",
        "<xml>&amp;",
        "back\\slash",
        "tab\there",
        "line\nfeed",
        "~tilde",
        "$HOME",
        "`x`",
        "!",
        "@",
        ":",
        "*",
        "[a]",
        "{b}",
        "|",
        "^",
        "(c)",
        "ü",
        "ß日本語",
        "🏠",
        "e\u{301}",
        "\u{e9}",
        ".hidden",
        "..two",
        "...",
        ".%f",
        ".%d..",
        " leading",
        "trailing ",
        "UPPER",
        "upper",
        "-dash",
        "--delete",
        "_",
        "a.b.c",
        "a..b",
        "\u{a0}nbsp",
        "\u{202e}rtl",
    ];
    let long: PathBuf = (0..6)
        .map(|index| format!("{index}{}", "é".repeat(75)))
        .collect();
    let mut files = BTreeMap::new();
    for (index, part) in parts.iter().enumerate() {
        let folders = [
            PathBuf::new(),
            Path::new("folder").join(parts[(index + 7) % parts.len()]),
            Path::new("deep/er").join(part),
            long.clone(),
        ];
        for folder in folders {
            files.insert(folder.join(part), format!("{index} {part}"));
        }
    }
    assert_eq!(files.len(), 200);
    assert!(files.keys().any(|path| path.as_os_str().len() > 900));
    for (path, text) in &files {
        let path = folder.join(path);
        // `deep/er/a b/a b`: folders and files of one name.
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    files
}

fn files_in(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_odd_names_is_synchronised_once_and_comes_back_as_it_was() {
    let Some(aws) = installed("bin/aws", "the aws command") else {
        return;
    };
    let world = World::new(|_| ()).await;
    let folder = tempfile::tempdir().unwrap();
    let files = odd_files(&folder.path().join("sent"));
    let call = async |arguments: &str| run(&world, &aws, folder.path(), words(arguments)).await;
    let sent = call("s3 sync sent s3://tasador/mlflow/sync --no-progress").await;
    assert_eq!(sent.matches("upload: ").count(), 200, "{sent}");
    let again = call("s3 sync sent s3://tasador/mlflow/sync --no-progress").await;
    assert_eq!(again, "", "the second run transfers nothing");
    call("s3 sync s3://tasador/mlflow/sync received --no-progress").await;
    assert_eq!(files_in(&folder.path().join("received")), files);
    call("s3 cp --recursive --no-progress s3://tasador/mlflow/sync s3://tasador/mlflow/copy").await;
    call("s3 sync s3://tasador/mlflow/copy copied --no-progress").await;
    assert_eq!(files_in(&folder.path().join("copied")), files);
    call("s3 rm --recursive s3://tasador/mlflow/").await;
    let left = call("s3api list-objects-v2 --bucket tasador --prefix mlflow/").await;
    let left: Value = serde_json::from_str(&left).unwrap_or_default();
    assert_eq!(left["Contents"], Value::Null);
}
