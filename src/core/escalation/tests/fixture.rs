//! A small installation with people, schedules and policies of its own.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::alert::{Alert, Status, Urgency};
use crate::directory::{Address, Contact, Destination, Directory, User};
use crate::escalation::{Advance, EscalationPolicy, Progress, Step, Target, advance};
use crate::fact::{Fact, Priority};
use crate::ids::{AlertId, PolicyId, ScheduleId, UserId};
use crate::oncall::{Rotation, Schedule};
use crate::private::Private;

pub const AGAIN: Duration = Duration::from_mins(5);

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("a valid time")
}

pub fn start() -> Timestamp {
    at("2026-03-02T22:00:00Z")
}

pub fn after(seconds: u64) -> Timestamp {
    start().checked_add(Duration::from_secs(seconds)).unwrap()
}

pub fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

/// With a telephone `call` and a mailbox `mail`, both verified.
pub fn person(id: &str) -> User {
    User {
        id: id.into(),
        name: id.to_uppercase(),
        contacts: vec![
            contact("call", Address::Call(Destination::Sip(format!("sip:{id}@127.0.0.1")))),
            contact("mail", Address::Email(Private::from(format!("{id}@example.org")))),
        ],
        ..User::default()
    }
}

pub fn contact(id: &str, address: Address) -> Contact {
    Contact { id: id.to_owned(), address, verified: true }
}

/// A week each, from a Monday.
pub fn schedule(id: &str, members: &[&str]) -> Schedule {
    let members: Vec<UserId> = members.iter().map(|member| UserId::from(*member)).collect();
    Schedule::single(id, id, Rotation::weekly(&members, 1, "2026-01-05T09:00".parse().unwrap(), TimeZone::UTC))
}

pub fn step(targets: Vec<Target>, wait: Duration) -> Step {
    Step { targets, wait, priorities: Vec::new(), urgency: None }
}

pub fn policy(id: &str, steps: Vec<Step>, repeat: u32) -> EscalationPolicy {
    EscalationPolicy { id: id.into(), name: id.to_owned(), steps, repeat, unacknowledge_after: None }
}

pub fn user(id: &str) -> Target {
    Target::User(id.into())
}

/// ada and ben; `first` has ada (that week), `second` has ben; policy `two`: first for 5 min, then second for 10 min, once more.
pub fn directory() -> Directory {
    let mut directory = Directory::default();
    for id in ["ada", "ben", "cem"] {
        directory.users.insert(id.into(), person(id));
    }
    for one in [schedule("first", &["ada"]), schedule("second", &["ben"]), schedule("empty", &[])] {
        directory.schedules.insert(one.id.clone(), one);
    }
    let on = |id: &str| Target::Schedule(ScheduleId::from(id));
    let two = policy("two", vec![step(vec![on("first")], minutes(5)), step(vec![on("second")], minutes(10))], 1);
    directory.policies.insert(PolicyId::from("two"), two);
    directory
}

pub fn alert() -> Alert {
    Alert {
        id: AlertId(Uuid::from_u128(7)),
        reference: "1001".to_owned(),
        status: Status::Triggered,
        priority: Priority::P2,
        urgency: Urgency::High,
        title: "Mail does not go out".to_owned(),
        customer: None,
        service: None,
        number: None,
        call: None,
        call_running: false,
        caller: None,
        source: Some("monitor".into()),
        dedup_key: None,
        group_key: None,
        merged_into: None,
        events: 1,
        assigned: None,
        snoozed_until: None,
        policy: Some("two".into()),
        began: None,
        opened_at: start(),
        acknowledged_at: None,
        last_event_at: start(),
        progress: Progress { look: Some(start()), ..Progress::default() },
    }
}

/// An alert with its world, looked at again and again.
pub struct Story {
    pub alert: Alert,
    pub directory: Directory,
    /// Contacts that can't be reached: `user/contact` is not known here, so by address.
    pub dead: Vec<Address>,
    pub facts: Vec<(Timestamp, Fact, String)>,
    pub keys: Vec<String>,
}

impl Story {
    pub fn new(directory: Directory) -> Self {
        Self { alert: alert(), directory, dead: Vec::new(), facts: Vec::new(), keys: Vec::new() }
    }

    pub fn look(&mut self, now: Timestamp) -> Advance {
        let dead = &self.dead;
        let reach = |contact: &Contact| !dead.contains(&contact.address);
        let said = advance(&self.alert, &self.directory, &reach, AGAIN, now);
        for (fact, why) in &said.facts {
            assert!(!why.is_empty(), "a why is missing: {fact:?}");
            self.alert.apply(fact, now);
            self.facts.push((now, fact.clone(), why.clone()));
        }
        self.alert.progress = said.progress;
        for planned in &said.notify {
            assert!(!self.keys.contains(&planned.key), "planned twice: {}", planned.key);
            self.keys.push(planned.key.clone());
        }
        said
    }

    /// Looks whenever it wants to be looked at, until `until`; `(seconds after the start, who was told)` for each step.
    pub fn run(&mut self, until: Timestamp) -> Vec<(i64, Vec<String>)> {
        let before = self.facts.len();
        let mut looks = 0;
        while let Some(look) = self.alert.progress.look.filter(|look| *look <= until) {
            self.look(look);
            looks += 1;
            assert!(looks < 10_000, "looked at for ever");
        }
        self.facts[before..]
            .iter()
            .filter_map(|(at, fact, _)| {
                let Fact::Alert(crate::alert::Change::Stepped { targets, .. }) = fact else { return None };
                Some((at.duration_since(start()).as_secs(), targets.clone()))
            })
            .collect()
    }

    pub fn say(&mut self, command: &crate::alert::Command, by: &str, now: Timestamp) -> usize {
        let by = crate::fact::Actor::Person(by.into());
        let facts = crate::alert::command::carry_out(&self.alert, command, &by, &self.directory, now).unwrap();
        let dead = &self.dead;
        let reach = |contact: &Contact| !dead.contains(&contact.address);
        let settled = crate::escalation::settle(&self.alert, facts, &self.directory, &reach, now);
        self.alert = settled.alert;
        let count = settled.facts.len();
        self.facts.extend(settled.facts.into_iter().map(|(fact, why)| (now, fact, why)));
        for planned in settled.notify {
            assert!(!self.keys.contains(&planned.key), "planned twice: {}", planned.key);
            self.keys.push(planned.key);
        }
        count
    }

    pub fn kinds(&self) -> Vec<&'static str> {
        self.facts.iter().map(|(_, fact, _)| fact.kind()).collect()
    }
}
