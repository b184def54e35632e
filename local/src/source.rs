//! A stand-in for the source: a data API with the original's protocol over a file of listings.
//!
//! It has a cursor for each group and day, which moves on with every answer, also where the caller
//! then fails; it ends with the original's words, and starts over when it is told to. Answers are
//! streamed, so a batch of any size takes little memory.

mod listings;

use std::collections::HashMap;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use listings::{Listings, Pieces};

/// Groups are numbered from 1 to this.
pub const GROUPS: u32 = 10;

/// The original's words when nothing is left.
const EXHAUSTED: &str = "Ya se recolectó toda la información mínima necesaria";
/// The original's words for a group that it does not know.
const BAD_GROUP: &str = "Número de grupo inválido";
/// Pieces of an answer that wait for a slow reader.
const PIECES_AHEAD: usize = 4;

/// Why a file can't be given out.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file can't be read.
    #[error("the file {path} can't be read")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It is neither CSV nor NDJSON.
    #[error("line {line} of {path} is no row of listings: {reason}")]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing in it.
    #[error("the file {path} has no rows; give CSV with a header, or NDJSON")]
    NoRows {
        /// The file.
        path: PathBuf,
    },
}

/// The data API. Cloning is cheap, and clones share their cursors.
#[derive(Debug, Clone)]
pub struct DataApi {
    listings: Arc<Listings>,
    /// Batches given out, by group and day.
    cursors: Arc<Mutex<HashMap<(u32, String), usize>>>,
}

impl DataApi {
    /// Gives out a file, `batch_rows` rows at a time: CSV with a header or NDJSON, also gzip'd. The
    /// whole file is checked here, and read again batch by batch.
    ///
    /// # Errors
    /// [`SourceError`] with the line that is wrong.
    pub fn from_file(path: &Path, batch_rows: NonZeroUsize) -> Result<Self, SourceError> {
        Ok(Self::over(Listings::of_file(path, batch_rows)?))
    }

    /// Gives out these batches of listings.
    pub fn from_batches(batches: Vec<Vec<Value>>) -> Self {
        Self::over(Listings::Memory(batches))
    }

    fn over(listings: Listings) -> Self {
        Self {
            listings: Arc::new(listings),
            cursors: Arc::default(),
        }
    }

    /// How many batches there are.
    pub fn batches(&self) -> usize {
        self.listings.batches()
    }

    /// How many rows there are in all.
    pub fn rows(&self) -> u64 {
        self.listings.rows()
    }

    /// Its routes: `/data`, `/restart_data_generation`, `/health`.
    pub fn router(&self) -> Router {
        // HEAD would move the cursor and drop the batch.
        let refused = || async { StatusCode::METHOD_NOT_ALLOWED };
        Router::new()
            .route("/data", get(data).head(refused))
            .route("/restart_data_generation", get(restart).head(refused))
            .route("/health", get(|| async { Json(json!({"status": "OK"})) }))
            .with_state(self.clone())
    }

    /// Answers on this listener until `shutdown` resolves and every answer that was begun is given.
    ///
    /// # Errors
    /// What the operating system says of the listener.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        axum::serve(listener, self.router())
            .with_graceful_shutdown(shutdown)
            .await
    }

    /// The number of the next batch, which is then given out; `None` where nothing is left.
    fn advance(&self, group: u32, day: &str) -> Option<usize> {
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        let cursor = cursors.entry((group, day.to_owned())).or_default();
        let next = *cursor;
        (next < self.batches()).then(|| {
            *cursor += 1;
            next
        })
    }

    fn start_over(&self, group: u32, day: Option<&str>) {
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        cursors.retain(|(of, on), _| *of != group || day.is_some_and(|day| day != on));
    }
}

/// What both questions say.
#[derive(Debug, Deserialize)]
struct Question {
    group_number: Option<String>,
    day: Option<String>,
}

impl Question {
    fn group(&self) -> Option<u32> {
        let group = self.group_number.as_deref()?.parse().ok()?;
        (1..=GROUPS).contains(&group).then_some(group)
    }
}

fn refuse(detail: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "detail": detail }))).into_response()
}

async fn data(State(api): State<DataApi>, Query(question): Query<Question>) -> Response {
    let Some(group) = question.group() else {
        return refuse(BAD_GROUP);
    };
    let Some(number) = api.advance(group, question.day.as_deref().unwrap_or_default()) else {
        tracing::info!(group, "the source has no more data");
        return refuse(EXHAUSTED);
    };
    tracing::info!(group, batch_number = number, "sending a batch");
    // A later version of the original has no days, and says none.
    let mut head = json!({ "group_number": group });
    if let (Some(day), Some(head)) = (question.day, head.as_object_mut()) {
        head.insert("day".to_owned(), day.into());
    }
    if let Some(head) = head.as_object_mut() {
        head.insert("batch_number".to_owned(), number.into());
    }
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(PIECES_AHEAD);
    let listings = Arc::clone(&api.listings);
    tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces::new(sender);
        if let Err(error) = listings.write_answer(&head, number, &mut pieces) {
            tracing::warn!(%error, batch_number = number, "the answer was cut off");
            pieces.fail(error);
        }
    });
    let pieces = stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, Body::from_stream(pieces)).into_response()
}

async fn restart(State(api): State<DataApi>, Query(question): Query<Question>) -> Response {
    let Some(group) = question.group() else {
        return refuse(BAD_GROUP);
    };
    api.start_over(group, question.day.as_deref());
    Json(json!({ "ok": true })).into_response()
}

#[cfg(test)]
mod tests;
