//! Models that runs logged, registered or not.

use super::Registry;
use super::fault::Attempt;
use super::item::{Expression, item, listed};
use super::key;
use super::query::{Order, Place};
use crate::RegistryError;
use crate::logged_model::LoggedModel;
use crate::page::{Page, PageRequest};

impl Registry {
    /// Makes a logged model. False where its id is taken.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn make_logged_model(&self, model: &LoggedModel) -> Result<bool, RegistryError> {
        let record = listed(
            item(key::logged_model(&model.model_id), model)?,
            key::logged_models_of(&model.experiment_id),
            key::started(model.created_ms, &model.model_id),
        );
        let made = self
            .put_if("make a logged model", record, Expression::absent())
            .await?;
        Ok(made == Attempt::Done)
    }

    /// A logged model, deleted or not.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn logged_model(&self, model_id: &str) -> Result<Option<LoggedModel>, RegistryError> {
        self.get("read a logged model", key::logged_model(model_id))
            .await
    }

    /// Changes a logged model but for its id, experiment and time; none where there is none.
    ///
    /// # Errors
    /// What `change` refuses with, and those of the registry.
    pub async fn change_logged_model<E: From<RegistryError>>(
        &self,
        model_id: &str,
        change: impl Fn(&mut LoggedModel) -> Result<(), E>,
    ) -> Result<Option<LoggedModel>, E> {
        self.modify("change a logged model", key::logged_model(model_id), change)
            .await
    }

    /// The logged models of an experiment, latest first, deleted or not.
    ///
    /// # Errors
    /// [`RegistryError::BadPageToken`], [`RegistryError::Unavailable`], [`RegistryError::Damaged`].
    pub async fn logged_models_of_experiment(
        &self,
        experiment_id: &str,
        page: &PageRequest,
    ) -> Result<Page<LoggedModel>, RegistryError> {
        let place = Place::List(key::logged_models_of(experiment_id));
        self.page("list logged models", &place, Order::Ascending, page)
            .await
    }
}
