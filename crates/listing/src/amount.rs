//! Amounts as people and exports write them: `1,180 sqft`, `$1.2M`, `350k`, `1 200`, `250.000 €`.
//!
//! [`crate::clean::clean_number`] is the rule of plain numbers and stays the first to be asked. What a
//! point or comma between digits means is a matter of the column, not of the cell: see [`Style::of`].

use crate::clean::{clean_number, is_null_text};
use crate::unit::Unit;

/// What point and comma mean in the numbers of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// `1,234.5`.
    #[default]
    Point,
    /// `1.234,5`.
    Comma,
}

/// A number with what stands beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount {
    /// The number, with `k`, `M` and words such as `million` applied.
    pub number: f64,
    /// The unit of area after it.
    pub unit: Option<Unit>,
}

impl Amount {
    const fn plain(number: f64) -> Self {
        Self { number, unit: None }
    }
}

/// Words that may stand beside a number and change nothing: currencies, counts, approximations.
const WORDS: [&str; 42] = [
    "usd",
    "eur",
    "gbp",
    "cop",
    "mxn",
    "clp",
    "ars",
    "pen",
    "brl",
    "aud",
    "cad",
    "nzd",
    "us",
    "dollars",
    "euros",
    "pesos",
    "bd",
    "bds",
    "bed",
    "beds",
    "bedroom",
    "bedrooms",
    "br",
    "ba",
    "bath",
    "baths",
    "bathroom",
    "bathrooms",
    "hab",
    "habs",
    "habitacion",
    "habitaciones",
    "dorm",
    "dormitorios",
    "alcobas",
    "bano",
    "banos",
    "room",
    "rooms",
    "approx",
    "aprox",
    "lot",
];

/// Reads an amount; `None` for null texts and for what is not one.
pub fn read(text: &str, style: Style) -> Option<Amount> {
    let text = text.trim();
    if style == Style::Point
        && let Some(number) = clean_number(text)
    {
        return Some(Amount::plain(number));
    }
    if is_null_text(text) || text.len() > 64 {
        return None;
    }
    let (number, mut rest) = split(text, style)?;
    let mut amount = Amount::plain(number);
    rest = rest.trim();
    if rest.is_empty() {
        return Some(amount);
    }
    let folded: String = rest
        .chars()
        .filter(|c| !matches!(c, '\u{300}'..='\u{36f}'))
        .map(|c| if c == '²' { '2' } else { c })
        .flat_map(char::to_lowercase)
        .map(crate::identity::without_accent)
        .collect();
    let squeezed: String = folded
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '.')
        .collect();
    if let Some(unit) = area(&squeezed) {
        amount.unit = Some(unit);
        return Some(amount);
    }
    let mut scaled = false;
    for word in
        folded.split(|c: char| c.is_whitespace() || matches!(c, '.' | '+' | '$' | '€' | '£'))
    {
        let factor = match word {
            "" => continue,
            "k" | "thousand" | "mil" => 1e3,
            "m" | "mm" | "million" | "millon" | "millones" | "mio" => 1e6,
            "b" | "bn" => 1e9,
            word if WORDS.contains(&word) => continue,
            _ => return None,
        };
        if scaled {
            return None;
        }
        scaled = true;
        amount.number *= factor;
    }
    // 0.35 * 1e6 is 350000.00000000006 at times.
    if scaled {
        amount.number = (amount.number * 100.0).round() / 100.0;
    }
    amount.number.is_finite().then_some(amount)
}

fn area(squeezed: &str) -> Option<Unit> {
    match squeezed.trim_end_matches("lot") {
        "sqft" | "sf" | "ft2" | "sqfeet" | "squarefeet" | "sqfoot" => Some(Unit::Ft2),
        word => Unit::of_word(word).filter(|unit| unit.is_area() && word != "superficie"),
    }
}

/// The number at the beginning, after a currency, and what follows it.
fn split(text: &str, style: Style) -> Option<(f64, &str)> {
    let (negative, text) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lead = text.find(|c: char| c.is_ascii_digit() || c == '.' || c == ',')?;
    let (before, text) = text.split_at_checked(lead)?;
    let currency = before
        .split(|c: char| c.is_whitespace() || matches!(c, '$' | '€' | '£' | '~'))
        .all(|word| word.is_empty() || WORDS.contains(&word.to_ascii_lowercase().as_str()));
    if !currency {
        return None;
    }
    let is_space = |c: char| matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '’');
    let (group, decimal) = match style {
        Style::Point => (',', '.'),
        Style::Comma => ('.', ','),
    };
    let mut plain = String::with_capacity(text.len() + 1);
    if negative {
        plain.push('-');
    }
    // Digits since the last separator of groups, where there was one.
    let mut since: Option<usize> = None;
    let mut fraction = false;
    let mut first_digits = 0_usize;
    let mut end = text.len();
    let letters: Vec<(usize, char)> = text.char_indices().collect();
    for (place, &(at, letter)) in letters.iter().enumerate() {
        let next_is_digit = letters
            .get(place + 1)
            .is_some_and(|(_, next)| next.is_ascii_digit());
        match letter {
            '0'..='9' => {
                plain.push(letter);
                if !fraction {
                    match &mut since {
                        Some(digits) => *digits += 1,
                        None => first_digits += 1,
                    }
                }
            }
            c if !fraction && next_is_digit && (c == group || is_space(c)) => {
                // Groups have three digits, the first one up to three.
                if since.is_some_and(|digits| digits != 3) || first_digits == 0 || first_digits > 3
                {
                    return None;
                }
                since = Some(0);
            }
            c if c == decimal && !fraction => {
                fraction = true;
                plain.push('.');
            }
            _ => {
                end = at;
                break;
            }
        }
    }
    if since.is_some_and(|digits| digits != 3) {
        return None;
    }
    let number: f64 = plain.parse().ok()?;
    Some((number + 0.0, text.get(end..)?))
}

