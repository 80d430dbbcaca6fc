//! Schedules' shifts, gaps, feeds, overrides and swaps; reports.

use serde_json::json;

use super::*;

const DESK: &str = "/api/v1/schedules/on-call";

impl Bench {
    async fn say(&self, method: Method, path: &str, body: &Value) -> Answer {
        let token = format!("Bearer {TOKEN}");
        let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
        self.ask(method, path, &headers, &body.to_string()).await
    }
}

#[tokio::test]
async fn shifts_of_a_window_all_in_all_and_by_layer() {
    let bench = bench();
    let answer = bench.get(&format!("{DESK}/shifts?from=2026-12-20T00:00:00Z&to=2027-01-05T00:00:00Z")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let shifts = answer.json();
    let all = shifts["shifts"].as_array().unwrap();
    assert_eq!(all[0]["from"], "2026-12-20T00:00:00.000Z");
    assert_eq!(all.last().unwrap()["to"], "2027-01-05T00:00:00.000Z");
    let by_override: Vec<&Value> = all.iter().filter(|shift| shift["cause"] == "override").collect();
    assert_eq!(by_override.len(), 1);
    assert_eq!((&by_override[0]["user"]["id"], &by_override[0]["reason"]), (&"engineer-2".into(), &"holidays".into()));
    assert!(shifts["layers"][0]["shifts"].as_array().unwrap().iter().all(|shift| shift["cause"] == "turn"));
    assert_eq!(
        bench.get(&format!("{DESK}/shifts?from=2026-01-01T00:00:00Z&to=2027-06-01T00:00:00Z")).await.problem(400),
        "invalid-parameter"
    );
    assert_eq!(
        bench.get(&format!("{DESK}/shifts?from=2027-01-01T00:00:00Z&to=2026-06-01T00:00:00Z")).await.problem(400),
        "invalid-parameter"
    );
    assert_eq!(bench.get(&format!("{DESK}/shifts?form=x")).await.problem(400), "invalid-parameter");
    assert_eq!(bench.get("/api/v1/schedules/nowhere/shifts").await.problem(404), "schedule-not-found");
    assert_eq!(bench.get_as("stakeholder", "", &format!("{DESK}/shifts")).await.problem(404), "schedule-not-found");
    let gaps = bench.get(&format!("{DESK}/gaps?from=2026-12-20T00:00:00Z&to=2027-01-05T00:00:00Z")).await;
    assert_eq!(gaps.json(), json!({ "items": [], "next_cursor": null }));
}

#[tokio::test]
async fn nobody_plans_for_the_end_of_time() {
    let bench = bench();
    let now = crate::clock::now().wall;
    let away = |days: i64| now.checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap();
    for far in ["9999-12-30T00:00:00Z".to_owned(), "0001-01-01T00:00:00Z".to_owned(), away(3_661).to_string()] {
        let answer = bench.get(&format!("/api/v1/on-call?at={far}")).await;
        assert!(answer.text().contains("at must be at most 10 years away from now"), "{}", answer.text());
        assert_eq!(answer.problem(400), "invalid-parameter");
    }
    assert_eq!(bench.get(&format!("/api/v1/on-call?at={}", away(3_600))).await.status, StatusCode::OK);
    assert_eq!(bench.get(&format!("/api/v1/on-call?at={}", away(-3_600))).await.status, StatusCode::OK);
    let window = "from=9999-01-01T00:00:00Z&to=9999-12-30T00:00:00Z";
    for list in ["shifts", "gaps"] {
        assert_eq!(bench.get(&format!("{DESK}/{list}?{window}")).await.problem(400), "invalid-parameter");
    }
}

#[tokio::test]
async fn a_feed_is_read_by_its_secret_until_it_is_closed() {
    let bench = bench();
    let anonymous = |path: String| async {
        let path = path;
        bench.ask(Method::GET, &path, &[], "").await
    };
    for (feed, calendar) in [
        (format!("{DESK}/calendar-feed"), format!("{DESK}/calendar.ics")),
        ("/api/v1/users/engineer-1/calendar-feed".to_owned(), "/api/v1/users/engineer-1/calendar.ics".to_owned()),
    ] {
        assert_eq!(anonymous(calendar.clone()).await.problem(401), "unauthorized");
        let by_login = bench.get(&calendar).await;
        assert_eq!(by_login.status, StatusCode::OK, "{}", by_login.text());
        let made = bench.post(&feed).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        let url = made.json()["url"].as_str().unwrap().to_owned();
        assert!(url.starts_with(&format!("{calendar}?token=")), "{url}");
        let read = anonymous(url.clone()).await;
        assert_eq!((read.status, read.header("content-type")), (StatusCode::OK, "text/calendar; charset=utf-8"));
        assert!(
            read.text().starts_with("BEGIN:VCALENDAR\r\n") && read.text().contains("BEGIN:VEVENT"),
            "{}",
            read.text()
        );
        assert_eq!(anonymous(format!("{calendar}?token=guessed")).await.problem(401), "unauthorized");
        let token = format!("Bearer {TOKEN}");
        let closed = bench.ask(Method::DELETE, &feed, &[("authorization", &token)], "").await;
        assert_eq!(closed.status, StatusCode::NO_CONTENT);
        assert_eq!(anonymous(url).await.problem(401), "unauthorized");
    }
    assert_eq!(bench.post("/api/v1/users/nobody/calendar-feed").await.problem(404), "user-not-found");
}

#[tokio::test]
async fn a_schedule_of_the_file_is_not_planned_here_and_mistakes_are_told() {
    let bench = bench();
    let good = json!({ "user": "engineer-2", "from": "2099-12-24T17:00:00Z", "to": "2099-12-26T08:00:00Z", "reason": "holidays" });
    let path = format!("{DESK}/overrides");
    assert_eq!(bench.say(Method::POST, &path, &good).await.problem(409), "read-only");
    for (field, value, code) in [
        ("user", json!("nobody"), "invalid-parameter"),
        ("to", json!("2099-12-24T17:00:00Z"), "invalid-parameter"),
        ("from", json!("tomorrow"), "invalid-parameter"),
        ("deed", json!("burn"), "invalid-parameter"),
        ("layers", json!(["nowhere"]), "invalid-parameter"),
        ("colour", json!("red"), "invalid-body"),
        ("reason", json!("two\nlines"), "invalid-parameter"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        assert_eq!(bench.say(Method::POST, &path, &body).await.problem(400), code, "{field}");
    }
    let mut past = good.clone();
    (past["from"], past["to"]) = (json!("2020-01-01T00:00:00Z"), json!("2020-01-02T00:00:00Z"));
    assert_eq!(bench.say(Method::POST, &path, &past).await.problem(409), "past");
    let swap = json!({ "from": "2099-12-24T17:00:00Z", "to": "2099-12-26T08:00:00Z" });
    assert_eq!(
        bench.say(Method::POST, &format!("{DESK}/swaps"), &swap).await.problem(400),
        "invalid-parameter",
        "the token is no person"
    );
    let take = bench.say(Method::POST, &format!("{DESK}/swaps/none/take"), &json!({ "taker": "engineer-2" })).await;
    assert_eq!(take.status, StatusCode::NOT_FOUND);
    let members = format!("{DESK}/layers/main/members");
    assert_eq!(
        bench.say(Method::PUT, &members, &json!({ "members": ["engineer-2", "-"] })).await.problem(409),
        "read-only"
    );
    assert_eq!(
        bench.say(Method::PUT, &members, &json!({ "members": ["team:none"] })).await.problem(400),
        "invalid-parameter"
    );
    assert_eq!(
        bench.say(Method::PUT, &format!("{DESK}/layers/none/members"), &json!({ "members": [] })).await.problem(404),
        "layer-not-found"
    );
}

#[tokio::test]
async fn reports_of_hours_and_nights() {
    let bench = bench();
    let window = "from=2026-11-02T00:00:00Z&to=2026-11-30T00:00:00Z";
    let fairness = bench.get(&format!("/api/v1/reports/fairness?schedule=on-call&{window}")).await.json();
    assert_eq!((&fairness["coverage"], fairness["people"].as_array().unwrap().len()), (&100.into(), 2));
    let total: f64 =
        fairness["people"].as_array().unwrap().iter().map(|row| row["hours"]["total"].as_f64().unwrap()).sum();
    assert!((total - 28.0 * 24.0).abs() < 0.01, "{fairness}");
    assert_eq!(bench.get("/api/v1/reports/fairness").await.problem(400), "invalid-parameter");
    let load = bench.get(&format!("/api/v1/reports/on-call-load?{window}")).await.json();
    assert_eq!(load["people"][0]["times"], 1, "{load}");
    let sheet = bench.get(&format!("/api/v1/reports/compensation.csv?{window}")).await;
    assert_eq!((sheet.status, sheet.header("content-type")), (StatusCode::OK, "text/csv; charset=utf-8"));
    let lines: Vec<String> = sheet.text().lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with("user,name,schedules,from,to,shifts,weekday_hours"), "{lines:?}");
    assert_eq!(lines.len(), 3);
    assert_eq!(
        bench.get_as("engineer", "", &format!("/api/v1/reports/compensation.csv?{window}")).await.problem(403),
        "role-not-enough"
    );
    assert_eq!(
        bench.get_as("engineer", "acme", &format!("/api/v1/reports/on-call-load?{window}")).await.problem(403),
        "role-not-enough"
    );
}
