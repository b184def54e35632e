//! What went into a run and what came out of it.

use serde::de::DeserializeOwned;

use super::key;
use super::run::{DatasetLink, DatasetMark, ModelLink, RunLinks};
use crate::RegistryError;
use crate::table::Registry;
use crate::table::fault::{Attempt, unavailable};
use crate::table::item::{self, Expression, Item, item, value};
use crate::table::query::Place;

const DATASET: &str = "dataset";
const MODEL_IN: &str = "in";
const MODEL_OUT: &str = "out";
/// The label of a dataset's link that says what it was for.
const CONTEXT: &str = "mlflow.data.context";

impl Registry {
    /// Adds what went into a run and what came out. The same link again changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] without such a run.
    pub async fn link(&self, run_id: &str, links: &RunLinks) -> Result<(), RegistryError> {
        const WHAT: &str = "link what went into a run";
        for link in &links.datasets {
            let (id, mark) = self.put_dataset(run_id, link).await?;
            let change = Expression::new("SET #datasets.#id = :mark, #links = :yes")
                .name("#datasets", "datasets")
                .name("#id", &id)
                .value(":mark", value(&mark)?);
            self.marked(WHAT, run_id, change).await?;
        }
        let models = links.models_in.iter().map(|link| (MODEL_IN, link));
        let models = models.chain(links.models_out.iter().map(|link| (MODEL_OUT, link)));
        for (kind, link) in models {
            self.put_link(item(key::link(run_id, kind, &link.model_id), link)?)
                .await?;
            self.marked(WHAT, run_id, Expression::new("SET #links = :yes"))
                .await?;
        }
        Ok(())
    }

    /// What went into a run and what came out, by their ids.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn links(&self, run_id: &str) -> Result<RunLinks, RegistryError> {
        let place = Place::Partition {
            pk: key::mlflow_run(run_id).pk,
            prefix: key::LINK.to_owned(),
        };
        let mut links = RunLinks::default();
        for item in self.items("read what went into a run", &place).await? {
            let sk = item::string(&item, "sk").unwrap_or_default();
            let kind = sk
                .strip_prefix(key::LINK)
                .and_then(|rest| rest.split('#').next())
                .unwrap_or_default();
            match kind {
                DATASET => links.datasets.push(read::<DatasetLink>(item)?),
                MODEL_IN => links.models_in.push(read::<ModelLink>(item)?),
                MODEL_OUT => links.models_out.push(read::<ModelLink>(item)?),
                _ => {}
            }
        }
        Ok(links)
    }

    /// Writes what a run learnt from, and gives what stands of it in the run itself.
    pub(super) async fn put_dataset(
        &self,
        run_id: &str,
        link: &DatasetLink,
    ) -> Result<(String, DatasetMark), RegistryError> {
        let id = format!("{}#{}", link.digest, link.name);
        self.put_link(item(key::link(run_id, DATASET, &id), link)?)
            .await?;
        let mark = DatasetMark {
            name: link.name.clone(),
            digest: link.digest.clone(),
            context: link.tags.get(CONTEXT).cloned(),
        };
        Ok((id, mark))
    }

    async fn put_link(&self, link: Item) -> Result<(), RegistryError> {
        self.client
            .put_item()
            .table_name(&self.tables.registry)
            .set_item(Some(link))
            .send()
            .await
            .map(drop)
            .map_err(unavailable("link what went into a run"))
    }

    async fn marked(
        &self,
        operation: &'static str,
        run_id: &str,
        change: Expression,
    ) -> Result<(), RegistryError> {
        let change = change
            .name("#links", "has_links")
            .value(":yes", value(&true)?);
        let key = key::mlflow_run(run_id);
        match self
            .update_if(operation, key, change, Expression::present())
            .await?
        {
            Attempt::Done => Ok(()),
            Attempt::Lost => Err(RegistryError::NotFound {
                what: format!("run `{run_id}`"),
            }),
        }
    }
}

fn read<T: DeserializeOwned>(item: Item) -> Result<T, RegistryError> {
    item::record(item)
}
