//! The names of the columns that have a meaning.

/// The target: the asking or sale price in the currency of the installation.
pub const PRICE: &str = "price";
/// Number of bedrooms.
pub const BED: &str = "bed";
/// Number of bathrooms; half bathrooms occur.
pub const BATH: &str = "bath";
/// Size of the lot in acres, or in square metres ([`tasador_ids::AreaUnit`]).
pub const ACRE_LOT: &str = "acre_lot";
/// Living area in square feet, or in square metres.
pub const HOUSE_SIZE: &str = "house_size";
/// The street, as a code.
pub const STREET: &str = "street";
pub const CITY: &str = "city";
pub const STATE: &str = "state";
/// The zip code, five digits.
pub const ZIP_CODE: &str = "zip_code";
/// When the home was sold.
pub const PREV_SOLD_DATE: &str = "prev_sold_date";

/// Column of the clean file with the property key (32 hexadecimal digits).
pub const PROPERTY_KEY: &str = "property_key";
/// Column of the clean file with the hash of the row (32 hexadecimal digits).
pub const ROW_HASH: &str = "row_hash";
/// Columns that may hold the type of a property, first one first.
pub const TYPE_COLUMNS: [&str; 4] = ["property_type", "home_type", "propertyType", "type"];
