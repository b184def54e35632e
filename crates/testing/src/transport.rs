//! Faults between AWS clients and their services, by plan: what networks, busy services, full disks and the
//! end of a process do to a request. They strike below the clients, so the clients' retries are tested too.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient as _, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_types::sdk_config::SdkConfig;
use futures::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::sync::watch;

use crate::faults::{HttpRequest, Side};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It fails for good: the client does not repeat it.
    Fail(Side),
    /// The connection breaks: the client repeats it.
    Break(Side),
    /// No answer arrives in time, but the effect does: the client repeats it.
    TimeOut,
    /// The service has too many requests.
    Throttle,
    /// The answer arrives late, after those of requests that were sent later.
    Delay,
    /// The request is delivered twice; the second answer counts.
    Twice,
    /// The answer's body ends in the middle.
    Cut,
    /// The service's disk is full: from here on all writes fail.
    Full,
    /// The process ends, by itself or with the power: this request and all later ones get no answer.
    End(Side),
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Fail(Side::Before),
        Self::Fail(Side::After),
        Self::Break(Side::Before),
        Self::Break(Side::After),
        Self::TimeOut,
        Self::Throttle,
        Self::Delay,
        Self::Twice,
        Self::Cut,
        Self::Full,
        Self::End(Side::Before),
        Self::End(Side::After),
    ];
}

/// A fault that strikes requests of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub fault: Fault,
    /// An operation in the words of `operation`.
    pub operation: &'static str,
    /// Which request of it is the first to be struck, from 1.
    pub nth: u32,
    /// How many are struck in a row. A client sends a request four times.
    pub times: u32,
}

/// What stands between the clients and their services. Cloning shares it.
#[derive(Clone, Default)]
pub struct Transport {
    state: Arc<Mutex<State>>,
    has_ended: watch::Sender<bool>,
    is_released: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    planned: Vec<Planned>,
    struck: Vec<(Fault, &'static str)>,
    counts: BTreeMap<&'static str, u32>,
    is_full: bool,
    /// Requests of the clients of an earlier process get no answer.
    process: u32,
}

/// A client's sleeps between two tries are this many times shorter.
const HURRY: u32 = 200;

impl Transport {
    /// Adds a fault.
    pub fn plan(&self, planned: Planned) {
        self.lock().planned.push(planned);
    }

    /// Forgets what is planned, and gives the disk space.
    pub fn clear(&self) {
        self.lock().planned.clear();
        self.free_space();
    }

    /// Gives the disk space.
    pub fn free_space(&self) {
        self.lock().is_full = false;
    }

    /// Begins a new process after one that has ended.
    pub fn begin_process(&self) {
        self.lock().process += 1;
        self.has_ended.send_replace(false);
    }

    /// What has struck, in order.
    pub fn struck(&self) -> Vec<(Fault, &'static str)> {
        self.lock().struck.clone()
    }

    /// Requests so far by operation.
    pub fn counts(&self) -> BTreeMap<&'static str, u32> {
        self.lock().counts.clone()
    }

    /// Resolves when the process of the clients has ended.
    pub async fn ended(&self) {
        // The sender is part of `self`.
        let _ = self.has_ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Whether the process of the clients has ended.
    pub fn has_ended(&self) -> bool {
        *self.has_ended.borrow()
    }

    /// Fails the requests of processes that have ended, so that their tasks let go of what they hold.
    pub fn release_ended(&self) {
        self.is_released.send_replace(true);
    }

    /// The configuration of the process's clients. They wait little before they repeat a request.
    ///
    /// # Panics
    /// If `config` has no HTTP client.
    pub fn between(&self, config: SdkConfig) -> SdkConfig {
        let process = self.lock().process;
        let client: SharedHttpClient = config.http_client().unwrap();
        let transport = self.clone();
        let faulty = http_client_fn(move |_, components| {
            // Without time-outs: they would be as short as the sleeps.
            let settings = HttpConnectorSettings::builder().build();
            SharedHttpConnector::new(Connector {
                inner: client.http_connector(&settings, components),
                transport: transport.clone(),
                process,
            })
        });
        config
            .into_builder()
            .http_client(faulty)
            .sleep_impl(SharedAsyncSleep::new(Hurried))
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build()
    }

    fn next(&self, operation: &'static str) -> Option<Fault> {
        let mut state = self.lock();
        *state.counts.entry(operation).or_default() += 1;
        let of_this = |planned: &&mut Planned| planned.operation == operation;
        let mut found = None;
        for planned in state.planned.iter_mut().filter(of_this) {
            if planned.nth > 1 {
                planned.nth -= 1;
            } else if planned.times > 0 && found.is_none() {
                planned.times -= 1;
                found = Some(planned.fault);
            }
        }
        if found == Some(Fault::Full) {
            state.is_full = true;
        }
        let fault = found.or((state.is_full && is_write(operation)).then_some(Fault::Full))?;
        state.struck.push((fault, operation));
        Some(fault)
    }

    fn end(&self) {
        self.has_ended.send_replace(true);
    }

    /// What a request of a process that has ended gets: nothing, until [`Self::release_ended`].
    async fn silence(&self) -> Result<HttpResponse, ConnectorError> {
        // The sender is part of `self`.
        let _ = self.is_released.subscribe().wait_for(|is| *is).await;
        Err(ConnectorError::other("the process has ended".into(), None))
    }

    fn is_over(&self, process: u32) -> bool {
        self.has_ended() || self.lock().process != process
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

#[derive(Debug, Clone)]
struct Connector {
    inner: SharedHttpConnector,
    transport: Transport,
    process: u32,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            if this.transport.is_over(this.process) {
                return this.transport.silence().await;
            }
            let answer = this.answer(request).await;
            if this.transport.is_over(this.process) {
                return this.transport.silence().await;
            }
            answer
        })
    }
}

