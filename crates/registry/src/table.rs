//! The tables in DynamoDB: one file per family of items, each with the calls that read and write it.
//!
//! All families but inferences and tokens share one table, told apart by their keys
//! (see [`key`]). The same attributes carry the two indexes: `by_list` holds lists in the order
//! people read them, `open` holds the batches that wait for an outcome and nothing else.

use std::time::Duration;

use aws_sdk_dynamodb::Client;

mod aliases;
mod batches;
pub(crate) mod bulk;
mod compactions;
mod create;
mod decisions;
mod drops;
pub(crate) mod fault;
mod files;
mod inferences;
pub(crate) mod item;
pub(crate) mod key;
mod models;
pub(crate) mod modify;
mod outcomes;
mod performance;
mod promotions;
pub(crate) mod query;
mod restore;
mod serving;
mod tokens;
mod turns;
mod versions;

pub use aliases::Aliases;
pub use turns::Turn;

/// The names of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// Batches, outcomes, models, versions, promotions, experiments, runs.
    pub registry: String,
    /// The log of answered requests.
    pub inferences: String,
    /// Bearer tokens, hashed. A separate table, so that only what checks tokens may read it.
    pub tokens: String,
}

/// The registry, kept in DynamoDB. Cheap to clone.
///
/// Reads by key are strongly consistent. Reads by index follow writes within a second or so; no
/// rule rests on them, as every write states what it expects to find.
#[derive(Debug, Clone)]
pub struct Registry {
    pub(crate) client: Client,
    pub(crate) tables: Tables,
}

impl Registry {
    /// The registry in these tables.
    pub fn new(client: Client, tables: Tables) -> Self {
        Self { client, tables }
    }

    /// The names of the tables.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }
}

/// How often a write that lost against another writer reads again and tries again. Each round at
/// least one writer of the same item succeeds, so this is also how many may race without anyone
/// giving up.
pub(crate) const ATTEMPTS: u32 = 64;

/// Waits a random while that grows with each round lost, so that writers that met once don't meet
/// again.
pub(crate) async fn back_off(round: u32) {
    use std::hash::{BuildHasher as _, RandomState};
    let limit_us = 5_000_u64 << round.min(6);
    // The standard library's one source of randomness: keys of a new hash map.
    let random = RandomState::new().hash_one(round);
    tokio::time::sleep(Duration::from_micros(random % limit_us)).await;
}
