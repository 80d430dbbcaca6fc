//! Incidents as JSON: the whole of it for the house, what a customer sees for everybody else.

use std::collections::BTreeMap;

use hotline_core::directory::Directory;
use hotline_core::ids::CustomerId;
use hotline_core::incident::{Affected, Incident, Kind, Seen, Update, UpdateState};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::types::Named;
use super::sight::Sight;
use super::waiting::IncidentPromises;
use crate::http::params::rfc3339;
use crate::store::incidents::{IncidentLineRow, IncidentMessageRow};

/// An incident in a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct IncidentSummary {
    /// Its identity.
    #[schema(format = "uuid")]
    pub id: String,
    /// `INC-1001`.
    pub reference: String,
    /// `fault` or `maintenance`.
    pub kind: String,
    /// The inner title; for who sees it as a customer does, the one for customers.
    pub title: String,
    /// The title for customers.
    pub public_title: Option<String>,
    /// The same in other languages, by language tag.
    pub public_titles: BTreeMap<String, String>,
    /// `critical`, `major`, `minor`, `none`.
    pub severity: String,
    /// `investigating`, `identified`, `monitoring`, `resolved`; `scheduled`, `in_progress`, `verifying`, `completed`.
    pub phase: String,
    /// It goes on.
    pub open: bool,
    /// Customers were told something.
    pub published: bool,
    /// An exercise.
    pub drill: bool,
    /// When it was opened.
    #[schema(format = DateTime)]
    pub opened_at: String,
    /// When it was over.
    #[schema(format = DateTime)]
    pub resolved_at: Option<String>,
    /// When customers must hear again.
    #[schema(format = DateTime)]
    pub update_due: Option<String>,
    /// The services that are touched.
    pub affected: Vec<AffectedService>,
}

/// A service that is touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AffectedService {
    /// Which.
    pub service: Named,
    /// `operational`, `under_maintenance`, `degraded_performance`, `partial_outage`, `major_outage`.
    pub impact: String,
}

/// Everything about an incident that its reader may see.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct IncidentDetail {
    /// As in lists.
    #[serde(flatten)]
    pub summary: IncidentSummary,
    /// Counts every change; the `ETag`. Not for who sees it as a customer does.
    pub version: Option<i64>,
    /// Customers who are touched, by services or by name.
    pub customers: Vec<Named>,
    /// Customers named beside the services' own.
    pub named: Vec<String>,
    /// Who does what.
    pub roles: Vec<RoleField>,
    /// What is to be done.
    pub tasks: Vec<TaskField>,
    /// Alerts of it.
    pub alerts: Vec<String>,
    /// Calls about it.
    pub calls: Vec<String>,
    /// Texts for customers, oldest first; drafts too, for the house.
    pub updates: Vec<UpdateField>,
    /// When the fault began, and who knows (`payload`, `caller`, `person`).
    pub began: Option<BeganField>,
    /// When it was noticed first.
    #[schema(format = DateTime)]
    pub detected_at: String,
    /// Who opened it.
    pub opened_by: Option<String>,
    /// Planned work: from.
    #[schema(format = DateTime)]
    pub scheduled_from: Option<String>,
    /// Planned work: until.
    #[schema(format = DateTime)]
    pub scheduled_until: Option<String>,
    /// Planned work begins and ends by itself.
    pub by_itself: bool,
    /// How many callers want to be told when it is over.
    pub callers_waiting: usize,
    /// What callers said to be added to it, oldest first; for the house.
    pub additions: Vec<AdditionField>,
    /// What was promised to the customers who are touched, customer by customer; for who sees all of it.
    pub promises: Vec<IncidentPromises>,
}

/// What a caller said about an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AdditionField {
    /// The recording; its sound is at `/recordings/{id}/audio`.
    #[schema(format = "uuid")]
    pub recording: String,
    /// The call it was said on.
    #[schema(format = "uuid")]
    pub call: String,
}

