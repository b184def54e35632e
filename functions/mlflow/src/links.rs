//! The inputs and outputs of runs: datasets and logged models.

use serde_json::json;
use tasador_registry::{DatasetLink, ModelLink, RunLinks};
use tasador_runtime::Context;

use crate::args::Args;
use crate::error::{Answer, ApiError};
use crate::language::check_length;
use crate::runs;

/// The longest name of a dataset, in characters.
const NAME_MAX_CHARS: usize = 500;
/// The longest digest of a dataset, in characters.
const DIGEST_MAX_CHARS: usize = 36;
/// The largest text of a dataset, in bytes: an item of the table has at most 400 KB.
const TEXT_MAX_BYTES: usize = 150_000;

pub(crate) async fn log_inputs(ctx: &Context, args: Args) -> Answer {
    let datasets = args.list("datasets")?;
    let links = RunLinks {
        datasets: datasets.iter().map(dataset).collect::<Result<_, _>>()?,
        models_in: models(&args)?,
        ..RunLinks::default()
    };
    link(ctx, &args, links).await
}

pub(crate) async fn log_outputs(ctx: &Context, args: Args) -> Answer {
    let links = RunLinks {
        models_out: models(&args)?,
        ..RunLinks::default()
    };
    link(ctx, &args, links).await
}

async fn link(ctx: &Context, args: &Args, links: RunLinks) -> Answer {
    let run_id = args.required("run_id")?;
    runs::active(ctx, &run_id).await?;
    ctx.registry.link(&run_id, &links).await?;
    Ok(json!({}))
}

fn dataset(input: &Args) -> Result<DatasetLink, ApiError> {
    let dataset = input.object("dataset")?;
    let link = DatasetLink {
        name: dataset.required("name")?,
        digest: dataset.required("digest")?,
        source_type: dataset.text("source_type")?.unwrap_or_default(),
        source: dataset.text("source")?.unwrap_or_default(),
        schema: dataset.text("schema")?,
        profile: dataset.text("profile")?,
        tags: input.map("tags")?,
    };
    check_length("name", &link.name, NAME_MAX_CHARS)?;
    check_length("digest", &link.digest, DIGEST_MAX_CHARS)?;
    for (what, text) in [("schema", &link.schema), ("profile", &link.profile)] {
        let size_bytes = text.as_ref().map_or(0, String::len);
        if size_bytes > TEXT_MAX_BYTES {
            return Err(ApiError::invalid(format!(
                "The {what} of dataset '{}' has more than {TEXT_MAX_BYTES} bytes.",
                link.name
            )));
        }
    }
    Ok(link)
}

fn models(args: &Args) -> Result<Vec<ModelLink>, ApiError> {
    let models = args.list("models")?.into_iter().map(|model| {
        Ok(ModelLink {
            model_id: model.required("model_id")?,
            step: model.whole("step")?.unwrap_or(0),
        })
    });
    models.collect()
}
