//! The call machine's frame: takes events and timers, lets the node that runs
//! decide, goes from node to node, keeps the budget, and ends the call.

use std::sync::Arc;
use std::time::Instant;

use crate::directory::Language;
use crate::fact::{Direction, LegCause, RecordingEnd};
use crate::ids::{LegId, NodeId, UserId};
use crate::now::Now;

use super::alert_ring::Ringing;
use super::command::Command;
use super::event::Event;
use super::flow::announce::Announcing;
use super::flow::choose_language::Offering;
use super::flow::connect::Connecting;
use super::flow::engineer::OnLine;
use super::flow::hangup::Goodbye;
use super::flow::identify::Asking;
use super::flow::incident::Hearing;
use super::flow::known::Recognising;
use super::flow::menu::Choosing;
use super::flow::script::Scripting;
use super::flow::voicemail::Taking;
use super::flow::{Flow, Known, Node, alert_node, block, goto, hours};
use super::frame::{Due, Frame, Input, News, Resort, Way, spell};
use super::legs::LegState;
use super::notice::Noticing;
use super::prompt::{Prompt, say};
use super::timer::Timer;
use super::view::CallView;
use super::{AlertRing, Call, Incoming, Notice};

/// Nodes entered without a moment of waiting; more is a circle.
const HOPS_MAX: u32 = 30;

/// What goes on. Each state carries its data.
#[derive(Debug)]
pub(crate) enum State {
    /// Nothing yet.
    New,
    /// We answer the caller; the rest of the way follows.
    Answering {
        then: Way,
    },
    Announce(Announcing),
    ChooseLanguage(Offering),
    Identify(Asking),
    Menu(Choosing),
    Script(Box<Scripting>),
    Connect(Box<Connecting>),
    Known(Recognising),
    Incident(Box<Hearing>),
    Engineer(Box<OnLine>),
    Voicemail(Taking),
    Goodbye(Goodbye),
    AlertRing(Ringing),
    Notice(Box<Noticing>),
    /// Legs and recordings are ending.
    Ending {
        why: String,
    },
    /// `End` was said.
    Ended,
}

impl Call {
    /// An INVITE came in. Its first commands keep `CallStarted` and answer or refuse.
    pub fn incoming(incoming: Incoming, now: Now) -> Self {
        let directory = Arc::clone(&incoming.directory);
        let number = directory.numbers.get(&incoming.number);
        let flow = number.and_then(|number| directory.flows.get(&number.flow)).cloned();
        let frame = Frame::incoming(incoming, now);
        let known = flow.is_some();
        let budget = flow.as_ref().map(|flow| flow.budget).unwrap_or_default();
        let flow = flow.unwrap_or_else(|| Arc::new(nowhere()));
        let mut call = Self { frame, flow, state: State::New };
        call.frame.fault |= !known;
        call.frame.budget = budget;
        let why = if known { "" } else { "the number has no flow" };
        let start = call.flow.start.clone();
        call.take(Way::Go(Some(start), why.to_owned()), now);
        call
    }

    /// People are to be rung about an alert.
    pub fn alert_ring(ring: AlertRing, now: Now) -> Self {
        let mut call = Self { frame: Frame::alert_ring(ring, now), flow: Arc::new(nowhere()), state: State::New };
        match Ringing::begin(&mut call.frame, now) {
            Ok(ringing) => call.state = State::AlertRing(ringing),
            Err(way) => call.take(way, now),
        }
        call.try_end(now);
        call
    }

    /// One phone is to be rung, to notify a person.
    pub fn notice(notice: Notice, now: Now) -> Self {
        let mut frame = Frame::notice(&notice, now);
        let noticing = Noticing::begin(notice.to, &mut frame, now);
        Self { frame, flow: Arc::new(nowhere()), state: State::Notice(Box::new(noticing)) }
    }

