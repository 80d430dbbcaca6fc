//! Alerts over many weeks from one seed, each checked minute by minute against a small slow model ([`super::model`]).
//!
//! What is kept at a commit is all that survives: nodes take turns, die before and after it, look at what another has just
//! changed, stand still for hours; the database goes away and calls ring without it. `HOTLINE_SIMULATION_SEED` sets the seed,
//! `HOTLINE_SIMULATION_ALERTS` how many; a failure prints the one alert's seed, which alone brings it back.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::fixture::*;
use super::model::Model;
use crate::alert::command::carry_out;
use crate::alert::{Alert, Change, Command, Status, Urgency};
use crate::call::flow::HoursWindow;
use crate::directory::{Absence, Address, Channel, Contact, Customer, Directory, MaintenanceWindow, Number, Team};
use crate::escalation::{Settled, Step, Target, advance, settle};
use crate::fact::{Actor, Fact, Outcome, Priority};
use crate::ids::{AlertId, CallId, CustomerId, IdSource};
use crate::notify::Planned;
use crate::oncall::Calendar;
use crate::private::Private;

pub const PEOPLE: [&str; 4] = ["ada", "ben", "cem", "dua"];
const BY_JOURNAL: &str = "kept in the journal";
const MINUTE: SignedDuration = SignedDuration::from_secs(60);

pub struct Dice(IdSource);

impl Dice {
    pub fn below(&mut self, count: u64) -> u64 {
        self.0.next_u64() % count.max(1)
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

fn from_environment(name: &str, or: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(or)
}

#[test]
fn no_step_is_lost_or_done_twice_or_after_an_acknowledge() {
    let seed = from_environment("HOTLINE_SIMULATION_SEED", 20_261_122);
    let alerts = from_environment("HOTLINE_SIMULATION_ALERTS", 1_500);
    let mut seeds = IdSource::new(seed);
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for place in 0..alerts {
        let own = if place == 0 { seed } else { seeds.next_u64() };
        let run = catch_unwind(AssertUnwindSafe(|| World::new(own).run()));
        match run {
            Ok(kinds) => kinds.into_iter().for_each(|(kind, count)| *counts.entry(kind).or_insert(0) += count),
            Err(fault) => {
                eprintln!("HOTLINE_SIMULATION_SEED={own} HOTLINE_SIMULATION_ALERTS=1 brings this alert back");
                std::panic::resume_unwind(fault);
            }
        }
    }
    if alerts >= 1_000 {
        for kind in [
            "escalation-step",
            "nobody-reached",
            "escalation-exhausted",
            "alert-acknowledged",
            "alert-unacknowledged",
            "alert-snoozed",
            "alert-woke",
            "alert-assigned",
            "alert-escalated",
            "alert-urgency",
            "alert-routed",
            "alert-rings",
            "alert-resolved",
        ] {
            assert!(counts.get(kind).is_some_and(|count| *count > 50), "too few {kind}: {counts:?}");
        }
    }
}

struct World {
    dice: Dice,
    directory: Directory,
    /// What the database holds.
    alert: Alert,
    /// Notifications that wait, and the keys of all there ever were.
    waiting: Vec<Planned>,
    keys: BTreeSet<String>,
    kept: Vec<(Timestamp, Fact, String)>,
    /// Contacts that can't be reached now.
    dead: BTreeSet<String>,
    model: Model,
    /// Configuration is edited while it runs: only what must hold whatever happens is checked.
    wild: bool,
    now: Timestamp,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(IdSource::new(seed));
        let directory = installation(&mut dice);
        let mut alert = alert();
        alert.id = AlertId(dice.0.uuid(start()));
        alert.priority = *dice.pick(&Priority::ALL);
        alert.customer = dice.percent(50).then(|| CustomerId::from("acme"));
        alert.policy = Some("any".into());
        if dice.percent(25) {
            alert.source = None;
            alert.policy = None;
            alert.number = Some("hotline".into());
            alert.call = Some(CallId(dice.0.uuid(start())));
            alert.call_running = true;
        }
        let model = Model::new(&alert, &directory);
        let wild = dice.percent(15);
        Self {
            dice,
            directory,
            alert,
            waiting: Vec::new(),
            keys: BTreeSet::new(),
            kept: Vec::new(),
            dead: BTreeSet::new(),
            model,
            wild,
            now: start(),
        }
    }

    fn run(mut self) -> BTreeMap<&'static str, u64> {
        self.alert.urgency = if self.alert.source.is_none() { Urgency::High } else { self.loud() };
        self.model.urgency = self.alert.urgency;
        let minutes = 60 * 24 * (1 + self.dice.below(14));
        let mut minute = 0;
        while minute < minutes && !(self.alert.status == Status::Resolved && self.dice.one_in(50)) {
            minute += 1;
            self.now += MINUTE;
            self.something_happens();
            if self.dice.one_in(1_000) {
                minute += self.stand_still();
            }
            self.nodes_look();
            let said = self.model.minute(self.now, &self.directory, &self.dead);
            self.compare(&said);
            self.deliver();
            self.must_hold();
        }
        let mut kinds = BTreeMap::new();
        for (_, fact, why) in &self.kept {
            assert!(!why.is_empty() || fact.kind() == "alert-commented", "without a why: {fact:?}");
            *kinds.entry(fact.kind()).or_insert(0) += 1;
        }
        kinds
    }

