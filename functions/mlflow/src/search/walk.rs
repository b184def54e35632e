//! A walk through one experiment's runs in the order of an index.

use std::collections::{HashMap, VecDeque};

use tasador_registry::{ByStart, RankedRun, RunRecord};
use tasador_runtime::Context;

use super::plan::Phase;
use super::position::Position;
use crate::error::ApiError;

/// See the module.
pub(super) struct Walk<'a> {
    experiment: &'a str,
    number: usize,
    phase: &'a Phase,
    behind: Option<Position>,
    chunk: usize,
    read: VecDeque<(Position, RunRecord)>,
    is_end: bool,
}

impl<'a> Walk<'a> {
    /// A walk that begins behind a position, or at the beginning, and reads `chunk` runs at once.
    pub(super) fn new(
        experiment: &'a str,
        number: usize,
        phase: &'a Phase,
        behind: Option<Position>,
        chunk: usize,
    ) -> Self {
        Self {
            experiment,
            number,
            phase,
            behind,
            chunk,
            read: VecDeque::new(),
            is_end: false,
        }
    }

    /// Reads on until there is a next run, or none is left.
    pub(super) async fn fill(&mut self, ctx: &Context) -> Result<(), ApiError> {
        while self.read.is_empty() && !self.is_end {
            let number = self.number;
            match self.phase {
                Phase::All => {
                    for run in self.by_start(ctx).await? {
                        self.read.push_back((Position::of(number, None, &run), run));
                    }
                }
                Phase::Missing { metric } => {
                    for run in self.by_start(ctx).await? {
                        if run.metrics.get(metric).is_none() {
                            self.read.push_back((Position::of(number, None, &run), run));
                        }
                    }
                }
                Phase::Valued { .. } => self.by_value(ctx).await?,
            }
        }
        Ok(())
    }

    async fn by_start(&mut self, ctx: &Context) -> Result<Vec<RunRecord>, ApiError> {
        let behind = self.behind.as_ref().map(|position| ByStart {
            start_ms: position.start_ms,
            run_id: position.run_id.clone(),
        });
        let runs = ctx
            .registry
            .runs_by_start(self.experiment, behind.as_ref(), self.chunk)
            .await?;
        self.is_end = runs.len() < self.chunk;
        if let Some(last) = runs.last() {
            self.behind = Some(Position::of(self.number, None, last));
        }
        Ok(runs)
    }

    async fn by_value(&mut self, ctx: &Context) -> Result<(), ApiError> {
        let Phase::Valued {
            metric,
            descending,
            values,
        } = self.phase
        else {
            return Ok(());
        };
        let behind = self.behind.as_ref().map(|position| RankedRun {
            run_id: position.run_id.clone(),
            start_ms: position.start_ms,
            value: position.value.unwrap_or(f64::NAN),
        });
        let ranked = ctx
            .registry
            .runs_by_metric(
                self.experiment,
                metric,
                *values,
                behind.as_ref(),
                *descending,
                self.chunk,
            )
            .await?;
        self.is_end = ranked.len() < self.chunk;
        let ids: Vec<String> = ranked.iter().map(|run| run.run_id.clone()).collect();
        let runs = ctx.registry.runs(&ids).await?;
        let mut runs: HashMap<String, RunRecord> = runs
            .into_iter()
            .map(|run| (run.run_id.clone(), run))
            .collect();
        for rank in ranked {
            let position = Position {
                phase: self.number,
                value: Some(rank.value).filter(|value| value.is_finite()),
                start_ms: rank.start_ms,
                run_id: rank.run_id.clone(),
            };
            self.behind = Some(position.clone());
            if let Some(run) = runs.remove(&rank.run_id) {
                self.read.push_back((position, run));
            }
        }
        Ok(())
    }

    /// The place of the next run, once it was filled.
    pub(super) fn first(&self) -> Option<&Position> {
        self.read.front().map(|(position, _)| position)
    }

    /// Takes the next run.
    pub(super) fn take(&mut self) -> Option<(Position, RunRecord)> {
        self.read.pop_front()
    }
}
