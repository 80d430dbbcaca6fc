//! Failed logins slow the next tries down, by name and by address. Bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Failed tries that cost nothing.
const FREE: u32 = 5;
/// Longest pause for an address.
const PAUSE_ADDRESS: Duration = Duration::from_mins(5);
/// Longest pause for a name: short, so that nobody can be locked out by a stranger.
const PAUSE_NAME: Duration = Duration::from_secs(20);
/// After this long without a failure a key starts afresh.
const FORGET: Duration = Duration::from_mins(15);
/// Keys remembered at most.
const KEYS: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Name(String),
    Address(IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    failed: u32,
    last: Instant,
}

/// Remembers failed tries.
#[derive(Debug, Default)]
pub struct Slowdown(Mutex<HashMap<Key, Tries>>);

fn keys(name: &str, address: IpAddr) -> [(Key, Duration); 2] {
    let name: String = name.to_lowercase().chars().take(64).collect();
    [(Key::Name(name), PAUSE_NAME), (Key::Address(network(address)), PAUSE_ADDRESS)]
}

/// One household has a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
    }
}

impl Slowdown {
    /// How long to wait before the next try; `None`: go on.
    pub fn wait(&self, name: &str, address: IpAddr, now: Instant) -> Option<Duration> {
        let known = self.0.lock();
        keys(name, address)
            .into_iter()
            .filter_map(|(key, longest)| {
                let tries = known.get(&key)?;
                let doublings = tries.failed.checked_sub(FREE)?.min(16);
                let pause = Duration::from_secs(1 << doublings).min(longest);
                (tries.last + pause).checked_duration_since(now).filter(|left| !left.is_zero())
            })
            .max()
    }

    /// A try failed.
    pub fn failed(&self, name: &str, address: IpAddr, now: Instant) {
        let mut known = self.0.lock();
        if known.len() + 2 > KEYS {
            known.retain(|_, tries| now.saturating_duration_since(tries.last) < FORGET);
        }
        if known.len() + 2 > KEYS {
            // A flood of names: what was seen longest ago goes.
            let mut ages: Vec<Instant> = known.values().map(|tries| tries.last).collect();
            let (_, middle, _) = ages.select_nth_unstable(KEYS / 2);
            let middle = *middle;
            known.retain(|_, tries| tries.last > middle);
        }
        for (key, _) in keys(name, address) {
            let tries = known.entry(key).or_insert(Tries { failed: 0, last: now });
            if now.saturating_duration_since(tries.last) >= FORGET {
                tries.failed = 0;
            }
            tries.failed = tries.failed.saturating_add(1);
            tries.last = now;
        }
    }

    /// A try succeeded: the name is free again. The address is not, or an own account would be a way to guess others'.
    pub fn succeeded(&self, name: &str, address: IpAddr) {
        let [(name, _), _] = keys(name, address);
        self.0.lock().remove(&name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let slow = Slowdown::default();
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        let mut now = crate::clock::now().mono;
        for _ in 0..FREE {
            assert_eq!(slow.wait("ann", address, now), None);
            slow.failed("ann", address, now);
        }
        assert_eq!(slow.wait("ANN", "192.0.2.8".parse().unwrap(), now), Some(Duration::from_secs(1)));
        assert_eq!(slow.wait("bob", address, now), Some(Duration::from_secs(1)));
        assert_eq!(slow.wait("bob", "192.0.2.8".parse().unwrap(), now), None);
        for _ in 0..40 {
            slow.failed("ann", address, now);
        }
        assert_eq!(slow.wait("ann", address, now), Some(PAUSE_ADDRESS));
        slow.succeeded("ann", address);
        assert_eq!(slow.wait("ann", "192.0.2.8".parse().unwrap(), now), None);
        assert_eq!(slow.wait("ann", address, now), Some(PAUSE_ADDRESS));
        now += FORGET;
        assert_eq!(slow.wait("ann", address, now), None);
    }

    #[test]
    fn is_bounded() {
        let slow = Slowdown::default();
        let now = crate::clock::now().mono;
        for n in 0..30_000_u32 {
            slow.failed(&n.to_string(), IpAddr::V4(n.into()), now + Duration::from_millis(n.into()));
        }
        assert!(slow.0.lock().len() <= KEYS);
    }
}
