//! MLflow's own pages, from the bundle of an installed `mlflow`, over this registry.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tasador_registry::OutcomeKind;
use tasador_testing::listings::Batch;
use tasador_testing::tools;
use tests::world::World;

use super::driver::{Browser, Page};

/// How long a page of theirs may take: the bundle has many megabytes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The folder of the installed package.
fn package() -> Option<PathBuf> {
    let venv = tools::mlflow(3)?;
    std::fs::read_dir(venv.join("lib"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join("site-packages/mlflow"))
        .find(|package| package.is_dir())
}

/// Waits until a page shows all of these texts.
async fn shows(page: &Page, texts: &[&str]) {
    let begun = Instant::now();
    loop {
        let shown = page.script("return document.body.innerText").await;
        let shown = shown.as_str().unwrap_or_default();
        if texts.iter().all(|text| shown.contains(text)) {
            return;
        }
        assert!(begun.elapsed() < TIMEOUT, "{texts:?} is not in: {shown}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn experiments_runs_and_models_are_shown() {
    let Some(package) = package() else {
        return;
    };
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut world = World::new(|_| ()).await;
    world.serve_mlflow_pages(package).await;
    let run = world.deliver(&Batch::new(1, 600)).await;
    assert_eq!(run.kind(), OutcomeKind::Promoted, "{}", run.reasons());
    let model = world.context().config.model.clone();
    let path = format!("/api/2.0/mlflow/experiments/get-by-name?experiment_name={model}");
    let (_, found) = world.http(Method::GET, &path, None).await;
    let experiment = found["experiment"]["experiment_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let search = json!({"experiment_ids": [experiment]});
    let (status, found) = world
        .http(
            Method::POST,
            "/mlflow/ajax-api/2.0/mlflow/runs/search",
            Some(&search),
        )
        .await;
    assert_eq!(status, 200, "{found}");
    let info = &found["runs"][0]["info"];
    let (run_id, name) = (
        info["run_id"].as_str().unwrap(),
        info["run_name"].as_str().unwrap(),
    );

    let page = browser.open(&world, "/mlflow/#/experiments").await;
    shows(&page, &[model.as_str()]).await;
    page.screenshot("mlflow-experiments").await;
    page.go(&world, &format!("/mlflow/#/experiments/{experiment}/runs"))
        .await;
    shows(&page, &[name]).await;
    page.screenshot("mlflow-runs").await;
    page.go(
        &world,
        &format!("/mlflow/#/experiments/{experiment}/runs/{run_id}"),
    )
    .await;
    shows(&page, &[name, "validation_mae", "algorithm", "listings"]).await;
    page.screenshot("mlflow-run").await;
    page.go(&world, &format!("/mlflow/#/models/{model}")).await;
    shows(&page, &[model.as_str(), "champion"]).await;
    page.screenshot("mlflow-model").await;
    browser.close().await;
}
