//! DynamoDB over HTTP, on one SQLite file: requests of AWS JSON 1.0 with a verified signature, run by
//! dynoxide. Its own HTTP server is not used, because it verifies no signature and allows every origin.
//!
//! A write is on disk before it is answered, except in the table of inferences: syncing each answered price
//! would cost milliseconds, and a power cut may take the last moments of this log with it.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header, request};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use dynoxide::actions::batch_write_item::BatchWriteItemRequest;
use dynoxide::actions::transact_write_items::{
    TransactDelete, TransactPut, TransactWriteItem, TransactWriteItemsRequest,
};
use dynoxide::{Database, DynoxideError};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::Semaphore;

use super::error::JSON_1_0;
use super::request_id;
use super::signature::{SignatureError, Verifier};

/// Largest request, as on AWS.
pub(crate) const BODY_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Requests that are read, run and written at the same time. The database runs one after the other,
/// so more threads would only wait for it.
const THREADS: usize = 4;

/// The most writes of a batch, as on AWS.
const BATCH_MAX: usize = 25;

const TARGET_PREFIX: &str = "DynamoDB_20120810.";

/// The tables and their file.
pub(crate) struct Tables {
    pub(crate) database: Database,
    /// SQLite's write-ahead log.
    pub(crate) log: PathBuf,
    /// The table whose items are not synced one by one.
    pub(crate) unsynced: String,
}

struct Front {
    tables: Tables,
    verifier: Verifier,
    threads: Semaphore,
}

/// `POST /` with the operations of DynamoDB.
pub(crate) fn router(tables: Tables, verifier: Verifier) -> Router {
    let front = Front {
        tables,
        verifier,
        threads: Semaphore::new(THREADS),
    };
    Router::new()
        .route("/", post(answer))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .with_state(std::sync::Arc::new(front))
}

async fn answer(
    State(front): State<std::sync::Arc<Front>>,
    parts: request::Parts,
    body: Bytes,
) -> Response {
    if let Err(error) = front
        .verifier
        .verify("dynamodb", &parts, &body, SystemTime::now())
    {
        return refuse(&error);
    }
    let operation = operation(&parts.headers).map(str::to_owned);
    let Ok(_permit) = front.threads.acquire().await else {
        return write(StatusCode::SERVICE_UNAVAILABLE, String::new());
    };
    let running = std::sync::Arc::clone(&front);
    // Not on a thread that serves connections: SQLite waits for the disk.
    let ran = tokio::task::spawn_blocking(move || match operation {
        Some(operation) => running.tables.run(&operation, &body),
        None => None,
    });
    match ran.await {
        Ok(Some(Ok(body))) => write(StatusCode::OK, body),
        Ok(Some(Err(error))) => {
            let status = StatusCode::from_u16(error.status_code());
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            if status.is_server_error() {
                tracing::error!(%error, "DynamoDB failed");
            }
            write(status, error.to_json())
        }
        Ok(None) => write(
            StatusCode::BAD_REQUEST,
            json!({ "__type": "com.amazon.coral.service#UnknownOperationException" }).to_string(),
        ),
        Err(error) => {
            tracing::error!(%error, "DynamoDB failed");
            let error = DynoxideError::InternalServerError("The request failed.".to_owned());
            write(StatusCode::INTERNAL_SERVER_ERROR, error.to_json())
        }
    }
}

impl Tables {
    /// Runs one operation; `None` where there is no such operation.
    fn run(&self, operation: &str, body: &[u8]) -> Option<Result<String, DynoxideError>> {
        let answer = run(&self.database, operation, body)?;
        Some(answer.and_then(|answer| {
            if is_write(operation) && !names_only(&self.unsynced, body) {
                self.sync().map_err(|error| {
                    let text = format!("the write could not be synced to disk: {error}");
                    DynoxideError::InternalServerError(text)
                })?;
            }
            Ok(answer)
        }))
    }

