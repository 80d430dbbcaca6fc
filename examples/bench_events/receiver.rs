//! Takes notifications: webhooks of made-up people, each with a path of their own. Counts them, remembers when what came first.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Request, State};

/// What came.
#[derive(Clone, Default)]
pub struct Receiver(Arc<Mutex<Came>>);

#[derive(Default)]
struct Came {
    by_path: HashMap<String, u64>,
    first: HashMap<String, Instant>,
}

impl Receiver {
    pub async fn start(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind(address).await.context("can't listen for notifications")?;
        let receiver = Self::default();
        let app = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(receiver)
    }

    /// When a notification with this word came first.
    pub fn first(&self, word: &str) -> Option<Instant> {
        self.0.lock().expect("nobody panics with it").first.get(word).copied()
    }

    /// All notifications.
    pub fn count(&self) -> u64 {
        self.0.lock().expect("nobody panics with it").by_path.values().sum()
    }

    /// The most that one person got.
    pub fn most(&self) -> u64 {
        self.0.lock().expect("nobody panics with it").by_path.values().copied().max().unwrap_or(0)
    }
}

async fn take(State(receiver): State<Receiver>, request: Request) -> &'static str {
    let at = super::now();
    let path = request.uri().path().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let mut came = receiver.0.lock().expect("nobody panics with it");
    *came.by_path.entry(path).or_default() += 1;
    let mut rest = text.as_ref();
    while let Some(from) = rest.find("trigger-") {
        rest = &rest[from..];
        let Some(to) = rest.find("-end") else { break };
        came.first.entry(rest[..to + 4].to_owned()).or_insert(at);
        rest = &rest[to + 4..];
    }
    "ok"
}
