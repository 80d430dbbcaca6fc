//! Every door from outside through the whole router, with a fake behind it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use hotline_core::directory::Language;
use parking_lot::Mutex;
use tower::ServiceExt;

use super::*;
use crate::http::fake::Fake;
use crate::http::{HttpSettings, router};
use crate::notify::{AlertCard, texts};
use crate::switch::links::{Action, LinkState};

/// Keeps what reached it; believes the signature `right`.
#[derive(Default)]
pub struct Desk {
    heard: Mutex<Vec<String>>,
    not_set_up: bool,
    away: bool,
}

#[async_trait]
impl Replies for Desk {
    fn prove(&self, claim: Claim<'_>) -> Proof {
        let given = match claim {
            Claim::Twilio { urls, form, signature } => {
                self.heard.lock().push(format!("urls {} form {}", urls.join(" "), form.len()));
                signature
            }
            Claim::SmsPath(secret) | Claim::Telegram(secret) => secret,
            Claim::SmsSigned { timestamp, signature, body } | Claim::Slack { timestamp, signature, body } => {
                self.heard.lock().push(format!("at {timestamp} over {}", body.len()));
                signature
            }
        };
        match (self.not_set_up, given) {
            (true, _) => Proof::NotSetUp,
            (false, "right") => Proof::Right,
            (false, _) => Proof::Wrong,
        }
    }
    async fn look_link(&self, token: &str, language: &Language) -> LinkPage {
        self.heard.lock().push(format!("look {token}"));
        page(token, language, LinkState::Ask)
    }
    async fn press_link(&self, token: &str, language: &Language) -> LinkPage {
        self.heard.lock().push(format!("press {token}"));
        page(token, language, LinkState::Done)
    }
    async fn reply_by_sms(&self, from: &str, text: &str) -> Option<Answer> {
        self.heard.lock().push(format!("sms {from}: {text}"));
        (from != "+43999").then(|| Answer {
            user: "gina".into(),
            contact: "mobile".to_owned(),
            text: "You have <1042> & more".to_owned(),
        })
    }
    async fn answer_by_sms(&self, answer: &Answer, incoming: &str) {
        self.heard.lock().push(format!("answer {} about {incoming}", answer.user));
    }
    async fn press_button(&self, who: Presser<'_>, token: &str, language: &Language) -> String {
        self.heard.lock().push(format!("{who:?} {token} {}", language.0));
        "You have it".to_owned()
    }
    fn answer_slack(&self, response_url: String, text: String) {
        self.heard.lock().push(format!("{response_url} {text}"));
    }
    async fn not_arrived(&self, id: NotificationId, word: &str) -> Result<(), StoreError> {
        if self.away {
            return Err(StoreError::Timeout);
        }
        self.heard.lock().push(format!("not arrived {id} {word}"));
        Ok(())
    }
}

fn page(token: &str, language: &Language, good: LinkState) -> LinkPage {
    let state = match token {
        "old" => LinkState::Expired,
        "bad" => LinkState::Forged,
        "away" => LinkState::Away,
        _ => good,
    };
    let alert = AlertCard {
        id: "1".to_owned(),
        reference: "1042".to_owned(),
        title: "<b>db-7</b> is full".to_owned(),
        priority: "P1".to_owned(),
        status: "triggered".to_owned(),
        customer: Some("Müller & Co".to_owned()),
        service: None,
        url: None,
        acknowledge_url: None,
        acknowledge_token: None,
        resolve_token: None,
    };
    let known = matches!(state, LinkState::Ask | LinkState::Done);
    LinkPage {
        state,
        action: Action::Acknowledge,
        alert: known.then_some(alert),
        person: known.then(|| "Gina".to_owned()),
        texts: texts::of(language),
    }
}

struct Bench {
    app: Router,
    desk: Arc<Desk>,
}

fn bench(desk: Desk) -> Bench {
    let desk = Arc::new(desk);
    let mut fake = Fake::empty();
    fake.replies = Some(desk.clone());
    let fake = Arc::new(fake);
    let settings = HttpSettings {
        admin_token: None,
        public_url: Some("https://ring.example/".to_owned()),
        trusted_proxies: Vec::new(),
        demo: false,
        version: "0.0.0-test".to_owned(),
    };
    Bench { app: router(AppState::with(settings, fake.clone(), fake)), desk }
}

impl Bench {
    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path).header("host", "10.0.0.5:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> (StatusCode, String) {
        self.ask(Method::POST, path, headers, body).await
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.desk.heard.lock())
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn a_link_is_looked_at_and_pressed() {
    let bench = bench(Desk::default());
    let german = [("accept", "text/html"), ("accept-language", "fr-FR, de-AT;q=0.8, en;q=0.5")];
    let (status, page) = bench.ask(Method::GET, "/a/good-token", &german, "").await;
    assert_eq!((status, bench.heard()), (StatusCode::OK, vec!["look good-token".to_owned()]));
    assert!(page.contains("<html lang=\"de\">") && page.contains("Übernehmen Sie diesen Alarm?"), "{page}");
    assert!(
        page.contains("<form method=\"post\" action=\"/a/good-token\"><button class=\"main\">Übernehmen</button>"),
        "{page}"
    );
    assert!(page.contains("&#60;b&#62;db-7") || page.contains("&lt;b&gt;db-7"), "{page}");
    assert!(!page.contains("<script") && page.contains("Gina"), "{page}");
    let (status, page) = bench.post("/a/good-token", &[], "").await;
    assert_eq!((status, bench.heard()), (StatusCode::OK, vec!["press good-token".to_owned()]));
    assert!(page.contains("You have it") && !page.contains("<form"), "{page}");
}

