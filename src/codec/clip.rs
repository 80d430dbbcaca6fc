//! Clips and silence in every codec.

use std::sync::Arc;

use hotline_core::audio::clip::{Encoded, Form};
use hotline_core::audio::{Clip, g711, g722};

/// A G.722 byte that follows itself: the smallest differences, which cancel out.
const G722_SILENCE: u8 = 0xfa;

/// The clip in this form, made at the first call and shared. Takes milliseconds a second of audio the first time.
pub fn encoded(clip: &Clip, form: Form) -> Arc<Encoded> {
    match form {
        Form::Law(law) => {
            let payload = clip.payload(law);
            clip.encoded(form, |_| Encoded::bytewise(payload))
        }
        Form::G722 => clip.encoded(form, wideband),
        Form::Opus20 | Form::Opus10 => clip.encoded(form, |_| Encoded::packets(std::iter::empty())),
    }
}

fn wideband(samples: &[i16]) -> Encoded {
    let mut encoder = g722::Encoder::default();
    let pairs = samples.chunks(2).map(|pair| [pair[0], pair.get(1).copied().unwrap_or(0)]);
    Encoded::bytewise(pairs.map(|pair| encoder.wide(pair)).collect())
}

/// Fills a packet of `samples` (at 8 kHz) with what an idle line sends. Gives its length.
pub fn silence(form: Form, samples: usize, out: &mut [u8]) -> usize {
    let byte = match form {
        Form::Law(law) => g711::silence(law),
        Form::G722 => G722_SILENCE,
        Form::Opus20 | Form::Opus10 => return 0,
    };
    let count = samples.min(out.len());
    out[..count].fill(byte);
    count
}

/// What an idle line sends in a packet of this form; empty where there are no packets.
pub fn silent_packet(form: Form) -> &'static [u8] {
    match form {
        Form::Law(_) | Form::G722 | Form::Opus20 | Form::Opus10 => &[],
    }
}
