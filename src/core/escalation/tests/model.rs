//! The slow model: asked every minute, it knows nothing of looks, cycles or keys, and says what must be told then.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::fixture::AGAIN;
use super::simulation::{PEOPLE, later, minutes_of};
use crate::alert::{Alert, Command, Status, Urgency};
use crate::directory::Directory;
use crate::escalation::{Step, Target};
use crate::fact::Priority;

/// Who has it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Has {
    Nobody,
    Somebody { since: Timestamp },
    Over,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and nothing decides by several")]
pub struct Model {
    has: Has,
    quiet_until: Option<Timestamp>,
    pub urgency: Urgency,
    priority: Priority,
    of_acme: bool,
    by_call: bool,
    pub call_running: bool,
    opened: Timestamp,
    assigned: Option<String>,
    /// Nothing was told yet.
    fresh: bool,
    steps: Vec<Step>,
    repeat: Option<u32>,
    hand_back_after: Option<Duration>,
    round: u32,
    place: usize,
    /// `None`: never by itself.
    next: Option<Timestamp>,
}

impl Model {
    pub fn new(alert: &Alert, directory: &Directory) -> Self {
        let by_call = alert.source.is_none();
        let policy = &directory.policies[&"any".into()];
        let turns = Step {
            targets: vec![Target::Schedule("turns".into())],
            wait: AGAIN,
            priorities: Vec::new(),
            urgency: None,
        };
        Self {
            has: Has::Nobody,
            quiet_until: None,
            urgency: alert.urgency,
            priority: alert.priority,
            of_acme: alert.customer.is_some(),
            by_call,
            call_running: alert.call_running,
            opened: alert.opened_at,
            assigned: None,
            fresh: true,
            steps: if by_call { vec![turns] } else { policy.steps.clone() },
            repeat: (!by_call).then_some(policy.repeat),
            hand_back_after: policy.unacknowledge_after.filter(|_| !by_call),
            round: 0,
            place: 0,
            next: Some(alert.opened_at),
        }
    }

    pub fn status(&self) -> Status {
        match self.has {
            Has::Nobody => Status::Triggered,
            Has::Somebody { .. } => Status::Acknowledged,
            Has::Over => Status::Resolved,
        }
    }

    /// Maintenance, priority, office hours, written down once more.
    pub fn loud(&self, now: Timestamp, directory: &Directory) -> Urgency {
        let work = directory.maintenance.first().is_some_and(|window| window.from <= now && now < window.to);
        if work && self.of_acme {
            return Urgency::Low;
        }
        let local = TimeZone::UTC.to_datetime(now);
        let open = matches!(local.weekday(), Weekday::Tuesday | Weekday::Wednesday | Weekday::Friday)
            && (8..17).contains(&local.hour());
        match self.priority {
            Priority::P1 | Priority::P2 => Urgency::High,
            Priority::P3 | Priority::P4 if !self.of_acme || open => Urgency::High,
            Priority::P3 | Priority::P4 | Priority::P5 => Urgency::Low,
        }
    }

    /// Rounds before it is exhausted.
    fn rounds(&self) -> Option<u32> {
        match (self.repeat, self.urgency) {
            (Some(repeat), _) => Some(repeat + 1),
            (None, Urgency::High) => None,
            (None, Urgency::Low) => Some(1),
        }
    }

    fn at_the_end(&self) -> bool {
        self.repeat.is_some_and(|repeat| {
            self.round > repeat + 1 || (self.round == repeat + 1 && self.place >= self.steps.len())
        })
    }

    fn begin_anew(&mut self, now: Timestamp) {
        self.fresh = false;
        (self.round, self.place, self.next) = (0, 0, Some(now));
    }

    fn go_on(&mut self, now: Timestamp) {
        if self.at_the_end() {
            self.begin_anew(now);
        }
        self.next = Some(now);
    }

    pub fn taken(&mut self, now: Timestamp) {
        if self.has == Has::Nobody {
            self.has = Has::Somebody { since: now };
        }
    }

    pub fn rung(&mut self, next_at: Timestamp) {
        if self.has == Has::Nobody && self.quiet_until.is_none() {
            self.next = self.next.max(Some(next_at));
        }
    }

    pub fn command(
        &mut self,
        command: &Command,
        by: &str,
        now: Timestamp,
        directory: &Directory,
        dead: &BTreeSet<String>,
    ) {
        if self.has == Has::Over {
            return;
        }
        let had = matches!(self.has, Has::Somebody { .. });
        match command {
            Command::Acknowledge => self.have(now),
            Command::Resolve => self.has = Has::Over,
            Command::HandBack if had => {
                self.give_up();
                self.go_on(now);
            }
            Command::Escalate => {
                let pending = self.round > 0 && self.next.is_some_and(|next| next <= now);
                if !(self.has == Has::Nobody && self.quiet_until.is_none() && pending) {
                    self.wake(now);
                    self.give_up();
                    self.go_on(now);
                }
            }
            Command::Assign(to) if to.0 == by => self.have(now),
            Command::Assign(to) => {
                if self.assigned.as_ref() == Some(&to.0) && self.quiet_until.is_none() {
                    return;
                }
                self.wake(now);
                self.give_up();
                self.give(&to.0, now, directory, dead);
            }
            Command::Snooze(until) => {
                if self.quiet_until == Some(*until) && !had {
                    return;
                }
                self.give_up();
                self.quiet_until = Some(*until);
            }
            Command::Describe { priority: Some(priority), .. } if *priority != self.priority => {
                self.priority = *priority;
                let loud = self.loud(now, directory);
                if loud < self.urgency {
                    self.begin_anew(now);
                }
                self.urgency = loud;
            }
            Command::HandBack
            | Command::Merge(_)
            | Command::Comment(_)
            | Command::Began(_)
            | Command::Describe { .. } => {}
        }
    }

