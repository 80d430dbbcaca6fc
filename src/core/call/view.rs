//! What outsiders may see of a running call.

use jiff::Timestamp;

use crate::fact::Direction;
use crate::ids::{AlertId, CallId, CustomerId, LegId, NumberId, PhoneId, UserId};
use crate::private::Private;

use super::supervise::Role;

/// A running call at a glance, for the page and `/metrics`.
#[derive(Debug, Clone, PartialEq)]
pub struct CallView {
    /// The call.
    pub id: CallId,
    /// Its alert, once there is one.
    pub alert: Option<AlertId>,
    /// Why there is this call.
    pub direction: Direction,
    /// The number rung.
    pub number: NumberId,
    /// Spoken reference.
    pub reference: String,
    /// Caller's number; `None`: withheld.
    pub caller: Option<Private<String>>,
    /// The customer, once found.
    pub customer: Option<CustomerId>,
    /// Since when.
    pub started: Timestamp,
    /// What is going on: `greeting`, `menu`, `asking what`, `calling`, `with`, `voicemail`, `ending`.
    pub state: String,
    /// The engineer being called or talked to.
    pub person: Option<UserId>,
    /// Two people talk: somebody else may listen, whisper or speak with them.
    pub talks: bool,
    /// Who does.
    pub supervisors: Vec<SupervisorView>,
}

/// Somebody who supervises a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupervisorView {
    /// Their leg.
    pub leg: LegId,
    /// Their phone.
    pub phone: PhoneId,
    /// What they do.
    pub role: Role,
    /// They are on the line; else their phone is rung.
    pub on: bool,
}
