//! Who is on duty at a moment: turns, hours, skills, absences, swaps and overrides, in this order.

use jiff::Timestamp;

use crate::directory::{Absence, Directory};
use crate::ids::UserId;

use super::layer::members;
use super::{Layer, Member, Mode, Override, OverrideDeed, Rotation, Schedule, Swap};

/// Somebody on duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// Who.
    pub user: UserId,
    /// By which layer (`Layer::id`); `None`: by an override above all layers.
    pub layer: Option<String>,
    /// Why this person.
    pub cause: Cause,
}

/// Why somebody is on duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// It is their turn.
    Turn,
    /// They are the next who can; the person whose turn it is can't.
    StandsIn(UserId),
    /// They took this person's shift.
    Swap {
        /// Whose.
        giver: UserId,
        /// Why it was given away.
        reason: String,
    },
    /// An override says so.
    Override {
        /// `Override::id`.
        id: String,
        /// As its writer put it.
        reason: String,
    },
}

/// Somebody who would be on duty and is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// Away until then, for this reason.
    Absent(UserId, Timestamp, String),
    /// Lacks these skills.
    Unqualified(UserId, Vec<String>),
    /// Gave the shift away to somebody.
    GaveAway(UserId, UserId),
    /// An override puts somebody else in their place.
    Overridden(UserId),
    /// An override takes them off.
    Removed(UserId, String),
    /// Was to stand in by a swap or an override, but is away until then.
    SubstituteAbsent(UserId, Timestamp),
}

/// What rules a layer out.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rule {
    /// It counts; until when at the latest.
    Counts(Option<Timestamp>),
    /// Begins later.
    NotYet(Timestamp),
    /// Has ended.
    Over(Timestamp),
    /// Outside its hours.
    OutsideHours,
    /// The calendar says no: its words.
    Calendar(String),
    /// No members.
    Empty,
}

/// A layer at a moment.
#[derive(Debug, Clone)]
pub(super) struct LayerState<'a> {
    pub layer: &'a Layer,
    pub rotation: Option<&'a Rotation>,
    pub turn: i64,
    pub rule: Rule,
    pub duty: Vec<Duty>,
    pub passed: Vec<Passed>,
}

/// A schedule at a moment.
#[derive(Debug)]
pub(super) struct State<'a> {
    pub layers: Vec<LayerState<'a>>,
    /// People by overrides above all layers.
    pub above: Vec<Duty>,
    /// The layers are silenced by an override above them.
    pub replaced: bool,
    /// Overrides above the layers whose people are away.
    pub passed: Vec<Passed>,
}

/// Who is on duty at `at`, nobody twice: those of the layers that answer in the schedule's order, then those added by overrides.
pub fn on_duty(schedule: &Schedule, directory: &Directory, at: Timestamp) -> Vec<Duty> {
    let state = state(schedule, directory, at);
    let answering = (0..state.layers.len()).filter(|index| state.answers(schedule.mode, *index));
    let by_layers = answering.flat_map(|index| &state.layers[index].duty);
    let mut found: Vec<Duty> = Vec::new();
    for duty in by_layers.chain(&state.above) {
        if found.iter().all(|known| known.user != duty.user) {
            found.push(duty.clone());
        }
    }
    found
}

impl State<'_> {
    /// Whether the layer's people are on duty.
    pub fn answers(&self, mode: Mode, index: usize) -> bool {
        let has = |layer: &LayerState<'_>| !layer.duty.is_empty();
        !self.replaced
            && self.layers.get(index).is_some_and(has)
            && match mode {
                Mode::Together => true,
                Mode::Stack => !self.layers[..index].iter().any(has),
            }
    }
}

pub(super) fn state<'a>(schedule: &'a Schedule, directory: &Directory, at: Timestamp) -> State<'a> {
    let layers = schedule.layers.iter().map(|layer| layer_state(schedule, layer, directory, at)).collect();
    let mut state = State { layers, above: Vec::new(), replaced: false, passed: Vec::new() };
    for over in running(schedule, at).filter(|over| over.layers.is_empty()) {
        let comes = |passed: &mut Vec<Passed>| comes(over, directory, at, passed);
        match &over.deed {
            OverrideDeed::Replace => {
                if comes(&mut state.passed) {
                    state.above = vec![by_override(over, None)];
                    state.replaced = true;
                }
            }
            OverrideDeed::Add => {
                if comes(&mut state.passed) {
                    state.above.push(by_override(over, None));
                }
            }
            // For those of the layers the layers have done it.
            OverrideDeed::InsteadOf(other) => {
                if state.above.iter().any(|duty| duty.user == *other) && comes(&mut state.passed) {
                    instead(&mut state.above, other, over, None);
                }
            }
            OverrideDeed::Remove => state.above.retain(|duty| duty.user != over.user),
        }
    }
    state
}

