//! TCP: accepts and dials, one reading and one writing task per connection, bounded
//! queues between them and the stack. A connection whose peer does not read, sends
//! nonsense or stays silent is closed.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rsipstack::transport::channel::ChannelConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Flow, Raw};
use crate::sip::Transport;
use crate::sip::engine::{Counters, Inner};
use crate::sip::gate::{self, Framed};

const CONNECTIONS_MAX: usize = 2_000;
const CONNECTIONS_PER_SOURCE: usize = 100;
const QUEUE: usize = 64;
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// A message begun must be whole by then.
const MESSAGE_MAX: Duration = Duration::from_secs(30);
/// Longer than the longest registration we grant.
const IDLE_MAX: Duration = Duration::from_secs(3700);
const WRITE_MAX: Duration = Duration::from_secs(10);

/// Open connections by their remote end.
#[derive(Default)]
pub(in crate::sip) struct Streams(Mutex<HashMap<SocketAddr, Flow>>);

impl Streams {
    /// The open connection to `remote`.
    pub fn find(&self, remote: SocketAddr) -> Option<Flow> {
        self.0.lock().get(&remote).filter(|flow| !flow.closed.is_cancelled()).cloned()
    }

    fn has_room(&self, ip: IpAddr) -> bool {
        let streams = self.0.lock();
        streams.len() < CONNECTIONS_MAX
            && streams.keys().filter(|remote| network(remote.ip()) == network(ip)).count() < CONNECTIONS_PER_SOURCE
    }
}

/// Whoever holds a whole IPv6 network is one source, not 2^64.
fn network(ip: IpAddr) -> u128 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits() & !u128::from(u64::MAX),
    }
}

/// How long the next bytes may take. A message begun has one deadline, however many pieces it comes in.
fn patience(begun: &mut Option<Instant>, buffer: &[u8], now: Instant) -> Duration {
    if buffer.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
        *begun = None;
        return IDLE_MAX;
    }
    let since = *begun.get_or_insert(now);
    MESSAGE_MAX.saturating_sub(now.saturating_duration_since(since))
}

/// Listens on the port that UDP has.
pub(super) fn listen(local: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(local), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.bind(&local.into())?;
    socket.listen(256)?;
    TcpListener::from_std(socket.into())
}

/// Accepts until signalling stops.
pub(in crate::sip) async fn serve(inner: Arc<Inner>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            () = inner.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) if inner.sockets.streams.has_room(remote.ip()) => {
                if let Err(error) = open(&inner, stream, remote).await {
                    tracing::debug!(%error, "TCP accept");
                }
            }
            Ok(_) => Counters::count(&inner.counters.flooded),
            Err(error) => {
                // Out of file descriptors, mostly: trying at once would only spin.
                tracing::warn!(%error, "TCP accept");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// The open connection to `remote`, or a new one.
pub(in crate::sip) async fn connect(inner: &Arc<Inner>, remote: SocketAddr) -> std::io::Result<Flow> {
    if let Some(flow) = inner.sockets.streams.find(remote) {
        return Ok(flow);
    }
    let stream = tokio::time::timeout(CONNECT_MAX, TcpStream::connect(remote))
        .await
        .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
    open(inner, stream, remote).await
}

async fn open(inner: &Arc<Inner>, stream: TcpStream, remote: SocketAddr) -> std::io::Result<Flow> {
    stream.set_nodelay(true)?;
    let closed = inner.stop.child_token();
    // The stack would read from this end; nothing is ever put in.
    let (_, unused) = mpsc::unbounded_channel();
    let (messages, outgoing) = mpsc::channel(QUEUE);
    let (raw, bytes) = mpsc::channel(QUEUE);
    let address = SipAddr { r#type: Some(rsipstack::sip::Transport::Tcp), addr: remote.into() };
    let channel = ChannelConnection::create_connection_bounded(unused, messages, address, Some(closed.clone()))
        .await
        .map_err(|error| std::io::Error::other(error.to_string()))?;
    let flow = Flow {
        transport: Transport::Tcp,
        remote,
        connection: SipConnection::Channel(channel),
        closed: closed.clone(),
        raw: Raw::Tcp(raw),
    };
    inner.sockets.streams.0.lock().insert(remote, flow.clone());
    let (reader, writer) = stream.into_split();
    tokio::spawn(write(writer, outgoing, bytes, closed.clone()));
    let (inner, own) = (inner.clone(), flow.clone());
    tokio::spawn(async move {
        read(&inner, reader, &own).await;
        own.closed.cancel();
        let mut streams = inner.sockets.streams.0.lock();
        if streams.get(&remote).is_some_and(|flow| flow.closed.is_cancelled()) {
            streams.remove(&remote);
        }
    });
    Ok(flow)
}

async fn read(inner: &Arc<Inner>, mut reader: tokio::net::tcp::OwnedReadHalf, flow: &Flow) {
    let mut buffer = Vec::with_capacity(4096);
    let mut begun = None;
    loop {
        match gate::frame(&buffer) {
            Framed::Need => {}
            Framed::KeepAlive { len, pong } => {
                buffer.drain(..len);
                if pong {
                    flow.send_raw(b"\r\n".to_vec(), flow.remote).await;
                }
                continue;
            }
            Framed::Message(length) => {
                let message: Vec<u8> = buffer.drain(..length).collect();
                begun = None;
                crate::sip::receive::message(inner, &message, flow).await;
                continue;
            }
            Framed::Broken(why) => {
                tracing::debug!(why, "TCP stream closed");
                Counters::count(&inner.counters.received);
                Counters::count(&inner.counters.garbage);
                return;
            }
        }
        let limit = patience(&mut begun, &buffer, crate::clock::now().mono);
        if limit.is_zero() {
            return;
        }
        let got = tokio::select! {
            () = flow.closed.cancelled() => return,
            got = tokio::time::timeout(limit, reader.read_buf(&mut buffer)) => got,
        };
        match got {
            Ok(Ok(length)) if length > 0 => {}
            Ok(Ok(_) | Err(_)) | Err(_) => return,
        }
    }
}

async fn write(
    mut writer: tokio::net::tcp::OwnedWriteHalf,
    mut outgoing: mpsc::Receiver<TransportEvent>,
    mut raw: mpsc::Receiver<Vec<u8>>,
    closed: CancellationToken,
) {
    loop {
        let bytes = tokio::select! {
            () = closed.cancelled() => break,
            Some(event) = outgoing.recv() => match event {
                TransportEvent::Incoming(message, ..) => message.to_bytes(),
                TransportEvent::New(_) | TransportEvent::Closed(_) => continue,
            },
            Some(bytes) = raw.recv() => bytes,
            else => break,
        };
        match tokio::time::timeout(WRITE_MAX, writer.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => break,
        }
    }
    closed.cancel();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_in_pieces_has_one_deadline() {
        let start = crate::clock::now().mono;
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut begun = None;
        assert_eq!(patience(&mut begun, b"\r\n", at(0)), IDLE_MAX);
        assert_eq!(patience(&mut begun, b"O", at(100)), MESSAGE_MAX);
        assert_eq!(patience(&mut begun, b"OP", at(120)), MESSAGE_MAX.saturating_sub(Duration::from_secs(20)));
        assert_eq!(patience(&mut begun, b"OPT", at(140)), Duration::ZERO);
        begun = None;
        assert_eq!(patience(&mut begun, b"OPT", at(140)), MESSAGE_MAX, "the next message");
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let network = |text: &str| network(text.parse().expect("address"));
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:2:3:4"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
