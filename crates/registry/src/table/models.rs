//! Registered models as people keep them: descriptions, labels, and what is taken away.
//!
//! The alias `champion` is not among what is set and removed here: it moves by promotion only, and
//! neither the version that holds it nor its model can be taken away.

use aws_sdk_dynamodb::types::{DeleteRequest, WriteRequest};
use tasador_ids::{ModelName, ModelVersion};

use super::bulk::write_all;
use super::fault::Attempt;
use super::item::{Expression, Item, item, listed, string, unbuildable, value};
use super::modify::unchanged;
use super::query::Place;
use super::{ATTEMPTS, Registry, back_off, key};
use crate::RegistryError;
use crate::promotion::CHAMPION;
use crate::version::ModelRecord;

impl Registry {
    /// Makes a registered model without versions. False where there is one of that name.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn make_model(&self, model: &ModelRecord) -> Result<bool, RegistryError> {
        let record = listed(
            item(key::model(&model.model), model)?,
            key::MODELS,
            model.model.as_str(),
        );
        let made = self
            .put_if("make a model", record, Expression::absent())
            .await?;
        Ok(made == Attempt::Done)
    }

    /// Changes a model's description and labels; none where there is none.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn change_model(
        &self,
        model: &ModelName,
        change: &(dyn Fn(&mut ModelRecord) + Sync),
    ) -> Result<Option<ModelRecord>, RegistryError> {
        self.modify("change a model", key::model(model), change)
            .await
    }

    /// Takes a version away with its aliases. Its number is not given again. False where there is
    /// none.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where it is the champion.
    pub async fn remove_version(
        &self,
        model: &ModelName,
        version: ModelVersion,
    ) -> Result<bool, RegistryError> {
        const WHAT: &str = "remove a version";
        for round in 0..ATTEMPTS {
            let place = key::version(model, version);
            let Some(before) = self.get_item(WHAT, place.clone()).await? else {
                return Ok(false);
            };
            let aliases = self.aliases(model).await?;
            if aliases.get(CHAMPION) == Some(&version) {
                return Err(is_champion(model, version));
            }
            let not_promoted = Expression::new("attribute_not_exists(pk) OR #version <> :version")
                .name("#version", "version")
                .value(":version", value(&version)?);
            let mut writes = vec![
                // An alias that is set meanwhile counts a write of the version.
                self.delete(place, unchanged(&before))?,
                self.check(key::champion(model), not_promoted)?,
            ];
            for (alias, _) in aliases.iter().filter(|(_, named)| **named == version) {
                let still = Expression::new("#version = :version")
                    .name("#version", "version")
                    .value(":version", value(&version)?);
                writes.push(self.delete(key::alias(model, alias), still)?);
            }
            if self.transact(WHAT, writes).await? == Attempt::Done {
                return Ok(true);
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    /// Takes a model away with its versions and aliases. False where there is none.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where it has a champion.
    pub async fn remove_model(&self, model: &ModelName) -> Result<bool, RegistryError> {
        const WHAT: &str = "remove a model";
        if self.model(model).await?.is_none() {
            return Ok(false);
        }
        if let Some(champion) = self.champion(model).await? {
            return Err(is_champion(model, champion.version));
        }
        let place = Place::Partition {
            pk: key::model(model).pk,
            prefix: String::new(),
        };
        let all = self.items(WHAT, &place).await?;
        // The model itself goes last: a call that breaks off is repeated.
        let (itself, parts): (Vec<Item>, Vec<Item>) = all
            .into_iter()
            .partition(|item| string(item, "sk").as_deref() == Some("model"));
        for items in [parts, itself] {
            let deletes = items
                .into_iter()
                .map(|mut item| {
                    item.retain(|name, _| matches!(name.as_str(), "pk" | "sk"));
                    let delete = DeleteRequest::builder()
                        .set_key(Some(item))
                        .build()
                        .map_err(unbuildable)?;
                    Ok(WriteRequest::builder().delete_request(delete).build())
                })
                .collect::<Result<Vec<_>, RegistryError>>()?;
            write_all(&self.client, &self.tables.registry, WHAT, deletes).await?;
        }
        Ok(true)
    }
}

fn is_champion(model: &ModelName, version: ModelVersion) -> RegistryError {
    RegistryError::Conflict {
        why: format!("version {version} of {model} is the champion; promote another one first"),
    }
}