/// Who does what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoleField {
    /// `lead`, `communication`, `scribe`, or a name of one's own.
    pub role: String,
    /// Who.
    pub user: Named,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TaskField {
    /// Its number within the incident.
    pub number: u32,
    /// What.
    pub text: String,
    /// Who.
    pub owner: Option<Named>,
    /// When it was done.
    #[schema(format = DateTime)]
    pub done_at: Option<String>,
    /// By whom.
    pub done_by: Option<String>,
}

/// A text for customers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UpdateField {
    /// Its identity.
    #[schema(format = "uuid")]
    pub id: String,
    /// `draft`, `review`, `published`, `withdrawn`.
    pub state: String,
    /// When it was written; once published: when that was.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who wrote it; for the house.
    pub by: Option<String>,
    /// Who released or withdrew it; for the house.
    pub released_by: Option<String>,
    /// The phase that it tells.
    pub phase: String,
    /// The title that goes out with it; null: the incident's. For the house.
    pub public_title: Option<String>,
    /// The same in other languages, by language tag.
    pub public_titles: BTreeMap<String, String>,
    /// The words.
    pub text: String,
    /// The same words in other languages, by language tag.
    pub translations: BTreeMap<String, String>,
    /// For whom; empty: every customer who is touched. For the house.
    pub customers: Vec<String>,
}

/// When a fault began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BeganField {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// `payload`, `caller` or `person`.
    pub origin: String,
}

/// A line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IncidentLine {
    /// Its place.
    pub seq: i64,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who.
    pub by: String,
    /// Stable word.
    pub kind: String,
    /// What happened.
    pub what: String,
    /// Why.
    pub why: String,
    /// What somebody wrote.
    pub text: Option<String>,
}

/// What became of a message about the incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IncidentMessage {
    /// Id of the notification.
    #[schema(format = "uuid")]
    pub id: String,
    /// The update it tells; null: a reminder, or that it is over.
    pub update: Option<String>,
    /// Whose contact it was for.
    pub customer: Option<String>,
    /// The contact, or `caller`.
    pub contact: Option<String>,
    /// `email`, `sms`, …
    pub by: String,
    /// `waiting`, `sending`, or what came of it.
    pub state: String,
    /// More about that.
    pub note: Option<String>,
    /// When it was planned.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was over.
    #[schema(format = DateTime)]
    pub finished_at: Option<String>,
}

/// What publishing would lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PreviewField {
    /// Who will be told, and how.
    pub told: Vec<ToldField>,
    /// Customers that nobody tells: they have neither a page nor a contact.
    pub silent: Vec<Named>,
    /// Words that name a customer (or a customer's service) while others read them.
    pub warnings: Vec<String>,
}

/// How a customer is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ToldField {
    /// Who.
    pub customer: Named,
    /// `page NAME`, `email to NAME`, `sms to NAME`.
    pub ways: Vec<String>,
}

fn moment(at: jiff::Timestamp) -> String {
    rfc3339(at.as_millisecond())
}

impl IncidentSummary {
    /// As this reader sees it; `None`: they don't.
    pub fn of(incident: &Incident, sight: &Sight, directory: &Directory) -> Option<Self> {
        match sight {
            Sight::Whole => Some(Self::whole(incident, directory)),
            Sight::As(customers) => Self::seen(incident, customers, directory),
            Sight::Nothing => None,
        }
    }

    fn whole(incident: &Incident, directory: &Directory) -> Self {
        Self {
            id: incident.id.to_string(),
            reference: incident.reference.clone(),
            kind: incident.kind.word().to_owned(),
            title: incident.title.clone(),
            public_title: incident.public_title.clone(),
            public_titles: titles(incident),
            severity: incident.severity.word().to_owned(),
            phase: incident.phase.word().to_owned(),
            open: incident.is_open(),
            published: incident.is_published(),
            drill: incident.drill.is_some(),
            opened_at: moment(incident.opened_at),
            resolved_at: incident.resolved_at.map(moment),
            update_due: incident.update_due.map(moment),
            affected: affected(&incident.affected.iter().collect::<Vec<_>>(), directory),
        }
    }

