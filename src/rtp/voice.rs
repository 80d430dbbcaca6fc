//! Listens whether somebody speaks: the voice detector (16 kHz, 16 ms frames)
//! over telephone audio, feeding the decision in core.
//!
//! The detector costs more than everything else that is done with a packet. So it hears only what can change the
//! decision: frames that stand out of the room, and of speech that is sure only a part (`core::audio::endpoint::Worth`).
//! Before a frame is scored it is given those before it that it has not heard, as far as it looks back.

use earshot::Detector;
use hotline_core::audio::endpoint::{Endpoint, EndpointLimits, Verdict, Worth};
use hotline_core::audio::level;
use hotline_core::audio::resample::Doubler;

/// Samples at 8 kHz in a frame of the detector.
const NARROW: usize = 128;
/// Samples at 16 kHz in a frame of the detector.
const WIDE: usize = 256;
/// Frames that a score depends on, itself among them: three windows of three frames each.
const LOOK_BACK: usize = 5;
/// For so many frames after one of sure speech was confirmed, loud ones are taken for speech: a quarter of the silence that
/// ends the stretch, but at least and at most so many. So a stretch ends late by a quarter of that silence at worst, and
/// only where something loud goes on.
const TAKEN_FOR_SPEECH: (u16, u16) = (12, 312);

/// Where speech is brought to before the detector hears it, dBFS.
const SPEECH_DBFS: f32 = -22.0;
/// Noise is never lifted above this, dBFS: the detector takes loud noise for voices.
const NOISE_DBFS: f32 = -50.0;
/// Strongest change of level, dB.
const GAIN_MAX_DB: f32 = 30.0;

/// Scores telephone audio frame by frame. About 9 kB.
pub(super) struct Scorer {
    /// Level of the room and of the speaker so far, dBFS.
    room: f32,
    speaker: f32,
    detector: Box<Detector>,
    doubler: Doubler,
    /// The last frames, the newest at `newest`.
    frames: [[i16; NARROW]; LOOK_BACK],
    newest: usize,
    filled: usize,
    /// Frames, the newest among them, that the detector has not heard; no more than there are.
    unheard: usize,
}

/// What was found about a frame of 16 ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// How much it sounds like a voice, 0–1; a guess where the detector was spared.
    pub voice: f32,
    /// Its level.
    pub dbfs: f32,
    /// The detector was asked.
    pub asked: bool,
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
            frames: [[0; NARROW]; LOOK_BACK],
            newest: 0,
            filled: 0,
            unheard: 0,
        }
    }
}

impl Scorer {
    /// Takes samples at 8 kHz, up to the end of a frame of 128: how many, and the level of the frame if it is complete.
    pub(super) fn push(&mut self, samples: &[i16]) -> (usize, Option<f32>) {
        let taken = samples.len().min(NARROW - self.filled);
        self.frames[self.newest][self.filled..self.filled + taken].copy_from_slice(&samples[..taken]);
        self.filled += taken;
        if self.filled < NARROW {
            return (taken, None);
        }
        let dbfs = level::rms_dbfs(&self.frames[self.newest]);
        self.follow(dbfs);
        self.filled = 0;
        self.newest = (self.newest + 1) % LOOK_BACK;
        self.unheard = (self.unheard + 1).min(LOOK_BACK);
        (taken, Some(dbfs))
    }

    /// How much the frame just completed sounds like a voice.
    pub(super) fn score(&mut self) -> f32 {
        let gain_db = (SPEECH_DBFS - self.speaker).min(NOISE_DBFS - self.room).clamp(-GAIN_MAX_DB, GAIN_MAX_DB);
        let gain = 10_f32.powf(gain_db / 20.0);
        let mut score = 0.0;
        for back in (1..=self.unheard).rev() {
            let frame = &self.frames[(self.newest + LOOK_BACK - back) % LOOK_BACK];
            let mut wide = [0; WIDE];
            for (sample, out) in frame.iter().zip(wide.chunks_exact_mut(2)) {
                out.copy_from_slice(&self.doubler.push(*sample).map(|s| (f32::from(s) * gain) as i16));
            }
            score = self.detector.predict_i16(&wide);
        }
        self.unheard = 0;
        score
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
    /// Frames of which loud ones are still taken for speech unasked, and how many after each one confirmed.
    taken: u16,
    taken_most: u16,
}

impl std::fmt::Debug for Voice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Voice").field("endpoint", &self.endpoint).field("heard", &self.heard).finish_non_exhaustive()
    }
}

