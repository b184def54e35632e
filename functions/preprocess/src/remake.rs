//! Files of a batch that were damaged or lost, made again from its raw object.
//!
//! The same raw object and the same duplicates give the same bytes. Which rows counted as duplicates
//! follows from the stored hashes of the batch's own rows. If those were lost too, the sets that may have been
//! used are tried, and the recorded SHA-256 tells which one was.

use tasador_flow::CleanFile;
use tasador_ids::{BatchId, Digest};
use tasador_lake::{LakeError, key};
use tasador_listing::BatchReport;
use tasador_reader::Draft;
use tasador_runtime::Context;
use tasador_seen::Hashes;

use crate::{Files, Known, PreprocessError, Request, blocking, read_raw, schema};

/// What became of the files.
#[derive(Debug, Clone, PartialEq)]
pub struct Remade {
    pub report: BatchReport,
    /// Whether the clean rows have the bytes that were recorded. If not, the registry has the new ones.
    pub same: bool,
}

/// Whether the clean or the rejected rows are missing or differ from the report.
pub(crate) async fn is_damaged(
    batch: &BatchId,
    report: &BatchReport,
    ctx: &Context,
) -> Result<bool, LakeError> {
    for (key, digest) in [
        (key::clean(batch), report.clean_sha256),
        (key::rejected(batch), report.rejected_sha256),
    ] {
        match ctx.lake.check(&key, Some(digest)).await {
            Ok(_) => {}
            Err(error @ (LakeError::Corrupt { .. } | LakeError::NotFound { .. })) => {
                tracing::error!(%key, "made again from the raw batch: {error}");
                return Ok(true);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Makes the files of `request.batch` again, whatever is stored of them.
///
/// # Errors
/// [`PreprocessError`]; damaged raw bytes are among them.
pub async fn remake(request: &Request, ctx: &Context) -> Result<Remade, PreprocessError> {
    let report = crate::stored_report(&request.batch, ctx).await?;
    Box::pin(again(request, report.as_ref(), ctx)).await
}

pub(crate) async fn again(
    request: &Request,
    report: Option<&BatchReport>,
    ctx: &Context,
) -> Result<Remade, PreprocessError> {
    let batch = &request.batch;
    let recorded = ctx.registry.outcome_of(batch).await?;
    let recorded = recorded.and_then(|outcome| outcome.clean);
    let wanted = recorded
        .as_ref()
        .map(|clean| clean.sha256)
        .or_else(|| report.map(|report| report.clean_sha256));
    let files = matching(request, wanted, ctx).await?;
    let same = wanted.is_none_or(|wanted| wanted == files.report.clean_sha256);
    let report_json = serde_json::to_vec(&files.report).map_err(PreprocessError::Report)?;
    let rejected_csv = files
        .rejected_csv
        .map(|csv| (key::rejected_csv(batch), csv));
    let others = [
        (key::rejected(batch), files.rejected),
        (key::clean(batch), files.clean),
        (key::profile(batch), report_json.into()),
    ];
    for (key, bytes) in rejected_csv.into_iter().chain(others) {
        let digest = Digest::of(&bytes);
        match ctx.lake.check(&key, Some(digest)).await {
            Ok(_) => {}
            Err(LakeError::Corrupt { .. } | LakeError::NotFound { .. }) => {
                ctx.lake.put(&key, bytes).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    match crate::remember(batch, files.row_hashes, ctx).await {
        // The rows differ from those that were lost. What is stored stays: it only decides which rows
        // of later batches are duplicates.
        Ok(()) | Err(PreprocessError::Overtaken { .. }) => {}
        Err(error) => return Err(error),
    }
    if recorded.is_some() && !same {
        let clean = CleanFile {
            key: key::clean(batch),
            sha256: files.report.clean_sha256,
            rows: files.report.quality.clean,
        };
        ctx.registry.replace_clean(batch, &clean).await?;
        tracing::warn!(%batch, "the clean rows that were made again differ from those that were lost; datasets from now on have the new ones");
    }
    Ok(Remade {
        report: files.report,
        same,
    })
}

/// The files with the wanted clean rows, or those that what is known today gives.
async fn matching(
    request: &Request,
    wanted: Option<Digest>,
    ctx: &Context,
) -> Result<Files, PreprocessError> {
    let batch = &request.batch;
    // The schema that the batch was read by, as it was.
    let file = schema::of_batch(&request.batch, true, ctx).await?;
    let draft = read_raw(request, file.clone(), ctx).await?;
    let known = Known::of(draft.known(), batch, ctx).await?;
    let likely = known.elsewhere();
    let first = with_duplicates(draft, likely.clone()).await?;
    let is_wanted = |files: &Files| wanted.is_none_or(|wanted| wanted == files.report.clean_sha256);
    if is_wanted(&first) {
        return Ok(first);
    }
    for elsewhere in [known.usable, known.all, Hashes::default()] {
        if elsewhere == likely {
            continue;
        }
        // Read again: a draft of a large batch is not kept twice in memory.
        let draft = read_raw(request, file.clone(), ctx).await?;
        let files = with_duplicates(draft, elsewhere).await?;
        if is_wanted(&files) {
            return Ok(files);
        }
    }
    Ok(first)
}

async fn with_duplicates(draft: Draft, elsewhere: Hashes) -> Result<Files, PreprocessError> {
    Ok(blocking(move || Files::of(draft, &elsewhere)).await??)
}
