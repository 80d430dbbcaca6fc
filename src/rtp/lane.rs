//! A lane: one thread that owns the sockets of its legs. It sleeps until a
//! packet comes, a turn is due or an order is given.
//!
//! A fault in one leg's step is caught and ends that leg. A fault in the lane
//! itself is caught too: the loop begins anew with the same sockets, legs and
//! wheel, because they live outside of it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasherDefault;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use hotline_core::fact::RecordingEnd;
use rustix::net::{RecvFlags, recvfrom};

use super::inband::InBand;
use super::leg::{Coders, LegState, Moment, Peer, Relayed, Totals};
use super::mix::{self, Legs, Room, RoomOrder};
use super::orders::{self, Desk, Tray};
use super::pace::Pace;
use super::packet::PAYLOAD_MAX;
use super::play::Playing;
use super::priority;
use super::record::Recorder;
use super::suspect::Suspect;
use super::translate::Translator;
use super::watch::{Bell, Ready, Watch};
use super::wheel::{KeyHash, LegKey, Wheel};
use super::writer::Job;
use super::{Frame, Remote};

/// Reports taken from one socket at a time: more than it holds, less than would keep the lane from its calls.
const RTCP_BURST: usize = 512;
/// Packets between lanes that wait at most.
const RELAY_QUEUE: usize = 512;
/// Orders carried out before the packets get their turn.
const ORDERS_AT_ONCE: usize = 256;
/// Pause after a fault of the lane itself: one that comes back at once must not take the core.
const FAULT_PAUSE: Duration = Duration::from_millis(1);
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
    /// What the peer hears goes out here, by the translator where it speaks another codec.
    Bridge(LegKey, Peer, Option<Box<Translator>>),
    /// The codec of either has changed.
    Translate {
        leg: LegKey,
        peer: LegKey,
        by: Option<Box<Translator>>,
    },
    /// Coders for a leg that has changed its codec.
    Coders(LegKey, Box<Coders>),
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
    /// The lane does nothing until the other end is dropped.
    #[cfg(test)]
    Stall(Receiver<()>),
}

impl Order {
    /// It ends something: taken even when too many orders wait.
    pub(super) const fn ends(&self) -> bool {
        matches!(
            self,
            Self::Close(_)
                | Self::Stop
                | Self::StopRecord(..)
                | Self::Unbridge(_)
                | Self::PeerLeft { .. }
                | Self::Play(_, None)
        )
    }
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
    desk: Desk,
    crossings: Sender<Crossing>,
    bell: Bell,
    totals: Arc<Totals>,
    /// Legs that were opened there and not closed, as their handles count them.
    pub(super) legs: AtomicUsize,
}

impl LaneLink {
    /// Gives an order; it comes back if the lane has ended or has too many waiting.
    pub(super) fn order(&self, order: Order) -> Result<(), Box<Order>> {
        if let Err(order) = self.desk.hand_in(order) {
            Totals::count(&self.totals.orders_refused);
            return Err(order);
        }
        if let Err(error) = self.bell.ring() {
            tracing::error!(%error, "a media lane can't be woken");
        }
        Ok(())
    }

    fn cross(&self, leg: LegKey, relayed: Relayed, payload: &[u8]) -> bool {
        let mut crossing = Crossing { leg, relayed, payload: [0; PAYLOAD_MAX] };
        crossing.payload[..payload.len()].copy_from_slice(payload);
        self.crossings.try_send(crossing).is_ok() && self.bell.ring().is_ok()
    }
}

/// Starts a lane.
pub(super) fn start(
    number: usize,
    writer: Sender<Job>,
    totals: Arc<Totals>,
) -> std::io::Result<(Arc<LaneLink>, std::thread::JoinHandle<()>)> {
    let (link, lane) = build(writer, totals)?;
    let name = format!("hotline-lane-{number}");
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        // What it means where it is not permitted, `Media::start` says once.
        priority::raise();
        priority::sharpen();
        lane.live();
    })?;
    Ok((link, thread))
}

/// A lane that nobody runs yet.
pub(super) fn build(writer: Sender<Job>, totals: Arc<Totals>) -> std::io::Result<(Arc<LaneLink>, Lane)> {
    let bell = Bell::new()?;
    let watch = Watch::new(&bell)?;
    let (desk, tray) = orders::queue();
    let (crossings_in, crossings) = crossbeam_channel::bounded(RELAY_QUEUE);
    let link = Arc::new(LaneLink {
        desk,
        crossings: crossings_in,
        bell: bell.clone(),
        totals: Arc::clone(&totals),
        legs: AtomicUsize::new(0),
    });
    let lane = Lane {
        watch,
        bell,
        tray,
        crossings,
        legs: HashMap::default(),
        rooms: HashMap::default(),
        faulty: Vec::with_capacity(mix::MEMBERS),
        wheel: Wheel::new(crate::clock::mono()),
        pace: Pace::new(crate::clock::mono()),
        buffer: [0; 2_048],
        busy: false,
        jobs: Vec::with_capacity(64),
        writer,
        totals,
        stopping: false,
    };
    Ok((link, lane))
}

