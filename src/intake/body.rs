//! From a request's bytes to JSON values.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use futures::StreamExt;
use serde_json::{Map, Value};

use super::problem::Fault;
use super::{BODY_MAX, BODY_WITHIN, EVENTS_MAX};

/// What a body holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    /// The events, as they stand in it.
    pub events: Vec<Value>,
    /// It was one and not a list: the answer is one, too.
    pub single: bool,
    /// The bytes were not UTF-8; what could not be read is marked by �.
    pub mended: bool,
}

/// Reads the body; stops where it grows too large, before all of it is sent.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Fault> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > BODY_MAX as u64) {
        return Err(Fault::too_large());
    }
    match tokio::time::timeout(BODY_WITHIN, collected(body)).await {
        Ok(read) => read,
        Err(_) => Err(Fault::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-too-slow",
            "The body came too slowly",
            "It must be complete within 15 seconds. Nothing was taken; send it again.",
        )),
    }
}

async fn collected(body: Body) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| {
            Fault::new(
                StatusCode::BAD_REQUEST,
                "body-cut-off",
                "The body ended too early",
                "The connection broke in the middle of the body. Nothing was taken; send it again.",
            )
        })?;
        if bytes.len() + chunk.len() > BODY_MAX {
            return Err(Fault::too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Understands the bytes: a form, or JSON whatever the content type says.
pub fn parse(headers: &HeaderMap, bytes: &[u8]) -> Result<Payload, Fault> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Err(Fault::new(
            StatusCode::BAD_REQUEST,
            "body-empty",
            "The body is empty",
            "Send a JSON object such as {\"title\": \"Mail server down\", \"dedup_key\": \"mail-1\"}, a list of such objects, or a form.",
        ));
    }
    let (text, mended) = text(&kind, bytes);
    if kind.starts_with("application/x-www-form-urlencoded") && !text.trim_start().starts_with(['{', '[']) {
        return form(bytes, mended);
    }
    many(json(&text)?, mended)
}

/// Tools in the field still write Latin-1; an alert with odd letters is worth more than none.
fn text<'a>(kind: &str, bytes: &'a [u8]) -> (Cow<'a, str>, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(_) if ["iso-8859-1", "latin1", "windows-1252"].iter().any(|name| kind.contains(name)) => {
            (bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into(), false)
        }
        Err(_) => (String::from_utf8_lossy(bytes), true),
    }
}

fn json(text: &str) -> Result<Value, Fault> {
    serde_json::from_str(text).map_err(|error| {
        let told = error.to_string();
        // The place stands in fields of its own.
        let what = told.split(" at line ").next().unwrap_or_default();
        Fault::malformed(what, error.line(), error.column())
    })
}

/// A form's fields are an event; a field `payload` that holds JSON is the event instead.
fn form(bytes: &[u8], mended: bool) -> Result<Payload, Fault> {
    let mut fields = Map::new();
    for (name, value) in url::form_urlencoded::parse(bytes) {
        fields.insert(name.into_owned(), Value::String(value.into_owned()));
    }
    if fields.len() == 1
        && let Some(Value::String(inner)) = fields.get("payload")
        && inner.trim_start().starts_with(['{', '['])
    {
        return many(json(inner)?, mended);
    }
    Ok(Payload { events: vec![Value::Object(fields)], single: true, mended })
}

fn many(value: Value, mended: bool) -> Result<Payload, Fault> {
    match value {
        Value::Array(events) if events.len() > EVENTS_MAX => Err(Fault::new(
            StatusCode::BAD_REQUEST,
            "too-many-in-one",
            "Too many events in one body",
            format!(
                "{} events; at most {EVENTS_MAX} are taken at once. Nothing was taken; send them in parts.",
                events.len()
            ),
        )),
        Value::Array(events) => Ok(Payload { events, single: false, mended }),
        one @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            Ok(Payload { events: vec![one], single: true, mended })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(kind: &str, body: &[u8]) -> Result<Payload, Fault> {
        parse(&HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]), body)
    }

    fn fault(body: &[u8]) -> String {
        format!("{:?}", with("application/json", body).unwrap_err())
    }

    #[test]
    fn malformed_json_is_told_with_its_place() {
        let told = fault(b"{\n  \"title\": \"a\",\n  \"x\": }");
        assert!(told.contains("Line 3, column 8") && told.contains("at: Some((3, 8))"), "{told}");
        assert!(fault(b"{\"a\":1e999}").contains("number out of range"));
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(fault(deep.as_bytes()).contains("recursion limit"));
        assert!(fault(b" \n").contains("body-empty"));
        assert!(fault(br#"{"a":"\ud800"}"#).contains("json-malformed"));
    }

    #[test]
    fn bytes_that_are_no_utf8_are_mended() {
        let latin = with("application/json; charset=ISO-8859-1", b"{\"title\":\"St\xf6rung\"}").unwrap();
        assert_eq!((latin.events[0]["title"].as_str(), latin.mended), (Some("Störung"), false));
        let unsaid = with("application/json", b"{\"title\":\"St\xf6rung\"}").unwrap();
        assert_eq!((unsaid.events[0]["title"].as_str(), unsaid.mended), (Some("St\u{fffd}rung"), true));
        assert_eq!(with("", b"\xef\xbb\xbf{}").unwrap().events, [serde_json::json!({})]);
    }

    #[test]
    fn forms_and_lists_are_taken() {
        let form = with("application/x-www-form-urlencoded", b"title=Disk+full&priority=2").unwrap();
        assert_eq!(form.events[0], serde_json::json!({"title": "Disk full", "priority": "2"}));
        let wrapped = with("application/x-www-form-urlencoded", b"payload=%7B%22title%22%3A%22x%22%7D").unwrap();
        assert_eq!(wrapped.events[0]["title"], "x");
        assert!(!with("application/json", b"[{},{}]").unwrap().single);
        let many = format!("[{}0]", "0,".repeat(EVENTS_MAX));
        assert!(fault(many.as_bytes()).contains("1001 events"));
    }

    #[test]
    fn the_last_of_two_equal_keys_counts() {
        assert_eq!(with("", br#"{"title":"a","title":"b"}"#).unwrap().events[0]["title"], "b");
    }
}
