//! Accepting connections: bounded in number and in the time that the head of a request may take. Whoever sends halves of requests
//! uses up neither the files nor the memory that calls need.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// From the first moment of a connection (or the end of an answer) to the last byte of a request's head.
const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// Connections at a time at most.
const CONNECTIONS_MAX: usize = 2_048;
/// Of the files that the process may open, connections take at most one in so many: the others are sockets of calls, journal,
/// recordings and database.
const SHARE: u64 = 4;
/// Before the next try, where a connection can't be taken.
const AGAIN: Duration = Duration::from_millis(100);

/// Serves until `stop`, then lets answers under way finish.
pub(super) async fn run(listener: TcpListener, app: Router, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(connections()));
    // Nothing here changes the protocol of a connection, so plain HTTP/1.1 is all of it.
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let open = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((place, accepted(&listener).await))
        };
        let (place, (stream, address)) = tokio::select! {
            Some(next) = next => next,
            () = &mut stop => break,
        };
        let app = app.clone();
        let service = service_fn(move |request| answer(app.clone(), address, request));
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

async fn accepted(listener: &TcpListener) -> (tokio::net::TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                let _ = stream.set_nodelay(true);
                return (stream, address);
            }
            // Gone already, or no file is left.
            Err(error) => {
                tracing::debug!(%error, "a connection could not be taken");
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
