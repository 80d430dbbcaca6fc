//! Whom to call, in order, with the reasons in words.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::directory::Directory;
use crate::ids::UserId;

use super::layer::members;
use super::resolve::{LayerState, Rule, State, can, running, state};
use super::{Cause, Duty, LayerWhy, OnCall, OnCallPerson, Passed, Schedule};

/// Whom to call at `at`: those on duty, then the rest in the order in which they would stand in: of each layer that answers those
/// with the coming turns, then the layers behind. Nobody stands twice in the list, and nobody who is away or lacks a skill
/// stands in it. A person without phones stays in it, and says why.
pub fn on_call(schedule: &Schedule, directory: &Directory, at: Timestamp) -> OnCall {
    let state = state(schedule, directory, at);
    let teller = Teller { schedule, directory, at };
    let mut people: Vec<OnCallPerson> = Vec::new();
    let answering: Vec<bool> = (0..state.layers.len()).map(|index| state.answers(schedule.mode, index)).collect();
    let layers = |wanted: bool| {
        state.layers.iter().zip(&answering).filter(move |(_, answers)| **answers == wanted).map(|(layer, _)| layer)
    };
    for layer in layers(true) {
        for duty in &layer.duty {
            teller.add(&mut people, &duty.user, true, || teller.on_duty(layer, duty));
        }
    }
    for duty in &state.above {
        teller.add(&mut people, &duty.user, true, || teller.above(duty));
    }
    for layer in layers(true).chain(layers(false)) {
        teller.stand_ins(&mut people, layer, state.replaced);
    }
    let why = teller.explain(&state, &people);
    let mut told: Vec<LayerWhy> = teller.overrides(&state);
    told.extend(
        state.layers.iter().zip(&answering).map(|(layer, answers)| teller.layer(layer, *answers, state.replaced)),
    );
    OnCall { people, why, layers: told }
}

struct Teller<'a> {
    schedule: &'a Schedule,
    directory: &'a Directory,
    at: Timestamp,
}

