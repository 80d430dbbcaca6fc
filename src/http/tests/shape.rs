//! Who may, one shape of errors, headers, health, metrics, the `OpenAPI` file.

use std::sync::atomic::Ordering;

use super::super::api::openapi;
use super::super::fake::*;
use super::*;

const READS: [&str; 9] =
    ["calls", "alerts", "on-call", "schedules", "customers", "numbers", "trunks", "phones", "stream"];

#[tokio::test]
async fn nothing_is_shown_without_a_login() {
    let bench = bench();
    for path in READS.map(|read| format!("/api/v1/{read}")).into_iter().chain([
        path("/api/v1/calls", CALL_TAKEN, ""),
        path("/api/v1/alerts", ALERT_WAITING, ""),
        path("/api/v1/recordings", RECORDING_WHAT, "/audio"),
    ]) {
        let nobody = bench.ask(Method::GET, &path, &[], "").await;
        assert_eq!(nobody.problem(401), "unauthorized", "{path}");
        assert!(nobody.header("www-authenticate").starts_with("Bearer"), "{path}");
        for wrong in ["Bearer wrong", "Bearer ", "Basic YTpi", "Bearer a token of this tes", "a token of this test"] {
            assert_eq!(
                bench.ask(Method::GET, &path, &[("authorization", wrong)], "").await.problem(401),
                "unauthorized",
                "{path} {wrong}"
            );
        }
    }
    for deed in ["/acknowledge", "/resolve"] {
        let to = path("/api/v1/alerts", ALERT_WAITING, deed);
        assert_eq!(bench.ask(Method::POST, &to, &[], "").await.problem(401), "unauthorized");
    }
    assert_eq!(bench.fake.kept.lock().alerts[3].status, "triggered");
}

#[tokio::test]
async fn without_a_token_set_up_none_is_taken() {
    for token in [None, Some(Private::from(""))] {
        let bench = bench_with(HttpSettings { admin_token: token, ..settings() }, Fake::night(now()));
        assert_eq!(
            bench.ask(Method::GET, "/api/v1/calls", &[("authorization", "Bearer ")], "").await.problem(401),
            "unauthorized"
        );
    }
}

