//! What a person must look at before anything learns from a batch: another unit, another population,
//! a lost column, another kind of values.
//!
//! Each check compares the batch with the data that the champion learned from, and is meant to be silent
//! where only the market, the season or the place has changed.

use std::collections::HashSet;

use tasador_flow::{Compared, Measurement, Reason, UnitFactor, ValueKind};
use tasador_ids::{ModelVersion, Units};
use tasador_listing::drift::{new_category_share, psi, share_up_to};
use tasador_listing::pinned::Replaced;
use tasador_listing::profile::Body;
use tasador_listing::quality::RawColumn;
use tasador_listing::schema::{
    ACRE_LOT, BATH, BED, CITY, HOUSE_SIZE, PRICE, STATE, TYPE_COLUMNS, ZIP_CODE,
};
use tasador_listing::{BatchReport, ColumnKind, ColumnProfile, Profile};

use super::novelty::expected_new_share;
use super::{Champion, Facts, Limits, Serving, level, measurement};

/// Numbers whose unit and population matter most.
const MAIN_NUMBERS: [&str; 5] = [PRICE, BED, BATH, ACRE_LOT, HOUSE_SIZE];
/// Lots of a city and of the country differ by this much more than other numbers: those of a batch from
/// Manhattan are 16 times smaller than those of New England.
const LOTS_DIFFER: f64 = 100.0;
/// Columns without which prices are much worse.
const MAIN_COLUMNS: [&str; 7] = [BED, BATH, ACRE_LOT, HOUSE_SIZE, CITY, STATE, ZIP_CODE];
/// So many times below or above the reference's median, a value is of another population. Living areas
/// differ less than prices, and homes of millions of dollars are part of many markets. Other numbers are
/// left out: lots differ by far more in one market.
const MIXED: [(&str, f64, f64); 2] = [(PRICE, 30.0, 100.0), (HOUSE_SIZE, 6.0, 6.0)];
/// Fewer values have no median worth comparing.
const FEWEST_VALUES: u64 = 5;
/// A column belongs to the reference if at least this share of its rows has a value.
const REFERENCE_FILLED: f64 = 0.5;
/// How far a factor may be from the one of a unit, as a factor: markets differ, too.
const UNIT_TOLERANCE: f64 = 1.5;
/// Other numbers are held only if the factor of one unit explains all three quartiles, within this.
const EXACT_TOLERANCE: f64 = 1.2;
/// Fewer different numbers are grades or months, which have no unit.
const FEWEST_DISTINCT: u64 = 20;
/// Columns with a separate reason.
const COLUMNS_NAMED: usize = 5;
/// Of inputs beyond the main columns, so many are recorded, those that lost most first: states of the
/// machine stay under 16 KB.
const INPUTS_RECORDED: usize = 12;
/// New categories that a reason names, and the most characters of one.
const VALUES_NAMED: usize = 3;
const VALUE_CHARS: usize = 40;

/// What speaks for holding a batch, and what was measured.
#[derive(Default)]
pub(super) struct Guard {
    pub(super) reasons: Vec<Reason>,
    /// What a person should know, but no reason to hold the batch.
    pub(super) notices: Vec<Reason>,
    pub(super) measurements: Vec<Measurement>,
}

pub(super) fn check(facts: &Facts<'_>, limits: &Limits) -> Guard {
    let (report, champion) = (facts.report, facts.champion);
    let mut guard = Guard::default();
    guard.sources(report);
    guard.unreadable(report, limits);
    let reference = champion.reference();
    if reference.is_none() {
        guard.level(report, facts.units);
    }
    if let Some((version, reference)) = reference {
        let compare = Compare {
            version,
            reference,
            batch: &report.profile,
            limits,
        };
        compare.scales(&mut guard);
        if let Champion::Serving(champion) = champion {
            compare.units(champion, &mut guard);
            compare.kinds(champion, &mut guard);
            compare.new_populations(champion, &mut guard);
        }
        compare.lost(report, &mut guard);
        if let Champion::Serving(champion) = champion {
            compare.lost_inputs(champion, report, &mut guard);
        }
        compare.populations(&mut guard);
        compare.drift(&mut guard);
    }
    guard
}

