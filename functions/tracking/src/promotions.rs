//! The champion moved by hand: a version put into production, or an earlier one back.
//!
//! Both are held to the champion that the caller saw, so that two people, or a person and a run,
//! never overwrite each other unseen; and both leave a promotion event like a run's.

use axum::Json;
use axum::extract::{Path, Request, State};
use http::StatusCode;
use serde::Deserialize;
use tasador_ids::{ModelName, ModelVersion, RunId};
use tasador_registry::{
    PageRequest, PromoteError, Promotion, PromotionEvent, PromotionKind, Refusal,
};
use tasador_runtime::{Context, Problem};
use utoipa::ToSchema;

use crate::body::{self, Fields};
use crate::models::{model_name, no_model, version_number};
use crate::openapi::{BodyFailures, Failures};
use crate::problem::{Refused, no_such, unprocessable};

/// Promotions looked through for the champion before the one there is.
const LOOKED_THROUGH: u32 = 200;

/// The body of a promotion.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "read field by field, so that every wrong one is told"
)]
pub(crate) struct Promote {
    /// The version in production, as the caller saw it; null where there was none.
    #[schema(required = true, minimum = 1, maximum = 4_294_967_295_u32)]
    expected: Option<u32>,
    /// Why, in a sentence.
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// The body of a rollback.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "read field by field, so that every wrong one is told"
)]
pub(crate) struct RollBack {
    /// The version in production, as the caller saw it.
    #[schema(minimum = 1, maximum = 4_294_967_295_u32)]
    expected: u32,
    /// The earlier version that comes back; where nothing is said, the one before it in production.
    #[schema(minimum = 1, maximum = 4_294_967_295_u32)]
    to: Option<u32>,
    /// Why, in a sentence.
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// Puts a version into production, where the champion is still the one that was seen.
#[utoipa::path(post, path = "/models/{name}/versions/{version}/promote", tag = "models", params(("name" = String, Path, description = "The registered model"), ("version" = String, Path, description = "The version's number")),
    request_body = Promote, responses((status = 200, body = PromotionEvent), Failures, BodyFailures))]
pub(crate) async fn promote(
    State(ctx): State<Context>,
    Path((name, version)): Path<(String, String)>,
    request: Request,
) -> Result<Json<PromotionEvent>, Refused> {
    let model = model_name(&name)?;
    let mut fields = body::fields(request).await?;
    let expected = expected(&mut fields)?;
    let reason = fields.reason()?;
    fields.end()?;
    let version =
        version_number(&version).ok_or_else(|| no_such("The model has no such version."))?;
    let reason = reason.unwrap_or_else(|| "Promoted by hand.".to_owned());
    moved(
        &ctx,
        model,
        version,
        expected,
        PromotionKind::Promotion,
        reason,
    )
    .await
}

/// Puts an earlier version back into production, where the champion is still the one that was seen.
#[utoipa::path(post, path = "/models/{name}/rollback", tag = "models", params(("name" = String, Path, description = "The registered model")),
    request_body = RollBack, responses((status = 200, body = PromotionEvent), Failures, BodyFailures))]
pub(crate) async fn roll_back(
    State(ctx): State<Context>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<PromotionEvent>, Refused> {
    let model = model_name(&name)?;
    let mut fields = body::fields(request).await?;
    let expected = expected(&mut fields)?;
    let to = number(&mut fields, "to")?;
    let reason = fields.reason()?;
    fields.end()?;
    let Some(current) = expected else {
        return Err(unprocessable("expected", "there is nothing to go back from").into());
    };
    let version = match to {
        Some(version) => version,
        None => before(&ctx, &model, current).await?,
    };
    let reason = reason.unwrap_or_else(|| "Rolled back by hand.".to_owned());
    moved(
        &ctx,
        model,
        version,
        expected,
        PromotionKind::Rollback,
        reason,
    )
    .await
}

async fn moved(
    ctx: &Context,
    model: ModelName,
    version: ModelVersion,
    expected: Option<ModelVersion>,
    kind: PromotionKind,
    reason: String,
) -> Result<Json<PromotionEvent>, Refused> {
    if ctx.registry.model(&model).await?.is_none() {
        return Err(no_model());
    }
    let promotion = Promotion {
        model,
        version,
        expected,
        kind,
        run: by_hand()?,
        reason,
        verdict_key: None,
        at: ctx.now(),
    };
    match ctx.registry.promote(&promotion).await {
        Ok(event) => {
            tracing::info!(
                version = %event.version, promotion = %event.seq,
                "version {} is in production by hand: {}", event.version, event.reason
            );
            Ok(Json(event))
        }
        Err(error) => Err(refused(error)),
    }
}

/// The version that was in production before `current` was promoted.
async fn before(
    ctx: &Context,
    model: &ModelName,
    current: ModelVersion,
) -> Result<ModelVersion, Refused> {
    let latest = PageRequest::first(LOOKED_THROUGH);
    let events = ctx.registry.promotions(model, &latest).await?.items;
    let earlier = events
        .iter()
        .filter(|event| event.version == current)
        .find_map(|event| event.previous.filter(|previous| *previous < current));
    earlier.ok_or_else(|| {
        Problem::new(StatusCode::CONFLICT)
            .detail(format!(
                "No earlier version was in production before version {current}: say which one with `to`."
            ))
            .into()
    })
}

/// Each move has a run of its own: a run promotes once. These are no executions, and say so.
fn by_hand() -> Result<RunId, Problem> {
    format!("by-hand-{}", uuid::Uuid::now_v7())
        .parse()
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR))
}

/// The champion the caller saw: must be said, `null` where there was none.
fn expected(fields: &mut Fields) -> Result<Option<ModelVersion>, Box<Problem>> {
    if !fields.has("expected") {
        return Err(unprocessable(
            "expected",
            "the number of the version that is in production now is expected, or null where there is none",
        )
        .into());
    }
    number(fields, "expected")
}

fn number(fields: &mut Fields, field: &str) -> Result<Option<ModelVersion>, Box<Problem>> {
    let Some(value) = fields.take(field) else {
        return Ok(None);
    };
    // JSON knows one kind of number: 7.0 is 7.
    let whole = value.as_f64().filter(|number| number.fract() == 0.0);
    let number = whole
        .filter(|number| (0.0..=f64::from(u32::MAX)).contains(number))
        .map(|number| number as u32);
    match number {
        Some(number) if number > 0 => Ok(Some(ModelVersion(number))),
        _ => Err(unprocessable(field, "the number of a version is expected").into()),
    }
}

fn refused(error: PromoteError) -> Refused {
    let conflict = |detail: String| Problem::new(StatusCode::CONFLICT).detail(detail);
    match error {
        PromoteError::ChampionChanged { actual, .. } => conflict(match actual {
            Some(version) => format!(
                "Version {version} is in production by now: look at it, and say so in `expected`."
            ),
            None => "No version is in production: say null in `expected`.".to_owned(),
        })
        .field("expected", "another version is in production by now")
        .into(),
        PromoteError::Refused {
            why: Refusal::Unknown,
            ..
        } => no_such("The model has no such version.").into(),
        PromoteError::Refused { version, why, .. } => {
            conflict(format!("Version {version} can't become champion: {why}.")).into()
        }
        PromoteError::Registry(error) => error.into(),
    }
}
