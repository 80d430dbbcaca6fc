//! What happened, for good. Facts are what the journal keeps, what the timeline
//! shows and what the records are built from: a call's rows are its facts
//! applied in order, so applying one twice changes nothing.

use std::time::Duration;

use jiff::Timestamp;

use crate::audio::quality::LegQuality;
use crate::directory::Language;
use crate::ids::{AlertId, CallId, CustomerId, LegId, NumberId, RecordingId, UserId};
use crate::private::Private;

/// One fact with its place in the record.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When it happened, UTC.
    pub at: Timestamp,
    /// The call it belongs to; `None` for what is done to an alert from outside a call.
    pub call: Option<CallId>,
    /// The alert it belongs to, where there is one.
    pub alert: Option<AlertId>,
    /// What happened.
    pub fact: Fact,
    /// Why, in one plain sentence: which rule, schedule, key or fault led to it.
    /// Empty where the fact says it all. Holds no phone number, name or words of a caller.
    pub why: String,
}

/// What can happen. The store has a table row for each, the page a sentence.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A call came in or was placed by us. First fact of every call.
    CallStarted {
        /// Why there is this call.
        direction: Direction,
        /// The hotline number it belongs to.
        number: NumberId,
        /// The short reference that is spoken to the caller (digits only).
        reference: String,
        /// The caller's number in E.164, or what the phone called itself; `None`: withheld.
        caller: Option<Private<String>>,
        /// Trunk, phone account or `open` that it came from, as `trunk:NAME`, `phone:NAME`, `open`.
        source: String,
        /// Language it begins in.
        language: Language,
    },
    /// The customer was found.
    CustomerIdentified {
        /// Who.
        customer: CustomerId,
    },
    /// The language was chosen or changed.
    LanguageChosen {
        /// Which.
        language: Language,
    },
    /// A step of the flow was entered, or something worth telling happened in it.
    Step {
        /// The node's name within the flow.
        node: String,
        /// What happens there, in a few words.
        what: String,
    },
    /// Someone is being called.
    LegStarted {
        /// The new leg.
        leg: LegId,
        /// Whom it should reach; `None` for the caller or a fixed address.
        person: Option<UserId>,
        /// Where it goes (`phone engineer-1`, `number …42 via trunk`): no full numbers.
        destination: String,
    },
    /// The leg's phone rings.
    LegRinging {
        /// Which.
        leg: LegId,
    },
    /// The leg was answered. Answered is not accepted.
    LegAnswered {
        /// Which.
        leg: LegId,
    },
    /// A human accepted by a deed (key) and not by answering.
    LegAccepted {
        /// Which.
        leg: LegId,
        /// Who.
        person: Option<UserId>,
    },
    /// The person declined by key.
    LegDeclined {
        /// Which.
        leg: LegId,
        /// Who.
        person: Option<UserId>,
    },
    /// Two legs hear each other.
    Bridged {
        /// Usually the caller.
        a: LegId,
        /// Usually the engineer.
        b: LegId,
    },
    /// A leg is over or came to nothing.
    LegEnded {
        /// Which.
        leg: LegId,
        /// How.
        cause: LegCause,
    },
    /// How the sound of a leg was: at its end, where there was any.
    LegQuality {
        /// Which.
        leg: LegId,
        /// Packets, loss, jitter, round trip.
        quality: LegQuality,
    },
    /// A recording begins; its file may already grow.
    RecordingStarted {
        /// The recording.
        recording: RecordingId,
        /// Who is heard.
        leg: LegId,
        /// What it is.
        kind: RecordingKind,
    },
    /// A recording is over.
    RecordingEnded {
        /// The recording.
        recording: RecordingId,
        /// Length of the audio.
        duration: Duration,
        /// Whether speech was heard in it.
        speech: bool,
        /// Why it ended.
        reason: RecordingEnd,
    },
    /// Who speaks on this leg did not want the conversation to be recorded: what was kept of it is removed, and nothing
    /// more is recorded of this call's conversations.
    RecordingRefused {
        /// Who pressed the key.
        leg: LegId,
        /// What was recorded by then; `None`: nothing yet.
        recording: Option<RecordingId>,
    },
    /// The caller confirmed what was said to the 5-W script.
    AnswersConfirmed,
    /// An alert exists from now on.
    AlertOpened {
        /// One line that says what it is.
        title: String,
        /// P1 (most urgent) to P5.
        priority: Priority,
        /// When it rings people if nobody has it by then; `None` for never.
        ring_at: Option<Timestamp>,
    },
    /// Title or priority changed.
    AlertUpdated {
        /// New title.
        title: Option<String>,
        /// New priority.
        priority: Option<Priority>,
    },
    /// Somebody has it.
    AlertAcknowledged {
        /// Who.
        by: Actor,
    },
    /// It is over.
    AlertResolved {
        /// Who said so.
        by: Actor,
    },
    /// People are rung, or will be, because nobody has it yet.
    AlertRings {
        /// Counts from 1.
        round: u32,
        /// When the next round is due if this one comes to nothing.
        next_at: Timestamp,
    },
    /// Something else happened to the alert.
    Alert(crate::alert::Change),
    /// The transcript of a recording is there.
    Transcribed {
        /// Which recording.
        recording: RecordingId,
        /// The words; empty if there were none.
        text: Private<String>,
        /// Language tag that was used or detected.
        language: String,
        /// Engine and model (`whisper ggml-base.bin`).
        engine: String,
    },
    /// There will be no transcript.
    TranscriptFailed {
        /// Which recording.
        recording: RecordingId,
        /// Why, and what to do about it.
        reason: String,
    },
    /// The call is over. Last fact of a call.
    CallEnded {
        /// What came of it.
        outcome: Outcome,
    },
}

