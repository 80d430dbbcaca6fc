use hotline_core::private::Private;
use jiff::Timestamp;

use super::*;
use crate::notify::{Claim, Proof, proof};

fn now() -> Timestamp {
    "2026-11-22T03:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn twilio_signs_url_and_form() {
    let receiver = Receiver::start().await;
    let notifier = Notifier::new(twilio(&receiver));
    let urls =
        ["http://ring.example/inbound/twilio/sms".to_owned(), "https://ring.example/inbound/twilio/sms".to_owned()];
    let form: Vec<(String, String)> = [("To", "+4367600000"), ("Body", "1 1042"), ("From", NUMBER)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    // echo -n 'https://ring.example/inbound/twilio/smsBody1 1042From+4369912345678To+4367600000' |
    //   openssl dgst -sha1 -hmac twilio-token-secret -binary | base64
    let signature = "BdYsbBfvZChTEuz2TVQGQCUe99o=";
    let prove = |form: &[(String, String)], signature: &str| {
        notifier.prove(Claim::Twilio { urls: &urls, form, signature }, now())
    };
    assert_eq!(prove(&form, signature), Proof::Right);
    assert_eq!(prove(&form[..2], signature), Proof::Wrong);
    assert_eq!(prove(&form, ""), Proof::Wrong);
    let elsewhere = Notifier::new(settings());
    assert_eq!(elsewhere.prove(Claim::Twilio { urls: &urls, form: &form, signature }, now()), Proof::NotSetUp);
}

#[test]
fn slack_signs_time_and_body() {
    let settings = NotifySettings { slack_signing_secret: Some(Private::from("slack-signing")), ..settings() };
    let notifier = Notifier::new(settings);
    let body = b"payload=%7B%7D";
    let timestamp = now().as_second().to_string();
    // echo -n "v0:1795316400:payload=%7B%7D" | openssl dgst -sha256 -hmac slack-signing
    let signature = "v0=f61c68bfcc1201fbdcddefd5d85c95169b18852bc3cf303573d9df3e254bf967";
    let prove = |timestamp: &str, body: &[u8], signature: &str, at: Timestamp| {
        notifier.prove(Claim::Slack { timestamp, signature, body }, at)
    };
    assert_eq!(timestamp, "1795316400");
    assert_eq!(prove(&timestamp, body, signature, now()), Proof::Right);
    assert_eq!(prove(&timestamp, b"payload=%7B%7E", signature, now()), Proof::Wrong);
    assert_eq!(prove("1795316401", body, signature, now()), Proof::Wrong);
    let replayed = now() + Duration::from_secs(301);
    assert_eq!(prove(&timestamp, body, signature, replayed), Proof::Wrong, "played again");
    assert_eq!(prove("", body, signature, now()), Proof::Wrong);
}

#[test]
fn a_gateway_proves_itself_by_path_or_signature() {
    let notifier =
        Notifier::new(NotifySettings { sms_inbound_secret: Some(Private::from("inbound-secret")), ..settings() });
    assert_eq!(notifier.prove(Claim::SmsPath("inbound-secret"), now()), Proof::Right);
    assert_eq!(notifier.prove(Claim::SmsPath("inbound-secre"), now()), Proof::Wrong);
    assert_eq!(Notifier::new(settings()).prove(Claim::SmsPath(""), now()), Proof::NotSetUp);
    let (timestamp, body) = (now().as_second().to_string(), br#"{"from":"+43"}"#);
    let header = proof::outgoing(&[Private::from("other"), Private::from("inbound-secret")], &timestamp, body);
    let prove =
        |body: &[u8], at| notifier.prove(Claim::SmsSigned { timestamp: &timestamp, signature: &header, body }, at);
    assert_eq!(prove(body, now()), Proof::Right);
    assert_eq!(prove(b"{}", now()), Proof::Wrong);
    assert_eq!(prove(body, now() + Duration::from_secs(400)), Proof::Wrong);
}
