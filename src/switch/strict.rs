//! What is asked of documents that are written through the API, beyond what the file may say: not everybody who writes there
//! may make the hotline dial anything. Asked when something is written, never at a start: nobody must be missing in the
//! directory because a rule became stricter.

use hotline_core::call::callback::contact_allowed;
use hotline_core::directory::{Contact, Directory};
use hotline_core::ids::UserId;
use serde_json::Value;

use super::documents::Fault;

/// Contacts of a person.
pub const CONTACTS_MAX: usize = 10;

/// Keys whose values are shown to others, in messages and headers.
const SHOWN: [&str; 3] = ["name", "reason", "title"];

fn fault(place: &str, field: String, what: String) -> Fault {
    Fault { document: Some(place.to_owned()), field: Some(field), place: place.to_owned(), what }
}

/// The first shown name with a control character.
pub fn unreadable(place: &str, body: &Value) -> Option<Fault> {
    fn first(at: &str, value: &Value) -> Option<String> {
        match value {
            Value::Object(entries) => entries.iter().find_map(|(key, value)| {
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                let controls =
                    |text: &str| text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
                let wrong = SHOWN.contains(&key.as_str()) && value.as_str().is_some_and(controls);
                if wrong { Some(at) } else { first(&at, value) }
            }),
            Value::Array(items) => items.iter().enumerate().find_map(|(n, item)| first(&format!("{at}[{n}]"), item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }
    let field = first("", body)?;
    let what = format!("`{field}` has a control character (a line break, a tab …); write it in one line without");
    Some(fault(place, field, what))
}

/// Contacts that may not be written: too many, or at places that are not called. What was there before stays.
pub fn contacts(before: &Directory, after: &Directory, id: &str, place: &str) -> Vec<Fault> {
    let user = UserId::from(id);
    let of = |directory: &Directory| directory.users.get(&user).map(|user| user.contacts.clone()).unwrap_or_default();
    let (old, new) = (of(before), of(after));
    if new.len() > CONTACTS_MAX.max(old.len()) {
        let what = format!("a person has {CONTACTS_MAX} contacts at most; leave some out");
        return vec![fault(place, "contacts".to_owned(), what)];
    }
    // Phones that are nobody's contact by name are an admin's word.
    let phones = after.users.get(&user).map(|user| user.phones.as_slice()).unwrap_or_default();
    let known = |contact: &Contact| {
        let phone = |phone| contact.address == hotline_core::directory::Address::Call(phone);
        old.iter().any(|old| old.address == contact.address) || phones.iter().cloned().any(phone)
    };
    let refused = new.iter().enumerate().filter(|(_, contact)| !known(contact)).filter_map(|(at, contact)| {
        let why = contact_allowed(after, &contact.address).err()?;
        Some(fault(place, format!("contacts[{at}].address"), format!("contact `{}`: {why}", contact.id)))
    });
    refused.collect()
}

#[cfg(test)]
mod tests {
    use hotline_core::directory::{Address, Destination, User};
    use serde_json::json;

    use super::*;

    #[test]
    fn shown_names_have_no_control_characters() {
        let field = |body: &Value| unreadable("users/ada", body).and_then(|fault| fault.field);
        assert_eq!(field(&json!({ "name": "Mal\r\nX: y" })), Some("name".to_owned()));
        assert_eq!(
            field(&json!({ "absences": [{ "reason": "ill" }, { "reason": "a\u{7}" }] })),
            Some("absences[1].reason".to_owned())
        );
        assert_eq!(field(&json!({ "name": "Zoë O'Neill", "ical": "a\r\nb", "url": null })), None);
    }

    #[test]
    fn no_server_and_no_dear_number_is_a_contact() {
        let with = |addresses: &[Address]| {
            let contact = |(at, address): (usize, &Address)| Contact {
                id: format!("x{at}"),
                address: address.clone(),
                verified: false,
            };
            let contacts = addresses.iter().enumerate().map(contact).collect();
            let ada = User { id: "ada".into(), contacts, ..User::default() };
            Directory { users: [("ada".into(), ada)].into(), ..Directory::default() }
        };
        let none = with(&[]);
        let sip = Address::Call(Destination::Sip("sip:root@127.0.0.1:16001".to_owned()));
        let mail = |n: usize| Address::Email(format!("a{n}@example.com").as_str().into());
        let told = contacts(&none, &with(&[mail(1), sip.clone()]), "ada", "users/ada");
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].field.as_deref(), Some("contacts[1].address"));
        assert!(told[0].what.contains("hotline.toml"), "{told:?}");
        assert_eq!(contacts(&with(std::slice::from_ref(&sip)), &with(&[mail(1), sip]), "ada", "users/ada"), []);
        let many: Vec<Address> = (0..=CONTACTS_MAX).map(mail).collect();
        assert_eq!(contacts(&none, &with(&many), "ada", "users/ada")[0].field.as_deref(), Some("contacts"));
        assert_eq!(contacts(&none, &with(&many[..CONTACTS_MAX]), "ada", "users/ada"), []);
        let mut office = with(&[Address::Sms("+499001234567".into())]);
        assert_eq!(contacts(&none, &office, "ada", "users/ada").len(), 1);
        office.users.clear();
        assert_eq!(contacts(&none, &office, "ada", "users/ada"), [], "she was deleted");
    }
}
