//! One dialog's state (RFC 3261 section 12): identity, route set, remote target, `CSeq`;
//! and the table that finds the task of a dialog. No decisions about the call.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use rsipstack::sip::{Header, Headers, Method, Request, Response, Uri};
use rsipstack::transaction::Transaction;
use tokio::sync::mpsc;

use super::Transport;
use super::engine::Inner;
use super::sockets::Flow;
use super::wire::{self, Draft, NameAddr};

/// How much may wait for a dialog's task; more is refused with 503.
const INBOX: usize = 16;

/// What comes in for a dialog.
pub(super) enum Inbound {
    /// A request within it.
    Request(Box<Transaction>),
    /// A 2xx to its INVITE that no transaction waits for: retransmitted, forked or too late.
    Stray(Box<Response>),
}

/// Why a request did not reach its dialog.
pub(super) enum Undelivered {
    /// There is no such dialog.
    Unknown(Box<Transaction>),
    /// Its task does not keep up.
    Full(Box<Transaction>),
}

type Key = (String, String);
type Entries = Arc<Mutex<HashMap<Key, mpsc::Sender<Inbound>>>>;

/// All dialogs by Call-ID and our tag.
#[derive(Default)]
pub(super) struct Table(Entries);

/// A dialog's place in the table; left when dropped.
pub(super) struct Seat {
    entries: Entries,
    key: Key,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.entries.lock().remove(&self.key);
    }
}

impl Table {
    /// Takes a place. The other half receives.
    pub fn enter(&self, call_id: &str, local_tag: &str) -> (Seat, mpsc::Receiver<Inbound>) {
        let (sender, receiver) = mpsc::channel(INBOX);
        let key = (call_id.to_owned(), local_tag.to_owned());
        self.0.lock().insert(key.clone(), sender);
        (Seat { entries: self.0.clone(), key }, receiver)
    }

    /// Hands a request to its dialog.
    pub fn deliver(&self, call_id: &str, local_tag: &str, inbound: Inbound) -> Result<(), Undelivered> {
        let key = (call_id.to_owned(), local_tag.to_owned());
        let sender = self.0.lock().get(&key).cloned();
        let (back, full) = match sender {
            None => (inbound, false),
            Some(sender) => match sender.try_send(inbound) {
                Ok(()) => return Ok(()),
                Err(mpsc::error::TrySendError::Full(back)) => (back, true),
                Err(mpsc::error::TrySendError::Closed(back)) => (back, false),
            },
        };
        match back {
            Inbound::Request(transaction) if full => Err(Undelivered::Full(transaction)),
            Inbound::Request(transaction) => Err(Undelivered::Unknown(transaction)),
            // Comes again by itself.
            Inbound::Stray(_) => Ok(()),
        }
    }

    /// Hands over a 2xx that no transaction waits for; its dialog is found by our From tag.
    pub fn stray(&self, response: Response) {
        let call_id = wire::value(&response.headers, "Call-ID").unwrap_or("").to_owned();
        let tag = wire::value(&response.headers, "From").and_then(wire::tag_of).unwrap_or_default();
        let _ = self.deliver(&call_id, &tag, Inbound::Stray(Box::new(response)));
    }

    /// How many dialogs there are.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }
}

/// A dialog as one side sees it.
#[derive(Clone)]
pub(super) struct Dialog {
    call_id: String,
    /// Our From, with tag.
    local: String,
    /// Our tag.
    pub local_tag: String,
    /// Their To, with tag.
    remote: String,
    /// Their tag.
    pub remote_tag: String,
    local_seq: u32,
    remote_seq: u32,
    target: Option<Uri>,
    routes: Vec<String>,
    flow: Flow,
    /// Requests always go where the peer's came from (registered phones).
    pinned: bool,
    contact_user: String,
}

