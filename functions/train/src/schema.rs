//! The schema that the rows of a version were read by: what its inputs mean.

use tasador_flow::train::Request;
use tasador_ids::Digest;
use tasador_lake::{LakeError, key};
use tasador_listing::schema_file::{SchemaFile, VERSION};
use tasador_registry::ListingSchema;
use tasador_runtime::Context;

use crate::Error;

/// The schema by which the newest batch of the dataset was read: it has what earlier ones were read by.
pub(crate) async fn of(request: &Request, ctx: &Context) -> Result<Option<ListingSchema>, Error> {
    let (lake, dataset) = (&ctx.lake, request.dataset);
    let manifest = tasador_dataset::manifest(lake, dataset, &request.dataset_key).await;
    let manifest = manifest.map_err(|source| Error::Dataset {
        dataset,
        source: Box::new(source),
    })?;
    let Some(newest) = manifest.batches.last() else {
        return Ok(None);
    };
    let key = key::schema(&newest.batch);
    let (sha256, key) = match lake.get(&key).await {
        Ok(text) => (Digest::of(&text), Some(key)),
        Err(LakeError::NotFound { .. }) => {
            let default = SchemaFile::default().to_toml("", |_| Vec::new());
            (Digest::of(default.as_bytes()), None)
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Some(ListingSchema {
        format: VERSION,
        sha256,
        key,
    }))
}

/// What the model card says of it.
pub(crate) fn section(schema: &ListingSchema) -> String {
    let ListingSchema {
        format,
        sha256,
        key,
    } = schema;
    let place = match key {
        Some(key) => format!("`{key}`"),
        None => "the default schema of this program".to_owned(),
    };
    format!(
        "\n## Schema\n\nThe newest listings were read by {place}, format {format}, SHA-256 `{sha256}`.\n"
    )
}
