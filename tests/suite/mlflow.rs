//! MLflow's own clients, unmodified from PyPI, the newest of 3 and the newest of 2.
//!
//! One script of calls runs against MLflow's own server and against this one, and what both answer is
//! compared with each other field by field; `tests/mlflow/differences.json` lists what may differ, and
//! why. `tests/tools/install` makes the two virtual environments; without them the tests are skipped
//! and say so.

mod server;

use std::path::Path;
use std::time::{Duration, Instant};

use local::demo::sales;
use reqwest::Method;
use serde_json::{Value, json};
use tasador_ids::Algorithm;
use tasador_registry::OutcomeKind;
use tasador_testing::source::Answer;
use tasador_testing::tools::{mlflow, repository};
use tests::world::World;
use tokio::process::Command;

use server::MlflowServer;

/// How long a script may take.
const TIMEOUT: Duration = Duration::from_secs(600);

/// How long a new champion may take to be served.
const SERVED_WITHIN: Duration = Duration::from_secs(120);

/// Homes that are priced in Python and over HTTP: as many as one request takes.
const HOMES: usize = 1_000;

/// Runs a script of `tests/mlflow` to its end, and gives what it printed.
async fn script(venv: &Path, name: &str, arguments: &[&str]) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let run = Command::new(venv.join("bin/python"))
        .arg(repository().join("tests/mlflow").join(name))
        .args(arguments)
        .current_dir(folder.path())
        .env("GIT_PYTHON_REFRESH", "quiet")
        .env("PYTHONWARNINGS", "ignore")
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(TIMEOUT, run).await.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!(
            "{}\n{}",
            text(&output.stdout),
            text(&output.stderr)
        ))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_clients_are_answered_as_by_mlflows_own_server() {
    let (Some(newest), Some(older)) = (mlflow(3), mlflow(2)) else {
        return;
    };
    for client in [&newest, &older] {
        // Each with separate stores: the script makes everything it asks about.
        let theirs = MlflowServer::start(&newest).await;
        let world = World::new(|_| ()).await;
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let (a, b) = (file("mlflow.json"), file("tasador.json"));
        for (uri, answers) in [
            (theirs.url(), &a),
            (world.cloud().endpoints().http.as_str(), &b),
        ] {
            let said = script(client, "contract.py", &[uri, answers]).await;
            println!("{}", said.unwrap());
        }
        let listed = repository().join("tests/mlflow/differences.json");
        let compared = script(
            &newest,
            "compare.py",
            &[&a, &b, &listed.display().to_string()],
        )
        .await;
        println!(
            "{}",
            compared.unwrap_or_else(|differences| panic!("{differences}"))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_clients_that_log_to_one_run_lose_nothing() {
    let Some(venv) = mlflow(3) else {
        return;
    };
    let world = World::new(|_| ()).await;
    let said = script(&venv, "crowd.py", &[&world.cloud().endpoints().http]).await;
    println!("{}", said.unwrap());
}

/// What somebody trained with autologging is there after a restart, files and all, and the page
/// shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_autologging_kept_survives_a_restart() {
    let Some(venv) = mlflow(3) else {
        return;
    };
    let mut world = World::new(|_| ()).await;
    let uri = world.cloud().endpoints().http.clone();
    script(&venv, "autolog.py", &[&uri, "train"]).await.unwrap();
    world.restart(|_| ()).await;
    let uri = world.cloud().endpoints().http.clone();
    println!(
        "{}",
        script(&venv, "autolog.py", &[&uri, "look"]).await.unwrap()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_champion_prices_in_python_as_it_does_here() {
    let (Some(newest), Some(older)) = (mlflow(3), mlflow(2)) else {
        return;
    };
    let months = sales::read().unwrap().months;
    let world = World::new(|config| {
        config.candidates = vec![Algorithm::Linear, Algorithm::Boosting];
    })
    .await;
    // The fourth month is the first that brings all columns; the linear model and the boosted trees
    // that each of two batches leaves are four versions.
    for month in &months[3..5] {
        world.source.then(Answer::Json(
            json!({"data": month.listings}).to_string().into(),
        ));
        let run = world.run(&json!({})).await;
        assert_ne!(run.kind(), OutcomeKind::Failed, "{}", run.reasons());
    }
    let folder = tempfile::tempdir().unwrap();
    let homes = folder.path().join("homes.json");
    let model = world.context().config.model.clone();
    let unseen: Vec<Value> = months[11]
        .listings
        .iter()
        .take(HOMES)
        .map(as_it_is_asked)
        .collect();

    let mut versions = Vec::new();
    for client in [&newest, &older] {
        priced(&world, &unseen, &homes).await;
        let (uri, file) = (&world.cloud().endpoints().http, homes.display().to_string());
        let said = script(client, "champion.py", &[uri, model.as_str(), &file]).await;
        let said = said.unwrap();
        println!("{said}");
        let told: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        assert_eq!(told["homes"], unseen.len());
        assert!(told["off"].as_f64().unwrap() <= 1e-4, "{told}");
        versions.push(told["version"].as_u64().unwrap());
        let printed = documented(client, &world).await;
        assert!(printed.contains("predicted_price"), "{printed}");

        // Another version takes over, and the next load brings it.
        let champion = versions.last().copied().unwrap();
        let other = if champion == 1 { 2 } else { champion - 1 };
        let path = format!("/models/{model}/versions/{other}/promote");
        let (status, body) = world
            .http(Method::POST, &path, Some(&json!({"expected": champion})))
            .await;
        assert_eq!(status, 200, "{body}");
    }
    assert_ne!(versions[0], versions[1]);
}

/// What the commands of `docs/mlflow.md` print, word for word but for the server's address, with a client
/// that is installed already: MLflow 3 with pandas 3, and MLflow 2 with pandas 2.
async fn documented(venv: &Path, world: &World) -> String {
    let page = std::fs::read_to_string(repository().join("docs/mlflow.md")).unwrap();
    let (_, commands) = page
        .split_once("```sh\npip install mlflow onnxruntime\n")
        .unwrap();
    let (commands, _) = commands.split_once("```").unwrap();
    let address = &world.cloud().endpoints().http;
    let path = format!("{}:/usr/bin:/bin", venv.join("bin").display());
    let folder = tempfile::tempdir().unwrap();
    let run = Command::new("sh")
        .arg("-ec")
        .arg(commands.replace("http://127.0.0.1:3000", address))
        .current_dir(folder.path())
        .env("PATH", path)
        .env("MLFLOW_DISABLE_TELEMETRY", "true")
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(TIMEOUT, run).await.unwrap().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{commands}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// A sale as it would be asked for: without its price.
fn as_it_is_asked(sale: &Value) -> Value {
    let mut listing = sale.clone();
    if let Some(fields) = listing.as_object_mut() {
        fields.remove("price");
        // A zip code is five digits; the source's decimal point is its own affair.
        if let Some(zip) = sale["zip_code"].as_f64() {
            fields.insert("zip_code".to_owned(), json!(format!("{zip:05.0}")));
        }
    }
    listing
}

/// Writes the listings down with what `POST /predict` says of them, once the champion is served.
async fn priced(world: &World, listings: &[Value], file: &Path) {
    let context = world.context();
    let champion = context.registry.champion(&context.config.model).await;
    let champion = champion.unwrap().unwrap().version.0;
    let begun = Instant::now();
    loop {
        let instances = json!({"instances": listings});
        let (status, body) = world.http(Method::POST, "/predict", Some(&instances)).await;
        assert_eq!(status, 200, "{body}");
        let predictions = body["predictions"].as_array().unwrap();
        if body["model"]["version"] != champion {
            // A new champion is served within a moment.
            assert!(begun.elapsed() < SERVED_WITHIN, "{}", body["model"]);
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        let rows: Vec<Value> = listings
            .iter()
            .zip(predictions)
            .filter_map(|(listing, prediction)| {
                let price = prediction["predicted_price"].as_f64()?;
                Some(json!({"listing": listing, "price": price}))
            })
            .collect();
        assert_eq!(rows.len(), listings.len(), "an impossible home");
        std::fs::write(file, Value::from(rows).to_string()).unwrap();
        return;
    }
}
