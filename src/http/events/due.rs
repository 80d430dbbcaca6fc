//! What is to be looked up, and when: the next one is found without asking all.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use tokio::time::Instant;

/// Things with a moment each.
#[derive(Debug)]
pub struct Due<K> {
    at: HashMap<K, Instant>,
    order: BTreeSet<(Instant, K)>,
}

impl<K> Default for Due<K> {
    fn default() -> Self {
        Self { at: HashMap::new(), order: BTreeSet::new() }
    }
}

impl<K: Copy + Eq + Hash + Ord> Due<K> {
    /// How many.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// The first moment.
    pub fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Whether it is among them.
    pub fn contains(&self, key: &K) -> bool {
        self.at.contains_key(key)
    }

    /// At that moment, whatever was said before.
    pub fn put(&mut self, key: K, at: Instant) {
        if let Some(before) = self.at.insert(key, at) {
            self.order.remove(&(before, key));
        }
        self.order.insert((at, key));
    }

    /// At that moment, unless one is set.
    pub fn put_first(&mut self, key: K, at: Instant) {
        if !self.contains(&key) {
            self.put(key, at);
        }
    }

    /// Takes the first, if its moment has come.
    pub fn take(&mut self, now: Instant) -> Option<K> {
        let (at, key) = *self.order.first().filter(|(at, _)| *at <= now)?;
        self.order.remove(&(at, key));
        self.at.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn they_come_in_the_order_of_their_moments() {
        let start = Instant::from_std(crate::clock::now().mono);
        let at = |second| start + Duration::from_secs(second);
        let mut due = Due::default();
        for (key, second) in [("a", 3), ("b", 1), ("c", 2)] {
            due.put(key, at(second));
        }
        due.put("b", at(4));
        due.put_first("a", at(1));
        assert_eq!((due.len(), due.next(), due.take(at(1))), (3, Some(at(2)), None));
        let taken: Vec<_> = std::iter::from_fn(|| due.take(at(9))).collect();
        assert_eq!((taken, due.len(), due.next()), (vec!["c", "a", "b"], 0, None));
    }
}
