//! Requests for many items: DynamoDB's batch calls, repeated until nothing is left unprocessed.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{KeysAndAttributes, WriteRequest};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::fault::unavailable;
use super::item::{Item, unbuildable};
use super::{ATTEMPTS, back_off};
use crate::RegistryError;

/// The most keys DynamoDB reads at once.
pub(crate) const READ_BATCH: usize = 100;
/// The most items DynamoDB writes at once.
pub(crate) const WRITE_BATCH: usize = 25;
/// The most items DynamoDB writes in one transaction.
pub(crate) const TRANSACTION_MAX: usize = 100;
/// Requests on their way at once. DynamoDB answers in some 5 ms, so 16 keep a batch of 230,000
/// rows within seconds, and a new table on demand takes their 4,000 writes a second without
/// throttling. More gain nothing on one machine, where the table is one SQLite file.
pub(crate) const CONCURRENCY: usize = 16;

/// Reads the items of up to [`READ_BATCH`] distinct keys, in any order; those that do not exist are left
/// out. What the table had no capacity for is requested again.
///
/// # Errors
/// [`RegistryError::Unavailable`] and [`RegistryError::Contended`].
pub(crate) async fn read_chunk(
    client: &Client,
    table: &str,
    operation: &'static str,
    mut keys: Vec<Item>,
) -> Result<Vec<Item>, RegistryError> {
    let mut found = Vec::with_capacity(keys.len());
    for round in 0..ATTEMPTS {
        let requested = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .build()
            .map_err(unbuildable)?;
        let answer = client
            .batch_get_item()
            .request_items(table, requested)
            .send()
            .await
            .map_err(unavailable(operation))?;
        let responses = answer.responses.into_iter().flatten();
        found.extend(responses.flat_map(|(_, items)| items));
        keys = answer
            .unprocessed_keys
            .into_iter()
            .flatten()
            .flat_map(|(_, left)| left.keys)
            .collect();
        if keys.is_empty() {
            return Ok(found);
        }
        back_off(round).await;
    }
    Err(RegistryError::Contended { operation })
}

/// Writes items of distinct keys, 25 at a time, several requests at once; what the table had no
/// capacity for is sent again.
pub(crate) async fn write_all(
    client: &Client,
    table: &str,
    operation: &'static str,
    writes: Vec<WriteRequest>,
) -> Result<(), RegistryError> {
    let chunks: Vec<Vec<WriteRequest>> = writes.chunks(WRITE_BATCH).map(<[_]>::to_vec).collect();
    stream::iter(chunks)
        .map(|chunk| write_chunk(client, table, operation, chunk))
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await
}

/// Writes up to [`WRITE_BATCH`] items of distinct keys in one request.
///
/// # Errors
/// [`RegistryError::Unavailable`] and [`RegistryError::Contended`].
pub(crate) async fn write_chunk(
    client: &Client,
    table: &str,
    operation: &'static str,
    mut writes: Vec<WriteRequest>,
) -> Result<(), RegistryError> {
    for round in 0..ATTEMPTS {
        let answer = client
            .batch_write_item()
            .request_items(table, writes)
            .send()
            .await
            .map_err(unavailable(operation))?;
        writes = answer
            .unprocessed_items
            .into_iter()
            .flatten()
            .flat_map(|(_, left)| left)
            .collect();
        if writes.is_empty() {
            return Ok(());
        }
        back_off(round).await;
    }
    Err(RegistryError::Contended { operation })
}
