//! Sample rates: a polyphase FIR low-pass for whole pieces, and a small
//! streaming doubler from 8 to 16 kHz for the voice detector.

use std::f64::consts::PI;

/// Zero crossings of the sinc on each side of its middle, at the lower of the two rates. With a Kaiser window of
/// `BETA` the transition is about 400 Hz wide at 8 kHz and images are 70 dB down.
const CROSSINGS: usize = 24;
const BETA: f64 = 7.0;
/// The pass band ends at this part of the lower rate's half.
const PASS: f64 = 0.94;

/// Rates that [`resample`] takes, Hz.
pub const RATES_HZ: std::ops::RangeInclusive<u32> = 4_000..=192_000;

/// Converts a whole piece from one rate to another. Not delayed: sample 0 stays at time 0. Rates outside
/// [`RATES_HZ`] are the caller's mistake and give an empty piece.
pub fn resample(samples: &[i16], from_hz: u32, to_hz: u32) -> Vec<i16> {
    if !RATES_HZ.contains(&from_hz) || !RATES_HZ.contains(&to_hz) {
        return Vec::new();
    }
    if from_hz == to_hz {
        return samples.to_vec();
    }
    let common = gcd(from_hz, to_hz);
    let (up, down) = (u64::from(to_hz / common), u64::from(from_hz / common));
    let filter = Filter::new(up as usize, down as usize);
    let length = (samples.len() as u64 * up).div_ceil(down);
    (0..length).map(|n| filter.at(samples, n * down)).collect()
}

/// The low-pass, cut into `up` phases of `taps` coefficients.
struct Filter {
    phases: Vec<f32>,
    up: u64,
    taps: usize,
}

impl Filter {
    fn new(up: usize, down: usize) -> Self {
        // Input samples on each side: more of them when the output is the slower one.
        let ratio = (down as f64 / up as f64).max(1.0);
        let half = (CROSSINGS as f64 * ratio).ceil() as usize;
        let taps = half * 2;
        let cut = PASS / ratio;
        let mut phases = Vec::with_capacity(taps * up);
        for phase in 0..up {
            let offset = phase as f64 / up as f64;
            let row: Vec<f64> = (0..taps)
                .map(|tap| {
                    let at = tap as f64 - (half as f64 - 1.0) - offset;
                    sinc(at * cut) * kaiser(at / half as f64)
                })
                .collect();
            // Each phase sums to one, so that a constant comes out as that constant.
            let sum: f64 = row.iter().sum();
            phases.extend(row.iter().map(|c| (c / sum) as f32));
        }
        Self { phases, up: up as u64, taps }
    }

    /// The output at `position`, counted in input samples times `up`.
    fn at(&self, samples: &[i16], position: u64) -> i16 {
        let phase = (position % self.up) as usize;
        let row = &self.phases[phase * self.taps..][..self.taps];
        let start = (position / self.up) as i64 - (self.taps as i64 / 2 - 1);
        let skip = usize::try_from(-start).unwrap_or(0).min(self.taps);
        let first = usize::try_from(start).unwrap_or(0).min(samples.len());
        let sum: f32 = row[skip..].iter().zip(&samples[first..]).map(|(c, s)| c * f32::from(*s)).sum();
        to_i16(sum)
    }
}

/// 8 kHz to 16 kHz, sample by sample, without allocation. Delay: 5.5 samples at 8 kHz.
#[derive(Debug, Clone)]
pub struct Doubler {
    history: [f32; 12],
    odd: [f32; 12],
}

impl Default for Doubler {
    fn default() -> Self {
        let mut odd = [0.0; 12];
        let mut sum = 0.0;
        for (tap, c) in odd.iter_mut().enumerate() {
            let at = tap as f64 - 5.5;
            *c = (sinc(at) * kaiser(at / 6.5)) as f32;
            sum += *c;
        }
        for c in &mut odd {
            *c /= sum;
        }
        Self { history: [0.0; 12], odd }
    }
}

impl Doubler {
    /// Takes one sample at 8 kHz and gives the next two at 16 kHz: the one half-way, then the one that came in.
    pub fn push(&mut self, sample: i16) -> [i16; 2] {
        self.history.copy_within(1.., 0);
        self.history[11] = f32::from(sample);
        let between: f32 = self.odd.iter().zip(&self.history).map(|(c, s)| c * s).sum();
        [to_i16(between), self.history[6] as i16]
    }
}

fn to_i16(value: f32) -> i16 {
    value.round().clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// The Kaiser window over −1…1.
fn kaiser(x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { bessel(BETA * (1.0 - x * x).sqrt()) / bessel(BETA) }
}

/// Modified Bessel function of the first kind, order 0, by its series.
fn bessel(x: f64) -> f64 {
    let mut sum = 1.0;
    let mut term = 1.0;
    for k in 1..32 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::level::rms_dbfs;

    fn tone(hz: f64, rate: u32, seconds: f64) -> Vec<i16> {
        let count = (f64::from(rate) * seconds) as usize;
        (0..count).map(|i| ((2.0 * PI * hz * i as f64 / f64::from(rate)).sin() * 10_000.0) as i16).collect()
    }

    /// Away from both ends, where the filter runs over the edge.
    fn middle(samples: &[i16]) -> &[i16] {
        &samples[samples.len() / 4..samples.len() * 3 / 4]
    }

    #[test]
    fn a_tone_keeps_time_and_level_between_all_rates() {
        for (from, to) in
            [(8_000, 16_000), (16_000, 8_000), (48_000, 16_000), (44_100, 16_000), (22_050, 16_000), (11_025, 16_000)]
        {
            let out = resample(&tone(1_000.0, from, 0.5), from, to);
            let want = tone(1_000.0, to, 0.5);
            assert!(out.len().abs_diff(want.len()) <= 1, "{from} -> {to}: {} of {}", out.len(), want.len());
            let worst = middle(&out).iter().zip(middle(&want)).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(worst < 60, "{from} -> {to}: off by {worst} of 10000");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_taken_out() {
        for hz in [4_600.0, 5_500.0, 7_000.0] {
            let out = resample(&tone(hz, 16_000, 0.5), 16_000, 8_000);
            let level = rms_dbfs(middle(&out)) - rms_dbfs(&tone(hz, 16_000, 0.5));
            assert!(level < -50.0, "{hz} Hz folds back at {level} dB");
        }
    }

    #[test]
    fn speech_band_passes_flat() {
        for hz in [100.0, 300.0, 2_000.0, 3_400.0] {
            let input = tone(hz, 16_000, 0.5);
            let level = rms_dbfs(middle(&resample(&input, 16_000, 8_000))) - rms_dbfs(middle(&input));
            assert!(level.abs() < 0.2, "{hz} Hz: {level} dB");
        }
    }

    #[test]
    fn the_doubler_agrees_with_the_filter() {
        let input = tone(700.0, 8_000, 0.2);
        let mut doubler = Doubler::default();
        let out: Vec<i16> = input.iter().flat_map(|s| doubler.push(*s)).collect();
        let want = tone(700.0, 16_000, 0.2);
        // The half-way sample that leaves with input n stands at n − 5.5.
        let worst = out[22..].iter().zip(&want[11..]).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst < 120, "off by {worst}");
    }

    #[test]
    fn odd_input_is_no_trouble() {
        assert!(resample(&[], 8_000, 16_000).is_empty());
        assert_eq!(resample(&[5], 8_000, 8_000), [5]);
        assert_eq!(resample(&[1_000], 16_000, 8_000).len(), 1);
        assert!(resample(&[1], 0, 8_000).is_empty());
    }
}
