//! Keys heard as sound (ITU-T Q.23), for phones and gateways that send them no
//! other way. Listens to 8 kHz samples as they come; allocates nothing.
//!
//! Each 4 ms a window of 14 ms is correlated with the eight frequencies. How far
//! the phase of a tone moved since the window before gives its frequency to a few
//! Hz. A key is two tones, one of each group, that hold nearly all of the
//! window's power, at the right frequencies, of like level, and that stand still
//! for the length of a short press: speech has such windows, but not so many.
//! A click or a burst of errors within a press spoils some windows and is passed over.
//! The limits are those of ITU-T Q.24, with room for what G.711 and a line add.
//!
//! `examples/inband_figures.rs` measures it on recordings of keys and of speech.

use std::f32::consts::TAU;
use std::sync::OnceLock;

/// Samples a second.
const RATE: f32 = 8_000.0;
/// Samples from one window to the next: 4 ms.
const HOP: usize = 32;
/// Samples of a window: 14 ms.
const WINDOW: usize = 112;
/// Each half is folded onto the other.
const HALF: usize = WINDOW / 2;

/// The eight frequencies, low group first.
const FREQUENCIES: [f32; 8] = [697.0, 770.0, 852.0, 941.0, 1_209.0, 1_336.0, 1_477.0, 1_633.0];
/// Keys by low and high tone.
const KEYS: [[char; 4]; 4] = [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// Power of a tone of 0 dBm0, in sample units squared: G.711 holds 3.14 dB more.
const ZERO_DBM0: f32 = 2.6e8;
/// Weakest tone that counts, dBm0.
const LEVEL_MIN_DBM0: f32 = -38.0;
/// The high tone may be so much stronger than the low one (Q.24: 4 dB).
const HIGH_ABOVE_DB: f32 = 6.0;
/// The low tone may be so much stronger: lines damp high tones (Q.24: 8 dB).
const LOW_ABOVE_DB: f32 = 10.0;
/// Part of the window's power that the two tones must hold.
const PURE_MIN: f32 = 0.88;
/// Off the nominal frequency, as part of it: 1.5 % must be heard, 3.5 % must not.
const OFF_MAX: f32 = 0.024;
/// From window to window a tone's frequency moves no more than this, Hz.
const WANDER_MAX_HZ: f32 = 16.0;
/// From window to window a tone's power changes by no more than this factor.
const LEVEL_STEP: f32 = 1.5;
/// The harmonics of a voice: at twice the frequency there is less than this part of the tone's power.
const HARMONIC_MAX: f32 = 0.06;
/// Good windows that are a key: 26 ms of tone. More would miss short presses with a burst of errors in them.
const NEEDED: u8 = 4;
/// So many windows between two good ones may be spoilt: a click, a burst of errors. Such a window says nothing.
const SPOILT_MAX: u8 = 5;
/// A tone this far below the key's level is over.
const QUIET: f32 = 0.1;
/// So many quiet hops in a row end a press. A break of 10 ms holds two at most.
const QUIET_HOPS: u8 = 3;
/// So many windows in a row that are not this key end the press.
const OTHER_WINDOWS: u8 = 7;
/// Samples that may be missing within a press.
const MISSING_MAX: u64 = 800;

/// What the window is correlated with: window times cosine and sine, from the middle outwards.
struct Table {
    /// Squares of the window.
    power: [f32; HALF],
    cosine: [[f32; HALF]; 8],
    sine: [[f32; HALF]; 8],
    /// Turns the phase back by what a nominal tone moves in a hop.
    back: [(f32, f32); 8],
    /// Sum of the window.
    sum: f32,
    /// Sum of its squares.
    power_sum: f32,
}

impl Table {
    fn new() -> Self {
        let at = |n: usize| n as f32 + 0.5;
        // Hann: zero at both ends.
        let window: [f32; HALF] = std::array::from_fn(|n| 0.5 + 0.5 * (TAU * at(n) / WINDOW as f32).cos());
        let wave = |frequency: f32, n: usize| (TAU * frequency / RATE * at(n)).sin_cos();
        Self {
            power: window.map(|w| w * w),
            cosine: FREQUENCIES.map(|f| std::array::from_fn(|n| window[n] * wave(f, n).1)),
            sine: FREQUENCIES.map(|f| std::array::from_fn(|n| window[n] * wave(f, n).0)),
            back: FREQUENCIES.map(|f| {
                let (sine, cosine) = (TAU * f / RATE * HOP as f32).sin_cos();
                (cosine, -sine)
            }),
            sum: 2.0 * window.iter().sum::<f32>(),
            power_sum: 2.0 * window.iter().map(|w| w * w).sum::<f32>(),
        }
    }

    fn shared() -> &'static Self {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(Self::new)
    }
}