impl Dialog {
    /// The dialog that answering `invite` makes (RFC 3261 section 12.1.1).
    pub fn of_server(invite: &Request, local_tag: &str, flow: Flow, pinned: bool) -> Self {
        let text = |name: &str| wire::value(&invite.headers, name).unwrap_or("").to_owned();
        let (from, to) = (text("From"), text("To"));
        Self {
            call_id: text("Call-ID"),
            local: format!("{to};tag={local_tag}"),
            local_tag: local_tag.to_owned(),
            remote_tag: wire::tag_of(&from).unwrap_or_default(),
            remote: from,
            local_seq: 0,
            remote_seq: wire::seq_of(&invite.headers).unwrap_or(0),
            target: contact_of(&invite.headers),
            routes: wire::record_routes(&invite.headers),
            flow,
            pinned,
            contact_user: wire::user_of(&wire::request_uri(invite)).unwrap_or_else(|| "hotline".to_owned()),
        }
    }

    /// The dialog that a 2xx to our INVITE makes (RFC 3261 section 12.1.2).
    pub fn of_client(invite: &Request, answer: &Response, flow: Flow, pinned: bool, contact_user: &str) -> Self {
        let text = |headers: &Headers, name: &str| wire::value(headers, name).unwrap_or("").to_owned();
        let local = text(&invite.headers, "From");
        let remote = text(&answer.headers, "To");
        let mut routes = wire::record_routes(&answer.headers);
        routes.reverse();
        Self {
            call_id: text(&invite.headers, "Call-ID"),
            local_tag: wire::tag_of(&local).unwrap_or_default(),
            local,
            remote_tag: wire::tag_of(&remote).unwrap_or_default(),
            remote,
            local_seq: wire::seq_of(&invite.headers).unwrap_or(1),
            remote_seq: 0,
            target: contact_of(&answer.headers).or_else(|| Some(invite.uri.clone())),
            routes,
            flow,
            pinned,
            contact_user: contact_user.to_owned(),
        }
    }

    /// Our Contact within this dialog.
    pub fn contact(&self, inner: &Inner) -> Header {
        Header::Contact(rsipstack::sip::headers::untyped::Contact::new(inner.contact(&self.contact_user, &self.flow)))
    }

    /// Whether a request of the peer is in order (RFC 3261 section 12.2.2): a lower `CSeq` is not.
    pub fn accepts(&mut self, request: &Request) -> bool {
        let seq = wire::seq_of(&request.headers).unwrap_or(0);
        if seq < self.remote_seq {
            return false;
        }
        self.remote_seq = seq;
        true
    }

    /// A re-INVITE or UPDATE may move the peer (target refresh).
    pub fn refresh(&mut self, request: &Request) {
        if let Some(target) = contact_of(&request.headers) {
            self.target = Some(target);
        }
    }

    /// The next request of ours, and the way it goes.
    pub async fn request(&mut self, inner: &Arc<Inner>, method: Method) -> Option<(Request, Flow)> {
        self.local_seq += 1;
        self.build(inner, method, self.local_seq, Vec::new()).await
    }

    /// The ACK to a 2xx (RFC 3261 section 13.2.2.4), with the INVITE's credentials.
    pub async fn ack(&self, inner: &Arc<Inner>, invite: &Request) -> Option<(Request, Flow)> {
        let seq = wire::seq_of(&invite.headers)?;
        let credentials = invite
            .headers
            .iter()
            .filter(|header| matches!(header, Header::Authorization(_) | Header::ProxyAuthorization(_)));
        self.build(inner, Method::Ack, seq, credentials.cloned().collect()).await
    }

    async fn build(&self, inner: &Arc<Inner>, method: Method, seq: u32, extra: Vec<Header>) -> Option<(Request, Flow)> {
        let flow = self.way(inner).await?;
        let sent_by = inner.sent_by(flow.remote.ip());
        let (uri, routes) = routed(self.target.clone()?, &self.routes);
        let request = wire::request(Draft {
            method,
            uri,
            via: wire::via(flow.transport, &sent_by),
            from: &self.local,
            to: &self.remote,
            call_id: &self.call_id,
            seq,
            routes: &routes,
            extra,
            body: None,
        });
        Some((request, flow))
    }

