//! Tables of a name's usual price: target encoding with smoothing towards a wider place.
//!
//! The mean of a name with few rows is pulled towards that of its parent by as many rows as the
//! spread within names outweighs the spread between them (empirical Bayes; Micci-Barreca 2001).

use crate::encoder::{Cell, Encoder, Slot, Table, UNSEEN, Unseen, lookup};

/// The least and the most rows a parent's mean can weigh.
const SMOOTHING: (f64, f64) = (2.0, 50.0);

/// What a table holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Statistic {
    /// The mean logarithm of the price.
    Price { slot: u32, parent: Option<u32> },
    /// The mean logarithm of the price per unit of size.
    PricePerSize {
        slot: u32,
        size: u32,
        parent: Option<u32>,
    },
    /// `ln(1 + rows)`.
    Frequency { slot: u32 },
}

impl Statistic {
    pub(crate) fn slot(&self) -> u32 {
        match *self {
            Self::Price { slot, .. }
            | Self::PricePerSize { slot, .. }
            | Self::Frequency { slot } => slot,
        }
    }
}

/// What tables are fitted on.
pub(crate) struct TargetFit<'a> {
    pub(crate) encoder: &'a Encoder,
    /// Settled, row-major.
    pub(crate) cells: &'a [Cell],
    pub(crate) target: &'a [f64],
    pub(crate) statistics: &'a [Statistic],
}

impl TargetFit<'_> {
    /// The tables as the rows that `take` accepts make them.
    pub(crate) fn tables(&self, take: impl Fn(usize) -> bool) -> Vec<Table> {
        let mut tables: Vec<Table> = Vec::with_capacity(self.statistics.len());
        for statistic in self.statistics {
            let table = match *statistic {
                // Frequencies know no price, so every fold sees the same.
                Statistic::Frequency { slot } => self.frequencies(slot),
                Statistic::Price { slot, parent } => self.means(slot, None, parent, &tables, &take),
                Statistic::PricePerSize { slot, size, parent } => {
                    self.means(slot, Some(size), parent, &tables, &take)
                }
            };
            tables.push(table);
        }
        tables
    }

    fn rows(&self) -> impl Iterator<Item = (usize, &[Cell], f64)> {
        self.cells
            .chunks_exact(self.encoder.slots().max(1))
            .enumerate()
            .zip(self.target)
            .map(|((row, cells), target)| (row, cells, *target))
    }

    fn frequencies(&self, slot: u32) -> Table {
        let mut counts = vec![0.0_f64; names(self.encoder, slot)];
        let mut missing = 0.0_f64;
        for (_, cells, _) in self.rows() {
            match cells.get(slot as usize) {
                Some(Cell::Code(code)) => {
                    if let Some(count) = counts.get_mut(*code as usize) {
                        *count += 1.0;
                    }
                }
                _ => missing += 1.0,
            }
        }
        Table {
            slot,
            values: counts.iter().map(|count| count.ln_1p() as f32).collect(),
            missing: missing.ln_1p() as f32,
            unseen: Unseen::Value(0.0),
        }
    }

    fn means(
        &self,
        slot: u32,
        size: Option<u32>,
        parent: Option<u32>,
        tables: &[Table],
        take: &impl Fn(usize) -> bool,
    ) -> Table {
        let mut groups = vec![Group::default(); names(self.encoder, slot)];
        let (mut all, mut missing, mut unseen) =
            (Group::default(), Group::default(), Group::default());
        for (row, cells, target) in self.rows() {
            if !take(row) {
                continue;
            }
            let value = match size.map(|size| cells.get(size as usize)) {
                None => target,
                Some(Some(Cell::Number(size))) if *size > 0.0 => target - size.ln(),
                Some(_) => continue,
            };
            let wider = parent.map(|parent| f64::from(lookup(tables, parent, cells)));
            all.add(value, wider);
            let group = match cells.get(slot as usize) {
                Some(Cell::Code(UNSEEN)) => &mut unseen,
                Some(Cell::Code(code)) => match groups.get_mut(*code as usize) {
                    Some(group) => group,
                    None => continue,
                },
                _ => &mut missing,
            };
            group.add(value, wider);
        }
        let weight = smoothing(&groups);
        let overall = all.mean().unwrap_or(0.0);
        let settle = |group: &Group| -> f32 {
            let prior = group.wider_mean().unwrap_or(overall);
            (group.sum + weight * prior).max(f64::from(f32::MIN)) as f32
                / (group.count + weight) as f32
        };
        Table {
            slot,
            values: groups.iter().map(settle).collect(),
            missing: settle(&missing),
            unseen: parent.map_or_else(|| Unseen::Value(settle(&unseen)), Unseen::Table),
        }
    }
}

fn names(encoder: &Encoder, slot: u32) -> usize {
    match encoder.slots.get(slot as usize) {
        Some(Slot::Names { names } | Slot::Prefix { names, .. }) => names.len(),
        Some(Slot::Pair { pairs, .. }) => pairs.len(),
        _ => 0,
    }
}

/// The rows of one name.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    count: f64,
    sum: f64,
    squares: f64,
    wider: f64,
    wider_known: f64,
}

impl Group {
    fn add(&mut self, value: f64, wider: Option<f64>) {
        self.count += 1.0;
        self.sum += value;
        self.squares += value * value;
        if let Some(wider) = wider {
            self.wider += wider;
            self.wider_known += 1.0;
        }
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }

    fn wider_mean(&self) -> Option<f64> {
        (self.wider_known > 0.0).then(|| self.wider / self.wider_known)
    }
}

/// How many rows the wider place's mean weighs: the variance within names over that between them.
fn smoothing(groups: &[Group]) -> f64 {
    let (mut within, mut freedom) = (0.0, 0.0);
    let (mut between, mut count, mut total) = (0.0, 0.0, 0.0);
    for group in groups.iter().filter(|group| group.count >= 2.0) {
        within += (group.squares - group.sum * group.sum / group.count).max(0.0);
        freedom += group.count - 1.0;
        let mean = group.sum / group.count;
        between += mean * mean;
        total += mean;
        count += 1.0;
    }
    if freedom < 1.0 || count < 2.0 {
        return SMOOTHING.1;
    }
    let within = within / freedom;
    let between = (between - total * total / count).max(0.0) / (count - 1.0);
    let weight = within / between;
    if weight.is_nan() {
        SMOOTHING.1
    } else {
        weight.clamp(SMOOTHING.0, SMOOTHING.1)
    }
}