    /// Somebody whom another call of ours reached wants to be joined with the caller of this one. `Some`: the leg they
    /// come in by; from now on its events belong here. `None`: no caller waits here now.
    pub fn walk_in(&mut self, person: Option<UserId>, language: &Language, now: Now) -> Option<LegId> {
        let State::Connect(connecting) = &mut self.state else { return None };
        if !connecting.is_waiting() || !self.frame.caller_is(LegState::Up) {
            return None;
        }
        Some(connecting.walk_in(person, language, &mut self.frame, now))
    }

    /// How many wrong PINs the source of this call typed lately, in all its calls: to be told before each turn, for others go on
    /// beside this one.
    pub const fn set_wrong_pins(&mut self, wrong: u32) {
        self.frame.wrong_pins = wrong;
    }

    /// As many and those that were typed in this call since.
    pub const fn wrong_pins(&self) -> u32 {
        self.frame.wrong_pins
    }

    /// Something happened.
    pub fn handle(&mut self, event: Event, now: Now) {
        if matches!(self.state, State::Ended) {
            return;
        }
        if let Some(input) = self.frame.observe(event, now) {
            self.input(input, now);
        }
        self.try_end(now);
    }

    /// The moment of [`Call::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(due) = self.frame.take_due(now) {
            if let Due::Input(input) = due {
                self.input(input, now);
            }
            self.try_end(now);
        }
    }

    /// The earliest timer.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        self.frame.earliest()
    }

    /// The next deed; ask until `None` after each input.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.frame.commands.pop_front()
    }

    /// What outsiders may see.
    pub fn view(&self) -> CallView {
        let person = match &self.state {
            State::Connect(connecting) => connecting.person(),
            State::AlertRing(ringing) => ringing.person(),
            State::Notice(noticing) => noticing.person(),
            State::Engineer(_) => self.frame.staff.as_ref(),
            State::New
            | State::Answering { .. }
            | State::Announce(_)
            | State::ChooseLanguage(_)
            | State::Identify(_)
            | State::Menu(_)
            | State::Script(_)
            | State::Known(_)
            | State::Incident(_)
            | State::Voicemail(_)
            | State::Goodbye(_)
            | State::Ending { .. }
            | State::Ended => None,
        };
        CallView {
            id: self.frame.id,
            alert: self.frame.alert(),
            direction: self.frame.direction,
            number: self.frame.number.clone(),
            reference: self.frame.reference.clone(),
            caller: self.frame.caller.clone(),
            customer: self.frame.customer.clone(),
            started: self.frame.started,
            state: self.word(),
            person: person.cloned(),
            talks: self.frame.talkers.is_some(),
            supervisors: self.frame.supervisors_view(),
        }
    }

    fn word(&self) -> String {
        match &self.state {
            State::New | State::Answering { .. } => "answering",
            State::Announce(_) => "greeting",
            State::ChooseLanguage(_) => "choosing the language",
            State::Identify(_) => "identifying",
            State::Menu(_) => "menu",
            State::Script(scripting) => return scripting.state(),
            State::Connect(connecting) => connecting.state(),
            State::Voicemail(_) => "voicemail",
            State::AlertRing(ringing) => ringing.state(),
            State::Notice(noticing) => noticing.state(),
            State::Known(_) => "open report",
            State::Incident(hearing) => hearing.state(),
            State::Engineer(line) => line.state(),
            State::Goodbye(_) | State::Ending { .. } | State::Ended => "ending",
        }
        .to_owned()
    }

    // What happens.

    fn input(&mut self, input: Input, now: Now) {
        match input {
            Input::Answered => self.answered(now),
            Input::AnswerLost => {
                self.frame.fault = true;
                self.finish("the caller's leg never came up", now);
            }
            Input::CallerGone => self.caller_gone(now),
            Input::BudgetOver => self.budget_over(now),
            Input::Shutdown => {
                self.frame.fault = true;
                self.finish("the service is shutting down", now);
            }
            Input::News(news) => {
                if news == News::AlertTaken && self.frame.direction == Direction::Inbound {
                    self.frame.note("the alert was taken from outside", "", now);
                }
                let way = self.node_on(news, now);
                self.take(way, now);
            }
        }
    }

    fn node_on(&mut self, news: News, now: Now) -> Way {
        let frame = &mut self.frame;
        match &mut self.state {
            State::Announce(announcing) => announcing.on(&news, frame),
            State::ChooseLanguage(offering) => offering.on(&news, frame, now),
            State::Identify(asking) => asking.on(&news, frame, now),
            State::Menu(choosing) => choosing.on(&news, frame, now),
            State::Script(scripting) => scripting.on(&news, frame, now),
            State::Connect(connecting) => connecting.on(news, frame, now),
            State::Voicemail(taking) => taking.on(&news, frame, now),
            State::Goodbye(goodbye) => goodbye.on(&news),
            State::AlertRing(ringing) => ringing.on(news, frame, now),
            State::Notice(noticing) => noticing.on(news, frame, now),
            State::Known(recognising) => recognising.on(&news, frame, now),
            State::Incident(hearing) => hearing.on(&news, frame, now),
            State::Engineer(line) => line.on(&news, frame, now),
            State::New | State::Answering { .. } | State::Ending { .. } | State::Ended => Way::Stay,
        }
    }

    fn answered(&mut self, now: Now) {
        self.frame.wake(Timer::Budget, self.flow.budget, now);
        if let State::Answering { then } = std::mem::replace(&mut self.state, State::New) {
            self.take(then, now);
        }
    }

    fn caller_gone(&mut self, now: Now) {
        self.frame.caller_left = true;
        if let State::Connect(connecting) = &mut self.state {
            connecting.caller_gone(&mut self.frame, now);
        }
        if let State::Known(recognising) = &self.state
            && recognising.is_telling()
        {
            self.frame.join_known("hung up after hearing about the open report", now);
        }
        self.finish("the caller hung up", now);
    }

    fn budget_over(&mut self, now: Now) {
        let why = format!("the flow's time of {} is over", spell(self.flow.budget));
        match &mut self.state {
            // A message being left is the last resort, wherever it was drawn.
            State::Voicemail(_) | State::Goodbye(_) => self.frame.resort = Resort::There,
            State::Connect(connecting) => {
                if connecting.budget_over() {
                    self.take(Way::LastResort(why), now);
                }
            }
            State::Engineer(line) => {
                if !line.budget_over() {
                    return;
                }
                if self.frame.staff.is_some() {
                    return self.take(Way::Say(vec![Prompt::Say(say::GOODBYE)], why), now);
                }
                self.frame.is_no_staff(now);
                self.take(Way::LastResort(why), now);
            }
            State::Notice(noticing) => {
                let way = noticing.budget_over(&mut self.frame);
                self.take(way, now);
            }
            State::Announce(_)
            | State::ChooseLanguage(_)
            | State::Identify(_)
            | State::Menu(_)
            | State::Script(_)
            | State::Known(_)
            | State::Incident(_) => {
                self.take(Way::LastResort(why), now);
            }
            State::New | State::Answering { .. } | State::AlertRing(_) | State::Ending { .. } | State::Ended => {}
        }
    }

    // From node to node.

    fn take(&mut self, way: Way, now: Now) {
        let mut way = way;
        loop {
            way = match way {
                Way::Stay => return,
                Way::Finish(why) => return self.finish(&why, now),
                Way::Say(prompts, why) => return self.last_words(prompts, why, now),
                Way::LastResort(why) => self.last_resort(why, now),
                Way::Go(to, why) => {
                    self.frame.sleep_node();
                    match to {
                        Some(id) => self.enter(&id, &why, now),
                        None => Way::Say(vec![Prompt::Say(say::GOODBYE)], why),
                    }
                }
            };
        }
    }

    fn enter(&mut self, id: &NodeId, why: &str, now: Now) -> Way {
        if self.frame.hops(now) > HOPS_MAX {
            return Way::LastResort("the flow goes in a circle without waiting".to_owned());
        }
        let flow = Arc::clone(&self.flow);
        let Some(node) = flow.nodes.get(id) else {
            return Way::LastResort(format!("the flow has no node {id}"));
        };
        if self.frame.caller_is(LegState::Offered) && node.needs_audio(&self.frame) {
            // Rung by engineers only: nobody's report, unless it goes on elsewhere.
            self.frame.on_line = matches!(node, Node::Engineer(_));
            return self.answer(Way::Go(Some(id.clone()), why.to_owned()), now);
        }
        if !self.may_enter(node) {
            return Way::Say(vec![Prompt::Say(say::GOODBYE)], why.to_owned());
        }
        id.0.clone_into(&mut self.frame.node);
        self.frame.note(node.what(), why, now);
        self.run(node, now)
    }

    fn run(&mut self, node: &Node, now: Now) -> Way {
        let frame = &mut self.frame;
        let state = match node {
            Node::Announce(node) => Announcing::enter(node, frame, now).map(State::Announce),
            Node::ChooseLanguage(node) => Offering::enter(node, frame, now).map(State::ChooseLanguage),
            Node::Hours(node) => Err(hours::enter(node, now)),
            Node::Block(node) => {
                frame.blocked = block::reason(node, frame).is_some();
                Err(block::enter(node, frame))
            }
            Node::Identify(node) => Asking::enter(node, frame, now).map(State::Identify),
            Node::Menu(node) => Choosing::enter(node, frame, now).map(State::Menu),
            Node::Script(node) => Scripting::enter(node, frame, now).map(Box::new).map(State::Script),
            Node::Connect(node) => Connecting::enter(node, frame, now).map(Box::new).map(State::Connect),
            Node::Known(node) => match frame.incident.clone() {
                Some(incident) => Ok(State::Incident(Box::new(Hearing::enter(node, incident, frame, now)))),
                None => Recognising::enter(node, frame, now).map(State::Known),
            },
            Node::Engineer(node) => OnLine::enter(node, frame, now).map(Box::new).map(State::Engineer),
            Node::Voicemail(node) => Ok(State::Voicemail(Taking::enter(node, frame, now))),
            Node::Alert(node) => Err(alert_node::enter(node, frame, now)),
            Node::Goto(to) => Err(goto::enter(to)),
            Node::Hangup(prompts) => Err(Way::Say(prompts.clone(), "the flow ends here".to_owned())),
        };
        match state {
            Ok(state) => {
                self.state = state;
                Way::Stay
            }
            Err(way) => way,
        }
    }

    /// At the last resort nothing follows but goodbyes: it must not become another wait.
    fn may_enter(&mut self, node: &Node) -> bool {
        match self.frame.resort {
            Resort::No => true,
            Resort::Entering => match node {
                Node::Voicemail(_) | Node::Hangup(_) => {
                    self.frame.resort = Resort::There;
                    true
                }
                Node::Goto(_) => true,
                Node::Announce(_)
                | Node::ChooseLanguage(_)
                | Node::Hours(_)
                | Node::Block(_)
                | Node::Identify(_)
                | Node::Menu(_)
                | Node::Script(_)
                | Node::Connect(_)
                | Node::Known(_)
                | Node::Engineer(_)
                | Node::Alert(_) => false,
            },
            Resort::There => matches!(node, Node::Hangup(_) | Node::Goto(_)),
        }
    }

    fn answer(&mut self, then: Way, now: Now) -> Way {
        self.frame.answer(now);
        self.state = State::Answering { then };
        Way::Stay
    }

    fn last_resort(&mut self, why: String, now: Now) -> Way {
        if self.frame.resort != Resort::No {
            self.frame.fault = true;
            return Way::Say(vec![Prompt::Say(say::SORRY_FAULT)], why);
        }
        self.frame.resort = Resort::Entering;
        self.frame.forget_known(now);
        self.frame.forget_incident(now);
        self.frame.forget_hops();
        self.frame.sleep_all();
        self.frame.stop_play(LegId::CALLER);
        self.frame.stop_records(RecordingEnd::MaxLength, now);
        self.frame.hang_up_others(&why, now);
        Way::Go(Some(self.flow.last_resort.clone()), why)
    }

    fn last_words(&mut self, prompts: Vec<Prompt>, why: String, now: Now) {
        if prompts.is_empty() {
            return self.finish(&why, now);
        }
        if self.frame.caller_is(LegState::Offered) {
            self.answer(Way::Say(prompts, why), now);
            return;
        }
        self.frame.sleep_node();
        self.state = State::Goodbye(Goodbye::enter(prompts, why, &mut self.frame, now));
    }

    // The end.

    fn finish(&mut self, why: &str, now: Now) {
        if matches!(self.state, State::Ending { .. } | State::Ended) {
            return;
        }
        if let State::Notice(noticing) = &mut self.state {
            noticing.conclude(&mut self.frame);
        }
        self.frame.forget_known(now);
        self.frame.forget_incident(now);
        self.frame.sleep_all();
        self.frame.stop_records(RecordingEnd::CallEnded, now);
        self.frame.hang_up_others(why, now);
        self.frame.hang_up(LegId::CALLER, LegCause::Released, why, now);
        self.state = State::Ending { why: why.to_owned() };
        self.try_end(now);
    }

    fn try_end(&mut self, now: Now) {
        let State::Ending { why } = &self.state else { return };
        if !self.frame.is_over() {
            return;
        }
        self.frame.settle_incident(now);
        let (outcome, rule) = self.frame.outcome();
        let why = format!("{rule}: {why}");
        self.frame.end(outcome, &why, now);
        self.state = State::Ended;
    }
}