    /// What any of these customers sees.
    fn seen(incident: &Incident, customers: &[CustomerId], directory: &Directory) -> Option<Self> {
        let seen: Vec<Seen<'_>> =
            customers.iter().filter_map(|customer| incident.seen_by(customer, directory)).collect();
        let last = seen.iter().max_by_key(|seen| seen.updates.last().map(|update| update.at))?;
        let mut touched: Vec<&Affected> = seen.iter().flat_map(|seen| seen.affected.iter().copied()).collect();
        touched.sort_by_key(|affected| &affected.service);
        touched.dedup();
        Some(Self {
            id: incident.id.to_string(),
            reference: incident.reference.clone(),
            kind: incident.kind.word().to_owned(),
            title: last.title.to_owned(),
            public_title: Some(last.title.to_owned()),
            public_titles: titles(incident),
            severity: incident.severity.word().to_owned(),
            phase: last.phase.word().to_owned(),
            open: last.is_open(),
            published: true,
            drill: false,
            opened_at: moment(last.since()),
            resolved_at: last.over_at().map(moment),
            update_due: last.next_update().map(moment),
            affected: affected(&touched, directory),
        })
    }
}

fn titles(incident: &Incident) -> BTreeMap<String, String> {
    incident.public_titles.iter().map(|(tag, title)| (tag.0.clone(), title.clone())).collect()
}

fn affected(all: &[&Affected], directory: &Directory) -> Vec<AffectedService> {
    let one = |one: &&Affected| {
        let name = directory.services.get(&one.service).map_or(&one.service.0, |service| &service.name);
        AffectedService {
            service: Named { id: one.service.0.clone(), name: name.clone() },
            impact: one.impact.word().to_owned(),
        }
    };
    all.iter().map(one).collect()
}

fn customer(id: &CustomerId, directory: &Directory) -> Named {
    let name = directory.customers.get(id).map_or(&id.0, |customer| &customer.name);
    Named { id: id.0.clone(), name: name.clone() }
}

fn person(id: &hotline_core::ids::UserId, directory: &Directory) -> Named {
    Named { id: id.0.clone(), name: directory.name_of(id).to_owned() }
}

impl IncidentDetail {
    /// As this reader sees it; `None`: they don't.
    pub fn of(incident: &Incident, sight: &Sight, directory: &Directory) -> Option<Self> {
        let summary = IncidentSummary::of(incident, sight, directory)?;
        Some(match sight {
            Sight::Whole => Self::whole(incident, summary, directory),
            Sight::As(customers) => Self::seen(incident, customers, summary, directory),
            Sight::Nothing => return None,
        })
    }

    fn whole(incident: &Incident, summary: IncidentSummary, directory: &Directory) -> Self {
        Self {
            summary,
            version: Some(incident.version),
            customers: incident.touched(directory).iter().map(|id| customer(id, directory)).collect(),
            named: incident.customers.iter().map(|id| id.0.clone()).collect(),
            roles: incident
                .roles
                .iter()
                .map(|(role, user)| RoleField { role: role.clone(), user: person(user, directory) })
                .collect(),
            tasks: incident
                .tasks
                .iter()
                .map(|task| TaskField {
                    number: task.number,
                    text: task.text.clone(),
                    owner: task.owner.as_ref().map(|owner| person(owner, directory)),
                    done_at: task.done.as_ref().map(|(at, _)| moment(*at)),
                    done_by: task.done.as_ref().map(|(_, by)| by.shown()),
                })
                .collect(),
            alerts: incident.alerts.iter().map(ToString::to_string).collect(),
            calls: incident.calls.iter().map(ToString::to_string).collect(),
            updates: incident.updates.iter().map(|update| UpdateField::of(update, true)).collect(),
            began: incident
                .began
                .as_ref()
                .map(|began| BeganField { at: moment(began.at), origin: began.origin.word().to_owned() }),
            detected_at: moment(incident.detected_at),
            opened_by: Some(incident.opened_by.shown()),
            scheduled_from: incident.scheduled.map(|(from, _)| moment(from)),
            scheduled_until: incident.scheduled.map(|(_, until)| moment(until)),
            by_itself: incident.by_itself,
            callers_waiting: incident.tell_when_over.len(),
            additions: incident
                .additions
                .iter()
                .map(|one| AdditionField { recording: one.recording.to_string(), call: one.call.to_string() })
                .collect(),
            promises: Vec::new(),
        }
    }

