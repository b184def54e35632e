//! Which currency the prices of a file are in, as far as the file says it.

use tasador_ids::Currency;

use crate::name::{compact, words};

/// What shows that prices are in a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// A sign or code in the prices themselves or in their header.
    Sign(String),
    /// A column that files of one country have.
    Column(String),
}

/// Signs and codes. A `$` alone is the sign of many currencies, `kr` of several.
const SIGNS: [(&str, &str); 17] = [
    ("€", "EUR"),
    ("eur", "EUR"),
    ("euro", "EUR"),
    ("euros", "EUR"),
    ("£", "GBP"),
    ("gbp", "GBP"),
    ("us$", "USD"),
    ("usd", "USD"),
    ("cop", "COP"),
    ("mxn", "MXN"),
    ("clp", "CLP"),
    ("ars", "ARS"),
    ("a$", "AUD"),
    ("aud", "AUD"),
    ("cad", "CAD"),
    ("chf", "CHF"),
    ("r$", "BRL"),
];

/// Columns of files that come from one country: Colombia's strata, the English addresses of Price Paid
/// data, idealista's key, the councils of Melbourne.
const COLUMNS: [(&str, Currency); 5] = [
    ("estrato", Currency::COP),
    ("paon", Currency::GBP),
    ("ppdcategorytype", Currency::GBP),
    ("propertycode", Currency::EUR),
    ("councilarea", Currency::AUD),
];

/// The currency of prices under `header` with these cells, in a file with these columns; `None` where
/// nothing tells. The first cell with a sign decides.
pub fn find<'a>(
    header: &str,
    mut cells: impl Iterator<Item = &'a str>,
    mut columns: impl Iterator<Item = &'a str>,
) -> Option<(Currency, Evidence)> {
    let signed = |sign: &str| {
        let (_, code) = SIGNS.iter().find(|(known, _)| *known == sign)?;
        Some((code.parse().ok()?, Evidence::Sign(sign.to_owned())))
    };
    let in_header = words(header).into_iter().find_map(|word| signed(&word));
    let in_cell = || {
        cells.find_map(|cell| {
            let letters = |c: char| !(c.is_alphabetic() || matches!(c, '€' | '£' | '$'));
            cell.split(letters)
                .find_map(|word| signed(&word.to_lowercase()))
        })
    };
    in_header.or_else(in_cell).or_else(|| {
        columns.find_map(|column| {
            let name = compact(column);
            let (_, currency) = COLUMNS.iter().find(|(known, _)| *known == name)?;
            Some((*currency, Evidence::Column(column.to_owned())))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_codes_and_columns_tell_a_currency() {
        for (header, cell, column, code) in [
            ("price", "250.000 €", "", Some("EUR")),
            ("price", "€250,000", "", Some("EUR")),
            ("price", "EUR 250.000", "", Some("EUR")),
            ("price", "£1,250", "", Some("GBP")),
            ("price", "US$ 1.250", "Estrato", Some("USD")),
            ("price_eur", "250000", "", Some("EUR")),
            ("Precio (COP)", "250000", "", Some("COP")),
            ("price", "$ 250.000", "Estrato", Some("COP")),
            ("price", "250000", "PAON", Some("GBP")),
            ("price", "$250,000", "city", None),
            ("price", "250000", "city", None),
            ("price", "about 250000", "copper", None),
        ] {
            let found = find(header, [cell].into_iter(), [column].into_iter());
            let found = found.map(|(currency, _)| currency.to_string());
            assert_eq!(found.as_deref(), code, "{header} {cell} {column}");
        }
    }
}
