//! A source that sends exactly the bytes it is told to, whether or not they are good HTTP.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the source does with one request.
pub(crate) enum Answer {
    /// Sends these bytes and closes the connection.
    Bytes(Vec<u8>),
    /// Sends the first bytes, then the second for as long as somebody reads.
    Endless(Vec<u8>, Vec<u8>),
    /// Sends these bytes, then nothing, and leaves the connection open.
    Silent(Vec<u8>),
}

/// The running source; it ends when this is dropped.
pub(crate) struct Origin {
    pub(crate) url: String,
    shared: Arc<Mutex<Shared>>,
    _server: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    answers: VecDeque<Answer>,
    requests: Vec<String>,
}

/// An answer with this status, these header lines and this body.
pub(crate) fn http(status: u16, headers: &[&str], body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let mut bytes = format!(
        "HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n",
        body.len()
    );
    for line in headers {
        bytes.push_str(line);
        bytes.push_str("\r\n");
    }
    let mut bytes = format!("{bytes}connection: close\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    Answer::Bytes(bytes)
}

/// The data API's answer with these rows.
pub(crate) fn rows(rows: &str) -> Answer {
    http(200, &["content-type: application/json"], body(rows))
}

/// The body of that answer.
pub(crate) fn body(rows: &str) -> String {
    format!(
        "{{\"group_number\": 2, \"day\": \"Tuesday\", \"batch_number\": 0, \"data\": [{rows}]}}"
    )
}

/// The data API's refusal.
pub(crate) fn refusal(detail: &str) -> Answer {
    http(
        400,
        &["content-type: application/json"],
        format!("{{\"detail\": \"{detail}\"}}"),
    )
}

pub(crate) const END: &str = "Ya se recolectó toda la información mínima necesaria";

impl Origin {
    /// A source that says that it has nothing left until it is told something else.
    pub(crate) async fn start() -> Self {
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

    /// Puts an answer behind those that wait.
    pub(crate) fn then(&self, answer: Answer) -> &Self {
        self.shared.lock().unwrap().answers.push_back(answer);
        self
    }

    /// The heads of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.lock().unwrap().requests.clone()
    }

    pub(crate) fn asked(&self) -> usize {
        self.requests().len()
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
        shared.requests.push(String::from_utf8(head).unwrap());
        shared.answers.pop_front().unwrap_or_else(|| refusal(END))
    };
    match answer {
        Answer::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Answer::Endless(first, more) => {
            let _ = stream.write_all(&first).await;
            while stream.write_all(&more).await.is_ok() {}
        }
        Answer::Silent(bytes) => {
            let _ = stream.write_all(&bytes).await;
            // Nothing more comes from the other side; it ends when that side has lost patience.
            let _ = stream.read_u8().await;
        }
    }
}
