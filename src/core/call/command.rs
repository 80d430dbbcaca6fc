//! What a call wants done. `switch` does it.

use std::time::Duration;

use crate::directory::{Destination, Language};
use crate::fact::{Entry, Outcome, RecordingKind};
use crate::ids::{LegId, RecordingId, ScheduleId, UserId};

use super::prompt::Prompt;

/// Numbers the plays of a call, so that a late `PlayEnded` of an old one is known as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlayId(pub u32);

/// Numbers the questions after who is on call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialId(pub u32);

/// One deed.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Answer the caller (200 OK). The journal must hold everything kept so far
    /// before the 200 leaves. Answered by `CallerAnswered` or `LegEnded`.
    Answer,
    /// Refuse the caller before answering. Answered by `LegEnded`.
    Reject {
        /// SIP status code, 4xx–6xx.
        status: u16,
    },
    /// Keep this for good, in this order.
    Keep(Entry),
    /// Play to a leg; replaces what is playing there. Answered by `PlayEnded`
    /// unless the last prompt is endless.
    Play {
        /// To whom.
        leg: LegId,
        /// Its number.
        play: PlayId,
        /// One after the other, without a gap. One that cannot be had is skipped.
        prompts: Vec<Prompt>,
        /// Whose recordings of the prompts.
        language: Language,
    },
    /// Stop what plays on a leg, at once. Nothing if nothing plays.
    StopPlay {
        /// Where.
        leg: LegId,
    },
    /// Record what a leg says. Always answered by `RecordEnded`.
    Record {
        /// Who is recorded.
        leg: LegId,
        /// Its identity, the file's name.
        recording: RecordingId,
        /// What it is.
        kind: RecordingKind,
        /// When it ends by itself.
        limits: RecordLimits,
    },
    /// End the recording on this leg now.
    StopRecord {
        /// Where.
        leg: LegId,
        /// What to say in `RecordEnded`.
        reason: crate::fact::RecordingEnd,
    },
    /// Ask who is on call now. Answered by `OnCallFound`.
    FindOnCall {
        /// The question's number.
        dial: DialId,
        /// Which rota.
        schedule: ScheduleId,
    },
    /// Call somebody. Answered by `LegRinging`, `LegAnswered`, `LegEnded`; a
    /// destination that cannot be reached by `LegEnded` at once.
    Dial {
        /// The new leg.
        leg: LegId,
        /// Where to.
        destination: Destination,
        /// Who should be there.
        person: Option<UserId>,
    },
    /// End a leg (BYE, or CANCEL while it rings). Answered by `LegEnded`.
    HangUp {
        /// Which.
        leg: LegId,
    },
    /// Let two legs hear each other; stops what plays on both.
    Bridge {
        /// One.
        a: LegId,
        /// The other.
        b: LegId,
    },
    /// All is done: every leg has ended, the last fact is kept. Last command of a call.
    End {
        /// What came of it.
        outcome: Outcome,
    },
}

/// When a recording ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLimits {
    /// Longest audio kept.
    pub max: Duration,
    /// Silence after speech that means "finished"; `None`: never ends by silence.
    pub end_silence: Option<Duration>,
    /// Give up when nothing was said for so long; `None`: wait until `max`.
    pub no_speech: Option<Duration>,
}
