//! Walks people: calls one phone after the other until somebody accepts by key.
//! Used by the connect node and by alert rings.
//!
//! Answering is not accepting: until the first 1 a phone hears nothing about the
//! customer, for it may be a mailbox.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::directory::{Destination, Language};
use crate::fact::{Fact, LegCause};
use crate::ids::{LegId, UserId};
use crate::now::Now;

use super::command::DialId;
use super::flow::ConnectTarget;
use super::frame::{Callee, Frame, News, spell};
use super::prompt::{Prompt, PromptId, say};
use super::timer::Timer;

/// How often the knock is repeated; after that silence until the wait is over.
const KNOCKS: u32 = 5;
/// A round in which somebody was busy lasts at least so long: they may be free in a moment.
const BUSY_ROUND: Duration = Duration::from_secs(25);
/// Between two knocks.
const KNOCK_PAUSE: Duration = Duration::from_secs(2);
/// Before the choice is said a second time.
const CHOICE_PAUSE: Duration = Duration::from_secs(4);

/// What accepting means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Being joined with the caller.
    Join,
    /// Having the alert.
    Acknowledge,
}

/// How to walk.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) target: ConnectTarget,
    pub(crate) goal: Goal,
    pub(crate) ring: Duration,
    pub(crate) rounds: u32,
    /// False: answering is enough (a fixed SIP address only).
    pub(crate) confirm: bool,
    pub(crate) accept_wait: Duration,
}

/// Somebody to call.
#[derive(Debug)]
struct Candidate {
    name: String,
    person: Option<UserId>,
    phones: Vec<Destination>,
    language: Language,
    why: String,
}

impl Candidate {
    fn name(&self) -> String {
        self.person.as_ref().map_or_else(|| "the fixed address".to_owned(), |_| self.name.clone())
    }
}

/// The walk.
#[derive(Debug)]
pub(crate) struct Hunt {
    rules: Rules,
    /// Counts from 1.
    round: u32,
    /// When this round began, and how many phones had been busy by then.
    began: Option<(Instant, u32)>,
    people: Vec<Candidate>,
    /// The person, and the phone of that person, that is called or comes next.
    place: usize,
    phone: usize,
    /// They are not called again on this call.
    declined: BTreeSet<UserId>,
    /// Nobody else is called any more.
    closed: bool,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Who is on call is asked.
    Finding { dial: DialId },
    /// A phone is called.
    Ringing { leg: LegId },
    /// It was answered; a 1 is awaited.
    Knocking { leg: LegId, knocks: u32 },
    /// A person pressed 1 and hears what it is about; 1 or 2 is awaited.
    Briefing { leg: LegId },
    /// Somebody was busy: a moment until the next round.
    Pausing,
    /// Somebody accepted, or it is over.
    Done,
}

/// What came of a step of the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Goes on.
    Stay,
    /// Accepted (by key; or answered, where that is enough).
    Accepted { leg: LegId, person: Option<UserId>, why: String },
    /// The list is through.
    Nobody { why: String },
}

impl Hunt {
    /// Begins the first round.
    pub(crate) fn begin(rules: Rules, frame: &mut Frame, now: Now) -> (Self, Reply) {
        let mut hunt = Self {
            rules,
            round: 0,
            began: None,
            people: Vec::new(),
            place: 0,
            phone: 0,
            declined: BTreeSet::new(),
            closed: false,
            stage: Stage::Done,
        };
        let reply = hunt.next_round("", frame, now);
        (hunt, reply)
    }

    pub(crate) fn on(&mut self, news: News, frame: &mut Frame, now: Now) -> Reply {
        match news {
            News::Found(dial, on_call) if self.stage == (Stage::Finding { dial }) => {
                let people = on_call.people.into_iter().map(|person| Candidate {
                    name: frame.directory.name_of(&person.user).to_owned(),
                    person: Some(person.user),
                    phones: person.phones,
                    language: person.language,
                    why: person.why,
                });
                self.found(people.collect(), &on_call.why, frame, now)
            }
            News::Callee(leg, callee) if self.leg() == Some(leg) => self.callee(leg, callee, frame, now),
            News::Timer(Timer::Ring) if self.stage == Stage::Pausing => {
                self.start_round("whoever was busy may be free now", frame, now)
            }
            News::Timer(Timer::Ring) => self.unanswered(frame, now),
            News::Timer(Timer::Accept) => self.undecided(frame, now),
            News::Timer(
                Timer::Budget | Timer::NoInput | Timer::InterDigit | Timer::Comfort | Timer::Connect | Timer::Stuck,
            )
            | News::Found(..)
            | News::Callee(..)
            | News::Digit(_)
            | News::Played
            | News::Recorded(_)
            | News::AlertTaken => Reply::Stay,
        }
    }

