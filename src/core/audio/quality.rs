//! How a call sounded: the E-model (ITU-T G.107), simplified to what a hotline
//! can know of a leg, and its opinion score (MOS).
//!
//! Echo, side tone and room are taken as G.107 sets them where nothing is known,
//! so that a perfect narrow-band line has R = 93.2 and MOS 4.4. All codecs are on
//! this scale: what is inside of us is narrow-band.

use super::Codec;

/// R of a line without loss or delay (G.107 section 7.8, all parameters at their defaults).
const R_BEST: f64 = 93.2;
/// Delay below which nobody notices anything (section 7.4), ms.
const DELAY_FREE_MS: f64 = 100.0;
/// A packet's length and the time in codec, sound card and phone, ms.
const DELAY_FIXED_MS: f64 = 40.0;
/// A jitter buffer holds so many times the mean jitter, and one packet at least.
const BUFFER_JITTERS: f64 = 2.0;
/// Least jitter buffer, ms.
const BUFFER_MIN_MS: f64 = 20.0;

/// What is known of one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Path {
    /// How it is coded.
    pub codec: Codec,
    /// Part of the packets that did not come, 0–1.
    pub loss: f64,
    /// Interarrival jitter, ms.
    pub jitter_ms: f64,
    /// There and back on the network, ms; `None`: not known, taken as nothing.
    pub round_trip_ms: Option<f64>,
}

/// One leg at its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LegQuality {
    /// What was spoken.
    pub codec: Codec,
    /// Packets sent to the phone.
    pub sent: u64,
    /// Packets that came from it.
    pub received: u64,
    /// Packets from it that did not come.
    pub lost: u64,
    /// Jitter of what came, ms.
    pub jitter_ms: f64,
    /// What the phone says of the packets sent to it; `None`: it says nothing.
    pub told: Option<Told>,
    /// There and back, ms; `None`: the phone says nothing.
    pub round_trip_ms: Option<f64>,
}

/// What the phone says of the packets sent to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// That did not come.
    pub lost: u64,
    /// Their jitter, ms.
    pub jitter_ms: f64,
}

impl LegQuality {
    /// How the phone sounded to us; `None`: nothing came.
    pub fn mos_heard(&self) -> Option<f64> {
        let loss = part(self.lost, self.received + self.lost)?;
        let (codec, round_trip_ms) = (self.codec, self.round_trip_ms);
        (self.received > 0).then(|| mos(rating(&Path { codec, loss, jitter_ms: self.jitter_ms, round_trip_ms })))
    }

    /// How we sounded at the phone; `None`: it says nothing, or nothing was sent.
    pub fn mos_there(&self) -> Option<f64> {
        let told = self.told?;
        let loss = part(told.lost, self.sent)?;
        let (codec, round_trip_ms) = (self.codec, self.round_trip_ms);
        Some(mos(rating(&Path { codec, loss, jitter_ms: told.jitter_ms, round_trip_ms })))
    }
}

/// In words that need no explanation: how it sounded to the one and to the other, and what was wrong.
fn sounded(mos: Option<f64>, nothing: &str) -> String {
    mos.map_or_else(|| nothing.to_owned(), |mos| format!("{} ({mos:.1})", word(mos)))
}

impl LegQuality {
    /// For the timeline and the page: `good (4.4) to us, fair (3.7) to them; 0.2 % lost, jitter 3 ms, round trip 41 ms, PCMA`.
    pub fn words(&self) -> String {
        let heard = sounded(self.mos_heard(), "nothing came");
        let there = self.mos_there().map_or_else(String::new, |mos| format!(", {} to them", sounded(Some(mos), "")));
        let lost = part(self.lost, self.received + self.lost).unwrap_or(0.0) * 100.0;
        let told = self.told.and_then(|told| part(told.lost, self.sent)).map(|part| part * 100.0);
        let to_us = if self.received > 0 { " to us" } else { "" };
        let lost_there = told.map_or_else(String::new, |told| format!(" to us and {told:.1} % to them"));
        let far = self.round_trip_ms.map_or_else(String::new, |ms| format!(", round trip {ms:.0} ms"));
        let (jitter, codec) = (self.jitter_ms, self.codec.name());
        format!("{heard}{to_us}{there}; {lost:.1} % lost{lost_there}, jitter {jitter:.0} ms{far}, {codec}")
    }
}

fn part(of: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| (of as f64 / all as f64).clamp(0.0, 1.0))
}

/// R, 0–93.2 (G.107 section 7.1): the best there is, less delay, codec and loss.
pub fn rating(path: &Path) -> f64 {
    let buffer = (path.jitter_ms.max(0.0) * BUFFER_JITTERS).max(BUFFER_MIN_MS);
    let delay = path.round_trip_ms.unwrap_or(0.0).max(0.0) / 2.0 + buffer + DELAY_FIXED_MS;
    (R_BEST - delay_impairment(delay) - equipment_impairment(path.codec, path.loss)).clamp(0.0, R_BEST)
}

