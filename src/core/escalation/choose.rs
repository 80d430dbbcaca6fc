//! Which policy an alert escalates by.

use super::EscalationPolicy;
use crate::alert::Alert;
use crate::directory::Directory;
use crate::ids::{CustomerId, HeartbeatId, NumberId, PolicyId, ServiceId, SourceId};

/// Which policy an alert escalates by, and why: by number, source, service, customer, default. `None`: its number's schedule,
/// where it has one.
pub fn choose(alert: &Alert, directory: &Directory) -> (Option<PolicyId>, String) {
    let source = alert.source.as_ref().map(|id| (id, of_source(id, directory)));
    choose_for(source, alert.number.as_ref(), alert.service.as_ref(), alert.customer.as_ref(), directory)
}

/// The policy of a source as it is configured.
fn of_source<'a>(id: &SourceId, directory: &'a Directory) -> Option<&'a PolicyId> {
    if let Some(source) = directory.sources.get(id) {
        return source.policy.as_ref();
    }
    // A heartbeat's alert says so in the id of its source.
    let heartbeat = HeartbeatId::from(id.0.strip_prefix("heartbeat:")?);
    directory.heartbeats.get(&heartbeat).and_then(|heartbeat| heartbeat.policy.as_ref())
}

/// [`choose`] for an alert that is not there yet; the source with its policy, which a person may have named for this alert
/// alone. A policy that is not in the directory is passed over, and told.
pub fn choose_for(
    source: Option<(&SourceId, Option<&PolicyId>)>,
    number: Option<&NumberId>,
    service: Option<&ServiceId>,
    customer: Option<&CustomerId>,
    directory: &Directory,
) -> (Option<PolicyId>, String) {
    let number = number.and_then(|id| directory.numbers.get(id));
    let service = service.and_then(|id| directory.services.get(id));
    let customer = customer
        .or_else(|| service.and_then(|service| service.customer.as_ref()))
        .and_then(|id| directory.customers.get(id));
    let by = |what: &str, id: &str| format!("{what} `{id}`");
    let mut candidates = Vec::new();
    if let Some((number, policy)) = number.and_then(|number| Some((number, number.policy.as_ref()?))) {
        candidates.push((policy, by("number", &number.id.0)));
    }
    if let Some((source, Some(policy))) = source {
        candidates.push((policy, by("source", &source.0)));
    }
    if let Some((service, policy)) = service.and_then(|service| Some((service, service.policy.as_ref()?))) {
        candidates.push((policy, by("service", &service.id.0)));
    }
    if let Some((customer, policy)) = customer.and_then(|customer| Some((customer, customer.policy.as_ref()?))) {
        candidates.push((policy, by("customer", &customer.id.0)));
    }
    let schedule = number.and_then(|number| number.schedule.as_ref().map(|schedule| (number, schedule)));
    if let (Some(policy), None) = (&directory.default_policy, schedule) {
        candidates.push((policy, "default".to_owned()));
    }
    let missing = candidates
        .iter()
        .take_while(|(policy, _)| !directory.policies.contains_key(*policy))
        .fold(String::new(), |told, (policy, rule)| format!("{told}; policy `{policy}` by {rule} is not there"));
    let found = candidates.into_iter().find(|(policy, _)| directory.policies.contains_key(*policy));
    match (found, schedule) {
        (Some((policy, rule)), _) => (Some(policy.clone()), format!("policy `{policy}` by {rule}{missing}")),
        (None, Some((number, schedule))) => {
            (None, format!("schedule `{schedule}` of number `{}`, again and again{missing}", number.id))
        }
        (None, None) => (None, format!("no policy: nothing names one, and there is no default{missing}")),
    }
}

/// The policy of an alert, if it is there.
pub(super) fn policy_of<'a>(alert: &Alert, directory: &'a Directory) -> Option<&'a EscalationPolicy> {
    alert.policy.as_ref().and_then(|id| directory.policies.get(id))
}
