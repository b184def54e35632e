//! What the suite is made of: made-up listings, a source that behaves as told, a world to run the
//! pipeline in, and the invariants that must hold in it whatever happened.

pub mod invariants;
pub mod listings;
pub mod source;
pub mod world;
