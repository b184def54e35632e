//! Exact contributions of features to a forest's prediction: path-dependent TreeSHAP (Lundberg et
//! al. 2018), computed leaf by leaf.
//!
//! A leaf's part in the Shapley values depends only on the distinct features of its path: for each,
//! whether the home satisfies its conditions, and the share `z` of the training weight that passed
//! them. The weighted sum over all subsets of those features is the integral over `t` from 0 to 1
//! of a product with one factor for each feature: `t + (1 - t) z` if the home satisfies it,
//! `(1 - t) z` if it does not. The product is a polynomial, so Gauss-Legendre quadrature with
//! half as many points as there are features is exact, without the unwinding of the published
//! algorithm and without its cost.

use super::{Forest, LEAF, Node};

/// All conditions of one feature on the path to one leaf, combined.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Condition {
    feature: u16,
    /// Whether a missing value satisfies it.
    missing: bool,
    /// Lower bound, included.
    from: f32,
    /// Upper bound, excluded.
    below: f32,
    /// The share of the training weight at its splits that satisfied it.
    share: f64,
}

impl Condition {
    fn holds(&self, value: f32) -> bool {
        (value.is_nan() & self.missing) | ((self.from <= value) & (value < self.below))
    }
}

/// A leaf with its conditions.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Leaf {
    value: f64,
    /// The end of its conditions; they start at the end of the previous leaf's.
    end: u32,
}

/// The paths of a forest, computed once and used for every explanation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Paths {
    leaves: Vec<Leaf>,
    conditions: Vec<Condition>,
    /// The mean prediction over the training weight.
    base: f64,
    width: usize,
}

impl Paths {
    pub(super) fn new(forest: &Forest) -> Self {
        let mut paths = Self {
            leaves: Vec::new(),
            conditions: Vec::new(),
            base: forest.base,
            width: forest.width(),
        };
        let mut way = Vec::new();
        for &root in &forest.roots {
            paths.walk(&forest.nodes, root as usize, 1.0, &mut way);
        }
        paths
    }

    /// Visits a tree of bounded depth; `reach` is the share of training weight that arrives here.
    fn walk(&mut self, nodes: &[Node], index: usize, reach: f64, way: &mut Vec<Condition>) {
        let Some(node) = nodes.get(index) else { return };
        if node.feature == LEAF {
            let value = f64::from(node.value);
            self.base += value * reach;
            let begin = self.conditions.len();
            for step in way.iter() {
                let same = self
                    .conditions
                    .get_mut(begin..)
                    .and_then(|known| known.iter_mut().find(|known| known.feature == step.feature));
                match same {
                    Some(known) => {
                        known.missing &= step.missing;
                        known.from = known.from.max(step.from);
                        known.below = known.below.min(step.below);
                        known.share *= step.share;
                    }
                    None => self.conditions.push(*step),
                }
            }
            self.leaves.push(Leaf {
                value,
                end: self.conditions.len() as u32,
            });
            return;
        }
        let cover = |index: usize| nodes.get(index).map_or(0.0, |node| f64::from(node.cover));
        let (left, right) = (index + 1, node.right as usize);
        let all = cover(left) + cover(right);
        // A split without training rows divides its weight evenly: every share must be known.
        let share = if all > 0.0 { cover(left) / all } else { 0.5 };
        let step = |missing, from, below, share| Condition {
            feature: node.feature,
            missing,
            from,
            below,
            share,
        };
        way.push(step(
            node.missing_left,
            f32::NEG_INFINITY,
            node.value,
            share,
        ));
        self.walk(nodes, left, reach * share, way);
        way.pop();
        way.push(step(
            !node.missing_left,
            node.value,
            f32::INFINITY,
            1.0 - share,
        ));
        self.walk(nodes, right, reach * (1.0 - share), way);
        way.pop();
    }

    /// The mean prediction and the contribution of each feature.
    pub(crate) fn contributions(&self, features: &[f32]) -> (f64, Vec<f64>) {
        let mut out = vec![0.0; self.width];
        for (value, conditions) in self.leaves() {
            let mut holding = 0;
            for (place, condition) in conditions.iter().enumerate() {
                let known = features.get(usize::from(condition.feature)).copied();
                let holds = condition.holds(known.unwrap_or(f32::NAN));
                holding |= u64::from(holds) << place;
            }
            leaf_part(value, conditions, holding, |condition, part| {
                if let Some(out) = out.get_mut(usize::from(condition.feature)) {
                    *out += part;
                }
            });
        }
        (self.base, out)
    }

