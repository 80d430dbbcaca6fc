//! Counts what became of notifications.

use hotline_core::alert::change::NotifyOutcome;
use hotline_core::directory::Address;

/// Counts notifications that are over; labels `by` (the kind of address) and `outcome`.
pub const NOTIFICATIONS_TOTAL: &str = "hotline_notifications_total";

/// Outcomes that are counted: of what was sent, or tried to be.
pub const SENT: [NotifyOutcome; 4] =
    [NotifyOutcome::Delivered, NotifyOutcome::Answered, NotifyOutcome::NoAnswer, NotifyOutcome::Failed];

/// One of them is over.
pub(super) fn count(address: &Address, outcome: NotifyOutcome) {
    if SENT.contains(&outcome) {
        metrics::counter!(NOTIFICATIONS_TOTAL, "by" => address.kind(), "outcome" => outcome.word()).increment(1);
    }
}
