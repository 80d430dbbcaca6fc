//! How a person is told: by their own rules, within limits, bundled in a storm. Pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::directory::Address;
use crate::ids::{AlertId, ChannelId, NotificationId, UserId};

mod next;
mod plan;
mod retry;
#[cfg(test)]
mod tests;

pub use next::next;
pub use plan::{contacts, plan};
pub use retry::retry_after;

/// A notification that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The same for the same deed, whoever plans it and however often: `{alert}/{cycle}.{round}.{step}/{user or channel}/{contact}`, and `+seconds`
    /// where a rule waits.
    /// The store keeps one row for each.
    pub key: String,
    /// About which alert.
    pub alert: Option<AlertId>,
    /// To whom.
    pub to: To,
    /// Where; looked up anew when it is sent, this is what was planned.
    pub address: Address,
    /// When.
    pub due: Timestamp,
    /// What for.
    pub kind: Kind,
    /// Why this person, why then: one sentence, no private data.
    pub why: String,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// A person, by one of their contacts (`Contact::id`).
    Person {
        /// Who.
        user: UserId,
        /// Which contact.
        contact: String,
    },
    /// A channel.
    Channel(ChannelId),
    /// A telephone or address that belongs to nobody here (policy target `Number`, the caller's SMS).
    Outside,
}

/// What a notification is for, the most pressing first (GoAlert's order: first alert jumps the queue).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A code that proves a contact.
    Verification,
    /// "Test my phone."
    Test,
    /// Somebody must take an alert.
    Alert,
    /// To the caller: somebody has taken it.
    Caller,
    /// A shift begins, a gap is coming, a hand-over note.
    OnCall,
    /// An alert was taken, resolved, or changed: for those who follow.
    Status,
    /// To a customer's contact, or to a caller who asked for it: what is told about an incident. The text's first line is the
    /// subject.
    Customer,
}

crate::fact::words!(Kind {
    Verification = "verification", Test = "test", Alert = "alert", Caller = "caller", OnCall = "on-call", Status = "status",
    Customer = "customer",
});

/// How often one contact may be used: at most `count` within `window`, for each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// For calls.
    pub call: Vec<(u32, Duration)>,
    /// For SMS.
    pub sms: Vec<(u32, Duration)>,
    /// For everything else.
    pub other: Vec<(u32, Duration)>,
    /// So many alerts waiting for one contact become one message.
    pub bundle_from: u32,
}

impl Default for Limits {
    /// GoAlert's figures for calls and SMS.
    fn default() -> Self {
        let m = |minutes: u64| Duration::from_secs(minutes * 60);
        Self {
            call: vec![(3, m(15)), (7, m(60)), (15, m(180))],
            sms: vec![(5, m(15)), (11, m(60)), (21, m(180))],
            other: vec![(20, m(15)), (60, m(60))],
            bundle_from: 3,
        }
    }
}

/// A notification that waits, as [`next`] needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub id: NotificationId,
    /// What for.
    pub kind: Kind,
    /// About which alert.
    pub alert: Option<AlertId>,
    /// When.
    pub due: Timestamp,
    /// A word that means the alert still needs it: triggered, not snoozed, not resolved.
    pub wanted: bool,
}

/// What to do with what waits for one contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Send this one.
    One(NotificationId),
    /// Send these as one message or call (the first carries it, the others are done with it).
    Bundle(Vec<NotificationId>),
    /// Not before then: a limit, which one in words.
    Later(Timestamp, String),
    /// It is this other node's to send: the phone is registered there. Not decided here; who asks knows the nodes.
    Elsewhere(String),
    /// Nothing is due.
    Idle,
}
