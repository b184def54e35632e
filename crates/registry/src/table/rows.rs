//! Which batch each row was first seen in: one small item per row, read and written by key.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tasador_ids::{BatchId, hex};

use super::Registry;
use super::bulk::{CONCURRENCY, READ_BATCH, WRITE_BATCH, read_chunk, write_chunk};
use super::item::{Item, unbuildable};
use crate::RegistryError;

impl Registry {
    /// The rows that were first seen in another batch than `batch`, each with that batch.
    ///
    /// A row that the same batch marked earlier is not among them: a batch may be preprocessed again
    /// and again. `rows` may name a row twice.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Contended`].
    pub async fn rows_seen(
        &self,
        rows: &[u128],
        batch: &BatchId,
    ) -> Result<HashMap<u128, BatchId>, RegistryError> {
        // Owned chunks: with borrowed ones the compiler can't tell that the future is `Send`.
        let chunks: Vec<Vec<u128>> = distinct(rows)
            .chunks(READ_BATCH)
            .map(<[_]>::to_vec)
            .collect();
        let found: Vec<Vec<(u128, BatchId)>> = stream::iter(chunks)
            .map(|chunk| self.owners(chunk))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        Ok(found
            .into_iter()
            .flatten()
            .filter(|(_, owner)| owner != batch)
            .collect())
    }

    /// Marks rows as first seen in `batch`. Only for rows that [`Self::rows_seen`] does not know:
    /// marking takes no notice of another batch's mark.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Contended`].
    pub async fn mark_rows(&self, rows: &[u128], batch: &BatchId) -> Result<(), RegistryError> {
        let owner = AttributeValue::B(Blob::new(batch.digest().as_bytes().to_vec()));
        let chunks: Vec<Vec<u128>> = distinct(rows)
            .chunks(WRITE_BATCH)
            .map(<[_]>::to_vec)
            .collect();
        // Requests are made when their turn comes: those of two million rows take gigabytes.
        stream::iter(chunks)
            .map(|chunk| self.mark_chunk(chunk, &owner))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await
    }

    async fn mark_chunk(
        &self,
        rows: Vec<u128>,
        owner: &AttributeValue,
    ) -> Result<(), RegistryError> {
        let writes = rows
            .into_iter()
            .map(|row| {
                let put = PutRequest::builder()
                    .item("row", row_key(row))
                    .item("batch", owner.clone())
                    .build()
                    .map_err(unbuildable)?;
                Ok(WriteRequest::builder().put_request(put).build())
            })
            .collect::<Result<Vec<_>, RegistryError>>()?;
        write_chunk(&self.client, &self.tables.rows, "mark rows", writes).await
    }

    /// The rows of one request that are known, each with its batch.
    async fn owners(&self, rows: Vec<u128>) -> Result<Vec<(u128, BatchId)>, RegistryError> {
        let keys = rows
            .iter()
            .map(|row| Item::from([("row".to_owned(), row_key(*row))]))
            .collect();
        let items = read_chunk(&self.client, &self.tables.rows, "look rows up", keys).await?;
        items.iter().map(mark).collect()
    }
}

/// Each row once: DynamoDB refuses a request that names a key twice.
fn distinct(rows: &[u128]) -> Vec<u128> {
    let mut seen = HashSet::with_capacity(rows.len());
    rows.iter()
        .copied()
        .filter(|row| seen.insert(*row))
        .collect()
}

fn row_key(row: u128) -> AttributeValue {
    AttributeValue::B(Blob::new(row.to_be_bytes().to_vec()))
}

fn mark(item: &Item) -> Result<(u128, BatchId), RegistryError> {
    let bytes = |name: &str| {
        item.get(name)
            .and_then(|value| value.as_b().ok())
            .map(Blob::as_ref)
    };
    let row = bytes("row")
        .and_then(|bytes| bytes.try_into().ok())
        .map(u128::from_be_bytes);
    let owner = bytes("batch").and_then(|bytes| hex::encode(bytes).parse().ok());
    match (row, owner) {
        (Some(row), Some(owner)) => Ok((row, owner)),
        _ => Err(RegistryError::Damaged {
            what: "the mark of a row".to_owned(),
            source: serde::de::Error::custom("16 bytes of row and 32 bytes of batch are expected"),
        }),
    }
}
