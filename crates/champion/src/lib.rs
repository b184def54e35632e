//! The model in production: look up, load, verify, promote, roll back.
//!
//! Whoever serves, compares or changes the champion does it through this crate, so there is one rule:
//! only a version that the pipeline trained, whose bytes have the recorded hash and load, becomes
//! champion. A champion that cannot be loaded afterwards raises an alarm, and the last sound former
//! champion ([`last_sound`]) stands in for it.

mod alarm;
mod former;
mod load;
mod promote;

pub use alarm::{CHAMPION_UNUSABLE, count_unusable, raise_alarm};
pub use former::{last_sound, replaced};
pub use load::{
    ChampionStatus, EvaluatedVersion, Flaw, LoadedVersion, StoreError, Unusable, champion, load,
};
pub use promote::{PromoteError, by_hand, promote, roll_back, set};
