//! `engineer`: the engineers' line. Who dials in from an engineer's own phone, or types an engineer's PIN, hears the
//! open alerts, the loudest first: 1 acknowledge, 2 next, 3 ring the caller back, 4 close.

use std::cmp::Reverse;
use std::time::Duration;

use crate::alert;
use crate::call::command::DialId;
use crate::call::frame::{Callee, Frame, News, Told, Way};
use crate::call::outside::LineAlert;
use crate::call::prompt::{Prompt, PromptId, say};
use crate::call::timer::Timer;
use crate::drill;
use crate::fact::{Actor, LegCause, Priority};
use crate::ids::{LegId, UserId};
use crate::now::Now;

use super::Engineer;

/// No PIN is longer.
const PIN_MAX: usize = 20;
/// Wrong PINs of a source before each further try is slowed down.
const FREE_PINS: u32 = 3;
/// The longest that a source is slowed down.
const SLOWED_MAX: Duration = Duration::from_secs(30);
/// Wrong PINs of a source after which it is turned away.
const PINS_MAX: u32 = 12;
/// How long a caller's phone rings.
const RING: Duration = Duration::from_secs(45);
/// So many of a caller's recordings are played.
const RECORDINGS_MAX: usize = 3;
/// Between two things that are said about an alert.
const PAUSE: Duration = Duration::from_millis(300);

/// Somebody rang the engineers' line.
#[derive(Debug)]
pub(crate) struct OnLine {
    node: Engineer,
    /// Tries left: PINs, or times that an alert is said to somebody silent.
    tries: u32,
    pin: String,
    alerts: Vec<LineAlert>,
    place: usize,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// A PIN is awaited.
    AskingPin,
    /// The open alerts are looked up.
    Listing(DialId),
    /// An alert is read out; a key is awaited.
    Telling,
    /// The engineer's word is being kept.
    Ordering { dial: DialId, deed: Deed },
    /// The caller's phone is called.
    Calling { leg: LegId },
    /// The engineer and the caller talk.
    Talking { leg: LegId },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Acknowledge,
    Resolve,
}

impl OnLine {
    /// Err: nobody can prove to be an engineer, or the source is turned away.
    pub(crate) fn enter(node: &Engineer, frame: &mut Frame, now: Now) -> Result<Self, Way> {
        let mut line = Self {
            node: node.clone(),
            tries: node.tries,
            pin: String::new(),
            alerts: Vec::new(),
            place: 0,
            stage: Stage::AskingPin,
        };
        if let Some(user) = frame.staff.clone().or_else(|| by_phone(frame)) {
            line.proven(user, "rings from an engineer's own phone", frame, now);
            return Ok(line);
        }
        let anybody = frame.directory.users.values().any(|user| user.pin.is_some());
        if !anybody || node.tries == 0 {
            frame.is_no_staff(now);
            return Err(Way::Go(Some(node.give_up.clone()), "no engineer has a PIN".to_owned()));
        }
        if frame.wrong_pins >= PINS_MAX {
            return Err(locked("too many wrong PINs from this source lately", frame));
        }
        Self::ask(None, frame, now);
        for digit in std::mem::take(&mut frame.typed) {
            match line.pin_key(digit, frame, now) {
                Way::Stay => {}
                way @ (Way::Go(..) | Way::Say(..) | Way::LastResort(_) | Way::Finish(_)) => return Err(way),
            }
        }
        Ok(line)
    }

    pub(crate) fn on(&mut self, news: &News, frame: &mut Frame, now: Now) -> Way {
        match self.stage.clone() {
            Stage::AskingPin => self.asking(news, frame, now),
            Stage::Listing(dial) => match news {
                News::Told(Told::Alerts(answered, alerts)) if *answered == dial => {
                    self.listed(alerts.clone(), frame, now)
                }
                News::Told(_)
                | News::Digit(_)
                | News::Played
                | News::Recorded(_)
                | News::Callee(..)
                | News::Found(..)
                | News::AlertTaken
                | News::Timer(_) => Way::Stay,
            },
            Stage::Telling => self.telling(news, frame, now),
            Stage::Ordering { dial, deed } => match news {
                News::Told(Told::Ordered(answered, done)) if *answered == dial => self.ordered(deed, *done, frame, now),
                News::Told(_)
                | News::Digit(_)
                | News::Played
                | News::Recorded(_)
                | News::Callee(..)
                | News::Found(..)
                | News::AlertTaken
                | News::Timer(_) => Way::Stay,
            },
            Stage::Calling { leg } => self.calling(leg, news, frame, now),
            Stage::Talking { leg } => self.talking(leg, news, frame, now),
        }
    }

