//! The functions and the real state machine, each function with its own context: what runs in an
//! account, but in this process and against whatever store the contexts point to.

use std::collections::BTreeMap;
use std::sync::Mutex;

use jiff::Timestamp;
use local::functions::Functions;
use serde_json::{Value, json};
use tasador_runtime::Context;
use tasador_states::{
    BoxFuture, Call, Ending, Execution, HistoryEvent, Host, Machine, Resource, TaskError, WallClock,
};
use tasador_testing::listings::Batch;
use tasador_testing::source::{Answer, EXHAUSTED, Source};

/// All functions, each with its own context.
pub struct Deployment {
    all: BTreeMap<String, Functions>,
}

impl Deployment {
    /// The functions of these names, each in the context that `context_of` makes for it.
    pub fn new<'a>(
        names: impl IntoIterator<Item = &'a str>,
        mut context_of: impl FnMut(&str) -> Context,
    ) -> Self {
        let all = names
            .into_iter()
            .map(|name| (name.to_owned(), Functions::new(&context_of(name))));
        Self { all: all.collect() }
    }

    /// Gives the source one batch, and checks that a run promotes a model, that the next run finds nothing
    /// new, and that a home gets a price.
    ///
    /// # Panics
    /// If one of them fails.
    pub async fn assert_batch_becomes_price(&self, source: &Source) {
        let batch = Answer::Json(Batch::new(1, 300).api_json());
        source.then(batch).then(EXHAUSTED);
        let path = self.run("first", &json!({})).await;
        let is_promoted = path.iter().any(|state| state == "RecordPromotion");
        assert!(is_promoted, "{path:?}");
        let path = self.run("second", &json!({})).await;
        assert_eq!(path.last().map(String::as_str), Some("NothingNew"));
        let home = json!({"bed": 3, "house_size": 1500});
        let (_, price) = self.http("predict", "POST", "/predict", &home).await;
        let dollars = price["predicted_price"].as_f64();
        assert!(dollars.is_some_and(|dollars| dollars > 0.0), "{price}");
    }

    /// A function's answer.
    ///
    /// # Panics
    /// Where it fails, or there is no such function.
    pub async fn invoke(&self, name: &str, request: Value) -> Value {
        let answer = self.all[name].invoke(name, request).await;
        answer.unwrap_or_else(|failure| panic!("{name}: {failure}"))
    }

    /// A function's answer to an HTTP request, as API Gateway hands it on: the status, and the body,
    /// `null` where it is no JSON.
    ///
    /// # Panics
    /// Where its status is 5xx.
    pub async fn http(&self, name: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.http_with(name, method, path, body, &[]).await
    }

    /// The same with cookies.
    ///
    /// # Panics
    /// Where its status is 5xx.
    pub async fn http_with(
        &self,
        name: &str,
        method: &str,
        path: &str,
        body: &Value,
        cookies: &[String],
    ) -> (u16, Value) {
        let body = if body.is_null() {
            Value::Null
        } else {
            body.to_string().into()
        };
        let kind = "application/json";
        let (status, text) = self.sent(name, (method, path), (kind, body), cookies).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// The same with a form of the page.
    ///
    /// # Panics
    /// Where its status is 5xx.
    pub async fn form(
        &self,
        name: &str,
        path: &str,
        (kind, form): (&str, String),
        cookies: &[String],
    ) -> u16 {
        let body = (kind, form.into());
        self.sent(name, ("POST", path), body, cookies).await.0
    }

    async fn sent(
        &self,
        name: &str,
        (method, path): (&str, &str),
        (kind, body): (&str, Value),
        cookies: &[String],
    ) -> (u16, String) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let event = json!({
            "version": "2.0", "routeKey": format!("{method} {path}"), "rawPath": path, "rawQueryString": query,
            "headers": {"content-type": kind, "host": "localhost"}, "isBase64Encoded": false, "cookies": cookies,
            "body": body,
            "requestContext": {
                "accountId": "000000000000", "apiId": "local", "domainName": "localhost", "domainPrefix": "localhost",
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t"},
                "requestId": "id", "routeKey": "$default", "stage": "$default",
                "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 0,
            },
        });
        let answer = self.invoke(name, event).await;
        let status = answer["statusCode"].as_u64().unwrap().try_into().unwrap();
        assert!(status < 500, "{method} {path}: {answer}");
        let text = answer["body"].as_str().unwrap_or_default();
        (status, text.to_owned())
    }

    /// An execution of the real machine, over the watched functions; the states that it entered.
    ///
    /// # Panics
    /// Where it does not succeed.
    pub async fn run(&self, name: &str, input: &Value) -> Vec<String> {
        let machine = Machine::parse(&local::machine::definition()).unwrap();
        let execution = Execution {
            arn: local::machine::execution_arn(name),
            name: name.to_owned(),
            role_arn: "arn:aws:iam::000000000000:role/r".to_owned(),
            machine_arn: local::machine::machine_arn(),
        };
        let past = [HistoryEvent::started(&input.to_string(), Timestamp::now())];
        let events = Mutex::new(Vec::new());
        let ending = machine.run(&execution, &past, self, &WallClock, &events);
        let ending = ending.await.unwrap();
        assert!(
            matches!(ending, Ending::Succeeded { .. }),
            "{name}: {ending:?}"
        );
        let events = events.into_inner().unwrap();
        let entered = events
            .iter()
            .filter(|event| event.kind.ends_with("StateEntered"));
        entered
            .map(|event| event.detail("name").unwrap().to_owned())
            .collect()
    }
}

impl Host for Deployment {
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, TaskError>> {
        Box::pin(async move {
            let Resource::Function(arn) = call.resource else {
                return Ok(json!({}));
            };
            let name = arn.rsplit(':').next().unwrap();
            let functions = self.all[name].clone();
            let (name, input) = (name.to_owned(), call.input);
            // On a separate stack: that of a test is small.
            let work = tokio::spawn(async move { functions.invoke(&name, input).await });
            let answer = work.await.unwrap_or_else(|error| panic!("{error}"));
            answer.map_err(|failure| TaskError {
                error: failure.error_type.to_string(),
                cause: failure.message,
            })
        })
    }
}
