//! Numbers, money and dates as people write them, in both languages.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use tasador_ids::{Currency, Units};

use crate::language::Language;

const MONTHS_ENGLISH: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const MONTHS_SPANISH: [&str; 12] = [
    "ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic",
];

impl Language {
    /// A number with thousands separators and at most so many decimals; trailing zeros are left out.
    pub fn number(self, value: f64, decimals: usize) -> String {
        self.write_number(value, decimals, false)
    }

    /// A number with exactly so many decimals: for figures below each other.
    pub fn number_fixed(self, value: f64, decimals: usize) -> String {
        self.write_number(value, decimals, true)
    }

    fn write_number(self, value: f64, decimals: usize, is_fixed: bool) -> String {
        if !value.is_finite() {
            return "–".to_owned();
        }
        let (thousands, point) = match self {
            Self::English => (',', '.'),
            Self::Spanish => ('.', ','),
        };
        let text = format!("{:.*}", decimals, value.abs());
        let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
        let rest = if is_fixed {
            rest
        } else {
            rest.trim_end_matches('0')
        };
        let mut written = String::new();
        if value < 0.0 && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
            written.push('\u{2212}');
        }
        for (place, digit) in whole.chars().enumerate() {
            if place > 0 && (whole.len() - place).is_multiple_of(3) {
                written.push(thousands);
            }
            written.push(digit);
        }
        if !rest.is_empty() {
            written.push(point);
            written.push_str(rest);
        }
        written
    }

    /// A count.
    pub fn count(self, count: u64) -> String {
        self.number(count as f64, 0)
    }

    /// An amount in the currency of the installation, without decimals: `$452,000`, `452.000\u{a0}€`.
    pub fn money(self, amount: f64) -> String {
        self.amount_of(Units::current().currency, amount)
    }

    /// An amount in another currency than that of the installation, small ones with two decimals.
    pub(crate) fn money_in(self, currency: Currency, amount: f64) -> String {
        let decimals = if amount.abs() < 100.0 { 2 } else { 0 };
        self.with_currency(currency, &self.number(amount, decimals))
    }

    fn amount_of(self, currency: Currency, amount: f64) -> String {
        let sign = if amount <= -0.5 { "\u{2212}" } else { "" };
        let number = self.number(amount.abs(), 0);
        format!("{sign}{}", self.with_currency(currency, &number))
    }

    /// A written number with the sign or code of a currency, where speakers of the language put it.
    fn with_currency(self, currency: Currency, number: &str) -> String {
        let code = currency.code();
        match (self, code) {
            (Self::English, "USD") => format!("${number}"),
            (Self::English, "EUR") => format!("€{number}"),
            (Self::English, "GBP") => format!("£{number}"),
            (Self::English, "AUD") => format!("A${number}"),
            (Self::English, _) => format!("{code}\u{a0}{number}"),
            (Self::Spanish, "USD") => format!("US$\u{a0}{number}"),
            (Self::Spanish, "COP" | "MXN" | "CLP" | "ARS" | "UYU") => format!("$\u{a0}{number}"),
            (Self::Spanish, "EUR") => format!("{number}\u{a0}€"),
            (Self::Spanish, _) => format!("{number}\u{a0}{code}"),
        }
    }

    /// Money with its sign, for changes.
    pub fn money_change(self, amount: f64) -> String {
        if amount >= 0.5 {
            format!("+{}", self.money(amount))
        } else {
            self.money(amount)
        }
    }

    /// Money in thousands, for axes: `$450k`.
    pub fn money_short(self, amount: f64) -> String {
        let (number, unit) = if amount.abs() >= 999_500.0 {
            (self.number(amount / 1e6, 2), "M")
        } else if amount.abs() >= 10_000.0 {
            (self.number(amount / 1e3, 1), "k")
        } else {
            (self.number(amount, 0), "")
        };
        self.with_currency(Units::current().currency, &format!("{number}{unit}"))
    }

    /// A share of 1 as a percentage with at most one decimal.
    pub fn percent(self, share: f64) -> String {
        self.with_percent_sign(&self.number(share * 100.0, 1))
    }

    /// A share of 1 as a percentage with one decimal, also where it is 0: for figures below each other.
    pub fn percent_fixed(self, share: f64) -> String {
        self.with_percent_sign(&self.number_fixed(share * 100.0, 1))
    }

    fn with_percent_sign(self, number: &str) -> String {
        match self {
            Self::English => format!("{number}%"),
            Self::Spanish => format!("{number}\u{a0}%"),
        }
    }

    /// A share as a percentage, with so many more decimals that it differs from the limit as written.
    pub fn percent_beside(self, share: f64, limit: f64) -> String {
        let text = self.percent(share);
        if share == limit || text != self.percent(limit) {
            return text;
        }
        self.with_percent_sign(&self.number(share * 100.0, 3))
    }

    /// A change in percent, with its sign.
    pub fn percent_change(self, share: f64) -> String {
        let text = self.percent(share);
        if share >= 0.0005 {
            format!("+{text}")
        } else {
            text
        }
    }

    /// A day: `25 Nov 2026`. All times are UTC.
    pub fn day(self, at: Timestamp) -> String {
        let date = at.to_zoned(TimeZone::UTC);
        let month = usize::try_from(date.month()).unwrap_or(1).saturating_sub(1);
        let months = match self {
            Self::English => MONTHS_ENGLISH,
            Self::Spanish => MONTHS_SPANISH,
        };
        let month = months.get(month).copied().unwrap_or_default();
        format!("{} {month} {}", date.day(), date.year())
    }

    /// A time of day, to the minute.
    pub fn time(self, at: Timestamp) -> String {
        at.strftime("%H:%M").to_string()
    }

    /// A duration of so many milliseconds.
    pub fn duration(self, ms: f64) -> String {
        if ms < 1.0 {
            format!("{}\u{a0}ms", self.number(ms, 2))
        } else if ms < 1_000.0 {
            let decimals = usize::from(ms < 10.0);
            format!("{}\u{a0}ms", self.number(ms, decimals))
        } else if ms < 120_000.0 {
            format!("{}\u{a0}s", self.number(ms / 1e3, 1))
        } else {
            format!("{}\u{a0}min", self.number(ms / 6e4, 1))
        }
    }

    /// `a`, `a and b`, `a, b and c`.
    pub fn list(self, parts: &[String]) -> String {
        let and = match self {
            Self::English => "and",
            Self::Spanish => "y",
        };
        match parts {
            [] => String::new(),
            [only] => only.clone(),
            [first @ .., last] => format!("{} {and} {last}", first.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, Spanish};

    #[test]
    fn numbers_are_written_as_each_language_does() {
        assert_eq!(English.number(1_234_567.891, 2), "1,234,567.89");
        assert_eq!(Spanish.number(1_234_567.891, 2), "1.234.567,89");
        assert_eq!(English.number(2.50, 2), "2.5");
        assert_eq!(English.number(-0.0001, 2), "0");
        assert_eq!(English.number(-12.0, 0), "\u{2212}12");
        assert_eq!(English.number(f64::NAN, 0), "–");
        for (code, english, spanish) in [
            ("USD", "$452,000", "US$\u{a0}452.000"),
            ("EUR", "€452,000", "452.000\u{a0}€"),
            ("COP", "COP\u{a0}452,000", "$\u{a0}452.000"),
            ("AUD", "A$452,000", "452.000\u{a0}AUD"),
            ("CHF", "CHF\u{a0}452,000", "452.000\u{a0}CHF"),
        ] {
            let currency = code.parse().unwrap();
            assert_eq!(English.amount_of(currency, 452_000.4), english);
            assert_eq!(Spanish.amount_of(currency, 452_000.4), spanish);
        }
        assert_eq!(English.money(452_000.4), "$452,000");
        assert_eq!(Spanish.money(-1_500.0), "\u{2212}US$\u{a0}1.500");
        assert_eq!(English.money_change(1_500.0), "+$1,500");
        assert_eq!(English.money_short(1_250_000.0), "$1.25M");
        assert_eq!(English.money_short(450_000.0), "$450k");
        assert_eq!(Spanish.money_short(52_500.0), "US$\u{a0}52,5k");
        assert_eq!(English.percent(0.051), "5.1%");
        assert_eq!(English.percent_fixed(0.09), "9.0%");
        assert_eq!(Spanish.percent_fixed(0.091), "9,1\u{a0}%");
        assert_eq!(Spanish.percent_fixed(0.09), "9,0\u{a0}%");
        assert_eq!(English.percent_beside(0.010_04, 0.01), "1.004%");
        assert_eq!(English.percent_beside(0.01, 0.01), "1%");
        assert_eq!(Spanish.percent_change(-0.051), "\u{2212}5,1\u{a0}%");
    }

    #[test]
    fn dates_are_written_as_each_language_does() {
        let at: Timestamp = "2026-08-05T09:07:00Z".parse().unwrap();
        assert_eq!(English.day(at), "5 Aug 2026");
        assert_eq!(Spanish.day(at), "5 ago 2026");
        assert_eq!(English.time(at), "09:07");
        assert_eq!(English.duration(1_530.0), "1.5\u{a0}s");
        assert_eq!(English.duration(2.5), "2.5\u{a0}ms");
        assert_eq!(Spanish.duration(66.4), "66\u{a0}ms");
    }
}
