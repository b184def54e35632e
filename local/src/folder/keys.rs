//! The secrets of a data folder. Each is made once at random, kept in a file that only its owner may
//! read, and never changed.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tasador_access::HashKey;
use tasador_ids::hex;

use super::{FolderError, sync_folder};
use crate::random;

/// An AWS access key. Its file has the format of `~/.aws/credentials`, so that
/// `AWS_SHARED_CREDENTIALS_FILE` may name it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    pub id: String,
    pub secret: String,
}

impl AccessKey {
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: secret.into(),
        }
    }

    fn random() -> io::Result<Self> {
        // As long as those of AWS.
        Ok(Self::new(
            format!("TASA{}", hex::encode(random::bytes::<8>()?).to_uppercase()),
            hex::encode(random::bytes::<20>()?),
        ))
    }

    fn parse(text: &str) -> Option<Self> {
        let value = |wanted: &str| {
            text.lines().find_map(|line| {
                let (name, value) = line.split_once('=')?;
                (name.trim() == wanted).then(|| value.trim())
            })
        };
        let key = Self::new(value("aws_access_key_id")?, value("aws_secret_access_key")?);
        (!key.id.is_empty() && key.secret.len() >= 40).then_some(key)
    }

    fn to_file(&self) -> String {
        format!(
            "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            self.id, self.secret
        )
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The access key of the folder at `root`.
pub(super) fn access_key(root: &Path) -> Result<AccessKey, FolderError> {
    let make = || AccessKey::random().map(|key| key.to_file());
    let parse = |text: &str| {
        AccessKey::parse(text).ok_or_else(|| {
            io::Error::other("no aws_access_key_id, or no aws_secret_access_key of 40 characters")
        })
    };
    read_or_make(root, "aws-credentials", make, parse)
}

/// The token key of the folder at `root`, whichever process serves it.
///
/// # Errors
/// [`FolderError::Unusable`] where it cannot be read or made.
pub(crate) fn token_key(root: &Path) -> Result<HashKey, FolderError> {
    let make = || Ok(hex::encode(random::bytes::<32>()?));
    let parse = |text: &str| HashKey::new(text.trim()).map_err(io::Error::other);
    read_or_make(root, "token.key", make, parse)
}

fn read_or_make<T>(
    root: &Path,
    name: &str,
    make: impl FnOnce() -> io::Result<String>,
    parse: impl FnOnce(&str) -> io::Result<T>,
) -> Result<T, FolderError> {
    let path = root.join(name);
    let value = make_if_missing(&path, make)
        .and_then(|()| std::fs::read_to_string(&path))
        .and_then(|text| parse(&text));
    value.map_err(|source| FolderError::Unusable { path, source })
}

fn make_if_missing(path: &Path, make: impl FnOnce() -> io::Result<String>) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    // The file appears complete or not at all, and where two processes make one, the first stays.
    let fresh = path.with_extension(format!("new.{}", std::process::id()));
    let made = make()?;
    write_private(&fresh, made.as_bytes(), OpenOptions::new().truncate(true))?;
    let linked = std::fs::hard_link(&fresh, path);
    std::fs::remove_file(&fresh)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => path.parent().map_or(Ok(()), sync_folder),
    }
}

/// Writes a file that only its owner may read.
pub(super) fn write_private(path: &Path, bytes: &[u8], how: &mut OpenOptions) -> io::Result<()> {
    how.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(how, 0o600);
    let mut file = how.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_key_is_read_as_it_was_written_and_not_shown() {
        let key = AccessKey::random().unwrap();
        assert_eq!(key.id.len(), 20);
        assert_eq!(AccessKey::parse(&key.to_file()), Some(key.clone()));
        assert!(!format!("{key:?}").contains(&key.secret));
        for text in [
            "",
            "aws_access_key_id = a",
            "aws_access_key_id = a\naws_secret_access_key = short",
        ] {
            assert_eq!(AccessKey::parse(text), None, "{text}");
        }
    }
}
