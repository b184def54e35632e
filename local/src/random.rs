//! Random bytes that nobody can foresee: the system's.

use std::io;

use rand::TryRngCore as _;
use rand::rngs::OsRng;
use tasador_access::Token;

/// So many random bytes.
///
/// # Errors
/// Where the system has none.
pub(crate) fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// A new token.
///
/// # Errors
/// Where the system has no randomness.
pub(crate) fn token() -> io::Result<Token> {
    Ok(Token::from_random(&bytes()?))
}
