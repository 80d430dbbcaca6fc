//! What a call wants done. `switch` does it.

use std::time::Duration;

use crate::alert;
use crate::directory::{Destination, Language};
use crate::fact::{Actor, Entry, Outcome, RecordingKind};
use crate::ids::{AlertId, CustomerId, IncidentId, LegId, RecordingId, UserId};
use crate::private::Private;

use super::flow::ConnectTarget;
use super::outside::NoticeAnswer;
use super::prompt::Prompt;
use super::supervise::SupervisorAnswer;

/// Numbers the plays of a call, so that a late `PlayEnded` of an old one is known as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlayId(pub u32);

/// Numbers the questions to the rest of the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialId(pub u32);

/// One deed.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "each is done as soon as it is said; none is kept in numbers")]
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
        /// Any key stops it, the sooner the better: the call is told of the key and says `StopPlay` all the same.
        until_key: bool,
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
    /// Ask who is to be called now. Answered by `OnCallFound`.
    FindOnCall {
        /// The question's number.
        dial: DialId,
        /// Whom the flow means.
        target: ConnectTarget,
    },
    /// Ask whether this caller has an open report, or their customer an incident (from memory, at once). Answered by `KnownFound`.
    FindKnown {
        /// The question's number.
        dial: DialId,
        /// In which language they will hear of it.
        language: Language,
        /// Who calls; `None`: withheld.
        caller: Option<Private<String>>,
        /// The customer, if known.
        customer: Option<CustomerId>,
        /// Reports of other numbers of the same customer count as well.
        colleagues: bool,
    },
    /// This call is about the incident; what was recorded (if anything) belongs to it.
    AddToIncident {
        /// Which.
        incident: IncidentId,
        /// What the caller said.
        recording: Option<RecordingId>,
    },
    /// The call's alert may be about the incident that its caller heard of before.
    MayBeAbout {
        /// Which.
        incident: IncidentId,
        /// The alert.
        alert: AlertId,
    },
    /// The caller wants an SMS when the incident is over.
    TellWhenOver {
        /// Which.
        incident: IncidentId,
        /// The caller's number.
        caller: Private<String>,
    },
    /// Ask for the open alerts, for an engineer on the line. Answered by `OpenAlertsFound`.
    ListAlerts {
        /// The question's number.
        dial: DialId,
        /// In which language they will be read out.
        language: Language,
    },
    /// A person's word about an alert, to be kept durably. Answered by `Ordered`.
    Order {
        /// The question's number.
        dial: DialId,
        /// Which alert.
        alert: AlertId,
        /// What they want.
        deed: alert::Command,
        /// Who.
        by: Actor,
    },
    /// Hand this leg over to the caller who waits about one of these alerts. Answered by `JoinAnswered`; a leg that
    /// was handed over is not this call's any more: nothing further comes of it.
    JoinCaller {
        /// Which leg.
        leg: LegId,
        /// About what, the first that has a waiting caller.
        alerts: Vec<AlertId>,
        /// Who is on the leg.
        person: Option<UserId>,
        /// The language spoken there.
        language: Language,
    },
    /// What came of a notification by telephone: exactly once, as soon as it is certain.
    Answered(NoticeAnswer),
    /// Somebody typed a PIN that is no engineer's: the source is slowed down.
    WrongPin,
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
    /// Let two legs hear each other; stops what plays on both, and parts either from whomever it heard before.
    Bridge {
        /// One.
        a: LegId,
        /// The other.
        b: LegId,
    },
    /// Let several legs hear each other, each those that it names. Stops nothing that plays. Asked again it changes who
    /// hears whom; a leg that is not named any more hears nobody.
    Mix {
        /// Who.
        seats: Vec<Seat>,
    },
    /// These legs hear nobody from now on.
    Part {
        /// Which.
        legs: Vec<LegId>,
    },
    /// What a leg hears while the other side holds the call and sends nothing of its own.
    HoldMusic {
        /// Who hears it.
        leg: LegId,
        /// It may be heard; else no longer.
        plays: bool,
    },
    /// What came of ringing a supervisor's phone; for whoever asked for it. Once for each.
    Supervised {
        /// The supervisor's leg.
        leg: LegId,
        /// What came of it.
        answer: SupervisorAnswer,
    },
    /// All is done: every leg has ended, the last fact is kept. Last command of a call.
    End {
        /// What came of it.
        outcome: Outcome,
    },
}

/// A leg in a conversation of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Who.
    pub leg: LegId,
    /// Whom it hears.
    pub hears: Vec<LegId>,
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
