use std::sync::atomic::Ordering;

use super::super::fake::*;
use super::*;

#[tokio::test]
async fn calls_are_listed_newest_first_and_paged() {
    let bench = bench();
    let all = bench.get("/api/v1/calls").await.json();
    let references: Vec<&str> =
        all["items"].as_array().unwrap().iter().map(|call| call["reference"].as_str().unwrap()).collect();
    assert_eq!(references, ["4714", "4711", "4713", "4712", "4716"]);
    assert_eq!(all["next_cursor"], Value::Null);
    let first = bench.get("/api/v1/calls?limit=2").await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = bench.get(&format!("/api/v1/calls?limit=2&cursor={cursor}")).await.json();
    assert_eq!(second["items"][0]["reference"], "4713");
}

#[tokio::test]
async fn calls_are_filtered() {
    let bench = bench();
    for (query, count) in [
        ("outcome=taken", 1),
        ("customer=acme", 3),
        ("direction=alert-ring", 1),
        ("number=hotline-de", 1),
        ("customer=nobody", 0),
        ("outcome=&customer=", 5),
    ] {
        let found = bench.get(&format!("/api/v1/calls?{query}")).await.json();
        assert_eq!(found["items"].as_array().unwrap().len(), count, "{query}");
    }
}

#[tokio::test]
async fn a_call_has_legs_answers_recordings_and_timeline() {
    let bench = bench();
    let call = bench.get(&path("/api/v1/calls", CALL_VOICEMAIL, "")).await.json();
    assert_eq!(call["outcome"], "reported");
    assert_eq!(call["customer"]["name"], "Acme Logistics");
    assert_eq!(call["started_at"], "2026-11-22T02:53:00.000Z");
    assert_eq!(call["legs"][1]["person"]["name"], "Ada Winter");
    let answers = call["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 5);
    assert_eq!(answers[1]["recording_id"], id(RECORDING_WHAT).to_string(), "the second take counts");
    assert_eq!(answers[3]["transcript"]["state"], "waiting");
    assert_eq!(call["recordings"].as_array().unwrap().len(), 6);
    assert_eq!(call["recordings"][0]["audio_url"], path("/api/v1/recordings", 201, "/audio"));
    assert_eq!(call["timeline"].as_array().unwrap().len(), 15);
    assert_eq!(call["timeline"][4]["why"], "1 is: report a fault");
    insta::assert_json_snapshot!("call", call);
}

#[tokio::test]
async fn a_call_that_has_just_begun_is_there_before_the_database_has_it() {
    let bench = bench();
    let call = bench.get(&path("/api/v1/calls", CALL_LIVE, "")).await.json();
    assert_eq!((call["running"].as_bool(), call["state"].as_str()), (Some(true), Some("asking what")));
    assert_eq!(call["recordings"][0]["running"], true);
    assert_eq!(call["recordings"][0]["audio_url"], Value::Null);
    assert_eq!(call["recordings"][0]["transcript"]["state"], "recording");
}

#[tokio::test]
async fn alerts_are_listed_filtered_and_shown() {
    let bench = bench();
    assert_eq!(bench.get("/api/v1/alerts").await.json()["items"].as_array().unwrap().len(), 4);
    for (query, count) in
        [("status=triggered", 2), ("priority=P2", 1), ("status=triggered&priority=P1&customer=acme", 1)]
    {
        let found = bench.get(&format!("/api/v1/alerts?{query}")).await.json();
        assert_eq!(found["items"].as_array().unwrap().len(), count, "{query}");
    }
    let alert = bench.get(&path("/api/v1/alerts", ALERT_WAITING, "")).await.json();
    assert_eq!(alert["next_ring_at"], "2026-11-22T03:03:00.000Z");
    assert!(alert["transcript"].as_str().unwrap().contains("what: The warehouse scanners"), "{alert}");
    assert_eq!(alert["timeline"].as_array().unwrap().len(), 15);
    insta::assert_json_snapshot!("alert", alert);
}

#[tokio::test]
async fn acknowledging_twice_changes_nothing_and_resolving_twice_is_told() {
    let bench = bench();
    let acknowledge = path("/api/v1/alerts", ALERT_WAITING, "/acknowledge");
    let first = bench.post(&acknowledge).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    assert_eq!((&first.json()["status"], &first.json()["by"]), (&"acknowledged".into(), &"token admin".into()));
    assert_eq!(bench.post(&acknowledge).await.json(), first.json());
    let resolve = path("/api/v1/alerts", ALERT_WAITING, "/resolve");
    assert_eq!(bench.post(&resolve).await.json()["status"], "resolved");
    let again = bench.post(&resolve).await;
    assert_eq!(again.problem(409), "alert-resolved");
    assert!(again.json()["detail"].as_str().unwrap().contains("token admin"), "{}", again.text());
    assert_eq!(bench.post(&acknowledge).await.problem(409), "alert-resolved");
    assert_eq!(bench.post(&path("/api/v1/alerts", 999, "/resolve")).await.problem(404), "alert-not-found");
    assert_eq!(bench.post("/api/v1/alerts/x/resolve").await.problem(404), "alert-not-found");
}

#[tokio::test]
async fn what_could_not_be_kept_is_not_done() {
    let bench = bench();
    bench.fake.full.store(true, Ordering::SeqCst);
    let answer = bench.post(&path("/api/v1/alerts", ALERT_WAITING, "/acknowledge")).await;
    assert_eq!(answer.problem(503), "not-kept");
    assert_eq!(answer.header("retry-after"), "5");
    bench.fake.full.store(false, Ordering::SeqCst);
    assert_eq!(bench.get(&path("/api/v1/alerts", ALERT_WAITING, "")).await.json()["status"], "triggered");
}

#[tokio::test]
async fn a_body_that_would_be_ignored_is_refused() {
    let bench = bench();
    let to = path("/api/v1/alerts", ALERT_WAITING, "/acknowledge");
    let token = format!("Bearer {TOKEN}");
    let send = async |kind: &str, body: &str| {
        bench.ask(Method::POST, &to, &[("authorization", &token), ("content-type", kind)], body).await
    };
    assert_eq!(send("text/plain", "hello").await.problem(415), "unsupported-media-type");
    assert_eq!(send("application/json", "{not json").await.problem(400), "invalid-body");
    let unknown = send("application/json", "{\"note\": 1}").await;
    assert_eq!(unknown.problem(400), "invalid-parameter");
    assert_eq!(unknown.json()["field"], "note");
    assert_eq!(send("application/json", &"x".repeat(70_000)).await.problem(413), "too-large");
    assert_eq!(send("application/json", " {} ").await.status, StatusCode::OK);
}

#[tokio::test]
async fn audio_is_given_whole_by_ranges_and_by_its_tag() {
    let bench = bench();
    let to = path("/api/v1/recordings", RECORDING_WHAT, "/audio");
    let token = format!("Bearer {TOKEN}");
    let ask = async |method: Method, name: &str, value: &str| {
        bench.ask(method, &to, &[("authorization", &token), (name, value)], "").await
    };
    let whole = bench.get(&to).await;
    assert_eq!(
        (whole.status, whole.header("content-type"), whole.header("accept-ranges")),
        (StatusCode::OK, "audio/wav", "bytes")
    );
    assert_eq!(&whole.body[..4], b"RIFF");
    assert_eq!(whole.body.len(), 44 + 6_400 * 16);
    let length = whole.body.len();
    assert_eq!(whole.header("content-length"), length.to_string());
    assert_eq!(whole.header("cache-control"), "no-store");

    let part = ask(Method::GET, "range", "bytes=44-1043").await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.header("content-range"), format!("bytes 44-1043/{length}"));
    assert_eq!(part.body, whole.body[44..1044]);
    let end = ask(Method::GET, "range", "bytes=-100").await;
    assert_eq!(end.body, whole.body[length - 100..]);
    let big = ask(Method::GET, "range", "bytes=10-").await;
    assert_eq!(big.body, whole.body[10..], "more than one chunk");

    let behind = ask(Method::GET, "range", "bytes=9999999-").await;
    assert_eq!(behind.problem(416), "range-not-satisfiable");
    assert_eq!(behind.header("content-range"), format!("bytes */{length}"));

    let tag = whole.header("etag").to_owned();
    assert_eq!(ask(Method::GET, "if-none-match", &tag).await.status, StatusCode::NOT_MODIFIED);
    let other = bench
        .ask(Method::GET, &to, &[("authorization", &token), ("range", "bytes=0-9"), ("if-range", "\"other\"")], "")
        .await;
    assert_eq!((other.status, other.body.len()), (StatusCode::OK, length));

    let head = ask(Method::HEAD, "accept", "*/*").await;
    assert_eq!(
        (head.status, head.header("content-length"), head.body.len()),
        (StatusCode::OK, length.to_string().as_str(), 0)
    );
}

