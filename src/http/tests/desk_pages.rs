//! The pages of alerts, schedules, setup and audit: what they show, to whom, and what the buttons say.

use hotline_core::alert::Command;
use hotline_core::fact::Priority;
use hotline_core::ids::AlertId;

use super::super::fake::*;
use super::*;

fn busy() -> Bench {
    bench_with(settings(), Fake::busy(now()))
}

const PAGES: [&str; 7] =
    ["/", "/alerts", "/schedules", "/schedules/platform", "/people/engineer-4", "/setup", "/audit?verify=1"];

#[tokio::test]
async fn every_page_is_plain_markup_without_inline_script_or_style() {
    let bench = busy();
    bench.fake.kept.lock().audit.push({
        let mut deed = glances_deed(HOSTILE);
        deed.personal = vec![("name".to_owned(), Some(HOSTILE.to_owned()))];
        deed
    });
    let cookie = bench.log_in("ann").await;
    let alert = path("/alerts", 500, "");
    for page in PAGES.iter().copied().chain([alert.as_str()]) {
        let answer = bench.browse(page, &cookie).await;
        let text = answer.text();
        assert_eq!(answer.status, StatusCode::OK, "{page}: {text}");
        assert!(!text.contains("style=") && !text.contains("<script>") && !text.contains("onclick"), "{page}");
        assert!(!text.contains("<img src=x"), "{page}");
        for heading in ["<h1", "<main", "lang=\"en\""] {
            assert!(text.contains(heading), "{page} has {heading}");
        }
    }
}

fn glances_deed(text: &str) -> crate::store::audit::AuditRow {
    crate::store::audit::AuditRow {
        node: "node-1".to_owned(),
        seq: 61,
        id: "x".to_owned(),
        at: now().as_millisecond(),
        actor: Some(text.to_owned()),
        action: "login.failed".to_owned(),
        object: Some(text.to_owned()),
        detail: format!("{{\"a\":{}}}", serde_json::to_string(text).unwrap()),
        personal: Vec::new(),
        hashes: Vec::new(),
        prev: String::new(),
        hash: String::new(),
    }
}

#[tokio::test]
async fn the_board_says_what_happens_next_and_what_is_wrong() {
    let bench = busy();
    let cookie = bench.log_in("ann").await;
    let on_call = async || {
        let all = bench.get("/api/v1/on-call").await.json();
        let name = |one: &serde_json::Value| one["now"]["name"].as_str().map(str::to_owned);
        all["items"].as_array().unwrap().iter().filter_map(name).collect::<Vec<_>>()
    };
    let before = on_call().await;
    let text = bench.browse("/", &cookie).await.text();
    // A shift may change between the questions.
    let after = on_call().await;
    let names = |names: &[String]| !names.is_empty() && names.iter().all(|name| text.contains(name));
    assert!(names(&before) || names(&after), "{before:?}, {after:?} are not in\n{text}");
    for shown in [
        "everybody was told, nobody took it",
        "the last step of its escalation reached nobody",
        // "Nobody will be" or, by day, "Nobody is": the rota is of nights only.
        "on call by Second line (nights)",
        "step 2: Ben Sommer",
        "312 events",
        "Somebody has it",
        "Can wait: low urgency or snoozed",
        "more are open",
        "Zabbix (Rechenzentrum Nürnberg)",
    ] {
        assert!(text.contains(shown), "{shown} is not in\n{text}");
    }
}

#[tokio::test]
async fn an_alert_of_a_tool_shows_its_details_and_who_was_told() {
    let bench = busy();
    let cookie = bench.log_in("ann").await;
    let text = bench.browse(&path("/alerts", 500, ""), &cookie).await.text();
    for shown in [
        "What happens next",
        "exchange.queue[submission]",
        "https://zabbix.example/",
        "Ben Sommer by SMS",
        "8 tries",
        "the provider answered 503 each time",
        "Until the morning",
        "Add comment",
        "Around the clock",
    ] {
        assert!(text.contains(shown), "{shown} is not in\n{text}");
    }
    bench.fake.kept.lock().more.get_mut(&id(500).to_string()).unwrap().link = Some("javascript:alert(1)".to_owned());
    let text = bench.browse(&path("/alerts", 500, ""), &cookie).await.text();
    assert!(!text.contains("javascript:"), "only web pages are linked");
}

