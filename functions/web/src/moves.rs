//! The champion moved from the page: a version put into production, or an earlier one back.
//!
//! The same rules as the API's, for whoever signed in as an admin: the page's cookie is of no use
//! there. Only JSON is read, which no form of a foreign page can send.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tasador_ids::{ModelName, ModelVersion, RunId};
use tasador_registry::{PromoteError, Promotion, PromotionKind};
use tasador_runtime::{Context, Problem, chain};

use crate::Site;
use crate::language::Language;

/// The longest reason, in characters.
const REASON_MAX_CHARS: usize = 500;

/// What the page's script sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// The version in production, as the visitor saw it.
    expected: Option<u32>,
    /// The version that comes back.
    to: Option<u32>,
    reason: Option<String>,
}

type Body = Result<Json<Wish>, JsonRejection>;

/// Puts a version into production.
pub(crate) async fn promote(
    State(site): State<Site>,
    headers: HeaderMap,
    Path((model, version)): Path<(String, String)>,
    body: Body,
) -> Response {
    let language = Language::wanted(None, &headers);
    let Ok(Json(wish)) = body else {
        return unreadable();
    };
    let version = version.parse().ok();
    let kind = PromotionKind::Promotion;
    moved(
        site.pricing.context(),
        language,
        &model,
        version,
        kind,
        wish,
    )
    .await
}

/// Puts an earlier version back into production.
pub(crate) async fn roll_back(
    State(site): State<Site>,
    headers: HeaderMap,
    Path(model): Path<String>,
    body: Body,
) -> Response {
    let language = Language::wanted(None, &headers);
    let Ok(Json(wish)) = body else {
        return unreadable();
    };
    let (version, kind) = (wish.to, PromotionKind::Rollback);
    moved(
        site.pricing.context(),
        language,
        &model,
        version,
        kind,
        wish,
    )
    .await
}

/// The page's own script sends nothing of the kind.
fn unreadable() -> Response {
    Problem::new(StatusCode::BAD_REQUEST).into_response()
}

async fn moved(
    ctx: &Context,
    language: Language,
    model: &str,
    version: Option<u32>,
    kind: PromotionKind,
    wish: Wish,
) -> Response {
    let by_hand = format!("by-hand-{}", uuid::Uuid::now_v7());
    let (Ok(model), Some(version), Ok(run)) = (
        model.parse::<ModelName>(),
        version,
        by_hand.parse::<RunId>(),
    ) else {
        return Problem::new(StatusCode::NOT_FOUND).into_response();
    };
    let reason = wish.reason.unwrap_or_default();
    let reason: String = reason.trim().chars().take(REASON_MAX_CHARS).collect();
    let promotion = Promotion {
        model,
        version: ModelVersion(version),
        expected: wish.expected.map(ModelVersion),
        kind,
        run,
        reason: match (reason.is_empty(), kind) {
            (false, _) => reason,
            (true, PromotionKind::Promotion) => "Promoted by hand.".to_owned(),
            (true, PromotionKind::Rollback) => "Rolled back by hand.".to_owned(),
        },
        verdict_key: None,
        at: ctx.now(),
    };
    match ctx.registry.promote(&promotion).await {
        Ok(event) => {
            tracing::info!(
                version = %event.version, promotion = %event.seq,
                "version {} is in production by hand: {}", event.version, event.reason
            );
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => refused(language, &error).into_response(),
    }
}

fn refused(language: Language, error: &PromoteError) -> Problem {
    let words = language.words();
    match error {
        PromoteError::ChampionChanged { .. } => {
            Problem::new(StatusCode::CONFLICT).detail(words.champion_changed)
        }
        PromoteError::Refused { .. } => {
            Problem::new(StatusCode::CONFLICT).detail(words.cannot_be_moved)
        }
        PromoteError::Registry(error) => {
            tracing::error!("the champion can't be moved: {}", chain(error));
            Problem::new(StatusCode::SERVICE_UNAVAILABLE).detail(words.unavailable_hint)
        }
    }
}
