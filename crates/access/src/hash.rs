//! Keyed hashes of tokens. Only the hash of a token is stored.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use tasador_ids::hex;

use crate::token::Token;

/// The shortest key in bytes: as long as the hash.
pub const HASH_KEY_MIN_BYTES: usize = 32;

/// The key with which tokens are hashed. It is not in the table, so that access to the table alone
/// allows neither guessing nor creating tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct HashKey(Box<str>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key is too short: it needs at least {HASH_KEY_MIN_BYTES} characters")]
pub struct WeakKey;

impl HashKey {
    /// Checks the length of the key.
    ///
    /// # Errors
    /// [`WeakKey`] below [`HASH_KEY_MIN_BYTES`] bytes.
    pub fn new(text: &str) -> Result<Self, WeakKey> {
        if text.len() < HASH_KEY_MIN_BYTES {
            return Err(WeakKey);
        }
        Ok(Self(text.into()))
    }

    /// HMAC-SHA256 of the whole token: its id too, so that a hash says nothing about any other id.
    pub fn hash(&self, token: &Token) -> TokenHash {
        #[expect(clippy::expect_used, reason = "RFC 2104 allows keys of any length")]
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).expect("any length is valid");
        mac.update(token.reveal().as_bytes());
        TokenHash(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(…)")
    }
}

/// The keyed hash of a token, written as 64 hexadecimal digits.
///
/// It has no `==`, whose duration would reveal how much of a hash is correct; use
/// [`matches`](Self::matches).
///
/// ```compile_fail
/// # let key = tasador_access::HashKey::new("a key of at least 32 characters .").unwrap();
/// # let token = tasador_access::Token::from_random(&[0; tasador_access::RANDOM_BYTES]);
/// let same = key.hash(&token) == key.hash(&token);
/// ```
#[derive(Debug, Clone)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Whether both are equal, compared in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Serialize for TokenHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = hex::decode(&text).map(Self);
        bytes.ok_or_else(|| de::Error::custom("64 lower-case hexadecimal digits are expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::RANDOM_BYTES;
    use proptest::prelude::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn the_hash_is_hmac_sha256_of_the_whole_token() {
        let token = Token::from_random(&[0xab; RANDOM_BYTES]);
        let hash = HashKey::new(KEY).unwrap().hash(&token);
        // printf %s TOKEN | openssl dgst -sha256 -hmac KEY
        assert_eq!(
            serde_json::to_value(&hash).unwrap(),
            "900e1fcfde8323e5daa75584cf34a55ae152c14748534f728beabd99404c3679"
        );
    }

    #[test]
    fn a_short_key_is_rejected_and_no_key_is_printed() {
        assert_eq!(HashKey::new(&KEY[1..]), Err(WeakKey));
        assert_eq!(format!("{:?}", HashKey::new(KEY).unwrap()), "HashKey(…)");
    }

    proptest! {
        #[test]
        fn one_bit_of_token_or_key_changes_the_hash(bit in 0..RANDOM_BYTES * 8, place in 0..32_usize) {
            let key = HashKey::new(KEY).unwrap();
            let bytes = [0x5a; RANDOM_BYTES];
            let mut other = bytes;
            other[bit / 8] ^= 1 << (bit % 8);
            let hash = key.hash(&Token::from_random(&bytes));
            prop_assert!(hash.matches(&key.hash(&Token::from_random(&bytes))));
            prop_assert!(!hash.matches(&key.hash(&Token::from_random(&other))));
            let mut text = KEY.to_owned();
            text.replace_range(place..=place, "x");
            let other_key = HashKey::new(&text).unwrap();
            prop_assert!(!hash.matches(&other_key.hash(&Token::from_random(&bytes))));
        }

        #[test]
        fn a_hash_round_trips_through_json(random in any::<[u8; 32]>()) {
            let hash = TokenHash(random);
            let json = serde_json::to_string(&hash).unwrap();
            prop_assert!(serde_json::from_str::<TokenHash>(&json).unwrap().matches(&hash));
        }
    }
}
