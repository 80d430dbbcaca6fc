//! How a lane falls asleep: where packets come thick and fast, it lets some gather before it wakes for them.
//!
//! Waking costs more than everything that is done with a packet (on a virtual machine some 40 µs against 3). With a
//! thousand packets a second and more it is done at most once in a millisecond while packets are relayed, whose
//! delay people would hear, and less often while they are only kept. A quiet lane takes each packet as it comes.

use std::time::{Duration, Instant};

/// Over which packets are counted.
const WINDOW: Duration = Duration::from_millis(16);
/// Packets in a window from which on they may gather.
const MANY: u32 = 16;
/// How long packets gather while some are relayed.
const RELAYED: Duration = Duration::from_millis(1);
/// How long packets gather that are only recorded, listened to or put into a jitter buffer.
const KEPT: Duration = Duration::from_millis(4);

/// What came lately.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    came: u32,
    relayed: bool,
    rest: Duration,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, came: 0, relayed: false, rest: Duration::ZERO }
    }

    /// A packet came.
    pub(super) fn packet(&mut self, relayed: bool) {
        self.came += 1;
        self.relayed |= relayed;
    }

    /// How long the lane may rest now, whatever comes; zero: not at all.
    pub(super) fn rest(&mut self, now: Instant) -> Duration {
        let window = now.saturating_duration_since(self.since);
        if window >= WINDOW {
            let many = self.came >= MANY && window < WINDOW * 2;
            self.rest = match (many, self.relayed) {
                (false, _) => Duration::ZERO,
                (true, true) => RELAYED,
                (true, false) => KEPT,
            };
            (self.since, self.came, self.relayed) = (now, 0, false);
        }
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long the lane rests after a second in which a packet came each `micros`.
    fn rests(micros: u64, relayed: bool) -> Duration {
        let start = crate::clock::now().mono;
        let mut pace = Pace::new(start);
        let mut rest = Duration::ZERO;
        for n in 1..1_000_000 / micros {
            pace.packet(relayed);
            rest = pace.rest(start + Duration::from_micros(n * micros));
        }
        rest
    }

    #[test]
    fn few_packets_are_taken_as_they_come_and_many_gather() {
        assert_eq!(rests(20_000, true), Duration::ZERO);
        assert_eq!(rests(2_000, true), Duration::ZERO);
        assert_eq!(rests(200, true), RELAYED);
        assert_eq!(rests(200, false), KEPT);
    }

    #[test]
    fn after_a_pause_the_first_packet_is_taken_at_once() {
        let start = crate::clock::now().mono;
        let mut pace = Pace::new(start);
        (0..100).for_each(|_| pace.packet(true));
        assert_eq!(pace.rest(start + WINDOW), RELAYED);
        assert_eq!(pace.rest(start + WINDOW + Duration::from_millis(1)), RELAYED);
        assert_eq!(pace.rest(start + Duration::from_secs(3)), Duration::ZERO);
    }
}
