//! A stand-in for AWS Secrets Manager: `GetSecretValue` with texts that tests set.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_types::sdk_config::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::stores::serve;

/// A running stand-in. It ends when this is dropped.
pub struct Secrets {
    url: String,
    state: Arc<Mutex<Kept>>,
    _server: JoinSet<()>,
}

#[derive(Default)]
struct Kept {
    texts: BTreeMap<String, String>,
    reads: usize,
    fails: bool,
}

impl Secrets {
    /// Starts without secrets.
    pub async fn start() -> Self {
        let state = Arc::default();
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&state));
        let mut servers = JoinSet::new();
        Self {
            url: serve(&mut servers, router).await,
            state,
            _server: servers,
        }
    }

    /// The same configuration of clients, with this endpoint for secrets.
    pub fn reached_by(&self, sdk: &SdkConfig) -> SdkConfig {
        let services = ByService {
            secrets: self.url.clone(),
            others: sdk.clone(),
        };
        sdk.clone().into_builder().service_config(services).build()
    }

    /// Stores a secret, or rotates it.
    pub fn set(&self, id: &str, text: &str) {
        self.with(|kept| kept.texts.insert(id.to_owned(), text.to_owned()));
    }

    /// From now on, every request is answered with 503, or no longer.
    pub fn fail(&self, fails: bool) {
        self.with(|kept| kept.fails = fails);
    }

    /// The number of requests so far that were answered with a secret.
    pub fn reads(&self) -> usize {
        self.with(|kept| kept.reads)
    }

    fn with<T>(&self, change: impl FnOnce(&mut Kept) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
struct ByService {
    secrets: String,
    others: SdkConfig,
}

impl LoadServiceConfig for ByService {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        if key.service_id() == "Secrets Manager" {
            return (key.profile() == "endpoint_url").then(|| self.secrets.clone());
        }
        self.others.service_config()?.load_config(key)
    }
}

async fn answer(State(state): State<Arc<Mutex<Kept>>>, body: String) -> Response {
    let request: Value = serde_json::from_str(&body).unwrap_or_default();
    let id = request["SecretId"].as_str().unwrap_or_default();
    let mut kept = state.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.fails {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let Some(text) = kept.texts.get(id).cloned() else {
        let error = json!({"__type": "ResourceNotFoundException", "Message": "no such secret"});
        return (StatusCode::BAD_REQUEST, error.to_string()).into_response();
    };
    kept.reads += 1;
    json!({"ARN": id, "Name": id, "SecretString": text})
        .to_string()
        .into_response()
}