impl Connector {
    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let operation = operation(&request);
        let fault = self.transport.next(operation);
        let planned = || "a fault on purpose".into();
        match fault {
            None => self.inner.call(request).await,
            Some(Fault::Fail(Side::Before)) => Err(ConnectorError::other(planned(), None)),
            Some(Fault::Fail(Side::After)) => {
                self.take_effect(request).await;
                Err(ConnectorError::other(planned(), None))
            }
            Some(Fault::Break(Side::Before)) => Err(ConnectorError::io(planned())),
            Some(Fault::Break(Side::After)) => {
                self.take_effect(request).await;
                Err(ConnectorError::io(planned()))
            }
            Some(Fault::TimeOut) => {
                self.take_effect(request).await;
                Err(ConnectorError::timeout(planned()))
            }
            Some(Fault::Throttle) => Ok(refusal(&request, Refusal::Throttled)),
            Some(Fault::Full) => Ok(refusal(&request, Refusal::DiskFull)),
            Some(Fault::Delay) => {
                let answer = self.inner.call(request).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
                answer
            }
            Some(Fault::Twice) => {
                if let Some(copy) = request.try_clone() {
                    self.take_effect(copy).await;
                }
                self.inner.call(request).await
            }
            Some(Fault::Cut) => {
                let mut answer = self.inner.call(request).await?;
                let body = ByteStream::new(answer.take_body()).collect().await;
                let body = body.map_err(|error| ConnectorError::io(error.into()))?;
                let mut body = body.into_bytes();
                body.truncate(body.len() / 2);
                let cut = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
                let pieces = stream::iter([Ok(Frame::data(body)), Err(cut)]);
                *answer.body_mut() = SdkBody::from_body_1_x(StreamBody::new(pieces));
                Ok(answer)
            }
            Some(Fault::End(side)) => {
                if side == Side::After {
                    self.take_effect(request).await;
                }
                self.transport.end();
                self.transport.silence().await
            }
        }
    }

    /// Sends a request whose answer nobody gets.
    async fn take_effect(&self, request: HttpRequest) {
        if let Ok(mut answer) = self.inner.call(request).await {
            let _ = ByteStream::new(answer.take_body()).collect().await;
        }
    }
}

enum Refusal {
    Throttled,
    DiskFull,
}

fn refusal(request: &HttpRequest, refusal: Refusal) -> HttpResponse {
    let is_s3 = request.headers().get("x-amz-target").is_none();
    let (status, code) = match (refusal, is_s3) {
        (Refusal::Throttled, true) => (503, "SlowDown"),
        (Refusal::Throttled, false) => (400, "ThrottlingException"),
        (Refusal::DiskFull, true) => (507, "InsufficientStorage"),
        (Refusal::DiskFull, false) => (500, "InternalServerError"),
    };
    let body = if is_s3 {
        format!("<Error><Code>{code}</Code><Message>on purpose</Message></Error>")
    } else {
        format!(r#"{{"__type":"{code}","message":"on purpose"}}"#)
    };
    HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
}

/// The operations that are told apart.
pub const OPERATIONS: [&str; 18] = [
    "GetObject",
    "HeadObject",
    "ListObjectsV2",
    "PutObject",
    "DeleteObject",
    "CreateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
    "GetItem",
    "BatchGetItem",
    "Query",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "TransactWriteItems",
    "TransactGetItems",
    "StartExecution",
];

fn is_write(operation: &str) -> bool {
    let reads = [
        "Get",
        "BatchGet",
        "TransactGet",
        "Head",
        "List",
        "Query",
        "Delete",
        "Other",
    ];
    !reads.iter().any(|read| operation.starts_with(read))
}

/// The operation that a request asks for; `Other` if it is none of [`OPERATIONS`].
fn operation(request: &HttpRequest) -> &'static str {
    let name = match request.headers().get("x-amz-target") {
        Some(target) => target.rsplit('.').next().unwrap_or_default(),
        None => operation_of_s3(request),
    };
    let known = OPERATIONS.iter().find(|known| **known == name);
    known.copied().unwrap_or("Other")
}

fn operation_of_s3(request: &HttpRequest) -> &'static str {
    let query = request.uri().split_once('?').map_or("", |(_, query)| query);
    let has = |name: &str| {
        query
            .split('&')
            .any(|pair| pair.split('=').next() == Some(name))
    };
    match request.method() {
        "HEAD" => "HeadObject",
        "GET" if has("list-type") => "ListObjectsV2",
        "GET" => "GetObject",
        "PUT" if has("partNumber") => "UploadPart",
        "PUT" => "PutObject",
        "POST" if has("uploads") => "CreateMultipartUpload",
        "POST" if has("uploadId") => "CompleteMultipartUpload",
        "DELETE" => "DeleteObject",
        _ => "Other",
    }
}

#[derive(Debug)]
struct Hurried;

impl AsyncSleep for Hurried {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(tokio::time::sleep(duration / HURRY))
    }
}
