//! The legs of a call and what plays on them.

use std::time::Duration;

use crate::audio::machine::Hint;
use crate::directory::{Destination, Language};
use crate::fact::{Fact, LegCause};
use crate::ids::{LegId, PhoneId, UserId};
use crate::now::Now;

use super::command::{Command, PlayId};
use super::frame::{Callee, Frame, Input, News};
use super::prompt::Prompt;
use super::supervise::Talkers;
use super::timer::Awaited;

/// The core does not know how long prompts are; this is longer than any play of texts.
const PLAY_WAIT: Duration = Duration::from_mins(2);
/// A file of the configuration may be a long one.
const FILE_WAIT: Duration = Duration::from_mins(10);
/// For a recording whose length we do not know (of an earlier call).
const RECORDING_WAIT: Duration = Duration::from_mins(3);
/// For the few words before somebody is hung up or joined.
const SHORT_WAIT: Duration = Duration::from_secs(15);
/// A BYE or CANCEL is given up after that.
const HANG_UP_WAIT: Duration = Duration::from_secs(10);

/// Where a leg is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LegState {
    /// The caller rings and we have not answered.
    Offered,
    /// We are answering the caller.
    Answering,
    /// We are calling; the phone may ring.
    Dialling,
    /// Media flows.
    Up,
    /// We have ended it and wait for that to be true.
    HangingUp,
    /// It is over.
    Ended,
}

/// One leg.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) state: LegState,
    pub(crate) language: Language,
    /// The account that was dialled.
    pub(crate) phone: Option<PhoneId>,
    play: Option<PlayId>,
    /// Hears its last words; is hung up after them.
    farewell: bool,
    rang: bool,
    /// Counts as gone because its end was not confirmed; it may still come up.
    lost: bool,
    /// Why we ended it: goes on the record instead of what the other side says.
    verdict: Option<(LegCause, String)>,
    /// How it ended.
    cause: Option<LegCause>,
}

impl Leg {
    pub(crate) const fn new(state: LegState, language: Language) -> Self {
        Self {
            state,
            language,
            phone: None,
            play: None,
            farewell: false,
            rang: false,
            lost: false,
            verdict: None,
            cause: None,
        }
    }
}

impl Frame {
    /// Calls somebody.
    pub(crate) fn dial(
        &mut self,
        destination: &Destination,
        person: Option<&UserId>,
        language: &Language,
        why: &str,
        now: Now,
    ) -> LegId {
        let leg = self.take_leg();
        let phone = match destination {
            Destination::Phone(phone) => Some(phone.clone()),
            Destination::Number { .. } | Destination::Sip(_) => None,
        };
        self.legs.insert(leg, Leg { phone, ..Leg::new(LegState::Dialling, language.clone()) });
        let fact = Fact::LegStarted { leg, person: person.cloned(), destination: spell(destination) };
        self.keep(fact, why, now);
        self.commands.push_back(Command::Dial { leg, destination: destination.clone(), person: person.cloned() });
        leg
    }

    /// Somebody who was rung by another call of ours, and accepted there, comes into this one.
    pub(crate) fn receive(&mut self, person: Option<&UserId>, language: &Language, now: Now) -> LegId {
        let leg = self.take_leg();
        self.legs.insert(leg, Leg::new(LegState::Up, language.clone()));
        let destination = "handed over by a notification call".to_owned();
        let why = "pressed 3: wants to be joined with the caller";
        self.keep(Fact::LegStarted { leg, person: person.cloned(), destination }, why, now);
        self.keep(Fact::LegAnswered { leg }, "", now);
        self.keep(Fact::LegAccepted { leg, person: person.cloned() }, why, now);
        leg
    }

    /// The leg belongs to another call from now on.
    pub(crate) fn handed_over(&mut self, leg: LegId, why: &str, now: Now) {
        self.forget_play(leg);
        let Some(on) = self.legs.get_mut(&leg) else { return };
        on.state = LegState::Ended;
        self.keep(Fact::LegEnded { leg, cause: LegCause::Released }, why, now);
    }