struct Compare<'a> {
    version: ModelVersion,
    reference: &'a Profile,
    batch: &'a Profile,
    limits: &'a Limits,
}

impl Guard {
    fn add(
        &mut self,
        code: &str,
        column: &str,
        compared: Compared,
        fired: bool,
        reason: impl FnOnce(String, Compared) -> Reason,
    ) {
        self.measurements.push(Measurement {
            column: Some(column.to_owned()),
            ..measurement(code, compared.measured, compared.limit, fired)
        });
        if fired {
            self.reasons.push(reason(column.to_owned(), compared));
        }
    }

    /// Whether there is a reason about this column already.
    fn names(&self, column: &str) -> bool {
        let mut fired = self.measurements.iter().filter(|found| found.fired);
        fired.any(|found| found.column.as_deref() == Some(column))
    }

    /// Columns that are read from other columns of the source than in earlier batches. Another price is
    /// another question to the model, which a person must want.
    fn sources(&mut self, report: &BatchReport) {
        for replaced in &report.quality.replaced {
            let Replaced { column, was, is } = replaced.clone();
            let is_price = column == PRICE;
            self.measurements.push(Measurement {
                column: Some(column.clone()),
                ..measurement("source_column_changed", 1.0, 0.0, is_price)
            });
            let reason = Reason::SourceColumnChanged { column, was, is };
            let list = if is_price {
                &mut self.reasons
            } else {
                &mut self.notices
            };
            list.push(reason);
        }
    }

    /// The price level, by what homes cost anywhere.
    fn level(&mut self, report: &BatchReport, units: Units) {
        let Some(level) = level::check(report, units) else {
            return;
        };
        self.measurements.push(level.measurement);
        match level.reason {
            Some((reason, true)) => self.reasons.push(reason),
            Some((reason, false)) => self.notices.push(reason),
            None => {}
        }
    }

    /// Main columns that the batch fills with what cannot be read.
    fn unreadable(&mut self, report: &BatchReport, limits: &Limits) {
        let limit = limits.max_lost_share;
        let main = report.quality.columns.iter();
        for column in main.filter(|column| MAIN_COLUMNS.contains(&column.name.as_str())) {
            let given = given(column, report.quality.raw);
            if column.bad == 0 || given < FEWEST_VALUES {
                continue;
            }
            let share = column.bad as f64 / given as f64;
            self.add(
                "unreadable",
                &column.name,
                Compared::new(share, limit),
                share > limit,
                |column, compared| Reason::ColumnUnreadable { column, compared },
            );
        }
    }
}

/// The values that the source gave, readable or not.
fn given(column: &RawColumn, raw: u64) -> u64 {
    raw.saturating_sub(column.nulls)
}

impl<'a> Compare<'a> {
    /// A column of the reference and of the batch, both with values.
    fn both(&self, name: &str) -> Option<(&'a ColumnProfile, &'a ColumnProfile)> {
        let (reference, batch) = (self.reference.column(name)?, self.batch.column(name)?);
        (reference.values > 0 && batch.values >= FEWEST_VALUES).then_some((reference, batch))
    }

    fn against(&self, measured: f64, limit: f64) -> Compared {
        Compared::new(measured, limit).against(self.version)
    }

    /// Whether the medians of the price and the main numbers are of one order of magnitude. A median
    /// within what nearly all of the reference's rows have is no other unit: lots of one market differ by
    /// more than a factor.
    fn scales(&self, guard: &mut Guard) {
        for name in MAIN_NUMBERS {
            let Some((reference, batch)) = self.both(name) else {
                continue;
            };
            let (Some(ordinary), Some(found)) = (middle(reference), quantile(batch, 50)) else {
                continue;
            };
            let Some((times, lower)) = times_off(found, ordinary.median) else {
                continue;
            };
            let limit = if name == ACRE_LOT {
                self.limits.scale_factor * LOTS_DIFFER
            } else {
                self.limits.scale_factor
            };
            let fired = times > limit && !ordinary.has(found);
            let code = if name == PRICE {
                "price_level"
            } else {
                "column_scale"
            };
            let suspected = suspect(name, times, UNIT_TOLERANCE);
            guard.add(
                code,
                name,
                self.against(times, limit),
                fired,
                |column, compared| Reason::ScaleOff {
                    column,
                    compared,
                    lower,
                    suspected,
                },
            );
        }
    }

