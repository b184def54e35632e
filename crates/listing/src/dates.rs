//! Dates as exports write them, beyond [`crate::clean::clean_date`]: `10/13/2014`, `13.10.2014`,
//! `May-24-2023`, `24 de mayo de 2023`.
//!
//! Whether `05/04/2014` is April or May is a matter of the column: see [`DateOrder::of`].

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::clean::clean_date;

/// What comes first where a date's year does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// `10/13/2014`.
    #[default]
    MonthFirst,
    /// `13/10/2014`.
    DayFirst,
}

impl DateOrder {
    pub const fn code(self) -> &'static str {
        match self {
            Self::MonthFirst => "month_first",
            Self::DayFirst => "day_first",
        }
    }

    /// The order in which most of these dates exist, and whether any date tells the orders apart. `None`
    /// where no cell is a date of three numbers with the year last.
    pub fn of<'a>(cells: impl Iterator<Item = &'a str>) -> Option<(Self, bool)> {
        let (mut month_first, mut day_first, mut either) = (0_u32, 0_u32, 0_u32);
        for cell in cells.filter(|cell| clean_date(cell).is_none()) {
            let Some(parts) = numbers(cell) else { continue };
            let month = date_of(parts, Self::MonthFirst).is_some();
            let day = date_of(parts, Self::DayFirst).is_some();
            match (month, day) {
                (true, true) => either += 1,
                (true, false) => month_first += 1,
                (false, true) => day_first += 1,
                (false, false) => {}
            }
        }
        match (month_first, day_first) {
            (0, 0) if either == 0 => None,
            (0, 0) => Some((Self::MonthFirst, false)),
            (month, day) if day > month => Some((Self::DayFirst, true)),
            _ => Some((Self::MonthFirst, true)),
        }
    }
}

/// Reads a date; `None` for null texts and for what is not one.
pub fn read(text: &str, order: DateOrder) -> Option<Date> {
    if let Some(date) = clean_date(text) {
        return Some(date);
    }
    if let Some(parts) = numbers(text) {
        return date_of(parts, order);
    }
    by_name(text)
}

/// The three numbers of a date whose year is last, such as `10/13/2014 0:00`.
fn numbers(text: &str) -> Option<[i16; 3]> {
    let text = text.trim();
    let date = text.split([' ', 'T', ',']).next()?;
    if date.len() > 10 {
        return None;
    }
    let mut parts = date.split(['/', '-', '.']);
    let mut next = |least: usize, most: usize| -> Option<i16> {
        let part = parts.next()?;
        let fits = (least..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if fits { part.parse().ok() } else { None }
    };
    let found = [next(1, 2)?, next(1, 2)?, next(2, 4)?];
    parts.next().is_none().then_some(found)
}

fn date_of([first, second, year]: [i16; 3], order: DateOrder) -> Option<Date> {
    let (month, day) = match order {
        DateOrder::MonthFirst => (first, second),
        DateOrder::DayFirst => (second, first),
    };
    date(year, month, day)
}

fn date(year: i16, month: i16, day: i16) -> Option<Date> {
    // As POSIX reads years of two digits.
    let year = match year {
        0..69 => year + 2000,
        69..100 => year + 1900,
        year => year,
    };
    let text = format!("{year:04}-{month:02}-{day:02}");
    clean_date(&text)
}

const MONTHS: [(&str, i16); 17] = [
    ("jan", 1),
    ("ene", 1),
    ("feb", 2),
    ("mar", 3),
    ("apr", 4),
    ("abr", 4),
    ("may", 5),
    ("jun", 6),
    ("jul", 7),
    ("aug", 8),
    ("ago", 8),
    ("sep", 9),
    ("set", 9),
    ("oct", 10),
    ("nov", 11),
    ("dec", 12),
    ("dic", 12),
];

/// A date with the name of its month: the number up to 31 is the day, the other one the year.
fn by_name(text: &str) -> Option<Date> {
    if text.len() > 40 {
        return None;
    }
    let (mut day, mut month, mut year) = (None, None, None);
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        let lower = word.to_lowercase();
        if word.is_empty() || ["de", "del", "of", "th", "st", "nd", "rd"].contains(&lower.as_str())
        {
            continue;
        }
        let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        if !digits.is_empty() {
            let number: i16 = digits.parse().ok()?;
            let place = if digits.len() <= 2 && day.is_none() {
                &mut day
            } else {
                &mut year
            };
            if place.replace(number).is_some() {
                return None;
            }
        } else {
            let short: String = lower.chars().take(3).collect();
            let (_, number) = MONTHS.iter().find(|(name, _)| *name == short)?;
            if month.replace(*number).is_some() {
                return None;
            }
        }
    }
    date(year?, month?, day.unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_are_read_in_the_forms_that_exports_use() {
        let expected = jiff::civil::date(2014, 10, 3);
        for (text, order) in [
            ("2014-10-03", DateOrder::MonthFirst),
            ("20141003T000000", DateOrder::DayFirst),
            ("20141003", DateOrder::DayFirst),
            ("10/03/2014", DateOrder::MonthFirst),
            ("10/3/14", DateOrder::MonthFirst),
            ("3/10/2014", DateOrder::DayFirst),
            ("03.10.2014", DateOrder::DayFirst),
            ("10/3/2014 12:00 AM", DateOrder::MonthFirst),
            ("October-3-2014", DateOrder::MonthFirst),
            ("Oct 3, 2014", DateOrder::DayFirst),
            ("3 de octubre de 2014", DateOrder::MonthFirst),
            ("3rd October 2014", DateOrder::MonthFirst),
        ] {
            assert_eq!(read(text, order), Some(expected), "{text}");
        }
        for bad in [
            "",
            "NA",
            "13/13/2014",
            "31/02/2014",
            "Main St 12",
            "2014",
            "10-2014x",
            "12 Main 14",
            "1/2",
            "1/2/3/4",
            "yesterday",
        ] {
            assert_eq!(read(bad, DateOrder::MonthFirst), None, "{bad}");
        }
    }

    #[test]
    fn the_order_is_that_of_the_bulk() {
        let of = |cells: &[&str]| DateOrder::of(cells.iter().copied());
        assert_eq!(
            of(&["05/04/2014", "10/13/2014"]),
            Some((DateOrder::MonthFirst, true))
        );
        assert_eq!(
            of(&["05/04/2014", "13/10/2014"]),
            Some((DateOrder::DayFirst, true))
        );
        // One slip does not turn a column around.
        assert_eq!(
            of(&["13/10/2014", "14/10/2014", "10/13/2014"]),
            Some((DateOrder::DayFirst, true))
        );
        assert_eq!(of(&["05/04/2014"]), Some((DateOrder::MonthFirst, false)));
        assert_eq!(of(&["2014-05-04", ""]), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,24}|[0-9/. -]{0,14}|[0-9]{1,2} [a-zA-Z]{3,9} [0-9]{2,5}") {
            for order in [DateOrder::MonthFirst, DateOrder::DayFirst] {
                if let Some(date) = read(&text, order) {
                    prop_assert_eq!(read(&date.to_string(), order), Some(date));
                }
            }
        }
    }
}
