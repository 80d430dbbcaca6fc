//! A token bucket per source address in constant memory: addresses share a fixed
//! table by a keyed hash, so nobody can make it grow or aim at another's bucket.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Instant;

use parking_lot::Mutex;

const SLOTS: usize = 4096;

/// Who may still send.
#[derive(Debug)]
pub(super) struct Budget {
    start: Instant,
    hash: RandomState,
    slots: Mutex<Vec<Slot>>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Milliseconds since the start when it was last topped up.
    at: u64,
    /// Thousandths of a request that may still come.
    left: u64,
}

impl Budget {
    /// An empty table; every bucket begins full.
    pub fn new(now: Instant) -> Self {
        Self { start: now, hash: RandomState::new(), slots: Mutex::new(vec![Slot { at: 0, left: u64::MAX }; SLOTS]) }
    }

    /// Takes one request of `source` from its bucket, which refills by `per_second`
    /// and holds twice as much; false when it is empty.
    pub fn take(&self, source: IpAddr, per_second: u32, now: Instant) -> bool {
        // Whoever holds a whole IPv6 network has one bucket, not 2^64.
        let key = match source {
            IpAddr::V4(ip) => u128::from(ip.to_bits()),
            IpAddr::V6(ip) => ip.to_bits() >> 64,
        };
        let index = self.hash.hash_one(key) as usize % SLOTS;
        let at = u64::try_from(now.saturating_duration_since(self.start).as_millis()).unwrap_or(u64::MAX);
        let full = u64::from(per_second) * 2000;
        let mut slots = self.slots.lock();
        let slot = &mut slots[index];
        let gained = at.saturating_sub(slot.at).saturating_mul(u64::from(per_second));
        slot.left = slot.left.saturating_add(gained).min(full);
        slot.at = at;
        let enough = slot.left >= 1000;
        if enough {
            slot.left -= 1000;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_source_gets_its_share_and_no_more() {
        let now = crate::clock::now().mono;
        let budget = Budget::new(now);
        let one: IpAddr = [192, 0, 2, 1].into();
        assert_eq!((0..100).filter(|_| budget.take(one, 10, now)).count(), 20);
        let later = now + Duration::from_secs(1);
        assert_eq!((0..100).filter(|_| budget.take(one, 10, later)).count(), 10);
        assert_eq!((0..100).filter(|_| budget.take([192, 0, 2, 77].into(), 10, later)).count(), 20);
    }

    #[test]
    fn nothing_is_allowed_at_zero() {
        let now = crate::clock::now().mono;
        assert!(!Budget::new(now).take([192, 0, 2, 1].into(), 0, now));
    }
}
