//! Port pairs: RTP on an even port, RTCP on the next (RFC 3550 section 11).
//! A closed pair rests before it is used again, so that a late packet of the
//! old call never reaches the new one; and whose packets those would be is known.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rand::Rng;
use socket2::{Domain, Protocol, Socket, Type};

use super::MediaError;

/// How long a closed pair rests, as long as others are free.
pub(super) const DRAIN: Duration = Duration::from_secs(30);

/// DSCP "expedited forwarding" for voice (RFC 4594), as the TOS byte.
const TOS_VOICE: u32 = 0xb8;

/// The range and what is taken of it.
#[derive(Debug)]
pub(super) struct Ports {
    bind: IpAddr,
    range: (u16, u16),
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    taken: HashSet<u16>,
    resting: HashMap<u16, Rested>,
    /// Where the next search begins, counted in pairs.
    next: u16,
}

/// Somebody's stream: where it comes from and its SSRC.
pub(super) type Stream = (SocketAddr, u32);

/// A pair whose call has ended.
#[derive(Debug, Clone, Copy)]
struct Rested {
    closed: Instant,
    /// Whom the call heard there.
    heard: Option<Stream>,
}

/// A bound pair. The port rests when the lease is dropped; drop the sockets first.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    pub(super) local: SocketAddr,
    /// Whom the call before heard here: it may not have noticed its end.
    pub(super) late: Option<Stream>,
    pub(super) lease: Lease,
}

/// Keeps a port from being used again.
#[derive(Debug)]
pub(super) struct Lease {
    port: u16,
    ports: Arc<Ports>,
    heard: Option<Stream>,
}

impl Lease {
    /// Whom the call that ends now heard.
    pub(super) fn leave(&mut self, heard: Option<Stream>) {
        self.heard = heard;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.ports.state.lock();
        state.taken.remove(&self.port);
        let rested = Rested { closed: crate::clock::now().mono, heard: self.heard };
        state.resting.insert(self.port, rested);
    }
}

impl Ports {
    pub(super) fn new(bind: IpAddr, range: (u16, u16)) -> Arc<Self> {
        let mut ports =
            Self { bind, range, state: Mutex::new(State { taken: HashSet::new(), resting: HashMap::new(), next: 0 }) };
        // A random start: a restarted service does not hand out the ports of the calls it lost.
        let pairs = ports.pairs().max(1);
        ports.state.get_mut().next = rand::rng().random_range(0..pairs);
        Arc::new(ports)
    }

    fn first(&self) -> u16 {
        self.range.0.saturating_add(self.range.0 % 2)
    }

    /// Pairs in the range.
    fn pairs(&self) -> u16 {
        let span = u32::from(self.range.1) + 1;
        (span.saturating_sub(u32::from(self.first())) / 2) as u16
    }

    /// Binds a free pair: rested ones first, then the one that has rested longest.
    pub(super) fn open(self: &Arc<Self>, now: Instant) -> Result<Pair, MediaError> {
        let mut tired = Vec::new();
        for _ in 0..self.pairs() {
            let Some(port) = self.candidate(now, &mut tired) else { continue };
            if let Some(pair) = self.bind(port)? {
                return Ok(pair);
            }
        }
        tired.sort_by_key(|(_, closed)| *closed);
        for (port, _) in tired {
            if let Some(pair) = self.bind(port)? {
                return Ok(pair);
            }
        }
        Err(MediaError::NoPort(self.range.0, self.range.1))
    }

    /// The next port in turn if it is free; one that still rests goes to `tired`.
    fn candidate(&self, now: Instant, tired: &mut Vec<(u16, Instant)>) -> Option<u16> {
        let mut state = self.state.lock();
        let port = self.first() + state.next * 2;
        state.next = (state.next + 1) % self.pairs();
        if state.taken.contains(&port) {
            return None;
        }
        match state.resting.get(&port) {
            Some(rested) if now.saturating_duration_since(rested.closed) < DRAIN => {
                tired.push((port, rested.closed));
                None
            }
            Some(_) | None => Some(port),
        }
    }

