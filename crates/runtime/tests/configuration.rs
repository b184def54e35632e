//! docs/configuration.md is what the code declares.

use std::path::Path;

use tasador_runtime::Config;
use tasador_runtime::config::LOG;

const INTRODUCTION: &str = "\
# Configuration

Functions and `tasador` read these environment variables once, at start. An empty value counts as not set. \
A value that is not allowed is refused at start, with the variable and what is expected. \
Options of the `tasador` command override variables.

On AWS, each setting that a deployment may change is a parameter of the stack: `TASADOR_GATE_MIN_ROWS` is \
`GateMinRows`. An empty parameter means the default below.

The AWS SDK's own variables (`AWS_REGION`, `AWS_ENDPOINT_URL`, …) apply as usual.

This page is generated from `crates/runtime/src/config.rs`:
`TASADOR_UPDATE=1 cargo test -p tasador-runtime --test configuration`.
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let groups = Config::variables().into_iter();
    for (title, variables) in groups.chain([("Logging", vec![LOG])]) {
        page += &format!("\n## {title}\n\n| Variable | Default | Meaning |\n|---|---|---|\n");
        for variable in variables {
            let default = variable.default.map(|text| format!("`{text}`"));
            let (name, default) = (variable.name, default.unwrap_or_default());
            page += &format!("| `{name}` | {default} | {} |\n", variable.meaning);
        }
    }
    page
}

#[test]
fn the_configuration_page_is_what_the_code_declares() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    if std::env::var_os("TASADOR_UPDATE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written == page(),
        "docs/configuration.md is out of date: TASADOR_UPDATE=1 cargo test -p tasador-runtime --test configuration"
    );
}