impl Teller<'_> {
    fn add(&self, people: &mut Vec<OnCallPerson>, user: &UserId, duty: bool, why: impl FnOnce() -> String) {
        if people.iter().any(|person| person.user == *user) {
            return;
        }
        let known = self.directory.users.get(user);
        let mut why = why();
        match known {
            None => why.push_str("; unknown to the directory, can't be called"),
            Some(known) if known.phones.is_empty() => why.push_str("; has no phone, can't be called"),
            Some(_) => {}
        }
        people.push(OnCallPerson {
            user: user.clone(),
            phones: known.map(|known| known.phones.clone()).unwrap_or_default(),
            language: known.map(|known| known.language.clone()).unwrap_or_default(),
            why,
            duty,
        });
    }

    /// "schedule `nights`", "layer `a` of schedule `nights`".
    fn by(&self, layer: &LayerState<'_>) -> String {
        if self.schedule.layers.len() == 1 {
            format!("schedule `{}`", self.schedule.id)
        } else {
            format!("layer `{}` of schedule `{}`", layer.layer.id, self.schedule.id)
        }
    }

    fn moment(&self, at: Timestamp) -> String {
        moment(at, &self.schedule.time_zone)
    }

    /// By an override above all layers.
    fn above(&self, duty: &Duty) -> String {
        let Cause::Override { id, reason } = &duty.cause else { return String::new() };
        let over = running(self.schedule, self.at).filter(|over| over.id == *id && over.user == duty.user).last();
        let until = over.map_or_else(String::new, |over| format!(" until {}", self.moment(over.to)));
        format!("on call{until} by an override of schedule `{}`{}", self.schedule.id, because(reason))
    }

    fn on_duty(&self, layer: &LayerState<'_>, duty: &Duty) -> String {
        let Some(rotation) = layer.rotation else { return String::new() };
        let turn_end = rotation.turn_end(layer.turn);
        let counts = if let Rule::Counts(until) = layer.rule { until } else { None };
        let name = |user: &UserId| self.directory.name_of(user).to_owned();
        let (own, how) = match &duty.cause {
            Cause::Turn => (None, String::new()),
            Cause::StandsIn(holder) => {
                let passed = layer.passed.iter().find(|passed| passed.user() == holder);
                let back =
                    passed.and_then(|passed| if let Passed::Absent(_, to, _) = passed { Some(*to) } else { None });
                (back, format!(": stands in for {}", passed.map_or_else(|| name(holder), |passed| self.passed(passed))))
            }
            Cause::Swap { giver, reason } => {
                let swaps = self.schedule.swaps.iter().filter(|swap| swap.from <= self.at && self.at < swap.to);
                let end = swaps.filter(|swap| swap.taker.as_ref() == Some(&duty.user)).map(|swap| swap.to).min();
                (end, format!(": took the shift of {}{}", name(giver), because(reason)))
            }
            Cause::Override { id, reason } => {
                let over =
                    running(self.schedule, self.at).filter(|over| over.id == *id && over.user == duty.user).last();
                (over.map(|over| over.to), format!(": by an override{}", because(reason)))
            }
        };
        let until = [turn_end.filter(|_| !matches!(duty.cause, Cause::Override { .. })), counts, own];
        let until = until.into_iter().flatten().min().map_or_else(|| "for ever".to_owned(), |at| self.moment(at));
        format!("on call until {until} by {}{how}", self.by(layer))
    }

    /// The people of the layer who are not on duty, in the order of their coming turns.
    fn stand_ins(&self, people: &mut Vec<OnCallPerson>, state: &LayerState<'_>, replaced: bool) {
        let (Rule::Counts(_), Some(rotation)) = (&state.rule, state.rotation) else { return };
        let Some(place) = rotation.place(state.turn) else { return };
        let by = self.by(state);
        for duty in &state.duty {
            let behind = if replaced { "behind the override" } else { "behind another layer" };
            let end = || rotation.turn_end(state.turn).map_or_else(|| "for ever".to_owned(), |at| self.moment(at));
            self.add(people, &duty.user, false, || {
                format!("next in line: has the turn in {by} until {}, {behind}", end())
            });
        }
        let count = rotation.members.len();
        let mut begin = rotation.turn_end(state.turn);
        for step in 0..count {
            let at = begin.filter(|_| step > 0);
            if step > 0 {
                begin = begin.and_then(|begin| rotation.turn_end(rotation.turn(begin)));
            }
            for user in members(&rotation.members[(place + step) % count], self.directory) {
                let out = can(state.layer, self.directory, &user, self.at).is_some()
                    || state.passed.iter().any(|passed| {
                        matches!(passed, Passed::Removed(..) | Passed::GaveAway(..)) && passed.user() == &user
                    });
                if !out {
                    self.add(people, &user, false, || match at {
                        Some(at) => format!("next in line: has the turn in {by} from {}", self.moment(at)),
                        None => format!("next in line: has the turn in {by}, behind the override"),
                    });
                }
            }
        }
    }

    /// "Ann, who is away until … (holiday)".
    fn passed(&self, passed: &Passed) -> String {
        let name = self.directory.name_of(passed.user());
        match passed {
            Passed::Absent(_, to, reason) => {
                format!("{name}, who is away until {}{}", self.moment(*to), because(reason))
            }
            Passed::Unqualified(_, skills) => format!("{name}, who lacks {}", skills.join(", ")),
            Passed::GaveAway(_, taker) => format!("{name}, who gave the shift to {}", self.directory.name_of(taker)),
            Passed::Overridden(_) => format!("{name}, who is overridden"),
            Passed::Removed(_, reason) => format!("{name}, who is taken off by an override{}", because(reason)),
            Passed::SubstituteAbsent(_, to) => {
                format!("{name}, who was to step in, but is away until {}", self.moment(*to))
            }
        }
    }

    fn overrides(&self, state: &State<'_>) -> Vec<LayerWhy> {
        if state.above.is_empty() && state.passed.is_empty() {
            return Vec::new();
        }
        let mut whys: Vec<String> = state
            .above
            .iter()
            .map(|duty| format!("{} is {}", self.directory.name_of(&duty.user), self.above(duty)))
            .collect();
        whys.extend(state.passed.iter().map(|passed| format!("passed over: {}", self.passed(passed))));
        vec![LayerWhy {
            layer: "override".to_owned(),
            name: "override".to_owned(),
            answers: !state.above.is_empty(),
            people: state.above.iter().map(|duty| duty.user.clone()).collect(),
            why: whys.join("; "),
        }]
    }

    fn layer(&self, state: &LayerState<'_>, answers: bool, replaced: bool) -> LayerWhy {
        let mut whys = vec![match (&state.rule, state.duty.is_empty(), answers) {
            (Rule::NotYet(from), _, _) => format!("begins on {}", self.moment(*from)),
            (Rule::Over(until), _, _) => format!("ended on {}", self.moment(*until)),
            (Rule::OutsideHours, _, _) => self.outside(state),
            (Rule::Calendar(why), _, _) => format!("ruled out: {why}"),
            (Rule::Empty, true, _) => "its rotation has no members".to_owned(),
            (Rule::Counts(_), true, _) if state.passed.is_empty() => "the turn is left to nobody on purpose".to_owned(),
            (Rule::Counts(_), true, _) => "nobody of it can".to_owned(),
            (Rule::Counts(_) | Rule::Empty, false, true) => String::new(),
            (Rule::Counts(_) | Rule::Empty, false, false) if replaced => "silenced by an override".to_owned(),
            (Rule::Counts(_) | Rule::Empty, false, false) => "behind the layer above, which has somebody".to_owned(),
        }];
        whys.retain(|why| !why.is_empty());
        for duty in &state.duty {
            whys.push(format!("{} {}", self.directory.name_of(&duty.user), self.on_duty(state, duty)));
        }
        whys.extend(state.passed.iter().map(|passed| format!("passed over: {}", self.passed(passed))));
        if let Some(rule) = &state.layer.calendar
            && !self.directory.calendars.contains_key(&rule.calendar)
        {
            whys.push(format!("calendar `{}` is not there (any more), so it rules nothing out", rule.calendar));
        }
        LayerWhy {
            layer: state.layer.id.clone(),
            name: state.layer.name.clone(),
            answers,
            people: state.duty.iter().map(|duty| duty.user.clone()).collect(),
            why: whys.join("; "),
        }
    }

    fn outside(&self, state: &LayerState<'_>) -> String {
        let mut edge = self.at;
        for _ in 0..4 {
            let Some(next) = state.layer.next_edge(self.directory, edge) else { break };
            let counts = state.layer.rotation_at(next).is_some_and(|turns| state.layer.hours(turns, next).is_some());
            if counts {
                return format!("outside its hours until {}", self.moment(next));
            }
            edge = next;
        }
        "outside its hours".to_owned()
    }

    fn explain(&self, state: &State<'_>, people: &[OnCallPerson]) -> String {
        let on_duty: Vec<&OnCallPerson> = people.iter().filter(|person| person.duty).collect();
        if on_duty.is_empty() {
            return self.nobody(state, people);
        }
        let each = on_duty.iter().map(|person| format!("{} is {}", self.directory.name_of(&person.user), person.why));
        let mut why = each.collect::<Vec<_>>().join("; ");
        let rotation = self.schedule.layers.first().and_then(|layer| layer.rotation_at(self.at));
        let first = rotation.filter(|rotation| rotation.since.is_none());
        if !state.replaced
            && self.schedule.layers.len() == 1
            && first.and_then(|rotation| rotation.handoff(0)).is_some_and(|start| self.at < start)
        {
            why.push_str("; the rotation reaches back before its start");
        }
        if people.iter().all(|person| person.phones.is_empty()) {
            why.push_str("; nobody in it has a phone");
        }
        why
    }

    fn nobody(&self, state: &State<'_>, people: &[OnCallPerson]) -> String {
        let id = &self.schedule.id;
        let stand_ins = if people.is_empty() { "" } else { "; others could stand in" };
        match state.layers.as_slice() {
            [] => format!("nobody is on call: schedule `{id}` has no layers"),
            [only] if only.rule == Rule::Empty && state.passed.is_empty() => {
                format!("nobody is on call: the rotation of schedule `{id}` has no members")
            }
            layers => {
                let whys = layers.iter().map(|layer| {
                    format!("layer `{}`: {}", layer.layer.id, self.layer(layer, false, state.replaced).why)
                });
                format!("nobody is on call by schedule `{id}`: {}{stand_ins}", whys.collect::<Vec<_>>().join("; "))
            }
        }
    }
}

pub(super) fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}

/// `Mon 2026-11-30 09:00 Europe/Berlin`. By hand: a page of schedules has thousands of these.
pub(super) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    let local = zone.to_datetime(at);
    let day = match local.weekday() {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    };
    let (year, month, date) = (local.year(), local.month(), local.day());
    let (hour, minute, name) = (local.hour(), local.minute(), zone.iana_name().unwrap_or("local"));
    format!("{day} {year:04}-{month:02}-{date:02} {hour:02}:{minute:02} {name}")
}
