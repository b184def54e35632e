//! What is logged to a run while others log to it too.
//!
//! Nothing here takes turns. Each point of a metric is its own item; the latest value of a
//! metric, in the run and in the list by value, is whichever point is last in its series, as a
//! condition on each write says. So many clients may log to one run at once, in any order and again
//! where an answer was lost, and end with the same. What is much at once goes in few large requests.

use aws_sdk_dynamodb::types::{PutRequest, TransactWriteItem, WriteRequest};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::key;
use super::run::{MetricPoint, Moment, RunLog, RunRecord};
use crate::RegistryError;
use crate::table::bulk::{TRANSACTION_MAX, write_all};
use crate::table::fault::Attempt;
use crate::table::item::{Expression, item, listed, text, unbuildable, value};
use crate::table::{ATTEMPTS, Registry, back_off};
use tasador_flow::Number;

/// Fields of a run that one write sets: an expression of DynamoDB has at most 4 KB.
const FIELDS_OF_A_WRITE: usize = 30;

/// How often more fields are written as whole maps. Whoever logs to the run meanwhile prevents it; field
/// by field they do not meet.
const WHOLE_ATTEMPTS: u32 = 3;

/// Requests on their way at once.
const CONCURRENCY: usize = 8;

/// A run's place by one metric, as an item.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RankItem {
    pub(super) run_id: String,
    pub(super) start_ms: i64,
    pub(super) moment: Moment,
}

/// A point of a series as an item.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PointItem {
    pub(super) key: String,
    pub(super) value: Number,
    pub(super) step: i64,
    pub(super) timestamp_ms: i64,
}

/// One field of a run.
enum Field<'a> {
    Metric(&'a MetricPoint),
    Param(&'a str, &'a str),
    Tag(&'a str, &'a str),
}

impl Registry {
    /// Adds to a run.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] without such a run; [`RegistryError::Conflict`] where it is
    /// deleted, or a parameter has another value already: then parts of what was to be added may be
    /// there.
    pub async fn log(&self, run_id: &str, log: &RunLog) -> Result<(), RegistryError> {
        const WHAT: &str = "log to a run";
        let mut latest: BTreeMap<&str, &MetricPoint> = BTreeMap::new();
        for point in &log.points {
            let known = latest.entry(&point.key).or_insert(point);
            if known.moment().to_string() < point.moment().to_string() {
                *known = point;
            }
        }
        let run = self.open_run(run_id).await?;
        params_agree(&run, log)?;
        let points: Vec<MetricPoint> = latest.values().map(|point| (*point).clone()).collect();
        tokio::try_join!(
            self.put_points(run_id, &log.points),
            self.put_ranks(&run, &points)
        )?;
        let fields: Vec<Field<'_>> = points
            .iter()
            .map(Field::Metric)
            .chain(
                log.params
                    .iter()
                    .map(|(key, value)| Field::Param(key, value)),
            )
            .chain(log.tags.iter().map(|(key, value)| Field::Tag(key, value)))
            .collect();
        let mut run = run;
        if fields.len() > FIELDS_OF_A_WRITE {
            for _ in 0..WHOLE_ATTEMPTS {
                let (change, condition) = whole_maps(&run, &fields)?;
                if change.text.is_empty() {
                    return Ok(());
                }
                let key = key::mlflow_run(run_id);
                if self.update_if(WHAT, key, change, condition).await? == Attempt::Done {
                    return Ok(());
                }
                run = self.open_run(run_id).await?;
                params_agree(&run, log)?;
            }
        }
        for fields in fields.chunks(FIELDS_OF_A_WRITE) {
            let mut run = run.clone();
            let mut round = 0;
            loop {
                let (change, condition) = writes(&run, fields)?;
                if change.text.is_empty() {
                    break;
                }
                let key = key::mlflow_run(run_id);
                if self.update_if(WHAT, key, change, condition).await? == Attempt::Done {
                    break;
                }
                if round == ATTEMPTS {
                    return Err(RegistryError::Contended { operation: WHAT });
                }
                back_off(round).await;
                round += 1;
                run = self.open_run(run_id).await?;
                params_agree(&run, log)?;
            }
        }
        Ok(())
    }

