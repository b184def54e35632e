//! A client of a running local cloud, in this process or another: what every command but `up` and
//! `source` does its work through. It speaks HTTP and AWS's protocol only, as any other client would.

mod steps;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sfn::config::timeout::TimeoutConfig;
use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use serde_json::Value;

pub use steps::{Step, steps};

use crate::aws::SfnError;
use crate::cloud::Endpoints;
use crate::machine::machine_arn;

/// How often a running execution is asked how far it is. One question costs well under a
/// millisecond on loopback.
const POLL_INTERVAL: Duration = Duration::from_millis(40);

/// How long an answer may take. A process that was stopped, or is out of memory, accepts connections and
/// never answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A client of one cloud.
#[derive(Debug, Clone)]
pub struct Client {
    endpoints: Endpoints,
    /// Process that serves, for its memory.
    pid: u32,
    /// What the HTTP functions are shown, where they require a token.
    token: Option<String>,
    http: reqwest::Client,
    sfn: aws_sdk_sfn::Client,
}

/// What came of one execution.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Name of the execution, which is the run id.
    pub run: String,
    /// `promoted`, `rejected`, `skipped`, `quarantined`, `nothing_new`, `failed`, or another end in lower case.
    pub outcome: String,
    /// The sentence recorded in the history; where nothing was recorded, the error.
    pub sentence: String,
    /// Last state document; null where the execution failed.
    pub state: Value,
    /// Time from start to stop.
    pub took: Duration,
    /// What each step took, in order.
    pub steps: Vec<Step>,
}

/// An answer of one of the HTTP functions.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Body; JSON where it is JSON, text otherwise.
    pub body: Value,
}

impl Client {
    /// A client of the cloud at `endpoints`, which process `pid` serves.
    ///
    /// # Errors
    /// Where the system gives no HTTP client its sockets.
    pub fn new(endpoints: Endpoints, pid: u32) -> anyhow::Result<Self> {
        Self::with_timeout(endpoints, pid, ANSWER_TIMEOUT)
    }

    fn with_timeout(endpoints: Endpoints, pid: u32, timeout: Duration) -> anyhow::Result<Self> {
        // Loopback is never behind the proxy that the environment may name.
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(timeout)
            .build()
            .context("no HTTP client")?;
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(timeout);
        let sdk = endpoints.sdk_config().into_builder();
        let sfn = aws_sdk_sfn::Client::new(&sdk.timeout_config(timeouts.build()).build());
        Ok(Self {
            endpoints,
            pid,
            token: None,
            http,
            sfn,
        })
    }

    /// With a token for the HTTP functions.
    pub fn with_token(self, token: Option<String>) -> Self {
        Self { token, ..self }
    }

    /// Where the cloud listens.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Runs one execution to its end. `doing` hears the name of each state as it is entered.
    ///
    /// # Errors
    /// Where the cloud does not answer any more; a run that fails is an [`Ran`] that says so.
    pub async fn run(&self, input: &Value, doing: impl FnMut(&str)) -> anyhow::Result<Ran> {
        let started = self
            .sfn
            .start_execution()
            .state_machine_arn(machine_arn())
            .input(input.to_string())
            .send()
            .await
            .map_err(|error| self.failed(error))?;
        self.follow(started.execution_arn(), doing).await
    }

