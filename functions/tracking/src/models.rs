//! Models and their versions: what was measured, what was drawn, what they learnt from.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::header;
use serde::Serialize;
use tasador_evidence::{Evidence, FileKind, Lineage, SENT_WITH};
use tasador_http::Problem;
use tasador_ids::{ModelName, ModelVersion};
use tasador_ratio::{Segment, Study};
use tasador_registry::{Champion, ModelRecord, Page, PageRequest, PromotionEvent, VersionRecord};
use tasador_runtime::Context;
use utoipa::ToSchema;

use crate::openapi::Failures;
use crate::window::{self, Limit, Window};

/// Promotions that are shown with a model, the latest ones.
const PROMOTIONS_SHOWN: u32 = 20;

/// A registered model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Model {
    #[serde(flatten)]
    record: ModelRecord,
    /// The version in production.
    #[serde(skip_serializing_if = "Option::is_none")]
    champion: Option<Champion>,
    /// How its champion moved lately, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    promotions: Vec<PromotionEvent>,
}

/// A version in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Version {
    #[serde(flatten)]
    record: VersionRecord,
    /// Whether it is the champion.
    production: bool,
}

/// A version with all that speaks for it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Detail {
    #[serde(flatten)]
    version: Version,
    evidence: Evidence,
}

/// Registered models with their champions.
#[utoipa::path(get, path = "/models", tag = "models", params(("limit" = inline(Option<Limit>), Query, description = "Entries on the page, 50 where nothing is said"), ("page" = Option<String>, Query, nullable = false, description = "The value of `next` of the page before")),
    responses((status = 200, body = Page<Model>), Failures))]
pub(crate) async fn list(
    State(ctx): State<Context>,
    window: Result<Query<Window>, QueryRejection>,
) -> Result<Json<Page<Model>>, Problem> {
    let page = ctx.registry.models(&window::page(window)?).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for record in page.items {
        items.push(Model {
            champion: ctx.registry.champion(&record.model).await?,
            record,
            promotions: Vec::new(),
        });
    }
    Ok(Json(Page {
        items,
        next: page.next,
    }))
}

/// A registered model with its latest promotions.
#[utoipa::path(get, path = "/models/{name}", tag = "models", params(("name" = String, Path, description = "The registered model")),
    responses((status = 200, body = Model), Failures))]
pub(crate) async fn model(
    State(ctx): State<Context>,
    Path(name): Path<String>,
) -> Result<Json<Model>, Problem> {
    let name = model_name(&name)?;
    let latest = PageRequest::first(PROMOTIONS_SHOWN);
    let (record, champion, promotions) = tokio::join!(
        ctx.registry.model(&name),
        ctx.registry.champion(&name),
        ctx.registry.promotions(&name, &latest),
    );
    let record = record?.ok_or_else(no_model)?;
    Ok(Json(Model {
        record,
        champion: champion?,
        promotions: promotions?.items,
    }))
}

/// The versions of a model, newest first.
#[utoipa::path(get, path = "/models/{name}/versions", tag = "models", params(("name" = String, Path, description = "The registered model"), ("limit" = inline(Option<Limit>), Query, description = "Entries on the page, 50 where nothing is said"), ("page" = Option<String>, Query, nullable = false, description = "The value of `next` of the page before")),
    responses((status = 200, body = Page<Version>), Failures))]
pub(crate) async fn versions(
    State(ctx): State<Context>,
    Path(name): Path<String>,
    window: Result<Query<Window>, QueryRejection>,
) -> Result<Json<Page<Version>>, Problem> {
    let name = model_name(&name)?;
    let window = window::page(window)?;
    let (record, champion, page) = tokio::join!(
        ctx.registry.model(&name),
        ctx.registry.champion(&name),
        ctx.registry.versions(&name, &window),
    );
    record?.ok_or_else(no_model)?;
    let (champion, page) = (champion?, page?);
    let items = page.items.into_iter();
    Ok(Json(Page {
        items: items
            .map(|record| Version::new(record, champion.as_ref()))
            .collect(),
        next: page.next,
    }))
}

/// A version with its evidence: figures, signature, card, and its files by name.
#[utoipa::path(get, path = "/models/{name}/versions/{version}", tag = "models", params(("name" = String, Path, description = "The registered model"), ("version" = String, Path, description = "The version's number")),
    responses((status = 200, body = Detail), Failures))]