#[tokio::test]
async fn the_other_buttons_are_words_of_the_person() {
    let bench = busy();
    let cookie = bench.log_in("ann").await;
    let alert = AlertId(id(500));
    let press = async |deed: &str, body: &str, site: &str| {
        let headers = [
            ("cookie", cookie.as_str()),
            ("accept", "text/html"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", site),
        ];
        bench.ask(Method::POST, &path("/alerts", 500, &format!("/{deed}")), &headers, body).await
    };
    for (deed, body) in [
        ("escalate", ""),
        ("assign", "user=engineer-2"),
        ("snooze", "for=15m"),
        ("comment", "text=I+look+at+it"),
        ("priority", "priority=P4"),
        ("merge", "into=%23100201"),
    ] {
        let answer = press(deed, body, "same-origin").await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (StatusCode::SEE_OTHER, path("/alerts", 500, "").as_str()),
            "{deed}: {}",
            answer.text()
        );
        assert_eq!(press(deed, body, "cross-site").await.status, StatusCode::FORBIDDEN, "{deed}");
    }
    let said = bench.fake.said.lock().clone();
    let commands: Vec<Command> = said
        .into_iter()
        .map(|(of, command)| {
            assert_eq!(of, alert);
            command
        })
        .collect();
    assert!(matches!(&commands[0], Command::Escalate));
    assert!(matches!(&commands[1], Command::Assign(user) if user.0 == "engineer-2"));
    assert!(matches!(&commands[2], Command::Snooze(_)));
    assert!(matches!(&commands[3], Command::Comment(text) if text.reveal() == "I look at it"));
    assert!(matches!(&commands[4], Command::Describe { priority: Some(Priority::P4), title: None }));
    assert!(matches!(&commands[5], Command::Merge(into) if *into == AlertId(id(501))));
    assert_eq!(commands.len(), 6);
    for (deed, body, status) in [
        ("hand-back", "", StatusCode::CONFLICT),
        ("snooze", "for=ever", StatusCode::BAD_REQUEST),
        ("assign", "", StatusCode::BAD_REQUEST),
        ("comment", "text=+", StatusCode::BAD_REQUEST),
        ("merge", "into=77", StatusCode::BAD_REQUEST),
        ("explode", "", StatusCode::NOT_FOUND),
    ] {
        let answer = press(deed, body, "same-origin").await;
        assert_eq!(answer.status, status, "{deed}: {}", answer.text());
        assert!(answer.header("content-type").starts_with("text/html"), "{deed}");
    }
}

