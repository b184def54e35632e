//! The check: from an `Authorization` header to a caller, or to the reason why not.

use jiff::Timestamp;

use crate::hash::HashKey;
use crate::record::{Standing, TokenRecord};
use crate::scope::{Scope, Scopes};
use crate::token::{Token, TokenId};

/// Who a request is from, as its token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's id.
    pub token_id: TokenId,
    /// What it is good for.
    pub scopes: Scopes,
}

impl Caller {
    /// That the caller may do what `scope` is wanted for.
    ///
    /// # Errors
    /// [`Denial::Lacks`] where it may not.
    pub fn require(&self, scope: Scope) -> Result<(), Denial> {
        if self.scopes.allow(scope) {
            Ok(())
        } else {
            Err(Denial::Lacks { scope })
        }
    }
}

/// Why a request is not admitted. What it says, the caller may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// There is no token.
    #[error("a token is wanted: send Authorization: Bearer tsd_…")]
    Missing,
    /// What was sent can't be a token.
    #[error("what was sent as token can't be one")]
    Malformed,
    /// There is no such token, or its secret is another: nobody learns which.
    #[error("the token is not known here")]
    Unknown,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It was taken back.
    #[error("the token was revoked")]
    Revoked,
    /// It is good, but not for this.
    #[error("the token does not have the scope `{scope}` that this wants")]
    Lacks {
        /// The scope that is wanted.
        scope: Scope,
    },
}

impl Denial {
    /// Whether it is known who asks, and they may not (403); else another token may do (401).
    pub const fn is_forbidden(self) -> bool {
        matches!(self, Self::Lacks { .. })
    }

    /// The challenge for `WWW-Authenticate` (RFC 6750, section 3).
    pub fn challenge(self) -> String {
        const REALM: &str = "Bearer realm=\"tasador\"";
        match self {
            Self::Missing => REALM.to_owned(),
            Self::Lacks { scope } => {
                format!("{REALM}, error=\"insufficient_scope\", scope=\"{scope}\"")
            }
            other => format!("{REALM}, error=\"invalid_token\", error_description=\"{other}\""),
        }
    }
}

/// The token in an `Authorization` header.
///
/// # Errors
/// [`Denial::Malformed`] where it holds anything else.
pub fn bearer(authorization: &str) -> Result<Token, Denial> {
    let (scheme, token) = authorization.split_once(' ').ok_or(Denial::Malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Denial::Malformed);
    }
    token.trim().parse().map_err(|_| Denial::Malformed)
}

