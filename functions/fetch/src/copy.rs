//! Takes a batch that lies somewhere: an object of S3, or a file of this machine.

use std::path::Path;

use tasador_ids::Digest;
use tasador_lake::{Key, Lake, LakeError};
use tasador_runtime::config::FetchLimits;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use crate::Error;
use crate::source::Source;
use crate::spool::{Slot, Writer};

/// Read at a time, in bytes.
const PIECE_BYTES: usize = 1 << 20;

/// Copies an object into the slot.
pub(crate) async fn object(
    source: &Source,
    lake: &Lake,
    key: &Key,
    limits: &FetchLimits,
    slot: &Slot,
) -> Result<(u64, Digest), Error> {
    let limit_bytes = limits.max_bytes;
    let path = slot.body();
    let copied = timeout(
        limits.total_timeout,
        lake.get_to_file(key, &path, limit_bytes),
    )
    .await;
    let copied = copied.map_err(|_| {
        source.unavailable(format!(
            "was not read within {} ms (TASADOR_SOURCE_TOTAL_TIMEOUT_MS)",
            limits.total_timeout.as_millis()
        ))
    })?;
    match copied {
        Ok(copied) => Ok((copied.size_bytes, copied.digest)),
        Err(LakeError::NotFound { .. }) => Err(source.wrong("the source does not exist")),
        Err(LakeError::TooLarge { size_bytes, .. }) => {
            Err(source.too_large(format!("{size_bytes} bytes"), limit_bytes))
        }
        Err(LakeError::File { path, source }) => Err(Error::Spool { path, source }),
        Err(
            error @ LakeError::Unavailable {
                retryable: false, ..
            },
        ) => Err(source.wrong(format!(
            "the source may not be read, or its bucket does not exist ({})",
            tasador_runtime::chain(&error)
        ))),
        Err(error) => Err(source.broke("can't be read", error)),
    }
}

/// Copies a file into the slot.
pub(crate) async fn file(
    source: &Source,
    path: &Path,
    limits: &FetchLimits,
    slot: &Slot,
) -> Result<(u64, Digest), Error> {
    let unreadable =
        |error: std::io::Error| source.wrong(format!("the source can't be read ({error})"));
    let mut file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let before = file.metadata().await.map_err(unreadable)?;
    if !before.is_file() {
        return Err(source.wrong("the source is no file"));
    }
    if before.len() > limits.max_bytes {
        return Err(source.too_large(format!("{} bytes", before.len()), limits.max_bytes));
    }
    let mut writer = Writer::create(slot).await?;
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let length = file.read(&mut buffer).await.map_err(unreadable)?;
        match buffer.get(..length) {
            None | Some([]) => break,
            Some(piece) => writer.write(piece).await?,
        }
        if writer.size_bytes() > limits.max_bytes {
            return Err(source.too_large("more", limits.max_bytes));
        }
    }
    let after = file.metadata().await.map_err(unreadable)?;
    let (size_bytes, digest) = writer.finish().await?;
    let moved = before.modified().ok() != after.modified().ok();
    if moved || size_bytes != before.len() {
        return Err(source.unavailable("was written while it was read; it is read again"));
    }
    Ok((size_bytes, digest))
}
