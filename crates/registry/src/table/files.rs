//! The SHA-256 of each file of a registered version, by the file's key. The bucket has hashes beside the files; whoever
//! can replace a file there can replace them too, but not these.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use serde::{Deserialize, Serialize};
use tasador_ids::{Digest, Key};

use super::bulk::{READ_BATCH, read_chunk, write_all};
use super::item::{self, Expression, Item, item, unbuildable, value};
use super::{Registry, key};
use crate::RegistryError;

#[derive(Debug, Serialize, Deserialize)]
struct VersionFile {
    key: Key,
    sha256: Digest,
}

impl Registry {
    /// Records files of a version as they are now. What was recorded of a key before is replaced: another version
    /// may have had the same folder.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Contended`]; repeating the call completes it.
    pub async fn record_files(&self, files: &BTreeMap<Key, Digest>) -> Result<(), RegistryError> {
        let writes = files.iter().map(|(key, sha256)| {
            let file = VersionFile {
                key: key.clone(),
                sha256: *sha256,
            };
            let put = PutRequest::builder()
                .set_item(Some(item(key::file(key), &file)?))
                .build()
                .map_err(unbuildable)?;
            Ok(WriteRequest::builder().put_request(put).build())
        });
        let writes = writes.collect::<Result<_, RegistryError>>()?;
        write_all(
            &self.client,
            &self.tables.registry,
            "record the files of a version",
            writes,
        )
        .await
    }

    /// Accepts the new content of a file if it belongs to a version.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn replace_file(&self, key: &Key, sha256: Digest) -> Result<(), RegistryError> {
        let change = Expression::new("SET #sha256 = :sha256")
            .name("#sha256", "sha256")
            .value(":sha256", value(&sha256)?);
        self.update_if(
            "replace a file of a version",
            key::file(key),
            change,
            Expression::present(),
        )
        .await
        .map(drop)
    }

    /// What a file must have, if it belongs to a version whose files were recorded.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn recorded_file(&self, key: &Key) -> Result<Option<Digest>, RegistryError> {
        let found: Option<VersionFile> =
            self.get("read the hash of a file", key::file(key)).await?;
        Ok(found.map(|file| file.sha256))
    }

    /// The same for many files; those that were not recorded are left out.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`], [`RegistryError::Contended`] and [`RegistryError::Damaged`].
    pub async fn recorded_files(
        &self,
        keys: &[Key],
    ) -> Result<BTreeMap<Key, Digest>, RegistryError> {
        const WHAT: &str = "read the hashes of files";
        let mut found = BTreeMap::new();
        for chunk in keys.chunks(READ_BATCH) {
            let keys: Vec<Item> = chunk.iter().map(|key| key::file(key).into()).collect();
            for item in read_chunk(&self.client, &self.tables.registry, WHAT, keys).await? {
                let file: VersionFile = item::record(item)?;
                found.insert(file.key, file.sha256);
            }
        }
        Ok(found)
    }
}
