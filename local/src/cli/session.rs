//! Every short command's way to a cloud: attach to the one that serves the data folder, or start it
//! for as long as the command takes.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tasador_listing::schema_file::{FILE_NAME, SchemaFile};
use tasador_runtime::{Config, SourceAddress};

use super::Global;
use crate::client::Client;
use crate::cloud::{Cloud, Endpoints, Options, Ports};
use crate::faults::Faults;
use crate::folder::{Claim, Folder, Server};

/// A cloud to work with.
pub(super) struct Session {
    client: Client,
    own: Option<Cloud>,
    source: Option<SourceAddress>,
    /// The input of a run that takes `source` although the cloud has another one.
    input: Option<Value>,
}

impl Session {
    /// Attaches or starts. `source` is what `fetch` shall ask, where the command names one.
    pub(super) async fn open(global: &Global, source: Option<&str>) -> anyhow::Result<Self> {
        with_units(Config::from_env()?, &schema_path(global)?)
            .units()
            .apply();
        match Folder::claim(&global.data_dir()).await? {
            Claim::Served(server) => Self::attach(*server, source).await,
            Claim::Ours(folder) => {
                let ports = global.port.map_or(Ports::Free, Ports::from_number);
                Self::start(folder, ports, configuration(global, source)?).await
            }
        }
    }

    /// Starts a cloud on a folder that is ours.
    pub(super) async fn start(
        folder: Folder,
        ports: Ports,
        config: Config,
    ) -> anyhow::Result<Self> {
        let source = config.source.clone();
        let cloud = Cloud::start(Options {
            ports,
            faults: faults()?,
            ..Options::new(folder, config)
        })
        .await?;
        let client = Client::new(cloud.endpoints().clone(), std::process::id())?;
        Ok(Self {
            client,
            own: Some(cloud),
            source,
            input: None,
        })
    }

    /// A file or an object is a batch by itself, whatever source the cloud has; a data API is asked by the
    /// cloud, which has one source.
    async fn attach(server: Server, source: Option<&str>) -> anyhow::Result<Self> {
        let endpoints = Endpoints::of(&server);
        let client = Client::new(endpoints, server.pid)?.with_token(server.token);
        let served = server.source.clone().map(SourceAddress::from);
        let wanted = source.map(whole_source).transpose()?;
        let Some(wanted) = wanted.filter(|wanted| served.as_ref() != Some(wanted)) else {
            return Ok(Self {
                client,
                own: None,
                source: served,
                input: None,
            });
        };
        let object = match wanted.reveal().split_once("://") {
            None => {
                let bucket = Config::from_env()?.bucket;
                let key = client.upload(&bucket, Path::new(wanted.reveal())).await?;
                json!({"bucket": bucket, "key": key})
            }
            Some(("s3", rest)) => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                json!({"bucket": bucket, "key": key})
            }
            Some(_) => {
                let served = served.map_or_else(
                    || "without a source".to_owned(),
                    |source| format!("with the source {source}"),
                );
                bail!(
                    "the data folder is served at {} (process {}) {served}, and only that process asks a data API; start it with --source {wanted}, or give a file",
                    server.http,
                    server.pid,
                );
            }
        };
        Ok(Self {
            client,
            own: None,
            source: Some(wanted),
            input: Some(json!({"object": object})),
        })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Interrupted executions of an earlier process that this one resumes: what it
    /// should wait for before it ends. Executions of a cloud we attached to are not waited for.
    pub(super) async fn resumed(&self) -> anyhow::Result<Vec<String>> {
        match self.own {
            Some(_) => self.client.running().await,
            None => Ok(Vec::new()),
        }
    }

    /// The input of a run that works on the next batch.
    pub(super) fn input(&self) -> Value {
        self.input.clone().unwrap_or_else(|| json!({}))
    }

    /// The source that `fetch` asks.
    pub(super) fn source(&self) -> Option<&SourceAddress> {
        self.source.as_ref()
    }

