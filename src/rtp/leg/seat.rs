//! A leg in a room: what it says goes into its jitter buffer, what it hears comes from the mixer.

use std::time::Instant;

use hotline_core::audio::Codec;
use hotline_core::audio::jitter::Mark;
use rtp_rs::RtpReader;

use super::super::mix::{FRAME, Live, Seat};
use super::super::packet::HEADER_BYTES;
use super::super::wheel::LegKey;
use super::turn::frame_ms;
use super::{LegState, Maker, Moment, Peer};

/// Further apart than this the stream that we send begins anew by the clock, samples at 8 kHz.
const APART: u32 = 800;

impl LegState {
    /// Takes a seat; one that it has already stays. `said`: its last words that the bridge has carried.
    pub(in crate::rtp) fn sit(&mut self, seat: Box<Seat>, said: Option<(Codec, &[u8])>) {
        if let Some(own) = &mut self.seat {
            own.room = seat.room;
            return;
        }
        let mut seat = seat;
        if let Some((codec, payload)) = said {
            seat.prime(codec, payload);
        }
        // The stream goes on where the relayed one stopped.
        seat.flowing = self.relay.is_some();
        self.playing = None;
        self.seat = Some(seat);
    }

    /// The room that it sits in.
    pub(in crate::rtp) fn room(&self) -> Option<LegKey> {
        self.seat.as_ref().map(|seat| seat.room)
    }

    /// Leaves its room.
    pub(in crate::rtp) fn rise(&mut self) {
        self.seat = None;
    }

    /// The leg of this lane that it is bridged with.
    pub(in crate::rtp) fn bridged_here(&self) -> Option<LegKey> {
        match &self.peer {
            Some(Peer::Here(peer)) if self.seat.is_none() => Some(*peer),
            Some(Peer::Here(_) | Peer::There(..)) | None => None,
        }
    }

    /// The last packet that was relayed to it, if that still goes on.
    pub(in crate::rtp) fn last_relayed(&self, last: &mut [u8], length: &mut usize) -> Option<Codec> {
        self.relay.as_ref()?;
        *length = self.out.length.min(last.len());
        last[..*length].copy_from_slice(&self.out.packet[HEADER_BYTES..HEADER_BYTES + *length]);
        self.remote.as_ref().map(|remote| remote.codec)
    }

    /// A packet of a leg in a room; false: it is in none.
    pub(super) fn seated(&mut self, packet: &RtpReader<'_>, payload: &[u8], codec: Codec, now: Instant) -> bool {
        let Some(seat) = &mut self.seat else { return false };
        seat.hear(codec, (packet.ssrc(), packet.timestamp()), payload, now);
        true
    }

    /// What it says in this turn; false: it sends nothing.
    pub(in crate::rtp) fn say(&mut self, frame: &mut [i16; FRAME], now: Instant) -> bool {
        #[cfg(test)]
        assert_ne!(self.faulty, Some("in its room"), "a fault, asked for by a test");
        self.seat.as_mut().is_some_and(|seat| seat.frame(frame, now))
    }

    /// What it said and nobody heard yet.
    pub(in crate::rtp) fn rest(&mut self, out: &mut [i16; FRAME]) -> usize {
        self.seat.as_mut().map_or(0, |seat| seat.rest(out))
    }

    /// This moment of what it says.
    pub(in crate::rtp) fn mark(&self) -> Mark {
        self.seat.as_ref().map_or_else(Mark::default, |seat| seat.mark())
    }

    /// Nothing that it said before is to be heard any more.
    pub(in crate::rtp) fn is_past(&self, mark: Mark) -> bool {
        self.seat.as_ref().is_none_or(|seat| seat.is_past(mark))
    }

    /// Its phone holds the call: it wants to hear nothing.
    pub(in crate::rtp) fn holds(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| !remote.send)
    }

    /// What it hears in this turn; goes out when its packet is full. What plays goes before.
    pub(in crate::rtp) fn hear_mixed(&mut self, samples: &mut [i16; FRAME], who: Live, at: Moment) {
        if who.sends {
            self.relayed_at = at.now;
        }
        if self.playing.is_some() || self.holds() {
            if let Some(seat) = &mut self.seat {
                seat.silence();
            }
            return;
        }
        self.mix_hold(samples, who.holder_sends);
        if let Some(seat) = &mut self.seat {
            seat.mixed(samples);
            self.send_mixed(false, at);
        }
    }

    /// The last of what it hears from a room.
    pub(in crate::rtp) fn hear_rest(&mut self, samples: &[i16], at: Moment) {
        let busy = self.playing.is_some() || self.holds();
        let Some(seat) = &mut self.seat else { return };
        if !busy {
            seat.mixed(samples);
            self.send_mixed(samples.len() < FRAME, at);
        }
    }

    fn send_mixed(&mut self, all: bool, at: Moment) {
        let Some(remote) = &self.remote else { return };
        let (codec, payload_type) = (remote.codec, remote.payload_type);
        let samples = usize::from(frame_ms(remote.ptime_ms)) * 8;
        while let Some(seat) = &mut self.seat {
            let body = &mut self.out.packet[HEADER_BYTES..];
            let Some((length, heard)) = seat.packet(codec, samples, all, body) else { return };
            let flowing = std::mem::replace(&mut seat.flowing, true);
            let clock = self.clock(at);
            let ahead = self.out.end.wrapping_sub(clock) as i32;
            let goes_on =
                self.out.started && (ahead > 0 || (flowing && ahead.unsigned_abs() < APART * codec.clock_ratio()));
            let timestamp = if goes_on { self.out.end } else { clock };
            let marker = !flowing || !self.out.talking;
            self.out.talking = true;
            self.relay = None;
            self.made_by(Maker::Room, false);
            self.transmit(marker, payload_type, (self.out.sequence, timestamp), (length, heard));
            self.record_sent(timestamp, length, at.now);
        }
    }
}
