//! The same functions and the same state machine against LocalStack, in its own container, where
//! there is Docker: S3, DynamoDB and Step Functions as a third party understands them.

use std::path::Path;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::Value;
use tasador_ids::Algorithm;
use tasador_runtime::{Config, Context};
use tasador_testing::source::Source;
use tasador_testing::tools::skipped;
use testcontainers::core::{IntoContainerPort as _, WaitFor};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, GenericImage, ImageExt as _};
use tests::deployment::Deployment;

/// The last tag that runs without a token of its maker's.
const TAG: &str = "4.14.0";
const PORT: u16 = 4566;
/// How long an execution without tasks may take there.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Where Docker listens unless `DOCKER_HOST` says otherwise.
const SOCKET: &str = "/var/run/docker.sock";

/// LocalStack, and how to reach it; `None`, said where it is seen, where there is no Docker.
async fn localstack() -> Option<(ContainerAsync<GenericImage>, SdkConfig)> {
    if std::env::var_os("DOCKER_HOST").is_none() && !Path::new(SOCKET).exists() {
        skipped("LocalStack needs Docker, and neither DOCKER_HOST nor its socket is there");
        return None;
    }
    let container = GenericImage::new("localstack/localstack", TAG)
        .with_exposed_port(PORT.tcp())
        .with_wait_for(WaitFor::message_on_stdout("Ready."))
        .with_env_var("SERVICES", "s3,dynamodb,stepfunctions")
        .start()
        .await
        .unwrap();
    let port = container.get_host_port_ipv4(PORT).await.unwrap();
    let host = container.get_host().await.unwrap();
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(format!("http://{host}:{port}"))
        .region(Region::from_static("us-east-1"))
        .test_credentials()
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .load()
        .await;
    Some((container, sdk))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_becomes_a_price_on_localstack() {
    let Some((_container, sdk)) = localstack().await else {
        return;
    };
    let source = Source::start().await;
    let config = Config {
        source: Some(source.url().into()),
        candidates: vec![Algorithm::Linear],
        ..Config::default()
    };
    let context = Context::new(config, &sdk);
    context.lake.create_bucket().await.unwrap();
    context.registry.create_tables().await.unwrap();

    let names = [
        "fetch",
        "preprocess",
        "gate",
        "train",
        "compare",
        "promote",
        "record",
        "predict",
    ];
    let deployed = Deployment::new(names, |_| context.clone());
    deployed.assert_batch_becomes_price(&source).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn localstack_takes_the_table_of_machines_the_same_way() {
    let Some((_container, sdk)) = localstack().await else {
        return;
    };
    let client = aws_sdk_sfn::Client::new(&sdk);
    let cases = include_str!("../../crates/states/tests/cases.json");
    let cases: Vec<Value> = serde_json::from_str(cases).unwrap();
    // moto's interpreter comes from LocalStack's, and so do its differences.
    let known = include_str!("../../crates/states/tests/differences.json");
    let known: Value = serde_json::from_str(known).unwrap();
    for (index, case) in cases.iter().enumerate() {
        let name = case["name"].as_str().unwrap();
        if !known["moto"][name].is_null() {
            continue;
        }
        let machine = client
            .create_state_machine()
            .name(format!("case-{index}"))
            .definition(case["definition"].to_string())
            .role_arn("arn:aws:iam::000000000000:role/r")
            .send()
            .await
            .unwrap();
        let started = client
            .start_execution()
            .state_machine_arn(machine.state_machine_arn())
            .input(case["input"].to_string())
            .send()
            .await
            .unwrap();
        let ended = tokio::time::timeout(TIMEOUT, async {
            loop {
                let described = client
                    .describe_execution()
                    .execution_arn(started.execution_arn())
                    .send()
                    .await
                    .unwrap();
                if *described.status() != ExecutionStatus::Running {
                    return described;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let ended = ended.await.unwrap();
        let expected = &case["expected"];
        assert_eq!(ended.status().as_str(), expected["status"], "{name}");
        if let Some(output) = ended.output() {
            let output: Value = serde_json::from_str(output).unwrap();
            assert_eq!(output, expected["output"], "{name}");
        }
    }
}
