//! From rows of text to clean rows, rejected rows, and the report on both. No network.
//!
//! The steps: values are cast; impossible rows are rejected; of the rest, rows that equal an earlier
//! row of the batch are dropped, then rows that another batch has. So
//! `raw = clean + rejected + duplicates`, and a rejected row that occurs twice is stored twice.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use polars::prelude::{DataFrame, PlSmallStr, StringChunked, StringChunkedBuilder};
use rayon::prelude::*;
use tasador_ids::hex::Digits;
use tasador_ids::{AreaUnit, Currency};
use tasador_listing::clean::{
    clean_text, days_since_epoch, infer_kind, is_bulk, is_null_text, kind_after, number_text,
    read_zip,
};
use tasador_listing::identity::{
    FEATURE_COLUMNS, ID_COLUMNS, Identity, IdentityRule, UNIT_COLUMNS,
};
use tasador_listing::leak;
use tasador_listing::mapping::{self, Derived, Mapping, Reading, Source};
use tasador_listing::pinned::{self, Replaced};
use tasador_listing::place::ZipCodes;
use tasador_listing::profile::{ColumnProfile, Profile};
use tasador_listing::property::{PropertyKey, RowHasher};
use tasador_listing::quality::{Problem, ProblemKind, QualityReport, RawColumn};
use tasador_listing::reading;
use tasador_listing::reject::{JUDGED, Judged, Reason, judge};
use tasador_listing::schema::{self, ColumnKind};
use tasador_listing::schema_file::{ColumnRule, Role, SchemaFile};
use tasador_listing::synonyms::PROPERTY_ID;
use tasador_seen::Hashes;

use crate::cast::{Cast, Values, all_missing, cast, gather_text};
use crate::read::{BrokenRow, Lines, Raw};
use crate::table::{self, FrameError, Table};

/// At most this many [`ProblemKind::Renamed`] and [`ProblemKind::NotRead`] are reported, so that odd
/// headers cannot flood a report.
const MAX_RENAMED: usize = 20;

/// Of the rows that are rejected for one reason, so many lines are named.
const LINES_NAMED: usize = 10;

/// From at most so many rows, evenly spaced, units and forms are recognised.
const SAMPLE_ROWS: usize = 5_000;

/// A cleaned batch that still contains the rows that other batches have.
#[derive(Debug)]
pub struct Draft {
    columns: Vec<Column>,
    /// The remaining rows, as indexes into `columns`.
    rows: Vec<u32>,
    row_hashes: Vec<u128>,
    /// The same hashes, for look-ups.
    known: Arc<Hashes>,
    properties: Vec<(PropertyKey, IdentityRule)>,
    rejected: DataFrame,
    rejected_lines: BTreeMap<Reason, Vec<u64>>,
    quality: QualityReport,
    proposed: SchemaFile,
}

#[derive(Debug)]
struct Column {
    name: String,
    kind: ColumnKind,
    bad: u64,
    values: Values,
}

#[derive(Debug)]
pub struct Cleaned {
    /// The clean rows: the twelve columns, new ones, `property_key`, `row_hash`.
    pub clean: DataFrame,
    /// The rejected rows: the source's columns as text, `reason`, `detail`.
    pub rejected: DataFrame,
    pub quality: QualityReport,
    pub profile: Profile,
    /// The schema file that declares what was recognised.
    pub proposed: SchemaFile,
    /// The lines of the first rejected rows of each reason, in a file of lines.
    pub rejected_lines: BTreeMap<Reason, Vec<u64>>,
    /// The hash of each clean row.
    pub row_hashes: Vec<u128>,
}

