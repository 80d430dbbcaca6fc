//! Reading and writing what is configured, tokens, contacts, `Idempotency-Key`.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::*;

const USERS: &str = "/api/v1/users";

impl Bench {
    async fn send_json(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let token = format!("Bearer {TOKEN}");
        let mut all = vec![("authorization", token.as_str()), ("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.ask(method, path, &all, &body.to_string()).await
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send_json(Method::PUT, path, &[], body).await
    }
}

#[tokio::test]
async fn a_document_is_created_read_changed_and_deleted() {
    let bench = bench();
    let path = format!("{USERS}/cara");
    assert_eq!(bench.get(&path).await.problem(404), "user-not-found");
    let created = bench.put(&path, &json!({ "name": "Cara", "pin": "280465" })).await;
    assert_eq!((created.status, created.header("location")), (StatusCode::CREATED, path.as_str()));
    let tag = created.header("etag").to_owned();
    let read = bench.get(&path).await;
    assert_eq!((read.header("etag"), &read.json()["read_only"]), (tag.as_str(), &false.into()));
    assert_eq!((&read.json()["has_pin"], &read.json()["updated_by"]), (&true.into(), &"token admin".into()));
    assert!(!read.text().contains("280465"), "{}", read.text());
    let same = bench
        .ask(Method::GET, &path, &[("authorization", &format!("Bearer {TOKEN}")), ("if-none-match", &tag)], "")
        .await;
    assert_eq!(same.status, StatusCode::NOT_MODIFIED);
    // What was read can be sent back as it is.
    let again = bench.send_json(Method::PUT, &path, &[("if-match", &tag)], &read.json()).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text());
    let stale = bench.send_json(Method::PATCH, &path, &[("if-match", &tag)], &json!({ "name": "C." })).await;
    assert_eq!(stale.problem(412), "version-mismatch");
    let merge = [("content-type", "application/merge-patch+json"), ("if-match", again.header("etag"))];
    let token = format!("Bearer {TOKEN}");
    let merge = [merge[0], merge[1], ("authorization", token.as_str())];
    let patched = bench.ask(Method::PATCH, &path, &merge, "{\"name\": \"C.\"}").await;
    assert_eq!((patched.status, &patched.json()["name"]), (StatusCode::OK, &"C.".into()));
    let absent = bench.send_json(Method::PUT, &path, &[("if-none-match", "*")], &json!({})).await;
    assert_eq!(absent.problem(412), "version-mismatch");
    let foreign = bench.send_json(Method::DELETE, &path, &[("if-match", "\"other\"")], &json!({})).await;
    assert_eq!(foreign.problem(412), "version-mismatch");
    assert_eq!(bench.send_json(Method::DELETE, &path, &[], &json!({})).await.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.send_json(Method::DELETE, &path, &[], &json!({})).await.problem(404), "user-not-found");
}

#[tokio::test]
async fn what_stands_in_the_file_is_read_only() {
    let bench = bench();
    let one = bench.get(&format!("{USERS}/engineer-1")).await;
    assert_eq!((&one.json()["read_only"], &one.json()["version"]), (&true.into(), &Value::Null));
    assert_eq!(one.json()["reached_by"][0], json!({ "id": "mobile", "kind": "sms", "verified": false }));
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = bench.send_json(method, &format!("{USERS}/engineer-1"), &[], &json!({})).await;
        assert_eq!(answer.problem(409), "read-only");
    }
    for path in ["phones", "trunks", "customers"] {
        let text = bench.get(&format!("/api/v1/{path}")).await.text();
        assert!(!text.contains("never-shown") && !text.contains("0042"), "{text}");
    }
}

