//! axe-core over the page as it stands.

use tasador_testing::tools::installed;

use super::driver::Page;

/// Checks the page against WCAG 2.2 AA and axe-core's best practices: nothing serious, nothing critical.
pub(super) async fn check(page: &Page, what: &str) {
    let Some(script) = installed("node_modules/axe-core/axe.min.js", "axe-core") else {
        return;
    };
    page.script(&std::fs::read_to_string(script).unwrap()).await;
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
