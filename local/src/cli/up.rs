//! `tasador up`: everything served until Ctrl-C.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{Global, duration, interrupted, session};
use crate::cloud::{self, Cloud, Endpoints, Ports};
use crate::console::{remark, result};
use crate::folder::Folder;
use crate::machine::machine_arn;
use tasador_runtime::SourceAddress;

/// Default port of `up`.
const PORT: u16 = 3000;
/// Time between scheduled executions where a source is configured and nothing else is said.
const EVERY: Duration = Duration::from_secs(3600);

/// Time between compactions of the inference log, whose files are of an hour each.
const COMPACT_EVERY: Duration = Duration::from_secs(3600);

const NOTES: &str = "\
On 127.0.0.1 nobody is asked for a token, unless --require-tokens says so. On any other address every
caller needs one (`tasador token --help`): without a single live token it does not start. Requests then
carry `Authorization: Bearer tsd_…`, and the page asks for a token once. Traffic is not encrypted: put a
proxy that speaks TLS in front, which the page's sign-in needs anyway.

S3, DynamoDB, Step Functions and Lambda stay on 127.0.0.1. Instead of tokens they require requests signed
with the access key of the data folder, which is among the printed variables. Do not show it to others.";

#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct Options {
    /// Where listings come from: the URL of a data API, s3://bucket/key, or a file
    #[arg(long, value_name = "URL|FILE")]
    source: Option<String>,
    /// Time between two scheduled runs, such as 30s, 15m or 1h [default: 1h with a source, no schedule without]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    every: Option<Duration>,
    /// Address to be reached at; any other than loopback requires tokens
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// Require tokens on loopback too
    #[arg(long)]
    require_tokens: bool,
    /// Folder of an installed mlflow, whose pages are then served at /mlflow/
    #[arg(long, value_name = "PATH")]
    mlflow_ui: Option<PathBuf>,
}

pub(super) async fn run(global: &Global, options: Options) -> anyhow::Result<ExitCode> {
    let folder = Folder::take(&global.data_dir()).await?;
    let config = session::configuration(global, options.source.as_deref())?;
    let source = config.source.clone();
    let every = options.every.or(source.is_some().then_some(EVERY));
    let ports = Ports::from_number(global.port.unwrap_or(PORT));
    let faults = session::faults()?;
    let cloud = Cloud::start(cloud::Options {
        address: options.address,
        ports,
        require_tokens: options.require_tokens,
        every,
        compact_every: Some(COMPACT_EVERY),
        mlflow_ui: options.mlflow_ui.clone(),
        faults,
        ..cloud::Options::new(folder, config)
    })
    .await?;
    greet(&cloud, source.as_ref(), every, options.mlflow_ui.is_some())?;
    interrupted().await;
    remark("Stopping; what runs goes on where it was when the folder is served again.");
    cloud.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn greet(
    cloud: &Cloud,
    source: Option<&SourceAddress>,
    every: Option<Duration>,
    with_mlflow_ui: bool,
) -> std::io::Result<()> {
    let Endpoints {
        http,
        aws,
        s3,
        dynamodb,
        access_key: _,
    } = cloud.endpoints();
    let requires_tokens = cloud.context().config.require_tokens;
    let header = if requires_tokens {
        " -H \"authorization: Bearer $TOKEN\""
    } else {
        ""
    };
    result(format!("Tasador is up at {http}"))?;
    result(format!("  look at it        {http}/ in a browser"))?;
    result(format!(
        "  price a house     curl -s {http}/predict{header} -H 'content-type: application/json' -d '{{\"bed\": 3, \"bath\": 2, \"house_size\": 1500, \"zip_code\": \"98103\"}}'"
    ))?;
    result(format!(
        "  what was decided  curl -s {http}/history{header}"
    ))?;
    let folder = cloud.folder().root().display().to_string();
    if requires_tokens {
        result(format!(
            "  tokens            required; make one with: TOKEN=$(tasador token create --data-dir {} --scope admin)",
            quoted(&folder)
        ))?;
        result(format!("  Step Functions    {aws}"))?;
    }
    result(format!(
        "  MLflow's clients  export MLFLOW_TRACKING_URI={http}"
    ))?;
    if with_mlflow_ui {
        result(format!("  MLflow's pages    {http}{}/", cloud::MLFLOW_UI))?;
    }
    result(format!("  S3                {s3}"))?;
    result(format!("  DynamoDB          {dynamodb}"))?;
    result(format!("  data folder       {folder}"))?;
    match (source, every) {
        (None, None) => result(
            "  source            none; give one with --source to learn from it on a schedule",
        )?,
        (None, Some(every)) => result(format!(
            "  source            none, so the run of every {} has nothing to fetch",
            spoken(every)
        ))?,
        (Some(source), every) => {
            let every = every.map_or_else(String::new, |every| {
                format!(", asked every {}", spoken(every))
            });
            result(format!("  source            {source}{every}"))?;
        }
    }
    result("\nThe aws CLI and every AWS SDK work against it:\n")?;
    for (name, value) in cloud.endpoints().environment() {
        result(format!("export {name}={value}"))?;
    }
    result(format!(
        "\naws stepfunctions start-execution --state-machine-arn {}",
        machine_arn()
    ))?;
    result(format!(
        "aws stepfunctions list-executions --state-machine-arn {}",
        machine_arn()
    ))?;
    result(
        "aws lambda invoke --function-name predict --cli-binary-format raw-in-base64-out --payload file://events/predict.json answer.json",
    )?;
    result(format!(
        "aws s3 ls --recursive s3://{}",
        cloud.context().config.bucket
    ))?;
    result("\nCtrl-C stops it; everything is kept.")
}

/// A path for a shell.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    match path.chars().all(is_plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

fn spoken(every: Duration) -> String {
    jiff::SignedDuration::try_from(every).map_or_else(
        |_| format!("{} s", every.as_secs()),
        |every| format!("{every:#}"),
    )
}
