//! A delivery that comes twice (the tool did not get our answer, or somebody replays it) is answered with the first answer and
//! done once. Remembered here at once, and in the database for other nodes and the next start.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotline_core::ids::SourceId;
use parking_lot::Mutex;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Longer than a signature is taken, and than tools try again at once.
pub const WINDOW: Duration = Duration::from_mins(15);
/// Remembered here at most; the database has them all.
const REMEMBERED: usize = 20_000;

/// One delivery of a source, under work or answered.
type Slot = Arc<Turn<Option<String>>>;

/// The deliveries of late.
#[derive(Default)]
pub struct Deliveries(Mutex<Known>);

#[derive(Default)]
struct Known {
    slots: HashMap<(SourceId, String), Slot>,
    order: VecDeque<(Instant, SourceId, String)>,
}

impl Deliveries {
    /// This delivery's turn: whoever comes second waits for the first. `Some` in it: the answer that was given.
    pub async fn turn(&self, source: &SourceId, delivery: &str, now: Instant) -> OwnedMutexGuard<Option<String>> {
        let slot = {
            let mut known = self.0.lock();
            known.forget(now);
            let key = (source.clone(), delivery.to_owned());
            if let Some(slot) = known.slots.get(&key) {
                Arc::clone(slot)
            } else {
                let slot = Slot::default();
                known.order.push_back((now, key.0.clone(), key.1.clone()));
                known.slots.insert(key, Arc::clone(&slot));
                slot
            }
        };
        slot.lock_owned().await
    }
}

impl Known {
    fn forget(&mut self, now: Instant) {
        while let Some((at, _, _)) = self.order.front() {
            if self.order.len() < REMEMBERED && now.saturating_duration_since(*at) < WINDOW {
                return;
            }
            if let Some((_, source, delivery)) = self.order.pop_front() {
                self.slots.remove(&(source, delivery));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_waits_for_the_first_and_gets_its_answer() {
        let deliveries = Arc::new(Deliveries::default());
        let now = crate::clock::now().mono;
        let mut first = deliveries.turn(&"a".into(), "1", now).await;
        let second = {
            let deliveries = Arc::clone(&deliveries);
            tokio::spawn(async move { deliveries.turn(&"a".into(), "1", now).await.clone() })
        };
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        *first = Some("answer".to_owned());
        drop(first);
        assert_eq!(second.await.unwrap().as_deref(), Some("answer"));
        assert_eq!(*deliveries.turn(&"b".into(), "1", now).await, None, "another source's delivery");
        assert_eq!(*deliveries.turn(&"a".into(), "1", now + WINDOW).await, None, "forgotten by then");
    }
}
