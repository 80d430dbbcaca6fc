//! The clock of a lane: ticks of 2 ms since the lane began, and who is due at
//! which.
//!
//! Ticks are absolute, so that lateness never adds up. Calls are spread over
//! the ten ticks of a 20 ms turn, but not one by one: waking for a tick costs as much as a dozen packets, so a tick
//! is filled before the next one is opened.

use std::time::{Duration, Instant};

/// Length of a tick.
pub(super) const TICK: Duration = Duration::from_millis(2);
/// Samples of the 8 kHz clock in a tick.
pub(super) const TICK_SAMPLES: u32 = 16;
/// Ticks in the turn of 20 ms over which calls are spread.
const TURN: u64 = 10;
/// So many legs share a tick before another is opened: a burst of half a millisecond, in the same order each time.
const TOGETHER: usize = 100;
/// A power of two above the longest wait (60 ms: 30 ticks).
const SLOTS: usize = 64;
/// Further behind than this (the machine stood still), what was missed is not sent in a burst but later.
const BEHIND_MAX: u64 = 100;

/// Names a leg.
pub(super) type LegKey = u64;

/// Hashes leg keys, which are counted and nobody's to choose: one multiplication instead of the dozens that guard a map
/// against chosen keys.
#[derive(Debug, Default)]
pub(super) struct KeyHash(u64);

impl std::hash::Hasher for KeyHash {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        // The golden ratio: neighbours land far apart, in the upper bits too, which the map looks at.
        self.0 = (self.0 ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Who is due when.
#[derive(Debug)]
pub(super) struct Wheel {
    epoch: Instant,
    slots: [Vec<LegKey>; SLOTS],
    /// The first tick that has not been run.
    next: u64,
    entries: usize,
    /// Times that the lane was further behind than `BEHIND_MAX`.
    pub(super) stalls: u64,
}

impl Wheel {
    pub(super) fn new(now: Instant) -> Self {
        Self { epoch: now, slots: std::array::from_fn(|_| Vec::new()), next: 0, entries: 0, stalls: 0 }
    }

    /// An empty wheel that goes on with the time of another.
    pub(super) fn continued(other: &Self) -> Self {
        Self { next: other.next, stalls: other.stalls, ..Self::new(other.epoch) }
    }

    /// The tick that `now` lies in.
    pub(super) fn tick_at(&self, now: Instant) -> u64 {
        (now.saturating_duration_since(self.epoch).as_micros() / TICK.as_micros()) as u64
    }

    /// Samples of the 8 kHz clock since the lane began, as RTP counts them.
    pub(super) fn samples_at(&self, now: Instant) -> u32 {
        (now.saturating_duration_since(self.epoch).as_micros() / 125) as u32
    }

    /// Puts a new leg on a tick of the coming turn: the fullest that has room, else the one with fewest others.
    pub(super) fn enter(&mut self, leg: LegKey, now: Instant) {
        if self.entries == 0 {
            // Nobody waited: the wheel stood still while the lane slept.
            self.next = self.next.max(self.tick_at(now));
        }
        let first = self.tick_at(now).max(self.next) + 1;
        let phase = self.phase();
        let wait = (phase + TURN - first % TURN) % TURN;
        self.put(leg, first + wait);
    }

    /// The tick of a turn for one more.
    fn phase(&self) -> u64 {
        let mut counts = [0; TURN as usize];
        for tick in self.next..self.next + SLOTS as u64 {
            counts[(tick % TURN) as usize] += self.slots[tick as usize % SLOTS].len();
        }
        let fullest =
            (0..TURN).filter(|phase| counts[*phase as usize] < TOGETHER).max_by_key(|phase| counts[*phase as usize]);
        fullest.or_else(|| (0..TURN).min_by_key(|phase| counts[*phase as usize])).unwrap_or(0)
    }

    /// Puts a leg that was just run at `tick` on the tick `wait` later.
    pub(super) fn again(&mut self, leg: LegKey, tick: u64, wait: u64) {
        self.put(leg, (tick + wait.clamp(1, SLOTS as u64 / 2)).max(self.next));
    }

    fn put(&mut self, leg: LegKey, tick: u64) {
        self.slots[tick as usize % SLOTS].push(leg);
        self.entries += 1;
    }

    /// When somebody is due next; `None`: nobody at all, sleep until woken.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.entries == 0 {
            return None;
        }
        let tick = (self.next..self.next + SLOTS as u64).find(|t| !self.slots[*t as usize % SLOTS].is_empty())?;
        Some(self.epoch + Duration::from_millis(tick * TICK.as_millis() as u64))
    }

