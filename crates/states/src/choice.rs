//! Choice rules: comparisons of the value at a path, and their combinations.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::{Fault, name};
use crate::path::{Path, Scope};

#[derive(Debug, Clone)]
pub(crate) enum Rule {
    And(Vec<Rule>),
    Or(Vec<Rule>),
    Not(Box<Rule>),
    Test { variable: Path, test: Test },
}

/// The comparison with a variable.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Compare {
        kind: Kind,
        order: Order,
        with: Operand,
    },
    Matches(String),
    Is {
        what: Trait,
        wanted: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Numeric,
    Boolean,
    Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Literal(Value),
    Path(Path),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trait {
    Present,
    Null,
    Of(Kind),
}

impl Rule {
    /// Removes the fields of a rule from `fields`; the rest does not belong to it.
    pub(crate) fn parse(fields: &mut Map<String, Value>) -> Result<Self, String> {
        for (field, combine) in [
            ("And", Self::And as fn(Vec<Self>) -> Self),
            ("Or", Self::Or),
        ] {
            if let Some(rules) = fields.shift_remove(field) {
                let Value::Array(rules) = rules else {
                    return Err(format!("{field} must be a list of rules"));
                };
                if rules.is_empty() {
                    return Err(format!("{field} must have a rule"));
                }
                return rules
                    .into_iter()
                    .map(Self::nested)
                    .collect::<Result<_, _>>()
                    .map(combine);
            }
        }
        if let Some(rule) = fields.shift_remove("Not") {
            return Ok(Self::Not(Box::new(Self::nested(rule)?)));
        }
        let Some(Value::String(variable)) = fields.shift_remove("Variable") else {
            return Err("a rule needs And, Or, Not or Variable".to_owned());
        };
        let variable = Path::parse(&variable)?;
        let known: Vec<String> = fields
            .keys()
            .filter(|field| Test::is_one(field))
            .cloned()
            .collect();
        let [operator] = known.as_slice() else {
            return Err(format!(
                "a rule needs exactly one supported comparison, this one has {}: {:?}",
                known.len(),
                fields.keys().collect::<Vec<_>>()
            ));
        };
        let operand = fields.shift_remove(operator).unwrap_or_default();
        Ok(Self::Test {
            variable,
            test: Test::parse(operator, operand)?,
        })
    }

    fn nested(value: Value) -> Result<Self, String> {
        let Value::Object(mut fields) = value else {
            return Err("a rule must be an object".to_owned());
        };
        let rule = Self::parse(&mut fields)?;
        match fields.keys().next() {
            None => Ok(rule),
            Some(field) => Err(format!("`{field}` is not a field of a nested rule")),
        }
    }

    pub(crate) fn holds(&self, scope: Scope<'_>) -> Result<bool, Fault> {
        match self {
            Self::And(rules) => {
                for rule in rules {
                    if !rule.holds(scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(rules) => {
                for rule in rules {
                    if rule.holds(scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(rule) => Ok(!rule.holds(scope)?),
            Self::Test {
                variable,
                test:
                    Test::Is {
                        what: Trait::Present,
                        wanted,
                    },
            } => Ok(variable.find(scope).is_some() == *wanted),
            Self::Test { variable, test } => test.passes(
                &variable.get(scope).map_err(|fault| {
                    // Step Functions has a separate message for a Choice.
                    Fault::new(
                        name::RUNTIME,
                        format!(
                            "Invalid path of a Choice rule: {}",
                            fault.cause.unwrap_or_default()
                        ),
                    )
                })?,
                scope,
            ),
        }
    }
}

const KINDS: [(&str, Kind); 4] = [
    ("String", Kind::String),
    ("Numeric", Kind::Numeric),
    ("Boolean", Kind::Boolean),
    ("Timestamp", Kind::Timestamp),
];

const ORDERS: [(&str, Order); 5] = [
    ("Equals", Order::Equals),
    ("LessThan", Order::LessThan),
    ("LessThanEquals", Order::LessThanEquals),
    ("GreaterThan", Order::GreaterThan),
    ("GreaterThanEquals", Order::GreaterThanEquals),
];

const TRAITS: [(&str, Trait); 6] = [
    ("IsPresent", Trait::Present),
    ("IsNull", Trait::Null),
    ("IsString", Trait::Of(Kind::String)),
    ("IsNumeric", Trait::Of(Kind::Numeric)),
    ("IsBoolean", Trait::Of(Kind::Boolean)),
    ("IsTimestamp", Trait::Of(Kind::Timestamp)),
];

/// The parts of `NumericLessThanPath`; `None` if it is not a comparison.
fn comparison(operator: &str) -> Option<(Kind, Order, bool)> {
    let (kind, rest) = KINDS
        .iter()
        .find_map(|(name, kind)| Some((*kind, operator.strip_prefix(name)?)))?;
    let (rest, by_path) = match rest.strip_suffix("Path") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let (_, order) = ORDERS.iter().find(|(name, _)| *name == rest)?;
    let ordered = kind != Kind::Boolean || *order == Order::Equals;
    ordered.then_some((kind, *order, by_path))
}

impl Test {
    fn is_one(operator: &str) -> bool {
        operator == "StringMatches"
            || TRAITS.iter().any(|(name, _)| *name == operator)
            || comparison(operator).is_some()
    }

    fn parse(operator: &str, operand: Value) -> Result<Self, String> {
        if let Some((_, what)) = TRAITS.iter().find(|(name, _)| *name == operator) {
            let wanted = operand
                .as_bool()
                .ok_or_else(|| format!("{operator} must be true or false"))?;
            return Ok(Self::Is {
                what: *what,
                wanted,
            });
        }
        let text = || {
            operand
                .as_str()
                .ok_or_else(|| format!("{operator} must be text"))
        };
        let Some((kind, order, by_path)) = comparison(operator) else {
            return Ok(Self::Matches(text()?.to_owned()));
        };
        let with = if by_path {
            Operand::Path(Path::parse(text()?)?)
        } else if kind.has(&operand) {
            Operand::Literal(operand)
        } else {
            return Err(format!("{operator} cannot compare with {operand}"));
        };
        Ok(Self::Compare { kind, order, with })
    }

    fn passes(&self, value: &Value, scope: Scope<'_>) -> Result<bool, Fault> {
        match self {
            Self::Is {
                what: Trait::Present,
                wanted,
            } => Ok(*wanted),
            Self::Is {
                what: Trait::Null,
                wanted,
            } => Ok(value.is_null() == *wanted),
            Self::Is {
                what: Trait::Of(kind),
                wanted,
            } => Ok(kind.has(value) == *wanted),
            Self::Matches(pattern) => Ok(value.as_str().is_some_and(|text| matches(pattern, text))),
            Self::Compare { kind, order, with } => {
                let other = match with {
                    Operand::Literal(value) => value.clone(),
                    Operand::Path(path) => path.get(scope)?,
                };
                Ok(kind
                    .compare(value, &other)
                    .is_some_and(|found| order.allows(found)))
            }
        }
    }
}

impl Order {
    fn allows(self, found: std::cmp::Ordering) -> bool {
        match self {
            Self::Equals => found.is_eq(),
            Self::LessThan => found.is_lt(),
            Self::LessThanEquals => found.is_le(),
            Self::GreaterThan => found.is_gt(),
            Self::GreaterThanEquals => found.is_ge(),
        }
    }
}

impl Kind {
    fn has(self, value: &Value) -> bool {
        self.compare(value, value).is_some()
    }

    /// `None` if one of them has another type: then no comparison is true.
    fn compare(self, left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
        match self {
            Self::String => Some(left.as_str()?.cmp(right.as_str()?)),
            Self::Numeric => left.as_f64()?.partial_cmp(&right.as_f64()?),
            Self::Boolean => Some(left.as_bool()?.cmp(&right.as_bool()?)),
            Self::Timestamp => Some(timestamp(left)?.cmp(&timestamp(right)?)),
        }
    }
}

fn timestamp(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// Whether `text` matches a pattern in which `*` matches anything and `\*` an asterisk.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = vec![String::new()];
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        let kept = match character {
            '*' => {
                pieces.push(String::new());
                continue;
            }
            '\\' => characters.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(piece) = pieces.last_mut() {
            piece.push(kept);
        }
    }
    let (Some(last), Some(first)) = (pieces.pop(), (!pieces.is_empty()).then(|| pieces.remove(0)))
    else {
        // Without a star there is one piece, which was just removed.
        return unstarred(pattern) == text;
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    for piece in &pieces {
        match rest.find(piece.as_str()) {
            Some(at) => rest = rest.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}

/// Part of a pattern without stars, with its escapes resolved.
fn unstarred(pattern: &str) -> String {
    let mut text = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        text.push(if character == '\\' {
            characters.next().unwrap_or('\\')
        } else {
            character
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn holds(rule: Value, document: &Value) -> Result<bool, String> {
        let rule = Rule::nested(rule)?;
        rule.holds(Scope {
            document,
            context: &Value::Null,
        })
        .map_err(|fault| fault.name().to_owned())
    }

    #[test]
    fn rules_are_true_or_false() {
        let document = json!({"s": "beta", "n": 5, "b": true, "t": "2026-01-02T00:00:00Z", "null": null, "other": 6});
        let table = [
            (json!({"Variable": "$.s", "StringEquals": "beta"}), true),
            (json!({"Variable": "$.s", "StringLessThan": "gamma"}), true),
            (
                json!({"Variable": "$.s", "StringGreaterThanEquals": "gamma"}),
                false,
            ),
            (json!({"Variable": "$.s", "StringMatches": "b*a"}), true),
            (json!({"Variable": "$.n", "StringEquals": "5"}), false),
            (json!({"Variable": "$.n", "NumericEquals": 5.0}), true),
            (
                json!({"Variable": "$.n", "NumericLessThanPath": "$.other"}),
                true,
            ),
            (json!({"Variable": "$.n", "NumericGreaterThan": 5}), false),
            (json!({"Variable": "$.b", "BooleanEquals": true}), true),
            (json!({"Variable": "$.b", "BooleanEqualsPath": "$.b"}), true),
            (
                json!({"Variable": "$.t", "TimestampLessThan": "2026-01-02T01:00:00+00:30"}),
                true,
            ),
            (
                json!({"Variable": "$.t", "TimestampGreaterThanEquals": "2026-01-02T00:00:00Z"}),
                true,
            ),
            (json!({"Variable": "$.none", "IsPresent": false}), true),
            (json!({"Variable": "$.null", "IsPresent": true}), true),
            (json!({"Variable": "$.null", "IsNull": true}), true),
            (json!({"Variable": "$.t", "IsTimestamp": true}), true),
            (json!({"Variable": "$.s", "IsTimestamp": true}), false),
            (json!({"Variable": "$.n", "IsNumeric": true}), true),
            (json!({"Variable": "$.n", "IsString": false}), true),
            (
                json!({"And": [{"Variable": "$.b", "IsBoolean": true}, {"Variable": "$.n", "NumericEquals": 5}]}),
                true,
            ),
            (
                json!({"Or": [{"Variable": "$.n", "NumericEquals": 4}, {"Not": {"Variable": "$.n", "NumericEquals": 4}}]}),
                true,
            ),
        ];
        for (rule, expected) in table {
            assert_eq!(holds(rule.clone(), &document), Ok(expected), "{rule}");
        }
        let missing = json!({"Variable": "$.none", "StringEquals": "a"});
        assert_eq!(holds(missing, &document), Err(name::RUNTIME.to_owned()));
    }

    #[test]
    fn invalid_rules_are_rejected() {
        for rule in [
            json!({}),
            json!([]),
            json!({"Variable": "$.a"}),
            json!({"Variable": "a", "IsNull": true}),
            json!({"Variable": "$.a", "IsNull": "yes"}),
            json!({"Variable": "$.a", "BooleanLessThan": true}),
            json!({"Variable": "$.a", "StringEquals": 5}),
            json!({"Variable": "$.a", "TimestampEquals": "soon"}),
            json!({"Variable": "$.a", "StringIs": "a"}),
            json!({"Variable": "$.a", "IsNull": true, "IsPresent": true}),
            json!({"And": []}),
            json!({"Not": {"Variable": "$.a", "IsNull": true, "Next": "B"}}),
        ] {
            assert!(Rule::nested(rule.clone()).is_err(), "{rule}");
        }
    }

    #[test]
    fn stars_match_anything() {
        let table = [
            ("a", "a", true),
            ("a", "b", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*a", "a", false),
            ("a*b*c", "axbxc", true),
            ("a*b*c", "acb", false),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            (r"\\*", r"\b", true),
            ("**", "x", true),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn a_text_fits_itself_with_any_part_starred(text in "[a-c]{0,8}", from: prop::sample::Index, to: prop::sample::Index) {
            let (from, to) = (from.index(text.len() + 1), to.index(text.len() + 1));
            let (from, to) = (from.min(to), from.max(to));
            let pattern = format!("{}*{}", &text[..from], &text[to..]);
            prop_assert!(matches(&pattern, &text), "{} {}", pattern, text);
        }
    }
}
