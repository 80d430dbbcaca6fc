//! The stream that a leg sends: one SSRC, its numbers and timestamps, whatever its packets come from.

use hotline_core::audio::{Codec, g722};
use hotline_core::call::command::PlayId;
use rustix::net::SendFlags;

use super::super::keys::KeyPacket;
use super::super::packet::{HEADER_BYTES, Header, PACKET_MAX};
use super::super::source::Stats;
use super::{LegState, Moment, Totals};

/// A pause of so long, samples at 8 kHz, ends a talk spurt (RFC 3551 section 4.1).
const PAUSE: u32 = 800;

/// What the packets that we send were made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// Silence, or the noise of a quiet line.
    Quiet,
    Play(PlayId),
    Hold,
    /// The peer's packets as they are.
    Relay,
    /// The peer's packets by a translator.
    Translator,
    Room,
}

/// The stream that we send.
#[derive(Debug)]
pub(super) struct Out {
    pub(super) maker: Maker,
    /// Samples at 8 kHz that are still sent as those that settle a decoder.
    pub(super) settles: usize,
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    /// Added to the lane's clock, counted at the codec's.
    pub(super) timestamp: u32,
    /// Where the last packet ended, in timestamps of the stream.
    pub(super) end: u32,
    pub(super) started: bool,
    /// The last packet was part of a talk spurt.
    pub(super) talking: bool,
    /// Bytes of the last payload.
    pub(super) length: usize,
    /// Payload sent, bytes, for RTCP.
    pub(super) octets: u32,
    pub(super) packet: [u8; PACKET_MAX],
}

impl LegState {
    /// The stream's timestamp at this moment, by the codec's clock.
    pub(super) fn clock(&self, at: Moment) -> u32 {
        self.out.timestamp.wrapping_add(at.samples.wrapping_mul(self.clock_ratio()))
    }

    /// Steps of the stream's clock in one of 8 kHz.
    pub(super) fn clock_ratio(&self) -> u32 {
        self.remote.as_ref().map_or(1, |remote| remote.codec.clock_ratio())
    }

    /// Sends what is in the packet as a frame of our own: `length` bytes that hold so many samples (at 8 kHz).
    pub(super) fn send_frame(&mut self, at: Moment, length: usize, samples: usize, talking: bool) {
        let Some(remote) = &self.remote else { return };
        let payload_type = remote.payload_type;
        self.relay = None;
        let (mut timestamp, ratio) = (self.clock(at), self.clock_ratio());
        let out = &mut self.out;
        let behind = out.end.wrapping_sub(timestamp) as i32;
        if out.started && behind > 0 {
            // A relayed stream ran ahead of our clock: go on at its end.
            out.timestamp = out.timestamp.wrapping_add(behind as u32);
            timestamp = out.end;
        }
        let paused = timestamp.wrapping_sub(out.end) as i32 >= (PAUSE * ratio) as i32;
        let marker = !out.started || paused || (talking && !out.talking);
        out.talking = talking;
        let sequence = out.sequence;
        self.transmit(marker, payload_type, (sequence, timestamp), (length, samples));
        self.record_sent(timestamp, length, at.now);
    }

    /// What is sent next was made by somebody else than what was sent last (`anew`: another one of the same kind).
    ///
    /// Nothing to most codecs. But a decoder of G.722 follows its encoder's steps, and takes the first sounds of another
    /// one, which begins with small steps, for loud ones: a burst of up to full scale. So it is settled before.
    pub(super) fn made_by(&mut self, maker: Maker, anew: bool) {
        let before = std::mem::replace(&mut self.out.maker, maker);
        // Behind a quiet line no loud step is left: clips begin quietly, and what is relayed stays as it is.
        let quiet = before == Maker::Quiet && matches!(maker, Maker::Play(_) | Maker::Relay);
        if (before != maker || anew) && !quiet && self.out.started {
            self.out.settles = g722::SETTLING;
        }
    }

    /// Instead of what was to be sent, as long as that is needed.
    fn settle(&mut self, length: usize) {
        let needed = std::mem::take(&mut self.out.settles);
        if self.remote.as_ref().is_some_and(|remote| remote.codec == Codec::G722) {
            let body = &mut self.out.packet[HEADER_BYTES..HEADER_BYTES + length];
            g722::settle(g722::SETTLING - needed, body);
            self.out.settles = needed.saturating_sub(length);
        }
    }

    pub(super) fn send_key(&mut self, key: KeyPacket) {
        let Some((theirs, _)) = self.remote.as_ref().and_then(|remote| remote.events) else { return };
        self.relay = None;
        self.out.packet[HEADER_BYTES..HEADER_BYTES + key.payload.len()].copy_from_slice(&key.payload);
        let sequence = self.out.sequence;
        let end = self.out.end;
        self.transmit(key.marker, theirs, (sequence, key.timestamp), (key.payload.len(), 0));
        self.out.end = end;
    }

    pub(super) fn transmit(
        &mut self,
        marker: bool,
        payload_type: u8,
        (sequence, timestamp): (u16, u32),
        (length, samples): (usize, usize),
    ) {
        if self.out.settles > 0 && samples > 0 {
            self.settle(length);
        }
        let Some(remote) = &self.remote else { return };
        let ratio = remote.codec.clock_ratio();
        let to = self.source.learned().unwrap_or(remote.address);
        let out = &mut self.out;
        Header { marker, payload_type, sequence, timestamp, ssrc: out.ssrc }.write(&mut out.packet);
        out.started = true;
        out.length = length;
        out.octets = out.octets.wrapping_add(length as u32);
        out.end = timestamp.wrapping_add((samples as u32).wrapping_mul(ratio));
        // A late packet of a relayed stream does not turn the count back.
        if (sequence.wrapping_sub(out.sequence) as i16) >= 0 {
            out.sequence = sequence.wrapping_add(1);
        }
        // The bare system call: std's goes through libc, which prepares for its thread being cancelled each time.
        match rustix::net::sendto(&self.rtp, &out.packet[..HEADER_BYTES + length], SendFlags::empty(), &to) {
            Ok(_) => Stats::count(&self.stats.sent),
            Err(_) => Totals::count(&self.totals.send_failed),
        }
    }
}
