//! The algorithms that can be candidates.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An algorithm that learns prices; as text `linear`, `ridge`, `forest`, `boosting`, `blend`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// Ordinary least squares on the encoded features, by singular values.
    Linear,
    /// Least squares with a penalty on large weights.
    Ridge,
    /// A forest of independent trees of bounded depth.
    Forest,
    /// Gradient-boosted trees with early stopping.
    Boosting,
    /// Ridge, and gradient-boosted trees on what it leaves unexplained.
    Blend,
}

impl Algorithm {
    /// Every algorithm, in the order of their names above.
    pub const ALL: [Self; 5] = [
        Self::Linear,
        Self::Ridge,
        Self::Forest,
        Self::Boosting,
        Self::Blend,
    ];

    /// The name used in states, keys and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Ridge => "ridge",
            Self::Forest => "forest",
            Self::Boosting => "boosting",
            Self::Blend => "blend",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no algorithm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an algorithm, expected linear, ridge, forest, boosting or blend")]
pub struct UnknownAlgorithm(pub String);

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;
    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or_else(|| UnknownAlgorithm(text.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_text_and_json() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
            let json = serde_json::to_string(&algorithm).unwrap();
            assert_eq!(json, format!("\"{algorithm}\""));
        }
        assert!("Linear".parse::<Algorithm>().is_err());
    }
}