    /// Changes a tag of a run by what it is now. `change` is asked again where somebody else changed it
    /// meanwhile, or where an answer was lost: what it adds it must know again.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] without such a run; [`RegistryError::Conflict`] where it is deleted.
    pub async fn change_tag(
        &self,
        run_id: &str,
        tag: &str,
        change: &(dyn Fn(Option<&str>) -> String + Sync),
    ) -> Result<(), RegistryError> {
        const WHAT: &str = "change a run's tag";
        for round in 0..ATTEMPTS {
            let run = self.open_run(run_id).await?;
            let before = run.tags.get(tag).map(String::as_str);
            let after = change(before);
            if before == Some(after.as_str()) {
                return Ok(());
            }
            let set = Expression::new("SET #t.#k = :after")
                .name("#t", "tags")
                .name("#k", tag)
                .value(":after", text(after));
            let unchanged = match before {
                None => Expression::new(
                    "attribute_exists(pk) AND attribute_not_exists(#d) AND attribute_not_exists(#t.#k)",
                ),
                Some(before) => Expression::new("attribute_not_exists(#d) AND #t.#k = :before")
                    .value(":before", text(before.to_owned())),
            }
            .name("#d", "deleted_ms");
            let key = key::mlflow_run(run_id);
            if self.update_if(WHAT, key, set, unchanged).await? == Attempt::Done {
                return Ok(());
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    async fn open_run(&self, run_id: &str) -> Result<RunRecord, RegistryError> {
        match self.run(run_id).await? {
            None => Err(RegistryError::NotFound {
                what: format!("run `{run_id}`"),
            }),
            Some(run) if run.deleted_ms.is_some() => Err(RegistryError::Conflict {
                why: format!(
                    "The run {run_id} must be in the 'active' state. Current state is deleted"
                ),
            }),
            Some(run) => Ok(run),
        }
    }

    /// Writes points of series; the same point twice is one.
    pub(super) async fn put_points(
        &self,
        run_id: &str,
        series: &[MetricPoint],
    ) -> Result<(), RegistryError> {
        let mut points = BTreeMap::new();
        for point in series {
            let key = key::metric_point(
                run_id,
                &point.key,
                point.step,
                point.timestamp_ms,
                point.value,
            );
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
            // DynamoDB refuses a batch that names a key twice.
            points.insert(key.sk, WriteRequest::builder().put_request(put).build());
        }
        let points = points.into_values().collect();
        write_all(&self.client, &self.tables.registry, "write metrics", points).await
    }

    /// Gives a run its place by each of these latest values, but for those that are not the latest
    /// any more.
    pub(super) async fn put_ranks(
        &self,
        run: &RunRecord,
        latest: &[MetricPoint],
    ) -> Result<(), RegistryError> {
        const WHAT: &str = "place a run";
        let mut places = Vec::with_capacity(latest.len());
        for point in latest {
            let moment = point.moment();
            let record = RankItem {
                run_id: run.run_id.clone(),
                start_ms: run.start_ms,
                moment,
            };
            let newer = Expression::new("attribute_not_exists(pk) OR #moment < :moment")
                .name("#moment", "moment")
                .value(":moment", value(&moment)?);
            let item = listed(
                item(key::latest(&run.run_id, &point.key), &record)?,
                key::ranks_of(&run.experiment_id, &point.key),
                key::rank(point.value, run.start_ms, &run.run_id),
            );
            places.push((item, newer));
        }
        if places.len() == 1
            && let Some((item, newer)) = places.pop()
        {
            // Lost means that a later value is there.
            self.put_if(WHAT, item, newer).await?;
        }
        let places = places
            .into_iter()
            .map(|(item, newer)| self.put(item, newer));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        let chunks: Vec<Vec<TransactWriteItem>> = places
            .chunks(TRANSACTION_MAX)
            .map(<[TransactWriteItem]>::to_vec)
            .collect();
        stream::iter(chunks)
            .map(|chunk| self.put_those_that_hold(WHAT, chunk))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await
    }

    /// Writes items in one transaction, without those whose conditions do not hold.
    async fn put_those_that_hold(
        &self,
        operation: &'static str,
        mut writes: Vec<TransactWriteItem>,
    ) -> Result<(), RegistryError> {
        for round in 0..ATTEMPTS {
            if writes.is_empty() {
                return Ok(());
            }
            let Some(refused) = self.transact_each(operation, writes.clone()).await? else {
                return Ok(());
            };
            if refused.is_empty() {
                back_off(round).await;
            }
            let mut at = 0..;
            writes.retain(|_| at.next().is_none_or(|at| !refused.contains(&at)));
        }
        Err(RegistryError::Contended { operation })
    }
}

/// That no parameter is given another value than it has.
fn params_agree(run: &RunRecord, log: &RunLog) -> Result<(), RegistryError> {
    let other = log.params.iter().find_map(|(key, value)| {
        let known = run.params.get(key).filter(|known| *known != value)?;
        Some((key, value, known))
    });
    match other {
        None => Ok(()),
        Some((key, value, known)) => Err(RegistryError::Conflict {
            why: format!(
                "Changing param values is not allowed. Param with key='{key}' was already logged \
                 with value='{known}' for run ID='{}'. Attempted logging new value '{value}'",
                run.run_id
            ),
        }),
    }
}

/// What sets these fields of a run as it was read, and the condition under which it may be written;
/// without text where nothing is left to set.
fn writes(
    run: &RunRecord,
    fields: &[Field<'_>],
) -> Result<(Expression, Expression), RegistryError> {
    let mut sets: Vec<String> = Vec::new();
    let mut conditions = vec!["attribute_exists(pk) AND attribute_not_exists(#d)".to_owned()];
    let mut change = Expression::default();
    let mut condition = Expression::default().name("#d", "deleted_ms");
    for (at, field) in fields.iter().enumerate() {
        let (name, placed) = (format!("#{at}"), format!(":{at}"));
        match field {
            Field::Metric(point) => {
                let moment = point.moment();
                let known = run.moments.get(&point.key);
                if known.is_some_and(|known| known.to_string() >= moment.to_string()) {
                    continue;
                }
                sets.push(format!("#m.{name} = {placed}, #o.{name} = :o{at}"));
                conditions.push(format!(
                    "(attribute_not_exists(#o.{name}) OR #o.{name} < :o{at})"
                ));
                change = change
                    .name("#m", "metrics")
                    .name("#o", "moments")
                    .name(&name, &point.key)
                    .value(&placed, value(&Number(point.value))?)
                    .value(&format!(":o{at}"), value(&moment)?);
                condition = condition.name("#o", "moments");
            }
            Field::Param(key, param) => {
                if run.params.contains_key(*key) {
                    continue;
                }
                sets.push(format!("#p.{name} = {placed}"));
                conditions.push(format!(
                    "(attribute_not_exists(#p.{name}) OR #p.{name} = {placed})"
                ));
                change = change
                    .name("#p", "params")
                    .name(&name, key)
                    .value(&placed, text(*param));
            }
            Field::Tag(key, tag) => {
                if run.tags.get(*key).is_some_and(|known| known == tag) {
                    continue;
                }
                sets.push(format!("#t.{name} = {placed}"));
                change = change
                    .name("#t", "tags")
                    .name(&name, key)
                    .value(&placed, text(*tag));
            }
        }
    }
    if !sets.is_empty() {
        change.text = format!("SET {}", sets.join(", "));
    }
    condition.text = conditions.join(" AND ");
    Ok((change, condition))
}

/// The same as whole maps, each under the condition that it is as it was read.
fn whole_maps(
    run: &RunRecord,
    fields: &[Field<'_>],
) -> Result<(Expression, Expression), RegistryError> {
    let mut after = run.clone();
    for field in fields {
        match field {
            Field::Metric(point) => {
                let moment = point.moment();
                let known = run.moments.get(&point.key);
                if known.is_none_or(|known| known.to_string() < moment.to_string()) {
                    after.moments.insert(point.key.clone(), moment);
                    after.metrics.0.insert(point.key.clone(), point.value);
                }
            }
            Field::Param(key, param) => {
                after.params.insert((*key).to_owned(), (*param).to_owned());
            }
            Field::Tag(key, tag) => {
                after.tags.insert((*key).to_owned(), (*tag).to_owned());
            }
        }
    }
    let mut sets = Vec::new();
    let mut conditions = vec!["attribute_exists(pk) AND attribute_not_exists(#d)".to_owned()];
    let mut change = Expression::default();
    let mut condition = Expression::default().name("#d", "deleted_ms");
    for (name, before, now) in [
        ("moments", value(&run.moments)?, value(&after.moments)?),
        ("params", value(&run.params)?, value(&after.params)?),
        ("tags", value(&run.tags)?, value(&after.tags)?),
    ] {
        if before == now {
            continue;
        }
        sets.push(format!("#{name} = :{name}"));
        conditions.push(format!("#{name} = :{name}_before"));
        change = change
            .name(&format!("#{name}"), name)
            .value(&format!(":{name}"), now);
        condition = condition.value(&format!(":{name}_before"), before);
        if name == "moments" {
            // They change with the moments.
            sets.push("#metrics = :metrics".to_owned());
            change = change
                .name("#metrics", "metrics")
                .value(":metrics", value(&after.metrics)?);
        }
    }
    if !sets.is_empty() {
        change.text = format!("SET {}", sets.join(", "));
    }
    condition.text = conditions.join(" AND ");
    Ok((change, condition))
}
