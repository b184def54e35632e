//! The twelve columns of the source, and how a name from outside finds its column.
//!
//! Text in raw, typed in clean. A column that is none of the twelve is kept under its own name
//! with the kind its values show ([`crate::clean::infer_kind`]).

use serde::{Deserialize, Serialize};

/// What the values of a clean column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// An amount: 64-bit floating point, finite.
    Number,
    /// A number that is a name (broker, street): text, without a float's `.0`.
    Code,
    /// A name out of a list that may grow: text.
    Category,
    /// A US zip code: text of five digits.
    Zip,
    Date,
}

impl ColumnKind {
    /// Whether clean values of this kind are kept as text.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Code | Self::Category | Self::Zip)
    }
}

/// One of the twelve columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownColumn {
    /// Its name in raw and in clean.
    pub name: &'static str,
    /// The kind of its clean values.
    pub kind: ColumnKind,
    /// The unit of its numbers.
    pub unit: Option<&'static str>,
    /// Whether a batch without it can't be learnt from.
    pub required: bool,
}

/// The target: what a home is offered or was sold for, in US dollars.
pub const PRICE: &str = "price";
/// Number of bedrooms.
pub const BED: &str = "bed";
/// Number of bathrooms; halves occur.
pub const BATH: &str = "bath";
/// Size of the lot in acres.
pub const ACRE_LOT: &str = "acre_lot";
/// Living area in square feet.
pub const HOUSE_SIZE: &str = "house_size";
/// The street, coded.
pub const STREET: &str = "street";
/// The city's name.
pub const CITY: &str = "city";
/// The state's name.
pub const STATE: &str = "state";
/// The zip code, five digits.
pub const ZIP_CODE: &str = "zip_code";

/// Column of the clean file that names the property of a row (32 hexadecimal digits).
pub const PROPERTY_KEY: &str = "property_key";
/// Column of the clean file that names the row's content (32 hexadecimal digits).
pub const ROW_HASH: &str = "row_hash";
/// Column of the rejected file with the reason's code.
pub const REASON: &str = "reason";
/// Column of the rejected file with the sentence for people.
pub const DETAIL: &str = "detail";

/// Names that the pipeline writes itself; a source's column of that name gets `_source` appended.
pub const RESERVED: [&str; 4] = [PROPERTY_KEY, ROW_HASH, REASON, DETAIL];

/// The twelve columns, in the source's order.
pub const COLUMNS: [KnownColumn; 12] = [
    column("brokered_by", ColumnKind::Code, None),
    column("status", ColumnKind::Category, None),
    KnownColumn {
        name: PRICE,
        kind: ColumnKind::Number,
        unit: Some("US$"),
        required: true,
    },
    column(BED, ColumnKind::Number, Some("rooms")),
    column(BATH, ColumnKind::Number, Some("rooms")),
    column(ACRE_LOT, ColumnKind::Number, Some("acre")),
    column(STREET, ColumnKind::Code, None),
    column(CITY, ColumnKind::Category, None),
    column(STATE, ColumnKind::Category, None),
    column(ZIP_CODE, ColumnKind::Zip, None),
    column(HOUSE_SIZE, ColumnKind::Number, Some("sqft")),
    column("prev_sold_date", ColumnKind::Date, None),
];

const fn column(name: &'static str, kind: ColumnKind, unit: Option<&'static str>) -> KnownColumn {
    KnownColumn {
        name,
        kind,
        unit,
        required: false,
    }
}

/// The known column of exactly that name.
pub fn known(name: &str) -> Option<&'static KnownColumn> {
    COLUMNS.iter().find(|column| column.name == name)
}

/// Whether a model may learn from the column of this name. The target is no feature, nor is what
/// names a row, a property or its street.
pub fn is_feature(name: &str) -> bool {
    ![PRICE, STREET].contains(&name) && !RESERVED.contains(&name)
}

/// Objects within objects become columns (`address.city`) to this depth. Deeper ones are kept as
/// JSON text in batches and ignored in requests for a price.
pub const MAX_DEPTH: usize = 8;

/// The longest name of a column, in characters; what is beyond is cut off.
pub const MAX_NAME_CHARS: usize = 128;

/// The name under which a source's column is kept.
///
/// Surrounding white space and a byte order mark go. A name that differs from a known one only in
/// case, or by spaces and hyphens in place of underscores (`Acre Lot`), is that known one. Any
/// other name stays as it is, cut to [`MAX_NAME_CHARS`]; an empty one becomes `column_<position>`
/// (from 1), and a reserved one gets `_source` appended.
pub fn canonical_name(name: &str, position: usize) -> String {
    let name = name.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if name.is_empty() {
        return format!("column_{position}");
    }
    let folded: String = name
        .chars()
        .take(MAX_NAME_CHARS)
        .map(|c| match c {
            ' ' | '-' => '_',
            other => other.to_ascii_lowercase(),
        })
        .collect();
    if let Some(column) = known(&folded) {
        return column.name.to_owned();
    }
    if RESERVED.contains(&folded.as_str()) {
        return format!("{folded}_source");
    }
    name.chars().take(MAX_NAME_CHARS).collect()
}

/// The names under which all columns of a source are kept, in its order: [`canonical_name`], and
/// where two would be the same, the later one gets `_2`, `_3` … appended.
pub fn canonical_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut taken = std::collections::HashSet::new();
    let mut kept = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let wanted = canonical_name(name, index + 1);
        let mut candidate = wanted.clone();
        let mut occurrence = 2;
        while !taken.insert(candidate.clone()) {
            candidate = format!("{wanted}_{occurrence}");
            occurrence += 1;
        }
        kept.push(candidate);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_find_their_column() {
        for (given, kept) in [
            ("acre_lot", "acre_lot"),
            ("acre lot", "acre_lot"),
            (" House-Size\r", "house_size"),
            ("\u{feff}brokered_by", "brokered_by"),
            ("PRICE", "price"),
            ("Grade", "Grade"),
            ("address.geo lat", "address.geo lat"),
            ("Row Hash", "row_hash_source"),
            ("reason", "reason_source"),
            ("  ", "column_7"),
        ] {
            assert_eq!(canonical_name(given, 7), kept, "{given:?}");
        }
    }

    #[test]
    fn a_name_that_occurs_twice_is_kept_twice() {
        assert_eq!(
            canonical_names(["price", "Price", "price_2", "a", ""]),
            ["price", "price_2", "price_2_2", "a", "column_5"]
        );
    }

    proptest! {
        #[test]
        fn names_are_unique_and_stay(names in prop::collection::vec(".{0,12}|[pP]rice|reason", 0..12)) {
            let kept = canonical_names(names.iter().map(String::as_str));
            prop_assert_eq!(kept.len(), names.len());
            let distinct: std::collections::HashSet<_> = kept.iter().collect();
            prop_assert_eq!(distinct.len(), kept.len());
            for name in &kept {
                prop_assert_eq!(&canonical_name(name, 1), name);
                prop_assert!(!RESERVED.contains(&name.as_str()));
            }
        }
    }
}