/// Why there is a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Somebody rang a hotline number.
    Inbound,
    /// We ring people about an alert that nobody has.
    AlertRing,
    /// We ring one phone to notify a person.
    Notification,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A person took it (accepted and joined; for an alert ring or notification: acknowledged).
    Taken,
    /// The caller left a message.
    Voicemail,
    /// The report was recorded but nobody took the call.
    Reported,
    /// The caller hung up before any of that. The alert says what was said.
    Abandoned,
    /// Turned away by the flow's block node.
    Blocked,
    /// The flow came to its end without a need for a person.
    Completed,
    /// Could not be carried out: no common codec, media or machine failure, crash.
    Failed,
    /// Nobody was reached (alert rings, notifications).
    Unanswered,
}

/// How a leg ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegCause {
    /// The other side hung up.
    HungUp,
    /// We ended it.
    Released,
    /// Rang and was not answered in time.
    NoAnswer,
    /// Busy (486, 600).
    Busy,
    /// Refused (403, 603 …).
    Rejected {
        /// SIP status code.
        status: u16,
    },
    /// Cannot be reached: not registered, trunk down, unknown host; with the remedy.
    Unreachable {
        /// What is wrong, without private data.
        reason: String,
    },
    /// No media, or a fault of ours.
    Failed {
        /// What is wrong, without private data.
        reason: String,
    },
}

/// One of the five questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Question {
    /// Who is calling?
    Who,
    /// What has happened?
    What,
    /// Since when?
    When,
    /// Where: which site, which system?
    Where,
    /// Why is it urgent, what may have caused it?
    Why,
}

impl Question {
    /// In the order of the script.
    pub const ALL: [Self; 5] = [Self::Who, Self::What, Self::When, Self::Where, Self::Why];

    /// Stable word for API and prompts: `who`, `what` …
    pub const fn word(self) -> &'static str {
        match self {
            Self::Who => "who",
            Self::What => "what",
            Self::When => "when",
            Self::Where => "where",
            Self::Why => "why",
        }
    }
}

/// What a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordingKind {
    /// An answer to the 5-W script.
    Answer(Question),
    /// A message.
    Voicemail,
    /// What the caller and the engineer say to each other: two channels, left the caller, right what the caller hears.
    Conversation,
}

/// Why a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingEnd {
    /// The caller had finished speaking.
    Silence,
    /// Nothing was said.
    NoSpeech,
    /// The caller pressed a key.
    Key,
    /// The length limit.
    MaxLength,
    /// The call ended.
    CallEnded,
    /// It could not be kept (disk full, media fault).
    Failed,
    /// Somebody did not want it: nothing of it is kept.
    Refused,
    /// Found after a crash and made whole.
    Recovered,
}

/// Urgency, P1 first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Everything stands still.
    P1,
    /// High.
    P2,
    /// Medium.
    P3,
    /// Low.
    P4,
    /// For information.
    P5,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A person of the directory, on the phone (`by key on a call`).
    Person(UserId),
    /// A console account, by its login name.
    Login(String),
    /// An API token, by its name.
    Token(String),
    /// The hotline itself, by rule; the entry's `why` says which.
    System,
}

/// Stable words, used by the API, the store and the timeline alike.
macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// All of them.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// The stable word for it in API and store.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value behind a stable word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

pub(crate) use words;

words!(Direction { Inbound = "inbound", AlertRing = "alert-ring", Notification = "notification" });
words!(Outcome {
    Taken = "taken", Voicemail = "voicemail", Reported = "reported", Abandoned = "abandoned",
    Blocked = "blocked", Completed = "completed", Failed = "failed", Unanswered = "unanswered",
});
words!(Priority { P1 = "P1", P2 = "P2", P3 = "P3", P4 = "P4", P5 = "P5" });
words!(RecordingEnd {
    Silence = "silence", NoSpeech = "no-speech", Key = "key", MaxLength = "max-length",
    CallEnded = "call-ended", Failed = "failed", Refused = "refused", Recovered = "recovered",
});

impl RecordingKind {
    /// Stable word: `who` … `why`, `voicemail`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Answer(question) => question.word(),
            Self::Voicemail => "voicemail",
            Self::Conversation => "conversation",
        }
    }

    /// Channels of its sound.
    pub const fn channels(self) -> u16 {
        match self {
            Self::Answer(_) | Self::Voicemail => 1,
            Self::Conversation => 2,
        }
    }

    /// The value behind a stable word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "voicemail" => return Some(Self::Voicemail),
            "conversation" => return Some(Self::Conversation),
            _ => {}
        }
        Question::ALL.into_iter().find(|q| q.word() == word).map(Self::Answer)
    }
}
