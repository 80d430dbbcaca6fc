//! Listening to a running call, whispering, speaking: who may, what can't be, what stays on the record.

use hotline_core::call::supervise::{NotSupervised, Role};
use hotline_core::fact::LegCause;
use serde_json::json;

use super::super::fake::*;
use super::*;
use crate::switch::supervise::SuperviseError;

const ROLES: [&str; 3] = ["listen", "whisper", "barge"];

/// The running call is Muster's; its caller talks with an engineer.
fn talking() -> Bench {
    let bench = bench();
    bench.fake.kept.lock().live[0].talks = true;
    bench
}

fn token(bench: &Bench, role: &str, customers: Option<&str>) -> String {
    let token = super::super::auth::fresh_token();
    bench.fake.kept.lock().tokens.push(TokenRow {
        name: format!("{role}-{}", customers.unwrap_or("all")),
        hash: super::super::auth::token_hash(token.reveal()),
        role: role.to_owned(),
        customers: customers.map(str::to_owned),
        ..TokenRow::default()
    });
    token.reveal().clone()
}

impl Bench {
    async fn join(&self, token: &str, call: u128, role: &str, body: &str) -> Answer {
        let headers = [("authorization", &*format!("Bearer {token}")), ("content-type", "application/json")];
        self.ask(Method::POST, &path("/api/v1/calls", call, &format!("/{role}")), &headers, body).await
    }

    async fn part(&self, token: &str, call: u128, phone: &str) -> Answer {
        let to = path("/api/v1/calls", call, &format!("/supervisors/{phone}"));
        self.ask(Method::DELETE, &to, &[("authorization", &format!("Bearer {token}"))], "").await
    }

    /// What is on the record, and who is on the line.
    fn deeds(&self) -> (Vec<String>, usize) {
        let kept = self.fake.kept.lock();
        let deeds = kept.audit.iter().filter(|row| row.action.starts_with("call."));
        (deeds.map(|row| row.action.clone()).collect(), kept.live[0].supervisors.len())
    }
}

const DESK: &str = r#"{"phone": "engineer-1"}"#;

#[tokio::test]
async fn only_who_may_supervise_does_and_only_their_own_customers_calls() {
    let bench = talking();
    for (role, customers) in [("engineer", None), ("engineer", Some("muster")), ("stakeholder", Some("muster"))] {
        let token = token(&bench, role, customers);
        for deed in ROLES {
            assert_eq!(
                bench.join(&token, CALL_LIVE, deed, DESK).await.problem(403),
                "role-not-enough",
                "{role} {deed}"
            );
        }
        assert_eq!(bench.part(&token, CALL_LIVE, "engineer-1").await.problem(403), "role-not-enough");
    }
    let foreign = token(&bench, "dispatcher", Some("acme"));
    for deed in ROLES {
        assert_eq!(bench.join(&foreign, CALL_LIVE, deed, DESK).await.problem(404), "call-not-found");
        assert_eq!(bench.join("none", CALL_LIVE, deed, DESK).await.problem(401), "unauthorized");
    }
    assert_eq!(bench.part(&foreign, CALL_LIVE, "engineer-1").await.problem(404), "call-not-found");
    assert_eq!(bench.deeds(), (vec![], 0), "nothing was rung, nothing done");
    let own = token(&bench, "dispatcher", Some("muster"));
    let rings = bench.join(&own, CALL_LIVE, "whisper", DESK).await;
    assert_eq!(rings.status, StatusCode::OK, "{}", rings.text());
    assert_eq!(rings.json(), json!({"phone": "engineer-1", "role": "whisper", "state": "ringing"}));
    // What the other customer's dispatcher is told does not tell that there is somebody.
    assert_eq!(bench.part(&foreign, CALL_LIVE, "engineer-1").await.problem(404), "call-not-found");
}

