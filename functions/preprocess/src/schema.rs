//! The schema that a batch is read by.
//!
//! The first attempt at a batch stores the schema that it found beside the batch's profile. Later ones
//! use that, so a schema that changes meanwhile does not change files that are half written, and it is
//! known by which schema a model's rows were read.

use bytes::Bytes;
use tasador_ids::BatchId;
use tasador_lake::{Key, LakeError, key};
use tasador_listing::schema_file::{FILE_NAME, SchemaFile};
use tasador_runtime::Context;

use crate::PreprocessError;

/// The schema of a batch; `is_begun` if an earlier attempt has decided upon its clean rows.
pub(crate) async fn of_batch(
    batch: &BatchId,
    is_begun: bool,
    ctx: &Context,
) -> Result<SchemaFile, PreprocessError> {
    let pinned = key::schema(batch);
    if let Some(text) = stored(&pinned, ctx).await? {
        return read(&text, pinned.as_str());
    }
    if is_begun {
        return Ok(SchemaFile::default());
    }
    let Some((text, place)) = current(ctx).await? else {
        return Ok(SchemaFile::default());
    };
    let file = read(&text, &place)?;
    match ctx.lake.put_once(&pinned, text).await {
        Ok(_) => Ok(file),
        Err(LakeError::AlreadyExists { key }) => Err(PreprocessError::Overtaken { key }),
        Err(error) => Err(error.into()),
    }
}

/// The schema as it is now, and where it is: the configured file, otherwise the bucket's.
async fn current(ctx: &Context) -> Result<Option<(Bytes, String)>, PreprocessError> {
    if let Some(path) = &ctx.config.schema {
        let place = path.display().to_string();
        match std::fs::read(path) {
            Ok(text) => return Ok(Some((text.into(), place))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(PreprocessError::SchemaUnreadable { place, source }),
        }
    }
    let key = key::listing_schema();
    let text = stored(&key, ctx).await?;
    Ok(text.map(|text| (text, format!("{FILE_NAME} in the bucket"))))
}

async fn stored(key: &Key, ctx: &Context) -> Result<Option<Bytes>, LakeError> {
    match ctx.lake.get(key).await {
        Ok(text) => Ok(Some(text)),
        Err(LakeError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(text: &[u8], place: &str) -> Result<SchemaFile, PreprocessError> {
    SchemaFile::read(text).map_err(|source| PreprocessError::Schema {
        place: place.to_owned(),
        source,
    })
}
