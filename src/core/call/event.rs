//! What the world tells a call.

use std::time::Duration;

use crate::audio::machine::Hint;
use crate::audio::quality::LegQuality;
use crate::fact::{LegCause, RecordingEnd};
use crate::ids::{AlertId, LegId, RecordingId};

use super::command::{DialId, PlayId};
use super::outside::{KnownIncident, LineAlert, OpenReport};
use super::people::Callees;

/// One input to the call machine.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The caller's leg is up: our 200 was sent and media can flow.
    CallerAnswered,
    /// A key was pressed, heard once however it came (RFC 4733, its sound, SIP INFO).
    Digit {
        /// Who pressed.
        leg: LegId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// A play came to its end by itself. A play that was stopped or replaced sends nothing.
    PlayEnded {
        /// Which leg.
        leg: LegId,
        /// Which play.
        play: PlayId,
    },
    /// A recording is over, whoever ended it. Sent once for every `Record`.
    RecordEnded {
        /// Which leg.
        leg: LegId,
        /// Which recording.
        recording: RecordingId,
        /// Length of the audio kept.
        duration: Duration,
        /// Speech was heard in it.
        speech: bool,
        /// Why it ended.
        reason: RecordingEnd,
    },
    /// The dialled phone rings (180 or 183; early media is not passed on).
    LegRinging {
        /// Which leg.
        leg: LegId,
    },
    /// The dialled phone was answered: perhaps by a person, perhaps by a mailbox.
    LegAnswered {
        /// Which leg.
        leg: LegId,
    },
    /// A leg is over, or never came to be. The caller's leg included. Sent once for each leg.
    LegEnded {
        /// Which leg.
        leg: LegId,
        /// How.
        cause: LegCause,
    },
    /// How a leg's sound was. Before its `LegEnded`.
    LegQuality {
        /// Which leg.
        leg: LegId,
        /// Packets, loss, jitter, round trip.
        quality: LegQuality,
    },
    /// What answered sounds like a mailbox. A hint, once for a leg at most.
    Machine {
        /// Which leg.
        leg: LegId,
        /// What was noticed.
        hint: Hint,
    },
    /// Answer to `FindOnCall`: who is to be called now, in order.
    OnCallFound {
        /// The question's number.
        dial: DialId,
        /// Whom to call, first choice first; empty: nobody, with the reason in `why`.
        callees: Callees,
    },
    /// Answer to `FindKnown`.
    KnownFound {
        /// The question's number.
        dial: DialId,
        /// The caller's newest open report.
        report: Option<OpenReport>,
        /// An open incident of the caller's customer.
        incident: Option<KnownIncident>,
    },
    /// Answer to `ListAlerts`.
    OpenAlertsFound {
        /// The question's number.
        dial: DialId,
        /// All that are open; `None`: they can't be looked up.
        alerts: Option<Vec<LineAlert>>,
    },
    /// Answer to `Order`.
    Ordered {
        /// The question's number.
        dial: DialId,
        /// It is kept.
        done: bool,
    },
    /// Answer to `JoinCaller`.
    JoinAnswered {
        /// Which leg.
        leg: LegId,
        /// The alert whose caller has it now; `None`: no caller waits (any more), and the leg is still here.
        alert: Option<AlertId>,
    },
    /// A live caller needs the phone that this leg rings: a call of our own that nobody has accepted makes way.
    MakeWay {
        /// Which leg.
        leg: LegId,
    },
    /// A leg's phone holds the call (re-INVITE), or does so no longer.
    Held {
        /// Which leg.
        leg: LegId,
        /// It wants to hear nothing.
        held: bool,
    },
    /// Somebody outside acknowledged or resolved the call's alert (page, API).
    AlertTaken,
    /// The service is shutting down and its patience is at an end.
    Shutdown,
}
