//! A notification by telephone: one phone, once. Until a key is pressed it hears only that somebody is wanted, for
//! what answers may be a mailbox. Then it hears what it is about: 1 acknowledges, 2 passes it on, 3 joins the caller
//! who waits. What comes of it is said by `Command::Answered`; keeping it is not this call's part.

use std::time::Duration;

use crate::call::flow::engineer::priority;
use crate::drill;
use crate::fact::{Fact, LegCause};
use crate::ids::{AlertId, LegId, UserId};
use crate::now::Now;

use super::frame::{Callee, Frame, News, Told, Way};
use super::outside::{NoticeAlert, NoticeAnswer, NoticeTo};
use super::prompt::{Prompt, PromptId, say};
use super::timer::Timer;

/// How long the phone rings.
const RING: Duration = Duration::from_secs(35);
/// How long an answered phone may be without a key.
const ACCEPT_WAIT: Duration = Duration::from_secs(20);
/// The whole call: never more than three minutes.
const WHOLE: Duration = Duration::from_secs(170);
/// How long to wait for a key after the words.
const KEY_WAIT: Duration = Duration::from_secs(8);
/// How often the knock is said; after that silence until the wait is over.
const KNOCKS: u32 = 5;
/// Between two knocks.
const KNOCK_PAUSE: Duration = Duration::from_secs(2);
/// How often the words are said to somebody who presses nothing.
const TELLS: u32 = 3;
/// Of many alerts so many are told one by one.
const ALERTS_TOLD: usize = 3;
/// So many of a caller's recordings are played.
const RECORDINGS_MAX: usize = 3;
/// A code has so many digits at least.
const CODE_MIN: usize = 6;
/// Between two things that are said.
const PAUSE: Duration = Duration::from_millis(400);

/// The phone is rung, or somebody listens.
#[derive(Debug)]
pub(crate) struct Noticing {
    to: NoticeTo,
    leg: LegId,
    stage: Stage,
    /// Said to the outside already.
    answered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The phone rings.
    Ringing,
    /// It was answered; a 1 is awaited.
    Knocking { knocks: u32 },
    /// A person listens; a key is awaited.
    Telling { tells: u32 },
    /// The leg is being handed over to the caller who waits.
    Joining,
}

impl Noticing {
    pub(crate) fn begin(to: NoticeTo, frame: &mut Frame, now: Now) -> Self {
        let why = match to.alerts.len() {
            0 => "asked for".to_owned(),
            _ => "to notify the person".to_owned(),
        };
        let leg = frame.dial(&to.destination, to.person.as_ref(), &to.language, &why, now);
        frame.wake(Timer::Ring, RING, now);
        frame.wake(Timer::Budget, WHOLE, now);
        Self { to, leg, stage: Stage::Ringing, answered: false }
    }

