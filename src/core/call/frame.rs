//! What every node of a flow works with: the call's legs, plays, recordings,
//! timers and record. Filters what comes too late, so that the nodes never see
//! a stale event. Decides nothing about the flow.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::alert;
use crate::directory::{Customer, Directory, Language};
use crate::fact::{Actor, Direction, Entry, Fact, Outcome, Priority, Question, RecordingKind};
use crate::ids::{AlertId, CallId, CustomerId, IdSource, IncidentId, LegId, NodeId, NumberId, RecordingId, UserId};
use crate::now::Now;
use crate::private::Private;

use super::command::{Command, DialId};
use super::event::Event;
use super::flow::ConnectTarget;
use super::legs::{Leg, LegState};
use super::outside::{KnownIncident, LineAlert, NoticeAnswer, OpenReport};
use super::people::Callees;
use super::prompt::Prompt;
use super::recordings::{Recorded, Recording};
use super::supervise::{Supervisor, Talkers};
use super::timer::{Awaited, Guard, Timer};
use super::{AlertRing, Incoming, Notice};

/// The world did not say who is on call.
pub(crate) const FIND_WAIT: Duration = Duration::from_secs(5);
/// A person's word about an alert, or a hand-over, takes less than that.
const ORDER_WAIT: Duration = Duration::from_secs(6);
/// A 200 that is never acknowledged is given up after 32 s (RFC 3261 section 13.3.1.4).
const ANSWER_WAIT: Duration = Duration::from_secs(40);
/// Keys typed ahead that are kept for a following menu.
const TYPED_MAX: usize = 32;

/// What a node is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum News {
    /// The caller pressed a key.
    Digit(char),
    /// The current play to the caller is over.
    Played,
    /// A recording of the caller is over.
    Recorded(Recorded),
    /// Something about somebody we dialled.
    Callee(LegId, Callee),
    /// Whom to call.
    Found(DialId, Callees),
    /// Another answer of the house.
    Told(Told),
    /// Somebody outside took the alert.
    AlertTaken,
    /// A timer of the node.
    Timer(Timer),
}

/// Answers of the house that few nodes ask for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    /// The caller's open report.
    Known(DialId, Option<OpenReport>, Option<Box<KnownIncident>>),
    /// The open alerts.
    Alerts(DialId, Option<Vec<LineAlert>>),
    /// Whether an order was kept.
    Ordered(DialId, bool),
    /// Whether a leg was handed over to a waiting caller.
    Joined(LegId, Option<AlertId>),
    /// A live caller needs the phone of this leg.
    MakeWay(LegId),
}

/// What a dialled leg does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Callee {
    /// Its phone rings.
    Ringing,
    /// Its phone was answered.
    Answered,
    /// A key.
    Digit(char),
    /// The current play to it is over.
    Played,
    /// It is over; with the reason in words.
    Ended(String),
}

/// What the machine is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    /// The caller's leg is up.
    Answered,
    /// The caller's leg could not be brought up in time.
    AnswerLost,
    /// The caller hung up, or the leg failed.
    CallerGone,
    /// The flow's budget is over.
    BudgetOver,
    /// Be quick.
    Shutdown,
    /// For the node.
    News(News),
}

/// How far a call is on its way to the last resort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resort {
    /// The flow runs as drawn.
    No,
    /// The last resort is the next node.
    Entering,
    /// What runs now is the last thing that runs.
    There,
}

/// A timer that was due.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Due {
    /// Done with.
    Settled,
    /// Something to decide.
    Input(Input),
}

