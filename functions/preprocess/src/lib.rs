//! Turns a raw batch into clean rows, refused rows with their reasons, and a report on both.
//!
//! Nothing is dropped silently: raw = clean + rejected + duplicates, always. The work grows with the
//! batch, not with the history: rows of other batches are known by their hashes.
//!
//! # Repeating
//! Files are written in the order rejected, clean, report, and the rows are marked as this batch's
//! between the last two. So where the report exists all is done, and it is the answer. Where only
//! the clean file exists, an earlier try was cut short, and other batches may have marked rows of it
//! since: what that file holds stays what this batch holds, so the same files come out again.

mod cast;
mod clean;
mod error;
mod read;
mod table;

use std::collections::HashSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tasador_ids::{BatchId, Digest, RunId};
use tasador_lake::{Format, Key, Lake, LakeError, key};
use tasador_listing::{BatchReport, QualityReport};
use tasador_registry::Rows;
use tasador_runtime::Context;

pub use clean::{Cleaned, Draft, draft};
pub use error::PreprocessError;
pub use read::{MAX_BYTES, MAX_CELLS, MAX_COLUMNS, Raw, ReadError, read};
pub use table::{FrameError, LeftError, to_parquet};

/// The most bytes that a list of columns takes in the answer: it travels through every later state,
/// and all of them together stay under 16 KB. The whole list is in the report.
const LISTED_BYTES: usize = 1_500;

/// A batch to be cleaned.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Request {
    pub run_id: RunId,
    /// The batch: the hash of the raw object's bytes.
    pub batch: BatchId,
    /// The raw object.
    pub key: Key,
    pub format: Format,
}

/// What became of the batch, and where its files are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Where the rows went.
    pub rows: Rows,
    /// The clean rows.
    pub clean_key: Key,
    /// The SHA-256 of the clean file.
    pub clean_sha256: Digest,
    /// The refused rows.
    pub rejected_key: Key,
    /// The [`BatchReport`].
    pub profile_key: Key,
    /// Columns that are none of the twelve; of very many, the first ones.
    pub columns_new: Vec<String>,
    /// Columns of the twelve that the source did not send.
    pub columns_gone: Vec<String>,
}

/// Cleans `request.batch` and stores what comes of it.
///
/// # Errors
/// [`PreprocessError`]. A batch that can't be read is `InvalidInput`; one without a single clean row
/// is none, and the gate's to judge.
pub async fn handle(request: Request, ctx: &Context) -> Result<Response, PreprocessError> {
    // The calls to AWS nest deeper than the compiler follows through a caller's own futures.
    Box::pin(preprocess(&request, ctx)).await
}

async fn preprocess(request: &Request, ctx: &Context) -> Result<Response, PreprocessError> {
    let Request { batch, run_id, .. } = request;
    if let Some(report) = stored_report(batch, ctx).await? {
        tracing::info!(%run_id, %batch, "batch {batch} was preprocessed before");
        return Ok(answer(batch, &report));
    }
    let left = left_rows(batch, ctx).await?;
    let draft = read_raw(request, ctx).await?;

    let elsewhere: HashSet<u128> = match &left {
        Some(left) => {
            let hashes = draft.row_hashes().iter();
            hashes
                .filter(|hash| !left.contains(hash))
                .copied()
                .collect()
        }
        None => known_elsewhere(draft.row_hashes(), batch, ctx).await?,
    };
    let files = blocking(move || Files::of(draft, &elsewhere)).await??;

    store(&ctx.lake, &key::rejected(batch), files.rejected).await?;
    store(&ctx.lake, &key::clean(batch), files.clean).await?;
    let mut marks = files.row_hashes;
    if left.is_some() {
        let seen = known_elsewhere(&marks, batch, ctx).await?;
        marks.retain(|hash| !seen.contains(hash));
    }
    ctx.registry.mark_rows(&marks, batch).await?;
    let report = serde_json::to_vec(&files.report).map_err(PreprocessError::Report)?;
    store(&ctx.lake, &key::profile(batch), report.into()).await?;

    let answer = answer(batch, &files.report);
    let Rows {
        raw,
        clean,
        rejected,
        duplicates,
    } = answer.rows;
    tracing::info!(
        %run_id, %batch, raw, clean, rejected, duplicates,
        "batch {batch}: of {raw} rows {clean} are clean, {rejected} refused, {duplicates} known"
    );
    Ok(answer)
}

