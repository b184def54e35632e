//! Writes, metadata and lists.

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use tasador_ids::Digest;

use crate::Key;
use crate::error::LakeError;

/// The metadata field of an object with the SHA-256 of its bytes.
pub(crate) const SHA256: &str = "sha256";

/// Keys per page of a list; the maximum of S3.
const PAGE_KEYS: i32 = 1_000;

/// Attempts of a write-once write when S3 answers 409: of two concurrent writers one wins, and the
/// other must repeat its write to learn the result.
const CONFLICT_TRIES: u32 = 3;

/// The result of a write-once write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The object is new.
    Written,
    /// The object existed with the same bytes.
    AlreadyThere,
}

/// The metadata of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    pub key: Key,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// The SHA-256 of its bytes, if its writer stored it. Lists never contain it.
    pub sha256: Option<Digest>,
    pub modified_at: Option<Timestamp>,
}

/// The bucket. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Lake {
    pub(crate) client: Client,
    pub(crate) bucket: String,
}

/// What a write-once write finds under its key.
enum Stored {
    /// Bytes with this digest, as they were written.
    Sound(Digest),
    /// Other bytes than were written.
    Damaged(String),
}

/// The bytes to write.
enum Body<'a> {
    Memory(Bytes),
    File(&'a Path),
}

impl Body<'_> {
    /// The bytes from the start; called again for each attempt.
    async fn stream(&self) -> Result<ByteStream, LakeError> {
        match self {
            Self::Memory(bytes) => Ok(ByteStream::from(bytes.clone())),
            Self::File(path) => {
                ByteStream::from_path(path)
                    .await
                    .map_err(|error| LakeError::File {
                        path: path.to_path_buf(),
                        source: std::io::Error::other(error),
                    })
            }
        }
    }
}

