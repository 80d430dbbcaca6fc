//! How long to wait before another try.

use std::time::Duration;

use crate::directory::Address;

/// Before the second try.
const FIRST: Duration = Duration::from_secs(10);
/// Between two later ones at most.
const LONGEST: Duration = Duration::from_mins(15);
/// A webhook is given up after so long.
const WEBHOOK_AGE: Duration = Duration::from_hours(48);
/// Everything else after so many tries.
const TRIES: u32 = 8;

/// How long to wait after failure number `attempt` (from 1), `None`: give up. Doubling from 10 s to 15 min, at most 48 h in all
/// for webhooks (PagerDuty's rule), 8 tries for the rest; a call is tried by the next rule or step instead: never again.
pub fn retry_after(address: &Address, attempt: u32) -> Option<Duration> {
    let attempt = attempt.max(1);
    match address {
        Address::Call(_) => None,
        Address::Webhook(_) => (waited(attempt) <= WEBHOOK_AGE).then(|| wait(attempt)),
        Address::Sms(_)
        | Address::Email(_)
        | Address::Ntfy(_)
        | Address::Telegram(_)
        | Address::Slack(_)
        | Address::Teams(_) => (attempt < TRIES).then(|| wait(attempt)),
    }
}

fn wait(attempt: u32) -> Duration {
    FIRST.saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX)).min(LONGEST)
}

/// All waits up to and with the one after failure `attempt`.
fn waited(attempt: u32) -> Duration {
    // From the eighth on all are the same.
    let doubling: Duration = (1..=attempt.min(7)).map(wait).sum();
    doubling + LONGEST.saturating_mul(attempt.saturating_sub(7))
}
