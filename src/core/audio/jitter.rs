//! The adaptive jitter buffer: decoded packets in as they come, 8 kHz audio out in even turns.
//!
//! The delay follows the measured jitter: up at once, down slowly. What is missing is concealed; what comes too late
//! is counted. The other side's clock runs differently from ours: a pitch period is left out or put in now and then,
//! where it is not heard. Everything lies in one fixed block; nothing allocates after construction.

use std::time::Instant;

use super::conceal::{Conceal, FADED, HISTORY, PERIOD_MAX, PERIOD_MIN, alike};

/// Samples that are held at most: 384 ms.
const RING: usize = 3_072;
/// Samples of a turn of 20 ms.
const TURN: usize = 160;
/// Longest delay aimed at, samples.
const TARGET_MAX: i64 = 1_600;
/// The delay aimed at until something was measured, samples.
const TARGET_FIRST: i64 = 320;
/// A delay further above the one aimed at than this is cut at once, samples.
const EXCESS_MAX: i64 = 800;
/// The delay may be off by this before time is stretched, samples.
const SLACK: i64 = 80;
/// Off by this, worse joins are taken, samples.
const FAR_OFF: i64 = 320;
/// Between two stretches, samples.
const STRETCH_PAUSE: i64 = 480;
/// Further back than this is not late but begun anew, samples.
const BACKWARD_MAX: i64 = 8_000;
/// The minimum of the way is taken over one to two such stretches, samples: 4 s.
const WINDOW: i64 = 32_000;
/// Width of a step of the histogram, samples: 4 ms.
const BIN: i64 = 32;
/// Steps of the histogram.
const BINS: usize = 64;
/// So many of the packets shall come in time.
const IN_TIME: f32 = 0.97;
/// What is left of a packet's weight with the next one: half is forgotten in 3.5 s.
const FORGET: f32 = 0.996;
/// Looked at to judge a join, samples.
const JOIN: usize = 80;
/// A stretch of this level is silence, where every join is good (RMS squared).
const SILENT_POWER: f32 = 10_000.0;

/// When a packet was sent, as it says.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// The stream.
    pub ssrc: u32,
    /// RTP timestamp.
    pub timestamp: u32,
    /// What the timestamp counts, Hz.
    pub clock_hz: u32,
}

/// What happened so far. Samples are those of 8 kHz.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that came after their time.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Samples played as they came.
    pub played: u64,
    /// Samples that nothing came for, or too late.
    pub missing: u64,
    /// Samples played that were made up.
    pub concealed: u64,
    /// Samples left out to make the delay shorter.
    pub left_out: u64,
    /// Samples put in to make it longer.
    pub put_in: u64,
    /// Times that a stream began.
    pub starts: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is there to be played, and nothing is missed.
    Quiet,
    /// The first packet of a talk spurt is there and waits for its time.
    Waiting,
    /// It plays.
    Playing,
}

/// The stream that is heard, its timestamps counted on beyond 32 bits.
#[derive(Debug, Clone, Copy)]
struct Stream {
    ssrc: u32,
    timestamp: u32,
    extended: i64,
}

/// A moment of a stream: see [`Jitter::mark`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark {
    starts: u64,
    at: i64,
}

/// What is made up is made of so much that was played before it, samples.
const MADE_OF: i64 = (HISTORY + FADED) as i64;

/// The buffer of one stream.
#[derive(Debug)]
pub struct Jitter {
    samples: [i16; RING],
    there: [u64; RING / 64],
    epoch: Option<Instant>,
    stream: Option<Stream>,
    state: State,
    /// Place of the next sample to be played.
    cursor: i64,
    /// Behind the last sample that is there.
    end: i64,
    /// Where the stream began.
    began: i64,
    way: Way,
    /// The delay aimed at, samples above the shortest way.
    target: i64,
    /// Concealed while nothing further was there; a hole of that length is over already.
    held: i64,
    /// When time may be stretched again, by our clock.
    stretch_at: i64,
    /// Made and not taken yet.
    ready: [i16; TURN + 2 * PERIOD_MAX],
    ready_len: usize,
    conceal: Conceal,
    counts: Counts,
}

