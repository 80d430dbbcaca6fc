//! The first half of `known`: a caller whose customer's services have an open, published incident hears of it before waiting;
//! hears the latest update, adds to it, is told when it is over, or goes on. An open report of their own is told afterwards.

use std::time::Duration;

use crate::call::command::RecordLimits;
use crate::call::frame::{Frame, News, Way, spell};
use crate::call::outside::KnownIncident;
use crate::call::prompt::{Prompt, age, say};
use crate::call::recordings::Recorded;
use crate::call::timer::Timer;
use crate::fact::{RecordingEnd, RecordingKind};
use crate::ids::{LegId, NodeId, RecordingId};
use crate::now::Now;

use super::Known;

/// Between the words and the choice.
const PAUSE: Duration = Duration::from_millis(400);
/// Turns of the choice; whoever wants more speaks to a person.
pub(super) const TURNS_MAX: u32 = 4;
/// What is added.
pub(super) const LIMITS: RecordLimits = RecordLimits {
    max: Duration::from_mins(2),
    end_silence: Some(Duration::from_secs(3)),
    no_speech: Some(Duration::from_secs(8)),
};

/// The caller hears of an incident.
#[derive(Debug)]
pub(crate) struct Hearing {
    node: Known,
    incident: KnownIncident,
    turns: u32,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Words that end with the choice; a key is awaited.
    Choosing,
    /// What to do, and the beep.
    Asking,
    /// The caller speaks.
    Recording(RecordingId),
}

impl Hearing {
    /// With the incident that was found.
    pub(crate) fn enter(node: &Known, incident: KnownIncident, frame: &mut Frame, now: Now) -> Self {
        frame.typed.clear();
        frame.hears_of(&incident, now);
        let mut words = node.greeting(frame);
        words.push(Prompt::Say(say::INCIDENT_KNOWN));
        words.extend(incident.title.iter().cloned().map(Prompt::Name));
        words.extend(since(&incident, now));
        let mut hearing = Self { node: node.clone(), incident, turns: 0, stage: Stage::Choosing };
        hearing.choose(words, frame, now);
        hearing
    }

    /// What the live view says.
    pub(crate) const fn state(&self) -> &'static str {
        match self.stage {
            Stage::Choosing => "hears of an incident",
            Stage::Asking | Stage::Recording(_) => "adds to an incident",
        }
    }

    pub(crate) fn on(&mut self, news: &News, frame: &mut Frame, now: Now) -> Way {
        match (self.stage, news) {
            (Stage::Choosing, News::Digit(key)) => self.pressed(*key, frame, now),
            (Stage::Choosing, News::Played) => {
                frame.wake(Timer::NoInput, self.node.wait, now);
                Way::Stay
            }
            (Stage::Choosing, News::Timer(Timer::NoInput)) => {
                let why = format!("no key for {}: goes on", spell(self.node.wait));
                Self::on_to(self.node.something_new.clone(), why, frame)
            }
            (Stage::Asking, News::Played) => {
                let recording = frame.record(RecordingKind::Voicemail, LIMITS, now);
                frame.additions.push((recording, false));
                self.stage = Stage::Recording(recording);
                Way::Stay
            }
            (Stage::Asking, News::Digit(_)) => {
                frame.play_short(LegId::CALLER, vec![Prompt::Beep], now);
                Way::Stay
            }
            (Stage::Recording(recording), News::Digit('#')) => {
                frame.stop_record(recording, RecordingEnd::Key, now);
                Way::Stay
            }
            (Stage::Recording(recording), News::Recorded(recorded)) if recorded.recording == recording => {
                self.recorded(recorded, frame, now)
            }
            (
                Stage::Choosing | Stage::Asking | Stage::Recording(_),
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

    fn pressed(&mut self, key: char, frame: &mut Frame, now: Now) -> Way {
        frame.stop_play(LegId::CALLER);
        frame.sleep(Timer::NoInput);
        let words = match key {
            '1' => {
                frame.note("hears the latest update", "pressed 1", now);
                let texts = self.incident.update.iter().cloned().map(Prompt::Name);
                std::iter::once(Prompt::Say(say::INCIDENT_UPDATE)).chain(texts).collect()
            }
            '2' => {
                frame.play_until_key(vec![Prompt::Say(say::INCIDENT_ADD), Prompt::Beep], now);
                self.stage = Stage::Asking;
                return Way::Stay;
            }
            '3' => return self.to_person("pressed 3: wants a person", frame, now),
            '4' if self.incident.can_tell => {
                frame.tell_when_over(now);
                vec![Prompt::Say(say::INCIDENT_WILL_TELL)]
            }
            '4' => {
                frame.note("can't be told when it is over", "no SMS can be sent to this number", now);
                vec![Prompt::Say(say::INCIDENT_NO_SMS)]
            }
            _ => vec![Prompt::Say(say::NO_MATCH)],
        };
        self.again(words, frame, now)
    }

    fn recorded(&mut self, recorded: &Recorded, frame: &mut Frame, now: Now) -> Way {
        let words = if recorded.speech {
            frame.add_what_was_said("pressed 2 and spoke", now);
            say::INCIDENT_ADDED
        } else {
            say::VOICEMAIL_EMPTY
        };
        self.again(vec![Prompt::Say(words)], frame, now)
    }

    /// The choice once more, behind these words.
    fn again(&mut self, words: Vec<Prompt>, frame: &mut Frame, now: Now) -> Way {
        self.turns += 1;
        if self.turns >= TURNS_MAX {
            return self.to_person("has chosen often enough: goes on to a person", frame, now);
        }
        self.choose(words, frame, now);
        Way::Stay
    }

    fn choose(&mut self, mut words: Vec<Prompt>, frame: &mut Frame, now: Now) {
        let offer = if self.incident.can_tell { say::INCIDENT_CHOICE } else { say::INCIDENT_CHOICE_NO_SMS };
        words.extend([Prompt::Silence(PAUSE), Prompt::Say(offer)]);
        frame.play_until_key(words, now);
        self.stage = Stage::Choosing;
    }

    /// From here on it is an ordinary call, with its alert.
    fn to_person(&self, why: &str, frame: &mut Frame, now: Now) -> Way {
        frame.incident = None;
        frame.wants_person = true;
        frame.goes_on(why, now);
        Self::on_to(self.node.join.clone(), why.to_owned(), frame)
    }

    /// An open report of the caller's own comes first: the same node tells it.
    fn on_to(node: NodeId, why: String, frame: &mut Frame) -> Way {
        frame.incident = None;
        let to = if frame.known.is_some() { NodeId(frame.node.clone()) } else { node };
        Way::Go(Some(to), why)
    }
}

/// "… for 42 minutes", as reports are told.
fn since(incident: &KnownIncident, now: Now) -> Vec<Prompt> {
    let minutes = now.wall.duration_since(incident.since).as_mins();
    std::iter::once(Prompt::Say(say::INCIDENT_SINCE)).chain(age(minutes)).collect()
}