    fn loud(&self) -> Urgency {
        self.model.loud(self.now, &self.directory)
    }

    /// Both nodes are down, or the database is; in the second case people are rung all the same.
    fn stand_still(&mut self) -> u64 {
        let minutes = 1 + self.dice.below(180);
        let by_board = self.dice.percent(50) && self.alert.source.is_none() && !self.alert.call_running;
        let mut rung = None;
        for _ in 0..minutes {
            self.now += MINUTE;
            if by_board && self.alert.is_wanted() && self.dice.one_in(5) {
                rung = Some(later(self.now, minutes_of(5)));
            }
        }
        if let Some(next_at) = rung {
            self.journal(Fact::AlertRings { round: 1, next_at });
            self.model.rung(next_at);
        }
        minutes
    }

    fn something_happens(&mut self) {
        if self.alert.call_running && self.dice.one_in(7) {
            self.journal(Fact::CallEnded { outcome: Outcome::Voicemail });
            self.model.call_running = false;
        }
        for _ in 0..2 {
            let rate = if self.alert.status == Status::Triggered { 40 } else { 400 };
            if self.dice.one_in(rate) {
                self.somebody_speaks();
            }
        }
        if self.dice.one_in(60) {
            // A comment, an event that joined, a fact of a call: a look that nothing asked for.
            self.alert.progress.look = Some(self.now);
        }
        if self.dice.one_in(200) {
            let contact = format!("{}@{}", self.dice.pick(&PEOPLE), self.dice.pick(&["call", "mail"]));
            if !self.dead.remove(&contact) {
                self.dead.insert(contact);
            }
        }
        if self.wild && self.dice.one_in(300) {
            self.edit();
        }
    }

    fn somebody_speaks(&mut self) {
        let who = (*self.dice.pick(&PEOPLE)).to_owned();
        let by = Actor::Person(who.as_str().into());
        let command = match self.dice.below(40) {
            0..=9 => Command::Acknowledge,
            10 if self.dice.one_in(4) => Command::Resolve,
            10..=14 => Command::HandBack,
            15..=19 => Command::Escalate,
            20..=24 => Command::Assign((*self.dice.pick(&PEOPLE)).into()),
            25..=28 => Command::Snooze(self.now + MINUTE * i32::try_from(1 + self.dice.below(600)).unwrap()),
            29..=31 => Command::Describe { priority: Some(*self.dice.pick(&Priority::ALL)), title: None },
            32 => Command::Comment(Private::from("looking")),
            // On the telephone: the journal brings it, nobody asked the core.
            33..=36 => {
                if self.alert.status != Status::Resolved {
                    self.journal(Fact::AlertAcknowledged { by });
                    self.model.taken(self.now);
                }
                return;
            }
            _ => return,
        };
        // Twice as often as not: double clicks, retries of a client.
        for _ in 0..=self.dice.below(2) {
            let Ok(facts) = carry_out(&self.alert, &command, &by, &self.directory, self.now) else { continue };
            let said = self.settle(&facts);
            self.commit(said.alert, said.facts, said.notify, said.cancel);
            self.model.command(&command, &who, self.now, &self.directory, &self.dead);
        }
    }

