//! `connect`: people are called while the caller waits; whoever accepts is joined.

use crate::call::frame::{Callee, Frame, News, Way, spell};
use crate::call::hunt::{Goal, Hunt, Reply, Rules};
use crate::call::prompt::{Prompt, say};
use crate::call::timer::Timer;
use crate::directory::Destination;
use crate::fact::LegCause;
use crate::ids::{LegId, UserId};
use crate::now::Now;

use super::{Connect, ConnectTarget};

/// People are called, or one is there.
#[derive(Debug)]
pub(crate) struct Connecting {
    node: Connect,
    hunt: Hunt,
    /// The flow's budget ended while somebody was being joined.
    budget_over: bool,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// The caller waits.
    Waiting,
    /// Somebody accepted; the caller hears that.
    Joining { leg: LegId, person: Option<UserId> },
    /// They talk.
    Bridged { leg: LegId, person: Option<UserId> },
}

impl Connecting {
    pub(crate) fn enter(node: &Connect, frame: &mut Frame, now: Now) -> Result<Self, Way> {
        frame.needed = true;
        frame.typed.clear();
        // Whatever the flow says: only a fixed SIP address is joined without a key.
        let confirm = node.confirm || !matches!(&node.target, ConnectTarget::Fixed(Destination::Sip(_)));
        let mut prompts = Vec::new();
        if confirm {
            prompts.push(Prompt::Say(say::CALLING_ENGINEER));
        }
        if node.leave_key == Some('#') {
            prompts.push(Prompt::Say(say::LEAVE_QUEUE));
        }
        prompts.push(Prompt::Music);
        frame.play(LegId::CALLER, prompts, now);
        let rules = Rules {
            target: node.target.clone(),
            goal: Goal::Join,
            ring: node.ring,
            rounds: node.rounds,
            confirm,
            accept_wait: node.accept_wait,
        };
        let (hunt, reply) = Hunt::begin(rules, frame, now);
        let mut connecting = Self { node: node.clone(), hunt, budget_over: false, stage: Stage::Waiting };
        frame.wake(Timer::Connect, node.budget, now);
        connecting.comfort_later(frame, now);
        match connecting.take(reply, frame, now) {
            Way::Stay => Ok(connecting),
            way @ (Way::Go(..) | Way::Say(..) | Way::LastResort(_) | Way::Finish(_)) => Err(way),
        }
    }

    pub(crate) fn on(&mut self, news: News, frame: &mut Frame, now: Now) -> Way {
        match self.stage.clone() {
            Stage::Waiting => self.waiting(news, frame, now),
            Stage::Joining { leg, person } => self.joining(leg, person, &news, frame, now),
            Stage::Bridged { leg, .. } => match news {
                News::Callee(who, Callee::Ended(how)) if who == leg => {
                    Way::Finish(format!("the other side of the conversation {how}"))
                }
                News::Callee(..)
                | News::Digit(_)
                | News::Played
                | News::Recorded(_)
                | News::Found(..)
                | News::AlertTaken
                | News::Timer(_) => Way::Stay,
            },
        }
    }

    /// The caller is with a person, or will be in a moment: the budget does not end that.
    pub(crate) fn budget_over(&mut self) -> bool {
        self.budget_over = true;
        self.stage == Stage::Waiting
    }

    /// The caller hung up.
    pub(crate) fn caller_gone(&mut self, frame: &mut Frame, now: Now) {
        let why = "the caller hung up";
        match &self.stage {
            Stage::Waiting => self.hunt.stop(true, why, frame, now),
            Stage::Joining { leg, person } => {
                // Accepted by key, and still there: the alert is theirs.
                frame.acknowledge(person.clone(), "accepted by key; the caller hung up before being joined", now);
                let words = vec![Prompt::Say(say::ENGINEER_CALLER_GONE), Prompt::Say(say::ALERT_ACKNOWLEDGED)];
                frame.farewell(*leg, words, LegCause::Released, why, now);
            }
            Stage::Bridged { leg, .. } => frame.hang_up(*leg, LegCause::Released, why, now),
        }
    }

