//! What to send to one contact now: limits, bundles, order.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Kind, Limits, Next, Waiting};
use crate::directory::Address;
use crate::ids::{AlertId, NotificationId};

/// What to send to one contact now: `waiting` are its due notifications, `sent` the moments at which it was used, newest last.
///
/// The order: the first notification of an alert, codes, tests, further ones of the same alerts, then the rest by
/// [`Kind`]. Codes and tests are never bundled. Alerts are put together when `bundle_from` of them wait, when one alert
/// waits twice, or when a limit leaves room for one more message only: then that one speaks of all. What is no alert,
/// code or test never takes the last place of a limit.
pub fn next(address: &Address, waiting: &[Waiting], sent: &[Timestamp], limits: &Limits, now: Timestamp) -> Next {
    let mut due: Vec<&Waiting> = waiting.iter().filter(|one| one.wanted && one.due <= now).collect();
    due.sort_by_key(|one| (one.due, one.id));
    let Some(first) = most_pressing(&due) else { return Next::Idle };
    let rows = match address {
        Address::Call(_) => &limits.call,
        Address::Sms(_) => &limits.sms,
        Address::Email(_)
        | Address::Ntfy(_)
        | Address::Telegram(_)
        | Address::Slack(_)
        | Address::Teams(_)
        | Address::Webhook(_) => &limits.other,
    };
    let spare = match first.kind {
        Kind::Verification | Kind::Test | Kind::Alert => 0,
        Kind::Caller | Kind::OnCall | Kind::Status | Kind::Customer => 1,
    };
    if let Some((at, which)) = blocked_until(rows, sent, spare, now) {
        return Next::Later(at, which);
    }
    let together = together(first, &due, rows, sent, limits.bundle_from, now);
    if together.len() > 1 { Next::Bundle(together) } else { Next::One(first.id) }
}

fn most_pressing<'a>(due: &[&'a Waiting]) -> Option<&'a Waiting> {
    let mut seen: BTreeSet<AlertId> = BTreeSet::new();
    let ranked = due.iter().map(|one| {
        let rank = match one.kind {
            // An alert's first notification jumps the queue.
            Kind::Alert if one.alert.is_none_or(|alert| seen.insert(alert)) => 0,
            Kind::Verification => 1,
            Kind::Test => 2,
            Kind::Alert => 3,
            Kind::Caller | Kind::Customer => 4,
            Kind::OnCall => 5,
            Kind::Status => 6,
        };
        (rank, *one)
    });
    // The first of equals: the longest due.
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, one)| one)
}

/// What goes out with `first`, itself first; only itself where nothing is put together.
fn together(
    first: &Waiting,
    due: &[&Waiting],
    rows: &[(u32, Duration)],
    sent: &[Timestamp],
    bundle_from: u32,
    now: Timestamp,
) -> Vec<NotificationId> {
    let same_kind: Vec<&&Waiting> = match first.kind {
        Kind::Verification | Kind::Test | Kind::Caller | Kind::Customer => return vec![first.id],
        Kind::Alert | Kind::OnCall | Kind::Status => {
            due.iter().filter(|one| one.kind == first.kind && one.id != first.id).collect()
        }
    };
    let alerts: BTreeSet<_> = same_kind.iter().map(|one| one.alert).chain([first.alert]).collect();
    let many = u32::try_from(alerts.len()).unwrap_or(u32::MAX) >= bundle_from.max(2);
    let last_place = rows.iter().any(|(count, window)| used(sent, *window, now) + 1 >= *count);
    let taken = same_kind.iter().filter(|one| {
        let same_alert = first.alert.is_some() && one.alert == first.alert;
        // A shift and an alert's news are different things unless many are bundled; alerts may share the last place.
        same_alert || many || (last_place && first.kind == Kind::Alert)
    });
    std::iter::once(first.id).chain(taken.map(|one| one.id)).collect()
}

/// When the contact may be used again and which limit says so; `None`: now. `spare`: places that stay free.
fn blocked_until(
    rows: &[(u32, Duration)],
    sent: &[Timestamp],
    spare: u32,
    now: Timestamp,
) -> Option<(Timestamp, String)> {
    rows.iter()
        .filter_map(|(count, window)| {
            // A limit of one place can't keep any free.
            let places = count.saturating_sub(spare).max(1.min(*count));
            (used(sent, *window, now) >= places).then(|| (freed(sent, places, *window, now), *count, *window))
        })
        .max_by_key(|(at, ..)| *at)
        .map(|(at, count, window)| (at, format!("at most {count} within {} to one contact", shown(window))))
}

/// How often it was used within `window` before `now`. What seems to lie in the future (a clock was set) counts.
fn used(sent: &[Timestamp], window: Duration, now: Timestamp) -> u32 {
    let count = sent.iter().filter(|at| now.duration_since(**at) < signed(window)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// When fewer than `places` uses lie within the window; at the latest a whole window from now.
fn freed(sent: &[Timestamp], places: u32, window: Duration, now: Timestamp) -> Timestamp {
    let latest = now.checked_add(signed(window)).unwrap_or(Timestamp::MAX);
    let mut inside: Vec<Timestamp> =
        sent.iter().copied().filter(|at| now.duration_since(*at) < signed(window)).collect();
    inside.sort_unstable();
    let places = usize::try_from(places).unwrap_or(usize::MAX);
    let Some(leaves) = inside.len().checked_sub(places).and_then(|index| inside.get(index)) else { return latest };
    leaves.checked_add(signed(window)).unwrap_or(Timestamp::MAX).min(latest)
}

fn signed(window: Duration) -> SignedDuration {
    SignedDuration::try_from(window).unwrap_or(SignedDuration::MAX)
}

fn shown(window: Duration) -> String {
    let minutes = window.as_secs().div_ceil(60);
    if minutes >= 120 && minutes.is_multiple_of(60) { format!("{} h", minutes / 60) } else { format!("{minutes} min") }
}
