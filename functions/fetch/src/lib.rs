//! Takes one batch from the source and stores it, byte for byte.
//!
//! The source has a cursor that moves on with every answer, so an answer is kept before anything
//! else is done with it: in the spool folder as it arrives, then in the bucket under the hash of its
//! bytes, then in the registry. Wherever a process dies on this way, a later call goes on from
//! there, and what was left unfinished is finished before the source is asked again. The same bytes
//! are one batch, however often they come.

mod api;
mod copy;
mod dropped;
mod error;
mod execution;
mod form;
mod input;
mod receive;
mod source;
mod spool;
mod store;
mod turn;
mod unfinished;

pub use error::{Error, NamedIn};
pub use tasador_flow::fetch::{Request, Response, Turn};

use tasador_flow::{Origin, Reason, fetch};
use tasador_ids::{BatchId, RunId};
use tasador_lake::{Key, key};
use tasador_registry::{Batch, Claim, RunBatch};
use tasador_runtime::Context;

use input::RunInput;
use source::Source;

/// Finds the batch that a run works on, and stores it where it is new.
///
/// Called again for the same run, it answers the same. Nothing new is a [`Response::NothingNew`] with
/// its reason, never an error.
///
/// # Errors
/// [`Error`]: `SourceUnavailable` where the source did not answer in full, of which nothing is kept;
/// `InvalidInput` where the settings or the input have to be fixed.
pub async fn handle(request: Request, ctx: &Context) -> Result<Response, Error> {
    let input = RunInput::read(&request.input)?;
    let run = Run {
        ctx,
        id: request.run_id,
        execution: request.execution,
    };
    // Boxed: the whole way is one future too deep for the compiler.
    let mut response = Box::pin(run.batch(input)).await?;
    if let Response::Batch(found) = &mut response {
        found.turn = Box::pin(run.turn(&found.batch, &request.input)).await?;
    }
    match &response {
        Response::Batch(found) => {
            let fetch::Batch {
                batch,
                origin,
                repeat,
                size_bytes,
                source,
                ..
            } = found;
            tracing::Span::current().record("batch", tracing::field::display(&batch));
            tracing::info!(
                ?origin,
                repeat,
                size_bytes,
                source,
                "the run works on this batch"
            );
        }
        Response::NothingNew { source, reasons } => {
            let code = reasons.first().map(Reason::code);
            tracing::info!(source, code, "the source has no new data");
        }
    }
    Ok(response)
}

/// One run on its way to its batch.
struct Run<'a> {
    ctx: &'a Context,
    id: RunId,
    execution: String,
}

impl Run<'_> {
    async fn batch(&self, input: RunInput) -> Result<Response, Error> {
        if let Some(mine) = self.ctx.registry.batch_of_run(&self.id).await? {
            return self.again(mine).await;
        }
        match input {
            RunInput::Stored(batch) => self.take_named(batch).await,
            // What others left is not in its way: nobody would start a second run for this object.
            RunInput::Object(source) => Box::pin(self.take_object(&source)).await,
            RunInput::Next => {
                if let Some(found) = self.unfinished().await? {
                    return Ok(found);
                }
                match Box::pin(self.dropped()).await? {
                    Some(found) => Ok(found),
                    None => self.ask(&self.source().await?).await,
                }
            }
        }
    }

    async fn source(&self) -> Result<Source, Error> {
        let address = self.ctx.source().await?;
        Source::configured(address, self.ctx.config.fetch.files_allowed)
    }

    /// What an earlier call of this run answered, or would have.
    async fn again(&self, mine: RunBatch) -> Result<Response, Error> {
        let batch = self.known(&mine.batch).await?;
        let raw = self.raw_key(&mine.batch).await?;
        self.clear_up(&mine.batch, &raw).await;
        Ok(self.answer(&batch, &mine, raw))
    }

    async fn take_named(&self, id: BatchId) -> Result<Response, Error> {
        let Some(batch) = self.ctx.registry.batch(&id).await? else {
            return Err(Error::UnknownBatch { batch: id });
        };
        if batch.outcome.is_none() && self.is_held(&batch).await? {
            return Err(Error::Busy {
                batch: id,
                run: batch.claim.run,
            });
        }
        self.claim(&batch, Origin::Named).await
    }

    /// Makes this run the one that works on a batch.
    async fn claim(&self, seen: &Batch, origin: Origin) -> Result<Response, Error> {
        let claim = Claim {
            run: self.id.clone(),
            execution_arn: self.execution.clone(),
            at: self.ctx.now(),
        };
        let mine = self.ctx.registry.claim_batch(seen, &claim, origin).await?;
        let batch = Batch {
            claim,
            ..seen.clone()
        };
        let raw = self.raw_key(&mine.batch).await?;
        Ok(self.answer(&batch, &mine, raw))
    }

    /// Whether another run that has not ended works on a batch.
    async fn is_held(&self, batch: &Batch) -> Result<bool, Error> {
        self.owned_by_another_run(&batch.claim.run, &batch.claim.execution_arn)
            .await
    }

    /// Whether this is a run other than this one, and has not ended.
    async fn owned_by_another_run(&self, run: &RunId, execution: &str) -> Result<bool, Error> {
        Ok(*run != self.id && execution::is_running(self.ctx, execution).await?)
    }

    async fn known(&self, id: &BatchId) -> Result<Batch, Error> {
        let batch = self.ctx.registry.batch(id).await?;
        batch.ok_or(Error::UnknownBatch { batch: *id })
    }

    async fn raw_key(&self, batch: &BatchId) -> Result<Key, Error> {
        let found = self.ctx.lake.list(&key::raw_prefix(batch)).await?;
        let first = found.into_iter().next();
        first
            .map(|object| object.key)
            .ok_or(Error::RawMissing { batch: *batch })
    }

    fn answer(&self, batch: &Batch, mine: &RunBatch, key: Key) -> Response {
        let record = &batch.record;
        Response::Batch(fetch::Batch {
            batch: record.batch,
            key,
            format: record.format,
            source: record.source.clone(),
            origin: mine.origin,
            // Bytes that another run works on right now are as known as those it has done with.
            repeat: mine.repeat || batch.claim.run != self.id,
            received_at: Some(record.received_at),
            size_bytes: record.size_bytes,
            turn: Turn::default(),
        })
    }
}
