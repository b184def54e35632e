//! `tasador history`: what became of each batch, and why.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::Global;
use super::rollback::remark_of_proposal;
use super::session::Session;
use crate::client::Client;
use crate::console::{remark, result};
use crate::table;

/// Entries asked for at once; `tracking` gives at most 200.
const PAGE: usize = 200;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Print JSON, one array of all entries, instead of a table
    #[arg(long)]
    json: bool,
    /// Show the last so many entries
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub(super) async fn run(global: &Global, options: Options) -> anyhow::Result<ExitCode> {
    let session = Session::open(global, None).await?;
    let outcomes = newest_first(session.client(), options.limit as usize).await;
    let proposal = remark_of_proposal(session.client()).await;
    session.close().await;
    let (mut outcomes, proposal) = (outcomes?, proposal?);
    if options.json {
        result(serde_json::to_string_pretty(&outcomes)?)?;
    } else if outcomes.is_empty() {
        remark(
            "Nothing has been run on this data folder yet; `tasador demo` or `tasador run --source …` changes that.",
        );
    } else {
        // A table is read from top to bottom, so the oldest stands first.
        outcomes.reverse();
        result(table::history(&outcomes, |_| None))?;
    }
    if let Some(proposal) = proposal {
        remark(proposal);
    }
    Ok(ExitCode::SUCCESS)
}

/// The last `limit` entries of the history, page by page.
pub(super) async fn newest_first(client: &Client, limit: usize) -> anyhow::Result<Vec<Value>> {
    let mut entries: Vec<Value> = Vec::new();
    let mut page = String::new();
    while entries.len() < limit {
        let wanted = (limit - entries.len()).min(PAGE);
        let answer = client
            .get(&format!("/history?limit={wanted}&page={page}"))
            .await?
            .success()?;
        entries.extend(
            answer
                .get("items")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
        );
        match answer.get("next").and_then(Value::as_str) {
            Some(next) => page = next.to_owned(),
            None => break,
        }
    }
    Ok(entries)
}