    /// The next tick that has come and has somebody in it; they are put into `legs`.
    pub(super) fn run(&mut self, now: Instant, legs: &mut Vec<LegKey>) -> Option<u64> {
        legs.clear();
        let current = self.tick_at(now);
        if self.entries == 0 {
            self.next = self.next.max(current + 1);
            return None;
        }
        if current > self.next + BEHIND_MAX {
            self.catch_up(current);
        }
        while self.next <= current {
            let tick = self.next;
            self.next += 1;
            let slot = &mut self.slots[tick as usize % SLOTS];
            if !slot.is_empty() {
                // Swapped, so that both keep their memory.
                std::mem::swap(slot, legs);
                self.entries -= legs.len();
                return Some(tick);
            }
        }
        None
    }

    /// Moves everybody by whole turns to the present.
    fn catch_up(&mut self, current: u64) {
        self.stalls += 1;
        let by = (current - self.next) / TURN * TURN;
        self.slots.rotate_right(by as usize % SLOTS);
        self.next += by;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel() -> (Wheel, Instant) {
        let start = crate::clock::now().mono;
        (Wheel::new(start), start)
    }

    #[test]
    fn a_leg_comes_every_20_ms_however_late_the_lane_looks() {
        let (mut wheel, start) = wheel();
        wheel.enter(1, start);
        let (mut legs, mut ticks, mut ms) = (Vec::new(), Vec::new(), 0);
        for late in [1, 7, 33, 2, 19, 41, 5, 20, 20, 3].into_iter().cycle().take(100) {
            ms += late;
            while let Some(tick) = wheel.run(start + Duration::from_millis(ms), &mut legs) {
                assert_eq!(legs, [1]);
                ticks.push(tick);
                wheel.again(1, tick, 10);
            }
        }
        assert!(ticks.len() > 60);
        assert!(ticks.windows(2).all(|pair| pair[1] - pair[0] == 10), "no drift, none missed");
    }

    /// How many legs are due at each tick, in order.
    fn bursts(legs: u64) -> Vec<usize> {
        let (mut wheel, start) = wheel();
        (0..legs).for_each(|leg| wheel.enter(leg, start));
        let (mut due, mut bursts) = (Vec::new(), Vec::new());
        while wheel.run(start + Duration::from_millis(60), &mut due).is_some() {
            bursts.push(due.len());
        }
        bursts.sort_unstable();
        bursts
    }

    #[test]
    fn few_legs_share_a_tick_and_many_are_spread_over_the_turn() {
        assert_eq!(bursts(1), [1]);
        assert_eq!(bursts(100), [100]);
        assert_eq!(bursts(230), [30, 100, 100]);
        assert_eq!(bursts(1_005), [100, 100, 100, 100, 100, 101, 101, 101, 101, 101]);
    }

    #[test]
    fn an_empty_wheel_lets_the_lane_sleep() {
        let (mut wheel, start) = wheel();
        assert_eq!(wheel.due(), None);
        wheel.enter(1, start);
        assert!(wheel.due().is_some());
        let mut legs = Vec::new();
        assert!(wheel.run(start + Duration::from_millis(60), &mut legs).is_some());
        assert_eq!(wheel.due(), None);
    }

    #[test]
    fn a_leg_that_comes_after_a_long_sleep_is_due_at_once_and_no_stall_is_counted() {
        let (mut wheel, start) = wheel();
        let now = start + Duration::from_hours(5);
        wheel.enter(1, now);
        let due = wheel.due().unwrap();
        assert!(due >= now && due <= now + Duration::from_millis(24), "{:?}", due - now);
        assert!(wheel.run(due, &mut Vec::new()).is_some());
        assert_eq!(wheel.stalls, 0);
    }

    #[test]
    fn after_a_standstill_nothing_comes_in_a_burst() {
        let (mut wheel, start) = wheel();
        for leg in 0..10 {
            wheel.enter(leg, start);
        }
        let (mut legs, mut runs) = (Vec::new(), 0);
        let now = start + Duration::from_mins(1);
        while let Some(tick) = wheel.run(now, &mut legs) {
            for leg in legs.clone() {
                runs += 1;
                wheel.again(leg, tick, 10);
            }
        }
        assert_eq!(wheel.stalls, 1);
        assert!(runs <= 20, "{runs} frames at once");
        assert!(wheel.due().unwrap() + Duration::from_millis(20) > now);
    }
}
