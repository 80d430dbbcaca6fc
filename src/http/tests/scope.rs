//! Who sees whose things: lists, single things, deeds, the live stream, the page.

use futures::StreamExt;
use serde_json::json;

use super::super::api::openapi;
use super::super::fake::*;
use super::*;

fn ids(answer: &Answer) -> Vec<String> {
    let items = answer.json()["items"].as_array().unwrap().clone();
    items.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_stakeholder_sees_the_alerts_of_their_own_customers_only() {
    let bench = bench();
    let list = bench.get_as("stakeholder", "acme", "/api/v1/alerts").await;
    assert_eq!(ids(&list), [id(ALERT_WAITING).to_string(), id(ALERT_RESOLVED).to_string()]);
    let own = bench.get_as("stakeholder", "acme", &path("/api/v1/alerts", ALERT_WAITING, "")).await;
    assert_eq!((own.status, own.json()["recordings"].as_array().unwrap().len()), (StatusCode::OK, 0));
    for foreign in [ALERT_TAKEN, ALERT_HOSTILE] {
        let path = path("/api/v1/alerts", foreign, "");
        assert_eq!(bench.get_as("stakeholder", "acme", &path).await.problem(404), "alert-not-found");
        let known = bench.get_as("stakeholder", "acme muster", &path).await.status;
        assert_eq!(known == StatusCode::OK, foreign == ALERT_TAKEN);
    }
    for path in [
        "/api/v1/calls",
        "/api/v1/users",
        "/api/v1/numbers",
        "/api/v1/schedules",
        "/api/v1/tokens",
        &super::path("/api/v1/calls", CALL_VOICEMAIL, ""),
    ] {
        assert_eq!(bench.get_as("stakeholder", "acme", path).await.problem(403), "role-not-enough", "{path}");
    }
    let sound = super::path("/api/v1/recordings", RECORDING_WHAT, "/audio");
    assert_eq!(bench.get_as("stakeholder", "acme", &sound).await.problem(403), "role-not-enough");
}

#[tokio::test]
async fn a_stakeholder_of_nobody_sees_nothing() {
    let bench = bench();
    for list in ["/api/v1/alerts", "/api/v1/on-call"] {
        assert_eq!(bench.get_as("stakeholder", "", list).await.json()["items"], serde_json::json!([]), "{list}");
    }
    let cookie = bench.log_in("sam").await;
    let page = bench.browse("/", &cookie).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text().contains("Acme") && !page.text().contains("engineer-1"), "{}", page.text());
    assert_eq!(bench.browse("/calls", &cookie).await.status, StatusCode::FORBIDDEN);
    assert_eq!(bench.browse(&path("/calls", CALL_TAKEN, ""), &cookie).await.status, StatusCode::FORBIDDEN);
    assert_eq!(bench.browse(&path("/alerts", ALERT_TAKEN, ""), &cookie).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_engineer_of_one_customer_gets_404_for_anothers_things() {
    let bench = bench();
    let list = bench.get_as("engineer", "muster", "/api/v1/calls").await;
    assert_eq!(ids(&list), [id(CALL_TAKEN).to_string()]);
    for foreign in [
        path("/api/v1/calls", CALL_VOICEMAIL, ""),
        path("/api/v1/alerts", ALERT_WAITING, ""),
        path("/api/v1/recordings", RECORDING_WHAT, "/audio"),
    ] {
        assert_eq!(bench.get_as("engineer", "muster", &foreign).await.status, StatusCode::NOT_FOUND, "{foreign}");
        assert_eq!(bench.get_as("engineer", "acme", &foreign).await.status, StatusCode::OK, "{foreign}");
    }
    let token = super::super::auth::fresh_token();
    let row = TokenRow {
        name: "ci".to_owned(),
        hash: super::super::auth::token_hash(token.reveal()),
        role: "engineer".to_owned(),
        customers: Some("muster".to_owned()),
        ..TokenRow::default()
    };
    bench.fake.kept.lock().tokens.push(row);
    let bearer = format!("Bearer {}", token.reveal());
    let act = async |alert| {
        let to = path("/api/v1/alerts", alert, "/resolve");
        bench.ask(Method::POST, &to, &[("authorization", &bearer)], "").await
    };
    assert_eq!(act(ALERT_WAITING).await.problem(404), "alert-not-found");
    assert_eq!(act(ALERT_TAKEN).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_stakeholder_handles_nothing_and_an_expired_token_is_none() {
    let bench = bench();
    let token = super::super::auth::fresh_token();
    let row = TokenRow {
        name: "customer".to_owned(),
        hash: super::super::auth::token_hash(token.reveal()),
        role: "stakeholder".to_owned(),
        customers: Some("acme".to_owned()),
        ..TokenRow::default()
    };
    bench.fake.kept.lock().tokens.push(row);
    let bearer = format!("Bearer {}", token.reveal());
    let to = path("/api/v1/alerts", ALERT_WAITING, "/acknowledge");
    let act = async || bench.ask(Method::POST, &to, &[("authorization", &bearer)], "").await;
    assert_eq!(act().await.problem(403), "role-not-enough");
    bench.fake.kept.lock().tokens[0].expires_at = Some(1);
    bench.state.logins().forget();
    assert_eq!(act().await.problem(401), "unauthorized");
}

#[tokio::test]
async fn the_stream_tells_each_viewer_their_own() {
    let bench = bench();
    let stream = bench.get_as("stakeholder", "muster", "/api/v1/stream");
    let response = {
        // `get_as` would wait for the end of the stream.
        drop(stream);
        let token = super::super::auth::fresh_token();
        let row = TokenRow {
            hash: super::super::auth::token_hash(token.reveal()),
            role: "stakeholder".to_owned(),
            customers: Some("muster".to_owned()),
            ..TokenRow::default()
        };
        bench.fake.kept.lock().tokens.push(row);
        let request = Request::get("/api/v1/stream").header("authorization", format!("Bearer {}", token.reveal()));
        bench.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    let mut body = response.into_body().into_data_stream();
    let mut told = String::new();
    while !told.contains("snapshot") {
        told.push_str(&String::from_utf8_lossy(&body.next().await.unwrap().unwrap()));
    }
    assert!(told.contains(&id(ALERT_TAKEN).to_string()) && !told.contains(&id(ALERT_WAITING).to_string()), "{told}");
    assert!(told.contains("\"calls\":[]"), "{told}");
    for alert in [ALERT_WAITING, ALERT_HOSTILE, ALERT_TAKEN] {
        bench.fake.changes.send(crate::switch::Change::Alert(hotline_core::ids::AlertId(id(alert)))).unwrap();
        bench.fake.changes.send(crate::switch::Change::Call(hotline_core::ids::CallId(id(CALL_LIVE)))).unwrap();
    }
    let mut later = String::new();
    while !later.contains("event: alert") {
        later.push_str(&String::from_utf8_lossy(&body.next().await.unwrap().unwrap()));
    }
    assert!(later.contains(&id(ALERT_TAKEN).to_string()), "{later}");
    assert!(!later.contains("event: call") && !later.contains(&id(ALERT_WAITING).to_string()), "{later}");
}

/// Whatever path is added: who is a stakeholder of nobody learns nothing by it.
#[tokio::test]
async fn no_path_tells_a_stakeholder_of_nobody_anything() {
    let bench = bench();
    let file = serde_json::to_value(openapi()).unwrap();
    for (template, methods) in file["paths"].as_object().unwrap() {
        if methods["get"].is_null() || methods["get"]["security"].is_null() || template == "/api/v1/stream" {
            continue;
        }
        let number = if template.contains("alerts") {
            ALERT_WAITING
        } else if template.contains("recordings") {
            RECORDING_WHAT
        } else {
            CALL_TAKEN
        };
        let path = template.replace("{id}", &id(number).to_string()).replace("{version}", "1");
        let answer = bench.get_as("stakeholder", "", &path).await;
        let table = answer.header("content-type").starts_with("text/csv");
        let nothing =
            if table { answer.text().lines().count() == 1 } else { answer.json()["items"] == serde_json::json!([]) };
        let empty = answer.status == StatusCode::OK && nothing;
        let refused = matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
        assert!(empty || refused, "{path}: {} {}", answer.status, answer.text());
    }
}

/// Every path and verb of the API, each with an id that is there.
fn all_paths() -> Vec<(Method, String)> {
    let file = serde_json::to_value(openapi()).unwrap();
    let mut all = Vec::new();
    for (template, methods) in file["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            let known = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(&method);
            if !known || operation["security"].is_null() {
                continue;
            }
            let number = if template.contains("recordings") { RECORDING_WHAT } else { ALERT_WAITING };
            let path = template.replace("{id}", &id(number).to_string());
            // Whatever else is named.
            let path = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>();
            all.push((method, path.join("/")));
        }
    }
    assert!(all.len() > 60, "{}", all.len());
    all
}

#[tokio::test]
async fn who_is_nobody_gets_401_everywhere() {
    let bench = bench();
    let json = ("content-type", "application/json");
    for (method, path) in all_paths() {
        for headers in [&[json][..], &[json, ("authorization", "Bearer nonsense")]] {
            let answer = bench.ask(method.clone(), &path, headers, "{}").await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}: {}", answer.text());
        }
    }
}

/// Who is known but may not gets 403 or 404, whatever they send; another customer's alert is not there, not forbidden.
#[tokio::test]
async fn a_stakeholder_of_another_changes_nothing_and_learns_nothing() {
    let bench = bench();
    let token = super::super::auth::fresh_token();
    let row = TokenRow {
        name: "customer".to_owned(),
        hash: super::super::auth::token_hash(token.reveal()),
        role: "stakeholder".to_owned(),
        customers: Some("muster".to_owned()),
        ..TokenRow::default()
    };
    bench.fake.kept.lock().tokens.push(row);
    let bearer = format!("Bearer {}", token.reveal());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    for (method, path) in all_paths() {
        if method == Method::GET {
            continue;
        }
        let answer = bench.ask(method.clone(), &path, &headers, "{}").await;
        // 400: the body is looked at first, which says nothing about things.
        let kept_out = matches!(
            answer.status,
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY
        );
        assert!(kept_out, "{method} {path}: {} {}", answer.status, answer.text());
        assert!(!answer.text().contains("Acme"), "{method} {path}: {}", answer.text());
    }
    let into = json!({ "into": id(ALERT_TAKEN) }).to_string();
    let until = json!({ "until": "2099-01-01T00:00:00Z" }).to_string();
    for (verb, body) in [
        ("acknowledge", ""),
        ("resolve", ""),
        ("escalate", ""),
        ("hand-back", ""),
        ("assign", r#"{"user":"engineer-1"}"#),
        ("comments", r#"{"text":"hello"}"#),
        ("snooze", until.as_str()),
        ("merge", into.as_str()),
    ] {
        let post = async |number: u128| {
            let path = path("/api/v1/alerts", number, &format!("/{verb}"));
            bench.ask(Method::POST, &path, &headers, body).await
        };
        assert_eq!(post(ALERT_WAITING).await.problem(404), "alert-not-found", "{verb}");
        if verb != "merge" {
            assert_eq!(post(ALERT_TAKEN).await.problem(403), "role-not-enough", "{verb}");
        }
    }
    for rest in ["", "/timeline"] {
        let foreign = path("/api/v1/alerts", ALERT_WAITING, rest);
        assert_eq!(bench.ask(Method::GET, &foreign, &headers, "").await.problem(404), "alert-not-found", "{rest}");
    }
    for (list, none) in [("/api/v1/alerts?q=Heating", true), ("/api/v1/alerts?customer=acme", true)] {
        let answer = bench.ask(Method::GET, list, &headers, "").await;
        assert_eq!(answer.json()["items"] == json!([]), none, "{list}: {}", answer.text());
    }
    let table = bench.ask(Method::GET, "/api/v1/alerts/export.csv?customer=acme", &headers, "").await;
    assert_eq!((table.status, table.text().lines().count()), (StatusCode::OK, 1), "{}", table.text());
    let table = bench.ask(Method::GET, "/api/v1/alerts/export.csv", &headers, "").await;
    assert!(!table.text().contains("acme") && table.text().contains("muster"), "{}", table.text());
}

#[tokio::test]
async fn what_is_taken_out_is_audited() {
    let bench = bench();
    let before = bench.fake.kept.lock().audit.len();
    for path in [
        "/api/v1/alerts/export.csv?status=open&q=M%C3%BCller",
        "/api/v1/audit/export?actor=login%20ann",
        "/api/v1/reports/compensation.csv",
    ] {
        assert_eq!(bench.get(path).await.status, StatusCode::OK, "{path}");
    }
    // Who may not take it out leaves no trace of having done so.
    assert_eq!(bench.get_as("stakeholder", "acme", "/api/v1/audit/export").await.status, StatusCode::FORBIDDEN);
    let kept = bench.fake.kept.lock();
    let told: Vec<(&str, bool)> =
        kept.audit[before..].iter().map(|row| (row.action.as_str(), row.detail.contains("ller"))).collect();
    assert_eq!(told, [("alert.export", false), ("audit.export", false), ("report.export", false)]);
    let personal = &kept.audit[before].personal;
    assert_eq!(personal[..], [("search".to_owned(), Some("Müller".to_owned()))], "erasable, not in the detail");
}
