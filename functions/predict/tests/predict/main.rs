//! Prices over HTTP, with a bucket and tables on this machine.

mod bad;
mod champions;
mod log;
mod place;
mod prices;
#[path = "../../../../crates/model/tests/town/mod.rs"]
mod town;
