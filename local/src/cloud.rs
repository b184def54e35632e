//! The cloud in one process: S3 and DynamoDB on loopback ports, the functions, Step Functions and
//! Lambda on a third, everything kept in one data folder.
//!
//! On loopback it asks nobody for a token unless told to. Elsewhere it always does, and does not start
//! before there is one; AWS's protocols stay on loopback.
//!
//! The functions reach S3, DynamoDB and Step Functions through the network, with the same SDK
//! clients as on AWS: there is one code path, and only endpoints differ.

mod endpoints;
mod guard;
mod mlflow_ui;
mod ports;
mod server;
mod sites;
mod storage;
mod stores;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::config::SharedInterceptor;
use axum::Router;
use axum::middleware;
use jiff::Timestamp;
use tasador_access::{Scope, Scopes, TokenRecord, TokenStatus};
use tasador_http::with_not_found;
use tasador_integrity::Incomplete;
use tasador_runtime::{Config, Context};
use tasador_states::Machine;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use endpoints::{ACCOUNT, Endpoints, REGION};
pub use mlflow_ui::{MLFLOW_UI, NoPages};
pub use ports::{PortError, Ports};
pub use storage::StorageError;
pub use stores::Stores;

use crate::aws::{self, Verifier};
use crate::disk::Disk;
use crate::executions::{ExecutionError, Executions, Host};
use crate::faults::Faults;
use crate::folder::{Folder, FolderError, Server};
use crate::functions::Functions;
use crate::machine;
use crate::random;
use crate::schedule::{self, Schedule};
use guard::Guard;
use ports::Listeners;
use server::Site;
use sites::Names;
use storage::{Storage, stopped};

/// How long a stop waits for requests that are being answered.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Largest body of a request to the functions: a file sent to MLflow in one piece.
const BODY_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// A change of the configuration of all clients.
pub type ChangeSdk = Box<dyn FnOnce(SdkConfig) -> SdkConfig + Send>;

/// What a cloud is started with.
pub struct Options {
    /// Folder that keeps everything; held until the cloud stops.
    pub folder: Folder,
    /// Address at which the functions that answer HTTP are reached.
    pub address: IpAddr,
    /// Where to listen.
    pub ports: Ports,
    /// Whether callers need a token on loopback too.
    pub require_tokens: bool,
    /// Configuration of the functions.
    pub config: Config,
    /// Time between executions that start by themselves; none start where there is none.
    pub every: Option<Duration>,
    /// Time between compactions of the inference log; none are made where there is none.
    pub compact_every: Option<Duration>,
    /// The folder of an installed `mlflow`, whose pages are served; none where there is none.
    pub mlflow_ui: Option<PathBuf>,
    /// Faults on purpose at the tasks of the state machine and at every request to S3, DynamoDB and
    /// Step Functions, for tests.
    pub faults: Faults,
    /// Whether the waits between the tries of a task are cut short, for tests. They are wherever
    /// faults are planned.
    pub hurry: bool,
    /// Changes the configuration of all clients of AWS's services, for tests.
    pub change_sdk: Option<ChangeSdk>,
}

impl Options {
    /// A cloud on this folder with this configuration: free ports of loopback, no tokens wanted, no
    /// schedule, no faults.
    pub fn new(folder: Folder, config: Config) -> Self {
        Self {
            folder,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: Ports::Free,
            require_tokens: false,
            config,
            every: None,
            compact_every: None,
            mlflow_ui: None,
            faults: Faults::default(),
            hurry: false,
            change_sdk: None,
        }
    }
}

