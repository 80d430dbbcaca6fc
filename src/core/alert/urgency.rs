//! How loud an alert may be: support hours and planned maintenance decide.

use jiff::Timestamp;

use super::Urgency;
use crate::directory::Directory;
use crate::fact::Priority;
use crate::ids::{CustomerId, ServiceId};

/// How loud an alert of this customer and service is at `now`, when that changes next by itself (support hours begin),
/// and why. P1 and P2 are loud at any time unless the service is under maintenance; P5 never is.
pub fn urgency(
    priority: Priority,
    customer: Option<&CustomerId>,
    service: Option<&ServiceId>,
    directory: &Directory,
    now: Timestamp,
) -> (Urgency, Option<Timestamp>, String) {
    let _ = (priority, customer, service, directory, now);
    todo!("core/alert: urgency")
}