/// Idd (G.107 equation 7-27): what pure delay does to a conversation.
fn delay_impairment(one_way_ms: f64) -> f64 {
    if one_way_ms <= DELAY_FREE_MS {
        return 0.0;
    }
    let x = (one_way_ms / DELAY_FREE_MS).log2();
    let root = |base: f64| (1.0 + base.powi(6)).powf(1.0 / 6.0);
    25.0 * (root(x) - 3.0 * root(x / 3.0) + 2.0)
}

/// Ie,eff (G.107 equation 7-29), loss taken as random.
fn equipment_impairment(codec: Codec, loss: f64) -> f64 {
    let (ie, bpl) = impairments(codec);
    let percent = loss.clamp(0.0, 1.0) * 100.0;
    ie + (95.0 - ie) * percent / (percent + bpl)
}

/// Ie and Bpl: what the codec costs, and how well it bears loss. G.711 with concealment as G.113 appendix I has it. It has
/// no figures for the others on the narrow-band scale: both sound no worse there; G.722 bears loss like G.711 without much of
/// a concealment, Opus about as well as G.711 with it.
const fn impairments(codec: Codec) -> (f64, f64) {
    match codec {
        Codec::Pcmu | Codec::Pcma => (0.0, 25.1),
        Codec::G722 => (0.0, 10.0),
        Codec::Opus => (0.0, 20.0),
    }
}

/// The opinion score of an R (G.107 annex B), 1–4.5.
pub fn mos(rating: f64) -> f64 {
    let r = rating.clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0)
}

/// A score in a word, for people: what a listener would say (G.107 annex B, table B.1).
pub fn word(mos: f64) -> &'static str {
    let least = [(4.0, "good"), (3.6, "fair"), (2.6, "poor")];
    least.into_iter().find(|(score, _)| mos >= *score).map_or("bad", |(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERFECT: Path = Path { codec: Codec::Pcma, loss: 0.0, jitter_ms: 0.0, round_trip_ms: None };

    fn close(value: f64, wanted: f64, within: f64) {
        assert!((value - wanted).abs() <= within, "{value} is not {wanted}");
    }

    #[test]
    fn scores_are_those_of_the_recommendation() {
        // G.107 table B.1.
        for (r, score) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            close(mos(r), score, 0.008);
        }
        close(mos(R_BEST), 4.41, 0.005);
        assert_eq!((mos(0.0), mos(-20.0)), (1.0, 1.0));
        close(mos(100.0), 4.5, 0.001);
    }

    #[test]
    fn delay_costs_what_the_recommendation_says() {
        // Idd worked out by hand from equation 7-27.
        for (ms, idd) in [(0.0, 0.0), (100.0, 0.0), (150.0, 0.164), (200.0, 3.044), (300.0, 14.761), (400.0, 24.07)] {
            close(delay_impairment(ms), idd, 0.001);
        }
        assert!(delay_impairment(250.0) < delay_impairment(300.0));
    }

    #[test]
    fn loss_costs_what_the_codec_makes_of_it() {
        // 95 · 1 / (1 + 25.1), 95 · 5 / 30.1.
        close(equipment_impairment(Codec::Pcmu, 0.01), 3.64, 0.01);
        close(equipment_impairment(Codec::Pcmu, 0.05), 15.78, 0.01);
        close(rating(&PERFECT), R_BEST, 0.001);
        close(mos(rating(&Path { loss: 0.05, ..PERFECT })), 3.93, 0.02);
        assert!(rating(&Path { loss: 7.0, round_trip_ms: Some(1e9), ..PERFECT }) <= 0.0);
        assert!(rating(&Path { jitter_ms: 100.0, ..PERFECT }) < R_BEST - 5.0, "its buffer is delay");
    }

    #[test]
    fn both_directions_of_a_leg() {
        let leg = LegQuality {
            codec: Codec::Pcmu,
            sent: 1_000,
            received: 990,
            lost: 10,
            jitter_ms: 3.0,
            told: Some(Told { lost: 100, jitter_ms: 5.0 }),
            round_trip_ms: Some(40.0),
        };
        close(leg.mos_heard().unwrap(), 4.33, 0.03);
        assert!(leg.mos_there().unwrap() < 3.6);
        assert_eq!(LegQuality { received: 0, ..leg }.mos_heard(), None);
        assert_eq!(LegQuality { told: None, ..leg }.mos_there(), None);
    }

    #[test]
    fn a_leg_is_told_in_words() {
        let leg = LegQuality {
            codec: Codec::Pcmu,
            sent: 1_000,
            received: 995,
            lost: 5,
            jitter_ms: 3.4,
            told: Some(Told { lost: 120, jitter_ms: 5.0 }),
            round_trip_ms: Some(40.6),
        };
        let words = "good (4.4) to us, poor (3.2) to them; 0.5 % lost to us and 12.0 % to them, jitter 3 ms, \
                     round trip 41 ms, PCMU";
        assert_eq!(leg.words(), words);
        let silent = LegQuality { received: 0, lost: 0, told: None, round_trip_ms: None, ..leg };
        assert_eq!(silent.words(), "nothing came; 0.0 % lost, jitter 3 ms, PCMU");
    }

    #[test]
    fn words_follow_the_scores() {
        assert_eq!([4.4, 3.7, 3.0, 1.5].map(word), ["good", "fair", "poor", "bad"]);
    }
}
