//! The dispatcher's page of an incident, by forms alone: planned, opened, changed, waited for, ticked. And whom it concerns sees no more
//! than before.

use serde_json::{Value, json};

use crate::harness::{Hotline, TOKEN};
use crate::incidents::{say, send, text, toml, when};
use crate::receiver::{MailServer, Receiver};

/// Both customers have a promise.
const PROMISES: &str = r#"
[[slas]]
id = "acme-gold"
name = "Gold"
customer = "acme"
targets = [{ priority = "P1", response = "30m", resolution = "4h", update = "15m" }]

[[slas]]
id = "globex-silver"
name = "Silver"
customer = "globex"
targets = [{ priority = "P1", response = "1h", resolution = "8h" }]
"#;

/// A form of the page; the status, where it leads to, and the page.
async fn press(hotline: &Hotline, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
    let url = format!("http://{}{path}", hotline.http());
    let fields: Vec<(String, String)> =
        fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    tokio::task::spawn_blocking(move || {
        let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
        let agent: ureq::Agent = config.build().into();
        let sent = agent.post(&url).header("Authorization", &format!("Bearer {TOKEN}")).send_form(fields);
        let mut response = sent.expect("HTTP answers");
        let place = response.headers().get("location").and_then(|place| place.to_str().ok()).unwrap_or_default();
        let (status, place) = (response.status().as_u16(), place.to_owned());
        (status, place, response.body_mut().read_to_string().expect("a page"))
    })
    .await
    .expect("no panic")
}

/// The same, where it is to go well; where it leads to.
async fn pressed(hotline: &Hotline, path: &str, fields: &[(&str, &str)]) -> String {
    let (status, place, page) = press(hotline, path, fields).await;
    assert_eq!(status, 303, "{path}: {page}");
    place
}

async fn page(hotline: &Hotline, path: &str) -> String {
    let url = format!("http://{}{path}", hotline.http());
    tokio::task::spawn_blocking(move || {
        let sent = ureq::get(&url).header("Authorization", &format!("Bearer {TOKEN}")).call().expect("a page");
        sent.into_body().read_to_string().expect("a page")
    })
    .await
    .expect("no panic")
}

fn clock<'a>(incident: &'a Value, customer: &str, promise: &str) -> &'a Value {
    let all = incident["promises"].as_array().expect("promises");
    let own = all.iter().find(|one| one["customer"]["id"] == customer).expect("the customer's promises");
    let clocks = own["clocks"].as_array().expect("clocks");
    clocks.iter().find(|clock| clock["promise"] == promise).expect("the promise")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_can_the_page_can_by_forms_alone() {
    let (receiver, post) = (Receiver::start().await, MailServer::start().await);
    let hotline = Hotline::start(&format!("{}{PROMISES}", toml(&receiver, post.port()))).await;

    planned_work_has_the_pages_times(&hotline).await;

    // A disturbance; who is touched beside, since when, by whose words.
    let fields = [("title", "VPN is down"), ("severity", "critical"), ("service", "acme-erp")];
    let place = pressed(&hotline, "/incidents", &fields).await;
    let id = place.rsplit('/').next().expect("an id").to_owned();
    pressed(&hotline, &format!("{place}/customers"), &[("named:globex", "on")]).await;
    pressed(&hotline, &format!("{place}/began"), &[("at", "2026-03-02T09:40")]).await;
    let (status, ..) = press(&hotline, &format!("{place}/began"), &[("at", "2040-03-02T09:40")]).await;
    assert_eq!(status, 400, "a beginning to come");
    pressed(&hotline, &format!("{place}/describe"), &[("public_title", "No <b>VPN</b>")]).await;
    let incident =
        when(&hotline, &id, "the clocks run", |seen| seen["promises"].as_array().is_some_and(|all| all.len() == 2))
            .await;
    assert_eq!(incident["named"], json!(["globex"]));
    let began = json!({ "at": "2026-03-02T08:40:00.000Z", "origin": "person" });
    assert_eq!(incident["began"], began, "{incident:#}");

    // A draft, changed before it is out, for one customer only.
    let draft = [("phase", "investigating"), ("text", "We lok."), ("text:de", "Wir suchen.")];
    let preview = pressed(&hotline, &format!("{place}/draft"), &draft).await;
    let update =
        preview.split("preview=").nth(1).and_then(|rest| rest.split('#').next()).expect("an update").to_owned();
    let edited = [
        ("update", update.as_str()),
        ("phase", "identified"),
        ("text", "We look."),
        ("text:de", "Wir suchen noch."),
        ("for:acme", "on"),
    ];
    pressed(&hotline, &format!("{place}/edit"), &edited).await;
    let own = &hotline.get(&place).await["updates"][0];
    assert_eq!(
        (text(own, "text"), text(own, "phase"), &own["translations"], &own["customers"]),
        ("We look.", "identified", &json!({ "de": "Wir suchen noch." }), &json!(["acme"])),
        "{own:#}"
    );
    pressed(&hotline, &format!("{place}/publish"), &[("update", &update)]).await;
    let (status, ..) = press(&hotline, &format!("{place}/edit"), &edited).await;
    assert_eq!(status, 409, "what is out stays");

    // Acme is waited for; Globex's clocks go on, and Acme's had its first word.
    pressed(&hotline, &format!("{place}/waiting"), &[("customer", "acme")]).await;
    let incident =
        when(&hotline, &id, "the first word counts", |seen| text(clock(seen, "acme", "response"), "state") == "kept")
            .await;
    assert_eq!(text(clock(&incident, "acme", "resolution"), "state"), "paused", "{incident:#}");
    assert!(clock(&incident, "acme", "resolution")["due_at"].is_null());
    for promise in ["response", "resolution"] {
        assert_eq!(text(clock(&incident, "globex", promise), "state"), "running", "{incident:#}");
    }
    let shown = page(&hotline, &place).await;
    for words in
        ["is waited for since", "Acme Logistics has answered", "Wait for Globex", "VPN trouble", "No &#60;b&#62;VPN"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains("<b>VPN</b>"));
    pressed(&hotline, &format!("{place}/answered"), &[("customer", "acme")]).await;
    let word = json!({ "waiting": false, "customer": "nobody" });
    let (status, refused) = send(&hotline, "POST", &format!("/incidents/{id}/waiting"), TOKEN, &word).await;
    assert_eq!((status, text(&refused, "code")), (409, "nothing-promised"));

    // A step of the runbook, ticked on the page, taken back through the API: both on the timeline, once.
    let step = format!("/incidents/{id}/runbooks/vpn-trouble/1/done");
    pressed(&hotline, &step, &[]).await;
    pressed(&hotline, &step, &[]).await;
    let books = hotline.get(&format!("/incidents/{id}/runbooks")).await;
    let items = books["items"].as_array().expect("runbooks");
    let book = items.iter().find(|book| book["id"] == "vpn-trouble").expect("the runbook");
    assert!(book["steps"][0]["done_by"].is_string(), "{books:#}");
    let (status, _) =
        send(&hotline, "PUT", &format!("/incidents/{id}/runbooks/vpn-trouble/steps/99"), TOKEN, &json!({})).await;
    assert_eq!(status, 404);
    pressed(&hotline, &format!("/incidents/{id}/runbooks/vpn-trouble/1/undone"), &[]).await;
    let timeline = hotline.get(&format!("/incidents/{id}/timeline")).await;
    let lines = timeline.as_array().expect("lines");
    let said = |part: &str| lines.iter().filter(|line| text(line, "what").contains(part)).count();
    assert_eq!((said("step 1 done."), said("step 1 not done after all.")), (1, 1), "{timeline:#}");
    assert_eq!((said("Acme Logistics is waited for"), said("is not waited for any more")), (1, 1), "{timeline:#}");

    own_people_see_their_part(&hotline, &id).await;
}