/// See the module.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "marks of what happened on the call; each is set by itself")]
pub(crate) struct Frame {
    pub(crate) id: CallId,
    pub(crate) direction: Direction,
    pub(crate) number: NumberId,
    /// A test number: no alert.
    pub(crate) test: bool,
    pub(crate) reference: String,
    pub(crate) caller: Option<Private<String>>,
    pub(crate) customer: Option<CustomerId>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) language: Language,
    /// The flow (or the caller in it) chose the language; the customer's no longer counts.
    pub(crate) language_chosen: bool,
    pub(crate) started: Timestamp,
    /// Where the call came from: `trunk:NAME`, `phone:NAME`, `open`.
    pub(crate) source: String,
    /// Wrong PINs that this source has typed lately, those of this call included.
    pub(crate) wrong_pins: u32,
    pub(super) ids: IdSource,
    pub(super) ring_again: Duration,
    pub(super) alert: AlertId,
    /// The alert exists.
    pub(crate) alert_open: bool,
    /// An open report of this caller that may be what the call is about. Until that is known no alert is opened; at
    /// the latest when the call ends it is one or the other.
    pub(crate) known: Option<OpenReport>,
    /// An open incident that the caller is to hear of, or hears of now. While they do no alert is opened.
    pub(crate) incident: Option<KnownIncident>,
    /// The incident that the caller heard of on this call: told once.
    pub(crate) heard_of: Option<IncidentId>,
    /// The caller heard of it and has shown no wish for more since: nobody is woken.
    pub(crate) informed: bool,
    /// The caller asked for a person when they heard of the incident.
    pub(crate) wants_person: bool,
    /// The alert is linked to the incident.
    pub(super) linked: bool,
    /// What is recorded for the incident, and whether it was added; all else that is said is a report.
    pub(super) additions: Vec<(RecordingId, bool)>,
    /// The call belongs to an alert that another call opened.
    pub(crate) joined: bool,
    /// An engineer dialled in: no alert.
    pub(crate) staff: Option<UserId>,
    /// The call rang the engineers' own line, so that it is no report unless it goes on elsewhere.
    pub(crate) on_line: bool,
    /// The alert that an engineer on the line hears about: what happens belongs on its timeline.
    pub(crate) about: Option<AlertId>,
    /// Who is called first, as they have the caller's report already.
    pub(crate) prefers: Option<UserId>,
    /// How long a flow may take.
    pub(crate) budget: Duration,
    /// Somebody on this call did not want a conversation to be recorded.
    pub(crate) recording_refused: bool,
    /// A person heard the notification.
    pub(crate) heard: bool,
    pub(super) title: Option<String>,
    pub(super) priority: Priority,
    /// The node that runs, for the timeline.
    pub(crate) node: String,
    /// Keys pressed ahead of a menu.
    pub(crate) typed: Vec<char>,
    /// What announce nodes have said on this call.
    pub(crate) announced: Vec<Prompt>,
    /// What a `known` node has said as the greeting: the next announcement leaves it out.
    pub(crate) greeted: Vec<Prompt>,
    /// The script's introduction was played already, by an announce node.
    pub(crate) intro_said: bool,
    pub(crate) resort: Resort,
    /// Nodes entered at this moment.
    hops: (Instant, u32),
    /// A person took it: joined with the caller, or acknowledged the alert.
    pub(crate) taken: bool,
    /// For an alert ring: somebody took the alert from outside.
    pub(crate) settled_elsewhere: bool,
    /// Turned away by a block node.
    pub(crate) blocked: bool,
    /// Phones that were busy so far.
    pub(crate) busy_phones: u32,
    /// The caller's leg ended before we ended it.
    pub(crate) caller_left: bool,
    /// Something of ours failed.
    pub(crate) fault: bool,
    /// The caller came to a point where a person was needed.
    pub(crate) needed: bool,
    pub(super) legs: BTreeMap<LegId, Leg>,
    /// The two who talk.
    pub(super) talkers: Option<Talkers>,
    pub(super) supervisors: Vec<Supervisor>,
    /// Legs whose phones hold the call.
    pub(super) held: BTreeSet<LegId>,
    pub(super) recordings: BTreeMap<RecordingId, Recording>,
    /// The answers that count, in the order given.
    pub(super) answers: Vec<(Question, RecordingId)>,
    /// What an alert ring plays: the original call's recordings.
    pub(super) said_before: Vec<RecordingId>,
    pub(super) plays: u32,
    next_leg: u32,
    dials: u32,
    timers: BTreeMap<Timer, Instant>,
    pub(super) guards: Vec<Guard>,
    pub(super) commands: VecDeque<Command>,
}

