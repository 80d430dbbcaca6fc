//! `[[customers]]` with their people, e-mail domains and reports.

use std::collections::BTreeMap;

use hotline_core::directory::{Customer, CustomerContact, CustomerReport, Every, domain_of};
use hotline_core::ids::CustomerId;
use hotline_core::incident::Severity;
use hotline_core::private::Private;

use super::names::Kind;
use super::people::Context;
use super::report::{Report, Section, Word};
use super::server::choice;
use super::tree::Place;
use super::words;

/// People of one customer at most.
const CONTACTS_MAX: usize = 200;
/// What a support plan may be called at most, characters.
const PLAN_MAX: usize = 100;

impl Context<'_> {
    /// One `[[customers]]`.
    pub fn customer(&self, section: &Section<'_>) -> Option<Customer> {
        let id = self.id(Kind::Customer, section);
        let name = section.text("name");
        let caller_ids = section.texts("caller_ids").unwrap_or_default();
        let pin = section.text("pin");
        if let Some(pin) = pin
            && (!pin.text.bytes().all(|b| b.is_ascii_digit()) || !(3..=12).contains(&pin.text.len()))
        {
            self.report.mistake(
                pin.place,
                format!("`pin` of {} must be 3 to 12 digits in quotes, such as \"0815\"; change it", section.what),
            );
        }
        let language = self.language(section);
        let (support, policy) = (self.support_named(section), self.policy_named(section));
        let retention_days = section.whole("retention_days", &(1..=3_650)).unwrap_or(90);
        let time_zone = if section.spot("time_zone").is_some() { self.zone(section) } else { None };
        let plan = section.text("plan").map(|plan| plan.text.chars().take(PLAN_MAX).collect());
        let domains = self.domains(section);
        let contacts = self.customer_contacts(section);
        let reports = self.customer_reports(section, &contacts);
        let id = id?;
        Some(Customer {
            id: CustomerId::from(id.text),
            name: name.map_or(id.text, |name| name.text).to_owned(),
            caller_ids: caller_ids.into_iter().filter_map(|word| self.caller(word)).collect(),
            pin: pin.map(|pin| Private::from(pin.text)),
            language,
            retention_days: u32::try_from(retention_days).unwrap_or(90),
            support,
            policy,
            contacts,
            domains,
            time_zone,
            plan,
            reports,
        })
    }

    fn domains(&self, section: &Section<'_>) -> Vec<String> {
        let mut domains: Vec<String> = Vec::new();
        for word in section.texts("domains").unwrap_or_default() {
            let domain = domain_of(word.text).filter(|_| !word.text.contains('<'));
            let Some(domain) = domain else {
                let what = format!(
                    "`domains` of {}: `{}` is no e-mail domain; write it like \"acme.example\"",
                    section.what, word.text
                );
                self.report.mistake(word.place, what);
                continue;
            };
            if domains.contains(&domain) {
                let what = format!("`{domain}` stands twice in `domains` of {}; remove one", section.what);
                self.report.mistake(word.place, what);
                continue;
            }
            domains.push(domain);
        }
        domains
    }

    fn customer_contacts(&self, section: &Section<'_>) -> Vec<CustomerContact> {
        let tables = section.tables("contacts");
        if tables.len() > CONTACTS_MAX {
            let what =
                format!("{} has more than {CONTACTS_MAX} contacts; leave out those that are never told", section.what);
            self.report.mistake(&section.place.within("contacts"), what);
        }
        let mut contacts: Vec<CustomerContact> = Vec::new();
        for spot in tables {
            let Some(own) = Section::new(spot, format!("a contact of {}", section.what), self.report) else { continue };
            let contact = self.customer_contact(&own);
            own.finish();
            let Some(contact) = contact else { continue };
            if contacts.iter().any(|other| other.id == contact.id) {
                let what = format!("{} has two contacts `{}`; give one of them another id", section.what, contact.id);
                self.report.mistake(own.place, what);
                continue;
            }
            contacts.push(contact);
        }
        contacts
    }

    fn customer_contact(&self, section: &Section<'_>) -> Option<CustomerContact> {
        let id = self.short_name(section)?;
        let name = section.text("name").map_or(id, |name| name.text);
        let email = section.text("email").filter(|word| self.mailbox(section, *word));
        let phone = section.text("phone").and_then(|word| self.e164(word.text, word.place));
        let language = self.language(section);
        let (mut by_email, mut by_sms) = (false, false);
        for word in section.texts("tell").unwrap_or_default() {
            match choice(word, "tell", &[("email", "email"), ("sms", "sms")], self.report) {
                Some("email") => by_email = self.has_to_be_told(section, word, email.is_some(), "email"),
                Some(_) => by_sms = self.has_to_be_told(section, word, phone.is_some(), "phone"),
                None => {}
            }
        }
        let known = Severity::ALL.map(|severity| (severity.word(), severity));
        let severities = match section.texts("severities") {
            Some(words) => {
                words.into_iter().filter_map(|word| choice(word, "severities", &known, self.report)).collect()
            }
            None if by_email || by_sms => vec![Severity::Critical, Severity::Major, Severity::Minor],
            None => Vec::new(),
        };
        Some(CustomerContact {
            id: id.to_owned(),
            name: Private::from(name),
            email: email.map(|word| Private::from(word.text)),
            phone: phone.map(Private::new),
            language,
            by_email,
            by_sms,
            severities,
        })
    }

    fn has_to_be_told(&self, section: &Section<'_>, word: Word<'_>, there: bool, key: &str) -> bool {
        if !there {
            let what = format!("{} is to be told by {}, but has no `{key}`; add it", section.what, word.text);
            self.report.mistake(word.place, what);
        }
        there
    }

    fn mailbox(&self, section: &Section<'_>, word: Word<'_>) -> bool {
        let right = words::is_mailbox(word.text);
        if !right {
            let what = format!("`email` of {}: this is no mailbox; write it like \"lea@acme.example\"", section.what);
            self.report.mistake(word.place, what);
        }
        right
    }

    /// The `id` of something within a table.
    fn short_name<'s>(&self, section: &Section<'s>) -> Option<&'s str> {
        let word = section.need("id", "\"a-short-name\"")?;
        if words::is_name(word.text) {
            return Some(word.text);
        }
        let what = format!(
            "`id` of {}: `{}` can't be one; use letters, digits, `-`, `_` and `.` only",
            section.what, word.text
        );
        self.report.mistake(word.place, what);
        None
    }

    fn customer_reports(&self, section: &Section<'_>, contacts: &[CustomerContact]) -> Vec<CustomerReport> {
        let mut reports: Vec<CustomerReport> = Vec::new();
        for spot in section.tables("reports") {
            let Some(own) = Section::new(spot, format!("a report of {}", section.what), self.report) else { continue };
            let report = self.customer_report(&own, contacts);
            own.finish();
            let Some(report) = report else { continue };
            if reports.iter().any(|other| other.id == report.id) {
                let what = format!("{} has two reports `{}`; give one of them another id", section.what, report.id);
                self.report.mistake(own.place, what);
                continue;
            }
            reports.push(report);
        }
        reports
    }

    fn customer_report(&self, section: &Section<'_>, contacts: &[CustomerContact]) -> Option<CustomerReport> {
        let id = self.short_name(section);
        let every = section.need("every", "\"month\"").and_then(|word| {
            let known = Every::ALL.map(|every| (every.word(), every));
            choice(word, "every", &known, self.report)
        });
        let mut to: Vec<String> = Vec::new();
        if section.has("to", "[\"CONTACT\"]") {
            for word in section.texts("to").unwrap_or_default() {
                let contact = contacts.iter().find(|contact| contact.id == word.text);
                match contact {
                    Some(contact) if contact.email.is_some() => to.push(contact.id.clone()),
                    Some(_) => {
                        let what =
                            format!("contact `{}` in `to` of {} has no `email`; add it", word.text, section.what);
                        self.report.mistake(word.place, what);
                    }
                    None => {
                        let hint = super::report::hint(word.text, contacts.iter().map(|contact| contact.id.as_str()));
                        let what =
                            format!("`to` of {}: the customer has no contact `{}`; {hint}", section.what, word.text);
                        self.report.mistake(word.place, what);
                    }
                }
            }
        }
        let attach = section.flag("attach").unwrap_or(true);
        Some(CustomerReport { id: id?.to_owned(), every: every?, to, attach })
    }
}

/// A domain is one customer's.
pub(super) fn claimed_twice(customers: &BTreeMap<CustomerId, (Customer, Place)>, report: &Report) {
    let mut owners: BTreeMap<&str, (&CustomerId, &Place)> = BTreeMap::new();
    for (customer, place) in customers.values() {
        for domain in &customer.domains {
            if let Some((other, first)) = owners.insert(domain, (&customer.id, place)) {
                let what = format!(
                    "customers `{other}` ({first}) and `{}` ({place}) both claim the e-mail domain `{domain}`; leave it with one of them",
                    customer.id
                );
                report.mistake(&place.within("domains"), what);
            }
        }
    }
}
