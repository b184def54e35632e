//! What is kept of a token.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::hash::{HashKey, TokenHash};
use crate::scope::Scopes;
use crate::token::{Token, TokenId};

/// What is kept of a token: all but its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenRecord {
    /// Its id.
    pub id: TokenId,
    /// The keyed hash of the whole token.
    pub hash: TokenHash,
    /// What it is good for.
    pub scopes: Scopes,
    /// Whose it is, or what for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is good for nothing; in whole seconds since 1970, as the table's own expiry
    /// wants it. None of one that does not expire.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::second::optional"
    )]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// Whether a token is good for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Live,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        })
    }
}

impl TokenRecord {
    /// The record of a new token.
    pub fn new(token: &Token, key: &HashKey, scopes: Scopes, created_at: Timestamp) -> Self {
        Self {
            id: token.id().clone(),
            hash: key.hash(token),
            scopes,
            note: None,
            created_at,
            expires_at: None,
            revoked_at: None,
        }
    }

    /// Whether it is good for anything at `now`. The table forgets expired items when it pleases, so
    /// nothing rests on their absence.
    pub fn standing(&self, now: Timestamp) -> Standing {
        if self.revoked_at.is_some() {
            Standing::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            Standing::Expired
        } else {
            Standing::Live
        }
    }
}
