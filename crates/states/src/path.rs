//! Paths into the state's document (`$.a.b`) and into the context object (`$$.Execution.Name`).

use serde_json::{Map, Value};
use serde_json_path::JsonPath;

use crate::error::{Fault, name};

/// Fields of the context object. AWS's also has a task token; no supported state waits for one.
const CONTEXT: [&str; 4] = ["Execution", "Map", "State", "StateMachine"];

/// What paths are resolved against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) document: &'a Value,
    pub(crate) context: &'a Value,
}

#[derive(Debug, Clone)]
pub(crate) struct Path {
    text: String,
    in_context: bool,
    /// Whether it matches at most one value. Other paths return a list.
    definite: bool,
    query: JsonPath,
}

impl Path {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let in_context = text.starts_with("$$");
        let query = if in_context {
            text.get(1..).unwrap_or_default()
        } else {
            text
        };
        if in_context {
            let first = query
                .trim_start_matches(['$', '.'])
                .split(['.', '['])
                .next()
                .unwrap_or_default();
            if !first.is_empty() && !CONTEXT.contains(&first) {
                return Err(format!(
                    "`{text}`: the context object has no `{first}` here"
                ));
            }
        }
        // `JsonPath` panics at a text that ends within an escape sequence.
        if query.trim_end_matches(['d', 'D']).ends_with("\\u") {
            return Err(format!("`{text}` is not a path: it ends too early"));
        }
        let parsed =
            JsonPath::parse(query).map_err(|error| format!("`{text}` is not a path: {error}"))?;
        // Outside quoted names, these characters make a path that may match many values.
        let bare: String = query.split(['\'', '"']).step_by(2).collect();
        let definite = !(bare.contains("..") || bare.contains(['*', '?', ':', ',']));
        Ok(Self {
            text: text.to_owned(),
            in_context,
            definite,
            query: parsed,
        })
    }

    /// The value; `None` if a definite path matches nothing.
    pub(crate) fn find(&self, scope: Scope<'_>) -> Option<Value> {
        let root = if self.in_context {
            scope.context
        } else {
            scope.document
        };
        let found = self.query.query(root).all();
        if self.definite {
            found.first().map(|value| (*value).clone())
        } else {
            Some(found.into_iter().cloned().collect())
        }
    }

    /// The value at the path.
    pub(crate) fn get(&self, scope: Scope<'_>) -> Result<Value, Fault> {
        self.find(scope).ok_or_else(|| {
            let root = if self.in_context {
                scope.context
            } else {
                scope.document
            };
            let shown: String = root.to_string().chars().take(500).collect();
            Fault::new(
                name::RUNTIME,
                format!(
                    "The JSONPath '{}' could not be found in the input '{shown}'",
                    self.text
                ),
            )
        })
    }
}

/// Where a result is written: `$`, `$.a.b`, or nowhere (`null`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ResultPath {
    Discard,
    At(Vec<String>),
}

impl ResultPath {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is not a reference path such as `$.name.name`");
        let rest = text.strip_prefix('$').ok_or_else(refuse)?;
        let mut fields = Vec::new();
        let mut rest = rest;
        while !rest.is_empty() {
            let (field, after) = if let Some(quoted) = rest.strip_prefix("['") {
                quoted.split_once("']").ok_or_else(refuse)?
            } else {
                let dotted = rest.strip_prefix('.').ok_or_else(refuse)?;
                dotted.split_at(dotted.find(['.', '[']).unwrap_or(dotted.len()))
            };
            if field.is_empty() || field.contains(['*', '$', '@', '?']) {
                return Err(refuse());
            }
            fields.push(field.to_owned());
            rest = after;
        }
        Ok(Self::At(fields))
    }

    /// The document with the result written to the path.
    pub(crate) fn put(&self, document: Value, result: Value) -> Result<Value, Fault> {
        match self {
            Self::Discard => Ok(document),
            Self::At(fields) => put(document, fields, result),
        }
    }
}

fn put(document: Value, fields: &[String], result: Value) -> Result<Value, Fault> {
    let Some((field, deeper)) = fields.split_first() else {
        return Ok(result);
    };
    let mut map = match document {
        Value::Object(map) => map,
        Value::Null => Map::new(),
        other => {
            let shown: String = other.to_string().chars().take(200).collect();
            return Err(Fault::new(
                name::RESULT_PATH_MATCH_FAILURE,
                format!("Unable to apply ResultPath: `{field}` cannot be added to {shown}"),
            ));
        }
    };
    let place = map.entry(field.clone()).or_insert(Value::Null);
    *place = put(place.take(), deeper, result)?;
    Ok(Value::Object(map))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_read_documents_and_the_context() {
        let document = json!({"a": {"b": [10, 20]}, "odd name": 1, "null": null});
        let context = json!({"Execution": {"Name": "run"}});
        let scope = Scope {
            document: &document,
            context: &context,
        };
        let table = [
            ("$", Some(document.clone())),
            ("$.a.b", Some(json!([10, 20]))),
            ("$.a.b[1]", Some(json!(20))),
            ("$['odd name']", Some(json!(1))),
            ("$.a.b[*]", Some(json!([10, 20]))),
            ("$.a.c[*]", Some(json!([]))),
            ("$.null", Some(Value::Null)),
            ("$.a.c", None),
            ("$$.Execution.Name", Some(json!("run"))),
            ("$$", Some(context.clone())),
        ];
        for (text, expected) in table {
            let path = Path::parse(text).unwrap();
            assert_eq!(path.find(scope), expected, "{text}");
            match path.get(scope) {
                Ok(value) => assert_eq!(Some(value), expected, "{text}"),
                Err(fault) => assert_eq!((fault.name(), expected), (name::RUNTIME, None), "{text}"),
            }
        }
        for text in ["", "a.b", "$.", "$.a["] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
        let escaped = r"$['\uD83D\uDE00a";
        for end in 2..=escaped.len() {
            assert!(Path::parse(&escaped[..end]).is_err(), "{}", &escaped[..end]);
        }
        assert!(Path::parse(r"$['\uD83D\uDE00a']").is_ok());
    }

    #[test]
    fn results_are_written_to_the_path() {
        let table = [
            ("$", json!({"a": 1}), Ok(json!("r"))),
            ("$.b", json!({"a": 1}), Ok(json!({"a": 1, "b": "r"}))),
            ("$.a", json!({"a": 1}), Ok(json!({"a": "r"}))),
            (
                "$.b.c",
                json!({"a": 1}),
                Ok(json!({"a": 1, "b": {"c": "r"}})),
            ),
            ("$['b c']", json!({}), Ok(json!({"b c": "r"}))),
            (
                "$.a.c",
                json!({"a": 1}),
                Err(name::RESULT_PATH_MATCH_FAILURE),
            ),
            ("$.a", json!([1]), Err(name::RESULT_PATH_MATCH_FAILURE)),
        ];
        for (text, document, expected) in table {
            let put = ResultPath::parse(text).unwrap().put(document, json!("r"));
            assert_eq!(
                put.as_ref().map_err(Fault::name),
                expected.as_ref().map_err(|name| *name),
                "{text}"
            );
        }
        assert_eq!(
            ResultPath::Discard.put(json!(1), json!(2)).unwrap(),
            json!(1)
        );
        for text in ["", "a", "$.", "$[0]", "$..a", "$.*", "$$.a"] {
            assert!(ResultPath::parse(text).is_err(), "{text}");
        }
    }
}