/// Cleans a batch as far as possible without other batches, by what `file` declares of its columns.
///
/// # Errors
/// [`FrameError`] if the data frame library rejects a table, which well-formed rows exclude.
pub fn draft(raw: Raw, file: &SchemaFile) -> Result<Draft, FrameError> {
    let rows = raw.rows;
    let mut quality = QualityReport {
        raw: (rows + raw.broken.len()) as u64,
        form: raw.form.clone(),
        ..QualityReport::default()
    };
    let Mapped {
        mut texts,
        names,
        kinds,
        max_price,
        problems,
        proposed,
        used,
        replaced,
        currency,
    } = Mapped::of(&raw, file);
    quality.problems = problems;
    quality.replaced = replaced;
    quality.currency = currency;
    quality.pinned = pinned::merged(&file.pinned, used, |column| {
        file.columns.contains_key(column) || (column == PROPERTY_ID && !file.identity.is_empty())
    });
    // Rejected rows are stored as the source wrote them.
    let written = raw.columns.into_iter().map(|(_, text)| Some(text));
    let written: Vec<(String, Option<StringChunked>)> = names.into_iter().zip(written).collect();

    let judged = cast_judged(&texts, rows);
    let limits = limits(&texts, file);
    let price = text_of(&texts, schema::PRICE);
    let refused = refuse(price, &judged, &limits, (max_price, file.area()), rows);
    let rejected = rejected(&written, &refused, &raw.lines, &raw.broken)?;
    let rejected_lines = first_lines(&refused, &raw.lines, &raw.broken);
    drop(written);
    let reasons = refused.iter().map(|refused| refused.reason);
    for reason in reasons.chain(raw.broken.iter().map(|row| row.reason)) {
        *quality.rejected.entry(reason).or_default() += 1;
    }

    let kinds = Kinds {
        declared: kinds,
        remembered: &file.remembered,
    };
    let columns = cast_all(&mut texts, &kinds, judged, rows, &mut quality);
    let mut draft = Draft {
        columns,
        rows: Vec::new(),
        row_hashes: Vec::new(),
        known: Arc::default(),
        properties: Vec::new(),
        rejected,
        rejected_lines,
        quality,
        proposed,
    };
    draft.quality.problems.extend(draft.leaks());
    draft.keep(rows, &refused);
    draft.quality.find_problems();
    Ok(draft)
}

/// The rows of a file as listings: every row that could be read, in its order.
#[derive(Debug)]
pub struct Listings {
    pub rows: usize,
    /// Text under the names and in the units that models know.
    pub columns: Vec<(String, StringChunked)>,
    /// What was recognised of the columns, and what of the file could not be read.
    pub problems: Vec<Problem>,
}

/// The rows of a file under the names and in the units of a clean batch, by what `file` declares of its
/// columns. Values are not cast, and no row is rejected or dropped.
pub fn listings(raw: &Raw, file: &SchemaFile) -> Listings {
    let mapped = Mapped::of(raw, file);
    let columns = mapped.texts.into_iter();
    Listings {
        rows: raw.rows,
        columns: columns
            .filter_map(|(name, text)| Some((name, text?)))
            .collect(),
        problems: mapped.problems,
    }
}

/// The columns of a batch under their own names, as text with plain values in the stored unit.
struct Mapped {
    texts: Vec<(String, Option<StringChunked>)>,
    /// The name of each of the source's columns, in their order.
    names: Vec<String>,
    kinds: HashMap<String, ColumnKind>,
    max_price: f64,
    problems: Vec<Problem>,
    proposed: SchemaFile,
    used: BTreeMap<String, ColumnRule>,
    replaced: Vec<Replaced>,
    currency: Option<Currency>,
}

impl Mapped {
    fn of(raw: &Raw, file: &SchemaFile) -> Self {
        let mapping = mapping::plan(&sources(raw), file);
        let mut problems = renamed(raw, &mapping);
        // What was recognised has a sentence that says so.
        let is_mapped = |problem: &Problem| {
            let same = |other: &&Problem| other.column == problem.column;
            mapping
                .problems
                .iter()
                .any(|other| other.kind == ProblemKind::Mapped && same(&other))
        };
        problems.retain(|problem| !is_mapped(problem));
        problems.extend(mapping.problems);
        problems.extend(raw.problems.iter().take(MAX_RENAMED).cloned());
        let derived = derived(raw, &mapping.derived);
        let id = identifiers(raw, &mapping.roles);
        let features: Vec<_> = mapping
            .names
            .iter()
            .zip(&raw.columns)
            .zip(mapping.readings.iter().zip(&mapping.roles))
            .filter(|(_, (_, role))| **role == Role::Feature)
            .collect();
        let mut texts: Vec<(String, Option<StringChunked>)> = features
            .into_par_iter()
            .map(|((name, (_, text)), (reading, _))| {
                (name.clone(), Some(converted(text, *reading)))
            })
            .collect();
        let kinds = mapping.names.iter().zip(mapping.kinds);
        let mut kinds: HashMap<String, ColumnKind> = kinds
            .filter_map(|(name, kind)| Some((name.clone(), kind?)))
            .collect();
        texts.extend(derived);
        if let Some(id) = id {
            // Datasets name properties again by the columns of the clean rows.
            kinds.insert(PROPERTY_ID.to_owned(), ColumnKind::Code);
            texts.push((PROPERTY_ID.to_owned(), Some(id)));
        }
        problems.extend(contradicting_zips(&mut texts));
        Self {
            texts,
            names: mapping.names,
            kinds,
            max_price: mapping.max_price,
            problems,
            proposed: mapping.proposed,
            used: mapping.used,
            replaced: mapping.replaced,
            currency: mapping.currency,
        }
    }
}