    /// A person has pressed 1 and listens.
    pub(crate) const fn is_briefing(&self) -> bool {
        matches!(self.stage, Stage::Briefing { .. })
    }

    /// Time is over: only the person who listens now may still accept.
    pub(crate) const fn close(&mut self) {
        self.closed = true;
    }

    /// Whom we call or talk to.
    pub(crate) fn person(&self) -> Option<&UserId> {
        self.leg().and_then(|_| self.people.get(self.place)).and_then(|candidate| candidate.person.as_ref())
    }

    /// Whoever accepted is gone again: the walk goes on with the next.
    pub(crate) fn resume(&mut self, why: &str, frame: &mut Frame, now: Now) -> Reply {
        self.next_person(why, frame, now)
    }

    /// Stops the walk. A person who listens is told that the caller is gone; a phone that was only
    /// answered hears nothing more.
    pub(crate) fn stop(&mut self, kindly: bool, why: &str, frame: &mut Frame, now: Now) {
        quiet(frame);
        if let Some(leg) = self.leg() {
            if kindly && self.is_briefing() {
                let words = vec![Prompt::Say(say::ENGINEER_CALLER_GONE)];
                frame.farewell(leg, words, LegCause::Released, why, now);
            } else {
                frame.hang_up(leg, LegCause::Released, why, now);
            }
        }
        self.stage = Stage::Done;
    }

    const fn leg(&self) -> Option<LegId> {
        match self.stage {
            Stage::Ringing { leg } | Stage::Knocking { leg, .. } | Stage::Briefing { leg } => Some(leg),
            Stage::Finding { .. } | Stage::Pausing | Stage::Done => None,
        }
    }

    // The walk.

    fn next_round(&mut self, why: &str, frame: &mut Frame, now: Now) -> Reply {
        if self.round >= self.rules.rounds {
            self.stage = Stage::Done;
            let rounds = if self.round == 1 { "one round".to_owned() } else { format!("{} rounds", self.round) };
            return Reply::Nobody { why: format!("nobody accepted in {rounds}; {why}") };
        }
        if let Some(pause) = self.pause(frame, now) {
            frame.note("waits before the next round", &format!("somebody is busy; {why}"), now);
            frame.wake(Timer::Ring, pause, now);
            self.stage = Stage::Pausing;
            return Reply::Stay;
        }
        self.start_round(why, frame, now)
    }

    /// What is left of a round in which somebody was busy.
    fn pause(&self, frame: &Frame, now: Now) -> Option<Duration> {
        let (began, _) = self.began.filter(|(_, busy)| self.rules.goal == Goal::Join && frame.busy_phones > *busy)?;
        BUSY_ROUND.checked_sub(now.mono.saturating_duration_since(began)).filter(|left| !left.is_zero())
    }

    fn start_round(&mut self, why: &str, frame: &mut Frame, now: Now) -> Reply {
        self.began = Some((now.mono, frame.busy_phones));
        self.round += 1;
        self.place = 0;
        self.phone = 0;
        match self.rules.target.clone() {
            ConnectTarget::Schedule(schedule) => {
                frame.note(&format!("round {}, asks who is on call", self.round), &format!("schedule {schedule}"), now);
                self.stage = Stage::Finding { dial: frame.find(&schedule, now) };
                Reply::Stay
            }
            ConnectTarget::Fixed(destination) => {
                self.people = vec![fixed(destination, frame)];
                self.call(why, frame, now)
            }
        }
    }

    fn found(&mut self, people: Vec<Candidate>, why: &str, frame: &mut Frame, now: Now) -> Reply {
        let names: Vec<String> = people.iter().map(Candidate::name).collect();
        let order = if names.is_empty() { String::new() } else { format!(": {}", names.join(", then ")) };
        frame.note(&format!("{} to call{order}", count(people.len())), why, now);
        // A later round without an answer walks the list of the round before.
        if !people.is_empty() {
            self.people = people;
        }
        if self.people.is_empty() {
            self.stage = Stage::Done;
            return Reply::Nobody { why: why.to_owned() };
        }
        self.call("nobody is left to call", frame, now)
    }

    /// Calls the current phone, or the next one that can be called. `why`: how it came to that.
    fn call(&mut self, why: &str, frame: &mut Frame, now: Now) -> Reply {
        if self.closed {
            self.stage = Stage::Done;
            return Reply::Nobody { why: format!("nobody else is called; {why}") };
        }
        while let Some(candidate) = self.people.get(self.place) {
            if candidate.person.as_ref().is_some_and(|person| self.declined.contains(person)) {
                if self.phone == 0 {
                    frame.note(&format!("{} is not called again", candidate.name()), "declined before", now);
                }
            } else if let Some(phone) = candidate.phones.get(self.phone) {
                let why = format!("round {}: {}", self.round, candidate.why);
                let leg = frame.dial(phone, candidate.person.as_ref(), &candidate.language, &why, now);
                frame.wake(Timer::Ring, self.rules.ring, now);
                self.stage = Stage::Ringing { leg };
                return Reply::Stay;
            } else if candidate.phones.is_empty() {
                frame.note(&format!("{} is skipped", candidate.name()), "has no phone", now);
            }
            self.place += 1;
            self.phone = 0;
        }
        if self.people.iter().all(|who| who.person.as_ref().is_some_and(|person| self.declined.contains(person))) {
            self.stage = Stage::Done;
            return Reply::Nobody { why: "everybody declined".to_owned() };
        }
        self.next_round(why, frame, now)
    }

