//! What the peer heard goes out here: own SSRC, numbers and timestamps, this leg's codec.

use hotline_core::audio::{Codec, g711, noise};

use super::super::packet::{HEADER_BYTES, PAYLOAD_MAX};
use super::super::translate::{Place, Translator};
use super::super::wheel::LegKey;
use super::turn::{RELAY_IDLE, frame_ms};
use super::{LegState, Maker, Moment, Relayed, Totals};

/// A relayed stream whose timestamps jump further than this is a new one (samples at 8 kHz).
const RELAY_JUMP: u32 = 16_000;

/// How a relayed stream is numbered anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct RelayMap {
    ssrc: u32,
    codec: Codec,
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
        let fits = match (relayed.codec.law(), remote.codec.law()) {
            (Some(from), Some(to)) => Some((from, to)),
            (None, None | Some(_)) | (Some(_), None) => None,
        };
        if fits.is_none() && relayed.codec != remote.codec {
            return self.translate(relayed, payload, at);
        }
        let samples = relayed.codec.samples(payload);
        let payload_type = remote.payload_type;
        let another = self.relay.is_some_and(|map| map.ssrc != relayed.ssrc);
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
        self.made_by(Maker::Relay, another);
        self.transmit(marker, payload_type, (sequence, timestamp), (length, samples));
        self.record_sent(timestamp, length, at.now);
    }

    /// What turns the peer's codec into this leg's from now on.
    pub(in crate::rtp) fn translate_by(&mut self, peer: LegKey, translator: Option<Box<Translator>>) {
        // They may be parted by now.
        if self.peer.as_ref().is_some_and(|own| own.key() == peer) {
            self.translator = translator;
        }
    }

    /// Sends on what has another codec than this leg.
    fn translate(&mut self, relayed: Relayed, payload: &[u8], at: Moment) {
        let Some(to) = self.remote.as_ref().map(|remote| remote.codec) else { return };
        // Either side has changed its codec a moment ago: the coders are on their way.
        let fits = |translator: &mut Box<Translator>| translator.turns(relayed.codec, to);
        let Some(mut translator) = self.translator.take_if(fits) else {
            return Totals::count(&self.totals.relay_untranslated);
        };
        let place = match self.relay {
            Some(map) if map.fits(relayed) => translator.place(relayed),
            Some(_) | None => Place::Begins,
        };
        let mended = if let Place::GoesOn { lost, .. } = place { lost } else { 0 };
        let in_time = translator.keeps_time(at.samples, relayed.codec.samples(payload) + mended);
        let place = if in_time { place } else { Place::Late };
        match place {
            Place::Late => Totals::count(&self.totals.relay_late),
            Place::Begins => {
                translator.begin();
                let map = self.begin_relay(relayed, at);
                translator.stands_at(relayed.timestamp.wrapping_add(map.timestamp));
                self.relay = Some(map);
            }
            Place::GoesOn { lost, pause } => {
                if lost > 0 {
                    translator.mend(lost, payload);
                    self.send_translated(&mut translator, at);
                }
                if pause > 0 {
                    let pause = pause - translator.fill_up(self.packet_samples()).min(pause);
                    self.send_translated(&mut translator, at);
                    translator.stands_at(self.out.end.wrapping_add(pause.wrapping_mul(to.clock_ratio())));
                }
                translator.arrive(relayed);
            }
        }
        if place != Place::Late {
            if translator.hear(relayed, payload) {
                self.relay = self.relay.map(|map| RelayMap { last: relayed.timestamp, ..map });
                self.send_translated(&mut translator, at);
            } else {
                Totals::count(&self.totals.relay_untranslated);
            }
        }
        self.translator = Some(translator);
    }

    /// Samples at 8 kHz of a packet towards the other side.
    fn packet_samples(&self) -> usize {
        self.remote.as_ref().map_or(0, |remote| usize::from(frame_ms(remote.ptime_ms)) * 8)
    }

    /// Sends the whole packets that are there.
    fn send_translated(&mut self, translator: &mut Translator, at: Moment) {
        let Some(payload_type) = self.remote.as_ref().map(|remote| remote.payload_type) else { return };
        let samples = self.packet_samples();
        while let Some(length) = translator.packet(samples, &mut self.out.packet[HEADER_BYTES..]) {
            let begins = translator.begins_at();
            let timestamp = begins.unwrap_or(self.out.end);
            self.out.talking = true;
            self.made_by(Maker::Translator, false);
            self.transmit(begins.is_some(), payload_type, (self.out.sequence, timestamp), (length, samples));
            self.record_sent(timestamp, length, at.now);
        }
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
            codec: relayed.codec,
            sequence: self.out.sequence.wrapping_sub(relayed.sequence),
            timestamp: begin.wrapping_sub(relayed.timestamp),
            last: relayed.timestamp,
        }
    }
}

impl RelayMap {
    fn fits(&self, relayed: Relayed) -> bool {
        let jump = (relayed.timestamp.wrapping_sub(self.last) as i32).unsigned_abs();
        (self.ssrc, self.codec) == (relayed.ssrc, relayed.codec) && jump <= RELAY_JUMP * relayed.codec.clock_ratio()
    }
}
