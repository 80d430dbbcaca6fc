//! Runbooks, postmortems, drills through the whole router, on a real store: right and refused, and nothing of another customer's.

use hotline_core::fact::Actor;
use hotline_core::ids::{AlertId, IncidentId, UpdateId};
use hotline_core::incident::{Affected, Impact, Incident, Kind, Line, Phase, Severity, Update, UpdateState};
use jiff::Timestamp;
use serde_json::json;

use super::super::fake::*;
use super::*;
use crate::store::incidents::IncidentVerdict;
use crate::store::{Store, StoreSettings};

const FAULT: &str = "---\ntitle: Fault reported\nwords: fault reported\n---\n## Recovery\n1. Call back.\n2. Restart it {action: restart}\n## Verification\n- The scanners scan.\n";

struct Learning {
    bench: Bench,
    store: Store,
    _dir: tempfile::TempDir,
}

async fn learning() -> Learning {
    let dir = tempfile::tempdir().unwrap();
    let settings = StoreSettings {
        data_dir: dir.path().to_owned(),
        database_url: format!("sqlite://{}/hotline.db", dir.path().display()),
        node: "node-1".to_owned(),
    };
    let (store, _journal, _) = Store::open(settings).await.unwrap();
    let mut fake = Fake::night(now());
    let mut directory = (*fake.directory).clone();
    let service = hotline_core::directory::Service {
        id: "scanners".into(),
        name: "Scanners".to_owned(),
        customer: Some("acme".into()),
        ..Default::default()
    };
    directory.services.insert(service.id.clone(), service);
    let action = hotline_core::directory::Action {
        id: "restart".into(),
        name: "Restart".to_owned(),
        deed: hotline_core::directory::ActionDeed::Command(vec!["true".to_owned()]),
        timeout: std::time::Duration::from_secs(1),
        retries: 0,
        on: None,
    };
    directory.actions.insert(action.id.clone(), action);
    fake.directory = Arc::new(directory);
    assert!(fake.store.set(store.clone()).is_ok());
    Learning { bench: super::bench_with(super::settings(), fake), store, _dir: dir }
}

impl Learning {
    async fn send(&self, method: Method, path: &str, body: &str) -> Answer {
        let token = format!("Bearer {TOKEN}");
        let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
        let headers = if body.is_empty() { &headers[..1] } else { &headers[..] };
        self.bench.ask(method, path, headers, body).await
    }

    async fn put(&self, id: &str, text: &str, version: Option<i64>) -> Answer {
        let body = json!({ "text": text, "version": version }).to_string();
        self.send(Method::PUT, &format!("/api/v1/runbooks/{id}"), &body).await
    }

