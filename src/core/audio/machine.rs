//! Whether what answered is a mailbox: a beep after speech, or a greeting longer
//! than people say. A hint for the timeline, never more: only a key accepts.
//!
//! Like the end of speech it is fed with the voice detector's frames; the tone is
//! found in the samples themselves.

use std::f32::consts::TAU;
use std::time::Duration;

use super::endpoint::{Endpoint, EndpointLimits};

/// Speech so long without a pause is a greeting that was recorded; people say their name and wait.
const GREETING_MS: u32 = 4_000;
/// A silence so long is a pause. Recorded greetings have shorter ones between their sentences.
const PAUSE_MS: u32 = 700;
/// Speech that must come before a beep: without it, it may be a tone of the network.
const BEFORE_BEEP_MS: u32 = 500;
/// How long a mailbox's beep lasts.
const BEEP_MS: std::ops::RangeInclusive<u32> = 200..=2_000;
/// Where its frequency lies, Hz.
const BEEP_HZ: std::ops::RangeInclusive<f32> = 400.0..=2_000.0;
/// It holds its frequency, as part of it.
const WANDER_MAX: f32 = 0.02;
/// Part of a frame's power that its tone holds; telephone noise and coding leave this much.
const PURE_MIN: f32 = 0.9;
/// Where tones are looked for, Hz: a little beyond where a beep may lie, so that others are known for what they are.
const TONE_HZ: std::ops::RangeInclusive<f32> = 350.0..=2_800.0;
/// Samples a second.
const RATE: f32 = 8_000.0;
/// Quieter than this is no beep, dBFS.
const LEVEL_MIN_DBFS: f32 = -45.0;
/// Frames that a click may spoil within a beep.
const SPOILT_MAX: u32 = 1;
/// After so long, whoever answered is left in peace.
const LISTEN_MS: u32 = 30_000;

/// What was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// A beep after so much speech.
    Beep {
        /// Speech before it.
        speech: Duration,
    },
    /// So much speech without a pause.
    Greeting {
        /// So far.
        speech: Duration,
    },
}

impl Hint {
    /// For the timeline.
    pub fn words(self) -> String {
        match self {
            Self::Beep { speech } => format!("a beep after {} s of speech", seconds(speech)),
            Self::Greeting { speech } => format!("{} s of speech without a pause", seconds(speech)),
        }
    }
}

/// Whole seconds, one at least.
fn seconds(time: Duration) -> u64 {
    ((time.as_millis() + 500) / 1_000).max(1) as u64
}

/// A tone that lasts.
#[derive(Debug, Clone, Copy)]
struct Tone {
    hz: f32,
    ms: u32,
    spoilt: u32,
}

/// Listens to whoever answered.
#[derive(Debug, Clone)]
pub struct Machine {
    endpoint: Endpoint,
    heard_ms: u32,
    /// Speech in all, and in the stretch that goes on.
    speech_ms: u32,
    stretch_ms: u32,
    quiet_ms: u32,
    tone: Option<Tone>,
    told: bool,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            endpoint: Endpoint::new(EndpointLimits { end_silence: None, no_speech: None }),
            heard_ms: 0,
            speech_ms: 0,
            stretch_ms: 0,
            quiet_ms: 0,
            tone: None,
            told: false,
        }
    }
}

impl Machine {
    /// Nothing more will be noticed: it was told, or it has listened for long enough.
    pub const fn is_done(&self) -> bool {
        self.told || self.heard_ms >= LISTEN_MS
    }

    /// A frame of 8 kHz samples, the voice detector's score for it and its level. `Some`: a hint, once.
    pub fn push(&mut self, samples: &[i16], voice: f32, dbfs: f32) -> Option<Hint> {
        if self.is_done() {
            return None;
        }
        let ms = samples.len() as u32 / 8;
        self.heard_ms += ms;
        let hint = self.beep(samples, dbfs, ms).or_else(|| self.greeting(voice, dbfs, ms));
        self.told = hint.is_some();
        hint
    }

    /// A tone that has ended and was a beep.
    fn beep(&mut self, samples: &[i16], dbfs: f32, ms: u32) -> Option<Hint> {
        let hz = (dbfs >= LEVEL_MIN_DBFS).then(|| tone(samples)).flatten();
        match (self.tone, hz) {
            (Some(tone), Some(hz)) if (hz - tone.hz).abs() <= tone.hz * WANDER_MAX => {
                self.tone = Some(Tone { ms: tone.ms + ms, spoilt: 0, ..tone });
                None
            }
            (Some(tone), _) if tone.spoilt < SPOILT_MAX && dbfs >= LEVEL_MIN_DBFS => {
                self.tone = Some(Tone { ms: tone.ms + ms, spoilt: tone.spoilt + 1, ..tone });
                None
            }
            (ended, hz) => {
                self.tone = hz.map(|hz| Tone { hz, ms, spoilt: 0 });
                let ended = ended.filter(|tone| BEEP_MS.contains(&(tone.ms - tone.spoilt * ms)))?;
                let beeped = BEEP_HZ.contains(&ended.hz) && self.speech_ms >= BEFORE_BEEP_MS;
                beeped.then_some(Hint::Beep { speech: Duration::from_millis(u64::from(self.speech_ms)) })
            }
        }
    }

