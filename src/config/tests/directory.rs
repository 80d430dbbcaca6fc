//! The sections of alerts, escalation and notifications; documents beside the file.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use hotline_core::alert::Urgency;
use hotline_core::directory::{ActionDeed, Address, Destination};
use hotline_core::escalation::Target;
use hotline_core::fact::Priority;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::config::{Config, Document, KINDS, Mistake, load_from};

const FILE: &str = r#"
default_policy = "usual"

[limits]
call = ["2 in 15m"]
bundle_from = 5

[[phones]]
account = "gina"
password = "not-so-secret"

[[trunks]]
id = "carrier"
server = "sip.carrier.example"

[[users]]
id = "gina"
phones = ["phone:gina", "number:+493023125042@carrier"]
skills = ["Network", "windows"]
languages = ["de", "en"]
time_zone = "Europe/Vienna"
pin = "280465"

[[users.absences]]
from = "2026-08-01T00:00"
to = "2026-08-15T00:00"
reason = "holiday"

[[users]]
id = "finn"

[[users.contacts]]
id = "mobile"
kind = "sms"
address = "+43 1 2312504 2"

[[users.contacts]]
id = "mail"
kind = "email"
address = "finn@example.org"

[[users.rules]]
contact = "mail"

[[users.rules]]
urgency = "high"
after = "2m"
contact = "mobile"

[[teams]]
id = "network"
members = ["gina", "finn"]

[[schedules]]
id = "week"
members = ["gina", "finn"]
start = "2026-03-02T08:00"
time_zone = "Europe/Vienna"

[[calendars]]
id = "office"
time_zone = "Europe/Vienna"
windows = [{ days = ["mon-fri"], from = "08:00", to = "18:00" }]
holidays = ["2026-12-25 Christmas Day", "2026-12-28"]

[[channels]]
id = "ops"
kind = "webhook"
address = "https://receiver.example/hook"

[[escalation_policies]]
id = "usual"
repeat = 2
unacknowledge_after = "4h"

[[escalation_policies.steps]]
targets = ["schedule:week", "channel:ops"]
wait = "5m"

[[escalation_policies.steps]]
targets = ["team:network", "user:finn", "number:+493023125042@carrier"]
priorities = ["P1", "P2"]
urgency = "high"

[[customers]]
id = "acme"
policy = "usual"
support = "office"

[[services]]
id = "mail"
name = "Mail"
customer = "acme"
team = "network"
priority = "P2"

[[alert_sources]]
id = "probe"
key = "0123456789abcdef0123"
service = "mail"
group_window = "10m"
mapping = { title = "{{ labels.instance }} is down" }

[[heartbeats]]
id = "backup"
key = "abcdefabcdefabcdefab"
every = "31d"

[[maintenance_windows]]
id = "move"
from = "2026-12-01T20:00"
to = "2026-12-02T06:00"
time_zone = "Europe/Vienna"
services = ["mail"]

[[commands]]
id = "restart-mail"
program = ["/usr/bin/true", "mail"]

[[actions]]
id = "restart"
command = "restart-mail"
on = { service = "mail", title_contains = "queue" }
"#;

fn read(text: &str) -> Result<Config, Vec<String>> {
    load_from(text, Path::new("hotline.toml"), &BTreeMap::new(), false).map_err(|error| error.0)
}

fn right() -> Config {
    read(FILE).unwrap_or_else(|mistakes| panic!("{}", mistakes.join("\n")))
}

fn document(kind: &str, id: &str, body: serde_json::Value) -> Document {
    Document { kind: kind.to_owned(), id: id.to_owned(), body }
}

fn fields(mistakes: &[Mistake]) -> Vec<(&str, &str)> {
    mistakes
        .iter()
        .map(|one| (one.document.as_deref().unwrap_or(&one.place), one.field.as_deref().unwrap_or_default()))
        .collect()
}

