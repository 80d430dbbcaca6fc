//! The doors through their router: good input, bad input, hostile input.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use hmac::{Hmac, Mac};
use hotline_core::alert::intake::{Action, Event};
use hotline_core::directory::{AlertSource, Customer, Directory, Heartbeat, Service};
use hotline_core::fact::Priority;
use hotline_core::ids::{AlertId, HeartbeatId, SourceId};
use hotline_core::private::Private;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower::ServiceExt;
use uuid::Uuid;

use super::{BODY_MAX, Door, Intake, IntakeSettings, router};
use crate::store::alerts::Taken;
use crate::switch::events::{IntakeError, Outcome};

const KEY: &str = "key-of-mon";
const SIGNED_KEY: &str = "key-of-signed";
const SECRETS: [&str; 2] = ["new secret", "old secret"];

/// A source that anybody with the key may send to.
pub fn source(id: &str, key: &str) -> AlertSource {
    let mut source = crate::switch::events::Origin::made(id, &format!("Source {id}")).source;
    source.key_sha256 = Sha256::digest(key).into();
    source
}

/// Two customers with services.
pub fn directory() -> Directory {
    let mut directory = Directory::default();
    for (id, name) in [("acme", "Acme Logistics"), ("beta", "Beta GmbH")] {
        let customer = Customer { id: id.into(), name: name.to_owned(), ..Customer::default() };
        directory.customers.insert(customer.id.clone(), customer);
    }
    for (id, name, customer) in
        [("mail", "Mail", "acme"), ("backup-acme", "Backup", "acme"), ("backup-beta", "Backup", "beta")]
    {
        let service = Service {
            id: id.into(),
            name: name.to_owned(),
            customer: Some(customer.into()),
            team: None,
            policy: None,
            support: None,
            priority: None,
            ..Default::default()
        };
        directory.services.insert(service.id.clone(), service);
    }
    let mut signed = source("signed", SIGNED_KEY);
    signed.secrets = SECRETS.map(Private::from).into();
    for source in [source("mon", KEY), signed] {
        directory.sources.insert(source.id.clone(), source);
    }
    let heartbeat = Heartbeat {
        id: "backup".into(),
        name: "Nightly backup".to_owned(),
        key_sha256: Sha256::digest("key-of-backup").into(),
        every: std::time::Duration::from_mins(5),
        customer: None,
        service: None,
        policy: None,
        priority: Priority::P2,
    };
    directory.heartbeats.insert(heartbeat.id.clone(), heartbeat);
    directory
}

/// Opens an alert for every new key, remembers all.
#[derive(Default)]
struct Fake {
    events: Mutex<Vec<(SourceId, Event)>>,
    pings: Mutex<Vec<HeartbeatId>>,
    kept: Mutex<BTreeMap<(SourceId, String), String>>,
    fails: Mutex<Option<IntakeError>>,
    queues: std::sync::atomic::AtomicBool,
    bodies: AtomicUsize,
}

#[async_trait]
impl Door for Fake {
    fn directory(&self) -> Arc<Directory> {
        Arc::new(directory())
    }
    async fn take(&self, source: &SourceId, events: Vec<Event>) -> Result<Outcome, IntakeError> {
        if let Some(error) = self.fails.lock().clone() {
            return Err(error);
        }
        self.bodies.fetch_add(1, Ordering::SeqCst);
        let mut all = self.events.lock();
        let mut taken = Vec::new();
        for event in events {
            let known = all.iter().any(|(_, other)| other.dedup_key == event.dedup_key);
            let trigger = event.action == Action::Trigger;
            let alert = (known || trigger).then(|| AlertId(Uuid::from_u128(7)));
            taken.push(Taken { alert, opened: trigger && !known });
            all.push((source.clone(), event));
        }
        Ok(if self.queues.load(Ordering::SeqCst) { Outcome::Queued } else { Outcome::Kept(taken) })
    }
    fn ping(&self, heartbeat: &HeartbeatId, _: Timestamp) {
        self.pings.lock().push(heartbeat.clone());
    }
    async fn answered(&self, source: &SourceId, delivery: &str) -> Option<String> {
        self.kept.lock().get(&(source.clone(), delivery.to_owned())).cloned()
    }
    async fn remember(&self, source: &SourceId, deliveries: &[String], answer: &str, _: Timestamp) {
        for delivery in deliveries {
            self.kept.lock().insert((source.clone(), delivery.clone()), answer.to_owned());
        }
    }
}

