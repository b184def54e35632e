//! Asks the source, and decides what its answer is: a batch, the same again, or nothing.

use std::path::PathBuf;

use tasador_ids::{BatchId, Digest};
use tasador_lake::Format;
use tasador_registry::{Batch, Origin};

use crate::api::{self, Answer};
use crate::form::{HEAD_BYTES, Head};
use crate::source::{Place, Source};
use crate::spool::{Asked, Receipt, Slot};
use crate::{Error, Response, Run, copy};

impl Run<'_> {
    pub(crate) fn spool_folder(&self) -> Result<PathBuf, Error> {
        self.ctx.spool_folder().map_err(|source| Error::Spool {
            path: self
                .ctx
                .config
                .spool_folder
                .clone()
                .unwrap_or_else(std::env::temp_dir),
            source,
        })
    }

    /// Asks a source for a batch.
    pub(crate) async fn ask(&self, source: &Source) -> Result<Response, Error> {
        let limits = &self.ctx.config.fetch;
        // Room is made before the source is asked: its cursor moves on with the answer.
        let slot = Slot::new(&self.spool_folder()?)?;
        tracing::info!(source = source.shown, "asking the source");
        let (size_bytes, digest, media_type) = match &source.place {
            Place::Api(url) => {
                slot.asking(&Asked {
                    source: source.shown.clone(),
                    at: self.ctx.now(),
                    run: self.id.clone(),
                    execution_arn: self.execution.clone(),
                })?;
                match api::ask(source, url, limits, &slot).await? {
                    Answer::Batch {
                        size_bytes,
                        digest,
                        media_type,
                    } => (size_bytes, digest, media_type),
                    Answer::Nothing(reason) => return Ok(nothing(source, reason)),
                }
            }
            Place::Object { bucket, key } => {
                let lake = self.ctx.lake.in_bucket(bucket);
                let (size_bytes, digest) = copy::object(source, &lake, key, limits, &slot).await?;
                (size_bytes, digest, None)
            }
            Place::File(path) => {
                let (size_bytes, digest) = copy::file(source, path, limits, &slot).await?;
                (size_bytes, digest, None)
            }
        };
        self.take(source, slot, size_bytes, digest, media_type.as_deref())
            .await
    }

    /// Takes what came in whole.
    async fn take(
        &self,
        source: &Source,
        mut slot: Slot,
        size_bytes: u64,
        digest: Digest,
        media_type: Option<&str>,
    ) -> Result<Response, Error> {
        let head = slot.head(HEAD_BYTES);
        let head = Head::new(
            head.map_err(|error| error.after_answer(source.moves_on()))?,
            size_bytes,
        );
        if source.moves_on() && head.is_without_rows() {
            return Ok(nothing(source, api::empty()));
        }
        let fallback = if source.moves_on() {
            Format::ApiJson
        } else {
            Format::Csv
        };
        let receipt = Receipt {
            batch: BatchId::from(digest),
            form: head.form(source.file_name(), media_type, fallback),
            size_bytes,
            source: source.shown.clone(),
            received_at: self.ctx.now(),
            run: self.id.clone(),
            execution_arn: self.execution.clone(),
        };
        let kept = slot.keep(&receipt).await;
        if let Err(error) = &kept {
            // The bytes are there all the same, and the source won't send them again.
            tracing::warn!(%error, batch = %receipt.batch, "a crash now would lose the batch");
        }
        tracing::info!(
            batch = %receipt.batch, size_bytes, format = %receipt.form.format, gzip = receipt.form.gzip,
            "the batch was received in full"
        );
        let response = self.place(source, slot, &receipt).await;
        match kept {
            Ok(()) => response,
            // The bytes went with the slot.
            Err(_) => response.map_err(|error| error.after_answer(source.moves_on())),
        }
    }

    async fn place(
        &self,
        source: &Source,
        slot: Slot,
        receipt: &Receipt,
    ) -> Result<Response, Error> {
        match self.ctx.registry.batch(&receipt.batch).await? {
            None => self.store(slot, receipt).await,
            Some(known) => {
                let response = self.known_again(source, &known, receipt).await?;
                slot.clear();
                Ok(response)
            }
        }
    }

    /// What to do with bytes that the registry knows.
    async fn known_again(
        &self,
        source: &Source,
        known: &Batch,
        receipt: &Receipt,
    ) -> Result<Response, Error> {
        let batch = receipt.batch;
        let held = match &known.outcome {
            None if !self.is_held(known).await? => return self.claim(known, Origin::Resumed).await,
            None => true,
            Some(_) => false,
        };
        if source.moves_on() {
            return self.point_to(known, receipt).await;
        }
        // What does not move on would send the same for ever.
        let reason = if held {
            api::reason(
                "in_progress",
                format!(
                    "The source is what it was, and run {} is working on it.",
                    known.claim.run
                ),
            )
        } else {
            api::reason(
                "unchanged",
                format!(
                    "The source is what it was when batch {} came from it; name that batch to do it once more.",
                    batch.short()
                ),
            )
        };
        Ok(nothing(source, reason))
    }
}

fn nothing(source: &Source, reason: tasador_registry::Reason) -> Response {
    Response::NothingNew {
        source: source.shown.clone(),
        reasons: vec![reason],
    }
}
