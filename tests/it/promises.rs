//! A promise to a customer from its contract to its report: signed by a mailed link, measured on an alert, waited with, kept, told to the
//! customer, and to nobody else.

use std::time::Duration;

use hotline::switch::slas::Due;
use serde_json::{Value, json};

use crate::harness::{Hotline, PATIENCE, TOKEN};
use crate::receiver::MailServer;

fn toml(mail_port: u16) -> String {
    format!(
        r#"
[server]
public_url = "https://hotline.example.com"

[notify]
allow_networks = ["127.0.0.0/8"]

[notify.smtp]
server = "127.0.0.1"
port = {mail_port}
security = "none"
from = "Hotline <hotline@example.com>"

[[customers]]
id = "acme"
name = "Acme Logistics"
language = "en"
time_zone = "Europe/London"

[[customers.contacts]]
id = "lea"
name = "Lea Sommer"
email = "lea@acme.example"

[[customers.reports]]
id = "monthly"
every = "month"
to = ["lea"]

[[customers]]
id = "globex"
name = "Globex"
"#
    )
}

/// A request; status, kind and body of the answer.
async fn ask(
    hotline: &Hotline,
    method: &'static str,
    path: &str,
    token: Option<&str>,
    body: Option<(&'static str, String)>,
) -> (u16, String, Vec<u8>) {
    let url = format!("http://{}{path}", hotline.http());
    let token = token.map(|token| format!("Bearer {token}"));
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let (kind, body) = body.unwrap_or(("text/plain", String::new()));
        let token = token.unwrap_or_default();
        let sent = match method {
            "GET" => agent.get(&url).header("Authorization", &token).call(),
            "PUT" => agent.put(&url).header("Authorization", &token).content_type(kind).send(body.as_bytes()),
            _ => agent.post(&url).header("Authorization", &token).content_type(kind).send(body.as_bytes()),
        };
        let mut response = sent.expect("HTTP answers");
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let (status, kind) = (response.status().as_u16(), kind.to_owned());
        (status, kind, response.body_mut().read_to_vec().expect("a body"))
    })
    .await
    .expect("no panic")
}

async fn say(hotline: &Hotline, method: &'static str, path: &str, body: &Value) -> Value {
    let body = Some(("application/json", body.to_string()));
    let (status, _, answer) = ask(hotline, method, &format!("/api/v1{path}"), Some(TOKEN), body).await;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer:#}");
    answer
}

