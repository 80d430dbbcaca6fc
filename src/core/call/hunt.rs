//! Walks people: calls one phone after the other (of several who are on duty at once: all
//! of theirs) until somebody accepts by key. Used by the connect node and by alert rings.
//!
//! Answering is not accepting: until the first 1 a phone hears nothing about the
//! customer, for it may be a mailbox.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::fact::{Fact, LegCause};
use crate::ids::{LegId, UserId};
use crate::now::Now;

use super::command::DialId;
use super::flow::ConnectTarget;
use super::frame::{Callee, Frame, News, Told, spell};
use super::people::{self, Callees};
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

/// One phone that is called, or was answered.
#[derive(Debug)]
struct Attempt {
    /// Whose, by place in the list.
    place: usize,
    /// Which of that person's phones.
    phone: usize,
    leg: LegId,
    at: At,
    /// When its patience is over; `None`: something plays that has its own end.
    until: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// It is called.
    Ringing,
    /// It was answered; a 1 is awaited.
    Knocking { knocks: u32 },
    /// A person pressed 1 and hears what it is about; 1 or 2 is awaited.
    Briefing,
}

/// The walk.
#[derive(Debug)]
pub(crate) struct Hunt {
    rules: Rules,
    /// Counts from 1.
    round: u32,
    /// Rounds in all: more than the rules say where the walk began anew.
    rounds: u32,
    /// When this round began, and how many phones had been busy by then.
    began: Option<(Instant, u32)>,
    people: Vec<people::Callee>,
    /// The group of each of them: a group is called at once.
    groups: Vec<usize>,
    /// Who comes next.
    next: usize,
    /// Who is called now.
    attempts: Vec<Attempt>,
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
    /// Phones are called.
    Calling,
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
            round: 0,
            rounds: rules.rounds,
            rules,
            began: None,
            people: Vec::new(),
            groups: Vec::new(),
            next: 0,
            attempts: Vec::new(),
            declined: BTreeSet::new(),
            closed: false,
            stage: Stage::Done,
        };
        let reply = hunt.next_round("", frame, now);
        (hunt, reply)
    }

    pub(crate) fn on(&mut self, news: News, frame: &mut Frame, now: Now) -> Reply {
        match news {
            News::Found(dial, callees) if self.stage == (Stage::Finding { dial }) => self.found(callees, frame, now),
            News::Callee(leg, callee) => match self.attempts.iter().position(|attempt| attempt.leg == leg) {
                Some(place) => self.callee(place, callee, frame, now),
                None => Reply::Stay,
            },
            News::Timer(Timer::Ring) if self.stage == Stage::Pausing => {
                self.start_round("whoever was busy may be free now", frame, now)
            }
            News::Timer(Timer::Ring | Timer::Accept) => self.impatient(frame, now),
            News::Told(Told::MakeWay(leg)) => self.make_way(leg, frame, now),
            News::Timer(
                Timer::Budget | Timer::NoInput | Timer::InterDigit | Timer::Comfort | Timer::Connect | Timer::Stuck,
            )
            | News::Found(..)
            | News::Told(_)
            | News::Digit(_)
            | News::Played
            | News::Recorded(_)
            | News::AlertTaken => Reply::Stay,
        }
    }

    /// A person has pressed 1 and listens.
    pub(crate) fn is_briefing(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.at == At::Briefing)
    }

    /// Time is over: only a person who listens now may still accept.
    pub(crate) fn close(&mut self, frame: &mut Frame, now: Now) {
        self.closed = true;
        let others: Vec<LegId> =
            self.attempts.iter().filter(|attempt| attempt.at != At::Briefing).map(|attempt| attempt.leg).collect();
        self.attempts.retain(|attempt| attempt.at == At::Briefing);
        for leg in others {
            frame.hang_up(leg, LegCause::Released, "the time to look for somebody is over", now);
        }
        self.rearm(frame, now);
    }

    /// Whom we call or talk to; of several who are called at once whoever is furthest.
    pub(crate) fn person(&self) -> Option<&UserId> {
        let rank = |attempt: &&Attempt| match attempt.at {
            At::Briefing => 0,
            At::Knocking { .. } => 1,
            At::Ringing => 2,
        };
        let attempt = self.attempts.iter().min_by_key(rank)?;
        self.people.get(attempt.place).and_then(|callee| callee.person.as_ref())
    }

    /// Whoever accepted is gone again: the walk goes on with the next.
    pub(crate) fn resume(&mut self, why: &str, frame: &mut Frame, now: Now) -> Reply {
        self.go_on(why, frame, now)
    }

    /// Whoever has the caller wants somebody else there: the walk goes on behind that person, once around.
    pub(crate) fn go_on_without(&mut self, person: Option<&UserId>, why: &str, frame: &mut Frame, now: Now) -> Reply {
        match person {
            Some(person) => drop(self.declined.insert(person.clone())),
            None => self.closed = true,
        }
        self.rounds = self.round + 1;
        self.go_on(why, frame, now)
    }

    /// Stops the walk. A person who listens is told that the caller is gone; a phone that was only
    /// answered hears nothing more.
    pub(crate) fn stop(&mut self, kindly: bool, why: &str, frame: &mut Frame, now: Now) {
        self.stop_with(kindly.then_some(&say::ENGINEER_CALLER_GONE), why, frame, now);
    }

    /// Stops the walk as somebody else has it.
    pub(crate) fn stop_taken(&mut self, why: &str, frame: &mut Frame, now: Now) {
        self.stop_with(Some(&say::ENGINEER_TAKEN), why, frame, now);
    }

    fn stop_with(&mut self, words: Option<&PromptId>, why: &str, frame: &mut Frame, now: Now) {
        quiet(frame);
        for attempt in std::mem::take(&mut self.attempts) {
            match (words, attempt.at) {
                (Some(words), At::Briefing) => {
                    let words = vec![Prompt::Say(words.clone())];
                    frame.farewell(attempt.leg, words, LegCause::Released, why, now);
                }
                (Some(_), At::Ringing | At::Knocking { .. }) | (None, _) => {
                    frame.hang_up(attempt.leg, LegCause::Released, why, now);
                }
            }
        }
        self.stage = Stage::Done;
    }

    // The walk.

    fn next_round(&mut self, why: &str, frame: &mut Frame, now: Now) -> Reply {
        if self.round >= self.rounds {
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
        self.next = 0;
        match self.rules.target.clone() {
            ConnectTarget::Fixed(destination) => {
                let mut callee = people::fixed(&destination, &frame.directory, "named by the flow");
                if callee.person.is_none() {
                    callee.language = frame.language.clone();
                }
                (self.people, self.groups) = (vec![callee], vec![0]);
                self.call(why, frame, now)
            }
            target @ (ConnectTarget::Schedule(_)
            | ConnectTarget::Policy(_)
            | ConnectTarget::User(_)
            | ConnectTarget::Team(_)) => {
                frame.note(&format!("round {}, asks who is on call", self.round), &target.to_string(), now);
                self.stage = Stage::Finding { dial: frame.find(&target, now) };
                Reply::Stay
            }
        }
    }

    fn found(&mut self, found: Callees, frame: &mut Frame, now: Now) -> Reply {
        let name = |callee: &people::Callee| name(callee, frame);
        let order: Vec<String> =
            found.groups.iter().map(|group| group.iter().map(name).collect::<Vec<_>>().join(" and ")).collect();
        let number = found.groups.iter().map(Vec::len).sum();
        let order = if order.is_empty() { String::new() } else { format!(": {}", order.join(", then ")) };
        frame.note(&format!("{} to call{order}", count(number)), &found.why, now);
        // A later round without an answer walks the list of the round before.
        if number > 0 {
            self.list(found.groups, frame, now);
        }
        if self.people.is_empty() {
            self.stage = Stage::Done;
            return Reply::Nobody { why: found.why };
        }
        self.call("nobody is left to call", frame, now)
    }

    /// Takes the people as they come; whoever has the caller's report already comes first.
    fn list(&mut self, mut groups: Vec<Vec<people::Callee>>, frame: &mut Frame, now: Now) {
        let preferred = frame.prefers.clone().and_then(|user| {
            let of = |callee: &people::Callee| callee.person.as_ref() == Some(&user);
            let group = groups.iter_mut().find(|group| group.iter().any(of))?;
            let place = group.iter().position(of)?;
            Some(group.remove(place))
        });
        if let Some(callee) = preferred {
            frame.note(&format!("{} is called first", name(&callee, frame)), "has the caller's report already", now);
            groups.insert(0, vec![callee]);
        }
        (self.people, self.groups) = (Vec::new(), Vec::new());
        for (place, group) in groups.into_iter().filter(|group| !group.is_empty()).enumerate() {
            self.groups.extend(std::iter::repeat_n(place, group.len()));
            self.people.extend(group);
        }
    }

    /// Calls the next group that can be called. `why`: how it came to that.
    fn call(&mut self, why: &str, frame: &mut Frame, now: Now) -> Reply {
        if self.closed {
            self.stage = Stage::Done;
            return Reply::Nobody { why: format!("nobody else is called; {why}") };
        }
        while let Some(group) = self.groups.get(self.next).copied() {
            while self.groups.get(self.next) == Some(&group) {
                let place = self.next;
                self.next += 1;
                self.dial(place, 0, frame, now);
            }
            if !self.attempts.is_empty() {
                self.stage = Stage::Calling;
                return Reply::Stay;
            }
        }
        if self.people.iter().all(|who| who.person.as_ref().is_some_and(|person| self.declined.contains(person))) {
            self.stage = Stage::Done;
            return Reply::Nobody { why: "everybody declined".to_owned() };
        }
        self.next_round(why, frame, now)
    }

    /// Calls this phone of this person, if there is one and the person may be called.
    fn dial(&mut self, place: usize, phone: usize, frame: &mut Frame, now: Now) {
        let Some(callee) = self.people.get(place) else { return };
        if callee.person.as_ref().is_some_and(|person| self.declined.contains(person)) {
            if phone == 0 {
                frame.note(&format!("{} is not called again", name(callee, frame)), "declined before", now);
            }
        } else if let Some(destination) = callee.phones.get(phone) {
            let why = format!("round {}: {}", self.round, callee.why);
            let leg = frame.dial(destination, callee.person.as_ref(), &callee.language, &why, now);
            let until = Some(now.mono + self.rules.ring);
            self.attempts.push(Attempt { place, phone, leg, at: At::Ringing, until });
            self.rearm(frame, now);
        } else if callee.phones.is_empty() {
            frame.note(&format!("{} is skipped", name(callee, frame)), "has no phone", now);
        }
    }

    /// One phone came to nothing: the person's next one, or the next people.
    fn next_phone(&mut self, place: usize, why: &str, frame: &mut Frame, now: Now) -> Reply {
        let gone = self.attempts.remove(place);
        if !self.closed {
            self.dial(gone.place, gone.phone + 1, frame, now);
        }
        self.go_on_if_alone(why, frame, now)
    }

    /// This person is done with: the next people.
    fn next_person(&mut self, place: usize, why: &str, frame: &mut Frame, now: Now) -> Reply {
        self.attempts.remove(place);
        self.go_on_if_alone(why, frame, now)
    }

    fn go_on_if_alone(&mut self, why: &str, frame: &mut Frame, now: Now) -> Reply {
        if self.attempts.is_empty() {
            return self.go_on(why, frame, now);
        }
        self.rearm(frame, now);
        Reply::Stay
    }

    fn go_on(&mut self, why: &str, frame: &mut Frame, now: Now) -> Reply {
        quiet(frame);
        self.call(why, frame, now)
    }

    // One phone.

    fn callee(&mut self, place: usize, callee: Callee, frame: &mut Frame, now: Now) -> Reply {
        let (leg, at) = (self.attempts[place].leg, self.attempts[place].at);
        match (at, callee) {
            (At::Ringing, Callee::Answered) => self.answered(place, frame, now),
            (At::Knocking { .. }, Callee::Digit('1')) => {
                self.brief(place, frame, now);
                Reply::Stay
            }
            (At::Knocking { knocks }, Callee::Played) if knocks < KNOCKS => {
                self.attempts[place].at = At::Knocking { knocks: knocks + 1 };
                self.knock(leg, frame, now);
                Reply::Stay
            }
            (At::Briefing, Callee::Digit('1')) => self.accepted(place, frame, now),
            (At::Knocking { .. } | At::Briefing, Callee::Digit('2')) => self.decline(place, frame, now),
            (At::Briefing, Callee::Played) => {
                self.attempts[place].until = Some(now.mono + self.rules.accept_wait);
                self.rearm(frame, now);
                Reply::Stay
            }
            (At::Ringing | At::Knocking { .. } | At::Briefing, Callee::Ended(how)) => {
                let why = format!("{} {how}", self.name(place, frame));
                self.next_phone(place, &why, frame, now)
            }
            (
                At::Ringing | At::Knocking { .. } | At::Briefing,
                Callee::Ringing | Callee::Answered | Callee::Digit(_) | Callee::Played,
            ) => Reply::Stay,
        }
    }

    fn name(&self, place: usize, frame: &Frame) -> String {
        let callee = self.attempts.get(place).and_then(|attempt| self.people.get(attempt.place));
        callee.map_or_else(|| "nobody".to_owned(), |callee| name(callee, frame))
    }

    fn person_at(&self, place: usize) -> Option<UserId> {
        self.attempts.get(place).and_then(|attempt| self.people.get(attempt.place)?.person.clone())
    }

    /// Timers for the earliest that is to be given up.
    fn rearm(&self, frame: &mut Frame, now: Now) {
        let earliest = |ringing: bool| {
            let of = self.attempts.iter().filter(|attempt| (attempt.at == At::Ringing) == ringing);
            of.filter_map(|attempt| attempt.until).min()
        };
        for (timer, at) in [(Timer::Ring, earliest(true)), (Timer::Accept, earliest(false))] {
            match at {
                Some(at) => frame.wake(timer, at.saturating_duration_since(now.mono), now),
                None => frame.sleep(timer),
            }
        }
    }

    fn answered(&mut self, place: usize, frame: &mut Frame, now: Now) -> Reply {
        let leg = self.attempts[place].leg;
        if !self.rules.confirm {
            let person = self.person_at(place);
            self.attempts.remove(place);
            self.stop_taken("this address was joined", frame, now);
            return Reply::Accepted { leg, person, why: "this address is joined when it answers".to_owned() };
        }
        self.attempts[place].at = At::Knocking { knocks: 1 };
        self.attempts[place].until = Some(now.mono + self.rules.accept_wait);
        self.rearm(frame, now);
        self.knock(leg, frame, now);
        Reply::Stay
    }

    fn knock(&self, leg: LegId, frame: &mut Frame, now: Now) {
        let words = match self.rules.goal {
            Goal::Join => say::ENGINEER_KNOCK,
            Goal::Acknowledge => say::ALERT_KNOCK,
        };
        frame.play(leg, vec![Prompt::Say(words), Prompt::Silence(KNOCK_PAUSE)], now);
    }

    fn brief(&mut self, place: usize, frame: &mut Frame, now: Now) {
        // From here the play's own guard bounds the wait, then the same wait again for the choice.
        self.attempts[place].at = At::Briefing;
        self.attempts[place].until = None;
        self.rearm(frame, now);
        frame.note(&format!("{} listens", self.name(place, frame)), "pressed 1: a person", now);
        let prompts = briefing(self.rules.goal, frame);
        frame.play(self.attempts[place].leg, prompts, now);
    }

    fn accepted(&mut self, place: usize, frame: &mut Frame, now: Now) -> Reply {
        let (name, person) = (self.name(place, frame), self.person_at(place));
        let leg = self.attempts.remove(place).leg;
        frame.stop_play(leg);
        let why = "pressed 1 after hearing who calls";
        frame.keep(Fact::LegAccepted { leg, person: person.clone() }, why, now);
        self.stop_taken(&format!("{name} accepted"), frame, now);
        let why = match &person {
            Some(_) => format!("{name} accepted by key on the phone"),
            None => "accepted by key at a fixed address".to_owned(),
        };
        // A caller's alert is theirs once the two are joined: who is gone before that has nothing.
        if self.rules.goal == Goal::Acknowledge {
            frame.acknowledge(person.clone(), &why, now);
        }
        Reply::Accepted { leg, person, why }
    }

    fn decline(&mut self, place: usize, frame: &mut Frame, now: Now) -> Reply {
        let (name, person, leg) = (self.name(place, frame), self.person_at(place), self.attempts[place].leg);
        frame.keep(Fact::LegDeclined { leg, person: person.clone() }, "pressed 2", now);
        match person {
            Some(person) => {
                self.declined.insert(person);
            }
            // A place that belongs to nobody has declined: it is not tried again.
            None if self.people.len() == 1 => self.closed = true,
            None => {}
        }
        let words = vec![Prompt::Say(say::ENGINEER_DECLINED)];
        frame.farewell(leg, words, LegCause::Released, "declined by key", now);
        self.next_person(place, &format!("{name} declined"), frame, now)
    }

    /// The time of a phone (or of several) is over.
    fn impatient(&mut self, frame: &mut Frame, now: Now) -> Reply {
        while let Some(place) =
            self.attempts.iter().position(|attempt| attempt.until.is_some_and(|until| until <= now.mono))
        {
            let reply = self.given_up(place, frame, now);
            if reply != Reply::Stay {
                return reply;
            }
        }
        self.rearm_if_calling(frame, now);
        Reply::Stay
    }

    fn rearm_if_calling(&self, frame: &mut Frame, now: Now) {
        if self.stage == Stage::Calling && !self.attempts.is_empty() {
            self.rearm(frame, now);
        }
    }

    fn given_up(&mut self, place: usize, frame: &mut Frame, now: Now) -> Reply {
        let (name, leg) = (self.name(place, frame), self.attempts[place].leg);
        match self.attempts[place].at {
            At::Ringing => {
                let why = format!("rang {} without an answer", spell(self.rules.ring));
                frame.hang_up(leg, LegCause::NoAnswer, &why, now);
                self.next_phone(place, &format!("{name} did not answer"), frame, now)
            }
            At::Knocking { .. } => {
                let why = "answered but nobody pressed 1 (a mailbox?)";
                frame.hang_up(leg, LegCause::Released, why, now);
                self.next_phone(place, &format!("{name} {why}"), frame, now)
            }
            At::Briefing => {
                let why = "listened but pressed neither 1 nor 2";
                frame.hang_up(leg, LegCause::Released, why, now);
                self.next_person(place, &format!("{name} {why}"), frame, now)
            }
        }
    }

    /// A live caller needs this phone; nobody at it has pressed a key yet.
    fn make_way(&mut self, leg: LegId, frame: &mut Frame, now: Now) -> Reply {
        let waits = |attempt: &Attempt| attempt.leg == leg && attempt.at != At::Briefing;
        let Some(place) = self.attempts.iter().position(waits) else { return Reply::Stay };
        let why = "a caller who is on the line needs this phone";
        frame.hang_up(leg, LegCause::Released, why, now);
        self.next_phone(place, why, frame, now)
    }
}

fn quiet(frame: &mut Frame) {
    frame.sleep(Timer::Ring);
    frame.sleep(Timer::Accept);
}

fn name(callee: &people::Callee, frame: &Frame) -> String {
    callee
        .person
        .as_ref()
        .map_or_else(|| "the fixed address".to_owned(), |user| frame.directory.name_of(user).to_owned())
}

fn count(people: usize) -> String {
    match people {
        0 => "nobody".to_owned(),
        1 => "one person".to_owned(),
        more => format!("{more} people"),
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
    prompts.extend([Prompt::Say(choice.clone()), Prompt::Silence(CHOICE_PAUSE)]);
    if goal == Goal::Join {
        prompts.push(Prompt::Say(say::ENGINEER_KEYS));
    }
    prompts.push(Prompt::Say(choice));
    prompts
}

const fn choice(goal: Goal) -> PromptId {
    match goal {
        Goal::Join => say::ENGINEER_JOIN,
        Goal::Acknowledge => say::ALERT_ACKNOWLEDGE,
    }
}
