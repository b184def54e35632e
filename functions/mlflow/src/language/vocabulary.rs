//! What can be asked of each kind of thing: the names of its attributes, and what they are.

use super::Invalid;
use super::facts::Subject;
use super::filter::Entity;

/// An attribute by its names, the one that is used inside first.
struct Attribute {
    names: &'static [&'static str],
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Number,
    Text,
    /// A text that can also be looked for in a list.
    Id,
}

const fn number(names: &'static [&'static str]) -> Attribute {
    Attribute {
        names,
        kind: Kind::Number,
    }
}

const fn text(names: &'static [&'static str]) -> Attribute {
    Attribute {
        names,
        kind: Kind::Text,
    }
}

const fn id(names: &'static [&'static str]) -> Attribute {
    Attribute {
        names,
        kind: Kind::Id,
    }
}

/// What can be asked of a kind of thing.
struct Vocabulary {
    attributes: &'static [Attribute],
    /// Whether it has metrics and parameters; everything has tags.
    measured: bool,
    /// Whether datasets go into it.
    datasets: bool,
}

const RUN: Vocabulary = Vocabulary {
    attributes: &[
        number(&["start_time", "created", "Created"]),
        number(&["end_time"]),
        id(&["run_id"]),
        text(&["run_name", "run name", "Run name", "Run Name"]),
        text(&["status"]),
        text(&["user_id"]),
        text(&["artifact_uri"]),
    ],
    measured: true,
    datasets: true,
};

const EXPERIMENT: Vocabulary = Vocabulary {
    attributes: &[
        text(&["name"]),
        text(&["experiment_id"]),
        number(&["creation_time"]),
        number(&["last_update_time"]),
    ],
    measured: false,
    datasets: false,
};

const MODEL: Vocabulary = Vocabulary {
    attributes: &[
        text(&["name"]),
        number(&["creation_timestamp", "timestamp"]),
        number(&["last_updated_timestamp"]),
    ],
    measured: false,
    datasets: false,
};

const VERSION: Vocabulary = Vocabulary {
    attributes: &[
        text(&["name"]),
        number(&["version_number"]),
        id(&["run_id"]),
        text(&["source_path"]),
        number(&["creation_timestamp"]),
        number(&["last_updated_timestamp"]),
    ],
    measured: false,
    datasets: false,
};

const LOGGED_MODEL: Vocabulary = Vocabulary {
    attributes: &[
        text(&["name"]),
        id(&["model_id"]),
        text(&["model_type"]),
        text(&["status"]),
        text(&["source_run_id"]),
        number(&["creation_time", "creation_timestamp"]),
        number(&["last_updated_time", "last_updated_timestamp"]),
    ],
    measured: true,
    datasets: false,
};

impl Entity {
    fn vocabulary(self) -> &'static Vocabulary {
        match self {
            Self::Run => &RUN,
            Self::Experiment => &EXPERIMENT,
            Self::Model => &MODEL,
            Self::Version => &VERSION,
            Self::LoggedModel => &LOGGED_MODEL,
        }
    }
}

/// What a name stands for, with what it can be compared.
pub(crate) fn subject(
    entity: Entity,
    prefix: Option<&str>,
    key: &str,
) -> Result<(Subject, bool, bool), Invalid> {
    let known = entity.vocabulary();
    let texts = |subject| Ok((subject, false, false));
    match prefix {
        Some("metric" | "metrics") if known.measured => {
            Ok((Subject::Metric(key.to_owned()), true, false))
        }
        Some("param" | "params" | "parameter" | "parameters") if known.measured => {
            texts(Subject::Param(key.to_owned()))
        }
        Some("tag" | "tags") => texts(Subject::Tag(key.to_owned())),
        Some("dataset" | "datasets") if known.datasets => {
            let field = ["name", "digest", "context"]
                .into_iter()
                .find(|field| *field == key)
                .ok_or_else(|| {
                    Invalid::new(format!(
                        "Invalid dataset key '{key}' specified. Valid keys are name, digest and context"
                    ))
                })?;
            Ok((Subject::Dataset(field), false, true))
        }
        None | Some("attribute" | "attributes" | "attr" | "run") => {
            let attribute = known
                .attributes
                .iter()
                .find(|attribute| attribute.names.contains(&key));
            let Some((attribute, name)) =
                attribute.and_then(|attribute| Some((attribute, attribute.names.first()?)))
            else {
                let valid: Vec<&str> = known
                    .attributes
                    .iter()
                    .flat_map(|attribute| attribute.names)
                    .copied()
                    .collect();
                return Err(Invalid::new(format!(
                    "Invalid attribute key '{key}' specified. Valid keys are {}",
                    valid.join(", ")
                )));
            };
            Ok((
                Subject::Attribute(name),
                attribute.kind == Kind::Number,
                attribute.kind == Kind::Id,
            ))
        }
        Some(other) => Err(Invalid::new(format!(
            "Invalid entity type '{other}'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']"
        ))),
    }
}
