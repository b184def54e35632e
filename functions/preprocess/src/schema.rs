//! The schema that a batch is read by.
//!
//! The first attempt at a batch stores the schema that it found beside the batch's profile. Later ones
//! use that, so a schema that changes meanwhile does not change files that are half written, and it is
//! known by which schema a model's rows were read. It also has the kinds of columns in earlier batches, and from
//! which of the source's columns these read the known ones.

use tasador_check::schema;
use tasador_ids::BatchId;
use tasador_lake::{LakeError, key};
use tasador_listing::QualityReport;
use tasador_listing::schema_file::SchemaFile;
use tasador_runtime::Context;

use crate::PreprocessError;

/// The schema of a batch; `is_begun` if an earlier attempt has decided upon its clean rows.
pub(crate) async fn of_batch(
    batch: &BatchId,
    is_begun: bool,
    ctx: &Context,
) -> Result<SchemaFile, PreprocessError> {
    let pinned = key::schema(batch);
    if let Some(text) = schema::stored(&pinned, ctx).await? {
        return Ok(schema::read(&text, pinned.as_str())?);
    }
    if is_begun {
        return Ok(SchemaFile::default());
    }
    let (text, declared) = match schema::current(ctx).await? {
        Some(declared) => (Some(declared.text), declared.file),
        None => (None, SchemaFile::default()),
    };
    let mut file = schema::with_units(declared.clone(), ctx.config.units());
    if let Some(earlier) = earlier(batch, ctx).await? {
        file.remembered = earlier.kinds();
        file.pinned = earlier.pinned;
    }
    let text = match text {
        Some(text) if file == declared => text,
        None if file == declared => return Ok(file),
        _ => {
            let title = "The schema that the batch was read by.";
            file.to_toml(title, |_| Vec::new()).into()
        }
    };
    match ctx.lake.put_once(&pinned, text).await {
        Ok(_) => Ok(file),
        Err(LakeError::AlreadyExists { key }) => Err(PreprocessError::Overtaken { key }),
        Err(error) => Err(error.into()),
    }
}

/// The report of the newest other batch that models learn from: it has what was remembered before it, too.
async fn earlier(batch: &BatchId, ctx: &Context) -> Result<Option<QualityReport>, PreprocessError> {
    let batches = ctx.registry.usable_batches().await?;
    let newest = batches.iter().rev().find(|other| other.batch != *batch);
    let Some(newest) = newest else {
        return Ok(None);
    };
    let report = crate::stored_report(&newest.batch, ctx).await?;
    Ok(report.map(|report| report.quality))
}
