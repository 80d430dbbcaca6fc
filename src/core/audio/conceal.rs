//! Fills holes in 8 kHz audio with what was heard before: the last pitch period again and again, fading out after
//! 10 ms and gone after 60 (the idea of G.711 Appendix I). No delay of its own, no allocation.

use super::noise::{self, COMFORT_DBOV, Noise};

/// Shortest pitch period, samples: 200 Hz and above repeat in a multiple of theirs.
pub(super) const PERIOD_MIN: usize = 40;
/// Longest pitch period, samples (66 Hz).
pub(super) const PERIOD_MAX: usize = 120;
/// Periods that are repeated at most: more than one, or it buzzes.
const PERIODS: usize = 3;
/// What is remembered: that many periods and what fades into them.
pub(super) const HISTORY: usize = PERIODS * PERIOD_MAX + PERIOD_MAX / 4;
/// The stretch whose likeness is looked for.
const WINDOW: usize = 160;
/// So long the repetition is as loud as what was heard.
const HOLD: usize = 80;
/// After so long it is silent.
pub(super) const FADED: usize = 480;
/// Each period more is used after so long.
const MORE_AFTER: usize = 80;
/// The way back into what is heard takes at most so long.
const BACK_MAX: usize = 80;

/// The concealment of one stream.
#[derive(Debug, Clone)]
pub struct Conceal {
    /// What was played last, oldest first.
    history: [i16; HISTORY],
    /// As it was when the hole began.
    past: [i16; HISTORY],
    /// Place in `past` of the next sample.
    at: usize,
    period: usize,
    /// Added to the beginning of the repetition, so that it goes on where the sound stopped.
    step: f32,
    /// Samples filled in since the hole began; 0: there is none.
    lost: usize,
    noise: Noise,
    peak: f32,
    /// The background of the line, RMS.
    floor: f32,
}

impl Default for Conceal {
    fn default() -> Self {
        Self {
            history: [0; HISTORY],
            past: [0; HISTORY],
            at: 0,
            period: PERIOD_MAX,
            step: 0.0,
            lost: 0,
            noise: Noise::new(1),
            peak: noise::peak(COMFORT_DBOV),
            floor: 33.0,
        }
    }
}

impl Conceal {
    /// What was heard and is played now; its beginning is blended with what filled the hole before it.
    pub fn good(&mut self, samples: &mut [i16]) {
        if self.lost > 0 {
            let back = (self.period / 4 + self.lost / 80 * 32).clamp(16, BACK_MAX).min(samples.len());
            for (n, sample) in samples[..back].iter_mut().enumerate() {
                let share = (n + 1) as f32 / (back + 1) as f32;
                *sample = (f32::from(*sample) * share + self.next() * (1.0 - share)) as i16;
            }
            self.lost = 0;
        }
        self.follow_floor(samples);
        self.remember(samples);
    }

    /// Fills `out` with what may have been said.
    pub fn lost(&mut self, out: &mut [i16]) {
        if self.lost == 0 {
            self.begin();
        }
        for sample in out.iter_mut() {
            *sample = self.next().clamp(-32_768.0, 32_767.0) as i16;
        }
        self.remember(out);
    }

    /// Something is left out here: what comes next is blended into what was heard.
    pub fn cut(&mut self) {
        if self.lost == 0 {
            self.begin();
        }
    }

    /// The hole is so long that nothing is left of the sound before it.
    pub const fn is_faded(&self) -> bool {
        self.lost >= FADED
    }

    /// The other side says how its background sounds while it sends nothing (RFC 3389), dB below overload.
    pub fn background(&mut self, dbov: u8) {
        self.peak = noise::peak(dbov);
    }

    /// What was played last, oldest first.
    pub(super) const fn history(&self) -> &[i16; HISTORY] {
        &self.history
    }

    /// What was made of the history elsewhere is played now.
    pub(super) fn played(&mut self, samples: &[i16]) {
        self.remember(samples);
    }

    fn begin(&mut self) {
        self.past = self.history;
        self.period = period(&self.past);
        self.at = HISTORY - self.period;
        self.step = f32::from(self.past[HISTORY - 1]) - f32::from(self.past[self.at - 1]);
        // Half of it from the first: 0 would be "no hole".
        self.lost = 1;
    }

    /// The next sample of the repetition.
    fn next(&mut self) -> f32 {
        let periods = (1 + self.lost / MORE_AFTER).min(PERIODS);
        let cycle = self.period * periods;
        if self.at >= HISTORY {
            self.at -= cycle;
        }
        let quarter = self.period / 4;
        let mut sample = f32::from(self.past[self.at]);
        // The end of the cycle becomes what stands before its beginning.
        let left = HISTORY - self.at;
        if left <= quarter {
            let share = left as f32 / (quarter + 1) as f32;
            sample = sample * share + f32::from(self.past[self.at - cycle]) * (1.0 - share);
        }
        let begun = self.lost - 1;
        if begun < quarter {
            sample += self.step * (1.0 - (begun + 1) as f32 / (quarter + 1) as f32);
        }
        self.at += 1;
        self.lost = (self.lost + 1).min(FADED + 1);
        let gain = if begun < HOLD { 1.0 } else { 1.0 - (begun - HOLD) as f32 / (FADED - HOLD) as f32 }.max(0.0);
        sample * gain + self.noise.sample(self.peak.min(self.floor * 1.73)) * (1.0 - gain)
    }

