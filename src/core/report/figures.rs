//! From cases to figures.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{Case, Kept, Rung};
use crate::fact::Outcome;

/// A case that was over so soon without anybody having it was noise.
const SHORT: SignedDuration = SignedDuration::from_mins(5);

/// Times, summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Times that are known.
    pub known: usize,
    /// Cases of which it is not known, or that have not come to it yet. In none of the figures below.
    pub unknown: usize,
    /// All together by their number; `None`: nothing is known.
    pub mean: Option<SignedDuration>,
    /// As many are longer as shorter; of an even number the middle between the two.
    pub median: Option<SignedDuration>,
    /// Nine of ten are not longer (nearest rank).
    pub p90: Option<SignedDuration>,
    /// The longest.
    pub longest: Option<SignedDuration>,
}

/// Sums times up. `None`: not known.
pub fn stats(times: impl IntoIterator<Item = Option<SignedDuration>>) -> Stats {
    let (mut known, mut unknown) = (Vec::new(), 0);
    for time in times {
        match time {
            Some(time) => known.push(time.as_millis()),
            None => unknown += 1,
        }
    }
    known.sort_unstable();
    let count = known.len();
    let length = |millis: i128| i64::try_from(millis).ok().map(SignedDuration::from_millis);
    // ceil(count * 90 / 100), from 1.
    let rank = (count * 9).div_ceil(10);
    Stats {
        known: count,
        unknown,
        mean: i128::try_from(count)
            .ok()
            .filter(|count| *count > 0)
            .and_then(|count| length(known.iter().sum::<i128>() / count)),
        median: match count {
            0 => None,
            odd if odd % 2 == 1 => length(known[odd / 2]),
            even => length(i128::midpoint(known[even / 2 - 1], known[even / 2])),
        },
        p90: rank.checked_sub(1).and_then(|at| length(*known.get(at)?)),
        longest: known.last().and_then(|last| length(*last)),
    }
}

/// How promises were kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compliance {
    /// In time.
    pub kept: usize,
    /// Too late, or overdue and still open.
    pub broken: usize,
    /// Not due yet.
    pub open: usize,
    /// Counted no more.
    pub void: usize,
}

impl Compliance {
    /// Kept of those of which it is known, in hundredths of a percent, rounded down (9,999 is not all); `None`: of none.
    pub fn rate(&self) -> Option<u32> {
        let all = self.kept + self.broken;
        (all > 0).then(|| u32::try_from(self.kept * 10_000 / all).unwrap_or(0))
    }
}

/// Counts promises.
pub fn compliance<'a>(promises: impl IntoIterator<Item = &'a Kept>) -> Compliance {
    let mut sum = Compliance::default();
    for promise in promises {
        match promise.verdict() {
            Some(true) => sum.kept += 1,
            Some(false) => sum.broken += 1,
            None if promise.end.is_some() => sum.void += 1,
            None => sum.open += 1,
        }
    }
    sum
}

/// What the hotline did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hotline {
    /// Calls that came in and are over.
    pub calls: usize,
    /// A person had the caller.
    pub answered: usize,
    /// The caller hung up before anything was said.
    pub abandoned: usize,
    /// The caller left a message or a report.
    pub left_word: usize,
    /// Turned away.
    pub blocked: usize,
    /// Came to nothing for another reason.
    pub other: usize,
    /// From the beginning of the call until a person had the caller; of those that were answered.
    pub to_person: Stats,
}

/// Counts calls; those that still run are left out.
pub fn hotline<'a>(calls: impl IntoIterator<Item = &'a Rung>) -> Hotline {
    let mut sum = Hotline::default();
    let mut times = Vec::new();
    for call in calls {
        let Some(outcome) = call.outcome else { continue };
        sum.calls += 1;
        if let Some(taken) = call.taken {
            sum.answered += 1;
            times.push(Some(call.started.duration_until(taken)));
            continue;
        }
        match outcome {
            Outcome::Abandoned => sum.abandoned += 1,
            Outcome::Voicemail | Outcome::Reported => sum.left_word += 1,
            Outcome::Blocked => sum.blocked += 1,
            Outcome::Taken | Outcome::Completed | Outcome::Failed | Outcome::Unanswered => sum.other += 1,
        }
    }
    sum.to_person = stats(times);
    sum
}

/// What a source of alerts is worth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Noise {
    /// The tool; empty: calls and alerts by hand.
    pub source: String,
    /// Of which service; empty: of none.
    pub service: String,
    /// Alerts.
    pub alerts: usize,
    /// Events that they swallowed.
    pub events: u64,
    /// Over within five minutes without anybody having had it.
    pub short: usize,
    /// Over without anybody having had it, later than that.
    pub untouched: usize,
    /// Merged into others.
    pub merged: usize,
}

impl Noise {
    /// Alerts that nobody had to do anything about.
    pub const fn needless(&self) -> usize {
        self.short + self.untouched + self.merged
    }
}

/// By source and service, the noisiest first.
pub fn noise<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Vec<Noise> {
    let mut all: BTreeMap<(&str, &str), Noise> = BTreeMap::new();
    for case in cases {
        let of = all.entry((&case.source, &case.service)).or_insert_with(|| Noise {
            source: case.source.clone(),
            service: case.service.clone(),
            ..Noise::default()
        });
        of.alerts += 1;
        of.events += u64::from(case.events);
        match (case.merged, case.answered, case.over) {
            (true, _, _) => of.merged += 1,
            (false, None, Some(over)) if case.opened.duration_until(over) < SHORT => of.short += 1,
            (false, None, Some(_)) => of.untouched += 1,
            (false, Some(_), _) | (false, None, None) => {}
        }
    }
    let mut rows: Vec<Noise> = all.into_values().collect();
    rows.sort_by(|a, b| {
        (b.needless(), b.alerts, &a.source, &a.service).cmp(&(a.needless(), a.alerts, &b.source, &b.service))
    });
    rows
}