    /// Whether the factor of a unit explains the median and both quartiles of another number that the
    /// champion uses. Without a unit, another market is no reason to hold it.
    fn units(&self, champion: &Serving, guard: &mut Guard) {
        let mut named = 0;
        for input in &champion.inputs {
            if MAIN_NUMBERS.contains(&input.as_str()) || named == COLUMNS_NAMED {
                continue;
            }
            let Some((reference, batch)) = self.both(input) else {
                continue;
            };
            if reference.distinct() < FEWEST_DISTINCT || batch.distinct() < FEWEST_DISTINCT {
                continue;
            }
            let factors = [25, 50, 75].map(|percentile| {
                let (reference, batch) = (
                    quantile(reference, percentile)?,
                    quantile(batch, percentile)?,
                );
                let (times, lower) = times_off(batch, reference)?;
                Some((times, lower, suspect(input, times, EXACT_TOLERANCE)?))
            });
            let [Some(low), Some((times, lower, unit)), Some(high)] = factors else {
                continue;
            };
            if (low.1, low.2) != (lower, unit) || (high.1, high.2) != (lower, unit) {
                continue;
            }
            named += 1;
            guard.add(
                "column_scale",
                input,
                self.against(times, self.limits.scale_factor),
                times > self.limits.scale_factor,
                |column, compared| Reason::ScaleOff {
                    column,
                    compared,
                    lower,
                    suspected: Some(unit),
                },
            );
        }
    }

    /// Whether a column that the champion uses has become text, or numbers, or dates.
    fn kinds(&self, champion: &Serving, guard: &mut Guard) {
        let mut named = 0;
        for input in &champion.inputs {
            let Some((reference, batch)) = self.both(input) else {
                continue;
            };
            let (was, is) = (kind(reference.kind), kind(batch.kind));
            if was == is || named == COLUMNS_NAMED {
                continue;
            }
            named += 1;
            let filled = 1.0 - batch.null_share();
            let limit = self.limits.kind_changed_share;
            guard.add(
                "kind_changed",
                input,
                self.against(filled, limit),
                filled >= limit,
                |column, compared| Reason::KindChanged {
                    column,
                    compared,
                    was,
                    is,
                },
            );
        }
    }

    /// Whether main columns have as many values as the champion learned from.
    fn lost(&self, report: &BatchReport, guard: &mut Guard) {
        if self.batch.rows < FEWEST_VALUES {
            return;
        }
        for name in MAIN_COLUMNS {
            let Some(lost) = self.lost_share(name) else {
                continue;
            };
            let limit = self.limits.max_lost_share;
            let unreadable = unreadable(report, name);
            guard.add(
                "column_lost",
                name,
                self.against(lost, limit),
                lost > limit,
                |column, compared| Reason::ColumnLost {
                    column,
                    compared,
                    unreadable,
                },
            );
        }
    }

