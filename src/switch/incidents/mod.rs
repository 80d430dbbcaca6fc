//! What people and rules do to incidents: the core decides under the row's lock, the store keeps it with the messages that it leads
//! to. Open incidents are held in memory for calls, which wait for no database.

mod auto;
mod clock;
mod memory;
mod promises;
mod tell;

use std::slice;

use hotline_core::directory::Directory;
use hotline_core::fact::RecordingKind;
use hotline_core::ids::{AlertId, CallId, CustomerId, IncidentId, RecordingId, UpdateId};
use hotline_core::incident::preview::{Preview, Way, preview};
use hotline_core::incident::{
    AlertSeen, Began, By, Command, Deed, Incident, Opening, Origin, Refusal, Setting, UpdateState, carry_out,
    open as open_by_core,
};
use hotline_core::private::Private;
use hotline_core::status::{Existence, Lessons, StatusPage, Visitor, World, view};
use jiff::Timestamp;
use parking_lot::Mutex;

use super::{Change, Switch};
use crate::clock::now;
use crate::store::alerts::Audited;
use crate::store::incidents::{IncidentFilter, IncidentVerdict};
use crate::store::read::AlertRow;
use crate::store::{StoreError, TranscriptJob};

pub use auto::Prepared;
pub use memory::Memory;
pub use promises::{CustomerPromises, IncidentWaitingError};

/// Why something was not done to an incident.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IncidentError {
    /// There is no such incident, or none that they see.
    #[error("no such incident")]
    Unknown,
    /// The core says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such alert.
    #[error("there is no alert {0}")]
    UnknownAlert(AlertId),
    /// The database can't keep it now.
    #[error("it can't be kept at the moment: {0}")]
    NotKept(String),
}

impl From<StoreError> for IncidentError {
    fn from(error: StoreError) -> Self {
        Self::NotKept(error.to_string())
    }
}

/// By when this customer must hear again: by its contract. Where no contract of those who are touched promises anything, by the rules.
fn due(directory: &Directory, incident: &Incident, customer: &CustomerId, since: Timestamp) -> Option<Timestamp> {
    let services: Vec<_> = incident.affected.iter().map(|affected| affected.service.clone()).collect();
    let promised = |customers: &[CustomerId]| {
        hotline_core::sla::update_interval(directory, customers, &services, incident.severity).map(|(every, _)| every)
    };
    if let Some(every) = promised(slice::from_ref(customer)) {
        return since.checked_add(every).ok();
    }
    if promised(&incident.touched(directory)).is_some() {
        return None;
    }
    since.checked_add(directory.incident_rules.every(incident.severity)?).ok()
}

