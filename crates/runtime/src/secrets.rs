//! Secrets that AWS Secrets Manager keeps.
//!
//! A variable of a function has the secret's id, not its text, so a rotated secret takes effect without a
//! deployment. The key of the tokens is kept in memory, because every request needs it; see
//! [`KEY_AGE`].

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_secretsmanager::Client;
use jiff::{SignedDuration, Timestamp};
use tasador_access::{HashKey, WeakKey};

use crate::failure::{Classify, ErrorClass};

/// How long the key of the tokens is used before it is read again. A rotation revokes the tokens that
/// were hashed with the old key; they are refused after this time at the latest.
const KEY_AGE: SignedDuration = SignedDuration::from_mins(5);
/// The shortest time between two reads that unknown tokens cause. Without it, a caller with wrong
/// tokens could cause a paid request each time.
const REREAD_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// Why a secret is not available.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the secret {id} cannot be read")]
    Unavailable {
        id: String,
        retryable: bool,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the secret {id} is binary; store text")]
    NoText { id: String },
    #[error("the secret {id} cannot be the key of tokens")]
    Weak { id: String, source: WeakKey },
}

impl Classify for SecretError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Unavailable {
                retryable: true, ..
            } => ErrorClass::Retryable,
            _ => ErrorClass::Bug,
        }
    }
}

/// The client, and the key of the tokens as it was last read. Cloning shares both.
#[derive(Debug, Clone)]
pub(crate) struct Secrets {
    client: Client,
    token_key: Arc<Mutex<Option<KeyRead>>>,
}

#[derive(Debug, Clone)]
struct KeyRead {
    key: HashKey,
    at: Timestamp,
}

impl Secrets {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            token_key: Arc::default(),
        }
    }

    pub(crate) async fn text(&self, id: &str) -> Result<String, SecretError> {
        let answer = self.client.get_secret_value().secret_id(id).send().await;
        let answer = answer.map_err(|error| SecretError::Unavailable {
            id: id.to_owned(),
            retryable: tasador_aws::is_retryable(&error),
            source: error.into(),
        })?;
        answer
            .secret_string
            .ok_or_else(|| SecretError::NoText { id: id.to_owned() })
    }

    fn known(&self) -> Option<KeyRead> {
        let known = self.token_key.lock();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key of the tokens, at most [`KEY_AGE`] old, or older while Secrets Manager does not answer.
    pub(crate) async fn token_key(&self, id: &str, now: Timestamp) -> Result<HashKey, SecretError> {
        let known = self.known();
        if let Some(known) = &known
            && now.duration_since(known.at) < KEY_AGE
        {
            return Ok(known.key.clone());
        }
        match (self.read_key(id, now).await, known) {
            (Ok(key), _) => Ok(key),
            (Err(error), Some(known)) if error.class() == ErrorClass::Retryable => {
                tracing::warn!(
                    "the last known key of tokens stays in use: {}",
                    crate::chain(&error)
                );
                Ok(known.key)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The key, read again because a token is unknown under `tried`; `None` if it is still the same or
    /// was read within the last [`REREAD_AFTER`].
    pub(crate) async fn rotated_token_key(
        &self,
        id: &str,
        tried: &HashKey,
        now: Timestamp,
    ) -> Result<Option<HashKey>, SecretError> {
        let key = match self.known() {
            // Another request has read it since.
            Some(known) if known.key != *tried => known.key,
            Some(known) if now.duration_since(known.at) < REREAD_AFTER => return Ok(None),
            _ => self.read_key(id, now).await?,
        };
        Ok((key != *tried).then_some(key))
    }

    async fn read_key(&self, id: &str, now: Timestamp) -> Result<HashKey, SecretError> {
        let key = HashKey::new(&self.text(id).await?).map_err(|source| SecretError::Weak {
            id: id.to_owned(),
            source,
        })?;
        let read = KeyRead {
            key: key.clone(),
            at: now,
        };
        *self
            .token_key
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(read);
        Ok(key)
    }
}
