//! The series of a metric, of one run or of several.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tasador_registry::{MetricPoint, PAGE_LIMIT_MAX, PageRequest};
use tasador_runtime::Context;

use super::call::{Call, many, required, whole};
use super::refusal::Refusal;
use super::{runs, sorted, view};

/// The most points of one answer: some 100 bytes each, far below the 6 MB of a Lambda answer.
const POINTS_MAX: usize = 25_000;
/// The most runs of one answer.
const RUNS_MAX: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct History {
    run_id: Option<String>,
    run_uuid: Option<String>,
    metric_key: Option<String>,
    page_token: Option<String>,
    #[serde(deserialize_with = "whole")]
    max_results: Option<i64>,
}

pub(super) async fn history(
    State(ctx): State<Context>,
    Call(call): Call<History>,
) -> Result<Json<Value>, Refusal> {
    let run_id = required("run_id", call.run_id.or(call.run_uuid))?;
    let metric = required("metric_key", call.metric_key)?;
    runs::known(&ctx, &run_id).await?;
    let most = POINTS_MAX as i64;
    let limit = sorted::limit(call.max_results.map(|asked| asked.min(most)), most, most)?;
    let (points, next) = series(&ctx, &run_id, &metric, call.page_token, limit).await?;
    let points = points.iter().map(view::metric).collect();
    Ok(Json(view::page("metrics", points, next)))
}

/// A part of a series, and the token of what follows.
async fn series(
    ctx: &Context,
    run_id: &str,
    metric: &str,
    token: Option<String>,
    limit: usize,
) -> Result<(Vec<MetricPoint>, Option<String>), Refusal> {
    let mut points = Vec::new();
    let mut token = token.filter(|token| !token.is_empty());
    loop {
        let wanted = (limit - points.len()).min(PAGE_LIMIT_MAX as usize);
        let page = PageRequest {
            limit: u32::try_from(wanted).unwrap_or(PAGE_LIMIT_MAX),
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

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Bulk {
    #[serde(deserialize_with = "many")]
    run_id: Vec<String>,
    #[serde(deserialize_with = "many")]
    run_ids: Vec<String>,
    metric_key: Option<String>,
    #[serde(deserialize_with = "whole")]
    max_results: Option<i64>,
    #[serde(deserialize_with = "whole")]
    start_step: Option<i64>,
    #[serde(deserialize_with = "whole")]
    end_step: Option<i64>,
}

impl Bulk {
    fn runs(&self) -> Result<Vec<String>, Refusal> {
        let runs: Vec<String> = self.run_ids.iter().chain(&self.run_id).cloned().collect();
        if runs.is_empty() || runs.len() > RUNS_MAX {
            return Err(Refusal::invalid(format!(
                "GetMetricHistoryBulk request must specify at least one and at most {RUNS_MAX} run_ids."
            )));
        }
        Ok(runs)
    }
}

/// The whole series of several runs, up to so many points together.
pub(super) async fn bulk(
    State(ctx): State<Context>,
    Call(call): Call<Bulk>,
) -> Result<Json<Value>, Refusal> {
    let mut runs = call.runs()?;
    runs.sort_unstable();
    let metric = required("metric_key", call.metric_key.clone())?;
    let most = POINTS_MAX as i64;
    let limit = sorted::limit(call.max_results.map(|asked| asked.min(most)), most, most)?;
    let mut found = Vec::new();
    for run_id in &runs {
        if found.len() >= limit {
            break;
        }
        let (points, _) = series(&ctx, run_id, &metric, None, limit - found.len()).await?;
        found.extend(points.iter().map(|point| of_run(run_id, point)));
    }
    Ok(Json(json!({"metrics": found})))
}

/// The series of several runs, thinned to so many points each: the first, the last, and steps evenly
/// between.
pub(super) async fn interval(
    State(ctx): State<Context>,
    Call(call): Call<Bulk>,
) -> Result<Json<Value>, Refusal> {
    let runs = call.runs()?;
    let metric = required("metric_key", call.metric_key.clone())?;
    let limit = sorted::limit(call.max_results, 320, 2_500)?;
    // All runs together have no more points than one alone may have.
    let limit = limit.min(POINTS_MAX / runs.len().max(1)).max(2);
    let mut found = Vec::new();
    for run_id in &runs {
        let (mut points, _) = series(&ctx, run_id, &metric, None, POINTS_MAX).await?;
        points.retain(|point| {
            call.start_step.is_none_or(|start| point.step >= start)
                && call.end_step.is_none_or(|end| point.step <= end)
        });
        let thinned = thinned(&points, limit);
        found.extend(thinned.into_iter().map(|point| of_run(run_id, point)));
    }
    Ok(Json(view::page("metrics", found, None)))
}

/// At most so many points of a series, evenly among them, the first and the last always there.
fn thinned(points: &[MetricPoint], limit: usize) -> Vec<&MetricPoint> {
    let last = points.len().saturating_sub(1);
    if points.len() <= limit {
        return points.iter().collect();
    }
    let gaps = limit.saturating_sub(1).max(1);
    (0..limit)
        .filter_map(|at| points.get(at * last / gaps))
        .collect()
}

fn of_run(run_id: &str, point: &MetricPoint) -> Value {
    let mut view = match view::metric(point) {
        Value::Object(view) => view,
        _ => Map::new(),
    };
    view.insert("run_id".to_owned(), run_id.into());
    view.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thinned_series_keeps_its_ends() {
        let points: Vec<MetricPoint> = (0..1_000)
            .map(|step| MetricPoint {
                key: "m".to_owned(),
                value: 1.0,
                step,
                timestamp_ms: step,
            })
            .collect();
        for limit in [2, 3, 320, 999] {
            let steps: Vec<i64> = thinned(&points, limit)
                .iter()
                .map(|point| point.step)
                .collect();
            assert_eq!(steps.len(), limit);
            assert_eq!(
                (steps.first(), steps.last()),
                (Some(&0), Some(&999)),
                "{limit}"
            );
            assert!(steps.is_sorted_by(|a, b| a < b));
        }
        assert_eq!(thinned(&points, 1_000).len(), 1_000);
        assert!(thinned(&[], 3).is_empty());
    }
}
