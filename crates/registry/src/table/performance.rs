//! Served prices by property, sales that evaluate them, and the figures of both.
//!
//! Served prices are in the table of inferences and expire; what a sale came to stays in the registry.

use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use jiff::civil::Date;
use tasador_flow::PromotionSeq;
use tasador_ids::{Key as ObjectKey, ModelName};
use tasador_listing::PropertyKey;
use tasador_performance::{Evaluated, Performance, ServedPrice};

use super::Registry;
use super::fault::{Attempt, unavailable};
use super::item::{self, Expression, Item, item, text};
use super::key::{self, Key, moment};
use super::query::Place;
use crate::{ProposedRollback, RegistryError};

/// Served prices that are written at the same time.
const AT_ONCE: usize = 16;

fn served(property: PropertyKey) -> String {
    format!("served#{property}")
}

fn of_request(request_id: &str, instance: u32) -> Key {
    Key::new(
        format!("request#{}", key::part(request_id)),
        format!("{instance:06}"),
    )
}

fn evaluated(model: &ModelName) -> String {
    format!("evaluated#{model}")
}

fn of_sale(sale: &Evaluated) -> Key {
    let place = format!("{}#{}", sale.date, sale.property);
    Key::new(evaluated(&sale.served.model), place)
}

impl Registry {
    /// Makes served prices findable by property and by request until `expires_at`. Repeating it changes
    /// nothing.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn put_served(
        &self,
        prices: &[ServedPrice],
        expires_at: Timestamp,
    ) -> Result<(), RegistryError> {
        let expiry = AttributeValue::N(expires_at.as_second().to_string());
        let mut writes = Vec::with_capacity(2 * prices.len());
        for price in prices {
            let place = format!(
                "{}#{}#{:06}",
                moment(price.at),
                price.request_id,
                price.instance
            );
            for key in [
                Key::new(served(price.property), place),
                of_request(&price.request_id, price.instance),
            ] {
                let mut item = item(key, price)?;
                item.insert("expires_at".to_owned(), expiry.clone());
                writes.push(self.put_found(item));
            }
        }
        stream::iter(writes)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn put_found(&self, item: Item) -> Result<(), RegistryError> {
        self.client
            .put_item()
            .table_name(&self.tables.inferences)
            .set_item(Some(item))
            .send()
            .await
            .map_err(unavailable("keep a served price"))?;
        Ok(())
    }

    /// The latest price served for a property between two times, the first one included.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn served_before(
        &self,
        property: PropertyKey,
        from: Timestamp,
        before: Timestamp,
    ) -> Result<Option<ServedPrice>, RegistryError> {
        // `#` sorts before all digits and letters, so a price served at `before` itself is outside.
        let answer = self
            .client
            .query()
            .table_name(&self.tables.inferences)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :before")
            .expression_attribute_values(":pk", text(served(property)))
            .expression_attribute_values(":from", text(moment(from)))
            .expression_attribute_values(":before", text(moment(before)))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(1)
            .send()
            .await
            .map_err(unavailable("look for a served price"))?;
        let found = answer.items.unwrap_or_default().into_iter().next();
        found.map(item::record).transpose()
    }

    /// The price that an answered request gave for one of its homes.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn served_by_request(
        &self,
        request_id: &str,
        instance: u32,
    ) -> Result<Option<ServedPrice>, RegistryError> {
        let Key { pk, sk } = of_request(request_id, instance);
        let answer = self
            .client
            .query()
            .table_name(&self.tables.inferences)
            .key_condition_expression("pk = :pk AND sk = :sk")
            .expression_attribute_values(":pk", text(pk))
            .expression_attribute_values(":sk", text(sk))
            .consistent_read(true)
            .send()
            .await
            .map_err(unavailable("look for a served price"))?;
        let found = answer.items.unwrap_or_default().into_iter().next();
        found.map(item::record).transpose()
    }

    /// Whether [`Registry::put_evaluated`] has nothing to keep of this sale.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn is_evaluated(&self, sale: &Evaluated) -> Result<bool, RegistryError> {
        let kept: Option<Evaluated> = self.get("look for a sale", of_sale(sale)).await?;
        Ok(kept.is_some_and(|kept| kept.is_learned || !sale.is_learned))
    }

    /// Keeps what a sale came to. A property has one sale a day; the first report stays, except that one
    /// from which the version may have learned replaces it. Whether it was new.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn put_evaluated(&self, sale: &Evaluated) -> Result<bool, RegistryError> {
        let item = item(of_sale(sale), sale)?;
        let condition = if sale.is_learned {
            Expression::new("attribute_not_exists(pk) OR #learned = :false")
                .name("#learned", "is_learned")
                .value(":false", AttributeValue::Bool(false))
        } else {
            Expression::absent()
        };
        let attempt = self.put_if("keep a sale", item, condition).await?;
        Ok(matches!(attempt, Attempt::Done))
    }

    /// The sales of homes that were priced before, by date, from this day on.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn evaluated(
        &self,
        model: &ModelName,
        from: Date,
    ) -> Result<Vec<Evaluated>, RegistryError> {
        let place = Place::Partition {
            pk: evaluated(model),
            prefix: String::new(),
        };
        let all: Vec<Evaluated> = self.all("list sales", &place).await?;
        Ok(all.into_iter().filter(|sale| sale.date >= from).collect())
    }

    /// What served prices turned out to be worth, as last computed.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn performance(
        &self,
        model: &ModelName,
    ) -> Result<Option<Performance>, RegistryError> {
        self.get("read the performance", performance(model)).await
    }

    /// Keeps what served prices turned out to be worth.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn put_performance(
        &self,
        model: &ModelName,
        found: &Performance,
    ) -> Result<(), RegistryError> {
        let item = item(performance(model), found)?;
        self.put_if("keep the performance", item, Expression::any())
            .await
            .map(drop)
    }

    /// Notes that sales are about to be kept that the figures do not have.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn note_sales_found(
        &self,
        model: &ModelName,
        at: Timestamp,
    ) -> Result<(), RegistryError> {
        let item = item(sales_found(model), &SalesFound { at })?;
        self.put_if("note that sales were found", item, Expression::any())
            .await
            .map(drop)
    }

    /// Whether sales were found after the figures were computed: whoever found them may have broken off.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn is_performance_stale(&self, model: &ModelName) -> Result<bool, RegistryError> {
        let found: Option<SalesFound> = self
            .get("read when sales were found", sales_found(model))
            .await?;
        let Some(found) = found else {
            return Ok(false);
        };
        let computed = self.performance(model).await?;
        Ok(computed.is_none_or(|computed| computed.at <= found.at))
    }

    /// Keeps a proposed rollback, in place of an earlier one against the same promotion.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn put_proposed_rollback(
        &self,
        model: &ModelName,
        proposed: &ProposedRollback,
    ) -> Result<(), RegistryError> {
        let item = item(rollback(model, proposed.promotion), proposed)?;
        self.put_if("propose a rollback", item, Expression::any())
            .await
            .map(drop)
    }

    /// The rollback that was proposed against the champion of this promotion.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn proposed_rollback(
        &self,
        model: &ModelName,
        promotion: PromotionSeq,
    ) -> Result<Option<ProposedRollback>, RegistryError> {
        self.get("read a proposed rollback", rollback(model, promotion))
            .await
    }

    /// All rollbacks that were proposed, oldest first.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn proposed_rollbacks(
        &self,
        model: &ModelName,
    ) -> Result<Vec<ProposedRollback>, RegistryError> {
        let place = Place::Partition {
            pk: rollbacks(model),
            prefix: String::new(),
        };
        self.all("list proposed rollbacks", &place).await
    }

    /// The objects with sales that need no further look.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn settled_sales(&self) -> Result<Vec<ObjectKey>, RegistryError> {
        let place = Place::Partition {
            pk: SETTLED.to_owned(),
            prefix: String::new(),
        };
        let all: Vec<Settled> = self.all("list read sales", &place).await?;
        Ok(all.into_iter().map(|settled| settled.object).collect())
    }

    /// Notes that all sales of an object are settled.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn note_settled_sales(&self, object: &ObjectKey) -> Result<(), RegistryError> {
        let settled = Settled {
            object: object.clone(),
        };
        let item = item(Key::new(SETTLED.to_owned(), object.as_str()), &settled)?;
        self.put_if("note read sales", item, Expression::absent())
            .await
            .map(drop)
    }
}

const SETTLED: &str = "settled-sales";

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Settled {
    object: ObjectKey,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct SalesFound {
    at: Timestamp,
}

fn sales_found(model: &ModelName) -> Key {
    Key::new(format!("performance#{model}"), "sales")
}

fn rollbacks(model: &ModelName) -> String {
    format!("rollbacks#{model}")
}

fn rollback(model: &ModelName, promotion: PromotionSeq) -> Key {
    Key::new(rollbacks(model), format!("{:012}", promotion.0))
}

fn performance(model: &ModelName) -> Key {
    Key::new(format!("performance#{model}"), "performance")
}