/// The columns of a batch, each with a sample of its values.
fn sources(raw: &Raw) -> Vec<Source<'_>> {
    let step = (raw.rows / SAMPLE_ROWS).max(1);
    let sampled = raw.rows.div_ceil(step).max(1);
    raw.columns
        .iter()
        .map(|(name, text)| {
            let cells = (0..raw.rows).step_by(step).filter_map(|row| text.get(row));
            let sample: Vec<&str> = cells.filter(|cell| !is_null_text(cell)).collect();
            Source {
                name,
                filled: sample.len() as f64 / sampled as f64,
                sample,
            }
        })
        .collect()
}

/// The texts with plain values in the stored unit; a text that cannot be read stays as it is.
fn converted(text: &StringChunked, reading: Reading) -> StringChunked {
    if reading == Reading::AsIs {
        return text.clone();
    }
    let mut cells = StringChunkedBuilder::new(PlSmallStr::EMPTY, text.len());
    for cell in text.iter() {
        match cell.and_then(|cell| reading.convert(cell)) {
            Some(plain) => cells.append_value(plain),
            None => cells.append_option(cell),
        }
    }
    cells.finish()
}

/// The columns that are made from others.
fn derived(raw: &Raw, derived: &[Derived]) -> Vec<(String, Option<StringChunked>)> {
    let made = derived.iter().map(|Derived { name, recipe }| {
        let mut cells = StringChunkedBuilder::new(PlSmallStr::EMPTY, raw.rows);
        for row in 0..raw.rows {
            let text = |column: usize| {
                let (_, text) = raw.columns.get(column)?;
                text.get(row).filter(|cell| !is_null_text(cell))
            };
            cells.append_option(recipe.value(text));
        }
        (name.clone(), Some(cells.finish()))
    });
    made.collect()
}

/// The declared identifiers of each row, together; null where one is missing.
fn identifiers(raw: &Raw, roles: &[Role]) -> Option<StringChunked> {
    let columns = raw.columns.iter().zip(roles);
    let columns: Vec<&StringChunked> = columns
        .filter(|(_, role)| **role == Role::Identifier)
        .map(|((_, text), _)| text)
        .collect();
    if columns.is_empty() {
        return None;
    }
    let mut cells = StringChunkedBuilder::new(PlSmallStr::EMPTY, raw.rows);
    for row in 0..raw.rows {
        let parts = columns.iter().map(|text| {
            let cell = text.get(row).filter(|cell| !is_null_text(cell))?;
            clean_text(cell)
        });
        let parts: Option<Vec<_>> = parts.collect();
        cells.append_option(parts.map(|parts| parts.join(" ")));
    }
    Some(cells.finish())
}

/// Removes zip codes without their leading zeros that lie outside of their row's state once they are
/// padded (`7701` in Texas is not New Jersey's 07701), and counts all that contradict their state. The
/// state of a row without one is that before its zip code (`CT 06016`).
fn contradicting_zips(texts: &mut [(String, Option<StringChunked>)]) -> Option<Problem> {
    let states = text_of(texts, schema::STATE).cloned();
    let (_, zips) = texts
        .iter_mut()
        .find(|(name, _)| name == schema::ZIP_CODE)?;
    let text = zips.as_ref()?;
    // A batch has few states, and many rows of each.
    let mut zips_of: HashMap<&str, Option<ZipCodes>> = HashMap::new();
    let mut contradicting = 0_u64;
    let mut padded: Vec<usize> = Vec::new();
    for (row, cell) in text.iter().enumerate() {
        let Some(zip) = cell.and_then(read_zip) else {
            continue;
        };
        let state = states.as_ref().and_then(|states| states.get(row));
        let mut states = [state, zip.state].into_iter().flatten();
        let contradicts = states.any(|state| {
            let zips = *zips_of.entry(state).or_insert_with(|| ZipCodes::of(state));
            zips.is_some_and(|zips| zips.contain(&zip.code) == Some(false))
        });
        if contradicts {
            contradicting += 1;
            if zip.is_padded {
                padded.push(row);
            }
        }
    }
    if contradicting == 0 {
        return None;
    }
    let removed = padded.len();
    if removed > 0 {
        let mut padded = padded.into_iter().peekable();
        let mut cells = StringChunkedBuilder::new(PlSmallStr::EMPTY, text.len());
        for (row, cell) in text.iter().enumerate() {
            let is_padded = padded.next_if_eq(&row).is_some();
            cells.append_option(cell.filter(|_| !is_padded));
        }
        *zips = Some(cells.finish());
    }
    Some(Problem {
        kind: ProblemKind::ZipContradictsState,
        column: Some(schema::ZIP_CODE.to_owned()),
        sentence: format!(
            "{contradicting} zip codes lie outside of the state of their row; {removed} of them are written without leading zeros and were not used."
        ),
    })
}

