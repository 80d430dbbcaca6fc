//! What there is to say about the promises that an alert (or incident) is under: each thing once.

use jiff::{SignedDuration, Timestamp};

use super::{Clock, Parties, Pause, Promise, Sla, State, clock, moment_of};
use crate::alert::change::PromiseWord;
use crate::fact::{Priority, words};
use crate::ids::SlaId;
use crate::oncall::Calendar;

/// A contract as it was when it was written down: what a clock goes by from its beginning to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// What was promised.
    pub sla: Sla,
    /// By whom to whom.
    pub between: Parties,
    /// Its number: from 1, one more with every change.
    pub revision: u32,
    /// The hours in which its clocks run; `None`: always.
    pub hours: Option<Calendar>,
}

/// One promise that is being measured, with what was said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Which promise.
    pub promise: Promise,
    /// By which contract.
    pub sla: SlaId,
    /// By which revision of it.
    pub revision: u32,
    /// Whose target this is.
    pub priority: Priority,
    /// The time that it gives.
    pub target: SignedDuration,
    /// Since when.
    pub started: Timestamp,
    /// When it was done.
    pub stopped: Option<Timestamp>,
    /// The highest share that was told.
    pub warned: u32,
    /// The moment it was due at, once it was told that it had passed.
    pub breached: Option<Timestamp>,
    /// How it ended; `None`: it is still measured.
    pub end: Option<End>,
}

/// How a promise ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// In time.
    Kept,
    /// Too late.
    Late,
    /// It counts no more.
    Void,
}
words!(End { Kept = "kept", Late = "late", Void = "void" });

/// What happened to the thing that the promises are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// Its priority now.
    pub priority: Priority,
    /// When somebody first had it.
    pub answered: Option<Timestamp>,
    /// When it was over.
    pub over: Option<Timestamp>,
    /// It goes on under another name: merged.
    pub moved: bool,
}

/// What a look at a promise comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// As it is to be kept.
    pub measured: Measured,
    /// How it stands.
    pub clock: Clock,
    /// What there is to say, in order; empty: nothing new.
    pub said: Vec<PromiseWord>,
    /// When there may be something to say by itself; `None`: only when something happens.
    pub look_at: Option<Timestamp>,
}

/// The promises that hold for something of this priority which began at `started`.
pub fn promised(terms: &Terms, priority: Priority, started: Timestamp) -> Vec<Measured> {
    let targets = terms.sla.targets(priority);
    let measured = |promise: Promise| {
        Some(Measured {
            promise,
            sla: terms.sla.id.clone(),
            revision: terms.revision,
            priority,
            target: targets.of(promise)?,
            started,
            stopped: None,
            warned: 0,
            breached: None,
            end: None,
        })
    };
    Promise::CLOCKS.into_iter().filter_map(measured).collect()
}

/// Looks at a promise. Said once it is never said again, whoever looks when: what was said is part of `measured`, which is kept
/// together with it.
pub fn look(measured: &Measured, terms: &Terms, subject: &Subject, pauses: &[Pause], now: Timestamp) -> Look {
    let mut next = measured.clone();
    let mut said = Vec::new();
    if next.end.is_some() {
        let clock = standing(&next, terms, pauses, now);
        return Look { measured: next, clock, said, look_at: None };
    }
    if subject.priority != next.priority {
        next.priority = subject.priority;
        match terms.sla.targets(subject.priority).of(next.promise) {
            Some(target) if target == next.target => {}
            Some(target) => {
                next.target = target;
                said.push(PromiseWord::Changed);
                rewound(&mut next, terms, pauses, now);
            }
            None => next.end = Some(End::Void),
        }
    }
    next.stopped = match next.promise {
        Promise::Response => subject.answered.or(subject.over),
        Promise::Resolution | Promise::Update => subject.over,
    };
    if subject.moved {
        next.end = Some(End::Void);
    }
    let clock = standing(&next, terms, pauses, now);
    if next.end == Some(End::Void) {
        said.push(PromiseWord::Void);
        return Look { measured: next, clock, said, look_at: None };
    }
    if clock.state == State::Breached && next.breached.is_none() {
        next.breached = clock.due_at;
        said.push(PromiseWord::Breached);
    }
    if next.stopped.is_some() {
        let late = clock.state == State::Breached;
        // It was done in time after all; only the word of it came late.
        next.breached = next.breached.filter(|_| late);
        next.end = Some(if late { End::Late } else { End::Kept });
        said.push(if late { PromiseWord::Late } else { PromiseWord::Kept });
        return Look { measured: next, clock, said, look_at: None };
    }
    let level = level(terms, clock.share);
    if level > next.warned {
        next.warned = level;
        // Who has heard that it is too late needs no warning.
        if next.breached.is_none() {
            said.push(PromiseWord::Warned);
        }
    }
    let look_at = look_at(&next, terms, &clock, pauses);
    Look { measured: next, clock, said, look_at }
}

/// How it stands now.
pub fn standing(measured: &Measured, terms: &Terms, pauses: &[Pause], now: Timestamp) -> Clock {
    clock(measured.target, terms.hours.as_ref(), measured.started, pauses, measured.stopped, now)
}

/// The highest share that is told of, and has passed.
fn level(terms: &Terms, share: u32) -> u32 {
    terms.sla.warn_at.iter().copied().filter(|at| *at <= share).max().unwrap_or(0)
}

/// With another target it may be early again: what was told then is told again when it has come.
fn rewound(next: &mut Measured, terms: &Terms, pauses: &[Pause], now: Timestamp) {
    let clock = standing(next, terms, pauses, now);
    next.warned = next.warned.min(level(terms, clock.share));
    if clock.state != State::Breached {
        next.breached = None;
    }
}

fn look_at(next: &Measured, terms: &Terms, clock: &Clock, pauses: &[Pause]) -> Option<Timestamp> {
    if next.breached.is_some() {
        return None;
    }
    let share = terms.sla.warn_at.iter().copied().find(|at| *at > next.warned);
    let part = |share: u32| {
        let millis = next.target.as_millis().saturating_mul(i128::from(share));
        let millis = i64::try_from((millis + 99) / 100).unwrap_or(i64::MAX);
        moment_of(SignedDuration::from_millis(millis), terms.hours.as_ref(), next.started, pauses)
    };
    let warns = share.and_then(part);
    // The very moment is in time.
    let breaks = clock.due_at.and_then(|due| due.checked_add(SignedDuration::from_millis(1)).ok());
    [warns, breaks].into_iter().flatten().min()
}
