//! The one door out: every request of ours goes through this client.
//!
//! A URL of a user or a configured receiver must not make us knock at our own network (SSRF): names are
//! resolved here, every address is judged, and the connection goes to the address that was judged (a second answer
//! of the name server changes nothing). No redirects, no proxies of the environment, bounded answers, bounded time.
//! The mail server alone is reached otherwise: it stands in `hotline.toml` and nobody else can name one.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use hotline_core::network::Network;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, StatusCode, Url};

use super::SendError;

/// What is read of an answer; the rest is left unread.
const ANSWER_MAX: usize = 64 * 1024;
/// Longest wait that we let a `Retry-After` ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);
/// Connections kept open to one host.
const IDLE_MAX: usize = 4;

/// Names to addresses: the system's resolver, or a test's.
pub(super) type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The guarded client. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    client: Client,
    allowed: Arc<[Network]>,
    timeout: Duration,
}

/// An answer that was read to its end or its limit.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub body: Vec<u8>,
}

impl Guard {
    pub fn new(allowed: Vec<Network>, timeout: Duration) -> Self {
        Self::with_lookup(allowed, timeout, Arc::new(|name| system(name).boxed()))
    }

    pub fn with_lookup(allowed: Vec<Network>, timeout: Duration, lookup: Lookup) -> Self {
        let allowed: Arc<[Network]> = allowed.into();
        let client = Client::builder()
            .dns_resolver(Arc::new(Judging { lookup, allowed: Arc::clone(&allowed) }))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(timeout)
            .pool_max_idle_per_host(IDLE_MAX)
            .user_agent(concat!("hotline/", env!("CARGO_PKG_VERSION")))
            .build()
            .expect("a client with built-in roots and no system files can be built");
        Self { client, allowed, timeout }
    }

    /// A POST to `url`, once the URL is seen to be one that may be reached.
    pub fn post(&self, channel: &'static str, url: &str) -> Result<Outgoing<'_>, SendError> {
        let url = address(url, &self.allowed).map_err(|what| SendError::Never(format!("{channel}: {what}")))?;
        Ok(Outgoing { guard: self, channel, request: self.client.post(url) })
    }
}

/// A request on its way out.
pub(super) struct Outgoing<'a> {
    guard: &'a Guard,
    channel: &'static str,
    request: RequestBuilder,
}

impl Outgoing<'_> {
    /// Puts headers and body on it.
    pub fn with(mut self, dress: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        self.request = dress(self.request);
        self
    }

    /// One try. A 2xx is an answer; everything else is an error of its class.
    pub async fn send(self) -> Result<Answer, SendError> {
        let (channel, limit) = (self.channel, self.guard.timeout);
        // The client's own limit is for the parts; this one is for the whole.
        let tried = tokio::time::timeout(limit, async {
            let response = self.request.send().await.map_err(|error| class_of(channel, &error))?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = read(response).await.map_err(|error| class_of(channel, &error));
            // What a refusal says is of use only where it can be read.
            judge(channel, status, &headers, body.as_deref().unwrap_or_default())?;
            body.map(|body| Answer { body })
        });
        tried.await.unwrap_or_else(|_| Err(later(channel, "no answer in time", None)))
    }
}

impl Answer {
    /// The body as JSON; `Null` where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

fn later(channel: &str, what: impl fmt::Display, after: Option<Duration>) -> SendError {
    SendError::Later { reason: format!("{channel}: {what}"), after }
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = ANSWER_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ANSWER_MAX {
            break;
        }
    }
    Ok(body)
}

/// 2xx is fine; 408, 425, 429 and 5xx may pass; everything else will be the same next time.
fn judge(channel: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<(), SendError> {
    if status.is_success() {
        return Ok(());
    }
    let code = status.as_u16();
    if matches!(code, 408 | 425 | 429) || status.is_server_error() {
        return Err(later(channel, format_args!("answered {code}"), retry_after(headers)));
    }
    let hint = if status.is_redirection() { "; redirects are not followed, write the final address" } else { "" };
    Err(SendError::Never(format!("{channel}: answered {code}{}{hint}", code_in(body))))
}

/// A number or plain word that tells what is wrong (`{"code": 21211}`, `{"error": "channel_not_found"}`). Sentences are left
/// out: they may repeat numbers and names.
pub(super) fn code_in(body: &[u8]) -> String {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else { return String::new() };
    let found = ["code", "error_code", "error"].iter().find_map(|key| match json.get(key)? {
        serde_json::Value::Number(number) if number.as_u64().is_some_and(|n| n < 1_000_000) => Some(number.to_string()),
        serde_json::Value::String(word) => plain_word(word).map(str::to_owned),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_) => None,
    });
    found.map(|word| format!(" ({word})")).unwrap_or_default()
}

/// A word of a fixed vocabulary, not a sentence, number or address.
pub(super) fn plain_word(word: &str) -> Option<&str> {
    let plain = (1..=40).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    plain.then_some(word)
}

/// Seconds or a date (RFC 9110 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        at.duration_since(crate::clock::now().wall).try_into().unwrap_or(Duration::ZERO)
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// What a failed request means. The library's own words hold the URL, and that may hold a secret: they are not repeated.
fn class_of(channel: &str, error: &reqwest::Error) -> SendError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if inner.downcast_ref::<Refused>().is_some() {
            return SendError::Never(format!("{channel}: {Refused}"));
        }
        cause = inner.source();
    }
    if error.is_builder() {
        return SendError::Never(format!("{channel}: the request can't be made; check address and headers"));
    }
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke off"
    };
    later(channel, what, None)
}

