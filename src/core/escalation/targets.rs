//! Whom a step reaches now, by which contacts, and why not the others.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Reach, Step, Target};
use crate::alert::Alert;
use crate::directory::{Address, Contact, Destination, Directory};
use crate::ids::{ChannelId, ScheduleId, TeamId, UserId};
use crate::notify::{Kind, Planned, To, plan};
use crate::oncall::on_call;

/// What a step comes to.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// To be sent.
    pub planned: Vec<Planned>,
    /// Whom it reaches, in words.
    pub words: Vec<String>,
    /// Why these.
    pub whys: Vec<String>,
    /// Why not others.
    pub misses: Vec<String>,
}

/// Which step of which round is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    /// From 1.
    pub round: u32,
    /// From 1; 0: given by hand.
    pub step: u32,
    /// Whose step, in words.
    pub by: &'a str,
    pub now: Timestamp,
}

pub(super) struct Telling<'a> {
    alert: &'a Alert,
    directory: &'a Directory,
    reach: Reach<'a>,
    at: At<'a>,
    told: Told,
    people: BTreeSet<UserId>,
}

impl<'a> Telling<'a> {
    pub fn new(alert: &'a Alert, directory: &'a Directory, reach: Reach<'a>, at: At<'a>) -> Self {
        Self { alert, directory, reach, at, told: Told::default(), people: BTreeSet::new() }
    }

    /// Everybody a step names.
    pub fn step(self, step: &Step) -> Told {
        self.targets(&step.targets)
    }

    /// Everybody who is named.
    pub fn targets(mut self, targets: &[Target]) -> Told {
        for (index, target) in targets.iter().enumerate() {
            match target {
                Target::Schedule(schedule) => self.schedule(schedule),
                Target::User(user) => {
                    self.person(user, "", "named by the step");
                }
                Target::Team(team) => self.team(team),
                Target::Channel(channel) => self.channel(channel),
                Target::Number(destination) => self.number(destination, index),
            }
        }
        if targets.is_empty() {
            self.told.misses.push("the step names nobody".to_owned());
        }
        self.told
    }

    /// One person, by hand.
    pub fn assigned(mut self, user: &UserId) -> Told {
        self.person(user, "", "it was given to them");
        self.told
    }

    /// Everybody on duty; the first behind them who can be told only where none of these can.
    fn schedule(&mut self, id: &ScheduleId) {
        let Some(schedule) = self.directory.schedules.get(id) else {
            return self.told.misses.push(format!("schedule `{id}` is not there"));
        };
        let found = on_call(schedule, self.directory, self.at.now);
        if found.people.is_empty() {
            return self.told.misses.push(found.why);
        }
        let how = format!(" by schedule {id}");
        let mut reached = false;
        for person in found.people.iter().filter(|person| person.duty) {
            reached |= self.person(&person.user, &how, &person.why);
        }
        let mut behind = found.people.iter().filter(|person| !person.duty);
        while !reached && let Some(person) = behind.next() {
            reached = self.person(&person.user, &how, &format!("those on duty can't be told; {}", person.why));
        }
    }

    fn team(&mut self, id: &TeamId) {
        let Some(team) = self.directory.teams.get(id) else {
            return self.told.misses.push(format!("team `{id}` is not there"));
        };
        if team.members.is_empty() {
            self.told.misses.push(format!("team `{id}` has no members"));
        }
        for member in &team.members {
            self.person(member, &format!(" of team {id}"), &format!("member of team `{id}`"));
        }
    }

    /// Whether the person is told by this step (now, or by an earlier target of it).
    fn person(&mut self, id: &UserId, how: &str, why: &str) -> bool {
        if self.people.contains(id) {
            return true;
        }
        let Some(user) = self.directory.users.get(id) else {
            self.told.misses.push(format!("{id} is no user here"));
            return false;
        };
        let now = self.at.now;
        if let Some(absence) = user.absences.iter().find(|away| away.from <= now && now < away.to) {
            self.told.misses.push(format!("{id} is away until {}", moment(absence.to)));
            return false;
        }
        let at = self.at;
        let turn = format!("{}, {}: {id}: {why}", at.by, at.words());
        let planned = plan(self.alert, user, at.round, at.step, &turn, self.directory, self.reach, now);
        if planned.is_empty() {
            self.told.misses.push(format!("{id} has no verified contact that can be reached now at this urgency"));
            return false;
        }
        self.people.insert(id.clone());
        let name = if user.name.is_empty() { &id.0 } else { &user.name };
        self.told.words.push(format!("{name}{how}"));
        self.told.whys.push(format!("{id}: {why}"));
        self.told.planned.extend(planned);
        true
    }

    fn channel(&mut self, id: &ChannelId) {
        let Some(channel) = self.directory.channels.get(id) else {
            return self.told.misses.push(format!("channel `{id}` is not there"));
        };
        if !self.reaches(&channel.address, &id.0) {
            return self.told.misses.push(format!("channel `{id}` can't be reached now"));
        }
        let key = self.key(&format!("channel:{id}"), channel.address.kind());
        if self.told.planned.iter().any(|planned| planned.key == key) {
            return;
        }
        self.told.words.push(format!("channel {id}"));
        self.told.whys.push(format!("channel `{id}`: named by the step"));
        self.planned(key, To::Channel(id.clone()), channel.address.clone(), &format!("channel `{id}`"));
    }

    fn number(&mut self, destination: &Destination, index: usize) {
        let address = Address::Call(destination.clone());
        let name = format!("target-{}", index + 1);
        if !self.reaches(&address, &name) {
            return self.told.misses.push("the external number can't be dialled now".to_owned());
        }
        self.told.words.push("an external number".to_owned());
        self.told.whys.push("an external number: named by the step".to_owned());
        let key = self.key("outside", &name);
        self.planned(key, To::Outside, address, "an external number");
    }

    fn reaches(&self, address: &Address, id: &str) -> bool {
        (self.reach)(&Contact { id: id.to_owned(), address: address.clone(), verified: true })
    }

    fn key(&self, to: &str, contact: &str) -> String {
        let At { round, step, .. } = self.at;
        format!("{}/{}.{round}.{step}/{to}/{contact}", self.alert.id, self.alert.progress.cycle)
    }

    fn planned(&mut self, key: String, to: To, address: Address, whom: &str) {
        self.told.planned.push(Planned {
            key,
            alert: Some(self.alert.id),
            to,
            address,
            due: self.at.now,
            kind: Kind::Alert,
            why: format!("{}, {}: {whom}: named by the step", self.at.by, self.at.words()),
        });
    }
}

impl At<'_> {
    /// `step 2 of round 1`.
    pub fn words(&self) -> String {
        match self.step {
            0 => "given by hand".to_owned(),
            step => format!("step {step} of round {}", self.round),
        }
    }
}

/// `2026-11-30 09:00 UTC`.
pub(super) fn moment(at: Timestamp) -> String {
    format!("{} UTC", at.strftime("%Y-%m-%d %H:%M"))
}
