//! The checksums that S3 knows, as sent, computed and kept.

use axum::http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::dto::{Checksum, ChecksumAlgorithm, ChecksumType};
use s3s::{S3Error, S3Result, s3_error};
use serde::{Deserialize, Serialize};

/// Checksums in base64, by algorithm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksums {
    #[serde(
        default,
        rename = "checksum_crc32",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) crc32: Option<String>,
    #[serde(
        default,
        rename = "checksum_crc32c",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) crc32c: Option<String>,
    #[serde(
        default,
        rename = "checksum_crc64nvme",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) crc64nvme: Option<String>,
    #[serde(
        default,
        rename = "checksum_sha1",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) sha1: Option<String>,
    #[serde(
        default,
        rename = "checksum_sha256",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) sha256: Option<String>,
}

/// The fields of a request, answer or item of S3 that carry checksums.
macro_rules! checksums_of {
    ($value:expr) => {
        $crate::checksums::Checksums {
            crc32: $value.checksum_crc32.clone(),
            crc32c: $value.checksum_crc32c.clone(),
            crc64nvme: $value.checksum_crc64nvme.clone(),
            sha1: $value.checksum_sha1.clone(),
            sha256: $value.checksum_sha256.clone(),
        }
    };
}
pub(crate) use checksums_of;

/// Sets them.
macro_rules! set_checksums {
    ($value:expr, $checksums:expr) => {{
        let checksums = $checksums;
        $value.checksum_crc32 = checksums.crc32;
        $value.checksum_crc32c = checksums.crc32c;
        $value.checksum_crc64nvme = checksums.crc64nvme;
        $value.checksum_sha1 = checksums.sha1;
        $value.checksum_sha256 = checksums.sha256;
    }};
}
pub(crate) use set_checksums;

impl Checksums {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Those that follow a body in its trailer.
    pub(crate) fn from_trailer(trailer: &HeaderMap) -> S3Result<Self> {
        let value = |name: &str| {
            let value = trailer.get(name).map(|value| value.to_str());
            value
                .transpose()
                .map(|value| value.map(str::to_owned))
                .map_err(|_| s3_error!(InvalidArgument, "{name} is not text"))
        };
        Ok(Self {
            crc32: value("x-amz-checksum-crc32")?,
            crc32c: value("x-amz-checksum-crc32c")?,
            crc64nvme: value("x-amz-checksum-crc64nvme")?,
            sha1: value("x-amz-checksum-sha1")?,
            sha256: value("x-amz-checksum-sha256")?,
        })
    }

    /// Their algorithm's name and value.
    fn by_name(&self) -> [(&'static str, &Option<String>); 5] {
        [
            (ChecksumAlgorithm::CRC32, &self.crc32),
            (ChecksumAlgorithm::CRC32C, &self.crc32c),
            (ChecksumAlgorithm::CRC64NVME, &self.crc64nvme),
            (ChecksumAlgorithm::SHA1, &self.sha1),
            (ChecksumAlgorithm::SHA256, &self.sha256),
        ]
    }

    /// Whether `self`, as the client sent it, is what was computed of the bytes.
    pub(crate) fn check(&self, computed: &Self) -> S3Result<()> {
        for ((name, sent), (_, computed)) in self.by_name().into_iter().zip(computed.by_name()) {
            if sent.is_some() && sent != computed {
                return Err(s3_error!(
                    BadDigest,
                    "The {name} you specified did not match the calculated checksum."
                ));
            }
        }
        Ok(())
    }

    /// The one of `algorithm`.
    pub(crate) fn get(&self, algorithm: &str) -> Option<&str> {
        let found = self
            .by_name()
            .into_iter()
            .find(|(name, _)| *name == algorithm);
        found.and_then(|(_, value)| value.as_deref())
    }

    /// Only the one of `algorithm`.
    pub(crate) fn only(algorithm: &str, value: String) -> Self {
        let mut checksums = Self::default();
        let field = match algorithm {
            ChecksumAlgorithm::CRC32 => &mut checksums.crc32,
            ChecksumAlgorithm::CRC32C => &mut checksums.crc32c,
            ChecksumAlgorithm::CRC64NVME => &mut checksums.crc64nvme,
            ChecksumAlgorithm::SHA1 => &mut checksums.sha1,
            _ => &mut checksums.sha256,
        };
        *field = Some(value);
        checksums
    }
}

impl From<Checksum> for Checksums {
    fn from(checksum: Checksum) -> Self {
        checksums_of!(checksum)
    }
}

/// Which checksums to compute.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    crc32: bool,
    crc32c: bool,
    crc64nvme: bool,
    sha1: bool,
    sha256: bool,
}

