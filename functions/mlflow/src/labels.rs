//! Parameters and tags as they are sent, checked.

use std::collections::BTreeMap;

use crate::args::Args;
use crate::error::ApiError;
use crate::language::{REGISTRY_TAG_MAX_CHARS, check_key, check_length};

/// The longest value of a parameter, in characters; the rest is cut off.
const PARAM_MAX_CHARS: usize = 6_000;
/// The longest value of a run's tag, in characters; the rest is cut off.
const TAG_MAX_CHARS: usize = 8_000;

type Labels = BTreeMap<String, String>;

fn truncated(text: &str, max_chars: usize) -> String {
    text.chars().take(max_chars).collect()
}

pub(crate) fn params(sent: Vec<(String, String)>) -> Result<Labels, ApiError> {
    let mut params = BTreeMap::new();
    for (key, value) in sent {
        check_key("param", &key)?;
        let value = truncated(&value, PARAM_MAX_CHARS);
        if params.insert(key.clone(), value).is_some() {
            return Err(ApiError::invalid(format!(
                "Duplicate parameter keys have been submitted: {key}"
            )));
        }
    }
    Ok(params)
}

pub(crate) fn run_tags(sent: Vec<(String, String)>) -> Result<Labels, ApiError> {
    let mut tags = BTreeMap::new();
    for (key, value) in sent {
        check_key("tag", &key)?;
        tags.insert(key, truncated(&value, TAG_MAX_CHARS));
    }
    Ok(tags)
}

/// A tag of a model or a version.
pub(crate) fn registry_tag(args: &Args) -> Result<(String, String), ApiError> {
    let (key, value) = (args.required("key")?, args.text("value")?);
    let tags = registry_tags(vec![(key, value.unwrap_or_default())])?;
    tags.into_iter()
        .next()
        .ok_or_else(|| ApiError::missing("key"))
}

pub(crate) fn registry_tags(sent: Vec<(String, String)>) -> Result<Labels, ApiError> {
    for (key, value) in &sent {
        check_key("tag", key)?;
        check_length(&format!("tag '{key}'"), value, REGISTRY_TAG_MAX_CHARS)?;
    }
    Ok(sent.into_iter().collect())
}
