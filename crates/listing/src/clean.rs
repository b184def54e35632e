//! The scalar cleaning rules: from the source's text to a typed value or nothing.
//!
//! Every rule strips white space first and returns `None` for null texts ([`is_null_text`]) and for
//! values that it cannot read; to count the latter, call [`is_null_text`]. Every rule is idempotent:
//! cleaning the text of a clean value gives that value.

use std::borrow::Cow;

use jiff::civil::Date;

use crate::place::ZipCodes;
pub use crate::property::number_text;
use crate::schema::ColumnKind;

/// Texts that mean a missing value, in lower case: pandas' NA values, `NaT`, and what people type
/// into empty fields.
pub const NULL_TEXTS: [&str; 21] = [
    "",
    "na",
    "n/a",
    "#n/a",
    "#n/a n/a",
    "#na",
    "<na>",
    "nan",
    "-nan",
    "1.#ind",
    "-1.#ind",
    "1.#qnan",
    "-1.#qnan",
    "null",
    "none",
    "nil",
    "nat",
    "undefined",
    "-",
    "--",
    "?",
];

/// Whether this text means a missing value: one of [`NULL_TEXTS`] in any case, after stripping.
pub fn is_null_text(text: &str) -> bool {
    let text = text.trim();
    // No null text is longer than nine bytes, and most values are.
    text.len() <= 9
        && NULL_TEXTS
            .iter()
            .any(|null| null.len() == text.len() && null.eq_ignore_ascii_case(text))
}

/// Reads a number: finite, with `-0` as `0`.
///
/// Accepts an optional sign, decimals and an exponent (`12`, `-3.5`, `1e6`), a leading `$`, and
/// commas between groups of three digits (`1,200`, `$1,234,567.50`). The source is American, so a
/// comma is never a decimal point, and `12,00` is invalid. Infinities and numbers outside the range
/// of 64-bit floats are invalid.
pub fn clean_number(text: &str) -> Option<f64> {
    let text = text.trim();
    // No null text reads as a number.
    let number = match parse_finite(text) {
        Some(number) => number,
        None => parse_finite(&without_grouping(text)?)?,
    };
    // `-0.0 + 0.0` is `0.0`: equal values must have equal text and equal hashes.
    Some(number + 0.0)
}

fn parse_finite(text: &str) -> Option<f64> {
    // Rust's parser also takes words ("infinity"), which no amount is spelled with.
    let last = text.bytes().next_back()?;
    if !(last.is_ascii_digit() || last == b'.') {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// `$1,234,567.50` as `1234567.50`; `None` if there is nothing to remove or a group does not have
/// three digits.
fn without_grouping(text: &str) -> Option<String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let rest = rest.strip_prefix('$').map_or(rest, str::trim_start);
    let (whole, fraction) = match rest.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (rest, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let grouped = whole.contains(',');
    if first.is_empty()
        || !all_digits(first)
        || (grouped && first.len() > 3)
        || !groups.all(|group| group.len() == 3 && all_digits(group))
        || !fraction.is_none_or(all_digits)
    {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    plain.push_str(sign);
    plain.extend(whole.chars().filter(|c| *c != ','));
    if let Some(fraction) = fraction {
        plain.push('.');
        plain.push_str(fraction);
    }
    Some(plain)
}

/// Reads a US zip code as five digits: the code of [`read_zip`].
pub fn clean_zip(text: &str) -> Option<Cow<'_, str>> {
    read_zip(text).map(|zip| zip.code)
}

/// A US zip code as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zip<'t> {
    /// Five digits.
    pub code: Cow<'t, str>,
    /// Whether leading zeros were missing.
    pub is_padded: bool,
    /// The state before it (`CT 06016`).
    pub state: Option<&'t str>,
}

/// Reads a US zip code.
///
/// Codes that lost their leading zeros are padded (`6016`, and `6016.0` as a float writes it, are
/// `06016`). Of ZIP+4, the first five digits are kept, whatever stands between the two
/// (`06016-1234`, `06016 1234`, `060161234`), and also where leading zeros are missing (`60161234`) or
/// the last four digits (`06016-`). A state before the code is accepted. Other lengths, signs, letters
/// and `00000`, which does not exist, are invalid.
pub fn read_zip(text: &str) -> Option<Zip<'_>> {
    let (state, text) = without_state(text.trim());
    let is_mark = |c: char| c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2013}');
    let zip = match text.split_once(is_mark) {
        Some((zip, plus_four)) => {
            let plus_four = without_zero_fraction(plus_four.trim_start_matches(is_mark));
            if !(plus_four.is_empty() || plus_four.len() == 4 && is_digits(plus_four)) {
                return None;
            }
            zip
        }
        None => {
            let digits = without_zero_fraction(text);
            match digits.len() {
                // ZIP+4 without its hyphen; as a number, also without leading zeros.
                7..=9 if is_digits(digits) => digits.get(..digits.len() - 4)?,
                _ => digits,
            }
        }
    };
    if zip.len() > 5 || !is_digits(zip) || zip.bytes().all(|b| b == b'0') {
        return None;
    }
    let is_padded = zip.len() < 5;
    Some(Zip {
        code: match is_padded {
            true => Cow::Owned(format!("{zip:0>5}")),
            false => Cow::Borrowed(zip),
        },
        is_padded,
        state,
    })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The state before a zip code, and the rest.
