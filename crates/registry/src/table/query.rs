//! Lists by key or index, page by page.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;

use super::Registry;
use super::fault::unavailable;
use super::item::{self, Item, string, text};
use super::key::{BY_LIST, OPEN};
use crate::RegistryError;
use crate::page::{Cursor, Page, PageRequest};

/// Where a list stands.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// The items of one partition of the table whose sort key begins so. Strongly consistent.
    Partition { pk: String, prefix: String },
    /// A list of the index `by_list`.
    List(String),
    /// The index `open`.
    Open,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

/// A part of a list of the index `by_list`, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) low: String,
    pub(crate) high: String,
}

impl Place {
    /// The index's name, and the names of its two key attributes.
    fn attributes(&self) -> (Option<&'static str>, &'static str, &'static str) {
        match self {
            Self::Partition { .. } => (None, "pk", "sk"),
            Self::List(_) => (Some(BY_LIST), "list_pk", "list_sk"),
            Self::Open => (Some(OPEN), "open_pk", "open_sk"),
        }
    }

    /// The value of the partition key.
    fn partition(&self) -> &str {
        match self {
            Self::Partition { pk, .. } => pk,
            Self::List(list) => list,
            Self::Open => OPEN,
        }
    }

    /// What a page token must belong to.
    fn name(&self) -> String {
        match self {
            Self::Partition { pk, prefix } => format!("{pk} {prefix}"),
            Self::List(list) => list.clone(),
            Self::Open => OPEN.to_owned(),
        }
    }

    /// Where the list goes on after an item.
    fn cursor(&self, last: &Item) -> Option<Cursor> {
        let (index, _, sort) = self.attributes();
        let mut key = vec![string(last, "pk")?, string(last, "sk")?];
        if index.is_some() {
            key.push(string(last, sort)?);
        }
        Some(Cursor::new(&self.name(), key))
    }

    /// The key a page token stands for.
    fn start(&self, token: &str) -> Result<HashMap<String, AttributeValue>, RegistryError> {
        let (index, partition, sort) = self.attributes();
        let key = Cursor::read(token, &self.name())?;
        match (index, key.as_slice()) {
            (None, [pk, sk]) => Ok(HashMap::from([
                ("pk".to_owned(), text(pk)),
                ("sk".to_owned(), text(sk)),
            ])),
            (Some(_), [pk, sk, place]) => Ok(HashMap::from([
                ("pk".to_owned(), text(pk)),
                ("sk".to_owned(), text(sk)),
                (partition.to_owned(), text(self.partition())),
                (sort.to_owned(), text(place)),
            ])),
            _ => Err(RegistryError::BadPageToken),
        }
    }
}

impl Registry {
    /// One page of a list.
    pub(crate) async fn page<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        place: &Place,
        order: Order,
        page: &PageRequest,
    ) -> Result<Page<T>, RegistryError> {
        let start = page
            .token
            .as_deref()
            .map(|token| place.start(token))
            .transpose()?;
        let limit = page.limit();
        // One more than wanted tells whether there is a next page.
        let mut items = self
            .query(operation, place, order, start, Some(limit + 1))
            .await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items
            .last()
            .filter(|_| more)
            .and_then(|last| place.cursor(last))
            .map(|cursor| cursor.to_token());
        let items = items
            .into_iter()
            .map(item::record)
            .collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    /// A whole list.
    pub(crate) async fn all<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        place: &Place,
    ) -> Result<Vec<T>, RegistryError> {
        let items = self
            .query(operation, place, Order::Ascending, None, None)
            .await?;
        items.into_iter().map(item::record).collect()
    }

    /// At most so many items of a part of a list.
    pub(crate) async fn span(
        &self,
        operation: &'static str,
        list: &str,
        span: &Span,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Item>, RegistryError> {
        let mut items = Vec::new();
        let mut start = None;
        // Nothing is between ends that have crossed, and DynamoDB refuses to look.
        while items.len() < limit && span.low <= span.high {
            let wanted = i32::try_from(limit - items.len()).unwrap_or(i32::MAX);
            let answer = self
                .client
                .query()
                .table_name(&self.tables.registry)
                .index_name(BY_LIST)
                .scan_index_forward(order == Order::Ascending)
                .limit(wanted)
                .set_exclusive_start_key(start)
                .key_condition_expression(
                    "#partition = :partition AND #sort BETWEEN :low AND :high",
                )
                .expression_attribute_names("#partition", "list_pk")
                .expression_attribute_names("#sort", "list_sk")
                .expression_attribute_values(":partition", text(list))
                .expression_attribute_values(":low", text(&span.low))
                .expression_attribute_values(":high", text(&span.high))
                .send()
                .await
                .map_err(unavailable(operation))?;
            items.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(items)
    }

    /// The items of a partition whose sort key begins so, with their keys.
    pub(crate) async fn items(
        &self,
        operation: &'static str,
        place: &Place,
    ) -> Result<Vec<Item>, RegistryError> {
        self.query(operation, place, Order::Ascending, None, None)
            .await
    }

    async fn query(
        &self,
        operation: &'static str,
        place: &Place,
        order: Order,
        mut start: Option<Item>,
        limit: Option<usize>,
    ) -> Result<Vec<Item>, RegistryError> {
        let from_token = start.is_some();
        let (index, partition, sort) = place.attributes();
        let mut items = Vec::new();
        // DynamoDB ends an answer at 1 MB, so one page may take several.
        loop {
            let mut query = self
                .client
                .query()
                .table_name(&self.tables.registry)
                .set_index_name(index.map(str::to_owned))
                .consistent_read(index.is_none())
                .scan_index_forward(order == Order::Ascending)
                .set_limit(
                    limit.map(|limit| i32::try_from(limit - items.len()).unwrap_or(i32::MAX)),
                )
                .set_exclusive_start_key(start)
                .expression_attribute_names("#partition", partition)
                .expression_attribute_values(":partition", text(place.partition()));
            query = match place {
                Place::Partition { prefix, .. } if !prefix.is_empty() => query
                    .key_condition_expression(
                        "#partition = :partition AND begins_with(#sort, :prefix)",
                    )
                    .expression_attribute_names("#sort", sort)
                    .expression_attribute_values(":prefix", text(prefix)),
                _ => query.key_condition_expression("#partition = :partition"),
            };
            let answer = query.send().await.map_err(|error| {
                let refused = error.as_service_error().and_then(|error| error.code())
                    == Some("ValidationException");
                if from_token && refused {
                    RegistryError::BadPageToken
                } else {
                    unavailable(operation)(error)
                }
            })?;
            items.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() || limit.is_some_and(|limit| items.len() >= limit) {
                return Ok(items);
            }
        }
    }
}