    /// Where the next request goes: the first route, else the remote target; the source of the
    /// peer's own messages where those can't be reached (names, private addresses behind NAT).
    async fn way(&self, inner: &Arc<Inner>) -> Option<Flow> {
        let current = self.flow.clone();
        if current.transport == Transport::Tcp && !current.closed.is_cancelled() {
            return Some(current);
        }
        if self.pinned && current.transport == Transport::Udp {
            return Some(current);
        }
        let route = self.routes.first().and_then(|route| wire::target(NameAddr::parse(route)?.uri));
        let next = route.as_ref().or(self.target.as_ref());
        let address = next.and_then(wire::literal_address).filter(|address| reachable(*address, current.remote));
        let transport = next.and_then(wire::transport_of).unwrap_or(current.transport);
        let transport = if address.is_some() { transport } else { current.transport };
        inner.flow(transport, address.unwrap_or(current.remote)).await.ok()
    }
}

/// Request line and Route headers; a first hop without `lr` is a strict router, which wants its own
/// address in the request line and the target last (RFC 3261 section 12.2.1.1).
fn routed(target: Uri, routes: &[String]) -> (Uri, Vec<String>) {
    let first = routes.first().and_then(|route| wire::target(NameAddr::parse(route)?.uri));
    match first {
        Some(strict) if !wire::is_loose(&strict) => {
            let mut rest = routes[1..].to_vec();
            rest.push(format!("<{target}>"));
            (strict, rest)
        }
        Some(_) | None => (target, routes.to_vec()),
    }
}

/// A private address named by somebody who writes from a public one is of no use.
fn reachable(named: SocketAddr, seen: SocketAddr) -> bool {
    let private = |ip: IpAddr| match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || (ip.segments()[0] & 0xfe00) == 0xfc00,
    };
    named.port() != 0
        && !named.ip().is_unspecified()
        && named.is_ipv4() == seen.is_ipv4()
        && (private(seen.ip()) || !private(named.ip()))
}

/// The URI in a message's first Contact.
pub(super) fn contact_of(headers: &Headers) -> Option<Uri> {
    let line = wire::value(headers, "Contact")?;
    let first = wire::split_outside(line, ',').into_iter().next()?;
    wire::target(NameAddr::parse(first)?.uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_contacts_behind_nat_are_not_used() {
        let address = |text: &str| text.parse::<SocketAddr>().expect("address");
        assert!(!reachable(address("192.168.1.4:5060"), address("203.0.113.9:40000")));
        assert!(reachable(address("192.168.1.4:5060"), address("192.168.1.4:40000")));
        assert!(reachable(address("198.51.100.1:5060"), address("203.0.113.9:5060")));
        assert!(reachable(address("198.51.100.1:5060"), address("10.0.0.1:5060")));
        assert!(!reachable(address("0.0.0.0:5060"), address("10.0.0.1:5060")));
    }

    #[test]
    fn strict_routers_get_their_way() {
        let target = wire::target("sip:jo@192.0.2.9").expect("parses");
        let loose = ["<sip:192.0.2.1;lr=on>".to_owned(), "<sip:192.0.2.2;lr>".to_owned()];
        assert_eq!(routed(target.clone(), &loose), (target.clone(), loose.to_vec()));
        let strict = ["<sip:192.0.2.1>".to_owned(), "<sip:192.0.2.2;lr>".to_owned()];
        let (uri, routes) = routed(target, &strict);
        assert_eq!(uri.to_string(), "sip:192.0.2.1");
        assert_eq!(routes, ["<sip:192.0.2.2;lr>", "<sip:jo@192.0.2.9>"]);
    }

    #[test]
    fn a_left_seat_is_free() {
        let table = Table::default();
        let (seat, _inbox) = table.enter("c", "t");
        assert_eq!(table.len(), 1);
        drop(seat);
        assert_eq!(table.len(), 0);
    }
}
