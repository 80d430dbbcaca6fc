//! The peer of a leg holds the call: this leg hears our music, unless the phone that holds sends music of its own. In a
//! room others may go on talking with whoever waits: the music goes on below what they say.

use std::time::{Duration, Instant};

use hotline_core::audio::clip::Form;
use hotline_core::audio::{Law, g711};

use super::super::mix::{FRAME, limit};
use super::super::packet::HEADER_BYTES;
use super::super::play::{Played, Playing};
use super::LegState;

/// A phone that holds the call and sends nothing for so long has no music of its own.
const OWN_MUSIC: Duration = Duration::from_millis(200);

/// Mean square above which somebody speaks in a room: -40 dB of full scale.
const SPEECH: i64 = 328 * 328;
/// So long after the last word the music is as loud as before, turns of a room.
const SPEECH_TURNS: u8 = 50;
/// What is left of the music below somebody's words.
const BELOW_WORDS: f32 = 0.12;

/// What is heard while the peer holds the call.
#[derive(Debug)]
pub(super) struct Hold {
    music: Playing,
    /// It sounds.
    sounds: bool,
    /// Its next frame is the last of it, or of this stretch of it.
    fades: bool,
    /// The call is held no longer.
    over: bool,
    /// How loud it is.
    gain: f32,
    /// Turns for which somebody in the room counts as speaking.
    spoken: u8,
}

impl Hold {
    const fn new(music: Playing) -> Self {
        Self { music, sounds: false, fades: false, over: false, gain: 0.0, spoken: 0 }
    }
}

impl LegState {
    /// The peer holds the call, or does so no longer.
    pub(in crate::rtp) fn held(&mut self, music: Option<Playing>) {
        match (music, &mut self.hold) {
            (Some(music), _) => self.hold = Some(Hold::new(music)),
            (None, Some(hold)) if hold.gain > 0.0 => (hold.fades, hold.over) = (true, true),
            (None, _) => self.hold = None,
        }
    }

    /// Puts `samples` of the music into the packet and gives its bytes; `None`: none is to be heard now.
    pub(super) fn hold_music(&mut self, form: Form, samples: usize, now: Instant) -> Option<usize> {
        let heard = now.saturating_duration_since(self.relayed_at) < OWN_MUSIC;
        let hold = self.hold.as_mut()?;
        // In a room it is part of what is mixed.
        if self.seat.is_some() || (!hold.fades && (heard || self.peer.is_none())) {
            return None;
        }
        let body = &mut self.out.packet[HEADER_BYTES..];
        let (length, ends) = match hold.music.frame(form, samples, body) {
            Played::Frame(length) => (Some(length), false),
            Played::Last(_, length) => (Some(length), true),
            Played::Nothing(_) => (None, true),
        };
        // Other codecs have nothing that could be faded without being decoded.
        if let (Form::Law(law), Some(length)) = (form, length)
            && (hold.fades || !hold.sounds)
        {
            fade(law, &mut body[..length], hold.fades);
        }
        hold.sounds = !hold.fades;
        hold.gain = f32::from(u8::from(hold.sounds));
        hold.fades = false;
        if hold.over || ends {
            self.hold = None;
        }
        length
    }

    /// The music may have to begin soon: the leg has a turn every frame.
    pub(super) const fn waits_for_hold(&self) -> bool {
        self.hold.is_some()
    }

    /// Adds the music to what a member of a room hears. `own`: whoever holds sends music of their own.
    pub(super) fn mix_hold(&mut self, heard: &mut [i16; FRAME], own: bool) {
        let Some(hold) = &mut self.hold else { return };
        let power = heard.iter().map(|sample| i64::from(*sample).pow(2)).sum::<i64>() / FRAME as i64;
        hold.spoken = if power > SPEECH { SPEECH_TURNS } else { hold.spoken.saturating_sub(1) };
        let to = match (hold.over || own, hold.spoken) {
            (true, _) => 0.0,
            (false, 0) => 1.0,
            (false, _) => BELOW_WORDS,
        };
        let from = std::mem::replace(&mut hold.gain, to);
        (hold.sounds, hold.fades) = (to >= 1.0, false);
        let mut body = [0; FRAME];
        let mut ends = hold.over;
        if from > 0.0 || to > 0.0 {
            // G.711 whatever the leg speaks: any sample of it can be had without the ones before.
            ends |= !matches!(hold.music.frame(Form::Law(Law::Mu), FRAME, &mut body), Played::Frame(_));
            for (n, (sample, byte)) in heard.iter_mut().zip(&body).enumerate() {
                let gain = from + (to - from) * (n as f32 / FRAME as f32);
                let music = (f32::from(g711::decode(Law::Mu, *byte)) * gain) as i32;
                *sample = limit(i32::from(*sample) + music);
            }
        }
        if ends {
            self.hold = None;
        }
    }

    /// Something is relayed while the music sounds: it has one more frame to fade, and what is relayed waits for that.
    pub(super) fn fades_hold(&mut self) -> bool {
        let Some(hold) = self.hold.as_mut().filter(|hold| hold.sounds) else { return false };
        hold.fades = true;
        true
    }
}

/// Fades a frame in or out.
fn fade(law: Law, body: &mut [u8], out: bool) {
    let length = body.len().max(1) as i32;
    for (n, byte) in body.iter_mut().enumerate() {
        let share = if out { length - n as i32 } else { n as i32 };
        *byte = g711::encode(law, (i32::from(g711::decode(law, *byte)) * share / length) as i16);
    }
}