impl Lake {
    /// The bucket with this name. The client must be built with [`client_config`](crate::client_config).
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self {
            client,
            bucket: bucket.into(),
        }
    }

    /// Another bucket with the same client.
    pub fn in_bucket(&self, bucket: impl Into<String>) -> Self {
        Self::new(self.client.clone(), bucket)
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Creates the bucket if it does not exist. For local endpoints: on AWS the template creates it.
    ///
    /// # Errors
    /// [`LakeError::Unavailable`].
    pub async fn create_bucket(&self) -> Result<(), LakeError> {
        match self
            .client
            .create_bucket()
            .bucket(&self.bucket)
            .send()
            .await
        {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(|e| {
                    e.is_bucket_already_owned_by_you() || e.is_bucket_already_exists()
                }) =>
            {
                Ok(())
            }
            Err(error) => Err(LakeError::of_call("create", &self.bucket, error)),
        }
    }

    /// Writes a permanent, write-once object.
    ///
    /// If the key exists, the object is read and compared with these bytes. If they are equal, the write
    /// succeeds without a change, so repeated steps and lost answers need no special handling. An object
    /// that is damaged (its bytes are not those that it was written with) is written again. Not
    /// every endpoint detects two concurrent writers of different bytes: uniqueness must rely on the
    /// registry.
    ///
    /// # Errors
    /// [`LakeError::AlreadyExists`] if the object has other bytes; [`LakeError::Unavailable`].
    pub async fn put_once(&self, key: &Key, bytes: impl Into<Bytes>) -> Result<Put, LakeError> {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.write_once(key, &Body::Memory(bytes), digest).await
    }

    /// Like [`put_once`](Self::put_once), from a file whose SHA-256 is `digest`. The file is
    /// streamed and has at most 5 GB (the limit of S3 for one request).
    ///
    /// # Errors
    /// As [`put_once`](Self::put_once), and [`LakeError::File`].
    pub async fn put_once_from_file(
        &self,
        key: &Key,
        path: &Path,
        digest: Digest,
    ) -> Result<Put, LakeError> {
        self.write_once(key, &Body::File(path), digest).await
    }

    /// Like [`put_once`](Self::put_once), a value as JSON.
    ///
    /// # Errors
    /// As [`put_once`](Self::put_once); a value that cannot be serialised is [`LakeError::Corrupt`].
    pub async fn put_json_once<T: Serialize + ?Sized>(
        &self,
        key: &Key,
        value: &T,
    ) -> Result<Put, LakeError> {
        let bytes = serde_json::to_vec(value).map_err(|error| LakeError::Corrupt {
            key: key.clone(),
            reason: format!("it cannot be written as JSON: {error}"),
        })?;
        self.put_once(key, bytes).await
    }

    /// Writes or overwrites an object. Only for markers, which are temporary, and to replace a damaged object.
    ///
    /// # Errors
    /// [`LakeError::Unavailable`].
    pub async fn put(&self, key: &Key, bytes: impl Into<Bytes>) -> Result<(), LakeError> {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.request(key, digest)
            .body(bytes.into())
            .send()
            .await
            .map(drop)
            .map_err(|error| LakeError::of_call("write", key, error))
    }

    /// Deletes an object; it is not an error if it does not exist.
    ///
    /// # Errors
    /// [`LakeError::Unavailable`].
    pub async fn delete(&self, key: &Key) -> Result<(), LakeError> {
        let answer = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            // Some endpoints answer this where S3 answers 204.
            Err(error) if tasador_aws::status(&error) == Some(404) => Ok(()),
            Err(error) => Err(LakeError::of_call("delete", key, error)),
        }
    }

    /// The metadata of the object; `None` if it does not exist.
    ///
    /// # Errors
    /// [`LakeError::Unavailable`].
    pub async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, LakeError> {
        match self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .send()
            .await
        {
            Ok(answer) => Ok(Some(info(key, &answer))),
            Err(error) if tasador_aws::status(&error) == Some(404) => Ok(None),
            Err(error) => Err(LakeError::of_call("look at", key, error)),
        }
    }

    ///
    /// # Errors
    /// [`LakeError::Unavailable`].
    pub async fn exists(&self, key: &Key) -> Result<bool, LakeError> {
        Ok(self.head(key).await?.is_some())
    }

    /// All objects whose keys start with `prefix`, in the order of keys.
    ///
    /// # Errors
    /// [`LakeError::Unavailable`].
    pub async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, LakeError> {
        self.list_by(prefix, PAGE_KEYS).await
    }

    /// Like [`list`](Self::list), with `page_keys` keys per request.
    ///
    /// # Errors
    /// [`LakeError::Unavailable`].
    pub async fn list_by(
        &self,
        prefix: &str,
        page_keys: i32,
    ) -> Result<Vec<ObjectInfo>, LakeError> {
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .into_paginator()
            .page_size(page_keys)
            .send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| LakeError::of_call("list", prefix, error))?;
            for object in page.contents() {
                // This program never writes such a key: it is a foreign object.
                let Some(key) = object.key().and_then(|key| key.parse().ok()) else {
                    continue;
                };
                all.push(ObjectInfo {
                    key,
                    size_bytes: object
                        .size()
                        .and_then(|size| size.try_into().ok())
                        .unwrap_or_default(),
                    sha256: None,
                    modified_at: object.last_modified().and_then(timestamp),
                });
            }
        }
        Ok(all)
    }

    fn request(
        &self,
        key: &Key,
        digest: Digest,
    ) -> aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .metadata(SHA256, digest.to_string())
            // The server compares the received bytes with this and rejects others.
            .checksum_sha256(base64::engine::general_purpose::STANDARD.encode(digest.as_bytes()))
    }

    async fn write_once(
        &self,
        key: &Key,
        body: &Body<'_>,
        digest: Digest,
    ) -> Result<Put, LakeError> {
        let mut tries_left = CONFLICT_TRIES;
        let stored = loop {
            tries_left -= 1;
            let request = self.request(key, digest).if_none_match("*");
            let Err(error) = request.body(body.stream().await?).send().await else {
                return Ok(Put::Written);
            };
            match tasador_aws::status(&error) {
                Some(412) => match self.stored(key).await {
                    // Deleted since: racing compactions delete what they staged.
                    Err(LakeError::NotFound { .. }) if tries_left > 0 => {}
                    stored => break stored?,
                },
                Some(409) if tries_left > 0 => {}
                // A server may refuse and hang up while the body is still on its way: then the
                // client sees a broken connection, and only the object tells what happened.
                None => match self.stored(key).await {
                    Ok(stored) => break stored,
                    Err(_) => return Err(LakeError::of_call("write", key, error)),
                },
                Some(_) => return Err(LakeError::of_call("write", key, error)),
            }
        };
        match stored {
            Stored::Sound(stored) if stored == digest => Ok(Put::AlreadyThere),
            Stored::Sound(_) => Err(LakeError::AlreadyExists { key: key.clone() }),
            Stored::Damaged(reason) => {
                tracing::error!(%key, "the object was damaged and is written again: {reason}");
                self.request(key, digest)
                    .body(body.stream().await?)
                    .send()
                    .await
                    .map(|_| Put::Written)
                    .map_err(|error| LakeError::of_call("write", key, error))
            }
        }
    }

    /// What is stored under a key that exists.
    async fn stored(&self, key: &Key) -> Result<Stored, LakeError> {
        match self.check(key, None).await {
            // What a power cut leaves of a file whose bytes had not reached the disk.
            Ok(found)
                if found.size_bytes == 0
                    && self
                        .head(key)
                        .await?
                        .is_none_or(|info| info.sha256.is_none()) =>
            {
                Ok(Stored::Damaged("it is empty".to_owned()))
            }
            Ok(found) => Ok(Stored::Sound(found.digest)),
            Err(LakeError::Corrupt { reason, .. }) => Ok(Stored::Damaged(reason)),
            Err(error) => Err(error),
        }
    }
}

fn info(key: &Key, answer: &HeadObjectOutput) -> ObjectInfo {
    ObjectInfo {
        key: key.clone(),
        size_bytes: answer
            .content_length()
            .and_then(|size| size.try_into().ok())
            .unwrap_or_default(),
        sha256: answer
            .metadata()
            .and_then(|fields| fields.get(SHA256))
            .and_then(|text| text.parse().ok()),
        modified_at: answer.last_modified().and_then(timestamp),
    }
}

fn timestamp(time: &aws_sdk_s3::primitives::DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), time.subsec_nanos().try_into().ok()?).ok()
}
