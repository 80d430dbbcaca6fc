//! What customers use, who looks after it, and when: services, teams, support hours.

use crate::fact::Priority;
use crate::ids::{CalendarId, CustomerId, PolicyId, ServiceId, TeamId, UserId};

/// Something a customer uses and we look after.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// Configured name.
    pub id: ServiceId,
    /// As spoken and shown.
    pub name: String,
    /// As customers know it, in mails, on pages and by telephone; `None`: as `name` says.
    pub public_name: Option<String>,
    /// Whose it is; `None`: shared by all customers.
    pub customer: Option<CustomerId>,
    /// The team that looks after it.
    pub team: Option<TeamId>,
    /// How its alerts escalate; `None`: the customer's, then the default.
    pub policy: Option<PolicyId>,
    /// When it is looked after; `None`: the customer's support hours.
    pub support: Option<CalendarId>,
    /// Priority of its alerts where the event names none.
    pub priority: Option<Priority>,
    /// What it needs to work; never in a circle.
    pub depends_on: Vec<ServiceId>,
    /// What kind of service it is (`infrastructure`), lower case: contracts may differ by it.
    pub category: Option<String>,
}

impl Service {
    /// Its name for customers.
    pub fn name_for_customers(&self) -> &str {
        self.public_name.as_deref().unwrap_or(&self.name)
    }
}

/// People who work together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Configured name.
    pub id: TeamId,
    /// As shown.
    pub name: String,
    /// Its people, in the order in which they are asked.
    pub members: Vec<UserId>,
}
