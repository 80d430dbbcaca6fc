//! What outsiders may see of a running call.

use jiff::Timestamp;

use crate::fact::Direction;
use crate::ids::{AlertId, CallId, CustomerId, NumberId, UserId};
use crate::private::Private;

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
}
