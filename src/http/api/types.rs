//! What the API says about calls, alerts and recordings, as JSON.

use std::collections::HashMap;

use hotline_core::audio::quality::LegQuality;
use hotline_core::call::CallView;
use hotline_core::directory::Directory;
use hotline_core::fact::RecordingKind;
use hotline_core::ids::{CustomerId, ServiceId, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use super::supervise::Supervisor;
use crate::http::AppState;
use crate::http::params::rfc3339;
use crate::store::OpenAlert;
use crate::store::read::{AlertRow, CallRow, LegRow, RecordingRow, TimelineRow};

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Listed<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// Hand this in as `cursor` for the next page; null: this is the last one.
    pub next_cursor: Option<String>,
}

/// A configured thing by its id, with its name as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"id": "acme", "name": "Acme Logistics"}))]
pub struct Named {
    /// Configured id.
    pub id: String,
    /// As shown; the id where the configuration no longer has it.
    pub name: String,
}

impl Named {
    /// A customer.
    pub fn customer(directory: &Directory, id: &str) -> Self {
        let name = directory.customers.get(&CustomerId::from(id)).map_or(id, |customer| &customer.name);
        Self { id: id.to_owned(), name: name.to_owned() }
    }

    /// A service.
    pub fn service(directory: &Directory, id: &str) -> Self {
        let name = directory.services.get(&ServiceId::from(id)).map_or(id, |service| &service.name);
        Self { id: id.to_owned(), name: name.to_owned() }
    }

    /// A person.
    pub fn user(directory: &Directory, id: &str) -> Self {
        let name = directory.users.get(&UserId::from(id)).map_or(id, |user| &user.name);
        Self { id: id.to_owned(), name: name.to_owned() }
    }
}

/// A call, running or over.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019aab2c-7d11-7000-8000-000000000001", "direction": "inbound", "number": "hotline", "reference": "4711",
    "caller": "+493012345678", "source": "trunk:carrier", "customer": {"id": "acme", "name": "Acme Logistics"},
    "language": "en", "alert_id": "019aab2c-7d11-7000-8000-000000000002", "started_at": "2026-11-22T03:00:00.000Z",
    "answered_at": "2026-11-22T03:00:00.412Z", "taken_at": null, "taken_by": null, "ended_at": "2026-11-22T03:02:10.000Z",
    "outcome": "voicemail", "running": false, "state": null, "person": null
}))]
pub struct CallSummary {
    /// Id of the call (`UUIDv7`).
    pub id: String,
    /// `inbound`: somebody rang a hotline number; `alert-ring`: we ring people about an alert.
    pub direction: String,
    /// The hotline number rung.
    pub number: String,
    /// The reference spoken to the caller.
    pub reference: String,
    /// Caller's number; null: withheld.
    pub caller: Option<String>,
    /// `trunk:NAME`, `phone:NAME` or `open`; null until it is kept.
    pub source: Option<String>,
    /// The customer, if found.
    pub customer: Option<Named>,
    /// Language tag; null until it is kept.
    pub language: Option<String>,
    /// Its alert.
    pub alert_id: Option<String>,
    /// First INVITE.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// The caller was answered.
    #[schema(format = DateTime)]
    pub answered_at: Option<String>,
    /// A person accepted.
    #[schema(format = DateTime)]
    pub taken_at: Option<String>,
    /// Who accepted.
    pub taken_by: Option<Named>,
    /// Over.
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    /// `taken`, `voicemail`, `reported`, `abandoned`, `blocked`, `completed`, `failed`, `unanswered`; null while it runs.
    pub outcome: Option<String>,
    /// It is going on now.
    pub running: bool,
    /// While it runs: `greeting`, `menu`, `asking what`, `calling`, `with`, `voicemail`, `ending`.
    pub state: Option<String>,
    /// While it runs: the engineer being called or talked to.
    pub person: Option<Named>,
    /// While it runs: who listens to it, whispers or speaks; left out where nobody does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supervisors: Vec<Supervisor>,
}

