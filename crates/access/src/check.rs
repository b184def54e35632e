//! Checks a request: from its `Authorization` header to a caller, or to the reason for the refusal.

use jiff::Timestamp;

use crate::hash::HashKey;
use crate::record::{TokenRecord, TokenStatus};
use crate::scope::{Scope, Scopes};
use crate::token::{Token, TokenId};

/// The caller of a request, according to its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub token_id: TokenId,
    /// What the token allows.
    pub scopes: Scopes,
}

impl Caller {
    /// Checks that the caller has `scope`.
    ///
    /// # Errors
    /// [`Denial::Lacks`] if it does not.
    pub fn require(&self, scope: Scope) -> Result<(), Denial> {
        if self.scopes.allow(scope) {
            Ok(())
        } else {
            Err(Denial::Lacks { scope })
        }
    }
}

/// Why a request is refused. The caller may read the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    #[error("a token is required: send the header Authorization: Bearer tsd_…")]
    Missing,
    #[error("the token is malformed; a token is tsd_, 16 hexadecimal digits, _ and 64 more")]
    Malformed,
    /// No such token, or another secret; callers cannot tell which.
    #[error("the token is unknown")]
    Unknown,
    #[error("the token has expired")]
    Expired,
    #[error("the token was revoked")]
    Revoked,
    /// It is valid, but does not allow this request.
    #[error("the request requires the scope `{scope}`, which the token does not have")]
    Lacks { scope: Scope },
}

impl Denial {
    /// Whether the caller is known but not allowed (403); otherwise another token may work (401).
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
/// [`Denial::Malformed`] if it contains anything else.
pub fn bearer(authorization: &str) -> Result<Token, Denial> {
    let (scheme, token) = authorization.split_once(' ').ok_or(Denial::Malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Denial::Malformed);
    }
    token.trim().parse().map_err(|_| Denial::Malformed)
}

/// The caller of this token, if it is valid at `now`. `record` is the table's record of its id.
///
/// The secret is checked first, so that only its owner learns that a token has expired or was revoked.
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
    match record.status(now) {
        TokenStatus::Valid => Ok(Caller {
            token_id: record.id.clone(),
            scopes: record.scopes.clone(),
        }),
        TokenStatus::Expired => Err(Denial::Expired),
        TokenStatus::Revoked => Err(Denial::Revoked),
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
    fn only_valid_tokens_are_admitted() {
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
            ("without a record", token(2), None, Err(Denial::Unknown)),
            (
                "with another secret",
                token(3),
                Some(record(None, None)),
                Err(Denial::Unknown),
            ),
            (
                "with another secret, expired",
                token(3),
                Some(record(Some(1), None)),
                Err(Denial::Unknown),
            ),
            (
                "with another secret, revoked",
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
    fn a_record_hashed_with_another_key_admits_nobody() {
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
    fn only_bearer_headers_with_one_token_are_accepted() {
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
    fn a_challenge_is_a_valid_header() {
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
        /// A token that was revoked or has expired is never valid again.
        #[test]
        fn a_token_never_becomes_valid_again(expires in 0..2_000_i64, revoked in proptest::option::of(0..2_000_i64), now in 0..2_000_i64, later in 0..2_000_i64) {
            let record = record(Some(expires), revoked);
            let admitted = |now| admit(&token(2), Some(&record), &key(), at(now)).is_ok();
            prop_assert_eq!(admitted(now), revoked.is_none() && now < expires);
            prop_assert!(admitted(now) || !admitted(now + later));
        }

        #[test]
        fn a_record_round_trips_through_json(expires in proptest::option::of(0..4_000_000_000_i64), revoked in proptest::option::of(0..4_000_000_000_i64)) {
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
