//! `known`: whoever is touched by an open incident hears of it first ([`super::incident`]). Whoever calls again about an open report
//! of their own then hears how far it is, and the call belongs to that report if the caller wants so. Others hear nothing of it.

use std::time::Duration;

use crate::call::command::DialId;
use crate::call::frame::{Frame, News, Told, Way, spell};
use crate::call::outside::{KnownIncident, OpenReport};
use crate::call::prompt::{Prompt, age, say};
use crate::call::timer::Timer;
use crate::ids::{LegId, NodeId};
use crate::now::Now;

use super::Known;

/// Between the words and the choice.
const PAUSE: Duration = Duration::from_millis(400);

/// It is looked up, or told.
#[derive(Debug)]
pub(crate) struct Recognising {
    node: Known,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Whether there is an open report.
    Asking(DialId),
    /// The caller hears about it; 1 or 2 is awaited.
    Telling,
    /// The caller hears that the call belongs to it.
    Joining,
}

impl Known {
    /// The caller must hear something for it: a report or an incident was found.
    pub(crate) const fn needs_audio(frame: &Frame) -> bool {
        frame.known.is_some() || frame.incident.is_some()
    }

    /// What is said first, but for what the caller has heard already.
    pub(super) fn greeting(&self, frame: &mut Frame) -> Vec<Prompt> {
        let new = |prompt: &&Prompt| !frame.greeted.contains(prompt) && !frame.announced.contains(prompt);
        let words: Vec<Prompt> = self.prompts.iter().filter(new).cloned().collect();
        frame.greeted.extend(words.iter().cloned());
        words
    }
}

impl Recognising {
    /// Err: nothing to ask. Comes a second time, with the report, once the caller is answered.
    pub(crate) fn enter(node: &Known, frame: &mut Frame, now: Now) -> Result<Self, Way> {
        let node = node.clone();
        if let Some(report) = frame.known.clone() {
            frame.typed.clear();
            let greeting = node.greeting(frame);
            frame.play(LegId::CALLER, [greeting, words(&report, now)].concat(), now);
            return Ok(Self { node, stage: Stage::Telling });
        }
        let nobody = frame.caller.is_none() && frame.customer.is_none();
        if nobody || frame.test || frame.joined || frame.staff.is_some() {
            return Err(Way::Go(Some(node.next), "nothing to recognise the caller by".to_owned()));
        }
        let dial = frame.find_known(node.colleagues, now);
        Ok(Self { node, stage: Stage::Asking(dial) })
    }

    /// The caller hears about the report now.
    pub(crate) fn is_telling(&self) -> bool {
        self.stage == Stage::Telling
    }

    pub(crate) fn on(&mut self, news: &News, frame: &mut Frame, now: Now) -> Way {
        match (self.stage, news) {
            (Stage::Asking(dial), News::Told(Told::Known(answered, report, incident))) if dial == *answered => {
                self.found(report.clone(), incident.as_deref().cloned(), frame)
            }
            (Stage::Asking(_), News::Digit(digit)) => {
                frame.type_ahead(*digit);
                Way::Stay
            }
            (Stage::Telling, News::Digit('1')) => {
                frame.stop_play(LegId::CALLER);
                frame.join_known("pressed 1: the call is about the open report", now);
                frame.play_short(LegId::CALLER, vec![Prompt::Say(say::KNOWN_JOINED)], now);
                self.stage = Stage::Joining;
                Way::Stay
            }
            (Stage::Joining, News::Played) => {
                Way::Go(Some(self.node.join.clone()), "adds to the open report".to_owned())
            }
            (Stage::Telling, News::Digit('2')) => {
                frame.stop_play(LegId::CALLER);
                let why = "pressed 2: something new";
                frame.goes_on(why, now);
                self.something_new(why, frame, now)
            }
            (Stage::Telling, News::Played) => {
                frame.wake(Timer::NoInput, self.node.wait, now);
                Way::Stay
            }
            (Stage::Telling, News::Timer(Timer::NoInput)) => {
                let why = format!("no key for {}: counts as something new", spell(self.node.wait));
                self.something_new(&why, frame, now)
            }
            (
                Stage::Asking(_) | Stage::Telling | Stage::Joining,
                News::Digit(_)
                | News::Played
                | News::Recorded(_)
                | News::Callee(..)
                | News::Found(..)
                | News::Told(_)
                | News::AlertTaken
                | News::Timer(_),
            ) => Way::Stay,
        }
    }

    fn found(&self, report: Option<OpenReport>, incident: Option<KnownIncident>, frame: &mut Frame) -> Way {
        let incident = incident.filter(|_| frame.heard_of.is_none());
        let why = match (&incident, &report) {
            (Some(incident), None) => format!("the incident {} touches this customer", incident.reference),
            (Some(incident), Some(report)) => {
                let (incident, report) = (&incident.reference, &report.reference);
                format!("the incident {incident} touches this customer, and the open report {report} is this caller's")
            }
            (None, Some(report)) => format!("the open report {} is this caller's", report.reference),
            (None, None) => {
                let why = "no open report of this caller, no incident of theirs";
                return Way::Go(Some(self.node.next.clone()), why.to_owned());
            }
        };
        (frame.incident, frame.known) = (incident, report);
        Way::Go(Some(NodeId(frame.node.clone())), why)
    }

    fn something_new(&self, why: &str, frame: &mut Frame, now: Now) -> Way {
        frame.forget_known(now);
        // Whoever asked for a person before the report was told still wants one.
        let to = if frame.wants_person { &self.node.join } else { &self.node.something_new };
        Way::Go(Some(to.clone()), why.to_owned())
    }
}

/// "Your open report 4711, of 12 minutes ago: …"
fn words(report: &OpenReport, now: Now) -> Vec<Prompt> {
    let minutes = now.wall.duration_since(report.opened).as_mins();
    let made = [Prompt::Say(say::KNOWN_REPORT), Prompt::Digits(report.reference.clone().into())];
    let how = [
        Prompt::Say(if report.taken { say::KNOWN_TAKEN } else { say::KNOWN_NOBODY }),
        Prompt::Silence(PAUSE),
        Prompt::Say(say::KNOWN_CHOICE),
    ];
    made.into_iter().chain([Prompt::Say(say::KNOWN_OPENED)]).chain(age(minutes)).chain(how).collect()
}
