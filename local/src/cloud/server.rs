//! Serves HTTP on the ports of the local cloud, all in the same way: the check of [`sites`], a limit
//! on bodies, a time-out on request heads and a limit on connections.
//!
//! It stands in for `axum::serve`, which copies the router for each connection (1.3 MiB and 5 ms with
//! the routes of this program). Here all connections share one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tasador_http::Problem;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tower::Service as _;

use super::sites::{self, Names};

/// How long a connection may take to send the next request head, idle time included. Clients of AWS
/// keep idle connections for up to 90 s and open new ones without loss.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection that was closed to make room may take to finish its request.
const LAST_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after the system refused to accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// Most connections of one port, where the system allows as many.
const CONNECTIONS_MAX: u64 = 4096;
/// Share of the file descriptors that one of four ports may use: half of all is left for files and
/// for the requests that this process makes to itself.
const DESCRIPTORS_PER_CONNECTION: u64 = 8;

/// What a port serves.
pub(super) struct Site {
    pub(super) router: Router,
    pub(super) names: Names,
    /// Largest body that is announced; longer ones are refused before the client sends them.
    pub(super) body_max_bytes: u64,
}

/// Serves `site` until `stop` resolves. Requests that are being answered then are completed.
pub(super) fn serve(
    listener: TcpListener,
    site: Site,
    stop: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    serve_up_to(*CONNECTION_LIMIT, listener, site, stop)
}

/// Connections of one port: an eighth of the file descriptors, whose limit is first raised as far as
/// the system allows.
static CONNECTION_LIMIT: LazyLock<u32> = LazyLock::new(|| {
    let descriptors = rlimit::increase_nofile_limit(CONNECTIONS_MAX * DESCRIPTORS_PER_CONNECTION);
    let descriptors = descriptors.unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files is unknown; assuming 256");
        256
    });
    let connections = (descriptors / DESCRIPTORS_PER_CONNECTION).clamp(16, CONNECTIONS_MAX);
    u32::try_from(connections).unwrap_or(16)
});

fn serve_up_to(
    limit: u32,
    listener: TcpListener,
    site: Site,
    stop: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    // Ready to be called: `with_state` is what costs so much.
    let site = Arc::new(Site {
        router: site.router.with_state(()),
        ..site
    });
    // As many again may be finishing their last request.
    let most = limit.saturating_mul(2);
    let slots = Arc::new(Semaphore::new(most as usize));
    let open = Arc::new(OpenConnections::default());
    tokio::spawn(async move {
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    if open.len() >= limit as usize {
                        open.close_oldest();
                    }
                    // Without a slot the connection is dropped, so that it fails at once.
                    if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
                        let connection = open.add();
                        tokio::spawn(answer(stream, Arc::clone(&site), connection, slot));
                    }
                }
                Err(error) => {
                    // No descriptors are left, or the client has gone already.
                    tracing::debug!(%error, "a connection was not accepted");
                    open.close_oldest();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        open.close_all();
        // All slots are free when no connection is left.
        let _ = slots.acquire_many(most).await;
    })
}

/// Answers the requests of one connection until the client or `connection` closes it.
async fn answer(
    stream: TcpStream,
    site: Arc<Site>,
    connection: OpenConnection,
    _slot: OwnedSemaphorePermit,
) {
    // An answer is written in one piece, so waiting for more only delays it.
    let _ = stream.set_nodelay(true);
    let is_used = AtomicBool::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        is_used.store(true, Ordering::Relaxed);
        site.answer(request)
    });
    let mut serving = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        // A client that closes or breaks its connection is its own affair.
        _ = serving.as_mut() => return,
        () = connection.close.notified() => {}
    }
    // Before its first request there is nothing to complete, and hyper would wait for one.
    if is_used.load(Ordering::Relaxed) {
        serving.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(LAST_REQUEST_TIMEOUT, serving).await;
    }
}

