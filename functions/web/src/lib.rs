//! HTTP: the page that people look at.
//!
//! Rendered here, without a build step: *Appraise*, *History*, *Models*, *Performance*, *Data* and
//! *Operations*, each with its own address. All of it is read and used without JavaScript; a small script
//! of the page's own moves the what-if sliders without a reload, and sends the changes in production.
//!
//! Where tokens are required, a visitor signs in with one, which the page keeps in a cookie and checks
//! itself: prices are for its scope `predict`, what is shown for `read`, changes for `admin`.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /` | a section: `?section=`, by default *Appraise*; `?lang=`, `?page=` (history), `?in.<column>=` (a home to price) |
//! | `GET /?run=`, `?batch=`, `?dataset=`, `?version=`, `?request=` | the page of one run, batch, dataset, version or request |
//! | `GET /page/tables/history.csv`, `…/versions.csv` | a table as CSV; `?kind=`, `?q=` as on the page |
//! | `GET /page/live` | the strip about what runs alone, for the script |
//! | `GET /?check=` | what an uploaded file would be read as; with `new`, the form that uploads one |
//! | `POST /page/checks/{check}/learn` | back to the page, with a run started on that file |
//! | `POST /page/runs` | back to the page, with a run started |
//! | `GET /appraisal?in.<column>=` | the result of a home alone, for the script |
//! | `POST /page/sign-in`, `POST /page/sign-out` | back to the page, with a token in a cookie or without |
//! | `POST /page/models/{name}/versions/{version}/promote`, `POST /page/models/{name}/rollback` | 204: the champion was moved |
//! | `POST /page/batches/{batch}/{action}` | a decision about a batch: `release`, `discard` or `withdraw` |
//! | `GET /page/batches/{batch}/rejected` | its rejected rows as CSV |
//! | `GET /page/models/{name}/versions/{version}/files/{file}` | a file of a version |
//! | `GET /assets/{file}` | style sheet and script, under names that change with their content |
//!
//! A price asked for here goes through the same pricing as `POST /predict`, inference log included.
//! Everything that is shown is escaped; the answer's Content-Security-Policy allows nothing from
//! elsewhere and nothing inline. A section whose store does not answer says so; the others stand.

mod asked;
mod assets;
mod chart;
mod columns;
mod compress;
mod facts;
mod language;
mod layout;
mod live;
mod markdown;
mod moves;
mod pages;
mod sections;
mod sign_in;
mod tables;
mod words;

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use maud::Markup;
use tasador_access::Scope;
use tasador_evidence::{FileKind, SENT_WITH};
use tasador_http::{Problem, RequestId, audit, cookie, visitor};
use tasador_ids::ModelVersion;
use tasador_pricing::Pricing;

use asked::Asked;
use language::{Language, PageLanguage as _};
use live::Live;
use sections::{appraise, models};
use visitor::Visitor;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Site {
    pricing: Pricing,
    batches: Arc<facts::Batches>,
}

/// Nothing from elsewhere, nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The function: its [`page`], and a page for everything else.
pub fn router(pricing: Pricing) -> Router {
    page(pricing)
        .fallback(not_found)
        .method_not_allowed_fallback(|| async { Problem::new(StatusCode::METHOD_NOT_ALLOWED) })
}

/// The answer to an unknown path: a page for browsers, a problem for programs.
pub async fn not_found(headers: HeaderMap) -> Response {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    if !accept.is_some_and(|accept| accept.contains("text/html")) {
        return Problem::new(StatusCode::NOT_FOUND).into_response();
    }
    let language = Language::wanted(None, &headers);
    let page = html(language, layout::not_found(language));
    (StatusCode::NOT_FOUND, page).into_response()
}

/// What it answers, for a router that has its own word on unknown paths.
pub fn page(pricing: Pricing) -> Router {
    let site = Site {
        pricing,
        batches: Arc::default(),
    };
    Router::new()
        .route("/", get(page_of))
        .route("/appraisal", get(appraisal))
        .route("/assets/{file}", get(asset))
        .route("/page/sign-in", post(sign_in::sign_in))
        .route("/page/sign-out", post(sign_in::sign_out))
        .route(
            "/page/models/{name}/versions/{version}/promote",
            post(moves::promote),
        )
        .route("/page/models/{name}/rollback", post(moves::roll_back))
        .route("/page/live", get(live::strip))
        .route("/page/tables/{table}", get(tables::csv))
        .route("/page/runs", post(live::start))
        .route("/page/checks/{check}/learn", post(pages::check::learn))
        .route("/page/batches/{batch}/rejected", get(rejected))
        .route("/page/batches/{batch}/{action}", post(moves::decide))
        .route(
            "/page/models/{name}/versions/{version}/files/{*file}",
            get(file),
        )
        .route_layer(middleware::from_fn(audit::record))
        // Around the audit, which is told here who it is.
        .route_layer(middleware::from_fn_with_state(
            site.pricing.context().clone(),
            visitor::check,
        ))
        .route_layer(middleware::from_fn(compress::gzip))
        .with_state(site)
}

