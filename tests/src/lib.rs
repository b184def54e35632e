//! What the suite is made of: made-up listings, a world to run them in, and the invariants that
//! must hold in it whatever happened.

pub mod listings;