async fn alert_when(hotline: &Hotline, id: &str, what: &str, ready: impl Fn(&Value) -> bool) -> Value {
    let waiting = async {
        loop {
            let alert = hotline.get(&format!("/alerts/{id}")).await;
            if ready(&alert) {
                return alert;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"))
}

fn states(alert: &Value) -> Vec<&str> {
    let clocks = alert["promises"]["clocks"].as_array().expect("a list");
    clocks.iter().map(|clock| clock["state"].as_str().unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_is_signed_measured_kept_and_told() -> anyhow::Result<()> {
    let post = MailServer::start().await;
    let hotline = Hotline::start(&toml(post.port())).await;
    let contract = |response: &str| json!({ "name": "Gold", "customer": "acme", "targets": [{ "priority": "P1", "response": response, "resolution": "4h" }] });
    say(&hotline, "PUT", "/slas/gold", &contract("15m")).await;

    // Signed by the link that is in the mail only.
    let asked = say(&hotline, "POST", "/slas/gold/revisions/1/request-signature", &json!({ "contact": "lea" })).await;
    assert!(asked["signed_at"].is_null(), "{asked:#}");
    let mail = post.first().await;
    assert!(mail.to.len() == 1 && mail.to[0].contains("lea@acme.example"), "{:?}", mail.to);
    let text = mail.text();
    let link = text.split("https://hotline.example.com").nth(1).expect("a link");
    let link: String = link.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '/').collect();
    assert!(link.starts_with("/sign/") && link.len() > 40, "{link}");
    let (status, _, page) = ask(&hotline, "GET", &link, None, None).await;
    let page = String::from_utf8(page)?;
    assert!(status == 200 && page.contains("Acme Logistics") && page.contains("15 min"), "{status} {page}");
    let form = Some(("application/x-www-form-urlencoded", "name=Lea+Sommer&confirm=yes".to_owned()));
    let (status, _, page) = ask(&hotline, "POST", &link, None, form).await;
    assert!(status == 200 && String::from_utf8(page)?.contains("Signed by <b>Lea Sommer</b>"));

    let copy = post.nth(1).await;
    assert!(copy.to == mail.to && copy.data.contains("sla-gold-1.pdf"), "she has what she signed: {}", copy.data);

    // The contract changes: the signature stays with what was signed, the new revision has none.
    say(&hotline, "PUT", "/slas/gold", &contract("30m")).await;
    let revisions = hotline.get("/slas/gold/revisions").await;
    let told: Vec<(&Value, &Value)> =
        revisions["items"].as_array().expect("a list").iter().map(|one| (&one["revision"], &one["signed"])).collect();
    assert_eq!(told, [(&json!(2), &json!(false)), (&json!(1), &json!(true))]);
    let missing = hotline.get("/reports/readiness").await["missing"].to_string();
    assert!(missing.contains("unsigned-sla"), "{missing}");

    // Measured by the revision in force, paused, kept.
    let opened =
        say(&hotline, "POST", "/alerts", &json!({ "title": "Mail is down", "priority": "P1", "customer": "acme" }))
            .await;
    let id = opened["id"].as_str().expect("an id").to_owned();
    let alert = alert_when(&hotline, &id, "the clocks run", |alert| states(alert) == ["running", "running"]).await;
    let response = &alert["promises"]["clocks"][0];
    assert_eq!((&response["revision"], &response["target_seconds"]), (&json!(2), &json!(1_800)), "{alert:#}");
    let waits = say(&hotline, "POST", &format!("/alerts/{id}/waiting"), &json!({ "waiting": true })).await;
    assert!(waits["waiting_since"].is_string() && waits["clocks"][1]["due_at"].is_null(), "{waits:#}");
    say(&hotline, "POST", &format!("/alerts/{id}/waiting"), &json!({ "waiting": false })).await;
    hotline.post(&format!("/alerts/{id}/acknowledge")).await;
    hotline.post(&format!("/alerts/{id}/resolve")).await;
    let alert = alert_when(&hotline, &id, "the promises are kept", |alert| states(alert) == ["kept", "kept"]).await;
    let lines = alert["timeline"].as_array().expect("a timeline");
    let kinds: Vec<&str> = lines.iter().filter_map(|line| line["kind"].as_str()).collect();
    for (kind, count) in [("sla", 4), ("waits-for-customer", 1), ("customer-answered", 1)] {
        assert_eq!(kinds.iter().filter(|own| **own == kind).count(), count, "{kind}: {kinds:?}");
    }

    // Told to the customer, and to nobody else.
    let sla = hotline.get("/reports/sla").await;
    assert_eq!((&sla["all"]["kept"], &sla["all"]["rate"]), (&json!(2), &json!(100.0)), "{sla:#}");
    let report = "/api/v1/reports/customer/acme";
    let (status, kind, pdf) = ask(&hotline, "GET", &format!("{report}?format=pdf"), Some(TOKEN), None).await;
    assert!(status == 200 && kind == "application/pdf" && pdf.starts_with(b"%PDF-"), "{status} {kind}");
    let (status, _, page) = ask(&hotline, "GET", &format!("{report}?language=de"), Some(TOKEN), None).await;
    let page = String::from_utf8(page)?;
    assert!(status == 200 && page.contains("Servicebericht") && page.contains("Acme Logistics"), "{status} {page}");
    assert!(!page.contains("Mail is down"), "titles of alerts are the house's own");
    let made =
        say(&hotline, "POST", "/tokens", &json!({ "name": "globex", "role": "stakeholder", "customers": ["globex"] }))
            .await;
    let stranger = made["token"].as_str().expect("a token").to_owned();
    for path in [
        report.to_owned(),
        format!("{report}?format=pdf"),
        "/api/v1/reports/sla?customer=acme".to_owned(),
        "/api/v1/slas/gold/revisions".to_owned(),
        "/api/v1/slas/gold/revisions/1".to_owned(),
        format!("/api/v1/alerts/{id}"),
    ] {
        let (status, _, body) = ask(&hotline, "GET", &path, Some(&stranger), None).await;
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!(status == 404 && !body.contains("Acme") && !body.contains("Lea"), "{path}: {status} {body}");
    }

    // The report travels as a mail with the document.
    let now = hotline::clock::now().wall;
    let due = Due {
        customer: "acme".into(),
        report: "monthly".to_owned(),
        contact: "lea".to_owned(),
        attach: true,
        period: jiff::civil::date(2028, 5, 1),
        from: now - jiff::SignedDuration::from_hours(24),
        to: now + jiff::SignedDuration::from_hours(1),
    };
    let paper = hotline.switch().customer_report(&due.customer, due.from, due.to, None).await?;
    let document = hotline::paper::pdf(&paper);
    hotline.switch().send_report(&due, &paper, document).await.map_err(|why| anyhow::anyhow!("{why:?}"))?;
    let mail = post.nth(2).await;
    assert!(mail.data.contains("report-acme-2028-05-01.pdf") && mail.data.contains("JVBER"), "{}", mail.data);
    Ok(())
}
