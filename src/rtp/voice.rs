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

/// Where speech is brought to before the detector hears it, dBFS.
const SPEECH_DBFS: f32 = -22.0;
/// Noise is never lifted above this, dBFS: the detector takes loud noise for voices.
const NOISE_DBFS: f32 = -50.0;
/// Strongest change of level, dB.
const GAIN_MAX_DB: f32 = 30.0;

/// Scores telephone audio frame by frame. About 9 kB.
pub struct Scorer {
    /// Level of the room and of the speaker so far, dBFS.
    room: f32,
    speaker: f32,
    detector: Box<Detector>,
    doubler: Doubler,
    narrow: [i16; NARROW],
    wide: [i16; WIDE],
    filled: usize,
}

/// A frame of 16 ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// How much it sounds like a voice, 0–1.
    pub voice: f32,
    /// Its level.
    pub dbfs: f32,
}

impl Score {
    /// Length of a frame.
    pub const MS: u32 = 16;
}

impl Default for Scorer {
    fn default() -> Self {
        Self {
            room: -60.0,
            speaker: -40.0,
            detector: Detector::default_boxed(),
            doubler: Doubler::default(),
            narrow: [0; NARROW],
            wide: [0; WIDE],
            filled: 0,
        }
    }
}

impl Scorer {
    /// Takes a sample at 8 kHz; every 128th completes a frame.
    pub fn push(&mut self, sample: i16) -> Option<Score> {
        self.narrow[self.filled] = sample;
        self.wide[self.filled * 2..][..2].copy_from_slice(&self.doubler.push(sample));
        self.filled += 1;
        if self.filled < NARROW {
            return None;
        }
        self.filled = 0;
        let dbfs = level::rms_dbfs(&self.narrow);
        self.follow(dbfs);
        let gain_db = (SPEECH_DBFS - self.speaker).min(NOISE_DBFS - self.room).clamp(-GAIN_MAX_DB, GAIN_MAX_DB);
        let gain = 10_f32.powf(gain_db / 20.0);
        for sample in &mut self.wide {
            *sample = (f32::from(*sample) * gain) as i16;
        }
        Some(Score { voice: self.detector.predict_i16(&self.wide), dbfs })
    }

    /// Follows the levels of room and speaker: a louder speaker and a quieter room at once, the opposite slowly.
    fn follow(&mut self, dbfs: f32) {
        if dbfs < -80.0 {
            return; // Digital silence is no room.
        }
        let quieter = dbfs - self.room;
        self.room += if quieter < 0.0 { quieter * 0.3 } else { quieter.min(0.05) };
        let louder = dbfs - self.speaker;
        self.speaker += if louder > 0.0 { louder * 0.3 } else { -0.03 };
        self.speaker = self.speaker.max(self.room + 12.0);
    }
}

/// One stretch of listening.
pub struct Voice {
    scorer: Scorer,
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
        Self { scorer: Scorer::default(), endpoint: Endpoint::new(limits), heard: 0 }
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
            if let Some(score) = self.scorer.push(sample) {
                let verdict = self.endpoint.push(score.voice, score.dbfs, Score::MS);
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