/// A window folded: sums and differences of samples at the same distance from its middle.
struct Folded {
    sums: [f32; HALF],
    differences: [f32; HALF],
}

impl Folded {
    fn of(window: &[i16; WINDOW]) -> Self {
        let (before, after) = window.split_at(HALF);
        let pair = |n: usize| (f32::from(after[n]), f32::from(before[HALF - 1 - n]));
        Self {
            sums: std::array::from_fn(|n| pair(n).0 + pair(n).1),
            differences: std::array::from_fn(|n| pair(n).0 - pair(n).1),
        }
    }

    /// Mean power under the window.
    fn power(&self, table: &Table) -> f32 {
        let squares: [f32; HALF] =
            std::array::from_fn(|n| self.sums[n] * self.sums[n] + self.differences[n] * self.differences[n]);
        dot(&squares, &table.power) / (2.0 * table.power_sum)
    }
}

/// Eight sums side by side: the compiler makes vectors of them.
fn dot(a: &[f32; HALF], b: &[f32; HALF]) -> f32 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for n in 0..8 {
            sums[n] += a[n] * b[n];
        }
    }
    sums.iter().sum()
}

/// A tone in a window: real and imaginary part.
type Phasor = (f32, f32);

fn square((re, im): Phasor) -> f32 {
    re * re + im * im
}

/// What a window was found to hold, whether or not it is a key.
#[derive(Debug, Clone, Copy)]
struct Seen {
    low: usize,
    high: usize,
    phasors: [Phasor; 2],
}

/// A window that could be part of a key.
#[derive(Debug, Clone, Copy)]
struct Good {
    low: usize,
    high: usize,
    /// Power of each tone.
    powers: [f32; 2],
    /// Off the nominal frequencies, Hz.
    off: [f32; 2],
}

impl Good {
    /// The same two tones, standing still.
    fn follows(&self, before: &Self) -> bool {
        let still = |n: usize| {
            let step = self.powers[n] / before.powers[n];
            (self.off[n] - before.off[n]).abs() <= WANDER_MAX_HZ && step < LEVEL_STEP && step > 1.0 / LEVEL_STEP
        };
        (self.low, self.high) == (before.low, before.high) && still(0) && still(1)
    }
}

/// A press that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tone {
    /// `0`–`9`, `*`, `#`, `A`–`D`.
    pub key: char,
    /// Where it began, samples since the detector did; to about 5 ms.
    pub began: u64,
    /// Where it was last heard.
    pub heard: u64,
}

/// A key that is down.
#[derive(Debug, Clone, Copy)]
struct Down {
    tone: Tone,
    low: usize,
    high: usize,
    power: f32,
    quiet: u8,
    other: u8,
}

/// Listens to one direction of one leg. About 500 bytes.
#[derive(Debug, Clone)]
pub struct Detector {
    window: [i16; WINDOW],
    /// Samples of the coming hop, from the front.
    filled: usize,
    /// Hops in the window that hold samples without a hole.
    whole: usize,
    /// Samples taken and missed since the beginning.
    position: u64,
    seen: Option<Seen>,
    /// The last good window of a run, how many there were, and how many spoilt ones came since.
    good: Option<Good>,
    run: u8,
    spoilt: u8,
    /// Where the run began.
    began: u64,
    down: Option<Down>,
}

