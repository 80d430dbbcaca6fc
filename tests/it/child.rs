//! The real program as a child process: what a kill, a full disk or a wrong file does to it shows only there.
//! Its folder outlives it, so that the next one starts on what the last one left.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use hotline::cli::handset::prompts::KnownPrompts;
use hotline::cli::handset::{Handset, HandsetSettings};
use hotline_core::private::Private;
use parking_lot::Mutex;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::sync::OnceCell;

/// Bearer token of every child.
const TOKEN: &str = "test-token-of-the-child";
/// How long the slowest expectation may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// Name and password of the page's login.
const LOGIN: (&str, &str) = ("night", "owls-see-in-the-dark");

/// One customer, one engineer with a registered phone; everybody may call.
pub const TOML: &str = r#"
[server]
open_sip = true

[[customers]]
id = "acme"
name = "Acme Logistics"
caller_ids = ["caller"]

[[phones]]
account = "engineer-1"
user = "engineer-1"
password = "a-phones-password"

[[users]]
id = "engineer-1"
name = "Engineer One"
phones = ["phone:engineer-1"]

[[schedules]]
id = "on-call"
name = "On call"
members = ["engineer-1"]
start = "2026-01-05T09:00:00"
time_zone = "Europe/Berlin"

[[numbers]]
number = "hotline"
schedule = "on-call"
"#;

/// A folder with `hotline.toml` and, after the first start, the data.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    environment: BTreeMap<&'static str, String>,
}

impl Home {
    /// A folder with this configuration. Ports are free ones; there is no whisper model.
    pub fn new(toml: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let environment = [
            ("HOTLINE_DATA_DIR", folder.path().join("data").display().to_string()),
            ("HOTLINE_HTTP_ADDR", "127.0.0.1:0".to_owned()),
            ("HOTLINE_SIP_ADDR", "127.0.0.1:0".to_owned()),
            ("HOTLINE_ADMIN_TOKEN", TOKEN.to_owned()),
            ("HOTLINE_WHISPER_MODEL", folder.path().join("no-model.bin").display().to_string()),
            ("HOTLINE_LOG", "info".to_owned()),
        ];
        let home = Self { folder, environment: environment.into() };
        home.write("hotline.toml", toml);
        home
    }

