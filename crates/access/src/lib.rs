//! Access control: bearer tokens, their scopes, and the scope that each route requires.
//!
//! A token is `tsd_<id>_<secret>`. The id is public: lists and audit lines contain it. The secret, 256
//! random bits, is shown once and never stored. The table has a keyed hash of the whole token, so
//! without the key neither a copy of the table nor a write to it gives a valid token.
//!
//! Pure: randomness, time and key are passed in. API Gateway's authorizer, the local cloud and the
//! page use the same rules.

mod check;
mod hash;
#[cfg(feature = "openapi")]
mod openapi;
mod record;
mod route;
mod scope;
mod token;

pub use check::{Caller, Denial, admit, bearer};
pub use hash::{HASH_KEY_MIN_BYTES, HashKey, TokenHash, WeakKey};
#[cfg(feature = "openapi")]
pub use openapi::secure;
pub use record::{TokenRecord, TokenStatus};
pub use route::{MLFLOW, Need, ROUTES, Route, need};
pub use scope::{Scope, Scopes, UnknownScope};
pub use token::{Malformed, RANDOM_BYTES, Token, TokenId};
