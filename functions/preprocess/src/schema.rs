//! The schema that a batch is read by.
//!
//! The first attempt at a batch stores the schema that it found beside the batch's profile. Later ones
//! use that, so a schema that changes meanwhile does not change files that are half written, and it is
//! known by which schema a model's rows were read. The kinds of columns in earlier batches are in it, too.

use std::collections::BTreeMap;

use bytes::Bytes;
use tasador_ids::{BatchId, Units};
use tasador_lake::{Key, LakeError, key};
use tasador_listing::ColumnKind;
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
    let (text, declared) = match current(ctx).await? {
        Some((text, place)) => {
            let file = read(&text, &place)?;
            check_units(&file, &place, ctx)?;
            (Some(text), file)
        }
        None => (None, SchemaFile::default()),
    };
    let mut file = declared.clone();
    let (units, usual) = (ctx.config.units(), Units::default());
    if units.currency != usual.currency {
        file.currency = Some(units.currency);
    }
    if units.area != usual.area {
        file.area_unit = Some(units.area);
    }
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

/// Prices and areas of all batches have the units of the installation.
fn check_units(file: &SchemaFile, place: &str, ctx: &Context) -> Result<(), PreprocessError> {
    let units = ctx.config.units();
    let differs = |setting, declared: String, configured: String| {
        (declared != configured).then(|| PreprocessError::Units {
            place: place.to_owned(),
            setting,
            declared,
            configured,
        })
    };
    let currency = file.currency.and_then(|currency| {
        let configured = units.currency.to_string();
        differs("TASADOR_CURRENCY", currency.to_string(), configured)
    });
    let area = file.area_unit.and_then(|area| {
        let configured = units.area.to_string();
        differs("TASADOR_AREA_UNIT", area.to_string(), configured)
    });
    currency.or(area).map_or(Ok(()), Err)
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
