//! One leg on its lane: what it sends at its turn, what it does with a packet.
//!
//! Everything here runs on the lane's thread and touches no lock. Orders have
//! been prepared by whoever gave them (buffers, encoded clips).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use hotline_core::audio::{Codec, g711};
use hotline_core::dtmf;
use hotline_core::fact::RecordingEnd;
use mio::net::UdpSocket;
use rtp_rs::RtpReader;

use super::keys::Keys;
use super::lane::LaneLink;
use super::packet::{HEADER_BYTES, Header, PACKET_MAX, PAYLOAD_MAX};
use super::play::{Played, Playing};
use super::ports::Lease;
use super::record::Recorder;
use super::source::{Heard, Source, Stats};
use super::wheel::{LegKey, TICK_SAMPLES};
use super::writer::Job;
use super::{Frame, MEDIA_TIMEOUT, MediaEvent, MediaEvents, Remote};

/// A bridged leg to which nothing was relayed for so long is sent silence, so that its own timeout and the address
/// translations on the way see packets.
const RELAY_IDLE: Duration = Duration::from_millis(500);
/// Turn of a leg that originates nothing now: it only watches the clock, ticks.
const WATCH_TICKS: u64 = 30;
/// A relayed stream whose timestamps jump further than this is a new one (samples).
const RELAY_JUMP: u32 = 16_000;

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

/// The stream that we send.
#[derive(Debug)]
struct Out {
    ssrc: u32,
    sequence: u16,
    /// Added to the lane's clock.
    timestamp: u32,
    /// Where the last packet ended, in timestamps of the stream.
    end: u32,
    started: bool,
    /// The last packet was part of a talk spurt.
    talking: bool,
    packet: [u8; PACKET_MAX],
}

/// How a relayed stream is numbered anew.
#[derive(Debug, Clone, Copy)]
struct RelayMap {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    last: u32,
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

    // ---- at its turn -------------------------------------------------

    /// The leg's turn: sends a frame if it is its to send. Gives the ticks until the next turn.
    pub(super) fn turn(&mut self, at: Moment, jobs: &mut Vec<Job>) -> u64 {
        #[cfg(test)]
        assert_eq!(self.faulty, None, "a fault, asked for by a test");
        self.watch(at.now, jobs);
        let Some(remote) = &self.remote else { return WATCH_TICKS };
        let ms = u32::from(frame_ms(remote.ptime_ms));
        let (send, codec) = (remote.send, remote.codec);
        let key = if send && remote.events.is_some() {
            let timestamp = self.out.timestamp.wrapping_add(at.samples);
            self.keys.turn(timestamp, ms)
        } else {
            None
        };
        let length = (ms * 8) as usize;
        if let Some(key) = key {
            self.send_key(key);
            // What plays goes on below the tone, unheard.
            self.fill(codec, length);
        } else if let Some(talking) = self.fill(codec, length) {
            if send {
                self.send_frame(at, codec, length, talking);
            }
        } else if self.peer.is_some() && at.now.saturating_duration_since(self.relayed_at) < RELAY_IDLE {
            return WATCH_TICKS;
        } else if send {
            self.out.packet[HEADER_BYTES..HEADER_BYTES + length].fill(g711::silence(codec));
            self.send_frame(at, codec, length, false);
        }
        u64::from(ms) * 8 / u64::from(TICK_SAMPLES)
    }

    fn watch(&mut self, now: Instant, jobs: &mut Vec<Job>) {
        if let Some(end) = self.recorder.as_mut().and_then(|recorder| recorder.turn(now)) {
            jobs.extend(self.stop_record(end));
        }
        let expects = self.remote.as_ref().is_some_and(|remote| remote.receive);
        if expects && !self.silent_told && now.saturating_duration_since(self.heard_at) >= MEDIA_TIMEOUT {
            self.silent_told = true;
            self.emit(MediaEvent::Silent);
        }
    }

