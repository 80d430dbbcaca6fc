//! Signalling: sockets of our own, the gate, dialogs, registrar, trunks.
//!
//! Carries SDP as text and understands none of it; knows nothing of media, flows
//! or alerts. `switch` talks to it through [`Sip`] and one [`Leg`] per dialog.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use hotline_core::directory::Destination;
use hotline_core::fact::LegCause;
use hotline_core::ids::{PhoneId, TrunkId};
use hotline_core::private::Private;
use jiff::Timestamp;
use tokio::sync::mpsc;

/// What signalling needs to know. Built by `app` from the configuration.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
pub struct PhoneAccount {
    /// Digest secret.
    pub password: Private<String>,
}

/// A carrier.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
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
    #[error("can't listen for SIP on {address}: {source}; is another SIP server running? Set HOTLINE_SIP_ADDR to another port")]
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

/// Signalling as a whole. Clones share it.
#[derive(Debug, Clone)]
pub struct Sip {}

impl Sip {
    /// Binds the sockets, starts the gate, registrar and trunk registrations.
    /// INVITEs that may come in go to `incoming`; when it is full they get 503 with Retry-After.
    pub async fn start(_settings: SipSettings, _incoming: mpsc::Sender<IncomingCall>) -> Result<Self, SipError> {
        todo!("sip helper")
    }

    /// Where we really listen (the port that was free).
    pub fn local(&self) -> SocketAddr {
        todo!("sip helper")
    }

    /// Places a call. Never fails by itself: what can't be reached ends with
    /// `Ended(LegCause::Unreachable { reason })` at once, the reason with its remedy.
    pub fn dial(&self, _dial: Dial) -> Leg {
        todo!("sip helper")
    }

    /// The local address that packets towards this destination would leave from, for the SDP's `c=`.
    pub fn media_address(&self, _destination: &Destination) -> std::net::IpAddr {
        todo!("sip helper")
    }

    /// Phones registered now.
    pub fn registered(&self) -> Vec<Registered> {
        todo!("sip helper")
    }

    /// The carriers' state.
    pub fn trunks(&self) -> Vec<TrunkState> {
        todo!("sip helper")
    }

    /// What the gate counted.
    pub fn counters(&self) -> SipCounters {
        todo!("sip helper")
    }

    /// New phones, trunks and rights (SIGHUP). Sockets, dialogs and live registrations stay.
    pub fn reload(&self, _settings: SipSettings) {
        todo!("sip helper")
    }

    /// No new calls from now on: INVITEs get 503 with Retry-After.
    pub fn drain(&self) {
        todo!("sip helper")
    }

    /// Unregisters from carriers, closes the sockets.
    pub async fn stop(&self) {
        todo!("sip helper")
    }

    /// Registers as a phone with somebody else's registrar (`hotline phone`), refreshed until dropped or stopped.
    /// Resolves with the first answer. Calls then come in by `incoming` from that server.
    pub async fn register_as_phone(
        &self,
        _server: SocketAddr,
        _transport: Transport,
        _account: &str,
        _password: Private<String>,
    ) -> Result<(), SipError> {
        todo!("sip helper")
    }

    /// Calls a SIP URI as a small phone would (`hotline call`), with `from_user` in From.
    pub fn dial_uri(&self, _uri: &str, _from_user: &str, _offer: String) -> Leg {
        todo!("sip helper")
    }
}
