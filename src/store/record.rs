//! An entry as the journal writes it: JSON with a version. Core's types carry no
//! `Serialize`; these mirror them, so that the format stays when the core changes.
//!
//! `v` counts incompatible changes. A field added later is optional with a default,
//! so that adjacent releases read each other's journals.

use std::time::Duration;

use hotline_core::directory::Language;
use hotline_core::fact::{Actor, Direction, Entry, Fact, LegCause, Outcome, Priority, RecordingEnd, RecordingKind};
use hotline_core::ids::{AlertId, CallId, CustomerId, LegId, NumberId, RecordingId, UserId};
use hotline_core::private::Private;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::record_alert::{ChangeRecord, from_change, to_change};
use super::record_quality::{QualityRecord, from_quality, to_quality};

/// The version that this release writes.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Record {
    v: u32,
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alert: Option<Uuid>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    why: String,
    fact: FactRecord,
}

/// Read first, so that a newer journal is told apart from a broken one.
#[derive(Deserialize)]
struct Version {
    v: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum FactRecord {
    CallStarted {
        direction: String,
        number: String,
        reference: String,
        caller: Option<String>,
        source: String,
        language: String,
    },
    CustomerIdentified {
        customer: String,
    },
    LanguageChosen {
        language: String,
    },
    Step {
        node: String,
        what: String,
    },
    LegStarted {
        leg: u32,
        person: Option<String>,
        destination: String,
    },
    LegRinging {
        leg: u32,
    },
    LegAnswered {
        leg: u32,
    },
    LegAccepted {
        leg: u32,
        person: Option<String>,
    },
    LegDeclined {
        leg: u32,
        person: Option<String>,
    },
    Bridged {
        a: u32,
        b: u32,
    },
    LegEnded {
        leg: u32,
        cause: CauseRecord,
    },
    LegQuality {
        leg: u32,
        quality: QualityRecord,
    },
    RecordingStarted {
        recording: Uuid,
        leg: u32,
        what: String,
    },
    RecordingEnded {
        recording: Uuid,
        duration_ns: u64,
        speech: bool,
        reason: String,
    },
    RecordingRefused {
        leg: u32,
        recording: Option<Uuid>,
    },
    AnswersConfirmed,
    AlertOpened {
        title: String,
        priority: String,
        ring_at: Option<Timestamp>,
    },
    AlertUpdated {
        title: Option<String>,
        priority: Option<String>,
    },
    AlertAcknowledged {
        by: ActorRecord,
    },
    AlertResolved {
        by: ActorRecord,
    },
    AlertRings {
        round: u32,
        next_at: Timestamp,
    },
    Alert {
        change: ChangeRecord,
    },
    Transcribed {
        recording: Uuid,
        text: String,
        language: String,
        engine: String,
    },
    TranscriptFailed {
        recording: Uuid,
        reason: String,
    },
    CallEnded {
        outcome: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
enum CauseRecord {
    HungUp,
    Released,
    NoAnswer,
    Busy,
    Rejected { status: u16 },
    Unreachable { reason: String },
    Failed { reason: String },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "kebab-case")]
pub(super) enum ActorRecord {
    Person { user: String },
    Login { name: String },
    Token { name: String },
    System,
}

/// The entry as JSON, for the journal.
pub(super) fn encode(entry: &Entry) -> Vec<u8> {
    let record = Record {
        v: VERSION,
        at: entry.at,
        call: entry.call.map(|id| id.0),
        alert: entry.alert.map(|id| id.0),
        why: entry.why.clone(),
        fact: to_record(&entry.fact),
    };
    serde_json::to_vec(&record).expect("plain structs and strings always become JSON")
}

/// The entry behind the JSON, or why there is none.
pub(super) fn decode(json: &[u8]) -> Result<Entry, String> {
    let version: Version = serde_json::from_slice(json).map_err(|error| format!("not a journal record: {error}"))?;
    if version.v > VERSION {
        return Err(format!("written by a newer hotline (record version {})", version.v));
    }
    let record: Record = serde_json::from_slice(json).map_err(|error| format!("not a journal record: {error}"))?;
    Ok(Entry {
        at: record.at,
        call: record.call.map(CallId),
        alert: record.alert.map(AlertId),
        fact: from_record(record.fact)?,
        why: record.why,
    })
}

fn to_record(fact: &Fact) -> FactRecord {
    let person = |user: &Option<UserId>| user.as_ref().map(|user| user.0.clone());
    match fact {
        Fact::CallStarted { direction, number, reference, caller, source, language } => FactRecord::CallStarted {
            direction: direction.word().to_owned(),
            number: number.0.clone(),
            reference: reference.clone(),
            caller: caller.as_ref().map(|caller| caller.reveal().clone()),
            source: source.clone(),
            language: language.0.clone(),
        },
        Fact::CustomerIdentified { customer } => FactRecord::CustomerIdentified { customer: customer.0.clone() },
        Fact::LanguageChosen { language } => FactRecord::LanguageChosen { language: language.0.clone() },
        Fact::Step { node, what } => FactRecord::Step { node: node.clone(), what: what.clone() },
        Fact::LegStarted { leg, person: user, destination } => {
            FactRecord::LegStarted { leg: leg.0, person: person(user), destination: destination.clone() }
        }
        Fact::LegRinging { leg } => FactRecord::LegRinging { leg: leg.0 },
        Fact::LegAnswered { leg } => FactRecord::LegAnswered { leg: leg.0 },
        Fact::LegAccepted { leg, person: user } => FactRecord::LegAccepted { leg: leg.0, person: person(user) },
        Fact::LegDeclined { leg, person: user } => FactRecord::LegDeclined { leg: leg.0, person: person(user) },
        Fact::Bridged { a, b } => FactRecord::Bridged { a: a.0, b: b.0 },
        Fact::LegEnded { leg, cause } => FactRecord::LegEnded { leg: leg.0, cause: to_cause(cause) },
        Fact::LegQuality { leg, quality } => FactRecord::LegQuality { leg: leg.0, quality: to_quality(quality) },
        Fact::RecordingStarted { recording, leg, kind } => {
            FactRecord::RecordingStarted { recording: recording.0, leg: leg.0, what: kind.word().to_owned() }
        }
        Fact::RecordingEnded { recording, duration, speech, reason } => FactRecord::RecordingEnded {
            recording: recording.0,
            duration_ns: u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX),
            speech: *speech,
            reason: reason.word().to_owned(),
        },
        Fact::RecordingRefused { leg, recording } => {
            FactRecord::RecordingRefused { leg: leg.0, recording: recording.map(|id| id.0) }
        }
        Fact::AnswersConfirmed => FactRecord::AnswersConfirmed,
        Fact::AlertOpened { title, priority, ring_at } => {
            FactRecord::AlertOpened { title: title.clone(), priority: priority.word().to_owned(), ring_at: *ring_at }
        }
        Fact::AlertUpdated { title, priority } => FactRecord::AlertUpdated {
            title: title.clone(),
            priority: priority.map(|priority| priority.word().to_owned()),
        },
        Fact::AlertAcknowledged { by } => FactRecord::AlertAcknowledged { by: to_actor(by) },
        Fact::AlertResolved { by } => FactRecord::AlertResolved { by: to_actor(by) },
        Fact::AlertRings { round, next_at } => FactRecord::AlertRings { round: *round, next_at: *next_at },
        Fact::Alert(change) => FactRecord::Alert { change: to_change(change) },
        Fact::Transcribed { recording, text, language, engine } => FactRecord::Transcribed {
            recording: recording.0,
            text: text.reveal().clone(),
            language: language.clone(),
            engine: engine.clone(),
        },
        Fact::TranscriptFailed { recording, reason } => {
            FactRecord::TranscriptFailed { recording: recording.0, reason: reason.clone() }
        }
        Fact::CallEnded { outcome } => FactRecord::CallEnded { outcome: outcome.word().to_owned() },
    }
}

fn from_record(record: FactRecord) -> Result<Fact, String> {
    Ok(match record {
        FactRecord::CallStarted { direction, number, reference, caller, source, language } => Fact::CallStarted {
            direction: Direction::from_word(&direction).ok_or_else(|| unknown("direction", &direction))?,
            number: NumberId(number),
            reference,
            caller: caller.map(Private::new),
            source,
            language: Language(language),
        },
        FactRecord::CustomerIdentified { customer } => Fact::CustomerIdentified { customer: CustomerId(customer) },
        FactRecord::LanguageChosen { language } => Fact::LanguageChosen { language: Language(language) },
        FactRecord::Step { node, what } => Fact::Step { node, what },
        FactRecord::LegStarted { leg, person, destination } => {
            Fact::LegStarted { leg: LegId(leg), person: person.map(UserId), destination }
        }
        FactRecord::LegRinging { leg } => Fact::LegRinging { leg: LegId(leg) },
        FactRecord::LegAnswered { leg } => Fact::LegAnswered { leg: LegId(leg) },
        FactRecord::LegAccepted { leg, person } => Fact::LegAccepted { leg: LegId(leg), person: person.map(UserId) },
        FactRecord::LegDeclined { leg, person } => Fact::LegDeclined { leg: LegId(leg), person: person.map(UserId) },
        FactRecord::Bridged { a, b } => Fact::Bridged { a: LegId(a), b: LegId(b) },
        FactRecord::LegEnded { leg, cause } => Fact::LegEnded { leg: LegId(leg), cause: from_cause(cause) },
        FactRecord::LegQuality { leg, quality } => {
            Fact::LegQuality { leg: LegId(leg), quality: from_quality(quality)? }
        }
        FactRecord::RecordingStarted { recording, leg, what } => Fact::RecordingStarted {
            recording: RecordingId(recording),
            leg: LegId(leg),
            kind: RecordingKind::from_word(&what).ok_or_else(|| unknown("recording", &what))?,
        },
        FactRecord::RecordingEnded { recording, duration_ns, speech, reason } => Fact::RecordingEnded {
            recording: RecordingId(recording),
            duration: Duration::from_nanos(duration_ns),
            speech,
            reason: RecordingEnd::from_word(&reason).ok_or_else(|| unknown("end of a recording", &reason))?,
        },
        FactRecord::RecordingRefused { leg, recording } => {
            Fact::RecordingRefused { leg: LegId(leg), recording: recording.map(RecordingId) }
        }
        FactRecord::AnswersConfirmed => Fact::AnswersConfirmed,
        FactRecord::AlertOpened { title, priority, ring_at } => {
            Fact::AlertOpened { title, priority: from_priority(&priority)?, ring_at }
        }
        FactRecord::AlertUpdated { title, priority } => {
            Fact::AlertUpdated { title, priority: priority.as_deref().map(from_priority).transpose()? }
        }
        FactRecord::AlertAcknowledged { by } => Fact::AlertAcknowledged { by: from_actor(by) },
        FactRecord::AlertResolved { by } => Fact::AlertResolved { by: from_actor(by) },
        FactRecord::AlertRings { round, next_at } => Fact::AlertRings { round, next_at },
        FactRecord::Alert { change } => Fact::Alert(from_change(change)?),
        FactRecord::Transcribed { recording, text, language, engine } => {
            Fact::Transcribed { recording: RecordingId(recording), text: Private::new(text), language, engine }
        }
        FactRecord::TranscriptFailed { recording, reason } => {
            Fact::TranscriptFailed { recording: RecordingId(recording), reason }
        }
        FactRecord::CallEnded { outcome } => {
            Fact::CallEnded { outcome: Outcome::from_word(&outcome).ok_or_else(|| unknown("outcome", &outcome))? }
        }
    })
}

pub(super) fn unknown(what: &str, word: &str) -> String {
    format!("unknown {what} `{word}`")
}

pub(super) fn from_priority(word: &str) -> Result<Priority, String> {
    Priority::from_word(word).ok_or_else(|| unknown("priority", word))
}

fn to_cause(cause: &LegCause) -> CauseRecord {
    match cause {
        LegCause::HungUp => CauseRecord::HungUp,
        LegCause::Released => CauseRecord::Released,
        LegCause::NoAnswer => CauseRecord::NoAnswer,
        LegCause::Busy => CauseRecord::Busy,
        LegCause::Rejected { status } => CauseRecord::Rejected { status: *status },
        LegCause::Unreachable { reason } => CauseRecord::Unreachable { reason: reason.clone() },
        LegCause::Failed { reason } => CauseRecord::Failed { reason: reason.clone() },
    }
}

fn from_cause(cause: CauseRecord) -> LegCause {
    match cause {
        CauseRecord::HungUp => LegCause::HungUp,
        CauseRecord::Released => LegCause::Released,
        CauseRecord::NoAnswer => LegCause::NoAnswer,
        CauseRecord::Busy => LegCause::Busy,
        CauseRecord::Rejected { status } => LegCause::Rejected { status },
        CauseRecord::Unreachable { reason } => LegCause::Unreachable { reason },
        CauseRecord::Failed { reason } => LegCause::Failed { reason },
    }
}

pub(super) fn to_actor(actor: &Actor) -> ActorRecord {
    match actor {
        Actor::Person(user) => ActorRecord::Person { user: user.0.clone() },
        Actor::Login(name) => ActorRecord::Login { name: name.clone() },
        Actor::Token(name) => ActorRecord::Token { name: name.clone() },
        Actor::System => ActorRecord::System,
    }
}

pub(super) fn from_actor(actor: ActorRecord) -> Actor {
    match actor {
        ActorRecord::Person { user } => Actor::Person(UserId(user)),
        ActorRecord::Login { name } => Actor::Login(name),
        ActorRecord::Token { name } => Actor::Token(name),
        ActorRecord::System => Actor::System,
    }
}