    /// The same with another environment: `None` removes a variable.
    pub fn with(mut self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => drop(self.environment.insert(name, value.to_owned())),
            None => drop(self.environment.remove(name)),
        }
        self
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("the folder can be written");
    }

    /// Where things are.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the hotline and waits until it serves.
    pub async fn start(&self) -> Child {
        Child::await_ready(self.serve()).await
    }

    /// The same, ready for [`Child::fill_disk`]: the signal that comes with it is ignored.
    pub async fn start_to_be_filled(&self) -> Child {
        let mut command = Command::new("bash");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "bash", env!("CARGO_BIN_EXE_hotline")]);
        command.arg("serve").arg("--config").arg(self.path("hotline.toml"));
        Child::await_ready(self.prepared(command)).await
    }

    /// Starts it and expects that it gives up by itself: exit code, and what it said.
    pub async fn gives_up(&self) -> (i32, String) {
        let output = tokio::time::timeout(PATIENCE, self.serve().output()).await;
        let output = output.expect("ends by itself").expect("starts");
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.code().expect("an exit code"), said)
    }

    /// Starts it, and kills it after so long, however far it came.
    pub async fn start_and_kill_after(&self, after: Duration) {
        let mut process = self.serve().spawn().expect("starts");
        tokio::time::sleep(after).await;
        process.kill().await.expect("is killed");
    }

    /// A login for the page, made with the program's own command.
    pub async fn add_login(&self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
        command.args(["user", "add", LOGIN.0, "--password-stdin", "--config"]).arg(self.path("hotline.toml"));
        let mut process = self.prepared(command).stdin(Stdio::piped()).spawn().expect("starts");
        let mut input = process.stdin.take().expect("is piped");
        input.write_all(format!("{}\n", LOGIN.1).as_bytes()).await.expect("reads the password");
        drop(input);
        let output = process.wait_with_output().await.expect("ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn serve(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
        command.arg("serve").arg("--config").arg(self.path("hotline.toml"));
        self.prepared(command)
    }

    fn prepared(&self, mut command: Command) -> Command {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HOTLINE_")) {
            command.env_remove(name);
        }
        command.envs(&self.environment).current_dir(self.folder.path()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// A hotline that runs; killed when dropped.
#[derive(Debug)]
pub struct Child {
    process: tokio::process::Child,
    sip: SocketAddr,
    http: SocketAddr,
    said: Arc<Mutex<String>>,
}

impl Child {
    async fn await_ready(mut command: Command) -> Self {
        let mut process = command.spawn().expect("starts");
        let said = Arc::new(Mutex::new(String::new()));
        listen(process.stdout.take().expect("is piped"), &said);
        listen(process.stderr.take().expect("is piped"), &said);
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let up = addresses(&said.lock());
            if let Some((sip, http)) = up {
                return Self { process, sip, http, said };
            }
            let ended = process.try_wait().expect("can be asked");
            assert!(ended.is_none() && tokio::time::Instant::now() < until, "not up ({ended:?}):\n{}", said.lock());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Where SIP listens.
    pub const fn sip(&self) -> SocketAddr {
        self.sip
    }

    /// What it wrote so far, log and all.
    pub fn said(&self) -> String {
        self.said.lock().clone()
    }

    /// Waits until it has written these words.
    pub async fn says(&self, words: &str) {
        let heard = tokio::time::timeout(PATIENCE, async {
            while !self.said.lock().contains(words) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        assert!(heard.await.is_ok(), "never said {words:?}:\n{}", self.said());
    }

    /// `kill -9`.
    pub async fn kill(mut self) -> String {
        self.process.kill().await.expect("is killed");
        self.said()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = self.process.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        rustix::process::kill_process(id.expect("runs"), signal).expect("is there");
    }

    /// SIGTERM, and an orderly end; what it said in all.
    pub async fn stop(mut self) -> String {
        self.signal(rustix::process::Signal::TERM);
        let status = self.exit_status().await;
        assert!(status.success(), "{status}\n{}", self.said());
        self.said()
    }

    /// From now on no file can be written beyond its first byte, as if the disk were full; or it can again.
    pub fn fill_disk(&self, full: bool) {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let id = self.process.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let limit = Rlimit { current: full.then_some(1), maximum: None };
        prlimit(Some(id.expect("runs")), Resource::Fsize, limit).expect("its limit can be set");
    }

    /// Waits for its end.
    pub async fn exit_status(&mut self) -> std::process::ExitStatus {
        tokio::time::timeout(PATIENCE, self.process.wait()).await.expect("ends").expect("can be waited for")
    }

    /// A small phone on this hotline. It waits as long as a busy machine needs.
    pub async fn phone(&self, name: &str) -> Handset {
        let mut settings = HandsetSettings::new(self.sip, name, prompts().await);
        settings.patience = PATIENCE;
        Handset::start(settings).await.expect("a phone")
    }

    /// A phone registered as this account.
    pub async fn registered(&self, account: &str, password: &str) -> Handset {
        let phone = self.phone(account).await;
        phone.register(account, Private::from(password)).await.expect("registers");
        phone
    }

    /// The engineer's phone, registered.
    pub async fn engineer(&self) -> Handset {
        let phone = self.phone("engineer-1").await;
        phone.register("engineer-1", Private::from("a-phones-password")).await.expect("registers");
        phone
    }

    /// What to dial.
    pub fn uri(&self, number: &str) -> String {
        format!("sip:{number}@{}", self.sip)
    }

    /// GET below `/api/v1`.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.fetch(&format!("/api/v1{path}"), &[]).await;
        assert_eq!(status, 200, "GET {path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("JSON")
    }

    /// GET of any path: status and body.
    pub async fn fetch(&self, path: &str, headers: &[(&str, &str)]) -> (u16, Vec<u8>) {
        let url = format!("http://{}{path}", self.http);
        let mut headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if headers.iter().all(|(name, _)| name != "Cookie" && name != "Authorization") {
            headers.push(("Authorization".to_owned(), format!("Bearer {TOKEN}")));
        }
        tokio::task::spawn_blocking(move || {
            let request = headers.iter().fold(agent().get(&url), |request, (name, value)| request.header(name, value));
            let mut response = request.call().expect("HTTP answers");
            (response.status().as_u16(), response.body_mut().read_to_vec().expect("a body"))
        })
        .await
        .expect("no panic")
    }

    /// The address of a path below `/api/v1`.
    pub fn api(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.http)
    }

    /// The header that gives all rights.
    pub fn authorization() -> String {
        format!("Bearer {TOKEN}")
    }

    /// POST below `/api/v1`; it must succeed.
    pub async fn post(&self, path: &str) {
        let url = format!("http://{}/api/v1{path}", self.http);
        let posted = tokio::task::spawn_blocking(move || {
            let request = agent().post(&url).header("Authorization", &format!("Bearer {TOKEN}"));
            request.send_empty().expect("HTTP answers").status().as_u16()
        });
        assert_eq!(posted.await.expect("no panic"), 200, "POST {path}");
    }

    /// POST of any path with the token; what is answered, and how.
    pub async fn send(&self, path: &str, content_type: &str, body: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.http);
        let (content_type, body) = (content_type.to_owned(), body.to_owned());
        tokio::task::spawn_blocking(move || {
            let request = agent().post(&url).header("Content-Type", &content_type);
            let request = request.header("Authorization", &Self::authorization());
            let mut response = request.send(body.as_bytes()).expect("HTTP answers");
            (response.status().as_u16(), response.body_mut().read_to_string().expect("is text"))
        })
        .await
        .expect("no panic")
    }

    /// Events through the door of a source; the answers' body.
    pub async fn events(&self, key: &str, events: &Value) -> Value {
        let (status, body) =
            self.send(&format!("/intake/generic/{key}"), "application/json", &events.to_string()).await;
        assert_eq!(status, 202, "{body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// An alert in full, once `ready`.
    pub async fn one_alert_when(&self, id: &str, ready: impl Fn(&Value) -> bool) -> Value {
        self.when(&format!("/api/v1/alerts/{id}"), ready, |body| Some(body.clone())).await
    }

    /// The state of `/readyz`, once `ready` agrees.
    pub async fn readyz_when(&self, ready: impl Fn(&Value) -> bool) -> Value {
        self.when("/readyz", ready, |body| Some(body.clone())).await
    }

    /// Logs in on the page ([`Home::add_login`]); the cookie.
    pub async fn log_in(&self) -> String {
        let (url, origin) = (format!("http://{}/login", self.http), format!("http://{}", self.http));
        tokio::task::spawn_blocking(move || {
            let form = [("name", LOGIN.0), ("password", LOGIN.1), ("next", "/")];
            let response = agent().post(&url).header("Origin", &origin).send_form(form).expect("HTTP answers");
            let cookie = response.headers().get("set-cookie").and_then(|cookie| cookie.to_str().ok());
            cookie.expect("a session").split(';').next().unwrap_or_default().to_owned()
        })
        .await
        .expect("no panic")
    }

    /// The board as a browser gets it.
    pub async fn page(&self, cookie: &str) -> String {
        let (status, body) = self.fetch("/", &[("Cookie", cookie), ("Accept", "text/html")]).await;
        let text = String::from_utf8(body).expect("is text");
        assert_eq!(status, 200, "{text}");
        text
    }

    /// The value of a metric without labels.
    pub async fn metric(&self, name: &str) -> u64 {
        let (_, body) = self.fetch("/metrics", &[]).await;
        let text = String::from_utf8(body).expect("is text");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().expect("a number")
    }

    /// The newest call of this direction in full, once `ready`.
    pub async fn call_when(&self, direction: &str, ready: impl Fn(&Value) -> bool) -> Value {
        let id = |page: &Value| page["items"][0]["id"].as_str().map(|id| format!("/api/v1/calls/{id}"));
        self.newest(&format!("/api/v1/calls?direction={direction}&limit=1"), id, ready).await
    }

    /// A page of a list below `/api/v1`, once `ready`.
    pub async fn list_when(&self, path: &str, ready: impl Fn(&Value) -> bool) -> Value {
        self.when(&format!("/api/v1{path}"), ready, |body| Some(body.clone())).await
    }

    /// The newest alert in full, once `ready`.
    pub async fn alert_when(&self, ready: impl Fn(&Value) -> bool) -> Value {
        let id = |page: &Value| page["items"][0]["id"].as_str().map(|id| format!("/api/v1/alerts/{id}"));
        self.newest("/api/v1/alerts?limit=1", id, ready).await
    }

    /// The first of a list in full, once `ready`; which is the first may change meanwhile.
    async fn newest(
        &self,
        list: &str,
        address: impl Fn(&Value) -> Option<String>,
        ready: impl Fn(&Value) -> bool,
    ) -> Value {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let address = self.when(list, |_| true, &address).await;
            let (_, body) = self.fetch(&address, &[]).await;
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            if ready(&body) {
                return body;
            }
            let early = tokio::time::Instant::now() < until;
            assert!(early, "{address} never came about; last seen: {body:#}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Asks until the answer is `ready` and `take` finds something in it.
    async fn when<T>(&self, path: &str, ready: impl Fn(&Value) -> bool, take: impl Fn(&Value) -> Option<T>) -> T {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let (_, body) = self.fetch(path, &[]).await;
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            if let Some(found) = take(&body).filter(|_| ready(&body)) {
                return found;
            }
            let early = tokio::time::Instant::now() < until;
            assert!(early, "{path} never came about; last seen: {body:#}\n{}", self.said());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// What it said belongs to a failure.
impl Drop for Child {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the hotline said:\n{}", self.said.lock());
        }
    }
}

/// One of our own recordings of a speaking caller.
pub fn speech(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/speech").join(name)
}

/// All prompts, indexed once for the whole test run.
async fn prompts() -> Arc<KnownPrompts> {
    static PROMPTS: OnceCell<Arc<KnownPrompts>> = OnceCell::const_new();
    let load = async {
        let loading = tokio::task::spawn_blocking(|| KnownPrompts::load(Path::new("no-own-prompts")));
        Arc::new(loading.await.expect("no panic").expect("the prompts are readable"))
    };
    Arc::clone(PROMPTS.get_or_init(|| load).await)
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into()
}

fn listen(stream: impl AsyncRead + Unpin + Send + 'static, said: &Arc<Mutex<String>>) {
    let said = Arc::clone(said);
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut said = said.lock();
            said.push_str(&line);
            said.push('\n');
        }
    });
}

/// Found in: hotline answers at sip:ADDR · page and API at <http://ADDR>
fn addresses(said: &str) -> Option<(SocketAddr, SocketAddr)> {
    let (_, rest) = said.split_once("hotline answers at sip:")?;
    let (sip, rest) = rest.split_once(" · page and API at http://")?;
    let (http, _) = rest.split_once('\n')?;
    Some((sip.parse().ok()?, http.parse().ok()?))
}
