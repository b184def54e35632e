//! Filters: comparisons that must all hold.
//!
//! A subject that is absent satisfies no comparison: neither `params.a = 'x'` nor `params.a != 'x'`
//! holds for a run without `a`. Only `IS NULL` finds it.

use super::Invalid;
use super::grammar::{self, Clause};
use super::like::{ilike, like};
use super::terms::{Comparison, Entity, Facts, Operand, Operator, Subject};
use super::vocabulary::{Kind, subject};

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filter {
    /// The comparisons, as they were written.
    pub(crate) all: Vec<Comparison>,
}

impl Filter {
    pub(crate) fn parse(entity: Entity, text: &str) -> Result<Self, Invalid> {
        let clauses = grammar::parse_filter(text)?.into_iter();
        let all = clauses.map(|clause| comparison(entity, clause));
        Ok(Self {
            all: all.collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn holds(&self, facts: &dyn Facts) -> bool {
        self.all.iter().all(|comparison| comparison.holds(facts))
    }

    /// The text that an attribute must be equal to, if the filter says so.
    pub(crate) fn required(&self, attribute: &str) -> Option<&str> {
        self.all.iter().find_map(|comparison| match comparison {
            Comparison {
                subject: Subject::Attribute(name),
                operator: Operator::Equal,
                operand: Operand::Text(text),
            } if *name == attribute => Some(text.as_str()),
            _ => None,
        })
    }
}

impl Comparison {
    pub(crate) fn holds(&self, facts: &dyn Facts) -> bool {
        match (self.operator, &self.operand) {
            (operator, Operand::Number(limit)) => facts
                .number(&self.subject)
                .is_some_and(|number| compares(number, operator, *limit)),
            (Operator::IsNull, _) => facts.texts(&self.subject).is_empty(),
            (Operator::IsNotNull, _) => !facts.texts(&self.subject).is_empty(),
            (operator, operand) => facts
                .texts(&self.subject)
                .iter()
                .any(|text| matches(text, operator, operand)),
        }
    }
}

fn compares(number: f64, operator: Operator, limit: f64) -> bool {
    match operator {
        Operator::Equal => number == limit,
        Operator::NotEqual => number != limit,
        Operator::Less => number < limit,
        Operator::AtMost => number <= limit,
        Operator::Greater => number > limit,
        Operator::AtLeast => number >= limit,
        _ => false,
    }
}

fn matches(text: &str, operator: Operator, operand: &Operand) -> bool {
    match (operator, operand) {
        (Operator::Equal, Operand::Text(wanted)) => text == wanted,
        (Operator::NotEqual, Operand::Text(wanted)) => text != wanted,
        (Operator::Like, Operand::Text(pattern)) => like(text, pattern),
        (Operator::ILike, Operand::Text(pattern)) => ilike(text, pattern),
        (Operator::In, Operand::List(list)) => list.iter().any(|wanted| text == wanted),
        (Operator::NotIn, Operand::List(list)) => list.iter().all(|wanted| text != wanted),
        _ => false,
    }
}

fn comparison(entity: Entity, clause: Clause) -> Result<Comparison, Invalid> {
    use Operator as O;
    let Clause {
        name,
        operator,
        operand,
    } = clause;
    let (subject, kind) = subject(entity, &name)?;
    let key = name.key;
    let invalid = match (kind, operator, &operand) {
        (Kind::Number, O::Like | O::ILike | O::In | O::NotIn | O::IsNull | O::IsNotNull, _) => {
            Some(format!("Invalid comparator for the number '{key}'"))
        }
        (Kind::Number, _, Operand::Number(_)) => None,
        (Kind::Number, ..) => Some(format!("Expected numeric value type for '{key}'")),
        (_, O::Equal | O::NotEqual | O::Like | O::ILike, Operand::Text(_)) => None,
        (_, O::Equal | O::NotEqual | O::Like | O::ILike, _) => Some(format!(
            "Expected a quoted string value for '{key}' (e.g. 'my-value')"
        )),
        (Kind::Listed, O::In | O::NotIn, _) => None,
        (_, O::In | O::NotIn, _) => {
            Some(format!("'{key}' does not support comparison with a list"))
        }
        (_, O::IsNull | O::IsNotNull, _)
            if matches!(subject, Subject::Param(_) | Subject::Tag(_)) =>
        {
            None
        }
        _ => Some(format!("Invalid comparator for the text '{key}'")),
    };
    match invalid {
        Some(reason) => Err(Invalid::new(reason)),
        None => Ok(Comparison {
            subject,
            operator,
            operand,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::terms::Facts;
    use std::borrow::Cow;

    struct Thing;

    impl Facts for Thing {
        fn number(&self, subject: &Subject) -> Option<f64> {
            match subject {
                Subject::Metric(key) if key == "rmse" => Some(2.5),
                Subject::Metric(key) if key == "broken" => Some(f64::NAN),
                Subject::Attribute("start_time") => Some(100.0),
                _ => None,
            }
        }

        fn texts(&self, subject: &Subject) -> Vec<Cow<'_, str>> {
            match subject {
                Subject::Param(key) if key == "depth" => vec!["7".into()],
                Subject::Tag(key) if key == "by" => vec!["Ana".into()],
                Subject::Attribute("run_id") => vec!["abc".into()],
                Subject::Attribute("status") => vec!["FINISHED".into()],
                Subject::Dataset("name") => vec!["train".into(), "eval".into()],
                _ => Vec::new(),
            }
        }
    }

    fn holds(text: &str) -> bool {
        Filter::parse(Entity::Run, text).unwrap().holds(&Thing)
    }

    #[test]
    fn a_thing_answers_to_what_is_true_of_it() {
        for text in [
            "",
            "metrics.rmse < 3",
            "metric.rmse = 2.5 and params.depth = '7'",
            "metrics.rmse >= 2.5 AND metrics.rmse <= 2.5 AND metrics.rmse != 2",
            "metrics.broken != 1",
            "tags.by LIKE 'A%'",
            "tag.by ILIKE 'a_A'",
            "tags.none IS NULL",
            "params.depth IS NOT NULL",
            "attributes.run_id IN ('x', 'abc')",
            "run_id NOT IN ('x')",
            "attribute.status = 'FINISHED'",
            "created > 99",
            "datasets.name = 'eval'",
            "dataset.name IN ('eval', 'test')",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [
            "metrics.rmse > 2.5",
            "metrics.broken = 1",
            "metrics.broken < 1",
            "metrics.none != 1",
            "params.none != 'x'",
            "tags.by LIKE 'a%'",
            "run_id NOT IN ('abc')",
            "datasets.name = 'test'",
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for (entity, text) in [
            (Entity::Run, "metrics.rmse = 'x'"),
            (Entity::Run, "metrics.rmse LIKE '2'"),
            (Entity::Run, "params.depth = 7"),
            (Entity::Run, "params.depth > '7'"),
            (Entity::Run, "params.depth IN ('7')"),
            (Entity::Run, "tags.by = Ana"),
            (Entity::Run, "status IN ('FINISHED')"),
            (Entity::Run, "start_time = 'x'"),
            (Entity::Run, "nothing = 'x'"),
            (Entity::Run, "things.a = 'x'"),
            (Entity::Run, "dataset.size = 'x'"),
            (Entity::Model, "metrics.rmse < 1"),
            (Entity::Version, "dataset.name = 'x'"),
        ] {
            assert!(Filter::parse(entity, text).is_err(), "{text}");
        }
        for (entity, text) in [
            (
                Entity::Model,
                "name = 'a' AND tag.`mlflow.prompt.is_prompt` != 'true'",
            ),
            (
                Entity::Version,
                "name='a' and version_number > 3 and run_id IN ('b')",
            ),
            (Entity::Experiment, "name ILIKE '%a' AND creation_time > 5"),
            (
                Entity::LoggedModel,
                "model_id = 'm' AND metrics.x > 1 AND params.y = 'z'",
            ),
        ] {
            assert!(Filter::parse(entity, text).is_ok(), "{text}");
        }
    }

    #[test]
    fn an_equality_can_be_looked_up() {
        let filter = Filter::parse(Entity::Version, "run_id = 'r' AND name = 'm'").unwrap();
        assert_eq!(filter.required("name"), Some("m"));
        assert_eq!(filter.required("source_path"), None);
        let other = Filter::parse(Entity::Version, "name != 'm'").unwrap();
        assert_eq!(other.required("name"), None);
    }
}