/// Planned work: times as the page's zone has them (the schedule's, Berlin).
async fn planned_work_has_the_pages_times(hotline: &Hotline) {
    let fields = [
        ("kind", "maintenance"),
        ("title", "swap the switch"),
        ("public_title", "Planned work"),
        ("service", "mail"),
        ("from", "2032-07-01T22:00"),
        ("until", "2032-07-02T02:00"),
        ("by_itself", "on"),
    ];
    assert!(page(hotline, "/incidents").await.contains("Plan maintenance"));
    let place = pressed(hotline, "/incidents", &fields).await;
    let planned = hotline.get(&place).await;
    assert_eq!(
        (text(&planned, "kind"), text(&planned, "phase"), text(&planned, "scheduled_from")),
        ("maintenance", "scheduled", "2032-07-01T20:00:00.000Z"),
        "{planned:#}"
    );
    assert_eq!((&planned["by_itself"], text(&planned["affected"][0], "impact")), (&json!(true), "under_maintenance"));
    let moved = [("from", "2032-12-01T22:00"), ("until", "2032-12-02T02:00")];
    pressed(hotline, &format!("{place}/schedule"), &moved).await;
    let planned = hotline.get(&place).await;
    assert_eq!(
        (text(&planned, "scheduled_until"), &planned["by_itself"]),
        ("2032-12-02T01:00:00.000Z", &json!(false)),
        "in winter an hour later"
    );
    let (status, _, told) = press(hotline, &format!("{place}/schedule"), &[("from", "soon")]).await;
    assert_eq!((status, told.contains("Write a date and a time.")), (400, true), "{told}");
}

/// A customer's own people see what was published to them, and nothing else.
async fn own_people_see_their_part(hotline: &Hotline, id: &str) {
    let body = json!({ "name": "globex-watch", "role": "stakeholder", "customers": ["globex"] });
    let globex = text(&say(hotline, "POST", "/tokens", body).await, "token").to_owned();
    for path in [format!("/incidents/{id}"), format!("/incidents/{id}/runbooks")] {
        let (status, answer) = send(hotline, "GET", &path, &globex, &Value::Null).await;
        assert_eq!(status, 404, "nothing was published to Globex: {answer:#}");
    }
    let (status, _) =
        send(hotline, "POST", &format!("/incidents/{id}/waiting"), &globex, &json!({ "waiting": true })).await;
    assert_eq!(status, 404);
    let body = json!({ "name": "acme-watch", "role": "stakeholder", "customers": ["acme"] });
    let acme = text(&say(hotline, "POST", "/tokens", body).await, "token").to_owned();
    let (status, seen) = send(hotline, "GET", &format!("/incidents/{id}"), &acme, &Value::Null).await;
    assert_eq!(
        (status, &seen["promises"], &seen["named"], &seen["began"]),
        (200, &json!([]), &json!([]), &Value::Null)
    );
    assert!(!seen.to_string().contains("lobex"), "{seen:#}");
    for (method, path, refused) in [("GET", "runbooks", 403), ("POST", "waiting", 403)] {
        let body = json!({ "waiting": true });
        let (status, _) = send(hotline, method, &format!("/incidents/{id}/{path}"), &acme, &body).await;
        assert_eq!(status, refused, "{path}");
    }
}