#[tokio::test]
async fn links_that_do_nothing_say_so() {
    let bench = bench(Desk::default());
    for (token, status, word) in [
        ("old", StatusCode::GONE, "too old"),
        ("bad", StatusCode::NOT_FOUND, "does not work"),
        ("away", StatusCode::SERVICE_UNAVAILABLE, "Not at the moment"),
    ] {
        let (got, page) = bench.ask(Method::GET, &format!("/a/{token}"), &[("accept", "text/html")], "").await;
        assert_eq!(got, status);
        assert!(page.contains(word) && !page.contains("<form"), "{page}");
    }
    let response = bench
        .app
        .clone()
        .oneshot(Request::builder().uri("/a/x").header("host", "h").body(Body::empty()).unwrap())
        .await
        .unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(
        (header("cache-control"), header("x-frame-options")),
        ("private, no-store".to_owned(), "DENY".to_owned())
    );
    assert_eq!(header("referrer-policy"), "no-referrer", "the guard keeps what the page says");
    assert_eq!(header("x-robots-tag"), "noindex");
}

#[tokio::test]
async fn twilio_is_answered_in_its_own_words() {
    let bench = bench(Desk::default());
    let signed = [FORM, ("x-twilio-signature", "right")];
    let (status, xml) = bench.post("/inbound/twilio/sms?x=1", &signed, "From=%2B43660&Body=1+1042&To=%2B431").await;
    assert_eq!(status, StatusCode::OK);
    assert!(xml.ends_with("<Response><Message>You have &lt;1042&gt; &amp; more</Message></Response>"), "{xml}");
    let urls = "https://ring.example/inbound/twilio/sms?x=1 https://10.0.0.5:8080/inbound/twilio/sms?x=1 http://10.0.0.5:8080/inbound/twilio/sms?x=1";
    assert_eq!(bench.heard(), [format!("urls {urls} form 3"), "sms +43660: 1 1042".to_owned()]);
    let (_, xml) = bench.post("/inbound/twilio/sms", &signed, "From=%2B43999&Body=1").await;
    assert!(xml.ends_with("<Response></Response>"), "strangers get nothing: {xml}");
    bench.heard();
    let (status, problem) = bench.post("/inbound/twilio/sms", &[FORM, ("x-twilio-signature", "wrong")], "From=1").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(problem.contains("signature-wrong"), "{problem}");
    assert_eq!(bench.heard().len(), 1, "nothing reached the desk but the question");
}

