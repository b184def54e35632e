//! Prices a file of listings, in batches, and writes it with what is said of each listing.
//!
//! The file is read as a whole, within the limits of the readers of listings. Everything after that is
//! done for some thousand listings at a time, on all processors.

mod output;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use polars::prelude::StringChunked;
use rayon::prelude::*;
use tasador_listing::schema_file::SchemaFile;
use tasador_pricing::{Appraiser, Listings};
use tasador_reader::Raw;

pub use output::Format;
use output::{Batch, Output};

/// Listings that are priced on one thread at a time.
const BATCH_ROWS: usize = 4_096;

/// Batches that are priced before they are written together.
const BATCHES: usize = 16;

/// What came of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    pub priced: u64,
    /// Listings without a price; their reasons are in the column `error`.
    pub refused: u64,
    /// Columns of which the model used nothing.
    pub unused: Vec<String>,
    /// Inputs of the model that the file lacks.
    pub absent: Vec<String>,
    /// What was recognised of the columns, in sentences.
    pub recognised: Vec<String>,
}

/// Prices the rows of `raw` and writes them to `out`, which is complete or not there at all. Calls `progress`
/// with the number of rows after each part. `None` if `stop` was set meanwhile.
///
/// Call it on a blocking thread.
///
/// # Errors
/// Where the output cannot be written.
pub fn appraise(
    raw: &Raw,
    file: &SchemaFile,
    appraiser: &Appraiser,
    contributions: usize,
    (out, format): (&Path, Format),
    stop: &AtomicBool,
    mut progress: impl FnMut(u64),
) -> anyhow::Result<Option<Summary>> {
    let mapped = tasador_reader::listings(raw, file);
    let mut summary = Summary {
        recognised: mapped
            .problems
            .into_iter()
            .map(|problem| problem.sentence)
            .collect(),
        ..Summary::default()
    };
    let is_input = |name: &str| appraiser.inputs().iter().any(|input| input.name == name);
    let (used, unused): (Vec<_>, Vec<_>) = mapped
        .columns
        .into_iter()
        .partition(|(name, _)| is_input(name));
    summary.unused = unused.into_iter().map(|(name, _)| name).collect();
    summary.absent = appraiser
        .inputs()
        .iter()
        .filter(|input| used.iter().all(|(name, _)| *name != input.name))
        .map(|input| input.name.clone())
        .collect();
    // One piece each, so that a batch is a slice.
    let whole = |columns: &[(String, StringChunked)]| -> Vec<(String, StringChunked)> {
        let whole = columns
            .iter()
            .map(|(name, text)| (name.clone(), text.rechunk().into_owned()));
        whole.collect()
    };
    let (source, used) = (whole(&raw.columns), whole(&used));

    let mut output = Output::create(out, format, &source, appraiser)?;
    let starts: Vec<usize> = (0..raw.rows).step_by(BATCH_ROWS).collect();
    for starts in starts.chunks(BATCHES) {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let batches: Vec<Batch> = starts
            .par_iter()
            .map(|&start| {
                let rows = BATCH_ROWS.min(raw.rows - start);
                let slice = |columns: &[(String, StringChunked)]| -> Vec<StringChunked> {
                    let slices = columns
                        .iter()
                        .map(|(_, text)| text.slice(start as i64, rows));
                    slices.collect()
                };
                let slices = slice(&used);
                let columns = used.iter().zip(&slices);
                let listings = Listings {
                    rows,
                    columns: columns
                        .map(|((name, _), text)| (name.as_str(), text.iter().collect()))
                        .collect(),
                };
                let appraised = appraiser.appraise(&listings, contributions);
                output.batch(slice(&source), &appraised)
            })
            .collect::<anyhow::Result<_>>()?;
        for batch in &batches {
            summary.priced += batch.priced;
            summary.refused += batch.rows - batch.priced;
        }
        let rows = batches.iter().map(|batch| batch.rows).sum();
        output
            .write(batches)
            .with_context(|| format!("{} cannot be written", out.display()))?;
        progress(rows);
    }
    output
        .finish()
        .with_context(|| format!("{} cannot be written", out.display()))?;
    Ok(Some(summary))
}
