//! Audio that is played to many, encoded once per codec.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::{Codec, g711, resample};

/// Audio that is played to many: 16 kHz mono samples, encoded once per codec and shared.
#[derive(Debug)]
pub struct Clip {
    samples: Vec<i16>,
    pcmu: OnceLock<Arc<[u8]>>,
    pcma: OnceLock<Arc<[u8]>>,
}

impl Clip {
    /// Sample rate of every clip, Hz.
    pub const RATE_HZ: u32 = 16_000;

    /// From 16 kHz mono samples.
    pub fn new(samples: Vec<i16>) -> Self {
        Self { samples, pcmu: OnceLock::new(), pcma: OnceLock::new() }
    }

    /// The samples, 16 kHz mono.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Length.
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.samples.len() as u64 * 1_000_000 / u64::from(Self::RATE_HZ))
    }

    /// The clip in `codec`, encoded at the first call and shared.
    pub fn payload(&self, codec: Codec) -> Arc<[u8]> {
        let cell = match codec {
            Codec::Pcmu => &self.pcmu,
            Codec::Pcma => &self.pcma,
        };
        Arc::clone(cell.get_or_init(|| {
            let narrow = resample::resample(&self.samples, Self::RATE_HZ, codec.clock_hz());
            narrow.into_iter().map(|sample| g711::encode(codec, sample)).collect()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_encoded_once_and_half_as_long() {
        let clip = Clip::new((0..16_000).map(|i| ((i % 40) * 500 - 10_000) as i16).collect());
        assert_eq!(clip.duration(), Duration::from_secs(1));
        let first = clip.payload(Codec::Pcma);
        assert_eq!(first.len(), 8_000);
        assert!(Arc::ptr_eq(&first, &clip.payload(Codec::Pcma)));
        assert_eq!(clip.payload(Codec::Pcmu).len(), 8_000);
    }

    #[test]
    fn silence_is_the_codecs_idle_byte() {
        let clip = Clip::new(vec![0; 320]);
        assert!(clip.payload(Codec::Pcmu).iter().all(|b| *b == g711::MU_SILENCE));
        assert!(clip.payload(Codec::Pcma).iter().all(|b| *b == g711::A_SILENCE));
    }
}