    /// Adds the contributions of many homes to `out` and returns the mean prediction. Both `features`
    /// and `out` are columns of `rows` values, one after the other.
    ///
    /// The numbers are those of [`Self::contributions`] to the last bit, in a fraction of the time: a
    /// leaf's part depends only on which of its conditions hold, so it is calculated once for all homes
    /// that share them.
    pub(crate) fn contributions_of_all(
        &self,
        features: &[f32],
        rows: usize,
        out: &mut [f64],
    ) -> f64 {
        const NONE: u32 = u32::MAX;
        let mut holding: Vec<u64> = vec![0; rows];
        // Where the parts of a combination of conditions are, for leaves with few conditions.
        let mut places: Vec<u32> = Vec::new();
        let mut parts: Vec<f64> = Vec::new();
        for (value, conditions) in self.leaves() {
            let count = conditions.len();
            if count == 0 {
                continue;
            }
            holding.fill(0);
            for (place, condition) in conditions.iter().enumerate() {
                let begin = usize::from(condition.feature) * rows;
                let column = features.get(begin..begin + rows).unwrap_or_default();
                for (holding, known) in holding.iter_mut().zip(column) {
                    *holding |= u64::from(condition.holds(*known)) << place;
                }
            }
            let known = if count <= MOST_KNOWN { 1 << count } else { 0 };
            places.clear();
            places.resize(known, NONE);
            parts.clear();
            for holding in &mut holding {
                let place = places.get_mut(*holding as usize);
                if let Some(place) = place.as_deref().filter(|place| **place != NONE) {
                    *holding = u64::from(*place);
                    continue;
                }
                let begin = parts.len();
                parts.resize(begin + count, 0.0);
                if let Some(place) = place {
                    *place = begin as u32;
                }
                let own = parts.get_mut(begin..).unwrap_or_default();
                let mut own = own.iter_mut().rev();
                leaf_part(value, conditions, *holding, |_, part| {
                    if let Some(own) = own.next() {
                        *own = part;
                    }
                });
                *holding = begin as u64;
            }
            for (place, condition) in conditions.iter().enumerate() {
                let begin = usize::from(condition.feature) * rows;
                let column = out.get_mut(begin..begin + rows).unwrap_or_default();
                for (out, begin) in column.iter_mut().zip(&holding) {
                    *out += parts.get(*begin as usize + place).copied().unwrap_or(0.0);
                }
            }
        }
        self.base
    }

    /// The value and the conditions of each leaf.
    fn leaves(&self) -> impl Iterator<Item = (f64, &[Condition])> {
        let mut begin = 0;
        self.leaves.iter().map(move |leaf| {
            let end = leaf.end as usize;
            let conditions = self.conditions.get(begin..end).unwrap_or_default();
            begin = end;
            (leaf.value, conditions)
        })
    }
}

/// Leaves with more conditions have too many combinations to keep their parts.
const MOST_KNOWN: usize = 12;

/// One leaf's part in every contribution, from the last of its conditions to the first. The bits of
/// `holding` say which conditions hold.
fn leaf_part(
    value: f64,
    conditions: &[Condition],
    holding: u64,
    take: impl FnMut(&Condition, f64),
) {
    match conditions.len() {
        0 => {}
        1..=4 => integrate::<2, 4>(&RULE_2, value, conditions, holding, take),
        5..=8 => integrate::<4, 8>(&RULE_4, value, conditions, holding, take),
        9..=16 => integrate::<8, 16>(&RULE_8, value, conditions, holding, take),
        _ => integrate::<32, 64>(&RULE_32, value, conditions, holding, take),
    }
}

