//! One leg on its lane: what it holds and what it is told. `turn` is its clock, `receive` takes a packet, `relay` and
//! `out` send.
//!
//! Everything here runs on the lane's thread and touches no lock. Orders have
//! been prepared by whoever gave them (buffers, encoded clips).

mod out;
mod receive;
mod relay;
mod turn;

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crossbeam_channel::Sender;
use hotline_core::audio::Codec;
use hotline_core::dtmf;
use hotline_core::fact::RecordingEnd;

use super::keys::Keys;
use super::lane::LaneLink;
use super::packet::PACKET_MAX;
use super::play::Playing;
use super::ports::Lease;
use super::record::Recorder;
use super::source::{Source, Stats};
use super::wheel::LegKey;
use super::writer::Job;
use super::{Frame, MediaEvent, MediaEvents, Remote};

use out::Out;
use relay::RelayMap;

/// What the whole of media counts.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) events_dropped: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) send_failed: AtomicU64,
    pub(super) relay_dropped: AtomicU64,
    pub(super) tap_dropped: AtomicU64,
    pub(super) recording_gaps: AtomicU64,
    pub(super) faults: AtomicU64,
    pub(super) stalls: AtomicU64,
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
    pub(super) length: usize,
}

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
    keys: Keys,
    playing: Option<Playing>,
    recorder: Option<Box<Recorder>>,
    /// A recording that waits for `connect`: only then the codec is known.
    recorder_waits: Option<Box<Recorder>>,
    tap: Option<Sender<Frame>>,
    out: Out,
    relay: Option<RelayMap>,
    relayed_at: Instant,
    heard_at: Instant,
    silent_told: bool,
    events_received: u16,
    #[cfg(test)]
    pub(super) faulty: Option<&'static str>,
    /// Dropped last, after the sockets.
    _lease: Lease,
}

impl LegState {
    pub(super) fn new(
        key: LegKey,
        pair: super::ports::Pair,
        (events, stats, totals): (MediaEvents, Arc<Stats>, Arc<Totals>),
        now: Instant,
    ) -> Self {
        let out = Out {
            ssrc: rand::random(),
            sequence: rand::random(),
            timestamp: rand::random(),
            end: 0,
            started: false,
            talking: false,
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
            source: Source::default(),
            digits: dtmf::Receiver::default(),
            keys: Keys::default(),
            playing: None,
            recorder: None,
            recorder_waits: None,
            tap: None,
            out,
            relay: None,
            relayed_at: now,
            heard_at: now,
            silent_told: false,
            events_received: 0,
            #[cfg(test)]
            faulty: None,
            _lease: pair.lease,
        }
    }

    pub(super) fn connect(&mut self, remote: Remote, now: Instant) {
        self.source.unlock();
        self.heard_at = now;
        self.silent_told = false;
        self.relay = None;
        self.out.talking = false;
        self.remote = Some(remote);
        if let Some(recorder) = self.recorder_waits.take() {
            self.record(recorder, now);
        }
    }

    pub(super) fn play(&mut self, playing: Option<Playing>) {
        self.playing = playing;
    }

    /// Starts a recording; one that runs is ended, its last job is given back.
    pub(super) fn record(&mut self, mut recorder: Box<Recorder>, now: Instant) -> Option<Job> {
        let replaced = self.stop_record(RecordingEnd::CallEnded);
        if let Some(remote) = &self.remote {
            let wall = crate::clock::now().wall.as_millisecond();
            recorder.begin(remote.codec, u64::try_from(wall).unwrap_or(0), now);
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

    pub(super) fn bridge(&mut self, peer: Peer, now: Instant) {
        self.playing = None;
        self.keys.clear();
        self.peer = Some(peer);
        self.relay = None;
        self.relayed_at = now;
    }

    pub(super) fn unbridge(&mut self) {
        self.peer = None;
        self.relay = None;
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
