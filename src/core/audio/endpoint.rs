//! When a caller has finished speaking: decided from the voice detector's score
//! and the level of each frame.
//!
//! Knows no samples and no detector; `rtp` runs the detector and feeds this.
//! The figures that it must keep are measured on human speech by
//! `examples/endpoint_figures.rs`.

use std::time::Duration;

/// A frame with this score begins speech.
const VOICE_ON: f32 = 0.5;
/// A frame with this score goes on with speech: the ends of words are weak.
const VOICE_STAY: f32 = 0.3;
/// So much voice within a run makes it speech and not a click, ms.
const ONSET_MS: u32 = 80;
/// A run of voice survives holes of this length (stop consonants), ms.
const RUN_HOLE_MS: u32 = 100;
/// A voiced run of at least this length keeps the answer open, ms. Shorter ones are breath, a chair, a click.
const KEEP_MS: u32 = 48;
/// Voice must stand out of the noise by this much, dB.
const ABOVE_FLOOR_DB: f32 = 4.0;
/// The noise floor falls at once and rises by this much a second, dB: slowly enough for a long word.
const FLOOR_RISE_DB_S: f32 = 1.5;
/// No room is quieter on a telephone line, dBFS.
const FLOOR_MIN_DBFS: f32 = -70.0;

/// When to stop listening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointLimits {
    /// Silence after speech that means "finished"; `None`: never.
    pub end_silence: Option<Duration>,
    /// Give up when nothing was said for so long; `None`: never.
    pub no_speech: Option<Duration>,
}

/// What a frame has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on listening.
    Listen,
    /// The caller has finished.
    Finished,
    /// Nothing was said at all.
    NoSpeech,
}

/// The decision, frame by frame.
#[derive(Debug, Clone)]
pub struct Endpoint {
    end_silence_ms: u32,
    no_speech_ms: u32,
    /// Time listened to.
    heard_ms: u32,
    /// Time since the last word, or since the start.
    quiet_ms: u32,
    /// Voice in the run that goes on.
    run_ms: u32,
    /// Time since that run's last voiced frame.
    hole_ms: u32,
    /// Speech was heard.
    speech: bool,
    /// Level of the room, dBFS.
    floor_dbfs: f32,
    floor_known: bool,
}

impl Endpoint {
    /// Begins to listen.
    pub fn new(limits: EndpointLimits) -> Self {
        let ms = |limit: Option<Duration>| limit.map_or(u32::MAX, |d| u32::try_from(d.as_millis()).unwrap_or(u32::MAX));
        Self {
            end_silence_ms: ms(limits.end_silence),
            no_speech_ms: ms(limits.no_speech),
            heard_ms: 0,
            quiet_ms: 0,
            run_ms: 0,
            hole_ms: 0,
            speech: false,
            floor_dbfs: 0.0,
            floor_known: false,
        }
    }

    /// Speech was heard so far.
    pub const fn speech(&self) -> bool {
        self.speech
    }

    /// One frame of `ms` length: the detector's score (0–1) and the level.
    pub fn push(&mut self, voice: f32, level_dbfs: f32, ms: u32) -> Verdict {
        self.heard_ms = self.heard_ms.saturating_add(ms);
        self.quiet_ms = self.quiet_ms.saturating_add(ms);
        self.follow_floor(level_dbfs, ms);
        let score = if self.run_ms > 0 { VOICE_STAY } else { VOICE_ON };
        if voice >= score && level_dbfs > self.floor_dbfs + ABOVE_FLOOR_DB {
            self.run_ms = self.run_ms.saturating_add(ms);
            self.hole_ms = 0;
            self.speech |= self.run_ms >= ONSET_MS;
            if self.run_ms >= KEEP_MS {
                self.quiet_ms = 0;
            }
        } else {
            self.pause(ms);
        }
        self.verdict()
    }

    /// `ms` of which nothing was received: quiet, and no news of the room.
    pub fn missing(&mut self, ms: u32) -> Verdict {
        self.heard_ms = self.heard_ms.saturating_add(ms);
        self.quiet_ms = self.quiet_ms.saturating_add(ms);
        self.pause(ms);
        self.verdict()
    }

    fn pause(&mut self, ms: u32) {
        if self.run_ms > 0 {
            self.hole_ms += ms;
            if self.hole_ms > RUN_HOLE_MS {
                self.run_ms = 0;
            }
        }
    }

    fn verdict(&self) -> Verdict {
        if self.speech && self.quiet_ms >= self.end_silence_ms {
            Verdict::Finished
        } else if !self.speech && self.heard_ms >= self.no_speech_ms {
            Verdict::NoSpeech
        } else {
            Verdict::Listen
        }
    }

    fn follow_floor(&mut self, level_dbfs: f32, ms: u32) {
        let level = level_dbfs.max(FLOOR_MIN_DBFS);
        if self.floor_known {
            self.floor_dbfs = level.min(self.floor_dbfs + FLOOR_RISE_DB_S * ms as f32 / 1_000.0);
        } else {
            self.floor_dbfs = level;
            self.floor_known = true;
        }
    }
}