/// Asks the core with everything that it wants to know.
fn with_setting<T>(directory: &Directory, at: Timestamp, work: impl FnOnce(&Setting<'_>) -> T) -> T {
    let due = |incident: &Incident, customer: &CustomerId, since: Timestamp| due(directory, incident, customer, since);
    work(&Setting { directory, rules: &directory.incident_rules, due: &due, now: at })
}

impl Switch {
    /// Opens an incident; kept before it returns.
    pub async fn open_incident(&self, opening: Opening, by: By) -> Result<Incident, IncidentError> {
        let at = now().wall;
        let directory = self.directory();
        let make = |reference: String| -> Result<IncidentVerdict, Refusal> {
            let deed = with_setting(&directory, at, |setting| open_by_core(&opening, reference, &by, setting))?;
            Ok(verdict(None, deed, &by, &directory, at))
        };
        let incident = self.0.store.open_incident(at, make).await??;
        self.told_of(&incident);
        Ok(incident)
    }

    /// Carries the word out and keeps it before it returns. `version`: only if it is still this one.
    pub async fn incident_command(
        &self,
        id: IncidentId,
        command: Command,
        by: By,
        version: Option<i64>,
    ) -> Result<Incident, IncidentError> {
        self.incident_commands(id, vec![command], by, version).await
    }

    /// The same for several words: all of them or none.
    pub async fn incident_commands(
        &self,
        id: IncidentId,
        commands: Vec<Command>,
        by: By,
        version: Option<i64>,
    ) -> Result<Incident, IncidentError> {
        let decide = |incident: &Incident, setting: &Setting<'_>| -> Result<Vec<Deed>, Refusal> {
            if version.is_some_and(|version| version != incident.version) {
                return Err(Refusal::Changed);
            }
            let mut now = incident.clone();
            let mut deeds = Vec::new();
            for command in &commands {
                let deed = carry_out(&now, command, &by, setting)?;
                now = deed.incident.clone();
                deeds.push(deed);
            }
            Ok(deeds)
        };
        self.change_incident(id, &by, decide).await
    }

    /// Whatever the core says about it, kept.
    async fn change_incident(
        &self,
        id: IncidentId,
        by: &By,
        decide: impl Fn(&Incident, &Setting<'_>) -> Result<Vec<Deed>, Refusal> + Send + Sync,
    ) -> Result<Incident, IncidentError> {
        let at = now().wall;
        let directory = self.directory();
        let changed: Mutex<bool> = Mutex::new(false);
        let decide = |incident: &Incident| -> Result<Option<IncidentVerdict>, Refusal> {
            let deeds = with_setting(&directory, at, |setting| decide(incident, setting))?;
            let verdict = together(incident, deeds).map(|deed| verdict(Some(incident), deed, by, &directory, at));
            *changed.lock() = verdict.is_some();
            Ok(verdict)
        };
        let incident = self.0.store.change_incident(id, at, decide).await?.ok_or(IncidentError::Unknown)??;
        if *changed.lock() {
            self.told_of(&incident);
        }
        Ok(incident)
    }

    /// What publishing an update would lead to.
    pub fn preview_update(&self, incident: &Incident, update: UpdateId, title: Option<&str>) -> Option<Preview> {
        let directory = self.directory();
        let found = incident.update(update)?;
        let published = as_published(incident, update, title, now().wall);
        let ways = |customer: &hotline_core::ids::CustomerId| {
            let readers = incident.readers(update, &directory);
            let own = readers.iter().filter(|reader| reader.customer == *customer);
            let mut ways: Vec<Way> = own
                .flat_map(|reader| {
                    let name = reader.contact.name.reveal();
                    let name = if name.is_empty() { &reader.contact.id } else { name };
                    tell::addresses(reader.contact)
                        .into_iter()
                        .map(|address| Way::Contact(name.clone(), address.kind()))
                        .collect::<Vec<_>>()
                })
                .collect();
            ways.extend(pages(&published, update, &directory, customer));
            ways.sort_unstable();
            ways
        };
        Some(preview(incident, found, title, &directory, &ways))
    }

    /// An alert as an incident sees it, by the database.
    pub async fn alert_seen(&self, id: AlertId) -> Result<AlertSeen, IncidentError> {
        let row = self.0.store.alert(&id.to_string()).await?.ok_or(IncidentError::UnknownAlert(id))?;
        seen(&row).ok_or(IncidentError::UnknownAlert(id))
    }

    /// Everybody who listens learns of it; calls hear the new state from now on.
    fn told_of(&self, incident: &Incident) {
        self.remember_incident(incident);
        self.tell(Change::Incident(incident.id));
        self.poke_delivery();
        self.0.incidents.poke.notify_one();
    }
}

/// A call's word about an incident is tried again so often, so far apart: the database may be away for a moment.
const CALL_TRIES: u32 = 30;
const BETWEEN_TRIES: std::time::Duration = std::time::Duration::from_secs(2);

impl Switch {
    /// The call is about the incident; what was said belongs to it. Returns at once.
    pub(super) fn add_to_incident(&self, id: IncidentId, call: CallId, recording: Option<RecordingId>) {
        let word = recording.map_or(Command::JoinCall(call), |recording| Command::Add(call, recording));
        self.by_call(id, vec![word]);
    }

    /// The alert of a caller who had heard of the incident and went on. Returns at once.
    pub(super) fn may_be_about(&self, id: IncidentId, alert: AlertId) {
        self.by_call(id, vec![Command::MayConcern(alert)]);
    }

    /// What was understood of a recording: where it was added to an incident, it stands on its timeline. Heard twice it is the same.
    pub async fn heard_addition(&self, job: &TranscriptJob, words: &str) -> Result<(), IncidentError> {
        if job.kind != RecordingKind::Voicemail {
            return Ok(());
        }
        let filter = IncidentFilter { call: Some(job.call), ..IncidentFilter::default() };
        let about = self.0.store.incidents(&filter, None, 10).await?;
        let added = |incident: &Incident| incident.additions.iter().any(|one| one.recording == job.recording);
        for incident in about.items.iter().filter(|incident| added(incident)) {
            let word = Command::AddWords(job.recording, words.to_owned().into());
            match self.incident_command(incident.id, word, By::SYSTEM, None).await {
                Ok(_) | Err(IncidentError::Unknown | IncidentError::Refused(_) | IncidentError::UnknownAlert(_)) => {}
                Err(error @ IncidentError::NotKept(_)) => return Err(error),
            }
        }
        Ok(())
    }

    /// The caller wants to be told when it is over. Returns at once.
    pub(super) fn tell_when_over(&self, id: IncidentId, caller: &Private<String>) {
        if let Some(number) = tell::sms_able(caller.reveal(), &self.directory()) {
            self.by_call(id, vec![Command::TellWhenOver(number.into())]);
        }
    }

    fn by_call(&self, id: IncidentId, words: Vec<Command>) {
        let switch = self.clone();
        self.0.tasks.spawn(async move {
            for attempt in 1..=CALL_TRIES {
                match switch.incident_commands(id, words.clone(), By::SYSTEM, None).await {
                    Ok(_) => return,
                    Err(IncidentError::NotKept(error)) if attempt < CALL_TRIES => {
                        tracing::warn!(incident = %id, %error, "what a caller said about an incident can't be kept yet; tried again");
                        tokio::time::sleep(BETWEEN_TRIES).await;
                    }
                    Err(error) => {
                        tracing::warn!(incident = %id, %error, "what a caller said stays with its call only");
                        return;
                    }
                }
            }
        });
    }
}

/// An alert's row as an incident sees it; `None`: it is broken.
pub fn seen(row: &AlertRow) -> Option<AlertSeen> {
    let at = |ms: i64| Timestamp::from_millisecond(ms).ok();
    Some(AlertSeen {
        id: row.id.parse().ok()?,
        title: row.title.clone(),
        priority: hotline_core::fact::Priority::from_word(&row.priority)?,
        customer: row.customer.clone().map(hotline_core::ids::CustomerId),
        service: row.service.clone().map(hotline_core::ids::ServiceId),
        opened_at: at(row.created_at)?,
        began: row.began_at.and_then(at).map(|at| {
            let origin = row.began_origin.as_deref().and_then(Origin::from_word);
            Began { at, origin: origin.unwrap_or(Origin::Payload) }
        }),
        call: row.call_id.as_deref().and_then(|id| id.parse().ok()),
        drill: hotline_core::drill::is_drill(row.source.as_deref()),
    })
}

/// The incident as it would be with this update out.
fn as_published(incident: &Incident, update: UpdateId, title: Option<&str>, at: Timestamp) -> Incident {
    let mut published = incident.clone();
    let own = incident.update(update).and_then(|update| update.heading.as_ref());
    let title = title.map(str::to_owned).or_else(|| own.map(|heading| heading.title.clone()));
    published.public_title = title.or(published.public_title).or_else(|| Some(String::new()));
    let affected = published.affected.clone();
    for own in published.updates.iter_mut().filter(|own| own.id == update) {
        own.state = UpdateState::Published { at, by: hotline_core::fact::Actor::System };
        own.at = at;
        own.affected.clone_from(&affected);
        own.named.clone_from(&incident.customers);
    }
    published
}

/// The status pages on which this customer would read the update.
fn pages(incident: &Incident, update: UpdateId, directory: &Directory, customer: &CustomerId) -> Vec<Way> {
    let visitor = Visitor::Customer(customer.clone());
    let (since, lessons) = (Existence::new(), Lessons::new());
    let world = World { incidents: std::slice::from_ref(incident), lessons: &lessons, directory, since: &since };
    let reads = |page: &&StatusPage| {
        let view = view(page, &visitor, &world, now().wall);
        view.is_some_and(|view| {
            let all = view.incidents.iter().chain(&view.maintenances).chain(&view.past);
            all.flat_map(|seen| &seen.updates).any(|seen| seen.id == update)
        })
    };
    directory.status_pages.values().filter(reads).map(|page| Way::Page(page.id.0.clone())).collect()
}

/// Several deeds as one; `None`: nothing changed.
fn together(before: &Incident, deeds: Vec<Deed>) -> Option<Deed> {
    let mut all = Deed { incident: before.clone(), changes: Vec::new(), lines: Vec::new() };
    for deed in deeds {
        all.incident = deed.incident;
        all.changes.extend(deed.changes);
        all.lines.extend(deed.lines);
    }
    (!all.lines.is_empty()).then_some(all)
}

/// What the store is to keep of it.
fn verdict(before: Option<&Incident>, deed: Deed, by: &By, directory: &Directory, at: Timestamp) -> IncidentVerdict {
    let tell = tell::tellings(before, &deed, directory, at);
    let audit = deed.lines.iter().map(|line| audited(&deed.incident, line, by)).collect();
    IncidentVerdict { incident: deed.incident, lines: deed.lines, tell, audit }
}

/// A line's place in the audit chain: who and what are erasable, the words that somebody wrote stay out of it.
fn audited(incident: &Incident, line: &hotline_core::incident::Line, by: &By) -> Audited {
    Audited {
        actor: if line.by == by.actor { by.actor.shown() } else { line.by.shown() },
        action: line.kind.to_owned(),
        object: format!("incident:{}", incident.id),
        detail: "{}".to_owned(),
        personal: vec![("what".to_owned(), line.what.clone()), ("why".to_owned(), line.why.clone())],
    }
}
