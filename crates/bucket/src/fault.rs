//! Errors of the file system as answers of S3.

use std::io;

use axum::http::StatusCode;
use s3s::{S3Error, S3ErrorCode};

/// A full disk is answered with 507, which clients do not repeat for minutes as they do with 500 and 503.
pub(crate) fn io(error: io::Error) -> S3Error {
    let is_full = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    );
    tracing::error!(%error, "the bucket's folder could not be read or written");
    if !is_full {
        return S3Error::with_source(S3ErrorCode::InternalError, error.into());
    }
    let code = S3ErrorCode::Custom("InsufficientStorage".into());
    let mut fault = S3Error::with_message(code, "the disk of the data folder is full");
    fault.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
    fault
}

/// For `map_err`: what is missing is `code`, everything else a failure of the disk.
pub(crate) fn missing(code: S3ErrorCode) -> impl FnOnce(io::Error) -> S3Error {
    move |error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => S3Error::new(code),
        _ => io(error),
    }
}
