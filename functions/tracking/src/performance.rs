//! Sales that became known later, and what served prices turned out to be worth.

use axum::Json;
use axum::extract::{Request, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tasador_http::{Problem, body};
use tasador_ids::{Digest, key};
use tasador_performance::{Performance, Reported, read_json};
use tasador_registry::{PAGE_LIMIT_MAX, PageRequest, ProposalState, ProposedRollback};
use tasador_runtime::Context;
use utoipa::ToSchema;

use crate::openapi::{BodyFailures, Failures};

/// The largest body, in bytes: some 10,000 sales.
const BODY_MAX_BYTES: usize = 2 << 20;
/// The most sales of one request.
const SALES_MAX: usize = 10_000;
/// Wrong entries that are named in a problem.
const ERRORS_MAX: usize = 20;

/// Sales that became known.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "for the document only; the body is read sale by sale"
)]
struct SoldHomes {
    #[schema(min_items = 1, max_items = 10_000)]
    sales: Vec<SoldHome>,
}

/// A sale of a home that was priced: the request says which one, or the address.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "for the document only; the body is read sale by sale"
)]
enum SoldHome {
    OfRequest(SoldRequest),
    AtAddress(SoldAddress),
}

/// The sale of a home by the request that priced it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SoldRequest {
    /// The sale price.
    #[schema(minimum = 1, maximum = 1_000_000_000_000_u64)]
    price: f64,
    /// The day of the sale.
    #[schema(
        pattern = "^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$",
        example = "2026-11-25"
    )]
    date: String,
    /// The id of the answered request.
    #[schema(pattern = "^[A-Za-z0-9_.:-]{1,72}$")]
    #[serde(rename = "request_id")]
    id: String,
    /// The place of the home in a request of several, from 0.
    #[serde(default)]
    // 3.0 is a whole number in JSON Schema.
    #[schema(value_type = u32, minimum = 0, maximum = 100_000)]
    instance: f64,
}

/// The sale of a home by its address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SoldAddress {
    /// The sale price.
    #[schema(minimum = 1, maximum = 1_000_000_000_000_u64)]
    price: f64,
    /// The day of the sale.
    #[schema(
        pattern = "^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$",
        example = "2026-11-25"
    )]
    date: String,
    /// Number and street, as in the request, or the street's code.
    #[schema(pattern = "^[0-9][A-Za-z0-9 .#'-]{0,99}$", example = "12 N Main St")]
    street: String,
    /// Five digits.
    #[schema(pattern = "^[0-9]{5}$", example = "06016")]
    zip_code: String,
    /// The unit within the building.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[A-Za-z0-9 .#-]{1,40}$")]
    unit: Option<String>,
}

/// How many sales were taken.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    #[schema(minimum = 1)]
    sales: usize,
}

/// Reports sales of homes. They evaluate the prices that were served before, within an hour or two. The same
/// sales again change nothing.
#[utoipa::path(post, path = "/outcomes", tag = "performance",
    request_body(content = SoldHomes, content_type = "application/json"),
    responses((status = 202, description = "The sales are stored", body = Accepted), Failures, BodyFailures))]
pub(crate) async fn report(
    State(ctx): State<Context>,
    request: Request,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, BODY_MAX_BYTES).await?;
    let body = body::json(&bytes)?;
    let sales = sales(&body)?;
    let unwritable = || Problem::new(StatusCode::INTERNAL_SERVER_ERROR);
    // In one order and spelling, so that the same sales are the same object.
    let mut lines: Vec<String> = Vec::with_capacity(sales.len());
    for (entry, _) in &sales {
        lines.push(serde_json::to_string(entry).map_err(|_| unwritable())?);
    }
    lines.sort();
    lines.dedup();
    let bytes = format!("[{}]", lines.join(",\n")).into_bytes();
    let key = key::reported_sales(&Digest::of(&bytes));
    ctx.lake
        .put_once(&key, bytes)
        .await
        .map_err(tasador_evidence::EvidenceError::from)?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { sales: sales.len() })))
}

