//! Sales that became known later, and what served prices turned out to be worth.

use axum::Json;
use axum::extract::{Request, State};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use tasador_http::{Problem, body};
use tasador_ids::{Digest, key};
use tasador_performance::{Performance, Reported, read_json};
use tasador_runtime::Context;
use utoipa::ToSchema;

use crate::openapi::{BodyFailures, Failures};

/// The largest body, in bytes: some 10,000 sales.
const BODY_MAX_BYTES: usize = 2 << 20;
/// The most sales of one request.
const SALES_MAX: usize = 10_000;
/// Wrong entries that are named in a problem.
const ERRORS_MAX: usize = 20;

/// One sale.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "for the document only; the body is read field by field"
)]
struct SoldHome {
    /// The sale price, US dollars.
    #[schema(minimum = 1, example = 412_000)]
    price: f64,
    /// The day of the sale.
    #[schema(format = Date, example = "2026-11-25")]
    date: String,
    /// The id of the answered request; without it, the address says which home was sold.
    #[schema(nullable = false)]
    request_id: Option<String>,
    /// The place of the home in a request of several, from 0.
    #[schema(nullable = false, minimum = 0)]
    instance: Option<u32>,
    #[schema(nullable = false)]
    street: Option<String>,
    #[schema(nullable = false)]
    zip_code: Option<String>,
}

#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the document only")]
enum SoldHomes {
    One(SoldHome),
    Many { sales: Vec<SoldHome> },
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
    let entries: Vec<&Value> = match (body.get("sales"), body) {
        (Some(Value::Array(list)), _) => list.iter().collect(),
        (Some(_), _) => {
            return Err(Problem::unprocessable(
                "sales",
                "a list of sales is expected",
            ));
        }
        (None, Value::Object(_)) => vec![body],
        _ => {
            return Err(unusable(
                "The body is not a sale or a list of them: send one object, or {\"sales\": [sale …]}.",
            ));
        }
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
        let sale = match entry {
            Value::Object(fields) => {
                read_json(fields).map_err(|bad| (format!(".{}", bad.field), bad.reason))
            }
            _ => Err((String::new(), "a sale as an object is expected".to_owned())),
        };
        match sale {
            Ok(sale) => read.push((*entry, sale)),
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

/// What served prices turned out to be worth: error, bias, shares within 5, 10 and 20 % and coverage of the
/// interval, by version, month and state. Empty until a home that was priced is sold.
#[utoipa::path(get, path = "/performance", tag = "performance", responses((status = 200, body = Performance), Failures))]
pub(crate) async fn read(State(ctx): State<Context>) -> Result<Json<Performance>, Problem> {
    let found = ctx.registry.performance(&ctx.config.model).await?;
    Ok(Json(found.unwrap_or_else(|| Performance::none(ctx.now()))))
}
