//! Where alerts come from, when they are quiet, what they may start: `[[alert_sources]]`, `[[heartbeats]]`,
//! `[[maintenance_windows]]`, `[[actions]]`, `[[commands]]`, `[limits]`.

use std::collections::BTreeMap;
use std::time::Duration;

use hotline_core::directory::{Action, ActionDeed, ActionRule, AlertSource, Heartbeat, MaintenanceWindow};
use hotline_core::fact::Priority;
use hotline_core::ids::{ActionId, CustomerId, HeartbeatId, ServiceId, SourceId};
use hotline_core::notify::Limits;
use hotline_core::private::Private;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::names::Kind;
use super::people::Context;
use super::report::{Report, Section, Word};
use super::server::read_secret;
use super::tree::Value;
use super::words;

/// The fields of an event that a mapping may fill.
const FIELDS: [&str; 10] =
    ["title", "details", "action", "dedup_key", "group_key", "priority", "service", "customer", "began_at", "link"];
/// Shortest key in the file: whoever guesses it can send alerts.
const KEY_MIN: usize = 16;

/// Programs of the allow-list, by name.
pub(super) type Commands = BTreeMap<String, Vec<String>>;

impl Context<'_> {
    /// `key`, `key_file` (file), or `key_sha256` (what the API keeps of a key that it made).
    fn key(&self, section: &Section<'_>) -> Option<[u8; 32]> {
        let (own, file, hash) = (section.text("key"), section.file("key_file"), section.text("key_sha256"));
        if let Some(hash) = hash {
            let bytes = hex::decode(hash.text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            if bytes.is_none() {
                self.report.mistake(hash.place, "`key_sha256` must be the 64 hex digits of the key's SHA-256; mend it");
            }
            return bytes;
        }
        let (key, place) = match (own, file) {
            (Some(own), Some(_)) => {
                self.report.mistake(own.place, format!("{} has `key` and `key_file`; keep one of them", section.what));
                return None;
            }
            (Some(own), None) => (Private::from(own.text), own.place),
            (None, Some(file)) => (read_secret(&self.base.join(file.text), file.place, self.report)?, file.place),
            (None, None) => {
                let what = format!(
                    "{} has no `key`; add `key_file` (or `key`) with a secret from `openssl rand -hex 24`",
                    section.what
                );
                self.report.mistake(&section.place.within("key"), what);
                return None;
            }
        };
        let key = key.reveal();
        if key.len() < KEY_MIN || !key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            let what = format!(
                "the key of {} must have at least {KEY_MIN} letters and digits; take one from `openssl rand -hex 24`",
                section.what
            );
            self.report.mistake(place, what);
            return None;
        }
        Some(Sha256::digest(key.as_bytes()).into())
    }

    /// One `[[alert_sources]]`.
    pub fn source(&self, section: &Section<'_>) -> Option<AlertSource> {
        let id = self.id(Kind::Source, section);
        if id.as_ref().is_some_and(|id| hotline_core::drill::is_drill(Some(id.text))) {
            let what = "`drill` is the name of the hotline's own exercises, which nobody counts; take another";
            self.report.mistake(section.place, what);
        }
        let name = section.text("name");
        let key = self.key(section);
        let mut secrets: Vec<Private<String>> =
            section.texts("secrets").unwrap_or_default().into_iter().map(|word| Private::from(word.text)).collect();
        if let Some(file) = section.file("secret_file") {
            secrets.extend(read_secret(&self.base.join(file.text), file.place, self.report));
        }
        let (customer, service) = (self.customer_named(section), self.service_named(section));
        let policy = self.policy_named(section);
        let priority = self.priority(section, "priority");
        let mapping = self.mapping(section);
        let group_window = section.duration("group_window", &(Duration::from_secs(1)..=Duration::from_hours(24 * 7)));
        let id = id?;
        Some(AlertSource {
            id: SourceId::from(id.text),
            name: name.map_or(id.text, |name| name.text).to_owned(),
            key_sha256: key?,
            secrets,
            customer,
            service,
            policy,
            priority,
            mapping,
            group_window,
        })
    }

    /// `mapping = { title = "{{ labels.instance }} is down" }`; templates are compiled, so that a slip is told here.
    fn mapping(&self, section: &Section<'_>) -> Vec<(String, String)> {
        let Some(spot) = section.spot("mapping") else { return Vec::new() };
        let Some(table) = Section::new(spot, format!("`mapping` of {}", section.what), self.report) else {
            return Vec::new();
        };
        let mut mapping = Vec::new();
        for (field, spot) in table.entries() {
            if !FIELDS.contains(&field.as_str()) {
                let hint = super::report::hint(field, FIELDS);
                self.report.mistake(&spot.place, format!("{} knows no field `{field}`; {hint}", table.what));
                continue;
            }
            let Value::Text(template) = &spot.value else {
                let what = format!("`{field}` of {} must be a text such as \"{{{{ labels.job }}}}\"", table.what);
                self.report.mistake(&spot.place, what);
                continue;
            };
            if let Err(error) = minijinja::Environment::new().template_from_str(template) {
                let what = format!("`{field}` of {}: the template can't be read: {error}; mend it", table.what);
                self.report.mistake(&spot.place, what);
                continue;
            }
            mapping.push((field.clone(), template.clone()));
        }
        mapping
    }

    /// One `[[heartbeats]]`.
    pub fn heartbeat(&self, section: &Section<'_>) -> Option<Heartbeat> {
        let id = self.id(Kind::Heartbeat, section);
        let name = section.text("name");
        let key = self.key(section);
        section.has("every", "\"5m\"");
        let every = section.duration("every", &(Duration::from_secs(25)..=Duration::from_hours(24 * 31)));
        let (customer, service) = (self.customer_named(section), self.service_named(section));
        let policy = self.policy_named(section);
        let priority = self.priority(section, "priority").unwrap_or(Priority::P3);
        let id = id?;
        Some(Heartbeat {
            id: HeartbeatId::from(id.text),
            name: name.map_or(id.text, |name| name.text).to_owned(),
            key_sha256: key?,
            every: every?,
            customer,
            service,
            policy,
            priority,
        })
    }

    /// One `[[maintenance_windows]]`.
    pub fn maintenance(&self, section: &Section<'_>) -> Option<MaintenanceWindow> {
        let id = self.id(Kind::Maintenance, section);
        let name = section.text("name");
        let zone = if section.spot("time_zone").is_some() { self.zone(section) } else { None };
        let span = self.span(section, zone.as_ref().unwrap_or(&TimeZone::UTC));
        let customers: Vec<CustomerId> =
            self.list(section, "customers", Kind::Customer).into_iter().map(CustomerId::from).collect();
        let services: Vec<ServiceId> =
            self.list(section, "services", Kind::Service).into_iter().map(ServiceId::from).collect();
        if customers.is_empty() && services.is_empty() {
            let what = format!("{} is about nothing; add customers = […] or services = […]", section.what);
            self.report.mistake(&section.place.within("customers"), what);
        }
        let (id, (from, to)) = (id?, span?);
        Some(MaintenanceWindow {
            id: id.text.to_owned(),
            name: name.map_or(id.text, |name| name.text).to_owned(),
            from,
            to,
            customers,
            services,
        })
    }

    /// One `[[commands]]`: a program that actions may start. Only the operator of the machine writes these.
    pub fn command(&self, section: &Section<'_>) -> Option<(String, Vec<String>)> {
        let id = self.id(Kind::Command, section);
        if section.place.is_document() {
            self.report.mistake(section.place, "programs can only be allowed in hotline.toml ([[commands]])");
            return None;
        }
        section.has("program", "[\"/usr/bin/systemctl\", \"restart\", \"mail\"]");
        let program: Vec<String> =
            section.texts("program").unwrap_or_default().into_iter().map(|word| word.text.to_owned()).collect();
        if !program.first().is_some_and(|first| first.starts_with('/')) {
            let what = format!("`program` of {} must begin with the program's whole path; write it", section.what);
            self.report.mistake(section.place, what);
            return None;
        }
        Some((id?.text.to_owned(), program))
    }

    /// One `[[actions]]`.
    pub fn action(&self, section: &Section<'_>, commands: &Commands) -> Option<Action> {
        let id = self.id(Kind::Action, section);
        let name = section.text("name");
        let (webhook, command) = (section.text("webhook"), section.text("command"));
        let timeout = section.duration("timeout", &(Duration::from_secs(1)..=Duration::from_hours(1)));
        let retries = section.whole("retries", &(0..=10)).unwrap_or(0);
        let on = section.spot("on").and_then(|spot| {
            let own = Section::new(spot, format!("`on` of {}", section.what), self.report)?;
            let rule = ActionRule {
                customer: self.customer_named(&own),
                service: self.service_named(&own),
                source: self.named(&own, "source", Kind::Source).map(SourceId::from),
                title_contains: own.text("title_contains").map(|word| word.text.to_owned()),
                priority: self.priority(&own, "priority"),
            };
            own.finish();
            Some(rule)
        });
        let deed = match (webhook, command) {
            (Some(url), None) => self.url(url, section).map(ActionDeed::Webhook),
            (None, Some(word)) => {
                let known = self.names.check(Kind::Command, word, self.report);
                commands.get(word.text).filter(|_| known).cloned().map(ActionDeed::Command)
            }
            (None, None) | (Some(_), Some(_)) => {
                let what = format!(
                    "{} must have either `webhook` (a URL) or `command` (the name of one of [[commands]]); write one of them",
                    section.what
                );
                self.report.mistake(section.place, what);
                None
            }
        };
        let id = id?;
        Some(Action {
            id: ActionId::from(id.text),
            name: name.map_or(id.text, |name| name.text).to_owned(),
            deed: deed?,
            timeout: timeout.unwrap_or(Duration::from_secs(30)),
            retries: u32::try_from(retries).unwrap_or(0),
            on,
        })
    }

    fn url(&self, word: Word<'_>, section: &Section<'_>) -> Option<Private<String>> {
        if words::is_url(word.text, true) {
            return Some(Private::from(word.text));
        }
        let what = format!("`webhook` of {} is no URL; write https://HOST/PATH", section.what);
        self.report.mistake(word.place, what);
        None
    }
}

/// `[limits]`: rows such as `"3 in 15m"`.
pub(super) fn limits(section: &Section<'_>, report: &Report) -> Limits {
    let usual = Limits::default();
    let rows = |key: &'static str, usual: Vec<(u32, Duration)>| {
        let Some(words) = section.texts(key) else { return usual };
        let row = |word: &Word<'_>| {
            let (count, window) = word.text.split_once(" in ")?;
            let window = words::duration(window).filter(|window| *window >= Duration::from_secs(1))?;
            Some((count.trim().parse().ok().filter(|count| *count > 0)?, window))
        };
        let read = |word: Word<'_>| {
            let row = row(&word);
            if row.is_none() {
                let what = format!("`{key}` of {}: `{}` can't be read; write \"3 in 15m\"", section.what, word.text);
                report.mistake(word.place, what);
            }
            row
        };
        words.into_iter().filter_map(read).collect()
    };
    Limits {
        call: rows("call", usual.call),
        sms: rows("sms", usual.sms),
        other: rows("other", usual.other),
        bundle_from: section
            .whole("bundle_from", &(2..=1_000))
            .map_or(usual.bundle_from, |from| u32::try_from(from).unwrap_or(usual.bundle_from)),
    }
}
