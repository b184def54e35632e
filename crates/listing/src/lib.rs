//! What a listing is: its columns, the rules that clean it, what makes it impossible, which
//! property it belongs to, and how a batch of them is described and compared with another.
//!
//! Everything here is pure: no clock, no network, no randomness, and no data frame either. The
//! rules are scalar, so whoever holds the values, in whatever columns, applies the same ones.

pub mod clean;
pub mod drift;
pub mod profile;
pub mod property;
pub mod quality;
pub mod reject;
pub mod schema;

pub use profile::{Body, ColumnProfile, Profile};
pub use property::{Part, PropertyKey};
pub use quality::{BatchReport, QualityReport};
pub use reject::{Reason, Refusal};
pub use schema::ColumnKind;
