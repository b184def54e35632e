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
            let Edit { record, write } = edit(key.clone(), before, change)?;
            let Some((item, unchanged)) = write else {
                return Ok(Some(record));
            };
            if self.put_if(operation, item, unchanged).await? == Attempt::Done {
                return Ok(Some(record));
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation })
    }
}

/// A record after a change.
pub(crate) struct Edit<T> {
    pub(crate) record: T,
    /// The item to put, and the condition that nobody else wrote; none where nothing changed.
    pub(crate) write: Option<(Item, Expression)>,
}

/// Changes the record of an item. All that is no part of the record stays as it was.
pub(crate) fn edit<T: Serialize + DeserializeOwned>(
    key: Key,
    before: Item,
    change: &(dyn Fn(&mut T) + Sync),
) -> Result<Edit<T>, RegistryError> {
    let mut record: T = item::record(before.clone())?;
    let known = item::item(key.clone(), &record)?;
    change(&mut record);
    let changed = item::item(key, &record)?;
    let write = (known != changed).then(|| {
        let unchanged = unchanged(&before);
        let count: u64 = revision(&before)
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
    });
    Ok(Edit { record, write })
}

/// Counts a write, and changes nothing else.
pub(crate) fn increment() -> Expression {
    counted(Expression::new(COUNTED.trim_start()))
}

/// That an item is there and nobody wrote to it since it was read.
pub(crate) fn unchanged(before: &Item) -> Expression {
    match revision(before) {
        None => Expression::new("attribute_exists(pk) AND attribute_not_exists(#revision)"),
        Some(revision) => {
            Expression::new("#revision = :revision").value(":revision", AttributeValue::N(revision))
        }
    }
    .name("#revision", REVISION)
}

fn revision(item: &Item) -> Option<String> {
    item.get(REVISION)?.as_n().ok().cloned()
}
