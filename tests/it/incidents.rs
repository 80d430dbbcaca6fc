//! A disturbance from its first call to its end: reported by telephone, opened from the alert, published; the next caller hears
//! "we know", adds to it and is told when it is over. And each customer sees its own.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Hotline, PATIENCE, TOKEN, ended};
use crate::phone;
use crate::receiver::{MailServer, Receiver};

/// A mobile number, so that an SMS can be sent to it.
const MOBILE: &str = "+4915112345642";

pub fn toml(receiver: &Receiver, mail_port: u16) -> String {
    let sms = receiver.url("/sms");
    format!(
        r#"
[server]
open_sip = true

[notify]
allow_networks = ["127.0.0.0/8"]

[notify.smtp]
server = "127.0.0.1"
port = {mail_port}
security = "none"
from = "Hotline <hotline@example.com>"

[notify.sms]
provider = "http"
url = "{sms}"
body = '{{"to": {{{{ to|tojson }}}}, "text": {{{{ text|tojson }}}}}}'
from = "Desk"

[[customers]]
id = "acme"
name = "Acme Logistics"
caller_ids = ["acme", "acme-two"]
language = "en"

[[customers.contacts]]
id = "lea"
name = "Lea Sommer"
email = "lea@acme.example"
language = "de"
tell = ["email"]
severities = ["critical", "major"]

[[customers]]
id = "globex"
name = "Globex"
caller_ids = ["{MOBILE}"]
language = "en"

[[services]]
id = "mail"
name = "E-Mail"

[[status_pages]]
id = "globex-page"
title = "Status of Globex"
customer = "globex"
components = [{{ service = "mail" }}]

[[services]]
id = "acme-erp"
name = "Warehouse"
customer = "acme"

[[users]]
id = "ada"
name = "Ada"
phones = ["phone:ada"]

[[users]]
id = "dora"
name = "Dora"
[[users.contacts]]
id = "mail"
kind = "email"
address = "dora@desk.example"

[[phones]]
account = "ada"
user = "ada"
password = "a-phones-password"

[[schedules]]
id = "nights"
members = ["ada"]
start = "2026-01-05T09:00"
time_zone = "Europe/Berlin"

[[numbers]]
number = "hotline"
schedule = "nights"
flow = "desk"

[flows.desk]
start = "known"
last_resort = "message"

[flows.desk.nodes.known]
type = "known"
wait = "6s"
join = "message"
something_new = "message"
next = "message"

[flows.desk.nodes.message]
type = "voicemail"
"#
    )
}

/// A request with a body; the status and the answer.
pub async fn send(hotline: &Hotline, method: &'static str, path: &str, token: &str, body: &Value) -> (u16, Value) {
    let (url, authorization) = (format!("http://{}/api/v1{path}", hotline.http()), format!("Bearer {token}"));
    let body = body.to_string();
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let sent = match method {
            "GET" => agent.get(&url).header("Authorization", &authorization).call(),
            "DELETE" => agent.delete(&url).header("Authorization", &authorization).call(),
            "PATCH" => agent
                .patch(&url)
                .header("Authorization", &authorization)
                .content_type("application/json")
                .send(body.as_bytes()),
            "PUT" => agent
                .put(&url)
                .header("Authorization", &authorization)
                .content_type("application/json")
                .send(body.as_bytes()),
            _ => agent
                .post(&url)
                .header("Authorization", &authorization)
                .content_type("application/json")
                .send(body.as_bytes()),
        };
        let mut response = sent.expect("HTTP answers");
        let body = response.body_mut().read_to_vec().expect("a body");
        (response.status().as_u16(), serde_json::from_slice(&body).unwrap_or(Value::Null))
    })
    .await
    .expect("no panic")
}

pub async fn say(hotline: &Hotline, method: &'static str, path: &str, body: Value) -> Value {
    let (status, answer) = send(hotline, method, path, TOKEN, &body).await;
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer:#}");
    answer
}