    /// For the page.
    pub(crate) const fn state(&self) -> &'static str {
        match self.stage {
            Stage::AskingPin => "identifying",
            Stage::Listing(_) | Stage::Telling | Stage::Ordering { .. } => "hearing alerts",
            Stage::Calling { .. } | Stage::Talking { .. } => "ringing back",
        }
    }

    /// The flow's time is over: false while the engineer talks to a caller.
    pub(crate) const fn budget_over(&self) -> bool {
        !matches!(self.stage, Stage::Talking { .. })
    }

    // Who is it?

    fn ask(first: Option<PromptId>, frame: &mut Frame, now: Now) {
        let wrong = frame.wrong_pins;
        let mut prompts: Vec<Prompt> = first.into_iter().map(Prompt::Say).collect();
        if wrong >= FREE_PINS {
            let slowed = Duration::from_secs(1 << (wrong - FREE_PINS).min(5)).min(SLOWED_MAX);
            prompts.push(Prompt::Silence(slowed));
        }
        prompts.push(Prompt::Say(say::LINE_PIN));
        frame.play(LegId::CALLER, prompts, now);
    }

    fn asking(&mut self, news: &News, frame: &mut Frame, now: Now) -> Way {
        match news {
            News::Digit(digit) => self.pin_key(*digit, frame, now),
            News::Played => {
                frame.wake(Timer::NoInput, self.node.wait, now);
                Way::Stay
            }
            News::Timer(Timer::InterDigit) => self.typed(frame, now),
            // Silent, or a caller who came here by mistake: people must not be left alone with a question.
            News::Timer(Timer::NoInput) => {
                frame.is_no_staff(now);
                Way::Go(Some(self.node.give_up.clone()), "no PIN was typed".to_owned())
            }
            News::Timer(
                Timer::Budget | Timer::Ring | Timer::Accept | Timer::Comfort | Timer::Connect | Timer::Stuck,
            )
            | News::Recorded(_)
            | News::Callee(..)
            | News::Found(..)
            | News::Told(_)
            | News::AlertTaken => Way::Stay,
        }
    }

    fn pin_key(&mut self, digit: char, frame: &mut Frame, now: Now) -> Way {
        // While a source is slowed down the silence before the question is not to be skipped.
        if frame.wrong_pins < FREE_PINS {
            frame.stop_play(LegId::CALLER);
        } else if frame.plays_to(LegId::CALLER) {
            return Way::Stay;
        }
        frame.sleep(Timer::NoInput);
        if digit == '#' {
            return self.typed(frame, now);
        }
        if self.pin.len() < PIN_MAX {
            self.pin.push(digit);
        }
        frame.wake(Timer::InterDigit, self.node.wait, now);
        Way::Stay
    }

    fn typed(&mut self, frame: &mut Frame, now: Now) -> Way {
        frame.sleep(Timer::InterDigit);
        let pin = std::mem::take(&mut self.pin);
        // Other calls of this source go on meanwhile: what they typed counts before this one is judged, even if it is right.
        if frame.wrong_pins >= PINS_MAX {
            return locked("too many wrong PINs from this source lately; this one was not looked at", frame);
        }
        let user = frame.directory.user_by_pin(&pin).map(|user| user.id.clone());
        if let Some(user) = user {
            self.proven(user, "typed an engineer's PIN", frame, now);
            return Way::Stay;
        }
        frame.wrong_pin();
        self.tries = self.tries.saturating_sub(1);
        if self.tries == 0 {
            return locked("no engineer's PIN, and no tries left", frame);
        }
        frame.note("asks for the PIN again", "it is no engineer's", now);
        Self::ask(Some(say::PIN_UNKNOWN), frame, now);
        Way::Stay
    }

    fn proven(&mut self, user: UserId, why: &str, frame: &mut Frame, now: Now) {
        let language = frame.directory.users.get(&user).map(|user| user.language.clone());
        if frame.staff.is_none() {
            frame.is_staff(user, why, now);
        }
        if let Some(language) = language.filter(|language| *language != frame.language) {
            frame.speak(language, "the engineer's language", now);
        }
        self.stage = Stage::Listing(frame.list_alerts(now));
    }

    // The alerts.

    fn listed(&mut self, alerts: Option<Vec<LineAlert>>, frame: &mut Frame, now: Now) -> Way {
        let Some(mut alerts) = alerts else {
            let words = vec![Prompt::Say(say::LINE_UNKNOWN), Prompt::Say(say::GOODBYE)];
            return Way::Say(words, "the open alerts can't be looked up".to_owned());
        };
        alerts.sort_by_key(|alert| (alert.urgency, alert.taken, alert.priority, Reverse(alert.opened)));
        frame.note(&format!("{} alerts are open", alerts.len()), "", now);
        self.alerts = alerts;
        self.place = 0;
        let number = self.alerts.len().to_string();
        self.tell(vec![Prompt::Say(say::LINE_OPEN), Prompt::Digits(number.into())], frame, now)
    }

    /// Reads the alert out, after these words.
    fn tell(&mut self, mut prompts: Vec<Prompt>, frame: &mut Frame, now: Now) -> Way {
        self.tries = self.node.tries.max(1);
        let Some(alert) = self.alerts.get(self.place) else {
            frame.about = None;
            let words = vec![Prompt::Say(say::LINE_NONE), Prompt::Say(say::GOODBYE)];
            return Way::Say(words, "no alert is left to be read out".to_owned());
        };
        frame.about = Some(alert.id);
        prompts.extend(spoken(alert));
        frame.note(&format!("alert {} is read out", alert.reference), "", now);
        self.stage = Stage::Telling;
        frame.play(LegId::CALLER, prompts, now);
        Way::Stay
    }

    fn telling(&mut self, news: &News, frame: &mut Frame, now: Now) -> Way {
        match news {
            News::Digit(digit) => self.pressed(*digit, frame, now),
            News::Played => {
                frame.wake(Timer::NoInput, self.node.wait, now);
                Way::Stay
            }
            News::Timer(Timer::NoInput) => {
                self.tries = self.tries.saturating_sub(1);
                if self.tries == 0 {
                    return Way::Say(vec![Prompt::Say(say::GOODBYE)], "the engineer presses nothing".to_owned());
                }
                frame.play(LegId::CALLER, vec![Prompt::Say(say::LINE_CHOICE)], now);
                Way::Stay
            }
            News::Timer(
                Timer::Budget
                | Timer::InterDigit
                | Timer::Ring
                | Timer::Accept
                | Timer::Comfort
                | Timer::Connect
                | Timer::Stuck,
            )
            | News::Recorded(_)
            | News::Callee(..)
            | News::Found(..)
            | News::Told(_)
            | News::AlertTaken => Way::Stay,
        }
    }

    fn pressed(&mut self, digit: char, frame: &mut Frame, now: Now) -> Way {
        if !matches!(digit, '1'..='4') {
            return Way::Stay;
        }
        frame.stop_play(LegId::CALLER);
        frame.sleep(Timer::NoInput);
        match digit {
            '1' => self.order(Deed::Acknowledge, frame, now),
            '4' => self.order(Deed::Resolve, frame, now),
            '3' => self.ring_back(frame, now),
            _ => {
                self.place = (self.place + 1) % self.alerts.len().max(1);
                self.tell(Vec::new(), frame, now)
            }
        }
    }

    fn order(&mut self, deed: Deed, frame: &mut Frame, now: Now) -> Way {
        let (Some(alert), Some(user)) = (self.alerts.get(self.place), frame.staff.clone()) else { return Way::Stay };
        let (id, command) = match deed {
            Deed::Acknowledge => (alert.id, alert::Command::Acknowledge),
            Deed::Resolve => (alert.id, alert::Command::Resolve),
        };
        let dial = frame.order(id, command, Actor::Person(user), now);
        self.stage = Stage::Ordering { dial, deed };
        Way::Stay
    }

    fn ordered(&mut self, deed: Deed, done: bool, frame: &mut Frame, now: Now) -> Way {
        if !done {
            frame.note("the engineer's word could not be kept", "the engineer is told so", now);
            return self.tell(vec![Prompt::Say(say::LINE_FAILED)], frame, now);
        }
        match deed {
            Deed::Acknowledge => {
                if let Some(alert) = self.alerts.get_mut(self.place) {
                    alert.taken = true;
                }
                self.stage = Stage::Telling;
                let words = vec![Prompt::Say(say::ALERT_ACKNOWLEDGED), Prompt::Say(say::LINE_CHOICE)];
                frame.play(LegId::CALLER, words, now);
                Way::Stay
            }
            Deed::Resolve => {
                self.alerts.remove(self.place);
                self.place = if self.place < self.alerts.len() { self.place } else { 0 };
                self.tell(vec![Prompt::Say(say::LINE_DONE)], frame, now)
            }
        }
    }

    // Ringing back.

    fn ring_back(&mut self, frame: &mut Frame, now: Now) -> Way {
        let Some(alert) = self.alerts.get(self.place) else { return Way::Stay };
        match alert.callback.clone() {
            Ok(destination) => {
                let why = format!("the engineer rings the caller of alert {} back", alert.reference);
                let language = frame.language.clone();
                let leg = frame.dial(&destination, None, &language, &why, now);
                frame.play(LegId::CALLER, vec![Prompt::Say(say::LINE_CALLING_BACK), Prompt::Music], now);
                frame.wake(Timer::Ring, RING, now);
                self.stage = Stage::Calling { leg };
            }
            Err(why) => {
                frame.note("the caller can't be rung back", &why, now);
                let words = vec![Prompt::Say(say::LINE_NO_CALLBACK), Prompt::Say(say::LINE_CHOICE)];
                frame.play(LegId::CALLER, words, now);
            }
        }
        Way::Stay
    }

    fn calling(&mut self, leg: LegId, news: &News, frame: &mut Frame, now: Now) -> Way {
        match news {
            News::Callee(who, Callee::Answered) if *who == leg => {
                frame.sleep(Timer::Ring);
                // A conversation has no budget.
                frame.sleep_all();
                frame.bridge(LegId::CALLER, leg, LegId::CALLER, "the caller's phone was answered", now);
                self.stage = Stage::Talking { leg };
                Way::Stay
            }
            News::Callee(who, Callee::Ended(_)) if *who == leg => self.rung_back(frame, now),
            News::Digit('#') => self.stop_ringing(leg, "the engineer pressed hash", frame, now),
            News::Timer(Timer::Ring) => self.stop_ringing(leg, "the caller does not answer", frame, now),
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

    fn talking(&mut self, leg: LegId, news: &News, frame: &mut Frame, now: Now) -> Way {
        match news {
            News::Callee(who, Callee::Ended(_)) if *who == leg => self.rung_back(frame, now),
            News::Digit('#') => self.stop_ringing(leg, "the engineer pressed hash", frame, now),
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

    fn stop_ringing(&mut self, leg: LegId, why: &str, frame: &mut Frame, now: Now) -> Way {
        frame.hang_up(leg, LegCause::Released, why, now);
        self.rung_back(frame, now)
    }

    fn rung_back(&mut self, frame: &mut Frame, now: Now) -> Way {
        frame.sleep(Timer::Ring);
        // After a conversation the line has its whole time again.
        frame.wake(Timer::Budget, frame.budget, now);
        self.tries = self.node.tries.max(1);
        self.stage = Stage::Telling;
        let words = vec![Prompt::Say(say::LINE_CALLBACK_OVER), Prompt::Say(say::LINE_CHOICE)];
        frame.play(LegId::CALLER, words, now);
        Way::Stay
    }
}

/// The person whose phone account the call came from.
fn by_phone(frame: &Frame) -> Option<UserId> {
    let phone = frame.source.strip_prefix("phone:")?;
    frame.directory.phones.get(&phone.into())?.user.clone()
}

/// Turned away: what was opened when the call was answered is no report either.
fn locked(why: &str, frame: &mut Frame) -> Way {
    frame.blocked = frame.said().is_empty();
    Way::Say(vec![Prompt::Say(say::LINE_LOCKED)], why.to_owned())
}

/// What is said about an alert, with what can be done.
fn spoken(alert: &LineAlert) -> Vec<Prompt> {
    let mut prompts: Vec<Prompt> =
        drill::is_marked(&alert.title).then_some(Prompt::Say(say::NOTICE_DRILL)).into_iter().collect();
    prompts.extend([Prompt::Say(say::NOTICE_ALERT), Prompt::Digits(alert.reference.clone().into())]);
    prompts.push(Prompt::Say(priority(alert.priority)));
    if let Some(customer) = &alert.customer {
        prompts.extend([Prompt::Say(say::NOTICE_CUSTOMER), Prompt::Name(customer.clone().into())]);
    }
    prompts.extend([Prompt::Name(alert.title.clone().into()), Prompt::Silence(PAUSE)]);
    prompts.push(Prompt::Say(if alert.taken { say::LINE_TAKEN } else { say::LINE_UNTAKEN }));
    if let Some(runbook) = &alert.runbook {
        prompts.extend([Prompt::Name(runbook.clone().into()), Prompt::Silence(PAUSE)]);
    }
    if !alert.recordings.is_empty() {
        prompts.push(Prompt::Say(say::ENGINEER_CALLER_SAID));
        prompts.extend(alert.recordings.iter().take(RECORDINGS_MAX).copied().map(Prompt::Recording));
    }
    prompts.push(Prompt::Say(say::LINE_CHOICE));
    prompts
}

/// The words for a priority.
pub(crate) const fn priority(priority: Priority) -> PromptId {
    match priority {
        Priority::P1 => say::PRIORITY_1,
        Priority::P2 => say::PRIORITY_2,
        Priority::P3 => say::PRIORITY_3,
        Priority::P4 => say::PRIORITY_4,
        Priority::P5 => say::PRIORITY_5,
    }
}
