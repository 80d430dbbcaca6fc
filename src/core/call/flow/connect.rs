//! `connect`: people are called while the caller waits; whoever accepts is joined. In the conversation the
//! engineer's keys do more: star 1 brings in the next level, star 2 hands the caller back, star 3 closes the report;
//! 9, pressed by either of the two, ends the recording of it ([`taped`]).

use std::time::Duration;

use crate::call::frame::{Callee, Frame, News, Way, spell};
use crate::call::hunt::{Goal, Hunt, Reply, Rules};
use crate::call::prompt::{Prompt, say};
use crate::call::timer::Timer;
use crate::directory::{Destination, Language};
use crate::fact::LegCause;
use crate::ids::{LegId, UserId};
use crate::now::Now;

use super::taped::{self, REFUSE, Taping};
use super::{Connect, ConnectTarget};

/// People are called, or one is there.
#[derive(Debug)]
pub(crate) struct Connecting {
    node: Connect,
    hunt: Hunt,
    /// The flow's budget ended while somebody was being joined.
    budget_over: bool,
    /// Whether what they say is recorded.
    taping: Taping,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// The caller waits.
    Waiting,
    /// Somebody accepted; the caller hears that.
    Joining { leg: LegId, person: Option<UserId> },
    /// They talk.
    Bridged(Talk),
}

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Talk {
    leg: LegId,
    person: Option<UserId>,
    /// The engineer pressed star; what it is for comes next.
    star: bool,
    /// The next level is being called meanwhile.
    calls_next: bool,
}

/// Between star and the key that follows it.
const STAR_WAIT: Duration = Duration::from_secs(4);

