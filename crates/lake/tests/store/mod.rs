//! A bucket to test with: s3s-fs on a loopback port, or, where `TASADOR_TEST_S3_ENDPOINT` is set, any
//! other S3 endpoint, with `TASADOR_TEST_S3_ACCESS_KEY` and `TASADOR_TEST_S3_SECRET_KEY`.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use axum::Router;
use axum::error_handling::HandleError;
use axum::http::StatusCode;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tasador_lake::{Lake, client_config};
use tempfile::TempDir;
use tokio::net::TcpListener;

const KEY: &str = "tasador";

/// A separate bucket, removed when this value is dropped.
pub(crate) struct Store {
    pub(crate) lake: Lake,
    pub(crate) client: Client,
    folder: Option<TempDir>,
}

/// The service of s3s-fs on a new folder.
fn service() -> (Router, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let files = s3s_fs::FileSystem::new(folder.path()).unwrap();
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(KEY, KEY));
    let service = HandleError::new(builder.build(), |_: s3s::HttpError| async {
        StatusCode::INTERNAL_SERVER_ERROR
    });
    (Router::new().fallback_service(service), folder)
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    endpoint
}

/// A client that times out after `answer`.
pub(crate) fn client(
    endpoint: &str,
    access_key: &str,
    secret_key: &str,
    answer: Duration,
) -> Client {
    let credentials = Credentials::new(access_key, secret_key, None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(
            aws_smithy_async::rt::sleep::TokioSleep::new(),
        ))
        .time_source(aws_smithy_async::time::SystemTimeSource::new())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .timeout_config(TimeoutConfig::builder().read_timeout(answer).build())
        // The waits between attempts are not tested.
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .build();
    Client::from_conf(client_config(&config, true).build())
}

async fn bucket(client: Client, folder: Option<TempDir>) -> Store {
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
        folder,
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
    let (service, folder) = service();
    let endpoint = serve(service).await;
    bucket(client(&endpoint, KEY, KEY, patience), Some(folder)).await
}

/// An empty bucket behind a layer that injects faults, and a client with short time-outs.
pub(crate) async fn spoilt_store(spoil: impl FnOnce(Router) -> Router) -> Store {
    let (service, folder) = service();
    let endpoint = serve(spoil(service)).await;
    bucket(
        client(&endpoint, KEY, KEY, Duration::from_secs(2)),
        Some(folder),
    )
    .await
}
