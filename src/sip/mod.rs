//! Signalling: sockets of our own, the gate, dialogs, registrar, trunks.
//!
//! Carries SDP as text and understands none of it; knows nothing of media, flows
//! or alerts. `switch` talks to it through [`Sip`] and one [`Leg`] per dialog.
//!
//! The room, in the order a message passes through it:
//!
//! | file | does |
//! |---|---|
//! | `sockets/` | UDP and TCP: reads bytes, frames streams, writes. The stack opens and reads nothing |
//! | `receive` | budget, gate, who may call, stateless answers; a panic costs one message |
//! | `gate` | bytes in, verdict out; what passes is written anew in one canonical form. Pure |
//! | `budget` | requests a second for each source, in constant memory |
//! | `admit` | carrier, registered phone, anybody? |
//! | `incoming` | requests that the stack made transactions of: to a dialog, a new call, the registrar |
//! | `uas`, `uac` | a call that comes in, a call that goes out, until it is answered; one task each |
//! | `leg` | the dialog from its 200 to its end, whichever side began it |
//! | `dialog` | a dialog's state and the table that finds its task |
//! | `way` | where an outgoing call goes and as whom |
//! | `registrar`, `register_client`, `trunk` | phones that register with us; we with others; carriers' health |
//! | `client`, `digest` | one request and its final answer; proof of who one is |
//! | `identity`, `digits`, `body`, `wire` | callers and numbers; keys by INFO; SDP within bodies; grammar |
//!
//! Of the stack (rsipstack) we use parser, transactions with their timers and
//! retransmissions, and the resolver. Its dialogs, transports and registration are not
//! used: dialogs of our own answer what its leave open (early UPDATE and INFO, forks,
//! a CANCEL that crosses a 200), and no part of it dials, resolves or queues by itself.
//!
//! Invariants: every leg gets exactly one `Ended`, last. Nothing that the network fills
//! is unbounded. Requests of strangers are answered without state, once. No number, name
//! or SDP is ever logged.
//!
//! Absent: TLS, session timers, reliable provisional responses (a peer that requires them
//! gets 420), REFER, subscriptions, several bindings of one phone.

mod admit;
mod body;
mod budget;
mod client;
mod dialog;
mod digest;
mod digits;
mod engine;
mod gate;
mod identity;
mod incoming;
mod leg;
mod receive;
mod register_client;
mod registrar;
mod settings;
mod sockets;
mod trunk;
mod uac;
mod uas;
mod way;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hotline_core::directory::Destination;
use hotline_core::fact::LegCause;
use hotline_core::ids::{PhoneId, TrunkId};
use hotline_core::private::Private;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::DropGuard;

use engine::Inner;
use way::Whom;

/// What signalling needs to know. Built by `app` from the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipSettings {
    /// Where we listen, UDP and TCP both. Port 0: a free one.
    pub listen: SocketAddr,
    /// The address to write into Contact and Via where it differs from `listen` (NAT); host only.
    pub public_host: Option<String>,
    /// Take INVITEs from anybody. For loopback and for those who ask for it.
    pub open: bool,
    /// What strangers' INVITEs get.
    pub strangers: Strangers,
    /// Realm of the digest registrar.
    pub realm: String,
    /// Phones that may register, with their secrets.
    pub phones: BTreeMap<PhoneId, PhoneAccount>,
    /// Carriers.
    pub trunks: BTreeMap<TrunkId, TrunkSettings>,
    /// Requests a second that one source address may send before it is dropped (and counted);
    /// configured trunks are not limited.
    pub requests_per_second: u32,
}

/// What an INVITE from an address that is no trunk and no phone gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// 403 Forbidden.
    Forbid,
    /// Nothing: scanners learn nothing.
    Ignore,
}

/// An account that a phone registers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneAccount {
    /// Digest secret.
    pub password: Private<String>,
}

/// A carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkSettings {
    /// Host and port (5060 unless said otherwise) of the registrar or proxy.
    pub server: String,
    /// UDP or TCP.
    pub transport: Transport,
    /// Register there with digest; `None`: the carrier knows our address.
    pub registration: Option<TrunkRegistration>,
    /// Source addresses or networks (CIDR) that its calls come from, beside the server's own.
    pub addresses: Vec<String>,
    /// Where the dialled number is looked for, in order: `request-uri`, `to`, `p-called-party-id`, `diversion`.
    pub number_sources: Vec<NumberSource>,
    /// Believe P-Asserted-Identity (RFC 3325).
    pub trusted: bool,
    /// Shown on outgoing calls, E.164.
    pub caller_id: Option<Private<String>>,
}

/// Digest account at a carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkRegistration {
    /// User name of the account.
    pub user: String,
    /// Its secret.
    pub password: Private<String>,
    /// How long to register for.
    pub expires: Duration,
}

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
}

/// Where a carrier writes the number that was dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberSource {
    /// The request line.
    RequestUri,
    /// The To header.
    To,
    /// P-Called-Party-ID (RFC 7315).
    PCalledPartyId,
    /// Diversion (RFC 5806), the last entry.
    Diversion,
}

