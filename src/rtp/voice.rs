//! Listens whether somebody speaks: the voice detector (16 kHz, 16 ms frames)
//! over telephone audio, feeding the decision in core.

use earshot::Detector;
use hotline_core::audio::endpoint::{Endpoint, EndpointLimits, Verdict};
use hotline_core::audio::level;
use hotline_core::audio::resample::Doubler;

/// Samples at 8 kHz in a frame of the detector.
const NARROW: usize = 128;
/// Samples at 16 kHz in a frame of the detector.
const WIDE: usize = 256;
/// Length of a frame.
const FRAME_MS: u32 = 16;

/// One stretch of listening. About 9 kB.
pub struct Voice {
    detector: Box<Detector>,
    doubler: Doubler,
    narrow: [i16; NARROW],
    wide: [i16; WIDE],
    filled: usize,
    endpoint: Endpoint,
    /// Samples taken so far, 8 kHz.
    heard: u64,
}

impl std::fmt::Debug for Voice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Voice").field("endpoint", &self.endpoint).field("heard", &self.heard).finish_non_exhaustive()
    }
}

impl Voice {
    /// Begins to listen.
    pub fn new(limits: EndpointLimits) -> Self {
        Self {
            detector: Detector::default_boxed(),
            doubler: Doubler::default(),
            narrow: [0; NARROW],
            wide: [0; WIDE],
            filled: 0,
            endpoint: Endpoint::new(limits),
            heard: 0,
        }
    }

    /// Speech was heard so far.
    pub const fn speech(&self) -> bool {
        self.endpoint.speech()
    }

    /// Samples taken so far, 8 kHz.
    pub const fn heard(&self) -> u64 {
        self.heard
    }

    /// Takes samples at 8 kHz. The first verdict other than `Listen` counts; the rest of the samples is then unheard.
    pub fn push(&mut self, samples: impl IntoIterator<Item = i16>) -> Verdict {
        for sample in samples {
            self.heard += 1;
            self.narrow[self.filled] = sample;
            let two = self.doubler.push(sample);
            self.wide[self.filled * 2..][..2].copy_from_slice(&two);
            self.filled += 1;
            if self.filled == NARROW {
                self.filled = 0;
                let voice = self.detector.predict_i16(&self.wide);
                let verdict = self.endpoint.push(voice, level::rms_dbfs(&self.narrow), FRAME_MS);
                if verdict != Verdict::Listen {
                    return verdict;
                }
            }
        }
        Verdict::Listen
    }

    /// Time passes and nothing is received (silence suppression, loss): `samples` of the 8 kHz clock.
    pub fn missing(&mut self, samples: u64) -> Verdict {
        self.heard += samples;
        self.endpoint.missing((samples / 8) as u32)
    }
}