    async fn ids(&self, role: &str, customers: &str, query: &str) -> Vec<String> {
        let found = self.bench.get_as(role, customers, &format!("/api/v1/runbooks{query}")).await;
        assert_eq!(found.status, StatusCode::OK, "{}", found.text());
        let items = found.json()["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    /// An incident of acme's scanners, over, with one update that was published.
    async fn incident(&self, number: u128) -> String {
        let at = |minute: i64| now() + jiff::SignedDuration::from_mins(minute);
        let made = |reference: String| {
            let affected = vec![Affected { service: "scanners".into(), impact: Impact::MajorOutage }];
            let incident = Incident {
                id: IncidentId(id(number)),
                reference,
                kind: Kind::Fault,
                title: "Scanner gateway stuck".to_owned(),
                public_title: Some("Scanners do not scan".to_owned()),
                public_titles: Vec::new(),
                severity: Severity::Major,
                worst: Severity::Major,
                phase: Phase::Resolved,
                affected: affected.clone(),
                customers: Vec::new(),
                roles: Vec::new(),
                tasks: Vec::new(),
                alerts: vec![AlertId(id(ALERT_WAITING))],
                calls: Vec::new(),
                updates: vec![Update {
                    id: UpdateId(id(number + 1)),
                    at: at(5),
                    by: Actor::Login("ann".to_owned()),
                    phase: Phase::Resolved,
                    heading: None,
                    text: "It works again.".to_owned(),
                    translations: Vec::new(),
                    customers: Vec::new(),
                    affected,
                    named: Vec::new(),
                    state: UpdateState::Published { at: at(5), by: Actor::Login("ann".to_owned()) },
                }],
                began: None,
                detected_at: at(0),
                opened_at: at(1),
                opened_by: Actor::Login("ann".to_owned()),
                resolved_at: Some(at(65)),
                scheduled: None,
                by_itself: false,
                drill: None,
                update_due: None,
                update_told: 0,
                tell_when_over: Vec::new(),
                ever: Vec::new(),
                additions: Vec::new(),
                version: 0,
            };
            let line = Line {
                at: at(1),
                by: Actor::Login("ann".to_owned()),
                kind: "incident.opened",
                what: "Opened.".to_owned(),
                why: String::new(),
                text: None,
            };
            Ok::<_, ()>(IncidentVerdict { incident, lines: vec![line], tell: Vec::new(), audit: Vec::new() })
        };
        let opened = self.store.open_incident(now(), made).await.unwrap().unwrap();
        opened.id.to_string()
    }
}

#[tokio::test]
async fn a_runbook_is_written_found_compared_and_put_away() {
    let all = learning().await;
    let first = all.put("fault", FAULT, Some(0)).await;
    assert_eq!((first.status, &first.json()["version"]), (StatusCode::OK, &1.into()), "{}", first.text());
    assert_eq!(all.put("fault", FAULT, Some(0)).await.problem(409), "overtaken");
    let changed = FAULT.replace("Call back.", "Rufen Sie zurück.");
    assert_eq!(all.put("fault", &changed, Some(1)).await.json()["version"], 2);
    let one = all.bench.get("/api/v1/runbooks/fault").await.json();
    assert_eq!(
        (&one["kind"], &one["steps"][1]["action"], &one["text"]),
        (&"runbook".into(), &"restart".into(), &changed.into())
    );
    assert_eq!(all.ids("engineer", "", "?q=zurueck").await, ["fault"]);
    assert!(
        all.ids("engineer", "", "?q=nirgends").await.is_empty() && all.ids("engineer", "", "?q=--").await.is_empty()
    );
    let versions = all.bench.get("/api/v1/runbooks/fault/versions").await.json();
    assert_eq!(versions["items"].as_array().unwrap().len(), 2);
    let diff = all.bench.get("/api/v1/runbooks/fault/versions/2").await.json();
    let marks: Vec<&str> = diff["diff"].as_array().unwrap().iter().map(|line| line["mark"].as_str().unwrap()).collect();
    assert_eq!((marks.iter().filter(|mark| **mark == "-").count(), diff["since"].as_i64()), (1, Some(1)));
    assert!(
        all.bench.get("/api/v1/runbooks/fault/versions/1").await.json()["text"]
            .as_str()
            .unwrap()
            .contains("Call back.")
    );
    assert_eq!(all.bench.get("/api/v1/runbooks/fault/versions/9").await.problem(404), "version-not-found");
    assert_eq!(all.send(Method::DELETE, "/api/v1/runbooks/fault", "").await.status, StatusCode::NO_CONTENT);
    assert!(all.ids("engineer", "", "").await.is_empty());
    assert_eq!(all.ids("engineer", "", "?archived=1").await, ["fault"]);
    let wrong = all.put("fault", "---\ntitle: x\nowner: nobody\n---\n## Recovery\n1. a {action: boom}\n", None).await;
    assert_eq!(wrong.problem(400), "invalid-parameter");
    let told: Vec<String> = wrong.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["field"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, ["text:3", "text:6"]);
    for (id, text) in [("Up", FAULT), ("a b", FAULT), ("x", "no title"), ("x", "# a\0")] {
        assert_eq!(all.put(&id.replace(' ', "%20"), text, None).await.problem(400), "invalid-parameter", "{id}");
    }
}

#[tokio::test]
async fn a_customers_article_is_for_those_who_see_that_customer() {
    let all = learning().await;
    let text = |customer: &str| {
        format!("---\ntitle: Environment of {customer}\ncustomer: {customer}\nwords: fault reported\n---\nserver\n")
    };
    all.put("fault", FAULT, None).await;
    assert_eq!(all.put("acme-env", &text("acme"), None).await.status, StatusCode::OK);
    assert_eq!(all.put("muster-env", &text("muster"), None).await.status, StatusCode::OK);
    assert_eq!(all.ids("engineer", "acme", "").await, ["acme-env", "fault"]);
    assert_eq!(all.ids("engineer", "muster", "?q=server").await, ["muster-env"]);
    for path in ["", "/versions", "/versions/1"] {
        let other = all.bench.get_as("engineer", "acme", &format!("/api/v1/runbooks/muster-env{path}")).await;
        assert_eq!(other.problem(404), "runbook-not-found", "{path}");
    }
    let stakeholder = all.bench.get_as("stakeholder", "acme", "/api/v1/runbooks").await;
    assert_eq!(stakeholder.problem(403), "role-not-enough");
    // The alert is acme's: muster's article does not belong to it, whoever looks.
    let path = path("/api/v1/alerts", ALERT_WAITING, "/runbooks");
    let found = all.bench.get(&path).await.json();
    let ids: Vec<&str> = found["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["acme-env", "fault"], "{found}");
    assert_eq!(all.bench.get_as("engineer", "muster", &path).await.problem(404), "alert-not-found");
    // Whoever sees acme only writes for acme only.
    let token = crate::http::auth::fresh_token();
    all.bench.fake.kept.lock().tokens.push(TokenRow {
        name: "narrow".to_owned(),
        hash: crate::http::auth::token_hash(token.reveal()),
        role: "engineer".to_owned(),
        customers: Some("acme".to_owned()),
        ..TokenRow::default()
    });
    let write = async |id: &str, text: &str| {
        let bearer = format!("Bearer {}", token.reveal());
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = json!({ "text": text }).to_string();
        all.bench.ask(Method::PUT, &format!("/api/v1/runbooks/{id}"), &headers, &body).await
    };
    assert_eq!(write("fault", FAULT).await.problem(403), "not-your-customer");
    assert_eq!(write("new", FAULT).await.problem(403), "not-your-customer");
    assert_eq!(write("new", &text("muster")).await.problem(403), "not-your-customer");
    assert_eq!(write("muster-env", &text("acme")).await.problem(404), "runbook-not-found");
    assert_eq!(write("acme-env", &text("acme")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_step_is_ticked_on_the_alerts_timeline_once_and_starts_its_action() {
    let all = learning().await;
    all.put("fault", FAULT, None).await;
    let step = |number: u32| path("/api/v1/alerts", ALERT_WAITING, &format!("/runbooks/fault/steps/{number}"));
    assert_eq!(all.send(Method::PUT, &step(1), "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(all.send(Method::PUT, &step(1), "").await.status, StatusCode::NO_CONTENT);
    let comments = || {
        let said = all.bench.fake.said.lock();
        said.iter()
            .filter_map(|(_, word)| {
                if let hotline_core::alert::Command::Comment(text) = word { Some(text.reveal().clone()) } else { None }
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(comments(), ["Runbook \"Fault reported\", step 1 done: Call back."]);
    let shown = all.bench.get(&path("/api/v1/alerts", ALERT_WAITING, "/runbooks")).await.json();
    let first = &shown["items"][0]["steps"][0];
    assert_eq!(first["done_by"], "token admin");
    assert!(first["done_at"].is_string() && shown["items"][0]["steps"][1]["done_at"].is_null());
    assert_eq!(all.send(Method::DELETE, &step(1), "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(comments().len(), 2);
    let started = all.send(Method::POST, &format!("{}/start", step(2)), "").await;
    assert_eq!((started.status, &started.json()["action"]), (StatusCode::ACCEPTED, &"restart".into()));
    assert_eq!(all.send(Method::POST, &format!("{}/start", step(1)), "").await.problem(404), "action-not-found");
    assert_eq!(all.send(Method::PUT, &step(9), "").await.problem(404), "step-not-found");
    let other = path("/api/v1/alerts", ALERT_WAITING, "/runbooks/nothing/steps/1");
    assert_eq!(all.send(Method::PUT, &other, "").await.problem(404), "runbook-not-found");
}

#[tokio::test]
async fn a_postmortem_goes_from_facts_to_customers() {
    let all = learning().await;
    let incident = all.incident(700).await;
    let made = all.send(Method::POST, "/api/v1/postmortems", &json!({ "incident": incident }).to_string()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let drafted = made.json();
    let summary = drafted["sections"]["summary"].as_str().unwrap();
    assert!(summary.contains("Scanner gateway stuck") && summary.contains("1 h 5 min"), "{summary}");
    let again = all.send(Method::POST, "/api/v1/postmortems", &json!({ "incident": incident }).to_string()).await;
    assert_eq!(again.problem(409), "postmortem-exists");
    let to = format!("/api/v1/postmortems/{}", drafted["id"].as_str().unwrap());
    let mut sections = drafted["sections"].clone();
    sections["root_cause"] = "Ada failed to renew a certificate.".into();
    let save = async |version: i64, sections: &Value| {
        let actions = json!([{ "text": "Watch the certificate", "owner": "engineer-1", "due": "2026-12-24" }]);
        let actions = if version == 1 {
            actions
        } else {
            json!([{ "number": 1, "text": "Watch the certificate", "owner": "engineer-1", "due": "2026-12-24" }])
        };
        let body = json!({ "version": version, "title": "Scanners", "sections": sections, "actions": actions });
        all.send(Method::PUT, &to, &body.to_string()).await
    };
    let saved = save(1, &sections).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.text());
    let words: Vec<Value> = saved.json()["blame"].as_array().unwrap().iter().map(|one| one["words"].clone()).collect();
    assert_eq!(words, ["Ada", "failed to"]);
    assert_eq!(save(1, &sections).await.problem(409), "overtaken");
    let go = async |state: &str, version: i64| {
        all.send(Method::POST, &format!("{to}/state"), &json!({ "state": state, "version": version }).to_string()).await
    };
    assert_eq!(go("reviewed", 2).await.problem(409), "own-review");
    assert_eq!(go("published", 2).await.problem(409), "not-yet");
    sections["root_cause"] = "A certificate ran out; nothing watched it.".into();
    sections["public"] = "Ada Winter has repaired the scanners of Acme Logistics.".into();
    assert_eq!(save(2, &sections).await.json()["blame"][0]["section"], "public");
    // Somebody else reviews it.
    let cookie = all.bench.log_in("ann").await;
    let by_ann = async |state: &str, version: i64| {
        let headers =
            [("cookie", cookie.as_str()), ("origin", "http://hotline.test"), ("content-type", "application/json")];
        let body = json!({ "state": state, "version": version }).to_string();
        all.bench.ask(Method::POST, &format!("{to}/state"), &headers, &body).await
    };
    assert_eq!(by_ann("reviewed", 3).await.json()["state"], "reviewed");
    assert_eq!(go("published", 4).await.problem(409), "names-in-public-text");
    sections["public"] = "A certificate had run out. It is watched from now on.".into();
    let changed = save(4, &sections).await.json();
    assert_eq!(changed["state"], "draft", "what was reviewed was changed");
    assert_eq!(by_ann("reviewed", 5).await.status, StatusCode::OK);
    let out = go("published", 6).await.json();
    assert_eq!(out["state"], "published");
    assert!(out["published_at"].is_string());
    // Papers, with a policy that lets only their own style in.
    let html = all.bench.get(&format!("{to}/paper")).await;
    assert!(
        html.header("content-security-policy").contains("style-src 'sha256-")
            && html.text().contains("A certificate ran out")
    );
    let pdf = all.bench.get(&format!("{to}/paper?format=pdf")).await;
    assert_eq!(pdf.header("content-type"), "application/pdf");
    assert!(pdf.body.starts_with(b"%PDF-"));
    assert!(all.bench.get(&format!("{to}/paper?format=md")).await.text().contains("## Root cause"));
    // Two customers: who sees only the other one sees nothing of it.
    let mine = all.bench.get_as("engineer", "acme", &to).await;
    assert_eq!(mine.status, StatusCode::OK);
    assert_eq!(all.bench.get_as("engineer", "muster", &to).await.problem(404), "postmortem-not-found");
    assert_eq!(all.bench.get_as("engineer", "muster", "/api/v1/postmortems").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_drill_is_planned_and_what_can_not_be_is_told() {
    let all = learning().await;
    let plan = async |body: Value| all.send(Method::POST, "/api/v1/drills", &body.to_string()).await;
    let next = (crate::clock::now().wall + jiff::SignedDuration::from_hours(48)).to_string();
    let made = plan(json!({ "title": "Mail at night", "language": "de", "next_at": next, "every": "month", "time_zone": "Europe/Berlin" })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let incident = all.incident(700).await;
    let replayed = plan(json!({ "replays": format!("incident:{incident}") })).await;
    assert_eq!(replayed.json()["title"], "Scanner gateway stuck");
    for (body, field) in [
        (json!({}), "title"),
        (json!({ "title": "x", "every": "week" }), "next_at"),
        (json!({ "title": "x", "next_at": "2020-01-01T00:00:00Z" }), "next_at"),
        (json!({ "title": "x", "every": "hourly" }), "every"),
        (json!({ "title": "x", "language": "fr" }), "language"),
        (json!({ "title": "x", "time_zone": "Mars/Olympus" }), "time_zone"),
        (json!({ "title": "x", "policy": "none" }), "policy"),
        (json!({ "replays": "incident:019aab2c-7d11-7000-8000-00000000ffff" }), "replays"),
        (json!({ "replays": "x" }), "replays"),
    ] {
        let answer = plan(body).await;
        assert_eq!((answer.problem(400).as_str(), &answer.json()["field"]), ("invalid-parameter", &field.into()));
    }
    let listed = all.bench.get("/api/v1/drills").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert_eq!(all.bench.get_as("engineer", "acme", "/api/v1/drills").await.problem(403), "role-not-enough");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(all.send(Method::DELETE, &format!("/api/v1/drills/{id}"), "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(all.bench.get("/api/v1/drill-runs/nothing").await.problem(404), "run-not-found");
    let _: Timestamp = next.parse().unwrap();
}

#[tokio::test]
async fn the_pages_show_write_and_escape() {
    let all = learning().await;
    let cookie = all.bench.log_in("ann").await;
    let post = async |path: &str, body: &str| {
        let headers = [
            ("cookie", cookie.as_str()),
            ("origin", "http://hotline.test"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "text/html"),
        ];
        all.bench.ask(Method::POST, path, &headers, body).await
    };
    let form =
        |fields: &[(&str, &str)]| url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let hostile =
        format!("{FAULT}\n## Notes\n{HOSTILE}\n").replace("title: Fault reported", "title: Fault <i>reported</i>");
    let hostile = hostile.replace('\n', "\r\n");
    let saved = post("/runbooks/new/save", &form(&[("id", "fault"), ("version", "0"), ("text", &hostile)])).await;
    assert_eq!(
        (saved.status, saved.header("location")),
        (StatusCode::SEE_OTHER, "/runbooks/fault"),
        "{}",
        saved.text()
    );
    let wrong = post("/runbooks/fault/save", &form(&[("version", "1"), ("text", "---\nkind: x\n")])).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text().contains("Line 1:") && wrong.text().contains("kind: x"), "{}", wrong.text());
    let incident = all.incident(700).await;
    let drafted = post("/postmortems", &form(&[("incident", &incident), ("language", "de")])).await;
    let to = drafted.header("location").to_owned();
    assert!(to.starts_with("/postmortems/"), "{}", drafted.text());
    let written = [
        ("version", "1"),
        ("title", "Scanner <b>Ausfall</b>"),
        ("summary", "Du hast es vergessen."),
        ("action0_text", "Zertifikat überwachen"),
        ("action0_owner", "engineer-1"),
        ("action0_due", "2026-12-24"),
        ("action0_done", ""),
        ("action1_text", ""),
    ];
    let saved = post(&format!("{to}/save"), &form(&written)).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text());
    let stale = post(&format!("{to}/save"), &form(&written)).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    assert!(stale.text().contains("Zertifikat überwachen"), "what was written is not lost");
    let planned = post("/drills", &form(&[("title", "Übung <b>"), ("language", "de"), ("every", "once")])).await;
    assert_eq!(planned.header("location"), "/drills", "{}", planned.text());
    for (path, shown) in [
        ("/runbooks".to_owned(), "Fault &#60;i&#62;reported"),
        ("/runbooks?q=call".to_owned(), "Fault &#60;i&#62;reported"),
        ("/runbooks/fault".to_owned(), "Call back."),
        ("/runbooks/fault/edit".to_owned(), "## Recovery"),
        ("/runbooks/new/edit".to_owned(), "kind: runbook"),
        ("/runbooks/fault/versions/1".to_owned(), "+ 1. Call back."),
        (to.clone(), "Du hast"),
        ("/postmortems".to_owned(), "INC-"),
        ("/drills".to_owned(), "Übung &#60;b&#62;"),
        (super::path("/alerts", ALERT_WAITING, ""), "What to do"),
    ] {
        let page = all.bench.browse(&path, &cookie).await;
        let text = page.text();
        assert_eq!(page.status, StatusCode::OK, "{path}: {text}");
        assert!(text.contains(shown), "{shown} is not in {path}:\n{text}");
        assert!(
            !text.contains("<i>reported") && !text.contains("<script>alert") && !text.contains("<b>Ausfall"),
            "{path}"
        );
    }
    let ticked = post(&super::path("/alerts", ALERT_WAITING, "/runbooks/fault/1/done"), "").await;
    assert_eq!(ticked.status, StatusCode::SEE_OTHER, "{}", ticked.text());
    let page = all.bench.browse(&super::path("/alerts", ALERT_WAITING, ""), &cookie).await;
    assert!(page.text().contains("done by login ann"), "{}", page.text());
    // A stakeholder sees none of it.
    let sam = all.bench.log_in("sam").await;
    for path in ["/runbooks", "/postmortems", "/drills"] {
        assert_eq!(all.bench.browse(path, &sam).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}
