//! What would fail if it happened tonight: promises nobody has signed, rotas with gaps, phones that nobody has proven.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::directory::{Address, Directory};
use crate::fact::words;
use crate::ids::{CustomerId, ServiceId, SlaId};
use crate::incident::{Incident, Kind, clock};
use crate::oncall::gaps;
use crate::status::{Audience, StatusPage};

/// Gaps within this time are told.
const AHEAD: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Where no clock asks for the next word about a fault, silence of this length is told.
const SILENCE: SignedDuration = SignedDuration::from_hours(24);

/// A kind of lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lack {
    /// The latest revision of a contract is not signed.
    UnsignedSla,
    /// A customer with services has no contract.
    NoContract,
    /// Nobody is on call for a while although somebody must be.
    Gap,
    /// A person's telephone was not proven by a code: nothing but a code is sent to it.
    UnverifiedPhone,
    /// Somebody who is on call has no contact that counts.
    Unreachable,
    /// There is no runbook for a service.
    NoRunbook,
    /// What the board warns of now: a phone that can't be rung, an action without its secret, a trunk that is down.
    Warning,
    /// A status page that tells about nothing, about a service that is gone, or of an incident without a word when one was due.
    StalePage,
}
words!(Lack {
    UnsignedSla = "unsigned-sla", NoContract = "no-contract", Gap = "gap", UnverifiedPhone = "unverified-phone",
    Unreachable = "unreachable", NoRunbook = "no-runbook", Warning = "warning",
    StalePage = "stale-page",
});

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What kind of lack.
    pub lack: Lack,
    /// Where: `slas/gold`, `schedules/on-call`, `users/ada`.
    pub object: String,
    /// In one sentence, with what to do.
    pub what: String,
}

/// What other parts know; `None`: that part is not there, so nothing is said about it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The contracts whose latest revision is signed.
    pub signed: Option<&'a BTreeSet<SlaId>>,
    /// Services that have a runbook.
    pub runbooks: Option<&'a BTreeSet<ServiceId>>,
    /// What the board warns of at this moment.
    pub warnings: &'a [String],
    /// Stale status pages, each with what is stale about it.
    pub stale_pages: Option<&'a [(String, String)]>,
}

/// Everything that is missing, by kind.
pub fn readiness(directory: &Directory, known: &Known<'_>, now: Timestamp) -> Vec<Missing> {
    let mut all = contracts(directory, known);
    all.extend(rotas(directory, now));
    all.extend(people(directory, now));
    if let Some(runbooks) = known.runbooks {
        let without = directory.services.values().filter(|service| !runbooks.contains(&service.id));
        all.extend(without.map(|service| Missing {
            lack: Lack::NoRunbook,
            object: format!("services/{}", service.id),
            what: format!("{} has no runbook; write down how it is mended", service.name),
        }));
    }
    all.extend(known.warnings.iter().map(|what| Missing {
        lack: Lack::Warning,
        object: "health".to_owned(),
        what: what.clone(),
    }));
    all.extend(known.stale_pages.unwrap_or_default().iter().map(|(page, what)| Missing {
        lack: Lack::StalePage,
        object: format!("status-pages/{page}"),
        what: what.clone(),
    }));
    all.sort_by(|a, b| (a.lack, &a.object).cmp(&(b.lack, &b.object)));
    all
}

/// Status pages that tell visitors too little or too late, each with what it is. `incidents`: the open ones.
pub fn stale_pages(directory: &Directory, incidents: &[Incident], now: Timestamp) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for page in directory.status_pages.values() {
        let mut tell = |what: String| all.push((page.id.0.clone(), what));
        if page.components.is_empty() {
            tell("it tells about nothing; give it components, or delete it".to_owned());
        }
        for component in page.components.iter().filter(|one| !directory.services.contains_key(&one.service)) {
            tell(format!("its component `{}` is of a service that is gone; take it off", component.name));
        }
        for incident in incidents.iter().filter(|incident| is_shown(incident, page, directory)) {
            let Some((what, at)) = silent_since(incident, now) else { continue };
            let at = at.to_zoned(page.time_zone.clone()).strftime("%a %F %H:%M %Z");
            tell(format!("it shows {}, {what} {at}; publish an update", incident.reference));
        }
    }
    all
}

