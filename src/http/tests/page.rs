//! The page: login, board, lists, details, buttons; nothing of a caller's is ever markup.

use std::sync::atomic::Ordering;

use super::super::fake::*;
use super::*;

#[tokio::test]
async fn pages_send_strangers_to_the_login_and_back() {
    let bench = bench();
    let answer = bench.ask(Method::GET, "/alerts?status=triggered", &[("accept", "text/html")], "").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (StatusCode::SEE_OTHER, "/login?next=/alerts%3Fstatus%3Dtriggered")
    );
    let form = bench.ask(Method::GET, "/login?next=/alerts%3Fstatus%3Dtriggered", &[], "").await;
    assert!(form.text().contains("value=\"/alerts?status=triggered\""), "{}", form.text());
    let foreign = bench.ask(Method::GET, "/login?next=//evil.example", &[], "").await;
    assert!(!foreign.text().contains("evil"), "{}", foreign.text());
    let post = bench
        .ask(
            Method::POST,
            &path("/alerts", ALERT_WAITING, "/resolve"),
            &[("accept", "text/html"), ("origin", "http://hotline.test")],
            "",
        )
        .await;
    assert_eq!((post.status, post.header("location")), (StatusCode::SEE_OTHER, "/login"));
}

#[tokio::test]
async fn a_login_opens_the_board_and_a_logout_closes_it() {
    let bench = bench();
    let cookie = bench.log_in("ann").await;
    let board = bench.browse("/", &cookie).await;
    let text = board.text();
    assert_eq!(board.status, StatusCode::OK);
    for shown in [
        "Open alerts",
        "Fault reported by Acme Logistics",
        "Nobody has it yet",
        "On call now",
        "Running calls",
        "asking what",
        "Recent calls",
        "taken by Ada Winter",
        "<title>(2) Board",
    ] {
        assert!(text.contains(shown), "{shown} is not in\n{text}");
    }
    assert!(!text.contains("style=") && !text.contains("<script>"), "no inline style or script");
    assert_eq!(board.header("cache-control"), "no-store");
    assert_eq!(bench.browse("/login", &cookie).await.status, StatusCode::SEE_OTHER);

    let out = [("cookie", cookie.as_str()), ("accept", "text/html"), ("origin", "http://hotline.test")];
    assert_eq!(bench.ask(Method::POST, "/logout", &out, "").await.header("location"), "/login");
    assert_eq!(bench.browse("/", &cookie).await.status, StatusCode::SEE_OTHER, "the session is gone");
    assert!(bench.fake.kept.lock().sessions.is_empty());
}

#[tokio::test]
async fn a_planted_session_id_is_not_used_and_the_store_holds_only_its_hash() {
    let bench = bench();
    let planted = "hotline=AAAAAAAAAAAAAAAAAAAAAA";
    let headers =
        [("content-type", "application/x-www-form-urlencoded"), ("origin", "http://hotline.test"), ("cookie", planted)];
    let answer = bench.ask(Method::POST, "/login", &headers, "name=Ann&password=a+word+or+four&next=%2Fcalls").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/calls"), "{}", answer.text());
    let cookie = answer.header("set-cookie").split(';').next().unwrap();
    assert_ne!(cookie, planted);
    assert_eq!(bench.browse("/", planted).await.status, StatusCode::SEE_OTHER);
    let second = bench
        .ask(Method::POST, "/login", &[headers[0], headers[1], ("cookie", cookie)], "name=ann&password=a+word+or+four")
        .await;
    assert_ne!(second.header("set-cookie").split(';').next().unwrap(), cookie, "each login has a new id");
    assert_eq!(bench.browse("/", cookie).await.status, StatusCode::SEE_OTHER, "the old one is worth nothing");
    let kept = bench.fake.kept.lock();
    assert!(kept.sessions.keys().all(|key| !cookie.contains(key.as_str()) && key.len() == 64));
}

