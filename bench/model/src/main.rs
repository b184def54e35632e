//! Compares Tasador's models with common libraries on the same rows and the same split.
//!
//! `bench/run train` trains every candidate of Tasador, scikit-learn's linear regression and histogram
//! boosting, and LightGBM with 500 and 1,200 trees, and prints accuracy, time and peak memory. Each runs
//! in a separate process, one after the other, with the same number of threads and the same two CSV files.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints its results"
)]

mod comparables;
mod ours;
mod peers;
mod report;
mod sets;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

/// Compares accuracy, time and memory of Tasador's models and of Python's.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Clone, Args)]
struct Options {
    /// The King County sales of the demo.
    #[arg(long, default_value = "local/data/king-county.csv.gz")]
    king_county: PathBuf,
    /// The listings of the north-east (`listings-northeast.csv.gz`); without them that part is skipped.
    #[arg(long, env = "TASADOR_NORTHEAST")]
    northeast: Option<PathBuf>,
    /// Listings with all twelve columns (`listings-raw.csv`); without them that part is skipped.
    #[arg(long, env = "TASADOR_LISTINGS")]
    listings: Option<PathBuf>,
    /// Only these sets, comma-separated: king-county, king-county-listing, northeast, listings.
    #[arg(long, value_delimiter = ',')]
    sets: Vec<String>,
    /// Only these algorithms of Tasador, comma-separated.
    #[arg(long, value_delimiter = ',')]
    algorithms: Vec<String>,
    /// A Python with the libraries of bench/requirements.txt; without it, only Tasador is measured.
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
    /// Threads of each side.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Seed of both sides.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Folder of the split files.
    #[arg(long, default_value = "target/bench-model")]
    folder: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Only write the split files.
    Prepare,
    /// Train and score one algorithm on a prepared set; used for each line of the table.
    #[command(hide = true)]
    Fit {
        /// The set.
        set: String,
        /// The algorithm.
        algorithm: String,
    },
    /// Price held-out homes by their comparable sales and by their zip codes.
    Comparables {
        /// How many homes, evenly spaced.
        #[arg(default_value_t = 1_000)]
        homes: usize,
    },
    /// Train on this many rows, generated from the set with noise, and report time and memory.
    Large {
        /// The set.
        #[arg(default_value = "northeast")]
        set: String,
        /// The algorithm.
        #[arg(default_value = "boosting")]
        algorithm: String,
        /// How many rows.
        #[arg(default_value_t = 1_000_000)]
        rows: usize,
    },
}

fn main() -> Result<()> {
    let Cli { command, options } = Cli::parse();
    match command {
        None => compare(&options),
        Some(Command::Prepare) => sets::prepare(&options).map(|_| ()),
        Some(Command::Fit { set, algorithm }) => {
            let set = sets::read(&options.folder, &set)?;
            let line = ours::measure(&set, algorithm.parse()?, &options)?;
            println!("{}", serde_json::to_string(&line)?);
            Ok(())
        }
        Some(Command::Comparables { homes }) => {
            for set in sets::prepare(&options)? {
                println!("\n{}", set.title);
                let set = sets::read(&options.folder, &set.name)?;
                println!("{}", comparables::measure(&set, homes, &options)?);
            }
            Ok(())
        }
        Some(Command::Large {
            set,
            algorithm,
            rows,
        }) => {
            sets::prepare(&options)?;
            let set = sets::read(&options.folder, &set)?;
            println!("{}", ours::large(&set, algorithm.parse()?, rows, &options)?);
            Ok(())
        }
    }
}

fn compare(options: &Options) -> Result<()> {
    let sets = sets::prepare(options)?;
    for set in sets {
        println!("\n{}", set.title);
        let mut lines = Vec::new();
        for algorithm in ours::algorithms(options)? {
            lines.push(ours::measure_apart(&set.name, algorithm, options)?);
        }
        for peer in peers::PEERS {
            if let Some(python) = &options.python {
                lines.push(peers::measure(python, peer, &set.name, options)?);
            }
        }
        println!("{}", report::table(&lines));
        println!("{}", report::incomplete(&lines));
        if let Some(ratios) = report::ratios(&lines) {
            println!("{ratios}");
        }
    }
    Ok(())
}
