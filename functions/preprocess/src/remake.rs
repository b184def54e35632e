//! Files of a batch that were damaged or lost, made again from its raw object.
//!
//! The same raw object and the same duplicates give the same bytes. Which rows counted as duplicates
//! follows from the marks; what other batches came to since may have changed that, so the sets that may
//! have been used are tried, and the recorded hash tells which one was.

use std::collections::HashSet;

use tasador_flow::CleanFile;
use tasador_ids::{BatchId, Digest};
use tasador_lake::{LakeError, key};
use tasador_listing::BatchReport;
use tasador_runtime::Context;

use crate::{Files, PreprocessError, Request, blocking, known_elsewhere, read_raw, table};

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
    for (key, bytes) in [
        (key::rejected(batch), files.rejected),
        (key::clean(batch), files.clean),
        (key::profile(batch), report_json.into()),
    ] {
        let digest = Digest::of(&bytes);
        match ctx.lake.check(&key, Some(digest)).await {
            Ok(_) => {}
            Err(LakeError::Corrupt { .. } | LakeError::NotFound { .. }) => {
                ctx.lake.put(&key, bytes).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let elsewhere = known_elsewhere(&files.row_hashes, batch, ctx).await?;
    let mut marks = files.row_hashes;
    marks.retain(|hash| !elsewhere.contains(hash));
    ctx.registry.mark_rows(&marks, batch).await?;
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

/// The files with the wanted clean rows, or those that today's marks give.
async fn matching(
    request: &Request,
    wanted: Option<Digest>,
    ctx: &Context,
) -> Result<Files, PreprocessError> {
    let batch = &request.batch;
    let draft = read_raw(request, ctx).await?;
    let row_hashes = draft.row_hashes().to_vec();
    let today = known_elsewhere(&row_hashes, batch, ctx).await?;
    let marked = ctx.registry.rows_seen(&row_hashes, batch).await?;
    let marked: HashSet<u128> = marked.into_keys().collect();
    let first = with_duplicates(draft, today.clone()).await?;
    let is_wanted = |files: &Files| wanted.is_none_or(|wanted| wanted == files.report.clean_sha256);
    if is_wanted(&first) {
        return Ok(first);
    }
    for elsewhere in [marked, HashSet::new()] {
        if elsewhere == today {
            continue;
        }
        // Read again: a draft of a large batch is not kept twice in memory.
        let draft = read_raw(request, ctx).await?;
        let files = with_duplicates(draft, elsewhere).await?;
        if is_wanted(&files) {
            return Ok(files);
        }
    }
    Ok(first)
}

async fn with_duplicates(
    draft: crate::Draft,
    elsewhere: HashSet<u128>,
) -> Result<Files, PreprocessError> {
    Ok(blocking(move || Files::of(draft, &elsewhere)).await??)
}

/// Marks the rows of a batch's clean file as seen, unless another batch has them: for a registry that was
/// lost. Nothing happens if there is no such file, or if it is damaged: [`remake`] marks the rows, too.
///
/// # Errors
/// [`PreprocessError`].
pub async fn mark(batch: &BatchId, ctx: &Context) -> Result<(), PreprocessError> {
    let key = key::clean(batch);
    let bytes = match ctx.lake.get(&key).await {
        Ok(bytes) => bytes,
        Err(LakeError::NotFound { .. } | LakeError::Corrupt { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let rows = blocking(move || table::row_hashes(bytes)).await?;
    let rows: Vec<u128> = match rows {
        Ok(rows) => rows.into_iter().collect(),
        Err(source) => return Err(PreprocessError::Left { key, source }),
    };
    let seen = ctx.registry.rows_seen(&rows, batch).await?;
    let marks: Vec<u128> = rows
        .into_iter()
        .filter(|row| !seen.contains_key(row))
        .collect();
    ctx.registry.mark_rows(&marks, batch).await?;
    Ok(())
}
