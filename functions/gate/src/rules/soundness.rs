//! What makes a batch unfit to train on, whatever it holds that is new.

use tasador_listing::{BatchReport, Profile, schema};
use tasador_registry::Reason;

use super::{Limits, Measurement, is_feature, measured_reason, measurement, reason};
use crate::words::{count, counted, percent};

/// What speaks against a batch.
pub(super) struct Soundness {
    /// Why it is refused; empty for a sound batch.
    pub(super) reasons: Vec<Reason>,
    /// Whether its rows may be learnt from with others.
    pub(super) usable: bool,
    pub(super) measurements: Vec<Measurement>,
}

pub(super) fn check(report: &BatchReport, limits: &Limits) -> Soundness {
    let quality = &report.quality;
    let profile = &report.profile;
    let rows = profile.rows;
    let mut reasons = schema_reasons(report);
    let mut usable = reasons.is_empty() && rows > 0;
    let mut measurements = Vec::new();

    let too_few = rows < limits.min_rows;
    measurements.push(measurement(
        "rows",
        rows as f64,
        limits.min_rows as f64,
        too_few,
    ));
    if too_few {
        reasons.push(measured_reason(
            "too_few_rows",
            format!(
                "Only {} can be learnt from, and at least {} are needed ({}).",
                counted(rows, "row"),
                count(limits.min_rows),
                account(report),
            ),
            rows as f64,
            limits.min_rows as f64,
        ));
    }

    let prices = profile
        .column(schema::PRICE)
        .map_or(0, |price| price.distinct());
    let alike = prices < limits.min_distinct_prices;
    measurements.push(measurement(
        "distinct_prices",
        prices as f64,
        limits.min_distinct_prices as f64,
        alike,
    ));
    if alike {
        // Three rows can't have five prices, which says nothing against them.
        usable &= prices >= limits.min_distinct_prices.min(rows);
        // Without a price there is a reason above that says more.
        if prices > 0 {
            reasons.push(measured_reason(
                "too_few_prices",
                if prices == 1 {
                    format!(
                        "Every price is the same; at least {} distinct ones are needed to learn what makes the difference.",
                        count(limits.min_distinct_prices)
                    )
                } else {
                    format!(
                        "There are only {} distinct prices, and at least {} are needed.",
                        count(prices),
                        count(limits.min_distinct_prices)
                    )
                },
                prices as f64,
                limits.min_distinct_prices as f64,
            ));
        }
    }

    let nulls = null_share(profile);
    let empty = nulls > limits.max_null_share;
    measurements.push(measurement(
        "null_share",
        nulls,
        limits.max_null_share,
        empty,
    ));
    if empty {
        usable = false;
        reasons.push(measured_reason(
            "too_many_nulls",
            format!(
                "{} of the values are missing, and at most {} may be.",
                percent(nulls),
                percent(limits.max_null_share)
            ),
            nulls,
            limits.max_null_share,
        ));
    }

    let rejects = quality.reject_share();
    let refused = rejects > limits.max_reject_share;
    measurements.push(measurement(
        "reject_share",
        rejects,
        limits.max_reject_share,
        refused,
    ));
    if refused {
        usable = false;
        reasons.push(measured_reason(
            "too_many_rejects",
            format!(
                "{} of the rows were rejected, and at most {} may be{}.",
                percent(rejects),
                percent(limits.max_reject_share),
                quality
                    .rejected
                    .iter()
                    .max_by_key(|(_, rows)| **rows)
                    .map_or_else(String::new, |(reason, rows)| format!(
                        "; the most frequent reason, {} times: {}",
                        count(*rows),
                        reason.sentence().trim_end_matches('.')
                    )),
            ),
            rejects,
            limits.max_reject_share,
        ));
    }

    Soundness {
        reasons,
        usable,
        measurements,
    }
}

/// Why the columns can't be learnt from.
fn schema_reasons(report: &BatchReport) -> Vec<Reason> {
    let profile = &report.profile;
    let unusable = |column: Option<&str>, sentence: String| Reason {
        column: column.map(str::to_owned),
        ..reason("schema_unusable", sentence)
    };
    let mut reasons: Vec<Reason> = report
        .quality
        .fatal_problems()
        .map(|problem| unusable(problem.column.as_deref(), problem.sentence.clone()))
        .collect();
    // The report speaks of the raw rows; training sees the clean ones.
    if reasons.is_empty() && profile.rows > 0 {
        if profile
            .column(schema::PRICE)
            .is_none_or(|price| price.values == 0)
        {
            reasons.push(unusable(
                Some(schema::PRICE),
                "No clean row has a price.".to_owned(),
            ));
        }
        if !profile
            .columns
            .iter()
            .any(|column| is_feature(column) && column.values > 0)
        {
            reasons.push(unusable(
                None,
                "No column but the price holds any value.".to_owned(),
            ));
        }
    }
    reasons
}

/// The share of empty cells. Columns without any value are left out: the source does not send
/// them, which the report says elsewhere.
fn null_share(profile: &Profile) -> f64 {
    let (cells, nulls) = profile
        .columns
        .iter()
        .filter(|column| is_feature(column) && column.values > 0)
        .fold((0, 0), |(cells, nulls), column| {
            (cells + column.rows(), nulls + column.nulls)
        });
    if cells == 0 {
        0.0
    } else {
        nulls as f64 / cells as f64
    }
}

/// Where the rows of a batch went.
fn account(report: &BatchReport) -> String {
    let quality = &report.quality;
    let mut parts = vec![format!("{} received", count(quality.raw))];
    for (rows, what) in [
        (quality.rejected_rows(), "rejected"),
        (quality.duplicates(), "seen before"),
    ] {
        if rows > 0 {
            parts.push(format!("{} {what}", count(rows)));
        }
    }
    parts.join(", ")
}