/// The incident, once it is as it should be.
pub async fn when(hotline: &Hotline, id: &str, what: &str, ready: impl Fn(&Value) -> bool) -> Value {
    let waiting = async {
        loop {
            let incident = hotline.get(&format!("/incidents/{id}")).await;
            if ready(&incident) {
                return incident;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"))
}

pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

async fn all_messages_are_delivered(hotline: &Hotline, id: &str) {
    let delivered = async {
        loop {
            let messages = hotline.get(&format!("/incidents/{id}/messages")).await;
            let all = messages.as_array().expect("messages").clone();
            if all.len() == 4 && all.iter().all(|message| message["state"] == "delivered") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, delivered).await.expect("three mails and an SMS are delivered, each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_caller_hears_that_it_is_known_and_is_told_when_it_is_over() -> anyhow::Result<()> {
    let (receiver, post) = (Receiver::start().await, MailServer::start().await);
    let hotline = Hotline::start(&toml(&receiver, post.port())).await;

    // A caller of Acme reports it: nothing is known yet.
    let mut first = phone::caller(&hotline).await?;
    first.dial(&phone::number(&hotline, "hotline")).await?;
    first.hears("voicemail").await?;
    first.waits_for("beep").await?;
    first.say(phone::speech("message.wav")).await?;
    first.press("#").await?;
    first.begins_to_hear("voicemail-thanks").await?;
    first.hang_up().await?;
    let call = hotline.call_when("inbound", ended("voicemail")).await;
    let alert = hotline.alert_when(|_| true).await;

    // Opened from the alert; nobody outside knows.
    let opening = json!({
        "title": "mail-01 hangs", "severity": "critical", "alerts": [alert["id"]],
        "affected": [{"service": "mail", "impact": "major_outage"}],
    });
    let incident = say(&hotline, "POST", "/incidents", opening).await;
    let id = text(&incident, "id").to_owned();
    assert_eq!((text(&incident, "reference"), &incident["alerts"]), ("INC-1001", &json!([alert["id"]])));
    assert_eq!(incident["calls"], json!([call["id"]]), "the alert's call belongs to it");
    assert!(incident["update_due"].is_string(), "a clock runs: {incident:#}");
    assert_eq!(incident["customers"].as_array().map(Vec::len), Some(2), "a shared service is everybody's");

    // Before it is published it is looked at: Acme's contact gets a mail, Globex has a page.
    let draft = json!({ "phase": "identified", "text": "A switch is broken.", "translations": {"de": "Ein Switch ist kaputt."} });
    let drafted = say(&hotline, "POST", &format!("/incidents/{id}/updates"), draft).await;
    let update = text(&drafted["updates"][0], "id").to_owned();
    let preview = say(&hotline, "POST", &format!("/incidents/{id}/updates/preview"), json!({ "update": update })).await;
    assert_eq!(preview["silent"], json!([]), "{preview:#}");
    assert_eq!(preview["told"][0]["ways"], json!(["email to Lea Sommer"]));
    assert_eq!(preview["told"][1]["ways"], json!(["page globex-page"]));
    let (status, refused) =
        send(&hotline, "POST", &format!("/incidents/{id}/updates/{update}/publish"), TOKEN, &json!({})).await;
    assert_eq!((status, text(&refused, "code")), (400, "no-public-title"));
    let title = json!({ "public_title": "E-mail does not work" });
    let published = say(&hotline, "POST", &format!("/incidents/{id}/updates/{update}/publish"), title).await;
    assert_eq!((text(&published, "phase"), &published["published"]), ("identified", &json!(true)));

    // Acme's contact reads it in her language.
    let mail = post.first().await;
    assert_eq!(mail.to, ["<lea@acme.example>"]);
    assert!(mail.text().contains("Ein Switch ist kaputt."), "{}", mail.text());

    // A caller of Globex hears of it before waiting, adds to it, and wants to be told. Whoever leads learns of what was added.
    say(&hotline, "PUT", &format!("/incidents/{id}/roles/lead"), json!({ "user": "dora" })).await;
    let mut second = phone::named(&hotline, MOBILE).await?;
    second.dial(&phone::number(&hotline, "hotline")).await?;
    second.waits_for("incident-known").await?;
    second.waits_for("incident-choice").await?;
    second.press("2").await?;
    second.begins_to_hear("incident-add").await?;
    second.waits_for("beep").await?;
    second.say(phone::speech("where.wav")).await?;
    second.press("#").await?;
    second.begins_to_hear("incident-added").await?;
    second.waits_for("incident-choice").await?;
    second.press("4").await?;
    second.begins_to_hear("incident-will-tell").await?;
    second.hang_up().await?;
    let call = hotline.call_when("inbound", ended("completed")).await;
    assert_eq!(call["alert_id"], Value::Null, "nobody is woken for it: {call:#}");
    let told = when(&hotline, &id, "the second call belongs to it", |incident| incident["callers_waiting"] == 1).await;
    assert!(told["calls"].as_array().expect("calls").contains(&call["id"]), "{told:#}");
    let timeline = hotline.get(&format!("/incidents/{id}/timeline")).await;
    let lines = timeline.as_array().expect("lines");
    assert!(lines.iter().any(|line| text(line, "what").starts_with("A caller adds something")), "{timeline:#}");
    let recording = text(&told["additions"][0], "recording").to_owned();
    assert_eq!(told["additions"][0]["call"], call["id"], "{told:#}");
    let (_, shown) = page(&hotline, &format!("/incidents/{id}"), None).await;
    assert!(shown.contains(&format!("/api/v1/recordings/{recording}/audio")), "its sound is on the page: {shown}");
    let mail = post.nth(1).await;
    assert_eq!(mail.to, ["<dora@desk.example>"]);
    assert!(mail.text().contains("has added something"), "{}", mail.text());
    assert!(lines.iter().all(|line| !timeline.to_string().contains(MOBILE) && !text(line, "by").is_empty()));
    assert_eq!(hotline.get("/alerts").await["items"].as_array().map(Vec::len), Some(1));

    // An update without a text; a closed one changed.
    let path = format!("/incidents/{id}/updates");
    let (status, refused) = send(&hotline, "POST", &path, TOKEN, &json!({ "text": "  ", "publish": true })).await;
    assert_eq!((status, text(&refused, "code")), (400, "update-without-text"));
    let last = json!({ "phase": "resolved", "text": "It works again.", "publish": true });
    let over = say(&hotline, "POST", &path, last).await;
    assert_eq!(
        (&over["open"], &over["update_due"], &over["callers_waiting"]),
        (&json!(false), &Value::Null, &json!(0))
    );
    let (status, refused) =
        send(&hotline, "PATCH", &format!("/incidents/{id}"), TOKEN, &json!({ "severity": "minor" })).await;
    assert_eq!((status, text(&refused, "code")), (409, "incident-over"));

    // The caller is told, and what became of every message is seen.
    let seen = receiver.when("the SMS that it is over", |seen| !seen.is_empty()).await;
    let sms = seen[0].json();
    assert_eq!(sms["to"], MOBILE);
    assert!(text(&sms, "text").contains("E-mail does not work"), "{sms}");
    all_messages_are_delivered(&hotline, &id).await;

    // Whoever calls now hears nothing of it any more.
    let mut third = phone::named(&hotline, MOBILE).await?;
    third.dial(&phone::number(&hotline, "hotline")).await?;
    third.begins_to_hear("voicemail").await?;
    third.hang_up().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_later_caller_of_a_customer_hears_of_it_and_who_only_listens_wakes_nobody() -> anyhow::Result<()> {
    let (receiver, post) = (Receiver::start().await, MailServer::start().await);
    let hotline = Hotline::start(&toml(&receiver, post.port())).await;
    let number = phone::number(&hotline, "hotline");
    let mut first = phone::caller(&hotline).await?;
    first.dial(&number).await?;
    first.waits_for("beep").await?;
    first.say(phone::speech("message.wav")).await?;
    first.press("#").await?;
    first.begins_to_hear("voicemail-thanks").await?;
    first.hang_up().await?;
    let reported = hotline.call_when("inbound", ended("voicemail")).await;
    let alert = hotline.alert_when(|_| true).await;
    let opening = json!({
        "title": "mail-01 hangs", "public_title": "E-mail does not work", "severity": "critical",
        "alerts": [alert["id"]], "affected": [{"service": "mail", "impact": "major_outage"}],
    });
    let id = text(&say(&hotline, "POST", "/incidents", opening).await, "id").to_owned();
    let told = json!({ "phase": "identified", "text": "A switch is broken.", "publish": true });
    say(&hotline, "POST", &format!("/incidents/{id}/updates"), told).await;

    // A colleague from another number: the incident, no report of somebody else, no SMS that can't be sent, one greeting.
    let mut second = phone::named(&hotline, "acme-two").await?;
    second.dial(&number).await?;
    second.begins_to_hear("greeting").await?;
    second.begins_to_hear("incident-known").await?;
    second.waits_for("incident-choice-no-sms").await?;
    // No key, on to the message, and away before the tone.
    second.begins_to_hear("voicemail").await?;
    second.hang_up().await?;
    let call = hotline.call_when("inbound", ended("completed")).await;
    assert_eq!(call["alert_id"], Value::Null, "nobody is woken for it: {call:#}");
    let all = |incident: &Value, what: &str| incident[what].as_array().cloned().unwrap_or_default();
    let about = when(&hotline, &id, "the second call", |incident| all(incident, "calls").contains(&call["id"])).await;
    assert_eq!(about["alerts"], json!([alert["id"]]));
    assert_eq!(hotline.get("/alerts").await["items"].as_array().map(Vec::len), Some(1));

    // The first caller again: the incident, then the report of their own; something new is an alert that may be about it.
    first.dial(&number).await?;
    first.begins_to_hear("greeting").await?;
    first.begins_to_hear("incident-known").await?;
    first.waits_for("incident-choice-no-sms").await?;
    first.begins_to_hear("known-report").await?;
    let digits = text(&reported, "reference").to_owned();
    assert_eq!(first.hears_digits(digits.len()).await?, digits);
    first.waits_for("known-choice").await?;
    first.press("2").await?;
    first.waits_for("voicemail").await?;
    first.hang_up().await?;
    let newest = hotline.alert_when(|newest| newest["id"] != alert["id"]).await;
    when(&hotline, &id, "the new alert", |incident| all(incident, "alerts").contains(&newest["id"])).await;
    let timeline = hotline.get(&format!("/incidents/{id}/timeline")).await;
    let may_be = |line: &Value| text(line, "why").contains("may be about it");
    assert!(timeline.as_array().expect("lines").iter().any(may_be), "{timeline:#}");
    Ok(())
}

/// A token that sees only these customers' things.
async fn token(hotline: &Hotline, name: &str, role: &str, customer: &str) -> String {
    let body = json!({ "name": name, "role": role, "customers": [customer] });
    let made = say(hotline, "POST", "/tokens", body).await;
    text(&made, "token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_customers_people_see_their_own() {
    let (receiver, post) = (Receiver::start().await, MailServer::start().await);
    let hotline = Hotline::start(&toml(&receiver, post.port())).await;
    let acme = token(&hotline, "acme-watch", "stakeholder", "acme").await;
    let globex = token(&hotline, "globex-watch", "stakeholder", "globex").await;
    let narrow = token(&hotline, "globex-desk", "engineer", "globex").await;
    let opening = json!({
        "title": "secret inner words", "public_title": "Warehouse is slow", "severity": "major",
        "affected": [{"service": "acme-erp", "impact": "degraded_performance"}],
    });
    let incident = say(&hotline, "POST", "/incidents", opening).await;
    let id = text(&incident, "id").to_owned();
    let look = async |token: &str, path: &str| send(&hotline, "GET", path, token, &Value::Null).await;
    let one = format!("/incidents/{id}");
    for who in [&acme, &globex, &narrow] {
        let (status, answer) = look(who, &one).await;
        assert_eq!((status, text(&answer, "code")), (404, "incident-not-found"), "nothing is published");
        assert_eq!(look(who, "/incidents").await.1["items"], json!([]));
    }
    say(&hotline, "POST", &format!("{one}/updates"), json!({ "text": "draft words" })).await;
    say(&hotline, "POST", &format!("{one}/updates"), json!({ "text": "We are on it.", "publish": true })).await;
    say(&hotline, "POST", &format!("{one}/comments"), json!({ "text": "inner comment" })).await;
    // Acme sees what was published to it, and nothing else.
    let (status, seen) = look(&acme, &one).await;
    assert_eq!(
        (status, text(&seen, "title"), seen["updates"].as_array().map(Vec::len)),
        (200, "Warehouse is slow", Some(1))
    );
    for inner in ["secret inner words", "draft words", "inner comment", "token "] {
        assert!(!seen.to_string().contains(inner), "{inner}: {seen:#}");
    }
    assert_eq!(look(&acme, "/incidents").await.1["items"].as_array().map(Vec::len), Some(1));
    for path in ["timeline", "messages"] {
        assert_eq!(look(&acme, &format!("{one}/{path}")).await.0, 403);
        assert_eq!(look(&globex, &format!("{one}/{path}")).await.0, 404);
    }
    // Globex finds nothing, by whatever way; nor does its engineer.
    for who in [&globex, &narrow] {
        assert_eq!(look(who, &one).await.0, 404);
        for list in ["/incidents", "/incidents?customer=acme", "/incidents?service=acme-erp"] {
            assert_eq!(look(who, list).await.1["items"], json!([]), "{list}");
        }
        for deed in ["comments", "updates"] {
            let (status, _) = send(&hotline, "POST", &format!("{one}/{deed}"), who, &json!({ "text": "x" })).await;
            assert_eq!(status, 404, "{deed}");
        }
    }
    // A stakeholder changes nothing, and an engineer of one customer opens nothing for others.
    let (status, _) = send(&hotline, "POST", &format!("{one}/comments"), &acme, &json!({ "text": "x" })).await;
    assert_eq!(status, 403);
    let shared = json!({ "title": "x", "affected": [{"service": "mail", "impact": "major_outage"}] });
    assert_eq!(send(&hotline, "POST", "/incidents", &narrow, &shared).await.0, 400);
    // Somebody else was faster.
    let path = format!("{one}?x=1");
    assert_ne!(look(TOKEN, &path).await.0, 500);
}

/// The page behind a form's button (the answer's redirect followed), or of a GET.
async fn page(hotline: &Hotline, path: &str, form: Option<&'static [(&'static str, &'static str)]>) -> (u16, String) {
    let url = format!("http://{}{path}", hotline.http());
    tokio::task::spawn_blocking(move || {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        // Its own redirects would lose the token.
        let agent: ureq::Agent = config.max_redirects(0).max_redirects_will_error(false).build().into();
        let token = format!("Bearer {TOKEN}");
        let mut response = match form {
            None => agent.get(&url).header("Authorization", &token).call(),
            Some(fields) => agent.post(&url).header("Authorization", &token).send_form(fields.iter().copied()),
        }
        .expect("HTTP answers");
        if let Some(place) = response.headers().get("location").and_then(|place| place.to_str().ok()) {
            let place = place.to_owned();
            let next = if place.starts_with("http") { place } else { format!("{}{place}", origin(&url)) };
            response = agent.get(&next).header("Authorization", &token).call().expect("HTTP answers");
        }
        (response.status().as_u16(), response.body_mut().read_to_string().expect("a page"))
    })
    .await
    .expect("no panic")
}

fn origin(url: &str) -> String {
    url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_opens_previews_and_publishes_and_takes_no_html() {
    let (receiver, post) = (Receiver::start().await, MailServer::start().await);
    let hotline = Hotline::start(&toml(&receiver, post.port())).await;
    assert!(page(&hotline, "/incidents", None).await.1.contains("No incident is open."));
    let opened = page(
        &hotline,
        "/incidents",
        Some(&[("title", "<script>alert(1)</script> db01"), ("severity", "major"), ("service", "mail")]),
    );
    let (status, shown) = opened.await;
    assert_eq!(status, 200, "{shown}");
    assert!(shown.contains("INC-1001") && shown.contains("partial outage"), "{shown}");
    assert!(shown.contains("Disturbance: E-Mail"), "{shown}");
    assert!(!shown.contains("<script>alert"), "escaped");
    let id = hotline.get("/incidents").await["items"][0]["id"].as_str().expect("an id").to_owned();
    let draft: &[(&str, &str)] = &[
        ("phase", "identified"),
        ("public_title", "E-mail <b>slow</b>"),
        ("text", "Warehouse <img src=x> \u{7}waits."),
    ];
    let (status, shown) = page(&hotline, &format!("/incidents/{id}/draft"), Some(draft)).await;
    assert_eq!(status, 200, "{shown}");
    // The draft is shown with its preview: the words name a service of Acme's, and Globex reads them too.
    assert!(shown.contains("Publishing tells:") && shown.contains("belongs to Acme Logistics"), "{shown}");
    assert!(shown.contains("Warehouse &#60;img src=x&#62; waits.") && !shown.contains("<img src=x>"), "{shown}");
    let incident = hotline.get(&format!("/incidents/{id}")).await;
    assert_eq!(incident["published"], false);
    let update = text(&incident["updates"][0], "id").to_owned();
    let publish = vec![("update", &*update.leak())].leak();
    let (status, shown) = page(&hotline, &format!("/incidents/{id}/publish"), Some(publish)).await;
    assert!(status == 200 && shown.contains(">identified<") && !shown.contains("customers were not told"), "{shown}");
    for (deed, fields) in [
        ("comment", &[("text", "the carrier is on it")][..]),
        ("task", &[("text", "ring the carrier")]),
        ("tick", &[("number", "1")]),
        ("role", &[("role", "lead"), ("user", "ada")]),
        ("services", &[("impact:mail", "degraded_performance")]),
    ] {
        let (status, shown) = page(&hotline, &format!("/incidents/{id}/{deed}"), Some(fields)).await;
        assert_eq!(status, 200, "{deed}: {shown}");
    }
    let incident = hotline.get(&format!("/incidents/{id}")).await;
    assert_eq!(text(&incident["affected"][0], "impact"), "degraded_performance");
    assert_eq!((text(&incident["roles"][0], "role"), &incident["tasks"][0]["number"]), ("lead", &json!(1)));
    assert!(incident["tasks"][0]["done_at"].is_string(), "{incident:#}");
    // What is refused is said in words, on a page.
    let (status, shown) = page(&hotline, &format!("/incidents/{id}/phase"), Some(&[("phase", "monitoring")])).await;
    assert!(status == 409 && shown.contains("Customers were told of it"), "{status} {shown}");
    assert_eq!(page(&hotline, &format!("/incidents/{id}/nonsense"), Some(&[])).await.0, 404);
}
