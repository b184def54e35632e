//! A registry in memory on a free port of this machine, behind the unchanged AWS client.

use std::ops::Deref;

use aws_sdk_dynamodb::Client;
use jiff::{SignedDuration, Timestamp};
use tasador_ids::{BatchId, DatasetId, Digest, ModelName, ModelVersion, RunId};
use tasador_registry::{
    Artifact, BatchRecord, CleanFile, FinishedVersion, Metrics, NewVersion, Origin, Outcome,
    OutcomeKind, Promotion, PromotionKind, Registry, Tables,
};
use tasador_testing::Stores;

/// A registry that lasts as long as this does.
pub(crate) struct Fixture {
    pub(crate) registry: Registry,
    pub(crate) client: Client,
    _stores: Stores,
}

impl Deref for Fixture {
    type Target = Registry;
    fn deref(&self) -> &Registry {
        &self.registry
    }
}

pub(crate) async fn registry() -> Fixture {
    let stores = Stores::start().await;
    let client = Client::new(&stores.sdk_config());
    let tables = Tables {
        registry: "registry".to_owned(),
        inferences: "inferences".to_owned(),
        tokens: "tokens".to_owned(),
    };
    let registry = Registry::new(client.clone(), tables);
    registry.create_tables().await.unwrap();
    Fixture {
        registry,
        client,
        _stores: stores,
    }
}

/// A time of the test, in seconds after its beginning.
pub(crate) fn at(second: i64) -> Timestamp {
    "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(second)
}

pub(crate) fn run(name: &str) -> RunId {
    name.parse().unwrap()
}

pub(crate) fn model() -> ModelName {
    "BestHousePriceModel".parse().unwrap()
}

pub(crate) fn execution(run: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:execution:training:{run}")
}

pub(crate) fn batch(bytes: &str, by: &str, second: i64) -> BatchRecord {
    BatchRecord {
        batch: BatchId::of(bytes.as_bytes()),
        run: run(by),
        execution_arn: execution(by),
        source: "http://127.0.0.1:9/data".to_owned(),
        format: tasador_ids::Format::Csv,
        size_bytes: bytes.len() as u64,
        received_at: at(second),
    }
}

pub(crate) async fn opened(registry: &Registry, bytes: &str, by: &str, second: i64) -> BatchId {
    let record = batch(bytes, by, second);
    registry.open_batch(&record, Origin::Source).await.unwrap();
    record.batch
}

pub(crate) fn clean(batch: &BatchId) -> CleanFile {
    CleanFile {
        key: tasador_ids::key::clean(batch),
        sha256: batch.digest(),
        rows: 90,
    }
}

/// The outcome of a run that came as far as clean rows.
pub(crate) fn outcome(by: &str, batch: Option<BatchId>, kind: OutcomeKind, second: i64) -> Outcome {
    Outcome {
        run: run(by),
        kind,
        sentence: "So it came.".to_owned(),
        batch,
        origin: batch.map(|_| Origin::Source),
        repeat: false,
        source: Some("http://127.0.0.1:9/data".to_owned()),
        received_at: None,
        period: None,
        rejected_for: Default::default(),
        rows: None,
        clean: batch.as_ref().map(clean),
        recognised: Vec::new(),
        columns_new: vec!["pool".to_owned()],
        columns_gone: Vec::new(),
        decision: Some(tasador_flow::gate::Decision::Train),
        reasons: Vec::new(),
        notices: Vec::new(),
        measurements: Vec::new(),
        usable: true,
        dataset: Some(DatasetId::of(b"dataset")),
        candidates: Vec::new(),
        challenger: None,
        champion: None,
        change_percent: [("mae", f64::NAN)]
            .into_iter()
            .filter(|(_, value)| value.is_finite())
            .collect(),
        verdict: None,
        verdict_key: None,
        promoted: false,
        promotion: None,
        model: model(),
        production: None,
        error: None,
        started_at: at(second - 10),
        recorded_at: at(second),
        duration_ms: 10_000,
        waited_ms: None,
        decided: None,
        settled: false,
    }
}

pub(crate) fn new_version(source_key: &str) -> NewVersion {
    NewVersion {
        model: model(),
        source_key: source_key.to_owned(),
        run: Some(run("run")),
        mlflow_run_id: Some("0123456789abcdef0123456789abcdef".to_owned()),
        algorithm: Some("linear".to_owned()),
        dataset: Some(DatasetId::of(b"dataset")),
        schema: None,
        tags: [("seed".to_owned(), "42".to_owned())].into(),
        description: None,
        logged: None,
        at: at(0),
    }
}

pub(crate) fn finished(bytes: &str) -> FinishedVersion {
    FinishedVersion {
        artifact: Artifact {
            key: "models/BestHousePriceModel/1/model.tsd".parse().unwrap(),
            sha256: Digest::of(bytes.as_bytes()),
            size_bytes: bytes.len() as u64,
            folds: Vec::new(),
        },
        metrics: [("mae", 70_000.5), ("r2", f64::NAN)]
            .into_iter()
            .collect::<Metrics>(),
        at: at(5),
    }
}

/// A version that may be promoted.
pub(crate) async fn ready(registry: &Registry, source_key: &str) -> ModelVersion {
    let version = registry
        .register_version(&new_version(source_key))
        .await
        .unwrap();
    registry
        .finish_version(&model(), version, &finished(source_key))
        .await
        .unwrap();
    version
}

pub(crate) fn promotion(
    by: &str,
    version: ModelVersion,
    expected: Option<ModelVersion>,
) -> Promotion {
    Promotion {
        model: model(),
        version,
        expected,
        kind: PromotionKind::Promotion,
        run: run(by),
        reason: "Better by 5 %.".to_owned(),
        verdict_key: Some("verdicts/run/1.json".parse().unwrap()),
        at: at(20),
    }
}