/// An INVITE that passed the gate and the question who may call.
#[derive(Debug)]
pub struct IncomingCall {
    /// Candidates for the number that was dialled, user parts, best first (a trunk's
    /// `number_sources` in order; the request line else).
    pub dialled: Vec<String>,
    /// The caller's number or name of address (user part; E.164 where it is a number);
    /// `None`: withheld. From P-Asserted-Identity only where the trunk is trusted.
    pub caller: Option<Private<String>>,
    /// Display name as sent, at most 80 characters, control characters removed.
    pub display_name: Option<Private<String>>,
    /// How it came to us.
    pub source: Source,
    /// The offer; `None`: the offer is ours to make in the 200 and the answer comes with `Confirmed`.
    pub offer: Option<String>,
    /// The dialog. Dropping it unanswered refuses the call with 500.
    pub leg: Leg,
}

/// Who sent an INVITE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A configured carrier.
    Trunk(TrunkId),
    /// A registered phone (by digest, or by the address it registered from).
    Phone(PhoneId),
    /// Anybody; only where `open` is set.
    Open,
}

/// One dialog. Dropping it ends the dialog (BYE, CANCEL or 500, as its state asks).
#[derive(Debug)]
pub struct Leg {
    /// What the other side does. Ends (`None`) after `LegEvent::Ended`.
    pub events: mpsc::Receiver<LegEvent>,
    /// What we want.
    pub control: LegControl,
}

/// The sending half of a [`Leg`].
#[derive(Debug, Clone)]
pub struct LegControl(pub(crate) mpsc::UnboundedSender<LegOrder>);

/// Orders to a dialog's task. A few for each call, never per packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegOrder {
    /// 180 Ringing.
    Ring,
    /// 200 with this SDP, retransmitted until the ACK.
    Answer(String),
    /// A final refusal.
    Reject(u16),
    /// Answer to `LegEvent::Reoffer`: SDP, or a status such as 488.
    AnswerReoffer(Result<String, u16>),
    /// BYE or CANCEL.
    HangUp,
}

impl LegControl {
    /// Sends an order; lost without harm if the dialog is already over.
    pub fn order(&self, order: LegOrder) {
        // The dialog's task may have ended first; its `Ended` event says so.
        let _ = self.0.send(order);
    }
}

/// What happens on a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegEvent {
    /// 180, or 183 with or without SDP (not passed on).
    Ringing,
    /// The far end answered our INVITE; its SDP answer.
    Answered(String),
    /// The ACK to our 200 came, with the SDP answer if the offer was ours.
    Confirmed(Option<String>),
    /// A re-INVITE or UPDATE; `None`: it wants our full offer. Wants `AnswerReoffer`
    /// within 2 s, else 488 is sent.
    Reoffer(Option<String>),
    /// A key by SIP INFO (`application/dtmf-relay` or `application/dtmf`).
    Digit {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// It is over. Exactly once, last.
    Ended(LegCause),
}

/// A call to place.
#[derive(Debug, Clone)]
pub struct Dial {
    /// Where to. `Destination::Sip` only ever comes from the configuration.
    pub destination: Destination,
    /// Our offer.
    pub offer: String,
    /// Shown as display name in From.
    pub display_name: Option<String>,
}

/// A phone that is registered now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its account.
    pub phone: PhoneId,
    /// Where from (source address, not what it claims).
    pub address: SocketAddr,
    /// By UDP or TCP.
    pub transport: Transport,
    /// Until when, unless refreshed.
    pub expires: Timestamp,
    /// `User-Agent`, at most 80 characters.
    pub user_agent: String,
}

/// How a carrier's connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkState {
    /// Which.
    pub trunk: TrunkId,
    /// Registered, or reachable where it needs no registration.
    pub up: bool,
    /// In words: `registered until …`, `refused: 403`, `no answer from …`.
    pub status: String,
}

/// What the gate counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SipCounters {
    /// Datagrams and streams' messages read.
    pub received: u64,
    /// Dropped: not SIP, broken framing, too large.
    pub garbage: u64,
    /// Answered with an error by the gate (400, 405, 501, 505 …).
    pub refused: u64,
    /// Dropped or refused because the source is nobody we know.
    pub strangers: u64,
    /// Dropped because the source sent too much.
    pub flooded: u64,
    /// Panics caught while handling a message.
    pub panics: u64,
}

/// Why signalling did not start.
#[derive(Debug, thiserror::Error)]
pub enum SipError {
    /// The port is taken, or the address is not ours.
    #[error(
        "can't listen for SIP on {address}: {source}; is another SIP server running? Set HOTLINE_SIP_ADDR to another port"
    )]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The settings can't be used.
    #[error("{0}")]
    Settings(String),
}

/// Signalling as a whole. Clones share it; when the last one is dropped, everything stops.
#[derive(Clone)]
pub struct Sip {
    inner: Arc<Inner>,
    _guard: Arc<DropGuard>,
}