    /// For the page: a person listens, or nobody has accepted yet.
    pub(crate) const fn state(&self) -> &'static str {
        match self.stage {
            Stage::Ringing | Stage::Knocking { .. } => "calling",
            Stage::Telling { .. } | Stage::Joining => "telling",
        }
    }

    pub(crate) const fn person(&self) -> Option<&UserId> {
        self.to.person.as_ref()
    }

    /// The whole time is over.
    pub(crate) fn budget_over(&mut self, frame: &mut Frame) -> Way {
        self.give_up("three minutes are the most", frame)
    }

    /// It ends in whatever way: who waits for the answer gets one.
    pub(crate) fn conclude(&mut self, frame: &mut Frame) {
        let answer = if frame.heard { NoticeAnswer::Heard } else { NoticeAnswer::NoAnswer };
        self.say(answer, frame);
    }

    pub(crate) fn on(&mut self, news: News, frame: &mut Frame, now: Now) -> Way {
        match news {
            News::Callee(leg, callee) if leg == self.leg => self.callee(callee, frame, now),
            News::Timer(Timer::Ring) if self.stage == Stage::Ringing => {
                self.say(NoticeAnswer::NoAnswer, frame);
                frame.hang_up(self.leg, LegCause::NoAnswer, "rang without an answer", now);
                Way::Finish("nobody answered".to_owned())
            }
            News::Timer(Timer::Accept) => match self.stage {
                Stage::Knocking { .. } => self.give_up("answered but nobody pressed 1 (a mailbox?)", frame),
                Stage::Ringing | Stage::Telling { .. } | Stage::Joining => Way::Stay,
            },
            News::Timer(Timer::NoInput) => self.again(frame, now),
            News::Told(Told::Joined(leg, alert)) if leg == self.leg && self.stage == Stage::Joining => {
                self.joined(alert, frame, now)
            }
            News::Told(Told::MakeWay(leg)) if leg == self.leg => match self.stage {
                Stage::Ringing | Stage::Knocking { .. } => {
                    self.say(NoticeAnswer::Busy, frame);
                    Way::Finish("a caller who is on the line needs this phone".to_owned())
                }
                Stage::Telling { .. } | Stage::Joining => Way::Stay,
            },
            News::AlertTaken => self.taken_elsewhere(frame, now),
            News::Timer(_)
            | News::Callee(..)
            | News::Told(_)
            | News::Digit(_)
            | News::Played
            | News::Recorded(_)
            | News::Found(..) => Way::Stay,
        }
    }

    fn callee(&mut self, callee: Callee, frame: &mut Frame, now: Now) -> Way {
        match (self.stage, callee) {
            (Stage::Ringing, Callee::Answered) => {
                frame.sleep(Timer::Ring);
                frame.wake(Timer::Accept, ACCEPT_WAIT, now);
                self.knock(1, frame, now);
                Way::Stay
            }
            (Stage::Knocking { knocks }, Callee::Played) if knocks < KNOCKS => {
                self.knock(knocks + 1, frame, now);
                Way::Stay
            }
            (Stage::Knocking { .. }, Callee::Digit('1')) => {
                frame.sleep(Timer::Accept);
                frame.heard = true;
                frame.note("a person listens", "pressed 1", now);
                if self.to.alerts.is_empty() {
                    self.say(NoticeAnswer::Heard, frame);
                }
                self.tell(TELLS, frame, now);
                Way::Stay
            }
            (Stage::Telling { .. }, Callee::Played) if self.to.alerts.is_empty() => {
                Way::Finish("all was said".to_owned())
            }
            (Stage::Telling { .. }, Callee::Played) => {
                frame.wake(Timer::NoInput, KEY_WAIT, now);
                Way::Stay
            }
            (Stage::Telling { .. }, Callee::Digit(digit)) if !self.to.alerts.is_empty() => {
                self.pressed(digit, frame, now)
            }
            (_, Callee::Ended(how)) => {
                self.ended(frame);
                Way::Finish(format!("the person called {how}"))
            }
            (
                Stage::Ringing | Stage::Knocking { .. } | Stage::Telling { .. } | Stage::Joining,
                Callee::Ringing | Callee::Answered | Callee::Digit(_) | Callee::Played,
            ) => Way::Stay,
        }
    }

    fn ended(&mut self, frame: &mut Frame) {
        let answer = match frame.cause_of(self.leg) {
            _ if frame.heard => NoticeAnswer::Heard,
            Some(LegCause::Busy) => NoticeAnswer::Busy,
            Some(LegCause::Unreachable { reason } | LegCause::Failed { reason }) => {
                NoticeAnswer::Unreachable(reason.clone())
            }
            Some(LegCause::HungUp | LegCause::Released | LegCause::NoAnswer | LegCause::Rejected { .. }) | None => {
                NoticeAnswer::NoAnswer
            }
        };
        self.say(answer, frame);
    }

    fn knock(&mut self, knocks: u32, frame: &mut Frame, now: Now) {
        let words = match (self.to.alerts.is_empty(), &self.to.text) {
            (false, _) => say::ALERT_KNOCK,
            (true, Some(_)) => say::NOTICE_KNOCK,
            (true, None) => say::TEST_KNOCK,
        };
        frame.play(self.leg, vec![Prompt::Say(words), Prompt::Silence(KNOCK_PAUSE)], now);
        self.stage = Stage::Knocking { knocks };
    }

    fn tell(&mut self, tells: u32, frame: &mut Frame, now: Now) {
        let mut prompts = told(&self.to);
        prompts.extend(self.choice());
        frame.play(self.leg, prompts, now);
        self.stage = Stage::Telling { tells };
    }

    fn choice(&self) -> Vec<Prompt> {
        let choice = match self.to.alerts.len() {
            0 => return Vec::new(),
            1 => say::NOTICE_CHOICE,
            _ => say::NOTICE_CHOICE_ALL,
        };
        let join = self.to.caller_waits.then_some(say::NOTICE_JOIN);
        std::iter::once(choice).chain(join).map(Prompt::Say).collect()
    }

    fn again(&mut self, frame: &mut Frame, now: Now) -> Way {
        let Stage::Telling { tells } = self.stage else { return Way::Stay };
        if tells <= 1 {
            return self.give_up("a person listened but pressed nothing", frame);
        }
        self.tell(tells - 1, frame, now);
        Way::Stay
    }

    fn pressed(&mut self, digit: char, frame: &mut Frame, now: Now) -> Way {
        match digit {
            '1' => {
                self.accepted("pressed 1: has it", frame, now);
                frame.taken = true;
                self.say(NoticeAnswer::Acknowledged, frame);
                self.farewell(say::ALERT_ACKNOWLEDGED, "acknowledged by key on the phone", frame, now)
            }
            '2' => {
                frame.keep(
                    Fact::LegDeclined { leg: self.leg, person: self.to.person.clone() },
                    "pressed 2: to the next level",
                    now,
                );
                self.say(NoticeAnswer::Escalate, frame);
                self.farewell(say::NOTICE_ESCALATED, "passed on by key on the phone", frame, now)
            }
            '3' => {
                frame.stop_play(self.leg);
                frame.sleep(Timer::NoInput);
                frame.note("asks to be joined with the caller", "pressed 3", now);
                let alerts: Vec<AlertId> = self.to.alerts.iter().map(|alert| alert.id).collect();
                let (person, language) = (self.to.person.clone(), self.to.language.clone());
                frame.join_caller(self.leg, alerts, person, language, now);
                self.stage = Stage::Joining;
                Way::Stay
            }
            _ => Way::Stay,
        }
    }

    fn accepted(&self, why: &str, frame: &mut Frame, now: Now) {
        frame.keep(Fact::LegAccepted { leg: self.leg, person: self.to.person.clone() }, why, now);
    }

    fn joined(&mut self, alert: Option<AlertId>, frame: &mut Frame, now: Now) -> Way {
        let Some(_) = alert else {
            frame.note("no caller waits any more", "the person is told so", now);
            let mut prompts = vec![Prompt::Say(say::NOTICE_NO_CALLER)];
            self.to.caller_waits = false;
            prompts.extend(self.choice());
            frame.play(self.leg, prompts, now);
            self.stage = Stage::Telling { tells: TELLS };
            return Way::Stay;
        };
        self.accepted("pressed 3: joins the caller", frame, now);
        frame.taken = true;
        frame.handed_over(self.leg, "goes on in the caller's call", now);
        self.say(NoticeAnswer::Joined, frame);
        Way::Finish("joined the caller who waits".to_owned())
    }

    /// Somebody else has it. Of several alerts the others still need somebody.
    fn taken_elsewhere(&mut self, frame: &mut Frame, now: Now) -> Way {
        if self.to.alerts.len() != 1 || self.answered {
            return Way::Stay;
        }
        match self.stage {
            Stage::Ringing | Stage::Knocking { .. } => {
                frame.settled_elsewhere = true;
                self.say(NoticeAnswer::NoAnswer, frame);
                Way::Finish("the alert was taken meanwhile".to_owned())
            }
            Stage::Telling { .. } => {
                self.say(NoticeAnswer::Heard, frame);
                self.farewell(say::NOTICE_TAKEN, "the alert was taken meanwhile", frame, now)
            }
            // The caller's own call decides that.
            Stage::Joining => Way::Stay,
        }
    }

    fn give_up(&mut self, why: &str, frame: &mut Frame) -> Way {
        self.conclude(frame);
        Way::Finish(why.to_owned())
    }

    fn farewell(&self, words: PromptId, why: &str, frame: &mut Frame, now: Now) -> Way {
        frame.farewell(self.leg, vec![Prompt::Say(words)], LegCause::Released, why, now);
        Way::Finish(why.to_owned())
    }

    fn say(&mut self, answer: NoticeAnswer, frame: &mut Frame) {
        if !std::mem::replace(&mut self.answered, true) {
            frame.tell_answer(answer);
        }
    }
}