impl Default for Detector {
    fn default() -> Self {
        // Worked out here, by whoever opens the leg, and not on its lane.
        Table::shared();
        Self {
            window: [0; WINDOW],
            filled: 0,
            whole: 0,
            position: 0,
            seen: None,
            good: None,
            run: 0,
            spoilt: 0,
            began: 0,
            down: None,
        }
    }
}

impl Detector {
    /// Takes samples; `heard` is told of each press once, some 35 ms after it began.
    pub fn push(&mut self, mut samples: &[i16], mut heard: impl FnMut(Tone)) {
        while !samples.is_empty() {
            let take = samples.len().min(HOP - self.filled);
            let (now, later) = samples.split_at(take);
            let at = WINDOW - HOP + self.filled;
            self.window[at..at + take].copy_from_slice(now);
            self.filled += take;
            self.position += take as u64;
            samples = later;
            if self.filled == HOP {
                heard_in(self.hop(), &mut heard);
                self.window.copy_within(HOP.., 0);
                self.filled = 0;
            }
        }
    }

    /// Samples that never came. What is down may still be, if they are few.
    pub fn missing(&mut self, samples: u32) {
        self.position += u64::from(samples);
        self.filled = 0;
        self.whole = 0;
        self.forget();
        if self.down.is_some_and(|down| self.position - down.tone.heard > MISSING_MAX) {
            self.down = None;
        }
    }

    /// Samples taken and missed so far.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The key that is down now.
    pub fn down(&self) -> Option<Tone> {
        self.down.map(|down| down.tone)
    }

    fn forget(&mut self) {
        self.seen = None;
        self.good = None;
        self.run = 0;
        self.spoilt = 0;
    }

    /// A hop is complete.
    fn hop(&mut self) -> Option<Tone> {
        self.whole = (self.whole + 1).min(WINDOW / HOP);
        self.watch_quiet();
        if self.whole < WINDOW / HOP {
            return None;
        }
        let good = self.look();
        self.hold(good);
        let Some(good) = good else {
            self.spoilt = self.spoilt.saturating_add(1);
            return None;
        };
        let follows = self.spoilt <= SPOILT_MAX && self.good.is_some_and(|before| good.follows(&before));
        if !follows {
            // The window before held most of the tone, too; this is its first that held all.
            self.began = self.position.saturating_sub(WINDOW as u64);
            self.run = 0;
        }
        self.run = self.run.saturating_add(1);
        self.spoilt = 0;
        self.good = Some(good);
        if self.run < NEEDED {
            return None;
        }
        if self.down.is_some_and(|down| (down.low, down.high) == (good.low, good.high)) || self.harmonics(&good) {
            return None;
        }
        let key = KEYS[good.low][good.high - 4];
        let tone = Tone { key, began: self.began, heard: self.position };
        let power = good.powers[0] + good.powers[1];
        self.down = Some(Down { tone, low: good.low, high: good.high, power, quiet: 0, other: 0 });
        Some(tone)
    }

    /// The newest hop is quiet: a pause between presses.
    fn watch_quiet(&mut self) {
        let Some(down) = &mut self.down else { return };
        let hop = &self.window[WINDOW - HOP..];
        let power = hop.iter().map(|s| f32::from(*s) * f32::from(*s)).sum::<f32>() / HOP as f32;
        down.quiet = if power < down.power * QUIET { down.quiet + 1 } else { 0 };
        if down.quiet >= QUIET_HOPS {
            self.down = None;
        }
    }

    /// The window holds what is down, or something else.
    fn hold(&mut self, good: Option<Good>) {
        let Some(down) = &mut self.down else { return };
        if good.is_some_and(|good| (good.low, good.high) == (down.low, down.high)) {
            down.other = 0;
            down.tone.heard = self.position;
        } else {
            down.other += 1;
            if down.other >= OTHER_WINDOWS {
                self.down = None;
            }
        }
    }

