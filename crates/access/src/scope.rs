//! Scopes: what a token allows.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a token allows.
///
/// `admin` includes the others: whoever may change the champion must see what there is, and an
/// operator needs only one token. `predict` and `read` are separate: a program that prices homes does
/// not need the history, and a dashboard does not need prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Prices, and the inputs of the champion.
    Predict,
    /// Reading: history, runs, models, metrics.
    Read,
    /// Changes: starting runs, promoting, rolling back.
    Admin,
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::Predict, Self::Read, Self::Admin];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Predict => "predict",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }

    /// Whether this scope includes `other`.
    pub const fn includes(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Admin, _) | (Self::Read, Self::Read) | (Self::Predict, Self::Predict)
        )
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An unknown scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope; use predict, read or admin")]
pub struct UnknownScope(pub String);

impl FromStr for Scope {
    type Err = UnknownScope;
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

/// The distinct scopes of one token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Whether they include `scope`.
    pub fn allow(&self, scope: Scope) -> bool {
        self.0.iter().any(|own| own.includes(scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for Scopes {
    /// Space-separated, as in OAuth.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|scope| scope.as_str()).collect();
        f.pad(&names.join(" "))
    }
}

impl FromStr for Scopes {
    type Err = UnknownScope;
    /// Parses the format of [`Display`](fmt::Display).
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        text.split_whitespace().map(str::parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scopes_include_the_documented_ones() {
        use Scope::{Admin, Predict, Read};
        let table = [
            (Predict, [true, false, false]),
            (Read, [false, true, false]),
            (Admin, [true, true, true]),
        ];
        for (own, enough) in table {
            for (wanted, expected) in [Predict, Read, Admin].into_iter().zip(enough) {
                let scopes = Scopes::from_iter([own]);
                assert_eq!(scopes.allow(wanted), expected, "{own} for {wanted}");
            }
        }
        assert!(
            Scope::ALL
                .iter()
                .all(|scope| !Scopes::default().allow(*scope))
        );
    }

    fn scopes() -> impl Strategy<Value = Scopes> {
        proptest::collection::vec(0..3_usize, 0..5)
            .prop_map(|places| places.into_iter().map(|place| Scope::ALL[place]).collect())
    }

    proptest! {
        #[test]
        fn scopes_round_trip_through_text(scopes in scopes()) {
            prop_assert_eq!(scopes.to_string().parse(), Ok(scopes.clone()));
            let json = serde_json::to_string(&scopes).unwrap();
            prop_assert_eq!(serde_json::from_str::<Scopes>(&json).unwrap(), scopes);
        }

        #[test]
        fn more_scopes_never_allow_less(one in scopes(), other in scopes()) {
            let both: Scopes = one.0.union(&other.0).copied().collect();
            for scope in Scope::ALL {
                prop_assert_eq!(both.allow(scope), one.allow(scope) || other.allow(scope));
            }
        }

        #[test]
        fn other_words_are_not_scopes(word in "[a-zA-Z*]{1,8}") {
            prop_assume!(Scope::ALL.iter().all(|scope| scope.as_str() != word));
            prop_assert_eq!(word.parse::<Scope>(), Err(UnknownScope(word.clone())));
        }
    }
}
