//! A bucket, tables, a clock and faults of one test, and the function over them.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{Request, header};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use tasador_ids::{DatasetId, Digest, ModelVersion};
use tasador_lake::key::{self, ModelFile};
use tasador_model::train::{TrainConfig, fit};
use tasador_model::{Algorithm, Model};
use tasador_registry::{
    Artifact, FinishedVersion, InferenceRecord, Metrics, NewVersion, Promotion, PromotionKind,
};
use tasador_runtime::config::Config;
use tasador_runtime::{Clock, Context};
use tasador_testing::Stores;
use tasador_testing::faults::FailingOperations;
use tower::ServiceExt as _;

use crate::town;

pub(crate) struct Place {
    pub(crate) ctx: Context,
    pub(crate) router: Router,
    pub(crate) faults: FailingOperations,
    now: Arc<Mutex<Timestamp>>,
    stores: Stores,
}

/// A model of the town; another seed, another model.
pub(crate) fn trained(algorithm: Algorithm, seed: u64) -> Model {
    let mut config = TrainConfig::new(algorithm, seed);
    config.most_rounds = NonZeroUsize::new(40).unwrap();
    fit(&config, &town::homes(520, seed)).unwrap().model
}

impl Place {
    pub(crate) async fn new() -> Self {
        let stores = Stores::start().await;
        let now = Arc::new(Mutex::new("2026-01-01T12:00:00Z".parse().unwrap()));
        let clock = Clock::new({
            let now = Arc::clone(&now);
            move || *now.lock().unwrap()
        });
        let faults = FailingOperations::default();
        let interceptors = vec![faults.interceptor()];
        let sdk = stores.sdk_config();
        let ctx = Context::intercepted(Config::default(), &sdk, &interceptors).with_clock(clock);
        ctx.lake.create_bucket().await.unwrap();
        ctx.registry.create_tables().await.unwrap();
        let router = predict::router(tasador_pricing::Pricing::new(ctx.clone()));
        Self {
            ctx,
            router,
            faults,
            now,
            stores,
        }
    }

    /// The same place with an instance of the function that has not loaded anything yet.
    pub(crate) fn new_instance(mut self) -> Self {
        self.router = predict::router(tasador_pricing::Pricing::new(self.ctx.clone()));
        self
    }

    /// What Prometheus reads.
    pub(crate) async fn metrics(&self) -> String {
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        let body = self.send(request).await.into_body().collect().await;
        String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap()
    }

    /// A place whose champion is this model.
    pub(crate) async fn with(model: &Model) -> Self {
        let place = Self::new().await;
        place.promote(model, None).await;
        place
    }

    /// Registers a model and makes it the champion after `before`.
    pub(crate) async fn promote(
        &self,
        model: &Model,
        before: Option<ModelVersion>,
    ) -> ModelVersion {
        let version = self.register(model).await;
        self.crown(version, before).await;
        version
    }

    async fn register(&self, trained: &Model) -> ModelVersion {
        let model = &self.ctx.config.model;
        let bytes = trained.to_bytes().unwrap();
        let sha256 = Digest::of(&bytes);
        let version = self
            .ctx
            .registry
            .register_version(&NewVersion {
                model: model.clone(),
                source_key: sha256.to_string(),
                run: Some("run-1".parse().unwrap()),
                mlflow_run_id: None,
                algorithm: Some(trained.algorithm().to_string()),
                dataset: Some(DatasetId::of(b"town")),
                schema: None,
                tags: Default::default(),
                description: None,
                logged: None,
                at: self.ctx.now(),
            })
            .await
            .unwrap();
        let key = key::model(model, version, ModelFile::Artifact);
        let size_bytes = bytes.len() as u64;
        self.ctx.lake.put_once(&key, bytes).await.unwrap();
        let finished = FinishedVersion {
            artifact: Artifact {
                key: key.clone(),
                sha256,
                size_bytes,
                folds: Vec::new(),
            },
            metrics: Metrics::from_iter([("validation_mae", 12_345.0)]),
            at: self.ctx.now(),
        };
        self.ctx
            .registry
            .finish_version(model, version, &finished)
            .await
            .unwrap();
        version
    }

    pub(crate) async fn crown(&self, version: ModelVersion, before: Option<ModelVersion>) {
        let promotion = Promotion {
            model: self.ctx.config.model.clone(),
            version,
            expected: before,
            kind: PromotionKind::Promotion,
            run: format!("run-{version}-{}", self.ctx.now().as_second())
                .parse()
                .unwrap(),
            reason: "better".to_owned(),
            verdict_key: None,
            at: self.ctx.now(),
        };
        self.ctx.registry.promote(&promotion).await.unwrap();
    }

    /// The file in which the bucket keeps a version's artefact.
    pub(crate) fn artifact(&self, version: ModelVersion) -> std::path::PathBuf {
        let key = key::model(&self.ctx.config.model, version, ModelFile::Artifact);
        self.stores.folder().join("tasador").join(key.as_str())
    }

    pub(crate) fn later(&self, by: Duration) {
        let mut now = self.now.lock().unwrap();
        *now += by;
    }

    /// As long as the knowledge of the champion holds.
    pub(crate) fn refresh(&self) -> Duration {
        self.ctx.config.predict.champion_refresh
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// The status and the JSON of an answer.
    pub(crate) async fn ask(&self, request: Request<Body>) -> (u16, Value) {
        let answer = self.send(request).await;
        let status = answer.status().as_u16();
        let kind = answer.headers()[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .to_owned();
        let expected = if status == 200 {
            "application/json"
        } else {
            "application/problem+json"
        };
        assert_eq!(kind, expected);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let json: Value = serde_json::from_slice(&body).unwrap();
        if status != 200 {
            assert_eq!(json["status"], status, "{json:#}");
        }
        (status, json)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn price(&self, body: &Value) -> (u16, Value) {
        self.post("/predict", body.to_string()).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> (u16, Value) {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.ask(request.body(body.into()).unwrap()).await
    }

    /// The log of this hour.
    pub(crate) async fn logged(&self) -> Vec<InferenceRecord> {
        self.ctx
            .registry
            .inferences_of_hour(self.ctx.now())
            .await
            .unwrap()
    }
}

/// A home of the town, in the model's own spelling.
pub(crate) fn home() -> Value {
    json!({
        "house_size": 1_800.0, "bath": 2.0, "acre_lot": 0.3, "zip_code": "06037", "city": "Town 1",
        "state": "Connecticut", "prev_sold_date": "2014-05-27", "status": "sold",
    })
}
