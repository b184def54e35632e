//! Comparable sales: for a home, the sales that a model itself finds similar.
//!
//! The distance of two homes is in logarithms of the price, what the model sees between them: of each
//! tree, its spread (the standard deviation of its leaves' values) where the homes end in different
//! leaves, a weighted form of the proximity of random forests (Breiman 2001); of a weighted sum, how far
//! its terms are apart. So homes are near each other if the model prices them for the same reasons.
//!
//! The sales are those that a model learned from. They are kept beside the model, in a separate file that is
//! read only when somebody asks for comparable sales.

use std::cmp::Reverse;
use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use tasador_listing::schema;

use crate::artifact::{self, ArtifactError};
use crate::encoder::{Cell, Encoder, Slot};
use crate::evidence::sold;
use crate::frame::{Column, Frame};
use crate::model::Model;
use crate::row::Row;
use crate::train::date_column;

/// What the first bytes of the file are.
const MAGIC: &[u8; 8] = b"TASACOMP";

/// The format version that is written and read.
const VERSION: u16 = 1;

/// The trees that are compared: those that tell homes apart most.
const MOST_TREES: usize = 128;

/// The terms of a weighted sum that are compared: those with the largest weights.
const MOST_TERMS: usize = 24;

/// The sales that are kept, the newest first: a file of some 60 MB.
const MOST_SALES: usize = 200_000;

/// Columns that say where a sale is, whether or not the model uses them.
const PLACE: [&str; 4] = [
    schema::STREET,
    schema::CITY,
    schema::STATE,
    schema::ZIP_CODE,
];

/// The sales that a model learned from, with what it takes to compare homes with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparables {
    trees: Vec<Tree>,
    terms: Vec<Term>,
    /// US dollars.
    prices: Vec<f64>,
    /// Days since 1970-01-01; NaN where it is not known.
    days: Vec<f64>,
    properties: Vec<u64>,
    columns: Vec<Kept>,
}

/// One tree, with the leaf of each sale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tree {
    index: u32,
    spread: f32,
    leaves: Vec<u16>,
}

/// One term of a weighted sum, with its value for each sale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Term {
    feature: u32,
    values: Vec<f32>,
}

/// A column of the sales.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    name: String,
    values: Values,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Values {
    Numbers(Vec<f64>),
    Dates(Vec<f64>),
    Names { codes: Vec<u32>, names: Vec<String> },
}

/// One value of a home.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Known<'c> {
    Number(f64),
    /// Days since 1970-01-01.
    Date(f64),
    Name(&'c str),
}

/// A value in which a sale differs from the home.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference<'c> {
    pub name: &'c str,
    pub home: Known<'c>,
    pub sale: Known<'c>,
}

/// A sale that the model finds similar to a home.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparable<'c> {
    /// In logarithms of the price; 0 if the model sees no difference.
    pub distance: f64,
    /// In the currency of the dataset.
    pub price: f64,
    /// Per unit of the house's area in the dataset.
    pub price_per_area: Option<f64>,
    /// Days since 1970-01-01.
    pub day: Option<f64>,
    /// Street, city, state and zip code, as far as they are known.
    pub place: Vec<(&'c str, Known<'c>)>,
    /// The inputs of the model that are known of both homes and differ.
    pub differences: Vec<Difference<'c>>,
}