pub(super) struct Lane {
    watch: Watch,
    bell: Bell,
    tray: Tray,
    crossings: Receiver<Crossing>,
    legs: HashMap<LegKey, Box<LegState>, BuildHasherDefault<KeyHash>>,
    rooms: HashMap<LegKey, Box<Room>, BuildHasherDefault<KeyHash>>,
    /// Legs that failed in a room's turn.
    faulty: Vec<LegKey>,
    wheel: Wheel,
    pace: Pace,
    buffer: [u8; 2_048],
    /// Orders were left for the next round.
    busy: bool,
    /// For the writer.
    jobs: Vec<Job>,
    writer: Sender<Job>,
    totals: Arc<Totals>,
    stopping: bool,
}

impl Lane {
    fn live(mut self) {
        let mut due = Vec::with_capacity(256);
        while !self.stopping {
            let round = catch_unwind(AssertUnwindSafe(|| {
                while !self.stopping {
                    self.round(&mut due);
                }
            }));
            if round.is_err() {
                Totals::count(&self.totals.faults);
                tracing::error!("a media lane failed and goes on with its calls");
                std::thread::sleep(FAULT_PAUSE);
                if catch_unwind(AssertUnwindSafe(|| self.recover())).is_err() {
                    tracing::error!("a media lane could not be mended; it is tried again");
                }
            }
        }
        self.close_all();
    }

    fn round(&mut self, due: &mut Vec<LegKey>) {
        let waited = self.sleep();
        assert!(waited.is_ok(), "epoll works: {waited:?}");
        self.turns(due);
        // Before the packets: an order given before a packet was sent holds for that packet.
        self.busy = self.obey_all(ORDERS_AT_ONCE);
        for index in 0..self.watch.reported() {
            match self.watch.report(index) {
                Some(Ready::Rtp(key)) => self.read(key),
                Some(Ready::Rtcp(key)) => self.read_rtcp(key),
                None => {}
            }
        }
        while let Ok(crossing) = self.crossings.try_recv() {
            self.pace.packet(true);
            let at = self.moment();
            self.deliver(crossing.leg, crossing.relayed, &crossing.payload[..crossing.relayed.length], at);
        }
        self.hand_over();
    }

    /// Until a packet comes, a turn is due or the bell rings; where packets come all the time, until some have gathered.
    fn sleep(&mut self) -> std::io::Result<()> {
        let now = crate::clock::mono();
        let until = if self.busy { Some(now) } else { self.until(now) };
        let rest = self.pace.rest(now);
        if rest.is_zero() || self.busy {
            return self.watch.wait(now, until);
        }
        let rest = until.map_or(rest, |until| until.saturating_duration_since(now).min(rest));
        if !rest.is_zero() {
            std::thread::sleep(rest);
        }
        self.watch.wait(now, Some(now))
    }

    /// When the next turn is due, or a job is offered to the writer again.
    fn until(&self, now: Instant) -> Option<Instant> {
        let due = self.wheel.due();
        if self.jobs.is_empty() { due } else { Some(due.map_or(now + RETRY, |due| due.min(now + RETRY))) }
    }

    fn moment(&self) -> Moment {
        let now = crate::clock::mono();
        Moment { now, samples: self.wheel.samples_at(now) }
    }

    // ---- turns -------------------------------------------------------

