//! `tasador.toml`: declares the columns of a source that the default schema does not recognise.
//!
//! The file has one table per column, under the column's stored name. Columns that it does not declare
//! are recognised automatically ([`crate::mapping`]).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tasador_ids::{AreaUnit, Currency};

use crate::dates::DateOrder;
use crate::name::compact;
use crate::schema::{self, ColumnKind};
use crate::unit::{Stored, Unit};

/// The name of the file, in the data folder or the bucket.
pub const FILE_NAME: &str = "tasador.toml";

/// The version of the file's format.
pub const VERSION: u32 = 1;

/// The largest file, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// The content of `tasador.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaFile {
    /// [`VERSION`].
    pub version: u32,
    /// The names of the columns of a text that has no line with names.
    #[serde(default)]
    pub header: Vec<String>,
    /// The source's columns that together identify a property. Models do not learn from them.
    #[serde(default)]
    pub identity: Vec<String>,
    /// The currency of the prices; that of the installation if there is none.
    #[serde(default)]
    pub currency: Option<Currency>,
    /// The unit of clean areas; that of the installation if there is none.
    #[serde(default)]
    pub area_unit: Option<AreaUnit>,
    /// By the name that a column is stored with.
    #[serde(default)]
    pub columns: BTreeMap<String, ColumnRule>,
    /// The kinds of other columns in earlier batches, by the name they are stored with. Only the schema
    /// that is kept with a batch has them.
    #[serde(default)]
    pub remembered: BTreeMap<String, ColumnKind>,
    /// From which of the source's columns a column was read in earlier batches, in the order of preference.
    /// Only the schema that is kept with a batch has them.
    #[serde(default)]
    pub pinned: BTreeMap<String, Vec<ColumnRule>>,
}

/// What is declared of one column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnRule {
    /// Its names in files, in the order of preference; its own name if there are none.
    #[serde(default)]
    pub names: Vec<String>,
    /// Columns whose texts it consists of, such as house number and street.
    #[serde(default)]
    pub join: Vec<String>,
    /// What its values are. That of a known column is fixed.
    #[serde(default)]
    pub kind: Option<ColumnKind>,
    /// The unit of its numbers in files.
    #[serde(default)]
    pub unit: Option<Unit>,
    /// Whether day or month is first in its dates.
    #[serde(default)]
    pub order: Option<DateOrder>,
    /// The smallest value, in the stored unit; a row with a smaller one is rejected.
    #[serde(default)]
    pub min: Option<f64>,
    /// The largest value, in the stored unit; a row with a larger one is rejected.
    #[serde(default)]
    pub max: Option<f64>,
    #[serde(default)]
    pub role: Role,
}

/// What a column is used for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Models learn from it, except where its name says that they must not (price, street, ids).
    #[default]
    Feature,
    /// It identifies a property, with the other identifiers; models do not learn from it.
    Identifier,
    /// It is not used.
    Ignored,
}

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SchemaFileError {
    #[error("{0}")]
    Toml(String),
    #[error("`version` is {0}, expected {VERSION}")]
    Version(u32),
    #[error("the file has more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the file is not UTF-8")]
    NotUtf8,
    #[error("`columns.{column}`: {reason}")]
    Column { column: String, reason: String },
    #[error(
        "the name `{name}` belongs to both `{first}` and `{second}`; remove it from one of them"
    )]
    Ambiguous {
        name: String,
        first: String,
        second: String,
    },
}

impl Default for SchemaFile {
    fn default() -> Self {
        Self {
            version: VERSION,
            header: Vec::new(),
            identity: Vec::new(),
            currency: None,
            area_unit: None,
            columns: BTreeMap::new(),
            remembered: BTreeMap::new(),
            pinned: BTreeMap::new(),
        }
    }
}