impl Frame {
    /// For a call that came in. The caller's leg is not answered yet.
    pub(crate) fn incoming(incoming: Incoming, now: Now) -> Self {
        let number = incoming.directory.numbers.get(&incoming.number);
        let language = number.map(|number| number.language.clone()).unwrap_or_default();
        let test = number.is_some_and(|number| number.test);
        let mut frame = Self::bare(incoming.call, incoming.alert, incoming.directory, incoming.seed, now);
        frame.number = incoming.number;
        frame.test = test;
        frame.reference = incoming.reference;
        frame.caller = incoming.caller;
        frame.ring_again = incoming.ring_again;
        frame.source.clone_from(&incoming.source);
        frame.wrong_pins = incoming.wrong_pins;
        frame.language = language;
        frame.keep(
            Fact::CallStarted {
                direction: Direction::Inbound,
                number: frame.number.clone(),
                reference: frame.reference.clone(),
                caller: frame.caller.clone(),
                source: incoming.source.clone(),
                language: frame.language.clone(),
            },
            "",
            now,
        );
        let leg = Leg::new(LegState::Offered, frame.language.clone());
        frame.legs.insert(LegId::CALLER, leg);
        frame.keep(Fact::LegStarted { leg: LegId::CALLER, person: None, destination: incoming.source }, "", now);
        frame.identify_by_caller_id(now);
        frame
    }

    /// For people to be rung about an alert. There is no caller's leg.
    pub(crate) fn alert_ring(ring: AlertRing, now: Now) -> Self {
        let mut frame = Self::bare(ring.call, ring.alert, ring.directory, ring.seed, now);
        frame.direction = Direction::AlertRing;
        frame.number = ring.number;
        frame.reference = ring.reference;
        frame.caller = ring.caller;
        frame.customer = ring.customer;
        frame.language = ring.language;
        frame.said_before = ring.recordings;
        frame.alert_open = true;
        "alert-ring".clone_into(&mut frame.node);
        frame.keep(
            Fact::CallStarted {
                direction: Direction::AlertRing,
                number: frame.number.clone(),
                reference: frame.reference.clone(),
                caller: frame.caller.clone(),
                source: "alert".to_owned(),
                language: frame.language.clone(),
            },
            &format!("nobody has the alert; round {}", ring.round),
            now,
        );
        frame
    }

    /// For one phone to be rung. There is no caller's leg.
    pub(crate) fn notice(notice: &Notice, now: Now) -> Self {
        let carrier = notice.to.alerts.first();
        // Without an alert the id is never shown.
        let alert = carrier.map_or(AlertId(notice.call.0), |alert| alert.id);
        let mut frame = Self::bare(notice.call, alert, Arc::clone(&notice.directory), notice.seed, now);
        frame.direction = Direction::Notification;
        frame.number = notice.number.clone();
        frame.reference = carrier.map(|alert| alert.reference.clone()).unwrap_or_default();
        frame.language = notice.to.language.clone();
        // The alert is not this call's own: it is told about it, and what happens stands on its timeline.
        frame.alert_open = carrier.is_some();
        "notification".clone_into(&mut frame.node);
        let why = match notice.to.alerts.as_slice() {
            [] => "a test, a code or a message".to_owned(),
            [_] => "a person is notified".to_owned(),
            many => format!("a person is notified of {} alerts at once", many.len()),
        };
        frame.keep(
            Fact::CallStarted {
                direction: Direction::Notification,
                number: frame.number.clone(),
                reference: frame.reference.clone(),
                caller: None,
                source: "notification".to_owned(),
                language: frame.language.clone(),
            },
            &why,
            now,
        );
        frame
    }

