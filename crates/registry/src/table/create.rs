//! Makes the tables where no template did.

use std::time::Duration;

use aws_sdk_dynamodb::client::Waiters as _;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification, TimeToLiveStatus,
};

use super::Registry;
use super::fault::unavailable;
use super::item::unbuildable;
use super::key::{BY_LIST, OPEN};
use crate::RegistryError;

/// How long a new table may take until it can be used.
const CREATION_LIMIT: Duration = Duration::from_secs(120);

impl Registry {
    /// Makes the four tables where they are missing, and waits until they can be used.
    ///
    /// On AWS the template makes them, with the same keys, indexes and on-demand billing.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] where a table could not be made.
    pub async fn create_tables(&self) -> Result<(), RegistryError> {
        // Asked for first: a table that exists is no error worth a line in the server's log.
        let existing = self.existing_tables().await?;
        let string = ScalarAttributeType::S;
        let mut registry = self.table(
            &self.tables.registry,
            &[("pk", string.clone()), ("sk", string.clone())],
        )?;
        for (index, partition, sort) in [
            (BY_LIST, "list_pk", "list_sk"),
            (OPEN, "open_pk", "open_sk"),
        ] {
            registry = registry
                .attribute_definitions(attribute(partition, string.clone())?)
                .attribute_definitions(attribute(sort, string.clone())?)
                .global_secondary_indexes(
                    GlobalSecondaryIndex::builder()
                        .index_name(index)
                        .key_schema(key(partition, KeyType::Hash)?)
                        .key_schema(key(sort, KeyType::Range)?)
                        .projection(
                            Projection::builder()
                                .projection_type(ProjectionType::All)
                                .build(),
                        )
                        .build()
                        .map_err(unbuildable)?,
                );
        }
        let inferences = self.table(
            &self.tables.inferences,
            &[("pk", string.clone()), ("sk", string.clone())],
        )?;
        let tokens = self.table(
            &self.tables.tokens,
            &[("pk", string.clone()), ("sk", string)],
        )?;
        for (table, name) in [
            (registry, &self.tables.registry),
            (inferences, &self.tables.inferences),
            (tokens, &self.tables.tokens),
        ] {
            if !existing.contains(name) {
                self.create(table, name).await?;
            }
        }
        self.forget_expired(&self.tables.registry).await?;
        self.forget_expired(&self.tables.inferences).await?;
        self.forget_expired(&self.tables.tokens).await
    }

    async fn existing_tables(&self) -> Result<Vec<String>, RegistryError> {
        let pages = self.client.list_tables().into_paginator().items().send();
        pages
            .collect::<Result<_, _>>()
            .await
            .map_err(unavailable("list the tables"))
    }

    /// Lets a table forget items whose `expires_at`, in seconds since 1970, has passed.
    async fn forget_expired(&self, name: &str) -> Result<(), RegistryError> {
        let known = self
            .client
            .describe_time_to_live()
            .table_name(name)
            .send()
            .await
            .map_err(unavailable("read a table's expiry"))?;
        let is_on = known
            .time_to_live_description()
            .and_then(|expiry| expiry.time_to_live_status())
            .is_some_and(|status| *status == TimeToLiveStatus::Enabled);
        if is_on {
            return Ok(());
        }
        let expiry = TimeToLiveSpecification::builder()
            .attribute_name("expires_at")
            .enabled(true)
            .build()
            .map_err(unbuildable)?;
        self.client
            .update_time_to_live()
            .table_name(name)
            .time_to_live_specification(expiry)
            .send()
            .await
            .map(drop)
            .map_err(unavailable("set a table's expiry"))
    }

    /// A table on demand with these key attributes.
    fn table(
        &self,
        name: &str,
        keys: &[(&str, ScalarAttributeType)],
    ) -> Result<CreateTableFluentBuilder, RegistryError> {
        let mut table = self
            .client
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest);
        for ((name, kind), role) in keys.iter().zip([KeyType::Hash, KeyType::Range]) {
            table = table
                .attribute_definitions(attribute(name, kind.clone())?)
                .key_schema(key(name, role)?);
        }
        Ok(table)
    }

    async fn create(
        &self,
        table: CreateTableFluentBuilder,
        name: &str,
    ) -> Result<(), RegistryError> {
        match table.send().await {
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.as_service_error(),
                    Some(CreateTableError::ResourceInUseException(_))
                ) => {}
            Err(error) => return Err(unavailable("make a table")(error)),
        }
        self.client
            .wait_until_table_exists()
            .table_name(name)
            .wait(CREATION_LIMIT)
            .await
            .map_err(|source| RegistryError::Unavailable {
                operation: "wait for a new table",
                retryable: true,
                source: Box::new(source),
            })?;
        Ok(())
    }
}

fn attribute(name: &str, kind: ScalarAttributeType) -> Result<AttributeDefinition, RegistryError> {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(kind)
        .build()
        .map_err(unbuildable)
}

fn key(name: &str, role: KeyType) -> Result<KeySchemaElement, RegistryError> {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(role)
        .build()
        .map_err(unbuildable)
}
