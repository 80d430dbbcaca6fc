//! Status pages from the incident to the visitor: on every representation within seconds, by mail and webhook to those who asked for
//! it, to nobody else; and the page while the database is away.

use std::time::Duration;

use hotline::store::runbooks::Saved;
use hotline_core::ids::PostmortemId;
use hotline_core::postmortem::{Origin, Postmortem, Sections, State};
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
    let bodies: Vec<Value> = seen[1..].iter().map(crate::receiver::Seen::json).collect();
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

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_show_the_same_and_tell_once() {
    let post = MailServer::start().await;
    let url = tokio::task::spawn_blocking(crate::two_nodes::server::new_database).await.expect("a database");
    let node = async |name: &'static str| {
        let (url, toml) = (url.clone(), toml(post.port()));
        Hotline::start_with(&toml, move |config| {
            config.public_url = Some("http://status.test".to_owned());
            config.store.database_url = url;
            config.store.node = name.to_owned();
        })
        .await
    };
    let (one, other) = (node("node-1").await, node("node-2").await);
    // The link came from one node, and opens the page on the other; so does its cookie.
    let cookie = visitor(&one, &post, "lea@acme.example").await;
    assert_eq!(ask(&other, "/status/desk", &cookie, None).await.status, 200);
    let wanted = ask(&other, "/status/desk/subscribe", &cookie, Some("email=lea@acme.example")).await;
    assert_eq!(wanted.status, 200);
    let path = link(&post.to("lea@acme.example", 2).await[1], "confirm");
    assert_eq!(ask(&one, &path, "", Some("")).await.status, 200);
    for round in 0..3 {
        let text = format!("words of round {round}");
        publish(if round % 2 == 0 { &one } else { &other }, "acme-erp", "Warehouse stands still", &text).await;
        for node in [&one, &other] {
            for rest in ["", "/api/v2/incidents.json", "/history.atom"] {
                let path = format!("/status/desk{rest}");
                until("both nodes tell of it", async || ask(node, &path, &cookie, None).await.body.contains(&text))
                    .await;
            }
        }
    }
    let mails = post.to("lea@acme.example", 5).await;
    for round in 0..3 {
        let text = format!("words of round {round}");
        assert_eq!(mails.iter().filter(|mail| mail.text().contains(&text)).count(), 1, "{text}: by one of the nodes");
    }
    assert_eq!(post.count(), 5);
}