impl CallSummary {
    /// From what is kept and, while it runs, what is going on.
    pub fn of_row(row: &CallRow, live: Option<&CallView>, directory: &Directory) -> Self {
        let live = live.filter(|_| row.outcome.is_none());
        Self {
            id: row.id.clone(),
            direction: row.direction.clone(),
            number: row.number.clone(),
            reference: row.reference.clone(),
            caller: row.caller.clone(),
            source: Some(row.source.clone()),
            customer: row.customer.as_deref().map(|id| Named::customer(directory, id)),
            language: Some(row.language.clone()),
            alert_id: row.alert_id.clone(),
            started_at: rfc3339(row.started_at),
            answered_at: row.answered_at.map(rfc3339),
            taken_at: row.taken_at.map(rfc3339),
            taken_by: row.taken_by.as_deref().map(|id| Named::user(directory, id)),
            ended_at: row.ended_at.map(rfc3339),
            outcome: row.outcome.clone(),
            running: live.is_some(),
            state: live.map(|live| live.state.clone()),
            person: live.and_then(|live| live.person.as_ref()).map(|user| Named::user(directory, &user.0)),
            supervisors: live.map(Supervisor::of_view).unwrap_or_default(),
        }
    }

    /// From what is going on alone: the store does not have it yet, or is away.
    pub fn of_view(live: &CallView, directory: &Directory) -> Self {
        Self {
            id: live.id.to_string(),
            direction: live.direction.word().to_owned(),
            number: live.number.0.clone(),
            reference: live.reference.clone(),
            caller: live.caller.as_ref().map(|caller| caller.reveal().clone()),
            source: None,
            customer: live.customer.as_ref().map(|id| Named::customer(directory, &id.0)),
            language: None,
            alert_id: live.alert.map(|id| id.to_string()),
            started_at: rfc3339(live.started.as_millisecond()),
            answered_at: None,
            taken_at: None,
            taken_by: None,
            ended_at: None,
            outcome: None,
            running: true,
            state: Some(live.state.clone()),
            person: live.person.as_ref().map(|user| Named::user(directory, &user.0)),
            supervisors: Supervisor::of_view(live),
        }
    }
}

/// One leg of a call.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "leg": 1, "person": {"id": "engineer-1", "name": "Ada Winter"}, "destination": "phone engineer-1",
    "started_at": "2026-11-22T03:01:00.000Z", "answered_at": null, "accepted_at": null,
    "ended_at": "2026-11-22T03:01:25.000Z", "cause": "no answer"
}))]
pub struct Leg {
    /// 0 is the caller; the others count up in the order of dialling.
    pub leg: i64,
    /// Whom it should reach.
    pub person: Option<Named>,
    /// Where it goes, without full numbers.
    pub destination: String,
    /// Dialled.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// Answered, perhaps by a mailbox.
    #[schema(format = DateTime)]
    pub answered_at: Option<String>,
    /// Accepted by a human's deed.
    #[schema(format = DateTime)]
    pub accepted_at: Option<String>,
    /// Over.
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    /// How it ended, in words.
    pub cause: Option<String>,
    /// How it sounded; from its end on, where there was sound.
    pub quality: Option<Quality>,
}

/// How a leg sounded. Loss, jitter and delay as RTCP has them, scores by the E-model (ITU-T G.107).
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"codec": "PCMA", "sent": 5500, "received": 5489, "lost": 11, "jitter_ms": 3.4, "round_trip_ms": 41.2,
    "mos_heard": 4.4, "lost_there": 210, "jitter_there_ms": 9.5, "mos_there": 3.9, "words": "good (4.4) to us, …"}))]
pub struct Quality {
    /// `PCMU`, `PCMA` …
    pub codec: String,
    /// Packets sent to the phone.
    pub sent: u64,
    /// Packets that came from it.
    pub received: u64,
    /// Packets from it that did not come.
    pub lost: u64,
    /// Jitter of what came, ms.
    pub jitter_ms: f64,
    /// There and back, ms; null: the phone sends no reports.
    pub round_trip_ms: Option<f64>,
    /// How the phone sounded to us, 1 (bad) to 4.5; null: nothing came.
    pub mos_heard: Option<f64>,
    /// Packets to the phone that did not come there; null: it sends no reports.
    pub lost_there: Option<u64>,
    /// Their jitter there, ms.
    pub jitter_there_ms: Option<f64>,
    /// How we sounded at the phone, 1 (bad) to 4.5.
    pub mos_there: Option<f64>,
    /// The same for people.
    pub words: String,
}

