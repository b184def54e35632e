//! Fitting an encoder: which columns become inputs, what they turn into, and the tables.
//!
//! What the features beyond the columns themselves are worth, as the rise of the blend's mean
//! absolute error in validation where a kind is left out, over two seeds (King County with all
//! columns; the north-east listings of the bench). Two seeds differ by some 0.5 %:
//!
//! | feature | King County | north-east |
//! |---|---:|---:|
//! | usual price per square foot of a place | 1.9 % | 3.6 % |
//! | coordinates turned by 45 degrees | 1.1 % | none there |
//! | bed + bath | 1.1 % | -0.1 % |
//! | how many homes a place has | 1.0 % | 1.1 % |
//! | the zip code's first three digits | 0.8 % | 2.2 % |
//! | size per lot, size per bed, bath per bed | -0.1 % | 0.7 % |
//! | logarithms, for the straight line within the blend | -0.3 % | 1.4 % |

use crate::encoder::target::{Statistic, TargetFit};
use crate::encoder::{
    Cell, Dense, Encoder, Feature, Slot, Table, ZIP, name_of_number, numbers_of, prefix,
};
use crate::frame::{Column, Frame, MISSING};
use crate::input::{Input, InputKind, unit_of};
use tasador_listing::sale::STATUS;
use tasador_listing::{leak, schema};

/// Names kept of one column; the rarest beyond are unseen to the model. Bounds the artefact.
const MOST_NAMES: usize = 60_000;

/// Names a column may have to get an indicator each where the algorithm is linear.
const MOST_INDICATORS: usize = 12;

/// Parts of the training properties for cross-fitting.
pub(crate) const FOLDS: u8 = 5;
/// So many homes may have numbers of which a model uses less: 99,999 acres, by which people mean "not known", are no
/// size from which a price can be extrapolated.
const EXTREMES: usize = 10;
/// Small sets have fewer of them.
const ROWS_PER_EXTREME: usize = 500;

/// What the algorithm can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Splits at thresholds, missing values on their own side.
    Trees,
    /// Weighted sums: nothing missing, equal scales, skewed amounts as logarithms.
    Dense,
    /// As for weighted sums, and the derived features that only trees can use.
    Both,
}

/// A fitted encoder, and the training rows as it encodes them: target tables cross-fitted, so that
/// no row's own price is in its features.
pub(crate) struct Fitted {
    pub(crate) encoder: Encoder,
    /// Row-major, `rows x width`; NaN where a value is not known.
    pub(crate) matrix: Vec<f64>,
    /// Every row's settled cells, row-major, `rows x slots`.
    cells: Vec<Cell>,
    /// The fold of each row for cross-fitting, and the tables fitted without it.
    folds: Vec<u8>,
    by_fold: Vec<Vec<Table>>,
}

impl Fitted {
    /// The features of one row; none where there is no such row.
    pub(crate) fn row(&self, row: usize) -> &[f64] {
        let width = self.encoder.width();
        self.matrix
            .get(row * width..(row + 1) * width)
            .unwrap_or_default()
    }

    /// All features filled and scaled, row-major.
    pub(crate) fn dense(&self) -> Vec<f64> {
        let width = self.encoder.width();
        let mut dense = vec![0.0; self.matrix.len()];
        if width > 0 {
            let rows = self.matrix.chunks_exact(width);
            for (raw, out) in rows.zip(dense.chunks_exact_mut(width)) {
                self.encoder.densify(raw, out);
            }
        }
        dense
    }

    /// The features of a row of which only the inputs that `keep` accepts are known.
    pub(crate) fn masked(&self, row: usize, keep: impl Fn(usize) -> bool, out: &mut [f64]) {
        let slots = self.encoder.slots();
        let cells = self.cells.get(row * slots..(row + 1) * slots);
        let mut cells = cells.unwrap_or_default().to_vec();
        self.encoder.mask(&mut cells, keep);
        let fold = self.folds.get(row).copied().unwrap_or_default();
        let tables = self.by_fold.get(usize::from(fold));
        self.encoder
            .encode_with(tables.unwrap_or(&self.encoder.tables), &cells, out);
    }
}

