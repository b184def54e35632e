//! A file as it would be read, without other batches.

use bytes::Bytes;
use tasador_ids::Format;
use tasador_listing::checked::Checked;
use tasador_listing::schema_file::SchemaFile;

use crate::clean::{Cleaned, draft};
use crate::read::{ReadError, read};
use crate::table::FrameError;

/// Why a file cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// What a file would be read as.
///
/// Call it on a blocking thread.
///
/// # Errors
/// [`CheckError`].
pub fn check(bytes: Bytes, format: Format, file: &SchemaFile) -> Result<Checked, CheckError> {
    let raw = read(bytes, format, file)?;
    let Cleaned {
        quality,
        profile,
        proposed,
        rejected_lines,
        ..
    } = draft(raw, file)?.finish(|_| false)?;
    Ok(Checked {
        format,
        quality,
        profile,
        proposed,
        rejected_lines,
    })
}
