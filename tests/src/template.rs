//! `infra/template.yaml` as JSON, with CloudFormation's short forms written out: `!Ref X` becomes
//! `{"Ref": "X"}`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use serde_norway::Value as Yaml;

/// The template.
pub struct Template {
    /// All of it.
    pub document: Value,
}

/// A resource of the template.
#[derive(Clone, Copy)]
pub struct Resource<'a> {
    /// Its logical name.
    pub name: &'a str,
    /// Its `Properties`.
    pub properties: &'a Value,
    /// All of it.
    pub whole: &'a Value,
}

/// The repository's root.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Template {
    /// Reads the template.
    ///
    /// # Panics
    /// Where it can't be read, which is its own finding.
    pub fn read() -> Self {
        let path = repository().join("infra/template.yaml");
        let text = std::fs::read_to_string(path).unwrap();
        let yaml: Yaml = serde_norway::from_str(&text).unwrap();
        Self {
            document: written_out(yaml),
        }
    }

    /// The resources of a type, in the order of the template.
    pub fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Resource<'a>> {
        let all = self.document["Resources"].as_object().unwrap();
        all.iter()
            .filter(move |(_, whole)| whole["Type"] == kind)
            .map(|(name, whole)| Resource {
                name,
                properties: &whole["Properties"],
                whole,
            })
    }

    /// The resource of this name.
    ///
    /// # Panics
    /// Where there is none.
    pub fn resource<'a>(&'a self, name: &'a str) -> Resource<'a> {
        let whole = &self.document["Resources"][name];
        assert!(whole.is_object(), "the template has no resource {name}");
        Resource {
            name,
            properties: &whole["Properties"],
            whole,
        }
    }

    /// A function's property, or what all functions have in its place.
    pub fn of_function<'a>(&'a self, function: Resource<'a>, property: &str) -> &'a Value {
        match &function.properties[property] {
            Value::Null => &self.document["Globals"]["Function"][property],
            own => own,
        }
    }
}

impl<'a> Resource<'a> {
    /// The name of the crate whose program a function runs.
    ///
    /// # Panics
    /// Where it is no function built by Cargo.
    pub fn binary(&self) -> &'a str {
        self.whole["Metadata"]["BuildProperties"]["Binary"]
            .as_str()
            .unwrap()
    }
}

/// The logical name that `!Ref`, `!GetAtt` or a reference with an attribute points to; both branches
/// of an `!If` must point to the same.
pub fn target(value: &Value) -> Option<&str> {
    if let Some([_, yes, no]) = value["Fn::If"].as_array().map(Vec::as_slice) {
        return target(yes).filter(|found| target(no) == Some(*found));
    }
    let whole = match (&value["Ref"], &value["Fn::GetAtt"]) {
        (Value::String(name), _) | (_, Value::String(name)) => name,
        _ => return None,
    };
    whole.split('.').next()
}

/// A value as it is where conditions hold or not: every `Fn::If` is replaced by its branch; `None` where
/// that is `AWS::NoValue`, which also leaves members of lists and objects out.
pub fn under(value: &Value, holds: &impl Fn(&str) -> bool) -> Option<Value> {
    if let Some([condition, yes, no]) = value["Fn::If"].as_array().map(Vec::as_slice) {
        let condition = condition.as_str().unwrap_or_default();
        return under(if holds(condition) { yes } else { no }, holds);
    }
    match value {
        Value::Object(fields) if fields.get("Ref") == Some(&json!("AWS::NoValue")) => None,
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields =
                fields.filter_map(|(name, value)| Some((name.clone(), under(value, holds)?)));
            Some(Value::Object(fields.collect()))
        }
        Value::Array(all) => Some(all.iter().filter_map(|one| under(one, holds)).collect()),
        other => Some(other.clone()),
    }
}

/// The conditions that a value depends on.
pub fn conditions(value: &Value) -> BTreeSet<String> {
    let inside: BTreeSet<String> = match value {
        Value::Object(fields) => fields.values().flat_map(conditions).collect(),
        Value::Array(all) => all.iter().flat_map(conditions).collect(),
        _ => BTreeSet::new(),
    };
    let own = value["Fn::If"][0].as_str().map(str::to_owned);
    inside.into_iter().chain(own).collect()
}

/// A list, whether it is written as one or as its only member.
pub fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(all) => all.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn written_out(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = match tag.trim_start_matches('!') {
                short @ ("Ref" | "Condition") => short.to_owned(),
                short => format!("Fn::{short}"),
            };
            json!({ name: written_out(tagged.value) })
        }
        Yaml::Mapping(fields) => {
            let fields = fields.into_iter().map(|(key, value)| {
                let key = match key {
                    Yaml::String(key) => key,
                    other => panic!("a key that is no text: {other:?}"),
                };
                (key, written_out(value))
            });
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Yaml::Sequence(all) => all.into_iter().map(written_out).collect(),
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => flag.into(),
        Yaml::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), _, _) => number.into(),
            (None, Some(number), _) => number.into(),
            (None, None, number) => json!(number),
        },
        Yaml::String(text) => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_written_out() {
        let yaml =
            "{a: !Ref X, b: !GetAtt X.Arn, c: !If [On, !Sub '${X}/*', -1], d: !Condition On}";
        let json = written_out(serde_norway::from_str(yaml).unwrap());
        let expected = json!({
            "a": {"Ref": "X"}, "b": {"Fn::GetAtt": "X.Arn"},
            "c": {"Fn::If": ["On", {"Fn::Sub": "${X}/*"}, -1]}, "d": {"Condition": "On"},
        });
        assert_eq!(json, expected);
        assert_eq!(target(&json["a"]), Some("X"));
        assert_eq!(target(&json["b"]), Some("X"));
        assert_eq!(target(&json["c"]), None);
    }

    #[test]
    fn conditions_choose_branches_and_leave_out_what_has_no_value() {
        let value = json!([
            {"Fn::If": ["On", {"Action": ["a", {"Fn::If": ["Off", "b", {"Ref": "AWS::NoValue"}]}]}, "other"]},
            {"Fn::If": ["Off", "c", {"Ref": "AWS::NoValue"}]},
        ]);
        assert_eq!(conditions(&value), ["Off", "On"].map(str::to_owned).into());
        let on = |condition: &str| condition == "On";
        assert_eq!(under(&value, &on), Some(json!([{"Action": ["a"]}])));
        assert_eq!(under(&value, &|_| false), Some(json!(["other"])));
    }
}
