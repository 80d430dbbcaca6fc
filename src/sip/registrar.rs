//! The registrar for configured phones (RFC 3261 section 10): digest by MD5 or SHA-256,
//! one binding per account, reached where it came from and not where it says it is.
//! Bindings live in memory: phones register again by themselves.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, Mac};
use hotline_core::ids::PhoneId;
use hotline_core::now::Now;
use jiff::Timestamp;
use parking_lot::Mutex;
use rsipstack::sip::headers::untyped::{Contact, Expires, MinExpires, WwwAuthenticate};
use rsipstack::sip::{Header, Request};
use rsipstack::transaction::Transaction;
use sha2::Sha256;

use super::digest::{Answer, same};
use super::engine::{Counters, Inner};
use super::incoming::reply;
use super::sockets::Flow;
use super::wire::{self, NameAddr, tidy_display, user_of};
use super::{Registered, Strangers};

/// Shorter is refused with 423.
const EXPIRES_MIN: u32 = 30;
/// Longer is cut.
const EXPIRES_MAX: u32 = 3600;
/// What a phone gets that does not say.
const EXPIRES_DEFAULT: u32 = 300;
/// A phone behind NAT over UDP is lost when its pinhole closes.
const EXPIRES_NAT: u32 = 60;
/// How long a nonce may be used.
const NONCE_LIFE: i64 = 300;
/// Nonces in use; one more is asked to start anew.
const NONCES_MAX: usize = 4096;
const SWEEP: Duration = Duration::from_secs(30);

/// Where a phone is.
#[derive(Clone)]
pub(super) struct Binding {
    /// The way it came.
    pub flow: Flow,
    /// Its Contact URI, for the request line.
    pub contact: String,
    expires: Now,
    seconds: u32,
    user_agent: String,
    call_id: String,
    seq: u32,
}

/// All bindings and the nonces in use.
#[derive(Default)]
pub(super) struct Registrar {
    bindings: Mutex<BTreeMap<PhoneId, Binding>>,
    nonces: Mutex<HashMap<String, Used>>,
}

struct Used {
    count: u32,
    issued: i64,
}

/// What a proof is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// REGISTER.
    Register,
    /// INVITE.
    Call,
}

impl Purpose {
    const fn method(self) -> &'static str {
        match self {
            Self::Register => "REGISTER",
            Self::Call => "INVITE",
        }
    }
}

/// What came of a check.
pub(super) enum Checked {
    /// It is who it says.
    Proven,
    /// To be asked with these headers.
    Ask(Vec<Header>),
    /// The proof is wrong.
    Wrong,
}

impl Registrar {
    /// Where a phone is now.
    pub fn binding(&self, id: &PhoneId) -> Option<Binding> {
        let now = crate::clock::now().mono;
        self.bindings.lock().get(id).filter(|binding| binding.expires.mono > now).cloned()
    }

    /// The phone that is registered from exactly there.
    pub fn phone_at(&self, flow: &Flow) -> Option<PhoneId> {
        let now = crate::clock::now().mono;
        let bindings = self.bindings.lock();
        let found = bindings.iter().find(|(_, binding)| {
            binding.flow.remote == flow.remote && binding.flow.transport == flow.transport && binding.expires.mono > now
        });
        found.map(|(id, _)| id.clone())
    }

    /// Whether a phone is registered from this address.
    pub fn knows(&self, ip: IpAddr) -> bool {
        self.bindings.lock().values().any(|binding| binding.flow.remote.ip() == ip)
    }

    /// All phones registered now.
    pub fn list(&self) -> Vec<Registered> {
        let now = crate::clock::now().mono;
        let bindings = self.bindings.lock();
        let alive =
            bindings.iter().filter(|(_, binding)| binding.expires.mono > now && !binding.flow.closed.is_cancelled());
        alive
            .map(|(id, binding)| Registered {
                phone: id.clone(),
                address: binding.flow.remote,
                transport: binding.flow.transport,
                expires: binding.expires.wall,
                user_agent: binding.user_agent.clone(),
            })
            .collect()
    }

