//! The audit chain: each entry holds the hash of the one before, so that nothing can be changed, left out or put in
//! unseen. Personal fields are in it as salted hashes only: they can be erased and the chain still holds.

use sha2::{Digest, Sha256};

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

/// What every hash of this chain begins with: a hash made for something else is never one of ours.
const DOMAIN: &[u8] = b"hotline audit entry 1";

/// The hash of `entry` after `before` (all zero for the first).
///
/// Every text is preceded by its length, every list by its count (8 bytes, big endian), so that no two entries have
/// the same bytes.
pub fn hash(entry: &AuditEntry, before: &Hash) -> Hash {
    let mut sum = Sha256::new();
    let text = |sum: &mut Sha256, text: &str| {
        sum.update(length(text.len()));
        sum.update(text.as_bytes());
    };
    sum.update(DOMAIN);
    sum.update(before);
    text(&mut sum, &entry.node);
    sum.update(entry.seq.to_be_bytes());
    sum.update(entry.at.to_be_bytes());
    for field in [&entry.actor, &entry.action, &entry.object, &entry.detail] {
        text(&mut sum, field);
    }
    sum.update(length(entry.personal.len()));
    for (field, salted) in &entry.personal {
        text(&mut sum, field);
        text(&mut sum, salted);
    }
    sum.finalize().into()
}

/// What stands in the chain for a personal value: SHA-256(salt ‖ value), hex. Without the salt it says nothing.
pub fn salted(salt: &[u8], value: &str) -> String {
    use std::fmt::Write as _;

    let sum = Sha256::new().chain_update(salt).chain_update(value.as_bytes()).finalize();
    sum.iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An entry is missing, or one is there twice.
    #[error("entry {found} stands where entry {expected} should be")]
    Order {
        /// The number that should have come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// An entry is not what it was when it was written.
    #[error("entry {0} is not what was written, or one before it is not")]
    Changed(u64),
    /// An entry of another node.
    #[error("entry {0} belongs to another node's chain")]
    Foreign(u64),
}

/// Goes through a node's chain, entry by entry; says the first fault.
#[derive(Debug, Clone)]
pub struct Chain {
    node: String,
    seq: u64,
    last: Hash,
}

impl Chain {
    /// Of this node, from its first entry.
    pub fn new(node: &str) -> Self {
        Self { node: node.to_owned(), seq: 0, last: [0; 32] }
    }

    /// The next entry with the hash that was kept with it.
    pub fn check(&mut self, entry: &AuditEntry, kept: &Hash) -> Result<(), Broken> {
        if entry.node != self.node {
            return Err(Broken::Foreign(entry.seq));
        }
        if entry.seq != self.seq + 1 {
            return Err(Broken::Order { expected: self.seq + 1, found: entry.seq });
        }
        if hash(entry, &self.last) != *kept {
            return Err(Broken::Changed(entry.seq));
        }
        self.seq = entry.seq;
        self.last = *kept;
        Ok(())
    }

    /// Entries that were found whole.
    pub const fn checked(&self) -> u64 {
        self.seq
    }
}

fn length(count: usize) -> [u8; 8] {
    u64::try_from(count).unwrap_or(u64::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(seq: u64) -> AuditEntry {
        AuditEntry {
            node: "node-1".to_owned(),
            seq,
            at: 1_790_000_000_000,
            actor: "login admin".to_owned(),
            action: "alert.acknowledge".to_owned(),
            object: "alert:1".to_owned(),
            detail: "{}".to_owned(),
            personal: vec![("caller".to_owned(), salted(b"salt", "+4930000042"))],
        }
    }

    fn chain(count: u64) -> Vec<(AuditEntry, Hash)> {
        let mut last = [0; 32];
        (1..=count)
            .map(|seq| {
                let entry = entry(seq);
                last = hash(&entry, &last);
                (entry, last)
            })
            .collect()
    }

    fn verify(entries: &[(AuditEntry, Hash)]) -> Result<u64, Broken> {
        let mut chain = Chain::new("node-1");
        entries.iter().try_for_each(|(entry, kept)| chain.check(entry, kept))?;
        Ok(chain.checked())
    }

    #[test]
    fn a_whole_chain_is_whole_and_every_change_shows() {
        assert_eq!(verify(&chain(9)), Ok(9));
        let mut changed = chain(9);
        changed[4].0.detail = "{\"a\":1}".to_owned();
        assert_eq!(verify(&changed), Err(Broken::Changed(5)));
        let mut rehashed = changed.clone();
        let before = rehashed[3].1;
        rehashed[4].1 = hash(&rehashed[4].0, &before);
        assert_eq!(verify(&rehashed), Err(Broken::Changed(6)));
        let mut missing = chain(9);
        missing.remove(2);
        assert_eq!(verify(&missing), Err(Broken::Order { expected: 3, found: 4 }));
        let mut foreign = chain(2);
        foreign[1].0.node = "node-2".to_owned();
        assert_eq!(verify(&foreign), Err(Broken::Foreign(2)));
    }

    #[test]
    fn the_bytes_stay_as_they_are() {
        // Chains written by an older release must verify with a newer one.
        let hex = hash(&entry(1), &[0; 32]).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        assert_eq!(hex, "44a83d20cc53d396d0184543d595faf4734cb30c80f984840b31ce1e70486298");
    }

    #[test]
    fn a_personal_value_can_be_erased() {
        let (entries, mine) = (chain(3), salted(b"salt", "+4930000042"));
        assert_eq!(entries[0].0.personal[0].1, mine);
        assert_ne!(salted(b"other", "+4930000042"), mine);
        assert_eq!(mine.len(), 64);
        assert_eq!(verify(&entries), Ok(3));
    }

    proptest! {
        #[test]
        fn words_that_move_between_fields_change_the_hash(text in "[a-z]{2,12}", cut in 0_usize..12) {
            let cut = cut.min(text.len() - 1);
            let with = |actor: &str, action: &str| {
                AuditEntry { actor: actor.to_owned(), action: action.to_owned(), ..entry(1) }
            };
            let (one, other) = (with(&text[..cut], &text[cut..]), with(&text, ""));
            prop_assert_ne!(hash(&one, &[0; 32]), hash(&other, &[0; 32]));
        }
    }
}