/// Keeps a postmortem of this incident in this state.
async fn keep_postmortem(hotline: &Hotline, incident: &str, state: State, version: i64) {
    use hotline::store::postmortems::row;
    let postmortem = Postmortem {
        id: PostmortemId(incident.parse().expect("an id")),
        incident: incident.parse().expect("an id"),
        title: "inner title".to_owned(),
        language: "en".to_owned(),
        state,
        origin: Origin::Facts(None),
        sections: Sections {
            root_cause: "inner cause".to_owned(),
            public: "what acme may learn".to_owned(),
            ..Sections::default()
        },
        timeline: Vec::new(),
        actions: Vec::new(),
        created_at: hotline::clock::now().wall,
        version,
    };
    let at = hotline::clock::now().wall;
    let row = row(&postmortem, "ada".to_owned(), Some(at.as_millisecond()));
    let saved = hotline.store().save_postmortem(&row, &[], at).await.expect("a database");
    assert_eq!(saved, Saved::Version(version + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_learned_is_read_by_those_who_were_told_until_it_is_taken_back() {
    let post = MailServer::start().await;
    let hotline = start(post.port()).await;
    let acme = visitor(&hotline, &post, "lea@acme.example").await;
    let globex = visitor(&hotline, &post, "gus@globex.example").await;
    let id = publish(&hotline, "acme-erp", "Warehouse stands still", "words for acme").await;
    keep_postmortem(&hotline, &id, State::Published, 0).await;
    let last = json!({
        "text": "It works again.", "phase": "resolved", "publish": true, "translations": {"de": "Es geht wieder."},
        "public_title": "Warehouse stood still", "public_titles": {"de": "Das Lager stand"},
    });
    say(&hotline, &format!("/incidents/{id}/updates"), last).await;
    let own = format!("/incidents/{id}");
    let places = ["", "/history", "/api/v2/incidents.json", "/history.atom", "/history.rss", &own];
    for rest in places {
        let path = format!("/status/desk{rest}");
        until("acme reads it", async || ask(&hotline, &path, &acme, None).await.body.contains("what acme may learn"))
            .await;
        let other = ask(&hotline, &path, &globex, None).await.body;
        assert!(!other.contains("what acme may learn") && !other.contains("Lager"), "{rest}: {other}");
        assert!(!ask(&hotline, &path, &acme, None).await.body.contains("inner"), "{rest}");
    }
    let german = ask(&hotline, &format!("/status/desk{own}?lang=de"), &acme, None).await.body;
    assert!(german.contains("Das Lager stand") && german.contains("Es geht wieder."), "{german}");
    keep_postmortem(&hotline, &id, State::Reviewed, 1).await;
    for rest in places {
        let path = format!("/status/desk{rest}");
        until("it is gone", async || !ask(&hotline, &path, &acme, None).await.body.contains("what acme may learn"))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_stay_while_the_database_is_away() {
    let post = MailServer::start().await;
    let (server, url) = tokio::task::spawn_blocking(crate::two_nodes::server::Server::own).await.expect("a server");
    let toml = toml(post.port());
    let hotline = Hotline::start_with(&toml, move |config| {
        config.public_url = Some("http://status.test".to_owned());
        config.store.database_url = url;
    })
    .await;
    let acme = visitor(&hotline, &post, "lea@acme.example").await;
    let globex = visitor(&hotline, &post, "gus@globex.example").await;
    publish(&hotline, "acme-erp", "Warehouse stands still", "words for acme").await;
    publish(&hotline, "mail", "No mail comes", "words for all").await;
    let told = ["", "/history", "/api/v2/summary.json", "/api/v2/incidents.json", "/history.atom", "/history.rss"];
    for rest in told {
        let path = format!("/status/desk{rest}");
        until("acme sees both", async || {
            let body = ask(&hotline, &path, &acme, None).await.body;
            body.contains("words for acme") && body.contains("words for all")
        })
        .await;
    }
    let all = [told.as_slice(), &["/badge.svg", "/api/v2/status.json", "/style.css"]].concat();
    let mut before = Vec::new();
    for rest in &all {
        before.push(ask(&hotline, &format!("/status/all{rest}"), "", None).await.body);
    }
    tokio::task::spawn_blocking(|| server.stop()).await.expect("it stops");
    // It is away: nothing can be kept.
    let url = format!("http://{}/api/v1/incidents", hotline.http());
    let refused = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let sent = agent.post(&url).header("Authorization", format!("Bearer {TOKEN}")).content_type("application/json");
        sent.send(json!({ "title": "lost" }).to_string().as_bytes()).expect("HTTP answers").status().as_u16()
    });
    assert_eq!(refused.await.expect("no panic"), 503);
    // Twice, some looks of the refresher apart: what it can't read leaves the pages as they are.
    for round in 0..2 {
        for (rest, known) in all.iter().zip(&before) {
            let public = ask(&hotline, &format!("/status/all{rest}"), "", None).await;
            assert_eq!(public.status, 200, "round {round}: {rest}: {}", public.body);
            if !known.contains("<svg") || rest.contains("badge") {
                // A page with bars of days may be made anew with another minute in it.
                assert_eq!(&public.body, known, "round {round}: {rest}");
            }
            let (own, other) = (
                ask(&hotline, &format!("/status/desk{rest}"), &acme, None).await,
                ask(&hotline, &format!("/status/desk{rest}"), &globex, None).await,
            );
            assert_eq!((own.status, other.status), (200, 200), "round {round}: {rest}");
            if told.contains(rest) {
                assert!(
                    own.body.contains("words for acme") && own.body.contains("words for all"),
                    "{rest}: {}",
                    own.body
                );
                assert!(other.body.contains("words for all"), "{rest}: {}", other.body);
            }
            assert!(
                !other.body.contains("words for acme") && !other.body.contains("Warehouse"),
                "{rest}: {}",
                other.body
            );
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    assert_eq!(ask(&hotline, "/status/desk", "", None).await.status, 404, "strangers stay strangers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_keeps_failing_is_switched_off_and_says_so() {
    let post = MailServer::start().await;
    let hotline = start(post.port()).await;
    // It proves itself, then is gone.
    let hook =
        Receiver::that(|request, _| if request.json()["type"] == "challenge" { Say::Echo } else { Say::Status(410) });
    let hook = hook.await;
    let form = format!("url={}", hook.url("/hook"));
    assert_eq!(ask(&hotline, "/status/all/subscribe", "", Some(&form)).await.status, 200);
    let count = async || hotline.switch().status_subscribers().await.expect("a database").get(&"all".into()).copied();
    until("it is confirmed", async || count().await == Some([0, 1, 0])).await;
    // Two things are told of each: the incident and the component. The third failure is the last.
    for text in ["first words", "second words"] {
        publish(&hotline, "mail", "No mail comes", text).await;
    }
    until("it is switched off", async || count().await == Some([0, 0, 1])).await;
    let page = {
        let url = format!("http://{}/status-pages", hotline.http());
        tokio::task::spawn_blocking(move || {
            let sent =
                ureq::get(&url).header("Authorization", format!("Bearer {TOKEN}")).header("Accept", "text/html").call();
            sent.expect("HTTP answers").body_mut().read_to_string().expect("text")
        })
        .await
        .expect("no panic")
    };
    assert!(page.contains("1 switched off after failures"), "{page}");
    // What was planned is not sent, nor is anything new: once it is off, all that is due comes to its end without a request.
    let idle = async || {
        let now = hotline::clock::now().wall;
        hotline.store().status_hooks_due(now).await.expect("a database").is_empty()
    };
    until("nothing is due", idle).await;
    let seen = hook.seen().len();
    publish(&hotline, "mail", "No mail comes", "third words").await;
    until("the third is on the page", async || {
        ask(&hotline, "/status/all", "", None).await.body.contains("third words")
    })
    .await;
    until("nothing is due", idle).await;
    assert_eq!(hook.seen().len(), seen, "{:?}", hook.seen().last());
    // Who asks again is asked again.
    assert_eq!(ask(&hotline, "/status/all/subscribe", "", Some(&form)).await.status, 200);
    until("it is confirmed again", async || count().await == Some([0, 1, 0])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_is_refused_with_its_reason_and_leaves_nothing() {
    use base64::Engine as _;
    let hotline = start(9).await;
    let put = async |path: &str, body: String| {
        let url = format!("http://{}/api/v1{path}", hotline.http());
        tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let sent =
                agent.put(&url).header("Authorization", format!("Bearer {TOKEN}")).content_type("application/json");
            match sent.send(body.as_bytes()) {
                Ok(mut response) => {
                    (response.status().as_u16(), response.body_mut().read_to_string().unwrap_or_default())
                }
                // A body that is far too large may be refused before it is whole.
                Err(error) => (413, error.to_string()),
            }
        })
        .await
        .expect("no panic")
    };
    let encoded = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let logo = |bytes: &[u8]| json!({ "title": "New", "logo": encoded(bytes) }).to_string();
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend_from_slice(&[0; 17]);
    png.extend_from_slice(b"\0\0\0\0IEND\xae\x42\x60\x82");
    for (body, status, words) in [
        (logo(b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"), 422, "SVG is not taken"),
        (logo(b"MZ this is a program"), 422, "no PNG, JPEG or WebP"),
        (logo(&png[..30]), 422, "cut off"),
        (json!({ "title": "New", "logo": "A".repeat(50 * 1024 * 1024) }).to_string(), 413, ""),
    ] {
        let (got, answer) = put("/status-pages/new", body).await;
        assert!(got == status && answer.contains(words), "{words}: {got} {answer}");
        assert_eq!(ask(&hotline, "/status/new", "", None).await.status, 404, "nothing half-done");
    }
    let (got, answer) =
        put("/customers/initech", json!({ "name": "Initech", "domains": ["ACME.example"] }).to_string()).await;
    assert_eq!(got, 422, "{answer}");
    for part in ["`acme` (", "hotline.toml:", "`initech`", "both claim the e-mail domain `acme.example`"] {
        assert!(answer.contains(part), "{part} in {answer}");
    }
    let kept = hotline.get("/customers").await.to_string();
    assert!(!kept.contains("initech"), "{kept}");
    // And a good one is served as what it is.
    let (got, answer) = put("/status-pages/new", logo(&png)).await;
    assert_eq!(got, 201, "{answer}");
    until("the page is there", async || ask(&hotline, "/status/new", "", None).await.status == 200).await;
    let url = format!("http://{}/status/new/logo", hotline.http());
    let response =
        tokio::task::spawn_blocking(move || ureq::get(&url).call().expect("HTTP answers")).await.expect("no panic");
    let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(
        (header("content-type"), header("x-content-type-options")),
        ("image/png".to_owned(), "nosniff".to_owned())
    );
    assert!(header("content-security-policy").starts_with("default-src 'none'"));
}
