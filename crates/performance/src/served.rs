//! The prices in an answered request, each with the property that it is for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tasador_ids::{ModelName, ModelVersion};
use tasador_listing::clean::{clean_number, clean_text, clean_zip, number_text};
use tasador_listing::identity::{
    FEATURE_COLUMNS, ID_COLUMNS, Identity, IdentityRule, UNIT_COLUMNS,
};
use tasador_listing::schema::{self, canonical_name};
use tasador_listing::{PriceKind, PropertyKey};

/// A price that was served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServedPrice {
    pub property: PropertyKey,
    pub request_id: String,
    /// The place in a request of several homes, from 0.
    pub instance: u32,
    pub at: Timestamp,
    pub model: ModelName,
    pub version: ModelVersion,
    /// In US dollars, like the interval.
    pub price: f64,
    /// What the price is, as it was answered; absent where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_kind: Option<PriceKind>,
    pub low: f64,
    pub high: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// The prices of one request. Homes without a price, and those that nothing tells from other homes, are left
/// out.
pub fn served_prices(
    request_id: &str,
    at: Timestamp,
    model: &ModelName,
    version: ModelVersion,
    input: &Value,
    output: &Value,
) -> Vec<ServedPrice> {
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned();
    let pairs: Vec<(Value, Value)> = match (list(input, "instances"), list(output, "predictions")) {
        (Some(inputs), Some(outputs)) => inputs.into_iter().zip(outputs).collect(),
        _ => vec![(input.clone(), output.clone())],
    };
    (0..)
        .zip(pairs)
        .filter_map(|(instance, (home, answer))| {
            let home = home.as_object()?;
            let amount = |pointer: &str| answer.pointer(pointer)?.as_f64();
            Some(ServedPrice {
                property: property_of(home)?,
                request_id: request_id.to_owned(),
                instance,
                at,
                model: model.clone(),
                version,
                price: amount("/predicted_price")?,
                price_kind: answer
                    .get("price_kind")
                    .and_then(|kind| PriceKind::deserialize(kind).ok()),
                low: amount("/interval/low")?,
                high: amount("/interval/high")?,
                state: text(home, schema::STATE),
            })
        })
        .collect()
}

/// The property of a home given as JSON, by the rule that batches follow; `None` where only its row would
/// name it.
pub fn property_of(home: &Map<String, Value>) -> Option<PropertyKey> {
    let first = |columns: &[&str]| columns.iter().find_map(|column| text(home, column));
    let zip_code = field(home, schema::ZIP_CODE);
    let features = FEATURE_COLUMNS.map(|column| {
        let number = field(home, column).and_then(|text| clean_number(&text));
        number.unwrap_or(f64::NAN)
    });
    let identity = Identity {
        id: first(&ID_COLUMNS).as_deref(),
        street: text(home, schema::STREET).as_deref(),
        unit: first(&UNIT_COLUMNS).as_deref(),
        city: text(home, schema::CITY).as_deref(),
        state: text(home, schema::STATE).as_deref(),
        zip_code: zip_code.as_deref().and_then(clean_zip).as_deref(),
        features: &features,
    }
    .key(|| 0, &mut Vec::new());
    match identity {
        (_, IdentityRule::Row) => None,
        (key, _) => Some(key),
    }
}

fn text(home: &Map<String, Value>, column: &str) -> Option<String> {
    clean_text(&field(home, column)?).map(std::borrow::Cow::into_owned)
}

/// A field as text, under any spelling of its name.
fn field(home: &Map<String, Value>, column: &str) -> Option<String> {
    let found = home.get(column).or_else(|| {
        let mut fields = home.iter();
        let (_, value) = fields.find(|(name, _)| canonical_name(name, 1) == column)?;
        Some(value)
    })?;
    match found {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number_text(number.as_f64()?)),
        _ => None,
    }
}
