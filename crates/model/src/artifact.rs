//! The file a model is kept in: `.tsd`.
//!
//! A header of 24 bytes, then the body:
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `TASADOR\0` |
//! | 2 | format version, little-endian |
//! | 6 | length of the body, little-endian |
//! | 8 | XXH3 (64 bits) of the body, little-endian |
//! | ... | the body: [postcard](https://postcard.jamesmunns.com/wire-format) |
//!
//! Whatever the bytes are, loading ends with a model whose parts fit together or with an
//! [`ArtifactError`]: the length is checked before anything is read, the checksum before anything
//! is decoded, every index before it is followed, and nothing larger than the bytes themselves
//! account for is allocated.

use xxhash_rust::xxh3::xxh3_64;

use serde::{Deserialize, Serialize};

use crate::encoder::Encoder;
use crate::interval::Intervals;
use crate::model::{Model, Scale};
use crate::regressor::Regressor;
use tasador_ids::Algorithm;

/// What the first bytes of an artefact are.
const MAGIC: &[u8; 8] = b"TASADOR\0";

/// The format version that is written. Version 1 is read as well.
pub const FORMAT_VERSION: u16 = 2;

/// The largest body accepted, in bytes.
pub const MOST_BYTES: usize = 256 * 1024 * 1024;

const HEADER: usize = 24;

/// Why bytes are not a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// The bytes do not begin as an artefact does.
    #[error("this is no model artefact")]
    NotAnArtifact,
    /// The artefact was written by another version of this software.
    #[error(
        "the artefact has format version {found}; this build reads versions 1 to {FORMAT_VERSION}"
    )]
    Version {
        /// The version found.
        found: u16,
    },
    /// There are fewer or more bytes than the header says.
    #[error("the artefact should have {expected} bytes and has {found}")]
    Length {
        /// Bytes according to the header.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The artefact is larger than is accepted.
    #[error("the artefact has a body of {bytes} bytes; at most {MOST_BYTES} are accepted")]
    TooLarge {
        /// Bytes according to the header.
        bytes: u64,
    },
    /// The body is not what was written.
    #[error("the artefact is damaged: its checksum does not match")]
    Checksum,
    /// The body does not decode to a model whose parts fit together.
    #[error("the artefact's body is no model: {reason}")]
    Body {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The model could not be written.
    #[error("the model could not be encoded")]
    Encode,
}

impl Model {
    /// The bytes of the artefact; equal models have equal bytes.
    ///
    /// # Errors
    /// [`ArtifactError::Encode`] and [`ArtifactError::TooLarge`], for a model that would not load.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ArtifactError> {
        seal(MAGIC, FORMAT_VERSION, self)
    }

    /// Reads an artefact.
    ///
    /// # Errors
    /// [`ArtifactError`] for anything but the bytes of a model of a version this build reads.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let (version, body) = open(MAGIC, FORMAT_VERSION, bytes)?;
        let does_not_decode = |_| ArtifactError::Body {
            reason: "it does not decode",
        };
        let (model, rest): (Self, &[u8]) = if version == 1 {
            let (model, rest): (ModelV1, _) =
                postcard::take_from_bytes(body).map_err(does_not_decode)?;
            (model.into(), rest)
        } else {
            postcard::take_from_bytes(body).map_err(does_not_decode)?
        };
        if !rest.is_empty() {
            return Err(ArtifactError::Body {
                reason: "something follows the model",
            });
        }
        if !model.is_sound() {
            return Err(ArtifactError::Body {
                reason: "its parts do not fit together",
            });
        }
        Ok(model)
    }
}

/// The body of format version 1: intervals by range of the prediction, nothing about importance.
#[derive(Deserialize)]
struct ModelV1 {
    algorithm: Algorithm,
    seed: u64,
    training_rows: u64,
    scale: Scale,
    encoder: Encoder,
    regressor: Regressor,
    intervals: IntervalsV1,
    bounds: (f64, f64),
}

#[derive(Deserialize)]
struct IntervalsV1 {
    level: f64,
    edges: Vec<f64>,
    widths: Vec<f64>,
}

impl From<ModelV1> for Model {
    fn from(old: ModelV1) -> Self {
        // Of a normal distribution, 90 % lies within 1.645 standard deviations.
        const DEVIATIONS: f64 = 1.645;
        let IntervalsV1 {
            level,
            edges,
            widths,
        } = old.intervals;
        Self {
            algorithm: old.algorithm,
            seed: old.seed,
            training_rows: old.training_rows,
            scale: old.scale,
            encoder: old.encoder,
            regressor: old.regressor,
            intervals: Intervals {
                level,
                spread: None,
                edges,
                deviations: widths.iter().map(|half| half / DEVIATIONS).collect(),
                widths,
            },
            important: Vec::new(),
            bounds: old.bounds,
        }
    }
}

/// The bytes of a file with this header.
pub(crate) fn seal(
    magic: &[u8; 8],
    version: u16,
    content: &impl Serialize,
) -> Result<Vec<u8>, ArtifactError> {
    let body = postcard::to_stdvec(content).map_err(|_| ArtifactError::Encode)?;
    if body.len() > MOST_BYTES {
        return Err(ArtifactError::TooLarge {
            bytes: body.len() as u64,
        });
    }
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend_from_slice(magic);
    bytes.extend_from_slice(&version.to_le_bytes());
    let [a, b, c, d, e, f, _, _] = (body.len() as u64).to_le_bytes();
    bytes.extend_from_slice(&[a, b, c, d, e, f]);
    bytes.extend_from_slice(&xxh3_64(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// The format version, at most `newest`, and the body of a file whose header, length and checksum are
/// right.
pub(crate) fn open<'b>(
    magic: &[u8; 8],
    newest: u16,
    bytes: &'b [u8],
) -> Result<(u16, &'b [u8]), ArtifactError> {
    let rest = bytes
        .strip_prefix(magic)
        .ok_or(ArtifactError::NotAnArtifact)?;
    let (version, rest) = rest
        .split_first_chunk::<2>()
        .ok_or(ArtifactError::NotAnArtifact)?;
    let found = u16::from_le_bytes(*version);
    if !(1..=newest).contains(&found) {
        return Err(ArtifactError::Version { found });
    }
    let (&[a, b, c, d, e, f], rest) = rest
        .split_first_chunk::<6>()
        .ok_or(ArtifactError::NotAnArtifact)?;
    let (checksum, body) = rest
        .split_first_chunk::<8>()
        .ok_or(ArtifactError::NotAnArtifact)?;
    let length = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
    if length > MOST_BYTES as u64 {
        return Err(ArtifactError::TooLarge { bytes: length });
    }
    if length != body.len() as u64 {
        return Err(ArtifactError::Length {
            expected: length + HEADER as u64,
            found: bytes.len() as u64,
        });
    }
    if xxh3_64(body) != u64::from_le_bytes(*checksum) {
        return Err(ArtifactError::Checksum);
    }
    Ok((found, body))
}
