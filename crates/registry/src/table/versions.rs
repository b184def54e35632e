//! Registered models and the numbers of their versions.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_ids::{ModelName, ModelVersion};

use super::fault::Attempt;
use super::item::{Expression, item, listed, text, value};
use super::key;
use super::modify::{COUNTED, counted};
use super::query::{Order, Place};
use super::{ATTEMPTS, Registry, back_off};
use crate::RegistryError;
use crate::page::{Page, PageRequest};
use crate::version::{FinishedVersion, ModelRecord, NewVersion, VersionRecord, VersionStatus};

/// What a source key leads to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Made {
    pub(super) version: ModelVersion,
}

impl Registry {
    /// Gives the next number of a model to what `new.source_key` names, and the number it has where
    /// it has one.
    ///
    /// Numbers are 1, 2, 3 … without a gap, however many register at once. The first registration
    /// makes the model.
    ///
    /// # Errors
    /// [`RegistryError::Contended`] where too many register at once.
    pub async fn register_version(&self, new: &NewVersion) -> Result<ModelVersion, RegistryError> {
        const WHAT: &str = "register a version";
        for round in 0..ATTEMPTS {
            let source = key::version_source(&new.model, &new.source_key);
            if let Some(made) = self.get::<Made>(WHAT, source.clone()).await? {
                return Ok(made.version);
            }
            let last = self
                .model(&new.model)
                .await?
                .map(|model| model.last_version);
            let Some(next) = last.unwrap_or(0).checked_add(1) else {
                return Err(RegistryError::Conflict {
                    why: format!("model `{}` has used up its version numbers", new.model),
                });
            };
            let version = ModelVersion(next);
            let unchanged = match last {
                None => Expression::absent(),
                Some(last) => Expression::new("#last = :last").value(":last", number(last)),
            };
            let count = Expression::new(format!(
                "SET #last = :next, #model = :model, #created = if_not_exists(#created, :at), \
                     #updated = :at, #list = :list, #place = :model{COUNTED}"
            ))
            .name("#last", "last_version")
            .name("#model", "model")
            .name("#created", "created_at")
            .name("#updated", "updated_at")
            .name("#list", "list_pk")
            .name("#place", "list_sk")
            .value(":next", number(next))
            .value(":model", text(new.model.as_str()))
            .value(":at", value(&new.at)?)
            .value(":list", text(key::MODELS));
            let count = counted(count);
            let mut record = item(key::version(&new.model, version), &registered(new, version))?;
            if let Some(run) = &new.mlflow_run_id {
                let place = format!("{}#{:010}", new.model, version.0);
                record = listed(record, key::versions_of(run), place);
            }
            let writes = vec![
                self.update(key::model(&new.model), count, unchanged)?,
                self.put(record, Expression::absent())?,
                self.put(item(source, &Made { version })?, Expression::absent())?,
            ];
            if self.transact(WHAT, writes).await? == Attempt::Done {
                return Ok(version);
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    /// Records the artefact of a version and makes it ready. Repeating it with the same bytes
    /// changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] without such a version; [`RegistryError::Conflict`] where it is
    /// ready with other bytes.
    pub async fn finish_version(
        &self,
        model: &ModelName,
        version: ModelVersion,
        finished: &FinishedVersion,
    ) -> Result<VersionRecord, RegistryError> {
        const WHAT: &str = "finish a version";
        for round in 0..ATTEMPTS {
            let known = self.known_version(model, version).await?;
            if known.status == VersionStatus::Ready {
                let same = known.artifact.as_ref().map(|artifact| artifact.sha256)
                    == Some(finished.artifact.sha256);
                return if same {
                    Ok(known)
                } else {
                    Err(other_bytes(model, version))
                };
            }
            let change = Expression::new(format!(
                "SET #status = :ready, #artifact = :artifact, #metrics = :metrics, #updated = :at \
                 REMOVE #message{COUNTED}",
            ))
            .name("#artifact", "artifact")
            .name("#metrics", "metrics")
            .name("#updated", "updated_at")
            .name("#message", "status_message")
            .value(":artifact", value(&finished.artifact)?)
            .value(":metrics", value(&finished.metrics)?)
            .value(":at", value(&finished.at)?);
            let change = counted(change);
            let write = self.update(key::version(model, version), change, not_ready()?)?;
            if self.transact(WHAT, vec![write]).await? == Attempt::Done {
                return self.known_version(model, version).await;
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    /// Records that a version's artefact could not be made.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] without such a version; [`RegistryError::Conflict`] where it is
    /// ready.
    pub async fn fail_version(
        &self,
        model: &ModelName,
        version: ModelVersion,
        message: &str,
        at: Timestamp,
    ) -> Result<(), RegistryError> {
        const WHAT: &str = "record a failed version";
        for round in 0..ATTEMPTS {
            if self.known_version(model, version).await?.status == VersionStatus::Ready {
                return Err(RegistryError::Conflict {
                    why: format!("version {version} of {model} is ready"),
                });
            }
            let change = Expression::new(format!(
                "SET #status = :failed, #message = :message, #updated = :at{COUNTED}"
            ))
            .name("#message", "status_message")
            .name("#updated", "updated_at")
            .value(":failed", value(&VersionStatus::Failed)?)
            .value(":message", text(message))
            .value(":at", value(&at)?);
            let change = counted(change);
            let write = self.update(key::version(model, version), change, not_ready()?)?;
            if self.transact(WHAT, vec![write]).await? == Attempt::Done {
                return Ok(());
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    /// A version of a model.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn version(
        &self,
        model: &ModelName,
        version: ModelVersion,
    ) -> Result<Option<VersionRecord>, RegistryError> {
        self.get("read a version", key::version(model, version))
            .await
    }

    /// The versions of a model, newest first.
    ///
    /// # Errors
    /// [`RegistryError::BadPageToken`], [`RegistryError::Unavailable`], [`RegistryError::Damaged`].
    pub async fn versions(
        &self,
        model: &ModelName,
        page: &PageRequest,
    ) -> Result<Page<VersionRecord>, RegistryError> {
        let place = Place::Partition {
            pk: key::model(model).pk,
            prefix: key::VERSION.to_owned(),
        };
        self.page("list versions", &place, Order::Descending, page)
            .await
    }

    /// All versions of a model, newest first.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn all_versions(
        &self,
        model: &ModelName,
    ) -> Result<Vec<VersionRecord>, RegistryError> {
        let place = Place::Partition {
            pk: key::model(model).pk,
            prefix: key::VERSION.to_owned(),
        };
        let mut all: Vec<VersionRecord> = self.all("list versions", &place).await?;
        all.reverse();
        Ok(all)
    }

    /// The versions that an MLflow run logged, by model and number.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn versions_of_run(
        &self,
        mlflow_run_id: &str,
    ) -> Result<Vec<VersionRecord>, RegistryError> {
        let place = Place::List(key::versions_of(mlflow_run_id));
        self.all("list a run's versions", &place).await
    }

    /// A registered model.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn model(&self, model: &ModelName) -> Result<Option<ModelRecord>, RegistryError> {
        self.get("read a model", key::model(model)).await
    }

    /// The registered models, by name.
    ///
    /// # Errors
    /// [`RegistryError::BadPageToken`], [`RegistryError::Unavailable`], [`RegistryError::Damaged`].
    pub async fn models(&self, page: &PageRequest) -> Result<Page<ModelRecord>, RegistryError> {
        let place = Place::List(key::MODELS.to_owned());
        self.page("list models", &place, Order::Ascending, page)
            .await
    }

    /// All registered models, by name.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn all_models(&self) -> Result<Vec<ModelRecord>, RegistryError> {
        let place = Place::List(key::MODELS.to_owned());
        self.all("list models", &place).await
    }

    pub(super) async fn known_version(
        &self,
        model: &ModelName,
        version: ModelVersion,
    ) -> Result<VersionRecord, RegistryError> {
        self.version(model, version)
            .await?
            .ok_or_else(|| RegistryError::NotFound {
                what: format!("version {version} of {model}"),
            })
    }
}

/// A version that has its number: ready where its files are there already, else nothing more.
fn registered(new: &NewVersion, version: ModelVersion) -> VersionRecord {
    VersionRecord {
        model: new.model.clone(),
        version,
        source_key: new.source_key.clone(),
        status: match new.logged {
            Some(_) => VersionStatus::Ready,
            None => VersionStatus::Pending,
        },
        status_message: None,
        run: new.run.clone(),
        mlflow_run_id: new.mlflow_run_id.clone(),
        algorithm: new.algorithm.clone(),
        dataset: new.dataset,
        schema: new.schema.clone(),
        artifact: None,
        metrics: crate::Metrics::default(),
        tags: new.tags.clone(),
        description: new.description.clone(),
        stage: None,
        logged: new.logged.clone(),
        created_at: new.at,
        updated_at: new.at,
    }
}

/// That a version is there and may still change its status.
fn not_ready() -> Result<Expression, RegistryError> {
    Ok(
        Expression::new("attribute_exists(pk) AND #status <> :ready")
            .name("#status", "status")
            .value(":ready", value(&VersionStatus::Ready)?),
    )
}

fn other_bytes(model: &ModelName, version: ModelVersion) -> RegistryError {
    RegistryError::Conflict {
        why: format!("version {version} of {model} is ready with another artefact"),
    }
}

fn number(value: u32) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