    /// `None`: somebody else has the port, ours or not.
    fn bind(self: &Arc<Self>, port: u16) -> Result<Option<Pair>, MediaError> {
        if !self.state.lock().taken.insert(port) {
            return Ok(None);
        }
        let both = self.socket(port).and_then(|even| Ok((even, self.socket(port + 1)?)));
        match both {
            Ok((even, odd)) => {
                let late = self.state.lock().resting.remove(&port).and_then(|rested| rested.heard);
                let lease = Lease { port, ports: Arc::clone(self), heard: None };
                Ok(Some(Pair { rtp: even, rtcp: odd, local: SocketAddr::new(self.bind, port), late, lease }))
            }
            Err(error) => {
                self.state.lock().taken.remove(&port);
                let in_use = [std::io::ErrorKind::AddrInUse, std::io::ErrorKind::PermissionDenied];
                if in_use.contains(&error.kind()) { Ok(None) } else { Err(error.into()) }
            }
        }
    }

    fn socket(&self, port: u16) -> std::io::Result<UdpSocket> {
        let address = SocketAddr::new(self.bind, port);
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        // A network that refuses the mark still carries the call.
        let _marked = match self.bind {
            IpAddr::V4(_) => socket.set_tos_v4(TOS_VOICE),
            IpAddr::V6(_) => socket.set_tclass_v6(TOS_VOICE),
        };
        Ok(socket.into())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// A stretch of `pairs` free pairs, held for nobody: other tests may take one in between, so ask for it and use it.
    pub(in crate::rtp) fn free_range(pairs: u16) -> (u16, u16) {
        for _ in 0..200 {
            let first = rand::rng().random_range(10_000..30_000_u16) & !1;
            let last = first + pairs * 2 - 1;
            let all: Result<Vec<_>, _> = (first..=last).map(|p| std::net::UdpSocket::bind((HERE, p))).collect();
            if all.is_ok() {
                return (first, last);
            }
        }
        panic!("no stretch of {pairs} free port pairs");
    }

    #[test]
    fn rtp_is_even_rtcp_odd_and_all_differ() {
        let range = free_range(4);
        let ports = Ports::new(HERE, range);
        let now = crate::clock::now().mono;
        let open: Vec<Pair> = (0..4).map(|_| ports.open(now).unwrap()).collect();
        let mut numbers: Vec<u16> = open.iter().map(|pair| pair.local.port()).collect();
        assert!(open.iter().all(|p| p.rtcp.local_addr().unwrap().port() == p.local.port() + 1));
        numbers.sort_unstable();
        assert_eq!(numbers, [range.0, range.0 + 2, range.0 + 4, range.0 + 6]);
        assert!(matches!(ports.open(now), Err(MediaError::NoPort(..))));
    }

    #[test]
    fn a_closed_port_rests_until_the_others_are_used_up() {
        let range = free_range(3);
        let ports = Ports::new(HERE, range);
        let now = crate::clock::now().mono;
        let first = ports.open(now).unwrap();
        let number = first.local.port();
        let stream = ("192.0.2.1:4000".parse().unwrap(), 7);
        let mut first = first;
        first.lease.leave(Some(stream));
        drop(first);
        let others: Vec<Pair> = (0..2).map(|_| ports.open(now).unwrap()).collect();
        assert!(others.iter().all(|pair| pair.local.port() != number), "two free ones come first");
        let tired = ports.open(now).unwrap();
        assert_eq!(tired.local.port(), number, "better a tired port than no call");
        assert_eq!((tired.late, others[0].late), (Some(stream), None));
        drop(tired);
        drop(others);
        let rested = now + DRAIN + Duration::from_secs(5);
        assert!(ports.open(rested).is_ok());
    }

    #[test]
    fn a_port_that_somebody_else_has_is_passed_over() {
        let range = free_range(2);
        let _stranger = std::net::UdpSocket::bind((HERE, range.0 + 1)).unwrap();
        let ports = Ports::new(HERE, range);
        let now = crate::clock::now().mono;
        assert_eq!(ports.open(now).unwrap().local.port(), range.0 + 2);
    }

    #[test]
    fn an_odd_or_empty_range_is_no_panic() {
        let now = crate::clock::now().mono;
        assert!(Ports::new(HERE, (65_535, 65_535)).open(now).is_err());
        assert!(Ports::new(HERE, (20_001, 20_000)).open(now).is_err());
        assert_eq!(Ports::new(HERE, (16_385, 16_388)).pairs(), 1);
    }
}
