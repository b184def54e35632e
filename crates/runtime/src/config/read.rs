//! The checks of values, and what they found wrong.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use tasador_access::HashKey;
use tasador_ids::Algorithm;

use super::Variable;
use crate::SourceAddress;

/// A variable with a value that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadVariable {
    pub name: &'static str,
    /// Its value, shortened to 64 characters.
    pub value: String,
    /// What is expected, in words that follow "expected".
    pub expected: String,
}

/// The environment has values that are not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    pub variables: Vec<BadVariable>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (
            place,
            BadVariable {
                name,
                value,
                expected,
            },
        ) in self.variables.iter().enumerate()
        {
            if place > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{name} is `{value}`, expected {expected}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Reads variables, or their defaults, and collects what is wrong. A check returns nothing for a value
/// that is not allowed.
pub(super) struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    bad: Vec<BadVariable>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            bad: Vec::new(),
        }
    }

    pub(super) fn finish<T>(self, config: Option<T>) -> Result<T, ConfigError> {
        match config {
            Some(config) if self.bad.is_empty() => Ok(config),
            _ => Err(ConfigError {
                variables: self.bad,
            }),
        }
    }

    /// The value as set, without spaces around it; else the default; else nothing.
    fn value(&self, variable: Variable) -> Option<String> {
        let set = (self.lookup)(variable.name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty());
        set.or_else(|| variable.default.map(str::to_owned))
    }

    fn refuse<T>(
        &mut self,
        variable: Variable,
        value: &str,
        expected: impl Into<String>,
    ) -> Option<T> {
        self.bad.push(BadVariable {
            name: variable.name,
            value: value.chars().take(64).collect(),
            expected: expected.into(),
        });
        None
    }

    /// Applies a check to a value that is set, and leaves an unset one unset.
    fn if_set<T>(
        &mut self,
        variable: Variable,
        check: impl FnOnce(&mut Self, Variable) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.value(variable) {
            Some(_) => check(self, variable).map(Some),
            None => Some(None),
        }
    }

    /// A value for which `read` finds something.
    fn parse<T>(
        &mut self,
        variable: Variable,
        expected: impl Into<String>,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(variable)?;
        read(&text).or_else(|| self.refuse(variable, &text, expected))
    }

    pub(super) fn text(&mut self, variable: Variable) -> Option<String> {
        match self.value(variable) {
            Some(text) => Some(text),
            None => self.refuse(variable, "", "a value"),
        }
    }

    pub(super) fn optional(&mut self, variable: Variable) -> Option<Option<String>> {
        Some(self.value(variable))
    }

    pub(super) fn source(&mut self, variable: Variable) -> Option<Option<SourceAddress>> {
        Some(self.value(variable).map(SourceAddress::from))
    }

    pub(super) fn optional_time(&mut self, variable: Variable) -> Option<Option<Timestamp>> {
        self.if_set(variable, |reader, variable| {
            reader.parse(variable, "a time such as 2026-11-25T09:30:00Z", |text| {
                text.parse().ok()
            })
        })
    }

    pub(super) fn path(&mut self, variable: Variable) -> Option<Option<PathBuf>> {
        Some(self.value(variable).map(PathBuf::from))
    }

    pub(super) fn flag(&mut self, variable: Variable) -> Option<bool> {
        self.parse(variable, "true or false", |text| {
            match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" => Some(true),
                "false" | "0" | "no" => Some(false),
                _ => None,
            }
        })
    }

    pub(super) fn number<T>(&mut self, variable: Variable, least: T) -> Option<T>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let expected = format!("a whole number, at least {least}");
        self.parse(variable, expected, |text| {
            text.parse().ok().filter(|number| *number >= least)
        })
    }

    pub(super) fn optional_number(&mut self, variable: Variable) -> Option<Option<u64>> {
        self.if_set(variable, |reader, variable| reader.number(variable, 1))
    }

    pub(super) fn duration_ms(&mut self, variable: Variable) -> Option<Duration> {
        self.number(variable, 1).map(Duration::from_millis)
    }

    pub(super) fn days(&mut self, variable: Variable) -> Option<Duration> {
        let days: u32 = self.number(variable, 1)?;
        Some(Duration::from_secs(u64::from(days) * 86_400))
    }

    pub(super) fn share(&mut self, variable: Variable) -> Option<f64> {
        self.parse(variable, "a number from 0 to 1", |text| {
            text.parse()
                .ok()
                .filter(|share| (0.0..=1.0).contains(share))
        })
    }

    pub(super) fn positive(&mut self, variable: Variable) -> Option<f64> {
        self.parse(variable, "a number, at least 0", |text| {
            let is_allowed = |number: &f64| (0.0..f64::INFINITY).contains(number);
            text.parse().ok().filter(is_allowed)
        })
    }

    pub(super) fn factor(&mut self, variable: Variable) -> Option<f64> {
        self.parse(variable, "a number above 1", |text| {
            let is_allowed = |number: &f64| *number > 1.0 && number.is_finite();
            text.parse().ok().filter(is_allowed)
        })
    }

    pub(super) fn optional_positive(&mut self, variable: Variable) -> Option<Option<f64>> {
        self.if_set(variable, Self::positive)
    }

    pub(super) fn algorithms(&mut self, variable: Variable) -> Option<Vec<Algorithm>> {
        let known = Algorithm::ALL.map(Algorithm::as_str).join(", ");
        let expected = format!("a comma-separated list of {known}");
        self.parse(variable, expected, |text| {
            let names = text.split(',').map(str::trim);
            names.map(|name| name.parse().ok()).collect()
        })
    }

    /// A secret is not shown, not even if it is not allowed.
    pub(super) fn token_key(&mut self, variable: Variable) -> Option<Option<HashKey>> {
        match self.value(variable).map(|text| HashKey::new(&text)) {
            None => Some(None),
            Some(Ok(key)) => Some(Some(key)),
            Some(Err(error)) => self.refuse(variable, "…", format!("another value ({error})")),
        }
    }

    pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(
        &mut self,
        variable: Variable,
    ) -> Option<T> {
        let text = self.text(variable)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => self.refuse(variable, &text, format!("another value ({error})")),
        }
    }
}