/// The columns whose names had to be changed by more than white space and case.
fn renamed(raw: &Raw, mapping: &Mapping) -> Vec<Problem> {
    raw.columns
        .iter()
        .zip(&mapping.names)
        .zip(&mapping.roles)
        .filter(|(_, role)| **role == Role::Feature)
        .map(|(names, _)| names)
        .filter(|((given, _), kept)| {
            given.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}') != kept.as_str()
                && schema::known(kept).is_none()
        })
        .take(MAX_RENAMED)
        .map(|((given, _), kept)| {
            let given: String = given.chars().take(schema::MAX_NAME_CHARS).collect();
            Problem {
                kind: ProblemKind::Renamed,
                column: Some(kept.clone()),
                sentence: format!("The source's column `{given}` was renamed to `{kept}`."),
            }
        })
        .collect()
}

/// The numbers that decide whether a row is rejected.
fn cast_judged(texts: &[(String, Option<StringChunked>)], rows: usize) -> [Cast; 5] {
    let [a, b, c, d, e] = JUDGED.map(|name| {
        move || match text_of(texts, name) {
            Some(text) => cast(ColumnKind::Number, text),
            None => all_missing(ColumnKind::Number, rows),
        }
    });
    let ((a, b), ((c, d), e)) = rayon::join(
        || rayon::join(a, b),
        || rayon::join(|| rayon::join(c, d), e),
    );
    [a, b, c, d, e]
}

fn text_of<'t>(
    texts: &'t [(String, Option<StringChunked>)],
    name: &str,
) -> Option<&'t StringChunked> {
    let (_, text) = texts.iter().find(|(known, _)| known == name)?;
    text.as_ref()
}

/// A column with its declared limits.
struct Limited {
    name: String,
    min: f64,
    max: f64,
    numbers: Vec<f64>,
}

fn limits(texts: &[(String, Option<StringChunked>)], file: &SchemaFile) -> Vec<Limited> {
    let declared = file.columns.iter().filter_map(|(name, rule)| {
        if rule.min.is_none() && rule.max.is_none() {
            return None;
        }
        let numbers = match cast(ColumnKind::Number, text_of(texts, name)?).values {
            Values::Number(numbers) => numbers,
            Values::Date(_) | Values::Text(_) => return None,
        };
        Some(Limited {
            name: name.clone(),
            min: rule.min.unwrap_or(f64::NEG_INFINITY),
            max: rule.max.unwrap_or(f64::INFINITY),
            numbers,
        })
    });
    declared.collect()
}

/// A row that cannot be a listing.
struct Refused {
    row: u32,
    reason: Reason,
    /// The sentence for people.
    detail: String,
}

/// The rows that cannot be listings, in order.
fn refuse(
    price_text: Option<&StringChunked>,
    judged: &[Cast; 5],
    limits: &[Limited],
    (max_price, area): (f64, AreaUnit),
    rows: usize,
) -> Vec<Refused> {
    let [price, bed, bath, acre_lot, house_size] =
        judged.each_ref().map(|cast| match &cast.values {
            Values::Number(numbers) => numbers.as_slice(),
            Values::Date(_) | Values::Text(_) => &[],
        });
    let at = |values: &[f64], row: usize| values.get(row).copied().unwrap_or(f64::NAN);
    let mut refused = Vec::new();
    for row in 0..rows {
        let price = at(price, row);
        let judged = Judged {
            price,
            price_is_bad: price.is_nan()
                && price_text
                    .and_then(|text| text.get(row))
                    .is_some_and(|text| !is_null_text(text)),
            bed: at(bed, row),
            bath: at(bath, row),
            acre_lot: at(acre_lot, row),
            house_size: at(house_size, row),
            area,
        };
        let beyond = limits.iter().find(|limited| {
            let value = at(&limited.numbers, row);
            value < limited.min || value > limited.max
        });
        let found = match (judge(&judged, max_price), beyond) {
            (Some(refusal), _) => Some((refusal.reason, refusal.detail())),
            (None, Some(limited)) => {
                let reason = Reason::OutsideLimits;
                let value = number_text(at(&limited.numbers, row));
                let detail = format!("{} `{}` is {value}.", reason.sentence(), limited.name);
                Some((reason, detail))
            }
            (None, None) => None,
        };
        if let Some((reason, detail)) = found {
            refused.push(Refused {
                row: row as u32,
                reason,
                detail,
            });
        }
    }
    refused
}

