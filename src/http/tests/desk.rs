//! Alerts through the API: every verb, happy and refused.

use std::sync::atomic::Ordering;

use super::super::fake::*;
use super::*;

impl Bench {
    async fn send_text(&self, method: Method, path: &str, body: &str) -> Answer {
        let token = format!("Bearer {TOKEN}");
        self.ask(method, path, &[("authorization", &token), ("content-type", "application/json")], body).await
    }

    async fn word(&self, number: u128, verb: &str, body: &str) -> Answer {
        self.send_text(Method::POST, &path("/api/v1/alerts", number, verb), body).await
    }
}

#[tokio::test]
async fn words_are_carried_out_and_show_the_alert() {
    let bench = bench();
    let assigned = bench.word(ALERT_WAITING, "/assign", r#"{"user":"engineer-2"}"#).await;
    assert_eq!((assigned.status, &assigned.json()["assigned"]["name"]), (StatusCode::OK, &"Ben Sommer".into()));
    let snoozed = bench.word(ALERT_WAITING, "/snooze", r#"{"until":"2126-11-22T04:00:00+01:00"}"#).await;
    assert_eq!(snoozed.json()["snoozed_until"], "2126-11-22T03:00:00.000Z");
    assert_eq!(bench.word(ALERT_WAITING, "/snooze", r#"{"minutes":30}"#).await.status, StatusCode::OK);
    assert_eq!(bench.post(&path("/api/v1/alerts", ALERT_WAITING, "/escalate")).await.status, StatusCode::OK);
    assert_eq!(bench.word(ALERT_WAITING, "/comments", r#"{"text":"on it"}"#).await.status, StatusCode::OK);
    let back = bench.post(&path("/api/v1/alerts", ALERT_TAKEN, "/hand-back")).await;
    assert_eq!(back.json()["status"], "triggered");
    let said = r#"{"priority":"P4","title":"  Scanners \n slow "}"#.replace("\\n", " ");
    let described = bench.send_text(Method::PATCH, &path("/api/v1/alerts", ALERT_WAITING, ""), &said).await;
    assert_eq!((&described.json()["priority"], &described.json()["title"]), (&"P4".into(), &"Scanners slow".into()));
    let into = format!(r#"{{"into":"{}"}}"#, id(ALERT_TAKEN));
    let merged = bench.word(ALERT_WAITING, "/merge", &into).await.json();
    assert_eq!((&merged["status"], &merged["merged_into"]), (&"resolved".into(), &id(ALERT_TAKEN).to_string().into()));
}

#[tokio::test]
async fn what_can_not_be_is_told() {
    let bench = bench();
    for (number, verb, body, status, code) in [
        (ALERT_WAITING, "/assign", r#"{"user":"nobody"}"#, 400, "invalid-parameter"),
        (ALERT_WAITING, "/assign", "{}", 400, "invalid-body"),
        (ALERT_WAITING, "/assign", r#"{"user":"engineer-1","x":1}"#, 400, "invalid-body"),
        (ALERT_WAITING, "/snooze", "{}", 400, "invalid-parameter"),
        (ALERT_WAITING, "/snooze", r#"{"minutes":0}"#, 400, "invalid-parameter"),
        (ALERT_WAITING, "/snooze", r#"{"minutes":1e99}"#, 400, "invalid-body"),
        (ALERT_WAITING, "/snooze", r#"{"until":"tomorrow"}"#, 400, "invalid-parameter"),
        (ALERT_WAITING, "/snooze", r#"{"until":"2126-11-22T04:00:00Z","minutes":3}"#, 400, "invalid-parameter"),
        (ALERT_WAITING, "/merge", r#"{"into":"x"}"#, 400, "invalid-parameter"),
        (ALERT_WAITING, "/comments", r#"{"text":" "}"#, 400, "invalid-parameter"),
        (ALERT_WAITING, "/comments", "{", 400, "invalid-body"),
        (ALERT_RESOLVED, "/snooze", r#"{"minutes":3}"#, 409, "alert-resolved"),
        (999, "/snooze", r#"{"minutes":3}"#, 404, "alert-not-found"),
    ] {
        let answer = bench.word(number, verb, body).await;
        assert_eq!(answer.problem(status), code, "{verb} {body}");
    }
    assert_eq!(bench.post(&path("/api/v1/alerts", ALERT_WAITING, "/hand-back")).await.problem(409), "alert-not-taken");
    let same = format!(r#"{{"into":"{}"}}"#, id(ALERT_WAITING));
    assert_eq!(bench.word(ALERT_WAITING, "/merge", &same).await.problem(409), "merge-refused");
    for body in ["{}", r#"{"title":"  "}"#, r#"{"priority":"urgent"}"#] {
        let to = path("/api/v1/alerts", ALERT_WAITING, "");
        assert_eq!(bench.send_text(Method::PATCH, &to, body).await.problem(400), "invalid-parameter", "{body}");
    }
    let plain = bench.post(&path("/api/v1/alerts", ALERT_WAITING, "/snooze")).await;
    assert_eq!(plain.problem(415), "unsupported-media-type");
}

#[tokio::test]
async fn an_alert_is_opened_by_hand_once() {
    let bench = bench();
    let token = format!("Bearer {TOKEN}");
    let headers = [("authorization", token.as_str()), ("content-type", "application/json"), ("idempotency-key", "k-1")];
    let body = r#"{"title":"Mail is slow","priority":"P2","customer":"acme","link":"https://mon.example/1"}"#;
    let first = bench.ask(Method::POST, "/api/v1/alerts", &headers, body).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
    let alert = first.json();
    assert_eq!(first.header("location"), format!("/api/v1/alerts/{}", alert["id"].as_str().unwrap()));
    assert_eq!((&alert["source"], &alert["customer"]["name"]), (&"by-hand".into(), &"Acme Logistics".into()));
    let again = bench.ask(Method::POST, "/api/v1/alerts", &headers, body).await;
    assert_eq!((again.status, &again.json()["id"]), (StatusCode::CREATED, &alert["id"]), "the first answer again");
    let keyed = r#"{"title":"Mail is slow","dedup_key":" Mail-1 "}"#;
    let opened = bench.send_text(Method::POST, "/api/v1/alerts", keyed).await;
    let joined = bench.send_text(Method::POST, "/api/v1/alerts", keyed).await;
    assert_eq!((opened.status, joined.status), (StatusCode::CREATED, StatusCode::OK));
    assert_eq!(opened.json()["id"], joined.json()["id"]);
    for (body, field) in [
        (r#"{"title":""}"#, "title"),
        (r#"{"title":"x","customer":"nobody"}"#, "customer"),
        (r#"{"title":"x","service":"nothing"}"#, "service"),
        (r#"{"title":"x","policy":"none"}"#, "policy"),
        (r#"{"title":"x","priority":"P9"}"#, "priority"),
        (r#"{"title":"x","link":"javascript:1"}"#, "link"),
    ] {
        let answer = bench.send_text(Method::POST, "/api/v1/alerts", body).await;
        assert_eq!(
            (answer.problem(400).as_str(), &answer.json()["field"]),
            ("invalid-parameter", &field.into()),
            "{body}"
        );
    }
    bench.fake.away.store(true, Ordering::SeqCst);
    assert_eq!(bench.send_text(Method::POST, "/api/v1/alerts", r#"{"title":"x"}"#).await.problem(202), "queued");
    bench.fake.full.store(true, Ordering::SeqCst);
    assert_eq!(bench.send_text(Method::POST, "/api/v1/alerts", r#"{"title":"x"}"#).await.problem(503), "not-kept");
}

#[tokio::test]
async fn an_alert_says_what_happens_next_and_who_was_told() {
    let bench = bench();
    let alert = bench.get(&path("/api/v1/alerts", ALERT_WAITING, "")).await.json();
    assert_eq!(alert["next"]["what"], "step 2 at 03:03:00 UTC");
    assert_eq!(alert["next"]["at"], "2026-11-22T03:03:00.000Z");
    assert_eq!(alert["notifications"][0]["user"]["name"], "Ada Winter");
    let all = bench.get("/api/v1/notifications").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    let one = bench.get(&format!("/api/v1/notifications?alert={}&state=answered", id(ALERT_TAKEN))).await.json();
    assert_eq!(one["items"][0]["state"], "answered");
    assert_eq!(bench.get("/api/v1/notifications?state=lost").await.problem(400), "invalid-parameter");
    let timeline = bench.get(&path("/api/v1/alerts", ALERT_WAITING, "/timeline")).await.json();
    assert_eq!(timeline["items"], alert["timeline"]);
}

#[tokio::test]
async fn actions_are_started_and_listed() {
    let bench = bench();
    let restart = path("/api/v1/alerts", ALERT_WAITING, "/actions/restart");
    let started = bench.post(&restart).await;
    assert_eq!((started.status, &started.json()["started"]), (StatusCode::ACCEPTED, &true.into()));
    let token = format!("Bearer {TOKEN}");
    let known = [("authorization", token.as_str()), ("idempotency-key", "known")];
    assert_eq!(bench.ask(Method::POST, &restart, &known, "").await.json()["started"], false);
    let unknown = bench.post(&path("/api/v1/alerts", ALERT_WAITING, "/actions/reboot")).await;
    assert_eq!(unknown.problem(404), "action-not-found");
    assert_eq!(bench.post(&path("/api/v1/alerts", 999, "/actions/restart")).await.problem(404), "alert-not-found");
    let runs = bench.get(&path("/api/v1/alerts", ALERT_WAITING, "/actions")).await.json();
    assert_eq!((&runs["items"][0]["state"], &runs["items"][0]["output"]), (&"done".into(), &"restarted".into()));
}

#[tokio::test]
async fn the_table_is_whole_and_harmless() {
    let bench = bench();
    {
        let mut kept = bench.fake.kept.lock();
        let mut row = kept.alerts[0].clone();
        row.title = "=HYPERLINK(\"http://evil.example\")".to_owned();
        for number in 1_000..1_450 {
            kept.alerts.push(crate::store::read::AlertRow { id: id(number).to_string(), ..row.clone() });
        }
    }
    let table = bench.get("/api/v1/alerts/export.csv").await;
    assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
    let text = table.text();
    assert_eq!(text.lines().count(), 1 + 4 + 450);
    assert!(text.starts_with("id,reference,status,") && text.contains("'=HYPERLINK") && !text.contains(",=HYPER"));
    assert_eq!(bench.get("/api/v1/alerts/export.csv?limit=5").await.problem(400), "invalid-parameter");
    bench.fake.away.store(true, Ordering::SeqCst);
    assert_eq!(bench.get("/api/v1/alerts/export.csv").await.problem(503), "database-away");
}
