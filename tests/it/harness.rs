//! A hotline of our own on free loopback ports, asked through its API like any client would.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hotline::app::App;
use hotline::config;
use serde_json::Value;
use tempfile::TempDir;

/// Bearer token of every test server.
pub const TOKEN: &str = "test-token-of-the-harness";

/// How long the slowest expectation may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A running hotline that stops when dropped.
pub struct Hotline {
    app: App,
    folder: TempDir,
    http: SocketAddr,
    sip: SocketAddr,
}

impl Hotline {
    /// Starts with this `hotline.toml`.
    pub async fn start(toml: &str) -> Self {
        Self::start_with(toml, |_| ()).await
    }

    /// Starts with this `hotline.toml` and what no file can say.
    pub async fn start_with(toml: &str, change: impl FnOnce(&mut config::Config)) -> Self {
        let folder = folder();
        let mut config = load(toml, folder.path());
        change(&mut config);
        hotline::app::start_logging("warn");
        let app = App::start(config).await.expect("hotline starts");
        let (http, sip) = (app.http_addr(), app.sip_addr());
        Self { app, folder, http, sip }
    }

    /// Where SIP listens.
    pub const fn sip(&self) -> SocketAddr {
        self.sip
    }

    /// Where HTTP listens.
    pub const fn http(&self) -> SocketAddr {
        self.http
    }

    /// What the house's own jobs work with: for what no API starts.
    pub const fn switch(&self) -> &hotline::switch::Switch {
        self.app.switch()
    }

    /// What is kept.
    pub const fn store(&self) -> &hotline::store::Store {
        self.app.store()
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The answer's status and bytes.
    pub async fn fetch(&self, path: &str) -> (u16, Vec<u8>) {
        raw_get(self.http, path).await
    }

    /// GET below `/api/v1`.
    pub async fn get(&self, path: &str) -> Value {
        get(self.http, path).await
    }

    /// POST below `/api/v1`; the status.
    pub async fn post(&self, path: &str) -> u16 {
        post(self.http, path).await
    }

    /// The newest call of this direction (`inbound`, `alert-ring`), in full, once `ready` says so.
    pub async fn call_when(&self, direction: &str, ready: impl Fn(&Value) -> bool) -> Value {
        call_when(self.http, direction, ready).await
    }

    /// The only alert, in full, once `ready` says so.
    pub async fn alert_when(&self, ready: impl Fn(&Value) -> bool) -> Value {
        alert_when(self.http, ready).await
    }

    /// Waits until a phone has registered as this account.
    pub async fn wait_until_registered(&self, account: &str) {
        let registered = async {
            loop {
                let phones = self.get("/phones").await;
                let mut phones = phones["items"].as_array().into_iter().flatten();
                if phones.any(|phone| phone["id"] == account && phone["registered"] == true) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, registered).await.expect("the phone registers");
    }
}

/// The configuration that a file with this text makes, in this folder, on free ports.
pub fn load(toml: &str, folder: &Path) -> config::Config {
    config::load_from(toml, &folder.join("hotline.toml"), &environment(folder), false)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A temporary folder below `target`, where nobody tidies up while a test runs.
pub fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder")
}

/// Free loopback ports, a folder, a token.
pub fn environment(folder: &Path) -> BTreeMap<String, String> {
    let data = folder.join("data");
    let first = rtp_ports();
    [
        ("HOTLINE_DATA_DIR", data.display().to_string()),
        ("HOTLINE_HTTP_ADDR", "127.0.0.1:0".to_owned()),
        ("HOTLINE_SIP_ADDR", "127.0.0.1:0".to_owned()),
        ("HOTLINE_RTP_PORTS", format!("{first}-{}", first + 398)),
        ("HOTLINE_ADMIN_TOKEN", TOKEN.to_owned()),
        // No transcripts: whisper would take the processor from the calls of the other tests.
        ("HOTLINE_WHISPER_MODEL", data.join("no-model.bin").display().to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// A range of its own for each server of this process, so that they do not race for ports.
fn rtp_ports() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() % 8).expect("below 8");
    20_000 + process * 2_000 + (NEXT.fetch_add(1, Ordering::Relaxed) % 5) * 400
}

/// GET below `/api/v1` of any server.
pub async fn get(http: SocketAddr, path: &str) -> Value {
    let (status, body) = raw_get(http, &format!("/api/v1{path}")).await;
    assert_eq!(status, 200, "GET {path}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).expect("JSON")
}

/// GET of any path with the token: status and body.
pub async fn raw_get(http: SocketAddr, path: &str) -> (u16, Vec<u8>) {
    let url = format!("http://{http}{path}");
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response =
            agent.get(&url).header("Authorization", &format!("Bearer {TOKEN}")).call().expect("HTTP answers");
        (response.status().as_u16(), response.body_mut().read_to_vec().expect("a body"))
    })
    .await
    .expect("no panic")
}

/// GET of a path with the token, and a range if one is given: status, body, type.
pub async fn raw_get_range(http: SocketAddr, path: &str, range: Option<&'static str>) -> (u16, Vec<u8>, String) {
    let url = format!("http://{http}{path}");
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = agent.get(&url).header("Authorization", &format!("Bearer {TOKEN}"));
        if let Some(range) = range {
            request = request.header("Range", range);
        }
        let mut response = request.call().expect("HTTP answers");
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let (status, kind) = (response.status().as_u16(), kind.to_owned());
        (status, response.body_mut().read_to_vec().expect("a body"), kind)
    })
    .await
    .expect("no panic")
}