    fn have(&mut self, now: Timestamp) {
        if self.has == Has::Nobody {
            self.wake(now);
            self.has = Has::Somebody { since: now };
        }
    }

    /// Somebody's word ends the snooze.
    fn wake(&mut self, now: Timestamp) {
        if self.quiet_until.take().is_some() {
            self.go_on(now);
        }
    }

    fn give_up(&mut self) {
        if let Has::Somebody { .. } = self.has {
            self.has = Has::Nobody;
            self.assigned = None;
            self.go_on(Timestamp::MIN);
        }
    }

    fn give(&mut self, to: &str, now: Timestamp, directory: &Directory, dead: &BTreeSet<String>) {
        self.assigned = Some(to.to_owned());
        let last = self.place.checked_sub(1).and_then(|place| self.steps.get(place)).map(|step| step.wait);
        let last = last.filter(|_| self.repeat.is_some()).unwrap_or_default();
        if self.at_the_end() {
            self.begin_anew(now);
        }
        self.fresh = false;
        let wait = if self.alive(to, now, directory, dead) { last.max(minutes_of(5)) } else { Duration::ZERO };
        self.next = Some(later(now, wait));
    }

    /// What must be told now.
    pub fn minute(&mut self, now: Timestamp, directory: &Directory, dead: &BTreeSet<String>) -> Vec<String> {
        let mut said = Vec::new();
        match self.has {
            Has::Over => return said,
            Has::Somebody { since } => {
                if self.quiet_until.is_some_and(|until| until <= now) {
                    self.quiet_until = None;
                }
                let Some(after) = self.hand_back_after else { return said };
                if now < later(since, after) {
                    return said;
                }
                said.push("unacknowledged".to_owned());
                self.has = Has::Nobody;
                self.assigned = None;
                self.begin_anew(now);
            }
            Has::Nobody => {}
        }
        if let Some(until) = self.quiet_until {
            if now < until {
                return said;
            }
            self.quiet_until = None;
            self.go_on(now);
        }
        if self.call_running && now < later(self.opened, minutes_of(30)) {
            return said;
        }
        if self.urgency == Urgency::Low && self.loud(now, directory) == Urgency::High {
            self.urgency = Urgency::High;
            self.begin_anew(now);
        }
        if self.next.is_some_and(|next| next <= now) {
            self.walk(now, directory, dead, &mut said);
        }
        said
    }

    fn walk(&mut self, now: Timestamp, directory: &Directory, dead: &BTreeSet<String>, said: &mut Vec<String>) {
        if self.fresh && self.by_call {
            self.urgency = self.loud(now, directory);
        }
        self.fresh = false;
        self.round = self.round.max(1);
        for _ in 0..self.steps.len() {
            if self.place == self.steps.len() {
                if self.rounds().is_some_and(|rounds| self.round >= rounds) {
                    break;
                }
                (self.round, self.place) = (self.round + 1, 0);
            }
            let step = self.steps[self.place].clone();
            self.place += 1;
            let fits = (step.priorities.is_empty() || step.priorities.contains(&self.priority))
                && step.urgency.is_none_or(|urgency| urgency == self.urgency);
            if !fits {
                continue;
            }
            if self.reaches(&step, now, directory, dead) {
                said.push(format!("step {}.{}", self.round, self.place));
                self.next = Some(later(now, step.wait));
                return;
            }
            let beyond = self.rounds().map_or(self.round, |rounds| self.round.saturating_sub(rounds));
            if beyond == 0 || beyond.is_power_of_two() {
                said.push(format!("nobody {}", self.place));
            }
        }
        if let Some(rounds) = self.rounds().filter(|rounds| self.round <= *rounds) {
            said.push("exhausted".to_owned());
            self.round = rounds;
        }
        (self.round, self.place) = (self.round + 1, 0);
        self.next = (self.urgency == Urgency::High).then(|| later(now, AGAIN));
    }

    fn reaches(&self, step: &Step, now: Timestamp, directory: &Directory, dead: &BTreeSet<String>) -> bool {
        step.targets.iter().any(|target| match target {
            Target::User(id) => self.alive(&id.0, now, directory, dead),
            Target::Schedule(id) if id.0 == "turns" => {
                PEOPLE[..3].iter().any(|id| self.alive(id, now, directory, dead))
            }
            Target::Team(_) => ["ben", "dua"].iter().any(|id| self.alive(id, now, directory, dead)),
            Target::Channel(_) => !dead.contains("room@slack"),
            Target::Schedule(_) | Target::Number(_) => false,
        })
    }

    fn alive(&self, id: &str, now: Timestamp, directory: &Directory, dead: &BTreeSet<String>) -> bool {
        let Some(user) = directory.users.get(&id.into()) else { return false };
        let away = user.absences.iter().any(|away| away.from <= now && now < away.to);
        let call = self.urgency == Urgency::High && !dead.contains(&format!("{id}@call"));
        !away && (call || !dead.contains(&format!("{id}@mail")))
    }
}
