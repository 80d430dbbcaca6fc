//! Payload to samples.

use hotline_core::audio::{Codec, g711, g722, opus as packet};

use super::conceal::Conceal;

/// One direction of one stream, decoded. Packets in order; what is missing by [`Decoder::conceal`].
#[derive(Debug)]
pub struct Decoder {
    codec: Codec,
    kind: Kind,
    bad: u64,
}

#[derive(Debug)]
enum Kind {
    /// The bytes of G.711 stand for themselves.
    Law(g711::Law, Box<Conceal>),
    G722(Box<(g722::Decoder, Conceal)>),
    /// libopus, which conceals by itself; and how much was made up since the last packet, samples.
    Opus(opus::Decoder, usize),
}

/// libopus fills holes in steps of 2.5 ms: samples at 8 kHz.
const OPUS_STEP: usize = 20;
/// What libopus makes up ends in a noise that never ends: held so long, then faded, samples (60 ms, 100 ms).
const OPUS_HOLD: usize = 480;
const OPUS_FADE: usize = 800;

impl Decoder {
    /// Begins a stream.
    pub fn new(codec: Codec) -> Self {
        let kind = match codec {
            Codec::Pcmu => Kind::Law(g711::Law::Mu, Box::default()),
            Codec::Pcma => Kind::Law(g711::Law::A, Box::default()),
            Codec::G722 => Kind::G722(Box::default()),
            Codec::Opus => Kind::Opus(
                opus::Decoder::new(8_000, opus::Channels::Mono).expect("8 kHz mono is among what libopus takes"),
                0,
            ),
        };
        Self { codec, kind, bad: 0 }
    }

    /// Of what.
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// Payloads that could not be decoded.
    pub const fn bad(&self) -> u64 {
        self.bad
    }

    /// Samples at 8 kHz; as many as `out` takes ([`super::SAMPLES_MAX`] is always enough). A payload that can't be
    /// decoded gives 0 and is counted.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> usize {
        let count = match &mut self.kind {
            Kind::Law(law, conceal) => {
                let count = payload.len().min(out.len());
                let out = &mut out[..count];
                for (sample, byte) in out.iter_mut().zip(payload) {
                    *sample = g711::decode(*law, *byte);
                }
                conceal.good(out);
                count
            }
            Kind::G722(state) => {
                let (decoder, conceal) = state.as_mut();
                let count = payload.len().min(out.len());
                let out = &mut out[..count];
                for (sample, byte) in out.iter_mut().zip(payload) {
                    *sample = decoder.narrow(*byte);
                }
                conceal.good(out);
                count
            }
            Kind::Opus(decoder, made) => {
                *made = 0;
                opus(decoder, payload, out)
            }
        };
        self.bad += u64::from(count == 0);
        count
    }

    /// What may have stood in a lost packet: fills the first `samples` of `out`. Gives how many it filled.
    pub fn conceal(&mut self, samples: usize, out: &mut [i16]) -> usize {
        let count = samples.min(out.len());
        let out = &mut out[..count];
        match &mut self.kind {
            Kind::Law(_, conceal) => conceal.fill(out),
            Kind::G722(state) => state.1.fill(out),
            Kind::Opus(decoder, so_far) => {
                let whole = (count / OPUS_STEP * OPUS_STEP).min(super::SAMPLES_MAX);
                // An empty packet is a lost one.
                let made = if whole == 0 { 0 } else { decoder.decode(&[], &mut out[..whole], false).unwrap_or(0) };
                out[made.min(count)..].fill(0);
                for sample in out.iter_mut() {
                    let left = (OPUS_HOLD + OPUS_FADE).saturating_sub(*so_far).min(OPUS_FADE) as i32;
                    *sample = (i32::from(*sample) * left / OPUS_FADE as i32) as i16;
                    *so_far += 1;
                }
            }
        }
        count
    }
}

impl Decoder {
    /// The same, once the packet after the hole is known: one of Opus may hold what was lost just before it (RFC 6716
    /// section 2.1.7). It is decoded afterwards as always.
    pub fn mend(&mut self, next: &[u8], samples: usize, out: &mut [i16]) -> usize {
        let count = samples.min(out.len()).min(super::SAMPLES_MAX) / OPUS_STEP * OPUS_STEP;
        if let Kind::Opus(decoder, _) = &mut self.kind
            && count > 0
            && packet::samples(next).is_some()
            && decoder.decode(next, &mut out[..count], true).is_ok_and(|made| made == count)
        {
            return count;
        }
        self.conceal(samples, out)
    }
}

fn opus(decoder: &mut opus::Decoder, payload: &[u8], out: &mut [i16]) -> usize {
    // Looked at before: an empty payload would mean a lost packet to libopus, and `out` must hold all of it.
    let Some(samples) = packet::samples(payload).filter(|samples| *samples <= out.len()) else { return 0 };
    decoder.decode(payload, &mut out[..samples], false).unwrap_or(0)
}
