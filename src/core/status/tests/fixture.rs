//! Two customers with a service each, and a shared one.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::directory::{Customer, Directory, Service};
use crate::fact::Actor;
use crate::ids::{CustomerId, IncidentId, PostmortemId, ServiceId, UpdateId};
use crate::incident::{Affected, Impact, Incident, Kind, Phase, Severity, Update, UpdateState};
use crate::postmortem::Published;
use crate::status::{Audience, Brand, Colour, Component, Existence, Lessons, StatusPage, Tongue, View, Visitor, World};

pub const CUSTOMERS: [&str; 2] = ["acme", "harbour"];
/// Name and owner.
pub const SERVICES: [(&str, Option<&str>); 6] = [
    ("acme-erp", Some("acme")),
    ("acme-shop", Some("acme")),
    ("harbour-scanners", Some("harbour")),
    ("harbour-radio", Some("harbour")),
    ("mail", None),
    ("backup", None),
];

pub fn at(minutes: i64) -> Timestamp {
    "2026-11-22T09:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

pub fn directory() -> Directory {
    let mut directory = Directory::default();
    for id in CUSTOMERS {
        let customer = Customer { id: id.into(), name: format!("{id} GmbH"), ..Customer::default() };
        directory.customers.insert(id.into(), customer);
    }
    for (id, owner) in SERVICES {
        let service = Service {
            id: id.into(),
            name: format!("internal name of {id}"),
            customer: owner.map(CustomerId::from),
            team: None,
            policy: None,
            support: None,
            priority: None,
            ..Service::default()
        };
        directory.services.insert(id.into(), service);
    }
    directory
}

/// A page with all services.
pub fn page(id: &str, audience: Audience) -> StatusPage {
    let component = |(service, _): (&str, Option<&str>)| Component {
        service: ServiceId::from(service),
        name: format!("public name of {service}"),
        group: Some(format!("group of {service}")),
        description: None,
    };
    StatusPage {
        id: id.into(),
        title: "Status".to_owned(),
        audience,
        open: false,
        components: SERVICES.map(component).into(),
        brand: Brand { name: None, logo: None, accent: Colour(0, 0x40, 0x80), accent_dark: Colour(0x80, 0xc0, 0xff) },
        language: Tongue::En,
        time_zone: TimeZone::UTC,
        support: None,
        secrets: Vec::new(),
    }
}

pub fn since() -> Existence {
    SERVICES.into_iter().map(|(id, _)| (ServiceId::from(id), at(-60 * 24 * 10))).collect()
}

pub fn affected(list: &[(&str, Impact)]) -> Vec<Affected> {
    list.iter().map(|(id, impact)| Affected { service: ServiceId::from(*id), impact: *impact }).collect()
}

pub fn incident(n: u128) -> Incident {
    Incident {
        id: IncidentId(Uuid::from_u128(n)),
        reference: format!("INC-{n}"),
        kind: Kind::Fault,
        title: format!("internal title {n}"),
        public_title: Some(format!("Incident {n}")),
        public_titles: Vec::new(),
        severity: Severity::Major,
        worst: Severity::Major,
        phase: Phase::Investigating,
        affected: Vec::new(),
        customers: Vec::new(),
        roles: Vec::new(),
        tasks: Vec::new(),
        alerts: Vec::new(),
        calls: Vec::new(),
        updates: Vec::new(),
        began: None,
        detected_at: at(-1),
        opened_at: at(0),
        opened_by: Actor::System,
        resolved_at: None,
        scheduled: None,
        by_itself: false,
        drill: None,
        update_due: None,
        update_told: 0,
        tell_when_over: Vec::new(),
        ever: Vec::new(),
        additions: Vec::new(),
        version: 1,
    }
}

pub fn update(n: u128, minutes: i64, phase: Phase, text: &str, list: &[(&str, Impact)]) -> Update {
    Update {
        id: UpdateId(Uuid::from_u128(n)),
        at: at(minutes),
        by: Actor::Login("writer".to_owned()),
        phase,
        heading: None,
        text: text.to_owned(),
        translations: Vec::new(),
        customers: Vec::new(),
        affected: affected(list),
        named: Vec::new(),
        state: UpdateState::Published { at: at(minutes), by: Actor::Login("releaser".to_owned()) },
    }
}

pub fn of(customer: &str) -> Visitor {
    Visitor::Customer(customer.into())
}

/// What was learned from each of them.
pub fn lesson(incident: &Incident) -> Published {
    Published {
        id: PostmortemId(incident.id.0),
        at: at(58),
        language: "en".to_owned(),
        text: format!("lesson of {}.", incident.id),
    }
}

/// What is seen of a house in which every incident has a published postmortem.
pub fn view(
    page: &StatusPage,
    visitor: &Visitor,
    incidents: &[Incident],
    directory: &Directory,
    since: &Existence,
    now: Timestamp,
) -> Option<View> {
    let lessons: Lessons = incidents.iter().map(|incident| (incident.id, lesson(incident))).collect();
    crate::status::view(page, visitor, &World { incidents, lessons: &lessons, directory, since }, now)
}

/// What is seen an hour after nine.
pub fn look(page: &StatusPage, visitor: &Visitor, incidents: &[Incident]) -> Option<View> {
    view(page, visitor, incidents, &directory(), &since(), at(60))
}
