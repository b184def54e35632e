//! The OpenAPI document says what is answered: schemathesis makes requests out of it, right and
//! wrong ones, and holds every answer against it.

use tokio::process::Command;

use crate::served::{Served, free_ports, tool};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing() {
    let Some(schemathesis) = tool(
        "schemathesis",
        "tests/tools/install does it (Python 3 and PyPI)",
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), free_ports()).await;
    let output = Command::new(schemathesis)
        .arg("run")
        .arg(served.url("/openapi.json"))
        .args([
            "--checks",
            "all",
            "--max-examples",
            "100",
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
