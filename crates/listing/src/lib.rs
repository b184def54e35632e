//! What a listing is: its columns, its cleaning rules, what makes it impossible, which property it
//! belongs to, and how a batch of listings is described and compared with another.
//!
//! Everything here is pure: no clock, no network, no randomness, no data frame. The rules are scalar,
//! so that all callers apply the same ones.

pub mod amount;
pub mod checked;
pub mod clean;
mod columns;
pub mod currency;
pub mod dates;
pub mod drift;
pub mod identity;
pub mod leak;
pub mod mapping;
pub mod name;
pub mod pinned;
pub mod place;
pub mod profile;
pub mod property;
pub mod quality;
pub mod reading;
pub mod reject;
pub mod sale;
pub mod schema;
pub mod schema_file;
pub mod synonyms;
pub mod unit;

pub use profile::{Body, ColumnProfile, Profile};
pub use property::PropertyKey;
pub use quality::{BatchReport, QualityReport};
pub use reject::{Reason, Refusal};
pub use sale::PriceKind;
pub use schema::ColumnKind;
