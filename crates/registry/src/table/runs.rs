//! Experiments and runs as MLflow knows them.

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use serde::{Deserialize, Serialize};
use tasador_ids::Digest;

use super::Registry;
use super::fault::{Attempt, unavailable};
use super::item::{Expression, item, listed, unbuildable};
use super::key;
use super::query::{Order, Place};
use super::rows::write_all;
use crate::RegistryError;
use crate::metrics::Number;
use crate::page::{Page, PageRequest};
use crate::run::{Experiment, MetricPoint, RunRecord};

/// A point of a series as an item.
#[derive(Debug, Serialize, Deserialize)]
struct PointItem {
    key: String,
    value: Number,
    step: i64,
    timestamp_ms: i64,
}

impl Registry {
    /// The experiment of that name; made where it is missing.
    ///
    /// The id is 18 digits made from the name, so that two makers at once make the same one;
    /// `Default` is `0`, as in MLflow.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where another name has the same digits.
    pub async fn experiment(
        &self,
        name: &str,
        created_ms: i64,
    ) -> Result<Experiment, RegistryError> {
        const WHAT: &str = "make an experiment";
        let new = Experiment {
            experiment_id: experiment_id(name),
            name: name.to_owned(),
            created_ms,
        };
        let key = key::experiment(&new.experiment_id);
        let known = match self.get(WHAT, key.clone()).await? {
            Some(known) => Some(known),
            None => {
                let new_item = listed(
                    item(key.clone(), &new)?,
                    key::EXPERIMENTS,
                    &new.experiment_id,
                );
                let put = self.put(new_item, Expression::absent())?;
                match self.transact(WHAT, vec![put]).await? {
                    Attempt::Done => Some(new.clone()),
                    Attempt::Lost => self.get(WHAT, key).await?,
                }
            }
        };
        match known {
            Some(known) if known.name == name => Ok(known),
            Some(known) => Err(RegistryError::Conflict {
                why: format!("experiment `{}` has the id of `{name}`", known.name),
            }),
            None => Err(RegistryError::Contended { operation: WHAT }),
        }
    }

    /// The experiments, by id.
    ///
    /// # Errors
    /// [`RegistryError::BadPageToken`], [`RegistryError::Unavailable`], [`RegistryError::Damaged`].
    pub async fn experiments(&self, page: &PageRequest) -> Result<Page<Experiment>, RegistryError> {
        let place = Place::List(key::EXPERIMENTS.to_owned());
        self.page("list experiments", &place, Order::Ascending, page)
            .await
    }

    /// Writes a run as a whole, with every point of its metrics. Repeating it changes nothing; a
    /// later state of the same run replaces the earlier one, and points add up.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn put_run(
        &self,
        run: &RunRecord,
        series: &[MetricPoint],
    ) -> Result<(), RegistryError> {
        const WHAT: &str = "write a run";
        // Points first: a run that is there has its series.
        let mut points = Vec::with_capacity(series.len());
        let mut last = None;
        let mut sorted: Vec<&MetricPoint> = series.iter().collect();
        sorted.sort_by(|a, b| point_key(run, a).sk.cmp(&point_key(run, b).sk));
        for point in sorted {
            let key = point_key(run, point);
            // DynamoDB refuses a batch that names a key twice.
            if last.as_ref() == Some(&key) {
                continue;
            }
            let record = PointItem {
                key: point.key.clone(),
                value: Number(point.value),
                step: point.step,
                timestamp_ms: point.timestamp_ms,
            };
            let put = PutRequest::builder()
                .set_item(Some(item(key.clone(), &record)?))
                .build()
                .map_err(unbuildable)?;
            points.push(WriteRequest::builder().put_request(put).build());
            last = Some(key);
        }
        write_all(&self.client, &self.tables.registry, WHAT, points).await?;
        let record = listed(
            item(key::mlflow_run(&run.run_id), run)?,
            key::runs_of(&run.experiment_id),
            key::started(run.start_ms, &run.run_id),
        );
        self.client
            .put_item()
            .table_name(&self.tables.registry)
            .set_item(Some(record))
            .send()
            .await
            .map_err(unavailable(WHAT))?;
        Ok(())
    }

    /// A run.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn run(&self, run_id: &str) -> Result<Option<RunRecord>, RegistryError> {
        self.get("read a run", key::mlflow_run(run_id)).await
    }

    /// The runs of an experiment, latest start first.
    ///
    /// # Errors
    /// [`RegistryError::BadPageToken`], [`RegistryError::Unavailable`], [`RegistryError::Damaged`].
    pub async fn runs_of_experiment(
        &self,
        experiment_id: &str,
        page: &PageRequest,
    ) -> Result<Page<RunRecord>, RegistryError> {
        let place = Place::List(key::runs_of(experiment_id));
        self.page("list runs", &place, Order::Descending, page)
            .await
    }

    /// The points of one metric of a run, by step and then time.
    ///
    /// # Errors
    /// [`RegistryError::BadPageToken`], [`RegistryError::Unavailable`], [`RegistryError::Damaged`].
    pub async fn metric_history(
        &self,
        run_id: &str,
        metric: &str,
        page: &PageRequest,
    ) -> Result<Page<MetricPoint>, RegistryError> {
        let place = Place::Partition {
            pk: key::mlflow_run(run_id).pk,
            prefix: key::metric_series(metric),
        };
        let page: Page<PointItem> = self
            .page("list a metric", &place, Order::Ascending, page)
            .await?;
        let points = page.items.into_iter().map(|point| MetricPoint {
            key: point.key,
            value: point.value.0,
            step: point.step,
            timestamp_ms: point.timestamp_ms,
        });
        Ok(Page {
            items: points.collect(),
            next: page.next,
        })
    }
}

fn point_key(run: &RunRecord, point: &MetricPoint) -> key::Key {
    key::metric_point(
        &run.run_id,
        &point.key,
        point.step,
        point.timestamp_ms,
        point.value,
    )
}

/// The id that belongs to an experiment's name.
fn experiment_id(name: &str) -> String {
    if name == "Default" {
        return "0".to_owned();
    }
    let number = Digest::of(name.as_bytes())
        .as_bytes()
        .iter()
        .take(8)
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    // Between 10^17 and 10^18: 18 digits, as MLflow's own.
    (100_000_000_000_000_000 + number % 900_000_000_000_000_000).to_string()
}

#[cfg(test)]
mod tests {
    use super::experiment_id;

    #[test]
    fn an_experiment_has_the_id_of_its_name() {
        assert_eq!(experiment_id("Default"), "0");
        assert_eq!(
            experiment_id("BestHousePriceModel"),
            experiment_id("BestHousePriceModel")
        );
        assert_ne!(experiment_id("a"), experiment_id("b"));
        for name in ["", "a", "ünï", "BestHousePriceModel"] {
            assert_eq!(experiment_id(name).len(), 18, "{name}");
        }
    }
}
