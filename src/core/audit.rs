//! The audit chain: each entry holds the hash of the one before, so that nothing can be changed, left out or put in
//! unseen. Personal fields are in it as salted hashes only: they can be erased and the chain still holds.

/// Hash of an entry: SHA-256 over its canonical bytes and the hash before.
pub type Hash = [u8; 32];

/// One entry of a node's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The node whose chain it is.
    pub node: String,
    /// From 1, without holes.
    pub seq: u64,
    /// Epoch milliseconds.
    pub at: i64,
    /// Who (`login admin`, `token ci`, `engineer-1`, `the hotline`): a salted hash where it is personal.
    pub actor: String,
    /// What was done: a stable word (`user.put`, `alert.acknowledge`, `escalation-step`).
    pub action: String,
    /// To what (`alert:0199…`, `user:ada`).
    pub object: String,
    /// More, as JSON without personal data; those are in `personal` as salted hashes (hex), by field.
    pub detail: String,
    /// `(field, SHA-256(salt ‖ value) hex)`.
    pub personal: Vec<(String, String)>,
}

/// The hash of `entry` after `before` (all zero for the first).
pub fn hash(entry: &AuditEntry, before: &Hash) -> Hash {
    let _ = (entry, before);
    todo!("core/audit")
}
