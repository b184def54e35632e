//! The schema that a batch is read by.
//!
//! The first attempt at a batch stores the schema that it found beside the batch's profile. Later ones
//! use that, so a schema that changes meanwhile does not change files that are half written, and it is
//! known by which schema a model's rows were read. The kinds of columns in earlier batches are in it, too.

use std::collections::BTreeMap;

use tasador_check::schema;
use tasador_ids::BatchId;
use tasador_lake::{LakeError, key};
use tasador_listing::ColumnKind;
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
    file.remembered = remembered(batch, ctx).await?;
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

/// The kinds of other columns in earlier batches, of which the newest that models learn from has a list.
async fn remembered(
    batch: &BatchId,
    ctx: &Context,
) -> Result<BTreeMap<String, ColumnKind>, PreprocessError> {
    let batches = ctx.registry.usable_batches().await?;
    let newest = batches.iter().rev().find(|other| other.batch != *batch);
    let Some(newest) = newest else {
        return Ok(BTreeMap::new());
    };
    let report = crate::stored_report(&newest.batch, ctx).await?;
    Ok(report.map_or_else(BTreeMap::new, |report| report.quality.kinds()))
}
