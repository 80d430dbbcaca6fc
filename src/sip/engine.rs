//! What all parts of signalling share: sockets, stack, tables, counters. Decides nothing.

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::FutureExt;
use rsipstack::resolver::SipResolver;
use rsipstack::sip::{Domain, Port, Request, SipMessage};
use rsipstack::transaction::endpoint::{EndpointInnerRef, EndpointOption};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::{EndpointBuilder, Transaction};
use rsipstack::transport::{SipAddr, TransportLayer};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::budget::Budget;
use super::dialog::Table;
use super::registrar::Registrar;
use super::settings::{Live, split_host};
use super::sockets::{Flow, Sockets};
use super::trunk::Board;
use super::{IncomingCall, SipCounters, SipError, SipSettings, Transport, wire};

/// More running transactions than this, and new requests are refused.
const RUNNING_MAX: usize = 20_000;
/// Finished ones are remembered for 32 s against retransmissions.
const FINISHED_MAX: usize = 200_000;
const RESOLVE_MAX: Duration = Duration::from_secs(5);

/// The state behind [`super::Sip`].
pub(super) struct Inner {
    pub live: ArcSwap<Live>,
    pub stack: EndpointInnerRef,
    pub sockets: Sockets,
    pub dialogs: Table,
    pub registrar: Registrar,
    pub trunks: Board,
    /// Servers that we registered with as a phone: calls from there are welcome.
    pub homes: parking_lot::Mutex<Vec<super::register_client::Home>>,
    pub counters: Counters,
    pub budget: Budget,
    pub incoming: mpsc::Sender<IncomingCall>,
    pub draining: AtomicBool,
    /// Ends every task of this instance.
    pub stop: CancellationToken,
    /// Keys tags and nonces that must be known again without being stored.
    pub secret: [u8; 32],
    resolver: SipResolver,
}

/// Counted since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub received: AtomicU64,
    pub garbage: AtomicU64,
    pub refused: AtomicU64,
    pub strangers: AtomicU64,
    pub flooded: AtomicU64,
    pub panics: AtomicU64,
}

impl Counters {
    /// One more.
    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// All of them now.
    pub fn read(&self) -> SipCounters {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SipCounters {
            received: get(&self.received),
            garbage: get(&self.garbage),
            refused: get(&self.refused),
            strangers: get(&self.strangers),
            flooded: get(&self.flooded),
            panics: get(&self.panics),
        }
    }
}

/// Binds the sockets and starts the tasks that serve them.
pub(super) async fn start(settings: SipSettings, incoming: mpsc::Sender<IncomingCall>) -> Result<Arc<Inner>, SipError> {
    let listen = settings.listen;
    let live = Live::new(settings)?;
    let stop = CancellationToken::new();
    let (sockets, listener) =
        Sockets::bind(listen, &stop).await.map_err(|source| SipError::Listen { address: listen, source })?;
    let endpoint = EndpointBuilder::new()
        .with_user_agent(wire::PRODUCT)
        .with_transport_layer(TransportLayer::new(stop.clone()))
        .with_cancel_token(stop.clone())
        // We acknowledge 2xx ourselves: forks and retransmissions of it come to our dialogs.
        .with_option(EndpointOption { auto_ack_2xx: false, ..EndpointOption::default() })
        .build();
    let requests = endpoint.incoming_transactions().map_err(|error| SipError::Settings(error.to_string()))?;
    let now = crate::clock::now();
    let inner = Arc::new(Inner {
        live: ArcSwap::from_pointee(live),
        stack: endpoint.inner.clone(),
        sockets,
        dialogs: Table::default(),
        registrar: Registrar::default(),
        trunks: Board::default(),
        homes: parking_lot::Mutex::new(Vec::new()),
        counters: Counters::default(),
        budget: Budget::new(now.mono),
        incoming,
        draining: AtomicBool::new(false),
        stop,
        secret: rand::random(),
        resolver: SipResolver::default(),
    });
    tokio::spawn(async move { endpoint.serve().await });
    tokio::spawn(super::incoming::serve(inner.clone(), requests));
    tokio::spawn(super::sockets::udp::serve(inner.clone()));
    tokio::spawn(super::sockets::tcp::serve(inner.clone(), listener));
    tokio::spawn(super::registrar::sweep(inner.clone()));
    super::trunk::apply(&inner);
    Ok(inner)
}

