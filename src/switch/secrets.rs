//! Which fields of documents are secrets; sealed in the database, left out of answers, kept where a new body leaves them out.

use serde_json::{Map, Value};

use crate::store::seal::Seal;

/// Marks a sealed value: `{"$sealed": "v1:…"}`.
const SEALED: &str = "$sealed";

/// Whether the value of this key may be known by nobody who asks. An address is one where it is a URL: those of chat
/// rooms carry their key in them.
fn is_secret(key: &str, value: &Value) -> bool {
    match key {
        // `key`: of a source or a heartbeat in hotline.toml; whoever has it makes alerts, or pings for the dead.
        "password" | "pin" | "secrets" | "key" => true,
        "address" | "webhook" => value.as_str().is_some_and(|text| text.contains("://")),
        _ => false,
    }
}

/// Made by the server, of no use to anybody: left out of answers.
fn is_hidden(key: &str) -> bool {
    key == "key_sha256"
}

/// The body as it may be shown: instead of each secret `has_…: true`.
pub fn shown(body: &Value) -> Value {
    match body {
        Value::Object(entries) => {
            let mut out = Map::new();
            for (key, value) in entries.iter().filter(|(key, _)| !is_hidden(key)) {
                if is_secret(key, value) {
                    out.insert(format!("has_{key}"), Value::Bool(true));
                } else {
                    out.insert(key.clone(), shown(value));
                }
            }
            Value::Object(out)
        }
        Value::Array(items) => items.iter().map(shown).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => body.clone(),
    }
}

