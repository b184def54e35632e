//! Turns a raw batch into clean rows, rejected rows with their reasons, and a report on both.
//!
//! Nothing is dropped silently: raw = clean + rejected + duplicates, always. The work grows with the
//! batch, not with the history: rows of other batches are looked up by hash.
//!
//! A batch is read by `tasador.toml`, in the bucket or in the configured file, if there is one.
//!
//! # Repeated calls
//! Objects are written in the order rejected rows, hashes of the clean rows, clean rows, report. If the
//! report exists, everything is done and the report is the answer. If only the hashes exist, an
//! earlier attempt was interrupted, and other batches may have arrived since. The batch keeps the rows
//! that were decided upon, so the same files result.
//!
//! Damaged or missing files are made again from the raw object, by the next call with the batch.

mod error;
mod remake;
mod schema;

use std::sync::Arc;

use bytes::Bytes;
use tasador_flow::{Period, Rows};
use tasador_ids::{BatchId, Digest};
use tasador_lake::{Key, Lake, LakeError, key};
use tasador_listing::clean::date_from_days;
use tasador_listing::profile::Body;
use tasador_listing::schema_file::SchemaFile;
use tasador_listing::{BatchReport, ColumnKind, Profile, QualityReport};
use tasador_reader::{
    Cleaned, Draft, FrameError, draft, first_as_csv, read, row_hashes, to_parquet,
};
use tasador_runtime::Context;
use tasador_seen::{Hashes, Seen};

pub use error::PreprocessError;
pub use remake::{Remade, remake};
pub use tasador_flow::preprocess::{Request, Response};

/// The most bytes of a list of columns in the answer, because every later state passes it on and a
/// state's output stays below 16 KB. The complete list is in the report.
const LISTED_BYTES: usize = 1_500;

/// Cleans `request.batch` and stores the files.
///
/// # Errors
/// [`PreprocessError`]. A batch that cannot be read is `InvalidInput`. A batch without clean rows is
/// not an error: the gate judges it.
pub async fn handle(request: Request, ctx: &Context) -> Result<Response, PreprocessError> {
    // The calls to AWS nest deeper than the compiler follows through a caller's own futures.
    Box::pin(preprocess(&request, ctx)).await
}

async fn preprocess(request: &Request, ctx: &Context) -> Result<Response, PreprocessError> {
    let batch = &request.batch;
    if let Some(report) = stored_report(batch, ctx).await? {
        if !remake::is_damaged(batch, &report, ctx).await? {
            tracing::info!("preprocessed already");
            return Ok(answer(batch, &report));
        }
        let report = remake::again(request, Some(&report), ctx).await?.report;
        return Ok(answer(batch, &report));
    }
    // The report is written last. If it was lost of a batch with an outcome, its rows are known.
    if ctx
        .registry
        .outcome_of(batch)
        .await?
        .is_some_and(|outcome| outcome.clean.is_some())
    {
        let report = remake::again(request, None, ctx).await?.report;
        return Ok(answer(batch, &report));
    }
    let is_begun =
        ctx.lake.exists(&key::seen(batch)).await? || ctx.lake.exists(&key::clean(batch)).await?;
    let file = schema::of_batch(batch, is_begun, ctx).await?;
    let draft = read_raw(request, file, ctx).await?;
    let elsewhere = Known::of(draft.known(), batch, ctx).await?.elsewhere();
    let files = blocking(move || Files::of(draft, &elsewhere)).await??;

    store(&ctx.lake, &key::rejected(batch), files.rejected).await?;
    if let Some(csv) = files.rejected_csv {
        store(&ctx.lake, &key::rejected_csv(batch), csv).await?;
    }
    remember(batch, files.row_hashes, ctx).await?;
    store(&ctx.lake, &key::clean(batch), files.clean).await?;
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
        raw,
        clean,
        rejected,
        duplicates,
        "cleaned: {clean} of {raw} rows are clean, {rejected} rejected, {duplicates} duplicates"
    );
    Ok(answer)
}

/// Which rows of a draft belong to whom.
pub(crate) struct Known {
    rows: Arc<Hashes>,
    /// The rows that an earlier attempt decided upon.
    own: Option<Hashes>,
    /// The rows of other batches.
    all: Hashes,
    /// The rows of other batches, without those of batches that were refused as a whole: those rows
    /// are in no dataset, so a corrected copy is not a duplicate.
    usable: Hashes,
}

impl Known {
    async fn of(
        rows: Arc<Hashes>,
        batch: &BatchId,
        ctx: &Context,
    ) -> Result<Self, PreprocessError> {
        let Seen { own, elsewhere } = Seen::find(&ctx.lake, batch, &rows).await?;
        let mut known = Self {
            own: None,
            all: Hashes::default(),
            usable: Hashes::default(),
            rows,
        };
        known.own = match own {
            Some(own) => known.sound(own),
            None => clean_rows(batch, ctx)
                .await?
                .and_then(|own| known.sound(own)),
        };
        for (owner, hashes) in elsewhere {
            known.all.extend(&hashes);
            let outcome = ctx.registry.outcome_of(&owner).await?;
            if !outcome.is_some_and(|outcome| outcome.leaves_rows_out()) {
                known.usable.extend(&hashes);
            }
        }
        Ok(known)
    }

