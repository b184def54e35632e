//! The stored record of a token.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::hash::{HashKey, TokenHash};
use crate::scope::Scopes;
use crate::token::{Token, TokenId};

/// The stored record of a token, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenRecord {
    pub id: TokenId,
    /// The keyed hash of the whole token.
    pub hash: TokenHash,
    /// What it allows.
    pub scopes: Scopes,
    /// Who uses it, or for what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    pub created_at: Timestamp,
    /// When it expires, in whole seconds since 1970, as the table's expiry requires; `None` if it does
    /// not expire.
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

/// Whether a token is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStatus {
    Valid,
    Expired,
    Revoked,
}

impl fmt::Display for TokenStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Valid => "valid",
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

    /// Whether it is valid at `now`. The table deletes expired items at some later time, so the check
    /// does not rely on that.
    pub fn status(&self, now: Timestamp) -> TokenStatus {
        if self.revoked_at.is_some() {
            TokenStatus::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            TokenStatus::Expired
        } else {
            TokenStatus::Valid
        }
    }
}
