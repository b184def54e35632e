//! A bucket to test with: the local store on a loopback port, or, where `TASADOR_TEST_S3_ENDPOINT` is set, any
//! other S3 endpoint, with `TASADOR_TEST_S3_ACCESS_KEY` and `TASADOR_TEST_S3_SECRET_KEY`.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use axum::Router;
use tasador_lake::{Lake, client_config};
use tasador_testing::stores::{KEY, s3, sdk_at, serve};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// A separate bucket, removed when this value is dropped.
pub(crate) struct Store {
    pub(crate) lake: Lake,
    pub(crate) client: Client,
    _server: Option<(TempDir, JoinSet<()>)>,
}

/// A client that times out after `answer`.
pub(crate) fn client(
    endpoint: &str,
    access_key: &str,
    secret_key: &str,
    answer: Duration,
) -> Client {
    let credentials = Credentials::new(access_key, secret_key, None, None, "test");
    let config = sdk_at(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .timeout_config(TimeoutConfig::builder().read_timeout(answer).build())
        // The waits between attempts are not tested.
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .build();
    Client::from_conf(client_config(&config, true).build())
}

async fn bucket(client: Client, server: Option<(TempDir, JoinSet<()>)>) -> Store {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "tasador-test-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let lake = Lake::new(client.clone(), name);
    lake.create_bucket().await.unwrap();
    Store {
        lake,
        client,
        _server: server,
    }
}

/// An empty bucket.
pub(crate) async fn store() -> Store {
    let patience = Duration::from_secs(120);
    if let Ok(endpoint) = env::var("TASADOR_TEST_S3_ENDPOINT") {
        let access_key = env::var("TASADOR_TEST_S3_ACCESS_KEY").unwrap_or_default();
        let secret_key = env::var("TASADOR_TEST_S3_SECRET_KEY").unwrap_or_default();
        return bucket(client(&endpoint, &access_key, &secret_key, patience), None).await;
    }
    served(|service| service, patience).await
}

/// An empty bucket behind a layer that injects faults, and a client with short time-outs.
pub(crate) async fn spoilt_store(spoil: impl FnOnce(Router) -> Router) -> Store {
    served(spoil, Duration::from_secs(2)).await
}

/// An empty bucket of the local store behind a layer.
async fn served(layer: impl FnOnce(Router) -> Router, patience: Duration) -> Store {
    let folder = tempfile::tempdir().unwrap();
    let mut servers = JoinSet::new();
    let endpoint = serve(&mut servers, layer(s3(folder.path()))).await;
    let client = client(&endpoint, KEY, KEY, patience);
    bucket(client, Some((folder, servers))).await
}
