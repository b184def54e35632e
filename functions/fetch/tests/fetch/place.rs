//! Everything around the function, on separate loopback ports.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::post;
use fetch::{Request, Response, handle};
use serde_json::{Value, json};
use tasador_ids::{BatchId, RunId};
use tasador_registry::{Batch, Origin as How, Outcome, OutcomeKind};
use tasador_runtime::{Classify as _, Config, Context, ErrorClass, Failure, Interceptors};
use tasador_testing::secrets::Secrets;
use tasador_testing::source::Source;
use tasador_testing::stores::{Stores, serve};
use tempfile::TempDir;
use tokio::task::JoinSet;

pub(crate) struct Place {
    pub(crate) ctx: Context,
    pub(crate) source: Source,
    pub(crate) secrets: Secrets,
    /// The runs whose executions have not ended.
    pub(crate) running: Arc<Mutex<BTreeSet<String>>>,
    folder: TempDir,
    _stores: Stores,
    _servers: JoinSet<()>,
}

pub(crate) fn execution(run: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:execution:training:{run}")
}

/// DescribeExecution in AWS's JSON protocol: executions run, have failed, or were never heard of.
fn step_functions(running: Arc<Mutex<BTreeSet<String>>>) -> Router {
    let describe = move |body: String| {
        let running = running.lock().unwrap().clone();
        async move {
            let request: Value = serde_json::from_str(&body).unwrap();
            let arn = request["executionArn"].as_str().unwrap().to_owned();
            let run = arn.rsplit(':').next().unwrap();
            let refused = |kind: &str| {
                let body = json!({"__type": kind, "message": "no"}).to_string();
                (StatusCode::BAD_REQUEST, body).into_response()
            };
            match run {
                "forgotten" => refused("ExecutionDoesNotExist"),
                "secret" => refused("AccessDeniedException"),
                _ => {
                    let status = if running.contains(run) {
                        "RUNNING"
                    } else {
                        "FAILED"
                    };
                    json!({
                        "executionArn": arn, "status": status, "startDate": 1_767_225_600.0,
                        "stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:training",
                    })
                    .to_string()
                    .into_response()
                }
            }
        }
    };
    Router::new().route("/", post(describe))
}

impl Place {
    pub(crate) async fn new() -> Self {
        Self::with(Interceptors::new(), |_| ()).await
    }

    pub(crate) async fn with(interceptors: Interceptors, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut servers = JoinSet::new();

        let stores = Stores::start().await;
        let running = Arc::new(Mutex::new(BTreeSet::new()));
        let states = step_functions(Arc::clone(&running));
        let sfn = serve(&mut servers, states).await;

        let source = Source::start().await;
        let secrets = Secrets::start().await;
        let mut config = Config {
            source: Some(source.url().into()),
            spool_folder: Some(folder.path().join("spool")),
            ..Config::default()
        };
        config.fetch.files_allowed = true;
        config.fetch.read_timeout = Duration::from_secs(20);
        change(&mut config);
        let sdk = stores.sdk_config().into_builder().endpoint_url(sfn).build();
        let sdk = secrets.reached_by(&sdk);
        // Made without faults: the tables and the bucket are there before the function is.
        let plain = Context::new(config.clone(), &sdk);
        plain.lake.create_bucket().await.unwrap();
        plain.registry.create_tables().await.unwrap();
        Self {
            ctx: Context::intercepted(config, &sdk, &interceptors),
            source,
            secrets,
            running,
            folder,
            _stores: stores,
            _servers: servers,
        }
    }

