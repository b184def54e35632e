#![allow(clippy::todo, clippy::unused_async, unused_variables, missing_docs)]
use std::collections::HashMap;
use tasador_ids::*;
use crate::*;

impl Registry {
    /// Makes the three tables where they are missing.
    pub async fn create_tables(&self) -> Result<(), RegistryError> { todo!() }

    pub async fn open_batch(&self, record: &BatchRecord, origin: Origin) -> Result<Opened, RegistryError> { todo!() }
    pub async fn batch(&self, batch: &BatchId) -> Result<Option<Batch>, RegistryError> { todo!() }
    pub async fn batch_of_run(&self, run: &RunId) -> Result<Option<RunBatch>, RegistryError> { todo!() }
    /// Oldest first.
    pub async fn open_batches(&self) -> Result<Vec<Batch>, RegistryError> { todo!() }
    /// `seen` is the batch as last read: Conflict where its claim or outcome changed since.
    pub async fn claim_batch(&self, seen: &Batch, claim: &Claim, origin: Origin) -> Result<RunBatch, RegistryError> { todo!() }
    pub async fn usable_batches(&self) -> Result<Vec<UsableBatch>, RegistryError> { todo!() }

    pub async fn record_outcome(&self, outcome: Outcome) -> Result<Recorded, RegistryError> { todo!() }
    pub async fn history(&self, page: &PageRequest) -> Result<Page<Outcome>, RegistryError> { todo!() }
    pub async fn history_of(&self, run: &RunId) -> Result<Option<Outcome>, RegistryError> { todo!() }
    pub async fn outcome_of(&self, batch: &BatchId) -> Result<Option<BatchOutcome>, RegistryError> { todo!() }

    pub async fn register_version(&self, new: &NewVersion) -> Result<ModelVersion, RegistryError> { todo!() }
    pub async fn finish_version(&self, model: &ModelName, version: ModelVersion, finished: &FinishedVersion) -> Result<VersionRecord, RegistryError> { todo!() }
    pub async fn fail_version(&self, model: &ModelName, version: ModelVersion, message: &str, at: jiff::Timestamp) -> Result<(), RegistryError> { todo!() }
    pub async fn version(&self, model: &ModelName, version: ModelVersion) -> Result<Option<VersionRecord>, RegistryError> { todo!() }
    /// Newest first.
    pub async fn versions(&self, model: &ModelName, page: &PageRequest) -> Result<Page<VersionRecord>, RegistryError> { todo!() }
    pub async fn models(&self, page: &PageRequest) -> Result<Page<ModelRecord>, RegistryError> { todo!() }

    pub async fn champion(&self, model: &ModelName) -> Result<Option<Champion>, RegistryError> { todo!() }
    pub async fn promote(&self, promotion: &Promotion) -> Result<PromotionEvent, PromoteError> { todo!() }
    /// Newest first.
    pub async fn promotions(&self, model: &ModelName, page: &PageRequest) -> Result<Page<PromotionEvent>, RegistryError> { todo!() }
    pub async fn promotion_of_run(&self, run: &RunId) -> Result<Option<PromotionEvent>, RegistryError> { todo!() }

    /// Idempotent: the same name has the same id.
    pub async fn experiment(&self, name: &str, created_ms: i64) -> Result<Experiment, RegistryError> { todo!() }
    pub async fn put_run(&self, run: &RunRecord, series: &[MetricPoint]) -> Result<(), RegistryError> { todo!() }
    pub async fn run(&self, run_id: &str) -> Result<Option<RunRecord>, RegistryError> { todo!() }
    /// Newest first.
    pub async fn runs_of_experiment(&self, experiment_id: &str, page: &PageRequest) -> Result<Page<RunRecord>, RegistryError> { todo!() }
    pub async fn metric_history(&self, run_id: &str, key: &str, page: &PageRequest) -> Result<Page<MetricPoint>, RegistryError> { todo!() }

    /// The rows first seen in another batch than `batch`, each with that batch.
    pub async fn rows_seen(&self, rows: &[u128], batch: &BatchId) -> Result<HashMap<u128, BatchId>, RegistryError> { todo!() }
    /// Only for rows that `rows_seen` did not give back.
    pub async fn mark_rows(&self, rows: &[u128], batch: &BatchId) -> Result<(), RegistryError> { todo!() }

    pub async fn put_inference(&self, record: &InferenceRecord) -> Result<(), RegistryError> { todo!() }
    /// All answers of the hour that `at` lies in, oldest first.
    pub async fn inferences_of_hour(&self, at: jiff::Timestamp) -> Result<Vec<InferenceRecord>, RegistryError> { todo!() }
}