impl From<LegQuality> for Quality {
    fn from(quality: LegQuality) -> Self {
        let tenths = |score: f64| (score * 10.0).round() / 10.0;
        Self {
            codec: quality.codec.name().to_owned(),
            sent: quality.sent,
            received: quality.received,
            lost: quality.lost,
            jitter_ms: quality.jitter_ms,
            round_trip_ms: quality.round_trip_ms,
            mos_heard: quality.mos_heard().map(tenths),
            lost_there: quality.told.map(|told| told.lost),
            jitter_there_ms: quality.told.map(|told| told.jitter_ms),
            mos_there: quality.mos_there().map(tenths),
            words: quality.words(),
        }
    }
}

impl Leg {
    /// From its row.
    pub fn of_row(row: LegRow, directory: &Directory) -> Self {
        Self {
            leg: row.leg,
            quality: row.heard().map(Into::into),
            person: row.person.as_deref().map(|id| Named::user(directory, id)),
            destination: row.destination,
            started_at: rfc3339(row.started_at),
            answered_at: row.answered_at.map(rfc3339),
            accepted_at: row.accepted_at.map(rfc3339),
            ended_at: row.ended_at.map(rfc3339),
            cause: row.cause,
        }
    }
}

/// What was said in a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"state": "done", "text": "The mail server in Hamburg is down.", "note": "whisper ggml-base.bin"}))]
pub struct Transcript {
    /// `recording` (still running), `waiting`, `done`, `failed`, `none` (nothing was said), `off` (none are made at the moment).
    pub state: String,
    /// The words.
    pub text: Option<String>,
    /// Which engine made it, or why there is none and what to do.
    pub note: Option<String>,
}

/// One recording of what a caller said.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019aab2c-7d11-7000-8000-000000000003", "call_id": "019aab2c-7d11-7000-8000-000000000001", "kind": "what",
    "channels": 1, "removed_at": null, "started_at": "2026-11-22T03:00:21.000Z", "duration_ms": 4180, "speech": true, "running": false, "ended_because": "silence",
    "audio_url": "/api/v1/recordings/019aab2c-7d11-7000-8000-000000000003/audio",
    "transcript": {"state": "done", "text": "The mail server in Hamburg is down.", "note": "whisper ggml-base.bin"}
}))]
pub struct Recording {
    /// Id of the recording.
    pub id: String,
    /// Its call.
    pub call_id: String,
    /// `who`, `what`, `when`, `where`, `why`, `voicemail` or `conversation`.
    pub kind: String,
    /// Channels of the sound: 1, or 2 for a conversation (left the caller, right what the caller hears).
    pub channels: u16,
    /// Began.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// Length; null while it runs.
    pub duration_ms: Option<i64>,
    /// Speech was heard.
    pub speech: bool,
    /// Still being recorded.
    pub running: bool,
    /// `silence`, `no-speech`, `key`, `max-length`, `call-ended`, `failed`, `refused`, `recovered`; null while it runs.
    pub ended_because: Option<String>,
    /// Since when nothing of it is kept any more: somebody refused it, it was deleted, or it is past its retention time.
    #[schema(format = DateTime)]
    pub removed_at: Option<String>,
    /// Where to listen to it (WAV); null while it runs, when it was lost and when it was removed.
    pub audio_url: Option<String>,
    /// What was said.
    pub transcript: Transcript,
}

