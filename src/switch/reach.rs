//! Whether a contact can be reached now: a phone is registered, a trunk is up, a provider is set up.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use hotline_core::directory::{Address, Contact, Destination};
use hotline_core::ids::{PhoneId, TrunkId};

use super::Switch;
use crate::notify::Notifier;

/// What can be reached, at one moment.
#[derive(Debug)]
pub(super) struct Reaches {
    phones: HashSet<PhoneId>,
    trunks: HashSet<TrunkId>,
    /// Lines of other nodes, each with its node.
    others: Arc<HashMap<String, String>>,
    notifier: Notifier,
}

/// What a phone or trunk is called among the nodes.
fn line(destination: &Destination) -> Option<String> {
    match destination {
        Destination::Phone(phone) => Some(format!("phone {phone}")),
        Destination::Number { trunk, .. } => Some(format!("trunk {trunk}")),
        Destination::Sip(_) => None,
    }
}

impl Reaches {
    /// Whether something sent there now would arrive, as far as can be known.
    pub fn reaches(&self, contact: &Contact) -> bool {
        match &contact.address {
            Address::Call(destination) => self.rings_here(destination) || self.elsewhere(destination).is_some(),
            Address::Sms(_)
            | Address::Email(_)
            | Address::Ntfy(_)
            | Address::Telegram(_)
            | Address::Slack(_)
            | Address::Teams(_)
            | Address::Webhook(_) => self.notifier.can(&contact.address).is_ok(),
        }
    }

    /// Whether this node can ring there.
    fn rings_here(&self, destination: &Destination) -> bool {
        match destination {
            Destination::Phone(phone) => self.phones.contains(phone),
            Destination::Number { trunk, .. } => self.trunks.contains(trunk),
            Destination::Sip(_) => true,
        }
    }

    /// The node that can ring there, where this one can't.
    pub fn elsewhere(&self, destination: &Destination) -> Option<&str> {
        if self.rings_here(destination) {
            return None;
        }
        self.others.get(&line(destination)?).map(String::as_str)
    }

    /// Names of the lines of all nodes; more of them than before is a reason to try again.
    pub fn lines(&self) -> HashSet<String> {
        self.own().chain(self.others.keys().cloned()).collect()
    }

    fn own(&self) -> impl Iterator<Item = String> + '_ {
        let phones = self.phones.iter().map(|phone| format!("phone {phone}"));
        phones.chain(self.trunks.iter().map(|trunk| format!("trunk {trunk}")))
    }
}

impl Switch {
    /// What can be reached now, as one snapshot.
    pub(super) fn reaches(&self) -> Reaches {
        Reaches {
            phones: self.registered().into_iter().map(|entry| entry.phone).collect(),
            trunks: self.trunks().into_iter().filter(|trunk| trunk.up).map(|trunk| trunk.trunk).collect(),
            others: self.0.lines_of_others.load_full(),
            notifier: self.0.notifier.clone(),
        }
    }

    /// Names of this node's lines.
    pub(super) fn own_lines(&self) -> BTreeSet<String> {
        self.reaches().own().collect()
    }
}
