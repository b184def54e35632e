//! Reads: never more than the caller allows, and never other bytes than were written.

use std::path::Path;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;
use tasador_ids::{Digest, Hasher};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};

use crate::Key;
use crate::error::LakeError;
use crate::lake::{Lake, SHA256};

/// The most bytes that are read into memory: far above every object except raw batches, which are
/// read into a file.
pub const READ_LIMIT_BYTES: u64 = 1 << 30;

/// How often a download is restarted after its body was interrupted. The client itself retries a
/// request only until the first byte of the answer.
const BODY_TRIES: u32 = 3;

/// Size of the buffer for writing a file, in bytes.
const FILE_BUFFER_BYTES: usize = 1 << 20;

/// The result of reading into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downloaded {
    /// Its length in bytes.
    pub size_bytes: u64,
    /// The SHA-256 of its bytes.
    pub digest: Digest,
}

/// The destination of an object's bytes.
trait Sink {
    /// Resets the destination for a new attempt.
    async fn restart(&mut self, size_bytes: u64) -> std::io::Result<()>;
    async fn take(&mut self, piece: Bytes) -> std::io::Result<()>;
    async fn finish(&mut self) -> std::io::Result<()>;
    fn path(&self) -> &Path;
}

struct Memory(BytesMut);

impl Sink for Memory {
    async fn restart(&mut self, size_bytes: u64) -> std::io::Result<()> {
        self.0.clear();
        self.0
            .reserve(usize::try_from(size_bytes).unwrap_or_default());
        Ok(())
    }

    async fn take(&mut self, piece: Bytes) -> std::io::Result<()> {
        self.0.extend_from_slice(&piece);
        Ok(())
    }

    async fn finish(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    fn path(&self) -> &Path {
        Path::new("memory")
    }
}

struct Spool<'a> {
    path: &'a Path,
    file: Option<BufWriter<File>>,
}

impl Sink for Spool<'_> {
    async fn restart(&mut self, _: u64) -> std::io::Result<()> {
        self.file = None;
        let file = File::create(self.path).await?;
        self.file = Some(BufWriter::with_capacity(FILE_BUFFER_BYTES, file));
        Ok(())
    }

    async fn take(&mut self, piece: Bytes) -> std::io::Result<()> {
        match &mut self.file {
            Some(file) => file.write_all(&piece).await,
            None => Ok(()),
        }
    }

    async fn finish(&mut self) -> std::io::Result<()> {
        match &mut self.file {
            Some(file) => file.flush().await,
            None => Ok(()),
        }
    }

    fn path(&self) -> &Path {
        self.path
    }
}

/// Discards the bytes: only their digest is needed.
struct Nowhere;

impl Sink for Nowhere {
    async fn restart(&mut self, _: u64) -> std::io::Result<()> {
        Ok(())
    }

    async fn take(&mut self, _: Bytes) -> std::io::Result<()> {
        Ok(())
    }

    async fn finish(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    fn path(&self) -> &Path {
        Path::new("nowhere")
    }
}

impl Lake {
    /// The object's bytes, verified with the SHA-256 in its metadata.
    ///
    /// # Errors
    /// [`LakeError::NotFound`]; [`LakeError::TooLarge`] above [`READ_LIMIT_BYTES`];
    /// [`LakeError::Corrupt`]; [`LakeError::Unavailable`], also if the body is interrupted in each attempt.
    pub async fn get(&self, key: &Key) -> Result<Bytes, LakeError> {
        let mut memory = Memory(BytesMut::new());
        read(self, key, None, READ_LIMIT_BYTES, &mut memory).await?;
        Ok(memory.0.freeze())
    }

    /// The object's bytes, which must have this SHA-256.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_verified(&self, key: &Key, digest: Digest) -> Result<Bytes, LakeError> {
        self.get_verified_within(key, digest, READ_LIMIT_BYTES)
            .await
    }

    /// Like [`get_verified`](Self::get_verified), reading at most `limit_bytes`.
    ///
    /// # Errors
    /// As [`get`](Self::get), with [`LakeError::TooLarge`] above the smaller of both limits.
    pub async fn get_verified_within(
        &self,
        key: &Key,
        digest: Digest,
        limit_bytes: u64,
    ) -> Result<Bytes, LakeError> {
        let mut memory = Memory(BytesMut::new());
        let limit_bytes = limit_bytes.min(READ_LIMIT_BYTES);
        read(self, key, Some(digest), limit_bytes, &mut memory).await?;
        Ok(memory.0.freeze())
    }

    /// The object's JSON.
    ///
    /// # Errors
    /// As [`get`](Self::get); JSON of another type is [`LakeError::Corrupt`].
    pub async fn get_json<T: DeserializeOwned>(&self, key: &Key) -> Result<T, LakeError> {
        let bytes = self.get(key).await?;
        serde_json::from_slice(&bytes).map_err(|error| LakeError::Corrupt {
            key: key.clone(),
            reason: format!("its JSON has an unexpected structure: {error}"),
        })
    }

