//! By which contacts a person is told about an alert, and when: their own rules, or a default.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;

use super::{Kind, Planned, To};
use crate::alert::{Alert, Urgency};
use crate::directory::{Address, Contact, Directory, User};

/// A person with several phones and no rules is rung at one after the other, so far apart.
const NEXT_PHONE: Duration = Duration::from_secs(40);

/// A person's contacts; without own ones a `call` for each phone: `phone-1`, `phone-2` …
pub fn contacts(user: &User) -> Cow<'_, [Contact]> {
    if !user.contacts.is_empty() {
        return Cow::Borrowed(&user.contacts);
    }
    let phones = user.phones.iter().enumerate().map(|(index, phone)| Contact {
        id: format!("phone-{}", index + 1),
        address: Address::Call(phone.clone()),
        verified: true,
    });
    Cow::Owned(phones.collect())
}

/// The notifications of one person about one alert whose turn came at `now`, by their own rules; without rules: every verified
/// contact that is not a call at once, and calls at once, in order, for high urgency; only what is no call for low.
/// Contacts that are not verified or that `reach` denies are left out and named in the `why` of the others. Own rules that
/// reach nothing now give way to the default where the alert is loud: better told by the wrong contact than not at all.
#[expect(clippy::too_many_arguments, reason = "all of it decides, and no two belong together")]
pub fn plan(
    alert: &Alert,
    user: &User,
    round: u32,
    step: u32,
    why: &str,
    directory: &Directory,
    reach: &dyn Fn(&Contact) -> bool,
    now: Timestamp,
) -> Vec<Planned> {
    // Channels and limits are looked at when it is sent; here only the person's own data decide.
    let _ = directory;
    let contacts = contacts(user);
    let mut left_out: Vec<String> = Vec::new();
    let mut usable = |contact: &Contact| {
        let fault = match (contact.verified, reach(contact)) {
            (false, _) => "is not verified",
            (true, false) => "can't be reached now",
            (true, true) => return true,
        };
        let told = format!("{} {fault}", contact.id);
        if !left_out.contains(&told) {
            left_out.push(told);
        }
        false
    };
    let mut found = by_rules(alert, user, &contacts, &mut usable);
    if found.is_empty() && (user.rules.is_empty() || alert.urgency == Urgency::High) {
        let instead = !user.rules.is_empty();
        found = by_default(alert.urgency, &contacts, &mut usable);
        for (_, _, rule) in found.iter_mut().filter(|_| instead) {
            "their own rules reach nothing now".clone_into(rule);
        }
    }
    let missed = if left_out.is_empty() { String::new() } else { format!("; left out: {}", left_out.join(", ")) };
    found
        .into_iter()
        .map(|(after, contact, rule)| Planned {
            key: key(alert, user, round, step, contact, after),
            alert: Some(alert.id),
            to: To::Person { user: user.id.clone(), contact: contact.id.clone() },
            address: contact.address.clone(),
            due: now.checked_add(after).unwrap_or(Timestamp::MAX),
            kind: Kind::Alert,
            why: format!("{why}; {} by {rule}{missed}", contact.address.kind()),
        })
        .collect()
}

/// A rule that comes back to the same contact later has a key of its own.
fn key(alert: &Alert, user: &User, round: u32, step: u32, contact: &Contact, after: Duration) -> String {
    let again = if after.is_zero() { String::new() } else { format!("+{}", after.as_secs()) };
    format!("{}/{}.{round}.{step}/{}/{}{again}", alert.id, alert.progress.cycle, user.id, contact.id)
}

/// How long after the turn, which contact, and by which rule.
type Found<'a> = Vec<(Duration, &'a Contact, String)>;

fn by_rules<'a>(
    alert: &Alert,
    user: &User,
    contacts: &'a [Contact],
    usable: &mut impl FnMut(&Contact) -> bool,
) -> Found<'a> {
    let mut found: Found<'a> = Vec::new();
    let mut rules: Vec<_> =
        user.rules.iter().filter(|rule| rule.urgency.is_none_or(|urgency| urgency == alert.urgency)).collect();
    rules.sort_by_key(|rule| rule.after);
    for rule in rules {
        let Some(contact) = contacts.iter().find(|contact| contact.id == rule.contact) else { continue };
        let twice = found.iter().any(|(after, other, _)| other.id == contact.id && *after == rule.after);
        if !twice && usable(contact) {
            found.push((rule.after, contact, format!("their own rule, {}", later(rule.after))));
        }
    }
    found
}

fn by_default<'a>(urgency: Urgency, contacts: &'a [Contact], usable: &mut impl FnMut(&Contact) -> bool) -> Found<'a> {
    let mut calls = 0_u32;
    let mut found: Found<'a> = Vec::new();
    for contact in contacts {
        let after = match (&contact.address, urgency) {
            (Address::Call(_), Urgency::Low) => continue,
            (Address::Call(_), Urgency::High) => NEXT_PHONE.saturating_mul(calls),
            (
                Address::Sms(_)
                | Address::Email(_)
                | Address::Ntfy(_)
                | Address::Telegram(_)
                | Address::Slack(_)
                | Address::Teams(_)
                | Address::Webhook(_),
                Urgency::High | Urgency::Low,
            ) => Duration::ZERO,
        };
        if usable(contact) {
            if matches!(contact.address, Address::Call(_)) {
                calls += 1;
            }
            found.push((after, contact, format!("default, {}", later(after))));
        }
    }
    found
}

fn later(after: Duration) -> String {
    if after.is_zero() { "at once".to_owned() } else { format!("{} later", crate::escalation::span(after)) }
}