    fn bare(id: CallId, alert: AlertId, directory: Arc<Directory>, seed: u64, now: Now) -> Self {
        Self {
            id,
            direction: Direction::Inbound,
            number: NumberId(String::new()),
            test: false,
            reference: String::new(),
            caller: None,
            customer: None,
            directory,
            language: Language::default(),
            language_chosen: false,
            started: now.wall,
            source: String::new(),
            wrong_pins: 0,
            ids: IdSource::new(seed),
            ring_again: Duration::ZERO,
            alert,
            alert_open: false,
            known: None,
            incident: None,
            heard_of: None,
            informed: false,
            wants_person: false,
            linked: false,
            additions: Vec::new(),
            joined: false,
            staff: None,
            on_line: false,
            about: None,
            prefers: None,
            budget: Duration::ZERO,
            recording_refused: false,
            heard: false,
            title: None,
            priority: Priority::P3,
            node: "call".to_owned(),
            typed: Vec::new(),
            announced: Vec::new(),
            greeted: Vec::new(),
            intro_said: false,
            resort: Resort::No,
            hops: (now.mono, 0),
            taken: false,
            settled_elsewhere: false,
            blocked: false,
            busy_phones: 0,
            caller_left: false,
            fault: false,
            needed: false,
            legs: BTreeMap::new(),
            talkers: None,
            supervisors: Vec::new(),
            held: BTreeSet::new(),
            recordings: BTreeMap::new(),
            answers: Vec::new(),
            said_before: Vec::new(),
            plays: 0,
            next_leg: 1,
            dials: 0,
            timers: BTreeMap::new(),
            guards: Vec::new(),
            commands: VecDeque::new(),
        }
    }

    /// One event from outside; `None` where it is stale or settled here.
    pub(crate) fn observe(&mut self, event: Event, now: Now) -> Option<Input> {
        let input = self.input_of(event, now);
        self.without_supervisors(input, now)
    }

    fn input_of(&mut self, event: Event, now: Now) -> Option<Input> {
        match event {
            Event::CallerAnswered => self.caller_answered(now),
            Event::Digit { leg, digit } => self.digit(leg, digit),
            Event::PlayEnded { leg, play } => self.play_ended(leg, play, now),
            Event::RecordEnded { leg: _, recording, duration, speech, reason } => {
                self.record_ended(Recorded { recording, duration, speech, reason }, "", now)
            }
            Event::LegRinging { leg } => self.leg_ringing(leg, now),
            Event::LegAnswered { leg } => self.leg_answered(leg, now),
            Event::LegEnded { leg, cause } => self.leg_ended(leg, cause, now),
            Event::LegQuality { leg, quality } => {
                self.keep(Fact::LegQuality { leg, quality }, "", now);
                None
            }
            Event::Machine { leg, hint } => self.machine_suspected(leg, hint, now),
            Event::OnCallFound { dial, callees } => {
                self.settle(&Awaited::Found { dial }).then_some(Input::News(News::Found(dial, callees)))
            }
            Event::KnownFound { dial, report, incident } => {
                self.told(&Awaited::Known { dial }, Told::Known(dial, report, incident.map(Box::new)))
            }
            Event::OpenAlertsFound { dial, alerts } => self.told(&Awaited::Alerts { dial }, Told::Alerts(dial, alerts)),
            Event::Ordered { dial, done } => self.told(&Awaited::Ordered { dial }, Told::Ordered(dial, done)),
            Event::JoinAnswered { leg, alert } => self.told(&Awaited::Join { leg }, Told::Joined(leg, alert)),
            Event::MakeWay { leg } => {
                // Who looks for somebody for a live caller makes way for nobody.
                let ours = self.direction != Direction::Inbound;
                ours.then_some(Input::News(News::Told(Told::MakeWay(leg))))
            }
            Event::Held { leg, held } => {
                self.on_hold(leg, held, now);
                None
            }
            Event::AlertTaken => Some(Input::News(News::AlertTaken)),
            Event::Shutdown => Some(Input::Shutdown),
        }
    }

    fn told(&mut self, awaited: &Awaited, told: Told) -> Option<Input> {
        self.settle(awaited).then_some(Input::News(News::Told(told)))
    }

    /// Keys typed ahead, for the node that may use them.
    pub(crate) fn type_ahead(&mut self, digit: char) {
        if self.typed.len() < TYPED_MAX {
            self.typed.push(digit);
        }
    }

    // The record.

    /// Keeps a fact.
    pub(crate) fn keep(&mut self, fact: Fact, why: &str, now: Now) {
        let alert = self.alert_open.then_some(self.alert).or(self.about);
        let entry = Entry { at: now.wall, call: Some(self.id), alert, fact, why: why.to_owned() };
        self.commands.push_back(Command::Keep(entry));
    }

