//! What a handler works with.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use aws_sdk_s3::config::SharedInterceptor;
use aws_types::SdkConfig;
use jiff::Timestamp;
use tasador_access::HashKey;
use tasador_lake::Lake;
use tasador_registry::{Registry, Tables};
use tempfile::TempDir;

use crate::aws::{self, Traffic};
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::logging;
use crate::secrets::{SecretError, Secrets};
use crate::source_address::SourceAddress;

/// Interceptors of every request to AWS. All clients get all of them; one that is meant for
/// one operation finds its name in `aws_smithy_types::config_bag` as
/// `aws_smithy_runtime_api::client::orchestrator::Metadata`.
///
/// An interceptor that fails in `read_before_transmit` makes a request that never left; one that
/// fails in `read_after_transmit` one whose answer was lost after it took effect. Neither is
/// repeated by the client, and both are seen as errors that may be retried.
pub type Interceptors = Vec<SharedInterceptor>;

/// Why a function does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A variable of the environment is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Nothing says where AWS is.
    #[error("no AWS region is set; set AWS_REGION, such as us-east-1")]
    NoRegion,
    /// Tokens are to be checked, and nothing says under which key they are hashed.
    #[error(
        "tokens cannot be checked without their key; set TASADOR_TOKEN_KEY or TASADOR_TOKEN_KEY_SECRET"
    )]
    NoTokenKey,
}

/// What a handler works with: settings, the bucket, the registry, Step Functions, the time.
/// Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Context {
    /// The settings.
    pub config: Arc<Config>,
    /// The bucket.
    pub lake: Lake,
    /// The registry.
    pub registry: Registry,
    /// Step Functions.
    pub sfn: aws_sdk_sfn::Client,
    /// The time.
    pub clock: Clock,
    secrets: Secrets,
    spool: Arc<OnceLock<TempDir>>,
}

impl Context {
    /// Everything as the environment says, with logging started. Called once, by `main`.
    ///
    /// # Errors
    /// [`StartError`] where a variable is missing or wrong.
    pub async fn from_env() -> Result<Self, StartError> {
        logging::init();
        Self::load(Config::from_env()?).await
    }

    /// With these settings, and AWS as the environment says.
    ///
    /// # Errors
    /// [`StartError::NoRegion`].
    pub async fn load(config: Config) -> Result<Self, StartError> {
        let sdk = aws::load().await;
        if sdk.region().is_none() {
            return Err(StartError::NoRegion);
        }
        Ok(Self::new(config, &sdk))
    }

    /// That tokens can be checked: for the `main` of what checks some.
    ///
    /// # Errors
    /// [`StartError::NoTokenKey`].
    pub fn checks_tokens(self) -> Result<Self, StartError> {
        if self.config.token_key.is_none() && self.config.token_key_secret.is_none() {
            return Err(StartError::NoTokenKey);
        }
        Ok(self)
    }

    /// With these settings, at these endpoints. Time-outs and retries are this crate's.
    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        Self::intercepted(config, sdk, &Interceptors::new())
    }

    /// Like [`new`](Self::new), with interceptors in every request: the seam for faults.
    pub fn intercepted(config: Config, sdk: &SdkConfig, interceptors: &Interceptors) -> Self {
        config.units().apply();
        let items = aws::patient(sdk, Traffic::Items);
        let objects = aws::patient(sdk, Traffic::Objects);
        let path_style = config.s3_path_style || aws::has_own_s3(sdk);

        let mut s3 = tasador_lake::client_config(&objects, path_style);
        let mut dynamodb = aws_sdk_dynamodb::config::Builder::from(&items);
        let mut sfn = aws_sdk_sfn::config::Builder::from(&items);
        let mut secrets = aws_sdk_secretsmanager::config::Builder::from(&items);
        for interceptor in interceptors {
            s3.push_interceptor(interceptor.clone());
            dynamodb.push_interceptor(interceptor.clone());
            sfn.push_interceptor(interceptor.clone());
            secrets.push_interceptor(interceptor.clone());
        }
        let tables = Tables {
            registry: config.registry_table.clone(),
            inferences: config.inferences_table.clone(),
            tokens: config.tokens_table.clone(),
        };
        Self {
            lake: Lake::new(
                aws_sdk_s3::Client::from_conf(s3.build()),
                config.bucket.clone(),
            ),
            registry: Registry::new(
                aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
                tables,
            ),
            sfn: aws_sdk_sfn::Client::from_conf(sfn.build()),
            secrets: Secrets::new(aws_sdk_secretsmanager::Client::from_conf(secrets.build())),
            clock: Clock::system(),
            config: Arc::new(config),
            spool: Arc::new(OnceLock::new()),
        }
    }

    /// With another clock.
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The key with which tokens are hashed, `None` if none is configured. One from Secrets Manager is
    /// read again every few minutes.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn token_key(&self) -> Result<Option<HashKey>, SecretError> {
        match &self.config.token_key_secret {
            Some(id) => self.secrets.token_key(id, self.now()).await.map(Some),
            None => Ok(self.config.token_key.clone()),
        }
    }

    /// The key, read again because a token is unknown under `tried`; `None` if it is still the same.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn rotated_token_key(&self, tried: &HashKey) -> Result<Option<HashKey>, SecretError> {
        match &self.config.token_key_secret {
            Some(id) => self.secrets.rotated_token_key(id, tried, self.now()).await,
            None => Ok(None),
        }
    }

    /// The source of batches, `None` if none is configured. A secret is read each time.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn source(&self) -> Result<Option<SourceAddress>, SecretError> {
        match &self.config.source_secret {
            Some(id) => Ok(Some(self.secrets.text(id).await?.trim().into())),
            None => Ok(self.config.source.clone()),
        }
    }

    /// The folder for files on their way to the bucket: the one that is configured, or else one that
    /// lives as long as this context and its clones.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn spool_folder(&self) -> io::Result<PathBuf> {
        if let Some(folder) = &self.config.spool_folder {
            std::fs::create_dir_all(folder)?;
            return Ok(folder.clone());
        }
        if let Some(folder) = self.spool.get() {
            return Ok(folder.path().to_path_buf());
        }
        let made = tempfile::Builder::new()
            .prefix("tasador-spool-")
            .tempdir()?;
        // Where two came here at once, the folder of the slower one is removed again.
        Ok(self.spool.get_or_init(|| made).path().to_path_buf())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(spool_folder: Option<PathBuf>) -> Context {
        let config = Config {
            spool_folder,
            ..Config::default()
        };
        let latest = aws_config::BehaviorVersion::latest();
        Context::new(
            config,
            &SdkConfig::builder().behavior_version(latest).build(),
        )
    }

    #[test]
    fn a_spool_folder_outlives_the_context_only_where_it_is_configured() {
        let kept = tempfile::tempdir().unwrap();
        let configured = kept.path().join("spool");
        for (folder, stays) in [(Some(configured), true), (None, false)] {
            let context = context(folder);
            let folder = context.clone().spool_folder().unwrap();
            assert_eq!(folder, context.spool_folder().unwrap());
            assert!(folder.is_dir());
            drop(context);
            assert_eq!(folder.exists(), stays);
        }
    }
}