pub(crate) async fn version(
    State(ctx): State<Context>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<Detail>, Problem> {
    let record = registered(&ctx, &name, &version).await?;
    let (champion, evidence) = tokio::join!(
        ctx.registry.champion(&record.model),
        Evidence::of(&ctx.lake, &record.model, record.version),
    );
    let champion = champion?;
    Ok(Json(Detail {
        version: Version::new(record, champion.as_ref()),
        evidence: evidence?,
    }))
}

/// One of a version's files.
#[utoipa::path(get, path = "/models/{name}/versions/{version}/files/{file}", tag = "models",
    params(("name" = String, Path, description = "The registered model"), ("version" = String, Path, description = "The version's number"), ("file" = String, Path, description = "The file's name, which may hold `/`")),
    responses((status = 200, description = "The file", content(
        (Vec<u8> = "application/octet-stream"), (serde_json::Value = "application/json"),
        (String = "image/svg+xml"), (String = "text/plain"))), Failures))]
pub(crate) async fn file(
    State(ctx): State<Context>,
    Path((name, version, file)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let record = registered(&ctx, &name, &version).await?;
    let found = tasador_evidence::file(
        &ctx.lake,
        &ctx.registry,
        &record.model,
        record.version,
        &file,
    )
    .await?;
    let bytes = found.ok_or_else(|| {
        Problem::not_found("The version has no file of that name, or it is too large to be sent.")
    })?;
    let kind = [(header::CONTENT_TYPE, FileKind::of(&file).media_type())];
    Ok((kind, SENT_WITH, bytes).into_response())
}

/// The dataset that a version learnt from, and its batches.
#[utoipa::path(get, path = "/models/{name}/versions/{version}/lineage", tag = "models", params(("name" = String, Path, description = "The registered model"), ("version" = String, Path, description = "The version's number")),
    responses((status = 200, body = Lineage), Failures))]
pub(crate) async fn lineage(
    State(ctx): State<Context>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<Lineage>, Problem> {
    let record = registered(&ctx, &name, &version).await?;
    let lineage = tasador_evidence::lineage(&ctx.lake, &ctx.registry, &record).await?;
    Ok(Json(lineage))
}

/// The ratio study of a version: predictions out of fold against sale prices, as mass appraisal is judged.
#[utoipa::path(get, path = "/models/{name}/versions/{version}/ratio-study", tag = "models", params(("name" = String, Path, description = "The registered model"), ("version" = String, Path, description = "The version's number")),
    responses((status = 200, body = RatioStudy), Failures))]
pub(crate) async fn ratio_study(
    State(ctx): State<Context>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<serde_json::Value>, Problem> {
    let record = registered(&ctx, &name, &version).await?;
    let study = tasador_evidence::ratio_study(&ctx.lake, &record.model, record.version).await?;
    study
        .map(Json)
        .ok_or_else(|| Problem::not_found("The version has no ratio study."))
}

/// The content of `ratio_study.json`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document only; the file is sent as it is")]
struct RatioStudy {
    /// Homes left out because they are not sold.
    not_sold: u64,
    /// `sale`: sale prices only; `asking`: asking prices, because the dataset has no sales; `unknown`: all
    /// prices, because no home has a status. Absent in earlier versions.
    #[schema(value_type = Option<String>, nullable = false)]
    prices: Option<String>,
    /// All sales; absent of fewer than two.
    #[schema(nullable = false)]
    all: Option<Study>,
    /// By state, most sales first.
    by_state: Vec<Segment>,
    /// By zip code.
    by_zip_code: Vec<Segment>,
    /// By tenth of the sale price, cheapest first.
    by_price: Vec<Segment>,
    /// By type of property.
    by_property_type: Vec<Segment>,
}

impl Version {
    fn new(record: VersionRecord, champion: Option<&Champion>) -> Self {
        Self {
            production: champion.is_some_and(|champion| champion.version == record.version),
            record,
        }
    }
}

/// The version that a path names.
pub(crate) async fn registered(
    ctx: &Context,
    name: &str,
    version: &str,
) -> Result<VersionRecord, Problem> {
    let name = model_name(name)?;
    let number = version_number(version);
    let found = match number {
        Some(version) => ctx.registry.version(&name, version).await?,
        None => None,
    };
    found.ok_or_else(|| Problem::not_found("The model has no such version."))
}

/// What can't be a model's name names no model.
pub(crate) fn model_name(text: &str) -> Result<ModelName, Problem> {
    text.parse().map_err(|_| no_model())
}

/// What can't be a version's number numbers no version.
pub(crate) fn version_number(text: &str) -> Option<ModelVersion> {
    // `+7` would parse, and is no number that anybody wrote.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(ModelVersion)
}

pub(crate) fn no_model() -> Problem {
    Problem::not_found("No model of that name is registered.")
}
