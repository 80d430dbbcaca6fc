//! Who sees whose things: lists, single things, deeds, the live stream, the page.

use futures::StreamExt;

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
        let path = template.replace("{id}", &id(number).to_string());
        let answer = bench.get_as("stakeholder", "", &path).await;
        let table = answer.header("content-type").starts_with("text/csv");
        let nothing =
            if table { answer.text().lines().count() == 1 } else { answer.json()["items"] == serde_json::json!([]) };
        let empty = answer.status == StatusCode::OK && nothing;
        let refused = matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
        assert!(empty || refused, "{path}: {} {}", answer.status, answer.text());
    }
}
