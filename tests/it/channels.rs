//! Alerts leave the whole program for receivers of ours, by mail, SMS, webhook, ntfy and telephone; a link, a reply and a key
//! acknowledge, a mailbox does not; what fails is tried again, and told.

use std::time::Duration;

use serde_json::{Value, json};

use crate::baresip::Baresip;
use crate::child::{Child, Home};
use crate::harness::kinds;
use crate::phone::speech;
use crate::receiver::{MailServer, Receiver, Say, Seen};
use crate::sipp::{self, Step};

const KEY: &str = "a-key-of-the-tests-0001";
/// The newer one comes first; both sign while receivers change over.
const SECRETS: [&str; 2] = ["the-newer-webhook-secret", "the-older-webhook-secret"];
const INBOUND: &str = "proves-that-an-sms-comes-back";
const NUMBER: &str = "+4915112345642";
const PASSWORD: &str = "a-phones-password";
const PUBLIC_URL: &str = "https://ring.example";

/// A user with one contact.
fn user(name: &str, kind: &str, address: &str) -> String {
    format!(
        "[[users]]\nid = \"{name}\"\nname = \"{name}\"\n\
         contacts = [{{ id = \"{kind}\", kind = \"{kind}\", address = \"{address}\" }}]\n\n"
    )
}

/// Steps of the one policy: targets and wait.
fn steps(steps: &[(&str, &str)]) -> String {
    let step = |(targets, wait): &(&str, &str)| {
        format!("[[escalation_policies.steps]]\ntargets = {targets}\nwait = \"{wait}\"\n\n")
    };
    let steps: String = steps.iter().map(step).collect();
    format!("[[escalation_policies]]\nid = \"usual\"\nname = \"Usual\"\n\n{steps}")
}

/// The providers are receivers of ours, on loopback; `allowed`: the setting that lets requests go there.
fn notify(receiver: &Receiver, mail_port: u16, allowed: bool) -> String {
    let networks = if allowed { "allow_networks = [\"127.0.0.0/8\"]" } else { "" };
    let (sms, ntfy) = (receiver.url("/sms/{{ id }}"), receiver.url("/ntfy"));
    format!(
        r#"
default_policy = "usual"

[server]
open_sip = true
public_url = "{PUBLIC_URL}"

[notify]
timeout = "5s"
{networks}
webhook_secrets = {SECRETS:?}

[notify.smtp]
server = "127.0.0.1"
port = {mail_port}
security = "none"
from = "Hotline <hotline@example.com>"

[notify.sms]
provider = "http"
url = "{sms}"
body = '{{"to": {{{{ to|tojson }}}}, "text": {{{{ text|tojson }}}}, "from": {{{{ from|tojson }}}}}}'
from = "Desk"
authorization = "Bearer of-the-gateway"
inbound_secret = "{INBOUND}"

[notify.ntfy]
url = "{ntfy}"
token = "tk_of_ours"

[[customers]]
id = "acme"
name = "Acme Logistics"

[[alert_sources]]
id = "probes"
name = "Probes"
key = "{KEY}"
customer = "acme"

"#
    )
}

/// One fault; the alert's id.
async fn fault(hotline: &Child) -> String {
    let event = json!({ "title": "Mail queue is long", "dedup_key": "mail-1", "priority": "P2" });
    let answer = hotline.events(KEY, &event).await;
    answer["alert"].as_str().unwrap_or_else(|| panic!("{answer:#}")).to_owned()
}

/// The only notification of this person, in full.
fn of<'a>(alert: &'a Value, person: &str) -> &'a Value {
    let all = alert["notifications"].as_array().expect("a list");
    let own: Vec<&Value> = all.iter().filter(|one| one["user"]["id"] == person).collect();
    assert_eq!(own.len(), 1, "{person} has one: {all:#?}");
    own[0]
}

/// What the timeline tells of this person's notifications: what and why.
fn told(alert: &Value, person: &str) -> Vec<(String, String)> {
    let text = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    let lines = alert["timeline"].as_array().expect("a timeline").iter();
    let own = lines.filter(|line| line["kind"] == "notified").map(|line| (text(line, "what"), text(line, "why")));
    own.filter(|(what, _)| what.starts_with(person)).collect()
}

/// The path of the signed link in a text.
fn link_in(text: &str) -> String {
    let (_, rest) = text.split_once(&format!("{PUBLIC_URL}/a/")).unwrap_or_else(|| panic!("no link in {text}"));
    let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').collect();
    format!("/a/{token}")
}