/// A URL that may be asked: http or https, with a host; an address in it must be one that may be reached.
fn address(url: &str, allowed: &[Network]) -> Result<Url, String> {
    let Ok(url) = Url::parse(url) else {
        return Err("the address is no URL; write https://…".to_owned());
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err("the address must begin with https:// or http://".to_owned());
    }
    match url.host() {
        None => Err("the address names no host".to_owned()),
        Some(url::Host::Domain(_)) => Ok(url),
        Some(url::Host::Ipv4(ip)) if may_reach(ip.into(), allowed) => Ok(url),
        Some(url::Host::Ipv6(ip)) if may_reach(ip.into(), allowed) => Ok(url),
        Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => Err(Refused.to_string()),
    }
}

/// Whether a text is a URL of ours at all, before anything is sent.
pub(super) fn is_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The address lies in a network that is not the public one.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its address is private or reserved and is not reached; where it should be, add it to allow_networks in [notify]")
    }
}

impl Error for Refused {}

/// Resolves, and leaves out every address that may not be reached.
struct Judging {
    lookup: Lookup,
    allowed: Arc<[Network]>,
}

impl Resolve for Judging {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, allowed) = ((self.lookup)(name.as_str().to_owned()), Arc::clone(&self.allowed));
        Box::pin(async move {
            let found = found.await?;
            let good: Vec<SocketAddr> =
                found.iter().filter(|ip| may_reach(**ip, &allowed)).map(|ip| SocketAddr::new(*ip, 0)).collect();
            if good.is_empty() && !found.is_empty() {
                return Err(Refused.into());
            }
            Ok(Box::new(good.into_iter()) as Addrs)
        })
    }
}

async fn system(name: String) -> io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
}

/// Whether a request may go to this address: a public one, or one that the configuration allows.
pub(super) fn may_reach(ip: IpAddr, allowed: &[Network]) -> bool {
    allowed.iter().any(|network| network.holds(ip)) || is_public(ip)
}

/// Globally reachable unicast (IANA's special-purpose registries, RFC 6890 and its updates).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    // This network, private, loopback; multicast, reserved, broadcast.
    let whole = matches!(a, 0 | 10 | 127 | 224..=255);
    // Shared with the carrier (RFC 6598), link-local (and clouds' metadata), private.
    let inside = matches!((a, b), (100, 64..=127) | (169, 254) | (172, 16..=31) | (192, 168));
    // Protocols, documentation, 6to4 relays, benchmarks.
    let odd = matches!((a, b, c), (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113));
    !(whole || inside || odd)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // An IPv4 address within: mapped, or translated by the well-known prefix (RFC 6052); judged as what is meant.
    if let Some(v4) = ip.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let parts = ip.segments();
    if parts[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let within = (u32::from(parts[6]) << 16) | u32::from(parts[7]);
        return is_public_v4(Ipv4Addr::from(within));
    }
    // Only 2000::/3 is handed out; of it: Teredo and other protocols, documentation, 6to4 (an IPv4 address within).
    let global = (0x2000..=0x3fff).contains(&parts[0]);
    let special = matches!((parts[0], parts[1]), (0x2001, ..0x200 | 0xdb8) | (0x2002, _) | (0x3fff, ..0x1000));
    global && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(ip: &str, allowed: &[&str]) -> bool {
        let allowed: Vec<_> = allowed.iter().map(|net| Network::parse(net).unwrap()).collect();
        may_reach(ip.parse().unwrap(), &allowed)
    }

    #[test]
    fn only_public_addresses_are_reached() {
        for ip in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.254",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.1.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(!reach(ip, &[]), "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.254",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(reach(ip, &[]), "{ip}");
        }
    }

    #[test]
    fn what_is_allowed_is_reached() {
        assert!(reach("10.1.2.3", &["10.1.0.0/16"]) && !reach("10.2.2.3", &["10.1.0.0/16"]));
        assert!(reach("::ffff:10.1.2.3", &["10.1.0.0/16"]) && reach("fd12::9", &["fd12::/16"]));
        assert!(reach("127.0.0.1", &["127.0.0.0/8"]) && !reach("::1", &["127.0.0.0/8"]));
    }

    #[test]
    fn odd_spellings_of_addresses_are_seen() {
        for url in [
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://[::1]/",
            "http://0177.0.0.1/",
            "http://[::ffff:7f00:1]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://user:pass@10.0.0.1/",
            "http://127.0.0.1./",
            "http://①②⑦.0.0.1/",
        ] {
            assert!(address(url, &[]).is_err(), "{url}");
        }
        for url in ["ftp://example.com/", "file:///etc/passwd", "example.com", "https://", "gopher://1.1.1.1/", ""] {
            assert!(address(url, &[]).is_err(), "{url}");
        }
        assert!(address("https://example.com/hook?x=1", &[]).is_ok() && address("http://1.1.1.1/", &[]).is_ok());
    }

    #[test]
    fn only_words_of_a_vocabulary_are_repeated() {
        let said = |body: &str| code_in(body.as_bytes());
        assert_eq!(said(r#"{"error":"channel_not_found"}"#), " (channel_not_found)");
        assert_eq!(said(r#"{"code":21211,"message":"The 'To' number +4915112345678 is not valid"}"#), " (21211)");
        for body in [r#"{"error":"no such user +491511234"}"#, r#"{"code":4915112345678}"#, "plain", "[1]", ""] {
            assert_eq!(said(body), "", "{body}");
        }
    }
}
