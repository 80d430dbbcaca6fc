//! The promise of words: how long the customers of an incident waited for each.
//!
//! Every wait counts by itself: from the opening to the first word, from each word to the next, from the last to the end. A wait in
//! which it was over before a word was due promised nothing. What was promised is what the contracts say now, for the severity as it
//! is now; the clock that reminded people at the time went by the same rule.

use jiff::Timestamp;

use super::Kept;
use crate::directory::Directory;
use crate::ids::CustomerId;
use crate::incident::{Incident, Kind, UpdateState};
use crate::sla::{End, Promise, priority_of, update_interval};

/// The waits that began in `[from, to)` and are owed to a customer by contract, each with the incident's short number. Nothing of
/// drills and planned work.
pub fn words_kept<'a>(
    incidents: impl IntoIterator<Item = &'a Incident>,
    directory: &Directory,
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
) -> Vec<(String, Kept)> {
    let mut all = Vec::new();
    for incident in incidents.into_iter().filter(|one| one.kind != Kind::Maintenance && one.drill.is_none()) {
        for customer in incident.touched(directory) {
            let waits = of_customer(incident, &customer, directory, now);
            all.extend(waits.into_iter().map(|kept| (incident.reference.clone(), kept)));
        }
    }
    all.retain(|(_, kept)| from <= kept.counts_at && kept.counts_at < to);
    all.sort_by(|(_, a), (_, b)| (a.counts_at, &a.id, &a.customer).cmp(&(b.counts_at, &b.id, &b.customer)));
    all
}

fn of_customer(incident: &Incident, customer: &CustomerId, directory: &Directory, now: Timestamp) -> Vec<Kept> {
    let services: Vec<_> = incident.affected.iter().map(|affected| affected.service.clone()).collect();
    let promised = update_interval(directory, std::slice::from_ref(customer), &services, incident.severity);
    let Some((every, sla)) = promised else { return Vec::new() };
    let words = moments(incident, customer);
    let end = if incident.is_open() { None } else { Some(incident.resolved_at.unwrap_or(now)) };
    let starts = std::iter::once(incident.opened_at).chain(words.iter().copied());
    let wait = |(number, started): (usize, Timestamp)| {
        let word = words.get(number).copied();
        let over = word.or(end);
        // What is said after the end is no wait of the fault any more.
        if end.is_some_and(|end| started >= end) {
            return None;
        }
        let due = started.checked_add(every).ok()?;
        let late = over.unwrap_or(now) > due;
        if word.is_none() && end.is_some() && !late {
            return None;
        }
        Some(Kept {
            id: incident.id.to_string(),
            fault: incident.id.to_string(),
            customer: customer.0.clone(),
            sla: sla.0.clone(),
            promise: Promise::Update,
            priority: priority_of(incident.severity),
            target: every,
            elapsed: started.duration_until(over.unwrap_or(now)),
            started,
            counts_at: started,
            end: over.map(|_| if late { End::Late } else { End::Kept }),
            breached: late,
        })
    };
    starts.enumerate().filter_map(wait).collect()
}

/// When this customer was told something, oldest first.
fn moments(incident: &Incident, customer: &CustomerId) -> Vec<Timestamp> {
    let meant = |own: &[CustomerId]| own.is_empty() || own.contains(customer);
    let told = incident.updates.iter().filter(|update| meant(&update.customers));
    let mut moments: Vec<Timestamp> = told
        .filter_map(|update| match update.state {
            UpdateState::Published { at, .. } => Some(at),
            UpdateState::Draft | UpdateState::Review | UpdateState::Withdrawn { .. } => None,
        })
        .collect();
    moments.sort_unstable();
    moments
}
