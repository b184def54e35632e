//! A data source that answers as planned, one answer a request, on a free loopback port. It sends
//! exactly the bytes of the plan, whether or not they are correct HTTP.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the source does with one request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// 200 with this JSON.
    Json(Vec<u8>),
    /// This status with this JSON.
    Status(u16, &'static str),
    /// 200, and the connection ends in the middle of this body.
    Cut(Vec<u8>),
    /// 200, and nothing more after the first half of this body.
    Silent(Vec<u8>),
    /// Nothing for this long, then 200 with this body.
    Slow(Duration, Vec<u8>),
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// The first bytes, then the second for as long as somebody reads.
    Endless(Vec<u8>, Vec<u8>),
    /// These bytes, then nothing; the connection stays open.
    Stalled(Vec<u8>),
}

/// The original data API's answer when it has no more data, as its first version spells it.
pub const EXHAUSTED: Answer = Answer::Status(
    400,
    r#"{"detail": "Ya se recolectó toda la información mínima necesaria"}"#,
);
/// The same in the spelling of a later version.
pub const EXHAUSTED_UNACCENTED: Answer = Answer::Status(
    400,
    r#"{"detail": "Ya se recolectó toda la información minima necesaria"}"#,
);
/// Its answer to a group that does not exist.
pub const BAD_GROUP: Answer = Answer::Status(400, r#"{"detail": "Número de grupo inválido"}"#);

/// An answer with this status, these header lines and this body.
pub fn http(status: u16, headers: &[&str], body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    Answer::Bytes(message(status, headers, body.len(), body))
}

/// The running source. It ends when this is dropped.
#[derive(Debug)]
pub struct Source {
    url: String,
    shared: Arc<Mutex<Shared>>,
    _server: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    answers: VecDeque<Answer>,
    requests: Vec<String>,
}

impl Source {
    /// Starts a source that has no data yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let mut server = JoinSet::new();
        let state = Arc::clone(&shared);
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&state)));
            }
        });
        Self {
            url: format!("http://{address}/data?group_number=2&day=Tuesday"),
            shared,
            _server: server,
        }
    }

    /// The address that `TASADOR_SOURCE` takes.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Adds an answer to the plan. After the last one the source answers that it has no more data.
    pub fn then(&self, answer: Answer) -> &Self {
        self.shared.lock().unwrap().answers.push_back(answer);
        self
    }

    /// The heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.shared.lock().unwrap().requests.clone()
    }

    /// How many requests there were.
    pub fn asked(&self) -> usize {
        self.shared.lock().unwrap().requests.len()
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Mutex<Shared>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let answer = {
        let mut shared = shared.lock().unwrap();
        let head = String::from_utf8_lossy(&head).into_owned();
        shared.requests.push(head);
        shared.answers.pop_front().unwrap_or(EXHAUSTED)
    };
    let json = |status, length, body: &[u8]| {
        message(status, &["content-type: application/json"], length, body)
    };
    let half = |body: Vec<u8>| json(200, body.len(), &body[..body.len() / 2]);
    let (bytes, end) = match answer {
        Answer::Json(body) => (json(200, body.len(), &body), End::Close),
        Answer::Status(status, body) => (json(status, body.len(), body.as_bytes()), End::Close),
        Answer::Cut(body) => (half(body), End::Close),
        Answer::Silent(body) => (half(body), End::Stall),
        Answer::Slow(wait, body) => {
            tokio::time::sleep(wait).await;
            (json(200, body.len(), &body), End::Close)
        }
        Answer::Bytes(bytes) => (bytes, End::Close),
        Answer::Endless(first, more) => (first, End::Repeat(more)),
        Answer::Stalled(bytes) => (bytes, End::Stall),
    };
    // The other side may end the connection at any time.
    let _ = stream.write_all(&bytes).await;
    match end {
        End::Close => {
            let _ = stream.shutdown().await;
        }
        End::Repeat(more) => while stream.write_all(&more).await.is_ok() {},
        // The other side sends nothing more; this returns when it ends the connection.
        End::Stall => {
            let _ = stream.read_u8().await;
        }
    }
}

enum End {
    Close,
    Repeat(Vec<u8>),
    Stall,
}

/// A response that announces a body of `length_bytes`.
fn message(status: u16, headers: &[&str], length_bytes: usize, body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {length_bytes}\r\n");
    for line in headers {
        head.push_str(line);
        head.push_str("\r\n");
    }
    let mut bytes = format!("{head}connection: close\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
