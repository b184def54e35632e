//! Which index a search goes through, in which parts.

use std::cmp::Ordering;

use crate::language::{Comparison, Filter, Operand, Operator, OrderBy, Subject};
use tasador_registry::Values;

use super::position::Position;

/// How a search finds its runs.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plan {
    /// By start, the latest first.
    ByStart,
    /// By the latest value of a metric.
    ByMetric {
        metric: String,
        descending: bool,
        /// Values that the filter leaves.
        values: Values,
        /// Whether the filter leaves runs whose value is NaN.
        with_nan: bool,
        /// Whether it leaves runs without a value.
        with_missing: bool,
    },
    /// By reading all and sorting them.
    Sorted,
}

/// A part of an order that one index holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Phase {
    /// All runs, by start.
    All,
    /// Runs with a value of the metric, by value.
    Valued {
        metric: String,
        descending: bool,
        values: Values,
    },
    /// Runs without a value of the metric, by start.
    Missing { metric: String },
}

impl Plan {
    pub(super) fn of(order: &[OrderBy], filter: &Filter) -> Self {
        let latest_first = |order: &[OrderBy]| match order {
            [] => true,
            [one] => one.descending && one.subject == Subject::Attribute("start_time"),
            _ => false,
        };
        if latest_first(order) {
            return Self::ByStart;
        }
        match order {
            [
                OrderBy {
                    subject: Subject::Metric(metric),
                    descending,
                    ..
                },
                rest @ ..,
            ] if latest_first(rest) => {
                let of_it: Vec<&Comparison> = comparisons(filter, metric).collect();
                let bounded = of_it
                    .iter()
                    .any(|comparison| comparison.operator != Operator::NotEqual);
                Self::ByMetric {
                    metric: metric.clone(),
                    descending: *descending,
                    values: bounds(of_it.iter().copied()),
                    with_nan: !bounded,
                    with_missing: of_it.is_empty(),
                }
            }
            _ => Self::Sorted,
        }
    }

    /// The parts, one after the other.
    pub(super) fn phases(&self) -> Vec<Phase> {
        match self {
            Self::ByStart => vec![Phase::All],
            Self::ByMetric {
                metric,
                descending,
                values,
                with_nan,
                with_missing,
            } => {
                let valued = |values, descending| Phase::Valued {
                    metric: metric.clone(),
                    descending,
                    values,
                };
                let nan = with_nan.then(|| valued(Values::NAN, false));
                let missing = with_missing.then(|| Phase::Missing {
                    metric: metric.clone(),
                });
                [Some(valued(*values, *descending)), nan, missing]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Self::Sorted => Vec::new(),
        }
    }
}

impl Phase {
    /// Which of two places comes first.
    pub(super) fn compare(&self, a: &Position, b: &Position) -> Ordering {
        let by_value = match (self, a.value, b.value) {
            (Self::Valued { descending, .. }, Some(a), Some(b)) => {
                let rising = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
                if *descending {
                    rising.reverse()
                } else {
                    rising
                }
            }
            _ => Ordering::Equal,
        };
        by_value
            .then_with(|| b.start_ms.cmp(&a.start_ms))
            .then_with(|| a.run_id.cmp(&b.run_id))
    }
}

/// A metric that the filter bounds, with its bounds.
pub(super) fn narrowest(filter: &Filter) -> Option<(&str, Values)> {
    filter.all.iter().find_map(|comparison| {
        let Subject::Metric(metric) = &comparison.subject else {
            return None;
        };
        (comparison.operator != Operator::NotEqual)
            .then(|| (metric.as_str(), bounds(comparisons(filter, metric))))
    })
}

fn comparisons<'a>(filter: &'a Filter, metric: &'a str) -> impl Iterator<Item = &'a Comparison> {
    filter
        .all
        .iter()
        .filter(move |one| matches!(&one.subject, Subject::Metric(key) if key == metric))
}

/// The values that comparisons leave, ends included: what is equal to an end that they exclude is
/// sorted out later.
fn bounds<'a>(comparisons: impl Iterator<Item = &'a Comparison>) -> Values {
    comparisons.fold(Values::NUMBERS, |values, comparison| {
        let Operand::Number(limit) = comparison.operand else {
            return values;
        };
        let Values { low, high } = values;
        match comparison.operator {
            Operator::Equal => Values {
                low: low.max(limit),
                high: high.min(limit),
            },
            Operator::Less | Operator::AtMost => Values {
                low,
                high: high.min(limit),
            },
            Operator::Greater | Operator::AtLeast => Values {
                low: low.max(limit),
                high,
            },
            _ => values,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Entity, parse_order};

    fn plan(order: &[&str], filter: &str) -> Plan {
        let order: Vec<String> = order.iter().map(|key| (*key).to_owned()).collect();
        Plan::of(
            &parse_order(Entity::Run, &order).unwrap(),
            &Filter::parse(Entity::Run, filter).unwrap(),
        )
    }

    #[test]
    fn an_order_that_an_index_holds_is_walked() {
        for (order, expected) in [
            (vec![], Some(1)),
            (vec!["start_time DESC"], Some(1)),
            (vec!["metrics.m"], Some(3)),
            (
                vec!["metrics.m DESC", "attributes.start_time DESC"],
                Some(3),
            ),
            (vec!["start_time"], None),
            (vec!["params.p"], None),
            (vec!["metrics.m", "metrics.n"], None),
        ] {
            let plan = plan(&order, "");
            let phases = (plan != Plan::Sorted).then(|| plan.phases().len());
            assert_eq!(phases, expected, "{order:?}");
        }
    }

    #[test]
    fn a_filter_narrows_the_walk() {
        let narrowed = plan(
            &["metrics.m"],
            "metrics.m > 1 AND metrics.m <= 5 AND params.p = 'x'",
        );
        let phases = narrowed.phases();
        assert_eq!(
            phases,
            [Phase::Valued {
                metric: "m".to_owned(),
                descending: false,
                values: Values {
                    low: 1.0,
                    high: 5.0
                },
            }]
        );
        assert_eq!(plan(&["metrics.m"], "metrics.m != 1").phases().len(), 2);
        let filter = Filter::parse(Entity::Run, "tags.t = 'x' AND metrics.m = 3").unwrap();
        assert_eq!(narrowest(&filter), Some(("m", Values::only(3.0))));
        let filter = Filter::parse(Entity::Run, "metrics.m != 3").unwrap();
        assert_eq!(narrowest(&filter), None);
    }
}
