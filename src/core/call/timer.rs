//! Why a call wakes up.

/// A named reason to wake. A call has at most one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// The whole wait of the flow is over: on to the last resort.
    Budget,
    /// The caller pressed nothing.
    NoInput,
    /// The next digit of a number did not come.
    InterDigit,
    /// The phone rang long enough.
    Ring,
    /// The engineer answered but pressed nothing (a mailbox does neither).
    Accept,
    /// Time for a word to the waiting caller.
    Comfort,
    /// A command was not answered; the machine goes on without.
    Stuck,
}
