//! Parts of an experiment's runs, by start and by the value of a metric: what searches go through.

use super::key;
use super::run::{RankedRun, RunRecord};
use super::run_log::RankItem;
use crate::RegistryError;
use crate::table::Registry;
use crate::table::item;
use crate::table::query::{Order, Span};

/// What is before every other key of the same beginning: no key holds a character before it.
const BEFORE: &str = " ";
/// What is behind every other key of the same beginning.
const BEHIND: &str = "~";

/// Which values of a metric are wanted, both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Values {
    /// The smallest.
    pub low: f64,
    /// The largest; NaN is beyond infinity.
    pub high: f64,
}

impl Values {
    /// Every value but NaN.
    pub const NUMBERS: Self = Self {
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
    };
    /// NaN alone.
    pub const NAN: Self = Self {
        low: f64::NAN,
        high: f64::NAN,
    };
    /// One value.
    pub const fn only(value: f64) -> Self {
        Self {
            low: value,
            high: value,
        }
    }
}

/// A place in an experiment's runs by start: what comes behind it is the rest of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByStart {
    /// When the run began, in milliseconds since 1970.
    pub start_ms: i64,
    /// The run.
    pub run_id: String,
}

impl Registry {
    /// At most so many runs of an experiment behind a place, latest start first and then by id,
    /// deleted or not.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn runs_by_start(
        &self,
        experiment_id: &str,
        behind: Option<&ByStart>,
        limit: usize,
    ) -> Result<Vec<RunRecord>, RegistryError> {
        let span = Span {
            low: behind.map_or_else(
                || BEFORE.to_owned(),
                |place| format!("{}{BEFORE}", key::started(place.start_ms, &place.run_id)),
            ),
            high: BEHIND.to_owned(),
        };
        let list = key::runs_of(experiment_id);
        let items = self
            .span("list runs", &list, &span, Order::Ascending, limit)
            .await?;
        items.into_iter().map(item::record).collect()
    }

    /// At most so many runs of an experiment by their latest values of a metric, behind a place
    /// among equal values where one is given: the smallest value first, or the largest; of equal ones
    /// the latest start first, and then by id.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn runs_by_metric(
        &self,
        experiment_id: &str,
        metric: &str,
        values: Values,
        behind: Option<&RankedRun>,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<RankedRun>, RegistryError> {
        let list = key::ranks_of(experiment_id, metric);
        let bound = |value: f64, end: &str| format!("{}{end}", crate::sortable::number(value));
        let span = Span {
            low: bound(values.low, BEFORE),
            high: bound(values.high, BEHIND),
        };
        let place = behind.map(|run| key::rank(run.value, run.start_ms, &run.run_id));
        if !descending {
            let low = place.map_or(span.low, |place| format!("{place}{BEFORE}"));
            let span = Span { low, ..span };
            return self.ranked(&list, &span, Order::Ascending, limit).await;
        }
        // The list is by rising values, and equal ones in it by falling start. Read from its end,
        // equal ones come the wrong way round, so each group of them is read on its own.
        let mut found = Vec::new();
        let mut high = span.high;
        if let Some(run) = behind {
            let rest = Span {
                low: format!(
                    "{}{BEFORE}",
                    key::rank(run.value, run.start_ms, &run.run_id)
                ),
                high: bound(run.value, BEHIND),
            };
            found = self.ranked(&list, &rest, Order::Ascending, limit).await?;
            high = bound(run.value, BEFORE);
        }
        while found.len() < limit {
            let wanted = limit - found.len();
            let span = Span {
                low: span.low.clone(),
                high: high.clone(),
            };
            let falling = self.ranked(&list, &span, Order::Descending, wanted).await?;
            let Some(last) = falling.last().map(|run| run.value) else {
                break;
            };
            let is_end = falling.len() < wanted;
            let (whole, cut): (Vec<RankedRun>, Vec<RankedRun>) = falling
                .into_iter()
                .partition(|run| is_end || run.value != last);
            for group in whole.chunk_by(|a, b| a.value == b.value) {
                found.extend(group.iter().rev().cloned());
            }
            if is_end {
                break;
            }
            // Of the last value there may be more than were read.
            debug_assert!(!cut.is_empty());
            let group = Span {
                low: bound(last, BEFORE),
                high: bound(last, BEHIND),
            };
            let wanted = limit - found.len();
            found.extend(self.ranked(&list, &group, Order::Ascending, wanted).await?);
            high = bound(last, BEFORE);
        }
        Ok(found)
    }

    async fn ranked(
        &self,
        list: &str,
        span: &Span,
        order: Order,
        limit: usize,
    ) -> Result<Vec<RankedRun>, RegistryError> {
        let items = self.span("rank runs", list, span, order, limit).await?;
        items
            .into_iter()
            .map(|item| {
                let rank: RankItem = item::record(item)?;
                Ok(RankedRun {
                    run_id: rank.run_id,
                    start_ms: rank.start_ms,
                    value: rank.moment.value,
                })
            })
            .collect()
    }
}
