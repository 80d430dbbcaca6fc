//! What an event of a tool does: opens an alert, joins one, or ends one.

use jiff::{SignedDuration, Timestamp};

use super::{Alert, Change, Status, Urgency};
use crate::directory::{AlertSource, Directory};
use crate::fact::{Actor, Fact, Priority};
use crate::ids::{AlertId, CustomerId, PolicyId, ServiceId};
use crate::private::Private;

/// What the tool wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// There is a fault.
    Trigger,
    /// Somebody works on it, says the tool.
    Acknowledge,
    /// It is over.
    Resolve,
}

crate::fact::words!(Action { Trigger = "trigger", Acknowledge = "acknowledge", Resolve = "resolve" });

/// One event, as the tool's own module understood it. Texts are trimmed and cut to size already.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What the tool wants.
    pub action: Action,
    /// One line, 1 to 300 characters.
    pub title: String,
    /// More, at most 8,000 characters.
    pub details: Option<Private<String>>,
    /// The tool's key of the fault (normalised by [`dedup_key`]).
    pub dedup_key: Option<String>,
    /// What groups it.
    pub group_key: Option<String>,
    /// Priority, where the tool says one.
    pub priority: Option<Priority>,
    /// Customer, where the payload says one; it is in the directory.
    pub customer: Option<CustomerId>,
    /// Service, where the payload says one; it is in the directory.
    pub service: Option<ServiceId>,
    /// When the fault began, by the tool.
    pub began_at: Option<Timestamp>,
    /// A page about it.
    pub link: Option<String>,
}

/// Where an event belongs, before it is known whether an alert is open: one look-up for many events.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Whose.
    pub customer: Option<CustomerId>,
    /// Of which service.
    pub service: Option<ServiceId>,
    /// How it escalates, and why by this policy.
    pub policy: Option<PolicyId>,
    /// How important.
    pub priority: Priority,
    /// How loud, by support hours and maintenance.
    pub urgency: Urgency,
    /// What groups it with others (`None`: nothing does): the source's window is on and the event has a group key, or a
    /// customer or service.
    pub group_key: Option<String>,
    /// Which rules led to all that, one sentence.
    pub why: String,
}

/// A key trimmed, lower case, cut to 255 characters; empty is none (PagerDuty's rule, case folded).
pub fn dedup_key(text: &str) -> Option<String> {
    let key: String = text.trim().to_lowercase().chars().take(255).collect();
    (!key.is_empty()).then_some(key)
}

/// Where the event belongs.
///
/// The payload's own words go before the source's; a service brings its customer along. A service of another customer than
/// the payload names is left out: nobody sees another's alerts because of a mistake in a template.
pub fn route(event: &Event, source: &AlertSource, directory: &Directory, now: Timestamp) -> Route {
    let mut whys = Vec::new();
    let (customer, service) = whose(event, source, directory, &mut whys);
    let known = service.as_ref().and_then(|id| directory.services.get(id));
    let (priority, by) = if let Some(priority) = event.priority {
        (priority, "the event")
    } else if let Some(priority) = known.and_then(|service| service.priority) {
        (priority, "the service")
    } else {
        source.priority.map_or((Priority::P3, "default"), |priority| (priority, "the source"))
    };
    whys.push(format!("{} by {by}", priority.word()));
    let from = Some((&source.id, source.policy.as_ref()));
    let (policy, chosen) = crate::escalation::choose_for(from, None, service.as_ref(), customer.as_ref(), directory);
    whys.push(chosen);
    let (urgency, _, loud) = super::urgency::urgency(priority, customer.as_ref(), service.as_ref(), directory, now);
    whys.push(format!("urgency {}: {loud}", urgency.word()));
    let group_key = source.group_window.and_then(|_| group_key(event, source, customer.as_ref(), service.as_ref()));
    Route { customer, service, policy, priority, urgency, group_key, why: whys.join("; ") }
}

