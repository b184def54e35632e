//! What the function answers, as an OpenAPI document out of the code, with the listing as the model
//! in production knows it.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use serde_json::{Map, Value, json};
use tasador_http::{FieldError, Problem};
use tasador_ids::Units;
use tasador_listing::reject;
use tasador_pricing::{InputDescription, Kind, ModelDescription, OnePrice, Prices, Pricing};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

/// Texts that stand for nothing, as a regular expression.
const NULL_TEXT: &str = "([Nn]/?[Aa]|[Nn]one|[Nn]ull|NULL|-)?";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Tasador",
        description = "What houses are worth, from a model that keeps learning. Errors are problem details (RFC 9457).",
        license(name = "MIT OR Apache-2.0"),
    ),
    paths(crate::predict, crate::model, crate::health, crate::metrics, document),
    components(schemas(OnePrice, Prices, ModelDescription, Problem, FieldError)),
    tags((name = "prices", description = "Prices and the model behind them"), (name = "operations", description = "Health and metrics")),
)]
struct Api;

/// The function's part of the document.
pub fn openapi() -> OpenApi {
    Api::openapi()
}

/// `GET /openapi.json` with this document, which may have the parts of other functions too. Where
/// tokens are required it says so, route by route.
pub fn serve(pricing: Pricing, mut api: OpenApi) -> Router {
    if pricing.context().config.require_tokens {
        tasador_access::secure(&mut api);
    }
    // What was made by the code can be written as JSON.
    let api = serde_json::to_value(&api).unwrap_or_default();
    Router::new()
        .route("/openapi.json", get(document))
        .with_state((pricing, api))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "operations", responses((status = 200, description = "This document", body = Object)))]
async fn document(State((pricing, mut api)): State<(Pricing, Value)>) -> Response {
    let champion = pricing.champion().await.ok();
    let inputs = champion
        .as_ref()
        .map(|champion| champion.description.inputs.as_slice());
    match api.pointer_mut("/components/schemas") {
        Some(Value::Object(schemas)) => {
            schemas.insert("Listing".to_owned(), listing(inputs.unwrap_or_default()));
            schemas.insert(
                "Instances".to_owned(),
                instances(pricing.context().config.predict.max_instances),
            );
        }
        _ => return Problem::new(StatusCode::INTERNAL_SERVER_ERROR).into_response(),
    }
    Json(api).into_response()
}

/// A listing as the model takes it. Fields beyond are taken too, and named in the answer.
fn listing(inputs: &[InputDescription]) -> Value {
    let properties: Map<String, Value> = inputs
        .iter()
        .map(|input| (input.name.clone(), property(input)))
        .collect();
    let example: Map<String, Value> = inputs
        .iter()
        .map(|input| (input.name.clone(), json!(input.example)))
        .collect();
    json!({
        "type": "object",
        "description": "A home. Absent fields, null and texts such as `N/A` are missing values; fields that the model does not know are ignored and named in the answer. The properties are those of the model in production, see `GET /model`.",
        "properties": properties,
        "not": {"required": ["instances"]},
        "example": example,
    })
}

fn instances(most: usize) -> Value {
    json!({
        "type": "object",
        "description": "Several homes. Each gets its own outcome: what is wrong with one is told in its place, and does not fail the others.",
        "properties": {"instances": {"type": "array", "items": {}, "minItems": 1, "maxItems": most}},
        "required": ["instances"],
    })
}

fn property(input: &InputDescription) -> Value {
    let missing = [
        json!({"type": "null"}),
        json!({"type": "object", "maxProperties": 0}),
    ];
    let taken = match (input.kind, input.format.as_deref()) {
        (Kind::Number, _) => {
            let most = reject::most(&input.name, Units::current().area);
            let number = match most {
                Some(most) => json!({"type": "number", "minimum": 0, "maximum": most}),
                None => json!({"type": "number"}),
            };
            vec![number, text(r"[0-9]{1,2}(\.[0-9]{1,4})?")]
        }
        (Kind::Date, _) => vec![text(
            "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])",
        )],
        (Kind::Category, Some("zip_code")) => vec![
            json!({"type": "integer", "minimum": 1, "maximum": 99_999}),
            text("[1-9][0-9]{0,4}(-[0-9]{4})?"),
        ],
        (Kind::Category, _) => vec![
            json!({"type": "string"}),
            json!({"type": "number"}),
            json!({"type": "boolean"}),
        ],
    };
    let mut property = json!({"anyOf": taken.into_iter().chain(missing).collect::<Value>()});
    if let (Value::Object(fields), Some(unit)) = (&mut property, &input.unit) {
        fields.insert("description".to_owned(), format!("In {unit}.").into());
    }
    property
}

fn text(pattern: &str) -> Value {
    json!({"type": "string", "pattern": format!("^({pattern}|{NULL_TEXT})$")})
}
