//! The least of SIP that calls on loopback need: INVITE, ACK, BYE, retransmitted; answers to the server's own.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// First retransmission (RFC 3261 timer A/E); doubles each time.
const T1: Duration = Duration::from_millis(500);
/// A transaction's end (timer B/F).
const TIMEOUT: Duration = Duration::from_secs(32);

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not answered yet; a call from the server: not confirmed yet.
    Calling,
    /// Both speak.
    Up,
    /// Our BYE is out.
    Ending,
    /// Over, in good order.
    Ended {
        /// We hung up.
        by_us: bool,
    },
    /// Refused (status), or nobody answered (408).
    Failed {
        /// SIP status code.
        status: u16,
    },
}

impl State {
    /// Nothing more comes.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Ended { .. } | Self::Failed { .. })
    }
}

/// A message, as far as it is read.
#[derive(Debug)]
pub struct Message {
    text: String,
}

impl Message {
    /// Reads a datagram; `None`: not text.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self { text: std::str::from_utf8(bytes).ok()?.to_owned() })
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &str {
        self.header("call-id", "i").unwrap_or_default()
    }

    /// A new call from the server.
    pub fn is_invite(&self) -> bool {
        self.text.starts_with("INVITE ")
    }

    /// Where the SDP in it wants media.
    pub fn sdp_address(&self) -> Option<SocketAddr> {
        let body = self.text.split_once("\r\n\r\n")?.1;
        let host = body.lines().find_map(|line| line.strip_prefix("c=IN IP4 ").or(line.strip_prefix("c=IN IP6 ")))?;
        let port = body.lines().find_map(|line| line.strip_prefix("m=audio "))?.split(' ').next()?;
        Some(SocketAddr::new(host.trim().parse().ok()?, port.parse().ok()?))
    }

    fn status(&self) -> Option<u16> {
        self.text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    fn method(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let head = self.text.split_once("\r\n\r\n").map_or(self.text.as_str(), |(head, _)| head);
        head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim()))
    }

    fn header(&self, name: &str, short: &str) -> Option<&str> {
        let is_it = |found: &str| found.eq_ignore_ascii_case(name) || found.eq_ignore_ascii_case(short);
        self.headers().find(|(found, _)| is_it(found)).map(|(_, value)| value)
    }

    /// The URI in Contact.
    fn contact(&self) -> Option<&str> {
        let value = self.header("contact", "m")?;
        match value.split_once('<') {
            Some((_, rest)) => rest.split('>').next(),
            None => value.split(';').next(),
        }
    }

    /// An answer to this request.
    fn response(&self, line: &str, tag: &str, more: &str, body: &str) -> String {
        let copied = self.headers().filter_map(|(name, value)| match name.to_ascii_lowercase().as_str() {
            "via" | "v" | "from" | "f" | "call-id" | "i" | "cseq" | "record-route" => {
                Some(format!("{name}: {value}\r\n"))
            }
            "to" | "t" if value.contains(";tag=") => Some(format!("{name}: {value}\r\n")),
            "to" | "t" => Some(format!("{name}: {value};tag={tag}\r\n")),
            _ => None,
        });
        let copied: String = copied.collect();
        format!("SIP/2.0 {line}\r\n{copied}{more}Content-Length: {}\r\n\r\n{body}", body.len())
    }
}

/// What is sent until it is answered.
#[derive(Debug)]
struct Pending {
    text: String,
    to: SocketAddr,
    first: Instant,
    next: Instant,
    wait: Duration,
}

/// One dialog.
#[derive(Debug)]
pub struct Dialog {
    id: String,
    ours: bool,
    state: State,
    number: usize,
    local: SocketAddr,
    remote: SocketAddr,
    /// From and To as we send them.
    us: String,
    them: String,
    target: String,
    sequence: u32,
    pending: Option<Pending>,
    ack: Option<String>,
    began: Instant,
    answered: Option<Instant>,
}

