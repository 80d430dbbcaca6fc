//! A lane: one thread that owns the sockets of its legs. It sleeps until a
//! packet comes, a turn is due or an order is given.
//!
//! A fault in one leg's step is caught and ends that leg. A fault in the lane
//! itself is caught too: the loop begins anew with the same sockets, legs and
//! wheel, because they live outside of it.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use hotline_core::fact::RecordingEnd;
use mio::{Events, Interest, Poll, Token, Waker};

use super::inband::InBand;
use super::leg::{LegState, Moment, Peer, Relayed, Totals};
use super::mix::{self, Legs, Room, RoomOrder};
use super::packet::PAYLOAD_MAX;
use super::play::Playing;
use super::record::Recorder;
use super::suspect::Suspect;
use super::wheel::{LegKey, Wheel};
use super::writer::Job;
use super::{Frame, Remote};

/// Token of the waker; legs' keys begin above.
const WAKE: Token = Token(0);
/// Packets taken from one socket before the others get their turn.
const BURST: usize = 32;
/// Reports taken from one socket at a time: more than it holds, less than would keep the lane from its calls.
const RTCP_BURST: usize = 512;
/// Packets between lanes that wait at most.
const RELAY_QUEUE: usize = 512;
/// How soon a job that the writer could not take is offered again.
const RETRY: Duration = Duration::from_millis(10);

/// An order to a lane.
#[derive(Debug)]
pub(super) enum Order {
    Open(Box<LegState>),
    Connect(LegKey, Remote),
    Play(LegKey, Option<Playing>),
    Record(LegKey, Box<Recorder>),
    StopRecord(LegKey, RecordingEnd),
    Bridge(LegKey, Peer),
    /// Several legs hear each other by a matrix.
    Room(Box<RoomOrder>),
    /// What the leg hears while its peer holds the call; `None`: it holds no longer.
    Hold(LegKey, Option<Playing>),
    /// Ends the bridge on both sides.
    Unbridge(LegKey),
    /// The peer ended the bridge: end it here if it is still the one.
    PeerLeft {
        leg: LegKey,
        peer: LegKey,
    },
    /// The leg goes to another lane.
    Leave(LegKey, tokio::sync::oneshot::Sender<Box<LegState>>),
    Digits(LegKey, Vec<u8>),
    /// Listen whether a mailbox answered.
    Suspect(LegKey, Box<Suspect>),
    /// Listen for keys as sound, or no more.
    Listen(LegKey, Option<Box<InBand>>),
    Tap(LegKey, Sender<Frame>),
    Close(LegKey),
    Stop,
    #[cfg(test)]
    Fault(LegKey),
    #[cfg(test)]
    LaneFault,
}

/// A packet from a leg on another lane.
#[derive(Debug)]
struct Crossing {
    leg: LegKey,
    relayed: Relayed,
    payload: [u8; PAYLOAD_MAX],
}

/// How the others reach a lane.
#[derive(Debug)]
pub(super) struct LaneLink {
    orders: Sender<Order>,
    crossings: Sender<Crossing>,
    waker: Waker,
}

impl LaneLink {
    /// Gives an order; it comes back if the lane has ended.
    pub(super) fn order(&self, order: Order) -> Result<(), Order> {
        self.orders.send(order).map_err(|error| error.0)?;
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "a media lane can't be woken");
        }
        Ok(())
    }

    fn cross(&self, leg: LegKey, relayed: Relayed, payload: &[u8]) -> bool {
        let mut crossing = Crossing { leg, relayed, payload: [0; PAYLOAD_MAX] };
        crossing.payload[..payload.len()].copy_from_slice(payload);
        self.crossings.try_send(crossing).is_ok() && self.waker.wake().is_ok()
    }
}