fn without_state(text: &str) -> (Option<&str>, &str) {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return (None, text);
    }
    let end = text.find(|c: char| c.is_ascii_digit());
    let (state, rest) = text.split_at(end.unwrap_or(text.len()));
    let state = state.trim_end_matches(|c: char| !c.is_alphanumeric());
    match ZipCodes::of(state) {
        Some(_) => (Some(state), rest),
        None => (None, text),
    }
}

/// Reads a code: `1758218.0`, as a float writes it, is `1758218`; other text is kept, including
/// leading zeros, with white space stripped and collapsed.
pub fn clean_code(text: &str) -> Option<String> {
    clean_text(text).map(Cow::into_owned)
}

/// Reads a category: text with white space stripped and inner white space collapsed to one space;
/// case is kept. The number `7.0` is the category `7`.
pub fn clean_category(text: &str) -> Option<String> {
    clean_text(text).map(Cow::into_owned)
}

/// The rule of [`clean_code`] and [`clean_category`], without a copy if nothing changes.
pub fn clean_text(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    if is_null_text(text) {
        return None;
    }
    let plain = without_zero_fraction(text);
    if !is_tidy(plain) {
        let mut collapsed = String::with_capacity(plain.len());
        for word in plain.split_whitespace() {
            if !collapsed.is_empty() {
                collapsed.push(' ');
            }
            collapsed.push_str(word);
        }
        return (!is_null_text(&collapsed)).then_some(Cow::Owned(collapsed));
    }
    Some(Cow::Borrowed(plain))
}

/// Whether all white space is single spaces.
fn is_tidy(text: &str) -> bool {
    let mut after_space = false;
    let mut is_tidy = |is_space: bool, is_white: bool| {
        let tidy = !is_white || is_space && !after_space;
        after_space = is_space;
        tidy
    };
    if text.is_ascii() {
        let mut bytes = text.bytes();
        bytes.all(|byte| is_tidy(byte == b' ', matches!(byte, b' ' | b'\t'..=b'\r')))
    } else {
        text.chars().all(|c| is_tidy(c == ' ', c.is_whitespace()))
    }
}

/// `12.0`, `-3.` and `4.000` without their fraction; every other text unchanged.
fn without_zero_fraction(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, zeros))
            if zeros.bytes().all(|b| b == b'0')
                && !whole.trim_start_matches('-').is_empty()
                && whole
                    .strip_prefix('-')
                    .unwrap_or(whole)
                    .bytes()
                    .all(|b| b.is_ascii_digit()) =>
        {
            whole
        }
        _ => text,
    }
}

/// The valid years of a listing's date; others are typing errors (the source has `3013`).
pub const YEARS: std::ops::RangeInclusive<i16> = 1700..=2200;

