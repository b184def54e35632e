//! The OpenAPI document says what is answered: schemathesis makes requests out of it, right and
//! wrong ones, and compares every answer with it.

use tokio::process::Command;

use tasador_testing::tools::installed;

use super::served::Served;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing() {
    finds_nothing(&[], "100").await;
}

/// Among its checks: whether a route that is said to require a token answers without one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing_where_tokens_are_required() {
    finds_nothing(&["--require-tokens"], "20").await;
}

async fn finds_nothing(options: &[&str], examples: &str) {
    let Some(schemathesis) = installed("bin/schemathesis", "schemathesis") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start_with(folder.path(), options).await;
    let mut command = Command::new(schemathesis);
    command.arg("run");
    if let Some(token) = &served.token {
        command.args(["--header", &format!("Authorization: Bearer {token}")]);
    }
    let output = command
        .arg(served.url("/openapi.json"))
        .args([
            "--checks",
            "all",
            "--max-examples",
            examples,
            "--seed",
            "20261125",
            "--no-color",
        ])
        .current_dir(folder.path())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    served.stop().await;
}