type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// An address that can't be read asks for nothing.
fn asked(pairs: Pairs) -> Asked {
    pairs.map_or_else(|_| Asked::default(), |Query(pairs)| Asked::of(pairs))
}

async fn page_of(
    State(site): State<Site>,
    request_id: RequestId,
    headers: HeaderMap,
    pairs: Pairs,
) -> Response {
    let asked = asked(pairs);
    let language = Language::wanted(asked.language.as_deref(), &headers);
    let visitor = Visitor::of(site.pricing.context(), &headers).await;
    let live = async {
        match visitor.may(Scope::Read) {
            true => Live::gather(site.pricing.context()).await,
            false => None,
        }
    };
    let strip =
        |live: Option<Live>| live.map(|live| live.strip(language, visitor.may(Scope::Admin)));
    let (status, markup) = match (&visitor, &asked.view) {
        (Visitor::Anybody | Visitor::SignedIn(_), None) => {
            // On the heap, as everything that reads much at once: these futures are large.
            let body = Box::pin(sections::find(
                &site, language, &visitor, &asked, request_id,
            ));
            let (body, live) = tokio::join!(body, live);
            let page = layout::section(language, &asked, &visitor, strip(live), &body);
            (StatusCode::OK, page)
        }
        (Visitor::Anybody | Visitor::SignedIn(_), Some(view)) => {
            let shown = Box::pin(pages::find(&site, language, &visitor, view));
            let (shown, live) = tokio::join!(shown, live);
            let page = layout::entry(language, &asked, &visitor, strip(live), &shown);
            (shown.status, page)
        }
        (Visitor::Stranger(_) | Visitor::Unchecked(_), _) => {
            let form = sign_in::form(language, asked.sign_in, &visitor);
            (StatusCode::OK, layout::closed(language, &asked, &form))
        }
    };
    let mut response = (status, html(language, markup)).into_response();
    if asked.language.is_some() {
        let kept = format!(
            "{}={}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly",
            cookie::LANGUAGE,
            language.code()
        );
        if let Ok(kept) = HeaderValue::try_from(kept) {
            response.headers_mut().insert(header::SET_COOKIE, kept);
        }
    }
    response
}

async fn appraisal(
    State(site): State<Site>,
    request_id: RequestId,
    headers: HeaderMap,
    pairs: Pairs,
) -> Response {
    let mut asked = asked(pairs);
    asked.home.get_or_insert_default();
    let language = Language::wanted(asked.language.as_deref(), &headers);
    let champion = site.pricing.champion().await;
    let priced = appraise::price(&site.pricing, &asked, request_id).await;
    let result = appraise::result(language, champion.as_deref().ok(), &asked, Some(&priced));
    html(language, result).into_response()
}

/// A file of a version, for whoever signed in to the page.
async fn file(
    State(site): State<Site>,
    Path((model, version, file)): Path<(String, String, String)>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Response {
    let (Ok(model), Ok(version)) = (model.parse(), version.parse().map(ModelVersion)) else {
        return Problem::new(StatusCode::NOT_FOUND).into_response();
    };
    let ctx = site.pricing.context();
    match tasador_evidence::file(&ctx.lake, &ctx.registry, &model, version, &file).await {
        Ok(Some(bytes)) => {
            let language = Language::wanted(asked(pairs).language.as_deref(), &headers);
            let bytes = models::in_language(language, &file, bytes);
            let kind = [(header::CONTENT_TYPE, FileKind::of(&file).media_type())];
            (kind, SENT_WITH, bytes).into_response()
        }
        Ok(None) => Problem::new(StatusCode::NOT_FOUND).into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// The rejected rows of a batch, for whoever signed in to the page.
async fn rejected(State(site): State<Site>, Path(batch): Path<String>) -> Response {
    let ctx = site.pricing.context();
    match tasador_http::rejected::rejected(ctx, &batch).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
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
