//! The schema that batches are read by: the configured file, otherwise the bucket's `tasador.toml`.

use bytes::Bytes;
use tasador_ids::Units;
use tasador_lake::{Key, LakeError, key};
use tasador_listing::schema_file::{FILE_NAME, SchemaFile, SchemaFileError};
use tasador_runtime::{Classify, Context, ErrorClass};

/// Why there is no schema to read a batch by.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error(
        "{place} cannot be used as the schema of listings; correct it, then process the batch again"
    )]
    Invalid {
        place: String,
        source: SchemaFileError,
    },
    #[error("the schema of listings at {place} cannot be read")]
    Unreadable {
        place: String,
        source: std::io::Error,
    },
    #[error(
        "{place} declares {declared}, and {setting} is {configured}; make them equal, start again, then process the batch again"
    )]
    Units {
        place: String,
        setting: &'static str,
        declared: String,
        configured: String,
    },
    #[error("the bucket failed")]
    Lake(#[from] LakeError),
}

impl Classify for SchemaError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Lake(error) => error.class(),
            _ => ErrorClass::InvalidInput,
        }
    }
}

/// A schema that somebody declared.
#[derive(Debug, Clone)]
pub struct Declared {
    pub text: Bytes,
    pub file: SchemaFile,
    /// Where it is, for people.
    pub place: String,
}

/// The schema as it is now, with the units of the installation; `None` if none is declared.
///
/// # Errors
/// [`SchemaError`].
pub async fn current(ctx: &Context) -> Result<Option<Declared>, SchemaError> {
    let Some((text, place)) = found(ctx).await? else {
        return Ok(None);
    };
    let file = read(&text, &place)?;
    check_units(&file, &place, ctx.config.units())?;
    Ok(Some(Declared { text, file, place }))
}

/// Declares a schema in the bucket, where there is none yet.
///
/// # Errors
/// [`SchemaError`]: one that cannot be used, or another one that was declared meanwhile.
pub async fn declare(ctx: &Context, text: &str) -> Result<(), SchemaError> {
    usable(ctx, text)?;
    let key = key::listing_schema();
    ctx.lake
        .put_once(&key, Bytes::from(text.to_owned()))
        .await?;
    Ok(())
}

/// A schema that a person wrote on the page.
///
/// # Errors
/// [`SchemaError`] if it cannot be used.
pub fn usable(ctx: &Context, text: &str) -> Result<SchemaFile, SchemaError> {
    let place = "this mapping";
    let file = read(text.as_bytes(), place)?;
    check_units(&file, place, ctx.config.units())?;
    Ok(file)
}

/// `file` where the installation has other units than usual: they are those of all batches.
pub fn with_units(mut file: SchemaFile, units: Units) -> SchemaFile {
    let usual = Units::default();
    if units.currency != usual.currency {
        file.currency = Some(units.currency);
    }
    if units.area != usual.area {
        file.area_unit = Some(units.area);
    }
    file
}

async fn found(ctx: &Context) -> Result<Option<(Bytes, String)>, SchemaError> {
    if let Some(path) = &ctx.config.schema {
        let place = path.display().to_string();
        match std::fs::read(path) {
            Ok(text) => return Ok(Some((text.into(), place))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(SchemaError::Unreadable { place, source }),
        }
    }
    let text = stored(&key::listing_schema(), ctx).await?;
    Ok(text.map(|text| (text, format!("{FILE_NAME} in the bucket"))))
}

/// Prices and areas of all batches have the units of the installation.
fn check_units(file: &SchemaFile, place: &str, units: Units) -> Result<(), SchemaError> {
    let differs = |setting, declared: String, configured: String| {
        (declared != configured).then(|| SchemaError::Units {
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

/// The schema at this key, if there is one.
///
/// # Errors
/// [`LakeError`], unless the object does not exist.
pub async fn stored(key: &Key, ctx: &Context) -> Result<Option<Bytes>, LakeError> {
    match ctx.lake.get(key).await {
        Ok(text) => Ok(Some(text)),
        Err(LakeError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a schema, which is at this place.
///
/// # Errors
/// [`SchemaError::Invalid`].
pub fn read(text: &[u8], place: &str) -> Result<SchemaFile, SchemaError> {
    SchemaFile::read(text).map_err(|source| SchemaError::Invalid {
        place: place.to_owned(),
        source,
    })
}