/// Secrets sealed for `place`.
pub fn sealed(seal: &Seal, place: &str, body: &Value) -> Value {
    match body {
        Value::Object(entries) => {
            let field = |(key, value): (&String, &Value)| {
                let value = if is_secret(key, value) {
                    let mut out = Map::new();
                    out.insert(SEALED.to_owned(), Value::from(seal.seal(place, &value.to_string())));
                    Value::Object(out)
                } else {
                    sealed(seal, place, value)
                };
                (key.clone(), value)
            };
            Value::Object(entries.iter().map(field).collect())
        }
        Value::Array(items) => items.iter().map(|item| sealed(seal, place, item)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => body.clone(),
    }
}

/// Secrets opened; those that can't be are left out and counted.
pub fn opened(seal: &Seal, place: &str, body: Value, lost: &mut usize) -> Value {
    match body {
        Value::Object(entries) => {
            let mut out = Map::new();
            for (key, value) in entries {
                let secret = value.as_object().filter(|one| one.len() == 1).and_then(|one| one.get(SEALED)?.as_str());
                match secret {
                    Some(secret) => {
                        let text = seal.open(place, secret);
                        match text.and_then(|text| serde_json::from_str(text.reveal()).ok()) {
                            Some(value) => drop(out.insert(key, value)),
                            None => *lost += 1,
                        }
                    }
                    None => drop(out.insert(key, opened(seal, place, value, lost))),
                }
            }
            Value::Object(out)
        }
        Value::Array(items) => items.into_iter().map(|item| opened(seal, place, item, lost)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => body,
    }
}

/// Whether somebody tries to send what only this program writes.
pub fn is_forged(body: &Value) -> bool {
    match body {
        Value::Object(entries) => entries.iter().any(|(key, value)| key == SEALED || is_forged(value)),
        Value::Array(items) => items.iter().any(is_forged),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// `new`, with the secrets of `old` where it says nothing about them (`null` removes one), without what only answers
/// have (`has_…`). Things in lists are the same where their `id` is.
pub fn kept(new: Value, old: Option<&Value>) -> Value {
    match new {
        Value::Object(mut entries) => {
            entries.retain(|key, value| !(key.starts_with("has_") && value.is_boolean()));
            let old = old.and_then(Value::as_object);
            for (key, value) in old.into_iter().flatten().filter(|(key, value)| is_secret(key, value) || is_hidden(key))
            {
                if !entries.contains_key(key) {
                    entries.insert(key.clone(), value.clone());
                }
            }
            let field = |(key, value): (String, Value)| {
                let before = old.and_then(|old| old.get(&key));
                (!value.is_null()).then(|| (key, kept(value, before)))
            };
            Value::Object(entries.into_iter().filter_map(field).collect())
        }
        Value::Array(items) => {
            let same = |item: &Value| {
                let id = item.get("id").filter(|id| id.is_string())?;
                old?.as_array()?.iter().find(|other| other.get("id") == Some(id))
            };
            items
                .into_iter()
                .map(|item| {
                    let before = same(&item);
                    kept(item, before)
                })
                .collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => new,
    }
}

/// RFC 7396, except that the `null` of a secret stays, for [`kept`] to see.
pub fn patched(old: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut out = old.as_object().cloned().unwrap_or_default();
    for (key, value) in patch {
        if value.is_null() {
            out.remove(key);
            if matches!(key.as_str(), "password" | "pin" | "secrets" | "address" | "webhook" | "key_sha256") {
                out.insert(key.clone(), Value::Null);
            }
        } else {
            let before = out.get(key).cloned().unwrap_or(Value::Null);
            out.insert(key.clone(), patched(&before, value));
        }
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use hotline_core::private::Private;
    use serde_json::json;

    use super::*;

    fn seal() -> Seal {
        Seal::new(&Private::from("a key of this test"))
    }

    #[test]
    fn secrets_are_sealed_opened_and_never_shown() {
        let body = json!({
            "name": "Ada", "pin": "280465", "contacts": [
                { "id": "room", "kind": "teams", "address": "https://x.example/secret" },
                { "id": "mail", "kind": "email", "address": "ada@example.org" },
            ], "secrets": ["one", "two"], "key": "whoever-has-it-makes-alerts", "key_sha256": "00",
        });
        let sealed = sealed(&seal(), "users/ada", &body);
        for secret in ["280465", "x.example", "one", "two", "whoever"] {
            assert!(!sealed.to_string().contains(secret), "{secret}");
        }
        let mut lost = 0;
        assert_eq!(opened(&seal(), "users/ada", sealed.clone(), &mut lost), body);
        assert_eq!(lost, 0);
        let elsewhere = opened(&seal(), "users/ben", sealed, &mut lost);
        assert_eq!((lost, &elsewhere["name"], elsewhere.get("pin")), (4, &json!("Ada"), None));
        assert_eq!(
            shown(&body),
            json!({ "name": "Ada", "has_pin": true, "has_secrets": true, "has_key": true, "contacts": [
                { "id": "room", "kind": "teams", "has_address": true },
                { "id": "mail", "kind": "email", "address": "ada@example.org" },
            ]})
        );
        assert!(is_forged(&json!({ "a": [{ "$sealed": "v1:AAAA" }] })) && !is_forged(&body));
    }

    #[test]
    fn what_was_shown_can_be_sent_back() {
        let old = json!({ "name": "Ada", "pin": "280465", "contacts": [
            { "id": "room", "kind": "teams", "address": "https://x.example/secret" },
            { "id": "mail", "kind": "email", "address": "ada@example.org" },
        ]});
        assert_eq!(kept(shown(&old), Some(&old)), old);
        let turned = json!({ "contacts": [{ "id": "mail", "kind": "email" }, { "id": "room", "kind": "teams" }] });
        let turned = kept(turned, Some(&old));
        assert_eq!(turned["contacts"][1]["address"], "https://x.example/secret");
        assert_eq!(turned["contacts"][0].get("address"), None, "only secrets come back");
        assert_eq!(kept(json!({ "pin": null }), Some(&old)), json!({}), "a null removes it");
        assert_eq!(kept(patched(&shown(&old), &json!({ "pin": null, "name": "Bo" })), Some(&old))["name"], "Bo");
        assert_eq!(kept(patched(&shown(&old), &json!({ "pin": null })), Some(&old)).get("pin"), None);
        assert_eq!(kept(patched(&shown(&old), &json!({ "name": null })), Some(&old)).get("name"), None);
        assert_eq!(kept(patched(&shown(&old), &json!({})), Some(&old)), old);
    }
}
