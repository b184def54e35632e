//! Reads a file of listings as its source wrote it, and cleans its rows: typed rows, rejected rows with their
//! reasons, and a report on both. No network.

mod cast;
mod check;
mod clean;
mod read;
mod table;

pub use check::{CheckError, check};
pub use clean::{Cleaned, Draft, Listings, draft, listings};
pub use read::{BrokenRow, Lines, MAX_BYTES, MAX_CELLS, MAX_COLUMNS, Raw, ReadError, read};
pub use table::{FrameError, LeftError, first_as_csv, row_hashes, to_parquet};