    /// A line on the timeline.
    pub(crate) fn note(&mut self, what: &str, why: &str, now: Now) {
        self.keep(Fact::Step { node: self.node.clone(), what: what.to_owned() }, why, now);
    }

    /// The customer, if known.
    pub(crate) fn customer(&self) -> Option<&Customer> {
        self.customer.as_ref().and_then(|id| self.directory.customers.get(id))
    }

    /// Counts the nodes entered at this very moment: a flow may go in circles without waiting.
    pub(crate) fn hops(&mut self, now: Now) -> u32 {
        if self.hops.0 != now.mono {
            self.hops = (now.mono, 0);
        }
        self.hops.1 += 1;
        self.hops.1
    }

    /// Begins to count again.
    pub(crate) const fn forget_hops(&mut self) {
        self.hops.1 = 0;
    }

    fn identify_by_caller_id(&mut self, now: Now) {
        let Some(caller) = self.caller.clone() else { return };
        let directory = Arc::clone(&self.directory);
        if let Some(customer) = directory.customer_by_caller(caller.reveal()) {
            self.identified(customer, "the caller's number belongs to this customer", now);
        }
    }

    /// The customer is known now: on the record, in the alert's title, and in its language.
    pub(crate) fn identified(&mut self, customer: &Customer, why: &str, now: Now) {
        self.customer = Some(customer.id.clone());
        self.keep(Fact::CustomerIdentified { customer: customer.id.clone() }, why, now);
        if let Some(language) = customer.language.clone()
            && !self.language_chosen
            && language != self.language
        {
            self.speak(language, "the customer's language", now);
        }
        if self.alert_open && !self.joined && self.title.is_none() {
            let title = Some(self.own_title());
            self.keep(Fact::AlertUpdated { title, priority: None }, why, now);
        }
    }

    /// Speaks another language to the caller from now on.
    pub(crate) fn speak(&mut self, language: Language, why: &str, now: Now) {
        self.language = language.clone();
        if let Some(leg) = self.legs.get_mut(&LegId::CALLER) {
            leg.language = language.clone();
        }
        self.keep(Fact::LanguageChosen { language }, why, now);
    }

    // The caller's leg and questions to the world.

    /// The caller can hear us.
    pub(crate) fn caller_is(&self, state: LegState) -> bool {
        self.legs.get(&LegId::CALLER).is_some_and(|leg| leg.state == state)
    }

    /// Opens the alert and answers the caller.
    pub(crate) fn answer(&mut self, now: Now) {
        self.open_alert(now);
        if let Some(leg) = self.legs.get_mut(&LegId::CALLER) {
            leg.state = LegState::Answering;
        }
        self.commands.push_back(Command::Answer);
        self.guard(Awaited::Answer, ANSWER_WAIT, now);
    }

    fn caller_answered(&mut self, now: Now) -> Option<Input> {
        if !self.settle(&Awaited::Answer) || !self.caller_is(LegState::Answering) {
            return None;
        }
        self.legs.get_mut(&LegId::CALLER)?.state = LegState::Up;
        self.keep(Fact::LegAnswered { leg: LegId::CALLER }, "", now);
        Some(Input::Answered)
    }

    const fn question(&mut self) -> DialId {
        self.dials += 1;
        DialId(self.dials)
    }

    /// Asks who is to be called.
    pub(crate) fn find(&mut self, target: &ConnectTarget, now: Now) -> DialId {
        let dial = self.question();
        self.commands.push_back(Command::FindOnCall { dial, target: target.clone() });
        self.guard(Awaited::Found { dial }, FIND_WAIT, now);
        dial
    }

    /// Asks for an incident of the caller's customer and the caller's open report.
    pub(crate) fn find_known(&mut self, colleagues: bool, now: Now) -> DialId {
        let dial = self.question();
        let (caller, customer) = (self.caller.clone(), self.customer.clone());
        let language = self.language.clone();
        self.commands.push_back(Command::FindKnown { dial, language, caller, customer, colleagues });
        self.guard(Awaited::Known { dial }, FIND_WAIT, now);
        dial
    }

    /// Asks for the open alerts.
    pub(crate) fn list_alerts(&mut self, now: Now) -> DialId {
        let dial = self.question();
        self.commands.push_back(Command::ListAlerts { dial, language: self.language.clone() });
        self.guard(Awaited::Alerts { dial }, ORDER_WAIT, now);
        dial
    }

