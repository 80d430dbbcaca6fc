//! What is put in place of a lost packet: the last pitch period again, fading.
//!
//! In the manner of ITU-T G.711 appendix I, made small: the period is looked for when a packet is missing, repeated
//! with a short blend, held for 10 ms, then faded to nothing over 50 ms. What comes after the hole is blended in.

/// Samples remembered: twice the longest period and a blend.
const HISTORY: usize = 280;
/// Periods looked for, samples: 66 to 200 Hz (a higher voice repeats twice in one of them).
const PERIOD_MIN: usize = 40;
const PERIOD_MAX: usize = 120;
/// Compared piece, samples: 20 ms.
const COMPARED: usize = 160;
/// Blend, samples: 4 ms.
const BLEND: usize = 32;
/// Held at full level, then faded, samples.
const HOLD: usize = 80;
const FADE: usize = 400;

/// What was heard last of one stream.
#[derive(Debug, Clone)]
pub(super) struct Conceal {
    history: [i16; HISTORY],
    /// What is repeated, while something is missing.
    period: usize,
    cycle: [i16; PERIOD_MAX],
    /// Samples made since the last one received.
    made: usize,
}

impl Default for Conceal {
    fn default() -> Self {
        Self { history: [0; HISTORY], period: PERIOD_MIN, cycle: [0; PERIOD_MAX], made: 0 }
    }
}

impl Conceal {
    /// A good piece came: remembers it, after its beginning was blended with what was made before.
    pub(super) fn good(&mut self, samples: &mut [i16]) {
        if self.made > 0 {
            for (n, sample) in samples.iter_mut().take(BLEND).enumerate() {
                let made = i32::from(self.next());
                let part = n as i32 + 1;
                let whole = BLEND as i32 + 1;
                *sample = ((i32::from(*sample) * part + made * (whole - part)) / whole) as i16;
            }
            self.made = 0;
        }
        self.remember(samples);
    }

    /// Fills a hole.
    pub(super) fn fill(&mut self, out: &mut [i16]) {
        if self.made == 0 {
            self.begin();
        }
        for sample in out.iter_mut() {
            *sample = self.next();
        }
        self.remember(out);
    }

    fn remember(&mut self, samples: &[i16]) {
        let new = &samples[samples.len().saturating_sub(HISTORY)..];
        self.history.copy_within(new.len().., 0);
        self.history[HISTORY - new.len()..].copy_from_slice(new);
    }

    /// Finds the period and cuts one cycle out of the history, its end blended into its begin.
    fn begin(&mut self) {
        let period = self.find_period();
        self.period = period;
        let last = HISTORY - period;
        self.cycle[..period].copy_from_slice(&self.history[last..]);
        // The end of the cycle goes over into what stood before its begin, so that it can follow itself.
        for n in 0..BLEND {
            let (new, old) = (i32::from(self.history[last - BLEND + n]), i32::from(self.history[HISTORY - BLEND + n]));
            let part = n as i32 + 1;
            let whole = BLEND as i32 + 1;
            self.cycle[period - BLEND + n] = ((new * part + old * (whole - part)) / whole) as i16;
        }
    }

    /// The shift at which the last piece resembles itself most.
    fn find_period(&self) -> usize {
        let recent = &self.history[HISTORY - COMPARED..];
        let mut best = (PERIOD_MAX, 0.0_f32);
        for shift in PERIOD_MIN..=PERIOD_MAX {
            let before = &self.history[HISTORY - COMPARED - shift..HISTORY - shift];
            let (mut product, mut power) = (0_i64, 1_i64);
            for (a, b) in recent.iter().zip(before) {
                product += i64::from(i32::from(*a) * i32::from(*b));
                power += i64::from(i32::from(*b) * i32::from(*b));
            }
            let likeness = if product > 0 { (product as f32) * (product as f32) / power as f32 } else { 0.0 };
            if likeness > best.1 {
                best = (shift, likeness);
            }
        }
        best.0
    }

    fn next(&mut self) -> i16 {
        let sample = i32::from(self.cycle[self.made % self.period]);
        let left = (HOLD + FADE).saturating_sub(self.made).min(FADE) as i32;
        self.made += 1;
        (sample * left / FADE as i32) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(from: usize, count: usize) -> Vec<i16> {
        // 125 Hz with harmonics: a period of 64 samples.
        let wave = |n: usize| {
            let phase = n as f64 / 64.0 * std::f64::consts::TAU;
            (phase.sin() * 6_000.0 + (phase * 3.0).sin() * 2_000.0 + (phase * 7.0).cos() * 900.0) as i16
        };
        (from..from + count).map(wave).collect()
    }

    fn steepest(samples: &[i16]) -> u16 {
        samples.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap()
    }

    #[test]
    fn a_lost_packet_of_a_steady_voice_is_not_heard() {
        let mut conceal = Conceal::default();
        let mut said = voice(0, 800);
        for piece in said.chunks_mut(160) {
            conceal.good(piece);
        }
        let mut made = [0; 80];
        conceal.fill(&mut made);
        let worst = made.iter().zip(voice(800, 80)).map(|(a, b)| a.abs_diff(b)).max().unwrap();
        assert!(worst < 600, "off by {worst} of 8,900");
    }

    #[test]
    fn a_long_hole_fades_to_nothing_and_no_edge_clicks() {
        let mut conceal = Conceal::default();
        let mut heard = voice(0, 800);
        conceal.good(&mut heard);
        let allowed = steepest(&heard) * 3 / 2;
        for _ in 0..4 {
            let mut made = [0; 160];
            conceal.fill(&mut made);
            heard.extend(made);
        }
        assert!(heard[800 + HOLD + FADE..].iter().all(|sample| *sample == 0));
        // Somewhere else in its period: what follows does not fit what was made.
        let mut after = voice(1_471, 320);
        conceal.good(&mut after);
        heard.extend(&after);
        assert!(steepest(&heard) <= allowed, "{} of {allowed}", steepest(&heard));
        assert_eq!(after[BLEND..], voice(1_471, 320)[BLEND..]);
    }

    #[test]
    fn nothing_heard_before_gives_nothing() {
        let mut made = [9; 200];
        Conceal::default().fill(&mut made);
        assert_eq!(made, [0; 200]);
        let mut conceal = Conceal::default();
        conceal.good(&mut [i16::MIN; 300]);
        conceal.fill(&mut made);
        assert_eq!(made[0], i16::MIN);
    }
}