#[tokio::test]
async fn nobody_makes_us_ring_what_is_not_in_the_directory() {
    let bench = talking();
    for phone in [
        "",
        "stranger",
        "+491701234567",
        "sip:mallory@evil.example",
        "number:+491701234542@carrier",
        "phone:engineer-1",
    ] {
        let answer = bench.join(TOKEN, CALL_LIVE, "listen", &json!({ "phone": phone }).to_string()).await;
        assert_eq!(answer.problem(400), "invalid-parameter", "{phone}");
        assert_eq!(answer.json()["field"], "phone", "{phone}");
    }
    for (body, status) in
        [("", 400), ("{}", 400), (r#"{"phone": 7}"#, 400), (r#"{"phone": "engineer-1", "number": "+49"}"#, 400)]
    {
        assert_eq!(bench.join(TOKEN, CALL_LIVE, "listen", body).await.status.as_u16(), status, "{body}");
    }
    assert_eq!(bench.deeds(), (vec![], 0));
}

#[tokio::test]
async fn what_cannot_be_is_said_clearly() {
    let bench = bench();
    assert_eq!(bench.join(TOKEN, CALL_LIVE, "listen", DESK).await.problem(409), "nobody-talks", "not joined yet");
    assert_eq!(bench.join(TOKEN, CALL_TAKEN, "listen", DESK).await.problem(409), "nobody-talks", "over");
    assert_eq!(bench.join(TOKEN, 999, "listen", DESK).await.problem(404), "call-not-found");
    let headers = [("authorization", &*format!("Bearer {TOKEN}")), ("content-type", "application/json")];
    let none = bench.ask(Method::POST, "/api/v1/calls/x/listen", &headers, DESK);
    assert_eq!(none.await.problem(404), "call-not-found");
    assert_eq!(bench.part(TOKEN, CALL_LIVE, "engineer-1").await.problem(404), "supervisor-not-found");
    assert_eq!(bench.deeds(), (vec![], 0), "what could not be is no deed");
    bench.fake.kept.lock().live[0].talks = true;
    let refusals = [
        (SuperviseError::NoCall, "nobody-talks"),
        (SuperviseError::Refused(NotSupervised::NobodyTalks), "nobody-talks"),
        (SuperviseError::Refused(NotSupervised::UnknownPhone), "phone-too-new"),
        (SuperviseError::Refused(NotSupervised::Talks), "phone-on-call"),
        (SuperviseError::Refused(NotSupervised::Full), "call-full"),
        (SuperviseError::NotRegistered(None), "phone-not-registered"),
        (SuperviseError::NotRegistered(Some("node-2".to_owned())), "phone-not-registered"),
        (SuperviseError::Ended(LegCause::Busy), "phone-busy"),
        (SuperviseError::Ended(LegCause::NoAnswer), "phone-not-reached"),
        (SuperviseError::Ended(LegCause::Rejected { status: 603 }), "phone-not-reached"),
    ];
    for (error, code) in refusals {
        *bench.fake.supervision.lock() = Some(error.clone());
        let answer = bench.join(TOKEN, CALL_LIVE, "barge", DESK).await;
        assert_eq!(answer.problem(409), code, "{error:?}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(!matches!(error, SuperviseError::NotRegistered(Some(_))) || detail.contains("node-2"), "{detail}");
    }
}

#[tokio::test]
async fn the_same_again_changes_nothing_and_another_role_only_the_role() {
    let bench = talking();
    let first = bench.join(TOKEN, CALL_LIVE, "listen", DESK).await;
    let again = bench.join(TOKEN, CALL_LIVE, "listen", DESK).await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, first.json()));
    bench.fake.kept.lock().live[0].supervisors[0].on = true;
    let barge = bench.join(TOKEN, CALL_LIVE, "barge", DESK).await.json();
    assert_eq!(barge, json!({"phone": "engineer-1", "role": "barge", "state": "on"}));
    // The two may have parted meanwhile: who is there may still be told another role.
    bench.fake.kept.lock().live[0].talks = false;
    assert_eq!(bench.join(TOKEN, CALL_LIVE, "whisper", DESK).await.json()["role"], "whisper");
    assert_eq!(bench.fake.kept.lock().live[0].supervisors.len(), 1);
    assert_eq!(bench.fake.kept.lock().live[0].supervisors[0].role, Role::Whisper);
    let call = bench.get(&path("/api/v1/calls", CALL_LIVE, "")).await.json();
    assert_eq!(call["supervisors"], json!([{"phone": "engineer-1", "role": "whisper", "state": "on"}]));
    assert_eq!(bench.part(TOKEN, CALL_LIVE, "engineer-1").await.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.part(TOKEN, CALL_LIVE, "engineer-1").await.problem(404), "supervisor-not-found");
    assert_eq!(
        bench.deeds(),
        (["listen", "listen", "barge", "whisper", "supervision-end"].map(|deed| format!("call.{deed}")).to_vec(), 0)
    );
}

#[tokio::test]
async fn a_request_that_is_sent_again_with_its_key_is_done_once() {
    let bench = talking();
    let to = path("/api/v1/calls", CALL_LIVE, "/listen");
    let token = format!("Bearer {TOKEN}");
    let headers = [("authorization", &*token), ("content-type", "application/json"), ("idempotency-key", "once")];
    let first = bench.ask(Method::POST, &to, &headers, DESK).await;
    assert_eq!(bench.part(TOKEN, CALL_LIVE, "engineer-1").await.status, StatusCode::NO_CONTENT);
    let again = bench.ask(Method::POST, &to, &headers, DESK).await;
    assert_eq!((again.status, again.json()), (first.status, first.json()));
    assert_eq!(
        bench.deeds(),
        (vec!["call.listen".to_owned(), "call.supervision-end".to_owned()], 0),
        "no phone rings twice"
    );
}

#[tokio::test]
async fn it_stands_in_the_audit_chain_before_the_phone_rings() {
    let bench = talking();
    let dispatcher = token(&bench, "dispatcher", None);
    bench.join(&dispatcher, CALL_LIVE, "whisper", DESK).await;
    {
        let kept = bench.fake.kept.lock();
        let row = kept.audit.iter().find(|row| row.action == "call.whisper").expect("an audit row");
        assert_eq!(row.actor.as_deref(), Some("token dispatcher-all"));
        assert_eq!(row.object.as_deref(), Some(&*format!("call {}", id(CALL_LIVE))));
        assert_eq!(row.detail, r#"{"phone":"engineer-1"}"#);
    }
    let bench = talking();
    bench.fake.away.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(bench.join(TOKEN, CALL_LIVE, "whisper", DESK).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(bench.deeds(), (vec![], 0), "not kept, not done");
}

#[tokio::test]
async fn the_pages_buttons_do_the_same_for_those_who_may() {
    let bench = talking();
    let page = path("/calls", CALL_LIVE, "");
    let press = async |cookie: &str, deed: &str, phone: &str| {
        let headers = [
            ("cookie", cookie),
            ("accept", "text/html"),
            ("origin", "http://hotline.test"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        bench.ask(Method::POST, &format!("{page}/{deed}"), &headers, &format!("phone={phone}")).await
    };
    let (ann, sam) = (bench.log_in("ann").await, bench.log_in("sam").await);
    let shown = bench.browse(&page, &ann).await.text();
    assert!(shown.contains("Whisper to the engineer") && shown.contains("<option>engineer-1</option>"), "{shown}");
    assert!(!shown.contains("<option>engineer-2</option>"), "it is not registered");
    for deed in ["listen", "leave"] {
        assert_eq!(press(&sam, deed, "engineer-1").await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(press(&ann, "listen", "stranger").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(press(&ann, "shout", "engineer-1").await.status, StatusCode::NOT_FOUND);
    let pressed = press(&ann, "whisper", "engineer-1").await;
    assert_eq!((pressed.status, pressed.header("location")), (StatusCode::SEE_OTHER, &*format!("{page}#supervision")));
    let shown = bench.browse(&page, &ann).await.text();
    assert!(shown.contains("press 1 on it") && shown.contains("Hang up engineer-1"), "{shown}");
    assert_eq!(press(&ann, "leave", "engineer-1").await.status, StatusCode::SEE_OTHER);
    assert_eq!(bench.deeds(), (vec!["call.whisper".to_owned(), "call.supervision-end".to_owned()], 0));
}
