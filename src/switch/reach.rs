//! Whether a contact can be reached now: a phone is registered, a trunk is up, a provider is set up.

use std::collections::{HashMap, HashSet};
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
    /// Names of the other nodes' lines: what this node can't ring, another can.
    elsewhere: Arc<HashMap<String, String>>,
    notifier: Notifier,
}

impl Reaches {
    /// Whether something sent there now would arrive, as far as can be known.
    pub fn reaches(&self, contact: &Contact) -> bool {
        match &contact.address {
            Address::Call(destination) => self.can_ring(destination),
            Address::Sms(_)
            | Address::Email(_)
            | Address::Ntfy(_)
            | Address::Telegram(_)
            | Address::Slack(_)
            | Address::Teams(_)
            | Address::Webhook(_) => self.notifier.can(&contact.address).is_ok(),
        }
    }

    /// Whether some node could ring there now.
    pub fn can_ring(&self, destination: &Destination) -> bool {
        self.rings_here(destination) || self.node_for(destination).is_some()
    }

    pub(super) fn rings_here(&self, destination: &Destination) -> bool {
        match destination {
            Destination::Phone(phone) => self.phones.contains(phone),
            Destination::Number { trunk, .. } => self.trunks.contains(trunk),
            Destination::Sip(_) => true,
        }
    }

    /// The other node that can ring there, where this one can't.
    pub fn node_for(&self, destination: &Destination) -> Option<&str> {
        let line = match destination {
            Destination::Phone(phone) => of_phone(phone),
            Destination::Number { trunk, .. } => of_trunk(trunk),
            Destination::Sip(_) => return None,
        };
        let other = self.elsewhere.get(&line)?;
        (!self.rings_here(destination)).then_some(other.as_str())
    }

    /// Names of the lines; more of them than before is a reason to try again.
    pub fn lines(&self) -> HashSet<String> {
        self.own_lines().into_iter().chain(self.elsewhere.keys().cloned()).collect()
    }

    /// Those of this node, sorted.
    fn own_lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.phones.iter().map(of_phone).chain(self.trunks.iter().map(of_trunk)).collect();
        lines.sort_unstable();
        lines
    }
}

fn of_phone(phone: &PhoneId) -> String {
    format!("phone {phone}")
}

fn of_trunk(trunk: &TrunkId) -> String {
    format!("trunk {trunk}")
}

impl Switch {
    /// What can be reached now, as one snapshot.
    pub(super) fn reaches(&self) -> Reaches {
        Reaches {
            phones: self.registered().into_iter().map(|entry| entry.phone).collect(),
            trunks: self.trunks().into_iter().filter(|trunk| trunk.up).map(|trunk| trunk.trunk).collect(),
            elsewhere: self.0.lines_elsewhere.load_full(),
            notifier: self.0.notifier.clone(),
        }
    }

    /// The phones and trunks of this node, by name, for the other nodes.
    pub fn own_lines(&self) -> Vec<String> {
        self.reaches().own_lines()
    }

    /// The other nodes have these phones and trunks. What they can reach is not unreachable.
    pub fn see_lines_elsewhere(&self, lines: Vec<(String, String)>) {
        let lines: HashMap<String, String> = lines.into_iter().collect();
        if **self.0.lines_elsewhere.load() != lines {
            self.0.lines_elsewhere.store(Arc::new(lines));
            self.wake_escalation();
        }
    }
}
