//! What a function asks of AWS, request by request, in the words of IAM.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tasador_testing::faults::{BoxError, HttpRequest, SharedInterceptor, on_request};

/// An action on a resource: `s3:GetObject` on `tasador/raw/…`, `dynamodb:Query` on
/// `tasador-registry/index/open`, `states:StartExecution` on an ARN.
pub type Need = (String, String);

/// Writes down every request of the clients that it is an interceptor of. Cloning shares the list.
#[derive(Debug, Clone, Default)]
pub struct Witness(Arc<Mutex<BTreeSet<Need>>>);

impl Witness {
    /// What was asked so far.
    pub fn needs(&self) -> BTreeSet<Need> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The interceptor that writes them down.
    pub fn interceptor(&self) -> SharedInterceptor {
        let witness = self.clone();
        on_request(move |seen| seen.map_or(Ok(()), |request| witness.request(request)))
    }

    fn request(&self, request: &HttpRequest) -> Result<(), BoxError> {
        let body: Value = request
            .body()
            .bytes()
            .and_then(|bytes| serde_json::from_slice(bytes).ok())
            .unwrap_or_default();
        match request.headers().get("x-amz-target") {
            Some(target) => match target.split_once('.') {
                Some(("AWSStepFunctions", operation)) => {
                    let machine = &body["stateMachineArn"];
                    let on = machine.as_str().or(body["executionArn"].as_str());
                    self.note(format!("states:{operation}"), on.unwrap_or_default());
                }
                Some(("secretsmanager", operation)) => {
                    let secret = body["SecretId"].as_str().unwrap_or_default();
                    self.note(format!("secretsmanager:{operation}"), secret);
                }
                Some((_, operation)) => self.dynamodb(operation, &body),
                None => self.note(target, ""),
            },
            None => {
                let uri: http::Uri = request.uri().parse()?;
                self.s3(
                    request.method(),
                    uri.path(),
                    uri.query().unwrap_or_default(),
                );
            }
        }
        Ok(())
    }

    fn note(&self, action: impl Into<String>, resource: impl Into<String>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((action.into(), resource.into()));
    }

    fn dynamodb(&self, operation: &str, body: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match operation {
            // A transaction is allowed by what it does.
            "TransactWriteItems" => {
                let writes = body["TransactItems"].as_array().into_iter().flatten();
                for (kind, write) in writes.filter_map(Value::as_object).flatten() {
                    let action = match kind.as_str() {
                        "ConditionCheck" => "dynamodb:ConditionCheckItem".to_owned(),
                        kind => format!("dynamodb:{kind}Item"),
                    };
                    self.note(action, text(&write["TableName"]));
                }
            }
            "BatchGetItem" | "BatchWriteItem" => {
                let tables = body["RequestItems"].as_object().into_iter().flatten();
                for (table, _) in tables {
                    self.note(format!("dynamodb:{operation}"), table);
                }
            }
            _ => {
                let table = text(&body["TableName"]);
                let resource = match &body["IndexName"] {
                    Value::String(index) => format!("{table}/index/{index}"),
                    _ => table,
                };
                self.note(format!("dynamodb:{operation}"), resource);
            }
        }
    }

    fn s3(&self, method: &str, path: &str, query: &str) {
        let path = path.trim_start_matches('/').replace("%3D", "=");
        match method {
            "GET" if query.contains("list-type=2") => {
                self.note("s3:ListBucket", path.trim_end_matches('/'));
            }
            // To look at an object is to get it, as far as IAM knows.
            "GET" | "HEAD" => self.note("s3:GetObject", path),
            "PUT" => self.note("s3:PutObject", path),
            // Parts of an upload; to begin and to end it is to put the object.
            "DELETE" if query.contains("uploadId") => self.note("s3:AbortMultipartUpload", path),
            "DELETE" => self.note("s3:DeleteObject", path),
            "POST" => self.note("s3:PutObject", path),
            other => self.note(format!("s3:{other}"), path),
        }
    }
}
