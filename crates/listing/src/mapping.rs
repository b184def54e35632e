//! Which of a source's columns is which known column, and how its texts become values in that column's
//! unit. Nothing is decided silently: every decision beyond spelling is a [`Problem`] of the batch.

use std::collections::{BTreeMap, BTreeSet};

use tasador_ids::{AreaUnit, Currency};

use crate::amount::{self, Style};
use crate::clean::{clean_date, clean_number, clean_zip, is_bulk, number_text};
use crate::currency::{self, Evidence};
use crate::dates::{self, DateOrder};
use crate::identity;
use crate::name::{compact, words};
use crate::pinned::{self, Replaced};
use crate::quality::{Problem, ProblemKind};
use crate::reject;
use crate::schema::{self, ColumnKind};
use crate::schema_file::{ColumnRule, Role, SchemaFile};
use crate::synonyms;
use crate::unit::{Stored, Unit};

/// So many columns named by a date make a table of values over time.
const MIN_MONTHS: usize = 3;

/// A column as the source sends it.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    pub name: &'a str,
    /// Values that are not missing, evenly spaced over the rows.
    pub sample: Vec<&'a str>,
    /// The share of rows with a value, 0 to 1.
    pub filled: f64,
}

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    AsIs,
    Number {
        style: Style,
        /// The unit of numbers without one.
        unit: Option<Unit>,
        stored: Stored,
    },
    /// A number in a unit that the column has throughout, whichever it is.
    Plain(Style),
    Date(DateOrder),
}

impl Reading {
    /// The plain text of the value in the stored unit; `None` where the text stays as it is.
    pub fn convert(self, text: &str) -> Option<String> {
        match self {
            Self::AsIs => None,
            Self::Number {
                style,
                unit,
                stored,
            } => {
                let amount = amount::read(text, style)?;
                let unit = amount.unit.or(unit);
                let factor = unit.map_or(Some(1.0), |unit| unit.factor(stored))?;
                (factor != 1.0 || !is_plain(text, style))
                    .then(|| number_text(amount.number * factor))
            }
            Self::Plain(style) if is_plain(text, style) => None,
            Self::Plain(style) => amount::read(text, style).map(|read| number_text(read.number)),
            Self::Date(order) => dates::read(text, order).map(|date| date.to_string()),
        }
    }
}

/// Whether this is a number as clean columns have it, which most are.
fn is_plain(text: &str, style: Style) -> bool {
    style == Style::Point && clean_number(text).is_some()
}

/// A column that is made from others, by their places.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    pub name: String,
    pub recipe: Recipe,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Recipe {
    /// The sum of numbers, each times its weight.
    Sum(Vec<(usize, f64)>),
    /// Texts with spaces between them.
    Join(Vec<usize>),
    /// The first day of a month; of the year without one.
    Month { year: usize, month: Option<usize> },
}

impl Recipe {
    /// The value of one row, given the texts of the columns; `None` where none is known.
    pub fn value<'a>(&self, text: impl Fn(usize) -> Option<&'a str>) -> Option<String> {
        match self {
            Self::Sum(parts) => {
                let known = parts
                    .iter()
                    .filter_map(|(column, weight)| Some(clean_number(text(*column)?)? * weight));
                let known: Vec<f64> = known.collect();
                (!known.is_empty()).then(|| number_text(known.iter().sum()))
            }
            Self::Join(parts) => {
                let known = parts.iter().filter_map(|column| text(*column));
                let known: Vec<&str> = known
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .collect();
                (!known.is_empty()).then(|| known.join(" "))
            }
            Self::Month { year, month } => {
                let year = clean_number(text(*year)?)?;
                let month = month.and_then(&text).and_then(clean_number).unwrap_or(1.0);
                let date = clean_date(&format!("{year:04.0}-{month:02.0}-01"))?;
                Some(date.to_string())
            }
        }
    }
}

/// What becomes of the columns of a source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mapping {
    /// The stored name of each column, in the source's order.
    pub names: Vec<String>,
    pub readings: Vec<Reading>,
    pub roles: Vec<Role>,
    /// The kinds that are declared.
    pub kinds: Vec<Option<ColumnKind>>,
    pub derived: Vec<Derived>,
    /// The schema file that declares all of this.
    pub proposed: SchemaFile,
    /// The highest price that is one.
    pub max_price: f64,
    pub problems: Vec<Problem>,
    /// From which of the source's columns each known column is read.
    pub used: BTreeMap<String, ColumnRule>,
    /// Known columns that earlier batches read from other columns.
    pub replaced: Vec<Replaced>,
    /// The currency that the file shows.
    pub currency: Option<Currency>,
}

/// Maps the columns of a source by what `file` declares, and by the default schema beyond it.
///
/// A column with a known name keeps it. A known column that the source lacks is taken from the first of
/// its synonyms ([`synonyms::NAMES`]); the price from the first that at least half of the rows have. What
/// earlier batches read a column from comes before both.
pub fn plan(sources: &[Source<'_>], file: &SchemaFile) -> Mapping {
    let mapping = Mapping {
        names: schema::canonical_names(sources.iter().map(|source| source.name)),
        readings: vec![Reading::AsIs; sources.len()],
        roles: vec![Role::Feature; sources.len()],
        kinds: vec![None; sources.len()],
        ..Mapping::default()
    };
    let mut planner = Planner {
        mapping,
        sources,
        file,
        kept: BTreeSet::new(),
    };
    planner.declare();
    planner.keep();
    planner.add_street();
    for (column, _) in synonyms::NAMES {
        planner.take(column);
    }
    planner.add_baths();
    planner.add_date();
    planner.leave_other_months();
    for place in 0..sources.len() {
        planner.read(place);
    }
    planner.record();
    planner.keep_identity();
    planner.report_replaced();
    planner.report_prices();
    planner.limit_price();
    planner.find_currency();
    planner.find_identity();
    planner.propose();
    planner.mapping
}

struct Planner<'a> {
    mapping: Mapping,
    sources: &'a [Source<'a>],
    file: &'a SchemaFile,
    /// Columns that are read from the same columns of the source as in earlier batches.
    kept: BTreeSet<&'a str>,
}

impl<'a> Planner<'a> {
    fn report(&mut self, kind: ProblemKind, column: &str, sentence: String) {
        self.mapping.problems.push(Problem {
            kind,
            column: Some(column.to_owned()),
            sentence,
        });
    }

    fn has(&self, column: &str) -> bool {
        let derived = self.mapping.derived.iter();
        self.mapping.names.iter().any(|name| name == column)
            || derived.into_iter().any(|derived| derived.name == column)
    }

    fn filled(&self, place: usize) -> f64 {
        self.sources.get(place).map_or(0.0, |source| source.filled)
    }

    /// Of columns with their ranks, the first by rank that half of the rows have, otherwise the fullest.
    fn best(&self, mut found: Vec<(usize, usize)>) -> Option<usize> {
        found.sort_unstable();
        let filled = |place: &usize| self.filled(*place) >= 0.5;
        let best = found.iter().find(|(_, place)| filled(place));
        let fullest = || {
            let fuller = |a: &&(usize, usize), b: &&(usize, usize)| {
                self.filled(a.1).total_cmp(&self.filled(b.1))
            };
            found.iter().max_by(fuller)
        };
        best.or_else(fullest).map(|(_, place)| *place)
    }

    /// Stores the source's column under this name; a column that has the name gets another one.
    fn name(&mut self, place: usize, column: &str) {
        if self
            .mapping
            .names
            .get(place)
            .is_some_and(|name| name != column)
        {
            self.free(column);
        }
        if let Some(name) = self.mapping.names.get_mut(place) {
            column.clone_into(name);
        }
    }

    /// Gives the column of this name another one.
    fn free(&mut self, column: &str) {
        let names = &mut self.mapping.names;
        if let Some(other) = names.iter().position(|name| name == column) {
            let free = (2..).map(|number| format!("{column}_{number}"));
            let mut free = free.filter(|name| !names.contains(name));
            if let (Some(free), Some(name)) = (free.next(), names.get_mut(other)) {
                *name = free;
            }
        }
    }

    fn set_role(&mut self, place: usize, role: Role) {
        if let Some(slot) = self.mapping.roles.get_mut(place) {
            *slot = role;
        }
    }

