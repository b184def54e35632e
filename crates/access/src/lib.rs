//! Who may do what: bearer tokens, their scopes, and which scope each route wants.
//!
//! A token is `tsd_<id>_<secret>`. The id is public: it names the token in lists and in the audit.
//! The secret, 256 random bits, is shown once and never kept: the table has a keyed hash of the whole
//! token, so neither a copy of the table nor a write to it makes a token without the key.
//!
//! Pure: randomness, the time and the key are given. The rules are the same for API Gateway's
//! authorizer, for the local cloud and for the page.

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
pub use record::{Standing, TokenRecord};
pub use route::{MLFLOW, Need, ROUTES, Route, need};
pub use scope::{Scope, Scopes, UnknownScope};
pub use token::{Malformed, RANDOM_BYTES, Token, TokenId};