/// Whether the values of a column beyond the known ones repeat the price, or are different in every row.
fn is_leak(name: &str, column: &Column, frame: &Frame, target: &[f64]) -> bool {
    if schema::known(name).is_some() {
        return false;
    }
    match column {
        Column::Number(values) => {
            let areas = match frame.column(schema::HOUSE_SIZE) {
                Some(Column::Number(areas)) => Some(areas.as_slice()),
                _ => None,
            };
            leak::repeats_price(values, target, None)
                || (areas.is_some() && leak::repeats_price(values, target, areas))
                || leak::numbers_rows(values)
        }
        Column::Category { codes, names } => {
            let name = |code: &u32| names.get(*code as usize).map(String::as_str);
            leak::names_rows(codes.iter().map(name))
        }
        Column::Date(_) => false,
    }
}

/// Fits an encoder on every row of `frame`, whose logarithms of the price are `target` and whose
/// folds of properties are `folds` (below [`FOLDS`]).
pub(crate) fn fit(frame: &Frame, target: &[f64], folds: &[u8], style: Style) -> Fitted {
    let mut encoder = Encoder {
        inputs: Vec::new(),
        slots: Vec::new(),
        features: Vec::new(),
        tables: Vec::new(),
        dense: Vec::new(),
    };
    for (name, column) in frame.columns() {
        if !schema::is_feature(name) || is_leak(name, column, frame, target) {
            continue;
        }
        if let Some((input, slot)) = describe(name, column) {
            encoder.inputs.push(input);
            encoder.slots.push(slot);
        }
    }
    add_prefix(&mut encoder);
    add_pair(&mut encoder, frame);

    let cells = settled_cells(&encoder, frame);
    let statistics = plan(&mut encoder, style, &cells);
    let fit = TargetFit {
        encoder: &encoder,
        cells: &cells,
        target,
        statistics: &statistics,
    };
    let tables = fit.tables(|_| true);
    let by_fold: Vec<_> = (0..FOLDS)
        .map(|fold| fit.tables(|row| folds.get(row) != Some(&fold)))
        .collect();
    encoder.tables = tables;

    let width = encoder.width();
    let slots = encoder.slots();
    let mut matrix = vec![0.0; frame.rows() * width];
    let encode_all = |encoder: &Encoder, matrix: &mut [f64]| {
        if width == 0 || slots == 0 {
            return;
        }
        for ((row, cells), out) in cells
            .chunks_exact(slots)
            .enumerate()
            .zip(matrix.chunks_exact_mut(width))
        {
            let fold = folds.get(row).copied().unwrap_or_default();
            let tables = by_fold.get(usize::from(fold)).unwrap_or(&encoder.tables);
            encoder.encode_with(tables, cells, out);
        }
    };
    encode_all(&encoder, &mut matrix);
    if style != Style::Trees {
        encoder.dense = standard(&matrix, width);
    }
    Fitted {
        encoder,
        matrix,
        cells,
        folds: folds.to_vec(),
        by_fold,
    }
}

/// Every row's settled cells, row-major.
fn settled_cells(encoder: &Encoder, frame: &Frame) -> Vec<Cell> {
    let slots = encoder.slots();
    let columns = encoder.cells(frame);
    let mut cells = vec![Cell::Missing; slots * frame.rows()];
    if slots > 0 {
        for (row, cells) in cells.chunks_exact_mut(slots).enumerate() {
            columns.fill(row, cells);
            encoder.settle(cells);
        }
    }
    cells
}

/// The input a column becomes, or `None` where it says nothing: constant, or empty.
fn describe(name: &str, column: &Column) -> Option<(Input, Slot)> {
    match column {
        // A zip code is a name, whatever type it arrived as.
        Column::Number(values) if name == ZIP => {
            let names: Vec<Option<String>> = values
                .iter()
                .map(|&value| name_of_number(name, value))
                .collect();
            describe(name, &Column::category(names.iter().map(Option::as_deref)))
        }
        Column::Number(_) => describe_numbers(name, InputKind::Number, &numbers_of(column)),
        Column::Date(_) => describe_numbers(name, InputKind::Date, &numbers_of(column)),
        Column::Category { codes, names } => describe_names(name, codes, names),
    }
}

