//! The series of a metric, of one run or of several.

use serde_json::{Value, json};
use tasador_registry::{MetricPoint, PAGE_LIMIT_MAX, PageRequest};
use tasador_runtime::Context;

use crate::args::Args;
use crate::error::{Answer, ApiError};
use crate::{paging, runs, view};

/// The most points of one answer: some 100 bytes each, far below the 6 MB of a Lambda answer.
const POINTS_MAX: usize = 25_000;
/// The most runs of one answer.
const RUNS_MAX: usize = 100;

pub(crate) async fn history(ctx: &Context, args: Args) -> Answer {
    let (run_id, metric) = (args.run_id()?, args.required("metric_key")?);
    runs::known(ctx, &run_id).await?;
    let token = args.filled("page_token")?;
    let (points, next) = series(ctx, &run_id, &metric, token, limit(&args)?).await?;
    let points = points.iter().map(view::metric).collect();
    Ok(view::page("metrics", points, next))
}

fn limit(args: &Args) -> Result<usize, ApiError> {
    Ok(paging::limit(args, POINTS_MAX as i64, i64::MAX)?.min(POINTS_MAX))
}

/// A part of a series, and the token of the next part.
async fn series(
    ctx: &Context,
    run_id: &str,
    metric: &str,
    mut token: Option<String>,
    limit: usize,
) -> Result<(Vec<MetricPoint>, Option<String>), ApiError> {
    let mut points = Vec::new();
    loop {
        let wanted = u32::try_from(limit - points.len()).unwrap_or(PAGE_LIMIT_MAX);
        let page = PageRequest {
            limit: wanted.min(PAGE_LIMIT_MAX),
            token,
        };
        let part = ctx.registry.metric_history(run_id, metric, &page).await?;
        points.extend(part.items);
        token = part.next;
        if token.is_none() || points.len() >= limit {
            return Ok((points, token));
        }
    }
}

fn run_ids(args: &Args) -> Result<Vec<String>, ApiError> {
    let mut runs = args.texts("run_ids")?;
    runs.extend(args.texts("run_id")?);
    if runs.is_empty() || runs.len() > RUNS_MAX {
        return Err(ApiError::invalid(format!(
            "GetMetricHistoryBulk request must specify at least one and at most {RUNS_MAX} run_ids."
        )));
    }
    Ok(runs)
}

/// The whole series of several runs, up to a number of points together.
pub(crate) async fn bulk(ctx: &Context, args: Args) -> Answer {
    let mut runs = run_ids(&args)?;
    runs.sort_unstable();
    let (metric, limit) = (args.required("metric_key")?, limit(&args)?);
    let mut found: Vec<Value> = Vec::new();
    for run_id in &runs {
        if found.len() >= limit {
            break;
        }
        let (points, _) = series(ctx, run_id, &metric, None, limit - found.len()).await?;
        found.extend(
            points
                .iter()
                .map(|point| view::metric_of_run(run_id, point)),
        );
    }
    Ok(json!({"metrics": found}))
}

/// The series of several runs, thinned to a number of points each.
pub(crate) async fn interval(ctx: &Context, args: Args) -> Answer {
    let (runs, metric) = (run_ids(&args)?, args.required("metric_key")?);
    let (start, end) = (args.whole("start_step")?, args.whole("end_step")?);
    match (start, end) {
        (Some(_), None) | (None, Some(_)) => {
            return Err(ApiError::invalid(
                "If either start step or end step are specified, both must be specified.",
            ));
        }
        (Some(start), Some(end)) if start > end => {
            return Err(ApiError::invalid(format!(
                "end_step must be greater than start_step. Found start_step={start} and end_step={end}."
            )));
        }
        _ => {}
    }
    let limit = paging::limit(&args, 320, 2_500)?;
    // All runs together have no more points than one alone may have.
    let limit = limit.min(POINTS_MAX / runs.len().max(1)).max(1);
    let mut found = Vec::new();
    for run_id in &runs {
        let (mut points, _) = series(ctx, run_id, &metric, None, POINTS_MAX).await?;
        points.retain(|point| {
            start.is_none_or(|start| point.step >= start) && end.is_none_or(|end| point.step <= end)
        });
        let thinned = thin(&points, limit).into_iter();
        found.extend(thinned.map(|point| view::metric_of_run(run_id, point)));
    }
    Ok(view::page("metrics", found, None))
}

/// At most so many points of a series, chosen as MLflow does: the first of each of so many equal parts, but the last
/// point in place of the last part's.
fn thin(points: &[MetricPoint], limit: usize) -> Vec<&MetricPoint> {
    if points.len() <= limit || limit == 0 {
        return points.iter().collect();
    }
    let (size, larger) = (points.len() / limit, points.len() % limit);
    (0..limit - 1)
        .filter_map(|part| points.get(part * size + part.min(larger)))
        .chain(points.last())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thinned_series_keeps_its_ends() {
        let point = |step| MetricPoint {
            key: "m".to_owned(),
            value: 1.0,
            step,
            timestamp_ms: step,
        };
        let points: Vec<MetricPoint> = (0..1_000).map(point).collect();
        for limit in [2, 3, 320, 999] {
            let thinned = thin(&points, limit);
            let steps: Vec<i64> = thinned.iter().map(|point| point.step).collect();
            assert_eq!(steps.len(), limit);
            assert_eq!(
                (steps.first(), steps.last()),
                (Some(&0), Some(&999)),
                "{limit}"
            );
            assert!(steps.is_sorted_by(|a, b| a < b));
        }
        assert_eq!(thin(&points, 1_000).len(), 1_000);
        let steps = |limit| -> Vec<i64> {
            let thinned = thin(&points[..10], limit);
            thinned.iter().map(|point| point.step).collect()
        };
        assert_eq!(steps(1), [9]);
        assert_eq!(steps(3), [0, 4, 9]);
        assert_eq!(steps(5), [0, 2, 4, 6, 9]);
        assert!(thin(&[], 3).is_empty());
    }
}
