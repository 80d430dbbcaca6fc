//! Visitors of `make bench`: `visit` asks for one page over many connections that stay open, and says in one JSON object how many
//! answers came a second and how late; `serve` is a static file server to hold it against, where there is no nginx.
//! bench/pages.py starts both.

#[expect(dead_code, reason = "visitors send nothing")]
#[path = "../bench_events/client.rs"]
mod client;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::header;
use axum::routing::get;
use clap::Parser as _;
use serde_json::json;

use client::Client;

/// See the module.
#[derive(Debug, clap::Parser)]
enum Arguments {
    /// GETs of one path, as fast as they are answered
    Visit {
        /// The server, HOST:PORT
        #[arg(long)]
        target: SocketAddr,
        #[arg(long)]
        path: String,
        #[arg(long, default_value_t = 64)]
        connections: usize,
        #[arg(long, default_value_t = 5.0)]
        seconds: f64,
    },
    /// Answers every GET with one file, held in memory: nothing that serves files is faster
    Serve {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        file: PathBuf,
    },
}

#[expect(clippy::disallowed_methods, reason = "a measuring program has its own clock")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse() {
        Arguments::Visit { target, path, connections, seconds } => visit(target, &path, connections, seconds).await,
        Arguments::Serve { listen, file } => serve(listen, file).await,
    }
}

async fn visit(target: SocketAddr, path: &str, connections: usize, seconds: f64) -> anyhow::Result<()> {
    let end = now() + Duration::from_secs_f64(seconds);
    let path: Arc<str> = path.into();
    let began = now();
    let mut visitors = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let path = path.clone();
        visitors.spawn(async move {
            let (mut took, mut failed) = (Vec::new(), 0_u64);
            let mut client = Client::connect(target).await.ok();
            while now() < end {
                let asked = now();
                let answered = match &mut client {
                    Some(open) => open.get(&path, None).await.is_ok_and(|status| status == 200),
                    None => false,
                };
                if answered {
                    took.push(asked.elapsed());
                } else {
                    failed += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    client = Client::connect(target).await.ok();
                }
            }
            (took, failed)
        });
    }
    let (mut took, mut failed) = (Vec::new(), 0);
    while let Some(visitor) = visitors.join_next().await {
        let (theirs, faults) = visitor?;
        took.extend(theirs);
        failed += faults;
    }
    let passed = began.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |share: f64| {
        let place = (took.len() as f64 * share) as usize;
        took.get(place.min(took.len().saturating_sub(1))).map(|time| time.as_secs_f64() * 1000.0)
    };
    let result = json!({
        "per_second": took.len() as f64 / passed, "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0), "failed": failed,
    });
    println!("{result}");
    Ok(())
}

async fn serve(listen: SocketAddr, file: PathBuf) -> anyhow::Result<()> {
    let bytes = axum::body::Bytes::from(tokio::fs::read(file).await?);
    let answer = move || {
        let bytes = bytes.clone();
        async move { ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], bytes) }
    };
    let listener = tokio::net::TcpListener::bind(listen).await?;
    axum::serve(listener, Router::new().fallback(get(answer))).await?;
    Ok(())
}
