//! The figures of `GET /metrics` in Prometheus' text format.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus::{Encoder as _, TextEncoder};
use tasador_performance::{PROMISED, Performance};
use tasador_pricing::ChampionStatus;
use tasador_registry::{
    DURATION_BOUNDS_US, GateDecision, OutcomeKind, PipelineCounts, ServingCounts, ServingTotals,
};

/// What is shown.
pub(crate) struct Figures {
    pub(crate) totals: ServingTotals,
    pub(crate) pipeline: PipelineCounts,
    pub(crate) status: ChampionStatus,
    /// None before a home that was priced is sold.
    pub(crate) performance: Option<Performance>,
    pub(crate) now: Timestamp,
}

type Labels<'l> = &'l [(&'l str, &'l str)];

#[derive(Default)]
struct Families(Vec<MetricFamily>);

impl Families {
    /// A family of metrics; one without any is left out, as the format wants it.
    fn add(&mut self, kind: MetricType, name: &str, help: &str, metrics: Vec<Metric>) {
        if metrics.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics);
        self.0.push(family);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.counters(name, help, vec![counter(&[], value)]);
    }

    fn counters(&mut self, name: &str, help: &str, metrics: Vec<Metric>) {
        self.add(MetricType::COUNTER, name, help, metrics);
    }

    fn gauges(&mut self, name: &str, help: &str, metrics: Vec<Metric>) {
        self.add(MetricType::GAUGE, name, help, metrics);
    }
}

fn labelled(labels: Labels<'_>) -> Metric {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    Metric::from_label(pairs.collect())
}

/// Counts end far below 2^53, up to which every whole number is a float.
fn counter(labels: Labels<'_>, value: u64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value as f64);
    let mut metric = labelled(labels);
    metric.set_counter(counter);
    metric
}

fn gauge(labels: Labels<'_>, value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = labelled(labels);
    metric.set_gauge(gauge);
    metric
}

/// Statuses that are shown before they occur.
const STATUSES: [&str; 4] = ["200", "422", "500", "503"];

/// The counts and, as zeros, the names that have none yet: Prometheus sees no increase in a counter that begins
/// at 1, so the first error of a kind would raise no alert.
fn from_zero<'c>(
    names: &[&'c str],
    counts: &'c BTreeMap<String, u64>,
) -> impl Iterator<Item = (&'c str, u64)> {
    let mut all: BTreeMap<&str, u64> = names.iter().map(|name| (*name, 0)).collect();
    all.extend(counts.iter().map(|(name, count)| (name.as_str(), *count)));
    all.into_iter()
}

fn seconds(duration_us: u64) -> f64 {
    duration_us as f64 / 1e6
}