/// What is said after the key.
fn told(to: &NoticeTo) -> Vec<Prompt> {
    if to.alerts.is_empty() {
        return match &to.text {
            None => vec![Prompt::Say(say::TEST_HEARD), Prompt::Say(say::GOODBYE)],
            Some(text) => match code_in(text.reveal()) {
                Some(code) => {
                    let once = [Prompt::Say(say::CODE_IS), Prompt::Digits(code.into()), Prompt::Silence(KNOCK_PAUSE)];
                    once.iter().cycle().take(once.len() * 2).cloned().chain([Prompt::Say(say::GOODBYE)]).collect()
                }
                None => vec![Prompt::Name(text.clone()), Prompt::Silence(PAUSE), Prompt::Say(say::GOODBYE)],
            },
        };
    }
    let mut prompts = Vec::new();
    if to.alerts.len() > 1 {
        let number = to.alerts.len().to_string();
        prompts.extend([Prompt::Say(say::NOTICE_MANY), Prompt::Digits(number.into()), Prompt::Silence(PAUSE)]);
    }
    for alert in to.alerts.iter().take(ALERTS_TOLD) {
        prompts.extend(about(alert, to.alerts.len() == 1));
    }
    prompts
}

/// The code that a text is about, if it is about one: six digits or more in a row, the only ones in it.
pub fn code_in(text: &str) -> Option<&str> {
    let mut runs = text.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty());
    runs.next().filter(|run| run.len() >= CODE_MIN && runs.next().is_none())
}

