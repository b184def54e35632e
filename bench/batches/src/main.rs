//! Measures time and memory of one large batch in `fetch` and `preprocess`.
//!
//! The listings are generated, the same ones in every run. They come from the data API as JSON or
//! from a file as CSV; the functions store them in the local S3 and DynamoDB. Memory is that of this
//! process, which contains functions, source and stores.

#![allow(clippy::print_stdout, reason = "it prints its results")]

mod listings;

use std::fs::File;
use std::io::BufWriter;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::{Parser, ValueEnum};
use local::client::peak_memory_mib;
use local::cloud::{Cloud, Options};
use local::folder::Folder;
use local::machine::execution_arn;
use local::source::DataApi;
use serde_json::{Value, json};
use tasador_lake::Format;
use tasador_runtime::Config;
use tokio::net::TcpListener;

/// How often cleaning without stores is measured.
const REPEATS: usize = 3;

/// Measures one large batch through fetch and preprocess.
#[derive(Debug, Parser)]
struct Arguments {
    /// How the batch arrives
    form: Form,
    /// Rows of the batch
    rows: NonZeroUsize,
    /// Fail if the peak memory of this process exceeds this, in MiB
    #[arg(long, value_name = "MIB")]
    limit: Option<u64>,
    /// Rows of 1,000 that cannot be read; with `csv` only, because the data API checks its file
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    broken: u64,
    /// Write the listings to this CSV file too, for comparison with another program
    #[arg(long, value_name = "FILE")]
    keep: Option<std::path::PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// One answer of the data API, over HTTP
    Json,
    /// A file
    Csv,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments {
        form,
        rows,
        limit,
        broken,
        keep,
    } = Arguments::parse();
    let folder = tempfile::tempdir()?;
    let file = keep.unwrap_or_else(|| folder.path().join("listings.csv"));
    listings::write(
        &mut BufWriter::new(File::create(&file)?),
        rows.get() as u64,
        broken,
    )?;

    let mut config = Config::default();
    config.fetch.files_allowed = true;
    config.source = Some(match form {
        Form::Json => serve(&file, rows).await?.into(),
        Form::Csv => file
            .to_str()
            .context("the folder's name is not UTF-8")?
            .into(),
    });
    let data = Folder::take(&folder.path().join("data")).await?;
    let cloud = Cloud::start(Options::new(data, config)).await?;

    let begun = Instant::now();
    let fetched = call(
        &cloud,
        "fetch",
        json!({"run_id": "bench", "execution": execution_arn("bench")}),
    )
    .await?;
    let bytes = fetched
        .get("size_bytes")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    println!(
        "{rows} rows, {} MB of {}",
        bytes / 1_000_000,
        text(&fetched, "format")
    );
    let mut request = fetched.clone();
    if let Value::Object(fields) = &mut request {
        fields.insert("run_id".to_owned(), json!("bench"));
    }
    let cleaned = call(&cloud, "preprocess", request).await?;
    println!("{:<32}{:>8.2} s", "both", begun.elapsed().as_secs_f64());

    let counts = cleaned.get("rows").cloned().unwrap_or_default();
    let count = |name: &str| counts.get(name).and_then(Value::as_u64).unwrap_or(0);
    println!(
        "clean {} + rejected {} + duplicates {} = raw {}",
        count("clean"),
        count("rejected"),
        count("duplicates"),
        count("raw"),
    );
    ensure!(count("raw") == rows.get() as u64, "a row was lost");
    ensure!(
        count("clean") + count("rejected") + count("duplicates") == count("raw"),
        "the counts of rows are not consistent"
    );

    if let (Some(limit), Some(peak)) = (limit, peak_memory_mib(std::process::id())) {
        ensure!(
            peak <= limit,
            "{peak} MiB of memory were held, where {limit} are allowed"
        );
    }

    let key = text(&fetched, "key").parse()?;
    let format: Format = text(&fetched, "format").parse()?;
    let raw = cloud.context().lake.get(&key).await?;
    for _ in 0..REPEATS {
        let raw = raw.clone();
        let begun = Instant::now();
        let reading = tokio::task::spawn_blocking(move || -> anyhow::Result<Duration> {
            let read = tasador_reader::read(raw, format, &Default::default())?;
            let reading = begun.elapsed();
            let cleaned = tasador_reader::draft(read, &Default::default())?.finish(|_| false)?;
            tasador_reader::to_parquet(cleaned.rejected)?;
            tasador_reader::to_parquet(cleaned.clean)?;
            Ok(reading)
        })
        .await??;
        println!(
            "{:<32}{:>8.2} s   of it reading {:.2} s",
            "cleaning alone, without stores",
            begun.elapsed().as_secs_f64(),
            reading.as_secs_f64(),
        );
    }
    cloud.stop().await;
    Ok(())
}

/// Serves the file as one batch at a new address.
async fn serve(file: &Path, rows: NonZeroUsize) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let api = DataApi::from_file(file, rows)?;
    tokio::spawn(api.serve(listener, std::future::pending::<()>()));
    Ok(format!("http://{address}/data?group_number=1"))
}

/// Calls a function and measures its time.
async fn call(cloud: &Cloud, function: &str, request: Value) -> anyhow::Result<Value> {
    let begun = Instant::now();
    let answer = cloud
        .functions()
        .invoke(function, request)
        .await
        .map_err(|failure| anyhow::anyhow!("{function}: {}", failure.message))?;
    println!(
        "{function:<32}{:>8.2} s   peak so far {} MiB",
        begun.elapsed().as_secs_f64(),
        peak_memory_mib(std::process::id()).map_or_else(|| "?".to_owned(), |mib| mib.to_string()),
    );
    Ok(answer)
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