    /// What the schema file says of the columns.
    fn declare(&mut self) {
        let (file, sources) = (self.file, self.sources);
        for (column, rule) in &file.columns {
            let parts: Vec<usize> = rule
                .join
                .iter()
                .filter_map(|part| {
                    let part = compact(part);
                    sources
                        .iter()
                        .position(|source| compact(source.name) == part)
                })
                .collect();
            if !parts.is_empty() {
                self.join(column, parts);
                continue;
            }
            let ranked = sources.iter().enumerate().filter_map(|(place, source)| {
                let (found, rank, _) = file.find(source.name)?;
                (found == column).then_some((rank, place))
            });
            let Some(place) = self.best(ranked.collect()) else {
                continue;
            };
            let Some(source) = sources.get(place) else {
                continue;
            };
            if self
                .mapping
                .names
                .get(place)
                .is_some_and(|name| name != column)
            {
                self.name(place, column);
                self.report(
                    ProblemKind::Mapped,
                    column,
                    format!(
                        "Column `{}` is read as `{column}`, as declared.",
                        source.name
                    ),
                );
            }
            if let Some(kind) = self.mapping.kinds.get_mut(place) {
                *kind = rule.kind;
            }
            self.set_role(place, rule.role);
            if rule.role == Role::Ignored {
                self.report(
                    ProblemKind::Ignored,
                    column,
                    format!("Column `{}` is not used, as declared.", source.name),
                );
            }
        }
        for (place, source) in sources.iter().enumerate() {
            if file.identifies(source.name) {
                self.set_role(place, Role::Identifier);
                let name = self.mapping.names.get(place).cloned().unwrap_or_default();
                self.report(
                    ProblemKind::Identifier,
                    &name,
                    format!(
                        "Column `{}` identifies a property, as declared.",
                        source.name
                    ),
                );
            }
        }
        if self.mapping.roles.contains(&Role::Identifier) {
            // The declared identifiers are stored under this name.
            self.free(synonyms::PROPERTY_ID);
        }
    }

    /// Reads known columns from the same columns of the source as earlier batches, unless a person declares
    /// otherwise: another column that could be one does not take its place.
    fn keep(&mut self) {
        let (file, sources) = (self.file, self.sources);
        let names: Vec<&str> = sources.iter().map(|source| source.name).collect();
        for (column, rules) in &file.pinned {
            let by_identity = || rules.iter().any(|rule| rule.role == Role::Identifier);
            if file.columns.contains_key(column) || (by_identity() && !file.identity.is_empty()) {
                continue;
            }
            let is_free = |place: &usize| {
                sources.get(*place).is_some_and(|source| {
                    source.filled > 0.0
                        && file.find(source.name).is_none()
                        && !file.identifies(source.name)
                })
            };
            let found = rules.iter().find_map(|rule| {
                let places = pinned::places(rule, &names)?;
                places.iter().all(is_free).then_some((rule, places))
            });
            let Some((rule, places)) = found else {
                continue;
            };
            self.kept.insert(column);
            if rule.role == Role::Identifier {
                for place in places {
                    self.set_role(place, Role::Identifier);
                }
                self.free(synonyms::PROPERTY_ID);
            } else if !rule.join.is_empty() {
                self.make(column, places);
            } else if let Some(place) = places.first().copied()
                && self
                    .mapping
                    .names
                    .get(place)
                    .is_some_and(|name| name != column)
            {
                self.rename(place, column);
            }
        }
    }

    /// Makes a column of others, as in earlier batches.
    fn make(&mut self, column: &str, places: Vec<usize>) {
        let recipe = match column {
            schema::BATH => {
                let weight = |place: &usize| {
                    let name = compact(self.sources.get(*place).map_or("", |source| source.name));
                    let part = synonyms::BATH_PARTS.iter().find(|(part, _)| *part == name);
                    (*place, part.map_or(1.0, |(_, weight)| *weight))
                };
                Recipe::Sum(places.iter().map(weight).collect())
            }
            schema::PREV_SOLD_DATE => {
                let mut places = places.into_iter();
                let Some(year) = places.next() else { return };
                Recipe::Month {
                    year,
                    month: places.next(),
                }
            }
            _ => return self.join(column, places),
        };
        self.free(column);
        self.derive(column, recipe);
    }

    /// Adds a column that is made from others by a rule of this program.
    fn derive(&mut self, column: &str, recipe: Recipe) {
        let sentence = match recipe {
            Recipe::Sum(_) => "`bath` is the sum of full bathrooms and half of the half bathrooms.",
            Recipe::Join(_) | Recipe::Month { .. } => {
                "`prev_sold_date` is the first day of the month or year of sale."
            }
        };
        self.mapping.derived.push(Derived {
            name: column.to_owned(),
            recipe,
        });
        self.report(ProblemKind::Mapped, column, sentence.to_owned());
    }

    /// Stores a source's column under the name of a known column, and says so.
    fn rename(&mut self, place: usize, column: &str) {
        self.name(place, column);
        let source = self.sources.get(place).map_or("", |source| source.name);
        self.report(
            ProblemKind::Mapped,
            column,
            format!("Column `{source}` is read as `{column}`."),
        );
    }