impl Voice {
    /// Begins to listen.
    pub fn new(limits: EndpointLimits) -> Self {
        let frames = limits.end_silence.map_or(0, |silence| silence.as_millis() / 4 / u128::from(Score::MS));
        let (least, most) = TAKEN_FOR_SPEECH;
        let taken_most = u16::try_from(frames).unwrap_or(most).clamp(least, most);
        Self { scorer: Scorer::default(), endpoint: Endpoint::new(limits), heard: 0, taken: 0, taken_most }
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
    pub fn push(&mut self, samples: &[i16]) -> Verdict {
        let mut rest = samples;
        while !rest.is_empty() {
            let (taken, found) = self.take(rest);
            rest = &rest[taken..];
            if let Some((_, verdict)) = found
                && verdict != Verdict::Listen
            {
                return verdict;
            }
        }
        Verdict::Listen
    }

    /// Takes one sample at 8 kHz. Every 128th completes a frame: what was found, and what is decided.
    pub fn sample(&mut self, sample: i16) -> Option<(Score, Verdict)> {
        self.take(&[sample]).1
    }

    /// Takes samples up to the end of a frame, and says how many.
    fn take(&mut self, samples: &[i16]) -> (usize, Option<(Score, Verdict)>) {
        let (taken, dbfs) = self.scorer.push(samples);
        self.heard += taken as u64;
        (taken, dbfs.map(|dbfs| self.judge(dbfs)))
    }

    /// A frame of this level is complete.
    fn judge(&mut self, dbfs: f32) -> (Score, Verdict) {
        let worth = self.endpoint.worth(dbfs, Score::MS);
        let spared = self.taken > 0 && self.endpoint.speech();
        self.taken = self.taken.saturating_sub(1);
        let score = match worth {
            Worth::Nothing => Score { voice: 0.0, dbfs, asked: false },
            Worth::Little | Worth::Much if spared => Score { voice: 1.0, dbfs, asked: false },
            Worth::Little | Worth::Much => {
                let voice = self.scorer.score();
                self.taken = if worth == Worth::Little && Endpoint::confirms(voice) { self.taken_most } else { 0 };
                Score { voice, dbfs, asked: true }
            }
        };
        (score, self.endpoint.push(score.voice, score.dbfs, Score::MS))
    }

    /// Time passes and nothing is received (silence suppression, loss): `samples` of the 8 kHz clock.
    pub fn missing(&mut self, samples: u64) -> Verdict {
        self.heard += samples;
        self.endpoint.missing((samples / 8) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LIMITS: EndpointLimits =
        EndpointLimits { end_silence: Some(Duration::from_millis(1_200)), no_speech: Some(Duration::from_secs(6)) };

    /// Frames for which the detector was asked, of those in `seconds` of `wave`.
    fn asked(seconds: usize, wave: impl Fn(usize) -> i16) -> (usize, usize) {
        let mut voice = Voice::new(EndpointLimits { end_silence: None, no_speech: None });
        let scores: Vec<Score> =
            (0..seconds * 8_000).filter_map(|n| voice.sample(wave(n)).map(|(score, _)| score)).collect();
        (scores.iter().filter(|score| score.asked).count(), scores.len())
    }

    #[test]
    fn a_quiet_room_costs_nothing() {
        let (asked, frames) = asked(4, |n| ((n * 7_919) % 61) as i16 - 30);
        assert_eq!(frames, 250);
        assert!(asked < 5, "{asked}");
    }

    /// Frames for which the detector was asked of 20 s of speech, by the silence that would end it.
    fn asked_of_speech(end_silence: Duration) -> usize {
        let mut reader = hound::WavReader::open("audio/en/calling-engineer.wav").unwrap();
        let samples: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
        let speech = hotline_core::audio::resample::resample(&samples, reader.spec().sample_rate, 8_000);
        let mut voice = Voice::new(EndpointLimits { end_silence: Some(end_silence), no_speech: None });
        let scores = speech.iter().cycle().take(160_000).filter_map(|sample| voice.sample(*sample));
        let asked = scores.filter(|(score, _)| score.asked).count();
        assert!(voice.speech());
        asked
    }

    #[test]
    fn the_longer_the_silence_that_ends_it_the_less_is_asked_of_speech() {
        let [short, long] = [1, 4].map(|seconds| asked_of_speech(Duration::from_secs(seconds)));
        assert!(short < 1_250 / 4, "{short} of 1250");
        assert!(long * 3 < short * 2, "{long}, {short}");
    }

    #[test]
    fn nobody_is_heard_in_silence_and_it_ends_in_time() {
        let mut voice = Voice::new(LIMITS);
        let end = (0..8 * 8_000).find(|_| voice.sample(0).is_some_and(|(_, verdict)| verdict == Verdict::NoSpeech));
        assert_eq!(end.map(|n| (n + 1) / 8), Some(6_000));
        assert!(!voice.speech());
    }
}
