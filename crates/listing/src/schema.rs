//! The twelve known columns, and how the name of a source's column is matched to one of them.
//!
//! Raw values are text, clean values are typed. Other columns are kept under their names, with the
//! kind inferred from their values ([`crate::clean::infer_kind`]).

use serde::{Deserialize, Serialize};
use tasador_ids::AreaUnit;

use crate::identity;
use crate::unit::Stored;
use crate::{reading, synonyms};

pub use crate::columns::{
    ACRE_LOT, BATH, BED, CITY, HOUSE_SIZE, PREV_SOLD_DATE, PRICE, PROPERTY_KEY, ROW_HASH, STATE,
    STREET, TYPE_COLUMNS, ZIP_CODE,
};

/// What the values of a clean column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// An amount: 64-bit floating point, finite.
    Number,
    /// A number used as a name (broker, street): text, without a float's `.0`.
    Code,
    /// A name from a list that may grow: text.
    Category,
    /// A US zip code: text of five digits.
    Zip,
    Date,
}

impl ColumnKind {
    /// As it is spelled in JSON and in `tasador.toml`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Code => "code",
            Self::Category => "category",
            Self::Zip => "zip",
            Self::Date => "date",
        }
    }

    /// Whether clean values of this kind are text.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Code | Self::Category | Self::Zip)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownColumn {
    pub name: &'static str,
    pub kind: ColumnKind,
    pub unit: Option<&'static str>,
    /// Whether models cannot learn from a batch without it.
    pub required: bool,
}

/// Column of the rejected file with the reason's code.
pub const REASON: &str = "reason";
/// Column of the rejected file with the sentence for people.
pub const DETAIL: &str = "detail";
/// Column of the rejected file with the row's line in the source's file, for rows that cannot be read.
pub const SOURCE_LINE: &str = "source_line";
/// Column of the rejected file with the text of a row that cannot be read.
pub const SOURCE_TEXT: &str = "source_text";

/// Columns that the pipeline writes; a source's column with such a name gets `_source` appended.
pub const RESERVED: [&str; 6] = [
    PROPERTY_KEY,
    ROW_HASH,
    REASON,
    DETAIL,
    SOURCE_LINE,
    SOURCE_TEXT,
];

/// The twelve columns, in the source's order.
pub const COLUMNS: [KnownColumn; 12] = [
    column("brokered_by", ColumnKind::Code, None),
    column("status", ColumnKind::Category, None),
    KnownColumn {
        name: PRICE,
        kind: ColumnKind::Number,
        unit: None,
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
    column(PREV_SOLD_DATE, ColumnKind::Date, None),
];

const fn column(name: &'static str, kind: ColumnKind, unit: Option<&'static str>) -> KnownColumn {
    KnownColumn {
        name,
        kind,
        unit,
        required: false,
    }
}

/// The unit of the clean column of this name.
pub fn unit(name: &str, area: AreaUnit) -> Option<&'static str> {
    match (Stored::of(name, area), known(name)) {
        (Stored::M2, _) => Some("m2"),
        (_, known) => known.and_then(|known| known.unit),
    }
}

/// The known column with exactly this name.
pub fn known(name: &str) -> Option<&'static KnownColumn> {
    COLUMNS.iter().find(|column| column.name == name)
}

/// Whether a model may learn from the column of this name. The target is no feature, nor is what
/// names a row, a property or its street.
pub fn is_feature(name: &str) -> bool {
    ![PRICE, STREET].contains(&name)
        && !RESERVED.contains(&name)
        && !identity::ID_COLUMNS.contains(&name)
        && !identity::UNIT_COLUMNS.contains(&name)
        && !is_price_of_the_home(name)
        && !names_a_row(name)
}

/// Whether the name is that of another price of the same home (`list_price`, `price_2`,
/// `price_per_sqft`): what depends on the answer must not be learned from.
pub fn is_price_of_the_home(name: &str) -> bool {
    let words = crate::name::words(name);
    words
        .iter()
        .any(|word| synonyms::PRICE_WORDS.contains(&word.as_str()))
}

/// Whether the name is that of a row's number or address, or of when the row was read.
pub fn names_a_row(name: &str) -> bool {
    let compact = crate::name::compact(name);
    synonyms::IDENTIFIERS.contains(&compact.as_str()) || reading::is_time(name)
}

/// Objects within objects become columns (`address.city`) to this depth. Deeper ones are kept as
/// JSON text in batches and ignored in requests for a price.
pub const MAX_DEPTH: usize = 8;

/// The longest name of a column, in characters; longer names are truncated.
pub const MAX_NAME_CHARS: usize = 128;

/// The name under which a source's column is stored.
///
/// Surrounding white space and a byte order mark are removed. A name that differs from a known one
/// only in case, or has spaces or hyphens instead of underscores (`Acre Lot`), becomes the known one.
/// Any other name is kept, truncated to [`MAX_NAME_CHARS`]; an empty one becomes
/// `column_<position>` (from 1), and a reserved one gets `_source` appended.
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

/// The names under which all columns of a source are stored, in its order: [`canonical_name`]; if two
/// would be equal, the later one gets `_2`, `_3` … appended.
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
    fn names_are_matched_to_known_columns() {
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
    fn duplicate_names_get_a_number() {
        assert_eq!(
            canonical_names(["price", "Price", "price_2", "a", ""]),
            ["price", "price_2", "price_2_2", "a", "column_5"]
        );
    }

    proptest! {
        #[test]
        fn canonical_names_are_unique_and_stable(names in prop::collection::vec(".{0,12}|[pP]rice|reason", 0..12)) {
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
