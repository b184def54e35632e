//! Orders: the keys that a list is sorted by.

use std::cmp::Ordering;

use super::terms::{Entity, Facts, Subject};
use super::vocabulary::{Kind, subject};
use super::{Invalid, grammar};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OrderBy {
    pub(crate) subject: Subject,
    pub(crate) is_number: bool,
    pub(crate) descending: bool,
}

/// Reads the keys of an order such as `["metrics.rmse DESC"]`, the most important first.
pub(crate) fn parse_order(entity: Entity, keys: &[String]) -> Result<Vec<OrderBy>, Invalid> {
    keys.iter().map(|key| parse_key(entity, key)).collect()
}

fn parse_key(entity: Entity, text: &str) -> Result<OrderBy, Invalid> {
    let (name, descending) = grammar::parse_order(text)?;
    let (subject, kind) = subject(entity, &name)?;
    if matches!(subject, Subject::Dataset(_)) {
        return Err(Invalid::new(format!(
            "Invalid order_by entity 'dataset' in '{text}'"
        )));
    }
    let is_sortable = match entity {
        Entity::Model | Entity::Version => !matches!(
            subject,
            Subject::Tag(_) | Subject::Attribute("run_id" | "source_path")
        ),
        _ => true,
    };
    if !is_sortable {
        return Err(Invalid::new(format!(
            "Invalid order by key '{text}' specified"
        )));
    }
    Ok(OrderBy {
        subject,
        is_number: kind == Kind::Number,
        descending,
    })
}

/// Which of two records comes first. A record without a value comes last in both directions, and NaN
/// just before it.
pub(crate) fn compare(order: &[OrderBy], a: &dyn Facts, b: &dyn Facts) -> Ordering {
    order.iter().fold(Ordering::Equal, |known, key| {
        known.then_with(|| {
            if key.is_number {
                numbers(
                    a.number(&key.subject),
                    b.number(&key.subject),
                    key.descending,
                )
            } else {
                let (a, b) = (a.texts(&key.subject), b.texts(&key.subject));
                known_first(a.first(), b.first(), key.descending, Ord::cmp)
            }
        })
    })
}

fn numbers(a: Option<f64>, b: Option<f64>, descending: bool) -> Ordering {
    let class = |number: Option<f64>| match number {
        Some(number) if !number.is_nan() => 0,
        Some(_) => 1,
        None => 2,
    };
    class(a).cmp(&class(b)).then_with(|| {
        known_first(a, b, descending, |a, b| {
            a.partial_cmp(b).unwrap_or(Ordering::Equal)
        })
    })
}

fn known_first<T>(
    a: Option<T>,
    b: Option<T>,
    descending: bool,
    compare: impl Fn(&T, &T) -> Ordering,
) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if descending => compare(&b, &a),
        (Some(a), Some(b)) => compare(&a, &b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    struct Thing(Option<f64>, Option<&'static str>);

    impl Facts for Thing {
        fn number(&self, _: &Subject) -> Option<f64> {
            self.0
        }
        fn texts(&self, _: &Subject) -> Vec<Cow<'_, str>> {
            self.1.map(Cow::from).into_iter().collect()
        }
    }

    fn order(keys: &[&str]) -> Vec<OrderBy> {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        parse_order(Entity::Run, &keys).unwrap()
    }

    #[test]
    fn keys_are_read_with_their_direction() {
        let metric = |key: &str| Subject::Metric(key.to_owned());
        for (text, subject, descending) in [
            ("metrics.rmse", metric("rmse"), false),
            ("metrics.rmse DESC", metric("rmse"), true),
            ("metrics.`a desc`  asc", metric("a desc"), false),
            (
                "attributes.start_time desc",
                Subject::Attribute("start_time"),
                true,
            ),
            ("Created", Subject::Attribute("start_time"), false),
            (
                "params.\"x y\" Desc",
                Subject::Param("x y".to_owned()),
                true,
            ),
        ] {
            let keys = order(&[text]);
            assert_eq!(
                (&keys[0].subject, keys[0].descending),
                (&subject, descending),
                "{text}"
            );
        }
        for text in [
            "",
            "metrics.a b c",
            "things.x",
            "dataset.name",
            "nothing DESC",
            "desc",
        ] {
            assert!(
                parse_order(Entity::Run, &[text.to_owned()]).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_absent_comes_last_in_both_directions() {
        for (key, expected) in [
            (
                "metrics.m",
                vec![Some(1.0), Some(2.0), Some(f64::NAN), None],
            ),
            (
                "metrics.m DESC",
                vec![Some(2.0), Some(1.0), Some(f64::NAN), None],
            ),
        ] {
            let order = order(&[key]);
            let mut things: Vec<Thing> = [None, Some(f64::NAN), Some(1.0), Some(2.0)]
                .map(|number| Thing(number, None))
                .into();
            things.sort_by(|a, b| compare(&order, a, b));
            let found: Vec<Option<f64>> = things.iter().map(|thing| thing.0).collect();
            assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{key}");
        }
        let by_text = order(&["params.p DESC"]);
        let (a, b, none) = (
            Thing(None, Some("a")),
            Thing(None, Some("b")),
            Thing(None, None),
        );
        assert_eq!(compare(&by_text, &b, &a), Ordering::Less);
        assert_eq!(compare(&by_text, &a, &none), Ordering::Less);
    }
}