/// Starts a lane.
pub(super) fn start(
    number: usize,
    writer: Sender<Job>,
    totals: Arc<Totals>,
) -> std::io::Result<(Arc<LaneLink>, std::thread::JoinHandle<()>)> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKE)?;
    let (orders_in, orders) = crossbeam_channel::unbounded();
    let (crossings_in, crossings) = crossbeam_channel::bounded(RELAY_QUEUE);
    let link = Arc::new(LaneLink { orders: orders_in, crossings: crossings_in, waker });
    let lane = Lane {
        poll,
        orders,
        crossings,
        legs: HashMap::new(),
        rooms: HashMap::new(),
        faulty: Vec::with_capacity(mix::MEMBERS),
        wheel: Wheel::new(crate::clock::now().mono),
        buffer: [0; 2_048],
        unread: Vec::new(),
        jobs: Vec::with_capacity(64),
        writer,
        totals,
        stopping: false,
    };
    let name = format!("hotline-lane-{number}");
    let thread = std::thread::Builder::new().name(name).spawn(move || lane.live())?;
    Ok((link, thread))
}

struct Lane {
    poll: Poll,
    orders: Receiver<Order>,
    crossings: Receiver<Crossing>,
    legs: HashMap<LegKey, Box<LegState>>,
    rooms: HashMap<LegKey, Box<Room>>,
    /// Legs that failed in a room's turn.
    faulty: Vec<LegKey>,
    wheel: Wheel,
    buffer: [u8; 2_048],
    /// Legs whose socket held more than a burst.
    unread: Vec<LegKey>,
    /// For the writer.
    jobs: Vec<Job>,
    writer: Sender<Job>,
    totals: Arc<Totals>,
    stopping: bool,
}

impl Lane {
    fn live(mut self) {
        let mut events = Events::with_capacity(256);
        let mut due = Vec::with_capacity(256);
        while !self.stopping {
            let round = catch_unwind(AssertUnwindSafe(|| {
                while !self.stopping {
                    self.round(&mut events, &mut due);
                }
            }));
            if round.is_err() {
                Totals::count(&self.totals.faults);
                tracing::error!("a media lane failed and goes on with its calls");
                self.recover();
            }
        }
        self.close_all();
    }

    fn round(&mut self, events: &mut Events, due: &mut Vec<LegKey>) {
        let now = crate::clock::now().mono;
        let timeout = self.timeout(now);
        if let Err(error) = self.poll.poll(events, timeout) {
            assert!(error.kind() == ErrorKind::Interrupted, "epoll works: {error}");
        }
        self.turns(due);
        // Before the packets: an order given before a packet was sent holds for that packet.
        while let Ok(order) = self.orders.try_recv() {
            self.obey(order);
        }
        let mut unread = std::mem::take(&mut self.unread);
        for key in unread.drain(..) {
            self.read(key);
        }
        // Keeps its memory; `read` may have put legs into the new one.
        unread.append(&mut self.unread);
        self.unread = unread;
        for event in events.iter() {
            match event.token() {
                WAKE => {}
                Token(token) if token % 2 == 0 => self.read(token as LegKey / 2),
                Token(token) => self.read_rtcp(token as LegKey / 2),
            }
        }
        while let Ok(crossing) = self.crossings.try_recv() {
            let at = self.moment();
            self.deliver(crossing.leg, crossing.relayed, &crossing.payload[..crossing.relayed.length], at);
        }
        self.turns(due);
        self.hand_over();
    }

    fn timeout(&self, now: Instant) -> Option<Duration> {
        if !self.unread.is_empty() {
            return Some(Duration::ZERO);
        }
        let due = self.wheel.due().map(|due| due.saturating_duration_since(now));
        if self.jobs.is_empty() { due } else { Some(due.map_or(RETRY, |due| due.min(RETRY))) }
    }

    fn moment(&self) -> Moment {
        let now = crate::clock::now().mono;
        Moment { now, samples: self.wheel.samples_at(now) }
    }

    // ---- turns -------------------------------------------------------

    /// Runs everybody whose turn has come.
    fn turns(&mut self, due: &mut Vec<LegKey>) {
        let stalls = self.wheel.stalls;
        let mut now = crate::clock::now().mono;
        while let Some(tick) = self.wheel.run(now, due) {
            let at = Moment { now, samples: (tick as u32).wrapping_mul(super::wheel::TICK_SAMPLES) };
            for key in due.iter() {
                self.turn(*key, tick, at);
            }
            now = crate::clock::now().mono;
        }
        self.totals.stalls.fetch_add(self.wheel.stalls - stalls, Ordering::Relaxed);
    }

