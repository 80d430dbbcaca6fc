//! Whether a contact can be reached now: a phone is registered, a trunk is up, a provider is set up.

use std::collections::HashSet;

use hotline_core::directory::{Address, Contact, Destination};
use hotline_core::ids::{PhoneId, TrunkId};

use super::Switch;
use crate::notify::Notifier;

/// What can be reached, at one moment.
#[derive(Debug)]
pub(super) struct Reaches {
    phones: HashSet<PhoneId>,
    trunks: HashSet<TrunkId>,
    notifier: Notifier,
}

impl Reaches {
    /// Whether something sent there now would arrive, as far as can be known.
    pub fn reaches(&self, contact: &Contact) -> bool {
        match &contact.address {
            Address::Call(Destination::Phone(phone)) => self.phones.contains(phone),
            Address::Call(Destination::Number { trunk, .. }) => self.trunks.contains(trunk),
            Address::Call(Destination::Sip(_)) => true,
            Address::Sms(_)
            | Address::Email(_)
            | Address::Ntfy(_)
            | Address::Telegram(_)
            | Address::Slack(_)
            | Address::Teams(_)
            | Address::Webhook(_) => self.notifier.can(&contact.address).is_ok(),
        }
    }

    /// Names of the lines; more of them than before is a reason to try again.
    pub fn lines(&self) -> HashSet<String> {
        let phones = self.phones.iter().map(|phone| format!("phone {phone}"));
        phones.chain(self.trunks.iter().map(|trunk| format!("trunk {trunk}"))).collect()
    }
}

impl Switch {
    /// What can be reached now, as one snapshot.
    pub(super) fn reaches(&self) -> Reaches {
        Reaches {
            phones: self.registered().into_iter().map(|entry| entry.phone).collect(),
            trunks: self.trunks().into_iter().filter(|trunk| trunk.up).map(|trunk| trunk.trunk).collect(),
            notifier: self.0.notifier.clone(),
        }
    }
}