    /// For the page.
    pub(crate) fn state(&self) -> &'static str {
        match self.stage {
            Stage::Waiting => "calling",
            Stage::Joining { .. } | Stage::Bridged { .. } => "with",
        }
    }

    pub(crate) fn person(&self) -> Option<&UserId> {
        match &self.stage {
            Stage::Waiting => self.hunt.person(),
            Stage::Joining { person, .. } | Stage::Bridged { person, .. } => person.as_ref(),
        }
    }

    fn waiting(&mut self, news: News, frame: &mut Frame, now: Now) -> Way {
        match news {
            News::Digit(digit) if Some(digit) == self.node.leave_key => {
                self.leave(&format!("pressed {digit}: leaves the queue"), true, frame, now)
            }
            News::Timer(Timer::Comfort) => {
                frame.play(LegId::CALLER, vec![Prompt::Say(say::STILL_TRYING), Prompt::Music], now);
                self.comfort_later(frame, now);
                Way::Stay
            }
            News::Timer(Timer::Connect) => self.own_budget_over(frame, now),
            News::AlertTaken => {
                frame.note("goes on calling", "the alert was taken elsewhere, but the caller still waits", now);
                Way::Stay
            }
            News::Timer(
                Timer::Ring | Timer::Accept | Timer::Budget | Timer::NoInput | Timer::InterDigit | Timer::Stuck,
            )
            | News::Digit(_)
            | News::Played
            | News::Recorded(_)
            | News::Callee(..)
            | News::Found(..) => {
                let reply = self.hunt.on(news, frame, now);
                self.take(reply, frame, now)
            }
        }
    }

    fn own_budget_over(&mut self, frame: &mut Frame, now: Now) -> Way {
        let why = format!("nobody accepted within {}", spell(self.node.budget));
        if self.hunt.is_briefing() {
            self.hunt.close();
            frame.note("waits for the person who listens", &why, now);
            return Way::Stay;
        }
        self.leave(&why, false, frame, now)
    }

    fn leave(&mut self, why: &str, kindly: bool, frame: &mut Frame, now: Now) -> Way {
        self.hunt.stop(kindly, why, frame, now);
        frame.stop_play(LegId::CALLER);
        Way::Go(Some(self.node.on_nobody.clone()), why.to_owned())
    }

    fn take(&mut self, reply: Reply, frame: &mut Frame, now: Now) -> Way {
        match reply {
            Reply::Stay => Way::Stay,
            Reply::Nobody { why } => self.leave(&why, false, frame, now),
            Reply::Accepted { leg, person, why } => {
                frame.sleep_node();
                if self.joins_at_once() {
                    self.stage = Stage::Joining { leg, person: person.clone() };
                    return self.bridge(leg, person, &why, frame, now);
                }
                frame.play_short(LegId::CALLER, vec![Prompt::Say(say::CONNECTING)], now);
                frame.play_short(leg, vec![Prompt::Say(say::ENGINEER_JOINED)], now);
                self.stage = Stage::Joining { leg, person };
                Way::Stay
            }
        }
    }

    fn joins_at_once(&self) -> bool {
        !self.node.confirm && matches!(&self.node.target, ConnectTarget::Fixed(Destination::Sip(_)))
    }

    fn joining(&mut self, leg: LegId, person: Option<UserId>, news: &News, frame: &mut Frame, now: Now) -> Way {
        match news {
            News::Played => self.bridge(leg, person, "accepted by key on the phone and joined", frame, now),
            News::Callee(who, Callee::Ended(how)) if *who == leg => self.lost(how, frame, now),
            News::Callee(..)
            | News::Digit(_)
            | News::Recorded(_)
            | News::Found(..)
            | News::AlertTaken
            | News::Timer(_) => Way::Stay,
        }
    }

    fn bridge(&mut self, leg: LegId, person: Option<UserId>, why: &str, frame: &mut Frame, now: Now) -> Way {
        frame.sleep_all();
        frame.taken = true;
        frame.bridge(LegId::CALLER, leg, why, now);
        if !self.joins_at_once() {
            frame.acknowledge(person.clone(), why, now);
        }
        self.stage = Stage::Bridged { leg, person };
        Way::Stay
    }

    /// The person accepted and was gone before the two were joined.
    fn lost(&mut self, how: &str, frame: &mut Frame, now: Now) -> Way {
        self.stage = Stage::Waiting;
        let why = format!("whoever accepted {how} before being joined");
        if self.budget_over {
            return Way::LastResort(format!("{why}, and the flow's time is over"));
        }
        frame.note("goes on calling", &why, now);
        frame.play(LegId::CALLER, vec![Prompt::Say(say::STILL_TRYING), Prompt::Music], now);
        frame.wake(Timer::Connect, self.node.budget, now);
        self.comfort_later(frame, now);
        let reply = self.hunt.resume(&why, frame, now);
        self.take(reply, frame, now)
    }

    fn comfort_later(&self, frame: &mut Frame, now: Now) {
        if !self.node.comfort_every.is_zero() {
            frame.wake(Timer::Comfort, self.node.comfort_every, now);
        }
    }
}
