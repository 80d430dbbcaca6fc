//! How often visitors may ask for mail: by client and by mailbox. Bounded; a node counts for itself.
//!
//! A client that is over its limit leaves no trace of what it asks for, and a full table forgets the oldest: nobody can use up what
//! others need.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// Asked for by one client (of IPv6: its /64).
const CLIENT: Limit = Limit { most: 20, within: Duration::from_mins(10) };
/// About one mailbox by one client.
const PAIR: Limit = Limit { most: 3, within: Duration::from_mins(30) };
/// About one mailbox by all clients together: a stranger alone can't keep its owner from asking.
const MAILBOX: Limit = Limit { most: 9, within: Duration::from_mins(30) };
/// Keys remembered at most, of each sort.
const KEYS: usize = 20_000;

#[derive(Debug, Clone, Copy)]
struct Limit {
    most: u32,
    within: Duration,
}

/// The counts.
#[derive(Debug, Default)]
pub struct Rates(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    clients: Counts,
    pairs: Counts,
    mailboxes: Counts,
}

#[derive(Debug, Default)]
struct Counts(HashMap<[u8; 32], (u32, Instant)>);

impl Counts {
    /// Counts one. `false`: it is one too many.
    fn take(&mut self, key: [u8; 32], limit: Limit, now: Instant) -> bool {
        if self.0.len() >= KEYS && !self.0.contains_key(&key) {
            self.make_room(limit, now);
        }
        let (count, since) = self.0.entry(key).or_insert((0, now));
        if now.saturating_duration_since(*since) >= limit.within {
            (*count, *since) = (0, now);
        }
        *count = count.saturating_add(1);
        *count <= limit.most
    }

    /// What has run out goes; should that not be enough, the older half.
    fn make_room(&mut self, limit: Limit, now: Instant) {
        self.0.retain(|_, (_, since)| now.saturating_duration_since(*since) < limit.within);
        if self.0.len() < KEYS {
            return;
        }
        let mut begun: Vec<Instant> = self.0.values().map(|(_, since)| *since).collect();
        let middle = begun.len() / 2;
        let (_, middle, _) = begun.select_nth_unstable(middle);
        let middle = *middle;
        self.0.retain(|_, (_, since)| *since > middle);
    }
}

impl Rates {
    /// Counts one wish. `false`: it is one too many of this client's or about this mailbox.
    pub fn take(&self, client: IpAddr, address: &str, now: Instant) -> bool {
        let client = match client {
            IpAddr::V4(_) => client,
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
        };
        let mailbox = mailbox(address);
        let mut tables = self.0.lock();
        // In this order: what is refused by one is not counted by the next.
        tables.clients.take(key(&format!("{client}")), CLIENT, now)
            && tables.pairs.take(key(&format!("{client} {mailbox}")), PAIR, now)
            && tables.mailboxes.take(key(&mailbox), MAILBOX, now)
    }
}

fn key(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// The mailbox behind an address: `boss+news@…` is the boss's.
fn mailbox(address: &str) -> String {
    let address = address.trim().to_lowercase();
    let Some((local, domain)) = address.rsplit_once('@') else { return address };
    let plain = local.split_once('+').map_or(local, |(plain, _)| plain);
    format!("{plain}@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    #[test]
    fn clients_and_mailboxes_are_counted() {
        let rates = Rates::default();
        let now = crate::clock::now().mono;
        for tag in ["", "+1", "+2"] {
            assert!(rates.take(client(1), &format!("Ada{tag}@acme.example"), now));
        }
        assert!(!rates.take(client(1), "ada+3@ACME.example", now), "the same mailbox, whatever the tag");
        assert!(rates.take(client(2), "ada@acme.example", now), "a stranger can't keep the owner from asking");
        for n in 3..8 {
            assert!(rates.take(client(n), "ada@acme.example", now));
        }
        assert!(!rates.take(client(9), "ada@acme.example", now), "many strangers can't flood a mailbox");
        assert!(rates.take(client(9), "ada@acme.example", now + Duration::from_mins(30)));
        let taken = (0..40).filter(|n| rates.take(client(77), &format!("{n}@acme.example"), now)).count();
        assert_eq!(taken, 20);
    }

    fn sizes(rates: &Rates) -> (usize, usize) {
        let tables = rates.0.lock();
        (tables.clients.0.len(), tables.mailboxes.0.len())
    }

    #[test]
    fn a_flood_shuts_nobody_else_out() {
        let rates = Rates::default();
        let now = crate::clock::now().mono;
        let second = Duration::from_secs(1);
        for n in 0..50_000 {
            rates.take(client(1), &format!("{n}@nobody.example"), now);
        }
        assert!(sizes(&rates).1 <= 20, "a client over its limit leaves no trace");
        for n in 0..50_000_u32 {
            rates.take(client(n), &format!("{n}@nobody.example"), now + second);
        }
        let kept = sizes(&rates);
        assert!(kept <= (KEYS, KEYS) && kept.1 <= KEYS, "{kept:?}");
        assert!(rates.take(client(99_999), "ada@acme.example", now + 2 * second));
    }
}
