//! Where a notification really goes: looked up anew when it is sent. Only what the directory holds now is dialled or written to.

use hotline_core::alert::Alert;
use hotline_core::directory::{Address, Contact, Directory, User, e164};
use hotline_core::escalation::Target;
use hotline_core::notify::{Kind, To, contacts};

use crate::store::notifications::Notification;

/// The address now; else why it is not sent, without private data.
pub(super) fn current(notification: &Notification, directory: &Directory, alerts: &[Alert]) -> Result<Address, String> {
    match &notification.to {
        To::Person { user, contact } => {
            let user = directory.users.get(user).ok_or("the person is not in the directory any more")?;
            let found = contacts(user).iter().find(|own| own.id == *contact).cloned();
            let found = found.ok_or_else(|| format!("the contact {contact} is not there any more"))?;
            if found.verified || notification.kind == Kind::Verification {
                Ok(found.address)
            } else {
                Err(format!("the contact {contact} is not verified; prove it with a code first"))
            }
        }
        To::Channel(channel) => {
            let found = directory.channels.get(channel).ok_or("the channel is not in the directory any more")?;
            Ok(found.address.clone())
        }
        To::Outside if is_known_outside(notification, directory, alerts) => Ok(notification.address.clone()),
        To::Outside => Err("the number is neither a policy's nor the caller's (any more)".to_owned()),
    }
}

/// A telephone that a policy names, or the caller of the alert who is told that somebody has it.
fn is_known_outside(notification: &Notification, directory: &Directory, alerts: &[Alert]) -> bool {
    match (notification.kind, &notification.address) {
        (Kind::Alert, Address::Call(destination)) => {
            let steps = directory.policies.values().flat_map(|policy| &policy.steps);
            let mut targets = steps.flat_map(|step| &step.targets);
            targets.any(|target| matches!(target, Target::Number(known) if known == destination))
        }
        (Kind::Caller, Address::Sms(number)) => {
            let own = |text: &str| e164(text, directory.country_code.as_deref());
            let wanted = own(number.reveal());
            let mut callers = alerts.iter().filter_map(|alert| alert.caller.as_ref());
            wanted.is_some() && callers.any(|caller| own(caller.reveal()) == wanted)
        }
        (
            Kind::Verification
            | Kind::Test
            | Kind::Alert
            | Kind::Caller
            | Kind::OnCall
            | Kind::Status
            // Asked for by itself: `deliver` knows whose contact it is.
            | Kind::Customer,
            _,
        ) => false,
    }
}

/// The contact to take instead of `failed`: those behind it in the person's order, then those before; verified, reachable, not
/// among `told`.
pub(super) fn next_contact(
    user: &User,
    failed: &str,
    told: &[String],
    reach: &dyn Fn(&Contact) -> bool,
) -> Option<Contact> {
    let own = contacts(user);
    let from = own.iter().position(|contact| contact.id == failed).map_or(0, |index| index + 1);
    let order = own[from..].iter().chain(&own[..from]);
    order
        .filter(|contact| contact.id != failed && contact.verified && !told.contains(&contact.id))
        .find(|contact| reach(contact))
        .cloned()
}
