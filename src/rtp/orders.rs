//! The queue of orders between the callers' threads and a lane.
//!
//! It never blocks anybody. Above a limit it takes no more, and whoever asked is told: a leg that can't be opened is a
//! call refused, a leg that can't be told to play has failed. What ends something ([`Order::ends`]) is always taken: there is
//! at most a handful of those for each leg, so the queue stays bounded, and nothing stays open because the lane was
//! busy. All stand in one line, so that orders keep their sequence.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender};

use super::lane::Order;

/// Orders that wait at most, those that end something not counted: about a thousand calls that are set up at once.
const LIMIT: usize = 4_096;

/// Where orders are handed in.
#[derive(Debug)]
pub(super) struct Desk {
    line: Sender<Order>,
    waiting: Arc<AtomicUsize>,
}

/// Where the lane takes them from.
#[derive(Debug)]
pub(super) struct Tray {
    line: Receiver<Order>,
    waiting: Arc<AtomicUsize>,
}

/// A queue.
pub(super) fn queue() -> (Desk, Tray) {
    let (sender, receiver) = crossbeam_channel::unbounded();
    let waiting = Arc::new(AtomicUsize::new(0));
    (Desk { line: sender, waiting: Arc::clone(&waiting) }, Tray { line: receiver, waiting })
}

impl Desk {
    /// Hands an order in; it comes back if too many wait or the lane has ended.
    pub(super) fn hand_in(&self, order: Order) -> Result<(), Box<Order>> {
        // Several may pass at once here: the limit is passed by as many as there are threads, no more.
        if self.waiting.load(Ordering::Relaxed) >= LIMIT && !order.ends() {
            return Err(Box::new(order));
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.line.send(order).map_err(|error| Box::new(error.0))
    }
}

impl Tray {
    /// The next order, if one waits.
    pub(super) fn take(&self) -> Option<Order> {
        let order = self.line.try_recv().ok()?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_takes_only_what_ends_something_and_keeps_the_sequence() {
        let (desk, tray) = queue();
        for leg in 0..LIMIT as u64 {
            desk.hand_in(Order::Digits(leg, Vec::new())).unwrap();
        }
        let refused = desk.hand_in(Order::Digits(1, vec![1])).unwrap_err();
        assert!(matches!(*refused, Order::Digits(1, _)));
        desk.hand_in(Order::Close(5)).unwrap();
        desk.hand_in(Order::Stop).unwrap();
        for leg in 0..LIMIT as u64 {
            assert!(matches!(tray.take(), Some(Order::Digits(key, _)) if key == leg));
        }
        desk.hand_in(Order::Digits(9, Vec::new())).unwrap();
        assert!(matches!(tray.take(), Some(Order::Close(5))));
        assert!(matches!(tray.take(), Some(Order::Stop)));
        assert!(matches!(tray.take(), Some(Order::Digits(9, _))));
        assert!(tray.take().is_none());
    }

    #[test]
    fn an_order_to_a_lane_that_has_ended_comes_back() {
        let (desk, tray) = queue();
        drop(tray);
        assert!(desk.hand_in(Order::Close(1)).is_err());
    }
}
