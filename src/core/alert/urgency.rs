//! How loud an alert may be: support hours and planned maintenance decide.

use jiff::Timestamp;

use super::Urgency;
use crate::directory::{Directory, MaintenanceWindow};
use crate::fact::Priority;
use crate::ids::{CalendarId, CustomerId, ServiceId};
use crate::oncall::Calendar;

/// Changes of support hours and maintenance that are looked through for one that counts.
const LOOK_AHEAD: usize = 64;

/// How loud an alert of this customer and service is at `now`, when that changes next by itself (support hours begin),
/// and why. P1 and P2 are loud at any time unless the service is under maintenance; P5 never is.
pub fn urgency(
    priority: Priority,
    customer: Option<&CustomerId>,
    service: Option<&ServiceId>,
    directory: &Directory,
    now: Timestamp,
) -> (Urgency, Option<Timestamp>, String) {
    let about = About::new(priority, customer, service, directory);
    let (loud, why) = about.at(now);
    let mut at = now;
    for _ in 0..LOOK_AHEAD {
        let Some(next) = about.next_boundary(at) else { return (loud, None, why) };
        if about.at(next).0 != loud {
            return (loud, Some(next), why);
        }
        at = next;
    }
    // Nothing that counts so far: somebody should look again then.
    (loud, Some(at), why)
}

/// What decides, found once.
struct About<'a> {
    priority: Priority,
    maintenance: Vec<&'a MaintenanceWindow>,
    support: Option<(&'a CalendarId, Option<&'a Calendar>)>,
}

impl<'a> About<'a> {
    fn new(
        priority: Priority,
        customer: Option<&CustomerId>,
        service: Option<&ServiceId>,
        directory: &'a Directory,
    ) -> Self {
        let service_known = service.and_then(|id| directory.services.get(id));
        let customer = customer.or_else(|| service_known.and_then(|service| service.customer.as_ref()));
        let customer_known = customer.and_then(|id| directory.customers.get(id));
        let support = service_known
            .and_then(|service| service.support.as_ref())
            .or_else(|| customer_known.and_then(|customer| customer.support.as_ref()));
        Self {
            priority,
            maintenance: directory.maintenance.iter().filter(|window| covers(window, customer, service)).collect(),
            support: support.map(|id| (id, directory.calendars.get(id))),
        }
    }

    fn at(&self, at: Timestamp) -> (Urgency, String) {
        if let Some(window) = self.maintenance.iter().find(|window| window.from <= at && at < window.to) {
            return (Urgency::Low, format!("planned maintenance `{}`", window.id));
        }
        let word = self.priority.word();
        match (self.priority, self.support) {
            (Priority::P1 | Priority::P2, _) => (Urgency::High, format!("{word} is urgent at any time")),
            (Priority::P5, _) => (Urgency::Low, "P5 is for information".to_owned()),
            (Priority::P3 | Priority::P4, None) => (Urgency::High, "looked after at any time".to_owned()),
            (Priority::P3 | Priority::P4, Some((id, None))) => {
                (Urgency::High, format!("calendar `{id}` of the support hours is not there, so it counts as open"))
            }
            (Priority::P3 | Priority::P4, Some((id, Some(calendar)))) => {
                let (open, rule) = calendar.state(at);
                if open {
                    (Urgency::High, format!("{word} within support hours `{id}`, {rule}"))
                } else {
                    (Urgency::Low, format!("{word} outside support hours `{id}`, {rule}"))
                }
            }
        }
    }

    fn next_boundary(&self, after: Timestamp) -> Option<Timestamp> {
        let planned = self.maintenance.iter().filter(|window| window.from < window.to);
        let edges = planned.flat_map(|window| [window.from, window.to]).filter(|edge| *edge > after);
        let hours = match self.priority {
            Priority::P3 | Priority::P4 => {
                self.support.and_then(|(_, calendar)| calendar).and_then(|calendar| calendar.next_change(after))
            }
            Priority::P1 | Priority::P2 | Priority::P5 => None,
        };
        // A calendar that says it changes now or earlier must not keep anybody busy.
        edges.chain(hours.filter(|at| *at > after)).min()
    }
}

/// Whether planned work is about alerts of this customer and service.
fn covers(window: &MaintenanceWindow, customer: Option<&CustomerId>, service: Option<&ServiceId>) -> bool {
    let of_customer = customer.is_some_and(|customer| window.customers.contains(customer));
    let of_service = service.is_some_and(|service| window.services.contains(service));
    match (window.customers.is_empty(), window.services.is_empty()) {
        (true, true) => false,
        (true, false) => of_service,
        (false, true) => of_customer,
        (false, false) => of_customer && of_service,
    }
}
