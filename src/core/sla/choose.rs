//! Which contract holds.

use jiff::SignedDuration;

use super::{Sla, priority_of};
use crate::directory::Directory;
use crate::ids::{CustomerId, ServiceId, SlaId};
use crate::incident::Severity;

/// The contract that holds for a customer and one of its services: the one for the service's category, else the general one.
pub fn contract<'a>(directory: &'a Directory, customer: &CustomerId, service: Option<&ServiceId>) -> Option<&'a Sla> {
    let category = service
        .and_then(|service| directory.services.get(service))
        .filter(|service| service.customer.as_ref().is_none_or(|owner| owner == customer))
        .and_then(|service| service.category.as_deref());
    let own = || directory.slas.values().filter(|sla| sla.customer == *customer);
    category
        .and_then(|category| own().find(|sla| sla.category.as_deref() == Some(category)))
        .or_else(|| own().find(|sla| sla.category.is_none()))
}

/// How often the touched customers must be told something while an incident of this severity goes on: the strictest of their
/// contracts, by the touched services; without any, by the general ones. `None`: nothing was promised to any of them.
pub fn update_interval(
    directory: &Directory,
    customers: &[CustomerId],
    services: &[ServiceId],
    severity: Severity,
) -> Option<(SignedDuration, SlaId)> {
    let priority = priority_of(severity);
    let promised = |sla: &Sla| Some((sla.targets(priority).update?, sla.id.clone()));
    customers
        .iter()
        .flat_map(|customer| {
            let theirs = services.iter().filter(|id| {
                let service = directory.services.get(id);
                service.is_some_and(|service| service.customer.as_ref().is_none_or(|owner| owner == customer))
            });
            let mut contracts: Vec<&Sla> =
                theirs.filter_map(|service| contract(directory, customer, Some(service))).collect();
            if contracts.is_empty() {
                contracts.extend(contract(directory, customer, None));
            }
            contracts
        })
        .filter_map(promised)
        .min()
}