/// [`leaf_part`] by a quadrature of `N` points, for paths with at most `MOST` features, which is `2 N`.
fn integrate<const N: usize, const MOST: usize>(
    rule: &Rule<N>,
    value: f64,
    conditions: &[Condition],
    holding: u64,
    mut take: impl FnMut(&Condition, f64),
) {
    // For each condition its factor, and the product of the factors before it. There is no branch on
    // whether a condition is true: about half of them are, in an order that cannot be predicted.
    let mut steps = [([0.0; N], [0.0; N], 0.0); MOST];
    let mut product: [f64; N] = rule.weights.map(|weight| weight * value);
    for (place, (condition, (factor, before, gain))) in
        conditions.iter().zip(&mut steps).enumerate()
    {
        let holds = (holding >> place & 1) as f64;
        let share = condition.share;
        *gain = holds - share;
        *before = product;
        for ((factor, product), point) in factor.iter_mut().zip(&mut product).zip(&rule.points) {
            *factor = share + point * (holds - share);
            *product *= *factor;
        }
    }
    // Backwards, so that `after` is the product of the factors after each.
    let mut after = [1.0; N];
    for (condition, (factor, before, gain)) in conditions.iter().zip(&steps).rev() {
        let mut sum = 0.0;
        for ((after, before), factor) in after.iter_mut().zip(before).zip(factor) {
            sum += *after * before;
            *after *= factor;
        }
        take(condition, sum * gain);
    }
}

/// Gauss-Legendre points and weights on 0 to 1: exact for polynomials of degree `2 N - 1`.
struct Rule<const N: usize> {
    points: [f64; N],
    weights: [f64; N],
}

static RULE_2: Rule<2> = Rule::new();
static RULE_4: Rule<4> = Rule::new();
static RULE_8: Rule<8> = Rule::new();
static RULE_32: Rule<32> = Rule::new();

impl<const N: usize> Rule<N> {
    /// Newton's method on the Legendre polynomial, run by the compiler.
    #[allow(clippy::indexing_slicing)] // Evaluated at compile time: an index out of range does not compile.
    const fn new() -> Self {
        let mut points = [0.0; N];
        let mut weights = [0.0; N];
        let mut i = 0;
        while i < N {
            let mut x = cosine(std::f64::consts::PI * (i as f64 + 0.75) / (N as f64 + 0.5));
            let mut slope = 1.0;
            let mut round = 0;
            while round < 50 {
                let (mut p, mut earlier) = (1.0, 0.0);
                let mut n = 0;
                while n < N {
                    let k = n as f64;
                    let next = ((2.0 * k + 1.0) * x * p - k * earlier) / (k + 1.0);
                    earlier = p;
                    p = next;
                    n += 1;
                }
                slope = N as f64 * (x * p - earlier) / (x * x - 1.0);
                x -= p / slope;
                round += 1;
            }
            points[i] = (1.0 - x) / 2.0;
            weights[i] = 1.0 / ((1.0 - x * x) * slope * slope);
            i += 1;
        }
        Self { points, weights }
    }
}