struct Bench {
    fake: Arc<Fake>,
    app: Router,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    json: Value,
}

fn bench() -> Bench {
    bench_with(IntakeSettings::default())
}

fn bench_with(settings: IntakeSettings) -> Bench {
    let fake = Arc::new(Fake::default());
    Bench { app: router(Intake::new(fake.clone(), settings)), fake }
}

impl Bench {
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.app.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), headers: parts.headers, json }
    }

    async fn post(&self, body: impl Into<Body>) -> Answer {
        self.ask("POST", &format!("/intake/generic/{KEY}"), &[("content-type", "application/json")], body).await
    }

    async fn signed(&self, body: &str, at: i64, signature: &str, more: &[(&str, &str)]) -> Answer {
        let at = at.to_string();
        let mut headers = vec![("x-hotline-timestamp", at.as_str()), ("x-hotline-signature", signature)];
        headers.extend(more);
        self.ask("POST", &format!("/intake/generic/{SIGNED_KEY}"), &headers, body.to_owned()).await
    }

    fn titles(&self) -> Vec<String> {
        self.fake.events.lock().iter().map(|(_, event)| event.title.clone()).collect()
    }
}

impl Answer {
    fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.json);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert!(self.json["detail"].as_str().unwrap().len() > 20, "{}", self.json);
        assert_eq!(self.json["status"], status);
        self.json["code"].as_str().unwrap().to_owned()
    }
}

fn sign(secret: &str, at: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at}.{body}").as_bytes());
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

fn seconds() -> i64 {
    crate::clock::now().wall.as_second()
}

