//! One fault counts once for each promise.
//!
//! An alert and the incident to which it belongs are one fault, though each has clocks of its own: the alert's say how soon somebody
//! had it, the incident's how soon the customer heard. Of all clocks of one fault for the same customer, contract and promise one is
//! counted: a broken one if there is any (an incident that is opened late does not wipe out what was late before), else one that still
//! runs, else one that was kept. It counts in the period in which the first of them began, so no two reports have the same fault.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Kept;
use crate::sla::Promise;

/// What is one thing: fault, customer, contract, promise.
type Key<'a> = (&'a str, &'a str, &'a str, Promise);

/// Those of `promises` that are counted in `[from, to)`, each with its short number, oldest first. `promises`: whatever began then, with
/// all others of the same faults.
pub fn once(promises: &[(String, Kept)], from: Timestamp, to: Timestamp) -> Vec<(String, Kept)> {
    let mut faults: BTreeMap<Key<'_>, Vec<&(String, Kept)>> = BTreeMap::new();
    for one in promises {
        let kept = &one.1;
        faults.entry((&kept.fault, &kept.customer, &kept.sla, kept.promise)).or_default().push(one);
    }
    let mut counted: Vec<(String, Kept)> = faults.into_values().filter_map(of_fault).collect();
    counted.retain(|(_, kept)| from <= kept.counts_at && kept.counts_at < to);
    counted.sort_by(|(_, a), (_, b)| (a.counts_at, &a.id, a.promise).cmp(&(b.counts_at, &b.id, b.promise)));
    counted
}

fn of_fault(mut clocks: Vec<&(String, Kept)>) -> Option<(String, Kept)> {
    // What counts no more says nothing about the others.
    if clocks.iter().any(|(_, kept)| rank(kept) < VOID) {
        clocks.retain(|(_, kept)| rank(kept) < VOID);
    }
    let first = clocks.iter().map(|(_, kept)| kept.started).min()?;
    let (reference, kept) = clocks.into_iter().min_by_key(|(_, kept)| (rank(kept), kept.started, kept.id.clone()))?;
    Some((reference.clone(), Kept { counts_at: first, ..kept.clone() }))
}

const VOID: u8 = 3;

/// The one that says most first.
const fn rank(kept: &Kept) -> u8 {
    match (kept.verdict(), kept.end.is_some()) {
        (Some(false), _) => 0,
        (None, false) => 1,
        (Some(true), _) => 2,
        (None, true) => VOID,
    }
}