/// The rejected rows as the source wrote them, with their reasons. Those that could not be read come
/// last, as text with their line.
fn rejected(
    texts: &[(String, Option<StringChunked>)],
    refused: &[Refused],
    lines: &Lines,
    broken: &[BrokenRow],
) -> Result<DataFrame, FrameError> {
    // No column has a row of this number, so those cells are null.
    let none = broken.iter().map(|_| u32::MAX);
    let rows: Vec<u32> = refused
        .iter()
        .map(|refused| refused.row)
        .chain(none)
        .collect();
    let mut table = Table::new(rows.len());
    for (name, text) in texts {
        if let Some(text) = text {
            table.text(name, gather_text(text, &rows));
        }
    }
    let reasons = refused.iter().map(|refused| refused.reason);
    table.texts(
        schema::REASON,
        reasons
            .chain(broken.iter().map(|row| row.reason))
            .map(Reason::code),
    );
    let details = refused.iter().map(|refused| refused.detail.clone());
    table.texts(
        schema::DETAIL,
        details.chain(broken.iter().map(|row| row.detail.clone())),
    );
    let lines = lines_of(refused, lines, broken);
    if lines.iter().any(Option::is_some) {
        let lines: Vec<f64> = lines
            .iter()
            .map(|line| line.map_or(f64::NAN, |line| line as f64))
            .collect();
        table.numbers(schema::SOURCE_LINE, &lines);
    }
    if !broken.is_empty() {
        let texts = broken.iter().map(|row| Some(row.text.as_str()));
        let texts = refused.iter().map(|_| None).chain(texts);
        let mut cells = StringChunkedBuilder::new(PlSmallStr::EMPTY, rows.len());
        texts.for_each(|text| cells.append_option(text));
        table.text(schema::SOURCE_TEXT, cells.finish());
    }
    table.finish()
}

/// The line of each rejected row, in the order of [`rejected`].
fn lines_of(refused: &[Refused], lines: &Lines, broken: &[BrokenRow]) -> Vec<Option<u64>> {
    let refused = refused.iter().map(|row| lines.of(row.row as usize));
    refused
        .chain(broken.iter().map(|row| Some(row.line)))
        .collect()
}

/// The lines of the first rejected rows of each reason.
fn first_lines(
    refused: &[Refused],
    lines: &Lines,
    broken: &[BrokenRow],
) -> BTreeMap<Reason, Vec<u64>> {
    let reasons = refused.iter().map(|row| row.reason);
    let reasons = reasons.chain(broken.iter().map(|row| row.reason));
    let mut first: BTreeMap<Reason, Vec<u64>> = BTreeMap::new();
    for (reason, line) in reasons.zip(lines_of(refused, lines, broken)) {
        let of_reason = first.entry(reason).or_default();
        if of_reason.len() < LINES_NAMED {
            of_reason.extend(line);
        }
    }
    first
}

/// Casts all columns, the twelve known ones first, and drops each text as soon as it is cast.
fn cast_all(
    texts: &mut [(String, Option<StringChunked>)],
    kinds: &Kinds<'_>,
    judged: [Cast; 5],
    rows: usize,
    quality: &mut QualityReport,
) -> Vec<Column> {
    let mut judged: Vec<(&str, Cast)> = JUDGED.into_iter().zip(judged).collect();
    let mut columns: Vec<Uncast> = Vec::with_capacity(texts.len() + schema::COLUMNS.len());
    for known in &schema::COLUMNS {
        let text = texts
            .iter_mut()
            .find(|(name, _)| name == known.name)
            .and_then(|(_, text)| text.take());
        if text.is_none() {
            quality.columns_gone.push(known.name.to_owned());
        }
        let done = judged.iter().position(|(name, _)| *name == known.name);
        columns.push(Uncast {
            name: known.name.to_owned(),
            kind: Some(known.kind),
            remembered: None,
            text,
            done: done.map(|place| judged.swap_remove(place).1),
        });
    }
    for (name, text) in texts {
        if let Some(text) = text.take() {
            quality.columns_new.push(name.clone());
            columns.push(Uncast {
                kind: kinds.declared.get(name).copied(),
                remembered: kinds.remembered.get(name).copied(),
                name: name.clone(),
                text: Some(text),
                done: None,
            });
        }
    }
    let columns: Vec<(Column, u64)> = columns
        .into_par_iter()
        .map(|column| column.cast(rows))
        .collect();
    let report = |(column, nulls): &(Column, u64)| RawColumn {
        name: column.name.clone(),
        kind: column.kind,
        nulls: *nulls,
        bad: column.bad,
    };
    quality.columns.extend(columns.iter().map(report));
    quality.remembered.clone_from(kinds.remembered);
    let readable = rows as u64;
    for column in &quality.columns {
        let given = readable.saturating_sub(column.nulls);
        let declared = kinds.declared.contains_key(&column.name);
        let Some(was) = kinds.remembered.get(&column.name).filter(|_| !declared) else {
            continue;
        };
        quality.problems.extend(kind_problem(column, *was, given));
    }
    columns.into_iter().map(|(column, _)| column).collect()
}

