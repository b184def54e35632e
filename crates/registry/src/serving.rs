//! What functions counted while they answered, and what the pipeline decided so far.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_ids::{BatchId, RunId};

use tasador_flow::gate::Decision;
use tasador_flow::{Measurement, Outcome, OutcomeKind};

/// The upper ends of the buckets of answer times, in microseconds; one more bucket takes the rest.
pub const DURATION_BOUNDS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// What was counted while requests for prices were answered. Each number only grows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServingCounts {
    /// Answers by HTTP status.
    pub answers: BTreeMap<String, u64>,
    /// Listings that got a price.
    pub rows_priced: u64,
    /// Listings of a list that got an error instead.
    pub rows_failed: u64,
    /// Answers that are in the structured log and not in the table.
    pub log_failures: u64,
    /// Answers by their time: one bucket for each of [`DURATION_BOUNDS_US`], and the rest.
    pub buckets: Vec<u64>,
    /// The times of all answers together, in microseconds.
    pub duration_sum_us: u64,
    /// Answers by the hour in which they were given, such as `2026-11-28T05`: the last `HOURS_KEPT` with any.
    pub hours: BTreeMap<String, HourCounts>,
}

/// Hours with answers that are kept.
const HOURS_KEPT: usize = 48;

/// Answers of one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HourCounts {
    pub requests: u64,
    /// Those with a status from 400 on.
    pub errors: u64,
}

/// The name of the hour of a time.
pub fn hour_name(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H").to_string()
}

impl ServingCounts {
    /// Counts an answer with its HTTP status and its time.
    pub fn count(&mut self, status: u16, duration_us: u64) {
        if let Some(answers) = self.answers.get_mut(status_name(status).as_ref()) {
            *answers += 1;
        } else {
            self.answers.insert(status_name(status).into_owned(), 1);
        }
        let bucket = DURATION_BOUNDS_US.partition_point(|bound| *bound < duration_us);
        self.buckets.resize(DURATION_BOUNDS_US.len() + 1, 0);
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
        self.duration_sum_us += duration_us;
    }

    /// Counts an answer in its hour.
    pub fn count_hour(&mut self, at: Timestamp, status: u16) {
        let hour = self.hours.entry(hour_name(at)).or_default();
        hour.requests += 1;
        hour.errors += u64::from(status >= 400);
        self.forget_hours();
    }

    /// Names of hours sort by time.
    fn forget_hours(&mut self) {
        while self.hours.len() > HOURS_KEPT {
            self.hours.pop_first();
        }
    }

    /// All answers.
    pub fn requests(&self) -> u64 {
        self.answers.values().sum()
    }

    /// Answers with a status from 400 on.
    pub fn errors(&self) -> u64 {
        let errors = self
            .answers
            .iter()
            .filter(|(status, _)| status.as_str() >= "400");
        errors.map(|(_, count)| count).sum()
    }

    /// The time within which that share (0 to 1) of all answers was given, in microseconds: the
    /// upper end of its bucket. `None` before the first answer and beyond the last bound.
    pub fn duration_quantile_us(&self, share: f64) -> Option<u64> {
        let total: u64 = self.buckets.iter().sum();
        // Counts end far below 2^53.
        let wanted = (total as f64 * share).ceil().max(1.0) as u64;
        let mut sum = 0;
        DURATION_BOUNDS_US
            .iter()
            .zip(&self.buckets)
            .find(|(_, count)| {
                sum += *count;
                sum >= wanted
            })
            .map(|(bound, _)| *bound)
    }

    /// Together with others.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, |a, b| a + b);
    }

    /// What was counted since an earlier state of the same counters.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut rest = self.clone();
        rest.combine(earlier, u64::saturating_sub);
        rest.answers.retain(|_, count| *count > 0);
        rest.hours.retain(|_, hour| hour.requests > 0);
        rest
    }

    fn combine(&mut self, other: &Self, with: impl Fn(u64, u64) -> u64) {
        for (status, count) in &other.answers {
            let mine = self.answers.entry(status.clone()).or_default();
            *mine = with(*mine, *count);
        }
        let buckets = self.buckets.len().max(other.buckets.len());
        self.buckets.resize(buckets, 0);
        for (mine, count) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine = with(*mine, *count);
        }
        for (mine, count) in [
            (&mut self.rows_priced, other.rows_priced),
            (&mut self.rows_failed, other.rows_failed),
            (&mut self.log_failures, other.log_failures),
            (&mut self.duration_sum_us, other.duration_sum_us),
        ] {
            *mine = with(*mine, count);
        }
        for (hour, count) in &other.hours {
            let mine = self.hours.entry(hour.clone()).or_default();
            mine.requests = with(mine.requests, count.requests);
            mine.errors = with(mine.errors, count.errors);
        }
        self.forget_hours();
    }
}

