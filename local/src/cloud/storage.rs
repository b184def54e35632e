//! S3 on a folder and DynamoDB on one SQLite file, each on its loopback port.

use std::time::Duration;

use axum::Router;
use axum::error_handling::HandleError;
use axum::http::StatusCode;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cloud::endpoints::ACCESS_KEY;
use crate::folder::Folder;

/// Why a store does not start.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The folder of the bucket cannot be opened.
    #[error("the bucket's folder cannot be opened: {0}")]
    Bucket(String),
    /// The file of the tables cannot be opened.
    #[error(
        "the tables' file dynamodb.sqlite cannot be opened; if it is damaged, restore a copy or choose another folder with --data-dir: {0}"
    )]
    Tables(String),
}

/// The two stores, running.
#[derive(Debug)]
pub(crate) struct Storage {
    servers: Vec<JoinHandle<()>>,
}

/// Resolves when `stop` turns true or its sender has gone.
pub(crate) async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

impl Storage {
    /// Serves both until `stop` turns true.
    pub(crate) fn start(
        folder: &Folder,
        s3: TcpListener,
        dynamodb: TcpListener,
        stop: &watch::Receiver<bool>,
    ) -> Result<Self, StorageError> {
        let files = s3s_fs::FileSystem::new(folder.s3())
            .map_err(|error| StorageError::Bucket(format!("{error:?}")))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, ACCESS_KEY));
        let service = HandleError::new(builder.build(), |error: s3s::HttpError| async move {
            tracing::error!(?error, "S3 request failed");
            StatusCode::INTERNAL_SERVER_ERROR
        });
        let bucket = Router::new().fallback_service(service);

        let path = folder.dynamodb();
        let path = path
            .to_str()
            .ok_or_else(|| StorageError::Tables("its path is not UTF-8".to_owned()))?;
        let tables = dynoxide::Database::new(path)
            .map_err(|error| StorageError::Tables(error.to_string()))?;

        let stop_s3 = stopped(stop.clone());
        let stop_dynamodb = stopped(stop.clone());
        let servers = vec![
            tokio::spawn(async move {
                if let Err(error) = axum::serve(s3, bucket)
                    .with_graceful_shutdown(stop_s3)
                    .await
                {
                    tracing::error!(%error, "S3 server failed");
                }
            }),
            tokio::spawn(async move {
                if let Err(error) =
                    dynoxide::server::serve_with_shutdown(dynamodb, tables, stop_dynamodb).await
                {
                    tracing::error!(error, "DynamoDB server failed");
                }
            }),
        ];
        Ok(Self { servers })
    }

    /// Waits until both have answered their last request, but no longer than `patience`.
    pub(crate) async fn ended(self, patience: Duration) {
        let all = futures::future::join_all(self.servers);
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("a client kept its connection open; stopping without it");
        }
    }
}
