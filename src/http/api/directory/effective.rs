//! What is added to a thing as it was written: defaults that count, and how it is now.

use hotline_core::private::Private;
use serde_json::{Map, Value, json};

use crate::http::AppState;
use crate::http::params::rfc3339;
use crate::sip::{Registered, Transport};

/// Adds to the thing's own fields.
pub fn add(state: &AppState, key: &str, id: &str, out: &mut Map<String, Value>) {
    match key {
        "customers" => customer(state, id, out),
        "users" => user(state, id, out),
        "numbers" => number(state, id, out),
        "trunks" => trunk(state, id, out),
        "phones" => phone(state, id, out),
        _ => {
            out.entry("name").or_insert_with(|| id.into());
            // These have none.
            if matches!(key, "flows" | "settings" | "numbers" | "phones") {
                out.remove("name");
            }
        }
    }
}

fn customer(state: &AppState, id: &str, out: &mut Map<String, Value>) {
    let directory = state.board().directory();
    let Some(customer) = directory.customers.get(&id.into()) else { return };
    out.insert("name".to_owned(), customer.name.clone().into());
    let numbers: Vec<&String> = customer.caller_ids.iter().map(Private::reveal).collect();
    out.insert("caller_ids".to_owned(), json!(numbers));
    out.insert("has_pin".to_owned(), customer.pin.is_some().into());
    out.insert("language".to_owned(), json!(customer.language.as_ref().map(|language| &language.0)));
    out.insert("retention_days".to_owned(), customer.retention_days.into());
}

fn user(state: &AppState, id: &str, out: &mut Map<String, Value>) {
    let directory = state.board().directory();
    let Some(user) = directory.users.get(&id.into()) else { return };
    out.insert("name".to_owned(), user.name.clone().into());
    out.insert("language".to_owned(), user.language.0.clone().into());
    let contacts = user
        .contacts
        .iter()
        .map(|contact| json!({ "id": contact.id, "kind": contact.address.kind(), "verified": contact.verified }));
    out.insert("reached_by".to_owned(), contacts.collect());
}

fn number(state: &AppState, id: &str, out: &mut Map<String, Value>) {
    let directory = state.board().directory();
    let Some(number) = directory.number(id) else { return };
    out.insert("aliases".to_owned(), json!(number.aliases));
    out.insert("flow".to_owned(), number.flow.0.clone().into());
    out.insert("language".to_owned(), number.language.0.clone().into());
    out.insert("schedule".to_owned(), json!(number.schedule.as_ref().map(|schedule| &schedule.0)));
    out.insert("test".to_owned(), number.test.into());
}

fn trunk(state: &AppState, id: &str, out: &mut Map<String, Value>) {
    let directory = state.board().directory();
    let Some(trunk) = directory.trunks.get(&id.into()) else { return };
    let states = state.board().trunks();
    let now = states.iter().find(|now| now.trunk == trunk.id);
    out.insert("name".to_owned(), trunk.name.clone().into());
    out.insert("caller_id".to_owned(), json!(trunk.caller_id.as_ref().map(Private::reveal)));
    out.insert("trusted".to_owned(), trunk.trusted.into());
    out.insert("up".to_owned(), now.is_some_and(|now| now.up).into());
    out.insert("status".to_owned(), now.map_or_else(|| "not known yet".to_owned(), |now| now.status.clone()).into());
}

fn phone(state: &AppState, id: &str, out: &mut Map<String, Value>) {
    let registered = state.board().registered();
    let here: Vec<Value> = registered.iter().filter(|one| one.phone.0 == id).map(registration).collect();
    out.insert("registered".to_owned(), (!here.is_empty()).into());
    out.insert("registrations".to_owned(), here.into());
}

fn registration(registered: &Registered) -> Value {
    let transport = match registered.transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    };
    json!({
        "address": registered.address.to_string(),
        "transport": transport,
        "expires_at": rfc3339(registered.expires.as_millisecond()),
        "user_agent": registered.user_agent,
    })
}