fn layer_state<'a>(schedule: &'a Schedule, layer: &'a Layer, directory: &Directory, at: Timestamp) -> LayerState<'a> {
    let rotation = layer.rotation_at(at);
    let turn = rotation.map_or(0, |rotation| rotation.turn(at));
    let mut state =
        LayerState { layer, rotation, turn, rule: rule(layer, directory, at), duty: Vec::new(), passed: Vec::new() };
    let (Rule::Counts(_) | Rule::Empty, Some(rotation)) = (&state.rule, rotation) else { return state };
    take_turn(&mut state, rotation, schedule, directory, at);
    for over in running(schedule, at) {
        let named = over.layers.contains(&layer.id);
        if !named && !over.layers.is_empty() {
            continue;
        }
        lay_over(&mut state, over, named, directory, at);
    }
    state
}

/// Hours, calendar, limits.
fn rule(layer: &Layer, directory: &Directory, at: Timestamp) -> Rule {
    if let Some(from) = layer.from.filter(|from| at < *from) {
        return Rule::NotYet(from);
    }
    if let Some(until) = layer.until.filter(|until| *until <= at) {
        return Rule::Over(until);
    }
    let Some(rotation) = layer.rotation_at(at) else { return Rule::Empty };
    let Some(hours) = layer.hours(rotation, at) else { return Rule::OutsideHours };
    let hours = Some(hours).filter(|end| *end < Timestamp::MAX);
    let ruling = layer.calendar.as_ref();
    let calendar = ruling.and_then(|rule| Some((rule.open, directory.calendars.get(&rule.calendar)?)));
    if let Some((wanted, calendar)) = calendar {
        let (open, why) = calendar.state(at);
        if open != wanted {
            return Rule::Calendar(why);
        }
    }
    if rotation.members.is_empty() {
        return Rule::Empty;
    }
    let change = calendar.and_then(|(_, calendar)| calendar.next_change(at));
    Rule::Counts([hours, layer.until, layer.version_end(at), change].into_iter().flatten().min())
}

/// Those whose turn it is, or the next in the order of turns who can.
fn take_turn(
    state: &mut LayerState<'_>,
    rotation: &Rotation,
    schedule: &Schedule,
    directory: &Directory,
    at: Timestamp,
) {
    let Some(place) = rotation.place(state.turn) else { return };
    let count = rotation.members.len();
    for step in 0..count {
        let member = &rotation.members[(place + step) % count];
        if step == 0 && *member == Member::Nobody {
            return;
        }
        let holder = state.passed.first().map(Passed::user).cloned();
        for user in members(member, directory) {
            if let Some(duty) = stand(state, &user, holder.as_ref().filter(|_| step > 0), schedule, directory, at) {
                state.duty.push(duty);
            }
        }
        if !state.duty.is_empty() {
            return;
        }
    }
}

/// The person, or who took their shift; `None`: neither can.
fn stand(
    state: &mut LayerState<'_>,
    user: &UserId,
    holder: Option<&UserId>,
    schedule: &Schedule,
    directory: &Directory,
    at: Timestamp,
) -> Option<Duty> {
    let layer = Some(state.layer.id.clone());
    if let Some((taker, swap)) = taker(schedule, user, at) {
        match absence(directory, &taker, at) {
            None => {
                state.passed.push(Passed::GaveAway(user.clone(), taker.clone()));
                let cause = Cause::Swap { giver: user.clone(), reason: swap.reason.clone() };
                return Some(Duty { user: taker, layer, cause });
            }
            Some(away) => state.passed.push(Passed::SubstituteAbsent(taker, away.to)),
        }
    }
    if let Some(passed) = can(state.layer, directory, user, at) {
        state.passed.push(passed);
        return None;
    }
    let cause = holder.map_or(Cause::Turn, |holder| Cause::StandsIn(holder.clone()));
    Some(Duty { user: user.clone(), layer, cause })
}

