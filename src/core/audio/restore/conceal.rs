//! What stands where a packet is missing: the last pitch period again and again, fading out within 60 ms (after the
//! idea of ITU-T G.711 appendix I), and a soft change back to what was received.

use std::f32::consts::FRAC_PI_2;

/// Shortest and longest pitch period looked for: 66 to 200 Hz and, by halves of it, higher voices.
const PITCH_MIN: usize = 40;
const PITCH_MAX: usize = 120;
/// Compared when the period is looked for, 20 ms.
const COMPARED: usize = 160;
/// What is remembered.
const HISTORY: usize = COMPARED + PITCH_MAX;
/// Unchanged for 10 ms, silent after 60 ms.
const FADE_FROM: usize = 80;
const FADE_TO: usize = 480;
/// The change back takes 5 ms.
const BLEND: usize = 40;

/// One channel's.
#[derive(Debug, Clone)]
pub struct Concealer {
    /// The last samples, as they were given out.
    history: Vec<i16>,
    /// The period that is repeated; empty: nothing is missing now.
    period: Vec<i16>,
    /// Samples made up since the last real one.
    made: usize,
}

impl Default for Concealer {
    fn default() -> Self {
        Self { history: vec![0; HISTORY], period: Vec::new(), made: 0 }
    }
}

impl Concealer {
    /// Fills `out` with what may have been said.
    pub fn conceal(&mut self, out: &mut [i16]) {
        if self.period.is_empty() {
            self.begin();
        }
        for sample in out.iter_mut() {
            *sample = self.made_up();
            self.made += 1;
        }
        self.remember(out);
    }

    /// What was received: its beginning is blended with what was made up before.
    pub fn received(&mut self, samples: &mut [i16]) {
        if !self.period.is_empty() {
            let length = BLEND.min(samples.len());
            for (step, sample) in samples.iter_mut().take(length).enumerate() {
                let angle = (step + 1) as f32 / (length + 1) as f32 * FRAC_PI_2;
                let weight = angle.sin().powi(2);
                let made = f32::from(self.made_up());
                self.made += 1;
                *sample = (made * (1.0 - weight) + f32::from(*sample) * weight).round() as i16;
            }
            self.period.clear();
        }
        self.remember(samples);
    }

    /// What is received next does not follow what was received last: it is blended with it.
    pub fn part(&mut self) {
        if self.period.is_empty() {
            self.begin();
        }
    }

    fn begin(&mut self) {
        let lag = pitch(&self.history);
        let end = self.history.len();
        self.period.clear();
        self.period.extend_from_slice(&self.history[end - lag..]);
        // The end of the period goes over into what came before its beginning, so that a repetition has no seam.
        let overlap = lag / 4;
        for step in 0..overlap {
            let weight = (step + 1) as f32 / (overlap + 1) as f32;
            let at = lag - overlap + step;
            let before = f32::from(self.history[end - lag - overlap + step]);
            self.period[at] = (f32::from(self.period[at]) * (1.0 - weight) + before * weight).round() as i16;
        }
        self.made = 0;
    }

    /// The next sample, not yet counted.
    fn made_up(&self) -> i16 {
        if self.made >= FADE_TO {
            return 0;
        }
        let sample = f32::from(self.period[self.made % self.period.len()]);
        let left =
            if self.made < FADE_FROM { 1.0 } else { (FADE_TO - self.made) as f32 / (FADE_TO - FADE_FROM) as f32 };
        (sample * left).round() as i16
    }

    fn remember(&mut self, samples: &[i16]) {
        let fresh = &samples[samples.len().saturating_sub(HISTORY)..];
        self.history.drain(..fresh.len());
        self.history.extend_from_slice(fresh);
    }
}

/// The lag at which the last 20 ms look most like what was before.
fn pitch(history: &[i16]) -> usize {
    let end = history.len();
    let last = &history[end - COMPARED..];
    let mut best = (f32::MIN, PITCH_MIN);
    for lag in PITCH_MIN..=PITCH_MAX {
        let before = &history[end - COMPARED - lag..end - lag];
        let (mut product, mut energy) = (0.0_f32, 1.0_f32);
        for (a, b) in last.iter().zip(before) {
            product += f32::from(*a) * f32::from(*b);
            energy += f32::from(*b) * f32::from(*b);
        }
        let alike = product / energy.sqrt();
        if alike > best.0 {
            best = (alike, lag);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(from: usize, count: usize, period: f32) -> Vec<i16> {
        let wave = |i: usize| (i as f32 * std::f32::consts::TAU / period).sin() * 8_000.0;
        (from..from + count).map(|i| wave(i) as i16).collect()
    }

    fn largest_step(samples: &[i16]) -> u16 {
        samples.windows(2).map(|pair| pair[1].abs_diff(pair[0])).max().unwrap()
    }

    #[test]
    fn a_tone_goes_on_where_a_packet_is_missing_and_nothing_clicks() {
        for period in [8.0, 16.0, 40.0, 61.3, 100.0] {
            let mut concealer = Concealer::default();
            let mut heard = tone(0, 480, period);
            concealer.received(&mut heard);
            let mut made = vec![0; 160];
            concealer.conceal(&mut made);
            let mut after = tone(640, 160, period);
            concealer.received(&mut after);
            let steady = largest_step(&heard[100..]);
            heard.extend_from_slice(&made);
            heard.extend_from_slice(&after);
            let largest = largest_step(&heard[100..]);
            assert!(largest <= steady + steady / 2 + 20, "period {period}: {largest} after {steady}");
            let loud = made[..80].iter().map(|s| s.unsigned_abs()).max().unwrap();
            assert!(loud > 7_000, "period {period}: {loud}");
        }
    }

    #[test]
    fn a_long_hole_becomes_silent_and_its_end_comes_softly() {
        let mut concealer = Concealer::default();
        concealer.received(&mut tone(0, 480, 20.0));
        let mut made = vec![0; 800];
        concealer.conceal(&mut made);
        assert!(made[480..].iter().all(|sample| *sample == 0));
        let mut loud = vec![10_000; 160];
        concealer.received(&mut loud);
        assert!(largest_step(&loud) < 800, "{}", largest_step(&loud));
        assert_eq!(loud[BLEND], 10_000);
    }

    #[test]
    fn what_follows_what_was_received_is_not_touched() {
        let mut concealer = Concealer::default();
        let said = tone(0, 160, 20.0);
        let mut same = said.clone();
        concealer.received(&mut same);
        concealer.received(&mut same);
        assert_eq!(same, said);
    }
}