    fn seen(incident: &Incident, customers: &[CustomerId], summary: IncidentSummary, directory: &Directory) -> Self {
        let mut updates: Vec<&Update> = Vec::new();
        let mut whose = Vec::new();
        for id in customers {
            let Some(seen) = incident.seen_by(id, directory) else { continue };
            whose.push(customer(id, directory));
            for update in seen.updates {
                if !updates.iter().any(|known| known.id == update.id) {
                    updates.push(update);
                }
            }
        }
        updates.sort_by_key(|update| update.at);
        let planned = incident.scheduled.filter(|_| incident.kind == Kind::Maintenance);
        Self {
            detected_at: summary.opened_at.clone(),
            summary,
            version: None,
            customers: whose,
            named: Vec::new(),
            roles: Vec::new(),
            tasks: Vec::new(),
            alerts: Vec::new(),
            calls: Vec::new(),
            updates: updates.into_iter().map(|update| UpdateField::of(update, false)).collect(),
            began: None,
            opened_by: None,
            scheduled_from: planned.map(|(from, _)| moment(from)),
            scheduled_until: planned.map(|(_, until)| moment(until)),
            by_itself: false,
            callers_waiting: 0,
            additions: Vec::new(),
            promises: Vec::new(),
        }
    }
}

impl UpdateField {
    /// `house`: with who wrote it for whom.
    pub fn of(update: &Update, house: bool) -> Self {
        let (state, released_by) = match &update.state {
            UpdateState::Draft => ("draft", None),
            UpdateState::Review => ("review", None),
            UpdateState::Published { by, .. } => ("published", Some(by.shown())),
            UpdateState::Withdrawn { by } => ("withdrawn", Some(by.shown())),
        };
        Self {
            id: update.id.to_string(),
            state: state.to_owned(),
            at: moment(update.at),
            by: house.then(|| update.by.shown()),
            released_by: released_by.filter(|_| house),
            phase: update.phase.word().to_owned(),
            public_title: update.heading.as_ref().filter(|_| house).map(|heading| heading.title.clone()),
            public_titles: update
                .heading
                .iter()
                .filter(|_| house)
                .flat_map(|heading| &heading.others)
                .map(|(tag, title)| (tag.0.clone(), title.clone()))
                .collect(),
            text: update.text.clone(),
            translations: update.translations.iter().map(|(tag, text)| (tag.0.clone(), text.clone())).collect(),
            customers: if house { update.customers.iter().map(|id| id.0.clone()).collect() } else { Vec::new() },
        }
    }
}

impl From<IncidentLineRow> for IncidentLine {
    fn from(row: IncidentLineRow) -> Self {
        let IncidentLineRow { seq, at, actor, kind, what, why, text } = row;
        Self { seq, at: rfc3339(at), by: actor, kind, what, why, text }
    }
}

impl From<IncidentMessageRow> for IncidentMessage {
    fn from(row: IncidentMessageRow) -> Self {
        Self {
            id: row.id,
            update: row.update_id,
            customer: row.customer,
            contact: row.contact,
            by: row.by,
            state: row.state,
            note: row.note,
            created_at: rfc3339(row.created_at),
            finished_at: row.finished_at.map(rfc3339),
        }
    }
}

impl PreviewField {
    /// In words.
    pub fn of(preview: &hotline_core::incident::preview::Preview, directory: &Directory) -> Self {
        use hotline_core::incident::preview::Way;
        let way = |way: &Way| match way {
            Way::Page(name) => format!("page {name}"),
            Way::Contact(name, by) => format!("{by} to {name}"),
        };
        let warning = |named: &hotline_core::incident::preview::Named| {
            let whose = customer(&named.customer, directory).name;
            format!("The words name “{}”, which belongs to {whose}; other customers read them too.", named.words)
        };
        Self {
            told: preview
                .told
                .iter()
                .map(|(id, ways)| ToldField { customer: customer(id, directory), ways: ways.iter().map(way).collect() })
                .collect(),
            silent: preview.silent.iter().map(|id| customer(id, directory)).collect(),
            warnings: preview.names.iter().map(warning).collect(),
        }
    }
}
