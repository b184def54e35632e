//! The whole system on its own folder, with a source that behaves as told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use local::cloud::{ChangeSdk, Cloud, Options, StartError};
use local::executions::Status;
use local::faults::Faults;
use local::folder::Folder;
use serde_json::{Value, json};
use tasador_access::{Scope, Token, TokenRecord};
use tasador_ids::RunId;
use tasador_registry::{InferenceRecord, Outcome, OutcomeKind};
use tasador_runtime::{Config, Context};
use tempfile::TempDir;

use tasador_testing::listings::Batch;
use tasador_testing::source::{Answer, Source};
use tasador_testing::transport::Transport;

/// The largest output of a state: states pass keys and small facts, never data.
const STATE_LIMIT_BYTES: usize = 16 * 1024;

/// A cloud, its folder and its source. All of it ends when this is dropped.
pub struct World {
    cloud: Option<Cloud>,
    config: Config,
    begun: Timestamp,
    require_tokens: bool,
    /// Where batches come from.
    pub source: Source,
    /// The faults that tasks and storage calls will meet.
    pub faults: Faults,
    /// The faults between its clients and the stores.
    pub transport: Option<Transport>,
    mlflow_ui: Option<PathBuf>,
    folder: TempDir,
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body.
    pub text: String,
}

impl Answered {
    /// The body where it is JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// A header as text; empty where it is absent.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

/// One execution that has ended.
#[derive(Debug)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// How Step Functions sees it.
    pub status: Status,
    /// Its events.
    pub events: Vec<Value>,
    /// Its entry in the history.
    pub outcome: Option<Outcome>,
}

/// Panics with the whole chain of an error: a test has no other use for it.
fn must<T, E: std::fmt::Debug>(result: Result<T, E>, what: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error:?}"),
    }
}

impl World {
    /// A new world. Only the linear candidate is tried unless `change` says otherwise: it is the
    /// quickest, and most tests are about something else.
    pub async fn new(change: impl FnOnce(&mut Config)) -> Self {
        Self::made(false, None, change).await
    }

    /// The same, where requests to the stores meet the faults of `transport`.
    pub async fn behind(transport: Transport, change: impl FnOnce(&mut Config)) -> Self {
        Self::made(false, Some(transport), change).await
    }

    /// The same, where every caller needs a token.
    pub async fn guarded(change: impl FnOnce(&mut Config)) -> Self {
        Self::made(true, None, change).await
    }

    async fn made(
        require_tokens: bool,
        transport: Option<Transport>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let source = Source::start().await;
        let mut config = Config {
            source: Some(source.url().into()),
            candidates: vec![tasador_ids::Algorithm::Linear],
            ..Config::default()
        };
        config.predict.champion_refresh = Duration::from_millis(50);
        change(&mut config);
        let mut world = Self {
            cloud: None,
            config,
            begun: Timestamp::now(),
            require_tokens,
            source,
            faults: Faults::default(),
            transport,
            mlflow_ui: None,
            folder: must(tempfile::tempdir(), "no folder for the test"),
        };
        world.start().await;
        world
    }

    async fn start(&mut self) {
        must(self.try_start().await, "the cloud does not start");
    }

    async fn try_start(&mut self) -> Result<(), StartError> {
        let folder = must(
            Folder::take(self.folder.path()).await,
            "the folder can't be taken",
        );
        let change_sdk = self.transport.clone().map(|transport| {
            let change: ChangeSdk = Box::new(move |sdk| transport.between(sdk));
            change
        });
        let options = Options {
            change_sdk,
            faults: self.faults.clone(),
            // Retries wait for milliseconds instead of seconds.
            hurry: true,
            require_tokens: self.require_tokens,
            mlflow_ui: self.mlflow_ui.clone(),
            ..Options::new(folder, self.config.clone())
        };
        // On the heap: a test's stack is small.
        self.cloud = Some(Box::pin(Cloud::start(options)).await?);
        Ok(())
    }

    /// Stops everything and starts it again on the same folder, with a changed configuration.
    pub async fn restart(&mut self, change: impl FnOnce(&mut Config)) {
        if let Some(cloud) = self.cloud.take() {
            cloud.stop().await;
        }
        change(&mut self.config);
        self.start().await;
    }

    /// The same, where it may not start.
    ///
    /// # Errors
    /// Why it does not start.
    pub async fn try_restart(&mut self) -> Result<(), StartError> {
        self.pause().await;
        self.try_start().await
    }

    /// Stops everything; [`restart`](Self::restart) starts it again.
    pub async fn pause(&mut self) {
        if let Some(cloud) = self.cloud.take() {
            cloud.stop().await;
        }
    }

    /// Starts everything again with the pages of an installed `mlflow`.
    pub async fn serve_mlflow_pages(&mut self, package: PathBuf) {
        self.mlflow_ui = Some(package);
        self.restart(|_| ()).await;
    }

    /// The running cloud.
    pub fn cloud(&self) -> &Cloud {
        self.cloud
            .as_ref()
            .unwrap_or_else(|| panic!("the cloud was stopped"))
    }

