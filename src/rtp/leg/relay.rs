//! What the peer heard goes out here: own SSRC, numbers and timestamps, this leg's codec.

use hotline_core::audio::{g711, noise};

use super::super::packet::{HEADER_BYTES, PAYLOAD_MAX};
use super::turn::RELAY_IDLE;
use super::{LegState, Moment, Relayed};

/// A relayed stream whose timestamps jump further than this is a new one (samples).
const RELAY_JUMP: u32 = 16_000;

/// How a relayed stream is numbered anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct RelayMap {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    last: u32,
}

impl LegState {
    /// Sends on what the peer heard: own SSRC, numbers and timestamps, this leg's codec.
    pub(in crate::rtp) fn relay(&mut self, relayed: Relayed, payload: &[u8], at: Moment) {
        if relayed.length == 0 {
            return self.relay_noise(payload, at);
        }
        self.relayed_at = at.now;
        if self.fades_hold() {
            return;
        }
        let Some(remote) = &self.remote else { return };
        if !remote.send || self.playing.is_some() || self.quarantined {
            return;
        }
        let samples = relayed.codec.samples(payload);
        let fits = match (relayed.codec.law(), remote.codec.law()) {
            (Some(from), Some(to)) => Some((from, to)),
            (None, None | Some(_)) | (Some(_), None) => None,
        };
        if fits.is_none() && relayed.codec != remote.codec {
            return;
        }
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
        if let Some((from, to)) = fits {
            g711::transcode(from, to, body);
        }
        self.out.talking = true;
        self.transmit(marker, payload_type, (sequence, timestamp), (length, samples));
        self.record_sent(timestamp, length, at.now);
    }

    /// The peer sends nothing for a while, and this is its background: noise of our own follows at the next turn.
    fn relay_noise(&mut self, payload: &[u8], at: Moment) {
        if let Some(level) = noise::level_of(payload) {
            self.background.0 = level;
            self.relayed_at = at.now.checked_sub(RELAY_IDLE).unwrap_or(at.now);
        }
    }

    /// Joins a relayed stream to what we sent before: next number, time by the clock.
    fn begin_relay(&self, relayed: Relayed, at: Moment) -> RelayMap {
        let clock = self.clock(at);
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