    fn settle(&self, facts: &[(Fact, String)]) -> Settled {
        let reach = |contact: &Contact| is_alive(&self.dead, contact);
        settle(&self.alert, facts.to_vec(), &self.directory, &reach, self.now)
    }

    fn journal(&mut self, fact: Fact) {
        self.alert.apply(&fact, self.now);
        self.alert.progress.look = Some(self.now);
        self.kept.push((self.now, fact, BY_JOURNAL.to_owned()));
    }

    fn commit(&mut self, alert: Alert, facts: Vec<(Fact, String)>, notify: Vec<Planned>, cancel: bool) {
        self.alert = alert;
        self.kept.extend(facts.into_iter().map(|(fact, why)| (self.now, fact, why)));
        if cancel {
            self.waiting.clear();
        }
        for planned in notify {
            assert!(self.keys.insert(planned.key.clone()), "planned twice: {}", planned.key);
            self.waiting.push(planned);
        }
    }

    /// Nodes look while something is due; each look is one transaction, and some die over it.
    fn nodes_look(&mut self) {
        let mut looks = 0;
        while self.alert.progress.look.is_some_and(|look| look <= self.now) {
            looks += 1;
            assert!(looks < 50, "looked at without end: {:?}", self.alert.progress);
            let said = self.ask();
            if self.dice.percent(20) {
                // The other node sees the same row: it would do the same deed by the same key.
                let other = self.ask();
                assert_eq!((&said.facts, &said.notify, said.progress), (&other.facts, &other.notify, other.progress));
            }
            if self.dice.percent(15) {
                // Died before the commit: nothing was kept, the other node takes over.
                continue;
            }
            let stepped = said.facts.iter().any(|(fact, _)| matches!(fact, Fact::Alert(Change::Stepped { .. })));
            assert_eq!(stepped, !said.notify.is_empty(), "a step tells somebody, and nothing else does: {said:?}");
            let mut alert = self.alert.clone();
            for (fact, _) in &said.facts {
                alert.apply(fact, self.now);
            }
            alert.progress = said.progress;
            self.commit(alert, said.facts, said.notify, false);
            if self.dice.percent(20) {
                // Whoever waited for the row's lock decides anew, about the row as it is now.
                let late = self.ask();
                assert!(late.facts.is_empty() && late.notify.is_empty(), "done twice: {late:?}");
            }
        }
    }

    fn ask(&self) -> crate::escalation::Advance {
        let reach = |contact: &Contact| is_alive(&self.dead, contact);
        advance(&self.alert, &self.directory, &reach, AGAIN, self.now)
    }

    /// What the nodes kept this minute is what the model says.
    fn compare(&self, said: &[String]) {
        if self.wild {
            return;
        }
        let kept: Vec<String> = self
            .kept
            .iter()
            .rev()
            .take_while(|(at, ..)| *at == self.now)
            .filter_map(|(_, fact, why)| told(fact, why))
            .collect();
        let kept: Vec<String> = kept.into_iter().rev().collect();
        assert_eq!(
            kept,
            said,
            "\nat {} {:?}\nmodel {:?}\nbefore: {:#?}",
            self.now,
            self.alert,
            self.model,
            self.kept
                .iter()
                .rev()
                .take(12)
                .map(|(at, fact, why)| format!("{at} {} {why}", fact.kind()))
                .collect::<Vec<_>>()
        );
    }

