//! Items: records as DynamoDB holds them, and the parts of a conditional write.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Registry;
use super::key::Key;
use crate::RegistryError;

/// An item: its attributes by name.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A string attribute.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A record as one attribute.
pub(crate) fn value(record: &impl Serialize) -> Result<AttributeValue, RegistryError> {
    serde_dynamo::to_attribute_value(record).map_err(unwritable)
}

/// A record as an item with that key. What is none is absent, so that conditions can tell.
pub(crate) fn item(key: Key, record: &impl Serialize) -> Result<Item, RegistryError> {
    let mut item: Item = serde_dynamo::to_item(record).map_err(unwritable)?;
    item.retain(|_, value| !value.is_null());
    item.insert("pk".to_owned(), text(key.pk));
    item.insert("sk".to_owned(), text(key.sk));
    Ok(item)
}

/// The same item in a list of the index `by_list`.
pub(crate) fn listed(mut item: Item, list: impl Into<String>, place: impl Into<String>) -> Item {
    item.insert("list_pk".to_owned(), text(list));
    item.insert("list_sk".to_owned(), text(place));
    item
}

/// The record in an item.
pub(crate) fn record<T: DeserializeOwned>(item: Item) -> Result<T, RegistryError> {
    let what = match (string(&item, "pk"), string(&item, "sk")) {
        (Some(pk), Some(sk)) => format!("item `{pk}` / `{sk}`"),
        _ => "an item".to_owned(),
    };
    serde_dynamo::from_item(item).map_err(|source| RegistryError::Damaged { what, source })
}

/// A string attribute of an item.
pub(crate) fn string(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

fn unwritable(source: serde_dynamo::Error) -> RegistryError {
    RegistryError::Unavailable {
        operation: "write a record",
        retryable: false,
        source: Box::new(source),
    }
}

pub(crate) fn unbuildable(source: BuildError) -> RegistryError {
    RegistryError::Unavailable {
        operation: "phrase a request",
        retryable: false,
        source: Box::new(source),
    }
}

impl From<Key> for Item {
    fn from(key: Key) -> Self {
        Self::from([
            ("pk".to_owned(), text(key.pk)),
            ("sk".to_owned(), text(key.sk)),
        ])
    }
}

/// An expression with what its placeholders stand for. Names always take a placeholder: too many
/// plain words are reserved.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expression {
    pub(crate) text: String,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: HashMap<String, AttributeValue>,
}

impl Expression {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    pub(crate) fn name(mut self, placeholder: &str, name: &str) -> Self {
        self.names.insert(placeholder.to_owned(), name.to_owned());
        self
    }

    pub(crate) fn value(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.values.insert(placeholder.to_owned(), value);
        self
    }

    /// That there is no such item yet.
    pub(crate) fn absent() -> Self {
        Self::new("attribute_not_exists(pk)")
    }

    /// That there is such an item.
    pub(crate) fn present() -> Self {
        Self::new("attribute_exists(pk)")
    }

    /// That there is such an item or not: every write of a transaction has a condition here.
    pub(crate) fn any() -> Self {
        Self::new("attribute_exists(pk) OR attribute_not_exists(pk)")
    }

    /// The placeholders' names; DynamoDB wants none at all rather than an empty map.
    pub(crate) fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    /// The placeholders' values, likewise.
    pub(crate) fn values(&self) -> Option<Item> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}

/// The parts of a transaction.
impl Registry {
    pub(crate) fn put(
        &self,
        item: Item,
        condition: Expression,
    ) -> Result<TransactWriteItem, RegistryError> {
        let put = Put::builder()
            .table_name(&self.tables.registry)
            .set_item(Some(item))
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .condition_expression(condition.text)
            .build()
            .map_err(unbuildable)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    pub(crate) fn update(
        &self,
        key: Key,
        change: Expression,
        condition: Expression,
    ) -> Result<TransactWriteItem, RegistryError> {
        let names = change
            .names
            .into_iter()
            .chain(condition.names)
            .collect::<HashMap<_, _>>();
        let values = change
            .values
            .into_iter()
            .chain(condition.values)
            .collect::<Item>();
        let update = Update::builder()
            .table_name(&self.tables.registry)
            .set_key(Some(key.into()))
            .update_expression(change.text)
            .condition_expression(condition.text)
            .set_expression_attribute_names((!names.is_empty()).then_some(names))
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .build()
            .map_err(unbuildable)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    pub(crate) fn delete(
        &self,
        key: Key,
        condition: Expression,
    ) -> Result<TransactWriteItem, RegistryError> {
        let delete = Delete::builder()
            .table_name(&self.tables.registry)
            .set_key(Some(key.into()))
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .condition_expression(condition.text)
            .build()
            .map_err(unbuildable)?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    pub(crate) fn check(
        &self,
        key: Key,
        condition: Expression,
    ) -> Result<TransactWriteItem, RegistryError> {
        let check = ConditionCheck::builder()
            .table_name(&self.tables.registry)
            .set_key(Some(key.into()))
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .condition_expression(condition.text)
            .build()
            .map_err(unbuildable)?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }
}
