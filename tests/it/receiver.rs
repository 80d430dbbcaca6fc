//! Receivers of ours for what leaves the hotline: an HTTP server and a mail server, both as small as they can be. They keep
//! everything as it came, with its moment, and answer what the test says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, Mac};
use parking_lot::Mutex;
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// When it came.
    pub at: Instant,
    /// What it was answered; `None`: never.
    pub answered: Option<u16>,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// Whether one of our webhook's signatures was made with this secret, as a receiver is told to check it: the HMAC over
    /// `timestamp.body`, and a timestamp of the last five minutes.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let timestamp = self.header("hotline-timestamp");
        let now = hotline::clock::now().wall.as_second();
        let fresh = timestamp.parse::<i64>().is_ok_and(|at| now.abs_diff(at) <= 300);
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(timestamp.as_bytes());
        mac.update(b".");
        mac.update(&self.body);
        let right = format!("v1={}", hex::encode(mac.finalize().into_bytes()));
        fresh && self.header("hotline-signature").split(',').any(|one| one == right)
    }
}

/// What a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Say {
    /// This status and `{"ok":true}`.
    Status(u16),
    /// 200 and the request's own body.
    Echo,
    /// Nothing, as long as the other side waits.
    Nothing,
}

/// Decides by the request, and by those that came before.
type Decide = Box<dyn Fn(&Seen, &[Seen]) -> Say + Send + Sync>;

struct Shared {
    seen: Mutex<Vec<Seen>>,
    decide: Decide,
}

/// The HTTP server; it ends with the runtime of its test.
pub struct Receiver {
    at: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    /// Answers 200 to everything.
    pub async fn start() -> Self {
        Self::that(|_, _| Say::Status(200)).await
    }

    /// Answers so.
    pub async fn that(decide: impl Fn(&Seen, &[Seen]) -> Say + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared { seen: Mutex::default(), decide: Box::new(decide) });
        let app = Router::new().fallback(take).with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let at = listener.local_addr().expect("it listens");
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { at, shared }
    }

    /// The address of a path of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    /// Everything that came so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().clone()
    }

    /// What came, once it is as it should be.
    pub async fn when(&self, what: &str, ready: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let waiting = async {
            loop {
                let seen = self.seen();
                if ready(&seen) {
                    return seen;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let seen = tokio::time::timeout(crate::child::PATIENCE, waiting).await;
        seen.unwrap_or_else(|_| panic!("never came: {what}; {} requests: {:?}", self.seen().len(), self.seen().last()))
    }
}

async fn take(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let at = hotline::clock::now().mono;
    let mut new = Seen { method, path: uri.to_string(), headers, body: body.to_vec(), at, answered: None };
    let say = {
        let mut seen = shared.seen.lock();
        let say = (shared.decide)(&new, &seen);
        new.answered = match say {
            Say::Status(status) => Some(status),
            Say::Echo => Some(200),
            Say::Nothing => None,
        };
        seen.push(new);
        say
    };
    match say {
        Say::Status(status) => (StatusCode::from_u16(status).expect("a status"), r#"{"ok":true}"#).into_response(),
        Say::Echo => (StatusCode::OK, body).into_response(),
        Say::Nothing => std::future::pending().await,
    }
}

/// A mail as it came (RFC 5321): the envelope, and the data with its transparency undone.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    pub data: String,
}

impl Mail {
    /// The data without the soft line breaks of quoted-printable (RFC 2045, 6.7).
    pub fn text(&self) -> String {
        self.data.replace("=\n", "").replace("=3D", "=")
    }
}

/// The mail server; it ends with the runtime of its test.
pub struct MailServer {
    at: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let at = listener.local_addr().expect("it listens");
        let mails: Arc<Mutex<Vec<Mail>>> = Arc::default();
        let kept = Arc::clone(&mails);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move { drop(talk(stream, &kept).await) });
            }
        });
        Self { at, mails }
    }

    pub const fn port(&self) -> u16 {
        self.at.port()
    }

    /// The first mail, once it is there.
    pub async fn first(&self) -> Mail {
        self.nth(0).await
    }

    /// One of them, from 0, once it is there.
    pub async fn nth(&self, place: usize) -> Mail {
        let waiting = async {
            loop {
                if let Some(mail) = self.mails.lock().get(place) {
                    return mail.clone();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(crate::child::PATIENCE, waiting).await.expect("a mail comes")
    }

    pub fn count(&self) -> usize {
        self.mails.lock().len()
    }

    /// The mails to this address, once there are so many.
    pub async fn to(&self, address: &str, many: usize) -> Vec<Mail> {
        let waiting = async {
            loop {
                let mails = self.mails.lock().clone();
                let theirs: Vec<Mail> =
                    mails.into_iter().filter(|mail| mail.to.iter().any(|to| to.contains(address))).collect();
                if theirs.len() >= many {
                    return theirs;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(crate::child::PATIENCE, waiting).await.expect("the mails come")
    }
}

async fn talk(stream: TcpStream, mails: &Mutex<Vec<Mail>>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 mail.test ready\r\n").await?;
    let mut mail = Mail::default();
    while let Some(line) = lines.next_line().await? {
        let verb = line.to_uppercase();
        let reply = if verb.starts_with("EHLO") {
            "250-mail.test\r\n250 8BITMIME"
        } else if verb.starts_with("MAIL FROM:") {
            line[10..].clone_into(&mut mail.from);
            "250 ok"
        } else if verb.starts_with("RCPT TO:") {
            mail.to.push(line[8..].to_owned());
            "250 ok"
        } else if verb == "DATA" {
            write.write_all(b"354 go on\r\n").await?;
            while let Some(line) = lines.next_line().await? {
                if line == "." {
                    break;
                }
                mail.data += line.strip_prefix('.').unwrap_or(&line);
                mail.data.push('\n');
            }
            mails.lock().push(std::mem::take(&mut mail));
            "250 kept"
        } else if verb.starts_with("QUIT") {
            write.write_all(b"221 bye\r\n").await?;
            return Ok(());
        } else {
            "250 ok"
        };
        write.write_all(reply.as_bytes()).await?;
        write.write_all(b"\r\n").await?;
    }
    Ok(())
}