impl Recording {
    /// From its row. `off`: why no transcripts are made at the moment.
    pub fn of_row(row: RecordingRow, state: &AppState, off: Option<&str>) -> Self {
        let running = row.duration_ms.is_none() && row.reason.is_none();
        let lost = row.reason.as_deref() == Some("failed");
        let (word, note) = match (row.transcript_state.as_str(), off) {
            _ if running => ("recording", None),
            ("waiting", Some(why)) => ("off", Some(why.to_owned())),
            (word, _) => (word, row.transcript_note),
        };
        let transcript =
            Transcript { state: word.to_owned(), text: row.transcript.filter(|text| !text.is_empty()), note };
        Self {
            channels: RecordingKind::from_word(&row.kind).map_or(1, RecordingKind::channels),
            removed_at: row.removed_at.map(rfc3339),
            audio_url: (!running && !lost && row.removed_at.is_none())
                .then(|| state.link(&format!("/api/v1/recordings/{}/audio", row.id))),
            id: row.id,
            call_id: row.call_id,
            kind: row.kind,
            started_at: rfc3339(row.started_at),
            duration_ms: row.duration_ms,
            speech: row.speech != 0,
            running,
            ended_because: row.reason,
            transcript,
        }
    }
}

/// The answer to one of the five questions: the last recording of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "question": "what", "recording_id": "019aab2c-7d11-7000-8000-000000000003",
    "transcript": {"state": "done", "text": "The mail server in Hamburg is down.", "note": "whisper ggml-base.bin"}
}))]
pub struct Answer {
    /// `who`, `what`, `when`, `where`, `why`.
    pub question: String,
    /// Its recording.
    pub recording_id: String,
    /// What was said.
    pub transcript: Transcript,
}

