//! A schedule over time: shifts, gaps, hand-offs, the next change.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::directory::Directory;
use crate::ids::UserId;

use super::layer::members;
use super::resolve::{Rule, state};
use super::{Cause, Cover, Duty, Layer, Member, OverrideDeed, Schedule, on_duty};

/// So far ahead [`next_change`] looks, unless fewer than [`LOOKS_MIN`] moments lie within.
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 400);
const LOOKS_MIN: u32 = 64;

/// A stretch of time of one person on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Who; `None`: nobody, a hole in the schedule.
    pub user: Option<UserId>,
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub to: Timestamp,
    /// By which layer; `None`: by an override above all layers, or nobody.
    pub layer: Option<String>,
    /// Why this person; of a hole: a turn.
    pub cause: Cause,
}

/// Nobody is on call in `[from, to)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub to: Timestamp,
    /// Layer by layer at its beginning.
    pub why: String,
}

/// The next moment after `after` at which others are on call (or nobody any more). `None`: for a year it stays as it is.
pub fn next_change(schedule: &Schedule, directory: &Directory, after: Timestamp) -> Option<Timestamp> {
    let users = |at| -> Vec<UserId> { on_duty(schedule, directory, at).into_iter().map(|duty| duty.user).collect() };
    let walk = Walk::new(schedule, directory, after);
    let who = users(after);
    let horizon = after.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
    let mut at = walk.next(after)?;
    let mut looks = 0;
    while at < horizon || looks < LOOKS_MIN {
        if users(at) != who {
            return Some(at);
        }
        at = walk.next(at)?;
        looks += 1;
    }
    None
}

/// Hand-offs of the layers' rotations in `[from, to)`, whatever overrides say: the moment, the layer, and whose turn begins.
pub fn handoffs(schedule: &Schedule, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, String, Member)> {
    let mut found: Vec<(Timestamp, String, Member)> = Vec::new();
    for layer in &schedule.layers {
        let mut at = from;
        while at < to {
            let end = layer.version_end(at).map_or(to, |end| end.min(to));
            let Some(rotation) = layer.rotation_at(at) else { break };
            let handoffs = rotation.handoffs(at, end).into_iter();
            found.extend(handoffs.map(|(at, member)| (at, layer.id.clone(), member)));
            at = end;
        }
    }
    found.sort_by_key(|(at, _, _)| *at);
    found
}

/// Who is on call when in `[from, to)`, cut at both ends of the window, holes included, in the order of their beginnings. A new shift
/// begins where a person comes or goes or the reason why they are there changes; turns of the same person in a row are one.
pub fn shifts(schedule: &Schedule, directory: &Directory, from: Timestamp, to: Timestamp) -> Vec<Shift> {
    walk(schedule, directory, from, to, false, |at| on_duty(schedule, directory, at))
}

/// As [`shifts`], but a hand-off ends a shift even where the next turn is the same person's: for calendar feeds, whose entries
/// must end at the same moments whenever they are read.
pub fn turns(schedule: &Schedule, directory: &Directory, from: Timestamp, to: Timestamp) -> Vec<Shift> {
    walk(schedule, directory, from, to, true, |at| on_duty(schedule, directory, at))
}

/// The shifts of one layer by itself, whatever the other layers and the overrides above them say; no holes.
pub fn layer_shifts(
    schedule: &Schedule,
    layer: &Layer,
    directory: &Directory,
    from: Timestamp,
    to: Timestamp,
) -> Vec<Shift> {
    let mut found = walk(schedule, directory, from, to, false, |at| {
        let state = state(schedule, directory, at);
        state.layers.into_iter().find(|state| state.layer.id == layer.id).map(|state| state.duty).unwrap_or_default()
    });
    found.retain(|shift| shift.user.is_some());
    found
}

/// When nobody is on call in `[from, to)` although somebody should be ([`Cover`]).
pub fn gaps(schedule: &Schedule, directory: &Directory, from: Timestamp, to: Timestamp) -> Vec<Gap> {
    let mut walk = Walk::new(schedule, directory, from);
    let calendar =
        if let Cover::Calendar(calendar) = &schedule.cover { directory.calendars.get(calendar) } else { None };
    walk.extra = calendar;
    let mut found: Vec<Gap> = Vec::new();
    let mut at = from;
    while at < to {
        let end = walk.next(at).map_or(to, |next| next.min(to));
        let planned = || {
            state(schedule, directory, at)
                .layers
                .iter()
                .any(|layer| matches!(layer.rule, Rule::Counts(_) | Rule::Empty))
        };
        let wanted = match &schedule.cover {
            Cover::Always => true,
            Cover::Planned => planned(),
            Cover::Calendar(_) => calendar.is_none_or(|calendar| calendar.is_open(at)),
        };
        if wanted && on_duty(schedule, directory, at).is_empty() {
            match found.last_mut() {
                Some(last) if last.to == at => last.to = end,
                Some(_) | None => {
                    found.push(Gap { from: at, to: end, why: super::on_call(schedule, directory, at).why });
                }
            }
        }
        at = end;
    }
    found
}

