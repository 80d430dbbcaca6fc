//! From a stream's own time to ours: where each of its samples stands by our clock (a [`Curve`], found from arrival
//! times), and the stream resampled so that it stands there (a [`Warp`]).

use std::collections::VecDeque;
use std::f64::consts::PI;

/// Knots of a curve are so far apart (10 s), and each is fitted to what lies within this distance (30 s), samples.
const KNOT: f64 = 80_000.0;
const REACH: f64 = 240_000.0;
/// A stream shorter than this tells nothing about its clock (20 s).
const TELLING: f64 = 160_000.0;
/// No clock is further off than this.
const SLOPE_MAX: f64 = 1e-3;
/// An offset that changes by less than this all along is taken for constant (4 ms).
const STEADY: f64 = 32.0;
/// Later than the line by this much is no floor (1 ms), and how often those are left out.
const LATE: f64 = 8.0;
const ROUNDS: usize = 4;

/// The least that a packet was delayed within some seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// Its place in the stream's time, samples.
    pub at: f64,
    /// Our clock less the stream's, samples.
    pub offset: f64,
}

/// What is added to a stream's time to give ours: straight between knots, constant outside of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    knots: Vec<Floor>,
}

impl Curve {
    /// The lower envelope of the delays, smoothed; `floors` in the order of time, not empty.
    pub fn fit(floors: &[Floor]) -> Self {
        let lowest = floors.iter().map(|floor| floor.offset).fold(f64::INFINITY, f64::min);
        let constant = |offset: f64| Self { knots: vec![Floor { at: 0.0, offset: offset.round() }] };
        let (Some(first), Some(last)) = (floors.first(), floors.last()) else { return constant(0.0) };
        if last.at - first.at < TELLING {
            return constant(lowest);
        }
        let count = ((last.at - first.at) / KNOT).ceil();
        let mut knots: Vec<Floor> = Vec::with_capacity(count as usize + 1);
        for n in 0..=count as usize {
            let at = (last.at - first.at).mul_add(n as f64 / count, first.at);
            let near: Vec<Floor> = floors.iter().copied().filter(|floor| (floor.at - at).abs() <= REACH).collect();
            let mut offset = line(&near, at).unwrap_or(knots.last().map_or(lowest, |knot| knot.offset));
            if let Some(before) = knots.last() {
                let most = (at - before.at) * 10.0 * SLOPE_MAX;
                offset = offset.clamp(before.offset - most, before.offset + most);
            }
            knots.push(Floor { at, offset });
        }
        let (low, high) = knots.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), knot| {
            (low.min(knot.offset), high.max(knot.offset))
        });
        if high - low < STEADY { constant(f64::midpoint(low, high)) } else { Self { knots } }
    }

    /// What is added at this time of the stream.
    pub fn offset(&self, at: f64) -> f64 {
        let after = self.knots.partition_point(|knot| knot.at <= at);
        let (Some(first), Some(last)) = (self.knots.first(), self.knots.last()) else { return 0.0 };
        if after == 0 {
            return first.offset;
        }
        let (before, Some(next)) = (self.knots[after - 1], self.knots.get(after)) else { return last.offset };
        (next.offset - before.offset).mul_add((at - before.at) / (next.at - before.at), before.offset)
    }

    /// The same, so much later by our clock.
    #[must_use]
    pub fn shifted(mut self, by: i64) -> Self {
        for knot in &mut self.knots {
            knot.offset += by as f64;
        }
        self
    }

    /// The same everywhere, in whole samples.
    fn constant(&self) -> Option<i64> {
        match self.knots.as_slice() {
            [only] => Some(only.offset as i64),
            [] | [_, _, ..] => None,
        }
    }

    /// How far the stream's clock is off, parts per million; positive: it is slower than ours.
    pub fn drift_ppm(&self) -> f64 {
        match (self.knots.first(), self.knots.last()) {
            (Some(first), Some(last)) if last.at > first.at => {
                (last.offset - first.offset) / (last.at - first.at) * 1e6
            }
            (_, _) => 0.0,
        }
    }
}