fn about(alert: &NoticeAlert, at_length: bool) -> Vec<Prompt> {
    // Recorded, not only in the title: where there is no voice nobody would hear it there.
    let mut prompts: Vec<Prompt> =
        drill::is_marked(&alert.title).then_some(Prompt::Say(say::NOTICE_DRILL)).into_iter().collect();
    prompts.extend([Prompt::Say(say::NOTICE_ALERT), Prompt::Digits(alert.reference.clone().into())]);
    prompts.extend(alert.priority.map(|level| Prompt::Say(priority(level))));
    if let Some(customer) = &alert.customer {
        prompts.extend([Prompt::Say(say::NOTICE_CUSTOMER), Prompt::Name(customer.clone().into())]);
    }
    prompts.extend([Prompt::Name(alert.title.clone().into()), Prompt::Silence(PAUSE)]);
    if at_length && let Some(runbook) = &alert.runbook {
        prompts.extend([Prompt::Name(runbook.clone().into()), Prompt::Silence(PAUSE)]);
    }
    if at_length && !alert.recordings.is_empty() {
        prompts.push(Prompt::Say(say::ENGINEER_CALLER_SAID));
        prompts.extend(alert.recordings.iter().take(RECORDINGS_MAX).copied().map(Prompt::Recording));
    }
    prompts
}
