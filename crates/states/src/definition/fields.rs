//! Reads an object field by field, so that unknown fields are found.

use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::DefinitionError;
use crate::path::{Path, ResultPath};
use crate::template::{Expression, Template};

/// The fields of a state or of an object in it.
pub(super) struct Fields {
    state: Option<String>,
    /// Prefix of field names in errors, such as `ItemProcessor.`.
    within: String,
    map: Map<String, Value>,
}

impl Fields {
    pub(super) fn of(
        state: Option<&str>,
        within: &str,
        value: Value,
    ) -> Result<Self, DefinitionError> {
        let mut fields = Self {
            state: state.map(str::to_owned),
            within: within.to_owned(),
            map: Map::new(),
        };
        match value {
            Value::Object(map) => {
                fields.map = map;
                Ok(fields)
            }
            _ => Err(fields.refuse("", "it must be an object")),
        }
    }

    pub(super) fn refuse(&self, field: &str, reason: impl Into<String>) -> DefinitionError {
        DefinitionError::Field {
            state: self.state.clone(),
            field: format!("{}{field}", self.within)
                .trim_end_matches('.')
                .to_owned(),
            reason: reason.into(),
        }
    }

    /// The whole field, for a specific reader.
    pub(super) fn rest(&mut self) -> &mut Map<String, Value> {
        &mut self.map
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.map.contains_key(field)
    }

    pub(super) fn take(&mut self, field: &str) -> Option<Value> {
        self.map.shift_remove(field)
    }

    pub(super) fn list(&mut self, field: &str) -> Result<Vec<Value>, DefinitionError> {
        match self.take(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(self.refuse(field, "it must be a list")),
        }
    }

    pub(super) fn text(&mut self, field: &str) -> Result<Option<String>, DefinitionError> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.refuse(field, "it must be text")),
        }
    }

    pub(super) fn required_text(&mut self, field: &str) -> Result<String, DefinitionError> {
        self.text(field)?
            .ok_or_else(|| self.refuse(field, "it is missing"))
    }

    /// An optional field with one supported value.
    pub(super) fn only(&mut self, field: &str, known: &str) -> Result<(), DefinitionError> {
        match self.text(field)? {
            Some(other) if other != known => Err(self.refuse(
                field,
                format!("`{other}` is not supported; only `{known}` is"),
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn whole(
        &mut self,
        field: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, DefinitionError> {
        let Some(value) = self.take(field) else {
            return Ok(None);
        };
        match value.as_u64().filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.refuse(
                field,
                format!(
                    "it must be a whole number between {} and {}",
                    range.start(),
                    range.end()
                ),
            )),
        }
    }

    pub(super) fn path(&mut self, field: &str) -> Result<Option<Path>, DefinitionError> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        Path::parse(&text)
            .map(Some)
            .map_err(|reason| self.refuse(field, reason))
    }

    /// A path; `$` if it is absent, `None` if it is `null`.
    pub(super) fn filter(&mut self, field: &str) -> Result<Option<Path>, DefinitionError> {
        if self.map.get(field).is_some_and(Value::is_null) {
            self.take(field);
            return Ok(None);
        }
        match self.path(field)? {
            Some(path) => Ok(Some(path)),
            None => Path::parse("$")
                .map(Some)
                .map_err(|reason| self.refuse(field, reason)),
        }
    }

    pub(super) fn result_path(&mut self) -> Result<ResultPath, DefinitionError> {
        const FIELD: &str = "ResultPath";
        match self.take(FIELD) {
            None => Ok(ResultPath::At(Vec::new())),
            Some(Value::Null) => Ok(ResultPath::Discard),
            Some(Value::String(text)) => {
                ResultPath::parse(&text).map_err(|reason| self.refuse(FIELD, reason))
            }
            Some(_) => Err(self.refuse(FIELD, "it must be text or null")),
        }
    }

    pub(super) fn template(&mut self, field: &str) -> Result<Option<Template>, DefinitionError> {
        let Some(value) = self.take(field) else {
            return Ok(None);
        };
        if !value.is_object() {
            return Err(self.refuse(field, "it must be an object"));
        }
        Template::parse(value)
            .map(Some)
            .map_err(|reason| self.refuse(field, reason))
    }

    pub(super) fn expression(
        &mut self,
        field: &str,
    ) -> Result<Option<Expression>, DefinitionError> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        Expression::parse(&text)
            .map(Some)
            .map_err(|reason| self.refuse(field, reason))
    }

    /// Rejects two fields that exclude each other.
    pub(super) fn at_most_one(&self, fields: &[&str]) -> Result<(), DefinitionError> {
        let there: Vec<&str> = fields
            .iter()
            .copied()
            .filter(|field| self.has(field))
            .collect();
        match there.as_slice() {
            [_, second, ..] => Err(self.refuse(
                second,
                format!("only one of {} is allowed", fields.join(", ")),
            )),
            _ => Ok(()),
        }
    }

    /// Rejects fields that no reader has taken.
    pub(super) fn finish(self) -> Result<(), DefinitionError> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(field) => Err(self.refuse(field, "it is not supported")),
        }
    }
}

/// JSON in which no object has a field twice: one of the two values would be lost silently.
pub(super) struct Strict(pub(super) Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(value)) = access.next_element()? {
            list.push(value);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let Strict(value) = access.next_value()?;
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!(
                    "`{key}` appears twice in one object"
                )));
            }
            map.insert(key, value);
        }
        Ok(map.into())
    }
}
