//! The peer of a bridged leg holds the call: this leg hears our music, unless the phone sends music of its own.

use std::time::{Duration, Instant};

use hotline_core::audio::clip::Form;
use hotline_core::audio::{Law, g711};

use super::super::packet::HEADER_BYTES;
use super::super::play::{Played, Playing};
use super::LegState;

/// A phone that holds the call and sends nothing for so long has no music of its own.
const OWN_MUSIC: Duration = Duration::from_millis(200);

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
}

impl LegState {
    /// The peer holds the call, or does so no longer.
    pub(in crate::rtp) fn held(&mut self, music: Option<Playing>) {
        match (music, &mut self.hold) {
            (Some(music), _) => self.hold = Some(Hold { music, sounds: false, fades: false, over: false }),
            (None, Some(hold)) if hold.sounds => (hold.fades, hold.over) = (true, true),
            (None, _) => self.hold = None,
        }
    }

    /// Puts `samples` of the music into the packet and gives its bytes; `None`: none is to be heard now.
    pub(super) fn hold_music(&mut self, form: Form, samples: usize, now: Instant) -> Option<usize> {
        let heard = now.saturating_duration_since(self.relayed_at) < OWN_MUSIC;
        let hold = self.hold.as_mut()?;
        if !hold.fades && (heard || (self.peer.is_none() && self.seat.is_none())) {
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

    /// The music is heard now.
    pub(super) fn hold_sounds(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.sounds)
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
