//! What is configured in the fake's installation.

use std::collections::BTreeMap;

use hotline_core::directory::Address;
use hotline_core::directory::{Contact, Customer, Destination, Directory, Language, Number, Phone, Trunk, User};
use hotline_core::fact::Actor;
use hotline_core::ids::{FlowId, NumberId, PhoneId, ScheduleId, TrunkId, UserId};
use hotline_core::oncall::{Override, Rotation, Schedule};
use serde_json::json;

use super::super::hotline::switch::documents::{
    DocumentError, Done, Expect, Fault, InForce, Thing, Things, Write, Written,
};

/// As the file would say it: each kind with its things.
pub fn in_force() -> InForce {
    let schedule = json!({
        "name": "On call, 24×7", "members": ["engineer-1", "engineer-2"], "weeks": 1, "start": "2026-01-05T09:00",
        "time_zone": "Europe/Berlin",
        "overrides": [{ "user": "engineer-2", "from": "2026-12-24T08:00:00Z", "to": "2026-12-26T08:00:00Z", "reason": "holidays" }]
    });
    let phones = |id: &str| json!([format!("phone:{id}"), "number:+491701234542@carrier"]);
    let in_file = [
        ("customers", "acme", json!({ "name": "Acme Logistics", "caller_ids": ["+44201112*"], "pin": "0042" })),
        (
            "customers",
            "muster",
            json!({ "name": "Mustermann & Söhne GmbH", "caller_ids": ["+4930999*"], "pin": "0043" }),
        ),
        ("users", "engineer-1", json!({ "name": "Ada Winter", "phones": phones("engineer-1") })),
        ("users", "engineer-2", json!({ "name": "Ben Sommer", "phones": phones("engineer-2") })),
        ("phones", "engineer-1", json!({ "user": "engineer-1", "password": "never-shown-1" })),
        ("phones", "engineer-2", json!({ "user": "engineer-2", "password": "never-shown-2" })),
        ("schedules", "on-call", schedule),
        ("numbers", "hotline", json!({ "schedule": "on-call" })),
        ("numbers", "hotline-de", json!({ "schedule": "on-call", "language": "de" })),
        (
            "trunks",
            "carrier",
            json!({ "name": "Carrier", "server": "sip.carrier.example", "password": "never-shown-3" }),
        ),
        ("services", "scanners", json!({ "name": "Scanners", "customer": "acme" })),
    ];
    let mut things = Things::new();
    for (kind, id, body) in in_file {
        things.entry(kind.to_owned()).or_default().insert(id.to_owned(), Thing { body, in_file: true });
    }
    InForce { revision: 1, things, written: BTreeMap::new() }
}

/// What the switch does, without its checks: a body with `"wrong"` is not valid, and `acme`'s things can't be deleted.
pub fn write(
    in_force: &mut InForce,
    kind: &str,
    id: &str,
    write: Write,
    expect: &Expect,
    by: &str,
) -> Result<Done, DocumentError> {
    let before = in_force.things.get(kind).and_then(|things| things.get(id)).cloned();
    if before.as_ref().is_some_and(|thing| thing.in_file) {
        return Err(DocumentError::InFile);
    }
    let key = (kind.to_owned(), id.to_owned());
    let version = in_force.written.get(&key).map(|written| written.version);
    match (expect, version) {
        (Expect::Absent, Some(_)) | (Expect::Version(_), None) => return Err(DocumentError::Changed),
        (Expect::Version(wanted), Some(version)) if !wanted.is_empty() && !wanted.contains(&version) => {
            return Err(DocumentError::Changed);
        }
        _ => {}
    }
    let fault = |field: &str, what: &str| Fault {
        document: Some(format!("{kind}/{id}")),
        field: Some(field.to_owned()),
        place: format!("{kind}/{id}"),
        what: what.to_owned(),
    };
    let body = match write {
        Write::Delete | Write::Patch(_) if before.is_none() => return Err(DocumentError::Unknown),
        Write::Delete if id == "needed" => return Err(DocumentError::InTheWay(vec![fault("members[0]", "needs it")])),
        Write::Delete => {
            in_force.things.entry(kind.to_owned()).or_default().remove(id);
            in_force.written.remove(&key);
            return Ok(Done { shown: None, created: false, key: None });
        }
        Write::Put(body) => body,
        Write::Patch(patch) => {
            let mut body = before.as_ref().map_or_else(|| json!({}), |thing| thing.body.clone());
            for (name, value) in patch.as_object().into_iter().flatten() {
                body[name.as_str()] = value.clone();
            }
            body
        }
    };
    if body.get("wrong").is_some() {
        return Err(DocumentError::Invalid(vec![fault("wrong", "knows no `wrong`; remove it")]));
    }
    in_force.revision += 1;
    let written = Written { version: in_force.revision, at: 0, by: by.to_owned() };
    in_force.written.insert(key, written);
    in_force.things.entry(kind.to_owned()).or_default().insert(id.to_owned(), Thing { body, in_file: false });
    let made = kind == "alert_sources" && before.is_none();
    Ok(Done {
        shown: in_force.shown(kind, id),
        created: before.is_none(),
        key: made.then(|| "a-key-that-is-told-once".into()),
    })
}