    /// Another version of this program may have hashed rows differently; then nothing is known.
    fn sound(&self, own: Hashes) -> Option<Hashes> {
        own.iter()
            .all(|hash| self.rows.contains(hash))
            .then_some(own)
    }

    /// The rows that do not belong to the batch.
    fn elsewhere(&self) -> Hashes {
        match &self.own {
            Some(own) => self
                .rows
                .iter()
                .filter(|hash| !own.contains(hash))
                .copied()
                .collect(),
            None => self.usable.clone(),
        }
    }
}

/// Stores the hashes of a batch's clean rows.
pub(crate) async fn remember(
    batch: &BatchId,
    hashes: Vec<u128>,
    ctx: &Context,
) -> Result<(), PreprocessError> {
    match tasador_seen::write(&ctx.lake, batch, hashes).await {
        Ok(()) => Ok(()),
        Err(LakeError::AlreadyExists { key }) => Err(PreprocessError::Overtaken { key }),
        Err(error) => Err(error.into()),
    }
}

/// The report that an earlier attempt stored.
async fn stored_report(batch: &BatchId, ctx: &Context) -> Result<Option<BatchReport>, LakeError> {
    match ctx.lake.get_json(&key::profile(batch)).await {
        Ok(report) => Ok(Some(report)),
        Err(LakeError::NotFound { .. } | LakeError::Corrupt { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The rows of the batch's clean file, if there is a sound one.
async fn clean_rows(batch: &BatchId, ctx: &Context) -> Result<Option<Hashes>, PreprocessError> {
    let key = key::clean(batch);
    let bytes = match ctx.lake.get(&key).await {
        Ok(bytes) => bytes,
        Err(LakeError::NotFound { .. }) => return Ok(None),
        Err(LakeError::Corrupt { reason, .. }) => {
            tracing::error!(%key, "the clean rows are damaged, and are made again: {reason}");
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    match blocking(move || row_hashes(bytes)).await? {
        Ok(rows) => Ok(Some(rows)),
        Err(source) => Err(PreprocessError::Left { key, source }),
    }
}

/// Fetches, verifies, reads and cleans the raw object.
async fn read_raw(
    request: &Request,
    mut file: SchemaFile,
    ctx: &Context,
) -> Result<Draft, PreprocessError> {
    // A file in another currency is reported.
    file.currency.get_or_insert(ctx.config.currency);
    let digest = request.batch.digest();
    let bytes = ctx.lake.get_verified(&request.key, digest).await?;
    let (key, format) = (request.key.clone(), request.format);
    blocking(move || match read(bytes, format, &file) {
        Ok(raw) => Ok(draft(raw, &file)?),
        Err(source) => Err(PreprocessError::Unreadable { key, source }),
    })
    .await?
}

/// What is stored of a batch.
struct Files {
    rejected: Bytes,
    /// The first rejected rows, if there are any.
    rejected_csv: Option<Bytes>,
    clean: Bytes,
    row_hashes: Vec<u128>,
    report: BatchReport,
}

impl Files {
    fn of(draft: Draft, elsewhere: &Hashes) -> Result<Self, FrameError> {
        let Cleaned {
            clean,
            rejected,
            quality,
            profile,
            row_hashes,
            ..
        } = draft.finish(|hash| elsewhere.contains(&hash))?;
        let rejected_csv = first_as_csv(&rejected)?.map(Bytes::from);
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
            rejected_csv,
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
        recognised: recognised(quality),
        columns_new: listed(&quality.columns_new),
        columns_gone: listed(&quality.columns_gone),
        period: period(&report.profile),
        rejected_for: quality
            .rejected
            .iter()
            .map(|(reason, rows)| (reason.code().to_owned(), *rows))
            .collect(),
    }
}

/// The days that the dates of the clean rows span: those of the column of dates with the most values.
fn period(profile: &Profile) -> Option<Period> {
    let dates = profile.columns.iter();
    let fullest = dates
        .filter(|column| column.kind == ColumnKind::Date && column.values > 0)
        .max_by_key(|column| column.values)?;
    let Body::Number { min, max, .. } = fullest.body else {
        return None;
    };
    Some(Period {
        first: date_from_days(min? as i32)?,
        last: date_from_days(max? as i32)?,
    })
}

/// What was recognised of the columns.
fn recognised(quality: &QualityReport) -> Vec<String> {
    let sentences = quality
        .problems
        .iter()
        .map(|problem| problem.sentence.clone());
    listed(&sentences.collect::<Vec<String>>())
}

/// The first names, as many as fit in [`LISTED_BYTES`] of JSON.
fn listed(names: &[String]) -> Vec<String> {
    let mut bytes = 0;
    let fits = |name: &&String| {
        // A control character takes six bytes of JSON; every name also takes quotes and a comma.
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

/// Runs the work on a blocking thread: the data frame library's threads panic inside a
/// single-threaded runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PreprocessError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(PreprocessError::Stopped)
}
