//! One leg on its lane: what it holds and what it is told. `turn` is its clock, `receive` takes a packet, `relay` and
//! `out` send.
//!
//! Everything here runs on the lane's thread and touches no lock. Orders have
//! been prepared by whoever gave them (buffers, encoded clips).

mod coders;
mod control;
mod ear;
mod hold;
mod out;
mod receive;
mod relay;
mod seat;
mod turn;

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use hotline_core::audio::{Codec, noise};
use hotline_core::dtmf;
use hotline_core::fact::RecordingEnd;

use super::inband::InBand;
use super::keys::Keys;
use super::lane::LaneLink;
use super::mix::Seat;
use super::packet::{HEADER_BYTES, PACKET_MAX};
use super::play::Playing;
use super::ports::Lease;
use super::record::Recorder;
use super::rtcp::Rtcp;
use super::source::{Source, Stats};
use super::suspect::Suspect;
use super::translate::Translator;
use super::wheel::LegKey;
use super::writer::Job;
use super::{Frame, MediaEvent, MediaEvents, Remote};

pub(super) use coders::Coders;
pub(super) use turn::frame_ms;

use hold::Hold;
use out::{Maker, Out};
use relay::RelayMap;

/// What the whole of media counts.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) events_dropped: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) rtcp_malformed: AtomicU64,
    pub(super) rtcp_strangers: AtomicU64,
    pub(super) send_failed: AtomicU64,
    pub(super) relay_dropped: AtomicU64,
    pub(super) relay_untranslated: AtomicU64,
    pub(super) relay_late: AtomicU64,
    pub(super) tap_dropped: AtomicU64,
    pub(super) recording_gaps: AtomicU64,
    pub(super) faults: AtomicU64,
    pub(super) stalls: AtomicU64,
    /// What a quiet line sounds like.
    pub(super) noise: noise::Encoded,
    pub(super) orders_refused: AtomicU64,
}

impl Totals {
    pub(super) fn count(cell: &AtomicU64) {
        cell.fetch_add(1, Ordering::Relaxed);
    }
}

/// The moment at which a leg is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Instant,
    /// Samples since the lane began, by the 8 kHz clock.
    pub(super) samples: u32,
}

/// Where a bridged leg's audio goes.
#[derive(Debug, Clone)]
pub(super) enum Peer {
    /// A leg on the same lane.
    Here(LegKey),
    /// A leg on another lane.
    There(Arc<LaneLink>, LegKey),
}

impl Peer {
    pub(super) const fn key(&self) -> LegKey {
        match self {
            Self::Here(key) | Self::There(_, key) => *key,
        }
    }

    /// The leg, if it is on this lane.
    pub(super) const fn here(&self) -> Option<LegKey> {
        match self {
            Self::Here(key) => Some(*key),
            Self::There(..) => None,
        }
    }
}

/// A packet on its way from one bridged leg to the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Relayed {
    pub(super) ssrc: u32,
    /// Its number, telephone events not counted.
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) codec: Codec,
    /// Bytes of audio; 0: it is comfort noise (RFC 3389).
    pub(super) length: usize,
}

/// Whoever was heard within this time is still there. Behind address translation a phone that was silent for longer may come
/// from another port.
const SPEAKS: Duration = Duration::from_secs(5);

/// A leg.
#[derive(Debug)]
pub(super) struct LegState {
    pub(super) key: LegKey,
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    /// Its turn is on the wheel.
    pub(super) on_wheel: bool,
    /// A fault ended it: it only waits to be closed.
    pub(super) quarantined: bool,
    pub(super) peer: Option<Peer>,
    events: MediaEvents,
    stats: Arc<Stats>,
    totals: Arc<Totals>,
    remote: Option<Remote>,
    source: Source,
    digits: dtmf::Receiver,
    ear: Option<Box<InBand>>,
    suspect: Option<Box<Suspect>>,
    keys: Keys,
    playing: Option<Playing>,
    recorder: Option<Box<Recorder>>,
    /// A recording that waits for `connect`: before it there is nothing to hear.
    recorder_waits: Option<Box<Recorder>>,
    tap: Option<Sender<Frame>>,
    out: Out,
    control: Rtcp,
    relay: Option<RelayMap>,
    /// Where the peer speaks another codec.
    translator: Option<Box<Translator>>,
    relayed_at: Instant,
    /// Its seat in a room.
    seat: Option<Box<Seat>>,
    /// What it hears while the other side holds the call.
    hold: Option<Hold>,
    /// Level of the noise that stands for silence, dB below overload, and how far it was sent.
    background: (u8, usize),
    heard_at: Instant,
    silent_told: bool,
    events_received: u16,
    #[cfg(test)]
    pub(super) faulty: Option<&'static str>,
    /// Dropped last, after the sockets.
    lease: Lease,
}

