//! The transition of a version to another stage. `Production` of the pipeline's own model is reached by a
//! promotion.

use tasador_ids::{ModelName, ModelVersion};
use tasador_runtime::Context;

use crate::args::Args;
use crate::error::{Answer, ApiError, Code};
use crate::promotion::set_champion;
use crate::registered::{answer_version, change_version, touch, version};
use crate::stage::Stage;

pub(crate) async fn transition(ctx: &Context, args: Args) -> Answer {
    let stage = Stage::read(&args.text("stage")?.unwrap_or_default())?;
    let record = version(ctx, &args).await?;
    let (model, number) = (&record.model, record.version);
    let archives_others = args.flag("archive_existing_versions")?.unwrap_or(false);
    if archives_others && !matches!(stage, Stage::Production | Stage::Staging) {
        return Err(ApiError::invalid(
            "Model version transition cannot archive existing model versions because 'archive_existing_versions' \
             is only valid for the stages Staging and Production.",
        ));
    }
    let champion = ctx.registry.champion(model).await?;
    let champion = champion.map(|champion| champion.version);
    if *model == ctx.config.model {
        if stage == Stage::Production {
            set_champion(ctx, model, number).await?;
        } else if champion == Some(number) {
            return Err(ApiError::new(
                Code::InvalidState,
                "The champion cannot leave Production: promote another version first.",
            ));
        }
    }
    if archives_others {
        for other in ctx.registry.all_versions(model).await? {
            if Stage::of(&other, champion, ctx) == stage && other.version != number {
                label(ctx, model, other.version, Stage::Archived).await?;
            }
        }
    }
    label(ctx, model, number, stage).await?;
    touch(ctx, model).await?;
    answer_version(ctx, model, number).await
}

async fn label(
    ctx: &Context,
    model: &ModelName,
    version: ModelVersion,
    stage: Stage,
) -> Result<(), ApiError> {
    change_version(ctx, model, version, &|record| {
        record.stage = Some(stage.name().to_owned());
    })
    .await
}