    /// How a leg ended; `None`: it has not.
    pub(crate) fn cause_of(&self, leg: LegId) -> Option<&LegCause> {
        self.legs.get(&leg).and_then(|on| on.cause.as_ref())
    }

    /// Plays to a leg that is up; replaces what plays there.
    pub(crate) fn play(&mut self, leg: LegId, prompts: Vec<Prompt>, now: Now) {
        let wait = self.longest(&prompts);
        self.play_within(leg, prompts, wait, false, now);
    }

    /// The same to the caller, where any key stops it.
    pub(crate) fn play_until_key(&mut self, prompts: Vec<Prompt>, now: Now) {
        let wait = self.longest(&prompts);
        self.play_within(LegId::CALLER, prompts, wait, true, now);
    }

    /// Plays to the caller what must come to an end whatever stands in it, and what any key stops.
    pub(crate) fn play_to_end_until_key(&mut self, prompts: Vec<Prompt>, now: Now) {
        let wait = self.longest(&prompts).unwrap_or(PLAY_WAIT);
        self.play_within(LegId::CALLER, prompts, Some(wait), true, now);
    }

    /// Plays something that must come to an end whatever stands in it, as nothing else would end it.
    pub(crate) fn play_to_end(&mut self, leg: LegId, prompts: Vec<Prompt>, now: Now) {
        let wait = self.longest(&prompts).unwrap_or(PLAY_WAIT);
        self.play_within(leg, prompts, Some(wait), false, now);
    }

    /// Plays a few words; goes on soon even if their end is not reported.
    pub(crate) fn play_short(&mut self, leg: LegId, prompts: Vec<Prompt>, now: Now) {
        self.play_within(leg, prompts, Some(SHORT_WAIT), false, now);
    }

    /// Plays; goes on after `wait` even if the end is not reported.
    pub(crate) fn play_within(
        &mut self,
        leg: LegId,
        prompts: Vec<Prompt>,
        wait: Option<Duration>,
        until_key: bool,
        now: Now,
    ) {
        self.forget_play(leg);
        let Some(on) = self.legs.get_mut(&leg).filter(|on| on.state == LegState::Up) else { return };
        self.plays += 1;
        let play = PlayId(self.plays);
        on.play = Some(play);
        let language = on.language.clone();
        self.commands.push_back(Command::Play { leg, play, prompts, language, until_key });
        if let Some(wait) = wait {
            self.guard(Awaited::Played { leg, play }, wait, now);
        }
    }

    /// Plays to the caller in another language than the call's.
    pub(crate) fn play_in(&mut self, language: &Language, prompts: Vec<Prompt>, now: Now) {
        let own = self.language.clone();
        let speak = |frame: &mut Self, language: &Language| {
            if let Some(leg) = frame.legs.get_mut(&LegId::CALLER) {
                leg.language = language.clone();
            }
        };
        speak(self, language);
        self.play(LegId::CALLER, prompts, now);
        speak(self, &own);
    }

    /// Longest time that a play may take; `None`: it has no end.
    fn longest(&self, prompts: &[Prompt]) -> Option<Duration> {
        prompts.iter().try_fold(PLAY_WAIT, |sum, prompt| {
            Some(
                sum + match prompt {
                    Prompt::Music => return None,
                    Prompt::Silence(length) => *length,
                    Prompt::File(_) => FILE_WAIT,
                    Prompt::Recording(id) => self.recordings.get(id).map_or(RECORDING_WAIT, |known| known.duration),
                    Prompt::Say(_) | Prompt::Digits(_) | Prompt::Name(_) | Prompt::Beep => Duration::ZERO,
                },
            )
        })
    }

