//! What an admin changes from the page: a version promoted, an earlier one put back, a batch released,
//! discarded or withdrawn.
//!
//! The rules are those of [`tasador_champion`], as in the API, for admins who signed in to the page:
//! the page's cookie is not valid there. Only JSON is read, which no form of another site can send.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tasador_champion::PromoteError;
use tasador_http::Problem;
use tasador_http::decide::{self, actor};
use tasador_ids::{ModelName, ModelVersion};
use tasador_registry::{DecideError, PromoteError as Rejection, PromotionEvent, PromotionKind};
use tasador_runtime::chain;

use crate::Site;
use crate::language::{Language, PageLanguage as _};

/// The longest reason, in characters.
const REASON_MAX_CHARS: usize = 500;

/// What the page's script sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// The version in production, as the visitor saw it.
    expected: Option<u32>,
    /// The version to roll back to.
    to: Option<u32>,
    reason: Option<String>,
}

impl Change {
    fn reason(&self) -> Option<String> {
        let reason: String = self
            .reason
            .as_deref()?
            .trim()
            .chars()
            .take(REASON_MAX_CHARS)
            .collect();
        (!reason.is_empty()).then_some(reason)
    }
}

type Body = Result<Json<Change>, JsonRejection>;

/// Puts a version into production.
pub(crate) async fn promote(
    State(site): State<Site>,
    headers: HeaderMap,
    Path((model, version)): Path<(String, String)>,
    body: Body,
) -> Response {
    let Ok(Json(change)) = body else {
        return problem(StatusCode::BAD_REQUEST);
    };
    let (Ok(model), Ok(version)) = (model.parse::<ModelName>(), version.parse()) else {
        return problem(StatusCode::NOT_FOUND);
    };
    let ctx = site.pricing.context();
    let promotion = tasador_champion::by_hand(
        ctx,
        model,
        ModelVersion(version),
        change.expected.map(ModelVersion),
        PromotionKind::Promotion,
        change.reason(),
    );
    answer(&headers, tasador_champion::promote(ctx, &promotion).await)
}

/// Puts an earlier version back into production.
pub(crate) async fn roll_back(
    State(site): State<Site>,
    headers: HeaderMap,
    Path(model): Path<String>,
    body: Body,
) -> Response {
    let Ok(Json(change)) = body else {
        return problem(StatusCode::BAD_REQUEST);
    };
    let (Ok(model), Some(expected)) = (model.parse(), change.expected.map(ModelVersion)) else {
        return problem(StatusCode::NOT_FOUND);
    };
    let (ctx, to) = (site.pricing.context(), change.to.map(ModelVersion));
    let event = tasador_champion::roll_back(ctx, model, expected, to, change.reason()).await;
    answer(&headers, event)
}

/// Takes a decision about a batch.
pub(crate) async fn decide(
    State(site): State<Site>,
    Path((batch, action)): Path<(String, String)>,
    request: Request,
) -> Response {
    let by = actor(request.extensions());
    let words = Language::wanted(None, request.headers()).words();
    let Ok(Json(change)) = Json::<Change>::from_request(request, &()).await else {
        return problem(StatusCode::BAD_REQUEST);
    };
    let (Ok(batch), Ok(action)) = (batch.parse(), action.parse()) else {
        return problem(StatusCode::NOT_FOUND);
    };
    let ctx = site.pricing.context();
    let (status, detail) =
        match Box::pin(decide::decide(ctx, batch, action, by, change.reason())).await {
            Ok(_) => return StatusCode::NO_CONTENT.into_response(),
            Err(DecideError::Registry(error)) => {
                tracing::error!("no decision can be taken: {}", chain(&error));
                (StatusCode::SERVICE_UNAVAILABLE, words.unavailable_hint)
            }
            Err(DecideError::Unknown { .. } | DecideError::Forbidden { .. }) => {
                (StatusCode::CONFLICT, words.cannot_be_decided)
            }
        };
    Problem::new(status).detail(detail).into_response()
}

fn problem(status: StatusCode) -> Response {
    Problem::new(status).into_response()
}

fn answer(headers: &HeaderMap, event: Result<PromotionEvent, PromoteError>) -> Response {
    let words = Language::wanted(None, headers).words();
    let (status, detail) = match event {
        Ok(_) => return StatusCode::NO_CONTENT.into_response(),
        Err(PromoteError::Rejected(Rejection::ChampionChanged { .. })) => {
            (StatusCode::CONFLICT, words.champion_changed)
        }
        Err(error @ (PromoteError::Rejected(Rejection::Registry(_)) | PromoteError::Store(_))) => {
            tracing::error!("the champion can't be changed: {}", chain(&error));
            (StatusCode::SERVICE_UNAVAILABLE, words.unavailable_hint)
        }
        Err(_) => (StatusCode::CONFLICT, words.cannot_be_moved),
    };
    Problem::new(status).detail(detail).into_response()
}