/// The last answer to each question, in the order of the script.
pub fn answers(recordings: &[Recording]) -> Vec<Answer> {
    let last = |question: &str| recordings.iter().rev().find(|recording| recording.kind == question);
    hotline_core::fact::Question::ALL
        .into_iter()
        .filter_map(|question| last(question.word()))
        .map(|recording| Answer {
            question: recording.kind.clone(),
            recording_id: recording.id.clone(),
            transcript: recording.transcript.clone(),
        })
        .collect()
}

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "seq": 7, "at": "2026-11-22T03:01:00.000Z", "call_id": "019aab2c-7d11-7000-8000-000000000001",
    "alert_id": "019aab2c-7d11-7000-8000-000000000002", "kind": "leg-started", "what": "Calling Ada Winter at phone engineer-1.",
    "why": "round 1: on call until Mon 2026-11-30 09:00 Europe/Berlin by schedule `on-call`"
}))]
pub struct TimelineEntry {
    /// Order.
    pub seq: i64,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// The call it belongs to.
    pub call_id: Option<String>,
    /// The alert it belongs to.
    pub alert_id: Option<String>,
    /// Stable word for what happened.
    pub kind: String,
    /// What happened, in a sentence.
    pub what: String,
    /// Why; empty where `what` says it all.
    pub why: String,
    /// What somebody wrote, or an action said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// `engineer-1` becomes `Ada Winter`; logins and tokens stay.
fn by_name(by: String, directory: &Directory) -> String {
    if by.contains(' ') { by } else { Named::user(directory, &by).name }
}

/// A timeline with people and customers by their names. What is kept has ids, which outlive renaming.
pub fn named_timeline(rows: Vec<TimelineRow>, directory: &Directory) -> Vec<TimelineEntry> {
    // Whom each leg of a call reaches, learnt from the leg's first line.
    let mut legs: HashMap<(String, String), String> = HashMap::new();
    let named = |row: TimelineRow| {
        let mut entry = TimelineEntry::from(row);
        let call = entry.call_id.clone().unwrap_or_default();
        match entry.kind.as_str() {
            "leg-started" => {
                let begun = entry.what.strip_prefix("Calling ").and_then(|rest| rest.split_once(" (leg "));
                if let Some((id, (leg, rest))) = begun.and_then(|(id, rest)| Some((id, rest.split_once(')')?))) {
                    let name = Named::user(directory, id).name;
                    let what = format!("Calling {name}{rest}");
                    legs.insert((call, leg.to_owned()), name);
                    entry.what = what;
                }
            }
            "leg-accepted" | "leg-declined" => {
                if let Some((id, rest)) = entry.what.split_once(' ') {
                    let name = Named::user(directory, id).name;
                    entry.what = match rest.split_once(" (leg ") {
                        Some((deed, _)) => format!("{name} {deed}."),
                        None => format!("{name} {rest}"),
                    };
                }
            }
            "leg-ringing" | "leg-answered" | "bridged" | "leg-ended" => {
                let at = entry.what.find("leg ").or_else(|| entry.what.find("Leg "));
                if let Some(at) = at {
                    let number: String = entry.what[at + 4..].chars().take_while(char::is_ascii_digit).collect();
                    if let Some(name) = legs.get(&(call, number.clone())) {
                        entry.what.replace_range(at..at + 4 + number.len(), name);
                    }
                }
            }
            "customer-identified" => {
                let id = entry.what.strip_prefix("The customer is ").map(|id| id.trim_end_matches('.').to_owned());
                if let Some(id) = id {
                    entry.what = format!("The customer is {}.", Named::customer(directory, &id).name);
                }
            }
            "alert-acknowledged" | "alert-resolved" => {
                let (deed, by) = entry.what.split_once(" by ").unwrap_or((&entry.what, ""));
                if !by.is_empty() && !by.contains(' ') {
                    let name = Named::user(directory, by.trim_end_matches('.')).name;
                    entry.what = format!("{deed} by {name}.");
                }
            }
            _ => {}
        }
        entry
    };
    rows.into_iter().map(named).collect()
}

impl From<TimelineRow> for TimelineEntry {
    fn from(row: TimelineRow) -> Self {
        Self {
            seq: row.seq,
            at: rfc3339(row.at),
            call_id: row.call_id,
            alert_id: row.alert_id,
            kind: row.kind,
            what: row.what,
            why: row.why,
            text: row.text,
        }
    }
}

/// An alert: something that somebody must take care of.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019aab2c-7d11-7000-8000-000000000002", "reference": "4711", "status": "triggered", "priority": "P2",
    "title": "Fault reported by Acme Logistics", "urgency": "high", "customer": {"id": "acme", "name": "Acme Logistics"},
    "service": null, "source": null, "assigned": null, "snoozed_until": null, "events": 1,
    "last_event_at": "2026-11-22T03:00:00.412Z", "began_at": null, "began_origin": null, "dedup_key": null, "group_key": null, "merged_into": null,
    "policy": "standard", "link": null, "number": "hotline",
    "call_id": "019aab2c-7d11-7000-8000-000000000001", "caller": "+493012345678", "created_at": "2026-11-22T03:00:00.412Z",
    "acknowledged_at": null, "acknowledged_by": null, "resolved_at": null, "resolved_by": null,
    "rings": 1, "next_ring_at": "2026-11-22T03:10:00.000Z"
}))]
pub struct AlertSummary {
    /// Id of the alert (`UUIDv7`).
    pub id: String,
    /// The reference spoken to the caller.
    pub reference: String,
    /// `triggered`, `acknowledged`, `resolved`.
    pub status: String,
    /// P1 (most urgent) to P5.
    pub priority: String,
    /// One line.
    pub title: String,
    /// `high`: people are woken; `low`: it waits for support hours.
    pub urgency: String,
    /// The customer, if known.
    pub customer: Option<Named>,
    /// The service, if known.
    pub service: Option<Named>,
    /// The tool it came from (id of an alert source, `by-hand`, `heartbeat:ID`); null: a call.
    pub source: Option<String>,
    /// The person it was given to.
    pub assigned: Option<Named>,
    /// Nobody is told until then.
    #[schema(format = DateTime)]
    pub snoozed_until: Option<String>,
    /// Events it has swallowed, the first included.
    pub events: i64,
    /// When an event or call last added to it.
    #[schema(format = DateTime)]
    pub last_event_at: String,
    /// When the fault began; null: nobody knows.
    #[schema(format = DateTime)]
    pub began_at: Option<String>,
    /// Who knows: `payload` (the tool), `caller`, `person`.
    pub began_origin: Option<String>,
    /// The tool's key of the fault.
    pub dedup_key: Option<String>,
    /// What groups it with others.
    pub group_key: Option<String>,
    /// The alert it was merged into.
    pub merged_into: Option<String>,
    /// Id of the escalation policy; null: the number's schedule, again and again.
    pub policy: Option<String>,
    /// A page of the tool about it.
    pub link: Option<String>,
    /// The hotline number rung; empty where it came from a tool.
    pub number: String,
    /// The call it came from.
    pub call_id: Option<String>,
    /// Caller's number; null: withheld.
    pub caller: Option<String>,
    /// Opened.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Somebody has it since.
    #[schema(format = DateTime)]
    pub acknowledged_at: Option<String>,
    /// Who.
    pub acknowledged_by: Option<String>,
    /// Over since.
    #[schema(format = DateTime)]
    pub resolved_at: Option<String>,
    /// Who said so.
    pub resolved_by: Option<String>,
    /// Rounds of ringing people so far.
    pub rings: i64,
    /// When people are rung next, unless somebody has it by then.
    #[schema(format = DateTime)]
    pub next_ring_at: Option<String>,
}