impl Inner {
    /// Runs a task whose panic is counted and ends nothing else; `lost` says what then is to be done.
    pub fn spawn<F>(self: &Arc<Self>, task: F, lost: impl FnOnce() + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let inner = self.clone();
        tokio::spawn(async move {
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                Counters::count(&inner.counters.panics);
                lost();
            }
        });
    }

    /// Whether new requests must wait.
    pub fn is_overloaded(&self, source: IpAddr) -> bool {
        let stats = self.stack.get_stats();
        is_full(stats.running_transactions, stats.finished_transactions, self.knows(source))
    }

    /// A carrier of ours or a registered phone has this address.
    pub fn knows(&self, ip: IpAddr) -> bool {
        self.live.load().trunks_at(ip).next().is_some() || self.trunks.holds(ip) || self.registrar.knows(ip)
    }

    /// The flow to an address: UDP at once, TCP by the open connection or a new one.
    pub async fn flow(self: &Arc<Self>, transport: Transport, remote: SocketAddr) -> std::io::Result<Flow> {
        match transport {
            Transport::Udp => Ok(self.sockets.udp_flow(remote)),
            Transport::Tcp => super::sockets::tcp::connect(self, remote).await,
        }
    }

    /// Our host and port as `remote` should write them.
    pub fn sent_by(&self, remote: IpAddr) -> String {
        let port = self.sockets.local.port();
        let live = self.live.load();
        match &live.settings.public_host {
            Some(host) if !remote.is_loopback() => match host.parse::<IpAddr>() {
                Ok(ip) => format!("{}:{port}", wire::host_text(ip)),
                Err(_) => format!("{host}:{port}"),
            },
            Some(_) | None => format!("{}:{port}", wire::host_text(self.local_ip(remote))),
        }
    }

    /// The local address that packets to `remote` leave from.
    pub fn local_ip(&self, remote: IpAddr) -> IpAddr {
        let own = self.sockets.local.ip();
        if !own.is_unspecified() {
            return own;
        }
        // Connecting a datagram socket sends nothing; it asks the routing table.
        let any: SocketAddr = if remote.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 8], 0).into() };
        let found = std::net::UdpSocket::bind(any)
            .and_then(|socket| socket.connect((remote, 9)).and_then(|()| socket.local_addr()))
            .map(|address| address.ip());
        found.unwrap_or(if remote.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() })
    }

    /// Our Contact towards `flow`.
    pub fn contact(&self, user: &str, flow: &Flow) -> String {
        let host = self.sent_by(flow.remote.ip());
        format!("<sip:{}@{host}{}>", wire::escape_user(user), wire::transport_param(flow.transport))
    }

    /// A client transaction over `flow`. `None` if the request can't be keyed, which a request of ours always can.
    pub fn client(&self, request: Request, flow: &Flow) -> Option<Transaction> {
        let key = TransactionKey::from_request(&request, TransactionRole::Client).ok()?;
        let mut transaction = Transaction::new_client(key, request, self.stack.clone(), Some(flow.connection.clone()));
        transaction.destination = Some(flow.address());
        Some(transaction)
    }

    /// Sends a message outside any transaction (ACK to a 2xx, stateless answers).
    pub async fn send(&self, message: SipMessage, flow: &Flow, to: SocketAddr) {
        let address = SipAddr { r#type: Some(flow.kind()), addr: to.into() };
        if let Err(error) = flow.connection.send(message, Some(&address)).await {
            tracing::debug!(%error, "could not send");
        }
    }

    /// The addresses behind a host; SRV where no port is given (RFC 3263).
    pub async fn resolve(
        &self,
        host: &str,
        port: Option<u16>,
        transport: Transport,
    ) -> Result<Vec<SocketAddr>, String> {
        if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port.unwrap_or(5060))]);
        }
        let kind = match transport {
            Transport::Udp => rsipstack::sip::Transport::Udp,
            Transport::Tcp => rsipstack::sip::Transport::Tcp,
        };
        let domain = Domain::from(host);
        let looked_up = self.resolver.lookup(&domain, port.map(Port), Some(kind), false);
        let found = tokio::time::timeout(RESOLVE_MAX, looked_up).await;
        let addresses: Vec<SocketAddr> = if let Ok(Ok(targets)) = found {
            targets.into_iter().map(|target| target.addr).collect()
        } else {
            let system = tokio::net::lookup_host((host, port.unwrap_or(5060)));
            match tokio::time::timeout(RESOLVE_MAX, system).await {
                Ok(Ok(found)) => found.collect(),
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => return Err("the name server does not answer".to_owned()),
            }
        };
        let ours = |address: &SocketAddr| self.sockets.local.is_ipv6() || address.is_ipv4();
        let usable: Vec<_> = addresses.into_iter().filter(ours).collect();
        if usable.is_empty() { Err("no address found".to_owned()) } else { Ok(usable) }
    }

    /// As [`Self::resolve`], from `host` or `host:port`.
    pub async fn resolve_server(&self, server: &str, transport: Transport) -> Result<Vec<SocketAddr>, String> {
        let (host, port) = split_host(server).ok_or_else(|| "is no host name".to_owned())?;
        self.resolve(&host, port, transport).await
    }
}

/// What a flood of strangers may fill leaves room for carriers and phones.
const fn is_full(running: usize, finished: usize, known: bool) -> bool {
    let part = if known { 1 } else { 2 };
    running > RUNNING_MAX / part || finished > FINISHED_MAX / part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_strangers_leaves_room_for_carriers_and_phones() {
        for (running, finished) in [(RUNNING_MAX / 2 + 1, 0), (0, FINISHED_MAX / 2 + 1)] {
            assert!(is_full(running, finished, false));
            assert!(!is_full(running, finished, true));
        }
        assert!(is_full(RUNNING_MAX + 1, 0, true));
        assert!(!is_full(0, 0, false));
    }
}
