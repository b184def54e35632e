//! `tasador rollback`: puts a former version back into production.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};

use super::Global;
use super::session::Session;
use crate::client::Client;
use crate::console::result;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The version that comes back [default: the one that is proposed, see `tasador history`]
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u32).range(1..))]
    to: Option<u32>,
    /// Why, in a sentence; it is recorded
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(super) async fn run(global: &Global, options: Options) -> anyhow::Result<ExitCode> {
    let session = Session::open(global, None).await?;
    let done = roll_back(session.client(), options).await;
    session.close().await;
    done
}

async fn roll_back(client: &Client, options: Options) -> anyhow::Result<ExitCode> {
    let model = client.get("/model").await?.success()?;
    let name = model.get("name").and_then(Value::as_str);
    let name = name.context("the answer of GET /model has no name")?;
    let (expected, to) = match (options.to, proposed(client).await?) {
        (Some(to), _) => (model.get("version").cloned(), Some(json!(to))),
        (None, Some(proposed)) => (
            proposed.get("version").cloned(),
            proposed.get("to").cloned(),
        ),
        (None, None) => bail!("no rollback is proposed; give --to VERSION"),
    };
    let body = json!({"expected": expected, "to": to, "reason": options.reason});
    let path = format!("/models/{name}/rollback");
    let event = client.post(&path, serde_json::to_vec(&body)?).await?;
    let event = event.success()?;
    let number = |field: &str| event.get(field).map(Value::to_string).unwrap_or_default();
    result(format!(
        "Version {} is in production again, in place of version {}.",
        number("version"),
        number("previous")
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The rollback that waits for a person, as `GET /performance` has it.
async fn proposed(client: &Client) -> anyhow::Result<Option<Value>> {
    let answer = client.get("/performance").await?.success()?;
    let all = answer.get("proposed_rollbacks").and_then(Value::as_array);
    let open = |it: &&Value| it.get("state").and_then(Value::as_str) == Some("open");
    Ok(all.and_then(|all| all.iter().find(open)).cloned())
}

/// What `tasador history` says of it.
pub(super) async fn remark_of_proposal(client: &Client) -> anyhow::Result<Option<String>> {
    Ok(proposed(client).await?.map(|it| {
        let number = |field: &str| it.get(field).map(Value::to_string).unwrap_or_default();
        let percent = |field: &str| {
            let share = it.get(field).and_then(Value::as_f64).unwrap_or(f64::NAN);
            format!("{:.1} %", share * 100.0)
        };
        format!(
            "A rollback to version {to} is proposed: by {} sales, the prices of version {} are wrong by {} (median), {} was \
             expected, and version {to} had {}. `tasador rollback` accepts it.",
            number("sales"),
            number("version"),
            percent("served_error"),
            percent("promised_error"),
            percent("former_error"),
            to = number("to"),
        )
    }))
}
