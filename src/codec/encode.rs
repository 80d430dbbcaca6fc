//! Samples to payload.

use hotline_core::audio::{Codec, g711, g722};

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
    /// Not yet: gives nothing.
    Opus,
}

impl Encoder {
    /// Begins a stream.
    pub fn new(codec: Codec) -> Self {
        let kind = match codec {
            Codec::Pcmu => Kind::Law(g711::Law::Mu),
            Codec::Pcma => Kind::Law(g711::Law::A),
            Codec::G722 => Kind::G722(Box::default()),
            Codec::Opus => Kind::Opus,
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
            Kind::Opus => 0,
        }
    }
}
