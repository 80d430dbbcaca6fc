//! Listeners are told of an alert once in a while, however many events join it.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use hotline_core::ids::AlertId;

/// An alert is told again after this.
const QUIET: Duration = Duration::from_millis(250);

/// What was told when, and what is still to be told.
#[derive(Debug, Default)]
pub struct News {
    told: HashMap<AlertId, Instant>,
    later: HashSet<AlertId>,
    next: Option<Instant>,
}

impl News {
    /// Something happened to these; those to be told now. The rest is told by [`News::due`].
    pub fn now(&mut self, changed: impl Iterator<Item = AlertId>, now: Instant) -> Vec<AlertId> {
        let mut tell = Vec::new();
        for alert in changed {
            if self.told.get(&alert).is_some_and(|told| now.saturating_duration_since(*told) < QUIET) {
                self.later.insert(alert);
                self.next.get_or_insert(now + QUIET);
            } else {
                self.told.insert(alert, now);
                tell.push(alert);
            }
        }
        tell
    }

    /// When [`News::due`] has something.
    pub const fn next(&self) -> Option<Instant> {
        self.next
    }

    /// What was held back and is to be told now.
    pub fn due(&mut self, now: Instant) -> Vec<AlertId> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        self.next = None;
        self.told.retain(|_, told| now.saturating_duration_since(*told) < QUIET);
        let tell: Vec<AlertId> = self.later.drain().collect();
        for alert in &tell {
            self.told.insert(*alert, now);
        }
        tell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_told_now_and_then_and_its_end_always() {
        let (mut news, alert) = (News::default(), AlertId(uuid::Uuid::from_u128(1)));
        let start = crate::clock::now().mono;
        let mut told = 0;
        for millis in 0..1_000 {
            let now = start + Duration::from_millis(millis);
            told += news.now([alert].into_iter(), now).len() + news.due(now).len();
        }
        assert!((4..=8).contains(&told), "{told}");
        assert_eq!(news.due(start + Duration::from_secs(2)), [alert]);
        assert_eq!(news.next(), None);
        assert_eq!(news.now([alert].into_iter(), start + Duration::from_secs(9)), [alert]);
    }
}
