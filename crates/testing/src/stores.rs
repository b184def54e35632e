//! S3 (the local store) and DynamoDB (dynoxide) on free loopback ports, empty, behind the unchanged AWS clients.

use std::future::pending;
use std::path::Path;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::region::Region;
use aws_types::sdk_config::{Builder, SdkConfig};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use axum::Router;
use tasador_bucket::Disk;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Access key and secret key of the bucket, which checks signatures.
pub const KEY: &str = "tasador";

/// Running stores. They end, and what they keep is deleted, when this is dropped.
pub struct Stores {
    s3: String,
    dynamodb: String,
    folder: TempDir,
    _servers: JoinSet<()>,
}

impl Stores {
    /// Starts both, without bucket or tables. Tables are in memory.
    pub async fn start() -> Self {
        Self::start_on(None).await
    }

    /// The same with tables in a file of SQLite.
    pub async fn start_on(file: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut servers = JoinSet::new();
        let s3 = serve(&mut servers, s3(folder.path())).await;
        let (listener, dynamodb) = listen().await;
        let database = match file {
            Some(file) => dynoxide::Database::new(file),
            None => dynoxide::Database::memory(),
        };
        let database = database.unwrap();
        servers.spawn(async move {
            let server = dynoxide::server::serve_with_shutdown(listener, database, pending());
            server.await.unwrap();
        });
        Self {
            s3,
            dynamodb,
            folder,
            _servers: servers,
        }
    }

    /// The configuration of clients that reach these stores.
    pub fn sdk_config(&self) -> SdkConfig {
        let services = ByService {
            s3: self.s3.clone(),
            dynamodb: self.dynamodb.clone(),
        };
        sdk_at("http://127.0.0.1:9")
            .service_config(services)
            .build()
    }

    /// The folder whose folders are buckets and whose files are objects.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The local S3 on a folder.
pub fn s3(folder: &Path) -> Router {
    tasador_bucket::service(Disk::open(folder).unwrap(), KEY, KEY)
}

/// Serves a router on a free loopback port until `servers` is dropped; its base URL.
pub async fn serve(servers: &mut JoinSet<()>, router: Router) -> String {
    let (listener, url) = listen().await;
    servers.spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// The configuration of clients whose services are all at one endpoint.
pub fn sdk_at(endpoint: &str) -> Builder {
    let credentials = Credentials::new(KEY, KEY, None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SystemTimeSource::new())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

#[derive(Debug)]
struct ByService {
    s3: String,
    dynamodb: String,
}

impl LoadServiceConfig for ByService {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        if key.profile() != "endpoint_url" {
            return None;
        }
        match key.service_id() {
            "S3" => Some(self.s3.clone()),
            "DynamoDB" => Some(self.dynamodb.clone()),
            _ => None,
        }
    }
}