impl SchemaFile {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`SchemaFileError`], with the line if the text is not TOML of this form.
    pub fn read(bytes: &[u8]) -> Result<Self, SchemaFileError> {
        if bytes.len() > MAX_BYTES {
            return Err(SchemaFileError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| SchemaFileError::NotUtf8)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let file: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| {
                let before = text.get(..span.start).unwrap_or_default();
                before.matches('\n').count() + 1
            });
            let line = line.map_or_else(String::new, |line| format!("line {line}: "));
            SchemaFileError::Toml(format!("{line}{}", error.message()))
        })?;
        file.check()?;
        Ok(file)
    }

    fn check(&self) -> Result<(), SchemaFileError> {
        if self.version != VERSION {
            return Err(SchemaFileError::Version(self.version));
        }
        let mut owners: BTreeMap<String, &str> = BTreeMap::new();
        for (column, rule) in &self.columns {
            let failed = |reason: String| SchemaFileError::Column {
                column: column.clone(),
                reason,
            };
            rule.check(column).map_err(failed)?;
            for name in rule.names_of(column) {
                let name = compact(name);
                match owners.insert(name.clone(), column) {
                    Some(first) if first != column => {
                        return Err(SchemaFileError::Ambiguous {
                            name,
                            first: first.to_owned(),
                            second: column.clone(),
                        });
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The declared column that the source's column of this name is, and how far down the list of its
    /// names the name stands.
    pub fn find(&self, source: &str) -> Option<(&str, usize, &ColumnRule)> {
        let source = compact(source);
        self.columns.iter().find_map(|(column, rule)| {
            let mut names = rule.names_of(column);
            let place = names.position(|name| compact(name) == source)?;
            Some((column.as_str(), place, rule))
        })
    }

    /// Whether the source's column is one of those that identify a property.
    pub fn identifies(&self, source: &str) -> bool {
        let compact_source = compact(source);
        let mut named = self.identity.iter();
        named.any(|name| compact(name) == compact_source)
            || self
                .find(source)
                .is_some_and(|(_, _, rule)| rule.role == Role::Identifier)
    }

    /// The file as text, with what `comments` says of each column before it.
    pub fn to_toml(&self, title: &str, comments: impl Fn(&str) -> Vec<String>) -> String {
        let mut text = String::new();
        for line in title.lines() {
            comment(&mut text, line);
        }
        text += &format!("version = {}\n", self.version);
        if !self.header.is_empty() {
            text += &format!("header = {}\n", list(&self.header));
        }
        if !self.identity.is_empty() {
            text += &format!("identity = {}\n", list(&self.identity));
        }
        if let Some(currency) = self.currency {
            text += &format!("currency = {}\n", quoted(currency.code()));
        }
        if let Some(unit) = self.area_unit {
            text += &format!("area_unit = {}\n", quoted(unit.code()));
        }
        for (column, rule) in &self.columns {
            text.push('\n');
            for line in comments(column) {
                comment(&mut text, &line);
            }
            text += &format!("[columns.{}]\n", key(column));
            rule.write(&mut text);
        }
        if !self.remembered.is_empty() {
            text += "\n[remembered]\n";
        }
        for (column, kind) in &self.remembered {
            text += &format!("{} = {}\n", key(column), quoted(kind.code()));
        }
        for (column, rules) in &self.pinned {
            for rule in rules {
                text += &format!("\n[[pinned.{}]]\n", key(column));
                rule.write(&mut text);
            }
        }
        text
    }

    /// The unit of clean areas.
    pub fn area(&self) -> AreaUnit {
        self.area_unit.unwrap_or_default()
    }

    /// The largest accepted value of a column, if one is declared.
    pub fn max(&self, column: &str) -> Option<f64> {
        self.columns.get(column)?.max
    }
}

impl ColumnRule {
    /// The names in files.
    pub fn names_of<'a>(&'a self, column: &'a str) -> impl Iterator<Item = &'a str> {
        let own = (self.names.is_empty() && self.join.is_empty()).then_some(column);
        self.names.iter().map(String::as_str).chain(own)
    }

    fn write(&self, text: &mut String) {
        let mut set = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                *text += &format!("{name} = {value}\n");
            }
        };
        let quoted = |code: &'static str| quoted(code);
        set("names", (!self.names.is_empty()).then(|| list(&self.names)));
        set("join", (!self.join.is_empty()).then(|| list(&self.join)));
        set("kind", self.kind.map(|kind| quoted(kind.code())));
        set("unit", self.unit.map(|unit| quoted(unit.code())));
        set("order", self.order.map(|order| quoted(order.code())));
        set("min", self.min.map(|min| format!("{min:?}")));
        set("max", self.max.map(|max| format!("{max:?}")));
        let role = (self.role != Role::Feature).then(|| quoted(self.role.code()));
        set("role", role);
    }

    fn check(&self, column: &str) -> Result<(), String> {
        let stored = schema::canonical_name(column, 1);
        if stored != column {
            return Err(format!("this name is stored as `{stored}`; write that"));
        }
        if !self.names.is_empty() && !self.join.is_empty() {
            return Err("it has both `names` and `join`; keep one of them".to_owned());
        }
        let known = schema::known(column);
        if let (Some(known), Some(kind)) = (known, self.kind)
            && known.kind != kind
        {
            return Err(format!(
                "its kind is always `{}`; remove `kind`",
                known.kind.code()
            ));
        }
        let kind = known.map(|known| known.kind).or(self.kind);
        if let Some(kind) = kind {
            if kind != ColumnKind::Number
                && (self.unit.is_some() || self.min.is_some() || self.max.is_some())
            {
                return Err("`unit`, `min` and `max` are for numbers".to_owned());
            }
            if kind != ColumnKind::Date && self.order.is_some() {
                return Err("`order` is for dates".to_owned());
            }
        }
        if let Some(unit) = self.unit
            && unit.factor(Stored::of(column, AreaUnit::Ft2)).is_none()
            && (known.is_some() || !unit.is_area())
        {
            return Err(format!("its unit cannot be `{}`", unit.code()));
        }
        if let (Some(min), Some(max)) = (self.min, self.max)
            && (min > max || min.is_nan() || max.is_nan())
        {
            return Err("`min` is above `max`".to_owned());
        }
        if self.role != Role::Feature && column == schema::PRICE {
            return Err("the price is what models learn to predict; remove `role`".to_owned());
        }
        let parts: BTreeSet<String> = self.join.iter().map(|part| compact(part)).collect();
        if parts.len() < self.join.len() {
            return Err("`join` names a column twice".to_owned());
        }
        Ok(())
    }
}

impl Role {
    /// As it is spelled in `tasador.toml`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Feature => "feature",
            Self::Identifier => "identifier",
            Self::Ignored => "ignored",
        }
    }
}

