//! A conversation that is recorded: the caller is told before being joined, either of the two can refuse by key, then
//! and at any time later, and what was kept is removed.

use std::time::{Duration, Instant};

use crate::call::frame::Frame;
use crate::call::prompt::{Prompt, PromptId, say};
use crate::fact::RecordingEnd;
use crate::ids::{LegId, RecordingId};
use crate::now::Now;

use super::Connect;

/// Refuses, whoever presses it.
pub(crate) const REFUSE: char = '9';
/// The announcement is longer than this; if it ended sooner it was not heard (its recording is missing).
const HEARD: Duration = Duration::from_secs(2);
/// And shorter than this; if its end is not reported by then, nobody knows what was heard.
pub(crate) const ANNOUNCED: Duration = Duration::from_secs(20);

/// How far the recording of a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taping {
    /// Nothing is recorded (any more).
    No,
    /// The caller is being told, since then.
    Announcing(Instant),
    /// It may begin as soon as the two are joined.
    Ready,
    /// It goes on.
    Running(RecordingId),
}

impl Taping {
    /// Somebody has accepted: will what they say be recorded?
    pub(crate) fn begin(node: &Connect, frame: &Frame, now: Now) -> Self {
        let number = frame.directory.numbers.get(&frame.number);
        let Some(number) = number.filter(|number| number.record_calls && node.record) else { return Self::No };
        if frame.recording_refused {
            return Self::No;
        }
        // The bench's callers have nobody to ask; a number for people always asks.
        if number.record_silently && number.test { Self::Ready } else { Self::Announcing(now.mono) }
    }

    /// The caller has to hear that it is recorded before being joined.
    pub(crate) const fn announces(self) -> bool {
        matches!(self, Self::Announcing(_))
    }

    /// What the caller and whoever joins hear first.
    pub(crate) fn words(self) -> (Duration, PromptId, PromptId) {
        let short = Duration::from_secs(15);
        match self {
            Self::Announcing(_) => (ANNOUNCED, say::RECORDING_CALLER, say::RECORDING_ENGINEER),
            Self::No | Self::Ready | Self::Running(_) => (short, say::CONNECTING, say::ENGINEER_JOINED),
        }
    }

    /// What was played to the caller before being joined is over.
    #[must_use]
    pub(crate) fn told(self, frame: &mut Frame, now: Now) -> Self {
        let Self::Announcing(since) = self else { return self };
        let took = now.mono.saturating_duration_since(since);
        if (HEARD..ANNOUNCED).contains(&took) {
            return Self::Ready;
        }
        frame.note("the conversation is not recorded", "the announcement was not heard as it should be", now);
        Self::No
    }

    /// The two are joined.
    #[must_use]
    pub(crate) fn joined(self, frame: &mut Frame, now: Now) -> Self {
        match self {
            Self::Ready => {
                let silent = "a test number records without asking";
                let test = frame.directory.numbers.get(&frame.number).is_some_and(|number| number.record_silently);
                let why = if test {
                    silent
                } else {
                    "the number records conversations; the caller was told and did not refuse"
                };
                Self::Running(frame.record_conversation(why, now))
            }
            Self::No | Self::Announcing(_) | Self::Running(_) => self,
        }
    }

    /// Somebody pressed the key. `Some`: it is not recorded any more; else it was not anyway.
    pub(crate) fn refused(self, by: LegId, frame: &mut Frame, now: Now) -> Option<Self> {
        let recording = match self {
            Self::No => return None,
            Self::Announcing(_) | Self::Ready => None,
            Self::Running(recording) => Some(recording),
        };
        frame.refuse_recording(by, recording, now);
        Some(Self::No)
    }

    /// The conversation is over.
    #[must_use]
    pub(crate) fn over(self, frame: &mut Frame, now: Now) -> Self {
        if let Self::Running(recording) = self {
            frame.stop_record(recording, RecordingEnd::CallEnded, now);
        }
        Self::No
    }
}

/// What both hear when it is not recorded any more.
pub(crate) fn off() -> Vec<Prompt> {
    vec![Prompt::Say(say::RECORDING_OFF)]
}