pub fn directory() -> Directory {
    let mut directory = Directory::default();
    let customers =
        [("acme", "Acme Logistics", "en", "+44201112"), ("muster", "Mustermann & Söhne GmbH", "de", "+4930999")];
    for (id, name, language, prefix) in customers {
        let customer = Customer {
            id: id.into(),
            name: name.to_owned(),
            caller_ids: vec![format!("{prefix}*").into()],
            pin: Some("0042".into()),
            language: Some(Language(language.to_owned())),
            retention_days: 90,
            ..Default::default()
        };
        directory.customers.insert(customer.id.clone(), customer);
    }
    for (id, name) in [("engineer-1", "Ada Winter"), ("engineer-2", "Ben Sommer")] {
        let number = Destination::Number { trunk: TrunkId::from("carrier"), number: "+491701234542".into() };
        let phones = vec![Destination::Phone(PhoneId::from(id)), number];
        let mobile =
            Contact { id: "mobile".to_owned(), address: Address::Sms("+491701234542".into()), verified: false };
        let desk = Contact { id: "desk".to_owned(), address: Address::Call(phones[0].clone()), verified: true };
        let user = User {
            id: id.into(),
            name: name.to_owned(),
            language: Language::default(),
            phones,
            contacts: vec![mobile, desk],
            ..Default::default()
        };
        directory.users.insert(user.id.clone(), user);
        let phone = Phone {
            id: id.into(),
            user: Some(id.into()),
            inband_digits: hotline_core::dtmf::InBand::Auto,
            codecs: Vec::new(),
        };
        directory.phones.insert(phone.id.clone(), phone);
    }
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap_or(jiff::tz::TimeZone::UTC);
    let start = "2026-01-05T09:00:00".parse().expect("a local time");
    let rotation = Rotation::weekly(&["engineer-1".into(), "engineer-2".into()], 1, start, zone);
    let change = Override {
        user: UserId::from("engineer-2"),
        from: "2026-12-24T08:00:00Z".parse().expect("a time"),
        to: "2026-12-26T08:00:00Z".parse().expect("a time"),
        reason: "holidays".to_owned(),
        ..Default::default()
    };
    let schedule = Schedule { overrides: vec![change], ..Schedule::single("on-call", "On call, 24×7", rotation) };
    directory.schedules.insert(schedule.id.clone(), schedule);
    for (id, language) in [("hotline", "en"), ("hotline-de", "de")] {
        let number = Number {
            id: NumberId::from(id),
            aliases: Vec::new(),
            flow: FlowId::from("hotline"),
            language: Language(language.to_owned()),
            schedule: Some(ScheduleId::from("on-call")),
            test: false,
            ..Default::default()
        };
        directory.numbers.insert(number.id.clone(), number);
    }
    let trunk = Trunk {
        id: TrunkId::from("carrier"),
        name: "Carrier".to_owned(),
        caller_id: Some("+4930123450".into()),
        trusted: true,
        callback_prefixes: Vec::new(),
        inband_digits: hotline_core::dtmf::InBand::Auto,
        codecs: Vec::new(),
    };
    directory.trunks.insert(trunk.id.clone(), trunk);
    directory
}

impl Drop for super::Fake {
    fn drop(&mut self) {
        // Left over: harmless, it is in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Who did it, as a history has it.
pub fn shown(by: &Actor) -> String {
    match by {
        Actor::Person(user) => user.0.clone(),
        Actor::Login(name) => format!("login {name}"),
        Actor::Token(name) => format!("token {name}"),
        Actor::System => "hotline".to_owned(),
    }
}
