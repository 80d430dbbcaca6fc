//! Who else is on the line while a caller and an engineer talk: somebody listens, whispers to the engineer, or speaks
//! with both. Also what happens while one of the two holds the call.
//!
//! A supervisor is no engineer: nothing they do accepts a call or an alert, and whatever becomes of their leg, the
//! conversation goes on as if it had not been there. Their phones stand in the directory; nothing else is dialled. Answered
//! is not on the line: what answers may be a mailbox, which must hear nothing of a conversation and say nothing in it. So a
//! knock is played until somebody presses 1 there.

use std::time::Duration;

use crate::directory::Destination;
use crate::fact::{Actor, LegCause, words};
use crate::ids::{LegId, PhoneId};
use crate::now::Now;

use super::Call;
use super::command::{Command, Seat};
use super::frame::{Callee, Frame, Input, News};
use super::legs::LegState;
use super::machine::State;
use super::prompt::{Prompt, say};
use super::timer::Awaited;
use super::view::SupervisorView;

/// A supervisor's phone rings so long.
const RING: Duration = Duration::from_secs(30);
/// How long an answered phone may be without a key.
const ACCEPT_WAIT: Duration = Duration::from_secs(20);
/// Between two knocks.
const KNOCK_PAUSE: Duration = Duration::from_secs(2);
/// Supervisors of a call at most: with the two who talk they fill a room.
const SUPERVISORS_MAX: usize = 2;

/// What a supervisor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Hears both, is heard by nobody.
    Listen,
    /// Hears both, is heard by the engineer only.
    Whisper,
    /// Hears both and is heard by all.
    Barge,
}

words!(Role { Listen = "listen", Whisper = "whisper", Barge = "barge" });

impl Role {
    const fn does(self) -> &'static str {
        match self {
            Self::Listen => "listens: hears both, is heard by nobody",
            Self::Whisper => "whispers: hears both, is heard by the engineer only",
            Self::Barge => "speaks with both",
        }
    }
}

/// Somebody wants to be on the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supervise {
    /// As what.
    pub role: Role,
    /// With which phone.
    pub phone: PhoneId,
    /// Who asks.
    pub by: Actor,
}

/// What follows from that at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supervised {
    /// The phone is rung. What comes of it is told by [`Command::Supervised`].
    Rings(LegId),
    /// The phone was rung or on the line already; it has the role now.
    Changed {
        /// It is on the line.
        on: bool,
    },
}

/// What comes of ringing a supervisor's phone: said once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SupervisorAnswer {
    /// It rings.
    Rings,
    /// It is on the line.
    On,
    /// It came to nothing.
    Ended(LegCause),
}

/// Why nobody else can be on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSupervised {
    /// No two people talk.
    NobodyTalks,
    /// The phone is not in the directory.
    UnknownPhone,
    /// The phone is one of those that talk.
    Talks,
    /// As many as there can be are there.
    Full,
}

/// Two people who talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Talkers {
    pub(crate) customer: LegId,
    pub(crate) engineer: LegId,
}

impl Talkers {
    const fn other(self, leg: LegId) -> Option<LegId> {
        if self.customer.0 == leg.0 {
            Some(self.engineer)
        } else if self.engineer.0 == leg.0 {
            Some(self.customer)
        } else {
            None
        }
    }
}

/// A supervisor.
#[derive(Debug, Clone)]
pub(crate) struct Supervisor {
    leg: LegId,
    phone: PhoneId,
    role: Role,
    stage: Stage,
    /// What came of ringing was told.
    told: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The phone rings.
    Ringing,
    /// It was answered; a 1 is awaited.
    Knocking,
    /// Somebody is on the line.
    On,
}

impl Supervisor {
    fn is_on(&self) -> bool {
        self.stage == Stage::On
    }
}

impl Call {
    /// Somebody wants to listen, whisper or speak; another role for a phone that is there already changes it.
    pub fn supervise(&mut self, ask: Supervise, now: Now) -> Result<Supervised, NotSupervised> {
        if matches!(self.state, State::Ending { .. } | State::Ended) {
            return Err(NotSupervised::NobodyTalks);
        }
        self.frame.supervise(ask, now)
    }

