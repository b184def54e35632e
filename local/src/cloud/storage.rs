//! S3 on a folder and DynamoDB on one SQLite file, each on its loopback port.

use std::path::PathBuf;
use std::time::Duration;

use tasador_bucket::Disk;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::server::{self, Site};
use super::sites::Names;
use crate::aws::Verifier;
use crate::aws::dynamodb::{self, Tables};
use crate::folder::{AccessKey, Folder};

/// Largest object that is sent in one request, as on AWS.
const OBJECT_MAX_BYTES: u64 = 5 << 30;

/// Why a store does not start.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error("the bucket's folder s3 cannot be opened; check that it is a folder you may write to")]
    Bucket(#[source] std::io::Error),
    #[error(
        "the tables' file dynamodb.sqlite cannot be opened; if it is damaged, restore a copy or choose another folder with --data-dir: {0}"
    )]
    Tables(String),
}

/// The two stores, running.
#[derive(Debug)]
pub(crate) struct Storage {
    servers: [JoinHandle<()>; 2],
}

/// Resolves when `stop` turns true or its sender has gone.
pub(crate) async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

impl Storage {
    /// Serves both to holders of `access_key` until `stop` turns true.
    pub(crate) fn start(
        folder: &Folder,
        access_key: &AccessKey,
        inferences_table: &str,
        s3: TcpListener,
        dynamodb: TcpListener,
        stop: &watch::Receiver<bool>,
    ) -> Result<Self, StorageError> {
        let disk = Disk::open(&folder.s3()).map_err(StorageError::Bucket)?;
        let AccessKey { id, secret } = access_key;
        let bucket = tasador_bucket::service(disk, id, secret);

        let path = folder.dynamodb();
        let path = path
            .to_str()
            .ok_or_else(|| StorageError::Tables("its path is not UTF-8".to_owned()))?;
        let database = dynoxide::Database::new(path)
            .map_err(|error| StorageError::Tables(error.to_string()))?;
        let tables = Tables {
            database,
            log: PathBuf::from(format!("{path}-wal")),
            unsynced: inferences_table.to_owned(),
        };

        let serve = |listener, router, body_max_bytes| {
            let site = Site {
                router,
                names: Names::Loopback,
                body_max_bytes,
            };
            server::serve(listener, site, stopped(stop.clone()))
        };
        let tables = dynamodb::router(tables, Verifier::new(access_key.clone()));
        Ok(Self {
            servers: [
                serve(s3, bucket, OBJECT_MAX_BYTES),
                serve(dynamodb, tables, dynamodb::BODY_MAX_BYTES as u64),
            ],
        })
    }

    /// Waits until both have answered their last request, but no longer than `timeout`.
    pub(crate) async fn ended(self, timeout: Duration) {
        let all = futures::future::join_all(self.servers);
        if tokio::time::timeout(timeout, all).await.is_err() {
            tracing::warn!("a client kept its connection open; stopping without it");
        }
    }
}
