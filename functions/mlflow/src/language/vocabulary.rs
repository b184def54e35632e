//! The names that each kind of record can be searched by, and what they can be compared with.

use super::Invalid;
use super::grammar::Name;
use super::terms::{Entity, Subject};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Number,
    Text,
    /// A text that can also be compared with a list.
    Listed,
}

/// The names of an attribute, the one that is used inside first.
type Attribute = (Kind, &'static [&'static str]);

const RUN: &[Attribute] = &[
    (Kind::Number, &["start_time", "created", "Created"]),
    (Kind::Number, &["end_time"]),
    (Kind::Listed, &["run_id"]),
    (
        Kind::Text,
        &["run_name", "run name", "Run name", "Run Name"],
    ),
    (Kind::Text, &["status"]),
    (Kind::Text, &["user_id"]),
    (Kind::Text, &["artifact_uri"]),
];
const EXPERIMENT: &[Attribute] = &[
    (Kind::Text, &["name"]),
    (Kind::Text, &["experiment_id"]),
    (Kind::Number, &["creation_time"]),
    (Kind::Number, &["last_update_time"]),
];
const MODEL: &[Attribute] = &[
    (Kind::Text, &["name"]),
    (Kind::Number, &["last_updated_timestamp", "timestamp"]),
];
const VERSION: &[Attribute] = &[
    (Kind::Text, &["name"]),
    (Kind::Number, &["version_number"]),
    (Kind::Listed, &["run_id"]),
    (Kind::Text, &["source_path"]),
    (Kind::Number, &["creation_timestamp"]),
    (Kind::Number, &["last_updated_timestamp"]),
];
const LOGGED_MODEL: &[Attribute] = &[
    (Kind::Listed, &["name"]),
    (Kind::Listed, &["model_id"]),
    (Kind::Listed, &["model_type"]),
    (Kind::Listed, &["status"]),
    (Kind::Listed, &["source_run_id"]),
    (Kind::Number, &["creation_time", "creation_timestamp"]),
    (
        Kind::Number,
        &["last_updated_time", "last_updated_timestamp"],
    ),
];

/// The subject that a name stands for, and what it can be compared with.
pub(super) fn subject(entity: Entity, name: &Name) -> Result<(Subject, Kind), Invalid> {
    let (attributes, is_measured) = match entity {
        Entity::Run => (RUN, true),
        Entity::Experiment => (EXPERIMENT, false),
        Entity::Model => (MODEL, false),
        Entity::Version => (VERSION, false),
        Entity::LoggedModel => (LOGGED_MODEL, true),
    };
    let text = match entity {
        Entity::LoggedModel => Kind::Listed,
        _ => Kind::Text,
    };
    let key = &name.key;
    match name.entity.as_deref() {
        Some("metric" | "metrics") if is_measured => {
            Ok((Subject::Metric(key.clone()), Kind::Number))
        }
        Some("param" | "params" | "parameter" | "parameters") if is_measured => {
            Ok((Subject::Param(key.clone()), text))
        }
        Some("tag" | "tags") => Ok((Subject::Tag(key.clone()), text)),
        Some("dataset" | "datasets") if entity == Entity::Run => {
            let field = ["name", "digest", "context"]
                .into_iter()
                .find(|field| field == key);
            let field = field.ok_or_else(|| unknown("dataset", key, &["name, digest, context"]))?;
            Ok((Subject::Dataset(field), Kind::Listed))
        }
        None | Some("attribute" | "attributes" | "attr" | "run") => {
            let known = attributes
                .iter()
                .find(|(_, names)| names.contains(&key.as_str()));
            match known {
                Some((kind, [name, ..])) => Ok((Subject::Attribute(name), *kind)),
                _ => {
                    let valid = attributes.iter().flat_map(|(_, names)| *names).copied();
                    Err(unknown("attribute", key, &valid.collect::<Vec<_>>()))
                }
            }
        }
        Some(other) => Err(Invalid::new(format!(
            "Invalid entity type '{other}'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']"
        ))),
    }
}

fn unknown(what: &str, key: &str, valid: &[&str]) -> Invalid {
    Invalid::new(format!(
        "Invalid {what} key '{key}' specified. Valid keys are {}",
        valid.join(", ")
    ))
}
