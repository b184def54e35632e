//! A data source that answers as told, one answer a request, on a loopback port of its own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream::{self, Stream, StreamExt as _};
use http::{StatusCode, header};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the source does with one request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// 200 with this body.
    Json(Vec<u8>),
    /// This status with this body.
    Status(u16, &'static str),
    /// 200, and the connection breaks off in the middle of this body.
    Cut(Vec<u8>),
    /// 200, and nothing more after the first half of this body.
    Silent(Vec<u8>),
    /// Nothing for this long, then 200 with this body.
    Slow(Duration, Vec<u8>),
}

/// The source's own words for "nothing left", as its first version spells them.
pub const EXHAUSTED: Answer = Answer::Status(
    400,
    r#"{"detail": "Ya se recolectó toda la información mínima necesaria"}"#,
);
/// The same in the spelling of a later version.
pub const EXHAUSTED_UNACCENTED: Answer = Answer::Status(
    400,
    r#"{"detail": "Ya se recolectó toda la información minima necesaria"}"#,
);
/// The source's words for a group that does not exist.
pub const BAD_GROUP: Answer = Answer::Status(400, r#"{"detail": "Número de grupo inválido"}"#);

/// The running source. It ends when this is dropped.
#[derive(Debug)]
pub struct Source {
    url: String,
    answers: Answers,
    server: JoinHandle<()>,
}

#[derive(Debug, Clone, Default)]
struct Answers(Arc<Mutex<(VecDeque<Answer>, usize)>>);

impl Source {
    /// Starts a source that has nothing yet.
    ///
    /// # Panics
    /// Where no loopback port is free.
    #[expect(clippy::expect_used, reason = "a test without its source has failed")]
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free loopback port");
        let port = listener
            .local_addr()
            .expect("a bound listener has an address")
            .port();
        let answers = Answers::default();
        let router = Router::new()
            .route("/data", get(answer))
            .with_state(answers.clone());
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the source's server failed");
            }
        });
        Self {
            url: format!("http://127.0.0.1:{port}/data?group_number=2&day=Tuesday"),
            answers,
            server,
        }
    }

    /// The address that `TASADOR_SOURCE` takes.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Puts an answer behind those that wait. A source without answers says that it has nothing left.
    pub fn then(&self, answer: Answer) -> &Self {
        self.answers.lock().0.push_back(answer);
        self
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.answers.lock().1
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Answers {
    fn lock(&self) -> std::sync::MutexGuard<'_, (VecDeque<Answer>, usize)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(answers): State<Answers>) -> Response {
    let next = {
        let mut answers = answers.lock();
        answers.1 += 1;
        answers.0.pop_front().unwrap_or(EXHAUSTED)
    };
    let json = [(header::CONTENT_TYPE, "application/json")];
    match next {
        Answer::Json(body) => (json, body).into_response(),
        Answer::Status(status, body) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, json, body).into_response()
        }
        Answer::Cut(body) => {
            // The server sends what it has while it waits for more; an error at once would go before.
            let cut = stream::once(async {
                tokio::task::yield_now().await;
                Err(std::io::Error::other("cut off on purpose"))
            });
            half(body, cut)
        }
        Answer::Silent(body) => half(body, stream::pending()),
        Answer::Slow(wait, body) => {
            tokio::time::sleep(wait).await;
            (json, body).into_response()
        }
    }
}

/// Announces the whole body, sends half of it, and goes on with `then`.
fn half(
    mut body: Vec<u8>,
    then: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
) -> Response {
    let length = body.len();
    body.truncate(length / 2);
    let begin = stream::iter([Ok(Bytes::from(body))]);
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    (headers, Body::from_stream(begin.chain(then))).into_response()
}