    /// The supervisor with this phone shall go; false: there is none.
    pub fn dismiss(&mut self, phone: &PhoneId, by: &Actor, now: Now) -> bool {
        self.frame.dismiss(phone, by, now)
    }
}

impl Frame {
    fn supervise(&mut self, ask: Supervise, now: Now) -> Result<Supervised, NotSupervised> {
        let Supervise { role, phone, by } = ask;
        let asked = format!("asked for by {}", by.shown());
        if let Some(there) = self.supervisors.iter_mut().find(|there| there.phone == phone) {
            let (changed, on) = (there.role != role, there.is_on());
            there.role = role;
            if changed {
                if on {
                    self.note(&format!("phone {phone} {}", role.does()), &asked, now);
                    self.arrange();
                } else {
                    self.note(&format!("phone {phone} is rung to {} now", role.word()), &asked, now);
                }
            }
            return Ok(Supervised::Changed { on });
        }
        if self.talkers.is_none() {
            return Err(NotSupervised::NobodyTalks);
        }
        if !self.directory.phones.contains_key(&phone) {
            return Err(NotSupervised::UnknownPhone);
        }
        let taken = |leg: &super::legs::Leg| leg.state != LegState::Ended && leg.phone.as_ref() == Some(&phone);
        if self.source == format!("phone:{phone}") || self.legs.values().any(taken) {
            return Err(NotSupervised::Talks);
        }
        if self.supervisors.len() >= SUPERVISORS_MAX {
            return Err(NotSupervised::Full);
        }
        let destination = Destination::Phone(phone.clone());
        let language = self.language.clone();
        // Nobody's name goes with it: a person who is rung to supervise was not called as an engineer.
        let why = format!("to {} (supervision, not as an engineer), {asked}", role.word());
        let leg = self.dial(&destination, None, &language, &why, now);
        self.guard(Awaited::Supervisor { leg }, RING, now);
        self.supervisors.push(Supervisor { leg, phone, role, stage: Stage::Ringing, told: false });
        Ok(Supervised::Rings(leg))
    }

    fn dismiss(&mut self, phone: &PhoneId, by: &Actor, now: Now) -> bool {
        let Some(leg) = self.supervisors.iter().find(|there| there.phone == *phone).map(|there| there.leg) else {
            return false;
        };
        self.hang_up(leg, LegCause::Released, &format!("sent away by {}", by.shown()), now);
        self.supervisor_gone(leg, LegCause::Released);
        true
    }

    /// A supervisor's phone rang too long, or nobody pressed a key there.
    pub(super) fn supervisor_silent(&mut self, leg: LegId, now: Now) {
        let answered = self.supervisors.iter().any(|there| there.leg == leg && there.stage == Stage::Knocking);
        let why = if answered {
            "the supervisor's phone was answered but nobody pressed 1 (a mailbox?)"
        } else {
            "the supervisor's phone was not answered"
        };
        self.hang_up(leg, LegCause::NoAnswer, why, now);
        self.supervisor_gone(leg, LegCause::NoAnswer);
    }

    /// What concerns supervisors is settled here; the nodes hear nothing of it.
    pub(super) fn without_supervisors(&mut self, input: Option<Input>, now: Now) -> Option<Input> {
        match input {
            Some(Input::News(News::Callee(leg, callee))) if self.supervises(leg) => {
                self.of_supervisor(leg, &callee, now);
                None
            }
            input => input,
        }
    }

    /// Whether this leg is a supervisor's.
    pub(super) fn supervises(&self, leg: LegId) -> bool {
        self.supervisors.iter().any(|there| there.leg == leg)
    }