    /// Speech that goes on and on.
    fn greeting(&mut self, voice: f32, dbfs: f32, ms: u32) -> Option<Hint> {
        self.endpoint.push(voice, dbfs, ms);
        // A tone may pass for a voice.
        if self.endpoint.speaking() && self.tone.is_none() {
            // Holes within a word are part of the speech.
            let since = if self.stretch_ms > 0 { self.quiet_ms + ms } else { ms };
            self.speech_ms += since;
            self.stretch_ms += since;
            self.quiet_ms = 0;
        } else {
            self.quiet_ms += ms;
            if self.quiet_ms >= PAUSE_MS {
                self.stretch_ms = 0;
                self.quiet_ms = 0;
            }
        }
        let speech = Duration::from_millis(u64::from(self.stretch_ms));
        (self.stretch_ms >= GREETING_MS).then_some(Hint::Greeting { speech })
    }
}

/// The frequency of a frame that is one tone. Of a tone, each sample's neighbours sum up to the same multiple of it, which
/// gives the frequency; then it must hold nearly all of the power.
fn tone(samples: &[i16]) -> Option<f32> {
    let (mut cross, mut power) = (0.0_f32, 0.0_f32);
    for three in samples.windows(3) {
        let (middle, sum) = (f32::from(three[1]), f32::from(three[0]) + f32::from(three[2]));
        cross += middle * sum;
        power += middle * middle;
    }
    let cosine = cross / power / 2.0;
    // Nothing at all, or no oscillation.
    if cosine.is_nan() || cosine.abs() >= 1.0 {
        return None;
    }
    let hz = cosine.acos() / TAU * RATE;
    (TONE_HZ.contains(&hz) && purity(samples, hz) >= PURE_MIN).then_some(hz)
}

