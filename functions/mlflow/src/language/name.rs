//! The rules for names and values, as MLflow's own server has them.

use super::Invalid;

/// The longest key of a metric, parameter or tag, in characters.
const KEY_MAX_CHARS: usize = 250;
/// The longest alias, in characters.
const ALIAS_MAX_CHARS: usize = 255;
/// The longest name of an experiment, in characters.
const EXPERIMENT_NAME_MAX_CHARS: usize = 500;
/// The longest value of an experiment's tag, in characters.
pub(crate) const EXPERIMENT_TAG_MAX_CHARS: usize = 20_000;
/// The longest value of a tag of a registered model or version, in characters.
pub(crate) const REGISTRY_TAG_MAX_CHARS: usize = 100_000;
/// The most entries of one batch, by kind and together.
const BATCH_MAX: [(&str, usize); 4] = [
    ("metrics", 1_000),
    ("params", 100),
    ("tags", 100),
    ("metrics, params, and tags", 1_000),
];

/// Checks the key of a metric, parameter or tag: letters, digits and `_-.: /`, and no path that leads
/// elsewhere.
pub(crate) fn check_key(what: &str, key: &str) -> Result<(), Invalid> {
    if key.is_empty() {
        return Err(Invalid::new(format!("A {what} name cannot be empty.")));
    }
    let is_allowed = |c: char| c.is_alphanumeric() || "_-.: /".contains(c);
    if !key.chars().all(is_allowed) {
        return Err(Invalid::new(format!(
            "Invalid value \"{key}\" for parameter '{what}' supplied: Names may only contain \
             alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)."
        )));
    }
    if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(Invalid::new(format!(
            "Invalid value \"{key}\" for parameter '{what}' supplied: Names may be treated as files \
             in certain cases, and must not resolve to other names when treated as such."
        )));
    }
    check_length(what, key, KEY_MAX_CHARS)
}

pub(crate) fn check_length(what: &str, text: &str, max_chars: usize) -> Result<(), Invalid> {
    if text.chars().count() > max_chars {
        return Err(Invalid::new(format!(
            "'{what}' exceeds the maximum length of {max_chars} characters"
        )));
    }
    Ok(())
}

pub(crate) fn check_batch(metrics: usize, params: usize, tags: usize) -> Result<(), Invalid> {
    let counts = [metrics, params, tags, metrics + params + tags];
    for ((what, max), count) in BATCH_MAX.into_iter().zip(counts) {
        if count > max {
            return Err(Invalid::new(format!(
                "A batch logging request can contain at most {max} {what}. Got {count} {what}. \
                 Please split up {what} across multiple requests and try again."
            )));
        }
    }
    Ok(())
}

pub(crate) fn check_experiment_name(name: &str) -> Result<(), Invalid> {
    if name.is_empty() {
        return Err(Invalid::new(
            "Invalid experiment name: '' - it must not be empty",
        ));
    }
    check_length("name", name, EXPERIMENT_NAME_MAX_CHARS)
}

/// Checks the name of a registered model. MLflow forbids `/` and `:` only; what else is allowed here is
/// up to [`tasador_ids::ModelName`].
pub(crate) fn check_model_name(name: &str) -> Result<(), Invalid> {
    if name.is_empty() {
        return Err(Invalid::new("Registered model name cannot be empty."));
    }
    if name.contains(['/', ':']) {
        return Err(Invalid::new(format!(
            "Invalid registered model name: '{name}'. Registered model name cannot contain '/' or ':'."
        )));
    }
    Ok(())
}

pub(crate) fn check_logged_model_name(name: &str) -> Result<(), Invalid> {
    if name.contains(['/', ':', '.', '%', '"', '\'']) {
        return Err(Invalid::new(format!(
            "Invalid model name ('{name}') provided. Model name must be a non-empty string and cannot \
             contain the following characters: / : . % \" '"
        )));
    }
    Ok(())
}

/// Checks an alias: letters, digits, `_` and `-`; `latest` and names of versions are reserved.
pub(crate) fn check_alias(alias: &str) -> Result<(), Invalid> {
    if alias.is_empty() {
        return Err(Invalid::new("Registered model alias name cannot be empty."));
    }
    check_length("alias", alias, ALIAS_MAX_CHARS)?;
    let is_allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if !alias.chars().all(is_allowed) {
        return Err(Invalid::new(format!(
            "Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_) and dashes (-)."
        )));
    }
    let is_version = alias
        .strip_prefix(['v', 'V'])
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    if is_version || alias.eq_ignore_ascii_case("latest") {
        return Err(Invalid::new(format!("Alias name '{alias}' is reserved.")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_mlflows_rules() {
        for key in ["rmse", "a/b", "val loss:1", "größe", "system/cpu_%"] {
            assert_eq!(
                check_key("metric", key).is_ok(),
                !key.contains('%'),
                "{key}"
            );
        }
        for key in [
            "",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/.",
            "a=b",
            &"x".repeat(251),
        ] {
            assert!(check_key("param", key).is_err(), "{key}");
        }
        for alias in ["champion", "a-b_1", "version1", "v"] {
            assert!(check_alias(alias).is_ok(), "{alias}");
        }
        for alias in ["", "latest", "LATEST", "v1", "V22", "a b", "a.b"] {
            assert!(check_alias(alias).is_err(), "{alias}");
        }
        assert!(check_model_name("a b").is_ok());
        assert!(check_model_name("a/b").is_err());
        assert!(check_experiment_name("").is_err());
        assert!(check_batch(900, 100, 0).is_ok());
        for (metrics, params, tags) in [(1_001, 0, 0), (0, 101, 0), (0, 0, 101), (950, 50, 1)] {
            assert!(check_batch(metrics, params, tags).is_err());
        }
    }
}