/// What is known of the kinds of columns beyond the known ones.
struct Kinds<'a> {
    declared: HashMap<String, ColumnKind>,
    /// Of earlier batches.
    remembered: &'a BTreeMap<String, ColumnKind>,
}

/// What is said of a column that is not, or not as much as usual, of the kind of earlier batches.
fn kind_problem(column: &RawColumn, was: ColumnKind, given: u64) -> Option<Problem> {
    let RawColumn {
        name, kind, bad, ..
    } = column;
    let word = |kind: ColumnKind| match kind {
        ColumnKind::Number => "numbers",
        ColumnKind::Date => "dates",
        ColumnKind::Code | ColumnKind::Category | ColumnKind::Zip => "text",
    };
    let (kind, sentence) = if word(was) != word(*kind) {
        let sentence = format!(
            "Column `{name}` has {} in this batch, and had {} before.",
            word(*kind),
            word(was)
        );
        (ProblemKind::KindChanged, sentence)
    } else if *bad > 0 && !is_bulk(given - bad, given) {
        let sentence = format!(
            "Column `{name}` has {} as before; {bad} of {given} values could not be read as such and are missing.",
            word(was)
        );
        (ProblemKind::KindKept, sentence)
    } else {
        return None;
    };
    Some(Problem {
        kind,
        column: Some(name.clone()),
        sentence,
    })
}

struct Uncast {
    name: String,
    /// `None` is inferred.
    kind: Option<ColumnKind>,
    /// The kind in earlier batches.
    remembered: Option<ColumnKind>,
    text: Option<StringChunked>,
    done: Option<Cast>,
}

impl Uncast {
    /// The column, and how many rows have no value.
    fn cast(self, rows: usize) -> (Column, u64) {
        let kind = match (self.kind, &self.text) {
            (Some(kind), _) => kind,
            (None, Some(text)) => match self.remembered {
                Some(remembered) => kind_after(remembered, text.iter()),
                None => infer_kind(text.iter()),
            },
            (None, None) => ColumnKind::Category,
        };
        let Cast { values, nulls, bad } = match (self.done, self.text) {
            (Some(done), _) => done,
            (None, Some(text)) => cast(kind, &text),
            (None, None) => all_missing(kind, rows),
        };
        let column = Column {
            name: self.name,
            kind,
            bad,
            values,
        };
        (column, nulls)
    }
}

/// The columns that name the property of a row.
struct Naming<'c> {
    ids: Vec<&'c Values>,
    units: Vec<&'c Values>,
    street: Option<&'c StringChunked>,
    city: Option<&'c StringChunked>,
    state: Option<&'c StringChunked>,
    zip_code: Option<&'c StringChunked>,
    features: [Option<&'c [f64]>; FEATURE_COLUMNS.len()],
}

impl<'c> Naming<'c> {
    fn of(columns: &'c [Column]) -> Self {
        let values = |name: &str| {
            let column = columns.iter().find(|column| column.name == name)?;
            Some(&column.values)
        };
        let text = |name: &str| match values(name) {
            Some(Values::Text(text)) => Some(text),
            _ => None,
        };
        let all = |names: &[&str]| names.iter().filter_map(|name| values(name)).collect();
        Self {
            ids: all(&ID_COLUMNS),
            units: all(&UNIT_COLUMNS),
            street: text(schema::STREET),
            city: text(schema::CITY),
            state: text(schema::STATE),
            zip_code: text(schema::ZIP_CODE),
            features: FEATURE_COLUMNS.map(|name| match values(name) {
                Some(Values::Number(numbers)) => Some(numbers.as_slice()),
                _ => None,
            }),
        }
    }

    fn key(
        &self,
        row: usize,
        row_hash: impl FnOnce() -> u128,
        buffer: &mut Vec<u8>,
    ) -> (PropertyKey, IdentityRule) {
        let text = |column: Option<&'c StringChunked>| column.and_then(|text| text.get(row));
        Identity {
            id: first_known(&self.ids, row).as_deref(),
            street: text(self.street),
            unit: first_known(&self.units, row).as_deref(),
            city: text(self.city),
            state: text(self.state),
            zip_code: text(self.zip_code),
            features: &self.features.map(|numbers| {
                let value = numbers.and_then(|numbers| numbers.get(row));
                value.copied().unwrap_or(f64::NAN)
            }),
        }
        .key(row_hash, buffer)
    }
}