/// Whether visitors of this page read of it.
fn is_shown(incident: &Incident, page: &StatusPage, directory: &Directory) -> bool {
    if !incident.is_open() || !incident.is_published() || incident.drill.is_some() {
        return false;
    }
    let told = incident.updates.iter().filter(|update| update.is_published()).flat_map(|update| &update.affected);
    let on_page = |service: &ServiceId| page.components.iter().any(|component| component.service == *service);
    let by_name = match &page.audience {
        Audience::Customer(own) => incident.seen_by(own, directory).is_some(),
        Audience::Everyone | Audience::Visitors => false,
    };
    by_name || told.map(|affected| &affected.service).any(on_page)
}

/// What should have been said, and since when; `None`: all is in time.
fn silent_since(incident: &Incident, now: Timestamp) -> Option<(&'static str, Timestamp)> {
    let ended = incident.scheduled.filter(|_| incident.kind == Kind::Maintenance).map(|(_, until)| until);
    let spoke = clock::last_told(incident);
    if let Some(due) = incident.update_due.filter(|due| *due <= now) {
        return Some(("of which customers should have heard again by", due));
    }
    if let Some(until) = ended.filter(|until| *until <= now) {
        return Some(("work that was to end by", until));
    }
    let silent = incident.kind == Kind::Fault && incident.update_due.is_none() && now.duration_since(spoke) >= SILENCE;
    silent.then_some(("of which nothing was said since", spoke))
}

fn contracts(directory: &Directory, known: &Known<'_>) -> Vec<Missing> {
    let mut all = Vec::new();
    if let Some(signed) = known.signed {
        let unsigned = directory.slas.values().filter(|sla| !signed.contains(&sla.id));
        all.extend(unsigned.map(|sla| Missing {
            lack: Lack::UnsignedSla,
            object: format!("slas/{}", sla.id),
            what: format!("the latest revision of {} is not signed; ask one of the customer's people", sla.name),
        }));
    }
    let has_services =
        |id: &CustomerId| directory.services.values().any(|service| service.customer.as_ref() == Some(id));
    let has_contract = |id: &CustomerId| directory.slas.values().any(|sla| sla.customer == *id);
    let without = directory.customers.values().filter(|one| has_services(&one.id) && !has_contract(&one.id));
    all.extend(without.map(|customer| Missing {
        lack: Lack::NoContract,
        object: format!("customers/{}", customer.id),
        what: format!("nothing was promised to {}, so no clock runs for its alerts; add [[slas]]", customer.name),
    }));
    all
}

fn rotas(directory: &Directory, now: Timestamp) -> Vec<Missing> {
    let until = now.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
    let mut all = Vec::new();
    for schedule in directory.schedules.values() {
        let missing = gaps(schedule, directory, now, until);
        let Some(first) = missing.first() else { continue };
        let more = missing.len() - 1;
        let more = if more > 0 { format!(", and {more} more times within two weeks") } else { String::new() };
        all.push(Missing {
            lack: Lack::Gap,
            object: format!("schedules/{}", schedule.id),
            what: format!(
                "nobody is on call by {} from {}{more}; add a person or an override",
                schedule.name,
                schedule.time_zone.to_datetime(first.from).strftime("%a %F %H:%M"),
            ),
        });
    }
    all
}

fn people(directory: &Directory, now: Timestamp) -> Vec<Missing> {
    let mut all = Vec::new();
    let on_call: BTreeSet<_> = directory
        .schedules
        .values()
        .flat_map(|schedule| &schedule.layers)
        .flat_map(|layer| layer.people(directory, now))
        .collect();
    for user in directory.users.values() {
        let phones = user.contacts.iter().filter(|own| matches!(own.address, Address::Call(_) | Address::Sms(_)));
        for contact in phones.filter(|own| !own.verified) {
            all.push(Missing {
                lack: Lack::UnverifiedPhone,
                object: format!("users/{}", user.id),
                what: format!("{}'s contact `{}` is not verified; prove it with a code", user.name, contact.id),
            });
        }
        if on_call.contains(&user.id) && !user.contacts.iter().any(|contact| contact.verified) {
            all.push(Missing {
                lack: Lack::Unreachable,
                object: format!("users/{}", user.id),
                what: format!("{} is on call and has no contact that counts; add one and prove it", user.name),
            });
        }
    }
    all
}