fn status_name(status: u16) -> std::borrow::Cow<'static, str> {
    match status {
        200 => "200".into(),
        400 => "400".into(),
        422 => "422".into(),
        503 => "503".into(),
        other => other.to_string().into(),
    }
}

/// What all instances counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServingTotals {
    /// Their counts together, those of instances long gone among them.
    pub counts: ServingCounts,
    /// Instances that have separate counts: those that counted within the last hours.
    pub instances: u32,
}

/// What became of counts that were to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CountsKept {
    /// They are kept.
    Kept,
    /// The instance was taken for gone, and this is what the total took over of it: it goes on
    /// under another name with what it counted beyond.
    Folded(ServingCounts),
}

/// What the pipeline decided so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PipelineCounts {
    /// Runs by outcome.
    pub outcomes: BTreeMap<OutcomeKind, u64>,
    /// Decisions of the gate.
    pub decisions: BTreeMap<String, u64>,
    /// The gate's last decision.
    pub last_gate: Option<GateFigures>,
    /// When the last run was recorded.
    pub recorded_at: Option<Timestamp>,
}

/// A decision of the gate with what it measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateFigures {
    /// The run.
    pub run: RunId,
    /// The batch.
    pub batch: Option<BatchId>,
    pub decision: Decision,
    /// What was measured, with the limits.
    pub measurements: Vec<Measurement>,
}

impl PipelineCounts {
    /// With one more outcome.
    pub(crate) fn count(&mut self, outcome: &Outcome) {
        *self.outcomes.entry(outcome.kind).or_default() += 1;
        self.recorded_at = Some(outcome.recorded_at);
        if let Some(decision) = &outcome.decision {
            *self
                .decisions
                .entry(decision.as_str().to_owned())
                .or_default() += 1;
            self.last_gate = Some(GateFigures {
                run: outcome.run.clone(),
                batch: outcome.batch,
                decision: *decision,
                measurements: outcome.measurements.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_status_and_time() {
        let mut counts = ServingCounts::default();
        for (status, duration_us) in [(200, 100), (200, 101), (422, 3), (503, 20_000_000)] {
            counts.count(status, duration_us);
        }
        assert_eq!((counts.requests(), counts.errors()), (4, 2));
        assert_eq!(counts.buckets[..2], [2, 1]);
        assert_eq!(counts.buckets.last(), Some(&1));
        assert_eq!(counts.duration_sum_us, 20_000_204);
        assert_eq!(counts.duration_quantile_us(0.5), Some(100));
        assert_eq!(counts.duration_quantile_us(0.75), Some(250));
        assert_eq!(counts.duration_quantile_us(1.0), None);
        assert_eq!(ServingCounts::default().duration_quantile_us(0.5), None);
    }

    #[test]
    fn the_last_hours_are_kept_whichever_instance_answered() {
        let at = |hour: i64| Timestamp::from_second(1_780_000_000 + hour * 3_600).unwrap();
        let (mut one, mut other) = (ServingCounts::default(), ServingCounts::default());
        for hour in 0..60 {
            one.count_hour(at(hour), 200);
            if hour % 20 == 0 {
                other.count_hour(at(hour), 503);
            }
        }
        let first = one.hours.keys().next().cloned();
        assert_eq!(
            (one.hours.len(), first),
            (HOURS_KEPT, Some(hour_name(at(12))))
        );
        let before = one.clone();
        one.add(&other);
        assert_eq!(one.hours.len(), HOURS_KEPT);
        let both = HourCounts {
            requests: 2,
            errors: 1,
        };
        assert_eq!(one.hours[&hour_name(at(40))], both);
        assert_eq!(one.since(&before).hours.len(), 2);
    }

    #[test]
    fn what_came_since_and_what_was_before_are_all() {
        let mut before = ServingCounts::default();
        before.count(200, 5);
        before.count_hour(Timestamp::UNIX_EPOCH, 200);
        let mut after = before.clone();
        after.count(404, 7_000);
        after.count_hour(Timestamp::UNIX_EPOCH, 404);
        after.rows_priced = 3;
        let since = after.since(&before);
        assert_eq!(since.requests(), 1);
        assert!(!since.answers.contains_key("200"));
        let mut sum = before.clone();
        sum.add(&since);
        assert_eq!(sum, after);
        assert_eq!(after.since(&ServingCounts::default()), after);
    }
}
