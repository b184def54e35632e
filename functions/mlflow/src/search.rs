//! Runs by filter and order.
//!
//! A search by start (the order where none is requested) or by one metric goes through an index in
//! its order and ends with the page. A filter by a metric that few runs answer to is looked up in
//! that metric's index instead. Any other order sorts the runs of the experiments asked for. Nothing
//! ever looks beyond those experiments.

mod plan;
mod position;
mod walk;

use std::collections::BTreeMap;

use futures::future::try_join_all;
use tasador_registry::{ByStart, RankedRun, RunRecord};
use tasador_runtime::Context;

use crate::args::{Args, View};
use crate::error::{Answer, ApiError};
use crate::language::{Entity, Filter, OrderBy, compare, parse_order};
use crate::{paging, runs, view};
use plan::Plan;
use position::Position;
use walk::Walk;

const DEFAULT: i64 = 1_000;
const MAX: i64 = 50_000;
/// How many runs may answer to a filter by a metric for it to be looked up first.
const FEW: usize = 1_000;
/// Runs that are read at once where their number is not known beforehand.
const CHUNK: usize = 500;

/// What is searched.
struct Wanted {
    experiments: Vec<String>,
    filter: Filter,
    view: View,
    limit: usize,
}

impl Wanted {
    fn has(&self, run: &RunRecord) -> bool {
        self.view.shows(run.deleted_ms) && self.filter.holds(run)
    }
}

pub(crate) async fn search(ctx: &Context, args: Args) -> Answer {
    let mut experiments = args.texts("experiment_ids")?;
    experiments.sort_unstable();
    experiments.dedup();
    let wanted = Wanted {
        experiments,
        filter: Filter::parse(Entity::Run, &args.text("filter")?.unwrap_or_default())?,
        view: args.one_of::<View>("run_view_type")?.unwrap_or_default(),
        limit: paging::limit(&args, DEFAULT, MAX)?,
    };
    let order = parse_order(Entity::Run, &args.texts("order_by")?)?;
    let token = args.filled("page_token")?;
    let (found, next) = match Plan::of(&order, &wanted.filter) {
        Plan::Sorted => by_sorting(ctx, &wanted, &order, token.as_deref()).await?,
        plan => {
            let position = token.as_deref().map(Position::read).transpose()?;
            match few(ctx, &wanted, &plan).await? {
                Some(few) => from_few(ctx, few, &wanted, &plan, position).await?,
                None => by_walking(ctx, &wanted, &plan, position).await?,
            }
        }
    };
    answer(ctx, found, next).await
}

/// A run with the token of what follows it.
type Found = (RunRecord, String);

/// Goes through an index until the page is full.
async fn by_walking(
    ctx: &Context,
    wanted: &Wanted,
    plan: &Plan,
    position: Option<Position>,
) -> Result<(Vec<Found>, Option<String>), ApiError> {
    let mut found: Vec<Found> = Vec::new();
    let first = position.as_ref().map_or(0, |position| position.phase);
    let phases = plan.phases();
    for (number, phase) in phases.iter().enumerate().skip(first) {
        let behind = position.clone().filter(|position| position.phase == number);
        // Where all pass, as many as are wanted and one to see whether there are more.
        let chunk = match wanted.filter.all.is_empty() {
            true => (wanted.limit + 1).min(PAGE_CHUNK_MAX),
            false => CHUNK,
        };
        let mut walks: Vec<Walk<'_>> = wanted
            .experiments
            .iter()
            .map(|experiment| Walk::new(experiment, number, phase, behind.clone(), chunk))
            .collect();
        loop {
            let fills = walks.iter_mut().map(|walk| walk.fill(ctx));
            try_join_all(fills).await?;
            let next = walks
                .iter()
                .enumerate()
                .filter_map(|(at, walk)| Some((at, walk.first()?)))
                .min_by(|(_, a), (_, b)| phase.compare(a, b))
                .map(|(at, _)| at);
            let Some((position, run)) = next.and_then(|at| walks.get_mut(at)?.take()) else {
                break;
            };
            if !wanted.has(&run) {
                continue;
            }
            if found.len() == wanted.limit {
                let next = found.last().map(|(_, token)| token.clone());
                return Ok((found, next));
            }
            found.push((run, position.token()));
        }
    }
    Ok((found, None))
}

/// The most runs that a walk reads at once.
const PAGE_CHUNK_MAX: usize = 1_000;