impl AlertSummary {
    /// From the switch's memory, while the database is away: who has it since when is not known there.
    pub fn of_open(alert: &OpenAlert, directory: &Directory) -> Self {
        // The id begins with the time of its making.
        let created = alert.id.0.get_timestamp().map_or(0, |made| {
            let (seconds, nanos) = made.to_unix();
            i64::try_from(seconds).unwrap_or(0) * 1000 + i64::from(nanos / 1_000_000)
        });
        let status = if alert.acknowledged { "acknowledged" } else { "triggered" };
        Self {
            id: alert.id.to_string(),
            reference: alert.reference.clone(),
            status: status.to_owned(),
            priority: alert.priority.word().to_owned(),
            title: alert.title.clone(),
            urgency: "high".to_owned(),
            customer: alert.customer.as_ref().map(|id| Named::customer(directory, &id.0)),
            service: None,
            source: None,
            assigned: None,
            snoozed_until: None,
            events: 1,
            last_event_at: rfc3339(created),
            began_at: None,
            began_origin: None,
            dedup_key: None,
            group_key: None,
            merged_into: None,
            policy: None,
            link: None,
            number: alert.number.0.clone(),
            call_id: alert.call.map(|call| call.to_string()),
            caller: alert.caller.as_ref().map(|caller| caller.reveal().clone()),
            created_at: rfc3339(created),
            acknowledged_at: None,
            acknowledged_by: None,
            resolved_at: None,
            resolved_by: None,
            rings: i64::from(alert.rings),
            next_ring_at: alert.next_ring_at.filter(|_| !alert.acknowledged).map(|at| rfc3339(at.as_millisecond())),
        }
    }

    /// From its row.
    pub fn of_row(row: AlertRow, directory: &Directory) -> Self {
        Self {
            id: row.id,
            reference: row.reference,
            next_ring_at: row.next_ring_at.filter(|_| row.status == "triggered").map(rfc3339),
            status: row.status,
            priority: row.priority,
            title: row.title,
            urgency: row.urgency,
            customer: row.customer.as_deref().map(|id| Named::customer(directory, id)),
            service: row.service.as_deref().map(|id| Named::service(directory, id)),
            source: row.source,
            assigned: row.assigned.as_deref().map(|id| Named::user(directory, id)),
            snoozed_until: row.snoozed_until.map(rfc3339),
            events: row.events,
            last_event_at: rfc3339(row.last_event_at),
            began_origin: row.began_at.map(|_| row.began_origin.unwrap_or_else(|| "payload".to_owned())),
            began_at: row.began_at.map(rfc3339),
            dedup_key: row.dedup_key,
            group_key: row.group_key,
            merged_into: row.merged_into,
            policy: row.policy,
            link: row.link,
            number: row.number,
            call_id: row.call_id,
            caller: row.caller,
            created_at: rfc3339(row.created_at),
            acknowledged_at: row.acknowledged_at.map(rfc3339),
            acknowledged_by: row.acknowledged_by.map(|by| by_name(by, directory)),
            resolved_at: row.resolved_at.map(rfc3339),
            resolved_by: row.resolved_by.map(|by| by_name(by, directory)),
            rings: row.rings,
        }
    }
}
