//! What the suite is made of: made-up listings, a source that behaves as told, stories that reach
//! every state of the machine, a world to run them in, and the invariants that must hold in it
//! whatever happened.

// Nothing but tests calls what is here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub mod deployment;
pub mod invariants;
pub mod stories;
pub mod template;
pub mod witness;
pub mod world;
