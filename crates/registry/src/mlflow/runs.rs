//! Runs as MLflow knows them, one item each with all that is listed with it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::key;
use super::ranks::ByStart;
use super::run::{DatasetLink, MetricPoint, RunChange, RunRecord};
use super::run_log::PointItem;
use crate::RegistryError;
use crate::page::{Page, PageRequest};
use crate::table::Registry;
use crate::table::bulk::{CONCURRENCY, READ_BATCH, read_chunk};
use crate::table::fault::{Attempt, unavailable};
use crate::table::item::{self, Expression, Item, item, listed, text, value};
use crate::table::query::{Order, Place};

/// Runs of an experiment that are changed at once.
const RUNS_AT_ONCE: usize = 1_000;

impl Registry {
    /// Writes a run as a whole, with every point of its metrics and the datasets that went into it.
    /// Repeating it changes nothing; a later state of the same run replaces the earlier one, and points
    /// add up.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn put_run(
        &self,
        run: &RunRecord,
        series: &[MetricPoint],
        datasets: &[DatasetLink],
    ) -> Result<(), RegistryError> {
        const WHAT: &str = "write a run";
        let mut run = run.clone();
        // The run last: one that is there has its datasets, its series, and its place by each metric.
        for (at, link) in datasets.iter().enumerate() {
            let (id, mark) = self.put_dataset(&run, link, at).await?;
            run.datasets.insert(id, mark);
            run.has_links = true;
        }
        self.put_points(&run.run_id, series).await?;
        let latest: Vec<MetricPoint> = run.latest().collect();
        self.put_ranks(&run, &latest).await?;
        self.client
            .put_item()
            .table_name(&self.tables.registry)
            .set_item(Some(run_item(&run)?))
            .send()
            .await
            .map_err(unavailable(WHAT))?;
        Ok(())
    }

    /// Makes a run. False where its id is taken.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn make_run(&self, run: &RunRecord) -> Result<bool, RegistryError> {
        let made = self
            .put_if("make a run", run_item(run)?, Expression::absent())
            .await?;
        Ok(made == Attempt::Done)
    }

    /// A run, deleted or not.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn run(&self, run_id: &str) -> Result<Option<RunRecord>, RegistryError> {
        self.get("read a run", key::mlflow_run(run_id)).await
    }

    /// Runs by their ids, in that order; those that are not there are left out.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`], [`RegistryError::Damaged`], [`RegistryError::Contended`].
    pub async fn runs(&self, run_ids: &[String]) -> Result<Vec<RunRecord>, RegistryError> {
        let chunks: Vec<Vec<String>> = run_ids.chunks(READ_BATCH).map(<[_]>::to_vec).collect();
        let found: Vec<Vec<RunRecord>> = stream::iter(chunks)
            .map(|chunk| self.some_runs(chunk))
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn some_runs(&self, run_ids: Vec<String>) -> Result<Vec<RunRecord>, RegistryError> {
        let keys = run_ids
            .iter()
            .map(|run_id| key::mlflow_run(run_id).into())
            .collect();
        let table = &self.tables.registry;
        let mut found: HashMap<String, RunRecord> = HashMap::new();
        for item in read_chunk(&self.client, table, "read runs", keys).await? {
            let run: RunRecord = item::record(item)?;
            found.insert(run.run_id.clone(), run);
        }
        let in_order = run_ids.iter().filter_map(|run_id| found.remove(run_id));
        Ok(in_order.collect())
    }

    /// Deletes or restores all runs of an experiment.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn set_runs_deleted(
        &self,
        experiment_id: &str,
        deleted_ms: Option<i64>,
    ) -> Result<(), RegistryError> {
        let mut behind: Option<ByStart> = None;
        loop {
            let runs = self
                .runs_by_start(experiment_id, behind.as_ref(), RUNS_AT_ONCE)
                .await?;
            let Some(last) = runs.last() else {
                return Ok(());
            };
            behind = Some(ByStart {
                start_ms: last.start_ms,
                run_id: last.run_id.clone(),
            });
            let change = RunChange {
                deleted_ms: Some(deleted_ms),
                ..RunChange::default()
            };
            stream::iter(runs)
                .filter(|run| std::future::ready(run.deleted_ms.is_some() != deleted_ms.is_some()))
                .map(|run| {
                    let change = &change;
                    async move { self.change_run(&run.run_id, change).await }
                })
                .buffer_unordered(CONCURRENCY)
                .try_for_each(|_| std::future::ready(Ok(())))
                .await?;
        }
    }

    /// Changes how a run stands; none where there is none.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn change_run(
        &self,
        run_id: &str,
        change: &RunChange,
    ) -> Result<Option<RunRecord>, RegistryError> {
        const WHAT: &str = "change a run";
        let (mut sets, mut removes): (Vec<(&str, AttributeValue)>, Vec<&str>) = Default::default();
        if let Some(status) = &change.status {
            sets.push(("status", value(status)?));
        }
        if let Some(end_ms) = change.end_ms {
            sets.push(("end_ms", value(&end_ms)?));
        }
        if let Some(name) = &change.name {
            sets.push(("name", text(name)));
        }
        match change.deleted_ms {
            Some(Some(deleted_ms)) => sets.push(("deleted_ms", value(&deleted_ms)?)),
            Some(None) => removes.push("deleted_ms"),
            None => {}
        }
        let mut expression = Expression::default();
        let mut parts: Vec<String> = Vec::new();
        for (at, (name, value)) in sets.into_iter().enumerate() {
            parts.push(format!("#s{at} = :s{at}"));
            expression = expression
                .name(&format!("#s{at}"), name)
                .value(&format!(":s{at}"), value);
        }
        let mut written = match parts.is_empty() {
            true => String::new(),
            false => format!("SET {}", parts.join(", ")),
        };
        parts.clear();
        for (at, name) in removes.into_iter().enumerate() {
            parts.push(format!("#r{at}"));
            expression = expression.name(&format!("#r{at}"), name);
        }
        for (at, tag) in change.tags_removed.iter().enumerate() {
            parts.push(format!("#tags.#t{at}"));
            expression = expression
                .name("#tags", "tags")
                .name(&format!("#t{at}"), tag);
        }
        if !parts.is_empty() {
            written.push_str(&format!(" REMOVE {}", parts.join(", ")));
        }
        if written.is_empty() {
            return self.run(run_id).await;
        }
        expression.text = written;
        let key = key::mlflow_run(run_id);
        match self
            .update_if(WHAT, key, expression, Expression::present())
            .await?
        {
            Attempt::Done => self.run(run_id).await,
            Attempt::Lost => Ok(None),
        }
    }

    /// The points of one metric of a run, by time and then step.
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

fn run_item(run: &RunRecord) -> Result<Item, RegistryError> {
    Ok(listed(
        item(key::mlflow_run(&run.run_id), run)?,
        key::runs_of(&run.experiment_id),
        key::started(run.start_ms, &run.run_id),
    ))
}