impl Default for Jitter {
    fn default() -> Self {
        Self {
            samples: [0; RING],
            there: [0; RING / 64],
            epoch: None,
            stream: None,
            state: State::Quiet,
            cursor: 0,
            end: 0,
            began: 0,
            way: Way::default(),
            target: TARGET_FIRST,
            held: 0,
            stretch_at: 0,
            ready: [0; TURN + 2 * PERIOD_MAX],
            ready_len: 0,
            conceal: Conceal::default(),
            counts: Counts::default(),
        }
    }
}

impl Jitter {
    /// What the line sounded like before, so that what comes joins on to it.
    pub fn prime(&mut self, before: &mut [i16]) {
        self.conceal.good(before);
    }

    /// A packet came, decoded to 8 kHz.
    pub fn push(&mut self, stamp: Stamp, samples: &[i16], now: Instant) {
        if samples.is_empty() || samples.len() > RING / 2 {
            return;
        }
        let local = self.local(now);
        let length = samples.len() as i64;
        let at = self.place(stamp);
        let at = at.filter(|at| self.goes_on(*at, length, local)).unwrap_or_else(|| self.start(stamp, local));
        self.way.heard(local - at, local);
        self.target = self.target.max(self.way.needed());
        match self.state {
            State::Quiet if at + length > self.cursor => {
                self.cursor = self.cursor.max(at);
                (self.end, self.held) = (self.cursor, 0);
                self.state = State::Waiting;
            }
            // The first one was overtaken on its way.
            State::Waiting if at < self.cursor && self.end - at <= RING as i64 => self.cursor = at,
            State::Quiet | State::Waiting | State::Playing => {}
        }
        self.keep(at, samples);
    }

    /// The background that the other side describes while it sends nothing (RFC 3389), dB below overload.
    pub fn background(&mut self, dbov: u8) {
        self.conceal.background(dbov);
    }

    /// The next samples to be played at `now`; always fills `out`.
    pub fn pull(&mut self, out: &mut [i16], now: Instant) {
        let local = self.local(now);
        if self.target > self.way.needed() {
            self.target -= 1;
        }
        let mut filled = 0;
        while filled < out.len() {
            if self.ready_len == 0 {
                let due = local + filled as i64;
                self.make((out.len() - filled).min(TURN), due);
            }
            let taken = self.ready_len.min(out.len() - filled);
            out[filled..filled + taken].copy_from_slice(&self.ready[..taken]);
            self.ready.copy_within(taken..self.ready_len, 0);
            self.ready_len -= taken;
            filled += taken;
        }
    }

    /// What is there and was not played yet, without waiting for its time; how much of `out` it fills. Holes are
    /// concealed. For the moment at which nobody pulls any more.
    pub fn drain(&mut self, out: &mut [i16]) -> usize {
        let mut filled = 0;
        while filled < out.len() && (self.ready_len > 0 || (self.state != State::Quiet && self.cursor < self.end)) {
            if self.ready_len == 0 {
                self.state = State::Playing;
                let wanted = (out.len() - filled).min(TURN);
                match self.run(wanted) {
                    0 => self.hole(wanted),
                    run => self.plain(run),
                }
            }
            let taken = self.ready_len.min(out.len() - filled);
            out[filled..filled + taken].copy_from_slice(&self.ready[..taken]);
            self.ready.copy_within(taken..self.ready_len, 0);
            self.ready_len -= taken;
            filled += taken;
        }
        filled
    }

    /// Now: what came before it is told from what comes after ([`Jitter::is_past`]).
    pub fn mark(&self) -> Mark {
        Mark { starts: self.counts.starts, at: self.end.max(self.cursor) + MADE_OF }
    }

    /// Nothing that came before the mark, and nothing that is made up of that, will be played any more.
    pub fn is_past(&self, mark: Mark) -> bool {
        let after = if self.counts.starts == mark.starts { mark.at } else { self.began + MADE_OF };
        self.state == State::Quiet || self.cursor - self.ready_len as i64 >= after
    }

    /// Something plays, or will in a moment: the other side sends.
    pub fn is_live(&self) -> bool {
        self.state != State::Quiet
    }