/// Who stands where `user` would, after all swaps that were taken; the last one taken. `None`: the person themselves.
fn taker<'a>(schedule: &'a Schedule, user: &UserId, at: Timestamp) -> Option<(UserId, &'a Swap)> {
    let mut found: Option<(UserId, &Swap)> = None;
    for swap in schedule.swaps.iter().filter(|swap| swap.from <= at && at < swap.to) {
        let Some(taker) = &swap.taker else { continue };
        let stands = found.as_ref().map_or(user, |(stands, _)| stands);
        if *stands == swap.giver {
            found = Some((taker.clone(), swap));
        }
    }
    found.filter(|(stands, _)| stands != user)
}

/// What keeps somebody from the layer's turn; `None`: nothing.
pub(super) fn can(layer: &Layer, directory: &Directory, user: &UserId, at: Timestamp) -> Option<Passed> {
    if let Some(away) = absence(directory, user, at) {
        return Some(Passed::Absent(user.clone(), away.to, away.reason.clone()));
    }
    let missing = missing_skills(layer, directory, user);
    (!missing.is_empty()).then(|| Passed::Unqualified(user.clone(), missing))
}

pub(super) fn missing_skills(layer: &Layer, directory: &Directory, user: &UserId) -> Vec<String> {
    let own = directory.users.get(user).map(|user| user.skills.as_slice()).unwrap_or_default();
    layer.skills.iter().filter(|skill| !own.contains(*skill)).cloned().collect()
}

/// The absence that runs at `at`; of overlapping ones the last to end.
pub(super) fn absence<'a>(directory: &'a Directory, user: &UserId, at: Timestamp) -> Option<&'a Absence> {
    let absences = directory.users.get(user).map(|user| user.absences.as_slice()).unwrap_or_default();
    absences.iter().filter(|away| away.from <= at && at < away.to).max_by_key(|away| away.to)
}

/// The overrides that run at `at`, in the order of the list.
pub(super) fn running(schedule: &Schedule, at: Timestamp) -> impl Iterator<Item = &Override> {
    schedule.overrides.iter().filter(move |over| over.from <= at && at < over.to)
}

/// An override on a layer: one that names it, or one for the whole schedule that is about a person.
fn lay_over(state: &mut LayerState<'_>, over: &Override, named: bool, directory: &Directory, at: Timestamp) {
    let layer = Some(state.layer.id.clone());
    match &over.deed {
        OverrideDeed::Replace if named => {
            if comes(over, directory, at, &mut state.passed) {
                state.passed.extend(state.duty.iter().map(|duty| Passed::Overridden(duty.user.clone())));
                state.duty = vec![by_override(over, layer)];
            }
        }
        OverrideDeed::Add if named => {
            if comes(over, directory, at, &mut state.passed) {
                state.duty.push(by_override(over, layer));
            }
        }
        OverrideDeed::Replace | OverrideDeed::Add => {}
        OverrideDeed::InsteadOf(other) => {
            if state.duty.iter().any(|duty| duty.user == *other) && comes(over, directory, at, &mut state.passed) {
                state.passed.push(Passed::Overridden(other.clone()));
                instead(&mut state.duty, other, over, layer.as_deref());
            }
        }
        OverrideDeed::Remove => {
            let before = state.duty.len();
            state.duty.retain(|duty| duty.user != over.user);
            if state.duty.len() < before {
                state.passed.push(Passed::Removed(over.user.clone(), over.reason.clone()));
            }
        }
    }
}

/// Whether the override's person is there; else it is told.
fn comes(over: &Override, directory: &Directory, at: Timestamp, passed: &mut Vec<Passed>) -> bool {
    let away = absence(directory, &over.user, at);
    passed.extend(away.map(|away| Passed::SubstituteAbsent(over.user.clone(), away.to)));
    away.is_none()
}

fn by_override(over: &Override, layer: Option<String>) -> Duty {
    let cause = Cause::Override { id: over.id.clone(), reason: over.reason.clone() };
    Duty { user: over.user.clone(), layer, cause }
}

fn instead(duties: &mut [Duty], other: &UserId, over: &Override, layer: Option<&str>) {
    for duty in duties.iter_mut().filter(|duty| duty.user == *other) {
        *duty = by_override(over, layer.map(str::to_owned));
    }
}

impl Passed {
    /// About whom.
    pub const fn user(&self) -> &UserId {
        match self {
            Self::Absent(user, ..)
            | Self::Unqualified(user, _)
            | Self::GaveAway(user, _)
            | Self::Overridden(user)
            | Self::Removed(user, _)
            | Self::SubstituteAbsent(user, _) => user,
        }
    }
}