    /// Runs everybody whose turn has come.
    fn turns(&mut self, due: &mut Vec<LegKey>) {
        let stalls = self.wheel.stalls;
        let mut now = crate::clock::mono();
        while let Some(tick) = self.wheel.run(now, due) {
            let at = Moment { now, samples: (tick as u32).wrapping_mul(super::wheel::TICK_SAMPLES) };
            for key in due.iter() {
                self.turn(*key, tick, at);
            }
            now = crate::clock::mono();
        }
        if self.wheel.stalls != stalls {
            self.totals.stalls.fetch_add(self.wheel.stalls - stalls, Ordering::Relaxed);
        }
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
            self.wheel.enter(key, crate::clock::mono());
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

    /// One packet; if more wait, the next round is told so again.
    fn read(&mut self, key: LegKey) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        // Nothing there, or a late ICMP error: neither is a packet.
        let Ok((length, _, Some(from))) = recvfrom(&leg.rtp, &mut self.buffer[..], RecvFlags::empty()) else { return };
        let Ok(from) = SocketAddr::try_from(from) else { return };
        if leg.quarantined {
            return;
        }
        self.pace.packet(leg.peer.is_some());
        let now = crate::clock::mono();
        let (datagram, jobs) = (&self.buffer[..length], &mut self.jobs);
        let received = catch_unwind(AssertUnwindSafe(|| leg.receive(datagram, from, now, jobs)));
        let Ok(relay) = received else {
            self.fault(key);
            return;
        };
        let Some((relayed, payload)) = relay else { return };
        match &leg.peer {
            Some(Peer::There(lane, peer)) => {
                let crossed = lane.cross(*peer, relayed, payload);
                if !crossed {
                    Totals::count(&self.totals.relay_dropped);
                }
            }
            Some(Peer::Here(peer)) => {
                let at = Moment { now, samples: self.wheel.samples_at(now) };
                let peer = *peer;
                let Some(other) = self.legs.get_mut(&peer) else { return };
                if catch_unwind(AssertUnwindSafe(|| other.relay(relayed, payload, at))).is_err() {
                    self.fault(peer);
                }
            }
            None => {}
        }
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
            let (now, datagram) = (crate::clock::mono(), &self.buffer[..length]);
            if catch_unwind(AssertUnwindSafe(|| leg.receive_control(datagram, from, now))).is_err() {
                self.fault(key);
            }
        }
    }

    // ---- orders ------------------------------------------------------

    /// Carries out what is waiting, but no more than `most`; true: more may wait.
    fn obey_all(&mut self, most: usize) -> bool {
        for _ in 0..most {
            let Some(order) = self.tray.take() else { return false };
            self.obey(order);
        }
        true
    }

    fn obey(&mut self, order: Order) {
        let now = crate::clock::mono();
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
            Order::Bridge(key, peer, translator) => {
                self.leave_room(key, peer.here());
                let same = self.legs.get(&key).and_then(|leg| leg.peer.as_ref()).is_some_and(|p| p.key() == peer.key());
                if !same {
                    self.part(key);
                }
                self.with(key, |leg| leg.bridge(peer, translator, now));
            }
            Order::Translate { leg: key, peer, by } => {
                self.with(key, |leg| leg.translate_by(peer, by));
            }
            Order::Coders(key, coders) => {
                self.with(key, |leg| leg.take_coders(*coders));
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
            #[cfg(test)]
            Order::Stall(until) => drop(until.recv()),
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

    fn open(&mut self, leg: Box<LegState>) {
        let (key, moved) = (leg.key, leg.is_connected());
        let watched = self.watch.add(key, &leg.rtp, &leg.rtcp);
        self.legs.insert(key, leg);
        if let Err(error) = watched {
            tracing::error!(%error, "a leg's sockets can't be watched");
            self.fault(key);
        }
        if moved {
            // What it received before it was watched here is reported like anything that is not read.
            self.enter(key);
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
        if let Entry::Vacant(place) = self.rooms.entry(key) {
            place.insert(room);
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
        // With the leg its sockets are closed, which takes them off the watch.
        self.jobs.extend(leg.stop_record(RecordingEnd::CallEnded));
    }

    /// Gives the leg to whoever moves it to another lane. What its peer relays meanwhile is lost, a packet perhaps.
    fn leave(&mut self, key: LegKey, to: tokio::sync::oneshot::Sender<Box<LegState>>) {
        self.leave_room(key, None);
        let Some(mut leg) = self.legs.remove(&key) else { return };
        if let Err(error) = self.watch.remove(&leg.rtp, &leg.rtcp) {
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

    /// After a fault of the lane itself: a new watch on the same sockets, and everybody gets a turn again.
    fn recover(&mut self) {
        let now = crate::clock::mono();
        match Watch::new(&self.bell) {
            Ok(watch) => self.watch = watch,
            // The old one is all there is.
            Err(error) => tracing::error!(%error, "a media lane gets no new watch"),
        }
        self.wheel = Wheel::continued(&self.wheel);
        let mut unseen = Vec::new();
        for leg in self.legs.values() {
            if leg.on_wheel {
                self.wheel.enter(leg.key, now);
            }
            // It may be the old watch, which has it already.
            if let Err(error) = self.watch.add(leg.key, &leg.rtp, &leg.rtcp)
                && error.kind() != ErrorKind::AlreadyExists
            {
                tracing::error!(%error, "a leg's sockets can't be watched");
                unseen.push(leg.key);
            }
        }
        for room in self.rooms.keys() {
            self.wheel.enter(*room, now);
        }
        for key in unseen {
            self.fault(key);
        }
        // Orders may have come while nobody listened to the bell.
        self.busy = true;
    }

    fn close_all(&mut self) {
        // Legs opened and recordings begun just before the stop.
        while let Some(order) = self.tray.take() {
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

/// For tests that run a lane on their own thread, by a clock of their own.
#[cfg(test)]
impl Lane {
    /// What is due now, and what was ordered.
    pub(super) fn step(&mut self) {
        self.turns(&mut Vec::new());
        while self.obey_all(ORDERS_AT_ONCE) {}
        self.hand_over();
    }

    /// A packet of this leg, if one has come.
    pub(super) fn packet(&mut self, key: LegKey) {
        self.read(key);
    }

    /// The leg fails at this.
    pub(super) fn fails(&mut self, key: LegKey, at: &'static str) {
        self.with(key, |leg| leg.faulty = Some(at));
    }
}

impl Legs for HashMap<LegKey, Box<LegState>, BuildHasherDefault<KeyHash>> {
    fn leg(&mut self, key: LegKey) -> Option<&mut LegState> {
        self.get_mut(&key).map(AsMut::as_mut).filter(|leg| !leg.quarantined)
    }
}