fn describe_numbers(name: &str, kind: InputKind, values: &[f64]) -> Option<(Input, Slot)> {
    let mut known: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    known.sort_unstable_by(f64::total_cmp);
    let (low, high) = range(&known)?;
    // A constant that is sometimes missing says something by being missing.
    if low == high && known.len() == values.len() {
        return None;
    }
    let input = Input {
        name: name.to_owned(),
        kind,
        unit: unit_of(name, kind),
        min: Some(low),
        max: Some(high),
        median: known.get(known.len() / 2).copied(),
        most_frequent: Vec::new(),
        distinct: 0,
        missing: share(values.len() - known.len(), values.len()),
    };
    Some((input, Slot::Number { low, high }))
}

/// The range of ascending values within which a model uses numbers: all of them, but for values that lie twice as far
/// from the median as those of all but [`EXTREMES`] homes.
fn range(ascending: &[f64]) -> Option<(f64, f64)> {
    let (low, high) = (*ascending.first()?, *ascending.last()?);
    let median = *ascending.get(ascending.len() / 2)?;
    let skipped = (ascending.len() / ROWS_PER_EXTREME).min(EXTREMES);
    let usual_low = *ascending.get(skipped)?;
    let usual_high = *ascending.get(ascending.len() - 1 - skipped)?;
    let limits = (
        low.max(median - 2.0 * (median - usual_low)),
        high.min(median + 2.0 * (usual_high - median)),
    );
    // Where nearly all homes have the same number, the others say something.
    Some(if usual_low < usual_high {
        limits
    } else {
        (low, high)
    })
}