    fn of_supervisor(&mut self, leg: LegId, callee: &Callee, now: Now) {
        match callee {
            Callee::Ringing => self.tell_supervised(leg, SupervisorAnswer::Rings),
            Callee::Answered => {
                let Some(there) = self.supervisors.iter_mut().find(|there| there.leg == leg) else { return };
                there.stage = Stage::Knocking;
                self.tell_supervised(leg, SupervisorAnswer::Rings);
                self.guard(Awaited::Supervisor { leg }, ACCEPT_WAIT, now);
                self.knock_at_supervisor(leg, now);
            }
            Callee::Played => {
                if self.supervisors.iter().any(|there| there.leg == leg && there.stage == Stage::Knocking) {
                    self.knock_at_supervisor(leg, now);
                }
            }
            Callee::Digit('1') => self.supervisor_comes(leg, now),
            Callee::Ended(_) => {
                let cause = self.cause_of(leg).cloned().unwrap_or(LegCause::HungUp);
                self.supervisor_gone(leg, cause);
            }
            Callee::Digit(_) => {}
        }
    }

    fn knock_at_supervisor(&mut self, leg: LegId, now: Now) {
        let mut prompts = vec![Prompt::Say(say::SUPERVISOR_KNOCK)];
        // Whoever speaks with both will be heard in it.
        prompts.extend(self.tapes_conversation().then_some(Prompt::Say(say::SUPERVISOR_RECORDED)));
        prompts.push(Prompt::Silence(KNOCK_PAUSE));
        self.play(leg, prompts, now);
    }

    /// Somebody pressed 1 there.
    fn supervisor_comes(&mut self, leg: LegId, now: Now) {
        let knocking = |there: &&mut Supervisor| there.leg == leg && there.stage == Stage::Knocking;
        let Some(there) = self.supervisors.iter_mut().find(knocking) else { return };
        there.stage = Stage::On;
        let what = format!("phone {} {}", there.phone, there.role.does());
        self.settle(&Awaited::Supervisor { leg });
        self.stop_play(leg);
        self.note(&what, "1 was pressed there; a supervisor accepts nothing", now);
        self.arrange();
    }

    fn supervisor_gone(&mut self, leg: LegId, cause: LegCause) {
        self.settle(&Awaited::Supervisor { leg });
        self.tell_supervised(leg, SupervisorAnswer::Ended(cause));
        let was_on = self.supervisors.iter().any(|there| there.leg == leg && there.is_on());
        self.supervisors.retain(|there| there.leg != leg);
        if was_on {
            self.arrange();
        }
    }

    fn tell_supervised(&mut self, leg: LegId, answer: SupervisorAnswer) {
        let untold = self.supervisors.iter_mut().find(|there| there.leg == leg && !there.told);
        if let Some(there) = untold {
            there.told = true;
            self.commands.push_back(Command::Supervised { leg, answer });
        }
    }

    /// The supervisors as others see them.
    pub(super) fn supervisors_view(&self) -> Vec<SupervisorView> {
        let view = |there: &Supervisor| SupervisorView {
            leg: there.leg,
            phone: there.phone.clone(),
            role: there.role,
            on: there.is_on(),
        };
        self.supervisors.iter().map(view).collect()
    }

    /// Two people talk from now on; the commands that let them hear each other.
    pub(super) fn talk(&mut self, talkers: Talkers, (a, b): (LegId, LegId), now: Now) {
        self.part();
        self.talkers = Some(talkers);
        if self.supervisors.iter().any(Supervisor::is_on) {
            // What plays there would go before what is said; a bridge stops it by itself.
            self.commands.extend([a, b].map(|leg| Command::StopPlay { leg }));
            self.arrange();
        } else {
            self.commands.push_back(Command::Bridge { a, b });
        }
        for leg in [a, b] {
            if self.held.contains(&leg) {
                self.held_by(leg, true, now);
            }
        }
    }

    /// The two talk no more, whatever becomes of either. Supervisors stay for the next conversation and hear nothing
    /// until then.
    pub(super) fn part(&mut self) {
        let Some(talkers) = self.talkers.take() else { return };
        for leg in [talkers.customer, talkers.engineer] {
            if let Some(other) = talkers.other(leg).filter(|_| self.held.contains(&leg)) {
                self.commands.push_back(Command::HoldMusic { leg: other, plays: false });
            }
        }
        let on: Vec<LegId> = self.supervisors.iter().filter(|there| there.is_on()).map(|there| there.leg).collect();
        if !on.is_empty() {
            let legs = [talkers.customer, talkers.engineer].into_iter().chain(on).collect();
            self.commands.push_back(Command::Part { legs });
        }
    }

