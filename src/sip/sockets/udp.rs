//! The UDP socket: reads whole datagrams and hands them to the gate.

use std::net::SocketAddr;
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use crate::sip::engine::Inner;

/// The largest datagram there is.
const DATAGRAM_MAX: usize = 65_535;
/// A burst of INVITEs waits in the kernel, not in a queue of ours.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// The stack's view of our socket: it may send; what arrives it gets from us.
pub(super) struct SendOnly(pub Arc<UdpSocket>);

#[async_trait::async_trait]
impl rsipstack::platform::net::UdpSocket for SendOnly {
    async fn recv_from(&self, _buffer: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        std::future::pending().await
    }

    async fn send_to(&self, buffer: &[u8], address: SocketAddr) -> rsipstack::Result<usize> {
        Ok(self.0.send_to(buffer, address).await?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.0.local_addr()?)
    }
}

/// Binds the socket.
pub(super) fn bind(listen: SocketAddr) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // The system may grant less; that is no reason not to start.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&listen.into())?;
    UdpSocket::from_std(socket.into())
}

/// Reads until signalling stops.
pub(in crate::sip) async fn serve(inner: Arc<Inner>) {
    let mut buffer = vec![0; DATAGRAM_MAX];
    loop {
        let received = tokio::select! {
            () = inner.stop.cancelled() => return,
            received = inner.sockets.udp.recv_from(&mut buffer) => received,
        };
        match received {
            Ok((length, source)) => {
                let flow = inner.sockets.udp_flow(source);
                crate::sip::receive::message(&inner, &buffer[..length], &flow).await;
            }
            // An earlier datagram could not be delivered (ICMP); nothing is wrong with the socket.
            Err(error) => tracing::debug!(%error, "UDP receive"),
        }
    }
}
