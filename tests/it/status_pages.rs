//! Status pages from the incident to the visitor: on every representation within seconds, by mail and webhook to those who asked for
//! it, to nobody else; and the page while the database is away.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Hotline, PATIENCE, TOKEN};
use crate::receiver::{Mail, MailServer, Receiver, Say};

fn toml(mail_port: u16) -> String {
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
from = "Hotline <hotline@msp.example>"

[[customers]]
id = "acme"
name = "Acme Logistics"
domains = ["acme.example"]

[[customers]]
id = "globex"
name = "Globex"
domains = ["globex.example"]

[[services]]
id = "mail"
name = "E-Mail"

[[services]]
id = "acme-erp"
name = "Warehouse"
customer = "acme"

[[services]]
id = "globex-shop"
name = "Shop of Globex"
customer = "globex"

[[status_pages]]
id = "desk"
title = "Our desk"
audience = "visitors"
components = [{{ service = "mail" }}, {{ service = "acme-erp" }}, {{ service = "globex-shop" }}]

[[status_pages]]
id = "all"
title = "For everyone"
components = [{{ service = "mail" }}]
"#
    )
}

async fn start(mail_port: u16) -> Hotline {
    Hotline::start_with(&toml(mail_port), |config| {
        // Where links lead: the test reads their paths.
        config.public_url = Some("http://status.test".to_owned());
    })
    .await
}

struct Got {
    status: u16,
    cookie: String,
    location: String,
    body: String,
}

/// A browser's request; a form if there is a body.
async fn ask(hotline: &Hotline, path: &str, cookie: &str, form: Option<&str>) -> Got {
    let (url, cookie, form) = (format!("http://{}{path}", hotline.http()), cookie.to_owned(), form.map(str::to_owned));
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
        let sent = match form {
            None => agent.get(&url).header("Accept", "text/html").header("Cookie", &cookie).call(),
            Some(form) => agent
                .post(&url)
                .header("Accept", "text/html")
                .header("Origin", "http://status.test")
                .header("Cookie", &cookie)
                .content_type("application/x-www-form-urlencoded")
                .send(form.as_bytes()),
        };
        let mut response = sent.expect("HTTP answers");
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let cookie = header("set-cookie").split(';').next().unwrap_or_default().to_owned();
        Got {
            status: response.status().as_u16(),
            cookie,
            location: header("location"),
            body: response.body_mut().read_to_string().expect("text"),
        }
    })
    .await
    .expect("no panic")
}

async fn say(hotline: &Hotline, path: &str, body: Value) -> Value {
    let url = format!("http://{}/api/v1{path}", hotline.http());
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let sent = agent.post(&url).header("Authorization", format!("Bearer {TOKEN}")).content_type("application/json");
        let mut response = sent.send(body.to_string().as_bytes()).expect("HTTP answers");
        let status = response.status().as_u16();
        let answer: Value =
            serde_json::from_slice(&response.body_mut().read_to_vec().expect("a body")).unwrap_or(Value::Null);
        assert!((200..300).contains(&status), "{url}: {status} {answer:#}");
        answer
    })
    .await
    .expect("no panic")
}

/// Opens an incident and tells of it; its id.
async fn publish(hotline: &Hotline, service: &str, title: &str, text: &str) -> String {
    let opening = json!({
        "title": "inner words", "public_title": title, "severity": "major",
        "affected": [{"service": service, "impact": "major_outage"}],
    });
    let incident = say(hotline, "/incidents", opening).await;
    let id = incident["id"].as_str().expect("an id").to_owned();
    say(hotline, &format!("/incidents/{id}/updates"), json!({ "text": text, "phase": "identified", "publish": true }))
        .await;
    id
}

/// The path of the link with this word in a mail.
fn link(mail: &Mail, word: &str) -> String {
    let text = mail.text().replace("\r\n", "\n");
    let at =
        text.find(&format!("http://status.test/status/desk/{word}/")).unwrap_or_else(|| panic!("{word} in {text}"));
    let url: String = text[at..].chars().take_while(|c| !c.is_whitespace() && *c != '"' && *c != '>').collect();
    url.trim_start_matches("http://status.test").to_owned()
}