    /// A person's word about an alert.
    pub(crate) fn order(&mut self, alert: AlertId, deed: alert::Command, by: Actor, now: Now) -> DialId {
        let dial = self.question();
        self.commands.push_back(Command::Order { dial, alert, deed, by });
        self.guard(Awaited::Ordered { dial }, ORDER_WAIT, now);
        dial
    }

    /// What came of a notification by telephone.
    pub(crate) fn tell_answer(&mut self, answer: NoticeAnswer) {
        self.commands.push_back(Command::Answered(answer));
    }

    /// A PIN was typed that is no engineer's.
    pub(crate) fn wrong_pin(&mut self) {
        self.wrong_pins = self.wrong_pins.saturating_add(1);
        self.commands.push_back(Command::WrongPin);
    }

    /// Hands a leg over to the caller who waits.
    pub(crate) fn join_caller(
        &mut self,
        leg: LegId,
        alerts: Vec<AlertId>,
        person: Option<UserId>,
        language: Language,
        now: Now,
    ) {
        self.commands.push_back(Command::JoinCaller { leg, alerts, person, language });
        self.guard(Awaited::Join { leg }, ORDER_WAIT, now);
    }

    /// The number of the next leg to be dialled.
    pub(super) fn take_leg(&mut self) -> LegId {
        let leg = LegId(self.next_leg);
        self.next_leg += 1;
        leg
    }

    // Time.

    /// Wakes the node after `wait`.
    pub(crate) fn wake(&mut self, timer: Timer, wait: Duration, now: Now) {
        self.timers.insert(timer, now.mono + wait);
    }

    /// No longer needed.
    pub(crate) fn sleep(&mut self, timer: Timer) {
        self.timers.remove(&timer);
    }

    /// None of a node's timers; the budget stays.
    pub(crate) fn sleep_node(&mut self) {
        self.timers.retain(|timer, _| *timer == Timer::Budget);
    }

    /// No timers at all; guards stay.
    pub(crate) fn sleep_all(&mut self) {
        self.timers.clear();
    }

    pub(super) fn guard(&mut self, awaited: Awaited, wait: Duration, now: Now) {
        self.settle(&awaited);
        self.guards.push(Guard { awaited, at: now.mono + wait });
    }

    /// The answer came: true if it was awaited.
    pub(super) fn settle(&mut self, awaited: &Awaited) -> bool {
        let before = self.guards.len();
        self.guards.retain(|guard| guard.awaited != *awaited);
        self.guards.len() < before
    }

    /// The earliest moment to wake up.
    pub(crate) fn earliest(&self) -> Option<(Instant, Timer)> {
        let timers = self.timers.iter().map(|(timer, at)| (*at, *timer));
        let guards = self.guards.iter().map(|guard| (guard.at, Timer::Stuck));
        timers.chain(guards).min()
    }

    /// Takes the earliest timer that is due; `None`: none is.
    pub(crate) fn take_due(&mut self, now: Now) -> Option<Due> {
        let (at, timer) = self.earliest().filter(|(at, _)| *at <= now.mono)?;
        let input = match timer {
            Timer::Stuck => {
                let place = self.guards.iter().position(|guard| guard.at == at)?;
                let guard = self.guards.remove(place);
                self.stuck(guard.awaited, now)
            }
            Timer::Budget => {
                self.timers.remove(&timer);
                Some(Input::BudgetOver)
            }
            Timer::NoInput | Timer::InterDigit | Timer::Ring | Timer::Accept | Timer::Comfort | Timer::Connect => {
                self.timers.remove(&timer);
                Some(Input::News(News::Timer(timer)))
            }
        };
        Some(input.map_or(Due::Settled, Due::Input))
    }