#[tokio::test]
async fn a_schedule_is_drawn_and_explained() {
    let bench = busy();
    let cookie = bench.log_in("ann").await;
    let text = bench.browse("/schedules/platform", &cookie).await.text();
    for shown in [
        "Layer 1: Nächte",
        "Layer 2: Days",
        "Overrides and swaps",
        "Umzug des Rechenzentrums",
        "took the shift of Anneliese",
        "class=\"now\"",
        "Layer by layer",
        "stands back",
        "Europe/Berlin",
        "The same as a list",
    ] {
        assert!(text.contains(shown), "{shown} is not in\n{text}");
    }
    assert!(bench.browse("/schedules/nights-only", &cookie).await.text().contains("block gap"), "gaps are marked");
    let later = bench.browse("/schedules/platform?weeks=2", &cookie).await;
    assert!(later.status == StatusCode::OK && !later.text().contains("class=\"now\""));
    assert_eq!(bench.browse("/schedules/platform?weeks=9999", &cookie).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.browse("/schedules/none", &cookie).await.status, StatusCode::NOT_FOUND);
    let person = bench.browse("/people/engineer-4", &cookie).await.text();
    assert!(person.contains("Jörg Weiß") && person.contains("Urlaub") && !person.contains("+49170"), "{person}");
    assert_eq!(bench.browse("/people/none", &cookie).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_may_not_sees_neither_page_nor_button() {
    let bench = busy();
    {
        let mut kept = bench.fake.kept.lock();
        let sam = kept.logins.get_mut("sam").unwrap();
        sam.customers = Some("acme".to_owned());
    }
    let cookie = bench.log_in("sam").await;
    let board = bench.browse("/", &cookie).await;
    let text = board.text();
    assert_eq!(board.status, StatusCode::OK, "{text}");
    assert!(text.contains("Acme Logistics") && !text.contains("Mustermann"), "only their customer's: {text}");
    assert!(
        !text.contains(">Acknowledge<") && !text.contains("Running calls") && !text.contains("href=\"/audit\""),
        "{text}"
    );
    for page in ["/setup", "/audit", "/people/engineer-1", "/calls"] {
        assert_eq!(bench.browse(page, &cookie).await.status, StatusCode::FORBIDDEN, "{page}");
    }
    let foreign = bench.browse(&path("/alerts", 500, ""), &cookie).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND, "another customer's alert is not there");
    let own = bench.browse(&path("/alerts", 501, ""), &cookie).await;
    assert!(own.status == StatusCode::OK && !own.text().contains("Add comment"), "{}", own.text());
    let headers = [
        ("cookie", cookie.as_str()),
        ("accept", "text/html"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-site", "same-origin"),
    ];
    let pressed = bench.ask(Method::POST, &path("/alerts", 501, "/escalate"), &headers, "").await;
    assert_eq!(pressed.status, StatusCode::FORBIDDEN);
    assert!(bench.fake.said.lock().is_empty());
}

#[tokio::test]
async fn the_audit_record_is_read_by_admins_and_knows_who_logged_in() {
    let bench = bench();
    let cookie = bench.log_in("ann").await;
    bench.try_login("eve", "a wrong word").await;
    let text = bench.browse("/audit?verify=1", &cookie).await.text();
    for shown in ["login.succeeded", "login ann", "login.failed", "name: eve", "whole, 2 entries"] {
        assert!(text.contains(shown), "{shown} is not in\n{text}");
    }
    let list = bench.get("/api/v1/audit?action=login.failed").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["personal"]["name"], "eve");
    assert_eq!(bench.get("/api/v1/audit/verify").await.json()["whole"], true);
    let export = bench.get("/api/v1/audit/export").await;
    assert_eq!(export.header("content-type"), "application/x-ndjson");
    assert_eq!(export.text().lines().count(), 3, "the export itself stands in it");
    assert_eq!(bench.get("/api/v1/audit?who=x").await.problem(400), "invalid-parameter");
    let sam = bench.log_in("sam").await;
    for path in ["/api/v1/audit", "/api/v1/audit/verify", "/api/v1/audit/export"] {
        let answer = bench.ask(Method::GET, path, &[("cookie", &sam)], "").await;
        assert_eq!(answer.problem(403), "role-not-enough");
    }
}

#[tokio::test]
async fn a_search_and_filters_stay_while_paging() {
    let bench = busy();
    let cookie = bench.log_in("ann").await;
    let text = bench.browse("/alerts?priority=P3&customer=&q=&status=", &cookie).await.text();
    assert!(text.contains("<option selected>P3</option>"), "{text}");
    let none = bench.browse("/alerts?priority=P1&status=resolved", &cookie).await.text();
    assert!(none.contains("No alert is like this"), "{none}");
}

#[tokio::test]
async fn nothing_at_all_is_shown_kindly() {
    let bench = bench_with(settings(), Fake::empty());
    let cookie = bench.log_in("ann").await;
    for (page, shown) in [
        ("/", "Nothing is open."),
        ("/alerts", "No alert here."),
        ("/setup", "No service is set up."),
        ("/people/engineer-1", "Ada Winter"),
    ] {
        let answer = bench.browse(page, &cookie).await;
        assert!(answer.status == StatusCode::OK && answer.text().contains(shown), "{page}: {}", answer.text());
    }
}