impl Connecting {
    pub(crate) fn enter(node: &Connect, frame: &mut Frame, now: Now) -> Result<Self, Way> {
        frame.needed = true;
        frame.goes_on("engineers are called", now);
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
        let mut connecting =
            Self { node: node.clone(), hunt, budget_over: false, taping: Taping::No, stage: Stage::Waiting };
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
            Stage::Bridged(talk) => self.bridged(talk, news, frame, now),
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
            Stage::Bridged(talk) => {
                frame.hang_up(talk.leg, LegCause::Released, why, now);
                self.hunt.stop(true, why, frame, now);
            }
        }
    }

    /// The caller waits for somebody.
    pub(crate) fn is_waiting(&self) -> bool {
        self.stage == Stage::Waiting
    }

    /// Somebody who was notified by telephone wants to be joined with the waiting caller.
    pub(crate) fn walk_in(
        &mut self,
        person: Option<UserId>,
        language: &Language,
        frame: &mut Frame,
        now: Now,
    ) -> LegId {
        let leg = frame.receive(person.as_ref(), language, now);
        self.hunt.stop_taken("somebody who was notified takes the caller", frame, now);
        self.accepted(leg, person, frame, now);
        leg
    }

    /// For the page.
    pub(crate) fn state(&self) -> &'static str {
        match self.stage {
            Stage::Waiting => "calling",
            Stage::Joining { .. } | Stage::Bridged(_) => "with",
        }
    }

    pub(crate) fn person(&self) -> Option<&UserId> {
        match &self.stage {
            Stage::Waiting => self.hunt.person(),
            Stage::Joining { person, .. } | Stage::Bridged(Talk { person, .. }) => person.as_ref(),
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
            | News::Found(..)
            | News::Told(_) => {
                let reply = self.hunt.on(news, frame, now);
                self.take(reply, frame, now)
            }
        }
    }

    fn own_budget_over(&mut self, frame: &mut Frame, now: Now) -> Way {
        let why = format!("nobody accepted within {}", spell(self.node.budget));
        if self.hunt.is_briefing() {
            self.hunt.close(frame, now);
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
                self.taping = Taping::begin(&self.node, frame, now);
                if self.joins_at_once() && !self.taping.announces() {
                    self.stage = Stage::Joining { leg, person: person.clone() };
                    return self.bridge(leg, person, &why, frame, now);
                }
                self.accepted(leg, person, frame, now);
                Way::Stay
            }
        }
    }

    fn accepted(&mut self, leg: LegId, person: Option<UserId>, frame: &mut Frame, now: Now) {
        frame.sleep_node();
        self.taping = Taping::begin(&self.node, frame, now);
        let (longest, caller, engineer) = self.taping.words();
        frame.play_within(LegId::CALLER, vec![Prompt::Say(caller)], Some(longest), false, now);
        frame.play_short(leg, vec![Prompt::Say(engineer)], now);
        self.stage = Stage::Joining { leg, person };
    }

    fn joins_at_once(&self) -> bool {
        !self.node.confirm && matches!(&self.node.target, ConnectTarget::Fixed(Destination::Sip(_)))
    }

    fn joining(&mut self, leg: LegId, person: Option<UserId>, news: &News, frame: &mut Frame, now: Now) -> Way {
        match news {
            News::Played => {
                self.taping = self.taping.told(frame, now);
                let why = if self.joins_at_once() { "answered" } else { "accepted by key on the phone and joined" };
                self.bridge(leg, person, why, frame, now)
            }
            News::Digit(REFUSE) => self.refuse(LegId::CALLER, leg, frame, now),
            News::Callee(who, Callee::Digit(REFUSE)) if *who == leg => self.refuse(leg, leg, frame, now),
            News::Callee(who, Callee::Ended(how)) if *who == leg => self.lost(how, frame, now),
            News::Callee(..)
            | News::Digit(_)
            | News::Recorded(_)
            | News::Found(..)
            | News::Told(_)
            | News::AlertTaken
            | News::Timer(_) => Way::Stay,
        }
    }

    fn bridge(&mut self, leg: LegId, person: Option<UserId>, why: &str, frame: &mut Frame, now: Now) -> Way {
        frame.sleep_all();
        frame.taken = true;
        frame.bridge(LegId::CALLER, leg, leg, why, now);
        self.taping = self.taping.joined(frame, now);
        if !self.joins_at_once() {
            frame.acknowledge(person.clone(), why, now);
        }
        self.stage = Stage::Bridged(Talk { leg, person, star: false, calls_next: false });
        Way::Stay
    }

    /// One of the two does not want to be recorded; both are told.
    fn refuse(&mut self, by: LegId, leg: LegId, frame: &mut Frame, now: Now) -> Way {
        if let Some(taping) = self.taping.refused(by, frame, now) {
            self.taping = taping;
            frame.play_short(LegId::CALLER, taped::off(), now);
            frame.play_short(leg, taped::off(), now);
        }
        Way::Stay
    }

    /// The person accepted and was gone before the two were joined.
    fn lost(&mut self, how: &str, frame: &mut Frame, now: Now) -> Way {
        self.taping = Taping::No;
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

    // The conversation.

    fn bridged(&mut self, talk: Talk, news: News, frame: &mut Frame, now: Now) -> Way {
        match news {
            News::Callee(who, Callee::Ended(how)) if who == talk.leg => self.left(&talk, &how, frame, now),
            News::Digit(REFUSE) => self.refuse(LegId::CALLER, talk.leg, frame, now),
            News::Callee(who, Callee::Digit(REFUSE)) if who == talk.leg && self.taping != Taping::No => {
                self.stage = Stage::Bridged(Talk { star: false, ..talk });
                self.refuse(who, who, frame, now)
            }
            News::Callee(who, Callee::Digit(digit)) if who == talk.leg && !self.joins_at_once() => {
                self.pressed(talk, digit, frame, now)
            }
            News::Timer(Timer::InterDigit) => {
                self.stage = Stage::Bridged(Talk { star: false, ..talk });
                Way::Stay
            }
            News::Callee(who, _) if who == talk.leg => Way::Stay,
            News::Callee(..) | News::Found(..) | News::Timer(Timer::Ring | Timer::Accept) if talk.calls_next => {
                let reply = self.hunt.on(news, frame, now);
                self.next_level(talk, reply, frame, now)
            }
            News::Callee(..)
            | News::Digit(_)
            | News::Played
            | News::Recorded(_)
            | News::Found(..)
            | News::Told(_)
            | News::AlertTaken
            | News::Timer(_) => Way::Stay,
        }
    }

    /// The engineer pressed a key: star and 1, 2 or 3.
    fn pressed(&mut self, talk: Talk, digit: char, frame: &mut Frame, now: Now) -> Way {
        if digit == '*' {
            frame.wake(Timer::InterDigit, STAR_WAIT, now);
            self.stage = Stage::Bridged(Talk { star: true, ..talk });
            return Way::Stay;
        }
        if !talk.star {
            return Way::Stay;
        }
        frame.sleep(Timer::InterDigit);
        let talk = Talk { star: false, ..talk };
        self.stage = Stage::Bridged(talk.clone());
        match digit {
            '1' if !talk.calls_next => self.bring_in(talk, frame, now),
            '2' => self.hand_back(&talk, frame, now),
            '3' => self.resolve(&talk, frame, now),
            _ => Way::Stay,
        }
    }

    /// Star 1: the next people are called while the two talk on.
    fn bring_in(&mut self, talk: Talk, frame: &mut Frame, now: Now) -> Way {
        frame.note("brings in the next level", "the engineer pressed star 1", now);
        frame.play_short(talk.leg, vec![Prompt::Say(say::ENGINEER_NEXT_CALLED)], now);
        let reply = self.hunt.go_on_without(talk.person.as_ref(), "star 1", frame, now);
        self.next_level(Talk { calls_next: true, ..talk }, reply, frame, now)
    }

    fn next_level(&mut self, talk: Talk, reply: Reply, frame: &mut Frame, now: Now) -> Way {
        match reply {
            Reply::Stay => self.stage = Stage::Bridged(talk),
            Reply::Nobody { why } => {
                frame.note("nobody else is there; the two talk on", &why, now);
                frame.play_short(talk.leg, vec![Prompt::Say(say::ENGINEER_NEXT_NOBODY)], now);
                self.stage = Stage::Bridged(Talk { calls_next: false, ..talk });
            }
            Reply::Accepted { leg, person, why } => {
                let why = format!("brought in by star 1; {why}");
                frame.bridge(LegId::CALLER, leg, leg, &why, now);
                if let Taping::Running(_) = self.taping {
                    // The recording goes on; whoever is new in it must know.
                    frame.play_short(leg, vec![Prompt::Say(say::RECORDING_ENGINEER)], now);
                }
                frame.assign(person.as_ref(), talk.person.as_ref(), &why, now);
                let words = vec![Prompt::Say(say::ENGINEER_NEXT_THERE)];
                frame.farewell(talk.leg, words, LegCause::Released, "the next level has taken over", now);
                self.stage = Stage::Bridged(Talk { leg, person, star: false, calls_next: false });
            }
        }
        Way::Stay
    }

    /// The engineer is gone. If the next level is being called, the caller waits for it.
    fn left(&mut self, talk: &Talk, how: &str, frame: &mut Frame, now: Now) -> Way {
        if !talk.calls_next {
            return Way::Finish(format!("the other side of the conversation {how}"));
        }
        let why = format!("whoever called for the next level {how}");
        self.wait_again(talk, &why, vec![Prompt::Say(say::STILL_TRYING), Prompt::Music], frame, now);
        Way::Stay
    }

    /// Star 2: the caller goes on being connected behind this engineer.
    fn hand_back(&mut self, talk: &Talk, frame: &mut Frame, now: Now) -> Way {
        let why = "the engineer pressed star 2";
        let words = vec![Prompt::Say(say::ENGINEER_HANDED_BACK)];
        frame.farewell(talk.leg, words, LegCause::Released, "handed the caller back", now);
        self.wait_again(talk, why, vec![Prompt::Say(say::HANDED_BACK), Prompt::Music], frame, now);
        if talk.calls_next {
            return Way::Stay;
        }
        let reply = self.hunt.go_on_without(talk.person.as_ref(), why, frame, now);
        self.take(reply, frame, now)
    }

    /// The caller waits again, and nobody has the alert. The flow's time begins anew: a person had taken the call.
    fn wait_again(&mut self, talk: &Talk, why: &str, prompts: Vec<Prompt>, frame: &mut Frame, now: Now) {
        frame.taken = false;
        self.taping = self.taping.over(frame, now);
        frame.note("the caller waits again", why, now);
        frame.unacknowledge(talk.person.as_ref(), why, now);
        frame.play(LegId::CALLER, prompts, now);
        frame.sleep(Timer::InterDigit);
        frame.wake(Timer::Connect, self.node.budget, now);
        frame.wake(Timer::Budget, frame.budget, now);
        self.budget_over = false;
        self.comfort_later(frame, now);
        self.stage = Stage::Waiting;
    }

    /// Star 3: it is over.
    fn resolve(&mut self, talk: &Talk, frame: &mut Frame, now: Now) -> Way {
        self.taping = self.taping.over(frame, now);
        frame.resolve(talk.person.as_ref(), "the engineer pressed star 3", now);
        let words = vec![Prompt::Say(say::ENGINEER_RESOLVED)];
        frame.farewell(talk.leg, words, LegCause::Released, "closed the report", now);
        Way::Say(vec![Prompt::Say(say::REPORT_CLOSED)], "the engineer closed the report".to_owned())
    }

    fn comfort_later(&self, frame: &mut Frame, now: Now) {
        if !self.node.comfort_every.is_zero() {
            frame.wake(Timer::Comfort, self.node.comfort_every, now);
        }
    }
}