#[test]
fn every_section_is_read() {
    let config = right();
    let directory = &config.directory;
    assert_eq!(directory.default_policy, Some("usual".into()));
    assert_eq!(directory.limits.call, [(2, Duration::from_mins(15))]);
    assert_eq!((directory.limits.bundle_from, directory.limits.sms.len()), (5, 3));
    let gina = &directory.users[&"gina".into()];
    assert_eq!(gina.contacts.iter().map(|contact| contact.id.as_str()).collect::<Vec<_>>(), ["phone-1", "phone-2"]);
    assert!(gina.contacts.iter().all(|contact| contact.verified), "what the file says is the operator's word");
    assert_eq!((gina.skills.clone(), gina.languages.len()), (vec!["network".to_owned(), "windows".to_owned()], 2));
    assert_eq!(gina.absences[0].from, "2026-07-31T22:00:00Z".parse().unwrap());
    let finn = &directory.users[&"finn".into()];
    assert_eq!(finn.contacts[0].address, Address::Sms("+43123125042".into()));
    assert_eq!((finn.rules[1].urgency, finn.rules[1].after), (Some(Urgency::High), Duration::from_mins(2)));
    let policy = &directory.policies[&"usual".into()];
    assert_eq!((policy.repeat, policy.unacknowledge_after), (2, Some(Duration::from_hours(4))));
    assert_eq!(policy.steps[0].targets, [Target::Schedule("week".into()), Target::Channel("ops".into())]);
    assert!(matches!(policy.steps[1].targets[2], Target::Number(Destination::Number { .. })));
    assert_eq!(policy.steps[1].priorities, [Priority::P1, Priority::P2]);
    let source = &directory.sources[&"probe".into()];
    assert_eq!(source.key_sha256, <[u8; 32]>::from(Sha256::digest("0123456789abcdef0123")));
    assert_eq!(source.mapping[0].0, "title");
    assert_eq!(directory.heartbeats[&"backup".into()].every, Duration::from_hours(24 * 31));
    assert_eq!(directory.maintenance[0].from, "2026-12-01T19:00:00Z".parse().unwrap());
    let restart = &directory.actions[&"restart".into()];
    assert_eq!(restart.deed, ActionDeed::Command(vec!["/usr/bin/true".to_owned(), "mail".to_owned()]));
    assert_eq!(directory.calendars[&"office".into()].holidays[0].1, "Christmas Day");
    assert_eq!(directory.services[&"mail".into()].team, Some("network".into()));
    assert!(config.things["users"]["gina"].in_file && config.things.contains_key("escalation_policies"));
}

#[test]
fn mistakes_name_the_line_and_the_remedy() {
    for (from, to, told) in [
        (
            "\"schedule:week\", \"channel:ops\"",
            "\"schedule:weak\"",
            "there is no schedule `weak`; did you mean `week`?",
        ),
        ("\"schedule:week\", \"channel:ops\"", "", "tells nobody"),
        ("\"schedule:week\", \"channel:ops\"", "\"policy:usual\"", "is no target"),
        ("contact = \"mobile\"", "contact = \"mobil\"", "did you mean `mobile`?"),
        ("finn@example.org", "finn at example.org", "can't be reached; write \"ada@example.com\""),
        ("0123456789abcdef0123", "short", "at least 16"),
        ("abcdefabcdefabcdefab", "0123456789abcdef0123", "has the same key as"),
        ("every = \"31d\"", "every = \"5s\"", "must be between 25s and 31d"),
        ("services = [\"mail\"]", "services = []", "is about nothing"),
        ("command = \"restart-mail\"", "command = \"rm\"", "there is no command `rm`"),
        ("/usr/bin/true", "true", "whole path"),
        ("labels.instance }}", "labels.instance", "the template can't be read"),
        ("pin = \"280465\"", "pin = \"1234\"", "6 to 12 digits"),
        ("call = [\"2 in 15m\"]", "call = [\"2/15m\"]", "write \"3 in 15m\""),
        ("default_policy = \"usual\"", "default_policy = \"usal\"", "did you mean `usual`?"),
        ("priority = \"P2\"", "priority = \"2\"", "`2` is not known"),
    ] {
        assert!(FILE.contains(from), "{from}");
        let mistakes = read(&FILE.replace(from, to)).unwrap_err();
        assert!(mistakes.iter().any(|mistake| mistake.contains(told)), "{told}: {mistakes:?}");
        assert!(mistakes.iter().all(|mistake| mistake.starts_with("hotline.toml:")), "{mistakes:?}");
    }
}

#[test]
fn what_reaches_nobody_is_worth_a_warning() {
    let lonely =
        FILE.replace("members = [\"gina\", \"finn\"]\nstart", "members = []\nstart").replace(", \"channel:ops\"", "");
    let warnings = read(&lonely).unwrap().warnings;
    assert!(warnings.iter().any(|warning| warning.contains("step 1 of escalation policy `usual`")), "{warnings:?}");
}

