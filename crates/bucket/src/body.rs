//! Bodies on their way in and out, in pieces.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use s3s::TrailingHeaders;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result, StdError, s3_error};
use tokio::io::AsyncWriteExt as _;

use crate::checksums::{Checksums, Wanted};
use crate::disk::{Disk, Temporary};
use crate::fault;

/// How much of a file is read at a time.
const PIECE_BYTES: u64 = 128 << 10;

/// A body in a temporary file, checked.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) bytes: Temporary,
    pub(crate) size_bytes: u64,
    pub(crate) md5: [u8; 16],
    pub(crate) checksums: Checksums,
}

/// What a client says of its body.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    pub(crate) md5: Option<String>,
    pub(crate) checksums: Checksums,
    pub(crate) algorithm: Option<String>,
    pub(crate) trailer: Option<TrailingHeaders>,
}

/// Writes a body to a temporary file and checks it. What is wrong leaves nothing.
pub(crate) async fn receive(
    disk: &Disk,
    mut body: impl Stream<Item = Result<Bytes, StdError>> + Unpin,
    headers: &HeaderMap,
    claims: Claims,
) -> S3Result<Received> {
    let wanted = Wanted::sent(&claims.checksums).and(claims.algorithm.as_deref())?;
    let wanted = wanted.and_announced(headers)?;
    let mut hasher = wanted.hasher();
    let mut md5 = Md5::new();
    let mut size_bytes = 0;
    let bytes = disk.temporary();
    let mut file = tokio::fs::File::from_std(bytes.open().map_err(fault::io)?);
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| {
            tracing::debug!(%error, "a body could not be read");
            let mut fault = S3Error::with_source(S3ErrorCode::IncompleteBody, error);
            fault.set_message(
                "the body ended early, or differs from its signature or x-amz-content-sha256",
            );
            fault
        })?;
        md5.update(&piece);
        hasher.update(&piece);
        size_bytes += piece.len() as u64;
        file.write_all(&piece).await.map_err(fault::io)?;
    }
    file.flush().await.map_err(fault::io)?;

    let md5 = md5.finalize();
    if let Some(sent) = claims.md5 {
        let sent = STANDARD
            .decode(sent)
            .map_err(|_| s3_error!(InvalidDigest))?;
        if sent != md5 {
            return Err(s3_error!(
                BadDigest,
                "The Content-MD5 you specified did not match what we received."
            ));
        }
    }
    let checksums = Checksums::from(hasher.finalize());
    claims.checksums.check(&checksums)?;
    if let Some(trailer) = claims.trailer.and_then(|trailer| trailer.take()) {
        Checksums::from_trailer(&trailer)?.check(&checksums)?;
    }
    Ok(Received {
        bytes,
        size_bytes,
        md5,
        checksums,
    })
}

/// `length` bytes of a file from `start`. A file that has become shorter is an error, never a shorter body.
pub(crate) fn of_file(mut file: File, start: u64, length: u64) -> S3Result<StreamingBlob> {
    file.seek(SeekFrom::Start(start)).map_err(fault::io)?;
    let pieces = stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            let size = usize::try_from(left.min(PIECE_BYTES)).unwrap_or(usize::MAX);
            let mut piece = vec![0; size];
            file.read_exact(&mut piece)?;
            Ok::<_, std::io::Error>((Bytes::from(piece), file))
        });
        let (piece, file) = read.await.map_err(std::io::Error::other)??;
        let left = left - piece.len() as u64;
        Ok::<_, std::io::Error>(Some((piece, (file, left))))
    });
    Ok(StreamingBlob::wrap(pieces))
}
