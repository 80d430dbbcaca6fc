//! When a caller has finished speaking: decided from the voice detector's score
//! and the level of each frame.
//!
//! Knows no samples and no detector; `rtp` runs the detector and feeds this.
//! The figures that it must keep are measured on human speech by
//! `examples/endpoint_figures.rs`.

use std::time::Duration;

/// A frame with this score begins speech.
const VOICE_ON: f32 = 0.3;
/// A frame with this score goes on with speech: the ends of words are weak.
const VOICE_STAY: f32 = 0.1;
/// So much voice within a run makes it speech and not a click, ms.
const ONSET_MS: u32 = 80;
/// A run of voice survives holes of this length (stop consonants), ms.
const RUN_HOLE_MS: u32 = 100;
/// A voiced run of at least this length keeps the answer open, ms. Shorter ones are breath, a chair, a click.
const KEEP_MS: u32 = 32;
/// A voiced run of this length is surely speech, ms.
const SURE_MS: u32 = 160;
/// The same of somebody who has spoken before, ms: no chair or cough needs to be told from a first word any more.
const SURE_AGAIN_MS: u32 = 64;
/// Voice must stand out of the noise by this much, dB.
const ABOVE_FLOOR_DB: f32 = 7.0;
/// Once somebody has spoken, voices this much below their loudest are others in the room, dB.
const BELOW_SPEAKER_DB: f32 = 20.0;
/// People grow quieter: what counts as their loudest falls by this much a second, dB.
const SPEAKER_FALL_DB_S: f32 = 0.5;
/// The noise floor falls at once and rises by this much a second, dB: slowly enough for a long word.
const FLOOR_RISE_DB_S: f32 = 1.5;
/// No room is quieter on a telephone line, dBFS.
const FLOOR_MIN_DBFS: f32 = -70.0;
/// The room is taken for no louder than this at first: the recording may begin in the middle of a word, dBFS.
const FLOOR_FIRST_DBFS: f32 = -30.0;
/// Below this it is digital silence, put in by a phone or gateway; it says nothing about the room, dBFS.
const DIGITAL_DBFS: f32 = -80.0;

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