    /// What the window holds.
    fn look(&mut self) -> Option<Good> {
        let table = Table::shared();
        let folded = Folded::of(&self.window);
        let power = folded.power(table);
        let floor = ZERO_DBM0 * 10_f32.powf(LEVEL_MIN_DBM0 / 10.0);
        if power < 2.0 * floor {
            self.seen = None;
            return None;
        }
        let phasors: [Phasor; 8] =
            std::array::from_fn(|n| (dot(&folded.sums, &table.cosine[n]), -dot(&folded.differences, &table.sine[n])));
        let strongest = |from: usize| {
            (from..from + 4).max_by(|a, b| square(phasors[*a]).total_cmp(&square(phasors[*b]))).unwrap_or(from)
        };
        let (low, high) = (strongest(0), strongest(4));
        let seen = Seen { low, high, phasors: [phasors[low], phasors[high]] };
        let before = self.seen.replace(seen)?;
        if (before.low, before.high) != (low, high) {
            return None;
        }
        good(&before, &seen, power, floor, table)
    }

    /// There is a voice's harmonic above one of the tones.
    fn harmonics(&self, good: &Good) -> bool {
        let frequency = |n: usize, bin: usize| FREQUENCIES[bin] + good.off[n];
        let (low, high) = (frequency(0, good.low), frequency(1, good.high));
        // Twice the low tone may lie beside the high tone, where nothing can be told.
        let beside = (2.0 * low - high).abs() < 150.0;
        let above = |tone: f32, power: f32| power_at(&self.window, 2.0 * tone) > power * HARMONIC_MAX;
        above(high, good.powers[1]) || (!beside && above(low, good.powers[0]))
    }
}

fn heard_in(tone: Option<Tone>, heard: &mut impl FnMut(Tone)) {
    if let Some(tone) = tone {
        heard(tone);
    }
}

/// Judges two windows that follow each other.
fn good(before: &Seen, now: &Seen, power: f32, floor: f32, table: &Table) -> Option<Good> {
    let (mut powers, mut off) = ([0.0; 2], [0.0; 2]);
    for (n, bin) in [now.low, now.high].into_iter().enumerate() {
        off[n] = advance(before.phasors[n], now.phasors[n], table.back[bin]);
        if off[n].abs() > OFF_MAX * FREQUENCIES[bin] {
            return None;
        }
        powers[n] = 2.0 * square(now.phasors[n]) / (table.sum * table.sum) / response(off[n]);
    }
    let [low, high] = powers;
    let ratio = |db: f32| 10_f32.powf(db / 10.0);
    let fine = low.min(high) >= floor
        && high <= low * ratio(HIGH_ABOVE_DB)
        && low <= high * ratio(LOW_ABOVE_DB)
        && low + high >= PURE_MIN * power;
    fine.then_some(Good { low: now.low, high: now.high, powers, off })
}

/// How far a tone is from its nominal frequency, Hz, by what its phase moved in a hop.
fn advance(before: Phasor, now: Phasor, back: Phasor) -> f32 {
    let turned = (now.0 * before.0 + now.1 * before.1, now.1 * before.0 - now.0 * before.1);
    let (re, im) = (turned.0 * back.0 - turned.1 * back.1, turned.0 * back.1 + turned.1 * back.0);
    im.atan2(re) / TAU * RATE / HOP as f32
}

/// What the window lets through of a tone's power so far off, Hz.
fn response(off: f32) -> f32 {
    let bins = (off.abs() * WINDOW as f32 / RATE).clamp(1e-3, 0.95);
    let part = (bins * TAU / 2.0).sin() / (bins * TAU / 2.0) / (1.0 - bins * bins);
    part * part
}

/// Power of a tone at any frequency, under the same window. Only for what already looks like a key.
fn power_at(window: &[i16; WINDOW], frequency: f32) -> f32 {
    let (mut re, mut im, mut sum) = (0.0, 0.0, 0.0);
    for (n, sample) in window.iter().enumerate() {
        let t = n as f32 + 0.5;
        let weight = 0.5 - 0.5 * (TAU * t / WINDOW as f32).cos();
        let (sine, cosine) = (TAU * frequency / RATE * t).sin_cos();
        re += weight * cosine * f32::from(*sample);
        im += weight * sine * f32::from(*sample);
        sum += weight;
    }
    2.0 * (re * re + im * im) / (sum * sum)
}

#[cfg(test)]
mod tests;