fn describe_names(name: &str, codes: &[u32], names: &[String]) -> Option<(Input, Slot)> {
    let mut counts = vec![0_usize; names.len()];
    for &code in codes {
        if let Some(count) = counts.get_mut(code as usize) {
            *count += 1;
        }
    }
    // Names that differ only by blanks around them are one.
    let mut by_name: Vec<(&str, usize)> = names
        .iter()
        .zip(&counts)
        .map(|(name, &count)| (name.trim(), count))
        .filter(|(name, count)| !name.is_empty() && *count > 0)
        .collect();
    by_name.sort_unstable();
    by_name.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    let known: usize = by_name.iter().map(|(_, count)| count).sum();
    let distinct = by_name.len();
    // A status that never differs says what all prices are.
    if distinct == 0 || (distinct == 1 && known == codes.len() && name != STATUS) {
        return None;
    }
    by_name.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let most_frequent = by_name
        .iter()
        .take(Input::MOST_FREQUENT)
        .map(|(name, _)| (*name).to_owned())
        .collect();
    // A name seen once or twice says little alone; where there are many, they are one kind.
    let least = if distinct > 2_000 { 3 } else { 1 };
    let mut kept: Vec<String> = by_name
        .iter()
        .take(MOST_NAMES)
        .filter(|(_, count)| *count >= least)
        .map(|(name, _)| (*name).to_owned())
        .collect();
    kept.sort_unstable();
    let input = Input {
        name: name.to_owned(),
        kind: InputKind::Category,
        unit: None,
        min: None,
        max: None,
        median: None,
        most_frequent,
        distinct: u32::try_from(distinct).unwrap_or(u32::MAX),
        missing: share(codes.len() - known, codes.len()),
    };
    Some((input, Slot::Names { names: kept }))
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// A zip code's first three digits are a region of the post.
fn add_prefix(encoder: &mut Encoder) {
    const LENGTH: u32 = 3;
    let Some(slot) = encoder.slot(ZIP) else {
        return;
    };
    if let Some(Slot::Names { names }) = encoder.slots.get(slot) {
        let mut prefixes: Vec<String> = names
            .iter()
            .map(|name| prefix(name, LENGTH).to_owned())
            .collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        encoder.slots.push(Slot::Prefix {
            of: slot as u32,
            length: LENGTH,
            names: prefixes,
        });
    }
}

/// Cities of one name lie in many states.
fn add_pair(encoder: &mut Encoder, frame: &Frame) {
    let (Some(city), Some(state)) = (encoder.slot("city"), encoder.slot("state")) else {
        return;
    };
    let columns = encoder.cells(frame);
    let mut cells = vec![Cell::Missing; encoder.slots()];
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    for row in 0..frame.rows() {
        columns.fill(row, &mut cells);
        if let (Some(Cell::Code(city)), Some(Cell::Code(state))) =
            (cells.get(city), cells.get(state))
            && *city < MISSING - 1
            && *state < MISSING - 1
        {
            pairs.push((*city, *state));
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    encoder.slots.push(Slot::Pair {
        first: city as u32,
        second: state as u32,
        pairs,
    });
}

/// Decides the features and says what their tables hold.
fn plan(encoder: &mut Encoder, style: Style, cells: &[Cell]) -> Vec<Statistic> {
    let mut features = Vec::new();
    let mut statistics = Vec::new();
    for (slot, input) in (0_u32..).zip(&encoder.inputs) {
        if input.kind == InputKind::Category {
            continue;
        }
        match style {
            Style::Trees => features.push(Feature::Number { slot }),
            Style::Dense | Style::Both => {
                features.push(match logarithm(cells, encoder.slots(), slot as usize) {
                    Some(plus) => Feature::Log { slot, plus },
                    None => Feature::Number { slot },
                });
                if input.missing > 0.0 {
                    features.push(Feature::Missing { slot });
                }
            }
        }
    }
    derived(encoder, style, &mut features);
    if style != Style::Trees {
        for (slot, input) in (0_u32..).zip(&encoder.inputs) {
            if let Some(Slot::Names { names }) = encoder.slots.get(slot as usize)
                && names.len() <= MOST_INDICATORS
            {
                features.extend((0..names.len() as u32).map(|code| Feature::Is { slot, code }));
                if input.missing > 0.0 {
                    features.push(Feature::Missing { slot });
                }
            }
        }
    }
    let size = encoder.slot("house_size").map(|slot| slot as u32);
    for slot in tabled(encoder, style) {
        let location = is_location(encoder, slot);
        let parent = |statistics: &[Statistic], same: fn(&Statistic) -> bool| {
            // A place falls back to the wider place before it; other names to the mean of all.
            location
                .then(|| {
                    statistics
                        .iter()
                        .rposition(|known| same(known) && is_location(encoder, known.slot()))
                })
                .flatten()
                .map(|table| table as u32)
        };
        let wider = parent(&statistics, |known| {
            matches!(known, Statistic::Price { .. })
        });
        statistics.push(Statistic::Price {
            slot,
            parent: wider,
        });
        features.push(Feature::Table {
            table: (statistics.len() - 1) as u32,
        });
        if let (true, Some(size)) = (location, size) {
            let wider = parent(&statistics, |known| {
                matches!(known, Statistic::PricePerSize { .. })
            });
            statistics.push(Statistic::PricePerSize {
                slot,
                size,
                parent: wider,
            });
            features.push(Feature::Table {
                table: (statistics.len() - 1) as u32,
            });
        }
        if names_of(encoder, slot) > MOST_INDICATORS {
            statistics.push(Statistic::Frequency { slot });
            features.push(Feature::Table {
                table: (statistics.len() - 1) as u32,
            });
        }
    }
    encoder.features = features;
    statistics
}

/// The slots that get tables, wider places before the places within them.
fn tabled(encoder: &Encoder, style: Style) -> Vec<u32> {
    let mut slots: Vec<u32> = (0_u32..)
        .zip(&encoder.slots)
        .filter(|(slot, known)| match known {
            Slot::Number { .. } => false,
            Slot::Names { names } => style == Style::Trees || names.len() > MOST_INDICATORS,
            Slot::Prefix { .. } => true,
            Slot::Pair { .. } => *slot > 0,
        })
        .map(|(slot, _)| slot)
        .collect();
    // The city alone says less than the city in its state, which has its own slot.
    if let Some(city) = encoder.slot("city")
        && encoder
            .slots
            .iter()
            .any(|slot| matches!(slot, Slot::Pair { .. }))
    {
        slots.retain(|slot| *slot as usize != city);
    }
    slots.sort_by_key(|&slot| {
        (
            usize::from(is_location(encoder, slot)),
            names_of(encoder, slot),
            slot,
        )
    });
    slots
}

fn names_of(encoder: &Encoder, slot: u32) -> usize {
    match encoder.slots.get(slot as usize) {
        Some(Slot::Names { names } | Slot::Prefix { names, .. }) => names.len(),
        Some(Slot::Pair { pairs, .. }) => pairs.len(),
        _ => 0,
    }
}

fn is_location(encoder: &Encoder, slot: u32) -> bool {
    match encoder.slots.get(slot as usize) {
        Some(Slot::Prefix { .. } | Slot::Pair { .. }) => true,
        _ => encoder.inputs.get(slot as usize).is_some_and(|input| {
            matches!(input.name.as_str(), "city" | "state" | "city_code" | ZIP)
        }),
    }
}

/// Features made of two inputs where both are there.
fn derived(encoder: &Encoder, style: Style, features: &mut Vec<Feature>) {
    let slot = |name: &str| {
        encoder
            .slot(name)
            .filter(|&slot| encoder.kind(slot) == InputKind::Number)
            .map(|slot| slot as u32)
    };
    if style != Style::Dense {
        for (over, under) in [
            ("house_size", "acre_lot"),
            ("house_size", "bed"),
            ("bath", "bed"),
        ] {
            if let (Some(over), Some(under)) = (slot(over), slot(under)) {
                features.push(Feature::Ratio { over, under });
            }
        }
        if let (Some(first), Some(second)) = (slot("bed"), slot("bath")) {
            features.push(Feature::Sum { first, second });
        }
        // Coordinates turned by 45 degrees: a coast that runs slantwise is one cut, not many.
        let pair = |a: &str, b: &str| Some((slot(a)?, slot(b)?));
        if let Some((first, second)) = pair("lat", "long").or_else(|| pair("latitude", "longitude"))
        {
            features.push(Feature::Sum { first, second });
            features.push(Feature::Difference { first, second });
        }
    }
}

/// `plus` of `ln(x + plus)` where an amount is skewed enough for it, by its third moment.
fn logarithm(cells: &[Cell], slots: usize, slot: usize) -> Option<f64> {
    if slots == 0 {
        return None;
    }
    let mut known: Vec<f64> = cells
        .chunks_exact(slots)
        .filter_map(|cells| match cells.get(slot) {
            Some(Cell::Number(value)) => Some(*value),
            _ => None,
        })
        .collect();
    known.sort_unstable_by(f64::total_cmp);
    let count = known.len() as f64;
    let low = *known.first()?;
    if low < 0.0 {
        return None;
    }
    let mean = known.iter().map(|value| value / count).sum::<f64>();
    let moment = |power: i32| {
        known
            .iter()
            .map(|value| (value - mean).powi(power) / count)
            .sum::<f64>()
    };
    let skewness = moment(3) / moment(2).powf(1.5);
    if skewness.is_nan() || skewness <= 1.0 {
        return None;
    }
    if low > 0.0 {
        return Some(0.0);
    }
    // With zeros the amount is shifted by a share of what is usual where it is not zero.
    let positive = known.partition_point(|value| *value <= 0.0);
    known
        .get(positive + (known.len() - positive) / 2)
        .map(|usual| usual * 0.1)
}

/// Medians, means and spreads of what was encoded, column by column.
fn standard(matrix: &[f64], width: usize) -> Vec<Dense> {
    (0..width)
        .map(|column| {
            let all = || matrix.iter().skip(column).step_by(width).copied();
            let mut known: Vec<f64> = all().filter(|value| value.is_finite()).collect();
            known.sort_unstable_by(f64::total_cmp);
            let fill = known.get(known.len() / 2).copied().unwrap_or(0.0);
            let filled = || all().map(|value| if value.is_finite() { value } else { fill });
            let count = (all().count().max(1)) as f64;
            let center = filled().map(|value| value / count).sum::<f64>();
            let variance = filled()
                .map(|value| (value - center).powi(2) / count)
                .sum::<f64>();
            let scale = variance.sqrt();
            if center.is_finite() && scale.is_finite() && scale > 1e-12 {
                Dense {
                    fill,
                    center,
                    scale,
                }
            } else {
                // Constant, or too large to square: the feature stays, at zero for training.
                Dense {
                    fill,
                    center: if center.is_finite() { center } else { 0.0 },
                    scale: f64::MAX,
                }
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
