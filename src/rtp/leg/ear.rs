//! Keys in what a leg receives: as telephone events, as sound, and each once.

use std::time::Instant;

use rtp_rs::RtpReader;

use super::super::MediaEvent;
use super::super::inband::InBand;
use super::super::play::Playing;
use super::super::suspect::Suspect;
use super::LegState;

impl LegState {
    /// Listens for keys as sound from now on, or no more.
    pub(in crate::rtp) fn listen(&mut self, ear: Option<Box<InBand>>) {
        self.ear = ear;
    }

    /// A packet of a telephone event.
    pub(super) fn hear_event(&mut self, packet: &RtpReader<'_>, payload: &[u8], now: Instant) {
        let (ssrc, timestamp) = (packet.ssrc(), packet.timestamp());
        let digit = self.digits.accept(ssrc, timestamp, packet.mark(), payload, now);
        let counts = match &mut self.ear {
            Some(ear) => {
                let events_hz = self.remote.as_ref().map_or(8_000, |remote| remote.events_hz);
                ear.event((ssrc, timestamp), payload, events_hz, digit.is_some())
            }
            None => true,
        };
        if let Some(digit) = digit.filter(|_| counts) {
            // No mailbox presses a key.
            self.suspect = None;
            self.key_pressed(digit);
        }
    }

    /// A key: what it stops is stopped before anybody is told, so that a busy machine does not talk on.
    fn key_pressed(&mut self, digit: char) {
        self.stop_for_key();
        self.emit(MediaEvent::Digit { digit });
    }

    fn stop_for_key(&mut self) {
        if self.playing.as_ref().is_some_and(Playing::stops_on_key) {
            self.playing = None;
        }
    }

    /// A packet of audio. From an address that nothing vouches for yet no key is taken, as sound no more than as event.
    pub(super) fn hear_keys(&mut self, stream: (u32, u32), payload: &[u8]) {
        if !self.source.is_sure() {
            return;
        }
        let Some(mut ear) = self.ear.take() else { return };
        let mut heard = false;
        ear.hear(stream, payload, |digit| {
            heard = true;
            self.emit(MediaEvent::Tone { digit });
        });
        self.ear = Some(ear);
        if heard {
            self.stop_for_key();
        }
    }

    /// Listens whether a mailbox answered.
    pub(in crate::rtp) fn suspect(&mut self, suspect: Box<Suspect>) {
        self.suspect = Some(suspect);
    }

    pub(super) fn hear_machine(&mut self, stream: (u32, u32), payload: &[u8]) {
        let Some(mut suspect) = self.suspect.take() else { return };
        if let Some(hint) = suspect.hear(stream, payload) {
            self.emit(MediaEvent::Machine { hint });
        }
        if !suspect.is_done() {
            self.suspect = Some(suspect);
        }
    }
}
