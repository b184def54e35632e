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

use tasador_archive::ArchiveError;
use tasador_flow::Language;
use tasador_ids::RunId;
use tasador_runtime::{Classify, Context, ErrorClass};

pub use tasador_flow::record::{Request, Response};

/// What stopped the recording.
#[derive(Debug, thiserror::Error)]
#[error("the outcome of run {run} could not be recorded")]
pub struct Error {
    /// The run.
    run: RunId,
    /// Why.
    source: ArchiveError,
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
    let failed = |source: ArchiveError| Error {
        run: run.clone(),
        source,
    };
    let model = ctx.config.model.clone();
    let champion = ctx.registry.champion(&model).await;
    let champion = champion.map_err(|error| failed(error.into()))?;
    let entry = entry::entry(
        request,
        model,
        champion.map(|champion| champion.version),
        ctx.now(),
    );
    let recorded = ctx.registry.record_outcome(entry).await;
    let recorded = recorded.map_err(|error| failed(error.into()))?;
    let outcome = recorded.outcome;
    tasador_archive::keep_run(&ctx.lake, &ctx.registry, &outcome)
        .await
        .map_err(failed)?;
    tracing::info!(
        outcome = outcome.kind.as_str(),
        first = recorded.first,
        settled = outcome.settled,
        "recorded: {}",
        outcome.sentence
    );
    Ok(Response {
        outcome: outcome.kind,
        sentence: Language::English.notification(&outcome),
    })
}