/// Why the cloud does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port is not ours.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A store does not start.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The bucket or the tables cannot be made.
    #[error("the bucket and the tables cannot be made")]
    Provision(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The bucket is there, and its registry is not.
    #[error("{reason}; restore the file dynamodb.sqlite, or rebuild the registry from the bucket with `tasador repair --data-dir {}`", .folder.display())]
    Registry { reason: Incomplete, folder: PathBuf },
    /// Bucket and registry cannot be compared.
    #[error(transparent)]
    Integrity(#[from] tasador_integrity::IntegrityError),
    /// Others could reach it, and nobody has a token.
    #[error(
        "others can reach {address}, so every caller needs a token, and there is none that is live; make one first, on the same data folder, with `tasador token create --scope admin`, or leave out --address"
    )]
    NoTokens {
        /// The address.
        address: IpAddr,
    },
    /// The tokens cannot be read, or none can be made.
    #[error("tokens cannot be checked")]
    Tokens(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The state machine's definition is refused; only a damaged build gets here.
    #[error("the state machine's definition is refused")]
    Definition(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There are no pages of MLflow where they should be.
    #[error(transparent)]
    Pages(#[from] NoPages),
    /// The journals cannot be read.
    #[error(transparent)]
    Executions(#[from] ExecutionError),
}

/// A running cloud. Dropping it ends it at once; [`Cloud::stop`] ends it in good order.
pub struct Cloud {
    endpoints: Endpoints,
    context: Context,
    executions: Executions,
    functions: Functions,
    folder: Folder,
    stop_http: watch::Sender<bool>,
    stop_storage: watch::Sender<bool>,
    storage: Storage,
    http: Vec<JoinHandle<()>>,
    schedules: Vec<JoinHandle<()>>,
}

impl Cloud {
    /// Starts everything, makes bucket and tables where they are missing, goes on with executions
    /// that had not ended, and announces itself in the data folder.
    ///
    /// # Errors
    /// [`StartError`], each with what to do about it; nothing is left running.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let Options {
            folder,
            address,
            ports,
            require_tokens,
            mut config,
            every,
            compact_every,
            mlflow_ui,
            faults,
            hurry,
            change_sdk,
        } = options;
        let bundle = mlflow_ui.as_deref().map(mlflow_ui::bundle).transpose()?;
        config.spool_folder.get_or_insert_with(|| folder.spool());
        // The one there is: a machine that the environment names is on AWS.
        config.state_machine = Some(machine::machine_arn());
        config.schedule = every.map(|every| format!("rate({} seconds)", every.as_secs().max(1)));
        config.schedule_start = every.map(|_| Timestamp::now());
        let is_guarded = require_tokens || !address.is_loopback();
        config.require_tokens = is_guarded;
        config.token_key = Some(folder.token_key()?);
        let Listeners { aws, s3, dynamodb } =
            Listeners::bind(ports, (!is_guarded).then_some(address)).await?;
        let mut endpoints = Endpoints {
            http: base_url(&aws),
            aws: base_url(&aws),
            s3: base_url(&s3),
            dynamodb: base_url(&dynamodb),
            access_key: folder.access_key()?,
        };
        let (stop_http, http_stopping) = watch::channel(false);
        let (stop_storage, storage_stopping) = watch::channel(false);
        let storage = Storage::start(
            &folder,
            &endpoints.access_key,
            &config.inferences_table,
            s3,
            dynamodb,
            &storage_stopping,
        )?;

        let source = config.source.as_ref();
        let source = source.map(|source| source.reveal().to_owned());
        let interceptors = vec![SharedInterceptor::new(faults.clone())];
        let sdk = endpoints.sdk_config();
        let sdk = match change_sdk {
            Some(change) => change(sdk),
            None => sdk,
        };
        let context = Context::intercepted(config, &sdk, &interceptors);
        provision(&context).await?;
        if let Some(reason) = Box::pin(tasador_integrity::incomplete(&context)).await? {
            let folder = folder.root().to_path_buf();
            return Err(StartError::Registry { reason, folder });
        }
        let public = if is_guarded {
            if !address.is_loopback() && !has_live_token(&context).await? {
                return Err(StartError::NoTokens { address });
            }
            let listener = ports::bind_http(address, ports).await?;
            endpoints.http = base_url(&listener);
            Some(listener)
        } else {
            None
        };

        let disk = Disk::new(folder.disk_check());
        let functions = Functions::hosted(&context, Some(Arc::new(move || disk.trouble())));
        let definition = machine::definition();
        let state_machine =
            Machine::parse(&definition).map_err(|error| StartError::Definition(error.into()))?;
        let host = Host::new(functions.clone(), faults, hurry);
        let executions = Executions::open(folder.executions(), definition, state_machine, host)?;

        let mut site = functions.http();
        if let Some(bundle) = bundle {
            site = site.merge(mlflow_ui::router(
                bundle,
                mlflow::for_pages(context.clone()),
            ));
        }
        let verifier = Verifier::new(endpoints.access_key.clone());
        let protocols = aws::router(executions.clone(), functions.clone(), verifier);
        let mut own_token = None;
        let mut http = Vec::new();
        match public {
            None => {
                let site = with_not_found(site.merge(protocols)).fallback(web::not_found);
                let site = site_of(site, Names::Loopback);
                http.push(server::serve(aws, site, stopped(http_stopping)));
            }
            Some(public) => {
                let (token, guard) = owner(&context)?;
                own_token = Some(token);
                let guarded = with_not_found(site)
                    .fallback(web::not_found)
                    .layer(middleware::from_fn_with_state(guard, guard::require_token));
                let site = site_of(guarded, Names::Any);
                http.push(server::serve(public, site, stopped(http_stopping.clone())));
                let site = site_of(with_not_found(protocols), Names::Loopback);
                http.push(server::serve(aws, site, stopped(http_stopping)));
            }
        }
        let runs = every.map(|every| tokio::spawn(Schedule::new(every, executions.clone()).keep()));
        let compactions = compact_every
            .map(|every| tokio::spawn(schedule::compactions(every, functions.clone())));
        let schedules = runs.into_iter().chain(compactions).collect();

        folder.announce(&Server {
            pid: std::process::id(),
            http: endpoints.http.clone(),
            aws: endpoints.aws.clone(),
            token: own_token,
            access_key: endpoints.access_key.clone(),
            s3: endpoints.s3.clone(),
            dynamodb: endpoints.dynamodb.clone(),
            source,
            started_at: executions.served_since(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })?;
        Ok(Self {
            endpoints,
            context,
            executions,
            functions,
            folder,
            stop_http,
            stop_storage,
            storage,
            http,
            schedules,
        })
    }

    /// Where it listens.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// What the functions run in.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The executions.
    pub fn executions(&self) -> &Executions {
        &self.executions
    }

    /// The functions.
    pub fn functions(&self) -> &Functions {
        &self.functions
    }

    /// The data folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Stops in good order: nothing new is begun, requests being answered are, executions go on at
    /// the next start.
    pub async fn stop(self) {
        self.folder.retract();
        for schedule in &self.schedules {
            schedule.abort();
        }
        self.executions.suspend();
        self.stop_http.send_replace(true);
        // A panic in the server task is reported by the runtime.
        let _ = tokio::time::timeout(STOP_TIMEOUT, futures::future::join_all(self.http)).await;
        // What was answered is counted, and the table that keeps the counters still answers.
        if let Err(error) = self.functions.pricing().flush().await {
            tracing::error!(
                "the last counters are lost: {}",
                tasador_runtime::chain(&error)
            );
        }
        self.stop_storage.send_replace(true);
        self.storage.ended(STOP_TIMEOUT).await;
    }
}

/// Makes the bucket and the tables where they are missing.
async fn provision(context: &Context) -> Result<(), StartError> {
    let bucket = context.lake.create_bucket().await;
    bucket.map_err(|error| StartError::Provision(error.into()))?;
    let tables = context.registry.create_tables().await;
    tables.map_err(|error| StartError::Provision(error.into()))
}

/// Whether anybody could be admitted.
async fn has_live_token(context: &Context) -> Result<bool, StartError> {
    let tokens = context.registry.tokens().await;
    let tokens = tokens.map_err(|error| StartError::Tokens(error.into()))?;
    let now = context.now();
    Ok(tokens
        .iter()
        .any(|token| token.status(now) == TokenStatus::Valid))
}

/// A token for the commands that attach to this process, and the guard that knows it.
fn owner(context: &Context) -> Result<(String, Guard), StartError> {
    let token = random::token().map_err(|error| StartError::Tokens(error.into()))?;
    let key = context.config.token_key.as_ref();
    let key = key.ok_or_else(|| StartError::Tokens("there is no key".into()))?;
    let scopes = Scopes::from_iter([Scope::Admin]);
    let record = TokenRecord::new(&token, key, scopes, context.now());
    Ok((token.reveal(), Guard::new(context.clone(), record)))
}

fn site_of(router: Router, names: Names) -> Site {
    Site {
        router: router.layer(middleware::from_fn(tasador_http::trace)),
        names,
        body_max_bytes: BODY_MAX_BYTES,
    }
}

/// Where this machine reaches a listener.
fn base_url(listener: &TcpListener) -> String {
    // A bound listener knows its address.
    let Ok(mut address) = listener.local_addr() else {
        return String::new();
    };
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}")
}