    /// Whether the other columns that the champion uses have as many values as it learned from. One that
    /// prices depend on holds the batch; the loss of another one is only told.
    fn lost_inputs(&self, champion: &Serving, report: &BatchReport, guard: &mut Guard) {
        if self.batch.rows < FEWEST_VALUES {
            return;
        }
        let inputs = champion.inputs.iter();
        let inputs = inputs.filter(|input| !MAIN_COLUMNS.contains(&input.as_str()));
        let mut lost: Vec<(&String, f64)> = inputs
            .filter_map(|input| Some((input, self.lost_share(input)?)))
            .collect();
        lost.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(right.0)));
        lost.truncate(INPUTS_RECORDED);
        let limit = self.limits.max_lost_share;
        for (place, (input, lost)) in lost.into_iter().enumerate() {
            let is_important = champion.important.contains(input);
            let is_lost = lost > limit;
            let compared = self.against(lost, limit);
            guard.measurements.push(Measurement {
                column: Some(input.clone()),
                note: (is_lost && !is_important)
                    .then(|| "prices depend little on this column".to_owned()),
                ..measurement("column_lost", lost, limit, is_lost && is_important)
            });
            if !is_lost || place >= COLUMNS_NAMED {
                continue;
            }
            let reason = Reason::ColumnLost {
                column: input.clone(),
                compared,
                unreadable: unreadable(report, input),
            };
            let list = if is_important {
                &mut guard.reasons
            } else {
                &mut guard.notices
            };
            list.push(reason);
        }
    }

    /// The share of the values that the champion learned from that the batch does not have; `None` for a
    /// column that few of the champion's rows had.
    fn lost_share(&self, name: &str) -> Option<f64> {
        let filled = |profile: &Profile| {
            let column = profile.column(name);
            column.map_or(0.0, |column| {
                column.values as f64 / profile.rows.max(1) as f64
            })
        };
        let usual = filled(self.reference);
        (usual >= REFERENCE_FILLED).then(|| (1.0 - filled(self.batch) / usual).max(0.0))
    }

    /// Whether most values of a category are ones that the champion never saw. As many as are new by
    /// chance are allowed, as are three standard deviations, so that a small batch is not held for a few
    /// rows. Homes of another type hold the batch. New places are told: a source may deliver one region
    /// after the other, and a champion learns of a new one only by training.
    fn new_populations(&self, champion: &Serving, guard: &mut Guard) {
        let mut named = 0;
        for input in &champion.inputs {
            let Some((reference, batch)) = self.both(input) else {
                continue;
            };
            if !matches!(batch.kind, ColumnKind::Category | ColumnKind::Zip) {
                continue;
            }
            let Some(share) = new_category_share(reference, batch) else {
                continue;
            };
            let spread = 0.5 / (batch.values as f64).sqrt();
            let limit =
                self.limits.max_new_population_share + expected_new_share(reference) + 3.0 * spread;
            let fired = share > limit;
            if fired && named == COLUMNS_NAMED {
                continue;
            }
            named += usize::from(fired);
            let is_type = TYPE_COLUMNS.contains(&input.as_str());
            let compared = self.against(share, limit);
            let reason = |column, compared| Reason::NewPopulation {
                column,
                compared,
                values: new_categories(reference, batch),
            };
            if fired && !is_type {
                guard.notices.push(reason(input.clone(), compared.clone()));
            }
            guard.add("new_population", input, compared, fired && is_type, reason);
        }
    }

    /// Whether part of the prices or living areas is of another order of magnitude. What the reference
    /// has of these is allowed, and three standard deviations more, so that a small batch is not held
    /// for one row. What is named already is not named again.
    fn populations(&self, guard: &mut Guard) {
        for (name, far_below, far_above) in MIXED {
            let is_named = guard.names(name);
            let Some((reference, batch)) = self.both(name) else {
                continue;
            };
            let Some(median) = quantile(reference, 50).filter(|median| *median > 0.0) else {
                continue;
            };
            let below = |column| share_up_to(column, median / far_below);
            let above = |column| share_up_to(column, median * far_above).map(|share| 1.0 - share);
            let sides = [
                (true, below(reference), below(batch)),
                (false, above(reference), above(batch)),
            ];
            for (lower, usual, found) in sides {
                let (Some(usual), Some(found)) = (usual, found) else {
                    continue;
                };
                // Percentiles tell shares to one hundredth.
                let chance = usual.max(0.01);
                let spread = (chance * (1.0 - chance) / batch.values as f64).sqrt();
                let limit = self.limits.max_other_population_share + usual + 3.0 * spread;
                let code = if lower { "far_below" } else { "far_above" };
                guard.add(
                    code,
                    name,
                    self.against(found, limit),
                    found > limit && !is_named,
                    |column, compared| Reason::OtherPopulation {
                        column,
                        compared,
                        lower,
                    },
                );
            }
        }
    }

    /// Whether price or main numbers are distributed so differently that they have another unit or are
    /// another population. What is named already is not named again.
    fn drift(&self, guard: &mut Guard) {
        let rows = self.batch.rows.min(self.reference.rows);
        if rows < self.limits.psi_min_rows {
            return;
        }
        for name in MAIN_NUMBERS.into_iter().filter(|name| *name != ACRE_LOT) {
            let is_named = guard.names(name);
            let Some((reference, batch)) = self.both(name).filter(|_| !is_named) else {
                continue;
            };
            let limit = self.limits.psi_hold_limit;
            if let Some(psi) = psi(reference, batch).filter(|psi| *psi > limit) {
                guard.add(
                    "extreme_psi",
                    name,
                    self.against(psi, limit),
                    true,
                    |column, compared| Reason::ExtremeDrift { column, compared },
                );
            }
        }
    }
}

