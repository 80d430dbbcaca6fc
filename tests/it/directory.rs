//! What is written through the API, in the whole service: checked, kept, in force at once and after a restart.

use serde_json::{Value, json};

use crate::child::{Child, Home, TOML};

/// PUT, PATCH, DELETE, POST below `/api/v1`: status and answer.
async fn send(child: &Child, method: &'static str, path: &str, body: Value) -> (u16, Value) {
    let (status, _, answer) = send_with(child, method, path, &[], body).await;
    (status, answer)
}

/// The same with headers; and the `ETag`.
async fn send_with(
    child: &Child,
    method: &'static str,
    path: &str,
    headers: &[(&'static str, String)],
    body: Value,
) -> (u16, String, Value) {
    let (url, authorization) = (child.api(path), Child::authorization());
    let headers = headers.to_vec();
    tokio::task::spawn_blocking(move || {
        let mut request = ureq::http::Request::builder().method(method).uri(url).header("Authorization", authorization);
        request = request.header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).allow_non_standard_methods(true).build().into();
        let mut response = agent.run(request.body(body.to_string()).expect("a request")).expect("HTTP answers");
        let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned();
        let text = response.body_mut().read_to_string().expect("a text");
        (response.status().as_u16(), tag, serde_json::from_str(&text).unwrap_or(Value::Null))
    })
    .await
    .expect("no panic")
}

async fn put(child: &Child, path: &str, body: Value) {
    let (status, answer) = send(child, "PUT", path, body).await;
    assert!(status == 200 || status == 201, "PUT {path}: {status} {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_in_force_at_once_and_after_a_restart() {
    let home = Home::new(TOML);
    let child = home.start().await;
    put(&child, "/phones/cara", json!({ "password": "a-secret-of-this-test" })).await;
    put(&child, "/users/cara", json!({ "name": "Cara", "phones": ["phone:cara"], "pin": "280465" })).await;
    put(
        &child,
        "/schedules/second",
        json!({ "members": ["cara"], "start": "2026-01-05T09:00", "time_zone": "Europe/Berlin" }),
    )
    .await;
    put(&child, "/escalation-policies/usual", json!({ "steps": [{ "targets": ["schedule:second"] }] })).await;
    put(&child, "/numbers/second-hotline", json!({ "schedule": "second", "policy": "usual" })).await;
    let (status, made) = send(&child, "PUT", "/alert-sources/probe", json!({ "policy": "usual" })).await;
    assert_eq!((status, made["key"].as_str().map(str::len)), (201, Some(40)), "{made}");
    let on_call = child.get("/on-call?schedule=second").await;
    assert_eq!(on_call["items"][0]["now"]["name"], "Cara");

    // Who is needed stays; the answer says by whom.
    let (status, problem) = send(&child, "DELETE", "/users/cara", Value::Null).await;
    assert_eq!((status, &problem["code"]), (409, &"in-use".into()), "{problem}");
    assert!(problem["errors"].to_string().contains("schedules/second"), "{problem}");
    // Mistakes change nothing.
    let wrong = json!({ "name": "Cara", "contacts": [{ "id": "m", "kind": "sms", "address": "12" }] });
    let (status, problem) = send(&child, "PUT", "/users/cara", wrong).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &"contacts[0].address".into()), "{problem}");
    let (status, problem) = send(&child, "PUT", "/users/engineer-1", json!({})).await;
    assert_eq!((status, &problem["code"]), (409, &"read-only".into()));

    // Of two who change the same version one comes second.
    let (_, tag, user) = send_with(&child, "PATCH", "/users/cara", &[], json!({ "language": "de" })).await;
    assert_eq!((&user["language"], &user["has_pin"]), (&"de".into(), &true.into()));
    let matching = [("If-Match", tag)];
    let (first, _, _) = send_with(&child, "PATCH", "/users/cara", &matching, json!({ "name": "C. Lind" })).await;
    let (second, _, _) = send_with(&child, "PATCH", "/users/cara", &matching, json!({ "name": "D. Lind" })).await;
    assert_eq!((first, second), (200, 412));

    let before = child.get("/users/cara").await;
    let said = child.kill().await;
    assert!(!said.contains("a-secret-of-this-test") && !said.contains("280465"), "no secret in the log");
    for file in ["data/hotline.db", "data/hotline.db-wal", "data/documents.json"] {
        let bytes = std::fs::read(home.path(file)).unwrap_or_default();
        for secret in ["a-secret-of-this-test", "280465"] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} in {file}");
        }
    }
    let child = home.start().await;
    assert_eq!(child.get("/users/cara").await, before);
    let phone = child.phone("cara").await;
    phone.register("cara", "a-secret-of-this-test".into()).await.expect("its password");
    let (status, _) = send(&child, "DELETE", "/numbers/second-hotline", Value::Null).await;
    assert_eq!(status, 204);
    child.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_keeps_the_documents_and_a_database_that_is_away_costs_none() {
    let home = Home::new(TOML);
    let child = home.start().await;
    put(&child, "/customers/globex", json!({ "name": "Globex", "caller_ids": ["+4930777*"] })).await;
    put(&child, "/teams/first", json!({ "members": ["engineer-1"] })).await;
    home.write("hotline.toml", &format!("{TOML}\n[[customers]]\nid = \"initech\"\nname = \"Initech\"\n"));
    child.signal(rustix::process::Signal::HUP);
    while !child.get("/customers").await.to_string().contains("Initech") {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let names = child.get("/customers").await.to_string();
    assert!(names.contains("Globex") && names.contains("Acme"), "{names}");
    child.stop().await;

    // The database can't be opened: the copy in the data folder counts.
    let kept = std::fs::read(home.path("data/hotline.db")).expect("the database");
    for file in ["data/hotline.db-wal", "data/hotline.db-shm"] {
        let _ = std::fs::remove_file(home.path(file));
    }
    std::fs::remove_file(home.path("data/hotline.db")).expect("removed");
    std::fs::create_dir(home.path("data/hotline.db")).expect("in its place a folder");
    let child = home.start().await;
    assert!(child.get("/customers").await.to_string().contains("Globex"));
    let (status, problem) = send(&child, "PUT", "/teams/second", json!({})).await;
    assert_eq!((status, &problem["code"]), (503, &"database-away".into()));
    child.stop().await;
    std::fs::remove_dir(home.path("data/hotline.db")).expect("removed");
    std::fs::write(home.path("data/hotline.db"), kept).expect("back");

    // The file takes a person away whom a document needs: the document is left out and told, and can be mended.
    let without = TOML.replace("engineer-1", "engineer-9");
    home.write("hotline.toml", &without);
    let child = home.start().await;
    child.readyz_when(|ready| ready.to_string().contains("teams/first is left out")).await;
    put(&child, "/teams/other", json!({ "members": ["engineer-9"] })).await;
    put(&child, "/teams/first", json!({ "members": ["engineer-9"] })).await;
    child.readyz_when(|ready| !ready.to_string().contains("left out")).await;
    child.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_keys_open_their_doors_only() {
    let home = Home::new(TOML);
    let child = home.start().await;
    let wish = json!({ "name": "portal", "role": "stakeholder", "customers": ["acme"] });
    let key = [("Idempotency-Key", "once".to_owned())];
    let (status, _, made) = send_with(&child, "POST", "/tokens", &key, wish.clone()).await;
    assert_eq!(status, 201, "{made}");
    let (status, _, again) = send_with(&child, "POST", "/tokens", &key, wish).await;
    assert_eq!((status, &again["code"]), (409, &"told-once".into()), "{again}");
    let bearer = format!("Bearer {}", made["token"].as_str().expect("a token"));
    let ask = async |path: &str| child.fetch(path, &[("Authorization", &bearer)]).await.0;
    assert_eq!((ask("/api/v1/alerts").await, ask("/api/v1/users").await), (200, 403));
    let (status, _) =
        send(&child, "DELETE", &format!("/tokens/{}", made["id"].as_str().expect("id")), Value::Null).await;
    assert_eq!((status, ask("/api/v1/alerts").await), (204, 401));

    let (status, _) = send(
        &child,
        "PUT",
        "/users/dora",
        json!({ "contacts": [{ "id": "m", "kind": "webhook", "address": "http://127.0.0.1:9/secret-path" }] }),
    )
    .await;
    assert_eq!(status, 201);
    let user = child.get("/users/dora").await;
    assert!(!user.to_string().contains("secret-path"), "{user}");
    assert_eq!(user["reached_by"][0]["verified"], false);
    let (status, problem) = send(&child, "POST", "/users/dora/contacts/m/test", Value::Null).await;
    assert_eq!((status, &problem["code"]), (409, &"not-verified".into()));
    let (status, sent) = send(&child, "POST", "/users/dora/contacts/m/verify", Value::Null).await;
    assert_eq!((status, &sent["state"]), (202, &"sent".into()), "{sent}");
    let (status, problem) = send(&child, "POST", "/users/dora/contacts/m/confirm", json!({ "code": "000000" })).await;
    assert!(status == 422 || status == 200, "{problem}");
    child.stop().await;
}