/// Part of the power that a tone holds, under a Hann window.
fn purity(samples: &[i16], hz: f32) -> f32 {
    let (mut re, mut im, mut power, mut sum, mut squares) = (0.0_f32, 0.0_f32, 0.0_f32, 0.0_f32, 0.0_f32);
    for (n, sample) in samples.iter().enumerate() {
        let t = n as f32 + 0.5;
        let weight = 0.5 - 0.5 * (TAU * t / samples.len() as f32).cos();
        let weighted = weight * f32::from(*sample);
        let (sine, cosine) = (TAU * hz / RATE * t).sin_cos();
        re += weighted * cosine;
        im += weighted * sine;
        power += weighted * weighted;
        sum += weight;
        squares += weight * weight;
    }
    2.0 * (re * re + im * im) / (sum * sum) / (power / squares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::g711;

    const FRAME: usize = 128;

    /// A stretch: what it sounds like and how long it lasts, ms.
    #[derive(Debug, Clone, Copy)]
    enum Sound {
        /// Voice-like: many harmonics that move. The detector's score is given with it.
        Speech(u32),
        Silence(u32),
        Tone(f32, u32),
    }
    use Sound::{Silence, Speech, Tone as Beep};

    struct Dice(u32);

    impl Dice {
        /// −1 to 1.
        fn part(&mut self) -> f32 {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 8) as f32 / 8_388_608.0 - 1.0
        }
    }

    /// Samples with the score that a detector would give, through A-law, with noise at −50 dBFS.
    fn hear(sounds: &[Sound]) -> (Option<Hint>, u32) {
        let (mut machine, mut dice, mut ms, mut phase) = (Machine::default(), Dice(3), 0, 0.0_f32);
        for sound in sounds {
            let (length, voice) = match sound {
                Speech(ms) => (*ms, 0.9),
                Silence(ms) => (*ms, 0.02),
                // Detectors take tones for voices.
                Beep(_, ms) => (*ms, 0.8),
            };
            for frame in 0..length / 16 {
                let samples: Vec<i16> = (0..FRAME)
                    .map(|_| {
                        let wave = match sound {
                            Speech(_) => {
                                let pitch = 120.0 + 30.0 * (frame as f32 / 9.0).sin();
                                phase += TAU * pitch / 8_000.0;
                                (1..12).map(|k| (phase * k as f32).sin() * 2_500.0 / k as f32).sum::<f32>()
                            }
                            Silence(_) => 0.0,
                            Beep(hz, _) => {
                                phase += TAU * hz / 8_000.0;
                                phase.sin() * 5_000.0
                            }
                        };
                        phase %= TAU * 5_040.0;
                        g711::decode_a(g711::encode_a((wave + dice.part() * 150.0) as i16))
                    })
                    .collect();
                ms += 16;
                if let Some(hint) = machine.push(&samples, voice, crate::audio::level::rms_dbfs(&samples)) {
                    assert!(machine.is_done());
                    return (Some(hint), ms);
                }
            }
        }
        (None, ms)
    }

    #[test]
    fn a_short_hello_is_a_person() {
        for sounds in [
            &[Silence(500), Speech(700), Silence(8_000)][..],
            &[Silence(300), Speech(1_500), Silence(900), Speech(1_200), Silence(5_000)],
            &[Speech(2_000), Silence(1_000), Speech(2_500), Silence(1_000), Speech(2_000), Silence(500)],
            &[Silence(20_000)],
        ] {
            assert_eq!(hear(sounds).0, None, "{sounds:?}");
        }
    }

    #[test]
    fn a_beep_after_speech_is_a_mailbox() {
        for hz in [425.0, 800.0, 1_000.0, 1_400.0, 1_950.0] {
            let (hint, ms) = hear(&[Silence(400), Speech(2_400), Silence(800), Beep(hz, 480), Silence(500)]);
            let Some(Hint::Beep { speech }) = hint else { panic!("{hz}: {hint:?}") };
            assert!((2_200..=2_600).contains(&speech.as_millis()), "{speech:?}");
            assert!((4_080..4_200).contains(&ms), "told when it is over, {ms}");
            assert_eq!(hint.unwrap().words(), "a beep after 2 s of speech");
        }
    }

    #[test]
    fn tones_that_are_no_beep_of_a_mailbox() {
        for (what, sounds) in [
            ("a tone of the network", &[Silence(500), Beep(425.0, 1_008), Silence(4_000), Beep(425.0, 1_008)][..]),
            ("too short", &[Speech(1_500), Silence(800), Beep(1_000.0, 128), Silence(500)]),
            ("too long", &[Speech(1_500), Silence(800), Beep(1_000.0, 3_008), Silence(500)]),
            ("too low", &[Speech(1_500), Silence(800), Beep(250.0, 480), Silence(500)]),
            ("too high", &[Speech(1_500), Silence(800), Beep(2_600.0, 480), Silence(500)]),
        ] {
            assert_eq!(hear(sounds).0, None, "{what}");
        }
        let glide: Vec<Sound> = (0..40).map(|n| Beep(600.0 + n as f32 * 30.0, 16)).collect();
        assert_eq!(hear(&[&[Speech(1_500), Silence(800)], &glide[..], &[Silence(500)]].concat()).0, None, "a siren");
    }

    #[test]
    fn a_long_greeting_is_a_mailbox() {
        let sounds = [Silence(400), Speech(1_600), Silence(400), Speech(1_600), Silence(300), Speech(3_000)];
        let (hint, ms) = hear(&sounds);
        let Some(Hint::Greeting { speech }) = hint else { panic!("{hint:?}") };
        assert!(speech >= Duration::from_secs(4) && ms < 5_000, "{speech:?} at {ms} ms");
        assert_eq!(hint.unwrap().words(), "4 s of speech without a pause");
    }

    #[test]
    fn after_half_a_minute_nobody_listens_any_more() {
        let mut machine = Machine::default();
        let mut frames = 0;
        while !machine.is_done() {
            assert_eq!(machine.push(&[0; FRAME], 0.0, -96.0), None);
            frames += 1;
        }
        assert_eq!(frames, 30_000 / 16);
        assert_eq!(machine.push(&[9; FRAME], 1.0, -10.0), None);
    }

    #[test]
    fn a_tone_is_told_from_other_sounds() {
        let wave = |parts: &[(f32, f32)]| -> Vec<i16> {
            let one = |n: usize| parts.iter().map(|(f, a)| a * (TAU * f / 8_000.0 * n as f32).sin()).sum::<f32>();
            (0..FRAME).map(|n| one(n) as i16).collect()
        };
        for hz in [400.0, 1_000.0, 2_000.0] {
            let found = tone(&wave(&[(hz, 3_000.0)])).unwrap();
            assert!((found - hz).abs() < hz * 0.005, "{found} for {hz}");
        }
        assert_eq!(tone(&wave(&[(770.0, 3_000.0), (1_336.0, 3_000.0)])), None, "a key");
        assert_eq!(tone(&[0; FRAME]), None);
        assert_eq!(tone(&[]), None);
        assert_eq!(tone(&[i16::MIN; FRAME]), None, "no tone has no frequency");
    }
}
