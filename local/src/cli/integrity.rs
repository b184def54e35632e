//! `tasador verify` and `tasador repair`: what must hold in bucket and registry, checked and restored.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;
use tasador_flow::preprocess;
use tasador_ids::BatchId;
use tasador_integrity::{Rebuilt, Remedy, Report};
use tasador_runtime::{Config, Context, chain};

use super::Global;
use super::place::Place;
use crate::console::{remark, result};

pub(super) const EXAMPLES: &str = "\
Both work on the data folder, whether or not `tasador up` serves it. For a deployment name its bucket and
tables, with AWS credentials and region as for the aws command:
  tasador verify --bucket NAME --registry-table NAME

The exit code is 0 if everything holds, and 1 if not.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// Bucket of a deployment; the data folder's if none is named
    #[arg(long, value_name = "NAME", requires = "registry_table")]
    bucket: Option<String>,
    /// Table of a deployment's registry
    #[arg(long, value_name = "NAME", requires = "bucket")]
    registry_table: Option<String>,
}

async fn place(global: &Global, options: Options) -> anyhow::Result<Place> {
    let deployed = options.bucket.map(|bucket| {
        |config: &mut Config| {
            config.bucket = bucket;
            config.registry_table = options.registry_table.unwrap_or_default();
        }
    });
    Place::open(global, deployed).await
}

pub(super) async fn verify(global: &Global, options: Options) -> anyhow::Result<ExitCode> {
    let place = place(global, options).await?;
    let report = tasador_integrity::verify(place.context()).await;
    place.close().await;
    print_report(&report?)
}

pub(super) async fn repair(global: &Global, options: Options) -> anyhow::Result<ExitCode> {
    let place = place(global, options).await?;
    let report = repaired(place.context()).await;
    place.close().await;
    print_report(&report?)
}

/// Repairs what can be repaired, and checks everything.
async fn repaired(ctx: &Context) -> anyhow::Result<Report> {
    let rebuilt = tasador_integrity::rebuild(ctx).await?;
    if rebuilt != Rebuilt::default() {
        result(format!(
            "Restored in the registry: {} versions, {} promotions, {} champions, {} batches, {} runs, {} decisions, {} hashes of files. Written to the bucket: {} copies.",
            rebuilt.versions,
            rebuilt.promotions,
            rebuilt.champions,
            rebuilt.batches,
            rebuilt.runs,
            rebuilt.decisions,
            rebuilt.hashes,
            rebuilt.copies,
        ))?;
    }
    for key in tasador_seen::discard_damaged(&ctx.lake).await? {
        result(format!("Deleted {key}, which was damaged."))?;
    }
    tasador_integrity::finish(ctx).await?;
    let report = tasador_integrity::verify(ctx).await?;
    let batches: BTreeSet<BatchId> = report
        .findings
        .iter()
        .filter_map(|finding| match finding.remedy {
            Remedy::Clean(batch) => Some(batch),
            _ => None,
        })
        .collect();
    if batches.is_empty() {
        return Ok(report);
    }
    for batch in batches {
        match remake(ctx, batch).await {
            Ok(said) => result(said)?,
            Err(error) => remark(format!(
                "Batch {batch} could not be cleaned again: {error:#}"
            )),
        }
    }
    Ok(tasador_integrity::verify(ctx).await?)
}

/// Makes the files of a batch again from its raw object.
async fn remake(ctx: &Context, batch: BatchId) -> anyhow::Result<String> {
    let Some(known) = ctx.registry.batch(&batch).await? else {
        anyhow::bail!("the registry does not know it");
    };
    let raw = ctx.lake.list(&tasador_ids::key::raw_prefix(&batch)).await?;
    let Some(raw) = raw.into_iter().next() else {
        anyhow::bail!("its raw object is missing");
    };
    let request = preprocess::Request {
        run_id: known.record.run,
        batch,
        key: raw.key,
        format: known.record.format,
    };
    let remade = ::preprocess::remake(&request, ctx)
        .await
        .map_err(|error| anyhow::anyhow!(chain(&error)))?;
    Ok(if remade.same {
        format!("Batch {batch} was cleaned again; its files are as recorded.")
    } else {
        format!(
            "Batch {batch} was cleaned again with other duplicates than before; its files have new hashes, which are recorded for later datasets."
        )
    })
}

fn print_report(report: &Report) -> anyhow::Result<ExitCode> {
    for finding in &report.findings {
        result(finding)?;
    }
    let Report {
        objects,
        size_bytes,
        runs,
        promotions,
        versions,
        decisions,
        ..
    } = report;
    result(format!(
        "Checked {objects} objects ({size_bytes} bytes), {runs} runs, {promotions} promotions, {versions} versions and {decisions} decisions: {}.",
        match report.findings.len() {
            0 => "everything holds".to_owned(),
            1 => "1 finding".to_owned(),
            count => format!("{count} findings"),
        }
    ))?;
    if report.without_hash > 0 {
        result(format!(
            "{} files that MLflow's clients or people stored have no hash, so they were read but not verified.",
            report.without_hash
        ))?;
    }
    Ok(match report.is_sound() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
