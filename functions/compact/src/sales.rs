//! Joins sales that became known later with the prices that were served for them.
//!
//! Sales come in objects under `outcomes/` (from `POST /outcomes`, or files that people put there) and in the
//! `sold` rows of clean batches. An object is settled when none of its sales can find a price any more: the
//! log is compacted beyond the days of its sales. Until then each run looks again, and finds the same.
//!
//! That sales were found is noted before the first of them is kept. Figures older than the note are computed
//! again, so a run that breaks off in between hides no sale.

use std::collections::HashSet;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tasador_dataset::{CleanBatch, read_batch};
use tasador_ids::{Key, ModelVersion};
use tasador_lake::LakeError;
use tasador_listing::clean::date_from_days;
use tasador_listing::sale::{PriceKind, STATUS};
use tasador_model::{Column, Frame};
use tasador_performance::{
    Evaluated, Figures, Former, PROMISED, Performance, Reported, Subject, proposed_rollback,
    read_file,
};
use tasador_registry::{MetricPoint, ProposedRollback, RegistryError, RunLog};
use tasador_runtime::Context;
use tasador_runtime::config::GateLimits;
use tokio::sync::OnceCell;

use crate::{Error, on_a_thread};

/// What every key with sales begins with.
const OUTCOMES: &str = "outcomes/";
/// The largest file of sales that is read, in bytes.
const FILE_MAX_BYTES: u64 = 64 << 20;
/// Sales that are looked up at the same time.
const AT_ONCE: usize = 16;
/// Columns that may hold the day of a sale, first one first.
const DATE_COLUMNS: [&str; 4] = ["sale_date", "sold_date", "date", "prev_sold_date"];
/// Former versions that a rollback is considered to: each costs a download.
const FORMER_MAX: usize = 5;
/// How far back sales are counted.
const COUNTED: SignedDuration = SignedDuration::from_hours(24 * 730);

/// What the sales came to.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    /// Sales that evaluate a served price and were not known before.
    pub(crate) new: u32,
    /// Whether it is noted that sales were found.
    is_noted: OnceCell<()>,
}