/// Who holds this token, where it is good at `now`. `record` is what the table has under its id.
///
/// The secret is checked first: only its holder learns that a token has expired or was revoked.
///
/// # Errors
/// [`Denial`] with the reason.
pub fn admit(
    token: &Token,
    record: Option<&TokenRecord>,
    key: &HashKey,
    now: Timestamp,
) -> Result<Caller, Denial> {
    let record = record.ok_or(Denial::Unknown)?;
    if !key.hash(token).matches(&record.hash) {
        return Err(Denial::Unknown);
    }
    match record.standing(now) {
        Standing::Live => Ok(Caller {
            token_id: record.id.clone(),
            scopes: record.scopes.clone(),
        }),
        Standing::Expired => Err(Denial::Expired),
        Standing::Revoked => Err(Denial::Revoked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::RANDOM_BYTES;
    use proptest::prelude::*;

    fn key() -> HashKey {
        HashKey::new("0123456789abcdef0123456789abcdef").unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn token(secret: u8) -> Token {
        let mut random = [secret; RANDOM_BYTES];
        random[..8].fill(1);
        Token::from_random(&random)
    }

    fn record(expires: Option<i64>, revoked: Option<i64>) -> TokenRecord {
        let scopes = Scopes::from_iter([Scope::Read]);
        TokenRecord {
            expires_at: expires.map(at),
            revoked_at: revoked.map(at),
            ..TokenRecord::new(&token(2), &key(), scopes, at(0))
        }
    }

    #[test]
    fn who_is_admitted() {
        let good = || Ok(Scopes::from_iter([Scope::Read]));
        let table = [
            ("lasting", token(2), Some(record(None, None)), good()),
            (
                "not yet expired",
                token(2),
                Some(record(Some(101), None)),
                good(),
            ),
            (
                "expired now",
                token(2),
                Some(record(Some(100), None)),
                Err(Denial::Expired),
            ),
            (
                "revoked",
                token(2),
                Some(record(None, Some(50))),
                Err(Denial::Revoked),
            ),
            (
                "revoked, then expired",
                token(2),
                Some(record(Some(60), Some(50))),
                Err(Denial::Revoked),
            ),
            ("of no record", token(2), None, Err(Denial::Unknown)),
            (
                "of another secret",
                token(3),
                Some(record(None, None)),
                Err(Denial::Unknown),
            ),
            (
                "of another secret, expired",
                token(3),
                Some(record(Some(1), None)),
                Err(Denial::Unknown),
            ),
            (
                "of another secret, revoked",
                token(3),
                Some(record(None, Some(1))),
                Err(Denial::Unknown),
            ),
        ];
        for (what, token, record, expected) in table {
            let found = admit(&token, record.as_ref(), &key(), at(100));
            assert_eq!(found.map(|caller| caller.scopes), expected, "{what}");
        }
    }

    #[test]
    fn a_record_under_another_key_admits_nobody() {
        let other = HashKey::new("another key of at least 32 characters").unwrap();
        let found = admit(&token(2), Some(&record(None, None)), &other, at(100));
        assert_eq!(found, Err(Denial::Unknown));
    }

    #[test]
    fn a_caller_needs_the_scope() {
        let caller = admit(&token(2), Some(&record(None, None)), &key(), at(1)).unwrap();
        assert_eq!(caller.require(Scope::Read), Ok(()));
        for scope in [Scope::Predict, Scope::Admin] {
            let denial = caller.require(scope).unwrap_err();
            assert!(denial.is_forbidden());
            assert!(denial.challenge().contains(&format!("scope=\"{scope}\"")));
        }
    }

    #[test]
    fn headers_that_hold_a_token_and_others() {
        let text = token(2).reveal();
        for header in [format!("Bearer {text}"), format!("bearer  {text} ")] {
            assert_eq!(bearer(&header).unwrap().reveal(), text, "{header}");
        }
        for header in [
            String::new(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            text.clone(),
            format!("Basic {text}"),
            format!("Bearer{text}"),
            format!("Bearer {text},{text}"),
            format!("Bearer {text} {text}"),
        ] {
            assert_eq!(bearer(&header).unwrap_err(), Denial::Malformed, "{header}");
        }
    }

    #[test]
    fn a_challenge_is_a_header() {
        let denials = [
            Denial::Missing,
            Denial::Malformed,
            Denial::Unknown,
            Denial::Expired,
            Denial::Revoked,
        ];
        for denial in denials {
            let challenge = denial.challenge();
            assert!(
                challenge.starts_with("Bearer realm=\"tasador\""),
                "{challenge}"
            );
            assert!(
                challenge.is_ascii() && !denial.is_forbidden(),
                "{challenge}"
            );
        }
    }

    proptest! {
        /// Nothing brings a token back: once revoked or expired it stays so at every later time.
        #[test]
        fn a_token_ends_for_good(expires in 0..2_000_i64, revoked in proptest::option::of(0..2_000_i64), now in 0..2_000_i64, later in 0..2_000_i64) {
            let record = record(Some(expires), revoked);
            let admitted = |now| admit(&token(2), Some(&record), &key(), at(now)).is_ok();
            prop_assert_eq!(admitted(now), revoked.is_none() && now < expires);
            prop_assert!(admitted(now) || !admitted(now + later));
        }

        #[test]
        fn a_record_is_read_as_it_is_written(expires in proptest::option::of(0..4_000_000_000_i64), revoked in proptest::option::of(0..4_000_000_000_i64)) {
            let written = record(expires, revoked);
            let json = serde_json::to_value(&written).unwrap();
            prop_assert_eq!(json.get("expires_at").and_then(serde_json::Value::as_i64), expires);
            let read: TokenRecord = serde_json::from_value(json.clone()).unwrap();
            prop_assert_eq!(serde_json::to_value(&read).unwrap(), json);
        }

        #[test]
        fn no_header_panics(header: String) {
            prop_assert!(bearer(&header).is_err());
        }
    }
}