    fn remember(&mut self, samples: &[i16]) {
        let kept = samples.len().min(HISTORY);
        self.history.copy_within(kept.., 0);
        self.history[HISTORY - kept..].copy_from_slice(&samples[samples.len() - kept..]);
    }

    /// Falls at once to what is heard, rises slowly.
    fn follow_floor(&mut self, samples: &[i16]) {
        if samples.len() < 40 {
            return;
        }
        let power: f32 = samples.iter().map(|sample| f32::from(*sample).powi(2)).sum();
        let rms = (power / samples.len() as f32).sqrt();
        self.floor = if rms < self.floor { rms } else { (self.floor * 1.005 + 0.01).min(rms) };
    }
}

/// The pitch period at the end of `past`: where the last 20 ms are most like what was before them.
fn period(past: &[i16; HISTORY]) -> usize {
    let coarse = (PERIOD_MIN..=PERIOD_MAX).step_by(2).map(|lag| (lag, likeness(past, lag, 2)));
    let best = coarse.fold((PERIOD_MAX, f32::MIN), |best, next| if next.1 > best.1 { next } else { best }).0;
    let near = best.saturating_sub(1).max(PERIOD_MIN)..=(best + 1).min(PERIOD_MAX);
    near.map(|lag| (lag, likeness(past, lag, 1)))
        .fold((best, f32::MIN), |best, next| if next.1 > best.1 { next } else { best })
        .0
}

/// How alike the last 20 ms and those `lag` before them are, -1 to 1; every `step`th sample counts.
fn likeness(past: &[i16; HISTORY], lag: usize, step: usize) -> f32 {
    let now = &past[HISTORY - WINDOW..];
    let before = &past[HISTORY - WINDOW - lag..HISTORY - lag];
    alike(now, before, step)
}

/// Normalised cross-correlation, -1 to 1; 0 where one of them is silent.
pub(super) fn alike(one: &[i16], two: &[i16], step: usize) -> f32 {
    let (mut both, mut ones, mut twos) = (0.0_f32, 0.0_f32, 0.0_f32);
    for (a, b) in one.iter().zip(two).step_by(step) {
        let (a, b) = (f32::from(*a), f32::from(*b));
        both += a * b;
        ones += a * a;
        twos += b * b;
    }
    let scale = (ones * twos).sqrt();
    if scale < 1.0 { 0.0 } else { both / scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32, from: usize, samples: usize) -> Vec<i16> {
        (from..from + samples)
            .map(|n| ((n as f32 * hz * std::f32::consts::TAU / 8_000.0).sin() * 8_000.0) as i16)
            .collect()
    }

    /// Largest difference between neighbours.
    fn steepest(samples: &[i16]) -> i32 {
        samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
    }

    #[test]
    fn a_lost_frame_of_a_tone_is_hardly_heard() {
        for hz in [100.0, 160.0, 233.0, 440.0, 1_000.0] {
            let (mut conceal, mut out) = (Conceal::default(), Vec::new());
            for frame in 0..20 {
                let mut samples = tone(hz, frame * 160, 160);
                if frame == 10 {
                    conceal.lost(&mut samples);
                } else {
                    conceal.good(&mut samples);
                }
                out.extend(samples);
            }
            let natural = steepest(&tone(hz, 0, 3_200));
            let (before, hole) = (&out[..1_600], &out[1_595..1_845]);
            assert!(steepest(before) <= natural + 1);
            assert!(steepest(hole) <= natural + natural / 4 + 200, "{hz} Hz: {} of {natural}", steepest(hole));
            let power =
                |samples: &[i16]| samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
            let level = power(&out[1_600..1_680]) / power(before);
            assert!((0.6..1.4).contains(&level), "{hz} Hz: the hole is as loud as what was before: {level}");
        }
    }

    #[test]
    fn a_long_hole_fades_to_noise_in_60_ms_without_a_click() {
        let mut conceal = Conceal::default();
        for frame in 0..10 {
            conceal.good(&mut tone(200.0, frame * 160, 160));
        }
        let mut hole = vec![0; 1_600];
        for frame in hole.chunks_mut(160) {
            conceal.lost(frame);
        }
        assert!(conceal.is_faded());
        assert!(steepest(&hole) <= 2_000);
        let peak = |samples: &[i16]| samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
        assert!(peak(&hole[..80]) > 6_000 && peak(&hole[400..480]) < 2_000, "louder at first");
        assert!(peak(&hole[480..]) < 80 && peak(&hole[480..]) > 0, "noise, not nothing: {}", peak(&hole[480..]));
    }

    #[test]
    fn what_was_never_heard_is_concealed_as_quiet_noise() {
        let (mut conceal, mut out) = (Conceal::default(), vec![0; 800]);
        conceal.lost(&mut out);
        assert!(out.iter().all(|sample| sample.abs() < 100));
    }

    #[test]
    fn the_way_back_is_blended() {
        let mut conceal = Conceal::default();
        conceal.good(&mut tone(200.0, 0, 800));
        let mut hole = vec![0; 160];
        conceal.lost(&mut hole);
        // What comes back is in the opposite phase: the worst case.
        let mut back: Vec<i16> = tone(200.0, 960 + 20, 160);
        conceal.good(&mut back);
        let joined = [&hole[..], &back[..]].concat();
        assert!(steepest(&joined) < 3_000, "{}", steepest(&joined));
    }
}
