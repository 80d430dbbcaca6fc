//! What goes by itself: an incident for an acknowledged alert, planned work at its times, reminders of the next update; and what a
//! second person looks at first.

use std::time::Duration;

use hotline::clock::now;
use hotline::store::incidents::IncidentVerdict;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Hotline, PATIENCE};
use crate::incidents::{say, send, text, toml, when};
use crate::receiver::{MailServer, Receiver};

/// The rules, and who is reminded.
const RULES: &str = r#"
[incident_rules]
publishers = ["admin", "dispatcher"]
review = ["major"]
auto_services = ["mail"]

[[update_templates]]
id = "first-de"
phase = "investigating"
language = "de"
text = "{service} klemmt seit {since} ({reference})."

[[users]]
id = "mia"
name = "Mia"
contacts = [{ id = "mail", kind = "email", address = "mia@house.example" }]
"#;

async fn start(receiver: &Receiver, post: &MailServer) -> Hotline {
    Hotline::start(&format!("{}{RULES}", toml(receiver, post.port()))).await
}

async fn only_incident(hotline: &Hotline, what: &str, ready: impl Fn(&Value) -> bool) -> Value {
    let waiting = async {
        loop {
            let list = hotline.get("/incidents").await;
            if let Some([one]) = list["items"].as_array().map(Vec::as_slice)
                && ready(one)
            {
                return hotline.get(&format!("/incidents/{}", text(one, "id"))).await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_alert_of_a_named_service_is_told_by_itself() {
    let (receiver, post) = (Receiver::start().await, MailServer::start().await);
    let hotline = start(&receiver, &post).await;
    for title in ["mail-01 is down", "mail-02 is down"] {
        let alert = json!({ "title": title, "priority": "P1", "service": "mail", "customer": "acme" });
        let alert = say(&hotline, "POST", "/alerts", alert).await;
        assert_eq!(hotline.post(&format!("/alerts/{}/acknowledge", text(&alert, "id"))).await, 200);
    }
    // One incident for both, published, by the templates.
    let both = |one: &Value| one["published"] == true;
    let incident = only_incident(&hotline, "an incident that was published by itself", both).await;
    let joined = |incident: &Value| incident["alerts"].as_array().is_some_and(|alerts| alerts.len() == 2);
    let incident = when(&hotline, text(&incident, "id"), "both alerts belong to it", joined).await;
    assert_eq!((text(&incident, "severity"), text(&incident, "opened_by")), ("critical", "the hotline"));
    let update = &incident["updates"][0];
    assert!(text(update, "text").starts_with("We know of a disturbance of E-Mail since"), "{update:#}");
    let german = text(&update["translations"], "de");
    assert!(german.starts_with("E-Mail klemmt seit") && german.ends_with("(INC-1001)."), "{german}");
    let mail = post.first().await;
    assert!(mail.text().contains("E-Mail klemmt seit"), "{}", mail.text());
    // One that is not urgent enough, or of another service, is nobody's to hear.
    for (priority, service) in [("P2", "mail"), ("P1", "acme-erp")] {
        let alert = json!({ "title": "x", "priority": priority, "service": service, "customer": "acme" });
        let alert = say(&hotline, "POST", "/alerts", alert).await;
        assert_eq!(hotline.post(&format!("/alerts/{}/acknowledge", text(&alert, "id"))).await, 200);
    }
    assert_eq!(hotline.get("/incidents").await["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn planned_work_begins_and_ends_at_its_times() {
    let (receiver, post) = (Receiver::start().await, MailServer::start().await);
    let hotline = start(&receiver, &post).await;
    let (from, until) = (now().wall + SignedDuration::from_secs(3), now().wall + SignedDuration::from_secs(7));
    let plan = json!({
        "kind": "maintenance", "title": "firmware", "public_title": "New firmware",
        "scheduled_from": from.to_string(), "scheduled_until": until.to_string(), "by_itself": true,
        "affected": [{"service": "mail", "impact": "under_maintenance"}],
    });
    let incident = say(&hotline, "POST", "/incidents", plan).await;
    let id = text(&incident, "id").to_owned();
    assert_eq!(text(&incident, "phase"), "scheduled");
    let first = json!({ "text": "We update the firmware.", "publish": true });
    say(&hotline, "POST", &format!("/incidents/{id}/updates"), first).await;
    let done = when(&hotline, &id, "the work is over by itself", |incident| incident["phase"] == "completed").await;
    let phases: Vec<&str> = done["updates"].as_array().expect("updates").iter().map(|one| text(one, "phase")).collect();
    assert_eq!(phases.last(), Some(&"completed"), "{done:#}");
    assert!(
        phases.len() == phases.iter().collect::<std::collections::BTreeSet<_>>().len(),
        "each is told once: {phases:?}"
    );
    assert!(done["updates"].as_array().expect("updates").iter().all(|one| one["state"] == "published"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leads_is_warned_when_the_next_update_is_overdue() {
    let (receiver, post) = (Receiver::start().await, MailServer::start().await);
    let hotline = start(&receiver, &post).await;
    let opening = json!({
        "title": "the inner title", "severity": "critical",
        "affected": [{"service": "mail", "impact": "major_outage"}],
    });
    let incident = say(&hotline, "POST", "/incidents", opening).await;
    let id = text(&incident, "id").to_owned();
    let (status, _) = send(
        &hotline,
        "PUT",
        &format!("/incidents/{id}/roles/communication"),
        crate::harness::TOKEN,
        &json!({"user": "mia"}),
    )
    .await;
    assert_eq!(status, 200);
    // Half an hour later.
    let late = now().wall - SignedDuration::from_secs(1);
    let decide = |incident: &hotline_core::incident::Incident| {
        let mut incident = incident.clone();
        incident.update_due = Some(late);
        Ok::<_, ()>(Some(IncidentVerdict { incident, lines: Vec::new(), tell: Vec::new(), audit: Vec::new() }))
    };
    let changed = hotline.store().change_incident(id.parse().expect("an id"), now().wall, decide).await;
    changed.expect("kept").expect("there").expect("agreed");
    let mail = post.first().await;
    assert_eq!(mail.to, ["<mia@house.example>"]);
    assert!(mail.text().contains("INC-1001") && mail.text().contains("overdue"), "{}", mail.text());
    let timeline = hotline.get(&format!("/incidents/{id}/timeline")).await;
    let warned = timeline.as_array().expect("lines").iter().filter(|line| line["kind"] == "incident.update-overdue");
    assert_eq!(warned.count(), 1, "{timeline:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_person_looks_first_where_the_rules_say_so() {
    let (receiver, post) = (Receiver::start().await, MailServer::start().await);
    let hotline = start(&receiver, &post).await;
    let second = say(&hotline, "POST", "/tokens", json!({ "name": "second", "role": "dispatcher" })).await;
    let engineer = say(&hotline, "POST", "/tokens", json!({ "name": "engineer", "role": "engineer" })).await;
    let opening = json!({
        "title": "x", "public_title": "E-mail is slow", "severity": "major",
        "affected": [{"service": "mail", "impact": "partial_outage"}],
    });
    let incident = say(&hotline, "POST", "/incidents", opening).await;
    let one = format!("/incidents/{}", text(&incident, "id"));
    let drafted = say(&hotline, "POST", &format!("{one}/updates"), json!({ "text": "We are on it." })).await;
    let update = format!("{one}/updates/{}", text(&drafted["updates"][0], "id"));
    let publish = async |token: &str| {
        let (status, answer) = send(&hotline, "POST", &format!("{update}/publish"), token, &json!({})).await;
        (status, text(&answer, "code").to_owned())
    };
    assert_eq!(publish(text(&engineer, "token")).await, (403, "may-not-publish".to_owned()));
    assert_eq!(publish(text(&second, "token")).await, (409, "needs-review".to_owned()));
    say(&hotline, "POST", &format!("{update}/submit"), json!({})).await;
    assert_eq!(publish(crate::harness::TOKEN).await, (409, "own-review".to_owned()));
    assert_eq!(publish(text(&second, "token")).await.0, 200);
    assert_eq!(publish(text(&second, "token")).await, (409, "update-settled".to_owned()));
}
