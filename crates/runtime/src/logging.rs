//! Log lines: JSON on Lambda, text on a terminal. One event is one line, whatever a caller put into it:
//! JSON escapes control characters, and so does the text form here.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::fmt::{FormatFields, MakeWriter};

use crate::config::LOG;

/// Target of the audit lines, which are logged whatever the filter says.
pub const AUDIT: &str = "audit";
/// The default: news of the SDK are of no interest to an operator.
const DEFAULT_FILTER: &str = "info,aws_config=warn,aws_sdk=warn,aws_smithy_runtime=warn,hyper=warn";

/// Starts logging to the standard error output; a second call changes nothing.
///
/// `TASADOR_LOG`, or else `RUST_LOG`, chooses what is logged, in the notation of
/// `tracing_subscriber::EnvFilter`; for one that is not valid there is a warning, and the default is used.
pub fn init() {
    let (filter, warning) = filter();
    // A second subscriber is refused.
    let started = if std::env::var_os("AWS_LAMBDA_FUNCTION_NAME").is_some() {
        tracing::subscriber::set_global_default(json(filter, io::stderr)).is_ok()
    } else {
        let is_terminal = io::stderr().is_terminal();
        tracing::subscriber::set_global_default(text(filter, is_terminal, io::stderr)).is_ok()
    };
    if let (true, Some(warning)) = (started, warning) {
        tracing::warn!("{warning}");
    }
}

/// Lines of JSON. CloudWatch stamps each line itself, and its queries read JSON: fields of the event are
/// at the top, those of the request or state in `span`.
fn json<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .finish()
}

fn text<W>(filter: EnvFilter, with_colours: bool, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(with_colours)
        .with_target(false)
        .fmt_fields(escaped_fields())
        .finish()
}

/// `name=value` after the message, without control characters.
fn escaped_fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    debug_fn(|writer, field, value| {
        let mut escaped = Escaped(writer);
        match field.name() {
            "message" => write!(escaped, "{value:?}"),
            name => write!(escaped, "{name}={value:?}"),
        }
    })
    .delimited(" ")
}

/// Writes what could start a new line, move the cursor or reverse the text as an escape such as `\n`.
struct Escaped<W>(W);

impl<W: fmt::Write> fmt::Write for Escaped<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if is_control(character) {
                write!(self.0, "{}", character.escape_default())?;
            } else {
                self.0.write_char(character)?;
            }
        }
        Ok(())
    }
}

fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// The chosen filter, with the audit in any case, and a warning where it is not valid.
fn filter() -> (EnvFilter, Option<String>) {
    let (filter, warning) = chosen();
    let audit = format!("{AUDIT}=info");
    let filter = match audit.parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    };
    (filter, warning)
}

fn chosen() -> (EnvFilter, Option<String>) {
    let set = [LOG.name, "RUST_LOG"].into_iter().find_map(|name| {
        std::env::var(name)
            .ok()
            .filter(|text| !text.is_empty())
            .map(|text| (name, text))
    });
    let default = || EnvFilter::new(DEFAULT_FILTER);
    let Some((name, text)) = set else {
        return (default(), None);
    };
    match EnvFilter::try_new(&text) {
        Ok(filter) => (filter, None),
        Err(error) => {
            let warning = format!("{name} is not valid ({error}); the default is used");
            (default(), Some(warning))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Seek as _;
    use std::sync::Arc;

    const FORGED: &str = "why\n2026-01-01T00:00:00Z  INFO audit: POST /runs done\r\t\u{1b}[2K\u{7f}\u{85}\u{2028}\u{202e}x";

    /// A caller's text in every place of an event and of a span.
    fn log() {
        let span = tracing::info_span!("request", request_id = FORGED, run_id = %FORGED);
        span.in_scope(|| {
            tracing::info!(
                field = FORGED, shown = %FORGED, debugged = ?FORGED,
                "the reason is {FORGED}"
            );
            tracing::info!(target: AUDIT, path = FORGED, "audit: {FORGED}");
        });
    }

    #[test]
    fn a_callers_text_cannot_forge_a_line() {
        for is_text in [true, false] {
            let written = Arc::new(tempfile::tempfile().unwrap());
            let filter = EnvFilter::new("info");
            if is_text {
                tracing::subscriber::with_default(text(filter, false, written.clone()), log);
            } else {
                tracing::subscriber::with_default(json(filter, written.clone()), log);
            }
            let mut written: &File = &written;
            written.rewind().unwrap();
            let all = io::read_to_string(written).unwrap();
            let lines: Vec<&str> = all.split_terminator('\n').collect();
            assert_eq!(lines.len(), 2, "{all}");
            for line in lines {
                assert!(line.contains(r"why\n2026"), "{line}");
                if is_text {
                    assert!(!line.chars().any(is_control), "{line:?}");
                } else {
                    // JSON escapes what is below a space, and whoever shows the text the rest.
                    assert!(line.chars().all(|character| character >= ' '), "{line:?}");
                    let line: serde_json::Value = serde_json::from_str(line).unwrap();
                    assert_eq!(line["span"]["run_id"], FORGED);
                }
            }
        }
    }

    #[test]
    fn the_audit_is_logged_whatever_is_set() {
        let (filter, _) = filter();
        assert!(filter.to_string().contains("audit=info"), "{filter}");
    }
}
