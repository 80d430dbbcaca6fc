//! `[[users]]`, `[[phones]]`, `[[trunks]]`, `blocklist`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use hotline_core::directory::{Customer, Destination, Language, Phone, Trunk, User};
use hotline_core::dtmf::InBand;
use hotline_core::ids::{CustomerId, PhoneId, TrunkId, UserId};
use hotline_core::network::Network;
use hotline_core::oncall;
use hotline_core::private::Private;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::sip::{NumberSource, PhoneAccount, Transport, TrunkRegistration, TrunkSettings};

use super::names::{Kind, Names};
use super::report::{Report, Section, Word};
use super::server::{Environment, choice, codecs, read_secret};
use super::tree::Place;
use super::words;

/// Characters that a company's name may have.
const COMPANY_MAX: usize = 120;

/// What every reader of a section needs.
pub(super) struct Context<'a> {
    pub names: &'a Names,
    pub report: &'a Report,
    pub environment: &'a Environment,
    /// The folder that relative paths belong to.
    pub base: &'a Path,
    pub country_code: Option<&'a str>,
    /// Passwords of the demo's phones.
    pub demo_phones: &'a BTreeMap<PhoneId, Private<String>>,
}

impl Context<'_> {
    /// The table's name, if this table is the one that counts for it.
    pub fn id<'s>(&self, kind: Kind, section: &Section<'s>) -> Option<Word<'s>> {
        let example = match kind {
            Kind::Phone => "\"engineer-1\"",
            Kind::Number => "\"+493012345678\"",
            Kind::Customer
            | Kind::Sla
            | Kind::Service
            | Kind::Template
            | Kind::Team
            | Kind::User
            | Kind::Calendar
            | Kind::Schedule
            | Kind::Trunk
            | Kind::Policy
            | Kind::Channel
            | Kind::Source
            | Kind::Heartbeat
            | Kind::Maintenance
            | Kind::StatusPage
            | Kind::Action
            | Kind::Command => "\"a-short-name\"",
        };
        let id = section.need(kind.id_key(), example)?;
        self.names.is_the_one(kind, &id).then_some(id)
    }

    pub fn language(&self, section: &Section<'_>) -> Option<Language> {
        let word = section.text("language")?;
        if words::is_language(word.text) {
            return Some(Language(word.text.to_owned()));
        }
        let what =
            format!("`language` of {}: `{}` is no language tag; write \"en\", \"de\" …", section.what, word.text);
        self.report.mistake(word.place, what);
        None
    }

    /// `phone:ACCOUNT`, `number:+49…@TRUNK`, `sip:user@host`.
    pub fn destination(&self, word: Word<'_>) -> Option<Destination> {
        if let Some(account) = word.text.strip_prefix("phone:") {
            let known = self.names.check(Kind::Phone, Word { text: account, place: word.place }, self.report);
            return known.then(|| Destination::Phone(PhoneId::from(account)));
        }
        if let Some(number) = word.text.strip_prefix("number:") {
            return self.number(number, word.place);
        }
        if let Some(rest) = word.text.strip_prefix("sip:") {
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            if words::is_host_port(host.split(';').next().unwrap_or(host)) && !rest.contains([' ', '<', '>', '"']) {
                return Some(Destination::Sip(word.text.to_owned()));
            }
        }
        let what = format!(
            "`{}` is no place to call; write \"phone:ACCOUNT\", \"number:+491701234567@TRUNK\" or \"sip:user@host\"",
            word.text
        );
        self.report.mistake(word.place, what);
        None
    }

    fn number(&self, text: &str, place: &Place) -> Option<Destination> {
        let (number, trunk) = match text.rsplit_once('@') {
            Some((number, trunk)) => (number, Some(trunk)),
            None => (text, self.names.only(Kind::Trunk)),
        };
        let e164 = self.e164(number, place);
        let Some(trunk) = trunk else {
            let what = "this number names no trunk that carries it; write number:+49…@TRUNK and add the [[trunks]] if it is missing";
            self.report.mistake(place, what);
            return None;
        };
        let known = self.names.check(Kind::Trunk, Word { text: trunk, place }, self.report);
        let number = Private::new(e164?);
        known.then(|| Destination::Number { trunk: TrunkId::from(trunk), number })
    }

    pub fn e164(&self, text: &str, place: &Place) -> Option<String> {
        let number = words::e164(text, self.country_code);
        if number.is_none() {
            let what = "this telephone number can't be read; write it with its country code like +493012345678 (or set country_code in [server])";
            self.report.mistake(place, what);
        }
        number
    }

    /// A caller's number, a prefix of numbers ended by `*`, or the name of a SIP caller.
    pub fn caller(&self, word: Word<'_>) -> Option<Private<String>> {
        let (text, star) = word.text.strip_suffix('*').map_or((word.text, ""), |prefix| (prefix, "*"));
        if text.chars().any(|c| c.is_ascii_alphabetic()) && words::is_name(text) {
            return Some(Private::new(format!("{text}{star}")));
        }
        if star.is_empty() {
            return self.e164(text, word.place).map(Private::new);
        }
        // A prefix is short: fill it up to be read as a number, then cut it again.
        let fill = "55555555";
        let room = 15_usize.saturating_sub(text.len()).min(fill.len());
        let Some(whole) = words::e164(&format!("{text}{}", &fill[..room]), self.country_code) else {
            self.e164(text, word.place)?;
            return None;
        };
        Some(Private::new(format!("{}*", &whole[..whole.len() - room])))
    }

    /// `password`, `password_file`, or the environment, which wins.
    fn secret(&self, section: &Section<'_>, variable: &str) -> Option<Private<String>> {
        let (own, file) = (section.text("password"), section.file("password_file"));
        if let (Some(_), Some(file)) = (&own, &file) {
            self.report
                .mistake(file.place, format!("{} has `password` and `password_file`; keep one of them", section.what));
        }
        let variable = variable.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        if let Some(secret) = self.environment.get(&variable).filter(|secret| !secret.is_empty()) {
            return Some(Private::from(secret.as_str()));
        }
        match (own, file) {
            (Some(own), _) => Some(Private::from(own.text)),
            (None, Some(file)) => read_secret(&self.base.join(file.text), file.place, self.report),
            (None, None) => None,
        }
    }

    /// What a person types on the telephone to be known: longer than a customer's, it opens more.
    fn person_pin(&self, section: &Section<'_>) -> Option<Private<String>> {
        let pin = section.text("pin")?;
        if !pin.text.bytes().all(|b| b.is_ascii_digit()) || !(6..=12).contains(&pin.text.len()) {
            let what =
                format!("`pin` of {} must be 6 to 12 digits in quotes, such as \"280465\"; change it", section.what);
            self.report.mistake(pin.place, what);
            return None;
        }
        Some(Private::from(pin.text))
    }

    pub fn user(&self, section: &Section<'_>) -> Option<User> {
        let id = self.id(Kind::User, section);
        let name = section.text("name");
        let language = self.language(section).unwrap_or_default();
        let words = section.texts("phones").unwrap_or_default();
        let mut phones: Vec<Destination> = Vec::new();
        for word in &words {
            let Some(phone) = self.destination(*word) else { continue };
            if phones.contains(&phone) {
                self.report
                    .mistake(word.place, format!("this phone of {} is in its list twice; remove one", section.what));
            }
            phones.push(phone);
        }
        let contacts = self.contacts(section, &phones);
        let rules = self.rules(section, &contacts);
        let time_zone = if section.spot("time_zone").is_some() { self.zone(section) } else { None };
        let mut absences = self.absences(section, time_zone.as_ref());
        absences.extend(self.ical_absences(section, time_zone.as_ref().unwrap_or(&TimeZone::UTC)));
        let (skills, languages) = (Self::skills(section), self.languages(section));
        let pin = self.person_pin(section);
        let id = id?;
        if words.is_empty() && contacts.is_empty() {
            self.report.warn(
                section.place,
                format!("{} has no phones and can't be called; add phones = [\"phone:…\"]", section.what),
            );
        }
        Some(User {
            id: UserId::from(id.text),
            name: name.map_or(id.text, |name| name.text).to_owned(),
            language,
            phones,
            contacts,
            rules,
            skills,
            languages,
            absences,
            time_zone,
            pin,
        })
    }

    pub fn phone(&self, section: &Section<'_>) -> Option<(Phone, PhoneAccount)> {
        let id = self.id(Kind::Phone, section);
        let user = section.text("user").filter(|user| self.names.check(Kind::User, *user, self.report));
        let account = section.text("account")?.text;
        let password = self
            .secret(section, &format!("HOTLINE_PHONE_{account}_PASSWORD"))
            .or_else(|| self.demo_phones.get(&PhoneId::from(account)).cloned());
        let inband_digits = self.inband_digits(section);
        let codecs = codecs(section, self.report);
        let id = id?;
        let Some(password) = password else {
            let what = format!(
                "{} has no password; add `password_file` (or `password`), or set HOTLINE_PHONE_{}_PASSWORD",
                section.what,
                shout(account)
            );
            self.report.mistake(section.place, what);
            return None;
        };
        if password.reveal().len() < 8 {
            self.report.warn(
                section.place,
                format!("the password of {} is shorter than 8 characters; scanners guess such ones", section.what),
            );
        }
        let user = user.map(|user| UserId::from(user.text));
        let phone = Phone { id: PhoneId::from(id.text), user, inband_digits, codecs };
        Some((phone, PhoneAccount { password }))
    }

    /// Local time of the schedule's zone, or a moment with its offset.
    pub fn moment(&self, section: &Section<'_>, key: &'static str, zone: Option<&TimeZone>) -> Option<Timestamp> {
        let word = section.need(key, "\"2026-12-24T18:00\"")?;
        if let Some(local) = words::local(word.text) {
            return oncall::first_instant(local, zone?);
        }
        let moment = words::moment(word.text);
        if moment.is_none() {
            let what = format!(
                "`{key}` of {}: `{}` is no time; write it like \"2026-12-24T18:00\" (local) or \"2026-12-24T18:00+01:00\"",
                section.what, word.text
            );
            self.report.mistake(word.place, what);
        }
        moment
    }

    /// The `time_zone` of a schedule or an `hours` node.
    pub fn zone(&self, section: &Section<'_>) -> Option<TimeZone> {
        let word = section.need("time_zone", "\"Europe/Berlin\"")?;
        self.zone_of(word, &section.what)
    }

    /// An IANA zone by its name.
    pub fn zone_of(&self, word: Word<'_>, what: &str) -> Option<TimeZone> {
        let zone = TimeZone::get(word.text).ok();
        if zone.is_none() {
            let names: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
            let near = super::report::closest(word.text, names.iter().map(String::as_str));
            let hint = near.map_or_else(
                || "write an IANA name such as \"Europe/Berlin\"".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            self.report.mistake(word.place, format!("`time_zone` of {what}: there is no zone `{}`; {hint}", word.text));
        }
        zone
    }

    pub fn trunk(&self, section: &Section<'_>) -> Option<(Trunk, TrunkSettings)> {
        let id = self.id(Kind::Trunk, section);
        let name = section.text("name");
        let server = section.need("server", "\"sip.carrier.example\"").filter(|word| {
            let right = words::is_host_port(word.text);
            if !right {
                let what = format!(
                    "`server` of {}: `{}` is no host; write a name or address with or without port, without `sip:`",
                    section.what, word.text
                );
                self.report.mistake(word.place, what);
            }
            right
        });
        let transports = [("udp", Transport::Udp), ("tcp", Transport::Tcp)];
        let transport = section.text("transport").and_then(|word| choice(word, "transport", &transports, self.report));
        let registration = self.registration(section);
        let addresses = section.texts("addresses").unwrap_or_default();
        for word in addresses.iter().filter(|word| Network::parse(word.text).is_none()) {
            let what = format!(
                "`addresses` of {}: `{}` is no address; write an IP address or a network such as 192.0.2.0/24",
                section.what, word.text
            );
            self.report.mistake(word.place, what);
        }
        let sources = [
            ("request-uri", NumberSource::RequestUri),
            ("to", NumberSource::To),
            ("p-called-party-id", NumberSource::PCalledPartyId),
            ("diversion", NumberSource::Diversion),
        ];
        let number_sources = section.texts("number_sources").map_or_else(
            || vec![NumberSource::RequestUri, NumberSource::To],
            |words| {
                words.into_iter().filter_map(|word| choice(word, "number_sources", &sources, self.report)).collect()
            },
        );
        let trusted = section.flag("trusted").unwrap_or(false);
        let caller_id = section.text("caller_id").and_then(|word| self.e164(word.text, word.place)).map(Private::new);
        let inband_digits = self.inband_digits(section);
        let codecs = codecs(section, self.report);
        let (id, server) = (id?, server?);
        let addresses = addresses.into_iter().map(|word| word.text.to_owned()).collect();
        let callback_prefixes = self.callback_prefixes(section);
        let trunk = Trunk {
            callback_prefixes,
            id: TrunkId::from(id.text),
            name: name.map_or(id.text, |name| name.text).to_owned(),
            caller_id: caller_id.clone(),
            trusted,
            inband_digits,
            codecs,
        };
        let server = server.text.to_owned();
        let transport = transport.unwrap_or(Transport::Udp);
        Some((trunk, TrunkSettings { server, transport, registration, addresses, number_sources, trusted, caller_id }))
    }

    /// Whether the sound of a trunk's or phone's calls is listened to for keys.
    fn inband_digits(&self, section: &Section<'_>) -> InBand {
        let words = InBand::ALL.map(|way| (way.word(), way));
        let word = section.text("inband_digits");
        word.and_then(|word| choice(word, "inband_digits", &words, self.report)).unwrap_or_default()
    }

    /// Beginnings of numbers (`+49`) that engineers may ring callers back at.
    fn callback_prefixes(&self, section: &Section<'_>) -> Vec<String> {
        let words = section.texts("callback_prefixes").unwrap_or_default();
        let fits = |word: &Word<'_>| {
            let digits = word.text.strip_prefix('+').unwrap_or_default();
            let good = (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            if !good {
                let what = format!(
                    "`callback_prefixes` of {}: `{}` is no beginning of a number; write such as \"+49\"",
                    section.what, word.text
                );
                self.report.mistake(word.place, what);
            }
            good
        };
        words.into_iter().filter(fits).map(|word| word.text.to_owned()).collect()
    }

    fn registration(&self, section: &Section<'_>) -> Option<TrunkRegistration> {
        let user = section.text("user");
        let trunk = section.text("id").map_or("", |id| id.text);
        let password = self.secret(section, &format!("HOTLINE_TRUNK_{trunk}_PASSWORD"));
        let expires = section.duration("expires", &(Duration::from_mins(1)..=Duration::from_hours(24)));
        let Some(user) = user else {
            if section.text("password").is_some() || section.text("password_file").is_some() {
                self.report
                    .mistake(section.place, format!("{} has a password but no `user`; add user = \"…\"", section.what));
            }
            return None;
        };
        let Some(password) = password else {
            let what = format!(
                "{} registers as a user but has no password; add `password_file` (or `password`), or set HOTLINE_TRUNK_{}_PASSWORD",
                section.what,
                shout(trunk)
            );
            self.report.mistake(section.place, what);
            return None;
        };
        Some(TrunkRegistration {
            user: user.text.to_owned(),
            password,
            expires: expires.unwrap_or(Duration::from_mins(10)),
        })
    }

    /// The top-level `company`.
    pub fn company(&self, roots: &[Section<'_>]) -> Option<String> {
        let all: Vec<_> = roots.iter().filter_map(|root| self.line(root, "company", COMPANY_MAX)).collect();
        all.into_iter().next()
    }

    /// The top-level `blocklist`.
    pub fn blocklist(&self, root: &Section<'_>) -> Vec<Private<String>> {
        let words = root.texts("blocklist").unwrap_or_default();
        words.into_iter().filter_map(|word| self.caller(word)).collect()
    }
}

/// The middle of a variable's name.
fn shout(name: &str) -> String {
    name.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

/// Two customers who could not be told apart, and people who share a phone.
pub(super) fn doubles(
    customers: &BTreeMap<CustomerId, (Customer, Place)>,
    users: &BTreeMap<UserId, (User, Place)>,
    report: &Report,
) {
    let mut pins: BTreeMap<&Private<String>, &CustomerId> = BTreeMap::new();
    let mut callers: BTreeMap<&Private<String>, &CustomerId> = BTreeMap::new();
    for (customer, place) in customers.values() {
        if let Some(pin) = &customer.pin
            && let Some(other) = pins.insert(pin, &customer.id)
        {
            report.mistake(
                place,
                format!("customers `{}` and `{other}` have the same PIN; give one of them another", customer.id),
            );
        }
        for caller in &customer.caller_ids {
            if let Some(other) = callers.insert(caller, &customer.id) {
                let what = format!(
                    "customers `{}` and `{other}` have the same caller id ({caller:?}); leave it with one of them",
                    customer.id
                );
                report.mistake(place, what);
            }
        }
    }
    let mut owners: Vec<(&Destination, &UserId)> = Vec::new();
    let mut engineers: BTreeMap<&Private<String>, &UserId> = BTreeMap::new();
    for (user, place) in users.values() {
        // Not a mistake: nobody must be missing in the directory over it.
        if let Some(pin) = &user.pin
            && let Some(other) = engineers.insert(pin, &user.id)
        {
            let what = format!(
                "users `{}` and `{other}` have the same PIN, so neither is known by it; give one of them another",
                user.id
            );
            report.warn(place, what);
        }
        for phone in &user.phones {
            if let Some((_, other)) = owners.iter().find(|(known, owner)| *known == phone && **owner != user.id) {
                let what = format!(
                    "users `{}` and `{other}` have the same phone; who answers can't be told then. Leave it with one of them",
                    user.id
                );
                report.mistake(place, what);
            }
            owners.push((phone, &user.id));
        }
    }
}
