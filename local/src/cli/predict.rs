//! `tasador predict`: a price from the model in production.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::Global;
use super::session::Session;
use crate::console::result;

/// Largest file that is read: what one request to `predict` may hold.
const INPUT_LIMIT_BYTES: u64 = 2 * 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  tasador predict house.json
  echo '{\"bed\": 3, \"bath\": 2, \"house_size\": 1500, \"zip_code\": \"98103\"}' | tasador predict -
  echo '{\"instances\": [{\"bed\": 3}, {\"bed\": 4}]}' | tasador predict -

What a listing leaves out is a missing value. `GET /model` of a running `tasador up` says what the
model looks at.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// File with one listing as a JSON object, or {"instances": [...]} with up to 1,000; - reads standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
}

pub(super) async fn run(global: &Global, options: Options) -> anyhow::Result<ExitCode> {
    let body = read(&options.file)?;
    let session = Session::open(global, None).await?;
    let answer = session.client().post("/predict", body).await;
    session.close().await;
    let answer = answer?.success()?;
    result(serde_json::to_string_pretty(&answer)?)?;
    Ok(ExitCode::SUCCESS)
}

fn read(file: &PathBuf) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let name = file.display();
    let read = if file.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(INPUT_LIMIT_BYTES + 1)
            .read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file)
            .and_then(|file| file.take(INPUT_LIMIT_BYTES + 1).read_to_end(&mut bytes))
    };
    read.with_context(|| {
        format!(
            "{name} cannot be read; give a file with a listing as JSON, or - for standard input"
        )
    })?;
    if bytes.len() as u64 > INPUT_LIMIT_BYTES {
        anyhow::bail!("{name} is larger than 2 MiB; send at most 1,000 listings at once");
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(&bytes)
        .with_context(|| format!("{name} is not JSON; give one listing as an object, such as {{\"bed\": 3, \"house_size\": 1500}}"))?;
    Ok(bytes)
}