impl Comparables {
    /// The sales among the homes that a model learned from; `None` if there is none.
    pub fn of(model: &Model, homes: &Frame) -> Option<Self> {
        let days = homes.numbers(schema::PREV_SOLD_DATE);
        let days = days.or_else(|| date_column(homes).map(|(_, days)| days));
        let day = |row: usize| days.and_then(|days| days.get(row)).copied();
        let prices = homes.prices()?;
        let is_priced = |row: &usize| {
            prices
                .get(*row)
                .is_some_and(|it| *it > 0.0 && it.is_finite())
        };
        let mut rows: Vec<usize> = sold(homes).into_iter().filter(is_priced).collect();
        if rows.len() > MOST_SALES {
            let age = |row: &usize| -day(*row).filter(|day| day.is_finite()).unwrap_or(f64::MIN);
            rows.sort_by(|a, b| age(a).total_cmp(&age(b)));
            rows.truncate(MOST_SALES);
            rows.sort_unstable();
        }
        if rows.is_empty() {
            return None;
        }
        let sales = homes.select(&rows);
        let is_kept = |name: &str| {
            PLACE.contains(&name)
                || name == schema::HOUSE_SIZE
                || model.inputs().iter().any(|input| input.name == name)
        };
        let columns = sales.columns().iter().filter(|(name, _)| is_kept(name));
        let mut kept = Self {
            trees: Vec::new(),
            terms: Vec::new(),
            prices: sales.prices()?.to_vec(),
            days: rows
                .iter()
                .map(|&row| day(row).unwrap_or(f64::NAN))
                .collect(),
            properties: sales.property_ids(),
            columns: columns
                .map(|(name, column)| Kept {
                    name: name.clone(),
                    values: match column.clone() {
                        Column::Number(numbers) => Values::Numbers(numbers),
                        Column::Date(days) => Values::Dates(days),
                        Column::Category { codes, names } => Values::Names { codes, names },
                    },
                })
                .collect(),
        };
        kept.trees = largest(model.regressor.spreads(), MOST_TREES)
            .map(|(index, spread)| Tree {
                index: index as u32,
                spread: spread as f32,
                leaves: Vec::with_capacity(rows.len()),
            })
            .collect();
        kept.terms = largest(model.regressor.weights().to_vec(), MOST_TERMS)
            .map(|(feature, _)| Term {
                feature: feature as u32,
                values: Vec::with_capacity(rows.len()),
            })
            .collect();
        let indexes: Vec<usize> = kept.trees.iter().map(|tree| tree.index as usize).collect();
        model.each_features(&sales, |features, narrow| {
            if let Some((forest, features)) = model.regressor.forest(features, narrow) {
                let leaves = forest.leaves(indexes.iter().copied(), features);
                for (tree, leaf) in kept.trees.iter_mut().zip(leaves) {
                    tree.leaves.push(leaf);
                }
            }
            for term in &mut kept.terms {
                let feature = term.feature as usize;
                let weight = model.regressor.weights().get(feature);
                let value = features.dense.get(feature).zip(weight);
                term.values
                    .push(value.map_or(0.0, |(value, weight)| (value * weight) as f32));
            }
        });
        Some(kept)
    }

    /// How many sales there are.
    pub fn len(&self) -> usize {
        self.prices.len()
    }

    pub fn is_empty(&self) -> bool {
        self.prices.is_empty()
    }