impl Dialog {
    /// Calls `user` at `remote`.
    pub fn call(user: &str, remote: SocketAddr, local: SocketAddr, number: usize, sdp: &str, now: Instant) -> Self {
        // The port and the process make it unlike those of the run before.
        let id = format!("{}-{}-{number}@bench", std::process::id(), local.port());
        let mut dialog = Self {
            id,
            ours: true,
            state: State::Calling,
            number,
            local,
            remote,
            us: format!("<sip:bench@{local}>;tag=us{number}"),
            them: format!("<sip:{user}@{remote}>"),
            target: format!("sip:{user}@{remote}"),
            sequence: 1,
            pending: None,
            ack: None,
            began: now,
            answered: None,
        };
        let body = format!(
            "Contact: <sip:bench@{local}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        let text = dialog.request("INVITE", &body);
        dialog.send_until_answered(text, now);
        dialog
    }

    /// Takes a call from the server.
    pub fn answer(
        invite: &Message,
        from: SocketAddr,
        local: SocketAddr,
        number: usize,
        sdp: &str,
        now: Instant,
    ) -> Self {
        let tag = format!("us{number}");
        let us = format!("{};tag={tag}", invite.header("to", "t").unwrap_or_default());
        let more = format!("Contact: <sip:callee@{local}>\r\nContent-Type: application/sdp\r\n");
        let mut dialog = Self {
            id: invite.call_id().to_owned(),
            ours: false,
            state: State::Calling,
            number,
            local,
            remote: from,
            us,
            them: invite.header("from", "f").unwrap_or_default().to_owned(),
            target: invite.contact().unwrap_or_default().to_owned(),
            sequence: 1,
            pending: None,
            ack: None,
            began: now,
            answered: None,
        };
        dialog.send_until_answered(invite.response("200 OK", &tag, &more, sdp), now);
        dialog
    }

    /// Its Call-ID.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// We called.
    pub fn is_ours(&self) -> bool {
        self.ours
    }

    /// Where it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// From the INVITE to the 200.
    pub fn set_up_time(&self) -> Duration {
        self.answered.map_or(Duration::ZERO, |answered| answered - self.began)
    }

    /// BYE.
    pub fn hang_up(&mut self, now: Instant) {
        self.state = State::Ending;
        self.sequence += 1;
        let text = self.request("BYE", "Content-Length: 0\r\n\r\n");
        self.send_until_answered(text, now);
    }

    /// Sends what is due; gives up what was never answered.
    pub fn send_due(&mut self, socket: &UdpSocket, now: Instant) {
        let Some(pending) = self.pending.as_mut().filter(|pending| now >= pending.next) else { return };
        if now > pending.first + TIMEOUT {
            self.pending = None;
            self.state = State::Failed { status: 408 };
            return;
        }
        // A full buffer is as good as a lost datagram: it is sent again.
        let _ = socket.send_to(pending.text.as_bytes(), pending.to);
        pending.next = now + pending.wait;
        pending.wait = (pending.wait * 2).min(T1 * 8);
    }

    /// A message of this dialog.
    pub fn on_message(&mut self, message: &Message, socket: &UdpSocket, from: SocketAddr, now: Instant) {
        let reply = match message.status() {
            Some(status) => self.on_response(message, status, now),
            None => self.on_request(message),
        };
        if let Some(reply) = reply {
            let _ = socket.send_to(reply.as_bytes(), if message.status().is_some() { self.remote } else { from });
        }
    }

    fn on_response(&mut self, message: &Message, status: u16, now: Instant) -> Option<String> {
        let to_invite = message.header("cseq", "cseq").is_some_and(|cseq| cseq.ends_with("INVITE"));
        match (self.state, status) {
            (State::Calling, 100..=199) if to_invite => {
                // RFC 3261 section 17.1.1.2: no more INVITEs once anything has come.
                self.pending = None;
                None
            }
            (State::Calling, 200..=299) if to_invite => {
                self.pending = None;
                self.state = State::Up;
                self.answered = Some(now);
                message.header("to", "t").unwrap_or_default().clone_into(&mut self.them);
                if let Some(contact) = message.contact() {
                    contact.clone_into(&mut self.target);
                }
                self.ack = Some(self.request("ACK", "Content-Length: 0\r\n\r\n"));
                self.ack.clone()
            }
            (State::Calling, 300..) if to_invite => {
                self.pending = None;
                self.state = State::Failed { status };
                message.header("to", "t").unwrap_or_default().clone_into(&mut self.them);
                Some(self.request("ACK", "Content-Length: 0\r\n\r\n"))
            }
            (State::Ending, 200..) if !to_invite => {
                self.pending = None;
                self.state = State::Ended { by_us: true };
                None
            }
            // Our ACK was lost.
            (_, 200..=299) if to_invite => self.ack.clone(),
            (_, _) => None,
        }
    }

    fn on_request(&mut self, message: &Message) -> Option<String> {
        match message.method() {
            "ACK" => {
                if self.state == State::Calling && !self.ours {
                    self.pending = None;
                    self.state = State::Up;
                }
                None
            }
            "BYE" => {
                if !self.state.is_over() {
                    self.pending = None;
                    self.state = State::Ended { by_us: false };
                }
                Some(message.response("200 OK", "us", "", ""))
            }
            "CANCEL" | "OPTIONS" | "INFO" => Some(message.response("200 OK", "us", "", "")),
            // The 200 to it is retransmitted by its own timer.
            "INVITE" if self.state == State::Calling => None,
            _ => Some(message.response("488 Not Acceptable Here", "us", "", "")),
        }
    }

    fn request(&self, method: &str, rest: &str) -> String {
        let Self { target, local, number, sequence, us, them, id, .. } = self;
        // The ACK to a 200 is a transaction of its own (RFC 3261 section 13.2.2.4); that to a refusal is the INVITE's.
        let branch = match (method, self.state) {
            ("ACK", State::Up) => format!("ack{number}"),
            (_, _) => format!("{number}-{sequence}"),
        };
        let process = std::process::id();
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{process}-{branch};rport\r\nMax-Forwards: 70\r\n\
             From: {us}\r\nTo: {them}\r\nCall-ID: {id}\r\nCSeq: {sequence} {method}\r\n{rest}"
        )
    }

    fn send_until_answered(&mut self, text: String, now: Instant) {
        self.pending = Some(Pending { text, to: self.remote, first: now, next: now, wait: T1 });
    }
}
