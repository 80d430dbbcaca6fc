//! From a JSON value to an event: by field names, or by the source's templates. Never fails: what can't be understood is told
//! in the event's details and opens an alert all the same.

use std::fmt::Write as _;

use hotline_core::alert::intake::{Action, Event, dedup_key};
use hotline_core::directory::{AlertSource, Directory};
use hotline_core::ids::{CustomerId, ServiceId};
use hotline_core::private::Private;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::mapping::Mapped;
use super::words;

/// Characters of a title at most.
const TITLE_MAX: usize = 300;
/// Characters of the details at most.
const DETAILS_MAX: usize = 8_000;
/// Characters that warnings may take of the details.
const WARNINGS_MAX: usize = 2_000;

/// The names under which tools send a field, the first found counts.
const NAMES: [(&str, &[&str]); 10] = [
    ("title", &["title", "summary", "message"]),
    ("details", &["details", "description", "body"]),
    ("action", &["event_action", "action", "status"]),
    ("dedup_key", &["dedup_key", "key"]),
    ("priority", &["priority", "severity"]),
    ("customer", &["customer"]),
    ("service", &["service"]),
    ("group_key", &["group_key"]),
    ("link", &["link"]),
    ("began_at", &["began_at"]),
];

/// An event and what was odd about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Understood {
    /// The event; a trigger has a key in any case.
    pub event: Event,
    /// One sentence each, without private data beyond the payload's own names. They stand in the details, too.
    pub warnings: Vec<String>,
    /// It can do nothing: an acknowledge or resolve without a key.
    pub pointless: bool,
}

/// What is known beside the value itself.
pub struct Around<'a> {
    /// The tool's door.
    pub source: &'a AlertSource,
    /// Customers and services by name.
    pub directory: &'a Directory,
    /// What the source's templates made of it.
    pub mapped: Option<Mapped>,
    /// Bytes of the body were no UTF-8.
    pub mended: bool,
    /// The delivery's own id and the place in it: makes the same key when it is delivered again.
    pub delivery: Option<(&'a str, usize)>,
}

/// Understands one value.
pub fn understand(value: &Value, around: Around<'_>) -> Understood {
    let Around { source, directory, mapped, mended, delivery } = around;
    let mapped = mapped.unwrap_or_default();
    let mut warnings = mapped.failed.clone();
    if mended {
        warnings.push("The body was not UTF-8; unreadable letters are shown as �.".to_owned());
    }
    let field = |name: &str| match mapped.fields.get(name).map(|text| words::clean(text).trim().to_owned()) {
        // A title must be: the usual fields where the template gave none.
        Some(text) if !text.is_empty() || name != "title" => Some(text).filter(|text| !text.is_empty()),
        Some(_) | None => plain(value, name),
    };
    let action = field("action").map_or(Action::Trigger, |text| {
        words::action(&text).unwrap_or_else(|| {
            warnings.push(format!("The action `{}` is not known; it was taken for a trigger.", shown(&text)));
            Action::Trigger
        })
    });
    let priority = field("priority").and_then(|text| {
        words::priority(&text).or_else(|| {
            warnings.push(format!(
                "The priority `{}` is not known (P1 to P5, 1 to 5, critical, error, warning, info).",
                shown(&text)
            ));
            None
        })
    });
    let began_at = field("began_at").and_then(|text| {
        words::moment(&text).or_else(|| {
            warnings.push(format!("began_at `{}` is no moment (RFC 3339, or seconds since 1970).", shown(&text)));
            None
        })
    });
    let link = field("link").and_then(|text| {
        words::link(&text).or_else(|| {
            warnings.push("The link is no http or https address and was left out.".to_owned());
            None
        })
    });
    let customer = field("customer").and_then(|text| customer(&text, directory, &mut warnings));
    let service = field("service").and_then(|text| {
        service(&text, customer.as_ref().or(source.customer.as_ref()), customer.is_some(), directory, &mut warnings)
    });
    let key = field("dedup_key").as_deref().and_then(dedup_key);
    let titled =
        field("title").or_else(|| value.as_str().and_then(|text| words::text(&Value::String(text.to_owned()))));
    let dedup_key = match (action, key) {
        (_, Some(key)) => Some(key),
        (Action::Trigger, None) => Some(made_key(source, value, titled.is_some(), delivery)),
        (Action::Acknowledge | Action::Resolve, None) => {
            warnings.push("It has no dedup_key, so no alert can be found by it.".to_owned());
            None
        }
    };
    let (title, long) = match &titled {
        Some(text) => {
            let (title, cut) = words::one_line(text, TITLE_MAX);
            (title, cut.then(|| text.clone()))
        }
        None if action == Action::Trigger => {
            warnings.push(
                "The event has no title (title, summary or message); its fields are shown as they came.".to_owned(),
            );
            (words::one_line(&format!("{}: event without a title", source.name), TITLE_MAX).0, None)
        }
        None => (words::one_line(dedup_key.as_deref().unwrap_or(&source.name), TITLE_MAX).0, None),
    };
    let body = [long, field("details").or_else(|| rest(value, titled.is_some()))]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n\n");
    let event = Event {
        action,
        title,
        details: details(&body, &warnings),
        dedup_key: dedup_key.clone(),
        group_key: field("group_key").map(|text| words::one_line(&text, 255).0),
        priority,
        customer,
        service,
        began_at,
        link,
    };
    Understood { pointless: dedup_key.is_none(), event, warnings }
}