fn only<'a>(seen: &'a [Seen], path: &str) -> &'a Seen {
    let own: Vec<&Seen> = seen.iter().filter(|one| one.path.starts_with(path)).collect();
    assert_eq!(own.len(), 1, "one to {path}: {seen:?}");
    own[0]
}

fn delivered(count: usize) -> impl Fn(&Value) -> bool {
    move |alert| {
        let all = alert["notifications"].as_array().map(Vec::as_slice).unwrap_or_default();
        all.len() == count && all.iter().all(|one| one["state"] == "delivered")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_channel_carries_the_alert_and_the_mails_link_takes_it() {
    let (receiver, post) = (Receiver::start().await, MailServer::start().await);
    let people = [
        user("mia", "email", "mia@example.com"),
        user("sam", "sms", NUMBER),
        user("will", "webhook", &receiver.url("/hook")),
        user("nora", "ntfy", "night-topic"),
    ];
    let policy = steps(&[(r#"["user:mia", "user:sam", "user:will", "user:nora"]"#, "1h")]);
    let home = Home::new(&(notify(&receiver, post.port(), true) + &people.concat() + &policy));
    let hotline = home.start().await;
    let id = fault(&hotline).await;
    let alert = hotline.one_alert_when(&id, delivered(4)).await;
    let reference = alert["reference"].as_str().expect("a reference");
    for person in ["mia", "sam", "will", "nora"] {
        let [(what, why)] = told(&alert, person).try_into().expect("told once");
        assert!(what.contains("delivered") && why.contains("policy `usual`, step 1 of round 1"), "{what} {why}");
        assert_eq!(of(&alert, person)["attempts"], 1, "{alert:#}");
    }
    let seen = receiver.seen();
    assert_eq!(seen.len(), 3, "{seen:?}");

    let sms = only(&seen, "/sms/");
    assert_eq!(sms.path, format!("/sms/{}", of(&alert, "sam")["id"].as_str().expect("an id")));
    assert_eq!((sms.method.as_str(), sms.header("content-type")), ("POST", "application/json"));
    assert_eq!(sms.header("authorization"), "Bearer of-the-gateway");
    let body = sms.json();
    assert_eq!((&body["to"], &body["from"]), (&json!(NUMBER), &json!("Desk")));
    let text = body["text"].as_str().expect("a text");
    let line = format!("P2 #{reference} Acme Logistics: Mail queue is long");
    assert!(text.starts_with(&line) && text.contains("Reply 1 to take it.") && text.contains("/a/"), "{text}");

    let hook = only(&seen, "/hook");
    assert_eq!(hook.header("hotline-delivery"), of(&alert, "will")["id"]);
    assert_eq!(hook.header("hotline-signature").split(',').count(), 2, "each secret signs");
    assert!(SECRETS.iter().all(|secret| hook.is_signed_with(secret)), "{hook:?}");
    assert!(!hook.is_signed_with("another-webhook-secret"));
    let body = hook.json();
    assert_eq!((&body["kind"], &body["alerts"][0]["id"]), (&json!("alert"), &json!(id)));
    assert_eq!((&body["alerts"][0]["priority"], &body["alerts"][0]["status"]), (&json!("P2"), &json!("triggered")));

    let ntfy = only(&seen, "/ntfy");
    assert_eq!(ntfy.header("authorization"), "Bearer tk_of_ours");
    let body = ntfy.json();
    assert_eq!((&body["topic"], &body["priority"]), (&json!("night-topic"), &json!(5)));
    assert!(body["title"].as_str().is_some_and(|title| title.contains("Mail queue is long")), "{body:#}");
    let button = &body["actions"][0];
    assert_eq!((&button["action"], &button["method"]), (&json!("http"), &json!("POST")));

    let mail = post.first().await;
    assert_eq!(post.count(), 1);
    assert!(mail.from.contains("hotline@example.com"), "{mail:?}");
    assert!(mail.to.len() == 1 && mail.to[0].contains("<mia@example.com>"), "{mail:?}");
    assert!(mail.data.contains(&format!("Subject: {line}")), "{}", mail.data);
    let signed = link_in(&mail.text());

    // A scanner that opens the link takes nothing, and a forged one nothing either.
    let (status, page) = hotline.fetch(&signed, &[("Authorization", "none")]).await;
    assert!(status == 200 && String::from_utf8_lossy(&page).contains("Do you take this alert?"), "{status}");
    let forged = format!("{}AAAA", &signed[..signed.len() - 4]);
    assert_eq!(hotline.send(&forged, "application/x-www-form-urlencoded", "").await.0, 404);
    assert_eq!(hotline.get(&format!("/alerts/{id}")).await["status"], "triggered");
    let (status, page) = hotline.send(&signed, "application/x-www-form-urlencoded", "").await;
    assert!(status == 200 && page.contains("You have it"), "{status} {page}");
    let alert = hotline.one_alert_when(&id, |alert| alert["status"] == "acknowledged").await;
    assert_eq!(alert["acknowledged_by"], "mia", "{alert:#}");
    // Who comes second is told.
    let (status, page) = hotline.send(&link_in(button["url"].as_str().expect("a link")), "application/json", "").await;
    assert!(status == 200 && page.contains("Somebody has it already"), "{status} {page}");
    let said = hotline.stop().await;
    for secret in SECRETS.iter().copied().chain(["of-the-gateway", "tk_of_ours", INBOUND, NUMBER, signed.as_str()]) {
        assert!(!said.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_by_sms_takes_it_and_is_answered() {
    let receiver = Receiver::start().await;
    let policy = steps(&[(r#"["user:sam"]"#, "1h")]);
    let home = Home::new(&(notify(&receiver, 25, true) + &user("sam", "sms", NUMBER) + &policy));
    let hotline = home.start().await;
    let id = fault(&hotline).await;
    let alert = hotline.one_alert_when(&id, delivered(1)).await;
    let reference = alert["reference"].as_str().expect("a reference");
    let reply = |from: &str| json!({ "from": from, "text": "1", "id": "in-1" }).to_string();
    let path = format!("/inbound/sms/{INBOUND}");
    // Not by whoever knows the address but not the secret, not by a stranger.
    assert_eq!(hotline.send("/inbound/sms/wrong", "application/json", &reply(NUMBER)).await.0, 403);
    let stranger = hotline.send(&path, "application/json", &reply("+4915199999999")).await;
    assert!(stranger.0 == 200 && stranger.1.contains("false"), "{stranger:?}");
    assert_eq!(hotline.get(&format!("/alerts/{id}")).await["status"], "triggered");
    for _ in 0..2 {
        // Gateways report one SMS twice at times: it is answered once.
        let (status, answer) = hotline.send(&path, "application/json", &reply(NUMBER)).await;
        assert!(status == 200 && answer.contains("true"), "{status} {answer}");
    }
    let alert = hotline.one_alert_when(&id, |alert| alert["status"] == "acknowledged").await;
    assert_eq!(alert["acknowledged_by"], "sam", "{alert:#}");
    let seen = receiver.when("the answer", |seen| seen.len() >= 2).await;
    let text = seen[1].json()["text"].as_str().unwrap_or_default().to_owned();
    assert!(text.contains(&format!("You have alert {reference} now.")), "{text}");
    let before = hotline.get("/notifications?user=sam").await;
    assert_eq!(before["items"].as_array().map(Vec::len), Some(2), "the alert and one answer: {before:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_is_tried_again_and_the_timeline_tells() {
    let receiver = Receiver::that(|_, before| Say::Status(if before.is_empty() { 500 } else { 200 })).await;
    let policy = steps(&[(r#"["user:sam"]"#, "1h")]);
    let home = Home::new(&(notify(&receiver, 25, true) + &user("sam", "sms", NUMBER) + &policy));
    let hotline = home.start().await;
    let id = fault(&hotline).await;
    let alert = hotline.one_alert_when(&id, |alert| !told(alert, "sam").is_empty()).await;
    let (what, why) = told(&alert, "sam").remove(0);
    assert!(what.contains("retried") && why.contains("answered 500") && why.contains("tried again in 10 s"), "{why}");
    let alert = hotline.one_alert_when(&id, delivered(1)).await;
    assert_eq!(of(&alert, "sam")["attempts"], 2, "{alert:#}");
    let told = told(&alert, "sam");
    assert!(told.len() == 2 && told[1].0.contains("delivered"), "{told:?}");
    let seen = receiver.seen();
    assert_eq!(seen.iter().map(|one| one.answered).collect::<Vec<_>>(), [Some(500), Some(200)]);
    assert_eq!(seen[0].path, seen[1].path, "the same id, so that a gateway can know it");
    let between = seen[1].at.duration_since(seen[0].at);
    assert!(between > Duration::from_secs(9), "not at once: {between:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_not_asked_and_the_next_contact_is_told_instead() {
    let (receiver, mails) = (Receiver::start().await, MailServer::start().await);
    let url = receiver.url("/hook");
    let person = format!(
        "[[users]]\nid = \"will\"\nname = \"Will\"\n\
         contacts = [{{ id = \"hook\", kind = \"webhook\", address = \"{url}\" }},\n\
                     {{ id = \"mail\", kind = \"email\", address = \"will@example.com\" }}]\n\
         rules = [{{ contact = \"hook\" }}]\n\n"
    );
    let policy = steps(&[(r#"["user:will"]"#, "1h")]);
    let home = Home::new(&(notify(&receiver, mails.port(), false) + &person + &policy));
    let hotline = home.start().await;
    let id = fault(&hotline).await;
    let mail = mails.first().await;
    assert!(mail.to[0].contains("<will@example.com>"), "{mail:?}");
    let alert = hotline.one_alert_when(&id, |alert| told(alert, "will").len() == 2).await;
    let told = told(&alert, "will");
    let failed = told.iter().find(|(what, _)| what.contains("webhook: failed")).expect("the first failed");
    assert!(failed.1.contains("private") && failed.1.contains("told by mail instead"), "{failed:?}");
    assert!(told.iter().any(|(what, why)| what.contains("email: delivered") && why.contains("hook")), "{told:?}");
    assert_eq!(receiver.seen().len(), 0, "nothing went to a private address");
}

/// Ada has this phone; Will is told by webhook 25 s later.
fn phone_then_webhook(receiver: &Receiver, phone: &str, account: &str) -> String {
    let ada = format!("[[users]]\nid = \"ada\"\nname = \"Ada\"\nphones = [\"{phone}\"]\n\n{account}\n");
    let will = user("will", "webhook", &receiver.url("/hook"));
    let policy = steps(&[(r#"["user:ada"]"#, "25s"), (r#"["user:will"]"#, "1h")]);
    notify(receiver, 25, true) + &ada + &will + &policy
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_takes_the_alert_by_key_and_nobody_else_is_told() {
    let receiver = Receiver::start().await;
    let account = format!("[[phones]]\naccount = \"ada\"\nuser = \"ada\"\npassword = \"{PASSWORD}\"\n");
    let home = Home::new(&phone_then_webhook(&receiver, "phone:ada", &account));
    let hotline = home.start().await;
    let mut ada = Baresip::engineer(hotline.sip(), "ada", PASSWORD, &speech("message.wav")).await;
    let id = fault(&hotline).await;
    ada.answer().await;
    hotline.call_when("notification", |call| kinds(call).contains(&"leg-answered")).await;
    assert_eq!(hotline.get(&format!("/alerts/{id}")).await["status"], "triggered", "answered is not taken");
    ada.press('1').await;
    let listens = |call: &Value| crate::harness::tells(call, "a person listens");
    hotline.call_when("notification", listens).await;
    assert_eq!(hotline.get(&format!("/alerts/{id}")).await["status"], "triggered", "the first key only listens");
    ada.press('1').await;
    let alert = hotline.one_alert_when(&id, |alert| alert["status"] == "acknowledged").await;
    assert_eq!(alert["acknowledged_by"], "Ada", "{alert:#}");
    ada.is_hung_up().await;
    let alert = hotline.one_alert_when(&id, |alert| of(alert, "ada")["state"] == "answered").await;
    assert_eq!(of(&alert, "ada")["note"], "key 1: taken", "{alert:#}");
    assert_eq!(receiver.seen().len(), 0, "the second step is not taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_takes_no_alert_and_the_next_step_comes() {
    let receiver = Receiver::start().await;
    let port = sipp::free_port();
    let address = format!("sip:engineer@127.0.0.1:{port}");
    let home = Home::new(&phone_then_webhook(&receiver, &address, ""));
    let mailbox = sipp::engineer(port, &[Step::Ring, Step::Answer, Step::MailboxGreeting, Step::HungUp]);
    let hotline = home.start().await;
    let id = fault(&hotline).await;
    let seen = receiver.when("the second step", |seen| !seen.is_empty()).await;
    assert_eq!(only(&seen, "/hook").json()["alerts"][0]["status"], "triggered");
    let alert = hotline.one_alert_when(&id, |alert| of(alert, "ada")["state"] == "no-answer").await;
    assert_eq!(alert["status"], "triggered", "{alert:#}");
    assert!(!kinds(&alert).contains(&"alert-acknowledged"), "{alert:#}");
    let [(what, why)] = told(&alert, "ada").try_into().expect("told once");
    assert!(what.contains("no-answer") && why.contains("nobody pressed a key"), "{what} {why}");
    mailbox.succeeds().await;
}