    /// ARNs of the executions that have not ended, the oldest first.
    ///
    /// # Errors
    /// Where the cloud does not answer any more.
    pub async fn running(&self) -> anyhow::Result<Vec<String>> {
        let mut pages = self
            .sfn
            .list_executions()
            .state_machine_arn(machine_arn())
            .status_filter(ExecutionStatus::Running)
            .into_paginator()
            .send();
        let mut arns = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.with_context(|| self.gone())?;
            arns.extend(
                page.executions
                    .into_iter()
                    .map(|execution| execution.execution_arn),
            );
        }
        arns.reverse();
        Ok(arns)
    }

    /// Why a request failed. What the cloud says of a full disk is said as it is.
    fn failed<E>(&self, error: E) -> anyhow::Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match (error.code(), error.message()) {
            (Some(SfnError::INSUFFICIENT_STORAGE), Some(message)) => anyhow::anyhow!("{message}"),
            _ => anyhow::Error::new(error).context(self.gone()),
        }
    }

    /// Puts a file into the bucket, where fetch looks for files that people bring, and gives its key.
    ///
    /// # Errors
    /// Where the file cannot be read or the cloud does not take it.
    pub async fn upload(&self, bucket: &str, file: &Path) -> anyhow::Result<String> {
        let key = format!("drop/{}", object_name(file));
        let body = ByteStream::from_path(file)
            .await
            .with_context(|| format!("{} cannot be read", file.display()))?;
        let sdk = self.endpoints.sdk_config();
        let config = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true);
        aws_sdk_s3::Client::from_conf(config.build())
            .put_object()
            .bucket(bucket)
            .key(&key)
            .body(body)
            .send()
            .await
            .with_context(|| format!("{} cannot be stored in {bucket}", file.display()))?;
        Ok(key)
    }

    fn gone(&self) -> String {
        format!("a request to the cloud at {} failed", self.endpoints.http)
    }

    /// Follows an execution to its end, as [`Self::run`] does.
    ///
    /// # Errors
    /// Where the cloud does not answer any more, or knows no such execution.
    pub async fn follow(&self, arn: &str, mut doing: impl FnMut(&str)) -> anyhow::Result<Ran> {
        let gone = || self.gone();
        let mut entered = String::new();
        let ended = loop {
            let now = self
                .sfn
                .describe_execution()
                .execution_arn(arn)
                .send()
                .await
                .map_err(|error| self.failed(error))?;
            if *now.status() != ExecutionStatus::Running {
                break now;
            }
            let last = self
                .sfn
                .get_execution_history()
                .execution_arn(arn)
                .reverse_order(true)
                .include_execution_data(false)
                .max_results(10)
                .send()
                .await
                .with_context(gone)?;
            if let Some(state) = last
                .events()
                .iter()
                .find_map(|event| Some(event.state_entered_event_details()?.name()))
                && state != entered
            {
                state.clone_into(&mut entered);
                doing(state);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        };
        let events = self.history(arn).await.with_context(gone)?;
        let state: Value = ended
            .output()
            .and_then(|output| serde_json::from_str(output).ok())
            .unwrap_or_default();
        let record = last_record(&state, &events);
        let text = |field: &str| record.get(field).and_then(Value::as_str).map(str::to_owned);
        let outcome =
            text("outcome").unwrap_or_else(|| ended.status().as_str().to_ascii_lowercase());
        let sentence = text("sentence").unwrap_or_else(|| {
            [ended.error(), ended.cause()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(": ")
        });
        let took = match (
            ended.start_date().to_millis(),
            ended.stop_date().map(|date| date.to_millis()),
        ) {
            (Ok(start), Some(Ok(stop))) => {
                Duration::from_millis(u64::try_from(stop - start).unwrap_or_default())
            }
            _ => Duration::ZERO,
        };
        Ok(Ran {
            run: ended.name().unwrap_or_default().to_owned(),
            outcome,
            sentence,
            state,
            took,
            steps: steps(&events),
        })
    }

    async fn history(&self, arn: &str) -> Result<Vec<HistoryEvent>, aws_sdk_sfn::Error> {
        let mut pages = self
            .sfn
            .get_execution_history()
            .execution_arn(arn)
            .into_paginator()
            .send();
        let mut events = Vec::new();
        while let Some(page) = pages.next().await {
            events.extend(page?.events);
        }
        Ok(events)
    }

    /// `GET` of one of the HTTP functions.
    ///
    /// # Errors
    /// Where the cloud does not answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.endpoints.http);
        self.answer(self.http.get(url)).await
    }

    /// `POST` of JSON to one of the HTTP functions.
    ///
    /// # Errors
    /// Where the cloud does not answer.
    pub async fn post(&self, path: &str, body: Vec<u8>) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.endpoints.http);
        self.answer(
            self.http
                .post(url)
                .header("content-type", "application/json")
                .body(body),
        )
        .await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.with_context(|| {
            format!(
                "nothing answers at {}; see whether its process still runs",
                self.endpoints.http
            )
        })?;
        let status = response.status().as_u16();
        let bytes = response
            .bytes()
            .await
            .context("the answer was cut off; try again")?;
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Answer { status, body })
    }

    /// Most memory that the serving process has held, in MiB; `None` where the system does not say.
    pub fn peak_memory_mib(&self) -> Option<u64> {
        peak_memory_mib(self.pid)
    }
}

/// The name of a file with characters that every store takes; its end says what it contains.
fn object_name(file: &Path) -> String {
    const CHARS: usize = 80;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let safe: Vec<char> = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let surplus = safe.len().saturating_sub(CHARS);
    safe.into_iter().skip(surplus).collect()
}

/// Most memory that a process has held, in MiB; `None` where the system does not say.
pub fn peak_memory_mib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024)
}

impl Ran {
    /// Whether it came to an outcome other than a failure.
    pub fn is_finished(&self) -> bool {
        matches!(
            self.outcome.as_str(),
            "promoted" | "rejected" | "skipped" | "quarantined" | "nothing_new"
        )
    }
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    /// The problem that the cloud reports, in its own words.
    pub fn success(self) -> anyhow::Result<Value> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        let said = |field: &str| self.body.get(field).and_then(Value::as_str);
        let mut text = said("detail")
            .or_else(|| said("title"))
            .unwrap_or("no reason was given")
            .to_owned();
        for error in self
            .body
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let part = |field: &str| error.get(field).and_then(Value::as_str).unwrap_or_default();
            text.push_str(&format!("; {}: {}", part("field"), part("reason")));
        }
        bail!("{text} (HTTP {})", self.status)
    }
}

/// The answer of `record`: in the last state document, or, where the execution failed after it was
/// recorded, in the history of its states.
fn last_record(state: &Value, events: &[HistoryEvent]) -> Value {
    if let Some(record) = state.get("record") {
        return record.clone();
    }
    events
        .iter()
        .rev()
        .filter_map(|event| event.state_exited_event_details()?.output())
        .filter_map(|output| serde_json::from_str::<Value>(output).ok())
        .find_map(|output| output.get("record").cloned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::AccessKey;

    #[test]
    fn an_uploaded_file_keeps_its_name_as_far_as_stores_take_it() {
        let long = format!("{}.csv", "x".repeat(200));
        for (file, name) in [
            ("/data/may.csv.gz", "may.csv.gz"),
            ("ventas año 2.csv", "ventas_a_o_2.csv"),
            (long.as_str(), &long[124..]),
        ] {
            assert_eq!(object_name(Path::new(file)), name);
        }
    }

    #[tokio::test]
    async fn a_process_that_does_not_answer_is_given_up() {
        // The system accepts connections for a listener whose process does nothing.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", silent.local_addr().unwrap());
        let endpoints = Endpoints {
            http: base.clone(),
            aws: base.clone(),
            s3: base.clone(),
            dynamodb: base,
            access_key: AccessKey::new("id", "secret"),
        };
        let client = Client::with_timeout(endpoints, 1, Duration::from_millis(50)).unwrap();
        let error = client.get("/history").await.unwrap_err().to_string();
        assert!(error.contains("answers"), "{error}");
        let error = client.running().await.unwrap_err().to_string();
        assert!(error.contains("failed"), "{error}");
    }
}
