//! What went into a run and what came out of it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::key;
use super::run::{DatasetLink, DatasetMark, DatasetSummary, ModelLink, RunLinks, RunRecord};
use crate::RegistryError;
use crate::table::Registry;
use crate::table::fault::Attempt;
use crate::table::item::{self, Expression, Item, item, value};
use crate::table::query::Place;

const DATASET: &str = "dataset";
const MODEL_IN: &str = "in";
const MODEL_OUT: &str = "out";
/// The attribute of a link that says how many were logged before it.
const POSITION: &str = "position";
const READ: &str = "read the inputs of a run";
const WRITE: &str = "link the inputs of a run";
/// The label of a dataset's link that says what it was for.
const CONTEXT: &str = "mlflow.data.context";

impl Registry {
    /// Adds the inputs and outputs of a run. A link that exists stays as it is.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] without such a run.
    pub async fn link(&self, run: &RunRecord, links: &RunLinks) -> Result<(), RegistryError> {
        let run_id = &run.run_id;
        let known = match run.has_links {
            true => self.links(run_id).await?,
            false => RunLinks::default(),
        };
        for (at, link) in (known.datasets.len()..).zip(&links.datasets) {
            let (id, mark) = self.put_dataset(run, link, at).await?;
            let change = Expression::new(
                "SET #datasets.#id = if_not_exists(#datasets.#id, :mark), #links = :yes",
            )
            .name("#datasets", "datasets")
            .name("#id", &id)
            .value(":mark", value(&mark)?);
            self.mark_linked(run_id, change).await?;
        }
        let kinds = [
            (MODEL_IN, &known.models_in, &links.models_in),
            (MODEL_OUT, &known.models_out, &links.models_out),
        ];
        for (kind, known, new) in kinds {
            for (at, link) in (known.len()..).zip(new) {
                let key = key::link(run_id, kind, &link.model_id);
                self.put_link(item(key, link)?, at).await?;
                self.mark_linked(run_id, Expression::new("SET #links = :yes"))
                    .await?;
            }
        }
        Ok(())
    }

    /// The datasets of an experiment, each with what it was for.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn datasets(
        &self,
        experiment_id: &str,
    ) -> Result<Vec<DatasetSummary>, RegistryError> {
        let place = Place::Partition {
            pk: key::dataset(experiment_id, "").pk,
            prefix: key::DATASET_CONTEXT.to_owned(),
        };
        self.all("list datasets", &place).await
    }

    /// The inputs and outputs of a run, in the order in which they were logged.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn links(&self, run_id: &str) -> Result<RunLinks, RegistryError> {
        let place = Place::Partition {
            pk: key::mlflow_run(run_id).pk,
            prefix: key::LINK.to_owned(),
        };
        let mut links = RunLinks::default();
        let mut items = self.items(READ, &place).await?;
        // Those of one time stay in the order of their keys.
        items.sort_by_key(|item| number(item, POSITION));
        for item in items {
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

    /// Writes a dataset of a run, and returns its id and what is kept of it in the run itself. Within an
    /// experiment, a dataset of the same name and digest stays as it was first logged.
    pub(super) async fn put_dataset(
        &self,
        run: &RunRecord,
        link: &DatasetLink,
        position: usize,
    ) -> Result<(String, DatasetMark), RegistryError> {
        let experiment_id = &run.experiment_id;
        let id = format!("{}#{}", link.digest, link.name);
        let dataset = DatasetLink {
            tags: BTreeMap::new(),
            ..link.clone()
        };
        let key = key::dataset(experiment_id, &id);
        let new = item(key.clone(), &dataset)?;
        let first = match self.put_if(WRITE, new, Expression::absent()).await? {
            Attempt::Done => dataset,
            Attempt::Lost => self.get(READ, key).await?.unwrap_or(dataset),
        };
        // A link that exists stays as it is, so its context is what counts.
        let key = key::link(&run.run_id, DATASET, &id);
        let known: Option<DatasetLink> = self.get(READ, key.clone()).await?;
        let tags = known.map_or_else(|| link.tags.clone(), |known| known.tags);
        let context = tags.get(CONTEXT).cloned();
        let summary = DatasetSummary {
            experiment_id: experiment_id.clone(),
            name: link.name.clone(),
            digest: link.digest.clone(),
            context: context.clone(),
        };
        let of_context = context.as_deref().unwrap_or_default();
        let context_key = key::dataset_context(experiment_id, &id, of_context);
        self.put_if(WRITE, item(context_key, &summary)?, Expression::absent())
            .await?;
        let link = DatasetLink { tags, ..first };
        self.put_link(item(key, &link)?, position).await?;
        let mark = DatasetMark {
            name: link.name,
            digest: link.digest,
            context,
        };
        Ok((id, mark))
    }

    async fn put_link(&self, mut link: Item, position: usize) -> Result<(), RegistryError> {
        link.insert(POSITION.to_owned(), value(&position)?);
        // Lost means that it is there.
        self.put_if(WRITE, link, Expression::absent()).await?;
        Ok(())
    }

    async fn mark_linked(&self, run_id: &str, change: Expression) -> Result<(), RegistryError> {
        let change = change
            .name("#links", "has_links")
            .value(":yes", value(&true)?);
        let key = key::mlflow_run(run_id);
        match self
            .update_if(WRITE, key, change, Expression::present())
            .await?
        {
            Attempt::Done => Ok(()),
            Attempt::Lost => Err(RegistryError::NotFound {
                what: format!("run `{run_id}`"),
            }),
        }
    }
}

fn number(item: &Item, name: &str) -> u64 {
    let value = item.get(name).and_then(|value| value.as_n().ok());
    value.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn read<T: DeserializeOwned>(item: Item) -> Result<T, RegistryError> {
    item::record(item)
}
