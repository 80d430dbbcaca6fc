//! Who is told of what: customers' named contacts of published updates, callers who asked for it of the end, people of the house
//! of what is due. Each once, however often it is planned.

use hotline_core::directory::{Address, CustomerContact, Directory, User, e164};
use hotline_core::ids::{RecordingId, UpdateId, UserId};
use hotline_core::incident::message::{letter, over};
use hotline_core::incident::{Change, Deed, Incident};
use hotline_core::notify::{Kind, Planned, To, contacts};
use jiff::Timestamp;

use super::super::Switch;
use crate::store::StoreError;
use crate::store::incidents::Telling;
use crate::store::notifications::Notification;

/// Under which name callers stand among the messages.
const CALLER: &str = "caller";

/// What follows from a deed.
pub(super) fn tellings(before: Option<&Incident>, deed: &Deed, directory: &Directory, at: Timestamp) -> Vec<Telling> {
    let mut tell = Vec::new();
    for (change, _) in &deed.changes {
        if let Change::Published(update) = change {
            tell.extend(of_update(&deed.incident, *update, directory, at));
        }
        if let Change::Added(_, recording) = change {
            tell.extend(of_addition(&deed.incident, *recording, directory, at));
        }
        if let (Change::CallersTold(_), Some(before)) = (change, before) {
            tell.extend(of_the_end(before, &deed.incident, directory, at));
        }
    }
    tell
}

/// The places that a contact wants to be told at.
pub(super) fn addresses(contact: &CustomerContact) -> Vec<Address> {
    let email = contact.email.clone().filter(|_| contact.by_email).map(Address::Email);
    let sms = contact.phone.clone().filter(|_| contact.by_sms).map(Address::Sms);
    email.into_iter().chain(sms).collect()
}

fn of_update(incident: &Incident, id: UpdateId, directory: &Directory, at: Timestamp) -> Vec<Telling> {
    let Some(update) = incident.update(id) else { return Vec::new() };
    let mut tell = Vec::new();
    for reader in incident.readers(id, directory) {
        let Some(letter) = letter(incident, update, &reader, directory, at) else { continue };
        for address in addresses(reader.contact) {
            let text = match &address {
                Address::Sms(_) => format!("{}\n{}", letter.subject, letter.short),
                Address::Call(_)
                | Address::Email(_)
                | Address::Ntfy(_)
                | Address::Telegram(_)
                | Address::Slack(_)
                | Address::Teams(_)
                | Address::Webhook(_) => format!("{}\n{}", letter.subject, letter.text),
            };
            let (customer, contact) = (&reader.customer, &reader.contact.id);
            tell.push(Telling {
                planned: Planned {
                    key: format!("incident/{}/{id}/{customer}/{contact}/{}", incident.id, address.kind()),
                    alert: None,
                    to: To::Outside,
                    address,
                    due: at,
                    kind: Kind::Customer,
                    why: format!("{contact} of {customer} is told of published updates ({})", incident.reference),
                },
                text,
                update: Some(id),
                customer: Some(customer.clone()),
                contact: Some(contact.clone()),
            });
        }
    }
    tell
}

fn of_the_end(before: &Incident, now: &Incident, directory: &Directory, at: Timestamp) -> Vec<Telling> {
    let mut tell = Vec::new();
    if now.drill.is_some() {
        return tell;
    }
    for (place, number) in before.tell_when_over.iter().enumerate() {
        let customer = directory.customer_by_caller(number.reveal());
        let language = customer.and_then(|customer| customer.language.clone()).unwrap_or_default();
        let id = customer.map(|customer| &customer.id);
        let Some(text) = over(now, id, &language, directory) else { continue };
        tell.push(Telling {
            planned: Planned {
                key: format!("incident/{}/over/{}/{place}", now.id, at.as_millisecond()),
                alert: None,
                to: To::Outside,
                address: Address::Sms(number.clone()),
                due: at,
                kind: Kind::Customer,
                why: format!("a caller wanted to be told when {} is over", now.reference),
            },
            text,
            update: None,
            customer: customer.map(|customer| customer.id.clone()),
            contact: Some(CALLER.to_owned()),
        });
    }
    tell
}

