//! Stages of versions.
//!
//! Of the pipeline's own model, `Production` is the champion. Of every other model, stages are labels as
//! in MLflow.

use tasador_ids::ModelVersion;
use tasador_registry::VersionRecord;
use tasador_runtime::Context;

use crate::error::ApiError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    None,
    Staging,
    Production,
    Archived,
}

impl Stage {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Staging => "Staging",
            Self::Production => "Production",
            Self::Archived => "Archived",
        }
    }

    /// A stage by its name, in any case.
    pub(crate) fn read(name: &str) -> Result<Self, ApiError> {
        [Self::None, Self::Staging, Self::Production, Self::Archived]
            .into_iter()
            .find(|stage| stage.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                ApiError::invalid(format!(
                    "Invalid Model Version stage: {name}. Value must be one of None, Staging, Production, Archived."
                ))
            })
    }

    /// The stage of a version, given the champion of its model.
    pub(crate) fn of(
        version: &VersionRecord,
        champion: Option<ModelVersion>,
        ctx: &Context,
    ) -> Self {
        let labelled = version
            .stage
            .as_deref()
            .and_then(|name| Self::read(name).ok())
            .unwrap_or(Self::None);
        if version.model != ctx.config.model {
            return labelled;
        }
        match labelled {
            _ if champion == Some(version.version) => Self::Production,
            // The label was set, and the champion has moved on.
            Self::Production => Self::Archived,
            other => other,
        }
    }
}
