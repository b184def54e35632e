//! Single reads, transactions, and what the client's errors mean.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::de::DeserializeOwned;

use super::item::{self, Expression, Item};
use super::key::Key;
use super::{ATTEMPTS, Registry, back_off};
use crate::RegistryError;

const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// All of it is written.
    Done,
    /// Nothing is written: a condition did not hold, or another writer was at the same items.
    /// Who reads again sees which.
    Lost,
}

/// Turns a client's error into the registry's.
pub(crate) fn unavailable<E>(operation: &'static str) -> impl FnOnce(SdkError<E>) -> RegistryError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    move |error| {
        let retryable = tasador_aws::is_retryable(&error);
        let source: Box<dyn Error + Send + Sync> = match error {
            SdkError::ServiceError(service) => Box::new(service.into_err()),
            other => Box::new(other),
        };
        RegistryError::Unavailable {
            operation,
            retryable,
            source,
        }
    }
}

impl Registry {
    /// The record at a key, as of now.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        key: Key,
    ) -> Result<Option<T>, RegistryError> {
        self.get_item(operation, key)
            .await?
            .map(item::record)
            .transpose()
    }

    pub(crate) async fn get_item(
        &self,
        operation: &'static str,
        key: Key,
    ) -> Result<Option<Item>, RegistryError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.registry)
            .set_key(Some(key.into()))
            .consistent_read(true)
            .send()
            .await
            .map_err(unavailable(operation))?;
        Ok(found.item)
    }

    /// Writes an item where a condition holds; waits for transactions of others at the same item.
    pub(crate) async fn put_if(
        &self,
        operation: &'static str,
        item: Item,
        condition: Expression,
    ) -> Result<Attempt, RegistryError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.registry)
            .set_item(Some(item))
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .condition_expression(condition.text);
        for round in 0..ATTEMPTS {
            let Err(error) = put.clone().send().await else {
                return Ok(Attempt::Done);
            };
            match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => return Ok(Attempt::Lost),
                Some(PutItemError::TransactionConflictException(_)) => back_off(round).await,
                _ => return Err(unavailable(operation)(error)),
            }
        }
        Err(RegistryError::Contended { operation })
    }

    /// Changes an item where a condition holds.
    pub(crate) async fn update_if(
        &self,
        operation: &'static str,
        key: Key,
        change: Expression,
        condition: Expression,
    ) -> Result<Attempt, RegistryError> {
        let names: HashMap<String, String> =
            change.names.into_iter().chain(condition.names).collect();
        let values: Item = change.values.into_iter().chain(condition.values).collect();
        let sent = self
            .client
            .update_item()
            .table_name(&self.tables.registry)
            .set_key(Some(key.into()))
            .update_expression(change.text)
            .condition_expression(condition.text)
            .set_expression_attribute_names((!names.is_empty()).then_some(names))
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Attempt::Done),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(Attempt::Lost)
            }
            Err(error) => Err(unavailable(operation)(error)),
        }
    }

    /// Writes all or nothing.
    pub(crate) async fn transact(
        &self,
        operation: &'static str,
        items: Vec<TransactWriteItem>,
    ) -> Result<Attempt, RegistryError> {
        Ok(match self.transact_each(operation, items).await? {
            None => Attempt::Done,
            Some(_) => Attempt::Lost,
        })
    }

    /// The same; where nothing is written, the positions of the items whose conditions do not hold.
    /// There are none if only another writer was at the same items.
    pub(crate) async fn transact_each(
        &self,
        operation: &'static str,
        items: Vec<TransactWriteItem>,
    ) -> Result<Option<BTreeSet<usize>>, RegistryError> {
        let sent = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(None),
            Err(error) => match lost(&error) {
                Some(refused) => Ok(Some(refused)),
                None => Err(unavailable(operation)(error)),
            },
        }
    }
}

/// The items whose conditions do not hold, if a transaction failed for what others wrote and not for
/// what it says.
fn lost(error: &SdkError<TransactWriteItemsError>) -> Option<BTreeSet<usize>> {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            let reasons = cancelled.cancellation_reasons().iter().enumerate();
            let codes: Vec<(usize, &str)> = reasons
                .filter_map(|(at, reason)| Some((at, reason.code()?)))
                .filter(|(_, code)| *code != "None")
                .collect();
            let is_others = |code: &str| {
                matches!(
                    code,
                    CONDITION_FAILED
                        | "TransactionConflict"
                        | "ThrottlingError"
                        | "ProvisionedThroughputExceeded"
                )
            };
            if codes.is_empty() || !codes.iter().all(|(_, code)| is_others(code)) {
                return None;
            }
            let refused = codes.iter().filter(|(_, code)| *code == CONDITION_FAILED);
            Some(refused.map(|(at, _)| *at).collect())
        }
        Some(TransactWriteItemsError::TransactionInProgressException(_)) => Some(BTreeSet::new()),
        _ => None,
    }
}
