//! JSON in statuspage.io's shapes, by their keys; feeds by their elements.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::*;
use super::fixture::*;

const PAGE: &[&str] = &["id", "name", "url", "time_zone", "updated_at"];
const COMPONENT: &[&str] = &[
    "id",
    "name",
    "status",
    "created_at",
    "updated_at",
    "position",
    "description",
    "showcase",
    "start_date",
    "group_id",
    "page_id",
    "group",
    "only_show_if_degraded",
];
const INCIDENT: &[&str] = &[
    "id",
    "name",
    "status",
    "created_at",
    "updated_at",
    "monitoring_at",
    "resolved_at",
    "impact",
    "shortlink",
    "started_at",
    "page_id",
    "incident_updates",
    "components",
];
const UPDATE: &[&str] = &[
    "id",
    "status",
    "body",
    "incident_id",
    "created_at",
    "updated_at",
    "display_at",
    "affected_components",
    "deliver_notifications",
    "custom_tweet",
    "tweet_id",
];

fn has(value: &Value, keys: &[&str], more: &[&str], what: &str) {
    let own: BTreeSet<&str> =
        value.as_object().unwrap_or_else(|| panic!("{what}: {value}")).keys().map(String::as_str).collect();
    let wanted: BTreeSet<&str> = keys.iter().chain(more).copied().collect();
    assert_eq!(own, wanted, "{what}");
}

fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    // 2022-02-15T13:37:37.407-08:00
    text.len() == 29 && text.parse::<jiff::Timestamp>().is_ok() && text.as_bytes()[19] == b'.'
}

fn incident(value: &Value, more: &[&str]) {
    has(value, INCIDENT, more, "incident");
    assert!(
        ["none", "minor", "major", "critical", "maintenance"].contains(&value["impact"].as_str().unwrap()),
        "{value}"
    );
    for key in ["created_at", "updated_at", "started_at"] {
        assert!(is_time(&value[key]), "{key}: {value}");
    }
    let updates = value["incident_updates"].as_array().unwrap();
    assert!(!updates.is_empty());
    let times: Vec<&str> = updates.iter().map(|update| update["created_at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "the newest first: {times:?}");
    for update in updates {
        has(update, UPDATE, &[], "update");
        for touched in update["affected_components"].as_array().into_iter().flatten() {
            has(touched, &["code", "name", "old_status", "new_status"], &[], "affected component");
        }
    }
    for component in value["components"].as_array().unwrap() {
        has(component, COMPONENT, &[], "component of an incident");
    }
}

async fn json(bench: &Bench, file: &str) -> Value {
    let answer = bench.look("own-a", &format!("/api/v2/{file}"), &cookie_of("acme", "own-a")).await;
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8", "{file}");
    let value = answer.json();
    has(&value["page"], PAGE, &[], file);
    assert!(is_time(&value["page"]["updated_at"]), "{value}");
    assert_eq!(value["page"]["url"], "https://status.msp.example/status/own-a");
    value
}

#[tokio::test]
async fn the_json_has_the_shapes_that_clients_know() {
    let (bench, _) = status_bench();
    let summary = json(&bench, "summary.json").await;
    has(&summary, &["page", "status", "components", "incidents", "scheduled_maintenances"], &[], "summary");
    let status = json(&bench, "status.json").await;
    has(&status, &["page", "status"], &[], "status");
    assert_eq!(status["status"], serde_json::json!({ "indicator": "critical", "description": "Major Service Outage" }));
    assert_eq!(summary["status"], status["status"]);
    let components = json(&bench, "components.json").await;
    let components = components["components"].as_array().unwrap();
    assert_eq!(components.len(), 3, "two services and a group");
    for component in components {
        let group = component["group"] == true;
        has(component, COMPONENT, if group { &["components"] } else { &[] }, "component");
        assert!(is_time(&component["created_at"]) && is_time(&component["updated_at"]), "{component}");
    }
    let group = components.iter().find(|one| one["group"] == true).unwrap();
    assert_eq!((&group["name"], &group["components"][0]), (&"Acme group".into(), &components[0]["id"]));
    assert_eq!(components[0]["group_id"], group["id"]);
    assert_eq!(components[0]["status"], "major_outage", "what was told to acme about the mail says so");
    let all = json(&bench, "incidents.json").await;
    for one in all["incidents"].as_array().unwrap() {
        incident(one, &[]);
    }
    assert_eq!(json(&bench, "incidents/unresolved.json").await["incidents"].as_array().unwrap().len(), 2);
    let planned = json(&bench, "scheduled-maintenances.json").await;
    let planned = planned["scheduled_maintenances"].as_array().unwrap();
    incident(&planned[0], &["scheduled_for", "scheduled_until"]);
    assert_eq!((&planned[0]["impact"], &planned[0]["status"]), (&"maintenance".into(), &"scheduled".into()));
    assert_eq!(
        json(&bench, "scheduled-maintenances/upcoming.json").await["scheduled_maintenances"].as_array().unwrap().len(),
        1
    );
    assert_eq!(
        json(&bench, "scheduled-maintenances/active.json").await["scheduled_maintenances"],
        serde_json::json!([])
    );
    let of_acme = all["incidents"].as_array().unwrap().iter().find(|one| one["id"] == visible_id(ACME_OUTAGE)).unwrap();
    assert_eq!(of_acme["impact"], "critical", "its worst");
    assert_eq!(
        of_acme["shortlink"],
        format!("https://status.msp.example/status/own-a/incidents/{}", visible_id(ACME_OUTAGE))
    );
    let newest = &of_acme["incident_updates"][0];
    assert_eq!(newest["affected_components"][0]["old_status"], "major_outage");
    assert_eq!(newest["affected_components"][0]["new_status"], "partial_outage");
}

#[tokio::test]
async fn feeds_and_badge_are_what_readers_expect() {
    let (bench, _) = status_bench();
    let atom = bench.look("all", "/history.atom", "").await;
    assert_eq!(atom.header("content-type"), "application/atom+xml; charset=utf-8");
    let text = atom.text();
    assert!(
        text.starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\"")
    );
    assert_eq!(text.matches("<entry>").count(), 2, "{text}");
    for part in [
        "<id>https://status.msp.example/status/all/history.atom</id>",
        "<updated>",
        "<link rel=\"self\"",
        "<author><name>",
        &format!("<id>urn:uuid:{}</id>", visible_id(MAIL_OUTAGE)),
        "<content type=\"text\">",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let rss = bench.look("all", "/history.rss", "").await;
    assert_eq!(rss.header("content-type"), "application/rss+xml; charset=utf-8");
    let text = rss.text();
    assert_eq!(
        (text.matches("<item>").count(), text.matches("<guid isPermaLink=\"false\">").count()),
        (2, 2),
        "{text}"
    );
    assert!(text.contains("<pubDate>") && text.contains("<atom:link rel=\"self\""), "{text}");
    let badge = bench.look("all", "/badge.svg", "").await;
    assert_eq!(badge.header("content-type"), "image/svg+xml; charset=utf-8");
    assert!(badge.text().contains("Minor Service Outage") && !badge.text().contains("<script"), "{}", badge.text());
}
