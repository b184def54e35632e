//! What names and values may be, as MLflow's own server has it.

use super::Invalid;

/// The most metrics of one batch.
pub(crate) const BATCH_METRICS_MAX: usize = 1_000;
/// The most parameters of one batch.
pub(crate) const BATCH_PARAMS_MAX: usize = 100;
/// The most tags of one batch.
pub(crate) const BATCH_TAGS_MAX: usize = 100;

/// The longest key of a metric, parameter or tag, in characters.
const KEY_MAX_CHARS: usize = 250;
/// The longest alias, in characters.
const ALIAS_MAX_CHARS: usize = 256;
/// The longest name of an experiment, in characters.
const EXPERIMENT_NAME_MAX_CHARS: usize = 500;

/// That a text may name a metric.
///
/// # Errors
/// [`Invalid`] with what is wrong.
pub(crate) fn check_metric_key(key: &str) -> Result<(), Invalid> {
    check_key("metric", key)
}

/// That a text may name a parameter.
///
/// # Errors
/// [`Invalid`] with what is wrong.
pub(crate) fn check_param_key(key: &str) -> Result<(), Invalid> {
    check_key("parameter", key)
}

/// That a text may be a key: letters, digits and `_-.: /`, and not a path that leads elsewhere.
///
/// # Errors
/// [`Invalid`] with what is wrong.
pub(crate) fn check_key(what: &str, key: &str) -> Result<(), Invalid> {
    if key.is_empty() {
        return Err(Invalid::new(format!("A {what} name cannot be empty.")));
    }
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | ' ' | '/');
    if !key.chars().all(allowed) {
        return Err(Invalid::new(format!(
            "Invalid value \"{key}\" for parameter '{what}' supplied: Names may only contain \
             alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)."
        )));
    }
    let walks = key.starts_with('/')
        || key.ends_with('/')
        || key.split('/').any(|part| matches!(part, "" | "." | ".."));
    if walks {
        return Err(Invalid::new(format!(
            "Invalid value \"{key}\" for parameter '{what}' supplied: Names may be treated as files \
             in certain cases, and must not resolve to other names when treated as such."
        )));
    }
    check_length(what, key, KEY_MAX_CHARS)
}

/// That a text is no longer than so many characters.
///
/// # Errors
/// [`Invalid`] with what is wrong.
pub(crate) fn check_length(what: &str, text: &str, most_chars: usize) -> Result<(), Invalid> {
    if text.chars().count() > most_chars {
        return Err(Invalid::new(format!(
            "'{what}' exceeds the maximum length of {most_chars} characters"
        )));
    }
    Ok(())
}

/// That a text may name an experiment.
///
/// # Errors
/// [`Invalid`] with what is wrong.
pub(crate) fn check_experiment_name(name: &str) -> Result<(), Invalid> {
    if name.is_empty() {
        return Err(Invalid::new(
            "Invalid experiment name: '' - it must not be empty",
        ));
    }
    check_length("name", name, EXPERIMENT_NAME_MAX_CHARS)
}

/// That a text may name a registered model. MLflow forbids `/` and `:` only; here the letters are
/// those that are the same in keys, files and URLs.
///
/// # Errors
/// [`Invalid`] with what is wrong.
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

/// That a text may be an alias: letters, digits, `_` and `-`, and neither `latest` nor like a
/// version.
///
/// # Errors
/// [`Invalid`] with what is wrong.
pub(crate) fn check_alias(alias: &str) -> Result<(), Invalid> {
    if alias.is_empty() {
        return Err(Invalid::new("Registered model alias name cannot be empty."));
    }
    check_length("alias", alias, ALIAS_MAX_CHARS)?;
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if !alias.chars().all(allowed) {
        return Err(Invalid::new(format!(
            "Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_) and dashes (-)."
        )));
    }
    if alias.eq_ignore_ascii_case("latest") {
        return Err(Invalid::new(
            "'latest' alias name (case insensitive) is reserved.",
        ));
    }
    let version = alias
        .strip_prefix(['v', 'V'])
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    if version {
        return Err(Invalid::new(format!(
            "Version alias name '{alias}' is reserved."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_mlflows_rules() {
        for key in ["rmse", "a/b", "val loss:1", "größe", "system/cpu_%"] {
            assert_eq!(check_metric_key(key).is_ok(), !key.contains('%'), "{key}");
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
            assert!(check_param_key(key).is_err(), "{key}");
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
    }
}