    fn next_phone(&mut self, why: &str, frame: &mut Frame, now: Now) -> Reply {
        quiet(frame);
        self.phone += 1;
        self.call(why, frame, now)
    }

    fn next_person(&mut self, why: &str, frame: &mut Frame, now: Now) -> Reply {
        quiet(frame);
        self.place += 1;
        self.phone = 0;
        self.call(why, frame, now)
    }

    // One phone.

    fn callee(&mut self, leg: LegId, callee: Callee, frame: &mut Frame, now: Now) -> Reply {
        match (self.stage, callee) {
            (Stage::Ringing { .. }, Callee::Answered) => self.answered(leg, frame, now),
            (Stage::Knocking { .. }, Callee::Digit('1')) => {
                self.brief(leg, frame, now);
                Reply::Stay
            }
            (Stage::Knocking { knocks, .. }, Callee::Played) if knocks < KNOCKS => {
                self.knock(leg, knocks + 1, frame, now);
                Reply::Stay
            }
            (Stage::Briefing { .. }, Callee::Digit('1')) => self.accepted(leg, frame, now),
            (Stage::Knocking { .. } | Stage::Briefing { .. }, Callee::Digit('2')) => self.decline(leg, frame, now),
            (Stage::Briefing { .. }, Callee::Played) => {
                frame.wake(Timer::Accept, self.rules.accept_wait, now);
                Reply::Stay
            }
            (Stage::Ringing { .. } | Stage::Knocking { .. } | Stage::Briefing { .. }, Callee::Ended(how)) => {
                let why = format!("{} {how}", self.name());
                self.next_phone(&why, frame, now)
            }
            (
                Stage::Finding { .. }
                | Stage::Pausing
                | Stage::Ringing { .. }
                | Stage::Knocking { .. }
                | Stage::Briefing { .. }
                | Stage::Done,
                Callee::Ringing | Callee::Answered | Callee::Digit(_) | Callee::Played | Callee::Ended(_),
            ) => Reply::Stay,
        }
    }

    fn name(&self) -> String {
        self.people.get(self.place).map_or_else(|| "nobody".to_owned(), Candidate::name)
    }

    fn answered(&mut self, leg: LegId, frame: &mut Frame, now: Now) -> Reply {
        frame.sleep(Timer::Ring);
        if !self.rules.confirm {
            self.stage = Stage::Done;
            let person = self.people.get(self.place).and_then(|candidate| candidate.person.clone());
            return Reply::Accepted { leg, person, why: "this address is joined when it answers".to_owned() };
        }
        frame.wake(Timer::Accept, self.rules.accept_wait, now);
        self.knock(leg, 1, frame, now);
        Reply::Stay
    }

    fn knock(&mut self, leg: LegId, knocks: u32, frame: &mut Frame, now: Now) {
        let words = match self.rules.goal {
            Goal::Join => say::ENGINEER_KNOCK,
            Goal::Acknowledge => say::ALERT_KNOCK,
        };
        frame.play(leg, vec![Prompt::Say(words), Prompt::Silence(KNOCK_PAUSE)], now);
        self.stage = Stage::Knocking { leg, knocks };
    }

    fn brief(&mut self, leg: LegId, frame: &mut Frame, now: Now) {
        // From here the play's own guard bounds the wait, then the same wait again for the choice.
        frame.sleep(Timer::Accept);
        frame.note(&format!("{} listens", self.name()), "pressed 1: a person", now);
        let prompts = briefing(self.rules.goal, frame);
        frame.play(leg, prompts, now);
        self.stage = Stage::Briefing { leg };
    }

    fn accepted(&mut self, leg: LegId, frame: &mut Frame, now: Now) -> Reply {
        quiet(frame);
        frame.stop_play(leg);
        self.stage = Stage::Done;
        let person = self.people.get(self.place).and_then(|candidate| candidate.person.clone());
        let why = "pressed 1 after hearing who calls";
        frame.keep(Fact::LegAccepted { leg, person: person.clone() }, why, now);
        let why = match &person {
            Some(_) => format!("{} accepted by key on the phone", self.name()),
            None => "accepted by key at a fixed address".to_owned(),
        };
        // A caller's alert is theirs once the two are joined: who is gone before that has nothing.
        if self.rules.goal == Goal::Acknowledge {
            frame.acknowledge(person.clone(), &why, now);
        }
        Reply::Accepted { leg, person, why }
    }