    /// What earlier batches knew of the source's column that is read as this one.
    fn pinned(&self, source: &Source<'_>, column: &str) -> Option<&'a ColumnRule> {
        let source = compact(source.name);
        let mut rules = self.file.pinned.get(column)?.iter();
        rules.find(|rule| {
            rule.join.is_empty() && rule.names.iter().any(|name| compact(name) == source)
        })
    }

    /// From which columns the known columns are read, in which unit and order of dates.
    fn record(&mut self) {
        let mut used = BTreeMap::new();
        for Derived { name, recipe } in &self.mapping.derived {
            let parts: Vec<usize> = match recipe {
                Recipe::Sum(parts) => parts.iter().map(|(place, _)| *place).collect(),
                Recipe::Join(parts) => parts.clone(),
                Recipe::Month { year, month } => std::iter::once(*year).chain(*month).collect(),
            };
            let parts = parts.iter().filter_map(|place| self.sources.get(*place));
            let rule = ColumnRule {
                join: parts.map(|source| source.name.to_owned()).collect(),
                ..ColumnRule::default()
            };
            used.insert(name.clone(), rule);
        }
        let identifiers = self.sources.iter().zip(&self.mapping.roles);
        let identifiers = identifiers.filter(|(_, role)| **role == Role::Identifier);
        let identifiers: Vec<String> = identifiers
            .map(|(source, _)| source.name.to_owned())
            .collect();
        if !identifiers.is_empty() {
            let rule = ColumnRule {
                join: identifiers,
                role: Role::Identifier,
                ..ColumnRule::default()
            };
            used.insert(synonyms::PROPERTY_ID.to_owned(), rule);
        }
        for (place, source) in self.sources.iter().enumerate() {
            let Some(name) = self.mapping.names.get(place) else {
                continue;
            };
            let is_id = identity::ID_COLUMNS.contains(&name.as_str());
            let is_known = is_id || synonyms::NAMES.iter().any(|(column, _)| column == name);
            let is_used = self.mapping.roles.get(place) == Some(&Role::Feature);
            if !is_known || !is_used || (source.filled == 0.0 && !is_id) || used.contains_key(name)
            {
                continue;
            }
            let is_number = schema::known(name).is_some_and(|it| it.kind == ColumnKind::Number);
            let stored = Stored::of(name, self.file.area()).unit();
            let unit = is_number.then(|| self.unit_of(source, name)).flatten();
            let is_own = compact(source.name) == compact(name);
            let rule = ColumnRule {
                names: vec![source.name.to_owned()],
                unit: unit.filter(|unit| !is_own || Some(*unit) != stored),
                order: match self.mapping.readings.get(place) {
                    Some(Reading::Date(order)) => Some(*order),
                    _ => None,
                },
                ..ColumnRule::default()
            };
            used.insert(name.clone(), rule);
        }
        self.mapping.used = used;
    }

    /// Keeps to what identified properties in earlier batches: another id would make one property two,
    /// of which a model learns from one and is evaluated on the other.
    fn keep_identity(&mut self) {
        let file = self.file;
        if file.pinned.is_empty() || !file.identity.is_empty() {
            return;
        }
        let is_id = |column: &str| identity::ID_COLUMNS.contains(&column);
        let earlier: Vec<&String> = file.pinned.keys().filter(|column| is_id(column)).collect();
        let now = self.mapping.used.keys().filter(|column| is_id(column));
        let now: Vec<String> = now.cloned().collect();
        let is_new = |column: &&String| !earlier.contains(column);
        if !earlier.is_empty() && now.iter().all(|column| is_new(&column)) {
            // All ids of earlier batches are gone: another one is better than none.
            if let (Some(was), Some(is)) = (earlier.first(), now.first()) {
                let rules = file.pinned.get(*was);
                let was = rules.and_then(|rules| rules.first()).map(pinned::written);
                let is = self.mapping.used.get(is).map(pinned::written);
                self.replace("identity", was.unwrap_or_default(), is.unwrap_or_default());
            }
            return;
        }
        for column in now.iter().filter(is_new) {
            let place = self.mapping.names.iter().position(|name| name == column);
            let declared = file.columns.contains_key(column);
            let Some(place) = place.filter(|_| !declared) else {
                continue;
            };
            self.set_role(place, Role::Ignored);
            self.mapping.used.remove(column);
            self.report(
                ProblemKind::Identifier,
                column,
                format!(
                    "Column `{}` is not used: earlier batches do not identify properties by it. To name properties by it, declare `identity` in {}.",
                    self.sources.get(place).map_or("", |source| source.name),
                    crate::schema_file::FILE_NAME
                ),
            );
        }
    }

    /// Names the known columns that are not read from where earlier batches read them.
    fn report_replaced(&mut self) {
        for (column, rules) in &self.file.pinned {
            let is_decided = self.file.columns.contains_key(column)
                || self.kept.contains(column.as_str())
                || identity::ID_COLUMNS.contains(&column.as_str());
            let now = self.mapping.used.get(column).filter(|_| !is_decided);
            if let (Some(was), Some(now)) = (rules.first(), now) {
                let (was, is) = (pinned::written(was), pinned::written(now));
                self.replace(column, was, is);
            }
        }
    }

    fn replace(&mut self, column: &str, was: String, is: String) {
        self.report(
            ProblemKind::SourceColumnChanged,
            column,
            format!(
                "`{column}` is read from column `{is}`: the batch has no values in `{was}`, which earlier batches read it from."
            ),
        );
        self.mapping.replaced.push(Replaced {
            column: column.to_owned(),
            was,
            is,
        });
    }

    /// Finds the source of a known column that the source does not send under its own name.
    fn take(&mut self, column: &'static str) {
        if self.has(column) {
            return;
        }
        let found = self
            .sources
            .iter()
            .enumerate()
            .filter_map(|(place, source)| {
                let (known, rank, _) = synonyms::find(&compact(source.name))?;
                let is_free = self.file.find(source.name).is_none()
                    && self.mapping.roles.get(place) == Some(&Role::Feature);
                (known == column && is_free).then_some((rank, place))
            });
        let Some(place) = self.best(found.collect()) else {
            return;
        };
        let Some(source) = self.sources.get(place) else {
            return;
        };
        if column == schema::ACRE_LOT && self.unit_of(source, column).is_none() {
            self.report(
                ProblemKind::UnitUnknown,
                source.name,
                format!(
                    "The unit of column `{}` is not known: neither its name nor its values say it. It was kept under its own name; rename it to `lot_acres`, `lot_sqft` or `lot_m2`.",
                    source.name
                ),
            );
            return;
        }
        if column == schema::ZIP_CODE {
            let readable = source
                .sample
                .iter()
                .filter(|text| clean_zip(text).is_some());
            if readable.count() * 2 < source.sample.len() {
                self.report(
                    ProblemKind::Mapped,
                    source.name,
                    format!(
                        "Column `{}` has no codes of five digits; it was kept under its own name.",
                        source.name
                    ),
                );
                return;
            }
        }
        self.rename(place, column);
    }

    /// Full and half bathrooms, where there is no number of all.
    fn add_baths(&mut self) {
        if self.has(schema::BATH) {
            return;
        }
        let parts = self
            .sources
            .iter()
            .enumerate()
            .filter_map(|(place, source)| {
                let name = compact(source.name);
                let part = synonyms::BATH_PARTS.iter().find(|(part, _)| *part == name);
                part.map(|(_, weight)| (place, *weight))
            });
        let parts: Vec<(usize, f64)> = parts.collect();
        if !parts.is_empty() {
            self.derive(schema::BATH, Recipe::Sum(parts));
        }
    }

    /// The street from its parts, where the house number is in another column.
    fn add_street(&mut self) {
        let is_declared = self.file.columns.contains_key(schema::STREET);
        if is_declared || self.kept.contains(schema::STREET) {
            return;
        }
        let part = |names: &[&str]| {
            let is_part = |source: &Source<'_>| names.contains(&compact(source.name).as_str());
            self.sources.iter().position(is_part)
        };
        let parts: Vec<Option<usize>> = synonyms::STREET_PARTS
            .iter()
            .map(|names| part(names))
            .collect();
        let (Some(number), Some(street)) = (
            parts.first().copied().flatten(),
            parts.get(synonyms::STREET_NAME).copied().flatten(),
        ) else {
            return;
        };
        let is_whole = |(place, source): (usize, &Source<'_>)| {
            let known = synonyms::find(&compact(source.name));
            place != street && known.is_some_and(|(column, ..)| column == schema::STREET)
        };
        if number == street || self.sources.iter().enumerate().any(is_whole) {
            return;
        }
        self.join(schema::STREET, parts.into_iter().flatten().collect());
    }

    /// Makes a column of the texts of others, which are not used otherwise.
    fn join(&mut self, column: &str, parts: Vec<usize>) {
        let named = parts.iter().filter_map(|place| self.sources.get(*place));
        let named: Vec<String> = named.map(|source| format!("`{}`", source.name)).collect();
        for place in &parts {
            self.set_role(*place, Role::Ignored);
            if self
                .mapping
                .names
                .get(*place)
                .is_some_and(|name| name == column)
            {
                // Rejected rows have the part as the source sent it.
                self.name(*place, &format!("{column}_source"));
            }
        }
        self.mapping.derived.push(Derived {
            name: column.to_owned(),
            recipe: Recipe::Join(parts),
        });
        self.report(
            ProblemKind::Mapped,
            column,
            format!("`{column}` is put together from {}.", named.join(", ")),
        );
    }

    /// The day of sale from its year and month.
    fn add_date(&mut self) {
        if self.has(schema::PREV_SOLD_DATE) {
            return;
        }
        let place = |names: &[&str]| {
            let is_it = |source: &Source<'_>| names.contains(&compact(source.name).as_str());
            self.sources.iter().position(is_it)
        };
        let Some(year) = place(&synonyms::YEARS) else {
            return;
        };
        let month = place(&synonyms::MONTHS);
        self.derive(schema::PREV_SOLD_DATE, Recipe::Month { year, month });
    }

    /// Columns that are named by a date: if the price is one of them, the others are prices of the same
    /// home at other times. If there is no price, the newest may be it, which a person has to confirm.
    fn leave_other_months(&mut self) {
        let months = months(self.sources.iter().map(|source| source.name));
        if months.len() < MIN_MONTHS {
            return;
        }
        let Some((_, newest)) = months.last() else {
            return;
        };
        let newest = self.sources.get(*newest).map_or("", |source| source.name);
        let price = self
            .mapping
            .names
            .iter()
            .position(|name| name == schema::PRICE);
        match price {
            Some(price) if months.iter().any(|(_, place)| *place == price) => {
                for (_, place) in months.iter().filter(|(_, place)| *place != price) {
                    self.set_role(*place, Role::Ignored);
                }
                self.report(
                    ProblemKind::Leak,
                    schema::PRICE,
                    format!(
                        "{} columns are values of the same homes at other times; models do not learn from them.",
                        months.len() - 1
                    ),
                );
            }
            Some(_) => {}
            None => self.report(
                ProblemKind::ValuesOverTime,
                newest,
                format!(
                    "{} columns are named by a date: this is a table of values over time. To learn from the newest, `{newest}`, declare it as the price in {}; `tasador check --write` proposes that.",
                    months.len(),
                    crate::schema_file::FILE_NAME
                ),
            ),
        }
    }

    /// Decides how the texts of a column are read.
    fn read(&mut self, place: usize) {
        let (Some(name), Some(source)) = (
            self.mapping.names.get(place).cloned(),
            self.sources.get(place),
        ) else {
            return;
        };
        if self.mapping.roles.get(place) == Some(&Role::Ignored) {
            return;
        }
        let kind = self.mapping.kinds.get(place).copied().flatten();
        let reading = match schema::known(&name).map(|known| known.kind) {
            Some(ColumnKind::Number) => self.number(&name, source),
            Some(ColumnKind::Date) => self.date(&name, source),
            Some(_) => None,
            None if kind == Some(ColumnKind::Date) => self.date(&name, source),
            None if kind.is_none() || kind == Some(ColumnKind::Number) => self.other(&name, source),
            None => None,
        };
        if let (Some(reading), Some(slot)) = (reading, self.mapping.readings.get_mut(place)) {
            *slot = reading;
        }
    }

    fn number(&mut self, name: &str, source: &Source<'_>) -> Option<Reading> {
        let large = [schema::PRICE, schema::HOUSE_SIZE].contains(&name);
        let style = Style::of(source.sample.iter().copied(), large);
        let unit = self.unit_of(source, name);
        let stored = Stored::of(name, self.file.area());
        let mut cells = source.sample.iter();
        let plain = cells.all(|text| clean_number(text).is_some());
        let factor = unit.map_or(Some(1.0), |unit| unit.factor(stored));
        if plain && style == Style::Point && factor == Some(1.0) {
            return None;
        }
        if let Some(unit) = unit
            && factor != Some(1.0)
        {
            let to = stored
                .code()
                .map_or_else(String::new, |to| format!(" to {to}"));
            self.report(
                ProblemKind::Converted,
                name,
                format!("`{name}` was converted from {}{to}.", unit.code()),
            );
        }
        self.report_comma(name, style);
        Some(Reading::Number {
            style,
            unit,
            stored,
        })
    }

    fn report_comma(&mut self, name: &str, style: Style) {
        if style == Style::Comma {
            self.report(
                ProblemKind::Converted,
                name,
                format!("In `{name}` a comma is the decimal mark."),
            );
        }
    }

    fn date(&mut self, name: &str, source: &Source<'_>) -> Option<Reading> {
        let declared = self
            .file
            .find(source.name)
            .and_then(|(_, _, rule)| rule.order);
        let found = DateOrder::of(source.sample.iter().copied());
        let earlier = self.pinned(source, name).and_then(|rule| rule.order);
        let found = match (found, earlier) {
            (Some((_, false)), Some(order)) => Some((order, true)),
            (found, _) => found,
        };
        if let (None, Some((order, certain))) = (declared, found) {
            let doubt = if certain { "" } else { "; no date tells" };
            self.report(
                ProblemKind::Converted,
                name,
                format!(
                    "The dates of `{name}` are read as {}{doubt}.",
                    order.code().replace('_', " ")
                ),
            );
        } else if source.sample.iter().all(|text| clean_date(text).is_some()) {
            return None;
        }
        let order = declared.or(found.map(|(order, _)| order));
        Some(Reading::Date(order.unwrap_or_default()))
    }

    /// How a column beyond the known ones is read: numbers and dates in other forms than plain ones, if
    /// the bulk of its values is such.
    fn other(&mut self, name: &str, source: &Source<'_>) -> Option<Reading> {
        let cells = || source.sample.iter().copied();
        let all = source.sample.len() as u64;
        let count =
            |is_it: &dyn Fn(&str) -> bool| cells().filter(|text| is_it(text)).count() as u64;
        if all == 0
            || is_bulk(count(&|text| clean_number(text).is_some()), all)
            || is_bulk(count(&|text| clean_date(text).is_some()), all)
        {
            return None;
        }
        let style = Style::of(cells(), false);
        let read: Vec<_> = cells()
            .filter_map(|text| amount::read(text, style))
            .collect();
        let unit = read.first().and_then(|amount| amount.unit);
        if is_bulk(read.len() as u64, all) && read.iter().all(|amount| amount.unit == unit) {
            self.report_comma(name, style);
            return Some(Reading::Plain(style));
        }
        let (order, _) = DateOrder::of(cells()).unwrap_or_default();
        if is_bulk(count(&|text| dates::read(text, order).is_some()), all) {
            return self.date(name, source);
        }
        None
    }

    /// Names the other prices of a home, from which no model may learn.
    fn report_prices(&mut self) {
        for (place, source) in self.sources.iter().enumerate() {
            let Some(name) = self.mapping.names.get(place).cloned() else {
                continue;
            };
            let is_used = self.mapping.roles.get(place) == Some(&Role::Feature);
            if is_used && name != schema::PRICE && schema::is_price_of_the_home(&name) {
                self.report(
                    ProblemKind::Leak,
                    &name,
                    format!(
                        "Column `{}` is another price of the same home; models do not learn from it.",
                        source.name
                    ),
                );
            }
        }
    }

    /// Declares what was recognised of the columns.
    fn propose(&mut self) {
        let mut proposed = self.file.clone();
        proposed.currency = proposed.currency.or(self.mapping.proposed.currency);
        if proposed.identity.is_empty() {
            proposed
                .identity
                .clone_from(&self.mapping.proposed.identity);
        }
        if proposed.area_unit.is_none() && self.is_metric() {
            proposed.area_unit = Some(AreaUnit::M2);
        }
        let decided = self.mapping.readings.iter().zip(&self.mapping.roles);
        for ((source, name), (reading, role)) in
            self.sources.iter().zip(&self.mapping.names).zip(decided)
        {
            if proposed.find(source.name).is_some()
                || proposed.identity.iter().any(|id| id == source.name)
                || proposed.columns.contains_key(name)
                || *role != Role::Feature
            {
                continue;
            }
            let (unit, order) = match reading {
                Reading::Number { unit, .. } => (*unit, None),
                Reading::Date(order) => (None, Some(*order)),
                Reading::Plain(_) | Reading::AsIs => (None, None),
            };
            let rule = ColumnRule {
                names: match name == source.name {
                    true => Vec::new(),
                    false => vec![source.name.to_owned()],
                },
                unit,
                order,
                ..ColumnRule::default()
            };
            proposed.columns.insert(name.clone(), rule);
        }
        for Derived { name, recipe } in &self.mapping.derived {
            if let Recipe::Join(parts) = recipe {
                let parts = parts.iter().filter_map(|place| self.sources.get(*place));
                let rule = ColumnRule {
                    join: parts.map(|source| source.name.to_owned()).collect(),
                    ..ColumnRule::default()
                };
                proposed.columns.insert(name.clone(), rule);
            }
        }
        let newest = self
            .mapping
            .problems
            .iter()
            .find(|problem| problem.kind == ProblemKind::ValuesOverTime);
        if let Some(newest) = newest.and_then(|problem| problem.column.clone()) {
            let is_month = |name: &str| !months(std::iter::once(name)).is_empty();
            proposed.columns.retain(|name, _| !is_month(name));
            let rule = ColumnRule {
                names: vec![newest],
                ..ColumnRule::default()
            };
            proposed.columns.insert(schema::PRICE.to_owned(), rule);
        }
        self.mapping.proposed = proposed;
    }

    /// A column `id` that may name properties, as that of the King County file does: a person has to
    /// confirm it, because it may as well number rows or advertisements.
    fn find_identity(&mut self) {
        let names = self.mapping.names.iter();
        let has_id = identity::ID_COLUMNS.iter().any(|id| self.has(id));
        if has_id
            || !self.file.identity.is_empty()
            || self.mapping.roles.contains(&Role::Identifier)
        {
            return;
        }
        let found = names.zip(self.sources).find(|(_, source)| {
            synonyms::IDS.contains(&compact(source.name).as_str()) && names_properties(source)
        });
        let Some((name, source)) = found.map(|(name, source)| (name.clone(), source)) else {
            return;
        };
        self.mapping.proposed.identity = vec![source.name.to_owned()];
        self.report(
            ProblemKind::Identifier,
            &name,
            format!(
                "Column `{0}` may be the number of a property. To name properties by it, declare `identity = [\"{0}\"]` in {1}; `tasador check --write` proposes that.",
                source.name,
                crate::schema_file::FILE_NAME
            ),
        );
    }

    /// The currency, as far as the file shows it.
    fn find_currency(&mut self) {
        let names = &self.mapping.names;
        let Some(place) = names.iter().position(|name| name == schema::PRICE) else {
            return;
        };
        let Some(source) = self.sources.get(place) else {
            return;
        };
        let columns = self.sources.iter().map(|source| source.name);
        let cells = source.sample.iter().copied();
        let Some((currency, evidence)) = currency::find(source.name, cells, columns) else {
            return;
        };
        self.mapping.currency = Some(currency);
        let why = match evidence {
            Evidence::Sign(sign) => format!("they have the sign `{sign}`"),
            Evidence::Column(column) => format!("files with a column `{column}` usually are"),
        };
        let sentence = match self.file.currency {
            Some(declared) if declared == currency => return,
            Some(declared) => format!(
                "The prices seem to be in {currency}, because {why}, and were taken as {declared}; declare `currency = \"{currency}\"` in {}.",
                crate::schema_file::FILE_NAME
            ),
            None => {
                self.mapping.proposed.currency = Some(currency);
                format!("The prices are in {currency}, because {why}.")
            }
        };
        self.report(ProblemKind::Currency, schema::PRICE, sentence);
    }

    fn limit_price(&mut self) {
        self.mapping.max_price = reject::MAX_PRICE;
        let place = self
            .mapping
            .names
            .iter()
            .position(|name| name == schema::PRICE);
        let Some(place) = place else { return };
        let source = self.sources.get(place);
        let reading = self.mapping.readings.get(place);
        let median = source.and_then(median).unwrap_or_default();
        let factor = match reading {
            Some(Reading::Number {
                unit: Some(unit), ..
            }) => unit.factor(Stored::Amount),
            _ => None,
        };
        if self.file.max(schema::PRICE).is_some() {
            self.mapping.max_price = f64::INFINITY;
        } else if median * factor.unwrap_or(1.0) >= reject::SMALL_UNITS_FROM {
            self.mapping.max_price = reject::MAX_PRICE_IN_SMALL_UNITS;
        }
    }

    /// The unit of a column's numbers: as declared, by its name, by its cells, then by their size.
    fn unit_of(&self, source: &Source<'_>, column: &str) -> Option<Unit> {
        if let Some(unit) = self
            .file
            .find(source.name)
            .and_then(|(_, _, rule)| rule.unit)
        {
            return Some(unit);
        }
        if let Some(unit) = self.pinned(source, column).and_then(|rule| rule.unit) {
            return Some(unit);
        }
        let stored = Stored::of(column, self.file.area());
        let given = compact(source.name);
        // The product's own names have their units.
        if given == compact(column) && column != schema::PRICE {
            // No lot has less than 10 square metres: these are acres, as the name says.
            let are_acres = column == schema::ACRE_LOT
                && stored == Stored::M2
                && median(source).is_some_and(|median| median <= 10.0);
            return if are_acres {
                Some(Unit::Acres)
            } else {
                stored.unit()
            };
        }
        if let Some(unit) = named_unit(source, stored) {
            return Some(unit);
        }
        let median = median(source)?;
        match column {
            schema::ACRE_LOT if self.is_metric() => Some(Unit::M2),
            schema::ACRE_LOT if median >= 500.0 => Some(Unit::Ft2),
            schema::ACRE_LOT if median <= 10.0 => Some(Unit::Acres),
            schema::HOUSE_SIZE if median < 350.0 => Some(Unit::M2),
            schema::HOUSE_SIZE => Some(Unit::Ft2),
            _ => None,
        }
    }

    /// Whether the living area is in square metres.
    fn is_metric(&self) -> bool {
        let place = self
            .mapping
            .names
            .iter()
            .position(|name| name == schema::HOUSE_SIZE);
        let source = place.and_then(|place| self.sources.get(place));
        source.is_some_and(|source| self.unit_of(source, schema::HOUSE_SIZE) == Some(Unit::M2))
    }
}

/// The unit that a column's name or its cells have.
fn named_unit(source: &Source<'_>, stored: Stored) -> Option<Unit> {
    let fits = |unit: &Unit| unit.factor(stored).is_some();
    let implied = synonyms::find(&compact(source.name)).and_then(|(_, _, unit)| unit);
    let named = implied
        .or_else(|| Unit::of_words(&words(source.name)))
        .filter(fits);
    if named.is_some() || stored == Stored::Amount {
        return named;
    }
    let mut amounts = source
        .sample
        .iter()
        .filter_map(|text| amount::read(text, Style::Point));
    amounts.find_map(|amount| amount.unit)
}

/// Whether the values are long numbers that nearly all differ and do not count up.
fn names_properties(source: &Source<'_>) -> bool {
    let numbers: Option<Vec<u64>> = source
        .sample
        .iter()
        .map(|text| text.trim().trim_matches('"').parse().ok())
        .collect();
    let Some(mut numbers) = numbers.filter(|numbers| numbers.len() >= 20) else {
        return false;
    };
    numbers.sort_unstable();
    let all = numbers.len();
    let is_long = numbers.get(all / 2).is_some_and(|id| *id >= 1_000_000);
    let (first, last) = (numbers.first().copied(), numbers.last().copied());
    let span = last.unwrap_or(0) - first.unwrap_or(0);
    numbers.dedup();
    // Rows that are numbered leave no gaps, however they are sampled.
    is_long
        && is_bulk(numbers.len() as u64, all as u64)
        && source.filled > 0.99
        && span / 50 > all as u64
}

fn median(source: &Source<'_>) -> Option<f64> {
    let style = Style::of(source.sample.iter().copied(), true);
    let amounts = source
        .sample
        .iter()
        .filter_map(|text| amount::read(text, style));
    let mut numbers: Vec<f64> = amounts.map(|amount| amount.number).collect();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}

/// The columns whose name is a date (`2026-10-31`, `2026-10`, `10/2026`), by date, with their places.
pub fn months<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(jiff::civil::Date, usize)> {
    let mut found: Vec<(jiff::civil::Date, usize)> = names
        .enumerate()
        .filter_map(|(place, name)| {
            let name = name.trim();
            let date = clean_date(name).or_else(|| clean_date(&format!("{name}-01")))?;
            Some((date, place))
        })
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(columns: &[(&'static str, &[&'static str])]) -> Mapping {
        planned_by("version = 1", columns)
    }