fn whose(
    event: &Event,
    source: &AlertSource,
    directory: &Directory,
    whys: &mut Vec<String>,
) -> (Option<CustomerId>, Option<ServiceId>) {
    let owner = |service: &ServiceId| directory.services.get(service).and_then(|known| known.customer.clone());
    let service = event.service.clone().or_else(|| source.service.clone());
    let customer = event
        .customer
        .clone()
        .or_else(|| event.service.as_ref().and_then(owner))
        .or_else(|| source.customer.clone())
        .or_else(|| service.as_ref().and_then(owner));
    let foreign = match (service.as_ref().and_then(owner), &customer) {
        (Some(owner), Some(customer)) => owner != *customer,
        (Some(_) | None, None) | (None, Some(_)) => false,
    };
    if let Some(service) = service.as_ref().filter(|_| foreign) {
        whys.push(format!("service `{service}` belongs to another customer and is left out"));
    }
    whys.push(format!("source `{}`", source.id));
    (customer, service.filter(|_| !foreign))
}

/// What groups it: the tool's key within its source, else customer and service whatever the source.
fn group_key(
    event: &Event,
    source: &AlertSource,
    customer: Option<&CustomerId>,
    service: Option<&ServiceId>,
) -> Option<String> {
    if let Some(key) = &event.group_key {
        // Whoever sees one customer's alerts must not read another's titles in them.
        let whose = customer.map(|customer| format!(" of customer {customer}")).unwrap_or_default();
        return Some(format!("source {}{whose}: {key}", source.id));
    }
    match (customer, service) {
        (None, None) => None,
        (Some(customer), Some(service)) => Some(format!("customer {customer}, service {service}")),
        (Some(customer), None) => Some(format!("customer {customer}")),
        (None, Some(service)) => Some(format!("service {service}")),
    }
}

/// What the event leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// A new alert, with this id.
    Open {
        /// Its facts, `Change::Received` first.
        facts: Vec<(Fact, String)>,
    },
    /// It belongs to an open alert.
    Join {
        /// Which.
        alert: AlertId,
        /// Its facts; empty: only the counter moves (a storm does not fill the timeline).
        facts: Vec<(Fact, String)>,
    },
    /// An open alert, or one of its faults, is over, or somebody has it.
    Settle {
        /// Which.
        alert: AlertId,
        /// Its facts; none: a fault is over and others are not (a storm does not fill the timeline).
        facts: Vec<(Fact, String)>,
    },
    /// Nothing to do: resolve without an open alert. Never an error that makes a tool try again.
    Nothing,
}

/// How the faults stand that were grouped into the alert of an event's key. An alert of one fault: the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// The event's own fault was said to be over before.
    pub recovered: bool,
    /// What the event's own fault is called.
    pub title: Option<String>,
    /// How many other faults of the alert are not over.
    pub others: u32,
    /// What they are called; a few of them where they are many.
    pub titles: Vec<String>,
}

/// What is open when an event comes.
#[derive(Debug, Clone, Copy)]
pub struct Open<'a> {
    /// The open alert that a fault of this source with the same dedup key opened or joined.
    pub same: Option<&'a Alert>,
    /// How its faults stand.
    pub faults: &'a Faults,
    /// The youngest open alert of the same group key.
    pub group: Option<&'a Alert>,
}

