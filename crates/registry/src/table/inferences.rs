//! The log of answered requests: one entry per request, by hour and shard.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tasador_ids::Digest;

use super::Registry;
use super::fault::{Attempt, unavailable};
use super::item::{self, Item, item, text, unbuildable};
use super::key::{self, Key, moment};
use crate::RegistryError;
use crate::compaction::LooseInference;
use crate::inference::InferenceRecord;

/// Parts of an hour. DynamoDB writes 1,000 small items a second to one partition; sixteen take
/// more than one function's worth of requests, and reading an hour is sixteen queries.
pub(super) const SHARDS: u8 = 16;
/// The most bytes of input and output in one item: DynamoDB allows 400 KB with all attributes.
const PART_BYTES: usize = 350_000;
/// How far from the time that is said a request is looked for: whoever asks knows the minute in which
/// it was sent, and an answer takes seconds.
const AROUND: SignedDuration = SignedDuration::from_mins(2);

/// The most items of one transaction.
const TOGETHER_MAX: usize = 100;
/// The most text of one transaction, in bytes: DynamoDB allows 4 MB with all attributes.
const TOGETHER_MAX_BYTES: usize = 3_500_000;

/// The input and output of a request as kept: text, as it was answered.
#[derive(Debug, Serialize, Deserialize)]
struct Body<V> {
    input: V,
    output: V,
}

/// Which entries of a shard are read.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    All,
    /// Those without an expiry, until they have so many bytes.
    Loose {
        most_bytes: usize,
    },
    /// Those answered between two moments, both as [`moment`] writes them.
    Between(String, String),
}

/// One item. The first of an entry has its facts, all have a part of its body.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    part: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    facts: Option<Facts>,
    body: String,
}

/// All but input and output.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Facts {
    parts: u32,
    /// Without input and output: those stand in the body.
    record: InferenceRecord,
}

impl Registry {
    /// Logs an answered request. Repeating it with the same record changes nothing.
    ///
    /// A request with many instances may take several items; the one with the facts is written
    /// last, so an entry that can be read is whole.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn put_inference(&self, record: &InferenceRecord) -> Result<(), RegistryError> {
        for item in items(record)?.into_iter().rev() {
            self.client
                .put_item()
                .table_name(&self.tables.inferences)
                .set_item(Some(item))
                .send()
                .await
                .map_err(unavailable("log an inference"))?;
        }
        Ok(())
    }

    /// Logs requests that were answered at the same time, together where they fit: a table on one
    /// disk makes one write of it. Which of them are written where it fails is not known; repeating
    /// it, or writing each alone, is safe.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`]; [`RegistryError::Contended`] where they can't be written
    /// together.
    pub async fn put_inferences(&self, records: &[&InferenceRecord]) -> Result<(), RegistryError> {
        const WHAT: &str = "log inferences";
        let mut writes = Vec::with_capacity(records.len());
        let mut bytes = 0;
        for record in records {
            for item in items(record)? {
                // Their text is nearly all of an item.
                bytes += item
                    .values()
                    .filter_map(|value| value.as_s().ok())
                    .map(String::len)
                    .sum::<usize>();
                let put = Put::builder()
                    .table_name(&self.tables.inferences)
                    .set_item(Some(item))
                    .build()
                    .map_err(unbuildable)?;
                writes.push(TransactWriteItem::builder().put(put).build());
            }
        }
        if writes.len() > TOGETHER_MAX || bytes > TOGETHER_MAX_BYTES {
            return Err(RegistryError::Contended { operation: WHAT });
        }
        match self.transact(WHAT, writes).await? {
            Attempt::Done => Ok(()),
            Attempt::Lost => Err(RegistryError::Contended { operation: WHAT }),
        }
    }

    /// The requests answered in the hour (UTC) that `at` lies in, oldest first.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn inferences_of_hour(
        &self,
        at: Timestamp,
    ) -> Result<Vec<InferenceRecord>, RegistryError> {
        let shards: Vec<(Vec<LooseInference>, usize)> = stream::iter(0..SHARDS)
            .map(|shard| self.inferences_of_shard(at, shard, Wanted::All))
            .buffer_unordered(usize::from(SHARDS))
            .try_collect()
            .await?;
        let mut records: Vec<InferenceRecord> = shards
            .into_iter()
            .flat_map(|(found, _)| found)
            .map(|found| found.record)
            .collect();
        records.sort_by(|a, b| (a.at, &a.request_id).cmp(&(b.at, &b.request_id)));
        Ok(records)
    }

    /// The request of that id, answered within two minutes of `at`; none where the log does not
    /// hold it, or holds it no longer. Reads the part of one shard that lies between.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn inference(
        &self,
        request_id: &str,
        at: Timestamp,
    ) -> Result<Option<InferenceRecord>, RegistryError> {
        let (from, to) = (
            at.saturating_sub(AROUND).unwrap_or(at),
            at.saturating_add(AROUND).unwrap_or(at),
        );
        let shard = shard_of(request_id);
        let mut hours = vec![from];
        if partition(from, shard) != partition(to, shard) {
            hours.push(to);
        }
        for hour in hours {
            let wanted = Wanted::Between(moment(from), moment(to));
            let (records, _) = self.inferences_of_shard(hour, shard, wanted).await?;
            let found = records
                .into_iter()
                .map(|found| found.record)
                .find(|record| record.request_id == request_id);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Entries of one shard of an hour, and the size of their inputs and outputs in bytes.
    pub(super) async fn inferences_of_shard(
        &self,
        at: Timestamp,
        shard: u8,
        wanted: Wanted,
    ) -> Result<(Vec<LooseInference>, usize), RegistryError> {
        let (only_loose, most_bytes) = match &wanted {
            Wanted::Loose { most_bytes } => (true, *most_bytes),
            Wanted::All | Wanted::Between(..) => (false, usize::MAX),
        };
        let mut start: Option<Item> = None;
        let mut records = Vec::new();
        let mut bytes = 0;
        let mut whole: Option<(Facts, String, u32)> = None;
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.tables.inferences)
                .consistent_read(true)
                .expression_attribute_values(":pk", text(partition(at, shard)));
            let query = match &wanted {
                Wanted::Between(from, to) => query
                    .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                    .expression_attribute_values(":from", text(from))
                    .expression_attribute_values(":to", text(to)),
                Wanted::All | Wanted::Loose { .. } => query.key_condition_expression("pk = :pk"),
            };
            let answer = query
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(unavailable("list inferences"))?;
            for found in answer.items.unwrap_or_default() {
                let is_first = found.contains_key("facts");
                if is_first && only_loose && found.contains_key("expires_at") {
                    // Its other parts follow, and belong to nothing then.
                    whole = None;
                    continue;
                }
                let part: Part = item::record(found)?;
                match part.facts {
                    // A part without its first belongs to an entry that was never finished.
                    Some(facts) => whole = Some((facts, part.body, 1)),
                    None => {
                        if let Some((_, body, parts)) = &mut whole {
                            body.push_str(&part.body);
                            *parts += 1;
                        }
                    }
                }
                if let Some((facts, body, _)) =
                    whole.take_if(|(facts, _, parts)| *parts == facts.parts)
                {
                    bytes += body.len();
                    let parts = facts.parts;
                    let record = read(facts, &body)?;
                    records.push(LooseInference { record, parts });
                    if bytes >= most_bytes {
                        return Ok((records, bytes));
                    }
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok((records, bytes));
            }
        }
    }
}