#[tokio::test]
async fn missing_audio_says_why() {
    let bench = bench();
    let code = async |number: u128, status: u16| {
        bench.get(&path("/api/v1/recordings", number, "/audio")).await.problem(status)
    };
    assert_eq!(code(RECORDING_LIVE, 409).await, "recording-running");
    assert_eq!(code(RECORDING_UNFINISHED, 409).await, "recording-not-ready");
    assert_eq!(code(RECORDING_LOST, 404).await, "recording-lost");
    assert_eq!(code(999, 404).await, "recording-not-found");
    assert_eq!(bench.get("/api/v1/recordings/..%2f..%2fetc%2fpasswd/audio").await.problem(404), "recording-not-found");
    bench.fake.away.store(true, Ordering::SeqCst);
    assert_eq!(code(RECORDING_LIVE, 503).await, "database-away");
    let heard = bench.get(&path("/api/v1/recordings", RECORDING_WHAT, "/audio")).await;
    assert_eq!(heard.status, StatusCode::OK, "what is on disk can be heard while the database is away");
}

#[tokio::test]
async fn admins_remove_a_recording_and_its_sound_is_gone() {
    let bench = bench();
    let remove = async |number: u128| {
        let token = format!("Bearer {TOKEN}");
        bench.ask(Method::DELETE, &path("/api/v1/recordings", number, ""), &[("authorization", &token)], "").await
    };
    assert_eq!(remove(RECORDING_LIVE).await.problem(409), "recording-running");
    assert_eq!(remove(999).await.problem(404), "recording-not-found");
    for _again in 0..2 {
        assert_eq!(remove(RECORDING_WHAT).await.status, StatusCode::NO_CONTENT);
    }
    let gone = bench.get(&path("/api/v1/recordings", RECORDING_WHAT, "/audio")).await;
    assert_eq!(gone.problem(410), "recording-removed");
    let call = bench.get(&path("/api/v1/calls", CALL_VOICEMAIL, "")).await.json();
    let all = call["recordings"].as_array().unwrap();
    let row = all.iter().find(|one| one["id"] == id(RECORDING_WHAT).to_string()).unwrap();
    assert_eq!((&row["audio_url"], row["removed_at"].is_string()), (&Value::Null, true));
    assert_eq!(row["transcript"]["text"], Value::Null);
    let token = format!("Bearer {}", bench.token_of("dispatcher"));
    let path = path("/api/v1/recordings", RECORDING_WHAT, "");
    assert_eq!(bench.ask(Method::DELETE, &path, &[("authorization", &token)], "").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn on_call_tells_who_until_when_and_who_next() {
    let bench = bench();
    let now = bench.get("/api/v1/on-call?at=2026-11-22T03:00:00Z").await.json();
    let entry = &now["items"][0];
    assert_eq!(entry["schedule"]["id"], "on-call");
    assert_eq!(entry["until"], "2026-11-26T00:00:00.000Z");
    assert_ne!(entry["now"], entry["next"]);
    assert_eq!(entry["then"][0], entry["next"]);
    assert_eq!(entry["phones"][1], "number …42 via carrier");
    assert!(!entry["why"].as_str().unwrap().is_empty());
    let later = bench.get("/api/v1/on-call?schedule=on-call&at=2026-11-27T04:00:00%2B01:00").await.json();
    assert_eq!(later["items"][0]["now"], entry["next"]);
    assert_eq!(later["items"][0]["at"], "2026-11-27T03:00:00.000Z");
    assert_eq!(bench.get("/api/v1/on-call?at=tomorrow").await.json()["field"], "at");
    assert_eq!(bench.get("/api/v1/on-call?schedule=none").await.json()["field"], "schedule");
}

#[tokio::test]
async fn the_configuration_is_shown_without_secrets() {
    let bench = bench();
    let schedule = &bench.get("/api/v1/schedules").await.json()["items"][0];
    assert_eq!((&schedule["time_zone"], &schedule["start"]), (&"Europe/Berlin".into(), &"2026-01-05T09:00".into()));
    let customers = bench.get("/api/v1/customers").await;
    assert_eq!(customers.json()["items"][0]["has_pin"], true);
    assert!(!customers.text().contains("0042"), "a PIN must not be shown");
    let paged = bench.get("/api/v1/customers?limit=1").await.json();
    assert_eq!(paged["next_cursor"], "acme");
    let rest = bench.get("/api/v1/customers?limit=1&cursor=acme").await.json();
    assert_eq!((&rest["items"][0]["id"], &rest["next_cursor"]), (&"muster".into(), &Value::Null));
    assert_eq!(bench.get("/api/v1/numbers").await.json()["items"][1]["language"], "de");
    assert_eq!(bench.get("/api/v1/trunks").await.json()["items"][0]["status"], "registered until 03:10:00");
    let phones = bench.get("/api/v1/phones").await.json();
    assert_eq!((&phones["items"][0]["registered"], &phones["items"][1]["registered"]), (&true.into(), &false.into()));
    assert_eq!(phones["items"][0]["registrations"][0]["transport"], "udp");
}

#[tokio::test]
async fn faulty_parameters_are_named() {
    let bench = bench();
    for (query, field) in [
        ("calls?limit=0", "limit"),
        ("calls?cursor=nonsense", "cursor"),
        ("alerts?cursor=nonsense", "cursor"),
        ("calls?limit=201", "limit"),
        ("alerts?limit=many", "limit"),
        ("calls?limit=1&limit=2", "limit"),
        ("calls?outcome=lost", "outcome"),
        ("calls?direction=outbound", "direction"),
        ("alerts?status=closed", "status"),
        ("alerts?priority=P6", "priority"),
        ("alerts?stauts=triggered", "stauts"),
        ("customers?page=2", "page"),
        ("numbers?limit=-1", "limit"),
        ("on-call?when=now", "when"),
    ] {
        let answer = bench.get(&format!("/api/v1/{query}")).await;
        assert_eq!(answer.problem(400), "invalid-parameter", "{query}");
        assert_eq!(answer.json()["field"], field, "{query}");
    }
    let long = format!("/api/v1/calls?cursor={}", "x".repeat(300));
    assert_eq!(bench.get(&long).await.json()["field"], "cursor");
}

#[tokio::test]
async fn unknown_ids_and_a_database_that_is_away_are_problems() {
    let bench = bench();
    assert_eq!(bench.get(&path("/api/v1/calls", 999, "")).await.problem(404), "call-not-found");
    assert_eq!(bench.get("/api/v1/calls/none").await.problem(404), "call-not-found");
    assert_eq!(bench.get(&path("/api/v1/alerts", 999, "")).await.problem(404), "alert-not-found");
    bench.fake.away.store(true, Ordering::SeqCst);
    for path in [
        "/api/v1/calls".to_owned(),
        "/api/v1/alerts".to_owned(),
        path("/api/v1/calls", 1, ""),
        path("/api/v1/alerts", 101, ""),
    ] {
        let answer = bench.get(&path).await;
        assert_eq!(answer.problem(503), "database-away", "{path}");
        assert_eq!(answer.header("retry-after"), "5");
        assert!(!answer.text().contains("locked"), "inner words stay in the log");
    }
    let done = bench.post(&path("/api/v1/alerts", ALERT_WAITING, "/acknowledge")).await;
    assert_eq!(done.json()["status"], "acknowledged", "the journal keeps it: {}", done.text());
}
