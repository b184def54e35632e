//! Writes the outcome of a run into the history: the entry is built from the state machine's whole
//! state document, of which a run that broke early has only the first parts.
//!
//! The registry keeps the first outcome of a run, whatever is said later, and takes from the alias's
//! events whether the run promoted. So the history stays true where something breaks late:
//!
//! - A run whose outcome is recorded and which then breaks keeps it; what broke is added.
//! - A run that breaks after the alias has moved is recorded as promoted, with what broke.
//! - A failure becomes the outcome of the run's batch only from `Preprocess` on. A run that broke in
//!   `Fetch` leaves whatever it had stored open, and the next run takes it up.
//! - A batch with an outcome keeps it when the same bytes come again. Only a failed one changes: a
//!   run that was given the batch by name replaces the failure with what it comes to.

mod entry;
mod state;
mod words;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tasador_ids::RunId;
use tasador_registry::{OutcomeKind, RegistryError};
use tasador_runtime::{Classify, Context, ErrorClass};

/// A run that has come to its end.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Request {
    /// The run.
    pub run_id: RunId,
    /// How it ended, as the state machine sees it.
    pub outcome: OutcomeKind,
    /// When the execution began.
    pub started_at: Timestamp,
    /// The whole state document; any part may be missing.
    #[serde(default)]
    pub state: Value,
}

/// The outcome as it stands in the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The outcome.
    pub outcome: OutcomeKind,
    /// What people are told.
    pub sentence: String,
}

/// What stopped the recording.
#[derive(Debug, thiserror::Error)]
#[error("the outcome of run {run} could not be recorded")]
pub struct Error {
    /// The run.
    run: RunId,
    /// Why.
    source: RegistryError,
}

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        self.source.class()
    }
}

/// Records the outcome. Repeating the call changes nothing and gives the same answer.
///
/// # Errors
/// [`Error`], with the class that says whether the call should be repeated.
pub async fn handle(request: Request, ctx: &Context) -> Result<Response, Error> {
    let run = request.run_id.clone();
    let failed = |source| Error {
        run: run.clone(),
        source,
    };
    let model = ctx.config.model.clone();
    let champion = ctx.registry.champion(&model).await.map_err(failed)?;
    let entry = entry::entry(
        request,
        model,
        champion.map(|champion| champion.version),
        ctx.now(),
    );
    let recorded = ctx.registry.record_outcome(entry).await.map_err(failed)?;
    let outcome = recorded.outcome;
    tracing::info!(
        outcome = outcome.kind.as_str(),
        first = recorded.first,
        settled = outcome.settled,
        "recorded: {}",
        outcome.sentence
    );
    Ok(Response {
        outcome: outcome.kind,
        sentence: words::told(&outcome),
    })
}