impl Style {
    /// The style of a column, by the bulk of its cells: comma if cells can be read so that cannot be
    /// read with a point, and no fewer of them than the other way round; or if every cell with a point
    /// has three digits behind each (`250.000`), which no decimals of a price or an area all have.
    pub fn of<'a>(cells: impl Iterator<Item = &'a str>, amounts_are_large: bool) -> Self {
        let (mut only_point, mut only_comma, mut grouped, mut pointed) =
            (0_u32, 0_u32, 0_u32, 0_u32);
        for cell in cells {
            match (read(cell, Self::Point), read(cell, Self::Comma)) {
                (Some(_), None) => only_point += 1,
                (None, Some(_)) => only_comma += 1,
                _ => {}
            }
            if cell.contains('.') {
                pointed += 1;
                let tail = cell.split('.').skip(1);
                let mut groups =
                    tail.map(|part| part.bytes().take_while(u8::is_ascii_digit).count());
                let whole = cell.trim_start_matches(|c: char| !c.is_ascii_digit());
                grouped += u32::from(groups.all(|digits| digits == 3) && !whole.starts_with('0'));
            }
        }
        let all_grouped = amounts_are_large && pointed >= 5 && grouped == pointed;
        if (only_comma > 0 && only_comma >= only_point) || (all_grouped && only_point == 0) {
            Self::Comma
        } else {
            Self::Point
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_with_their_units() {
        for (text, number, unit) in [
            ("1,180 sqft", 1_180.0, Some(Unit::Ft2)),
            ("1,180 Sq. Ft.", 1_180.0, Some(Unit::Ft2)),
            ("1180sf", 1_180.0, Some(Unit::Ft2)),
            ("0.25 acres", 0.25, Some(Unit::Acres)),
            ("0.25 acre lot", 0.25, Some(Unit::Acres)),
            ("120 m²", 120.0, Some(Unit::M2)),
            ("120m2", 120.0, Some(Unit::M2)),
            ("2.5 ha", 2.5, Some(Unit::Hectares)),
            ("$1.2M", 1_200_000.0, None),
            ("$1.35 million", 1_350_000.0, None),
            ("350k", 350_000.0, None),
            ("350 K", 350_000.0, None),
            ("$ 1,234,567.50", 1_234_567.5, None),
            ("USD 350,000", 350_000.0, None),
            ("1 200", 1_200.0, None),
            ("1\u{202f}200\u{a0}000 €", 1_200_000.0, None),
            ("3 bds", 3.0, None),
            ("2.5 baths", 2.5, None),
            ("3 habitaciones", 3.0, None),
            ("-5", -5.0, None),
            ("1'250'000", 1_250_000.0, None),
        ] {
            assert_eq!(
                read(text, Style::Point),
                Some(Amount { number, unit }),
                "{text}"
            );
        }
        for (text, number) in [
            ("250.000 €", 250_000.0),
            ("1.234,56", 1_234.56),
            ("12,5", 12.5),
            ("1.250.000", 1_250_000.0),
            ("85 m²", 85.0),
        ] {
            assert_eq!(read(text, Style::Comma).unwrap().number, number, "{text}");
        }
        for bad in [
            "1133 - 1384",
            "12 34",
            "1,2345",
            "abc",
            "",
            "N/A",
            "Studio",
            "12 Main St",
            "3+2 k k",
            "1.2.3",
            "5 x 4",
            "$",
            "m2",
            "12 1234 123",
            "call 555",
        ] {
            assert_eq!(read(bad, Style::Point), None, "{bad}");
        }
    }

    #[test]
    fn the_style_is_that_of_the_bulk() {
        let of = |cells: &[&str]| Style::of(cells.iter().copied(), true);
        for cells in [
            &["250.000", "189.000", "99.500", "310.000", "120.000"][..],
            &["1.250.000", "350.000"],
            &["12,5", "3,25"],
            &["250.000,00 €"],
        ] {
            assert_eq!(of(cells), Style::Comma, "{cells:?}");
        }
        for cells in [
            &["250000", "189000.5"][..],
            &["1,250,000", "350,000.00"],
            &["0.125", "0.250", "0.375", "0.500", "0.625"],
            &["12.5", "1.250"],
            &[],
        ] {
            assert_eq!(of(cells), Style::Point, "{cells:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,24}|[-+$€0-9.,kKMm ²a-z]{0,16}") {
            for style in [Style::Point, Style::Comma] {
                if let Some(amount) = read(&text, style) {
                    prop_assert!(amount.number.is_finite());
                }
            }
        }

        #[test]
        fn plain_numbers_are_what_they_were(number in -1e12_f64..1e12) {
            let text = number.to_string();
            prop_assert_eq!(read(&text, Style::Point).map(|a| a.number), clean_number(&text));
        }
    }
}
