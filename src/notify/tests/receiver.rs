//! A receiver of ours: a real HTTP server that keeps every request as it came and answers what it was told to.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::Value;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {:?}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// What is answered next.
#[derive(Debug, Clone)]
pub enum Say {
    Status(u16, &'static str),
    With(u16, &'static str, String, &'static str),
    Never,
    /// So many bytes.
    Flood(usize),
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    says: Mutex<VecDeque<Say>>,
}

/// The server; it ends with the runtime of its test.
pub struct Receiver {
    pub at: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    pub async fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let app = Router::new().fallback(take).with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { at, shared }
    }

    /// What the next requests get, in order; then 200 `{"ok":true}`.
    pub fn says(&self, says: impl IntoIterator<Item = Say>) {
        self.shared.says.lock().extend(says);
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().clone()
    }

    /// The one request that came.
    pub fn one(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

async fn take(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    shared.seen.lock().push(Seen { method, uri, headers, body: body.to_vec() });
    let say = shared.says.lock().pop_front().unwrap_or(Say::Status(200, r#"{"ok":true}"#));
    let status = |code| StatusCode::from_u16(code).unwrap();
    match say {
        Say::Status(code, body) => (status(code), body).into_response(),
        Say::With(code, name, value, body) => {
            let header = (HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
            (status(code), [header], body).into_response()
        }
        Say::Never => {
            tokio::time::sleep(Duration::from_hours(1)).await;
            StatusCode::OK.into_response()
        }
        Say::Flood(bytes) => "x".repeat(bytes).into_response(),
    }
}
