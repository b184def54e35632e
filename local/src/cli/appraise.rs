//! `tasador appraise`: prices for a file of listings, from the model in production.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, bail};
use clap::Args;
use tasador_flow::Language::English;
use tasador_pricing::{Appraiser, NoModel};
use tasador_runtime::Config;

use super::check::{declared, format_of};
use super::place::Place;
use super::session::schema_path;
use super::{Global, INTERRUPTED, interrupted};
use crate::appraise::{Format, Summary, appraise};
use crate::console::{Progress, remark, result};

/// Rows that could not be read and are shown.
const SHOWN: usize = 5;

const EXAMPLES: &str = "\
Examples:
  tasador appraise portfolio.csv --out priced.csv
  tasador appraise portfolio.xlsx --out priced.parquet --contributions 5

The file is read as a batch is: the same formats, names of columns, units and `tasador.toml`. No price is
needed, and no row is dropped. `tasador check portfolio.csv` shows what a file is read as.

The output has the columns of the file as they are, and these:
  predicted_price              US dollars, as `POST /predict` answers it
  price_kind                   sale or asking, by the status; without one, sale if the model learned from sales
  price_low, price_high        the 90 % range
  confidence, fsd              grade A to D, and the forecast standard deviation
  warnings                     fields not used as given, and important ones that are empty
  contributions                what moved the price most from the average, US dollars
  version                      the version that priced
  previous_price, change       the price by the version before, and the change since: 0.02 is 2 % more
  error                        why a row has no price

Prices of files are not written to the inference log.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// File of listings: CSV, NDJSON, JSON, Parquet or Excel (also .gz and .zip)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// File to write: .csv or .parquet; replaced if it exists
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The number of contributions shown of each price
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    contributions: usize,
}

pub(super) async fn run(global: &Global, options: Options) -> anyhow::Result<ExitCode> {
    let out = Format::of(&options.out)?;
    let format = format_of(&options.file)?;
    let name = options.file.display().to_string();
    if is_same(&options.file, &options.out) {
        bail!("{name} is the file of listings; give --out another name");
    }
    let bytes = std::fs::read(&options.file)
        .with_context(|| format!("{name} cannot be read; give a file of listings"))?;
    let schema = declared(&schema_path(global)?)?.unwrap_or_default();

    let place = Place::open(global, None::<fn(&mut Config)>).await?;
    let appraiser = Appraiser::load(place.context()).await;
    place.close().await;
    let appraiser = appraiser.map_err(|none| match none {
        NoModel::NoChampion => anyhow::anyhow!(
            "no model is in production yet; `tasador run --source FILE` learns from a file of sales"
        ),
        NoModel::Trouble(reason) => {
            anyhow::anyhow!("the model in production is not available: {reason}")
        }
    })?;
    let version = appraiser.version();

    let progress = Progress::new();
    progress.doing(format!("reading {name}"));
    let stop = Arc::new(AtomicBool::new(false));
    let mut work = tokio::task::spawn_blocking({
        let (stop, place, name) = (Arc::clone(&stop), options.out.clone(), name.clone());
        move || -> anyhow::Result<Option<(Summary, Vec<String>)>> {
            let raw = tasador_reader::read(bytes.into(), format, &schema)
                .with_context(|| format!("{name} cannot be read as {format}"))?;
            let broken = raw.broken.iter().take(SHOWN);
            let mut unread: Vec<String> = broken
                .map(|row| format!("{name}, line {}: {}", row.line, row.detail))
                .collect();
            if raw.broken.len() > SHOWN {
                unread.push(format!(
                    "{} rows of {name} could not be read and are left out",
                    English.count(raw.broken.len() as u64)
                ));
            }
            progress.measure(raw.rows as u64);
            let advance = |rows| progress.advance(rows);
            let to = (place.as_path(), out);
            let done = appraise(
                &raw,
                &schema,
                &appraiser,
                options.contributions,
                to,
                &stop,
                advance,
            )?;
            progress.finish();
            Ok(done.map(|summary| (summary, unread)))
        }
    });
    let done = tokio::select! {
        done = &mut work => done,
        () = interrupted() => {
            stop.store(true, Ordering::Relaxed);
            work.await
        }
    };
    let Some((summary, unread)) =
        done.context("the reader stopped; report this file as a bug")??
    else {
        remark("Interrupted; nothing was written.");
        return Ok(ExitCode::from(INTERRUPTED));
    };
    for line in summary.recognised.iter().chain(&unread) {
        remark(line);
    }
    if !summary.absent.is_empty() {
        remark(format!(
            "The file lacks columns that the model uses: {}.",
            summary.absent.join(", ")
        ));
    }
    if !summary.unused.is_empty() {
        remark(format!(
            "The model does not use these columns: {}.",
            summary.unused.join(", ")
        ));
    }
    let refused = match summary.refused {
        0 => String::new(),
        refused => format!(
            " {} have no price; the column `error` has the reasons.",
            English.count(refused)
        ),
    };
    result(format!(
        "{}: {} homes priced by {} version {}.{refused}",
        options.out.display(),
        English.count(summary.priced),
        version.name,
        version.version,
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (std::fs::canonicalize(one), std::fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