/// The value at `at` of the line through the lowest; `None`: there is nothing to draw it through.
fn line(floors: &[Floor], at: f64) -> Option<f64> {
    let mut kept = floors.to_vec();
    let mut found = None;
    for _ in 0..ROUNDS {
        let count = kept.len() as f64;
        if kept.is_empty() {
            break;
        }
        let (mean_at, mean) = kept.iter().fold((0.0, 0.0), |(a, o), floor| (a + floor.at, o + floor.offset));
        let (mean_at, mean) = (mean_at / count, mean / count);
        let (mut square, mut product) = (0.0, 0.0);
        for floor in &kept {
            square += (floor.at - mean_at).powi(2);
            product += (floor.at - mean_at) * (floor.offset - mean);
        }
        let slope = if square > 0.0 && kept.len() > 2 { product / square } else { 0.0 };
        let slope = slope.clamp(-SLOPE_MAX, SLOPE_MAX);
        let value = |x: f64| (x - mean_at).mul_add(slope, mean);
        found = Some(value(at));
        let before = kept.len();
        let mean_error = kept.iter().map(|floor| (floor.offset - value(floor.at)).abs()).sum::<f64>() / count;
        kept.retain(|floor| floor.offset - value(floor.at) <= LATE.max(mean_error));
        if kept.len() == before {
            break;
        }
    }
    found
}

/// Samples on each side of where a new one is made.
const HALF: usize = 16;
/// Places between two samples that the filter knows.
const PHASES: usize = 1_024;

/// A stream on its way to our time. Whole steps are copied; between samples a windowed sinc stands.
#[derive(Debug)]
pub struct Warp {
    curve: Curve,
    /// Samples of the stream from `first` on.
    stream: VecDeque<i16>,
    first: i64,
    /// The next sample of ours.
    next: i64,
    filter: Vec<[f32; 2 * HALF]>,
}

impl Warp {
    /// Nothing yet, at our sample 0.
    pub fn new() -> Self {
        let knots = vec![Floor { at: 0.0, offset: 0.0 }];
        Self {
            curve: Curve { knots },
            stream: std::iter::repeat_n(0, HALF).collect(),
            first: -(HALF as i64),
            next: 0,
            filter: Vec::new(),
        }
    }

    /// Our sample that is made next.
    pub const fn next(&self) -> i64 {
        self.next
    }

    /// Another stream begins, at `at` of its own time. What was heard last stands before it.
    pub fn begin(&mut self, at: i64, curve: Curve) {
        while self.stream.len() > HALF {
            self.stream.pop_front();
        }
        self.first = at - self.stream.len() as i64;
        self.curve = curve;
    }

    /// The stream goes on; gives what of ours before `limit` can be made.
    pub fn push(&mut self, samples: &[i16], limit: i64, out: &mut Vec<i16>) {
        self.stream.extend(samples);
        match self.curve.constant() {
            Some(offset) => self.copy(offset, limit, out),
            None => self.bend(limit, out),
        }
        self.forget();
    }

    fn copy(&mut self, offset: i64, limit: i64, out: &mut Vec<i16>) {
        let end = self.first + self.stream.len() as i64 + offset;
        while self.next < end.min(limit) {
            let at = usize::try_from(self.next - offset - self.first).ok();
            out.push(at.and_then(|at| self.stream.get(at)).copied().unwrap_or(0));
            self.next += 1;
        }
    }

    fn bend(&mut self, limit: i64, out: &mut Vec<i16>) {
        if self.filter.is_empty() {
            self.filter = (0..PHASES).map(phase).collect();
        }
        let end = self.first + self.stream.len() as i64;
        // The curve is nearly flat: two steps are exact to a millionth of a sample.
        let guess = self.next as f64 - self.curve.offset(self.next as f64);
        let mut offset = self.curve.offset(guess);
        while self.next < limit {
            let at = self.next as f64 - offset;
            offset = self.curve.offset(at);
            let at = self.next as f64 - offset;
            let whole = at.floor();
            if whole as i64 + HALF as i64 >= end {
                return;
            }
            let row = &self.filter[((at - whole) * PHASES as f64) as usize];
            let from = whole as i64 - HALF as i64 + 1 - self.first;
            let skip = usize::try_from(-from).unwrap_or(0).min(2 * HALF);
            let from = usize::try_from(from).unwrap_or(0);
            let sum: f32 = row[skip..].iter().zip(self.stream.range(from..)).map(|(c, s)| c * f32::from(*s)).sum();
            out.push(sum.round().clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16);
            self.next += 1;
        }
    }

