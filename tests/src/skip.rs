//! Tests that can't run here say so where it is seen.

use std::io::Write as _;

/// Says that this test is skipped, and why. libtest keeps to itself what a passing test prints, so
/// this goes past it.
pub fn skipped(why: &str) {
    // Whoever has closed the error stream is not listening.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// The same for want of a tool, which is a failure where `TASADOR_REQUIRE_TOOLS` is set.
///
/// # Panics
/// With the reason, where tools are required.
pub fn tool_is_missing(why: &str) {
    let required = std::env::var_os("TASADOR_REQUIRE_TOOLS").is_some_and(|value| !value.is_empty());
    assert!(!required, "a required tool is missing: {why}");
    skipped(why);
}
