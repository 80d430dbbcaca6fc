//! One outage, whole: a caller reports it, two customers are touched, the incident is opened, a second caller hears "we know", both
//! status pages tell it, the promise to the first customer is warned about, it is resolved, and report and postmortem hold the true times.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{Hotline, PATIENCE, ended, raw_get};
use crate::incidents::{say, text, toml, when};
use crate::phone;
use crate::receiver::{MailServer, Receiver};

/// So that a warning comes within seconds: a twentieth of two minutes.
const MORE: &str = r#"
[[slas]]
id = "acme-gold"
name = "Gold"
customer = "acme"
warn_at = [5]
targets = [
  { priority = "P1", response = "2m", resolution = "1h", update = "15m" },
  { priority = "P3", response = "2m", resolution = "1h", update = "15m" },
]

[[status_pages]]
id = "acme-page"
title = "Status of Acme"
customer = "acme"
open = true
components = [{ service = "mail", name = "Mail" }, { service = "acme-erp", name = "Warehouse" }]

[[status_pages]]
id = "globex-open"
title = "Globex"
customer = "globex"
open = true
components = [{ service = "mail", name = "E-Mail" }]
"#;

/// What a page says, once it says so.
async fn page(hotline: &Hotline, slug: &str, what: &str, ready: impl Fn(&Value) -> bool) -> Value {
    let waiting = async {
        loop {
            let (status, body) = raw_get(hotline.http(), &format!("/status/{slug}/api/v2/summary.json")).await;
            let said: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            if status == 200 && ready(&said) {
                return said;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {slug} {what}"))
}

fn at(value: &Value, field: &str) -> Timestamp {
    text(value, field).parse().unwrap_or_else(|error| panic!("{field}: {error}: {value:#}"))
}

/// A figure in seconds is what lies between these two.
fn is_between(figure: &Value, from: Timestamp, to: Timestamp) -> bool {
    let seconds = figure.as_f64().expect("a figure");
    (seconds - to.duration_since(from).as_secs_f64()).abs() < 0.002
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_reported_known_told_measured_and_learned_from() -> anyhow::Result<()> {
    let (receiver, post) = (Receiver::start().await, MailServer::start().await);
    let hotline = Hotline::start(&format!("{}{MORE}", toml(&receiver, post.port()))).await;

    // A caller of Acme reports it.
    let mut first = phone::caller(&hotline).await?;
    first.dial(&phone::number(&hotline, "hotline")).await?;
    first.hears("voicemail").await?;
    first.waits_for("beep").await?;
    first.say(phone::speech("message.wav")).await?;
    first.press("#").await?;
    first.begins_to_hear("voicemail-thanks").await?;
    first.hang_up().await?;
    hotline.call_when("inbound", ended("voicemail")).await;
    let alert = hotline.alert_when(|_| true).await;
    let alert_id = text(&alert, "id").to_owned();

    // An incident for both customers; it began twenty minutes before the call.
    let began = at(&alert, "created_at") - SignedDuration::from_mins(20);
    let opening = json!({
        "title": "mail-01 hangs", "severity": "critical", "alerts": [alert_id], "began_at": began.to_string(),
        "affected": [
            {"service": "mail", "impact": "major_outage"},
            {"service": "acme-erp", "impact": "degraded_performance"},
        ],
    });
    let incident = say(&hotline, "POST", "/incidents", opening).await;
    let id = text(&incident, "id").to_owned();
    assert_eq!(incident["customers"].as_array().map(Vec::len), Some(2), "{incident:#}");
    let opened = at(&incident, "opened_at");

    // Told: each page shows its own customer's services, and no more.
    let told = json!({ "phase": "identified", "text": "A switch is broken.", "public_title": "E-mail does not work", "publish": true });
    say(&hotline, "POST", &format!("/incidents/{id}/updates"), told).await;
    let told_on = |said: &Value| said["incidents"][0]["incident_updates"][0]["body"] == "A switch is broken.";
    let acme = page(&hotline, "acme-page", "the update", told_on).await;
    let globex = page(&hotline, "globex-open", "the update", told_on).await;
    assert_eq!((text(&acme["status"], "indicator"), text(&globex["status"], "indicator")), ("critical", "critical"));
    let names = |said: &Value| -> Vec<String> {
        let components = said["components"].as_array().expect("components");
        components.iter().map(|one| text(one, "name").to_owned()).collect()
    };
    assert_eq!(
        (names(&acme), names(&globex)),
        (vec!["Mail".to_owned(), "Warehouse".to_owned()], vec!["E-Mail".to_owned()])
    );
    for inner in ["mail-01", "Acme", "acme", "Warehouse"] {
        assert!(!globex.to_string().contains(inner), "{inner}: {globex:#}");
    }

    // The second caller, of the other customer, hears it before waiting.
    let mut second = phone::named(&hotline, "+4915112345642").await?;
    second.dial(&phone::number(&hotline, "hotline")).await?;
    second.waits_for("incident-known").await?;
    second.waits_for("incident-choice").await?;
    second.hang_up().await?;

    // Nobody has taken the alert: the promise is warned about before it is broken.
    promise_is_warned_about(&hotline, &alert_id).await;
    incident_shows_the_promises(&hotline, &id).await;

    // Taken, over.
    hotline.post(&format!("/alerts/{alert_id}/acknowledge")).await;
    hotline.post(&format!("/alerts/{alert_id}/resolve")).await;
    let last = json!({ "phase": "resolved", "text": "It works again.", "publish": true });
    say(&hotline, "POST", &format!("/incidents/{id}/updates"), last).await;
    let over = when(&hotline, &id, "it is over", |incident| incident["open"] == false).await;
    let resolved = at(&over, "resolved_at");
    for slug in ["acme-page", "globex-open"] {
        page(&hotline, slug, "all is well", |said| text(&said["status"], "indicator") == "none").await;
    }

    reports_hold_the_times(&hotline, &alert_id, began).await;
    postmortem_holds_the_times(&hotline, &id, [began, opened, resolved]).await;
    Ok(())
}

/// Before it is broken; the clocks run on.
async fn promise_is_warned_about(hotline: &Hotline, alert_id: &str) {
    let warned = async {
        loop {
            let alert = hotline.get(&format!("/alerts/{alert_id}")).await;
            let lines = alert["timeline"].as_array().cloned().unwrap_or_default();
            if lines.iter().any(|line| text(line, "kind") == "sla-warned" && text(line, "what").contains("5 %")) {
                return alert;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let alert = tokio::time::timeout(PATIENCE, warned).await.expect("the promise is warned about");
    let running: Vec<&str> =
        alert["promises"]["clocks"].as_array().expect("clocks").iter().map(|c| text(c, "state")).collect();
    assert_eq!(running, ["running", "running"], "{alert:#}");
}

/// To Acme; nothing was promised to Globex.
async fn incident_shows_the_promises(hotline: &Hotline, id: &str) {
    let promised = hotline.get(&format!("/incidents/{id}")).await["promises"].clone();
    assert_eq!(promised.as_array().map(Vec::len), Some(1), "nothing was promised to Globex: {promised:#}");
    assert_eq!(promised[0]["customer"]["id"], "acme");
    let clocks: Vec<(&str, &str, bool)> = promised[0]["clocks"]
        .as_array()
        .expect("clocks")
        .iter()
        .map(|clock| (text(clock, "promise"), text(clock, "state"), clock["due_at"].is_string()))
        .collect();
    assert_eq!(clocks, [("response", "kept", true), ("resolution", "running", true)], "{promised:#}");
}

/// The reports: by the alert's own times, of this customer only.
async fn reports_hold_the_times(hotline: &Hotline, alert_id: &str, began: Timestamp) {
    let alert = hotline.alert_when(|alert| alert["status"] == "resolved").await;
    let created = at(&alert, "created_at");
    let ask = async |report: &str, customer: &str| hotline.get(&format!("/reports/{report}?customer={customer}")).await;
    let taken = ask("mtta", "acme").await;
    assert_eq!(taken["all"]["known"], 1, "{taken:#}");
    assert!(is_between(&taken["all"]["mean_seconds"], created, at(&alert, "acknowledged_at")), "{taken:#}");
    let over = ask("mttr", "acme").await;
    assert!(is_between(&over["all"]["mean_seconds"], created, at(&alert, "resolved_at")), "{over:#}");
    assert_eq!(ask("mttr", "globex").await["all"]["known"], 0);
    // The alert's own beginning nobody knows: the incident's counts.
    assert_eq!(alert["began_at"], Value::Null);
    let noticed = ask("mttd", "acme").await;
    assert_eq!((&noticed["all"]["known"], &noticed["all"]["unknown"]), (&json!(1), &json!(0)), "{noticed:#}");
    assert!(is_between(&noticed["all"]["mean_seconds"], began, created), "{noticed:#}");
    let word = json!({ "began_at": (created - SignedDuration::from_mins(5)).to_string() });
    let known = say(hotline, "PATCH", &format!("/alerts/{alert_id}"), word).await;
    assert_eq!(text(&known, "began_origin"), "person", "looked up when all was over");
    let noticed = ask("mttd", "acme").await;
    let mean = &noticed["all"]["mean_seconds"];
    assert!(is_between(mean, created - SignedDuration::from_mins(5), created), "{noticed:#}");
    let sla = async {
        loop {
            let sla = ask("sla", "acme").await;
            if sla["all"]["open"] == 0 {
                return sla;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let sla = tokio::time::timeout(PATIENCE, sla).await.expect("the clocks have ended");
    // Alert and incident have two clocks each: one fault, two promises; and before each of the incident's updates words
    // were awaited.
    let kept = |promise: &str| -> Vec<&Value> {
        let rows = sla["by_promise"].as_array().expect("rows").iter();
        rows.filter(|row| text(row, "promise") == promise).map(|row| &row["kept"]).collect()
    };
    assert_eq!(sla["all"]["broken"], 0, "{sla:#}");
    assert_eq!((kept("response"), kept("resolution")), (vec![&json!(1)], vec![&json!(1)]), "{sla:#}");
    assert_eq!(kept("update"), [&json!(2)], "{sla:#}");
}

/// The postmortem's draft holds the times, and names nobody.
async fn postmortem_holds_the_times(hotline: &Hotline, id: &str, times: [Timestamp; 3]) {
    let drafted = say(hotline, "POST", "/postmortems", json!({ "incident": id, "language": "en" })).await;
    assert_eq!((&drafted["model"], text(&drafted, "state")), (&Value::Null, "draft"));
    let moments: Vec<Timestamp> =
        drafted["timeline"].as_array().expect("a timeline").iter().map(|moment| at(moment, "at")).collect();
    for moment in times {
        assert!(moments.contains(&moment), "{moment}: {drafted:#}");
    }
    assert!(moments.is_sorted(), "{drafted:#}");
    let (status, paper) =
        raw_get(hotline.http(), &format!("/api/v1/postmortems/{}/paper?format=pdf", text(&drafted, "id"))).await;
    assert!(status == 200 && paper.starts_with(b"%PDF-"));
}