    /// The sales nearest to a home, nearest first: at most `count`, one of each property. `model` is the
    /// model whose sales these are. Sales of the property `without` are left out.
    pub fn nearest<'c>(
        &'c self,
        model: &'c Model,
        home: &Row<'_>,
        count: usize,
        without: Option<u64>,
    ) -> Vec<Comparable<'c>> {
        let distances = self.distances(model, home);
        let mut order: Vec<usize> = (0..self.len()).collect();
        let key = |sale: &usize| {
            let distance = distances.get(*sale).copied().unwrap_or(f32::MAX);
            let day = self.days.get(*sale).copied().unwrap_or(f64::NAN);
            // Of equally near sales the newest.
            (distance, -if day.is_nan() { f64::MIN } else { day })
        };
        let compare = |a: &usize, b: &usize| {
            let ((near, old), (other_near, other_old)) = (key(a), key(b));
            near.total_cmp(&other_near)
                .then(old.total_cmp(&other_old))
                .then(a.cmp(b))
        };
        // Enough for properties that were sold several times.
        let some = (count * 8 + 64).min(order.len());
        if some < order.len() {
            order.select_nth_unstable_by(some, compare);
            order.truncate(some);
        }
        order.sort_unstable_by(compare);
        let mut seen: HashSet<u64> = without.into_iter().collect();
        order
            .into_iter()
            .filter(|sale| {
                self.properties
                    .get(*sale)
                    .is_some_and(|it| seen.insert(*it))
            })
            .take(count)
            .map(|sale| {
                let distance = distances.get(sale).copied().unwrap_or(f32::MAX);
                self.comparable(model, home, sale, f64::from(distance))
            })
            .collect()
    }

    fn distances(&self, model: &Model, home: &Row<'_>) -> Vec<f32> {
        let mut distances = vec![0.0_f32; self.len()];
        model.row_features(home, |features, narrow| {
            for term in &self.terms {
                let feature = term.feature as usize;
                let weight = model.regressor.weights().get(feature).copied();
                let own = features.dense.get(feature).copied().unwrap_or(0.0);
                let own = (own * weight.unwrap_or(0.0)) as f32;
                for (distance, value) in distances.iter_mut().zip(&term.values) {
                    *distance += (own - value).abs();
                }
            }
            let Some((forest, features)) = model.regressor.forest(features, narrow) else {
                return;
            };
            let indexes = self.trees.iter().map(|tree| tree.index as usize);
            for (tree, leaf) in self.trees.iter().zip(forest.leaves(indexes, features)) {
                for (distance, other) in distances.iter_mut().zip(&tree.leaves) {
                    *distance += if leaf == *other { 0.0 } else { tree.spread };
                }
            }
        });
        distances
    }

    fn comparable<'c>(
        &'c self,
        model: &'c Model,
        home: &Row<'_>,
        sale: usize,
        distance: f64,
    ) -> Comparable<'c> {
        let value = |name: &str| {
            let column = self.columns.iter().find(|column| column.name == name)?;
            column.values.at(sale)
        };
        let price = self.prices.get(sale).copied().unwrap_or(f64::NAN);
        let size = match value(schema::HOUSE_SIZE) {
            Some(Known::Number(size)) if size > 0.0 => Some(size),
            _ => None,
        };
        let inputs = model.inputs().iter().zip(home.cells()).enumerate();
        Comparable {
            distance,
            price,
            price_per_area: size.map(|size| price / size),
            day: self.days.get(sale).copied().filter(|day| day.is_finite()),
            place: PLACE
                .iter()
                .filter_map(|name| Some((*name, value(name)?)))
                .collect(),
            differences: inputs
                .filter_map(|(slot, (input, cell))| {
                    let sale = value(&input.name)?;
                    let home = own(model.encoder(), slot, *cell, &sale)?;
                    (home != sale).then_some(Difference {
                        name: &input.name,
                        home,
                        sale,
                    })
                })
                .collect(),
        }
    }

    /// The bytes of the file; equal sales have equal bytes.
    ///
    /// # Errors
    /// [`ArtifactError::Encode`] and [`ArtifactError::TooLarge`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, ArtifactError> {
        artifact::seal(MAGIC, VERSION, self)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`ArtifactError`] for anything but what [`Comparables::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let (_, body) = artifact::open(MAGIC, VERSION, bytes)?;
        let body_error = |reason| ArtifactError::Body { reason };
        let (sales, rest): (Self, &[u8]) =
            postcard::take_from_bytes(body).map_err(|_| body_error("it does not decode"))?;
        if !rest.is_empty() {
            return Err(body_error("something follows the sales"));
        }
        if !sales.is_sound() {
            return Err(body_error("its parts do not fit together"));
        }
        Ok(sales)
    }

    fn is_sound(&self) -> bool {
        let rows = self.prices.len();
        self.days.len() == rows
            && self.properties.len() == rows
            && self.prices.iter().all(|price| price.is_finite())
            && self
                .trees
                .iter()
                .all(|tree| tree.leaves.len() == rows && tree.spread.is_finite())
            && self.terms.iter().all(|term| term.values.len() == rows)
            && self
                .columns
                .iter()
                .all(|column| column.values.len() == rows)
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(values) | Self::Dates(values) => values.len(),
            Self::Names { codes, .. } => codes.len(),
        }
    }

    fn at(&self, row: usize) -> Option<Known<'_>> {
        let finite = |values: &[f64]| values.get(row).copied().filter(|value| value.is_finite());
        match self {
            Self::Numbers(values) => finite(values).map(Known::Number),
            Self::Dates(days) => finite(days).map(Known::Date),
            Self::Names { codes, names } => {
                let name = names.get(*codes.get(row)? as usize)?;
                Some(Known::Name(name))
            }
        }
    }
}

/// A value of the home, of the kind that the sale has.
fn own<'c>(encoder: &'c Encoder, slot: usize, cell: Cell, sale: &Known<'_>) -> Option<Known<'c>> {
    match (cell, sale) {
        (Cell::Number(number), Known::Number(_)) => Some(Known::Number(number)),
        (Cell::Number(number), Known::Date(_)) => Some(Known::Date(number)),
        (Cell::Code(code), Known::Name(_)) => match encoder.slots.get(slot)? {
            Slot::Names { names } => names.get(code as usize).map(|name| Known::Name(name)),
            _ => None,
        },
        _ => None,
    }
}

/// The largest values with their places, in the order of their places.
fn largest(values: Vec<f64>, count: usize) -> impl Iterator<Item = (usize, f64)> {
    let mut placed: Vec<(usize, f64)> = values.into_iter().enumerate().collect();
    placed.retain(|(_, value)| *value != 0.0 && value.is_finite());
    placed.sort_by_key(|(place, value)| (Reverse(value.abs().to_bits()), *place));
    placed.truncate(count);
    placed.sort_unstable_by_key(|(place, _)| *place);
    placed.into_iter()
}