    /// What happened so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The delay aimed at, above the shortest way, samples.
    pub const fn target(&self) -> i64 {
        self.target
    }

    /// How long after its arrival by the shortest way a sample pulled at `now` is played, samples; `None`: nothing plays.
    pub fn delay(&self, now: Instant) -> Option<i64> {
        let local = samples_since(self.epoch?, now);
        (self.state == State::Playing).then(|| local - self.ready_len as i64 - self.cursor - self.way.shortest())
    }

    // ---- what comes in ------------------------------------------------

    fn local(&mut self, now: Instant) -> i64 {
        samples_since(*self.epoch.get_or_insert(now), now)
    }

    /// Where a packet belongs; `None`: a stream begins.
    fn place(&mut self, stamp: Stamp) -> Option<i64> {
        let stream = self.stream.as_mut().filter(|stream| stream.ssrc == stamp.ssrc)?;
        let step = i64::from(stamp.timestamp.wrapping_sub(stream.timestamp) as i32);
        let extended = stream.extended + step;
        if step > 0 {
            (stream.timestamp, stream.extended) = (stamp.timestamp, extended);
        }
        Some(narrow(extended, stamp.clock_hz))
    }

    /// Whether what belongs there goes on with what was heard: after a pause of any length, if its time is that of the
    /// clock; else not further than the ring reaches.
    fn goes_on(&self, at: i64, length: i64, local: i64) -> bool {
        let back = at < self.cursor - BACKWARD_MAX;
        match self.state {
            State::Quiet => !back && (local - at - self.way.shortest()).abs() < BACKWARD_MAX,
            State::Waiting | State::Playing => !back && at + length <= self.cursor + RING as i64,
        }
    }

    /// A stream begins, or goes on somewhere else entirely: it is played from this packet on, after its delay.
    fn start(&mut self, stamp: Stamp, local: i64) -> i64 {
        let extended = i64::from(stamp.timestamp);
        self.stream = Some(Stream { ssrc: stamp.ssrc, timestamp: stamp.timestamp, extended });
        let at = narrow(extended, stamp.clock_hz);
        self.there = [0; RING / 64];
        self.state = State::Waiting;
        (self.cursor, self.end, self.began, self.held) = (at, at, at, 0);
        self.way.turn_over(local - at, local);
        self.conceal.cut();
        self.counts.starts += 1;
        at
    }

    fn keep(&mut self, at: i64, samples: &[i16]) {
        let skipped = (self.cursor - at).max(0);
        if skipped >= samples.len() as i64 {
            self.counts.late += 1;
            return;
        }
        let first = at + skipped;
        if self.is_there(first) {
            self.counts.duplicates += 1;
            return;
        }
        for (n, sample) in samples.iter().skip(skipped as usize).enumerate() {
            let place = slot(first + n as i64);
            self.samples[place] = *sample;
            self.there[place / 64] |= 1 << (place % 64);
        }
        self.end = self.end.max(at + samples.len() as i64);
    }

    fn is_there(&self, at: i64) -> bool {
        let place = slot(at);
        self.there[place / 64] & (1 << (place % 64)) != 0
    }

    fn forget(&mut self, from: i64, length: i64) {
        for at in from..from + length {
            let place = slot(at);
            self.there[place / 64] &= !(1 << (place % 64));
        }
    }

    // ---- what goes out ------------------------------------------------

    /// Makes some samples ready, `wanted` at most unless time is stretched; `due`: when they are heard.
    fn make(&mut self, wanted: usize, due: i64) {
        match self.state {
            State::Quiet => self.fill(wanted),
            State::Waiting => {
                let wait = self.cursor + self.way.shortest() + self.target - due;
                if wait > 0 {
                    return self.fill(wanted.min(wait as usize));
                }
                self.state = State::Playing;
                self.make(wanted, due);
            }
            State::Playing => self.play(wanted, due),
        }
    }