    /// Parts the two if this leg is one of them.
    pub(super) fn part_from(&mut self, leg: LegId) {
        if self.talkers.is_some_and(|talkers| talkers.other(leg).is_some()) {
            self.part();
        }
    }

    /// Who hears whom: says so once more.
    fn arrange(&mut self) {
        let Some(Talkers { customer, engineer }) = self.talkers else { return };
        let on: Vec<(LegId, Role)> =
            self.supervisors.iter().filter(|there| there.is_on()).map(|there| (there.leg, there.role)).collect();
        if on.is_empty() {
            let (a, b) = if engineer == LegId::CALLER { (engineer, customer) } else { (customer, engineer) };
            self.commands.push_back(Command::Bridge { a, b });
            return;
        }
        self.commands.push_back(Command::Mix { seats: seats(customer, engineer, &on) });
    }

    /// A phone holds the call, or does so no longer.
    pub(super) fn on_hold(&mut self, leg: LegId, held: bool, now: Now) {
        let changed = if held { self.held.insert(leg) } else { self.held.remove(&leg) };
        if changed {
            self.held_by(leg, held, now);
        }
    }

    fn held_by(&mut self, leg: LegId, held: bool, now: Now) {
        let Some(other) = self.talkers.and_then(|talkers| talkers.other(leg)) else { return };
        let what = match (held, leg == LegId::CALLER) {
            (true, true) => "the caller's phone holds the call; the other side hears music",
            (true, false) => "the phone that was called holds the call; the other side hears music",
            (false, _) => "the call is held no longer",
        };
        self.note(what, "the phone said so by SIP", now);
        self.commands.push_back(Command::HoldMusic { leg: other, plays: held });
    }
}

/// Who hears whom.
fn seats(customer: LegId, engineer: LegId, supervisors: &[(LegId, Role)]) -> Vec<Seat> {
    let barging = supervisors.iter().filter(|(_, role)| *role == Role::Barge).map(|(leg, _)| *leg);
    let to_engineer = supervisors.iter().filter(|(_, role)| *role != Role::Listen).map(|(leg, _)| *leg);
    let mut seats = vec![
        Seat { leg: customer, hears: std::iter::once(engineer).chain(barging.clone()).collect() },
        Seat { leg: engineer, hears: std::iter::once(customer).chain(to_engineer).collect() },
    ];
    seats.extend(supervisors.iter().map(|(leg, _)| {
        let others = barging.clone().filter(|other| other != leg);
        Seat { leg: *leg, hears: [customer, engineer].into_iter().chain(others).collect() }
    }));
    seats
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whisper_reaches_the_engineer_only_and_a_listener_nobody() {
        let (customer, engineer, one, two) = (LegId(0), LegId(1), LegId(2), LegId(3));
        for first in Role::ALL {
            for second in Role::ALL {
                let seats = seats(customer, engineer, &[(one, first), (two, second)]);
                let hears = |who: LegId, whom: LegId| {
                    seats.iter().find(|seat| seat.leg == who).is_some_and(|seat| seat.hears.contains(&whom))
                };
                for (leg, role) in [(one, first), (two, second)] {
                    assert_eq!(hears(customer, leg), role == Role::Barge, "{role:?}");
                    assert_eq!(hears(engineer, leg), role != Role::Listen, "{role:?}");
                    assert!(hears(leg, customer) && hears(leg, engineer) && !hears(leg, leg));
                }
                assert_eq!(hears(one, two), second == Role::Barge);
                assert!(hears(customer, engineer) && hears(engineer, customer));
                assert!(!hears(customer, customer) && !hears(engineer, engineer));
            }
        }
    }
}