    /// The same place with other settings, as after a new deployment.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut Config)) {
        let mut config = Config::clone(&self.ctx.config);
        change(&mut config);
        self.ctx.config = Arc::new(config);
    }

    /// A path of this place.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn fetch_with(&self, run: &str, input: Value) -> Result<Response, Failure> {
        handle(request(run, input), &self.ctx)
            .await
            .map_err(Failure::from)
    }

    pub(crate) async fn fetch(&self, run: &str) -> Result<Response, Failure> {
        self.fetch_with(run, json!({})).await
    }

    /// Fetches what must be a batch.
    pub(crate) async fn batch(&self, run: &str) -> Got {
        Got::from(self.fetch(run).await.unwrap())
    }

    /// Fetches what must be nothing; the reason's code and sentence.
    pub(crate) async fn nothing(&self, run: &str) -> (String, String) {
        match self.fetch(run).await.unwrap() {
            Response::NothingNew { reasons, .. } => {
                (reasons[0].code().to_owned(), reasons[0].sentence())
            }
            other => panic!("{other:?}"),
        }
    }

    /// Fetches what must fail; class and message.
    pub(crate) async fn failure(&self, run: &str) -> (ErrorClass, String) {
        let error = handle(request(run, json!({})), &self.ctx)
            .await
            .unwrap_err();
        let class = error.class();
        (class, Failure::from(error).message)
    }

    pub(crate) fn runs(&self, run: &str) {
        self.running.lock().unwrap().insert(run.to_owned());
    }

    pub(crate) fn ended(&self, run: &str) {
        self.running.lock().unwrap().remove(run);
    }

    /// The keys under a prefix.
    pub(crate) async fn keys(&self, prefix: &str) -> Vec<String> {
        let found = self.ctx.lake.list(prefix).await.unwrap();
        found
            .into_iter()
            .map(|object| object.key.to_string())
            .collect()
    }

    /// What lies in the spool folder.
    pub(crate) fn spooled(&self) -> usize {
        std::fs::read_dir(self.path("spool")).map_or(0, Iterator::count)
    }

    pub(crate) async fn known(&self, bytes: &[u8]) -> Option<Batch> {
        self.ctx.registry.batch(&BatchId::of(bytes)).await.unwrap()
    }

    /// Nothing is left of an answer that did not come in whole.
    pub(crate) async fn assert_nothing_kept(&self, note: &str) {
        assert_eq!(self.keys("").await, [""; 0], "{note}");
        assert_eq!(self.spooled(), 0, "{note}");
        assert_eq!(
            self.ctx.registry.open_batches().await.unwrap(),
            [],
            "{note}"
        );
    }

    /// These bytes are one batch: one object, one entry, no marker.
    pub(crate) async fn assert_one_batch(&self, bytes: &[u8], note: &str) {
        let id = BatchId::of(bytes);
        let keys = self.keys("").await;
        assert_eq!(keys.len(), 1, "{note}: {keys:?}");
        assert!(
            keys[0].starts_with(&format!("raw/{id}.")),
            "{note}: {keys:?}"
        );
        let stored = self.ctx.lake.get(&keys[0].parse().unwrap()).await.unwrap();
        assert_eq!(stored, bytes, "{note}");
        assert!(self.known(bytes).await.is_some(), "{note}");
        assert_eq!(self.spooled(), 0, "{note}");
    }

    /// Gives a run's batch its outcome.
    pub(crate) async fn record(&self, run: &str, batch: BatchId, kind: OutcomeKind) {
        let outcome: Outcome = serde_json::from_value(json!({
            "run": run, "kind": kind, "sentence": "So it is.", "batch": batch, "promoted": false,
            "model": self.ctx.config.model, "started_at": self.ctx.now(), "recorded_at": self.ctx.now(),
            "duration_ms": 1,
        }))
        .unwrap();
        assert!(
            self.ctx
                .registry
                .record_outcome(outcome)
                .await
                .unwrap()
                .outcome
                .settled
        );
    }
}

pub(crate) fn request(run: &str, input: Value) -> Request {
    let request = json!({"run_id": run, "execution": execution(run), "input": input});
    serde_json::from_value(request).unwrap()
}

/// A batch, as the state machine sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Got {
    pub(crate) batch: BatchId,
    pub(crate) key: String,
    pub(crate) format: String,
    pub(crate) source: String,
    pub(crate) origin: How,
    pub(crate) repeat: bool,
    pub(crate) size_bytes: u64,
}

impl From<Response> for Got {
    fn from(response: Response) -> Self {
        match response {
            Response::Batch(found) => Self {
                batch: found.batch,
                key: found.key.to_string(),
                format: found.format.to_string(),
                source: found.source,
                origin: found.origin,
                repeat: found.repeat,
                size_bytes: found.size_bytes,
            },
            nothing => panic!("{nothing:?}"),
        }
    }
}

pub(crate) fn run(name: &str) -> RunId {
    name.parse().unwrap()
}
