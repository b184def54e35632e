//! Metrics as lines of the log, in CloudWatch's embedded metric format.

use std::io::Write as _;

use serde_json::Value;

/// Writes a metric line to the standard output on Lambda, whose log CloudWatch reads; elsewhere
/// nobody would, and nothing is written.
pub fn write(line: &Value) {
    if std::env::var_os("AWS_LAMBDA_FUNCTION_NAME").is_none() {
        return;
    }
    let mut text = line.to_string();
    text.push('\n');
    // A log that can't be written can't be told about.
    let _lost = std::io::stdout().lock().write_all(text.as_bytes());
}
