//! Comparable sales as they are answered.

use serde::Serialize;
use serde_json::Value;
use tasador_ids::key::{self, ModelFile};
use tasador_ids::{ModelName, ModelVersion};
use tasador_lake::LakeError;
use tasador_listing::clean::date_from_days;
use tasador_listing::schema;
use tasador_model::{Comparable, Comparables, Known};
use tasador_runtime::{Context, chain};
use utoipa::ToSchema;

use crate::amount::cents;

/// The most comparable sales of one home.
pub const COMPARABLES_MAX: usize = 10;

/// The most homes of a request that asks for comparable sales: an answer of Lambda may have 6 MB.
pub(crate) const INSTANCES_MAX: usize = 100;

/// A sale that the model learned from and finds similar to the home.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ComparableSale {
    /// What the model sees between the two homes, in logarithms of the price: 0.1 is about 10 % of it.
    #[schema(minimum = 0)]
    pub distance: f64,
    /// The price it was sold for, in the currency of the model.
    pub price: f64,
    /// Its price per square foot or square metre of the house, as areas are set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub price_per_area: Option<f64>,
    /// When it was sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = Date)]
    pub date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub street: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub zip_code: Option<String>,
    /// The inputs of the model that are known of both homes and differ.
    pub differences: Vec<SaleDifference>,
}

/// A value in which a comparable sale differs from the home.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SaleDifference {
    #[schema(example = "house_size")]
    pub field: String,
    /// The value of the home: a number, a name or a date.
    pub home: Value,
    /// The value of the sale.
    pub sale: Value,
}

impl From<Comparable<'_>> for ComparableSale {
    fn from(sale: Comparable<'_>) -> Self {
        let place = |name: &str| {
            let (_, value) = sale.place.iter().find(|(known, _)| *known == name)?;
            match value {
                Known::Name(text) => Some((*text).to_owned()),
                Known::Number(_) | Known::Date(_) => None,
            }
        };
        Self {
            distance: (sale.distance * 1e4).round() / 1e4,
            price: sale.price,
            price_per_area: sale.price_per_area.map(cents),
            date: sale.day.and_then(|day| match json(&Known::Date(day)) {
                Value::String(date) => Some(date),
                _ => None,
            }),
            street: place(schema::STREET),
            city: place(schema::CITY),
            state: place(schema::STATE),
            zip_code: place(schema::ZIP_CODE),
            differences: sale
                .differences
                .iter()
                .map(|difference| SaleDifference {
                    field: difference.name.to_owned(),
                    home: json(&difference.home),
                    sale: json(&difference.sale),
                })
                .collect(),
        }
    }
}

fn json(value: &Known<'_>) -> Value {
    match value {
        Known::Number(number) => Value::from(*number),
        Known::Name(name) => Value::from(*name),
        Known::Date(day) => {
            date_from_days(*day as i32).map_or(Value::Null, |date| date.to_string().into())
        }
    }
}

/// Reads the sales that a version learned from; `None` where it has none, as earlier versions.
///
/// # Errors
/// In words, where they are not available.
pub(crate) async fn load(
    ctx: &Context,
    model: &ModelName,
    version: ModelVersion,
) -> Result<Option<Comparables>, String> {
    let key = key::model(model, version, ModelFile::Comparables);
    let bytes = match ctx.lake.get(&key).await {
        Ok(bytes) => bytes,
        Err(LakeError::NotFound { .. }) => return Ok(None),
        Err(error) => {
            tracing::error!(%version, %key, "the comparable sales cannot be read: {}", chain(&error));
            return Err("they could not be read".to_owned());
        }
    };
    let read = tokio::task::spawn_blocking(move || Comparables::from_bytes(&bytes)).await;
    match read {
        Ok(Ok(sales)) => Ok(Some(sales)),
        Ok(Err(error)) => {
            tracing::error!(%version, %key, "the comparable sales cannot be read: {}", chain(&error));
            Err("their file is damaged".to_owned())
        }
        Err(_) => Err("the thread that read them stopped".to_owned()),
    }
}