#[tokio::test]
async fn mistakes_name_the_field_and_conflicts_the_place() {
    let bench = bench();
    let wrong = bench.put("/api/v1/teams/network", &json!({ "wrong": 1 })).await;
    assert_eq!(wrong.problem(422), "invalid-document");
    assert_eq!((&wrong.json()["field"], &wrong.json()["errors"][0]["field"]), (&"wrong".into(), &"wrong".into()));
    bench.put("/api/v1/teams/needed", &json!({})).await;
    let needed = bench.send_json(Method::DELETE, "/api/v1/teams/needed", &[], &json!({})).await;
    assert_eq!(needed.problem(409), "in-use");
    assert_eq!(needed.json()["errors"][0]["field"], "teams/needed#members[0]");
    let other = bench.put("/api/v1/teams/a", &json!({ "id": "b" })).await;
    assert_eq!((other.problem(400), &other.json()["field"]), ("invalid-parameter".to_owned(), &"id".into()));
    let token = format!("Bearer {TOKEN}");
    for (kind, body, status, code) in [
        ("application/json", "[1]", 400, "invalid-body"),
        ("application/json", "{", 400, "invalid-body"),
        ("text/plain", "{}", 415, "unsupported-media-type"),
        ("application/merge-patch+json", "{}", 415, "unsupported-media-type"),
    ] {
        let answer =
            bench.ask(Method::PUT, "/api/v1/teams/a", &[("authorization", &token), ("content-type", kind)], body).await;
        assert_eq!(answer.problem(status), code, "{kind} {body}");
    }
    let both = [("if-match", "\"v1\""), ("if-none-match", "*")];
    assert_eq!(
        bench.send_json(Method::PUT, "/api/v1/teams/a", &both, &json!({})).await.problem(400),
        "invalid-parameter"
    );
    bench.fake.away.store(true, Ordering::SeqCst);
    assert_eq!(bench.put("/api/v1/teams/a", &json!({})).await.problem(503), "database-away");
    assert_eq!(bench.get("/api/v1/teams").await.status, StatusCode::OK, "read without the database");
}

#[tokio::test]
async fn large_bodies_are_for_flows_only() {
    let bench = bench();
    let large = json!({ "start": "a", "note": "x".repeat(100_000) });
    assert_eq!(bench.put("/api/v1/flows/big", &large).await.status, StatusCode::CREATED);
    assert_eq!(bench.put("/api/v1/teams/big", &large).await.problem(413), "too-large");
    let larger = json!({ "note": "x".repeat(1_100_000) });
    assert_eq!(bench.put("/api/v1/flows/big", &larger).await.problem(413), "too-large");
    assert_eq!(bench.send_json(Method::POST, "/api/v1/tokens", &[], &large).await.problem(413), "too-large");
}

#[tokio::test]
async fn a_key_is_told_once() {
    let bench = bench();
    let made = bench.put("/api/v1/alert-sources/probe", &json!({ "name": "Probe" })).await.json();
    assert_eq!(
        (&made["key"], &made["url"]),
        (&"a-key-that-is-told-once".into(), &"/intake/generic/a-key-that-is-told-once".into())
    );
    assert!(!bench.get("/api/v1/alert-sources/probe").await.text().contains("told-once"));
}

#[tokio::test]
async fn every_kind_has_every_verb() {
    let bench = bench();
    for kind in [
        "customers",
        "services",
        "slas",
        "teams",
        "users",
        "schedules",
        "calendars",
        "numbers",
        "flows",
        "trunks",
        "phones",
        "escalation-policies",
        "channels",
        "alert-sources",
        "heartbeats",
        "maintenance-windows",
        "actions",
    ] {
        let path = format!("/api/v1/{kind}/new-one");
        assert_eq!(bench.put(&path, &json!({})).await.status, StatusCode::CREATED, "{kind}");
        assert_eq!(bench.get(&path).await.json()["id"], "new-one", "{kind}");
        let listed = bench.get(&format!("/api/v1/{kind}?limit=200")).await.json();
        assert!(listed["items"].as_array().unwrap().iter().any(|one| one["id"] == "new-one"), "{kind}");
        assert_eq!(
            bench.send_json(Method::DELETE, &path, &[], &json!({})).await.status,
            StatusCode::NO_CONTENT,
            "{kind}"
        );
    }
    assert_eq!(bench.put("/api/v1/settings", &json!({ "blocklist": [] })).await.status, StatusCode::CREATED);
    assert_eq!(bench.get("/api/v1/settings").await.json()["blocklist"], json!([]));
}

/// A token of this role and scope; the header's value.
fn bearer(bench: &Bench, role: &str, customers: &str) -> String {
    let token = super::super::auth::fresh_token();
    let row = TokenRow {
        name: format!("{role} {customers}"),
        hash: super::super::auth::token_hash(token.reveal()),
        role: role.to_owned(),
        customers: (!customers.is_empty()).then(|| customers.to_owned()),
        ..TokenRow::default()
    };
    bench.fake.kept.lock().tokens.push(row);
    format!("Bearer {}", token.reveal())
}

