//! Where people and channels are reached: addresses, contacts, rules, absences, `[[channels]]`.

use std::time::Duration;

use hotline_core::alert::Urgency;
use hotline_core::directory::{Absence, Address, Channel, Contact, Destination, Language, NotifyRule};
use hotline_core::ids::ChannelId;
use hotline_core::private::Private;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::names::Kind;
use super::people::Context;
use super::report::{Section, Word};
use super::server::choice;
use super::words;

/// The kinds of addresses, as they are written.
const KINDS: [(&str, &str); 8] = [
    ("call", "\"number:+491701234567@TRUNK\" or \"phone:ACCOUNT\""),
    ("sms", "\"+491701234567\""),
    ("email", "\"ada@example.com\""),
    ("ntfy", "\"a-topic-nobody-guesses\""),
    ("telegram", "\"123456789\" (the chat's id)"),
    ("slack", "\"C0123456789\" (channel or member id), or the https:// URL of an incoming webhook"),
    ("teams", "the https:// URL of the workflow"),
    ("webhook", "\"https://example.com/hook\""),
];

/// Longest wait of a rule.
const AFTER: std::ops::RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(24);

impl Context<'_> {
    /// `kind` and `address` of a contact or channel.
    fn address(&self, section: &Section<'_>) -> Option<Address> {
        let kind = section.need("kind", "\"sms\"");
        let kinds = KINDS.map(|(kind, _)| (kind, kind));
        let kind = kind.and_then(|word| choice(word, "kind", &kinds, self.report));
        let example = KINDS.iter().find(|(known, _)| Some(*known) == kind).map_or("\"…\"", |(_, example)| example);
        let word = section.need("address", example)?;
        let private = || Private::from(word.text);
        let wrong = |need: &str| {
            self.report
                .mistake(word.place, format!("`address` of {}: this can't be reached; write {need}", section.what));
            None
        };
        let plain = |shortest: usize| {
            (shortest..=200).contains(&word.text.len()) && word.text.bytes().all(|b| b.is_ascii_graphic())
        };
        match kind? {
            "call" => self.destination(word).map(Address::Call),
            "sms" => self.e164(word.text, word.place).map(|number| Address::Sms(Private::new(number))),
            "email" if words::is_mailbox(word.text) => Some(Address::Email(private())),
            "ntfy"
                if plain(1)
                    && word.text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
                    && word.text.len() <= 64 =>
            {
                Some(Address::Ntfy(private()))
            }
            "telegram"
                if plain(1)
                    && (word.text.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit())
                        || word.text.starts_with('@')) =>
            {
                Some(Address::Telegram(private()))
            }
            "slack"
                if words::is_url(word.text, false)
                    || (plain(2) && word.text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#' || b == b'-')) =>
            {
                Some(Address::Slack(private()))
            }
            "teams" if words::is_url(word.text, false) => Some(Address::Teams(private())),
            "webhook" if words::is_url(word.text, true) => Some(Address::Webhook(private())),
            _ => wrong(example),
        }
    }

    /// `[[users.contacts]]`; without any, one for each phone. `phones`: as they were written.
    pub fn contacts(&self, section: &Section<'_>, phones: &[Destination]) -> Vec<Contact> {
        let tables = section.tables("contacts");
        let mut contacts: Vec<Contact> = Vec::new();
        for spot in tables {
            let what = format!("a contact of {}", section.what);
            let Some(own) = Section::new(spot, what, self.report) else { continue };
            let contact = self.contact(&own);
            own.finish();
            let Some(contact) = contact else { continue };
            if contacts.iter().any(|other| other.id == contact.id) {
                let what = format!("{} has two contacts `{}`; give one of them another id", section.what, contact.id);
                self.report.mistake(own.place, what);
            }
            contacts.push(contact);
        }
        if !tables.is_empty() {
            return contacts;
        }
        let proven = !section.place.is_document();
        let of_phone = |(at, phone): (usize, &Destination)| Contact {
            id: format!("phone-{}", at + 1),
            verified: proven || matches!(phone, Destination::Phone(_)),
            address: Address::Call(phone.clone()),
        };
        phones.iter().enumerate().map(of_phone).collect()
    }

    fn contact(&self, section: &Section<'_>) -> Option<Contact> {
        let id = section.need("id", "\"mobile\"").filter(|word| {
            let right = words::is_name(word.text);
            if !right {
                let what = format!(
                    "`id` of {}: `{}` can't be one; use letters, digits, `-`, `_` and `.` only",
                    section.what, word.text
                );
                self.report.mistake(word.place, what);
            }
            right
        });
        let address = self.address(section)?;
        // Our own phones are nobody else's; the rest is proven by a code where it did not come with the file.
        let verified = !section.place.is_document() || matches!(address, Address::Call(Destination::Phone(_)));
        Some(Contact { id: id?.text.to_owned(), address, verified })
    }

    /// `[[users.rules]]`.
    pub fn rules(&self, section: &Section<'_>, contacts: &[Contact]) -> Vec<NotifyRule> {
        let mut rules = Vec::new();
        for spot in section.tables("rules") {
            let Some(own) = Section::new(spot, format!("a rule of {}", section.what), self.report) else { continue };
            let urgency = self.urgency(&own);
            let after = own.duration("after", &AFTER).unwrap_or_default();
            let contact = own.need("contact", "\"mobile\"").filter(|word| {
                let known = contacts.iter().any(|contact| contact.id == word.text);
                if !known {
                    let hint = super::report::hint(word.text, contacts.iter().map(|contact| contact.id.as_str()));
                    self.report.mistake(word.place, format!("{} names no contact `{}`; {hint}", own.what, word.text));
                }
                known
            });
            own.finish();
            rules.extend(contact.map(|contact| NotifyRule { urgency, after, contact: contact.text.to_owned() }));
        }
        rules
    }

    /// `urgency = "high"`.
    pub fn urgency(&self, section: &Section<'_>) -> Option<Urgency> {
        let known = Urgency::ALL.map(|urgency| (urgency.word(), urgency));
        choice(section.text("urgency")?, "urgency", &known, self.report)
    }

    /// `[[users.absences]]`: local times of the person's zone, or moments with offset.
    pub fn absences(&self, section: &Section<'_>, zone: Option<&TimeZone>) -> Vec<Absence> {
        let mut absences = Vec::new();
        for spot in section.tables("absences") {
            let what = format!("an absence of {}", section.what);
            let Some(own) = Section::new(spot, what, self.report) else { continue };
            let span = self.span(&own, zone.unwrap_or(&TimeZone::UTC));
            let reason = own.text("reason").map_or_else(String::new, |word| word.text.to_owned());
            own.finish();
            absences.extend(span.map(|(from, to)| Absence { from, to, reason }));
        }
        absences
    }

    /// `from` and `to`, in this order.
    pub fn span(&self, section: &Section<'_>, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let (from, to) = (self.moment(section, "from", Some(zone)), self.moment(section, "to", Some(zone)));
        let (from, to) = (from?, to?);
        if from >= to {
            let what = format!("{} ends before it begins; mend `from` and `to`", section.what);
            self.report.mistake(&section.place.within("to"), what);
            return None;
        }
        Some((from, to))
    }

    /// `skills`: lower case, as schedules ask for them.
    pub fn skills(section: &Section<'_>) -> Vec<String> {
        let mut skills: Vec<String> =
            section.texts("skills").unwrap_or_default().iter().map(|word| word.text.to_lowercase()).collect();
        skills.retain(|skill| !skill.is_empty());
        skills.sort();
        skills.dedup();
        skills
    }

    /// `languages`: those that a person speaks.
    pub fn languages(&self, section: &Section<'_>) -> Vec<Language> {
        let words = section.texts("languages").unwrap_or_default();
        let right = |word: &Word<'_>| {
            let right = words::is_language(word.text);
            if !right {
                let what = format!("`languages`: `{}` is no language tag; write \"en\", \"de\" …", word.text);
                self.report.mistake(word.place, what);
            }
            right
        };
        words.into_iter().filter(right).map(|word| Language(word.text.to_owned())).collect()
    }

    /// One `[[channels]]`.
    pub fn channel(&self, section: &Section<'_>) -> Option<Channel> {
        let id = self.id(Kind::Channel, section);
        let name = section.text("name");
        let address = self.address(section)?;
        let id = id?;
        Some(Channel { id: ChannelId::from(id.text), name: name.map_or(id.text, |name| name.text).to_owned(), address })
    }
}