/// The first value of a row; an id may look like a number.
fn first_known<'c>(columns: &[&'c Values], row: usize) -> Option<Cow<'c, str>> {
    columns.iter().find_map(|values| match values {
        Values::Text(text) => text.get(row).map(Cow::Borrowed),
        Values::Number(numbers) => numbers
            .get(row)
            .filter(|value| !value.is_nan())
            .map(|value| number_text(*value).into()),
        Values::Date(_) => None,
    })
}

impl Draft {
    /// The columns beyond the known ones from which no model may learn, by their values.
    fn leaks(&self) -> Vec<Problem> {
        let numbers = |name: &str| {
            let column = self.columns.iter().find(|column| column.name == name);
            match column.map(|column| &column.values) {
                Some(Values::Number(numbers)) => numbers.as_slice(),
                _ => &[],
            }
        };
        let ln_prices: Vec<f64> = numbers(schema::PRICE)
            .iter()
            .map(|price| price.ln())
            .collect();
        let areas = numbers(schema::HOUSE_SIZE);
        let mut found = Vec::new();
        for Column { name, values, .. } in &self.columns {
            if schema::known(name).is_some() || !schema::is_feature(name) {
                continue;
            }
            let (repeats, names) = match values {
                Values::Number(values) => (
                    leak::repeats_price(values, &ln_prices, None)
                        || leak::repeats_price(values, &ln_prices, Some(areas)),
                    leak::numbers_rows(values),
                ),
                Values::Text(texts) => (false, leak::names_rows(texts.iter())),
                Values::Date(_) => continue,
            };
            let (kind, what) = match (repeats, names) {
                (true, _) => (ProblemKind::Leak, "repeats the price or the price per area"),
                (false, true) => (
                    ProblemKind::Identifier,
                    "is different in every row, like an identifier",
                ),
                (false, false) => continue,
            };
            found.push(Problem {
                kind,
                column: Some(name.clone()),
                sentence: format!(
                    "Column `{name}` {what}; models do not use it while this is the case."
                ),
            });
        }
        found
    }

    /// Hashes the rows that are not rejected, and keeps the first of equal ones.
    fn keep(&mut self, rows: usize, refused: &[Refused]) {
        let mut by_name: Vec<&Column> = self.columns.iter().collect();
        // When a row was read, and what only time changes, makes no row new.
        by_name.retain(|column| !reading::is_of_the_reading(&column.name));
        by_name.sort_by(|left, right| left.name.cmp(&right.name));
        let named = |names: &[&str]| -> Vec<&Column> {
            let is_named = |column: &&&Column| names.contains(&column.name.as_str());
            by_name.iter().filter(is_named).copied().collect()
        };
        // What makes two rows of one property the same sale. An address may have several homes.
        let sale = named(&[schema::PRICE, schema::PREV_SOLD_DATE]);
        let home = FEATURE_COLUMNS
            .iter()
            .chain(&[schema::PRICE, schema::PREV_SOLD_DATE]);
        let sale_of_home = named(&home.copied().collect::<Vec<_>>());
        let naming = Naming::of(&self.columns);
        let mut refused = refused.iter().map(|refused| refused.row).peekable();
        let readable: Vec<u32> = (0..rows as u32)
            .filter(|row| refused.next_if_eq(row).is_none())
            .collect();
        let mut hashed: Vec<(u128, (PropertyKey, IdentityRule))> = Vec::new();
        readable
            .par_iter()
            .map_init(
                || (RowHasher::default(), Vec::new()),
                |(hasher, buffer), row| {
                    let row = *row as usize;
                    let property = naming.key(row, || hash_row(hasher, &by_name, row), buffer);
                    let hash = match property {
                        (key, IdentityRule::Id) => hash_sale(hasher, key, &sale, row),
                        (key, IdentityRule::Address) => hash_sale(hasher, key, &sale_of_home, row),
                        (_, IdentityRule::Features) => hash_row(hasher, &by_name, row),
                        (key, IdentityRule::Row) => key.0,
                    };
                    (hash, property)
                },
            )
            .collect_into_vec(&mut hashed);
        let mut seen = Hashes::with_capacity_and_hasher(hashed.len(), Default::default());
        for (row, (hash, property)) in readable.into_iter().zip(hashed) {
            if !seen.insert(hash) {
                self.quality.duplicates_within += 1;
                continue;
            }
            self.rows.push(row);
            self.row_hashes.push(hash);
            self.properties.push(property);
        }
        self.known = Arc::new(seen);
    }

    /// The hash of each remaining row, to be compared with other batches.
    pub fn row_hashes(&self) -> &[u128] {
        &self.row_hashes
    }