impl LegState {
    pub(super) fn new(
        key: LegKey,
        pair: super::ports::Pair,
        (events, stats, totals): (MediaEvents, Arc<Stats>, Arc<Totals>),
        now: Instant,
    ) -> Self {
        let out = Out {
            maker: Maker::Quiet,
            settles: 0,
            ssrc: rand::random(),
            sequence: rand::random(),
            timestamp: rand::random(),
            end: 0,
            started: false,
            talking: false,
            length: 0,
            octets: 0,
            packet: [0; PACKET_MAX],
        };
        Self {
            key,
            rtp: pair.rtp,
            rtcp: pair.rtcp,
            on_wheel: false,
            quarantined: false,
            peer: None,
            events,
            stats,
            totals,
            remote: None,
            source: Source::new(pair.late),
            digits: dtmf::Receiver::default(),
            ear: None,
            suspect: None,
            keys: Keys::default(),
            playing: None,
            recorder: None,
            recorder_waits: None,
            tap: None,
            out,
            control: Rtcp::new(rand::random()),
            relay: None,
            translator: None,
            relayed_at: now,
            seat: None,
            hold: None,
            background: (noise::COMFORT_DBOV, 0),
            heard_at: now,
            silent_told: false,
            events_received: 0,
            #[cfg(test)]
            faulty: None,
            lease: pair.lease,
        }
    }

    pub(super) fn connect(&mut self, remote: Remote, now: Instant) {
        // A session refreshed, a codec changed: whoever is heard is who is meant, and no stranger gets a chance to be first.
        let stays = self.remote.as_ref().is_some_and(|before| before.address == remote.address);
        if !(stays && self.source.is_sure() && now.saturating_duration_since(self.heard_at) < SPEAKS) {
            self.source.unlock(now);
        }
        self.heard_at = now;
        self.silent_told = false;
        self.relay = None;
        self.out.talking = false;
        self.control.connect(now);
        self.digits.set_clock(remote.events_hz);
        if self.remote.as_ref().is_some_and(|before| before.codec != remote.codec) {
            // They were made for the other codec; new ones come with the next order.
            self.ear = None;
            self.suspect = None;
        }
        self.remote = Some(remote);
        if let Some(recorder) = self.recorder_waits.take() {
            self.record(recorder, now);
        }
    }

    /// It knows its other side: it was on a lane before.
    pub(super) const fn is_connected(&self) -> bool {
        self.remote.is_some()
    }

    pub(super) fn play(&mut self, playing: Option<Playing>) {
        self.playing = playing;
    }

    /// Starts a recording; one that runs is ended, its last job is given back.
    pub(super) fn record(&mut self, mut recorder: Box<Recorder>, now: Instant) -> Option<Job> {
        let replaced = self.stop_record(RecordingEnd::CallEnded);
        if self.remote.is_some() {
            let wall = crate::clock::now().wall.as_millisecond();
            recorder.begin(u64::try_from(wall).unwrap_or(0), now);
            self.recorder = Some(recorder);
        } else {
            self.recorder_waits = Some(recorder);
        }
        replaced
    }

    pub(super) fn stop_record(&mut self, reason: RecordingEnd) -> Option<Job> {
        let recorder = self.recorder.take().or_else(|| self.recorder_waits.take())?;
        if recorder.gaps > 0 {
            self.totals.recording_gaps.fetch_add(recorder.gaps, Ordering::Relaxed);
        }
        Some(recorder.finish(reason))
    }

    /// What was just sent (it stands in the packet) goes into the recording, if that has both sides.
    fn record_sent(&mut self, timestamp: u32, length: usize, now: Instant) {
        if let (Some(recorder), Some(remote)) = (&mut self.recorder, &self.remote) {
            let payload = &self.out.packet[HEADER_BYTES..HEADER_BYTES + length];
            recorder.sent((self.out.ssrc, timestamp), remote.codec, payload, now);
        }
    }

    /// What `peer` hears goes out here, by `translator` where that is in another codec.
    pub(super) fn bridge(&mut self, peer: Peer, translator: Option<Box<Translator>>, now: Instant) {
        self.playing = None;
        self.keys.clear();
        self.suspect = None;
        self.peer = Some(peer);
        if matches!(self.out.maker, Maker::Relay | Maker::Translator) {
            // Another encoder, the peer's or our own for it.
            self.made_by(Maker::Quiet, false);
        }
        self.translator = translator;
        self.relay = None;
        self.relayed_at = now;
    }

    pub(super) fn unbridge(&mut self) {
        self.peer = None;
        self.relay = None;
        self.translator = None;
    }

    pub(super) fn send_digits(&mut self, codes: &[u8]) {
        self.keys.append(codes);
    }

    pub(super) fn tap(&mut self, sink: Sender<Frame>) {
        self.tap = Some(sink);
    }

    /// A fault: nothing more is sent, what was recorded is closed.
    pub(super) fn quarantine(&mut self, reason: String) -> Option<Job> {
        self.quarantined = true;
        self.playing = None;
        self.tap = None;
        self.seat = None;
        self.unbridge();
        self.emit(MediaEvent::Failed { reason });
        self.stop_record(RecordingEnd::Failed)
    }

    fn emit(&self, event: MediaEvent) {
        if let Err(tokio::sync::mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            Totals::count(&self.totals.events_dropped);
        }
    }
}