    fn play(&mut self, wanted: usize, due: i64) {
        let delay = due - self.cursor - self.way.shortest();
        if delay > self.target + EXCESS_MAX && self.end - self.cursor > delay - self.target {
            self.jump(delay - self.target);
        }
        let run = self.run(2 * PERIOD_MAX);
        if run == 0 {
            return self.hole(wanted);
        }
        self.held = 0;
        let off = delay - self.target;
        if off.abs() > SLACK && due >= self.stretch_at && self.stretch(off, run) {
            self.stretch_at = due + STRETCH_PAUSE;
            return;
        }
        self.plain(run.min(wanted));
    }

    /// Samples that are there in one piece, up to `most`.
    fn run(&self, most: usize) -> usize {
        (0..most).take_while(|n| self.is_there(self.cursor + *n as i64)).count()
    }

    /// Plays them as they came.
    fn plain(&mut self, length: usize) {
        self.take(length);
        self.conceal.good(&mut self.ready[..length]);
        self.counts.played += length as u64;
    }

    /// Moves samples from the ring to what is ready.
    fn take(&mut self, length: usize) {
        for n in 0..length {
            self.ready[n] = self.samples[slot(self.cursor + n as i64)];
        }
        self.ready_len = length;
        self.forget(self.cursor, length as i64);
        self.cursor += length as i64;
    }

    /// Nothing is there for the next samples.
    fn hole(&mut self, wanted: usize) {
        let Some(next) = (self.cursor..self.end).find(|at| self.is_there(*at)) else {
            // Perhaps it is only late: time stands still until it comes, or the rest of the sound has faded.
            self.fill(wanted);
            self.held += wanted as i64;
            if self.conceal.is_faded() {
                self.state = State::Quiet;
                self.held = 0;
            }
            return;
        };
        let gap = next - self.cursor;
        let over = gap.min(self.held);
        self.held -= over;
        self.counts.missing += over as u64;
        self.cursor += over;
        let rest = (gap - over).min(wanted as i64);
        if rest > 0 {
            self.held = 0;
            self.cursor += rest;
            self.counts.missing += rest as u64;
            self.fill(rest as usize);
        } else {
            // The hole is over; nothing is ready yet, and the caller asks again.
            self.ready_len = 0;
        }
    }

    fn fill(&mut self, length: usize) {
        self.conceal.lost(&mut self.ready[..length]);
        self.ready_len = length;
        self.counts.concealed += length as u64;
    }

    /// Leaves out so much at once: the delay has become too long for a conversation.
    fn jump(&mut self, length: i64) {
        self.conceal.cut();
        self.forget(self.cursor, length);
        self.cursor += length;
        self.counts.left_out += length as u64;
    }

    /// Puts a pitch period in (`off` below 0) or leaves one out; false: it would be heard.
    fn stretch(&mut self, off: i64, run: usize) -> bool {
        let mut next = [0_i16; 2 * PERIOD_MAX];
        for (n, sample) in next.iter_mut().enumerate().take(run) {
            *sample = self.samples[slot(self.cursor + n as i64)];
        }
        let good_enough = if off.abs() > FAR_OFF { 0.4 } else { 0.75 };
        if off > 0 { self.shorten(&next[..run], good_enough) } else { self.lengthen(&next[..run], good_enough) }
    }

    fn shorten(&mut self, next: &[i16], good_enough: f32) -> bool {
        if next.len() < 2 * PERIOD_MAX {
            return false;
        }
        let like = |period: usize| alike(&next[..JOIN], &next[period..period + JOIN], 1);
        let Some(period) = best_period(next, like, good_enough) else { return false };
        self.take(2 * period);
        for n in 0..period {
            let share = (n + 1) as f32 / (period + 1) as f32;
            self.ready[n] = blend(self.ready[n], self.ready[n + period], share);
        }
        self.ready_len = period;
        self.conceal.good(&mut self.ready[..period]);
        self.counts.played += period as u64;
        self.counts.left_out += period as u64;
        true
    }