/// The cosine by its series: precise enough to start Newton's method, and usable at compile time.
const fn cosine(x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (1.0, 1.0, 0.0);
    while n < 30.0 {
        n += 2.0;
        term *= -x * x / (n * (n - 1.0));
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forest::Stored;
    use proptest::prelude::*;

    #[test]
    fn the_quadrature_rules_are_exact() {
        fn check<const N: usize>(rule: &Rule<N>) {
            for degree in 0..2 * N {
                let sum: f64 = rule
                    .points
                    .iter()
                    .zip(&rule.weights)
                    .map(|(point, weight)| weight * point.powi(degree as i32))
                    .sum();
                assert!(
                    (sum * (degree as f64 + 1.0) - 1.0).abs() < 1e-12,
                    "{N} {degree} {sum}"
                );
            }
        }
        check(&RULE_2);
        check(&RULE_4);
        check(&RULE_8);
        check(&RULE_32);
    }

    /// The prediction if only the features of `known` are known: the others follow the weight.
    fn expectation(nodes: &[Node], index: usize, features: &[f32], known: u32) -> f64 {
        let node = nodes[index];
        if node.feature == LEAF {
            return f64::from(node.value);
        }
        let (left, right) = (index + 1, node.right as usize);
        if known & (1 << node.feature) != 0 {
            let value = features[usize::from(node.feature)];
            let is_left = if value.is_nan() {
                node.missing_left
            } else {
                value < node.value
            };
            return expectation(nodes, if is_left { left } else { right }, features, known);
        }
        let cover = |node: usize| f64::from(nodes[node].cover);
        let share = cover(left) / (cover(left) + cover(right));
        share * expectation(nodes, left, features, known)
            + (1.0 - share) * expectation(nodes, right, features, known)
    }

    /// Shapley values by definition: over all subsets.
    fn by_definition(forest: &Forest, features: &[f32]) -> Vec<f64> {
        let width = features.len();
        let value = |known: u32| -> f64 {
            forest
                .roots
                .iter()
                .map(|&root| expectation(&forest.nodes, root as usize, features, known))
                .sum()
        };
        let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
        let all = factorial(width as u32);
        (0..width)
            .map(|feature| {
                (0..1_u32 << width)
                    .filter(|known| known & (1 << feature) == 0)
                    .map(|known| {
                        let size = known.count_ones();
                        let weight = factorial(size) * factorial(width as u32 - size - 1) / all;
                        weight * (value(known | (1 << feature)) - value(known))
                    })
                    .sum()
            })
            .collect()
    }

    const WIDTH: u16 = 6;

    /// A tree in preorder from random numbers.
    fn grow(numbers: &mut impl Iterator<Item = u32>, depth: u32, out: &mut Vec<Stored>) {
        let number = numbers.next().unwrap_or(0);
        if depth == 0 || number.is_multiple_of(4) {
            out.push(Stored::Leaf {
                value: (number % 1_000) as f32 / 100.0,
                cover: (number % 50 + 1) as f32,
            });
        } else {
            out.push(Stored::Split {
                feature: (number / 8) as u16 % WIDTH,
                missing_left: number.is_multiple_of(2),
                threshold: (number % 97) as f32 / 10.0,
            });
            grow(numbers, depth - 1, out);
            grow(numbers, depth - 1, out);
        }
    }

    proptest! {
        #[test]
        fn contributions_are_the_shapley_values_of_the_definition(
            numbers in prop::collection::vec(any::<u32>(), 1..300),
            row in prop::array::uniform6(prop_oneof![4 => 0.0_f32..10.0, 1 => Just(f32::NAN)]),
        ) {
            let mut stored = Vec::new();
            let mut numbers = numbers.into_iter();
            for _ in 0..3 {
                grow(&mut numbers, 8, &mut stored);
            }
            let forest = Forest::new(0.25, u32::from(WIDTH), &stored).unwrap();
            let (base, contributions) = forest.contributions(&row);
            for (fast, slow) in contributions.iter().zip(by_definition(&forest, &row)) {
                prop_assert!((fast - slow).abs() < 1e-9, "{} is {}", fast, slow);
            }
            let sum = base + contributions.iter().sum::<f64>();
            prop_assert!((sum - forest.predict(&row)).abs() < 1e-9);
        }

        #[test]
        fn many_rows_get_the_contributions_of_each(
            numbers in prop::collection::vec(any::<u32>(), 1..300),
            rows in prop::collection::vec(
                prop::array::uniform6(prop_oneof![4 => 0.0_f32..10.0, 1 => Just(f32::NAN)]),
                0..20,
            ),
        ) {
            let mut stored = Vec::new();
            let mut numbers = numbers.into_iter();
            for _ in 0..3 {
                grow(&mut numbers, 14, &mut stored);
            }
            let forest = Forest::new(0.25, u32::from(WIDTH), &stored).unwrap();
            let columns: Vec<f32> = (0..usize::from(WIDTH))
                .flat_map(|feature| rows.iter().map(move |row| row[feature]))
                .collect();
            let mut out = vec![0.0; columns.len()];
            let base = forest.contributions_of_all(&columns, rows.len(), &mut out);
            for (place, row) in rows.iter().enumerate() {
                let (expected_base, expected) = forest.contributions(row);
                prop_assert_eq!(base, expected_base);
                for (feature, expected) in expected.iter().enumerate() {
                    prop_assert_eq!(out[feature * rows.len() + place], *expected);
                }
            }
        }
    }

    #[test]
    fn deep_paths_of_many_features_add_up() {
        // One path of 40 splits, each on a different feature.
        let mut stored = Vec::new();
        for feature in 0..40 {
            stored.push(Stored::Split {
                feature,
                missing_left: false,
                threshold: 1.0,
            });
            stored.push(Stored::Leaf {
                value: f32::from(feature),
                cover: 1.0 + f32::from(feature),
            });
        }
        stored.push(Stored::Leaf {
            value: -7.0,
            cover: 30.0,
        });
        let forest = Forest::new(0.0, 40, &stored).unwrap();
        for row in [[2.0; 40], [0.0; 40], [f32::NAN; 40]] {
            let (base, contributions) = forest.contributions(&row);
            let sum = base + contributions.iter().sum::<f64>();
            assert!((sum - forest.predict(&row)).abs() < 1e-9);
            let mut out = vec![0.0; 40];
            assert_eq!(forest.contributions_of_all(&row, 1, &mut out), base);
            assert_eq!(out, contributions);
        }
    }
}