/// What the event does. An alert of the same group takes it if its last event came within the source's window. `reference`: a
/// free short number.
///
/// An alert that several faults were grouped into is over when the last of them is.
pub fn decide(
    event: &Event,
    route: &Route,
    source: &AlertSource,
    open: Open<'_>,
    reference: &str,
    now: Timestamp,
) -> Decision {
    let unresolved = |alert: &&Alert| alert.status != Status::Resolved;
    let lately = |alert: &&Alert| {
        source.group_window.is_some_and(|window| {
            now.duration_since(alert.last_event_at) <= SignedDuration::try_from(window).unwrap_or(SignedDuration::MAX)
        })
    };
    let (same, group) = (open.same.filter(unresolved), open.group.filter(unresolved).filter(lately));
    match (event.action, same, group) {
        (Action::Resolve, Some(_), _) if open.faults.recovered => Decision::Nothing,
        (Action::Resolve, Some(alert), _) if open.faults.others > 0 => recovered(alert, event, source, open.faults),
        (Action::Resolve, Some(alert), _) => {
            settle(alert, Fact::AlertResolved { by: Actor::System }, format!("source `{}` says it is over", source.id))
        }
        (Action::Acknowledge, Some(alert), _) if alert.status == Status::Triggered => settle(
            alert,
            Fact::AlertAcknowledged { by: Actor::System },
            format!("source `{}` says that somebody works on it", source.id),
        ),
        (Action::Resolve | Action::Acknowledge, ..) => Decision::Nothing,
        (Action::Trigger, Some(alert), _) => join(alert, event, route, source, false),
        (Action::Trigger, None, Some(alert)) => join(alert, event, route, source, true),
        (Action::Trigger, None, None) => opened(event, route, source, reference),
    }
}

fn settle(alert: &Alert, fact: Fact, why: String) -> Decision {
    Decision::Settle { alert: alert.id, facts: vec![(fact, why)] }
}

/// One of several faults is over. In a storm not each has its line: while many are left, only now and then.
fn recovered(alert: &Alert, event: &Event, source: &AlertSource, faults: &Faults) -> Decision {
    let left = faults.others;
    if left > TOLD_ONE_BY_ONE && !left.is_power_of_two() {
        return Decision::Settle { alert: alert.id, facts: Vec::new() };
    }
    let title = faults.title.clone().unwrap_or_else(|| event.title.clone());
    let change = Change::Recovered { title, left, still: faults.titles.clone() };
    let why = format!("source `{}` says that this fault is over; the alert waits for the others", source.id);
    Decision::Settle { alert: alert.id, facts: vec![(Fact::Alert(change), why)] }
}

/// With so many faults left, the end of each is told.
const TOLD_ONE_BY_ONE: u32 = 8;

fn opened(event: &Event, route: &Route, source: &AlertSource, reference: &str) -> Decision {
    let received = Change::Received {
        title: event.title.clone(),
        details: event.details.clone(),
        priority: route.priority,
        urgency: route.urgency,
        source: source.id.clone(),
        reference: reference.to_owned(),
        customer: route.customer.clone(),
        service: route.service.clone(),
        dedup_key: event.dedup_key.clone(),
        group_key: route.group_key.clone(),
        policy: route.policy.clone(),
        began_at: event.began_at,
        link: event.link.clone(),
    };
    Decision::Open { facts: vec![(Fact::Alert(received), route.why.clone())] }
}

/// It joins an open alert. What got worse is told at once; that there was one more only now and then (the 2nd, 4th, 8th …
/// event), so that a storm fills no timeline. Who has the alert keeps it: another event of the same fault wakes nobody.
fn join(alert: &Alert, event: &Event, route: &Route, source: &AlertSource, grouped: bool) -> Decision {
    let events = alert.events.saturating_add(1);
    let mut facts = Vec::new();
    if events.is_power_of_two() {
        let how = if grouped { "the same group within the source's window" } else { "the same key" };
        let joined =
            Change::Joined { events, title: (event.title != alert.title).then(|| event.title.clone()), grouped };
        facts.push((Fact::Alert(joined), format!("source `{}`, {how}", source.id)));
    }
    // Only where the event itself says so: a default must not undo what a person changed.
    if let Some(priority) = event.priority.filter(|priority| *priority < alert.priority) {
        let why = format!("source `{}`: an event of {} joined", source.id, priority.word());
        facts.push((Fact::AlertUpdated { title: None, priority: Some(priority) }, why));
        if route.urgency < alert.urgency {
            facts.push((Fact::Alert(Change::Urgency { urgency: route.urgency }), route.why.clone()));
        }
    }
    Decision::Join { alert: alert.id, facts }
}
