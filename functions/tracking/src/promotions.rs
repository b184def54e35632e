//! The champion moved by hand: a version put into production, or an earlier one back.
//!
//! Both are held to the champion that the caller saw, so that two people, or a person and a run,
//! never overwrite each other unseen; and both leave a promotion event like a run's.

use axum::Json;
use axum::extract::{Path, Request, State};
use http::StatusCode;
use serde::Deserialize;
use tasador_champion::{PromoteError, StoreError};
use tasador_http::body::Fields;
use tasador_http::{BackendError, Problem};
use tasador_ids::{ModelName, ModelVersion};
use tasador_registry::{PromotionEvent, PromotionKind};
use tasador_runtime::Context;
use utoipa::ToSchema;

use crate::models::{model_name, no_model, version_number};
use crate::openapi::{BodyFailures, Failures};

/// The largest body, in bytes: a few names and a sentence.
pub(crate) const BODY_MAX_BYTES: usize = 16 << 10;

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
    /// The earlier version that comes back; by default the last one in production before it that can be
    /// loaded.
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
) -> Result<Json<PromotionEvent>, Problem> {
    let model = model_name(&name)?;
    let mut fields = Fields::read(request, BODY_MAX_BYTES).await?;
    let expected = expected(&mut fields)?;
    let reason = fields.reason()?;
    fields.end()?;
    let version = version_number(&version)
        .ok_or_else(|| Problem::not_found("The model has no such version."))?;
    known(&ctx, &model).await?;
    let kind = PromotionKind::Promotion;
    let promotion = tasador_champion::by_hand(&ctx, model, version, expected, kind, reason);
    let event = tasador_champion::promote(&ctx, &promotion).await;
    Ok(Json(event.map_err(refused)?))
}

/// Puts an earlier version back into production, where the champion is still the one that was seen.
#[utoipa::path(post, path = "/models/{name}/rollback", tag = "models", params(("name" = String, Path, description = "The registered model")),
    request_body = RollBack, responses((status = 200, body = PromotionEvent), Failures, BodyFailures))]
pub(crate) async fn roll_back(
    State(ctx): State<Context>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<PromotionEvent>, Problem> {
    let model = model_name(&name)?;
    let mut fields = Fields::read(request, BODY_MAX_BYTES).await?;
    let expected = expected(&mut fields)?;
    let to = number(&mut fields, "to")?;
    let reason = fields.reason()?;
    fields.end()?;
    let Some(expected) = expected else {
        return Err(Problem::unprocessable(
            "expected",
            "there is nothing to roll back from",
        ));
    };
    known(&ctx, &model).await?;
    let event = tasador_champion::roll_back(&ctx, model, expected, to, reason).await;
    Ok(Json(event.map_err(refused)?))
}

async fn known(ctx: &Context, model: &ModelName) -> Result<(), Problem> {
    match ctx.registry.model(model).await? {
        Some(_) => Ok(()),
        None => Err(no_model()),
    }
}

/// The champion the caller saw: must be said, `null` where there was none.
fn expected(fields: &mut Fields) -> Result<Option<ModelVersion>, Problem> {
    if !fields.has("expected") {
        return Err(Problem::unprocessable(
            "expected",
            "must be the number of the version that is in production now, or null if there is none",
        ));
    }
    number(fields, "expected")
}

fn number(fields: &mut Fields, field: &str) -> Result<Option<ModelVersion>, Problem> {
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
        _ => Err(Problem::unprocessable(
            field,
            "must be the number of a version",
        )),
    }
}

fn refused(error: PromoteError) -> Problem {
    let conflict = |detail: String| Problem::new(StatusCode::CONFLICT).detail(detail);
    match error {
        PromoteError::Rejected(rejection) => rejection.into(),
        PromoteError::Store(StoreError::Registry(error)) => error.into(),
        PromoteError::Store(error) => {
            BackendError::unanswered(&error, error.is_retryable(), "The store").into()
        }
        PromoteError::Unusable(unusable) => {
            let (version, flaw) = (unusable.version, unusable.flaw);
            conflict(format!("Version {version} can't become champion: {flaw}."))
        }
        PromoteError::NoFormerChampion { champion, .. } => conflict(format!(
            "No earlier version that was in production before version {champion} can be loaded: name a version with `to`."
        )),
    }
}
