//! Accepting connections: bounded in number and in the time that the head of a request may take. Whoever sends halves of requests
//! uses up neither the files nor the memory that calls need; and where places run short, nobody keeps one for a next request.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

/// From the first moment of a connection (or the end of an answer) to the last byte of a request's head.
const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// Connections at a time at most.
const CONNECTIONS_MAX: usize = 2_048;
/// Of the files that the process may open, connections take at most one in so many: the others are sockets of calls, journal,
/// recordings and database.
const SHARE: u64 = 4;
/// With fewer places left than one in so many, an answer ends its connection: browsers keep theirs for a next request, and in an
/// outage, when everybody looks at the status page, somebody else needs it more.
const SCARCE: usize = 4;
/// Before the next try, where a connection can't be taken.
const AGAIN: Duration = Duration::from_millis(100);

/// Serves until `stop`, then lets answers under way finish.
pub(super) async fn run(listener: TcpListener, app: Router, stop: impl Future<Output = ()>) {
    run_with(listener, app, stop, (connections(), HEAD_WITHIN)).await;
}

async fn run_with(
    listener: TcpListener,
    app: Router,
    stop: impl Future<Output = ()>,
    (most, head_within): (usize, Duration),
) {
    let places = Arc::new(Semaphore::new(most));
    // Nothing here changes the protocol of a connection, so plain HTTP/1.1 is all of it.
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_within);
    let open = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = async {
            let place = free(&places, most).await?;
            Some((place, accepted(&listener).await))
        };
        let (place, (stream, address)) = tokio::select! {
            Some(next) = next => next,
            () = &mut stop => break,
        };
        let app = app.clone();
        let left = Arc::clone(&places);
        let service = service_fn(move |request| {
            let (app, left) = (app.clone(), Arc::clone(&left));
            async move {
                let mut response = answer(app, address, request).await?;
                if left.available_permits() < most / SCARCE {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let connection = open.watch(builder.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // What goes wrong with a connection is its client's affair.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    open.shutdown().await;
}

/// A place for the next connection; `None`: never again.
async fn free(places: &Arc<Semaphore>, most: usize) -> Option<OwnedSemaphorePermit> {
    if let Ok(place) = Arc::clone(places).try_acquire_owned() {
        return Some(place);
    }
    tracing::warn!(
        "all {most} HTTP connections are taken; the next one waits (a proxy in front keeps slow clients away)"
    );
    Arc::clone(places).acquire_owned().await.ok()
}

async fn accepted(listener: &TcpListener) -> (tokio::net::TcpStream, SocketAddr) {
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                let _ = stream.set_nodelay(true);
                return (stream, address);
            }
            // Gone before it was taken: its client's affair.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            // No file is left, most likely.
            Err(error) => {
                if !told {
                    tracing::error!(%error, "HTTP connections can't be taken; trying on");
                }
                told = true;
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

async fn answer(app: Router, address: SocketAddr, request: hyper::Request<Incoming>) -> Result<Response, Infallible> {
    let mut request: Request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(address));
    app.oneshot(request).await
}

fn connections() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    files
        .map_or(CONNECTIONS_MAX, |files| usize::try_from(files / SHARE).unwrap_or(CONNECTIONS_MAX))
        .clamp(16, CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    /// Asks and reads until `ok` is there; the connection stays as the server leaves it.
    async fn ask(address: SocketAddr) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let (mut answer, mut piece) = (String::new(), [0; 512]);
        while !answer.ends_with("fine") {
            let length = stream.read(&mut piece).await.unwrap();
            assert!(length > 0, "{answer}");
            answer.push_str(std::str::from_utf8(&piece[..length]).unwrap());
        }
        (stream, answer)
    }

    #[tokio::test]
    async fn who_keeps_a_connection_keeps_nobody_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let app = Router::new().route("/", get(async || "fine"));
        let server = tokio::spawn(run_with(listener, app, async { drop(stopped.await) }, (8, HEAD_WITHIN)));
        let (_first, answer) = ask(address).await;
        assert!(!answer.contains("connection: close"), "there are places enough: {answer}");
        // Five times as many as there are places, none of which hangs up; a kept one ends only after HEAD_WITHIN.
        let visitors = async {
            let mut kept = Vec::new();
            for _ in 0..40 {
                kept.push(ask(address).await);
            }
            kept
        };
        let kept = tokio::time::timeout(HEAD_WITHIN, visitors).await.expect("all are answered in turn");
        assert!(kept.iter().filter(|(_, answer)| answer.contains("connection: close")).count() >= 32);
        drop(stop);
        server.await.unwrap();
    }

    #[tokio::test]
    async fn half_a_head_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/", get(async || "fine"));
        let server = tokio::spawn(run_with(listener, app, std::future::pending(), (1, Duration::from_secs(1))));
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
        let (_whole, answer) = ask(address).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "the only place is free again: {answer}");
        server.abort();
    }
}