/// The rows that another batch has brought already. Where that batch was refused as a whole, its rows
/// are in no dataset, and a corrected copy is no duplicate.
async fn known_elsewhere(
    rows: &[u128],
    batch: &BatchId,
    ctx: &Context,
) -> Result<HashSet<u128>, PreprocessError> {
    let mut seen = ctx.registry.rows_seen(rows, batch).await?;
    let owners: HashSet<BatchId> = seen.values().copied().collect();
    for owner in owners {
        let outcome = ctx.registry.outcome_of(&owner).await?;
        if outcome.is_some_and(|outcome| outcome.leaves_rows_out()) {
            seen.retain(|_, of| *of != owner);
        }
    }
    Ok(seen.into_keys().collect())
}

/// The report that an earlier try stored.
async fn stored_report(batch: &BatchId, ctx: &Context) -> Result<Option<BatchReport>, LakeError> {
    match ctx.lake.get_json(&key::profile(batch)).await {
        Ok(report) => Ok(Some(report)),
        Err(LakeError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The rows of the clean file that an earlier try stored before it was cut short.
async fn left_rows(
    batch: &BatchId,
    ctx: &Context,
) -> Result<Option<HashSet<u128>>, PreprocessError> {
    let key = key::clean(batch);
    let bytes = match ctx.lake.get(&key).await {
        Ok(bytes) => bytes,
        Err(LakeError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match blocking(move || table::row_hashes(bytes)).await? {
        Ok(rows) => Ok(Some(rows)),
        Err(source) => Err(PreprocessError::Left { key, source }),
    }
}

/// Fetches, reads and cleans the raw object, which must be the batch's bytes.
async fn read_raw(request: &Request, ctx: &Context) -> Result<Draft, PreprocessError> {
    let digest = request.batch.digest();
    let bytes = ctx.lake.get_verified(&request.key, digest).await?;
    let (key, format) = (request.key.clone(), request.format);
    blocking(move || match read(bytes, format) {
        Ok(raw) => Ok(draft(raw)?),
        Err(source) => Err(PreprocessError::Unreadable { key, source }),
    })
    .await?
}

/// What is to be stored of a batch.
struct Files {
    rejected: Bytes,
    clean: Bytes,
    row_hashes: Vec<u128>,
    report: BatchReport,
}

impl Files {
    fn of(draft: Draft, elsewhere: &HashSet<u128>) -> Result<Self, FrameError> {
        let Cleaned {
            clean,
            rejected,
            quality,
            profile,
            row_hashes,
        } = draft.finish(|hash| elsewhere.contains(&hash))?;
        let rejected = to_parquet(rejected)?;
        let clean = to_parquet(clean)?;
        let report = BatchReport {
            format: BatchReport::FORMAT,
            clean_sha256: Digest::of(&clean),
            rejected_sha256: Digest::of(&rejected),
            quality,
            profile,
        };
        Ok(Self {
            rejected: rejected.into(),
            clean: clean.into(),
            row_hashes,
            report,
        })
    }
}

async fn store(lake: &Lake, key: &Key, bytes: Bytes) -> Result<(), PreprocessError> {
    match lake.put_once(key, bytes).await {
        Ok(_) => Ok(()),
        Err(LakeError::AlreadyExists { key }) => Err(PreprocessError::Overtaken { key }),
        Err(error) => Err(error.into()),
    }
}

fn answer(batch: &BatchId, report: &BatchReport) -> Response {
    let quality: &QualityReport = &report.quality;
    Response {
        rows: Rows {
            raw: quality.raw,
            clean: quality.clean,
            rejected: quality.rejected_rows(),
            duplicates: quality.duplicates(),
        },
        clean_key: key::clean(batch),
        clean_sha256: report.clean_sha256,
        rejected_key: key::rejected(batch),
        profile_key: key::profile(batch),
        columns_new: listed(&quality.columns_new),
        columns_gone: listed(&quality.columns_gone),
    }
}

/// The first names, as many as fit into [`LISTED_BYTES`] of JSON.
fn listed(names: &[String]) -> Vec<String> {
    let mut bytes = 0;
    let fits = |name: &&String| {
        // A control character takes six bytes of JSON; every name takes quotes and a comma.
        let escaped = name.chars().map(|c| {
            if c.is_control() || "\"\\".contains(c) {
                6
            } else {
                c.len_utf8()
            }
        });
        bytes += escaped.sum::<usize>() + 3;
        bytes <= LISTED_BYTES
    };
    names.iter().take_while(fits).cloned().collect()
}

/// Heavy work on a thread that may block: the data frame library's own threads panic inside a
/// runtime of one thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PreprocessError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(PreprocessError::Stopped)
}
