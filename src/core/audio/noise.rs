//! Comfort noise: what a quiet line sounds like, so that a wait does not sound like a dead one.

use super::{Law, g711};

/// Level of our own comfort noise below overload, dB: heard as "the line is there", too low to disturb.
pub const COMFORT_DBOV: u8 = 60;
/// The loudest background that is imitated, dB below overload.
const LOUDEST_DBOV: u8 = 40;
/// Levels that are kept encoded, dB below overload; what is asked for is rounded to the quieter one.
pub const KEPT_DBOV: [u8; 4] = [40, 50, 60, 70];
/// Samples kept of each level: a second, so that no pattern is heard.
const KEPT: usize = 8_000;

/// White noise from a small generator; the same seed gives the same noise.
#[derive(Debug, Clone)]
pub struct Noise(u32);

impl Noise {
    /// Begins with a seed.
    pub const fn new(seed: u32) -> Self {
        Self(seed | 1)
    }

    /// The next sample, evenly spread over `-peak..=peak`.
    pub fn sample(&mut self, peak: f32) -> f32 {
        // xorshift32 (Marsaglia 2003): enough for a noise.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 as i32 as f32 / 2_147_483_648.0) * peak
    }
}

/// The peak of evenly spread noise whose level is `dbov` dB below overload (RFC 3389 section 3.1).
pub fn peak(dbov: u8) -> f32 {
    let rms = 32_768.0 * 10_f32.powf(-f32::from(dbov.clamp(LOUDEST_DBOV, 127)) / 20.0);
    rms * 3_f32.sqrt()
}

/// The level that a comfort noise packet asks for (RFC 3389 section 3.1), dB below overload; `None`: it is no such packet.
pub fn level_of(payload: &[u8]) -> Option<u8> {
    payload.first().filter(|level| **level < 128).copied()
}

/// Noise in G.711, encoded once and cut into frames without arithmetic.
#[derive(Debug)]
pub struct Encoded {
    pcmu: [Box<[u8]>; KEPT_DBOV.len()],
    pcma: [Box<[u8]>; KEPT_DBOV.len()],
}

impl Default for Encoded {
    fn default() -> Self {
        let kept = |law| KEPT_DBOV.map(|dbov| encoded(law, dbov));
        Self { pcmu: kept(Law::Mu), pcma: kept(Law::A) }
    }
}

impl Encoded {
    /// Fills `out` with noise of about this level in `law`; `from` is the place in the noise, and where the next
    /// frame goes on is given back.
    pub fn fill(&self, law: Law, dbov: u8, from: usize, out: &mut [u8]) -> usize {
        let kept = match law {
            Law::Mu => &self.pcmu,
            Law::A => &self.pcma,
        };
        let level = KEPT_DBOV.iter().position(|kept| *kept >= dbov).unwrap_or(KEPT_DBOV.len() - 1);
        let mut at = from % KEPT;
        for byte in out {
            *byte = kept[level][at];
            at = (at + 1) % KEPT;
        }
        at
    }
}

fn encoded(law: Law, dbov: u8) -> Box<[u8]> {
    let (mut noise, peak) = (Noise::new(0x5eed), peak(dbov));
    (0..KEPT).map(|_| g711::encode(law, noise.sample(peak) as i16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::level;

    #[test]
    fn noise_has_the_level_that_was_asked_for() {
        for dbov in [40, 50, 60] {
            let (mut noise, peak) = (Noise::new(7), peak(dbov));
            let samples: Vec<i16> = (0..8_000).map(|_| noise.sample(peak) as i16).collect();
            let rms = level::rms_dbfs(&samples);
            assert!((rms + f32::from(dbov)).abs() < 1.0, "{dbov}: {rms}");
        }
        assert!(peak(0) < 600.0, "nobody makes us shout");
    }

    #[test]
    fn encoded_noise_is_quiet_and_goes_on_where_it_stopped() {
        let kept = Encoded::default();
        for law in [Law::Mu, Law::A] {
            let mut frames = vec![0; 8_000];
            let mut at = 0;
            for frame in frames.chunks_mut(160) {
                at = kept.fill(law, COMFORT_DBOV, at, frame);
            }
            let samples: Vec<i16> = frames.iter().map(|byte| g711::decode(law, *byte)).collect();
            let rms = level::rms_dbfs(&samples);
            assert!((-62.0..-57.0).contains(&rms), "{law:?}: {rms}");
            assert!(frames[..160] != frames[160..320]);
            assert_eq!(at, 0, "a second later it begins anew");
        }
    }

    #[test]
    fn comfort_noise_packets_say_their_level() {
        assert_eq!(level_of(&[64, 1, 2]), Some(64));
        assert_eq!((level_of(&[]), level_of(&[200])), (None, None));
    }
}