/// The items of an entry, the one with the facts first.
fn items(record: &InferenceRecord) -> Result<Vec<Item>, RegistryError> {
    let body = serde_json::to_string(&Body {
        input: &record.input,
        output: &record.output,
    })
    .map_err(|source| RegistryError::Unavailable {
        operation: "write an inference",
        retryable: false,
        source: Box::new(source),
    })?;
    let bodies = split(&body);
    let parts = u32::try_from(bodies.len()).unwrap_or(u32::MAX);
    (0..parts)
        .zip(bodies)
        .map(|(part, body)| {
            let facts = (part == 0).then(|| Facts {
                parts,
                record: InferenceRecord {
                    input: Value::Null,
                    output: Value::Null,
                    request_id: record.request_id.clone(),
                    model: record.model.clone(),
                    error: record.error.clone(),
                    ..*record
                },
            });
            let body = body.to_owned();
            item(entry(record, part), &Part { part, facts, body })
        })
        .collect()
}

fn read(facts: Facts, body: &str) -> Result<InferenceRecord, RegistryError> {
    let body: Body<Value> = serde_json::from_str(body).map_err(|error| RegistryError::Damaged {
        what: format!("the log of request `{}`", facts.record.request_id),
        source: serde::de::Error::custom(error),
    })?;
    Ok(InferenceRecord {
        input: body.input,
        output: body.output,
        ..facts.record
    })
}

fn partition(at: Timestamp, shard: u8) -> String {
    format!("{}#{shard:02}", key::hour(at))
}

fn shard_of(request_id: &str) -> u8 {
    Digest::of(request_id.as_bytes())
        .as_bytes()
        .first()
        .map_or(0, |byte| byte % SHARDS)
}

pub(super) fn entry(record: &InferenceRecord, part: u32) -> Key {
    Key {
        pk: partition(record.at, shard_of(&record.request_id)),
        sk: format!("{}#{}#{part:04}", moment(record.at), record.request_id),
    }
}

/// A text in parts of at most [`PART_BYTES`] bytes; at least one part.
fn split(mut text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    while text.len() > PART_BYTES {
        let (part, rest) = text.split_at(text.floor_char_boundary(PART_BYTES));
        parts.push(part);
        text = rest;
    }
    parts.push(text);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_nothing_is_lost() {
        for text in [
            String::new(),
            "a".repeat(PART_BYTES),
            "é".repeat(PART_BYTES),
            "x€".repeat(PART_BYTES),
        ] {
            let parts = split(&text);
            assert!(parts.iter().all(|part| part.len() <= PART_BYTES));
            assert!(!parts.is_empty());
            assert_eq!(parts.concat(), text);
        }
    }
}