    /// Everything that is in the write-ahead log is on disk when this returns. SQLite keeps no lock on this
    /// file that closing it would release.
    fn sync(&self) -> io::Result<()> {
        match File::open(&self.log) {
            Ok(log) => log.sync_data(),
            // Nothing was written since it was last emptied.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn is_write(operation: &str) -> bool {
    let is_read = ["Describe", "List", "BatchGet", "TransactGet"];
    !matches!(operation, "GetItem" | "Query" | "Scan")
        && !is_read.iter().any(|read| operation.starts_with(read))
}

/// Whether a request names this table and no other. In doubt it does not: in texts of items quotes are
/// escaped, so that nothing else looks like the name of a table.
fn names_only(table: &str, body: &[u8]) -> bool {
    const NAME: &[u8] = b"\"TableName\"";
    let own = format!(":\"{table}\"");
    let mut names = memchr::memmem::find_iter(body, NAME).peekable();
    names.peek().is_some()
        && names.all(|at| {
            let value = body.get(at + NAME.len()..).unwrap_or_default();
            value.starts_with(own.as_bytes())
        })
}

fn operation(headers: &HeaderMap) -> Option<&str> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    target.strip_prefix(TARGET_PREFIX)
}

fn refuse(error: &SignatureError) -> Response {
    let shape = error.shape();
    let body = json!({
        "__type": format!("com.amazon.coral.service#{shape}"),
        "message": error.to_string(),
    });
    write(StatusCode::BAD_REQUEST, body.to_string())
}

fn write(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, JSON_1_0),
        (HeaderName::from_static("x-amzn-requestid"), request_id()),
    ];
    (status, headers, body).into_response()
}

/// Runs one operation; `None` where there is no such operation.
fn run(database: &Database, operation: &str, body: &[u8]) -> Option<Result<String, DynoxideError>> {
    /// The operations by their names in the protocol and in dynoxide.
    macro_rules! dispatch {
        ($($name:literal => $method:ident,)*) => {
            match operation {
                $($name => Some(
                    read(body)
                        .and_then(|request| database.$method(request))
                        .and_then(|response| serde_json::to_string(&response).map_err(|error| {
                            DynoxideError::InternalServerError(error.to_string())
                        })),
                ),)*
                _ => None,
            }
        };
    }
    if operation == "BatchWriteItem" && written_at_once(database, body) {
        return Some(Ok(json!({ "UnprocessedItems": {} }).to_string()));
    }
    dispatch! {
        "BatchExecuteStatement" => batch_execute_statement,
        "BatchGetItem" => batch_get_item,
        "BatchWriteItem" => batch_write_item,
        "CreateTable" => create_table,
        "DeleteItem" => delete_item,
        "DeleteTable" => delete_table,
        "DescribeTable" => describe_table,
        "DescribeTimeToLive" => describe_time_to_live,
        "ExecuteStatement" => execute_statement,
        "ExecuteTransaction" => execute_transaction,
        "GetItem" => get_item,
        "ListTables" => list_tables,
        "ListTagsOfResource" => list_tags_of_resource,
        "PutItem" => put_item,
        "Query" => query,
        "Scan" => scan,
        "TagResource" => tag_resource,
        "TransactGetItems" => transact_get_items,
        "TransactWriteItems" => transact_write_items,
        "UntagResource" => untag_resource,
        "UpdateItem" => update_item,
        "UpdateTable" => update_table,
        "UpdateTimeToLive" => update_time_to_live,
    }
}

/// Whether a batch is written, in one transaction: dynoxide syncs each item of a batch to the disk. What
/// is refused here is refused again, or written item by item, as a batch.
fn written_at_once(database: &Database, body: &[u8]) -> bool {
    let Ok(batch) = serde_json::from_slice::<BatchWriteItemRequest>(body) else {
        return false;
    };
    if batch.return_consumed_capacity.is_some() || batch.return_item_collection_metrics.is_some() {
        return false;
    }
    let mut transact_items = Vec::new();
    for (table_name, writes) in batch.request_items {
        for write in writes {
            let put = write.put_request.map(|put| TransactPut {
                table_name: table_name.clone(),
                item: put.item,
                ..TransactPut::default()
            });
            let delete = write.delete_request.map(|delete| TransactDelete {
                table_name: table_name.clone(),
                key: delete.key,
                ..TransactDelete::default()
            });
            transact_items.push(TransactWriteItem {
                put,
                delete,
                ..TransactWriteItem::default()
            });
        }
    }
    let transaction = TransactWriteItemsRequest {
        transact_items,
        ..TransactWriteItemsRequest::default()
    };
    transaction.transact_items.len() <= BATCH_MAX
        && database.transact_write_items(transaction).is_ok()
}