    /// Puts what plays into the packet; `None`: nothing plays.
    fn fill(&mut self, codec: Codec, length: usize) -> Option<bool> {
        let playing = self.playing.as_mut()?;
        let played = playing.frame(codec, &mut self.out.packet[HEADER_BYTES..HEADER_BYTES + length]);
        match played {
            Played::Frame => Some(true),
            Played::Last(play) => {
                self.playing = None;
                self.emit(MediaEvent::PlayEnded { play });
                Some(true)
            }
            Played::Nothing(play) => {
                self.playing = None;
                self.emit(MediaEvent::PlayEnded { play });
                None
            }
        }
    }

    /// Sends what is in the packet as a frame of our own.
    fn send_frame(&mut self, at: Moment, codec: Codec, length: usize, talking: bool) {
        self.relay = None;
        let out = &mut self.out;
        let mut timestamp = out.timestamp.wrapping_add(at.samples);
        let behind = out.end.wrapping_sub(timestamp) as i32;
        if out.started && behind > 0 {
            // A relayed stream ran ahead of our clock: go on at its end.
            out.timestamp = out.timestamp.wrapping_add(behind as u32);
            timestamp = out.end;
        }
        let marker = !out.started || (talking && !out.talking);
        out.talking = talking;
        let sequence = out.sequence;
        self.transmit(marker, payload_type_of(self.remote.as_ref(), codec), (sequence, timestamp), length);
    }

    fn send_key(&mut self, key: super::keys::KeyPacket) {
        let Some((theirs, _)) = self.remote.as_ref().and_then(|remote| remote.events) else { return };
        self.relay = None;
        self.out.packet[HEADER_BYTES..HEADER_BYTES + key.payload.len()].copy_from_slice(&key.payload);
        let sequence = self.out.sequence;
        let end = self.out.end;
        self.transmit(key.marker, theirs, (sequence, key.timestamp), key.payload.len());
        self.out.end = end;
    }

    fn transmit(&mut self, marker: bool, payload_type: u8, (sequence, timestamp): (u16, u32), length: usize) {
        let Some(remote) = &self.remote else { return };
        let to = self.source.learned().unwrap_or(remote.address);
        let out = &mut self.out;
        Header { marker, payload_type, sequence, timestamp, ssrc: out.ssrc }.write(&mut out.packet);
        out.started = true;
        out.end = timestamp.wrapping_add(length as u32);
        // A late packet of a relayed stream does not turn the count back.
        if (sequence.wrapping_sub(out.sequence) as i16) >= 0 {
            out.sequence = sequence.wrapping_add(1);
        }
        match self.rtp.send_to(&out.packet[..HEADER_BYTES + length], to) {
            Ok(_) => Stats::count(&self.stats.sent),
            Err(_) => Totals::count(&self.totals.send_failed),
        }
    }

    // ---- a packet came -----------------------------------------------

