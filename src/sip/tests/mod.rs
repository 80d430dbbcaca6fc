//! Two instances of signalling on loopback, and raw sockets for what no phone would send.

mod calls;
mod gate;
mod raw;
mod register;
mod streams;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use hotline_core::directory::Destination;
use hotline_core::fact::LegCause;
use hotline_core::ids::PhoneId;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::*;

/// Nothing here should take long; a busy machine may need it.
const PATIENCE: Duration = Duration::from_secs(20);

const OFFER: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";
const ANSWER: &str =
    "v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 50000 RTP/AVP 0\r\n";

fn settings() -> SipSettings {
    SipSettings {
        listen: ([127, 0, 0, 1], 0).into(),
        public_host: None,
        open: true,
        strangers: Strangers::Forbid,
        realm: "hotline".to_owned(),
        phones: BTreeMap::new(),
        trunks: BTreeMap::new(),
        requests_per_second: 10_000,
    }
}

fn with_phone(mut settings: SipSettings, name: &str, password: &str) -> SipSettings {
    settings.phones.insert(PhoneId::from(name), PhoneAccount { password: password.into() });
    settings
}

async fn start(settings: SipSettings) -> (Sip, mpsc::Receiver<IncomingCall>) {
    let (calls, incoming) = mpsc::channel(64);
    (Sip::start(settings, calls).await.expect("starts"), incoming)
}

/// Waits, but not for ever.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("within time")
}

async fn next_call(incoming: &mut mpsc::Receiver<IncomingCall>) -> IncomingCall {
    soon(incoming.recv()).await.expect("a call")
}

async fn event(leg: &mut Leg) -> LegEvent {
    soon(leg.events.recv()).await.expect("an event")
}

/// The next event that is not `Ringing`.
async fn beyond_ringing(leg: &mut Leg) -> LegEvent {
    loop {
        let event = event(leg).await;
        if !matches!(event, LegEvent::Ringing) {
            return event;
        }
    }
}

/// The end, and nothing after it.
async fn end(leg: &mut Leg) -> LegCause {
    let event = beyond_ringing(leg).await;
    let LegEvent::Ended(cause) = event else { panic!("not the end: {event:?}") };
    assert_eq!(soon(leg.events.recv()).await, None);
    cause
}

fn uri_of(sip: &Sip, user: &str) -> String {
    format!("sip:{user}@{}", sip.local())
}

fn dial(destination: Destination) -> Dial {
    Dial { destination, offer: OFFER.to_owned(), display_name: Some("Hotline \"x\"".to_owned()) }
}

/// Waits until no dialog is left.
async fn idle(sip: &Sip) {
    soon(async {
        while sip.dialogs() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// A phone made of a socket and a piece of paper.
struct Raw {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Raw {
    async fn to(sip: &Sip) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("binds");
        Self { socket, server: sip.local() }
    }

    fn local(&self) -> SocketAddr {
        self.socket.local_addr().expect("is bound")
    }

    async fn send(&self, message: impl AsRef<[u8]>) {
        self.socket.send_to(message.as_ref(), self.server).await.expect("sends");
    }

    async fn receive(&self) -> String {
        let mut buffer = vec![0; 65_535];
        let (length, _) = soon(self.socket.recv_from(&mut buffer)).await.expect("receives");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// The next message whose first line holds `text`.
    async fn expect(&self, text: &str) -> String {
        soon(async {
            loop {
                let message = self.receive().await;
                if message.lines().next().is_some_and(|line| line.contains(text)) {
                    return message;
                }
            }
        })
        .await
    }

    fn request(&self, method: &str, uri: &str, call_id: &str, cseq: &str, more: &str, body: &str) -> String {
        let local = self.local();
        let branch = cseq.replace(' ', "").replace("ACK", "INVITE").replace("CANCEL", "INVITE");
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{call_id}{branch};rport\r\nMax-Forwards: 70\r\n\
             From: \"Raw\" <sip:raw@{local}>;tag=raw{call_id}\r\nTo: <{uri}>\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\n\
             Contact: <sip:raw@{local}>\r\n{more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn invite(&self, call_id: &str) -> String {
        self.request("INVITE", "sip:hotline@127.0.0.1", call_id, "1 INVITE", "Content-Type: application/sdp\r\n", OFFER)
    }

    /// A request within the dialog that `answer` (a response of the server) made.
    fn within(&self, answer: &str, method: &str, seq: u32, more: &str, body: &str) -> String {
        let to = header(answer, "To");
        let call_id = header(answer, "Call-ID");
        let contact = header(answer, "Contact");
        let uri = contact.trim_start_matches('<').split('>').next().expect("a contact").to_owned();
        let text = self.request(method, &uri, &call_id, &format!("{seq} {method}"), more, body);
        text.replacen(&format!("To: <{uri}>"), &format!("To: {to}"), 1)
    }
}

/// The first value of a header.
fn header(message: &str, name: &str) -> String {
    let head = format!("{name}: ");
    let line = message.lines().find(|line| line.starts_with(&head)).unwrap_or_else(|| panic!("no {name} in {message}"));
    line[head.len()..].to_owned()
}

/// A call from a raw phone up to its 200; answers with the server's 200.
async fn answered(raw: &Raw, incoming: &mut mpsc::Receiver<IncomingCall>, call_id: &str) -> (String, Leg) {
    raw.send(raw.invite(call_id)).await;
    let call = next_call(incoming).await;
    call.leg.control.order(LegOrder::Answer(ANSWER.to_owned()));
    let ok = raw.expect("200 OK").await;
    (ok, call.leg)
}