    fn lengthen(&mut self, next: &[i16], good_enough: f32) -> bool {
        if next.len() < PERIOD_MAX {
            return false;
        }
        let history = *self.conceal.history();
        let before = |period: usize| &history[history.len() - period..];
        let like = |period: usize| alike(&next[..period.min(JOIN)], &before(period)[..period.min(JOIN)], 1);
        let Some(period) = best_period(next, like, good_enough) else { return false };
        let pairs = next.iter().zip(before(period)).take(period);
        for (n, (ready, (new, old))) in self.ready.iter_mut().zip(pairs).enumerate() {
            *ready = blend(*new, *old, (n + 1) as f32 / (period + 1) as f32);
        }
        self.ready_len = period;
        self.conceal.played(&self.ready[..period]);
        self.counts.put_in += period as u64;
        true
    }
}

/// The period whose join is heard least; `None`: all would be heard.
fn best_period(next: &[i16], like: impl Fn(usize) -> f32, good_enough: f32) -> Option<usize> {
    let looked = &next[..next.len().min(PERIOD_MAX + JOIN)];
    let power: f32 = looked.iter().map(|sample| f32::from(*sample).powi(2)).sum::<f32>() / looked.len() as f32;
    if power < SILENT_POWER {
        return Some(PERIOD_MAX);
    }
    let periods = PERIOD_MIN..=PERIOD_MAX;
    let best = periods.map(|period| (period, like(period))).fold((0, 0.0), |a, b| if b.1 > a.1 { b } else { a });
    (best.1 >= good_enough).then_some(best.0)
}

fn blend(from: i16, to: i16, share: f32) -> i16 {
    (f32::from(from) * (1.0 - share) + f32::from(to) * share) as i16
}

const fn slot(at: i64) -> usize {
    at.rem_euclid(RING as i64) as usize
}

/// A timestamp in samples of 8 kHz.
fn narrow(timestamp: i64, clock_hz: u32) -> i64 {
    if clock_hz == 8_000 { timestamp } else { timestamp * 8_000 / i64::from(clock_hz.max(1)) }
}

fn samples_since(epoch: Instant, now: Instant) -> i64 {
    (now.saturating_duration_since(epoch).as_micros() / 125) as i64
}

/// How long packets are on their way, and how much that differs.
#[derive(Debug)]
struct Way {
    /// The shortest of this stretch of time and of the one before.
    shortest: [i64; 2],
    stretch_began: i64,
    /// Weights of packets by how much longer than the shortest theirs took.
    histogram: [f32; BINS],
    weight: f32,
}

impl Default for Way {
    fn default() -> Self {
        Self { shortest: [i64::MAX; 2], stretch_began: 0, histogram: [0.0; BINS], weight: 0.0 }
    }
}

impl Way {
    /// A packet took so long (by clocks that have nothing in common).
    fn heard(&mut self, way: i64, local: i64) {
        if local - self.stretch_began > WINDOW {
            self.shortest = [way, self.shortest[0]];
            self.stretch_began = local;
        }
        self.shortest[0] = self.shortest[0].min(way);
        for weight in &mut self.histogram {
            *weight *= FORGET;
        }
        self.weight = self.weight * FORGET + 1.0;
        let bin = ((way - self.shortest()) / BIN).clamp(0, BINS as i64 - 1) as usize;
        self.histogram[bin] += 1.0;
    }

    /// Another clock: what was measured of the differences still holds.
    fn turn_over(&mut self, way: i64, local: i64) {
        self.shortest = [way, i64::MAX];
        self.stretch_began = local;
    }

    fn shortest(&self) -> i64 {
        let shortest = self.shortest[0].min(self.shortest[1]);
        if shortest == i64::MAX { 0 } else { shortest }
    }

    /// The delay with which enough packets come in time: a turn takes 20 ms at once, so the last of them must be there
    /// when its first is played.
    fn needed(&self) -> i64 {
        let mut in_time = 0.0;
        for (bin, weight) in self.histogram.iter().enumerate() {
            in_time += weight;
            if in_time >= self.weight * IN_TIME {
                // The first step is that of a network without jitter.
                let most = if bin == 0 { 0 } else { (bin as i64 + 1) * BIN };
                return (most + TURN as i64).min(TARGET_MAX);
            }
        }
        TARGET_MAX
    }
}

#[cfg(test)]
#[path = "tests/jitter.rs"]
mod tests;