    /// Takes a datagram. `Some`: its payload (the end of `datagram`) is for the peer.
    pub(super) fn receive<'a>(
        &mut self,
        datagram: &'a [u8],
        from: SocketAddr,
        now: Instant,
        jobs: &mut Vec<Job>,
    ) -> Option<(Relayed, &'a [u8])> {
        let remote = self.remote.as_ref()?;
        let Ok(packet) = RtpReader::new(datagram) else {
            Totals::count(&self.totals.malformed);
            return None;
        };
        let payload = packet.payload();
        if payload.len() > PAYLOAD_MAX {
            Totals::count(&self.totals.malformed);
            return None;
        }
        let (codec, heard) = (remote.codec, self.source.hear(&packet, from, remote, now, &self.stats));
        if heard == Heard::Dropped {
            return None;
        }
        self.heard_at = now;
        self.silent_told = false;
        match heard {
            Heard::Event => {
                self.events_received = self.events_received.wrapping_add(1);
                let (ssrc, timestamp) = (packet.ssrc(), packet.timestamp());
                if let Some(digit) = self.digits.accept(ssrc, timestamp, packet.mark(), payload, now) {
                    self.emit(MediaEvent::Digit { digit });
                }
                None
            }
            Heard::Other | Heard::Dropped => {
                self.events_received = self.events_received.wrapping_add(1);
                None
            }
            Heard::Audio => {
                self.audio(&packet, payload, codec, now, jobs);
                self.peer.as_ref()?;
                let relayed = Relayed {
                    ssrc: packet.ssrc(),
                    sequence: u16::from(packet.sequence_number()).wrapping_sub(self.events_received),
                    timestamp: packet.timestamp(),
                    marker: packet.mark(),
                    codec,
                    length: payload.len(),
                };
                Some((relayed, payload))
            }
        }
    }

    fn audio(&mut self, packet: &RtpReader<'_>, payload: &[u8], codec: Codec, now: Instant, jobs: &mut Vec<Job>) {
        let stream = (packet.ssrc(), packet.timestamp());
        if let Some(end) = self.recorder.as_mut().and_then(|recorder| recorder.packet(stream, codec, payload, now)) {
            jobs.extend(self.stop_record(end));
        }
        if let Some(tap) = &self.tap {
            let mut frame = Frame { timestamp: packet.timestamp(), length: payload.len() as u16, payload: [0; 480] };
            frame.payload[..payload.len()].copy_from_slice(payload);
            if tap.try_send(frame).is_err() {
                Totals::count(&self.totals.tap_dropped);
            }
        }
    }

    /// Sends on what the peer heard: own SSRC, numbers and timestamps, this leg's codec.
    pub(super) fn relay(&mut self, relayed: Relayed, payload: &[u8], at: Moment) {
        let Some(remote) = &self.remote else { return };
        self.relayed_at = at.now;
        if !remote.send || self.playing.is_some() || self.quarantined {
            return;
        }
        let codec = remote.codec;
        let payload_type = remote.payload_type;
        let (map, fresh) = match self.relay {
            Some(map) if map.fits(relayed) => (map, false),
            Some(_) | None => (self.begin_relay(relayed, at), true),
        };
        let marker = relayed.marker || fresh;
        self.relay = Some(RelayMap { last: relayed.timestamp, ..map });
        let sequence = relayed.sequence.wrapping_add(map.sequence);
        let timestamp = relayed.timestamp.wrapping_add(map.timestamp);
        let length = relayed.length.min(PAYLOAD_MAX);
        let body = &mut self.out.packet[HEADER_BYTES..HEADER_BYTES + length];
        body.copy_from_slice(&payload[..length]);
        g711::transcode(relayed.codec, codec, body);
        self.out.talking = true;
        self.transmit(marker, payload_type, (sequence, timestamp), length);
    }

    /// Joins a relayed stream to what we sent before: next number, time by the clock.
    fn begin_relay(&self, relayed: Relayed, at: Moment) -> RelayMap {
        let clock = self.out.timestamp.wrapping_add(at.samples);
        let ahead = self.out.end.wrapping_sub(clock) as i32;
        let begin = if self.out.started && ahead > 0 { self.out.end } else { clock };
        RelayMap {
            ssrc: relayed.ssrc,
            sequence: self.out.sequence.wrapping_sub(relayed.sequence),
            timestamp: begin.wrapping_sub(relayed.timestamp),
            last: relayed.timestamp,
        }
    }
}

impl RelayMap {
    fn fits(&self, relayed: Relayed) -> bool {
        let jump = (relayed.timestamp.wrapping_sub(self.last) as i32).unsigned_abs();
        self.ssrc == relayed.ssrc && jump <= RELAY_JUMP
    }
}

/// The other side's wish, in whole tens of milliseconds: 10–60.
fn frame_ms(ptime_ms: u8) -> u8 {
    (ptime_ms / 10 * 10).clamp(10, 60)
}

fn payload_type_of(remote: Option<&Remote>, codec: Codec) -> u8 {
    let fixed = match codec {
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
    };
    remote.map_or(fixed, |remote| remote.payload_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_whole_tens_of_milliseconds() {
        assert_eq!([0, 5, 10, 20, 25, 30, 60, 200].map(frame_ms), [10, 10, 10, 20, 20, 30, 60, 60]);
    }
}
