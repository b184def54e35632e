//! The tables in DynamoDB.

use aws_sdk_dynamodb::Client;

mod skeleton;

/// The names of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// Batches, outcomes, models, versions, promotions, experiments, runs.
    pub registry: String,
    /// Which batch each row was first seen in.
    pub rows: String,
    /// The log of answered requests.
    pub inferences: String,
}

/// The registry, kept in DynamoDB. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry {
    client: Client,
    tables: Tables,
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
