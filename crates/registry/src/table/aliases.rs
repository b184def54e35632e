//! Aliases of versions. Clients load models by alias, so an alias carries a copy of the version that it names:
//! a look-up is one request.
//!
//! A copy is never old. Whoever moves an alias counts a write of the version, and whoever changes a version writes
//! its copies in the same transaction, on condition that nobody counted meanwhile.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use serde::{Deserialize, Serialize};
use tasador_ids::{ModelName, ModelVersion};

use super::fault::Attempt;
use super::item::{self, Expression, Item, item, string, value};
use super::key;
use super::modify::{Edit, edit, increment, unchanged};
use super::query::Place;
use super::{ATTEMPTS, Registry, back_off};
use crate::RegistryError;
use crate::promotion::CHAMPION;
use crate::version::{VersionRecord, VersionStatus};

/// The attribute of an alias with the copy.
const COPY: &str = "copy";
/// The largest copy, as JSON. A larger version is read by itself.
const COPY_MAX_BYTES: usize = 16 * 1024;
/// The most aliases of one version with a copy, the champion's apart: all are written in one transaction of
/// at most 100 items and 4 MB.
const COPIES_MAX: usize = 20;

/// Which version an alias names.
#[derive(Debug, Serialize, Deserialize)]
struct Alias {
    version: ModelVersion,
}

/// The aliases of a model with the versions they name, the champion's among them.
pub type Aliases = BTreeMap<String, ModelVersion>;