    /// Sends what is due and still wanted.
    fn deliver(&mut self) {
        let (wanted, now) = (self.alert.is_wanted(), self.now);
        assert!(
            wanted || self.waiting.is_empty() || self.kept.iter().any(|(_, _, why)| why == BY_JOURNAL),
            "what is not needed any more still waits"
        );
        self.waiting.retain(|planned| wanted && planned.due > now);
    }

    /// Whatever happened: nobody is told about what somebody has, and what nobody has is never forgotten.
    fn must_hold(&self) {
        let alert = &self.alert;
        if !self.wild {
            assert_eq!(alert.status, self.model.status(), "at {}", self.now);
        }
        if !alert.is_wanted() {
            assert!(
                !self.kept.iter().rev().take_while(|(at, ..)| *at == self.now).any(|(_, fact, _)| {
                    matches!(fact, Fact::Alert(Change::Stepped { .. })) && alert.status == Status::Resolved
                }),
                "told after it was over"
            );
        } else if alert.urgency == Urgency::High {
            let latest = if alert.call_running { minutes_of(31) } else { minutes_of(41) };
            let look = alert.progress.look.expect("a loud alert that nobody has is looked at again");
            assert!(look <= later(self.now, latest), "forgotten until {look} at {}", self.now);
        }
    }

    fn edit(&mut self) {
        let policy = self.directory.policies.get_mut(&"any".into());
        match (self.dice.below(6), policy) {
            (0, Some(policy)) => {
                policy.steps.pop();
            }
            (1, Some(policy)) => policy.steps.push(any_step(&mut self.dice)),
            (2, Some(_)) => {
                self.directory.policies.remove(&"any".into());
            }
            (2, None) => {
                let steps = vec![any_step(&mut self.dice)];
                self.directory.policies.insert("any".into(), policy_of(steps, 1));
            }
            (3, _) => {
                self.directory.users.remove(&(*self.dice.pick(&PEOPLE)).into());
            }
            (4, _) => {
                let id = *self.dice.pick(&PEOPLE);
                self.directory.users.insert(id.into(), person(id));
            }
            (_, _) => self.alert.progress.look = Some(self.now),
        }
    }
}

/// What the model tells of, in its words.
fn told(fact: &Fact, why: &str) -> Option<String> {
    let Fact::Alert(change) = fact else { return None };
    match change {
        Change::Stepped { round, step, .. } => Some(format!("step {round}.{step}")),
        // Said at once where somebody is given the alert who can't be told: that is no step.
        Change::NobodyReached { step } => (!why.starts_with("given by hand")).then(|| format!("nobody {step}")),
        Change::Exhausted => Some("exhausted".to_owned()),
        Change::Unacknowledged { by: Actor::System } => Some("unacknowledged".to_owned()),
        Change::Received { .. }
        | Change::Joined { .. }
        | Change::Recovered { .. }
        | Change::CallJoined { .. }
        | Change::Routed { .. }
        | Change::Urgency { .. }
        | Change::Snoozed { .. }
        | Change::Woke
        | Change::Assigned { .. }
        | Change::Unacknowledged { .. }
        | Change::EscalateNow { .. }
        | Change::Merged { .. }
        | Change::Took { .. }
        | Change::Commented { .. }
        | Change::Notified { .. }
        | Change::Action { .. }
        | Change::Began(_)
        | Change::WaitsForCustomer { .. }
        | Change::CustomerAnswered { .. }
        | Change::Promised { .. } => None,
    }
}

pub fn minutes_of(count: u64) -> Duration {
    Duration::from_mins(count)
}

pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap()
}