    /// Drops bindings of accounts that are configured no more.
    pub fn keep(&self, configured: impl Fn(&PhoneId) -> bool) {
        self.bindings.lock().retain(|id, _| configured(id));
    }

    /// Checks a request's proof for an account.
    pub fn check(&self, inner: &Inner, request: &Request, id: &PhoneId, purpose: Purpose) -> Checked {
        let live = inner.live.load();
        let now = crate::clock::now().wall.as_second();
        let answer = wire::values(&request.headers, "Authorization")
            .chain(wire::values(&request.headers, "Proxy-Authorization"))
            .filter_map(Answer::parse)
            .find(|answer| answer.realm == live.settings.realm);
        let agent = wire::value(&request.headers, "User-Agent").unwrap_or("");
        let ask = |stale| Checked::Ask(challenges(&inner.secret, &live.settings.realm, now, stale, agent));
        let Some(answer) = answer else { return ask(false) };
        let password = live.settings.phones.get(id).map(|account| account.password.reveal().as_str());
        // An account that does not exist is asked and refused like one that does.
        let right =
            answer.proves(password.unwrap_or(""), purpose.method()) && password.is_some() && answer.user == id.0;
        if !right {
            return Checked::Wrong;
        }
        match issued(&inner.secret, &answer.nonce) {
            Some(issued) if (0..=NONCE_LIFE).contains(&(now - issued)) && self.count(&answer, issued, now) => {
                Checked::Proven
            }
            Some(_) | None => ask(true),
        }
    }

    /// Each use of a nonce must count up (RFC 7616 section 3.4); without qop it is good once.
    fn count(&self, answer: &Answer, issued: i64, now: i64) -> bool {
        let mut nonces = self.nonces.lock();
        if nonces.len() >= NONCES_MAX {
            nonces.retain(|_, used| now - used.issued <= NONCE_LIFE);
        }
        let count = answer.count.unwrap_or(u32::MAX);
        let full = nonces.len() >= NONCES_MAX;
        match nonces.get_mut(&answer.nonce) {
            Some(used) if used.count < count => used.count = count,
            Some(_) => return false,
            None if full => return false,
            None => {
                nonces.insert(answer.nonce.clone(), Used { count, issued });
            }
        }
        true
    }

    fn sweep(&self, now: Now) {
        self.bindings
            .lock()
            .retain(|_, binding| binding.expires.mono > now.mono && !binding.flow.closed.is_cancelled());
        self.nonces.lock().retain(|_, used| now.wall.as_second() - used.issued <= NONCE_LIFE);
    }
}

/// `seconds.random.mac`: known again without being stored.
fn nonce(secret: &[u8; 32], now: i64) -> String {
    let head = format!("{now:x}.{}", wire::token());
    let mac = seal(secret, &head);
    format!("{head}.{mac}")
}

fn seal(secret: &[u8; 32], head: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(b"nonce");
    mac.update(head.as_bytes());
    hex::encode(&mac.finalize().into_bytes()[..16])
}

/// When a nonce of ours was issued; `None` if it is none of ours.
fn issued(secret: &[u8; 32], nonce: &str) -> Option<i64> {
    let (head, mac) = nonce.rsplit_once('.')?;
    if !same(&seal(secret, head), mac) {
        return None;
    }
    i64::from_str_radix(head.split('.').next()?, 16).ok()
}

/// Phones that give up when SHA-256 is offered at all, instead of taking the MD5 beside it.
const MD5_ONLY: [&str; 3] = ["baresip v0.", "baresip v1.", "baresip v2."];

/// Both algorithms (RFC 8760 section 2.4), each with a nonce of its own. MD5 stands first: old phones
/// read only the first, new ones take the stronger.
fn challenges(secret: &[u8; 32], realm: &str, now: i64, stale: bool, agent: &str) -> Vec<Header> {
    let old = MD5_ONLY.iter().any(|name| agent.starts_with(name));
    let algorithms: &[&str] = if old { &["MD5"] } else { &["MD5", "SHA-256"] };
    let stale = if stale { ", stale=true" } else { "" };
    let realm = realm.replace('\\', "\\\\").replace('"', "\\\"");
    algorithms
        .iter()
        .map(|algorithm| {
            let nonce = nonce(secret, now);
            let value =
                format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"{stale}");
            Header::WwwAuthenticate(WwwAuthenticate::new(value))
        })
        .collect()
}