/// Reads a request. dynoxide's types begin the message of an error with its kind.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DynoxideError> {
    serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        let text = text
            .rsplit_once(" at line ")
            .map_or(text.as_str(), |(text, _)| text);
        let is_validation = [
            "missing field",
            "unknown variant",
            "invalid type: null",
            "AttributeValue",
        ]
        .iter()
        .any(|part| text.contains(part));
        match text.split_once(':') {
            Some((kind, text)) if kind.starts_with("SERIALIZATION") => {
                DynoxideError::SerializationException(text.to_owned())
            }
            Some((kind, text)) if kind.starts_with("VALIDATION") => {
                DynoxideError::ValidationException(text.to_owned())
            }
            _ if is_validation => DynoxideError::ValidationException(text.to_owned()),
            _ => DynoxideError::SerializationException(text.to_owned()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_written_at_once_or_refused_as_a_batch() {
        let database = Database::memory().unwrap();
        let ask = |operation: &str, body: serde_json::Value| {
            let answer = run(&database, operation, body.to_string().as_bytes()).unwrap();
            let text = answer.unwrap_or_else(|error| error.to_json());
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        };
        let key = [json!({"AttributeName": "pk", "KeyType": "HASH"})];
        let attributes = [json!({"AttributeName": "pk", "AttributeType": "S"})];
        ask(
            "CreateTable",
            json!({"TableName": "table", "KeySchema": key, "AttributeDefinitions": attributes, "BillingMode": "PAY_PER_REQUEST"}),
        );
        let put =
            |number: usize| json!({"PutRequest": {"Item": {"pk": {"S": number.to_string()}}}});
        let batch = |writes: Vec<serde_json::Value>| json!({"RequestItems": {"table": writes}});
        let count = || ask("Scan", json!({"TableName": "table"}))["Count"].clone();

        let done = json!({"UnprocessedItems": {}});
        assert_eq!(
            ask("BatchWriteItem", batch((0..25).map(put).collect())),
            done
        );
        assert_eq!(count(), 25);
        let delete = json!({"DeleteRequest": {"Key": {"pk": {"S": "3"}}}});
        assert_eq!(ask("BatchWriteItem", batch(vec![put(4), delete])), done);
        assert_eq!(count(), 24);
        for refused in [
            batch((100..126).map(put).collect()),
            batch(vec![put(200), put(200)]),
            batch(vec![]),
            json!({"RequestItems": {"other": [put(300)]}}),
        ] {
            let answer = ask("BatchWriteItem", refused);
            assert!(answer["__type"].is_string(), "{answer}");
        }
        assert_eq!(count(), 24);
    }

    #[test]
    fn only_the_log_is_not_synced() {
        for (body, expected) in [
            (r#"{"TableName":"log","Item":{"a":{"S":"b"}}}"#, true),
            (
                r#"[{"Put":{"TableName":"log"}},{"Put":{"TableName":"log"}}]"#,
                true,
            ),
            (
                r#"[{"Put":{"TableName":"log"}},{"Put":{"TableName":"other"}}]"#,
                false,
            ),
            (r#"{"TableName":"logs"}"#, false),
            (r#"{"RequestItems":{"log":[]}}"#, false),
            (
                r#"{"TableName":"log","Item":{"a":{"S":"\"TableName\":\"other\""}}}"#,
                true,
            ),
        ] {
            assert_eq!(names_only("log", body.as_bytes()), expected, "{body}");
        }
        for operation in [
            "GetItem",
            "Query",
            "Scan",
            "DescribeTable",
            "ListTables",
            "TransactGetItems",
        ] {
            assert!(!is_write(operation), "{operation}");
        }
        for operation in [
            "PutItem",
            "TransactWriteItems",
            "ExecuteStatement",
            "CreateTable",
        ] {
            assert!(is_write(operation), "{operation}");
        }
    }

    #[test]
    fn errors_have_the_names_of_dynamodb() {
        let database = Database::memory().unwrap();
        let name_of = |operation: &str, body: &str| {
            let error = run(&database, operation, body.as_bytes()).unwrap();
            let json: serde_json::Value =
                serde_json::from_str(&error.unwrap_err().to_json()).unwrap();
            let name = json["__type"].as_str().unwrap();
            name.rsplit_once('#').unwrap().1.to_owned()
        };
        let get = r#"{"TableName": "none", "Key": {"pk": {"S": "a"}}}"#;
        assert_eq!(name_of("GetItem", get), "ResourceNotFoundException");
        assert_eq!(name_of("GetItem", "{}"), "ValidationException");
        let empty = r#"{"TableName": "none", "Key": {"pk": {}}}"#;
        assert_eq!(name_of("GetItem", empty), "ValidationException");
        for text in ["", "{", r#"{"TableName": 1}"#] {
            assert_eq!(name_of("GetItem", text), "SerializationException", "{text}");
        }
        assert!(run(&database, "DropEverything", b"{}").is_none());
    }
}
