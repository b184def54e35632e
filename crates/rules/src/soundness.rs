//! What makes a batch unfit to train on, whatever it holds that is new.

use tasador_flow::{Compared, Measurement, Reason, Rows};
use tasador_listing::{BatchReport, Profile, schema};

use super::{Limits, is_feature, measurement};

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
        reasons.push(Reason::TooFewRows {
            compared: Compared::new(rows as f64, limits.min_rows as f64),
            rows: Some(Rows {
                raw: quality.raw,
                clean: rows,
                rejected: quality.rejected_rows(),
                duplicates: quality.duplicates(),
            }),
        });
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
            reasons.push(Reason::TooFewPrices(Compared::new(
                prices as f64,
                limits.min_distinct_prices as f64,
            )));
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
        reasons.push(Reason::TooManyNulls(Compared::new(
            nulls,
            limits.max_null_share,
        )));
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
        let most_frequent = quality.rejected.iter().max_by_key(|(_, rows)| **rows);
        reasons.push(Reason::TooManyRejects {
            compared: Compared::new(rejects, limits.max_reject_share),
            why: most_frequent
                .map(|(reason, _)| reason.sentence().trim_end_matches('.').to_owned()),
        });
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
    let unusable = |column: Option<&str>, why: &str| Reason::SchemaUnusable {
        why: why.trim_end_matches('.').to_owned(),
        column: column.map(str::to_owned),
    };
    let mut reasons: Vec<Reason> = report
        .quality
        .fatal_problems()
        .map(|problem| unusable(problem.column.as_deref(), &problem.sentence))
        .collect();
    // The report speaks of the raw rows; training sees the clean ones.
    if reasons.is_empty() && profile.rows > 0 {
        if profile
            .column(schema::PRICE)
            .is_none_or(|price| price.values == 0)
        {
            reasons.push(unusable(Some(schema::PRICE), "no clean row has a price"));
        }
        if !profile
            .columns
            .iter()
            .any(|column| is_feature(column) && column.values > 0)
        {
            reasons.push(unusable(None, "no column except the price has a value"));
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