    fn decline(&mut self, leg: LegId, frame: &mut Frame, now: Now) -> Reply {
        let person = self.people.get(self.place).and_then(|candidate| candidate.person.clone());
        frame.keep(Fact::LegDeclined { leg, person: person.clone() }, "pressed 2", now);
        match person {
            Some(person) => {
                self.declined.insert(person);
            }
            // The one fixed place has declined: there is nobody else to ask.
            None => self.closed = true,
        }
        let words = vec![Prompt::Say(say::ENGINEER_DECLINED)];
        frame.farewell(leg, words, LegCause::Released, "declined by key", now);
        let why = format!("{} declined", self.name());
        self.next_person(&why, frame, now)
    }

    fn unanswered(&mut self, frame: &mut Frame, now: Now) -> Reply {
        let Stage::Ringing { leg } = self.stage else { return Reply::Stay };
        let why = format!("rang {} without an answer", spell(self.rules.ring));
        frame.hang_up(leg, LegCause::NoAnswer, &why, now);
        let why = format!("{} did not answer", self.name());
        self.next_phone(&why, frame, now)
    }

    fn undecided(&mut self, frame: &mut Frame, now: Now) -> Reply {
        match self.stage {
            Stage::Knocking { leg, .. } => {
                let why = "answered but nobody pressed 1 (a mailbox?)";
                frame.hang_up(leg, LegCause::Released, why, now);
                self.next_phone(&format!("{} {why}", self.name()), frame, now)
            }
            Stage::Briefing { leg } => {
                let why = "listened but pressed neither 1 nor 2";
                frame.hang_up(leg, LegCause::Released, why, now);
                self.next_person(&format!("{} {why}", self.name()), frame, now)
            }
            Stage::Finding { .. } | Stage::Ringing { .. } | Stage::Pausing | Stage::Done => Reply::Stay,
        }
    }
}

fn quiet(frame: &mut Frame) {
    frame.sleep(Timer::Ring);
    frame.sleep(Timer::Accept);
}

fn count(people: usize) -> String {
    match people {
        0 => "nobody".to_owned(),
        1 => "one person".to_owned(),
        more => format!("{more} people"),
    }
}

/// A fixed place, and whose it is where the directory knows.
fn fixed(destination: Destination, frame: &Frame) -> Candidate {
    let owner = match &destination {
        Destination::Phone(phone) => frame.directory.phones.get(phone).and_then(|phone| phone.user.clone()),
        Destination::Number { .. } | Destination::Sip(_) => {
            frame.directory.users.values().find(|user| user.phones.contains(&destination)).map(|user| user.id.clone())
        }
    };
    let language = owner
        .as_ref()
        .and_then(|user| frame.directory.users.get(user))
        .map_or_else(|| frame.language.clone(), |user| user.language.clone());
    Candidate {
        name: owner.as_ref().map(|user| frame.directory.name_of(user).to_owned()).unwrap_or_default(),
        person: owner,
        phones: vec![destination],
        language,
        why: "named by the flow".to_owned(),
    }
}

/// What a person hears after the first 1.
fn briefing(goal: Goal, frame: &Frame) -> Vec<Prompt> {
    let mut prompts = Vec::new();
    if goal == Goal::Acknowledge {
        prompts.extend([Prompt::Say(say::ALERT_OPEN), Prompt::Digits(frame.reference.clone().into())]);
    }
    match (frame.customer(), &frame.caller) {
        (Some(customer), _) => {
            prompts.extend([Prompt::Say(say::ENGINEER_CALL_FROM), Prompt::Name(customer.name.clone().into())]);
        }
        (None, Some(caller)) => {
            prompts.extend([Prompt::Say(say::ENGINEER_UNKNOWN_CALLER), Prompt::Digits(caller.clone())]);
        }
        (None, None) => prompts.push(Prompt::Say(say::ENGINEER_UNKNOWN_CALLER)),
    }
    let said = frame.said();
    if said.is_empty() {
        prompts.push(Prompt::Say(say::ENGINEER_NOTHING_SAID));
    } else {
        prompts.push(Prompt::Say(say::ENGINEER_CALLER_SAID));
        prompts.extend(said.into_iter().map(Prompt::Recording));
    }
    let choice = choice(goal);
    prompts.extend([Prompt::Say(choice.clone()), Prompt::Silence(CHOICE_PAUSE), Prompt::Say(choice)]);
    prompts
}

const fn choice(goal: Goal) -> PromptId {
    match goal {
        Goal::Join => say::ENGINEER_JOIN,
        Goal::Acknowledge => say::ALERT_ACKNOWLEDGE,
    }
}
