//! Reading values, and collecting what is wrong with them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::variables::VARIABLES;

/// A variable that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadVariable {
    /// The variable.
    pub name: &'static str,
    /// Its value, shortened to 64 characters.
    pub value: String,
    /// What is expected, in words that follow "is not".
    pub expected: String,
}

impl fmt::Display for BadVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is `{}`, which is not {}",
            self.name, self.value, self.expected
        )
    }
}

/// The environment can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Every variable that is wrong.
    pub variables: Vec<BadVariable>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, variable) in self.variables.iter().enumerate() {
            if place > 0 {
                f.write_str("; ")?;
            }
            variable.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Reads variables, or their defaults, and remembers which can't be used.
pub(super) struct Reader<L> {
    lookup: L,
    bad: Vec<BadVariable>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    pub(super) fn new(lookup: L) -> Self {
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
    pub(super) fn optional(&mut self, name: &'static str) -> Option<String> {
        let set = (self.lookup)(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty());
        set.or_else(|| default(name).map(str::to_owned))
    }

    fn refuse<T>(
        &mut self,
        name: &'static str,
        value: &str,
        expected: impl Into<String>,
    ) -> Option<T> {
        self.bad.push(BadVariable {
            name,
            value: value.chars().take(64).collect(),
            expected: expected.into(),
        });
        None
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        match self.optional(name) {
            Some(text) => Some(text),
            None => self.refuse(name, "", "set"),
        }
    }

    pub(super) fn flag(&mut self, name: &'static str) -> Option<bool> {
        let text = self.text(name)?;
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Some(true),
            "false" | "0" | "no" => Some(false),
            _ => self.refuse(name, &text, "true or false"),
        }
    }

    /// A whole number from `least` on.
    pub(super) fn number<T>(&mut self, name: &'static str, least: T) -> Option<T>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let text = self.text(name)?;
        match text.parse() {
            Ok(number) if number >= least => Some(number),
            _ => self.refuse(name, &text, format!("a whole number from {least} on")),
        }
    }

    pub(super) fn duration_ms(&mut self, name: &'static str) -> Option<Duration> {
        let text = self.text(name)?;
        match text.parse() {
            Ok(ms) if ms > 0 => Some(Duration::from_millis(ms)),
            _ => self.refuse(name, &text, "a whole number of milliseconds from 1 on"),
        }
    }

    /// A number from 0 to 1.
    pub(super) fn share(&mut self, name: &'static str) -> Option<f64> {
        let text = self.text(name)?;
        match text.parse() {
            Ok(share) if (0.0..=1.0).contains(&share) => Some(share),
            _ => self.refuse(name, &text, "a number from 0 to 1"),
        }
    }

    /// A number from 0 on.
    pub(super) fn positive(&mut self, name: &'static str) -> Option<f64> {
        let text = self.text(name)?;
        self.parse_positive(name, &text)
    }

    /// A whole number from 1 on, or nothing.
    pub(super) fn optional_number(&mut self, name: &'static str) -> Option<Option<u64>> {
        match self.optional(name) {
            Some(_) => self.number(name, 1).map(Some),
            None => Some(None),
        }
    }

    /// A number from 0 on, or nothing.
    pub(super) fn optional_positive(&mut self, name: &'static str) -> Option<Option<f64>> {
        match self.optional(name) {
            Some(text) => self.parse_positive(name, &text).map(Some),
            None => Some(None),
        }
    }

    fn parse_positive(&mut self, name: &'static str, text: &str) -> Option<f64> {
        match text.parse() {
            Ok(number) if (0.0..f64::INFINITY).contains(&number) => Some(number),
            _ => self.refuse(name, text, "a number from 0 on"),
        }
    }

    /// Names in small letters, parted by commas.
    pub(super) fn names(&mut self, name: &'static str) -> Option<Vec<String>> {
        let text = self.text(name)?;
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        let is_name = |name: &String| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        };
        if names.iter().all(is_name) {
            Some(names)
        } else {
            self.refuse(
                name,
                &text,
                "a list of algorithms parted by commas, such as linear,boosting",
            )
        }
    }

    /// A value that is told to nobody, not even where it is wrong; or nothing.
    pub(super) fn secret<T, E: fmt::Display>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match self.optional(name).map(|text| read(&text)) {
            None => Some(None),
            Some(Ok(value)) => Some(Some(value)),
            Some(Err(error)) => self.refuse(name, "…", format!("usable ({error})")),
        }
    }

    pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(
        &mut self,
        name: &'static str,
    ) -> Option<T> {
        let text = self.text(name)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => self.refuse(name, &text, format!("usable ({error})")),
        }
    }
}

fn default(name: &str) -> Option<&'static str> {
    VARIABLES
        .iter()
        .find(|variable| variable.name == name)
        .and_then(|variable| variable.default)
}