    /// Something plays there.
    pub(crate) fn plays_to(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|on| on.play.is_some())
    }

    /// Stops what plays on a leg, if anything does.
    pub(crate) fn stop_play(&mut self, leg: LegId) {
        if self.forget_play(leg) {
            self.commands.push_back(Command::StopPlay { leg });
        }
    }

    fn forget_play(&mut self, leg: LegId) -> bool {
        let Some(play) = self.legs.get_mut(&leg).and_then(|on| on.play.take()) else { return false };
        self.settle(&Awaited::Played { leg, play });
        true
    }

    /// Last words to a leg, then it is hung up. The nodes hear no more of it.
    pub(crate) fn farewell(&mut self, leg: LegId, prompts: Vec<Prompt>, cause: LegCause, why: &str, now: Now) {
        let Some(on) = self.legs.get_mut(&leg) else { return };
        if on.state != LegState::Up {
            return self.hang_up(leg, cause, why, now);
        }
        on.farewell = true;
        on.verdict = Some((cause, why.to_owned()));
        self.part_from(leg);
        self.play_short(leg, prompts, now);
    }

    /// Ends a leg. `cause` and `why` go on the record when it has ended.
    pub(crate) fn hang_up(&mut self, leg: LegId, cause: LegCause, why: &str, now: Now) {
        let rejection = if self.blocked { 603 } else { 480 };
        let Some(on) = self.legs.get_mut(&leg) else { return };
        let command = match on.state {
            LegState::Offered => Command::Reject { status: rejection },
            LegState::Answering | LegState::Dialling | LegState::Up => Command::HangUp { leg },
            LegState::HangingUp | LegState::Ended => return,
        };
        on.state = LegState::HangingUp;
        on.verdict.get_or_insert_with(|| (cause, why.to_owned()));
        self.forget_play(leg);
        self.part_from(leg);
        if leg == LegId::CALLER {
            self.settle(&Awaited::Answer);
        }
        self.commands.push_back(command);
        self.guard(Awaited::HungUp { leg }, HANG_UP_WAIT, now);
    }

    /// Ends every leg but the caller's. Those that hear their last words may finish.
    pub(crate) fn hang_up_others(&mut self, why: &str, now: Now) {
        let others: Vec<LegId> =
            self.legs.iter().filter(|(id, leg)| **id != LegId::CALLER && !leg.farewell).map(|(id, _)| *id).collect();
        for leg in others {
            self.hang_up(leg, LegCause::Released, why, now);
        }
    }

    /// Joins the caller's leg with another; what plays on them is stopped by that. `engineer`: which of the two is ours.
    pub(crate) fn bridge(&mut self, a: LegId, b: LegId, engineer: LegId, why: &str, now: Now) {
        self.forget_play(a);
        self.forget_play(b);
        self.keep(Fact::Bridged { a, b }, why, now);
        let customer = if engineer == a { b } else { a };
        self.talk(Talkers { customer, engineer }, (a, b), now);
    }

    pub(super) fn digit(&self, leg: LegId, digit: char) -> Option<Input> {
        let on = self.legs.get(&leg)?;
        if on.state != LegState::Up || on.farewell {
            return None;
        }
        Some(Input::News(if leg == LegId::CALLER {
            News::Digit(digit)
        } else {
            News::Callee(leg, Callee::Digit(digit))
        }))
    }

    pub(super) fn play_ended(&mut self, leg: LegId, play: PlayId, now: Now) -> Option<Input> {
        let on = self.legs.get_mut(&leg)?;
        if on.play != Some(play) {
            return None;
        }
        let farewell = on.farewell;
        self.forget_play(leg);
        if farewell {
            self.hang_up(leg, LegCause::Released, "", now);
            return None;
        }
        Some(Input::News(if leg == LegId::CALLER { News::Played } else { News::Callee(leg, Callee::Played) }))
    }

    pub(super) fn leg_ringing(&mut self, leg: LegId, now: Now) -> Option<Input> {
        let on = self.legs.get_mut(&leg).filter(|on| on.state == LegState::Dialling && !on.rang)?;
        on.rang = true;
        self.keep(Fact::LegRinging { leg }, "", now);
        Some(Input::News(News::Callee(leg, Callee::Ringing)))
    }

    pub(super) fn leg_answered(&mut self, leg: LegId, now: Now) -> Option<Input> {
        let on = self.legs.get_mut(&leg)?;
        match on.state {
            LegState::Dialling => {
                on.state = LegState::Up;
                let supervises = self.supervises(leg);
                let why = if supervises { "a supervisor's phone" } else { "answered is not accepted: only a key is" };
                self.keep(Fact::LegAnswered { leg }, why, now);
                Some(Input::News(News::Callee(leg, Callee::Answered)))
            }
            LegState::Ended if !on.lost => None,
            LegState::HangingUp | LegState::Ended => {
                // Our CANCEL and their 200 crossed: what is up now must be ended as well.
                on.state = LegState::HangingUp;
                self.note("answered while it was being cancelled; hung up", "", now);
                self.commands.push_back(Command::HangUp { leg });
                self.guard(Awaited::HungUp { leg }, HANG_UP_WAIT, now);
                None
            }
            LegState::Offered | LegState::Answering | LegState::Up => None,
        }
    }

    /// A hint for whoever reads the timeline. Nothing else changes: only a key accepts, and a mailbox presses none.
    pub(super) fn machine_suspected(&mut self, leg: LegId, hint: Hint, now: Now) -> Option<Input> {
        let on = self.legs.get(&leg).filter(|_| leg != LegId::CALLER)?;
        if on.state == LegState::Up && !on.farewell {
            let what = format!("{leg} sounds like a mailbox: {}", hint.words());
            self.note(&what, "a hint only: accepting needs a key", now);
        }
        None
    }

    pub(super) fn leg_ended(&mut self, leg: LegId, cause: LegCause, now: Now) -> Option<Input> {
        self.settle(&Awaited::HungUp { leg });
        self.forget_play(leg);
        let on = self.legs.get_mut(&leg)?;
        let before = std::mem::replace(&mut on.state, LegState::Ended);
        let told = before == LegState::HangingUp;
        let (cause, why) = match on.verdict.take() {
            Some(verdict) if told => verdict,
            Some((_, why)) => (cause, why),
            None => (cause, String::new()),
        };
        let farewell = on.farewell;
        if before == LegState::Ended {
            return None;
        }
        let words = reason(&cause);
        let failed = matches!(cause, LegCause::Failed { .. });
        on.cause = Some(cause.clone());
        self.part_from(leg);
        self.held.remove(&leg);
        self.busy_phones += u32::from(cause == LegCause::Busy && !self.supervises(leg));
        self.keep(Fact::LegEnded { leg, cause }, &why, now);
        if told || farewell {
            return None;
        }
        if leg != LegId::CALLER {
            return Some(Input::News(News::Callee(leg, Callee::Ended(words))));
        }
        self.settle(&Awaited::Answer);
        self.fault |= failed;
        Some(Input::CallerGone)
    }

    pub(super) fn hang_up_lost(&mut self, leg: LegId, now: Now) -> Option<Input> {
        self.legs.get_mut(&leg)?.lost = true;
        self.note("a hang-up was not confirmed; the leg counts as gone", "no answer within 10 s", now);
        self.leg_ended(leg, LegCause::Failed { reason: "the hang-up was not confirmed".to_owned() }, now)
    }
}

/// A place in words, without private data.
pub(crate) fn spell(destination: &Destination) -> String {
    match destination {
        Destination::Phone(phone) => format!("phone {phone}"),
        Destination::Number { trunk, number } => format!("number {number:?} via {trunk}"),
        Destination::Sip(address) => {
            let host = address.rsplit('@').next().unwrap_or_default();
            format!("address at {}", host.trim_start_matches("sips:").trim_start_matches("sip:"))
        }
    }
}

/// How a leg ended, in words.
fn reason(cause: &LegCause) -> String {
    match cause {
        LegCause::HungUp => "hung up".to_owned(),
        LegCause::Released => "was ended by us".to_owned(),
        LegCause::NoAnswer => "did not answer".to_owned(),
        LegCause::Busy => "was busy".to_owned(),
        LegCause::Rejected { status } => format!("refused ({status})"),
        LegCause::Unreachable { reason } => format!("could not be reached: {reason}"),
        LegCause::Failed { reason } => format!("failed: {reason}"),
    }
}