/// The next shift of `user` that begins after `after`, within a year: its beginning and end (cut after a year).
pub fn next_on_call(
    schedule: &Schedule,
    directory: &Directory,
    user: &UserId,
    after: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    let walk = Walk::new(schedule, directory, after);
    let horizon = after.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
    let has = |at| on_duty(schedule, directory, at).iter().any(|duty| duty.user == *user);
    let mut was = has(after);
    let mut begin = None;
    let mut at = walk.next(after)?;
    while at < horizon {
        let is = has(at);
        match (begin, was, is) {
            (None, false, true) => begin = Some(at),
            (Some(begin), true, false) => return Some((begin, at)),
            (None | Some(_), _, _) => {}
        }
        was = is;
        let Some(next) = walk.next(at) else { break };
        at = next;
    }
    begin.map(|begin| (begin, horizon))
}

fn walk(
    schedule: &Schedule,
    directory: &Directory,
    from: Timestamp,
    to: Timestamp,
    by_turn: bool,
    duties: impl Fn(Timestamp) -> Vec<Duty>,
) -> Vec<Shift> {
    let mut walk = Walk::new(schedule, directory, from);
    walk.all_turns = by_turn;
    let mut found: Vec<Shift> = Vec::new();
    // Indices of the shifts that run.
    let mut open: Vec<usize> = Vec::new();
    let mut at = from;
    while at < to {
        let end = walk.next(at).map_or(to, |next| next.min(to));
        let duties = duties(at);
        let hole = Duty { user: UserId::default(), layer: None, cause: Cause::Turn };
        let duties = if duties.is_empty() {
            vec![(None, hole)]
        } else {
            duties.into_iter().map(|duty| (Some(duty.user.clone()), duty)).collect()
        };
        let mut running = Vec::new();
        for (user, duty) in duties {
            let goes_on = open.iter().copied().find(|index| {
                let shift = &found[*index];
                shift.user == user
                    && shift.layer == duty.layer
                    && shift.cause == duty.cause
                    && !(by_turn && walk.is_handoff(at, &duty))
            });
            if let Some(index) = goes_on {
                found[index].to = end;
                running.push(index);
            } else {
                running.push(found.len());
                found.push(Shift { user, from: at, to: end, layer: duty.layer, cause: duty.cause });
            }
        }
        open = running;
        at = end;
    }
    found
}

/// The moments at which something may change.
struct Walk<'a> {
    schedule: &'a Schedule,
    directory: &'a Directory,
    /// Those that are fixed, sorted: overrides, swaps, absences.
    fixed: Vec<Timestamp>,
    /// Hand-offs count even where all turns are one person's.
    all_turns: bool,
    extra: Option<&'a super::Calendar>,
}

impl<'a> Walk<'a> {
    fn new(schedule: &'a Schedule, directory: &'a Directory, after: Timestamp) -> Self {
        let mut people: BTreeSet<UserId> = BTreeSet::new();
        for layer in &schedule.layers {
            people.extend(layer.people(directory, after));
        }
        let overrides = schedule.overrides.iter().filter(|over| over.from < over.to);
        let mut fixed: Vec<Timestamp> = overrides.clone().flat_map(|over| [over.from, over.to]).collect();
        people.extend(overrides.filter(|over| over.deed != OverrideDeed::Remove).map(|over| over.user.clone()));
        for swap in &schedule.swaps {
            let Some(taker) = &swap.taker else { continue };
            people.insert(taker.clone());
            fixed.extend([swap.from, swap.to]);
        }
        let users = people.iter().filter_map(|user| directory.users.get(user));
        fixed.extend(users.flat_map(|user| user.absences.iter().flat_map(|away| [away.from, away.to])));
        fixed.retain(|at| *at > after);
        fixed.sort_unstable();
        fixed.dedup();
        Self { schedule, directory, fixed, all_turns: false, extra: None }
    }

    fn next(&self, at: Timestamp) -> Option<Timestamp> {
        let fixed = self.fixed.get(self.fixed.partition_point(|edge| *edge <= at)).copied();
        let layers = self.schedule.layers.iter().flat_map(|layer| {
            let turn = if self.all_turns { self.any_turn(layer, at) } else { layer.next_turn(at) };
            [layer.next_edge(self.directory, at), turn]
        });
        let extra = self.extra.and_then(|calendar| calendar.next_edge(at));
        layers.flatten().chain(fixed).chain(extra).min()
    }

    fn any_turn(&self, layer: &Layer, at: Timestamp) -> Option<Timestamp> {
        let rotation = layer.rotation_at(at)?;
        let empty = rotation.members.iter().all(|member| members(member, self.directory).is_empty());
        if empty { None } else { rotation.turn_end(rotation.turn(at)) }
    }

    /// Whether a hand-off of the layer ends this duty's turn at `at`.
    fn is_handoff(&self, at: Timestamp, duty: &Duty) -> bool {
        let layer = duty.layer.as_ref().and_then(|id| self.schedule.layer(id));
        !matches!(duty.cause, Cause::Override { .. })
            && layer
                .and_then(|layer| layer.rotation_at(at))
                .is_some_and(|rotation| rotation.handoff(rotation.turn(at)) == Some(at))
    }
}
