//! An alert, put into words: on a card, in a list, at the head of its page.

use hotline_core::alert::{Alert, Status, Urgency};
use hotline_core::directory::Directory;
use hotline_core::ids::{PolicyId, ServiceId, SourceId};
use jiff::Timestamp;

use super::{When, name};
use crate::http::AppState;
use crate::http::api::types::{AlertSummary, Named};
use crate::http::params::rfc3339;
use crate::store::glance::Glance;

/// An alert on a card or a page's head.
pub struct AlertView {
    pub id: String,
    pub reference: String,
    pub status: String,
    pub priority: String,
    pub title: String,
    pub customer: Option<String>,
    pub caller: Option<String>,
    pub number: String,
    pub call_id: Option<String>,
    pub created: When,
    pub age: When,
    pub acknowledged: Option<(String, When)>,
    pub resolved: Option<(String, When)>,
    pub rings: i64,
    pub next_ring: Option<When>,
    /// What only the database knows; `None`: it is away.
    pub more: Option<More>,
}

/// What an alert's whole state says.
pub struct More {
    pub low: bool,
    pub service: Option<String>,
    pub source: Option<String>,
    pub policy: Option<String>,
    pub events: u32,
    pub last_event: Option<When>,
    pub assigned: Option<String>,
    pub snoozed: Option<When>,
    pub on_the_phone: bool,
    pub merged_into: Option<String>,
    /// What happens next if nobody does anything, and when.
    pub outlook: Option<(String, Option<When>)>,
    pub details: Option<String>,
    pub link: Option<String>,
    /// Nobody was reached, or nobody is left: in words.
    pub warning: Option<&'static str>,
}

impl From<AlertSummary> for AlertView {
    fn from(alert: AlertSummary) -> Self {
        let by = |who: Option<String>, at: Option<String>| {
            at.map(|at| (who.unwrap_or_else(|| "somebody".to_owned()), When::full(&at)))
        };
        Self {
            created: When::full(&alert.created_at),
            age: When::relative(&alert.created_at),
            acknowledged: by(alert.acknowledged_by, alert.acknowledged_at),
            resolved: by(alert.resolved_by, alert.resolved_at),
            next_ring: alert.next_ring_at.as_deref().map(When::due),
            customer: name(alert.customer.as_ref()),
            id: alert.id,
            reference: alert.reference,
            status: alert.status,
            priority: alert.priority,
            title: alert.title,
            caller: alert.caller,
            number: alert.number,
            call_id: alert.call_id,
            rings: alert.rings,
            more: None,
        }
    }
}

/// A moment as the API writes it.
pub fn iso(at: Timestamp) -> String {
    rfc3339(at.as_millisecond())
}

impl AlertView {
    /// With all that is known.
    pub fn of(mut glance: Glance, state: &AppState, directory: &Directory, now: Timestamp) -> Self {
        let call = glance.alert.call;
        glance.alert.call_running = call.is_some() && state.board().calls().iter().any(|view| Some(view.id) == call);
        let alert = &glance.alert;
        let who = |by: &str| if by.contains(' ') { by.to_owned() } else { Named::user(directory, by).name };
        let by = |who_did: Option<String>, at: Option<Timestamp>| {
            at.map(|at| (who_did.map_or_else(|| "somebody".to_owned(), |by| who(&by)), When::full(&iso(at))))
        };
        let opened = iso(alert.opened_at);
        Self {
            id: alert.id.to_string(),
            reference: alert.reference.clone(),
            status: alert.status.word().to_owned(),
            priority: alert.priority.word().to_owned(),
            title: alert.title.clone(),
            customer: alert.customer.as_ref().map(|id| Named::customer(directory, &id.0).name),
            caller: alert.caller.as_ref().map(|caller| caller.reveal().clone()),
            number: alert.number.as_ref().map(|number| number.0.clone()).unwrap_or_default(),
            call_id: alert.call.map(|call| call.to_string()),
            created: When::full(&opened),
            age: When::relative(&opened),
            acknowledged: by(glance.acknowledged_by, alert.acknowledged_at),
            resolved: by(glance.resolved_by, glance.resolved_at),
            rings: i64::from(glance.rings),
            next_ring: None,
            more: Some(More {
                low: alert.urgency == Urgency::Low,
                service: alert.service.as_ref().map(|id| service(directory, id)),
                source: alert.source.as_ref().map(|id| source(directory, id)),
                policy: alert.policy.as_ref().map(|id| policy(directory, id)),
                events: alert.events,
                last_event: (alert.events > 1).then(|| When::relative(&iso(alert.last_event_at))),
                assigned: alert.assigned.as_ref().map(|user| directory.name_of(user).to_owned()),
                snoozed: alert.snoozed_until.filter(|until| *until > now).map(|until| When::full(&iso(until))),
                on_the_phone: alert.call_running,
                merged_into: alert.merged_into.map(|id| id.to_string()),
                outlook: outlook(alert, state, now),
                details: glance.details.map(|details| details.reveal().clone()).filter(|text| !text.is_empty()),
                // Nothing but a page of the web may be behind a link.
                link: glance.link.filter(|link| link.starts_with("https://") || link.starts_with("http://")),
                warning: None,
            }),
        }
    }