/// The value under one of the usual names.
fn plain(value: &Value, field: &str) -> Option<String> {
    let fields = value.as_object()?;
    let (_, names) = NAMES.iter().find(|(name, _)| *name == field)?;
    names.iter().find_map(|name| words::text(fields.get(*name)?))
}

/// What a warning may show of a word.
fn shown(text: &str) -> String {
    words::one_line(text, 60).0
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn customer(text: &str, directory: &Directory, warnings: &mut Vec<String>) -> Option<CustomerId> {
    let found = directory.customers.values().find(|customer| same(&customer.id.0, text) || same(&customer.name, text));
    if found.is_none() {
        warnings.push(format!("The customer `{}` is not configured.", shown(text)));
    }
    found.map(|customer| customer.id.clone())
}

/// By id, else by name; of this customer rather than of all. `said`: the event itself names the customer.
fn service(
    text: &str,
    customer: Option<&CustomerId>,
    said: bool,
    directory: &Directory,
    warnings: &mut Vec<String>,
) -> Option<ServiceId> {
    let mut named: Vec<_> =
        directory.services.values().filter(|service| same(&service.id.0, text) || same(&service.name, text)).collect();
    named.sort_by_key(|service| {
        (service.customer.as_ref() != customer, service.customer.is_some(), !same(&service.id.0, text))
    });
    let Some(found) = named.first() else {
        warnings.push(format!("The service `{}` is not configured.", shown(text)));
        return None;
    };
    if said && found.customer.is_some() && found.customer.as_ref() != customer {
        warnings.push(format!("The service `{}` is another customer's and was left out.", shown(text)));
        return None;
    }
    Some(found.id.clone())
}

/// Fields that nothing above has a place for, one a line; all of the value where nothing was understood.
fn rest(value: &Value, titled: bool) -> Option<String> {
    let Some(fields) = value.as_object().filter(|_| titled) else {
        let whole = serde_json::to_string_pretty(value).ok()?;
        return (!value.is_null() && !titled).then(|| words::clean(&whole));
    };
    let known = |name: &str| NAMES.iter().any(|(_, names)| names.contains(&name));
    let mut lines = String::new();
    for (name, value) in fields.iter().filter(|(name, _)| !known(name)) {
        if let Some(text) = words::text(value) {
            let _ = writeln!(lines, "{}: {text}", words::clean(name));
        }
    }
    let lines = lines.trim_end();
    (!lines.is_empty()).then(|| lines.to_owned())
}

/// A key for an event that has none (PagerDuty's rule): told in the answer. The same delivery makes the same key; what has no title
/// makes its key of its content, so that a tool set up wrongly does not open an alert a minute.
fn made_key(source: &AlertSource, value: &Value, titled: bool, delivery: Option<(&str, usize)>) -> String {
    let mut hash = Sha256::new();
    hash.update(source.id.0.as_bytes());
    match delivery {
        Some((delivery, place)) => hash.update(format!("\0{delivery}\0{place}")),
        None if !titled => hash.update(value.to_string()),
        None => hash.update(rand::random::<[u8; 16]>()),
    }
    hex::encode(&hash.finalize()[..16])
}

fn details(body: &str, warnings: &[String]) -> Option<Private<String>> {
    if warnings.is_empty() {
        return (!body.is_empty()).then(|| Private::new(words::cut(body, DETAILS_MAX)));
    }
    let told = warnings.iter().fold(String::new(), |told, warning| format!("{told}\n! {warning}"));
    let told = words::cut(told.trim_start(), WARNINGS_MAX);
    let room = DETAILS_MAX - told.chars().count() - 2;
    let text = if body.is_empty() { told } else { format!("{}\n\n{told}", words::cut(body, room)) };
    Some(Private::new(text))
}

#[cfg(test)]
mod tests {
    use hotline_core::fact::Priority;
    use serde_json::json;

    use super::*;
    use crate::intake::tests::{directory, source};

    fn of(value: &Value) -> Understood {
        let (source, directory) = (source("mon", "k"), directory());
        understand(
            value,
            Around { source: &source, directory: &directory, mapped: None, mended: false, delivery: None },
        )
    }

    fn told(value: &Value) -> String {
        of(value).event.details.map(Private::into_inner).unwrap_or_default()
    }

    #[test]
    fn the_usual_names_are_known() {
        let event = of(&json!({
            "summary": " Disk \n full ", "description": "96 %", "severity": "warning", "status": "firing", "key": " Disk-1 ",
            "customer": "ACME LOGISTICS", "service": "mail", "group_key": "dc-1", "link": "https://mon.example/1",
            "began_at": 1_774_747_800, "host": "db-1"
        }))
        .event;
        assert_eq!((event.title.as_str(), event.action), ("Disk full", Action::Trigger));
        assert_eq!((event.priority, event.dedup_key.as_deref()), (Some(Priority::P3), Some("disk-1")));
        assert_eq!((event.customer, event.service), (Some("acme".into()), Some("mail".into())));
        assert_eq!(event.details.unwrap().reveal(), "96 %");
        assert_eq!((event.group_key.as_deref(), event.link.as_deref()), (Some("dc-1"), Some("https://mon.example/1")));
        assert_eq!(event.began_at.unwrap().as_second(), 1_774_747_800);
    }

    #[test]
    fn what_has_no_place_stands_in_the_details() {
        assert_eq!(
            told(&json!({"title": "x", "host": "db-1", "tags": ["a", 1], "empty": null})),
            "host: db-1\ntags: [\"a\",1]"
        );
        assert_eq!(of(&json!({"title": "x"})).event.details, None);
    }

    #[test]
    fn nothing_is_lost_for_being_odd() {
        let odd = of(&json!({"foo": {"bar": 1}}));
        assert_eq!(odd.event.title, "Source mon: event without a title");
        assert!(odd.event.details.as_ref().unwrap().reveal().contains("\"bar\": 1"), "{odd:?}");
        assert_eq!(
            odd.event.dedup_key,
            of(&json!({"foo": {"bar": 1}})).event.dedup_key,
            "the same content, the same key"
        );
        assert_ne!(odd.event.dedup_key, of(&json!({"foo": {"bar": 2}})).event.dedup_key);
        for value in
            [json!(null), json!(42), json!([1]), json!({}), json!({"title": {"a": 1}}), json!({"title": "\u{0}"})]
        {
            let understood = of(&value);
            assert!(!understood.event.title.is_empty() && understood.event.dedup_key.is_some(), "{value}");
        }
        assert_eq!(of(&json!("the mail server is down")).event.title, "the mail server is down");
    }

    #[test]
    fn unknown_names_and_words_are_warnings() {
        let told = told(&json!({
            "title": "x", "customer": "nobody", "service": "nothing", "priority": "very", "status": "odd", "link": "ftp://x", "began_at": "soon"
        }));
        for word in [
            "customer `nobody`",
            "service `nothing`",
            "priority `very`",
            "action `odd`",
            "link is no http",
            "began_at `soon`",
        ] {
            assert!(told.contains(word), "{word} in {told}");
        }
    }

    #[test]
    fn a_service_is_the_customers_own() {
        assert_eq!(
            of(&json!({"title": "x", "customer": "acme", "service": "Backup"})).event.service,
            Some("backup-acme".into())
        );
        assert_eq!(
            of(&json!({"title": "x", "customer": "beta", "service": "backup"})).event.service,
            Some("backup-beta".into())
        );
        let other = of(&json!({"title": "x", "customer": "beta", "service": "mail"}));
        assert!(other.event.service.is_none() && other.warnings[0].contains("another customer's"), "{other:?}");
    }

    #[test]
    fn long_texts_are_kept_and_cut() {
        let long = of(&json!({"title": "word ".repeat(100), "details": "y".repeat(9_000), "priority": "odd"})).event;
        assert_eq!(long.title.chars().count(), TITLE_MAX);
        let details = long.details.unwrap().into_inner();
        assert_eq!(details.chars().count(), DETAILS_MAX);
        assert!(details.starts_with("word word") && details.contains("! The priority `odd`"));
        let key = of(&json!({"title": "x", "dedup_key": "K".repeat(400)})).event.dedup_key.unwrap();
        assert_eq!(key, "k".repeat(255));
    }

    #[test]
    fn a_resolve_needs_a_key_and_no_title() {
        let fine = of(&json!({"event_action": "resolve", "dedup_key": "d-1"}));
        assert!(!fine.pointless && fine.warnings.is_empty() && fine.event.title == "d-1", "{fine:?}");
        assert!(of(&json!({"event_action": "resolve"})).pointless);
    }

    #[test]
    fn keys_are_made_where_they_are_missing() {
        let key = |value: &Value| of(value).event.dedup_key.unwrap();
        assert_ne!(key(&json!({"title": "x"})), key(&json!({"title": "x"})), "two events are two faults");
        let (source, directory) = (source("mon", "k"), directory());
        let again = |place| {
            let around = Around {
                source: &source,
                directory: &directory,
                mapped: None,
                mended: false,
                delivery: Some(("d", place)),
            };
            understand(&json!({"title": "x"}), around).event.dedup_key
        };
        assert_eq!(again(0), again(0));
        assert_ne!(again(0), again(1));
    }

    #[test]
    fn templates_win_and_fall_back() {
        let (source, directory) = (source("mon", "k"), directory());
        let mapped = Mapped {
            fields: [("title", String::new()), ("details", String::new()), ("priority", "P1".to_owned())].into(),
            failed: vec!["The template of link failed (x); the usual fields were used.".to_owned()],
        };
        let value =
            json!({"title": "plain", "details": "plain details", "priority": "P4", "link": "https://a.example/"});
        let around =
            Around { source: &source, directory: &directory, mapped: Some(mapped), mended: false, delivery: None };
        let event = understand(&value, around).event;
        assert_eq!((event.title.as_str(), event.priority), ("plain", Some(Priority::P1)));
        assert_eq!(event.link.as_deref(), Some("https://a.example/"));
        let details = event.details.unwrap().into_inner();
        assert!(!details.contains("plain details") && details.contains("template of link failed"), "{details}");
    }
}
