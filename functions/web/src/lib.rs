//! HTTP: the page that people look at.
//!
//! One page, rendered here, without a build step: *Appraise*, *History*, *Models*, *Data* and
//! *Operations*. All of it is read and used without JavaScript; a small script of the page's own
//! moves the what-if sliders without a reload, and sends the changes in production, which need a
//! token, to the API.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /` | the page; `?lang=`, `?page=` (history), `?version=` (evidence), `?in.<column>=` (a home to price) |
//! | `GET /appraisal?in.<column>=` | the result of a home alone, for the script |
//! | `GET /assets/{file}` | style sheet and script, under names that change with their content |
//!
//! A price asked for here goes through the same pricing as `POST /predict`, inference log included.
//! Everything that is shown is escaped; the answer's Content-Security-Policy allows nothing from
//! elsewhere and nothing inline. A section whose store does not answer says so; the others stand.

mod asked;
mod assets;
mod chart;
mod columns;
mod facts;
mod format;
mod language;
mod layout;
mod markdown;
mod sections;
mod sentences;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use maud::Markup;
use tasador_pricing::Pricing;
use tasador_runtime::Problem;

use asked::Asked;
use facts::Facts;
use language::{COOKIE, Language};
use sections::{appraise, data, history, models, operations};

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Site {
    pricing: Pricing,
    batches: Arc<facts::Batches>,
}

/// Nothing from elsewhere, nothing inline; plots of models are pictures within the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The function: its [`page`], and a page for everything else.
pub fn router(pricing: Pricing) -> Router {
    page(pricing)
        .fallback(|headers: HeaderMap| async move {
            let language = Language::wanted(None, &headers);
            (
                StatusCode::NOT_FOUND,
                html(language, layout::not_found(language)),
            )
        })
        .method_not_allowed_fallback(|| async { Problem::new(StatusCode::METHOD_NOT_ALLOWED) })
}

/// What it answers, for a router that has its own word on unknown paths.
pub fn page(pricing: Pricing) -> Router {
    let site = Site {
        pricing,
        batches: Arc::default(),
    };
    Router::new()
        .route("/", get(whole))
        .route("/appraisal", get(appraisal))
        .route("/assets/{file}", get(asset))
        .with_state(site)
}

type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// An address that can't be read asks for nothing.
fn asked(pairs: Pairs) -> Asked {
    pairs.map_or_else(|_| Asked::default(), |Query(pairs)| Asked::of(pairs))
}

async fn whole(State(site): State<Site>, headers: HeaderMap, pairs: Pairs) -> Response {
    let asked = asked(pairs);
    let language = Language::wanted(asked.language.as_deref(), &headers);
    let pricing = &site.pricing;
    let priced = async {
        match &asked.home {
            Some(_) => Some(appraise::price(pricing, &asked, &headers).await),
            None => None,
        }
    };
    let (champion, priced, facts) =
        tokio::join!(pricing.champion(), priced, Facts::gather(&site, &asked));
    let champion = champion.as_deref();
    let sections = [
        appraise::section(language, champion, &asked, priced.as_ref()),
        history::section(language, &facts, &asked),
        models::section(language, &facts),
        data::section(language, &facts),
        operations::section(language, pricing, &facts),
    ];
    let mut response = html(language, layout::page(language, &asked, &sections)).into_response();
    if asked.language.is_some() {
        let kept = format!(
            "{COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly",
            language.code()
        );
        if let Ok(kept) = HeaderValue::try_from(kept) {
            response.headers_mut().insert(header::SET_COOKIE, kept);
        }
    }
    response
}

async fn appraisal(State(site): State<Site>, headers: HeaderMap, pairs: Pairs) -> Response {
    let mut asked = asked(pairs);
    asked.home.get_or_insert_default();
    let language = Language::wanted(asked.language.as_deref(), &headers);
    let champion = site.pricing.champion().await;
    let priced = appraise::price(&site.pricing, &asked, &headers).await;
    let result = appraise::result(language, champion.as_deref().ok(), &asked, Some(&priced));
    html(language, result).into_response()
}

async fn asset(Path(file): Path<String>) -> Response {
    match assets::ALL.iter().find(|asset| asset.address() == file) {
        Some(asset) => (
            [
                (header::CONTENT_TYPE, asset.media_type),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ],
            asset.text,
        )
            .into_response(),
        None => Problem::new(StatusCode::NOT_FOUND).into_response(),
    }
}

/// A page with the headers that keep it to itself.
fn html(language: Language, markup: Markup) -> impl IntoResponse {
    let policy = HeaderName::from_static("permissions-policy");
    (
        [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "same-origin"),
            (policy, "camera=(), geolocation=(), microphone=()"),
            (header::CONTENT_LANGUAGE, language.code()),
            (header::VARY, "Accept-Language, Cookie"),
            (header::CACHE_CONTROL, "no-store"),
        ],
        Html(markup.into_string()),
    )
}
