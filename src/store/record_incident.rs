//! An incident as it is kept: the mirror of `core::incident::Incident`.

use hotline_core::directory::Language;
use hotline_core::ids::{AlertId, CallId, CustomerId, DrillId, IncidentId, RecordingId, ServiceId, UpdateId, UserId};
use hotline_core::incident::{
    Addition, Affected, Began, Heading, Impact, Incident, Kind, Origin, Phase, Severity, Task, Update, UpdateState,
};
use hotline_core::private::Private;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::record::{ActorRecord, from_actor, to_actor, unknown};

#[derive(Serialize, Deserialize)]
pub(super) struct IncidentRecord {
    id: Uuid,
    reference: String,
    kind: String,
    title: String,
    #[serde(default)]
    public_title: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    public_titles: Vec<(String, String)>,
    severity: String,
    #[serde(default)]
    worst: Option<String>,
    phase: String,
    affected: Vec<AffectedRecord>,
    customers: Vec<String>,
    roles: Vec<(String, String)>,
    tasks: Vec<TaskRecord>,
    alerts: Vec<Uuid>,
    calls: Vec<Uuid>,
    updates: Vec<UpdateRecord>,
    #[serde(default)]
    began: Option<BeganRecord>,
    detected_at: Timestamp,
    opened_at: Timestamp,
    opened_by: ActorRecord,
    #[serde(default)]
    resolved_at: Option<Timestamp>,
    #[serde(default)]
    scheduled: Option<(Timestamp, Timestamp)>,
    #[serde(default)]
    by_itself: bool,
    #[serde(default)]
    drill: Option<Uuid>,
    #[serde(default)]
    update_due: Option<Timestamp>,
    #[serde(default)]
    update_told: u8,
    #[serde(default)]
    tell_when_over: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ever: Vec<String>,
    #[serde(default)]
    additions: Vec<AdditionRecord>,
    version: i64,
}

#[derive(Serialize, Deserialize)]
struct AdditionRecord {
    recording: Uuid,
    call: Uuid,
    #[serde(default)]
    heard: bool,
}

#[derive(Serialize, Deserialize)]
struct AffectedRecord {
    service: String,
    impact: String,
}

#[derive(Serialize, Deserialize)]
struct TaskRecord {
    number: u32,
    text: String,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    done: Option<(Timestamp, ActorRecord)>,
}

#[derive(Serialize, Deserialize)]
struct UpdateRecord {
    id: Uuid,
    at: Timestamp,
    by: ActorRecord,
    phase: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heading: Option<HeadingRecord>,
    text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    translations: Vec<(String, String)>,
    customers: Vec<String>,
    affected: Vec<AffectedRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    named: Vec<String>,
    state: StateRecord,
}