impl Node {
    /// The caller must be answered before it.
    fn needs_audio(&self, frame: &Frame) -> bool {
        match self {
            Self::Announce(node) => !node.prompts.is_empty(),
            Self::ChooseLanguage(node) => node.needs_audio(),
            Self::Identify(node) => node.needs_audio(frame),
            Self::Known(_) => Known::needs_audio(frame),
            Self::Menu(_) | Self::Script(_) | Self::Connect(_) | Self::Engineer(_) | Self::Voicemail(_) => true,
            // These answer by their last words, if they have any.
            Self::Hangup(_) | Self::Block(_) | Self::Hours(_) | Self::Alert(_) | Self::Goto(_) => false,
        }
    }

    /// What happens there, for the timeline.
    const fn what(&self) -> &'static str {
        match self {
            Self::Announce(_) => "plays the announcement",
            Self::ChooseLanguage(_) => "asks for the language",
            Self::Hours(_) => "looks at the opening hours",
            Self::Block(_) => "looks at the blocklist",
            Self::Identify(_) => "finds out who the customer is",
            Self::Menu(_) => "offers a choice",
            Self::Script(_) => "asks the questions",
            Self::Connect(_) => "calls the engineers",
            Self::Known(_) => "looks for an incident and an open report of the caller",
            Self::Engineer(_) => "is the engineers' line",
            Self::Voicemail(_) => "takes a message",
            Self::Alert(_) => "describes the alert",
            Self::Goto(_) => "goes on elsewhere",
            Self::Hangup(_) => "says goodbye",
        }
    }
}

/// What a number without a flow does: says sorry; the alert stays.
fn nowhere() -> Flow {
    let node = NodeId::from("sorry");
    Flow {
        id: "nowhere".into(),
        start: node.clone(),
        nodes: [(node.clone(), Node::Hangup(vec![Prompt::Say(say::SORRY_FAULT)]))].into(),
        budget: std::time::Duration::from_mins(1),
        last_resort: node,
    }
}