impl Wanted {
    /// Those that the client sent.
    pub(crate) fn sent(checksums: &Checksums) -> Self {
        Self {
            crc32: checksums.crc32.is_some(),
            crc32c: checksums.crc32c.is_some(),
            crc64nvme: checksums.crc64nvme.is_some(),
            sha1: checksums.sha1.is_some(),
            sha256: checksums.sha256.is_some(),
        }
    }

    /// And the one of a named algorithm.
    pub(crate) fn and(mut self, algorithm: Option<&str>) -> S3Result<Self> {
        match algorithm {
            None => {}
            Some(ChecksumAlgorithm::CRC32) => self.crc32 = true,
            Some(ChecksumAlgorithm::CRC32C) => self.crc32c = true,
            Some(ChecksumAlgorithm::CRC64NVME) => self.crc64nvme = true,
            Some(ChecksumAlgorithm::SHA1) => self.sha1 = true,
            Some(ChecksumAlgorithm::SHA256) => self.sha256 = true,
            Some(other) => {
                let known = "CRC32, CRC32C, CRC64NVME, SHA1 and SHA256";
                return Err(s3_error!(
                    InvalidRequest,
                    "checksum algorithm {other} is not supported; use one of {known}"
                ));
            }
        }
        Ok(self)
    }

    /// And those that headers announce: the algorithm that an SDK uses, and what follows in a trailer.
    pub(crate) fn and_announced(self, headers: &HeaderMap) -> S3Result<Self> {
        let value = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_ascii_uppercase()
        };
        let algorithm = value("x-amz-sdk-checksum-algorithm");
        let wanted = self.and(Some(&*algorithm).filter(|it| !it.is_empty()))?;
        let trailer = value("x-amz-trailer");
        trailer.split(',').try_fold(wanted, |wanted, name| {
            wanted.and(name.trim().strip_prefix("X-AMZ-CHECKSUM-"))
        })
    }

    pub(crate) fn hasher(self) -> ChecksumHasher {
        ChecksumHasher {
            crc32: self.crc32.then(Default::default),
            crc32c: self.crc32c.then(Default::default),
            sha1: self.sha1.then(Default::default),
            sha256: self.sha256.then(Default::default),
            crc64nvme: self.crc64nvme.then(Default::default),
        }
    }
}

/// The type of an upload in parts: of the whole object, or of its parts' checksums.
pub(crate) fn is_composite(
    algorithm: &str,
    wanted: Option<&ChecksumType>,
) -> Result<bool, S3Error> {
    let is_sha = matches!(
        algorithm,
        ChecksumAlgorithm::SHA1 | ChecksumAlgorithm::SHA256
    );
    match wanted.map(ChecksumType::as_str) {
        Some(ChecksumType::FULL_OBJECT) if !is_sha => Ok(false),
        Some(ChecksumType::COMPOSITE) if algorithm != ChecksumAlgorithm::CRC64NVME => Ok(true),
        None => Ok(algorithm != ChecksumAlgorithm::CRC64NVME),
        Some(other) => Err(s3_error!(
            InvalidRequest,
            "The {other} checksum type cannot be used with the {algorithm} checksum algorithm."
        )),
    }
}