impl std::fmt::Debug for Sip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sip").field("local", &self.local()).finish_non_exhaustive()
    }
}

impl Sip {
    /// Binds the sockets, starts the gate, registrar and trunk registrations.
    /// INVITEs that may come in go to `incoming`; when it is full they get 503 with Retry-After.
    pub async fn start(settings: SipSettings, incoming: mpsc::Sender<IncomingCall>) -> Result<Self, SipError> {
        let inner = engine::start(settings, incoming).await?;
        let guard = Arc::new(inner.stop.clone().drop_guard());
        Ok(Self { inner, _guard: guard })
    }

    /// Where we really listen (the port that was free).
    pub fn local(&self) -> SocketAddr {
        self.inner.sockets.local
    }

    /// Places a call. Never fails by itself: what can't be reached ends with
    /// `Ended(LegCause::Unreachable { reason })` at once, the reason with its remedy.
    pub fn dial(&self, dial: Dial) -> Leg {
        let offer = dial.offer.clone();
        uac::call(&self.inner, Whom::Dial(dial), offer)
    }

    /// The local address that packets towards this destination would leave from, for the SDP's `c=`.
    /// A host name that was never looked up counts as the world outside.
    pub fn media_address(&self, destination: &Destination) -> IpAddr {
        let remote = match destination {
            Destination::Phone(id) => self.inner.registrar.binding(id).map(|binding| binding.flow.remote.ip()),
            Destination::Number { trunk, .. } => self.inner.trunks.any_address(trunk).map(|address| address.ip()),
            Destination::Sip(uri) => self.uri_ip(uri),
        };
        let own = self.local().ip();
        // Nothing is sent there: only the routing table is asked (RFC 5737 address).
        let outside =
            if own.is_ipv6() { Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into() } else { [192, 0, 2, 1].into() };
        self.inner.local_ip(remote.unwrap_or(outside))
    }

    /// The local address for the SDP of a call that came from or goes to this address.
    pub fn media_address_towards(&self, remote: IpAddr) -> IpAddr {
        self.inner.local_ip(remote)
    }

    fn uri_ip(&self, uri: &str) -> Option<IpAddr> {
        let uri = wire::target(uri)?;
        if uri.host_with_port.host.to_string() == "localhost" {
            return Some(if self.local().is_ipv6() { Ipv6Addr::LOCALHOST.into() } else { [127, 0, 0, 1].into() });
        }
        wire::literal_address(&uri).map(|address| address.ip())
    }

    /// Phones registered now.
    pub fn registered(&self) -> Vec<Registered> {
        self.inner.registrar.list()
    }

    /// The carriers' state.
    pub fn trunks(&self) -> Vec<TrunkState> {
        self.inner.trunks.list()
    }

    /// What the gate counted.
    pub fn counters(&self) -> SipCounters {
        self.inner.counters.read()
    }

    /// Dialogs alive now, of both directions.
    pub fn dialogs(&self) -> usize {
        self.inner.dialogs.len()
    }

    /// New phones, trunks and rights (SIGHUP). Sockets, dialogs and live registrations stay.
    /// Settings that can't be used are refused in the log and change nothing.
    pub fn reload(&self, settings: SipSettings) {
        match settings::Live::new(settings) {
            Ok(live) => {
                self.inner.live.store(Arc::new(live));
                let live = self.inner.live.load_full();
                self.inner.registrar.keep(|id| live.settings.phones.contains_key(id));
                trunk::apply(&self.inner);
            }
            Err(error) => tracing::error!(%error, "the new SIP settings can't be used; the old ones stay"),
        }
    }

    /// No new calls from now on: INVITEs get 503 with Retry-After.
    pub fn drain(&self) {
        self.inner.draining.store(true, Ordering::Relaxed);
    }

    /// Unregisters from carriers, closes the sockets.
    pub async fn stop(&self) {
        self.drain();
        self.inner.trunks.leave().await;
        self.inner.stop.cancel();
    }

    /// Registers as a phone with somebody else's registrar (`hotline phone`), refreshed until dropped or stopped.
    /// Resolves with the first answer. Calls then come in by `incoming` from that server.
    pub async fn register_as_phone(
        &self,
        server: SocketAddr,
        transport: Transport,
        account: &str,
        password: Private<String>,
    ) -> Result<(), SipError> {
        register_client::as_phone(&self.inner, server, transport, account, password).await
    }

    /// Calls a SIP URI as a small phone would (`hotline call`), with `from_user` in From.
    pub fn dial_uri(&self, uri: &str, from_user: &str, offer: String) -> Leg {
        let whom = Whom::Uri { uri: uri.to_owned(), from_user: from_user.to_owned() };
        uac::call(&self.inner, whom, offer)
    }
}

/// Log targets of the stack: at INFO it writes whole messages, with numbers and secrets. The log's
/// set-up caps them at WARN.
pub const STACK_LOG_TARGETS: &[&str] = &["rsipstack"];