/// `ada@call`: the address says whose and which.
pub fn is_alive(dead: &BTreeSet<String>, contact: &Contact) -> bool {
    let name = match &contact.address {
        Address::Call(crate::directory::Destination::Sip(uri)) => {
            format!("{}@call", uri.trim_start_matches("sip:").split('@').next().unwrap())
        }
        Address::Email(mail) => format!("{}@mail", mail.reveal().split('@').next().unwrap()),
        Address::Call(_)
        | Address::Sms(_)
        | Address::Ntfy(_)
        | Address::Telegram(_)
        | Address::Slack(_)
        | Address::Teams(_)
        | Address::Webhook(_) => format!("room@{}", contact.address.kind()),
    };
    !dead.contains(&name)
}

fn policy_of(steps: Vec<Step>, repeat: u32) -> crate::escalation::EscalationPolicy {
    policy("any", steps, repeat)
}

fn any_step(dice: &mut Dice) -> Step {
    let targets = (0..dice.below(3))
        .map(|_| match dice.below(6) {
            0 | 1 => user(dice.pick::<&str>(&PEOPLE)),
            2 => Target::Schedule("turns".into()),
            3 => Target::Team("ops".into()),
            4 => Target::Channel("room".into()),
            _ => Target::Schedule("empty".into()),
        })
        .collect();
    let mut made = step(targets, minutes_of(1 + dice.below(30)));
    match dice.below(6) {
        0 => made.urgency = Some(Urgency::High),
        1 => made.urgency = Some(Urgency::Low),
        2 => made.priorities = vec![Priority::P1, Priority::P3],
        _ => {}
    }
    made
}

fn installation(dice: &mut Dice) -> Directory {
    let mut directory = Directory::default();
    for id in PEOPLE {
        let mut one = person(id);
        if dice.percent(20) {
            let from = start() + MINUTE * i32::try_from(dice.below(10_000)).unwrap();
            let to = from + MINUTE * i32::try_from(dice.below(10_000)).unwrap();
            one.absences = vec![Absence { from, to, reason: "away".to_owned() }];
        }
        directory.users.insert(id.into(), one);
    }
    for one in [schedule("turns", &PEOPLE[..3]), schedule("empty", &[])] {
        directory.schedules.insert(one.id.clone(), one);
    }
    let team = Team { id: "ops".into(), name: "Ops".to_owned(), members: vec!["ben".into(), "dua".into()] };
    directory.teams.insert("ops".into(), team);
    let address = Address::Slack(Private::from("C1"));
    directory.channels.insert("room".into(), Channel { id: "room".into(), name: "Room".to_owned(), address });
    let steps = (0..dice.below(5)).map(|_| any_step(dice)).collect();
    let mut any = policy_of(steps, u32::try_from(dice.below(4)).unwrap());
    any.unacknowledge_after = dice.percent(50).then(|| minutes_of(10 + dice.below(600)));
    directory.policies.insert("any".into(), any);
    let hotline = Number { id: "hotline".into(), schedule: Some("turns".into()), ..Number::default() };
    directory.numbers.insert("hotline".into(), hotline);
    let hours = HoursWindow {
        days: vec![jiff::civil::Weekday::Tuesday, jiff::civil::Weekday::Wednesday, jiff::civil::Weekday::Friday],
        from: jiff::civil::time(8, 0, 0, 0),
        to: jiff::civil::time(17, 0, 0, 0),
    };
    directory.calendars.insert(
        "office".into(),
        Calendar {
            id: "office".into(),
            name: "Office".to_owned(),
            time_zone: TimeZone::UTC,
            windows: vec![hours],
            holidays: Vec::new(),
        },
    );
    let acme = Customer { id: "acme".into(), support: Some("office".into()), ..Customer::default() };
    directory.customers.insert("acme".into(), acme);
    if dice.percent(30) {
        let from = start() + MINUTE * i32::try_from(dice.below(5_000)).unwrap();
        directory.maintenance.push(MaintenanceWindow {
            id: "move".to_owned(),
            name: "Move".to_owned(),
            from,
            to: from + MINUTE * i32::try_from(1 + dice.below(2_000)).unwrap(),
            customers: vec!["acme".into()],
            services: Vec::new(),
        });
    }
    directory
}