/// A caller added something: whoever has a role in the incident learns of it, else who is on call for it. Quietly, where they have a
/// quiet way.
fn of_addition(incident: &Incident, recording: RecordingId, directory: &Directory, at: Timestamp) -> Vec<Telling> {
    let mut people: Vec<UserId> = incident.roles.iter().map(|(_, user)| user.clone()).collect();
    people.sort_unstable();
    people.dedup();
    let why = if people.is_empty() {
        people = super::clock::on_call(incident, directory, at);
        format!("they are on call, and nobody has a role in {}", incident.reference)
    } else {
        format!("they have a role in {}", incident.reference)
    };
    let mut tell = Vec::new();
    for user in people.iter().filter_map(|user| directory.users.get(user)) {
        let (reference, title) = (&incident.reference, &incident.title);
        let text = if user.language.0.starts_with("de") {
            format!("{reference}: Ein Anrufer hat etwas ergänzt; es steht beim Vorfall: {title}")
        } else {
            format!("{reference}: a caller has added something; it stands with the incident: {title}")
        };
        tell.extend(to_person(incident, user, false, &text, &why, &format!("added-{recording}"), at));
    }
    tell
}

/// Whether a message to a customer still goes where the directory says; the contact's place now.
fn place_now(directory: &Directory, customer: &str, contact: &str, planned: &Address) -> Option<Address> {
    let contact = directory.customer_contact(&customer.into(), contact)?;
    addresses(contact).into_iter().find(|address| address.kind() == planned.kind())
}

impl Switch {
    /// Whether this caller can be told something by SMS: the number takes it, and something carries it.
    pub(super) fn can_text(&self, caller: &str) -> bool {
        let number = sms_able(caller, &self.directory());
        number.is_some_and(|number| self.0.notifier.can(&Address::Sms(number.into())).is_ok())
    }

    /// Where a message to a customer really goes: the contact's place as the directory has it now, or the number of a caller who asked
    /// for it. `Err` within: why it is not sent, without private data.
    pub(in crate::switch) async fn customers_place(
        &self,
        notification: &Notification,
    ) -> Result<Result<Address, String>, StoreError> {
        let about = self.0.store.incident_of_message(notification.id).await?;
        Ok(match about {
            // The number was kept with the incident when its caller pressed the key.
            Some((_, _, Some(contact))) if contact == CALLER => Ok(notification.address.clone()),
            Some((_, Some(customer), Some(contact))) => {
                let place = place_now(&self.directory(), &customer.0, &contact, &notification.address);
                place.ok_or_else(|| format!("{contact} of {customer} is not told this way any more"))
            }
            Some(_) | None => Err("the message is about no incident that is known".to_owned()),
        })
    }
}

/// A number that an SMS can be sent to.
pub(super) fn sms_able(caller: &str, directory: &Directory) -> Option<String> {
    let number = e164(caller, directory.country_code.as_deref())?;
    super::super::taken::is_mobile(&number).then_some(number)
}

/// Messages to one of the house about a due update. A reminder is quiet; a warning rings, too.
pub(super) fn to_person(
    incident: &Incident,
    user: &User,
    warn: bool,
    text: &str,
    why: &str,
    key: &str,
    at: Timestamp,
) -> Vec<Telling> {
    let own = contacts(user);
    let quiet = |address: &Address| !matches!(address, Address::Call(_));
    let verified: Vec<_> = own.iter().filter(|contact| contact.verified).collect();
    let silent: Vec<_> = verified.iter().filter(|contact| quiet(&contact.address)).collect();
    let loud = verified.iter().find(|contact| !quiet(&contact.address));
    let ring = loud.filter(|_| warn || silent.is_empty());
    silent
        .into_iter()
        .chain(ring)
        .map(|contact| Telling {
            planned: Planned {
                key: format!("incident/{}/{key}/{}/{}", incident.id, user.id, contact.id),
                alert: None,
                to: To::Person { user: user.id.clone(), contact: contact.id.clone() },
                address: contact.address.clone(),
                due: at,
                kind: Kind::OnCall,
                why: why.to_owned(),
            },
            text: text.to_owned(),
            update: None,
            customer: None,
            contact: Some(contact.id.clone()),
        })
        .collect()
}

/// Who is responsible for telling customers: the communication's person, else the lead.
pub(super) fn responsible(incident: &Incident) -> Option<(&'static str, &UserId)> {
    ["communication", "lead"]
        .into_iter()
        .find_map(|wanted| incident.roles.iter().find(|(role, _)| role == wanted).map(|(_, user)| (wanted, user)))
}