impl Site {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response, Infallible> {
        let (parts, body) = request.into_parts();
        if let Err(refusal) = sites::check(&parts, self.names) {
            return Ok((refusal.status, format!("{}\n", refusal.reason)).into_response());
        }
        if announced_bytes(&parts.headers).is_some_and(|bytes| bytes > self.body_max_bytes) {
            return Ok(Problem::new(StatusCode::PAYLOAD_TOO_LARGE).into_response());
        }
        let request = Request::from_parts(parts, Body::new(body));
        self.router.clone().call(request).await
    }
}

fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

/// The open connections of a port, the oldest first.
#[derive(Default)]
struct OpenConnections {
    by_age: Mutex<(u64, BTreeMap<u64, Arc<Notify>>)>,
}

/// One of them, until it is dropped.
struct OpenConnection {
    all: Arc<OpenConnections>,
    number: u64,
    close: Arc<Notify>,
}

impl OpenConnections {
    fn add(self: &Arc<Self>) -> OpenConnection {
        let close = Arc::new(Notify::new());
        let mut by_age = self.lock();
        by_age.0 += 1;
        let number = by_age.0;
        by_age.1.insert(number, Arc::clone(&close));
        OpenConnection {
            all: Arc::clone(self),
            number,
            close,
        }
    }

    fn len(&self) -> usize {
        self.lock().1.len()
    }

    fn close_oldest(&self) {
        if let Some((_, close)) = self.lock().1.pop_first() {
            close.notify_one();
        }
    }

    fn close_all(&self) {
        for close in std::mem::take(&mut self.lock().1).into_values() {
            close.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Arc<Notify>>)> {
        self.by_age.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.all.lock().1.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::{get, post};
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::oneshot;

    async fn serving(limit: u32) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let site = Site {
            router: Router::new()
                .route("/", get(|| async { "here" }))
                .route("/", post(|body: String| async move { body })),
            names: Names::Loopback,
            body_max_bytes: 10,
        };
        let server = serve_up_to(limit, listener, site, async {
            let _ = stopped.await;
        });
        (address, stop, server)
    }

    async fn send(address: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn read_head(stream: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).await.unwrap() == 0 {
                break;
            }
            bytes.push(byte[0]);
        }
        String::from_utf8(bytes).unwrap()
    }

    const GET: &str = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_before_it_is_sent() {
        let (address, _stop, _server) = serving(4).await;
        for (bytes, first_line) in [(11, "HTTP/1.1 413 "), (10, "HTTP/1.1 100 ")] {
            let request = format!(
                "POST / HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: {bytes}\r\n\r\n"
            );
            let head = read_head(&mut send(address, &request).await).await;
            assert!(head.starts_with(first_line), "{head}");
        }
    }

    #[tokio::test]
    async fn at_the_limit_the_oldest_connection_makes_room() {
        let (address, _stop, _server) = serving(2).await;
        let mut silent = send(address, "").await;
        let mut idle = send(address, GET).await;
        assert!(read_head(&mut idle).await.contains(" 200 "));
        let mut others = Vec::new();
        for _ in 0..3 {
            let mut fresh = send(address, GET).await;
            assert!(read_head(&mut fresh).await.contains(" 200 "));
            others.push(fresh);
        }
        // Both were closed; what was answered is still there to be read.
        assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
        let mut rest = String::new();
        idle.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "here");
    }

    #[tokio::test]
    async fn a_stop_completes_requests_and_closes_the_rest() {
        let (address, stop, server) = serving(4).await;
        let _silent = send(address, "").await;
        let mut idle = send(address, GET).await;
        assert!(read_head(&mut idle).await.contains(" 200 "));
        let head = "POST / HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n";
        let mut busy = send(address, head).await;
        assert!(read_head(&mut busy).await.contains(" 100 "));
        stop.send(()).unwrap();
        busy.write_all(b"done").await.unwrap();
        let mut answer = String::new();
        busy.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("done"), "{answer}");
        server.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