/// Looks at all sales that are not settled. `compacted` is how far served prices are known.
pub(crate) async fn join(compacted: Timestamp, ctx: &Context) -> Result<Joined, Error> {
    let settled: HashSet<Key> = ctx.registry.settled_sales().await?.into_iter().collect();
    let mut joined = Joined::default();
    for object in ctx.lake.list(OUTCOMES).await? {
        if settled.contains(&object.key) || object.key.as_str().ends_with('/') {
            continue;
        }
        let sales = if object.size_bytes > FILE_MAX_BYTES {
            tracing::warn!(key = %object.key, "the file of sales is larger than {FILE_MAX_BYTES} bytes and is not read");
            Vec::new()
        } else {
            let (sales, bad) = read_file(&ctx.lake.get(&object.key).await?);
            if bad > 0 {
                tracing::warn!(key = %object.key, bad, "{bad} entries are not sales and are left out");
            }
            sales
        };
        settle(&object.key, &sales, None, compacted, ctx, &mut joined).await?;
    }
    for batch in ctx.registry.usable_batches().await? {
        let key = &batch.clean.key;
        if settled.contains(key) {
            continue;
        }
        let bytes = match ctx.lake.get_verified(key, batch.clean.sha256).await {
            Ok(bytes) => bytes,
            Err(error @ (LakeError::NotFound { .. } | LakeError::Corrupt { .. })) => {
                tracing::warn!(%key, "the batch's sales are not read: {error}");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let sales = match on_a_thread(move || read_batch(bytes)).await? {
            Ok(clean) => sold(&clean),
            Err(error) => {
                tracing::warn!(%key, "the batch's sales are not read: {error}");
                continue;
            }
        };
        let received = Some(batch.received_at);
        settle(key, &sales, received, compacted, ctx, &mut joined).await?;
    }
    let model = &ctx.config.model;
    let now = ctx.now();
    if joined.new > 0 || ctx.registry.is_performance_stale(model).await? {
        let from = day(now.saturating_sub(COUNTED).unwrap_or(now));
        let evaluated = ctx.registry.evaluated(model, from).await?;
        let performance = Performance::of(&evaluated, now);
        log_to_runs(&performance, ctx).await?;
        judge_champion(&performance, ctx).await?;
        // Last: the figures are stale until then.
        ctx.registry.put_performance(model, &performance).await?;
    }
    Ok(joined)
}

/// Warns if the champion's served prices turned out worse than its validation promised, and proposes a rollback if
/// that is wanted. On AWS a metric counts the lines of the warning, and an alarm watches it.
async fn judge_champion(performance: &Performance, ctx: &Context) -> Result<(), Error> {
    let model = &ctx.config.model;
    let Some(champion) = ctx.registry.champion(model).await? else {
        return Ok(());
    };
    let version = champion.version;
    let Some(figures) = performance.of_version(version) else {
        return Ok(());
    };
    let promised = promised(version, ctx).await?;
    warn_if_worse(version, figures, promised, &ctx.config.gate);
    if !ctx.config.compact.propose_rollback {
        return Ok(());
    }
    let case = match former_versions(figures, promised, ctx).await? {
        former if former.is_empty() => None,
        former => {
            let limits = &ctx.config.gate;
            let (limit, least) = (limits.error_growth_share, limits.served_min_sales);
            proposed_rollback(figures, promised, &former, limit, least)
        }
    };
    let before = ctx
        .registry
        .proposed_rollback(model, champion.promotion)
        .await?;
    let proposed = match (case, promised, before) {
        (Some(case), Some(promised_error), before) => {
            let open = before.filter(|before| before.withdrawn_at.is_none());
            tracing::warn!(
                %version, to = %case.to, "a rollback from version {version} to version {} is proposed", case.to
            );
            ProposedRollback {
                version,
                promotion: champion.promotion,
                to: case.to,
                sales: figures.sales,
                served_error: figures.median_ape,
                promised_error,
                former_error: case.former_error,
                at: open.map_or(performance.at, |open| open.at),
                withdrawn_at: None,
            }
        }
        (_, _, Some(before)) if before.withdrawn_at.is_none() => ProposedRollback {
            withdrawn_at: Some(performance.at),
            ..before
        },
        _ => return Ok(()),
    };
    Ok(ctx.registry.put_proposed_rollback(model, &proposed).await?)
}

/// Out-of-fold errors of the former versions that a rollback may lead to, latest first; none where the champion
/// gives no reason to look.
async fn former_versions(
    figures: &Figures,
    promised: Option<f64>,
    ctx: &Context,
) -> Result<Vec<Former>, Error> {
    let model = &ctx.config.model;
    let limits = &ctx.config.gate;
    let growth = figures.grown_error(promised, limits.error_growth_share, limits.served_min_sales);
    if growth.is_none() {
        return Ok(Vec::new());
    }
    let mut former = Vec::new();
    for version in tasador_champion::replaced(ctx, model).await? {
        // One that cannot be loaded is no way back.
        if let Ok(loaded) = tasador_champion::load(ctx, model, version).await? {
            former.push((version, loaded.record.metrics.get(PROMISED)));
        }
        if former.len() == FORMER_MAX {
            break;
        }
    }
    Ok(former)
}

/// The error that a version's validation promised.
async fn promised(version: ModelVersion, ctx: &Context) -> Result<Option<f64>, Error> {
    let record = ctx.registry.version(&ctx.config.model, version).await?;
    Ok(record.and_then(|record| record.metrics.get(PROMISED)))
}

fn warn_if_worse(
    version: ModelVersion,
    figures: &Figures,
    promised: Option<f64>,
    limits: &GateLimits,
) {
    let growth = figures.grown_error(promised, limits.error_growth_share, limits.served_min_sales);
    if let Some(growth) = growth {
        tracing::warn!(
            %version, sales = figures.sales, served_error_growth = growth,
            "the prices that version {version} served are wrong by {:.0} % more than validation promised; compare versions in GET /performance and roll back if a former one was better",
            growth * 100.0
        );
    }
}

/// Adds the figures of each version to the metrics of its MLflow run. A run that people deleted gets none.
async fn log_to_runs(performance: &Performance, ctx: &Context) -> Result<(), Error> {
    for group in &performance.by_version {
        let version = ctx
            .registry
            .version(&ctx.config.model, group.version)
            .await?;
        let Some(run) = version.and_then(|version| version.mlflow_run_id) else {
            continue;
        };
        let timestamp_ms = performance.at.as_millisecond();
        let points = group.figures.by_name().map(|(name, value)| MetricPoint {
            key: format!("served_{name}"),
            value,
            step: 0,
            timestamp_ms,
        });
        let log = RunLog {
            points: points.into(),
            ..RunLog::default()
        };
        match ctx.registry.log(&run, &log).await {
            Ok(()) => {}
            Err(error @ (RegistryError::NotFound { .. } | RegistryError::Conflict { .. })) => {
                tracing::warn!(run, "the run of the version takes no metrics: {error}");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn settle(
    key: &Key,
    sales: &[Reported],
    received: Option<Timestamp>,
    compacted: Timestamp,
    ctx: &Context,
    joined: &mut Joined,
) -> Result<(), Error> {
    let looks: Vec<_> = sales
        .iter()
        .map(|sale| evaluate(sale, received, &joined.is_noted, ctx))
        .collect();
    let new: Vec<bool> = stream::iter(looks)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    joined.new += new.into_iter().filter(|is_new| *is_new).count() as u32;
    let known_until = day(compacted);
    if sales.iter().all(|sale| sale.date <= known_until) {
        ctx.registry.note_settled_sales(key).await?;
    }
    Ok(())
}

/// Joins one sale. Whether it is counted and was not known before.
async fn evaluate(
    sale: &Reported,
    received: Option<Timestamp>,
    is_noted: &OnceCell<()>,
    ctx: &Context,
) -> Result<bool, Error> {
    let property = match &sale.subject {
        Subject::Property(property) => *property,
        Subject::Request {
            request_id,
            instance,
        } => match ctx
            .registry
            .served_by_request(request_id, *instance)
            .await?
        {
            Some(served) => served.property,
            None => return Ok(false),
        },
    };
    let Ok(midnight) = sale.date.to_zoned(TimeZone::UTC) else {
        return Ok(false);
    };
    let before = midnight.timestamp();
    let from = before
        .saturating_sub(ctx.config.compact.sale_window)
        .unwrap_or(Timestamp::MIN);
    let Some(served) = ctx.registry.served_before(property, from, before).await? else {
        return Ok(false);
    };
    let is_learned = match received {
        Some(received) => is_learned(served.version, received, ctx).await?,
        None => false,
    };
    let evaluated = Evaluated {
        property,
        date: sale.date,
        price: sale.price,
        served,
        is_learned,
    };
    if ctx.registry.is_evaluated(&evaluated).await? {
        return Ok(false);
    }
    let model = &ctx.config.model;
    is_noted
        .get_or_try_init(|| ctx.registry.note_sales_found(model, ctx.now()))
        .await?;
    let is_new = ctx.registry.put_evaluated(&evaluated).await?;
    Ok(is_new)
}

/// Whether a version was made after the batch of a sale had arrived.
async fn is_learned(
    version: ModelVersion,
    received: Timestamp,
    ctx: &Context,
) -> Result<bool, Error> {
    let record = ctx.registry.version(&ctx.config.model, version).await?;
    Ok(record.is_none_or(|record| record.created_at > received))
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// The sold homes of a batch, of which price and day are known.
fn sold(batch: &CleanBatch) -> Vec<Reported> {
    let frame: &Frame = &batch.frame;
    let (Some(Column::Category { codes, names }), Some(prices)) =
        (frame.column(STATUS), frame.prices())
    else {
        return Vec::new();
    };
    let dates: Vec<&[f64]> = DATE_COLUMNS
        .iter()
        .filter_map(|name| match frame.column(name)? {
            Column::Date(days) => Some(days.as_slice()),
            _ => None,
        })
        .collect();
    let date = |row: usize| {
        let known = dates
            .iter()
            .filter_map(|days| days.get(row))
            .find(|day| day.is_finite());
        date_from_days(*known? as i32)
    };
    (0..)
        .zip(codes)
        .zip(batch.properties.iter().zip(prices))
        .filter_map(|((row, code), (property, price))| {
            let status = names.get(*code as usize)?;
            let is_sale = PriceKind::of_status(status) == Some(PriceKind::Sale);
            (is_sale && price.is_finite() && *price > 0.0).then_some(())?;
            Some(Reported {
                subject: Subject::Property(*property),
                price: *price,
                date: date(row)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tasador_runtime::Config;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The alarm counts lines with this field at the top.
    #[test]
    fn only_a_served_error_above_the_limit_is_logged_as_the_alarm_reads_it() {
        let template = include_str!("../../../infra/template.yaml");
        assert!(template.contains("'{ $.served_error_growth = * }'"));
        let lines = Lines::default();
        let written = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(move || written.clone())
            .finish();
        let limits = Config::default().gate;
        let figures = |sales, median_ape| Figures {
            sales,
            median_ape,
            mae: 0.0,
            bias: 0.0,
            within_5: 0.0,
            within_10: 0.0,
            within_20: 0.0,
            coverage: 0.0,
        };
        let enough = limits.served_min_sales;
        let limit = 0.1 * (1.0 + limits.error_growth_share);
        tracing::subscriber::with_default(subscriber, || {
            for (version, figures, promised) in [
                (1, figures(enough, limit * 0.99), Some(0.1)),
                (2, figures(enough - 1, limit * 2.0), Some(0.1)),
                (3, figures(enough, limit * 2.0), None),
                (4, figures(enough, limit * 2.0), Some(0.0)),
                (5, figures(enough, limit * 1.01), Some(0.1)),
            ] {
                warn_if_worse(ModelVersion(version), &figures, promised, &limits);
            }
        });
        let line: Value = serde_json::from_slice(&lines.0.lock().unwrap()).unwrap();
        assert_eq!(
            (&line["version"], &line["level"]),
            (&"5".into(), &"WARN".into())
        );
        assert!(line["served_error_growth"].as_f64().unwrap() > limits.error_growth_share);
    }
}
