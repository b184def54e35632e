//! What the gate asks of bucket and registry.

use bytes::Bytes;
use jiff::Timestamp;
use tasador_ids::{BatchId, Digest, ModelName, ModelVersion};
use tasador_lake::{Key, LakeError};
use tasador_registry::{Champion, RegistryError, UsableBatch, VersionRecord};
use tasador_runtime::Context;

/// What is kept of batches and models.
pub(crate) trait Archive: Sync {
    /// The registered model.
    fn model(&self) -> &ModelName;

    /// The version in production.
    fn champion(&self) -> impl Future<Output = Result<Option<Champion>, RegistryError>> + Send;

    /// A version's record.
    fn version(
        &self,
        version: ModelVersion,
    ) -> impl Future<Output = Result<Option<VersionRecord>, RegistryError>> + Send;

    /// The batches that datasets are made of, oldest first.
    fn usable_batches(
        &self,
    ) -> impl Future<Output = Result<Vec<UsableBatch>, RegistryError>> + Send;

    /// When a batch was received.
    fn received_at(
        &self,
        batch: BatchId,
    ) -> impl Future<Output = Result<Option<Timestamp>, RegistryError>> + Send;

    /// An object's bytes, which must have this digest where one is given.
    fn get(
        &self,
        key: &Key,
        digest: Option<Digest>,
    ) -> impl Future<Output = Result<Bytes, LakeError>> + Send;

    /// Writes an object that is there once and for ever.
    fn put_once(
        &self,
        key: &Key,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<(), LakeError>> + Send;
}

impl Archive for Context {
    fn model(&self) -> &ModelName {
        &self.config.model
    }

    async fn champion(&self) -> Result<Option<Champion>, RegistryError> {
        self.registry.champion(&self.config.model).await
    }

    async fn version(&self, version: ModelVersion) -> Result<Option<VersionRecord>, RegistryError> {
        self.registry.version(&self.config.model, version).await
    }

    async fn usable_batches(&self) -> Result<Vec<UsableBatch>, RegistryError> {
        self.registry.usable_batches().await
    }

    async fn received_at(&self, batch: BatchId) -> Result<Option<Timestamp>, RegistryError> {
        let batch = self.registry.batch(&batch).await?;
        Ok(batch.map(|batch| batch.record.received_at))
    }

    async fn get(&self, key: &Key, digest: Option<Digest>) -> Result<Bytes, LakeError> {
        match digest {
            Some(digest) => self.lake.get_verified(key, digest).await,
            None => self.lake.get(key).await,
        }
    }

    async fn put_once(&self, key: &Key, bytes: Vec<u8>) -> Result<(), LakeError> {
        self.lake.put_once(key, bytes).await.map(drop)
    }
}
