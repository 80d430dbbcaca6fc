//! The recordings of a call: begun, stopped, ended, and what counts as said.

use std::time::Duration;

use crate::fact::{Fact, RecordingEnd, RecordingKind};
use crate::ids::{LegId, RecordingId};
use crate::now::Now;

use super::command::{Command, RecordLimits};
use super::frame::{Frame, Input, News};
use super::timer::Awaited;

/// A recording that should have ended by itself is stopped after so much more.
const RECORD_GRACE: Duration = Duration::from_secs(10);
/// Writing the rest takes less than that.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// A conversation is recorded for so long, 4 h.
const CONVERSATION_MAX: Duration = Duration::from_hours(4);

/// How a recording ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) recording: RecordingId,
    pub(crate) duration: Duration,
    pub(crate) speech: bool,
    pub(crate) reason: RecordingEnd,
}

/// One recording.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) kind: RecordingKind,
    /// Its end was not reported yet.
    pub(crate) running: bool,
    stopping: bool,
    pub(crate) speech: bool,
    pub(crate) duration: Duration,
}

impl Frame {
    /// Records the caller.
    pub(crate) fn record(&mut self, kind: RecordingKind, limits: RecordLimits, now: Now) -> RecordingId {
        self.begin_record(kind, limits, "", now)
    }

    /// Records what the caller and whoever is joined say to each other, until somebody ends it.
    pub(crate) fn record_conversation(&mut self, why: &str, now: Now) -> RecordingId {
        let limits = RecordLimits { max: CONVERSATION_MAX, end_silence: None, no_speech: None };
        self.begin_record(RecordingKind::Conversation, limits, why, now)
    }

    /// Somebody does not want the conversation to be recorded, from now on for the whole call.
    pub(crate) fn refuse_recording(&mut self, by: LegId, recording: Option<RecordingId>, now: Now) {
        self.recording_refused = true;
        let who = if by == LegId::CALLER { "the caller pressed 9" } else { "the other side pressed 9" };
        self.keep(Fact::RecordingRefused { leg: by, recording }, who, now);
        if let Some(recording) = recording {
            self.stop_record(recording, RecordingEnd::Refused, now);
        }
    }

    fn begin_record(&mut self, kind: RecordingKind, limits: RecordLimits, why: &str, now: Now) -> RecordingId {
        let recording = RecordingId(self.ids.uuid(now.wall));
        let state = Recording { kind, running: true, stopping: false, speech: false, duration: Duration::ZERO };
        self.recordings.insert(recording, state);
        self.keep(Fact::RecordingStarted { recording, leg: LegId::CALLER, kind }, why, now);
        self.commands.push_back(Command::Record { leg: LegId::CALLER, recording, kind, limits });
        self.guard(Awaited::Recorded { recording }, limits.max + RECORD_GRACE, now);
        recording
    }

    /// Ends a recording; its end is still reported.
    pub(crate) fn stop_record(&mut self, recording: RecordingId, reason: RecordingEnd, now: Now) {
        let Some(state) = self.recordings.get_mut(&recording) else { return };
        if !state.running || state.stopping {
            return;
        }
        state.stopping = true;
        self.commands.push_back(Command::StopRecord { leg: LegId::CALLER, reason });
        self.guard(Awaited::Recorded { recording }, STOP_WAIT, now);
    }

    /// Ends whatever is recorded.
    pub(crate) fn stop_records(&mut self, reason: RecordingEnd, now: Now) {
        let running: Vec<RecordingId> =
            self.recordings.iter().filter(|(_, state)| state.running).map(|(id, _)| *id).collect();
        for recording in running {
            self.stop_record(recording, reason, now);
        }
    }

    pub(super) fn record_ended(&mut self, ended: Recorded, why: &str, now: Now) -> Option<Input> {
        let recording = ended.recording;
        self.settle(&Awaited::Recorded { recording });
        let state = self.recordings.get_mut(&recording)?;
        let awaited = std::mem::replace(&mut state.running, false);
        state.speech = ended.speech;
        state.duration = ended.duration;
        let kind = state.kind;
        let Recorded { duration, speech, reason, .. } = ended;
        // Kept even if we had given it up: what was said is not lost.
        self.keep(Fact::RecordingEnded { recording, duration, speech, reason }, why, now);
        if let (RecordingKind::Answer(question), true) = (kind, speech) {
            match self.answers.iter_mut().find(|(known, _)| *known == question) {
                Some(answer) => answer.1 = recording,
                None => self.answers.push((question, recording)),
            }
        }
        awaited.then_some(Input::News(News::Recorded(ended)))
    }

    pub(super) fn record_lost(&mut self, recording: RecordingId, now: Now) -> Option<Input> {
        self.stop_record(recording, RecordingEnd::Failed, now);
        let ended = Recorded { recording, duration: Duration::ZERO, speech: false, reason: RecordingEnd::Failed };
        self.record_ended(ended, "its end was not reported", now)
    }

    /// A conversation is being recorded.
    pub(crate) fn tapes_conversation(&self) -> bool {
        let tapes = |state: &Recording| state.running && !state.stopping && state.kind == RecordingKind::Conversation;
        self.recordings.values().any(tapes)
    }

    /// Something was said in a recording of this kind.
    pub(crate) fn spoke(&self, of: impl Fn(RecordingKind) -> bool) -> bool {
        self.recordings.values().any(|state| state.speech && of(state.kind))
    }

    /// The answers that count.
    pub(crate) fn answered(&self) -> Vec<RecordingId> {
        self.answers.iter().map(|(_, recording)| *recording).collect()
    }

    /// All that the caller said, for the engineer: answers, then messages.
    pub(crate) fn said(&self) -> Vec<RecordingId> {
        let messages = self
            .recordings
            .iter()
            .filter(|(_, state)| state.speech && state.kind == RecordingKind::Voicemail)
            .map(|(id, _)| *id);
        self.said_before.iter().copied().chain(self.answered()).chain(messages).collect()
    }
}