    /// Writes the object's bytes into a new file. After an error the file is incomplete.
    ///
    /// # Errors
    /// [`LakeError::NotFound`]; [`LakeError::TooLarge`] above `limit_bytes`; [`LakeError::Corrupt`];
    /// [`LakeError::File`]; [`LakeError::Unavailable`].
    pub async fn get_to_file(
        &self,
        key: &Key,
        path: &Path,
        limit_bytes: u64,
    ) -> Result<Downloaded, LakeError> {
        read(
            self,
            key,
            None,
            limit_bytes,
            &mut Spool { path, file: None },
        )
        .await
    }

    /// Like [`get_to_file`](Self::get_to_file), for bytes that must have this SHA-256.
    ///
    /// # Errors
    /// As [`get_to_file`](Self::get_to_file).
    pub async fn get_to_file_verified(
        &self,
        key: &Key,
        path: &Path,
        limit_bytes: u64,
        digest: Digest,
    ) -> Result<Downloaded, LakeError> {
        read(
            self,
            key,
            Some(digest),
            limit_bytes,
            &mut Spool { path, file: None },
        )
        .await
    }

    /// Reads the object without keeping it, and verifies it with the SHA-256 in its metadata and with
    /// `expected`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn check(
        &self,
        key: &Key,
        expected: Option<Digest>,
    ) -> Result<Downloaded, LakeError> {
        read(self, key, expected, u64::MAX, &mut Nowhere).await
    }
}

async fn read(
    lake: &Lake,
    key: &Key,
    expected: Option<Digest>,
    limit_bytes: u64,
    sink: &mut impl Sink,
) -> Result<Downloaded, LakeError> {
    let mut tries_left = BODY_TRIES;
    loop {
        tries_left -= 1;
        let answer = open(lake, key, limit_bytes).await?;
        match drain(key, expected, limit_bytes, answer, sink).await {
            Err(error)
                if error.is_retryable()
                    && tries_left > 0
                    && !matches!(error, LakeError::File { .. }) =>
            {
                tracing::warn!(%key, tries_left, "the download was interrupted; retrying");
            }
            done => return done,
        }
    }
}

async fn open(lake: &Lake, key: &Key, limit_bytes: u64) -> Result<GetObjectOutput, LakeError> {
    let answer = lake
        .client
        .get_object()
        .bucket(&lake.bucket)
        .key(key.as_str())
        .send()
        .await;
    let answer = answer.map_err(|error| match error.as_service_error() {
        Some(refusal) if refusal.is_no_such_key() => LakeError::NotFound { key: key.clone() },
        _ if tasador_aws::status(&error) == Some(404)
            && error
                .as_service_error()
                .and_then(code)
                .is_none_or(|code| code != "NoSuchBucket") =>
        {
            LakeError::NotFound { key: key.clone() }
        }
        _ => LakeError::of_call("read", key, error),
    })?;
    match length(&answer) {
        Some(size_bytes) if size_bytes > limit_bytes => Err(LakeError::TooLarge {
            key: key.clone(),
            size_bytes,
            limit_bytes,
        }),
        _ => Ok(answer),
    }
}

fn code(error: &aws_sdk_s3::operation::get_object::GetObjectError) -> Option<&str> {
    aws_sdk_s3::error::ProvideErrorMetadata::code(error)
}

fn length(answer: &GetObjectOutput) -> Option<u64> {
    answer
        .content_length()
        .and_then(|length| length.try_into().ok())
}

async fn drain(
    key: &Key,
    expected: Option<Digest>,
    limit_bytes: u64,
    answer: GetObjectOutput,
    sink: &mut impl Sink,
) -> Result<Downloaded, LakeError> {
    let announced = length(&answer);
    let written: Option<Digest> = answer
        .metadata()
        .and_then(|fields| fields.get(SHA256))
        .and_then(|text| text.parse().ok());
    let broken = |source| LakeError::Unavailable {
        operation: "read",
        at: key.to_string(),
        retryable: true,
        source,
    };
    let mut body = answer.body;
    let mut hasher = Hasher::default();
    let mut size_bytes = 0;
    sink.restart(announced.unwrap_or_default())
        .await
        .map_err(|source| file_error(sink, source))?;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| broken(error.into()))?;
        size_bytes += piece.len() as u64;
        if size_bytes > limit_bytes {
            return Err(LakeError::TooLarge {
                key: key.clone(),
                size_bytes,
                limit_bytes,
            });
        }
        hasher.update(&piece);
        sink.take(piece)
            .await
            .map_err(|source| file_error(sink, source))?;
    }
    sink.finish()
        .await
        .map_err(|source| file_error(sink, source))?;
    if announced.is_some_and(|announced| announced != size_bytes) {
        return Err(broken(
            format!(
                "{size_bytes} bytes came of {} announced",
                announced.unwrap_or_default()
            )
            .into(),
        ));
    }
    let digest = hasher.finish();
    for (whose, other) in [
        ("it should have", expected),
        ("it was written with", written),
    ] {
        if let Some(other) = other.filter(|other| *other != digest) {
            return Err(LakeError::Corrupt {
                key: key.clone(),
                reason: format!("its SHA-256 is {digest}, {whose} {other}"),
            });
        }
    }
    Ok(Downloaded { size_bytes, digest })
}

fn file_error(sink: &impl Sink, source: std::io::Error) -> LakeError {
    LakeError::File {
        path: sink.path().to_path_buf(),
        source,
    }
}