fn comment(text: &mut String, line: &str) {
    let line: String = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    *text += &format!("# {line}\n");
}

/// A text as a basic string, which is also allowed as a key.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => quoted += &format!("\\u{:04x}", u32::from(letter)),
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}

fn list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// The name of a table, with quotes where it needs them.
fn key(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !name.is_empty() && name.bytes().all(is_bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SchemaFile, String> {
        SchemaFile::read(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_setting_is_read() {
        let file = read(
            r#"
            version = 1
            identity = ["ref"]
            header = ["ref", "precio"]
            currency = "COP"
            area_unit = "m2"

            [columns.price]
            names = ["precio", "valor venta"]
            unit = "thousands"
            min = 10_000
            max = 5e9

            [columns.prev_sold_date]
            names = ["fecha"]
            order = "day_first"

            [columns.street]
            join = ["numero", "calle"]

            [columns.estrato]
            kind = "category"

            [columns."updated by"]
            role = "ignored"
            "#,
        )
        .unwrap();
        assert_eq!(
            file.find("Valor_Venta").map(|(c, n, _)| (c, n)),
            Some(("price", 1))
        );
        assert_eq!(file.columns["price"].unit, Some(Unit::Thousands));
        assert_eq!(file.max("price"), Some(5e9));
        assert_eq!(file.currency, Some(Currency::COP));
        assert_eq!(file.area(), AreaUnit::M2);
        assert!(file.identifies("REF") && !file.identifies("precio"));
        assert_eq!(file.columns["updated by"].role, Role::Ignored);
        assert_eq!(file.find("updated_by").map(|(c, ..)| c), Some("updated by"));
        assert_eq!(file.find("street"), None);
        assert_eq!(read("version = 1").unwrap(), SchemaFile::default());
    }

    #[test]
    fn what_is_written_is_read_the_same() {
        for name in [
            "plain",
            "with space",
            "a\"b\\c",
            "tab\tnew\nline",
            "m² – año",
            "'",
            "\u{7f}\u{1}",
        ] {
            let file = SchemaFile {
                header: vec![name.to_owned(), "x".to_owned()],
                identity: vec![name.to_owned()],
                currency: Some(Currency::EUR),
                area_unit: Some(AreaUnit::M2),
                remembered: BTreeMap::from([(name.to_owned(), ColumnKind::Date)]),
                pinned: BTreeMap::from([(
                    name.to_owned(),
                    vec![
                        ColumnRule {
                            names: vec![name.to_owned()],
                            unit: Some(Unit::Thousands),
                            ..ColumnRule::default()
                        },
                        ColumnRule {
                            join: vec![name.to_owned(), "x".to_owned()],
                            order: Some(DateOrder::DayFirst),
                            ..ColumnRule::default()
                        },
                    ],
                )]),
                columns: BTreeMap::from([(
                    name.to_owned(),
                    ColumnRule {
                        names: vec![name.to_owned()],
                        kind: Some(ColumnKind::Number),
                        unit: Some(Unit::Hectares),
                        min: Some(-0.5),
                        max: Some(1e12),
                        role: Role::Identifier,
                        ..ColumnRule::default()
                    },
                )]),
                ..SchemaFile::default()
            };
            let text = file.to_toml("one\ntwo", |column| vec![format!("of {column}")]);
            assert!(text.starts_with("# one\n# two\nversion = 1\n"), "{text}");
            assert_eq!(read(&text), Ok(file), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_place() {
        for (text, said) in [
            ("", "missing field `version`"),
            ("version = 2", "`version` is 2, expected 1"),
            ("version = 1\ncurrency = \"pesos\"", "code of three letters"),
            (
                "version = 1\narea_unit = \"acres\"",
                "unknown variant `acres`",
            ),
            ("version = 1\nprise = 3", "line 2: unknown field `prise`"),
            (
                "version = 1\n[columns.price]\nunit = \"stones\"",
                "line 3: unknown variant `stones`",
            ),
            (
                "version = 1\n[columns.price]\nunit = \"acres\"",
                "`columns.price`: its unit cannot be `acres`",
            ),
            (
                "version = 1\n[columns.house_size]\nunit = \"thousands\"",
                "cannot be `thousands`",
            ),
            (
                "version = 1\n[columns.price]\nkind = \"category\"",
                "always `number`",
            ),
            (
                "version = 1\n[columns.price]\nrole = \"ignored\"",
                "remove `role`",
            ),
            ("version = 1\n[columns.city]\nmin = 3", "for numbers"),
            (
                "version = 1\n[columns.price]\norder = \"day_first\"",
                "for dates",
            ),
            (
                "version = 1\n[columns.price]\nmin = 3\nmax = 2",
                "`min` is above `max`",
            ),
            ("version = 1\n[columns.Price]\n", "stored as `price`"),
            (
                "version = 1\n[columns.price]\nnames = [\"a b\"]\n[columns.bed]\nnames = [\"A_B\"]",
                "the name `ab` belongs to both `bed` and `price`",
            ),
            (
                "version = 1\n[columns.street]\nnames = [\"a\"]\njoin = [\"b\"]",
                "both `names` and `join`",
            ),
            (
                "version = 1\n[columns.street]\njoin = [\"b\", \"B\"]",
                "names a column twice",
            ),
            ("version = ", "line 1"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert_eq!(
            SchemaFile::read(b"\xff").unwrap_err(),
            SchemaFileError::NotUtf8
        );
        let long = vec![b'#'; MAX_BYTES + 1];
        assert_eq!(
            SchemaFile::read(&long).unwrap_err(),
            SchemaFileError::TooLarge
        );
    }
}