#[tokio::test]
async fn a_session_reads_and_acts_only_from_our_own_page() {
    let bench = bench();
    let cookie = bench.log_in("ann").await;
    let read = bench.ask(Method::GET, "/api/v1/alerts", &[("cookie", &cookie)], "").await;
    assert_eq!(read.status, StatusCode::OK);
    let to = path("/api/v1/alerts", ALERT_WAITING, "/acknowledge");
    let act = async |headers: &[(&str, &str)]| {
        let mut all = vec![("cookie", cookie.as_str())];
        all.extend_from_slice(headers);
        bench.ask(Method::POST, &to, &all, "").await
    };
    for foreign in [
        &[][..],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site"), ("origin", "http://hotline.test")],
        &[("sec-fetch-site", "same-site")],
    ] {
        assert_eq!(act(foreign).await.problem(403), "cross-site", "{foreign:?}");
    }
    assert_eq!(bench.fake.kept.lock().alerts[3].status, "triggered");
    let own = act(&[("sec-fetch-site", "same-origin"), ("origin", "http://hotline.test")]).await;
    assert_eq!((own.status, &own.json()["by"]), (StatusCode::OK, &"login ann".into()));
    assert_eq!(act(&[("origin", "http://hotline.test")]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn behind_a_proxy_the_public_url_is_our_origin_and_the_cookie_is_for_https_only() {
    let public_url = Some("https://desk.example/".to_owned());
    let bench = bench_with(HttpSettings { public_url, ..settings() }, Fake::night(now()));
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://desk.example")];
    let answer = bench.ask(Method::POST, "/login", &headers, "name=ann&password=a+word+or+four").await;
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-hotline=")
            && cookie.contains("Secure")
            && cookie.contains("HttpOnly")
            && cookie.contains("SameSite=Lax")
            && cookie.contains("Path=/"),
        "{cookie}"
    );
    let call = bench.get(&path("/api/v1/calls", CALL_VOICEMAIL, "")).await.json();
    assert_eq!(call["recordings"][0]["audio_url"], path("https://desk.example/api/v1/recordings", 201, "/audio"));
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let bench = bench();
    assert_eq!(bench.get("/api/v1/nothing").await.problem(404), "not-found");
    assert_eq!(bench.get("/nothing").await.problem(404), "not-found");
    let wrong = bench.ask(Method::DELETE, "/api/v1/calls", &[], "").await;
    assert_eq!(wrong.problem(405), "method-not-allowed");
    assert!(wrong.header("allow").contains("GET"), "{:?}", wrong.headers);
    assert_eq!(bench.ask(Method::POST, "/healthz", &[], "").await.problem(405), "method-not-allowed");
    assert_eq!(bench.get("/api/v1/calls?limit=%ff").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.get("/api/v1/calls/%ff").await.problem(400), "bad-request");
}

#[tokio::test]
async fn a_panic_is_caught_and_tells_nothing() {
    let bench = bench();
    bench.fake.panics.store(true, Ordering::SeqCst);
    let answer = bench.get("/api/v1/calls").await;
    assert_eq!(answer.problem(500), "internal");
    assert!(!answer.text().contains("a test asked for"));
    assert_eq!(bench.get("/api/v1/calls").await.status, StatusCode::OK);
}

#[tokio::test]
async fn everything_carries_the_security_headers() {
    let bench = bench();
    for path in ["/login", "/api/v1/calls", "/healthz", "/nothing", "/assets/app.css"] {
        let answer = bench.ask(Method::GET, path, &[], "").await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("cache-control").contains("no-store"), !path.contains("assets"), "{path}");
    }
}

#[tokio::test]
async fn readiness_tells_what_is_wrong_and_what_to_do() {
    let bench = bench();
    let ready = async || bench.ask(Method::GET, "/readyz", &[], "").await;
    assert_eq!(
        bench.ask(Method::GET, "/healthz", &[], "").await.json(),
        serde_json::json!({"status": "alive", "version": "0.0.0-test"})
    );
    let well = ready().await;
    assert_eq!((well.status, &well.json()["status"]), (StatusCode::OK, &"ok".into()));
    {
        let health = &mut bench.fake.kept.lock().health;
        health.store.journal_fault = Some("no space left on device".to_owned());
        health.store.database_fault = Some("database is locked".to_owned());
        health.store.undrained = 42;
        health.warnings = vec![
            "The disk: no space left on device. Make room.".to_owned(),
            "Phone engineer-2 is not registered.".to_owned(),
        ];
    }
    let degraded = ready().await;
    assert_eq!((degraded.status, &degraded.json()["status"]), (StatusCode::OK, &"degraded".into()));
    let codes: Vec<String> = degraded.json()["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(codes, ["disk", "database", "warning"], "each told once");
    assert!(
        degraded.text().contains("Make room in the data folder") && degraded.text().contains("42 entries wait"),
        "{}",
        degraded.text()
    );
    bench.fake.kept.lock().health.takes_calls = false;
    let closed = ready().await;
    assert_eq!((closed.status, &closed.json()["ready"]), (StatusCode::SERVICE_UNAVAILABLE, &false.into()));
    assert_eq!(closed.json()["problems"][0]["code"], "takes-no-calls");
}

#[tokio::test]
async fn metrics_count_without_private_data() {
    let bench = bench();
    let answer = bench.ask(Method::GET, "/metrics", &[], "").await;
    let text = answer.text();
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    for line in [
        "hotline_calls_running 2",
        "hotline_takes_calls 1",
        "hotline_alerts_open{status=\"triggered\"} 2",
        "hotline_alerts_open{status=\"acknowledged\"} 1",
        "hotline_sip_garbage_total 17",
        "hotline_trunk_up{trunk=\"carrier\"} 1",
        "hotline_journal_undrained 0",
        "hotline_transcripts_waiting 0",
        "hotline_build_info{version=\"0.0.0-test\"} 1",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
    }
    assert!(text.contains("hotline_calls_total{direction=\"inbound\",outcome=\"voicemail\"}"), "{text}");
    for (by, outcome) in [("call", "answered"), ("call", "no-answer"), ("sms", "failed"), ("webhook", "delivered")] {
        let counter = format!("hotline_notifications_total{{by=\"{by}\",outcome=\"{outcome}\"}} ");
        assert!(text.contains(&counter), "{counter}is there before the first of them, in\n{text}");
    }
    assert!(!text.contains("+44") && !text.contains("acme"), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
    }
    bench.fake.away.store(true, Ordering::SeqCst);
    let away = bench.ask(Method::GET, "/metrics", &[], "").await;
    assert_eq!(away.status, StatusCode::OK);
    assert!(away.text().contains("hotline_alerts_open{status=\"triggered\"} 2"), "counted without the database");
}

#[test]
fn the_openapi_file_is_as_it_was_reviewed() {
    let mut file = serde_json::to_value(openapi()).unwrap();
    file["info"]["version"] = "[version]".into();
    insta::assert_json_snapshot!("openapi", file);
}

#[tokio::test]
async fn every_documented_path_exists_and_every_example_fits_its_schema() {
    let bench = bench();
    let file = bench.ask(Method::GET, "/api/openapi.json", &[], "").await.json();
    assert!(file["openapi"].as_str().unwrap().starts_with("3.1"), "{}", file["openapi"]);
    assert_eq!(file["info"]["version"], "0.0.0-test");
    for (template, methods) in file["paths"].as_object().unwrap() {
        for (method, about) in methods.as_object().unwrap() {
            let number = if template.contains("alerts") {
                ALERT_WAITING
            } else if template.contains("recordings") {
                RECORDING_WHAT
            } else {
                CALL_TAKEN
            };
            let path = template.replace("{id}", &id(number).to_string());
            let method: Method = method.to_uppercase().parse().unwrap();
            // Streams do not end, so without a login: 401 and not 404 or 405.
            let answer = bench.ask(method.clone(), &path, &[], "").await;
            let open = about["security"].is_null();
            assert_eq!(answer.status, if open { StatusCode::OK } else { StatusCode::UNAUTHORIZED }, "{method} {path}");
        }
    }
    let schemas = file["components"]["schemas"].as_object().unwrap();
    let mut examples = 0;
    for (name, schema) in schemas {
        let Some(example) = schema["example"].as_object().or_else(|| schema["examples"][0].as_object()) else {
            continue;
        };
        examples += 1;
        let properties = schema["properties"].as_object().unwrap_or_else(|| panic!("{name} has no properties"));
        for field in example.keys() {
            assert!(properties.contains_key(field), "{name}: the example has {field}, the schema has not");
        }
        for field in schema["required"].as_array().into_iter().flatten() {
            assert!(example.contains_key(field.as_str().unwrap()), "{name}: the example lacks {field}");
        }
    }
    assert!(examples >= 10, "{examples} examples");
}
