use axum::http::Method;
use hotline_core::directory::Address;
use hotline_core::private::Private;
use serde_json::json;

use super::*;
use crate::notify::{SendError, Sent, proof};

#[tokio::test]
async fn twilio_gets_a_form() {
    let receiver = Receiver::start().await;
    receiver.says([Say::Status(201, r#"{"sid":"SM77","status":"queued"}"#)]);
    let sent = Notifier::new(twilio(&receiver)).send(&sms(), &message("en", &["1042"])).await;
    assert_eq!(sent, Ok(Sent { provider_id: Some("SM77".to_owned()) }));
    let seen = receiver.one();
    assert_eq!((seen.method.clone(), seen.uri.path()), (Method::POST, "/2010-04-01/Accounts/AC00ff00ff/Messages.json"));
    assert_eq!(seen.header("authorization"), "Basic QUMwMGZmMDBmZjp0d2lsaW8tdG9rZW4tc2VjcmV0");
    assert_eq!(seen.header("content-type"), "application/x-www-form-urlencoded");
    let text = "P1 #1042 Müller Bau: db-7 <disk> full & slow\nReply 1 to take it.\nhttps://ring.example/a/token1042";
    let form: Vec<(String, String)> = [
        ("To", NUMBER),
        ("From", "+4367600000"),
        ("Body", text),
        ("StatusCallback", &format!("https://ring.example/inbound/twilio/status?notification={ID}")),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    assert_eq!(seen.form(), form);
}

#[tokio::test]
async fn a_messaging_service_of_twilio_chooses_the_sender() {
    let receiver = Receiver::start().await;
    let mut settings = twilio(&receiver);
    let Some(SmsProvider::Twilio { from, .. }) = &mut settings.sms else { unreachable!() };
    "MGabc".clone_into(from);
    settings.public_url = None;
    Notifier::new(settings).send(&sms(), &message("de", &["1042", "1043"])).await.unwrap();
    let form = receiver.one().form();
    let names: Vec<&str> = form.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["To", "MessagingServiceSid", "Body"]);
    assert!(form[2].1.starts_with("2 Alarme warten\nP1 #1042 "), "{}", form[2].1);
    assert!(form[2].1.ends_with("Zum Übernehmen 1 und die Nummer antworten: 1 1042"), "{}", form[2].1);
}

#[tokio::test]
async fn seven_gets_json() {
    let receiver = Receiver::start().await;
    let provider = SmsProvider::Seven {
        key: Private::from("seven-key"),
        from: "HOTLINE".to_owned(),
        base: Some(receiver.url("")),
    };
    let notifier = Notifier::new(NotifySettings { sms: Some(provider), ..settings() });
    receiver.says([
        Say::Status(200, r#"{"success":"100","messages":[{"id":"77234","success":true,"error":null}]}"#),
        Say::Status(200, r#"{"success":"900"}"#),
        Say::Status(200, "700"),
        Say::Status(200, r#"{"success":"101","messages":[{"id":null,"success":false,"error":"202"}]}"#),
    ]);
    let (to, said) = (sms(), message("en", &[]));
    let tell = || notifier.send(&to, &said);
    assert_eq!(tell().await, Ok(Sent { provider_id: Some("77234".to_owned()) }));
    assert!(matches!(tell().await, Err(SendError::Never(why)) if why.contains("API key")));
    assert!(matches!(tell().await, Err(SendError::Later { .. })));
    assert!(matches!(tell().await, Err(SendError::Never(_))));
    let seen = receiver.seen()[0].clone();
    assert_eq!((seen.method.clone(), seen.uri.path()), (Method::POST, "/api/sms"));
    assert_eq!((seen.header("x-api-key"), seen.header("content-type")), ("seven-key", "application/json"));
    assert_eq!(
        seen.json(),
        json!({"to": "4369912345678", "from": "HOTLINE", "text": "The code is 123456.", "foreign_id": ID})
    );
}

#[tokio::test]
async fn a_template_makes_any_request() {
    let receiver = Receiver::start().await;
    let provider = SmsProvider::Http {
        url: receiver.url("/send/{{ to|replace('+', '00') }}?ref={{ id|urlencode }}"),
        headers: vec![("X-Token".to_owned(), Private::from("abc-{{ from }}"))],
        body: r#"{"n": {{ to|tojson }}, "t": {{ text|tojson }}}"#.to_owned(),
        content_type: "application/vnd.gateway+json".to_owned(),
        from: "desk".to_owned(),
    };
    let notifier = Notifier::new(NotifySettings { sms: Some(provider), ..settings() });
    receiver.says([Say::Status(202, r#"{"id": "g-1"}"#)]);
    let mut said = message("en", &[]);
    said.text = "say \"1\" & </b>\n{{ 7 * 7 }}".to_owned();
    assert_eq!(notifier.send(&sms(), &said).await, Ok(Sent { provider_id: Some("g-1".to_owned()) }));
    let seen = receiver.one();
    assert_eq!(seen.uri.to_string(), format!("/send/004369912345678?ref={ID}"));
    assert_eq!((seen.header("x-token"), seen.header("content-type")), ("abc-desk", "application/vnd.gateway+json"));
    assert_eq!(seen.json(), json!({"n": NUMBER, "t": "say \"1\" & </b>\n{{ 7 * 7 }}"}));
}

#[tokio::test]
async fn a_template_that_runs_for_ever_is_stopped() {
    let receiver = Receiver::start().await;
    let provider = SmsProvider::Http {
        url: receiver.url("/"),
        headers: Vec::new(),
        body: "{% for a in text %}{% for b in text %}{% for c in text %}{{ text }}{% endfor %}{% endfor %}{% endfor %}"
            .to_owned(),
        content_type: "text/plain".to_owned(),
        from: String::new(),
    };
    let notifier = Notifier::new(NotifySettings { sms: Some(provider), ..settings() });
    assert!(
        matches!(notifier.send(&sms(), &message("en", &["1"])).await, Err(SendError::Never(why)) if why.contains("body"))
    );
    assert!(receiver.seen().is_empty());
}

#[tokio::test]
async fn ntfy_gets_its_button() {
    let receiver = Receiver::start().await;
    let ntfy = Some((receiver.url("/"), Some(Private::from("tk_secret"))));
    let notifier = Notifier::new(NotifySettings { ntfy, ..settings() });
    receiver.says([Say::Status(200, r#"{"id":"hwQ2YpKdmg"}"#)]);
    let to = Address::Ntfy(Private::from("on-call_7"));
    let sent = notifier.send(&to, &message("de", &["1042"])).await;
    assert_eq!(sent, Ok(Sent { provider_id: Some("hwQ2YpKdmg".to_owned()) }));
    let seen = receiver.one();
    assert_eq!((seen.method.clone(), seen.uri.path()), (Method::POST, "/"));
    assert_eq!(seen.header("authorization"), "Bearer tk_secret");
    assert_eq!(
        seen.json(),
        json!({
            "topic": "on-call_7",
            "title": "P1 #1042 Müller Bau: db-7 <disk> full & slow",
            "message": "db-7 <disk> full & slow\nAlarm: #1042\nPriorität: P1\nKunde: Müller Bau\nDienst: Mail\nStand: niemand hat ihn",
            "priority": 5,
            "tags": ["rotating_light"],
            "click": "https://ring.example/alerts/1042",
            "actions": [
                {"action": "http", "label": "Übernehmen", "url": "https://ring.example/a/token1042", "method": "POST", "clear": true},
                {"action": "view", "label": "Öffnen", "url": "https://ring.example/alerts/1042"},
            ],
        })
    );
    let odd = Address::Ntfy(Private::from("../other"));
    assert!(matches!(notifier.send(&odd, &message("de", &[])).await, Err(SendError::Never(_))));
}

#[tokio::test]
async fn telegram_gets_a_keyboard() {
    let receiver = Receiver::start().await;
    let telegram = Some((Private::from("12:bot-secret"), Some(receiver.url("/"))));
    let notifier = Notifier::new(NotifySettings { telegram, ..settings() });
    receiver.says([
        Say::Status(200, r#"{"ok":true,"result":{"message_id":37}}"#),
        Say::Status(400, r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#),
        Say::With(429, "retry-after", "7".to_owned(), r#"{"ok":false,"error_code":429}"#),
    ]);
    let to = Address::Telegram(Private::from("-1001234"));
    let said = message("en", &["1042", "1043"]);
    assert_eq!(notifier.send(&to, &said).await, Ok(Sent { provider_id: Some("37".to_owned()) }));
    assert_eq!(notifier.send(&to, &said).await, Err(SendError::Never("telegram: answered 400 (400)".to_owned())));
    let after = Some(Duration::from_secs(7));
    assert_eq!(
        notifier.send(&to, &said).await,
        Err(SendError::Later { reason: "telegram: answered 429".to_owned(), after })
    );
    let seen = receiver.seen()[0].clone();
    assert_eq!((seen.method.clone(), seen.uri.path()), (Method::POST, "/bot12:bot-secret/sendMessage"));
    let body = seen.json();
    assert_eq!((&body["chat_id"], &body["parse_mode"]), (&json!(-1_001_234), &json!("HTML")));
    let line = "P1 #1042 Müller Bau: db-7 &lt;disk&gt; full &amp; slow";
    assert_eq!(body["text"], format!("<b>2 alerts are waiting</b>\n{line}\n{}", line.replace("1042", "1043")));
    assert_eq!(
        body["reply_markup"]["inline_keyboard"][1],
        json!([
            {"text": "Acknowledge #1043", "callback_data": "ack-1043"},
            {"text": "Resolve #1043", "callback_data": "res-1043"},
            {"text": "Open #1043", "url": "https://ring.example/alerts/1043"},
        ])
    );
}

#[tokio::test]
async fn telegram_is_told_where_buttons_lead() {
    let receiver = Receiver::start().await;
    let telegram = Some((Private::from("12:bot-secret"), Some(receiver.url(""))));
    let public_url = Some("https://ring.example/".to_owned());
    let notifier = Notifier::new(NotifySettings { telegram, public_url, ..settings() });
    receiver.says([Say::Status(200, r#"{"ok":true,"result":true}"#)]);
    assert_eq!(notifier.register_telegram().await, Ok(true));
    let seen = receiver.one();
    assert_eq!(seen.uri.path(), "/bot12:bot-secret/setWebhook");
    let body = seen.json();
    assert_eq!(body["url"], "https://ring.example/inbound/telegram");
    assert_eq!(body["allowed_updates"], json!(["callback_query"]));
    let secret = body["secret_token"].as_str().unwrap();
    assert!(!secret.contains("bot-secret") && secret.len() == 64);
    let now = crate::clock::now().wall;
    assert_eq!(notifier.prove(crate::notify::Claim::Telegram(secret), now), crate::notify::Proof::Right);
    assert_eq!(Notifier::new(settings()).register_telegram().await, Ok(false));
}

#[tokio::test]
async fn slack_gets_blocks_and_buttons() {
    let receiver = Receiver::start().await;
    let settings = NotifySettings {
        slack: Some((Private::from("xoxb-secret"), Some(receiver.url("")))),
        slack_signing_secret: Some(Private::from("sign")),
        ..settings()
    };
    let notifier = Notifier::new(settings);
    receiver.says([
        Say::Status(200, r#"{"ok":true,"ts":"1503435956.000247"}"#),
        Say::Status(200, r#"{"ok":false,"error":"channel_not_found"}"#),
        Say::Status(200, r#"{"ok":false,"error":"ratelimited"}"#),
    ]);
    let to = Address::Slack(Private::from("C0ALERTS"));
    let said = message("en", &["1042"]);
    assert_eq!(notifier.send(&to, &said).await, Ok(Sent { provider_id: Some("1503435956.000247".to_owned()) }));
    assert_eq!(notifier.send(&to, &said).await, Err(SendError::Never("slack: channel_not_found".to_owned())));
    assert!(matches!(notifier.send(&to, &said).await, Err(SendError::Later { .. })));
    let seen = receiver.seen()[0].clone();
    assert_eq!((seen.method.clone(), seen.uri.path()), (Method::POST, "/api/chat.postMessage"));
    assert_eq!(seen.header("authorization"), "Bearer xoxb-secret");
    let line = "P1 #1042 Müller Bau: db-7 &lt;disk&gt; full &amp; slow";
    let button = |id: &str, value: &str, text: &str| json!({"type": "button", "action_id": id, "value": value, "text": {"type": "plain_text", "text": text}});
    assert_eq!(
        seen.json(),
        json!({
            "channel": "C0ALERTS",
            "text": line,
            "attachments": [{"color": "#a81e2c", "blocks": [
                {"type": "section", "text": {"type": "mrkdwn", "text": format!("*<https://ring.example/alerts/1042|{line}>*")}},
                {"type": "context", "elements": [{"type": "plain_text",
                    "text": "Alert: #1042 · Priority: P1 · Customer: Müller Bau · Service: Mail · Status: nobody has it"}]},
                {"type": "actions", "block_id": format!("hotline-{}", card("1042").id), "elements": [
                    button("hotline_acknowledge", "ack-1042", "Acknowledge"),
                    button("hotline_resolve", "res-1042", "Resolve"),
                ]},
            ]}],
        })
    );
}

#[tokio::test]
async fn a_slack_webhook_without_signing_secret_gets_links() {
    let receiver = Receiver::start().await;
    receiver.says([Say::Status(200, "ok")]);
    let to = Address::Slack(Private::from(receiver.url("/services/T0/B0/secret")));
    assert_eq!(Notifier::new(settings()).send(&to, &message("en", &["1042"])).await, Ok(Sent::default()));
    let seen = receiver.one();
    assert_eq!((seen.uri.path(), seen.header("authorization")), ("/services/T0/B0/secret", ""));
    let button = &seen.json()["attachments"][0]["blocks"][2]["elements"][0];
    assert_eq!(button["url"], "https://ring.example/a/token1042");
    assert!(button.get("value").is_none() && seen.json().get("channel").is_none());
}

#[tokio::test]
async fn teams_gets_an_adaptive_card() {
    let receiver = Receiver::start().await;
    receiver.says([Say::Status(202, "")]);
    let to = Address::Teams(Private::from(receiver.url("/workflows/1/triggers/manual?sig=secret")));
    assert_eq!(Notifier::new(settings()).send(&to, &message("de", &["1042"])).await, Ok(Sent::default()));
    let seen = receiver.one();
    assert_eq!(seen.uri.to_string(), "/workflows/1/triggers/manual?sig=secret");
    let fact = |title: &str, value: &str| json!({"title": title, "value": value});
    assert_eq!(
        seen.json(),
        json!({"type": "message", "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [
                    {"type": "TextBlock", "text": "P1 #1042 Müller Bau: db-7 <disk> full & slow", "wrap": true,
                     "weight": "Bolder", "size": "Large", "color": "Attention"},
                    {"type": "FactSet", "facts": [
                        fact("Alarm", "#1042"), fact("Priorität", "P1"), fact("Kunde", "Müller Bau"),
                        fact("Dienst", "Mail"), fact("Stand", "niemand hat ihn"),
                    ]},
                ],
                "actions": [
                    {"type": "Action.OpenUrl", "title": "Übernehmen", "url": "https://ring.example/a/token1042"},
                    {"type": "Action.OpenUrl", "title": "Öffnen", "url": "https://ring.example/alerts/1042"},
                ],
                "msteams": {"width": "full"},
            },
        }]})
    );
}

#[tokio::test]
async fn webhooks_are_signed_with_every_secret() {
    let receiver = Receiver::start().await;
    let secrets = vec![Private::from("new-secret"), Private::from("old-secret")];
    let notifier = Notifier::new(NotifySettings { webhook_secrets: secrets.clone(), ..settings() });
    assert_eq!(
        notifier.send(&webhook(receiver.url("/hook?x=1")), &message("en", &["1042"])).await,
        Ok(Sent::default())
    );
    let seen = receiver.one();
    assert_eq!((seen.method.clone(), seen.uri.to_string().as_str()), (Method::POST, "/hook?x=1"));
    assert_eq!((seen.header("hotline-delivery"), seen.header("content-type")), (ID, "application/json"));
    let (timestamp, signature) = (seen.header("hotline-timestamp"), seen.header("hotline-signature"));
    assert_eq!(signature.split(',').filter(|one| one.starts_with("v1=") && one.len() == 67).count(), 2);
    let now = crate::clock::now().wall;
    for secret in &secrets {
        assert!(proof::incoming(std::slice::from_ref(secret), timestamp, &seen.body, signature, now));
    }
    assert_eq!(
        seen.json(),
        json!({
            "id": ID, "kind": "alert",
            "subject": "P1 #1042 Müller Bau: db-7 <disk> full & slow",
            "text": "db-7 <disk> full & slow\nAlert: #1042\nPriority: P1\nCustomer: Müller Bau\nService: Mail\nStatus: nobody has it",
            "alerts": [{
                "id": card("1042").id, "reference": "1042", "title": "db-7 <disk> full & slow", "priority": "P1",
                "status": "triggered", "customer": "Müller Bau", "service": "Mail",
                "url": "https://ring.example/alerts/1042",
            }],
        })
    );
    let unsigned = Notifier::new(settings()).send(&webhook(receiver.url("/")), &message("en", &[])).await;
    assert!(matches!(unsigned, Err(SendError::Never(why)) if why.contains("webhook_secrets")));
}

#[tokio::test]
async fn any_json_can_be_posted_signed() {
    let receiver = Receiver::start().await;
    receiver.says([Say::Status(200, "restarted"), Say::Flood(300_000)]);
    let notifier = Notifier::new(NotifySettings { webhook_secrets: vec![Private::from("s")], ..settings() });
    let answer = notifier.post_signed(&receiver.url("/act"), "delivery-1", &json!({"do": "it"})).await;
    assert_eq!(answer, Ok("restarted".to_owned()));
    assert_eq!(
        (receiver.one().header("hotline-delivery"), receiver.one().text().as_str()),
        ("delivery-1", r#"{"do":"it"}"#)
    );
    // Nobody fills our memory with an answer.
    let flood = notifier.post_signed(&receiver.url("/act"), "delivery-2", &json!({})).await.unwrap();
    assert_eq!(flood.len(), 64 * 1024);
}
