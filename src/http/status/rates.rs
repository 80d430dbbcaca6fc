//! How often visitors may ask for mail: by client and by address. Bounded; a node counts for itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// Asked for by one client (of IPv6: its /64).
const CLIENT: (u32, Duration) = (20, Duration::from_mins(10));
/// About one address.
const ADDRESS: (u32, Duration) = (3, Duration::from_mins(30));
/// Keys remembered at most.
const KEYS: usize = 20_000;

/// The counts.
#[derive(Debug, Default)]
pub struct Rates(Mutex<HashMap<[u8; 32], (u32, Instant)>>);

impl Rates {
    /// Counts one wish. `false`: it is one too many of this client's or about this address.
    pub fn take(&self, client: IpAddr, address: &str, now: Instant) -> bool {
        let client = match client {
            IpAddr::V4(_) => client,
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
        };
        let keys = [
            (Sha256::digest(format!("client {client}")).into(), CLIENT),
            (Sha256::digest(format!("address {}", address.trim().to_lowercase())).into(), ADDRESS),
        ];
        let mut counts = self.0.lock();
        if counts.len() + keys.len() > KEYS {
            counts.retain(|_, (_, since)| now.saturating_duration_since(*since) < ADDRESS.1);
        }
        if counts.len() + keys.len() > KEYS {
            // A flood: nobody gets mail for a while, rather than everybody without an end.
            return false;
        }
        let mut fine = true;
        for (key, (most, within)) in keys {
            let (count, since) = counts.entry(key).or_insert((0, now));
            if now.saturating_duration_since(*since) >= within {
                (*count, *since) = (0, now);
            }
            *count = count.saturating_add(1);
            fine &= *count <= most;
        }
        fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_and_addresses_are_counted() {
        let rates = Rates::default();
        let now = crate::clock::now().mono;
        let client = |n: u32| IpAddr::V4(n.into());
        for n in 0..3 {
            assert!(rates.take(client(n), "Ada@acme.example", now));
        }
        assert!(!rates.take(client(9), "ada@ACME.example", now), "whoever asks");
        assert!(rates.take(client(9), "ada@acme.example", now + Duration::from_mins(30)));
        let taken = (0..40).filter(|n| rates.take(client(77), &format!("{n}@acme.example"), now)).count();
        assert_eq!(taken, 20);
    }
}
