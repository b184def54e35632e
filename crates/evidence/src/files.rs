//! The files stored with a version's model.

use serde::Serialize;
use serde_json::Value;
use tasador_ids::{Digest, ModelName, ModelVersion};
use tasador_lake::key::{self, ModelFile};
use tasador_lake::{Key, Lake, LakeError};
use tasador_registry::Registry;

use crate::EvidenceError;

/// The largest file that is served, in bytes: an answer of Lambda has at most 6 MB, and base64 takes
/// a third of it.
const SHOWN_MAX_BYTES: u64 = 4 << 20;
/// At most this many files of a version are listed.
const FILES_MAX: usize = 200;

/// Headers of a served file. An SVG opened on its own is a document, so scripts are forbidden. Files
/// of a version never change.
pub const SENT_WITH: [(&str, &str); 3] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    ),
    ("x-content-type-options", "nosniff"),
    ("cache-control", "private, max-age=86400, immutable"),
];

/// The kind of a file, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A plot, as SVG.
    Plot,
    /// A text, as Markdown.
    Text,
    /// Figures, as JSON.
    Data,
    /// Anything else, such as the model.
    Binary,
}

impl FileKind {
    /// The kind by the name's extension.
    pub fn of(name: &str) -> Self {
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("svg") => Self::Plot,
            Some("md" | "txt") => Self::Text,
            Some("json") => Self::Data,
            _ => Self::Binary,
        }
    }

    /// The media type in answers.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Plot => "image/svg+xml",
            Self::Text => "text/plain; charset=utf-8",
            Self::Data => "application/json",
            Self::Binary => "application/octet-stream",
        }
    }
}

/// One file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct File {
    /// Its name in the version's folder, such as `plots/residuals.svg`.
    pub name: String,
    /// Its kind.
    pub kind: FileKind,
    /// Its length in bytes.
    pub size_bytes: u64,
}

/// The files stored with a version's model. Files that were never written are absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// Its files, by name.
    pub files: Vec<File>,
    /// The content of `metrics.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Value>,
    /// The content of `signature.json`: inputs and output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Value>,
    /// The model card, as Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<String>,
}

impl Evidence {
    /// Reads the evidence of this version.
    ///
    /// # Errors
    /// [`EvidenceError::Lake`] if the bucket does not answer; a damaged file is left out.
    pub async fn of(
        lake: &Lake,
        model: &ModelName,
        version: ModelVersion,
    ) -> Result<Self, EvidenceError> {
        let prefix = key::model_prefix(model, version);
        let key = |file| key::model(model, version, file);
        let (listed, metrics, signature, card) = futures::join!(
            lake.list(&prefix),
            read_optional(lake, key(ModelFile::Metrics)),
            read_optional(lake, key(ModelFile::Signature)),
            read_optional(lake, key(ModelFile::Card)),
        );
        let json = |bytes: Option<Vec<u8>>| bytes.and_then(|it| serde_json::from_slice(&it).ok());
        let files = listed?
            .into_iter()
            .filter_map(|object| {
                let name = object.key.as_str().strip_prefix(&prefix)?.to_owned();
                Some(File {
                    kind: FileKind::of(&name),
                    size_bytes: object.size_bytes,
                    name,
                })
            })
            .take(FILES_MAX)
            .collect();
        Ok(Self {
            files,
            metrics: json(metrics?),
            signature: json(signature?),
            card: card?.and_then(|bytes| String::from_utf8(bytes).ok()),
        })
    }

    /// The plots among the files.
    pub fn plots(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.kind == FileKind::Plot)
    }
}

/// The bytes of one file of a version; `None` if it does not exist, is too large, or is not the one that was
/// registered with the version.
///
/// # Errors
/// [`EvidenceError`] if the bucket or the registry does not answer.
pub async fn file(
    lake: &Lake,
    registry: &Registry,
    model: &ModelName,
    version: ModelVersion,
    name: &str,
) -> Result<Option<Vec<u8>>, EvidenceError> {
    let key = format!("{}{name}", key::model_prefix(model, version));
    // An invalid key cannot name a file.
    let Ok(key) = key.parse::<Key>() else {
        return Ok(None);
    };
    let recorded = registry.recorded_file(&key).await?;
    let bytes = read_optional(lake, key).await?;
    Ok(bytes.filter(|bytes| recorded.is_none_or(|recorded| recorded == Digest::of(bytes))))
}

/// The content of a version's `ratio_study.json`; `None` where it has none.
///
/// # Errors
/// [`EvidenceError::Lake`] if the bucket does not answer.
pub async fn ratio_study(
    lake: &Lake,
    model: &ModelName,
    version: ModelVersion,
) -> Result<Option<Value>, EvidenceError> {
    let bytes = read_optional(lake, key::model(model, version, ModelFile::RatioStudy)).await?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

async fn read_optional(lake: &Lake, key: Key) -> Result<Option<Vec<u8>>, EvidenceError> {
    let Some(info) = lake.head(&key).await? else {
        return Ok(None);
    };
    if info.size_bytes > SHOWN_MAX_BYTES {
        return Ok(None);
    }
    match lake.get(&key).await {
        Ok(bytes) => Ok(Some(bytes.to_vec())),
        Err(
            LakeError::NotFound { .. } | LakeError::TooLarge { .. } | LakeError::Corrupt { .. },
        ) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_follows_from_the_name() {
        let table = [
            ("plots/residuals.svg", FileKind::Plot),
            ("card.md", FileKind::Text),
            ("metrics.json", FileKind::Data),
            ("model.tsd", FileKind::Binary),
            ("MLmodel", FileKind::Binary),
            ("page.html", FileKind::Binary),
        ];
        for (name, kind) in table {
            assert_eq!(FileKind::of(name), kind, "{name}");
        }
    }
}