    /// What the functions run in.
    pub fn context(&self) -> &Context {
        self.cloud().context()
    }

    /// Lets the source deliver this batch next, and runs an execution.
    pub async fn deliver(&self, batch: &Batch) -> Run {
        self.source.then(Answer::Json(batch.api_json()));
        self.run(&json!({})).await
    }

    /// Runs an execution to its end.
    pub async fn run(&self, input: &Value) -> Run {
        let executions = self.cloud().executions();
        let started = must(
            executions.start(None, &input.to_string()),
            "no execution starts",
        );
        executions.idle().await;
        let execution = must(
            executions.describe(&started.name),
            "an execution is forgotten",
        );
        let events = must(
            executions.history(&started.name),
            "an execution has no history",
        );
        assert_states_are_small(&events);
        let id: RunId = must(started.name.parse(), "an execution's name is no run id");
        let outcome = must(
            self.context().registry.history_of(&id).await,
            "the history can't be read",
        );
        Run {
            id,
            status: execution.summary.status,
            events,
            outcome,
        }
    }

    /// Answers one HTTP request as the deployed functions would: status and JSON.
    pub async fn http(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let answer = self.asked(method, path, body, &[]).await;
        (answer.status, answer.json())
    }

    /// Answers one HTTP request with these headers. Redirections are not followed.
    pub async fn asked(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answered {
        let body = body.map(|body| ("application/json", body.to_string().into_bytes()));
        self.sent(method, path, body, headers).await
    }

    /// The same with a body of any type.
    pub async fn sent(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
        headers: &[(&str, &str)],
    ) -> Answered {
        let url = format!("{}{path}", self.cloud().endpoints().http);
        let stay = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().no_proxy().redirect(stay);
        let client = must(client.build(), "no HTTP client");
        let mut request = client.request(method, url);
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = must(request.send().await, "no answer");
        Answered {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: must(response.text().await, "no whole answer"),
        }
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a token with these scopes that lasts, and gives it in words.
    pub async fn token(&self, scopes: &[Scope]) -> String {
        self.token_with(scopes, |_| ()).await
    }

    /// Makes a token with these scopes whose record is changed before it is kept.
    pub async fn token_with(
        &self,
        scopes: &[Scope],
        change: impl FnOnce(&mut TokenRecord),
    ) -> String {
        let context = self.context();
        let Some(key) = &context.config.token_key else {
            panic!("the cloud has a key")
        };
        let token = Token::from_random(&rand::random());
        let scopes = scopes.iter().copied().collect();
        let mut record = TokenRecord::new(&token, key, scopes, context.now());
        change(&mut record);
        must(
            context.registry.add_token(&record).await,
            "a token is not kept",
        );
        token.reveal()
    }

    /// The entries of the inference log since this world began.
    pub async fn inferences(&self) -> Vec<InferenceRecord> {
        let registry = &self.context().registry;
        let (mut hour, now) = (self.begun, self.context().now());
        let mut found = Vec::new();
        // In UTC every hour begins at a multiple of 3,600 seconds.
        while hour.as_second() / 3_600 <= now.as_second() / 3_600 {
            let logged = registry.inferences_of_hour(hour).await;
            found.extend(must(logged, "the inference log can't be read"));
            hour += SignedDuration::from_hours(1);
        }
        found
    }

    /// Prices one listing.
    pub async fn price(&self, listing: &Value) -> (u16, Value) {
        self.http(reqwest::Method::POST, "/predict", Some(listing))
            .await
    }
}

impl Run {
    /// How it ended. Panics where nothing was recorded: every run is recorded.
    pub fn kind(&self) -> OutcomeKind {
        self.recorded().kind
    }

    /// Its entry in the history. Panics where there is none: every run is recorded.
    pub fn recorded(&self) -> &Outcome {
        self.outcome.as_ref().unwrap_or_else(|| {
            panic!(
                "run {} left no entry in the history: {:#?}",
                self.id,
                self.events.last()
            )
        })
    }

    /// Whether one of the reasons has this code.
    pub fn has_reason(&self, code: &str) -> bool {
        self.recorded()
            .reasons
            .iter()
            .any(|reason| reason.code() == code)
    }

    /// The codes and sentences of its reasons, for the message of an assertion.
    pub fn reasons(&self) -> String {
        let lines = self
            .recorded()
            .reasons
            .iter()
            .map(|reason| format!("{}: {}", reason.code(), reason.sentence()));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The states it went through, in order.
    pub fn path(&self) -> Vec<&str> {
        let entered = self
            .events
            .iter()
            .filter_map(|event| event.get("stateEnteredEventDetails"));
        entered
            .filter_map(|details| details.get("name")?.as_str())
            .collect()
    }
}

fn assert_states_are_small(events: &[Value]) {
    for details in events
        .iter()
        .filter_map(|event| event.get("stateExitedEventDetails"))
    {
        let size = details
            .get("output")
            .and_then(Value::as_str)
            .map_or(0, str::len);
        assert!(
            size < STATE_LIMIT_BYTES,
            "{}: {size} bytes",
            details.get("name").unwrap_or(&Value::Null)
        );
    }
}
