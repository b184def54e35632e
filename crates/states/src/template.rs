//! Payload templates: JSON in which a field called `name.$` is computed by a path or an intrinsic
//! function.

use serde_json::{Map, Value};

use crate::error::Fault;
use crate::intrinsic::Intrinsic;
use crate::path::{Path, Scope};

/// A payload template.
#[derive(Debug, Clone)]
pub(crate) enum Template {
    Literal(Value),
    Computed(Expression),
    Object(Vec<(String, Template)>),
    Array(Vec<Template>),
}

/// The value of a field with `.$`.
#[derive(Debug, Clone)]
pub(crate) enum Expression {
    Path(Path),
    Call(Intrinsic),
}

impl Expression {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('$') {
            Path::parse(text).map(Self::Path)
        } else {
            Intrinsic::parse(text).map(Self::Call)
        }
    }

    pub(crate) fn evaluate(&self, scope: Scope<'_>) -> Result<Value, Fault> {
        match self {
            Self::Path(path) => path.get(scope),
            Self::Call(call) => call.evaluate(scope),
        }
    }
}

impl Template {
    pub(crate) fn parse(value: Value) -> Result<Self, String> {
        match value {
            Value::Object(map) => map
                .into_iter()
                .map(|(key, value)| match key.strip_suffix(".$") {
                    None => Ok((key, Self::parse(value)?)),
                    Some(field) => match value {
                        Value::String(text) => {
                            Ok((field.to_owned(), Self::Computed(Expression::parse(&text)?)))
                        }
                        _ => Err(format!(
                            "`{key}` must be a path or an intrinsic function, as text"
                        )),
                    },
                })
                .collect::<Result<_, _>>()
                .map(Self::Object),
            Value::Array(values) => values
                .into_iter()
                .map(Self::parse)
                .collect::<Result<_, _>>()
                .map(Self::Array),
            literal => Ok(Self::Literal(literal)),
        }
    }

    pub(crate) fn make(&self, scope: Scope<'_>) -> Result<Value, Fault> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Computed(expression) => expression.evaluate(scope),
            Self::Array(values) => values.iter().map(|value| value.make(scope)).collect(),
            Self::Object(fields) => {
                let mut map = Map::with_capacity(fields.len());
                for (field, value) in fields {
                    map.insert(field.clone(), value.make(scope)?);
                }
                Ok(Value::Object(map))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_computed_at_any_depth() {
        let template = Template::parse(json!({
            "plain": "$.a", "deep": {"run.$": "$$.Execution.Name", "list": [{"x.$": "$.a"}, 2]},
            "text.$": "States.Format('{}!', $.a)"
        }));
        let (document, context) = (json!({"a": 7}), json!({"Execution": {"Name": "r"}}));
        let made = template
            .unwrap()
            .make(Scope {
                document: &document,
                context: &context,
            })
            .unwrap();
        assert_eq!(
            made,
            json!({"plain": "$.a", "deep": {"run": "r", "list": [{"x": 7}, 2]}, "text": "7!"})
        );
        for wrong in [
            json!({"a.$": 1}),
            json!({"a.$": "b"}),
            json!([{"a.$": "States.None()"}]),
        ] {
            assert!(Template::parse(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