/// The runs that answer to the narrowest filter by a metric, where they are few, with when they began.
async fn few(
    ctx: &Context,
    wanted: &Wanted,
    plan: &Plan,
) -> Result<Option<Vec<RankedRun>>, ApiError> {
    let (Plan::ByStart, Some((metric, values))) = (plan, plan::narrowest(&wanted.filter)) else {
        return Ok(None);
    };
    let mut few: Vec<RankedRun> = Vec::new();
    for experiment in &wanted.experiments {
        let left = FEW - few.len() + 1;
        let ranked = ctx
            .registry
            .runs_by_metric(experiment, metric, values, None, false, left)
            .await?;
        few.extend(ranked);
        if few.len() > FEW {
            return Ok(None);
        }
    }
    Ok(Some(few))
}

/// Puts the few in order by what the index says of them, and reads no more of them than the page takes.
async fn from_few(
    ctx: &Context,
    few: Vec<RankedRun>,
    wanted: &Wanted,
    plan: &Plan,
    behind: Option<Position>,
) -> Result<(Vec<Found>, Option<String>), ApiError> {
    let mut found: Vec<Found> = Vec::new();
    let phases = plan.phases();
    let Some(phase) = phases.first() else {
        return Ok((found, None));
    };
    let mut places: Vec<Position> = few
        .into_iter()
        .map(|run| Position {
            phase: 0,
            value: None,
            start_ms: run.start_ms,
            run_id: run.run_id,
        })
        .filter(|place| {
            let is_behind = |behind| phase.compare(behind, place).is_lt();
            behind.as_ref().is_none_or(is_behind)
        })
        .collect();
    places.sort_by(|a, b| phase.compare(a, b));
    // As many as are wanted, and one to see whether there are more.
    for chunk in places.chunks((wanted.limit + 1).min(FEW)) {
        let ids: Vec<String> = chunk.iter().map(|place| place.run_id.clone()).collect();
        let runs = ctx.registry.runs(&ids).await?.into_iter();
        let mut runs: BTreeMap<String, RunRecord> =
            runs.map(|run| (run.run_id.clone(), run)).collect();
        for place in chunk {
            let Some(run) = runs.remove(&place.run_id).filter(|run| wanted.has(run)) else {
                continue;
            };
            if found.len() == wanted.limit {
                let next = found.last().map(|(_, token)| token.clone());
                return Ok((found, next));
            }
            found.push((run, place.token()));
        }
    }
    Ok((found, None))
}

/// Reads all runs of the experiments and sorts them.
async fn by_sorting(
    ctx: &Context,
    wanted: &Wanted,
    order: &[OrderBy],
    token: Option<&str>,
) -> Result<(Vec<Found>, Option<String>), ApiError> {
    let mut all = Vec::new();
    for experiment in &wanted.experiments {
        let mut behind: Option<ByStart> = None;
        loop {
            let part = ctx
                .registry
                .runs_by_start(experiment, behind.as_ref(), PAGE_CHUNK_MAX)
                .await?;
            let is_end = part.len() < PAGE_CHUNK_MAX;
            behind = part.last().map(|run| ByStart {
                start_ms: run.start_ms,
                run_id: run.run_id.clone(),
            });
            all.extend(part.into_iter().filter(|run| wanted.has(run)));
            if is_end {
                break;
            }
        }
    }
    all.sort_by(|a, b| {
        compare(order, a, b)
            .then_with(|| b.start_ms.cmp(&a.start_ms))
            .then_with(|| a.run_id.cmp(&b.run_id))
    });
    let offset = paging::offset(token, "")?;
    let end = offset.saturating_add(wanted.limit);
    let next = (end < all.len()).then(|| paging::token(end, ""));
    let page = all.into_iter().enumerate().skip(offset).take(wanted.limit);
    let found = page.map(|(at, run)| (run, paging::token(at + 1, "")));
    Ok((found.collect(), next))
}

/// The page as it is answered: as much of it as fits.
async fn answer(ctx: &Context, found: Vec<Found>, next: Option<String>) -> Answer {
    let links = try_join_all(found.iter().map(|(run, _)| runs::links(ctx, run))).await?;
    let views = found.iter().zip(&links);
    let views = views
        .map(|((run, _), links)| view::run(run, links))
        .collect();
    let after = |shown: usize| {
        let (_, token) = found.get(shown.checked_sub(1)?)?;
        Some(token.clone())
    };
    Ok(view::bounded_page("runs", views, next, &after))
}