/// Serves a REGISTER.
pub(super) async fn register(inner: &Arc<Inner>, mut transaction: Transaction) {
    let Some((status, headers)) = decide(inner, &transaction.original).await else { return };
    reply(&mut transaction, status, &wire::token(), headers, None).await;
}

async fn decide(inner: &Arc<Inner>, request: &Request) -> Option<(u16, Vec<Header>)> {
    let refuse = |status| Some((status, Vec::new()));
    let to = wire::value(&request.headers, "To").and_then(NameAddr::parse);
    let Some(id) = to.and_then(|to| user_of(to.uri)).map(PhoneId) else { return refuse(404) };
    let live = inner.live.load_full();
    if !live.settings.phones.contains_key(&id) && live.settings.strangers == Strangers::Ignore {
        Counters::count(&inner.counters.strangers);
        return None;
    }
    match inner.registrar.check(inner, request, &id, Purpose::Register) {
        Checked::Proven => {}
        Checked::Ask(challenges) => return Some((401, challenges)),
        Checked::Wrong => {
            Counters::count(&inner.counters.strangers);
            return refuse(403);
        }
    }
    let Some((transport, remote)) = wire::origin(&request.headers) else { return refuse(400) };
    let Ok(flow) = inner.flow(transport, remote).await else { return refuse(400) };
    Some(inner.registrar.update(&id, request, flow, crate::clock::now()))
}

/// What a REGISTER wants (RFC 3261 section 10.3).
enum Wish {
    Query,
    Remove,
    Bind { contact: String, seconds: u32 },
    Bad,
}

fn wish(request: &Request) -> Wish {
    let default = wire::value(&request.headers, "Expires").map_or(Some(EXPIRES_DEFAULT), |text| text.parse().ok());
    let default = default.unwrap_or(EXPIRES_DEFAULT);
    let entries: Vec<&str> = wire::values(&request.headers, "Contact")
        .flat_map(|line| wire::split_outside(line, ','))
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .collect();
    if entries.is_empty() {
        return Wish::Query;
    }
    if entries.contains(&"*") {
        return if entries.len() == 1 && default == 0 { Wish::Remove } else { Wish::Bad };
    }
    let parsed = entries.iter().filter_map(|entry| NameAddr::parse(entry)).map(|entry| {
        let seconds = entry.param("expires").and_then(|text| text.parse().ok()).unwrap_or(default);
        (entry.uri.to_owned(), seconds)
    });
    let wanted: Vec<(String, u32)> = parsed.filter(|(uri, _)| wire::target(uri).is_some()).collect();
    // A phone that moves unbinds the old address and binds the new one in one request.
    match wanted.iter().find(|(_, seconds)| *seconds > 0) {
        Some((contact, seconds)) => Wish::Bind { contact: contact.clone(), seconds: *seconds },
        None if wanted.is_empty() => Wish::Bad,
        None => Wish::Remove,
    }
}