#[derive(Serialize, Deserialize)]
struct HeadingRecord {
    title: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
enum StateRecord {
    Draft,
    Review,
    Published { at: Timestamp, by: ActorRecord },
    Withdrawn { by: ActorRecord },
}

#[derive(Serialize, Deserialize)]
struct BeganRecord {
    at: Timestamp,
    origin: String,
}

/// As JSON.
pub(super) fn encode(incident: &Incident) -> String {
    serde_json::to_string(&to_record(incident)).expect("texts, numbers and lists always become JSON")
}

/// What is said about it: an error names no private data.
pub(super) fn decode(body: &str) -> Result<Incident, String> {
    let record: IncidentRecord =
        serde_json::from_str(body).map_err(|error| format!("an incident can't be read: {error}"))?;
    from_record(record)
}

fn to_record(incident: &Incident) -> IncidentRecord {
    IncidentRecord {
        id: incident.id.0,
        reference: incident.reference.clone(),
        kind: incident.kind.word().to_owned(),
        title: incident.title.clone(),
        public_title: incident.public_title.clone(),
        public_titles: incident.public_titles.iter().map(|(tag, title)| (tag.0.clone(), title.clone())).collect(),
        severity: incident.severity.word().to_owned(),
        worst: Some(incident.worst.word().to_owned()),
        phase: incident.phase.word().to_owned(),
        affected: to_affected(&incident.affected),
        customers: incident.customers.iter().map(|customer| customer.0.clone()).collect(),
        roles: incident.roles.iter().map(|(role, user)| (role.clone(), user.0.clone())).collect(),
        tasks: incident.tasks.iter().map(to_task).collect(),
        alerts: incident.alerts.iter().map(|id| id.0).collect(),
        calls: incident.calls.iter().map(|id| id.0).collect(),
        updates: incident.updates.iter().map(to_update).collect(),
        began: incident
            .began
            .as_ref()
            .map(|began| BeganRecord { at: began.at, origin: began.origin.word().to_owned() }),
        detected_at: incident.detected_at,
        opened_at: incident.opened_at,
        opened_by: to_actor(&incident.opened_by),
        resolved_at: incident.resolved_at,
        scheduled: incident.scheduled,
        by_itself: incident.by_itself,
        drill: incident.drill.map(|id| id.0),
        update_due: incident.update_due,
        update_told: incident.update_told,
        tell_when_over: incident.tell_when_over.iter().map(|number| number.reveal().clone()).collect(),
        ever: incident.ever.iter().map(|customer| customer.0.clone()).collect(),
        additions: incident
            .additions
            .iter()
            .map(|one| AdditionRecord { recording: one.recording.0, call: one.call.0, heard: one.heard })
            .collect(),
        version: incident.version,
    }
}

fn to_affected(affected: &[Affected]) -> Vec<AffectedRecord> {
    let record =
        |one: &Affected| AffectedRecord { service: one.service.0.clone(), impact: one.impact.word().to_owned() };
    affected.iter().map(record).collect()
}

fn to_task(task: &Task) -> TaskRecord {
    TaskRecord {
        number: task.number,
        text: task.text.clone(),
        owner: task.owner.as_ref().map(|user| user.0.clone()),
        done: task.done.as_ref().map(|(at, by)| (*at, to_actor(by))),
    }
}

fn to_update(update: &Update) -> UpdateRecord {
    UpdateRecord {
        id: update.id.0,
        at: update.at,
        by: to_actor(&update.by),
        phase: update.phase.word().to_owned(),
        heading: update.heading.as_ref().map(|heading| HeadingRecord {
            title: heading.title.clone(),
            others: heading.others.iter().map(|(tag, title)| (tag.0.clone(), title.clone())).collect(),
        }),
        text: update.text.clone(),
        translations: update.translations.iter().map(|(tag, text)| (tag.0.clone(), text.clone())).collect(),
        customers: update.customers.iter().map(|customer| customer.0.clone()).collect(),
        affected: to_affected(&update.affected),
        named: update.named.iter().map(|customer| customer.0.clone()).collect(),
        state: match &update.state {
            UpdateState::Draft => StateRecord::Draft,
            UpdateState::Review => StateRecord::Review,
            UpdateState::Published { at, by } => StateRecord::Published { at: *at, by: to_actor(by) },
            UpdateState::Withdrawn { by } => StateRecord::Withdrawn { by: to_actor(by) },
        },
    }
}

fn from_record(record: IncidentRecord) -> Result<Incident, String> {
    let began = |began: BeganRecord| {
        Ok::<_, String>(Began { at: began.at, origin: known("origin", &began.origin, Origin::from_word)? })
    };
    Ok(Incident {
        id: IncidentId(record.id),
        reference: record.reference,
        kind: known("kind", &record.kind, Kind::from_word)?,
        title: record.title,
        public_title: record.public_title,
        public_titles: record.public_titles.into_iter().map(|(tag, title)| (Language(tag), title)).collect(),
        severity: known("severity", &record.severity, Severity::from_word)?,
        worst: known("severity", record.worst.as_ref().unwrap_or(&record.severity), Severity::from_word)?,
        phase: known("phase", &record.phase, Phase::from_word)?,
        affected: from_affected(record.affected)?,
        customers: record.customers.into_iter().map(CustomerId).collect(),
        roles: record.roles.into_iter().map(|(role, user)| (role, UserId(user))).collect(),
        tasks: record.tasks.into_iter().map(from_task).collect(),
        alerts: record.alerts.into_iter().map(AlertId).collect(),
        calls: record.calls.into_iter().map(CallId).collect(),
        updates: record.updates.into_iter().map(from_update).collect::<Result<_, _>>()?,
        began: record.began.map(began).transpose()?,
        detected_at: record.detected_at,
        opened_at: record.opened_at,
        opened_by: from_actor(record.opened_by),
        resolved_at: record.resolved_at,
        scheduled: record.scheduled,
        by_itself: record.by_itself,
        drill: record.drill.map(DrillId),
        update_due: record.update_due,
        update_told: record.update_told,
        tell_when_over: record.tell_when_over.into_iter().map(Private::new).collect(),
        ever: record.ever.into_iter().map(CustomerId).collect(),
        additions: record
            .additions
            .into_iter()
            .map(|one| Addition { recording: RecordingId(one.recording), call: CallId(one.call), heard: one.heard })
            .collect(),
        version: record.version,
    })
}

fn from_affected(records: Vec<AffectedRecord>) -> Result<Vec<Affected>, String> {
    let affected = |one: AffectedRecord| {
        Ok(Affected { service: ServiceId(one.service), impact: known("impact", &one.impact, Impact::from_word)? })
    };
    records.into_iter().map(affected).collect()
}

fn from_task(task: TaskRecord) -> Task {
    Task {
        number: task.number,
        text: task.text,
        owner: task.owner.map(UserId),
        done: task.done.map(|(at, by)| (at, from_actor(by))),
    }
}

fn from_update(update: UpdateRecord) -> Result<Update, String> {
    Ok(Update {
        id: UpdateId(update.id),
        at: update.at,
        by: from_actor(update.by),
        phase: known("phase", &update.phase, Phase::from_word)?,
        heading: update.heading.map(|heading| Heading {
            title: heading.title,
            others: heading.others.into_iter().map(|(tag, title)| (Language(tag), title)).collect(),
        }),
        text: update.text,
        translations: update.translations.into_iter().map(|(tag, text)| (Language(tag), text)).collect(),
        customers: update.customers.into_iter().map(CustomerId).collect(),
        affected: from_affected(update.affected)?,
        named: update.named.into_iter().map(CustomerId).collect(),
        state: match update.state {
            StateRecord::Draft => UpdateState::Draft,
            StateRecord::Review => UpdateState::Review,
            StateRecord::Published { at, by } => UpdateState::Published { at, by: from_actor(by) },
            StateRecord::Withdrawn { by } => UpdateState::Withdrawn { by: from_actor(by) },
        },
    })
}

fn known<T>(what: &str, word: &str, from: impl Fn(&str) -> Option<T>) -> Result<T, String> {
    from(word).ok_or_else(|| unknown(what, word))
}