/// Reads a date; a time of day after it is ignored.
///
/// Accepts `1999-09-30` and `19990930`, alone or followed by `T` or a space and a time
/// (`1999-09-30T00:00:00Z`, `20141013T000000`). Days that do not exist, years outside [`YEARS`] and
/// other orders (`9/30/1999`) are invalid.
pub fn clean_date(text: &str) -> Option<Date> {
    let text = text.trim();
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    if !date.is_ascii() || !time.is_none_or(looks_like_time) {
        return None;
    }
    let (year, month, day) = match date.len() {
        10 if date.get(4..5) == Some("-") && date.get(7..8) == Some("-") => {
            (date.get(0..4)?, date.get(5..7)?, date.get(8..10)?)
        }
        8 => (date.get(0..4)?, date.get(4..6)?, date.get(6..8)?),
        _ => return None,
    };
    let year = digits(year)?;
    if !YEARS.contains(&year) {
        return None;
    }
    let small = |text| digits(text).and_then(|number| i8::try_from(number).ok());
    Date::new(year, small(month)?, small(day)?).ok()
}

fn digits(text: &str) -> Option<i16> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// The time is ignored, so it only has to start with an hour and contain characters of a time.
fn looks_like_time(time: &str) -> bool {
    let time = time.trim_start();
    time.bytes().take(2).filter(u8::is_ascii_digit).count() == 2
        && time
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'+' | b'-' | b'Z' | b'z'))
}

/// The days from 1970-01-01 to this date; negative before.
pub fn days_since_epoch(date: Date) -> i32 {
    const EPOCH: Date = jiff::civil::date(1970, 1, 1);
    // Both dates lie in the years -9999 to 9999, whose days fit 32 bits.
    EPOCH.until(date).map_or(0, |span| span.get_days())
}

/// The date this many days after 1970-01-01; `None` outside the calendar's range.
pub fn date_from_days(days: i32) -> Option<Date> {
    const EPOCH: Date = jiff::civil::date(1970, 1, 1);
    EPOCH
        .checked_add(jiff::SignedDuration::from_hours(i64::from(days) * 24))
        .ok()
}

/// Whether so many of all values are enough to decide what a column is.
pub const fn is_bulk(count: u64, all: u64) -> bool {
    all > 0 && count * 100 >= all * 95
}

/// Infers the kind of a new column by the bulk of its values: a number if at least 95 % of those that are
/// not null are numbers, otherwise a date if at least 95 % are dates, otherwise a category. The others are
/// unreadable, and counted as such.
///
/// A number with a leading zero (`007`, `02134`) is a code: a column in which more than 1 % have one is a
/// category, because numbers would lose the zero. A column without values is a category.
pub fn infer_kind<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> ColumnKind {
    Tally::of(values).kind()
}

/// The kind of a column that earlier batches had as `remembered`. Where no kind has the bulk of the values,
/// the remembered one stays if half of them are of it.
pub fn kind_after<'a>(
    remembered: ColumnKind,
    values: impl IntoIterator<Item = Option<&'a str>>,
) -> ColumnKind {
    let tally = Tally::of(values);
    let inferred = tally.kind();
    let keeps = match remembered {
        ColumnKind::Number => tally.are_numbers() && tally.numbers * 2 >= tally.all,
        ColumnKind::Date => tally.dates * 2 >= tally.all,
        ColumnKind::Code | ColumnKind::Category | ColumnKind::Zip => true,
    };
    if tally.all == 0 || inferred == ColumnKind::Category && keeps {
        remembered
    } else {
        inferred
    }
}

/// How many of the given values are of which kind.
#[derive(Default)]
struct Tally {
    numbers: u64,
    dates: u64,
    /// Numbers with a leading zero.
    zeros: u64,
    all: u64,
}

