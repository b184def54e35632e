//! The stores of a data folder alone, without functions: for commands that only keep something.

use std::time::Duration;

use tasador_runtime::{Config, Context};
use tokio::sync::watch;

use super::ports::{Listeners, Ports};
use super::storage::Storage;
use super::{Endpoints, StartError, base_url, provision};
use crate::folder::Folder;

/// How long the end waits for the last answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// S3 and DynamoDB of one folder, on free ports of loopback.
pub struct Stores {
    context: Context,
    storage: Storage,
    stop: watch::Sender<bool>,
    _folder: Folder,
}

impl Stores {
    /// Opens them, and makes bucket and tables where they are missing.
    ///
    /// # Errors
    /// [`StartError`], each with what to do about it.
    pub async fn open(folder: Folder, mut config: Config) -> Result<Self, StartError> {
        config.token_key = Some(folder.token_key()?);
        let access_key = folder.access_key()?;
        // Nothing of this folder answers Step Functions' questions now: its port only keeps others off.
        let Listeners { aws, s3, dynamodb } = Listeners::bind(Ports::Free, None).await?;
        let endpoints = Endpoints {
            http: base_url(&aws),
            aws: base_url(&aws),
            s3: base_url(&s3),
            dynamodb: base_url(&dynamodb),
            access_key,
        };
        let (stop, stopping) = watch::channel(false);
        let storage = Storage::start(
            &folder,
            &endpoints.access_key,
            &config.inferences_table,
            s3,
            dynamodb,
            &stopping,
        )?;
        let context = Context::new(config, &endpoints.sdk_config());
        provision(&context).await?;
        Ok(Self {
            context,
            storage,
            stop,
            _folder: folder,
        })
    }

    /// What reads and writes them.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Closes them in good order.
    pub async fn close(self) {
        self.stop.send_replace(true);
        self.storage.ended(TIMEOUT).await;
    }
}
