//! What a lane sleeps on: an epoll set of its legs' sockets and the bell that others ring.
//!
//! The sockets are level-triggered: one packet is read for each report, and what is left is reported again. Reading
//! until the socket is empty, as an edge-triggered set needs, costs a system call a packet that finds nothing.

use std::mem::MaybeUninit;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};

use super::wheel::LegKey;

/// Reports taken at once.
const REPORTS: usize = 256;
/// Tokens of the bell and of the clock; legs' keys begin at 1.
const BELL: u64 = 0;
const CLOCK: u64 = 1;

/// Wakes a lane.
#[derive(Debug, Clone)]
pub(super) struct Bell(Arc<OwnedFd>);

impl Bell {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// Wakes the lane now, or at once when it falls asleep.
    pub(super) fn ring(&self) -> std::io::Result<()> {
        rustix::io::write(&*self.0, &1_u64.to_ne_bytes())?;
        Ok(())
    }
}

/// What is waiting on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ready {
    Rtp(LegKey),
    Rtcp(LegKey),
}

/// The set.
#[derive(Debug)]
pub(super) struct Watch {
    set: OwnedFd,
    /// Ends a sleep in time. The timeout of `epoll_wait` counts whole milliseconds on older kernels.
    clock: OwnedFd,
    /// When the clock will strike.
    strikes: Option<Instant>,
    /// Tokens of the last wait.
    reports: Vec<u64>,
}

impl Watch {
    pub(super) fn new(bell: &Bell) -> std::io::Result<Self> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        // Edge-triggered: each ring is reported once, and nobody needs to read the count.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&set, &*bell.0, epoll::EventData::new_u64(BELL), flags)?;
        let clock = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        epoll::add(&set, &clock, epoll::EventData::new_u64(CLOCK), flags)?;
        Ok(Self { set, clock, strikes: None, reports: Vec::with_capacity(REPORTS) })
    }

    /// Watches a leg's sockets. Closing them takes them out again.
    pub(super) fn add(&self, leg: LegKey, media: &UdpSocket, control: &UdpSocket) -> std::io::Result<()> {
        epoll::add(&self.set, media, epoll::EventData::new_u64(leg * 2), epoll::EventFlags::IN)?;
        epoll::add(&self.set, control, epoll::EventData::new_u64(leg * 2 + 1), epoll::EventFlags::IN)?;
        Ok(())
    }

    /// Watches a leg's sockets no longer; they stay open.
    pub(super) fn remove(&self, media: &UdpSocket, control: &UdpSocket) -> std::io::Result<()> {
        epoll::delete(&self.set, media)?;
        epoll::delete(&self.set, control)?;
        Ok(())
    }

    /// Sleeps until a packet comes, the bell rings or it is `until`; `None`: for ever.
    pub(super) fn wait(&mut self, now: Instant, until: Option<Instant>) -> std::io::Result<()> {
        let at_once = until.is_some_and(|until| until <= now);
        if let Some(until) = until.filter(|until| !at_once && self.strikes != Some(*until)) {
            let time = Timespec::try_from(until - now).unwrap_or(Timespec { tv_sec: 3_600, tv_nsec: 0 });
            let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: time };
            timerfd_settime(&self.clock, TimerfdTimerFlags::empty(), &once)?;
            self.strikes = Some(until);
        }
        self.reports.clear();
        let time = at_once.then_some(Timespec { tv_sec: 0, tv_nsec: 0 });
        let mut events = [const { MaybeUninit::uninit() }; REPORTS];
        match epoll::wait(&self.set, &mut events, time.as_ref()) {
            Ok((reported, _)) => self.reports.extend(reported.iter().map(|event| event.data.u64())),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// How many sockets were reported.
    pub(super) fn reported(&self) -> usize {
        self.reports.len()
    }

    /// A report of the last wait; `None`: the bell, or the clock.
    pub(super) fn report(&self, index: usize) -> Option<Ready> {
        match *self.reports.get(index)? {
            BELL | CLOCK => None,
            token if token.is_multiple_of(2) => Some(Ready::Rtp(token / 2)),
            token => Some(Ready::Rtcp(token / 2)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    }

    fn ready(watch: &Watch) -> Vec<Ready> {
        (0..watch.reported()).filter_map(|index| watch.report(index)).collect()
    }

    #[test]
    fn what_is_not_read_is_reported_again_and_a_ring_once() {
        let (bell, media, control) = (Bell::new().unwrap(), socket(), socket());
        let mut watch = Watch::new(&bell).unwrap();
        watch.add(7, &media, &control).unwrap();
        let other = socket();
        bell.ring().unwrap();
        watch.wait(crate::clock::mono(), None).unwrap();
        assert_eq!((watch.reported(), ready(&watch)), (1, vec![]));
        for _ in 0..2 {
            other.send_to(b"x", media.local_addr().unwrap()).unwrap();
        }
        for _ in 0..2 {
            watch.wait(crate::clock::mono(), None).unwrap();
            assert_eq!(ready(&watch), [Ready::Rtp(7)]);
            media.recv(&mut [0; 8]).unwrap();
        }
        let now = crate::clock::mono();
        let until = now + Duration::from_micros(300);
        watch.wait(now, Some(until)).unwrap();
        assert!(ready(&watch).is_empty(), "the bell is silent, the socket is empty");
        assert!(crate::clock::mono() >= until);
        other.send_to(b"x", control.local_addr().unwrap()).unwrap();
        watch.wait(crate::clock::mono(), None).unwrap();
        assert_eq!(ready(&watch), [Ready::Rtcp(7)]);
    }

    #[test]
    fn a_closed_leg_is_out_of_the_set() {
        let (bell, media, control) = (Bell::new().unwrap(), socket(), socket());
        let mut watch = Watch::new(&bell).unwrap();
        watch.add(7, &media, &control).unwrap();
        socket().send_to(b"x", media.local_addr().unwrap()).unwrap();
        drop((media, control));
        let now = crate::clock::mono();
        watch.wait(now, Some(now)).unwrap();
        assert_eq!(watch.reported(), 0);
    }
}
