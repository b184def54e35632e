//! `tasador`: the whole system on one machine.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use local::cli::{self, Cli};

/// How long work that cannot be interrupted may hold up the end of the process.
const LAST_WORK: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("tasador: the system gives no threads or timers: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(cli::run(cli));
    runtime.shutdown_timeout(LAST_WORK);
    code
}