    fn planned_by(toml: &str, columns: &[(&'static str, &[&'static str])]) -> Mapping {
        let sources: Vec<Source<'_>> = columns
            .iter()
            .map(|(name, sample)| Source {
                name,
                sample: sample.to_vec(),
                filled: if sample.is_empty() { 0.0 } else { 1.0 },
            })
            .collect();
        plan(&sources, &SchemaFile::read(toml.as_bytes()).unwrap())
    }

    fn codes(mapping: &Mapping) -> Vec<&'static str> {
        mapping
            .problems
            .iter()
            .map(|problem| problem.kind.code())
            .collect()
    }

    #[test]
    fn exports_are_recognised() {
        for (header, names) in [
            // HomeHarvest.
            (
                &[
                    "list_price",
                    "beds",
                    "full_baths",
                    "half_baths",
                    "sqft",
                    "lot_sqft",
                    "zip_code",
                ][..],
                &[
                    "price",
                    "bed",
                    "full_baths",
                    "half_baths",
                    "house_size",
                    "acre_lot",
                    "zip_code",
                ][..],
            ),
            // RESO.
            (
                &[
                    "ClosePrice",
                    "BedroomsTotal",
                    "BathroomsTotalInteger",
                    "LivingArea",
                    "LotSizeAcres",
                    "PostalCode",
                    "StateOrProvince",
                ],
                &[
                    "price",
                    "bed",
                    "bath",
                    "house_size",
                    "acre_lot",
                    "zip_code",
                    "state",
                ],
            ),
            // King County.
            (
                &[
                    "id",
                    "date",
                    "price",
                    "bedrooms",
                    "bathrooms",
                    "sqft_living",
                    "sqft_lot",
                    "zipcode",
                ],
                &[
                    "id",
                    "prev_sold_date",
                    "price",
                    "bed",
                    "bath",
                    "house_size",
                    "acre_lot",
                    "zip_code",
                ],
            ),
            // Ames.
            (
                &[
                    "PID",
                    "SalePrice",
                    "BedroomAbvGr",
                    "FullBath",
                    "HalfBath",
                    "Gr Liv Area",
                    "Neighborhood",
                ],
                &[
                    "parcel_number",
                    "price",
                    "bed",
                    "FullBath",
                    "HalfBath",
                    "house_size",
                    "Neighborhood",
                ],
            ),
            // Melbourne.
            (
                &[
                    "Suburb",
                    "Address",
                    "Rooms",
                    "Price",
                    "Date",
                    "Postcode",
                    "Bathroom",
                    "Landsize",
                    "BuildingArea",
                ],
                &[
                    "city",
                    "street",
                    "bed",
                    "price",
                    "prev_sold_date",
                    "zip_code",
                    "bath",
                    "acre_lot",
                    "house_size",
                ],
            ),
            // Fotocasa.
            (
                &[
                    "Precio",
                    "Habitaciones",
                    "Baños",
                    "Superficie",
                    "Código postal",
                    "Municipio",
                    "Provincia",
                ],
                &[
                    "price",
                    "bed",
                    "bath",
                    "house_size",
                    "zip_code",
                    "city",
                    "state",
                ],
            ),
            // Redfin.
            (
                &[
                    "SOLD DATE",
                    "ADDRESS",
                    "STATE OR PROVINCE",
                    "ZIP OR POSTAL CODE",
                    "PRICE",
                    "BEDS",
                    "SQUARE FEET",
                    "$/SQUARE FEET",
                ],
                &[
                    "prev_sold_date",
                    "street",
                    "state",
                    "zip_code",
                    "price",
                    "bed",
                    "house_size",
                    "$/SQUARE FEET",
                ],
            ),
        ] {
            let columns: Vec<(&str, &[&str])> =
                header.iter().map(|name| (*name, &["1500"][..])).collect();
            assert_eq!(planned(&columns).names, names, "{header:?}");
        }
    }

    #[test]
    fn of_several_prices_one_is_taken_and_the_others_are_named() {
        let both = planned(&[
            ("list_price", &["1"]),
            ("sold_price", &["1"]),
            ("sqft", &["900"]),
        ]);
        assert_eq!(both.names, ["list_price", "price", "house_size"]);
        assert!(codes(&both).contains(&"leak"));
        // Few homes were sold.
        let listed = planned(&[("list_price", &["1"]), ("sold_price", &[])]);
        assert_eq!(listed.names, ["price", "sold_price"]);
        let twice = planned(&[("Price", &["1"]), ("Price ", &["1"])]);
        assert_eq!(twice.names, ["price", "price_2"]);
        assert!(codes(&twice).contains(&"leak"));
    }

    /// The same columns, where earlier batches had others.
    fn after(
        earlier: &[(&'static str, &[&'static str])],
        columns: &[(&'static str, &[&'static str])],
    ) -> Mapping {
        after_by("version = 1", earlier, columns)
    }

    fn after_by(
        toml: &str,
        earlier: &[(&'static str, &[&'static str])],
        columns: &[(&'static str, &[&'static str])],
    ) -> Mapping {
        let mut file = SchemaFile::read(toml.as_bytes()).unwrap();
        file.pinned = pinned::merged(&BTreeMap::new(), planned(earlier).used, |_| false);
        // As it is kept with a batch.
        planned_by(&file.to_toml("", |_| Vec::new()), columns)
    }

    #[test]
    fn later_batches_read_what_the_first_one_read() {
        let text: &[&str] = &["1"];
        let table: [(&[&'static str], &[&'static str], &[&'static str]); 10] = [
            // Earlier, now, and what the columns are read as.
            (
                &["list_price"],
                &["sold_price", "list_price"],
                &["sold_price", "price"],
            ),
            (
                &["list_price"],
                &["price", "list_price"],
                &["price_2", "price"],
            ),
            (
                &["list_price"],
                &["List Price", "price"],
                &["price", "price_2"],
            ),
            (
                &["price"],
                &["price", "sold_price"],
                &["price", "sold_price"],
            ),
            (
                &["rooms", "sqft"],
                &["rooms", "bedrooms", "sqft"],
                &["bed", "bedrooms", "house_size"],
            ),
            (
                &["sqft"],
                &["living_area", "sqft"],
                &["living_area", "house_size"],
            ),
            (
                &["sale_date"],
                &["date", "sale_date"],
                &["date", "prev_sold_date"],
            ),
            (&["town"], &["town", "city"], &["city", "city_2"]),
            // New columns are found as before.
            (&["list_price"], &["list_price", "beds"], &["price", "bed"]),
            (&["list_price"], &["beds"], &["bed"]),
        ];
        for (earlier, now, names) in table {
            let columns =
                |names: &[&'static str]| names.iter().map(|name| (*name, text)).collect::<Vec<_>>();
            let mapping = after(&columns(earlier), &columns(now));
            assert_eq!(mapping.names, names, "{earlier:?} {now:?}");
            assert_eq!(mapping.replaced, [], "{earlier:?} {now:?}");
            // Again with the columns in the other order.
            let mut turned = columns(now);
            turned.reverse();
            let mut names = names.to_vec();
            names.reverse();
            if !names.contains(&"price_2") && !names.contains(&"city_2") {
                assert_eq!(after(&columns(earlier), &turned).names, names, "{now:?}");
            }
        }
    }

    #[test]
    fn columns_that_are_made_of_others_are_made_as_before() {
        let text: &[&str] = &["1"];
        let mapping = after(
            &[("full_baths", text), ("half_baths", text)],
            &[
                ("baths", text),
                ("full_baths", text),
                ("half_baths", text),
                ("bath", text),
            ],
        );
        assert_eq!(mapping.derived.len(), 1);
        assert_eq!(
            mapping.derived[0].recipe,
            Recipe::Sum(vec![(1, 1.0), (2, 0.5)])
        );
        assert!(
            !mapping.names.contains(&"bath".to_owned()),
            "{:?}",
            mapping.names
        );
        let mapping = after(
            &[("YrSold", &["2010"]), ("MoSold", &["5"])],
            &[
                ("date", &["2010-05-01"]),
                ("YrSold", &["2010"]),
                ("MoSold", &["5"]),
            ],
        );
        assert_eq!(
            mapping.derived[0].recipe,
            Recipe::Month {
                year: 1,
                month: Some(2)
            }
        );
        let mapping = after(
            &[("paon", &["12"]), ("street", &["HIGH STREET"])],
            &[
                ("paon", &["12"]),
                ("street", &["HIGH STREET"]),
                ("address", &["12 High Street"]),
            ],
        );
        assert_eq!(mapping.derived[0].recipe, Recipe::Join(vec![0, 1]));
        assert!(
            !mapping.names.contains(&"street".to_owned()),
            "{:?}",
            mapping.names
        );
    }

    #[test]
    fn a_source_that_is_gone_is_replaced_and_named() {
        let text: &[&str] = &["1"];
        let gone = |earlier: &'static str, now: &'static str, filled: &'static [&'static str]| {
            after(&[(earlier, text)], &[(earlier, filled), (now, text)])
        };
        for (column, was, is) in [
            ("price", "list_price", "sold_price"),
            ("bed", "rooms", "bedrooms"),
            ("house_size", "sqft", "living_area"),
        ] {
            let replaced = [Replaced {
                column: column.to_owned(),
                was: was.to_owned(),
                is: is.to_owned(),
            }];
            // Empty, and not sent at all.
            assert_eq!(gone(was, is, &[]).replaced, replaced);
            let mapping = after(&[(was, text)], &[(is, text)]);
            assert_eq!(mapping.replaced, replaced);
            assert_eq!(mapping.names, [column]);
            assert!(codes(&mapping).contains(&"source_column_changed"));
            assert_eq!(gone(was, is, text).replaced, []);
            // Once it is accepted, it is known, and the first one is still preferred.
            let mut file = SchemaFile::default();
            let first = pinned::merged(&BTreeMap::new(), planned(&[(was, text)]).used, |_| false);
            file.pinned = pinned::merged(&first, mapping.used, |_| false);
            let toml = file.to_toml("", |_| Vec::new());
            assert_eq!(planned_by(&toml, &[(is, text)]).replaced, []);
            let both = planned_by(&toml, &[(is, text), (was, text)]);
            assert_eq!(both.names[1], column);
        }
    }

    #[test]
    fn what_a_person_declares_counts_more_than_earlier_batches() {
        let text: &[&str] = &["1"];
        let toml = "version = 1\n[columns.price]\nnames = [\"sold_price\"]";
        let both: [(&str, &[&str]); 2] = [("list_price", text), ("sold_price", text)];
        let mapping = after_by(toml, &[("list_price", text)], &both);
        assert_eq!(mapping.names, ["list_price", "price"]);
        assert_eq!(mapping.replaced, []);
        let merged = pinned::merged(
            &pinned::merged(&BTreeMap::new(), planned(&both[..1]).used, |_| false),
            mapping.used,
            |column| column == "price",
        );
        let names: Vec<&str> = merged["price"].iter().map(|rule| &*rule.names[0]).collect();
        assert_eq!(names, ["sold_price", "list_price"]);
    }

    #[test]
    fn units_and_orders_of_dates_are_those_of_earlier_batches() {
        let read = |name: &'static str, earlier: &'static str, now: &'static str| {
            let mapping = after(&[(name, &[earlier])], &[(name, &[now])]);
            mapping.readings[0]
                .convert(now)
                .unwrap_or_else(|| now.to_owned())
        };
        // Alone, 300 would be square metres, and 05/04 the fourth of May.
        assert_eq!(read("living_area", "1800", "300"), "300");
        assert_eq!(planned(&[("living_area", &["300"])]).names, ["house_size"]);
        assert_eq!(read("fecha", "13/10/2014", "05/04/2014"), "2014-04-05");
        assert_eq!(read("LotSize", "21780", "100"), "0.002295684113865932");
        // What the values say themselves counts.
        assert_eq!(read("fecha", "13/10/2014", "04/13/2014"), "2014-04-13");
    }

    #[test]
    fn properties_are_identified_as_before() {
        let text: &[&str] = &["A-1", "A-2"];
        let price: (&str, &[&str]) = ("price", &["1"]);
        // A new id beside the old one, and where there was none.
        for earlier in [&[price, ("listing_id", text)][..], &[price]] {
            let mut now = earlier.to_vec();
            now.push(("apn", text));
            let mapping = after(earlier, &now);
            assert_eq!(mapping.roles[now.len() - 1], Role::Ignored, "{earlier:?}");
            assert!(codes(&mapping).contains(&"identifier"));
            let declared = after_by("version = 1\nidentity = [\"apn\"]", earlier, &now);
            assert_eq!(declared.roles[now.len() - 1], Role::Identifier);
        }
        let mapping = after(&[price, ("listing_id", text)], &[price, ("apn", text)]);
        assert_eq!(mapping.roles[1], Role::Feature);
        assert_eq!(mapping.replaced[0].column, "identity");
        // What was declared once is kept without the declaration.
        let toml = "version = 1\nidentity = [\"ref\"]";
        let columns = [price, ("ref", text)];
        let mut file = SchemaFile::default();
        file.pinned = pinned::merged(&file.pinned, planned_by(toml, &columns).used, |_| true);
        let mapping = planned_by(&file.to_toml("", |_| Vec::new()), &columns);
        assert_eq!(mapping.roles, [Role::Feature, Role::Identifier]);
    }

    #[test]
    fn units_are_converted() {
        let value = |name, text| {
            let mapping = planned(&[(name, &[text])]);
            let text = mapping.readings[0]
                .convert(text)
                .unwrap_or_else(|| text.to_owned());
            (mapping.names[0].clone(), text.parse::<f64>().unwrap())
        };
        for (name, text, stored, number) in [
            ("lot_sqft", "43560", "acre_lot", 1.0),
            ("LotSize", "21780", "acre_lot", 0.5),
            ("Landsize", "4046.8564224", "acre_lot", 1.0),
            ("superficie", "100", "house_size", 1_076.391),
            ("house_size", "1,180 sqft", "house_size", 1_180.0),
            ("house_size", "120 m²", "house_size", 1_291.669),
            ("acre_lot", "10,890 sqft", "acre_lot", 0.25),
            ("Price (thousands)", "350", "price", 350_000.0),
            ("price_thousands", "350", "price", 350_000.0),
            ("price", "$1.2M", "price", 1_200_000.0),
        ] {
            let (column, converted) = value(name, text);
            assert_eq!(column, stored, "{name}");
            assert!(
                (converted / number - 1.0).abs() < 1e-5,
                "{name} {text}: {converted}"
            );
        }
    }

    #[test]
    fn a_lot_whose_unit_is_not_known_keeps_its_name() {
        let mapping = planned(&[("lot_size", &["120"])]);
        assert_eq!(mapping.names, ["lot_size"]);
        assert_eq!(codes(&mapping), ["unit_unknown"]);
    }

    #[test]
    fn the_product_s_own_columns_are_read_as_before() {
        let names = schema::COLUMNS.map(|column| (column.name, &["1"][..]));
        let mapping = planned(&names);
        assert!(
            mapping.readings[..11]
                .iter()
                .all(|reading| *reading == Reading::AsIs)
        );
        assert_eq!(mapping.problems, []);
    }

    #[test]
    fn what_is_declared_counts_more_than_what_is_recognised() {
        let columns = [
            ("Price", &["1"][..]),
            ("worth", &["350"]),
            ("sqft", &["120"]),
            ("ref", &["a"]),
            ("zip", &["98178"]),
            ("when", &["05/04/2014"]),
            ("agent note", &["x"]),
        ];
        let toml = r#"
            version = 1
            identity = ["REF"]
            [columns.price]
            names = ["value", "Worth"]
            unit = "thousands"
            [columns.house_size]
            names = ["sqft"]
            unit = "m2"
            [columns.zip]
            kind = "category"
            [columns.prev_sold_date]
            names = ["when"]
            order = "day_first"
            [columns."agent note"]
            role = "ignored"
        "#;
        let mapping = planned_by(toml, &columns);
        let names = [
            "price_2",
            "price",
            "house_size",
            "ref",
            "zip",
            "prev_sold_date",
            "agent note",
        ];
        assert_eq!(mapping.names, names);
        let roles = [
            Role::Feature,
            Role::Feature,
            Role::Feature,
            Role::Identifier,
            Role::Feature,
            Role::Feature,
            Role::Ignored,
        ];
        assert_eq!(mapping.roles, roles);
        assert_eq!(mapping.kinds[4], Some(ColumnKind::Category));
        assert_eq!(
            mapping.readings[1].convert("350").as_deref(),
            Some("350000")
        );
        assert_eq!(
            mapping.readings[2].convert("120").as_deref(),
            Some("1291.6692500051665")
        );
        assert_eq!(
            mapping.readings[5].convert("05/04/2014").as_deref(),
            Some("2014-04-05")
        );
        for code in ["mapped", "converted", "identifier", "ignored", "leak"] {
            assert!(codes(&mapping).contains(&code), "{code}");
        }
    }

    #[test]
    fn what_is_proposed_is_read_the_same() {
        for columns in [
            &[
                ("list_price", &["$350k"][..]),
                ("superficie", &["100"]),
                ("fecha", &["13/10/2014"]),
                ("full_baths", &["2"]),
                ("note, long", &["x"]),
            ][..],
            &[
                ("price", &["100000"]),
                ("paon", &["12"]),
                ("street", &["HIGH STREET"]),
                ("YrSold", &["2010"]),
            ],
        ] {
            let first = planned(columns);
            let mut proposed = first.proposed.clone();
            // It changes the unit of clean areas.
            proposed.area_unit = None;
            let toml = proposed.to_toml("", |_| Vec::new());
            let second = planned_by(&toml, columns);
            assert_eq!(second.names, first.names, "{toml}");
            assert_eq!(second.derived, first.derived, "{toml}");
            assert_eq!(second.roles, first.roles, "{toml}");
            for (place, (_, cells)) in columns.iter().enumerate() {
                let convert = |mapping: &Mapping| mapping.readings[place].convert(cells[0]);
                assert_eq!(convert(&second), convert(&first), "{toml}");
            }
        }
    }

    #[test]
    fn a_street_is_put_together_with_its_number() {
        let value = |mapping: &Mapping, cells: &[&'static str]| {
            let derived = mapping
                .derived
                .iter()
                .find(|derived| derived.name == "street");
            derived.map(|derived| {
                derived
                    .recipe
                    .value(|place| cells.get(place).copied())
                    .unwrap()
            })
        };
        let land_registry = planned(&[
            ("saon", &["FLAT 3"]),
            ("paon", &["12"]),
            ("street", &["HIGH STREET"]),
        ]);
        assert_eq!(
            value(&land_registry, &["FLAT 3", "12", "HIGH STREET"]).unwrap(),
            "12 HIGH STREET"
        );
        assert_eq!(land_registry.names, ["unit", "paon", "street_source"]);
        let reso = planned(&[
            ("StreetName", &["Main"]),
            ("StreetNumberNumeric", &["12"]),
            ("StreetSuffix", &["St"]),
            ("StreetDirPrefix", &["N"]),
        ]);
        assert_eq!(
            value(&reso, &["Main", "12", "St", "N"]).unwrap(),
            "12 N Main St"
        );
        // A whole address is one already.
        let whole = planned(&[
            ("address", &["12 Main St"]),
            ("streetname", &["Main"]),
            ("streetnumber", &["12"]),
        ]);
        assert_eq!(
            (value(&whole, &[]), whole.names[0].as_str()),
            (None, "street")
        );
        let named = planned(&[("street", &["Main St"])]);
        assert_eq!(named.derived, []);
    }

    #[test]
    fn a_month_of_sale_is_a_date() {
        let mapping = planned(&[
            ("SalePrice", &["1"]),
            ("MoSold", &["5"]),
            ("YrSold", &["2010"]),
        ]);
        let date = |cells: [&'static str; 3]| {
            mapping.derived[0]
                .recipe
                .value(|place| cells.get(place).copied())
        };
        assert_eq!(date(["1", "5", "2010"]).as_deref(), Some("2010-05-01"));
        assert_eq!(date(["1", "", "2010.0"]).as_deref(), Some("2010-01-01"));
        assert_eq!(date(["1", "13", "2010"]), None);
        let dated = planned(&[("YrSold", &["2010"]), ("date", &["2010-05-02"])]);
        assert_eq!(dated.derived, []);
    }

    #[test]
    fn numbers_and_dates_of_new_columns_are_read_by_their_bulk() {
        let first = |cells: &'static [&'static str]| {
            planned(&[("extra", cells)]).readings[0].convert(cells[0])
        };
        assert_eq!(first(&["1.180,5", "12,25"]).as_deref(), Some("1180.5"));
        assert_eq!(first(&["120 m²", "85 m²"]).as_deref(), Some("120"));
        assert_eq!(
            first(&["13/10/2014", "05/04/2014"]).as_deref(),
            Some("2014-10-13")
        );
        for unclear in [
            &["120 m²", "85 sqft"][..],
            &["a", "b"],
            &["12", "3.5"],
            &["2014-10-13"],
        ] {
            assert_eq!(first(unclear), None, "{unclear:?}");
        }
    }

    #[test]
    fn a_lot_beside_square_metres_is_in_square_metres() {
        let lot = |size: &'static str| {
            let mapping = planned(&[(size, &["120"]), ("lot size", &["4046.8564224"])]);
            mapping.readings[1]
                .convert("4046.8564224")
                .unwrap()
                .parse::<f64>()
                .unwrap()
        };
        assert!((lot("superficie") - 1.0).abs() < 1e-9);
        assert!((lot("sqft") - 0.0929).abs() < 1e-4);
    }

    #[test]
    fn currency_and_areas_are_proposed_and_another_currency_is_reported() {
        let columns = [("precio", &["250.000 €"][..]), ("superficie", &["100"])];
        let first = planned(&columns);
        assert_eq!(first.proposed.currency, Some(Currency::EUR));
        assert_eq!(first.proposed.area_unit, Some(AreaUnit::M2));
        assert!(codes(&first).contains(&"currency"));
        let toml = first.proposed.to_toml("", |_| Vec::new());
        let second = planned_by(&toml, &columns);
        assert!(
            !codes(&second).contains(&"currency"),
            "{:?}",
            second.problems
        );
        let areas = second.readings[1].convert("100");
        assert!(areas.is_none_or(|areas| areas == "100"));
        let other = planned_by("version = 1\ncurrency = \"USD\"", &columns);
        let sentence = other.problems.iter().find_map(|problem| {
            (problem.kind == ProblemKind::Currency).then_some(problem.sentence.as_str())
        });
        assert_eq!(
            sentence,
            Some(
                "The prices seem to be in EUR, because they have the sign `€`, and were taken as USD; declare `currency = \"EUR\"` in tasador.toml."
            )
        );
        let plain = planned(&[("price", &["$250,000"]), ("sqft", &["900"])]);
        assert_eq!(
            (plain.proposed.currency, plain.proposed.area_unit),
            (None, None)
        );
    }

    #[test]
    fn lots_in_square_metres_stay_and_acres_are_converted() {
        for (name, text, lot) in [
            ("acre_lot", "250", 250.0),
            ("acre_lot", "0.25", 1_011.714),
            ("lot_sqft", "10764", 1_000.008),
            ("Landsize", "250", 250.0),
        ] {
            let mapping = planned_by("version = 1\narea_unit = \"m2\"", &[(name, &[text])]);
            assert_eq!(mapping.names, ["acre_lot"]);
            let read = mapping.readings[0]
                .convert(text)
                .unwrap_or_else(|| text.to_owned());
            let read: f64 = read.parse().unwrap();
            assert!((read / lot - 1.0).abs() < 1e-5, "{name} {text}: {read}");
        }
    }

    #[test]
    fn long_ids_that_nearly_all_differ_are_proposed_as_the_identity() {
        let leaked = |texts: Vec<String>| -> Vec<&'static str> {
            texts
                .into_iter()
                .map(|text| &*Box::leak(text.into_boxed_str()))
                .collect()
        };
        let ids = |id: fn(u64) -> u64| leaked((0..100).map(|row| id(row).to_string()).collect());
        for (name, sample, is_proposed) in [
            ("id", ids(|row| 7_129_300_520 + row * 977), true),
            ("ID", ids(|row| 1_000_102 + row * 7_919), true),
            // Resales.
            ("id", ids(|row| 7_129_300_520 + row.max(3) * 977), true),
            ("id", ids(|row| row), false),
            ("id", ids(|row| 5_000_000 + row), false),
            ("id", ids(|row| 7_129_300_520 + row % 50 * 977), false),
            ("agent", ids(|row| 7_129_300_520 + row * 977), false),
        ] {
            let price = ids(|row| 100_000 + row);
            let plan = planned(&[("price", price.leak()), (name, sample.leak())]);
            let proposed = &plan.proposed.identity;
            assert_eq!(
                proposed.len(),
                usize::from(is_proposed),
                "{name} {proposed:?}"
            );
            let known = planned(&[
                ("price", &["1"]),
                ("parcel_number", &["7"]),
                (name, &["7129300520"]),
            ]);
            assert!(known.proposed.identity.is_empty());
        }
    }

    #[test]
    fn postal_codes_of_other_countries_keep_their_column() {
        let mapping = planned(&[("postcode", &["SW1A 1AA", "LS1 4AP"])]);
        assert_eq!(mapping.names, ["postcode"]);
        assert_eq!(planned(&[("postcode", &["3067"])]).names, ["zip_code"]);
    }

    #[test]
    fn a_table_of_values_over_time_needs_its_price_declared() {
        let columns = [
            ("RegionName", &["Lee"][..]),
            ("2026-08-31", &["1"]),
            ("2026-10-31", &["3"]),
            ("2026-09-30", &["2"]),
        ];
        let asked = planned(&columns);
        assert_eq!(codes(&asked).last(), Some(&"values_over_time"));
        let toml = asked.proposed.to_toml("", |_| Vec::new());
        let mapping = planned_by(&toml, &columns);
        assert_eq!(mapping.names[2], "price");
        let used = |role: &Role| *role == Role::Feature;
        let used: Vec<bool> = mapping.roles.iter().map(used).collect();
        assert_eq!(used, [true, false, true, false]);
    }

    #[test]
    fn prices_in_small_units_may_be_high() {
        assert_eq!(
            planned(&[("price", &["350000"])]).max_price,
            reject::MAX_PRICE
        );
        let pesos = planned(&[("precio", &["450.000.000", "1.250.000.000"])]);
        assert_eq!(pesos.max_price, reject::MAX_PRICE_IN_SMALL_UNITS);
        let declared = planned_by(
            "version = 1\n[columns.price]\nmax = 5e9",
            &[("price", &["1"])],
        );
        assert_eq!(declared.max_price, f64::INFINITY);
    }
}