    /// The same hashes, for look-ups.
    pub fn known(&self) -> Arc<Hashes> {
        self.known.clone()
    }

    /// Drops the rows that another batch has according to `is_elsewhere`, and profiles the rest.
    ///
    /// # Errors
    /// As [`draft`].
    pub fn finish(self, is_elsewhere: impl Fn(u128) -> bool) -> Result<Cleaned, FrameError> {
        let Self {
            columns,
            rows,
            row_hashes,
            known: _,
            properties,
            rejected,
            rejected_lines,
            mut quality,
            mut proposed,
        } = self;
        let before = rows.len();
        let (mut kept, mut kept_hashes, mut kept_properties) = (
            Vec::with_capacity(before),
            Vec::with_capacity(before),
            Vec::with_capacity(before),
        );
        for ((row, hash), property) in rows.into_iter().zip(row_hashes).zip(properties) {
            if !is_elsewhere(hash) {
                kept.push(row);
                kept_hashes.push(hash);
                kept_properties.push(property);
            }
        }
        quality.duplicates_across = (before - kept.len()) as u64;
        quality.clean = kept.len() as u64;
        let mut keys: Vec<u128> = kept_properties.iter().map(|(key, _)| key.0).collect();
        keys.par_sort_unstable();
        keys.dedup();
        quality.properties = keys.len() as u64;
        for (_, rule) in &kept_properties {
            *quality.identity.entry(*rule).or_default() += 1;
        }

        for column in &columns {
            if let Some(rule) = proposed.columns.get_mut(&column.name)
                && schema::known(&column.name).is_none()
            {
                rule.kind = Some(column.kind);
            }
        }
        let is_whole = kept.len() as u64 == quality.readable();
        let finished: Vec<_> = columns
            .into_par_iter()
            .map(|column| {
                let values = if is_whole {
                    column.values
                } else {
                    column.values.gather(&kept)?
                };
                let mut described = describe(&column.name, &values);
                described.kind = column.kind;
                described.bad = column.bad;
                Ok((described, table::column(&column.name, values)?))
            })
            .collect::<Result<_, FrameError>>()?;
        let mut table = Table::new(kept.len());
        let mut profile = Profile {
            rows: kept.len() as u64,
            columns: Vec::with_capacity(finished.len()),
        };
        for (described, column) in finished {
            profile.columns.push(described);
            table.add(column);
        }
        let (keys, row_hashes) = rayon::join(
            || {
                let keys = kept_properties.iter().map(|(key, _)| Digits::of(key.0));
                table::texts(schema::PROPERTY_KEY, kept.len(), keys)
            },
            || {
                let hashes = kept_hashes.iter().map(|hash| Digits::of(*hash));
                table::texts(schema::ROW_HASH, kept.len(), hashes)
            },
        );
        table.add(keys);
        table.add(row_hashes);
        Ok(Cleaned {
            clean: table.finish()?,
            rejected,
            quality,
            profile,
            proposed,
            rejected_lines,
            row_hashes: kept_hashes,
        })
    }
}

/// The hash of a sale: the property, and these columns.
fn hash_sale(hasher: &mut RowHasher, key: PropertyKey, columns: &[&Column], row: usize) -> u128 {
    hasher.start();
    add_values(hasher, columns, row);
    hasher.text(schema::PROPERTY_KEY, Digits::of(key.0).as_str());
    hasher.finish()
}

fn hash_row(hasher: &mut RowHasher, by_name: &[&Column], row: usize) -> u128 {
    hasher.start();
    add_values(hasher, by_name, row);
    hasher.finish()
}

fn add_values(hasher: &mut RowHasher, columns: &[&Column], row: usize) {
    for column in columns {
        match &column.values {
            Values::Number(numbers) => {
                if let Some(number) = numbers.get(row) {
                    hasher.number(&column.name, *number);
                }
            }
            Values::Date(dates) => {
                if let Some(Some(date)) = dates.get(row) {
                    hasher.date(&column.name, *date);
                }
            }
            Values::Text(text) => {
                if let Some(text) = text.get(row) {
                    hasher.text(&column.name, text);
                }
            }
        }
    }
}

fn describe(name: &str, values: &Values) -> ColumnProfile {
    match values {
        Values::Number(numbers) => ColumnProfile::number(name, numbers),
        Values::Date(dates) => {
            let days: Vec<f64> = dates
                .iter()
                .map(|date| date.map_or(f64::NAN, |date| f64::from(days_since_epoch(date))))
                .collect();
            ColumnProfile::date(name, &days)
        }
        Values::Text(text) => ColumnProfile::category(name, text.iter()),
    }
}

#[cfg(test)]
mod tests;
