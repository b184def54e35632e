//! `tasador run`: batch after batch through the state machine, until the source has no more.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

use super::session::Session;
use super::{Global, INTERRUPTED, interrupted};
use crate::client::{Client, Ran, Step};
use crate::console::{Progress, remark, result};
use tasador_flow::Language::English;
use tasador_runtime::SourceAddress;

/// A source that sends the same bytes over and over has nothing new, whatever it says.
const REPEATS_MAX: u32 = 3;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where listings come from: the URL of a data API, s3://bucket/key, or a file [default: TASADOR_SOURCE]
    #[arg(long, value_name = "URL|FILE")]
    source: Option<String>,
    /// Stop after this many batches [default: until the source has no more; 1 where it is a file]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    batches: Option<u32>,
    /// Process a stored batch again, by its id, instead of fetching one
    #[arg(long, value_name = "ID", conflicts_with_all = ["source", "batches"])]
    batch: Option<String>,
}

pub(super) async fn run(global: &Global, options: Options) -> anyhow::Result<ExitCode> {
    let session = Session::open(global, options.source.as_deref()).await?;
    let outcome = tokio::select! {
        outcome = batches(&session, &options) => outcome,
        () = interrupted() => {
            remark("Stopped; the run goes on where it was when the data folder is used again.");
            Ok(ExitCode::from(INTERRUPTED))
        }
    };
    session.close().await;
    outcome
}

