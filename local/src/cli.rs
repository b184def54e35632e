//! The command line: what each command takes, and the sentence it ends with when it cannot go on.

mod against;
mod appraise;
mod batch;
mod check;
mod demo;
mod history;
mod integrity;
mod place;
mod predict;
mod rollback;
mod run;
mod session;
mod source;
mod token;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::console;

/// Where everything is kept unless told otherwise.
const DATA_DIR: &str = ".tasador";

const EXAMPLES: &str = "\
Examples:
  tasador demo                                  thirteen months of real sales, from raw data to a served price
  tasador up --source 'http://127.0.0.1:8000/data?group_number=1'
                                                serve everything; learn from the source every hour
  tasador check listings.csv                    show what the file would be read as
  tasador run --source listings.csv             learn from one file
  echo '{\"bed\": 3, \"house_size\": 1500}' | tasador predict -
  tasador appraise portfolio.csv --out priced.csv
                                                price every listing of a file
  tasador history                               what became of each batch, and why
  tasador batch release 0123456789ab            let a batch in quarantine in
  tasador batch withdraw 0123456789ab           leave a batch out, and replace the model that learned from it
  tasador token create --scope predict          a token for a program that prices homes

Commands work on one data folder. Where `tasador up` serves it already, they attach to that one;
otherwise they start the cloud for as long as they take.";

/// Learns what houses are worth, and keeps learning: the whole system on one machine.
#[derive(Debug, Parser)]
#[command(name = "tasador", version, about, after_help = EXAMPLES, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Default, Args)]
struct Global {
    /// Folder that keeps everything: bucket, tables, executions [default: .tasador; demo: .tasador/demo]
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Port to listen on; S3 and DynamoDB take the next two, and where tokens are required Step Functions and Lambda the one after. 0 picks free ones [default: up: 3000; source: 8000; otherwise free ones]
    #[arg(long, global = true, value_name = "PORT")]
    port: Option<u16>,
    /// Seed of all that is random: the same data and seed give the same models [default: 42]
    #[arg(long, global = true, value_name = "NUMBER")]
    seed: Option<u64>,
}

impl Global {
    fn data_dir(&self) -> PathBuf {
        self.data_dir
            .clone()
            .unwrap_or_else(|| PathBuf::from(DATA_DIR))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole story on real sales: thirteen monthly batches, from raw data to a served price
    Demo,
    /// Serve everything on http://127.0.0.1:3000 until Ctrl-C, the schedule included
    Up(up::Options),
    /// Show what a file of listings would be read as; changes nothing
    Check(check::Options),
    /// Fetch batches from a source and learn from each, until it has no more
    Run(run::Options),
    /// Price one listing, or several, with the model in production
    Predict(predict::Options),
    /// Price every listing of a file with the model in production
    Appraise(appraise::Options),
    /// Show what became of each batch, and why
    History(history::Options),
    /// Put a former version back into production: the one that is proposed, or another
    Rollback(rollback::Options),
    /// Show a batch, and release, discard or withdraw it
    Batch {
        #[command(subcommand)]
        action: batch::Action,
    },
    /// Withdraw a property
    Property {
        #[command(subcommand)]
        action: batch::PropertyAction,
    },
    /// Make, list and revoke the tokens that callers need wherever others can reach the service
    Token(token::Options),
    /// Check every object of the bucket and every entry of the registry; change nothing
    Verify(integrity::Options),
    /// Restore what was lost or damaged: the registry from the bucket, clean rows from raw batches
    Repair(integrity::Options),
    /// Stand in for the source: a data API that gives out a file of listings, batch by batch
    Source(source::Options),
}

/// Runs one command to its end.
pub async fn run(cli: Cli) -> ExitCode {
    let Cli { global, command } = cli;
    // Results and progress are what most commands are for; the servers' log is for who asks.
    if matches!(command, Command::Up(_) | Command::Source(_)) || log_is_wanted() {
        tasador_runtime::logging::init();
    }
    let work = async {
        match command {
            Command::Demo => demo::run(&global).await,
            Command::Up(options) => up::run(&global, options).await,
            Command::Check(options) => check::run(&global, &options).await,
            Command::Run(options) => run::run(&global, options).await,
            Command::Predict(options) => predict::run(&global, options).await,
            Command::Appraise(options) => appraise::run(&global, options).await,
            Command::History(options) => history::run(&global, options).await,
            Command::Rollback(options) => rollback::run(&global, options).await,
            Command::Batch { action } => batch::run(&global, action).await,
            Command::Property { action } => batch::property(&global, action).await,
            Command::Token(options) => token::run(&global, options).await,
            Command::Verify(options) => integrity::verify(&global, options).await,
            Command::Repair(options) => integrity::repair(&global, options).await,
            Command::Source(options) => source::run(&global, options).await,
        }
    };
    match work.await {
        Ok(code) => code,
        Err(error) if reader_has_gone(&error) => ExitCode::SUCCESS,
        Err(error) => {
            console::remark(format!("tasador: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn log_is_wanted() -> bool {
    ["TASADOR_LOG", "RUST_LOG"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// `tasador history | head` is no failure.
fn reader_has_gone(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// A length of time as people write it: `90s`, `30m`, `1h 30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let signed: jiff::SignedDuration = text
        .parse()
        .map_err(|_| "write a length of time such as 30s, 15m, 1h or 1h30m".to_owned())?;
    match Duration::try_from(signed) {
        Ok(duration) if duration >= Duration::from_secs(1) => Ok(duration),
        _ => Err("it must be at least 1s".to_owned()),
    }
}

/// Resolves on Ctrl-C, or when the system asks the process to end.
async fn interrupted() {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = ctrl_c => {}
        () = terminate => {}
    }
}

/// Exit code of a command that Ctrl-C ended, as shells have it.
const INTERRUPTED: u8 = 130;

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_and_after_the_command() {
        for args in [
            ["tasador", "--port", "0", "history"],
            ["tasador", "history", "--port", "0"],
        ] {
            assert_eq!(Cli::try_parse_from(args).unwrap().global.port, Some(0));
        }
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("30s", 30),
            ("15m", 900),
            ("1h", 3600),
            ("1h30m", 5400),
            ("1h 30m", 5400),
        ] {
            assert_eq!(duration(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in ["", "1", "soon", "-1h", "0s", "10ms"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
