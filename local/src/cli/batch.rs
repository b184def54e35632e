//! `tasador batch` and `tasador property`: what a person decides about data that was received.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Global;
use super::history::newest_first;
use super::run::report;
use super::session::Session;
use crate::client::Client;
use crate::console::{Progress, remark, result};
use crate::machine::execution_arn;

/// Entries of the history that are searched for the beginning of an id.
const SEARCHED: usize = 2_000;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Show a batch, and what people decided about it, as JSON
    Show(Batch),
    /// Print the rejected rows of a batch as CSV, each with its reason
    Rejected(Batch),
    /// Let a batch in quarantine, or a withdrawn one, be judged again as if it were sound
    Release(Decision),
    /// Keep a batch in quarantine out of datasets permanently
    Discard(Decision),
    /// Leave the rows of a batch out of later datasets, and replace the model that learned from them
    Withdraw(Decision),
}

#[derive(Debug, Args)]
pub(super) struct Batch {
    /// The batch: its id, or the beginning of it as `tasador history` shows it
    #[arg(value_name = "ID")]
    batch: String,
}

#[derive(Debug, Args)]
pub(super) struct Decision {
    #[command(flatten)]
    batch: Batch,
    /// Why, in a sentence; it is recorded
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum PropertyAction {
    /// Leave the rows of a property out of later datasets, and replace the model that learned from them
    Withdraw(Property),
}

#[derive(Debug, Args)]
pub(super) struct Property {
    /// The key of the property: 32 hexadecimal digits, the column `property_key` of clean files
    #[arg(value_name = "KEY")]
    property: String,
    /// Why, in a sentence; it is recorded
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(super) async fn run(global: &Global, action: Action) -> anyhow::Result<ExitCode> {
    let session = Session::open(global, None).await?;
    let done = act(session.client(), action).await;
    session.close().await;
    done
}

pub(super) async fn property(global: &Global, action: PropertyAction) -> anyhow::Result<ExitCode> {
    let PropertyAction::Withdraw(Property { property, reason }) = action;
    let session = Session::open(global, None).await?;
    let path = format!("/properties/{property}/withdraw");
    let done = decide(session.client(), &path, reason).await;
    session.close().await;
    done
}

async fn act(client: &Client, action: Action) -> anyhow::Result<ExitCode> {
    match action {
        Action::Show(Batch { batch }) => {
            let batch = whole(client, &batch).await?;
            let answer = client.get(&format!("/batches/{batch}")).await?.success()?;
            result(serde_json::to_string_pretty(&answer)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Rejected(Batch { batch }) => {
            let batch = whole(client, &batch).await?;
            let path = format!("/batches/{batch}/rejected");
            match client.get(&path).await?.success()? {
                Value::String(csv) => result(csv.trim_end())?,
                other => result(other.to_string())?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Action::Release(decision) => of_batch(client, "release", decision).await,
        Action::Discard(decision) => of_batch(client, "discard", decision).await,
        Action::Withdraw(decision) => of_batch(client, "withdraw", decision).await,
    }
}

async fn of_batch(client: &Client, action: &str, decision: Decision) -> anyhow::Result<ExitCode> {
    let batch = whole(client, &decision.batch.batch).await?;
    decide(
        client,
        &format!("/batches/{batch}/{action}"),
        decision.reason,
    )
    .await
}

/// Takes a decision, and follows the run that acts on it to its end.
async fn decide(client: &Client, path: &str, reason: Option<String>) -> anyhow::Result<ExitCode> {
    let body = json!({ "reason": reason });
    let body = serde_json::to_vec(&body)?;
    let decided = client.post(path, body).await?.success()?;
    let text = |field: &str| decided.get(field).and_then(Value::as_str).unwrap_or("?");
    let what = match decided.get("action").and_then(Value::as_str) {
        Some("release") => format!("Released batch {}", text("batch")),
        Some("discard") => format!("Discarded batch {}", text("batch")),
        Some("withdraw") => format!("Withdrew batch {}", text("batch")),
        _ => format!("Withdrew property {}", text("property")),
    };
    result(format!(
        "{what}: recorded at {} by {}.",
        text("at"),
        text("by")
    ))?;
    let Some(run) = decided.get("run").and_then(Value::as_str) else {
        if decided.get("action").and_then(Value::as_str) != Some("discard") {
            remark("No run was started; the next one acts on it.");
        }
        return Ok(ExitCode::SUCCESS);
    };
    let progress = Progress::new();
    let doing = |state: &str| progress.doing(format!("run: {state}"));
    let ran = client.follow(&execution_arn(run), doing).await?;
    progress.finish();
    result(report(&ran))?;
    Ok(if ran.is_finished() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The id that begins so.
async fn whole(client: &Client, text: &str) -> anyhow::Result<String> {
    const ID_DIGITS: usize = 64;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("`{text}` is not the id of a batch; `tasador history` shows ids");
    }
    if text.len() >= ID_DIGITS {
        return Ok(text.to_owned());
    }
    let entries = newest_first(client, SEARCHED).await?;
    let mut found: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry.get("batch").and_then(Value::as_str))
        .filter(|batch| batch.starts_with(text))
        .collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => bail!("no batch of the last {SEARCHED} runs begins with {text}; give the whole id"),
        several => bail!(
            "{} batches begin with {text}; give more digits of the id",
            several.len()
        ),
    }
}