    /// Stops a cloud that this process started; does nothing to one it attached to.
    pub(super) async fn close(self) {
        if let Some(cloud) = self.own {
            cloud.stop().await;
        }
    }
}

/// The functions' configuration: from the environment, with what the command line says on top.
pub(super) fn configuration(global: &Global, source: Option<&str>) -> anyhow::Result<Config> {
    let mut config = Config::from_env()?;
    if let Some(source) = source {
        config.source = Some(source.into());
    }
    let source = config.source.as_ref().map(SourceAddress::reveal);
    config.source = source.map(whole_source).transpose()?;
    let schema = schema_path(global)?;
    config = with_units(config, &schema);
    config.schema = Some(schema);
    if let Some(seed) = global.seed {
        config.seed = seed;
    }
    // Whoever starts this program may read this machine's files anyway, unless it was told otherwise.
    if std::env::var_os("TASADOR_SOURCE_FILES").is_none_or(|set| set.is_empty()) {
        config.fetch.files_allowed = true;
    }
    Ok(config)
}

/// The currency and the unit of areas that the schema of listings declares, where the environment has none.
/// Whoever uses a schema that cannot be read says what is wrong with it.
pub(super) fn with_units(mut config: Config, schema: &Path) -> Config {
    let text = std::fs::read(schema).unwrap_or_default();
    let file = SchemaFile::read(&text).unwrap_or_default();
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if let Some(currency) = file.currency.filter(|_| !is_set("TASADOR_CURRENCY")) {
        config.currency = currency;
    }
    if let Some(area) = file.area_unit.filter(|_| !is_set("TASADOR_AREA_UNIT")) {
        config.area_unit = area;
    }
    config
}

/// The file with the schema of listings: the one that TASADOR_SCHEMA names, otherwise the data folder's,
/// which need not exist.
pub(super) fn schema_path(global: &Global) -> anyhow::Result<PathBuf> {
    match std::env::var_os("TASADOR_SCHEMA").filter(|path| !path.is_empty()) {
        Some(path) => std::fs::canonicalize(&path).with_context(|| {
            let path = path.to_string_lossy();
            format!("TASADOR_SCHEMA names {path}, which cannot be read; correct the path")
        }),
        None => Ok(std::path::absolute(global.data_dir().join(FILE_NAME))?),
    }
}

/// A source that means the same from every working directory.
pub(super) fn whole_source(source: &str) -> anyhow::Result<SourceAddress> {
    let shown = SourceAddress::from(source);
    if ["http://", "https://", "s3://"]
        .iter()
        .any(|scheme| source.starts_with(scheme))
    {
        return Ok(shown);
    }
    let path = source.strip_prefix("file://").unwrap_or(source);
    let path = std::fs::canonicalize(path).with_context(|| {
        format!("the source {shown} is neither a file nor a URL; give a file, http(s)://… or s3://bucket/key")
    })?;
    match path.to_str() {
        Some(path) => Ok(path.into()),
        None => bail!("the path of the source {shown} is not UTF-8; rename it"),
    }
}

/// The faults that a test has planned for this process.
pub(super) fn faults() -> anyhow::Result<Faults> {
    let faults = Faults::default();
    if let Ok(plan) = std::env::var("TASADOR_FAULT") {
        faults.plan(&plan)?;
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_means_the_same_from_everywhere() {
        for url in [
            "http://127.0.0.1:8000",
            "https://example.com/data?group_number=2",
            "s3://bucket/key.csv",
        ] {
            assert_eq!(whole_source(url).unwrap().reveal(), url);
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let whole = whole_source(file.path().to_str().unwrap()).unwrap();
        assert!(std::path::Path::new(whole.reveal()).is_absolute());
        let error = whole_source("no-such-listings.csv")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no-such-listings.csv") && error.contains("s3://"),
            "{error}"
        );
    }
}