    fn forget(&mut self) {
        let offset = self.curve.offset(self.next as f64 - self.curve.offset(self.next as f64));
        let needed = (self.next as f64 - offset) as i64 - 2 * HALF as i64;
        let most = self.stream.len().saturating_sub(HALF);
        let gone = usize::try_from(needed - self.first).unwrap_or(0).min(most);
        self.stream.drain(..gone);
        self.first += gone as i64;
    }
}

/// The filter for a place between two samples.
fn phase(number: usize) -> [f32; 2 * HALF] {
    let offset = (number as f64 + 0.5) / PHASES as f64;
    let mut row = [0.0; 2 * HALF];
    let mut sum = 0.0;
    for (tap, value) in row.iter_mut().enumerate() {
        let x = tap as f64 - (HALF as f64 - 1.0) - offset;
        let window = (PI * x / (2.0 * HALF as f64)).cos().powi(2);
        let sinc = if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) };
        *value = (sinc * window) as f32;
        sum += *value;
    }
    row.map(|value| value / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floors(seconds: usize, offset: impl Fn(f64) -> f64) -> Vec<Floor> {
        (0..seconds / 5).map(|n| n as f64 * 40_000.0).map(|at| Floor { at, offset: offset(at) }).collect()
    }

    #[test]
    fn a_steady_stream_has_one_whole_offset() {
        let curve = Curve::fit(&floors(1_800, |at| 100.0 + (at / 40_000.0) % 7.0));
        assert!(curve.constant().is_some_and(|offset| (100..=106).contains(&offset)), "{curve:?}");
        assert_eq!(Curve::fit(&floors(15, |at| 50.0 - at * 1e-4)).constant(), Some(42));
    }

    #[test]
    fn a_drifting_clock_is_followed_within_a_millisecond_whatever_is_late() {
        let truth = |at: f64| 300.0 - at * 1e-4;
        // Some windows saw nothing but late packets.
        let late = |at: f64| if (at / 40_000.0) as u64 % 5 == 3 { 160.0 } else { (at / 40_000.0) % 4.0 };
        let curve = Curve::fit(&floors(1_800, |at| truth(at) + late(at)));
        for second in (0..1_795).step_by(7) {
            let at = f64::from(second) * 8_000.0;
            assert!((curve.offset(at) - truth(at)).abs() < 8.0, "{second} s: {}", curve.offset(at) - truth(at));
        }
        assert!((curve.drift_ppm() + 100.0).abs() < 1.0, "{}", curve.drift_ppm());
    }

    #[test]
    fn a_tone_keeps_its_shape_when_it_is_bent() {
        let knots = vec![Floor { at: 0.0, offset: 0.0 }, Floor { at: 80_000.0, offset: 40.0 }];
        let mut warp = Warp::new();
        warp.begin(0, Curve { knots });
        let wave = |at: f64| (at * 0.7).sin() * 10_000.0;
        let stream: Vec<i16> = (0..80_000).map(|at| wave(f64::from(at)).round() as i16).collect();
        let mut out = Vec::new();
        for piece in stream.chunks(160) {
            warp.push(piece, i64::MAX, &mut out);
        }
        assert!(out.len() > 80_000, "{}", out.len());
        for (n, sample) in out.iter().enumerate().skip(100) {
            let at = n as f64 / (1.0 + 40.0 / 80_000.0);
            assert!((f64::from(*sample) - wave(at)).abs() < 40.0, "sample {n}: {sample} for {}", wave(at));
        }
        assert!(warp.stream.len() < 1_000, "what is done is forgotten");
    }

    #[test]
    fn whole_offsets_change_no_sample() {
        let mut warp = Warp::new();
        warp.begin(5, Curve { knots: vec![Floor { at: 0.0, offset: 3.0 }] });
        let mut out = Vec::new();
        warp.push(&[1, 2, 3], 10, &mut out);
        warp.push(&[4, 5], 10, &mut out);
        assert_eq!(out, [0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(warp.next(), 10);
    }
}