    fn turn(&mut self, key: LegKey, tick: u64, at: Moment) {
        if mix::is_room(key) {
            return self.room_turn(key, tick, at);
        }
        let Some(leg) = self.legs.get_mut(&key) else { return };
        if leg.quarantined {
            leg.on_wheel = false;
            return;
        }
        let jobs = &mut self.jobs;
        let turn = catch_unwind(AssertUnwindSafe(|| leg.turn(at, jobs)));
        // A fault takes the leg off the wheel at its next turn.
        let wait = turn.unwrap_or_else(|_| self.fault(key));
        self.wheel.again(key, tick, wait);
    }

    /// A room's turn: its members hear each other. One that nobody is left in is over.
    fn room_turn(&mut self, key: LegKey, tick: u64, at: Moment) {
        let Some(room) = self.rooms.get_mut(&key) else { return };
        let mut faulty = std::mem::take(&mut self.faulty);
        room.turn(&mut self.legs, at, &mut faulty);
        if room.is_over() {
            self.rooms.remove(&key);
        } else {
            self.wheel.again(key, tick, mix::TURN_TICKS);
        }
        for leg in faulty.drain(..) {
            self.fault(leg);
        }
        self.faulty = faulty;
    }

    /// Puts a leg on the wheel if it is not there.
    fn enter(&mut self, key: LegKey) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        if !leg.on_wheel && !leg.quarantined {
            leg.on_wheel = true;
            self.wheel.enter(key, crate::clock::now().mono);
        }
    }

    fn fault(&mut self, key: LegKey) -> u64 {
        Totals::count(&self.totals.faults);
        tracing::error!(leg = key, "a leg's media failed; it is taken out of service");
        if let Some(leg) = self.legs.get_mut(&key) {
            let reason = "a fault in the media path".to_owned();
            self.jobs.extend(leg.quarantine(reason));
        }
        1
    }

    // ---- packets -----------------------------------------------------

    fn read(&mut self, key: LegKey) {
        for _ in 0..BURST {
            let Some(leg) = self.legs.get_mut(&key) else { return };
            let (length, from) = match leg.rtp.recv_from(&mut self.buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // A late ICMP error is no reason to stop reading.
                Err(_) => continue,
            };
            if leg.quarantined {
                continue;
            }
            let now = crate::clock::now().mono;
            let (datagram, jobs) = (&self.buffer[..length], &mut self.jobs);
            let received = catch_unwind(AssertUnwindSafe(|| leg.receive(datagram, from, now, jobs)));
            let Ok(relay) = received else {
                self.fault(key);
                continue;
            };
            let Some((relayed, payload)) = relay else { continue };
            match &leg.peer {
                Some(Peer::There(lane, peer)) => {
                    let crossed = lane.cross(*peer, relayed, payload);
                    self.totals.relay_dropped.fetch_add(u64::from(!crossed), Ordering::Relaxed);
                }
                Some(Peer::Here(peer)) => {
                    let at = Moment { now, samples: self.wheel.samples_at(now) };
                    let peer = *peer;
                    let Some(other) = self.legs.get_mut(&peer) else { continue };
                    if catch_unwind(AssertUnwindSafe(|| other.relay(relayed, payload, at))).is_err() {
                        self.fault(peer);
                    }
                }
                None => {}
            }
        }
        self.unread.push(key);
    }

    fn deliver(&mut self, key: LegKey, relayed: Relayed, payload: &[u8], at: Moment) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        if leg.peer.is_some() && catch_unwind(AssertUnwindSafe(|| leg.relay(relayed, payload, at))).is_err() {
            self.fault(key);
        }
    }

    fn read_rtcp(&mut self, key: LegKey) {
        for _ in 0..RTCP_BURST {
            let Some(leg) = self.legs.get_mut(&key) else { return };
            let (length, from) = match leg.rtcp.recv_from(&mut self.buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => continue,
            };
            if leg.quarantined {
                continue;
            }
            let (now, datagram) = (crate::clock::now().mono, &self.buffer[..length]);
            if catch_unwind(AssertUnwindSafe(|| leg.receive_control(datagram, from, now))).is_err() {
                self.fault(key);
            }
        }
    }

    // ---- orders ------------------------------------------------------

    fn obey(&mut self, order: Order) {
        let now = crate::clock::now().mono;
        match order {
            Order::Open(leg) => self.open(leg),
            Order::Connect(key, remote) => {
                self.with(key, |leg| leg.connect(remote, now));
                self.enter(key);
            }
            Order::Play(key, playing) => {
                self.with(key, |leg| leg.play(playing));
            }
            Order::Record(key, recorder) => self.record(key, recorder, now),
            Order::StopRecord(key, reason) => {
                let job = self.with(key, |leg| leg.stop_record(reason)).flatten();
                self.jobs.extend(job);
            }
            Order::Bridge(key, peer) => {
                self.leave_room(key, peer.here());
                let same = self.legs.get(&key).and_then(|leg| leg.peer.as_ref()).is_some_and(|p| p.key() == peer.key());
                if !same {
                    self.part(key);
                }
                self.with(key, |leg| leg.bridge(peer, now));
            }
            Order::Room(order) => self.arrange(*order, now),
            Order::Hold(key, music) => {
                self.with(key, |leg| leg.held(music));
            }
            Order::Unbridge(key) => {
                self.leave_room(key, None);
                self.part(key);
            }
            Order::PeerLeft { leg: key, peer } => self.peer_left(key, peer),
            Order::Leave(key, to) => self.leave(key, to),
            Order::Digits(key, codes) => {
                self.with(key, |leg| leg.send_digits(&codes));
            }
            Order::Suspect(key, suspect) => {
                self.with(key, |leg| leg.suspect(suspect));
            }
            Order::Listen(key, ear) => {
                self.with(key, |leg| leg.listen(ear));
            }
            Order::Tap(key, sink) => {
                self.with(key, |leg| leg.tap(sink));
            }
            Order::Close(key) => self.close(key),
            Order::Stop => self.stopping = true,
            #[cfg(test)]
            Order::Fault(key) => {
                self.with(key, |leg| leg.faulty = Some("now"));
            }
            #[cfg(test)]
            Order::LaneFault => panic!("a fault of the lane, asked for by a test"),
        }
    }

    fn with<T>(&mut self, key: LegKey, deed: impl FnOnce(&mut LegState) -> T) -> Option<T> {
        let leg = self.legs.get_mut(&key)?;
        let done = catch_unwind(AssertUnwindSafe(|| deed(leg))).ok();
        if done.is_none() {
            self.fault(key);
        }
        done
    }

    fn open(&mut self, mut leg: Box<LegState>) {
        let (media, control) = (Token(leg.key as usize * 2), Token(leg.key as usize * 2 + 1));
        let registry = self.poll.registry();
        let watched = registry
            .register(&mut leg.rtp, media, Interest::READABLE)
            .and_then(|()| registry.register(&mut leg.rtcp, control, Interest::READABLE));
        let (key, moved) = (leg.key, leg.is_connected());
        self.legs.insert(key, leg);
        if let Err(error) = watched {
            tracing::error!(%error, "a leg's sockets can't be watched");
            self.fault(key);
        }
        if moved {
            // It may have received before it was watched here.
            self.enter(key);
            self.unread.push(key);
        }
    }

    fn record(&mut self, key: LegKey, recorder: Box<Recorder>, now: Instant) {
        let Some(leg) = self.legs.get_mut(&key) else {
            self.jobs.push(recorder.finish(RecordingEnd::CallEnded));
            return;
        };
        if leg.quarantined {
            self.jobs.push(recorder.finish(RecordingEnd::Failed));
            return;
        }
        let replaced = self.with(key, |leg| leg.record(recorder, now)).flatten();
        self.jobs.extend(replaced);
    }

    /// Arranges a room; its members' bridges end where the room begins.
    fn arrange(&mut self, order: RoomOrder, now: Instant) {
        let mut order = order;
        let members: Vec<LegKey> = order.parts.iter().map(|(leg, ..)| *leg).collect();
        let room = std::mem::take(&mut order.room);
        let sits = members.iter().find_map(|leg| self.legs.get(leg)?.room());
        let key = sits.filter(|room| self.rooms.contains_key(room)).unwrap_or(order.key);
        order.sits_in(key);
        if !self.rooms.contains_key(&key) {
            self.rooms.insert(key, room);
            self.wheel.enter(key, now);
        }
        if let Some(room) = self.rooms.get_mut(&key) {
            room.arrange(order, &mut self.legs);
        }
        for leg in members {
            self.part(leg);
        }
    }

    /// The leg sits in a room no longer; `with`: whom it is bridged with from now on.
    fn leave_room(&mut self, key: LegKey, with: Option<LegKey>) {
        let Some(room) = self.legs.get(&key).and_then(|leg| leg.room()) else { return };
        let at = self.moment();
        let leaving = match with.filter(|other| self.legs.get(other).and_then(|leg| leg.room()) == Some(room)) {
            Some(other) => {
                mix::part_for_bridge(key, other, &mut self.legs, at);
                vec![key, other]
            }
            None => vec![key],
        };
        for key in leaving {
            self.with(key, LegState::rise);
            if let Some(room) = self.rooms.get_mut(&room) {
                room.leave(key);
            }
        }
    }

    /// Ends a leg's bridge on both sides.
    fn part(&mut self, key: LegKey) {
        let Some(peer) = self.legs.get_mut(&key).and_then(|leg| leg.peer.take()) else { return };
        self.with(key, LegState::unbridge);
        match peer {
            Peer::Here(other) => self.peer_left(other, key),
            Peer::There(lane, other) => {
                // A lane that has ended has no bridge either.
                let _told = lane.order(Order::PeerLeft { leg: other, peer: key });
            }
        }
    }

    fn peer_left(&mut self, key: LegKey, peer: LegKey) {
        let still = self.legs.get(&key).and_then(|leg| leg.peer.as_ref()).is_some_and(|p| p.key() == peer);
        if still {
            self.with(key, LegState::unbridge);
        }
    }

    fn close(&mut self, key: LegKey) {
        self.leave_room(key, None);
        self.part(key);
        let Some(mut leg) = self.legs.remove(&key) else { return };
        leg.goodbye();
        self.jobs.extend(leg.stop_record(RecordingEnd::CallEnded));
        let registry = self.poll.registry();
        // Closing the socket takes it out of epoll in any case.
        let _rtp = registry.deregister(&mut leg.rtp);
        let _rtcp = registry.deregister(&mut leg.rtcp);
    }

    /// Gives the leg to whoever moves it to another lane. What its peer relays meanwhile is lost, a packet perhaps.
    fn leave(&mut self, key: LegKey, to: tokio::sync::oneshot::Sender<Box<LegState>>) {
        self.leave_room(key, None);
        let Some(mut leg) = self.legs.remove(&key) else { return };
        let registry = self.poll.registry();
        let parted = registry.deregister(&mut leg.rtp).and_then(|()| registry.deregister(&mut leg.rtcp));
        if let Err(error) = parted {
            tracing::error!(%error, "a leg's sockets can't be taken from their lane");
        }
        leg.on_wheel = false;
        // Whoever asked is gone, and its handle with it: the leg ends here.
        let _ended = to.send(leg);
    }

    // ---- the end -----------------------------------------------------

    /// Offers the writer what it could not take yet. Order matters only within a recording, and holds.
    fn hand_over(&mut self) {
        while let Some(job) = self.jobs.pop() {
            if let Err(error) = self.writer.try_send(job) {
                self.jobs.push(error.into_inner());
                return;
            }
        }
    }

    /// After a fault of the lane itself: everybody gets a turn again and is read again.
    fn recover(&mut self) {
        let now = crate::clock::now().mono;
        self.wheel = Wheel::continued(&self.wheel);
        let connected: Vec<LegKey> = self.legs.values().filter(|leg| leg.on_wheel).map(|leg| leg.key).collect();
        for key in connected.into_iter().chain(self.rooms.keys().copied()) {
            self.wheel.enter(key, now);
        }
        self.unread = self.legs.keys().copied().collect();
    }

    fn close_all(&mut self) {
        // Legs opened and recordings begun just before the stop.
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Open(_) | Order::Record(..) = order {
                self.obey(order);
            }
        }
        let keys: Vec<LegKey> = self.legs.keys().copied().collect();
        for key in keys {
            self.close(key);
        }
        for job in self.jobs.drain(..) {
            // The writer outlives the lanes.
            let _written = self.writer.send(job);
        }
    }
}

impl Legs for HashMap<LegKey, Box<LegState>> {
    fn leg(&mut self, key: LegKey) -> Option<&mut LegState> {
        self.get_mut(&key).map(AsMut::as_mut).filter(|leg| !leg.quarantined)
    }
}
