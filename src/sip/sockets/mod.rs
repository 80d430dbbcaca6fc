//! Our sockets: one UDP socket and one TCP listener on the same port. The stack
//! never opens, reads or dials anything by itself.

pub(super) mod tcp;
pub(super) mod udp;

use std::net::SocketAddr;
use std::sync::Arc;

use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipAddr, SipConnection};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Transport;

/// A way to a peer, as a message takes it.
#[derive(Clone)]
pub(super) struct Flow {
    /// By what.
    pub transport: Transport,
    /// The other end.
    pub remote: SocketAddr,
    /// The stack's handle.
    pub connection: SipConnection,
    /// Cancelled when the connection is gone; never for UDP.
    pub closed: CancellationToken,
    raw: Raw,
}

#[derive(Clone)]
enum Raw {
    Udp(Arc<UdpSocket>),
    Tcp(mpsc::Sender<Vec<u8>>),
}

impl Flow {
    /// The stack's name for the transport.
    pub const fn kind(&self) -> rsipstack::sip::Transport {
        match self.transport {
            Transport::Udp => rsipstack::sip::Transport::Udp,
            Transport::Tcp => rsipstack::sip::Transport::Tcp,
        }
    }

    /// The other end as the stack writes it.
    pub fn address(&self) -> SipAddr {
        SipAddr { r#type: Some(self.kind()), addr: self.remote.into() }
    }

    /// Sends bytes past the stack. Lost if a TCP peer does not read.
    pub async fn send_raw(&self, bytes: Vec<u8>, to: SocketAddr) {
        match &self.raw {
            Raw::Udp(socket) => {
                if let Err(error) = socket.send_to(&bytes, to).await {
                    tracing::debug!(%error, "could not send");
                }
            }
            Raw::Tcp(queue) => {
                if queue.try_send(bytes).is_err() {
                    self.closed.cancel();
                }
            }
        }
    }
}

/// The bound sockets.
pub(super) struct Sockets {
    /// Where we listen.
    pub local: SocketAddr,
    pub(super) udp: Arc<UdpSocket>,
    connection: SipConnection,
    forever: CancellationToken,
    pub(super) streams: tcp::Streams,
}

impl Sockets {
    /// Binds UDP and TCP to one port. Port 0 takes one that is free for both.
    pub async fn bind(listen: SocketAddr, stop: &CancellationToken) -> std::io::Result<(Self, TcpListener)> {
        let mut tries = if listen.port() == 0 { 50 } else { 1 };
        let (udp, listener) = loop {
            let udp = udp::bind(listen)?;
            let local = udp.local_addr()?;
            match tcp::listen(local) {
                Ok(listener) => break (Arc::new(udp), listener),
                Err(error) => {
                    tries -= 1;
                    if tries == 0 {
                        return Err(error);
                    }
                }
            }
        };
        let local = udp.local_addr()?;
        let sender: Arc<dyn rsipstack::platform::net::UdpSocket> = Arc::new(udp::SendOnly(udp.clone()));
        let connection = UdpConnection::from_socket(sender, None, Some(stop.clone()))
            .await
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        let sockets = Self {
            local,
            udp,
            connection: SipConnection::Udp(connection),
            forever: CancellationToken::new(),
            streams: tcp::Streams::default(),
        };
        Ok((sockets, listener))
    }

    /// The flow to a UDP address.
    pub fn udp_flow(&self, remote: SocketAddr) -> Flow {
        Flow {
            transport: Transport::Udp,
            remote,
            connection: self.connection.clone(),
            closed: self.forever.clone(),
            raw: Raw::Udp(self.udp.clone()),
        }
    }
}
