//! axe-core over the page as it stands.

use std::path::PathBuf;
use tests::skip::tool_is_missing;

use super::driver::Page;

/// The script that `tests/tools/install` gets from npm.
fn script() -> PathBuf {
    let named = std::env::var_os("TASADOR_TOOLS").map(PathBuf::from);
    let folder =
        named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/tools"));
    folder.join("node_modules/axe-core/axe.min.js")
}

/// Whether axe-core is there; says so where it is not.
pub(super) fn is_installed() -> bool {
    let found = script().is_file();
    if !found {
        tool_is_missing("axe-core is not installed; tests/tools/install does it (Node and npm)");
    }
    found
}

/// Holds the page to WCAG 2.2 AA and axe-core's best practices: nothing serious, nothing critical.
pub(super) async fn check(page: &Page, what: &str) {
    page.script(&std::fs::read_to_string(script()).unwrap())
        .await;
    let found = page
        .script_async(
            "const done = arguments[arguments.length - 1]; \
             axe.run(document).then(found => done(found.violations \
               .filter(it => it.impact === 'serious' || it.impact === 'critical') \
               .map(it => it.id + ': ' + it.nodes.map(node => node.html + ' ' + node.failureSummary).join(' | '))), \
               error => done([String(error)]))",
        )
        .await;
    let found = found.as_array().unwrap();
    assert!(found.is_empty(), "{what}: {found:#?}");
}