#[tokio::test]
async fn wrong_logins_tell_nothing_and_are_slowed_down() {
    let bench = bench();
    let wrong = bench.try_login("ann", "wrong word or four").await;
    let unknown = bench.try_login("bob", "wrong word or four").await;
    assert_eq!((wrong.status, unknown.status), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    assert_eq!(wrong.text().replace("value=\"ann\"", "value=\"bob\""), unknown.text());
    // As if it had gone on: enough for a pause of minutes, so that a slow machine sees it too.
    let nowhere = std::net::Ipv6Addr::UNSPECIFIED.into();
    for _ in 0..20 {
        bench.state.0.slowdown.failed("ann", nowhere, crate::clock::now().mono);
    }
    let slowed = bench.try_login("ann", PASSWORD).await;
    assert_eq!(slowed.status, StatusCode::TOO_MANY_REQUESTS, "{}", slowed.text());
    assert!(slowed.header("retry-after").parse::<u64>().unwrap() >= 1);
    let foreign = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "http://evil.example"),
        ("accept", "text/html"),
    ];
    assert_eq!(
        bench.ask(Method::POST, "/login", &foreign, "name=ann&password=a+word+or+four").await.status,
        StatusCode::FORBIDDEN
    );
    let empty = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "http://hotline.test"),
        ("accept", "text/html"),
    ];
    assert_eq!(bench.ask(Method::POST, "/login", &empty, "name=ann").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_new_password_ends_the_session() {
    let bench = bench();
    let cookie = bench.log_in("ann").await;
    let hash = super::super::password::hash(&Private::from("another password")).unwrap();
    bench.fake.kept.lock().logins.get_mut("ann").unwrap().password_hash = hash;
    // A state of its own has not seen the session yet and looks it up.
    let fresh = AppState::with(settings(), bench.fake.clone(), bench.fake.clone());
    let other = Bench { app: router(fresh.clone()), state: fresh, fake: bench.fake.clone() };
    assert_eq!(other.browse("/", &cookie).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_callers_send_is_never_markup() {
    let bench = bench();
    let cookie = bench.log_in("ann").await;
    for path in [
        "/".to_owned(),
        "/alerts".to_owned(),
        "/calls".to_owned(),
        path("/alerts", ALERT_HOSTILE, ""),
        path("/calls", CALL_HOSTILE, ""),
    ] {
        let answer = bench.browse(&path, &cookie).await;
        let text = answer.text();
        assert_eq!(answer.status, StatusCode::OK, "{path}: {text}");
        assert!(text.contains("alert(document.cookie)"), "{path} shows the caller");
        assert!(
            !text.contains("<script>alert") && !text.contains("<img src=x") && !text.contains("<b>tomorrow"),
            "{path}: {text}"
        );
    }
}

#[tokio::test]
async fn an_alert_shows_what_was_said_and_what_was_done() {
    let bench = bench();
    let cookie = bench.log_in("ann").await;
    let text = bench.browse(&path("/alerts", ALERT_WAITING, ""), &cookie).await.text();
    for shown in [
        "Fault reported by Acme Logistics",
        "+442011122334",
        "What has happened? (take 2 of 2)",
        "The warehouse scanners",
        "The transcript is being made",
        "Nothing was said.",
        &format!(
            "<audio controls preload=\"metadata\" src=\"{}\"",
            path("/api/v1/recordings", RECORDING_WHAT, "/audio")
        ),
        "The caller confirmed the answers",
        "answered is not accepted",
        "Acknowledge",
        "Resolve",
        &path("/calls", CALL_VOICEMAIL, ""),
        "datetime=\"2026-11-22T02:53:00.300Z\"",
    ] {
        assert!(text.contains(shown), "{shown} is not in\n{text}");
    }
    bench.fake.kept.lock().health.transcripts_off = Some("no speech model; run: hotline models fetch".to_owned());
    let text = bench.browse(&path("/alerts", ALERT_WAITING, ""), &cookie).await.text();
    assert!(text.contains("transcripts are off. no speech model; run: hotline models fetch"), "{text}");
    assert!(bench.browse("/", &cookie).await.text().contains("No transcripts are made"));
}

#[tokio::test]
async fn a_call_shows_its_legs_and_a_running_one_its_state() {
    let bench = bench();
    let cookie = bench.log_in("ann").await;
    let text = bench.browse(&path("/calls", CALL_VOICEMAIL, ""), &cookie).await.text();
    for shown in [
        "Ben Sommer",
        "number …42 via carrier",
        "mailbox: nobody pressed 1",
        "report recorded",
        "2:34 min",
        "Show the alert",
    ] {
        assert!(text.contains(shown), "{shown} is not in\n{text}");
    }
    let live = bench.browse(&path("/calls", CALL_LIVE, ""), &cookie).await.text();
    assert!(live.contains("asking what") && live.contains("Recording now"), "{live}");
    let lost = bench.browse(&path("/calls", CALL_HOSTILE, ""), &cookie).await.text();
    assert!(lost.contains("There is no audio.") && lost.contains("the disk was full"), "{lost}");
    assert_eq!(bench.browse(&path("/calls", 999, ""), &cookie).await.status, StatusCode::NOT_FOUND);
    assert_eq!(bench.browse("/calls/x", &cookie).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_buttons_work_as_plain_forms() {
    let bench = bench();
    let cookie = bench.log_in("ann").await;
    let press = async |to: &str, site: &str| {
        bench.ask(Method::POST, to, &[("cookie", &cookie), ("accept", "text/html"), ("sec-fetch-site", site)], "").await
    };
    let acknowledge = path("/alerts", ALERT_WAITING, "/acknowledge");
    assert_eq!(press(&acknowledge, "cross-site").await.status, StatusCode::FORBIDDEN);
    let done = press(&format!("{acknowledge}?from=board"), "same-origin").await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/"));
    let text = bench.browse(&path("/alerts", ALERT_WAITING, ""), &cookie).await.text();
    assert!(text.contains("by login ann") && !text.contains(">Acknowledge<"), "{text}");
    let resolve = path("/alerts", ALERT_WAITING, "/resolve");
    assert_eq!(press(&resolve, "same-origin").await.header("location"), path("/alerts", ALERT_WAITING, ""));
    assert_eq!(
        press(&resolve, "same-origin").await.status,
        StatusCode::SEE_OTHER,
        "somebody was faster: the page shows who"
    );
    assert_eq!(press(&path("/alerts", 999, "/resolve"), "same-origin").await.status, StatusCode::NOT_FOUND);
    bench.fake.full.store(true, Ordering::SeqCst);
    let full = press(&path("/alerts", ALERT_HOSTILE, "/resolve"), "same-origin").await;
    assert_eq!(full.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(full.text().contains("a restart would forget it"), "{}", full.text());
}

#[tokio::test]
async fn with_the_database_away_the_board_goes_on_and_lists_say_so() {
    let bench = bench();
    let cookie = bench.log_in("ann").await;
    assert_eq!(bench.browse("/", &cookie).await.status, StatusCode::OK);
    bench.fake.away.store(true, Ordering::SeqCst);
    let board = bench.browse("/", &cookie).await;
    assert_eq!(board.status, StatusCode::OK);
    assert!(
        board.text().contains("The database is away")
            && board.text().contains(&format!("ack-{}", id(ALERT_WAITING)))
            && board.text().contains("asking what")
            && board.text().contains("Ada Winter"),
        "{}",
        board.text()
    );
    for path in ["/alerts".to_owned(), "/calls".to_owned(), path("/alerts", ALERT_WAITING, "")] {
        let answer = bench.browse(&path, &cookie).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.text().contains("Calls and alerts go on and nothing is lost"), "{}", answer.text());
    }
    let unseen = bench.browse("/", "hotline=AAAAAAAAAAAAAAAAAAAAAA").await;
    assert_eq!(unseen.status, StatusCode::SERVICE_UNAVAILABLE, "who is not known yet can't be looked up");
    let login = bench.try_login("ann", PASSWORD).await;
    assert_eq!(login.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(login.text().contains("The database is away"), "{}", login.text());
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let bench = bench();
    let cookie = bench.log_in("ann").await;
    {
        let mut kept = bench.fake.kept.lock();
        let row = kept.alerts[0].clone();
        for number in 1_000..1_040 {
            kept.alerts.push(crate::store::read::AlertRow {
                id: id(number).to_string(),
                created_at: row.created_at - number as i64,
                ..row.clone()
            });
        }
    }
    let first = bench.browse("/alerts?status=resolved", &cookie).await.text();
    assert_eq!(first.matches("class=\"row\"").count(), 30);
    assert!(first.contains("href=\"/alerts?status=resolved&#38;cursor=at30\"") && !first.contains("Newest"), "{first}");
    let second = bench.browse("/alerts?status=resolved&cursor=at30", &cookie).await.text();
    assert_eq!(second.matches("class=\"row\"").count(), 11);
    assert!(second.contains("Newest") && !second.contains("Older"));
    assert_eq!(bench.browse("/alerts?status=closed", &cookie).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn errors_are_pages_for_people() {
    let bench = bench();
    let answer = bench.ask(Method::GET, "/nothing", &[("accept", "text/html,*/*")], "").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(
        answer.header("content-type").starts_with("text/html") && answer.text().contains("There is nothing here"),
        "{}",
        answer.text()
    );
    let api = bench.ask(Method::GET, "/api/v1/nothing", &[("accept", "text/html")], "").await;
    assert_eq!(api.problem(404), "not-found");
}

#[tokio::test]
async fn assets_are_cached_by_their_version() {
    let bench = bench();
    for (name, kind) in [("app.css", "text/css"), ("app.js", "text/javascript"), ("icon.svg", "image/svg+xml")] {
        let answer = bench.ask(Method::GET, &format!("/assets/{name}"), &[], "").await;
        assert!(answer.header("content-type").starts_with(kind), "{name}");
        assert!(answer.header("cache-control").contains("immutable"), "{name}");
        let again =
            bench.ask(Method::GET, &format!("/assets/{name}"), &[("if-none-match", answer.header("etag"))], "").await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{name}");
    }
    assert_eq!(bench.ask(Method::GET, "/assets/..%2fmod.rs", &[], "").await.problem(404), "not-found");
}
