//! Tokens as callers use them: `tsd_<id>_<secret>`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tasador_ids::hex;

/// The prefix of every token, by which secret scanners recognise it.
const PREFIX: &str = "tsd_";
/// Bytes of an id: enough to be unique in a table.
const ID_BYTES: usize = 8;
/// Bytes of a secret: 256 bits cannot be guessed and need no slow hash.
const SECRET_BYTES: usize = 32;
/// Random bytes of a new token.
pub const RANDOM_BYTES: usize = ID_BYTES + SECRET_BYTES;

/// The public part of a token: 16 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenId([u8; ID_BYTES]);

/// A text that is not a token or a token's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token; a token is tsd_, 16 hexadecimal digits, _ and 64 more")]
pub struct Malformed;

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl FromStr for TokenId {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        hex::decode(text).map(Self).ok_or(Malformed)
    }
}

impl TryFrom<String> for TokenId {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<TokenId> for String {
    fn from(id: TokenId) -> Self {
        id.to_string()
    }
}

/// A token with its secret, which is neither printed nor compared by accident: only
/// [`Token::reveal`] returns it, and [`crate::admit`] checks it.
#[derive(Clone)]
pub struct Token {
    id: TokenId,
    secret: [u8; SECRET_BYTES],
}

impl Token {
    /// The token with these bytes, which must come from a cryptographic source of randomness.
    pub fn from_random(random: &[u8; RANDOM_BYTES]) -> Self {
        let mut id = [0; ID_BYTES];
        let mut secret = [0; SECRET_BYTES];
        for (to, from) in id.iter_mut().chain(&mut secret).zip(random) {
            *to = *from;
        }
        Self {
            id: TokenId(id),
            secret,
        }
    }

    pub fn id(&self) -> &TokenId {
        &self.id
    }

    /// The whole token with its secret, to be shown once to its owner.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, hex::encode(self.secret))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_…", self.id)
    }
}

impl FromStr for Token {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (id, secret) = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('_'))
            .ok_or(Malformed)?;
        Ok(Self {
            id: id.parse()?,
            secret: hex::decode(secret).ok_or(Malformed)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_token_round_trips_through_text(random in any::<[u8; 32]>(), public in any::<[u8; 8]>()) {
            let mut bytes = [0; RANDOM_BYTES];
            bytes[..8].copy_from_slice(&public);
            bytes[8..].copy_from_slice(&random);
            let token = Token::from_random(&bytes);
            let text = token.reveal();
            let read: Token = text.parse().unwrap();
            prop_assert_eq!(read.reveal(), text);
            prop_assert_eq!(read.id(), token.id());
            let id: TokenId = token.id().to_string().parse().unwrap();
            prop_assert_eq!(&id, token.id());
        }

        #[test]
        fn nothing_else_is_a_token(text: String) {
            prop_assert!(text.parse::<Token>().is_err());
        }

        #[test]
        fn truncated_and_extended_tokens_are_rejected(random in any::<[u8; 32]>(), at in 0..85_usize) {
            let mut bytes = [7; RANDOM_BYTES];
            bytes[8..].copy_from_slice(&random);
            let text = Token::from_random(&bytes).reveal();
            prop_assert!(text[..at].parse::<Token>().is_err());
            for other in [format!("{text}0"), format!(" {text}"), text.to_uppercase()] {
                prop_assert!(other.parse::<Token>().is_err());
            }
        }
    }

    #[test]
    fn the_secret_is_not_printed_by_debug() {
        let token = Token::from_random(&[0xab; RANDOM_BYTES]);
        assert_eq!(format!("{token:?}"), "tsd_abababababababab_…");
    }
}