fn durations(counts: &ServingCounts) -> Metric {
    let mut sum = 0;
    let buckets = DURATION_BOUNDS_US.iter().enumerate().map(|(place, bound)| {
        sum += counts.buckets.get(place).copied().unwrap_or(0);
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(seconds(*bound));
        bucket.set_cumulative_count(sum);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(counts.requests());
    histogram.set_sample_sum(seconds(counts.duration_sum_us));
    let mut metric = labelled(&[]);
    metric.set_histogram(histogram);
    metric
}

fn serving(families: &mut Families, totals: &ServingTotals) {
    let counts = &totals.counts;
    families.counter(
        "inference_requests_total",
        "Answers to POST /predict, whatever their status.",
        counts.requests(),
    );
    families.counter(
        "inference_errors_total",
        "Answers to POST /predict with a status from 400 on.",
        counts.errors(),
    );
    families.counters(
        "inference_responses_total",
        "Answers to POST /predict by HTTP status.",
        from_zero(&STATUSES, &counts.answers)
            .map(|(status, count)| counter(&[("status", status)], count))
            .collect(),
    );
    families.counter(
        "inference_rows_total",
        "Listings that got a price.",
        counts.rows_priced,
    );
    families.counter(
        "inference_row_errors_total",
        "Listings of a list that got an error instead of a price.",
        counts.rows_failed,
    );
    families.counter(
        "inference_log_failures_total",
        "Answers that are in the structured log only, because the table of inferences did not take them.",
        counts.log_failures,
    );
    families.add(
        MetricType::HISTOGRAM,
        "inference_duration_seconds",
        "Time from the request to its answer, without the writing of its log record.",
        vec![durations(counts)],
    );
    families.gauges(
        "inference_instances",
        "Instances of the function that counted within the last hours.",
        vec![gauge(&[], f64::from(totals.instances))],
    );
}

fn model(families: &mut Families, status: &ChampionStatus, now: Timestamp) {
    families.gauges(
        "model_up_to_date",
        "1 where the version in production prices, 0 where it can't be loaded.",
        vec![gauge(&[], if status.trouble.is_none() { 1.0 } else { 0.0 })],
    );
    let Some(champion) = &status.champion else {
        return;
    };
    let name = champion.record.model.to_string();
    let labels: Labels<'_> = &[("model", &name)];
    let age = now.duration_since(champion.record.created_at);
    for (metric, help, value) in [
        (
            "model_version",
            "Number of the version that prices.",
            f64::from(champion.version().0),
        ),
        (
            "model_age_seconds",
            "Time since the version that prices was trained.",
            age.as_secs_f64(),
        ),
        (
            "model_training_rows",
            "Listings that the version that prices learnt from.",
            champion.model.training_rows() as f64,
        ),
    ] {
        families.gauges(metric, help, vec![gauge(labels, value)]);
    }
    let metrics = champion.description.metrics.iter();
    families.gauges(
        "model_metric",
        "What was measured of the version that prices on homes it has not seen.",
        metrics
            .map(|(metric, value)| gauge(&[("model", &name), ("metric", metric)], *value))
            .collect(),
    );
}

fn pipeline(families: &mut Families, counts: &PipelineCounts) {
    families.counters(
        "pipeline_runs_total",
        "Runs of the pipeline by outcome.",
        // All of them, see `from_zero`.
        OutcomeKind::OF_RUNS
            .iter()
            .map(|kind| {
                let count = counts.outcomes.get(kind).copied().unwrap_or_default();
                counter(&[("outcome", kind.as_str())], count)
            })
            .collect(),
    );
    families.counters(
        "gate_decisions_total",
        "Decisions of the gate.",
        from_zero(
            &GateDecision::ALL.map(GateDecision::as_str),
            &counts.decisions,
        )
        .map(|(decision, count)| counter(&[("decision", decision)], count))
        .collect(),
    );
    families.gauges(
        "pipeline_last_run_timestamp_seconds",
        "When the last run of the pipeline was recorded.",
        counts
            .recorded_at
            .iter()
            // Seconds since 1970 are exact as floats.
            .map(|at| gauge(&[], at.as_second() as f64))
            .collect(),
    );
    let (mut measured, mut limits) = (Vec::new(), Vec::new());
    for measurement in counts.last_gate.iter().flat_map(|gate| &gate.measurements) {
        let column = measurement.column.as_deref().unwrap_or_default();
        let labels: Labels<'_> = &[("check", &measurement.code), ("column", column)];
        measured.extend(measurement.measured.map(|value| gauge(labels, value)));
        limits.extend(measurement.limit.map(|value| gauge(labels, value)));
    }
    families.gauges(
        "gate_measured",
        "What the gate measured last, by check and column; psi is drift against the champion's data.",
        measured,
    );
    families.gauges(
        "gate_limit",
        "The limit of what the gate measured last.",
        limits,
    );
}

/// Served prices against later sales: all of a version, by month of the sale, and by state.
fn served(families: &mut Families, performance: &Performance, status: &ChampionStatus) {
    let mut metrics = Vec::new();
    let all = performance.by_version.iter().map(|group| (group, "", ""));
    let by_month = performance.by_month.iter();
    let by_month = by_month.map(|group| (group, group.name.as_deref().unwrap_or_default(), ""));
    let by_state = performance.by_state.iter();
    let by_state = by_state.map(|group| (group, "", group.name.as_deref().unwrap_or_default()));
    for (group, month, state) in all.chain(by_month).chain(by_state) {
        let version = group.version.to_string();
        metrics.extend(group.figures.by_name().map(|(metric, value)| {
            let labels: Labels<'_> = &[
                ("version", &version),
                ("month", month),
                ("state", state),
                ("metric", metric),
            ];
            gauge(labels, value)
        }));
    }
    families.gauges(
        "served_metric",
        "Served prices against later sales, by version; without month and state, of all its sales.",
        metrics,
    );
    let (mut sales, mut growth) = (Vec::new(), Vec::new());
    if let Some(champion) = &status.champion
        && let Some(figures) = performance.of_version(champion.version())
    {
        sales.push(gauge(&[], figures.sales as f64));
        let grown = figures.error_growth(champion.record.metrics.get(PROMISED));
        growth.extend(grown.map(|grown| gauge(&[], grown)));
    }
    families.gauges(
        "served_sales",
        "Later sales of homes that the version in production priced.",
        sales,
    );
    families.gauges(
        "served_error_growth",
        "Median error of the prices that the version in production served, over that of its validation, minus 1.",
        growth,
    );
}

/// The figures as text.
///
/// # Errors
/// Where a figure is not one that the format knows: a bug.
pub(crate) fn text(figures: &Figures) -> prometheus::Result<String> {
    let mut families = Families::default();
    serving(&mut families, &figures.totals);
    model(&mut families, &figures.status, figures.now);
    pipeline(&mut families, &figures.pipeline);
    if let Some(performance) = &figures.performance {
        served(&mut families, performance, &figures.status);
    }
    TextEncoder::new().encode_to_string(&families.0)
}

/// The content type of [`text`].
pub(crate) fn content_type() -> String {
    TextEncoder::new().format_type().to_owned()
}
