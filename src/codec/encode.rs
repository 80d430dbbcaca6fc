//! Samples to payload.

use hotline_core::audio::{Codec, g711, g722, opus as packet};

/// One direction of one stream, encoded.
#[derive(Debug)]
pub struct Encoder {
    codec: Codec,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Law(g711::Law),
    G722(Box<g722::Encoder>),
    Opus(opus::Encoder),
}

/// What a bridged call is encoded with. Measured on one core at 8 kHz, 20 ms: CELT (low delay) at complexity 0 takes
/// 19 µs and has a segmental SNR of 25 dB at 32 kbit/s; SILK takes 30 µs and has 9 dB.
const BITRATE: i32 = 32_000;
const COMPLEXITY: i32 = 0;
/// Frames of a packet: 60 ms of 10, or of 20.
const FRAMES_MAX: usize = 6;
/// Bytes of a frame at most: four times what it takes on average.
const FRAME_BYTES_MAX: usize = 320;

impl Encoder {
    /// Begins a stream.
    pub fn new(codec: Codec) -> Self {
        let kind = match codec {
            Codec::Pcmu => Kind::Law(g711::Law::Mu),
            Codec::Pcma => Kind::Law(g711::Law::A),
            Codec::G722 => Kind::G722(Box::default()),
            Codec::Opus => Kind::Opus(opus_encoder(8_000, BITRATE, COMPLEXITY)),
        };
        Self { codec, kind }
    }

    /// Of what.
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// A packet's payload of samples at 8 kHz: whole tens of milliseconds up to 60. Gives its length; 0 if there is
    /// nothing to send or no room.
    pub fn encode(&mut self, samples: &[i16], out: &mut [u8]) -> usize {
        match &mut self.kind {
            Kind::Law(law) => {
                let Some(out) = out.get_mut(..samples.len()) else { return 0 };
                for (byte, sample) in out.iter_mut().zip(samples) {
                    *byte = g711::encode(*law, *sample);
                }
                samples.len()
            }
            Kind::G722(encoder) => {
                let Some(out) = out.get_mut(..samples.len()) else { return 0 };
                for (byte, sample) in out.iter_mut().zip(samples) {
                    *byte = encoder.narrow(*sample);
                }
                samples.len()
            }
            Kind::Opus(encoder) => opus(encoder, samples, out),
        }
    }
}

/// An encoder of ours. Low delay means CELT alone: every packet of one kind, so that packets of a clip, of silence and of
/// a relayed voice follow each other without a change of mode.
pub(super) fn opus_encoder(rate_hz: u32, bitrate: i32, complexity: i32) -> opus::Encoder {
    const FINE: &str = "libopus takes these settings";
    let mut encoder =
        opus::Encoder::new(rate_hz, opus::Channels::Mono, opus::Application::LowDelay).expect("the rate is libopus's");
    encoder.set_bitrate(opus::Bitrate::Bits(bitrate)).expect(FINE);
    encoder.set_complexity(complexity).expect(FINE);
    encoder
}

/// Frames of 20 ms where they fit, else of 10, joined to one packet.
fn opus(encoder: &mut opus::Encoder, samples: &[i16], out: &mut [u8]) -> usize {
    let each = if samples.len().is_multiple_of(160) { 160 } else { 80 };
    let count = samples.len() / each;
    if !samples.len().is_multiple_of(each) || count == 0 || count > FRAMES_MAX {
        return 0;
    }
    let mut packets = [[0; FRAME_BYTES_MAX]; FRAMES_MAX];
    let mut frames: [&[u8]; FRAMES_MAX] = [&[]; FRAMES_MAX];
    let mut kind = 0;
    for ((piece, made), frame) in samples.chunks_exact(each).zip(&mut packets).zip(&mut frames) {
        let Ok(length) = encoder.encode(piece, made) else { return 0 };
        let Some((first, rest)) = made[..length].split_first() else { return 0 };
        kind = *first;
        *frame = rest;
    }
    packet::join(kind, frames[..count].iter().copied(), out)
}
