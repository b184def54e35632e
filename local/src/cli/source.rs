//! `tasador source`: the stand-in data API alone.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Global, interrupted};
use crate::console::{remark, result};
use crate::source::DataApi;
use tasador_flow::Language::English;

/// Default port.
const PORT: u16 = 8000;
/// How long an answer that was begun may take after Ctrl-C.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct Options {
    /// File of listings to give out: CSV with a header, or NDJSON (also .gz)
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Rows of one batch
    #[arg(long, value_name = "NUMBER", default_value = "2000")]
    batch_rows: NonZeroUsize,
}

pub(super) async fn run(global: &Global, options: Options) -> anyhow::Result<ExitCode> {
    let listener = listen(global.port.unwrap_or(PORT)).await?;
    let address = listener.local_addr()?;
    let api = DataApi::from_file(&options.file, options.batch_rows)?;
    result(format!(
        "The data API serves {} at http://{address}",
        options.file.display()
    ))?;
    result(format!(
        "  {} rows in batches of {}: {} batches for each group and day",
        English.count(api.rows()),
        English.count(options.batch_rows.get() as u64),
        English.count(api.batches() as u64),
    ))?;
    result(format!(
        "  next batch   curl -s 'http://{address}/data?group_number=1'"
    ))?;
    result(format!(
        "  start over   curl -s 'http://{address}/restart_data_generation?group_number=1'"
    ))?;
    result(format!(
        "  learn from   tasador run --source 'http://{address}/data?group_number=1'"
    ))?;
    result("\nCtrl-C stops it.")?;

    let (stop, mut stopped) = watch::channel(false);
    let serving = api.serve(listener, async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    });
    let out_of_patience = async {
        interrupted().await;
        stop.send_replace(true);
        tokio::time::sleep(TIMEOUT).await;
    };
    tokio::select! {
        served = serving => served.context("the data API broke")?,
        () = out_of_patience => remark("Stopped in the middle of an answer."),
    }
    Ok(ExitCode::SUCCESS)
}

async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => bail!(
            "port {port} is in use by another program; choose another with --port, or let the system choose with --port 0"
        ),
        Err(error) => Err(error).with_context(|| {
            format!("port {port} can't be listened on; choose another with --port")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_told_with_a_way_out() {
        let taken = listen(0).await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = listen(port).await.unwrap_err().to_string();
        assert!(
            error.contains(&port.to_string()) && error.contains("--port 0"),
            "{error}"
        );
    }
}