#[tokio::test]
async fn twilio_tells_what_did_not_arrive() {
    let bench = bench(Desk::default());
    let signed = [FORM, ("x-twilio-signature", "right")];
    let id = "019aab2c-7d11-7000-8000-00000000abcd";
    let path = format!("/inbound/twilio/status?notification={id}");
    let heard = || bench.heard().split_off(1);
    let tell = |body: &'static str| bench.post(&path, &signed, body);
    assert_eq!(tell("MessageStatus=delivered").await.0, StatusCode::NO_CONTENT);
    assert_eq!(heard(), [""; 0]);
    assert_eq!(tell("MessageStatus=undelivered&ErrorCode=30003").await.0, StatusCode::NO_CONTENT);
    assert_eq!(heard(), [format!("not arrived {id} 30003")]);
    assert_eq!(tell("MessageStatus=failed").await.0, StatusCode::NO_CONTENT);
    assert_eq!(heard(), [format!("not arrived {id} undelivered")]);
    let nobody = bench.post("/inbound/twilio/status?notification=x", &signed, "MessageStatus=failed").await;
    assert_eq!(nobody.0, StatusCode::BAD_REQUEST);
    let away = self::bench(Desk { away: true, ..Desk::default() });
    assert_eq!(away.post(&path, &signed, "MessageStatus=failed").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn seven_and_gateways_are_answered_by_sms() {
    let bench = bench(Desk::default());
    let body = r#"{"webhook_event":"sms_mo","data":{"id":"681590","sender":"43660","text":"1"}}"#;
    assert_eq!(bench.post("/inbound/seven/right", &[JSON], body).await.0, StatusCode::NO_CONTENT);
    assert_eq!(bench.heard(), ["sms 43660: 1", "answer gina about 681590"]);
    let form = "webhook_event=sms_mo&data%5Bid%5D=7&data%5Bsender%5D=43660&data%5Btext%5D=1+1042";
    assert_eq!(bench.post("/inbound/seven/right", &[FORM], form).await.0, StatusCode::NO_CONTENT);
    assert_eq!(bench.heard(), ["sms 43660: 1 1042", "answer gina about 7"]);
    let receipt = r#"{"webhook_event":"dlr","data":{"msg_id":"1","status":"DELIVERED"}}"#;
    assert_eq!(bench.post("/inbound/seven/right", &[JSON], receipt).await.0, StatusCode::NO_CONTENT);
    assert_eq!(bench.post("/inbound/seven/wrong", &[JSON], body).await.0, StatusCode::FORBIDDEN);
    assert_eq!(bench.post("/inbound/seven/right", &[JSON], "{").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(bench.heard(), [""; 0]);

    let sms = r#"{"from":"+43660","text":"1","id":"g/7"}"#;
    let signed = [JSON, ("hotline-timestamp", "99"), ("hotline-signature", "right")];
    let (status, answer) = bench.post("/inbound/sms", &signed, sms).await;
    assert_eq!((status, answer.as_str()), (StatusCode::OK, r#"{"known":true}"#));
    assert_eq!(
        bench.heard(),
        [format!("at 99 over {}", sms.len()), "sms +43660: 1".into(), "answer gina about g/7".into()]
    );
    let (_, answer) = bench.post("/inbound/sms/right", &[FORM], "from=%2B43999&text=1").await;
    assert_eq!((answer.as_str(), bench.heard()), (r#"{"known":false}"#, vec!["sms +43999: 1".to_owned()]));
    assert_eq!(bench.post("/inbound/sms", &[JSON], sms).await.0, StatusCode::FORBIDDEN);
    assert_eq!(bench.post("/inbound/sms/right", &[JSON], "{}").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn slack_buttons_are_pressed() {
    let bench = bench(Desk::default());
    let payload = serde_json::json!({
        "type": "block_actions", "user": {"id": "U0GINA", "locale": "de-DE"},
        "response_url": "https://hooks.slack.example/actions/1",
        "actions": [
            {"type": "button", "action_id": "other", "value": "no"},
            {"type": "button", "action_id": "hotline_resolve", "value": "token-7"},
        ],
    });
    let encode = |payload: &serde_json::Value| {
        url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish()
    };
    let signed = [FORM, ("x-slack-signature", "right"), ("x-slack-request-timestamp", "99")];
    let (status, answer) = bench.post("/inbound/slack", &signed, &encode(&payload)).await;
    assert_eq!((status, answer.as_str()), (StatusCode::OK, ""));
    assert_eq!(
        bench.heard().split_off(1),
        ["Slack(\"U0GINA\") token-7 de-DE", "https://hooks.slack.example/actions/1 You have it"]
    );
    let link =
        serde_json::json!({"type": "block_actions", "user": {"id": "U0"}, "actions": [{"action_id": "hotline_link"}]});
    assert_eq!(bench.post("/inbound/slack", &signed, &encode(&link)).await.0, StatusCode::OK);
    let (_, answer) = bench.post("/inbound/slack", &signed, r#"{"type":"url_verification","challenge":"abc"}"#).await;
    assert_eq!(answer, r#"{"challenge":"abc"}"#);
    assert_eq!(bench.post("/inbound/slack", &signed, "payload=nonsense").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(bench.post("/inbound/slack", &[FORM], &encode(&payload)).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn telegram_buttons_are_pressed() {
    let bench = bench(Desk::default());
    let signed = [JSON, ("x-telegram-bot-api-secret-token", "right")];
    let update = r#"{"update_id":1,"callback_query":{"id":"688","from":{"id":160213,"language_code":"de"},
        "message":{"message_id":37,"chat":{"id":-163}},"data":"token-9"}}"#;
    let (status, answer) = bench.post("/inbound/telegram", &signed, update).await;
    let wanted = serde_json::json!({
        "method": "answerCallbackQuery", "callback_query_id": "688", "text": "You have it", "show_alert": true,
    });
    assert_eq!((status, serde_json::from_str::<serde_json::Value>(&answer).unwrap()), (StatusCode::OK, wanted));
    assert_eq!(bench.heard(), ["Telegram(\"160213\") token-9 de"]);
    assert_eq!(bench.post("/inbound/telegram", &signed, r#"{"update_id":2,"message":{}}"#).await.0, StatusCode::OK);
    assert_eq!(bench.post("/inbound/telegram", &signed, "[").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(bench.post("/inbound/telegram", &[JSON], update).await.0, StatusCode::FORBIDDEN);
    assert_eq!(bench.heard(), [""; 0]);
}

#[tokio::test]
async fn nothing_is_taken_from_a_provider_that_is_not_set_up() {
    let bench = bench(Desk { not_set_up: true, ..Desk::default() });
    for path in ["/inbound/twilio/sms", "/inbound/seven/right", "/inbound/sms", "/inbound/slack", "/inbound/telegram"] {
        let (status, problem) = bench.post(path, &[JSON], "{}").await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(problem.contains("provider-not-set-up") && problem.contains("[notify]"), "{problem}");
    }
    let huge = "x".repeat(200_000);
    assert_eq!(bench.post("/inbound/sms/right", &[JSON], &huge).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}