/// The sales of a body, each as it came and as it was read.
fn sales(body: &Value) -> Result<Vec<(&Value, Reported)>, Problem> {
    let unusable =
        |detail: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY).detail(detail.to_owned());
    let Some(Value::Array(entries)) = body.get("sales") else {
        return Err(Problem::unprocessable(
            "sales",
            "a list of sales is expected",
        ));
    };
    if entries.is_empty() || entries.len() > SALES_MAX {
        let reason = format!(
            "1 to {SALES_MAX} sales are expected, found {}",
            entries.len()
        );
        return Err(Problem::unprocessable("sales", reason));
    }
    let mut read = Vec::with_capacity(entries.len());
    let mut problem = unusable("Some sales can't be used; none was stored.");
    let mut wrong = 0;
    for (index, entry) in entries.iter().enumerate() {
        match sale(entry) {
            Ok(sale) => read.push((entry, sale)),
            Err((field, reason)) => {
                wrong += 1;
                if wrong <= ERRORS_MAX {
                    problem = problem.field(format!("sales[{index}]{field}"), reason);
                }
            }
        }
    }
    if wrong > 0 { Err(problem) } else { Ok(read) }
}

/// One sale; else the field, as a suffix, and what is wrong with it.
fn sale(entry: &Value) -> Result<Reported, (String, String)> {
    let whole = |error: serde_json::Error| (String::new(), error.to_string());
    let is_of = |text: &str, others: &str, longest: usize| {
        (1..=longest).contains(&text.len())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
    };
    let check = |is_right: bool, field: &str, expected: &str| {
        let wrong = (format!(".{field}"), format!("{expected} is expected"));
        if is_right { Ok(()) } else { Err(wrong) }
    };
    let Some(fields) = entry.as_object() else {
        return Err((String::new(), "a sale as an object is expected".to_owned()));
    };
    let (price, date) = if fields.contains_key("request_id") {
        let sale = SoldRequest::deserialize(entry).map_err(whole)?;
        check(
            is_of(&sale.id, "_.:-", 72),
            "request_id",
            "the id of an answered request",
        )?;
        check(
            sale.instance.fract() == 0.0 && (0.0..=100_000.0).contains(&sale.instance),
            "instance",
            "the place in the request, from 0,",
        )?;
        (sale.price, sale.date)
    } else {
        let sale = SoldAddress::deserialize(entry).map_err(whole)?;
        let starts = sale.street.starts_with(|c: char| c.is_ascii_digit());
        check(
            starts && is_of(&sale.street, " .#'-", 100),
            "street",
            "number and street",
        )?;
        let is_zip = sale.zip_code.len() == 5 && sale.zip_code.bytes().all(|b| b.is_ascii_digit());
        check(is_zip, "zip_code", "a zip code of five digits")?;
        let unit = sale.unit.as_deref();
        let has_unit = fields.contains_key("unit");
        check(
            !has_unit || unit.is_some_and(|unit| is_of(unit, " .#-", 40)),
            "unit",
            "a unit",
        )?;
        (sale.price, sale.date)
    };
    check(
        (1.0..=1e12).contains(&price),
        "price",
        "an amount of 1 to 10^12",
    )?;
    let is_day = date.len() == 10 && date.contains('-');
    check(is_day, "date", "a day such as 2026-11-25")?;
    read_json(fields).map_err(|bad| (format!(".{}", bad.field), bad.reason))
}

/// What served prices turned out to be worth: error, bias, shares within 5, 10 and 20 % and coverage of the
/// interval, by version, month and state. Empty until a home that was priced is sold.
#[utoipa::path(get, path = "/performance", tag = "performance", responses((status = 200, body = Judged), Failures))]
pub(crate) async fn read(State(ctx): State<Context>) -> Result<Json<Judged>, Problem> {
    let model = &ctx.config.model;
    let (found, proposed) = tokio::try_join!(
        ctx.registry.performance(model),
        ctx.registry.proposed_rollbacks(model),
    )?;
    let mut proposed_rollbacks = Vec::new();
    if !proposed.is_empty() {
        let page = PageRequest::first(PAGE_LIMIT_MAX);
        let (champion, promotions) = tokio::try_join!(
            ctx.registry.champion(model),
            ctx.registry.promotions(model, &page),
        )?;
        let states = proposed.into_iter().rev().map(|proposed| Proposal {
            state: proposed.state(champion.as_ref(), &promotions.items),
            proposed,
        });
        proposed_rollbacks.extend(states);
    }
    Ok(Json(Judged {
        performance: found.unwrap_or_else(|| Performance::none(ctx.now())),
        proposed_rollbacks,
    }))
}

/// What served prices turned out to be worth, and what that speaks for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Judged {
    #[serde(flatten)]
    performance: Performance,
    /// Rollbacks that were proposed because of it, newest first.
    proposed_rollbacks: Vec<Proposal>,
}

/// A proposed rollback. `POST /models/{name}/rollback` with `expected` = `version` and `to` accepts it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Proposal {
    state: ProposalState,
    #[serde(flatten)]
    proposed: ProposedRollback,
}
