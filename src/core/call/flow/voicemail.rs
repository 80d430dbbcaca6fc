//! `voicemail`: words, a beep, a message, thanks.

use crate::call::command::RecordLimits;
use crate::call::frame::{Frame, News, Way};
use crate::call::prompt::{Prompt, say};
use crate::call::recordings::Recorded;
use crate::fact::{RecordingEnd, RecordingKind};
use crate::ids::{LegId, RecordingId};
use crate::now::Now;

use super::Voicemail;

/// A message is taken.
#[derive(Debug)]
pub(crate) struct Taking {
    node: Voicemail,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The words before the beep.
    Asking,
    /// The beep alone: the words were cut short by a key.
    Beeping,
    /// The caller speaks.
    Recording(RecordingId),
    /// The words after it.
    Thanking { why: String },
}

impl Taking {
    pub(crate) fn enter(node: &Voicemail, frame: &mut Frame, now: Now) -> Self {
        frame.needed = true;
        frame.typed.clear();
        let mut prompts = node.prompts.clone();
        if prompts.last() != Some(&Prompt::Beep) {
            prompts.push(Prompt::Beep);
        }
        frame.play_to_end_until_key(prompts, now);
        Self { node: node.clone(), stage: Stage::Asking }
    }

    pub(crate) fn on(&mut self, news: &News, frame: &mut Frame, now: Now) -> Way {
        match (&self.stage, news) {
            (Stage::Asking, News::Digit(_)) => {
                self.stage = Stage::Beeping;
                frame.play_short(LegId::CALLER, vec![Prompt::Beep], now);
                Way::Stay
            }
            (Stage::Asking | Stage::Beeping, News::Played) => {
                let limits = RecordLimits {
                    max: self.node.max,
                    end_silence: self.node.end_silence,
                    no_speech: self.node.no_speech,
                };
                frame.may_speak(now);
                self.stage = Stage::Recording(frame.record(RecordingKind::Voicemail, limits, now));
                Way::Stay
            }
            (Stage::Recording(recording), News::Digit('#')) => {
                frame.stop_record(*recording, RecordingEnd::Key, now);
                Way::Stay
            }
            (Stage::Recording(recording), News::Recorded(recorded)) if recorded.recording == *recording => {
                self.recorded(recorded, frame, now)
            }
            (Stage::Thanking { why }, News::Played) => Way::Go(self.node.next.clone(), why.clone()),
            (Stage::Thanking { why }, News::Digit(_)) => {
                frame.stop_play(LegId::CALLER);
                Way::Go(self.node.next.clone(), why.clone())
            }
            (
                Stage::Asking | Stage::Beeping | Stage::Recording(_) | Stage::Thanking { .. },
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

    fn recorded(&mut self, recorded: &Recorded, frame: &mut Frame, now: Now) -> Way {
        let lost = recorded.reason == RecordingEnd::Failed;
        let (words, why) = match (lost, recorded.speech) {
            (true, _) => (vec![Prompt::Say(say::SORRY_FAULT)], "the message could not be kept whole"),
            (false, true) => (self.node.thanks.clone(), "a message was left"),
            (false, false) => (vec![Prompt::Say(say::VOICEMAIL_EMPTY)], "no message was heard"),
        };
        frame.fault |= lost;
        frame.note("message over", why, now);
        if words.is_empty() {
            return Way::Go(self.node.next.clone(), why.to_owned());
        }
        frame.play_to_end_until_key(words, now);
        self.stage = Stage::Thanking { why: why.to_owned() };
        Way::Stay
    }
}