    /// Not resolved yet.
    pub fn open(&self) -> bool {
        self.status != "resolved"
    }

    /// Nobody has it.
    pub fn waiting(&self) -> bool {
        self.status == "triggered"
    }

    /// It came from a call.
    pub fn of_call(&self) -> bool {
        self.call_id.is_some() || self.more.as_ref().is_none_or(|more| more.source.is_none())
    }

    /// Nobody has it, and it need not be now: low urgency, or snoozed.
    pub fn can_wait(&self) -> bool {
        self.waiting() && self.more.as_ref().is_some_and(|more| more.low || more.snoozed.is_some())
    }

    /// The status in words.
    pub fn status_words(&self) -> &'static str {
        match self.status.as_str() {
            "triggered" => "nobody has it yet",
            "acknowledged" => "acknowledged",
            "resolved" => "resolved",
            _ => "unknown",
        }
    }

    /// Whose it is: the customer, else the caller, else the tool.
    pub fn who(&self) -> String {
        let source = || self.more.as_ref().and_then(|more| more.source.clone());
        self.customer
            .clone()
            .or_else(|| self.caller.clone())
            .or_else(source)
            .unwrap_or_else(|| "unknown caller".to_owned())
    }
}

fn outlook(alert: &Alert, state: &AppState, now: Timestamp) -> Option<(String, Option<When>)> {
    if alert.status == Status::Resolved {
        return None;
    }
    let (mut text, at) = state.board().next_of(alert, now);
    if let Some(at) = at {
        // The sentence names the moment in UTC; here it stands behind it, in the reader's zone.
        let stamp = format!(" at {} UTC", at.strftime("%Y-%m-%d %H:%M"));
        text = text.replace(&format!(",{stamp}"), "").replace(&stamp, "");
        text = text.strip_suffix(", now").map(str::to_owned).unwrap_or(text);
    }
    (!text.is_empty()).then(|| (text, at.map(|at| When::due(&iso(at)))))
}

/// A service as shown.
pub fn service(directory: &Directory, id: &ServiceId) -> String {
    directory.services.get(id).map_or(&id.0, |service| &service.name).clone()
}

/// A monitoring tool as shown.
pub fn source(directory: &Directory, id: &SourceId) -> String {
    match (directory.sources.get(id), id.0.as_str()) {
        (Some(source), _) => source.name.clone(),
        (None, "by-hand") => "by hand".to_owned(),
        (None, hotline_core::drill::SOURCE) => "an exercise".to_owned(),
        (None, other) => other.to_owned(),
    }
}

/// A policy as shown.
pub fn policy(directory: &Directory, id: &PolicyId) -> String {
    directory.policies.get(id).map_or(&id.0, |policy| &policy.name).clone()
}
