//! Sample work: G.711, levels, resampling, shared clips, end of speech.

use std::sync::{Arc, OnceLock};

/// A codec that a leg can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 mu-law, static payload type 0 (RFC 3551 section 4.5.14).
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
}

impl Codec {
    /// Encoding name as written in `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// RTP clock, Hz.
    pub const fn clock_hz(self) -> u32 {
        8_000
    }
}

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
    pub fn duration(&self) -> std::time::Duration {
        std::time::Duration::from_micros(self.samples.len() as u64 * 1_000_000 / u64::from(Self::RATE_HZ))
    }

    /// The clip in `codec`, encoded at the first call and shared.
    pub fn payload(&self, codec: Codec) -> Arc<[u8]> {
        let cell = match codec {
            Codec::Pcmu => &self.pcmu,
            Codec::Pcma => &self.pcma,
        };
        Arc::clone(cell.get_or_init(|| todo!("media helper: resample to 8 kHz and encode")))
    }
}