#[tokio::test]
async fn an_event_opens_an_alert_and_is_answered() {
    let bench = bench();
    let answer = bench.post(r#"{"title":"Mail down","dedup_key":"Mail-1","severity":"critical"}"#).await;
    assert_eq!(answer.status, 202);
    assert_eq!(
        (&answer.json["status"], &answer.json["dedup_key"], &answer.json["opened"]),
        (&json!("opened"), &json!("mail-1"), &json!(true))
    );
    assert_eq!(answer.json["alert"], Uuid::from_u128(7).to_string());
    assert_eq!(answer.json.get("warnings"), None);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let again = bench.post(r#"{"title":"Mail down","dedup_key":"mail-1"}"#).await;
    assert_eq!((again.json["status"].as_str(), again.json["opened"].as_bool()), (Some("joined"), Some(false)));
    let over = bench.post(r#"{"event_action":"resolve","dedup_key":"mail-1"}"#).await;
    assert_eq!((over.status, over.json["status"].as_str()), (202, Some("resolved")));
    let unknown = bench.post(r#"{"event_action":"resolve","dedup_key":"other"}"#).await;
    assert_eq!((unknown.status, unknown.json["status"].as_str()), (202, Some("nothing-open")));
    let pointless = bench.post(r#"{"event_action":"resolve"}"#).await;
    assert_eq!((pointless.status, pointless.json["status"].as_str()), (202, Some("ignored")));
    assert_eq!(bench.fake.events.lock().len(), 4, "what can do nothing is not handed on");
}

#[tokio::test]
async fn a_list_is_answered_one_by_one() {
    let bench = bench();
    let answer = bench.post(r#"[{"title":"a","key":"1"},{"action":"resolve"},{"title":"b","key":"1"},"c"]"#).await;
    let words: Vec<_> =
        answer.json["results"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!((answer.status, answer.json["count"].as_u64()), (202, Some(4)));
    assert_eq!(words, ["opened", "ignored", "joined", "opened"]);
    let none = bench.post("[]").await;
    assert_eq!((none.status, none.json["count"].as_u64()), (202, Some(0)));
}

#[tokio::test]
async fn a_missing_key_is_made_and_told() {
    let bench = bench();
    let answer = bench.post(r#"{"title":"x"}"#).await;
    assert_eq!(answer.json["dedup_key"].as_str().map(str::len), Some(32));
}

#[tokio::test]
async fn events_on_disk_are_answered_as_queued() {
    let bench = bench();
    bench.fake.queues.store(true, Ordering::SeqCst);
    let answer = bench.post(r#"{"title":"x"}"#).await;
    assert_eq!(
        (answer.status, answer.json["status"].as_str(), &answer.json["alert"]),
        (202, Some("queued"), &Value::Null)
    );
}

#[tokio::test]
async fn what_can_not_be_taken_is_sent_again() {
    let bench = bench();
    for (error, status, code) in [
        (IntakeError::Full, 503, "too-busy"),
        (IntakeError::NotKept("no space".to_owned()), 503, "not-kept"),
        (IntakeError::UnknownSource, 404, "key-unknown"),
    ] {
        *bench.fake.fails.lock() = Some(error);
        let answer = bench.post(r#"{"title":"x"}"#).await;
        assert_eq!(answer.problem(status), code);
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
    }
}

#[tokio::test]
async fn a_key_that_is_not_known_is_told_nothing() {
    let bench = bench();
    for key in ["x", "key-of-mo", "key-of-monk", "%00", "KEY-OF-MON", &"k".repeat(5_000)] {
        let answer = bench.ask("POST", &format!("/intake/generic/{key}"), &[], "{}").await;
        assert_eq!(answer.problem(404), "key-unknown", "{key}");
        assert!(!answer.json.to_string().contains("mon\""), "{}", answer.json);
    }
    assert_eq!(bench.ask("POST", "/intake/generic/%ff%fe", &[], "{}").await.status, 400);
    assert_eq!(bench.ask("GET", &format!("/intake/generic/{KEY}"), &[], "").await.problem(405), "method-not-allowed");
}

#[tokio::test]
async fn malformed_json_is_told_with_line_and_column() {
    let bench = bench();
    let answer = bench.post("{\n \"title\": \"x\",\n}").await;
    assert_eq!(answer.problem(400), "json-malformed");
    assert_eq!((answer.json["line"].as_u64(), answer.json["column"].as_u64()), (Some(3), Some(1)));
    for bad in ["", "{", "nul", "{\"a\":1}{\"b\":2}", "\u{0}", "{\"a\":1e999}", "{\"title\":\"\\ud800\"}", "[1,", "'x'"]
    {
        let code = bench.post(bad.to_owned()).await.problem(400);
        assert!(["json-malformed", "body-empty"].contains(&code.as_str()), "{bad}: {code}");
    }
    let deep = format!("{}1{}", "{\"a\":[".repeat(60_000), "]}".repeat(60_000));
    assert_eq!(bench.post(deep).await.problem(400), "json-malformed");
    assert_eq!(bench.titles(), Vec::<String>::new());
}

#[tokio::test]
async fn odd_values_are_taken_all_the_same() {
    let bench = bench();
    for (body, title) in [
        (r#"{"title":"a\u0000b","details":"\u0000\u0001"}"#.to_owned(), "a b"),
        (r#"{"title":123456789012345678901234567890}"#.to_owned(), "1.2345678901234568e+29"),
        (r#"{"title":"first","title":"last"}"#.to_owned(), "last"),
        (r#"{"title":"x","priority":99999999999999999999,"began_at":1e300}"#.to_owned(), "x"),
        (r#"{"title":{"nested":true}}"#.to_owned(), r#"{"nested":true}"#),
        ("42".to_owned(), "Source mon: event without a title"),
        (format!("{{\"title\":\"{}\"}}", "ä".repeat(200_000)), ""),
    ] {
        let answer = bench.post(body).await;
        assert_eq!(answer.status, 202, "{}", answer.json);
        let last = bench.titles().pop().unwrap();
        assert!(title.is_empty() || last == title, "{last}");
        assert!(last.chars().count() <= 300 && !last.contains('\0'));
    }
    let bytes = Bytes::from_static(b"{\"title\":\"St\xf6rung\"}");
    let answer = bench.post(Body::from(bytes)).await;
    assert!(answer.json["warnings"][0].as_str().unwrap().contains("UTF-8"), "{}", answer.json);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = bench.ask("POST", &format!("/intake/generic/{KEY}"), &form, "title=Disk+full&priority=P1").await;
    assert_eq!((answer.status, bench.titles().pop().unwrap().as_str()), (202, "Disk full"));
}

#[tokio::test]
async fn a_body_of_50_mb_is_refused_without_reading_it() {
    let bench = bench();
    let announced = bench
        .ask(
            "POST",
            &format!("/intake/generic/{KEY}"),
            &[("content-length", "52428800")],
            Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>()),
        )
        .await;
    assert_eq!(announced.problem(413), "too-large");
    assert_eq!(announced.headers["connection"], "close");
    // Not announced (chunked): read up to the limit and no further.
    let sent = Arc::new(AtomicUsize::new(0));
    let counting = sent.clone();
    let chunks = futures::stream::iter((0..800).map(move |_| {
        counting.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 65_536]))
    }));
    assert_eq!(bench.post(Body::from_stream(chunks)).await.problem(413), "too-large");
    assert!(sent.load(Ordering::SeqCst) <= BODY_MAX / 65_536 + 2, "{sent:?}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken() {
    let bench = bench();
    let broken =
        futures::stream::iter([Ok(Bytes::from_static(b"{\"title\":\"x\"}")), Err(std::io::Error::other("reset"))]);
    assert_eq!(bench.post(Body::from_stream(broken)).await.problem(400), "body-cut-off");
    assert!(bench.titles().is_empty());
}

#[tokio::test]
async fn signed_events_are_checked() {
    let (bench, body) = (bench(), r#"{"title":"x","key":"1"}"#);
    let at = seconds();
    let missing = bench.ask("POST", &format!("/intake/generic/{SIGNED_KEY}"), &[], body).await;
    assert_eq!(missing.problem(401), "signature-missing");
    for (signature, code) in [
        (sign("another secret", at, body), "signature-wrong"),
        (sign(SECRETS[0], at, "{}"), "signature-wrong"),
        (sign(SECRETS[0], at - 1, body), "signature-wrong"),
        (format!("{}00", sign(SECRETS[0], at, body)), "signature-wrong"),
        ("v1=zz".to_owned(), "signature-wrong"),
        ("v2=00".to_owned(), "signature-malformed"),
    ] {
        assert_eq!(bench.signed(body, at, &signature, &[]).await.problem(401), code, "{signature}");
    }
    assert_eq!(
        bench.signed("not json", at, "v1=00", &[]).await.problem(401),
        "signature-wrong",
        "checked before it is read"
    );
    assert!(bench.titles().is_empty());
    let two = format!("v1=00, {}", sign(SECRETS[1], at, body));
    assert_eq!(bench.signed(body, at, &two, &[]).await.status, 202, "one of several, by the old secret");
}

#[tokio::test]
async fn a_wrong_clock_is_told() {
    let (bench, body) = (bench(), "{}");
    for off in [-301, -86_400, 302, 86_400] {
        let at = seconds() + off;
        let answer = bench.signed(body, at, &sign(SECRETS[0], at, body), &[]).await;
        assert_eq!(answer.problem(401), "clock-skew");
        let word = if off < 0 { "behind" } else { "ahead" };
        assert!(answer.json["detail"].as_str().unwrap().contains(word), "{}", answer.json);
    }
    let headers = [("x-hotline-timestamp", "yesterday"), ("x-hotline-signature", "v1=00")];
    let odd = bench.ask("POST", &format!("/intake/generic/{SIGNED_KEY}"), &headers, body).await;
    assert_eq!(odd.problem(401), "timestamp-malformed");
    let at = seconds() - 240;
    assert_eq!(bench.signed(body, at, &sign(SECRETS[0], at, body), &[]).await.status, 202);
}

#[tokio::test]
async fn a_delivery_that_comes_twice_is_done_once() {
    let (bench, body) = (bench(), r#"{"title":"x"}"#);
    let path = format!("/intake/generic/{KEY}");
    let headers = [("x-hotline-delivery", "d-1")];
    let first = bench.ask("POST", &path, &headers, body).await;
    let second = bench.ask("POST", &path, &headers, body).await;
    assert_eq!((first.status, second.status), (202, 200));
    assert_eq!(first.json, second.json);
    assert_eq!(bench.fake.bodies.load(Ordering::SeqCst), 1);
    // By another node, or after a restart: what is kept counts.
    let other =
        Bench { app: router(Intake::new(bench.fake.clone(), IntakeSettings::default())), fake: bench.fake.clone() };
    assert_eq!(other.ask("POST", &path, &headers, body).await.json, first.json);
    assert_eq!(bench.fake.bodies.load(Ordering::SeqCst), 1);
    for odd in ["", "   ", &"d".repeat(201)] {
        let answer = bench.ask("POST", &path, &[("x-hotline-delivery", odd)], body).await;
        assert_eq!(answer.problem(400), "delivery-malformed");
    }
}

#[tokio::test]
async fn a_replayed_signature_is_done_once_whatever_else_changed() {
    let (bench, body, at) = (bench(), r#"{"title":"x"}"#, seconds());
    let (new, old) = (sign(SECRETS[0], at, body), sign(SECRETS[1], at, body));
    let first = bench.signed(body, at, &new, &[("x-hotline-delivery", "d-1")]).await;
    for (signature, delivery) in [
        (new.clone(), "d-2"),
        (old.clone(), "d-3"),
        (format!("{old},{new}"), "d-4"),
        (new.to_uppercase().replace("V1", "v1"), "d-5"),
    ] {
        let again = bench.signed(body, at, &signature, &[("x-hotline-delivery", delivery)]).await;
        assert_eq!((again.status, &again.json), (200, &first.json), "{signature}");
    }
    assert_eq!(bench.fake.bodies.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_failed_may_be_delivered_again() {
    let (bench, body) = (bench(), r#"{"title":"x"}"#);
    let (path, headers) = (format!("/intake/generic/{KEY}"), [("x-hotline-delivery", "d-1")]);
    *bench.fake.fails.lock() = Some(IntakeError::Full);
    assert_eq!(bench.ask("POST", &path, &headers, body).await.status, 503);
    *bench.fake.fails.lock() = None;
    assert_eq!(bench.ask("POST", &path, &headers, body).await.status, 202);
}

#[tokio::test]
async fn a_source_that_runs_wild_is_slowed_down() {
    let bench = bench_with(IntakeSettings { events_per_second: 1, burst: 5 });
    for _ in 0..5 {
        assert_eq!(bench.post(r#"{"title":"x"}"#).await.status, 202);
    }
    let answer = bench.post(r#"[{"title":"x"},{"title":"y"}]"#).await;
    assert_eq!(answer.problem(429), "too-many-events");
    assert!(["1", "2"].contains(&answer.headers["retry-after"].to_str().unwrap()));
    let (at, body) = (seconds(), "{}");
    assert_eq!(bench.signed(body, at, &sign(SECRETS[0], at, body), &[]).await.status, 202, "other sources are not");
}

#[tokio::test]
async fn heartbeats_take_any_method_and_body() {
    let bench = bench();
    for method in ["GET", "POST", "HEAD"] {
        let answer = bench.ask(method, "/heartbeat/key-of-backup", &[], "x".repeat(100)).await;
        assert_eq!(answer.status, StatusCode::OK.as_u16());
    }
    assert_eq!(*bench.fake.pings.lock(), ["backup", "backup", "backup"].map(HeartbeatId::from));
    assert_eq!(bench.ask("GET", &format!("/heartbeat/{KEY}"), &[], "").await.problem(404), "key-unknown");
    assert_eq!(bench.ask("DELETE", "/heartbeat/key-of-backup", &[], "").await.problem(405), "method-not-allowed");
}
