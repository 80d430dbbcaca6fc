//! Where alerts come from besides calls, what they may start, and when they are quiet.

use std::time::Duration;

use jiff::Timestamp;

use crate::fact::Priority;
use crate::ids::{ActionId, CustomerId, HeartbeatId, PolicyId, ServiceId, SourceId};
use crate::private::Private;

/// One monitoring tool's door: `POST /intake/generic/{key}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertSource {
    /// Configured name.
    pub id: SourceId,
    /// As shown.
    pub name: String,
    /// SHA-256 of the secret key in the URL; the key itself is told once, when it is made.
    pub key_sha256: [u8; 32],
    /// HMAC-SHA256 secrets of which one must have signed the body (`X-Hotline-Signature: v1=…`); empty: unsigned is taken.
    pub secrets: Vec<Private<String>>,
    /// Whose alerts these are, unless the payload says so.
    pub customer: Option<CustomerId>,
    /// Of which service, unless the payload says so.
    pub service: Option<ServiceId>,
    /// How they escalate; `None`: the service's, the customer's, the default.
    pub policy: Option<PolicyId>,
    /// Priority where the payload names none.
    pub priority: Option<Priority>,
    /// From payload to event: field → template (`{{ labels.instance }} is down`). Fields: `title`, `details`, `action`,
    /// `dedup_key`, `group_key`, `priority`, `service`, `customer`, `began_at`, `link`. Empty: the fields of the same names.
    pub mapping: Vec<(String, String)>,
    /// New alerts within this time of an open one of the same group (group key, else customer and service) join it.
    pub group_window: Option<Duration>,
}

/// A monitor that must ping; silence opens an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// Configured name.
    pub id: HeartbeatId,
    /// As shown.
    pub name: String,
    /// SHA-256 of the secret key in the URL `/heartbeat/{key}`.
    pub key_sha256: [u8; 32],
    /// Longest silence, 25 s to 31 days. The clock starts at the first ping.
    pub every: Duration,
    /// Whose.
    pub customer: Option<CustomerId>,
    /// Of which service.
    pub service: Option<ServiceId>,
    /// How its alert escalates.
    pub policy: Option<PolicyId>,
    /// Priority of its alert.
    pub priority: Priority,
}

/// Planned work: alerts are opened and shown, but wake nobody, in `[from, to)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// Configured name.
    pub id: String,
    /// What is done.
    pub name: String,
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub to: Timestamp,
    /// Whose alerts are quiet; empty: by `services` alone.
    pub customers: Vec<CustomerId>,
    /// Which services' alerts are quiet; empty: all of `customers`.
    pub services: Vec<ServiceId>,
}

/// Something that an alert can start, by rule or by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Configured name.
    pub id: ActionId,
    /// As shown ("Restart the mail service").
    pub name: String,
    /// What is done.
    pub deed: ActionDeed,
    /// Longest run.
    pub timeout: Duration,
    /// Tries after a failure.
    pub retries: u32,
    /// Starts by itself when an alert that matches is opened; `None`: by hand only.
    pub on: Option<ActionRule>,
}

/// What an action does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionDeed {
    /// A signed POST.
    Webhook(Private<String>),
    /// A program of the allow-list in `hotline.toml` (`[[commands]]`; never through the API), with fixed arguments.
    Command(Vec<String>),
}

/// Which alerts start an action by themselves. All that is said must match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActionRule {
    /// Of this customer.
    pub customer: Option<CustomerId>,
    /// Of this service.
    pub service: Option<ServiceId>,
    /// From this source.
    pub source: Option<SourceId>,
    /// Words in the title, any case.
    pub title_contains: Option<String>,
    /// At least so urgent.
    pub priority: Option<Priority>,
}

impl ActionRule {
    /// Whether an alert that was just opened starts the action. A rule that says nothing fits none: an action on everything is
    /// hardly meant.
    pub fn fits(&self, alert: &crate::alert::Alert) -> bool {
        let said = self.customer.is_some()
            || self.service.is_some()
            || self.source.is_some()
            || self.title_contains.is_some()
            || self.priority.is_some();
        let title = || alert.title.to_lowercase();
        said && (self.customer.is_none() || self.customer == alert.customer)
            && (self.service.is_none() || self.service == alert.service)
            && (self.source.is_none() || self.source == alert.source)
            && self.title_contains.as_ref().is_none_or(|words| title().contains(&words.to_lowercase()))
            && self.priority.is_none_or(|least| alert.priority <= least)
    }
}