    /// A command was not answered: go on as if it had been.
    fn stuck(&mut self, awaited: Awaited, now: Now) -> Option<Input> {
        match awaited {
            Awaited::Answer => {
                self.note("the answer was not confirmed", "no ACK or media within 40 s", now);
                Some(Input::AnswerLost)
            }
            Awaited::Played { leg, play } => {
                self.note("a play did not report its end; going on", "lost event or a very long prompt", now);
                self.play_ended(leg, play, now)
            }
            Awaited::Recorded { recording } => self.record_lost(recording, now),
            Awaited::Found { dial } => {
                let why = "the question who is on call was not answered within 5 s".to_owned();
                Some(Input::News(News::Found(dial, Callees { groups: Vec::new(), why })))
            }
            Awaited::Known { dial } => Some(Input::News(News::Told(Told::Known(dial, None, None)))),
            Awaited::Alerts { dial } => Some(Input::News(News::Told(Told::Alerts(dial, None)))),
            Awaited::Ordered { dial } => Some(Input::News(News::Told(Told::Ordered(dial, false)))),
            Awaited::Join { leg } => Some(Input::News(News::Told(Told::Joined(leg, None)))),
            Awaited::Supervisor { leg } => {
                self.supervisor_silent(leg, now);
                None
            }
            Awaited::HungUp { leg } => self.hang_up_lost(leg, now),
        }
    }

    // The end.

    /// No leg and no recording is left.
    pub(crate) fn is_over(&self) -> bool {
        self.legs.values().all(|leg| leg.state == LegState::Ended)
            && self.recordings.values().all(|recording| !recording.running)
    }

    /// What came of it, and the rule that says so.
    pub(crate) fn outcome(&self) -> (Outcome, &'static str) {
        if self.taken {
            return (Outcome::Taken, "a person took it");
        }
        if self.settled_elsewhere {
            return (Outcome::Completed, "there is nothing left to ring about");
        }
        match self.direction {
            Direction::AlertRing => return (Outcome::Unanswered, "nobody acknowledged"),
            Direction::Notification if self.heard => return (Outcome::Completed, "a person heard it"),
            Direction::Notification => return (Outcome::Unanswered, "nobody pressed a key"),
            Direction::Inbound => {}
        }
        if self.blocked {
            return (Outcome::Blocked, "turned away by the flow's block node");
        }
        if self.informed {
            return (Outcome::Completed, "the caller heard of an incident that is known");
        }
        if self.spoke(|kind| kind == RecordingKind::Voicemail) {
            return (Outcome::Voicemail, "the caller left a message");
        }
        if self.spoke(|kind| matches!(kind, RecordingKind::Answer(_))) {
            return (Outcome::Reported, "answers were recorded; nobody took the call");
        }
        if self.staff.is_some() {
            return (Outcome::Completed, "an engineer dialled in");
        }
        if self.fault {
            return (Outcome::Failed, "a fault of ours; see the steps before");
        }
        if self.joined && !self.needed {
            return (Outcome::Completed, "the caller heard how the open report stands");
        }
        if self.caller_left {
            return (Outcome::Abandoned, "the caller hung up before leaving anything");
        }
        if self.needed {
            return (Outcome::Abandoned, "the caller wanted a person but left nothing");
        }
        (Outcome::Completed, "the flow came to its end")
    }

    /// Says the last words: the outcome is kept and the call is over.
    pub(crate) fn end(&mut self, outcome: Outcome, why: &str, now: Now) {
        self.timers.clear();
        self.guards.clear();
        self.keep(Fact::CallEnded { outcome }, why, now);
        self.commands.push_back(Command::End { outcome });
    }

    /// The alert's identity, once there is one.
    pub(crate) fn alert(&self) -> Option<AlertId> {
        self.alert_open.then_some(self.alert)
    }
}

/// A duration for a sentence: `6 s`, `2 min`, `0.5 s`.
pub(crate) fn spell(duration: Duration) -> String {
    let millis = duration.as_millis();
    match (millis % 1000, millis / 1000) {
        (0, seconds) if seconds >= 120 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        (0, seconds) => format!("{seconds} s"),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

/// The flow ends or goes on: where to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Way {
    /// Nothing changes yet.
    Stay,
    /// On to a node; `None`: goodbye.
    Go(Option<NodeId>, String),
    /// Last words to the caller, then the end.
    Say(Vec<Prompt>, String),
    /// Something failed.
    LastResort(String),
    /// Hang up all.
    Finish(String),
}
