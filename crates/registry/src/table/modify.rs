//! Records that people change in parts: read, changed in memory, and written back where nobody else
//! wrote meanwhile.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fault::Attempt;
use super::item::{self, Expression, Item};
use super::key::Key;
use super::{ATTEMPTS, Registry, back_off};
use crate::RegistryError;

/// The attribute that counts the writes of an item. Whoever writes to an item that is changed in
/// parts counts too (see [`counted`]).
const REVISION: &str = "revision";

/// The end of an update expression that counts it; `#revision` and `:one` are its placeholders.
pub(crate) const COUNTED: &str = " ADD #revision :one";

/// The placeholders of [`COUNTED`].
pub(crate) fn counted(change: Expression) -> Expression {
    change
        .name("#revision", REVISION)
        .value(":one", AttributeValue::N("1".to_owned()))
}

impl Registry {
    /// Changes the record at a key, and returns it as it is then; none if there is no such item.
    /// `change` may be called more than once, each time with the current record.
    pub(crate) async fn modify<T: Serialize + DeserializeOwned>(
        &self,
        operation: &'static str,
        key: Key,
        change: &(dyn Fn(&mut T) + Sync),
    ) -> Result<Option<T>, RegistryError> {
        for round in 0..ATTEMPTS {
            let Some(before) = self.get_item(operation, key.clone()).await? else {
                return Ok(None);
            };
            let mut record: T = item::record(before.clone())?;
            let known = item::item(key.clone(), &record)?;
            change(&mut record);
            let changed = item::item(key.clone(), &record)?;
            if known == changed {
                return Ok(Some(record));
            }
            let (item, unchanged) = next(before, &known, changed);
            if self.put_if(operation, item, unchanged).await? == Attempt::Done {
                return Ok(Some(record));
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation })
    }
}

/// The item after a change, with all that is no part of the record as it was, and the condition that
/// nobody else wrote.
fn next(before: Item, known: &Item, changed: Item) -> (Item, Expression) {
    let revision = before
        .get(REVISION)
        .and_then(|revision| revision.as_n().ok())
        .cloned();
    let unchanged = match &revision {
        None => Expression::new("attribute_exists(pk) AND attribute_not_exists(#revision)"),
        Some(revision) => Expression::new("#revision = :revision")
            .value(":revision", AttributeValue::N(revision.clone())),
    }
    .name("#revision", REVISION);
    let count: u64 = revision
        .and_then(|revision| revision.parse().ok())
        .unwrap_or(0);
    let mut item = before;
    item.retain(|name, _| !known.contains_key(name));
    item.extend(changed);
    item.insert(
        REVISION.to_owned(),
        AttributeValue::N((count + 1).to_string()),
    );
    (item, unchanged)
}