/// What the detector's score of a frame is worth before it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// Nothing: whatever it is, the same is decided.
    Nothing,
    /// Somebody surely speaks, and the frame is loud enough to be part of it.
    Little,
    /// It decides.
    Much,
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
    /// Level of the loudest voiced frame, dBFS.
    speaker_dbfs: f32,
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
            speaker_dbfs: DIGITAL_DBFS,
        }
    }

    /// Speech was heard so far.
    pub const fn speech(&self) -> bool {
        self.speech
    }

    /// Somebody speaks at this moment, but for holes within a word.
    pub const fn speaking(&self) -> bool {
        self.run_ms >= KEEP_MS
    }

    /// What the score of the next frame is worth, given its level.
    pub fn worth(&self, level_dbfs: f32, ms: u32) -> Worth {
        let decided = self.speech && self.end_silence_ms == u32::MAX;
        let sure = if self.speech { SURE_AGAIN_MS } else { SURE_MS };
        if decided || level_dbfs <= self.floor_after(level_dbfs, ms) + ABOVE_FLOOR_DB {
            Worth::Nothing
        } else if self.run_ms >= sure {
            Worth::Little
        } else {
            Worth::Much
        }
    }

    /// Whether a score confirms that it is speech what goes on.
    pub fn confirms(voice: f32) -> bool {
        voice >= VOICE_ON
    }

    /// One frame of `ms` length: the detector's score (0–1) and the level.
    pub fn push(&mut self, voice: f32, level_dbfs: f32, ms: u32) -> Verdict {
        self.heard_ms = self.heard_ms.saturating_add(ms);
        self.quiet_ms = self.quiet_ms.saturating_add(ms);
        self.follow_floor(level_dbfs, ms);
        let score = if self.run_ms > 0 { VOICE_STAY } else { VOICE_ON };
        self.speaker_dbfs -= SPEAKER_FALL_DB_S * ms as f32 / 1_000.0;
        let voiced = voice >= score && level_dbfs > self.floor_dbfs + ABOVE_FLOOR_DB;
        if voiced {
            self.speaker_dbfs = self.speaker_dbfs.max(level_dbfs);
        }
        if voiced && (!self.speech || level_dbfs > self.speaker_dbfs - BELOW_SPEAKER_DB) {
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
        if level_dbfs >= DIGITAL_DBFS {
            self.floor_dbfs = self.floor_after(level_dbfs, ms);
            self.floor_known = true;
        }
    }

    /// The floor once a frame of this level was heard.
    fn floor_after(&self, level_dbfs: f32, ms: u32) -> f32 {
        if level_dbfs < DIGITAL_DBFS {
            return self.floor_dbfs;
        }
        let level = level_dbfs.max(FLOOR_MIN_DBFS);
        let rise = FLOOR_RISE_DB_S * ms as f32 / 1_000.0;
        level.min(if self.floor_known { self.floor_dbfs + rise } else { FLOOR_FIRST_DBFS })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: EndpointLimits =
        EndpointLimits { end_silence: Some(Duration::from_millis(1_200)), no_speech: Some(Duration::from_secs(6)) };

    /// A stretch: (score, level, ms).
    type Stretch = (f32, f32, u32);
    const WORD: Stretch = (0.9, -20.0, 400);

    const fn room(ms: u32) -> Stretch {
        (0.05, -52.0, ms)
    }

    /// Feeds stretches in frames of 16 ms; the first decision and when it fell, ms.
    fn decided(stretches: &[Stretch]) -> Option<(Verdict, u32)> {
        let mut endpoint = Endpoint::new(LIMITS);
        let frames = stretches.iter().flat_map(|(voice, level, ms)| (0..ms / 16).map(|_| (*voice, *level)));
        for (n, (voice, level)) in frames.enumerate() {
            let verdict = endpoint.push(voice, level, 16);
            if verdict != Verdict::Listen {
                return Some((verdict, (n as u32 + 1) * 16));
            }
        }
        None
    }

    #[test]
    fn a_pause_for_breath_is_not_the_end_and_the_end_is_found_in_time() {
        let (verdict, ms) = decided(&[room(800), WORD, room(900), WORD, room(896), WORD, room(2_000)]).unwrap();
        let last_word = 800 + 3 * 400 + 900 + 896;
        assert_eq!(verdict, Verdict::Finished);
        assert!((last_word + 1_150..last_word + 1_300).contains(&ms), "{ms}");
    }

    #[test]
    fn nobody_speaks() {
        assert_eq!(decided(&[room(8_000)]), Some((Verdict::NoSpeech, 6_000)));
        let click = (0.9, -15.0, 16);
        let clicks = [room(2_000), click, room(1_000), click, room(6_000)];
        assert_eq!(decided(&clicks).map(|d| d.0), Some(Verdict::NoSpeech), "clicks are no words");
    }

    #[test]
    fn steady_noise_that_the_detector_takes_for_a_voice_holds_nothing_open() {
        let fan = (0.7, -35.0, 8_000);
        assert_eq!(decided(&[fan]).map(|d| d.0), Some(Verdict::NoSpeech));
        let (verdict, ms) = decided(&[room(500), WORD, (0.7, -52.0, 5_000)]).unwrap();
        assert_eq!(verdict, Verdict::Finished);
        assert!(ms < 500 + 400 + 1_300, "{ms}");
    }

    #[test]
    fn others_who_talk_in_the_room_hold_nothing_open() {
        let others = (0.6, -43.0, 64);
        let gap = (0.1, -50.0, 48);
        let mut stretches = vec![room(500), WORD, room(300), WORD];
        stretches.extend((0..80).flat_map(|_| [others, gap]));
        let (verdict, ms) = decided(&stretches).unwrap();
        assert_eq!(verdict, Verdict::Finished);
        assert!(ms < 500 + 400 + 300 + 400 + 1_300, "{ms}");
        // Whoever speaks lower than before is still the speaker.
        let lower = (0.6, -36.0, 400);
        let (_, ms) = decided(&[room(500), WORD, room(800), lower, room(2_000)]).unwrap();
        assert!(ms > 500 + 400 + 800 + 400 + 1_100, "{ms}");
    }

    #[test]
    fn a_word_at_once_is_heard() {
        assert_eq!(decided(&[WORD, room(2_000)]).map(|d| d.0), Some(Verdict::Finished));
    }

    #[test]
    fn clicks_after_the_last_word_do_not_keep_it_open() {
        let click = (0.9, -15.0, 16);
        let (verdict, ms) = decided(&[room(500), WORD, room(592), click, room(496), click, room(2_000)]).unwrap();
        assert_eq!(verdict, Verdict::Finished);
        assert!(ms < 500 + 400 + 1_350, "{ms}");
    }

    #[test]
    fn time_without_packets_is_silence_too() {
        let mut endpoint = Endpoint::new(LIMITS);
        for _ in 0..30 {
            endpoint.push(0.05, -52.0, 16);
        }
        for _ in 0..20 {
            endpoint.push(0.9, -20.0, 16);
        }
        assert!(endpoint.speech());
        assert_eq!(endpoint.missing(1_199), Verdict::Listen);
        assert_eq!(endpoint.missing(1), Verdict::Finished);
    }

    #[test]
    fn a_score_that_is_worth_nothing_changes_nothing() {
        // Levels that wander between room and word, scores that say the opposite.
        let mut endpoint = Endpoint::new(LIMITS);
        let (mut spared, mut sure) = (0, 0);
        for n in 0_u32..3_000 {
            let level = -60.0 + f32::from((n * 37 % 101) as u8) * if n % 400 < 250 { 0.45 } else { 0.05 };
            let voice = f32::from((n * 53 % 97) as u8) / 97.0;
            let worth = endpoint.worth(level, 16);
            if worth == Worth::Nothing {
                spared += 1;
                let mut other = endpoint.clone();
                other.push(1.0 - voice, level, 16);
                endpoint.push(voice, level, 16);
                assert_eq!(format!("{other:?}"), format!("{endpoint:?}"));
            } else {
                sure += u32::from(worth == Worth::Little);
                endpoint.push(voice, level, 16);
            }
        }
        assert!(spared > 500 && sure > 100, "{spared} {sure}");
    }

    #[test]
    fn once_speech_is_heard_and_nothing_ends_it_no_score_is_worth_anything() {
        let mut endpoint = Endpoint::new(EndpointLimits { end_silence: None, no_speech: None });
        assert_eq!(endpoint.worth(-20.0, 16), Worth::Much);
        for _ in 0..10 {
            endpoint.push(0.9, -20.0, 16);
        }
        assert!(endpoint.speech());
        assert_eq!(endpoint.worth(-20.0, 16), Worth::Nothing);
    }

    #[test]
    fn without_limits_it_listens_for_ever() {
        let mut endpoint = Endpoint::new(EndpointLimits { end_silence: None, no_speech: None });
        assert!((0..10_000).all(|n| endpoint.push(f32::from(u8::from(n < 20)), -20.0, 1_000) == Verdict::Listen));
    }
}