/// The values of a column that could not be read.
fn unreadable(report: &BatchReport, name: &str) -> u64 {
    let columns = report.quality.columns.iter();
    let columns = columns.filter(|column| column.name == name);
    columns.map(|column| column.bad).sum()
}

/// The most frequent categories of the batch that the reference does not have.
fn new_categories(reference: &ColumnProfile, batch: &ColumnProfile) -> Vec<String> {
    let (Body::Category { top: known, .. }, Body::Category { top, .. }) =
        (&reference.body, &batch.body)
    else {
        return Vec::new();
    };
    let known: HashSet<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
    let new = top
        .iter()
        .filter(|(name, _)| !known.contains(name.as_str()));
    new.take(VALUES_NAMED)
        .map(|(name, _)| name.chars().take(VALUE_CHARS).collect())
        .collect()
}

/// What a person should know of any batch: main columns that it does not have, and columns of which no
/// value could be read.
pub(super) fn notices(report: &BatchReport) -> Vec<Reason> {
    let quality = &report.quality;
    // Of a batch without rows no column is known.
    if quality.readable() == 0 {
        return Vec::new();
    }
    let gone = MAIN_COLUMNS.into_iter().map(str::to_owned);
    let gone: Vec<String> = gone
        .filter(|name| quality.columns_gone.contains(name))
        .collect();
    let absent = (!gone.is_empty()).then_some(Reason::ColumnsAbsent { columns: gone });
    let unread = quality.columns.iter().filter_map(|column| {
        let values = given(column, quality.readable());
        (column.bad > 0 && column.bad >= values).then(|| Reason::NothingReadable {
            column: column.name.clone(),
            values,
        })
    });
    absent
        .into_iter()
        .chain(unread.take(COLUMNS_NAMED))
        .collect()
}

/// The middle of a column of the reference.
struct Middle {
    median: f64,
    /// The first and the last percentile.
    ends: (f64, f64),
}

impl Middle {
    fn has(&self, value: f64) -> bool {
        (self.ends.0..=self.ends.1).contains(&value)
    }
}

fn middle(column: &ColumnProfile) -> Option<Middle> {
    Some(Middle {
        median: quantile(column, 50)?,
        ends: (quantile(column, 1)?, quantile(column, 99)?),
    })
}

fn quantile(column: &ColumnProfile, percentile: usize) -> Option<f64> {
    match &column.body {
        Body::Number { quantiles, .. } if column.kind == ColumnKind::Number => {
            quantiles.get(percentile).copied()
        }
        _ => None,
    }
}

/// How many times the larger of two amounts is of the smaller, and whether the found one is smaller.
fn times_off(found: f64, usual: f64) -> Option<(f64, bool)> {
    if !(found > 0.0 && usual > 0.0) {
        return None;
    }
    let times = found / usual;
    let lower = times < 1.0;
    Some((if lower { times.recip() } else { times }, lower))
}

/// The unit whose factor is nearest, if one is near enough.
fn suspect(column: &str, times: f64, tolerance: f64) -> Option<UnitFactor> {
    use UnitFactor::{
        Hundred, Million, SquareFeetInAcre, SquareFeetInSquareMetre, SquareMetresInAcre, Thousand,
        Twelve,
    };
    let units: &[UnitFactor] = if column == PRICE {
        &[Twelve, Hundred, Thousand, Million]
    } else {
        &[
            SquareFeetInSquareMetre,
            Hundred,
            Thousand,
            SquareMetresInAcre,
            SquareFeetInAcre,
        ]
    };
    let distance = |unit: &UnitFactor| (times / unit.value()).ln().abs();
    units
        .iter()
        .copied()
        .min_by(|left, right| distance(left).total_cmp(&distance(right)))
        .filter(|unit| distance(unit) <= tolerance.ln())
}

fn kind(kind: ColumnKind) -> ValueKind {
    match kind {
        ColumnKind::Number => ValueKind::Number,
        ColumnKind::Date => ValueKind::Date,
        ColumnKind::Code | ColumnKind::Category | ColumnKind::Zip => ValueKind::Text,
    }
}