impl Registrar {
    fn update(&self, id: &PhoneId, request: &Request, flow: Flow, now: Now) -> (u16, Vec<Header>) {
        let call_id = wire::value(&request.headers, "Call-ID").unwrap_or("").to_owned();
        let seq = wire::seq_of(&request.headers).unwrap_or(0);
        let mut bindings = self.bindings.lock();
        let old = bindings.get(id);
        if old.is_some_and(|old| old.call_id == call_id && old.seq >= seq) {
            // An older request, overtaken (RFC 3261 section 10.3 step 7).
            return (500, Vec::new());
        }
        match wish(request) {
            Wish::Bad => return (400, Vec::new()),
            Wish::Query => {}
            Wish::Remove => {
                bindings.remove(id);
            }
            Wish::Bind { seconds, .. } if seconds < EXPIRES_MIN => {
                return (423, vec![Header::MinExpires(MinExpires::new(EXPIRES_MIN.to_string()))]);
            }
            Wish::Bind { contact, seconds } => {
                let natted = flow.transport == super::Transport::Udp
                    && wire::target(&contact)
                        .and_then(|uri| wire::literal_address(&uri))
                        .is_none_or(|own| own.ip() != flow.remote.ip());
                let seconds = seconds.min(if natted { EXPIRES_NAT } else { EXPIRES_MAX });
                // Some slack: the refresh may be on its way.
                let expires = now.after(Duration::from_secs(u64::from(seconds) + 2));
                let agent = wire::value(&request.headers, "User-Agent").and_then(tidy_display).unwrap_or_default();
                bindings
                    .insert(id.clone(), Binding { flow, contact, expires, seconds, user_agent: agent, call_id, seq });
            }
        }
        (200, bindings.get(id).map(|binding| contact_headers(binding, now.wall)).unwrap_or_default())
    }
}

fn contact_headers(binding: &Binding, now: Timestamp) -> Vec<Header> {
    let left = (binding.expires.wall.as_second() - now.as_second() - 2).clamp(0, i64::from(binding.seconds));
    vec![
        Header::Contact(Contact::new(format!("<{}>;expires={left}", binding.contact))),
        Header::Expires(Expires::new(left.to_string())),
    ]
}

/// Forgets phones that went without a word.
pub(super) async fn sweep(inner: Arc<Inner>) {
    loop {
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => inner.registrar.sweep(crate::clock::now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(more: &str) -> Request {
        let text = format!(
            "REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:a@x>\r\n\
             Call-ID: 1\r\nCSeq: 1 REGISTER\r\n{more}\r\n\r\n"
        );
        Request::try_from(text.as_str()).expect("parses")
    }

    #[test]
    fn nonces_are_known_again() {
        let (secret, other) = ([1; 32], [2; 32]);
        let own = nonce(&secret, 1_700_000_000);
        assert_eq!(issued(&secret, &own), Some(1_700_000_000));
        assert_eq!(issued(&other, &own), None);
        assert_eq!(issued(&secret, &own.replacen('6', "7", 1)), None);
    }

    #[test]
    fn phones_that_choke_on_sha_256_are_not_offered_it() {
        let offered = |agent| challenges(&[1; 32], "r", 0, false, agent).len();
        assert_eq!(offered("baresip v1.0.0 (x86_64/linux)"), 1);
        assert_eq!(offered("baresip v3.9.0 (x86_64/Linux)"), 2);
        assert_eq!(offered(""), 2);
    }

    #[test]
    fn a_nonce_counts_up() {
        let registrar = Registrar::default();
        let answer = |count| {
            let text = format!(
                "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"0\", qop=auth, nc={count}, cnonce=\"c\""
            );
            Answer::parse(&text).expect("parses")
        };
        assert!(registrar.count(&answer("00000001"), 0, 0));
        assert!(!registrar.count(&answer("00000001"), 0, 0));
        assert!(registrar.count(&answer("0000000a"), 0, 0));
        assert!(!registrar.count(&answer("00000009"), 0, 0));
    }

    #[test]
    fn wishes_are_read() {
        assert!(matches!(wish(&register("X: y")), Wish::Query));
        assert!(matches!(wish(&register("Contact: *\r\nExpires: 0")), Wish::Remove));
        assert!(matches!(wish(&register("Contact: *\r\nExpires: 60")), Wish::Bad));
        assert!(matches!(wish(&register("Contact: <sip:a@192.0.2.1>;expires=0")), Wish::Remove));
        assert!(matches!(wish(&register("Contact: <mailto:a@x>")), Wish::Bad));
        let moved = register("Contact: <sip:a@192.0.2.1>;expires=0, <sip:a@192.0.2.2>;expires=90\r\nExpires: 60");
        assert!(matches!(wish(&moved), Wish::Bind { contact, seconds: 90 } if contact == "sip:a@192.0.2.2"));
    }
}
