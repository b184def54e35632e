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
const SOURCE_MAX_CHARS: usize = 65_535;
const TAG_KEY_MAX_CHARS: usize = 255;
const TAG_VALUE_MAX_CHARS: usize = 500;
/// The most experiments whose datasets are listed at once.
const SEARCH_EXPERIMENTS_MAX: usize = 20;
/// The most datasets that are listed at once.
const SUMMARIES_MAX: usize = 1_000;
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

/// The datasets of experiments, which pages offer as filters.
pub(crate) async fn search_datasets(ctx: &Context, args: Args) -> Answer {
    let experiments = args.texts("experiment_ids")?;
    if experiments.is_empty() || experiments.len() > SEARCH_EXPERIMENTS_MAX {
        return Err(ApiError::invalid(format!(
            "SearchDatasets request must specify at least one and at most {SEARCH_EXPERIMENTS_MAX} experiment_ids."
        )));
    }
    let mut found = Vec::new();
    for experiment_id in &experiments {
        found.extend(ctx.registry.datasets(experiment_id).await?);
    }
    found.truncate(SUMMARIES_MAX);
    Ok(json!({"dataset_summaries": found}))
}

pub(crate) async fn log_outputs(ctx: &Context, args: Args) -> Answer {
    let links = RunLinks {
        models_out: models(&args)?,
        ..RunLinks::default()
    };
    link(ctx, &args, links).await
}

async fn link(ctx: &Context, args: &Args, links: RunLinks) -> Answer {
    let run = runs::active(ctx, &args.required("run_id")?).await?;
    ctx.registry.link(&run, &links).await?;
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
    check_length("source", &link.source, SOURCE_MAX_CHARS)?;
    for (key, value) in &link.tags {
        check_length("key", key, TAG_KEY_MAX_CHARS)?;
        check_length("value", value, TAG_VALUE_MAX_CHARS)?;
    }
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