#[test]
fn documents_are_read_like_the_file() {
    let composer = right().composer;
    let documents = [
        document(
            "users",
            "hugo",
            json!({ "name": "Hugo", "time_zone": null, "contacts": [
                { "id": "mobile", "kind": "sms", "address": "+493023125043" },
                { "id": "desk", "kind": "call", "address": "phone:hugo" },
            ]}),
        ),
        document("phones", "hugo", json!({ "password": "a secret of hugo", "user": "hugo" })),
        document("escalation_policies", "hugo-first", json!({ "steps": [{ "targets": ["user:hugo"], "wait": "1m" }] })),
        document("flows", "short", json!({ "start": "bye", "nodes": { "bye": { "type": "hangup", "prompts": [] } } })),
        document("numbers", "+493023125999", json!({ "flow": "short", "policy": "hugo-first" })),
        document("settings", "settings", json!({ "blocklist": ["+493023125666"] })),
        document("teams", "network", json!({ "members": ["hugo"] })),
    ];
    let config = composer.compose(&documents).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let hugo = &config.directory.users[&"hugo".into()];
    assert_eq!(hugo.contacts.iter().map(|contact| contact.verified).collect::<Vec<_>>(), [false, true]);
    assert_eq!(config.sip.phones[&"hugo".into()].password.reveal(), "a secret of hugo");
    assert_eq!(config.directory.numbers[&"+493023125999".into()].policy, Some("hugo-first".into()));
    assert_eq!(config.directory.blocklist.len(), 1);
    let settings = |config: &Config| config.things["settings"]["settings"].body.clone();
    assert_eq!(settings(&config), json!({ "blocklist": ["+493023125666"] }));
    let of_file = settings(&composer.compose(&[]).unwrap());
    assert_eq!(of_file["default_policy"], "usual", "as long as there is no document, what the file says: {of_file}");
    assert!(config.directory.flows.contains_key(&"short".into()));
    assert_eq!(config.directory.teams[&"network".into()].members.len(), 2, "the file wins");
    assert!(!config.things["users"]["hugo"].in_file && config.things["teams"]["network"].in_file);
    assert!(config.things["flows"]["short"].body["nodes"].is_object());
}

#[test]
fn a_documents_mistakes_name_its_fields() {
    let composer = right().composer;
    let wrong =
        |kind: &str, id: &str, body: serde_json::Value| composer.compose(&[document(kind, id, body)]).unwrap_err();
    let user = wrong(
        "users",
        "hugo",
        json!({ "nmae": "Hugo", "contacts": [{ "id": "a b", "kind": "sms", "address": "12" }] }),
    );
    let mut told = fields(&user);
    told.sort_unstable();
    assert_eq!(
        told,
        [("users/hugo", "contacts[0].address"), ("users/hugo", "contacts[0].id"), ("users/hugo", "nmae")],
        "{user:#?}"
    );
    assert_eq!(fields(&wrong("escalation_policies", "p", json!({}))), [("escalation-policies/p", "steps")]);
    assert_eq!(fields(&wrong("alert_sources", "s", json!({}))), [("alert-sources/s", "key")]);
    assert_eq!(
        fields(&wrong("flows", "f", json!({ "nodes": { "bye": { "type": "hangup" } } }))),
        [("flows/f", "start")]
    );
    for (kind, body) in [
        ("phones", json!({ "password_file": "/etc/shadow" })),
        ("alert_sources", json!({ "key_file": "/etc/shadow" })),
        ("flows", json!({ "flow_file": "/etc/shadow" })),
        ("trunks", json!({ "server": "a.example", "user": "u", "password_file": "/etc/shadow" })),
    ] {
        let mistakes = wrong(kind, "x", body);
        assert!(mistakes.iter().any(|one| one.what.contains("can only stand in hotline.toml")), "{mistakes:#?}");
    }
    // Settings are three fields, not the whole file: a document may name no files, programs or addresses to listen on.
    for key in ["server", "notify", "commands", "users", "flows", "colour"] {
        let mistakes = wrong("settings", "settings", json!({ key: { "x": 1 } }));
        assert!(mistakes.iter().any(|one| one.what.contains("knows no")), "{key}: {mistakes:#?}");
    }
    assert_eq!(fields(&wrong("services", "s", json!({ "customer": "acmee" }))), [("services/s", "customer")]);
    let mut deep = json!({});
    for _ in 0..200 {
        deep = json!({ "nodes": deep });
    }
    composer.compose(&[document("flows", "deep", deep)]).unwrap_err();
}

/// Nothing of the kinds is forgotten on one of the sides.
#[test]
fn every_kind_has_a_path_and_names() {
    for (key, path) in KINDS {
        assert_eq!(key.replace('_', "-"), path);
    }
}