async fn batches(session: &Session, options: &Options) -> anyhow::Result<ExitCode> {
    if options.batch.is_none() && session.source().is_none() {
        bail!(
            "there is no source to fetch from; give one with --source, such as --source 'http://127.0.0.1:8000/data?group_number=1' or --source listings.csv"
        );
    }
    let limit = match (options.batches, &options.batch, session.source()) {
        (Some(limit), _, _) => limit,
        (None, Some(_), _) => 1,
        (None, None, Some(source)) if has_cursor(source.reveal()) => u32::MAX,
        (None, None, _) => 1,
    };
    let input = match &options.batch {
        Some(batch) => json!({ "batch": batch }),
        None => session.input(),
    };
    let progress = Progress::new();
    for arn in session.resumed().await? {
        let doing = |state: &str| progress.doing(format!("what was interrupted: {state}"));
        result(report(&session.client().follow(&arn, doing).await?))?;
    }
    let mut repeats = 0;
    let mut failed = false;
    for number in 1..=limit {
        let ran = one(
            session.client(),
            &input,
            &format!("batch {number}"),
            &progress,
        )
        .await?;
        result(report(&ran))?;
        failed = !ran.is_finished();
        if columns_are_unusable(&ran.state) {
            failed = true;
            remark(format!(
                "Models cannot learn from these columns. `tasador check {}` shows what they are read as.",
                session
                    .source()
                    .map(SourceAddress::reveal)
                    .filter(|source| !source.contains("://"))
                    .unwrap_or("FILE"),
            ));
        }
        if failed || ran.outcome == "nothing_new" {
            break;
        }
        let repeat = ran.state.pointer("/fetch/repeat").and_then(Value::as_bool) == Some(true);
        repeats = if repeat { repeats + 1 } else { 0 };
        if repeats == REPEATS_MAX {
            remark(format!(
                "The source has sent batches that are known already {REPEATS_MAX} times in a row; stopping."
            ));
            break;
        }
    }
    progress.finish();
    if let Some(peak) = session.client().peak_memory_mib() {
        result(format!("Peak memory {peak} MiB."))?;
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Runs one execution and shows how far it is.
pub(super) async fn one(
    client: &Client,
    input: &Value,
    label: &str,
    progress: &Progress,
) -> anyhow::Result<Ran> {
    progress.doing(format!("{label}: starting"));
    client
        .run(input, |state| progress.doing(format!("{label}: {state}")))
        .await
}

/// Whether each answer of the source is another batch.
fn has_cursor(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

/// Whether the gate refused the batch because of its columns, such as one without a price.
fn columns_are_unusable(state: &Value) -> bool {
    let reasons = state.pointer("/gate/reasons").and_then(Value::as_array);
    reasons.is_some_and(|reasons| {
        let mut codes = reasons.iter().filter_map(|reason| reason.get("code"));
        codes.any(|code| code == "schema_unusable")
    })
}

/// What people read of one run.
pub(super) fn report(ran: &Ran) -> String {
    let batch = ran.state.pointer("/fetch/batch").and_then(Value::as_str);
    let batch = batch.map_or_else(String::new, |batch| {
        format!(" batch {}", batch.get(..12).unwrap_or(batch))
    });
    let mut text = format!("{}{batch}: {}", ran.outcome, ran.sentence);
    if let Some(rows) = ran.state.pointer("/preprocess/rows") {
        let count = |field: &str| {
            rows.get(field)
                .and_then(Value::as_u64)
                .map_or_else(|| "?".to_owned(), |rows| English.count(rows))
        };
        text.push_str(&format!(
            "\n  {} rows = {} clean + {} rejected + {} duplicates",
            count("raw"),
            count("clean"),
            count("rejected"),
            count("duplicates"),
        ));
    }
    text.push_str(&rejected(ran));
    if ran.outcome == "quarantined" {
        let id = ran.state.pointer("/fetch/batch").and_then(Value::as_str);
        let id = id.and_then(|id| id.get(..12)).unwrap_or("ID");
        text.push_str(&format!(
            "\n  To use it anyway: tasador batch release {id}; to discard it: tasador batch discard {id}"
        ));
    }
    let notices = ran.state.pointer("/gate/notices").and_then(Value::as_array);
    for notice in notices.into_iter().flatten() {
        if let Some(sentence) = notice.get("sentence").and_then(Value::as_str) {
            let printable = sentence.replace(char::is_control, "");
            text.push_str(&format!("\n  Notice: {printable}"));
        }
    }
    let recognised = ran.state.pointer("/preprocess/recognised");
    for sentence in recognised.and_then(Value::as_array).into_iter().flatten() {
        if let Some(sentence) = sentence.as_str() {
            let printable = sentence.replace(char::is_control, "");
            text.push_str(&format!("\n  {printable}"));
        }
    }
    let steps: Vec<String> = ran
        .steps
        .iter()
        .map(|Step { state, took }| format!("{state} {}", seconds(*took)))
        .collect();
    text.push_str(&format!(
        "\n  {} in all: {}",
        seconds(ran.took),
        steps.join(", ")
    ));
    text
}

/// How many rows were rejected for each reason, and how to see them.
fn rejected(ran: &Ran) -> String {
    let by_reason = ran.state.pointer("/preprocess/rejected_for");
    let Some(by_reason) = by_reason.and_then(Value::as_object) else {
        return String::new();
    };
    let counts: Vec<String> = by_reason
        .iter()
        .filter_map(|(reason, rows)| Some(format!("{} {reason}", English.count(rows.as_u64()?))))
        .collect();
    let batch = ran.state.pointer("/fetch/batch").and_then(Value::as_str);
    let batch = batch.and_then(|batch| batch.get(..12)).unwrap_or("ID");
    match counts.is_empty() {
        true => String::new(),
        false => format!(
            "\n  Rejected: {}; to see the rows: tasador batch rejected {batch}",
            counts.join(", ")
        ),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_without_a_price_fails_the_command() {
        let state =
            |code: &str| json!({"gate": {"reasons": [{"code": "too_few_rows"}, {"code": code}]}});
        assert!(columns_are_unusable(&state("schema_unusable")));
        assert!(!columns_are_unusable(&state("too_few_prices")));
        assert!(!columns_are_unusable(&json!({})));
    }

    #[test]
    fn a_report_says_outcome_rows_and_times() {
        let ran = Ran {
            run: "r".to_owned(),
            outcome: "skipped".to_owned(),
            sentence: "Fewer than 50 rows.".to_owned(),
            state: json!({"gate": {"notices": [{"sentence": "The batch has no column “bath”."}]}, "fetch": {"batch": "0123456789abcdef"}, "preprocess": {"rows": {"raw": 2000, "clean": 40, "rejected": 0, "duplicates": 1960}, "recognised": ["Column `beds` is read as `bed`.\u{1b}[0m"]}}),
            took: Duration::from_millis(1234),
            steps: vec![Step {
                state: "Fetch".to_owned(),
                took: Duration::from_millis(200),
            }],
        };
        assert_eq!(
            report(&ran),
            "skipped batch 0123456789ab: Fewer than 50 rows.\n  2,000 rows = 40 clean + 0 rejected + 1,960 duplicates\n  Notice: The batch has no column “bath”.\n  Column `beds` is read as `bed`.[0m\n  1.23 s in all: Fetch 0.20 s"
        );
    }
}