impl Registry {
    /// Every alias of a model.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn aliases(&self, model: &ModelName) -> Result<Aliases, RegistryError> {
        named(&self.alias_items("list aliases", model).await?)
    }

    /// The version that an alias names, and every alias of the model; none if there is no such alias.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`]; [`RegistryError::NotFound`] if the version
    /// was removed between two requests.
    pub async fn version_by_alias(
        &self,
        model: &ModelName,
        alias: &str,
    ) -> Result<Option<(VersionRecord, Aliases)>, RegistryError> {
        let mut items = self.alias_items("look up an alias", model).await?;
        let aliases = named(&items)?;
        let Some(version) = aliases.get(alias).copied() else {
            return Ok(None);
        };
        let sort = key::alias(model, alias).sk;
        let copy = items
            .iter_mut()
            .find(|item| string(item, "sk").as_deref() == Some(sort.as_str()))
            .and_then(|item| item.remove(COPY))
            .and_then(|copy| match copy {
                AttributeValue::M(copy) => Some(copy),
                _ => None,
            });
        let record = match copy {
            Some(copy) => item::record(copy)?,
            None => self.add_copy(model, alias, version, &aliases).await?,
        };
        Ok(Some((record, aliases)))
    }

    /// The version of an alias that has no copy of it, as earlier releases set them; the alias gets one where it
    /// may have one. Whoever changes one of them at the same time wins, and the next look-up tries again.
    async fn add_copy(
        &self,
        model: &ModelName,
        alias: &str,
        version: ModelVersion,
        aliases: &Aliases,
    ) -> Result<VersionRecord, RegistryError> {
        const WHAT: &str = "copy a version to its alias";
        let place = key::version(model, version);
        let before = self.get_item(WHAT, place.clone()).await?;
        let before = before.ok_or_else(|| RegistryError::NotFound {
            what: format!("version {version} of {model}"),
        })?;
        let record: VersionRecord = item::record(before.clone())?;
        if others(aliases, alias, version) < COPIES_MAX
            && let Some((_, copy)) = copy(&record)?
        {
            let writes = vec![
                self.update(place, increment(), unchanged(&before))?,
                self.update(key::alias(model, alias), with_copy(copy), names(version)?)?,
            ];
            if let Err(error) = self.transact(WHAT, writes).await {
                tracing::warn!(%model, alias, "the alias has no copy of its version yet: {error}");
            }
        }
        Ok(record)
    }

    /// Names a version. False where there is no such version.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] for the champion's alias.
    pub async fn set_alias(
        &self,
        model: &ModelName,
        alias: &str,
        version: ModelVersion,
    ) -> Result<bool, RegistryError> {
        const WHAT: &str = "set an alias";
        not_champion(alias)?;
        for round in 0..ATTEMPTS {
            let place = key::version(model, version);
            let Some(before) = self.get_item(WHAT, place.clone()).await? else {
                return Ok(false);
            };
            let aliases = self.aliases(model).await?;
            let condition = unchanged(&before);
            let mut named = item(key::alias(model, alias), &Alias { version })?;
            if others(&aliases, alias, version) < COPIES_MAX {
                named.extend(copy(&item::record(before)?)?);
            }
            let writes = vec![
                self.update(place, increment(), condition)?,
                // Whatever it named before.
                self.put(named, Expression::any())?,
            ];
            if self.transact(WHAT, writes).await? == Attempt::Done {
                return Ok(true);
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    /// Takes an alias away, where it is there.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] for the champion's alias.
    pub async fn remove_alias(&self, model: &ModelName, alias: &str) -> Result<(), RegistryError> {
        not_champion(alias)?;
        let delete = self.delete(key::alias(model, alias), Expression::present())?;
        // Lost means that it is away already.
        self.transact("remove an alias", vec![delete]).await?;
        Ok(())
    }

    /// Changes a version's description, labels and stage; none where there is none.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn change_version(
        &self,
        model: &ModelName,
        version: ModelVersion,
        change: &(dyn Fn(&mut VersionRecord) + Sync),
    ) -> Result<Option<VersionRecord>, RegistryError> {
        const WHAT: &str = "change a version";
        let place = key::version(model, version);
        for round in 0..ATTEMPTS {
            let Some(before) = self.get_item(WHAT, place.clone()).await? else {
                return Ok(None);
            };
            let Edit { record, write } = edit(place.clone(), before, change)?;
            let Some((changed, condition)) = write else {
                return Ok(Some(record));
            };
            let mut writes = self.copies(model, &record).await?;
            let attempt = if writes.is_empty() {
                self.put_if(WHAT, changed, condition).await?
            } else {
                writes.push(self.put(changed, condition)?);
                self.transact(WHAT, writes).await?
            };
            if attempt == Attempt::Done {
                return Ok(Some(record));
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    /// The writes that make the copies of a version as the version is, where its aliases have any.
    async fn copies(
        &self,
        model: &ModelName,
        record: &VersionRecord,
    ) -> Result<Vec<TransactWriteItem>, RegistryError> {
        let mut writes = Vec::new();
        for alias in self.alias_items("list aliases", model).await? {
            let has_copy = alias.contains_key(COPY);
            let (name, named) = alias_of(&alias)?;
            if named != record.version || !has_copy {
                continue;
            }
            let change = match copy(record)? {
                Some((_, copy)) => with_copy(copy),
                None => Expression::new("REMOVE #copy").name("#copy", COPY),
            };
            let place = key::alias(model, &name);
            writes.push(self.update(place, change, names(record.version)?)?);
        }
        Ok(writes)
    }

    async fn alias_items(
        &self,
        operation: &'static str,
        model: &ModelName,
    ) -> Result<Vec<Item>, RegistryError> {
        let place = Place::Partition {
            pk: key::model(model).pk,
            prefix: key::ALIAS.to_owned(),
        };
        self.items(operation, &place).await
    }
}

/// The attribute that an alias has of its version: none where the version may still become ready or is large.
pub(super) fn copy(
    record: &VersionRecord,
) -> Result<Option<(String, AttributeValue)>, RegistryError> {
    let size_bytes = serde_json::to_vec(record).map_or(usize::MAX, |json| json.len());
    if record.status != VersionStatus::Ready || size_bytes > COPY_MAX_BYTES {
        return Ok(None);
    }
    Ok(Some((COPY.to_owned(), value(record)?)))
}

/// How many other aliases a version has.
fn others(aliases: &Aliases, alias: &str, version: ModelVersion) -> usize {
    let others = aliases.iter();
    others
        .filter(|(name, named)| **named == version && *name != alias)
        .count()
}

fn with_copy(copy: AttributeValue) -> Expression {
    Expression::new("SET #copy = :copy")
        .name("#copy", COPY)
        .value(":copy", copy)
}

/// That an alias still names a version.
fn names(version: ModelVersion) -> Result<Expression, RegistryError> {
    Ok(Expression::new("#version = :version")
        .name("#version", "version")
        .value(":version", value(&version)?))
}

fn named(items: &[Item]) -> Result<Aliases, RegistryError> {
    items.iter().map(alias_of).collect()
}

/// An alias and what it names.
fn alias_of(item: &Item) -> Result<(String, ModelVersion), RegistryError> {
    let name = string(item, "sk").unwrap_or_default();
    let name = key::whole(name.strip_prefix(key::ALIAS).unwrap_or_default());
    // Without the copy.
    let own = ["pk", "sk", "version"]
        .into_iter()
        .filter_map(|attribute| Some((attribute.to_owned(), item.get(attribute)?.clone())));
    let alias: Alias = item::record(own.collect())?;
    Ok((name, alias.version))
}

fn not_champion(alias: &str) -> Result<(), RegistryError> {
    if alias == CHAMPION {
        return Err(RegistryError::Conflict {
            why: format!("the alias `{CHAMPION}` moves by promotion only"),
        });
    }
    Ok(())
}