async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// By a mailed link: the cookie of somebody with this mailbox.
async fn visitor(hotline: &Hotline, post: &MailServer, address: &str) -> String {
    let asked = ask(hotline, "/status/desk/access", "", Some(&format!("email={address}"))).await;
    assert_eq!(asked.status, 200);
    let mail = post.to(address, 1).await.remove(0);
    let path = link(&mail, "access");
    assert_eq!(ask(hotline, &path, "", None).await.status, 200, "looking does not use it up");
    let opened = ask(hotline, &path, "", Some("")).await;
    assert_eq!((opened.status, opened.location.as_str()), (303, "/status/desk"));
    assert_eq!(ask(hotline, &path, "", Some("")).await.status, 410, "once only");
    opened.cookie
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_proves_whose_they_are_and_sees_their_own_at_once() {
    let post = MailServer::start().await;
    let hotline = start(post.port()).await;
    let stranger = ask(&hotline, "/status/desk", "", None).await;
    assert_eq!((stranger.status, ask(&hotline, "/status/nowhere", "", None).await.status), (404, 404));
    // Nobody's domain: the same answer, no mail.
    let nobodys = ask(&hotline, "/status/desk/access", "", Some("email=eve@evil.example")).await;
    let acme = visitor(&hotline, &post, "lea@acme.example").await;
    let globex = visitor(&hotline, &post, "gus@shop.globex.example").await;
    assert_eq!((nobodys.status, post.count()), (200, 2));
    let page = ask(&hotline, "/status/desk", &acme, None).await;
    assert!(
        page.status == 200 && page.body.contains("Warehouse") && !page.body.contains("Shop of Globex"),
        "{}",
        page.body
    );

    let own = publish(&hotline, "acme-erp", "Warehouse stands still", "words for acme").await;
    let shared = publish(&hotline, "mail", "No mail comes", "words for all").await;
    for rest in ["", "/history", "/api/v2/summary.json", "/api/v2/incidents.json", "/history.atom", "/history.rss"] {
        let path = format!("/status/desk{rest}");
        until(&format!("acme sees its own on {rest}"), async || {
            ask(&hotline, &path, &acme, None).await.body.contains("words for acme")
        })
        .await;
        until(&format!("globex sees the shared one on {rest}"), async || {
            ask(&hotline, &path, &globex, None).await.body.contains("words for all")
        })
        .await;
        let body = ask(&hotline, &path, &globex, None).await.body;
        assert!(!body.contains("Warehouse") && !body.contains("words for acme") && !body.contains(&own), "{body}");
        assert!(!body.contains("inner words"), "{body}");
    }
    assert_eq!(ask(&hotline, &format!("/status/desk/incidents/{own}"), &globex, None).await.status, 404);
    assert_eq!(ask(&hotline, &format!("/status/desk/incidents/{own}"), &acme, None).await.status, 200);
    assert_eq!(ask(&hotline, &format!("/status/all/incidents/{shared}"), "", None).await.status, 200);
    assert_eq!(ask(&hotline, &format!("/status/all/incidents/{own}"), &acme, None).await.status, 404);
    assert!(ask(&hotline, "/status/all/badge.svg", "", None).await.body.contains("Major Service Outage"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asked_is_told_once_of_what_they_may_see_until_they_end_it() {
    let post = MailServer::start().await;
    let hotline = start(post.port()).await;
    let hooks = Receiver::that(|_, _| Say::Echo).await;
    let deaf = Receiver::that(|_, _| Say::Status(200)).await;
    let acme = visitor(&hotline, &post, "lea@acme.example").await;
    let globex = visitor(&hotline, &post, "gus@globex.example").await;
    // By mail: nothing comes before it is confirmed, and looking confirms nothing.
    for (who, address) in [(&acme, "lea@acme.example"), (&globex, "gus@globex.example")] {
        let wanted = ask(&hotline, "/status/desk/subscribe", who, Some(&format!("email={address}"))).await;
        assert_eq!(wanted.status, 200, "{}", wanted.body);
        let path = link(&post.to(address, 2).await[1], "confirm");
        assert_eq!(ask(&hotline, &path, "", None).await.status, 200);
        if address.contains("acme") {
            publish(&hotline, "acme-erp", "Too early", "before it was confirmed").await;
        }
        assert_eq!(ask(&hotline, &path, "", Some("")).await.status, 200);
    }
    // By webhook: the challenge is answered by one, not by the other.
    for (receiver, who) in [(&hooks, &globex), (&deaf, &acme)] {
        let form = format!("url={}", receiver.url("/hook"));
        assert_eq!(ask(&hotline, "/status/desk/subscribe", who, Some(&form)).await.status, 200);
        receiver.when("a challenge", |seen| !seen.is_empty()).await;
    }
    let challenge = hooks.seen()[0].json();
    let secret = challenge["secret"].as_str().expect("a secret").to_owned();
    assert!(hooks.seen()[0].is_signed_with(&secret));
    until("the subscriptions count", async || {
        hotline.switch().status_subscribers().await.expect("a database").get(&"desk".into()) == Some(&[2, 1, 0])
    })
    .await;

    let own = publish(&hotline, "acme-erp", "Warehouse stands still", "words for acme").await;
    publish(&hotline, "mail", "No mail comes", "words for all").await;
    let leas = post.to("lea@acme.example", 4).await;
    let gus = post.to("gus@globex.example", 3).await;
    let told: Vec<String> = leas[2..].iter().map(Mail::text).collect();
    assert!(
        told.iter().any(|mail| mail.contains("words for acme"))
            && told.iter().any(|mail| mail.contains("words for all"))
    );
    assert!(gus[2].text().contains("words for all"), "{}", gus[2].text());
    assert!(gus[2].data.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{}", gus[2].data);
    let seen = hooks.when("an incident and a component", |seen| seen.len() >= 3).await;
    for one in &seen[1..] {
        assert!(one.is_signed_with(&secret) && !one.is_signed_with("another secret"));
        let body = one.json();
        assert_eq!(body["page"]["status_indicator"], "critical");
        assert!(!body.to_string().contains("Warehouse") && !body.to_string().contains(&own), "{body}");
    }
    let bodies: Vec<Value> = seen[1..].iter().map(|one| one.json()).collect();
    let incident = bodies.iter().find(|body| body["incident"].is_object()).expect("an incident");
    assert_eq!(incident["incident"]["incident_updates"][0]["body"], "words for all");
    let component = bodies.iter().find(|body| body["component_update"].is_object()).expect("a component");
    assert_eq!(
        (&component["component_update"]["old_status"], &component["component_update"]["new_status"]),
        (&json!("operational"), &json!("major_outage"))
    );

    // The mail program's one click; then the next update comes to the others only.
    let path = link(&gus[2], "unsubscribe");
    assert_eq!(ask(&hotline, &path, "", Some("List-Unsubscribe=One-Click")).await.status, 200);
    assert_eq!(ask(&hotline, &path, "", None).await.status, 200, "to end it twice is fine");
    publish(&hotline, "mail", "Mail again", "the last words").await;
    let leas = post.to("lea@acme.example", 5).await;
    hooks.when("the last words", |seen| seen.len() >= 4).await;
    assert!(leas.iter().all(|mail| !mail.text().contains("before it was confirmed")), "from the confirmation on");
    assert_eq!(leas.iter().filter(|mail| mail.text().contains("words for acme")).count(), 1, "once");
    let all = post.to("gus@globex.example", 3).await;
    assert_eq!(all.len(), 3, "nothing after the end: {}", all.last().map(Mail::text).unwrap_or_default());
    assert!(all.iter().all(|mail| !mail.text().contains("words for acme") && !mail.text().contains("Warehouse")));
}

/// A database that nobody answers for.
const NOWHERE: &str = "postgres://hotline:x@127.0.0.1:9/hotline";

#[tokio::test(flavor = "multi_thread")]
async fn a_start_without_the_database_shows_what_was_last_known() {
    let post = MailServer::start().await;
    let copy = {
        let hotline = start(post.port()).await;
        publish(&hotline, "mail", "No mail comes", "words for all").await;
        until("the copy is there", async || {
            let text = std::fs::read_to_string(hotline.data().join("status-incidents.json")).unwrap_or_default();
            text.contains("words for all")
                && ask(&hotline, "/status/all", "", None).await.body.contains("words for all")
        })
        .await;
        std::fs::read(hotline.data().join("status-incidents.json")).expect("the copy")
    };
    let away = async |copy: Option<Vec<u8>>| {
        let toml = toml(9);
        let start = Hotline::start_with(&toml, move |config| {
            config.store.database_url = NOWHERE.to_owned();
            if let Some(copy) = copy {
                std::fs::create_dir_all(&config.store.data_dir).expect("a folder");
                std::fs::write(config.store.data_dir.join("status-incidents.json"), copy).expect("a file");
            }
        });
        start.await
    };
    let hotline = away(Some(copy)).await;
    for rest in ["", "/api/v2/summary.json", "/history.atom"] {
        let page = ask(&hotline, &format!("/status/all{rest}"), "", None).await;
        assert!(page.status == 200 && page.body.contains("words for all"), "{rest}: {}", page.body);
    }
    assert_eq!(ask(&hotline, "/status/desk", "", None).await.status, 404);
    drop(hotline);
    // Nothing known is not "all is well".
    let hotline = away(None).await;
    let page = ask(&hotline, "/status/all", "", None).await;
    assert!(page.status == 503 && !page.body.contains("Operational"), "{}: {}", page.status, page.body);
}
