//! Clips and silence in every codec.

use std::sync::{Arc, OnceLock};

use hotline_core::audio::clip::{Encoded, Form};
use hotline_core::audio::noise as comfort;
use hotline_core::audio::{Clip, g711, g722};

use super::encode::opus_encoder;

/// The G.722 byte whose differences are zero in the lower band and the smallest in the higher: repeated, it decodes to zeros.
const G722_SILENCE: u8 = 0xfc;
/// What is played is encoded once, so it may cost something.
const BITRATE: i32 = 40_000;
const COMPLEXITY: i32 = 9;
/// Packets at a clip's begin that take nothing from what was heard before: the clip follows any other.
const FRESH: usize = 2;
/// Frames of a packet: 60 ms of 10.
const FRAMES_MAX: usize = 6;
/// Most bytes of a packet.
const PACKET_MAX: usize = 640;

/// The clip in this form, made at the first call and shared. Takes milliseconds a second of audio the first time.
pub fn encoded(clip: &Clip, form: Form) -> Arc<Encoded> {
    match form {
        Form::Law(law) => {
            let payload = clip.payload(law);
            clip.encoded(form, |_| Encoded::bytewise(payload))
        }
        Form::G722 => clip.encoded(form, wideband),
        Form::Opus20 => clip.encoded(form, |samples| opus(samples, 320)),
        Form::Opus10 => clip.encoded(form, |samples| opus(samples, 160)),
    }
}

fn wideband(samples: &[i16]) -> Encoded {
    let mut encoder = g722::Encoder::default();
    let pairs = samples.chunks(2).map(|pair| [pair[0], pair.get(1).copied().unwrap_or(0)]);
    Encoded::bytewise(pairs.map(|pair| encoder.wide(pair)).collect())
}

/// Packets of so many samples at 16 kHz; the last one is filled up with silence.
fn opus(samples: &[i16], each: usize) -> Encoded {
    let mut encoder = opus_encoder(Clip::RATE_HZ, BITRATE, COMPLEXITY);
    let mut packets = Vec::with_capacity(samples.len().div_ceil(each));
    let (mut piece, mut packet) = (vec![0; each], [0; PACKET_MAX]);
    for (number, part) in samples.chunks(each).enumerate() {
        piece[..part.len()].copy_from_slice(part);
        piece[part.len()..].fill(0);
        let set = encoder.set_prediction_disabled(number < FRESH);
        let length = set.and_then(|()| encoder.encode(&piece, &mut packet)).unwrap_or(0);
        packets.push(packet[..length].to_vec());
    }
    Encoded::packets(packets.iter().map(Vec::as_slice))
}

/// Fills a packet of `samples` (at 8 kHz) with what an idle line sends. Gives its length.
pub fn silence(form: Form, samples: usize, out: &mut [u8]) -> usize {
    let byte = match form {
        Form::Law(law) => g711::silence(law),
        Form::G722 => G722_SILENCE,
        Form::Opus20 | Form::Opus10 => {
            let packet = silent_packet(form);
            let count = samples / if form == Form::Opus20 { 160 } else { 80 };
            let Some((kind, frame)) = packet.split_first() else { return 0 };
            return hotline_core::audio::opus::join(*kind, std::iter::repeat_n(frame, count), out);
        }
    };
    let count = samples.min(out.len());
    out[..count].fill(byte);
    count
}

/// Makes the packets of silence and of noise, so that nobody waits for them later.
pub fn prepare() {
    for form in [Form::Opus20, Form::Opus10] {
        silent_packet(form);
    }
    kept_noise();
}

/// Fills a packet of `samples` (at 8 kHz) with the noise of a quiet line, `dbov` below overload; `from` is the place in
/// the noise. Gives the packet's length and where the next one goes on. G.711 has its own (`core/audio/noise`).
pub fn noise(form: Form, dbov: u8, from: usize, samples: usize, out: &mut [u8]) -> (usize, usize) {
    let level = comfort::KEPT_DBOV.iter().position(|kept| *kept >= dbov).unwrap_or(comfort::KEPT_DBOV.len() - 1);
    let of = |place: usize| &kept_noise()[level][place];
    let (kept, each) = match form {
        Form::Law(_) => return (0, from),
        Form::G722 => (of(0), 1),
        Form::Opus20 => (of(1), 160),
        Form::Opus10 => (of(2), 80),
    };
    let (count, whole) = (samples / each, kept.len());
    if each == 1 {
        let count = count.min(out.len());
        for (n, byte) in out[..count].iter_mut().enumerate() {
            *byte = kept.bytes()[(from + n) % whole];
        }
        return (count, (from + count) % whole);
    }
    let packets = (0..count).filter_map(|n| kept.packet((from + n) % whole)?.split_first());
    let mut frames: [&[u8]; FRAMES_MAX] = [&[]; FRAMES_MAX];
    let (mut kind, mut found) = (0, 0);
    for ((first, frame), place) in packets.zip(&mut frames) {
        (kind, *place) = (*first, frame);
        found += 1;
    }
    let length = hotline_core::audio::opus::join(kind, frames[..found].iter().copied(), out);
    (length, (from + count) % whole)
}

/// A second of noise at each level, in G.722, Opus of 20 and of 10 ms.
fn kept_noise() -> &'static [[Encoded; 3]; comfort::KEPT_DBOV.len()] {
    static KEPT: OnceLock<[[Encoded; 3]; comfort::KEPT_DBOV.len()]> = OnceLock::new();
    KEPT.get_or_init(|| {
        comfort::KEPT_DBOV.map(|dbov| {
            let (mut source, peak) = (comfort::Noise::new(0x5eed), comfort::peak(dbov));
            let samples: Vec<i16> = (0..Clip::RATE_HZ).map(|_| source.sample(peak) as i16).collect();
            [wideband(&samples), opus(&samples, 320), opus(&samples, 160)]
        })
    })
}

/// What an idle line sends in a packet of this form; empty where there are no packets.
pub fn silent_packet(form: Form) -> &'static [u8] {
    static TWENTY: OnceLock<Vec<u8>> = OnceLock::new();
    static TEN: OnceLock<Vec<u8>> = OnceLock::new();
    let (cell, each) = match form {
        Form::Law(_) | Form::G722 => return &[],
        Form::Opus20 => (&TWENTY, 320),
        Form::Opus10 => (&TEN, 160),
    };
    cell.get_or_init(|| {
        let silent = opus(&vec![0; each * 2], each);
        silent.packet(1).unwrap_or_default().to_vec()
    })
}