#[tokio::test]
async fn roles_write_what_they_may() {
    let bench = bench();
    let json_body = ("content-type", "application/json");
    for (role, customers, kind, allowed) in [
        ("admin", "", "trunks", true),
        ("admin", "acme", "trunks", false),
        ("dispatcher", "", "maintenance-windows", true),
        ("dispatcher", "", "schedules", true),
        ("dispatcher", "", "trunks", false),
        ("dispatcher", "acme", "schedules", false),
        ("engineer", "", "schedules", false),
        ("stakeholder", "acme", "maintenance-windows", false),
    ] {
        let bearer = bearer(&bench, role, customers);
        let path = format!("/api/v1/{kind}/x-{role}");
        let answer = bench.ask(Method::PUT, &path, &[("authorization", &bearer), json_body], "{}").await;
        let wanted = if allowed { StatusCode::CREATED } else { StatusCode::FORBIDDEN };
        assert_eq!(answer.status, wanted, "{role} {customers} {kind}: {}", answer.text());
    }
    let narrow = bearer(&bench, "engineer", "muster");
    let list = async |path: &str| bench.ask(Method::GET, path, &[("authorization", &narrow)], "").await;
    assert_eq!(list("/api/v1/customers").await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(list("/api/v1/customers/acme").await.problem(404), "customer-not-found");
    assert_eq!(list("/api/v1/services").await.json()["items"], json!([]));
    assert_eq!(list("/api/v1/trunks").await.json()["items"], json!([]));
    let users = list("/api/v1/users").await;
    assert!(users.text().contains("Ada Winter") && !users.text().contains("+49170"), "{}", users.text());
}

#[tokio::test]
async fn people_change_their_own_contacts() {
    let bench = bench();
    bench.put(&format!("{USERS}/cara"), &json!({ "name": "Cara" })).await;
    {
        let mut kept = bench.fake.kept.lock();
        let login = kept.logins.get_mut("sam").unwrap();
        "engineer".clone_into(&mut login.role);
        login.user_id = Some("cara".to_owned());
    }
    let cookie = bench.log_in("sam").await;
    let act = async |user: &str, body: &Value| {
        let headers =
            [("cookie", cookie.as_str()), ("origin", "http://hotline.test"), ("content-type", "application/json")];
        bench.ask(Method::PATCH, &format!("{USERS}/{user}"), &headers, &body.to_string()).await
    };
    let own = json!({ "contacts": [{ "id": "m", "kind": "sms", "address": "+491701234543" }] });
    assert_eq!(act("cara", &own).await.status, StatusCode::OK);
    let phone = json!({ "contacts": [{ "id": "m", "kind": "call", "address": "phone:engineer-2" }] });
    let refused = act("cara", &phone).await;
    assert_eq!(refused.problem(422), "invalid-document");
    assert_eq!(refused.json()["field"], "contacts[0].address");
    assert_eq!(bench.send_json(Method::PATCH, &format!("{USERS}/cara"), &[], &phone).await.status, StatusCode::OK);
    for n in 0..5 {
        let answer = act("cara", &json!({ "pin": format!("28046{n}") })).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
    let guessed = act("cara", &json!({ "pin": "280465" })).await;
    assert_eq!(guessed.problem(429), "too-many-pins");
    assert!(guessed.header("retry-after").parse::<u64>().is_ok_and(|wait| wait > 80_000));
    assert_eq!(act("cara", &json!({ "pin": "280464", "language": "de" })).await.status, StatusCode::OK, "it is hers");
    assert_eq!(act("cara", &json!({ "name": "Boss" })).await.problem(403), "role-not-enough");
    assert_eq!(act("engineer-1", &own).await.problem(403), "role-not-enough");
}

#[tokio::test]
async fn tokens_are_made_listed_and_taken_back() {
    let bench = bench();
    let wish = json!({ "name": "ci", "role": "engineer", "customers": ["acme"], "expires_at": "2099-01-01T00:00:00Z" });
    let made = bench.send_json(Method::POST, "/api/v1/tokens", &[], &wish).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let token = made.json()["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("hlt_") && token.len() > 40);
    assert!(!bench.fake.kept.lock().tokens.iter().any(|row| row.hash.contains(&token)));
    let used = bench.ask(Method::GET, "/api/v1/customers", &[("authorization", &format!("Bearer {token}"))], "").await;
    assert_eq!(used.json()["items"].as_array().unwrap().len(), 1);
    let listed = bench.get("/api/v1/tokens").await;
    assert_eq!(listed.json()["items"][0]["customers"], json!(["acme"]));
    assert!(!listed.text().contains(&token));
    assert_eq!(bench.send_json(Method::POST, "/api/v1/tokens", &[], &wish).await.problem(409), "token-exists");
    for (field, value) in [
        ("name", json!("a b")),
        ("role", json!("boss")),
        ("customers", json!(["nobody"])),
        ("expires_at", json!("2001-01-01T00:00:00Z")),
    ] {
        let mut wrong = json!({ "name": "other", "role": "engineer" });
        wrong[field] = value;
        let answer = bench.send_json(Method::POST, "/api/v1/tokens", &[], &wrong).await;
        assert_eq!((answer.problem(400), &answer.json()["field"]), ("invalid-parameter".to_owned(), &field.into()));
    }
    let path = format!("/api/v1/tokens/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(bench.send_json(Method::DELETE, &path, &[], &json!({})).await.status, StatusCode::NO_CONTENT);
    let gone = bench.ask(Method::GET, "/api/v1/customers", &[("authorization", &format!("Bearer {token}"))], "").await;
    assert_eq!(gone.problem(401), "unauthorized");
    let engineer = bearer(&bench, "engineer", "");
    assert_eq!(
        bench.ask(Method::GET, "/api/v1/tokens", &[("authorization", &engineer)], "").await.problem(403),
        "role-not-enough"
    );
}

#[tokio::test]
async fn the_same_post_again_gets_the_same_answer() {
    let bench = bench();
    let wish = json!({ "name": "ci", "role": "engineer" });
    let key = [("idempotency-key", "one")];
    let first = bench.send_json(Method::POST, "/api/v1/tokens", &key, &json!({ "name": "a b", "role": "x" })).await;
    let again = bench.send_json(Method::POST, "/api/v1/tokens", &key, &json!({ "name": "a b", "role": "x" })).await;
    assert_eq!((first.problem(400), again.header("idempotency-replayed")), ("invalid-parameter".to_owned(), "true"));
    assert_eq!(again.body, first.body);
    let other = bench.send_json(Method::POST, "/api/v1/tokens", &key, &wish).await;
    assert_eq!(other.problem(422), "idempotency-key-reused");
    let key = [("idempotency-key", "two")];
    assert_eq!(bench.send_json(Method::POST, "/api/v1/tokens", &key, &wish).await.status, StatusCode::CREATED);
    let secret = bench.send_json(Method::POST, "/api/v1/tokens", &key, &wish).await;
    assert_eq!(secret.problem(409), "told-once");
    assert!(bench.fake.kept.lock().idempotency.values().all(|(_, answered)| {
        answered.as_ref().is_none_or(|answered| answered.body.as_ref().is_none_or(|body| !body.contains("hlt_")))
    }));
    // A feed's address is a secret too.
    let feed = "/api/v1/users/engineer-1/calendar-feed";
    let key = [("idempotency-key", "three")];
    assert_eq!(bench.send_json(Method::POST, feed, &key, &json!({})).await.status, StatusCode::CREATED);
    assert_eq!(bench.send_json(Method::POST, feed, &key, &json!({})).await.problem(409), "told-once");
    let long = "k".repeat(201);
    let bad = bench.send_json(Method::POST, "/api/v1/tokens", &[("idempotency-key", &long)], &wish).await;
    assert_eq!(bad.problem(400), "invalid-parameter");
}

#[tokio::test]
async fn strangers_are_not_remembered() {
    let bench = bench();
    let known = bench.ask(Method::POST, "/api/v1/alerts", &[("idempotency-key", "one")], "{}").await;
    assert_eq!(known.problem(401), "unauthorized");
    bench.ask(Method::POST, "/login", &[("idempotency-key", "two")], "").await;
    let forged = [("idempotency-key", "three"), ("authorization", "Bearer hlt_nobody")];
    assert_eq!(bench.ask(Method::POST, "/api/v1/alerts", &forged, "{}").await.problem(401), "unauthorized");
    assert!(bench.fake.kept.lock().idempotency.is_empty());
    // Who was somebody once is a stranger.
    let mine = [("idempotency-key", "four")];
    let wish = json!({ "name": "ci", "role": "x" });
    let first = bench.send_json(Method::POST, "/api/v1/tokens", &mine, &wish).await;
    assert_eq!(first.problem(400), "invalid-parameter");
    assert_eq!(bench.fake.kept.lock().idempotency.len(), 1);
}

#[tokio::test]
async fn a_contact_is_proven_by_its_code() {
    let bench = bench();
    let path = format!("{USERS}/engineer-1/contacts/mobile");
    let sent = bench.post(&format!("{path}/verify")).await;
    assert_eq!((sent.status, &sent.json()["state"]), (StatusCode::ACCEPTED, &"sent".into()), "{}", sent.text());
    assert_eq!(bench.post(&format!("{path}/verify")).await.problem(429), "too-soon");
    let (planned, text) = bench.fake.kept.lock().notified[0].clone();
    assert_eq!(planned.kind, hotline_core::notify::Kind::Verification);
    let code: String = text.unwrap().chars().take(6).collect();
    assert!(!sent.text().contains(&code));
    let confirm = async |code: &str| {
        bench.send_json(Method::POST, &format!("{path}/confirm"), &[], &json!({ "code": code })).await
    };
    assert_eq!(confirm("12").await.problem(400), "invalid-parameter");
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for left in ["4 tries", "3 tries", "2 tries"] {
        let answer = confirm(wrong).await;
        assert_eq!(answer.problem(422), "wrong-code");
        assert!(answer.text().contains(left), "{}", answer.text());
    }
    assert_eq!(confirm(&code).await.json()["state"], "verified");
    assert_eq!(confirm(&code).await.problem(409), "no-code");
    assert_eq!(bench.post(&format!("{path}/test")).await.problem(409), "not-verified", "the fake's directory stays");
    let desk = format!("{USERS}/engineer-1/contacts/desk");
    assert_eq!(bench.post(&format!("{desk}/verify")).await.json()["state"], "verified");
    assert_eq!(bench.post(&format!("{desk}/test")).await.status, StatusCode::ACCEPTED);
    assert_eq!(bench.post(&format!("{USERS}/engineer-1/contacts/none/test")).await.problem(404), "contact-not-found");
}

#[tokio::test]
async fn five_wrong_tries_end_a_code() {
    let bench = bench();
    let path = format!("{USERS}/engineer-1/contacts/mobile");
    bench.post(&format!("{path}/verify")).await;
    let code: String = bench.fake.kept.lock().notified[0].1.clone().unwrap().chars().take(6).collect();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        bench.send_json(Method::POST, &format!("{path}/confirm"), &[], &json!({ "code": wrong })).await;
    }
    let right = bench.send_json(Method::POST, &format!("{path}/confirm"), &[], &json!({ "code": code })).await;
    assert_eq!(right.problem(409), "no-code");
}

#[tokio::test]
async fn other_names_for_an_address_are_no_more_tries() {
    let bench = bench();
    let path = |user: &str, verb: &str| format!("{USERS}/{user}/contacts/mobile/{verb}");
    assert_eq!(bench.post(&path("engineer-1", "verify")).await.status, StatusCode::ACCEPTED);
    // Another person's contact, but the same address.
    let other = bench.post(&path("engineer-2", "verify")).await;
    assert_eq!(other.problem(429), "too-soon");
    assert!(!other.header("retry-after").is_empty());
    let codes = |kept: &mut crate::http::fake::Kept, ago: i64, tries: i64| {
        let sent = crate::clock::now().wall.as_millisecond() - ago;
        let row = kept.codes.values().next().unwrap().clone();
        let row = crate::store::documents::CodeRow { sent_at: Some(sent), tries, ..row };
        kept.codes.insert(("engineer-2".to_owned(), "gone".to_owned()), row);
        kept.codes.values_mut().for_each(|row| row.sent_at = Some(sent));
    };
    codes(&mut bench.fake.kept.lock(), 120_000, 5);
    let confirm =
        bench.send_json(Method::POST, &path("engineer-1", "confirm"), &[], &json!({ "code": "000000" })).await;
    assert_eq!(confirm.problem(409), "no-code", "the tries of both count");
    assert_eq!(bench.post(&path("engineer-1", "verify")).await.problem(429), "too-soon");
    codes(&mut bench.fake.kept.lock(), 700_000, 5);
    assert_eq!(bench.post(&path("engineer-1", "verify")).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn the_hotlines_numbers_are_a_contact() {
    let bench = bench();
    let card = bench.get("/api/v1/hotline.vcf").await;
    assert_eq!(card.header("content-type"), "text/vcard; charset=utf-8");
    let text = card.text();
    assert!(text.starts_with("BEGIN:VCARD\r\nVERSION:4.0\r\n") && text.ends_with("END:VCARD\r\n"), "{text}");
    assert!(text.contains("TEL;VALUE=uri;TYPE=\"voice,work\":tel:+4930123450\r\n"), "{text}");
}
