//! Log lines: JSON on Lambda, for people on a terminal.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::audit;

/// What is logged where nothing is set: the SDK's own news are of no interest to an operator.
const DEFAULT_FILTER: &str = "info,aws_config=warn,aws_sdk=warn,aws_smithy_runtime=warn,hyper=warn";

/// Starts logging to the standard error output; a second call changes nothing.
///
/// `TASADOR_LOG`, or else `RUST_LOG`, chooses what is logged, in the notation of
/// `tracing_subscriber::EnvFilter`; one that can't be read is told about and the default is used.
pub fn init() {
    let (filter, complaint) = filter();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let started = if std::env::var_os("AWS_LAMBDA_FUNCTION_NAME").is_some() {
        // CloudWatch stamps each line itself, and its queries read JSON.
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init()
    } else {
        builder
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .try_init()
    };
    if let (Ok(()), Some(complaint)) = (started, complaint) {
        tracing::warn!("{complaint}");
    }
}

/// What is logged as somebody set it, and the audit whatever was set.
fn filter() -> (EnvFilter, Option<String>) {
    let (filter, complaint) = chosen();
    let audit = format!("{}=info", audit::TARGET);
    let filter = match audit.parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    };
    (filter, complaint)
}

fn chosen() -> (EnvFilter, Option<String>) {
    let set = ["TASADOR_LOG", "RUST_LOG"].into_iter().find_map(|name| {
        std::env::var(name)
            .ok()
            .filter(|text| !text.is_empty())
            .map(|text| (name, text))
    });
    let Some((name, text)) = set else {
        return (EnvFilter::new(DEFAULT_FILTER), None);
    };
    match EnvFilter::try_new(&text) {
        Ok(filter) => (filter, None),
        Err(error) => (
            EnvFilter::new(DEFAULT_FILTER),
            Some(format!(
                "{name} can't be read ({error}); logging as if it were not set"
            )),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audit_is_logged_whatever_is_set() {
        let (filter, _) = filter();
        assert!(filter.to_string().contains("audit=info"), "{filter}");
    }
}