/// POST below `/api/v1`; the status.
pub async fn post(http: SocketAddr, path: &str) -> u16 {
    let url = format!("http://{http}/api/v1{path}");
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.post(&url).header("Authorization", &format!("Bearer {TOKEN}"));
        request.send_empty().expect("HTTP answers").status().as_u16()
    })
    .await
    .expect("no panic")
}

/// The newest call of this direction in full, once `ready`.
pub async fn call_when(http: SocketAddr, direction: &str, ready: impl Fn(&Value) -> bool) -> Value {
    newest_when(http, &format!("/calls?direction={direction}&limit=1"), "/calls", PATIENCE, ready).await
}

/// The newest alert in full, once `ready`.
pub async fn alert_when(http: SocketAddr, ready: impl Fn(&Value) -> bool) -> Value {
    alert_within(http, PATIENCE, ready).await
}

/// The newest alert in full, once `ready`, however long that may take.
pub async fn alert_within(http: SocketAddr, patience: Duration, ready: impl Fn(&Value) -> bool) -> Value {
    newest_when(http, "/alerts?limit=1", "/alerts", patience, ready).await
}

async fn newest_when(
    http: SocketAddr,
    newest: &str,
    one: &str,
    patience: Duration,
    ready: impl Fn(&Value) -> bool,
) -> Value {
    let mut last = Value::Null;
    let found = tokio::time::timeout(patience, async {
        loop {
            let page = get(http, newest).await;
            if let Some(id) = page["items"][0]["id"].as_str() {
                last = get(http, &format!("{one}/{id}")).await;
                if ready(&last) {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    assert!(found.is_ok(), "never came about; last seen: {last:#}");
    last
}

/// The kinds of a timeline in order.
pub fn kinds(record: &Value) -> Vec<&str> {
    let lines = record["timeline"].as_array().expect("a timeline");
    lines.iter().filter_map(|line| line["kind"].as_str()).collect()
}

/// Whether some line of the timeline holds these words, in what happened or why, or is of this kind.
pub fn tells(record: &Value, words: &str) -> bool {
    let lines = record["timeline"].as_array().expect("a timeline");
    let holds = |line: &Value, field: &str| line[field].as_str().is_some_and(|text| text.contains(words));
    lines.iter().any(|line| holds(line, "what") || holds(line, "why") || line["kind"] == words)
}

/// The call is over with this outcome.
pub fn ended(outcome: &'static str) -> impl Fn(&Value) -> bool {
    move |call| call["outcome"] == outcome
}
