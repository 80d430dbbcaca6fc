//! The leg's turn on the wheel: what it originates, and what it watches.

use std::time::{Duration, Instant};

use hotline_core::audio::clip::Form;

use super::super::packet::HEADER_BYTES;
use super::super::play::{Played, Playing};
use super::super::wheel::TICK_SAMPLES;
use super::super::writer::Job;
use super::super::{MEDIA_TIMEOUT, MediaEvent};
use super::{LegState, Maker, Moment};
use crate::codec;

/// A bridged leg to which nothing was relayed for so long is sent silence, so that its own timeout and the address
/// translations on the way see packets.
pub(super) const RELAY_IDLE: Duration = Duration::from_millis(500);
/// A leg that is only recorded is sent a packet of silence this often: enough for address translations and timeouts on
/// the way. Silence that nobody hears fifty times a second would cost as much as the recording.
const KEEP_OPEN_MS: u32 = 400;
/// Turn of a leg that originates nothing now: it only watches the clock, ticks.
const WATCH_TICKS: u64 = 30;

impl LegState {
    /// The leg's turn: sends a frame if it is its to send. Gives the ticks until the next turn.
    pub(in crate::rtp) fn turn(&mut self, at: Moment, jobs: &mut Vec<Job>) -> u64 {
        #[cfg(test)]
        assert_ne!(self.faulty, Some("now"), "a fault, asked for by a test");
        self.watch(at.now, jobs);
        self.report(at);
        let Some(remote) = &self.remote else { return WATCH_TICKS };
        let ms = u32::from(frame_ms(remote.ptime_ms));
        let (send, form) = (remote.send, Form::new(remote.codec, frame_ms(remote.ptime_ms)));
        let key = if send && remote.events.is_some() {
            let timestamp = self.clock(at);
            self.keys.turn(timestamp, ms, remote.events_hz)
        } else {
            None
        };
        let samples = (ms * 8) as usize;
        let plays = self.playing.as_ref().map(Playing::id);
        if let Some(key) = key {
            self.send_key(key);
            // What plays goes on below the tone, unheard.
            self.fill(form, samples);
        } else if let Some(length) = self.fill(form, samples) {
            if send {
                self.made_by(plays.map_or(Maker::Quiet, Maker::Play), false);
                self.send_frame(at, length, samples, true);
            }
        } else if let Some(length) = self.hold_music(form, samples, at.now) {
            if send {
                self.made_by(Maker::Hold, false);
                self.send_frame(at, length, samples, true);
            }
        } else if self.waits_for_hold() || self.seat.is_some() {
            // The music may have to begin at the next turn; what is said in a room is sent by the room.
        } else if self.peer.is_some() && at.now.saturating_duration_since(self.relayed_at) < RELAY_IDLE {
            return WATCH_TICKS;
        } else if self.recorder.as_ref().is_some_and(|recorder| recorder.is_alone()) {
            let since = self.clock(at).wrapping_sub(self.out.end) as i32;
            if send && (!self.out.started || since >= (KEEP_OPEN_MS * 8 * self.clock_ratio()) as i32) {
                let length = self.quiet(form, samples);
                self.made_by(Maker::Quiet, false);
                self.send_frame(at, length, samples, false);
            }
            return WATCH_TICKS;
        } else if send {
            let length = self.quiet(form, samples);
            self.made_by(Maker::Quiet, false);
            self.send_frame(at, length, samples, false);
        }
        u64::from(ms) * 8 / u64::from(TICK_SAMPLES)
    }

    /// Puts the sound of a quiet line into the packet and gives its bytes. While the other side is recorded it is
    /// silence: noise that comes back as an echo is no end of speech.
    fn quiet(&mut self, form: Form, samples: usize) -> usize {
        let body = &mut self.out.packet[HEADER_BYTES..];
        match form {
            Form::Law(law) if self.recorder.is_none() => {
                let (level, from) = self.background;
                let length = samples.min(body.len());
                self.background.1 = self.totals.noise.fill(law, level, from, &mut body[..length]);
                length
            }
            Form::G722 | Form::Opus10 | Form::Opus20 if self.recorder.is_none() => {
                let (level, from) = self.background;
                let (length, next) = codec::noise(form, level, from, samples, body);
                self.background.1 = next;
                length
            }
            Form::Law(_) | Form::G722 | Form::Opus10 | Form::Opus20 => codec::silence(form, samples, body),
        }
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

    /// Puts what plays into the packet and gives its bytes; `None`: nothing plays.
    fn fill(&mut self, form: Form, samples: usize) -> Option<usize> {
        let playing = self.playing.as_mut()?;
        match playing.frame(form, samples, &mut self.out.packet[HEADER_BYTES..]) {
            Played::Frame(length) => Some(length),
            Played::Last(play, length) => {
                self.playing = None;
                self.emit(MediaEvent::PlayEnded { play });
                Some(length)
            }
            Played::Nothing(play) => {
                self.playing = None;
                self.emit(MediaEvent::PlayEnded { play });
                None
            }
        }
    }
}

/// The other side's wish, in whole tens of milliseconds: 10–60.
pub(in crate::rtp) const fn frame_ms(ptime_ms: u8) -> u8 {
    match ptime_ms {
        0..10 => 10,
        10..=60 => ptime_ms / 10 * 10,
        61.. => 60,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_whole_tens_of_milliseconds() {
        assert_eq!([0, 5, 10, 20, 25, 30, 60, 200].map(frame_ms), [10, 10, 10, 20, 20, 30, 60, 60]);
    }
}
