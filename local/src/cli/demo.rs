//! `tasador demo`: the whole story on real sales.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Value, json};

use super::history::newest_first;
use super::run::one;
use super::session::{Session, configuration};
use super::{Global, INTERRUPTED, interrupted};
use crate::client::{Client, Ran};
use crate::cloud::Ports;
use crate::console::{Progress, remark, result};
use crate::demo::sales::{self, DETAILS_SINCE, Sales};
use crate::demo::source::MonthlySource;
use crate::folder::Folder;
use crate::table;
use tasador_flow::Language::English;
use tasador_ids::Algorithm;

/// Folder of the demo, beside that of real work.
const DATA_DIR: &str = ".tasador/demo";
/// The original's algorithm and the one that mostly wins: the story is told in half a minute.
const CANDIDATES: [Algorithm; 2] = [Algorithm::Linear, Algorithm::Blend];
/// File of the house that was kept back, in that folder.
const HOUSE: &str = "house.json";

pub(super) async fn run(global: &Global) -> anyhow::Result<ExitCode> {
    let begun = Instant::now();
    let path = global
        .data_dir
        .clone()
        .unwrap_or_else(|| PathBuf::from(DATA_DIR));
    let folder = Folder::take(&path).await?;
    folder.make_demo()?;
    let sales = sales::read()?;
    let source = MonthlySource::start(&sales.months).await?;
    let mut config = configuration(global, Some(source.url()))?;
    if std::env::var_os("TASADOR_CANDIDATES").is_none() {
        config.candidates = CANDIDATES.to_vec();
    }
    let ports = global.port.map_or(Ports::Free, Ports::from_number);
    let session = Session::start(folder, ports, config).await?;
    let outcome = tokio::select! {
        outcome = story(session.client(), &sales, &path, begun) => outcome,
        () = interrupted() => {
            remark("Stopped. The demo begins anew the next time.");
            Ok(ExitCode::from(INTERRUPTED))
        }
    };
    session.close().await;
    source.stop().await;
    outcome
}

async fn story(
    client: &Client,
    sales: &Sales,
    path: &Path,
    begun: Instant,
) -> anyhow::Result<ExitCode> {
    let count: usize = sales.months.iter().map(|month| month.listings.len()).sum();
    result(format!(
        "{} sales of houses in King County, Washington, arrive in {} monthly batches from a data API.",
        English.count(count as u64),
        sales.months.len(),
    ))?;
    result(
        "Each goes through the state machine: fetched, cleaned, judged; where it justifies it, models are trained,",
    )?;
    result(
        "compared with the one in production on the same homes, and promoted only if they are better.",
    )?;
    result(format!(
        "From {DETAILS_SINCE} on the sales bring more columns: grade, view, year built, place …\n"
    ))?;

    let progress = Progress::new();
    let mut runs = Vec::new();
    let mut failed = None;
    for month in &sales.months {
        let ran = one(client, &json!({}), &month.name, &progress).await?;
        progress.done(line(&month.name, &ran));
        if !matches!(ran.outcome.as_str(), "promoted" | "rejected" | "skipped") {
            failed = Some(ran);
            break;
        }
        runs.push((month.name.clone(), ran));
    }
    if failed.is_none() {
        let last = one(client, &json!({}), "after the last month", &progress).await?;
        progress.done(line("after", &last));
        if last.outcome != "nothing_new" {
            failed = Some(last);
        }
    }
    progress.finish();
    if let Some(ran) = failed {
        anyhow::bail!(
            "the demo broke off: {} (run {}; TASADOR_LOG=info tells more)",
            ran.sentence,
            ran.run
        );
    }

    result("What became of each batch:\n")?;
    let mut history = newest_first(client, runs.len() + 1).await?;
    history.reverse();
    result(table::history(&history, |batch| month_of(&runs, batch)))?;
    priced(client, &sales.unseen, path).await?;
    whats_next(path)?;
    let peak = client.peak_memory_mib().map_or_else(String::new, |peak| {
        format!(", with at most {peak} MiB of memory")
    });
    result(format!(
        "\nAll of this took {:.1} s{peak}.",
        begun.elapsed().as_secs_f64()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// One line per batch while the demo goes on.
fn line(month: &str, ran: &Ran) -> String {
    format!(
        "{month:<8}{:>5.1} s  {:<12}{}",
        ran.took.as_secs_f64(),
        ran.outcome.replace('_', " "),
        ran.sentence
    )
}

/// The month whose run worked on this batch.
fn month_of(runs: &[(String, Ran)], batch: &str) -> Option<String> {
    let is_it =
        |ran: &Ran| ran.state.pointer("/fetch/batch").and_then(Value::as_str) == Some(batch);
    runs.iter()
        .find(|(_, ran)| is_it(ran))
        .map(|(month, _)| month.clone())
}

/// Prices the sale that was kept back, and leaves it in the folder without its price.
async fn priced(client: &Client, unseen: &Value, path: &Path) -> anyhow::Result<()> {
    let mut house = unseen.clone();
    let sold = house
        .as_object_mut()
        .and_then(|house| house.remove("price"))
        .and_then(|price| price.as_f64());
    std::fs::write(path.join(HOUSE), serde_json::to_vec_pretty(&house)?)?;
    let answer = client
        .post("/predict", serde_json::to_vec(&house)?)
        .await?
        .success()?;
    let number = |pointer: &str| answer.pointer(pointer).and_then(Value::as_f64);
    // Whole numbers as people write them: the source sends all of them with a decimal point.
    let shown = |field: &str| {
        let value = house.get(field);
        value.map_or_else(String::new, |value| match value.as_f64() {
            Some(number) => number.to_string(),
            None => value.to_string(),
        })
    };
    result("\nA house that was kept back, so that no model has seen it:")?;
    result(format!(
        "  {} bedrooms, {} bathrooms, {} square feet, grade {}, built {}, zip code {}",
        shown("bed"),
        shown("bath"),
        shown("house_size"),
        shown("grade"),
        shown("yr_built"),
        shown("zip_code"),
    ))?;
    let predicted =
        number("/predicted_price").map_or_else(|| "?".to_owned(), |price| English.money(price));
    let interval = match (number("/interval/low"), number("/interval/high")) {
        (Some(low), Some(high)) => format!(
            ", with 90 % certainty between {} and {}",
            English.money(low),
            English.money(high)
        ),
        _ => String::new(),
    };
    let version = answer
        .pointer("/model/version")
        .map(ToString::to_string)
        .unwrap_or_default();
    result(format!(
        "  priced at {predicted}{interval} (model version {version})"
    ))?;
    if let Some(sold) = sold {
        result(format!("  sold for  {}", English.money(sold)))?;
    }
    Ok(())
}

/// Commands that work as they stand: with the program as it was called, and the folder in question.
fn whats_next(path: &Path) -> std::io::Result<()> {
    let program = std::env::args().next();
    let program = program.as_deref().unwrap_or("tasador");
    let folder = path.display();
    let commands = [
        (
            format!("up --data-dir {folder}"),
            "serves it: open http://127.0.0.1:3000 in a browser; curl and the aws CLI work too",
        ),
        (
            format!("history --data-dir {folder} --json"),
            "every figure and reason behind the table",
        ),
        (
            format!("predict --data-dir {folder} {folder}/{HOUSE}"),
            "the same house again; change it and see",
        ),
        ("--help".to_owned(), "your own listings: up, run, source"),
    ];
    result(format!(
        "\nWhere to look next (everything is kept in {folder}):"
    ))?;
    for (command, what) in commands {
        result(format!("  {program} {command}\n      {what}"))?;
    }
    Ok(())
}
