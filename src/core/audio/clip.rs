//! Audio that is played to many, encoded once per codec.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::{Codec, Law, g711, resample};

/// Audio that is played to many: 16 kHz mono samples, encoded once per form and shared.
#[derive(Debug)]
pub struct Clip {
    samples: Vec<i16>,
    forms: [OnceLock<Arc<Encoded>>; Form::COUNT],
}

/// In which shape a clip goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// G.711, a byte every 125 µs.
    Law(Law),
    /// G.722, a byte every 125 µs.
    G722,
    /// Opus in packets of 20 ms.
    Opus20,
    /// Opus in packets of 10 ms, for packet times that are no multiple of 20 ms.
    Opus10,
}

impl Form {
    /// How many there are.
    pub const COUNT: usize = 5;

    /// The form for packets of so many milliseconds.
    pub const fn new(codec: Codec, ptime_ms: u8) -> Self {
        match codec {
            Codec::Pcmu => Self::Law(Law::Mu),
            Codec::Pcma => Self::Law(Law::A),
            Codec::G722 => Self::G722,
            Codec::Opus if ptime_ms.is_multiple_of(20) => Self::Opus20,
            Codec::Opus => Self::Opus10,
        }
    }

    const fn place(self) -> usize {
        match self {
            Self::Law(Law::Mu) => 0,
            Self::Law(Law::A) => 1,
            Self::G722 => 2,
            Self::Opus20 => 3,
            Self::Opus10 => 4,
        }
    }
}

/// A clip in one form.
#[derive(Debug)]
pub struct Encoded {
    bytes: Arc<[u8]>,
    /// Where each packet ends in `bytes`; `None`: there are no packets, a byte is 125 µs.
    ends: Option<Box<[u32]>>,
}

impl Encoded {
    /// A byte every 125 µs.
    pub fn bytewise(bytes: Arc<[u8]>) -> Self {
        Self { bytes, ends: None }
    }

    /// Packets, one after the other.
    pub fn packets<'a>(packets: impl Iterator<Item = &'a [u8]>) -> Self {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for packet in packets {
            bytes.extend_from_slice(packet);
            ends.push(bytes.len() as u32);
        }
        Self { bytes: bytes.into(), ends: Some(ends.into()) }
    }

    /// All of it.
    pub const fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Packets, or bytes where there are no packets.
    pub fn len(&self) -> usize {
        self.ends.as_ref().map_or(self.bytes.len(), |ends| ends.len())
    }

    /// Nothing is to be played.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The packet of this number; `None`: there is none.
    pub fn packet(&self, number: usize) -> Option<&[u8]> {
        let ends = self.ends.as_ref()?;
        let end = *ends.get(number)? as usize;
        let begin = number.checked_sub(1).map_or(0, |before| ends[before] as usize);
        self.bytes.get(begin..end)
    }
}

impl Clip {
    /// Sample rate of every clip, Hz.
    pub const RATE_HZ: u32 = 16_000;

    /// From 16 kHz mono samples.
    pub fn new(samples: Vec<i16>) -> Self {
        Self { samples, forms: [const { OnceLock::new() }; Form::COUNT] }
    }

    /// The samples, 16 kHz mono.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Length.
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.samples.len() as u64 * 1_000_000 / u64::from(Self::RATE_HZ))
    }

    /// The clip in a form, made by `make` from the 16 kHz samples at the first call and shared.
    pub fn encoded(&self, form: Form, make: impl FnOnce(&[i16]) -> Encoded) -> Arc<Encoded> {
        Arc::clone(self.forms[form.place()].get_or_init(|| Arc::new(make(&self.samples))))
    }

    /// The clip in G.711.
    pub fn payload(&self, law: Law) -> Arc<[u8]> {
        let make = |samples: &[i16]| {
            let narrow = resample::resample(samples, Self::RATE_HZ, 8_000);
            Encoded::bytewise(narrow.into_iter().map(|sample| g711::encode(law, sample)).collect())
        };
        Arc::clone(self.encoded(Form::Law(law), make).bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_encoded_once_and_half_as_long() {
        let clip = Clip::new((0..16_000).map(|i| ((i % 40) * 500 - 10_000) as i16).collect());
        assert_eq!(clip.duration(), Duration::from_secs(1));
        let first = clip.payload(Law::A);
        assert_eq!(first.len(), 8_000);
        assert!(Arc::ptr_eq(&first, &clip.payload(Law::A)));
        assert_ne!(first, clip.payload(Law::Mu));
    }

    #[test]
    fn silence_is_the_idle_byte() {
        let clip = Clip::new(vec![0; 320]);
        assert!(clip.payload(Law::Mu).iter().all(|b| *b == g711::MU_SILENCE));
        assert!(clip.payload(Law::A).iter().all(|b| *b == g711::A_SILENCE));
    }

    #[test]
    fn packets_are_found_by_their_number() {
        let encoded = Encoded::packets([&b"one"[..], b"", b"three"].into_iter());
        assert_eq!(encoded.len(), 3);
        let packets: Vec<_> = (0..4).map(|number| encoded.packet(number)).collect();
        assert_eq!(packets, [Some(&b"one"[..]), Some(b""), Some(b"three"), None]);
    }

    #[test]
    fn twenty_milliseconds_go_into_forty_and_sixty() {
        let forms = [10, 20, 30, 40, 50, 60].map(|ms| Form::new(Codec::Opus, ms));
        let (ten, twenty) = (Form::Opus10, Form::Opus20);
        assert_eq!(forms, [ten, twenty, ten, twenty, ten, twenty]);
    }
}