impl Tally {
    fn of<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut tally = Self::default();
        for value in values.into_iter().flatten() {
            if is_null_text(value) {
                continue;
            }
            tally.all += 1;
            tally.numbers += u64::from(clean_number(value).is_some());
            tally.zeros += u64::from(has_leading_zero(value));
            tally.dates += u64::from(clean_date(value).is_some());
        }
        tally
    }

    const fn are_numbers(&self) -> bool {
        self.zeros * 100 <= self.all
    }

    const fn kind(&self) -> ColumnKind {
        if is_bulk(self.numbers, self.all) && self.are_numbers() {
            ColumnKind::Number
        } else if is_bulk(self.dates, self.all) {
            ColumnKind::Date
        } else {
            ColumnKind::Category
        }
    }
}

fn has_leading_zero(value: &str) -> bool {
    let mut bytes = value.trim().trim_start_matches('-').bytes();
    bytes.next() == Some(b'0') && bytes.next().is_some_and(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers() {
        for (text, number) in [
            ("12", 12.0),
            (" 12 ", 12.0),
            ("\t289900.0\n", 289_900.0),
            ("+5", 5.0),
            ("-3.5", -3.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e6", 1_000_000.0),
            ("1E-2", 0.01),
            ("1,200", 1_200.0),
            ("$1,234,567.50", 1_234_567.5),
            ("-$1,200", -1_200.0),
            ("$ 5", 5.0),
            ("1e308", 1e308),
            ("-0.0", 0.0),
            ("00601", 601.0),
        ] {
            assert_eq!(clean_number(text), Some(number), "{text:?}");
        }
        assert!(clean_number("-0").unwrap().is_sign_positive());
        for bad in [
            "abc", "12 34", "12,00", "1,2345", ",200", "1,,200", "1234,567", "inf", "-inf",
            "Infinity", "1e999", "0x10", "1_000", "12abc", "--5", "$", "$-5", "1.2.3", "٣",
            "1,200e3",
        ] {
            assert_eq!(clean_number(bad), None, "{bad:?}");
            assert!(!is_null_text(bad), "{bad:?} is bad, not null");
        }
    }

    #[test]
    fn null_texts() {
        for null in [
            "", "  ", "NA", "n/a", "NaN", "nan", "NULL", "None", "<NA>", "NaT", " - ", "?",
        ] {
            assert!(is_null_text(null), "{null:?}");
            assert_eq!(clean_number(null), None);
            assert_eq!(clean_zip(null), None);
            assert_eq!(clean_code(null), None);
            assert_eq!(clean_category(null), None);
            assert_eq!(clean_date(null), None);
        }
        for value in ["0", "no", "unknown", "Nantucket", "x", "none of these"] {
            assert!(!is_null_text(value), "{value:?}");
        }
        assert!(NULL_TEXTS.iter().all(|null| null.len() <= 9));
    }

    #[test]
    fn zips() {
        for (text, zip) in [
            ("6016.0", "06016"),
            ("6016", "06016"),
            ("06016", "06016"),
            ("06016-1234", "06016"),
            ("6016-1234", "06016"),
            ("060161234", "06016"),
            ("981781234.0", "98178"),
            ("98178", "98178"),
            (" 601.00 ", "00601"),
            ("1", "00001"),
            ("60161234", "06016"),
            ("60161234.0", "06016"),
            ("6011234", "00601"),
            ("06016 1234", "06016"),
            ("06016 - 1234", "06016"),
            ("06016\u{2013}1234", "06016"),
            ("06016-", "06016"),
            ("06016- ", "06016"),
            ("CT 06016", "06016"),
            ("ct06016", "06016"),
            ("CT, 06016-1234", "06016"),
            ("Connecticut 06016", "06016"),
            ("CT-6016.0", "06016"),
            ("New Jersey 07701", "07701"),
        ] {
            assert_eq!(clean_zip(text).as_deref(), Some(zip), "{text:?}");
        }
        for bad in [
            "981780",
            "981780.0",
            "-6016",
            "6016.5",
            "K1A 0B1",
            "0",
            "00000",
            "6.016e3",
            "06016-12",
            "06016-12345",
            "06016 123",
            "06016 1234 5",
            "-06016",
            "CT",
            "XX 06016",
            "42207x25",
            "06016.1234",
            "6016 1 23",
            "Lot 06016",
            "CT CT 06016",
            ".0",
            "٠٦٠١٦",
        ] {
            assert_eq!(clean_zip(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_zip_code_tells_its_state_and_whether_zeros_were_missing() {
        for (text, state, is_padded) in [
            ("06016", None, false),
            ("6016", None, true),
            ("60161234", None, true),
            ("060161234", None, false),
            ("CT 06016", Some("CT"), false),
            ("New Jersey, 7701", Some("New Jersey"), true),
        ] {
            let zip = read_zip(text).unwrap();
            assert_eq!((zip.state, zip.is_padded), (state, is_padded), "{text}");
        }
    }

    #[test]
    fn codes_and_categories() {
        for (text, clean) in [
            ("1758218.0", "1758218"),
            ("1758218", "1758218"),
            ("007.0", "007"),
            (" A-12 ", "A-12"),
            ("12.50", "12.50"),
            ("1.0.0", "1.0.0"),
            ("East   Windsor", "East Windsor"),
            ("\u{a0}St.\tLouis\u{2003}", "St. Louis"),
            ("for_sale", "for_sale"),
            ("-5.0", "-5"),
            (".0", ".0"),
            ("v2.", "v2."),
        ] {
            assert_eq!(clean_code(text).as_deref(), Some(clean), "{text:?}");
            assert_eq!(clean_category(text).as_deref(), Some(clean), "{text:?}");
        }
    }

    #[test]
    fn dates() {
        let expected = jiff::civil::date(1999, 9, 30);
        for text in [
            "1999-09-30",
            " 1999-09-30 ",
            "1999-09-30T00:00:00",
            "1999-09-30 23:59:59.999",
            "1999-09-30T00:00:00+05:00",
            "1999-09-30T00:00:00Z",
            "19990930",
            "19990930T000000",
        ] {
            assert_eq!(clean_date(text), Some(expected), "{text:?}");
        }
        for bad in [
            "1999-02-30",
            "1999-13-01",
            "1999-9-3",
            "9/30/1999",
            "1999",
            "3013-01-01",
            "0001-01-01",
            "1999-09-30Tnoon",
            "1999-09-30T",
            "199909301",
            "1999-09-30 sold",
            "+999-09-30",
            "１９９９-09-30",
        ] {
            assert_eq!(clean_date(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn days_count_from_1970() {
        for (date, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-03-01", 11_017),
            ("1910-01-29", -21_887),
        ] {
            let date = clean_date(date).unwrap();
            assert_eq!(days_since_epoch(date), days);
            assert_eq!(date_from_days(days), Some(date));
        }
        assert_eq!(date_from_days(i32::MAX), None);
    }

    #[test]
    fn a_remembered_kind_stays_unless_another_has_the_bulk() {
        use ColumnKind::{Category, Date, Number};
        let column = |parts: &[(&'static str, usize)]| -> Vec<Option<&'static str>> {
            let cells = parts.iter().map(|(text, times)| vec![Some(*text); *times]);
            cells.flatten().collect()
        };
        for (remembered, parts, kind) in [
            (Number, &[("7", 99), ("1133 - 1384", 1)][..], Number),
            (Number, &[("7", 60), ("a lot", 40)], Number),
            (Number, &[("7", 40), ("a lot", 60)], Category),
            (Number, &[("07", 60), ("a lot", 40)], Category),
            (Number, &[("2024-05-31", 100)], Date),
            (Date, &[("2024-05-31", 60), ("soon", 40)], Date),
            (Date, &[("7", 96), ("2024-05-31", 4)], Number),
            (Category, &[("a", 96), ("7", 4)], Category),
            (Category, &[("a", 2), ("7", 98)], Number),
            (Number, &[("N/A", 3)], Number),
            (Number, &[], Number),
        ] {
            assert_eq!(
                kind_after(remembered, column(parts)),
                kind,
                "{remembered:?} {parts:?}"
            );
        }
    }

    #[test]
    fn kinds_of_new_columns() {
        let infer = |values: &[Option<&'static str>]| infer_kind(values.iter().copied());
        for (values, kind) in [
            (
                vec![Some("1"), None, Some("2.5"), Some("NaN")],
                ColumnKind::Number,
            ),
            (vec![Some("1"), Some("x")], ColumnKind::Category),
            (vec![Some("2014-10-13"), Some("")], ColumnKind::Date),
            (vec![Some("20141013T000000")], ColumnKind::Date),
            (vec![Some("20141013")], ColumnKind::Number),
            (vec![Some("02134"), Some("1")], ColumnKind::Category),
            (vec![Some("0"), Some("0.5")], ColumnKind::Number),
            (vec![Some("1"), Some("inf")], ColumnKind::Category),
            (vec![Some("True"), Some("False")], ColumnKind::Category),
            (vec![None, Some("")], ColumnKind::Category),
            (vec![], ColumnKind::Category),
            // One cell of many does not decide.
            (
                [vec![Some("7"); 40], vec![Some("1133 - 1384")]].concat(),
                ColumnKind::Number,
            ),
            (
                [vec![Some("2014-10-13"); 40], vec![Some("soon")]].concat(),
                ColumnKind::Date,
            ),
            (
                [vec![Some("7"); 9], vec![Some("x")]].concat(),
                ColumnKind::Category,
            ),
        ] {
            assert_eq!(infer(&values), kind, "{values:?}");
        }
    }

    #[test]
    fn numbers_have_their_shortest_decimal_text() {
        for (number, text) in [
            (7.0, "7"),
            (0.38, "0.38"),
            (-0.0, "0"),
            (1e20, "100000000000000000000"),
        ] {
            assert_eq!(number_text(number), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_cleaning_is_idempotent(text in "\\PC{0,24}|[-+$0-9.,eEinfNa ]{0,16}|[0-9TZ: -]{0,24}") {
            if let Some(number) = clean_number(&text) {
                prop_assert!(number.is_finite());
                prop_assert_eq!(clean_number(&number_text(number)), Some(number));
            }
            if let Some(zip) = clean_zip(&text) {
                prop_assert!(zip.len() == 5 && zip.bytes().all(|b| b.is_ascii_digit()));
                prop_assert_eq!(clean_zip(&zip), Some(zip.clone()));
            }
            if let Some(code) = clean_code(&text) {
                prop_assert_eq!(clean_code(&code), Some(code.clone()));
                prop_assert!(!code.is_empty() && code.trim() == code);
            }
            if let Some(date) = clean_date(&text) {
                prop_assert_eq!(clean_date(&date.to_string()), Some(date));
                prop_assert_eq!(date_from_days(days_since_epoch(date)), Some(date));
            }
            infer_kind([Some(text.as_str())]);
        }

        #[test]
        fn every_finite_number_survives_its_text(number in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO) {
            prop_assert_eq!(clean_number(&number_text(number)), Some(number));
            prop_assert_eq!(clean_number(&format!("{number:?}")), Some(number));
        }

        #[test]
        fn every_zip_is_read_back_from_a_float(zip in 1_u32..100_000) {
            let (text, clean) = (format!("{:?}", f64::from(zip)), format!("{zip:05}"));
            let read = clean_zip(&text);
            prop_assert_eq!(read.as_deref(), Some(clean.as_str()));
        }

        #[test]
        fn the_bulk_of_a_column_is_of_the_kind_it_shows(values in prop::collection::vec("[0-9.-]{0,10}|19[0-9]{2}-0[1-9]-[12][0-9]|[a-z]{0,5}", 0..20)) {
            let kind = infer_kind(values.iter().map(|v| Some(v.as_str())));
            let given: Vec<_> = values.iter().filter(|v| !is_null_text(v)).collect();
            let read = given.iter().filter(|value| match kind {
                ColumnKind::Number => clean_number(value).is_some(),
                ColumnKind::Date => clean_date(value).is_some(),
                _ => clean_category(value).is_some(),
            });
            prop_assert!(read.count() * 100 >= given.len() * 95);
        }
    }
}
